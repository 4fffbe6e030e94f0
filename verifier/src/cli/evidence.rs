//! `verifier evidence`: put evidence together, hand it on, forget it.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use serde::Serialize;

use super::Exit;
use super::terminal::{say, to_stdout};
use crate::evidence::record::{Evidence, IdPair};
use crate::evidence::store;
use crate::report::table::Table;

/// Merge, export and prune the evidence of live traffic.
#[derive(Debug, clap::Args)]
pub struct EvidenceArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Fold the evidence of several proxies into a new file
    Merge {
        /// The file to write
        #[arg(value_name = "OUT")]
        out: PathBuf,
        /// The files to fold, redacted under one key
        #[arg(value_name = "IN", required = true)]
        inputs: Vec<PathBuf>,
    },
    /// Write all records to standard output, a JSON object a line
    Export {
        #[command(flatten)]
        kept: Kept,
    },
    /// List which id of legacy is which of core, with how often they were seen together
    Ids {
        #[command(flatten)]
        kept: Kept,
        /// As CSV: `type,legacy,core,seen,conflict`, for the migration of data
        #[arg(long)]
        csv: bool,
    },
    /// Forget runs and examples that are older
    ///
    /// No proxy may be writing to the file.
    Prune {
        #[command(flatten)]
        kept: Kept,
        /// Such as `30d`, `12h` or `90m`
        #[arg(long, value_name = "AGE", value_parser = parse_age_ms)]
        older_than: i64,
    },
}

/// The evidence, with its flag as everywhere else or without.
#[derive(Debug, clap::Args)]
struct Kept {
    /// The evidence
    #[arg(value_name = "FILE", required_unless_present = "evidence")]
    file: Option<PathBuf>,
    /// The same
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    evidence: Option<PathBuf>,
}

impl Kept {
    fn path(self) -> PathBuf {
        // One of the two is there; else the arguments are refused.
        self.file.or(self.evidence).unwrap_or_default()
    }
}

impl EvidenceArgs {
    /// Carries out the subcommand.
    pub fn run(self) -> anyhow::Result<Exit> {
        match self.action {
            Action::Merge { out, inputs } => {
                let mut all = Evidence::default();
                for input in &inputs {
                    let one = store::read(input)?;
                    all.merge(one)
                        .with_context(|| format!("{}: cannot merge", input.display()))?;
                }
                store::write(&out, &all)?;
                to_stdout(|text| writeln!(text, "{} runs in {}", all.runs.len(), out.display()))?;
            }
            Action::Export { kept } => {
                let evidence = store::read(&kept.path())?;
                to_stdout(|out| export(&evidence, out))?;
            }
            Action::Ids { kept, csv } => {
                let evidence = store::read(&kept.path())?;
                let rows = id_rows(&evidence);
                if rows.is_empty() {
                    say("no ids in the evidence: they are learnt with write policy `mirror`");
                    return Ok(Exit::Incomplete);
                }
                to_stdout(|out| {
                    if csv {
                        ids_csv(&rows, out)
                    } else {
                        ids_text(&rows, out)
                    }
                })?;
            }
            Action::Prune { kept, older_than } => {
                let before = jiff::Timestamp::now()
                    .as_millisecond()
                    .saturating_sub(older_than);
                let pruned = store::prune(&kept.path(), before)?;
                to_stdout(|out| {
                    writeln!(
                        out,
                        "forgot {} runs and {} examples",
                        pruned.runs, pruned.samples
                    )
                })?;
            }
        }
        Ok(Exit::Green)
    }
}

/// One line of an export: what it is, its name, and the record.
#[derive(Serialize)]
struct Line<'e, T> {
    record: &'static str,
    id: &'e str,
    value: &'e T,
}

