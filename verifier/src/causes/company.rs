//! Differences that keep company: seen in just the same exchanges, and missing in the same others.
//!
//! What differs in every answer of an endpoint stands beside whatever else does, and that says nothing. But when
//! `n` of the `N` exchanges of an endpoint show one difference, another one that has no part in it shows in the
//! same `n` once in C(N, n) times.

#![deny(clippy::disallowed_methods)]

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Compared;
use super::follow::within;
use crate::evidence::record::{Group, RelationText, StatusPair};
use crate::verdict::Kind;

/// Company is believed when chance would make it less often than this.
const CHANCE: f64 = 0.05;

/// What is seen: how values differ, and where.
type Trait<'g> = (Kind, Option<&'g RelationText>, &'g str);

/// Endpoint and statuses, and the group of a trait there.
type Cells<'g> = BTreeMap<(&'g str, StatusPair), usize>;

/// For the groups that are seen with another one alone: that one. Those for which `leads` is false are left out.
pub(super) fn hosts(
    groups: &[(&str, &Group)],
    compared: &Compared,
    leads: impl Fn(usize) -> bool,
) -> BTreeMap<usize, usize> {
    let mut traits: BTreeMap<Trait<'_>, Cells<'_>> = BTreeMap::new();
    for (at, (_, group)) in groups.iter().enumerate() {
        let key = &group.key;
        if leads(at) && !matches!(key.kind, Kind::Header | Kind::Status) {
            let cells = traits
                .entry((key.kind, key.relation.as_ref(), &key.place))
                .or_default();
            cells.insert((&key.endpoint, key.statuses), at);
        }
    }
    let mut found = BTreeMap::new();
    for (guest, cells) in &traits {
        let ours = rank(guest, cells);
        let hosts = traits.iter().filter(|(host, theirs)| {
            rank(host, theirs) < ours && keep_company(groups, compared, cells, theirs)
        });
        let host = hosts.min_by_key(|(host, theirs)| rank(host, theirs));
        if let Some((_, theirs)) = host {
            found.extend(cells.iter().map(|(cell, &at)| (at, theirs[cell])));
        }
    }
    found
}

/// Whoever is seen in more places is the host, and of equals the one that stands further out.
fn rank<'t>(one: &'t Trait<'_>, cells: &Cells<'_>) -> (Reverse<usize>, usize, &'t Trait<'t>) {
    (Reverse(cells.len()), one.2.len(), one)
}

/// Whether the guest is seen in the host's exchanges alone and in all of them, wherever it is seen, and chance
/// hardly makes it so.
fn keep_company(
    groups: &[(&str, &Group)],
    compared: &Compared,
    guest: &Cells<'_>,
    host: &Cells<'_>,
) -> bool {
    let mut chance = 1.0;
    for (cell, &at) in guest {
        let Some(&other) = host.get(cell) else {
            return false;
        };
        let (ours, theirs) = (groups[at].1, groups[other].1);
        if !(within(ours, theirs) && within(theirs, ours)) {
            return false;
        }
        let all = compared.get(&(cell.0.to_owned(), cell.1)).copied();
        chance /= ways(all.unwrap_or(0), ours.exchanges);
    }
    chance <= CHANCE
}

/// C(`all`, `some`), or so many that it does not matter.
fn ways(all: u64, some: u64) -> f64 {
    const ENOUGH: f64 = 1e12;
    let least = some.min(all.saturating_sub(some));
    let mut ways = 1.0;
    for n in 0..least {
        ways *= (all - n) as f64 / (n + 1) as f64;
        if ways > ENOUGH {
            break;
        }
    }
    ways
}
