//! Golden files of an earlier tool: the body of core's answer, without some keys, and nothing else.
//!
//! Such a file asserts the body it has. It asserts no header, since none was kept; of the status only
//! that it is one under which the earlier tool saved at all (200 or 201); and none of the keys that were
//! dropped. Values that look personal are not written down: their type is asserted.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::contents;
use super::files::{Golden, GoldenDir};
use super::record::{expression, info};
use super::snap::Snapshot;
use crate::catalogue::{Case, Catalogue, DataClass};
use crate::exchange::{Answer, Observation, Token, Tokens};
use crate::json::{Document, JsonType, Node};
use crate::normalise::mask::parse_token;
use crate::normalise::personal;
use crate::place::child_pointer;

/// Who answered, as reports name it.
pub const RECORDED_FROM: &str = "core (imported)";
/// Statuses under which the earlier tool saved an answer.
const SAVED: [u16; 2] = [200, 201];

/// Names that the earlier tool dropped at any depth: the manifest's list, else its own.
pub fn ignored_fields(manifest: &str) -> Vec<String> {
    const BUILT_IN: [&str; 9] = [
        "createdAt",
        "updatedAt",
        "deletedAt",
        "lastLoginAt",
        "timestamp",
        "accessToken",
        "refreshToken",
        "accessTokenExpiresIn",
        "responseTime",
    ];
    #[derive(serde::Deserialize)]
    struct Head {
        ignore_fields: Option<Vec<String>>,
    }
    let own = serde_saphyr::from_str::<Head>(manifest).ok();
    own.and_then(|head| head.ignore_fields)
        .unwrap_or_else(|| BUILT_IN.map(str::to_owned).to_vec())
}

/// The golden file of a case from what the earlier tool saved; the error says why there is none.
pub fn snapshot(
    catalogue: &Catalogue,
    case: &Case,
    goldens: &GoldenDir,
    saved: &[u8],
    ignored: &[String],
) -> Result<Snapshot, String> {
    let document = Document::parse(saved).map_err(|error| format!("it is no JSON: {error}"))?;
    let possible: Vec<u16> = SAVED
        .into_iter()
        .filter(|status| case.expected.contains(status))
        .collect();
    let statuses = if possible.is_empty() {
        SAVED.to_vec()
    } else {
        possible
    };
    let mut answer = Answer {
        status: statuses[0],
        headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
        body: saved.to_vec().into(),
    };
    // A body that was no JSON was wrapped as `{"text": …}`.
    if let Ok(Value::Object(map)) = serde_json::from_slice::<Value>(saved)
        && map.len() == 1
        && let Some(Value::String(text)) = map.get("text")
    {
        answer.headers[0].1 = b"text/plain".to_vec();
        answer.body = text.clone().into();
    }
    let tokens = match catalogue.data {
        DataClass::Synthetic => Tokens::default(),
        DataClass::Real => hide(&document),
    };
    let contents = contents::render(&answer, &tokens, None, None);
    if catalogue.data == DataClass::Real
        && let Some(shape) = personal::find(&contents)
    {
        return Err(format!(
            "it seems to hold personal data ({}) inside a longer text: record the case from legacy instead",
            shape.word()
        ));
    }
    let mut info = info(catalogue, case);
    info["recorded_from"] = json!(RECORDED_FROM);
    info["imported"] = json!({
        "asserts": "the body but for the keys left out; no header; a status of those below",
        "statuses": statuses,
        "keys_left_out": ignored,
    });
    Ok(Snapshot {
        source: goldens.source_of(&catalogue.source),
        assertion_line: None,
        description: case.description.clone(),
        expression: expression(case),
        info,
        contents,
    })
}

/// Tokens for values that look personal.
fn hide(document: &Document<'_>) -> Tokens {
    let mut tokens = Tokens::default();
    let mut number = 0;
    for (at, node) in places(document) {
        let (text, kind) = match node.kind() {
            JsonType::String => (node.as_str().into_owned(), "string"),
            JsonType::Number => (node.raw().to_owned(), "int"),
            _ => continue,
        };
        if let Some(shape) = personal::find(&text) {
            number += 1;
            if let Some(token) = parse_token(&format!("[person.{}#{number}:{kind}]", shape.word()))
            {
                tokens.0.insert(at, token);
            }
        }
    }
    tokens
}

