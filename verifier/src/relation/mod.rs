//! How two different values are related, so that a reader sees at once what happened.
//!
//! A relation is named only where the values themselves prove it; otherwise there is none. Nothing
//! here decides whether a difference counts.

#![deny(clippy::disallowed_methods)]

mod format;
mod strings;
mod time;
mod values;

use std::fmt;

use serde::{Serialize, Serializer};

use crate::json::{Decimal, JsonType, Node};
use crate::rules::{Presence, Tolerance};

pub use format::{FormatClass, format_class, format_name, fraction_digits, same_format};
pub(crate) use format::{is_jwt, is_timestamp};
pub(crate) use strings::is_constant;
use time::Stamp;
pub use values::{relate, relate_absent};

/// A named relation from the reference's value to the candidate's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// One number written in another form: `1` and `1.0`.
    NumberFormat,
    /// The candidate's number is the reference's times 10^k.
    Scale(i64),
    /// Digits after the point were cut off (or were there only at the candidate).
    CutFraction,
    /// Two of absent, `null`, `[]`, `{}`, `""`.
    Presence {
        /// What the reference has.
        from: &'static str,
        /// What the candidate has.
        to: &'static str,
    },
    /// Absent or `null` on one side, `0`, `false` or the like on the other.
    DefaultFilled,
    /// Another case of letters.
    Case,
    /// White space at the ends.
    Trim,
    /// Another Unicode normal form of one text.
    UnicodeForm,
    /// A number, boolean or `null` and a string of the same text.
    StringForm,
    /// Strings that hold one number with other digits: `"12.50"` and `"12.5"`.
    DecimalDigits,
    /// Characters replaced by `*` on one side.
    Masked,
    /// One instant in another form.
    TimestampFormat,
    /// One wall-clock reading, with a zone on one side only.
    TimestampZone,
    /// Times a constant apart; seconds from reference to candidate.
    TimeShift(i64),
    /// Seconds on one side, milliseconds on the other (or micro, nano).
    TimeUnit(i64),
    /// Another spelling of an enum constant.
    EnumRenamed,
    /// A key with another name and the same value; holds the key on the other side.
    KeyRenamed(String),
    /// The same value stands elsewhere; holds the place on the other side.
    Moved(String),
    /// The same elements in another order.
    Permutation,
    /// Another order only among elements with an equal value of this key, by which both sides are
    /// sorted: nothing says which of them comes first.
    Ties(String),
    /// Another envelope around an error.
    ErrorEnvelope,
    /// A page instead of JSON.
    HtmlInsteadOfJson,
    /// Only one side is JSON.
    NotJson,
    /// A text cut short.
    Truncated,
    /// Escaped once more than on the other side.
    DoubleEscaped,
    /// Keys in another order.
    KeyOrder,
    /// White space between tokens.
    WhiteSpace,
    /// Another way to escape the same characters.
    Escapes,
    /// A key that occurs more than once.
    DuplicateKeys,
    /// `charset` and other parameters of a media type spelled otherwise.
    MediaTypeSpelling,
    /// A content encoding on one side, another on the other.
    ContentEncoding,
}

impl Relation {
    /// The name of the class, without parameters; stable, in kebab case.
    pub const fn class(&self) -> &'static str {
        match self {
            Self::NumberFormat => "number-format",
            Self::Scale(_) => "scale",
            Self::CutFraction => "cut-fraction",
            Self::Presence { .. } => "presence",
            Self::DefaultFilled => "default-filled",
            Self::Case => "case",
            Self::Trim => "trim",
            Self::UnicodeForm => "unicode-form",
            Self::StringForm => "string-form",
            Self::DecimalDigits => "decimal-digits",
            Self::Masked => "masked",
            Self::TimestampFormat => "timestamp-format",
            Self::TimestampZone => "timestamp-zone",
            Self::TimeShift(_) => "time-shift",
            Self::TimeUnit(_) => "time-unit",
            Self::EnumRenamed => "enum-renamed",
            Self::KeyRenamed(_) => "key-renamed",
            Self::Moved(_) => "moved",
            Self::Permutation => "permutation",
            Self::Ties(_) => "ties",
            Self::ErrorEnvelope => "error-envelope",
            Self::HtmlInsteadOfJson => "html-instead-of-json",
            Self::NotJson => "not-json",
            Self::Truncated => "truncated",
            Self::DoubleEscaped => "double-escaped",
            Self::KeyOrder => "key-order",
            Self::WhiteSpace => "white-space",
            Self::Escapes => "escapes",
            Self::DuplicateKeys => "duplicate-keys",
            Self::MediaTypeSpelling => "media-type-spelling",
            Self::ContentEncoding => "content-encoding",
        }
    }
}

/// The classes of all relations, as [`Relation::class`] gives them.
pub const CLASSES: [&str; 31] = [
    "number-format",
    "scale",
    "cut-fraction",
    "presence",
    "default-filled",
    "case",
    "trim",
    "unicode-form",
    "string-form",
    "decimal-digits",
    "masked",
    "timestamp-format",
    "timestamp-zone",
    "time-shift",
    "time-unit",
    "enum-renamed",
    "key-renamed",
    "moved",
    "permutation",
    "ties",
    "error-envelope",
    "html-instead-of-json",
    "not-json",
    "truncated",
    "double-escaped",
    "key-order",
    "white-space",
    "escapes",
    "duplicate-keys",
    "media-type-spelling",
    "content-encoding",
];

