//! What the comparison of live traffic must show.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use super::replay::Green;
use super::{Context, Proof, binding, fresh, not_shrunken, of_catalogue, of_running, waiver};
use crate::confidence::{Assessment, ConfidenceConfig, Standing, assess};
use crate::evidence::record::{AND, Evidence};
use crate::gate::criterion::{CriterionResult, Unit, Verdict, Weighs};
use crate::gate::record::{EvidenceKind, EvidenceRecord};
use crate::report::live::LiveReport;
use crate::stats::{alpha_of_attempt, ln_threshold};

const KIND: EvidenceKind = EvidenceKind::Live;

/// Judges all that proxies saw. `green` is what replays of the same core showed.
pub fn judge(source: &str, evidence: Evidence, green: &Green, context: &Context<'_>) -> Proof {
    let config = context.config;
    let runs: Vec<_> = evidence.runs.values().cloned().collect();
    let from_ms = runs.iter().map(|run| run.started_ms).min().unwrap_or(0);
    let to_ms = runs.iter().map(|run| run.written_ms).max().unwrap_or(0);
    let names: BTreeSet<String> = runs
        .iter()
        .filter_map(|run| run.core_version.clone())
        .collect();
    let silent = runs.iter().filter(|run| run.core_version.is_none()).count();
    let core: Vec<String> = if silent > 0 {
        Vec::new()
    } else {
        names.into_iter().collect()
    };
    let mut criteria = Vec::new();
    let mut bound = of_running(KIND, source, &core, context);
    let foreign: Vec<&str> = core
        .iter()
        .map(String::as_str)
        .filter(|name| !context.running.holds(name))
        .collect();
    if bound.verdict == Verdict::Pass && !foreign.is_empty() {
        // Comparisons of an earlier build are mixed in: counts cannot be told apart afterwards.
        bound.verdict = Verdict::Fail;
        bound.why = format!(
            "also holds comparisons of {}, which does not run",
            foreign.join(", ")
        );
        bound.help = Some("begin a new evidence file with each build of core".to_owned());
    }
    criteria.push(bound);
    criteria.push(fresh(
        KIND,
        source,
        to_ms,
        config.evidence.live_max_age,
        context.now_ms,
    ));
    let hashes: BTreeSet<&str> = runs
        .iter()
        .map(|run| run.catalogue_sha256.as_deref().unwrap_or("none"))
        .collect();
    criteria.push(of_catalogue(KIND, source, &hashes, context));

    let legacy: BTreeSet<String> = runs
        .iter()
        .filter_map(|run| run.legacy_version.as_deref())
        .flat_map(|builds| builds.split(AND))
        .map(str::to_owned)
        .collect();
    criteria.extend(of_one_legacy(source, &legacy));

    let broken = evidence.broken_records;
    let cut_off = runs.iter().filter(|run| run.cut_off).count() as u64;
    let tool = runs.first().map(|run| run.tool.clone()).unwrap_or_default();
    let report = LiveReport {
        path: source.into(),
        evidence,
        ..LiveReport::default()
    };
    let totals = report.totals();
    let asked = totals.sent.saturating_sub(totals.skipped);
    let lost = totals.lost as f64 / asked.max(1) as f64;
    let limit = config.compatibility.lost_percent / 100.0;
    // Each proxy that was killed lost its last second: with a limit of nothing that is too much.
    let lossy = lost > limit || (limit == 0.0 && broken + cut_off > 0);
    criteria.push(
        binding(
            "live.lossless".to_owned(),
            source,
            lossy.then(|| {
                (
                    format!(
                        "{} of {asked} exchanges lost, {broken} records damaged, {cut_off} proxies killed",
                        totals.lost
                    ),
                    "find out why, then begin a new evidence file, or allow it with `compatibility.lost_percent`"
                        .to_owned(),
                )
            }),
            format!("{} of {asked} exchanges lost", totals.lost),
        )
        .value(lost, Unit::Share, asked)
        .limit(limit),
    );

    // The first build spends all of it; later ones together add less than half as much again.
    let alpha = match context.attempt {
        0 | 1 => config.compatibility.alpha,
        again => alpha_of_attempt(config.compatibility.alpha, again),
    };
    let shapes = report.evidence.ledger.shapes.len() as u64;
    let enough = shapes >= config.compatibility.min_shapes;
    criteria.push(
        CriterionResult::new(
            "live.shapes",
            Weighs::Step,
            if shapes == 0 {
                Verdict::NoData
            } else if enough {
                Verdict::Pass
            } else {
                Verdict::Insufficient
            },
        )
        .source(source)
        .value(shapes as f64, Unit::Count, totals.compared)
        .limit(config.compatibility.min_shapes as f64)
        .why(format!("{shapes} different request shapes"))
        .help("one request sent often is one comparison: let real traffic in"),
    );
    // The counts are weighed as the reports weigh them: what cannot be told from noise yet counts against
    // a proof and is no failure. A verdict waits for it all the same.
    criteria.push(
        CriterionResult::new(
            "live.undecided",
            Weighs::Step,
            if totals.undecided == 0 {
                Verdict::Pass
            } else {
                Verdict::Insufficient
            },
        )
        .source(source)
        .value(totals.undecided as f64, Unit::Count, totals.compared)
        .limit(0.0)
        .why(format!(
            "{} exchanges cannot be told from noise yet, {} are noise",
            totals.undecided, totals.noise
        ))
        .help("let more pairs with the second legacy come in"),
    );
    criteria.push(of_self_check(source, &report));
    let held_to = |percent: f64| ConfidenceConfig {
        target_percent: percent,
        limit_percent: percent,
        alpha,
        ..ConfidenceConfig::default()
    };
    let total_demand = held_to(config.compatibility.total_percent);
    let total = assess(
        totals.compared,
        totals.different,
        totals.undecided,
        &total_demand,
    );
    criteria.push(rate("live.total", source, &total, &total_demand));

    let demand = held_to(config.compatibility.endpoint_percent);
    let weighed: BTreeMap<&str, Assessment> = report
        .endpoints()
        .iter()
        .map(|line| {
            let compared = line.record.tally.compared();
            let seen = assess(compared, line.different, line.undecided, &demand);
            (line.name, seen)
        })
        .collect();
    let listed = context.catalogue.map(|catalogue| {
        catalogue
            .endpoints
            .iter()
            .map(|endpoint| endpoint.id.as_str())
            .collect::<BTreeSet<_>>()
    });
    let all: BTreeSet<&str> = listed
        .unwrap_or_default()
        .into_iter()
        .chain(weighed.keys().copied())
        .collect();
    for endpoint in all {
        let seen = weighed.get(endpoint).copied();
        let seen = seen.unwrap_or_else(|| assess(0, 0, 0, &demand));
        criteria.push(one_endpoint(
            endpoint, source, &seen, &demand, green, context,
        ));
    }
    criteria.push(not_shrunken(KIND, source, totals.endpoints as u64, context));

    let excused = report
        .evidence
        .ledger
        .endpoints
        .values()
        .map(|record| record.rules.len() as u64)
        .sum();
    let record = EvidenceRecord {
        kind: KIND,
        core,
        legacy: legacy.into_iter().collect(),
        catalogue: context
            .catalogue
            .map(|catalogue| catalogue.sha256.clone())
            .unwrap_or_default(),
        goldens: None,
        file: None,
        n: total.compared,
        k: total.mismatched,
        distinct: totals.endpoints as u64,
        excused,
        from_ms,
        to_ms,
        expires_ms: to_ms.saturating_add(config.evidence.live_max_age.millis()),
        attempt: context.attempt,
        alpha,
        ln_e: Some(total.ln_e_below_target.clamp(-1_000.0, 1_000.0)),
        tool,
        sha256: String::new(),
    };
    let mut proof = Proof {
        criteria,
        record: None,
    };
    if proof.holds() {
        proof.record = Some(record.sealed());
    }
    proof
}

