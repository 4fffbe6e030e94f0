//! Bounds of rates, quantiles and counts against their published values.

use super::super::*;
use super::within;

#[test]
fn bounds_for_a_fixed_number_have_their_published_values() {
    for (n, k, upper) in [
        (1, 0, 0.95),
        (10, 0, 0.258_865_55),
        (40, 0, 0.072_157_52),
        (100, 0, 0.029_513_05),
        (300, 0, 0.009_936_08),
        (1_000, 0, 0.002_991_25),
        (2_994, 0, 0.001_000_08),
        (2_995, 0, 0.000_999_74),
        (10_000, 0, 0.000_299_53),
        (1_000, 1, 0.004_734_99),
        (4_742, 1, 0.001_000_00),
        (6_294, 2, 0.000_999_94),
        (10_000, 3, 0.000_775_18),
        (10_000, 5, 0.001_051_01),
        (10_000, 10, 0.001_695_63),
    ] {
        within(
            &format!("{k} in {n}"),
            clopper_pearson_upper(n, k, 0.05),
            upper,
            5.1e-9,
        );
    }
    for (n, k, lower, upper) in [
        (10_000, 3, 0.000_061_87, 0.000_876_47),
        (10_000, 10, 0.000_479_64, 0.001_838_26),
        (100, 1, 0.000_253_15, 0.054_459_39),
        (100_000, 50, 0.000_371_13, 0.000_659_14),
        (10, 0, 0.0, 0.308_497_11),
    ] {
        let seen = clopper_pearson(n, k, 0.05);
        within(&format!("lower of {k} in {n}"), seen.lower, lower, 5.1e-9);
        within(&format!("upper of {k} in {n}"), seen.upper, upper, 5.1e-9);
    }
    assert!(clopper_pearson_upper(4_742, 1, 0.05) <= 0.001);
    assert!(clopper_pearson_upper(4_741, 1, 0.05) > 0.001);
    within(
        "all of 10",
        clopper_pearson_lower(10, 10, 0.05),
        0.05_f64.powf(0.1),
        1e-12,
    );
}

#[test]
fn the_confidence_sequence_has_its_published_values() {
    for (n, k, lower, upper) in [
        (1, 0, 0.0, 0.975),
        (10, 0, 0.0, 0.376_987_35),
        (40, 0, 0.0, 0.126_626_12),
        (100, 0, 0.0, 0.057_028_60),
        (100, 1, 0.000_014_18, 0.084_022_31),
        (1_000, 0, 0.0, 0.006_997_50),
        (1_000, 10, 0.002_406_47, 0.026_164_43),
        (10_000, 0, 0.0, 0.000_816_99),
        (10_000, 10, 0.000_206_81, 0.002_817_16),
        (100_000, 50, 0.000_257_01, 0.000_862_11),
    ] {
        let seen = confidence_sequence(n, k, 0.05);
        within(&format!("lower of {k} in {n}"), seen.lower, lower, 5.1e-9);
        within(&format!("upper of {k} in {n}"), seen.upper, upper, 5.1e-9);
    }
}

#[test]
fn quantiles_are_bounded_by_their_published_ranks() {
    for (n, lower, upper) in [
        (298, Some(292), None),
        (299, Some(293), Some(299)),
        (1_000, Some(985), Some(996)),
        (3_000, Some(2_961), Some(2_980)),
        (10_000, Some(9_883), Some(9_917)),
        (100_000, Some(98_948), Some(99_052)),
    ] {
        let seen = order_statistic_bounds(n, 0.99, 0.05);
        assert_eq!(seen.upper, upper, "upper of {n}");
        if n > 299 {
            assert_eq!(seen.lower, lower, "lower of {n}");
        }
    }
    let none = RankBounds {
        lower: None,
        upper: None,
    };
    assert_eq!(order_statistic_bounds(0, 0.99, 0.05), none);
    assert_eq!(
        order_statistic_bounds(4, 0.5, 0.05),
        none,
        "one in sixteen is above one in twenty"
    );
    let five = RankBounds {
        lower: Some(1),
        upper: Some(5),
    };
    assert_eq!(order_statistic_bounds(5, 0.5, 0.05), five);
}

#[test]
fn a_binomial_interval_leaves_half_of_alpha_beyond_each_end() {
    // Sums of the distribution, by hand for ten tosses of a coin: 1, 11, 56 of 1024.
    for (n, share, alpha, lower, upper) in [
        (10, 0.5, 0.05, 2, 8),
        (10, 0.5, 0.0019, 0, 10),
        (10, 0.5, 0.0020, 1, 9),
        (0, 0.5, 0.05, 0, 0),
        (10, 0.0, 0.05, 0, 10),
    ] {
        let seen = binomial_interval(n, share, alpha);
        assert_eq!(seen, Interval { lower, upper }, "{n} at {share}, {alpha}");
    }
    let huge = binomial_interval(1_000_000_000, 0.1, 0.001);
    let spread = 3.2905 * (1e9_f64 * 0.09).sqrt();
    within("lower", huge.lower as f64, 1e8 - spread, 20.0);
    within("upper", huge.upper as f64, 1e8 + spread, 20.0);
}
