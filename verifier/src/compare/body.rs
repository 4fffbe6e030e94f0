//! Bodies: from bytes as they came to the comparison of their kind.

use std::borrow::Cow;

use crate::decode::{self, DecodeError};
use crate::exchange::{Answer, Exchange, Observation};
use crate::json::Document;
use crate::relation::Relation;
use crate::rules::RuleSet;
use crate::verdict::{Cause, Kind, Location};

use super::headers::MediaType;
use super::json::{self, Side};
use super::origin;
use super::sink::{Draft, Sink, excerpt};

/// Longest body that is decoded and compared.
pub(super) const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

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
    let codings = [reference, candidate].map(|a| decode::codings(a.header("content-encoding")));
    if ours == theirs && codings[0] == codings[1] && !masked {
        return Ok(());
    }
    let ours = plain(ours, &codings[0], &exchange.reference)?;
    let theirs = plain(theirs, &codings[1], &exchange.candidate)?;
    if ours == theirs && !masked {
        return Ok(());
    }
    let media = MediaType::of(reference);
    if media.is_json() || (media.essence.is_empty() && looks_like_json(&ours)) {
        json_bodies(exchange, &ours, &theirs, set, sink);
        return Ok(());
    }
    bytes(&ours, &theirs, None, set, sink);
    Ok(())
}

/// The body, or nothing where HTTP says there is none
/// ([RFC 9110, section 6.4.1](https://www.rfc-editor.org/rfc/rfc9110#section-6.4.1)).
fn body_of<'a>(exchange: &Exchange, answer: &'a Answer) -> &'a [u8] {
    let none = exchange.method.eq_ignore_ascii_case("HEAD")
        || matches!(answer.status, 100..=199 | 204 | 304);
    if none { &[] } else { &answer.body }
}

/// The body without codings and with its own origin named. What cannot be decoded stays as it came.
fn plain<'a>(
    body: &'a [u8],
    codings: &[String],
    side: &Observation,
) -> Result<Cow<'a, [u8]>, Cause> {
    let body = match decode::decode(body, codings, MAX_BODY_BYTES) {
        Ok(body) => body,
        Err(error @ DecodeError::TooLarge { .. }) => {
            return Err(Cause::TooLarge(error.to_string()));
        }
        Err(DecodeError::Unknown(_) | DecodeError::Corrupt { .. }) => Cow::Borrowed(body),
    };
    Ok(match body {
        Cow::Borrowed(bytes) => origin::replace(bytes, side.origin.as_deref()),
        Cow::Owned(bytes) => {
            Cow::Owned(origin::replace(&bytes, side.origin.as_deref()).into_owned())
        }
    })
}

fn looks_like_json(body: &[u8]) -> bool {
    matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')) && Document::parse(body).is_ok()
}

fn json_bodies<'r>(
    exchange: &Exchange,
    ours: &[u8],
    theirs: &[u8],
    set: &'r RuleSet,
    sink: &mut Sink<'r>,
) {
    match (Document::parse(ours), Document::parse(theirs)) {
        (Ok(a), Ok(b)) => {
            let reference = Side::new(&a, &exchange.reference.tokens);
            let candidate = Side::new(&b, &exchange.candidate.tokens);
            json::compare(&reference, &candidate, set, sink);
        }
        (a, b) => {
            if ours == theirs {
                return;
            }
            let mut reasons = Vec::new();
            if let Err(error) = a {
                reasons.push(format!("the reference is not JSON ({error})"));
            }
            if let Err(error) = b {
                reasons.push(format!("the candidate is not JSON ({error})"));
            }
            bytes(ours, theirs, Some(reasons.join(", ")), set, sink);
        }
    }
}

/// Compares as bytes: one finding, with the place of the first difference.
fn bytes<'r>(
    ours: &[u8],
    theirs: &[u8],
    detail: Option<String>,
    set: &'r RuleSet,
    sink: &mut Sink<'r>,
) {
    let at = ours.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    let mut text = format!("compared as bytes: first difference at byte {at}");
    if let Some(detail) = &detail {
        text = format!("{detail}; {text}");
    }
    let html = theirs.trim_ascii_start().get(..5).is_some_and(|start| {
        start.eq_ignore_ascii_case(b"<!doc") || start.eq_ignore_ascii_case(b"<html")
    });
    let relation = detail.map(|_| {
        if html {
            Relation::HtmlInsteadOfJson
        } else {
            Relation::NotJson
        }
    });
    let show = |body: &[u8]| Some(excerpt(&String::from_utf8_lossy(body)));
    sink.add(Draft {
        location: Location::Body,
        group: None,
        kind: if relation.is_some() {
            Kind::TypeChange
        } else {
            Kind::ValueChange
        },
        reference: show(ours),
        candidate: show(theirs),
        relation,
        detail: Some(text),
        to_null: false,
        here: Some(set.body()),
    });
}
