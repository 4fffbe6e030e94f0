//! From many groups of differences to the few causes behind them.
//!
//! A cause is a signature: kind, relation with its parameter, and the end of the place. Every group
//! offers signatures from its whole place down to its last key; the cheapest set of them that covers
//! all groups is sought by greedy weighted set cover, whose cost is at most ln(n) + 1 times the least.
//!
//! What only follows from another difference of the same exchanges (`follow`) joins its cause and offers none.

#![deny(clippy::disallowed_methods)]

mod company;
pub mod conditions;
mod context;
mod fields;
mod follow;
mod left_behind;
pub mod minimise;
pub mod parts;
pub mod reduce;
mod refusal;

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

pub use self::context::{Compared, Context};
use self::follow::leaders;
pub use self::refusal::Refusal;
use self::refusal::refusals;
use crate::evidence::record::{Group, StatusPair};
use crate::ids::is_own_id;
use crate::relation::Relation;
use crate::verdict::Kind;

/// What it costs to name one more cause.
const NAMED: u64 = 100;
/// What each key costs that a signature leaves away from a place.
const LEFT_AWAY: u64 = 5;
/// What it costs to speak of every place.
const EVERYWHERE: u64 = 60;
/// A relation is taken for a trait of the whole service from this many differently named places on;
const EVERYWHERE_FROM: usize = 3;
/// from so many if it is one of [`FORMS`]: nobody writes one value in another form by hand, and twice.
const FORM_FROM: usize = 2;
/// Relations of two forms of one value, which are a matter of who writes them.
const FORMS: [&str; 7] = [
    "number-format",
    "timestamp-format",
    "timestamp-zone",
    "time-shift",
    "time-unit",
    "decimal-digits",
    "cut-fraction",
];
/// Statuses that speak of the method, the client or the service, whatever was asked with: 405, 429 and 503
/// ([RFC 9110, sections 15.5.6 and 15.6.4](https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6),
/// [RFC 6585, section 4](https://www.rfc-editor.org/rfc/rfc6585#section-4)).
const REGARDLESS: [u16; 3] = [405, 429, 503];
/// Relations that one setting of a serializer or framework brings about wherever it writes.
const SYSTEMIC: [&str; 11] = [
    "number-format",
    "presence",
    "timestamp-format",
    "timestamp-zone",
    "time-shift",
    "time-unit",
    "decimal-digits",
    "cut-fraction",
    "string-form",
    "escapes",
    "double-escaped",
];

/// In a signature: whatever status legacy answers with.
pub const ANY_STATUS: u16 = 0;

/// What the groups of one cause have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signature {
    /// How they differ.
    pub kind: Kind,
    /// How the values are related, in words with its parameter.
    pub relation: Option<String>,
    /// Both statuses, where these are what differs, or where they tell one cause from another; legacy's is
    /// [`ANY_STATUS`] where core answers alike whatever it is.
    pub statuses: Option<StatusPair>,
    /// The refusal that they have in common, where it tells one cause from another.
    pub refusal: Option<Refusal>,
    /// `header:NAME`, `status`, `body`, a place or its end (`…/price`), or `*` for every place.
    pub place: String,
}

