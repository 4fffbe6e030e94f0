#![deny(clippy::disallowed_methods)]
//! Points in time as services write them: which instant, and in which form.
//!
//! The form is what a client's parser depends on, so it is part of every comparison: a zone that
//! disappears or a fraction that is cut is a difference even where the instant is the same.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// How a point in time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Date and time of some wall clock, with nothing that says which one.
    Local {
        /// Whether the seconds have a fraction.
        fraction: bool,
        /// A blank instead of `T`.
        blank: bool,
    },
    /// With `Z` or an offset (RFC 3339, section 5.6).
    Zoned {
        /// Minutes east of UTC; `None` is `Z`.
        offset: Option<i32>,
        /// Whether the seconds have a fraction.
        fraction: bool,
        /// A blank instead of `T`.
        blank: bool,
    },
    /// HTTP's own form (RFC 9110, section 5.6.7).
    Http,
    /// Whole seconds since 1970, a JSON number.
    EpochSeconds,
    /// Milliseconds since 1970, a JSON number.
    EpochMillis,
}

/// A date and time read from text: its reading, and its form.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// The reading; of some wall clock for [`Form::Local`], else UTC.
    pub reading: Timestamp,
    /// The form.
    pub form: Form,
}

/// Reads a date-time as services write it; `None` for anything else.
pub fn read(text: &str) -> Option<Written> {
    if let Ok(time) = httpdate::parse_http_date(text) {
        let reading = Timestamp::try_from(time).ok()?;
        return text.ends_with("GMT").then_some(Written {
            reading,
            form: Form::Http,
        });
    }
    let bytes = text.as_bytes();
    let shape = b"dddd-dd-ddTdd:dd:dd";
    if bytes.len() < shape.len() {
        return None;
    }
    let fits = shape.iter().zip(bytes).all(|(want, have)| match want {
        b'd' => have.is_ascii_digit(),
        b'T' => matches!(have, b'T' | b' '),
        other => other == have,
    });
    if !fits {
        return None;
    }
    let number = |from: usize, to: usize| text[from..to].parse::<i16>().ok();
    let small = |from: usize| text[from..from + 2].parse::<i8>().ok();
    let mut rest = &text[shape.len()..];
    let mut nanos = 0;
    let mut fraction = false;
    if let Some(after) = rest.strip_prefix('.') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 || digits > 9 {
            return None;
        }
        nanos = format!("{:0<9}", &after[..digits]).parse().ok()?;
        fraction = true;
        rest = &after[digits..];
    }
    let civil = DateTime::new(
        number(0, 4)?,
        small(5)?,
        small(8)?,
        small(11)?,
        small(14)?,
        small(17)?,
        nanos,
    )
    .ok()?;
    let local = civil.to_zoned_datetime(TimeZone::UTC).ok()?.timestamp();
    let blank = bytes[10] == b' ';
    let offset = match rest {
        "" => {
            return Some(Written {
                reading: local,
                form: Form::Local { fraction, blank },
            });
        }
        "Z" => None,
        offset => Some(read_offset(offset)?),
    };
    let shift = jiff::SignedDuration::from_mins(i64::from(offset.unwrap_or(0)));
    let reading = local.checked_sub(shift).ok()?;
    Some(Written {
        reading,
        form: Form::Zoned {
            offset,
            fraction,
            blank,
        },
    })
}

/// `+09:00` or `+0900`, in minutes.
fn read_offset(text: &str) -> Option<i32> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|&c| c != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_digit()) || text.len() > 6 {
        return None;
    }
    let (hours, minutes) = (
        digits[..2].parse::<i32>().ok()?,
        digits[2..].parse::<i32>().ok()?,
    );
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// Minutes east of UTC as `+09:00`.
pub(crate) struct OffsetText(pub(crate) i32);

impl fmt::Display for OffsetText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", self.0.abs() / 60, self.0.abs() % 60)
    }
}

