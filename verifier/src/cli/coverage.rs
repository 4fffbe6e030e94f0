//! `verifier coverage`: what live traffic and golden files cover, and what neither does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Exit;
use super::output::OutputArgs;
use crate::catalogue::Catalogue;
use crate::coverage::{Coverage, GapKind};
use crate::evidence::record::Evidence;
use crate::evidence::store;
use crate::golden::files::GoldenDir;
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
    /// The catalogue of endpoints and cases; without one, only what was seen is shown.
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Folder of the golden files [default: the catalogue's folder].
    #[arg(long, value_name = "DIR", requires = "catalog")]
    golden: Option<PathBuf>,
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
        let catalogue = self.catalog.as_deref().map(read_catalogue).transpose()?;
        let golden = self.golden.clone().or_else(|| {
            let folder = self.catalog.as_deref()?.parent()?;
            let here = folder.as_os_str().is_empty();
            Some(if here {
                PathBuf::from(".")
            } else {
                folder.to_owned()
            })
        });
        let facts = match (&catalogue, &golden) {
            (Some(catalogue), Some(golden)) => GoldenDir::new(golden, None).facts(catalogue)?,
            _ => BTreeMap::new(),
        };
        let coverage = Coverage::new(&evidence, catalogue.as_ref(), |case| {
            facts.get(case).copied()
        });
        let report = CoverageReport {
            evidence: self.evidence,
            catalogue: self.catalog,
            golden,
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

/// Reads the catalogue for a report.
pub(super) fn read_catalogue(path: &Path) -> anyhow::Result<Catalogue> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{}: cannot read the catalogue", path.display()))?;
    let today = jiff::ZonedDateTime::now().date();
    Ok(Catalogue::parse(path, &text, today)?)
}
