#![deny(clippy::disallowed_methods)]
//! The catalogue of faults, and how one gets into an answer. Each is small: one place of the answer.

use serde_json::{Map, Value};

use crate::exchange::Answer;

/// What is done to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A field of an object that is not null is left out.
    DropField,
    /// A field that is null is left out.
    NullToAbsent,
    /// A scalar becomes one of another type.
    Retype,
    /// A scalar becomes another of its type and, where it has digits, of its form.
    ChangeScalar,
    /// An item of an array is left out.
    DropItem,
    /// Two neighbours in an array change places.
    SwapItems,
    /// Another status.
    Status,
    /// A header field is left out.
    DropHeader,
    /// A byte of a body that is not JSON becomes another.
    ChangeByte,
}

impl Fault {
    /// The whole catalogue.
    pub const ALL: [Self; 9] = [
        Self::DropField,
        Self::NullToAbsent,
        Self::Retype,
        Self::ChangeScalar,
        Self::DropItem,
        Self::SwapItems,
        Self::Status,
        Self::DropHeader,
        Self::ChangeByte,
    ];
}

/// Fields that every client may rely on; one that an answer lacks cannot be dropped from it.
const HEADERS: [&str; 4] = ["content-type", "location", "www-authenticate", "allow"];

/// An answer that faults can be put into. Its body must be decoded.
pub(super) struct Sound {
    json: Option<Value>,
    /// As it is written without a fault: what differs already here is no effect of one.
    pub(super) answer: Answer,
}

impl Sound {
    /// Reads an answer; its JSON is written anew, as one with a fault will be.
    pub(super) fn of(answer: Answer) -> Option<Self> {
        let json = serde_json::from_slice::<Value>(&answer.body).ok();
        let answer = match &json {
            Some(json) => with_body(&answer, json)?,
            None => answer,
        };
        Some(Self { json, answer })
    }

    /// The answer with the fault that `seed` chooses, or the next of the catalogue that has a place there.
    /// `None` if it has room for none.
    pub(super) fn inject(&self, seed: u64) -> Option<(Fault, Answer)> {
        let first = pick(seed, Fault::ALL.len());
        let place = mix(seed.wrapping_add(1));
        (0..Fault::ALL.len()).find_map(|step| {
            let fault = Fault::ALL[(first + step) % Fault::ALL.len()];
            let faulty = self.with(fault, place)?;
            (faulty != self.answer).then_some((fault, faulty))
        })
    }

    fn with(&self, fault: Fault, place: u64) -> Option<Answer> {
        let answer = &self.answer;
        let mut faulty = answer.clone();
        match fault {
            Fault::Status => faulty.status = if answer.status == 200 { 500 } else { 200 },
            Fault::DropHeader => {
                let has = |name: &&&str| answer.header(name).next().is_some();
                let names: Vec<&&str> = HEADERS.iter().filter(has).collect();
                let name = *names.get(pick(place, names.len()))?;
                faulty.headers.retain(|(other, _)| other != name);
            }
            Fault::ChangeByte => {
                if self.json.is_some() || answer.body.is_empty() {
                    return None;
                }
                let mut body = answer.body.to_vec();
                let at = pick(place, body.len());
                let byte = body.get_mut(at)?;
                *byte = if *byte == b'x' { b'y' } else { b'x' };
                faulty.body = body.into();
            }
            _ => {
                let mut json = self.json.clone()?;
                let places = nodes(&mut json, fault, None, place);
                if places == 0 {
                    return None;
                }
                nodes(&mut json, fault, Some(pick(place, places)), mix(place));
                faulty = with_body(answer, &json)?;
            }
        }
        Some(faulty)
    }
}

fn with_body(answer: &Answer, json: &Value) -> Option<Answer> {
    Some(Answer {
        body: serde_json::to_vec(json).ok()?.into(),
        ..answer.clone()
    })
}

