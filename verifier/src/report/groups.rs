#![deny(clippy::disallowed_methods)]
//! Findings of one look, put together: a header that is missing in fifty answers is one thing to
//! read, not fifty that hide the one real bug.

use std::collections::BTreeMap;

use super::{CaseReport, Report, State};
use crate::severity::Severity;
use crate::verdict::{Difference, Kind, Location};

/// Findings of the same kind at the same place; for status and headers also of the same values.
#[derive(Debug)]
pub struct Group<'r> {
    /// The place, with `*` for every index.
    pub place: &'r str,
    /// What changed.
    pub kind: Kind,
    /// The worst severity among them.
    pub severity: Severity,
    /// The first of them, as an example.
    pub example: &'r Difference,
    /// Ids of the cases that show it, each once.
    pub cases: Vec<&'r str>,
    /// How many findings there are.
    pub count: usize,
}

type Key<'r> = (&'r str, Kind, Option<&'r str>, Option<&'r str>);

/// What makes two findings one thing to a reader.
fn key(finding: &Difference) -> Key<'_> {
    let by_value = matches!(finding.location, Location::Status | Location::Header(_));
    let reference = finding.reference.as_deref().filter(|_| by_value);
    let candidate = finding.candidate.as_deref().filter(|_| by_value);
    (&finding.group, finding.kind, reference, candidate)
}

/// All groups of a report: the worst first, then the most frequent.
pub fn groups(report: &Report) -> Vec<Group<'_>> {
    let mut all: BTreeMap<Key<'_>, Group<'_>> = BTreeMap::new();
    for case in &report.cases {
        for finding in &case.findings {
            let group = all.entry(key(finding)).or_insert_with(|| Group {
                place: &finding.group,
                kind: finding.kind,
                severity: finding.severity,
                example: finding,
                cases: Vec::new(),
                count: 0,
            });
            group.count += 1;
            group.severity = group.severity.max(finding.severity);
            if group.cases.last() != Some(&case.case.as_str()) {
                group.cases.push(&case.case);
            }
        }
    }
    let mut groups: Vec<Group<'_>> = all.into_values().collect();
    groups.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then(b.cases.len().cmp(&a.cases.len()))
            .then(a.place.cmp(b.place))
    });
    groups
}

/// A group that more than half of the differing cases show, and at least five: shown once for all.
pub fn is_common(group: &Group<'_>, report: &Report) -> bool {
    let differing = report
        .cases
        .iter()
        .filter(|case| case.state == State::Different)
        .count();
    group.cases.len() >= 5 && group.cases.len() * 2 > differing
}

/// The findings of `case` that belong to none of `common`.
pub fn without<'r>(case: &'r CaseReport, common: &[Group<'r>]) -> Vec<&'r Difference> {
    case.findings
        .iter()
        .filter(|finding| {
            !common
                .iter()
                .any(|group| key(group.example) == key(finding))
        })
        .collect()
}
