//! What must hold for the next step, and what follows from it. Pure: all it knows came in as an
//! argument.
#![deny(clippy::disallowed_methods)]

use serde::Serialize;

use super::criterion::{CriterionResult, Verdict, Weighs};
use super::state::State;
use super::weight::Weight;

/// What should happen, and why. Carrying it out is [`super::run`]'s work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "decision", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Decision {
    /// Everything for the next state holds.
    Advance {
        /// That state.
        to: State,
    },
    /// Stay, and say what is missing.
    Hold {
        /// In words: the first criterion that does not hold.
        reason: String,
        /// Why, for programs.
        cause: Cause,
    },
    /// Another build of core runs: back to the first share, where its proof begins.
    Restart {
        /// The share.
        to: Weight,
        /// In words.
        reason: String,
    },
    /// Back to legacy, now.
    RollBack {
        /// In words: the harm.
        reason: String,
    },
    /// The last state is reached.
    Complete,
}

/// Why the gate holds. The order is that of precedence where several hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Evidence is missing, stale, foreign or bound to another build.
    Evidence,
    /// A criterion does not hold.
    Failed,
    /// Something could not be looked at.
    Trouble,
    /// Too little was seen so far, or nothing.
    Insufficient,
}

/// How a gate command ended; the number is the process's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GateExit {
    /// Advanced, or nothing is left to do.
    Ok = 0,
    /// A criterion does not hold; where core served, traffic is back at legacy.
    Failed = 1,
    /// Usage or configuration.
    Usage = 2,
    /// Too little was seen so far: wait, or do what the help says.
    Insufficient = 3,
    /// Evidence is missing, stale, foreign or bound to another build.
    Evidence = 4,
    /// Another gate is at work, or the router is not as the gate left it.
    Locked = 5,
    /// Something could not be reached.
    Infrastructure = 6,
}

impl GateExit {
    /// Of a process's exit code; `None` for one that no gate command has.
    pub fn from_code(code: u8) -> Option<Self> {
        [
            Self::Ok,
            Self::Failed,
            Self::Usage,
            Self::Insufficient,
            Self::Evidence,
            Self::Locked,
            Self::Infrastructure,
        ]
        .into_iter()
        .find(|exit| *exit as u8 == code)
    }
}

impl Decision {
    /// The exit code of a command that ends with this decision.
    pub const fn exit(&self) -> GateExit {
        match self {
            Self::Advance { .. } | Self::Complete => GateExit::Ok,
            Self::RollBack { .. } => GateExit::Failed,
            Self::Restart { .. } => GateExit::Evidence,
            Self::Hold { cause, .. } => match cause {
                Cause::Evidence => GateExit::Evidence,
                Cause::Failed => GateExit::Failed,
                Cause::Trouble => GateExit::Infrastructure,
                Cause::Insufficient => GateExit::Insufficient,
            },
        }
    }

    /// One word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Advance { .. } => "ADVANCE",
            Self::Hold { .. } => "HOLD",
            Self::Restart { .. } => "RESTART",
            Self::RollBack { .. } => "ROLL_BACK",
            Self::Complete => "COMPLETE",
        }
    }

    /// Why, in words.
    pub fn reason(&self) -> String {
        match self {
            Self::Advance { to } => format!("everything for {to} holds"),
            Self::Hold { reason, .. }
            | Self::Restart { reason, .. }
            | Self::RollBack { reason } => reason.clone(),
            Self::Complete => "nothing is left to do".to_owned(),
        }
    }
}

/// Whether a build of core other than the one that was proved is serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// The one that was proved, as far as is known.
    Same,
    /// Another one.
    Other,
}

/// Decides. Harm is looked at before everything else: a bad core goes back even when too little was
/// seen to promote a good one. No criterion at all is never enough to advance.
pub fn decide(
    state: State,
    criteria: &[CriterionResult],
    build: Build,
    ladder: &[Weight],
) -> Decision {
    let harm = criteria
        .iter()
        .find(|result| result.weighs == Weighs::Harm && result.verdict == Verdict::Fail);
    if let Some(harm) = harm
        && can_roll_back(state)
    {
        return Decision::RollBack {
            reason: format!("{}: {}", harm.name, harm.why),
        };
    }
    if build == Build::Other
        && let State::Canary(weight) = state
        && let Some(&first) = ladder.first()
        && weight > first
    {
        return Decision::Restart {
            to: first,
            reason: "another build of core serves than the one that was proved".to_owned(),
        };
    }
    let missing = criteria
        .iter()
        .filter_map(|result| Some((cause(result)?, result)))
        .min_by_key(|(cause, _)| *cause);
    if let Some((cause, result)) = missing {
        return Decision::Hold {
            reason: format!("{}: {}", result.name, result.why),
            cause,
        };
    }
    let Some(to) = state.next(ladder) else {
        return Decision::Complete;
    };
    if criteria.is_empty() {
        return Decision::Hold {
            reason: "nothing was looked at".to_owned(),
            cause: Cause::Trouble,
        };
    }
    Decision::Advance { to }
}

