#![deny(clippy::disallowed_methods)]
//! Coverage for programs.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;

use serde_json::{Value, json};

use super::CoverageReport;
use crate::coverage::{EndpointCoverage, GapKind, Met};

/// Name and version of the form. Fields stay; a change of meaning raises the version.
pub const SCHEMA: &str = "verifier-coverage/1";

/// Writes `report`, indented, with a final line break.
pub fn write(report: &CoverageReport, out: &mut dyn io::Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &value(report))?;
    out.write_all(b"\n")
}

fn value(report: &CoverageReport) -> Value {
    let coverage = &report.coverage;
    let totals = coverage.totals();
    let path = |path: &std::path::PathBuf| path.display().to_string();
    let kinds = GapKind::ALL.into_iter();
    let counts: BTreeMap<&str, usize> = kinds
        .map(|kind| (kind.name(), coverage.count(kind)))
        .collect();
    json!({
        "schema": SCHEMA,
        "command": "coverage",
        "tool_version": env!("CARGO_PKG_VERSION"),
        "evidence": report.evidence.iter().map(path).collect::<Vec<_>>(),
        "catalogue": report.catalogue.as_ref().map(path),
        "golden": report.golden.as_ref().map(path),
        "exit_code": report.exit() as u8,
        "headline": report.headline(),
        "totals": {
            "endpoints": totals.endpoints,
            "endpoints_live": totals.endpoints_live,
            "routes_not_in_catalogue": totals.routes_not_in_catalogue,
            "sent": totals.sent,
            "compared": totals.compared,
            "cases": totals.cases,
            "cases_with_golden": totals.cases_with_golden,
            "gaps": counts,
        },
        "waived": report.waived,
        "endpoints": coverage.endpoints.iter().map(endpoint).collect::<Vec<_>>(),
        "gaps": coverage.gaps,
        "warnings": coverage.warnings,
    })
}

fn endpoint(endpoint: &EndpointCoverage) -> Value {
    let uses: Vec<Value> = endpoint
        .uses
        .by
        .iter()
        .map(|(key, one)| {
            json!({
                "status": key.status,
                "role": key.role,
                "policy": key.handling,
                "sent": one.sent,
                "compared": one.compared,
                "parameters": one.parameters,
            })
        })
        .collect();
    let cases: Vec<Value> = endpoint
        .cases
        .iter()
        .map(|case| {
            json!({
                "case": case.id,
                "golden": case.golden,
                "statuses": case.statuses,
                "role": case.role,
                "writes": case.writes,
            })
        })
        .collect();
    let fields: Vec<Value> = endpoint
        .fields
        .iter()
        .map(|(name, met)| json!({"name": name, "shapes": met.live, "cases": met.cases}))
        .collect();
    json!({
        "endpoint": endpoint.name,
        "method": endpoint.method,
        "path": endpoint.path,
        "in_catalogue": endpoint.declared,
        "sent": endpoint.seen.sent,
        "compared": endpoint.seen.compared,
        "writes": endpoint.writes,
        "policies": endpoint.handlings.iter().map(|(handling, seen)| {
            json!({"policy": handling, "sent": seen.sent, "compared": seen.compared})
        }).collect::<Vec<_>>(),
        "statuses": met(&endpoint.statuses),
        "roles": met(&endpoint.roles),
        "parameters": met(&endpoint.parameters),
        "fields": fields,
        "cases": cases,
        "uses": uses,
        "uses_cut": endpoint.uses.cut,
    })
}

fn met<N: Display>(all: &BTreeMap<N, Met>) -> Vec<Value> {
    let all = all.iter().map(|(name, met)| {
        json!({
            "name": name.to_string(),
            "requests": met.live,
            "compared": met.compared,
            "cases": met.cases,
        })
    });
    all.collect()
}
