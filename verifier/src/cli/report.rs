//! `verifier report`: what the evidence of live traffic shows.

use std::path::PathBuf;

use anyhow::bail;

use super::Exit;
use super::known::KnownArgs;
use super::output::OutputArgs;
use crate::confidence::ConfidenceConfig;
use crate::evidence::store;
use crate::report::live::{self, Known, LiveReport};
use crate::self_check::SelfCheckConfig;

/// Show what the evidence of live traffic says.
///
/// Exits with 1 when something differs, 3 when nothing was compared or something was lost.
#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// The evidence, as `shadow-proxy --evidence FILE` writes it.
    #[arg(long, value_name = "FILE")]
    evidence: PathBuf,
    #[command(flatten)]
    known: KnownArgs,
    /// The mismatch rate that must be proved to be undercut, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = ConfidenceConfig::default().target_percent)]
    target: f64,
    /// A mismatch rate above this fails, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = ConfidenceConfig::default().limit_percent)]
    limit: f64,
    /// Share of wrong verdicts that is accepted.
    #[arg(long, value_name = "SHARE", default_value_t = ConfidenceConfig::default().alpha)]
    alpha: f64,
    /// Least share of injected faults that must be found for anything to be proven.
    #[arg(long, value_name = "SHARE", default_value_t = SelfCheckConfig::default().min_recall)]
    min_recall: f64,
    #[command(flatten)]
    output: OutputArgs,
}

impl ReportArgs {
    /// Reads the evidence and writes its reports.
    pub fn run(self) -> anyhow::Result<Exit> {
        let confidence = ConfidenceConfig {
            target_percent: self.target,
            limit_percent: self.limit,
            alpha: self.alpha,
            // Which requests were slower the proxy has counted.
            ..ConfidenceConfig::default()
        };
        if let Some((key, range)) = confidence.fault() {
            bail!("--{}: must be {range}", key.trim_end_matches("_percent"));
        }
        let self_check = SelfCheckConfig {
            min_recall: self.min_recall,
            ..SelfCheckConfig::default()
        };
        if let Some((key, range)) = self_check.fault() {
            bail!("--{}: must be {range}", key.replace('_', "-"));
        }
        let evidence = store::read(&self.evidence)?;
        let known = match self.known.read()? {
            Some(files) => {
                let golden = |case: &str| files.facts.get(case).copied();
                Known::new(&evidence, &files.catalogue, golden)
            }
            None => Known::default(),
        };
        let report = LiveReport {
            path: self.evidence,
            evidence,
            confidence,
            self_check,
            known,
        };
        self.output.write_forms(
            || live::sheet::sheet(&report),
            |out| live::json::write(&report, out),
            |out| live::text::write(&report, out),
        )?;
        Ok(report.exit())
    }
}
