//! Every difference between two documents, rendered for a reader.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::exchange::Token;
use crate::json::{JsonType, Node};
use crate::relation::{Relation, relate, relate_absent};
use crate::rules::{AtPlace, Pairing, RuleId, RuleSet, State};
use crate::verdict::Kind;

use super::super::MAX_FINDINGS;
use super::super::sink::Sink;
use super::hash::Hashes;
use super::joint;
use super::pairing::{Plan, Rows};
use super::ties;
use super::{
    Accepted, Forms, Pair, Scalars, Side, absence, accepts, below, draft, quick, same_scalar, shown,
};

/// A difference that was found, before it is rendered.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) a: Option<u32>,
    pub(super) b: Option<u32>,
    /// The objects that hold it, on both sides; the same for all members of one pair.
    pub(super) parents: (u32, u32),
    pub(super) relation: Option<Relation>,
    pub(super) detail: Option<String>,
    state: State,
    /// [`Walk::path`] where it was found.
    path: u64,
}

/// A walk over two documents that gathers every difference.
struct Walk<'w, 'r, 's> {
    reference: &'w Side<'w>,
    candidate: &'w Side<'w>,
    set: &'r RuleSet,
    todo: Vec<(Pair, u64)>,
    /// Names the place that is looked at, all indexes of an array alike.
    path: u64,
    hashes: Option<(Hashes, Hashes)>,
    found: Vec<Found>,
    /// How many of `found` lie at a place and are of a kind.
    crowd: HashMap<(u64, Kind), usize>,
    forms: Forms,
    sink: &'s mut Sink<'r>,
}

/// Reports all that differs between two JSON bodies; returns what differs in form only.
pub(super) fn explain<'r>(
    reference: &Side<'_>,
    candidate: &Side<'_>,
    set: &'r RuleSet,
    sink: &mut Sink<'r>,
) -> Forms {
    let mut walk = Walk {
        reference,
        candidate,
        set,
        todo: vec![(Pair::root(set), 0)],
        path: 0,
        hashes: None,
        found: Vec::new(),
        crowd: HashMap::new(),
        forms: Forms {
            noted: true,
            ..Forms::default()
        },
        sink,
    };
    while let Some((pair, path)) = walk.todo.pop() {
        walk.path = path;
        walk.pair(pair);
    }
    walk.report()
}

impl<'w> Walk<'w, '_, '_> {
    fn report(mut self) -> Forms {
        let is_error = self.sink.is_error();
        let (reference, candidate, set) = (self.reference, self.candidate, self.set);
        if joint::wanted(&self.found) {
            let hashes = self
                .hashes
                .get_or_insert_with(|| (Hashes::new(reference, set), Hashes::new(candidate, set)));
            joint::relate(
                &mut self.found,
                (reference, candidate),
                (&hashes.0, &hashes.1),
            );
        }
        let mut drafts = Vec::with_capacity(self.found.len());
        for found in self.found {
            let a = found.a.map(|index| reference.document.node(index));
            let b = found.b.map(|index| candidate.document.node(index));
            // Relations of single values are looked for last, and only for what is shown.
            let masked = found.a.is_some_and(|a| reference.mask(a).is_some())
                || found.b.is_some_and(|b| candidate.mask(b).is_some());
            let relation = found.relation.or_else(|| match (a, b) {
                _ if masked || found.kind == Kind::Order => None,
                (Some(a), Some(b)) => relate(a, b),
                (Some(value), None) => relate_absent(value, true),
                (None, Some(value)) => relate_absent(value, false),
                (None, None) => None,
            });
            let mut draft = draft(reference, candidate, found.kind, a, b, relation);
            draft.detail = found.detail.or(draft.detail);
            draft.here = if reference.lines {
                Some(set.body())
            } else {
                set.here(found.state)
            };
            drafts.push(draft);
        }
        joint::name_enums(&mut drafts);
        if is_error {
            joint::name_envelope(&mut drafts);
        }
        for draft in drafts {
            self.sink.keep(draft);
        }
        self.forms
    }

