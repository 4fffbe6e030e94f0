//! Relations that only several differences together prove.

use std::collections::{BTreeMap, HashMap};

use crate::json::{JsonType, Node};
use crate::relation::{Relation, is_constant};
use crate::verdict::{Kind, Location};

use super::super::sink::Draft;
use super::Side;
use super::explain::Found;
use super::hash::Hashes;

/// Whether there is anything to relate: something gone and something new.
pub(super) fn wanted(found: &[Found]) -> bool {
    let has = |kind| found.iter().any(|f| f.kind == kind && f.relation.is_none());
    has(Kind::FieldRemoved) && has(Kind::FieldAdded)
}

/// Names keys that were renamed and values that moved: one removal and one addition of the same value,
/// where no other could be meant.
pub(super) fn relate(
    found: &mut [Found],
    sides: (&Side<'_>, &Side<'_>),
    hashes: (&Hashes, &Hashes),
) {
    let mut groups: HashMap<u64, (Vec<usize>, Vec<usize>)> = HashMap::new();
    for (at, one) in found.iter().enumerate() {
        let (hash, node) = match (one.kind, one.a, one.b) {
            (Kind::FieldRemoved, Some(index), _) => {
                let node = sides.0.document.node(index);
                (hashes.0.of(node), node)
            }
            (Kind::FieldAdded, _, Some(index)) => {
                let node = sides.1.document.node(index);
                (hashes.1.of(node), node)
            }
            _ => continue,
        };
        if one.relation.is_some() || !is_telling(node) {
            continue;
        }
        let group = groups.entry(hash).or_default();
        if one.kind == Kind::FieldRemoved {
            group.0.push(at);
        } else {
            group.1.push(at);
        }
    }
    for (gone, new) in groups.into_values() {
        // Within one object first: a renamed key repeats in every row of a list.
        let mut left: (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
        let lone_in_parent = |list: &[usize], parents: (u32, u32)| {
            let mut of = list.iter().filter(|&&at| found[at].parents == parents);
            match (of.next(), of.next()) {
                (Some(&at), None) => Some(at),
                _ => None,
            }
        };
        let mut pairs = Vec::new();
        for &at in &gone {
            let parents = found[at].parents;
            match (
                lone_in_parent(&gone, parents),
                lone_in_parent(&new, parents),
            ) {
                (Some(_), Some(to)) => pairs.push((at, to)),
                _ => left.0.push(at),
            }
        }
        left.1.extend(
            new.iter()
                .filter(|to| !pairs.iter().any(|(_, paired)| paired == *to)),
        );
        for (at, to) in pairs {
            let from = place(sides.0, found[at].a);
            let into = place(sides.1, found[to].b);
            let key = |place: &str| {
                let token = place.rsplit('/').next().unwrap_or("");
                token.replace("~1", "/").replace("~0", "~")
            };
            found[at].relation = Some(Relation::KeyRenamed(key(&into)));
            found[to].relation = Some(Relation::KeyRenamed(key(&from)));
        }
        if let ([at], [to]) = (&left.0[..], &left.1[..]) {
            let from = place(sides.0, found[*at].a);
            let into = place(sides.1, found[*to].b);
            found[*at].relation = Some(Relation::Moved(into));
            found[*to].relation = Some(Relation::Moved(from));
        }
    }
}

fn place(side: &Side<'_>, index: Option<u32>) -> String {
    index.map_or_else(String::new, |index| side.document.pointers(index).0)
}

/// Whether a value is rare enough that meeting it twice means something. `null`, `true`, `0` and the
/// empty ones are everywhere.
fn is_telling(node: Node<'_>) -> bool {
    match node.kind() {
        JsonType::Null | JsonType::Bool => false,
        JsonType::Number => node.raw().len() >= 2,
        JsonType::String => node.inner().len() >= 2,
        JsonType::Array | JsonType::Object => node.child_count() > 0,
    }
}

/// Names constants that were renamed: at one group of places every constant became one other, no two
/// became the same, none of the old ones is left, and at least one was seen twice.
pub(super) fn name_enums(drafts: &mut [Draft<'_>]) {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, draft) in drafts.iter().enumerate() {
        let (Some(group), Some(_), Some(_)) = (
            &draft.group,
            constant(draft.reference.as_ref()),
            constant(draft.candidate.as_ref()),
        ) else {
            continue;
        };
        if draft.kind == Kind::ValueChange && draft.relation.is_none() {
            groups.entry(group.clone()).or_default().push(at);
        }
    }
    for members in groups.into_values() {
        let mut forward: BTreeMap<&str, (&str, usize)> = BTreeMap::new();
        let mut backward: BTreeMap<&str, &str> = BTreeMap::new();
        let renamed = members.iter().all(|&at| {
            let (Some(from), Some(to)) = (
                constant(drafts[at].reference.as_ref()),
                constant(drafts[at].candidate.as_ref()),
            ) else {
                return false;
            };
            let entry = forward.entry(from).or_insert((to, 0));
            entry.1 += 1;
            entry.0 == to && *backward.entry(to).or_insert(from) == from
        });
        let disjoint = forward.keys().all(|from| !backward.contains_key(from));
        let repeated = forward.values().any(|(_, count)| *count >= 2);
        if renamed && disjoint && repeated {
            for at in members {
                drafts[at].relation = Some(Relation::EnumRenamed);
            }
        }
    }
}

/// The constant a rendered JSON string holds.
fn constant(text: Option<&String>) -> Option<&str> {
    let inner = text?.strip_prefix('"')?.strip_suffix('"')?;
    is_constant(inner).then_some(inner)
}

/// Names fields that came or went at the top of an error's body.
pub(super) fn name_envelope(drafts: &mut [Draft<'_>]) {
    for draft in drafts {
        let top = match &draft.location {
            Location::Pointer(pointer) => pointer.matches('/').count() == 1,
            Location::Body => true,
            Location::Status | Location::Header(_) => false,
        };
        let shape = matches!(draft.kind, Kind::FieldAdded | Kind::FieldRemoved)
            || (draft.kind == Kind::TypeChange && draft.location == Location::Body);
        let named = matches!(
            draft.relation,
            Some(Relation::KeyRenamed(_) | Relation::Moved(_))
        );
        if top && shape && !named {
            draft.relation = Some(Relation::ErrorEnvelope);
        }
    }
}
