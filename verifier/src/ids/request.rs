#![deny(clippy::disallowed_methods)]
//! A request as core must get it: legacy's ids replaced by core's, whole tokens only.

use super::align::{range, splice, written};
use super::keys::{Key, Keys};
use super::name::type_of;
use super::reading::Reading;
use super::{IdMap, Sought, is_id};
use crate::json::JsonType;

/// An id that has no known partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmapped {
    /// Its type.
    pub kind: String,
}

/// A part of a request, as it was or as core must get it.
pub type Rewritten<T> = Result<Option<T>, Unmapped>;

/// The segments of a template's path.
fn places(template: &str) -> Vec<&str> {
    let path = template.split('?').next().unwrap_or("");
    path.split('/').collect()
}

/// The ids in a path, each with its type: what stands at the places that `template` writes in braces and has
/// the form of an id.
pub fn path_ids<'t>(target: &'t str, template: &str) -> Vec<(String, &'t str)> {
    let path = target.split('?').next().unwrap_or(target);
    let places = places(template);
    let segments: Vec<&str> = path.split('/').collect();
    if places.len() != segments.len() {
        return Vec::new();
    }
    let mut kind = String::new();
    let mut ids = Vec::new();
    for (place, segment) in places.into_iter().zip(segments) {
        if !place.starts_with('{') {
            kind = type_of(segment);
        } else if is_id(segment) {
            ids.push((kind.clone(), segment));
        }
    }
    ids
}

/// Rewrites a path and its query. `template` tells which segments are ids: those it writes in braces.
/// `None` where nothing changes.
pub fn rewrite_path(target: &str, template: &str, map: &IdMap) -> Rewritten<String> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let places = places(template);
    let segments: Vec<&str> = path.split('/').collect();
    let mut changed = false;
    let mut sought = |name: &str, text: &str| -> Result<String, Unmapped> {
        if !is_id(text) {
            return Ok(text.to_owned());
        }
        match map.to_core(name, text) {
            Sought::Same => Ok(text.to_owned()),
            Sought::Core(core) => {
                changed |= core != text;
                Ok(core)
            }
            Sought::Unmapped => Err(Unmapped {
                kind: map.resolve(name).to_owned(),
            }),
        }
    };
    let mut kind = String::new();
    let mut new = Vec::with_capacity(segments.len());
    for (at, segment) in segments.iter().enumerate() {
        let is_place = places.get(at).is_some_and(|place| place.starts_with('{'));
        if is_place && places.len() == segments.len() {
            new.push(sought(&kind, segment)?);
        } else {
            kind = type_of(segment);
            new.push((*segment).to_owned());
        }
    }
    let around = super::type_of_template(template);
    let mut target = new.join("/");
    if let Some(query) = query {
        let pairs = query
            .split('&')
            .map(|pair| {
                let Some((name, value)) = pair.split_once('=') else {
                    return Ok(pair.to_owned());
                };
                let key = Key::new(name);
                let Some(kind) = key.id(&around).filter(|_| !key.is_list()) else {
                    return Ok(pair.to_owned());
                };
                Ok(format!("{name}={}", sought(kind, value)?))
            })
            .collect::<Result<Vec<_>, _>>()?;
        target = format!("{target}?{}", pairs.join("&"));
    }
    Ok(changed.then_some(target))
}

/// Rewrites a JSON body: ids by their keys, and strings that are a whole token by `token`. A body that
/// is no JSON has none.
pub fn rewrite_body(
    body: &[u8],
    kind: &str,
    map: &IdMap,
    token: impl Fn(&str) -> Option<String>,
) -> Rewritten<Vec<u8>> {
    let mut keys = Keys::default();
    let Some(reading) = Reading::of(body, &mut keys) else {
        return Ok(None);
    };
    let mut cuts = Vec::new();
    let mut unmapped = None;
    reading.visit(&keys, kind, |node, id| {
        let text = match node.kind() {
            JsonType::Number => node.raw().into(),
            JsonType::String => node.as_str(),
            _ => return,
        };
        let new = match id.filter(|_| is_id(&text)) {
            Some(kind) => match map.to_core(kind, &text) {
                Sought::Same => None,
                Sought::Core(core) => Some(core),
                Sought::Unmapped => {
                    unmapped.get_or_insert_with(|| Unmapped {
                        kind: map.resolve(kind).to_owned(),
                    });
                    None
                }
            },
            None if node.kind() == JsonType::String => token(&text),
            None => None,
        };
        if let Some(new) = new.filter(|new| *new != text) {
            cuts.push((range(node), written(node, &new)));
        }
    });
    match unmapped {
        Some(unmapped) => Err(unmapped),
        None => Ok(splice(reading.document.text(), cuts)),
    }
}
