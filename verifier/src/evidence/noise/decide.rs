#![deny(clippy::disallowed_methods)]
//! From counted pairings to decisions, whenever somebody reads them.
//!
//! If core behaved as a second legacy does, a request in which only one of core and the twin differs
//! from legacy would be core's as often as the twin's. The e-value of the paired test
//! ([`ln_e_paired`]) measures how much the counts speak against that; it may be looked at as often as
//! one likes. Many places are looked at, so they are flagged together ([`e_bh`]).

use std::collections::BTreeMap;

use serde::Serialize;

use super::cut_zeros::{CutZeros, cut_zeros};
use super::{Cell, Manner, NoiseLedger};
use crate::stats::{e_bh, ln_e_paired};

/// Share of places that may be flagged wrongly.
pub const ALPHA: f64 = 0.05;
/// Pairings without any noise after which a place counts as quiet: they bound its noise below 1 % with
/// 95 % confidence (ln 0.05 / ln 0.99).
pub const QUIET_PAIRS: u64 = 299;
/// Differences at a quiet place from which they are no accident.
const QUIET_DIFFERENCES: u64 = 2;
/// Times that legacy must differ from its twin before a place is called noise.
pub(super) const NOISE_SEEN: u64 = 3;

/// What a place's differences are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Legacy differs from itself there in the same manner.
    Noise,
    /// The counts do not tell yet.
    Undecided,
    /// Core differs there and legacy does not.
    Finding,
}

impl Decision {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Noise => "noise",
            Self::Undecided => "undecided",
            Self::Finding => "finding",
        }
    }
}

/// Why a place was decided so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Status, media type, another JSON type or a whole body: never noise.
    NeverNoise,
    /// Structure or format that legacy keeps towards its own twin.
    Structure,
    /// The paired test rejects that core behaves as a second legacy does.
    Paired,
    /// Legacy agreed with its twin there every time, often enough to be sure.
    Quiet,
    /// Legacy differs from its twin there as well.
    Twin,
    /// Fractions of a second without the zeros at their end, as rare as such fractions are.
    CutZeros,
    /// Too few pairings, or too few that tell.
    TooFew,
    /// No pairing at all, as of writes: waiting tells nothing.
    NoPairs,
}

impl Cause {
    /// In words, for a reader.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NeverNoise => "never noise",
            Self::Structure => "legacy's twin never does this",
            Self::Paired => "core differs where legacy's twin does not",
            Self::Quiet => "legacy's twin never differs here",
            Self::Twin => "legacy differs from its own twin here",
            Self::CutZeros => "a fraction without the zeros at its end, as rare as those are",
            Self::TooFew => "too few pairs to tell",
            Self::NoPairs => "no second answer of legacy here; a write gets none: a rule must say",
        }
    }
}

/// One cell, decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The decision.
    pub decision: Decision,
    /// Why.
    pub cause: Cause,
    /// Natural logarithm of the e-value that core differs more than the twin.
    pub ln_e: f64,
    /// The paired comparisons of the endpoint.
    pub paired: u64,
}

/// How an endpoint's exchanges that differ at core divide. The rest of them differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Differ only at places that are noise.
    pub noise: u64,
    /// Differ at no finding, but at a place that is undecided.
    pub undecided: u64,
}

/// Everything, decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decisions {
    /// Every cell, by its id.
    pub cells: BTreeMap<String, Judgement>,
    /// Groups of differences, by their id: the worst of their cells. A group without cells is a finding.
    pub groups: BTreeMap<String, Decision>,
    /// Endpoints.
    pub endpoints: BTreeMap<String, Counts>,
}

impl Decisions {
    /// What a group is.
    pub fn group(&self, id: &str) -> Decision {
        self.groups.get(id).copied().unwrap_or(Decision::Finding)
    }

    /// How an endpoint's different exchanges divide.
    pub fn endpoint(&self, name: &str) -> Counts {
        self.endpoints.get(name).copied().unwrap_or_default()
    }
}

/// Counts over several cells of one place.
#[derive(Clone, Copy, Debug, Default)]
struct Pool {
    core_only: u64,
    twin_only: u64,
    both: u64,
}

impl Pool {
    fn add(&mut self, cell: &Cell) {
        self.core_only = self.core_only.saturating_add(cell.core_only);
        self.twin_only = self.twin_only.saturating_add(cell.twin_only);
        self.both = self.both.saturating_add(cell.both);
    }

    fn core(self) -> u64 {
        self.core_only.saturating_add(self.both)
    }

    fn twin(self) -> u64 {
        self.twin_only.saturating_add(self.both)
    }
}

/// How much of an endpoint was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// Exchanges with a verdict.
    pub compared: u64,
    /// Of these, held against a twin's answer as well.
    pub paired: u64,
}

