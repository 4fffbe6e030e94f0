#![deny(clippy::disallowed_methods)]
//! The golden file: insta's snapshot format, written and read here.
//!
//! `cargo insta review` shows, accepts and rejects what this writes. Reading is strict where insta
//! is lenient: a file without front matter or with conflict markers is broken, not empty.

use serde_json::Value;

/// One golden file in parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The catalogue, relative to the workspace root.
    pub source: String,
    /// The case's line in it; insta shows it and drops it on accept.
    pub assertion_line: Option<u64>,
    /// What the case shows.
    pub description: String,
    /// `GET /api/v1/rooms?page=0`.
    pub expression: String,
    /// Endpoint, case, request, who answered. Kept by insta, so nothing volatile goes here.
    pub info: Value,
    /// Status, headers and body as text.
    pub contents: String,
}

/// Why a golden file is no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapError {
    /// Git left its markers.
    #[error("has conflict markers: resolve the merge, or record it again")]
    Conflict,
    /// Insta would take it for an empty one.
    #[error("has no front matter (`---`): record it again")]
    NoFrontMatter,
    /// The front matter does not read.
    #[error("front matter cannot be read ({0}): record it again")]
    FrontMatter(String),
}

impl Snapshot {
    /// The file's text, byte for byte as insta itself would save it.
    ///
    /// ```
    /// # use verifier::golden::snap::Snapshot;
    /// let snapshot = Snapshot {
    ///     source: "golden/endpoints.yaml".into(), assertion_line: None, description: "Room list".into(),
    ///     expression: "GET /rooms?page=0".into(), info: serde_json::json!({"endpoint": "rooms_list"}),
    ///     contents: "HTTP 200".into(),
    /// };
    /// assert_eq!(snapshot.render(), "---\nsource: golden/endpoints.yaml\ndescription: Room list\n\
    ///     expression: GET /rooms?page=0\ninfo:\n  endpoint: rooms_list\n---\nHTTP 200\n");
    /// ```
    pub fn render(&self) -> String {
        let mut out = format!("---\nsource: {}\n", scalar(&self.source));
        if let Some(line) = self.assertion_line {
            out.push_str(&format!("assertion_line: {line}\n"));
        }
        if !self.description.is_empty() {
            out.push_str(&format!("description: {}\n", scalar(&self.description)));
        }
        out.push_str(&format!("expression: {}\n", scalar(&self.expression)));
        if self.info.as_object().is_some_and(|info| !info.is_empty()) {
            out.push_str("info:\n");
            write_yaml(&mut out, &self.info, 1);
        }
        out.push_str("---\n");
        out.push_str(self.contents.trim_end());
        out.push('\n');
        out
    }

    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, SnapError> {
        let text = text.replace("\r\n", "\n");
        let marker = |line: &str| {
            line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") || line == "======="
        };
        if text.lines().filter(|line| marker(line)).count() >= 2 {
            return Err(SnapError::Conflict);
        }
        let rest = text.strip_prefix("---\n").ok_or(SnapError::NoFrontMatter)?;
        let (front, contents) = match rest.split_once("\n---\n") {
            Some(parts) => parts,
            None => (
                rest.strip_suffix("\n---").ok_or(SnapError::NoFrontMatter)?,
                "",
            ),
        };
        // As insta reads it: `y` and `1_000` are texts, which insta leaves bare.
        let options = serde_saphyr::options! {
            strict_booleans: true,
            underscored_numbers_as_strings: true,
        };
        let front: Front = serde_saphyr::from_str_with_options(front, options)
            .map_err(|error| SnapError::FrontMatter(error.without_snippet().to_string()))?;
        Ok(Self {
            source: front.source.unwrap_or_default(),
            assertion_line: front.assertion_line,
            description: front.description.unwrap_or_default(),
            expression: front.expression.unwrap_or_default(),
            info: front.info.unwrap_or(Value::Null),
            contents: contents.trim_end().to_owned(),
        })
    }

