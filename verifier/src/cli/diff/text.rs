//! A verdict for a reader.

use std::io::{self, Write};

use owo_colors::OwoColorize as _;

use crate::report::table::printable;
use crate::severity::Severity;
use crate::verdict::{Difference, Outcome, Verdict};

/// Writes every difference with both values, then one line that sums up.
pub(super) fn write(verdict: &Verdict, out: &mut dyn Write) -> io::Result<()> {
    for finding in &verdict.findings {
        difference(finding, true, out)?;
    }
    for note in &verdict.notes {
        difference(note, false, out)?;
    }
    let findings = verdict.findings.len() as u64 + verdict.truncated_findings;
    let notes = verdict.notes.len() as u64 + verdict.truncated_notes;
    if verdict.truncated_findings > 0 {
        writeln!(out, "… and {} more differences", verdict.truncated_findings)?;
    }
    match (&verdict.outcome, verdict.severity()) {
        (Outcome::Inconclusive(cause), _) => writeln!(out, "{}: {cause}", "not compared".yellow()),
        (Outcome::Mismatch, worst) => {
            let worst = worst.map_or(String::new(), |worst| format!(", the worst {worst}"));
            writeln!(
                out,
                "{}: {}{worst}",
                "different".red(),
                count(findings, "difference")
            )
        }
        (Outcome::Match, _) if notes > 0 => {
            writeln!(out, "{}, with {}", "equal".green(), count(notes, "note"))
        }
        (Outcome::Match, _) => writeln!(out, "{}", "equal".green()),
    }
}

fn difference(found: &Difference, counts: bool, out: &mut dyn Write) -> io::Result<()> {
    let place = printable(&found.location.to_string());
    let mut head = found.kind.to_string();
    if let Some(relation) = &found.relation {
        head = format!("{head}, {}", printable(&relation.to_string()));
    }
    if counts {
        let severity = match found.severity {
            Severity::Breaking => found.severity.red().to_string(),
            Severity::Risky => found.severity.yellow().to_string(),
            Severity::Benign => found.severity.green().to_string(),
        };
        writeln!(out, "{} {head} [{severity}]", place.bold())?;
    } else {
        let rule = found
            .rule
            .as_ref()
            .map_or(String::new(), |rule| format!(", by rule `{rule}`"));
        writeln!(out, "{} {} {head}{rule}", "note".dimmed(), place.bold())?;
    }
    if let Some(value) = &found.reference {
        writeln!(out, "  {} {}", "-".red(), printable(value))?;
    }
    if let Some(value) = &found.candidate {
        writeln!(out, "  {} {}", "+".green(), printable(value))?;
    }
    if let Some(detail) = &found.detail {
        writeln!(out, "    {}", printable(detail))?;
    }
    Ok(())
}

fn count(number: u64, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}
