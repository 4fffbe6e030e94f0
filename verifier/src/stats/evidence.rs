//! E-values for rates and for pairs.

use super::special::{ln_beta, ln_beta_lower, ln_beta_upper, ln_power};

/// `ln(1/alpha)`: what the logarithm of an e-value has to reach.
pub fn ln_threshold(alpha: f64) -> f64 {
    -alpha.ln()
}

/// The e-value itself, from its logarithm; at most the largest finite number, since JSON knows no other.
///
/// ```
/// # use verifier::stats::e_value;
/// assert_eq!([f64::NEG_INFINITY, 0.0, 1_000.0].map(e_value), [0.0, 1.0, f64::MAX]);
/// ```
pub fn e_value(ln_e: f64) -> f64 {
    ln_e.exp().min(f64::MAX)
}

/// Whether evidence suffices: `E >= 1/alpha`. May be asked after every comparison.
pub fn decided(ln_e: f64, alpha: f64) -> bool {
    // 1e-12: an E of exactly 1/alpha counts, whatever the last digit of its logarithm.
    alpha > 0.0 && alpha < 1.0 && ln_e >= ln_threshold(alpha) - 1e-12
}

/// `(k, n)` as real numbers, or nothing outside of the domain.
fn domain(n: u64, k: u64, p0: f64) -> Option<(f64, f64)> {
    (k <= n && p0 > 0.0 && p0 < 1.0).then_some((k as f64, n as f64))
}

/// Evidence that the rate is not `p0`: the likelihood ratio of a Beta(a, b) mixture against `p0`.
///
/// `ln E = ln B(a+k, b+n-k) - ln B(a, b) - k ln p0 - (n-k) ln(1-p0)`.
///
/// ```
/// # use verifier::stats::ln_e_two_sided;
/// assert!((ln_e_two_sided(10, 0, 0.5, 0.5, 0.5).exp() - 180.425_781_2).abs() < 1e-6);
/// ```
pub fn ln_e_two_sided(n: u64, k: u64, p0: f64, a: f64, b: f64) -> f64 {
    let Some((k, n)) = domain(n, k, p0) else {
        return f64::NEG_INFINITY;
    };
    if !(a > 0.0 && b > 0.0) {
        return f64::NEG_INFINITY;
    }
    // The power term joins what would cancel: B(a+k, b+n-k) against p0^k (1-p0)^(n-k).
    a * p0.ln() + b * (-p0).ln_1p() - ln_power(a + k, b + n - k, p0) - ln_beta(a, b)
}

/// Evidence that the rate is below `p0`: the uniform mixture over `(0, p0)`.
///
/// `ln E = two-sided + ln I_{p0}(1+k, 1+n-k) - ln I_{p0}(1, 1)`. For every rate of `p0` or more its
/// mean never rises.
pub fn ln_e_low(n: u64, k: u64, p0: f64) -> f64 {
    let Some((kf, nf)) = domain(n, k, p0) else {
        return f64::NEG_INFINITY;
    };
    ln_e_two_sided(n, k, p0, 1.0, 1.0) + ln_beta_lower(p0, 1.0 + kf, 1.0 + nf - kf) - p0.ln()
}

/// Evidence that the rate is above `p0`: the uniform mixture over `(p0, 1)`.
///
/// `ln E = two-sided + ln(1 - I_{p0}(1+k, 1+n-k)) - ln(1 - I_{p0}(1, 1))`.
pub fn ln_e_up(n: u64, k: u64, p0: f64) -> f64 {
    let Some((kf, nf)) = domain(n, k, p0) else {
        return f64::NEG_INFINITY;
    };
    ln_e_two_sided(n, k, p0, 1.0, 1.0) + ln_beta_upper(p0, 1.0 + kf, 1.0 + nf - kf) - (-p0).ln_1p()
}

