#![deny(clippy::disallowed_methods)]
//! A skeleton from a browser's recording
//! ([HAR 1.2](http://www.softwareishard.com/blog/har-12-spec/)): requests to one service, each once, with
//! nothing secret or personal left in them.
//!
//! What may stay is decided by the same allow-list as in evidence of live traffic.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{Entry, ImportError, Login, Skeleton, braces, id_of, placeholder};
use crate::evidence::adopt::made_up_value;
use crate::evidence::redact::class::{Origin, is_plain_name, secret_class};

/// Queries of one endpoint that become cases of their own.
const MAX_MORE: usize = 5;
/// How deep bodies are read.
const MAX_DEPTH: usize = 64;
/// Parameters that name fields, whose values may hold commas.
const FIELD_NAMES: [&str; 6] = ["sort", "order", "orderby", "fields", "include", "expand"];

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    #[serde(default)]
    entries: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    request: Request,
    #[serde(default)]
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Pair>,
    #[serde(default)]
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
struct Pair {
    name: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostData {
    #[serde(default)]
    mime_type: String,
    #[serde(default)]
    text: String,
}

#[derive(Default, Deserialize)]
struct Response {
    #[serde(default)]
    status: i64,
    #[serde(default)]
    content: Content,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    #[serde(default)]
    mime_type: String,
    #[serde(default)]
    text: Option<String>,
}

/// Reads `text`. Of several services the one with the most calls is taken; the others are named in a
/// comment.
pub fn skeleton(text: &str) -> Result<Skeleton, ImportError> {
    let text = text.trim_start_matches('\u{feff}');
    let har: Har = serde_json::from_str(text).map_err(|error| {
        // The message of a wrong type would quote the value, which may be a secret.
        ImportError(format!(
            "{}:{}: this is no HAR file: save it with the browser's `Save all as HAR`",
            error.line(),
            error.column()
        ))
    })?;
    let mut calls: Vec<(Url, &Recorded)> = Vec::new();
    for recorded in &har.log.entries {
        if let Ok(url) = Url::parse(&recorded.request.url)
            && is_call(&url, recorded)
        {
            calls.push((url, recorded));
        }
    }
    let mut origins: BTreeMap<String, usize> = BTreeMap::new();
    for (url, _) in &calls {
        *origins
            .entry(url.origin().ascii_serialization())
            .or_default() += 1;
    }
    let Some((origin, _)) = origins.iter().max_by_key(|(_, count)| **count) else {
        return Err(ImportError(
            "the recording holds no call of a service, only pages and files: record while the pages load"
                .to_owned(),
        ));
    };
    let mut skeleton = Skeleton {
        comments: vec![
            "Skeleton of a browser's recording, written by `verifier import --har`.".to_owned(),
            "Tokens, cookies, passwords and whatever may be personal are replaced by made-up values: fill in test data.".to_owned(),
        ],
        ..Skeleton::default()
    };
    let others = origins.len() - 1;
    if others > 0 {
        skeleton
            .comments
            .push(format!("Calls of {others} other services are left out."));
    }
    let ours = calls
        .iter()
        .filter(|(url, _)| url.origin().ascii_serialization() == *origin);
    for (url, recorded) in ours {
        if skeleton.login.made_up
            && let Some(login) = login(url, recorded)
        {
            skeleton.login = login;
        }
        add(&mut skeleton, entry(url, recorded));
    }
    skeleton.number_twins();
    Ok(skeleton)
}

/// A call of a service, no page, script, style or picture; no preflight and nothing that had no answer.
fn is_call(url: &Url, recorded: &Recorded) -> bool {
    let media = recorded.response.content.mime_type.to_lowercase();
    let is_file = [
        "html",
        "javascript",
        "css",
        "image/",
        "font",
        "video/",
        "audio/",
        "wasm",
    ]
    .iter()
    .any(|kind| media.contains(kind));
    let extension = url
        .path()
        .rsplit('/')
        .next()
        .and_then(|last| last.rsplit_once('.'));
    let is_asset = extension.is_some_and(|(_, end)| {
        [
            "js", "css", "map", "png", "jpg", "svg", "ico", "woff", "woff2", "html",
        ]
        .contains(&end)
    });
    matches!(url.scheme(), "http" | "https")
        && !is_file
        && !is_asset
        && recorded.request.method != "OPTIONS"
        && (100..600).contains(&recorded.response.status)
}

/// One entry an endpoint; another query of it becomes a case, the same again nothing.
fn add(skeleton: &mut Skeleton, entry: Entry) {
    let same = |known: &&mut Entry| known.method == entry.method && known.path == entry.path;
    let Some(known) = skeleton.endpoints.iter_mut().find(same) else {
        skeleton.endpoints.push(entry);
        return;
    };
    // A success tells more than the refusal before it.
    if known.status >= 400 && entry.status < 400 {
        let more = std::mem::take(&mut known.more);
        *known = Entry { more, ..entry };
        return;
    }
    let names = |query: &[(String, String)]| -> Vec<String> {
        query.iter().map(|(name, _)| name.clone()).collect()
    };
    let new = names(&entry.query);
    let seen =
        names(&known.query) == new || known.more.iter().any(|(query, _)| names(query) == new);
    if !seen && known.more.len() < MAX_MORE {
        known.more.push((entry.query, entry.status));
    }
}

fn entry(url: &Url, recorded: &Recorded) -> Entry {
    let request = &recorded.request;
    let mut entry = Entry {
        method: request.method.to_uppercase(),
        status: u16::try_from(recorded.response.status).unwrap_or(200),
        ..Entry::default()
    };
    // A browser's cache answers 304; the service itself says 200.
    if entry.status == 304 {
        entry.status = 200;
    }
    path(url, &mut entry);
    entry.id = id_of(&entry.method, &entry.path);
    let mut hidden = 0;
    for (name, value) in url.query_pairs() {
        let value = clear(&name, &value, &mut hidden);
        entry.query.push((key(&name, &mut hidden), value));
    }
    for field in &request.headers {
        let name = field.name.to_lowercase();
        match name.as_str() {
            "authorization" => entry.auth = true,
            "cookie" => entry
                .comments
                .push("sent with a cookie, which is left out".to_owned()),
            // The one value that libraries send; any other may be anything.
            "x-requested-with" if field.value == "XMLHttpRequest" => {
                entry.headers.push((name, field.value.clone()));
            }
            _ => {}
        }
    }
    if let Some(data) = request
        .post_data
        .as_ref()
        .filter(|data| !data.text.is_empty())
    {
        body(data, &mut entry, &mut hidden);
    }
    if hidden > 0 {
        entry.comments.push(format!("{hidden} values are made up"));
    }
    entry
}

/// Segments that are ids become placeholders named after what stands before them.
fn path(url: &Url, entry: &mut Entry) {
    let mut before = String::from("item");
    let mut out = String::new();
    for segment in url.path().split('/').skip(1) {
        let text = percent_encoding::percent_decode_str(segment).decode_utf8_lossy();
        out.push('/');
        if !is_id(&text) {
            out.push_str(&braces(segment));
            if !text.is_empty() {
                before = text.into_owned();
            }
            continue;
        }
        let thing = before.strip_suffix('s').unwrap_or(&before);
        let mut name = format!("{}_id", placeholder(thing));
        if entry.path_params.iter().any(|(known, _)| *known == name) {
            name = format!("{name}_{}", entry.path_params.len() + 1);
        }
        out.push_str(&format!("{{{name}}}"));
        let class = secret_class("id", None, &text, Origin::Text);
        let class = class.or_else(|| looks_random(&text).then(|| "token".into()));
        let value = match class {
            Some(class) => {
                entry.comments.push(format!("made up: `{name}`"));
                json!(made_up_value(&class))
            }
            None => text
                .parse::<u64>()
                .map_or_else(|_| json!(text), |number| json!(number)),
        };
        entry.path_params.push((name, value));
    }
    entry.path = out;
}

/// Numbers, UUIDs, dates, long runs of hexadecimal or mixed characters, and what may be personal.
fn is_id(segment: &str) -> bool {
    let has = |is: fn(char) -> bool| segment.chars().any(is);
    let digits = has(|c| c.is_ascii_digit());
    let hex = segment.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    (!segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit()))
        || (digits && hex && segment.len() >= 8)
        || (digits && segment.len() >= 20)
        || segment.contains('@')
        || has(|c| !c.is_ascii())
        || looks_random(segment)
}