/// For a reader, with parameters: `time shift of +9h`.
impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scale(k) => write!(f, "times 10^{k}"),
            Self::TimeUnit(k) => write!(f, "another unit of time (times 10^{k})"),
            Self::Presence { from, to } => write!(f, "{from} became {to}"),
            Self::TimeShift(seconds) => write!(f, "time shift of {}", Shift(*seconds)),
            Self::KeyRenamed(key) => write!(f, "renamed key, `{key}` on the other side"),
            Self::Moved(place) => write!(f, "moved, at {place} on the other side"),
            Self::Ties(key) => write!(f, "another order among elements of equal `{key}` only"),
            Self::NumberFormat => f.write_str("the same number in another form"),
            Self::CutFraction => f.write_str("fraction cut off"),
            Self::DefaultFilled => f.write_str("a default instead of nothing"),
            Self::Case => f.write_str("another case of letters"),
            Self::Trim => f.write_str("white space at the ends"),
            Self::UnicodeForm => f.write_str("another Unicode form of the same text"),
            Self::StringForm => f.write_str("a string of the same text"),
            Self::DecimalDigits => f.write_str("the same decimal with other digits"),
            Self::Masked => f.write_str("partly replaced by `*`"),
            Self::TimestampFormat => f.write_str("the same instant in another form"),
            Self::TimestampZone => f.write_str("the same clock time, with a zone on one side only"),
            Self::EnumRenamed => f.write_str("renamed constant"),
            Self::Permutation => f.write_str("the same elements in another order"),
            Self::ErrorEnvelope => f.write_str("another error envelope"),
            Self::HtmlInsteadOfJson => f.write_str("HTML instead of JSON"),
            Self::NotJson => f.write_str("only one side is JSON"),
            Self::Truncated => f.write_str("text cut short"),
            Self::DoubleEscaped => f.write_str("escaped twice"),
            Self::KeyOrder => f.write_str("keys in another order"),
            Self::WhiteSpace => f.write_str("white space between tokens"),
            Self::Escapes => f.write_str("the same characters escaped otherwise"),
            Self::DuplicateKeys => f.write_str("a key occurs more than once"),
            Self::MediaTypeSpelling => f.write_str("the same media type spelled otherwise"),
            Self::ContentEncoding => f.write_str("another content encoding"),
        }
    }
}

/// A span of seconds in the largest unit that divides it.
struct Shift(i64);

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        let seconds = self.0.unsigned_abs();
        match seconds {
            s if s % 3600 == 0 => write!(f, "{sign}{}h", s / 3600),
            s if s % 60 == 0 => write!(f, "{sign}{}h{}m", s / 3600, s % 3600 / 60),
            s => write!(f, "{sign}{s}s"),
        }
    }
}

/// The class, then the text for a reader: `{"class":"time-shift","text":"time shift of +9h"}`.
impl Serialize for Relation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("Relation", 2)?;
        fields.serialize_field("class", self.class())?;
        fields.serialize_field("text", &self.to_string())?;
        fields.end()
    }
}

/// Whether a rule's tolerance accepts these two values, which are of one type and differ.
pub(crate) fn tolerates(tolerance: &Tolerance, a: Node<'_>, b: Node<'_>) -> bool {
    let kind = a.kind();
    if kind != b.kind() {
        return false;
    }
    match tolerance {
        Tolerance::Any => true,
        Tolerance::SameFormat => {
            matches!(kind, JsonType::String | JsonType::Number)
                && same_format(&a.as_str(), &b.as_str())
        }
        Tolerance::Abs(distance) => {
            kind == JsonType::Number && numbers_within(a.raw(), b.raw(), distance)
        }
        Tolerance::Time(nanos) => {
            kind == JsonType::String && times_within(&a.as_str(), &b.as_str(), *nanos)
        }
    }
}

/// Whether two numbers are at most `distance` apart.
pub(crate) fn numbers_within(a: &str, b: &str, distance: &str) -> bool {
    match (
        Decimal::parse(a),
        Decimal::parse(b),
        Decimal::parse(distance),
    ) {
        (Some(a), Some(b), Some(distance)) => a.within(&b, &distance),
        _ => false,
    }
}

/// Whether two timestamps of one form are at most so many nanoseconds apart.
pub(crate) fn times_within(a: &str, b: &str, nanos: i128) -> bool {
    match (Stamp::read(a), Stamp::read(b)) {
        (Some(a), Some(b)) => a.form == b.form && (a.instant() - b.instant()).abs() <= nanos,
        _ => false,
    }
}

/// Which way of having no value this is, if any.
pub fn presence(node: Node<'_>) -> Option<Presence> {
    match node.kind() {
        JsonType::Null => Some(Presence::Null),
        JsonType::Array if node.child_count() == 0 => Some(Presence::EmptyArray),
        JsonType::Object if node.child_count() == 0 => Some(Presence::EmptyObject),
        JsonType::String if node.inner().is_empty() => Some(Presence::EmptyString),
        _ => None,
    }
}
