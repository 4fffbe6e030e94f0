#![deny(clippy::disallowed_methods)]
//! An answer as the text of a golden file, and back.
//!
//! ```text
//! HTTP 200
//! content-type: application/json;charset=UTF-8
//!
//! {
//!   "value": {
//!     "id": "[room.id#1:int]",
//!     "number": "T[run]"
//!   }
//! }
//! ```
//!
//! Header fields are sorted, so that their order on the wire is no change. JSON is laid out for
//! reading with its own key order and number text. A string of the service that looks like a token
//! has its brackets written `\u005b`, so nothing a service answers can pass for a token.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;

use crate::compare::{HeaderClass, header_class, is_json};
use crate::exchange::{Answer, Tokens};
use crate::json::{Document, JsonType, Node};
use crate::normalise::mask::{RUN_MARK, parse_token, run_token};
use crate::place::child_pointer;

/// An answer and the tokens that stand in for some of its values.
#[derive(Clone, Debug)]
pub struct Masked {
    /// The answer; where a token stands its own text is in the body.
    pub answer: Answer,
    /// Tokens by exact place.
    pub tokens: Tokens,
    /// The body is only a description (length and hash) of bytes that are no text.
    pub opaque: bool,
}

/// Why a golden file's contents cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentsError {
    /// First line.
    #[error("line 1 must be `HTTP` and a status: record it again")]
    Status,
    /// A header line.
    #[error("header line {0} has no `: `: record it again")]
    Header(usize),
    /// The body.
    #[error("the body does not read back: record it again")]
    Body,
}

const ESCAPED_BODY: &str = "[body] as a JSON string";
const OPAQUE_BODY: &str = "[body] described";

/// A golden file that an answer is laid out beside, so that a line diff shows only what matters.
#[derive(Clone, Copy)]
pub struct Beside<'a> {
    /// The golden file.
    pub golden: &'a Masked,
    /// Places where the golden's own text is kept.
    pub is_equal: &'a dyn Fn(&str) -> bool,
    /// Whether the text is read beside the golden's and thrown away: then keys stand in the golden's
    /// order, and a place whose mask says something else than the golden's shows its raw value. What
    /// becomes a golden file itself has its own order and its own tokens.
    pub to_read: bool,
}

/// Writes `answer`; beside a golden file if there is one to be compared with by lines.
pub fn render(
    answer: &Answer,
    tokens: &Tokens,
    origin: Option<&str>,
    beside: Option<Beside<'_>>,
) -> String {
    let answer = &without_origin(answer, origin);
    let mut out = format!("HTTP {}\n", answer.status);
    out.push_str(&render_headers(answer, tokens, beside));
    if answer.body.is_empty() {
        return out.trim_end().to_owned();
    }
    if is_json(answer)
        && let Ok(document) = Document::parse(&answer.body)
    {
        out.push('\n');
        let golden = beside
            .and_then(|beside| Some((Document::parse(&beside.golden.answer.body).ok()?, beside)));
        let golden = golden
            .as_ref()
            .map(|(document, beside)| GoldenSide { document, beside });
        write_json(&mut out, &document, tokens, golden.as_ref());
        return out;
    }
    match std::str::from_utf8(&answer.body) {
        Ok(text) if survives_trimming(text) => {
            out.push('\n');
            out.push_str(text);
        }
        Ok(text) => {
            let _ = write!(out, "{ESCAPED_BODY}\n\n{}", crate::json::escape(text));
        }
        Err(_) => {
            let _ = write!(out, "{OPAQUE_BODY}\n\n{}", describe(&answer.body));
        }
    }
    out
}

/// The service's own address reads `[origin]`, so that a golden file fits any port and host.
fn without_origin(answer: &Answer, origin: Option<&str>) -> Answer {
    let mut answer = answer.clone();
    let Some(origin) = origin.filter(|origin| !origin.is_empty()) else {
        return answer;
    };
    for (_, value) in &mut answer.headers {
        if let Ok(text) = std::str::from_utf8(value)
            && text.contains(origin)
        {
            *value = text.replace(origin, "[origin]").into_bytes();
        }
    }
    if let Ok(text) = std::str::from_utf8(&answer.body)
        && text.contains(origin)
    {
        answer.body = text.replace(origin, "[origin]").into();
    }
    answer
}

/// Insta cuts trailing white space and rewrites CRLF.
fn survives_trimming(text: &str) -> bool {
    text.trim_end() == text
        && !text.starts_with('\n')
        && text
            .chars()
            .all(|c| !c.is_control() || c == '\n' || c == '\t')
}