/// The form with the wall clock's place: two values of one instant agree in it or differ in form.
pub(crate) fn describe(form: Form, wall_clock_minutes: i32) -> String {
    let tail = |fraction: bool, blank: bool| {
        format!(
            "{}{}",
            if fraction { " fraction" } else { "" },
            if blank { " blank" } else { "" }
        )
    };
    match form {
        Form::Local { fraction, blank } => {
            format!(
                "local{}{}",
                OffsetText(wall_clock_minutes),
                tail(fraction, blank)
            )
        }
        Form::Zoned {
            offset: None,
            fraction,
            blank,
        } => format!("Z{}", tail(fraction, blank)),
        Form::Zoned {
            offset: Some(minutes),
            fraction,
            blank,
        } => {
            format!("{}{}", OffsetText(minutes), tail(fraction, blank))
        }
        Form::Http => "http".to_owned(),
        Form::EpochSeconds => "epoch-s".to_owned(),
        Form::EpochMillis => "epoch-ms".to_owned(),
    }
}

/// The wall clock of a masked moment as a golden file writes it, `"[now:local+09:00 fraction]"`: minutes
/// east of UTC, and everything else in the token.
pub(crate) fn wall_clock(token: &str) -> Option<(i32, (&str, &str))> {
    let (word, rest) = token
        .strip_prefix("\"[")?
        .strip_suffix("]\"")?
        .split_once(":local")?;
    let (offset, form) = rest.split_at_checked(6)?;
    matches!(word, "now" | "recent").then_some((read_offset(offset)?, (word, form)))
}

/// Seconds from `then` to `written`, and for a wall clock its place in minutes east of UTC: the
/// quarter of an hour that leaves the least (places on Earth use no finer steps).
pub(crate) fn distance_from(written: Written, then: Timestamp) -> (f64, i32) {
    let apart = written.reading.duration_since(then).as_secs_f64();
    match written.form {
        Form::Local { .. } => {
            let quarters = (apart / 900.0).round().clamp(-48.0, 56.0);
            #[expect(clippy::cast_possible_truncation, reason = "clamped to -48..=56")]
            let minutes = quarters as i32 * 15;
            (apart - f64::from(minutes) * 60.0, minutes)
        }
        _ => (apart, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_apart() {
        for (text, form) in [
            ("2026-01-12T10:00:00", "local+09:00"),
            ("2026-01-12T10:00:00.123456", "local+09:00 fraction"),
            ("2026-01-12 10:00:00", "local+09:00 blank"),
            ("2026-01-12T01:00:00Z", "Z"),
            ("2026-01-12T10:00:00.5+09:00", "+09:00 fraction"),
            ("2026-01-12T10:00:00+0900", "+09:00"),
            ("Mon, 12 Jan 2026 01:00:00 GMT", "http"),
        ] {
            let written = read(text).expect(text);
            let then: Timestamp = "2026-01-12T01:00:01Z".parse().expect("a time");
            let (apart, minutes) = distance_from(written, then);
            assert!(apart.abs() < 1.5, "{text}: {apart}");
            assert_eq!(describe(written.form, minutes), form, "{text}");
        }
        for text in [
            "2026-01-12",
            "12:00",
            "2026-13-12T10:00:00",
            "2026-01-12T10:00:00.",
            "x",
            "가나다라마바사아자차카",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn the_wall_clock_of_a_token_is_read() {
        for (token, clock) in [
            (
                "\"[now:local+09:00 fraction]\"",
                Some((540, ("now", " fraction"))),
            ),
            ("\"[recent:local-03:30]\"", Some((-210, ("recent", "")))),
            ("\"[now:Z]\"", None),
            ("\"[expiry:local+09:00 60s]\"", None),
            ("\"[now:local객]\"", None),
            ("[now:local+09:00]", None),
        ] {
            assert_eq!(wall_clock(token), clock, "{token}");
        }
    }
}
