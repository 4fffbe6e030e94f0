//! YAML that people write: read strictly, and refused with line, column, key and remedy.
#![deny(clippy::disallowed_methods)]

#[cfg(test)]
mod tests;

use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::{DuplicateKeyPolicy, Error, Location, Options, Spanned};

/// Files of this kind repeat a block here and there; what unfolds to more is an attack or a mistake.
const MOST_FROM_ALIASES: usize = 100_000;

/// Deeper than any key of ours. Walking the parser's levels takes stack, so places are looked for no deeper.
const DEEPEST_PLACE: usize = 20;

/// Why a text is not what was to be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From 1.
    pub line: u64,
    /// From 1, in characters.
    pub column: u64,
    /// What is wrong with which key, and what to write instead.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// Reads one document. Duplicate and unknown keys are faults; nesting and aliases are bounded.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    let options = options();
    serde_saphyr::from_str_with_options(text, options).map_err(|error| fault(text, &error))
}

fn options() -> Options {
    let mut options = Options::default();
    options.alias_limits.max_total_replayed_events = MOST_FROM_ALIASES;
    options
}

/// The text of a file's bytes. What is not UTF-8 is refused with the place of its first byte.
pub fn text_of(bytes: Vec<u8>) -> Result<String, Fault> {
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..good]).into_owned();
        let line = before.lines().count().max(1);
        let fresh = before.ends_with('\n');
        let column = if fresh {
            1
        } else {
            before.lines().last().map_or(0, |last| last.chars().count()) + 1
        };
        Fault {
            line: (line + usize::from(fresh && !before.is_empty())) as u64,
            column: column as u64,
            message: "this byte is not UTF-8: save the file as UTF-8".to_owned(),
        }
    })
}

/// Where the value at `path` begins, such as `shadow.timeout_ms` or `gate.waivers[0].owner`; where that is
/// not written, the innermost part of it that is; line and column 1 where none is.
pub fn place_of(text: &str, path: &str) -> (u64, u64) {
    let Some(root) = tree(text) else {
        return (1, 1);
    };
    let mut at = &root.value;
    let mut found = (1, 1);
    let mut rest = path;
    'steps: while !rest.is_empty() {
        match at {
            Tree::Map(entries) => {
                // Keys may hold dots, so the longest one that fits is the one that is meant.
                let fitting = entries.iter().filter(|(key, _)| {
                    rest.strip_prefix(key.value.as_str())
                        .is_some_and(|tail| tail.is_empty() || tail.starts_with(['.', '[']))
                });
                let Some((key, value)) = fitting.max_by_key(|(key, _)| key.value.len()) else {
                    break 'steps;
                };
                found = (key.referenced.line(), key.referenced.column());
                rest = rest[key.value.len()..].trim_start_matches('.');
                at = &value.value;
            }
            Tree::List(items) => {
                let index = rest
                    .strip_prefix('[')
                    .and_then(|tail| tail.split_once(']'))
                    .and_then(|(index, tail)| Some((index.parse::<usize>().ok()?, tail)));
                let Some((index, tail)) = index else {
                    break 'steps;
                };
                let Some(item) = items.get(index) else {
                    break 'steps;
                };
                found = (item.referenced.line(), item.referenced.column());
                rest = tail.trim_start_matches('.');
                at = &item.value;
            }
            Tree::Scalar => break 'steps,
        }
    }
    found
}

/// Of `known`, the word that `word` is most likely a misspelling of.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| {
            let longest = length.max(candidate.chars().count());
            *distance <= (longest / 3).max(1) && *distance < longest
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// ``: did you mean `NEAREST`?`` where there is one, else nothing.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

