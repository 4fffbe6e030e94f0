//! Header fields that core lacks, or legacy, always together: what one part of a program writes.

#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use super::follow::missing;
use crate::evidence::record::{Group, StatusPair};

/// Exchanges by endpoint and statuses, and the groups that count them.
#[derive(Default)]
struct Seen<'g> {
    counts: BTreeMap<(&'g str, StatusPair), u64>,
    groups: Vec<usize>,
}

impl Seen<'_> {
    /// Whether two fields are missing in the same exchanges. When a file is full it does not keep every
    /// group, so what counts is where both are kept.
    fn alike(&self, other: &Self) -> bool {
        let both = self
            .counts
            .iter()
            .filter_map(|(cell, count)| Some((count, other.counts.get(cell)?)));
        let (common, equal) = both.fold((0, 0), |(common, equal), (ours, theirs)| {
            (common + 1, equal + usize::from(ours == theirs))
        });
        let sizes = [self.counts.len(), other.counts.len()];
        let (least, most) = (sizes[0].min(sizes[1]), sizes[0].max(sizes[1]));
        common * 4 >= least && common > 0 && equal * 10 >= common * 9 && least * 2 >= most
    }
}

/// For each group of a field that is missing together with others: their names, as `a, b, c`.
pub(super) fn together(groups: &[(&str, &Group)]) -> BTreeMap<usize, String> {
    let mut all: BTreeMap<(&str, bool), Seen<'_>> = BTreeMap::new();
    for (at, (_, group)) in groups.iter().enumerate() {
        if let Some(field) = missing(group) {
            let seen = all.entry(field).or_default();
            let key = &group.key;
            let count = seen
                .counts
                .entry((&key.endpoint, key.statuses))
                .or_default();
            *count = count.saturating_add(group.exchanges);
            seen.groups.push(at);
        }
    }
    let mut together = BTreeMap::new();
    let mut left: BTreeSet<(&str, bool)> = all.keys().copied().collect();
    while let Some(first) = left.pop_first() {
        let company: Vec<_> = left
            .iter()
            .copied()
            .filter(|field| field.1 == first.1 && all[&first].alike(&all[field]))
            .collect();
        if company.is_empty() {
            continue;
        }
        let fields: Vec<_> = std::iter::once(first).chain(company).collect();
        let name = |(place, _): &(&str, bool)| place.trim_start_matches("header:").to_owned();
        let names: Vec<String> = fields.iter().map(name).collect();
        for field in fields {
            left.remove(&field);
            let names = names.join(", ");
            let groups = all[&field].groups.iter();
            together.extend(groups.map(|&at| (at, names.clone())));
        }
    }
    together
}
