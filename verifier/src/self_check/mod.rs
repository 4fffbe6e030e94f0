#![deny(clippy::disallowed_methods)]
//! The verifier checks itself: a small known fault goes into its own copy of core's answer, and the
//! same rules judge it once more. The share of faults that are found is the recall.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::decode::{codings, decode};
use crate::exchange::{Answer, Exchange, Observation};
use crate::rules::Rules;
use crate::stats::{ALPHA, clopper_pearson_lower};
use crate::verdict::{Difference, Outcome, judge};

mod fault;
#[cfg(test)]
mod tests;

pub use fault::Fault;

/// Longer bodies, decoded, are not copied for a check.
const MAX_BODY: usize = 1 << 20;

/// How often the verifier checks itself, and what it must find.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SelfCheckConfig {
    /// Share of comparisons that are repeated with a fault, `0` to `1`, in steps of 0.0001; `0` is never.
    #[schemars(range(min = 0, max = 1))]
    pub share: f64,
    /// Least share of faults that must be found, shown at 95 %, for anything to be proven; from 0 to
    /// below 1. `0` demands nothing.
    pub min_recall: f64,
}

impl Default for SelfCheckConfig {
    fn default() -> Self {
        Self {
            share: 0.001,
            min_recall: 0.9,
        }
    }
}

impl SelfCheckConfig {
    /// The first key that is out of range, with the range.
    pub fn fault(&self) -> Option<(&'static str, &'static str)> {
        if !(0.0..=1.0).contains(&self.share) {
            return Some(("share", "0 to 1"));
        }
        let inside = (0.0..1.0).contains(&self.min_recall);
        (!inside).then_some(("min_recall", "from 0 to below 1"))
    }

    /// Whether enough faults were injected and too few of them found for a proof.
    pub fn is_short(&self, counts: &SelfCheckCounts) -> bool {
        // With fewer, not even finding all of them would show it.
        let enough = clopper_pearson_lower(counts.injected(), counts.injected(), ALPHA);
        enough >= self.min_recall && counts.recall_lower() < self.min_recall
    }

    /// What a reader must know where [`SelfCheckConfig::is_short`]; `whose` names the endpoint, if it is
    /// one.
    pub fn warning(&self, counts: &SelfCheckCounts, whose: Option<&str>) -> Option<String> {
        if !self.is_short(counts) {
            return None;
        }
        let whose = whose.map_or_else(String::new, |name| format!("{name}: "));
        let SelfCheckCounts { blind, missed, .. } = *counts;
        Some(format!(
            "{whose}the verifier's own check: {}; {blind} lie where rules or noise excuse them and \
             {missed} were not seen at all, so nothing is proven while the recall is not shown to be \
             {} %: narrow the rules",
            counts.words(),
            self.min_recall * 100.0,
        ))
    }
}

/// What became of injected faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct SelfCheckCounts {
    /// Made the verdict a mismatch.
    pub found: u64,
    /// Did not, but would without rules and learnt noise.
    pub blind: u64,
    /// Would not even without them.
    pub missed: u64,
}

impl SelfCheckCounts {
    /// All of them.
    pub fn injected(&self) -> u64 {
        let sum = self.found.saturating_add(self.blind);
        sum.saturating_add(self.missed)
    }

    /// Whether nothing was injected.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Self) {
        self.found = self.found.saturating_add(other.found);
        self.blind = self.blind.saturating_add(other.blind);
        self.missed = self.missed.saturating_add(other.missed);
    }

    /// Share of faults that were found; `None` where none was injected.
    pub fn recall(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.found as f64 / self.injected() as f64)
    }

    /// Lower bound of the recall at 95 %, one-sided and exact (Clopper and Pearson 1934).
    pub fn recall_lower(&self) -> f64 {
        clopper_pearson_lower(self.injected(), self.found, ALPHA)
    }

    /// In words: `57 of 60 injected faults found (recall 95.0 %, at least 87.6 %)`.
    pub fn words(&self) -> String {
        match self.recall() {
            None => "no fault injected yet".to_owned(),
            Some(recall) => format!(
                "{} of {} injected faults found (recall {:.1} %, at least {:.1} %)",
                self.found,
                self.injected(),
                recall * 100.0,
                self.recall_lower() * 100.0
            ),
        }
    }

    /// For programs.
    pub fn value(&self) -> Value {
        json!({
            "injected": self.injected(),
            "found": self.found,
            "blind": self.blind,
            "missed": self.missed,
            "recall": self.recall(),
            "recall_lower": self.recall_lower(),
        })
    }
}