impl Signature {
    /// Names the cause, alike in every report: 16 hexadecimal digits. With a refusal whose text is hidden only in
    /// those whose evidence has the same key.
    pub fn id(&self) -> String {
        let statuses = self.statuses.map(|pair| pair.to_string());
        let mut hasher = blake3::Hasher::new();
        for part in [
            self.kind.name(),
            self.relation.as_deref().unwrap_or_default(),
            statuses.as_deref().unwrap_or_default(),
            &self.place,
        ]
        .into_iter()
        .chain(self.refusal.as_ref().map(|refusal| refusal.says.as_str()))
        {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().to_hex().chars().take(16).collect()
    }

    /// What happens, in a few words.
    pub fn what(&self) -> String {
        let refusal = self.refusal.as_ref();
        let refusal = refusal.map_or_else(String::new, |one| format!(", saying {}", one.mark()));
        self.differs() + &refusal
    }

    fn differs(&self) -> String {
        match (&self.statuses, &self.relation) {
            (Some(pair), None) => match (pair.reference, pair.candidate) {
                (ANY_STATUS, Some(candidate)) => {
                    format!("status {candidate} whatever legacy says")
                }
                (reference, Some(candidate)) => format!("status {reference} becomes {candidate}"),
                (reference, None) => format!("no answer where legacy says {reference}"),
            },
            (Some(pair), Some(relation)) => {
                format!("{}: {relation}, status {}", self.kind, pair.reference)
            }
            (None, Some(relation)) => format!("{}: {relation}", self.kind),
            (None, None) => self.kind.to_string(),
        }
    }
}

/// One thing to repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// What its groups have in common.
    pub signature: Signature,
    /// Ids of its groups, the most frequent first; with those that follow from others.
    pub groups: Vec<String>,
    /// Of these, the ones that follow from no other.
    pub leading: BTreeSet<String>,
    /// Endpoints that show it.
    pub endpoints: BTreeSet<String>,
    /// Of these, the ones that show nothing else: equal once it is repaired.
    pub unlocks: usize,
    /// Exchanges that show it, at least: of the groups of one endpoint the largest counts, since one
    /// exchange may be in several.
    pub exchanges: u64,
}

/// The causes of `groups` (each with its id): first those whose repair makes most endpoints equal.
/// Every group belongs to exactly one cause; the same groups give the same causes in any order.
pub fn causes(groups: &[(&str, &Group)], context: &Context) -> Vec<Cause> {
    let mut groups = groups.to_vec();
    groups.sort_by_key(|(id, _)| *id);
    let leaders = leaders(&groups, context);
    let fields = fields::together(&groups);
    let refusals = refusals(&groups);
    let mut covers: BTreeMap<Signature, (u64, BTreeSet<usize>)> = BTreeMap::new();
    for (at, (_, group)) in groups.iter().enumerate() {
        if leaders[at].is_some() {
            continue;
        }
        for (signature, cost) in signatures(group, fields.get(&at), refusals.get(&at)) {
            let entry = covers.entry(signature).or_insert((cost, BTreeSet::new()));
            // The cost of the least exact member counts.
            entry.0 = entry.0.max(cost);
            entry.1.insert(at);
        }
    }
    covers.retain(|signature, (_, members)| {
        let names: BTreeSet<_> = members
            .iter()
            .map(|&at| keys(&groups[at].1.key.place).pop())
            .collect();
        let is_form = members.iter().any(|&at| {
            let relation = groups[at].1.key.relation.as_ref();
            relation.is_some_and(|relation| FORMS.contains(&relation.class.as_str()))
        });
        let from = if is_form { FORM_FROM } else { EVERYWHERE_FROM };
        signature.place != "*" || names.len() >= from
    });
    let mut chosen: Vec<(Signature, BTreeSet<usize>)> = Vec::new();
    let whole = covers.clone();
    loop {
        let best = covers
            .iter()
            .filter(|(_, (_, members))| !members.is_empty())
            .min_by(|(a_name, a), (b_name, b)| cheaper(a, b).then_with(|| a_name.cmp(b_name)));
        let Some((signature, (_, members))) =
            best.map(|(name, cover)| (name.clone(), cover.clone()))
        else {
            break;
        };
        for (_, rest) in covers.values_mut() {
            rest.retain(|at| !members.contains(at));
        }
        chosen.push((signature, members));
    }
    join(&whole, &mut chosen);
    for (signature, members) in &mut chosen {
        // As the most frequent of those that it was chosen for.
        let most = members
            .iter()
            .max_by_key(|&&at| (groups[at].1.exchanges, Reverse(at)));
        if let Some(&most) = most {
            signature.kind = groups[most].1.key.kind;
            if signature.refusal.is_some() {
                name_refusal(signature, &groups, members, most);
            }
        }
        let led = leaders.iter().enumerate().filter_map(|(at, leader)| {
            leader.filter(|leader| members.contains(leader)).map(|_| at)
        });
        let led: Vec<usize> = led.collect();
        members.extend(led);
    }
    ranked(&groups, &leaders, chosen)
}

