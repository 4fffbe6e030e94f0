//! Bounds of a quantile by ranks, and a slope that outliers do not move.

use super::interval::{least, ln_above, ln_at_most};

/// Ranks, counted from 1 in ascending order, whose values bound a quantile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RankBounds {
    /// The value of this rank is at most the quantile; none where too few were seen.
    pub lower: Option<u64>,
    /// The value of this rank is at least the quantile; none where too few were seen.
    pub upper: Option<u64>,
}

/// Which of `n` sorted values bound the `q` quantile, each side with probability `1 - alpha`, whatever
/// the distribution: the number of values below the quantile is binomial.
///
/// 299 values are the fewest whose maximum bounds the 99th percentile from above at 5 %.
///
/// ```
/// # use verifier::stats::order_statistic_bounds;
/// assert_eq!(order_statistic_bounds(299, 0.99, 0.05).upper, Some(299));
/// assert_eq!(order_statistic_bounds(298, 0.99, 0.05).upper, None);
/// ```
pub fn order_statistic_bounds(n: u64, q: f64, alpha: f64) -> RankBounds {
    if n == 0 || !(q > 0.0 && q < 1.0 && alpha > 0.0 && alpha < 1.0) {
        return RankBounds {
            lower: None,
            upper: None,
        };
    }
    let error = alpha.ln();
    // The least rank r with P(X >= r) <= alpha, which is P(X > r-1).
    let upper = least(1, n + 1, |rank| ln_above(n, q, rank - 1) <= error);
    // The greatest rank s with P(X <= s-1) <= alpha: one below the least that breaks it.
    let lower = least(1, n + 1, |rank| ln_at_most(n, q, rank - 1) > error) - 1;
    RankBounds {
        lower: (lower >= 1).then_some(lower),
        upper: (upper <= n).then_some(upper),
    }
}

/// The median of the slopes between any two points (Theil 1950, Sen 1968), in units of y per unit
/// of x: up to 29 % of the points may be anything. Nothing with fewer than two different x.
pub fn theil_sen_slope(points: &[(f64, f64)]) -> Option<f64> {
    let mut slopes = Vec::new();
    for (index, (x, y)) in points.iter().enumerate() {
        for (other_x, other_y) in &points[index + 1..] {
            let slope = (other_y - y) / (other_x - x);
            if slope.is_finite() {
                slopes.push(slope);
            }
        }
    }
    slopes.sort_by(f64::total_cmp);
    let middle = slopes.len() / 2;
    match slopes.len() % 2 {
        1 => slopes.get(middle).copied(),
        _ => Some(f64::midpoint(
            *slopes.get(middle.checked_sub(1)?)?,
            *slopes.get(middle)?,
        )),
    }
}
