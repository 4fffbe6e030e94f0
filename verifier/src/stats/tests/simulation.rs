//! Promises that hold over a whole course of looking, checked by playing it with a fixed seed.
//! `FULL=1` plays as often as the published simulations did.

use std::time::Duration;

use super::super::*;
use crate::confidence::{ConfidenceConfig, LatencyAssessment, LatencyStanding};
use crate::evidence::pace::{Pace, Paces};
use crate::evidence::record::Histogram;

/// `SplitMix64` (Steele, Lea, Flood 2014): a fixed course for a fixed seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `(0, 1)`.
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// How many clean comparisons come before the next mismatch at rate `p`.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn clean_run(&mut self, p: f64) -> u64 {
        (self.unit().ln() / (-p).ln_1p()) as u64
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the size of the test, not the judgement"
)]
fn times(small: u32, full: u32) -> u32 {
    if std::env::var_os("FULL").is_some_and(|value| value == "1") {
        full
    } else {
        small
    }
}

/// Plays one course of `last` comparisons at rate `p`; `look` is asked for (n, k) before and after
/// each mismatch and at the end, and stops the course by answering true.
///
/// That equals a look after every comparison for anything whose evidence is greatest at the ends of
/// a clean run: `E_low` and `E_certify` rise through it, `E_up` falls, a two-sided E falls and then rises.
fn ever(dice: &mut Dice, p: f64, last: u64, look: &dyn Fn(u64, u64) -> bool) -> bool {
    let (mut n, mut k) = (0, 0);
    loop {
        let run = dice.clean_run(p);
        if n + run >= last {
            return look(last, k);
        }
        n += run;
        if look(n, k) {
            return true;
        }
        n += 1;
        k += 1;
        if look(n, k) {
            return true;
        }
    }
}

/// The share of courses in which `look` ever answered true, and how much chance adds to 5 %.
fn share(
    seed: u64,
    courses: u32,
    p: f64,
    last: u64,
    look: &dyn Fn(u64, u64) -> bool,
) -> (f64, f64) {
    let mut dice = Dice(seed);
    let wrong = (0..courses)
        .filter(|_| ever(&mut dice, p, last, look))
        .count();
    let chance = 3.0 * (0.05 * 0.95 / f64::from(courses)).sqrt();
    (wrong as f64 / f64::from(courses), 0.05 + chance)
}

#[test]
fn evidence_is_greatest_at_the_ends_of_a_clean_run() {
    for k in [0, 1, 5] {
        for n in k + 1..400 {
            assert!(
                ln_e_certify(n + 1, k, 0.01) > ln_e_certify(n, k, 0.01),
                "{k} in {n}"
            );
            assert!(ln_e_up(n + 1, k, 0.01) < ln_e_up(n, k, 0.01), "{k} in {n}");
        }
        let steps: Vec<f64> = (k + 1..2000)
            .map(|n| ln_e_two_sided(n, k, 0.01, 0.5, 0.5))
            .collect();
        let rises: Vec<bool> = steps.windows(2).map(|pair| pair[1] > pair[0]).collect();
        let turns = rises.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(turns <= 1, "falls, then rises: {turns} turns with {k}");
    }
}

#[test]
fn looking_after_every_comparison_certifies_wrongly_in_one_case_of_twenty_at_most() {
    let courses = times(1_500, 20_000);
    for (name, e, greatest) in [
        (
            "E_low",
            &(|n, k| ln_e_low(n, k, 0.001)) as &dyn Fn(u64, u64) -> f64,
            0.050,
        ),
        ("certify", &|n, k| ln_e_certify(n, k, 0.001), 0.055),
    ] {
        let (wrong, limit) = share(7, courses, 0.001, 100_000, &|n, k| decided(e(n, k), ALPHA));
        println!("{name}: wrong in {:.2} % of {courses}", wrong * 100.0);
        assert!(wrong <= limit, "{name}: {wrong} above {limit}");
        // Far below its promise it would have lost its power.
        assert!(wrong > 0.02 && wrong < greatest + 0.02, "{name}: {wrong}");
    }
    // What this protects from: stopping at the first pleasant bound for a fixed number.
    let needed: Vec<u64> = (0..200).map(needed_at_fixed).collect();
    let pleasant = |n: u64, k: u64| {
        usize::try_from(k)
            .ok()
            .and_then(|k| needed.get(k))
            .is_some_and(|&least| n >= least)
    };
    let (wrong, _) = share(7, courses, 0.001, 100_000, &pleasant);
    println!("Clopper-Pearson watched: wrong in {:.2} %", wrong * 100.0);
    assert!(wrong > 0.2, "{wrong}");
}

