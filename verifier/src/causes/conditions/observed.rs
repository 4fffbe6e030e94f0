//! The requests that a condition is sought among: those that show the difference, and the others that
//! were looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::evidence::facts::{Facts, ROLE, Row, STATUS};
use crate::evidence::record::Group;

/// Groups of one cause, each with how the exchanges of its endpoint were asked.
pub type Members<'g> = Vec<(&'g Group, &'g Facts)>;

/// Requests that were asked alike.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) row: Arc<Row>,
    /// How many show the difference.
    pub(super) shown: u64,
    /// How many do not.
    pub(super) others: u64,
}

#[derive(Debug)]
pub(super) struct Observed {
    pub(super) lines: Vec<Line>,
}

impl Observed {
    /// `None` where too little was written down.
    pub(super) fn of(members: &Members<'_>) -> Option<Self> {
        let mut endpoints: BTreeMap<&str, (&Facts, Vec<&Group>)> = BTreeMap::new();
        for &(group, facts) in members {
            if group.facts.is_empty() || facts.is_empty() {
                return None;
            }
            let entry = endpoints.entry(&group.key.endpoint);
            entry.or_insert((facts, Vec::new())).1.push(group);
        }
        let lines = endpoints
            .into_values()
            .flat_map(|(facts, groups)| lines(facts, &groups))
            .collect();
        Some(Self { lines })
    }

    pub(super) fn shown(&self) -> u64 {
        sum(self.lines.iter().map(|line| line.shown))
    }

    pub(super) fn others(&self) -> u64 {
        sum(self.lines.iter().map(|line| line.others))
    }

    /// Whether no two requests that were asked alike are on both sides.
    pub(super) fn is_separable(&self) -> bool {
        !self
            .lines
            .iter()
            .any(|line| line.shown > 0 && line.others > 0)
    }
}

/// The requests of one endpoint. An exchange may be in several of the groups, so of each row the largest
/// count is taken.
fn lines(facts: &Facts, groups: &[&Group]) -> Vec<Line> {
    // A place in a body may not exist under another status; a field does, and is in all answers.
    let is_field = groups
        .iter()
        .all(|group| group.key.place.starts_with("header:"));
    let statuses: Vec<String> = groups
        .iter()
        .map(|group| group.key.statuses.reference.to_string())
        .collect();
    let asked = |row: &Row| {
        is_field
            || row
                .get(STATUS)
                .is_some_and(|status| statuses.contains(status))
    };
    // Elsewhere the difference names its status itself.
    let plain = |row: &Arc<Row>| {
        if is_field {
            return Arc::clone(row);
        }
        let mut row = Row::clone(row);
        row.remove(STATUS);
        Arc::new(row)
    };
    let mut shown: BTreeMap<&Arc<Row>, (u64, u64)> = BTreeMap::new();
    let mut known_to = facts.known_to();
    for group in groups {
        known_to = known_to.min(group.facts.known_to());
        for (place, row, count) in group.facts.rows() {
            let most = shown.entry(row).or_insert((place, 0));
            most.1 = most.1.max(count);
        }
    }
    let mut lines: BTreeMap<Arc<Row>, (u64, u64)> = BTreeMap::new();
    for (row, (_, count)) in &shown {
        let line = lines.entry(plain(row)).or_default();
        line.0 = line.0.saturating_add(*count);
    }
    for (place, row, count) in facts.rows() {
        if place > known_to || !asked(row) {
            continue;
        }
        let differ = shown.get(row).map_or(0, |(_, count)| *count);
        let line = lines.entry(plain(row)).or_default();
        line.1 = line.1.saturating_add(count.saturating_sub(differ));
    }
    let lines = lines.into_iter();
    lines
        .filter(|(_, (shown, others))| shown + others > 0)
        .map(|(row, (shown, others))| Line { row, shown, others })
        .collect()
}

fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

/// Whether a fact's value is one, and not a class that stands for many.
pub(super) fn is_value(text: &str) -> bool {
    !text.starts_with('<') || matches!(text, "<null>" | "<empty>")
}

/// Roles first, then as the names stand in order.
pub(super) fn rank_of(name: &str) -> (u8, &str) {
    (u8::from(name == ROLE), name)
}
