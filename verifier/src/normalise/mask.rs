#![deny(clippy::disallowed_methods)]
//! Masks: values that vary by nature, replaced by tokens that assert what must stay.
//!
//! | mask | asserts | in a golden file |
//! |---|---|---|
//! | a role, `room.id` | the same object wherever it recurs in the journey, and its type | `[room.id#1:int]` |
//! | `personal` | as a role; the value itself is never written | `[person.phone#1:string]` |
//! | `now` | within 5 s of the answer's `Date`, in the same form and zone | `[now:local+09:00 fraction]` |
//! | `recent` | since the journey began, in the same form and zone | `[recent:local+09:00]` |
//! | `day` | the same day relative to the run's | `[today+7d:date]` |
//! | `expiry` | the same distance from now (±5 s), in the same unit | `[expiry:epoch-ms 3600s]` |
//! | `token` | the same claims and life | `[token:HS256 life=3600s sub=1:string]` |
//!
//! `none` lifts a mask that a case would inherit.
//!
//! A value that fails its mask gets no token and so shows as it is.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use jiff::civil::Date;

use super::{instant, select};
use crate::catalogue::template::DayOffset;
use crate::exchange::{Answer, Measure, Token, Tokens};
use crate::json::{Document, JsonType, Node};
use crate::jwt;
use crate::place::{Place, child_pointer};

/// How far `now` may lie from the answer's `Date`, and two expiries from each other, in seconds.
pub const NEAR_S: f64 = 5.0;

/// One place and what its value must be.
#[derive(Clone, Debug, PartialEq)]
pub struct MaskRule {
    /// Where.
    pub place: Place,
    /// What.
    pub kind: MaskKind,
}

/// What a mask asserts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaskKind {
    /// Nothing: lifts a mask that the endpoint put on its other cases.
    None,
    /// The moment of the answer.
    Now,
    /// A moment since the journey began.
    Recent,
    /// A day relative to the run's.
    Day,
    /// A point in time or a number of seconds at a fixed distance from now.
    Expiry,
    /// A JSON Web Token; a claim may name the role its value plays.
    Token {
        /// Claim name to role.
        roles: BTreeMap<String, String>,
    },
    /// An object's identity.
    Role {
        /// `room.id`.
        role: String,
    },
}

impl MaskKind {
    /// Reads the word of the catalogue: `none`, `now`, `recent`, `day`, `expiry`, `token`, `token(sub=account.id)`,
    /// or a role, which has a dot.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "none" => return Some(Self::None),
            "now" => return Some(Self::Now),
            "recent" => return Some(Self::Recent),
            "day" => return Some(Self::Day),
            "expiry" => return Some(Self::Expiry),
            "token" => {
                return Some(Self::Token {
                    roles: BTreeMap::new(),
                });
            }
            _ => {}
        }
        if let Some(inner) = text
            .strip_prefix("token(")
            .and_then(|rest| rest.strip_suffix(')'))
        {
            let mut roles = BTreeMap::new();
            for pair in inner.split(',') {
                let (claim, role) = pair.trim().split_once('=')?;
                if claim.is_empty() || !is_role(role) {
                    return None;
                }
                roles.insert(claim.to_owned(), role.to_owned());
            }
            return Some(Self::Token { roles });
        }
        is_role(text).then(|| Self::Role {
            role: text.to_owned(),
        })
    }

    /// The mask of a place that holds personal data of `class` (`name`, `phone`).
    pub fn personal(class: &str) -> Self {
        Self::Role {
            role: format!("person.{class}"),
        }
    }
}

fn is_role(text: &str) -> bool {
    text.split_once('.').is_some_and(|(object, field)| {
        [object, field].iter().all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        })
    })
}

/// Who is who in one journey on one side: numbers count per role from 1.
#[derive(Clone, Debug, Default)]
pub struct Roles {
    numbers: HashMap<(String, String), u32>,
    last: HashMap<String, u32>,
}

impl Roles {
    /// The number of the object with `value` in `role`, a new one if it was never seen.
    fn number(&mut self, role: &str, value: &str) -> u32 {
        if let Some(number) = self.numbers.get(&(role.to_owned(), value.to_owned())) {
            return *number;
        }
        let last = self.last.entry(role.to_owned()).or_default();
        *last += 1;
        self.numbers
            .insert((role.to_owned(), value.to_owned()), *last);
        *last
    }
}

