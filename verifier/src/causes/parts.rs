//! A stored request taken apart: query parameters, header fields, members and elements of a JSON body.
//!
//! Any choice of parts makes a request again, so that whoever looks for the smallest one that still shows
//! a difference can leave parts away ([`super::reduce`]) and shorten the values of the others.

#![deny(clippy::disallowed_methods)]

use serde_json::{Map, Value};

use crate::evidence::record::StoredRequest;
use crate::evidence::redact::{hidden_class, replace_hidden};
use crate::place::child_pointer;

/// A request in parts, numbered in the order header fields, query parameters, body.
#[derive(Clone, Debug)]
pub struct Parts {
    method: String,
    path: String,
    list: Vec<Part>,
    body_as: Body,
}

/// How the body's parts become a body again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// It is one part, or there is none.
    Whole,
    /// Each node of its JSON is a part.
    Json,
}

#[derive(Clone, Debug)]
struct Part {
    /// Where it is, for a reader: `header:accept`, `query:sort`, `body`, a JSON Pointer into the body.
    place: String,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Header { name: String, value: String },
    Query { name: String, value: Option<String> },
    Whole(String),
    Node(Node),
}

/// A node of a JSON body.
#[derive(Clone, Debug)]
struct Node {
    /// The part that holds it; `None` for the root.
    parent: Option<usize>,
    /// Its key, if that is an object.
    key: Option<String>,
    /// Itself; an object or array stands here without its children, which are parts of their own.
    value: Value,
}

impl Parts {
    /// Takes a request apart. A body that is no JSON is one part.
    pub fn of(request: &StoredRequest) -> Self {
        let json = request.body.as_deref();
        let json = json.and_then(|body| serde_json::from_str::<Value>(body).ok());
        let mut parts = Self::with_whole_body(request);
        if let Some(body) = json {
            if matches!(
                parts.list.last(),
                Some(Part {
                    what: What::Whole(_),
                    ..
                })
            ) {
                parts.list.pop();
            }
            parts.body_as = Body::Json;
            parts.nodes(body);
        }
        parts
    }

