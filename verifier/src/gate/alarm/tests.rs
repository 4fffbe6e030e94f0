#![allow(clippy::disallowed_methods)] // FULL=1 asks for larger counts

use super::*;

/// xorshift64*, so that every run sees the same.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn requests_until(rate: f64, seed: u64, most: u64) -> Option<u64> {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut alarm = RateAlarm::new(0.01);
    let needed = ln_needed(0.05, STAKE_ERRORS);
    (1..=most).find(|_| {
        alarm.add(1, u64::from(dice.roll() < rate));
        // Looking only after a bad answer changes nothing: a good one never raises the value.
        alarm.ln_e() >= needed
    })
}

#[test]
fn a_bad_core_is_noticed_within_a_fifth_more_than_the_plain_tests_requests() {
    let runs = if std::env::var_os("FULL").is_some() {
        1_001
    } else {
        101
    };
    for (rate, plain) in [(0.05, 113), (0.10, 24), (0.50, 3)] {
        let mut needed: Vec<u64> = (1..=runs)
            .map(|seed| requests_until(rate, seed, 5_000).unwrap_or(5_000))
            .collect();
        needed.sort_unstable();
        let median = needed[needed.len() / 2];
        assert!(
            median <= plain * 13 / 10 + 2,
            "{rate}: median {median} requests, the plain test needs {plain}"
        );
    }
}

#[test]
fn a_long_good_time_hardly_delays_the_alarm() {
    let needed = ln_needed(0.05, STAKE_ERRORS);
    let mut alarm = RateAlarm::new(0.01);
    for _ in 0..2_000 {
        alarm.add(50, 0);
    }
    assert!(alarm.ln_e() < 0.0);
    // Now every second answer is an error.
    let looks = (1..100).find(|_| {
        alarm.add(10, 5);
        alarm.ln_e() >= needed
    });
    assert!(
        looks.is_some_and(|looks| looks <= 3),
        "{looks:?} looks of ten requests"
    );
}

#[test]
fn errors_that_both_sides_share_raise_no_alarm_and_cores_own_do() {
    let needed = ln_needed(0.05, STAKE_VERSUS);
    let mut both = SplitAlarm::new(1.5);
    let mut own = SplitAlarm::new(1.5);
    for percent in [10, 30, 50] {
        for _ in 0..40 {
            // A common trouble: every tenth answer of either side.
            both.add(
                (percent / 10, percent),
                ((100 - percent) / 10, 100 - percent),
            );
            own.add((percent / 10, percent), (0, 100 - percent));
        }
        both.turn();
        own.turn();
    }
    assert!(both.ln_e() < 0.0, "{}", both.ln_e());
    assert!(own.ln_e() > needed, "{}", own.ln_e());
    let mut alone = SplitAlarm::new(1.5);
    alone.add((50, 100), (0, 0));
    assert_eq!(
        alone.counts(),
        (0, 0),
        "with core alone there is nothing to compare"
    );
}
