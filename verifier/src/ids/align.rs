#![deny(clippy::disallowed_methods)]
//! Ids in two answers that belong together, and an answer with core's ids replaced by legacy's.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use super::name::{below, id_key, ids_key};
use super::{IdMap, is_id};
use crate::json::{Document, JsonType, Node};
use crate::relation::{FormatClass, format_class};

/// Deeper or wider answers are not looked through to their end.
const MAX_NODES: usize = 200_000;

/// Two ids at one place of two answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aligned {
    /// The type of the object.
    pub kind: String,
    /// Legacy's id.
    pub legacy: String,
    /// Core's id.
    pub core: String,
    /// The place in legacy's answer, a JSON Pointer.
    pub pointer: String,
    /// Whether all around them says that both are the same object; else they only stand at one place.
    pub sure: bool,
    /// Whether legacy gave its id out while somebody looked. Two answers alone do not tell: it is set by who
    /// knows, see [`IdMap::is_born`].
    pub born: bool,
}

/// Two nodes that stand at the same place, in a type, and whether they are surely of one object.
type At<'d> = (Node<'d>, Node<'d>, String, bool);

/// Pairs the ids of two answers. `kind` is the type of what the endpoint answers; `made` tells that the
/// request has just made the object on both sides, so that it surely is the same.
pub fn align(legacy: &[u8], core: &[u8], kind: &str, made: bool) -> Vec<Aligned> {
    let (Ok(a), Ok(b)) = (Document::parse(legacy), Document::parse(core)) else {
        return Vec::new();
    };
    let mut aligned = Vec::new();
    let says = (skeletons(a.root(), kind), skeletons(b.root(), kind));
    let alike = |a: Node<'_>, b: Node<'_>| {
        let ours = says.0.get(&a.index());
        ours.is_some() && ours == says.1.get(&b.index())
    };
    let sure = made || alike(a.root(), b.root());
    let mut todo: Vec<At<'_>> = vec![(a.root(), b.root(), kind.to_owned(), sure)];
    let mut seen = 0;
    while let Some((a_node, b_node, kind, sure)) = todo.pop() {
        seen += 1;
        if seen > MAX_NODES || a_node.kind() != b_node.kind() {
            continue;
        }
        match a_node.kind() {
            JsonType::Object => {
                for (key, value) in a_node.members() {
                    let key = key.as_str();
                    let Some(other) = b_node.get(&key) else {
                        continue;
                    };
                    if let Some(kind) = id_key(&key, &kind) {
                        push(&mut aligned, &a, (value, other), kind, sure);
                    } else if let Some(kind) = ids_key(&key) {
                        lists(&mut aligned, &a, (value, other), &kind, sure);
                    }
                    if value.kind().is_container() {
                        let inner = below(&key, &kind);
                        // An object within says for itself whether it is the same.
                        let sure = sure || alike(value, other);
                        todo.push((value, other, inner, sure));
                    }
                }
            }
            JsonType::Array => rows(a_node, b_node, &kind, &says, &mut todo),
            _ => {}
        }
    }
    aligned
}

fn lists(
    aligned: &mut Vec<Aligned>,
    document: &Document<'_>,
    (a, b): (Node<'_>, Node<'_>),
    kind: &str,
    sure: bool,
) {
    if a.kind() == JsonType::Array
        && b.kind() == JsonType::Array
        && a.child_count() == b.child_count()
    {
        for pair in a.elements().zip(b.elements()) {
            push(aligned, document, pair, kind.to_owned(), sure);
        }
    }
}

fn push(
    aligned: &mut Vec<Aligned>,
    document: &Document<'_>,
    (a, b): (Node<'_>, Node<'_>),
    kind: String,
    sure: bool,
) {
    if let (Some(legacy), Some(core)) = (id_of(a), id_of(b))
        && a.kind() == b.kind()
    {
        aligned.push(Aligned {
            kind,
            legacy,
            core,
            pointer: document.pointers(a.index()).0,
            sure,
            born: false,
        });
    }
}