/// What is known about the answer from outside.
#[derive(Clone, Debug)]
pub struct Moment<'a> {
    /// When the answer was received; used only where it has no `Date`.
    pub received: Timestamp,
    /// The run's day.
    pub today: Date,
    /// The days the journey's requests mention, which name a day best.
    pub days: &'a [DayOffset],
    /// The text that makes this run's rows unique; empty if the journey sends none.
    pub run: &'a str,
    /// Seconds since the journey's first request, for `recent`.
    pub journey_s: f64,
    /// Whether claims may be written down: made-up data only.
    pub show_claims: bool,
}

/// A place whose value fails its mask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskFailure {
    /// The exact place.
    pub place: String,
    /// Why, in words.
    pub reason: String,
}

/// Finds the places of `rules` in `answer` and gives each value that fits a token.
///
/// Numbers are given in the order of the rules, then of array indexes, never of object keys, so
/// that two services that write their keys in another order number alike.
pub fn mask(
    answer: &Answer,
    rules: &[MaskRule],
    roles: &mut Roles,
    moment: &Moment<'_>,
) -> (Tokens, Vec<MaskFailure>) {
    let mut tokens = BTreeMap::new();
    let mut failures = Vec::new();
    let now = answer
        .header("date")
        .next()
        .and_then(|value| std::str::from_utf8(value).ok())
        .and_then(|text| httpdate::parse_http_date(text).ok())
        .and_then(|time| Timestamp::try_from(time).ok())
        .unwrap_or(moment.received);
    let document = Document::parse(&answer.body).ok();

    // The last rule for a place wins: a case refines its endpoint.
    let mut chosen: BTreeMap<String, usize> = BTreeMap::new();
    let mut found: Vec<(usize, String, Value)> = Vec::new();
    for (at, rule) in rules.iter().enumerate() {
        for (place, value) in values_at(answer, document.as_ref(), &rule.place) {
            chosen.insert(place.clone(), at);
            found.push((at, place, value));
        }
    }
    for (at, place, value) in found {
        let lifted = rules[at].kind == MaskKind::None;
        if chosen.get(&place) != Some(&at) || value.json_type == JsonType::Null || lifted {
            continue;
        }
        match settle(&rules[at].kind, &value, roles, moment, now) {
            Ok(token) => {
                tokens.insert(place, token);
            }
            Err(reason) => failures.push(MaskFailure { place, reason }),
        }
    }
    if !moment.run.is_empty()
        && let Some(document) = &document
    {
        mark_run(document, moment.run, &mut tokens);
    }
    (Tokens(tokens), failures)
}

/// A scalar as it stands at a place.
struct Value {
    json_type: JsonType,
    /// A string's content, else the JSON text.
    text: String,
}

fn scalar(node: Node<'_>) -> Value {
    let text = match node.kind() {
        JsonType::String => node.as_str().into_owned(),
        _ => node.raw().to_owned(),
    };
    Value {
        json_type: node.kind(),
        text,
    }
}

fn values_at(
    answer: &Answer,
    document: Option<&Document<'_>>,
    place: &Place,
) -> Vec<(String, Value)> {
    if let Place::Header(name) = place {
        return answer
            .header(name)
            .map(|value| {
                let text = String::from_utf8_lossy(value).into_owned();
                (
                    format!("header:{name}"),
                    Value {
                        json_type: JsonType::String,
                        text,
                    },
                )
            })
            .collect();
    }
    let Some(document) = document else {
        return Vec::new();
    };
    select::select(document, place)
        .into_iter()
        .map(|(at, node)| (at, scalar(node)))
        .collect()
}

fn settle(
    kind: &MaskKind,
    value: &Value,
    roles: &mut Roles,
    moment: &Moment<'_>,
    now: Timestamp,
) -> Result<Token, String> {
    if matches!(value.json_type, JsonType::Object | JsonType::Array) {
        return Err("an object or array cannot be masked: name the places inside it".to_owned());
    }
    match kind {
        MaskKind::Role { role } => {
            let format = type_word(value);
            let number = roles.number(role, &value.text);
            Ok(token(format!("{role}#{number}:{format}")))
        }
        MaskKind::None => Err("not masked".to_owned()),
        MaskKind::Now => settle_now(value, now, "now", 0.0),
        MaskKind::Recent => settle_now(value, now, "recent", moment.journey_s),
        MaskKind::Day => {
            let date: Date = value.text.parse().map_err(|_| "not a date".to_owned())?;
            if value.json_type != JsonType::String || date.to_string() != value.text {
                return Err("not a date in the form yyyy-MM-dd".to_owned());
            }
            let named = moment
                .days
                .iter()
                .find(|offset| offset.on(moment.today) == date);
            let text = match named {
                Some(offset) => offset.to_string(),
                None => {
                    let days = i64::from((date - moment.today).get_days());
                    if days == 0 {
                        "today".to_owned()
                    } else {
                        format!("today{days:+}d")
                    }
                }
            };
            Ok(token(format!("{text}:date")))
        }
        MaskKind::Expiry => settle_expiry(value, now),
        MaskKind::Token { roles: claims } => settle_token(value, claims, roles, moment),
    }
}