    fn pair(&mut self, pair: Pair) {
        let (a, b) = (
            self.reference.document.node(pair.a),
            self.candidate.document.node(pair.b),
        );
        let here = self.set.here(pair.state);
        let masks = (self.reference.mask(pair.a), self.candidate.mask(pair.b));
        if masks != (None, None) {
            return self.masked(a, b, masks, pair.state);
        }
        if let Some(rule) = here.and_then(|here| accepts(here, a, b)) {
            let kind = if a.kind() == b.kind() {
                Kind::ValueChange
            } else {
                Kind::TypeChange
            };
            return self.accept(kind, Some(a), Some(b), Some(rule));
        }
        if a.kind() != b.kind() {
            return self.found(Kind::TypeChange, Some(a), Some(b), pair.state);
        }
        match a.kind() {
            JsonType::Object => return self.objects(a, b, pair.state),
            JsonType::Array => return self.arrays(a, b, pair.state),
            _ => {}
        }
        match same_scalar(a, b) {
            Scalars::Alike => {}
            Scalars::Escaped => self.forms.escapes = true,
            Scalars::Different => self.found(Kind::ValueChange, Some(a), Some(b), pair.state),
            Scalars::NumberForm => match here.and_then(|here| here.number_format) {
                Some(rule) => {
                    self.forms.fire(rule);
                    self.found_as(
                        Kind::Format,
                        (Some(a), Some(b)),
                        pair.state,
                        Some(Relation::NumberFormat),
                    );
                }
                None => self.accept(Kind::Format, Some(a), Some(b), None),
            },
        }
    }

    fn masked(
        &mut self,
        a: Node<'w>,
        b: Node<'w>,
        masks: (Option<&Token>, Option<&Token>),
        state: State,
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
        self.found(kind, Some(a), Some(b), state);
    }