/// Decides, given how much of each endpoint was looked at.
pub fn decide(ledger: &NoiseLedger, looks: impl Fn(&str) -> Looks) -> Decisions {
    let mut places: BTreeMap<(&str, &str), Pool> = BTreeMap::new();
    let mut formats: BTreeMap<(&str, &str), Pool> = BTreeMap::new();
    for cell in ledger.cells.values() {
        places.entry(place(cell)).or_default().add(cell);
        if matches!(cell.manner, Manner::Format { .. }) {
            formats.entry(place(cell)).or_default().add(cell);
        }
    }
    let tested: Vec<(&String, &Cell)> = ledger
        .cells
        .iter()
        .filter(|(_, cell)| cell.manner.may_be_noise())
        .collect();
    let ln_e: Vec<f64> = tested
        .iter()
        .map(|(_, cell)| ln_e_paired(cell.core_only, cell.twin_only))
        .collect();
    let flagged: BTreeMap<&String, (f64, bool)> = {
        let rejected = e_bh(&ln_e, ALPHA);
        tested
            .iter()
            .zip(&ln_e)
            .enumerate()
            .map(|(at, ((id, _), &ln_e))| (*id, (ln_e, rejected.contains(&at))))
            .collect()
    };
    let mut decisions = Decisions::default();
    for (id, cell) in &ledger.cells {
        let (ln_e, rejected) = flagged.get(id).copied().unwrap_or_default();
        let looks = looks(&cell.key.endpoint);
        let pool = match cell.manner {
            // One format among several that legacy itself uses is rare on both sides.
            Manner::Format { .. } => formats.get(&place(cell)).copied().unwrap_or_default(),
            _ => {
                let mut own = Pool::default();
                own.add(cell);
                own
            }
        };
        let whole = places.get(&place(cell)).copied().unwrap_or_default();
        let (decision, cause) = match cut_zeros(ledger, cell, looks.compared) {
            _ if pool.twin() > 0 => one(cell, rejected, pool, whole, looks.paired),
            Some(CutZeros::ByBoth) => (Decision::Noise, Cause::CutZeros),
            Some(CutZeros::Rare) => (Decision::Undecided, Cause::CutZeros),
            None => one(cell, rejected, pool, whole, looks.paired),
        };
        let judgement = Judgement {
            decision,
            cause,
            ln_e,
            paired: looks.paired,
        };
        if cell.core() > 0 {
            let group = decisions
                .groups
                .entry(cell.key.id())
                .or_insert(Decision::Noise);
            *group = (*group).max(decision);
        }
        decisions.cells.insert(id.clone(), judgement);
    }
    for (endpoint, &all) in &ledger.mixed {
        decisions.endpoints.insert(
            endpoint.clone(),
            Counts {
                noise: 0,
                // Less what the mixes below say of them.
                undecided: all,
            },
        );
    }
    for mix in ledger.mixes.values() {
        let Some(counts) = decisions.endpoints.get_mut(&mix.endpoint) else {
            continue;
        };
        // A cell beyond the bound was never seen to be noise.
        let worst = mix.cells.iter().map(|id| {
            decisions
                .cells
                .get(id)
                .map_or(Decision::Undecided, |judgement| judgement.decision)
        });
        match worst.max() {
            Some(Decision::Noise) => {
                counts.undecided = counts.undecided.saturating_sub(mix.exchanges);
                counts.noise = counts.noise.saturating_add(mix.exchanges);
            }
            Some(Decision::Finding) => {
                counts.undecided = counts.undecided.saturating_sub(mix.exchanges);
            }
            Some(Decision::Undecided) | None => {}
        }
    }
    decisions
}

fn place(cell: &Cell) -> (&str, &str) {
    (&cell.key.endpoint, &cell.key.place)
}

/// `pool` are the counts of the cell, of a format those of all formats at the place; `whole` those of
/// the place in any manner.
fn one(cell: &Cell, rejected: bool, pool: Pool, whole: Pool, pairs: u64) -> (Decision, Cause) {
    if !cell.manner.may_be_noise() {
        return (Decision::Finding, Cause::NeverNoise);
    }
    if cell.manner.is_structure() && pool.twin() == 0 {
        return (Decision::Finding, Cause::Structure);
    }
    if rejected {
        return (Decision::Finding, Cause::Paired);
    }
    let quiet = whole.twin() == 0 && pairs >= QUIET_PAIRS;
    if quiet && cell.core_only >= QUIET_DIFFERENCES {
        return (Decision::Finding, Cause::Quiet);
    }
    // Core more than twice as often as the twin is noise no longer, though not proved otherwise.
    if pool.twin() >= NOISE_SEEN && pool.twin().saturating_mul(2) >= pool.core() {
        return (Decision::Noise, Cause::Twin);
    }
    let cause = if pairs == 0 {
        Cause::NoPairs
    } else {
        Cause::TooFew
    };
    (Decision::Undecided, cause)
}
