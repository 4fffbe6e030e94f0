//! Under which condition a difference appears: query parameters that each of its requests has while others
//! go without, or the reverse.
//!
//! A group counts the parameters of its own requests, an endpoint those of all its requests
//! ([`Uses`]). A condition is named only where both separate cleanly: no
//! exception, and too many requests for chance.

#![deny(clippy::disallowed_methods)]

use std::fmt;

use crate::evidence::record::Group;
use crate::evidence::usage::{Handling, MAX_PARAMETERS, UNNAMED, Uses};

/// Most conditions of one group that are named: more than two are a description of the example.
const NAMED: usize = 2;
/// Chance at which as many requests would agree by accident, of all parameters together.
const ACCIDENT: f64 = 0.01;

/// What all requests that show a difference have in common, and others have not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// A query parameter, by its name.
    pub parameter: String,
    /// Whether all of them have it, or none of them.
    pub present: bool,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.present { "with" } else { "without" };
        write!(f, "{word} `{}`", self.parameter)
    }
}

/// The conditions of a group, the least likely to be an accident first. `uses` are those of its endpoint.
pub fn conditions(group: &Group, uses: &Uses) -> Vec<Condition> {
    let asked = uses.by.iter().filter(|(key, _)| {
        // What core never sees shows no difference.
        key.status == group.key.statuses.reference
            && !matches!(key.handling, Handling::Skip | Handling::Probe)
    });
    let (mut all, mut with) = (0_u64, std::collections::BTreeMap::<&str, u64>::new());
    for (_, one) in asked {
        all = all.saturating_add(one.sent);
        for (name, count) in &one.parameters {
            let sum = with.entry(name).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
    // A name beyond the bounds is not known to be absent.
    let whole = !uses.cut && group.parameters.len() < MAX_PARAMETERS;
    let level = (ACCIDENT / with.len().max(1) as f64).ln();
    let mut found: Vec<(f64, Condition)> = Vec::new();
    for (name, count) in with {
        let shown = group.parameters.get(name).copied().unwrap_or(0);
        let others = all.saturating_sub(count);
        if name == UNNAMED || count == 0 || others == 0 || all < group.exchanges {
            continue;
        }
        // How likely it is that this many requests, drawn from all, agree in the parameter.
        let (share, present) = if shown >= group.exchanges {
            (count as f64 / all as f64, true)
        } else if shown == 0 && whole {
            (others as f64 / all as f64, false)
        } else {
            continue;
        };
        let ln_chance = group.exchanges as f64 * share.ln();
        if ln_chance <= level {
            let condition = Condition {
                parameter: name.to_owned(),
                present,
            };
            found.push((ln_chance, condition));
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    let named = found.into_iter().map(|(_, condition)| condition);
    named.take(NAMED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::record::{GroupKey, StatusPair};
    use crate::evidence::usage::{Use, UseKey};
    use crate::severity::Severity;
    use crate::verdict::Kind;

    type Counts<'c> = &'c [(&'c str, u64)];

    fn counts(of: Counts<'_>) -> std::collections::BTreeMap<String, u64> {
        let pairs = of.iter();
        pairs
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    }

    /// What is named of `differ` exchanges with these parameters among `all` requests with those.
    fn named(
        differ: u64,
        shown: Counts<'_>,
        all: u64,
        with: Counts<'_>,
        handling: Handling,
    ) -> String {
        let group = Group {
            key: GroupKey {
                endpoint: "a".to_owned(),
                statuses: StatusPair {
                    reference: 200,
                    candidate: Some(200),
                },
                place: "/a".to_owned(),
                kind: Kind::ValueChange,
                relation: None,
                severity: Severity::Risky,
            },
            exchanges: differ,
            first_ms: 0,
            last_ms: 0,
            parameters: counts(shown),
            samples: Vec::new(),
        };
        let key = |status, handling| UseKey {
            status,
            role: "none".to_owned(),
            handling,
        };
        let one = |sent, parameters| Use {
            sent,
            compared: sent,
            parameters,
        };
        let mut uses = Uses::default();
        uses.by.insert(key(200, handling), one(all, counts(with)));
        // Of another status, so no requests that could show it.
        uses.by
            .insert(key(404, Handling::Safe), one(1_000, counts(&[("q", 1)])));
        let named = conditions(&group, &uses);
        named
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    }

    #[test]
    fn a_condition_is_named_where_it_separates_and_chance_does_not() {
        let safe = Handling::Safe;
        let both: Counts<'_> = &[("page", 50), ("sort", 20)];
        for (differ, shown, all, with, expected) in [
            // Half of the requests sort: nine that agree are one in 512, with two names too few.
            (
                9,
                &[("sort", 9)][..],
                40,
                &[("sort", 20), ("size", 40)][..],
                "with `sort`",
            ),
            (6, &[("sort", 6)], 40, &[("sort", 20)], ""),
            (7, &[("sort", 7)], 40, &[("sort", 20)], "with `sort`"),
            (20, &[("sort", 19)], 40, &[("sort", 20)], ""),
            (20, &[], 40, &[("sort", 20)], "without `sort`"),
            (40, &[("sort", 20)], 40, &[("sort", 20)], ""),
            (20, &[("sort", 20)], 20, &[("sort", 20)], ""),
            (
                10,
                &[("page", 10), ("sort", 10)],
                100,
                both,
                "with `sort`, with `page`",
            ),
            (
                10,
                &[("sort", 10)],
                100,
                both,
                "with `sort`, without `page`",
            ),
            (0, &[], 40, &[("sort", 20)], ""),
        ] {
            let told = named(differ, shown, all, with, safe);
            assert_eq!(told, expected, "{differ} {shown:?} of {all} {with:?}");
        }
        assert_eq!(
            named(20, &[("s", 20)], 40, &[("s", 20)], Handling::Skip),
            ""
        );
    }
}
