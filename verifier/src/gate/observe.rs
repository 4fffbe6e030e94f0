//! What was seen of live traffic since core's share changed last.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::alarm::{RateAlarm, SplitAlarm};
use super::clock::Moment;
use super::config::GateConfig;
use super::share::ShareWatch;
use super::signal::{Counts, Memory, Probed, Sight, Sighting, Trouble};
use crate::jwt::cell::Side;
use crate::stats::binomial_interval;

/// One answer of a source with its place, for reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Told<T> {
    /// The source.
    pub source: String,
    /// What was asked.
    pub query: Option<String>,
    /// When (milliseconds since 1970).
    pub at_ms: i64,
    /// The answer.
    pub seen: Result<T, Trouble>,
}

/// A journey's last answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeState {
    /// The side it asks, if one alone.
    pub side: Option<Side>,
    /// Its last answer.
    pub told: Told<Probed>,
    /// Looks in a row in which it did not hold.
    pub failing: u32,
}

/// The alarms of a whole cut-over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarms {
    /// Core's errors.
    pub errors: RateAlarm,
    /// Core's slow answers.
    pub slow: RateAlarm,
    /// Errors against legacy.
    pub versus: SplitAlarm,
    /// 4xx against legacy.
    pub client_errors: SplitAlarm,
}

impl Alarms {
    /// With the limits of `config`.
    pub fn new(config: &GateConfig) -> Self {
        let rollback = &config.rollback;
        Self {
            errors: RateAlarm::new(rollback.error_percent / 100.0),
            // One in a hundred may be slower than the p99's limit.
            slow: RateAlarm::new(0.01),
            versus: SplitAlarm::new(rollback.times_legacy),
            client_errors: SplitAlarm::new(rollback.times_legacy),
        }
    }
}

/// What of an observation outlives the process, bound to the journal's line that began it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Number of the line that reached the state.
    pub seq: u64,
    /// When observation began (milliseconds since 1970).
    pub since_ms: i64,
    /// When counts began to belong to the share.
    pub settled_ms: Option<i64>,
    /// Where the last window ended.
    pub to_ms: i64,
    /// Core's counts.
    pub core: Counts,
    /// Legacy's.
    pub legacy: Counts,
    /// The alarms.
    pub alarms: Alarms,
    /// Whether core's share was once as it should be.
    pub share_shown: bool,
    /// When it was found otherwise, if it is.
    #[serde(default)]
    pub share_wrong_ms: Option<i64>,
}

/// What was seen since core's share changed last.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// When the state was reached or observation began anew.
    pub since: Moment,
    /// When both sides' counts began to belong to the present share.
    pub settled: Option<Moment>,
    /// Core's counts since then.
    pub core: Counts,
    /// Legacy's.
    pub legacy: Counts,
    /// The alarms; they outlive the state.
    pub alarms: Alarms,
    /// The last look's counts, by side.
    pub last: BTreeMap<Side, Told<Counts>>,
    /// When core's counts were known last.
    pub known: Moment,
    /// When core was last found silent while legacy talks.
    pub silent_since: Option<Moment>,
    /// Core's share of the traffic.
    pub share: ShareWatch,
    /// Whether the last look lacked a side's counts: what it missed comes with the next window of that
    /// side alone.
    pub one_sided: bool,
    /// Journeys by name.
    pub probes: BTreeMap<String, ProbeState>,
    /// What runs as core, if a source says so.
    pub identity: Option<Told<Vec<String>>>,
    /// Core's memory.
    pub memory: Option<Told<Memory>>,
    /// Starts of core's instances since observation began, which voided the counts.
    pub restarts: u64,
    /// Largest difference between a source's clock and ours, in milliseconds.
    pub skew_ms: i64,
}

impl Observation {
    /// Begins at `now` with `alarms`, which the next share goes on with.
    pub fn begin(now: Moment, mut alarms: Alarms) -> Self {
        alarms.versus.turn();
        alarms.client_errors.turn();
        Self {
            since: now,
            settled: None,
            core: Counts::default(),
            legacy: Counts::default(),
            alarms,
            last: BTreeMap::new(),
            known: now,
            silent_since: None,
            share: ShareWatch::default(),
            one_sided: false,
            probes: BTreeMap::new(),
            identity: None,
            memory: None,
            restarts: 0,
            skew_ms: 0,
        }
    }

