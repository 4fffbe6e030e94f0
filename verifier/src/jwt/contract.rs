#![deny(clippy::disallowed_methods)]
//! What the two services' tokens say, held side by side: names, types, units, forms and lives.

use std::collections::BTreeSet;

use super::corpus::Members;
use super::parts;
use crate::json::{Decimal, Document, JsonType, Node};
use crate::place::child_pointer;
use crate::severity::Severity;

/// What one service issued to one account.
#[derive(Clone, Copy)]
pub struct Issued<'a> {
    /// The access token.
    pub access: &'a str,
    /// Another one for the same account: what differs between the two differs by nature.
    pub again: Option<&'a str>,
    /// The refresh token.
    pub refresh: Option<&'a str>,
    /// Body of the login answer.
    pub answer: &'a [u8],
}

/// One way in which the tokens differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractDifference {
    /// `header.typ`, `access.sub`, `refresh.exp`, `life.access`, `answer./value/accessTokenExpiresIn`.
    pub place: String,
    /// What differs.
    pub what: String,
    /// What a client or the other verifier would notice.
    pub effect: String,
    /// What to do.
    pub remedy: String,
    /// How bad.
    pub severity: Severity,
}

/// Everything that was held side by side, and what of it differs.
#[derive(Debug, Default)]
pub struct Contract {
    /// Places that both were looked at for.
    pub places: BTreeSet<String>,
    /// Differences in the order of legacy's token.
    pub differences: Vec<ContractDifference>,
    /// What could not be read, and why.
    pub unread: Vec<String>,
}

/// Compares what the two services issued to the same account.
pub fn compare(legacy: Issued<'_>, core: Issued<'_>) -> Contract {
    let mut contract = Contract::default();
    contract.tokens(
        "access",
        Some(legacy.access),
        Some(core.access),
        [legacy.again, core.again],
    );
    contract.tokens("refresh", legacy.refresh, core.refresh, [None, None]);
    contract.answers(legacy, core);
    contract
}

/// The units a time can be counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
}

impl Unit {
    /// Of a time of this age, by its size: 10^11 seconds is the year 5138, 10^14 milliseconds too.
    fn of(time: i128) -> Self {
        match time.abs() {
            0..100_000_000_000 => Self::Seconds,
            100_000_000_000..100_000_000_000_000 => Self::Milliseconds,
            _ => Self::Microseconds,
        }
    }

    const fn per_second(self) -> i128 {
        match self {
            Self::Seconds => 1,
            Self::Milliseconds => 1_000,
            Self::Microseconds => 1_000_000,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
        }
    }
}

const TIMES: [&str; 4] = ["exp", "iat", "nbf", "auth_time"];

impl Contract {
    fn differ(
        &mut self,
        place: &str,
        severity: Severity,
        what: String,
        effect: &str,
        remedy: String,
    ) {
        self.differences.push(ContractDifference {
            place: place.to_owned(),
            what,
            effect: effect.to_owned(),
            remedy,
            severity,
        });
    }

    fn tokens(
        &mut self,
        kind: &str,
        legacy: Option<&str>,
        core: Option<&str>,
        again: [Option<&str>; 2],
    ) {
        let (legacy, core) = match (legacy, core) {
            (None, None) => return,
            (Some(legacy), Some(core)) => (legacy, core),
            (some, _) => {
                let (with, without) = if some.is_some() {
                    ("legacy", "core")
                } else {
                    ("core", "legacy")
                };
                self.places.insert(kind.to_owned());
                return self.differ(
                    kind,
                    Severity::Breaking,
                    format!("{with} gives a {kind} token at login, {without} none"),
                    "a client that keeps its session by it is logged out",
                    format!("give a {kind} token at login in core as legacy does"),
                );
            }
        };
        let (legacy, core) = match (read(legacy), read(core)) {
            (Some(legacy), Some(core)) => (legacy, core),
            (None, None) => {
                self.unread.push(format!(
                    "the {kind} tokens of both sides are no JSON Web Tokens"
                ));
                return;
            }
            (some, _) => {
                let (jwt, other) = if some.is_some() {
                    ("legacy", "core")
                } else {
                    ("core", "legacy")
                };
                self.places.insert(kind.to_owned());
                return self.differ(
                    kind,
                    Severity::Breaking,
                    format!("{jwt}'s {kind} token is a JSON Web Token, {other}'s is not"),
                    "neither side can read the other's",
                    "issue the same kind of token on both sides".to_owned(),
                );
            }
        };
        let prefix = if kind == "access" {
            "header".to_owned()
        } else {
            format!("header.{kind}")
        };
        self.header(&prefix, &legacy.0, &core.0);
        let again = again.map(|token| token.and_then(read).map(|read| read.1));
        self.claims(kind, &legacy.1, &core.1, &again);
        self.life(kind, &legacy.1, &core.1);
    }

