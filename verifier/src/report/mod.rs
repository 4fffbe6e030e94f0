//! What a run found, and the forms it is shown in: one file a form, each writing to any `io::Write`.

pub mod bound;
pub mod coverage;
pub mod gate;
pub mod groups;
pub mod html;
pub mod json;
pub mod junit;
pub mod live;
pub mod markdown;
pub mod run_sheet;
pub mod sheet;
pub mod side_by_side;
pub mod table;
pub mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use crate::catalogue::Catalogue;
use crate::golden::run::CaseRun;
use crate::rules::{DebtFault, RuleDebt, Rules};
use crate::verdict::Difference;

/// One run of a catalogue against one target.
#[derive(Debug)]
pub struct Report {
    /// `replay`.
    pub command: &'static str,
    /// The target's base address.
    pub target: String,
    /// The catalogue file.
    pub catalogue: PathBuf,
    /// SHA-256 of that file.
    pub catalogue_sha256: String,
    /// Which core answered, where that was said.
    pub core: bound::CoreClaim,
    /// SHA-256 over all golden files, where there are any.
    pub goldens_sha256: Option<String>,
    /// When the run started (RFC 3339).
    pub started: String,
    /// How long it took.
    pub duration: Duration,
    /// Every case that was asked for, in the catalogue's order.
    pub cases: Vec<CaseReport>,
    /// Endpoint ids beyond the counted list.
    pub extra: BTreeSet<String>,
    /// Golden files that belong to no case.
    pub orphans: Vec<String>,
    /// Things a reader should know that are no findings.
    pub warnings: Vec<String>,
    /// Rules that expired, matched nothing, or met differences they are not for.
    pub rule_debt: Vec<RuleDebt>,
    /// Whether such rules make the run fail.
    pub strict_rules: bool,
}

/// One case of a run.
#[derive(Debug)]
pub struct CaseReport {
    /// Place in the catalogue.
    pub order: usize,
    /// Endpoint id.
    pub endpoint: String,
    /// Case id.
    pub case: String,
    /// Method.
    pub method: String,
    /// Path and query as sent.
    pub path: String,
    /// What became of it.
    pub state: State,
    /// What makes it different.
    pub findings: Vec<Difference>,
    /// Findings beyond the bound.
    pub truncated: u64,
    /// What was tolerated.
    pub notes: Vec<Difference>,
    /// Rules that fired, and how often.
    pub rules: BTreeMap<String, u64>,
    /// Differences of other kinds at the place of a known one, by rule.
    pub strayed: BTreeMap<String, u64>,
    /// What to look at first.
    pub hint: Option<String>,
    /// Line diff between golden file and candidate.
    pub diff: Option<String>,
    /// The pending file that was left.
    pub pending: Option<PathBuf>,
    /// Who answered when the golden file was recorded, if not legacy.
    pub recorded_from: Option<String>,
    /// Time from sending to the end of the answer.
    pub duration: Duration,
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// As the golden file says.
    Equal,
    /// At least one finding.
    Different,
    /// Not sent.
    NotRun {
        /// Why.
        reason: String,
    },
    /// A value it needs did not come, since an earlier case differed.
    Blocked {
        /// That case.
        by: String,
    },
    /// Nothing to hold the answer against.
    NoGolden {
        /// What is missing, and the remedy.
        reason: String,
    },
    /// Could not be judged.
    Failed {
        /// Why, and the remedy.
        reason: String,
    },
}

impl State {
    /// One word for tables and JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Different => "different",
            Self::NotRun { .. } => "not run",
            Self::Blocked { .. } => "blocked",
            Self::NoGolden { .. } => "no golden",
            Self::Failed { .. } => "not judged",
        }
    }

    /// Why, where the word alone does not say.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Equal | Self::Different => None,
            Self::Blocked { by } => Some(format!("blocked by {by}")),
            Self::NotRun { reason } | Self::NoGolden { reason } | Self::Failed { reason } => {
                Some(reason.clone())
            }
        }
    }
}

/// How a run ended; the number is the process's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything asked for was judged, and nothing differs.
    Green = 0,
    /// At least one difference.
    Differences = 1,
    /// The command line or a file it names is wrong; nothing was judged.
    Usage = 2,
    /// Something was not judged, or there was nothing to judge.
    Incomplete = 3,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Counts over a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Endpoints of the counted list that were asked for.
    pub endpoints: usize,
    /// Of those, with every case equal.
    pub endpoints_green: usize,
    /// Endpoints beyond the list.
    pub extra: usize,
    /// Of those, with every case equal.
    pub extra_green: usize,
    /// Cases asked for.
    pub cases: usize,
    /// Cases in each state.
    pub equal: usize,
    /// Different.
    pub different: usize,
    /// Not run.
    pub not_run: usize,
    /// Blocked by another case.
    pub blocked: usize,
    /// Without a golden file.
    pub no_golden: usize,
    /// Not judged.
    pub failed: usize,
    /// Findings, also those beyond the bound.
    pub findings: u64,
    /// Notes.
    pub notes: usize,
}

