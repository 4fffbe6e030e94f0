//! The verdict on a pair: `verifier`'s one `judge`, and what is remembered of its findings.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use verifier::decode::{DecodeError, codings, decode};
use verifier::evidence::collect::group_key;
use verifier::evidence::noise::{
    Decision, Decisions, Looks, NoiseChanges, NoiseLedger, Paired, decide,
};
use verifier::evidence::record::{GroupKey, StatusPair};
use verifier::exchange::{Answer, Exchange, Observation, Tokens};
use verifier::rules::Rules;
use verifier::self_check;
use verifier::verdict::{Outcome, Verdict, judge};

use crate::capture::Chunks;
use crate::counters::{Endpoint, Reason, Ticket};
use crate::evidence::EvidenceWriter;
use crate::ids::{Ids, Read};
use crate::lane::Settings;
use crate::sink::{Pair, Side};
use crate::twin::Second;

/// What the comparisons have found so far. It holds places and counts, never a value.
#[derive(Debug, Default)]
pub struct Findings {
    groups: Mutex<BTreeMap<GroupKey, u64>>,
    /// Exchanges in groups beyond the cap.
    more: AtomicU64,
    noise: Mutex<NoiseLedger>,
}

/// Most groups that are kept apart; the rest is counted together.
const MAX_GROUPS: usize = 1000;

impl Findings {
    /// Exchanges by group.
    pub fn groups(&self) -> BTreeMap<GroupKey, u64> {
        lock(&self.groups).clone()
    }

    /// Exchanges in groups beyond those that are kept apart, once in each.
    pub fn more(&self) -> u64 {
        self.more.load(Ordering::Relaxed)
    }

    /// What is noise by now, given how much of each endpoint was looked at.
    pub fn decisions(&self, looks: impl Fn(&str) -> Looks) -> Decisions {
        let noise = lock(&self.noise).clone();
        decide(&noise, looks)
    }

    /// The counted pairings.
    pub fn noise(&self) -> NoiseLedger {
        lock(&self.noise).clone()
    }

    fn knows(&self, group: &GroupKey) -> bool {
        lock(&self.groups).contains_key(group)
    }

    fn add(&self, group: GroupKey) {
        let mut groups = lock(&self.groups);
        if groups.len() >= MAX_GROUPS && !groups.contains_key(&group) {
            self.more.fetch_add(1, Ordering::Relaxed);
        } else {
            *groups.entry(group).or_default() += 1;
        }
    }

