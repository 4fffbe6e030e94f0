//! Two JSON texts too long to hold, compared token by token.
//!
//! Works while both hold their keys in the same order; elements are paired by position. What cannot be
//! compared so is refused, never guessed.

use std::io::Read;

use crate::json::{Document, JsonType, Pull, PullError, Token};
use crate::place::child_pointer;
use crate::relation::{Relation, relate};
use crate::rules::{RuleSet, Rules, State};
use crate::verdict::{Kind, Location, Verdict};

use super::json::{Scalars, accepts, same_scalar};
use super::sink::{Draft, Sink, excerpt};

/// Why two streams could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The reference cannot be read.
    #[error("the reference")]
    Reference(#[source] PullError),
    /// The candidate cannot be read.
    #[error("the candidate")]
    Candidate(#[source] PullError),
    /// The keys of an object come in another order, or one side lacks a key in the middle.
    #[error(
        "{place}: keys differ or come in another order, which only whole bodies can be compared by"
    )]
    KeyOrder {
        /// The object.
        place: String,
    },
    /// A rule needs the whole array.
    #[error(
        "{place}: a rule pairs this array without order, which only whole bodies can be compared by"
    )]
    Unordered {
        /// The array.
        place: String,
    },
}

/// Stands for an object whose content was not read.
const OBJECT: &str = "{\"…\":0}";
/// Stands for an array whose content was not read.
const ARRAY: &str = "[0]";

fn shown(text: &str) -> String {
    match text {
        OBJECT => "{…}".to_owned(),
        ARRAY => "[…]".to_owned(),
        text => excerpt(text),
    }
}

/// A container that is open on both sides.
struct Frame {
    kind: JsonType,
    state: State,
    /// In an object, the state below the key at hand.
    below: State,
    /// Position of the next element.
    index: usize,
    /// Length of the place of this container.
    place: usize,
    group: usize,
}

/// Compares two streams of JSON under the rules of an endpoint.
pub fn compare_streams(
    reference: impl Read,
    candidate: impl Read,
    endpoint: &str,
    rules: &Rules,
) -> Result<Verdict, StreamError> {
    let set = rules.of(endpoint);
    let mut lockstep = Lockstep {
        set,
        sink: Sink::new(rules, 200, 200),
        place: String::new(),
        group: String::new(),
        frames: Vec::new(),
    };
    let (mut a, mut b) = (Pull::new(reference), Pull::new(candidate));
    while lockstep.step(&mut a, &mut b)? {}
    Ok(lockstep.sink.finish())
}

struct Lockstep<'r> {
    set: &'r RuleSet,
    sink: Sink<'r>,
    /// Place of the value at hand, and the same with `*` for indexes.
    place: String,
    group: String,
    frames: Vec<Frame>,
}

impl<'r> Lockstep<'r> {
    /// Takes one token of each side; false at the end.
    fn step<A: Read, B: Read>(
        &mut self,
        a: &mut Pull<A>,
        b: &mut Pull<B>,
    ) -> Result<bool, StreamError> {
        let x = a.next_token().map_err(StreamError::Reference)?;
        let y = b.next_token().map_err(StreamError::Candidate)?;
        match (x, y) {
            (Token::End, Token::End) => return Ok(false),
            (Token::Key(x), Token::Key(y)) => {
                let key = unescaped(x);
                if x != y && key != unescaped(y) {
                    return Err(StreamError::KeyOrder {
                        place: self.shown_place(),
                    });
                }
                self.enter_key(&key);
            }
            (Token::Close(_), Token::Close(_)) => {
                self.frames.pop();
                self.leave_value();
            }
            (Token::Key(key), Token::Close(_)) => {
                self.enter_key(&unescaped(key));
                self.lone(Kind::FieldRemoved);
                rest(a, true).map_err(StreamError::Reference)?;
                self.frames.pop();
                self.leave_value();
            }
            (Token::Close(_), Token::Key(key)) => {
                self.enter_key(&unescaped(key));
                self.lone(Kind::FieldAdded);
                rest(b, true).map_err(StreamError::Candidate)?;
                self.frames.pop();
                self.leave_value();
            }
            (x, Token::Close(_)) => {
                let open = matches!(x, Token::Open(_));
                self.enter_index();
                self.lone(Kind::FieldRemoved);
                a.skip(usize::from(open) + 1)
                    .map_err(StreamError::Reference)?;
                self.frames.pop();
                self.leave_value();
            }
            (Token::Close(_), y) => {
                let open = matches!(y, Token::Open(_));
                self.enter_index();
                self.lone(Kind::FieldAdded);
                b.skip(usize::from(open) + 1)
                    .map_err(StreamError::Candidate)?;
                self.frames.pop();
                self.leave_value();
            }
            (Token::Open(x), Token::Open(y)) if x == y => {
                self.enter_index();
                let state = self.state();
                if self
                    .set
                    .here(state)
                    .is_some_and(|here| here.pairing.is_some())
                {
                    return Err(StreamError::Unordered {
                        place: self.shown_place(),
                    });
                }
                let (place, group) = (self.place.len(), self.group.len());
                self.frames.push(Frame {
                    kind: x,
                    state,
                    below: State::NONE,
                    index: 0,
                    place,
                    group,
                });
            }
            (x, y) => {
                self.enter_index();
                let (skip_a, skip_b) = (matches!(x, Token::Open(_)), matches!(y, Token::Open(_)));
                self.values(text_of(x), text_of(y));
                a.skip(usize::from(skip_a))
                    .map_err(StreamError::Reference)?;
                b.skip(usize::from(skip_b))
                    .map_err(StreamError::Candidate)?;
                self.leave_value();
            }
        }
        Ok(true)
    }

