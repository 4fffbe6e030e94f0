#![deny(clippy::disallowed_methods)]
//! What keys say of ids: each key is looked at once, however many rows have it.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use super::name::{OF, is_own_id, type_of};

/// Places of the short way from a key to what is known of it; a power of two.
const SLOTS: usize = 512;
/// Keys that are remembered from answer to answer, and their bytes; more are forgotten before the next one.
const MAX_REMEMBERED: (usize, usize) = (2_000, 256 << 10);

/// The keys that answers have had so far. Worth keeping from one pair of answers to the next: most have the
/// same keys again.
pub struct Keys {
    known: Vec<Key>,
    /// The length of all their names.
    bytes: usize,
    symbols: HashMap<Arc<str>, u32>,
    /// The symbol that was last looked up at each place, plus one.
    slots: Vec<u32>,
    /// Makes hashes of what answers say differ from process to process, so that nobody can aim at them.
    pub(super) seed: u64,
}

/// What is known of a key.
pub(super) struct Key {
    name: Arc<str>,
    id: Id,
    below: Below,
}

/// Of what a key's value is an id.
enum Id {
    None,
    /// Of what the key stands in.
    Own,
    /// Of an object of this type: `roomId`.
    Of(String),
    /// A list of ids of this type: `roomIds`.
    Each(String),
}

/// The type of what stands below a key.
enum Below {
    /// The key only wraps it.
    Same,
    /// That of the object whose part the answer is.
    Owner,
    Type(String),
}

/// Prints how many there are: a key can be somebody's name.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({})", self.known.len())
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            known: Vec::new(),
            bytes: 0,
            symbols: HashMap::new(),
            slots: vec![0; SLOTS],
            seed: RandomState::new().hash_one(0_u8),
        }
    }
}

impl Keys {
    /// Forgets all if it is more than a service's answers have.
    pub(super) fn bound(&mut self) {
        let (keys, bytes) = MAX_REMEMBERED;
        if self.known.len() > keys || self.bytes > bytes {
            *self = Self::default();
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// What is known of the key of a symbol.
    pub(super) fn key(&self, symbol: u32) -> &Key {
        &self.known[symbol as usize]
    }

    /// The number that stands for a key.
    pub(super) fn symbol(&mut self, name: &str) -> u32 {
        let slot = slot(name.as_bytes());
        if let Some(symbol) = self.slots[slot].checked_sub(1)
            && *self.known[symbol as usize].name == *name
        {
            return symbol;
        }
        let symbol = match self.symbols.get(name) {
            Some(&symbol) => symbol,
            None => self.add(name),
        };
        self.slots[slot] = symbol + 1;
        symbol
    }

    #[allow(clippy::cast_possible_truncation)] // a document's length keeps the number of its keys within 32 bits
    fn add(&mut self, name: &str) -> u32 {
        let symbol = self.known.len() as u32;
        let key = Key::new(name);
        let shared = Arc::clone(&key.name);
        self.bytes += name.len();
        self.known.push(key);
        self.symbols.insert(shared, symbol);
        symbol
    }
}

/// The place of the short way for a key: from its length and three of its bytes.
fn slot(name: &[u8]) -> usize {
    let [Some(first), Some(middle), Some(last)] =
        [name.first(), name.get(name.len() / 2), name.last()]
    else {
        return 0;
    };
    let [first, middle, last] = [*first, *middle, *last].map(usize::from);
    (name.len() * 41 + first * 7 + middle * 67 + last * 131) % SLOTS
}

impl Key {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            id: Id::by(name),
            below: Below::by(name),
        }
    }

    /// Whether it names an id, or a list of them.
    pub(super) fn is_id(&self) -> bool {
        !matches!(self.id, Id::None)
    }

    /// Whether it names a list of ids.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.id, Id::Each(_))
    }

    /// The type of the id or ids, in an object of type `around`.
    pub(super) fn id<'k>(&'k self, around: &'k str) -> Option<&'k str> {
        match &self.id {
            Id::None => None,
            Id::Own => Some(head(around)),
            Id::Of(kind) | Id::Each(kind) => Some(kind),
        }
    }

    /// The type below it, in an object of type `above`.
    pub(super) fn below<'k>(&'k self, above: &'k str) -> &'k str {
        match &self.below {
            Below::Same => above,
            Below::Owner => above.rsplit(OF).next().unwrap_or(above),
            Below::Type(kind) => kind,
        }
    }
}

/// A type without that of the object whose part it is.
pub(super) fn head(kind: &str) -> &str {
    kind.split(OF).next().unwrap_or(kind)
}

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

impl Below {
    /// By a key's name: its own type, or the one above where it only wraps. What a history shows as its
    /// `entity` is of the type that the path names before it.
    fn by(name: &str) -> Self {
        if matches!(name, "entity" | "entities") {
            Self::Owner
        } else if ENVELOPES.contains(&name) {
            Self::Same
        } else {
            Self::Type(type_of(name))
        }
    }
}

impl Id {
    /// By a key's name: `id` is of what is around it, `roomId` and `room_id` of a room, `roomIds` a list.
    fn by(name: &str) -> Self {
        let stem = |endings: &[&str]| {
            let stem = endings.iter().find_map(|ending| name.strip_suffix(ending));
            stem.filter(|stem| !stem.is_empty())
        };
        if is_own_id(name) {
            Self::Own
        } else if let Some(stem) = stem(&["Id", "ID", "_id", "-id", "Uuid", "_uuid"]) {
            Self::Of(type_of(stem))
        } else if let Some(stem) = stem(&["Ids", "IDs", "_ids"]) {
            Self::Each(type_of(stem))
        } else {
            Self::None
        }
    }
}
