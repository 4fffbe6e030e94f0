#![deny(clippy::disallowed_methods)]
//! Which side was faster with one and the same request: counts that a moment of load cannot bend,
//! because it meets both sides of a pair.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How core's time compares to legacy's, for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Core took longer, by more than is tolerated.
    Slower,
    /// Legacy took longer, by more than is tolerated.
    Faster,
    /// Neither.
    Alike,
}

/// By how much one side may be slower and still be alike: the larger of a share of the other side's
/// time and a fixed time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Share of the faster side's time: 0.1 is ten percent.
    pub share: f64,
    /// The least that counts.
    pub least: Duration,
}

impl Tolerance {
    /// Judges one request. Both sides are treated alike: exchanging them exchanges slower and faster.
    pub fn pace(&self, legacy: Duration, core: Duration) -> Pace {
        let (less, pace) = if core > legacy {
            (legacy, Pace::Slower)
        } else {
            (core, Pace::Faster)
        };
        let more = core.abs_diff(legacy).as_secs_f64();
        let allowed = (less.as_secs_f64() * self.share).max(self.least.as_secs_f64());
        if more > allowed { pace } else { Pace::Alike }
    }
}

/// Requests by [`Pace`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Paces {
    /// Core took longer than is tolerated.
    pub slower: u64,
    /// Legacy did.
    pub faster: u64,
    /// Neither.
    pub alike: u64,
}

impl Paces {
    /// Requests that were timed on both sides.
    pub fn total(&self) -> u64 {
        self.slower
            .saturating_add(self.faster)
            .saturating_add(self.alike)
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        self.slower = self.slower.saturating_add(other.slower);
        self.faster = self.faster.saturating_add(other.faster);
        self.alike = self.alike.saturating_add(other.alike);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_or_a_millisecond_is_alike_and_more_is_not_in_either_direction() {
        let tolerance = Tolerance {
            share: 0.1,
            least: Duration::from_millis(1),
        };
        for (legacy_us, core_us, pace) in [
            (1_000, 1_000, Pace::Alike),
            (1_000, 2_000, Pace::Alike),
            (1_000, 2_001, Pace::Slower),
            (100_000, 110_000, Pace::Alike),
            (100_000, 110_001, Pace::Slower),
            (0, 1_001, Pace::Slower),
        ] {
            let [legacy, core] = [legacy_us, core_us].map(Duration::from_micros);
            assert_eq!(tolerance.pace(legacy, core), pace, "{legacy_us} {core_us}");
            let turned = match pace {
                Pace::Slower => Pace::Faster,
                other => other,
            };
            assert_eq!(
                tolerance.pace(core, legacy),
                turned,
                "{core_us} {legacy_us}"
            );
        }
    }
}
