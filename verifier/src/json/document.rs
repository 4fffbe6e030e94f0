//! A parsed text as a flat tape of nodes that point into it.

use std::borrow::Cow;

use super::scan::{number_end, skip_white, string_end, word_end};
use super::{Decimal, JsonError, JsonFault, JsonType, Units};

/// A JSON text and the tape of its values, in the order they were written.
///
/// A node is 16 bytes. An object holds key and value nodes in turns; each node knows where its
/// subtree ends, so a value is skipped in one step.
#[derive(Clone, Debug)]
pub struct Document<'t> {
    text: &'t str,
    nodes: Vec<Entry>,
}

/// One value or key. Offsets are bytes in the text; a string's include its quotes.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u32,
    end: u32,
    /// The node after this subtree.
    next: u32,
    /// Type in bits 0..3, "has escapes" in bit 3, number of children above.
    info: u32,
}

const ESCAPED: u32 = 1 << 3;
const CHILD: u32 = 1 << 4;

impl<'t> Document<'t> {
    /// The longest text that is read: offsets and counts fit their fields below it.
    pub const MAX_BYTES: usize = 512 * 1024 * 1024;

    /// Reads one JSON text. Depth, length of strings and number of elements are bounded only by
    /// [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn parse(text: &'t [u8]) -> Result<Self, JsonError> {
        let text = readable(text)?;
        // Rows of APIs hold a node per eight bytes or so; growing costs more than it saves.
        let mut tape = Tape {
            text: text.as_bytes(),
            nodes: Vec::with_capacity(text.len() / 8 + 8),
        };
        let at = skip_white(tape.text, 0);
        let at = tape.value(at, &mut Vec::new())?;
        let at = skip_white(tape.text, at);
        if at < text.len() {
            return Err(JsonError {
                offset: at,
                what: JsonFault::Trailing,
            });
        }
        Ok(Self {
            text,
            nodes: tape.nodes,
        })
    }

    /// Reads a text of one JSON value a line (NDJSON) as if it were an array of them. Empty lines do
    /// not count.
    pub fn parse_lines(text: &'t [u8]) -> Result<Self, JsonError> {
        let text = readable(text)?;
        let bytes = text.as_bytes();
        let mut tape = Tape {
            text: bytes,
            nodes: Vec::with_capacity(bytes.len() / 8 + 8),
        };
        tape.push(JsonType::Array, 0, 0);
        let mut stack = Vec::new();
        let mut start = 0;
        while start < bytes.len() {
            let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |n| start + n);
            // The line's end is the text's end for its value: none may span two lines.
            tape.text = &bytes[..end];
            let at = skip_white(tape.text, start);
            if at < end {
                tape.nodes[0].info += CHILD;
                let after = skip_white(tape.text, tape.value(at, &mut stack)?);
                if after < end {
                    return Err(JsonError {
                        offset: after,
                        what: JsonFault::Trailing,
                    });
                }
            }
            start = end + 1;
        }
        tape.close(0, bytes.len());
        Ok(Self {
            text,
            nodes: tape.nodes,
        })
    }

    /// The value itself.
    pub fn root(&self) -> Node<'_> {
        self.node(0)
    }

    /// The text that was read.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// Number of nodes on the tape, keys included.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Never true: a document holds at least one value.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The node of an index that [`Node::index`] gave for this document.
    #[inline]
    pub fn node(&self, index: u32) -> Node<'_> {
        Node {
            document: self,
            index,
            entry: self.nodes[index as usize],
        }
    }

    /// The value at a JSON Pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)); of duplicate
    /// keys the last, as most readers take it. The empty pointer is the root.
    pub fn resolve(&self, pointer: &str) -> Option<Node<'_>> {
        let mut node = self.root();
        if pointer.is_empty() {
            return Some(node);
        }
        for token in pointer.strip_prefix('/')?.split('/') {
            let key = token.replace("~1", "/").replace("~0", "~");
            node = match node.kind() {
                JsonType::Object => {
                    node.members()
                        .filter(|(name, _)| name.as_str() == key)
                        .last()?
                        .1
                }
                JsonType::Array => node.elements().nth(token.parse().ok()?)?,
                _ => return None,
            };
        }
        Some(node)
    }
}

impl Document<'_> {
    /// The JSON Pointer of a node, and the same with `*` for every index. A key's is its value's.
    pub fn pointers(&self, target: u32) -> (String, String) {
        let (mut exact, mut group) = (String::new(), String::new());
        let mut node = self.root();
        while node.index < target {
            match node.kind() {
                JsonType::Object => {
                    let Some((key, value)) =
                        node.members().find(|(_, value)| target < value.entry.next)
                    else {
                        break;
                    };
                    let token = crate::place::child_pointer("", &key.as_str());
                    exact.push_str(&token);
                    group.push_str(&token);
                    if target < value.index {
                        break;
                    }
                    node = value;
                }
                JsonType::Array => {
                    let Some((at, element)) = node
                        .elements()
                        .enumerate()
                        .find(|(_, e)| target < e.entry.next)
                    else {
                        break;
                    };
                    exact.push('/');
                    exact.push_str(&at.to_string());
                    group.push_str("/*");
                    node = element;
                }
                _ => break,
            }
        }
        (exact, group)
    }
}

