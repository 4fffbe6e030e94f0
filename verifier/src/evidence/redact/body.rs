#![deny(clippy::disallowed_methods)]
//! Bodies: JSON and forms keep their structure, anything else is hidden as a whole.

use super::Redactor;
use super::class::Origin;
use crate::json::{Document, JsonType, Node, escape};
use crate::place::child_pointer;

/// Containers nested deeper are hidden as a whole.
const MAX_DEPTH: usize = 64;

/// A body as it may be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBody {
    /// The text; empty for an empty body.
    pub text: String,
    /// Whether its end was cut off.
    pub cut: bool,
}

/// One open object or array.
struct Frame<'d> {
    close: char,
    items: std::vec::IntoIter<(Option<String>, String, Node<'d>)>,
    first: bool,
    /// The nearest key above.
    name: String,
}

impl Redactor {
    /// A decoded body, at most `max_bytes` long. `media` is the value of `content-type`.
    pub fn body(&self, endpoint: &str, media: &str, body: &[u8], max_bytes: usize) -> StoredBody {
        let whole = |text| StoredBody { text, cut: false };
        if body.is_empty() {
            return whole(String::new());
        }
        if let Ok(document) = Document::parse(body) {
            return self.json(endpoint, &document, max_bytes);
        }
        let media = media.split(';').next().unwrap_or("").trim();
        if media.eq_ignore_ascii_case("application/x-www-form-urlencoded")
            && let Ok(text) = std::str::from_utf8(body)
            && body.len() <= max_bytes
        {
            return whole(self.pairs(text));
        }
        let class = if media.eq_ignore_ascii_case("text/html") {
            "html"
        } else {
            "text"
        };
        whole(self.opaque(class, body))
    }

    /// A JSON text with every value that must not be stored replaced by a string.
    pub(super) fn json(
        &self,
        endpoint: &str,
        document: &Document<'_>,
        max_bytes: usize,
    ) -> StoredBody {
        self.json_at(endpoint, "", "", document.root(), max_bytes)
    }

    /// The same for a value that stands at `pointer`, below the key `name`.
    pub(super) fn json_at(
        &self,
        endpoint: &str,
        pointer: &str,
        name: &str,
        root: Node<'_>,
        max_bytes: usize,
    ) -> StoredBody {
        let mut out = String::new();
        let mut stack: Vec<Frame<'_>> = Vec::new();
        let mut next = Some((None::<String>, pointer.to_owned(), root));
        loop {
            if out.len() > max_bytes {
                out.truncate(out.floor_char_boundary(max_bytes));
                return StoredBody {
                    text: out,
                    cut: true,
                };
            }
            if let Some((key, pointer, node)) = next.take() {
                let above = stack.last().map_or(name, |frame| frame.name.as_str());
                let name = key.as_deref().unwrap_or(above).to_owned();
                if let Some(key) = &key {
                    out.push_str(&escape(&self.name(key)));
                    out.push(':');
                }
                let marked = self.marks.class(endpoint, &pointer);
                match node.kind() {
                    JsonType::Object | JsonType::Array => {
                        if let Some(class) = marked {
                            out.push_str(&escape(&self.opaque(class, node.raw_bytes())));
                        } else if stack.len() >= MAX_DEPTH {
                            out.push_str(&escape(&self.opaque("deep", node.raw_bytes())));
                        } else {
                            let frame = open(node, &pointer, name);
                            out.push(if frame.close == '}' { '{' } else { '[' });
                            stack.push(frame);
                        }
                    }
                    JsonType::String => {
                        let text = node.as_str();
                        out.push_str(&escape(&self.scalar(&name, marked, &text, Origin::Text)));
                    }
                    JsonType::Number => {
                        let raw = node.raw();
                        match self.scalar(&name, marked, raw, Origin::Number) {
                            std::borrow::Cow::Borrowed(clear) => out.push_str(clear),
                            std::borrow::Cow::Owned(hidden) => out.push_str(&escape(&hidden)),
                        }
                    }
                    JsonType::Bool | JsonType::Null => out.push_str(node.raw()),
                }
            }
            let Some(frame) = stack.last_mut() else {
                return StoredBody {
                    text: out,
                    cut: false,
                };
            };
            if let Some(item) = frame.items.next() {
                if !frame.first {
                    out.push(',');
                }
                frame.first = false;
                next = Some(item);
            } else if let Some(frame) = stack.pop() {
                out.push(frame.close);
            }
        }
    }
}

fn open<'d>(node: Node<'d>, pointer: &str, name: String) -> Frame<'d> {
    let (close, items): (char, Vec<_>) = if node.kind() == JsonType::Object {
        let members = node.members().map(|(key, child)| {
            let key = key.as_str().into_owned();
            let at = child_pointer(pointer, &key);
            (Some(key), at, child)
        });
        ('}', members.collect())
    } else {
        let elements = node.elements().enumerate();
        let items = elements.map(|(index, child)| (None, format!("{pointer}/{index}"), child));
        (']', items.collect())
    };
    Frame {
        close,
        items: items.into_iter(),
        first: true,
        name,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Marks, RedactionKey, without_digests};
    use super::*;

    fn redactor() -> Redactor {
        let mut marks = Marks::default();
        let place = "/values/*/note".parse().expect("a place");
        marks.add("list", place, "remark");
        let key = RedactionKey::from_secret(b"0123456789abcdef").expect("long enough");
        Redactor::new(key, marks)
    }

    /// Each hidden value shown without its digest, which depends on the key.
    fn shown(body: &str, media: &str) -> String {
        let stored = redactor().body("list", media, body.as_bytes(), 10_000);
        assert!(!stored.cut);
        without_digests(&stored.text)
    }

    #[test]
    fn json_keeps_its_structure_and_clear_values() {
        for (body, expected) in [
            (
                r#"{"id":1,"name":"김","ok":true,"none":null}"#,
                r#"{"id":1,"name":"[name 1c:hangul]","ok":true,"none":null}"#,
            ),
            (
                r#"{"values":[{"note":7},{"phone":[1012345678]}]}"#,
                r#"{"values":[{"note":"[remark 9 number]"},{"phone":["[phone 9999999999 number]"]}]}"#,
            ),
            (
                r#"{"a@b.example":{"x":1}}"#,
                r#"{"[key 11c:lower+other]":{"x":1}}"#,
            ),
            ("[]", "[]"),
            (r#""free text""#, r#""[text 9c:lower+blank]""#),
        ] {
            assert_eq!(shown(body, "application/json"), expected);
        }
    }

    #[test]
    fn other_bodies_are_hidden_as_a_whole_and_forms_by_value() {
        assert_eq!(
            shown("<p>Kim</p>", "text/html; charset=utf-8"),
            "[html 10c:lower+upper+other]"
        );
        assert_eq!(
            shown("page=1&name=Kim", "application/x-www-form-urlencoded"),
            "page=1&name=[name 3c:lower+upper]"
        );
    }

    #[test]
    fn deep_and_long_bodies_are_bounded() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let stored = redactor().body("", "", deep.as_bytes(), 10_000);
        assert!(stored.text.len() < 300 && stored.text.contains("[deep "));
        let long = format!("[{}1]", "1,".repeat(10_000));
        let stored = redactor().body("", "", long.as_bytes(), 1_000);
        assert!(stored.cut && stored.text.len() <= 1_000);
    }
}
