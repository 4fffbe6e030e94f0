//! The catalogue: every endpoint, its cases, and the journeys that join them.
//!
//! The file format is a superset of the manifest teams already keep; [`Catalogue::parse`] reads it
//! and refuses what it cannot honour, naming line, column and remedy.

pub mod auth;
mod auth_file;
mod file;
mod load;
mod read;
pub mod routes;
pub mod template;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub use load::CatalogueError;
use routes::Routes;
use template::{BodyTemplate, Template};

use jiff::civil::Date;

use crate::cutover::Policy;
use crate::normalise::mask::MaskRule;
use crate::place::Place;
use crate::rules::Rules;

/// The schema of the file.
pub(crate) fn schema(generator: schemars::SchemaGenerator) -> schemars::Schema {
    generator.into_root_schema_for::<file::CatalogueFile>()
}

/// Everything the catalogue file says, checked.
#[derive(Debug)]
pub struct Catalogue {
    /// The file, as it was named.
    pub source: PathBuf,
    /// SHA-256 of the file, in hexadecimal: which catalogue a report speaks of.
    pub sha256: String,
    /// Whether answers may hold people's data.
    pub data: DataClass,
    /// Test accounts by name (`admin`, `user`).
    pub accounts: BTreeMap<String, Account>,
    /// How an account gets its token; without one no case can use an account.
    pub login: Option<Login>,
    /// What holds of tokens and sessions, when it says so.
    pub auth: Option<auth::Auth>,
    /// Endpoints in the order written.
    pub endpoints: Vec<Endpoint>,
    /// Cases in the order written: an endpoint's own case first, then its others.
    pub cases: Vec<Case>,
    /// Journeys in the order written.
    pub journeys: Vec<Journey>,
    /// What counts as a difference, by case.
    pub rules: Rules,
    /// What could be read but not honoured; printed once at the start of a run.
    pub warnings: Vec<String>,
}

/// Whose data the services hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataClass {
    /// Real people's: recording refuses what looks personal at an unmarked place.
    #[default]
    Real,
    /// Made up: nothing to protect.
    Synthetic,
}

/// A test account.
#[derive(Debug)]
pub struct Account {
    /// Login name.
    pub username: String,
    /// Where the password comes from.
    pub password: Password,
}

/// A password or its source; never printed.
#[derive(Clone)]
pub enum Password {
    /// Written in the catalogue, for test accounts.
    Clear(String),
    /// An environment variable.
    Env(String),
    /// A file, its last line break cut.
    File(PathBuf),
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clear(text) => write!(f, "Password({} bytes)", text.len()),
            Self::Env(name) => write!(f, "Password(env {name})"),
            Self::File(path) => write!(f, "Password(file {})", path.display()),
        }
    }
}

/// Why a password could not be had.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The variable is not set.
    #[error(
        "environment variable `{0}` holds no password: set it, or change the account in the catalogue"
    )]
    Env(String),
    /// The file cannot be read.
    #[error("{}: cannot read password file", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Password {
    /// Reads the password from where it is kept.
    pub fn reveal(&self) -> Result<String, PasswordError> {
        match self {
            Self::Clear(text) => Ok(text.clone()),
            Self::Env(name) => std::env::var(name).map_err(|_| PasswordError::Env(name.clone())),
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|source| PasswordError::File {
                    path: path.clone(),
                    source,
                })?;
                Ok(text.trim_end_matches(['\r', '\n']).to_owned())
            }
        }
    }
}

/// The request that turns a user name and password into tokens.
#[derive(Debug)]
pub struct Login {
    /// Method, path, headers, body; `{username}` and `{password}` are filled in.
    pub request: RequestTemplate,
    /// Place of the access token in the answer.
    pub access: Place,
    /// Place of the refresh token, if there is one.
    pub refresh: Option<Place>,
}

/// One endpoint of the service.
#[derive(Debug)]
pub struct Endpoint {
    /// Name in reports, metrics and file names: `rooms_list`.
    pub id: String,
    /// What it does, one line.
    pub description: String,
    /// Beyond the list the team counts by.
    pub extra: bool,
    /// Method and path as written, for people.
    pub method: String,
    /// Path with its placeholders.
    pub path: String,
    /// What the proxy shows core of its writes, where `cutover.yaml` says nothing of it: `read` for a
    /// `POST` that only reads.
    pub shadow: Option<Policy>,
}

