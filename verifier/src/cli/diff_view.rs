//! `verifier diff-view`: what `cargo insta review` shows instead of a bare line diff.
//!
//! Insta calls its `INSTA_DIFF_TOOL` with two files that hold the old and the new contents without
//! front matter, in a temporary folder; it shows what is printed and ignores the exit code.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use owo_colors::{OwoColorize as _, Style};
use similar::TextDiff;

use super::Exit;
use super::terminal::to_stdout;
use crate::exchange::{Exchange, Observation};
use crate::golden::contents::{self, Masked};
use crate::report::table::printable;
use crate::report::text::findings_table;
use crate::rules::Rules;
use crate::verdict::{Difference, judge};

/// Show two golden files' contents for review: each difference with its kind, then the lines.
///
/// Use it as `INSTA_DIFF_TOOL="verifier diff-view" cargo insta review`.
#[derive(Debug, clap::Args)]
pub struct DiffViewArgs {
    /// Contents of the golden file; empty for a new one.
    old: PathBuf,
    /// Contents of the pending file.
    new: PathBuf,
}

impl DiffViewArgs {
    /// Prints the differences. Exits with 0 when there are none, 1 otherwise.
    pub fn run(&self) -> anyhow::Result<Exit> {
        let (old, new) = (read(&self.old)?, read(&self.new)?);
        to_stdout(|out| show(&old, &new, out))?;
        Ok(if old == new {
            Exit::Green
        } else {
            Exit::Differences
        })
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("{}: cannot read", path.display()))
}

fn compare(reference: Masked, candidate: Masked) -> Vec<Difference> {
    let side = |masked: Masked| Observation {
        answer: Ok(masked.answer),
        origin: None,
        tokens: masked.tokens,
        latency: Duration::ZERO,
    };
    let exchange = Exchange {
        endpoint: String::new(),
        case: String::new(),
        method: "GET".to_owned(),
        path: String::new(),
        reference: side(reference),
        candidate: side(candidate),
    };
    judge(&exchange, &Rules::default()).findings
}

/// Writes how `new` differs from `old`, both contents of golden files: in words, then in lines.
pub(super) fn show(old: &str, new: &str, out: &mut dyn io::Write) -> io::Result<()> {
    let findings = match (contents::parse(old), contents::parse(new)) {
        (Ok(reference), Ok(candidate)) => compare(reference, candidate),
        // A new golden, or a file of another tool: the lines speak for themselves.
        _ => Vec::new(),
    };
    let shown: Vec<&Difference> = findings.iter().collect();
    if !shown.is_empty() {
        for line in findings_table(&shown).lines() {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
    }
    let diff = TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(4)
        .to_string();
    for line in diff.lines() {
        let style = match line.bytes().next() {
            Some(b'+') => Style::new().green(),
            Some(b'-') => Style::new().red(),
            Some(b'@') => Style::new().dimmed(),
            _ => Style::new(),
        };
        writeln!(out, "{}", printable(line).style(style))?;
    }
    Ok(())
}
