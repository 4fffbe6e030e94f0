//! Writes that legacy has carried out and core will never get: what they changed is unknown at core from then on.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Mutex;

use verifier::ids::{IdMap, path_ids, type_of_template};

use super::lock;

/// Most lost writes that the map has not heard of yet, and most types; nothing more is learnt from further ones.
const MOST: usize = 10_000;

/// What core lacks.
#[derive(Default)]
pub(super) struct Behind(Mutex<Lacks>);

#[derive(Default)]
struct Lacks {
    /// Types of the objects.
    types: BTreeSet<String>,
    /// The object that was changed, or the type of one that was made, which the map is still to hear of. On the
    /// clients' path nobody waits for the map.
    news: Vec<(String, Option<String>)>,
}

impl Behind {
    /// Core does not get a write to this path. Returns whether it is the first.
    pub(super) fn lose(&self, path: &str, template: &str) -> bool {
        // What stands behind an id is a part of its object, or something done to it.
        let (kind, id) = match path_ids(path, template).pop() {
            Some((kind, id)) => (kind, Some(id.to_owned())),
            None => (type_of_template(template), None),
        };
        let mut lacks = lock(&self.0);
        let first = lacks.types.is_empty();
        if lacks.news.len() < MOST {
            lacks.news.push((kind.clone(), id));
        }
        if lacks.types.len() < MOST {
            lacks.types.insert(kind);
        }
        first
    }

    /// Lets the map hear of what was lost.
    pub(super) fn tell(&self, map: &mut IdMap) {
        for (kind, id) in mem::take(&mut lock(&self.0).news) {
            match id {
                Some(id) => map.forget(&kind, &id),
                None => map.lacks_some(&kind),
            }
        }
    }

    /// Types of which core lacks something.
    pub(super) fn types(&self) -> BTreeSet<String> {
        lock(&self.0).types.clone()
    }
}
