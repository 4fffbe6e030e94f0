//! The command `verifier`, built with this package so that its tests never start an old one.

use std::process::ExitCode;

fn main() -> ExitCode {
    verifier::cli::main()
}
