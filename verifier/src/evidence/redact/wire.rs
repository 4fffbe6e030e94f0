#![deny(clippy::disallowed_methods)]
//! Request targets, header fields and differences.

use percent_encoding::percent_decode_str;

use super::class::{Origin, by_name, is_plain_name};
use super::{Redactor, hidden_class, plain_place};
use crate::evidence::record::{RelationText, StoredDifference};
use crate::ids::is_own_id;
use crate::json::Document;
use crate::relation::Relation;
use crate::verdict::{Difference, Location};

/// Fields whose value describes the message and nobody in it.
const CLEAR_FIELDS: [&str; 34] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "accept-ranges",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-expose-headers",
    "access-control-max-age",
    "age",
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-security-policy",
    "content-type",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "date",
    "expires",
    "keep-alive",
    "last-modified",
    "pragma",
    "referrer-policy",
    "retry-after",
    "strict-transport-security",
    "transfer-encoding",
    "vary",
    "x-content-type-options",
    "x-frame-options",
    "x-xss-protection",
];
/// Longest value of such a field; a longer one is not what it says.
const MAX_CLEAR_FIELD: usize = 256;
/// Most that is kept of a difference's value.
const MAX_VALUE: usize = 400;

impl Redactor {
    /// A path with its query. A segment stays when the endpoint's template has it too.
    pub fn target(&self, template: &str, target: &str) -> String {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let known: Vec<&str> = template.split('/').collect();
        let segments = path.split('/').enumerate().map(|(at, segment)| {
            if segment.is_empty() || (known.get(at) == Some(&segment) && is_plain_name(segment)) {
                return segment.to_owned();
            }
            let text = percent_decode_str(segment).decode_utf8_lossy();
            // What stands where the template has `{id}` is an id.
            self.scalar("id", None, &text, Origin::Text).into_owned()
        });
        let mut out = segments.collect::<Vec<_>>().join("/");
        if let Some(query) = query {
            out.push('?');
            out.push_str(&self.pairs(query));
        }
        out
    }

