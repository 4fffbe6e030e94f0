//! Reading JSON without losing anything: number text, duplicate keys, key order, escapes.
//!
//! The grammar is [RFC 8259](https://www.rfc-editor.org/rfc/rfc8259), strictly: no byte order mark,
//! no comments, no `NaN`, no trailing text, UTF-8 only. Nothing here recurses, so depth is bounded by
//! memory alone, and nothing is copied out of the text.

#![deny(clippy::disallowed_methods)]

mod document;
mod number;
mod pull;
mod scan;
mod text;

use std::fmt;

pub use document::{Document, Elements, Members, Node};
pub use number::Decimal;
pub use pull::{Pull, PullError, Token};
pub use text::{Units, escape, same_text};

/// The six types of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JsonType {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    String,
    /// `12.50`
    Number,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
}

impl JsonType {
    /// The name a reader knows it by, in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Array => "array",
            Self::String => "string",
            Self::Number => "number",
            Self::Bool => "boolean",
            Self::Null => "null",
        }
    }

    /// Whether values of this type hold other values.
    pub const fn is_container(self) -> bool {
        matches!(self, Self::Object | Self::Array)
    }
}

impl fmt::Display for JsonType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a text is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset}: {what}")]
pub struct JsonError {
    /// Where reading stopped, in bytes from the start of the text.
    pub offset: usize,
    /// What was found there.
    pub what: JsonFault,
}

/// The ways in which a text can fail to be JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// The text ended inside a value, or before one.
    #[error("the text ends here")]
    End,
    /// A character that cannot stand at this place.
    #[error("a character that cannot stand here")]
    Unexpected,
    /// A byte order mark at the start.
    #[error("a byte order mark")]
    ByteOrderMark,
    /// Bytes that are not UTF-8.
    #[error("bytes that are not UTF-8")]
    NotUtf8,
    /// A control character that should have been escaped.
    #[error("a raw control character in a string")]
    ControlCharacter,
    /// A backslash sequence JSON does not have.
    #[error("an escape that JSON does not have")]
    Escape,
    /// A number that breaks the grammar, such as `01`, `1.` or `+1`.
    #[error("a malformed number")]
    Number,
    /// Something after the value.
    #[error("text after the value")]
    Trailing,
    /// More than [`Document::MAX_BYTES`].
    #[error("the text is longer than 512 MiB")]
    TooLong,
}
