#![deny(clippy::disallowed_methods)]
//! Two answers, each read once: ids in them that belong together, tokens, and core's answer with legacy's ids.

use std::cmp::Reverse;
use std::ops::Range;

use super::IdMap;
use super::keys::{Keys, head};
use super::nearly;
use super::reading::{Reading, id_of};
use crate::json::{JsonType, Node};
use crate::relation::is_jwt;

/// Deeper or wider answers are not looked through to their end.
const MAX_NODES: usize = 200_000;

/// Two ids at one place of two answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aligned {
    /// The type of the object.
    pub kind: String,
    /// Legacy's id.
    pub legacy: String,
    /// Core's id.
    pub core: String,
    /// The place in legacy's answer; [`Answers::pointer`] writes it out.
    pub at: u32,
    /// Whether all around them says that both are the same object; else they only stand at one place.
    pub sure: bool,
    /// Whether legacy gave its id out while somebody looked. Two answers alone do not tell: it is set by who
    /// knows, see [`IdMap::is_born`].
    pub born: bool,
}

/// Two answers to one request, as far as they are JSON.
pub struct Answers<'t> {
    keys: &'t Keys,
    legacy: Option<Reading<'t>>,
    core: Option<Reading<'t>>,
}

/// Two nodes that stand at the same place, in a type, and whether they are surely of one object.
type At<'d> = (Node<'d>, Node<'d>, &'d str, bool);

impl<'t> Answers<'t> {
    /// Reads both.
    pub fn read(legacy: &'t [u8], core: &'t [u8], keys: &'t mut Keys) -> Self {
        keys.bound();
        let legacy = Reading::of(legacy, keys);
        let core = Reading::of(core, keys);
        Self { keys, legacy, core }
    }

    /// Pairs the ids of the two, in legacy's order within each list. `kind` is the type of what the endpoint
    /// answers; `made` tells that the request has just made the object on both sides, so that it surely is the
    /// same.
    pub fn align(&self, kind: &str, made: bool) -> Vec<Aligned> {
        let (Some(a), Some(b)) = (&self.legacy, &self.core) else {
            return Vec::new();
        };
        let mut aligned = Vec::new();
        let mut members = Members::of(self.keys);
        let alike = |ours: Node<'_>, theirs: Node<'_>| {
            let says = a.says(ours);
            says.is_some() && theirs.kind() == ours.kind() && says == b.says(theirs)
        };
        let (a_root, b_root) = (a.document.root(), b.document.root());
        let sure = made || (a_root.kind().is_container() && alike(a_root, b_root));
        let mut todo: Vec<At<'_>> = vec![(a_root, b_root, kind, sure)];
        let mut seen = 0;
        while let Some((ours, theirs, kind, sure)) = todo.pop() {
            seen += 1;
            if seen > MAX_NODES || ours.kind() != theirs.kind() {
                continue;
            }
            if ours.kind() == JsonType::Array {
                rows(self.keys, (ours, a), (theirs, b), kind, &mut todo);
                continue;
            }
            members.look_at(theirs, b);
            for (key, value) in ours.members() {
                let symbol = a.symbol(key);
                let key = self.keys.key(symbol);
                let is_container = value.kind().is_container();
                if !is_container && !key.is_id() {
                    continue;
                }
                let Some(other) = members.get(symbol).map(|index| b.document.node(index)) else {
                    continue;
                };
                if let Some(kind) = key.id(kind) {
                    if key.is_list() {
                        lists(&mut aligned, (value, other), kind, sure);
                    } else {
                        push(&mut aligned, (value, other), kind, sure);
                    }
                }
                if is_container {
                    // An object within says for itself whether it is the same.
                    let sure = sure || (other.kind().is_container() && alike(value, other));
                    todo.push((value, other, key.below(kind), sure));
                }
            }
        }
        aligned
    }

    /// The place of two ids as a JSON Pointer.
    pub fn pointer(&self, aligned: &Aligned) -> String {
        let legacy = self.legacy.as_ref();
        legacy.map_or_else(String::new, |a| a.document.pointers(aligned.at).0)
    }

