//! The report a person reads: what differs first, what was not judged next, the verdict last.

use std::io;

use owo_colors::{OwoColorize as _, Style};

use super::groups::{Group, groups, is_common, without};
use super::table::{Table, cut, printable};
use super::{CaseReport, Exit, Report, State};
use crate::verdict::Difference;

/// How much is shown.
#[derive(Clone, Copy, Debug)]
pub struct TextConfig {
    /// A line diff below each case's table.
    pub diffs: bool,
    /// Lines of diff shown for one case; the JSON report has all.
    pub diff_lines: usize,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            diffs: true,
            diff_lines: 40,
        }
    }
}

const RED: Style = Style::new().red();
const GREEN: Style = Style::new().green();
const YELLOW: Style = Style::new().yellow();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// Writes `report`. Colours are written always; [`crate::cli::terminal`] takes them away where they
/// are not wanted.
pub fn write(report: &Report, config: TextConfig, out: &mut dyn io::Write) -> io::Result<()> {
    let (common, _): (Vec<Group<'_>>, Vec<_>) = groups(report)
        .into_iter()
        .partition(|group| is_common(group, report));
    write_common(report, &common, out)?;
    for case in report
        .cases
        .iter()
        .filter(|case| case.state == State::Different)
    {
        different(case, &common, config, out)?;
    }
    let open: Vec<&CaseReport> = report
        .cases
        .iter()
        .filter(|case| case.state.reason().is_some())
        .collect();
    if !open.is_empty() {
        writeln!(out, "{}", "Not judged".style(BOLD))?;
        let mut table = Table::new(&[("case", 40), ("state", 10), ("why", 400)]);
        for case in &open {
            table.push(vec![
                case.case.clone(),
                case.state.word().to_owned(),
                case.state.reason().unwrap_or_default(),
            ]);
        }
        for line in table.lines() {
            writeln!(out, "  {line}")?;
        }
        writeln!(out)?;
    }
    let foreign = report.foreign_goldens();
    if !foreign.is_empty() {
        writeln!(
            out,
            "{} {} of {} golden files do not come from legacy, so they prove nothing about it:",
            "warning:".style(YELLOW),
            foreign.len(),
            report.cases.len()
        )?;
        for (case, from) in foreign {
            writeln!(out, "  {} (from {})", printable(case), printable(from))?;
        }
        writeln!(
            out,
            "  record them again with `verifier record --legacy URL`\n"
        )?;
    }
    if !report.orphans.is_empty() {
        writeln!(
            out,
            "{} golden files that no case of the catalogue uses: {}\n",
            "warning:".style(YELLOW),
            printable(&report.orphans.join(", "))
        )?;
    }
    for debt in &report.rule_debt {
        writeln!(
            out,
            "{} {}",
            "warning:".style(YELLOW),
            printable(&debt.to_string())
        )?;
    }
    for warning in &report.warnings {
        writeln!(out, "{} {}", "warning:".style(YELLOW), printable(warning))?;
    }
    verdict(report, out)
}

/// What most differing cases share, once for all of them.
fn write_common(report: &Report, common: &[Group<'_>], out: &mut dyn io::Write) -> io::Result<()> {
    if common.is_empty() {
        return Ok(());
    }
    writeln!(out, "{}", "In most cases".style(BOLD))?;
    for line in groups_table(common).lines() {
        writeln!(out, "  {line}")?;
    }
    let only: Vec<&str> = report
        .cases
        .iter()
        .filter(|case| case.state == State::Different && without(case, common).is_empty())
        .map(|case| case.case.as_str())
        .collect();
    if !only.is_empty() {
        writeln!(
            out,
            "  nothing else differs in: {}",
            printable(&only.join(", "))
        )?;
    }
    writeln!(out)
}

/// One line a group: where, what, in how many cases, an example.
pub fn groups_table(groups: &[Group<'_>]) -> Table {
    let mut table = Table::new(&[
        ("place", 40),
        ("kind", 13),
        ("severity", 8),
        ("cases", 5),
        ("reference", 30),
        ("candidate", 30),
        ("first in", 28),
    ]);
    for group in groups {
        let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
        table.push(vec![
            group.place.to_owned(),
            group.kind.to_string(),
            group.severity.to_string(),
            group.cases.len().to_string(),
            side(&group.example.reference),
            side(&group.example.candidate),
            group.cases.first().copied().unwrap_or_default().to_owned(),
        ]);
    }
    table
}

fn different(
    case: &CaseReport,
    common: &[Group<'_>],
    config: TextConfig,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let own = without(case, common);
    if own.is_empty() && case.truncated == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "{} {}  {}",
        "✗".style(RED),
        printable(&case.case).style(BOLD),
        printable(&format!("{} {}", case.method, case.path)).style(DIM)
    )?;
    if let Some(hint) = &case.hint {
        writeln!(out, "  {} {}", "hint:".style(YELLOW), printable(hint))?;
    }
    for line in findings_table(&own).lines() {
        writeln!(out, "  {line}")?;
    }
    if case.truncated > 0 {
        writeln!(out, "  … and {} more differences", case.truncated)?;
    }
    if config.diffs
        && let Some(diff) = &case.diff
    {
        writeln!(out)?;
        let lines: Vec<&str> = diff.lines().collect();
        for line in lines.iter().take(config.diff_lines) {
            let text = cut(&printable(line), 160);
            match line.bytes().next() {
                Some(b'+') => writeln!(out, "    {}", text.style(GREEN))?,
                Some(b'-') => writeln!(out, "    {}", text.style(RED))?,
                Some(b'@') => writeln!(out, "    {}", text.style(DIM))?,
                _ => writeln!(out, "    {text}")?,
            }
        }
        if lines.len() > config.diff_lines {
            writeln!(out, "    … {} more lines", lines.len() - config.diff_lines)?;
        }
    }
    if let Some(pending) = &case.pending {
        writeln!(
            out,
            "  {} {}",
            "pending:".style(DIM),
            printable(&pending.display().to_string())
        )?;
    }
    writeln!(out)
}

/// How the two values are related, and what they alone do not say.
pub fn remark(finding: &Difference) -> String {
    let relation = finding.relation.as_ref().map(ToString::to_string);
    relation
        .into_iter()
        .chain(finding.detail.clone())
        .collect::<Vec<_>>()
        .join("; ")
}

/// Place, kind, both values, relation; for one case.
pub fn findings_table(findings: &[&Difference]) -> Table {
    let mut table = Table::new(&[
        ("place", 44),
        ("kind", 13),
        ("reference", 36),
        ("candidate", 36),
        ("", 60),
    ]);
    for finding in findings {
        table.push(vec![
            finding.location.to_string(),
            finding.kind.to_string(),
            finding
                .reference
                .clone()
                .unwrap_or_else(|| "nothing".to_owned()),
            finding
                .candidate
                .clone()
                .unwrap_or_else(|| "nothing".to_owned()),
            remark(finding),
        ]);
    }
    table
}

/// The verdict's mark, its colour and its words.
pub fn verdict_words(report: &Report) -> (&'static str, Style, &'static str) {
    match report.exit() {
        Exit::Green if report.command == "compare" => ("✓", GREEN, "answers as legacy does"),
        Exit::Green => ("✓", GREEN, "answers as recorded"),
        Exit::Differences => ("✗", RED, "differs"),
        Exit::Incomplete | Exit::Usage => ("!", YELLOW, "incomplete: this proves nothing yet"),
    }
}

fn verdict(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    let totals = report.totals();
    let mut parts = vec![format!("{} cases equal", totals.equal)];
    for (count, word) in [
        (totals.different, "different"),
        (totals.blocked, "blocked by those"),
        (totals.not_run, "not run"),
        (totals.no_golden, "without golden"),
        (totals.failed, "not judged"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    let (mark, style, word) = verdict_words(report);
    writeln!(
        out,
        "{} {}  ({}; {} findings, {} notes; {:.1} s)",
        mark.style(style),
        printable(&format!("{}: {} {word}", report.headline(), report.target)).style(BOLD),
        parts.join(", "),
        totals.findings,
        totals.notes,
        report.duration.as_secs_f64(),
    )
}
