//! The tests that a condition can be made of.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use super::observed::{Line, is_value, rank_of};
use crate::evidence::facts::{BODY, LANGUAGE, PATH, QUERY, ROLE, Row, STATUS, number};
use crate::stats::ln_beta;

/// Most values of one fact that one test names.
const NAMED: usize = 3;

/// One question about a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// The fact that is asked for, as [`facts`](crate::evidence::facts) names it.
    pub fact: String,
    /// What is asked of it.
    pub is: Is,
}

/// What is asked of a fact.
#[derive(Clone, Debug, PartialEq)]
pub enum Is {
    /// It is there.
    Present,
    /// It is not.
    Absent,
    /// It has one of these values, at most three.
    OneOf(Vec<String>),
    /// It is a number above this one, as it was written.
    Above(String),
    /// It is a number below this one.
    Below(String),
    /// Its value is of this class: `number`, `text`, `null`, `4xx`.
    Kind(String),
}

impl Is {
    /// The word of the reports for programs.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Absent => "absent",
            Self::OneOf(_) => "one_of",
            Self::Above(_) => "above",
            Self::Below(_) => "below",
            Self::Kind(_) => "kind",
        }
    }

    /// What it asks for.
    pub fn values(&self) -> Vec<&str> {
        match self {
            Self::Present | Self::Absent => Vec::new(),
            Self::OneOf(values) => values.iter().map(String::as_str).collect(),
            Self::Above(value) | Self::Below(value) | Self::Kind(value) => vec![value],
        }
    }

    /// Whether it asks only whether something is there.
    pub(super) const fn is_presence(&self) -> bool {
        matches!(self, Self::Present | Self::Absent)
    }

    const fn place(&self) -> u8 {
        match self {
            Self::Present => 0,
            Self::Absent => 1,
            Self::Above(_) => 2,
            Self::Below(_) => 3,
            Self::OneOf(_) => 4,
            Self::Kind(_) => 5,
        }
    }
}

impl Test {
    /// Whether it holds for a request.
    pub(super) fn holds(&self, row: &Row) -> bool {
        let value = row.get(&self.fact);
        match &self.is {
            Is::Present => value.is_some(),
            Is::Absent => value.is_none(),
            Is::OneOf(values) => value.is_some_and(|value| values.contains(value)),
            Is::Above(limit) => compared(value, limit) == Some(Ordering::Greater),
            Is::Below(limit) => compared(value, limit) == Some(Ordering::Less),
            Is::Kind(kind) => value.is_some_and(|value| kind_of(&self.fact, value) == *kind),
        }
    }

    /// The same test with the nearest limit that still shuts out all of `left` that it shut out.
    pub(super) fn loosened(&self, inside: &[&Line], left: &[&Line]) -> Self {
        let limit = |above| limit(&self.fact, inside, left, above);
        let is = match &self.is {
            Is::Above(_) => limit(true).map(Is::Above),
            Is::Below(_) => limit(false).map(Is::Below),
            _ => None,
        };
        Self {
            fact: self.fact.clone(),
            is: is.unwrap_or_else(|| self.is.clone()),
        }
    }

    /// Where it stands in a sentence: parameters, then the role.
    pub(super) fn place(&self) -> (u8, String, u8) {
        let (late, name) = rank_of(&self.fact);
        (late, name.to_owned(), self.is.place())
    }
}

fn compared(value: Option<&String>, limit: &str) -> Option<Ordering> {
    number(value?)?.partial_cmp(&number(limit)?)
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if let Some(name) = self.fact.strip_prefix(QUERY) {
            format!("`{name}`")
        } else if let Some(name) = self.fact.strip_prefix(PATH) {
            format!("`{{{name}}}`")
        } else if let Some(pointer) = self.fact.strip_prefix(BODY) {
            format!("`{pointer}` of the body")
        } else if self.fact == LANGUAGE {
            "`accept-language`".to_owned()
        } else if self.fact == STATUS {
            "legacy's status".to_owned()
        } else {
            self.fact.clone()
        };
        let role = self.fact == ROLE;
        match &self.is {
            Is::Present if role => f.write_str("with credentials"),
            Is::Absent if role => f.write_str("without credentials"),
            Is::Present => write!(f, "with {name}"),
            Is::Absent => write!(f, "without {name}"),
            Is::OneOf(values) => {
                let values: Vec<&str> = values.iter().map(|value| shown(value)).collect();
                match values.as_slice() {
                    [rest @ .., last] if !rest.is_empty() => {
                        write!(f, "{name} is {} or {last}", rest.join(", "))
                    }
                    _ => write!(f, "{name} is {}", values.join(", ")),
                }
            }
            Is::Above(limit) => write!(f, "{name} > {limit}"),
            Is::Below(limit) => write!(f, "{name} < {limit}"),
            Is::Kind(kind)
                if kind.ends_with("xx") || ["null", "empty"].contains(&kind.as_str()) =>
            {
                write!(f, "{name} is {kind}")
            }
            Is::Kind(kind) => write!(f, "{name} is of type {kind}"),
        }
    }
}

fn shown(value: &str) -> &str {
    value.trim_matches(['<', '>'])
}

