//! JSON bodies, compared by key over two tapes.

use std::collections::HashMap;

use crate::exchange::{Token, Tokens};
use crate::json::{Document, JsonType, Node, same_text};
use crate::relation::Relation;
use crate::rules::{AtPlace, Presence, RuleId, RuleSet, State};
use crate::verdict::{Kind, Location};

use super::sink::{Draft, Sink, excerpt};

/// One side of a comparison: the document and what is masked in it.
pub(super) struct Side<'d> {
    pub(super) document: &'d Document<'d>,
    masks: HashMap<u32, &'d Token>,
}

impl<'d> Side<'d> {
    pub(super) fn new(document: &'d Document<'d>, tokens: &'d Tokens) -> Self {
        let masks = tokens
            .0
            .iter()
            .filter(|(place, _)| !place.starts_with("header:"))
            .filter_map(|(place, token)| Some((document.resolve(place)?.index(), token)))
            .collect();
        Self { document, masks }
    }

    fn mask(&self, index: u32) -> Option<&'d Token> {
        if self.masks.is_empty() {
            None
        } else {
            self.masks.get(&index).copied()
        }
    }
}

/// Two values to hold against each other.
#[derive(Clone, Copy)]
struct Pair {
    a: u32,
    b: u32,
    state: State,
}

/// A walk over two documents that reports every difference.
struct Walk<'w, 'r, 's> {
    reference: &'w Side<'w>,
    candidate: &'w Side<'w>,
    set: &'r RuleSet,
    todo: Vec<Pair>,
    sink: &'s mut Sink<'r>,
}

/// Reports all that differs between two JSON bodies.
pub(super) fn explain<'r>(
    reference: &Side<'_>,
    candidate: &Side<'_>,
    set: &'r RuleSet,
    sink: &mut Sink<'r>,
) {
    let root = Pair {
        a: 0,
        b: 0,
        state: set.root(),
    };
    let mut walk = Walk {
        reference,
        candidate,
        set,
        todo: vec![root],
        sink,
    };
    while let Some(pair) = walk.todo.pop() {
        walk.pair(pair);
    }
}

