//! The report on live traffic: what the evidence of one or several proxies shows, in one file a form.

#![deny(clippy::disallowed_methods)]

mod causes;
pub mod curl;
pub mod json;
mod known;
mod latency;
mod noise;
pub mod sheet;
pub mod text;
mod words;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::Exit;
use crate::causes::{Cause, Context, causes};
use crate::confidence::{
    Assessment, ConfidenceConfig, LatencyAssessment, Pool, Standing, Whole, assess,
    latency_together,
};
use crate::coverage::replay_adds;
use crate::evidence::noise::{Cell, Decision, Decisions};
use crate::evidence::pace::Paces;
use crate::evidence::record::{EndpointRecord, EndpointTally, Evidence, Group, Histogram, Sample};
use crate::evidence::usage::ShapeCounts;
use crate::self_check::{SelfCheckConfig, SelfCheckCounts};
use crate::severity::Severity;

pub use curl::{Side, curl};
pub use known::{Known, Replay};
pub use words::statuses_text;
use words::{moment, needed_text, run_line};

/// Why requests are not compared on purpose, or because legacy gave nothing to hold against. Any other
/// reason is a loss: something that should have been compared was not.
const SKIPPED: [&str; 10] = [
    "sampled_out",
    "write",
    "write_accepted",
    "write_stopped",
    "write_race",
    "upgrade",
    "legacy_error",
    "legacy_overloaded",
    "legacy_incomplete",
    "request_incomplete",
];

/// Evidence with where it came from.
#[derive(Debug, Default)]
pub struct LiveReport {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub evidence: Evidence,
    /// What is to be proved.
    pub confidence: ConfidenceConfig,
    /// What the verifier's check of itself must show.
    pub self_check: SelfCheckConfig,
    /// What the catalogue says of the endpoints, where one was named.
    pub known: Known,
}

/// One endpoint's line.
#[derive(Clone, Copy, Debug)]
pub struct EndpointLine<'e> {
    /// Its name.
    pub name: &'e str,
    /// Its counts.
    pub record: &'e EndpointRecord,
    /// Differs only where legacy differs from itself.
    pub noise: u64,
    /// Differs where it cannot be told yet whether legacy does.
    pub undecided: u64,
    /// Differs otherwise.
    pub different: u64,
    /// Not compared on purpose.
    pub skipped: u64,
    /// Not compared, but should have been.
    pub lost: u64,
    /// What its counts prove.
    pub assessment: Assessment,
    /// What its times show.
    pub latency: LatencyAssessment,
    /// What a replay could show of it; `None` without a catalogue, and for what that does not name.
    pub replay: Option<&'e Replay>,
}

/// The times of all endpoints together.
#[derive(Clone, Debug)]
pub struct LatencyTotals {
    /// Legacy's.
    pub legacy: Histogram,
    /// Core's.
    pub core: Histogram,
    /// All pairs weighed as one; its verdict joins those of the endpoints.
    pub assessment: LatencyAssessment,
}

/// All endpoints together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveTotals {
    /// Requests that went to legacy.
    pub sent: u64,
    /// Exchanges with a verdict.
    pub compared: u64,
    /// Of these, without a difference.
    pub equal: u64,
    /// Of these, with one only where legacy differs from itself.
    pub noise: u64,
    /// Of these, with one where it cannot be told yet whether legacy does.
    pub undecided: u64,
    /// Of these, with another.
    pub different: u64,
    /// Not compared on purpose.
    pub skipped: u64,
    /// Not compared, but should have been.
    pub lost: u64,
    /// Endpoints that were asked.
    pub endpoints: usize,
    /// Of these, compared without any difference.
    pub endpoints_equal: usize,
    /// Difference groups that are findings.
    pub groups: usize,
    /// Of those with a verdict, held against a second answer of legacy as well.
    pub paired: u64,
}

impl EndpointLine<'_> {
    /// For a quiet endpoint: what a replay could add.
    pub fn replay_adds(&self) -> Option<String> {
        let quiet = matches!(
            self.assessment.standing,
            Standing::NotYet | Standing::NoData
        );
        let replay = self.replay.filter(|_| quiet)?;
        Some(replay_adds(replay.cases.len(), replay.goldens()))
    }
}