    /// Two values of which at most one is a container. That one is given as [`OBJECT`] or [`ARRAY`],
    /// which are not empty: whether the real one is, is not known yet, and a rule on empty ones must
    /// not excuse a full one.
    fn values(&mut self, x: &str, y: &str) {
        if x == y {
            return;
        }
        let (Ok(x), Ok(y)) = (Document::parse(x.as_bytes()), Document::parse(y.as_bytes())) else {
            return;
        };
        let (a, b) = (x.root(), y.root());
        let here = self.set.here(self.state());
        let mut draft = self.draft(Kind::ValueChange);
        draft.reference = Some(shown(a.raw()));
        draft.candidate = Some(shown(b.raw()));
        draft.nulls = (a.kind() == JsonType::Null, b.kind() == JsonType::Null);
        if let Some(rule) = here.and_then(|here| accepts(here, a, b)) {
            self.sink.fire(rule, 1);
            return self.sink.note(draft, Some(rule));
        }
        if a.kind() != b.kind() {
            (draft.kind, draft.relation) = (Kind::TypeChange, relate(a, b));
            return self.sink.add(draft);
        }
        match same_scalar(a, b) {
            Scalars::Alike => {}
            Scalars::Escaped => {
                (draft.kind, draft.relation) = (Kind::Format, Some(Relation::Escapes));
                self.sink.note(draft, None);
            }
            Scalars::NumberForm => {
                (draft.kind, draft.relation) = (Kind::Format, Some(Relation::NumberFormat));
                match here.and_then(|here| here.number_format) {
                    Some(rule) => {
                        self.sink.fire(rule, 1);
                        self.sink.add(draft);
                    }
                    None => self.sink.note(draft, None),
                }
            }
            Scalars::Different => {
                draft.relation = relate(a, b);
                self.sink.add(draft);
            }
        }
    }

    /// A member or element that only one side has, and what follows it.
    fn lone(&mut self, kind: Kind) {
        let mut draft = self.draft(kind);
        draft.detail = Some("and what follows it in the same object or list".to_owned());
        self.sink.add(draft);
    }

    fn draft(&self, kind: Kind) -> Draft<'r> {
        let root = self.place.is_empty();
        Draft {
            location: if root {
                Location::Body
            } else {
                Location::Pointer(self.place.clone())
            },
            group: Some(if root {
                "body".to_owned()
            } else {
                self.group.clone()
            }),
            kind,
            reference: None,
            candidate: None,
            relation: None,
            detail: None,
            nulls: (false, false),
            here: self.set.here(self.state()),
        }
    }

    fn enter_key(&mut self, key: &str) {
        self.place.push_str(&child_pointer("", key));
        self.group.push_str(&child_pointer("", key));
        if let Some(frame) = self.frames.last_mut() {
            frame.below = self.set.key(frame.state, key);
        }
    }

    /// Before a value: an element of an array gets its index.
    fn enter_index(&mut self) {
        if let Some(frame) = self.frames.last_mut()
            && frame.kind == JsonType::Array
        {
            self.place.push('/');
            self.place.push_str(&frame.index.to_string());
            self.group.push_str("/*");
            frame.index += 1;
        }
    }

    fn leave_value(&mut self) {
        let (place, group) = self
            .frames
            .last()
            .map_or((0, 0), |frame| (frame.place, frame.group));
        self.place.truncate(place);
        self.group.truncate(group);
    }

    /// The rules' state at the value at hand.
    fn state(&self) -> State {
        match self.frames.last() {
            None => self.set.root(),
            Some(frame) if frame.kind == JsonType::Array => {
                self.set.index(frame.state, frame.index.saturating_sub(1))
            }
            Some(frame) => frame.below,
        }
    }

    fn shown_place(&self) -> String {
        if self.place.is_empty() {
            "body".to_owned()
        } else {
            self.place.clone()
        }
    }
}