fn export(evidence: &Evidence, out: &mut dyn io::Write) -> io::Result<()> {
    fn lines<'e, T: Serialize + 'e>(
        out: &mut dyn io::Write,
        record: &'static str,
        all: impl IntoIterator<Item = (&'e String, &'e T)>,
    ) -> io::Result<()> {
        for (id, value) in all {
            serde_json::to_writer(&mut *out, &Line { record, id, value })?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
    lines(out, "run", &evidence.runs)?;
    lines(out, "endpoint", &evidence.ledger.endpoints)?;
    lines(out, "group", &evidence.ledger.groups)?;
    lines(out, "shape", &evidence.ledger.shapes)?;
    lines(out, "cell", &evidence.ledger.noise.cells)?;
    lines(out, "mix", &evidence.ledger.noise.mixes)?;
    lines(out, "mixed", &evidence.ledger.noise.mixed)?;
    lines(out, "id", &evidence.ledger.ids)
}

/// Pairs of ids in the order of type and legacy's id, each with whether another pair contradicts it.
fn id_rows(evidence: &Evidence) -> Vec<(&IdPair, bool)> {
    let pairs = || evidence.ledger.ids.values();
    let mut sides: BTreeMap<(&str, bool, &str), u64> = BTreeMap::new();
    for pair in pairs() {
        *sides.entry((&pair.kind, false, &pair.legacy)).or_default() += 1;
        *sides.entry((&pair.kind, true, &pair.core)).or_default() += 1;
    }
    let mut rows: Vec<(&IdPair, bool)> = pairs()
        .map(|pair| {
            let twice = |core, id| sides.get(&(pair.kind.as_str(), core, id)) > Some(&1);
            (
                pair,
                twice(false, pair.legacy.as_str()) || twice(true, pair.core.as_str()),
            )
        })
        .collect();
    // Numbers in their order.
    rows.sort_by_key(|(pair, _)| (&pair.kind, pair.legacy.len(), &pair.legacy, &pair.core));
    rows
}

/// Types hold no comma and no quote; ids neither.
fn ids_csv(rows: &[(&IdPair, bool)], out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "type,legacy,core,seen,conflict")?;
    for (pair, conflict) in rows {
        let (kind, seen) = (&pair.kind, pair.seen);
        writeln!(
            out,
            "{kind},{},{},{seen},{conflict}",
            pair.legacy, pair.core
        )?;
    }
    Ok(())
}

fn ids_text(rows: &[(&IdPair, bool)], out: &mut dyn io::Write) -> io::Result<()> {
    let mut table = Table::new(&[
        ("type", 30),
        ("legacy", 40),
        ("core", 40),
        ("seen", 10),
        ("", 10),
    ]);
    for (pair, conflict) in rows {
        table.push(vec![
            pair.kind.clone(),
            pair.legacy.clone(),
            pair.core.clone(),
            pair.seen.to_string(),
            if *conflict { "conflict" } else { "" }.to_owned(),
        ]);
    }
    for line in table.lines() {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// An age in milliseconds.
fn parse_age_ms(text: &str) -> anyhow::Result<i64> {
    let fault =
        || anyhow!("`{text}` is no age: write a number with `d`, `h`, `m` or `s`, such as `30d`");
    let unit = match text.chars().last() {
        Some('d') => 86_400_000,
        Some('h') => 3_600_000,
        Some('m') => 60_000,
        Some('s') => 1_000,
        _ => return Err(fault()),
    };
    let number: i64 = text[..text.len() - 1].parse().map_err(|_| fault())?;
    number
        .checked_mul(unit)
        .filter(|age| *age >= 0)
        .ok_or_else(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_a_unit() {
        for (text, expected) in [
            ("30d", Some(2_592_000_000)),
            ("12h", Some(43_200_000)),
            ("0s", Some(0)),
            ("30", None),
            ("-1d", None),
            ("d", None),
            ("", None),
            ("9999999999999999d", None),
            ("1일", None),
        ] {
            assert_eq!(parse_age_ms(text).ok(), expected, "{text}");
        }
    }
}
