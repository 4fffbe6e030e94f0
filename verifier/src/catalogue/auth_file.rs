//! The `auth` block as it is written down: the YAML keys, and nothing else.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::file::{PasswordFile, Scalar};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthFile {
    #[serde(default)]
    pub(super) login: Option<Spanned<LoginFile>>,
    #[serde(default)]
    pub(super) refresh: Option<Spanned<LoginFile>>,
    #[serde(default)]
    pub(super) logout: Option<Spanned<RequestFile>>,
    #[serde(default)]
    pub(super) probes: Vec<Spanned<ProbeFile>>,
    #[serde(default)]
    pub(super) accounts: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    pub(super) leeway_s: u32,
    #[serde(default)]
    pub(super) claims: Option<ClaimsFile>,
    #[serde(default)]
    pub(super) known: Vec<Spanned<KnownFile>>,
    #[serde(default)]
    pub(super) revocation: Option<Spanned<RevocationFile>>,
    #[serde(default)]
    pub(super) lockout: Option<LockoutFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginFile {
    #[serde(default)]
    pub(super) method: Option<String>,
    pub(super) path: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Scalar>,
    #[serde(default)]
    pub(super) body: Option<serde_json::Value>,
    #[serde(default)]
    pub(super) access: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) refresh: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestFile {
    #[serde(default)]
    pub(super) method: Option<String>,
    pub(super) path: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Scalar>,
    #[serde(default)]
    pub(super) body: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProbeFile {
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) method: Option<String>,
    pub(super) path: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Scalar>,
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

#[derive(Debug, Deserialize)]
#[serde(untagged)]
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

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum AllowFile {
    All(bool),
    Roles(Names),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleAccountFile {
    pub(super) username: Scalar,
    pub(super) password: PasswordFile,
}

/// Names with a reason each, or names alone.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum ClaimsFile {
    Reasons(BTreeMap<String, Option<Scalar>>),
    Names(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownFile {
    pub(super) probe: String,
    pub(super) reason: String,
    pub(super) owner: String,
    #[serde(default)]
    pub(super) expires: Option<Scalar>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RevocationFile {
    #[serde(rename = "as")]
    pub(super) by: String,
    pub(super) role: String,
    pub(super) create: Spanned<CreateFile>,
    pub(super) changes: BTreeMap<String, Spanned<RequestFile>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateFile {
    #[serde(default)]
    pub(super) method: Option<String>,
    pub(super) path: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Scalar>,
    #[serde(default)]
    pub(super) body: Option<serde_json::Value>,
    #[serde(default)]
    pub(super) id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LockoutFile {
    #[serde(default)]
    pub(super) max_failures: Option<u32>,
    #[serde(default)]
    pub(super) wait_s: Option<u64>,
}
