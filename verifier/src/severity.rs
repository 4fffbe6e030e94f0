//! What a client would notice of a difference: a table, and the one function that reads it.

#![deny(clippy::disallowed_methods)]

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::relation::Relation;
use crate::verdict::Kind;

/// How bad a difference is for clients.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Default,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No client of ordinary care notices.
    Benign,
    /// Some clients notice.
    #[default]
    Risky,
    /// A client that did nothing wrong breaks.
    Breaking,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Benign => "benign",
            Self::Risky => "risky",
            Self::Breaking => "breaking",
        })
    }
}

/// What the table knows of a difference.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What changed.
    pub kind: Kind,
    /// How the values are related.
    pub relation: Option<&'a Relation>,
    /// Last key of the place, or the header's name; empty for the body as a whole.
    pub name: &'a str,
    /// Whether the reference, and whether the candidate, has `null` there.
    pub nulls: (bool, bool),
    /// Whether the two status codes are of one class (2xx, 4xx …).
    pub same_status_class: bool,
    /// Whether both answers are errors.
    pub is_error: bool,
}

/// One row of the table. A `None` or empty condition holds for everything.
#[derive(Debug)]
pub struct Row {
    /// The kind it is for.
    pub kind: Option<Kind>,
    /// Classes of relation it is for.
    pub relations: &'static [&'static str],
    /// Last keys or header names it is for.
    pub names: &'static [&'static str],
    /// Further condition.
    pub when: When,
    /// The verdict of the row.
    pub severity: Severity,
    /// The reason, for the documentation.
    pub why: &'static str,
}

/// A condition on the answer rather than on the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Holds for every difference.
    Always,
    /// The status classes differ.
    StatusClassChanged,
    /// The candidate's value is `null`, the reference's is not.
    ToNull,
    /// The reference's value is `null`, the candidate's is not.
    FromNull,
    /// Both answers are errors.
    Error,
}

const fn row(
    kind: Option<Kind>,
    relations: &'static [&'static str],
    names: &'static [&'static str],
    when: When,
    severity: Severity,
    why: &'static str,
) -> Row {
    Row {
        kind,
        relations,
        names,
        when,
        severity,
        why,
    }
}

/// The table for findings; the first row that holds decides. Notes are benign, all of them. Rules of the catalogue override it for their place.
pub const TABLE: &[Row] = {
    use Kind::{FieldAdded, FieldRemoved, Format, Header, Order, Status, TypeChange, ValueChange};
    use Severity::{Benign, Breaking, Risky};
    use When::{Always, Error, FromNull, StatusClassChanged, ToNull};
    &[
        row(
            Some(Status),
            &[],
            &[],
            StatusClassChanged,
            Breaking,
            "success became failure or back",
        ),
        row(
            Some(Status),
            &[],
            &[],
            Always,
            Risky,
            "clients that test for one code only",
        ),
        row(
            None,
            &["html-instead-of-json", "not-json"],
            &[],
            Always,
            Breaking,
            "no client parses it",
        ),
        row(
            None,
            &["error-envelope"],
            &[],
            Always,
            Breaking,
            "error handling reads these fields",
        ),
        row(
            None,
            &["duplicate-keys"],
            &[],
            Always,
            Risky,
            "readers disagree which one counts",
        ),
        row(
            None,
            &["default-filled"],
            &[],
            Always,
            Risky,
            "a value where none was",
        ),
        row(
            None,
            &[],
            &["accessToken", "refreshToken", "accessTokenExpiresIn"],
            Always,
            Breaking,
            "login depends on it",
        ),
        row(
            None,
            &[],
            &["set-cookie", "www-authenticate", "location"],
            Always,
            Breaking,
            "sessions and redirects depend on it",
        ),
        row(
            None,
            &[],
            &[
                "x-content-type-options",
                "x-frame-options",
                "content-security-policy",
                "strict-transport-security",
                "access-control-allow-origin",
                "cache-control",
            ],
            Always,
            Risky,
            "browsers act on it",
        ),
        row(
            Some(Header),
            &[],
            &["content-type"],
            Always,
            Breaking,
            "clients choose a parser by it",
        ),
        row(
            Some(Header),
            &[],
            &[],
            Always,
            Risky,
            "some client may read it",
        ),
        row(
            Some(ValueChange),
            &[],
            &["message", "fieldErrors", "detail", "title", "error"],
            Error,
            Benign,
            "text for people",
        ),
        row(
            Some(FieldAdded),
            &[],
            &[],
            Always,
            Benign,
            "readers skip what they do not know",
        ),
        row(
            Some(FieldRemoved),
            &[],
            &[],
            Always,
            Breaking,
            "a reader may need it",
        ),
        row(
            Some(TypeChange),
            &[],
            &[],
            ToNull,
            Breaking,
            "null where a value was",
        ),
        row(
            Some(TypeChange),
            &[],
            &[],
            FromNull,
            Risky,
            "readers that take null take a value, most of them",
        ),
        row(
            Some(TypeChange),
            &[],
            &[],
            Always,
            Breaking,
            "typed readers fail",
        ),
        row(
            Some(Order),
            &[],
            &[],
            Always,
            Risky,
            "lists are shown in their order",
        ),
        row(
            Some(Format),
            &[],
            &[],
            Always,
            Risky,
            "readers of the old form may fail",
        ),
        row(
            Some(ValueChange),
            &[],
            &[],
            Always,
            Risky,
            "wrong data, unless the change is meant",
        ),
    ]
};

/// The severity of a difference by the table.
pub fn severity(facts: &Facts<'_>) -> Severity {
    let class = facts.relation.map_or("", Relation::class);
    TABLE
        .iter()
        .find(|row| {
            row.kind.is_none_or(|kind| kind == facts.kind)
                && (row.relations.is_empty() || row.relations.contains(&class))
                && (row.names.is_empty() || row.names.contains(&facts.name))
                && match row.when {
                    When::Always => true,
                    When::StatusClassChanged => !facts.same_status_class,
                    When::ToNull => facts.nulls == (false, true),
                    When::FromNull => facts.nulls == (true, false),
                    When::Error => facts.is_error,
                }
        })
        .map_or(Severity::Risky, |row| row.severity)
}
