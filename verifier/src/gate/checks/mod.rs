//! The criteria of each state, from what was seen. Pure.
#![deny(clippy::disallowed_methods)]

mod at_hand;
mod live;
mod router;
mod share;
mod soak;

use jiff::civil::Date;

use super::actuator::{ActuateError, Preflight, Reading};
use super::clock::{Moment, rfc3339};
use super::config::GateConfig;
use super::criterion::{CriterionResult, Verdict, Weighs};
use super::journal::entry::Standing;
use super::observe::{Observation, Told};
use super::policy::Build;
use super::proof::Running;
use super::proof::load::Proofs;
use super::state::State;
use at_hand::at_hand;
use live::live;
use share::{climbing, time};
use soak::soaking;

/// What people must have done before core serves anyone.
pub const ATTESTATIONS: [&str; 2] = ["backup_restored", "legacy_reads_core_writes"];

/// Everything that a decision rests on.
#[derive(Debug)]
pub struct Seen<'s> {
    /// Now.
    pub now: Moment,
    /// The day, for what expires.
    pub today: Date,
    /// Where the cut-over stands.
    pub standing: &'s Standing,
    /// First line of the journal that does not belong to it, if one does not.
    pub broken: Option<usize>,
    /// The router.
    pub reading: Result<&'s Reading, &'s ActuateError>,
    /// The router's own preconditions, where they were asked for.
    pub preflight: Option<Result<&'s [Preflight], &'s ActuateError>>,
    /// What runs as core.
    pub running: &'s Running,
    /// Evidence files, where the state asks for them.
    pub proofs: Option<&'s Proofs>,
    /// Live traffic.
    pub observation: &'s Observation,
}

/// The states that need a person's approval.
pub const fn needs_approval(to: State) -> bool {
    matches!(to, State::Ready | State::Switched | State::Retired)
}

/// Whether another build serves than the one that was proved.
pub fn build(standing: &Standing, running: &Running) -> Build {
    let proved: Vec<String> = standing
        .evidence
        .iter()
        .flat_map(|record| record.core.clone())
        .collect();
    if running.groups.is_empty() || proved.is_empty() || running.covered_by(&proved) {
        Build::Same
    } else {
        Build::Other
    }
}

/// Every criterion for the step after the present state.
pub fn criteria(seen: &Seen<'_>, config: &GateConfig) -> Vec<CriterionResult> {
    let state = seen.standing.state;
    let mut all = Vec::new();
    if let Some(line) = seen.broken {
        all.push(
            CriterionResult::new("journal.chain", Weighs::Evidence, Verdict::Fail)
                .source("journal")
                .why(format!("line {line} was changed or is missing"))
                .help("rollback is still possible; keep the file and begin a new state folder"),
        );
    }
    if let Some(proofs) = seen.proofs {
        let wanted = match state {
            State::Draft => vec![&proofs.replay, &proofs.jwt],
            _ => vec![&proofs.replay, &proofs.jwt, &proofs.live],
        };
        all.extend(
            wanted
                .into_iter()
                .flat_map(|proof| proof.criteria.iter().cloned()),
        );
    }
    match state {
        State::Shadowed | State::Ready => at_hand(seen, config, &mut all),
        State::Canary(weight) => {
            live(seen, config, Some(weight), &mut all);
            climbing(seen, config, weight, &mut all);
        }
        State::Switched => {
            live(seen, config, None, &mut all);
            all.push(time(seen, config.soak.first_watch));
        }
        State::Soak => {
            live(seen, config, None, &mut all);
            soaking(seen, config, &mut all);
        }
        State::Draft
        | State::Verified
        | State::Retired
        | State::RollingBack
        | State::RolledBack
        | State::Aborted => {}
    }
    if let Some(to) = state.next(&config.ladder) {
        if needs_approval(to) {
            all.push(approval(seen.standing, to));
        } else if state == State::Ready {
            all.push(approval(seen.standing, State::Ready));
        }
    }
    let at = rfc3339(seen.now.wall_ms);
    for result in &mut all {
        if result.at.is_empty() {
            result.at.clone_from(&at);
        }
    }
    all
}

/// `approval`: a person approved exactly this evidence.
fn approval(standing: &Standing, to: State) -> CriterionResult {
    let hash = standing.evidence_hash();
    let short = &hash[..hash.len().min(16)];
    let (verdict, why) = match &standing.approved {
        _ if hash.is_empty() => (Verdict::NoData, "no evidence was accepted yet".to_owned()),
        Some((state, evidence)) if *state == to && *evidence == hash => {
            (Verdict::Pass, format!("{to} approved on evidence {short}"))
        }
        Some((state, _)) if *state == to => (
            Verdict::Fail,
            "the evidence changed since it was approved".to_owned(),
        ),
        _ => (Verdict::NoData, format!("nobody approved {to} yet")),
    };
    let result = CriterionResult::new("approval", Weighs::Step, verdict)
        .source("journal")
        .why(why);
    if verdict == Verdict::Pass {
        result
    } else {
        result.help(format!("verifier gate approve --evidence {short}"))
    }
}

const fn trouble_verdict(silence: bool) -> Verdict {
    if silence {
        Verdict::NoData
    } else {
        Verdict::Error
    }
}

fn from<T>(mut result: CriterionResult, told: Option<&Told<T>>) -> CriterionResult {
    if let Some(told) = told {
        result.source.clone_from(&told.source);
        result.query.clone_from(&told.query);
        result.at = rfc3339(told.at_ms);
    }
    result
}
