//! What a person can do now, in words for three in the morning.
#![deny(clippy::disallowed_methods)]

use super::View;
use crate::gate::criterion::CriterionResult;
use crate::gate::policy::{Cause, Decision, cause};
use crate::gate::state::{Aside, State};

/// What keeps the gate where it is, the first thing first.
pub(super) fn waiting(criteria: &[CriterionResult]) -> Vec<&CriterionResult> {
    let mut waiting: Vec<(Cause, &CriterionResult)> = criteria
        .iter()
        .filter_map(|result| Some((cause(result)?, result)))
        .collect();
    waiting.sort_by_key(|(cause, _)| *cause);
    waiting.into_iter().map(|(_, result)| result).collect()
}

/// What can be done, the most useful first; nothing before the first look.
pub(super) fn of(view: &View<'_>) -> Vec<String> {
    let Some(look) = view.look else {
        return Vec::new();
    };
    let options = view.options;
    let back =
        format!("`verifier gate rollback --force{options}` leads all traffic back to legacy");
    match view.standing.state {
        State::Retired => return vec!["nothing is left to do".to_owned()],
        State::RolledBack => {
            return vec![format!(
                "all traffic is at legacy; find out why core was left: `verifier gate status{options}`. \
                 Another build of core begins anew with `verifier gate run{options}`"
            )];
        }
        State::Aborted => {
            return vec![format!(
                "core never served; `verifier gate run{options}` begins anew"
            )];
        }
        State::RollingBack => {
            return vec!["nothing: traffic is on its way back to legacy".to_owned()];
        }
        _ => {}
    }
    let mut all = Vec::new();
    if matches!(view.standing.aside, Some(Aside::Drift { .. })) {
        all.push(format!(
            "find out who changed the router. `verifier gate adopt{options}` goes on from what it shows now"
        ));
    } else {
        all.extend(first(view, &look.decision, &waiting(&look.criteria)));
    }
    if view.standing.state.is_live() {
        all.push(back);
    }
    all
}

/// Of a gate that still looks, or of one that ended with this look.
fn goes_on(view: &View<'_>) -> String {
    if view.next_look.is_some() {
        return "it goes on by itself".to_owned();
    }
    format!("`verifier gate run{}` goes on", view.options)
}

fn first(view: &View<'_>, decision: &Decision, waiting: &[&CriterionResult]) -> Option<String> {
    let options = view.options;
    let Decision::Hold { cause, .. } = decision else {
        return Some(format!("nothing: {}", goes_on(view)));
    };
    let result = waiting.first()?;
    let hash = view.standing.evidence_hash();
    if result.name == "approval" && !hash.is_empty() {
        return Some(format!(
            "look at `verifier gate status{options}`, then say yes with `verifier gate approve --evidence {}{options}`",
            &hash[..hash.len().min(16)]
        ));
    }
    let help = result.help.as_deref();
    Some(match cause {
        Cause::Insufficient => match help {
            Some(help) => format!("nothing: {} ({help})", goes_on(view)),
            None => format!("nothing: {}", goes_on(view)),
        },
        Cause::Evidence | Cause::Failed | Cause::Trouble => {
            format!("{}; then {}", help.unwrap_or("mend it"), goes_on(view))
        }
    })
}
