//! The statistics behind every verdict: evidence that may be looked at after each comparison, exact
//! bounds of rates and quantiles, and how much is still missing.
//!
//! Notation: `n` comparisons, `k` of them mismatches, `p0` the rate that is tolerated, `alpha` the
//! share of wrong decisions that is accepted.
//!
//! Evidence is an e-value, kept as its logarithm: a number whose mean is at most 1 as long as the
//! claim is untrue, however often one looks. So "decide once E ≥ 1/alpha" is wrong in at most a
//! share `alpha` of all cases even if somebody looks after every comparison (Ville's inequality), and
//! [`decided`] is the only rule of decision. A bound of Clopper and Pearson has no such protection:
//! who looks whenever they like and stops at the first pleasant bound is wrong in one case of four.
//!
//! Everything is a function of counts, so evidence survives a restart and adds up in any order.
//! Arguments outside of their domain (`p0` not inside `(0, 1)`, `k > n`) give evidence of nothing,
//! `-∞`, and never a decision.

#![deny(clippy::disallowed_methods)]

mod evidence;
mod interval;
mod latency;
mod multiple;
mod special;
#[cfg(test)]
mod tests;

pub use evidence::{
    comparisons_needed, decided, e_value, ln_e_certify, ln_e_low, ln_e_paired, ln_e_split,
    ln_e_two_sided, ln_e_up, ln_threshold, zero_failures_needed,
};
pub use interval::{
    Interval, binomial_interval, clopper_pearson, clopper_pearson_lower, clopper_pearson_upper,
    confidence_sequence, unseen_mass, unseen_mass_upper,
};
pub use latency::{RankBounds, order_statistic_bounds, theil_sen_slope};
pub use multiple::{alpha_of_attempt, e_bh, ln_e_mean};
pub use special::{ln_beta, ln_beta_lower, ln_beta_upper};

/// Share of wrong decisions that is accepted unless said otherwise: one in twenty.
pub const ALPHA: f64 = 0.05;

/// The mismatch rate to prove unless said otherwise: below one in a thousand.
pub const TARGET_RATE: f64 = 0.001;
