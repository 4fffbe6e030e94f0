//! What a write leaves behind that one side alone has carried out: its object differs wherever it is read
//! afterwards, and that is no cause of its own.

#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use crate::evidence::record::{Group, Sample, StatusPair};
use crate::ids::is_own_id;
use crate::json::{Document, JsonType, Node};
use crate::relation::{FormatClass, format_class};
use crate::verdict::Kind;

/// An object by the collection in whose path it stands and its id, as legacy knows it.
type Object = (String, String);

/// For the groups that are seen only of objects which a write left different, after it: the group of that write.
/// Those for which `leads` is false are left out.
pub(super) fn writes(
    groups: &[(&str, &Group)],
    leads: impl Fn(usize) -> bool,
) -> BTreeMap<usize, usize> {
    // Of each object the first write that one side alone carried out.
    let mut written: BTreeMap<Object, (i64, usize)> = BTreeMap::new();
    for (at, (_, group)) in groups.iter().enumerate() {
        if group.key.kind != Kind::Status || !is_one_sided(group.key.statuses) {
            continue;
        }
        for sample in group.samples.iter().filter(|sample| is_write(sample)) {
            if let Some(object) = written_object(sample) {
                let since = (sample.at_ms, at);
                let first = written.entry(object).or_insert(since);
                *first = since.min(*first);
            }
        }
    }
    let mut found = BTreeMap::new();
    for (at, (_, group)) in groups.iter().enumerate() {
        if !leads(at) || !may_be_left_behind(group) {
            continue;
        }
        let mut by_sample = group.samples.iter().map(|sample| {
            let row = missing_row(sample);
            let is_row = row.is_some();
            let objects = in_target(sample).into_iter().chain(row);
            let earlier = objects
                .filter_map(|object| written.get(&object))
                .filter(|(since, write)| *since <= sample.at_ms && *write != at);
            (earlier.min().map(|(_, write)| *write), is_row)
        });
        let Some((Some(write), is_row)) = by_sample.next() else {
            continue;
        };
        // Only the first example has bodies, and so the rows of a list.
        if is_row || by_sample.all(|(write, _)| write.is_some()) {
            found.insert(at, write);
        }
    }
    found
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

fn is_one_sided(statuses: StatusPair) -> bool {
    is_success(statuses.reference) != statuses.candidate.is_some_and(is_success)
}

fn is_write(sample: &Sample) -> bool {
    !matches!(sample.request.method.as_str(), "GET" | "HEAD" | "OPTIONS")
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

/// The objects that a path names, the innermost last.
fn in_target(sample: &Sample) -> Vec<Object> {
    let path = sample.request.target.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').collect();
    let pairs = segments.windows(2).filter(|pair| is_id(pair[1]));
    pairs
        .map(|pair| (pair[0].to_owned(), pair[1].to_owned()))
        .collect()
}

/// What a write was about: the object that its path ends with, or the one that it made.
fn written_object(sample: &Sample) -> Option<Object> {
    let path = sample.request.target.split('?').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    if let Some(object) = in_target(sample).pop() {
        return Some(object);
    }
    let made = sample.reference.status.is_some_and(is_success);
    let body = sample.reference.body.as_ref().filter(|_| made)?;
    let document = Document::parse(body.as_bytes()).ok()?;
    Some((last.to_owned(), own_id(document.root(), true)?))
}

/// The row that legacy's list has and core's has not, as an object of the list's collection.
fn missing_row(sample: &Sample) -> Option<Object> {
    let difference = &sample.difference;
    if difference.reference.is_none() || difference.candidate.is_some() {
        return None;
    }
    let body = sample.reference.body.as_ref()?;
    let document = Document::parse(body.as_bytes()).ok()?;
    let row = document.resolve(&difference.location)?;
    let path = sample.request.target.split('?').next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    Some((last.to_owned(), own_id(row, false)?))
}

fn is_id(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit())
        || matches!(
            format_class(segment),
            FormatClass::Uuid(_) | FormatClass::Ulid
        )
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
