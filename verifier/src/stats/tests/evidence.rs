//! E-values against their published values, and what they need to decide.

use super::super::*;
use super::{near, within};

#[test]
fn two_sided_evidence_has_its_published_values() {
    for (n, k, p0, prior, expected) in [
        (10, 0, 0.5, 0.5, 5.195_319_509_0),
        (10, 3, 0.1, 1.0, 0.459_891_873_0),
        (1000, 0, 0.001, 0.5, -3.025_867_248_8),
        (2995, 0, 0.001, 0.5, -1.578_257_935_3),
        (10_000, 2, 0.001, 0.5, -0.067_197_539_7),
        (10_000, 30, 0.001, 0.5, 8.146_039_203_4),
        (100, 50, 0.5, 1.0, -2.084_244_112_9),
    ] {
        let seen = ln_e_two_sided(n, k, p0, prior, prior);
        near(&format!("({n}, {k}, {p0})"), seen, expected);
    }
    // KT after one comparison is 0.5 / (1 - p).
    near(
        "one comparison",
        ln_e_two_sided(1, 0, 0.3, 0.5, 0.5),
        (0.5_f64 / 0.7).ln(),
    );
}

#[test]
fn evidence_for_a_low_rate_has_its_published_values() {
    for (n, k, p0, low, certify) in [
        (1000, 0, 0.001, 0.541_698_102_5, 0.797_184_060_3),
        (2995, 0, 0.001, 1.848_020_038_2, 2.578_798_026_7),
        (5000, 1, 0.001, 1.741_263_027_2, 1.048_115_846_6),
        (10_000, 2, 0.001, 3.785_632_375_2, 3.092_485_194_6),
        (1000, 2, 0.01, 3.812_967_116_0, 3.119_819_935_5),
        (299, 0, 0.01, 1.856_153_913_0, 2.587_249_312_0),
    ] {
        near(&format!("low ({n}, {k}, {p0})"), ln_e_low(n, k, p0), low);
        near(
            &format!("certify ({n}, {k}, {p0})"),
            ln_e_certify(n, k, p0),
            certify,
        );
    }
    // Without a mismatch it needs no special function.
    for (n, p0) in [(1_u32, 0.5_f64), (100, 0.01), (3000, 0.001), (40, 0.2)] {
        let clean = f64::from(n);
        let power = -clean * (-p0).ln_1p();
        let slab = -((clean + 1.0) * (-p0).ln_1p()).exp_m1() / ((clean + 1.0) * p0);
        let expected = 0.5_f64.ln() + power + slab.ln_1p();
        near(
            &format!("closed form ({n}, {p0})"),
            ln_e_certify(n.into(), 0, p0),
            expected,
        );
    }
}

#[test]
fn evidence_for_a_high_rate_has_its_published_values() {
    for (n, k, p0, expected) in [
        (100, 5, 0.01, 1.238_174_041_9),
        (1000, 20, 0.01, -0.575_729_078_5),
        (1000, 10, 0.01, -5.366_824_189_9),
        (500, 10, 0.001, 16.401_099_403_5),
    ] {
        near(&format!("({n}, {k}, {p0})"), ln_e_up(n, k, p0), expected);
    }
}

#[test]
fn paired_evidence_decides_first_at_seven_to_none() {
    for (worse, better, e) in [
        (1, 0, 1.5),
        (4, 0, 6.2),
        (5, 0, 10.5),
        (6, 0, 127.0 / 7.0),
        (7, 0, 31.875),
        (10, 2, 9.440_559_4),
        (20, 10, 2.224_093_3),
        (30, 30, 0.159_814_14),
    ] {
        let seen = ln_e_paired(worse, better).exp();
        within(&format!("({worse}, {better})"), seen, e, 5e-8);
    }
    let first = |e: f64| (0..100).find(|&worse| ln_e_paired(worse, 0) >= e.ln());
    assert_eq!((first(20.0), first(800.0)), (Some(7), Some(13)));
    assert!(
        ln_e_paired(0, 7) < 0.0,
        "the other side being worse is no evidence"
    );
}