    /// `name=value` pairs joined by `&`.
    pub(super) fn pairs(&self, text: &str) -> String {
        let pairs = text.split('&').map(|pair| {
            let (name, value) = match pair.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (pair, None),
            };
            let name = decode(name);
            let shown = if name.is_empty() {
                String::new()
            } else {
                self.name(&name).into_owned()
            };
            match value {
                None => shown,
                Some(value) => {
                    let value = decode(value);
                    format!("{shown}={}", self.scalar(&name, None, &value, Origin::Text))
                }
            }
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    /// A header field's value. `name` is in lower case.
    pub fn field(&self, endpoint: &str, name: &str, value: &[u8]) -> String {
        let text = String::from_utf8_lossy(value);
        let text = text.trim();
        if let Some(class) = self.marks.class(endpoint, &format!("header:{name}")) {
            return self.token(class, text, Origin::Text);
        }
        if CLEAR_FIELDS.contains(&name)
            && text.len() <= MAX_CLEAR_FIELD
            && !text.starts_with('[')
            && !text.contains(|c: char| c.is_control() || c == '@')
            && crate::normalise::personal::find(text).is_none()
        {
            return text.to_owned();
        }
        match name {
            "authorization" | "proxy-authorization" => {
                let scheme = text.split(' ').next().unwrap_or("");
                let known = ["Bearer", "Basic", "Digest"];
                match known
                    .into_iter()
                    .find(|known| known.eq_ignore_ascii_case(scheme))
                {
                    Some(scheme) => format!("{scheme} {}", self.opaque("token", value)),
                    None => self.opaque("token", value),
                }
            }
            "cookie" => self.cookies(text),
            "set-cookie" => match text.split_once(';') {
                Some((pair, attributes)) if is_attributes(attributes) => {
                    format!("{};{attributes}", self.cookies(pair))
                }
                Some((pair, _)) => self.cookies(pair),
                None => self.cookies(text),
            },
            "location" | "content-location" => self.location(text),
            "www-authenticate" => {
                let scheme = text.split([' ', ',']).next().unwrap_or("");
                if is_plain_name(scheme) {
                    scheme.to_owned()
                } else {
                    self.opaque("text", value)
                }
            }
            _ => self.scalar(name, None, text, Origin::Text).into_owned(),
        }
    }

    fn cookies(&self, text: &str) -> String {
        let pairs = text.split(';').map(|pair| {
            let pair = pair.trim();
            match pair.split_once('=') {
                Some((name, value)) => {
                    format!(
                        "{}={}",
                        self.name(name),
                        self.token("cookie", value, Origin::Text)
                    )
                }
                None => self.token("cookie", pair, Origin::Text),
            }
        });
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// An address: ids, plain words and the query's names stay.
    fn location(&self, text: &str) -> String {
        let (origin, rest) = match text.find("://").map(|at| at + 3) {
            Some(start) => {
                let end = text[start..]
                    .find(['/', '?'])
                    .map_or(text.len(), |at| start + at);
                (self.token("url", &text[..end], Origin::Text), &text[end..])
            }
            None => (String::new(), text),
        };
        // Its own words serve as the template: they come from the service, not from a client.
        let path = rest.split(['?', '#']).next().unwrap_or("");
        let words: Vec<&str> = path
            .split('/')
            .map(|word| {
                if word.bytes().all(|b| b.is_ascii_lowercase()) || is_version(word) {
                    word
                } else {
                    ""
                }
            })
            .collect();
        let rest = rest.split('#').next().unwrap_or("");
        format!("{origin}{}", self.target(&words.join("/"), rest))
    }

    /// A difference as it may be stored.
    pub fn difference(&self, endpoint: &str, difference: &Difference) -> StoredDifference {
        let show = |value: &Option<String>| {
            value
                .as_deref()
                .map(|text| cut(self.value(endpoint, &difference.location, text)))
        };
        StoredDifference {
            location: plain_place(&difference.location.to_string()),
            kind: difference.kind,
            reference: show(&difference.reference),
            candidate: show(&difference.candidate),
            relation: difference.relation.as_ref().map(relation_text),
            severity: difference.severity,
            group: plain_place(&difference.group),
            rule: difference.rule.clone(),
            detail: difference
                .detail
                .as_deref()
                .map(|detail| self.prose(detail)),
        }
    }

    fn value(&self, endpoint: &str, location: &Location, text: &str) -> String {
        match location {
            Location::Status => {
                if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit()) {
                    text.to_owned()
                } else {
                    self.token("text", text, Origin::Text)
                }
            }
            Location::Header(name) => self.field(endpoint, name, text.as_bytes()),
            Location::Body => match Document::parse(text.as_bytes()) {
                Ok(document) => self.json(endpoint, &document, MAX_VALUE).text,
                Err(_) => self.token("text", text, Origin::Text),
            },
            Location::Pointer(pointer) => {
                let token = pointer
                    .rsplit('/')
                    .find(|token| !crate::place::is_index(token));
                let name = token.unwrap_or("").replace("~1", "/").replace("~0", "~");
                match Document::parse(text.as_bytes()) {
                    Ok(document) => {
                        self.json_at(endpoint, pointer, &name, document.root(), MAX_VALUE)
                            .text
                    }
                    // Cut when it was long: no JSON any more.
                    Err(_) => self
                        .cut_row(endpoint, pointer, &name, text)
                        .unwrap_or_else(|| {
                            self.token(by_name(&name).unwrap_or("text"), text, Origin::Text)
                        }),
                }
            }
        }
    }

    /// Of an object that was cut: its id, where that stands first, for this says which row it is.
    fn cut_row(&self, endpoint: &str, pointer: &str, name: &str, text: &str) -> Option<String> {
        let (first, _) = text.split_once(',')?;
        let key = first.trim_start().strip_prefix('{')?.trim_start();
        let key = key.strip_prefix('"')?.split('"').next()?;
        if !is_own_id(key) {
            return None;
        }
        let object = format!("{first}}}");
        let document = Document::parse(object.as_bytes()).ok()?;
        let shown = self.json_at(endpoint, pointer, name, document.root(), MAX_VALUE);
        Some(format!("{},\"…\":\"…\"}}", shown.text.strip_suffix('}')?))
    }

    /// Words of ours about a difference. Quoted parts and everything that is no plain word may come
    /// from the services.
    fn prose(&self, text: &str) -> String {
        let mut out = Vec::new();
        for word in text.split_whitespace() {
            let bare = word.trim_matches(|c: char| ",;:.()".contains(c));
            let plain = bare.len() <= 24
                && (bare
                    .bytes()
                    .all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
                    || (bare.len() <= 9 && bare.bytes().all(|byte| byte.is_ascii_digit())));
            out.push(if plain {
                word.to_owned()
            } else {
                self.token("text", bare, Origin::Text)
            });
        }
        out.join(" ")
    }
}

/// A relation's class and text, keys that are data hidden.
pub(in crate::evidence) fn relation_text(relation: &Relation) -> RelationText {
    let plain = match relation {
        Relation::KeyRenamed(key) => Relation::KeyRenamed(plain_place(key)),
        Relation::Moved(place) => Relation::Moved(plain_place(place)),
        Relation::Ties(key) => Relation::Ties(plain_place(key)),
        other => other.clone(),
    };
    RelationText {
        class: relation.class().to_owned(),
        text: plain.to_string(),
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

fn is_version(word: &str) -> bool {
    word.len() <= 3 && word.starts_with('v') && word[1..].bytes().all(|byte| byte.is_ascii_digit())
}

fn is_attributes(text: &str) -> bool {
    text.len() <= MAX_CLEAR_FIELD
        && text.split(';').all(|part| {
            let name = part
                .trim()
                .split('=')
                .next()
                .unwrap_or("")
                .to_ascii_lowercase();
            let known = [
                "path",
                "max-age",
                "secure",
                "httponly",
                "samesite",
                "expires",
                "partitioned",
            ];
            known.contains(&name.as_str()) && !part.contains(char::is_control)
        })
}

fn cut(text: String) -> String {
    // A token is never cut: half of one is no token.
    if text.len() <= MAX_VALUE || hidden_class(&text).is_some() {
        return text;
    }
    format!("{}…", &text[..text.floor_char_boundary(MAX_VALUE)])
}

#[cfg(test)]
mod tests {
    use super::super::{Marks, RedactionKey, without_digests};
    use super::*;

    fn redactor() -> Redactor {
        let key = RedactionKey::from_secret(b"0123456789abcdef").expect("long enough");
        Redactor::new(key, Marks::default())
    }

    #[test]
    fn targets_keep_ids_and_plain_parameters() {
        for (target, expected) in [
            (
                "/api/v1/rooms/12?page=0&size=20",
                "/api/v1/rooms/12?page=0&size=20",
            ),
            (
                "/api/v1/rooms/12?sort=number,asc",
                "/api/v1/rooms/12?sort=number,asc",
            ),
            (
                "/api/v1/rooms/kim?searchText=%ED%99%8D",
                "/api/v1/rooms/[text 3c:lower]?searchText=[text 1c:hangul]",
            ),
            (
                "/api/v1/rooms/1?token=abc&010-1234-5678",
                "/api/v1/rooms/1?token=[token 3c:lower]&[key 999-9999-9999]",
            ),
        ] {
            let shown = without_digests(&redactor().target("/api/v1/rooms/{id}", target));
            assert_eq!(shown, expected, "{target}");
        }
    }

    #[test]
    fn no_secret_of_a_header_survives() {
        let r = redactor();
        for (name, value, secret) in [
            ("authorization", "Bearer eyJhbGciOi.abc.def", "eyJ"),
            ("cookie", "SESSION=s3cr3t; theme=dark", "s3cr3t"),
            ("set-cookie", "SESSION=s3cr3t; Path=/; HttpOnly", "s3cr3t"),
            ("set-cookie", "SESSION=s3cr3t; Domain=kim.example", "kim"),
            ("x-api-key", "s3cr3t", "s3cr3t"),
            ("x-user", "김철수", "김"),
            ("content-disposition", "attachment; filename=kim.pdf", "kim"),
            (
                "location",
                "https://kim.example/api/v1/users/Kim-J?code=s3cr3t#frag",
                "im",
            ),
            ("location", "/api/v1/users?code=s3cr3t", "s3cr3t"),
            (
                "content-type",
                "application/json; by=kim@example.com",
                "kim",
            ),
            ("www-authenticate", "Bearer realm=\"kim\"", "kim"),
        ] {
            let stored = r.field("", name, value.as_bytes());
            assert!(!stored.contains(secret), "{name}: {stored}");
        }
        assert_eq!(
            r.field("", "content-type", b"application/json"),
            "application/json"
        );
        assert!(
            r.field("", "location", b"/api/v1/rooms/7")
                .ends_with("/api/v1/rooms/7")
        );
        assert!(
            r.field("", "set-cookie", b"S=1; Path=/")
                .ends_with("; Path=/")
        );
    }

    #[test]
    fn of_a_row_that_was_cut_its_id_is_kept_and_nothing_else() {
        for (row, expected) in [
            (
                r#"{"id":25,"guest":"Kim","note":"la… (900 bytes)"#,
                r#"{"id":25,"…":"…"}"#,
            ),
            (
                r#" { "_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "guest": "Kim… (900 bytes)"#,
                r#"{"_id":"01ARZ3NDEKTSV4RRFFQ69G5FAV","…":"…"}"#,
            ),
            // Somebody's name is no id, wherever it stands.
            (
                r#"{"id":"kim@example.com","guest":"Kim… (900 bytes)"#,
                r#"{"id":"[email 15c:lower+other]","…":"…"}"#,
            ),
        ] {
            let location = Location::Pointer("/rows/3".to_owned());
            let shown = without_digests(&redactor().value("", &location, row));
            assert_eq!(shown, expected, "{row}");
        }
        for row in [
            r#"{"guest":"Kim","id":25,"note":"la… (900 bytes)"#,
            r#"{"id":{"guest":"Kim","n":1… (900 bytes)"#,
            r#"{"id":25… (900 bytes)"#,
        ] {
            let location = Location::Pointer("/rows/3".to_owned());
            let shown = redactor().value("", &location, row);
            assert!(shown.starts_with("[text "), "{row}: {shown}");
        }
    }
}
