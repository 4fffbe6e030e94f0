//! Numbers by exact decimal value.

use std::cmp::Ordering;

/// The exact value of a number text: sign, significant digits and the power of ten of the first of
/// them. Never a double, so `9007199254740993` is not `9007199254740992`, and `1e400` is not `1e401`.
///
/// Nothing is allocated unless the exponent itself has more than 36 digits; every operation is linear
/// in the length of the text, whatever its exponent.
///
/// ```
/// # use verifier::json::Decimal;
/// let read = |text| Decimal::parse(text).expect("a number");
/// assert_eq!(read("12000.50"), read("1.20005e4"));
/// assert!(read("0.1") < read("0.10000000000000001"));
/// ```
#[derive(Clone, Debug)]
pub struct Decimal<'t> {
    negative: bool,
    /// Digits before and after the point; together without zeros at either end. Both empty for zero.
    whole: &'t [u8],
    fraction: &'t [u8],
    power: Power,
}

/// A power of ten of any size.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Power {
    Small(i128),
    /// Sign and decimal digits, most significant first, no leading zero; beyond [`Power::Small`].
    Large {
        negative: bool,
        digits: Vec<u8>,
    },
}

/// An exponent text longer than this is kept as digits; 36 digits and any text length fit an `i128`.
const SMALL_DIGITS: usize = 36;

impl<'t> Decimal<'t> {
    /// Reads a JSON number, or `None` when the text is not one.
    pub fn parse(text: &'t str) -> Option<Self> {
        let bytes = text.as_bytes();
        if super::scan::number_end(bytes, 0) == Ok(bytes.len()) {
            Some(Self::from_number(bytes))
        } else {
            None
        }
    }

    /// Reads a text that is known to be a JSON number.
    pub(super) fn from_number(text: &'t [u8]) -> Self {
        let (negative, text) = match text.split_first() {
            Some((b'-', rest)) => (true, rest),
            _ => (false, text),
        };
        let mark = text.iter().position(|b| matches!(b, b'e' | b'E'));
        let (digits, exponent) = match mark {
            Some(at) => (&text[..at], &text[at + 1..]),
            None => (text, &text[..0]),
        };
        let point = digits.iter().position(|&b| b == b'.');
        let (whole, fraction) = match point {
            Some(at) => (&digits[..at], &digits[at + 1..]),
            None => (digits, &digits[..0]),
        };
        Self::normalised(negative, whole, fraction, exponent)
    }

    fn normalised(
        negative: bool,
        mut whole: &'t [u8],
        mut fraction: &'t [u8],
        exponent: &[u8],
    ) -> Self {
        let width = |digits: &[u8]| i128::try_from(digits.len()).unwrap_or(i128::MAX);
        // The place of the first digit, before zeros are taken off.
        let mut first = width(whole) - 1;
        let zeros = leading_zeros(whole);
        whole = &whole[zeros..];
        first -= i128::try_from(zeros).unwrap_or(0);
        if whole.is_empty() {
            let zeros = leading_zeros(fraction);
            fraction = &fraction[zeros..];
            first -= i128::try_from(zeros).unwrap_or(0);
        }
        fraction = &fraction[..fraction.len() - trailing_zeros(fraction)];
        if fraction.is_empty() {
            whole = &whole[..whole.len() - trailing_zeros(whole)];
        }
        if whole.is_empty() && fraction.is_empty() {
            return Self {
                negative: false,
                whole,
                fraction,
                power: Power::Small(0),
            };
        }
        Self {
            negative,
            whole,
            fraction,
            power: Power::read(exponent, first),
        }
    }

