//! Whether two documents are equal but for form and what rules accept. Stops at the first difference.

use crate::json::{JsonType, Node};
use crate::rules::{Pairing, RuleId, RuleSet, State};
use crate::verdict::Kind;

use super::hash::Hashes;
use super::pairing::key_of;
use super::{Accepted, Forms, Pair, Scalars, Side, accepts, below, same_key, same_scalar};

/// Containers up to this length are first compared as bytes. Longer ones are not: in a deep document
/// every level would read the same bytes again.
const MAX_BYTEWISE: usize = 512;

/// Objects with more members than this are matched over a sorted list when their orders differ.
const MAX_SCANNED: usize = 64;

/// Orders of members that are remembered: rows, and the objects that each of them holds.
const MAX_ORDERS: usize = 8;

/// How the members of one object were found among those of its partner. The rows of an array, as one
/// service writes them, all have the same keys in the same order.
struct Order<'q> {
    /// The reference's keys, all different and without escapes.
    keys: Vec<Node<'q>>,
    /// Where the candidate has each of them.
    places: Vec<u8>,
}

/// Returns what differs in form when nothing differs that counts, else `None`.
pub(super) fn same(reference: &Side<'_>, candidate: &Side<'_>, set: &RuleSet) -> Option<Forms> {
    let mut quick = Quick::new(reference, candidate, set);
    quick.run(Pair::root(set)).then_some(quick.forms)
}

/// Whether two subtrees are equal but for form and what rules accept.
pub(super) fn same_subtree(
    reference: &Side<'_>,
    candidate: &Side<'_>,
    set: &RuleSet,
    pair: Pair,
) -> bool {
    Quick::new(reference, candidate, set).run(pair)
}

struct Quick<'q> {
    reference: &'q Side<'q>,
    candidate: &'q Side<'q>,
    set: &'q RuleSet,
    todo: Vec<Pair>,
    forms: Forms,
    masked: bool,
    hashes: Option<(Hashes, Hashes)>,
    orders: Vec<Order<'q>>,
    /// The candidate's members of one object; kept for its memory.
    theirs: Vec<(Node<'q>, Node<'q>)>,
}

impl<'q> Quick<'q> {
    fn new(reference: &'q Side<'q>, candidate: &'q Side<'q>, set: &'q RuleSet) -> Self {
        Self {
            reference,
            candidate,
            set,
            todo: Vec::new(),
            forms: Forms::default(),
            masked: !(reference.masks.is_empty() && candidate.masks.is_empty()),
            hashes: None,
            orders: Vec::new(),
            theirs: Vec::new(),
        }
    }

    fn run(&mut self, root: Pair) -> bool {
        let (a, b) = (
            self.reference.document.node(root.a),
            self.candidate.document.node(root.b),
        );
        if !self.values(a, b, root.state) {
            return false;
        }
        while let Some(Pair { a, b, state }) = self.todo.pop() {
            let (a, b) = (
                self.reference.document.node(a),
                self.candidate.document.node(b),
            );
            let same = match a.kind() {
                JsonType::Object => self.objects(a, b, state),
                _ => self.arrays(a, b, state),
            };
            if !same {
                return false;
            }
        }
        true
    }

    /// Two values: scalars are decided, containers put off.
    #[inline]
    fn values(&mut self, a: Node<'q>, b: Node<'q>, state: State) -> bool {
        if self.masked {
            match (
                self.reference.mask(a.index()),
                self.candidate.mask(b.index()),
            ) {
                (None, None) => {}
                (Some(x), Some(y)) => return x.same(y),
                _ => return false,
            }
        }
        if state != State::NONE && self.accepted(a, b, state) {
            return true;
        }
        if a.kind() != b.kind() {
            return false;
        }
        if a.kind().is_container() {
            let alike = !self.masked
                && a.raw_bytes().len() <= MAX_BYTEWISE
                && a.raw_bytes() == b.raw_bytes();
            if !alike {
                self.todo.push(Pair {
                    a: a.index(),
                    b: b.index(),
                    state,
                });
            }
            return true;
        }
        match same_scalar(a, b) {
            Scalars::Alike => true,
            Scalars::Escaped => {
                self.forms.escapes = true;
                true
            }
            Scalars::NumberForm => {
                let counts = self
                    .set
                    .here(state)
                    .is_some_and(|here| here.number_format.is_some());
                if !counts {
                    self.accept(Kind::Format, Some(a), Some(b), None);
                }
                !counts
            }
            Scalars::Different => false,
        }
    }