    /// What outlives the process; `to` is where the last window ended.
    pub fn keep(&self, seq: u64, to: Moment) -> Kept {
        let wall = |at: Moment| to.wall_ms.saturating_sub(millis(to.since(at)));
        Kept {
            seq,
            since_ms: wall(self.since),
            settled_ms: self.settled.map(wall),
            to_ms: to.wall_ms,
            core: self.core.clone(),
            legacy: self.legacy.clone(),
            alarms: self.alarms.clone(),
            share_shown: self.share.is_shown(),
            share_wrong_ms: self.share.wrong_since().map(wall),
        }
    }

    /// Goes on with what an earlier process kept. The window since then is asked for next, so nothing
    /// is missed as long as the sources remember it.
    pub fn go_on(kept: Kept, now: Moment) -> Self {
        let then = |wall_ms: i64| Moment {
            wall_ms,
            monotonic: now.monotonic.saturating_sub(Duration::from_millis(
                u64::try_from(now.wall_ms.saturating_sub(wall_ms)).unwrap_or(0),
            )),
        };
        let mut observation = Self::begin(now, kept.alarms);
        observation.since = then(kept.since_ms);
        observation.settled = kept.settled_ms.map(then);
        observation.core = kept.core;
        observation.legacy = kept.legacy;
        observation.share = ShareWatch::go_on(kept.share_shown, kept.share_wrong_ms.map(then));
        observation
    }

    /// Adds what one look saw. `from` is when its window began; `share` what core is to have.
    pub fn take(
        &mut self,
        sightings: Vec<Sighting>,
        from: Moment,
        now: Moment,
        share: f64,
        config: &GateConfig,
    ) {
        self.last.clear();
        self.skew_ms = 0;
        let mut restarted = 0;
        for sighting in sightings {
            let Sighting {
                source,
                query,
                at_ms,
                sight,
            } = sighting;
            macro_rules! told {
                ($seen:expr) => {
                    Told {
                        source,
                        query,
                        at_ms,
                        seen: $seen,
                    }
                };
            }
            match sight {
                Sight::Counts { side, seen } => self.hear(side, told!(seen)),
                Sight::Probe { name, side, seen } => {
                    let held = matches!(&seen, Ok(probed) if probed.held == probed.tried && probed.tried > 0);
                    let before = self.probes.get(&name).map_or(0, |probe| probe.failing);
                    // A probe that could not be run says nothing of core.
                    let failing = match &seen {
                        Ok(_) if held => 0,
                        Ok(_) => before + 1,
                        Err(_) => before,
                    };
                    let told = told!(seen);
                    self.probes.insert(
                        name,
                        ProbeState {
                            side,
                            told,
                            failing,
                        },
                    );
                }
                Sight::Identity { seen } => self.identity = Some(told!(seen)),
                Sight::Memory { seen } => self.memory = Some(told!(seen)),
                Sight::Restarts { seen } => restarted += seen.unwrap_or(0),
                Sight::Skew { ms } => {
                    if ms.abs() > self.skew_ms.abs() {
                        self.skew_ms = ms;
                    }
                }
            }
        }
        let (core, legacy) = (self.counted(Side::Core), self.counted(Side::Legacy));
        let blind = match self.last.get(&Side::Core).map(|told| &told.seen) {
            None => true,
            Some(Err(trouble)) => !trouble.is_silence(),
            Some(Ok(_)) => false,
        };
        let core_known = core.as_ref().map(|core| core.requests);
        // With everything at core, legacy may be gone from the counts.
        let sides_known = core.is_some() && (legacy.is_some() || share >= 1.0);
        if let Some(core) = &core {
            self.known = now;
            self.alarms.errors.add(core.requests, core.errors);
            self.alarms
                .slow
                .add(core.requests, core.slow.first().copied().unwrap_or(0));
        }
        if restarted > 0 {
            self.restarts = self.restarts.saturating_add(restarted);
            let (kept, restarts) = (self.clone(), self.restarts);
            *self = Self::begin(now, kept.alarms);
            self.known = kept.known;
            (self.last, self.probes) = (kept.last, kept.probes);
            (self.identity, self.memory) = (kept.identity, kept.memory);
            self.restarts = restarts;
            return;
        }
        let settled = from.since(self.since) >= config.settle.duration();
        if settled {
            self.settled.get_or_insert(from);
            let none = Counts::default();
            let (core, legacy) = (
                core.as_ref().unwrap_or(&none),
                legacy.as_ref().unwrap_or(&none),
            );
            self.core.add(core);
            self.legacy.add(legacy);
            let alarms = &mut self.alarms;
            alarms.versus.add(
                (core.errors, core.requests),
                (legacy.errors, legacy.requests),
            );
            alarms.client_errors.add(
                (core.client_errors, core.requests),
                (legacy.client_errors, legacy.requests),
            );
            if !blind {
                self.look_for_silence(core, legacy, share, now);
            }
            // A side that was unknown brings a longer window than the other: together they tell no share.
            if sides_known && !self.one_sided {
                self.share.add(core.requests, legacy.requests, share, now);
            }
        }
        self.one_sided = !sides_known;
        // No traffic at all is no blindness: there is nothing to see.
        if core_known.is_none() && !blind && self.silent_since.is_none() {
            self.known = now;
        }
    }

