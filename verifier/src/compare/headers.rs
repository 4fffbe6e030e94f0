//! Header fields: every end-to-end field counts, except as `header_table.rs` documents.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::exchange::{Answer, Exchange};
use crate::relation::{Relation, format_class, same_format};
use crate::rules::{AtPlace, HeaderPolicy, RuleSet, Tolerance};
use crate::verdict::{Kind, Location};

use super::header_table::{HeaderClass, header_class};
use super::origin;
use super::sink::{Draft, Sink, excerpt};

/// Compares all fields of two answers.
pub(super) fn compare<'r>(
    exchange: &Exchange,
    reference: &Answer,
    candidate: &Answer,
    set: &'r RuleSet,
    sink: &mut Sink<'r>,
) {
    if reference.headers == candidate.headers
        && exchange.reference.tokens.0.is_empty()
        && exchange.candidate.tokens.0.is_empty()
    {
        return;
    }
    let hop = [reference, candidate].map(named_by_connection);
    let names: BTreeSet<&str> = reference
        .headers
        .iter()
        .chain(&candidate.headers)
        .map(|(name, _)| name.as_str())
        .collect();
    for name in names {
        let here = set.header(name);
        let policy = here.and_then(|here| here.compare);
        let ours = values(reference, name, exchange.reference.origin.as_deref());
        let theirs = values(candidate, name, exchange.candidate.origin.as_deref());
        let mut field = Field { name, here, sink };

        let place = format!("header:{name}");
        let masks = (
            exchange.reference.tokens.0.get(&place),
            exchange.candidate.tokens.0.get(&place),
        );
        if masks != (None, None) {
            if !matches!(masks, (Some(x), Some(y)) if x.same(y)) {
                let shown = |mask: Option<&crate::exchange::Token>, values: &[Cow<'_, str>]| {
                    mask.map_or_else(|| show(values), |token| Some(token.text.clone()))
                };
                field.differs(shown(masks.0, &ours), shown(masks.1, &theirs), None, None);
            }
            continue;
        }
        let (class, rule) = match policy {
            Some((HeaderPolicy::Value, rule)) => (HeaderClass::Value, Some(rule)),
            Some((HeaderPolicy::Presence, rule)) => {
                if ours.is_empty() == theirs.is_empty() {
                    if ours != theirs {
                        field.sink.fire(rule, 1);
                        field.note(&ours, &theirs, Kind::Header, None, Some(rule));
                    }
                    continue;
                }
                (HeaderClass::Value, Some(rule))
            }
            Some((HeaderPolicy::Ignore, rule)) => {
                if ours != theirs {
                    field.sink.fire(rule, 1);
                    field.note(&ours, &theirs, Kind::Header, None, Some(rule));
                }
                continue;
            }
            None if hop[0].contains(name) || hop[1].contains(name) => continue,
            None => (header_class(name), None),
        };
        if ours == theirs || class == HeaderClass::Ignored {
            if name == "content-encoding" && ours != theirs {
                field.note(
                    &ours,
                    &theirs,
                    Kind::Header,
                    Some(Relation::ContentEncoding),
                    None,
                );
            }
            continue;
        }
        if let Some(rule) = rule {
            field.sink.fire(rule, 1);
        }
        if ours.is_empty() || theirs.is_empty() {
            field.differs(show(&ours), show(&theirs), None, None);
            continue;
        }
        if field.tolerated(&ours, &theirs) {
            continue;
        }
        match class {
            HeaderClass::MediaType => field.media_type(&ours, &theirs),
            HeaderClass::Cookie => field.cookies(&ours, &theirs),
            HeaderClass::EntityTag => {
                let strength = |v: &[Cow<'_, str>]| v.iter().all(|v| v.starts_with("W/"));
                field.by_form(
                    &ours,
                    &theirs,
                    strength(&ours) == strength(&theirs),
                    "strength",
                );
            }
            HeaderClass::Date => {
                let date = |v: &[Cow<'_, str>]| {
                    v.iter()
                        .all(|v| httpdate::parse_http_date(v.trim()).is_ok())
                };
                field.by_form(
                    &ours,
                    &theirs,
                    date(&ours) && date(&theirs),
                    "form of a date",
                );
            }
            HeaderClass::Id => {
                let same = ours.len() == theirs.len()
                    && ours
                        .iter()
                        .zip(&theirs)
                        .all(|(a, b)| format_class(a) == format_class(b));
                field.by_form(&ours, &theirs, same, "form of an id");
            }
            HeaderClass::List | HeaderClass::Set | HeaderClass::Value | HeaderClass::Ignored => {
                field.lists(&ours, &theirs, class);
            }
        }
    }
}

/// One field that is not the same on both sides.
struct Field<'f, 'r, 's> {
    name: &'f str,
    here: Option<&'r AtPlace>,
    sink: &'s mut Sink<'r>,
}