    fn header(&mut self, prefix: &str, legacy: &Members, core: &Members) {
        for name in names(legacy, core) {
            let place = format!("{prefix}.{name}");
            self.places.insert(place.clone());
            let severity = if name == "alg" {
                Severity::Breaking
            } else {
                Severity::Benign
            };
            let effect = if name == "alg" {
                "a verifier that pins its algorithm, as it should, refuses the other's tokens"
            } else {
                "a verifier that looks at this field tells the two services' tokens apart"
            };
            let what = match (legacy.get(&name), core.get(&name)) {
                (Some(a), Some(b)) if a == b => continue,
                (Some(a), Some(b)) => format!(
                    "header field `{name}` is {} on legacy and {} on core",
                    cut(a),
                    cut(b)
                ),
                (Some(a), None) => format!("core's header lacks `{name}` ({} on legacy)", cut(a)),
                (None, Some(b)) => {
                    format!("core's header has `{name}` ({}), legacy's does not", cut(b))
                }
                (None, None) => continue,
            };
            let remedy = format!(
                "write the header as legacy does, or declare `{place}` under `auth.claims`"
            );
            self.differ(&place, severity, what, effect, remedy);
        }
    }

    fn claims(
        &mut self,
        kind: &str,
        legacy: &Members,
        core: &Members,
        again: &[Option<Members>; 2],
    ) {
        let mut renamed = BTreeSet::new();
        for name in names(legacy, core) {
            let place = format!("{kind}.{name}");
            self.places.insert(place.clone());
            let declare = format!("or declare `{place}` under `auth.claims`");
            match (legacy.get(&name), core.get(&name)) {
                (Some(a), Some(b)) => {
                    if TIMES.contains(&name.as_str()) {
                        self.time(&place, &name, a, b);
                    } else {
                        let varies = |own: &Members, again: &Option<Members>| {
                            again
                                .as_ref()
                                .is_some_and(|again| again.get(&name) != own.get(&name))
                        };
                        let volatile =
                            varies(legacy, &again[0]) || varies(core, &again[1]) || name == "jti";
                        self.value(&place, &name, a, b, volatile);
                    }
                }
                (Some(a), None) => {
                    let twin = core.iter().find(|(other, value)| {
                        *value == a && legacy.get(other).is_none() && !TIMES.contains(other)
                    });
                    match twin {
                        Some((other, _)) => {
                            renamed.insert(other.to_owned());
                            self.differ(
                                &place,
                                Severity::Breaking,
                                format!("claim `{name}` of legacy is called `{other}` on core"),
                                "whoever reads the claim by legacy's name finds nothing in core's tokens",
                                format!("call the claim `{name}` in core, {declare}"),
                            );
                        }
                        None => self.differ(
                            &place,
                            Severity::Breaking,
                            format!("core's {kind} token lacks claim `{name}`"),
                            "whoever reads the claim finds nothing in core's tokens",
                            format!("write `{name}` in core as legacy does, {declare}"),
                        ),
                    }
                }
                (None, Some(_)) if renamed.contains(&name) => {}
                (None, Some(b)) => {
                    // Legacy's names come first, so a new name for an old claim is known by now.
                    let remedy = format!(
                        "leave the claim out of core's tokens until legacy is gone, {declare}"
                    );
                    self.differ(
                        &place,
                        Severity::Risky,
                        format!("core's {kind} token has claim `{name}` ({}), legacy's does not", cut(b)),
                        "whoever comes to rely on it loses it when a request or a rollback meets legacy",
                        remedy,
                    );
                }
                (None, None) => {}
            }
        }
    }