    fn counted(&self, side: Side) -> Option<Counts> {
        self.last
            .get(&side)
            .and_then(|told| told.seen.as_ref().ok())
            .cloned()
    }

    /// Several sources may count one side; what one of them knows is not undone by another's trouble.
    fn hear(&mut self, side: Side, told: Told<Counts>) {
        match self.last.get(&side) {
            Some(known) if known.seen.is_ok() => {}
            _ => {
                self.last.insert(side, told);
            }
        }
    }

    fn look_for_silence(&mut self, core: &Counts, legacy: &Counts, share: f64, now: Moment) {
        // Silence is told by the last look alone: with so much traffic at legacy core would have had
        // some of it, to 999 in 1000.
        let all = core.requests + legacy.requests;
        let silent = core.requests == 0
            && legacy.requests > 0
            && share > 0.0
            && (share >= 1.0 || binomial_interval(all, share, 0.002).lower > 0);
        if silent {
            self.silent_since.get_or_insert(now);
        } else if core.requests > 0 {
            self.silent_since = None;
        }
    }

    /// Time on the present share that counts.
    pub fn time(&self, now: Moment) -> Duration {
        self.settled
            .map_or(Duration::ZERO, |since| now.since(since))
    }

    /// Whether some journey was run and all of them held.
    pub fn probes_hold(&self) -> bool {
        !self.probes.is_empty()
            && self.probes.values().all(|probe| {
                matches!(&probe.told.seen, Ok(probed) if probed.held == probed.tried && probed.tried > 0)
            })
    }

    /// Whether journeys were run and none held.
    pub fn probes_all_fail(&self) -> bool {
        !self.probes.is_empty()
            && self.probes.values().all(|probe| {
                matches!(&probe.told.seen, Ok(probed) if probed.tried > 0 && probed.held == 0)
            })
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::signal::TroubleKind;

    /// Core's and legacy's counts of each look, `None` where a side could not be asked.
    fn share_after(looks: &[(Option<u64>, Option<u64>)]) -> Observation {
        let config = GateConfig {
            settle: crate::gate::span::Span::from_secs(0),
            ..GateConfig::default()
        };
        let at = |seconds| Moment {
            wall_ms: 0,
            monotonic: Duration::from_secs(seconds),
        };
        let mut observation = Observation::begin(at(0), Alarms::new(&config));
        for (second, &(core, legacy)) in (1..).zip(looks) {
            let sighting = |side, requests: Option<u64>| Sighting {
                source: "counts".to_owned(),
                query: None,
                at_ms: 0,
                sight: Sight::Counts {
                    side,
                    seen: requests
                        .map(|requests| Counts {
                            requests,
                            ..Counts::default()
                        })
                        .ok_or_else(|| Trouble::new(TroubleKind::Stale, "old")),
                },
            };
            let both = vec![sighting(Side::Core, core), sighting(Side::Legacy, legacy)];
            observation.take(both, at(second - 1), at(second), 0.3, &config);
        }
        observation
    }

    #[test]
    fn a_side_that_is_known_again_later_than_the_other_makes_no_share_wrong() {
        for looks in [
            // The gap's requests come with one side's window, then with the other's.
            [(None, None), (None, Some(3_500)), (Some(1_800), Some(700))],
            [(None, None), (Some(1_500), None), (Some(300), Some(4_200))],
        ] {
            let observation = share_after(&looks);
            assert_eq!(observation.share.wrong_since(), None, "{looks:?}");
        }
        // A share that is wrong is found all the same.
        let wrong = share_after(&[(None, None), (Some(900), Some(100)), (Some(900), Some(100))]);
        assert!(wrong.share.wrong_since().is_some());
    }
}
