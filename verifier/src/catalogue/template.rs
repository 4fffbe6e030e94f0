#![deny(clippy::disallowed_methods)]
//! Placeholders: `{room_id}`, `{run}`, `{today+6M}` in paths, parameters, headers and bodies.
//!
//! `{{` and `}}` stand for single braces. A JSON string that is one whole placeholder takes the
//! captured value with its type, so `{"id": "{room_id}"}` sends a number where one was captured.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use jiff::{Span, ToSpan};
use serde_json::Value;

/// Text with placeholders, parsed once when the catalogue is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(String),
    Day(DayOffset),
}

/// A day relative to the run's: `today`, `today+6M`, `today-3d`, `today+1y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DayOffset {
    amount: i32,
    unit: DayUnit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum DayUnit {
    Day,
    Week,
    Month,
    Year,
}

impl DayOffset {
    /// Reads `today`, `today+6M`, `today-3d`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("today")?;
        if rest.is_empty() {
            return Some(Self {
                amount: 0,
                unit: DayUnit::Day,
            });
        }
        let unit = match rest.chars().last()? {
            'd' => DayUnit::Day,
            'w' => DayUnit::Week,
            'M' => DayUnit::Month,
            'y' => DayUnit::Year,
            _ => return None,
        };
        let amount: i32 = rest[..rest.len() - 1].parse().ok()?;
        let signed = rest.starts_with('+') || rest.starts_with('-');
        (signed && amount.abs() <= 4_000).then_some(Self { amount, unit })
    }

    /// The day meant, counted from `today`; a month too short for the day ends at its last day.
    pub fn on(self, today: Date) -> Date {
        let span: Span = match self.unit {
            DayUnit::Day => self.amount.days(),
            DayUnit::Week => self.amount.weeks(),
            DayUnit::Month => self.amount.months(),
            DayUnit::Year => self.amount.years(),
        };
        today.saturating_add(span)
    }
}

impl fmt::Display for DayOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            DayUnit::Day => 'd',
            DayUnit::Week => 'w',
            DayUnit::Month => 'M',
            DayUnit::Year => 'y',
        };
        if self.amount == 0 {
            f.write_str("today")
        } else {
            write!(f, "today{:+}{unit}", self.amount)
        }
    }
}

/// Why a template cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A `{` that no `}` closes.
    #[error("`{{` is never closed: write `}}` after the name, or `{{{{` for a brace itself")]
    Unclosed,
    /// A lone `}`.
    #[error("`}}` without `{{`: write `}}}}` for a brace itself")]
    Stray,
    /// Not a name.
    #[error(
        "`{{{0}}}` is no placeholder: write a name in a-z, 0-9 and `_`, or a day such as `today+6M`"
    )]
    Name(String),
}

impl Template {
    /// Text without any placeholder.
    pub fn literal(text: &str) -> Self {
        Self {
            source: text.to_owned(),
            parts: vec![Part::Text(text.to_owned())],
        }
    }

