//! Alarms over a whole cut-over: sequential tests that may be looked at after every request, and that
//! notice a service that was good for a week and then turns bad.
//!
//! Each alarm is an e-process: a mixture of one test that counts from the beginning (4/5 of the stake)
//! and of tests that begin at later looks (1/5, shared by `1/(j(j+1))`). A mixture of e-processes is
//! one, so that by Ville's inequality it ever reaches `1/alpha` with probability `alpha` at most
//! while the rate is within its limit, however often it is looked at. The late starts are what makes
//! it quick after a long good time, which a count from the beginning alone would have to outweigh.
#![deny(clippy::disallowed_methods)]

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::stats::{ln_e_split, ln_e_up};

/// Stake on the test that counts from the beginning.
const FIRST: f64 = 0.8;
/// Tests that are kept besides; dropping the oldest only makes the alarm slower.
const KEPT: usize = 24;

/// Shares of the error level by alarm: errors are the main trigger. They add up to 1.
pub const STAKE_ERRORS: f64 = 0.7;
/// For slow answers.
pub const STAKE_SLOW: f64 = 0.1;
/// For errors against legacy.
pub const STAKE_VERSUS: f64 = 0.1;
/// For 4xx against legacy.
pub const STAKE_CLIENT_ERRORS: f64 = 0.1;

/// What an alarm's e-value must reach, as a logarithm: `ln(1 / (alpha · stake))`.
pub fn ln_needed(alpha: f64, stake: f64) -> f64 {
    -(alpha * stake).ln()
}

fn ln_sum(parts: impl Iterator<Item = f64> + Clone) -> f64 {
    let greatest = parts.clone().fold(f64::NEG_INFINITY, f64::max);
    if !greatest.is_finite() {
        return greatest;
    }
    greatest + parts.map(|part| (part - greatest).exp()).sum::<f64>().ln()
}

/// The stake of the test that begins at look `j`, counted from 0, as a logarithm.
fn ln_stake(j: u64) -> f64 {
    if j == 0 {
        FIRST.ln()
    } else {
        let j = j as f64;
        ((1.0 - FIRST) / (j * (j + 1.0))).ln()
    }
}

/// Whether a rate is above a limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateAlarm {
    limit: f64,
    n: u64,
    k: u64,
    /// Tests with the counts at their start.
    starts: VecDeque<(u64, u64, u64)>,
    looks: u64,
}

impl RateAlarm {
    /// An alarm for a rate above `limit`, a share.
    pub fn new(limit: f64) -> Self {
        Self {
            limit,
            n: 0,
            k: 0,
            starts: VecDeque::new(),
            looks: 0,
        }
    }

    /// Adds what one look saw: `k` of `n`.
    pub fn add(&mut self, n: u64, k: u64) {
        if n == 0 {
            return;
        }
        keep(&mut self.starts, (self.looks, self.n, self.k));
        self.looks += 1;
        self.n = self.n.saturating_add(n);
        self.k = self.k.saturating_add(k.min(n));
    }

    /// The e-value's logarithm.
    pub fn ln_e(&self) -> f64 {
        ln_sum(
            self.starts
                .iter()
                .map(|&(j, n, k)| ln_stake(j) + ln_e_up(self.n - n, self.k - k, self.limit)),
        )
    }

    /// What was counted: all and bad.
    pub fn counts(&self) -> (u64, u64) {
        (self.n, self.k)
    }
}

/// Whether core has its share of the errors or more, at the same time as legacy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitAlarm {
    ratio: f64,
    /// Within the present share of traffic.
    now: Split,
    /// Tests: look, counts at the start (within the present share), logarithm from earlier shares.
    starts: VecDeque<(u64, Split, f64)>,
    looks: u64,
    all: (u64, u64),
}

/// Counts within one share of traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Split {
    core: u64,
    legacy: u64,
    core_requests: u64,
    legacy_requests: u64,
}

impl Split {
    fn since(self, start: Self) -> Self {
        Self {
            core: self.core - start.core,
            legacy: self.legacy - start.legacy,
            core_requests: self.core_requests - start.core_requests,
            legacy_requests: self.legacy_requests - start.legacy_requests,
        }
    }

    /// Without both sides there is nothing to compare, and the test stands still.
    fn ln_e(self, ratio: f64) -> f64 {
        let all = self.core_requests + self.legacy_requests;
        if self.core_requests == 0 || self.legacy_requests == 0 {
            return 0.0;
        }
        let share = self.core_requests as f64 / all as f64;
        ln_e_split(self.core, self.legacy, share, ratio)
    }
}

impl SplitAlarm {
    /// An alarm for more than `ratio` times legacy's rate.
    pub fn new(ratio: f64) -> Self {
        Self {
            ratio,
            now: Split::default(),
            starts: VecDeque::new(),
            looks: 0,
            all: (0, 0),
        }
    }

    /// Adds what one look saw of both sides: bad and all.
    pub fn add(&mut self, core: (u64, u64), legacy: (u64, u64)) {
        if core.1 == 0 || legacy.1 == 0 {
            return;
        }
        keep(&mut self.starts, (self.looks, self.now, 0.0));
        self.looks += 1;
        self.now.core += core.0.min(core.1);
        self.now.core_requests += core.1;
        self.now.legacy += legacy.0.min(legacy.1);
        self.now.legacy_requests += legacy.1;
        self.all.0 += core.0.min(core.1);
        self.all.1 += core.0.min(core.1) + legacy.0.min(legacy.1);
    }

    /// The share of traffic changed: tests go on as the product of their parts.
    pub fn turn(&mut self) {
        let (now, ratio) = (self.now, self.ratio);
        for (_, start, before) in &mut self.starts {
            *before += now.since(*start).ln_e(ratio);
            *start = Split::default();
        }
        self.now = Split::default();
    }

    /// The e-value's logarithm.
    pub fn ln_e(&self) -> f64 {
        ln_sum(self.starts.iter().map(|&(j, start, before)| {
            ln_stake(j) + before + self.now.since(start).ln_e(self.ratio)
        }))
    }

    /// Bad answers of core, and of both.
    pub fn counts(&self) -> (u64, u64) {
        self.all
    }
}

fn keep<T>(starts: &mut VecDeque<T>, start: T) {
    // The first one carries most of the stake and is never dropped.
    if starts.len() > KEPT {
        starts.remove(1);
    }
    starts.push_back(start);
}

#[cfg(test)]
mod tests;
