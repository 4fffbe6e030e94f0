#![deny(clippy::disallowed_methods)]
//! What differs but is no finding, in a terminal: noise by name, and what cannot be told yet.

use std::io;

use owo_colors::{OwoColorize as _, Style};

use super::LiveReport;
use super::text::lines;
use crate::evidence::noise::Decision;
use crate::report::sheet::Grid;
use crate::report::table::Table;

/// What differs and is no finding.
const TABLES: [(Decision, &str); 2] = [
    (Decision::Undecided, "Undecided"),
    (Decision::Noise, "Noise"),
];

/// Rows of each table; the JSON report has all.
const ROWS: usize = 40;

/// Writes both tables; nothing where second answers were never asked for.
pub(super) fn write(report: &LiveReport, out: &mut dyn io::Write) -> io::Result<()> {
    for (decision, title) in TABLES {
        table(report, decision, title, out)?;
    }
    Ok(())
}

/// Columns of the tables; a number's begins with `#`.
const COLUMNS: [&str; 9] = [
    "endpoint",
    "place",
    "manner",
    "#core only",
    "#twin only",
    "#both",
    "#of pairs",
    "#unpaired",
    "why",
];

/// A row for each place and manner of one decision.
fn rows(report: &LiveReport, decision: Decision) -> Vec<Vec<String>> {
    let decisions = report.decisions();
    let mut rows = Vec::new();
    for (_, group) in report.groups_of(decision) {
        for (id, cell) in report.cells(group) {
            let Some(judged) = decisions.cells.get(id) else {
                continue;
            };
            let manner = match judged.decision {
                Decision::Noise => cell.manner.noise().to_owned(),
                _ => cell.manner.text(),
            };
            rows.push(vec![
                group.key.endpoint.clone(),
                group.key.place.clone(),
                manner,
                cell.core_only.to_string(),
                cell.twin_only.to_string(),
                cell.both.to_string(),
                judged.paired.to_string(),
                cell.unpaired.to_string(),
                judged.cause.words().to_owned(),
            ]);
        }
    }
    rows
}

/// Both sections of a sheet, to be unfolded.
pub(super) fn grids(report: &LiveReport) -> [Grid; 2] {
    TABLES.map(|(decision, title)| Grid {
        title,
        columns: COLUMNS.to_vec(),
        rows: rows(report, decision),
        folded: true,
    })
}

fn table(
    report: &LiveReport,
    decision: Decision,
    title: &str,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let rows = rows(report, decision);
    if rows.is_empty() {
        return Ok(());
    }
    let widths = [40, 48, 40, 10, 10, 10, 10, 10, 80];
    let columns: Vec<(&str, usize)> = COLUMNS
        .iter()
        .zip(widths)
        .map(|(name, width)| (name.trim_start_matches('#'), width))
        .collect();
    let mut table = Table::new(&columns);
    let more = rows.len().saturating_sub(ROWS);
    for row in rows.into_iter().take(ROWS) {
        table.push(row);
    }
    table.leave_out_idle(&["unpaired"]);
    writeln!(out, "{}", title.style(Style::new().bold()))?;
    lines(&table, out)?;
    if more > 0 {
        writeln!(out, "  and {more} more, in the JSON report\n")?;
    }
    Ok(())
}
