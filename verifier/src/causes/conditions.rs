//! Under which condition a difference appears: "only when `page` > 0 and role is ADMIN".
//!
//! The requests that show it and the others are held against each other by their
//! [`facts`](crate::evidence::facts). A condition is one test or two: the one leaf of a decision tree of
//! depth two that holds all requests of one side and none of the other. All pairs are looked at, since
//! a greedy choice of the first test misses those that only separate together.
//!
//! What separates is named only where chance hardly would. Were the requests drawn at random, one given
//! condition would separate `a` of `n` in one case of `C(n, a)`; so many conditions may be tried that one
//! in a hundred is still an accident. The more there are of its form, the more a condition costs, and of
//! all that separate the cheapest is named: the simplest.

#![deny(clippy::disallowed_methods)]

mod observed;
mod question;

use std::fmt;

pub use observed::Members;
use observed::{Line, Observed};
use question::Priced;
pub use question::{Is, Test};

use crate::stats::ln_beta;

/// Chance at which a condition that is named would separate by accident.
const ACCIDENT: f64 = 0.01;
/// Fewer requests on one side are no pattern.
const ENOUGH: u64 = 5;
/// The same request again says less each time; from here on nothing.
const COUNTED: u64 = 12;
/// Most tests of which pairs are made: those that leave the fewest of the other side.
const PAIRED: usize = 64;

/// What the requests that show a difference have in common and others have not.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// One test or two, which hold together.
    pub tests: Vec<Test>,
    /// Whether the difference appears except where they hold, and not only where they do.
    pub except: bool,
    /// Requests looked at that show it. The tests hold for all of them, with `except` for none.
    pub shown: u64,
    /// Requests looked at that do not. The tests hold for none of them, with `except` for all.
    pub others: u64,
}

impl Condition {
    /// Of those that show it, how many the tests hold for.
    pub fn shown_matched(&self) -> u64 {
        if self.except { 0 } else { self.shown }
    }

    /// The same of the others.
    pub fn others_matched(&self) -> u64 {
        if self.except { self.others } else { 0 }
    }

    /// The tests in words: ``with `sort` ``, ``when `page` > 0 and role is ADMIN``.
    fn tests_text(&self) -> String {
        let (there, asked): (Vec<&Test>, Vec<&Test>) =
            self.tests.iter().partition(|test| test.is.is_presence());
        let joined = |tests: &[&Test]| {
            let tests: Vec<String> = tests.iter().map(ToString::to_string).collect();
            tests.join(" and ")
        };
        match (there.is_empty(), asked.is_empty()) {
            (true, _) => format!("when {}", joined(&asked)),
            (false, true) => joined(&there),
            (false, false) => format!("{} when {}", joined(&there), joined(&asked)),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} ({} of {}; {} of {} others looked at)",
            if self.except { "except" } else { "only" },
            self.tests_text(),
            self.shown_matched(),
            self.shown,
            self.others_matched(),
            self.others
        )
    }
}

/// The condition of the differences in `members`, if one is known.
pub fn condition(members: &Members<'_>) -> Option<Condition> {
    let observed = Observed::of(members)?;
    let (shown, others) = (observed.shown(), observed.others());
    if shown < ENOUGH || others < ENOUGH || !observed.is_separable() {
        return None;
    }
    let may_cost = observed.may_cost();
    let found = |except: bool| {
        let tests = cheapest(&observed, except, may_cost)?;
        Some(Condition {
            tests,
            except,
            shown,
            others,
        })
    };
    found(false).or_else(|| found(true))
}

impl Observed {
    /// The logarithm of how many conditions may be tried: both signs, one test or two.
    fn may_cost(&self) -> f64 {
        let counted = |of: fn(&Line) -> u64| -> f64 {
            self.lines
                .iter()
                .map(|line| of(line).min(COUNTED) as f64)
                .sum()
        };
        let (shown, others) = (counted(|line| line.shown), counted(|line| line.others));
        // ln C(n, a) = -ln (n + 1) - ln B(a + 1, n - a + 1).
        let choices = -(shown + others + 1.0).ln() - ln_beta(shown + 1.0, others + 1.0);
        choices + ACCIDENT.ln() - 4_f64.ln()
    }
}

/// The cheapest tests that hold for one side and not for the other; with `except` for the others.
fn cheapest(observed: &Observed, except: bool, may_cost: f64) -> Option<Vec<Test>> {
    let (inside, outside): (Vec<&Line>, Vec<&Line>) = observed
        .lines
        .iter()
        .partition(|line| (line.shown > 0) != except);
    let mut tests = question::candidates(&inside, &outside);
    tests.sort_by(|a, b| a.left.len().cmp(&b.left.len()).then_with(|| a.order(b)));
    let affordable = |cost: f64| cost <= may_cost;
    let alone = tests
        .iter()
        .filter(|test| test.left.is_empty() && affordable(test.cost));
    if let Some(test) = alone.min_by(|a, b| a.order(b)) {
        return Some(vec![test.test.clone()]);
    }
    tests.truncate(PAIRED);
    let mut best: Option<(f64, &Priced, &Priced)> = None;
    for (at, first) in tests.iter().enumerate() {
        for second in &tests[at + 1..] {
            let cost = first.cost + second.cost;
            let cheaper = best.is_none_or(|(least, ..)| cost < least - 1e-9);
            if cheaper && affordable(cost) && first.left.iter().all(|i| !second.left.contains(i)) {
                best = Some((cost, first, second));
            }
        }
    }
    let (_, first, second) = best?;
    // A limit need not shut out what the other test shuts out already.
    let left = |test: &Test| -> Vec<&Line> {
        let kept = outside.iter().filter(|line| test.holds(&line.row));
        kept.copied().collect()
    };
    let loose = first.test.loosened(&inside, &left(&second.test));
    let other = second.test.loosened(&inside, &left(&loose));
    let mut both = vec![loose, other];
    both.sort_by_key(Test::place);
    Some(both)
}

#[cfg(test)]
mod tests;
