//! The catalogue as it is written down: the YAML keys, and nothing else. What stands here as a comment on
//! a key is what an editor shows beside it.
//!
//! A superset of the manifest that teams already have (`servers`, `test_accounts`, `endpoints`
//! with `path_params`, `params`, `request_body`, `expected_status`, …). [`super::load`] turns it
//! into the [`super::Catalogue`] everything else works with.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::auth_file::AuthFile;
use crate::cutover::Policy;
use crate::rules::RuleSpec;

/// What is asked of both services: endpoints, their cases, and the journeys that join them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Catalogue")]
pub(super) struct CatalogueFile {
    /// The catalogue's own version; for people.
    #[serde(default)]
    pub(super) version: Option<Scalar>,
    /// When it was written; for people.
    #[serde(default, rename = "created")]
    pub(super) _created: Option<Scalar>,
    /// When it was last changed; for people.
    #[serde(default, rename = "updated")]
    pub(super) _updated: Option<Scalar>,
    /// Of an earlier tool's manifest; not used: a target is always named on the command line.
    #[serde(default)]
    #[schemars(with = "Option<serde_json::Value>", extend("deprecated" = true))]
    pub(super) servers: Option<Spanned<serde_json::Value>>,
    /// Of an earlier tool's manifest; not used.
    #[serde(default)]
    #[schemars(with = "Option<Scalar>", extend("deprecated" = true))]
    pub(super) date_format: Option<Spanned<Scalar>>,
    /// Of an earlier tool's manifest: its counts, which are checked.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, serde_json::Value>>", extend("deprecated" = true))]
    pub(super) summary: Option<BTreeMap<String, Spanned<serde_json::Value>>>,
    /// Of an earlier tool's manifest; not honoured: mask exact places instead.
    #[serde(default)]
    #[schemars(with = "Option<Vec<String>>", extend("deprecated" = true))]
    pub(super) ignore_fields: Option<Spanned<Vec<String>>>,
    /// Whose data the services hold: `real` (the default) refuses to write down what looks personal,
    /// `synthetic` is made up.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("enum" = ["real", "synthetic", null]))]
    pub(super) data: Option<Spanned<String>>,
    /// Accounts by name, for endpoints with `auth: true`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, AccountFile>")]
    pub(super) test_accounts: BTreeMap<String, Spanned<AccountFile>>,
    /// How sessions begin, go on and end, and what a token must open.
    #[serde(default)]
    #[schemars(with = "Option<AuthFile>")]
    pub(super) auth: Option<Spanned<AuthFile>>,
    /// What varies by nature in every answer: a place and what it still asserts (`now`, `recent`, `day`,
    /// `expiry`, `token`, or a role such as `room.id`).
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) mask: BTreeMap<String, Spanned<String>>,
    /// Personal data in every answer: a place and its class, such as `name`, `phone`, `email`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) personal: BTreeMap<String, Spanned<String>>,
    /// What may differ, where, why and until when.
    #[serde(default)]
    #[schemars(with = "Vec<RuleSpec>")]
    pub(super) rules: Vec<Spanned<RuleSpec>>,
    /// The endpoints, each with its cases.
    #[serde(default)]
    #[schemars(with = "Vec<EntryFile>")]
    pub(super) endpoints: Vec<Spanned<EntryFile>>,
    /// Cases that need each other's values, run in order.
    #[serde(default)]
    #[schemars(with = "Vec<JourneyFile>")]
    pub(super) journeys: Vec<Spanned<JourneyFile>>,
}

/// An account to log in with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TestAccount")]
pub(super) struct AccountFile {
    /// Its name at the login.
    pub(super) username: Scalar,
    /// Its password, or where that is to be found.
    pub(super) password: PasswordFile,
    /// Its role, as the services spell it.
    #[serde(default)]
    pub(super) role: Option<String>,
}

/// A password in clear (test accounts only), or where it is to be found.
#[derive(Debug, JsonSchema)]
#[schemars(untagged, rename = "Password")]
pub(super) enum PasswordFile {
    From(PasswordSource),
    Clear(Scalar),
}

/// By hand, since what serde tries in turn forgets which key is wrong and where it stands.
impl<'de> Deserialize<'de> for PasswordFile {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PasswordVisitor)
    }
}

struct PasswordVisitor;

