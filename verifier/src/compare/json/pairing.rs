//! Which elements of two arrays belong together, so that one inserted row is one finding.
//!
//! Works on hashes only; whoever follows a plan compares the pairs it proposes.

use std::collections::HashMap;
use std::ops::Range;

use crate::json::{JsonType, Node};

use super::Side;
use super::hash::Hashes;

/// Pairs further apart than this are a removal and an addition
/// (the cut-off of `DeepDiff`, which has proved itself).
const MAX_DISTANCE: f64 = 0.6;
/// Blocks with more combinations than this are paired by position.
const MAX_COMBINATIONS: usize = 64 * 64;
/// Members from which a row without anything in common counts as another row.
const MIN_ROW: usize = 3;
/// Share of common keys from which an array counts as keyed.
const MIN_OVERLAP: f64 = 0.4;
/// Keys that identify a row where no rule says so.
const NATURAL_KEYS: [&str; 4] = ["id", "key", "code", "name"];

/// The elements of two arrays with what is known of them.
pub(super) struct Rows<'e, 'h> {
    pub(super) ours: Vec<Node<'e>>,
    pub(super) theirs: Vec<Node<'e>>,
    our_hashes: Vec<u64>,
    their_hashes: Vec<u64>,
    hashes: (&'h Hashes, &'h Hashes),
}

/// Who belongs to whom, by position.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) pairs: Vec<(usize, usize)>,
    pub(super) removed: Vec<usize>,
    pub(super) added: Vec<usize>,
    /// Whether pairs cross each other.
    pub(super) reordered: bool,
    /// Whether both sides hold the same elements, in another order.
    pub(super) permutation: bool,
}

impl<'e, 'h> Rows<'e, 'h> {
    pub(super) fn new(a: Node<'e>, b: Node<'e>, hashes: (&'h Hashes, &'h Hashes)) -> Self {
        let (ours, theirs): (Vec<_>, Vec<_>) = (a.elements().collect(), b.elements().collect());
        let our_hashes = ours.iter().map(|node| hashes.0.of(*node)).collect();
        let their_hashes = theirs.iter().map(|node| hashes.1.of(*node)).collect();
        Self {
            ours,
            theirs,
            our_hashes,
            their_hashes,
            hashes,
        }
    }

    /// Pairs the elements of a list, whose order counts.
    pub(super) fn list(&self, sides: (&Side<'_>, &Side<'_>)) -> Plan {
        let (n, m) = (self.ours.len(), self.theirs.len());
        let mut plan = Plan::default();
        let head = (0..n.min(m))
            .take_while(|&i| self.our_hashes[i] == self.their_hashes[i])
            .count();
        let tail = (0..n.min(m) - head)
            .take_while(|&i| self.our_hashes[n - 1 - i] == self.their_hashes[m - 1 - i])
            .count();
        plan.pairs.extend((0..head).map(|i| (i, i)));
        plan.pairs
            .extend((0..tail).map(|i| (n - tail + i, m - tail + i)));
        let (x, y) = (head..n - tail, head..m - tail);
        if x.is_empty() || y.is_empty() || (x.len() == 1 && y.len() == 1) {
            plan.pairs.extend(x.clone().zip(y.clone()));
            let both = x.len().min(y.len());
            plan.removed.extend(x.skip(both));
            plan.added.extend(y.skip(both));
            return plan;
        }
        if n == m && sorted(&self.our_hashes[x.clone()]) == sorted(&self.their_hashes[y.clone()]) {
            plan.permutation = true;
            self.cancel(x, y, &mut plan);
            return plan;
        }
        if let Some((ours, theirs)) = self.natural_keys(sides) {
            return keyed(&ours, &theirs);
        }
        self.align(x, y, &mut plan);
        plan
    }

