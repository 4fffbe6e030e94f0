//! What a write leaves behind that one side alone has carried out: its object differs wherever it is read
//! afterwards, and that is no cause of its own.

#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use super::Context;
use super::follow::is_count;
use crate::evidence::record::{Group, Sample, StatusPair};
use crate::ids::{is_own_id, type_of_path, type_of_template};
use crate::json::{Document, JsonType, Node};
use crate::verdict::Kind;

/// An object by the type that its path names and its id, as legacy knows it.
type Object = (String, String);

/// Since when something is on one side alone, and the group of the write that made it so.
type Since = (i64, usize);

/// What writes did that one side alone carried out.
#[derive(Default)]
struct Written {
    /// The first write of each object.
    objects: BTreeMap<Object, Since>,
    /// The first that made one, by type and whether core made it.
    made: BTreeMap<(String, bool), Since>,
}

impl Written {
    fn of(groups: &[(&str, &Group)]) -> Self {
        let mut all = Self::default();
        for (at, (_, group)) in groups.iter().enumerate() {
            let statuses = group.key.statuses;
            if group.key.kind != Kind::Status || !is_one_sided(statuses) {
                continue;
            }
            let by_core = !is_success(statuses.reference);
            for sample in group.samples.iter().filter(|sample| is_write(sample)) {
                let since = (sample.at_ms, at);
                let object = in_target(sample).pop();
                if object.is_none() {
                    earliest(
                        &mut all.made,
                        (type_of_template(path(sample)), by_core),
                        since,
                    );
                }
                if let Some(object) = object.or_else(|| made(sample)) {
                    earliest(&mut all.objects, object, since);
                }
            }
        }
        all
    }

    /// The write that explains a row which one side's list lacks.
    fn of_row(&self, sample: &Sample, context: &Context) -> Option<&Since> {
        let difference = &sample.difference;
        let (row, by_core) = match (&difference.reference, &difference.candidate) {
            (Some(row), None) => (row, false),
            (None, Some(row)) => (row, true),
            _ => return None,
        };
        let document = Document::parse(row.as_bytes()).ok()?;
        let row = (
            type_of_template(path(sample)),
            own_id(document.root(), false)?,
        );
        let legacy = if by_core {
            context.core.get(&row).cloned()
        } else {
            context.legacy.contains(&row).then(|| row.1.clone())
        };
        match legacy {
            Some(legacy) => self.objects.get(&(row.0, legacy)),
            // The other side has no such object, as far as anybody saw.
            None => self
                .objects
                .get(&row)
                .filter(|_| !by_core)
                .or_else(|| self.made.get(&(row.0, by_core))),
        }
    }
}

fn earliest<K: Ord>(all: &mut BTreeMap<K, Since>, key: K, since: Since) {
    let first = all.entry(key).or_insert(since);
    *first = since.min(*first);
}

/// For the groups that are seen only of objects which a write left different, after it: the group of that write.
/// Those for which `leads` is false are left out.
pub(super) fn writes(
    groups: &[(&str, &Group)],
    context: &Context,
    leads: impl Fn(usize) -> bool,
) -> BTreeMap<usize, usize> {
    let written = Written::of(groups);
    let mut found = BTreeMap::new();
    // Endpoints whose lists have other rows for it.
    let mut lists: BTreeMap<&str, Since> = BTreeMap::new();
    for (at, (_, group)) in groups.iter().enumerate() {
        if !leads(at) || !may_be_left_behind(group) {
            continue;
        }
        let is_row = group.key.place.ends_with("/*");
        let mut by_sample = group.samples.iter().map(|sample| {
            let objects = in_target(sample);
            let all = objects
                .iter()
                .filter_map(|object| written.objects.get(object))
                .chain(written.of_row(sample, context).filter(|_| is_row));
            all.filter(|(since, write)| *since <= sample.at_ms && *write != at)
                .min()
                .copied()
        });
        let Some(Some(since)) = by_sample.next() else {
            continue;
        };
        if by_sample.all(|write| write.is_some()) {
            found.insert(at, since.1);
            if is_row {
                earliest(&mut lists, group.key.endpoint.as_str(), since);
            }
        }
    }
    // Where a row is missing, others stand in its place, and there are fewer.
    for (at, (_, group)) in groups.iter().enumerate() {
        let since = lists.get(group.key.endpoint.as_str());
        if let Some((since, write)) = since
            && *since <= group.first_ms
            && leads(at)
            && (is_count(group) || is_id_of_row(group))
        {
            found.entry(at).or_insert(*write);
        }
    }
    found
}

/// Whether rows of a list have other ids.
fn is_id_of_row(group: &Group) -> bool {
    let key = &group.key;
    key.kind == Kind::ValueChange
        && key
            .place
            .rsplit_once("/*/")
            .is_some_and(|(list, id)| is_own_id(id) && !list.contains('*'))
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

fn is_one_sided(statuses: StatusPair) -> bool {
    is_success(statuses.reference) != statuses.candidate.is_some_and(is_success)
}

fn is_write(sample: &Sample) -> bool {
    !sample.request.is_safe()
}

/// Whether other data can make such a difference: other values, rows and ids, but no other form of a value.
fn may_be_left_behind(group: &Group) -> bool {
    let key = &group.key;
    let gone = [404, 410];
    match key.kind {
        Kind::Status => {
            let of = [Some(key.statuses.reference), key.statuses.candidate];
            is_one_sided(key.statuses)
                && of.iter().flatten().any(|status| gone.contains(status))
                && group.samples.iter().all(|sample| !is_write(sample))
        }
        Kind::ValueChange
        | Kind::TypeChange
        | Kind::FieldAdded
        | Kind::FieldRemoved
        | Kind::Order => key.relation.is_none(),
        Kind::IdConflict => true,
        _ => false,
    }
}

fn path(sample: &Sample) -> &str {
    sample.request.target.split('?').next().unwrap_or_default()
}

/// The objects that a path names, the innermost last.
fn in_target(sample: &Sample) -> Vec<Object> {
    let path = path(sample);
    let ends = path
        .match_indices('/')
        .map(|(at, _)| at)
        .chain([path.len()]);
    ends.filter_map(|end| type_of_path(&path[..end]))
        .map(|(kind, id)| (kind, id.to_owned()))
        .collect()
}

/// The object that a write made of which legacy tells.
fn made(sample: &Sample) -> Option<Object> {
    let body = sample.reference.body.as_ref()?;
    let document = Document::parse(body.as_bytes()).ok()?;
    Some((
        type_of_template(path(sample)),
        own_id(document.root(), true)?,
    ))
}

/// The id of an object, or of an object in it.
fn own_id(object: Node<'_>, in_envelope: bool) -> Option<String> {
    let mut inside = None;
    for (key, value) in object.members() {
        if is_own_id(&key.as_str()) {
            return Some(value.as_str().into_owned());
        }
        if in_envelope && value.kind() == JsonType::Object {
            inside = inside.or_else(|| own_id(value, false));
        }
    }
    inside
}