#[test]
fn split_evidence_has_its_published_values() {
    for (core, legacy, share, ratio, expected) in [
        (5, 5, 0.1, 1.0, 4.217_468_45),
        (3, 0, 0.1, 1.0, 5.626_721_43),
        (10, 20, 0.3, 1.0, -1.496_401_73),
        (10, 20, 0.3, 1.5, -2.126_072_23),
        (8, 4, 0.5, 1.0, 0.098_202_09),
        (2, 20, 0.1, 1.0, -2.284_492_65),
    ] {
        let seen = ln_e_split(core, legacy, share, ratio);
        near(
            &format!("({core}, {legacy}, {share}, {ratio})"),
            seen,
            expected,
        );
    }
}

#[test]
fn a_thousand_million_comparisons_lose_no_digit_that_decides() {
    // Reference values: 60 digits, binomial tails summed term by term.
    for (n, k, p0, two_sided, low, up) in HUGE {
        let name = format!("({n}, {k}, {p0})");
        for (kind, seen, expected) in [
            ("two-sided", ln_e_two_sided(n, k, p0, 0.5, 0.5), two_sided),
            ("low", ln_e_low(n, k, p0), low),
            ("up", ln_e_up(n, k, p0), up),
        ] {
            within(
                &format!("{kind} {name}"),
                seen,
                expected,
                1e-8_f64.max(expected.abs() * 1e-12),
            );
        }
    }
}

const HUGE: [(u64, u64, f64, f64, f64, f64); 10] = [
    (
        1_000_000_000,
        1_000_000,
        0.001,
        -10.587_424_312_91,
        -6.682_995_360_023,
        -13.588_687_889_061,
    ),
    (
        1_000_000_000,
        999_000,
        0.001,
        -10.086_757_062_568,
        -5.661_902_856_191,
        -14.236_927_616_375,
    ),
    (
        1_000_000_000,
        990_000,
        0.001,
        39.630_130_603_293,
        44.223_217_840_908,
        -16.127_750_653_646,
    ),
    (
        1_000_000_000,
        1_010_000,
        0.001,
        39.296_787_604_318,
        -9.221_189_841_462,
        36.993_110_384_127,
    ),
    (
        1_000_000_000,
        0,
        0.001,
        1_000_489.399_585_672,
        1_000_486.518_072_975,
        -20.723_265_837_946,
    ),
    (
        1_000_000_000,
        900_000,
        0.001,
        5_169.953_321_651_654,
        5_174.498_798_854_558,
        -18.420_770_641_954,
    ),
    (
        1_000,
        0,
        0.5,
        689.120_812_977_535,
        686.931_572_961_19,
        -6.908_754_779_315,
    ),
    (
        1_000,
        1_000,
        0.5,
        689.120_812_977_535,
        -6.908_754_779_315,
        686.931_572_961_19,
    ),
    (
        5_000,
        100,
        0.9,
        10_798.522_611_055,
        10_797.807_664_125_418,
        -8.494_925_376_29,
    ),
    (
        100,
        100,
        0.001,
        687.899_327_867_503,
        -4.615_120_516_841,
        686.161_407_880_706,
    ),
];