/// `live.legacy`: what equals one build of legacy may differ from the next. Nothing where legacy tells no
/// build: then nothing can be said.
fn of_one_legacy(source: &str, legacy: &BTreeSet<String>) -> Option<CriterionResult> {
    let names: Vec<&str> = legacy.iter().map(String::as_str).collect();
    let names = names.join(", ");
    let fault = (legacy.len() > 1).then(|| {
        (
            format!("compared with several builds of legacy: {names}"),
            "begin a new evidence file with each build of legacy".to_owned(),
        )
    });
    (!legacy.is_empty()).then(|| {
        binding(
            "live.legacy".to_owned(),
            source,
            fault,
            format!("compared with legacy's build {names}"),
        )
    })
}

/// `live.self_check`: a verifier that misses the faults it plants into its own copy of core's answers has
/// proved nothing, whatever the counts say.
fn of_self_check(source: &str, report: &LiveReport) -> CriterionResult {
    let counts = report.self_check_counts();
    let held_to = report.self_check;
    let warning = held_to.warning(&counts, None);
    let verdict = match warning {
        Some(_) => Verdict::Insufficient,
        None => Verdict::Pass,
    };
    let mut result = CriterionResult::new("live.self_check", Weighs::Step, verdict)
        .source(source)
        .limit(held_to.min_recall)
        .why(warning.unwrap_or_else(|| counts.words()))
        .help("narrow the rules and masks that excuse planted faults, then gather anew");
    if let Some(recall) = counts.recall() {
        result = result.value(recall, Unit::Share, counts.injected());
    }
    result
}

