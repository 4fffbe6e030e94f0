#![deny(clippy::disallowed_methods)]
//! An answer that is read once: its values, the numbers of its keys, and what each object in it says.

use std::borrow::Cow;

use super::is_id;
use super::keys::Keys;
use crate::json::{Document, JsonType, Node};
use crate::relation::{is_jwt, is_timestamp};

/// Wider answers are not looked through to their end.
const MAX_NODES: usize = 200_000;

// What tells values of different sorts apart, whatever they hold.
const ID: u64 = 1;
const TIME: u64 = 2;
const JWT: u64 = 3;
const TEXT: u64 = 4;
const NUMBER: u64 = 5;
const WORD: u64 = 6;
const ARRAY: u64 = 7;
const OBJECT: u64 = 8;

/// A JSON text with a note at each node. It is of the [`Keys`] that it was read with.
pub(super) struct Reading<'t> {
    pub(super) document: Document<'t>,
    /// At a key its symbol, at an object or array what it says.
    notes: Vec<u64>,
    /// Whether it is too large to say what its parts say.
    is_mute: bool,
}

/// A member of an object.
pub(super) struct Part {
    /// What it says, its key with it.
    pub(super) says: u64,
    pub(super) is_scalar: bool,
    /// Stands for its key and its text, if it has one that hardly comes twice by chance.
    pub(super) text: Option<u64>,
}

/// A container that is being read.
struct Open {
    index: u32,
    end: u32,
    is_object: bool,
    /// Whether its elements are ids by the key that they stand below.
    is_id: bool,
    /// The symbol of its own key.
    key: u64,
    says: u64,
}

impl<'t> Reading<'t> {
    /// Reads a text; `None` if it is no JSON.
    pub(super) fn of(text: &'t [u8], keys: &mut Keys) -> Option<Self> {
        let document = Document::parse(text).ok()?;
        let mut notes = vec![0; document.len()];
        let values = note(&document, keys, &mut notes);
        Some(Self {
            document,
            notes,
            is_mute: values > MAX_NODES + 1,
        })
    }

    /// The symbol of a key.
    #[allow(clippy::cast_possible_truncation)] // it was put in as one
    pub(super) fn symbol(&self, key: Node<'_>) -> u32 {
        self.notes[key.index() as usize] as u32
    }

    /// What an object or array says, without what each side may give out by itself (ids, times and tokens)
    /// and whatever the order of its keys. Two that say the same have the same number.
    pub(super) fn says(&self, container: Node<'_>) -> Option<u64> {
        (!self.is_mute).then(|| self.notes[container.index() as usize])
    }

    /// What each member of an object says.
    pub(super) fn parts(&self, object: Node<'_>, keys: &Keys) -> Vec<Part> {
        let part = |(key, value): (Node<'_>, Node<'_>)| {
            let symbol = self.symbol(key);
            let is_id = keys.key(symbol).is_id();
            let is_scalar = !value.kind().is_container();
            let says = if is_scalar {
                scalar(value, is_id, keys.seed)
            } else {
                self.notes[value.index() as usize]
            };
            Part {
                says: mix(says, u64::from(symbol)),
                is_scalar,
                text: telling(value, keys.seed).map(|text| mix(text, u64::from(symbol))),
            }
        };
        object.members().map(part).collect()
    }

    /// Visits the scalars in their order, each with the type that it is an id of by its place.
    pub(super) fn visit<'r>(
        &'r self,
        keys: &'r Keys,
        kind: &'r str,
        mut look: impl FnMut(Node<'r>, Option<&'r str>),
    ) {
        struct Above<'r> {
            end: u32,
            is_object: bool,
            kind: &'r str,
            id: Option<&'r str>,
        }
        let mut open: Vec<Above<'r>> = Vec::new();
        let (mut at, mut seen) = (0, 0);
        while (at as usize) < self.document.len() && seen < MAX_NODES {
            while open.pop_if(|above| above.end == at).is_some() {}
            let (mut kind, mut id) = (kind, None);
            if let Some(above) = open.last() {
                (kind, id) = (above.kind, above.id);
                if above.is_object {
                    let key = keys.key(self.symbol(self.document.node(at)));
                    (kind, id) = (key.below(above.kind), key.id(above.kind));
                    at += 1;
                }
            }
            let node = self.document.node(at);
            if node.kind().is_container() {
                open.push(Above {
                    end: node.next_index(),
                    is_object: node.kind() == JsonType::Object,
                    kind,
                    id,
                });
            } else {
                look(node, id);
            }
            at += 1;
            seen += 1;
        }
    }
}