    /// Pairs the elements of a multiset. `same` decides between elements that hash alike because rules
    /// let parts of them vary.
    pub(super) fn multiset(&self, same: impl Fn(usize, usize) -> bool) -> Plan {
        let mut plan = Plan::default();
        let mut there: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, hash) in self.their_hashes.iter().enumerate().rev() {
            there.entry(*hash).or_default().push(at);
        }
        let mut left = Vec::new();
        for (at, hash) in self.our_hashes.iter().enumerate() {
            let Some(candidates) = there.get_mut(hash).filter(|list| !list.is_empty()) else {
                left.push(at);
                continue;
            };
            let fits = if candidates.len() == 1 || candidates.len() > 64 {
                candidates.len() - 1
            } else {
                candidates
                    .iter()
                    .rposition(|&to| same(at, to))
                    .unwrap_or(candidates.len() - 1)
            };
            plan.pairs.push((at, candidates.remove(fits)));
        }
        let mut right: Vec<usize> = there.into_values().flatten().collect();
        right.sort_unstable();
        self.nearest(&left, &right, &mut plan);
        plan.reordered = crossing(&plan.pairs);
        plan
    }

    /// Pairs by the value of a key; the `k`th of one value belongs to the `k`th of the same.
    pub(super) fn by_key(&self, key: &str, sides: (&Side<'_>, &Side<'_>)) -> Plan {
        let (ours, theirs) = self.keys(key, sides);
        let mut plan = keyed(&ours, &theirs);
        // Rows without the key have only their content to go by.
        let lone = |rows: &mut Vec<usize>, keys: &[Option<u64>]| -> Vec<usize> {
            let (with, without) = rows.iter().partition(|&&at| keys[at].is_some());
            *rows = with;
            without
        };
        let (left, right) = (
            lone(&mut plan.removed, &ours),
            lone(&mut plan.added, &theirs),
        );
        self.nearest(&left, &right, &mut plan);
        plan
    }

    fn keys(
        &self,
        key: &str,
        sides: (&Side<'_>, &Side<'_>),
    ) -> (Vec<Option<u64>>, Vec<Option<u64>>) {
        let ours = self
            .ours
            .iter()
            .map(|row| key_of(*row, key, sides.0, self.hashes.0))
            .collect();
        let theirs = self
            .theirs
            .iter()
            .map(|row| key_of(*row, key, sides.1, self.hashes.1))
            .collect();
        (ours, theirs)
    }

    /// The keys of a natural key that is unique on both sides and largely the same.
    #[allow(clippy::type_complexity)] // two lists of optional keys
    fn natural_keys(
        &self,
        sides: (&Side<'_>, &Side<'_>),
    ) -> Option<(Vec<Option<u64>>, Vec<Option<u64>>)> {
        NATURAL_KEYS.into_iter().find_map(|key| {
            let (ours, theirs) = self.keys(key, sides);
            let unique = |keys: &[Option<u64>]| {
                let mut found: Vec<u64> = keys.iter().copied().collect::<Option<_>>()?;
                found.sort_unstable();
                let count = found.len();
                found.dedup();
                (found.len() == count).then_some(found)
            };
            let (left, right) = (unique(&ours)?, unique(&theirs)?);
            let common = left
                .iter()
                .filter(|key| right.binary_search(key).is_ok())
                .count();
            let overlap = common as f64 / left.len().min(right.len()).max(1) as f64;
            (overlap >= MIN_OVERLAP).then_some((ours, theirs))
        })
    }

    /// Pairs elements of equal hash in their order; for blocks that are permutations of each other.
    fn cancel(&self, x: Range<usize>, y: Range<usize>, plan: &mut Plan) {
        let mut there: HashMap<u64, Vec<usize>> = HashMap::new();
        for at in y.rev() {
            there.entry(self.their_hashes[at]).or_default().push(at);
        }
        for at in x {
            match there.get_mut(&self.our_hashes[at]).and_then(Vec::pop) {
                Some(to) => plan.pairs.push((at, to)),
                None => plan.removed.push(at),
            }
        }
        plan.reordered = crossing(&plan.pairs);
    }

    /// Aligns two blocks: elements that are unique on both sides are fixed points, what lies between
    /// them is paired by likeness.
    fn align(&self, x: Range<usize>, y: Range<usize>, plan: &mut Plan) {
        let mut seen: HashMap<u64, (usize, usize, usize, usize)> = HashMap::new();
        for at in x.clone() {
            let entry = seen.entry(self.our_hashes[at]).or_default();
            (entry.0, entry.1) = (entry.0 + 1, at);
        }
        for at in y.clone() {
            let entry = seen.entry(self.their_hashes[at]).or_default();
            (entry.2, entry.3) = (entry.2 + 1, at);
        }
        let mut anchors: Vec<(usize, usize)> = seen
            .values()
            .filter(|(ours, _, theirs, _)| *ours == 1 && *theirs == 1)
            .map(|&(_, at, _, to)| (at, to))
            .collect();
        anchors.sort_unstable();
        let fixed = longest_rising(&anchors);
        // An equal element that crosses the others has moved; it is no removal and no addition.
        plan.reordered |= fixed.len() < anchors.len();
        plan.pairs.extend(&anchors);
        let our_anchors: Vec<usize> = anchors.iter().map(|(at, _)| *at).collect();
        let mut their_anchors: Vec<usize> = anchors.iter().map(|(_, to)| *to).collect();
        their_anchors.sort_unstable();

        let (mut from, mut to) = (x.start, y.start);
        let ends = fixed.into_iter().chain([(x.end, y.end)]);
        for (our_end, their_end) in ends {
            let free = |range: Range<usize>, paired: &[usize]| -> Vec<usize> {
                range
                    .filter(|at| paired.binary_search(at).is_err())
                    .collect()
            };
            let left = free(from..our_end, &our_anchors);
            let right = free(to..their_end, &their_anchors);
            self.block(&left, &right, plan);
            (from, to) = (our_end + 1, their_end + 1);
        }
    }

    /// Pairs two short blocks without common fixed points, keeping their order.
    fn block(&self, x: &[usize], y: &[usize], plan: &mut Plan) {
        let scalars =
            |rows: &[Node<'_>], at: &[usize]| at.iter().all(|&at| !rows[at].kind().is_container());
        let by_position = x.is_empty()
            || y.is_empty()
            || x.len() == y.len() && (x.len() == 1 || scalars(&self.ours, x))
            || x.len().saturating_mul(y.len()) > MAX_COMBINATIONS;
        if by_position {
            plan.pairs.extend(x.iter().copied().zip(y.iter().copied()));
            let both = x.len().min(y.len());
            plan.removed.extend(&x[both..]);
            plan.added.extend(&y[both..]);
            return;
        }
        // Cheapest alignment; leaving one out costs half of a pair.
        let width = y.len() + 1;
        let gap = 0.5;
        let mut cost = vec![0.0_f64; (x.len() + 1) * width];
        let mut apart = vec![f64::INFINITY; x.len() * y.len()];
        for i in (0..=x.len()).rev() {
            for j in (0..=y.len()).rev() {
                let here = i * width + j;
                cost[here] = match (i == x.len(), j == y.len()) {
                    (true, true) => 0.0,
                    (true, false) => cost[here + 1] + gap,
                    (false, true) => cost[here + width] + gap,
                    (false, false) => {
                        let distance = self.distance(x[i], y[j]);
                        apart[i * y.len() + j] = distance;
                        let pair = if distance <= MAX_DISTANCE {
                            distance
                        } else {
                            f64::INFINITY
                        };
                        (cost[here + width + 1] + pair)
                            .min(cost[here + 1] + gap)
                            .min(cost[here + width] + gap)
                    }
                };
            }
        }
        let (mut i, mut j) = (0, 0);
        let mut gone = (Vec::new(), Vec::new());
        while i < x.len() && j < y.len() {
            let here = i * width + j;
            let distance = apart[i * y.len() + j];
            if distance <= MAX_DISTANCE && cost[here] >= cost[here + width + 1] + distance - 1e-9 {
                self.settle(&mut gone, plan);
                plan.pairs.push((x[i], y[j]));
                (i, j) = (i + 1, j + 1);
            } else if cost[here] >= cost[here + width] + gap - 1e-9 {
                gone.0.push(x[i]);
                i += 1;
            } else {
                gone.1.push(y[j]);
                j += 1;
            }
        }
        gone.0.extend(&x[i..]);
        gone.1.extend(&y[j..]);
        self.settle(&mut gone, plan);
    }

    /// Decides over a run of elements without partners: as many of one type on both sides, in one
    /// place, are elements that changed. Rows of some size with nothing in common are other rows.
    fn settle(&self, gone: &mut (Vec<usize>, Vec<usize>), plan: &mut Plan) {
        let (left, right) = (std::mem::take(&mut gone.0), std::mem::take(&mut gone.1));
        let changed = |i: usize, j: usize| {
            let (a, b) = (self.ours[i], self.theirs[j]);
            let small = a.child_count().max(b.child_count()) < MIN_ROW;
            a.kind() == b.kind() && (small || self.distance(i, j) < 1.0)
        };
        let alike =
            left.len() == right.len() && left.iter().zip(&right).all(|(&i, &j)| changed(i, j));
        if alike {
            plan.pairs.extend(left.into_iter().zip(right));
        } else {
            plan.removed.extend(left);
            plan.added.extend(right);
        }
    }

    /// Pairs leftovers whose order does not count: the nearest first.
    fn nearest(&self, left: &[usize], right: &[usize], plan: &mut Plan) {
        let mut used = (vec![false; left.len()], vec![false; right.len()]);
        if left.len().saturating_mul(right.len()) <= MAX_COMBINATIONS {
            let mut all: Vec<(f64, usize, usize)> = Vec::new();
            for (i, &at) in left.iter().enumerate() {
                for (j, &to) in right.iter().enumerate() {
                    all.push((self.distance(at, to), i, j));
                }
            }
            all.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
            for (distance, i, j) in all {
                if distance <= MAX_DISTANCE && !used.0[i] && !used.1[j] {
                    (used.0[i], used.1[j]) = (true, true);
                    plan.pairs.push((left[i], right[j]));
                }
            }
        }
        let free = |rows: &[usize], used: &[bool]| -> Vec<usize> {
            rows.iter()
                .zip(used)
                .filter(|(_, used)| !**used)
                .map(|(at, _)| *at)
                .collect()
        };
        let mut rest = (free(left, &used.0), free(right, &used.1));
        if rest.0.len() == 1 {
            return self.settle(&mut rest, plan);
        }
        plan.removed.extend(rest.0);
        plan.added.extend(rest.1);
    }

    /// How unlike two elements are: 0 equal, 1 nothing in common. Looks one level deep.
    fn distance(&self, ours: usize, theirs: usize) -> f64 {
        if self.our_hashes[ours] == self.their_hashes[theirs] {
            return 0.0;
        }
        let (a, b) = (self.ours[ours], self.theirs[theirs]);
        if a.kind() != b.kind() {
            return 1.0;
        }
        if a.child_count().saturating_mul(b.child_count()) > MAX_COMBINATIONS {
            // Too wide to look through for every combination: neither alike nor unlike.
            return 0.5;
        }
        match a.kind() {
            JsonType::Object => {
                let mut alike = 0.0;
                let mut count = 0_usize;
                for (key, value) in a.members() {
                    count += 1;
                    let partner = b.members().find(|(name, _)| super::same_key(key, *name));
                    if let Some((_, other)) = partner {
                        let same = self.hashes.0.of(value) == self.hashes.1.of(other);
                        // A nested value that changed somewhere is still there.
                        let nested = value.kind().is_container() && value.kind() == other.kind();
                        alike += if same {
                            1.0
                        } else if nested {
                            0.5
                        } else {
                            0.0
                        };
                    }
                }
                1.0 - alike / count.max(b.child_count()).max(1) as f64
            }
            JsonType::Array => {
                let alike = a
                    .elements()
                    .zip(b.elements())
                    .filter(|(x, y)| self.hashes.0.of(*x) == self.hashes.1.of(*y))
                    .count();
                1.0 - alike as f64 / a.child_count().max(b.child_count()).max(1) as f64
            }
            // Another value of the same type is a change rather than a removal and an addition.
            _ => 0.55,
        }
    }
}