    /// The same with the body as one part, whatever it is: written anew, a JSON text may lose what a
    /// service looks at, such as a key that is there twice.
    pub fn with_whole_body(request: &StoredRequest) -> Self {
        let (path, query) = match request.target.split_once('?') {
            Some((path, query)) => (path, query),
            None => (request.target.as_str(), ""),
        };
        let mut list = Vec::new();
        for (name, value) in &request.headers {
            list.push(Part {
                place: format!("header:{name}"),
                what: What::Header {
                    name: name.clone(),
                    value: value.clone(),
                },
            });
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = match pair.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (pair, None),
            };
            list.push(Part {
                place: format!("query:{name}"),
                what: What::Query {
                    name: name.to_owned(),
                    value,
                },
            });
        }
        if let Some(body) = request.body.clone().filter(|body| !body.is_empty()) {
            list.push(Part {
                place: "body".to_owned(),
                what: What::Whole(body),
            });
        }
        Self {
            method: request.method.clone(),
            path: path.to_owned(),
            list,
            body_as: Body::Whole,
        }
    }

    /// Parents come before their children, however deep the body is.
    fn nodes(&mut self, root: Value) {
        let mut open = vec![(None, None, String::new(), root)];
        while let Some((parent, key, at, value)) = open.pop() {
            let here = self.list.len();
            let (bare, children): (Value, Vec<(Option<String>, String, Value)>) = match value {
                Value::Object(members) => {
                    let children = members.into_iter().map(|(key, value)| {
                        let at = child_pointer(&at, &key);
                        (Some(key), at, value)
                    });
                    (Value::Object(Map::new()), children.collect())
                }
                Value::Array(items) => {
                    let children = items.into_iter().enumerate();
                    let children =
                        children.map(|(index, value)| (None, format!("{at}/{index}"), value));
                    (Value::Array(Vec::new()), children.collect())
                }
                scalar => (scalar, Vec::new()),
            };
            let place = if at.is_empty() { "body" } else { &at };
            self.list.push(Part {
                place: place.to_owned(),
                what: What::Node(Node {
                    parent,
                    key,
                    value: bare,
                }),
            });
            for (key, at, value) in children.into_iter().rev() {
                open.push((Some(here), key, at, value));
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is nothing to leave away.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Where a part is, for a reader.
    pub fn place(&self, part: usize) -> &str {
        self.list.get(part).map_or("", |part| &part.place)
    }

    /// The request that the parts in `kept`, in ascending order, make. A node whose parent is not kept is
    /// left away with it.
    pub fn request(&self, kept: &[usize]) -> StoredRequest {
        let parts = || {
            let found = kept
                .iter()
                .filter_map(|at| Some((*at, self.list.get(*at)?)));
            found.map(|(at, part)| (at, &part.what))
        };
        let headers = parts().filter_map(|(_, what)| match what {
            What::Header { name, value } => Some((name.clone(), value.clone())),
            _ => None,
        });
        let query: Vec<String> = parts()
            .filter_map(|(_, what)| match what {
                What::Query { name, value } => Some(match value {
                    Some(value) => format!("{name}={value}"),
                    None => name.clone(),
                }),
                _ => None,
            })
            .collect();
        let body = match self.body_as {
            Body::Whole => parts().find_map(|(_, what)| match what {
                What::Whole(text) => Some(text.clone()),
                _ => None,
            }),
            Body::Json => self.body(parts()),
        };
        let target = if query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, query.join("&"))
        };
        StoredRequest {
            method: self.method.clone(),
            target,
            headers: headers.collect(),
            body,
        }
    }

    fn body<'p>(&self, kept: impl Iterator<Item = (usize, &'p What)>) -> Option<String> {
        let mut built: Vec<Option<Value>> = vec![None; self.list.len()];
        let mut order = Vec::new();
        for (at, what) in kept {
            if let What::Node(node) = what {
                built[at] = Some(node.value.clone());
                order.push((at, node));
            }
        }
        // Children come after their parents, so from the end each is whole when its parent takes it; the
        // order among children is turned round and turned back.
        for (at, node) in order.iter().rev() {
            let Some(mut value) = built[*at].take() else {
                continue;
            };
            match &mut value {
                Value::Array(items) => items.reverse(),
                Value::Object(members) => {
                    *members = std::mem::take(members).into_iter().rev().collect();
                }
                _ => {}
            }
            let Some(parent) = node.parent else {
                return Some(value.to_string());
            };
            match (&mut built[parent], &node.key) {
                (Some(Value::Array(items)), _) => items.push(value),
                (Some(Value::Object(members)), Some(key)) => {
                    members.insert(key.clone(), value);
                }
                _ => {}
            }
        }
        None
    }

    /// Only the parts in `kept`, numbered anew.
    #[must_use]
    pub fn only(&self, kept: &[usize]) -> Self {
        let mut new_place = vec![None; self.list.len()];
        let mut list: Vec<Part> = Vec::with_capacity(kept.len());
        for at in kept {
            let Some(mut part) = self.list.get(*at).cloned() else {
                continue;
            };
            if let What::Node(node) = &mut part.what
                && let Some(parent) = node.parent
            {
                // What hangs on nothing is no part of the request any more.
                let Some(parent) = new_place[parent] else {
                    continue;
                };
                node.parent = Some(parent);
            }
            new_place[*at] = Some(list.len());
            list.push(part);
        }
        Self {
            method: self.method.clone(),
            path: self.path.clone(),
            list,
            body_as: self.body_as,
        }
    }

    /// The value of a part as text, where it has one that may be shortened: none that is hidden, and none
    /// that says how the body is to be read.
    pub fn value(&self, part: usize) -> Option<String> {
        let text = match &self.list.get(part)?.what {
            What::Header { name, value } if name != "content-type" => value.clone(),
            What::Query { value, .. } => value.clone()?,
            What::Node(Node {
                value: Value::String(text),
                ..
            }) => text.clone(),
            What::Node(Node {
                value: Value::Number(number),
                ..
            }) => number.to_string(),
            _ => return None,
        };
        let clear = replace_hidden(&text, |_| String::new()) == text;
        (clear && !text.is_empty()).then_some(text)
    }

    /// The same parts with another value of one; `None` where it cannot have that.
    #[must_use]
    pub fn with_value(&self, part: usize, text: &str) -> Option<Self> {
        let mut parts = self.clone();
        match &mut parts.list.get_mut(part)?.what {
            What::Header { value, .. } => text.clone_into(value),
            What::Query { value, .. } => *value = Some(text.to_owned()),
            What::Node(node) => {
                node.value = match &node.value {
                    Value::String(_) => Value::from(text),
                    Value::Number(_) => serde_json::from_str(text)
                        .ok()
                        .filter(|value: &Value| value.is_number())?,
                    _ => return None,
                };
            }
            What::Whole(_) => return None,
        }
        Some(parts)
    }
}