/// Bytes that are no text, in one line.
pub fn describe(bytes: &[u8]) -> String {
    format!("{} bytes, sha256 {}", bytes.len(), sha256(bytes))
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn render_headers(answer: &Answer, tokens: &Tokens, beside: Option<Beside<'_>>) -> String {
    let mut lines: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| header_class(name) != HeaderClass::Ignored)
        .map(|(name, value)| {
            let place = format!("header:{name}");
            if let Some(Beside {
                golden, is_equal, ..
            }) = beside
                && is_equal(&place)
                && let Some(value) = golden.answer.header(name).next()
                && answer
                    .headers
                    .iter()
                    .filter(|(other, _)| other == name)
                    .count()
                    == 1
            {
                return format!("{name}: {}", header_text(value));
            }
            match tokens.0.get(&place) {
                Some(token) => format!("{name}: {}", token.text),
                None if name == "set-cookie" => format!("{name}: {}", without_cookie_value(value)),
                None => format!("{name}: {}", header_text(value)),
            }
        })
        .collect();
    lines.sort();
    lines
        .iter()
        .fold(String::new(), |out, line| out + line + "\n")
}

/// `SESSION=abc; Path=/` becomes `SESSION=[value]; Path=/`: a cookie is a secret.
fn without_cookie_value(value: &[u8]) -> String {
    let text = header_text(value);
    let (pair, attributes) = text
        .split_once(';')
        .map_or((text.as_str(), ""), |parts| parts);
    let name = pair.split_once('=').map_or(pair, |(name, _)| name);
    let tail = if attributes.is_empty() {
        String::new()
    } else {
        format!(";{attributes}")
    };
    format!("{name}=[value]{tail}")
}

fn header_text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim().to_owned()
}

struct GoldenSide<'g> {
    document: &'g Document<'g>,
    beside: &'g Beside<'g>,
}

/// One open object or array.
struct Frame<'d> {
    close: char,
    items: std::vec::IntoIter<(Option<String>, String, Node<'d>)>,
    first: bool,
}

fn write_json(
    out: &mut String,
    document: &Document<'_>,
    tokens: &Tokens,
    golden: Option<&GoldenSide<'_>>,
) {
    let places = golden
        .map(|golden| index(golden.document))
        .unwrap_or_default();
    let mut stack: Vec<Frame<'_>> = Vec::new();
    let mut next = Some((None::<String>, String::new(), document.root()));
    loop {
        if let Some((key, pointer, node)) = next.take() {
            if let Some(key) = key {
                out.push_str(&escape_like_token(&key));
                out.push_str(": ");
            }
            let opens = matches!(node.kind(), JsonType::Object | JsonType::Array);
            if opens && !tokens.0.contains_key(&pointer) {
                let in_order = golden.is_some_and(|golden| golden.beside.to_read);
                let frame = open(node, &pointer, in_order.then_some(&places));
                out.push(if frame.close == '}' { '{' } else { '[' });
                stack.push(frame);
            } else {
                out.push_str(&leaf(&pointer, node, tokens, golden, &places));
            }
        }
        let Some(frame) = stack.last_mut() else { break };
        if let Some(item) = frame.items.next() {
            out.push_str(if frame.first { "\n" } else { ",\n" });
            frame.first = false;
            let depth = stack.len();
            out.push_str(&"  ".repeat(depth.min(100)));
            next = Some(item);
        } else {
            let Some(frame) = stack.pop() else { break };
            if !frame.first {
                out.push('\n');
                out.push_str(&"  ".repeat(stack.len().min(100)));
            }
            out.push(frame.close);
        }
        if stack.is_empty() && next.is_none() {
            break;
        }
    }
}

type Places<'g> = BTreeMap<String, Node<'g>>;

/// Every place of the golden's body.
fn index<'g>(document: &'g Document<'_>) -> Places<'g> {
    let mut places = BTreeMap::new();
    let mut open = vec![(String::new(), document.root())];
    while let Some((at, node)) = open.pop() {
        for (_, pointer, child) in children(node, &at) {
            open.push((pointer, child));
        }
        places.insert(at, node);
    }
    places
}

fn children<'d>(node: Node<'d>, at: &str) -> Vec<(Option<String>, String, Node<'d>)> {
    match node.kind() {
        JsonType::Object => node
            .members()
            .map(|(key, value)| {
                let key = key.as_str().into_owned();
                let pointer = child_pointer(at, &key);
                (Some(key), pointer, value)
            })
            .collect(),
        JsonType::Array => node
            .elements()
            .enumerate()
            .map(|(index, value)| (None, format!("{at}/{index}"), value))
            .collect(),
        _ => Vec::new(),
    }
}

