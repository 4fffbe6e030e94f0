//! `verifier jwt`: does a session survive the switch, and does anything forged get in?

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use jiff::civil::Date;

use super::Exit;
use super::bound::CoreArgs;
use super::output::OutputArgs;
use super::target::block_on;
use super::terminal::say;
use crate::catalogue::Catalogue;
use crate::client::{ClientConfig, Target};
use crate::golden::request::RunId;
use crate::jwt::cell::Pair;
use crate::jwt::report;
use crate::jwt::run::{JwtConfig, run};
use crate::jwt::sheet;

/// Show each side's tokens to the other, in both directions, and forged ones to both.
///
/// What begins a session, what a token must open, and what is accepted, stands in the catalogue under
/// `auth`. With the secret, forged tokens are tried as well; without it their cells are not judged.
///
/// Exit codes: 0 every cell holds, 1 findings, 2 usage or configuration, 3 a cell was not judged and
/// not waived.
#[derive(Debug, clap::Args)]
pub struct JwtArgs {
    /// Base address of legacy.
    #[arg(long, value_name = "URL")]
    legacy: String,
    /// Base address of core.
    #[arg(long, value_name = "URL")]
    core: String,
    /// The catalogue with its `auth` block.
    #[arg(long, value_name = "FILE", default_value = "golden/endpoints.yaml")]
    catalog: PathBuf,
    /// File that holds the secret both services sign with, exactly as they read it.
    #[arg(long, value_name = "FILE", conflicts_with = "secret_env")]
    secret_file: Option<PathBuf>,
    /// Refused, so that whoever tries it learns of the other two.
    #[arg(long, value_name = "SECRET", hide = true, num_args = 0..=1)]
    #[expect(
        clippy::option_option,
        reason = "clap's form of a flag whose value may be missing"
    )]
    secret: Option<Option<String>>,
    /// Name of the environment variable that holds it.
    #[arg(long, value_name = "NAME")]
    secret_env: Option<String>,
    /// Also make accounts and change them, to see how long old tokens are honoured.
    #[arg(long)]
    allow_writes: bool,
    /// Only this check (`key`, `interchange`, `claims`, `forgery`, `revocation`) or forged token; may be
    /// repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Cells of this name need not be judged, as in `forgery` or `logout`; may be repeated.
    #[arg(long, value_name = "NAME")]
    waive: Vec<String>,
    /// Seconds one answer may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Certificates to trust besides the public ones (PEM).
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The day on which known weaknesses are judged; the machine's own by default.
    #[arg(long, value_name = "yyyy-MM-dd")]
    today: Option<Date>,
    #[command(flatten)]
    core_claim: CoreArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl JwtArgs {
    /// Runs the checks and writes their reports.
    pub fn run(self) -> anyhow::Result<Exit> {
        // First of all: a secret on the command line is refused whatever else is wrong.
        let secret = self.secret()?;
        let text = Catalogue::read_text(&self.catalog)?;
        let today = self
            .today
            .unwrap_or_else(|| jiff::ZonedDateTime::now().date());
        let catalogue = Catalogue::parse(&self.catalog, &text, today)?;
        let config = JwtConfig {
            secret,
            allow_writes: self.allow_writes,
            only: self.only.clone(),
            waived: self.waive.clone(),
            today,
            run: RunId::now().as_str().to_owned(),
        };
        let target = |base: &str| {
            let config = ClientConfig {
                timeout: Duration::from_secs(self.timeout),
                ca_file: self.ca_file.clone(),
                ..ClientConfig::default()
            };
            Target::new(base, config)
        };
        let targets = Pair {
            legacy: target(&self.legacy)?,
            core: target(&self.core)?,
        };
        let mut done = block_on(run(&catalogue, targets, &config, &say))??;
        done.core = self.core_claim.claim();
        self.output.write_forms(
            || sheet::sheet(&done),
            |out| report::json(&done, out),
            |out| report::text(&done, out),
        )?;
        Ok(done.exit())
    }

    fn secret(&self) -> anyhow::Result<Option<Vec<u8>>> {
        if self.secret.is_some() {
            bail!(
                "a secret on the command line is seen by everybody on the machine: write it to a file \
                 and name that with `--secret-file FILE`, or use `--secret-env NAME`"
            );
        }
        let secret = match (&self.secret_file, &self.secret_env) {
            (Some(path), _) => Some(read(path)?),
            (None, Some(name)) => {
                let value = std::env::var_os(name)
                    .with_context(|| format!("environment variable `{name}` holds no secret: set it, or give `--secret-file`"))?;
                Some(value.into_encoded_bytes())
            }
            (None, None) => None,
        };
        if secret.as_ref().is_some_and(Vec::is_empty) {
            bail!("the secret is empty: give the one both services sign with");
        }
        Ok(secret)
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{}: cannot read the secret", path.display()))
}
