//! Many claims at once, and what lies outside of every domain.

use super::super::*;
use super::within;

#[test]
fn e_bh_makes_as_many_claims_as_stand_together() {
    for (e, stand) in [
        (vec![100.0, 30.0, 25.0, 2.0], vec![0]),
        (vec![2.0, 45.0, 28.0, 100.0], vec![1, 2, 3]),
        (vec![79.0, 39.0, 26.0, 20.0], vec![0, 1, 2, 3]),
        (vec![79.0, 39.0, 26.0, 19.0], vec![]),
        (vec![20.0; 40], (0..40).collect()),
        (vec![], vec![]),
    ] {
        let ln_e: Vec<f64> = e.iter().map(|value: &f64| value.ln()).collect();
        assert_eq!(e_bh(&ln_e, 0.05), stand, "{e:?}");
    }
    let mut one_of_forty = vec![0.0; 40];
    one_of_forty[7] = 800_f64.ln();
    assert_eq!(e_bh(&one_of_forty, 0.05), [7]);
    assert_eq!(
        e_bh(&[f64::NAN, 1e9], 0.05),
        [1],
        "what is no number claims nothing"
    );
}

#[test]
fn small_rules_hold() {
    within(
        "mean",
        ln_e_mean(&[10_f64.ln(), 30_f64.ln()]),
        20_f64.ln(),
        1e-12,
    );
    within(
        "mean of huge",
        ln_e_mean(&[1e6, 0.0]),
        1e6 - 2_f64.ln(),
        1e-9,
    );
    assert!(ln_e_mean(&[]) < 0.0);
    let spent: f64 = (1..2_000)
        .map(|attempt| alpha_of_attempt(0.05, attempt))
        .sum();
    assert!(spent < 0.05 && spent > 0.0499, "{spent}");
    let curve = [(0.0, 0.0), (1.0, 1.0), (2.0, 4.0), (3.0, 9.0)]; // slopes 1 2 3 3 4 5
    assert_eq!(theil_sen_slope(&curve), Some(3.0));
    let line: Vec<(f64, f64)> = (0..9)
        .map(|day| (f64::from(day), f64::from(day * 3)))
        .collect();
    let mut wild = line.clone();
    wild[4].1 = -1e9;
    assert_eq!(
        (theil_sen_slope(&line), theil_sen_slope(&wild)),
        (Some(3.0), Some(3.0))
    );
    assert_eq!(
        (
            theil_sen_slope(&[(1.0, 1.0), (1.0, 2.0)]),
            theil_sen_slope(&[])
        ),
        (None, None)
    );
    within("unseen", unseen_mass(3, 300), 0.01, 1e-15);
    within("nothing seen", unseen_mass(0, 0), 1.0, 0.0);
    within("no bound", unseen_mass_upper(0, 0, 0.05), 1.0, 0.0);
    within("few", unseen_mass_upper(3, 10, 0.05), 1.0, 0.0);
    let bound = 0.01 + 2.414_213_562_373_095 * 3.688_879_454_113_936_f64.sqrt() / 100.0;
    within("bound", unseen_mass_upper(100, 10_000, 0.05), bound, 1e-12);
    assert!(decided(20_f64.ln(), 0.05) && !decided(19.999_f64.ln(), 0.05));
}

#[test]
fn what_is_outside_of_the_domain_is_evidence_of_nothing() {
    for ln_e in [
        ln_e_low(5, 6, 0.1),
        ln_e_up(5, 6, 0.1),
        ln_e_certify(5, 0, 0.0),
        ln_e_certify(5, 0, 1.0),
        ln_e_two_sided(5, 0, f64::NAN, 1.0, 1.0),
        ln_e_two_sided(5, 0, 0.5, 0.0, 1.0),
        ln_e_paired(u64::MAX, 1),
        ln_e_split(1, 1, 0.0, 1.0),
        ln_e_split(1, 1, f64::NAN, 1.0),
    ] {
        assert!(!decided(ln_e, 0.05) && !ln_e.is_nan(), "{ln_e}");
    }
    // Nothing seen is evidence of nothing either, but inside the domain: E = 1.
    for ln_e in [
        ln_e_low(0, 0, 0.1),
        ln_e_up(0, 0, 0.1),
        ln_e_certify(0, 0, 0.1),
        ln_e_paired(0, 0),
    ] {
        within("nothing seen", ln_e, 0.0, 1e-12);
    }
}
