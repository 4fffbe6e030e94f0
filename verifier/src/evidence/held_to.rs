#![deny(clippy::disallowed_methods)]
//! What a proxy was told to hold its counts to: written into its run, so that a report judges by the same
//! measure without being told again.

use serde::{Deserialize, Serialize};

use super::record::Run;
use crate::confidence::ConfidenceConfig;
use crate::self_check::SelfCheckConfig;

/// The measure of one run. Unlike the configuration it takes keys of later versions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeldTo {
    /// See [`ConfidenceConfig::target_percent`].
    pub target_percent: f64,
    /// See [`ConfidenceConfig::limit_percent`].
    pub limit_percent: f64,
    /// See [`ConfidenceConfig::alpha`].
    pub alpha: f64,
    /// See [`ConfidenceConfig::slower_percent`]: the proxy has counted by it.
    pub slower_percent: f64,
    /// See [`ConfidenceConfig::slower_ms`], likewise.
    pub slower_ms: f64,
    /// See [`SelfCheckConfig::share`].
    pub self_check_share: f64,
    /// See [`SelfCheckConfig::min_recall`].
    pub min_recall: f64,
}

impl Default for HeldTo {
    fn default() -> Self {
        Self::of(&ConfidenceConfig::default(), &SelfCheckConfig::default())
    }
}

impl HeldTo {
    /// As configured.
    pub fn of(confidence: &ConfidenceConfig, self_check: &SelfCheckConfig) -> Self {
        Self {
            target_percent: confidence.target_percent,
            limit_percent: confidence.limit_percent,
            alpha: confidence.alpha,
            slower_percent: confidence.slower_percent,
            slower_ms: confidence.slower_ms,
            self_check_share: self_check.share,
            min_recall: self_check.min_recall,
        }
    }

    /// Of several runs the strictest demand each; what applies by default where none tells any.
    pub fn strictest<'r>(runs: impl IntoIterator<Item = &'r Run>) -> Self {
        let told = runs.into_iter().filter_map(|run| run.held_to);
        let strictest = told.reduce(|a, b| Self {
            target_percent: a.target_percent.min(b.target_percent),
            limit_percent: a.limit_percent.min(b.limit_percent),
            alpha: a.alpha.min(b.alpha),
            slower_percent: a.slower_percent.min(b.slower_percent),
            slower_ms: a.slower_ms.min(b.slower_ms),
            self_check_share: a.self_check_share.max(b.self_check_share),
            min_recall: a.min_recall.max(b.min_recall),
        });
        strictest.unwrap_or_default()
    }

    /// What is to be proved.
    pub fn confidence(&self) -> ConfidenceConfig {
        ConfidenceConfig {
            target_percent: self.target_percent,
            limit_percent: self.limit_percent,
            alpha: self.alpha,
            slower_percent: self.slower_percent,
            slower_ms: self.slower_ms,
        }
    }

    /// What the verifier's check of itself must show.
    pub fn self_check(&self) -> SelfCheckConfig {
        SelfCheckConfig {
            share: self.self_check_share,
            min_recall: self.min_recall,
        }
    }

    /// By how much a side may be slower with a request, in words: `20 % and 5 ms`.
    pub fn tolerance(&self) -> String {
        format!("{} % and {} ms", self.slower_percent, self.slower_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_runs_the_strictest_demand_holds_and_without_one_the_usual() {
        let run = |held_to: Option<HeldTo>| Run {
            held_to,
            ..Run::default()
        };
        let usual = HeldTo::default();
        let strict = HeldTo {
            min_recall: 0.95,
            limit_percent: 0.5,
            ..usual
        };
        let lax = HeldTo {
            min_recall: 0.5,
            target_percent: 0.05,
            ..usual
        };
        for (told, expected) in [
            (vec![], usual),
            (vec![None], usual),
            (vec![Some(lax), None], lax),
            (
                vec![Some(lax), Some(strict)],
                HeldTo {
                    target_percent: 0.05,
                    ..strict
                },
            ),
        ] {
            let runs: Vec<Run> = told.into_iter().map(run).collect();
            assert_eq!(HeldTo::strictest(&runs), expected);
        }
        let later = r#"{"min_recall":0.8,"of_a_later_version":1}"#;
        let read: HeldTo = serde_json::from_str(later).expect("readable");
        assert!((read.min_recall - 0.8).abs() < 1e-12);
        assert_eq!(read.tolerance(), "20 % and 5 ms");
    }
}
