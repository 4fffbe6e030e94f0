//! One request and what both sides answered.

#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::json::JsonType;

/// One request with both answers: all that [`judge`](crate::verdict::judge) knows.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The endpoint's name in the catalogue, such as `rooms_list`; rules are chosen by it.
    pub endpoint: String,
    /// The case within the endpoint.
    pub case: String,
    /// The request's method; `HEAD` has no body.
    pub method: String,
    /// The request's path and query.
    pub path: String,
    /// The side that is right: legacy, or a golden file.
    pub reference: Observation,
    /// The side that is judged.
    pub candidate: Observation,
}

/// What one side did with the request.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Its answer, or why there is none.
    pub answer: Result<Answer, Failure>,
    /// Its own address as clients see it, such as `http://127.0.0.1:8081`. Where it occurs in a body
    /// or header it reads as `[origin]`, so that two ports do not differ by themselves.
    pub origin: Option<String>,
    /// Places whose value was replaced by a mask; empty in live traffic.
    pub tokens: Tokens,
    /// Time from sending the request to the end of the answer.
    pub latency: Duration,
}

impl Observation {
    /// An answer as it came, with nothing masked and no time taken.
    pub fn of(answer: Answer) -> Self {
        Self {
            answer: Ok(answer),
            origin: None,
            tokens: Tokens::default(),
            latency: Duration::ZERO,
        }
    }
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Header fields in the order they came; names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body as it came, still under its content encoding.
    pub body: Bytes,
}

impl Answer {
    /// Reads an answer as HTTP writes it: status line, fields, an empty line, body. Line ends may be
    /// LF alone, as files have them. Neither `Content-Length` nor `Transfer-Encoding` is applied: the
    /// body is all that follows.
    ///
    /// ```
    /// # use verifier::exchange::Answer;
    /// let answer = Answer::from_http(b"HTTP/1.1 404 Not Found\nContent-Type: text/plain\n\nno")?;
    /// assert_eq!((answer.status, &answer.body[..]), (404, &b"no"[..]));
    /// # Ok::<(), verifier::exchange::HttpTextError>(())
    /// ```
    pub fn from_http(text: &[u8]) -> Result<Self, HttpTextError> {
        let mut rest = text;
        let mut number = 0;
        let mut line = || {
            number += 1;
            let end = rest
                .iter()
                .position(|b| *b == b'\n')
                .ok_or(HttpTextError::Cut)?;
            let line = &rest[..end];
            rest = &rest[end + 1..];
            Ok((number, line.strip_suffix(b"\r").unwrap_or(line)))
        };
        let (_, first) = line()?;
        let first = std::str::from_utf8(first).map_err(|_| HttpTextError::Status)?;
        let mut words = first.split(' ');
        if !words
            .next()
            .is_some_and(|version| version.starts_with("HTTP/"))
        {
            return Err(HttpTextError::Status);
        }
        let status = words
            .next()
            .and_then(|code| code.parse().ok())
            .ok_or(HttpTextError::Status)?;
        let mut headers = Vec::new();
        loop {
            let (number, field) = line()?;
            if field.is_empty() {
                break;
            }
            let colon = field.iter().position(|b| *b == b':');
            let (name, value) = match colon {
                Some(at) if at > 0 => (&field[..at], &field[at + 1..]),
                _ => return Err(HttpTextError::Field { line: number }),
            };
            let name = std::str::from_utf8(name)
                .map_err(|_| HttpTextError::Field { line: number })?
                .to_ascii_lowercase();
            headers.push((name, value.trim_ascii().to_vec()));
        }
        Ok(Self {
            status,
            headers,
            body: Bytes::copy_from_slice(rest),
        })
    }

    /// All values of a field, in order. `name` is in lower case.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, value)| value.as_slice())
    }
}

/// Why a text is no HTTP answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpTextError {
    /// The first line is no status line.
    #[error("line 1: no status line; write `HTTP/1.1 200 OK`")]
    Status,
    /// A line before the empty one is no field.
    #[error("line {line}: no header field; write `Name: value`")]
    Field {
        /// The line, from 1.
        line: usize,
    },
    /// There is no empty line after the fields.
    #[error("no empty line after the header fields")]
    Cut,
}

/// Why there is no whole answer. The text is the cause in one line, for a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection.
    Unreachable(String),
    /// No answer in time.
    Timeout(String),
    /// The connection ended inside the answer.
    Truncated(String),
    /// The TLS handshake failed.
    Tls(String),
    /// The answer is longer than the cap; nothing was compared.
    TooLarge(String),
    /// Something that is not HTTP.
    Protocol(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(text) => write!(f, "no connection: {text}"),
            Self::Timeout(text) => write!(f, "no answer in time: {text}"),
            Self::Truncated(text) => write!(f, "the answer was cut off: {text}"),
            Self::Tls(text) => write!(f, "TLS failed: {text}"),
            Self::TooLarge(text) => write!(f, "the answer is too large: {text}"),
            Self::Protocol(text) => write!(f, "the answer is not HTTP: {text}"),
        }
    }
}

/// Masked places of one side: exact JSON Pointer (the empty one is the root) or `header:name`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tokens(pub BTreeMap<String, Token>);

/// What stands at a masked place instead of its value.
///
/// Two masked places are equal when their texts are; or, where both have a [`Measure`], when their
/// classes are equal and the measures near enough. A masked place never equals one that is not.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// As a golden file writes it: `[room.id#1:int]`.
    pub text: String,
    /// The type of the value that was masked.
    pub json_type: JsonType,
    /// What kind of value it was, such as `room.id:int`. Another class at one place is a difference
    /// of format; another text of one class is a difference of value.
    pub class: String,
    /// A quantity that may differ a little, such as seconds from now.
    pub measure: Option<Measure>,
}

/// A quantity with the distance at which it still counts as the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measure {
    /// The quantity.
    pub value: f64,
    /// The greatest distance; of two different ones the larger holds.
    pub within: f64,
}

impl Token {
    /// Whether both stand for the same value.
    pub fn same(&self, other: &Self) -> bool {
        if self.text == other.text && self.json_type == other.json_type {
            return true;
        }
        let near = |a: Measure, b: Measure| (a.value - b.value).abs() <= a.within.max(b.within);
        self.class == other.class
            && self.json_type == other.json_type
            && self
                .measure
                .zip(other.measure)
                .is_some_and(|(a, b)| near(a, b))
    }
}