    fn value(&mut self, place: &str, name: &str, legacy: &str, core: &str, volatile: bool) {
        let remedy = || format!("write `{name}` in core as legacy does");
        let (a, b) = (kind_of(legacy), kind_of(core));
        if a != b {
            let effect = if name == "sub" {
                "a verifier that expects legacy's type cannot tell who is asking, and refuses or fails"
            } else {
                "a reader that expects legacy's type fails"
            };
            self.differ(
                place,
                Severity::Breaking,
                format!(
                    "`{name}` is {} on legacy ({}) and {} on core ({})",
                    a.name(),
                    cut(legacy),
                    b.name(),
                    cut(core)
                ),
                effect,
                remedy(),
            );
        } else if legacy != core && !volatile {
            self.differ(
                place,
                Severity::Breaking,
                format!(
                    "`{name}` is {} on legacy and {} on core for the same account",
                    cut(legacy),
                    cut(core)
                ),
                "whoever decides by it decides differently on each side",
                remedy(),
            );
        }
    }

    fn time(&mut self, place: &str, name: &str, legacy: &str, core: &str) {
        let remedy =
            || format!("write `{name}` in core as legacy does: a number of seconds since 1970");
        let (Some(a), Some(b)) = (whole(legacy), whole(core)) else {
            if kind_of(legacy) != kind_of(core) || is_whole(legacy) != is_whole(core) {
                self.differ(
                    place,
                    Severity::Breaking,
                    format!("`{name}` is written as {} on legacy and as {} on core", cut(legacy), cut(core)),
                    "a verifier that expects legacy's form cannot tell whether the token is still good",
                    remedy(),
                );
            }
            return;
        };
        let (a, b) = (Unit::of(a), Unit::of(b));
        if a != b {
            self.differ(
                place,
                Severity::Breaking,
                format!(
                    "`{name}` counts {} on legacy and {} on core",
                    a.name(),
                    b.name()
                ),
                "read in the other's unit a token is long over, or good for thousands of years",
                remedy(),
            );
        }
    }

    fn life(&mut self, kind: &str, legacy: &Members, core: &Members) {
        let life = |claims: &Members| {
            let second = |name| {
                let time = whole(claims.get(name)?)?;
                Some(time / Unit::of(time).per_second())
            };
            Some(second("exp")? - second("iat")?)
        };
        let place = format!("life.{kind}");
        self.places.insert(place.clone());
        match (life(legacy), life(core)) {
            // One second may pass between taking `iat` and `exp`.
            (Some(a), Some(b)) if (a - b).abs() <= 1 => {}
            (Some(a), Some(b)) => self.differ(
                &place,
                Severity::Risky,
                format!("{kind} tokens live {} on legacy and {} on core", span(a), span(b)),
                if b < a {
                    "sessions end sooner than clients are used to"
                } else {
                    "a stolen token is good for longer than it was"
                },
                format!("set core's {kind} token life to {a} seconds, or declare `{place}` under `auth.claims`"),
            ),
            (Some(_), None) => self.unread.push(format!("core's {kind} token has no `iat` and `exp` to measure its life by")),
            (None, Some(_)) => self.unread.push(format!("legacy's {kind} token has no `iat` and `exp` to measure its life by")),
            (None, None) => self.unread.push(format!("the {kind} tokens have no `iat` and `exp` to measure their life by")),
        }
    }

