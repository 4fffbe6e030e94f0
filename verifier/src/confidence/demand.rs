#![deny(clippy::disallowed_methods)]
//! What is to be proved, and how surely.

use serde::{Deserialize, Serialize};

use crate::stats::{ALPHA, TARGET_RATE};

/// A mismatch rate above this is a failure, unless said otherwise: one in a hundred.
pub const LIMIT_RATE: f64 = 0.01;

/// What is to be proved of every endpoint, and how surely.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConfidenceConfig {
    /// The mismatch rate that must be proved to be undercut, in percent.
    pub target_percent: f64,
    /// A mismatch rate above this fails, in percent; not below the target.
    pub limit_percent: f64,
    /// Share of wrong decisions that is accepted, above 0 and at most 0.5.
    pub alpha: f64,
    /// Core is slower with a request if it takes longer than legacy by more than this share, in percent.
    pub slower_percent: f64,
    /// And by more than this, in milliseconds.
    pub slower_ms: f64,
}

impl Default for ConfidenceConfig {
    fn default() -> Self {
        Self {
            target_percent: TARGET_RATE * 100.0,
            limit_percent: LIMIT_RATE * 100.0,
            alpha: ALPHA,
            slower_percent: 20.0,
            slower_ms: 5.0,
        }
    }
}

impl ConfidenceConfig {
    /// The target as a rate.
    pub fn target(&self) -> f64 {
        self.target_percent / 100.0
    }

    /// The limit as a rate.
    pub fn limit(&self) -> f64 {
        self.limit_percent / 100.0
    }

    /// The first key that is out of range, with the range.
    pub fn fault(&self) -> Option<(&'static str, &'static str)> {
        let inside = |percent: f64| percent > 0.0 && percent < 100.0;
        if !inside(self.target_percent) {
            return Some(("target_percent", "above 0 and below 100"));
        }
        if !inside(self.limit_percent) || self.limit_percent < self.target_percent {
            return Some(("limit_percent", "from the target to below 100"));
        }
        if !(self.alpha > 0.0 && self.alpha <= 0.5) {
            return Some(("alpha", "above 0 and at most 0.5"));
        }
        if !(0.0..=1_000.0).contains(&self.slower_percent) {
            return Some(("slower_percent", "from 0 to 1000"));
        }
        let tolerable = (0.0..=60_000.0).contains(&self.slower_ms);
        (!tolerable).then_some(("slower_ms", "from 0 to 60000"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_demanded_is_named() {
        for (target_percent, limit_percent, alpha, key) in [
            (0.1, 1.0, 0.05, None),
            (1.0, 1.0, 0.5, None),
            (0.0, 1.0, 0.05, Some("target_percent")),
            (f64::NAN, 1.0, 0.05, Some("target_percent")),
            (2.0, 1.0, 0.05, Some("limit_percent")),
            (0.1, 100.0, 0.05, Some("limit_percent")),
            (0.1, 1.0, 0.0, Some("alpha")),
            (0.1, 1.0, 0.6, Some("alpha")),
        ] {
            let config = ConfidenceConfig {
                target_percent,
                limit_percent,
                alpha,
                ..ConfidenceConfig::default()
            };
            assert_eq!(config.fault().map(|(key, _)| key), key, "{config:?}");
        }
        for (slower_percent, slower_ms, key) in [
            (0.0, 0.0, None),
            (-1.0, 1.0, Some("slower_percent")),
            (f64::NAN, 1.0, Some("slower_percent")),
            (10.0, 60_001.0, Some("slower_ms")),
        ] {
            let config = ConfidenceConfig {
                slower_percent,
                slower_ms,
                ..ConfidenceConfig::default()
            };
            assert_eq!(config.fault().map(|(key, _)| key), key, "{config:?}");
        }
    }
}