/// Evidence that the rate is below `p0`, quickest where nothing differed at all: half of it stakes on
/// a rate of zero, half on the uniform mixture (spike and slab).
///
/// `E = 1/2 · 1{k = 0} (1-p0)^(-n) + 1/2 · E_low`.
pub fn ln_e_certify(n: u64, k: u64, p0: f64) -> f64 {
    let slab = ln_e_low(n, k, p0);
    let sum = if k == 0 && slab > f64::NEG_INFINITY {
        let spike = -(n as f64) * (-p0).ln_1p();
        let (less, more) = if slab < spike {
            (slab, spike)
        } else {
            (spike, slab)
        };
        more + (less - more).exp().ln_1p()
    } else {
        slab
    };
    sum - std::f64::consts::LN_2
}

/// Evidence from pairs that one side is worse more often: `worse` pairs in which it was, `better` in
/// which the other was; pairs without a winner say nothing and are not counted.
///
/// `E = 2^(b+c+1) B(b+1, c+1) (1 - I_{1/2}(b+1, c+1))`, the uniform mixture over `[1/2, 1]`; seven to
/// none is the first to reach 20.
pub fn ln_e_paired(worse: u64, better: u64) -> f64 {
    match worse.checked_add(better) {
        Some(both) => ln_e_up(both, worse, 0.5),
        None => f64::NEG_INFINITY,
    }
}

/// Evidence that core fails more often than `ratio` times legacy's rate, where each serves a part of
/// the traffic: given an error, it is core's with probability `w r / (w r + 1 - w)` at that ratio.
///
/// `share` is core's actual share of the requests in which the errors were counted. A rate that rises
/// for both cancels out. Start anew whenever the share changes, and add the logarithms.
pub fn ln_e_split(core: u64, legacy: u64, share: f64, ratio: f64) -> f64 {
    let Some(both) = core.checked_add(legacy) else {
        return f64::NEG_INFINITY;
    };
    let from_core = share * ratio / (share * ratio + 1.0 - share);
    ln_e_up(both, core, from_core)
}

/// How many comparisons without a mismatch show a rate below `p0` when the number is fixed in
/// advance: the least `n` with `(1-p0)^n <= alpha`. Nothing outside of `0 < p0, alpha < 1`.
///
/// ```
/// # use verifier::stats::zero_failures_needed;
/// assert_eq!(zero_failures_needed(0.001, 0.05), Some(2_995));
/// ```
pub fn zero_failures_needed(p0: f64, alpha: f64) -> Option<u64> {
    if !(p0 > 0.0 && p0 < 1.0 && alpha > 0.0 && alpha < 1.0) {
        return None;
    }
    whole((alpha.ln() / (-p0).ln_1p()).ceil())
}

/// A count, unless it is too large for one to be waited for.
fn whole(value: f64) -> Option<u64> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (0.0..9e15).contains(&value).then_some(value as u64)
}

/// How many more comparisons, none of them a mismatch, until a rate below `p0` is proven
/// ([`ln_e_certify`]); `Some(0)` when it is already. `None` when that is beyond counting (2^53).
///
/// Each match multiplies every part of the mixture by `(1-q)/(1-p0) > 1`, so the evidence grows with
/// each and the search may halve.
pub fn comparisons_needed(n: u64, k: u64, p0: f64, alpha: f64) -> Option<u64> {
    const LAST: u64 = 1 << 53;
    domain(n, k, p0)?;
    let enough = |more: u64| decided(ln_e_certify(n + more, k, p0), alpha);
    if n >= LAST {
        return None;
    }
    let (mut short, mut enough_at) = (None, 1_u64);
    if enough(0) {
        return Some(0);
    }
    while !enough(enough_at) {
        short = Some(enough_at);
        enough_at = enough_at.checked_mul(2).filter(|more| n + more < LAST)?;
    }
    let mut short = short.unwrap_or(0);
    while enough_at - short > 1 {
        let middle = short + (enough_at - short) / 2;
        if enough(middle) {
            enough_at = middle;
        } else {
            short = middle;
        }
    }
    Some(enough_at)
}
