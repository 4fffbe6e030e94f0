//! JSON bodies, compared by key over two tapes.
//!
//! `quick` answers "is anything different that counts?" without allocating per value; only when the
//! answer is yes does `explain` walk again, pair array elements and render what differs. Both ask
//! `accepts` and `same_scalar` below, so they cannot disagree on a value.

mod explain;
mod hash;
mod joint;
mod pairing;
mod quick;
mod ties;

use std::collections::HashMap;

use crate::exchange::{Token, Tokens};
use crate::json::{Document, JsonType, Node, same_text};
use crate::relation::{Relation, presence, tolerates};
use crate::rules::{AtPlace, Presence, RuleId, RuleSet, State};
use crate::verdict::{Kind, Location};

use super::sink::{Draft, Sink, excerpt};

/// One side of a comparison: the document and what is masked in it.
pub(super) struct Side<'d> {
    document: &'d Document<'d>,
    masks: HashMap<u32, &'d Token>,
    /// Whether the document is the lines of a text: then a place is a line of the body.
    lines: bool,
}

impl<'d> Side<'d> {
    /// The lines of a text, as an array of strings.
    pub(super) fn lines(document: &'d Document<'d>) -> Self {
        Self {
            document,
            masks: HashMap::new(),
            lines: true,
        }
    }

    pub(super) fn new(document: &'d Document<'d>, tokens: &'d Tokens) -> Self {
        let masks = tokens
            .0
            .iter()
            .filter(|(place, _)| !place.starts_with("header:"))
            .filter_map(|(place, token)| Some((document.resolve(place)?.index(), token)))
            .collect();
        Self {
            document,
            masks,
            lines: false,
        }
    }

    fn mask(&self, index: u32) -> Option<&'d Token> {
        if self.masks.is_empty() {
            None
        } else {
            self.masks.get(&index).copied()
        }
    }
}

/// Two values to hold against each other, and the rules that may hold there.
#[derive(Clone, Copy, Debug)]
struct Pair {
    a: u32,
    b: u32,
    state: State,
}

impl Pair {
    fn root(set: &RuleSet) -> Self {
        Self {
            a: 0,
            b: 0,
            state: set.root(),
        }
    }
}

/// Compares two JSON bodies.
pub(super) fn compare<'r>(
    reference: &Side<'_>,
    candidate: &Side<'_>,
    set: &'r RuleSet,
    sink: &mut Sink<'r>,
) {
    let forms = match quick::same(reference, candidate, set) {
        Some(forms) => forms,
        None => explain::explain(reference, candidate, set, sink),
    };
    forms.report(reference, candidate, sink);
}

/// Differences of form only, gathered over a whole body.
#[derive(Debug, Default)]
struct Forms {
    /// Objects hold their keys in another order.
    key_order: bool,
    /// Characters are escaped otherwise.
    escapes: bool,
    /// Something else was noted already.
    noted: bool,
    /// Values that were accepted though they differ, to be noted each.
    accepted: Vec<Accepted>,
    /// Accepted ones that were not kept.
    more: u64,
    /// Rules that decided, once for each time.
    fired: Vec<(RuleId, u64)>,
}

/// A value, or two, that differ and still pass.
#[derive(Clone, Copy, Debug)]
struct Accepted {
    kind: Kind,
    a: Option<u32>,
    b: Option<u32>,
    /// The rule that let it pass; none for another form of the same number.
    rule: Option<RuleId>,
}

/// Accepted differences that are kept to be shown.
const MAX_ACCEPTED: usize = 32;

impl Forms {
    fn fire(&mut self, rule: RuleId) {
        match self.fired.iter_mut().find(|(fired, _)| *fired == rule) {
            Some((_, times)) => *times += 1,
            None => self.fired.push((rule, 1)),
        }
    }

    fn accept(&mut self, accepted: Accepted) {
        if let Some(rule) = accepted.rule {
            self.fire(rule);
        }
        self.noted = true;
        if self.accepted.len() < MAX_ACCEPTED {
            self.accepted.push(accepted);
        } else {
            self.more += 1;
        }
    }

    fn report(&self, reference: &Side<'_>, candidate: &Side<'_>, sink: &mut Sink<'_>) {
        for &(rule, times) in &self.fired {
            sink.fire(rule, times);
        }
        for accepted in &self.accepted {
            let a = accepted.a.map(|index| reference.document.node(index));
            let b = accepted.b.map(|index| candidate.document.node(index));
            let relation = match (accepted.kind, a, b) {
                (Kind::Format, _, _) => Some(Relation::NumberFormat),
                // A tolerated value needs no explanation beyond its rule, and there may be many.
                (Kind::TypeChange, Some(a), Some(b)) => crate::relation::relate(a, b),
                _ => None,
            };
            sink.note(
                draft(reference, candidate, accepted.kind, a, b, relation),
                accepted.rule,
            );
        }
        sink.repeated_notes(self.more);
        let mut whole = |kind, relation| {
            let draft = Draft {
                location: Location::Body,
                group: None,
                kind,
                reference: None,
                candidate: None,
                relation: Some(relation),
                detail: None,
                nulls: (false, false),
                here: None,
            };
            sink.note(draft, None);
        };
        if self.key_order {
            whole(Kind::Order, Relation::KeyOrder);
        }
        if self.escapes {
            whole(Kind::Format, Relation::Escapes);
        }
        let same_bytes = reference.document.text() == candidate.document.text();
        if !(self.key_order || self.escapes || self.noted || same_bytes) {
            whole(Kind::Format, Relation::WhiteSpace);
        }
    }
}

