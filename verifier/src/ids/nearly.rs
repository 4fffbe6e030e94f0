#![deny(clippy::disallowed_methods)]
//! Rows of two lists that say nearly the same: what is wrong with a member of every row must not hide which rows
//! belong together.
//!
//! Rows that differ are easily taken for each other: two rooms of one kind differ in their number alone. So two
//! belong together only if they share a text that no other row of either list has, as a name or an address is,
//! and if each of them has no other such row.

use std::collections::{HashMap, HashSet};

use super::keys::Keys;
use super::reading::{Part, Reading};
use crate::json::{JsonType, Node};

/// With more rows that have no partner, none is sought: each of the one side is held against each of the other.
const MAX_ROWS: usize = 50;

/// A row, as what its members say.
struct Row<'d> {
    node: Node<'d>,
    /// In the order of what they say.
    parts: Vec<Part>,
    /// The texts that no other row of its list has.
    own: Vec<u64>,
}

/// The rows that belong together beside those that do already.
pub(super) fn pairs<'d>(
    keys: &Keys,
    (a, ours): (Node<'d>, &Reading<'_>),
    (b, theirs): (Node<'d>, &Reading<'_>),
    paired: &[(Node<'d>, Node<'d>)],
) -> Vec<(Node<'d>, Node<'d>)> {
    let few = |list| (1..=MAX_ROWS).contains(&objects(list).count().saturating_sub(paired.len()));
    if !few(a) || !few(b) {
        return Vec::new();
    }
    let (left, right) = paired
        .iter()
        .map(|(left, right)| (left.index(), right.index()))
        .unzip();
    let (ours, theirs) = (rows(keys, a, ours, &left), rows(keys, b, theirs, &right));
    let only = |row: &Row<'_>, all: &[Row<'_>]| {
        let mut near = (0..all.len()).filter(|&at| nearly_alike(row, &all[at]));
        near.next().filter(|_| near.next().is_none())
    };
    let partner = |(at, row)| {
        let other = &theirs[only(row, &theirs)?];
        (only(other, &ours) == Some(at)).then_some((row.node, other.node))
    };
    ours.iter().enumerate().filter_map(partner).collect()
}

fn objects(list: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    list.elements().filter(|row| row.kind() == JsonType::Object)
}

/// The rows of a list that have no partner yet.
fn rows<'d>(
    keys: &Keys,
    list: Node<'d>,
    reading: &Reading<'_>,
    paired: &HashSet<u32>,
) -> Vec<Row<'d>> {
    let mut texts: HashMap<u64, u32> = HashMap::new();
    let mut open = Vec::new();
    for node in objects(list) {
        let mut parts = reading.parts(node, keys);
        for text in parts.iter().filter_map(|part| part.text) {
            *texts.entry(text).or_default() += 1;
        }
        if !paired.contains(&node.index()) {
            parts.sort_unstable_by_key(|part| part.says);
            open.push((node, parts));
        }
    }
    let row = |(node, parts): (Node<'d>, Vec<Part>)| {
        let all = parts.iter().filter_map(|part| part.text);
        Row {
            node,
            own: all.filter(|text| texts[text] == 1).collect(),
            parts,
        }
    };
    open.into_iter().map(row).collect()
}

/// Whether two rows have a text of their own in common, and hardly a member that differs.
fn nearly_alike(one: &Row<'_>, other: &Row<'_>) -> bool {
    let shares = one.own.iter().any(|text| other.own.contains(text));
    shares && holds(&one.parts, &other.parts) && holds(&other.parts, &one.parts)
}

/// Whether most of these are among the others: all but a quarter, or all but one, and what is not is a scalar.
fn holds(others: &[Part], these: &[Part]) -> bool {
    let mut rest = others.iter().peekable();
    let mut unlike = these.iter().filter(|part| {
        while rest.next_if(|other| other.says < part.says).is_some() {}
        rest.next_if(|other| other.says == part.says).is_none()
    });
    let most = (these.len() / 4).max(1);
    unlike.by_ref().take(most).all(|part| part.is_scalar) && unlike.next().is_none()
}
