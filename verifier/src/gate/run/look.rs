//! Looking: everything a decision rests on, fetched once.

use std::time::Duration;

use serde::Serialize;

use super::{Gate, running};
use crate::gate::actuator::{Act, Actuator, Reading};
use crate::gate::checks::{self, Seen};
use crate::gate::clock::{Moment, rfc3339, together};
use crate::gate::config::GateConfig;
use crate::gate::criterion::{CriterionResult, Verdict, Weighs};
use crate::gate::journal::entry::{Route, Standing};
use crate::gate::journal::recover::{self, Found};
use crate::gate::observe::Observation;
use crate::gate::policy::{Cause, Decision, GateExit, decide};
use crate::gate::proof::{Context, Running, load};
use crate::gate::record::EvidenceRecord;
use crate::gate::signal::{Ask, Signal};
use crate::gate::state::{Aside, State};
use crate::gate::weight::Weight;

/// The wall may move so far against the monotonic clock between two looks.
const JUMP: Duration = Duration::from_secs(30);

/// What a gate remembers between two looks.
#[derive(Clone, Debug)]
pub struct Looking {
    /// Live traffic.
    pub observation: Observation,
    /// When it was looked last.
    pub at: Moment,
    /// Where the next window begins (milliseconds since 1970).
    pub from_ms: i64,
}

impl Looking {
    /// Begins now.
    pub fn new(observation: Observation, now: Moment) -> Self {
        Self {
            observation,
            at: now,
            from_ms: now.wall_ms,
        }
    }
}

/// What one look came to.
#[derive(Clone, Debug, Serialize)]
pub struct Look {
    /// When (RFC 3339).
    pub at: String,
    /// The state that was looked at.
    pub state: State,
    /// The state after what was done.
    pub reached: State,
    /// What keeps it there.
    pub aside: Option<Aside>,
    /// What should happen.
    pub decision: Decision,
    /// Every criterion.
    pub criteria: Vec<CriterionResult>,
    /// The route, where the router could be read.
    pub route: Option<Route>,
    /// Hash of the accepted evidence.
    pub evidence: String,
    /// How the router is otherwise than the gate left it, and where core's share goes back to.
    #[serde(skip)]
    pub drift: Option<(String, Option<Weight>)>,
    /// Evidence that holds.
    #[serde(skip)]
    pub proved: Vec<EvidenceRecord>,
    /// What runs as core.
    #[serde(skip)]
    pub running: Running,
}

impl Look {
    /// The exit code of a command that ends with this look.
    pub fn exit(&self) -> GateExit {
        if self.drift.is_some() {
            return GateExit::Locked;
        }
        self.decision.exit()
    }
}

/// Whether a state rests on evidence files.
const fn asks_for_proofs(state: State) -> bool {
    matches!(
        state,
        State::Draft | State::Verified | State::Shadowed | State::Ready
    )
}

