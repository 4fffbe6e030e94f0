//! Evidence from pairs, and which of many claims stand by it.

/// Natural logarithm of the e-value that `worse` outweighs `better` among pairs that tell:
/// `E = 2^(n+1) ∫ p^worse (1-p)^better dp` over `[1/2, 1]`, with `n` pairs. As a finite sum it is
/// `Σ C(n+1, k) / ((n+1) C(n, better))` over `k > better`.
pub(super) fn ln_e_paired(worse: u64, better: u64) -> f64 {
    let n = worse.saturating_add(better);
    // ln of C(n+1, k) / C(n+1, better+1), for k from better+1 on: their sum needs no factorial.
    let (mut ln_term, mut sum) = (0.0_f64, 1.0_f64);
    for k in better.saturating_add(2)..=n.saturating_add(1) {
        ln_term += ((n + 2 - k) as f64).ln() - (k as f64).ln();
        sum += ln_term.exp();
    }
    // C(n+1, better+1) / ((n+1) C(n, better)) = 1 / (better+1).
    sum.ln() - (better.saturating_add(1) as f64).ln()
}

/// Positions of the claims that stand together: the first `K = max { k : E_k >= m / (alpha k) }` of the
/// e-values sorted downwards.
pub(super) fn e_bh(ln_e: &[f64], alpha: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ln_e.len()).collect();
    order.sort_by(|a, b| ln_e[*b].total_cmp(&ln_e[*a]));
    let claims = ln_e.len() as f64;
    let stand = (1..=order.len())
        .rev()
        .find(|&k| ln_e[order[k - 1]] >= (claims / (alpha * k as f64)).ln())
        .unwrap_or(0);
    order.truncate(stand);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_to_none_is_the_first_to_reach_twenty() {
        for (worse, better, e) in [(5, 0, 10.5), (6, 0, 18.143), (7, 0, 31.875), (60, 40, 1.8)] {
            let found = ln_e_paired(worse, better).exp();
            assert!((found - e).abs() < 0.06, "{worse}:{better} {found}");
        }
        assert!(ln_e_paired(5_000, 5_000).is_finite());
        let e = [100.0_f64, 45.0, 28.0, 2.0].map(f64::ln);
        assert_eq!(e_bh(&e, 0.05), [0, 1, 2]);
    }
}
