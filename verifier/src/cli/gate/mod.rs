//! `verifier gate`: promotion and rollback on evidence.

mod build;
mod plan;
mod run;
mod screen;
mod status;
mod word;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;

use super::output::OutputFormat;
use super::target::block_on;
use super::terminal::{say, to_stdout};
use crate::cutover::Config;
use crate::gate::clock::{Clock as _, SystemClock};
use crate::gate::config::GateConfig;
use crate::gate::journal::{DiskPen, Journal};
use crate::gate::policy::GateExit;
use crate::gate::run::{Gate, GateError, Setup};
use crate::gate::word::Word;
use crate::report::gate as report;

/// Move live traffic from legacy to core step by step, and back, on evidence.
///
/// Exit codes: 0 advanced or nothing left to do; 1 a criterion does not hold, traffic that core had is
/// back at legacy; 2 usage or configuration; 3 too little was seen so far; 4 evidence is missing,
/// stale or of another build; 5 another gate is at work, or the router was changed by somebody
/// else; 6 something could not be reached.
#[derive(Debug, clap::Args)]
pub struct GateArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Args)]
struct Common {
    /// The cut-over, with its `gate:` block
    #[arg(long, value_name = "FILE", default_value = "cutover.yaml")]
    config: PathBuf,
    /// Where the journal is kept [default: `gate-state` beside the configuration]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// What standard output gets
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    /// Play it with a file instead of the router
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Judge evidence files alone: pure, offline, for CI and for other tools' hooks
    Judge {
        #[command(flatten)]
        common: Common,
        /// What runs as core (image digest or build); may be repeated. Without it the replay's own
        /// word is taken, and the rest must agree with it
        #[arg(long, value_name = "ID")]
        core: Vec<String>,
    },
    /// Show what each step needs, every request it would send and every criterion as it is; changes
    /// nothing
    Plan {
        #[command(flatten)]
        common: Common,
    },
    /// Look once and make at most one transition
    Step {
        #[command(flatten)]
        common: Common,
    },
    /// Look and step until the cut-over is done; goes on after a crash
    Run {
        #[command(flatten)]
        common: Common,
        /// Stop when this state is reached, such as `READY` or `C100`
        #[arg(long, value_name = "STATE")]
        until: Option<crate::gate::state::State>,
    },
    /// Lead all traffic back to legacy, from any state; asks nothing but the router
    Rollback {
        #[command(flatten)]
        common: Common,
        /// Why, for the journal
        #[arg(long, value_name = "TEXT", default_value = "asked for by hand")]
        reason: String,
        /// Also while another gate is at work: it stops
        #[arg(long)]
        force: bool,
    },
    /// Show where the cut-over stands and how it came there
    Status {
        #[command(flatten)]
        common: Common,
    },
    /// Approve the step that waits for a person; also while `gate run` looks on
    Approve {
        #[command(flatten)]
        common: Common,
        /// Hash of the evidence that you looked at, or its first 8 digits or more (see `gate status`)
        #[arg(long, value_name = "HASH")]
        evidence: String,
    },
    /// Take over what the router shows after somebody changed it by hand; also while `gate run` looks on
    Adopt {
        #[command(flatten)]
        common: Common,
    },
    /// Take the right to write from a gate that died elsewhere
    Unlock {
        #[command(flatten)]
        common: Common,
    },
}

/// Why a command could not be carried out.
#[derive(Debug)]
enum Fault {
    Usage(anyhow::Error),
    Gate(GateError),
}

impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        Self::Usage(error)
    }
}

impl From<GateError> for Fault {
    fn from(error: GateError) -> Self {
        Self::Gate(error)
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Usage(error.into())
    }
}

impl Fault {
    const fn exit(&self) -> GateExit {
        match self {
            Self::Usage(_) => GateExit::Usage,
            Self::Gate(error) => error.exit(),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Usage(error) => format!("{error:#}"),
            Self::Gate(error) => {
                let mut text = error.to_string();
                let mut source = std::error::Error::source(error);
                while let Some(cause) = source {
                    text.push_str(&format!(": {cause}"));
                    source = cause.source();
                }
                text
            }
        }
    }
}

/// The configuration with where everything is.
struct Opened {
    config: Config,
    gate: GateConfig,
    state: PathBuf,
    dry_run: bool,
    /// What another command needs to find this cut-over: ` --config FILE`, or nothing.
    options: String,
}

impl Common {
    /// The options that differ from what is taken without them, as they are written in a shell.
    fn options(&self) -> String {
        let mut options = String::new();
        if self.config != Path::new("cutover.yaml") {
            options.push_str(&format!(" --config {}", quoted(&self.config)));
        }
        if let Some(state) = &self.state {
            options.push_str(&format!(" --state {}", quoted(state)));
        }
        if self.dry_run {
            options.push_str(" --dry-run");
        }
        options
    }