    fn accepted(&mut self, a: Node<'q>, b: Node<'q>, state: State) -> bool {
        let Some(rule) = self.set.here(state).and_then(|here| accepts(here, a, b)) else {
            return false;
        };
        let kind = if a.kind() == b.kind() {
            Kind::ValueChange
        } else {
            Kind::TypeChange
        };
        self.accept(kind, Some(a), Some(b), Some(rule));
        true
    }

    fn accept(
        &mut self,
        kind: Kind,
        a: Option<Node<'q>>,
        b: Option<Node<'q>>,
        rule: Option<RuleId>,
    ) {
        let (a, b) = (a.map(|node| node.index()), b.map(|node| node.index()));
        self.forms.accept(Accepted { kind, a, b, rule });
    }

    fn objects(&mut self, a: Node<'q>, b: Node<'q>, state: State) -> bool {
        // Without rules below, a count that differs is a difference.
        if state == State::NONE && a.child_count() != b.child_count() {
            return false;
        }
        let mut theirs = b.members();
        for (position, (key, value)) in a.members().enumerate() {
            match theirs.next() {
                Some((name, other)) if same_key(key, name) => {
                    if !self.values(value, other, below(self.set, state, key)) {
                        return false;
                    }
                }
                _ => return self.reordered(a, b, state, position),
            }
        }
        theirs.all(|(name, value)| self.lone(value, below(self.set, state, name), false))
    }

    /// Objects whose members stop matching in order at `from`.
    fn reordered(&mut self, a: Node<'q>, b: Node<'q>, state: State, from: usize) -> bool {
        if a.child_count().max(b.child_count()) > MAX_SCANNED {
            return self.sorted(a, b, state, from);
        }
        if let Some(verdict) = self.as_before(a, b, state, from) {
            return verdict;
        }
        // A bit for every member of the candidate that has found its partner.
        let mut used: u64 = (1 << from) - 1;
        // Where the next key most often is: after the one found last.
        let (mut next, mut expected) = (from, b.members());
        for _ in 0..from {
            expected.next();
        }
        let mut moved = false;
        let mut order = Order {
            keys: a.members().map(|(key, _)| key).collect(),
            places: (0..u8::try_from(from).unwrap_or(0)).collect(),
        };
        for (key, value) in a.members().skip(from) {
            let state = below(self.set, state, key);
            let mut partner = None;
            let mut ahead = expected.clone();
            if let Some((name, other)) = ahead.next()
                && used >> next & 1 == 0
                && same_key(key, name)
            {
                partner = Some((next, other));
                (next, expected) = (next + 1, ahead);
            } else {
                let mut walk = b.members();
                let mut at = 0;
                while let Some((name, other)) = walk.next() {
                    if used >> at & 1 == 0 && same_key(key, name) {
                        moved = true;
                        partner = Some((at, other));
                        (next, expected) = (at + 1, walk);
                        break;
                    }
                    at += 1;
                }
            }
            match partner {
                Some((at, other)) => {
                    used |= 1 << at;
                    order.places.extend(u8::try_from(at));
                    if !self.values(value, other, state) {
                        return false;
                    }
                }
                None if !self.lone(value, state, true) => return false,
                None => {}
            }
        }
        if moved && a.child_count() == b.child_count() {
            self.remember(order);
        }
        self.forms.key_order |= moved;
        b.members()
            .enumerate()
            .filter(|(at, _)| used >> at & 1 == 0)
            .all(|(_, (name, value))| {
                let state = below(self.set, state, name);
                self.lone(value, state, false)
            })
    }

