//! After a start: what the journal's end and the router's state mean together.
#![deny(clippy::disallowed_methods)]

use super::entry::{Route, Standing};
use crate::gate::actuator::{Act, Reading};
use crate::gate::state::State;
use crate::gate::weight::Weight;

/// What a start finds, and so what it does first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The router is as the journal's last confirmed line says. Observation begins anew.
    Clean,
    /// An intent was written and its change never made. The criteria decide anew; nothing is replayed.
    NeverMade {
        /// The intent's number.
        of: u64,
    },
    /// A change was made and its end never written: it is written now, then its effect is checked.
    Made {
        /// The intent's number.
        of: u64,
        /// Whether the router's answer was already written down.
        applied: bool,
    },
    /// Some changes of a transition are made: the rest raises nothing and is made now.
    Continue {
        /// Where it leads.
        to: State,
        /// How many are made.
        done: usize,
    },
    /// A rollback began: it is finished whatever the router shows.
    FinishRollback,
    /// Somebody else changed the router.
    Drift {
        /// What is otherwise.
        reason: String,
        /// Where core's share has been raised: the share to go back to.
        restore: Option<Weight>,
    },
}

/// Compares the journal's end with the router.
pub fn found(standing: &Standing, reading: &Reading) -> Found {
    let live = Route::of(reading);
    if standing.state == State::RollingBack {
        return Found::FinishRollback;
    }
    if let Some(open) = &standing.open {
        let intent = &open.intent;
        let ours = reading
            .mark
            .as_ref()
            .is_some_and(|mark| mark.run_id == standing.run_id && mark.seq == open.seq);
        if ours && is_made(intent.act, intent.before, reading) {
            return Found::Made {
                of: open.seq,
                applied: open.applied,
            };
        }
        if live.same(intent.before) && reading.version == intent.version {
            return Found::NeverMade { of: open.seq };
        }
        return drift(standing.route, reading);
    }
    if !live.same(standing.route) || !reading.surprises.is_empty() {
        return drift(standing.route, reading);
    }
    match standing.under_way {
        Some(way) => Found::Continue {
            to: way.to,
            done: way.done,
        },
        None => Found::Clean,
    }
}

/// Whether the router shows what `act` was to bring about.
pub fn is_made(act: Act, before: Route, reading: &Reading) -> bool {
    match act {
        Act::ScaleLegacy { replicas } => reading
            .legacy
            .is_none_or(|legacy| legacy.wanted == replicas),
        Act::RemoveLegacy { .. } => reading.legacy.is_none_or(|legacy| legacy.wanted == 0),
        Act::RemoveCanary => !reading.canary && Route::of(reading).same(before.after(act)),
        Act::SetWeight { .. } => Route::of(reading).same(before.after(act)),
        // With the main route at core a split leads nobody elsewhere, and some routers have none then.
        Act::SwitchMain { to } => {
            reading.main == to && Route::of(reading).exposure() == before.after(act).exposure()
        }
    }
}

/// What is otherwise, by whom, and the share to go back to where core got more than it should.
pub fn drift(expected: Route, reading: &Reading) -> Found {
    let live = Route::of(reading);
    let mut otherwise = Vec::new();
    if !live.same(expected) {
        otherwise.push(format!("{live}; the gate left {expected}"));
    }
    otherwise.extend(reading.surprises.iter().cloned());
    if otherwise.is_empty() {
        otherwise.push("the router was written to since the gate's last line".to_owned());
    }
    if let Some(by) = &reading.written_by {
        otherwise.push(format!("last written by {by}"));
    }
    let raised = live.main == expected.main && live.weight > expected.weight;
    Found::Drift {
        reason: otherwise.join("; "),
        restore: raised.then_some(expected.weight),
    }
}

#[cfg(test)]
mod tests;
