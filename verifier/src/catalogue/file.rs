//! The catalogue as it is written down: the YAML keys, and nothing else.
//!
//! A superset of the manifest that teams already have (`servers`, `test_accounts`, `endpoints`
//! with `path_params`, `params`, `request_body`, `expected_status`, …). [`super::load`] turns it
//! into the [`super::Catalogue`] everything else works with.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::auth_file::AuthFile;
use crate::cutover::Policy;
use crate::rules::RuleSpec;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CatalogueFile {
    #[serde(default)]
    pub(super) version: Option<Scalar>,
    #[serde(default, rename = "created")]
    pub(super) _created: Option<Scalar>,
    #[serde(default, rename = "updated")]
    pub(super) _updated: Option<Scalar>,
    #[serde(default)]
    pub(super) servers: Option<Spanned<serde_json::Value>>,
    #[serde(default)]
    pub(super) date_format: Option<Spanned<Scalar>>,
    #[serde(default)]
    pub(super) summary: Option<BTreeMap<String, Spanned<serde_json::Value>>>,
    #[serde(default)]
    pub(super) ignore_fields: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    pub(super) data: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) test_accounts: BTreeMap<String, Spanned<AccountFile>>,
    #[serde(default)]
    pub(super) auth: Option<Spanned<AuthFile>>,
    #[serde(default)]
    pub(super) mask: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) personal: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) rules: Vec<RuleSpec>,
    #[serde(default)]
    pub(super) endpoints: Vec<Spanned<EntryFile>>,
    #[serde(default)]
    pub(super) journeys: Vec<Spanned<JourneyFile>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountFile {
    pub(super) username: Scalar,
    pub(super) password: PasswordFile,
    #[serde(default)]
    pub(super) role: Option<String>,
}

/// A password in clear (test accounts only), or where it is to be found.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "write a password, or `{env: NAME}` or `{file: PATH}`"
)]
pub(super) enum PasswordFile {
    From(PasswordSource),
    Clear(Scalar),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordSource {
    #[serde(default)]
    pub(super) env: Option<String>,
    #[serde(default)]
    pub(super) file: Option<String>,
}

/// An endpoint, which is its own first case, or one more case of it. What a case leaves out is as
/// in its endpoint; `request_body: null` and `auth: false` take something away.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryFile {
    pub(super) id: Spanned<String>,
    #[serde(default)]
    pub(super) method: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) path: Option<Spanned<String>>,
    /// Beyond the incumbent's list: counted apart, as `1/1 extra`. Endpoints only.
    #[serde(default)]
    pub(super) extra: bool,
    /// What the proxy shows core of this endpoint's writes. Endpoints only.
    #[serde(default)]
    pub(super) shadow: Option<Policy>,
    /// The incumbent's progress mark; carries no meaning here.
    #[serde(default)]
    pub(super) status: Option<Spanned<Scalar>>,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) auth: Option<bool>,
    #[serde(default)]
    pub(super) role: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) account: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) path_params: Option<BTreeMap<String, Scalar>>,
    #[serde(default)]
    pub(super) params: Option<Spanned<ParamsFile>>,
    #[serde(default)]
    pub(super) headers: Option<BTreeMap<String, Scalar>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) request_body: Option<serde_json::Value>,
    #[serde(default)]
    pub(super) raw_body: Option<String>,
    /// A body that is no text, in base64.
    #[serde(default)]
    pub(super) raw_body_base64: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) expected_status: Option<Spanned<StatusFile>>,
    #[serde(default)]
    pub(super) writes: Option<bool>,
    #[serde(default)]
    pub(super) capture: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) mask: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) personal: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) rules: Vec<RuleSpec>,
    /// Endpoints only.
    #[serde(default)]
    pub(super) cases: Vec<Spanned<EntryFile>>,
}

/// Tells `request_body: null` (no body) from no `request_body` at all (the endpoint's).
fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(deserializer).map(Some)
}

/// Cases joined by captures, run in order on one target.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JourneyFile {
    pub(super) id: Spanned<String>,
    #[serde(default)]
    pub(super) description: Option<String>,
    pub(super) cases: Vec<Spanned<String>>,
    /// Run last, also when an earlier case went wrong.
    #[serde(default)]
    pub(super) cleanup: Vec<Spanned<String>>,
}

/// Query parameters: a map whose values may repeat, or a list of `name=value` in exact order.
#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "write parameters as `{page: 0}` or as `[\"page=0\"]`"
)]
pub(super) enum ParamsFile {
    Map(serde_json::Map<String, serde_json::Value>),
    Ordered(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "write a status as `200`, or a list of statuses")]
pub(super) enum StatusFile {
    One(u16),
    AnyOf(Vec<u16>),
}

/// A YAML scalar read as text, so that `page: 0` and `page: "0"` say the same.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "write text, a number or a boolean")]
pub(super) enum Scalar {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl Scalar {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(value) => value.clone(),
        }
    }
}
