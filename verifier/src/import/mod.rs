#![deny(clippy::disallowed_methods)]
//! Catalogue skeletons from what a team already has: an `OpenAPI` document, a browser's recording.
//!
//! A skeleton loads as it is written; what was made up says so in a comment beside it.

pub mod har;
pub mod openapi;

use std::collections::BTreeSet;

use serde_json::Value;

/// Why nothing could be imported. The text names the place and the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ImportError(pub String);

/// A catalogue to be written.
#[derive(Clone, Debug, Default)]
pub struct Skeleton {
    /// First lines, as comments.
    pub comments: Vec<String>,
    /// Where a session begins; needed once an endpoint has `auth`.
    pub login: Login,
    /// The endpoints in order.
    pub endpoints: Vec<Entry>,
}

/// How a session begins.
#[derive(Clone, Debug)]
pub struct Login {
    /// Path of the request.
    pub path: String,
    /// Its body with `{username}` and `{password}`.
    pub body: Value,
    /// JSON Pointer of the access token.
    pub access: String,
    /// Whether somebody must look at it.
    pub made_up: bool,
}

impl Default for Login {
    fn default() -> Self {
        Self {
            path: "/login".to_owned(),
            body: serde_json::json!({"username": "{username}", "password": "{password}"}),
            access: "/accessToken".to_owned(),
            made_up: true,
        }
    }
}

/// One endpoint.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Unique id.
    pub id: String,
    /// Method in capitals.
    pub method: String,
    /// Path with `{name}` for what `path_params` fill.
    pub path: String,
    /// One line.
    pub description: String,
    /// What to look at.
    pub comments: Vec<String>,
    /// Whether it needs a session.
    pub auth: bool,
    /// Values of the path's placeholders.
    pub path_params: Vec<(String, Value)>,
    /// Query in order.
    pub query: Vec<(String, String)>,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// JSON body.
    pub body: Option<Value>,
    /// Body of any other kind.
    pub raw_body: Option<String>,
    /// The status that is expected.
    pub status: u16,
    /// More queries of the same endpoint, each with its status.
    pub more: Vec<(Vec<(String, String)>, u16)>,
}

impl Skeleton {
    /// The catalogue's text.
    pub fn to_yaml(&self) -> String {
        let mut out = String::new();
        for comment in &self.comments {
            out.push_str(&format!("# {}\n", one_line(comment)));
        }
        out.push_str("\n# Whose data the services hold: `real` refuses to write down what looks personal; `synthetic` is made up.\ndata: real\n");
        if self.endpoints.iter().any(|entry| entry.auth) {
            out.push_str(
                "\ntest_accounts:\n  # A test account. Its password stays out of this file.\n  \
                 user: { username: change-me, password: { env: VERIFIER_PASSWORD } }\n\nauth:\n",
            );
            if self.login.made_up {
                out.push_str("  # Made up: say where a session begins, and where its token stands in the answer.\n");
            }
            out.push_str(&format!(
                "  login: {{ path: {}, body: {}, access: {} }}\n",
                quoted(&self.login.path),
                self.login.body,
                quoted(&self.login.access)
            ));
        }
        out.push_str("\nendpoints:\n");
        for entry in &self.endpoints {
            entry.write(&mut out);
        }
        out
    }

    /// Gives every endpoint an id of its own.
    fn number_twins(&mut self) {
        let mut seen = BTreeSet::new();
        for entry in &mut self.endpoints {
            let base = entry.id.clone();
            let mut number = 2;
            while !seen.insert(entry.id.clone()) {
                entry.id = format!("{base}_{number}");
                number += 1;
            }
        }
    }
}

impl Entry {
    fn write(&self, out: &mut String) {
        out.push('\n');
        for comment in &self.comments {
            out.push_str(&format!("  # {}\n", one_line(comment)));
        }
        out.push_str(&format!(
            "  - id: {}\n    method: {}\n",
            self.id, self.method
        ));
        out.push_str(&format!("    path: {}\n", quoted(&self.path)));
        if !self.description.is_empty() {
            out.push_str(&format!(
                "    description: {}\n",
                quoted(&one_line(&self.description))
            ));
        }
        if self.auth {
            out.push_str("    auth: true\n    account: user\n");
        }
        if !self.path_params.is_empty() {
            let pairs = self.path_params.iter();
            let pairs: Vec<String> = pairs
                .map(|(name, value)| format!("{name}: {}", literal(value)))
                .collect();
            out.push_str(&format!("    path_params: {{ {} }}\n", pairs.join(", ")));
        }
        if !self.query.is_empty() {
            out.push_str(&format!("    params: {}\n", query(&self.query)));
        }
        if !self.headers.is_empty() {
            let fields: Vec<String> = self
                .headers
                .iter()
                .map(|(name, value)| format!("{}: {}", quoted(name), quoted(&braces(value))))
                .collect();
            out.push_str(&format!("    headers: {{ {} }}\n", fields.join(", ")));
        }
        if let Some(body) = &self.body {
            out.push_str(&format!("    request_body: {}\n", literal(body)));
        }
        if let Some(body) = &self.raw_body {
            out.push_str(&format!("    raw_body: {}\n", quoted(&braces(body))));
        }
        out.push_str(&format!("    expected_status: {}\n", self.status));
        if !self.more.is_empty() {
            out.push_str("    cases:\n");
            for (at, (pairs, status)) in self.more.iter().enumerate() {
                out.push_str(&format!(
                    "      - {{ id: query_{}, params: {}, expected_status: {status} }}\n",
                    at + 2,
                    query(pairs)
                ));
            }
        }
    }
}

fn query(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| quoted(&format!("{}={}", braces(name), braces(value))))
        .collect();
    format!("[{}]", pairs.join(", "))
}

/// A brace of the source is no placeholder of ours.
fn braces(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// JSON, which is YAML, with braces in strings written twice. Depth is bounded by the reader.
fn literal(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(braces(text)),
        Value::Array(items) => items.iter().map(literal).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), literal(value)))
            .collect(),
        other => other.clone(),
    }
}

/// A double-quoted scalar. JSON leaves DEL and the C1 controls bare, YAML does not.
fn quoted(text: &str) -> String {
    let text: String = text
        .chars()
        .filter(|c| !matches!(c, '\u{7f}'..='\u{9f}'))
        .collect();
    Value::from(text).to_string()
}

fn one_line(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `getRoomList`, `Get room list` and `get-room-list` become `get_room_list`.
fn snake(text: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
                out.push('_');
            }
            out.push(c.to_ascii_lowercase());
        } else if !out.ends_with('_') {
            out.push('_');
        }
        before = c;
    }
    let mut words = out.trim_matches('_').to_owned();
    while words.contains("__") {
        words = words.replace("__", "_");
    }
    words
}

/// A placeholder's name: as [`snake`], and it starts with a letter.
fn placeholder(text: &str) -> String {
    let name = snake(text);
    if name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name
    } else {
        format!("p_{name}").trim_end_matches('_').to_owned()
    }
}

/// An id from a method and a path: `get_rooms_histories`.
fn id_of(method: &str, path: &str) -> String {
    let words = path
        .split('/')
        .filter(|part| !part.starts_with('{') && !matches!(*part, "" | "api" | "v1" | "v2" | "v3"));
    let words: Vec<&str> = words.collect();
    let id = snake(&format!("{method} {}", words.join(" ")));
    if path.trim_end_matches('/').ends_with('}') {
        format!("{id}_one")
    } else {
        id
    }
}