/// Looks once, and decides. Writes nothing.
pub async fn look_once(
    actuator: &mut dyn Actuator,
    signals: &mut [Box<dyn Signal>],
    looking: &mut Looking,
    now: Moment,
    standing: &Standing,
    broken: Option<usize>,
    setup: &super::Setup,
) -> Look {
    let config = &setup.config;
    let state = standing.state;
    let mut jumped = false;
    if now.jump_since(looking.at) > JUMP {
        // Who was away, or whose clock was set, does not know what windows mean: all begins anew.
        jumped = true;
        let alarms = looking.observation.alarms.clone();
        looking.observation = Observation::begin(now, alarms);
        looking.from_ms = now.wall_ms;
    }
    let reading = actuator.read().await;
    let ask = Ask {
        from_ms: looking.from_ms,
        to_ms: now.wall_ms,
        slow: vec![config.rollback.p99, config.soak.p99],
    };
    // At the same time: a journey through a slow core must not keep the counts waiting that tell so.
    let told = signals.iter_mut().map(|signal| signal.observe(&ask));
    let sightings = together(told.collect())
        .await
        .into_iter()
        .flatten()
        .collect();
    let share = reading
        .as_ref()
        .map_or(standing.route.exposure(), Reading::exposure)
        .share();
    let from = looking.at;
    looking
        .observation
        .take(sightings, from, now, share, config);
    looking.at = now;
    looking.from_ms = now.wall_ms;

    let drift = reading
        .as_ref()
        .ok()
        .and_then(|reading| drift(standing, reading))
        .or_else(|| not_settled(standing));
    let running = running(reading.as_ref().ok(), &looking.observation);
    let today = today(now);
    let proofs = asks_for_proofs(state).then(|| {
        let context = Context {
            now_ms: now.wall_ms,
            today,
            config,
            catalogue: setup.catalogue.as_ref(),
            running: &running,
            attempt: standing.attempt,
            accepted: &standing.evidence,
        };
        load::all(&context, setup.live.as_deref())
    });
    let preflight = if matches!(state, State::Shadowed | State::Ready) {
        Some(actuator.preflight().await)
    } else {
        None
    };
    let seen = Seen {
        now,
        today,
        standing,
        broken,
        reading: reading.as_ref(),
        preflight: preflight
            .as_ref()
            .map(|checks| checks.as_ref().map(Vec::as_slice)),
        running: &running,
        proofs: proofs.as_ref(),
        observation: &looking.observation,
    };
    let mut criteria = checks::criteria(&seen, config);
    if jumped {
        criteria.push(
            CriterionResult::new("clock.jump", Weighs::Step, Verdict::Error)
                .source("clock")
                .why("this machine slept or its clock was set; observation begins anew"),
        );
    }
    let mut decision = decide(
        state,
        &criteria,
        checks::build(standing, &running),
        &config.ladder,
    );
    if matches!(state, State::RolledBack | State::Aborted) {
        decision = Decision::Hold {
            reason: match state {
                State::Aborted => "given up; `step` begins anew".to_owned(),
                _ => "this build was rolled back: another build of core begins anew".to_owned(),
            },
            cause: Cause::Failed,
        };
    }
    if let Some((reason, _)) = &drift {
        // Harm goes before: a bad core goes back even when somebody edited the router.
        if !matches!(decision, Decision::RollBack { .. }) {
            decision = Decision::Hold {
                reason: format!("drift: {reason}"),
                cause: Cause::Trouble,
            };
        }
    }
    let rolls_back = matches!(decision, Decision::RollBack { .. });
    let proved = proofs
        .into_iter()
        .flat_map(|proofs| [proofs.replay, proofs.jwt, proofs.live])
        .filter_map(|proof| proof.record)
        .collect();
    Look {
        at: rfc3339(now.wall_ms),
        state,
        reached: state,
        aside: standing.aside.clone(),
        decision,
        criteria,
        route: reading.as_ref().ok().map(Route::of),
        evidence: standing.evidence_hash(),
        drift: drift.filter(|_| !rolls_back),
        proved,
        running,
    }
}

/// How the router is otherwise than the journal's end says.
fn drift(standing: &Standing, reading: &Reading) -> Option<(String, Option<Weight>)> {
    if standing.open.is_some()
        || standing.under_way.is_some()
        || standing.state == State::RollingBack
    {
        return None;
    }
    match recover::found(standing, reading) {
        Found::Drift { reason, restore } => Some((reason, restore)),
        _ => None,
    }
}

/// A drift stays one until a person has said which holds, also where the router is as it was again:
/// whoever raised core's share may do it once more.
fn not_settled(standing: &Standing) -> Option<(String, Option<Weight>)> {
    match &standing.aside {
        Some(Aside::Drift { reason }) if standing.state != State::RollingBack => {
            Some((reason.clone(), None))
        }
        _ => None,
    }
}

/// The day of a moment, by the machine's time zone.
fn today(now: Moment) -> jiff::civil::Date {
    jiff::Timestamp::from_millisecond(now.wall_ms)
        .unwrap_or_default()
        .to_zoned_datetime(jiff::tz::TimeZone::system())
        .date()
}

impl Gate {
    /// Looks once, and decides. Writes nothing.
    pub async fn look(&mut self) -> Look {
        let now = self.parts.clock.now();
        look_once(
            self.parts.actuator.as_mut(),
            &mut self.parts.signals,
            &mut self.looking,
            now,
            self.journal.standing(),
            self.journal.contents().broken,
            &self.setup,
        )
        .await
    }

    /// What is known of live traffic.
    pub fn observation(&self) -> &Observation {
        &self.looking.observation
    }
}

/// The changes that lead to `to` from what was read, in order.
pub(super) fn recipe(to: State, reading: &Reading, config: &GateConfig) -> Vec<Act> {
    recipe_of(to, reading.legacy.is_some(), config)
}

/// The changes that lead to `to`, in order. Where the router knows nothing of legacy's instances
/// (`scales` is false), a person starts and ends them.
pub fn recipe_of(to: State, scales: bool, config: &GateConfig) -> Vec<Act> {
    use crate::gate::actuator::LegacyPart;
    use crate::jwt::cell::Side;
    match to {
        State::Canary(weight) => vec![Act::SetWeight { weight }],
        State::Switched => vec![Act::SwitchMain { to: Side::Core }, Act::RemoveCanary],
        State::Soak if scales => vec![Act::ScaleLegacy {
            replicas: config.legacy.standby_replicas,
        }],
        State::Retired => [LegacyPart::Workload, LegacyPart::Service]
            .into_iter()
            .map(|part| Act::RemoveLegacy { part })
            .collect(),
        _ => Vec::new(),
    }
}
