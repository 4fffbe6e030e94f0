#![deny(clippy::disallowed_methods)]
//! The type of the object that an id belongs to, from names alone.

/// The type that a name stands for: lower case, without separators, singular. `room-groups`,
/// `roomGroups` and `room_group` are one.
pub(super) fn type_of(name: &str) -> String {
    let mut kind = if name.is_ascii() {
        name.to_ascii_lowercase()
    } else {
        name.chars().flat_map(char::to_lowercase).collect()
    };
    if kind.contains(['-', '_', '.']) {
        kind.retain(|c| !matches!(c, '-' | '_' | '.'));
    }
    if let Some(stem) = kind.strip_suffix("ies") {
        kind = format!("{stem}y");
    } else if kind.ends_with('s') && !kind.ends_with("ss") && kind.len() > 2 {
        kind.pop();
    }
    kind
}

/// Whether a key holds the id of the object that it stands in.
pub fn is_own_id(key: &str) -> bool {
    matches!(key, "id" | "_id" | "ID" | "Id" | "uuid")
}

/// Between the type of what an endpoint answers and that of the object whose part it is.
pub(super) const OF: char = '@';

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
