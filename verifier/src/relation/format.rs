//! What kind of text a text is: two ids of one format may differ in value, never in format.

use super::time::{Form, Stamp};

/// The format of a text. `same-format` rules accept a value of the same format only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatClass {
    /// Nothing.
    Empty,
    /// A UUID with its version digit.
    Uuid(u8),
    /// 26 characters of Crockford's alphabet.
    Ulid,
    /// Whole number.
    Int,
    /// Number with this many digits after the point.
    Decimal(usize),
    /// Timestamp, by its form.
    #[allow(private_interfaces)]
    Timestamp(Form),
    /// `yyyy-MM-dd`.
    Date,
    /// Hex digits, this many.
    Hex(usize),
    /// Three base64url parts.
    Jwt,
    /// Something with a scheme; holds it.
    Url(String),
    /// A mail address.
    Email,
    /// A `traceparent` of W3C Trace Context.
    TraceParent,
    /// Anything else.
    Text,
}

/// The format of a text.
pub fn format_class(text: &str) -> FormatClass {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return FormatClass::Empty;
    }
    if let Some(version) = uuid(bytes) {
        return FormatClass::Uuid(version);
    }
    if let Some(stamp) = Stamp::read(text) {
        return FormatClass::Timestamp(stamp.form);
    }
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
        return FormatClass::Int;
    }
    if let Some((whole, fraction)) = text.split_once('.')
        && !fraction.is_empty()
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && whole
            .trim_start_matches('-')
            .bytes()
            .all(|b| b.is_ascii_digit())
        && whole.bytes().any(|b| b.is_ascii_digit())
    {
        return FormatClass::Decimal(fraction.len());
    }
    if text.parse::<jiff::civil::Date>().is_ok() && bytes.len() == 10 {
        return FormatClass::Date;
    }
    if bytes.len() >= 8 && bytes.iter().all(u8::is_ascii_hexdigit) {
        return FormatClass::Hex(bytes.len());
    }
    if bytes.len() == 26
        && bytes
            .iter()
            .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
    {
        return FormatClass::Ulid;
    }
    let parts: Vec<_> = text.split('-').collect();
    if let [version, trace, span, flags] = parts[..]
        && [version.len(), trace.len(), span.len(), flags.len()] == [2, 32, 16, 2]
        && bytes.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-')
    {
        return FormatClass::TraceParent;
    }
    let base64 = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if text.starts_with("eyJ")
        && text.split('.').count() == 3
        && text.bytes().all(|b| base64(b) || b == b'.')
    {
        return FormatClass::Jwt;
    }
    if let Some((scheme, _)) = text.split_once("://")
        && !scheme.is_empty()
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    {
        return FormatClass::Url(scheme.to_ascii_lowercase());
    }
    if let Some((name, host)) = text.split_once('@')
        && !name.is_empty()
        && host.contains('.')
        && !text.contains(char::is_whitespace)
    {
        return FormatClass::Email;
    }
    FormatClass::Text
}

/// The version digit of a UUID.
fn uuid(text: &[u8]) -> Option<u8> {
    let shape = text.len() == 36
        && text.iter().enumerate().all(|(at, &b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_hexdigit(),
        });
    shape.then(|| text[14])
}