/// A test that holds for all of one side, with what it costs.
#[derive(Debug)]
pub(super) struct Priced {
    pub(super) test: Test,
    /// The logarithm of how many tests of this form there are.
    pub(super) cost: f64,
    /// Requests of the other side for which it holds too, by their place.
    pub(super) left: BTreeSet<usize>,
}

impl Priced {
    /// First the cheaper, then what reads best.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let near = (self.cost - other.cost).abs() < 1e-9;
        let cost = if near {
            Ordering::Equal
        } else {
            self.cost.total_cmp(&other.cost)
        };
        let forms = |test: &Test| test.is.place();
        cost.then_with(|| forms(&self.test).cmp(&forms(&other.test)))
            .then_with(|| self.test.place().cmp(&other.test.place()))
    }
}

/// All tests that hold for all of `inside` and not for all of `outside`.
pub(super) fn candidates(inside: &[&Line], outside: &[&Line]) -> Vec<Priced> {
    let all = || inside.iter().chain(outside);
    let facts: BTreeSet<&String> = all().flat_map(|line| line.row.keys()).collect();
    let of_all = (facts.len() as f64).ln();
    let mut found = Vec::new();
    for fact in facts {
        let values: BTreeSet<&String> = all().filter_map(|line| line.row.get(fact)).collect();
        for (is, forms) in tests_of(fact, &values, inside, outside) {
            let test = Test {
                fact: fact.clone(),
                is,
            };
            let left: BTreeSet<usize> = outside
                .iter()
                .enumerate()
                .filter(|(_, line)| test.holds(&line.row))
                .map(|(at, _)| at)
                .collect();
            if left.len() < outside.len() && inside.iter().all(|line| test.holds(&line.row)) {
                found.push(Priced {
                    test,
                    cost: of_all + forms,
                    left,
                });
            }
        }
    }
    found
}

/// Tests of one fact, each with the logarithm of how many of its form there are.
fn tests_of(
    fact: &str,
    values: &BTreeSet<&String>,
    inside: &[&Line],
    outside: &[&Line],
) -> Vec<(Is, f64)> {
    let ln_two = 2_f64.ln();
    let here: Vec<Option<&String>> = inside.iter().map(|line| line.row.get(fact)).collect();
    let mut tests = vec![(Is::Present, ln_two), (Is::Absent, ln_two)];
    let seen: BTreeSet<&String> = here.iter().flatten().copied().collect();
    if here.iter().any(Option::is_none) || seen.is_empty() {
        return tests;
    }
    // All values there are would say no more than that it is there.
    let some = seen.len() <= NAMED && seen.len() < values.len();
    if some && seen.iter().all(|value| is_value(value)) {
        let (n, k) = (values.len() as f64, seen.len() as f64);
        // ln C(n, k).
        let choices = -(n + 1.0).ln() - ln_beta(k + 1.0, n - k + 1.0);
        let values = seen.iter().map(|value| (*value).clone()).collect();
        tests.push((Is::OneOf(values), choices));
    }
    // Of one value nobody knows on which side of it a limit lies.
    if seen.len() > 1 && seen.iter().all(|value| number(value).is_some()) && fact != STATUS {
        let limits = ln_two + (values.len() as f64).ln();
        for above in [true, false] {
            if let Some(limit) = limit(fact, inside, outside, above) {
                let is = if above {
                    Is::Above(limit)
                } else {
                    Is::Below(limit)
                };
                tests.push((is, limits));
            }
        }
    }
    let kinds: BTreeSet<String> = values.iter().map(|value| kind_of(fact, value)).collect();
    let kind = seen.first().map(|value| kind_of(fact, value));
    if let Some(kind) = kind.filter(|_| kinds.len() > 1) {
        tests.push((Is::Kind(kind), (kinds.len() as f64).ln()));
    }
    tests
}

/// The nearest number beyond those of `inside` that one of `outside` has.
fn limit(fact: &str, inside: &[&Line], outside: &[&Line], above: bool) -> Option<String> {
    let of = |line: &&Line| {
        let text = line.row.get(fact)?;
        Some((number(text)?, text.clone()))
    };
    let beyond = |value: f64| {
        let mut inside = inside.iter().filter_map(of);
        inside.all(|(here, _)| if above { here > value } else { here < value })
    };
    let outside = outside.iter().filter_map(of).filter(|(v, _)| beyond(*v));
    let nearest = if above {
        outside.max_by(|a, b| a.0.total_cmp(&b.0))
    } else {
        outside.min_by(|a, b| a.0.total_cmp(&b.0))
    };
    nearest.map(|(_, text)| text)
}

/// The class of a value; of a status its hundred.
fn kind_of(fact: &str, value: &str) -> String {
    if fact == STATUS {
        return format!("{}xx", value.get(..1).unwrap_or_default());
    }
    match value.strip_prefix('<').and_then(|v| v.strip_suffix('>')) {
        Some("digits") => "text",
        Some(class) => class,
        None if number(value).is_some() => "number",
        None if matches!(value, "true" | "false") => "bool",
        None => "text",
    }
    .to_owned()
}
