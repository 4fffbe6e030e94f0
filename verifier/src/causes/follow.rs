//! Which differences only follow from another one of the same exchanges, and are no causes themselves.
//!
//! | what leads | what follows |
//! |---|---|
//! | another status, unless both are successes | whatever else differs, but for header fields that are missing anyway |
//! | another error envelope | the error's other members and its header fields, but for missing ones |
//! | other rows in a list, or another order | what the rows say, and how many there are |
//! | another id | what the object with that id says |
//! | a key under its old name | the new one |
//! | a member of another type | its neighbours that change alike, always together |
//! | what else an answer says | an id in it that nobody could know to be the same |
//! | a write that one side alone carried out | what its object says afterwards (`left_behind`) |
//! | a difference in few of the exchanges | another one in just these (`company`) |
//!
//! Beside the first and the last but one, each holds only for what is seen in no other exchange than what leads.

#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use super::Context;
use super::company::hosts;
use super::left_behind::writes;
use crate::evidence::record::{Group, MAX_SAMPLES, RelationText, StatusPair};
use crate::ids::is_own_id;
use crate::verdict::Kind;

/// Exchanges from which on two members that change together hardly do so by chance.
const TOGETHER: u64 = 3;

/// Endpoint and statuses: what the exchanges of a group have in common with those of others.
type Cell<'g> = (&'g str, StatusPair);

/// A header field that one side alone has: its place, and whether core is the side that lacks it.
type Missing<'g> = (&'g str, bool);

/// For each group the one that it follows from; `None` for those that lead.
pub(super) fn leaders(groups: &[(&str, &Group)], context: &Context) -> Vec<Option<usize>> {
    let mut cells: BTreeMap<Cell<'_>, Vec<usize>> = BTreeMap::new();
    for (at, (_, group)) in groups.iter().enumerate() {
        let key = &group.key;
        let cell = (key.endpoint.as_str(), key.statuses);
        cells.entry(cell).or_default().push(at);
    }
    // Two successes have answers of one form.
    let succeeds = |pair: StatusPair| {
        let success = 200..300;
        success.contains(&pair.reference)
            && pair
                .candidate
                .is_some_and(|status| success.contains(&status))
    };
    let status = |members: &[usize]| {
        let mut members = members.iter().copied();
        members.find(|&at| {
            let key = &groups[at].1.key;
            key.kind == Kind::Status && !succeeds(key.statuses)
        })
    };
    // Fields that are missing where statuses agree, and less often where they do not.
    let mut balance: BTreeMap<Missing<'_>, i64> = BTreeMap::new();
    for members in cells.values() {
        let agrees = status(members).is_none();
        for one in members.iter().filter_map(|&at| missing(groups[at].1)) {
            *balance.entry(one).or_default() += if agrees { 1 } else { -1 };
        }
    }
    let anyway = |at: usize| {
        let balance = missing(groups[at].1).and_then(|one| balance.get(&one));
        balance.is_some_and(|balance| *balance > 0)
    };
    let mut often: BTreeMap<Member<'_>, u64> = BTreeMap::new();
    for (_, group) in groups {
        if let Some(member) = Member::of(group) {
            let sum = often.entry(member).or_default();
            *sum = sum.saturating_add(group.exchanges);
        }
    }
    let mut leaders = vec![None; groups.len()];
    for members in cells.values() {
        if let Some(leader) = status(members) {
            for &at in members {
                if groups[at].1.key.kind != Kind::Status && !anyway(at) {
                    leaders[at] = Some(leader);
                }
            }
            continue;
        }
        let shown = In {
            groups,
            members,
            often: &often,
        };
        for &at in members {
            if !anyway(at) {
                leaders[at] = shown.leader(at);
            }
        }
    }
    for (at, write) in writes(groups, context, |at| leaders[at].is_none()) {
        leaders[at] = Some(write);
    }
    let company = hosts(groups, &context.compared, |at| leaders[at].is_none());
    for (at, host) in company {
        leaders[at] = Some(host);
    }
    // What leads may follow from something itself.
    for at in 0..leaders.len() {
        let mut seen = BTreeSet::from([at]);
        while let Some(next) = leaders[at].and_then(|leader| leaders[leader]) {
            // No two rules lead in a circle; a group that did would belong to no cause.
            leaders[at] = seen.insert(next).then_some(next);
        }
    }
    leaders
}