    fn pair(&self, paired: &Paired<'_>) {
        lock(&self.noise).observe(paired, &mut NoiseChanges::default());
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The comparing thread's tools.
#[derive(Debug)]
pub(crate) struct Comparer {
    rules: Rules,
    reference_origin: String,
    candidate_origin: String,
    /// Where second answers of legacy come from, if any do.
    twin_origin: Option<String>,
    /// Longest body that is compared, decoded.
    max_answer_bytes: usize,
    /// Both sides' ids, where core has a database of its own.
    ids: Option<Arc<Ids>>,
    findings: Arc<Findings>,
    evidence: Option<EvidenceWriter>,
    /// Self-checks so far: each has a fault of its own, and a restart has the same ones.
    self_checks: u64,
}

impl Comparer {
    pub(crate) fn new(
        rules: Rules,
        settings: &Settings,
        findings: Arc<Findings>,
        evidence: Option<EvidenceWriter>,
    ) -> Self {
        Self {
            rules,
            reference_origin: settings.legacy.origin(),
            candidate_origin: settings.core.origin(),
            ids: settings.ids.clone(),
            twin_origin: settings.twin.as_ref().map(|(address, _)| address.origin()),
            max_answer_bytes: settings.shadow.max_answer_bytes,
            findings,
            evidence,
            self_checks: 0,
        }
    }

    /// Writes evidence if it is time.
    pub(crate) fn look(&mut self) {
        if let Some(evidence) = &mut self.evidence {
            evidence.look();
        }
    }

    /// Writes the rest of the evidence.
    pub(crate) fn finish(&mut self) {
        if let Some(evidence) = &mut self.evidence {
            evidence.finish();
        }
    }

    /// Judges a pair and settles its ticket.
    pub(crate) fn compare(&mut self, ticket: Ticket, mut pair: Pair) {
        let endpoint = ticket.endpoint().name().to_owned();
        let both = (pair.reference.status, pair.candidate.status);
        let mut exchange = self.exchange(&endpoint, &pair);
        let ids = self.read_ids(&mut exchange);
        if ids.as_ref().is_some_and(|ids| ids.assumed) {
            ticket.not_compared(Reason::UnmappedId);
            return;
        }
        // What core never got shows as what a write in between does.
        let raced = pair.raced || ids.as_ref().is_some_and(|ids| ids.behind);
        let twin = pair.twin.take();
        let (request, request_body) = (pair.head.headers, pair.request_body);
        drop((pair.reference, pair.candidate));
        if let Some(reason) = self.unfolds_too_far(&exchange) {
            ticket.not_compared(reason);
            return;
        }
        let verdict = self.judge(&exchange).filter(is_conclusive);
        let Some(mut verdict) = verdict else {
            ticket.not_compared(Reason::Inconclusive);
            return;
        };
        if let Some(ids) = &ids {
            ids.judge(&mut verdict);
        }
        let twin = twin.and_then(|twin| self.against_twin(&exchange, twin));
        if verdict.outcome == Outcome::Mismatch {
            let statuses = statuses(both.0.as_u16(), both.1.as_u16());
            let mut groups: Vec<_> = verdict
                .findings
                .iter()
                .map(|finding| group_key(&endpoint, statuses, finding))
                .collect();
            // An exchange counts once in each of its groups, however often it differs there.
            groups.sort_unstable();
            groups.dedup();
            // Excused only while nothing proves otherwise: what was seen without a write is known.
            if raced && !groups.iter().all(|group| self.findings.knows(group)) {
                if let Some((second, _)) = twin {
                    second.lost(Reason::WriteRace);
                }
                ticket.not_compared(Reason::WriteRace);
                return;
            }
            for group in groups {
                self.findings.add(group);
            }
        }
        self.pair(&exchange, &verdict, twin, raced);
        let role = ticket.role();
        self.keep(&request, role, request_body.as_ref(), &exchange, &verdict);
        let check_on = pair.self_check.then(|| Arc::clone(ticket.endpoint()));
        if verdict.outcome == Outcome::Match {
            ticket.equal(both.0, both.1);
        } else {
            ticket.compared(false);
        }
        if let Some(endpoint) = check_on {
            self.check_itself(&endpoint, &exchange);
        }
    }

    /// Judges a copy of core's answer with a known fault in it. The pair is settled already: whatever
    /// happens here, only the endpoint's count of self-checks knows.
    fn check_itself(&mut self, endpoint: &Endpoint, exchange: &Exchange) {
        let seed = self.self_checks;
        self.self_checks = seed.wrapping_add(1);
        let checked = catch_unwind(AssertUnwindSafe(|| {
            let decisions = self
                .twin_origin
                .is_some()
                .then(|| self.findings.decisions(|_| endpoint.looks()));
            let reference = exchange.reference.answer.as_ref().map_or(0, |a| a.status);
            self_check::check(exchange, &self.rules, seed, |status, finding| {
                let key = group_key(&exchange.endpoint, statuses(reference, status), finding);
                let group = |all: &Decisions| all.group(&key.id());
                decisions.as_ref().map(group) == Some(Decision::Noise)
            })
        }));
        match checked {
            Ok(Some((_, seen))) => endpoint.self_checked(seen),
            Ok(None) => {}
            Err(_) => tracing::error!(endpoint = endpoint.name(), "a self-check failed"),
        }
    }

    /// Whether a body is small only as long as its content coding is not undone. A few kilobytes can hold
    /// a document that takes hundreds of megabytes to compare.
    fn unfolds_too_far(&self, exchange: &Exchange) -> Option<Reason> {
        let too_far = |side: &Observation| {
            side.answer.as_ref().is_ok_and(|answer| {
                let codings = codings(answer.header("content-encoding"));
                let cap = self.max_answer_bytes;
                matches!(
                    decode(&answer.body, &codings, cap),
                    Err(DecodeError::TooLarge { .. })
                )
            })
        };
        if too_far(&exchange.reference) {
            Some(Reason::LegacyTooLarge)
        } else {
            too_far(&exchange.candidate).then_some(Reason::CoreTooLarge)
        }
    }

    /// What both answers say of ids; core's are replaced by legacy's.
    fn read_ids(&mut self, exchange: &mut Exchange) -> Option<Read> {
        let ids = self.ids.as_ref()?;
        let read = catch_unwind(AssertUnwindSafe(|| ids.read(exchange))).ok()?;
        if let Some(evidence) = &mut self.evidence {
            evidence.ids(&read.pairs);
        }
        Some(read)
    }

    /// Bodies are hostile until proved otherwise: a fault that one of them finds in the comparison must
    /// cost this pair its verdict and not all later ones theirs.
    fn judge(&self, exchange: &Exchange) -> Option<Verdict> {
        let verdict = catch_unwind(AssertUnwindSafe(|| judge(exchange, &self.rules)));
        if verdict.is_err() {
            tracing::error!(
                endpoint = exchange.endpoint,
                "a comparison failed; its pair counts as inconclusive"
            );
        }
        verdict.ok()
    }

    /// Holds legacy's second answer against its first, by the same rules as core's.
    fn against_twin(&self, exchange: &Exchange, second: Second) -> Option<(Second, Verdict)> {
        let origin = self.twin_origin.as_deref().unwrap_or_default();
        let exchange = Exchange {
            candidate: observation(&second.side, origin),
            ..exchange.clone()
        };
        let verdict = self.judge(&exchange).filter(is_conclusive)?;
        Some((second, verdict))
    }

    /// Counts in which places core and the twin differ from legacy, where second answers are asked for.
    fn pair(
        &mut self,
        exchange: &Exchange,
        verdict: &Verdict,
        twin: Option<(Second, Verdict)>,
        raced: bool,
    ) {
        if self.twin_origin.is_none() {
            return;
        }
        let status = |observation: &Observation| {
            let answer = observation.answer.as_ref();
            answer.map_or(0, |answer| answer.status)
        };
        let reference = status(&exchange.reference);
        let mut of_twin = None;
        if let Some((second, noise)) = twin {
            // With a write in between, a difference of either says nothing of noise.
            if raced && !(verdict.is_match() && noise.is_match()) {
                second.lost(Reason::WriteRace);
            } else {
                let both = statuses(reference, second.side.status.as_u16());
                second.paired();
                of_twin = Some((both, noise));
            }
        }
        let paired = Paired {
            endpoint: &exchange.endpoint,
            statuses: statuses(reference, status(&exchange.candidate)),
            core: verdict,
            twin: of_twin.as_ref().map(|(both, noise)| (*both, noise)),
        };
        self.findings.pair(&paired);
        if let Some(evidence) = &mut self.evidence {
            evidence.pair(&paired);
        }
    }

    /// Gives a verdict to the evidence. Redaction walks the same hostile bodies as the comparison.
    fn keep(
        &mut self,
        request: &HeaderMap,
        role: Option<&str>,
        body: Option<&Chunks>,
        exchange: &Exchange,
        verdict: &Verdict,
    ) {
        let Some(evidence) = &mut self.evidence else {
            return;
        };
        let body = body.map(Chunks::joined);
        let kept = catch_unwind(AssertUnwindSafe(|| {
            evidence.record(request, role, body.as_deref(), exchange, verdict);
        }));
        if kept.is_err() {
            tracing::error!(
                endpoint = exchange.endpoint,
                "an exchange could not be taken as evidence"
            );
            evidence.lost_one();
        }
    }

    fn exchange(&self, endpoint: &str, pair: &Pair) -> Exchange {
        let path = pair
            .head
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned();
        Exchange {
            endpoint: endpoint.to_owned(),
            // Live traffic knows no cases; an endpoint's own rules are those of its first case.
            case: endpoint.to_owned(),
            method: pair.head.method.as_str().to_owned(),
            path,
            reference: observation(&pair.reference, &self.reference_origin),
            candidate: observation(&pair.candidate, &self.candidate_origin),
        }
    }
}

fn is_conclusive(verdict: &Verdict) -> bool {
    !matches!(verdict.outcome, Outcome::Inconclusive(_))
}

fn statuses(reference: u16, candidate: u16) -> StatusPair {
    StatusPair {
        reference,
        candidate: Some(candidate),
    }
}

fn observation(side: &Side, origin: &str) -> Observation {
    let headers = side
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    Observation {
        answer: Ok(Answer {
            status: side.status.as_u16(),
            headers,
            body: side.body.joined(),
        }),
        origin: Some(origin.to_owned()),
        tokens: Tokens::default(),
        latency: side.took,
    }
}

#[cfg(test)]
mod tests {
    use verifier::severity::Severity;
    use verifier::verdict::Kind;

    use super::*;

    #[test]
    fn groups_are_bounded() {
        let findings = Findings::default();
        for number in 0..MAX_GROUPS + 50 {
            findings.add(GroupKey {
                endpoint: number.to_string(),
                statuses: StatusPair {
                    reference: 200,
                    candidate: Some(200),
                },
                place: "/a".to_owned(),
                kind: Kind::ValueChange,
                relation: None,
                severity: Severity::Risky,
            });
        }
        let groups = findings.groups();
        assert_eq!(groups.len(), MAX_GROUPS);
        assert_eq!(findings.more(), 50);
    }
}
