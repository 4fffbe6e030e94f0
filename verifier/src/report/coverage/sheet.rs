#![deny(clippy::disallowed_methods)]
//! Coverage as a [`Sheet`]: a gap is a row of a table and a skipped check.

use super::{COLUMNS, CoverageReport, GAP_COLUMNS, WAY_COLUMNS, gap_row, row, title, way_rows};
use crate::coverage::{Gap, GapKind};
use crate::report::sheet::{Check, Grid, Outcome, Sheet};

/// Fills a sheet.
pub fn sheet(report: &CoverageReport) -> Sheet {
    let coverage = &report.coverage;
    let totals = coverage.totals();
    let mut grids = Vec::new();
    for kind in GapKind::ALL {
        let all = coverage.gaps.iter().filter(|gap| gap.kind == kind);
        let writes = kind == GapKind::UnverifiedWrite;
        grids.push(Grid {
            title: title(kind),
            columns: if writes {
                WAY_COLUMNS.to_vec()
            } else {
                GAP_COLUMNS.to_vec()
            },
            rows: if writes {
                all.flat_map(way_rows).collect()
            } else {
                all.map(gap_row).collect()
            },
            folded: !kind.counts() || report.waived.contains(&kind),
        });
    }
    grids.push(Grid {
        title: "Endpoints",
        columns: COLUMNS.to_vec(),
        rows: coverage.endpoints.iter().map(row).collect(),
        folded: false,
    });
    let open: Vec<String> = GapKind::ALL
        .into_iter()
        .map(|kind| (kind, report.open().filter(|gap| gap.kind == kind).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| format!("{}: {count}", title(kind)))
        .collect();
    Sheet {
        title: "coverage".to_owned(),
        exit: report.exit(),
        verdict: report.headline(),
        counts: vec![
            ("sent", totals.sent.to_string()),
            ("compared", totals.compared.to_string()),
            ("cases", totals.cases.to_string()),
            ("gaps", report.open().count().to_string()),
        ],
        facts: report
            .evidence
            .iter()
            .chain(&report.catalogue)
            .chain(&report.golden)
            .map(|path| path.display().to_string())
            .collect(),
        gaps: open,
        warnings: coverage.warnings.clone(),
        sides: ["legacy", "core"],
        grids,
        items: Vec::new(),
        checks: checks(report),
    }
}

/// One check an endpoint, and one a gap: a gap is no failure, it is something nobody looked at.
fn checks(report: &CoverageReport) -> Vec<Check> {
    let mut checks = Vec::new();
    for endpoint in &report.coverage.endpoints {
        let check = |name: String, outcome: Outcome| Check {
            suite: endpoint.name.clone(),
            name,
            seconds: None,
            file: None,
            outcome,
            remarks: Vec::new(),
        };
        let gaps: Vec<&Gap> = report
            .open()
            .filter(|gap| gap.endpoint == endpoint.name)
            .collect();
        if gaps.is_empty() {
            checks.push(check("covered".to_owned(), Outcome::Passed));
        }
        for gap in gaps {
            checks.push(check(
                format!("{}: {} {}", gap.kind, gap.aspect.text(), gap.name),
                Outcome::Skipped(gap.remedy.clone()),
            ));
        }
    }
    checks
}