/// Letters and digits that change between large and small more often than words do, as in
/// `getAvailableRooms`: the token of a link.
fn looks_random(segment: &str) -> bool {
    let letters: Vec<bool> = segment
        .chars()
        .filter(char::is_ascii_alphabetic)
        .map(|letter| letter.is_ascii_uppercase())
        .collect();
    let changes = letters.windows(2).filter(|two| two[0] != two[1]).count();
    letters.len() >= 12 && changes * 5 >= letters.len() * 2
}

/// A name as it may be written down: maps may have people's addresses as keys.
fn key(name: &str, hidden: &mut usize) -> String {
    // `filter[status]`
    if is_plain_name(&name.replace(['[', ']'], "_")) {
        return name.to_owned();
    }
    *hidden += 1;
    "key".to_owned()
}

/// A value as it may be written down.
fn clear(name: &str, text: &str, hidden: &mut usize) -> String {
    let lower = name.to_lowercase();
    let names_fields = FIELD_NAMES.contains(&lower.as_str())
        && text.len() <= 80
        && text
            .split([',', '.', '_', '-', ':'])
            .all(|word| word.len() <= 24 && word.bytes().all(|byte| byte.is_ascii_alphabetic()));
    if names_fields {
        return text.to_owned();
    }
    match secret_class(name, None, text, Origin::Text) {
        Some(class) => {
            *hidden += 1;
            made_up_value(&class).to_owned()
        }
        None => text.to_owned(),
    }
}