    /// Fields of the login answer that say when the access token ends.
    fn answers(&mut self, legacy: Issued<'_>, core: Issued<'_>) {
        let (Some(a), Some(b)) = (expiries(legacy), expiries(core)) else {
            return;
        };
        for (pointer, form) in &a {
            let place = format!("answer.{pointer}");
            self.places.insert(place.clone());
            let other = b
                .iter()
                .find(|(other, _)| other == pointer)
                .map(|(_, form)| *form);
            if other == Some(*form) {
                continue;
            }
            let (what, severity) = match other {
                Some(other) => (
                    format!(
                        "`{pointer}` of the login answer is {form} on legacy and {other} on core"
                    ),
                    Severity::Breaking,
                ),
                None if has(core.answer, pointer) => (
                    format!(
                        "`{pointer}` of the login answer is {form} on legacy, and on core it is neither that nor any other form of the token's end"
                    ),
                    Severity::Breaking,
                ),
                None => (
                    format!(
                        "the login answer of core lacks `{pointer}`, which is {form} on legacy"
                    ),
                    Severity::Breaking,
                ),
            };
            self.differ(
                &place,
                severity,
                what,
                "a client that plans its refresh by it refreshes at every request, or never and is logged out",
                format!("write {form} in core as legacy does"),
            );
        }
        for (pointer, form) in &b {
            let place = format!("answer.{pointer}");
            if self.places.insert(place.clone()) && !has(legacy.answer, pointer) {
                self.differ(
                    &place,
                    Severity::Risky,
                    format!("the login answer of core has `{pointer}` ({form}), legacy's does not"),
                    "whoever comes to rely on it loses it when a request or a rollback meets legacy",
                    "leave it out of core's answer until legacy is gone".to_owned(),
                );
            }
        }
    }
}

/// Header and claims of a token, not verified.
fn read(token: &str) -> Option<(Members, Members)> {
    let parts = parts(token)?;
    Some((
        Members::read(&parts.header)?,
        Members::read(&parts.payload)?,
    ))
}

/// Names of both, legacy's first.
fn names(legacy: &Members, core: &Members) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in legacy.iter().chain(core.iter()) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

fn kind_of(json: &str) -> JsonType {
    Document::parse(json.as_bytes()).map_or(JsonType::Null, |document| document.root().kind())
}

fn whole(json: &str) -> Option<i128> {
    Decimal::parse(json)?.to_i128()
}

fn is_whole(json: &str) -> bool {
    whole(json).is_some() && !json.contains(['.', 'e', 'E'])
}

/// Numbers and texts of the login answer that say when its access token ends, and in which form.
fn expiries(issued: Issued<'_>) -> Option<Vec<(String, &'static str)>> {
    let (_, claims) = read(issued.access)?;
    let second = |name: &str| {
        let time = whole(claims.get(name)?)?;
        Some(time / Unit::of(time).per_second())
    };
    let exp = second("exp")?;
    let life = second("iat").map(|iat| exp - iat);
    let document = Document::parse(issued.answer).ok()?;
    let mut found = Vec::new();
    let mut stack = vec![(String::new(), document.root())];
    while let Some((pointer, node)) = stack.pop() {
        if let Some(form) = form_of(node, exp, life) {
            found.push((pointer, form));
            continue;
        }
        for (name, value) in node.members() {
            stack.push((child_pointer(&pointer, &name.as_str()), value));
        }
    }
    found.sort();
    Some(found)
}

fn form_of(node: Node<'_>, exp: i128, life: Option<i128>) -> Option<&'static str> {
    // The answer may be written a moment before or after the token.
    let near = |value: i128, target: i128, unit: i128| (value - target * unit).abs() <= 2 * unit;
    match node.kind() {
        JsonType::Number => {
            let value = node.decimal()?.to_i128()?;
            if near(value, exp, 1_000) {
                return Some("milliseconds since 1970");
            }
            if near(value, exp, 1) {
                return Some("seconds since 1970");
            }
            let life = life.filter(|life| *life > 2)?;
            if near(value, life, 1) {
                Some("seconds from now")
            } else if near(value, life, 1_000) {
                Some("milliseconds from now")
            } else {
                None
            }
        }
        JsonType::String => {
            let time: jiff::Timestamp = node.as_str().parse().ok()?;
            near(i128::from(time.as_second()), exp, 1).then_some("an RFC 3339 time")
        }
        _ => None,
    }
}

fn has(answer: &[u8], pointer: &str) -> bool {
    Document::parse(answer).is_ok_and(|document| document.resolve(pointer).is_some())
}

/// A claim's value for a reader: short, and harmless to a terminal.
fn cut(json: &str) -> String {
    crate::report::table::cut(&crate::report::table::printable(json), 48)
}

fn span(seconds: i128) -> String {
    match seconds {
        s if s % 86_400 == 0 && s != 0 => format!("{} days", s / 86_400),
        s if s % 3_600 == 0 && s != 0 => format!("{} h", s / 3_600),
        s if s % 60 == 0 && s != 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

#[cfg(test)]
#[path = "contract_tests.rs"]
mod tests;
