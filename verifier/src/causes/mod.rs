//! From many groups of differences to the few causes behind them.
//!
//! A cause is a signature: kind, relation with its parameter, and the end of the place. Every group
//! offers signatures from its whole place down to its last key; the cheapest set of them that covers
//! all groups is sought by greedy weighted set cover, whose cost is at most ln(n) + 1 times the least.
//!
//! Where statuses differ, other differences of the same exchanges follow from that and are no causes.

#![deny(clippy::disallowed_methods)]

pub mod conditions;
pub mod minimise;
pub mod parts;
pub mod reduce;

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

use crate::evidence::record::{Group, StatusPair};
use crate::verdict::Kind;

/// What it costs to name one more cause.
const NAMED: u64 = 100;
/// What each key costs that a signature leaves away from a place.
const LEFT_AWAY: u64 = 5;
/// What it costs to speak of every place.
const EVERYWHERE: u64 = 60;
/// A relation is taken for a trait of the whole service from this many differently named places on.
const EVERYWHERE_FROM: usize = 3;
/// Relations that one setting of a serializer or framework brings about wherever it writes.
const SYSTEMIC: [&str; 11] = [
    "number-format",
    "presence",
    "timestamp-format",
    "timestamp-zone",
    "time-shift",
    "time-unit",
    "decimal-digits",
    "cut-fraction",
    "string-form",
    "escapes",
    "double-escaped",
];

/// What the groups of one cause have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    /// How they differ.
    pub kind: Kind,
    /// How the values are related, in words with its parameter.
    pub relation: Option<String>,
    /// Both statuses, where these are what differs.
    pub statuses: Option<StatusPair>,
    /// `header:NAME`, `status`, `body`, a place or its end (`…/price`), or `*` for every place.
    pub place: String,
}

impl Signature {
    /// Names the cause, alike in every report: 16 hexadecimal digits.
    pub fn id(&self) -> String {
        let statuses = self.statuses.map(|pair| pair.to_string());
        let mut hasher = blake3::Hasher::new();
        for part in [
            self.kind.name(),
            self.relation.as_deref().unwrap_or_default(),
            statuses.as_deref().unwrap_or_default(),
            &self.place,
        ] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().to_hex().chars().take(16).collect()
    }

    /// What happens, in a few words.
    pub fn what(&self) -> String {
        match (&self.statuses, &self.relation) {
            (Some(pair), _) => match pair.candidate {
                Some(candidate) => format!("status {} becomes {candidate}", pair.reference),
                None => format!("no answer where legacy says {}", pair.reference),
            },
            (None, Some(relation)) => format!("{}: {relation}", self.kind),
            (None, None) => self.kind.to_string(),
        }
    }
}

/// One thing to repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What its groups have in common.
    pub signature: Signature,
    /// Ids of its groups, the most frequent first; with those that follow from them.
    pub groups: Vec<String>,
    /// Endpoints that show it.
    pub endpoints: BTreeSet<String>,
    /// Of these, the ones that show nothing else: equal once it is repaired.
    pub unlocks: usize,
    /// Exchanges that show it, at least: of the groups of one endpoint the largest counts, since one
    /// exchange may be in several.
    pub exchanges: u64,
}

/// The causes of `groups` (each with its id): first those whose repair makes most endpoints equal.
/// Every group belongs to exactly one cause; the same groups give the same causes in any order.
pub fn causes(groups: &[(&str, &Group)]) -> Vec<Cause> {
    let mut groups = groups.to_vec();
    groups.sort_by_key(|(id, _)| *id);
    let leading: BTreeSet<_> = groups
        .iter()
        .filter(|(_, group)| group.key.kind == Kind::Status)
        .map(|(_, group)| (group.key.endpoint.as_str(), group.key.statuses))
        .collect();
    let follows = |group: &Group| {
        group.key.kind != Kind::Status
            && leading.contains(&(group.key.endpoint.as_str(), group.key.statuses))
    };
    let mut covers: BTreeMap<Signature, (u64, BTreeSet<usize>)> = BTreeMap::new();
    for (at, (_, group)) in groups.iter().enumerate() {
        if !follows(group) {
            for (signature, cost) in signatures(group) {
                let entry = covers.entry(signature).or_insert((cost, BTreeSet::new()));
                // The cost of the least exact member counts.
                entry.0 = entry.0.max(cost);
                entry.1.insert(at);
            }
        }
    }
    covers.retain(|signature, (_, members)| {
        let names: BTreeSet<_> = members
            .iter()
            .map(|&at| keys(&groups[at].1.key.place).pop())
            .collect();
        signature.place != "*" || names.len() >= EVERYWHERE_FROM
    });
    let mut chosen: Vec<(Signature, BTreeSet<usize>)> = Vec::new();
    loop {
        let best = covers
            .iter()
            .filter(|(_, (_, members))| !members.is_empty())
            .min_by(|(a_name, a), (b_name, b)| cheaper(a, b).then_with(|| a_name.cmp(b_name)));
        let Some((signature, (_, members))) =
            best.map(|(name, cover)| (name.clone(), cover.clone()))
        else {
            break;
        };
        for (_, rest) in covers.values_mut() {
            rest.retain(|at| !members.contains(at));
        }
        chosen.push((signature, members));
    }
    // What follows from a status belongs to the cause of that status.
    for (_, members) in &mut chosen {
        let heads: BTreeSet<_> = members
            .iter()
            .map(|&at| &groups[at].1.key)
            .filter(|key| key.kind == Kind::Status)
            .map(|key| (key.endpoint.as_str(), key.statuses))
            .collect();
        let led = groups.iter().enumerate().filter(|(_, (_, group))| {
            follows(group) && heads.contains(&(group.key.endpoint.as_str(), group.key.statuses))
        });
        let led: Vec<usize> = led.map(|(at, _)| at).collect();
        members.extend(led);
    }
    ranked(&groups, chosen)
}

