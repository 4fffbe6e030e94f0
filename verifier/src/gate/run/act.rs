//! Acting: intent, change, effect; forward and back.

use std::time::Duration;

use super::look::recipe;
use super::{Gate, GateError, Look};
use crate::gate::actuator::{Act, ActuateError, Mark, Reading};
use crate::gate::clock::Moment;
use crate::gate::journal::entry::{Entry, Intent, Route};
use crate::gate::journal::recover::is_made;
use crate::gate::state::State;
use crate::gate::weight::Weight;
use crate::jwt::cell::Side;

/// Between two looks at the router while a change takes effect.
const POLL: Duration = Duration::from_millis(500);
/// Changes of a rollback that may fail because somebody else writes too.
const TRIES: u32 = 20;

impl Gate {
    /// Makes one change: the intent is on the disk before it, its effect is read back after it.
    pub(super) async fn carry(
        &mut self,
        act: Act,
        from: State,
        to: State,
        nth: usize,
    ) -> Result<(), GateError> {
        let reading = self.parts.actuator.read().await?;
        let evidence = if to == State::RolledBack {
            String::new()
        } else {
            self.standing().evidence_hash()
        };
        let of = self.write(Entry::Intent(Intent {
            from,
            to,
            act,
            nth,
            version: reading.version.clone(),
            before: Route::of(&reading),
            evidence: evidence.clone(),
        }))?;
        let mark = Mark {
            run_id: self.standing().run_id.clone(),
            seq: of,
            evidence,
        };
        match self
            .parts
            .actuator
            .apply(act, &reading.version, &mark)
            .await
        {
            Ok(version) => {
                self.write(Entry::Applied { of, version })?;
            }
            // Whether it was made is unknown: the intent stays open, and the next look tells.
            Err(error @ ActuateError::Unreachable { .. }) => return Err(error.into()),
            Err(error) => {
                self.write(Entry::Dropped {
                    of,
                    reason: error.to_string(),
                })?;
                return Err(error.into());
            }
        }
        self.confirm(of, act, Route::of(&reading)).await
    }

    /// The effect of the intent that is open.
    pub(super) async fn confirm_open(&mut self, of: u64) -> Result<(), GateError> {
        let Some(open) = self.standing().open.clone() else {
            return Ok(());
        };
        self.confirm(of, open.intent.act, open.intent.before).await
    }

    async fn confirm(&mut self, of: u64, act: Act, before: Route) -> Result<(), GateError> {
        let start = self.now();
        let limit = self.setup.config.effect_within.duration();
        loop {
            let reading = self.parts.actuator.read().await?;
            if is_made(act, before, &reading) && reading.taken {
                self.write(Entry::Confirmed {
                    of,
                    route: Route::of(&reading),
                })?;
                return Ok(());
            }
            if self.now().since(start) >= limit {
                return Err(GateError::NoEffect {
                    what: act.to_string(),
                    shown: Route::of(&reading).to_string(),
                });
            }
            self.parts.clock.sleep(POLL).await;
        }
    }

    /// All changes of one transition, then the state.
    pub(super) async fn advance(&mut self, to: State, look: &Look) -> Result<(), GateError> {
        let from = self.standing().state;
        let before = self.standing().route;
        if let Some(line) = self.journal.contents().broken {
            return Err(GateError::NotNow(format!(
                "the journal is broken at line {line}"
            )));
        }
        let reading = self.parts.actuator.read().await?;
        for (nth, act) in recipe(to, &reading, &self.setup.config)
            .into_iter()
            .enumerate()
        {
            self.carry(act, from, to, nth).await?;
        }
        let reason = look.decision.reason();
        self.moved(from, to, before, reason).await
    }

    async fn moved(
        &mut self,
        from: State,
        to: State,
        before: Route,
        reason: String,
    ) -> Result<(), GateError> {
        let back = matches!(to, State::RollingBack | State::RolledBack | State::Aborted);
        let evidence = if back {
            String::new()
        } else {
            self.standing().evidence_hash()
        };
        let after = self.standing().route;
        let title = format!("{from} → {to}: {reason}");
        self.write(Entry::Moved {
            from,
            to,
            evidence,
            reason,
            before,
            after,
        })?;
        self.observe_anew();
        let kind = if back { "rollback" } else { "transition" };
        self.tell(kind, &title, back).await;
        Ok(())
    }

    /// The rest of a transition whose beginning is made.
    pub(super) async fn finish_transition(&mut self) -> Result<(), GateError> {
        let Some(way) = self.standing().under_way else {
            return Ok(());
        };
        let from = self.standing().state;
        if from == State::RollingBack {
            return self.finish_rollback().await;
        }
        let before = self.standing().route;
        let reading = self.parts.actuator.read().await?;
        let rest = recipe(way.to, &reading, &self.setup.config);
        for (nth, act) in rest.into_iter().enumerate().skip(way.done) {
            self.carry(act, from, way.to, nth).await?;
        }
        self.moved(from, way.to, before, "finished after a crash".to_owned())
            .await
    }

