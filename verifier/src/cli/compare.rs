//! `verifier compare`: hold a candidate against a living legacy.

use std::sync::Arc;

use super::Exit;
use super::output::OutputArgs;
use super::target::{CatalogueArgs, block_on};
use super::terminal::Progress;
use crate::golden::compare::Compare;

/// Hold a candidate against a living legacy, without golden files.
///
/// Both are asked the same; reads at the same time, a journey that writes on legacy through its clean-up
/// before it starts on core.
#[derive(Debug, clap::Args)]
pub struct CompareArgs {
    /// Base address of legacy.
    #[arg(long, value_name = "URL")]
    legacy: String,
    /// Base address of core.
    #[arg(long, value_name = "URL")]
    core: String,
    #[command(flatten)]
    catalogue: CatalogueArgs,
    /// Fail on rules that expired, matched nothing, or met differences they are not for.
    #[arg(long)]
    strict_rules: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl CompareArgs {
    /// Runs the comparison and writes its reports.
    pub fn run(self) -> anyhow::Result<Exit> {
        let legacy = self.catalogue.prepare(&self.legacy)?;
        let core = self.catalogue.prepare_beside(&self.core, &legacy)?;
        let progress = Progress::new(legacy.selected.len(), "compare");
        let compare = Compare {
            catalogue: &legacy.catalogue,
            legacy: Arc::clone(&legacy.runner),
            core,
            strict_rules: self.strict_rules,
        };
        let report = block_on(compare.run(&legacy.selected, |case| progress.advance(&case.case)))?;
        progress.finish();
        self.output.write(&report, "")?;
        Ok(report.exit())
    }
}
