#![deny(clippy::disallowed_methods)]
//! What a value is, and whether it may be kept in clear.
//!
//! An allow-list: what nobody recognised is free text, and free text can hold anything. The name of
//! the field decides before the shape of the value does, because a name or a password has no shape.

use std::borrow::Cow;

use crate::normalise::personal;
use crate::relation::{FormatClass, format_class};

/// Longest integer of a string that is kept: longer ones number people, cards and accounts.
const MAX_CLEAR_DIGITS: usize = 9;
/// Most significant digits of a clear decimal. A rate or an amount, but no coordinate.
const MAX_CLEAR_DECIMAL: usize = 4;
/// Longest text that can be a clear constant.
const MAX_CONSTANT: usize = 40;

/// How a value came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A string, or text that is no JSON.
    Text,
    /// A JSON number.
    Number,
}

/// The class of a value that must not be kept in clear; `None` when it may be.
///
/// `name` is the nearest key, query parameter or header; `marked` the class the catalogue gives the
/// place.
pub fn secret_class<'m>(
    name: &str,
    marked: Option<&'m str>,
    text: &str,
    origin: Origin,
) -> Option<Cow<'m, str>> {
    if let Some(class) = marked {
        return Some(class.into());
    }
    if text.is_empty() {
        return None;
    }
    match by_name(name) {
        // An account's number is an id like any other.
        Some("name") if origin == Origin::Number => {}
        Some(class) => return Some(class.into()),
        None => {}
    }
    if let Some(class) = bare_digits(text) {
        return Some(class.into());
    }
    if let Some(shape) = personal::find(text) {
        return Some(shape.word().into());
    }
    let clear = match origin {
        Origin::Number => clear_number(text),
        Origin::Text => clear_text(name, text),
    };
    if clear {
        None
    } else if origin == Origin::Number {
        Some("number".into())
    } else {
        Some(unknown_class(text).into())
    }
}

/// Personal numbers written without separators, which look like integers.
fn bare_digits(text: &str) -> Option<&'static str> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let two = |from: usize| text.get(from..from + 2)?.parse::<u8>().ok();
    match text.len() {
        // Six digits of birth, then one from 1 to 8 and six more.
        13 if !matches!(text.as_bytes()[0], b'1' | b'2')
            && matches!(text.as_bytes()[6], b'1'..=b'8')
            && matches!((two(2), two(4)), (Some(1..=12), Some(1..=31))) =>
        {
            Some("resident_number")
        }
        // A mobile number that lost its zero by becoming a number.
        10 if text.starts_with("10") => Some("phone"),
        _ => None,
    }
}

fn clear_number(text: &str) -> bool {
    let whole = text.strip_prefix('-').unwrap_or(text);
    if whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return whole.len() <= 19;
    }
    // Also `1.0E-4`: what counts is how many digits tell something.
    let mantissa = whole.split(['e', 'E']).next().unwrap_or(whole);
    let digits = mantissa.bytes().filter(u8::is_ascii_digit);
    let leading = digits.skip_while(|&digit| digit == b'0').count();
    text.len() <= 24 && leading <= MAX_CLEAR_DECIMAL
}

fn clear_text(name: &str, text: &str) -> bool {
    if text.len() > 64 {
        return false;
    }
    match format_class(text) {
        FormatClass::Empty
        | FormatClass::Uuid(_)
        | FormatClass::Date
        | FormatClass::Timestamp(_)
        | FormatClass::TraceParent => true,
        FormatClass::Ulid => is_id_name(name),
        FormatClass::Int => text.trim_start_matches('-').len() <= MAX_CLEAR_DIGITS,
        FormatClass::Decimal(_) => clear_number(text),
        _ => matches!(text, "true" | "false" | "null") || is_constant(name, text),
    }
}

/// A word of a closed vocabulary. Only where the field's name says so, or by the underscore that
/// nobody's name has: `KIM` could be a guest.
fn is_constant(name: &str, text: &str) -> bool {
    let word = text.len() <= MAX_CONSTANT
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b','))
        && text.bytes().filter(u8::is_ascii_digit).count() <= 2;
    let shouted = text.contains('_') && !text.bytes().any(|byte| byte.is_ascii_lowercase());
    word && (shouted || is_constant_name(name))
}

