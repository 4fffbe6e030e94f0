//! The `verifier` command.

use std::process::ExitCode;

use clap::Parser as _;
use verifier::cli::{Cli, Exit, terminal};

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(exit) => exit.into(),
        Err(error) => {
            terminal::say(&format!("error: {error:#}"));
            Exit::Usage.into()
        }
    }
}
