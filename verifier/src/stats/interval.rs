//! Bounds of a rate: exact ones for a number fixed in advance, and ones that may be watched.

use super::evidence::{ln_e_two_sided, ln_threshold};
use super::special::{ln_beta_lower, ln_beta_upper};

/// Both ends of a range of rates or counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval<T = f64> {
    /// The least value that is still credible.
    pub lower: T,
    /// The greatest.
    pub upper: T,
}

/// The `x` in `(low, high)` where `below` turns from true to false, to the last digit.
fn bisect(mut low: f64, mut high: f64, below: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..1100 {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if below(middle) {
            low = middle;
        } else {
            high = middle;
        }
        if high - low <= 1e-15 * high {
            break;
        }
    }
    low + (high - low) / 2.0
}

/// Lower bound of a rate, one-sided: `BetaInv(alpha; k, n-k+1)` (Clopper and Pearson 1934).
///
/// For an `n` fixed in advance; not to be watched until it pleases.
pub fn clopper_pearson_lower(n: u64, k: u64, alpha: f64) -> f64 {
    if k == 0 || k > n || !(alpha > 0.0 && alpha < 1.0) {
        return 0.0;
    }
    let (a, b) = (k as f64, (n - k) as f64 + 1.0);
    if k == n {
        return (alpha.ln() / a).exp();
    }
    bisect(0.0, a / (a + b - 1.0), |p| {
        ln_beta_lower(p, a, b) < alpha.ln()
    })
}

/// Upper bound of a rate, one-sided: `BetaInv(1-alpha; k+1, n-k)`; without a mismatch
/// `1 - alpha^(1/n)`.
///
/// For an `n` fixed in advance; not to be watched until it pleases.
///
/// ```
/// # use verifier::stats::clopper_pearson_upper;
/// assert!(clopper_pearson_upper(2_994, 0, 0.05) > 0.001);
/// assert!(clopper_pearson_upper(2_995, 0, 0.05) < 0.001);
/// ```
pub fn clopper_pearson_upper(n: u64, k: u64, alpha: f64) -> f64 {
    if k >= n || !(alpha > 0.0 && alpha < 1.0) {
        return 1.0;
    }
    if k == 0 {
        return -(alpha.ln() / n as f64).exp_m1();
    }
    let (a, b) = (k as f64 + 1.0, (n - k) as f64);
    bisect(k as f64 / n as f64, 1.0, |p| {
        ln_beta_upper(p, a, b) > alpha.ln()
    })
}

/// Both bounds at once, each at half of `alpha`.
pub fn clopper_pearson(n: u64, k: u64, alpha: f64) -> Interval {
    Interval {
        lower: clopper_pearson_lower(n, k, alpha / 2.0),
        upper: clopper_pearson_upper(n, k, alpha / 2.0),
    }
}

/// The rates that the evidence has not ruled out, at every moment of watching: those whose two-sided
/// e-value under Jeffreys' prior Beta(1/2, 1/2) stays below `1/alpha`.
///
/// The true rate ever leaves this interval with probability `alpha` at most, over all `n` together.
/// Without a comparison it is `[0, 1]`.
pub fn confidence_sequence(n: u64, k: u64, alpha: f64) -> Interval {
    let all = Interval {
        lower: 0.0,
        upper: 1.0,
    };
    if n == 0 || k > n || !(alpha > 0.0 && alpha < 1.0) {
        return all;
    }
    let credible = |p: f64| ln_e_two_sided(n, k, p, 0.5, 0.5) < ln_threshold(alpha);
    // The e-value as a function of p falls until k/n and rises from there.
    let seen = k as f64 / n as f64;
    Interval {
        lower: if k == 0 {
            0.0
        } else {
            bisect(0.0, seen, |p| !credible(p))
        },
        upper: if k == n {
            1.0
        } else {
            bisect(seen, 1.0, credible)
        },
    }
}

/// The counts that a share `share` of `n` explains: the central interval with at most `alpha / 2` of
/// the binomial distribution beyond each end. `[0, n]` outside of `0 < share < 1`.
pub fn binomial_interval(n: u64, share: f64, alpha: f64) -> Interval<u64> {
    if !(share > 0.0 && share < 1.0 && alpha > 0.0 && alpha < 1.0) {
        return Interval { lower: 0, upper: n };
    }
    let tail = (alpha / 2.0).ln();
    Interval {
        // The least count c with P(X <= c) > alpha/2: below it lies at most alpha/2.
        lower: least(0, n, |c| ln_at_most(n, share, c) > tail),
        // The least count c with P(X > c) <= alpha/2.
        upper: least(0, n, |c| ln_above(n, share, c) <= tail),
    }
}

/// The least number in `low..=high` for which `holds`, which once true stays so; `high` if none does.
pub(super) fn least(mut low: u64, mut high: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// `ln P(X <= c)` for a binomial `X` of `n` draws at rate `p`: `I_{1-p}(n-c, c+1)`.
pub(super) fn ln_at_most(n: u64, p: f64, c: u64) -> f64 {
    if c >= n {
        return 0.0;
    }
    ln_beta_upper(p, c as f64 + 1.0, (n - c) as f64)
}

/// `ln P(X > c)`.
pub(super) fn ln_above(n: u64, p: f64, c: u64) -> f64 {
    if c >= n {
        return f64::NEG_INFINITY;
    }
    ln_beta_lower(p, c as f64 + 1.0, (n - c) as f64)
}

/// How much of the traffic has a shape that was not seen yet, estimated from the number of shapes
/// seen exactly once among `n` requests: `f1 / n` (Good 1953, after Turing). All of it before the
/// first request.
pub fn unseen_mass(seen_once: u64, n: u64) -> f64 {
    if n == 0 {
        1.0
    } else {
        (seen_once as f64 / n as f64).min(1.0)
    }
}

/// Upper bound of the share of traffic whose shape was not seen, for an `n` fixed in advance:
/// `f1 / n + (1 + √2) √(ln(2/alpha) / n)`.
///
/// Half of `alpha` goes to the estimate, which one request moves by `2/n` at most (`McDiarmid` 1989) and
/// whose mean is not below that of the unseen mass (Good 1953); half to the unseen mass itself, which is
/// above its mean by `e` with probability `exp(-n e²)` at most (`McAllester` and Ortiz 2003).
pub fn unseen_mass_upper(seen_once: u64, n: u64, alpha: f64) -> f64 {
    if n == 0 || !(alpha > 0.0 && alpha < 1.0) {
        return 1.0;
    }
    let spread = (1.0 + std::f64::consts::SQRT_2) * ((2.0 / alpha).ln() / n as f64).sqrt();
    (unseen_mass(seen_once, n) + spread).min(1.0)
}
