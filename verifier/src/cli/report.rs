//! `verifier report`: what the evidence of live traffic shows.

use std::path::PathBuf;

use super::Exit;
use super::output::OutputArgs;
use crate::evidence::store;
use crate::report::live::{self, LiveReport};

/// Show what the evidence of live traffic says.
///
/// Exits with 1 when something differs, 3 when nothing was compared or something was lost.
#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// The evidence, as `shadow-proxy --evidence FILE` writes it.
    #[arg(long, value_name = "FILE")]
    evidence: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

impl ReportArgs {
    /// Reads the evidence and writes its reports.
    pub fn run(self) -> anyhow::Result<Exit> {
        let evidence = store::read(&self.evidence)?;
        let report = LiveReport {
            path: self.evidence,
            evidence,
        };
        self.output.write_forms(
            || live::sheet::sheet(&report),
            |out| live::json::write(&report, out),
            |out| live::text::write(&report, out),
        )?;
        Ok(report.exit())
    }
}
