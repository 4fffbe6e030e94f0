//! Many claims at once, and one claim tried again.

use super::evidence::ln_threshold;

/// The claims that may be made together so that at most a share `alpha` of those made is expected to
/// be wrong, whatever depends on what: the e-BH procedure (Wang and Ramdas, JRSS B 84(3), 2022).
///
/// With the e-values sorted downwards, the first `K = max { k : E_k >= m / (alpha k) }`. Returns the
/// positions in `ln_e` of the claims that stand, in ascending order.
///
/// ```
/// # use verifier::stats::e_bh;
/// let ln_e = [100.0_f64, 30.0, 25.0, 2.0].map(f64::ln);
/// assert_eq!(e_bh(&ln_e, 0.05), [0]);
/// ```
pub fn e_bh(ln_e: &[f64], alpha: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ln_e.len()).filter(|&i| !ln_e[i].is_nan()).collect();
    order.sort_by(|&a, &b| ln_e[b].total_cmp(&ln_e[a]).then(a.cmp(&b)));
    let all = ln_threshold(alpha) + (ln_e.len() as f64).ln();
    let stand = (1..=order.len())
        .rev()
        // 1e-12 as in `decided`: an E of exactly the threshold counts.
        .find(|&k| ln_e[order[k - 1]] >= all - (k as f64).ln() - 1e-12)
        .unwrap_or(0);
    order.truncate(stand);
    order.sort_unstable();
    order
}

/// One e-value from several by their mean, valid whatever depends on what. `-∞` without any.
///
/// For an alarm over many endpoints or many kinds of error.
pub fn ln_e_mean(ln_e: &[f64]) -> f64 {
    let greatest = ln_e.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !greatest.is_finite() {
        return greatest;
    }
    let sum: f64 = ln_e.iter().map(|value| (value - greatest).exp()).sum();
    greatest + sum.ln() - (ln_e.len() as f64).ln()
}

/// What of `alpha` the `attempt`-th build may spend, counted from 1, so that all builds together
/// spend `alpha`: `alpha · 6 / (π² j²)`. Ten bad builds at 5 % each would pass one in 40 % of cases.
pub fn alpha_of_attempt(alpha: f64, attempt: u32) -> f64 {
    let j = f64::from(attempt.max(1));
    alpha * 6.0 / (std::f64::consts::PI.powi(2) * j * j)
}