/// Counts the values that have room for `fault`, and changes the one with number `target`.
fn nodes(json: &mut Value, fault: Fault, target: Option<usize>, seed: u64) -> usize {
    let mut seen = 0;
    let mut open = vec![json];
    while let Some(value) = open.pop() {
        if has_room(value, fault) {
            if target == Some(seen) {
                change(value, fault, seed);
                return seen + 1;
            }
            seen += 1;
        }
        match value {
            Value::Array(items) => open.extend(items.iter_mut()),
            Value::Object(fields) => open.extend(fields.values_mut()),
            _ => {}
        }
    }
    seen
}

fn has_room(value: &Value, fault: Fault) -> bool {
    match (fault, value) {
        (Fault::DropField, Value::Object(fields)) => fields.values().any(|field| !field.is_null()),
        (Fault::NullToAbsent, Value::Object(fields)) => fields.values().any(Value::is_null),
        (Fault::Retype, Value::Bool(_) | Value::Number(_) | Value::String(_))
        | (Fault::ChangeScalar, Value::Bool(_) | Value::Number(_)) => true,
        (Fault::ChangeScalar, Value::String(text)) => changed(text).is_some(),
        (Fault::DropItem, Value::Array(items)) => !items.is_empty(),
        (Fault::SwapItems, Value::Array(items)) => unequal(items).next().is_some(),
        _ => false,
    }
}

fn change(value: &mut Value, fault: Fault, seed: u64) {
    match (fault, value) {
        (Fault::DropField, Value::Object(fields)) => drop_field(fields, |v| !v.is_null(), seed),
        (Fault::NullToAbsent, Value::Object(fields)) => drop_field(fields, Value::is_null, seed),
        (Fault::DropItem, Value::Array(items)) => {
            items.remove(pick(seed, items.len()));
        }
        (Fault::SwapItems, Value::Array(items)) => {
            let pairs: Vec<usize> = unequal(items).collect();
            if let Some(&at) = pairs.get(pick(seed, pairs.len())) {
                items.swap(at, at + 1);
            }
        }
        (Fault::Retype, value) => {
            *value = match &*value {
                Value::String(_) => Value::from(1),
                other => Value::from(other.to_string()),
            };
        }
        (Fault::ChangeScalar, value) => {
            *value = match &*value {
                Value::Bool(flag) => Value::from(!flag),
                Value::String(text) => Value::from(changed(text).unwrap_or_default()),
                Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                    (Some(whole), _) => Value::from(whole ^ 1),
                    (None, Some(float)) => Value::from(float + 1.0),
                    (None, None) => Value::Null,
                },
                other => other.clone(),
            };
        }
        _ => {}
    }
}

fn drop_field(fields: &mut Map<String, Value>, drops: impl Fn(&Value) -> bool, seed: u64) {
    let named = fields.iter().filter(|(_, value)| drops(value));
    let names: Vec<String> = named.map(|(name, _)| name.clone()).collect();
    if let Some(name) = names.get(pick(seed, names.len())) {
        fields.shift_remove(name);
    }
}

/// Where an item differs from the next.
fn unequal(items: &[Value]) -> impl Iterator<Item = usize> {
    let neighbours = items.windows(2).enumerate();
    neighbours
        .filter(|(_, two)| two[0] != two[1])
        .map(|(at, _)| at)
}

/// Another digit for the last one, so that a time stays a time and an id an id; without a digit another
/// letter for the last one. `None` where there is neither.
fn changed(text: &str) -> Option<String> {
    let last = |is: fn(&u8) -> bool| text.bytes().rposition(|byte| is(&byte));
    let at = last(u8::is_ascii_digit).or_else(|| last(u8::is_ascii_alphabetic))?;
    let old = *text.as_bytes().get(at)?;
    let new = match old {
        b'1' => '2',
        b'0'..=b'9' => '1',
        b'a' => 'b',
        b'b'..=b'z' => 'a',
        b'A' => 'B',
        _ => 'A',
    };
    // What is replaced is one byte long, and so a whole character.
    Some(format!("{}{new}{}", text.get(..at)?, text.get(at + 1..)?))
}

/// A number below `below`; 0 where that is 0.
fn pick(seed: u64, below: usize) -> usize {
    let below = (below as u64).max(1);
    usize::try_from(mix(seed) % below).unwrap_or(0)
}

/// One step of `SplitMix64` (Steele, Lea and Flood 2014): spreads neighbouring numbers evenly.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
