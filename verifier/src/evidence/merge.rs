#![deny(clippy::disallowed_methods)]
//! Puts evidence together. Order and grouping do not matter: evidence of several proxies folded
//! together equals that of one that saw all their traffic.
//!
//! Counts add up. What is bounded keeps its smallest members under an order that depends on the
//! member alone; one that is among the smallest of all was among the smallest of every part, so it
//! was never dropped on the way and its count is whole.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::facts::{MAX_GROUP_ROWS, MAX_ROWS};
use super::record::{
    EndpointRecord, EndpointTally, Evidence, Group, Histogram, Ledger, MAX_GROUPS, MAX_IDS,
    MAX_SAMPLES, MAX_SHAPES, Sample,
};
use crate::severity::Severity;

/// Why two pieces of evidence cannot become one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Hidden values could not be told equal or different.
    #[error(
        "the evidence was redacted under different keys ({ours} and {theirs}): give every proxy of a \
         cut-over the same `--redaction-key-file`"
    )]
    Keys {
        /// Key ids of the one.
        ours: String,
        /// Key ids of the other.
        theirs: String,
    },
    /// Merging would count a run twice.
    #[error("run {0} is in both: name each file once")]
    Twice(String),
}

impl Evidence {
    /// Adds what `other` holds. On an error nothing has changed.
    pub fn merge(&mut self, other: Self) -> Result<(), MergeError> {
        let keys = |evidence: &Self| {
            let mut ids: Vec<String> = evidence
                .runs
                .values()
                .map(|run| run.key_id.clone())
                .collect();
            ids.sort();
            ids.dedup();
            ids.join(", ")
        };
        let (ours, theirs) = (keys(self), keys(&other));
        if !self.runs.is_empty() && !other.runs.is_empty() && ours != theirs {
            return Err(MergeError::Keys { ours, theirs });
        }
        self.add_counts(other)
    }

    /// The same where only counts and names are read: evidence under different keys may be added too.
    /// On an error nothing has changed.
    pub fn add_counts(&mut self, other: Self) -> Result<(), MergeError> {
        if let Some(twice) = other.runs.keys().find(|id| self.runs.contains_key(*id)) {
            return Err(MergeError::Twice(twice.clone()));
        }
        self.runs.extend(other.runs);
        self.ledger.merge(other.ledger);
        self.broken_records = self.broken_records.saturating_add(other.broken_records);
        Ok(())
    }
}

impl Ledger {
    /// Adds what `other` counted.
    pub fn merge(&mut self, other: Self) {
        for (name, record) in other.endpoints {
            self.endpoints.entry(name).or_default().merge(record);
        }
        for (id, group) in other.groups {
            match self.groups.entry(id) {
                std::collections::btree_map::Entry::Occupied(mut entry) => {
                    entry.get_mut().merge(group);
                }
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(group);
                }
            }
        }
        add(&mut self.in_groups, other.in_groups);
        self.shapes.extend(other.shapes);
        self.shapes_cut |= other.shapes_cut;
        self.noise.merge(other.noise);
        for (id, pair) in other.ids {
            match self.ids.get_mut(&id) {
                Some(kept) => {
                    add(&mut kept.seen, pair.seen);
                    kept.born |= pair.born;
                }
                None => {
                    self.ids.insert(id, pair);
                }
            }
        }
        self.bound_ids();
        self.bound();
    }

    /// Drops what lies beyond the bounds: of the groups the least severe, among those by id, which is
    /// a hash and so fair. The dropped ids are returned.
    pub fn bound(&mut self) -> Dropped {
        let mut dropped = Dropped::default();
        if self.groups.len() > MAX_GROUPS {
            let mut order: Vec<_> = self
                .groups
                .iter()
                .map(|(id, group)| (Reverse(group.key.severity), id.clone()))
                .collect();
            order.sort_unstable();
            for (_, id) in order.drain(MAX_GROUPS..) {
                self.groups.remove(&id);
                dropped.groups.push(id);
            }
        }
        while self.shapes.len() > MAX_SHAPES {
            if let Some((id, _)) = self.shapes.pop_last() {
                dropped.shapes.push(id);
            }
            self.shapes_cut = true;
        }
        dropped
    }

    /// Drops pairs of ids beyond the bound and returns what they were.
    pub(super) fn bound_ids(&mut self) -> Vec<String> {
        let mut dropped = Vec::new();
        while self.ids.len() > MAX_IDS {
            dropped.extend(self.ids.pop_last().map(|(id, _)| id));
        }
        dropped
    }

    /// Whether a group is there already or would be among those that are kept.
    pub(super) fn has_room_for(&self, id: &str, severity: Severity) -> bool {
        if self.groups.len() < MAX_GROUPS || self.groups.contains_key(id) {
            return true;
        }
        let order = self
            .groups
            .iter()
            .map(|(id, group)| (Reverse(group.key.severity), id.as_str()));
        order
            .max()
            .is_some_and(|last| (Reverse(severity), id) < last)
    }

    /// Exchanges of groups beyond the bound.
    pub fn beyond_groups(&self) -> u64 {
        let kept = self
            .groups
            .values()
            .fold(0u64, |sum, group| sum.saturating_add(group.exchanges));
        self.in_groups.saturating_sub(kept)
    }
}

