#![deny(clippy::disallowed_methods)]
//! What two services make of the same forged token, and what that means.

use jiff::civil::Date;

use super::cell::{Cell, Check, Finding, Outcome, Outcomes, Pair, Side, Verdict};
use super::corpus::{Forged, Must};
use super::hs256::{self, Refusal};
use crate::catalogue::auth::Known;
use crate::exchange::Answer;
use crate::json::{Document, JsonType, Node};
use crate::severity::Severity;

/// What one service made of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its answer's class and status.
    pub outcome: Outcome,
    /// The form of its error body; empty for a success.
    pub error: ErrorForm,
}

/// What of an error body a client can rely on: its media type and its content, times masked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorForm {
    media: String,
    content: String,
}

impl ErrorForm {
    /// Of an answer's body; a success has none, since what it shows is no matter of tokens.
    pub fn of(answer: &Answer) -> Self {
        if (200..300).contains(&answer.status) {
            return Self::default();
        }
        let media = answer.header("content-type").next().unwrap_or_default();
        let media = String::from_utf8_lossy(media).to_ascii_lowercase();
        let media = media
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        let content = match Document::parse(&answer.body) {
            Ok(document) => canonical(document.root()),
            Err(_) => String::from_utf8_lossy(&answer.body).into_owned(),
        };
        Self { media, content }
    }

    /// Keys of the body, or its type: enough for a reader to find the place.
    fn shape(&self) -> String {
        let keys = Document::parse(self.content.as_bytes())
            .ok()
            .map(|document| {
                let names = document.root().members();
                names
                    .map(|(name, _)| name.as_str().into_owned())
                    .collect::<Vec<_>>()
                    .join(", ")
            });
        match keys {
            Some(keys) if !keys.is_empty() => format!("{} with {keys}", self.media),
            _ if self.content.is_empty() => "no body".to_owned(),
            _ => format!(
                "{} of {} bytes",
                if self.media.is_empty() {
                    "a body"
                } else {
                    &self.media
                },
                self.content.len()
            ),
        }
    }
}

/// JSON with its keys in order and times masked. Depth is bounded, so that a hostile answer is too.
fn canonical(node: Node<'_>) -> String {
    fn write(node: Node<'_>, depth: u32, out: &mut String) {
        match node.kind() {
            JsonType::Object if depth < 32 => {
                let mut members: Vec<_> = node.members().collect();
                members.sort_by_key(|(name, _)| name.raw());
                out.push('{');
                for (at, (name, value)) in members.into_iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    out.push_str(name.raw());
                    out.push(':');
                    if name.as_str() == "timestamp" {
                        out.push_str("\"[time]\"");
                    } else {
                        write(value, depth + 1, out);
                    }
                }
                out.push('}');
            }
            JsonType::Array if depth < 32 => {
                out.push('[');
                for (at, value) in node.elements().enumerate() {
                    out.push_str(if at == 0 { "" } else { "," });
                    write(value, depth + 1, out);
                }
                out.push(']');
            }
            JsonType::String if node.as_str().parse::<jiff::Timestamp>().is_ok() => {
                out.push_str("\"[time]\"");
            }
            _ => out.push_str(node.raw()),
        }
    }
    let mut out = String::new();
    write(node, 0, &mut out);
    out
}

/// One token and what both services made of it, or why that is not known.
#[derive(Debug)]
pub struct Tried {
    /// The token.
    pub forged: Forged,
    /// What it was tried on.
    pub probe: String,
    /// The bearer's role.
    pub role: String,
    /// What came of it on each side.
    pub seen: Pair<Result<Seen, String>>,
}

impl std::fmt::Debug for Forged {
    /// The token itself may be a live one.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Forged")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What judging needs beside the outcomes.
#[derive(Clone, Copy)]
pub struct Measure<'a> {
    /// Accepted weaknesses.
    pub known: &'a [Known],
    /// Decides which of them have expired.
    pub today: Date,
    /// The key each side signs with, where it is known: tells a bad signature from other causes.
    pub keys: Pair<Option<&'a [u8]>>,
}

