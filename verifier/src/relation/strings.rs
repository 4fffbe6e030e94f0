//! Relations between two different strings.

use unicode_normalization::UnicodeNormalization;

use crate::json::{Decimal, escape};

use super::Relation;
use super::time::Stamp;

/// Longer texts are not looked at: a relation is for a reader, and the checks are linear but many.
const MAX_BYTES: usize = 64 * 1024;
/// A text must have this many characters before its start alone says "cut short".
const MIN_CUT_FROM: usize = 16;
/// And this many must be left.
const MIN_CUT_TO: usize = 8;

/// The relation between two different texts, where they prove one.
pub(super) fn relate(a: &str, b: &str) -> Option<Relation> {
    // Two lone surrogates read alike, and have no relation.
    if a == b || a.len() > MAX_BYTES || b.len() > MAX_BYTES {
        return None;
    }
    if let (Some(x), Some(y)) = (Stamp::read(a), Stamp::read(b)) {
        return times(&x, &y);
    }
    if let (Some(x), Some(y)) = (Decimal::parse(a), Decimal::parse(b)) {
        return (x == y).then_some(Relation::DecimalDigits);
    }
    if a.trim() == b.trim() {
        return Some(Relation::Trim);
    }
    if a.nfc().eq(b.nfc()) || a.nfkc().eq(b.nfkc()) {
        return Some(Relation::UnicodeForm);
    }
    if a.chars()
        .flat_map(char::to_lowercase)
        .eq(b.chars().flat_map(char::to_lowercase))
    {
        return Some(Relation::Case);
    }
    if is_masked(a, b) || is_masked(b, a) {
        return Some(Relation::Masked);
    }
    if is_constant(a) && is_constant(b) && folded(a).eq(folded(b)) {
        return Some(Relation::EnumRenamed);
    }
    if is_escaped(a, b) || is_escaped(b, a) {
        return Some(Relation::DoubleEscaped);
    }
    (is_cut(a, b) || is_cut(b, a)).then_some(Relation::Truncated)
}

/// Two timestamps whose texts differ.
fn times(a: &Stamp, b: &Stamp) -> Option<Relation> {
    const SECOND: i128 = 1_000_000_000;
    let both_or_none = a.zone.is_some() == b.zone.is_some();
    if both_or_none && a.instant() == b.instant() {
        return Some(Relation::TimestampFormat);
    }
    if a.clock() == b.clock() {
        // The same digits: with another zone they mean another moment.
        return match (a.zone, b.zone) {
            (Some(x), Some(y)) => Some(Relation::TimeShift(x - y)),
            _ => Some(Relation::TimestampZone),
        };
    }
    let (x, y) = if both_or_none {
        (a.instant(), b.instant())
    } else {
        (a.clock(), b.clock())
    };
    let cut = |long: (i128, u8), short: (i128, u8)| {
        let unit = 10_i128.pow(u32::from(9 - short.1.min(9)));
        short.1 < long.1 && long.0.div_euclid(unit) * unit == short.0
    };
    let digits = (a.form.fraction_digits, b.form.fraction_digits);
    if cut((x, digits.0), (y, digits.1)) || cut((y, digits.1), (x, digits.0)) {
        return Some(Relation::CutFraction);
    }
    // Zones lie on quarter hours, at most 14 hours from Greenwich: 26 between the two ends.
    let apart = y - x;
    let zone_like = apart % (900 * SECOND) == 0 && apart.abs() <= 26 * 3600 * SECOND;
    if zone_like {
        i64::try_from(apart / SECOND).ok().map(Relation::TimeShift)
    } else {
        None
    }
}

/// Whether `masked` is `text` with a run of characters replaced by `*`.
fn is_masked(text: &str, masked: &str) -> bool {
    let stars = masked.chars().filter(|c| *c == '*').count();
    if stars < 2 || text.contains('*') {
        return false;
    }
    let same_length = text.chars().count() == masked.chars().count();
    if same_length
        && text
            .chars()
            .zip(masked.chars())
            .all(|(t, m)| t == m || m == '*')
    {
        return true;
    }
    // One run of stars of any length between what is left at both ends.
    let head = masked.find('*').map_or("", |at| &masked[..at]);
    let tail = masked.rfind('*').map_or("", |at| &masked[at + 1..]);
    let one_run = head.len() + stars + tail.len() == masked.len();
    one_run
        && !(head.is_empty() && tail.is_empty())
        && text.len() > head.len() + tail.len()
        && text.starts_with(head)
        && text.ends_with(tail)
}

