//! The one road from an exchange to a verdict, and what a verdict is.

#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::compare;
use crate::exchange::{Exchange, Failure};
use crate::relation::Relation;
use crate::rules::Rules;
use crate::severity::Severity;

/// Judges a candidate's answer by the reference's. Live traffic, replay and side-by-side comparison
/// all take this road, so they cannot disagree about what counts as a difference.
///
/// A candidate that gives no answer is a mismatch, never a silence. A reference that gives none, or
/// an answer too large to compare on either side, decides nothing.
pub fn judge(exchange: &Exchange, rules: &Rules) -> Verdict {
    let reference = match &exchange.reference.answer {
        Ok(answer) => answer,
        Err(Failure::TooLarge(text)) => {
            return Verdict::inconclusive(Cause::TooLarge(text.clone()));
        }
        Err(failure) => {
            return Verdict::inconclusive(Cause::ReferenceFailed(failure.to_string()));
        }
    };
    match &exchange.candidate.answer {
        Ok(candidate) => compare::compare(exchange, reference, candidate, rules),
        Err(Failure::TooLarge(text)) => Verdict::inconclusive(Cause::TooLarge(text.clone())),
        Err(failure) => {
            let mut verdict = Verdict::matching();
            verdict.findings.push(Difference {
                location: Location::Status,
                kind: Kind::Status,
                reference: Some(reference.status.to_string()),
                candidate: None,
                relation: None,
                severity: Severity::Breaking,
                group: "status".to_owned(),
                rule: None,
                detail: Some(failure.to_string()),
            });
            verdict.outcome = Outcome::Mismatch;
            verdict
        }
    }
}

/// What was judged of one exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The answer to "may this pass?".
    pub outcome: Outcome,
    /// Differences that make a mismatch, in the order status, headers, body.
    pub findings: Vec<Difference>,
    /// Differences that do not: of form only, or excused by a rule (which is then named).
    pub notes: Vec<Difference>,
    /// Which rules excused a difference or decided how to pair, and how often.
    pub fired: BTreeMap<String, u64>,
    /// Differences at the place of a `known` rule that are of another kind than it is for, by rule.
    /// They stay findings; the rule is worth a second look.
    pub strayed: BTreeMap<String, u64>,
    /// Findings beyond the bound, counted and not kept.
    pub truncated_findings: u64,
    /// Notes that repeat one that is kept (same group and relation) or lie beyond the bound.
    pub truncated_notes: u64,
}

impl Verdict {
    /// A verdict without differences, to be filled.
    pub fn matching() -> Self {
        Self {
            outcome: Outcome::Match,
            findings: Vec::new(),
            notes: Vec::new(),
            fired: BTreeMap::new(),
            strayed: BTreeMap::new(),
            truncated_findings: 0,
            truncated_notes: 0,
        }
    }

    /// A verdict that decides nothing.
    pub fn inconclusive(cause: Cause) -> Self {
        Self {
            outcome: Outcome::Inconclusive(cause),
            ..Self::matching()
        }
    }

    /// Whether nothing differs that counts.
    pub fn is_match(&self) -> bool {
        self.outcome == Outcome::Match
    }

    /// The worst severity among the findings.
    pub fn severity(&self) -> Option<Severity> {
        self.findings.iter().map(|f| f.severity).max()
    }
}

/// The three ways a verdict can go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing differs that counts.
    Match,
    /// At least one finding.
    Mismatch,
    /// Not compared, and why.
    Inconclusive(Cause),
}

/// Why nothing could be decided.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// There is nothing to hold the candidate against.
    #[error("the reference gave no answer: {0}")]
    ReferenceFailed(String),
    /// A body is above a cap, encoded or decoded.
    #[error("not compared, too large: {0}")]
    TooLarge(String),
}

/// One difference between the two sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Where it is.
    pub location: Location,
    /// What changed.
    pub kind: Kind,
    /// The reference's value: JSON text inside a JSON body, plain text elsewhere; cut when long.
    pub reference: Option<String>,
    /// The candidate's value, likewise.
    pub candidate: Option<String>,
    /// How the two values are related, where that is known.
    pub relation: Option<Relation>,
    /// What a client would notice.
    pub severity: Severity,
    /// The location with `*` for every index: differences of one group have one cause, as a rule.
    pub group: String,
    /// The rule that excused it, for a note; the one that changed its severity, for a finding.
    pub rule: Option<String>,
    /// What the values alone do not say.
    pub detail: Option<String>,
}

/// Where a difference is. As text: `status`, `header:NAME`, `body`, or a JSON Pointer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// The status code.
    Status,
    /// A header field, by its name in lower case.
    Header(String),
    /// The body as a whole, or the root of a JSON body.
    Body,
    /// A place inside a JSON body; never empty.
    Pointer(String),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status => f.write_str("status"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Body => f.write_str("body"),
            Self::Pointer(pointer) => f.write_str(pointer),
        }
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What changed at a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Another status code, or no answer.
    Status,
    /// Something only the candidate has.
    FieldAdded,
    /// Something only the reference has.
    FieldRemoved,
    /// A value of another JSON type (`null` is a type).
    TypeChange,
    /// Another value of the same type.
    ValueChange,
    /// The same things in another order.
    Order,
    /// A header field.
    Header,
    /// The same value in another form.
    Format,
    /// The id of another object than the one it was known to belong to.
    IdConflict,
}

impl Kind {
    /// Every kind, in the order reports list them.
    pub const ALL: [Self; 9] = [
        Self::Status,
        Self::FieldAdded,
        Self::FieldRemoved,
        Self::TypeChange,
        Self::ValueChange,
        Self::Order,
        Self::Header,
        Self::Format,
        Self::IdConflict,
    ];

    /// Its name in reports and rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::FieldAdded => "field added",
            Self::FieldRemoved => "field removed",
            Self::TypeChange => "type change",
            Self::ValueChange => "value change",
            Self::Order => "order",
            Self::Header => "header",
            Self::Format => "format",
            Self::IdConflict => "id conflict",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl schemars::JsonSchema for Kind {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Kind".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "What changed at a place.",
            "type": "string",
            "enum": Self::ALL.map(Self::name),
        })
    }
}

impl<'de> serde::Deserialize<'de> for Kind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join("`, `");
                serde::de::Error::custom(format!("`{name}` is no kind of difference: `{names}`"))
            })
    }
}