impl CaseReport {
    pub(crate) fn new(catalogue: &Catalogue, run: &CaseRun) -> Self {
        let case = &catalogue.cases[run.case];
        Self {
            order: run.case,
            endpoint: catalogue.endpoint_of(case).id.clone(),
            case: case.id.clone(),
            method: case.request.method.clone(),
            path: run.path.clone(),
            state: State::Equal,
            findings: Vec::new(),
            truncated: 0,
            notes: Vec::new(),
            rules: BTreeMap::new(),
            strayed: BTreeMap::new(),
            hint: None,
            diff: None,
            pending: None,
            recorded_from: None,
            duration: Duration::ZERO,
        }
    }

    /// Whether nothing was found at an exact place, so that both sides may be shown alike there.
    pub(crate) fn is_equal(&self, place: &str) -> bool {
        let found = |finding: &Difference| {
            let at = finding.location.to_string();
            at == place
                || at == "body"
                || place
                    .strip_prefix(at.as_str())
                    .is_some_and(|rest| rest.starts_with('/'))
                || in_shifted_array(place, &at)
        };
        self.truncated == 0 && !self.findings.iter().any(found)
    }

    pub(crate) fn with(mut self, state: State) -> Self {
        self.state = state;
        self
    }
}

impl Report {
    /// A case blocked by one that differs is explained by it; one blocked by anything else was simply
    /// not judged.
    pub(crate) fn settle_blocked(cases: &mut [CaseReport]) {
        let different: BTreeSet<String> = cases
            .iter()
            .filter(|case| case.state == State::Different)
            .map(|case| case.case.clone())
            .collect();
        let judged: BTreeSet<String> = cases.iter().map(|case| case.case.clone()).collect();
        for case in cases {
            if let State::Blocked { by } = &case.state
                && judged.contains(by)
                && !different.contains(by)
            {
                case.state = State::Failed {
                    reason: format!(
                        "it needs a value that `{by}` did not give: look at that case first"
                    ),
                };
            }
        }
    }

    /// Which rules are worth a second look after a run of `cases`. That a rule matched nothing is told
    /// only where every case was judged: otherwise it may just not have been asked.
    pub(crate) fn debt(rules: &Rules, cases: &[CaseReport], whole: bool) -> Vec<RuleDebt> {
        let sum = |of: fn(&CaseReport) -> &BTreeMap<String, u64>| {
            let mut sum: BTreeMap<String, u64> = BTreeMap::new();
            for (rule, count) in cases.iter().flat_map(of) {
                *sum.entry(rule.clone()).or_default() += count;
            }
            sum
        };
        let judged = |case: &CaseReport| matches!(case.state, State::Equal | State::Different);
        let whole = whole && cases.iter().all(judged);
        let mut debts = rules.debt(&sum(|case| &case.rules), &sum(|case| &case.strayed));
        debts.retain(|debt| whole || debt.fault != DebtFault::MatchedNothing);
        debts
    }

    /// Counts everything.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals {
            cases: self.cases.len(),
            ..Totals::default()
        };
        let mut green: BTreeMap<&str, bool> = BTreeMap::new();
        for case in &self.cases {
            let count = match case.state {
                State::Equal => &mut totals.equal,
                State::Different => &mut totals.different,
                State::NotRun { .. } => &mut totals.not_run,
                State::Blocked { .. } => &mut totals.blocked,
                State::NoGolden { .. } => &mut totals.no_golden,
                State::Failed { .. } => &mut totals.failed,
            };
            *count += 1;
            totals.findings += case.findings.len() as u64 + case.truncated;
            totals.notes += case.notes.len();
            *green.entry(&case.endpoint).or_insert(true) &= case.state == State::Equal;
        }
        for (endpoint, green) in green {
            let (all, good) = if self.extra.contains(endpoint) {
                (&mut totals.extra, &mut totals.extra_green)
            } else {
                (&mut totals.endpoints, &mut totals.endpoints_green)
            };
            *all += 1;
            *good += usize::from(green);
        }
        totals
    }

    /// Differences come before gaps; a run that judged nothing is a gap.
    pub fn exit(&self) -> Exit {
        let totals = self.totals();
        if totals.different > 0 || (self.strict_rules && !self.rule_debt.is_empty()) {
            Exit::Differences
        } else if totals.equal == 0
            || totals.not_run + totals.no_golden + totals.failed + totals.blocked > 0
        {
            Exit::Incomplete
        } else {
            Exit::Green
        }
    }

    /// `40/40 endpoints, 1/1 extra`.
    pub fn headline(&self) -> String {
        let totals = self.totals();
        let mut line = format!("{}/{} endpoints", totals.endpoints_green, totals.endpoints);
        if totals.extra > 0 {
            line.push_str(&format!(", {}/{} extra", totals.extra_green, totals.extra));
        }
        line
    }

    /// Golden files that legacy did not answer: case and source.
    pub fn foreign_goldens(&self) -> Vec<(&str, &str)> {
        self.cases
            .iter()
            .filter_map(|case| Some((case.case.as_str(), case.recorded_from.as_deref()?)))
            .collect()
    }
}

/// Where an element was added or removed, later ones no longer stand beside their own counterpart.
fn in_shifted_array(place: &str, finding: &str) -> bool {
    let Some((array, index)) = finding.rsplit_once('/') else {
        return false;
    };
    index.bytes().all(|byte| byte.is_ascii_digit())
        && place
            .strip_prefix(array)
            .is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