fn is_constant_name(name: &str) -> bool {
    const ENDS: [&str; 24] = [
        "status",
        "type",
        "role",
        "state",
        "kind",
        "level",
        "mode",
        "category",
        "currency",
        "unit",
        "period",
        "method",
        "locale",
        "language",
        "country",
        "sort",
        "order",
        "direction",
        "action",
        "phase",
        "format",
        "result",
        "operation",
        "scope",
    ];
    let plain = plain(name);
    ENDS.iter().any(|end| {
        plain.ends_with(end) || plain.strip_suffix('s').is_some_and(|p| p.ends_with(end))
    })
}

fn is_id_name(name: &str) -> bool {
    name == "id"
        || ["Id", "ID", "_id", "-id", "Ids", "_ids"]
            .iter()
            .any(|end| name.ends_with(end))
}

/// Lower case, letters and digits only: `access-token` and `accessToken` are one name.
fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// The class that a field's name alone gives away.
pub fn by_name(name: &str) -> Option<&'static str> {
    /// Class, parts that give it away anywhere in the name, whole names.
    const NAMES: [(&str, &[&str], &[&str]); 10] = [
        (
            "password",
            &["password", "passwd", "passcode", "passphrase"],
            &["pw", "pwd", "pin", "otp", "cvc", "cvv", "answer"],
        ),
        (
            "secret",
            &[
                "secret",
                "privatekey",
                "apikey",
                "accesskey",
                "signature",
                "credential",
            ],
            &["sig", "key", "hmac", "nonce", "salt", "hash"],
        ),
        ("cookie", &["cookie"], &[]),
        (
            "token",
            &[
                "token",
                "authorization",
                "jwt",
                "session",
                "csrf",
                "xsrf",
                "assertion",
                "ticket",
            ],
            &["sid", "auth", "code", "bearer"],
        ),
        ("email", &["email"], &["mail", "mails"]),
        (
            "phone",
            &["phone", "mobile", "telno"],
            &["tel", "fax", "hp", "contact", "cell"],
        ),
        (
            "resident_number",
            &["residentnumber", "residentno", "ssn", "nationalid", "taxid"],
            &["rrn", "jumin", "brn"],
        ),
        ("passport", &["passport"], &[]),
        (
            "card",
            &[
                "cardnumber",
                "cardno",
                "iban",
                "accountnumber",
                "accountno",
                "bankaccount",
            ],
            &["pan", "card"],
        ),
        (
            "person",
            &[
                "address",
                "birth",
                "latitude",
                "longitude",
                "gender",
                "nationality",
            ],
            &[
                "addr",
                "dob",
                "street",
                "zip",
                "zipcode",
                "postcode",
                "postalcode",
                "lat",
                "lon",
                "lng",
                "ip",
                "age",
                "sex",
            ],
        ),
    ];
    const PEOPLE: [&str; 14] = [
        "user",
        "userid",
        "username",
        "login",
        "loginid",
        "guest",
        "customer",
        "owner",
        "holder",
        "member",
        "contactname",
        "author",
        "createdby",
        "updatedby",
    ];
    let plain = plain(name);
    // A gravatar is a hash of somebody's address; kinds of things are not things.
    if plain.ends_with("expiresin") || plain.ends_with("type") {
        return None;
    }
    NAMES
        .iter()
        .find(|(_, parts, whole)| {
            parts.iter().any(|part| plain.contains(part)) || whole.contains(&plain.as_str())
        })
        .map(|(class, ..)| *class)
        .or_else(|| (plain.ends_with("name") || PEOPLE.contains(&plain.as_str())).then_some("name"))
}

/// The class of a text that nothing else explains.
fn unknown_class(text: &str) -> &'static str {
    match format_class(text) {
        FormatClass::Jwt => "token",
        FormatClass::Url(_) => "url",
        FormatClass::Email => "email",
        FormatClass::Hex(_) => "hex",
        FormatClass::Int | FormatClass::Decimal(_) => "digits",
        _ => "text",
    }
}

