//! Places in an answer, and patterns of them.

#![deny(clippy::disallowed_methods)]

use std::fmt;

/// A pattern of places, as rules write it: `status`, `body`, `header:NAME`, or a JSON Pointer in which
/// `*` stands for any array index.
///
/// Matching is exact, token by token: `/items/*/id` says nothing about `/items/0/idempotency_key`, and
/// nothing matches by bare key name. A key that is literally `*` cannot be written.
///
/// ```
/// # use verifier::place::Place;
/// let place: Place = "/values/*/createdAt".parse()?;
/// assert!(place.matches("/values/14/createdAt"));
/// assert!(!place.matches("/values/x/createdAt"));
/// # Ok::<(), verifier::place::PlaceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The status code.
    Status,
    /// The body as a whole, and the root of a JSON body.
    Body,
    /// A header field, by its name in lower case.
    Header(String),
    /// A place inside a JSON body; never empty.
    Pointer(Vec<Step>),
}

/// One token of a pointer pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A key, or an array index in digits.
    Key(String),
    /// Any array index.
    AnyIndex,
}

/// Why a text is no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no place: {why}; write `status`, `body`, `header:NAME`, or a JSON Pointer such as \
     `/values/*/createdAt`"
)]
pub struct PlaceError {
    /// What was written.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl std::str::FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let fault = |why| {
            Err(PlaceError {
                text: text.to_owned(),
                why,
            })
        };
        match text {
            "status" => return Ok(Self::Status),
            "body" => return Ok(Self::Body),
            "" => return fault("it is empty"),
            _ => {}
        }
        if let Some(name) = text.strip_prefix("header:") {
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            if name.is_empty() || !name.bytes().all(token) {
                return fault("the header's name is missing or malformed");
            }
            return Ok(Self::Header(name.to_ascii_lowercase()));
        }
        let Some(rest) = text.strip_prefix('/') else {
            return fault("a place inside the body starts with `/`");
        };
        let mut steps = Vec::new();
        for token in rest.split('/') {
            if token == "*" {
                steps.push(Step::AnyIndex);
                continue;
            }
            match unescape(token) {
                Some(key) => steps.push(Step::Key(key)),
                None => return fault("`~` must be followed by `0` or `1`"),
            }
        }
        Ok(Self::Pointer(steps))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status => f.write_str("status"),
            Self::Body => f.write_str("body"),
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Pointer(steps) => steps.iter().try_for_each(|step| match step {
                Step::AnyIndex => f.write_str("/*"),
                Step::Key(key) => f.write_str(&child_pointer("", key)),
            }),
        }
    }
}

impl Place {
    /// Whether an exact place (as [`Display`](fmt::Display) of a location writes it) is one of these.
    pub fn matches(&self, place: &str) -> bool {
        match self {
            Self::Status => place == "status",
            Self::Body => place == "body" || place.is_empty(),
            Self::Header(name) => place
                .strip_prefix("header:")
                .is_some_and(|n| n.eq_ignore_ascii_case(name)),
            Self::Pointer(steps) => {
                let Some(rest) = place.strip_prefix('/') else {
                    return false;
                };
                let mut tokens = rest.split('/');
                steps.iter().all(|step| match (step, tokens.next()) {
                    (_, None) => false,
                    (Step::AnyIndex, Some(token)) => is_index(token),
                    (Step::Key(key), Some(token)) => unescape(token).as_deref() == Some(key),
                }) && tokens.next().is_none()
            }
        }
    }

    /// What the place covers when it is too broad to be a rule of its own, or `None` when it names
    /// something.
    pub fn too_broad(&self) -> Option<&'static str> {
        match self {
            Self::Body => Some("the whole body"),
            Self::Pointer(steps) if steps.iter().all(|s| *s == Step::AnyIndex) => {
                Some("every element of a list that has no name")
            }
            _ => None,
        }
    }
}

/// An array index as RFC 6901 writes it: digits without a leading zero.
pub fn is_index(token: &str) -> bool {
    !token.is_empty()
        && token.bytes().all(|b| b.is_ascii_digit())
        && (token == "0" || !token.starts_with('0'))
}

/// Returns the place of `key` under `parent` as a JSON Pointer
/// ([RFC 6901, section 3](https://www.rfc-editor.org/rfc/rfc6901#section-3)).
///
/// `~` and `/` inside a key are escaped, so two different keys never share a pointer.
///
/// ```
/// # use verifier::place::child_pointer;
/// assert_eq!(child_pointer("/rooms", "a/b"), "/rooms/a~1b");
/// ```
pub fn child_pointer(parent: &str, key: &str) -> String {
    format!("{parent}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// One token of a pointer as the key it means; `None` when its `~` escapes nothing.
fn unescape(token: &str) -> Option<String> {
    if !token.contains('~') {
        return Some(token.to_owned());
    }
    let mut key = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(c) = chars.next() {
        key.push(match c {
            '~' => match chars.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            c => c,
        });
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_match_token_by_token() {
        for (pattern, place, expected) in [
            ("/values/*/id", "/values/0/id", true),
            ("/values/*/id", "/values/01/id", false),
            ("/values/*/id", "/values/0/idempotency_key", false),
            ("/values/*/id", "/values/0/id/x", false),
            ("/values/*", "/values", false),
            ("/values/0", "/values/0", true),
            ("/a~1b", "/a~1b", true),
            ("/a~1b", "/a/b", false),
            ("/", "/", true),
            ("status", "status", true),
            ("body", "", true),
            ("header:ETag", "header:etag", true),
            ("header:etag", "header:etags", false),
        ] {
            let place_pattern: Place = pattern.parse().expect("a place");
            assert_eq!(
                place_pattern.matches(place),
                expected,
                "{pattern} on {place}"
            );
        }
    }

    #[test]
    fn what_is_no_place_is_refused_with_what_to_write() {
        for text in ["", "values.id", "header:", "header:a b", "/a~2"] {
            let error = text.parse::<Place>().expect_err("no place").to_string();
            assert!(error.contains("/values/*/createdAt"), "{error}");
        }
        for (text, broad) in [
            ("body", true),
            ("/*", true),
            ("/*/*", true),
            ("/*/id", false),
        ] {
            let place: Place = text.parse().expect("a place");
            assert_eq!(place.too_broad().is_some(), broad, "{text}");
            assert_eq!(place.to_string(), text);
        }
    }
}
