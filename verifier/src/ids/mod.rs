#![deny(clippy::disallowed_methods)]
//! Which object of legacy is which of core, where each side gives out its own ids.
//!
//! A partial one-to-one map for each type of object, learnt from answers that say the same otherwise.
//! An id is then equal to its partner, and one that meets another partner is a conflict: the wrong
//! object. Types are names of keys and path segments, so nothing has to be configured.

mod align;
mod keys;
mod name;
mod nearly;
mod reading;
mod request;

use std::collections::BTreeMap;

pub use align::{Aligned, Answers, align, to_legacy};
pub use keys::Keys;
pub use name::{is_own_id, type_of_path, type_of_template};
pub use request::{Rewritten, Unmapped, path_ids, rewrite_body, rewrite_path};

use crate::relation::{FormatClass, format_class};

/// Most pairs that are kept; later ids stay unmapped.
pub const MAX_PAIRS: usize = 100_000;

/// How an aligned pair of ids fits what was learnt before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// The map has it.
    Known,
    /// Neither was seen before.
    New,
    /// One of the two belongs to another.
    Conflict {
        /// What legacy's id is at core, if it is known.
        core: Option<String>,
        /// What core's id is at legacy, if it is known.
        legacy: Option<String>,
    },
}

/// The map of one type.
#[derive(Clone, Debug, Default)]
struct Pairs {
    to_core: BTreeMap<String, String>,
    to_legacy: BTreeMap<String, String>,
    /// Ids that legacy gave out while we looked, mapped or not.
    born: std::collections::BTreeSet<String>,
    /// Whether some id that nobody saw being made differs between the two.
    apart: bool,
    /// Whether some id that nobody saw being made is the same on both.
    alike: bool,
}

/// What becomes of a legacy id on its way to core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sought {
    /// It is this one.
    Core(String),
    /// It was there before we looked, and no such id was seen to differ: the same on both sides.
    Same,
    /// It has no known partner.
    Unmapped,
}

/// The maps of all types.
#[derive(Clone, Debug, Default)]
pub struct IdMap {
    types: BTreeMap<String, Pairs>,
    pairs: usize,
}

impl IdMap {
    /// How a pair fits.
    pub fn fit(&self, kind: &str, legacy: &str, core: &str) -> Fit {
        let pairs = self.types.get(kind);
        let there = pairs.and_then(|pairs| pairs.to_core.get(legacy));
        let back = pairs.and_then(|pairs| pairs.to_legacy.get(core));
        match (there, back) {
            (None, None) => Fit::New,
            (Some(there), _) if there == core => Fit::Known,
            (there, back) => Fit::Conflict {
                core: there.cloned(),
                legacy: back.cloned(),
            },
        }
    }

    /// Learns a pair that [`IdMap::fit`]s as new; `born` when legacy has just given the id out.
    pub fn learn(&mut self, kind: &str, legacy: &str, core: &str, born: bool) {
        if self.pairs >= MAX_PAIRS || self.fit(kind, legacy, core) != Fit::New {
            return;
        }
        let pairs = self.types.entry(kind.to_owned()).or_default();
        pairs.to_core.insert(legacy.to_owned(), core.to_owned());
        pairs.to_legacy.insert(core.to_owned(), legacy.to_owned());
        if born {
            pairs.born.insert(legacy.to_owned());
        } else if !pairs.born.contains(legacy) {
            pairs.apart |= legacy != core;
            pairs.alike |= legacy == core;
        }
        self.pairs += 1;
    }

    /// Whether legacy gave an id out while somebody looked.
    pub fn is_born(&self, kind: &str, legacy: &str) -> bool {
        let pairs = self.types.get(kind);
        pairs.is_some_and(|pairs| pairs.born.contains(legacy))
    }

