//! What replays of the golden files must show.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Context, Proof, binding, fresh, not_shrunken, of_catalogue, of_running};
use crate::cutover::is_safe;
use crate::gate::criterion::{CriterionResult, Unit, Verdict, Weighs};
use crate::gate::record::{EvidenceKind, EvidenceRecord};
use crate::report::bound::CoreClaim;
use crate::report::json::SCHEMA;

const KIND: EvidenceKind = EvidenceKind::Replay;

/// The parts of a report that are looked at.
#[derive(Clone, Debug, Deserialize)]
pub struct ReplayReport {
    schema: String,
    command: String,
    tool_version: String,
    catalogue: CatalogueRef,
    started: String,
    duration_ms: f64,
    exit_code: u8,
    totals: Totals,
    cases: Vec<Case>,
    goldens_not_from_legacy: Vec<serde_json::Value>,
    #[serde(default)]
    goldens_sha256: Option<String>,
    #[serde(default)]
    core: CoreClaim,
    #[serde(default)]
    notes: Vec<serde_json::Value>,
}

impl ReplayReport {
    /// What it says of the core that answered.
    pub fn names(&self) -> Vec<String> {
        self.core.names()
    }
}

/// The catalogue a report was made with.
#[derive(Clone, Debug, Deserialize)]
pub struct CatalogueRef {
    /// Its hash.
    pub sha256: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Totals {
    cases: u64,
    equal: u64,
    different: u64,
    findings: u64,
}

#[derive(Clone, Debug, Deserialize)]
struct Case {
    endpoint: String,
    #[serde(rename = "case")]
    id: String,
    method: String,
    state: String,
    #[serde(default)]
    reason: Option<String>,
}

/// Which cases are equal, and so which endpoints need no proof from live traffic.
#[derive(Clone, Debug, Default)]
pub struct Green {
    /// Endpoints with every case equal.
    pub endpoints: BTreeSet<String>,
    /// Of these, endpoints that write and whose effect a later equal read shows.
    pub writes_verified: BTreeSet<String>,
    /// Endpoints that write.
    pub writes: BTreeSet<String>,
}

/// A report with the name and the hash of its file.
#[derive(Clone, Debug)]
pub struct Named<T> {
    /// The file, for people.
    pub source: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// What it says.
    pub report: T,
}

/// Judges all reports together.
pub fn judge(reports: &[Named<ReplayReport>], context: &Context<'_>) -> (Proof, Green) {
    let source = reports
        .iter()
        .map(|named| named.source.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    let source = source.as_str();
    let mut criteria = Vec::new();
    let mut states: BTreeMap<&str, (&Case, bool)> = BTreeMap::new();
    let mut contradictions = Vec::new();
    let mut names: Option<Vec<String>> = None;
    let (mut from_ms, mut oldest, mut excused) = (i64::MAX, i64::MAX, 0);
    let mut differing = 0;
    for named in reports {
        let report = &named.report;
        let Some(started) = moment(&report.started) else {
            criteria.push(malformed(&named.source, "`started` is no time"));
            continue;
        };
        if report.schema != SCHEMA || report.command != "replay" {
            criteria.push(malformed(
                &named.source,
                &format!(
                    "it is a `{}` of `{}`, not a replay's report",
                    report.schema, report.command
                ),
            ));
        }
        let equal = report
            .cases
            .iter()
            .filter(|case| case.state == "equal")
            .count() as u64;
        let totals = &report.totals;
        if totals.cases != report.cases.len() as u64
            || totals.equal != equal
            || (report.exit_code == 0)
                != (equal == totals.cases && equal > 0 && totals.findings == 0)
        {
            contradictions.push(format!(
                "{}: its totals are not those of its cases",
                named.source
            ));
        }
        for case in &report.cases {
            let is_equal = case.state == "equal";
            match states.get_mut(case.id.as_str()) {
                // One red answer is not undone by a green one: the service answers now so, now so.
                Some((_, green)) if *green != is_equal => {
                    contradictions.push(format!(
                        "{}: equal in one report and not in another",
                        case.id
                    ));
                    *green = false;
                }
                Some(_) => {}
                None => {
                    states.insert(&case.id, (case, is_equal));
                }
            }
        }
        differing += totals.different;
        excused += report.notes.len() as u64;
        from_ms = from_ms.min(started);
        #[allow(clippy::cast_possible_truncation)] // a duration in milliseconds
        let end = started.saturating_add(report.duration_ms.clamp(0.0, 1e12) as i64);
        oldest = oldest.min(end);
        let own = report.core.names();
        names = Some(match names {
            None => own,
            // What all reports say together: a report that names no core binds nothing.
            Some(names) => names
                .into_iter()
                .filter(|name| own.contains(name))
                .collect(),
        });
    }
    let names = names.unwrap_or_default();
    let hashes = reports
        .iter()
        .map(|named| named.report.catalogue.sha256.as_str())
        .collect();
    criteria.push(of_running(KIND, source, &names, context));
    criteria.push(fresh(
        KIND,
        source,
        oldest,
        context.config.evidence.replay_max_age,
        context.now_ms,
    ));
    criteria.push(of_catalogue(KIND, source, &hashes, context));
    criteria.push(binding(
        "replay.consistent".to_owned(),
        source,
        (!contradictions.is_empty()).then(|| {
            (
                contradictions.join("; "),
                "find out which is right, then make all reports again".to_owned(),
            )
        }),
        "the reports agree".to_owned(),
    ));
    let goldens: BTreeSet<_> = reports
        .iter()
        .filter_map(|named| named.report.goldens_sha256.clone())
        .collect();
    let foreign: usize = reports
        .iter()
        .map(|named| named.report.goldens_not_from_legacy.len())
        .sum();
    criteria.push(binding(
        "replay.goldens".to_owned(),
        source,
        if foreign > 0 {
            Some((
                format!("{foreign} golden files hold what somebody else than legacy answered"),
                "record them from legacy".to_owned(),
            ))
        } else if goldens.len() > 1 {
            Some((
                "the reports were made with different golden files".to_owned(),
                "make them again with one folder".to_owned(),
            ))
        } else {
            None
        },
        "all from legacy".to_owned(),
    ));
    let (complete, equal) = cases(&states, source, context);
    criteria.push(complete);
    criteria.push(equal);
    criteria.push(not_shrunken(KIND, source, states.len() as u64, context));

    let green = green(&states, context);
    let record = EvidenceRecord {
        kind: KIND,
        core: names,
        legacy: Vec::new(),
        catalogue: context
            .catalogue
            .map(|catalogue| catalogue.sha256.clone())
            .unwrap_or_default(),
        goldens: goldens.into_iter().next(),
        file: Some(
            reports
                .iter()
                .map(|named| named.sha256.as_str())
                .collect::<Vec<_>>()
                .join("+"),
        ),
        n: states.len() as u64,
        k: differing,
        distinct: states.len() as u64,
        excused,
        from_ms,
        to_ms: oldest,
        expires_ms: oldest.saturating_add(context.config.evidence.replay_max_age.millis()),
        attempt: context.attempt,
        alpha: context.config.compatibility.alpha,
        ln_e: None,
        tool: reports
            .first()
            .map(|named| named.report.tool_version.clone())
            .unwrap_or_default(),
        sha256: String::new(),
    };
    let mut proof = Proof {
        criteria,
        record: None,
    };
    if proof.holds() {
        proof.record = Some(record.sealed());
    }
    (proof, green)
}

/// `replay.complete` and `replay.equal`: every case of the catalogue, and none different.
fn cases(
    states: &BTreeMap<&str, (&Case, bool)>,
    source: &str,
    context: &Context<'_>,
) -> (CriterionResult, CriterionResult) {
    let wanted: Vec<&str> = context
        .catalogue
        .map(|catalogue| {
            catalogue
                .cases
                .iter()
                .map(|case| case.id.as_str())
                .collect()
        })
        .unwrap_or_default();
    let missing: Vec<&str> = wanted
        .iter()
        .copied()
        .filter(|id| !states.contains_key(id))
        .collect();
    let complete = CriterionResult::new(
        "replay.complete",
        Weighs::Evidence,
        if wanted.is_empty() {
            Verdict::NoData
        } else if missing.is_empty() {
            Verdict::Pass
        } else {
            Verdict::Fail
        },
    )
    .source(source)
    .value(
        (wanted.len() - missing.len()) as f64,
        Unit::Count,
        wanted.len() as u64,
    )
    .limit(wanted.len() as f64)
    .why(if missing.is_empty() {
        format!(
            "{} of {} cases of the catalogue were asked",
            wanted.len(),
            wanted.len()
        )
    } else {
        format!(
            "{} cases of the catalogue were not asked: {}",
            missing.len(),
            some(&missing)
        )
    })
    .help("replay without `--only`, and with `--allow-writes` against a disposable core");
    let red: Vec<&str> = states
        .values()
        .filter(|(case, green)| !green && case.state == "different")
        .map(|(case, _)| case.id.as_str())
        .collect();
    let open: Vec<String> = states
        .values()
        .filter(|(case, green)| !green && case.state != "different")
        .map(|(case, _)| match &case.reason {
            Some(reason) => format!("{} ({}: {reason})", case.id, case.state),
            None => format!("{} ({})", case.id, case.state),
        })
        .collect();
    let (verdict, why) = if !red.is_empty() {
        (
            Verdict::Fail,
            format!("{} cases differ: {}", red.len(), some(&red)),
        )
    } else if !open.is_empty() {
        let open: Vec<&str> = open.iter().map(String::as_str).collect();
        (
            Verdict::Insufficient,
            format!("{} cases were not judged: {}", open.len(), some(&open)),
        )
    } else if states.is_empty() {
        (Verdict::NoData, "no case was asked".to_owned())
    } else {
        (
            Verdict::Pass,
            format!("{} cases, no unexplained difference", states.len()),
        )
    };
    let equal = CriterionResult::new("replay.equal", Weighs::Step, verdict)
        .source(source)
        .value(
            (red.len() + open.len()) as f64,
            Unit::Count,
            states.len() as u64,
        )
        .limit(0.0)
        .why(why)
        .help("look at the report; explain a difference by a rule or mend core");
    (complete, equal)
}

/// Endpoints whose every case of the catalogue is equal. A write is verified where a read of the same
/// journey comes after it and is equal too: what it did is seen then, not only what it said.
fn green(states: &BTreeMap<&str, (&Case, bool)>, context: &Context<'_>) -> Green {
    let mut green = Green::default();
    let Some(catalogue) = context.catalogue else {
        return green;
    };
    let is_equal = |id: &str| states.get(id).is_some_and(|(_, green)| *green);
    for (at, endpoint) in catalogue.endpoints.iter().enumerate() {
        let mut cases = catalogue
            .cases
            .iter()
            .filter(|case| case.endpoint == at)
            .peekable();
        if cases.peek().is_some() && cases.all(|case| is_equal(&case.id)) {
            green.endpoints.insert(endpoint.id.clone());
        }
    }
    for (at, case) in catalogue.cases.iter().enumerate() {
        if !case.writes {
            continue;
        }
        let endpoint = &catalogue.endpoints[case.endpoint].id;
        green.writes.insert(endpoint.clone());
        let seen_after = catalogue.journeys.iter().any(|journey| {
            journey
                .steps()
                .skip_while(|&step| step != at)
                .skip(1)
                .any(|step| {
                    let later = &catalogue.cases[step];
                    !later.writes && is_equal(&later.id)
                })
        });
        if seen_after && is_equal(&case.id) {
            green.writes_verified.insert(endpoint.clone());
        }
    }
    // A report may name endpoints that the catalogue of today does not have.
    for (case, _) in states.values() {
        if !is_safe(&case.method, [])
            && !catalogue
                .endpoints
                .iter()
                .any(|endpoint| endpoint.id == case.endpoint)
        {
            green.writes.insert(case.endpoint.clone());
        }
    }
    green
}

fn malformed(source: &str, why: &str) -> CriterionResult {
    CriterionResult::new("replay.present", Weighs::Evidence, Verdict::Error)
        .source(source)
        .why(why)
        .help("make it with `verifier replay --report json=FILE`")
}

/// RFC 3339 as milliseconds since 1970.
pub(super) fn moment(text: &str) -> Option<i64> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(at.as_millisecond())
}

/// The first few of many.
pub(super) fn some(names: &[&str]) -> String {
    const SHOWN: usize = 4;
    let shown = names
        .iter()
        .take(SHOWN)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
