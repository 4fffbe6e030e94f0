//! `verifier completions` and `verifier man`: what a shell and `man` know of a program.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
pub use clap_complete::Shell;

use super::terminal::to_stdout;
use super::{Cli, Exit};

/// Print a completion script for a shell.
///
/// For bash: `verifier completions bash > /etc/bash_completion.d/verifier`.
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Write manual pages into a folder, one a subcommand.
///
/// For example `verifier man /usr/local/share/man/man1`.
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// The folder; it is made if it is not there.
    dir: PathBuf,
}

impl CompletionsArgs {
    /// Prints the script.
    pub fn run(&self) -> anyhow::Result<Exit> {
        completions(Cli::command(), self.shell)
    }
}

impl ManArgs {
    /// Writes the pages.
    pub fn run(&self) -> anyhow::Result<Exit> {
        man(&Cli::command(), &self.dir)
    }
}

/// Prints the completion script of `command`.
pub fn completions(mut command: Command, shell: Shell) -> anyhow::Result<Exit> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    to_stdout(|out| out.write_all(&script))?;
    Ok(Exit::Green)
}

/// Writes the manual pages of `command` and its subcommands into `dir`.
pub fn man(command: &Command, dir: &Path) -> anyhow::Result<Exit> {
    fs::create_dir_all(dir)
        .with_context(|| format!("{}: cannot make the folder", dir.display()))?;
    clap_mangen::generate_to(command.clone(), dir)
        .with_context(|| format!("{}: cannot write the pages", dir.display()))?;
    to_stdout(|out| {
        writeln!(
            out,
            "manual pages of {} in {}",
            command.get_name(),
            dir.display()
        )
    })?;
    Ok(Exit::Green)
}