    /// Takes in what an earlier life has learnt, as type, legacy's id, core's id, how often they were seen
    /// together and whether it was born. Where pairs contradict each other, the one seen most often holds.
    pub fn restore<'p>(
        &mut self,
        pairs: impl IntoIterator<Item = (&'p str, &'p str, &'p str, u64, bool)>,
    ) {
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        // What was born comes first: only then is it known which of the others were there before.
        pairs.sort_by_key(|(_, _, _, seen, born)| (!born, std::cmp::Reverse(*seen)));
        for (kind, legacy, core, _, born) in pairs {
            self.learn(kind, legacy, core, born);
        }
    }

    /// Whether a request's path holds an id that is only taken to be the same on both sides: it was there
    /// before, and no such id of its type was ever seen to be.
    pub fn assumes(&self, target: &str, template: &str) -> bool {
        path_ids(target, template).into_iter().any(|(kind, id)| {
            let known = self.types.get(self.resolve(&kind));
            let confirmed = known.is_some_and(|pairs| pairs.alike);
            !confirmed && self.to_core(&kind, id) == Sought::Same
        })
    }

    /// Core lacks what legacy did to an object: what it is there is unknown until both say the same of it again.
    pub fn forget(&mut self, name: &str, legacy: &str) {
        let kind = self.resolve(name).to_owned();
        if let Some(pairs) = self.types.get_mut(&kind)
            && let Some(core) = pairs.to_core.remove(legacy)
        {
            pairs.to_legacy.remove(&core);
            self.pairs -= 1;
        }
        self.born(&kind, legacy);
    }

    /// Core lacks some object of a type: an id that nothing is known of may be that one's.
    pub fn lacks_some(&mut self, name: &str) {
        let kind = self.resolve(name).to_owned();
        self.types.entry(kind).or_default().apart = true;
    }

    /// Legacy gave out an id, whatever core did.
    pub fn born(&mut self, kind: &str, legacy: &str) {
        if self.pairs < MAX_PAIRS {
            let pairs = self.types.entry(kind.to_owned()).or_default();
            pairs.born.insert(legacy.to_owned());
        }
    }

    /// The type that a name means: itself, or the longest known one that it ends in, so that
    /// `parentRoom` is a `room`.
    pub fn resolve<'n>(&'n self, name: &'n str) -> &'n str {
        if self.types.contains_key(name) {
            return name;
        }
        self.types
            .keys()
            .filter(|known| known.len() > 2 && name.ends_with(known.as_str()))
            .max_by_key(|known| known.len())
            .map_or(name, String::as_str)
    }

    /// What a legacy id is at core.
    pub fn to_core(&self, name: &str, legacy: &str) -> Sought {
        let Some(pairs) = self.types.get(self.resolve(name)) else {
            return Sought::Same;
        };
        match pairs.to_core.get(legacy) {
            Some(core) => Sought::Core(core.clone()),
            None if pairs.born.contains(legacy) || pairs.apart => Sought::Unmapped,
            // Core gave this number to another object.
            None if pairs.to_legacy.contains_key(legacy) => Sought::Unmapped,
            None => Sought::Same,
        }
    }

    /// What a core id is at legacy, if that is known.
    pub fn to_legacy(&self, name: &str, core: &str) -> Option<&str> {
        let pairs = self.types.get(self.resolve(name))?;
        pairs.to_legacy.get(core).map(String::as_str)
    }

    /// Pairs of each type.
    pub fn counts(&self) -> BTreeMap<&str, usize> {
        self.types
            .iter()
            .map(|(kind, pairs)| (kind.as_str(), pairs.to_core.len()))
            .collect()
    }
}

/// Whether a text has the form of an id that a machine gave out.
pub fn is_id(text: &str) -> bool {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return (1..=19).contains(&text.len());
    }
    if text.len() < 16 {
        return false;
    }
    match format_class(text) {
        FormatClass::Uuid(_) | FormatClass::Ulid => true,
        FormatClass::Hex(digits) => digits >= 16,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
