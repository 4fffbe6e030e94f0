#![deny(clippy::disallowed_methods)]
//! Recognises personal data by its shape, so that recording can refuse what nobody marked.
//!
//! Shapes only: a name has none and must be marked in the catalogue.

/// A shape of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `someone@example.com`.
    Email,
    /// A Korean mobile number (`010-1234-5678`) or an international one (`+82 10 …`).
    Phone,
    /// A Korean resident registration number: six digits of birth, then seven from 1 to 8.
    ResidentNumber,
    /// A payment card: 13 to 19 digits that pass Luhn's check (ISO/IEC 7812-1).
    Card,
    /// A Korean passport: a letter and eight digits.
    Passport,
}

impl Shape {
    /// The word for reports; also the class to write under `personal` in the catalogue.
    pub fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::ResidentNumber => "resident_number",
            Self::Card => "card",
            Self::Passport => "passport",
        }
    }
}

/// The first shape of personal data found anywhere in `text`.
///
/// ```
/// # use verifier::normalise::personal::{Shape, find};
/// assert_eq!(find("call 010-1234-5678"), Some(Shape::Phone));
/// assert_eq!(find("room 010, floor 12"), None);
/// ```
pub fn find(text: &str) -> Option<Shape> {
    if text
        .split(|c: char| c.is_whitespace() || ",;<>()\"'=&?/:".contains(c))
        .any(is_email)
    {
        return Some(Shape::Email);
    }
    for run in digit_runs(text) {
        let digits: String = run.chars().filter(char::is_ascii_digit).collect();
        let dashed: Vec<&str> = run.split('-').collect();
        if is_phone(run, &digits) {
            return Some(Shape::Phone);
        }
        if let [birth, rest] = dashed.as_slice()
            && birth.len() == 6
            && rest.len() == 7
            && rest.starts_with(|c| ('1'..='8').contains(&c))
            && is_birth(birth)
        {
            return Some(Shape::ResidentNumber);
        }
        if (13..=19).contains(&digits.len())
            && run.len() <= digits.len() + 4
            && luhn(&digits)
            && !is_epoch(&digits)
        {
            return Some(Shape::Card);
        }
    }
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .any(is_passport)
        .then_some(Shape::Passport)
}

fn is_email(word: &str) -> bool {
    let Some((user, host)) = word.split_once('@') else {
        return false;
    };
    let label = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    !user.is_empty()
        && user
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._%+-".contains(&b))
        && host.contains('.')
        && host.trim_end_matches('.').split('.').all(label)
}

/// Runs of digits joined by single dashes or blanks, an optional `+` before.
fn digit_runs(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | ' ' | '+')))
        .map(|run| run.trim_matches(|c: char| c == '-' || c == ' '))
        .filter(|run| run.len() >= 8)
}

fn is_phone(run: &str, digits: &str) -> bool {
    if let Some(rest) = run.strip_prefix('+') {
        return (8..=15).contains(&digits.len()) && !rest.contains('+');
    }
    (10..=11).contains(&digits.len())
        && ["010", "011", "016", "017", "018", "019"]
            .iter()
            .any(|head| digits.starts_with(head))
}

fn is_birth(digits: &str) -> bool {
    let two = |from: usize| {
        digits
            .get(from..from + 2)
            .and_then(|part| part.parse::<u8>().ok())
    };
    matches!((two(2), two(4)), (Some(1..=12), Some(1..=31)))
}

/// Thirteen digits that start as a time in milliseconds of this century do.
fn is_epoch(digits: &str) -> bool {
    digits.len() == 13 && matches!(digits.as_bytes().first(), Some(b'1' | b'2'))
}

fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| {
            let digit = u32::from(byte - b'0');
            let doubled = digit * 2;
            if at % 2 == 0 {
                digit
            } else if doubled > 9 {
                doubled - 9
            } else {
                doubled
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn is_passport(word: &str) -> bool {
    word.len() == 9
        && word.starts_with(['M', 'S', 'R', 'O', 'D', 'G'])
        && word.bytes().skip(1).all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_shapes_are_found_and_others_left_alone() {
        for (text, shape) in [
            ("kim@example.com", Some(Shape::Email)),
            ("<a.b+c@mail.example.org>", Some(Shape::Email)),
            ("?by=kim@example.com&page=1", Some(Shape::Email)),
            ("mailto:kim@example.com", Some(Shape::Email)),
            ("01012345678", Some(Shape::Phone)),
            ("+82 10-1234-5678", Some(Shape::Phone)),
            ("901231-1234567", Some(Shape::ResidentNumber)),
            ("4111 1111 1111 1111", Some(Shape::Card)),
            ("M12345678", Some(Shape::Passport)),
            ("2026-01-12T10:00:00", None),
            ("1767225600000", None),
            ("901331-1234567", None),
            ("a@b", None),
            ("100000", None),
            ("스탠다드 201", None),
            ("550e8400-e29b-41d4-a716-446655440000", None),
        ] {
            assert_eq!(find(text), shape, "{text}");
        }
    }
}