/// The least `n` at which `k` mismatches have an upper bound below 0.1 %.
fn needed_at_fixed(k: u64) -> u64 {
    let (mut low, mut high) = (k, 400_000);
    while low < high {
        let middle = low + (high - low) / 2;
        if clopper_pearson_upper(middle, k, ALPHA) < 0.001 {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[test]
fn a_confidence_sequence_loses_the_rate_in_one_case_of_twenty_at_most() {
    let courses = times(600, 4_000);
    for p in [0.0005, 0.001, 0.01, 0.1, 0.5] {
        let last = if p < 0.1 { 20_000 } else { 4_000 };
        let missed = |n, k| decided(ln_e_two_sided(n, k, p, 0.5, 0.5), ALPHA);
        let (wrong, limit) = share(11, courses, p, last, &missed);
        println!("rate {p}: lost in {:.2} % of {courses}", wrong * 100.0);
        assert!(wrong <= limit, "rate {p}: {wrong} above {limit}");
    }
    // The ends that are reported are those of the same test.
    for (n, k) in [(10, 0), (500, 3), (20_000, 21), (7, 7)] {
        let ends = confidence_sequence(n, k, ALPHA);
        for (inside, outside) in [
            (ends.lower * 1.001, ends.lower * 0.999),
            (ends.upper * 0.999, ends.upper * 1.001),
        ] {
            let ruled_out =
                |p: f64| p > 0.0 && p < 1.0 && decided(ln_e_two_sided(n, k, p, 0.5, 0.5), ALPHA);
            assert!(!ruled_out(inside), "{k} in {n}: {inside}");
            assert!(
                ruled_out(outside) || outside <= 0.0 || outside >= 1.0,
                "{k} in {n}: {outside}"
            );
        }
    }
}

#[test]
fn a_service_within_its_limit_is_rolled_back_in_one_case_of_twenty_at_most() {
    let courses = times(800, 10_000);
    let above = |n, k| decided(ln_e_up(n, k, 0.01), ALPHA);
    let (wrong, limit) = share(13, courses, 0.01, 20_000, &above);
    println!("E_up: wrong in {:.2} % of {courses}", wrong * 100.0);
    assert!(wrong <= limit, "{wrong} above {limit}");
    // And one above it is found, in about as many requests as published.
    for (p, median) in [(0.02, 1_627), (0.05, 113), (0.10, 24)] {
        let (by_median, _) = share(17, courses, p, median, &above);
        assert!(
            (by_median - 0.5).abs() < 0.08,
            "rate {p}: {by_median} found by {median}"
        );
    }
}

#[test]
fn equal_sides_are_told_apart_in_one_case_of_twenty_at_most() {
    let courses = times(800, 10_000);
    let worse = |n: u64, k: u64| decided(ln_e_paired(k, n - k), ALPHA);
    let (wrong, limit) = share(19, courses, 0.5, 1_000, &worse);
    println!("paired: wrong in {:.2} % of {courses}", wrong * 100.0);
    assert!(wrong <= limit, "{wrong} above {limit}");
    for (p, median) in [(0.7, 35), (0.9, 11)] {
        let (by_median, _) = share(23, courses, p, median, &worse);
        assert!(
            by_median > 0.4 && by_median < 0.8,
            "{p}: {by_median} found by {median}"
        );
    }
}

/// A number from the standard normal distribution (Box and Muller 1958).
fn normal(dice: &mut Dice) -> f64 {
    (-2.0 * dice.unit().ln()).sqrt() * (std::f64::consts::TAU * dice.unit()).cos()
}

/// Whether core is ever called slower in a course of `last` requests, looked at after each. Both sides
/// draw around 20 ms from one log-normal distribution, core's times `factor`; the load of the moment
/// meets both.
fn ever_slower(dice: &mut Dice, factor: f64, last: u32) -> bool {
    let demand = ConfidenceConfig::default();
    let tolerance = demand.tolerance();
    let (mut paces, mut times) = (
        Paces::default(),
        [Histogram::default(), Histogram::default()],
    );
    for _ in 0..last {
        let before = paces.slower;
        let load = (0.5 * normal(dice)).exp();
        let took = [1.0, factor].map(|factor| {
            let own = (0.4 * normal(dice)).exp();
            Duration::from_secs_f64(0.020 * load * own * factor)
        });
        for (histogram, took) in times.iter_mut().zip(took) {
            histogram.record(took);
        }
        match tolerance.pace(took[0], took[1]) {
            Pace::Slower => paces.slower += 1,
            Pace::Faster => paces.faster += 1,
            Pace::Alike => paces.alike += 1,
        }
        // Only such a request speaks for slower; after any other there is nothing to decide.
        if paces.slower == before {
            continue;
        }
        let seen = LatencyAssessment::of(paces, &times[0], &times[1], &demand);
        if seen.standing == LatencyStanding::Slower {
            return true;
        }
    }
    false
}

#[test]
fn a_core_that_is_as_fast_is_called_slower_in_one_case_of_twenty_at_most() {
    let courses = times(120, 1_000);
    let share = |seed: u64, factor: f64| {
        let mut dice = Dice(seed);
        let hits = (0..courses).filter(|_| ever_slower(&mut dice, factor, 400));
        hits.count() as f64 / f64::from(courses)
    };
    let chance = 3.0 * (0.05 * 0.95 / f64::from(courses)).sqrt();
    let (wrong, found) = (share(29, 1.0), share(31, 1.3));
    println!(
        "latency: of {courses} courses {:.2} % wrong, {:.1} % found at 1.3 times",
        wrong * 100.0,
        found * 100.0
    );
    assert!(wrong <= 0.05 + chance, "{wrong}");
    assert!(found > 0.9, "{found}");
}

#[test]
fn the_unseen_mass_is_estimated_without_bias_and_rarely_above_its_bound() {
    let courses = times(300, 10_000);
    for (name, shapes, power) in [
        ("even", 300, 0.0),
        ("Zipf", 1_000, 1.0),
        ("steep", 1_000, 2.0),
    ] {
        // Cumulated shares of the shapes.
        let weights: Vec<f64> = (1..=shapes)
            .map(|rank| f64::from(rank).powf(-power))
            .collect();
        let all: f64 = weights.iter().sum();
        let shares: Vec<f64> = weights.iter().map(|weight| weight / all).collect();
        let mut sum = 0.0;
        let until: Vec<f64> = shares
            .iter()
            .map(|share| {
                sum += share;
                sum
            })
            .collect();
        for n in [100_u64, 1_000] {
            let mut dice = Dice(37);
            let (mut bias, mut beyond, mut spread) = (0.0, 0_u32, 0.0);
            for _ in 0..courses {
                let mut seen = vec![0_u32; shares.len()];
                for _ in 0..n {
                    let drawn = dice.unit() * sum;
                    let at = until.partition_point(|&end| end < drawn);
                    seen[at.min(shares.len() - 1)] += 1;
                }
                let once = seen.iter().filter(|&&times| times == 1).count() as u64;
                let missed = seen.iter().zip(&shares).filter(|(times, _)| **times == 0);
                let truth: f64 = missed.map(|(_, share)| share).sum();
                let off = unseen_mass(once, n) - truth;
                bias += off;
                spread += off * off;
                beyond += u32::from(truth > unseen_mass_upper(once, n, ALPHA));
            }
            let courses = f64::from(courses);
            let (bias, error) = (bias / courses, (spread / courses).sqrt());
            println!(
                "unseen mass, {name}, {n} requests: bias {:.3} %, error {:.2} %, above the bound {:.2} %",
                bias * 100.0,
                error * 100.0,
                f64::from(beyond) / courses * 100.0
            );
            // Good 1953: too large by at most 1/n in the mean.
            let chance = 3.0 * error / courses.sqrt();
            assert!(
                bias > -chance && bias < 1.0 / n as f64 + chance,
                "{name} {n}: {bias}"
            );
            let allowed = 0.05 + 3.0 * (0.05 * 0.95 / courses).sqrt();
            assert!(
                f64::from(beyond) / courses <= allowed,
                "{name} {n}: {beyond}"
            );
        }
    }
}
