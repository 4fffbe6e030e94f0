#![deny(clippy::disallowed_methods)]
//! The verdict of all endpoints together, and how it is told: in words and for programs.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Assessment, ConfidenceConfig, Standing};

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

    /// For programs: the verdict, what it is held to, and the counts.
    pub fn value(self, demand: &ConfidenceConfig) -> Value {
        json!({
            "verdict": self.standing(),
            "endpoints": {
                "proven": self.proven,
                "failing": self.failing,
                "not_yet": self.not_yet,
                "no_data": self.no_data,
            },
            "alpha": demand.alpha,
            "target_rate": demand.target(),
            "limit_rate": demand.limit(),
        })
    }
}

impl Assessment {
    /// For programs; `span` is how long the evidence was gathered for.
    pub fn value(&self, span: Duration) -> Value {
        json!({
            "verdict": self.standing,
            "mismatched": self.mismatched,
            "ln_e_below_target": self.ln_e_below_target,
            "ln_e_above_limit": self.ln_e_above_limit,
            "rate_upper": self.rate.upper,
            "comparisons_needed": self.needed,
            "seconds_needed": self.wait(span).map(|wait| wait.as_secs()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