/// Header fields that one side lacks.
pub(super) fn missing(group: &Group) -> Option<Missing<'_>> {
    let key = &group.key;
    let difference = &group.samples.first()?.difference;
    if key.kind != Kind::Header {
        return None;
    }
    match (&difference.reference, &difference.candidate) {
        (Some(_), None) => Some((&key.place, true)),
        (None, Some(_)) => Some((&key.place, false)),
        _ => None,
    }
}

/// Whether all exchanges of `part` are among those of `whole`, as far as their counts and the examples
/// that are kept tell: these are the ones of least rank, so that one that `whole` has not kept although it is
/// below another of its own is none of its exchanges.
pub(super) fn within(part: &Group, whole: &Group) -> bool {
    let Some(last) = whole.samples.last() else {
        return false;
    };
    let cut = whole.samples.len() >= MAX_SAMPLES;
    let known = |rank: &str| whole.samples.iter().any(|sample| sample.rank == rank);
    let mut ranks = part.samples.iter().map(|sample| sample.rank.as_str());
    part.exchanges <= whole.exchanges
        && !part.samples.is_empty()
        && ranks.all(|rank| known(rank) || (cut && rank > last.rank.as_str()))
}

/// Whether both sides have a whole number at a place outside every list, which is no id.
pub(super) fn is_count(group: &Group) -> bool {
    let number = |text: &Option<String>| {
        text.as_deref()
            .is_some_and(|text| text.parse::<u64>().is_ok())
    };
    let key = &group.key;
    let is_id = key.place.rsplit('/').next().is_some_and(is_own_id);
    key.kind == Kind::ValueChange
        && !key.place.contains("/*")
        && !is_id
        && group.samples.first().is_some_and(|one| {
            number(&one.difference.reference) && number(&one.difference.candidate)
        })
}

/// Groups of one endpoint whose statuses agree.
struct In<'g> {
    groups: &'g [(&'g str, &'g Group)],
    members: &'g [usize],
    /// In how many exchanges each member is seen, at all endpoints.
    often: &'g BTreeMap<Member<'g>, u64>,
}

