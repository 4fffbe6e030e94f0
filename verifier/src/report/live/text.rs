#![deny(clippy::disallowed_methods)]
//! The report a person reads in a terminal: endpoints, what differs, the verdict last.

use std::io;

use owo_colors::{OwoColorize as _, Style};

use super::{LiveReport, Side, causes, curl, latency, moment, noise, run_line, wait_text};
use crate::confidence::Standing;
use crate::evidence::record::{Group, StoredDifference};
use crate::report::Exit;
use crate::report::table::{Table, printable};
use crate::self_check::SelfCheckCounts;
use crate::severity::Severity;

/// Groups shown with an example; the others are one line each. The JSON report has all.
const DETAILED: usize = 20;

/// Writes `report`, in colours that [`crate::cli::terminal`] takes away where they are not wanted.
pub fn write(report: &LiveReport, out: &mut dyn io::Write) -> io::Result<()> {
    let bold = Style::new().bold();
    for run in report.evidence.runs.values() {
        writeln!(out, "{} {}", "run".style(bold), printable(&run_line(run)))?;
    }
    endpoints(report, out)?;
    latency::write(report, out)?;
    causes::write(report, out)?;
    let groups = report.groups();
    for (id, group) in groups.iter().take(DETAILED) {
        detailed(report, id, group, out)?;
    }
    if groups.len() > DETAILED {
        writeln!(out, "{}", "More groups".style(bold))?;
        let mut table = Table::new(&[
            ("group", 16),
            ("severity", 8),
            ("count", 10),
            ("endpoint", 40),
            ("place", 60),
            ("kind", 13),
        ]);
        for (id, group) in &groups[DETAILED..] {
            table.push(vec![
                (*id).to_owned(),
                group.key.severity.to_string(),
                group.exchanges.to_string(),
                group.key.endpoint.clone(),
                group.key.place.clone(),
                group.key.kind.to_string(),
            ]);
        }
        lines(&table, out)?;
    }
    noise::write(report, out)?;
    for text in report.gaps().iter().chain(&report.warnings()) {
        writeln!(
            out,
            "{} {}",
            "warning:".style(Style::new().yellow()),
            printable(text)
        )?;
    }
    let least = report.self_check.min_recall * 100.0;
    let words = report.self_check_counts().words();
    writeln!(
        out,
        "Self-check: {words}; for a proof at least {least} % must be shown"
    )?;
    let style = match report.exit() {
        Exit::Green => Style::new().green(),
        Exit::Differences => Style::new().red(),
        Exit::Usage | Exit::Incomplete => Style::new().yellow(),
    };
    writeln!(out, "{}", report.headline().style(style))
}

/// Writes a table, indented, with an empty line behind it.
pub(in crate::report) fn lines(table: &Table, out: &mut dyn io::Write) -> io::Result<()> {
    for line in table.lines() {
        writeln!(out, "  {line}")?;
    }
    writeln!(out)
}

fn endpoints(report: &LiveReport, out: &mut dyn io::Write) -> io::Result<()> {
    let with_catalogue = !report.known.is_empty();
    let mut columns = vec![
        ("endpoint", 48),
        ("sent", 12),
        ("compared", 12),
        ("noise", 12),
        ("undecided", 12),
        ("different", 12),
        ("skipped", 12),
        ("lost", 12),
        ("verdict", 8),
        ("still needed", 14),
        ("at this rate", 12),
        ("shapes", 8),
        ("unseen", 22),
        ("self-check", 18),
        ("not compared", 80),
    ];
    if with_catalogue {
        columns.insert(11, ("a replay could add", 44));
    }
    let mut table = Table::new(&columns);
    for line in report.endpoints() {
        let tally = &line.record.tally;
        let seen = &line.assessment;
        // What fails is repaired, not waited for.
        let missing = seen.needed.filter(|_| seen.standing != Standing::Failing);
        let needed = missing.map_or_else(|| "-".to_owned(), |needed| needed.to_string());
        let wait = seen.wait(report.span());
        let wait = wait.filter(|wait| missing.is_some() && !wait.is_zero());
        let wait = wait.map_or_else(|| "-".to_owned(), wait_text);
        let reasons: Vec<String> = tally
            .not_compared
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        let mut row = vec![
            line.name.to_owned(),
            tally.sent.to_string(),
            tally.compared().to_string(),
            line.noise.to_string(),
            line.undecided.to_string(),
            line.different.to_string(),
            line.skipped.to_string(),
            line.lost.to_string(),
            seen.standing.text().to_owned(),
            needed,
            wait,
            tally.uses.shapes.distinct().to_string(),
            latency::unseen_text(&tally.uses.shapes, report.confidence.alpha),
            recall_text(&tally.self_check),
            reasons.join(", "),
        ];
        if with_catalogue {
            row.insert(11, line.replay_adds().unwrap_or_default());
        }
        table.push(row);
    }
    lines(&table, out)
}

/// Faults found of those injected, and what that shows: `60 of 60 (≥95 %)`.
fn recall_text(counts: &SelfCheckCounts) -> String {
    if counts.is_empty() {
        return "-".to_owned();
    }
    let (found, injected) = (counts.found, counts.injected());
    format!(
        "{found} of {injected} (≥{:.0} %)",
        counts.recall_lower() * 100.0
    )
}

fn detailed(
    report: &LiveReport,
    id: &str,
    group: &Group,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let key = &group.key;
    let style = match key.severity {
        Severity::Breaking => Style::new().red(),
        Severity::Risky => Style::new().yellow(),
        Severity::Benign => Style::new().dimmed(),
    };
    writeln!(
        out,
        "{} {} × {}  {}  {} {}",
        format!("[{id}]").style(Style::new().bold()),
        group.exchanges,
        key.severity.style(style),
        printable(&key.endpoint),
        printable(&key.place),
        key.kind,
    )?;
    if let Some(relation) = &key.relation {
        writeln!(out, "  {}", printable(&relation.text))?;
    }
    writeln!(
        out,
        "  status {}, first {}, last {}",
        key.statuses,
        moment(group.first_ms),
        moment(group.last_ms)
    )?;
    let Some(sample) = group.samples.first() else {
        return writeln!(out);
    };
    let StoredDifference {
        location,
        reference,
        candidate,
        ..
    } = &sample.difference;
    writeln!(
        out,
        "  at {}: legacy {}, core {}",
        printable(location),
        shown(reference.as_deref()),
        shown(candidate.as_deref())
    )?;
    for side in [Side::Legacy, Side::Core] {
        writeln!(out, "  {}", printable(&curl(report, sample, side)))?;
    }
    let trace = report
        .trace_url(sample)
        .or_else(|| sample.traceparent.clone());
    for (word, value) in [("trace", trace), ("request id", sample.request_id.clone())] {
        if let Some(value) = value {
            writeln!(out, "  {word} {}", printable(&value))?;
        }
    }
    writeln!(out)
}

fn shown(value: Option<&str>) -> String {
    value.map_or_else(|| "nothing".to_owned(), printable)
}