    /// Whether the value is zero; `-0` is.
    pub fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    /// Whether the value is below zero.
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// The significant digits, without zeros at either end.
    pub fn digits(&self) -> impl Iterator<Item = u8> + '_ {
        self.whole.iter().chain(self.fraction).copied()
    }

    fn digit_count(&self) -> usize {
        self.whole.len() + self.fraction.len()
    }

    /// The `k` for which `other` is this value times 10^k, when there is one and it is not 0.
    pub fn scale_to(&self, other: &Decimal<'_>) -> Option<i64> {
        if self.is_zero() || self.negative != other.negative || !self.digits().eq(other.digits()) {
            return None;
        }
        let (Power::Small(from), Power::Small(to)) = (&self.power, &other.power) else {
            return None;
        };
        i64::try_from(to.checked_sub(*from)?)
            .ok()
            .filter(|&k| k != 0)
    }

    /// Whether this value is `other` with fraction digits cut off its end: `28999` for `28999.97`.
    /// Zero is the cut of nothing.
    pub fn is_cut_of(&self, other: &Decimal<'_>) -> bool {
        let Power::Small(first) = self.power else {
            return false;
        };
        // Digits before the point must all be there, though zeros at the end are not stored.
        let kept = self
            .digit_count()
            .max(usize::try_from(first + 1).unwrap_or(0));
        !self.is_zero()
            && self.negative == other.negative
            && self.power == other.power
            && kept < other.digit_count()
            && other
                .digits()
                .take(kept)
                .eq(self.digits().chain(std::iter::repeat(b'0')).take(kept))
    }

    /// Whether the value is a whole number.
    pub fn is_whole(&self) -> bool {
        if self.is_zero() {
            return true;
        }
        match &self.power {
            Power::Small(first) => {
                i128::try_from(self.digit_count()).is_ok_and(|count| *first >= count - 1)
            }
            Power::Large { negative, .. } => !negative,
        }
    }

    /// Whether the two values are at most `distance` apart. Judged exactly while both fit 38 digits at
    /// one scale; beyond that only equal values count as near, so a tolerance never hides what it
    /// could not compute.
    pub fn within(&self, other: &Decimal<'_>, distance: &Decimal<'_>) -> bool {
        if self == other {
            return true;
        }
        let scale = [self, other, distance]
            .into_iter()
            .filter_map(Decimal::last_place)
            .min();
        let Some(scale) = scale else { return false };
        let (Some(a), Some(b), Some(limit)) = (
            self.at_scale(scale),
            other.at_scale(scale),
            distance.at_scale(scale),
        ) else {
            return false;
        };
        a.checked_sub(b)
            .is_some_and(|apart| apart.unsigned_abs() <= limit.unsigned_abs())
    }

    /// The value as a whole `i128`, when it is one.
    pub fn to_i128(&self) -> Option<i128> {
        if self.is_whole() {
            self.at_scale(0)
        } else {
            None
        }
    }

    /// The power of ten of the last significant digit; `None` for zero or when it is out of reach.
    fn last_place(&self) -> Option<i128> {
        match &self.power {
            Power::Small(first) if !self.is_zero() => {
                first.checked_sub(i128::try_from(self.digit_count()).ok()? - 1)
            }
            _ => None,
        }
    }

    /// The value divided by 10^`scale`, which must not exceed the last place.
    fn at_scale(&self, scale: i128) -> Option<i128> {
        if self.is_zero() {
            return Some(0);
        }
        if self.digit_count() > 38 {
            return None;
        }
        let shift = u32::try_from(self.last_place()?.checked_sub(scale)?).ok()?;
        let mut value: i128 = 0;
        for digit in self.digits() {
            value = value
                .checked_mul(10)?
                .checked_add(i128::from(digit - b'0'))?;
        }
        let value = value.checked_mul(10_i128.checked_pow(shift)?)?;
        Some(if self.negative { -value } else { value })
    }

    /// Feeds everything that makes two values equal to `add`, eight bytes at a time at most.
    pub(crate) fn fold(&self, mut add: impl FnMut(u64)) {
        if self.is_zero() {
            return add(0);
        }
        add(u64::from(self.negative) + 1);
        let mut word = 0_u64;
        let mut filled = 0;
        for digit in self.digits() {
            word = word << 8 | u64::from(digit);
            filled += 1;
            if filled == 8 {
                add(word);
                (word, filled) = (0, 0);
            }
        }
        add(word);
        match &self.power {
            // The low half tells powers apart well enough for a hash.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Power::Small(first) => add(*first as u64),
            Power::Large { digits, .. } => digits.iter().for_each(|&digit| add(digit.into())),
        }
    }
}

impl PartialEq for Decimal<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.negative == other.negative
            && self.power == other.power
            && self.digit_count() == other.digit_count()
            && self.digits().eq(other.digits())
    }
}

impl Eq for Decimal<'_> {}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |d: &Self| match (d.is_zero(), d.negative) {
            (true, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        };
        let by_sign = sign(self).cmp(&sign(other));
        if by_sign != Ordering::Equal || self.is_zero() {
            return by_sign;
        }
        let size = self
            .power
            .cmp(&other.power)
            .then_with(|| self.digits().cmp(other.digits()));
        if self.negative { size.reverse() } else { size }
    }
}

impl Power {
    /// Reads an exponent text (sign and digits, or nothing) and adds `offset`.
    fn read(exponent: &[u8], offset: i128) -> Self {
        let (negative, digits) = match exponent.split_first() {
            Some((b'-', rest)) => (true, rest),
            Some((b'+', rest)) => (false, rest),
            _ => (false, exponent),
        };
        let digits = &digits[leading_zeros(digits)..];
        if digits.len() <= SMALL_DIGITS {
            let value = digits
                .iter()
                .fold(0_i128, |sum, &d| sum * 10 + i128::from(d - b'0'));
            let value = offset + if negative { -value } else { value };
            // One form per value, or equal numbers would differ.
            return if value.unsigned_abs() < 10_u128.pow(36) {
                Self::Small(value)
            } else {
                let digits = value.unsigned_abs().to_string().into_bytes();
                Self::Large {
                    negative: value < 0,
                    digits,
                }
            };
        }
        // At least 37 digits against a text length: the sign cannot flip.
        let digits = add_small(digits, if negative { -offset } else { offset });
        if digits.len() > SMALL_DIGITS {
            return Self::Large { negative, digits };
        }
        let value = digits
            .iter()
            .fold(0_i128, |sum, &d| sum * 10 + i128::from(d - b'0'));
        Self::Small(if negative { -value } else { value })
    }