/// The identity of a row: the hash of its member `key`, if that is a scalar.
pub(super) fn key_of(row: Node<'_>, key: &str, side: &Side<'_>, hashes: &Hashes) -> Option<u64> {
    if side.mask(row.index()).is_some() {
        return None;
    }
    let value = row.get(key)?;
    let usable = !value.kind().is_container() && value.kind() != JsonType::Null;
    usable.then(|| hashes.of(value))
}

fn keyed(ours: &[Option<u64>], theirs: &[Option<u64>]) -> Plan {
    let mut plan = Plan::default();
    let mut there: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, key) in theirs.iter().enumerate().rev() {
        match key {
            Some(key) => there.entry(*key).or_default().push(at),
            None => plan.added.push(at),
        }
    }
    for (at, key) in ours.iter().enumerate() {
        match key.and_then(|key| there.get_mut(&key)).and_then(Vec::pop) {
            Some(to) => plan.pairs.push((at, to)),
            None => plan.removed.push(at),
        }
    }
    plan.added.extend(there.into_values().flatten());
    plan.added.sort_unstable();
    plan.reordered = crossing(&plan.pairs);
    plan.permutation = plan.reordered && plan.added.is_empty() && plan.removed.is_empty();
    plan
}

fn sorted(hashes: &[u64]) -> Vec<u64> {
    let mut hashes = hashes.to_vec();
    hashes.sort_unstable();
    hashes
}

/// Whether pairs, taken in the reference's order, go back and forth in the candidate's.
fn crossing(pairs: &[(usize, usize)]) -> bool {
    let mut pairs = pairs.to_vec();
    pairs.sort_unstable();
    !pairs.is_sorted_by_key(|(_, to)| *to)
}

/// The longest part of a list of pairs, sorted by the first, that rises in the second.
fn longest_rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // `ends[k]`: the pair with the smallest second that ends a rising part of length k + 1.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; pairs.len()];
    for (at, pair) in pairs.iter().enumerate() {
        let length = ends.partition_point(|&end| pairs[end].1 < pair.1);
        before[at] = length.checked_sub(1).map(|k| ends[k]);
        if length == ends.len() {
            ends.push(at);
        } else {
            ends[length] = at;
        }
    }
    let mut rising = Vec::with_capacity(ends.len());
    let mut at = ends.last().copied();
    while let Some(position) = at {
        rising.push(pairs[position]);
        at = before[position];
    }
    rising.reverse();
    rising
}
