pub(super) fn ln_e_paired(b: u64, c: u64) -> f64 {
    let n = b + c;
    let mut lf = vec![0.0_f64; n as usize + 2];
    for i in 1..lf.len() {
        lf[i] = lf[i - 1] + (i as f64).ln();
    }
    let choose = |n: u64, k: u64| lf[n as usize] - lf[k as usize] - lf[(n - k) as usize];
    let terms: Vec<f64> = (c + 1..=n + 1).map(|k| choose(n + 1, k)).collect();
    let top = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum = top + terms.iter().map(|t| (t - top).exp()).sum::<f64>().ln();
    sum - ((n + 1) as f64).ln() - choose(n, c)
}

pub(super) fn e_bh(ln_e: &[f64], alpha: f64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ln_e.len()).collect();
    order.sort_by(|a, b| ln_e[*b].total_cmp(&ln_e[*a]));
    let m = ln_e.len() as f64;
    let k = (1..=order.len())
        .rev()
        .find(|&k| ln_e[order[k - 1]] >= (m / (alpha * k as f64)).ln() - 1e-12)
        .unwrap_or(0);
    order.truncate(k);
    order
}