impl Field<'_, '_, '_> {
    fn differs(
        &mut self,
        reference: Option<String>,
        candidate: Option<String>,
        relation: Option<Relation>,
        detail: Option<String>,
    ) {
        self.sink.add(Draft {
            location: Location::Header(self.name.to_owned()),
            group: None,
            kind: Kind::Header,
            reference,
            candidate,
            relation,
            detail,
            nulls: (false, false),
            here: self.here,
        });
    }

    fn note(
        &mut self,
        ours: &[Cow<'_, str>],
        theirs: &[Cow<'_, str>],
        kind: Kind,
        relation: Option<Relation>,
        rule: Option<crate::rules::RuleId>,
    ) {
        let draft = Draft {
            location: Location::Header(self.name.to_owned()),
            group: None,
            kind,
            reference: show(ours),
            candidate: show(theirs),
            relation,
            detail: None,
            nulls: (false, false),
            here: None,
        };
        self.sink.note(draft, rule);
    }

    /// Applies `tolerate` rules to a field that both sides have.
    fn tolerated(&mut self, ours: &[Cow<'_, str>], theirs: &[Cow<'_, str>]) -> bool {
        let Some(here) = self.here else { return false };
        let pairs = || ours.iter().zip(theirs);
        let accepted = here.tolerate.iter().find(|(tolerance, _)| {
            ours.len() == theirs.len()
                && match tolerance {
                    Tolerance::Any => true,
                    Tolerance::SameFormat => pairs().all(|(a, b)| same_format(a, b)),
                    Tolerance::Abs(distance) => {
                        pairs().all(|(a, b)| crate::relation::numbers_within(a, b, distance))
                    }
                    Tolerance::Time(nanos) => {
                        pairs().all(|(a, b)| crate::relation::times_within(a, b, *nanos))
                    }
                }
        });
        let Some(&(_, rule)) = accepted else {
            return false;
        };
        self.sink.fire(rule, 1);
        self.note(ours, theirs, Kind::Header, None, Some(rule));
        true
    }

    /// Volatile fields: the values differ, which is a note while their form is the same.
    fn by_form(
        &mut self,
        ours: &[Cow<'_, str>],
        theirs: &[Cow<'_, str>],
        same_form: bool,
        what: &str,
    ) {
        if same_form && ours.len() == theirs.len() {
            self.note(ours, theirs, Kind::Header, None, None);
        } else {
            let detail = format!("the value may vary, the {what} may not");
            self.differs(show(ours), show(theirs), None, Some(detail));
        }
    }

    /// Lists, as one field or several ([RFC 9110, section 5.3](https://www.rfc-editor.org/rfc/rfc9110#section-5.3)).
    fn lists(&mut self, ours: &[Cow<'_, str>], theirs: &[Cow<'_, str>], class: HeaderClass) {
        if class == HeaderClass::Value {
            // Of an unknown field only the splitting over several lines is known to mean nothing.
            if joined(ours) == joined(theirs) {
                self.note(ours, theirs, Kind::Format, None, None);
            } else {
                self.differs(show(ours), show(theirs), None, None);
            }
            return;
        }
        let (mut a, mut b) = (items(ours), items(theirs));
        if class == HeaderClass::Set {
            for list in [&mut a, &mut b] {
                for item in list.iter_mut() {
                    item.make_ascii_lowercase();
                }
            }
        }
        if a == b {
            return self.note(ours, theirs, Kind::Format, None, None);
        }
        if class == HeaderClass::Set {
            a.sort();
            b.sort();
            a.dedup();
            b.dedup();
            if a == b {
                let relation = Some(Relation::Permutation);
                return self.note(ours, theirs, Kind::Order, relation, None);
            }
        }
        self.differs(show(ours), show(theirs), None, None);
    }

    fn media_type(&mut self, ours: &[Cow<'_, str>], theirs: &[Cow<'_, str>]) {
        let (a, b) = (
            MediaType::read(&joined(ours)),
            MediaType::read(&joined(theirs)),
        );
        if a.essence != b.essence {
            let html = a.is_json() && b.essence.contains("html");
            let relation = html.then_some(Relation::HtmlInsteadOfJson);
            return self.differs(show(ours), show(theirs), relation, None);
        }
        // JSON is UTF-8 whatever the parameter says (RFC 8259, section 8.1 and 11).
        let utf8 = |charset: Option<&str>| charset.is_none_or(|c| c == "utf-8" || c == "utf8");
        let charset = match (a.param("charset"), b.param("charset")) {
            (x, y) if x == y => true,
            (x, y) => a.is_json() && utf8(x) && utf8(y),
        };
        let rest = |m: &MediaType| -> BTreeSet<(String, String)> {
            m.params
                .iter()
                .filter(|(name, _)| name != "charset")
                .cloned()
                .collect()
        };
        if charset && rest(&a) == rest(&b) {
            self.note(
                ours,
                theirs,
                Kind::Format,
                Some(Relation::MediaTypeSpelling),
                None,
            );
        } else {
            self.differs(
                show(ours),
                show(theirs),
                None,
                Some("another parameter".to_owned()),
            );
        }
    }

    fn cookies(&mut self, ours: &[Cow<'_, str>], theirs: &[Cow<'_, str>]) {
        let read = |values: &[Cow<'_, str>]| -> Vec<(String, BTreeSet<String>)> {
            let mut cookies: Vec<_> = values.iter().map(|v| cookie(v)).collect();
            cookies.sort();
            cookies
        };
        let (a, b) = (read(ours), read(theirs));
        if a == b {
            return self.note(ours, theirs, Kind::Header, None, None);
        }
        let mut reasons = Vec::new();
        for (name, attributes) in &a {
            match b.iter().find(|(other, _)| other == name) {
                None => reasons.push(format!("cookie `{name}` is missing")),
                Some((_, other)) => {
                    for gone in attributes.difference(other) {
                        reasons.push(format!("cookie `{name}` lost `{gone}`"));
                    }
                    for new in other.difference(attributes) {
                        reasons.push(format!("cookie `{name}` gained `{new}`"));
                    }
                }
            }
        }
        for (name, _) in b
            .iter()
            .filter(|(name, _)| !a.iter().any(|(other, _)| other == name))
        {
            reasons.push(format!("cookie `{name}` is new"));
        }
        if reasons.is_empty() {
            reasons.push("a cookie is set another number of times".to_owned());
        }
        self.differs(show(ours), show(theirs), None, Some(reasons.join("; ")));
    }
}

/// A cookie's name and what counts of its attributes
/// ([RFC 6265, section 4.1](https://www.rfc-editor.org/rfc/rfc6265#section-4.1)).
fn cookie(value: &str) -> (String, BTreeSet<String>) {
    let mut parts = value.split(';');
    let pair = parts.next().unwrap_or("");
    let (name, content) = pair.split_once('=').unwrap_or(("", pair));
    let mut attributes: BTreeSet<String> = parts
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let key = key.trim().to_ascii_lowercase();
            match key.as_str() {
                // A moment, as volatile as the value.
                "expires" => key,
                "domain" | "samesite" => format!("{key}={}", value.trim().to_ascii_lowercase()),
                _ if value.is_empty() => key,
                _ => format!("{key}={}", value.trim()),
            }
        })
        .collect();
    // An empty value deletes a cookie: that is no volatile value.
    if content.trim().trim_matches('"').is_empty() {
        attributes.insert("an empty value".to_owned());
    }
    (name.trim().to_owned(), attributes)
}

/// A media type with its parameters, names and charset in lower case.
pub(super) struct MediaType {
    /// `type/subtype` in lower case; empty when there is none.
    pub(super) essence: String,
    params: Vec<(String, String)>,
}

impl MediaType {
    pub(super) fn read(text: &str) -> Self {
        let mut parts = text.split(';');
        let essence = parts.next().unwrap_or("").trim().to_ascii_lowercase();
        let params = parts
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| {
                let name = name.trim().to_ascii_lowercase();
                let value = value.trim().trim_matches('"');
                let folds = name == "charset";
                (
                    name,
                    if folds {
                        value.to_ascii_lowercase()
                    } else {
                        value.to_owned()
                    },
                )
            })
            .collect();
        Self { essence, params }
    }

    pub(super) fn of(answer: &Answer) -> Self {
        let value = answer.header("content-type").next().unwrap_or_default();
        Self::read(&String::from_utf8_lossy(value))
    }

    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.params
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn is_json(&self) -> bool {
        self.essence == "application/json"
            || self.essence == "text/json"
            || self.essence.ends_with("+json")
    }
}

