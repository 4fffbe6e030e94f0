//! What the check of tokens must show.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use serde::Deserialize;

use super::replay::{CatalogueRef, Named, moment, some};
use super::{Context, Proof, binding, fresh, not_shrunken, of_catalogue, of_running, waiver};
use crate::gate::criterion::{CriterionResult, Unit, Verdict, Weighs};
use crate::gate::record::{EvidenceKind, EvidenceRecord};
use crate::jwt::cell::Check;
use crate::jwt::report::SCHEMA;
use crate::report::bound::CoreClaim;

const KIND: EvidenceKind = EvidenceKind::Jwt;

/// The parts of a report that are looked at.
#[derive(Clone, Debug, Deserialize)]
pub struct JwtFile {
    schema: String,
    tool_version: String,
    catalogue: CatalogueRef,
    started: String,
    duration_ms: f64,
    exit_code: u8,
    totals: Totals,
    cells: Vec<Cell>,
    not_judged: Vec<String>,
    waived: Vec<String>,
    #[serde(default)]
    known: Vec<serde_json::Value>,
    #[serde(default)]
    core_identity: CoreClaim,
}

#[derive(Clone, Debug, Deserialize)]
struct Totals {
    cells: u64,
    fails: u64,
    findings: u64,
}

#[derive(Clone, Debug, Deserialize)]
struct Cell {
    name: String,
    check: String,
    verdict: String,
}

/// Judges the report.
pub fn judge(named: &Named<JwtFile>, context: &Context<'_>) -> Proof {
    let source = named.source.as_str();
    let report = &named.report;
    let mut criteria = Vec::new();
    if report.schema != SCHEMA {
        criteria.push(
            CriterionResult::new("jwt.present", Weighs::Evidence, Verdict::Error)
                .source(source)
                .why(format!(
                    "it is a `{}`, not a report on tokens",
                    report.schema
                ))
                .help("make it with `verifier jwt --report json=FILE`"),
        );
    }
    let Some(from_ms) = moment(&report.started) else {
        return Proof::unusable(
            KIND,
            Verdict::Error,
            source,
            "`started` is no time",
            "make it again",
        );
    };
    #[allow(clippy::cast_possible_truncation)] // a duration in milliseconds
    let to_ms = from_ms.saturating_add(report.duration_ms.clamp(0.0, 1e12) as i64);
    let names = report.core_identity.names();
    criteria.push(of_running(KIND, source, &names, context));
    criteria.push(fresh(
        KIND,
        source,
        to_ms,
        context.config.evidence.jwt_max_age,
        context.now_ms,
    ));
    criteria.push(of_catalogue(
        KIND,
        source,
        &BTreeSet::from([report.catalogue.sha256.as_str()]),
        context,
    ));

    let failing: Vec<&str> = report
        .cells
        .iter()
        .filter(|cell| cell.verdict == "fails")
        .map(|cell| cell.name.as_str())
        .collect();
    let contradicts = report.totals.cells != report.cells.len() as u64
        || report.totals.fails != failing.len() as u64
        || (report.exit_code == 0 && (!failing.is_empty() || report.totals.findings > 0));
    criteria.push(binding(
        "jwt.consistent".to_owned(),
        source,
        contradicts.then(|| {
            (
                "its totals are not those of its cells".to_owned(),
                "make it again".to_owned(),
            )
        }),
        "its totals are those of its cells".to_owned(),
    ));
    let absent: Vec<&str> = Check::ALL
        .iter()
        .map(|check| check.name())
        .filter(|check| !report.cells.iter().any(|cell| cell.check == *check))
        .collect();
    criteria.push(binding(
        "jwt.complete".to_owned(),
        source,
        (!absent.is_empty()).then(|| {
            (
                format!("checks that were not run: {}", absent.join(", ")),
                "run it without `--only`, with the secret and `--allow-writes`".to_owned(),
            )
        }),
        format!("all {} checks were run", Check::ALL.len()),
    ));
    let unowned: Vec<&str> = report
        .waived
        .iter()
        .map(String::as_str)
        .filter(|name| waiver(&format!("jwt:{name}"), context).is_none())
        .collect();
    let gaps: Vec<&str> = report.not_judged.iter().map(String::as_str).collect();
    let (verdict, why) =
        if !failing.is_empty() || report.totals.findings > 0 || report.exit_code == 1 {
            (
                Verdict::Fail,
                format!("{} cells fail: {}", failing.len(), some(&failing)),
            )
        } else if !unowned.is_empty() {
            (
                Verdict::Insufficient,
                format!("waived on the command line, by nobody: {}", some(&unowned)),
            )
        } else if !gaps.is_empty() || report.exit_code != 0 {
            (
                Verdict::Insufficient,
                format!("{} cells were not judged: {}", gaps.len(), some(&gaps)),
            )
        } else if report.cells.is_empty() {
            (Verdict::NoData, "no cell was tried".to_owned())
        } else {
            (
                Verdict::Pass,
                format!("all {} cells hold", report.cells.len()),
            )
        };
    criteria.push(
        CriterionResult::new("jwt.holds", Weighs::Step, verdict)
            .source(source)
            .value(failing.len() as f64, Unit::Count, report.cells.len() as u64)
            .limit(0.0)
            .why(why)
            .help("look at the report; a waiver needs an owner: `gate.waivers` with `endpoint: jwt:NAME`"),
    );
    criteria.push(not_shrunken(
        KIND,
        source,
        report.cells.len() as u64,
        context,
    ));
    let record = EvidenceRecord {
        kind: KIND,
        core: names,
        legacy: Vec::new(),
        catalogue: report.catalogue.sha256.clone(),
        goldens: None,
        file: Some(named.sha256.clone()),
        n: report.cells.len() as u64,
        k: failing.len() as u64,
        distinct: report.cells.len() as u64,
        excused: report.known.len() as u64,
        from_ms,
        to_ms,
        expires_ms: to_ms.saturating_add(context.config.evidence.jwt_max_age.millis()),
        attempt: context.attempt,
        alpha: context.config.compatibility.alpha,
        ln_e: None,
        tool: report.tool_version.clone(),
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