/// Whether legacy is there to go back to, and core is serving.
const fn can_roll_back(state: State) -> bool {
    matches!(state, State::Canary(_) | State::Switched | State::Soak)
}

/// Why a criterion keeps the gate where it is; `None` where it does not.
pub fn cause(result: &CriterionResult) -> Option<Cause> {
    let cause = match (result.verdict, result.weighs) {
        // Alarms that have seen nothing yet do not speak against a step: its own criteria ask for
        // numbers.
        (Verdict::Pass, _) | (Verdict::Insufficient, Weighs::Harm) => return None,
        (_, Weighs::Evidence) => Cause::Evidence,
        (Verdict::Fail, _) => Cause::Failed,
        (Verdict::Error, _) => Cause::Trouble,
        (Verdict::Insufficient | Verdict::NoData, _) => Cause::Insufficient,
    };
    Some(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder() -> Vec<Weight> {
        [10, 30, 50, 100]
            .into_iter()
            .filter_map(Weight::from_percent)
            .collect()
    }

    fn criterion(weighs: Weighs, verdict: Verdict) -> CriterionResult {
        CriterionResult::new("c", weighs, verdict)
    }

    #[test]
    fn the_gate_climbs_one_rung_at_a_time_and_looks_at_harm_first() {
        use Verdict::{Error, Fail, Insufficient, NoData, Pass};
        use Weighs::{Evidence, Harm, Step};
        let at = |percent| State::Canary(Weight::from_percent(percent).expect("a weight"));
        for (state, given, word, exit) in [
            (State::Draft, vec![(Evidence, Pass)], "ADVANCE", 0),
            (State::Draft, vec![], "HOLD", 6),
            (at(10), vec![(Step, Pass), (Harm, Pass)], "ADVANCE", 0),
            (
                at(10),
                vec![(Step, Pass), (Harm, Insufficient)],
                "ADVANCE",
                0,
            ),
            (
                at(10),
                vec![(Step, Insufficient), (Harm, Fail)],
                "ROLL_BACK",
                1,
            ),
            (
                at(10),
                vec![(Evidence, NoData), (Harm, Fail)],
                "ROLL_BACK",
                1,
            ),
            (State::Ready, vec![(Harm, Fail)], "HOLD", 1),
            (State::Retired, vec![(Harm, Fail)], "HOLD", 1),
            (at(10), vec![(Step, Insufficient)], "HOLD", 3),
            (at(10), vec![(Step, NoData)], "HOLD", 3),
            (at(10), vec![(Step, Error), (Step, Insufficient)], "HOLD", 6),
            (at(10), vec![(Harm, Error)], "HOLD", 6),
            (at(10), vec![(Harm, NoData)], "HOLD", 3),
            (at(10), vec![(Step, Fail), (Step, Error)], "HOLD", 1),
            (at(10), vec![(Step, Fail), (Evidence, Error)], "HOLD", 4),
            (at(10), vec![(Evidence, Fail)], "HOLD", 4),
            (State::Retired, vec![], "COMPLETE", 0),
        ] {
            let results: Vec<_> = given
                .iter()
                .map(|&(weighs, verdict)| criterion(weighs, verdict))
                .collect();
            let decision = decide(state, &results, Build::Same, &ladder());
            assert_eq!(
                (decision.word(), decision.exit() as u8),
                (word, exit),
                "{state} {given:?}"
            );
        }
    }

    #[test]
    fn another_build_goes_back_to_the_first_share_and_not_further() {
        for (state, word) in [
            ("C30", "RESTART"),
            ("C100", "RESTART"),
            ("C10", "ADVANCE"),
            ("SWITCHED", "ADVANCE"),
        ] {
            let state: State = state.parse().expect("a state");
            let pass = [criterion(Weighs::Step, Verdict::Pass)];
            assert_eq!(
                decide(state, &pass, Build::Other, &ladder()).word(),
                word,
                "{state}"
            );
        }
    }
}