/// `age_s`: how many seconds before the answer the moment may lie, besides [`NEAR_S`].
fn settle_now(value: &Value, now: Timestamp, word: &str, age_s: f64) -> Result<Token, String> {
    let near = |apart: f64| apart <= NEAR_S && apart >= -NEAR_S - age_s;
    let far = |apart: f64| {
        format!(
            "{apart:+.0} s from the answer's Date, more than {:.0} s",
            NEAR_S + age_s
        )
    };
    if value.json_type == JsonType::Number {
        let number: f64 = value.text.parse().map_err(|_| "not a number".to_owned())?;
        let seconds = now.as_millisecond() as f64 / 1000.0;
        return if near(number - seconds) {
            Ok(token(format!("{word}:epoch-s")))
        } else if near(number / 1000.0 - seconds) {
            Ok(token(format!("{word}:epoch-ms")))
        } else {
            Err(far(number - seconds))
        };
    }
    let written = instant::read(&value.text).ok_or("not a date-time")?;
    let (apart, minutes) = instant::distance_from(written, now);
    if !near(apart) {
        return Err(far(apart));
    }
    Ok(token(format!(
        "{word}:{}",
        instant::describe(written.form, minutes)
    )))
}

fn settle_expiry(value: &Value, now: Timestamp) -> Result<Token, String> {
    let whole = |distance: f64| {
        let minute = (distance / 60.0).round() * 60.0;
        if (distance - minute).abs() <= NEAR_S {
            minute
        } else {
            distance.round()
        }
    };
    if value.json_type == JsonType::Number {
        let number: f64 = value.text.parse().map_err(|_| "not a number".to_owned())?;
        let seconds = now.as_millisecond() as f64 / 1000.0;
        // A century around now tells epoch seconds from milliseconds from a mere duration.
        let near = |at: f64| (at - seconds).abs() < 3.2e9 && at > 1e9;
        return Ok(token(if near(number) {
            format!("expiry:epoch-s {}s", whole(number - seconds))
        } else if near(number / 1000.0) {
            format!("expiry:epoch-ms {}s", whole(number / 1000.0 - seconds))
        } else {
            format!("expiry:duration {number}")
        }));
    }
    let written = instant::read(&value.text).ok_or("not a date-time")?;
    let (apart, minutes) = match written.form {
        // A wall clock cannot be told from a distance; the zone is that of the written offset.
        instant::Form::Local { .. } => (written.reading.duration_since(now).as_secs_f64(), 0),
        _ => instant::distance_from(written, now),
    };
    Ok(token(format!(
        "expiry:{} {}s",
        instant::describe(written.form, minutes),
        whole(apart)
    )))
}

fn settle_token(
    value: &Value,
    claim_roles: &BTreeMap<String, String>,
    roles: &mut Roles,
    moment: &Moment<'_>,
) -> Result<Token, String> {
    let Some(parts) = jwt::parts(&value.text) else {
        return Ok(token(format!(
            "token:opaque {} characters",
            value.text.chars().count()
        )));
    };
    let header = Document::parse(&parts.header).map_err(|_| "header is not JSON".to_owned())?;
    let payload = Document::parse(&parts.payload).map_err(|_| "payload is not JSON".to_owned())?;
    let algorithm = header
        .root()
        .get("alg")
        .map_or_else(|| "none".to_owned(), |node| scalar(node).text);
    let mut claims = BTreeMap::new();
    for (key, node) in payload.root().members() {
        claims.insert(key.as_str().into_owned(), scalar(node));
    }
    let seconds = |name: &str| {
        claims
            .get(name)
            .and_then(|claim| claim.text.parse::<i64>().ok())
    };
    let mut text = format!("token:{}", safe(&algorithm));
    if let (Some(from), Some(to)) = (seconds("iat"), seconds("exp")) {
        text.push_str(&format!(" life={}s", to.saturating_sub(from)));
    }
    for (name, claim) in &claims {
        let varies = matches!(name.as_str(), "iat" | "exp" | "nbf" | "jti");
        let shown = if let Some(role) = claim_roles.get(name) {
            format!("{role}#{}", roles.number(role, &claim.text))
        } else if varies || !moment.show_claims {
            String::new()
        } else if !moment.run.is_empty() {
            claim
                .text
                .split(moment.run)
                .map(safe)
                .collect::<Vec<_>>()
                .join("{run}")
        } else {
            safe(&claim.text)
        };
        text.push_str(&format!(" {}={shown}:{}", safe(name), type_word(claim)));
    }
    Ok(token(text))
}

