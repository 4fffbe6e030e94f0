#![deny(clippy::disallowed_methods)]
//! What differs but is no finding, in a terminal: noise by name, and what cannot be told yet.

use std::io;

use owo_colors::{OwoColorize as _, Style};

use super::LiveReport;
use super::text::lines;
use crate::evidence::noise::Decision;
use crate::report::table::Table;

/// Rows of each table; the JSON report has all.
const ROWS: usize = 40;

/// Writes both tables; nothing where second answers were never asked for.
pub(super) fn write(report: &LiveReport, out: &mut dyn io::Write) -> io::Result<()> {
    table(report, Decision::Undecided, "Undecided", out)?;
    table(report, Decision::Noise, "Noise", out)
}

fn table(
    report: &LiveReport,
    decision: Decision,
    title: &str,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let groups = report.groups_of(decision);
    if groups.is_empty() {
        return Ok(());
    }
    let decisions = report.decisions();
    let mut table = Table::new(&[
        ("endpoint", 40),
        ("place", 48),
        ("manner", 40),
        ("core only", 10),
        ("twin only", 10),
        ("both", 10),
        ("of pairs", 10),
        ("why", 40),
    ]);
    let (mut rows, mut more) = (0, 0);
    for (_, group) in groups {
        for (id, cell) in report.cells(group) {
            if rows >= ROWS {
                more += 1;
                continue;
            }
            let Some(judged) = decisions.cells.get(id) else {
                continue;
            };
            let (manner, why) = match judged.decision {
                Decision::Noise => (cell.manner.noise().to_owned(), judged.cause.words()),
                _ => (cell.manner.text(), judged.cause.words()),
            };
            rows += 1;
            table.push(vec![
                group.key.endpoint.clone(),
                group.key.place.clone(),
                manner,
                cell.core_only.to_string(),
                cell.twin_only.to_string(),
                cell.both.to_string(),
                judged.paired.to_string(),
                why.to_owned(),
            ]);
        }
    }
    writeln!(out, "{}", title.style(Style::new().bold()))?;
    lines(&table, out)?;
    if more > 0 {
        writeln!(out, "  and {more} more, in the JSON report\n")?;
    }
    Ok(())
}