    /// Back to the first share: another build serves.
    pub(super) async fn restart(&mut self, to: Weight, reason: &str) -> Result<(), GateError> {
        let from = self.standing().state;
        let before = self.standing().route;
        let state = State::Canary(to);
        self.carry(Act::SetWeight { weight: to }, from, state, 0)
            .await?;
        self.moved(from, state, before, reason.to_owned()).await
    }

    /// Back to legacy, from any state, as often as it is asked for. Needs no evidence, no signal and
    /// nobody's word.
    pub async fn roll_back(&mut self, reason: &str) -> Result<(), GateError> {
        let from = self.standing().state;
        if from == State::Retired {
            return Err(GateError::NotNow(
                "legacy was removed: there is nothing to go back to".to_owned(),
            ));
        }
        if matches!(from, State::RolledBack | State::Aborted) {
            let reading = self.parts.actuator.read().await?;
            if back_act(&reading).is_none() {
                return Ok(());
            }
        }
        if from != State::RollingBack {
            let before = self.standing().route;
            self.moved(from, State::RollingBack, before, reason.to_owned())
                .await?;
        }
        self.finish_rollback().await
    }

    /// Makes every change that is still needed for legacy alone to serve, by what the router shows now.
    pub(super) async fn finish_rollback(&mut self) -> Result<(), GateError> {
        let needed = self.setup.config.legacy.replicas;
        let limit = self.setup.config.rollback.legacy_ready_within.duration();
        let mut waiting_since: Option<Moment> = None;
        let mut tries = 0;
        let mut scaled = false;
        loop {
            let reading = match self.parts.actuator.read().await {
                Ok(reading) => reading,
                Err(error) => {
                    tries += 1;
                    if tries >= TRIES {
                        return Err(error.into());
                    }
                    self.parts.clock.sleep(POLL).await;
                    continue;
                }
            };
            let serving = reading.exposure() != Weight::NONE || reading.canary;
            // Legacy first: traffic must not be led to where nobody answers.
            if serving
                && let Some(legacy) = reading.legacy
                && (legacy.wanted < needed || legacy.ready < needed)
            {
                let now = self.now();
                let since = *waiting_since.get_or_insert(now);
                if legacy.wanted < needed && !scaled {
                    match self.back(Act::ScaleLegacy { replicas: needed }).await {
                        Ok(()) => scaled = true,
                        Err(error) => {
                            tries += 1;
                            scaled = tries >= TRIES / 2;
                            if scaled && legacy.ready == 0 {
                                return Err(error);
                            }
                        }
                    }
                    continue;
                }
                if now.since(since) < limit {
                    self.parts.clock.sleep(POLL).await;
                    continue;
                }
                if legacy.ready == 0 {
                    return Err(GateError::NoLegacy);
                }
            }
            let Some(act) = back_act(&reading) else {
                break;
            };
            if let Err(error) = self.back(act).await {
                tries += 1;
                if tries >= TRIES || matches!(error, GateError::Journal(_)) {
                    return Err(error);
                }
                self.parts.clock.sleep(POLL).await;
            }
        }
        let before = self.standing().route;
        let to = match self.came_from() {
            Some(State::Draft | State::Verified | State::Shadowed | State::Ready) => State::Aborted,
            _ => State::RolledBack,
        };
        self.moved(
            State::RollingBack,
            to,
            before,
            "legacy serves everything".to_owned(),
        )
        .await
    }

    async fn back(&mut self, act: Act) -> Result<(), GateError> {
        self.carry(act, State::RollingBack, State::RolledBack, 0)
            .await
    }

    /// The state in which the rollback under way began.
    fn came_from(&self) -> Option<State> {
        self.journal
            .contents()
            .lines
            .iter()
            .rev()
            .find_map(|line| match line.entry {
                Entry::Moved {
                    from,
                    to: State::RollingBack,
                    ..
                } => Some(from),
                _ => None,
            })
    }
}

/// The next change on the way back; none when legacy alone serves. The share first: after the switch it
/// decides nothing, and before the main route leads back it must be nothing.
fn back_act(reading: &Reading) -> Option<Act> {
    if !reading.weight.is_none() {
        return Some(Act::SetWeight {
            weight: Weight::NONE,
        });
    }
    if reading.main == Side::Core {
        return Some(Act::SwitchMain { to: Side::Legacy });
    }
    reading.canary.then_some(Act::RemoveCanary)
}