fn body(data: &PostData, entry: &mut Entry, hidden: &mut usize) {
    let media = data
        .mime_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_lowercase();
    if let Ok(value) = serde_json::from_str::<Value>(&data.text) {
        entry.body = Some(json_value("", value, hidden, 0));
        if media != "application/json" && !media.is_empty() {
            entry.headers.push(("content-type".to_owned(), media));
        }
    } else if media == "application/x-www-form-urlencoded" {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in url::form_urlencoded::parse(data.text.as_bytes()) {
            let value = clear(&name, &value, hidden);
            form.append_pair(&key(&name, hidden), &value);
        }
        entry.headers.push(("content-type".to_owned(), media));
        entry.raw_body = Some(form.finish());
    } else {
        entry.comments.push(format!(
            "its body ({} bytes, no JSON) is left out: write it under `raw_body`",
            data.text.len()
        ));
    }
}

fn json_value(name: &str, value: Value, hidden: &mut usize, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    match value {
        Value::String(text) => Value::from(clear(name, &text, hidden)),
        Value::Number(number) => {
            if secret_class(name, None, &number.to_string(), Origin::Number).is_some() {
                *hidden += 1;
                json!(0)
            } else {
                Value::Number(number)
            }
        }
        Value::Array(items) => items
            .into_iter()
            .map(|item| json_value(name, item, hidden, depth + 1))
            .collect(),
        Value::Object(map) => {
            let mut out = serde_json::Map::new();
            for (name, item) in map {
                let item = json_value(&name, item, hidden, depth + 1);
                let mut name = key(&name, hidden);
                if out.contains_key(&name) {
                    name = format!("{name}_{}", out.len() + 1);
                }
                out.insert(name, item);
            }
            Value::Object(out)
        }
        other => other,
    }
}

/// The login that a call is: POST, a password in its body, a token in its answer.
fn login(url: &Url, recorded: &Recorded) -> Option<Login> {
    let data = recorded.request.post_data.as_ref()?;
    let Value::Object(mut body) = serde_json::from_str::<Value>(&data.text).ok()? else {
        return None;
    };
    let last = url.path().rsplit('/').next()?.to_lowercase();
    if recorded.request.method != "POST"
        || ![
            "login",
            "signin",
            "sign-in",
            "authenticate",
            "token",
            "sessions",
        ]
        .contains(&last.as_str())
    {
        return None;
    }
    let password = body
        .keys()
        .find(|key| key.to_lowercase().contains("password"))?
        .clone();
    let user = body
        .iter()
        .find(|(key, value)| **key != password && value.is_string())?
        .0
        .clone();
    let others: Vec<String> = body
        .keys()
        .filter(|key| **key != user && **key != password)
        .cloned()
        .collect();
    let mut hidden = 0;
    for key in others {
        let value = body.remove(&key).unwrap_or_default();
        body.insert(key.clone(), json_value(&key, value, &mut hidden, 0));
    }
    body.insert(user, json!("{username}"));
    body.insert(password, json!("{password}"));
    let answer: Value = serde_json::from_str(recorded.response.content.text.as_deref()?).ok()?;
    let mut open = vec![(String::new(), &answer)];
    let mut access = None;
    while let Some((at, value)) = open.pop() {
        for (key, child) in value.as_object().into_iter().flatten() {
            let place = crate::place::child_pointer(&at, key);
            let plain = key.to_lowercase().replace(['_', '-'], "");
            if child.is_string()
                && ["accesstoken", "token", "jwt", "idtoken"].contains(&plain.as_str())
            {
                access.get_or_insert(place.clone());
            }
            open.push((place, child));
        }
    }
    Some(Login {
        path: braces(url.path()),
        body: Value::Object(body),
        access: access?,
        made_up: false,
    })
}
