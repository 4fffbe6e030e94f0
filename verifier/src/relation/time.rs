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

impl Form {
    /// The pattern in words, such as `timestamp with 3 digits and +hh:mm`.
    pub(crate) fn name(self) -> String {
        let zone = match self.zone {
            ZoneForm::None => "no zone",
            ZoneForm::Zulu => "Z",
            ZoneForm::Colon => "+hh:mm",
            ZoneForm::Basic => "+hhmm",
        };
        let between = match self.separator {
            b'T' => "",
            b't' => ", small t",
            _ => ", a space",
        };
        let digits = match (self.has_seconds, self.fraction_digits) {
            (false, _) => "no seconds".to_owned(),
            (true, 0) => "no fraction".to_owned(),
            (true, digits) => format!("{digits} digits"),
        };
        format!("timestamp with {digits} and {zone}{between}")
    }
}

impl Stamp {
    /// Reads `2026-01-12T09:00:00.123+09:00` and its kin: `T`, `t` or a space between, seconds and
    /// fraction (up to nine digits) optional, zone `Z`, `+09:00`, `+0900` or none. A bare date is none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        // Most texts are none, and see that at once.
        if text.get(4) != Some(&b'-') {
            return None;
        }
        let year = i64::from(digits(text, 0, 4)?);
        let month = i64::from(digits(text, 5, 2)?);
        let day = i64::from(digits(text, 8, 2)?);
        let hour = i64::from(digits(text, 11, 2)?);
        let minute = i64::from(digits(text, 14, 2)?);
        let separator = *text.get(10)?;
        let marks = text[7] == b'-' && text[13] == b':';
        if !marks || !matches!(separator, b'T' | b't' | b' ') || hour > 24 || minute > 59 {
            return None;
        }
        let days = days_from_1970(year, month, day)?;
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

/// Days from 1970-01-01 to a day of the Gregorian calendar, or `None` when there is no such day. Counts
/// in years that start in March, so that the leap day is the last.
fn days_from_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let before = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let in_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    Some(before + in_year - 719_468)
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
    fn days_are_counted_as_the_calendar_does() {
        let first = jiff::civil::date(1970, 1, 1);
        for year in [
            0, 4, 100, 400, 1600, 1900, 1969, 1970, 1999, 2000, 2024, 2026, 2100, 9999,
        ] {
            for month in 0..=13 {
                for day in 0..=32 {
                    let date = jiff::civil::Date::new(year, month, day).ok();
                    let expected = date
                        .and_then(|date| date.since(first).ok())
                        .map(|span| i64::from(span.get_days()));
                    let found = days_from_1970(year.into(), month.into(), day.into());
                    assert_eq!(found, expected, "{year}-{month}-{day}");
                }
            }
        }
    }

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