/// A mismatch rate that must be proved to be below the target of `demand`.
fn rate(name: &str, source: &str, seen: &Assessment, demand: &ConfidenceConfig) -> CriterionResult {
    let (n, k) = (seen.compared, seen.mismatched);
    let (verdict, why) = match seen.standing {
        Standing::NoData => (Verdict::NoData, "nothing was compared".to_owned()),
        Standing::Failing => (
            Verdict::Fail,
            format!("{k} of {n} differ: more than the limit"),
        ),
        Standing::Proven => (
            Verdict::Pass,
            format!("{k} of {n} differ: proved to be below the limit"),
        ),
        Standing::NotYet => (
            Verdict::Insufficient,
            format!("{k} of {n} differ: too few to tell"),
        ),
    };
    let result = CriterionResult::new(name, Weighs::Step, verdict)
        .source(source)
        .value(k as f64 / n.max(1) as f64, Unit::Share, n)
        .limit(demand.target())
        .e_value(seen.ln_e_below_target, ln_threshold(demand.alpha))
        .why(why);
    match verdict {
        Verdict::Pass => result,
        Verdict::Fail => {
            result.help("look at `verifier report`; explain the differences by rules or mend core")
        }
        _ => result.missing(seen.needed).help(match seen.needed {
            Some(more) => format!("{more} more comparisons without a difference"),
            None => "more comparisons".to_owned(),
        }),
    }
}

/// One endpoint is proved live; or by its replayed cases, where nothing live speaks against them; or
/// somebody answers for it.
fn one_endpoint(
    endpoint: &str,
    source: &str,
    seen: &Assessment,
    demand: &ConfidenceConfig,
    green: &Green,
    context: &Context<'_>,
) -> CriterionResult {
    let name = format!("live.{endpoint}");
    let k = seen.mismatched;
    let mut result = rate(&name, source, seen, demand);
    if result.verdict == Verdict::Pass {
        return result;
    }
    let replayed = green.endpoints.contains(endpoint);
    let writes = green.writes.contains(endpoint);
    let effect_seen = !writes || green.writes_verified.contains(endpoint);
    if replayed && effect_seen && k == 0 {
        result.verdict = Verdict::Pass;
        result.why = format!("{}; every replayed case is equal", result.why);
        (result.help, result.missing) = (None, None);
        return result;
    }
    if let Some(waiver) = waiver(endpoint, context) {
        result.verdict = Verdict::Pass;
        result.why = format!(
            "{}; waived until {} by {}: {}",
            result.why, waiver.expires, waiver.owner, waiver.reason
        );
        (result.help, result.missing) = (None, None);
        return result;
    }
    if replayed && k > 0 {
        result.why = format!(
            "{}, although its replayed cases are equal: live traffic finds more",
            result.why
        );
    } else if replayed && !effect_seen {
        result.why = format!(
            "{}; it writes, and no replayed read shows the effect",
            result.why
        );
    }
    let more = result.help.take().unwrap_or_default();
    result.help = Some(format!(
        "{more}; or golden cases that cover it; or `gate.waivers` with an owner and a last day"
    ));
    result
}
