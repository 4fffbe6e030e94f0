//! The beta function and the regularised incomplete beta function, as logarithms.
//!
//! Logarithms throughout, and never as a difference of large terms: with a thousand million
//! comparisons `ln Γ` is 2·10¹⁰ and a difference of two of them has lost the digits that decide.
//! The power term follows C. Loader, "Fast and Accurate Computation of Binomial Probabilities"
//! (2000); the continued fraction is that of A. `DiDonato` and A. Morris, "Algorithm 708",
//! ACM Transactions on Mathematical Software 18(3), 1992, equation 9.

#![allow(clippy::many_single_char_names, reason = "the names of the formulas")]

use std::f64::consts::PI;

/// `ln Γ(z)` minus Stirling's `(z - 1/2) ln z - z + ln(2π)/2`, for `z > 0`.
///
/// Small arguments are moved upwards by `δ(z) = δ(z + 1) + (z + 1/2) ln(1 + 1/z) - 1`.
fn stirling_error(mut z: f64) -> f64 {
    let mut below = 0.0;
    while z < 16.0 {
        below += (z + 0.5) * (1.0 / z).ln_1p() - 1.0;
        z += 1.0;
    }
    let square = z * z;
    // B(2j) / (2j (2j - 1) z^(2j-1))
    let series = 1.0 / 12.0
        - (1.0 / 360.0
            - (1.0 / 1260.0
                - (1.0 / 1680.0 - (1.0 / 1188.0 - 691.0 / 360_360.0 / square) / square) / square)
                / square)
            / square;
    below + series / z
}

/// `x ln(x / m) + m - x`, exact where `x` is near `m` (Loader's `bd0`).
fn deviance(x: f64, m: f64) -> f64 {
    let apart = x - m;
    if apart.abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() - apart;
    }
    let v = apart / (x + m);
    let square = v * v;
    let mut sum = apart * v;
    let mut term = 2.0 * x * v;
    let mut odd = 3.0;
    loop {
        term *= square;
        let next = sum + term / odd;
        // Terms shrink by a hundred at each step, so this ends within ten.
        if next.to_bits() == sum.to_bits() || !next.is_finite() {
            return next;
        }
        sum = next;
        odd += 2.0;
    }
}

/// `ln B(a, b)`, the logarithm of the beta function, for `a, b > 0`; otherwise not a number.
pub fn ln_beta(a: f64, b: f64) -> f64 {
    if !(a > 0.0 && b > 0.0) {
        return f64::NAN;
    }
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    let sum = a + b;
    let ratio = small / sum;
    small * ratio.ln()
        + large * (-ratio).ln_1p()
        + 0.5 * (2.0 * PI * sum / small / large).ln()
        + stirling_error(small)
        + stirling_error(large)
        - stirling_error(sum)
}

/// `ln( x^a (1-x)^b / B(a, b) )` for `a, b > 0` and `0 < x < 1`.
pub(super) fn ln_power(a: f64, b: f64, x: f64) -> f64 {
    let sum = a + b;
    stirling_error(sum)
        - stirling_error(a)
        - stirling_error(b)
        - deviance(a, sum * x)
        - deviance(b, sum * (1.0 - x))
        + 0.5 * (a / sum * b / (2.0 * PI)).ln()
}

/// `ln I_x(a, b)` for an `x` at or below the mean `a / (a + b)`, where the fraction converges fast.
fn ln_tail(a: f64, b: f64, x: f64) -> f64 {
    // Above the square root of the largest count that can be told from its successor (2^53).
    const STEPS: u32 = 100_000_000;
    const TINY: f64 = 1e-300;
    let y = 1.0 - x;
    let first = a * (a * y - b * x + 1.0) / (a + 1.0);
    // Lentz's evaluation from the front.
    let mut value = if first == 0.0 { TINY } else { first };
    let mut c = value;
    let mut d = 0.0;
    for step in 1..STEPS {
        let m = f64::from(step);
        let low = a + 2.0 * m - 1.0;
        let numerator = (m * (a + m - 1.0) / low) * ((a + b + m - 1.0) / low) * (b - m) * x * x;
        let denominator = m
            + m * (b - m) * x / low
            + (a + m) * (a * y - b * x + 1.0 + m * (2.0 - x)) / (low + 2.0);
        d = denominator + numerator * d;
        d = 1.0 / if d == 0.0 { TINY } else { d };
        c = denominator + numerator / c;
        if c == 0.0 {
            c = TINY;
        }
        let change = c * d;
        value *= change;
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
    }
    (ln_power(a, b, x) - value.ln()).min(0.0)
}

/// `ln(1 - e^x)` for `x <= 0`, exact at both ends.
pub(super) fn ln_one_minus_exp(x: f64) -> f64 {
    if x > -std::f64::consts::LN_2 {
        (-x.exp_m1()).ln()
    } else {
        (-x.exp()).ln_1p()
    }
}

/// `ln I_x(a, b)`: the logarithm of the chance that a Beta(a, b) value is at most `x`.
///
/// Exact in the tails, where the value itself is far below the smallest `f64`. Not a number unless
/// `a, b > 0`.
pub fn ln_beta_lower(x: f64, a: f64, b: f64) -> f64 {
    if !(a > 0.0 && b > 0.0) || x.is_nan() {
        f64::NAN
    } else if x <= 0.0 {
        f64::NEG_INFINITY
    } else if x >= 1.0 {
        0.0
    } else if x <= a / (a + b) {
        ln_tail(a, b, x)
    } else {
        ln_one_minus_exp(ln_tail(b, a, 1.0 - x))
    }
}

/// `ln(1 - I_x(a, b))`: the logarithm of the chance that a Beta(a, b) value is above `x`.
///
/// Exact in the tails, as [`ln_beta_lower`] is.
pub fn ln_beta_upper(x: f64, a: f64, b: f64) -> f64 {
    if !(a > 0.0 && b > 0.0) || x.is_nan() {
        f64::NAN
    } else if x <= 0.0 {
        0.0
    } else if x >= 1.0 {
        f64::NEG_INFINITY
    } else if x > a / (a + b) {
        ln_tail(b, a, 1.0 - x)
    } else {
        ln_one_minus_exp(ln_tail(a, b, x))
    }
}