/// Rows that say the same but for their ids belong together, if no other row says the same.
fn rows<'d>(
    a: Node<'d>,
    b: Node<'d>,
    kind: &str,
    says: &(HashMap<u32, u64>, HashMap<u32, u64>),
    todo: &mut Vec<At<'d>>,
) {
    let index = |rows: Node<'d>, says: &HashMap<u32, u64>| {
        let mut index: BTreeMap<u64, Vec<Node<'d>>> = BTreeMap::new();
        for row in rows.elements().filter(|row| row.kind().is_container()) {
            if let Some(&hash) = says.get(&row.index()) {
                index.entry(hash).or_default().push(row);
            }
        }
        index
    };
    let (ours, theirs) = (index(a, &says.0), index(b, &says.1));
    for (hash, rows) in &ours {
        if let ([ours], Some([theirs])) = (&rows[..], theirs.get(hash).map(|rows| &rows[..])) {
            todo.push((*ours, *theirs, kind.to_owned(), true));
        }
    }
}

/// The id that a node holds, if it has the form of one.
fn id_of(node: Node<'_>) -> Option<String> {
    let text = match node.kind() {
        JsonType::Number => node.raw().to_owned(),
        JsonType::String => node.as_str().into_owned(),
        _ => return None,
    };
    is_id(&text).then_some(text)
}

/// What each node says, without what each side may give out by itself (ids, times and tokens) and
/// whatever the order of its keys: as hashes, by the node's index.
fn skeletons(root: Node<'_>, kind: &str) -> HashMap<u32, u64> {
    let mut nodes = Vec::new();
    let mut todo = vec![(root, kind.to_owned(), false)];
    while let Some((node, kind, is_id)) = todo.pop() {
        if nodes.len() > MAX_NODES {
            return HashMap::new();
        }
        match node.kind() {
            JsonType::Object => {
                for (key, value) in node.members() {
                    let key = key.as_str();
                    let is_id = id_key(&key, &kind).or_else(|| ids_key(&key)).is_some();
                    todo.push((value, below(&key, &kind), is_id));
                }
            }
            JsonType::Array => {
                todo.extend(
                    node.elements()
                        .map(|element| (element, kind.clone(), is_id)),
                );
            }
            _ => {}
        }
        nodes.push((node, is_id));
    }
    // Whatever lies within a node has a greater index than it.
    nodes.sort_unstable_by_key(|(node, _)| Reverse(node.index()));
    let mut hashes: HashMap<u32, u64> = HashMap::with_capacity(nodes.len());
    for (node, is_id) in nodes {
        let of = |node: Node<'_>| hashes.get(&node.index()).copied().unwrap_or(0);
        let hash = match node.kind() {
            JsonType::Object => node.members().fold(1_u64, |sum, (key, value)| {
                sum.wrapping_add(hash_of(&(key.as_str(), of(value))))
            }),
            JsonType::Array => hash_of(&node.elements().map(of).collect::<Vec<_>>()),
            _ if is_id && id_of(node).is_some() => hash_of(&"#id"),
            JsonType::String => {
                let text = node.as_str();
                match format_class(&text) {
                    FormatClass::Timestamp(_) => hash_of(&"#time"),
                    FormatClass::Jwt => hash_of(&"#jwt"),
                    _ => hash_of(&(1, text)),
                }
            }
            JsonType::Number => {
                let number: f64 = node.raw().parse().unwrap_or(f64::NAN);
                hash_of(&(2, number.to_bits()))
            }
            _ => hash_of(&(3, node.raw())),
        };
        hashes.insert(node.index(), hash);
    }
    hashes
}

fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Visits every scalar below a node, with the type it is an id of by its place.
pub(super) fn visit<'d>(root: Node<'d>, kind: &str, mut look: impl FnMut(Node<'d>, Option<&str>)) {
    let mut todo = vec![(root, kind.to_owned(), None::<String>)];
    let mut seen = 0;
    while let Some((node, kind, id)) = todo.pop() {
        seen += 1;
        if seen > MAX_NODES {
            return;
        }
        match node.kind() {
            JsonType::Object => {
                for (key, value) in node.members() {
                    let key = key.as_str();
                    let id = id_key(&key, &kind).or_else(|| ids_key(&key));
                    todo.push((value, below(&key, &kind), id));
                }
            }
            JsonType::Array => {
                for element in node.elements() {
                    todo.push((element, kind.clone(), id.clone()));
                }
            }
            _ => look(node, id.as_deref()),
        }
    }
}

/// Core's answer as legacy would have written it: core's ids replaced by legacy's where the map knows
/// them, and tokens by `token`. `None` where nothing changes.
pub fn to_legacy(
    core: &[u8],
    kind: &str,
    map: &IdMap,
    token: impl Fn(&str) -> Option<String>,
) -> Option<Vec<u8>> {
    let document = Document::parse(core).ok()?;
    let mut cuts: Vec<(Range<usize>, String)> = Vec::new();
    visit(document.root(), kind, |node, id| {
        let new = match (id, id_of(node)) {
            (Some(kind), Some(text)) => map.to_legacy(kind, &text).map(str::to_owned),
            _ if node.kind() == JsonType::String => token(&node.as_str()),
            _ => None,
        };
        if let Some(new) = new {
            cuts.push((range(node), written(node, &new)));
        }
    });
    splice(document.text(), cuts)
}

pub(super) fn range(node: Node<'_>) -> Range<usize> {
    node.offset()..node.offset() + node.raw().len()
}

/// A new value in the JSON type of the old one, as far as it can be written in it.
pub(super) fn written(old: Node<'_>, new: &str) -> String {
    if old.kind() == JsonType::Number && new.bytes().all(|byte| byte.is_ascii_digit()) {
        new.to_owned()
    } else {
        serde_json::Value::from(new).to_string()
    }
}

pub(super) fn splice(text: &str, mut cuts: Vec<(Range<usize>, String)>) -> Option<Vec<u8>> {
    if cuts.is_empty() {
        return None;
    }
    cuts.sort_by_key(|(range, _)| range.start);
    let mut new = String::with_capacity(text.len());
    let mut from = 0;
    for (range, value) in cuts {
        new.push_str(text.get(from..range.start)?);
        new.push_str(&value);
        from = range.end;
    }
    new.push_str(text.get(from..)?);
    Some(new.into_bytes())
}

/// The ids that an answer to the making of an object gives out: those of the type itself.
pub fn given_out(body: &[u8], kind: &str) -> Vec<(String, String)> {
    let Ok(document) = Document::parse(body) else {
        return Vec::new();
    };
    let (mut ids, own) = (Vec::new(), id_key("id", kind));
    visit(document.root(), kind, |node, id| {
        if id == own.as_deref()
            && let Some(text) = id_of(node)
        {
            ids.push((own.clone().unwrap_or_default(), text));
        }
    });
    ids
}

/// Tokens that both answers give out at one place: JWTs, and long strings under a key that says so.
pub fn tokens(legacy: &[u8], core: &[u8]) -> Vec<(String, String)> {
    const SHORTEST: usize = 16;
    let (Ok(a), Ok(b)) = (Document::parse(legacy), Document::parse(core)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut todo = vec![(a.root(), b.root())];
    while let Some((a, b)) = todo.pop() {
        for (key, value) in a.members() {
            let key = key.as_str();
            let Some(other) = b.get(&key).filter(|other| other.kind() == value.kind()) else {
                continue;
            };
            if value.kind() == JsonType::Object {
                todo.push((value, other));
            }
            if value.kind() != JsonType::String {
                continue;
            }
            let (ours, theirs) = (value.as_str().into_owned(), other.as_str().into_owned());
            let jwt = format_class(&ours) == FormatClass::Jwt;
            let named = ["token", "session", "secret"]
                .iter()
                .any(|word| key.to_ascii_lowercase().contains(word));
            if jwt || (named && ours.len() >= SHORTEST) {
                found.push((ours, theirs));
            }
        }
    }
    found
}
