//! How long a state still takes: what is left of its shortest time, and when enough will have been counted
//! if requests go on coming in as they do.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::clock::Moment;
use super::config::GateConfig;
use super::criterion::{CriterionResult, Verdict, Weighs};
use super::observe::Observation;
use super::state::State;
use crate::jwt::cell::Side;

/// What came in longer ago tells nothing of the present rate.
const RECENT: Duration = Duration::from_mins(10);

/// How fast observations come in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// Two looks are needed to tell.
    NotYet,
    /// Nobody counts them at present.
    Blind,
    /// So many a second.
    PerSecond(f64),
}

/// Counts that are still missing.
#[derive(Clone, Debug, PartialEq)]
pub struct CountsLeft {
    /// The criterion that waits for them.
    pub name: String,
    /// So many are there.
    pub have: u64,
    /// So many are missing at least.
    pub missing: u64,
    /// How fast they come in.
    pub rate: Rate,
}

impl CountsLeft {
    /// When they will be there at the present rate; `None` where that is unknown.
    pub fn takes(&self) -> Option<Duration> {
        match self.rate {
            Rate::PerSecond(rate) if rate > 0.0 => {
                Duration::try_from_secs_f64(self.missing as f64 / rate).ok()
            }
            _ => None,
        }
    }
}

/// What a state still waits for, in time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Left {
    /// Of its shortest time; zero once that is over, `None` where the state has none.
    pub time: Option<Duration>,
    /// The counts that take longest.
    pub counts: Option<CountsLeft>,
}

/// What came in lately, look by look.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    last: Option<Moment>,
    /// Live requests of both sides: when their window ended, its length, how many.
    traffic: VecDeque<(Duration, Duration, u64)>,
    /// How many observations each criterion of the evidence rested on, and when.
    counted: BTreeMap<String, VecDeque<(Duration, u64)>>,
}

impl Pace {
    /// Adds one look.
    pub fn see(&mut self, criteria: &[CriterionResult], observation: &Observation, now: Moment) {
        let too_old = |at: Duration| now.monotonic.saturating_sub(at) > RECENT;
        if let Some(last) = self.last.replace(now)
            && let Some(requests) = requests(observation)
        {
            let length = now.since(last);
            self.traffic.push_back((now.monotonic, length, requests));
        }
        self.traffic.retain(|(at, ..)| !too_old(*at));
        for result in criteria {
            let Some(n) = result.n.filter(|_| result.missing.is_some()) else {
                continue;
            };
            let points = self.counted.entry(result.name.clone()).or_default();
            // A count that went back is another one's.
            if points.back().is_some_and(|(_, before)| *before > n) {
                points.clear();
            }
            points.push_back((now.monotonic, n));
            while points.len() > 2 && points.front().is_some_and(|(at, _)| too_old(*at)) {
                points.pop_front();
            }
        }
    }

    /// Live requests a second, both sides together.
    fn per_second(&self) -> Option<f64> {
        let length: Duration = self.traffic.iter().map(|(_, length, _)| *length).sum();
        let requests: u64 = self.traffic.iter().map(|(.., requests)| *requests).sum();
        (!length.is_zero()).then(|| requests as f64 / length.as_secs_f64())
    }

    fn of_evidence(&self, name: &str) -> Rate {
        let points = self.counted.get(name);
        let ends = points.and_then(|points| Some((points.front()?, points.back()?)));
        match ends {
            Some((first, last)) if last.0 > first.0 => {
                let passed = last.0.saturating_sub(first.0).as_secs_f64();
                Rate::PerSecond(last.1.saturating_sub(first.1) as f64 / passed)
            }
            _ => Rate::NotYet,
        }
    }