/// What may be told of a hidden value: the pattern of a number with separators, else length and
/// kinds of characters. Enough to see that a form changed, too little to see who it was.
pub fn form(text: &str) -> String {
    let numeric = text.len() <= 24
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-. ()/:".contains(&byte));
    if numeric {
        return text
            .chars()
            .map(|c| {
                if c.is_ascii_digit() {
                    '9'
                } else if c == ' ' {
                    '_'
                } else {
                    c
                }
            })
            .collect();
    }
    let mut kinds = [false; 6];
    for c in text.chars() {
        let kind = match c {
            'a'..='z' => 0,
            'A'..='Z' => 1,
            '0'..='9' => 2,
            '\u{ac00}'..='\u{d7a3}' | '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' => 3,
            _ if c.is_whitespace() => 4,
            _ => 5,
        };
        kinds[kind] = true;
    }
    let words = ["lower", "upper", "digit", "hangul", "blank", "other"];
    let used: Vec<&str> = words
        .iter()
        .zip(kinds)
        .filter(|(_, used)| *used)
        .map(|(word, _)| *word)
        .collect();
    format!("{}c:{}", text.chars().count(), used.join("+"))
}

/// Longest key that is taken for a name.
const MAX_KEY: usize = 64;

/// Whether a key, a header's or a parameter's name is a name and no data that somebody sent.
pub fn is_plain_name(key: &str) -> bool {
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    !key.is_empty()
        && key.len() <= MAX_KEY
        && digits < 5
        && key.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b'-' | b'.' | b'*' | b':' | b'~' | b'$')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_recognised_stays_in_clear() {
        use Origin::{Number, Text};
        for (name, text, origin, class) in [
            ("id", "42", Number, None),
            ("price", "-120000", Number, None),
            ("commissionRate", "0.15", Number, None),
            ("commissionRate", "1.0E-4", Number, None),
            ("point", "37.566535", Number, Some("number")),
            ("createdAt", "2026-01-12T10:00:00.123", Text, None),
            ("stayStartAt", "2026-01-12", Text, None),
            ("roomId", "01ARZ3NDEKTSV4RRFFQ69G5FAV", Text, None),
            ("note", "01ARZ3NDEKTSV4RRFFQ69G5FAV", Text, Some("text")),
            ("ref", "550e8400-e29b-41d4-a716-446655440000", Text, None),
            ("status", "NORMAL", Text, None),
            ("updatedFields", "PEEK_PRICE", Text, None),
            ("guest", "KIM", Text, Some("name")),
            ("x", "KIM", Text, Some("text")),
            ("name", "홍길동", Text, Some("name")),
            ("userId", "testadmin", Text, Some("name")),
            ("userId", "7", Number, None),
            ("phone", "7", Number, Some("phone")),
            ("x", "010-1234-5678", Text, Some("phone")),
            ("x", "01012345678", Text, Some("phone")),
            ("x", "1012345678", Number, Some("phone")),
            ("x", "901231-1234567", Text, Some("resident_number")),
            ("x", "9012311234567", Number, Some("resident_number")),
            ("x", "1767225600000", Number, None),
            ("x", "4111111111111111", Number, Some("card")),
            ("x", "M12345678", Text, Some("passport")),
            ("status", "M12345678", Text, Some("passport")),
            ("password", "1234", Number, Some("password")),
            ("accessToken", "abc", Text, Some("token")),
            ("accessTokenExpiresIn", "1767225600000", Number, None),
            ("note", "late arrival", Text, Some("text")),
            ("note", "", Text, None),
            ("number", "201", Text, None),
            ("profileImageUrl", "https://g.example/a", Text, Some("url")),
        ] {
            let found = secret_class(name, None, text, origin);
            assert_eq!(found.as_deref(), class, "{name}: {text}");
        }
        assert_eq!(
            secret_class("id", Some("vip"), "42", Number).as_deref(),
            Some("vip")
        );
    }

    #[test]
    fn the_form_tells_length_and_kind_and_no_character() {
        for (text, expected) in [
            ("010-1234-5678", "999-9999-9999"),
            ("홍길동", "3c:hangul"),
            ("Kim 7", "5c:lower+upper+digit+blank"),
            ("<script>", "8c:lower+other"),
        ] {
            assert_eq!(form(text), expected);
        }
    }
}