/// What became of one fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It made the verdict a mismatch.
    Found,
    /// Rules or learnt noise excuse it.
    Blind,
    /// Nothing differs by it.
    Missed,
}

impl Seen {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Found, Self::Blind, Self::Missed];

    /// As a metric's label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Blind => "blind",
            Self::Missed => "missed",
        }
    }
}

/// Where a fault lands on learnt noise, so often another one is tried.
const TRIES: u64 = 16;

/// Puts the fault that `seed` chooses into a copy of the candidate's answer and judges that. `is_noise`
/// tells whether a finding, with the candidate's status, is known to be noise. The exchange is left alone.
///
/// An exchange that differs by noise alone is as good as an equal one, but not at the places where it differs:
/// a fault there could be told by nobody, so another one is chosen.
///
/// `None` where nothing can be learnt: the exchange differs without a fault, differs by noise wherever a fault
/// would fit, or there is no whole answer that could be copied.
pub fn check(
    exchange: &Exchange,
    rules: &Rules,
    seed: u64,
    is_noise: impl Fn(u16, &Difference) -> bool,
) -> Option<(Fault, Seen)> {
    let reference = plain(&exchange.reference)?;
    let candidate = fault::Sound::of(plain(&exchange.candidate)?)?;
    let with = |candidate: Answer| Exchange {
        reference: observed(&exchange.reference, reference.clone()),
        candidate: observed(&exchange.candidate, candidate),
        ..exchange.clone()
    };
    let status = candidate.answer.status;
    let sound = with(candidate.answer.clone());
    let before = judge(&sound, rules);
    let judged = !matches!(before.outcome, Outcome::Inconclusive(_));
    let noise = before.findings;
    if !judged || !noise.iter().all(|finding| is_noise(status, finding)) {
        return None;
    }
    for round in 0..TRIES {
        let (fault, faulty) = candidate.inject(seed.wrapping_add(round << 32))?;
        let status = faulty.status;
        let faulty = with(faulty);
        let after = judge(&faulty, rules).findings;
        let told = |finding: &Difference| !noise.contains(finding) && !is_noise(status, finding);
        if after.iter().any(told) {
            return Some((fault, Seen::Found));
        }
        let none = Rules::default();
        let (sound, faulty) = (
            judge(&sound, &none).findings,
            judge(&faulty, &none).findings,
        );
        let mut effects = unlike(&sound, &faulty)
            .chain(unlike(&faulty, &sound))
            .peekable();
        if effects.peek().is_none() {
            return Some((fault, Seen::Missed));
        }
        if !effects.all(|effect| noise.iter().any(|known| same_place(known, effect))) {
            return Some((fault, Seen::Blind));
        }
    }
    None
}

/// What is found in `these` and not in `others`.
fn unlike<'f>(
    these: &'f [Difference],
    others: &'f [Difference],
) -> impl Iterator<Item = &'f Difference> {
    these.iter().filter(|finding| !others.contains(finding))
}

fn same_place(one: &Difference, other: &Difference) -> bool {
    one.location == other.location && one.kind == other.kind
}

fn observed(side: &Observation, answer: Answer) -> Observation {
    Observation {
        answer: Ok(answer),
        origin: side.origin.clone(),
        tokens: side.tokens.clone(),
        latency: side.latency,
    }
}

/// A side's answer without its content coding, so that a fault can be put in.
fn plain(side: &Observation) -> Option<Answer> {
    let answer = side.answer.as_ref().ok()?;
    let codings = codings(answer.header("content-encoding"));
    let body = match decode(&answer.body, &codings, MAX_BODY).ok()? {
        Cow::Borrowed(_) if answer.body.len() > MAX_BODY => return None,
        body => body.into_owned().into(),
    };
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| name != "content-encoding");
    Some(Answer {
        status: answer.status,
        headers,
        body,
    })
}