/// Cost for each group still to be covered, as a fraction without rounding; then the larger cover.
fn cheaper(a: &(u64, BTreeSet<usize>), b: &(u64, BTreeSet<usize>)) -> Ordering {
    let (a_count, b_count) = (a.1.len() as u64, b.1.len() as u64);
    (a.0 * b_count)
        .cmp(&(b.0 * a_count))
        .then(b_count.cmp(&a_count))
}

/// Signatures that cover a group, each with its cost.
fn signatures(group: &Group) -> Vec<(Signature, u64)> {
    let key = &group.key;
    let signature = |place: String| Signature {
        kind: key.kind,
        relation: key.relation.as_ref().map(|relation| relation.text.clone()),
        statuses: (key.kind == Kind::Status).then_some(key.statuses),
        place,
    };
    let keys = keys(&key.place);
    let mut all = vec![(signature(key.place.clone()), NAMED)];
    for (away, rest) in keys.iter().enumerate() {
        let cost = NAMED + LEFT_AWAY * (away as u64 + 1);
        all.push((signature(format!("…{rest}")), cost));
    }
    let systemic = |class: &str| SYSTEMIC.contains(&class);
    if !keys.is_empty() && key.relation.as_ref().is_some_and(|r| systemic(&r.class)) {
        all.push((signature("*".to_owned()), NAMED + EVERYWHERE));
    }
    all
}

/// The ends of a place inside a body, the longest first, each from a key that is no index on; none for
/// a header, the status and the body as a whole.
fn keys(place: &str) -> Vec<&str> {
    if !place.starts_with('/') {
        return Vec::new();
    }
    place
        .match_indices('/')
        .map(|(at, _)| &place[at..])
        .filter(|rest| !(rest.starts_with("/*/") || *rest == "/*"))
        .collect()
}

fn ranked(groups: &[(&str, &Group)], chosen: Vec<(Signature, BTreeSet<usize>)>) -> Vec<Cause> {
    let mut shown_by: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, members) in &chosen {
        let endpoints: BTreeSet<&str> = members
            .iter()
            .map(|&at| groups[at].1.key.endpoint.as_str())
            .collect();
        for endpoint in endpoints {
            *shown_by.entry(endpoint).or_default() += 1;
        }
    }
    let mut causes: Vec<Cause> = Vec::new();
    for (signature, members) in chosen {
        let mut members: Vec<_> = members.into_iter().map(|at| groups[at]).collect();
        members.sort_by_key(|(id, group)| (Reverse(group.exchanges), *id));
        let mut largest: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, group) in &members {
            let count = largest.entry(&group.key.endpoint).or_default();
            *count = group.exchanges.max(*count);
        }
        causes.push(Cause {
            signature,
            groups: members.iter().map(|(id, _)| (*id).to_owned()).collect(),
            unlocks: largest
                .keys()
                .filter(|endpoint| shown_by.get(**endpoint) == Some(&1))
                .count(),
            exchanges: largest.values().fold(0, |sum, n| sum.saturating_add(*n)),
            endpoints: largest.keys().map(|name| (*name).to_owned()).collect(),
        });
    }
    causes.sort_by(|a, b| {
        (b.unlocks, b.exchanges)
            .cmp(&(a.unlocks, a.exchanges))
            .then_with(|| a.signature.cmp(&b.signature))
    });
    causes
}

#[cfg(test)]
mod tests;
