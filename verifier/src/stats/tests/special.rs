//! The beta function under all of them.

use super::super::*;
use super::within;

#[test]
fn the_beta_function_holds_its_laws() {
    for (a, b, expected) in BETA {
        within(
            &format!("ln B({a}, {b})"),
            ln_beta(a, b),
            expected,
            1e-11 * expected.abs().max(1.0),
        );
    }
    for (a, b) in [
        (0.5, 0.5),
        (1.0, 1.0),
        (3.0, 7.5),
        (40.0, 2.0),
        (1e6, 1e9),
        (5.0, 1e-3),
    ] {
        // Sums of powers of two, so that 1 - x is exact.
        for x in [
            2_f64.powi(-40),
            2_f64.powi(-13),
            0.25,
            0.5,
            0.75,
            1.0 - 2_f64.powi(-20),
        ] {
            let (low, up) = (ln_beta_lower(x, a, b), ln_beta_upper(x, a, b));
            within(
                &format!("I_{x}({a}, {b}) and its rest"),
                low.exp() + up.exp(),
                1.0,
                1e-10,
            );
            let mirrored = ln_beta_upper(1.0 - x, b, a);
            let tolerance = 1e-12 * low.abs().max(1.0);
            within(
                &format!("mirror of I_{x}({a}, {b})"),
                low,
                mirrored,
                tolerance,
            );
        }
    }
    // I_x(1, b) = 1 - (1-x)^b
    let exact = (-(50_f64 * (-0.01_f64).ln_1p()).exp_m1()).ln();
    within(
        "I_0.01(1, 50)",
        ln_beta_lower(0.01, 1.0, 50.0),
        exact,
        1e-12,
    );
}

/// 60 digits, rounded.
const BETA: [(f64, f64, f64); 5] = [
    (0.5, 0.5, 1.144_729_885_849_4),
    (0.001, 5.0, 6.905_672_657_062_075),
    (7.0, 1e9, -138.483_609_667_614_8),
    (1e9, 1e9, -1_386_294_370.216_011),
    (0.5, 1_000_000_000.5, -9.789_267_975_673_506),
];