fn open<'d>(node: Node<'d>, pointer: &str, places: Option<&Places<'_>>) -> Frame<'d> {
    let mut items = children(node, pointer);
    if node.kind() == JsonType::Object
        && let Some(golden) = places.and_then(|places| places.get(pointer))
    {
        // The golden's key order first, new keys last: a moved key is no changed line.
        let order: BTreeMap<String, usize> = golden
            .members()
            .enumerate()
            .map(|(at, (key, _))| (key.as_str().into_owned(), at))
            .collect();
        items.sort_by_key(|(key, ..)| {
            key.as_ref()
                .and_then(|key| order.get(key).copied())
                .unwrap_or(usize::MAX)
        });
    }
    let close = if node.kind() == JsonType::Object {
        '}'
    } else {
        ']'
    };
    Frame {
        close,
        items: items.into_iter(),
        first: true,
    }
}

fn leaf(
    pointer: &str,
    node: Node<'_>,
    tokens: &Tokens,
    golden: Option<&GoldenSide<'_>>,
    places: &Places<'_>,
) -> String {
    let own = tokens.0.get(pointer);
    if let Some(golden) = golden
        && let Some(there) = places.get(pointer)
        && !matches!(there.kind(), JsonType::Object | JsonType::Array)
    {
        let theirs = golden.beside.golden.tokens.0.get(pointer);
        if (golden.beside.is_equal)(pointer) {
            return match theirs {
                Some(token) => quote_token(&token.text),
                None => raw_leaf(*there),
            };
        }
        // What fails its mask shows as it is, unless that would write down a person's data.
        if golden.beside.to_read
            && let (Some(own), Some(theirs)) = (own, theirs)
            && own.class != theirs.class
            && !own.class.starts_with("person.")
        {
            return raw_leaf(node);
        }
    }
    match own {
        Some(token) => quote_token(&token.text),
        None => raw_leaf(node),
    }
}

fn raw_leaf(node: Node<'_>) -> String {
    match node.kind() {
        JsonType::String => escape_like_token(&node.as_str()),
        _ => node.raw().to_owned(),
    }
}

/// Tokens hold no character that JSON escapes but perhaps those of a `[run]` string.
fn quote_token(text: &str) -> String {
    crate::json::escape(text)
}

/// A real string that could be read as a token has its brackets escaped.
fn escape_like_token(text: &str) -> String {
    let quoted = crate::json::escape(text);
    if parse_token(text).is_some() || text.contains(RUN_MARK) {
        quoted.replace('[', "\\u005b")
    } else {
        quoted
    }
}

/// Reads what [`render`] wrote.
pub fn parse(contents: &str) -> Result<Masked, ContentsError> {
    let (head, body) = contents.split_once("\n\n").unwrap_or((contents, ""));
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP "))
        .and_then(|status| status.trim().parse::<u16>().ok())
        .filter(|status| (100..1000).contains(status))
        .ok_or(ContentsError::Status)?;
    let mut headers = Vec::new();
    let mut tokens = BTreeMap::new();
    let (mut escaped, mut opaque) = (false, false);
    for (at, line) in lines.enumerate() {
        match line {
            ESCAPED_BODY => escaped = true,
            OPAQUE_BODY => opaque = true,
            _ => {
                let (name, value) = line.split_once(':').ok_or(ContentsError::Header(at + 2))?;
                let value = value.trim();
                if let Some(token) = parse_token(value) {
                    tokens.insert(format!("header:{name}"), token);
                } else if value.contains(RUN_MARK) {
                    tokens.insert(format!("header:{name}"), run_token(value));
                }
                headers.push((name.to_owned(), value.as_bytes().to_vec()));
            }
        }
    }
    let body = if escaped {
        let document = Document::parse(body.as_bytes()).map_err(|_| ContentsError::Body)?;
        Bytes::from(document.root().as_str().into_owned())
    } else {
        Bytes::copy_from_slice(body.as_bytes())
    };
    let answer = Answer {
        status,
        headers,
        body,
    };
    if is_json(&answer)
        && let Ok(document) = Document::parse(&answer.body)
    {
        collect_tokens(&document, &mut tokens);
    }
    Ok(Masked {
        answer,
        tokens: Tokens(tokens),
        opaque,
    })
}

fn collect_tokens(document: &Document<'_>, tokens: &mut BTreeMap<String, crate::exchange::Token>) {
    for (pointer, node) in index(document) {
        if node.kind() != JsonType::String {
            continue;
        }
        // Only a bracket that stands there as itself: an escaped one came from the service.
        let raw = node.raw();
        let text = node.as_str();
        if raw.starts_with("\"[")
            && let Some(token) = parse_token(&text)
        {
            tokens.insert(pointer, token);
        } else if raw.contains(RUN_MARK) {
            tokens.insert(pointer, run_token(&text));
        }
    }
}
