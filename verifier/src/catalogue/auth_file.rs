//! The `auth` block as it is written down: the YAML keys, and nothing else. What stands here as a comment
//! on a key is what an editor shows beside it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::file::{PasswordFile, Scalar};

/// How sessions begin, go on and end, and what a token must open. Only what is configured is checked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Auth")]
pub(super) struct AuthFile {
    /// Where a session begins; `{username}` and `{password}` are filled in.
    #[serde(default)]
    #[schemars(with = "Option<LoginFile>")]
    pub(super) login: Option<Spanned<LoginFile>>,
    /// How a refresh token becomes new tokens; `{refresh}` is filled in.
    #[serde(default)]
    #[schemars(with = "Option<LoginFile>")]
    pub(super) refresh: Option<Spanned<LoginFile>>,
    /// How a session is ended; `{token}` and `{refresh}` are filled in.
    #[serde(default)]
    #[schemars(with = "Option<RequestFile>")]
    pub(super) logout: Option<Spanned<RequestFile>>,
    /// Requests that show what a token opens.
    #[serde(default)]
    #[schemars(with = "Vec<ProbeFile>")]
    pub(super) probes: Vec<Spanned<ProbeFile>>,
    /// One account a role; those of `test_accounts` by their role unless given.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, RoleAccountFile>")]
    pub(super) accounts: serde_json::Map<String, serde_json::Value>,
    /// Seconds by which a service may take a token too early or too late.
    #[serde(default)]
    pub(super) leeway_s: u32,
    /// What may differ between the two services' tokens.
    #[serde(default)]
    pub(super) claims: Option<ClaimsFile>,
    /// Weaknesses that both services share and somebody answers for.
    #[serde(default)]
    #[schemars(with = "Vec<KnownFile>")]
    pub(super) known: Vec<Spanned<KnownFile>>,
    /// How to change an account under a live token; used with `--allow-writes`.
    #[serde(default)]
    #[schemars(with = "Option<RevocationFile>")]
    pub(super) revocation: Option<Spanned<RevocationFile>>,
    /// How careful to be with the login.
    #[serde(default)]
    pub(super) lockout: Option<LockoutFile>,
}

/// A request that answers with tokens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Login")]
pub(super) struct LoginFile {
    /// `POST` unless given.
    #[serde(default)]
    pub(super) method: Option<String>,
    /// Its path.
    pub(super) path: String,
    /// Header fields.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Scalar>,
    /// Its JSON body.
    #[serde(default)]
    pub(super) body: Option<serde_json::Value>,
    /// Where the answer holds the access token; `/value/accessToken` unless given.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) access: Option<Spanned<String>>,
    /// Where the answer holds the refresh token; `/value/refreshToken` unless given.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) refresh: Option<Spanned<String>>,
}

/// A request of the block.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Request")]
pub(super) struct RequestFile {
    /// `POST` unless given.
    #[serde(default)]
    pub(super) method: Option<String>,
    /// Its path.
    pub(super) path: String,
    /// Header fields.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Scalar>,
    /// Its JSON body.
    #[serde(default)]
    pub(super) body: Option<serde_json::Value>,
}

/// A request sent with a token, and whom it lets in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Probe")]
pub(super) struct ProbeFile {
    /// Its name in reports; `GET /path` unless given.
    #[serde(default)]
    pub(super) id: Option<String>,
    /// `GET` unless given.
    #[serde(default)]
    pub(super) method: Option<String>,
    /// Its path and query.
    pub(super) path: String,
    /// Header fields.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Scalar>,
    /// Its JSON body.
    #[serde(default)]
    pub(super) body: Option<serde_json::Value>,
    /// Place that only an answer of the open door has, as in `/data/id`.
    #[serde(default)]
    pub(super) opens: Option<String>,
    /// Who tries it; every role by default.
    #[serde(default)]
    pub(super) role: Option<Names>,
    /// Who is let in: some roles, or all or none of those who try.
    #[serde(default)]
    pub(super) allow: Option<AllowFile>,
}

/// A role, or a list of roles.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "write a role, or a list of roles")]
pub(super) enum Names {
    One(String),
    Many(Vec<String>),
}

impl Names {
    pub(super) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

/// Who is let in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "write `true`, `false`, a role, or a list of roles"
)]
#[schemars(rename = "Allow")]
pub(super) enum AllowFile {
    All(bool),
    Roles(Names),
}

/// The account that stands for a role.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RoleAccount")]
pub(super) struct RoleAccountFile {
    /// Its name at the login.
    pub(super) username: Scalar,
    /// Its password, or where that is to be found.
    pub(super) password: PasswordFile,
}

/// Names with a reason each, or names alone: `NAME` for a claim of either token, `access.NAME`,
/// `refresh.NAME`, `header.NAME`, `answer.PLACE`, `life.access`, `life.refresh`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "write `{NAME: reason}` for each claim that may differ, or a list of names"
)]
#[schemars(rename = "Claims")]
pub(super) enum ClaimsFile {
    Reasons(BTreeMap<String, Option<Scalar>>),
    Names(Vec<String>),
}

/// A weakness that both services share.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Known")]
pub(super) struct KnownFile {
    /// Name of the hostile token or of the check, as reports have it.
    pub(super) probe: String,
    /// Why it is accepted.
    pub(super) reason: String,
    /// Who answers for it.
    pub(super) owner: String,
    /// The last day on which it is, `2027-01-01`.
    #[serde(default)]
    pub(super) expires: Option<Scalar>,
}

/// How to make an account and then change it while its tokens are in use.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Revocation")]
pub(super) struct RevocationFile {
    /// Role whose account makes the changes.
    #[serde(rename = "as")]
    pub(super) by: String,
    /// The new account's role.
    pub(super) role: String,
    /// Makes an account; `{username}`, `{password}`, `{role}` and `{run}` are filled in.
    #[schemars(with = "CreateFile")]
    pub(super) create: Spanned<CreateFile>,
    /// Changes by name (`demoted`, `deactivated`, `deleted`, `password`), each on an account of its own;
    /// `{id}`, `{username}` and `{new_password}` are filled in.
    #[schemars(with = "BTreeMap<String, RequestFile>")]
    pub(super) changes: BTreeMap<String, Spanned<RequestFile>>,
}

/// The request that makes an account.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Create")]
pub(super) struct CreateFile {
    /// `POST` unless given.
    #[serde(default)]
    pub(super) method: Option<String>,
    /// Its path.
    pub(super) path: String,
    /// Header fields.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Scalar>,
    /// Its JSON body.
    #[serde(default)]
    pub(super) body: Option<serde_json::Value>,
    /// Where the answer holds the new account's id.
    #[serde(default)]
    pub(super) id: Option<String>,
}

/// Limits that keep this tool from locking accounts out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Lockout")]
pub(super) struct LockoutFile {
    /// Failed logins after which no further one is sent to a service; 2 unless given.
    #[serde(default)]
    pub(super) max_failures: Option<u32>,
    /// Longest time to wait after a 429, in seconds; 1800 unless given.
    #[serde(default)]
    pub(super) wait_s: Option<u64>,
}