    /// Every `Large` is further from zero than every `Small`.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Small(a), Self::Small(b)) => a.cmp(b),
            (Self::Small(_), Self::Large { negative, .. }) => {
                if *negative {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (Self::Large { negative, .. }, Self::Small(_)) => {
                if *negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (
                Self::Large {
                    negative: a_negative,
                    digits: a,
                },
                Self::Large {
                    negative: b_negative,
                    digits: b,
                },
            ) => match (a_negative, b_negative) {
                (false, true) => Ordering::Greater,
                (true, false) => Ordering::Less,
                (negative, _) => {
                    let size = a.len().cmp(&b.len()).then_with(|| a.cmp(b));
                    if *negative { size.reverse() } else { size }
                }
            },
        }
    }
}

/// `digits` plus `step`, where the digits are far larger than the step.
fn add_small(digits: &[u8], step: i128) -> Vec<u8> {
    let mut sum = digits.to_vec();
    let mut carry = step;
    for digit in sum.iter_mut().rev() {
        if carry == 0 {
            break;
        }
        let value = i128::from(*digit - b'0') + carry;
        *digit = b'0' + u8::try_from(value.rem_euclid(10)).unwrap_or(0);
        carry = value.div_euclid(10);
    }
    while carry > 0 {
        sum.insert(0, b'0' + u8::try_from(carry % 10).unwrap_or(0));
        carry /= 10;
    }
    let zeros = leading_zeros(&sum);
    sum.drain(..zeros);
    sum
}

fn leading_zeros(digits: &[u8]) -> usize {
    digits.iter().take_while(|&&b| b == b'0').count()
}

fn trailing_zeros(digits: &[u8]) -> usize {
    digits.iter().rev().take_while(|&&b| b == b'0').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Decimal<'_> {
        Decimal::parse(text).expect("the test gives a number")
    }

    #[test]
    fn numbers_are_equal_by_value_and_only_by_value() {
        let huge = format!("1e{}", "9".repeat(40));
        let huge_shifted = format!("10e{}8", "9".repeat(39));
        let boundary = format!("0.1e1{}", "0".repeat(36)); // one below 10^36
        let boundary_plain = format!("1e{}", "9".repeat(36));
        for (a, b, expected) in [
            ("1", "1.0", Ordering::Equal),
            ("1", "1e0", Ordering::Equal),
            ("100", "1E+2", Ordering::Equal),
            ("-0", "0", Ordering::Equal),
            (
                "0e99999999999999999999999999999999999999999",
                "0.000",
                Ordering::Equal,
            ),
            ("12000.50", "12000.5", Ordering::Equal),
            ("0.00010", "1.0E-4", Ordering::Equal),
            ("9007199254740993", "9007199254740992", Ordering::Greater),
            ("1e400", "1e401", Ordering::Less),
            ("-1e400", "-1e401", Ordering::Greater),
            ("0.1", "0.10000000000000001", Ordering::Less),
            ("1e-400", "0", Ordering::Greater),
            ("-1", "1", Ordering::Less),
            ("99", "100", Ordering::Less),
            ("1.5", "1.25", Ordering::Greater),
            (&huge, &huge_shifted, Ordering::Equal),
            (&boundary, &boundary_plain, Ordering::Equal),
            (&huge, "1e5", Ordering::Greater),
        ] {
            assert_eq!(read(a).cmp(&read(b)), expected, "{a} against {b}");
            assert_eq!(
                read(a) == read(b),
                expected == Ordering::Equal,
                "{a} against {b}"
            );
        }
    }

    #[test]
    fn distances_are_exact() {
        for (a, b, distance, expected) in [
            ("10", "11", "1", true),
            ("10", "11.0000001", "1", false),
            ("0.1", "0.3", "0.2", true),
            ("-1", "1", "1.9", false),
            ("1e400", "1e400", "0", true),
            ("1e400", "2e400", "1", false),
            ("0", "0.5", "0.5", true),
        ] {
            assert_eq!(
                read(a).within(&read(b), &read(distance)),
                expected,
                "{a} {b} {distance}"
            );
        }
    }

    #[test]
    fn scales_and_cuts_are_seen() {
        assert_eq!(read("12").scale_to(&read("12000")), Some(3));
        assert_eq!(read("12").scale_to(&read("12.0")), None);
        assert_eq!(read("0").scale_to(&read("0")), None);
        assert!(read("28999").is_cut_of(&read("28999.97")));
        assert!(!read("28998").is_cut_of(&read("28999.97")));
        assert!(!read("2").is_cut_of(&read("29")), "another power");
        assert!(read("30").is_cut_of(&read("30.5")) && read("0.05").is_cut_of(&read("0.051")));
        assert!(
            !read("2900").is_cut_of(&read("2999")),
            "only a fraction can be cut"
        );
        assert!(read("1e3").is_whole() && read("1.50e1").is_whole() && !read("1.5").is_whole());
    }
}