/// Edits that lead from one word to the other: insertions, removals, replacements, and neighbours swapped
/// (the optimal string alignment distance).
fn distance(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().flat_map(char::to_lowercase).collect();
    let to: Vec<char> = to.chars().flat_map(char::to_lowercase).collect();
    let mut rows: [Vec<usize>; 3] = [Vec::new(), (0..=to.len()).collect(), Vec::new()];
    for (i, &a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &b) in to.iter().enumerate() {
            let mut least = (rows[1][j] + usize::from(a != b))
                .min(rows[1][j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && a == to[j - 1] && from[i - 1] == b {
                least = least.min(rows[0][j - 1] + 1);
            }
            row.push(least);
        }
        rows[2] = row;
        rows.rotate_left(1);
    }
    rows[1].last().copied().unwrap_or_default()
}

/// What the parser found, in the words of the person who wrote the file.
fn fault(text: &str, error: &Error) -> Fault {
    let error = error.without_snippet();
    let at = error.location().filter(|at| at.line() > 0);
    let (line, column) = at.map_or((1, 1), |at| (at.line(), at.column()));
    let path = Places::of(text).and_then(|places| places.innermost(line, column));
    let of = |path: &Option<String>| match path.as_deref() {
        None | Some("") => String::new(),
        Some(path) => format!("`{path}`: "),
    };
    let message = match error {
        Error::SerdeUnknownField {
            field, expected, ..
        } => {
            let parent = path
                .as_deref()
                .and_then(|path| path.strip_suffix(field.as_str()))
                .map(|parent| parent.trim_end_matches('.'))
                .filter(|parent| !parent.is_empty());
            let parent = parent.map_or_else(String::new, |parent| format!(" of `{parent}`"));
            let remedy = match nearest(field, expected.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write one of {}", listed(expected)),
            };
            format!("`{field}` is no key{parent}: {remedy}")
        }
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => {
            let remedy = match nearest(variant, expected.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write one of {}", listed(expected)),
            };
            let place = match &path {
                Some(path) if path.ends_with(variant.as_str()) => String::new(),
                path => of(path),
            };
            format!("{place}`{variant}` is unknown here: {remedy}")
        }
        Error::SerdeMissingField { field, .. } => {
            // The place is that of the last key that is there.
            let parent = path.as_deref().and_then(|path| {
                let end = path.rfind(['.', ']'])?;
                Some(path[..=end].trim_end_matches('.').to_owned())
            });
            format!("{}`{field}` is missing: add it", of(&parent))
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key
                .as_ref()
                .map_or_else(String::new, |key| format!(" `{key}`"));
            format!("the key{key} is there twice: remove one")
        }
        Error::SerdeInvalidType {
            unexpected,
            expected,
            ..
        }
        | Error::SerdeInvalidValue {
            unexpected,
            expected,
            ..
        } => format!(
            "{}found {unexpected}: write {}",
            of(&path),
            expected
                .trim_start_matches("expected ")
                .trim_start_matches("write ")
        ),
        Error::InvalidScalar { ty, .. } => {
            format!("{}this is no {}: write one", of(&path), kind_of(ty))
        }
        Error::Unexpected { expected, .. } => {
            format!(
                "{}this has another form: write {}",
                of(&path),
                form_of(expected)
            )
        }
        Error::Eof { .. } => "the file ends here: write the keys that it should have".to_owned(),
        Error::MultipleDocuments { .. } => {
            "a second document begins here: keep one, without `---` between".to_owned()
        }
        Error::RecursiveReferencesRequireWeakTypes { .. } | Error::UnknownAnchor { .. } => {
            format!(
                "{}: write out what is meant instead of an alias",
                bare(&error.to_string())
            )
        }
        Error::InvalidUtf8Input => "not UTF-8: save the file as UTF-8".to_owned(),
        Error::Message { msg, .. } if msg.contains("socket address") => format!(
            "{}this is no address to listen on: write one with its port, such as `127.0.0.1:8088`",
            of(&path)
        ),
        Error::Message { msg, .. } => format!("{}{}", of(&path), bare(msg)),
        other => {
            let told = bare(&other.to_string());
            let line_text = usize::try_from(line.saturating_sub(1))
                .ok()
                .and_then(|line| text.lines().nth(line));
            if told.contains("alias replay") || told.contains("alias expansion") {
                "aliases unfold to far more than they say: write out what is meant".to_owned()
            } else if told.contains("recursion limit") || matches!(other, Error::Budget { .. }) {
                "this nests too deeply or holds too much: a file like this nests at most 64 levels and \
                 holds at most 250000 values"
                    .to_owned()
            } else if line_text.is_some_and(|line| line.contains('\t')) {
                format!("{told}: a tab stands in this line; indent with spaces")
            } else {
                format!(
                    "{told}: look at the indent, the brackets and the quotes here and in the line before"
                )
            }
        }
    };
    Fault {
        line,
        column,
        message,
    }
}

/// Without the place, which stands before the message.
fn bare(text: &str) -> String {
    let text = text.split(" at line ").next().unwrap_or(text);
    text.strip_prefix("error: ")
        .unwrap_or(text)
        .trim()
        .to_owned()
}

fn listed(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

fn kind_of(rust: &str) -> &str {
    match rust {
        "bool" | "boolean" => "`true` or `false`",
        "f32" | "f64" | "float" => "number",
        kind if kind.starts_with(['i', 'u']) && kind[1..].parse::<u8>().is_ok() => {
            if kind.starts_with('u') {
                "whole number from 0"
            } else {
                "whole number"
            }
        }
        other => other,
    }
}

fn form_of(expected: &str) -> &str {
    match expected {
        "mapping start" => "keys and values, as in `{key: value}`",
        "sequence start" => "a list, as in `[one, two]`",
        "string scalar" => "text",
        "scalar" => "a single value",
        other => other,
    }
}

/// The keys that lead to each place of a text, such as `endpoints[3].rules[0].at`.
pub struct Places(Vec<(u64, u64, String)>);

impl Places {
    /// `None` where the text is no YAML or nests too deeply.
    pub fn of(text: &str) -> Option<Self> {
        let root = tree(text)?;
        let mut places = Vec::new();
        walk(&root.value, "", &mut |path, at| {
            places.push((at.line(), at.column(), path.to_owned()));
        });
        Some(Self(places))
    }

    /// The last key that begins at or before a place; of several that begin together, the outermost.
    pub fn outermost(&self, line: u64, column: u64) -> Option<String> {
        let last = self.last(line, column)?;
        let mut all = self.0.iter();
        let found = all.find(|(line, column, _)| (*line, *column) == last);
        found.map(|(_, _, path)| path.clone())
    }

    /// As [`Places::outermost`]; of several that begin together, the innermost.
    fn innermost(&self, line: u64, column: u64) -> Option<String> {
        let last = self.last(line, column)?;
        let mut all = self.0.iter().rev();
        let found = all.find(|(line, column, _)| (*line, *column) == last);
        found.map(|(_, _, path)| path.clone())
    }

    fn last(&self, line: u64, column: u64) -> Option<(u64, u64)> {
        let before = self.0.iter().map(|(line, column, _)| (*line, *column));
        before.filter(|at| *at <= (line, column)).max()
    }
}

/// Every key's and element's path with the place where it is written, outer ones first.
fn walk(tree: &Tree, path: &str, see: &mut dyn FnMut(&str, Location)) {
    match tree {
        Tree::Scalar => {}
        Tree::Map(entries) => {
            for (key, value) in entries {
                let dot = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{}", key.value);
                see(&path, key.referenced);
                walk(&value.value, &path, see);
            }
        }
        Tree::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                see(&path, item.referenced);
                walk(&item.value, &path, see);
            }
        }
    }
}

/// Keys and elements with their places; of scalars nothing is kept.
enum Tree {
    Map(Vec<(Spanned<String>, Spanned<Tree>)>),
    List(Vec<Spanned<Tree>>),
    Scalar,
}

/// `None` where the text is no YAML at all or nests too deeply.
fn tree(text: &str) -> Option<Spanned<Tree>> {
    let mut options = options();
    options.duplicate_keys = DuplicateKeyPolicy::LastWins;
    options.budget = serde_saphyr::budget! { max_depth: DEEPEST_PLACE };
    serde_saphyr::from_str_with_options(text, options).ok()
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_none<E>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}
