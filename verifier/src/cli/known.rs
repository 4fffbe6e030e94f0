//! The catalogue and its golden files as reports on live traffic take them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::catalogue::Catalogue;
use crate::coverage::GoldenFact;
use crate::golden::files::GoldenDir;

/// Where they are.
#[derive(Clone, Debug, clap::Args)]
pub struct KnownArgs {
    /// The catalogue of endpoints and cases; without one, only what was seen is shown.
    #[arg(long, value_name = "FILE")]
    pub catalog: Option<PathBuf>,
    /// Folder of the golden files [default: the catalogue's folder].
    #[arg(long, value_name = "DIR", requires = "catalog")]
    pub golden: Option<PathBuf>,
}

/// What was read.
#[derive(Debug)]
pub struct KnownFiles {
    /// The catalogue.
    pub catalogue: Catalogue,
    /// The folder of golden files.
    pub golden: PathBuf,
    /// What each case's golden file says.
    pub facts: BTreeMap<String, GoldenFact>,
}

impl KnownArgs {
    /// Reads them, if a catalogue is named.
    pub fn read(&self) -> anyhow::Result<Option<KnownFiles>> {
        let Some(path) = &self.catalog else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{}: cannot read the catalogue", path.display()))?;
        let today = jiff::ZonedDateTime::now().date();
        let catalogue = Catalogue::parse(path, &text, today)?;
        let beside = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let golden = self.golden.clone();
        let golden = golden.unwrap_or_else(|| beside.map_or_else(|| ".".into(), PathBuf::from));
        let facts = GoldenDir::new(&golden, None).facts(&catalogue)?;
        Ok(Some(KnownFiles {
            catalogue,
            golden,
            facts,
        }))
    }
}
