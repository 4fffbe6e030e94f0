//! `verifier import`: a catalogue, or golden files, from what a team already has.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use super::Exit;
use super::target::block_on;
use super::terminal::{say, to_stdout};
use crate::catalogue::Catalogue;
use crate::client::{ClientConfig, Outgoing, Target};
use crate::golden::files::GoldenDir;
use crate::golden::imported;
use crate::import::{Skeleton, har, openapi};
use crate::report::table::printable;
use crate::schema::SchemaOf;

/// Longest document that is fetched, in bytes.
const MAX_DOCUMENT: usize = 32 * 1024 * 1024;

/// Write a catalogue from an `OpenAPI` document or a browser's recording, or take over golden files.
///
/// Golden files of the earlier tool hold the body of core's answer and nothing else: they are marked
/// `recorded_from: core (imported)` and named in every report until legacy has been recorded.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("source").required(true).args(["golden", "openapi", "har"]))]
pub struct ImportArgs {
    /// Folder of the earlier tool's golden files, `<id>.json`.
    #[arg(long, value_name = "DIR", requires = "manifest")]
    golden: Option<PathBuf>,
    /// The manifest (or catalogue) that names their requests.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// An `OpenAPI` 3 document, JSON or YAML.
    #[arg(long, value_name = "FILE|URL")]
    openapi: Option<String>,
    /// A browser's recording.
    #[arg(long, value_name = "FILE")]
    har: Option<PathBuf>,
    /// Where to write: a file for a catalogue (standard output by default), a folder for golden files
    /// (`golden` by default).
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Replace what is there.
    #[arg(long)]
    force: bool,
}

/// The catalogue's schema as `verifier init` lays it out, seen from the folder of `out`, if it is there.
fn schema_near(out: &Path) -> Option<String> {
    let folder = out.parent().unwrap_or(Path::new(""));
    let file = SchemaOf::Catalogue.file();
    [file.to_owned(), format!("../{file}")]
        .into_iter()
        .find(|schema| folder.join(schema).exists())
}

impl ImportArgs {
    /// Imports; exits with 3 if something could not be taken over.
    pub fn run(self) -> anyhow::Result<Exit> {
        if let (Some(golden), Some(manifest)) = (&self.golden, &self.manifest) {
            return self.goldens(golden, manifest);
        }
        let skeleton = match (&self.openapi, &self.har) {
            (Some(source), _) => {
                let text = fetch(source)?;
                openapi::skeleton(&text).with_context(|| source.clone())?
            }
            (None, Some(path)) => {
                let text = fs::read_to_string(path)
                    .with_context(|| format!("{}: cannot read the recording", path.display()))?;
                har::skeleton(&text).with_context(|| path.display().to_string())?
            }
            (None, None) => bail!("nothing to import: give `--golden`, `--openapi` or `--har`"),
        };
        self.catalogue(&skeleton)
    }

    fn catalogue(&self, skeleton: &Skeleton) -> anyhow::Result<Exit> {
        let text = skeleton.to_yaml();
        let path = self.out.clone().unwrap_or_else(|| "endpoints.yaml".into());
        let today = jiff::ZonedDateTime::now().date();
        // What this tool writes it must be able to read.
        let catalogue = Catalogue::parse(&path, &text, today)
            .context("the skeleton does not read: please report it with the document")?;
        let Some(out) = &self.out else {
            to_stdout(|out| out.write_all(text.as_bytes()))?;
            return Ok(Exit::Green);
        };
        ensure!(
            self.force || !out.exists(),
            "{}: it is there already: name another file, or add `--force`",
            out.display()
        );
        let text = match schema_near(out) {
            Some(schema) => format!("# yaml-language-server: $schema={schema}\n{text}"),
            None => text,
        };
        fs::write(out, &text).with_context(|| format!("{}: cannot write", out.display()))?;
        let cases = catalogue.cases.len();
        to_stdout(|to| {
            writeln!(
                to,
                "{}: {} endpoints, {cases} cases; look at what is made up, then\n  verifier record --legacy URL --catalog {}",
                out.display(),
                catalogue.endpoints.len(),
                out.display()
            )
        })?;
        Ok(Exit::Green)
    }