/// Writes a note at each node that gets one, from the first to the last; returns how many values there are.
fn note(document: &Document<'_>, keys: &mut Keys, notes: &mut [u64]) -> usize {
    let mut open: Vec<Open> = Vec::new();
    let (mut at, mut values) = (0, 0);
    loop {
        while let Some(closed) = open.pop_if(|open| open.end == at) {
            let sort = if closed.is_object { OBJECT } else { ARRAY };
            let says = mix(closed.says, sort);
            notes[closed.index as usize] = says;
            if let Some(above) = open.last_mut() {
                above.take(closed.key, says);
            }
        }
        if at as usize >= notes.len() {
            return values;
        }
        let (mut key, mut is_id) = (0, false);
        if let Some(above) = open.last() {
            is_id = above.is_id;
            if above.is_object {
                let symbol = keys.symbol(&document.node(at).as_str());
                key = u64::from(symbol);
                notes[at as usize] = key;
                is_id = keys.key(symbol).is_id();
                at += 1;
            }
        }
        let node = document.node(at);
        if node.kind().is_container() {
            open.push(Open {
                index: at,
                end: node.next_index(),
                is_object: node.kind() == JsonType::Object,
                is_id,
                key,
                says: keys.seed,
            });
        } else if let Some(above) = open.last_mut() {
            above.take(key, scalar(node, is_id, keys.seed));
        }
        at += 1;
        values += 1;
    }
}

impl Open {
    /// Takes in what one of its values says. The members of an object come in any order.
    fn take(&mut self, key: u64, says: u64) {
        self.says = if self.is_object {
            self.says.wrapping_add(mix(says, key))
        } else {
            mix(self.says, says)
        };
    }
}

/// What a scalar says.
fn scalar(node: Node<'_>, is_id: bool, seed: u64) -> u64 {
    if is_id && id_of(node).is_some() {
        return mix(seed, ID);
    }
    match node.kind() {
        JsonType::String => {
            let text = node.as_str();
            if is_timestamp(&text) {
                mix(seed, TIME)
            } else if is_jwt(&text) {
                mix(seed, JWT)
            } else {
                bytes(mix(seed, TEXT), text.as_bytes())
            }
        }
        JsonType::Number => {
            let number: f64 = node.raw().parse().unwrap_or(f64::NAN);
            mix(mix(seed, NUMBER), number.to_bits())
        }
        _ => bytes(mix(seed, WORD), node.raw_bytes()),
    }
}

/// A text that two objects hardly have by chance: no number and no time, but perhaps an id of another sort, such
/// as the name that somebody logs in with.
fn telling(node: Node<'_>, seed: u64) -> Option<u64> {
    if node.kind() != JsonType::String {
        return None;
    }
    let text = node.as_str();
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    (!is_number && !is_timestamp(&text)).then(|| bytes(seed, text.as_bytes()))
}

/// The id that a node holds, if it has the form of one.
pub(super) fn id_of(node: Node<'_>) -> Option<Cow<'_, str>> {
    let text = match node.kind() {
        JsonType::Number => node.raw().into(),
        JsonType::String => node.as_str(),
        _ => return None,
    };
    is_id(&text).then_some(text)
}

/// Two numbers as one that tells nothing of them: both halves of a product, in the way of wyhash. Keyed by
/// the seed that goes in first.
#[inline]
fn mix(left: u64, right: u64) -> u64 {
    const LEFT: u64 = 0xa076_1d64_78bd_642f;
    const RIGHT: u64 = 0xe703_7ed1_a0b4_28db;
    let product = u128::from(left ^ LEFT).wrapping_mul(u128::from(right ^ RIGHT));
    #[allow(clippy::cast_possible_truncation)] // its lower half
    let low = product as u64;
    low ^ (product >> 64) as u64
}

/// A text as a number.
fn bytes(seed: u64, text: &[u8]) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let mut sum = mix(seed, text.len() as u64);
    for word in words {
        sum = mix(sum, u64::from_le_bytes(*word));
    }
    if !rest.is_empty() {
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        sum = mix(sum, u64::from_le_bytes(word));
    }
    sum
}
