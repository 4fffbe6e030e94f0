#![deny(clippy::disallowed_methods)]
//! The verdict of all endpoints together, and how it is told: in words and for programs.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Assessment, ConfidenceConfig, Standing, assess};
use crate::stats::e_value;

/// All endpoints together: proven only if each is, since one that breaks suffices to break a client.
pub fn together(standings: impl IntoIterator<Item = Standing>) -> Standing {
    let mut all = None;
    for standing in standings {
        all = Some(match (all, standing) {
            (Some(Standing::Failing), _) | (_, Standing::Failing) => Standing::Failing,
            (None, first) => first,
            (Some(so_far), next) if so_far == next => next,
            _ => Standing::NotYet,
        });
    }
    all.unwrap_or(Standing::NoData)
}

/// How many endpoints have which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whole {
    /// Endpoints that are proven.
    pub proven: usize,
    /// Endpoints that fail.
    pub failing: usize,
    /// Endpoints of which neither is shown.
    pub not_yet: usize,
    /// Endpoints without a comparison.
    pub no_data: usize,
}

impl FromIterator<Standing> for Whole {
    fn from_iter<I: IntoIterator<Item = Standing>>(standings: I) -> Self {
        let mut whole = Self::default();
        for standing in standings {
            *match standing {
                Standing::Proven => &mut whole.proven,
                Standing::Failing => &mut whole.failing,
                Standing::NotYet => &mut whole.not_yet,
                Standing::NoData => &mut whole.no_data,
            } += 1;
        }
        whole
    }
}

impl Whole {
    /// The verdict and its counts, each under its word.
    pub fn counts(self) -> [(Standing, usize); 4] {
        [
            (Standing::Proven, self.proven),
            (Standing::Failing, self.failing),
            (Standing::NotYet, self.not_yet),
            (Standing::NoData, self.no_data),
        ]
    }

    /// The verdict of all.
    pub fn standing(self) -> Standing {
        let counts = self.counts().into_iter();
        together(
            counts
                .filter(|(_, count)| *count > 0)
                .map(|(standing, _)| standing),
        )
    }

    /// In words: `not yet (3 endpoints proven, 37 not yet)`.
    pub fn words(self) -> String {
        let all: Vec<String> = self
            .counts()
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(standing, count)| format!("{count} {}", standing.text()))
            .collect();
        let standing = self.standing().text();
        if all.is_empty() {
            return standing.to_owned();
        }
        format!("{standing} (endpoints: {})", all.join(", "))
    }
}

/// All endpoints with their counts poured together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pool {
    /// How many endpoints have which verdict.
    pub whole: Whole,
    /// The counts as if they were one endpoint's; but its verdict joins those of the endpoints, and what
    /// is needed is what they need together.
    pub assessment: Assessment,
    /// How long the slowest endpoint takes; `None` where one's time cannot be told.
    pub wait: Option<Duration>,
}

impl Pool {
    /// Of what each endpoint proves; `span` is how long the evidence was gathered for.
    pub fn of(all: &[Assessment], span: Duration, demand: &ConfidenceConfig) -> Self {
        let sum = |of: fn(&Assessment) -> u64| {
            let counts = all.iter().map(of);
            counts.fold(0_u64, u64::saturating_add)
        };
        let (compared, different) = (sum(|one| one.compared), sum(|one| one.different));
        let undecided = sum(|one| one.mismatched.saturating_sub(one.different));
        let whole: Whole = all.iter().map(|one| one.standing).collect();
        let mut assessment = assess(compared, different, undecided, demand);
        assessment.standing = whole.standing();
        assessment.needed = all
            .iter()
            .try_fold(0_u64, |sum, one| sum.checked_add(one.needed?));
        let waits: Option<Vec<Duration>> = all.iter().map(|one| one.wait(span)).collect();
        Self {
            whole,
            assessment,
            wait: waits.and_then(|waits| waits.into_iter().max()),
        }
    }

