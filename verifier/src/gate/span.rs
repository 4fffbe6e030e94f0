//! Times as a person writes them: `90s`, `10m`, `7d`; `2026-02-20`.
#![deny(clippy::disallowed_methods)]

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A length of time in configuration and reports: a whole number with `ms`, `s`, `m`, `h` or `d`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[0-9]+ *(ms|s|m|h|d) *$"))]
pub struct Span(Duration);

/// Units from the largest, with their length in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

impl Span {
    /// So many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// So many milliseconds.
    pub const fn from_millis(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }

    /// As the standard library has it.
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// In milliseconds.
    pub fn millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || {
            format!(
                "`{text}` is no length of time: write a number with `d`, `h`, `m`, `s` or `ms`, such as `10m`"
            )
        };
        let at = text
            .find(|letter: char| !letter.is_ascii_digit())
            .ok_or_else(fault)?;
        let (number, unit) = text.split_at(at);
        let (_, factor) = UNITS
            .into_iter()
            .find(|(name, _)| *name == unit.trim())
            .ok_or_else(fault)?;
        let number: u64 = number.parse().map_err(|_| fault())?;
        let ms = number.checked_mul(factor).ok_or_else(fault)?;
        if ms > 10 * 365 * 86_400_000 {
            return Err(format!("`{text}` is longer than ten years"));
        }
        Ok(Self::from_millis(ms))
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let (unit, factor) = UNITS
            .into_iter()
            .find(|(_, factor)| ms > 0 && ms.is_multiple_of(*factor))
            .unwrap_or(("s", 1_000));
        write!(f, "{}{unit}", ms / factor)
    }
}

/// A length of time for people, in its two largest units: `6 d 4 h`, `4 min 12 s`, `0 s`.
pub fn spell(time: Duration) -> String {
    let seconds = time.as_secs();
    let (large, small) = match seconds {
        86_400.. => ((seconds / 86_400, "d"), (seconds % 86_400 / 3_600, "h")),
        3_600.. => ((seconds / 3_600, "h"), (seconds % 3_600 / 60, "min")),
        60.. => ((seconds / 60, "min"), (seconds % 60, "s")),
        _ => return format!("{seconds} s"),
    };
    if small.0 == 0 {
        return format!("{} {}", large.0, large.1);
    }
    format!("{} {} {} {}", large.0, large.1, small.0, small.1)
}

/// A day as `yyyy-MM-dd`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("format" = "date"))]
pub struct Day(pub Date);

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| format!("`{text}` is no day: write `yyyy-MM-dd`"))
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_spelled_in_its_two_largest_units() {
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (252, "4 min 12 s"),
            (3_600, "1 h"),
            (7_530, "2 h 5 min"),
            (604_799, "6 d 23 h"),
        ] {
            assert_eq!(spell(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn lengths_of_time_read_back_as_they_were_written() {
        for text in ["10m", "90s", "7d", "500ms", "0s", "36h"] {
            let span: Span = text.parse().expect("a length");
            assert_eq!(span.to_string(), text);
        }
        for text in [
            "",
            "10",
            "m",
            "-1s",
            "1.5h",
            "10 minutes",
            "99999999999d",
            "10m5s",
            "1일",
        ] {
            let error = text.parse::<Span>().expect_err("no length");
            assert!(error.contains(text), "{error}");
        }
    }
}
