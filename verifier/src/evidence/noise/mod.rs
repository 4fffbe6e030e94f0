#![deny(clippy::disallowed_methods)]
//! Noise: where legacy differs from itself.
//!
//! A second legacy (or legacy once more) answers the same request as core at the same moment. What is
//! kept is the pairing, place by place: how often only core differed from legacy's answer, how often only
//! the twin, how often both. Nothing is learnt while counting; whether a place is noise is computed
//! from the counts by [`decide()`] whenever somebody reads them, so evidence of several proxies merges
//! in any order.

mod cut_zeros;
mod decide;
pub mod learn;
mod manner;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use decide::{
    ALPHA, Cause, Counts, Decision, Decisions, Judgement, Looks, QUIET_PAIRS, decide,
};
pub use manner::{Manner, manner};

use super::collect::group_key;
use super::record::{GroupKey, StatusPair};
use super::redact::hex;
use crate::compare::MAX_FINDINGS;
use crate::verdict::{Difference, Verdict};

/// Most places whose pairing is counted.
pub const MAX_CELLS: usize = 4_000;
/// Most sets of places that differed together.
pub const MAX_MIXES: usize = 4_000;

/// All pairings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NoiseLedger {
    /// Places that differed, each in one manner, by [`Cell::id`].
    pub cells: BTreeMap<String, Cell>,
    /// Which places differed together at core, by [`Mix::id`]. An exchange without a twin's answer
    /// counts as well: what its places are is decided by those that had one.
    pub mixes: BTreeMap<String, Mix>,
    /// Exchanges that differed at core only where noise is possible, by endpoint; also those whose mix
    /// is beyond the bound.
    pub mixed: BTreeMap<String, u64>,
    /// Whether there were more places than are kept.
    pub cells_cut: bool,
}

/// One place that differs in one manner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The group of differences it belongs to.
    pub key: GroupKey,
    /// The manner.
    pub manner: Manner,
    /// Paired exchanges in which only core differs from legacy.
    pub core_only: u64,
    /// Paired exchanges in which only the twin does.
    pub twin_only: u64,
    /// Paired exchanges in which both do.
    pub both: u64,
    /// Exchanges in which core differs and no twin answered.
    pub unpaired: u64,
}

impl Cell {
    fn new(key: GroupKey, manner: Manner) -> Self {
        Self {
            key,
            manner,
            core_only: 0,
            twin_only: 0,
            both: 0,
            unpaired: 0,
        }
    }

    /// Names the cell, alike in every proxy: 16 hexadecimal digits.
    pub fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.key.id().as_bytes());
        hasher.update(self.manner.text().as_bytes());
        hex(&hasher.finalize().as_bytes()[..8])
    }

    /// Exchanges in which core differs.
    pub fn core(&self) -> u64 {
        self.core_only
            .saturating_add(self.both)
            .saturating_add(self.unpaired)
    }

    /// Paired exchanges in which legacy differs from its twin.
    pub fn twin(&self) -> u64 {
        self.twin_only.saturating_add(self.both)
    }

    /// Adds what `other` counted of the same cell.
    fn merge(&mut self, other: &Self) {
        for (sum, more) in [
            (&mut self.core_only, other.core_only),
            (&mut self.twin_only, other.twin_only),
            (&mut self.both, other.both),
            (&mut self.unpaired, other.unpaired),
        ] {
            *sum = sum.saturating_add(more);
        }
    }
}

/// Cells in which exchanges differed at core, together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mix {
    /// The endpoint.
    pub endpoint: String,
    /// Ids of the cells.
    pub cells: BTreeSet<String>,
    /// How many exchanges.
    pub exchanges: u64,
}

impl Mix {
    /// Names the mix, alike in every proxy.
    pub fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for cell in &self.cells {
            hasher.update(cell.as_bytes());
        }
        hex(&hasher.finalize().as_bytes()[..8])
    }
}

/// Parts of the pairings that have changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoiseChanges {
    /// Ids of cells.
    pub cells: BTreeSet<String>,
    /// Ids of mixes.
    pub mixes: BTreeSet<String>,
    /// Endpoints whose sum of mixes changed.
    pub endpoints: BTreeSet<String>,
}

impl NoiseChanges {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.mixes.is_empty() && self.endpoints.is_empty()
    }
}

/// Both verdicts on one request: legacy's answer against core's, and against its twin's.
#[derive(Clone, Copy, Debug)]
pub struct Paired<'v> {
    /// The endpoint.
    pub endpoint: &'v str,
    /// Legacy's status and core's.
    pub statuses: StatusPair,
    /// On core.
    pub core: &'v Verdict,
    /// Legacy's status and the twin's, with the verdict on the twin; `None` when no twin answered, and
    /// when its answer says nothing because a write may have come in between.
    pub twin: Option<(StatusPair, &'v Verdict)>,
}

