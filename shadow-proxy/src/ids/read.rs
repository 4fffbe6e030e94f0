//! What two answers say of ids, and what that does to their verdict.

use verifier::ids::Aligned;
use verifier::severity::Severity;
use verifier::verdict::{Difference, Kind, Location, Outcome, Verdict};

/// What two answers say of ids.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Core knows no such object, and that it has the same id there was only taken for granted: the request
    /// was about something whose id at core is unknown.
    pub(crate) assumed: bool,
    /// It shows objects of which core lacks what legacy did.
    pub(crate) behind: bool,
    /// Pairs that fit.
    pub(crate) pairs: Vec<Aligned>,
    /// Pairs that do not.
    pub(super) conflicts: Vec<Conflict>,
}

/// Two ids at one place, of which one belongs to another.
#[derive(Debug)]
pub(super) struct Conflict {
    pub(super) pair: Aligned,
    /// Where they stand in legacy's answer.
    pub(super) pointer: String,
    /// What legacy's id is at core, if that is known.
    pub(super) core: Option<String>,
    /// What core's id is at legacy, if that is known.
    pub(super) legacy: Option<String>,
}

impl Read {
    /// Adds a finding for each conflict, in place of the other value that it shows as.
    pub(crate) fn judge(&self, verdict: &mut Verdict) {
        for conflict in &self.conflicts {
            let Conflict {
                pair,
                pointer,
                core,
                legacy,
            } = conflict;
            let at = Location::Pointer(pointer.clone());
            verdict
                .findings
                .retain(|finding| finding.location != at || finding.kind != Kind::ValueChange);
            let mut detail = Vec::new();
            if let Some(core) = core {
                detail.push(format!(
                    "legacy's {} {} is core's {core}",
                    pair.kind, pair.legacy
                ));
            }
            if let Some(legacy) = legacy {
                detail.push(format!(
                    "core's {} {} is legacy's {legacy}",
                    pair.kind, pair.core
                ));
            }
            verdict.findings.push(Difference {
                group: grouped(pointer),
                location: at,
                kind: Kind::IdConflict,
                reference: Some(pair.legacy.clone()),
                candidate: Some(pair.core.clone()),
                relation: None,
                severity: Severity::Breaking,
                rule: None,
                detail: Some(detail.join(", ")),
            });
            verdict.outcome = Outcome::Mismatch;
        }
    }
}

/// A pointer with `*` for every index.
fn grouped(pointer: &str) -> String {
    let is_index = |step: &str| !step.is_empty() && step.bytes().all(|byte| byte.is_ascii_digit());
    let steps = pointer.split('/');
    let steps = steps.map(|step| if is_index(step) { "*" } else { step });
    steps.collect::<Vec<_>>().join("/")
}