    fn objects(&mut self, a: Node<'w>, b: Node<'w>, state: State) {
        let theirs: Vec<_> = b.members().collect();
        let mut used = vec![false; theirs.len()];
        // Positions of every key on the candidate's side, the last one on top.
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, (name, _)) in theirs.iter().enumerate().rev() {
            places.entry(name_of(*name)).or_default().push(at);
        }
        let mut ours: HashMap<String, usize> = HashMap::new();
        for (key, _) in a.members() {
            *ours.entry(name_of(key)).or_default() += 1;
        }
        let repeated = |name: &str, places: &HashMap<String, Vec<usize>>| {
            ours.get(name).copied().unwrap_or(0) > 1 || places.get(name).map_or(0, Vec::len) > 1
        };
        let doubled: HashSet<String> = ours
            .keys()
            .chain(places.keys())
            .filter(|name| repeated(name, &places))
            .cloned()
            .collect();
        let first = self.todo.len();
        let mut last = None;
        for (key, value) in a.members() {
            let name = name_of(key);
            let below = below(self.set, state, key);
            let is_doubled = doubled.contains(&name);
            let path = step(self.path, &name);
            let Some(at) = places.get_mut(&name).and_then(Vec::pop) else {
                self.inside(path, |walk| {
                    walk.lone(value, below, (a, b), true, is_doubled);
                });
                continue;
            };
            used[at] = true;
            self.forms.key_order |= last.is_some_and(|last| at < last);
            last = Some(at);
            let pair = Pair {
                a: value.index(),
                b: theirs[at].1.index(),
                state: below,
            };
            if is_doubled {
                // Readers disagree on which of them counts, so they are compared as a list at once.
                if !quick::same_subtree(self.reference, self.candidate, self.set, pair) {
                    let nodes = (Some(value), Some(theirs[at].1));
                    let relation = Some(Relation::DuplicateKeys);
                    self.inside(path, |walk| {
                        walk.found_as(Kind::ValueChange, nodes, below, relation);
                    });
                }
            } else {
                self.todo.push((pair, path));
            }
        }
        for (at, (name, value)) in theirs.into_iter().enumerate() {
            if !used[at] {
                let is_doubled = doubled.contains(&name_of(name));
                let below = below(self.set, state, name);
                self.lone(value, below, (a, b), false, is_doubled);
            }
        }
        // The stack is taken from its end: the first member first.
        self.todo[first..].reverse();
    }

    /// A member that only one side has.
    fn lone(
        &mut self,
        value: Node<'w>,
        state: State,
        parents: (Node<'w>, Node<'w>),
        ours: bool,
        doubled: bool,
    ) {
        let kind = if ours {
            Kind::FieldRemoved
        } else {
            Kind::FieldAdded
        };
        let nodes = if ours {
            (Some(value), None)
        } else {
            (None, Some(value))
        };
        if let Some(rule) = absence(self.set, state, value) {
            return self.accept(kind, nodes.0, nodes.1, Some(rule));
        }
        let count = self.found.len();
        self.found_as(
            kind,
            nodes,
            state,
            doubled.then_some(Relation::DuplicateKeys),
        );
        if let Some(found) = self.found.get_mut(count) {
            found.parents = (parents.0.index(), parents.1.index());
        }
    }

    fn arrays(&mut self, a: Node<'w>, b: Node<'w>, state: State) {
        if a.child_count() == 0 && b.child_count() == 0 {
            return;
        }
        let (reference, candidate, set) = (self.reference, self.candidate, self.set);
        let hashes = self
            .hashes
            .get_or_insert_with(|| (Hashes::new(reference, set), Hashes::new(candidate, set)));
        let rows = Rows::new(a, b, (&hashes.0, &hashes.1));
        let sides = (reference, candidate);
        let rule = set.here(state).and_then(|here| here.pairing.as_ref());
        let plan = match rule {
            None => rows.list(sides),
            Some((Pairing::By(key), _)) => rows.by_key(key, sides),
            Some((Pairing::Multiset, _)) => rows.multiset(|at, to| {
                let pair = Pair {
                    a: rows.ours[at].index(),
                    b: rows.theirs[to].index(),
                    state: set.index(state, at),
                };
                quick::same_subtree(reference, candidate, set, pair)
            }),
        };
        let Plan {
            mut pairs,
            removed,
            added,
            reordered,
            permutation,
        } = plan;
        let (ours, theirs) = (rows.ours, rows.theirs);
        if reordered {
            match rule {
                Some((_, rule)) => self.accept(Kind::Order, Some(a), Some(b), Some(*rule)),
                None => self.order(a, b, state, &pairs, permutation),
            }
        }
        let path = step(self.path, &());
        self.inside(path, |walk| {
            for at in removed {
                let below = set.index(state, at);
                walk.lone(ours[at], below, (a, b), true, false);
            }
            for at in added {
                let below = set.index(state, at);
                walk.lone(theirs[at], below, (a, b), false, false);
            }
        });
        pairs.sort_unstable();
        for (at, to) in pairs.into_iter().rev() {
            let state = set.index(state, at);
            let pair = Pair {
                a: ours[at].index(),
                b: theirs[to].index(),
                state,
            };
            self.todo.push((pair, path));
        }
    }

    fn order(
        &mut self,
        a: Node<'w>,
        b: Node<'w>,
        state: State,
        pairs: &[(usize, usize)],
        permutation: bool,
    ) {
        let mut pairs = pairs.to_vec();
        pairs.sort_unstable();
        let first = pairs.iter().find(|(at, to)| at != to);
        let count = self.found.len();
        let relation = ties::tied_by(a, b)
            .map(Relation::Ties)
            .or_else(|| permutation.then_some(Relation::Permutation));
        self.found_as(Kind::Order, (Some(a), Some(b)), state, relation);
        if let Some(found) = self.found.get_mut(count) {
            found.detail = first.map(|(at, to)| format!("element {at} is now element {to}"));
        }
    }

    fn accept(
        &mut self,
        kind: Kind,
        a: Option<Node<'w>>,
        b: Option<Node<'w>>,
        rule: Option<RuleId>,
    ) {
        let (a, b) = (a.map(|node| node.index()), b.map(|node| node.index()));
        self.forms.accept(Accepted { kind, a, b, rule });
    }

    fn found(&mut self, kind: Kind, a: Option<Node<'w>>, b: Option<Node<'w>>, state: State) {
        self.found_as(kind, (a, b), state, None);
    }

    fn found_as(
        &mut self,
        kind: Kind,
        (a, b): (Option<Node<'w>>, Option<Node<'w>>),
        state: State,
        relation: Option<Relation>,
    ) {
        let here = self.set.here(state);
        if here.is_some_and(|here: &AtPlace| !here.known.is_empty()) {
            let ours = a.map(|node| shown(self.reference, node));
            let theirs = b.map(|node| shown(self.candidate, node));
            if let Some(rule) = self
                .sink
                .known(here, kind, ours.as_deref(), theirs.as_deref())
            {
                return self.accept(kind, a, b, Some(rule));
            }
        }
        let found = Found {
            kind,
            a: a.map(|node| node.index()),
            b: b.map(|node| node.index()),
            parents: (0, 0),
            relation,
            detail: None,
            state,
            path: self.path,
        };
        if self.found.len() + self.sink.kept() >= MAX_FINDINGS {
            self.sink.count_only();
            self.make_room(found);
            return;
        }
        *self.crowd.entry((found.path, kind)).or_default() += 1;
        self.found.push(found);
    }

    /// At the bound a place that has no finding yet takes that of the last place with several: many
    /// rows that differ alike must not hide another difference behind them.
    fn make_room(&mut self, found: Found) {
        let own = (found.path, found.kind);
        if self.crowd.contains_key(&own) {
            return;
        }
        let crowd = &self.crowd;
        let crowded = |found: &Found| crowd.get(&(found.path, found.kind)) > Some(&1);
        let Some(at) = self.found.iter().rposition(crowded) else {
            return;
        };
        let gone = (self.found[at].path, self.found[at].kind);
        self.found[at] = found;
        if let Some(count) = self.crowd.get_mut(&gone) {
            *count -= 1;
        }
        self.crowd.insert(own, 1);
    }

    /// Does something at another place than the current one.
    fn inside(&mut self, path: u64, act: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.path, path);
        act(self);
        self.path = outer;
    }
}

