//! `verifier report`: what the evidence of live traffic shows.

use std::path::PathBuf;

use anyhow::bail;

use super::Exit;
use super::known::KnownArgs;
use super::output::OutputArgs;
use crate::confidence::ConfidenceConfig;
use crate::evidence::held_to::HeldTo;
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
    /// The mismatch rate that must be proved to be undercut, in percent [default: as the proxy was told].
    #[arg(long, value_name = "PERCENT")]
    target: Option<f64>,
    /// A mismatch rate above this fails, in percent [default: as the proxy was told].
    #[arg(long, value_name = "PERCENT")]
    limit: Option<f64>,
    /// Share of wrong verdicts that is accepted [default: as the proxy was told].
    #[arg(long, value_name = "SHARE")]
    alpha: Option<f64>,
    /// Least share of injected faults that must be found for anything to be proven [default: as the
    /// proxy was told].
    #[arg(long, value_name = "SHARE")]
    min_recall: Option<f64>,
    #[command(flatten)]
    output: OutputArgs,
}

impl ReportArgs {
    /// Reads the evidence and writes its reports.
    pub fn run(self) -> anyhow::Result<Exit> {
        let evidence = match store::read(&self.evidence) {
            Ok(evidence) => evidence,
            Err(error) => {
                // Flags that are wrong are told first.
                self.measure(&HeldTo::default())?;
                return Err(error.into());
            }
        };
        let (confidence, self_check) = self.measure(&HeldTo::strictest(evidence.runs.values()))?;
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

    /// What the evidence is held to: as its proxies were told, unless said otherwise.
    fn measure(&self, told: &HeldTo) -> anyhow::Result<(ConfidenceConfig, SelfCheckConfig)> {
        let confidence = ConfidenceConfig {
            target_percent: self.target.unwrap_or(told.target_percent),
            limit_percent: self.limit.unwrap_or(told.limit_percent),
            alpha: self.alpha.unwrap_or(told.alpha),
            // Which requests were slower the proxy has counted.
            ..told.confidence()
        };
        if let Some((key, range)) = confidence.fault() {
            bail!("--{}: must be {range}", key.trim_end_matches("_percent"));
        }
        let self_check = SelfCheckConfig {
            min_recall: self.min_recall.unwrap_or(told.min_recall),
            ..told.self_check()
        };
        if let Some((key, range)) = self_check.fault() {
            bail!("--{}: must be {range}", key.replace('_', "-"));
        }
        Ok((confidence, self_check))
    }
}
