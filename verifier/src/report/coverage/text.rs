#![deny(clippy::disallowed_methods)]
//! Coverage for a person in a terminal: the endpoints, what is missing, the verdict last.

use std::io;

use owo_colors::{OwoColorize as _, Style};

use super::{COLUMNS, CoverageReport, GAP_COLUMNS, WAY_COLUMNS, gap_row, row, title, way_rows};
use crate::coverage::{Gap, GapKind};
use crate::report::Exit;
use crate::report::live::text::lines;
use crate::report::table::{Table, printable};

/// Rows of one list of gaps; the JSON report has all.
const SHOWN: usize = 60;

/// Writes `report`, in colours that [`crate::cli::terminal`] takes away where they are not wanted.
pub fn write(report: &CoverageReport, out: &mut dyn io::Write) -> io::Result<()> {
    let bold = Style::new().bold();
    let widths = [48, 12, 12, 6, 6, 16, 60, 60, 90, 90];
    let mut table = table(&COLUMNS, &widths);
    for endpoint in &report.coverage.endpoints {
        table.push(row(endpoint));
    }
    writeln!(out, "{}", "Endpoints".style(bold))?;
    lines(&table, out)?;
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
    let mut table = if kind == GapKind::UnverifiedWrite {
        table(&WAY_COLUMNS, &[48, 15, 12, 10, 110])
    } else {
        table(&GAP_COLUMNS, &[48, 10, 60, 10, 70])
    };
    for gap in all.iter().take(SHOWN) {
        if kind == GapKind::UnverifiedWrite {
            for row in way_rows(gap) {
                table.push(row);
            }
        } else {
            table.push(gap_row(gap));
        }
    }
    lines(&table, out)?;
    if all.len() > SHOWN {
        writeln!(
            out,
            "  and {} more, in the JSON report\n",
            all.len() - SHOWN
        )?;
    }
    Ok(())
}

fn table(columns: &[&'static str], widths: &[usize]) -> Table {
    let columns: Vec<(&str, usize)> = columns
        .iter()
        .zip(widths)
        .map(|(name, width)| (name.trim_start_matches('#'), *width))
        .collect();
    Table::new(&columns)
}
