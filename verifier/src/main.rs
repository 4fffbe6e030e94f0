//! The `verifier` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    verifier::cli::main()
}
