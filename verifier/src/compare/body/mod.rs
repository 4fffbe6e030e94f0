//! Bodies: from bytes as they came to the comparison of their kind.
//!
//! Lines of JSON, events, forms and tables are read into JSON documents, so that one engine compares
//! them all: a place in them is a pointer too.

mod csv;
mod events;
mod form;
mod text;

use std::borrow::Cow;
use std::fmt::Write;

use crate::decode::{self, DecodeError};
use crate::exchange::{Answer, Exchange, Observation};
use crate::json::{Document, JsonError};
use crate::relation::Relation;
use crate::rules::RuleSet;
use crate::verdict::{Cause, Kind, Location};

use super::headers::MediaType;
use super::json::{self, Side};
use super::origin;
use super::sink::{Draft, Sink, excerpt};

/// Longest decoded body that is compared, in bytes. A content encoding that unfolds to more is not
/// compared.
pub const MAX_DECODED_BYTES: usize = 64 * 1024 * 1024;

/// What a body is made of, by its media type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// `application/json`, `…+json`
    Json,
    /// A JSON value a line: `application/x-ndjson`, `application/jsonl`
    JsonLines,
    /// `text/event-stream`
    Events,
    /// `application/x-www-form-urlencoded`
    Form,
    /// `text/csv`
    Csv,
    /// HTML and other texts, by line.
    Text,
    /// Everything else.
    Bytes,
}

impl BodyKind {
    /// The kind a media type (`type/subtype` in lower case) stands for.
    pub fn of(essence: &str) -> Self {
        let (kind, subtype) = essence.split_once('/').unwrap_or((essence, ""));
        match essence {
            "application/json" | "text/json" => Self::Json,
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines"
            | "application/x-json-stream" => Self::JsonLines,
            "text/event-stream" => Self::Events,
            "application/x-www-form-urlencoded" => Self::Form,
            "text/csv" => Self::Csv,
            "application/xml"
            | "application/javascript"
            | "application/yaml"
            | "application/x-yaml"
            | "application/graphql" => Self::Text,
            _ if subtype.ends_with("+json") => Self::Json,
            _ if kind == "text" || subtype.ends_with("+xml") => Self::Text,
            _ => Self::Bytes,
        }
    }
}

/// Compares two bodies. An error means that nothing can be said about them.
pub(super) fn compare<'r>(
    exchange: &Exchange,
    reference: &Answer,
    candidate: &Answer,
    set: &'r RuleSet,
    sink: &mut Sink<'r>,
) -> Result<(), Cause> {
    let (ours, theirs) = (body_of(exchange, reference), body_of(exchange, candidate));
    let masked = !exchange.reference.tokens.0.is_empty() || !exchange.candidate.tokens.0.is_empty();
    let coding = "content-encoding";
    if ours == theirs && !masked && reference.header(coding).eq(candidate.header(coding)) {
        return Ok(());
    }
    let codings = [reference, candidate].map(|answer| decode::codings(answer.header(coding)));
    let (ours, our_fault) = plain(ours, &codings[0], &exchange.reference)?;
    let (theirs, their_fault) = plain(theirs, &codings[1], &exchange.candidate)?;
    let one_broken = our_fault.is_some() != their_fault.is_some();
    let mut faults = Vec::new();
    faults.extend(our_fault.map(|fault| format!("reference: {fault}")));
    faults.extend(their_fault.map(|fault| format!("candidate: {fault}")));
    let bodies = Bodies {
        exchange,
        ours: &ours,
        theirs: &theirs,
        set,
    };
    if one_broken {
        // Also where the bytes are the same: a client of one of them can read them, the other's not.
        let (ours, theirs) = (Some(shown(&ours)), Some(shown(&theirs)));
        let detail = Some(faults.join("; "));
        sink.add(bodies.whole(Kind::TypeChange, ours, theirs, None, detail));
    } else if !faults.is_empty() {
        bodies.as_bytes(None, Some(faults.join("; ")), sink);
    } else if ours != theirs || masked {
        let media = MediaType::of(reference);
        let kind = if media.essence.is_empty() {
            bodies.guessed_kind()
        } else {
            BodyKind::of(&media.essence)
        };
        bodies.compare(kind, sink);
    }
    Ok(())
}

/// The body, or nothing where HTTP says there is none
/// ([RFC 9110, section 6.4.1](https://www.rfc-editor.org/rfc/rfc9110#section-6.4.1)).
fn body_of<'a>(exchange: &Exchange, answer: &'a Answer) -> &'a [u8] {
    let none = exchange.method.eq_ignore_ascii_case("HEAD")
        || matches!(answer.status, 100..=199 | 204 | 304);
    if none { &[] } else { &answer.body }
}

