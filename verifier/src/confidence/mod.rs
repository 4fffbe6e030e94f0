//! What the counts of an endpoint prove, and how much is missing until they prove something.

#![deny(clippy::disallowed_methods)]

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::stats::{
    Interval, comparisons_needed, confidence_sequence, decided, ln_e_certify, ln_e_up,
};

mod demand;
mod latency;
mod whole;

pub use demand::{ConfidenceConfig, LIMIT_RATE};
pub use latency::{
    Exceedance, LatencyAssessment, LatencyStanding, MATERIAL_SHARE, QUANTILES, QuantileBounds,
    SLOW, latency_together,
};
pub use whole::{Pool, Whole, together};

/// What may be said. Never decided by a bare count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The mismatch rate is below the target, at the accepted share of wrong decisions.
    Proven,
    /// The mismatch rate is above the limit, likewise.
    Failing,
    /// Neither is shown.
    NotYet,
    /// Nothing was compared.
    NoData,
}

impl Standing {
    /// What may be said where the verifier's check of itself fell short: nothing is proven then.
    #[must_use]
    pub fn unless_short(self, short: bool) -> Self {
        match self {
            Self::Proven if short => Self::NotYet,
            other => other,
        }
    }

    /// The word of the reports.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Failing => "failing",
            Self::NotYet => "not yet",
            Self::NoData => "no data",
        }
    }
}

/// The evidence of one endpoint, weighed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assessment {
    /// Exchanges with a verdict.
    pub compared: u64,
    /// Of these, with a difference that is not shown to be noise.
    pub mismatched: u64,
    /// Of these, with one that cannot be noise.
    pub different: u64,
    /// `ln E` for "the mismatch rate is below the target".
    pub ln_e_below_target: f64,
    /// `ln E` for "the mismatch rate is above the limit", from findings alone.
    pub ln_e_above_limit: f64,
    /// The mismatch rates that are not ruled out, however often one looks.
    pub rate: Interval,
    /// Comparisons without a mismatch until it is proven; `None` beyond counting.
    pub needed: Option<u64>,
    /// What may be said.
    pub standing: Standing,
}

/// Weighs `compared` exchanges. A difference that may still turn out to be noise (`undecided`) counts
/// against a proof, and is no failure.
pub fn assess(
    compared: u64,
    different: u64,
    undecided: u64,
    demand: &ConfidenceConfig,
) -> Assessment {
    let (target, limit, alpha) = (demand.target(), demand.limit(), demand.alpha);
    let different = different.min(compared);
    let mismatched = different.saturating_add(undecided).min(compared);
    let ln_e_below_target = ln_e_certify(compared, mismatched, target);
    let ln_e_above_limit = ln_e_up(compared, different, limit);
    let standing = if compared == 0 {
        Standing::NoData
    } else if decided(ln_e_above_limit, alpha) {
        Standing::Failing
    } else if decided(ln_e_below_target, alpha) {
        Standing::Proven
    } else {
        Standing::NotYet
    };
    Assessment {
        compared,
        mismatched,
        different,
        ln_e_below_target,
        ln_e_above_limit,
        rate: confidence_sequence(compared, mismatched, alpha),
        needed: comparisons_needed(compared, mismatched, target, alpha),
        standing,
    }
}

impl Assessment {
    /// How long the missing comparisons take if they come as the `compared` ones did over `span`.
    /// `None` where that cannot be told.
    pub fn wait(&self, span: Duration) -> Option<Duration> {
        let needed = self.needed?;
        if self.compared == 0 || span.is_zero() {
            return None;
        }
        let seconds = span.as_secs_f64() / self.compared as f64 * needed as f64;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assess(compared: u64, different: u64, undecided: u64) -> Assessment {
        super::assess(compared, different, undecided, &ConfidenceConfig::default())
    }

    #[test]
    fn another_demand_needs_another_number() {
        for (target_percent, alpha, needed) in
            [(0.1, 0.05, 3_440), (1.0, 0.05, 343), (0.1, 0.01, 5_119)]
        {
            let demand = ConfidenceConfig {
                target_percent,
                alpha,
                ..ConfidenceConfig::default()
            };
            let seen = super::assess(0, 0, 0, &demand);
            assert_eq!(seen.needed, Some(needed), "{demand:?}");
            let standing = |compared| super::assess(compared, 0, 0, &demand).standing;
            assert_eq!(standing(needed), Standing::Proven);
            assert_eq!(standing(needed - 1), Standing::NotYet);
        }
    }

    #[test]
    fn a_verdict_needs_evidence_and_says_how_much_is_missing() {
        for (compared, different, undecided, standing, needed) in [
            (0, 0, 0, Standing::NoData, Some(3_440)),
            (40, 0, 0, Standing::NotYet, Some(3_400)),
            (3_439, 0, 0, Standing::NotYet, Some(1)),
            (3_440, 0, 0, Standing::Proven, Some(0)),
            (3_440, 0, 1, Standing::NotYet, Some(7_798 - 3_440)),
            (7_798, 1, 0, Standing::Proven, Some(0)),
        ] {
            let seen = assess(compared, different, undecided);
            assert_eq!(
                (seen.standing, seen.needed),
                (standing, needed),
                "{compared}"
            );
        }
        assert_eq!(assess(500, 30, 0).standing, Standing::Failing);
        assert_eq!(
            assess(500, 0, 30).standing,
            Standing::NotYet,
            "it may be noise"
        );
        let wait = assess(344, 0, 0).wait(Duration::from_secs(344));
        assert_eq!(wait, Some(Duration::from_secs(3_096)));
    }
}