/// A constant's name: a letter, then letters, digits, `_` or `-`.
pub(crate) fn is_constant(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn folded(text: &str) -> impl Iterator<Item = u8> {
    text.bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(|b| b.to_ascii_lowercase())
}

/// Whether `escaped` is `text` escaped once more: as JSON, as HTML or as in a URL.
fn is_escaped(text: &str, escaped: &str) -> bool {
    let json = escape(text);
    let json = &json[1..json.len() - 1];
    if json == escaped
        || json
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
            == escaped
    {
        return true;
    }
    let html = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    if html == escaped
        || html.replace('\'', "&#39;") == escaped
        || html.replace('\'', "&#x27;") == escaped
        || html.replace("&quot;", "&#34;").replace('\'', "&#39;") == escaped
    {
        return true;
    }
    escaped.contains('%')
        && percent_encoding::percent_decode_str(escaped)
            .decode_utf8()
            .is_ok_and(|t| t == text)
}

/// Whether `short` is the start of `long`, with dots at its end or without.
fn is_cut(long: &str, short: &str) -> bool {
    let kept = short.trim_end_matches("...").trim_end_matches('…');
    long.len() > kept.len()
        && long.starts_with(kept)
        && long.chars().count() >= MIN_CUT_FROM
        && kept.chars().count() >= MIN_CUT_TO
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str, expected: Option<&str>) {
        let found = relate(a, b).map(|r| r.class());
        assert_eq!(found, expected, "{a:?} to {b:?}");
    }

    #[test]
    fn related_texts_are_named() {
        check("Normal", "NORMAL", Some("case"));
        check("Straße", "STRASSE", None);
        check(" 201", "201", Some("trim"));
        check("\u{e9}", "e\u{301}", Some("unicode-form"));
        check(
            "객실",
            "\u{1100}\u{1162}\u{11a8}\u{1109}\u{1175}\u{11af}",
            Some("unicode-form"),
        );
        check("12.50", "12.5", Some("decimal-digits"));
        check("010-1234-5678", "010-****-5678", Some("masked"));
        check("kim@example.com", "k**@example.com", Some("masked"));
        check("CHECK_IN", "CheckIn", Some("enum-renamed"));
        check("CHECK_IN", "ARRIVED", None);
        check("a<b", "a&lt;b", Some("double-escaped"));
        check("say \"hi\"", "say \\\"hi\\\"", Some("double-escaped"));
        check("a b/c", "a%20b%2Fc", Some("double-escaped"));
        check(
            "a note that is rather long",
            "a note that is",
            Some("truncated"),
        );
        check(
            "a note that is rather long",
            "a note that…",
            Some("truncated"),
        );
        check("Room 10", "Room 1", None);
        check("kim", "lee", None);
    }

    #[test]
    fn related_times_are_named() {
        for (a, b, expected) in [
            (
                "2026-01-12T09:00:00Z",
                "2026-01-12T18:00:00+09:00",
                Some(Relation::TimestampFormat),
            ),
            (
                "2026-01-12T09:00:00.120",
                "2026-01-12T09:00:00.12",
                Some(Relation::TimestampFormat),
            ),
            (
                "2026-01-12T09:00:00",
                "2026-01-12T09:00:00Z",
                Some(Relation::TimestampZone),
            ),
            (
                "2026-01-12T00:00:00Z",
                "2026-01-12T09:00:00Z",
                Some(Relation::TimeShift(32400)),
            ),
            (
                "2026-01-12T09:00:00",
                "2026-01-12T00:00:00",
                Some(Relation::TimeShift(-32400)),
            ),
            (
                "2026-01-12T09:00:00+09:00",
                "2026-01-12T09:00:00Z",
                Some(Relation::TimeShift(32400)),
            ),
            (
                "2026-01-12T09:00:00.123456",
                "2026-01-12T09:00:00",
                Some(Relation::CutFraction),
            ),
            (
                "2026-01-12T09:00:00.123456Z",
                "2026-01-12T09:00:00.123Z",
                Some(Relation::CutFraction),
            ),
            ("2026-01-12T09:00:00Z", "2026-01-12T09:00:01Z", None),
            ("2026-01-12T09:00:00Z", "2026-03-12T09:00:00Z", None),
        ] {
            assert_eq!(relate(a, b), expected, "{a} to {b}");
        }
    }
}