impl NoiseLedger {
    /// Whether anything was counted.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.mixed.is_empty()
    }

    /// Counts one request; adds to `changes` what it touched.
    pub fn observe(&mut self, paired: &Paired<'_>, changes: &mut NoiseChanges) {
        let core = cells(paired.endpoint, paired.statuses, paired.core);
        let twin = match paired.twin {
            Some((statuses, verdict)) => cells(paired.endpoint, statuses, verdict),
            None => BTreeMap::new(),
        };
        let ids: BTreeSet<&String> = core.keys().chain(twin.keys()).collect();
        for id in ids {
            let (of_core, of_twin) = (core.get(id), twin.get(id));
            let Some(new) = of_core.or(of_twin) else {
                continue;
            };
            if !self.has_room_for(id) {
                self.cells_cut = true;
                continue;
            }
            let cell = self.cells.entry(id.clone()).or_insert_with(|| new.clone());
            let count = match (of_core.is_some(), of_twin.is_some()) {
                (true, true) => &mut cell.both,
                (true, false) if paired.twin.is_none() => &mut cell.unpaired,
                (true, false) => &mut cell.core_only,
                (false, _) => &mut cell.twin_only,
            };
            *count = count.saturating_add(1);
            changes.cells.insert(id.clone());
        }
        self.mix(paired, &core, changes);
        for id in self.bound_cells() {
            changes.cells.insert(id);
        }
    }

    fn has_room_for(&self, id: &String) -> bool {
        self.cells.len() < MAX_CELLS
            || self.cells.contains_key(id)
            || self
                .cells
                .last_key_value()
                .is_some_and(|(last, _)| id < last)
    }

    fn mix(
        &mut self,
        paired: &Paired<'_>,
        core: &BTreeMap<String, Cell>,
        changes: &mut NoiseChanges,
    ) {
        // With a difference that can never be noise it differs, whatever the rest is; and so it does
        // where not all of it is listed.
        let open = core.values().all(|cell| cell.manner.may_be_noise());
        let whole = paired.core.truncated_findings == 0 || core.len() < MAX_FINDINGS;
        if core.is_empty() || !open || !whole {
            return;
        }
        let sum = self.mixed.entry(paired.endpoint.to_owned()).or_default();
        *sum = sum.saturating_add(1);
        changes.endpoints.insert(paired.endpoint.to_owned());
        let mix = Mix {
            endpoint: paired.endpoint.to_owned(),
            cells: core.keys().cloned().collect(),
            exchanges: 0,
        };
        let id = mix.id();
        let beyond = self
            .mixes
            .last_key_value()
            .is_some_and(|(last, _)| *last < id);
        if self.mixes.len() >= MAX_MIXES && beyond {
            return;
        }
        let kept = self.mixes.entry(id.clone()).or_insert(mix);
        kept.exchanges = kept.exchanges.saturating_add(1);
        changes.mixes.insert(id);
        while self.mixes.len() > MAX_MIXES {
            if let Some((dropped, _)) = self.mixes.pop_last() {
                changes.mixes.insert(dropped);
            }
        }
    }

    /// Keeps the cells of smallest id, which is a hash and so fair; returns the others' ids.
    fn bound_cells(&mut self) -> Vec<String> {
        let mut dropped = Vec::new();
        while self.cells.len() > MAX_CELLS {
            if let Some((id, _)) = self.cells.pop_last() {
                dropped.push(id);
            }
            self.cells_cut = true;
        }
        dropped
    }

    /// Adds what `other` counted. Order and grouping do not matter, see [`super::merge`].
    pub fn merge(&mut self, other: Self) {
        for (id, cell) in other.cells {
            match self.cells.get_mut(&id) {
                Some(kept) => kept.merge(&cell),
                None => {
                    self.cells.insert(id, cell);
                }
            }
        }
        for (id, mix) in other.mixes {
            match self.mixes.get_mut(&id) {
                Some(kept) => kept.exchanges = kept.exchanges.saturating_add(mix.exchanges),
                None => {
                    self.mixes.insert(id, mix);
                }
            }
        }
        for (endpoint, count) in other.mixed {
            let sum = self.mixed.entry(endpoint).or_default();
            *sum = sum.saturating_add(count);
        }
        self.cells_cut |= other.cells_cut;
        // What is among the smallest of all was so in every part: it was never dropped on the way.
        self.bound_cells();
        while self.mixes.len() > MAX_MIXES {
            self.mixes.pop_last();
        }
    }
}

/// The cells of a verdict, by id.
fn cells(endpoint: &str, statuses: StatusPair, verdict: &Verdict) -> BTreeMap<String, Cell> {
    let mut cells = BTreeMap::new();
    for finding in &verdict.findings {
        let cell = cell(endpoint, statuses, finding);
        cells.entry(cell.id()).or_insert(cell);
    }
    cells
}

fn cell(endpoint: &str, statuses: StatusPair, finding: &Difference) -> Cell {
    Cell::new(group_key(endpoint, statuses, finding), manner(finding))
}

#[cfg(test)]
mod tests;