impl<'w, 'r> Walk<'w, 'r, '_> {
    fn pair(&mut self, pair: Pair) {
        let (a, b) = (
            self.reference.document.node(pair.a),
            self.candidate.document.node(pair.b),
        );
        let here = self.set.here(pair.state);
        let masks = (self.reference.mask(pair.a), self.candidate.mask(pair.b));
        if masks != (None, None) {
            return self.masked(a, b, masks, here);
        }
        if let Some(here) = here
            && let Some((rule, accepted)) = accepts(here, a, b)
        {
            self.sink.fire(rule, 1);
            if accepted {
                self.note(Kind::ValueChange, Some(a), Some(b), None, Some(rule));
            }
            return;
        }
        if a.kind() != b.kind() {
            return self.found(Kind::TypeChange, Some(a), Some(b), None, here);
        }
        match a.kind() {
            JsonType::Object => self.objects(a, b, pair.state),
            JsonType::Array => self.arrays(a, b, pair.state),
            JsonType::String => {
                if !same_text(a.inner(), b.inner()) {
                    self.found(Kind::ValueChange, Some(a), Some(b), None, here);
                } else if a.raw() != b.raw() {
                    self.note(
                        Kind::Format,
                        Some(a),
                        Some(b),
                        Some(Relation::Escapes),
                        None,
                    );
                }
            }
            JsonType::Number => {
                if a.raw() != b.raw() {
                    self.numbers(a, b, here);
                }
            }
            JsonType::Bool | JsonType::Null => {
                if a.raw() != b.raw() {
                    self.found(Kind::ValueChange, Some(a), Some(b), None, here);
                }
            }
        }
    }

    fn numbers(&mut self, a: Node<'w>, b: Node<'w>, here: Option<&'r AtPlace>) {
        let form = Some(Relation::NumberFormat);
        if a.decimal() != b.decimal() {
            self.found(Kind::ValueChange, Some(a), Some(b), None, here);
        } else if let Some(rule) = here.and_then(|here| here.number_format) {
            self.sink.fire(rule, 1);
            self.found(Kind::Format, Some(a), Some(b), form, here);
        } else {
            self.note(Kind::Format, Some(a), Some(b), form, None);
        }
    }

    fn masked(
        &mut self,
        a: Node<'w>,
        b: Node<'w>,
        masks: (Option<&Token>, Option<&Token>),
        here: Option<&'r AtPlace>,
    ) {
        let kind = match masks {
            (Some(x), Some(y)) if x.same(y) => return,
            (Some(x), Some(y)) if x.json_type != y.json_type => Kind::TypeChange,
            (Some(x), Some(y)) if x.class != y.class => Kind::Format,
            (Some(_), Some(_)) => Kind::ValueChange,
            (Some(x), None) if x.json_type != b.kind() => Kind::TypeChange,
            (None, Some(y)) if y.json_type != a.kind() => Kind::TypeChange,
            _ => Kind::Format,
        };
        self.found(kind, Some(a), Some(b), None, here);
    }

    fn objects(&mut self, a: Node<'w>, b: Node<'w>, state: State) {
        let theirs: Vec<_> = b.members().collect();
        let mut used = vec![false; theirs.len()];
        let first = self.todo.len();
        for (key, value) in a.members() {
            let below = self.set.key(state, &key.as_str());
            let partner = theirs
                .iter()
                .enumerate()
                .position(|(at, (name, _))| !used[at] && same_text(key.inner(), name.inner()));
            if let Some(at) = partner {
                used[at] = true;
                self.todo.push(Pair {
                    a: value.index(),
                    b: theirs[at].1.index(),
                    state: below,
                });
            } else {
                self.removed(value, below);
            }
        }
        for (at, (name, value)) in theirs.into_iter().enumerate() {
            if !used[at] {
                let below = self.set.key(state, &name.as_str());
                self.added(value, below);
            }
        }
        self.todo[first..].reverse();
    }

    fn arrays(&mut self, a: Node<'w>, b: Node<'w>, state: State) {
        let first = self.todo.len();
        let (mut ours, mut theirs) = (a.elements().enumerate(), b.elements());
        for (at, x) in ours.by_ref() {
            let below = self.set.index(state, at);
            match theirs.next() {
                Some(y) => self.todo.push(Pair {
                    a: x.index(),
                    b: y.index(),
                    state: below,
                }),
                None => self.removed(x, below),
            }
        }
        for (at, y) in theirs.enumerate() {
            let below = self.set.index(state, a.child_count() + at);
            self.added(y, below);
        }
        self.todo[first..].reverse();
    }

    fn removed(&mut self, value: Node<'w>, state: State) {
        let here = self.set.here(state);
        if let Some(rule) = self.absent(value, here) {
            return self.note(Kind::FieldRemoved, Some(value), None, None, Some(rule));
        }
        self.found(Kind::FieldRemoved, Some(value), None, None, here);
    }

    fn added(&mut self, value: Node<'w>, state: State) {
        let here = self.set.here(state);
        if let Some(rule) = self.absent(value, here) {
            return self.note(Kind::FieldAdded, None, Some(value), None, Some(rule));
        }
        self.found(Kind::FieldAdded, None, Some(value), None, here);
    }

    /// The rule that makes a value and its absence equal.
    fn absent(&mut self, value: Node<'_>, here: Option<&AtPlace>) -> Option<RuleId> {
        let rule = here?.equates(Presence::Absent, presence(value)?)?;
        self.sink.fire(rule, 1);
        Some(rule)
    }

    fn found(
        &mut self,
        kind: Kind,
        a: Option<Node<'w>>,
        b: Option<Node<'w>>,
        relation: Option<Relation>,
        here: Option<&'r AtPlace>,
    ) {
        if self.sink.is_full() && here.is_none_or(|here| here.known.is_empty()) {
            return self.sink.count_only();
        }
        let draft = self.draft(kind, a, b, relation, here);
        self.sink.add(draft);
    }

    fn note(
        &mut self,
        kind: Kind,
        a: Option<Node<'w>>,
        b: Option<Node<'w>>,
        relation: Option<Relation>,
        rule: Option<RuleId>,
    ) {
        let draft = self.draft(kind, a, b, relation, None);
        self.sink.note(draft, rule);
    }

    fn draft(
        &self,
        kind: Kind,
        a: Option<Node<'w>>,
        b: Option<Node<'w>>,
        relation: Option<Relation>,
        here: Option<&'r AtPlace>,
    ) -> Draft<'r> {
        // A place is the reference's, unless only the candidate has it.
        let (pointer, group) = match (a, b) {
            (Some(node), _) => self.reference.document.pointers(node.index()),
            (None, Some(node)) => self.candidate.document.pointers(node.index()),
            (None, None) => Default::default(),
        };
        let show = |node: Option<Node<'_>>, side: &Side<'_>| {
            node.map(|node| match side.mask(node.index()) {
                Some(token) => excerpt(&crate::json::escape(&token.text)),
                None => excerpt(node.raw()),
            })
        };
        let is_null = |node: Option<Node<'_>>| node.is_some_and(|n| n.kind() == JsonType::Null);
        Draft {
            to_null: is_null(b) && a.is_some() && !is_null(a),
            reference: show(a, self.reference),
            candidate: show(b, self.candidate),
            location: if pointer.is_empty() {
                Location::Body
            } else {
                Location::Pointer(pointer)
            },
            group: Some(if group.is_empty() {
                "body".to_owned()
            } else {
                group
            }),
            kind,
            relation,
            detail: None,
            here,
        }
    }
}

/// Whether the rules at a place accept two values as they are: the rule, and whether there is a
/// difference to note. `None`: the values must be compared.
fn accepts(here: &AtPlace, a: Node<'_>, b: Node<'_>) -> Option<(RuleId, bool)> {
    if let (Some(x), Some(y)) = (presence(a), presence(b))
        && x != y
        && let Some(rule) = here.equates(x, y)
    {
        return Some((rule, true));
    }
    if a.kind() != b.kind() || a.raw() == b.raw() {
        return None;
    }
    here.tolerate
        .iter()
        .find(|(tolerance, _)| crate::relation::tolerates(tolerance, a, b))
        .map(|&(_, rule)| (rule, true))
}

/// Which way of having no value this is, if any.
pub(super) fn presence(node: Node<'_>) -> Option<Presence> {
    match node.kind() {
        JsonType::Null => Some(Presence::Null),
        JsonType::Array if node.child_count() == 0 => Some(Presence::EmptyArray),
        JsonType::Object if node.child_count() == 0 => Some(Presence::EmptyObject),
        JsonType::String if node.inner().is_empty() => Some(Presence::EmptyString),
        _ => None,
    }
}