#[test]
fn zero_failures_follow_the_formula_and_its_boundary() {
    for (p0, alpha, n) in [
        (0.05, 0.10, 45),
        (0.05, 0.05, 59),
        (0.05, 0.01, 90),
        (0.05, 0.05 / 40.0, 131),
        (0.05, 0.01 / 40.0, 162),
        (0.01, 0.10, 230),
        (0.01, 0.05, 299),
        (0.01, 0.01, 459),
        (0.01, 0.05 / 40.0, 666),
        (0.01, 0.01 / 40.0, 826),
        (0.005, 0.10, 460),
        (0.005, 0.05, 598),
        (0.005, 0.01, 919),
        (0.005, 0.05 / 40.0, 1_334),
        (0.005, 0.01 / 40.0, 1_655),
        (0.001, 0.10, 2_302),
        (0.001, 0.05, 2_995),
        (0.001, 0.01, 4_603),
        (0.001, 0.05 / 40.0, 6_682),
        (0.001, 0.01 / 40.0, 8_290),
        (0.0005, 0.10, 4_605),
        (0.0005, 0.05, 5_990),
        (0.0005, 0.01, 9_209),
        (0.0005, 0.05 / 40.0, 13_366),
        (0.0005, 0.01 / 40.0, 16_584),
        (0.0001, 0.10, 23_025),
        (0.0001, 0.05, 29_956),
        (0.0001, 0.01, 46_050),
        (0.0001, 0.05 / 40.0, 66_843),
        (0.0001, 0.01 / 40.0, 82_937),
    ] {
        assert_eq!(
            zero_failures_needed(p0, alpha),
            Some(n),
            "p0 {p0}, alpha {alpha}"
        );
        assert!(
            clopper_pearson_upper(n, 0, alpha) <= p0,
            "{n} pass, p0 {p0}, alpha {alpha}"
        );
        assert!(
            clopper_pearson_upper(n - 1, 0, alpha) > p0,
            "{} fail",
            n - 1
        );
    }
}

#[test]
fn each_number_of_mismatches_needs_its_number_of_comparisons() {
    let share = 0.05 / 40.0;
    for (k, fixed, certify, low, two_sided, fixed_40, certify_40, low_40) in [
        (0, 2_995, 3_440, 4_512, 8_062, 6_682, 7_245, 8_863),
        (1, 4_742, 7_798, 6_851, 11_355, 8_982, 12_410, 11_579),
        (2, 6_294, 9_862, 8_848, 13_881, 10_958, 14_754, 13_878),
        (3, 7_752, 11_754, 10_682, 16_118, 12_774, 16_887, 15_971),
        (4, 9_151, 13_538, 12_416, 18_189, 14_491, 18_887, 17_936),
        (5, 10_511, 15_247, 14_079, 20_148, 16_138, 20_792, 19_809),
    ] {
        assert_eq!(
            comparisons_needed(k, k, 0.001, 0.05),
            Some(certify - k),
            "{k} at 5 %"
        );
        assert_eq!(
            comparisons_needed(k, k, 0.001, share),
            Some(certify_40 - k),
            "{k} of 40"
        );
        assert_eq!(comparisons_needed(certify - 1, k, 0.001, 0.05), Some(1));
        assert_eq!(comparisons_needed(certify, k, 0.001, 0.05), Some(0));
        for (name, n, alpha, enough) in [
            (
                "low",
                low,
                0.05,
                &(|n| ln_e_low(n, k, 0.001)) as &dyn Fn(u64) -> f64,
            ),
            ("low of 40", low_40, share, &|n| ln_e_low(n, k, 0.001)),
            ("two-sided", two_sided, 0.05, &|n| {
                ln_e_two_sided(n, k, 0.001, 0.5, 0.5)
            }),
        ] {
            assert!(decided(enough(n), alpha), "{name}: {n} suffice for {k}");
            assert!(
                !decided(enough(n - 1), alpha),
                "{name}: {} do not for {k}",
                n - 1
            );
        }
        for (n, alpha) in [(fixed, 0.05), (fixed_40, share)] {
            assert!(clopper_pearson_upper(n, k, alpha) <= 0.001, "{n} for {k}");
            assert!(
                clopper_pearson_upper(n - 1, k, alpha) > 0.001,
                "{} for {k}",
                n - 1
            );
        }
    }
    assert_eq!(
        comparisons_needed(0, 0, 0.0, 0.05),
        None,
        "a rate of zero cannot be shown"
    );
    assert_eq!(comparisons_needed(5, 6, 0.1, 0.05), None);
}
