#![deny(clippy::disallowed_methods)]
//! In which manner a place differs. Noise in one manner excuses nothing in another.

use serde::{Deserialize, Serialize};

use crate::relation::{Relation, format_name, same_format};
use crate::verdict::{Difference, Kind, Location};

/// In which manner a place differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Manner {
    /// Another value of the same type and format.
    Value,
    /// Another value, or none, at one line of a text; holds its number.
    Line(u64),
    /// Another format of the same type.
    Format {
        /// Legacy's.
        from: String,
        /// The other side's.
        to: String,
    },
    /// A key or a field that only one side has.
    Presence,
    /// An element that only one side has.
    Length,
    /// `null` on one side.
    Null {
        /// Whether legacy has a value.
        to_null: bool,
    },
    /// The order of an array.
    Order,
    /// The order of an array, among elements of an equal sort key only.
    Ties,
    /// Another status: never noise.
    Status,
    /// Another media type or content encoding: never noise.
    MediaType,
    /// Another JSON type, both sides with a value: never noise.
    Retyped,
    /// The id of another object: never noise.
    Object,
    /// The body as a whole, or what was not looked at to its end: too broad to be noise.
    Whole,
}

impl Manner {
    /// Whether legacy can differ from itself in this manner. What cannot is a finding at its first sight.
    pub const fn may_be_noise(&self) -> bool {
        !matches!(
            self,
            Self::Status | Self::MediaType | Self::Retyped | Self::Object | Self::Whole
        )
    }

    /// Whether it changes what a client's parser sees: then it is only excused where legacy differs from
    /// its own twin in the same manner.
    pub const fn is_structure(&self) -> bool {
        !matches!(self, Self::Value | Self::Line(_) | Self::Order | Self::Ties)
    }

    /// In words; also tells two manners apart.
    pub fn text(&self) -> String {
        match self {
            Self::Value => "value".to_owned(),
            Self::Line(number) => format!("line {number}"),
            Self::Format { from, to } => format!("format {from} to {to}"),
            Self::Presence => "presence".to_owned(),
            Self::Length => "length".to_owned(),
            Self::Null { to_null: true } => "value to null".to_owned(),
            Self::Null { to_null: false } => "null to value".to_owned(),
            Self::Order => "order".to_owned(),
            Self::Ties => "order among equals".to_owned(),
            Self::Status => "status".to_owned(),
            Self::MediaType => "media type".to_owned(),
            Self::Retyped => "type".to_owned(),
            Self::Object => "another object".to_owned(),
            Self::Whole => "whole body".to_owned(),
        }
    }

    /// What noise in this manner is called.
    pub const fn noise(&self) -> &'static str {
        match self {
            Self::Format { .. } => "format varies",
            Self::Presence | Self::Null { .. } => "optional",
            Self::Length => "length varies",
            Self::Order => "order varies",
            Self::Ties => "ties vary",
            _ => "varies",
        }
    }
}

/// Fields whose value is a type and not a datum.
const MEDIA_FIELDS: [&str; 2] = ["content-type", "content-encoding"];

/// The manner of a difference.
pub fn manner(difference: &Difference) -> Manner {
    let detail = difference.detail.as_deref().unwrap_or("");
    // The streaming comparison cannot see beyond its first difference in an object.
    if detail.starts_with("and what follows") {
        return Manner::Whole;
    }
    match (&difference.location, difference.kind) {
        (_, Kind::IdConflict) => Manner::Object,
        (Location::Status, _) | (_, Kind::Status) => Manner::Status,
        (Location::Header(name), _) if MEDIA_FIELDS.contains(&name.as_str()) => Manner::MediaType,
        (Location::Header(_), _) if detail.starts_with("the value may vary") => Manner::Format {
            from: "one form".to_owned(),
            to: "another".to_owned(),
        },
        (Location::Body, _) if line(detail).is_some() => {
            line(detail).map_or(Manner::Whole, Manner::Line)
        }
        (Location::Body, Kind::FieldAdded | Kind::FieldRemoved) => Manner::Whole,
        (Location::Body, Kind::ValueChange) if !detail.is_empty() => Manner::Whole,
        (_, Kind::Order) => match difference.relation {
            Some(Relation::Ties(_)) => Manner::Ties,
            _ => Manner::Order,
        },
        (_, Kind::FieldAdded | Kind::FieldRemoved) if difference.group.ends_with("/*") => {
            Manner::Length
        }
        (_, Kind::FieldAdded | Kind::FieldRemoved) => Manner::Presence,
        (_, Kind::TypeChange) => match sides(difference) {
            (Some("null"), Some(_)) => Manner::Null { to_null: false },
            (Some(_), Some("null")) => Manner::Null { to_null: true },
            _ => Manner::Retyped,
        },
        (_, Kind::Header) => match sides(difference) {
            (Some(ours), Some(theirs)) => values(ours, theirs),
            _ => Manner::Presence,
        },
        (_, Kind::Format) => Manner::Format {
            from: "one form".to_owned(),
            to: "another".to_owned(),
        },
        (_, Kind::ValueChange) => match sides(difference) {
            (Some(ours), Some(theirs)) => values(&plain(ours), &plain(theirs)),
            _ => Manner::Whole,
        },
    }
}

fn sides(difference: &Difference) -> (Option<&str>, Option<&str>) {
    (
        difference.reference.as_deref(),
        difference.candidate.as_deref(),
    )
}

fn values(ours: &str, theirs: &str) -> Manner {
    if same_format(ours, theirs) {
        Manner::Value
    } else {
        Manner::Format {
            from: format_name(ours),
            to: format_name(theirs),
        }
    }
}

/// A scalar as a text, from JSON as reports show it; of one that is cut, its start.
fn plain(shown: &str) -> String {
    let Some(inner) = shown.strip_prefix('"') else {
        return shown.to_owned();
    };
    match serde_json::from_str(shown) {
        Ok(text) => text,
        Err(_) => inner.to_owned(),
    }
}

/// The number in `line 12: …`.
fn line(detail: &str) -> Option<u64> {
    let (number, _) = detail.strip_prefix("line ")?.split_once(':')?;
    number.parse().ok()
}
