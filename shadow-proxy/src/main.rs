//! The command line of the shadow proxy.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use shadow_proxy::config::{ADMIN, LISTEN, ready};
use shadow_proxy::{Config, Proxy};
use tokio::signal::unix::{SignalKind, signal};
use verifier::cli::shell::{self, Shell};

/// Answers every request from legacy and compares core's answer off the client's path.
///
/// Exit codes: 0 stopped as asked; 1 stopped, but something was cut short; 2 wrong usage or
/// configuration, or an address that cannot be listened on.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a configuration and print what would hold, defaults included
    Check {
        /// The configuration to check
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Print a completion script for a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Write manual pages into a folder, one a subcommand
    Man {
        /// The folder; it is made if it is not there
        dir: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Serve {
    /// Base address of the service that answers the clients
    #[arg(long, value_name = "URL")]
    legacy: Option<String>,
    /// Base address of the service that is compared with it
    #[arg(long, value_name = "URL")]
    core: Option<String>,
    /// Where clients connect [default: 127.0.0.1:8088]
    #[arg(long, value_name = "ADDRESS", help = format!("Where clients connect [default: {LISTEN}]"))]
    listen: Option<SocketAddr>,
    /// Where metrics and health are served
    #[arg(long, value_name = "ADDRESS", help = format!("Where metrics and health are served [default: {ADMIN}]"))]
    admin: Option<SocketAddr>,
    /// Everything else, as `cutover.yaml`; flags win over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The catalogue of endpoints: names for reports, and what may differ
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Where differences are written down; without it nothing is stored
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// The key that hides personal values in it, kept in another folder [default: a random one]
    #[arg(long, value_name = "FILE")]
    redaction_key_file: Option<PathBuf>,
    /// The claim of bearer tokens that names the client's role, such as `/realm_access/roles`; the
    /// evidence counts its values [default: the first of `role`, `roles` and `authorities`]
    #[arg(long, value_name = "CLAIM")]
    role_claim: Option<String>,
    /// Share of users to shadow, 0 to 100 [default: 100]
    #[arg(long, value_name = "PERCENT")]
    sample: Option<f64>,
    /// A second legacy over the same data: it gets a copy of each shadowed safe request, and shows
    /// where legacy differs from itself
    #[arg(long, value_name = "URL")]
    legacy_twin: Option<String>,
    /// Without a twin: share of shadowed safe requests that legacy is asked twice, 0 to 100 [default: 0]
    #[arg(long, value_name = "PERCENT")]
    noise_sample: Option<f64>,
    /// Threads that serve clients [default: 1]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// What is logged on standard error
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: tracing::level_filters::LevelFilter,
    /// How it is logged
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

const CUT_SHORT: u8 = 1;
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.command {
        Some(Command::Check { config }) => check(&config),
        Some(Command::Completions { shell }) => {
            shell::completions(Args::command(), shell).map(Into::into)
        }
        Some(Command::Man { dir }) => shell::man(&Args::command(), &dir).map(Into::into),
        None => serve(&args.serve),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            // Standard error may be closed; there is nobody else to tell.
            let _ = writeln!(std::io::stderr(), "shadow-proxy: {error:#}");
            ExitCode::from(USAGE)
        }
    }
}

fn check(path: &std::path::Path) -> anyhow::Result<ExitCode> {
    let config = Config::read(path)?;
    let (config, _) = ready(&config)?;
    std::io::stdout().write_all(config.effective().as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn serve(args: &Serve) -> anyhow::Result<ExitCode> {
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(args.log);
    match args.log_format {
        LogFormat::Text => subscriber.with_ansi(false).init(),
        LogFormat::Json => subscriber.json().init(),
    }
    let config = configured(args)?;
    // Signals are taken before clients are, so that none is lost in between.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (mut terminate, mut interrupt, mut hang_up) = {
        let _inside = runtime.enter();
        // Taken so that a file at its size limit is an error to count and not the end of the proxy.
        let _file_too_large = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?;
        (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
        )
    };
    let enough_files = allow_files(&config);
    let proxy = Proxy::start(&config)?;
    writeln!(
        std::io::stderr(),
        "ready listen={} admin={}",
        proxy.listen(),
        proxy.admin()
    )?;
    for notice in proxy.notices() {
        tracing::warn!("{notice}");
    }
    if !enough_files {
        tracing::warn!(
            "fewer files may be open than `client.max_connections` needs: raise the limit or lower it"
        );
    }
    runtime.block_on(async {
        loop {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
                _ = hang_up.recv() => match proxy.reload() {
                    Ok(()) => tracing::info!("certificates read again"),
                    Err(error) => tracing::error!(%error, "certificates kept as they were"),
                },
            }
        }
    });
    tracing::info!("stopping: answering what was accepted");
    if proxy.stop() {
        Ok(ExitCode::SUCCESS)
    } else {
        Ok(ExitCode::from(CUT_SHORT))
    }
}

/// Raises the limit of open files to what the configuration may need, as far as the system lets it:
/// each client has a connection of its own and one to legacy, each shadow one to core. Returns whether
/// that is enough.
fn allow_files(config: &Config) -> bool {
    const FOR_THE_REST: usize = 256;
    let clients = config.client.max_connections.saturating_mul(2);
    let needed = clients + config.shadow.max_in_flight + FOR_THE_REST;
    let needed = u64::try_from(needed).unwrap_or(u64::MAX);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return true;
    }
    let raised = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    let set = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(raised),
            ..limit
        },
    );
    set.is_ok() && raised >= needed
}

fn configured(args: &Serve) -> anyhow::Result<Config> {
    let mut config = match &args.config {
        Some(path) => Config::read(path)?,
        None => Config::default(),
    };
    if args.legacy.is_some() {
        config.legacy.clone_from(&args.legacy);
    }
    if args.core.is_some() {
        config.core.clone_from(&args.core);
    }
    if args.catalog.is_some() {
        config.catalog.clone_from(&args.catalog);
    }
    if args.evidence.is_some() {
        config.evidence.file.clone_from(&args.evidence);
    }
    if args.redaction_key_file.is_some() {
        config
            .evidence
            .redaction_key_file
            .clone_from(&args.redaction_key_file);
    }
    if args.role_claim.is_some() {
        config.evidence.role_claim.clone_from(&args.role_claim);
    }
    config.listen = args.listen.unwrap_or(config.listen);
    config.admin = args.admin.unwrap_or(config.admin);
    config.sample.percent = args.sample.unwrap_or(config.sample.percent);
    if args.legacy_twin.is_some() {
        config.noise.legacy_twin.clone_from(&args.legacy_twin);
    }
    config.noise.sample_percent = args.noise_sample.unwrap_or(config.noise.sample_percent);
    config.threads = args.threads.unwrap_or(config.threads);
    Ok(config)
}
