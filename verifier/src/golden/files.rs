//! Golden files on disk, and the pending ones beside them that `cargo insta review` shows.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::contents::{self, ContentsError, Masked};
use super::snap::{SnapError, Snapshot};
use crate::catalogue::Catalogue;
use crate::coverage::GoldenFact;

/// Where golden files lie and pending ones go.
#[derive(Clone, Debug)]
pub struct GoldenDir {
    dir: PathBuf,
    pending_dir: Option<PathBuf>,
    root: PathBuf,
}

/// A golden file that was read.
#[derive(Clone, Debug)]
pub struct Golden {
    /// The file in parts.
    pub snapshot: Snapshot,
    /// Its contents as an answer.
    pub masked: Masked,
}

/// Why a golden file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// The folder is not there.
    #[error("{}: no such folder: run `verifier record --legacy URL --golden DIR`, or name it with `--golden DIR`", .0.display())]
    NoFolder(PathBuf),
    /// The file exists but cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not a golden file.
    #[error("{}: {source}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SnapError,
    },
    /// Its contents are no answer.
    #[error("{}: {source}", path.display())]
    Contents {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ContentsError,
    },
}

impl GoldenDir {
    /// The folder `dir`; pending files go below `pending_dir` if there is one, else beside theirs.
    pub fn new(dir: &Path, pending_dir: Option<&Path>) -> Self {
        let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        let root = dir
            .ancestors()
            .find(|folder| folder.join("Cargo.toml").is_file())
            .or_else(|| dir.parent())
            .unwrap_or(&dir)
            .to_owned();
        Self {
            root,
            pending_dir: pending_dir.map(Path::to_owned),
            dir,
        }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `path` relative to the package that holds the folder, with forward slashes: insta's `source`.
    pub fn source_of(&self, path: &Path) -> String {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let relative = path.strip_prefix(&self.root).unwrap_or(&path);
        relative
            .components()
            .map(|part| part.as_os_str().to_string_lossy())
            .collect::<Vec<_>>()
            .join("/")
    }

    /// The golden file of a case.
    pub fn path(&self, case: &str) -> PathBuf {
        self.dir.join(format!("{case}.snap"))
    }

    /// Where a pending change of a case's golden file lies.
    pub fn pending_path(&self, case: &str) -> PathBuf {
        let name = format!("{case}.snap.new");
        match &self.pending_dir {
            None => self.dir.join(name),
            Some(pending) => pending
                .join(self.dir.strip_prefix(&self.root).unwrap_or(Path::new("")))
                .join(name),
        }
    }

    /// Reads a case's golden file; `None` if there is none.
    pub fn read(&self, case: &str) -> Result<Option<Golden>, GoldenError> {
        let path = self.path(case);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(GoldenError::Io { path, source }),
        };
        let snapshot = match Snapshot::parse(&text) {
            Ok(snapshot) => snapshot,
            Err(source) => return Err(GoldenError::Broken { path, source }),
        };
        match contents::parse(&snapshot.contents) {
            Ok(masked) => Ok(Some(Golden { snapshot, masked })),
            Err(source) => Err(GoldenError::Contents { path, source }),
        }
    }

    /// What coverage asks of the golden files of all cases. One that cannot be read is an error: it proves
    /// nothing, and to leave it out would hide that.
    pub fn facts(
        &self,
        catalogue: &Catalogue,
    ) -> Result<BTreeMap<String, GoldenFact>, GoldenError> {
        if !self.dir.is_dir() {
            return Err(GoldenError::NoFolder(self.dir.clone()));
        }
        let mut facts = BTreeMap::new();
        for case in &catalogue.cases {
            if let Some(found) = self.read(&case.id)? {
                let answer = &found.masked.answer;
                let fact = GoldenFact {
                    status: answer.status,
                    location: answer.header("location").next().is_some(),
                };
                facts.insert(case.id.clone(), fact);
            }
        }
        Ok(facts)
    }