    /// Objects with the keys of an earlier pair in the orders of that pair; `None` where there was none.
    /// Only what comes from `from` on is still to be judged.
    fn as_before(&mut self, a: Node<'q>, b: Node<'q>, state: State, from: usize) -> Option<bool> {
        let count = a.child_count();
        if self.orders.is_empty() || b.child_count() != count {
            return None;
        }
        let mut theirs = std::mem::take(&mut self.theirs);
        theirs.clear();
        theirs.extend(b.members());
        let fits = |order: &&Order<'q>| {
            order.keys.len() == count
                && a.members()
                    .zip(order.keys.iter().zip(&order.places))
                    .enumerate()
                    .all(|(at, ((key, _), (known, place)))| {
                        let place = usize::from(*place);
                        (at >= from || place == at)
                            && key.raw_bytes() == known.raw_bytes()
                            && key.raw_bytes() == theirs[place].0.raw_bytes()
                    })
        };
        let found = self.orders.iter().position(|order| fits(&order));
        let verdict = found.map(|found| {
            for (at, (key, value)) in a.members().enumerate().skip(from) {
                let other = theirs[usize::from(self.orders[found].places[at])].1;
                if !self.values(value, other, below(self.set, state, key)) {
                    return false;
                }
            }
            self.forms.key_order = true;
            true
        });
        self.theirs = theirs;
        verdict
    }

    /// Keeps an order in which every member has found its partner, if the keys alone decide it: of equal
    /// keys the order decides.
    fn remember(&mut self, order: Order<'q>) {
        let Order { keys, places } = &order;
        let clear = |(at, key): (usize, &Node<'q>)| {
            let equal = |other: &Node<'q>| other.raw_bytes() == key.raw_bytes();
            !key.has_escapes() && !keys[..at].iter().any(equal)
        };
        if self.orders.len() < MAX_ORDERS
            && places.len() == keys.len()
            && keys.iter().enumerate().all(clear)
        {
            self.orders.push(order);
        }
    }

    /// The same for large objects, over their sorted keys.
    fn sorted(&mut self, a: Node<'q>, b: Node<'q>, state: State, from: usize) -> bool {
        let order = |node: Node<'q>| {
            let mut members: Vec<_> = node
                .members()
                .skip(from)
                .map(|(key, value)| (key.as_str(), key, value))
                .collect();
            // Stable: duplicates stay in their order.
            members.sort_by(|x, y| x.0.cmp(&y.0));
            members
        };
        let (ours, theirs) = (order(a), order(b));
        let mut theirs = theirs.into_iter().peekable();
        for (name, key, value) in ours {
            while let Some((_, key, other)) = theirs.next_if(|(other, ..)| *other < name) {
                if !self.lone(other, below(self.set, state, key), false) {
                    return false;
                }
            }
            let state = below(self.set, state, key);
            // Lone surrogates look alike in `as_str`; the keys themselves decide.
            let partner =
                theirs.next_if(|(other, key_there, _)| *other == name && same_key(key, *key_there));
            let passes = match partner {
                Some((_, _, other)) => self.values(value, other, state),
                None => self.lone(value, state, true),
            };
            if !passes {
                return false;
            }
        }
        self.forms.key_order = true;
        theirs.all(|(_, key, value)| self.lone(value, below(self.set, state, key), false))
    }

    /// A member that only one side has.
    fn lone(&mut self, value: Node<'q>, state: State, ours: bool) -> bool {
        let Some(rule) = super::absence(self.set, state, value) else {
            return false;
        };
        if ours {
            self.accept(Kind::FieldRemoved, Some(value), None, Some(rule));
        } else {
            self.accept(Kind::FieldAdded, None, Some(value), Some(rule));
        }
        true
    }

    fn arrays(&mut self, a: Node<'q>, b: Node<'q>, state: State) -> bool {
        if a.child_count() != b.child_count() {
            return false;
        }
        if let Some((pairing, rule)) = self.set.here(state).and_then(|h| h.pairing.as_ref()) {
            return self.unordered(a, b, state, pairing, *rule);
        }
        for (at, (x, y)) in a.elements().zip(b.elements()).enumerate() {
            if !self.values(x, y, self.set.index(state, at)) {
                return false;
            }
        }
        true
    }

    fn unordered(
        &mut self,
        a: Node<'q>,
        b: Node<'q>,
        state: State,
        pairing: &Pairing,
        rule: RuleId,
    ) -> bool {
        let (reference, candidate, set) = (self.reference, self.candidate, self.set);
        let hashes = self
            .hashes
            .get_or_insert_with(|| (Hashes::new(reference, set), Hashes::new(candidate, set)));
        let order = |array: Node<'q>, side: &Side<'_>, hashes: &Hashes| {
            let mut order: Vec<_> = array
                .elements()
                .enumerate()
                .map(|(at, element)| {
                    let by = match pairing {
                        Pairing::Multiset => hashes.of(element),
                        Pairing::By(key) => key_of(element, key, side, hashes).unwrap_or(0),
                    };
                    (by, at, element)
                })
                .collect();
            // The position keeps equal ones in their order.
            order.sort_unstable_by_key(|&(by, at, _)| (by, at));
            order
        };
        let ours = order(a, reference, &hashes.0);
        let theirs = order(b, candidate, &hashes.1);
        let mut moved = false;
        for ((by, at, x), (other, to, y)) in ours.into_iter().zip(theirs) {
            moved |= at != to;
            if by != other || !self.values(x, y, self.set.index(state, at)) {
                return false;
            }
        }
        if moved {
            self.accept(Kind::Order, Some(a), Some(b), Some(rule));
        }
        true
    }
}