/// The name of a place below another.
fn step(path: u64, key: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    (path, key).hash(&mut hasher);
    hasher.finish()
}

/// A key to look others up by: as text, or as written where a text cannot hold it.
fn name_of(key: Node<'_>) -> String {
    use std::fmt::Write;
    let name = key.as_str();
    if key.has_escapes() && key.units().any(|unit| char::from_u32(unit).is_none()) {
        // A lone surrogate: spelled out, behind a mark no key starts with by chance.
        let mut spelled = String::from("\0");
        for unit in key.units() {
            // Writing to a String cannot fail.
            let _ = write!(spelled, "{unit:x} ");
        }
        return spelled;
    }
    name.into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::same_key;
    use super::*;
    use crate::json::Document;

    #[test]
    fn keys_are_told_apart_as_the_quick_pass_does() {
        let text = r#"{"\ud800":1,"\ud801":2,"�":3,"\ufffd":4,"a":5,"\u0061":6}"#;
        let document = Document::parse(text.as_bytes()).expect("well formed");
        let keys: Vec<_> = document.root().members().map(|(key, _)| key).collect();
        for x in &keys {
            for y in &keys {
                assert_eq!(
                    name_of(*x) == name_of(*y),
                    same_key(*x, *y),
                    "{} {}",
                    x.raw(),
                    y.raw()
                );
            }
        }
    }
}
