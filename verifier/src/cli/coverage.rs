//! `verifier coverage`: what live traffic and golden files cover, and what neither does.

use std::path::PathBuf;

use anyhow::Context as _;

use super::Exit;
use super::known::KnownArgs;
use super::output::OutputArgs;
use crate::coverage::{Coverage, GapKind};
use crate::evidence::record::Evidence;
use crate::evidence::store;
use crate::report::coverage::{self, CoverageReport};

/// Hold live traffic against the catalogue and its golden files: what has been seen, and what has not.
///
/// By endpoint, status, role, parameter and what is done with writes. Exits with 0 when nothing is
/// missing, 3 when something is or when the evidence holds no request.
#[derive(Debug, clap::Args)]
pub struct CoverageArgs {
    /// The evidence, as `shadow-proxy --evidence FILE` writes it; several files count as one.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    evidence: Vec<PathBuf>,
    #[command(flatten)]
    known: KnownArgs,
    /// A kind of gap that does not count: `never-live`, `unknown-route`, `no-golden`, `no-case` or
    /// `unverified-write`; may be repeated.
    #[arg(long, value_name = "KIND")]
    waive: Vec<GapKind>,
    #[command(flatten)]
    output: OutputArgs,
}

impl CoverageArgs {
    /// Reads everything and writes the reports.
    pub fn run(self) -> anyhow::Result<Exit> {
        let evidence = read_all(&self.evidence)?;
        let known = self.known.read()?;
        let catalogue = known.as_ref().map(|known| &known.catalogue);
        let coverage = Coverage::new(&evidence, catalogue, |case| {
            known.as_ref()?.facts.get(case).copied()
        });
        let report = CoverageReport {
            evidence: self.evidence,
            catalogue: self.known.catalog,
            golden: known.map(|known| known.golden),
            coverage,
            waived: self.waive,
        };
        self.output.write_forms(
            || coverage::sheet::sheet(&report),
            |out| coverage::json::write(&report, out),
            |out| coverage::text::write(&report, out),
        )?;
        Ok(report.exit())
    }
}

/// The evidence of all files, whatever keys they were redacted under: only counts and names are read.
fn read_all(paths: &[PathBuf]) -> anyhow::Result<Evidence> {
    let mut all = Evidence::default();
    for path in paths {
        let one = store::read(path)?;
        all.add_counts(one)
            .with_context(|| format!("{}: cannot be added", path.display()))?;
    }
    Ok(all)
}
