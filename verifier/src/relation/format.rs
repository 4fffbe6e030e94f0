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
    /// Base64 that shows itself by its padding.
    Base64,
    /// Anything else.
    Text,
}

impl FormatClass {
    /// The class in words, without any part of the text: `timestamp with 3 digits and +hh:mm`.
    pub fn name(&self) -> String {
        match self {
            Self::Empty => "empty".to_owned(),
            Self::Uuid(version) => format!("uuid{}", char::from(*version)),
            Self::Ulid => "ulid".to_owned(),
            Self::Int => "integer".to_owned(),
            Self::Decimal(digits) => format!("decimal({digits})"),
            Self::Timestamp(form) => form.name(),
            Self::Date => "date".to_owned(),
            Self::Hex(digits) => format!("hex({digits})"),
            Self::Jwt => "jwt".to_owned(),
            Self::Url(_) => "url".to_owned(),
            Self::Email => "e-mail".to_owned(),
            Self::TraceParent => "traceparent".to_owned(),
            Self::Base64 => "base64".to_owned(),
            Self::Text => "text".to_owned(),
        }
    }
}

/// Whether two values, as texts, are of one format: of one class, and for whole numbers of one unit
/// of time where both read as a moment of our days (seconds since 1970 and milliseconds since 1970 are
/// two formats). Hexadecimal digits that happen to hold no letter are still hexadecimal.
pub fn same_format(left: &str, right: &str) -> bool {
    match (format_class(left), format_class(right)) {
        (FormatClass::Int, FormatClass::Int) => match (epoch_unit(left), epoch_unit(right)) {
            (Some(left), Some(right)) => left == right,
            _ => true,
        },
        (FormatClass::Hex(digits), FormatClass::Int) => right.len() == digits,
        (FormatClass::Int, FormatClass::Hex(digits)) => left.len() == digits,
        (left, right) => left == right,
    }
}

/// The format of a text in words; a whole number that reads as a moment of our days with its unit.
pub fn format_name(text: &str) -> String {
    match (format_class(text), epoch_unit(text)) {
        (FormatClass::Int, Some(unit)) => format!("epoch {unit}"),
        (class, _) => class.name(),
    }
}

/// Of the name of a timestamp's format, as [`format_name`] gives it: the digits of the fraction, and what
/// else the name says (zone and separator). `None` for another format, and for one without seconds.
pub fn fraction_digits(name: &str) -> Option<(usize, &str)> {
    let (digits, rest) = name.strip_prefix("timestamp with ")?.split_once(" and ")?;
    let digits = match digits {
        "no fraction" => 0,
        digits => digits.strip_suffix(" digits")?.parse().ok()?,
    };
    Some((digits, rest))
}

/// Whether a text is a timestamp, as [`format_class`] has it.
pub(crate) fn is_timestamp(text: &str) -> bool {
    Stamp::read(text).is_some()
}

/// Whether a text is a JWT, as [`format_class`] has it.
pub(crate) fn is_jwt(text: &str) -> bool {
    text.starts_with("eyJ")
        && text.split('.').count() == 3
        && text.bytes().all(|b| base64(b) || b == b'.')
}

/// Whether a byte is a digit of base64url.
fn base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// The unit in which a whole number would be a moment between 2001 and 2065 since 1970.
fn epoch_unit(text: &str) -> Option<&'static str> {
    const FIRST: u64 = 1_000_000_000;
    const LAST: u64 = 3_000_000_000;
    let number: u64 = text.parse().ok()?;
    [
        ("s", 1),
        ("ms", 1_000),
        ("us", 1_000_000),
        ("ns", 1_000_000_000),
    ]
    .into_iter()
    .find(|(_, per_second)| (FIRST * per_second..LAST * per_second).contains(&number))
    .map(|(unit, _)| unit)
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
    if bytes.len() == 10 && text.parse::<jiff::civil::Date>().is_ok() {
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
    if is_jwt(text) {
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
    let padded = bytes.len() >= 8 && bytes.len().is_multiple_of(4) && text.ends_with('=');
    let digits = text.trim_end_matches('=');
    if padded
        && text.len() - digits.len() <= 2
        && digits.bytes().all(|b| base64(b) || b == b'+' || b == b'/')
    {
        return FormatClass::Base64;
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