fn places<'d>(document: &'d Document<'d>) -> Vec<(String, Node<'d>)> {
    let mut all = Vec::new();
    let mut open = vec![(String::new(), document.root())];
    while let Some((at, node)) = open.pop() {
        match node.kind() {
            JsonType::Object => open.extend(
                node.members()
                    .map(|(key, child)| (child_pointer(&at, &key.as_str()), child)),
            ),
            JsonType::Array => open.extend(
                node.elements()
                    .enumerate()
                    .map(|(index, child)| (format!("{at}/{index}"), child)),
            ),
            _ => {}
        }
        all.push((at, node));
    }
    all
}

/// Brings an imported golden file and an answer to what the file can assert; does nothing to others.
pub(super) fn level(golden: &mut Golden, observation: &mut Observation) {
    let Some(imported) = golden.snapshot.info.get("imported") else {
        return;
    };
    let list = |key: &str| {
        imported
            .get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let statuses: Vec<u64> = list("statuses").iter().filter_map(Value::as_u64).collect();
    let dropped: BTreeSet<String> = list("keys_left_out")
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let Ok(answer) = &mut observation.answer else {
        return;
    };
    if statuses.contains(&u64::from(answer.status)) {
        golden.masked.answer.status = answer.status;
    }
    golden.masked.answer.headers.clone_from(&answer.headers);
    golden
        .masked
        .tokens
        .0
        .retain(|place, _| !place.starts_with("header:"));
    if let Ok(document) = Document::parse(&answer.body) {
        answer.body = without_keys(&document, &dropped).into();
    }
    let Ok(document) = Document::parse(&answer.body) else {
        return;
    };
    let hidden: Vec<(String, Token)> = places(&document)
        .into_iter()
        .filter_map(|(at, node)| {
            let token = golden.masked.tokens.0.get(&at)?;
            let same = match node.kind() {
                JsonType::String => token.text.ends_with(":string]"),
                JsonType::Number => token.text.ends_with(":int]"),
                _ => false,
            };
            (same && token.class.starts_with("person.")).then(|| (at, token.clone()))
        })
        .collect();
    observation.tokens.0.extend(hidden);
}

/// The document without members of these names, numbers and order untouched.
fn without_keys(document: &Document<'_>, names: &BTreeSet<String>) -> String {
    struct Frame<'d> {
        close: char,
        items: std::vec::IntoIter<(Option<String>, Node<'d>)>,
        first: bool,
    }
    let mut out = String::new();
    let mut stack: Vec<Frame<'_>> = Vec::new();
    let mut next = Some((None::<String>, document.root()));
    loop {
        if let Some((key, node)) = next.take() {
            if let Some(key) = key {
                out.push_str(&crate::json::escape(&key));
                out.push(':');
            }
            let items: Vec<(Option<String>, Node<'_>)> = match node.kind() {
                JsonType::Object => node
                    .members()
                    .map(|(key, child)| (Some(key.as_str().into_owned()), child))
                    .filter(|(key, _)| key.as_ref().is_none_or(|key| !names.contains(key)))
                    .collect(),
                JsonType::Array => node.elements().map(|child| (None, child)).collect(),
                _ => {
                    out.push_str(node.raw());
                    Vec::new()
                }
            };
            let close = match node.kind() {
                JsonType::Object => Some(('{', '}')),
                JsonType::Array => Some(('[', ']')),
                _ => None,
            };
            if let Some((open, close)) = close {
                out.push(open);
                stack.push(Frame {
                    close,
                    items: items.into_iter(),
                    first: true,
                });
            }
        }
        let Some(frame) = stack.last_mut() else { break };
        match frame.items.next() {
            Some(item) => {
                if !frame.first {
                    out.push(',');
                }
                frame.first = false;
                next = Some(item);
            }
            None => {
                out.push(frame.close);
                stack.pop();
            }
        }
    }
    out
}