impl LiveReport {
    /// How long the evidence was gathered for, from the first start to the last write.
    pub fn span(&self) -> Duration {
        let runs = || self.evidence.runs.values();
        let first = runs().map(|run| run.started_ms).min().unwrap_or(0);
        let last = runs().map(|run| run.written_ms).max().unwrap_or(0);
        Duration::from_millis(u64::try_from(last.saturating_sub(first)).unwrap_or(0))
    }

    /// Whether some proxy is still adding to it.
    pub fn is_live(&self) -> bool {
        self.evidence
            .runs
            .values()
            .any(|run| run.ended_ms.is_none() && !run.cut_off)
    }

    /// Endpoints by name, then those of the catalogue that no request asked.
    pub fn endpoints(&self) -> Vec<EndpointLine<'_>> {
        let live = self.is_live();
        let decisions = self.decisions();
        let all_short = self.self_check.is_short(&self.self_check_counts());
        let seen = self.evidence.ledger.endpoints.iter();
        let lines = seen.chain(self.known.unseen()).map(|(name, record)| {
            let tally = &record.tally;
            let skipped = skipped(tally);
            let all: u64 = tally
                .not_compared
                .values()
                .fold(0, |sum, n| sum.saturating_add(*n));
            // While a proxy runs, a request without an end is under way.
            let open = if live { 0 } else { tally.open() };
            let lost = all.saturating_sub(skipped).saturating_add(open);
            let counts = decisions.endpoint(name);
            let excused = counts.noise.saturating_add(counts.undecided);
            let different = tally.different.saturating_sub(excused);
            let demand = &self.confidence;
            let mut assessment = assess(tally.compared(), different, counts.undecided, demand);
            let short = all_short || self.self_check.is_short(&tally.self_check);
            assessment.standing = assessment.standing.unless_short(short);
            EndpointLine {
                name,
                record,
                noise: counts.noise,
                undecided: counts.undecided,
                different,
                skipped,
                lost,
                assessment,
                latency: LatencyAssessment::of(
                    tally.paces,
                    &tally.reference_latency,
                    &tally.candidate_latency,
                    demand,
                ),
                replay: self.known.replay(name),
            }
        });
        lines.collect()
    }

    /// The verdict of all endpoints together: those that were asked, and with a catalogue all of it.
    pub fn whole(&self) -> Whole {
        let endpoints = self.endpoints();
        let standings = endpoints.iter().map(|line| line.assessment.standing);
        standings.collect()
    }

    /// The same with the counts of all poured together.
    pub fn pool(&self) -> Pool {
        let assessments: Vec<Assessment> = self
            .endpoints()
            .iter()
            .map(|line| line.assessment)
            .collect();
        Pool::of(&assessments, self.span(), &self.confidence)
    }

    /// The request shapes of all endpoints.
    pub fn shapes(&self) -> ShapeCounts {
        let records = self.evidence.ledger.endpoints.values();
        records
            .map(|record| record.tally.uses.shapes.counts())
            .sum()
    }

    /// How fast both sides are, all endpoints that were asked taken together.
    pub fn latency(&self) -> LatencyTotals {
        let (mut legacy, mut core) = (Histogram::default(), Histogram::default());
        let mut paces = Paces::default();
        for record in self.evidence.ledger.endpoints.values() {
            legacy.merge(&record.tally.reference_latency);
            core.merge(&record.tally.candidate_latency);
            paces.merge(&record.tally.paces);
        }
        let mut assessment = LatencyAssessment::of(paces, &legacy, &core, &self.confidence);
        let endpoints = self.endpoints();
        let standings = endpoints.iter().map(|line| line.latency.standing);
        assessment.standing = latency_together(standings);
        LatencyTotals {
            legacy,
            core,
            assessment,
        }
    }

    /// By how much a side may be slower with a request and still be alike, as each run was told; `None`
    /// for one of an earlier version, which does not say.
    pub fn tolerances(&self) -> BTreeSet<Option<String>> {
        let runs = self.evidence.runs.values();
        runs.map(|run| run.held_to.map(|told| told.tolerance()))
            .collect()
    }

    /// What became of the faults that were injected, at all endpoints together.
    pub fn self_check_counts(&self) -> SelfCheckCounts {
        let mut all = SelfCheckCounts::default();
        for record in self.evidence.ledger.endpoints.values() {
            all.merge(&record.tally.self_check);
        }
        all
    }

    /// What is noise, from the counts as they are.
    pub fn decisions(&self) -> Decisions {
        self.evidence.ledger.decisions()
    }

    /// Groups that are findings: the worst first, then the most frequent.
    pub fn groups(&self) -> Vec<(&str, &Group)> {
        self.groups_of(Decision::Finding)
    }

    /// Groups of one decision, in the same order.
    pub fn groups_of(&self, decision: Decision) -> Vec<(&str, &Group)> {
        let decisions = self.decisions();
        let all = self
            .evidence
            .ledger
            .groups
            .iter()
            .map(|(id, group)| (id.as_str(), group));
        let mut groups: Vec<_> = all
            .filter(|(id, _)| decisions.group(id) == decision)
            .collect();
        groups.sort_by(|(a_id, a), (b_id, b)| {
            b.key
                .severity
                .cmp(&a.key.severity)
                .then(b.exchanges.cmp(&a.exchanges))
                .then(a_id.cmp(b_id))
        });
        groups
    }

    /// What is behind the groups that are findings: first that whose repair makes most endpoints equal.
    pub fn causes(&self) -> Vec<Cause> {
        causes(&self.groups(), &Context::of(&self.evidence.ledger))
    }

    /// The cells of a group that core differs in, the most frequent first.
    pub fn cells(&self, group: &Group) -> Vec<(&str, &Cell)> {
        let all = self.evidence.ledger.noise.cells.iter();
        let mut cells: Vec<_> = all
            .filter(|(_, cell)| cell.key == group.key && cell.core() > 0)
            .map(|(id, cell)| (id.as_str(), cell))
            .collect();
        cells.sort_by_key(|(id, cell)| (std::cmp::Reverse(cell.core()), *id));
        cells
    }

    /// Counts everything.
    pub fn totals(&self) -> LiveTotals {
        let mut totals = LiveTotals {
            groups: self.groups().len(),
            ..LiveTotals::default()
        };
        for line in self.endpoints() {
            let tally = &line.record.tally;
            totals.sent = totals.sent.saturating_add(tally.sent);
            totals.compared = totals.compared.saturating_add(tally.compared());
            totals.equal = totals.equal.saturating_add(tally.equal);
            totals.noise = totals.noise.saturating_add(line.noise);
            totals.undecided = totals.undecided.saturating_add(line.undecided);
            totals.different = totals.different.saturating_add(line.different);
            totals.paired = totals.paired.saturating_add(tally.paired);
            totals.skipped = totals.skipped.saturating_add(line.skipped);
            totals.lost = totals.lost.saturating_add(line.lost);
            totals.endpoints += usize::from(tally.sent > 0);
            let sound = line.different == 0 && line.undecided == 0;
            totals.endpoints_equal += usize::from(tally.equal + line.noise > 0 && sound);
        }
        totals
    }

    /// Worst severity of all groups that are findings.
    pub fn severity(&self) -> Option<Severity> {
        let groups = self.groups();
        groups.iter().map(|(_, group)| group.key.severity).max()
    }

    /// Why the evidence is not the whole truth, in full sentences.
    pub fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        let mut gap = |count: u64, text: &str| {
            if count > 0 {
                gaps.push(format!("{count} {text}"));
            }
        };
        let totals = self.totals();
        gap(
            totals.lost,
            "requests should have been compared and were not (see the reasons)",
        );
        gap(
            totals.undecided,
            "exchanges differ where it cannot be told yet whether legacy differs from itself",
        );
        let runs = || self.evidence.runs.values();
        let count = |runs: usize| runs as u64;
        gap(
            count(runs().filter(|run| run.cut_off).count()),
            "proxies ended without notice; each lost at most its last second of evidence",
        );
        gap(
            self.evidence.broken_records,
            "records of the evidence are damaged and left out",
        );
        let aside = runs().fold(0u64, |sum, run| sum.saturating_add(run.files_set_aside));
        gap(
            aside,
            "files of earlier evidence could not be read and were set aside",
        );
        gaps
    }

    /// What a reader should know besides.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let ledger = &self.evidence.ledger;
        let all = self.self_check_counts();
        warnings.extend(self.self_check.warning(&all, None));
        for (name, record) in &ledger.endpoints {
            let counts = &record.tally.self_check;
            warnings.extend(self.self_check.warning(counts, Some(name)));
        }
        let beyond = ledger.beyond_groups();
        if beyond > 0 {
            warnings.push(format!(
                "{beyond} more exchanges differ in groups beyond the {} that are kept",
                ledger.groups.len()
            ));
        }
        if ledger.shapes_cut {
            warnings.push(format!(
                "more than {} request shapes; the rest is not listed",
                ledger.shapes.len()
            ));
        }
        let late = self
            .evidence
            .runs
            .values()
            .fold(0u64, |sum, run| sum.saturating_add(run.late));
        if late > 0 {
            warnings.push(format!(
                "the evidence of {late} exchanges was written late: the disk was full or failing"
            ));
        }
        let runs = self.evidence.runs.values();
        let sources: Vec<&str> = runs
            .filter_map(|run| run.second_answers.as_deref())
            .collect();
        if sources.iter().any(|source| *source != "twin") {
            warnings.push(
                "second answers came from legacy itself: noise that is the same in a whole process \
                 (hash seeds, the order of sets) cannot be seen; a twin of legacy would show it"
                    .to_owned(),
            );
        }
        let unpaired = ledger
            .endpoints
            .values()
            .flat_map(|record| record.tally.not_paired.values())
            .fold(0u64, |sum, n| sum.saturating_add(*n));
        if unpaired > 0 {
            warnings.push(format!(
                "{unpaired} second answers of legacy came to nothing (see `not_paired`)"
            ));
        }
        if ledger.noise.cells_cut {
            warnings.push(format!(
                "more than {} places differ; the pairing of the rest is not kept",
                ledger.noise.cells.len()
            ));
        }
        let writes: u64 = ledger
            .endpoints
            .values()
            .flat_map(|record| {
                ["write", "write_accepted", "write_stopped"]
                    .into_iter()
                    .filter_map(|reason| record.tally.not_compared.get(reason))
            })
            .fold(0, |sum, n| sum.saturating_add(*n));
        if writes > 0 {
            warnings.push(format!(
                "{writes} writes were not shown to core: with databases of their own, reads after them may differ"
            ));
        }
        warnings
    }

    /// Differences come before gaps; evidence without a comparison is a gap.
    pub fn exit(&self) -> Exit {
        let totals = self.totals();
        if totals.different > 0 || totals.groups > 0 {
            Exit::Differences
        } else if totals.compared == 0 || !self.gaps().is_empty() {
            Exit::Incomplete
        } else {
            Exit::Green
        }
    }

    /// The verdict in one line.
    pub fn headline(&self) -> String {
        let totals = self.totals();
        let lost = match totals.lost {
            0 => String::new(),
            lost => format!(", {lost} lost"),
        };
        let noise = match totals.noise {
            0 => String::new(),
            noise => format!(", {noise} of them with noise alone"),
        };
        let counts = format!(
            "{} of {} requests compared{noise}{lost}",
            totals.compared, totals.sent
        );
        let verdict = self.whole().words();
        match self.exit() {
            Exit::Differences => format!(
                "DIFFERENT  {} exchanges differ in {} groups; {counts}; verdict: {verdict}",
                totals.different, totals.groups
            ),
            Exit::Green => format!("EQUAL  {counts}, no difference; verdict: {verdict}"),
            Exit::Usage | Exit::Incomplete => {
                format!("INCOMPLETE  no difference seen, but {counts}; verdict: {verdict}")
            }
        }
    }

    /// The base address of a side, as the last run knew it.
    fn address(&self, side: Side) -> &str {
        let last = self.evidence.runs.values().max_by_key(|run| run.started_ms);
        last.map_or("", |run| match side {
            Side::Legacy => run.legacy.as_str(),
            Side::Core => run.core.as_str(),
        })
    }

    /// Where the trace of a sample can be looked at, if a run said where traces are.
    pub fn trace_url(&self, sample: &Sample) -> Option<String> {
        let trace_id = sample.traceparent.as_deref()?.split('-').nth(1)?;
        let template = self
            .evidence
            .runs
            .values()
            .find_map(|run| run.trace_url.as_deref())?;
        Some(template.replace("{trace_id}", trace_id))
    }
}

fn skipped(tally: &EndpointTally) -> u64 {
    let counts = tally
        .not_compared
        .iter()
        .filter(|(reason, _)| SKIPPED.contains(&reason.as_str()));
    counts.fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

#[cfg(test)]
mod tests;