    /// Reads `text`.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            if rest[at + 1..].starts_with(brace) {
                plain.push_str(brace);
                rest = &rest[at + 2..];
                continue;
            }
            if brace == "}" {
                return Err(TemplateError::Stray);
            }
            let end = rest[at..].find('}').ok_or(TemplateError::Unclosed)? + at;
            let name = &rest[at + 1..end];
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(match DayOffset::parse(name) {
                Some(offset) => Part::Day(offset),
                None if is_name(name) => Part::Name(name.to_owned()),
                None => return Err(TemplateError::Name(name.to_owned())),
            });
            rest = &rest[end + 1..];
        }
        plain.push_str(rest);
        if !plain.is_empty() || parts.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self {
            source: text.to_owned(),
            parts,
        })
    }

    /// Makes these names stand for themselves, braces and all.
    pub(crate) fn keep_as_text(&mut self, names: &[String]) {
        for part in &mut self.parts {
            if let Part::Name(name) = part
                && names.contains(name)
            {
                *part = Part::Text(format!("{{{name}}}"));
            }
        }
    }

    /// The text as written, placeholders and all.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text as written, but with `values` in place of their names.
    pub fn source_with(&self, values: &[(String, Template)]) -> String {
        values
            .iter()
            .fold(self.source.clone(), |text, (name, value)| {
                text.replace(&format!("{{{name}}}"), value.source())
            })
    }

    /// The names that must have a value before this can be filled.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The days it mentions.
    pub fn days(&self) -> impl Iterator<Item = DayOffset> {
        self.parts.iter().filter_map(|part| match part {
            Part::Day(offset) => Some(*offset),
            _ => None,
        })
    }

    /// Fills every placeholder; the error is the name that has no value.
    pub fn fill(&self, scope: &Scope) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Day(offset) => text.push_str(&offset.on(scope.today).to_string()),
                Part::Name(name) => text.push_str(&scope.text(name).ok_or_else(|| name.clone())?),
            }
        }
        Ok(text)
    }

    /// As [`Template::fill`], but one whole placeholder keeps the type of its value.
    pub fn fill_value(&self, scope: &Scope) -> Result<Value, String> {
        if let [Part::Name(name)] = self.parts.as_slice() {
            return scope.value(name).cloned().ok_or_else(|| name.clone());
        }
        self.fill(scope).map(Value::String)
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// A JSON body whose strings are templates.
#[derive(Clone, Debug, PartialEq)]
pub enum BodyTemplate {
    /// A string, perhaps with placeholders.
    Text(Template),
    /// An object in the order written.
    Object(Vec<(String, BodyTemplate)>),
    /// An array.
    Array(Vec<BodyTemplate>),
    /// Number, boolean or null.
    Fixed(Value),
}

impl BodyTemplate {
    /// Reads the strings of `value` as templates.
    pub fn parse(value: &Value) -> Result<Self, TemplateError> {
        Ok(match value {
            Value::String(text) => Self::Text(Template::parse(text)?),
            Value::Object(map) => Self::Object(
                map.iter()
                    .map(|(key, value)| Ok((key.clone(), Self::parse(value)?)))
                    .collect::<Result<_, _>>()?,
            ),
            Value::Array(items) => {
                Self::Array(items.iter().map(Self::parse).collect::<Result<_, _>>()?)
            }
            fixed => Self::Fixed(fixed.clone()),
        })
    }

    /// `value` without any placeholder.
    pub(crate) fn literal(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::Text(Template::literal(text)),
            Value::Object(map) => Self::Object(
                map.iter()
                    .map(|(key, value)| (key.clone(), Self::literal(value)))
                    .collect(),
            ),
            Value::Array(items) => Self::Array(items.iter().map(Self::literal).collect()),
            fixed => Self::Fixed(fixed.clone()),
        }
    }

    /// As [`Template::keep_as_text`], in every string.
    pub(crate) fn keep_as_text(&mut self, names: &[String]) {
        match self {
            Self::Text(template) => template.keep_as_text(names),
            Self::Object(members) => members
                .iter_mut()
                .for_each(|(_, value)| value.keep_as_text(names)),
            Self::Array(items) => items.iter_mut().for_each(|item| item.keep_as_text(names)),
            Self::Fixed(_) => {}
        }
    }

    /// Fills every placeholder; the error is the name that has no value.
    pub fn fill(&self, scope: &Scope) -> Result<Value, String> {
        Ok(match self {
            Self::Text(template) => template.fill_value(scope)?,
            Self::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), value.fill(scope)?)))
                    .collect::<Result<_, String>>()?,
            ),
            Self::Array(items) => Value::Array(
                items
                    .iter()
                    .map(|item| item.fill(scope))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Fixed(value) => value.clone(),
        })
    }

    /// The body as written, placeholders and all.
    pub fn source(&self) -> Value {
        match self {
            Self::Text(template) => Value::from(template.source()),
            Self::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(key, v)| (key.clone(), v.source()))
                    .collect(),
            ),
            Self::Array(items) => Value::Array(items.iter().map(Self::source).collect()),
            Self::Fixed(value) => value.clone(),
        }
    }

    /// Every template inside.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Text(template) => vec![template],
            Self::Object(members) => members.iter().flat_map(|(_, v)| v.templates()).collect(),
            Self::Array(items) => items.iter().flat_map(Self::templates).collect(),
            Self::Fixed(_) => Vec::new(),
        }
    }
}

/// What placeholders stand for while a journey runs.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The run's day, for `{today}`.
    pub today: Date,
    values: BTreeMap<String, Value>,
}

impl Scope {
    /// A scope that knows only the day.
    pub fn new(today: Date) -> Self {
        Self {
            today,
            values: BTreeMap::new(),
        }
    }

    /// Gives `name` a value; a later one replaces an earlier one.
    pub fn set(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    /// The value of `name`.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// A copy whose values are text that `encode` has made fit for a path.
    #[must_use]
    pub fn encoded(&self, encode: impl Fn(&str) -> String) -> Self {
        let values = self
            .values
            .keys()
            .filter_map(|name| Some((name.clone(), Value::from(encode(&self.text(name)?)))))
            .collect();
        Self {
            today: self.today,
            values,
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        self.values.get(name).map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        let mut scope = Scope::new(jiff::civil::date(2026, 8, 31));
        scope.set("room_id", Value::from(59));
        scope.set("run", Value::from("k3x9q"));
        scope
    }

    #[test]
    fn placeholders_are_filled_and_braces_escaped() {
        for (text, filled) in [
            ("/rooms/{room_id}", "/rooms/59"),
            ("T{run}", "Tk3x9q"),
            ("{{run}}", "{run}"),
            ("{today}", "2026-08-31"),
            ("{today+6M}", "2027-02-28"),
            ("{today-1d}..{today+1y}", "2026-08-30..2027-08-31"),
            ("", ""),
        ] {
            let template = Template::parse(text).expect(text);
            assert_eq!(template.fill(&scope()).as_deref(), Ok(filled), "{text}");
        }
    }

    #[test]
    fn a_whole_placeholder_keeps_its_type() {
        let body = serde_json::json!({"id": "{room_id}", "text": "n{room_id}"});
        let filled = BodyTemplate::parse(&body)
            .expect("valid")
            .fill(&scope())
            .expect("known");
        assert_eq!(filled, serde_json::json!({"id": 59, "text": "n59"}));
    }

    #[test]
    fn what_cannot_be_filled_is_named() {
        assert_eq!(
            Template::parse("{a").expect_err("open"),
            TemplateError::Unclosed
        );
        assert_eq!(
            Template::parse("a}").expect_err("stray"),
            TemplateError::Stray
        );
        for bad in ["{}", "{A}", "{today+6}", "{today+6h}", "{today6M}", "{a b}"] {
            assert!(
                matches!(Template::parse(bad), Err(TemplateError::Name(_))),
                "{bad}"
            );
        }
        let template = Template::parse("{unknown}").expect("a name");
        assert_eq!(template.fill(&scope()), Err("unknown".to_owned()));
    }
}