/// Takes one signature for several that were chosen one after the other, where it covers them all and costs
/// less than they do together.
fn join(
    covers: &BTreeMap<Signature, (u64, BTreeSet<usize>)>,
    chosen: &mut Vec<(Signature, BTreeSet<usize>)>,
) {
    loop {
        let saved = |(cost, members): &(u64, BTreeSet<usize>)| {
            let covered = chosen.iter().filter(|(_, part)| part.is_subset(members));
            let sum: u64 = covered.map(|(part, _)| covers[part].0).sum();
            sum.saturating_sub(*cost)
        };
        let best = covers
            .iter()
            .map(|(signature, cover)| (saved(cover), signature))
            .max_by_key(|(saved, signature)| (*saved, Reverse(*signature)));
        let Some((1.., signature)) = best else {
            return;
        };
        let members = &covers[signature].1;
        let (parts, rest) = std::mem::take(chosen)
            .into_iter()
            .partition(|(_, part)| part.is_subset(members));
        *chosen = rest;
        let parts: Vec<(Signature, BTreeSet<usize>)> = parts;
        let all = parts.into_iter().flat_map(|(_, part)| part).collect();
        chosen.push((signature.clone(), all));
    }
}

/// Says what a shared refusal does: to which statuses, or else to which envelope.
fn name_refusal(
    signature: &mut Signature,
    groups: &[(&str, &Group)],
    members: &BTreeSet<usize>,
    most: usize,
) {
    let keys = members.iter().map(|&at| &groups[at].1.key);
    if keys.clone().all(|key| key.kind != Kind::Status) {
        let key = &groups[most].1.key;
        signature.relation = key.relation.as_ref().map(|relation| relation.text.clone());
        signature.statuses = Some(key.statuses);
        signature.place.clone_from(&key.place);
        return;
    }
    let pairs: BTreeSet<StatusPair> = keys.map(|key| key.statuses).collect();
    // What legacy refuses is told apart by what core says instead.
    signature.statuses = pairs.first().map(|pair| match pairs.len() {
        1 => *pair,
        _ => StatusPair {
            reference: ANY_STATUS,
            ..*pair
        },
    });
    signature.kind = Kind::Status;
}

/// Cost for each group still to be covered, as a fraction without rounding; then the larger cover.
fn cheaper(a: &(u64, BTreeSet<usize>), b: &(u64, BTreeSet<usize>)) -> Ordering {
    let (a_count, b_count) = (a.1.len() as u64, b.1.len() as u64);
    (a.0 * b_count)
        .cmp(&(b.0 * a_count))
        .then(b_count.cmp(&a_count))
}

