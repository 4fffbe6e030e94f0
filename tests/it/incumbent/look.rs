//! What the incumbent looks at: a body as Python reads and compares it, without the names it ignores.

use serde_json::{Map, Number, Value, json};

/// Dropped at every depth, whatever they hold.
const IGNORED: [&str; 9] = [
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

/// The body as it is kept: JSON without the ignored names, anything else under `text`.
pub(super) fn normalised(body: &[u8]) -> Value {
    match serde_json::from_slice(body) {
        Ok(json) => without_ignored(json),
        Err(_) => json!({ "text": String::from_utf8_lossy(body) }),
    }
}

fn without_ignored(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members
                .into_iter()
                .filter(|(key, _)| !IGNORED.contains(&key.as_str()));
            Value::Object(
                kept.map(|(key, value)| (key, without_ignored(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => items.into_iter().map(without_ignored).collect(),
        other => other,
    }
}

/// `==` of Python: key order does not count, and `1 == 1.0 == True`.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|other| equal(value, other)))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(a, b)| equal(a, b))
        }
        _ => match (number(left), number(right)) {
            (Some(left), Some(right)) => left.as_f64() == right.as_f64(),
            _ => left == right,
        },
    }
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Bool(value) => Some(Number::from(u8::from(*value))),
        Value::Number(number) => Some(number.clone()),
        _ => None,
    }
}

#[test]
fn it_compares_as_python_does() {
    for (left, right, same) in [
        ("1", "1.0", true),
        ("1", "true", true),
        ("0", "false", true),
        ("1", "\"1\"", false),
        ("null", "0", false),
        (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, true),
        (r#"{"a":1,"createdAt":"x"}"#, r#"{"a":1}"#, true),
        (r#"[{"a":[{"updatedAt":1}]}]"#, r#"[{"a":[{}]}]"#, true),
        ("[1,2]", "[2,1]", false),
        ("<p>", "<p>", true),
        ("<p>", "<b>", false),
    ] {
        let seen = equal(&normalised(left.as_bytes()), &normalised(right.as_bytes()));
        assert_eq!(seen, same, "{left} {right}");
    }
}
