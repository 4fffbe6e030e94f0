//! Writes that legacy has carried out and core will never get: what they changed is unknown at core from then on.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Mutex;

use http::Method;
use verifier::ids::{Answers, IdMap, Sought, path_ids, type_of_template};

use super::lock;

/// Most lost writes that the map has not heard of yet, and most types; nothing more is learnt from further ones.
const MOST: usize = 10_000;

/// What core lacks.
#[derive(Default)]
pub(super) struct Behind(Mutex<Lacks>);

#[derive(Default)]
struct Lacks {
    /// Types of which some object was made or removed: there are more or fewer of them.
    counted: BTreeSet<String>,
    /// Types of which some object was changed.
    changed: BTreeSet<String>,
    /// The object that was changed, or the type of one that was made, which the map is still to hear of. On the
    /// clients' path nobody waits for the map.
    news: Vec<(String, Option<String>)>,
}

impl Behind {
    /// Core does not get a write to this path. Returns whether it is the first.
    pub(super) fn lose(&self, method: &Method, path: &str, template: &str) -> bool {
        // What stands behind an id is a part of its object, or something done to it.
        let (kind, id) = match path_ids(path, template).pop() {
            Some((kind, id)) => (kind, Some(id.to_owned())),
            None => (type_of_template(template), None),
        };
        let mut lacks = lock(&self.0);
        let first = lacks.counted.is_empty() && lacks.changed.is_empty();
        let types = if id.is_none() || *method == Method::DELETE {
            &mut lacks.counted
        } else {
            &mut lacks.changed
        };
        if types.len() < MOST {
            types.insert(kind.clone());
        }
        if lacks.news.len() < MOST {
            lacks.news.push((kind, id));
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

    /// Whether what is answered may differ by what core lacks: it has an object of a type of which there are more or
    /// fewer, or one that was changed.
    pub(super) fn shows(&self, answers: &Answers<'_>, kind: &str, map: &IdMap) -> bool {
        // Copied, so that no lane waits for this thread while it looks.
        let (counted, changed) = {
            let lacks = lock(&self.0);
            (lacks.counted.clone(), lacks.changed.clone())
        };
        if counted.is_empty() && changed.is_empty() {
            return false;
        }
        let is_unknown = |kind: &str, id: &str| map.to_core(kind, id) == Sought::Unmapped;
        counted.contains(kind)
            || answers.has_id(kind, |kind, id| {
                counted.contains(kind) || changed.contains(kind) && is_unknown(kind, id)
            })
    }
}
