//! Holds a candidate against the golden files, and leaves a pending file for every difference.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use similar::TextDiff;

use super::contents::{self, Beside, Masked};
use super::files::{Golden, GoldenDir, GoldenError};
use super::run::{CaseRun, Outcome, Runner, is_absent};
use super::snap::Snapshot;
use crate::catalogue::{Case, Catalogue, DataClass};
use crate::exchange::{Answer, Exchange, Observation, Tokens};
use crate::normalise::mask::MaskFailure;
use crate::normalise::personal;
use crate::report::{CaseReport, Report, State};
use crate::verdict::{self, Difference, judge};

/// What a replay leaves behind and accepts.
#[derive(Clone, Copy, Debug)]
pub struct ReplayConfig {
    /// Leave pending files for differences, remove stale ones.
    pub pending: bool,
    /// Refuse golden files that legacy did not answer.
    pub legacy_goldens_only: bool,
    /// Fail on rules that expired, matched nothing, or met differences they are not for.
    pub strict_rules: bool,
}

/// A replay: what is held against what.
#[derive(Debug)]
pub struct Replay<'r> {
    /// The cases and their rules.
    pub catalogue: &'r Catalogue,
    /// What legacy answered.
    pub goldens: &'r GoldenDir,
    /// What it leaves behind and accepts.
    pub config: ReplayConfig,
}

impl Replay<'_> {
    /// Runs `selected` and judges each case against its golden file; `done` hears of each at once.
    pub async fn run(
        &self,
        runner: Arc<Runner>,
        selected: &[usize],
        mut done: impl FnMut(&CaseReport),
    ) -> Report {
        let (started, clock) = (Timestamp::now(), Instant::now());
        let target = runner.target().to_owned();
        let mut cases = Vec::with_capacity(selected.len());
        runner
            .run(selected, |run| {
                let case = self.judge_case(run);
                done(&case);
                cases.push(case);
            })
            .await;
        cases.sort_by_key(|case: &CaseReport| case.order);
        Report::settle_blocked(&mut cases);
        let mut warnings = Vec::new();
        if cases.iter().any(|case| case.pending.is_some())
            && let Some(why) = self.goldens.hidden_from_insta()
        {
            warnings.push(format!(
                "`cargo insta review` will not find the pending files: {why}"
            ));
        }
        let whole = selected.len() == self.catalogue.cases.len();
        let rule_debt = Report::debt(&self.catalogue.rules, &cases, whole);
        let extra = self
            .catalogue
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.extra);
        Report {
            command: "replay",
            target,
            catalogue: self.catalogue.source.clone(),
            catalogue_sha256: self.catalogue.sha256.clone(),
            started: started.to_string(),
            duration: clock.elapsed(),
            cases,
            extra: extra.map(|endpoint| endpoint.id.clone()).collect(),
            orphans: self
                .goldens
                .orphans(&|name| self.catalogue.cases.iter().any(|case| case.id == name)),
            warnings,
            rule_debt,
            strict_rules: self.config.strict_rules,
        }
    }

    fn judge_case(&self, run: CaseRun) -> CaseReport {
        let Self {
            catalogue,
            goldens,
            config,
        } = self;
        let case = &catalogue.cases[run.case];
        let mut report = CaseReport::new(catalogue, &run);
        let (observation, mask_failures, not_captured) = match run.outcome {
            Outcome::Answered {
                observation,
                mask_failures,
                not_captured,
            } => (observation, mask_failures, not_captured),
            Outcome::NotRun(reason) => return report.with(State::NotRun { reason }),
            Outcome::Blocked { by } => return report.with(State::Blocked { by }),
            Outcome::Failed(reason) => return report.with(State::Failed { reason }),
        };
        report.duration = observation.latency;
        if let Err(failure) = &observation.answer
            && is_absent(failure)
        {
            return report.with(State::Failed {
                reason: failure.to_string(),
            });
        }
        let golden = match goldens.read(&case.id) {
            Ok(Some(golden)) => golden,
            Ok(None) => {
                return report.with(State::NoGolden {
                    reason: format!(
                        "no golden file {}: run `verifier record --legacy URL --only {}`",
                        goldens.path(&case.id).display(),
                        case.id
                    ),
                });
            }
            Err(error) => {
                return report.with(State::Failed {
                    reason: error.to_string(),
                });
            }
        };
        let recorded_from = golden.snapshot.recorded_from().to_owned();
        if recorded_from != "legacy" {
            report.recorded_from = Some(recorded_from.clone());
            if config.legacy_goldens_only {
                return report.with(State::NoGolden {
                reason: format!(
                    "its golden file comes from {recorded_from}, not from legacy: run `verifier record \
                     --legacy URL --only {}`",
                    case.id
                ),
            });
            }
        }
        report.hint = hint(case, &golden.masked.answer, &observation);
        let exchange = exchange(catalogue, case, &report.path, &golden.masked, observation);
        let verdict = judge(&exchange, &catalogue.rules);
        report.truncated = verdict.truncated_findings;
        report.findings = verdict.findings;
        report.notes = verdict.notes;
        report.rules = verdict.fired;
        report.strayed = verdict.strayed;
        explain(&mut report.findings, &mask_failures);
        let state = match verdict.outcome {
            verdict::Outcome::Match if not_captured.is_empty() => State::Equal,
            verdict::Outcome::Match => State::Failed {
                reason: format!(
                    "nothing to capture for `{}`: correct `capture` in the catalogue",
                    not_captured.join("`, `")
                ),
            },
            verdict::Outcome::Mismatch => State::Different,
            verdict::Outcome::Inconclusive(cause) => State::Failed {
                reason: cause.to_string(),
            },
        };
        let pending = match &state {
            State::Different => self.leave_pending(case, &golden, &exchange, &mut report),
            State::Equal if config.pending => goldens.remove_pending(&case.id).map(|_| ()),
            _ => Ok(()),
        };
        match pending {
            Ok(()) => report.with(state),
            Err(error) => report.with(State::Failed {
                reason: error.to_string(),
            }),
        }
    }

    fn leave_pending(
        &self,
        case: &Case,
        golden: &Golden,
        exchange: &Exchange,
        report: &mut CaseReport,
    ) -> Result<(), GoldenError> {
        let Self {
            catalogue,
            goldens,
            config,
        } = self;
        let Ok(answer) = &exchange.candidate.answer else {
            return Ok(());
        };
        let tokens = &exchange.candidate.tokens;
        let origin = exchange.candidate.origin.as_deref();
        let text = beside_golden(answer, tokens, origin, golden, report);
        report.diff = Some(
            TextDiff::from_lines(golden.snapshot.contents.as_str(), text.as_str())
                .unified_diff()
                .context_radius(2)
                .missing_newline_hint(false)
                .header("golden", "candidate")
                .to_string(),
        );
        if !config.pending {
            return Ok(());
        }
        if catalogue.data == DataClass::Real
            && let Some(shape) = personal::find(&text)
        {
            // Nothing is written down; the findings tell where to look.
            report.diff = None;
            report.hint = Some(format!(
                "no pending file: the answer seems to hold personal data ({}) at an unmarked place; mark it \
             under `personal`",
                shape.word()
            ));
            return Ok(());
        }
        let mut info = golden.snapshot.info.clone();
        if let Some(info) = info.as_object_mut() {
            info.insert("recorded_from".to_owned(), "candidate".into());
        }
        let pending = Snapshot {
            source: goldens.source_of(&catalogue.source),
            assertion_line: Some(case.line),
            info,
            contents: text,
            ..golden.snapshot.clone()
        };
        report.pending = Some(goldens.write_pending(&case.id, &pending)?);
        Ok(())
    }
}

