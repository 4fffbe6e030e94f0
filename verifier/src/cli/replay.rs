//! `verifier replay`: hold a candidate against the golden files.

use std::path::PathBuf;

use super::Exit;
use super::bound::CoreArgs;
use super::output::OutputArgs;
use super::target::{CatalogueArgs, block_on};
use super::terminal::Progress;
use crate::golden::files::{GoldenDir, GoldenError};
use crate::golden::replay::{Replay, ReplayConfig};

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
    /// Folder of the golden files.
    #[arg(long, value_name = "DIR", default_value = "golden")]
    golden: PathBuf,
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
    #[command(flatten)]
    core: CoreArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl ReplayArgs {
    /// Runs the replay and writes its reports.
    pub fn run(self) -> anyhow::Result<Exit> {
        let prepared = self.catalogue.prepare(&self.candidate)?;
        let goldens = GoldenDir::new(&self.golden, self.pending_dir.as_deref());
        if !goldens.dir().is_dir() {
            return Err(GoldenError::NoFolder(self.golden).into());
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
        let mut report = block_on(replay.run(prepared.runner, &prepared.selected, |case| {
            progress.advance(&case.case);
        }))?;
        progress.finish();
        report.core = self.core.claim();
        let pending = report.cases.iter().any(|case| case.pending.is_some());
        let review = match &self.pending_dir {
            _ if !pending => String::new(),
            None => "  review the differences: cargo insta review\n".to_owned(),
            Some(dir) => format!(
                "  review the differences: INSTA_PENDING_DIR={} cargo insta review\n",
                dir.display()
            ),
        };
        self.output.write(&report, &review)?;
        Ok(report.exit())
    }
}