/// The hidden values of a request: where each is, and its class. A path segment is `path:N`, from 1.
pub fn hidden(request: &StoredRequest) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut look = |place: &str, text: &str| {
        replace_hidden(text, |class| {
            found.push((place.to_owned(), class.to_owned()));
            String::new()
        });
    };
    let path = request.target.split('?').next().unwrap_or_default();
    for (at, segment) in path.split('/').enumerate() {
        look(&format!("path:{at}"), segment);
    }
    let parts = Parts::of(request);
    for part in &parts.list {
        match &part.what {
            What::Header { value, .. } => look(&part.place, value),
            What::Query { name, value } => {
                look(&part.place, name);
                look(&part.place, value.as_deref().unwrap_or_default());
            }
            What::Whole(text) => look(&part.place, text),
            What::Node(node) => {
                look(&part.place, node.key.as_deref().unwrap_or_default());
                look(&part.place, node.value.as_str().unwrap_or_default());
            }
        }
    }
    found.dedup();
    found
}

/// `request` with hidden values replaced by what `with` makes of their place and class. A hidden number
/// is kept as text and becomes a number again.
pub fn filled(request: &StoredRequest, with: impl Fn(&str, &str) -> String) -> StoredRequest {
    let fill = |place: &str, text: &str| replace_hidden(text, |class| with(place, class));
    let mut parts = Parts::of(request);
    let untouched = Parts::with_whole_body(request);
    let path = parts.path.split('/').enumerate();
    parts.path = path
        .map(|(at, segment)| fill(&format!("path:{at}"), segment))
        .collect::<Vec<_>>()
        .join("/");
    let mut changed = false;
    for part in &mut parts.list {
        let place = part.place.clone();
        match &mut part.what {
            What::Header { value, .. } => *value = fill(&place, value),
            What::Query { name, value } => {
                *name = fill(&place, name);
                *value = value.as_deref().map(|value| fill(&place, value));
            }
            What::Whole(text) => *text = fill(&place, text),
            What::Node(node) => {
                if let Some(key) = &mut node.key {
                    let new = fill(&place, key);
                    changed |= new != *key;
                    *key = new;
                }
                if let Value::String(text) = &node.value {
                    let new = fill(&place, text);
                    if new != *text {
                        changed = true;
                        let number = hidden_class(text).is_some() && text.contains(" number #");
                        let as_number = serde_json::from_str(&new).ok().filter(Value::is_number);
                        node.value = as_number
                            .filter(|_| number)
                            .unwrap_or_else(|| Value::from(new));
                    }
                }
            }
        }
    }
    let all: Vec<usize> = (0..parts.len()).collect();
    let mut whole = parts.request(&all);
    if !changed && parts.body_as == Body::Json {
        // As it was written, with all that JSON leaves open.
        let all: Vec<usize> = (0..untouched.len()).collect();
        whole.body = untouched.request(&all).body;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, headers: &[(&str, &str)], body: Option<&str>) -> StoredRequest {
        let headers = headers.iter();
        StoredRequest {
            method: "POST".to_owned(),
            target: target.to_owned(),
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.map(str::to_owned),
        }
    }

    fn all(parts: &Parts) -> Vec<usize> {
        (0..parts.len()).collect()
    }

    const BODY: &str = r#"{"b":[1,{"c":"x"},[]],"a":null,"d":{}}"#;

    #[test]
    fn all_parts_together_are_the_request_again() {
        for one in [
            request("/a", &[], None),
            request("/a?b=1&c&d=", &[("accept", "x"), ("accept", "y")], None),
            request("/a", &[], Some(BODY)),
            request("/a", &[], Some("[]")),
            request("/a", &[], Some("7")),
            request("/a", &[], Some("no JSON & more")),
        ] {
            for parts in [Parts::of(&one), Parts::with_whole_body(&one)] {
                assert_eq!(parts.request(&all(&parts)), one);
            }
        }
    }

    #[test]
    fn a_node_goes_with_its_parent_and_order_stays() {
        let one = request("/a?x=1&y=2", &[("accept", "z")], Some(BODY));
        let parts = Parts::of(&one);
        let at = |place: &str| {
            let found = (0..parts.len()).find(|part| parts.place(*part) == place);
            found.unwrap_or_else(|| panic!("no part {place}"))
        };
        for (gone, target, body) in [
            (&["/b"][..], "/a?x=1&y=2", Some(r#"{"a":null,"d":{}}"#)),
            (
                &["query:x", "/b/0"],
                "/a?y=2",
                Some(r#"{"b":[{"c":"x"},[]],"a":null,"d":{}}"#),
            ),
            (
                &["query:x", "query:y", "/b/1/c"],
                "/a",
                Some(r#"{"b":[1,{},[]],"a":null,"d":{}}"#),
            ),
            (&["body"], "/a?x=1&y=2", None),
        ] {
            let gone: Vec<usize> = gone.iter().map(|place| at(place)).collect();
            let kept: Vec<usize> = (0..parts.len())
                .filter(|part| !gone.contains(part))
                .collect();
            let made = parts.request(&kept);
            assert_eq!((made.target.as_str(), made.body.as_deref()), (target, body));
            let only = parts.only(&kept);
            assert_eq!(only.request(&all(&only)), made, "numbered anew");
        }
    }

    #[test]
    fn values_are_shortened_where_they_are_nobodys_secret() {
        let hidden = "Bearer [token 9c:lower #abcdefghij]";
        let one = request(
            "/a?sort=name&q=[name 3c:hangul #abcdefghij]&flag",
            &[
                ("authorization", hidden),
                ("content-type", "application/json"),
                ("x-mode", "full"),
            ],
            Some(r#"{"n":120,"s":"long","b":true}"#),
        );
        let parts = Parts::of(&one);
        let values: Vec<Option<String>> = (0..parts.len()).map(|at| parts.value(at)).collect();
        let shown: Vec<(&str, &str)> = values
            .iter()
            .enumerate()
            .filter_map(|(at, value)| Some((parts.place(at), value.as_deref()?)))
            .collect();
        assert_eq!(
            shown,
            [
                ("header:x-mode", "full"),
                ("query:sort", "name"),
                ("/n", "120"),
                ("/s", "long")
            ]
        );
        let at = |place: &str| (0..parts.len()).find(|at| parts.place(*at) == place);
        let n = at("/n").expect("a part");
        assert!(parts.with_value(n, "").is_none(), "a number stays one");
        let shorter = parts.with_value(n, "1").expect("a number");
        let body = shorter.request(&all(&shorter)).body;
        assert_eq!(body.as_deref(), Some(r#"{"n":1,"s":"long","b":true}"#));
    }

    #[test]
    fn hidden_values_are_named_by_place_and_filled_there() {
        let one = request(
            "/a/[text 5c:lower #abcdefghij]?q=[name 3c:hangul #abcdefghij]",
            &[("authorization", "Bearer [token 9c:lower #abcdefghij]")],
            Some(r#"{"p":"[phone 9 number #abcdefghij]","n":[1.0]}"#),
        );
        let places: Vec<String> = hidden(&one)
            .into_iter()
            .map(|(place, class)| format!("{place} {class}"))
            .collect();
        assert_eq!(
            places,
            [
                "path:2 text",
                "header:authorization token",
                "query:q name",
                "/p phone"
            ]
        );
        let filled = filled(&one, |place, class| match place {
            "/p" => "7".to_owned(),
            _ => class.to_uppercase(),
        });
        assert_eq!(filled.target, "/a/TEXT?q=NAME");
        assert_eq!(filled.headers[0].1, "Bearer TOKEN");
        assert_eq!(filled.body.as_deref(), Some(r#"{"p":7,"n":[1.0]}"#));
        let clear = request("/a", &[], Some(r#"{"a": 1E2, "a": 1}"#));
        assert_eq!(super::filled(&clear, |_, _| String::new()), clear);
    }
}