/// Judges every token that was tried.
pub fn judge(tried: &[Tried], measure: Measure<'_>) -> Outcomes {
    let mut outcomes = Outcomes::default();
    let habits = Habits {
        heedless: Side::BOTH.map(|side| ignores_signatures(tried, side)),
        refusals: usual_refusals(tried),
    };
    for one in tried {
        let verdict = match (&one.seen.legacy, &one.seen.core) {
            (Ok(legacy), Ok(core)) => weigh(one, legacy, core, measure, &habits, &mut outcomes),
            (Err(why), _) | (_, Err(why)) => Verdict::NotJudged(why.clone()),
        };
        for side in Side::BOTH {
            outcomes.cells.push(cell(one, side, &verdict));
        }
    }
    outcomes
}

/// What the sides do with many tokens for one reason.
struct Habits {
    /// Whether legacy, and core, take tokens whatever their signature.
    heedless: [bool; 2],
    /// How they answer a token that is plainly none, where that differs.
    refusals: Option<(Outcome, Outcome)>,
}

/// How the two sides answer what is plainly no token; `None` where they answer alike.
fn usual_refusals(tried: &[Tried]) -> Option<(Outcome, Outcome)> {
    let plain = tried
        .iter()
        .find(|one| matches!(one.forged.name.as_str(), "parts-one" | "signature-zeros"))?;
    match (&plain.seen.legacy, &plain.seen.core) {
        (Ok(legacy), Ok(core))
            if !legacy.outcome.is_accepted()
                && !core.outcome.is_accepted()
                && legacy.outcome != core.outcome =>
        {
            Some((legacy.outcome.clone(), core.outcome.clone()))
        }
        _ => None,
    }
}

/// Whether a side takes tokens whatever their signature: then that is the one cause to name.
fn ignores_signatures(tried: &[Tried], side: Side) -> bool {
    let mut damaged = tried
        .iter()
        .filter(|one| {
            matches!(
                one.forged.name.as_str(),
                "signature-zeros" | "payload-added-claim"
            )
        })
        .peekable();
    damaged.peek().is_some()
        && damaged.all(|one| {
            one.seen
                .of(side)
                .as_ref()
                .is_ok_and(|seen| seen.outcome.is_accepted())
        })
}

fn cell(one: &Tried, side: Side, verdict: &Verdict) -> Cell {
    let seen = one.seen.of(side);
    Cell {
        check: Check::Forgery,
        name: cell_name(&one.forged, side),
        issuer: None,
        verifier: Some(side),
        token: one.forged.name.clone(),
        role: one.role.clone(),
        probe: one.probe.clone(),
        expected: match one.forged.must {
            Must::Accept => "accepted",
            Must::Refuse => "refused",
            Must::Agree => "the same on both",
        }
        .to_owned(),
        got: match seen {
            Ok(seen) => seen.outcome.to_string(),
            Err(_) => "not judged".to_owned(),
        },
        verdict: verdict.clone(),
    }
}

fn cell_name(forged: &Forged, side: Side) -> String {
    format!("forgery/{}/{}/{side}", forged.family, forged.name)
}