    /// Core's requests a second at `share`.
    fn of_core(&self, share: f64, observation: &Observation, now: Moment) -> Rate {
        match observation.last.get(&Side::Core).map(|told| &told.seen) {
            Some(Ok(_)) => {}
            Some(Err(trouble)) if trouble.is_silence() => return Rate::PerSecond(0.0),
            Some(Err(_)) | None => return Rate::Blind,
        }
        if let Some(all) = self.per_second() {
            return Rate::PerSecond(all * share);
        }
        // After a restart what the process before has kept tells it.
        let passed = observation.time(now).as_secs_f64();
        if passed > 0.0 && observation.core.requests > 0 {
            return Rate::PerSecond(observation.core.requests as f64 / passed);
        }
        Rate::NotYet
    }

    /// What `state` still waits for at `now`; `share` is core's of live traffic.
    pub fn left(
        &self,
        state: State,
        share: f64,
        criteria: &[CriterionResult],
        observation: &Observation,
        now: Moment,
        config: &GateConfig,
    ) -> Left {
        let needed = match state {
            State::Canary(_) => Some(config.min_time),
            State::Switched => Some(config.soak.first_watch),
            State::Soak => Some(config.soak.time),
            _ => None,
        };
        let time = needed.map(|needed| {
            let starts = match observation.settled {
                Some(at) => at.monotonic,
                None => observation.since.monotonic + config.settle.duration(),
            };
            (starts + needed.duration()).saturating_sub(now.monotonic)
        });
        let counts = criteria
            .iter()
            .filter(|result| {
                result.weighs != Weighs::Harm
                    && matches!(result.verdict, Verdict::Insufficient | Verdict::NoData)
            })
            .filter_map(|result| {
                let rate = if state.is_live() {
                    self.of_core(share, observation, now)
                } else {
                    self.of_evidence(&result.name)
                };
                Some(CountsLeft {
                    name: result.name.clone(),
                    have: result.n.unwrap_or(0),
                    missing: result.missing.filter(|missing| *missing > 0)?,
                    rate,
                })
            })
            .max_by_key(|left| (left.takes().unwrap_or(Duration::MAX), left.missing));
        Left { time, counts }
    }
}