/// Signatures that cover a group, each with its cost. `fields` names the header fields that are missing
/// together with this one, `refusal` is what it shares with other groups.
fn signatures(
    group: &Group,
    fields: Option<&String>,
    refusal: Option<&Refusal>,
) -> Vec<(Signature, u64)> {
    let key = &group.key;
    let class = key
        .relation
        .as_ref()
        .map(|relation| relation.class.as_str());
    let signature = |place: String| Signature {
        kind: if is_other_object(group) {
            Kind::IdConflict
        } else {
            key.kind
        },
        relation: key.relation.as_ref().map(|relation| relation.text.clone()),
        // One envelope is written by what rejects tokens, another by what reads the body.
        statuses: (key.kind == Kind::Status || class == Some("error-envelope"))
            .then_some(key.statuses),
        refusal: None,
        place,
    };
    if let Some(fields) = fields {
        return vec![(signature(format!("header:{fields}")), NAMED)];
    }
    let mut all = Vec::new();
    if let Some(refusal) = refusal {
        let mut refused = signature("status".to_owned());
        refused.kind = Kind::Status;
        (refused.relation, refused.statuses) = (None, None);
        refused.refusal = Some(refusal.clone());
        all.push((refused, NAMED));
        let refuses = |status| (400..500).contains(&status);
        // Where both refuse, it may as well be another status for the same reasons.
        if !(refuses(key.statuses.reference) && key.statuses.candidate.is_some_and(refuses)) {
            return all;
        }
    }
    let keys = keys(&key.place);
    all.push((signature(key.place.clone()), NAMED));
    for (away, rest) in keys.iter().enumerate() {
        // Of what it is the id, the last key alone does not say.
        if is_other_object(group) && away > 0 && rest.rfind('/') == Some(0) {
            continue;
        }
        let cost = NAMED + LEFT_AWAY * (away as u64 + 1);
        all.push((signature(format!("…{rest}")), cost));
    }
    if !keys.is_empty() && class.is_some_and(|class| SYSTEMIC.contains(&class)) {
        all.push((signature("*".to_owned()), NAMED + EVERYWHERE));
    }
    if class == Some(Relation::Ties(String::new()).class()) {
        // Who orders otherwise may happen to be seen among equal keys alone.
        let mut order = signature(key.place.clone());
        order.relation = Some(Relation::Permutation.to_string());
        all.push((order, NAMED + LEFT_AWAY));
    }
    let candidate = key.statuses.candidate;
    if key.kind == Kind::Status && candidate.is_some_and(|status| REGARDLESS.contains(&status)) {
        let mut regardless = signature(key.place.clone());
        regardless.statuses = Some(StatusPair {
            reference: ANY_STATUS,
            candidate,
        });
        all.push((regardless, NAMED + LEFT_AWAY));
    }
    all
}

/// Whether the id of an object differs: then it is another object, whether or not both were known before.
fn is_other_object(group: &Group) -> bool {
    let key = &group.key;
    let name = key.place.rsplit('/').next().unwrap_or_default();
    matches!(key.kind, Kind::ValueChange | Kind::IdConflict)
        && key.place.starts_with('/')
        && is_own_id(name)
}

/// The ends of a place inside a body, the longest first, each from a key that is no index on; none for
/// a header, the status and the body as a whole.
fn keys(place: &str) -> Vec<&str> {
    if !place.starts_with('/') {
        return Vec::new();
    }
    place
        .match_indices('/')
        .map(|(at, _)| &place[at..])
        .filter(|rest| !(rest.starts_with("/*/") || *rest == "/*"))
        .collect()
}

fn ranked(
    groups: &[(&str, &Group)],
    leaders: &[Option<usize>],
    chosen: Vec<(Signature, BTreeSet<usize>)>,
) -> Vec<Cause> {
    let mut shown_by: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, members) in &chosen {
        let endpoints: BTreeSet<&str> = members
            .iter()
            .map(|&at| groups[at].1.key.endpoint.as_str())
            .collect();
        for endpoint in endpoints {
            *shown_by.entry(endpoint).or_default() += 1;
        }
    }
    let mut causes: Vec<Cause> = Vec::new();
    for (signature, members) in chosen {
        let leading = members.iter().filter(|&&at| leaders[at].is_none());
        let leading = leading.map(|&at| groups[at].0.to_owned()).collect();
        let mut members: Vec<_> = members.into_iter().map(|at| groups[at]).collect();
        members.sort_by_key(|(id, group)| (Reverse(group.exchanges), *id));
        let mut largest: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, group) in &members {
            let count = largest.entry(&group.key.endpoint).or_default();
            *count = group.exchanges.max(*count);
        }
        causes.push(Cause {
            signature,
            leading,
            groups: members.iter().map(|(id, _)| (*id).to_owned()).collect(),
            unlocks: largest
                .keys()
                .filter(|endpoint| shown_by.get(**endpoint) == Some(&1))
                .count(),
            exchanges: largest.values().fold(0, |sum, n| sum.saturating_add(*n)),
            endpoints: largest.keys().map(|name| (*name).to_owned()).collect(),
        });
    }
    causes.sort_by(|a, b| {
        (b.unlocks, b.exchanges)
            .cmp(&(a.unlocks, a.exchanges))
            .then_with(|| a.signature.cmp(&b.signature))
    });
    causes
}

#[cfg(test)]
mod tests;
