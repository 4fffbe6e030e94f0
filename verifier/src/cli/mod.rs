//! The command line: each subcommand is its arguments and one `run` that ends in an [`Exit`].

pub mod adopt;
pub mod bound;
pub mod compare;
pub mod coverage;
pub mod diff;
pub mod diff_view;
pub mod evidence;
pub mod frame;
pub mod gate;
pub mod import;
pub mod init;
pub mod jwt;
pub mod jwt_verify;
pub mod known;
pub mod learn;
pub mod minimise;
pub mod output;
pub mod record;
pub mod replay;
pub mod report;
pub mod review;
pub mod schema;
pub mod shell;
pub mod target;
pub mod terminal;

use std::process::ExitCode;

use clap::{ColorChoice, Parser, Subcommand};

pub use crate::report::Exit;

/// Proves that one HTTP service answers as another does, or shows what breaks.
///
/// Exit codes: 0 green, 1 differences, 2 usage or configuration, 3 incomplete (something was not run
/// or not judged, or there was nothing to judge). Where several hold: 2, then 1, then 3.
#[derive(Debug, Parser)]
#[command(name = "verifier", version, max_term_width = 100)]
pub struct Cli {
    /// When to write colours; `auto` is for terminals, unless `NO_COLOR` is set.
    #[arg(long, global = true, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    color: ColorChoice,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Compare(compare::CompareArgs),
    Coverage(coverage::CoverageArgs),
    Jwt(Box<jwt::JwtArgs>),
    JwtVerify(jwt_verify::JwtVerifyArgs),
    DiffView(diff_view::DiffViewArgs),
    Adopt(adopt::AdoptArgs),
    Evidence(evidence::EvidenceArgs),
    Learn(learn::LearnArgs),
    Minimise(Box<minimise::MinimiseArgs>),
    Gate(gate::GateArgs),
    Import(import::ImportArgs),
    Init(init::InitArgs),
    Record(record::RecordArgs),
    Replay(replay::ReplayArgs),
    Review(review::ReviewArgs),
    Accept(review::AcceptArgs),
    Reject(review::RejectArgs),
    Report(report::ReportArgs),
    Diff(diff::DiffArgs),
    Schema(schema::SchemaArgs),
    Completions(shell::CompletionsArgs),
    Man(shell::ManArgs),
}

impl Cli {
    /// Carries out the subcommand. Errors are for what could not be done: usage and configuration.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        terminal::colour(self.color);
        let exit = match self.command {
            Command::Gate(args) => return Ok(args.run()),
            Command::Compare(args) => args.run(),
            Command::Coverage(args) => args.run(),
            Command::Jwt(args) => args.run(),
            Command::JwtVerify(args) => args.run(),
            Command::DiffView(args) => args.run(),
            Command::Adopt(args) => args.run(),
            Command::Evidence(args) => args.run(),
            Command::Learn(args) => args.run(),
            Command::Minimise(args) => args.run(),
            Command::Import(args) => args.run(),
            Command::Init(args) => args.run(),
            Command::Record(args) => args.run(),
            Command::Replay(args) => args.run(),
            Command::Review(args) => args.run(),
            Command::Accept(args) => args.run(),
            Command::Reject(args) => args.run(),
            Command::Report(args) => args.run(),
            Command::Diff(args) => args.run(),
            Command::Schema(args) => args.run(),
            Command::Completions(args) => args.run(),
            Command::Man(args) => args.run(),
        };
        Ok(exit?.into())
    }
}

/// Runs the program on the process's own arguments; what could not be done ends it with 2.
pub fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            terminal::say(&format!("error: {error:#}"));
            Exit::Usage.into()
        }
    }
}
