//! Arguments that recording, replaying and comparing share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use jiff::civil::Date;

use super::terminal::say;
use crate::catalogue::Catalogue;
use crate::client::{ClientConfig, Target};
use crate::golden::request::RunId;
use crate::golden::run::{RunConfig, Runner};

/// What is asked, and how.
#[derive(Clone, Debug, clap::Args)]
pub struct CatalogueArgs {
    /// The catalogue of endpoints and cases.
    #[arg(long, value_name = "FILE", default_value = "golden/endpoints.yaml")]
    pub catalog: PathBuf,
    /// Only this endpoint (all its cases) or case; may be repeated.
    #[arg(long, value_name = "ID")]
    pub only: Vec<String>,
    /// Also send cases that write. Only for a target that is disposable.
    #[arg(long)]
    pub allow_writes: bool,
    /// Reads in flight at once.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: u16,
    /// Seconds one answer may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// Longest answer that is read, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 64 * 1024 * 1024)]
    pub max_body: usize,
    /// Certificates to trust besides the public ones (PEM).
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Run journeys and single cases in another order, drawn from this number: shows what depends on
    /// the order.
    #[arg(long, value_name = "SEED")]
    pub shuffle: Option<u64>,
    /// The day that `{today}` means; the machine's own by default.
    #[arg(long, value_name = "yyyy-MM-dd")]
    pub today: Option<Date>,
}

/// A run that is ready to start.
#[derive(Debug)]
pub struct Prepared {
    /// The catalogue.
    pub catalogue: Arc<Catalogue>,
    /// Cases to judge.
    pub selected: Vec<usize>,
    /// Runs them.
    pub runner: Arc<Runner>,
    /// The run's day.
    pub today: Date,
}

impl CatalogueArgs {
    /// Reads the catalogue and prepares the target; sends nothing.
    pub fn prepare(&self, base: &str) -> anyhow::Result<Prepared> {
        let text = Catalogue::read_text(&self.catalog)?;
        let today = self
            .today
            .unwrap_or_else(|| jiff::ZonedDateTime::now().date());
        let catalogue = Catalogue::parse(&self.catalog, &text, today)?;
        for warning in &catalogue.warnings {
            say(&format!("warning: {warning}"));
        }
        let selected = catalogue.select(&self.only).map_err(|name| {
            anyhow!(
                "no endpoint or case `{name}` in {}: write an id such as `{}`",
                self.catalog.display(),
                catalogue
                    .cases
                    .first()
                    .map_or("rooms_list", |case| case.id.as_str())
            )
        })?;
        let catalogue = Arc::new(catalogue);
        let target = Target::new(base, self.client(None))?;
        Ok(Prepared {
            runner: Arc::new(Runner::new(
                Arc::clone(&catalogue),
                target,
                self.config(today),
            )),
            selected,
            today,
            catalogue,
        })
    }

    /// Prepares a second target for the same cases. It gets the first one's name in `Host`, so that
    /// nothing differs only because it was called otherwise.
    pub fn prepare_beside(&self, base: &str, first: &Prepared) -> anyhow::Result<Arc<Runner>> {
        let target = Target::new(base, self.client(Some(first.runner.host())))?;
        let catalogue = Arc::clone(&first.catalogue);
        // Its own run id: what both sides create may end up in one database.
        Ok(Arc::new(Runner::new(
            catalogue,
            target,
            self.config(first.today),
        )))
    }

    fn client(&self, host: Option<&str>) -> ClientConfig {
        client_config(self.timeout, self.max_body, self.ca_file.as_deref(), host)
    }

    fn config(&self, today: Date) -> RunConfig {
        RunConfig {
            allow_writes: self.allow_writes,
            jobs: usize::from(self.jobs),
            run: RunId::now(),
            today,
            shuffle: self.shuffle,
        }
    }
}

/// How a target is asked, from its flags; `host` is sent as `Host` instead of its own name.
pub fn client_config(
    timeout_s: u64,
    max_body_bytes: usize,
    ca_file: Option<&Path>,
    host: Option<&str>,
) -> ClientConfig {
    ClientConfig {
        timeout: Duration::from_secs(timeout_s),
        max_body_bytes,
        ca_file: ca_file.map(Path::to_owned),
        host: host.map(str::to_owned),
    }
}

/// Runs `future` to its end on a runtime of its own.
pub fn block_on<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    Ok(runtime.block_on(future))
}