/// UTF-8 without a byte order mark, of a length whose offsets fit.
fn readable(text: &[u8]) -> Result<&str, JsonError> {
    if text.len() > Document::MAX_BYTES {
        return Err(JsonError {
            offset: Document::MAX_BYTES,
            what: JsonFault::TooLong,
        });
    }
    if text.starts_with(b"\xEF\xBB\xBF") {
        return Err(JsonError {
            offset: 0,
            what: JsonFault::ByteOrderMark,
        });
    }
    std::str::from_utf8(text).map_err(|e| JsonError {
        offset: e.valid_up_to(),
        what: JsonFault::NotUtf8,
    })
}

/// The tape while it is written.
struct Tape<'t> {
    text: &'t [u8],
    nodes: Vec<Entry>,
}

#[allow(clippy::cast_possible_truncation)] // MAX_BYTES keeps every offset and index within 32 bits
impl Tape<'_> {
    #[inline]
    fn push(&mut self, kind: JsonType, start: usize, end: usize) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Entry {
            start: start as u32,
            end: end as u32,
            next,
            info: kind as u32,
        });
    }

    #[inline]
    fn close(&mut self, container: u32, end: usize) {
        let next = self.nodes.len() as u32;
        let entry = &mut self.nodes[container as usize];
        entry.end = end as u32;
        entry.next = next;
    }

    fn fault<T>(&self, offset: usize) -> Result<T, JsonError> {
        let what = if offset >= self.text.len() {
            JsonFault::End
        } else {
            JsonFault::Unexpected
        };
        Err(JsonError {
            offset: offset.min(self.text.len()),
            what,
        })
    }

    #[inline]
    fn string(&mut self, at: usize) -> Result<usize, JsonError> {
        let (quote, escaped) = string_end(self.text, at + 1)?;
        self.push(JsonType::String, at, quote + 1);
        if escaped && let Some(entry) = self.nodes.last_mut() {
            entry.info |= ESCAPED;
        }
        Ok(quote + 1)
    }

    /// Reads a key and its colon; returns the place of its value.
    #[inline]
    fn key(&mut self, at: usize) -> Result<usize, JsonError> {
        if self.text.get(at) != Some(&b'"') {
            return self.fault(at);
        }
        let mut at = self.string(at)?;
        if self.text.get(at) != Some(&b':') {
            at = skip_white(self.text, at);
            if self.text.get(at) != Some(&b':') {
                return self.fault(at);
            }
        }
        Ok(skip_white(self.text, at + 1))
    }

    /// Reads the value at `at` with all it holds; returns the place after it. `stack` holds the
    /// containers that are open.
    fn value(&mut self, mut at: usize, stack: &mut Vec<u32>) -> Result<usize, JsonError> {
        stack.clear();
        loop {
            // One value, or the opening of one.
            match self.text.get(at) {
                Some(b'"') => at = self.string(at)?,
                Some(b'{') => {
                    let index = self.nodes.len() as u32;
                    self.push(JsonType::Object, at, at);
                    at = skip_white(self.text, at + 1);
                    if self.text.get(at) == Some(&b'}') {
                        at += 1;
                        self.close(index, at);
                    } else {
                        self.nodes[index as usize].info += CHILD;
                        stack.push(index);
                        at = self.key(at)?;
                        continue;
                    }
                }
                Some(b'[') => {
                    let index = self.nodes.len() as u32;
                    self.push(JsonType::Array, at, at);
                    at = skip_white(self.text, at + 1);
                    if self.text.get(at) == Some(&b']') {
                        at += 1;
                        self.close(index, at);
                    } else {
                        self.nodes[index as usize].info += CHILD;
                        stack.push(index);
                        continue;
                    }
                }
                Some(b'-' | b'0'..=b'9') => {
                    let end = number_end(self.text, at)?;
                    self.push(JsonType::Number, at, end);
                    at = end;
                }
                Some(b't') => at = self.word(JsonType::Bool, at, b"true")?,
                Some(b'f') => at = self.word(JsonType::Bool, at, b"false")?,
                Some(b'n') => at = self.word(JsonType::Null, at, b"null")?,
                _ => return self.fault(at),
            }
            // After a value: the next one, or the ends of what is open.
            loop {
                let Some(&open) = stack.last() else {
                    return Ok(at);
                };
                at = skip_white(self.text, at);
                let is_object = self.nodes[open as usize].info & 7 == JsonType::Object as u32;
                match self.text.get(at) {
                    Some(b',') => {
                        self.nodes[open as usize].info += CHILD;
                        at = skip_white(self.text, at + 1);
                        if is_object {
                            at = self.key(at)?;
                        }
                        break;
                    }
                    Some(b'}') if is_object => {}
                    Some(b']') if !is_object => {}
                    _ => return self.fault(at),
                }
                at += 1;
                stack.pop();
                self.close(open, at);
            }
        }
    }

    #[inline]
    fn word(&mut self, kind: JsonType, at: usize, word: &[u8]) -> Result<usize, JsonError> {
        let end = word_end(self.text, at, word)?;
        self.push(kind, at, end);
        Ok(end)
    }
}