    /// Cases with a pending file, by name.
    pub fn pending(&self) -> io::Result<Vec<String>> {
        let some_case = self.pending_path("x");
        let folder = some_case.parent().unwrap_or(&self.dir);
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut cases = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            cases.extend(
                name.to_str()
                    .and_then(|name| name.strip_suffix(".snap.new"))
                    .map(str::to_owned),
            );
        }
        cases.sort();
        Ok(cases)
    }

    /// Reads a pending file.
    pub fn read_pending(&self, case: &str) -> Result<Snapshot, GoldenError> {
        let path = self.pending_path(case);
        let text = std::fs::read_to_string(&path).map_err(|source| GoldenError::Io {
            path: path.clone(),
            source,
        })?;
        Snapshot::parse(&text).map_err(|source| GoldenError::Broken { path, source })
    }

    /// Leaves `snapshot` pending.
    pub fn write_pending(&self, case: &str, snapshot: &Snapshot) -> Result<PathBuf, GoldenError> {
        let path = self.pending_path(case);
        write(&path, &snapshot.render())?;
        // Shown to people: relative to where they are.
        let here = std::env::current_dir().unwrap_or_default();
        Ok(path.strip_prefix(here).map(Path::to_owned).unwrap_or(path))
    }

    /// Makes `snapshot` the golden file, and removes what was pending.
    pub fn write_golden(&self, case: &str, snapshot: &Snapshot) -> Result<PathBuf, GoldenError> {
        let path = self.path(case);
        // As insta does on accept: the line is for the review screen only.
        let accepted = Snapshot {
            assertion_line: None,
            ..snapshot.clone()
        };
        write(&path, &accepted.render())?;
        self.remove_pending(case)?;
        Ok(path)
    }

    /// Removes a pending file that is no longer true; whether there was one.
    pub fn remove_pending(&self, case: &str) -> Result<bool, GoldenError> {
        let path = self.pending_path(case);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(GoldenError::Io { path, source }),
        }
    }

    /// Names of golden files that no case of `known` claims.
    pub fn orphans(&self, known: &dyn Fn(&str) -> bool) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(&self.dir) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(".snap").map(str::to_owned))
            .filter(|name| !known(name))
            .collect();
        names.sort();
        names
    }

    /// SHA-256 over names and contents of all golden files: which goldens a report speaks of. `None`
    /// where one of them cannot be read.
    pub fn sha256(&self) -> Option<String> {
        let mut all = Vec::new();
        for name in self.orphans(&|_| false) {
            let file = std::fs::read(self.dir.join(format!("{name}.snap"))).ok()?;
            all.extend_from_slice(name.as_bytes());
            all.push(b' ');
            all.extend_from_slice(crate::gate::record::sha256(&file).as_bytes());
            all.push(b'\n');
        }
        Some(crate::gate::record::sha256(&all))
    }

    /// Why `cargo insta` would not find pending files here, if it would not.
    pub fn hidden_from_insta(&self) -> Option<String> {
        if self.pending_dir.is_some() {
            return None;
        }
        let manifest = self.root.join("Cargo.toml");
        let Ok(text) = std::fs::read_to_string(&manifest) else {
            return Some(format!(
                "`cargo insta` looks only inside Cargo packages, and {} is in none",
                self.dir.display()
            ));
        };
        if !text.lines().any(|line| line.trim() == "[package]") {
            return Some(format!(
                "{} is no package, so `cargo insta` will not look below it",
                manifest.display()
            ));
        }
        let below = self.dir.strip_prefix(&self.root).unwrap_or(&self.dir);
        below
            .components()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .find(|part| part == "target" || part.starts_with('.'))
            .map(|part| format!("`cargo insta` skips folders named `{part}`"))
    }
}

/// Writes a whole file or nothing: a second run at the same time must not leave half of each.
fn write(path: &Path, text: &str) -> Result<(), GoldenError> {
    let fault = |source| GoldenError::Io {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fault)?;
    }
    let temporary = path.with_extension(format!("tmp-{}", std::process::id()));
    std::fs::write(&temporary, text).map_err(fault)?;
    std::fs::rename(&temporary, path).map_err(fault)
}
