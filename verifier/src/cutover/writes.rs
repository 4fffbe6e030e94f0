//! What core may see of requests that change something, and the proof that they cannot harm legacy.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use http::{Method, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Header fields, in lower case, that ask a server to take a request for one of another method.
pub const METHOD_OVERRIDES: [&str; 3] = [
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// Whether a request changes nothing by its method
/// ([RFC 9110, section 9.2.1](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1)), and none of the header fields
/// named in `fields` says that it is one of another method.
pub fn is_safe<'n>(method: &str, fields: impl IntoIterator<Item = &'n str>) -> bool {
    let overrides = |name: &str| {
        METHOD_OVERRIDES
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
    };
    ["GET", "HEAD", "OPTIONS"].contains(&method) && !fields.into_iter().any(overrides)
}

/// What is done with a write, from the safest to the boldest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// It goes to legacy only and counts as unverified.
    #[default]
    Skip,
    /// It goes to legacy only; after its 2xx the resource is read from both and compared.
    Probe,
    /// Core gets it only when legacy has refused it with 4xx, and only on a read-only role.
    Rejected,
    /// Core gets it too, into a database of its own.
    Mirror,
    /// It changes nothing in truth (a `POST` that only reads): treated as a read.
    Read,
}

/// Whether both services write to one database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Database {
    /// They share one, so a mirrored write would be applied twice.
    #[default]
    Shared,
    /// Core has its own, or a role that cannot write.
    Isolated,
}

/// How writes are shadowed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WritesConfig {
    /// For every write that `endpoints` does not name.
    pub default: Policy,
    /// The declaration that `rejected` and `mirror` need.
    pub database: Database,
    /// By endpoint, as the catalogue or the proxy names it (`POST /api/v1/my`).
    pub endpoints: BTreeMap<String, Policy>,
    /// The proof that core cannot write to legacy's database.
    pub sentinel: Option<SentinelConfig>,
}

/// Why a write policy is not accepted: the boldest ones need a declaration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{place}: {policy}` sends writes to core: declare `writes.database: isolated` once core has a \
     database of its own or a role that cannot write"
)]
pub struct UndeclaredDatabase {
    place: String,
    policy: &'static str,
}

impl UndeclaredDatabase {
    /// The key whose policy it is, such as `writes.default`.
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl WritesConfig {
    /// Refuses policies that could write twice into one database.
    pub fn check(&self) -> Result<(), UndeclaredDatabase> {
        let named = self
            .endpoints
            .iter()
            .map(|(name, &policy)| (format!("writes.endpoints.{name}"), policy));
        let all = std::iter::once(("writes.default".to_owned(), self.default)).chain(named);
        for (place, policy) in all {
            let policy = match policy {
                Policy::Rejected => "rejected",
                Policy::Mirror => "mirror",
                Policy::Skip | Policy::Probe | Policy::Read => continue,
            };
            if self.database == Database::Shared {
                return Err(UndeclaredDatabase { place, policy });
            }
        }
        Ok(())
    }
}

/// Stands in `send.body` and `send.path` for a value that no other write ever held.
pub const MARK: &str = "{mark}";

/// How the separation of the databases is proved.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SentinelConfig {
    /// The write that core gets. `{mark}` in its body or path becomes a value of its own each time.
    pub send: SentinelWrite,
    /// Where the write would show up at legacy, were the database shared.
    pub read: String,
    /// A file whose content is sent as `Authorization` with both.
    #[serde(default)]
    pub authorization_file: Option<PathBuf>,
    /// Seconds between two proofs; the first comes before any write is shadowed.
    #[serde(default = "every_minute")]
    pub every_s: u64,
}

/// The write that core gets.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SentinelWrite {
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub path: String,
    /// Its JSON body.
    #[serde(default)]
    pub body: String,
}

const fn every_minute() -> u64 {
    60
}

impl SentinelConfig {
    /// What is wrong with it, if anything.
    pub fn fault(&self) -> Option<&'static str> {
        let marked = self.send.body.contains(MARK) || self.send.path.contains(MARK);
        let path = |path: &str| path.starts_with('/') && path.parse::<Uri>().is_ok();
        if !marked {
            return Some(
                "needs `{mark}` in its body or path, or its write could not be recognised",
            );
        }
        if Method::from_bytes(self.send.method.as_bytes()).is_err() {
            return Some("needs an HTTP method");
        }
        if !path(&self.send.path.replace(MARK, "0")) || !path(&self.read) {
            return Some("needs paths that begin with `/`");
        }
        if self.every_s == 0 {
            return Some("needs at least one second between two proofs");
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_that_write_need_the_declaration() {
        for (policy, needs) in [
            (Policy::Skip, false),
            (Policy::Probe, false),
            (Policy::Read, false),
            (Policy::Rejected, true),
            (Policy::Mirror, true),
        ] {
            let mut config = WritesConfig {
                default: policy,
                ..WritesConfig::default()
            };
            assert_eq!(config.check().is_err(), needs, "{policy:?}");
            config.database = Database::Isolated;
            assert_eq!(config.check(), Ok(()));
        }
    }

    #[test]
    fn what_changes_nothing_by_its_method_does_not_unless_a_field_says_otherwise() {
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert!(is_safe(method, ["accept"]), "{method}");
            for name in METHOD_OVERRIDES {
                assert!(!is_safe(method, ["accept", name]), "{method} {name}");
                assert!(!is_safe(method, [name.to_ascii_uppercase().as_str()]));
            }
        }
        for method in ["POST", "PUT", "PATCH", "DELETE", "get"] {
            assert!(!is_safe(method, []), "{method}");
        }
    }
}
