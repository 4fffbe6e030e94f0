//! Rules as they are written.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::severity::Severity;
use crate::verdict::Kind;

/// One entry of the `rules:` list. Besides `at`, the fields that say where and why, exactly one says
/// what to do.
///
/// ```yaml
/// - { at: /values, by: id }
/// - { at: /values/*/createdAt, tolerate: { seconds: 5 } }
/// - at: /value/checkInAt
///   known: { kind: field removed, reason: omitempty, owner: mina, ticket: RMS-48, expires: 2027-01-01 }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RuleSpec {
    /// The place: `status`, `body`, `header:NAME` or a JSON Pointer with `*` for any index.
    pub at: String,
    /// Name in reports; made from the place and the action when missing.
    pub id: Option<String>,
    /// The endpoint it is for; all when neither this nor `endpoints` is given.
    pub endpoint: Option<String>,
    /// The endpoints it is for.
    pub endpoints: Vec<String>,
    /// Why the rule exists.
    pub reason: Option<String>,

    /// The array's order does not count.
    pub multiset: bool,
    /// The array's elements are paired by this key; their order does not count.
    pub by: Option<String>,
    /// Values may differ within a bound.
    pub tolerate: Option<TolerateSpec>,
    /// These two ways of having no value are equal.
    pub equal: Option<[Presence; 2]>,
    /// Whether another form of the same number is a finding.
    pub number_format: Option<NumberFormat>,
    /// How much of a header counts.
    pub compare: Option<HeaderPolicy>,
    /// Severity of findings at the place.
    pub severity: Option<Severity>,
    /// A difference that is known and accepted for a while.
    pub known: Option<KnownSpec>,
}

/// How far values may differ.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum TolerateSpec {
    /// `any` or `same-format`.
    Word(TolerateWord),
    /// A bound.
    Measure(MeasureSpec),
}

/// By hand, since what serde tries in turn forgets which key is wrong and where it stands.
impl<'de> Deserialize<'de> for TolerateSpec {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TolerateVisitor)
    }
}

struct TolerateVisitor;

impl<'de> serde::de::Visitor<'de> for TolerateVisitor {
    type Value = TolerateSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`any`, `same-format`, `{abs: 1}` or `{seconds: 5}`")
    }

    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<TolerateSpec, E> {
        TolerateWord::deserialize(serde::de::value::StrDeserializer::new(word))
            .map(TolerateSpec::Word)
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<TolerateSpec, A::Error> {
        MeasureSpec::deserialize(serde::de::value::MapAccessDeserializer::new(map))
            .map(TolerateSpec::Measure)
    }
}

/// Tolerances without a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TolerateWord {
    /// Any value of the same JSON type. Another type, `null` or nothing is still a difference.
    Any,
    /// Any value of the same format: uuid, timestamp of the same form, number of the same scale …
    SameFormat,
}

/// Tolerances with a number; exactly one is given.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasureSpec {
    /// Numbers at most this far apart.
    #[serde(default)]
    pub abs: Option<f64>,
    /// Timestamps of the same form at most this many seconds apart.
    #[serde(default)]
    pub seconds: Option<f64>,
}

/// The ways of having no value. Written `absent`, `null`, `[]`, `{}` or `""`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Presence {
    /// No such key.
    Absent,
    /// `null`
    Null,
    /// `[]`
    EmptyArray,
    /// `{}`
    EmptyObject,
    /// `""`
    EmptyString,
}

impl Presence {
    /// As it is written in rules and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Null => "null",
            Self::EmptyArray => "[]",
            Self::EmptyObject => "{}",
            Self::EmptyString => "\"\"",
        }
    }
}

impl JsonSchema for Presence {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Presence".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A way of having no value.",
            "enum": ["absent", null, [], {}, "", "null", "[]", "{}", "\"\""],
        })
    }
}

impl Serialize for Presence {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// YAML reads `null` and `[]` as values of their own, so both the value and its text are taken.
impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PresenceVisitor)
    }
}

struct PresenceVisitor;

impl<'de> serde::de::Visitor<'de> for PresenceVisitor {
    type Value = Presence;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`absent`, `null`, `[]`, `{}` or `\"\"`")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Presence, E> {
        Ok(Presence::Null)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Presence, E> {
        Ok(Presence::Null)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Presence, E> {
        match text {
            "absent" => Ok(Presence::Absent),
            "null" => Ok(Presence::Null),
            "[]" => Ok(Presence::EmptyArray),
            "{}" => Ok(Presence::EmptyObject),
            "" | "\"\"" => Ok(Presence::EmptyString),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Presence, A::Error> {
        match seq.next_element::<serde::de::IgnoredAny>()? {
            None => Ok(Presence::EmptyArray),
            Some(_) => Err(serde::de::Error::invalid_value(
                serde::de::Unexpected::Seq,
                &self,
            )),
        }
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Presence, A::Error> {
        match map.next_key::<serde::de::IgnoredAny>()? {
            None => Ok(Presence::EmptyObject),
            Some(_) => Err(serde::de::Error::invalid_value(
                serde::de::Unexpected::Map,
                &self,
            )),
        }
    }
}

/// Whether the form of a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NumberFormat {
    /// Another form of the same number is a difference.
    Finding,
    /// Another form of the same number is a note; so it is without a rule.
    Note,
}

/// How much of a header counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HeaderPolicy {
    /// The value, to the letter.
    Value,
    /// That it is there.
    Presence,
    /// Nothing.
    Ignore,
}

/// A known difference: one kind at one place, excused until a day.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KnownSpec {
    /// The kind of difference it excuses.
    pub kind: Kind,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Where it is tracked.
    pub ticket: String,
    /// The last day on which it holds, `2027-01-01`.
    pub expires: String,
    /// If given, only this value of the reference is excused, as reports show it.
    #[serde(default)]
    pub reference: Option<String>,
    /// If given, only this value of the candidate is excused, as reports show it.
    #[serde(default)]
    pub candidate: Option<String>,
}
