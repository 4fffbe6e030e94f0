//! JSON token by token from a stream, for texts that are too long to hold.

use std::io::{self, Read};

use super::scan::{number_end, skip_white, string_end, word_end};
use super::{JsonError, JsonFault, JsonType};

/// One token. Texts are as written; a string's holds its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'b> {
    /// `{` or `[`
    Open(JsonType),
    /// `}` or `]`
    Close(JsonType),
    /// A key.
    Key(&'b str),
    /// A string, number, boolean or null.
    Scalar(JsonType, &'b str),
    /// The text is over.
    End,
}

/// Why reading a stream stopped.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The source failed.
    #[error("cannot read on")]
    Read(#[from] io::Error),
    /// The text is not JSON.
    #[error("not JSON")]
    Json(#[from] JsonError),
    /// A single string or number is longer than [`Pull::MAX_TOKEN_BYTES`].
    #[error("byte {offset}: a single value of more than 8 MiB")]
    TokenTooLong {
        /// Where it starts.
        offset: usize,
    },
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrClose,
    KeyOrClose,
    Key,
    Colon,
    CommaOrClose,
    Nothing,
}

/// Reads tokens by the same grammar as [`Document`](super::Document), holding one token at a time.
#[derive(Debug)]
pub struct Pull<R> {
    source: R,
    buffer: Vec<u8>,
    /// Next byte in the buffer.
    at: usize,
    /// Bytes before the buffer.
    before: usize,
    is_over: bool,
    expect: Expect,
    open: Vec<JsonType>,
}

const CHUNK: usize = 64 * 1024;

impl<R: Read> Pull<R> {
    /// The longest single token: what a buffer may grow to.
    pub const MAX_TOKEN_BYTES: usize = 8 * 1024 * 1024;

    /// Reads from `source`, which need not be buffered.
    pub fn new(source: R) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            at: 0,
            before: 0,
            is_over: false,
            expect: Expect::Value,
            open: Vec::new(),
        }
    }

    /// Bytes read so far, up to the next token.
    pub fn offset(&self) -> usize {
        self.before + self.at
    }

    /// The next token.
    pub fn next_token(&mut self) -> Result<Token<'_>, PullError> {
        loop {
            let byte = self.peek()?;
            match (self.expect, byte) {
                (Expect::Nothing, None) => return Ok(Token::End),
                (Expect::Nothing, Some(_)) => return Err(self.fault(JsonFault::Trailing)),
                (_, None) => return Err(self.fault(JsonFault::End)),
                (Expect::Colon, Some(b':')) => {
                    self.at += 1;
                    self.expect = Expect::Value;
                }
                (Expect::CommaOrClose, Some(b',')) => {
                    self.at += 1;
                    let in_object = self.open.last() == Some(&JsonType::Object);
                    self.expect = if in_object {
                        Expect::Key
                    } else {
                        Expect::Value
                    };
                }
                (Expect::CommaOrClose | Expect::KeyOrClose, Some(b'}'))
                    if self.open.last() == Some(&JsonType::Object) =>
                {
                    return Ok(self.close(JsonType::Object));
                }
                (Expect::CommaOrClose | Expect::ValueOrClose, Some(b']'))
                    if self.open.last() == Some(&JsonType::Array) =>
                {
                    return Ok(self.close(JsonType::Array));
                }
                (Expect::Key | Expect::KeyOrClose, Some(b'"')) => {
                    self.expect = Expect::Colon;
                    return self.string().map(Token::Key);
                }
                (Expect::Value | Expect::ValueOrClose, Some(byte)) => return self.value(byte),
                _ => return Err(self.fault(JsonFault::Unexpected)),
            }
        }
    }

    /// Passes over what is left of `depth` open containers, the innermost first.
    pub fn skip(&mut self, mut depth: usize) -> Result<(), PullError> {
        while depth > 0 {
            match self.next_token()? {
                Token::Open(_) => depth += 1,
                Token::Close(_) => depth -= 1,
                Token::Key(_) | Token::Scalar(..) => {}
                Token::End => return Ok(()),
            }
        }
        Ok(())
    }

    fn value(&mut self, byte: u8) -> Result<Token<'_>, PullError> {
        match byte {
            b'{' | b'[' => {
                self.at += 1;
                let kind = if byte == b'{' {
                    JsonType::Object
                } else {
                    JsonType::Array
                };
                self.open.push(kind);
                self.expect = if byte == b'{' {
                    Expect::KeyOrClose
                } else {
                    Expect::ValueOrClose
                };
                Ok(Token::Open(kind))
            }
            b'"' => {
                self.after_value();
                self.string()
                    .map(|text| Token::Scalar(JsonType::String, text))
            }
            b'-' | b'0'..=b'9' => self.scalar(JsonType::Number, number_end),
            b't' => self.scalar(JsonType::Bool, |text, at| word_end(text, at, b"true")),
            b'f' => self.scalar(JsonType::Bool, |text, at| word_end(text, at, b"false")),
            b'n' => self.scalar(JsonType::Null, |text, at| word_end(text, at, b"null")),
            _ => Err(self.fault(JsonFault::Unexpected)),
        }
    }

    fn scalar(
        &mut self,
        kind: JsonType,
        end: fn(&[u8], usize) -> Result<usize, JsonError>,
    ) -> Result<Token<'_>, PullError> {
        self.after_value();
        // A number may go on in bytes that are not there yet.
        let end = self.until(end, true)?;
        self.take(end).map(|text| Token::Scalar(kind, text))
    }

    fn string(&mut self) -> Result<&str, PullError> {
        let end = self.until(
            |text, at| string_end(text, at + 1).map(|(quote, _)| quote + 1),
            false,
        )?;
        self.take(end)
    }

    /// The end of the token at hand, reading on while the buffer may hold only its start.
    fn until(
        &mut self,
        end: impl Fn(&[u8], usize) -> Result<usize, JsonError>,
        open_ended: bool,
    ) -> Result<usize, PullError> {
        loop {
            let found = end(&self.buffer, self.at);
            let whole = match &found {
                Ok(end) => self.is_over || !open_ended || *end < self.buffer.len(),
                Err(_) => self.is_over,
            };
            if whole {
                return found.map_err(|error| {
                    JsonError {
                        offset: self.before + error.offset,
                        ..error
                    }
                    .into()
                });
            }
            if self.buffer.len() - self.at > Self::MAX_TOKEN_BYTES {
                return Err(PullError::TokenTooLong {
                    offset: self.offset(),
                });
            }
            self.fill()?;
        }
    }

    fn take(&mut self, end: usize) -> Result<&str, PullError> {
        let (start, before) = (self.at, self.before);
        self.at = end;
        std::str::from_utf8(&self.buffer[start..end]).map_err(|error| {
            let offset = before + start + error.valid_up_to();
            JsonError {
                offset,
                what: JsonFault::NotUtf8,
            }
            .into()
        })
    }

    fn close(&mut self, kind: JsonType) -> Token<'static> {
        self.at += 1;
        self.open.pop();
        self.after_value();
        Token::Close(kind)
    }

    fn after_value(&mut self) {
        self.expect = if self.open.is_empty() {
            Expect::Nothing
        } else {
            Expect::CommaOrClose
        };
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Result<Option<u8>, PullError> {
        loop {
            self.at = skip_white(&self.buffer, self.at);
            if let Some(byte) = self.buffer.get(self.at) {
                return Ok(Some(*byte));
            }
            if self.is_over {
                return Ok(None);
            }
            self.fill()?;
        }
    }

    /// Reads more, after dropping what was passed. The step grows with what must be kept, so that a
    /// long token is scanned a few times and not once a chunk.
    fn fill(&mut self) -> Result<(), PullError> {
        self.buffer.drain(..self.at);
        self.before += self.at;
        self.at = 0;
        let kept = self.buffer.len();
        self.buffer.resize(kept + CHUNK.max(kept), 0);
        let read = loop {
            match self.source.read(&mut self.buffer[kept..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => break done,
            }
        };
        let count = *read.as_ref().unwrap_or(&0);
        self.buffer.truncate(kept + count);
        read?;
        self.is_over = count == 0;
        if self.before == 0 && kept == 0 && self.buffer.starts_with(b"\xEF\xBB\xBF") {
            return Err(self.fault(JsonFault::ByteOrderMark));
        }
        Ok(())
    }

    fn fault(&self, what: JsonFault) -> PullError {
        JsonError {
            offset: self.offset(),
            what,
        }
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Document;
    use super::*;

    /// Gives a few bytes at a time, so that tokens are torn at every place.
    struct Drip<'t>(&'t [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(into.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn drain(text: &[u8], step: usize) -> Result<Vec<String>, PullError> {
        let mut pull = Pull::new(Drip(text, step));
        let mut tokens = Vec::new();
        loop {
            match pull.next_token()? {
                Token::End => return Ok(tokens),
                token => tokens.push(format!("{token:?}")),
            }
        }
    }

    #[test]
    fn streams_and_documents_take_the_same_texts() {
        for text in [
            r#"{"a":[1,-2.5e3,true,null,"x\"\u00e9"],"b":{},"c":[]}"#,
            " [ ] ",
            "1",
            "12345678",
            "\"객실\"",
            "true",
            "",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "[1}",
            "1 2",
            "nul",
            "01",
            "\"\\x\"",
            "\"a",
            "[1",
            "{,}",
            "\u{feff}1",
            "[\"\t\"]",
        ] {
            let expected = Document::parse(text.as_bytes()).is_ok();
            let whole = drain(text.as_bytes(), 1000);
            assert_eq!(whole.is_ok(), expected, "{text}");
            for step in 1..6 {
                let torn = drain(text.as_bytes(), step);
                assert_eq!(torn.is_ok(), expected, "{text} by {step}");
                if let (Ok(torn), Ok(whole)) = (torn, &whole) {
                    assert_eq!(&torn, whole, "{text} by {step}");
                }
            }
        }
        assert!(drain(b"\"\xFF\"", 1).is_err());
    }

    #[test]
    fn a_token_that_never_ends_is_refused() {
        let mut endless = Pull::new(io::repeat(b'1'));
        assert!(matches!(
            endless.next_token(),
            Err(PullError::TokenTooLong { offset: 0 })
        ));
    }
}
