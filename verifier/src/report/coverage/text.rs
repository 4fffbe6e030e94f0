#![deny(clippy::disallowed_methods)]
//! Coverage for a person in a terminal: the endpoints, what is missing, the verdict last.

use std::io;

use owo_colors::{OwoColorize as _, Style};

use super::{COLUMNS, CoverageReport, GAP_COLUMNS, NAMES_AT, WAY_COLUMNS, gap_row, row, title};
use crate::coverage::{Gap, GapKind, TAKES};
use crate::report::Exit;
use crate::report::live::text::lines;
use crate::report::table::{Table, printable};

/// Rows of one list of gaps; the JSON report has all.
const SHOWN: usize = 60;

/// Writes `report`, in colours that [`crate::cli::terminal`] takes away where they are not wanted.
pub fn write(report: &CoverageReport, out: &mut dyn io::Write) -> io::Result<()> {
    let bold = Style::new().bold();
    // Names of parameters have a table of their own: with all of them no terminal is wide enough.
    let (columns, names) = COLUMNS.split_at(NAMES_AT);
    let mut endpoints = table(columns, &[48, 12, 12, 6, 6, 16, 60, 60]);
    let mut named = table(&[&COLUMNS[..1], names].concat(), &[48, 200, 400]);
    for endpoint in &report.coverage.endpoints {
        let mut cells = row(endpoint);
        let names = cells.split_off(NAMES_AT);
        if names.iter().any(|all| !all.is_empty()) {
            named.push([cells[..1].to_vec(), names].concat());
        }
        endpoints.push(cells);
    }
    writeln!(out, "{}", "Endpoints".style(bold))?;
    lines(&endpoints, out)?;
    if !named.is_empty() {
        writeln!(out, "{}", "Parameters and body fields".style(bold))?;
        lines(&named, out)?;
    }
    if report.coverage.with_catalogue {
        writeln!(
            out,
            "  + seen live, but in no case   - in a case, but not seen live   {{key}} a name that may be data\n"
        )?;
    }
    for kind in GapKind::ALL {
        let all: Vec<&Gap> = report
            .coverage
            .gaps
            .iter()
            .filter(|gap| gap.kind == kind)
            .collect();
        gaps(report, kind, &all, out)?;
    }
    for warning in &report.coverage.warnings {
        let word = "warning:".style(Style::new().yellow());
        writeln!(out, "{word} {}", printable(warning))?;
    }
    let style = match report.exit() {
        Exit::Green => Style::new().green(),
        _ => Style::new().yellow(),
    };
    writeln!(out, "{}", report.headline().style(style))
}

fn gaps(
    report: &CoverageReport,
    kind: GapKind,
    all: &[&Gap],
    out: &mut dyn io::Write,
) -> io::Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    let accepted = if report.waived.contains(&kind) {
        ", waived"
    } else {
        ""
    };
    let title = format!("{} ({}{accepted})", title(kind), all.len());
    writeln!(out, "{}", title.style(Style::new().bold()))?;
    let writes = kind == GapKind::UnverifiedWrite;
    let mut table = if writes {
        table(&WAY_COLUMNS[..3], &[48, 16, 80])
    } else {
        table(&GAP_COLUMNS, &[48, 10, 60, 10, 70])
    };
    for gap in all.iter().take(SHOWN) {
        table.push(if writes { ways_row(gap) } else { gap_row(gap) });
    }
    lines(&table, out)?;
    if writes {
        let could = |by: &str| {
            all.iter()
                .any(|gap| gap.could_be.iter().any(|way| way.by == by))
        };
        for (by, needs) in TAKES.iter().filter(|(by, _)| could(by)) {
            writeln!(out, "  {by:8}  {needs}")?;
        }
        writeln!(out)?;
    }
    if all.len() > SHOWN {
        writeln!(
            out,
            "  and {} more, in the JSON report\n",
            all.len() - SHOWN
        )?;
    }
    Ok(())
}

/// The ways of one gap in one cell, each with how many of the requests it covers.
fn ways_row(gap: &Gap) -> Vec<String> {
    let ways: Vec<String> = gap
        .could_be
        .iter()
        .map(|way| match way.requests {
            Some(requests) => format!("{} {requests}", way.by),
            None => way.by.to_owned(),
        })
        .collect();
    let told = if ways.is_empty() {
        "-".to_owned()
    } else {
        ways.join(", ")
    };
    vec![gap.endpoint.clone(), gap.requests.to_string(), told]
}

fn table(columns: &[&'static str], widths: &[usize]) -> Table {
    let columns: Vec<(&str, usize)> = columns
        .iter()
        .zip(widths)
        .map(|(name, width)| (name.trim_start_matches('#'), *width))
        .collect();
    Table::new(&columns)
}
