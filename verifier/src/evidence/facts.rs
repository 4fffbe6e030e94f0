#![deny(clippy::disallowed_methods)]
//! How a request was asked, fact by fact: what a condition of a difference can be made of.
//!
//! A row is what may be told of one request: legacy's status, the role, parameters of path and query,
//! members of a JSON body, the language asked for. Numbers and words of closed vocabularies keep their
//! value where an example of the evidence would keep it too; of the rest only the class is known. Equal
//! rows are counted together.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

use super::Judged;
use super::redact::Redactor;
use super::redact::class::{Origin, is_plain_name};
use super::usage::{ROLE_NONE, ROLE_OTHER, ROLE_UNKNOWN, rank};
use crate::json::{Document, JsonType, Node};
use crate::place::child_pointer;
use crate::relation::{FormatClass, format_class};

/// Most rows of one endpoint that are counted.
pub const MAX_ROWS: usize = 128;
/// Most rows of one group that are counted.
pub const MAX_GROUP_ROWS: usize = 64;
/// Most facts of one row: members of the body go first.
const MAX_FACTS: usize = 32;
/// Most digits of a number whose value is a fact; more of them and it names something.
const MAX_DIGITS: usize = 9;
/// Longest word whose value is a fact.
const MAX_WORD: usize = 40;

/// Legacy's status.
pub const STATUS: &str = "status";
/// The client's role; absent for a request without credentials that legacy took.
pub const ROLE: &str = "role";
/// Before the name of a query parameter.
pub const QUERY: &str = "query:";
/// Before the name of a placeholder of the path.
pub const PATH: &str = "path:";
/// Before the JSON Pointer of a member of the body.
pub const BODY: &str = "body:";
/// The language that is asked for first.
pub const LANGUAGE: &str = "header:accept-language";

/// The facts of a request by name. A value that is known stands there; `<class>` for all others, which
/// no known value looks like.
pub type Row = BTreeMap<String, String>;

/// Rows with their counts. Beyond the bound the rows of smallest hash are kept, and of each the whole
/// count: so parts merge in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Facts {
    rows: BTreeMap<(u64, Arc<Row>), u64>,
    cut: bool,
}

/// As it stands in a file.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Written {
    rows: Vec<(Row, u64)>,
    cut: bool,
}

impl From<Written> for Facts {
    fn from(written: Written) -> Self {
        let rows = written.rows.into_iter();
        Self {
            rows: rows.map(|(row, count)| (place(row), count)).collect(),
            cut: written.cut,
        }
    }
}

impl From<Facts> for Written {
    fn from(facts: Facts) -> Self {
        let rows = facts.rows.into_iter();
        Self {
            rows: rows
                .map(|((_, row), count)| (Arc::unwrap_or_clone(row), count))
                .collect(),
            cut: facts.cut,
        }
    }
}

/// A row with its place in the order by which the bound keeps and drops.
pub type Placed = (u64, Arc<Row>);

/// Gives a row its place.
pub fn place(row: Row) -> Placed {
    let parts: Vec<&str> = row
        .iter()
        .flat_map(|(name, value)| [name.as_str(), value.as_str()])
        .collect();
    (rank(&parts), Arc::new(row))
}

impl Facts {
    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && !self.cut
    }

    /// The rows with their place and count.
    pub fn rows(&self) -> impl Iterator<Item = (u64, &Arc<Row>, u64)> {
        self.rows
            .iter()
            .map(|((place, row), count)| (*place, row, *count))
    }

    /// Up to which place every row is known.
    pub fn known_to(&self) -> u64 {
        let last = self.rows.last_key_value().filter(|_| self.cut);
        last.map_or(u64::MAX, |((place, _), _)| *place)
    }

    /// Counts `times` requests with this row, of which at most `most` are kept.
    pub fn add(&mut self, row: &Placed, times: u64, most: usize) {
        if let Some(count) = self.rows.get_mut(row) {
            *count = count.saturating_add(times);
            return;
        }
        let full = self.rows.len() >= most;
        self.cut |= full;
        if full
            && self
                .rows
                .last_key_value()
                .is_some_and(|(last, _)| last < row)
        {
            return;
        }
        self.rows.insert(row.clone(), times);
        while self.rows.len() > most {
            self.rows.pop_last();
        }
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self, most: usize) {
        self.cut |= other.cut;
        for (row, count) in &other.rows {
            self.add(row, *count, most);
        }
    }
}

