//! `verifier init`: the files a team starts with.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::Exit;
use super::terminal::to_stdout;
use crate::schema::SchemaOf;

/// Write the files to start with: a catalogue, a configuration, their schemas for editors, and what lets
/// `cargo insta` see them.
///
/// Asks nothing and replaces nothing. In a repository without Rust, `Cargo.toml` and `src/lib.rs` are there for
/// `cargo insta review` alone, which looks only inside Cargo packages.
#[derive(Debug, clap::Args)]
pub struct InitArgs {
    /// The folder.
    #[arg(default_value = ".")]
    dir: PathBuf,
}

const CATALOGUE: &str = include_str!("init/endpoints.yaml");
const CUTOVER: &str = include_str!("init/cutover.yaml");
const MANIFEST: &str = "# Only for `cargo insta review`, which looks for golden files inside Cargo packages.\n\
[package]\nname = \"golden-files\"\nversion = \"0.0.0\"\nedition = \"2021\"\npublish = false\n\n[workspace]\n";
const LIBRARY: &str =
    "//! Empty: this package exists so that `cargo insta review` finds golden/.\n";
const ATTRIBUTES: &str = "golden/** text eol=lf\n";

impl InitArgs {
    /// Writes what is missing, all or nothing.
    pub fn run(&self) -> anyhow::Result<Exit> {
        let in_package = std::path::absolute(&self.dir)
            .unwrap_or_else(|_| self.dir.clone())
            .ancestors()
            .any(is_package);
        let mut files = vec![
            ("golden/endpoints.yaml", CATALOGUE),
            ("cutover.yaml", CUTOVER),
        ];
        let schemas = SchemaOf::ALL.map(|of| (of.file(), of.text()));
        files.extend(schemas.iter().map(|(name, text)| (*name, text.as_str())));
        if !in_package {
            files.push(("Cargo.toml", MANIFEST));
            files.push(("src/lib.rs", LIBRARY));
        }
        if !self.dir.join(".gitattributes").exists() {
            files.push((".gitattributes", ATTRIBUTES));
        }
        let there: Vec<String> = files
            .iter()
            .map(|(name, _)| self.dir.join(name))
            .filter(|path| path.exists())
            .map(|path| path.display().to_string())
            .collect();
        if !there.is_empty() {
            bail!(
                "{} is there already, and nothing is replaced: run `verifier init` in another folder, or move it away",
                there.join(", ")
            );
        }
        for (name, text) in &files {
            let path = self.dir.join(name);
            let fault = || format!("{}: cannot write", path.display());
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).with_context(fault)?;
            }
            fs::write(&path, text).with_context(fault)?;
        }
        to_stdout(|out| {
            for (name, _) in &files {
                writeln!(out, "wrote {}", self.dir.join(name).display())?;
            }
            writeln!(
                out,
                "\nnext:\n  verifier record --legacy http://HOST:PORT     # what legacy answers, pending\n  \
                 verifier review                               # accept it (or: cargo insta review)\n  \
                 verifier replay --candidate http://HOST:PORT  # hold the new service against it"
            )
        })?;
        Ok(Exit::Green)
    }
}

/// Whether `cargo insta` looks below this folder.
fn is_package(folder: &Path) -> bool {
    let text = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    text.lines().any(|line| line.trim() == "[package]")
}
