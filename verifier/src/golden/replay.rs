//! Holds a candidate against the golden files, and leaves a pending file for every difference.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::contents::{self, Beside, Masked};
use super::files::{Golden, GoldenDir, GoldenError};
use super::imported;
use super::judged::{Answered, answered, hint, line_diff, settle};
use super::run::{CaseRun, Runner};
use super::snap::Snapshot;
use crate::catalogue::{Case, Catalogue, DataClass};
use crate::exchange::{Answer, Exchange, Observation, Tokens};
use crate::normalise::personal;
use crate::report::bound::CoreClaim;
use crate::report::{CaseReport, Report, State};

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
            core: CoreClaim::default(),
            goldens_sha256: self.goldens.sha256(),
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
        let report = CaseReport::new(catalogue, &run);
        let (mut report, answered) = match answered(report, run.outcome) {
            Ok(answered) => answered,
            Err(report) => return *report,
        };
        let mut golden = match goldens.read(&case.id) {
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
        let Answered {
            mut observation,
            losses,
        } = answered;
        imported::level(&mut golden, &mut observation);
        report.hint = hint(case, &golden.masked.answer, &observation);
        let exchange = exchange(catalogue, case, &report.path, &golden.masked, observation);
        let state = settle(&mut report, catalogue, &exchange, &losses);
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
        let shape = match catalogue.data {
            DataClass::Synthetic => None,
            DataClass::Real => personal::find(&text),
        };
        if shape.is_none() {
            report.diff = Some(line_diff(
                &golden.snapshot.contents,
                &text,
                "golden",
                "candidate",
            ));
        }
        if !config.pending {
            return Ok(());
        }
        if let Some(shape) = shape {
            // Nothing is written down; the findings tell where to look.
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
            info.remove("imported");
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

/// The candidate's answer laid out like the golden, so that a line diff shows real differences only.
fn beside_golden(
    answer: &Answer,
    tokens: &Tokens,
    origin: Option<&str>,
    golden: &Golden,
    report: &CaseReport,
) -> String {
    let is_equal = |place: &str| report.is_equal(place);
    let beside = Beside {
        golden: &golden.masked,
        is_equal: &is_equal,
        to_read: true,
    };
    contents::render(answer, tokens, origin, Some(beside))
}