    /// Who answered: `legacy`, `candidate`, or what an importer wrote.
    pub fn recorded_from(&self) -> &str {
        self.info
            .get("recorded_from")
            .and_then(Value::as_str)
            .unwrap_or("unknown")
    }
}

/// Only what is used; insta may add keys.
#[derive(serde::Deserialize)]
struct Front {
    source: Option<String>,
    assertion_line: Option<u64>,
    description: Option<String>,
    expression: Option<String>,
    info: Option<Value>,
}

fn write_yaml(out: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                out.push_str(&format!("{indent}{}:", scalar(key)));
                write_child(out, value, depth);
            }
        }
        Value::Array(items) => {
            for item in items {
                out.push_str(&format!("{indent}-"));
                let is_empty = match item {
                    Value::Object(map) => map.is_empty(),
                    Value::Array(items) => items.is_empty(),
                    _ => true,
                };
                if is_empty {
                    write_child(out, item, depth);
                } else {
                    // The first line of what is inside stands beside the dash.
                    let mut inner = String::new();
                    write_yaml(&mut inner, item, depth + 1);
                    out.push(' ');
                    out.push_str(inner.trim_start());
                }
            }
        }
        other => out.push_str(&format!("{indent}{}\n", plain(other))),
    }
}

fn write_child(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            write_yaml(out, value, depth + 1);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            write_yaml(out, value, depth + 1);
        }
        other => out.push_str(&format!(" {}\n", plain(other))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Null => "~".to_owned(),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

/// A YAML scalar quoted exactly where insta quotes it, so that accepting a file changes no line.
fn scalar(text: &str) -> String {
    if needs_quotes(text) {
        // A JSON string is a YAML double-quoted scalar (YAML 1.2, section 1.3).
        Value::String(text.to_owned()).to_string()
    } else {
        text.to_owned()
    }
}

fn needs_quotes(text: &str) -> bool {
    let words = [
        "", "~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE", "yes",
        "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF",
    ];
    words.contains(&text)
        || text.starts_with(' ')
        || text.ends_with(' ')
        || text.starts_with(['&', '*', '?', '|', '-', '<', '>', '=', '!', '%', '@', '.'])
        || text.starts_with("0x")
        // Insta leaves these two bare, but they would be read as numbers.
        || text.starts_with("0o")
        || text.starts_with("0b")
        || text.chars().any(|c| {
            matches!(
                c,
                ':' | '{' | '}' | '[' | ']' | ',' | '#' | '`' | '"' | '\'' | '\\'
            ) || c.is_control()
        })
        || text.parse::<i64>().is_ok()
        || text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Snapshot {
        Snapshot {
            source: "golden/endpoints.yaml".to_owned(),
            assertion_line: Some(12),
            description: "객실 목록: first page".to_owned(),
            expression: "GET /api/v1/rooms?page=0&sort=number,asc".to_owned(),
            info: serde_json::json!({
                "endpoint": "rooms_list", "recorded_from": "legacy",
                "request": {"method": "GET", "query": "a=b", "list": ["x", {"k": 1, "l": "0o17"}], "empty": [], "none": {}},
            }),
            contents: "HTTP 200\ncontent-type: application/json\n\n{\n  \"a\": \"---\"\n}"
                .to_owned(),
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let snapshot = sample();
        assert_eq!(Snapshot::parse(&snapshot.render()), Ok(snapshot));
    }

    #[test]
    fn broken_files_are_refused() {
        assert_eq!(Snapshot::parse("HTTP 200\n"), Err(SnapError::NoFrontMatter));
        assert_eq!(Snapshot::parse(""), Err(SnapError::NoFrontMatter));
        let text = sample().render();
        let merged = text.replace(
            "HTTP 200",
            "<<<<<<< ours\nHTTP 200\n=======\nHTTP 201\n>>>>>>> theirs",
        );
        assert_eq!(Snapshot::parse(&merged), Err(SnapError::Conflict));
        assert!(matches!(
            Snapshot::parse("---\nsource: [\n---\nx\n"),
            Err(SnapError::FrontMatter(_))
        ));
    }
}