fn weigh(
    one: &Tried,
    legacy: &Seen,
    core: &Seen,
    measure: Measure<'_>,
    habits: &Habits,
    outcomes: &mut Outcomes,
) -> Verdict {
    let forged = &one.forged;
    let cells: Vec<String> = Side::BOTH.map(|side| cell_name(forged, side)).to_vec();
    let named = |known: &&Known| known.probe == forged.name || known.probe == forged.family;
    let known = measure.known.iter().find(named);
    let live = known.filter(|known| known.holds_on(measure.today));
    let mut find = |family: &str, severity, what: String, effect: &str, remedy: String| {
        outcomes.find(Finding {
            check: Check::Forgery,
            name: format!("forgery/{family}"),
            severity,
            what,
            effect: effect.to_owned(),
            remedy,
            cells: cells.clone(),
        });
        Verdict::Fails
    };
    let (noun, remedy) = words(forged.family);
    match (legacy.outcome.is_accepted(), core.outcome.is_accepted()) {
        (true, true) if forged.must == Must::Refuse => {
            if let Some(known) = live {
                outcomes.meet(known, cells);
                return Verdict::Known;
            }
            let since = known.map_or_else(String::new, Known::until);
            find(
                forged.family,
                Severity::Risky,
                format!("both sides accept {noun}{since}"),
                "whoever forges or keeps such a token gets in",
                format!("{remedy} on both sides, or accept it by name under `auth.known`"),
            )
        }
        (true, true) => Verdict::Holds,
        (true, false) | (false, true) => {
            let lenient = if legacy.outcome.is_accepted() {
                Side::Legacy
            } else {
                Side::Core
            };
            let strict = lenient.other();
            let refusal = match strict {
                Side::Legacy => &legacy.outcome,
                Side::Core => &core.outcome,
            };
            let unsigned = habits.heedless[usize::from(lenient == Side::Core)]
                && (forged.family == "alg-hmac"
                    || bad_signature(forged, *measure.keys.of(lenient)));
            let family = if unsigned { "signature" } else { forged.family };
            let (noun, remedy) = words(family);
            match forged.must {
                Must::Accept => find(
                    family,
                    Severity::Breaking,
                    format!("{strict} refuses {noun} ({refusal}), {lenient} accepts them"),
                    "a sound session breaks when a request meets the stricter side",
                    format!("accept them in {strict}'s verifier"),
                ),
                Must::Refuse if known.is_some() && !unsigned => find(
                    family,
                    Severity::Breaking,
                    format!(
                        "{lenient} accepts {noun} and {strict} no longer does ({refusal}), though both are said to"
                    ),
                    "a session that works on one side ends on the other",
                    format!(
                        "{remedy} in {lenient}, or take it back in {strict}, and take the entry out of `auth.known`"
                    ),
                ),
                Must::Refuse => find(
                    family,
                    Severity::Breaking,
                    format!("{lenient} accepts {noun}, {strict} does not ({refusal})"),
                    "whoever forges or keeps such a token gets in there",
                    format!("{remedy} in {lenient}'s verifier"),
                ),
                Must::Agree => find(
                    family,
                    Severity::Breaking,
                    format!("{lenient} accepts {noun}, {strict} does not ({refusal})"),
                    "the same token opens one side and not the other",
                    "decide alike on both sides; legacy is the measure".to_owned(),
                ),
            }
        }
        (false, false) => {
            let (a, b) = (&legacy.outcome, &core.outcome);
            if habits.refusals.as_ref() == Some(&(a.clone(), b.clone())) {
                return find(
                    "error-status",
                    Severity::Risky,
                    format!("a token that is not believed: legacy answers {a}, core {b}"),
                    "a client that renews its session on legacy's status does not on core's",
                    format!("answer {} in core", a.status().unwrap_or_default()),
                );
            }
            if a.status() != b.status() || !a.same_class(b) {
                let severity = if a.same_class(b) {
                    Severity::Benign
                } else {
                    Severity::Risky
                };
                return find(
                    forged.family,
                    severity,
                    format!("{noun}: legacy answers {a}, core {b}"),
                    "a client that tells a dead session from a failure by the status does the wrong thing",
                    "answer as legacy does".to_owned(),
                );
            }
            if legacy.error != core.error {
                return find(
                    "error-body",
                    Severity::Risky,
                    format!(
                        "the error body to a refused token ({a}) differs: {} on legacy, {} on core",
                        legacy.error.shape(),
                        core.error.shape()
                    ),
                    "a client that reads the error finds other fields or words",
                    "answer with legacy's error body".to_owned(),
                );
            }
            Verdict::Holds
        }
    }
}

