#![deny(clippy::disallowed_methods)]
//! The report for programs. `findings` have the fields of a replay's and, since one stands for many
//! exchanges, `count`.

use std::io;

use serde_json::{Value, json};

use super::{LiveReport, Side, causes, curl};
use crate::evidence::noise::Decision;
use crate::evidence::record::{Group, Histogram, LATENCY_EDGES_US};
use crate::report::json::SCHEMA;
use crate::stats::e_value;

/// Writes `report`, indented, with a final line break.
pub fn write(report: &LiveReport, out: &mut dyn io::Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &value(report))?;
    out.write_all(b"\n")
}

fn value(report: &LiveReport) -> Value {
    let totals = report.totals();
    let findings: Vec<Value> = report
        .groups()
        .into_iter()
        .map(|(id, group)| finding(report, id, group))
        .collect();
    let all = report.latency();
    let mut confidence = report.pool().value(&report.confidence);
    report
        .shapes()
        .write_into(&mut confidence, report.confidence.alpha);
    json!({
        "schema": SCHEMA,
        "command": "report",
        "tool_version": env!("CARGO_PKG_VERSION"),
        "evidence": report.path.display().to_string(),
        "exit_code": report.exit() as u8,
        "headline": report.headline(),
        "live": report.is_live(),
        "totals": {
            "endpoints": totals.endpoints,
            "endpoints_equal": totals.endpoints_equal,
            "sent": totals.sent,
            "compared": totals.compared,
            "equal": totals.equal,
            "noise": totals.noise,
            "undecided": totals.undecided,
            "different": totals.different,
            "paired": totals.paired,
            "skipped": totals.skipped,
            "lost": totals.lost,
            "groups": totals.groups,
            "exchanges_beyond_groups": report.evidence.ledger.beyond_groups(),
            "broken_records": report.evidence.broken_records,
        },
        "confidence": confidence,
        "latency": all.assessment.value(&all.legacy, &all.core, &report.confidence),
        "latency_tolerances": report.tolerances(),
        "self_check": report.self_check_counts().value(),
        "min_recall": report.self_check.min_recall,
        "causes": causes::values(report),
        "findings": findings,
        "noise": noise(report, Decision::Noise),
        "undecided": noise(report, Decision::Undecided),
        "endpoints": endpoints(report),
        "shapes": report.evidence.ledger.shapes.values().collect::<Vec<_>>(),
        "runs": report.evidence.runs.values().collect::<Vec<_>>(),
        "gaps": report.gaps(),
        "warnings": report.warnings(),
    })
}

fn endpoints(report: &LiveReport) -> Vec<Value> {
    let latency = |histogram: &Histogram| {
        let edges: Vec<f64> = LATENCY_EDGES_US.iter().map(|&us| us as f64 / 1e6).collect();
        json!({
            "edges_s": edges,
            "counts": histogram.counts,
            "sum_s": histogram.sum_us as f64 / 1e6,
        })
    };
    let lines = report.endpoints().into_iter().map(|line| {
        let (record, tally) = (line.record, &line.record.tally);
        json!({
            "endpoint": line.name,
            "sent": tally.sent,
            "compared": tally.compared(),
            "equal": tally.equal,
            "noise": line.noise,
            "undecided": line.undecided,
            "different": line.different,
            "paired": tally.paired,
            "not_paired": tally.not_paired,
            "confidence": line.assessment.value(report.span()),
            "self_check": tally.self_check.value(),
            "replay": line.replay.map(|replay| json!({
                "cases": replay.cases.iter().map(|(case, _)| case).collect::<Vec<_>>(),
                "with_golden": replay.goldens(),
                "adds": line.replay_adds(),
            })),
            "skipped": line.skipped,
            "lost": line.lost,
            "not_compared": tally.not_compared,
            "equal_by_status": tally.equal_by_status,
            "different_by_status": record.different_by_status,
            "rules": record.rules,
            "strayed": record.strayed,
            "findings_not_listed": record.findings_not_listed,
            "shapes": tally.uses.shapes.distinct(),
            "unseen": tally.uses.shapes.unseen(),
            "unseen_upper": tally.uses.shapes.unseen_upper(report.confidence.alpha),
            "latency": line.latency.value(
                &tally.reference_latency,
                &tally.candidate_latency,
                &report.confidence,
            ),
            "legacy_latency": latency(&tally.reference_latency),
            "core_latency": latency(&tally.candidate_latency),
        })
    });
    lines.collect()
}

/// Groups that are no findings: what a reader needs to see that they are rightly none.
fn noise(report: &LiveReport, decision: Decision) -> Vec<Value> {
    let groups = report.groups_of(decision).into_iter();
    groups
        .map(|(id, group)| {
            json!({
                "endpoint": group.key.endpoint,
                "group": group.key.place,
                "kind": group.key.kind,
                "relation": group.key.relation,
                "severity": group.key.severity,
                "count": group.exchanges,
                "group_id": id,
                "pairing": pairing(report, group),
            })
        })
        .collect()
}

/// How a group's places differ at core and at legacy's twin, one object a manner.
fn pairing(report: &LiveReport, group: &Group) -> Vec<Value> {
    let decisions = report.decisions();
    let cells = report.cells(group).into_iter();
    cells
        .map(|(id, cell)| {
            let judged = decisions.cells.get(id);
            json!({
                "manner": cell.manner.text(),
                "decision": judged.map(|judged| judged.decision),
                "cause": judged.map(|judged| judged.cause),
                "e_value": judged.map(|judged| e_value(judged.ln_e)),
                "paired": judged.map(|judged| judged.paired),
                "core_only": cell.core_only,
                "twin_only": cell.twin_only,
                "both": cell.both,
                "unpaired": cell.unpaired,
            })
        })
        .collect()
}

fn finding(report: &LiveReport, id: &str, group: &Group) -> Value {
    let key = &group.key;
    let sample = group.samples.first();
    let difference = sample.map(|sample| &sample.difference);
    json!({
        "endpoint": key.endpoint,
        "case": null,
        "method": sample.map(|sample| &sample.request.method),
        "path": sample.map(|sample| &sample.request.target),
        "location": difference.map_or(&key.place, |difference| &difference.location),
        "kind": key.kind,
        "reference": difference.and_then(|difference| difference.reference.as_ref()),
        "candidate": difference.and_then(|difference| difference.candidate.as_ref()),
        "relation": key.relation,
        "severity": key.severity,
        "group": key.place,
        "rule": difference.and_then(|difference| difference.rule.as_ref()),
        "detail": difference.and_then(|difference| difference.detail.as_ref()),
        "count": group.exchanges,
        "pairing": pairing(report, group),
        "group_id": id,
        "reference_status": key.statuses.reference,
        "candidate_status": key.statuses.candidate,
        "first_ms": group.first_ms,
        "last_ms": group.last_ms,
        "curl": sample.map(|sample| json!({
            "legacy": curl(report, sample, Side::Legacy),
            "core": curl(report, sample, Side::Core),
        })),
        "samples": group.samples.iter().map(|sample| json!({
            "at_ms": sample.at_ms,
            "traceparent": sample.traceparent,
            "trace_url": report.trace_url(sample),
            "request_id": sample.request_id,
            "request": sample.request,
            "reference": sample.reference,
            "candidate": sample.candidate,
            "difference": sample.difference,
            "findings": sample.findings,
        })).collect::<Vec<_>>(),
    })
}
