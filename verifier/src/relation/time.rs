//! Timestamps as texts: the instant and the form.

/// A timestamp read from text, with what its form was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Nanoseconds from 1970 of the clock reading, its zone not yet taken off.
    clock: i128,
    /// Seconds east of Greenwich; `None` without a zone.
    pub(crate) zone: Option<i64>,
    /// What the text looks like, digits aside.
    pub(crate) form: Form,
}

/// The form of a timestamp: two of one form are written by one pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    separator: u8,
    has_seconds: bool,
    pub(crate) fraction_digits: u8,
    zone: ZoneForm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ZoneForm {
    None,
    Zulu,
    Colon,
    Basic,
}

impl Stamp {
    /// Reads `2026-01-12T09:00:00.123+09:00` and its kin: `T`, `t` or a space between, seconds and
    /// fraction (up to nine digits) optional, zone `Z`, `+09:00`, `+0900` or none. A bare date is none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        let year = i64::from(digits(text, 0, 4)?);
        let month = i64::from(digits(text, 5, 2)?);
        let day = i64::from(digits(text, 8, 2)?);
        let hour = i64::from(digits(text, 11, 2)?);
        let minute = i64::from(digits(text, 14, 2)?);
        let separator = *text.get(10)?;
        let marks = text[4] == b'-' && text[7] == b'-' && text[13] == b':';
        if !marks || !matches!(separator, b'T' | b't' | b' ') || hour > 24 || minute > 59 {
            return None;
        }
        let date = jiff::civil::Date::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
        )
        .ok()?;
        let mut at = 16;
        let has_seconds = text.get(at) == Some(&b':');
        let mut second = 0;
        let (mut nanos, mut fraction_digits) = (0_i128, 0);
        if has_seconds {
            second = i64::from(digits(text, at + 1, 2)?);
            if second > 60 {
                return None;
            }
            at += 3;
            if let Some(b'.' | b',') = text.get(at) {
                at += 1;
                while let Some(digit @ b'0'..=b'9') = text.get(at) {
                    if fraction_digits == 9 {
                        return None;
                    }
                    nanos = nanos * 10 + i128::from(digit - b'0');
                    fraction_digits += 1;
                    at += 1;
                }
                if fraction_digits == 0 {
                    return None;
                }
                nanos *= 10_i128.pow(u32::from(9 - fraction_digits));
            }
        }
        let (zone, zone_form) = match text.get(at) {
            None => (None, ZoneForm::None),
            Some(b'Z' | b'z') if text.len() == at + 1 => (Some(0), ZoneForm::Zulu),
            Some(sign @ (b'+' | b'-')) => {
                let hours = i64::from(digits(text, at + 1, 2)?);
                let colon = text.get(at + 3) == Some(&b':');
                let minutes = i64::from(digits(text, at + 3 + usize::from(colon), 2)?);
                if text.len() != at + 5 + usize::from(colon) || hours > 18 || minutes > 59 {
                    return None;
                }
                let east = hours * 3600 + minutes * 60;
                let form = if colon {
                    ZoneForm::Colon
                } else {
                    ZoneForm::Basic
                };
                (Some(if *sign == b'-' { -east } else { east }), form)
            }
            Some(_) => return None,
        };
        let days = i64::from(date.since(jiff::civil::date(1970, 1, 1)).ok()?.get_days());
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
        Some(Self {
            clock: i128::from(seconds) * 1_000_000_000 + nanos,
            zone,
            form: Form {
                separator,
                has_seconds,
                fraction_digits,
                zone: zone_form,
            },
        })
    }

    /// Nanoseconds from 1970 in UTC; without a zone, of the clock reading.
    pub(crate) fn instant(&self) -> i128 {
        self.clock - i128::from(self.zone.unwrap_or(0)) * 1_000_000_000
    }

    /// Nanoseconds from 1970 of the clock reading.
    pub(crate) fn clock(&self) -> i128 {
        self.clock
    }
}

/// `count` digits at `at` as a number.
fn digits(text: &[u8], at: usize, count: usize) -> Option<u32> {
    text.get(at..at + count)?
        .iter()
        .try_fold(0_u32, |sum, &digit| {
            digit
                .is_ascii_digit()
                .then(|| sum * 10 + u32::from(digit - b'0'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_whatever_their_form() {
        let read = |text| Stamp::read(text).map(|s| s.instant());
        let noon = read("2026-01-12T12:00:00Z").expect("a timestamp");
        for text in [
            "2026-01-12T21:00:00+09:00",
            "2026-01-12 12:00:00.000Z",
            "2026-01-12T07:00-0500",
            "2026-01-12t12:00:00",
        ] {
            assert_eq!(read(text), Some(noon), "{text}");
        }
        for text in [
            "2026-01-12",
            "2026-13-12T00:00:00Z",
            "2026-01-12T00:00:00Zx",
            "2026-01-12T00:00:00.Z",
            "x",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
