//! The live summary.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;
use verifier::confidence::{Assessment, LatencyAssessment, Pool, assess, latency_together};
use verifier::evidence::noise::{Counts, Decisions, Looks};
use verifier::evidence::record::EndpointTally;
use verifier::evidence::usage::ShapeCounts;
use verifier::self_check::SelfCheckCounts;

use super::AdminState;
use crate::counters::{Endpoint, Reason, Tally};
use crate::evidence::histogram as buckets;

/// What became of the faults that were injected, at all endpoints together.
pub(super) fn self_checks(endpoints: &[Arc<Endpoint>]) -> SelfCheckCounts {
    let mut all = SelfCheckCounts::default();
    for endpoint in endpoints {
        all.merge(&endpoint.self_check());
    }
    all
}

impl AdminState {
    /// The live summary.
    pub(super) async fn status(&self) -> String {
        let ids = match &self.settings.ids {
            Some(ids) => Some(ids.counts().await),
            None => None,
        };
        let total = self.counters.total();
        let decisions = self.decisions();
        let seen = self.counters.endpoints();
        let checked = self_checks(&seen);
        let short = self.self_check.is_short(&checked);
        let (endpoints, proofs): (Vec<_>, Vec<_>) = seen
            .iter()
            .map(|endpoint| {
                let proved = self.assess(endpoint, &decisions, short);
                (self.endpoint_json(endpoint, &decisions, &proved), proved)
            })
            .unzip();
        let groups: Vec<_> = self
            .findings
            .groups()
            .into_iter()
            .map(|(group, count)| {
                json!({
                    "endpoint": group.endpoint,
                    "statuses": [group.statuses.reference, group.statuses.candidate],
                    "group": group.place,
                    "kind": group.kind,
                    "relation": group.relation.as_ref().map(|relation| &relation.text),
                    "severity": group.severity,
                    "decision": decisions.group(&group.id()).name(),
                    "count": count,
                })
            })
            .collect();
        let unverified_writes = total.not_compared[Reason::Write as usize];
        let mut warnings = Vec::new();
        if unverified_writes > 0 {
            warnings.push(
                "writes went to legacy only: they are unverified, and reads after them may differ",
            );
        }
        if self.settings.writes.stopped() {
            warnings.push(
                "the sentinel write showed up at legacy: both use one database, and writes are no \
                 longer shadowed",
            );
        } else if !self.settings.writes.proved() {
            warnings.push(
                "writes are not shadowed until the sentinel has proved that the databases are apart",
            );
        }
        let of_all = self.self_check.warning(&checked, None);
        let of_each = seen.iter().filter_map(|endpoint| {
            let counts = endpoint.self_check();
            self.self_check.warning(&counts, Some(endpoint.name()))
        });
        let of_self: Vec<String> = of_all.into_iter().chain(of_each).collect();
        warnings.extend(of_self.iter().map(String::as_str));
        let mut status = tally_json(&total);
        self.divide(&mut status, decisions.endpoints.values().copied(), &total);
        let pool = Pool::of(&proofs, self.began.elapsed(), &self.confidence);
        status["confidence"] = pool.value(&self.confidence);
        if self.settings.evidence {
            let shapes = seen
                .iter()
                .map(|endpoint| endpoint.uses().read().shapes.counts());
            let shapes: ShapeCounts = shapes.sum();
            shapes.write_into(&mut status["confidence"], self.confidence.alpha);
        }
        status["latency"] = self.latency_json(&seen);
        status["self_check"] = checked.value();
        status["version"] = json!(env!("CARGO_PKG_VERSION"));
        status["uptime_s"] = json!(self.began.elapsed().as_secs());
        status["sample_percent"] = json!(self.sample_percent);
        status["refused"] = json!(self.counters.refused());
        status["evidence_lost"] = json!(self.counters.evidence_lost());
        status["queue_depth"] = json!(self.depth.depth());
        status["held_bytes"] = json!(self.budget.held());
        status["unverified_writes"] = json!(unverified_writes);
        status["warnings"] = json!(warnings);
        status["endpoints"] = json!(endpoints);
        status["groups"] = json!(groups);
        status["exchanges_beyond_groups"] = json!(self.findings.more());
        status["ids"] = json!(ids);
        status["second_answers"] = json!(self.second_answers);
        format!("{status:#}\n")
    }

