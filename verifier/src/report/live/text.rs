#![deny(clippy::disallowed_methods)]
//! The report a person reads in a terminal: endpoints, what differs, the verdict last.

use std::collections::BTreeMap;
use std::io;

use owo_colors::{OwoColorize as _, Style};

use super::{
    LiveReport, Side, causes, curl, latency, moment, needed_text, noise, run_line, statuses_text,
};
use crate::evidence::record::{Group, StoredDifference};
use crate::report::Exit;
use crate::report::table::{Table, printable};
use crate::self_check::SelfCheckCounts;
use crate::severity::Severity;
use crate::verdict::Kind;

/// Groups of one line each, after those that are the example of a cause; the JSON report has all.
const LISTED: usize = 60;

/// Writes `report`, in colours that [`crate::cli::terminal`] takes away where they are not wanted.
pub fn write(report: &LiveReport, out: &mut dyn io::Write) -> io::Result<()> {
    let bold = Style::new().bold();
    for run in report.evidence.runs.values() {
        writeln!(out, "{} {}", "run".style(bold), printable(&run_line(run)))?;
    }
    endpoints(report, out)?;
    latency::write(report, out)?;
    let groups = report.groups();
    let all = report.causes();
    causes::write(report, &all, out)?;
    let ranks = causes::ranks(&all);
    // Each cause with its example; the other groups tell no more than how often and where.
    let examples = causes::examples(report, &all);
    for (id, group) in &examples {
        detailed(report, id, group, ranks.get(id).copied(), out)?;
    }
    let others: Vec<_> = groups
        .iter()
        .filter(|(id, _)| !examples.iter().any(|(shown, _)| shown == id))
        .collect();
    if !others.is_empty() {
        writeln!(out, "{}", "More groups".style(bold))?;
        let mut table = Table::new(&[
            ("group", 16),
            ("cause", 5),
            ("severity", 8),
            ("count", 10),
            ("kind", 13),
            ("endpoint", 40),
            ("place", 200),
        ]);
        for (id, group) in others.iter().take(LISTED) {
            table.push(vec![
                (*id).to_owned(),
                ranks.get(id).map_or_else(String::new, usize::to_string),
                group.key.severity.to_string(),
                group.exchanges.to_string(),
                group.key.kind.to_string(),
                group.key.endpoint.clone(),
                group.key.place.clone(),
            ]);
        }
        lines(&table, out)?;
    }
    if let Some(more) = others.len().checked_sub(LISTED).filter(|more| *more > 0) {
        writeln!(out, "  and {more} more groups, see the JSON report\n")?;
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

/// Columns that are left out where nobody would miss them.
const IDLE: [&str; 5] = [
    "noise",
    "undecided",
    "lost",
    "a replay could add",
    "self-check",
];

/// A line for each endpoint and one of all together, twice: what was compared and what it proves; what
/// was seen and what was not.
fn endpoints(report: &LiveReport, out: &mut dyn io::Write) -> io::Result<()> {
    let mut proof = Table::new(&[
        ("endpoint", 48),
        ("verdict", 8),
        ("sent", 12),
        ("compared", 12),
        ("noise", 12),
        ("undecided", 12),
        ("different", 12),
        ("lost", 12),
        ("rate", 14),
        ("still needed", 24),
    ]);
    let mut seen = Table::new(&[
        ("endpoint", 48),
        ("shapes", 8),
        ("unseen", 22),
        ("self-check", 18),
        ("a replay could add", 44),
        ("not compared", 200),
    ]);
    let alpha = report.confidence.alpha;
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for line in report.endpoints() {
        let tally = &line.record.tally;
        let proved = &line.assessment;
        let wait = proved.wait(report.span());
        proof.push(vec![
            line.name.to_owned(),
            proved.standing.text().to_owned(),
            tally.sent.to_string(),
            tally.compared().to_string(),
            line.noise.to_string(),
            line.undecided.to_string(),
            line.different.to_string(),
            line.lost.to_string(),
            latency::range_text(&proved.rate),
            needed_text(proved, wait),
        ]);
        for (reason, count) in &tally.not_compared {
            let sum = reasons.entry(reason).or_default();
            *sum = sum.saturating_add(*count);
        }
        let these = tally.not_compared.iter();
        seen.push(vec![
            line.name.to_owned(),
            tally.uses.shapes.distinct().to_string(),
            latency::unseen_text(&tally.uses.shapes.counts(), alpha),
            recall_text(&tally.self_check),
            line.replay_adds().unwrap_or_default(),
            reasons_text(these.map(|(reason, count)| (reason.as_str(), *count))),
        ]);
    }
    let (totals, pool, shapes) = (report.totals(), report.pool(), report.shapes());
    proof.push(vec![
        "all".to_owned(),
        pool.assessment.standing.text().to_owned(),
        totals.sent.to_string(),
        totals.compared.to_string(),
        totals.noise.to_string(),
        totals.undecided.to_string(),
        totals.different.to_string(),
        totals.lost.to_string(),
        latency::range_text(&pool.assessment.rate),
        needed_text(&pool.assessment, pool.wait),
    ]);
    seen.push(vec![
        "all".to_owned(),
        shapes.distinct.to_string(),
        latency::unseen_text(&shapes, alpha),
        recall_text(&report.self_check_counts()),
        String::new(),
        reasons_text(reasons.into_iter()),
    ]);
    for (title, table) in [("Endpoints", &mut proof), ("What was seen", &mut seen)] {
        table.leave_out_idle(&IDLE);
        writeln!(out, "{}", title.style(Style::new().bold()))?;
        lines(table, out)?;
    }
    Ok(())
}

fn reasons_text<'r>(reasons: impl Iterator<Item = (&'r str, u64)>) -> String {
    let told: Vec<String> = reasons
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| format!("{reason} {count}"))
        .collect();
    told.join(", ")
}

/// Faults found of those injected, and what that shows: `60 of 60 (≥95 %)`.
pub(super) fn recall_text(counts: &SelfCheckCounts) -> String {
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
    cause: Option<usize>,
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
        "{} {} × {}  {}  {}{}",
        format!("[{id}]").style(Style::new().bold()),
        group.exchanges,
        key.severity.style(style),
        printable(&key.endpoint),
        match key.kind {
            Kind::Status => "status".to_owned(),
            kind => match key.place.strip_prefix("header:") {
                Some(name) => format!("header {}", printable(name)),
                None => format!("{} {kind}", printable(&key.place)),
            },
        },
        cause.map_or_else(String::new, |rank| format!("  (cause {rank})")),
    )?;
    if let Some(relation) = &key.relation {
        writeln!(out, "  {}", printable(&relation.text))?;
    }
    writeln!(
        out,
        "  status {}, first {}, last {}",
        statuses_text(key.statuses),
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
