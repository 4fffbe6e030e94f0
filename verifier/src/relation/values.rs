//! Relations between two JSON values, cheapest first.

use crate::json::{Decimal, JsonType, Node};
use crate::rules::Presence;

use super::strings;
use super::time::Stamp;
use super::{Relation, presence};

/// The relation from one value to a different one at the same place, where the two prove one.
pub fn relate(a: Node<'_>, b: Node<'_>) -> Option<Relation> {
    if let (Some(from), Some(to)) = (presence(a), presence(b)) {
        return (from != to).then(|| Relation::Presence {
            from: from.name(),
            to: to.name(),
        });
    }
    match (a.kind(), b.kind()) {
        (JsonType::Number, JsonType::Number) => numbers(&a.decimal()?, &b.decimal()?),
        (JsonType::String, JsonType::String) => strings::relate(&a.as_str(), &b.as_str()),
        (JsonType::String, JsonType::Number | JsonType::Bool) => text_and_scalar(a, b),
        (JsonType::Number | JsonType::Bool, JsonType::String) => text_and_scalar(b, a),
        (JsonType::Null, _) if is_default(b) => Some(Relation::DefaultFilled),
        (_, JsonType::Null) if is_default(a) => Some(Relation::DefaultFilled),
        (JsonType::String, JsonType::Null) if a.inner() == "null" => Some(Relation::StringForm),
        (JsonType::Null, JsonType::String) if b.inner() == "null" => Some(Relation::StringForm),
        _ => None,
    }
}

/// The relation of a value to its absence on the other side. `removed`: the candidate lacks it.
pub fn relate_absent(value: Node<'_>, removed: bool) -> Option<Relation> {
    let absent = Presence::Absent.name();
    if let Some(there) = presence(value) {
        let there = there.name();
        return Some(if removed {
            Relation::Presence {
                from: there,
                to: absent,
            }
        } else {
            Relation::Presence {
                from: absent,
                to: there,
            }
        });
    }
    is_default(value).then_some(Relation::DefaultFilled)
}

/// What a typed language fills in where nothing was: zero or false.
fn is_default(value: Node<'_>) -> bool {
    match value.kind() {
        JsonType::Bool => value.raw() == "false",
        JsonType::Number => value.decimal().is_some_and(|number| number.is_zero()),
        _ => false,
    }
}

fn numbers(a: &Decimal<'_>, b: &Decimal<'_>) -> Option<Relation> {
    if let Some(k) = a.scale_to(b) {
        // Seconds since 1970 have ten digits today; a whole number of that size times a power of a
        // thousand is a moment in another unit.
        let moment = |n: &Decimal<'_>| n.to_i128().is_some_and(|n| n >= 1_000_000_000);
        if matches!(k, -9 | -6 | -3 | 3 | 6 | 9) && moment(a) && moment(b) {
            return Some(Relation::TimeUnit(k));
        }
        // One digit and one zero more is too common to mean anything: 1 and 10 are just two numbers.
        let weak = k.abs() == 1 && a.digits().count() == 1;
        return (!weak).then_some(Relation::Scale(k));
    }
    (a.is_cut_of(b) || b.is_cut_of(a)).then_some(Relation::CutFraction)
}

/// A string against a number or boolean.
fn text_and_scalar(text: Node<'_>, scalar: Node<'_>) -> Option<Relation> {
    let string = text.as_str();
    if *string == *scalar.raw() {
        return Some(Relation::StringForm);
    }
    let number = scalar.decimal()?;
    if let Some(other) = Decimal::parse(&string) {
        return (other == number).then_some(Relation::StringForm);
    }
    // A moment as text, and as seconds or milliseconds (micro-, nano-) since 1970.
    let stamp = Stamp::read(&string).filter(|stamp| stamp.zone.is_some())?;
    let count = number.to_i128().filter(|count| *count >= 100_000_000)?;
    [1_000_000_000, 1_000_000, 1_000, 1]
        .into_iter()
        .any(|unit| stamp.instant().div_euclid(unit) == count)
        .then_some(Relation::TimestampFormat)
}