    /// The times of all endpoints together.
    fn latency_json(&self, endpoints: &[Arc<Endpoint>]) -> serde_json::Value {
        let mut all = EndpointTally::default();
        let mut standings = Vec::new();
        for endpoint in endpoints {
            let [legacy, core] = [endpoint.legacy_latency(), endpoint.core_latency()].map(buckets);
            let paces = endpoint.paces();
            let seen = LatencyAssessment::of(paces, &legacy, &core, &self.confidence);
            standings.push(seen.standing);
            all.reference_latency.merge(&legacy);
            all.candidate_latency.merge(&core);
            all.paces.merge(&paces);
        }
        let (legacy, core) = (&all.reference_latency, &all.candidate_latency);
        let mut seen = LatencyAssessment::of(all.paces, legacy, core, &self.confidence);
        seen.standing = latency_together(standings);
        seen.value(legacy, core, &self.confidence)
    }

    pub(super) fn decisions(&self) -> Decisions {
        if self.second_answers.is_none() {
            return Decisions::default();
        }
        let looks: HashMap<String, Looks> = self
            .counters
            .endpoints()
            .iter()
            .map(|endpoint| (endpoint.name().to_owned(), endpoint.looks()))
            .collect();
        self.findings
            .decisions(|name| looks.get(name).copied().unwrap_or_default())
    }

    fn endpoint_json(
        &self,
        endpoint: &Endpoint,
        decisions: &Decisions,
        proved: &Assessment,
    ) -> serde_json::Value {
        let tally = endpoint.tally();
        let mut value = tally_json(&tally);
        let counts = decisions.endpoint(endpoint.name());
        self.divide(&mut value, std::iter::once(counts), &tally);
        value["confidence"] = proved.value(self.began.elapsed());
        let [legacy, core] = [endpoint.legacy_latency(), endpoint.core_latency()].map(buckets);
        let seen = LatencyAssessment::of(endpoint.paces(), &legacy, &core, &self.confidence);
        value["latency"] = seen.value(&legacy, &core, &self.confidence);
        if self.settings.evidence {
            let shapes = endpoint.uses().read().shapes;
            shapes
                .counts()
                .write_into(&mut value, self.confidence.alpha);
        }
        value["self_check"] = endpoint.self_check().value();
        if self.second_answers.is_some() {
            value["second_answers"] = json!({
                "asked": endpoint.twin_asked(),
                "paired": endpoint.paired(),
                "not_paired": endpoint.not_paired(),
            });
        }
        value
    }

    /// What an endpoint's counts prove; `all_short` where the self-checks of all together show too little.
    fn assess(&self, endpoint: &Endpoint, decisions: &Decisions, all_short: bool) -> Assessment {
        let (tally, counts) = (endpoint.tally(), decisions.endpoint(endpoint.name()));
        let excused = counts.noise + counts.undecided;
        let different = tally.different.saturating_sub(excused);
        let mut seen = assess(
            tally.compared(),
            different,
            counts.undecided,
            &self.confidence,
        );
        let short = all_short || self.self_check.is_short(&endpoint.self_check());
        seen.standing = seen.standing.unless_short(short);
        seen
    }

    /// Divides what differs: `compared = equal + noise + undecided + different`.
    fn divide(
        &self,
        value: &mut serde_json::Value,
        all: impl Iterator<Item = Counts>,
        tally: &Tally,
    ) {
        if self.second_answers.is_none() {
            return;
        }
        let (mut noise, mut undecided) = (0, 0);
        for counts in all {
            noise += counts.noise;
            undecided += counts.undecided;
        }
        value["noise"] = json!(noise);
        value["undecided"] = json!(undecided);
        value["different"] = json!(tally.different.saturating_sub(noise + undecided));
    }
}

fn tally_json(tally: &Tally) -> serde_json::Value {
    let not_compared: serde_json::Map<_, _> = Reason::ALL
        .into_iter()
        .filter(|&reason| tally.not_compared[reason as usize] > 0)
        .map(|reason| {
            (
                reason.label().to_owned(),
                json!(tally.not_compared[reason as usize]),
            )
        })
        .collect();
    json!({
        "endpoint": tally.endpoint,
        "sent": tally.sent,
        "compared": tally.compared(),
        "equal": tally.equal,
        "different": tally.different,
        "in_flight": tally.in_flight(),
        "not_compared": not_compared,
    })
}