/// One value (or key) of a [`Document`].
#[derive(Clone, Copy, Debug)]
pub struct Node<'d> {
    document: &'d Document<'d>,
    index: u32,
    entry: Entry,
}

impl<'d> Node<'d> {
    /// Its place on the tape: unique in the document, and rising in the order of the text.
    #[inline]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The index of the first node after this subtree.
    #[inline]
    pub fn next_index(&self) -> u32 {
        self.entry.next
    }

    /// Its type.
    #[inline]
    pub fn kind(&self) -> JsonType {
        match self.entry.info & 7 {
            0 => JsonType::Object,
            1 => JsonType::Array,
            2 => JsonType::String,
            3 => JsonType::Number,
            4 => JsonType::Bool,
            _ => JsonType::Null,
        }
    }

    /// Its text as written, a string with its quotes.
    #[inline]
    pub fn raw(&self) -> &'d str {
        &self.document.text[self.entry.start as usize..self.entry.end as usize]
    }

    /// Its text as written, as bytes: cheaper where only equality is asked.
    #[inline]
    pub fn raw_bytes(&self) -> &'d [u8] {
        &self.document.text.as_bytes()[self.entry.start as usize..self.entry.end as usize]
    }

    /// Where its text starts, in bytes.
    pub fn offset(&self) -> usize {
        self.entry.start as usize
    }

    /// Whether this is a string with at least one escape.
    #[inline]
    pub fn has_escapes(&self) -> bool {
        self.entry.info & ESCAPED != 0
    }

    /// Number of members or elements; 0 for a scalar.
    #[inline]
    pub fn child_count(&self) -> usize {
        (self.entry.info >> 4) as usize
    }

    /// The text between a string's quotes, escapes as written; the whole text of anything else.
    #[inline]
    pub fn inner(&self) -> &'d str {
        if self.entry.info & 7 == JsonType::String as u32 {
            &self.document.text[self.entry.start as usize + 1..self.entry.end as usize - 1]
        } else {
            self.raw()
        }
    }

    /// A string without quotes and escapes (a lone surrogate becomes U+FFFD); the text as written of
    /// anything else.
    pub fn as_str(&self) -> Cow<'d, str> {
        if self.has_escapes() {
            let unit = |u| char::from_u32(u).unwrap_or(char::REPLACEMENT_CHARACTER);
            Cow::Owned(self.units().map(unit).collect())
        } else {
            Cow::Borrowed(self.inner())
        }
    }

    /// The code points of a string, lone surrogates included.
    pub fn units(&self) -> Units<'d> {
        Units::new(self.inner())
    }

    /// The value of a number.
    #[inline]
    pub fn decimal(&self) -> Option<Decimal<'d>> {
        (self.kind() == JsonType::Number).then(|| Decimal::from_number(self.raw().as_bytes()))
    }

    /// Keys (as string nodes) and values of an object, in their order, duplicates included; nothing
    /// for other types.
    #[inline]
    pub fn members(&self) -> Members<'d> {
        let count = if self.kind() == JsonType::Object {
            self.child_count()
        } else {
            0
        };
        Members {
            document: self.document,
            at: self.index + 1,
            left: count,
        }
    }

    /// Elements of an array in their order; nothing for other types.
    #[inline]
    pub fn elements(&self) -> Elements<'d> {
        let count = if self.kind() == JsonType::Array {
            self.child_count()
        } else {
            0
        };
        Elements {
            document: self.document,
            at: self.index + 1,
            left: count,
        }
    }

    /// The last member of that name.
    pub fn get(&self, key: &str) -> Option<Node<'d>> {
        let named = |name: &Node<'d>| {
            if name.has_escapes() {
                name.as_str() == key
            } else {
                name.inner() == key
            }
        };
        self.members()
            .filter(|(name, _)| named(name))
            .last()
            .map(|(_, value)| value)
    }
}

/// See [`Node::members`].
#[derive(Clone, Debug)]
pub struct Members<'d> {
    document: &'d Document<'d>,
    at: u32,
    left: usize,
}

impl<'d> Iterator for Members<'d> {
    type Item = (Node<'d>, Node<'d>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let key = self.document.node(self.at);
        let value = self.document.node(self.at + 1);
        self.at = value.entry.next;
        Some((key, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// See [`Node::elements`].
#[derive(Clone, Debug)]
pub struct Elements<'d> {
    document: &'d Document<'d>,
    at: u32,
    left: usize,
}

impl<'d> Iterator for Elements<'d> {
    type Item = Node<'d>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let node = self.document.node(self.at);
        self.at = node.entry.next;
        Some(node)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
