#![deny(clippy::disallowed_methods)]
//! The type of the object that an id belongs to, from names alone.

/// Keys that wrap an answer and name no type.
const ENVELOPES: [&str; 14] = [
    "value",
    "values",
    "data",
    "item",
    "items",
    "result",
    "results",
    "content",
    "records",
    "rows",
    "list",
    "payload",
    "embedded",
    "_embedded",
];

/// The type that a name stands for: lower case, without separators, singular. `room-groups`,
/// `roomGroups` and `room_group` are one.
pub(super) fn type_of(name: &str) -> String {
    let mut kind: String = name
        .chars()
        .filter(|c| !matches!(c, '-' | '_' | '.'))
        .flat_map(char::to_lowercase)
        .collect();
    if let Some(stem) = kind.strip_suffix("ies") {
        kind = format!("{stem}y");
    } else if kind.ends_with('s') && !kind.ends_with("ss") && kind.len() > 2 {
        kind.pop();
    }
    kind
}

/// The type below a key: its own, or the one above where it only wraps. What a history shows as its
/// `entity` is of the type that the path names before it.
pub(super) fn below(key: &str, above: &str) -> String {
    if matches!(key, "entity" | "entities") {
        return above.rsplit(OF).next().unwrap_or(above).to_owned();
    }
    if ENVELOPES.contains(&key) {
        above.to_owned()
    } else {
        type_of(key)
    }
}

/// Whether a key holds the id of the object that it stands in.
pub fn is_own_id(key: &str) -> bool {
    matches!(key, "id" | "_id" | "ID" | "Id" | "uuid")
}

/// The type that the value of a key is an id of, if it is one by its name: `id` of what is around it,
/// `roomId` and `room_id` of a room.
pub(super) fn id_key(key: &str, around: &str) -> Option<String> {
    if is_own_id(key) {
        return Some(around.split(OF).next().unwrap_or(around).to_owned());
    }
    let stem = ["Id", "ID", "_id", "-id", "Uuid", "_uuid"]
        .into_iter()
        .find_map(|ending| key.strip_suffix(ending))?;
    (!stem.is_empty()).then(|| type_of(stem))
}

/// The type that the elements of a list of ids belong to: `roomIds`, `room_ids`.
pub(super) fn ids_key(key: &str) -> Option<String> {
    let stem = ["Ids", "IDs", "_ids"]
        .into_iter()
        .find_map(|ending| key.strip_suffix(ending))?;
    (!stem.is_empty()).then(|| type_of(stem))
}

/// Between the type of what an endpoint answers and that of the object whose part it is.
const OF: char = '@';

/// The type of what an endpoint answers: the last segment of its template that is a name; behind an `@`
/// the one whose part it is: `/rooms/{id}/histories` answers with `history@room`.
pub fn type_of_template(template: &str) -> String {
    let path = template.split('?').next().unwrap_or("");
    let is_name = |segment: &&str| !segment.is_empty() && !segment.starts_with('{');
    let mut segments = path.rsplit('/').filter(|segment| !segment.is_empty());
    let Some(name) = segments.by_ref().find(is_name) else {
        return String::new();
    };
    let mut above = segments;
    match above.next() {
        Some(place) if !is_name(&place) => match above.find(is_name) {
            Some(owner) => format!("{}{OF}{}", type_of(name), type_of(owner)),
            None => type_of(name),
        },
        _ => type_of(name),
    }
}

/// The type and the id at the end of a path without a template, such as a `Location`.
pub fn type_of_path(path: &str) -> Option<(String, &str)> {
    let path = path.split(['?', '#']).next().unwrap_or("");
    let (rest, id) = path.trim_end_matches('/').rsplit_once('/')?;
    let name = rest.rsplit('/').find(|segment| !segment.is_empty())?;
    super::is_id(id).then(|| (type_of(name), id))
}