/// The values of a field with the side's own origin replaced. Bytes that are not UTF-8 read as
/// `\xNN`, so that two different ones stay different.
fn values<'a>(answer: &'a Answer, name: &'a str, origin: Option<&str>) -> Vec<Cow<'a, str>> {
    answer
        .header(name)
        .map(|value| match origin::replace(value, origin) {
            Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Cow::Borrowed(text.trim_matches([' ', '\t'])),
                Err(_) => Cow::Owned(bytes.escape_ascii().to_string()),
            },
            Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
                Ok(text) => text.trim_matches([' ', '\t']).to_owned(),
                Err(error) => error.into_bytes().escape_ascii().to_string(),
            }),
        })
        .collect()
}

fn joined(values: &[Cow<'_, str>]) -> String {
    values.join(", ")
}

fn show(values: &[Cow<'_, str>]) -> Option<String> {
    if values.is_empty() {
        None
    } else {
        Some(excerpt(&joined(values)))
    }
}

/// The items of a comma-separated list; commas inside quotes do not separate.
fn items(values: &[Cow<'_, str>]) -> Vec<String> {
    let mut items = Vec::new();
    for value in values {
        let mut quoted = false;
        let mut escaped = false;
        let mut item = String::new();
        for c in value.chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                ',' if !quoted => {
                    items.push(std::mem::take(&mut item));
                    continue;
                }
                _ => {}
            }
            item.push(c);
        }
        items.push(item);
    }
    items
        .iter()
        .map(|item| item.trim().to_owned())
        .filter(|item| !item.is_empty())
        .collect()
}

/// Fields that `Connection` declares to be of the hop.
fn named_by_connection(answer: &Answer) -> BTreeSet<String> {
    answer
        .header("connection")
        .flat_map(|value| {
            String::from_utf8_lossy(value)
                .split(',')
                .map(|name| name.trim().to_ascii_lowercase())
                .collect::<Vec<_>>()
        })
        .collect()
}
