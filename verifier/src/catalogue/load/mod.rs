//! From the file to the checked [`Catalogue`]: every complaint names its line and a remedy.

mod auth;
mod checks;
mod entry;
mod manifest;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde_saphyr::{Location, Spanned};

use super::file::{AccountFile, CatalogueFile, PasswordFile};
use super::{Account, Catalogue, DataClass, Password};
use crate::golden::contents;
use crate::rules::Rules;
use crate::yaml;

/// Placeholders that need no capture.
const BUILT_IN: [&str; 6] = [
    "run",
    "run_address",
    "token",
    "refresh",
    "username",
    "password",
];

/// Why a catalogue cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The file cannot be read.
    #[error("{}: cannot read the catalogue: name it with `--catalog FILE`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not the YAML this tool reads.
    #[error("{}:{fault}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        fault: yaml::Fault,
    },
    /// It reads, but contradicts itself.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Problem>),
}

/// One complaint about a catalogue.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    path: PathBuf,
    line: u64,
    column: u64,
    message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.path.display(),
            self.line,
            self.column,
            self.message
        )
    }
}

pub(super) fn load(path: &Path, text: &str, today: Date) -> Result<Catalogue, CatalogueError> {
    let file: CatalogueFile = yaml::read(text).map_err(|fault| CatalogueError::Syntax {
        path: path.to_owned(),
        fault,
    })?;
    let mut loader = Loader {
        path,
        today,
        is_manifest: manifest::is_manifest(&file),
        problems: Vec::new(),
        catalogue: Catalogue {
            source: path.to_owned(),
            sha256: contents::sha256(text.as_bytes()),
            data: DataClass::Real,
            accounts: BTreeMap::new(),
            login: None,
            auth: None,
            endpoints: Vec::new(),
            cases: Vec::new(),
            journeys: Vec::new(),
            rules: Rules::default(),
            warnings: Vec::new(),
        },
    };
    loader.read(&file);
    if loader.problems.is_empty() {
        Ok(loader.catalogue)
    } else {
        loader
            .problems
            .sort_by_key(|problem| (problem.line, problem.column));
        if let Some(places) = yaml::Places::of(text) {
            for problem in &mut loader.problems {
                if let Some(key) = places.outermost(problem.line, problem.column)
                    && problem.column > 1
                {
                    problem.message = format!("`{key}`: {}", problem.message);
                }
            }
        }
        Err(CatalogueError::Invalid(loader.problems))
    }
}

struct Loader<'a> {
    path: &'a Path,
    today: Date,
    /// A manifest of the team's earlier tool: what it cannot mean is a warning, not an error.
    is_manifest: bool,
    problems: Vec<Problem>,
    catalogue: Catalogue,
}

impl Loader<'_> {
    fn refuse(&mut self, at: Location, message: impl Into<String>) {
        self.problems.push(Problem {
            path: self.path.to_owned(),
            line: at.line().max(1),
            column: at.column().max(1),
            message: message.into(),
        });
    }

    fn warn(&mut self, at: Location, message: impl fmt::Display) {
        let line = at.line().max(1);
        let warning = format!("{}:{line}: {message}", self.path.display());
        self.catalogue.warnings.push(warning);
    }

    fn read(&mut self, file: &CatalogueFile) {
        if let Some(data) = &file.data {
            match data.value.as_str() {
                "synthetic" => self.catalogue.data = DataClass::Synthetic,
                "real" => self.catalogue.data = DataClass::Real,
                other => self.refuse(
                    data.referenced,
                    format!("`data: {other}` is unknown: write `synthetic` (made up) or `real`"),
                ),
            }
        }
        if file
            .version
            .as_ref()
            .is_some_and(|version| version.text().is_empty())
        {
            self.catalogue
                .warnings
                .push(format!("{}: `version` is empty", self.path.display()));
        }
        for (name, account) in &file.test_accounts {
            self.account(name, account);
        }
        if let Some(auth) = &file.auth {
            self.auth(auth, &file.test_accounts);
        }
        if self.is_manifest {
            self.manifest(file);
        }
        let masks = self.masks(&file.mask, &file.personal);
        for entry in &file.endpoints {
            self.endpoint(entry, &masks);
        }
        self.rules(file);
        self.unique_ids(&file.endpoints);
        for journey in &file.journeys {
            self.journey(journey);
        }
        self.placeholders(&file.endpoints);
    }

    fn account(&mut self, name: &str, account: &Spanned<AccountFile>) {
        let at = account.referenced;
        let account = &account.value;
        let Some(password) = self.password(at, name, &account.password) else {
            return;
        };
        let username = account.username.text();
        self.catalogue
            .accounts
            .insert(name.to_owned(), Account { username, password });
        if let Some(role) = &account.role
            && role.is_empty()
        {
            self.refuse(
                at,
                format!("account `{name}` has an empty role: leave `role` out"),
            );
        }
    }

    fn password(
        &mut self,
        at: Location,
        account: &str,
        password: &PasswordFile,
    ) -> Option<Password> {
        match password {
            PasswordFile::Clear(text) => Some(Password::Clear(text.text())),
            PasswordFile::From(source) => match (&source.env, &source.file) {
                (Some(name), None) => Some(Password::Env(name.clone())),
                (None, Some(file)) => Some(Password::File(
                    self.path
                        .parent()
                        .unwrap_or_else(|| Path::new(""))
                        .join(file),
                )),
                _ => {
                    self.refuse(
                        at,
                        format!(
                            "account `{account}` needs one source of its password: write \
                             `password: {{env: NAME}}` or `password: {{file: PATH}}`"
                        ),
                    );
                    None
                }
            },
        }
    }
}

/// `a-z`, `0-9` and single underscores: also a file name and a metric label. A double underscore
/// would be cut by insta's display of snapshot names.
fn is_id(id: &str) -> bool {
    !id.is_empty()
        && id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !id.contains("__")
}
