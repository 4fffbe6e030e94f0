#![deny(clippy::disallowed_methods)]
//! The report on coverage, in one file a form.

pub mod json;
pub mod sheet;
pub mod text;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;

use super::Exit;
use crate::coverage::{Coverage, EndpointCoverage, Gap, GapKind, Met};

/// Coverage with where it came from.
#[derive(Debug)]
pub struct CoverageReport {
    /// The files of evidence.
    pub evidence: Vec<PathBuf>,
    /// The catalogue.
    pub catalogue: Option<PathBuf>,
    /// The folder of golden files.
    pub golden: Option<PathBuf>,
    /// What is covered.
    pub coverage: Coverage,
    /// Kinds of gap that somebody accepts.
    pub waived: Vec<GapKind>,
}

impl CoverageReport {
    /// Gaps that make the coverage incomplete.
    pub fn open(&self) -> impl Iterator<Item = &Gap> {
        let gaps = self.coverage.gaps.iter();
        gaps.filter(|gap| gap.kind.counts() && !self.waived.contains(&gap.kind))
    }

    /// Gaps are incomplete, and so is evidence without a request.
    pub fn exit(&self) -> Exit {
        let nothing = self.coverage.totals().sent == 0;
        if nothing || self.open().next().is_some() {
            Exit::Incomplete
        } else {
            Exit::Green
        }
    }

    /// The verdict in one line.
    pub fn headline(&self) -> String {
        let totals = self.coverage.totals();
        if totals.sent == 0 {
            return "NOTHING  the evidence holds no request".to_owned();
        }
        let counts = if self.coverage.with_catalogue {
            format!(
                "{}/{} endpoints seen live, {}/{} cases with a golden file, {} of {} requests compared",
                totals.endpoints_live,
                totals.endpoints,
                totals.cases_with_golden,
                totals.cases,
                totals.compared,
                totals.sent
            )
        } else {
            format!(
                "{} routes seen live, {} of {} requests compared",
                totals.routes_not_in_catalogue, totals.compared, totals.sent
            )
        };
        let open: Vec<String> = GapKind::ALL
            .into_iter()
            .map(|kind| (kind, self.open().filter(|gap| gap.kind == kind).count()))
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        if open.is_empty() && !self.coverage.with_catalogue {
            // Nothing was held against anything.
            format!("SEEN  {counts}")
        } else if open.is_empty() {
            format!("COVERED  {counts}")
        } else {
            format!("GAPS  {}; {counts}", open.join(", "))
        }
    }
}

/// What a heading says of a kind of gap.
const fn title(kind: GapKind) -> &'static str {
    match kind {
        GapKind::NeverLive => "Never seen live",
        GapKind::UnknownRoute => "Live routes that the catalogue does not name",
        GapKind::NoGolden => "Cases without a golden file",
        GapKind::NoCase => "Seen live, but in no case",
        GapKind::UnverifiedWrite => "Writes without a verdict",
        GapKind::CaseOnly => "In cases, but not seen live",
    }
}

/// Names with their marks: `200 +404 -409`.
fn marked<N: Display>(all: &BTreeMap<N, Met>) -> String {
    let names: Vec<String> = all
        .iter()
        .map(|(name, met)| format!("{}{name}", met.mark()))
        .collect();
    names.join(" ")
}

/// Columns of the table of endpoints; a number's begins with `#`.
const COLUMNS: [&str; 10] = [
    "endpoint",
    "#sent",
    "#compared",
    "#cases",
    "#golden",
    "writes",
    "statuses",
    "roles",
    "parameters",
    "body fields",
];

/// Where the names of parameters begin among them.
const NAMES_AT: usize = 8;

fn row(endpoint: &EndpointCoverage) -> Vec<String> {
    let golden = endpoint.cases.iter().filter(|case| case.golden).count();
    let policies: Vec<&str> = endpoint
        .handlings
        .keys()
        .filter(|handling| handling.writes())
        .map(|handling| handling.text())
        .collect();
    vec![
        endpoint.name.clone(),
        endpoint.seen.sent.to_string(),
        endpoint.seen.compared.to_string(),
        endpoint.cases.len().to_string(),
        golden.to_string(),
        if policies.is_empty() {
            "-".to_owned()
        } else {
            policies.join(" ")
        },
        marked(&endpoint.statuses),
        marked(&endpoint.roles),
        marked(&endpoint.parameters),
        marked(&endpoint.fields),
    ]
}

/// Columns of the table of a kind of gap.
const GAP_COLUMNS: [&str; 5] = ["endpoint", "what", "", "#requests", "remedy"];

fn gap_row(gap: &Gap) -> Vec<String> {
    vec![
        gap.endpoint.clone(),
        gap.aspect.text().to_owned(),
        gap.name.clone(),
        gap.requests.to_string(),
        gap.remedy.clone(),
    ]
}

/// Columns of the table of what could verify writes.
const WAY_COLUMNS: [&str; 5] = [
    "endpoint",
    "#without verdict",
    "could be by",
    "#of them",
    "needs",
];

fn way_rows(gap: &Gap) -> Vec<Vec<String>> {
    let mut first = [gap.endpoint.clone(), gap.requests.to_string()];
    let ways = gap.could_be.iter().map(|way| {
        let [endpoint, requests] = std::mem::take(&mut first);
        let covered = way.requests;
        vec![
            endpoint,
            requests,
            way.by.to_owned(),
            covered.map_or_else(|| "-".to_owned(), |n| n.to_string()),
            way.needs.clone(),
        ]
    });
    let ways: Vec<Vec<String>> = ways.collect();
    if ways.is_empty() {
        let none = "nothing is left to try here".to_owned();
        let [endpoint, requests] = first;
        return vec![vec![
            endpoint,
            requests,
            "-".to_owned(),
            "-".to_owned(),
            none,
        ]];
    }
    ways
}
