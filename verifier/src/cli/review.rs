//! `verifier review|accept|reject`: what `cargo insta` does, for reviewers without Rust.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use console::{Key, Term};
use owo_colors::{OwoColorize as _, Style};

use super::Exit;
use super::diff_view;
use super::terminal::to_stdout;
use crate::golden::files::GoldenDir;
use crate::golden::snap::Snapshot;

/// Which pending files.
#[derive(Clone, Debug, clap::Args)]
pub struct PendingArgs {
    /// Cases such as `rooms_get@not_found`; all pending ones when none is named.
    names: Vec<String>,
    /// Folder of the golden files.
    #[arg(long, value_name = "DIR", default_value = "golden")]
    golden: PathBuf,
    /// Where the pending files lie, if not beside the golden files.
    #[arg(long, value_name = "DIR", env = "INSTA_PENDING_DIR")]
    pending_dir: Option<PathBuf>,
}

/// Look at each pending file and accept, reject or skip it.
#[derive(Debug, clap::Args)]
pub struct ReviewArgs {
    #[command(flatten)]
    pending: PendingArgs,
}

/// Make pending files golden.
#[derive(Debug, clap::Args)]
pub struct AcceptArgs {
    #[command(flatten)]
    pending: PendingArgs,
}

/// Remove pending files; the golden ones stay as they are.
#[derive(Debug, clap::Args)]
pub struct RejectArgs {
    #[command(flatten)]
    pending: PendingArgs,
}

impl PendingArgs {
    fn goldens(&self) -> GoldenDir {
        GoldenDir::new(&self.golden, self.pending_dir.as_deref())
    }

    /// The pending cases that were asked for, by name.
    fn chosen(&self, goldens: &GoldenDir) -> anyhow::Result<Vec<String>> {
        let pending = goldens.pending().context("cannot list the pending files")?;
        if self.names.is_empty() {
            return Ok(pending);
        }
        let known: BTreeSet<&str> = pending.iter().map(String::as_str).collect();
        let mut chosen = Vec::new();
        for name in &self.names {
            let case = name.trim_end_matches(".new").trim_end_matches(".snap");
            let case = case.rsplit('/').next().unwrap_or(case);
            if !known.contains(case) {
                bail!(
                    "no pending file for `{case}`: pending are {}",
                    if pending.is_empty() {
                        "none".to_owned()
                    } else {
                        pending.join(", ")
                    }
                );
            }
            chosen.push(case.to_owned());
        }
        Ok(chosen)
    }
}

impl AcceptArgs {
    /// Accepts and says what.
    pub fn run(&self) -> anyhow::Result<Exit> {
        let goldens = self.pending.goldens();
        let cases = self.pending.chosen(&goldens)?;
        for case in &cases {
            let snapshot = goldens.read_pending(case)?;
            goldens.write_golden(case, &snapshot)?;
        }
        tell("accepted", &cases)
    }
}

impl RejectArgs {
    /// Rejects and says what.
    pub fn run(&self) -> anyhow::Result<Exit> {
        let goldens = self.pending.goldens();
        let cases = self.pending.chosen(&goldens)?;
        for case in &cases {
            goldens.remove_pending(case)?;
        }
        tell("rejected", &cases)
    }
}

fn tell(verb: &str, cases: &[String]) -> anyhow::Result<Exit> {
    to_stdout(|out| {
        for case in cases {
            writeln!(out, "{verb} {case}")?;
        }
        if cases.is_empty() {
            writeln!(out, "no pending files")?;
        }
        Ok(())
    })?;
    Ok(Exit::Green)
}

impl ReviewArgs {
    /// Goes through the pending files at a terminal. Exits with 1 while some stay pending.
    pub fn run(&self) -> anyhow::Result<Exit> {
        let goldens = self.pending.goldens();
        let cases = self.pending.chosen(&goldens)?;
        if cases.is_empty() {
            return tell("", &cases);
        }
        let terminal = Term::stdout();
        if !io::stdin().is_terminal() || !terminal.is_term() {
            bail!(
                "`review` asks questions at a terminal: use `verifier accept` or `verifier reject` elsewhere"
            );
        }
        let (mut accepted, mut rejected, mut skipped) = (0, 0, 0);
        for (at, case) in cases.iter().enumerate() {
            let snapshot = goldens.read_pending(case)?;
            terminal.clear_screen()?;
            show(&goldens, case, &snapshot, at + 1, cases.len())?;
            match answer(&terminal)? {
                'a' => {
                    goldens.write_golden(case, &snapshot)?;
                    accepted += 1;
                }
                'r' => {
                    goldens.remove_pending(case)?;
                    rejected += 1;
                }
                'q' => {
                    skipped += cases.len() - at;
                    break;
                }
                _ => skipped += 1,
            }
        }
        println!("{accepted} accepted, {rejected} rejected, {skipped} still pending");
        Ok(if skipped > 0 {
            Exit::Differences
        } else {
            Exit::Green
        })
    }
}

fn show(
    goldens: &GoldenDir,
    case: &str,
    snapshot: &Snapshot,
    number: usize,
    total: usize,
) -> anyhow::Result<()> {
    let bold = Style::new().bold();
    let old = goldens.read(case).ok().flatten();
    let old = old
        .map(|golden| golden.snapshot.contents)
        .unwrap_or_default();
    to_stdout(|out| {
        writeln!(out, "{} ({number} of {total})", case.style(bold))?;
        writeln!(out, "{}", snapshot.expression)?;
        if !snapshot.description.is_empty() {
            writeln!(out, "{}", snapshot.description)?;
        }
        writeln!(out, "answered by {}\n", snapshot.recorded_from())?;
        diff_view::show(&old, &snapshot.contents, out)?;
        // A long difference has moved the first line off the screen.
        writeln!(
            out,
            "\n{} ({number} of {total}), answered by {}:  a accept   r reject   s skip   q quit",
            case.style(bold),
            snapshot.recorded_from()
        )
    })?;
    Ok(())
}

fn answer(terminal: &Term) -> anyhow::Result<char> {
    loop {
        match terminal.read_key().context("cannot read the terminal")? {
            Key::Char(key @ ('a' | 'r' | 's' | 'q')) => return Ok(key),
            Key::Escape | Key::CtrlC => return Ok('q'),
            _ => {}
        }
    }
}