impl<'g> In<'g> {
    fn place(&self, at: usize) -> &'g str {
        &self.groups[at].1.key.place
    }

    fn kind(&self, at: usize) -> Kind {
        self.groups[at].1.key.kind
    }

    fn class(&self, at: usize) -> &'g str {
        let relation = self.groups[at].1.key.relation.as_ref();
        relation.map_or("", |relation| relation.class.as_str())
    }

    fn within(&self, part: usize, whole: usize) -> bool {
        within(self.groups[part].1, self.groups[whole].1)
    }

    fn find(&self, mut wanted: impl FnMut(usize) -> bool) -> Option<usize> {
        self.members.iter().copied().find(|&at| wanted(at))
    }

    fn leader(&self, at: usize) -> Option<usize> {
        let leader = self
            .envelope(at)
            .or_else(|| self.rows(at))
            .or_else(|| self.unknown_id(at))
            .or_else(|| self.object(at))
            .or_else(|| self.renamed(at))
            .or_else(|| self.neighbour(at));
        // An envelope leads itself, and so nothing else does.
        leader.filter(|&leader| leader != at)
    }

    fn envelope(&self, at: usize) -> Option<usize> {
        let is_envelope = |at: usize| self.class(at) == "error-envelope";
        let all = self.members.iter().copied().filter(|&at| is_envelope(at));
        let leader = all.min_by_key(|&at| (self.place(at) != "body", self.place(at)))?;
        let follows = is_envelope(at) || self.within(at, leader);
        follows.then_some(leader)
    }

    /// The list whose rows differ as rows: in another order, more of them or fewer.
    fn list(&self, at: usize) -> Option<&'g str> {
        let place = self.place(at);
        match self.kind(at) {
            Kind::Order => Some(place),
            Kind::FieldAdded | Kind::FieldRemoved => place.strip_suffix("/*"),
            _ => None,
        }
    }

    fn rows(&self, at: usize) -> Option<usize> {
        let own = self.list(at);
        // Of several signs of one list the order comes first, as the one that says most.
        let first = |list: &str| {
            let signs = self.members.iter().copied();
            let signs = signs.filter(|&other| self.list(other) == Some(list));
            signs.min_by_key(|&other| (self.kind(other) != Kind::Order, self.kind(other), other))
        };
        if let Some(list) = own
            && let Some(leader) = first(list).filter(|&leader| leader != at)
        {
            return Some(leader);
        }
        let (place, is_count) = (self.place(at), is_count(self.groups[at].1));
        let sign = self.find(|other| {
            let Some(list) = self.list(other).filter(|list| Some(*list) != own) else {
                return false;
            };
            let below = place.strip_prefix(list);
            let inside = below.is_some_and(|rest| rest.starts_with("/*/"));
            let counts = is_count && self.kind(other) != Kind::Order;
            (inside || counts) && self.within(at, other)
        })?;
        self.list(sign).and_then(first)
    }

    /// The object around an id that differs, with a slash at its end.
    fn around(&self, at: usize) -> Option<&'g str> {
        let place = self.place(at);
        let (_, key) = place.rsplit_once('/')?;
        let differs = matches!(self.kind(at), Kind::ValueChange | Kind::IdConflict);
        (differs && is_own_id(key)).then(|| &place[..place.len() - key.len()])
    }

    fn object(&self, at: usize) -> Option<usize> {
        let place = self.place(at);
        let own = self.around(at);
        let all = self.members.iter().copied();
        let ids = all.filter(|&id| {
            let Some(object) = self.around(id) else {
                return false;
            };
            // An id follows from one further out, and of two at one place the second from the first.
            let further = self.unknown_id(id).is_none()
                && own.is_none_or(|own| object.len() < own.len() || (object == own && id < at));
            further && place.starts_with(object) && self.within(at, id)
        });
        ids.min_by_key(|&id| (self.place(id).len(), id))
    }

    /// An id that was not known to belong to core's, in answers that differ in what others show as well: the
    /// object is the same, only nobody could tell.
    fn unknown_id(&self, at: usize) -> Option<usize> {
        let object = self.around(at)?;
        if self.kind(at) != Kind::ValueChange {
            return None;
        }
        let others = self.members.iter().copied().filter(|&other| {
            other != at && self.place(other).starts_with(object) && self.kind(other) != Kind::Header
        });
        // What only this object says speaks for another one.
        let (elsewhere, here): (Vec<usize>, Vec<usize>) = others
            .filter(|&other| self.within(at, other) || self.within(other, at))
            .partition(|&other| self.groups[other].1.exchanges > self.groups[at].1.exchanges);
        here.is_empty().then(|| elsewhere.into_iter().min())?
    }

    fn renamed(&self, at: usize) -> Option<usize> {
        let is_renamed = |at: usize, kind| self.kind(at) == kind && self.class(at) == "key-renamed";
        if !is_renamed(at, Kind::FieldAdded) {
            return None;
        }
        let relation = |at: usize| self.groups[at].1.key.relation.as_ref();
        let (_, key) = self.place(at).rsplit_once('/')?;
        let key = format!("`{key}`");
        self.find(|other| {
            is_renamed(other, Kind::FieldRemoved)
                && relation(other).is_some_and(|relation| relation.text.contains(&key))
                && self.within(at, other)
        })
    }

    /// The first of the members of one object that become another type together, here and wherever else
    /// they stand side by side.
    fn neighbour(&self, at: usize) -> Option<usize> {
        let (parent, _) = self.place(at).rsplit_once('/')?;
        let ours = Member::of(self.groups[at].1)?;
        let often = *self.often.get(&ours)?;
        let all = self.members.iter().copied();
        let alike = all.filter(|&other| {
            let theirs = Member::of(self.groups[other].1);
            theirs.is_some_and(|theirs| {
                theirs.relation == ours.relation && self.often.get(&theirs) == Some(&often)
            }) && self.place(other).rsplit_once('/').map(|(parent, _)| parent) == Some(parent)
                && self.within(at, other)
                && self.within(other, at)
        });
        (often >= TOGETHER).then(|| alike.min_by_key(|&other| self.place(other)))?
    }
}

/// A member that becomes another type: the end of its object's place, its key and how.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Member<'g> {
    object: &'g str,
    key: &'g str,
    relation: Option<&'g RelationText>,
}

impl<'g> Member<'g> {
    fn of(group: &'g Group) -> Option<Self> {
        let (parent, key) = group.key.place.rsplit_once('/')?;
        (group.key.kind == Kind::TypeChange).then(|| Self {
            object: parent.rsplit('/').next().unwrap_or_default(),
            key,
            relation: group.key.relation.as_ref(),
        })
    }
}