    /// Core's answer as legacy would have written it: core's ids replaced by legacy's where the map knows
    /// them, and tokens by `token`. `None` where nothing changes.
    pub fn to_legacy(
        &self,
        kind: &str,
        map: &IdMap,
        token: impl Fn(&str) -> Option<String>,
    ) -> Option<Vec<u8>> {
        let core = self.core.as_ref()?;
        let mut cuts: Vec<(Range<usize>, String)> = Vec::new();
        core.visit(self.keys, kind, |node, id| {
            let id = id.and_then(|kind| id_of(node).map(|text| (kind, text)));
            let new = match id {
                Some((kind, text)) => map.to_legacy(kind, &text).map(str::to_owned),
                None if node.kind() == JsonType::String => token(&node.as_str()),
                None => None,
            };
            if let Some(new) = new {
                cuts.push((range(node), written(node, &new)));
            }
        });
        splice(core.document.text(), cuts)
    }

    /// The ids that legacy's answer to the making of an object gives out: those of the type itself, which
    /// comes with them.
    pub fn given_out<'k>(&self, kind: &'k str) -> (&'k str, Vec<String>) {
        let (own, mut ids) = (head(kind), Vec::new());
        if let Some(legacy) = &self.legacy {
            legacy.visit(self.keys, kind, |node, id| {
                if id == Some(own)
                    && let Some(text) = id_of(node)
                {
                    ids.push(text.into_owned());
                }
            });
        }
        (own, ids)
    }

    /// Whether legacy's answer has an id for which `is_it` holds, given its type and itself.
    pub fn has_id(&self, kind: &str, is_it: impl Fn(&str, &str) -> bool) -> bool {
        let mut found = false;
        if let Some(legacy) = &self.legacy {
            legacy.visit(self.keys, kind, |node, id| {
                let id = id.and_then(|kind| id_of(node).map(|id| (kind, id)));
                found |= id.is_some_and(|(kind, id)| is_it(kind, &id));
            });
        }
        found
    }

    /// Tokens that both give out at one place: JWTs, and long strings under a key that says so.
    pub fn tokens(&self) -> Vec<(String, String)> {
        const SHORTEST: usize = 16;
        let (Some(a), Some(b)) = (&self.legacy, &self.core) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let mut members = Members::of(self.keys);
        let mut todo = vec![(a.document.root(), b.document.root())];
        while let Some((ours, theirs)) = todo.pop() {
            members.look_at(theirs, b);
            for (key, value) in ours.members() {
                if !matches!(value.kind(), JsonType::Object | JsonType::String) {
                    continue;
                }
                let other = members.get(a.symbol(key));
                let other = other.map(|index| b.document.node(index));
                let Some(other) = other.filter(|other| other.kind() == value.kind()) else {
                    continue;
                };
                if value.kind() == JsonType::Object {
                    todo.push((value, other));
                    continue;
                }
                let text = value.as_str();
                let named = || {
                    let key = key.as_str().to_ascii_lowercase();
                    ["token", "session", "secret"]
                        .iter()
                        .any(|word| key.contains(word))
                };
                if is_jwt(&text) || (text.len() >= SHORTEST && named()) {
                    found.push((text.into_owned(), other.as_str().into_owned()));
                }
            }
        }
        found
    }
}

/// Where the members of one object are, by the symbols of their keys.
struct Members {
    /// By symbol: the object that had it last, and the value there.
    places: Vec<(u32, u32)>,
    object: u32,
}

impl Members {
    fn of(keys: &Keys) -> Self {
        Self {
            places: vec![(u32::MAX, 0); keys.len()],
            object: u32::MAX,
        }
    }

    /// From now on it is about this object. Of duplicate keys the last one holds.
    fn look_at(&mut self, object: Node<'_>, reading: &Reading<'_>) {
        self.object = object.index();
        for (key, value) in object.members() {
            self.places[reading.symbol(key) as usize] = (self.object, value.index());
        }
    }

    fn get(&self, symbol: u32) -> Option<u32> {
        let (object, value) = self.places[symbol as usize];
        (object == self.object).then_some(value)
    }
}