/// The body without codings and with its own origin named. What cannot be decoded stays as it came,
/// with the reason.
fn plain<'a>(
    body: &'a [u8],
    codings: &[String],
    side: &Observation,
) -> Result<(Cow<'a, [u8]>, Option<DecodeError>), Cause> {
    let origin = side.origin.as_deref();
    match decode::decode(body, codings, MAX_DECODED_BYTES) {
        Ok(Cow::Borrowed(bytes)) => Ok((origin::replace(bytes, origin), None)),
        Ok(Cow::Owned(bytes)) => Ok((
            Cow::Owned(origin::replace(&bytes, origin).into_owned()),
            None,
        )),
        Err(error @ DecodeError::TooLarge { .. }) => Err(Cause::TooLarge(error.to_string())),
        Err(error) => Ok((Cow::Borrowed(body), Some(error))),
    }
}

/// A text that was read as JSON of some sort.
type Read<'t> = Result<Document<'t>, JsonError>;

/// Two bodies that are not the same bytes, or hold masks.
struct Bodies<'b, 'r> {
    exchange: &'b Exchange,
    ours: &'b [u8],
    theirs: &'b [u8],
    set: &'r RuleSet,
}

impl<'r> Bodies<'_, 'r> {
    fn unmasked(&self) -> bool {
        let Exchange {
            reference,
            candidate,
            ..
        } = self.exchange;
        reference.tokens.0.is_empty() && candidate.tokens.0.is_empty()
    }

    /// The kind of a body that does not say what it is.
    fn guessed_kind(&self) -> BodyKind {
        let json = matches!(self.ours.trim_ascii_start().first(), Some(b'{' | b'['));
        if json && Document::parse(self.ours).is_ok() {
            BodyKind::Json
        } else if std::str::from_utf8(self.ours).is_ok() && !self.ours.contains(&0) {
            BodyKind::Text
        } else {
            BodyKind::Bytes
        }
    }

    fn compare(&self, kind: BodyKind, sink: &mut Sink<'r>) {
        if self.ours.is_empty() || self.theirs.is_empty() {
            return self.one_empty(sink);
        }
        match kind {
            BodyKind::Json => {
                self.json(
                    (Document::parse(self.ours), Document::parse(self.theirs)),
                    "JSON",
                    sink,
                );
            }
            BodyKind::JsonLines => {
                let both = (
                    Document::parse_lines(self.ours),
                    Document::parse_lines(self.theirs),
                );
                self.json(both, "JSON lines", sink);
            }
            BodyKind::Events => self.read(events::to_json, sink),
            BodyKind::Form => self.read(form::to_json, sink),
            BodyKind::Csv => self.read(csv::to_json, sink),
            BodyKind::Text => self.text(sink),
            BodyKind::Bytes => self.as_bytes(None, None, sink),
        }
    }

    /// Compares two texts that are JSON of some sort.
    fn json(&self, both: (Read<'_>, Read<'_>), what: &str, sink: &mut Sink<'r>) {
        let (a, b) = match both {
            (Ok(a), Ok(b)) => (a, b),
            (a, b) => {
                if self.ours == self.theirs {
                    return;
                }
                let mut faults = Vec::new();
                faults.extend(
                    a.as_ref()
                        .err()
                        .map(|e| format!("the reference is not {what} ({e})")),
                );
                faults.extend(
                    b.as_ref()
                        .err()
                        .map(|e| format!("the candidate is not {what} ({e})")),
                );
                // Where only one side is JSON the type changed; where none is, only the bytes did.
                let relation = (a.is_ok() != b.is_ok()).then(|| {
                    if a.is_ok() && is_html(self.theirs) {
                        Relation::HtmlInsteadOfJson
                    } else {
                        Relation::NotJson
                    }
                });
                return self.as_bytes(relation, Some(faults.join("; ")), sink);
            }
        };
        self.documents(&a, &b, sink);
    }

    fn documents(&self, a: &Document<'_>, b: &Document<'_>, sink: &mut Sink<'r>) {
        let reference = Side::new(a, &self.exchange.reference.tokens);
        let candidate = Side::new(b, &self.exchange.candidate.tokens);
        json::compare(&reference, &candidate, self.set, sink);
    }

    /// Compares two texts that another format is read from, as the JSON it means.
    fn read(&self, to_json: fn(&str) -> String, sink: &mut Sink<'r>) {
        let (Ok(ours), Ok(theirs)) = (
            std::str::from_utf8(self.ours),
            std::str::from_utf8(self.theirs),
        ) else {
            return self.as_bytes(None, Some("not UTF-8".to_owned()), sink);
        };
        let (ours, theirs) = (to_json(ours), to_json(theirs));
        if ours == theirs && self.unmasked() {
            // Quoting, escapes, comments: they mean the same.
            let detail = Some("the same content, written otherwise".to_owned());
            return sink.note(self.whole(Kind::Format, None, None, None, detail), None);
        }
        match (
            Document::parse(ours.as_bytes()),
            Document::parse(theirs.as_bytes()),
        ) {
            (Ok(a), Ok(b)) => self.documents(&a, &b, sink),
            // Too long for a document: the bytes still tell.
            _ => self.as_bytes(None, None, sink),
        }
    }

    fn text(&self, sink: &mut Sink<'r>) {
        let (Ok(ours), Ok(theirs)) = (
            std::str::from_utf8(self.ours),
            std::str::from_utf8(self.theirs),
        ) else {
            return self.as_bytes(None, Some("not UTF-8".to_owned()), sink);
        };
        if ours.replace("\r\n", "\n") == theirs.replace("\r\n", "\n") {
            let detail = Some("only the line ends differ".to_owned());
            let draft = self.whole(Kind::Format, None, None, None, detail);
            return sink.add(draft);
        }
        let (a_lines, b_lines) = (text::to_json(ours), text::to_json(theirs));
        match (
            Document::parse(a_lines.as_bytes()),
            Document::parse(b_lines.as_bytes()),
        ) {
            (Ok(a), Ok(b)) => {
                let (reference, candidate) = (Side::lines(&a), Side::lines(&b));
                json::compare(&reference, &candidate, self.set, sink);
            }
            _ => self.as_bytes(None, None, sink),
        }
    }

    fn one_empty(&self, sink: &mut Sink<'r>) {
        let show = |body: &[u8]| (!body.is_empty()).then(|| shown(body));
        let (kind, who) = if self.theirs.is_empty() {
            (Kind::FieldRemoved, "candidate")
        } else {
            (Kind::FieldAdded, "reference")
        };
        let detail = Some(format!("the {who} has no body"));
        sink.add(self.whole(kind, show(self.ours), show(self.theirs), None, detail));
    }

    /// Compares as bytes: one finding, with the place of the first difference.
    fn as_bytes(&self, relation: Option<Relation>, reason: Option<String>, sink: &mut Sink<'r>) {
        if self.ours == self.theirs {
            return;
        }
        let at = self
            .ours
            .iter()
            .zip(self.theirs)
            .take_while(|(a, b)| a == b)
            .count();
        let mut detail = format!("compared as bytes, first difference at byte {at}");
        if let Some(reason) = reason {
            detail = format!("{reason}; {detail}");
        }
        let kind = if relation.is_some() {
            Kind::TypeChange
        } else {
            Kind::ValueChange
        };
        let (ours, theirs) = (Some(shown(self.ours)), Some(shown(self.theirs)));
        sink.add(self.whole(kind, ours, theirs, relation, Some(detail)));
    }

    fn whole(
        &self,
        kind: Kind,
        reference: Option<String>,
        candidate: Option<String>,
        relation: Option<Relation>,
        detail: Option<String>,
    ) -> Draft<'r> {
        Draft {
            location: Location::Body,
            group: None,
            kind,
            reference,
            candidate,
            relation,
            detail,
            nulls: (false, false),
            here: Some(self.set.body()),
        }
    }
}

/// Text as it is; anything else by length and hash.
fn shown(body: &[u8]) -> String {
    match std::str::from_utf8(body) {
        Ok(text) if !text.contains('\0') => excerpt(text),
        _ => {
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
            let start = digest.as_ref()[..8]
                .iter()
                .fold(String::new(), |mut hex, byte| {
                    // Writing to a String cannot fail.
                    let _ = write!(hex, "{byte:02x}");
                    hex
                });
            format!("{} bytes, sha256 {start}…", body.len())
        }
    }
}

fn is_html(body: &[u8]) -> bool {
    let start = body.trim_ascii_start();
    ["<!doctype html", "<html"].iter().any(|mark| {
        start
            .get(..mark.len())
            .is_some_and(|s| s.eq_ignore_ascii_case(mark.as_bytes()))
    })
}
