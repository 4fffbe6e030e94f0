//! Scanning single tokens: the end of a string, a number, a run of white space.

use super::{JsonError, JsonFault};

/// Returns the first place at or after `at` that is not JSON white space.
#[inline]
pub(super) fn skip_white(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// A bit in every byte that is `"`, `\` or a control character. The lowest bit set is always right;
/// higher ones may be a borrow from below, so only the lowest may be used.
#[inline]
const fn stops(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let slash = word ^ (ONES * b'\\' as u64);
    ((quote.wrapping_sub(ONES) & !quote)
        | (slash.wrapping_sub(ONES) & !slash)
        | (word.wrapping_sub(ONES * 0x20) & !word))
        & HIGHS
}

/// Scans a string whose opening quote stands just before `at`. Returns the place of the closing
/// quote and whether an escape occurred.
#[inline]
pub(super) fn string_end(text: &[u8], mut at: usize) -> Result<(usize, bool), JsonError> {
    let mut escaped = false;
    loop {
        while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let found = stops(u64::from_le_bytes(*chunk));
            if found != 0 {
                at += (found.trailing_zeros() / 8) as usize;
                break;
            }
            at += 8;
        }
        match text.get(at) {
            None => {
                return Err(JsonError {
                    offset: at,
                    what: JsonFault::End,
                });
            }
            Some(b'"') => return Ok((at, escaped)),
            Some(b'\\') => {
                escaped = true;
                at = escape_end(text, at)?;
            }
            Some(0..=0x1F) => {
                return Err(JsonError {
                    offset: at,
                    what: JsonFault::ControlCharacter,
                });
            }
            Some(_) => at += 1,
        }
    }
}

/// Returns the place after the escape that starts with the backslash at `at`.
fn escape_end(text: &[u8], at: usize) -> Result<usize, JsonError> {
    match text.get(at + 1) {
        None => Err(JsonError {
            offset: at + 1,
            what: JsonFault::End,
        }),
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match text.get(at + 2..at + 6) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(at + 6),
            _ => Err(JsonError {
                offset: at,
                what: JsonFault::Escape,
            }),
        },
        Some(_) => Err(JsonError {
            offset: at,
            what: JsonFault::Escape,
        }),
    }
}

/// Returns the place after the number that starts at `at`
/// ([RFC 8259, section 6](https://www.rfc-editor.org/rfc/rfc8259#section-6)).
#[inline]
pub(super) fn number_end(text: &[u8], start: usize) -> Result<usize, JsonError> {
    let fault = |offset| {
        Err(JsonError {
            offset,
            what: JsonFault::Number,
        })
    };
    let mut at = start;
    if text.get(at) == Some(&b'-') {
        at += 1;
    }
    match text.get(at) {
        Some(b'0') => at += 1,
        Some(b'1'..=b'9') => at = digits_end(text, at),
        _ => return fault(at),
    }
    if text.get(at) == Some(&b'.') {
        let end = digits_end(text, at + 1);
        if end == at + 1 {
            return fault(end);
        }
        at = end;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = text.get(at) {
            at += 1;
        }
        let end = digits_end(text, at);
        if end == at {
            return fault(end);
        }
        at = end;
    }
    // `01` and `1x` would otherwise fail one step later, with a vaguer reason.
    match text.get(at) {
        Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'+' | b'-') => fault(at),
        _ => Ok(at),
    }
}

#[inline]
fn digits_end(text: &[u8], mut at: usize) -> usize {
    while let Some(b'0'..=b'9') = text.get(at) {
        at += 1;
    }
    at
}

/// Returns the place after the literal `word` if it stands at `at`.
#[inline]
pub(super) fn word_end(text: &[u8], at: usize, word: &[u8]) -> Result<usize, JsonError> {
    match text.get(at..at + word.len()) {
        Some(found) if found == word => Ok(at + word.len()),
        _ => Err(JsonError {
            offset: at,
            what: JsonFault::Unexpected,
        }),
    }
}