    /// For programs: the verdict, what it is held to, and the counts.
    pub fn value(&self, demand: &ConfidenceConfig) -> Value {
        let whole = self.whole;
        let mut value = self.assessment.value_with(self.wait);
        value["compared"] = json!(self.assessment.compared);
        value["endpoints"] = json!({
            "proven": whole.proven,
            "failing": whole.failing,
            "not_yet": whole.not_yet,
            "no_data": whole.no_data,
        });
        value["alpha"] = json!(demand.alpha);
        value["target_rate"] = json!(demand.target());
        value["limit_rate"] = json!(demand.limit());
        value
    }
}

impl Assessment {
    /// For programs; `span` is how long the evidence was gathered for.
    pub fn value(&self, span: Duration) -> Value {
        self.value_with(self.wait(span))
    }

    fn value_with(&self, wait: Option<Duration>) -> Value {
        json!({
            "verdict": self.standing,
            "mismatched": self.mismatched,
            "e_below_target": e_value(self.ln_e_below_target),
            "ln_e_below_target": self.ln_e_below_target,
            "e_above_limit": e_value(self.ln_e_above_limit),
            "ln_e_above_limit": self.ln_e_above_limit,
            "rate_lower": self.rate.lower,
            "rate_upper": self.rate.upper,
            "comparisons_needed": self.needed,
            "seconds_needed": wait.map(|wait| wait.as_secs()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_poured_together_and_what_is_needed_is_what_each_needs() {
        let demand = ConfidenceConfig::default();
        let span = Duration::from_secs(100);
        let pool = |counts: &[(u64, u64, u64)]| {
            let all = counts
                .iter()
                .map(|&(n, k, open)| assess(n, k, open, &demand));
            Pool::of(&all.collect::<Vec<_>>(), span, &demand)
        };
        let two = pool(&[(3_440, 0, 0), (344, 0, 0)]);
        assert_eq!(two.assessment.compared, 3_784);
        assert_eq!(two.assessment.standing, Standing::NotYet);
        assert_eq!(two.assessment.needed, Some(3_096));
        assert_eq!(two.wait, Some(Duration::from_mins(15)));
        let alone = assess(3_784, 0, 0, &demand);
        let value = two.value(&demand);
        assert_eq!(value["rate_upper"], alone.rate.upper);
        assert_eq!(value["e_below_target"], alone.ln_e_below_target.exp());
        assert_eq!(value["endpoints"]["proven"], 1);
        // How long a silent endpoint takes, nobody knows.
        let silent = pool(&[(344, 0, 0), (0, 0, 0)]);
        assert_eq!((silent.assessment.needed, silent.wait), (Some(6_536), None));
        // A difference that may be noise is a mismatch, and no failure.
        let open = pool(&[(100, 0, 50), (100, 1, 0)]).assessment;
        assert_eq!((open.mismatched, open.different), (51, 1));
        assert_eq!(pool(&[]).assessment.standing, Standing::NoData);
    }

    #[test]
    fn one_endpoint_that_fails_or_is_open_decides_for_all() {
        use Standing::{Failing, NoData, NotYet, Proven};
        for (all, standing, words) in [
            (vec![], NoData, "no data"),
            (vec![Proven, Proven], Proven, "proven (endpoints: 2 proven)"),
            (
                vec![Proven, NoData],
                NotYet,
                "not yet (endpoints: 1 proven, 1 no data)",
            ),
            (
                vec![NotYet, Failing, Proven],
                Failing,
                "failing (endpoints: 1 proven, 1 failing, 1 not yet)",
            ),
            (
                vec![NoData, NoData],
                NoData,
                "no data (endpoints: 2 no data)",
            ),
        ] {
            assert_eq!(together(all.clone()), standing, "{all:?}");
            let whole: Whole = all.iter().copied().collect();
            assert_eq!(
                (whole.standing(), whole.words().as_str()),
                (standing, words)
            );
        }
    }
}