/// A difference at two nodes, ready for the sink. Its place is the reference's, unless only the
/// candidate has it.
fn draft<'r>(
    reference: &Side<'_>,
    candidate: &Side<'_>,
    kind: Kind,
    a: Option<Node<'_>>,
    b: Option<Node<'_>>,
    relation: Option<Relation>,
) -> Draft<'r> {
    if reference.lines {
        return line_draft(reference, candidate, kind, a, b, relation);
    }
    let (pointer, group) = match (a, b) {
        (Some(node), _) => reference.document.pointers(node.index()),
        (None, Some(node)) => candidate.document.pointers(node.index()),
        (None, None) => Default::default(),
    };
    let show = |node: Option<Node<'_>>, side| node.map(|node| shown(side, node));
    let is_null = |node: Option<Node<'_>>| node.is_some_and(|n| n.kind() == JsonType::Null);
    Draft {
        nulls: (is_null(a), is_null(b)),
        reference: show(a, reference),
        candidate: show(b, candidate),
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
        here: None,
    }
}

/// A value as reports show it: its token where it is masked.
fn shown(side: &Side<'_>, node: Node<'_>) -> String {
    match side.mask(node.index()) {
        Some(token) => excerpt(&crate::json::escape(&token.text)),
        None => excerpt(node.raw()),
    }
}

/// A difference at a line: the location is the body, the detail says which line.
fn line_draft<'r>(
    reference: &Side<'_>,
    candidate: &Side<'_>,
    kind: Kind,
    a: Option<Node<'_>>,
    b: Option<Node<'_>>,
    relation: Option<Relation>,
) -> Draft<'r> {
    let number = match (a, b) {
        (Some(node), _) => line_number(reference, node),
        (None, Some(node)) => line_number(candidate, node),
        (None, None) => None,
    };
    let show = |node: Option<Node<'_>>| {
        node.filter(|node| node.kind() == JsonType::String)
            .map(|node| excerpt(&node.as_str()))
    };
    let (ours, theirs) = (show(a), show(b));
    let name = |text: &Option<String>| {
        text.as_ref()
            .map_or_else(|| "nothing".to_owned(), |text| format!("`{text}`"))
    };
    let detail = number.map(|number| {
        format!(
            "line {number}: reference {}, candidate {}",
            name(&ours),
            name(&theirs)
        )
    });
    Draft {
        location: Location::Body,
        group: None,
        kind,
        reference: ours,
        candidate: theirs,
        relation,
        detail,
        nulls: (false, false),
        here: None,
    }
}

/// The number of a line, from 1.
fn line_number(side: &Side<'_>, node: Node<'_>) -> Option<usize> {
    let (pointer, _) = side.document.pointers(node.index());
    pointer
        .strip_prefix('/')?
        .parse::<usize>()
        .ok()
        .map(|at| at + 1)
}

/// The rule at a place that accepts two different values as they are.
pub(super) fn accepts(here: &AtPlace, a: Node<'_>, b: Node<'_>) -> Option<RuleId> {
    if let (Some(x), Some(y)) = (presence(a), presence(b))
        && x != y
    {
        return here.equates(x, y);
    }
    if a.kind() != b.kind() || a.raw() == b.raw() {
        return None;
    }
    here.tolerate
        .iter()
        .find(|(tolerance, _)| tolerates(tolerance, a, b))
        .map(|&(_, rule)| rule)
}

/// The rule that makes a value equal to its absence.
fn absence(set: &RuleSet, state: State, value: Node<'_>) -> Option<RuleId> {
    set.here(state)?.equates(Presence::Absent, presence(value)?)
}

/// How two scalars of one type stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalars {
    /// Written alike.
    Alike,
    /// The same string, escaped otherwise.
    Escaped,
    /// The same number in another form.
    NumberForm,
    /// Different values.
    Different,
}

#[inline]
pub(super) fn same_scalar(a: Node<'_>, b: Node<'_>) -> Scalars {
    if a.raw_bytes() == b.raw_bytes() {
        return Scalars::Alike;
    }
    match a.kind() {
        JsonType::String
            if (a.has_escapes() || b.has_escapes()) && same_text(a.inner(), b.inner()) =>
        {
            Scalars::Escaped
        }
        JsonType::Number if a.decimal() == b.decimal() => Scalars::NumberForm,
        _ => Scalars::Different,
    }
}

#[cfg(test)]
mod tests;

#[inline]
fn same_key(a: Node<'_>, b: Node<'_>) -> bool {
    a.raw_bytes() == b.raw_bytes()
        || ((a.has_escapes() || b.has_escapes()) && same_text(a.inner(), b.inner()))
}

/// The state below a key.
#[inline]
fn below(set: &RuleSet, state: State, key: Node<'_>) -> State {
    if state == State::NONE {
        State::NONE
    } else if key.has_escapes() {
        set.key(state, &key.as_str())
    } else {
        set.key(state, key.inner())
    }
}