/// Passes over what is left of the innermost container, after a key if `keyed`.
fn rest<R: Read>(pull: &mut Pull<R>, keyed: bool) -> Result<(), PullError> {
    let mut depth = 1;
    if keyed && matches!(pull.next_token()?, Token::Open(_)) {
        depth += 1;
    }
    pull.skip(depth)
}

fn text_of(token: Token<'_>) -> &str {
    match token {
        Token::Scalar(_, text) | Token::Key(text) => text,
        Token::Open(JsonType::Object) => OBJECT,
        Token::Open(_) => ARRAY,
        Token::Close(_) | Token::End => "null",
    }
}

/// A key, which comes with its quotes, as text.
fn unescaped(key: &str) -> String {
    Document::parse(key.as_bytes())
        .map_or_else(|_| key.to_owned(), |d| d.root().as_str().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::RuleSpec;

    fn check(reference: &str, candidate: &str, rules: &str, expected: Option<&[&str]>) {
        let specs: Vec<RuleSpec> = if rules.is_empty() {
            Vec::new()
        } else {
            serde_saphyr::from_str(rules).expect("rules")
        };
        let rules = Rules::compile(&specs, None).expect("sound rules");
        let verdict = compare_streams(reference.as_bytes(), candidate.as_bytes(), "", &rules);
        let found = verdict.ok().map(|verdict| {
            let line = |d: &crate::verdict::Difference| format!("{} {}", d.location, d.kind);
            verdict.findings.iter().map(line).collect::<Vec<_>>()
        });
        let expected = expected.map(|lines| lines.iter().map(|l| (*l).to_owned()).collect());
        assert_eq!(found, expected, "{reference} against {candidate}");
    }

    #[test]
    fn streams_are_compared_in_step() {
        let a = r#"{"v":[{"id":1,"t":"x"},{"id":2,"t":null}],"n":{"a":1.0}}"#;
        check(a, a, "", Some(&[]));
        check(a, &a.replace(':', " : "), "", Some(&[]));
        check(a, &a.replace("1.0", "1"), "", Some(&[]));
        check(
            a,
            &a.replace("\"x\"", "\"y\""),
            "",
            Some(&["/v/0/t value change"]),
        );
        check(
            a,
            &a.replace("\"x\"", "\"y\""),
            "- {at: /v/*/t, tolerate: any}",
            Some(&[]),
        );
        check(
            a,
            &a.replace("null", "7"),
            "",
            Some(&["/v/1/t type change"]),
        );
        check(
            a,
            &a.replace("null", "{\"q\":[1]}"),
            "",
            Some(&["/v/1/t type change"]),
        );
        check(
            a,
            &a.replace("{\"a\":1.0}", "[]"),
            "",
            Some(&["/n type change"]),
        );
        check(
            a,
            &a.replace(",\"t\":null", ""),
            "",
            Some(&["/v/1/t field removed"]),
        );
        check(
            a,
            &a.replace("1.0}", "1.0,\"b\":{}}"),
            "",
            Some(&["/n/b field added"]),
        );
        check(
            a,
            &a.replace(",{\"id\":2,\"t\":null}", ""),
            "",
            Some(&["/v/1 field removed"]),
        );
        check("[1]", "[1,[2],3]", "", Some(&["/1 field added"]));
        check("1", "2", "", Some(&["body value change"]));
    }

    #[test]
    fn what_needs_whole_bodies_is_refused() {
        check(r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, "", None);
        check(
            r#"{"v":[1]}"#,
            r#"{"v":[1]}"#,
            "- {at: /v, multiset: true}",
            None,
        );
        check("[1", "[1", "", None);
        // A rule on empty values must not excuse a full one.
        let rule = "- {at: /a, equal: [null, '{}']}";
        check(
            r#"{"a":null}"#,
            r#"{"a":{"b":1}}"#,
            rule,
            Some(&["/a type change"]),
        );
    }
}
