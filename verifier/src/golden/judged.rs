//! From one side's run of a case to its report: what replaying and comparing share.

use similar::TextDiff;

use super::run::{Outcome, is_absent};
use crate::catalogue::{Case, Catalogue, DataClass};
use crate::exchange::{Answer, Exchange, Observation};
use crate::normalise::mask::MaskFailure;
use crate::normalise::{instant, personal};
use crate::relation::Relation;
use crate::report::{CaseReport, State};
use crate::verdict::{self, Difference, judge};

/// What the candidate did with a case that was sent.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) observation: Observation,
    pub(super) losses: Losses,
}

/// What an answer should have held and did not.
#[derive(Debug)]
pub(super) struct Losses {
    pub(super) mask_failures: Vec<MaskFailure>,
    pub(super) not_captured: Vec<String>,
}

/// The answer to judge, or the report of a case that has none.
pub(super) fn answered(
    mut report: CaseReport,
    outcome: Outcome,
) -> Result<(CaseReport, Answered), Box<CaseReport>> {
    let (observation, losses) = match outcome {
        Outcome::Answered {
            observation,
            mask_failures,
            not_captured,
        } => (
            observation,
            Losses {
                mask_failures,
                not_captured,
            },
        ),
        Outcome::NotRun(reason) => return Err(Box::new(report.with(State::NotRun { reason }))),
        Outcome::Blocked { by } => return Err(Box::new(report.with(State::Blocked { by }))),
        Outcome::Failed(reason) => return Err(Box::new(report.with(State::Failed { reason }))),
    };
    report.duration = observation.latency;
    if let Err(failure) = &observation.answer
        && is_absent(failure)
    {
        return Err(Box::new(report.with(State::Failed {
            reason: failure.to_string(),
        })));
    }
    Ok((
        report,
        Answered {
            observation,
            losses,
        },
    ))
}

/// Judges `exchange` into `report`.
pub(super) fn settle(
    report: &mut CaseReport,
    catalogue: &Catalogue,
    exchange: &Exchange,
    losses: &Losses,
) -> State {
    let verdict = judge(exchange, &catalogue.rules);
    report.truncated = verdict.truncated_findings;
    report.findings = verdict.findings;
    report.notes = verdict.notes;
    report.rules = verdict.fired;
    report.strayed = verdict.strayed;
    explain(&mut report.findings, &losses.mask_failures);
    if catalogue.data == DataClass::Real {
        let all = report.findings.iter_mut().chain(&mut report.notes);
        all.flat_map(|difference| [&mut difference.reference, &mut difference.candidate])
            .flatten()
            .for_each(hide_personal);
    }
    match verdict.outcome {
        verdict::Outcome::Match if losses.not_captured.is_empty() => State::Equal,
        verdict::Outcome::Match => State::Failed {
            reason: format!(
                "nothing to capture for `{}`: correct `capture` in the catalogue",
                losses.not_captured.join("`, `")
            ),
        },
        verdict::Outcome::Mismatch => State::Different,
        verdict::Outcome::Inconclusive(cause) => State::Failed {
            reason: cause.to_string(),
        },
    }
}

/// A value that looks personal at a place nobody marked: its class instead of itself.
fn hide_personal(value: &mut String) {
    if let Some(shape) = personal::find(value) {
        *value = format!("[{}]", shape.word());
    }
}

/// The lines that differ, two lines of context around each.
pub(super) fn line_diff(old: &str, new: &str, old_name: &str, new_name: &str) -> String {
    TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(2)
        .missing_newline_hint(false)
        .header(old_name, new_name)
        .to_string()
}

/// Two moments masked alike but for their wall clock: the constant shift between the two clocks, which
/// the tokens alone do not spell out.
fn clock_shift(finding: &Difference) -> Option<Relation> {
    let (reference, form) = instant::wall_clock(finding.reference.as_deref()?)?;
    let (candidate, same_form) = instant::wall_clock(finding.candidate.as_deref()?)?;
    let minutes = candidate - reference;
    (form == same_form && minutes != 0).then(|| Relation::TimeShift(i64::from(minutes) * 60))
}

/// Says beside a finding why its value did not pass for what the golden file's token asserts.
fn explain(findings: &mut [Difference], failures: &[MaskFailure]) {
    for finding in findings {
        if finding.relation.is_none() {
            finding.relation = clock_shift(finding);
        }
        let place = finding.location.to_string();
        if let Some(failure) = failures.iter().find(|failure| failure.place == place)
            && finding.detail.is_none()
        {
            finding.detail = Some(failure.reason.clone());
        }
    }
}

/// What a reader should look at first, where the answer itself gives it away.
pub(super) fn hint(case: &Case, golden: &Answer, observation: &Observation) -> Option<String> {
    let answer = observation.answer.as_ref().ok()?;
    let is_json = |answer: &Answer| {
        answer.header("content-type").next().is_some_and(|value| {
            String::from_utf8_lossy(value)
                .to_ascii_lowercase()
                .contains("json")
        })
    };
    match (answer.status, &case.account) {
        (429, _) if golden.status != 429 => {
            Some("429: the service limits requests; wait, or lower `--jobs`".to_owned())
        }
        (401, Some(account)) if golden.status != 401 => Some(format!(
            "401 with the fresh session of account `{account}`: the service refuses its own token, or the \
             login has expired"
        )),
        _ if is_json(golden) && !is_json(answer) && !answer.body.is_empty() => Some(
            "the answer is not JSON: is this a catch-all page or a proxy in between?".to_owned(),
        ),
        _ => None,
    }
}