/// One request with the golden file as its reference.
pub(super) fn exchange(
    catalogue: &Catalogue,
    case: &Case,
    path: &str,
    golden: &Masked,
    mut candidate: Observation,
) -> Exchange {
    if golden.opaque
        && let Ok(answer) = &mut candidate.answer
        && !answer.body.is_empty()
    {
        // Both sides as length and hash: the golden file holds no more.
        answer.body = contents::describe(&answer.body).into();
    }
    Exchange {
        endpoint: catalogue.endpoint_of(case).id.clone(),
        case: case.id.clone(),
        method: case.request.method.clone(),
        path: path.to_owned(),
        reference: Observation {
            answer: Ok(golden.answer.clone()),
            origin: None,
            tokens: golden.tokens.clone(),
            latency: Duration::ZERO,
        },
        candidate,
    }
}

/// Says beside a finding why its value did not pass for what the golden file's token asserts.
fn explain(findings: &mut [Difference], failures: &[MaskFailure]) {
    for finding in findings {
        let place = finding.location.to_string();
        if let Some(failure) = failures.iter().find(|failure| failure.place == place)
            && finding.detail.is_none()
        {
            finding.detail = Some(failure.reason.clone());
        }
    }
}

/// What a reader should look at first, where the answer itself gives it away.
fn hint(case: &Case, golden: &Answer, observation: &Observation) -> Option<String> {
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

/// The candidate's answer laid out like the golden, so that a line diff shows real differences only.
fn beside_golden(
    answer: &Answer,
    tokens: &Tokens,
    origin: Option<&str>,
    golden: &Golden,
    report: &CaseReport,
) -> String {
    let differing: Vec<String> = report
        .findings
        .iter()
        .map(|f| f.location.to_string())
        .collect();
    let is_equal = |place: &str| {
        report.truncated == 0
            && !differing.iter().any(|finding| {
                finding == place
                    || finding == "body"
                    || place
                        .strip_prefix(finding.as_str())
                        .is_some_and(|rest| rest.starts_with('/'))
                    || in_shifted_array(place, finding)
            })
    };
    let beside = Beside {
        golden: &golden.masked,
        is_equal: &is_equal,
        key_order: true,
    };
    contents::render(answer, tokens, origin, Some(beside))
}

/// Where an element was added or removed, later ones no longer stand beside their own golden text.
fn in_shifted_array(place: &str, finding: &str) -> bool {
    let Some((array, index)) = finding.rsplit_once('/') else {
        return false;
    };
    index.bytes().all(|byte| byte.is_ascii_digit())
        && place
            .strip_prefix(array)
            .is_some_and(|rest| rest.starts_with('/'))
}