fn bad_signature(forged: &Forged, key: Option<&[u8]>) -> bool {
    let token = forged.headers.iter().find_map(|(name, value)| {
        (name == "authorization").then(|| value.strip_prefix("Bearer "))?
    });
    token
        .zip(key)
        .is_some_and(|(token, key)| hs256::verify(token, key).err() == Some(Refusal::Signature))
}

/// What a family's tokens are, and what to do against them.
fn words(family: &str) -> (&'static str, &'static str) {
    match family {
        "control" => ("sound tokens", ""),
        "alg-hmac" => (
            "tokens signed with another HMAC than HS256",
            "pin the algorithm to HS256",
        ),
        "alg-none" => (
            "tokens whose `alg` is `none` or missing",
            "pin the algorithm to HS256",
        ),
        "alg-spelling" => ("tokens whose `alg` is misspelt", "compare `alg` exactly"),
        "alg-confusion" => (
            "tokens whose `alg` names a public key or encryption algorithm",
            "pin the algorithm to HS256",
        ),
        "crit" => (
            "tokens with `crit`",
            "refuse `crit`, since no extension is understood",
        ),
        "header-key" => (
            "tokens signed with a key that they bring along or point at",
            "ignore `jwk`, `jku`, `x5c`, `x5u` and `kid`; use the configured key only",
        ),
        "kid" => ("tokens with a `kid` or `jku`", ""),
        "typ" => ("tokens with an unusual `typ`, `cty` or `zip`", ""),
        "duplicate-header" => (
            "tokens with two `alg`",
            "refuse a header that names a field twice",
        ),
        "signature" => (
            "tokens whose signature does not hold",
            "verify the signature before anything else",
        ),
        "key-near" => (
            "tokens signed with a key that is nearly the secret",
            "read the secret exactly as it is given",
        ),
        "exp-leeway" => (
            "tokens that expired up to a minute ago",
            "set the leeway of `exp` to what is agreed",
        ),
        "exp-near" => ("tokens that end within a minute", ""),
        "exp-past" => ("tokens that expired more than a minute ago", "check `exp`"),
        "exp-far" => ("tokens that end in the far future", ""),
        "exp-missing" => ("tokens without `exp`", "require `exp`"),
        "exp-type" => (
            "tokens whose `exp` is no plain number of seconds",
            "require a number as `exp`",
        ),
        "duplicate-exp" => (
            "tokens with two `exp`",
            "take the last of two claims, or refuse both",
        ),
        "nbf-future" => ("tokens whose `nbf` lies ahead", "check `nbf`"),
        "nbf-past" => ("tokens whose `nbf` has passed", ""),
        "nbf-type" => ("tokens whose `nbf` is unusual", "check `nbf`"),
        "iat" => ("tokens whose `iat` is unusual or lies ahead", ""),
        "sub" => ("tokens whose `sub` is no account's number", ""),
        "sub-unknown" => ("tokens of an account that does not exist", ""),
        "sub-type" => ("tokens whose `sub` has the other JSON type", ""),
        "duplicate-sub" => ("tokens with two `sub`", ""),
        "role" => ("tokens whose role claim is missing or unusual", ""),
        "role-raised" => ("tokens whose role claim is mightier than their account", ""),
        "iss" => ("tokens of another or no issuer", ""),
        "aud" => ("tokens for another or no audience", ""),
        "form" => (
            "tokens that are no compact JWS of three parts",
            "take the compact form only",
        ),
        "encoding" => (
            "tokens that are not canonical base64url",
            "decode base64url strictly",
        ),
        "json" => (
            "tokens whose parts are no JSON objects",
            "read JSON strictly",
        ),
        "json-limits" => ("tokens at the limits of JSON readers", ""),
        "size" => ("very large tokens", "bound the size of a token"),
        "scheme" => (
            "tokens under another scheme or with other words in `Authorization`",
            "take `Bearer TOKEN` only",
        ),
        "header-twice" => ("requests with two `Authorization` fields", ""),
        "carrier" => (
            "tokens outside of `Authorization`",
            "read the token from `Authorization` only",
        ),
        _ => ("such tokens", "refuse them"),
    }
}
