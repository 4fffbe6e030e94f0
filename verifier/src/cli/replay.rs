//! `verifier replay`: hold a candidate against the golden files.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;
use std::str::FromStr;

use super::Exit;
use super::target::{CatalogueArgs, block_on};
use super::terminal::{Progress, to_stdout};
use crate::golden::files::{GoldenDir, GoldenError};
use crate::golden::replay::{Replay, ReplayConfig};
use crate::report;
use crate::report::text::TextConfig;
use anyhow::Context as _;

/// Hold a candidate against what legacy answered.
///
/// Sends every case of the catalogue to the candidate and compares each answer with its golden file.
/// Differences are left as pending files for `cargo insta review`.
#[derive(Debug, clap::Args)]
pub struct ReplayArgs {
    /// Base address of the service under test.
    #[arg(long, value_name = "URL")]
    candidate: String,
    #[command(flatten)]
    catalogue: CatalogueArgs,
    /// Leave pending files below this folder instead of beside the golden files (see
    /// `INSTA_PENDING_DIR`).
    #[arg(long, value_name = "DIR", conflicts_with = "no_pending")]
    pending_dir: Option<PathBuf>,
    /// Leave no pending files.
    #[arg(long)]
    no_pending: bool,
    /// Refuse golden files that legacy did not answer.
    #[arg(long)]
    legacy_goldens_only: bool,
    /// Fail on rules that expired, matched nothing, or met differences they are not for.
    #[arg(long)]
    strict_rules: bool,
    /// What standard output gets.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    /// Also write a report to a file: `json=FILE`; may be repeated.
    #[arg(long, value_name = "FORMAT=FILE")]
    report: Vec<ReportTarget>,
}

/// A form of report for standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// A form of report and its file.
#[derive(Clone, Debug)]
pub struct ReportTarget {
    path: PathBuf,
}

impl FromStr for ReportTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some(("json", path)) if !path.is_empty() => Ok(Self {
                path: PathBuf::from(path),
            }),
            Some((format, _)) if format != "json" => {
                Err(format!("no report format `{format}`: write `json=FILE`"))
            }
            _ => Err("write `json=FILE`".to_owned()),
        }
    }
}

impl ReplayArgs {
    /// Runs the replay and writes its reports.
    pub fn run(self) -> anyhow::Result<Exit> {
        let prepared = self.catalogue.prepare(&self.candidate)?;
        let goldens = GoldenDir::new(&self.catalogue.golden, self.pending_dir.as_deref());
        if !goldens.dir().is_dir() {
            return Err(GoldenError::NoFolder(self.catalogue.golden).into());
        }
        let config = ReplayConfig {
            pending: !self.no_pending,
            legacy_goldens_only: self.legacy_goldens_only,
            strict_rules: self.strict_rules,
        };
        let progress = Progress::new(prepared.selected.len(), "replay");
        let catalogue = &prepared.catalogue;
        let replay = Replay {
            catalogue,
            goldens: &goldens,
            config,
        };
        let report = block_on(replay.run(prepared.runner, &prepared.selected, |case| {
            progress.advance(&case.case);
        }))?;
        progress.finish();
        for target in &self.report {
            let file = File::create(&target.path)
                .with_context(|| format!("{}: cannot write the report", target.path.display()))?;
            let mut file = BufWriter::new(file);
            report::json::write(&report, &mut file)
                .and_then(|()| file.flush())
                .with_context(|| format!("{}: cannot write the report", target.path.display()))?;
        }
        to_stdout(|out: &mut dyn io::Write| match self.format {
            OutputFormat::Text => {
                report::text::write(&report, TextConfig::default(), out)?;
                if report.cases.iter().any(|case| case.pending.is_some()) {
                    let command = match &self.pending_dir {
                        None => "cargo insta review".to_owned(),
                        Some(dir) => {
                            format!("INSTA_PENDING_DIR={} cargo insta review", dir.display())
                        }
                    };
                    writeln!(out, "  review the differences: {command}")?;
                }
                Ok(())
            }
            OutputFormat::Json => report::json::write(&report, out),
        })?;
        Ok(report.exit())
    }
}