/// The facts of a request; `body` is its body, where that is JSON.
pub(super) fn row(redactor: &Redactor, judged: &Judged<'_>, body: Option<&Document<'_>>) -> Row {
    let exchange = judged.exchange;
    let mut row = Row::new();
    if let Ok(answer) = &exchange.reference.answer {
        row.insert(STATUS.to_owned(), answer.status.to_string());
    }
    match judged.role {
        None | Some(ROLE_NONE) => {}
        Some(role @ (ROLE_UNKNOWN | ROLE_OTHER)) => {
            row.insert(ROLE.to_owned(), format!("<{role}>"));
        }
        Some(role) => {
            row.insert(ROLE.to_owned(), role.to_owned());
        }
    }
    let language = judged.headers.iter().find(|(n, _)| n == "accept-language");
    if let Some((_, value)) = language {
        row.insert(LANGUAGE.to_owned(), language_of(value).to_owned());
    }
    let (path, query) = exchange
        .path
        .split_once('?')
        .unwrap_or((&exchange.path, ""));
    for (known, segment) in judged.template.split('/').zip(path.split('/')) {
        let name = known.strip_prefix('{').and_then(|k| k.strip_suffix('}'));
        if let Some(name) = name.filter(|name| is_plain_name(name)) {
            let text = decode(segment);
            let value = value(
                redactor.class_of(&exchange.endpoint, "", "id", &text, Origin::Text),
                &text,
                Origin::Text,
            );
            row.insert(format!("{PATH}{name}"), value);
        }
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, text) = (decode(name), decode(text));
        if !is_plain_name(&name) {
            continue;
        }
        let class = redactor.class_of(&exchange.endpoint, "", &name, &text, Origin::Text);
        let known = value(class, &text, Origin::Text);
        row.entry(format!("{QUERY}{name}"))
            .and_modify(|value| "<several>".clone_into(value))
            .or_insert(known);
    }
    if let Some(document) = body {
        members(redactor, &exchange.endpoint, document.root(), "", &mut row);
    }
    while row.len() > MAX_FACTS {
        row.pop_first();
    }
    row
}

/// Members of an object, and of the objects in it.
fn members(redactor: &Redactor, endpoint: &str, object: Node<'_>, above: &str, row: &mut Row) {
    for (key, node) in object.members().take(MAX_FACTS) {
        let key = key.as_str();
        if !is_plain_name(&key) {
            continue;
        }
        let pointer = child_pointer(above, &key);
        let text = node.as_str();
        let class = |origin| redactor.class_of(endpoint, &pointer, &key, &text, origin);
        let known = match node.kind() {
            JsonType::Object => "<object>".to_owned(),
            JsonType::Array if node.child_count() == 0 => "<empty array>".to_owned(),
            JsonType::Array => "<array>".to_owned(),
            JsonType::Null => "<null>".to_owned(),
            JsonType::Bool => text.clone().into_owned(),
            JsonType::Number => value(class(Origin::Number), &text, Origin::Number),
            // A string of digits is another thing than a number.
            JsonType::String => match value(class(Origin::Text), &text, Origin::Text) {
                digits if number(&digits).is_some() => "<digits>".to_owned(),
                other => other,
            },
        };
        if node.kind() == JsonType::Object && above.is_empty() {
            members(redactor, endpoint, node, &pointer, row);
        }
        row.insert(format!("{BODY}{pointer}"), known);
    }
}

/// A value as it may be a fact: itself, or its class.
fn value(hidden: Option<Cow<'_, str>>, text: &str, origin: Origin) -> String {
    if text.is_empty() {
        return "<empty>".to_owned();
    }
    if let Some(class) = hidden {
        return format!("<{class}>");
    }
    if number(text).is_some() {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let known = digits <= MAX_DIGITS && !text.contains(['e', 'E']);
        return if known { text } else { "<number>" }.to_owned();
    }
    match format_class(text) {
        _ if origin == Origin::Number => "<number>",
        FormatClass::Uuid(_) => "<uuid>",
        FormatClass::Ulid => "<ulid>",
        FormatClass::Date => "<date>",
        FormatClass::Timestamp(_) => "<timestamp>",
        _ if text.len() <= MAX_WORD && !text.starts_with('<') => text,
        _ => "<text>",
    }
    .to_owned()
}

/// The number that a value is, as written in JSON.
pub fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The first language of the list, if it is written as one: `ko`, `en-US`.
fn language_of(value: &[u8]) -> &str {
    let first = value.split(|byte| matches!(byte, b',' | b';')).next();
    let first = first.unwrap_or_default().trim_ascii();
    let tag = std::str::from_utf8(first).unwrap_or_default();
    let mut parts = tag.split('-');
    let short = |part: &str, from: usize, to: usize| {
        (from..=to).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic())
    };
    let language = parts.next().is_some_and(|part| short(part, 2, 3));
    let region = parts.next().is_none_or(|part| short(part, 2, 4));
    if language && region && parts.next().is_none() {
        tag
    } else {
        "<other>"
    }
}

fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::redact::{Marks, RedactionKey};
    use super::*;
    use crate::exchange::{Answer, Exchange, Observation};
    use crate::rules::Rules;
    use crate::verdict::judge;

    /// The facts of a request, as `name=value` in order.
    fn told(path: &str, role: Option<&str>, language: &str, body: &str) -> String {
        let key = RedactionKey::from_secret(b"0123456789abcdef").expect("long enough");
        let mut marks = Marks::default();
        let marked = "/vip".parse().expect("a place");
        marks.add("e", marked, "vip");
        let answer = || {
            Observation::of(Answer {
                status: 200,
                headers: Vec::new(),
                body: Bytes::new(),
            })
        };
        let exchange = Exchange {
            endpoint: "e".to_owned(),
            case: String::new(),
            method: "POST".to_owned(),
            path: path.to_owned(),
            reference: answer(),
            candidate: answer(),
        };
        let verdict = judge(&exchange, &Rules::default());
        let headers = [("accept-language".to_owned(), language.as_bytes().to_vec())];
        let judged = Judged {
            at_ms: 0,
            template: "/rooms/{room_id}/x",
            headers: if language.is_empty() { &[] } else { &headers },
            role,
            body: None,
            exchange: &exchange,
            verdict: &verdict,
        };
        let document = Document::parse(body.as_bytes()).ok();
        let row = row(&Redactor::new(key, marks), &judged, document.as_ref());
        let facts = row.iter().filter(|(name, _)| *name != STATUS);
        facts
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn facts_are_numbers_and_words_of_closed_vocabularies_and_else_a_class() {
        for (path, role, language, body, expected) in [
            ("/rooms/7/x", None, "", "", "path:room_id=7"),
            ("/rooms/kim/x", Some("none"), "", "", "path:room_id=<text>"),
            (
                "/rooms/12345678901/x?page=0&sort=number,asc&q=%ED%99%8D&a=1&a=2&flag&010-1234-5678=1",
                Some("ADMIN"),
                "ko-KR,en;q=0.5",
                "",
                "header:accept-language=ko-KR path:room_id=<digits> query:a=<several> query:flag=<empty> \
                 query:page=0 query:q=<text> query:sort=number,asc role=ADMIN",
            ),
            (
                "/rooms/550e8400-e29b-41d4-a716-446655440000/x?day=2026-01-12&phone=010-1234-5678",
                Some("other"),
                "tlh-x-kim-minji",
                "",
                "header:accept-language=<other> path:room_id=<uuid> query:day=<date> \
                 query:phone=<phone> role=<other>",
            ),
            (
                "/",
                None,
                "",
                r#"{"price":12.5,"big":1767225600000,"name":"Kim","guest":{"phone":1,"age":41,"vip":2},
                    "vip":3,"status":"OPEN","code":null,"tags":[],"beds":[1],"ok":true,"n":"12","e":1e3,
                    "kim@example.com":1}"#,
                "body:/beds=<array> body:/big=<number> body:/code=<null> body:/e=<number> \
                 body:/guest=<object> body:/guest/age=<person> body:/guest/phone=<phone> \
                 body:/guest/vip=2 body:/n=<digits> body:/name=<name> body:/ok=true body:/price=12.5 \
                 body:/status=OPEN body:/tags=<empty array> body:/vip=<vip>",
            ),
        ] {
            assert_eq!(told(path, role, language, body), expected);
        }
    }

    #[test]
    fn rows_are_counted_whole_and_bounded_and_read_back() {
        let row = |number: u64| place([("query:n".to_owned(), number.to_string())].into());
        let (mut all, mut odd, mut even) = (Facts::default(), Facts::default(), Facts::default());
        for number in 0..3_000 {
            let row = row(number % 1_000);
            all.add(&row, 1, MAX_ROWS);
            let half = if number % 2 == 0 { &mut even } else { &mut odd };
            half.add(&row, 1, MAX_ROWS);
        }
        assert_eq!(all.rows().count(), MAX_ROWS);
        assert!(all.rows().all(|(_, _, count)| count == 3));
        assert!(all.known_to() < u64::MAX);
        odd.merge(&even, MAX_ROWS);
        assert_eq!(odd, all, "parts merge to the whole");
        let text = serde_json::to_string(&all).expect("no odd keys");
        assert_eq!(serde_json::from_str::<Facts>(&text).ok(), Some(all));
        let none: Facts = serde_json::from_str("{}").expect("nothing needed");
        assert!(none.is_empty());
    }
}
