//! The JSON report: what programs read. Its shape is a contract, versioned by `schema`.

use std::io;

use serde_json::{Value, json};

use super::{CaseReport, Report};
use crate::verdict::Difference;

/// Version of the shape; a field that changes its meaning or goes away raises it.
pub const SCHEMA: &str = "verifier-report/1";

/// Writes `report`, indented, with a final line break.
pub fn write(report: &Report, out: &mut dyn io::Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &value(report))?;
    out.write_all(b"\n")
}

fn value(report: &Report) -> Value {
    let totals = report.totals();
    let list = |of: fn(&CaseReport) -> &[Difference]| -> Vec<Value> {
        let cases = report.cases.iter();
        cases
            .flat_map(|case| of(case).iter().map(|difference| finding(case, difference)))
            .collect()
    };
    json!({
        "schema": SCHEMA,
        "command": report.command,
        "tool_version": env!("CARGO_PKG_VERSION"),
        "target": report.target,
        "catalogue": {"path": report.catalogue.display().to_string(), "sha256": report.catalogue_sha256},
        "core": report.core,
        "goldens_sha256": report.goldens_sha256,
        "started": report.started,
        "duration_ms": millis(report.duration),
        "exit_code": report.exit() as u8,
        "headline": report.headline(),
        "totals": {
            "endpoints": totals.endpoints,
            "endpoints_green": totals.endpoints_green,
            "extra": totals.extra,
            "extra_green": totals.extra_green,
            "cases": totals.cases,
            "equal": totals.equal,
            "different": totals.different,
            "not_run": totals.not_run,
            "blocked": totals.blocked,
            "no_golden": totals.no_golden,
            "not_judged": totals.failed,
            "findings": totals.findings,
            "notes": totals.notes,
        },
        "findings": list(|case| &case.findings),
        "notes": list(|case| &case.notes),
        "cases": report.cases.iter().map(case).collect::<Vec<_>>(),
        "goldens_not_from_legacy": report
            .foreign_goldens()
            .iter()
            .map(|(case, from)| json!({"case": case, "recorded_from": from}))
            .collect::<Vec<_>>(),
        "goldens_without_case": report.orphans,
        "warnings": report.warnings,
        "rule_debt": report
            .rule_debt
            .iter()
            .map(|debt| json!({"rule": debt.rule, "text": debt.to_string()}))
            .collect::<Vec<_>>(),
    })
}

fn millis(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn case(case: &CaseReport) -> Value {
    json!({
        "endpoint": case.endpoint,
        "case": case.case,
        "method": case.method,
        "path": case.path,
        "state": case.state.word(),
        "reason": case.state.reason(),
        "hint": case.hint,
        "findings": case.findings.len() as u64 + case.truncated,
        "findings_not_listed": case.truncated,
        "notes": case.notes.len(),
        "rules": case.rules,
        "recorded_from": case.recorded_from.as_deref().unwrap_or("legacy"),
        "pending": case.pending.as_ref().map(|path| path.display().to_string()),
        "diff": case.diff,
        "duration_ms": millis(case.duration),
    })
}

fn finding(case: &CaseReport, difference: &Difference) -> Value {
    let mut value = json!({
        "endpoint": case.endpoint,
        "case": case.case,
        "method": case.method,
        "path": case.path,
    });
    // `Difference` serialises to an object: location, kind, reference, candidate, relation, …
    if let (Value::Object(all), Ok(Value::Object(own))) =
        (&mut value, serde_json::to_value(difference))
    {
        all.extend(own);
        all.insert(
            "rules".to_owned(),
            json!(difference.rule.iter().collect::<Vec<_>>()),
        );
    }
    value
}