/// Keeps a claim readable and the token's own syntax unambiguous.
fn safe(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
        .to_string()
        .replace("%2E", ".")
        .replace("%5F", "_")
        .replace("%2D", "-")
}

fn type_word(value: &Value) -> &'static str {
    match value.json_type {
        JsonType::Number if value.text.bytes().all(|b| b.is_ascii_digit() || b == b'-') => "int",
        JsonType::Number => "number",
        JsonType::String if is_uuid(&value.text) => "uuid",
        JsonType::String => "string",
        JsonType::Bool => "bool",
        JsonType::Null => "null",
        JsonType::Object => "object",
        JsonType::Array => "array",
    }
}

/// RFC 9562, section 4: 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The engine's token for the text between the brackets.
fn token(inner: String) -> Token {
    let text = format!("[{inner}]");
    parse_token(&text).unwrap_or(Token {
        text,
        json_type: JsonType::String,
        class: inner,
        measure: None,
    })
}

/// Reads a token as it stands in a golden file; `None` if it is none.
pub fn parse_token(text: &str) -> Option<Token> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let of = |json_type: JsonType, class: &str, measure: Option<Measure>| Token {
        text: text.to_owned(),
        json_type,
        class: class.to_owned(),
        measure,
    };
    let moment = inner
        .strip_prefix("now:")
        .or_else(|| inner.strip_prefix("recent:"));
    if let Some(form) = moment {
        let kind = if form.starts_with("epoch") {
            JsonType::Number
        } else {
            JsonType::String
        };
        return Some(of(kind, inner, None));
    }
    if let Some(rest) = inner.strip_prefix("expiry:") {
        let (form, distance) = rest.rsplit_once(' ')?;
        let numeric = form.starts_with("epoch") || form == "duration";
        let kind = if numeric {
            JsonType::Number
        } else {
            JsonType::String
        };
        let value = distance.trim_end_matches('s').parse().ok()?;
        let measure = Measure {
            value,
            within: NEAR_S,
        };
        return Some(of(kind, &format!("expiry:{form}"), Some(measure)));
    }
    if inner.starts_with("token:") {
        return Some(of(JsonType::String, "token", None));
    }
    let (name, kind) = inner.rsplit_once(':')?;
    if kind == "date" {
        DayOffset::parse(name)?;
        return Some(of(JsonType::String, "day", None));
    }
    let (role, number) = name.split_once('#')?;
    if !is_role(role) || number.parse::<u32>().is_err() {
        return None;
    }
    let json_type = match kind {
        "int" | "number" => JsonType::Number,
        "string" | "uuid" => JsonType::String,
        "bool" => JsonType::Bool,
        _ => return None,
    };
    Some(of(json_type, &format!("{role}:{kind}"), None))
}

/// How the run's own text is written inside longer strings.
pub const RUN_MARK: &str = "[run]";

/// The token of a string that holds the run's text, as written in a golden file.
pub fn run_token(text: &str) -> Token {
    Token {
        text: text.to_owned(),
        json_type: JsonType::String,
        class: "text".to_owned(),
        measure: None,
    }
}

fn mark_run(document: &Document<'_>, run: &str, tokens: &mut BTreeMap<String, Token>) {
    let mut open = vec![(String::new(), document.root())];
    while let Some((at, node)) = open.pop() {
        match node.kind() {
            JsonType::Object => {
                for (key, value) in node.members() {
                    open.push((child_pointer(&at, &key.as_str()), value));
                }
            }
            JsonType::Array => {
                for (index, value) in node.elements().enumerate() {
                    open.push((format!("{at}/{index}"), value));
                }
            }
            JsonType::String => {
                let text = node.as_str();
                if text.contains(run) && !tokens.contains_key(&at) {
                    tokens.insert(at, run_token(&text.replace(run, RUN_MARK)));
                }
            }
            _ => {}
        }
    }
}