    fn open(&self) -> anyhow::Result<Opened> {
        let config = Config::read(&self.config)?;
        config.check()?;
        let gate = config.gate.clone().unwrap_or_default();
        let state = self.state.clone().unwrap_or_else(|| {
            self.config
                .parent()
                .map(PathBuf::from)
                .unwrap_or_default()
                .join("gate-state")
        });
        Ok(Opened {
            config,
            gate,
            state,
            dry_run: self.dry_run,
            options: self.options(),
        })
    }
}

impl Opened {
    fn setup(&self) -> anyhow::Result<Setup> {
        Ok(Setup {
            config: self.gate.clone(),
            catalogue: self.config.read_catalogue()?,
            live: self
                .gate
                .evidence
                .live
                .clone()
                .or_else(|| self.config.evidence.file.clone()),
            who: who(),
        })
    }

    /// A gate that looks and judges.
    async fn gate(&self) -> Result<Gate, Fault> {
        let setup = self.setup()?;
        self.gate_with(setup, false, true).await
    }

    /// A gate that only acts: a catalogue or a signal that cannot be used must not stand in its way.
    async fn bare_gate(&self, force: bool) -> Result<Gate, Fault> {
        let setup = Setup {
            config: self.gate.clone(),
            catalogue: None,
            live: None,
            who: who(),
        };
        self.gate_with(setup, force, false).await
    }

    async fn gate_with(&self, setup: Setup, force: bool, sees: bool) -> Result<Gate, Fault> {
        let clock = Arc::new(SystemClock::default());
        // The right to write on this machine first: a second gate must not even ask the router.
        let now_ms = clock.now().wall_ms;
        let journal = Journal::open(&self.state, &setup.who, force, Box::new(DiskPen), now_ms)
            .map_err(GateError::from)?;
        let parts = build::parts(self, clock, sees)?;
        Ok(Gate::open(setup, parts, journal, force).await?)
    }
}

/// A path as a shell reads it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@".contains(c);
    if text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A name for this process in lock, lease and journal.
fn who() -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| "somebody".to_owned());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{user}@{} pid {}", host.trim(), std::process::id())
}

impl GateArgs {
    /// Carries out the subcommand.
    pub fn run(self) -> ExitCode {
        let (name, format) = self.action.name();
        let done = block_on(self.action.run())
            .map_err(Fault::from)
            .and_then(|done| done);
        let exit = match done {
            Ok(exit) => exit,
            Err(fault) => {
                let exit = fault.exit();
                if format == OutputFormat::Json {
                    let shown = to_stdout(|out| report::json_error(name, exit, &fault.text(), out));
                    if let Err(error) = shown {
                        say(&format!("error: {error}"));
                    }
                }
                say(&format!("error: {}", fault.text()));
                exit
            }
        };
        ExitCode::from(exit as u8)
    }
}

impl Action {
    const fn name(&self) -> (&'static str, OutputFormat) {
        let (name, common) = match self {
            Self::Judge { common, .. } => ("judge", common),
            Self::Plan { common } => ("plan", common),
            Self::Step { common } => ("step", common),
            Self::Run { common, .. } => ("run", common),
            Self::Rollback { common, .. } => ("rollback", common),
            Self::Status { common } => ("status", common),
            Self::Approve { common, .. } => ("approve", common),
            Self::Adopt { common } => ("adopt", common),
            Self::Unlock { common } => ("unlock", common),
        };
        (name, common.format)
    }

    async fn run(self) -> Result<GateExit, Fault> {
        match self {
            Self::Judge { common, core } => plan::judge(&common.open()?, &core, common.format),
            Self::Plan { common } => plan::plan(&common.open()?, common.format).await,
            Self::Step { common } => Box::pin(run::step(&common.open()?, common.format)).await,
            Self::Run { common, until } => {
                Box::pin(run::run(&common.open()?, until, common.format)).await
            }
            Self::Rollback {
                common,
                reason,
                force,
            } => {
                Box::pin(run::rollback(
                    &common.open()?,
                    &reason,
                    force,
                    common.format,
                ))
                .await
            }
            Self::Status { common } => status::status(&common.open()?, common.format),
            Self::Approve { common, evidence } => {
                Box::pin(word::say(&common, Word::Approve { evidence })).await
            }
            Self::Adopt { common } => Box::pin(word::say(&common, Word::Adopt)).await,
            Self::Unlock { common } => {
                let gate = common.open()?.bare_gate(true).await?;
                gate.close().await?;
                status::done(common.format, "unlock", "free")?;
                Ok(GateExit::Ok)
            }
        }
    }
}
