//! Holds a candidate against a living legacy: both are asked, no golden files are used.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::contents::{self, Beside, Masked};
use super::judged::{Answered, answered, hint, line_diff, settle};
use super::run::{CaseRun, Outcome, Runner, Work};
use crate::catalogue::{Catalogue, DataClass};
use crate::exchange::{Exchange, Observation};
use crate::normalise::personal;
use crate::report::{CaseReport, Report, State};

/// A comparison side by side.
#[derive(Debug)]
pub struct Compare<'c> {
    /// The cases and their rules.
    pub catalogue: &'c Catalogue,
    /// Asks legacy.
    pub legacy: Arc<Runner>,
    /// Asks core.
    pub core: Arc<Runner>,
    /// Fail on rules that expired, matched nothing, or met differences they are not for.
    pub strict_rules: bool,
}

impl Compare<'_> {
    /// Asks both sides and judges core's answers by legacy's; `done` hears of each case at once.
    ///
    /// Reads go to both sides at the same time, so that both meet the same data. A journey that writes
    /// runs on legacy through its clean-up before it starts on core, and nothing is read meanwhile: the
    /// two may share one database.
    pub async fn run(&self, selected: &[usize], mut done: impl FnMut(&CaseReport)) -> Report {
        let (started, clock) = (Timestamp::now(), Instant::now());
        let work = Work::plan(self.catalogue, selected, self.legacy.config().shuffle);
        let mut cases = Vec::with_capacity(selected.len());
        let mut judge = |legacy: BTreeMap<usize, CaseRun>, core: BTreeMap<usize, CaseRun>| {
            let mut legacy = legacy;
            for (at, candidate) in core {
                let Some(reference) = legacy.remove(&at) else {
                    continue;
                };
                let case = self.judge_case(reference, candidate);
                done(&case);
                cases.push(case);
            }
        };
        let (mut reference, mut candidate) = (BTreeMap::new(), BTreeMap::new());
        let mut keep_reference = |run: CaseRun| drop(reference.insert(run.case, run));
        let mut keep_candidate = |run: CaseRun| drop(candidate.insert(run.case, run));
        tokio::join!(
            Arc::clone(&self.legacy).reads(&work, &mut keep_reference),
            Arc::clone(&self.core).reads(&work, &mut keep_candidate),
        );
        judge(reference, candidate);
        for at in 0..work.writing.len() {
            let (mut reference, mut candidate) = (BTreeMap::new(), BTreeMap::new());
            let mut keep = |run: CaseRun| drop(reference.insert(run.case, run));
            self.legacy.write(&work, at, &mut keep).await;
            let mut keep = |run: CaseRun| drop(candidate.insert(run.case, run));
            self.core.write(&work, at, &mut keep).await;
            judge(reference, candidate);
        }
        cases.sort_by_key(|case: &CaseReport| case.order);
        Report::settle_blocked(&mut cases);
        let whole = selected.len() == self.catalogue.cases.len();
        let rule_debt = Report::debt(&self.catalogue.rules, &cases, whole);
        let extra = self
            .catalogue
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.extra);
        Report {
            command: "compare",
            target: self.core.target().to_owned(),
            catalogue: self.catalogue.source.clone(),
            catalogue_sha256: self.catalogue.sha256.clone(),
            core: crate::report::bound::CoreClaim::default(),
            goldens_sha256: None,
            started: started.to_string(),
            duration: clock.elapsed(),
            cases,
            extra: extra.map(|endpoint| endpoint.id.clone()).collect(),
            orphans: Vec::new(),
            warnings: Vec::new(),
            rule_debt,
            strict_rules: self.strict_rules,
        }
    }

    fn judge_case(&self, reference: CaseRun, candidate: CaseRun) -> CaseReport {
        let case = &self.catalogue.cases[candidate.case];
        let report = CaseReport::new(self.catalogue, &candidate);
        let (
            mut report,
            Answered {
                observation: candidate,
                losses,
            },
        ) = match answered(report, candidate.outcome) {
            Ok(answered) => answered,
            Err(report) => return *report,
        };
        let reference = match reference.outcome {
            Outcome::Answered { observation, .. } => observation,
            Outcome::NotRun(why) | Outcome::Failed(why) => {
                return report.with(State::Failed {
                    reason: format!("legacy: {why}"),
                });
            }
            Outcome::Blocked { by } => {
                let reason = format!("legacy: it needs a value that `{by}` did not give");
                return report.with(State::Failed { reason });
            }
        };
        if let Ok(answer) = &reference.answer {
            report.hint = hint(case, answer, &candidate);
        }
        let exchange = Exchange {
            endpoint: self.catalogue.endpoint_of(case).id.clone(),
            case: case.id.clone(),
            method: case.request.method.clone(),
            path: report.path.clone(),
            reference,
            candidate,
        };
        let state = settle(&mut report, self.catalogue, &exchange, &losses);
        if state == State::Different {
            // As with pending files: what looks personal at an unmarked place is not shown.
            report.diff = diff(&exchange, &report).filter(|text| {
                self.catalogue.data == DataClass::Synthetic || personal::find(text).is_none()
            });
        }
        report.with(state)
    }
}

/// Both answers as a golden file would hold them, line against line.
fn diff(exchange: &Exchange, report: &CaseReport) -> Option<String> {
    let text = |side: &Observation, beside: Option<Beside<'_>>| {
        let answer = side.answer.as_ref().ok()?;
        Some(contents::render(
            answer,
            &side.tokens,
            side.origin.as_deref(),
            beside,
        ))
    };
    let reference = text(&exchange.reference, None)?;
    let golden: Masked = contents::parse(&reference).ok()?;
    let is_equal = |place: &str| report.is_equal(place);
    let beside = Beside {
        golden: &golden,
        is_equal: &is_equal,
        to_read: true,
    };
    let candidate = text(&exchange.candidate, Some(beside))?;
    Some(line_diff(&reference, &candidate, "legacy", "core"))
}