    fn goldens(&self, folder: &Path, manifest: &Path) -> anyhow::Result<Exit> {
        let text = Catalogue::read_text(manifest)?;
        let today = jiff::ZonedDateTime::now().date();
        let catalogue = Catalogue::parse(manifest, &text, today)?;
        let ignored = imported::ignored_fields(&text);
        let mut files: Vec<PathBuf> = fs::read_dir(folder)
            .with_context(|| format!("{}: cannot read the folder", folder.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .collect();
        files.sort();
        let goldens = GoldenDir::new(self.out.as_deref().unwrap_or(Path::new("golden")), None);
        let mut ready = Vec::new();
        let mut left_out = Vec::new();
        for file in &files {
            let id = file
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let Some(case) = catalogue.cases.iter().find(|case| case.id == id) else {
                left_out.push(format!(
                    "{}: no endpoint `{id}` in {}",
                    file.display(),
                    manifest.display()
                ));
                continue;
            };
            ensure!(
                self.force || !goldens.path(&id).exists(),
                "{}: it is there already: name another folder with `--out`, or add `--force`",
                goldens.path(&id).display()
            );
            let body =
                fs::read(file).with_context(|| format!("{}: cannot read", file.display()))?;
            match imported::snapshot(&catalogue, case, &goldens, &body, &ignored) {
                Ok(snapshot) => ready.push((id, snapshot)),
                Err(why) => left_out.push(format!("{}: {why}", file.display())),
            }
        }
        for (id, snapshot) in &ready {
            goldens.write_golden(id, snapshot)?;
        }
        let missing: Vec<&str> = catalogue
            .cases
            .iter()
            .filter(|case| !ready.iter().any(|(id, _)| *id == case.id))
            .map(|case| case.id.as_str())
            .collect();
        for line in &left_out {
            say(&format!("warning: not imported: {}", printable(line)));
        }
        to_stdout(|out| {
            writeln!(
                out,
                "{} of {} files imported into {}, marked `recorded_from: {}`",
                ready.len(),
                files.len(),
                goldens.dir().display(),
                imported::RECORDED_FROM
            )?;
            if !missing.is_empty() {
                writeln!(
                    out,
                    "{} cases have none: {}",
                    missing.len(),
                    missing.join(", ")
                )?;
            }
            writeln!(
                out,
                "They prove nothing about legacy: verifier record --legacy URL --catalog {}",
                manifest.display()
            )
        })?;
        Ok(if ready.is_empty() || !left_out.is_empty() {
            Exit::Incomplete
        } else {
            Exit::Green
        })
    }
}

/// The text of a file, or of an address of the web.
fn fetch(source: &str) -> anyhow::Result<String> {
    if !source.starts_with("http://") && !source.starts_with("https://") {
        return fs::read_to_string(source)
            .with_context(|| format!("{source}: cannot read the document"));
    }
    let at = source.find("://").map_or(0, |at| at + 3);
    let (base, path) = match source[at..].find('/') {
        Some(slash) => source.split_at(at + slash),
        None => (source, "/"),
    };
    let config = ClientConfig {
        max_body_bytes: MAX_DOCUMENT,
        ..ClientConfig::default()
    };
    let target = Target::new(base, config)?;
    let outgoing = Outgoing {
        method: "GET".to_owned(),
        path: path.to_owned(),
        ..Outgoing::default()
    };
    let sent = block_on(target.send(&outgoing))?;
    let answer = sent
        .observation
        .answer
        .map_err(|failure| anyhow::anyhow!("{source}: {failure}"))?;
    ensure!(
        answer.status == 200,
        "{source}: the answer is {}, not 200",
        answer.status
    );
    String::from_utf8(answer.body.to_vec())
        .with_context(|| format!("{source}: the document is no UTF-8"))
}
