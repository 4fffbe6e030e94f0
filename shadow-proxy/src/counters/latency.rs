//! How long answers took, in buckets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper edges of the latency buckets in seconds. 0.5 and 2 are the limits that the cut-over plan
/// names, so a share above either can be read exactly.
pub const LATENCY_EDGES: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0,
];

/// The same edges in microseconds.
pub(super) const EDGES_US: [u64; 13] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_000_000,
    5_000_000, 10_000_000,
];

/// How long answers took, in buckets.
#[derive(Debug, Default)]
pub struct Latency {
    buckets: [AtomicU64; EDGES_US.len() + 1],
    sum_us: AtomicU64,
}

impl Latency {
    pub(super) fn record(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = EDGES_US.partition_point(|&edge| edge < us);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Counts per bucket (the last one is above every edge) and the sum in seconds.
    pub fn read(&self) -> ([u64; 14], f64) {
        let counts = std::array::from_fn(|bucket| self.buckets[bucket].load(Ordering::Relaxed));
        (counts, self.sum_us.load(Ordering::Relaxed) as f64 / 1e6)
    }
}
