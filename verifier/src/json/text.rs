//! The text inside a JSON string, with and without its escapes.

/// The code points a JSON string stands for, read from the text between its quotes.
///
/// A lone surrogate such as `\ud800` is kept as its own number: it is legal JSON, and no `char` can
/// hold it, so two different ones would otherwise look the same.
#[derive(Clone, Debug)]
pub struct Units<'t> {
    rest: std::str::Chars<'t>,
}

impl<'t> Units<'t> {
    /// Reads `inner`, the text between the quotes. A broken escape is read as the characters it is
    /// made of; a [`Document`](super::Document) holds none.
    pub fn new(inner: &'t str) -> Self {
        Self {
            rest: inner.chars(),
        }
    }

    /// Takes four hex digits; leaves everything in place when there are none.
    fn hex4(&mut self) -> Option<u32> {
        let mut ahead = self.rest.clone();
        let mut code = 0;
        for _ in 0..4 {
            code = code * 16 + ahead.next()?.to_digit(16)?;
        }
        self.rest = ahead;
        Some(code)
    }
}

impl Iterator for Units<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let first = self.rest.next()?;
        if first != '\\' {
            return Some(first.into());
        }
        let Some(second) = self.rest.next() else {
            return Some(first.into());
        };
        Some(match second {
            'b' => 8,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'u' => {
                let Some(high) = self.hex4() else {
                    return Some('u'.into());
                };
                if (0xD800..0xDC00).contains(&high) {
                    let before = self.rest.clone();
                    if self.rest.next() == Some('\\')
                        && self.rest.next() == Some('u')
                        && let Some(low) = self.hex4()
                        && (0xDC00..0xE000).contains(&low)
                    {
                        return Some(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00));
                    }
                    self.rest = before;
                }
                high
            }
            other => other.into(),
        })
    }
}

/// Whether two strings, given as the text between their quotes, stand for the same text.
pub fn same_text(reference: &str, candidate: &str) -> bool {
    reference == candidate
        || ((reference.contains('\\') || candidate.contains('\\'))
            && Units::new(reference).eq(Units::new(candidate)))
}

/// Writes `text` as a JSON string with its quotes, escaping only what must be.
///
/// ```
/// # use verifier::json::escape;
/// assert_eq!(escape("객실 \"201\"\n"), r#""객실 \"201\"\n""#);
/// ```
pub fn escape(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