/// Live requests of the last look's window; `None` where a side is unknown. With everything at core legacy
/// may be gone from the counts.
fn requests(observation: &Observation) -> Option<u64> {
    let of = |side| {
        observation
            .last
            .get(&side)
            .map(|told| told.seen.as_ref().ok().map(|counts| counts.requests))
    };
    let core = of(Side::Core)??;
    Some(core + of(Side::Legacy).flatten().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::criterion::Unit;
    use crate::gate::observe::{Alarms, Told};
    use crate::gate::signal::{Counts, Trouble, TroubleKind};
    use crate::gate::span::Span;

    fn at(seconds: u64) -> Moment {
        Moment {
            wall_ms: 0,
            monotonic: Duration::from_secs(1_000 + seconds),
        }
    }

    fn config() -> GateConfig {
        GateConfig {
            settle: Span::from_secs(30),
            min_time: Span::from_secs(600),
            ..GateConfig::default()
        }
    }

    fn told(requests: Option<u64>) -> Told<Counts> {
        Told {
            source: "counts".to_owned(),
            query: None,
            at_ms: 0,
            seen: requests
                .map(|requests| Counts {
                    requests,
                    ..Counts::default()
                })
                .ok_or_else(|| Trouble::new(TroubleKind::Unreachable, "no answer")),
        }
    }

    fn missing(name: &str, n: u64, missing: u64) -> CriterionResult {
        CriterionResult::new(name, Weighs::Step, Verdict::Insufficient)
            .value(0.0, Unit::Share, n)
            .missing(Some(missing))
    }

    fn canary(percent: u8) -> State {
        State::Canary(crate::gate::weight::Weight::from_percent(percent).expect("a weight"))
    }

    /// Looks every 15 seconds at so many requests of core and legacy.
    fn watched(looks: &[(Option<u64>, Option<u64>)]) -> (Pace, Observation, Moment) {
        let mut observation = Observation::begin(at(0), Alarms::new(&config()));
        let mut pace = Pace::default();
        let mut now = at(0);
        for (look, &(core, legacy)) in (1..).zip(looks) {
            now = at(look * 15);
            observation.last.insert(Side::Core, told(core));
            observation.last.insert(Side::Legacy, told(legacy));
            pace.see(&[], &observation, now);
        }
        (pace, observation, now)
    }

    #[test]
    fn the_time_left_counts_from_when_counts_belong_to_the_share() {
        let (pace, mut observation, _) = watched(&[]);
        let left = |observation: &Observation, state, now| {
            let left = pace.left(state, 0.1, &[], observation, now, &config());
            left.time.map(|time| time.as_secs())
        };
        // Half a minute belongs to neither share.
        assert_eq!(left(&observation, canary(10), at(0)), Some(630));
        assert_eq!(left(&observation, canary(10), at(100)), Some(530));
        observation.settled = Some(at(45));
        assert_eq!(left(&observation, canary(10), at(100)), Some(545));
        assert_eq!(left(&observation, canary(10), at(5_000)), Some(0));
        assert_eq!(left(&observation, State::Switched, at(45)), Some(3_600));
        assert_eq!(left(&observation, State::Verified, at(45)), None);
    }

    #[test]
    fn counts_that_are_missing_take_as_long_as_requests_come_in() {
        let few = [missing("requests", 20, 270), missing("proved", 20, 90)];
        for (looks, share, rate, takes) in [
            // 150 + 1350 in fifteen seconds are 100 a second, whatever the share was.
            (
                vec![(Some(9), Some(9)), (Some(150), Some(1_350))],
                0.1,
                Rate::PerSecond(10.0),
                Some(27),
            ),
            (
                vec![(Some(9), Some(9)), (Some(150), Some(1_350))],
                0.5,
                Rate::PerSecond(50.0),
                Some(5),
            ),
            // Nothing comes in.
            (
                vec![(Some(0), Some(0)), (Some(0), Some(0))],
                0.1,
                Rate::PerSecond(0.0),
                None,
            ),
            // One look tells no rate; a side that cannot be counted tells none either.
            (vec![(Some(9), Some(9))], 0.1, Rate::NotYet, None),
            (
                vec![(Some(9), Some(9)), (None, Some(9))],
                0.1,
                Rate::Blind,
                None,
            ),
            (vec![], 0.1, Rate::Blind, None),
        ] {
            let (pace, observation, now) = watched(&looks);
            let left = pace.left(canary(10), share, &few, &observation, now, &config());
            let counts = left.counts.expect("something is missing");
            let seconds = counts.takes().map(|takes| takes.as_secs());
            assert_eq!((counts.rate, seconds), (rate, takes), "{looks:?}");
            assert_eq!((counts.missing, counts.name.as_str()), (270, "requests"));
        }
    }

    #[test]
    fn evidence_that_does_not_grow_is_told_before_evidence_that_grows_slowly() {
        let (mut pace, observation, _) = watched(&[]);
        let looks = [(0, 100, 5), (60, 160, 5)];
        for (second, total, quiet) in looks {
            let seen = [
                missing("live.total", total, 3_000 - total),
                missing("live.quiet", quiet, 300),
            ];
            pace.see(&seen, &observation, at(second));
        }
        let all = [
            missing("live.total", 160, 2_840),
            missing("live.quiet", 5, 300),
        ];
        let left = |criteria: &[CriterionResult]| {
            let left = pace.left(
                State::Verified,
                0.0,
                criteria,
                &observation,
                at(60),
                &config(),
            );
            left.counts
        };
        let total = left(&all[..1]).expect("missing");
        assert_eq!(total.rate, Rate::PerSecond(1.0));
        assert_eq!(total.takes(), Some(Duration::from_secs(2_840)));
        let worst = left(&all).expect("missing");
        assert_eq!((worst.name.as_str(), worst.takes()), ("live.quiet", None));
        // What harms or holds is no matter of counts.
        let mut harm = missing("core.errors", 1, 5);
        harm.weighs = Weighs::Harm;
        assert_eq!(left(&[harm]), None);
    }
}
