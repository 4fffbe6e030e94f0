//! A hash for every value of a document: equal values have equal hashes, whatever their form.
//!
//! Hashes only propose which elements belong together. Whoever pairs by them compares the values
//! afterwards, so a collision can cost a clumsy report and never a false "equal".

use crate::json::{JsonType, Node};
use crate::rules::{RuleSet, State};

use super::{Side, below};

/// Hashes of all nodes of one side, by node index.
pub(super) struct Hashes(Vec<u64>);

/// The hash of a value that rules let vary: it says nothing.
const LOOSE: u64 = 0;

impl Hashes {
    /// Linear in the document; nothing recurses.
    pub(super) fn new(side: &Side<'_>, set: &RuleSet) -> Self {
        let document = side.document;
        let states = states(side, set);
        let mut of = vec![LOOSE; document.len()];
        for at in (0..document.len()).rev() {
            let Ok(index) = u32::try_from(at) else {
                continue;
            };
            let node = document.node(index);
            let here = states.get(at).and_then(|&state| set.here(state));
            if here.is_some_and(crate::rules::AtPlace::loosens) {
                continue;
            }
            let unordered = here.is_some_and(|here| here.pairing.is_some());
            let value = match side.mask(index) {
                // Tokens with a measure may be equal under different texts.
                Some(token) if token.measure.is_some() => bytes(token.class.as_bytes(), 7),
                Some(token) => bytes(token.text.as_bytes(), 7),
                None => value(node, &of, unordered),
            };
            of[at] = if value == LOOSE { 1 } else { value };
        }
        Self(of)
    }

    pub(super) fn of(&self, node: Node<'_>) -> u64 {
        self.0[node.index() as usize]
    }
}

/// The rules' state at every node; empty when there are no rules.
fn states(side: &Side<'_>, set: &RuleSet) -> Vec<State> {
    if set.is_none() {
        return Vec::new();
    }
    let document = side.document;
    let mut states = vec![State::NONE; document.len()];
    states[0] = set.root();
    for at in 0..document.len() {
        let state = states[at];
        let Ok(index) = u32::try_from(at) else {
            continue;
        };
        if state == State::NONE {
            continue;
        }
        let node = document.node(index);
        for (key, value) in node.members() {
            states[value.index() as usize] = below(set, state, key);
        }
        for (position, element) in node.elements().enumerate() {
            states[element.index() as usize] = set.index(state, position);
        }
    }
    states
}

fn value(node: Node<'_>, of: &[u64], unordered: bool) -> u64 {
    let seed = node.kind() as u64 + 1;
    match node.kind() {
        JsonType::Null => mix(seed, 1),
        JsonType::Bool => mix(seed, node.raw().len() as u64),
        JsonType::String if node.has_escapes() => bytes(node.as_str().as_bytes(), seed),
        JsonType::String => bytes(node.inner().as_bytes(), seed),
        JsonType::Number => {
            let mut hash = seed;
            if let Some(number) = node.decimal() {
                number.fold(|word| hash = mix(hash, word));
            }
            hash
        }
        // A sum, so that the order of keys does not matter.
        JsonType::Object => node.members().fold(mix(seed, 2), |sum, (key, value)| {
            match of[value.index() as usize] {
                LOOSE => sum,
                hash => sum.wrapping_add(mix(of[key.index() as usize], hash)),
            }
        }),
        JsonType::Array if unordered => node.elements().fold(mix(seed, 3), |sum, element| {
            sum.wrapping_add(mix(seed, of[element.index() as usize]))
        }),
        JsonType::Array => node.elements().fold(mix(seed, 3), |hash, element| {
            mix(hash, of[element.index() as usize])
        }),
    }
}

fn bytes(text: &[u8], seed: u64) -> u64 {
    let (words, rest) = text.as_chunks::<8>();
    let mut hash = mix(seed, text.len() as u64);
    for word in words {
        hash = mix(hash, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(hash, u64::from_le_bytes(last))
}

/// Folded multiplication: both halves of the product.
#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9E37_79B9_7F4A_7C15)
        * u128::from(b.rotate_left(32) ^ 0xD6E8_FEB8_6659_FD93);
    #[allow(clippy::cast_possible_truncation)] // the two halves on purpose
    {
        (product as u64) ^ ((product >> 64) as u64)
    }
}