impl<'de> serde::de::Visitor<'de> for PasswordVisitor {
    type Value = PasswordFile;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a password, or `{env: NAME}` or `{file: PATH}`")
    }

    fn visit_bool<E>(self, value: bool) -> Result<PasswordFile, E> {
        Ok(PasswordFile::Clear(Scalar::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<PasswordFile, E> {
        Ok(PasswordFile::Clear(Scalar::Int(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<PasswordFile, E> {
        Ok(PasswordFile::Clear(i64::try_from(value).map_or_else(
            |_| Scalar::Text(value.to_string()),
            Scalar::Int,
        )))
    }

    fn visit_f64<E>(self, value: f64) -> Result<PasswordFile, E> {
        Ok(PasswordFile::Clear(Scalar::Float(value)))
    }

    fn visit_str<E>(self, text: &str) -> Result<PasswordFile, E> {
        Ok(PasswordFile::Clear(Scalar::Text(text.to_owned())))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<PasswordFile, A::Error> {
        PasswordSource::deserialize(serde::de::value::MapAccessDeserializer::new(map))
            .map(PasswordFile::From)
    }
}

/// Where a password is to be found; exactly one of these.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PasswordSource {
    /// The environment variable that holds it.
    #[serde(default)]
    pub(super) env: Option<String>,
    /// The file that holds it, from the catalogue's folder.
    #[serde(default)]
    pub(super) file: Option<String>,
}

/// An endpoint, which is its own first case, or one more case of it. What a case leaves out is as
/// in its endpoint; `request_body: null` and `auth: false` take something away.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Endpoint")]
pub(super) struct EntryFile {
    /// Its name: `a-z`, `0-9` and single `_`.
    #[schemars(with = "String", regex(pattern = "^[a-z0-9_]+$"))]
    pub(super) id: Spanned<String>,
    /// `GET` unless given.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) method: Option<Spanned<String>>,
    /// The path, with `{name}` for what `path_params` or a capture fills in; no query.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) path: Option<Spanned<String>>,
    /// Beyond the incumbent's list: counted apart, as `1/1 extra`. Endpoints only.
    #[serde(default)]
    pub(super) extra: bool,
    /// What the proxy shows core of this endpoint's writes. Endpoints only.
    #[serde(default)]
    pub(super) shadow: Option<Policy>,
    /// The incumbent's progress mark; carries no meaning here.
    #[serde(default)]
    #[schemars(with = "Option<Scalar>", extend("deprecated" = true))]
    pub(super) status: Option<Spanned<Scalar>>,
    /// What it is, in a sentence.
    #[serde(default)]
    pub(super) description: Option<String>,
    /// Whether a token is sent; `account` says whose.
    #[serde(default)]
    pub(super) auth: Option<bool>,
    /// The role that may; chooses an account of `test_accounts`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) role: Option<Spanned<String>>,
    /// The account of `test_accounts` whose token is sent.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) account: Option<Spanned<String>>,
    /// What stands for each `{name}` in the path.
    #[serde(default)]
    pub(super) path_params: Option<BTreeMap<String, Scalar>>,
    /// The query: `{page: 0}`, or `["page=0"]` where the order counts.
    #[serde(default)]
    #[schemars(with = "Option<ParamsFile>")]
    pub(super) params: Option<Spanned<ParamsFile>>,
    /// Header fields.
    #[serde(default)]
    pub(super) headers: Option<BTreeMap<String, Scalar>>,
    /// The JSON body; `null` for none where the endpoint has one.
    #[serde(default, deserialize_with = "present")]
    pub(super) request_body: Option<serde_json::Value>,
    /// A body of any text, with a `Content-Type` under `headers`.
    #[serde(default)]
    pub(super) raw_body: Option<String>,
    /// A body that is no text, in base64.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub(super) raw_body_base64: Option<Spanned<String>>,
    /// The status that legacy answers, exactly.
    #[serde(default)]
    #[schemars(with = "Option<StatusFile>")]
    pub(super) expected_status: Option<Spanned<StatusFile>>,
    /// Whether it changes something; by its method unless given.
    #[serde(default)]
    pub(super) writes: Option<bool>,
    /// Values for later cases of the journey: a name and its place in the answer.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) capture: BTreeMap<String, Spanned<String>>,
    /// What varies by nature: a place and what it still asserts (`now`, `recent`, `day`, `expiry`, `token`,
    /// a role such as `room.id`); `none` lifts an inherited one.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) mask: BTreeMap<String, Spanned<String>>,
    /// Personal data: a place and its class, such as `name`, `phone`, `email`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub(super) personal: BTreeMap<String, Spanned<String>>,
    /// What may differ here, why and until when.
    #[serde(default)]
    #[schemars(with = "Vec<RuleSpec>")]
    pub(super) rules: Vec<Spanned<RuleSpec>>,
    /// More cases. Endpoints only.
    #[serde(default)]
    #[schemars(with = "Vec<EntryFile>")]
    pub(super) cases: Vec<Spanned<EntryFile>>,
}

/// Tells `request_body: null` (no body) from no `request_body` at all (the endpoint's).
fn present<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(deserializer).map(Some)
}

/// Cases joined by captures, run in order on one target.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Journey")]
pub(super) struct JourneyFile {
    /// Its name: `a-z`, `0-9` and single `_`.
    #[schemars(with = "String")]
    pub(super) id: Spanned<String>,
    /// What it is, in a sentence.
    #[serde(default)]
    pub(super) description: Option<String>,
    /// Cases in order: `endpoint` or `endpoint@case`.
    #[schemars(with = "Vec<String>")]
    pub(super) cases: Vec<Spanned<String>>,
    /// Run last, also when an earlier case went wrong.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub(super) cleanup: Vec<Spanned<String>>,
}

/// Query parameters: a map whose values may repeat, or a list of `name=value` in exact order.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "write parameters as `{page: 0}` or as `[\"page=0\"]`"
)]
#[schemars(rename = "Params")]
pub(super) enum ParamsFile {
    Map(serde_json::Map<String, serde_json::Value>),
    Ordered(Vec<String>),
}

/// One status. An earlier tool's list of statuses is read where a manifest has it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "write a status as `200`, or a list of statuses")]
#[schemars(rename = "Status")]
pub(super) enum StatusFile {
    One(u16),
    AnyOf(Vec<u16>),
}

/// A YAML scalar read as text, so that `page: 0` and `page: "0"` say the same.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
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