/// Ids that a bound has dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Of groups.
    pub groups: Vec<String>,
    /// Of shapes.
    pub shapes: Vec<String>,
}

impl EndpointRecord {
    fn merge(&mut self, other: Self) {
        self.tally.merge(&other.tally);
        add_all(&mut self.different_by_status, other.different_by_status);
        add_all(&mut self.rules, other.rules);
        add_all(&mut self.strayed, other.strayed);
        add(&mut self.findings_not_listed, other.findings_not_listed);
        self.facts.merge(&other.facts, MAX_ROWS);
    }
}

impl EndpointTally {
    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        add(&mut self.sent, other.sent);
        add(&mut self.equal, other.equal);
        add(&mut self.different, other.different);
        add(&mut self.paired, other.paired);
        add_all(&mut self.not_paired, other.not_paired.clone());
        add_all(&mut self.not_compared, other.not_compared.clone());
        add_all(&mut self.equal_by_status, other.equal_by_status.clone());
        self.reference_latency.merge(&other.reference_latency);
        self.candidate_latency.merge(&other.candidate_latency);
        self.paces.merge(&other.paces);
        self.uses.merge(&other.uses);
        self.self_check.merge(&other.self_check);
    }
}

impl Histogram {
    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            add(count, more);
        }
        add(&mut self.sum_us, other.sum_us);
    }
}

impl Group {
    /// Adds what `other` counted of the same group.
    pub fn merge(&mut self, other: Self) {
        add(&mut self.exchanges, other.exchanges);
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
        self.facts.merge(&other.facts, MAX_GROUP_ROWS);
        self.samples.extend(other.samples);
        self.bound_samples();
    }

    /// Keeps the samples of smallest rank, one of a rank, and the bodies of the first.
    pub fn bound_samples(&mut self) {
        self.samples.sort_unstable();
        self.samples.dedup_by(|later, kept| later.rank == kept.rank);
        self.samples.truncate(MAX_SAMPLES);
        for sample in self.samples.iter_mut().skip(1) {
            sample.drop_bodies();
        }
    }

    /// Whether a sample of this rank would be kept.
    pub fn wants(&self, rank: &str) -> bool {
        self.samples.len() < MAX_SAMPLES
            || self
                .samples
                .last()
                .is_none_or(|last| rank <= last.rank.as_str())
    }
}

impl Sample {
    fn drop_bodies(&mut self) {
        self.request.body = None;
        for answer in [&mut self.reference, &mut self.candidate] {
            answer.body = None;
            answer.body_cut = false;
        }
    }
}

/// Counters saturate: a wrong total is better than a crash, and 2^64 requests do not happen.
fn add(sum: &mut u64, more: u64) {
    *sum = sum.saturating_add(more);
}

fn add_all<K: Ord>(sums: &mut BTreeMap<K, u64>, more: BTreeMap<K, u64>) {
    for (key, count) in more {
        add(sums.entry(key).or_default(), count);
    }
}