/// One request and what must come of it.
#[derive(Debug)]
pub struct Case {
    /// `rooms_get`, or `rooms_get@not_found`: also the golden file's name.
    pub id: String,
    /// Index into [`Catalogue::endpoints`].
    pub endpoint: usize,
    /// Line of the catalogue where it starts, from 1.
    pub line: u64,
    /// What it shows, one line.
    pub description: String,
    /// What is sent.
    pub request: RequestTemplate,
    /// Whose session it uses; `None` sends no token.
    pub account: Option<String>,
    /// The status legacy must answer when it is recorded; several only in imported manifests.
    pub expected: Vec<u16>,
    /// Whether the request changes anything on the target.
    pub writes: bool,
    /// Values kept for later cases of the journey.
    pub captures: Vec<Capture>,
    /// Places whose value varies by nature.
    pub masks: Vec<MaskRule>,
}

/// A value taken from an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Capture {
    /// The placeholder it fills from then on.
    pub name: String,
    /// Where it stands in the answer.
    pub place: Place,
}

/// A request before its placeholders are filled.
#[derive(Clone, Debug)]
pub struct RequestTemplate {
    /// HTTP method.
    pub method: String,
    /// Path; `path_params` are filled first.
    pub path: Template,
    /// Values for placeholders of the path alone.
    pub path_params: Vec<(String, Template)>,
    /// Query parameters in order.
    pub query: Vec<(Template, Option<Template>)>,
    /// Header fields in order.
    pub headers: Vec<(String, Template)>,
    /// Body.
    pub body: RequestBody,
}

/// What a request carries.
#[derive(Clone, Debug)]
pub enum RequestBody {
    /// Nothing.
    None,
    /// JSON, sent as `application/json` unless a header says otherwise.
    Json(BodyTemplate),
    /// This text.
    Raw(Template),
    /// These bytes, which need not be text.
    Bytes(Vec<u8>),
}

/// Cases in order, on one session of captured values.
#[derive(Debug)]
pub struct Journey {
    /// Name in reports.
    pub id: String,
    /// Indexes into [`Catalogue::cases`].
    pub cases: Vec<usize>,
    /// The same, run last and in any event.
    pub cleanup: Vec<usize>,
}

impl Journey {
    /// All its cases in the order they run.
    pub fn steps(&self) -> impl Iterator<Item = usize> + '_ {
        self.cases.iter().chain(&self.cleanup).copied()
    }
}

impl Catalogue {
    /// Checks `text`, which is the content of `path`. `today` decides which known differences have
    /// expired.
    pub fn parse(path: &Path, text: &str, today: Date) -> Result<Self, CatalogueError> {
        load::load(path, text, today)
    }

    /// The way from a request to its endpoint.
    pub fn routes(&self) -> Routes {
        Routes::new(self.endpoints.iter().map(|endpoint| {
            let Endpoint {
                id, method, path, ..
            } = endpoint;
            (id.as_str(), method.as_str(), path.as_str())
        }))
    }

    /// The endpoint a case belongs to.
    pub fn endpoint_of(&self, case: &Case) -> &Endpoint {
        &self.endpoints[case.endpoint]
    }

    /// Picks cases by id: an endpoint's id picks all its cases, `rooms_get@not_found` one.
    ///
    /// The error is the first name that matches nothing.
    pub fn select(&self, only: &[String]) -> Result<Vec<usize>, String> {
        if only.is_empty() {
            return Ok((0..self.cases.len()).collect());
        }
        for name in only {
            if !self.cases.iter().any(|case| self.is_named(case, name)) {
                return Err(name.clone());
            }
        }
        Ok((0..self.cases.len())
            .filter(|&at| only.iter().any(|name| self.is_named(&self.cases[at], name)))
            .collect())
    }

    fn is_named(&self, case: &Case, name: &str) -> bool {
        case.id == name || self.endpoint_of(case).id == name
    }
}
