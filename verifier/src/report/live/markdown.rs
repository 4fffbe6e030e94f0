#![deny(clippy::disallowed_methods)]
//! The report as Markdown, for a pull request or a ticket. Values are text there, never markup.

use std::io;

use super::{LiveReport, Side, curl, moment, quantile_text, run_line};
use crate::report::table::printable;

/// Writes `report`.
pub fn write(report: &LiveReport, out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(
        out,
        "# Shadow traffic\n\n**{}**\n",
        escape(&report.headline())
    )?;
    for run in report.evidence.runs.values() {
        writeln!(out, "- {}", escape(&run_line(run)))?;
    }
    for text in report.gaps().iter().chain(&report.warnings()) {
        writeln!(out, "- warning: {}", escape(text))?;
    }
    writeln!(out, "\n## Endpoints\n")?;
    writeln!(
        out,
        "| endpoint | sent | compared | noise | undecided | different | skipped | lost | legacy p99 | core p99 |"
    )?;
    writeln!(out, "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")?;
    for line in report.endpoints() {
        let tally = &line.record.tally;
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            escape(line.name),
            tally.sent,
            tally.compared(),
            line.noise,
            line.undecided,
            line.different,
            line.skipped,
            line.lost,
            quantile_text(&tally.reference_latency, 0.99),
            quantile_text(&tally.candidate_latency, 0.99),
        )?;
    }
    let groups = report.groups();
    if !groups.is_empty() {
        writeln!(out, "\n## Differences")?;
    }
    for (id, group) in groups {
        let key = &group.key;
        writeln!(
            out,
            "\n### {} {} at {}\n",
            escape(&key.endpoint),
            key.kind,
            escape(&key.place)
        )?;
        writeln!(
            out,
            "{} × **{}**, status {}, group `{id}`, {} to {}",
            group.exchanges,
            key.severity,
            key.statuses,
            moment(group.first_ms),
            moment(group.last_ms)
        )?;
        if let Some(relation) = &key.relation {
            writeln!(out, "\n{}", escape(&relation.text))?;
        }
        let Some(sample) = group.samples.first() else {
            continue;
        };
        let shown =
            |value: &Option<String>| value.as_deref().map_or("*nothing*".to_owned(), escape);
        writeln!(
            out,
            "\n| | value at {} |\n|---|---|",
            escape(&sample.difference.location)
        )?;
        writeln!(out, "| legacy | {} |", shown(&sample.difference.reference))?;
        writeln!(out, "| core | {} |", shown(&sample.difference.candidate))?;
        let commands = format!(
            "{}\n{}",
            printable(&curl(report, sample, Side::Legacy)),
            printable(&curl(report, sample, Side::Core))
        );
        let fence = fence(&commands);
        writeln!(out, "\n{fence}sh\n{commands}\n{fence}")?;
        if let Some(url) = report.trace_url(sample) {
            writeln!(out, "\ntrace {}", escape(&url))?;
        }
    }
    Ok(())
}

/// Text that stays text: no markup, no HTML, no cell border, no control character.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // An entity rather than a backslash: it also ends what would become a link by itself.
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' | '@' => {
                out.push_str(&format!("&#{};", u32::from(c)));
            }
            _ => out.push(c),
        }
    }
    out
}

/// A fence longer than any run of backticks inside.
fn fence(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}