fn lists(aligned: &mut Vec<Aligned>, (a, b): (Node<'_>, Node<'_>), kind: &str, sure: bool) {
    if a.kind() == JsonType::Array
        && b.kind() == JsonType::Array
        && a.child_count() == b.child_count()
    {
        for pair in a.elements().zip(b.elements()) {
            push(aligned, pair, kind, sure);
        }
    }
}

fn push(aligned: &mut Vec<Aligned>, (a, b): (Node<'_>, Node<'_>), kind: &str, sure: bool) {
    if a.kind() == b.kind()
        && let (Some(legacy), Some(core)) = (id_of(a), id_of(b))
    {
        aligned.push(Aligned {
            kind: kind.to_owned(),
            legacy: legacy.into_owned(),
            core: core.into_owned(),
            at: a.index(),
            sure,
            born: false,
        });
    }
}

/// Rows that say the same but for their ids belong together, if no other row says the same; then those that
/// nearly do.
fn rows<'d>(
    keys: &Keys,
    (a, ours): (Node<'d>, &Reading<'_>),
    (b, theirs): (Node<'d>, &Reading<'_>),
    kind: &'d str,
    todo: &mut Vec<At<'d>>,
) {
    let (alone, others) = (single(a, ours), single(b, theirs));
    let mut pairs = Vec::with_capacity(alone.len());
    let mut rest = others.into_iter().peekable();
    for (says, row) in alone {
        while rest.next_if(|(other, _)| *other < says).is_some() {}
        if let Some((_, other)) = rest.next_if(|(other, _)| *other == says) {
            pairs.push((row, other));
        }
    }
    if pairs.len() < a.child_count().min(b.child_count()) {
        pairs.extend(nearly::pairs(keys, (a, ours), (b, theirs), &pairs));
    }
    // The last one that goes in is the first to be looked at.
    pairs.sort_unstable_by_key(|(row, _)| Reverse(row.index()));
    todo.extend(pairs.into_iter().map(|(a, b)| (a, b, kind, true)));
}

/// The rows that say what no other one says, by what they say.
fn single<'d>(rows: Node<'d>, reading: &Reading<'_>) -> Vec<(u64, Node<'d>)> {
    let rows = rows.elements().filter(|row| row.kind().is_container());
    let says = rows.filter_map(|row| reading.says(row).map(|says| (says, row)));
    let mut all: Vec<(u64, Node<'d>)> = says.collect();
    all.sort_unstable_by_key(|(says, _)| *says);
    let alone = all.chunk_by(|(one, _), (next, _)| one == next);
    let alone = alone.filter_map(|rows| match rows {
        [row] => Some(*row),
        _ => None,
    });
    alone.collect()
}

/// Pairs the ids of two answers, see [`Answers::align`].
pub fn align(legacy: &[u8], core: &[u8], kind: &str, made: bool) -> Vec<Aligned> {
    Answers::read(legacy, core, &mut Keys::default()).align(kind, made)
}

/// An answer of core alone as legacy would have written it, see [`Answers::to_legacy`].
pub fn to_legacy(
    core: &[u8],
    kind: &str,
    map: &IdMap,
    token: impl Fn(&str) -> Option<String>,
) -> Option<Vec<u8>> {
    Answers::read(&[], core, &mut Keys::default()).to_legacy(kind, map, token)
}

pub(super) fn range(node: Node<'_>) -> Range<usize> {
    node.offset()..node.offset() + node.raw().len()
}

/// A new value in the JSON type of the old one, as far as it can be written in it.
pub(super) fn written(old: Node<'_>, new: &str) -> String {
    if old.kind() == JsonType::Number && new.bytes().all(|byte| byte.is_ascii_digit()) {
        new.to_owned()
    } else {
        serde_json::Value::from(new).to_string()
    }
}

/// A text with other values at some places, which come in their order.
pub(super) fn splice(text: &str, cuts: Vec<(Range<usize>, String)>) -> Option<Vec<u8>> {
    if cuts.is_empty() {
        return None;
    }
    let mut new = String::with_capacity(text.len());
    let mut from = 0;
    for (range, value) in cuts {
        new.push_str(text.get(from..range.start)?);
        new.push_str(&value);
        from = range.end;
    }
    new.push_str(text.get(from..)?);
    Some(new.into_bytes())
}
