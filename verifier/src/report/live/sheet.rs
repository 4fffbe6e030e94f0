#![deny(clippy::disallowed_methods)]
//! The evidence of live traffic as a [`Sheet`]: an endpoint is a suite, a difference group an item and a
//! failed check.

use super::{LiveReport, Side, curl, moment, quantile_text, run_line};
use crate::evidence::record::Group;
use crate::report::sheet::{Change, Check, Grid, Item, Outcome, Sheet};

/// Fills a sheet.
pub fn sheet(report: &LiveReport) -> Sheet {
    let totals = report.totals();
    let counts = [
        ("sent", totals.sent),
        ("compared", totals.compared),
        ("different", totals.different),
        ("skipped", totals.skipped),
        ("lost", totals.lost),
        ("groups", totals.groups as u64),
    ];
    Sheet {
        title: "shadow traffic".to_owned(),
        exit: report.exit(),
        verdict: report.headline(),
        counts: counts
            .into_iter()
            .map(|(name, count)| (name, count.to_string()))
            .collect(),
        facts: report.evidence.runs.values().map(run_line).collect(),
        gaps: report.gaps(),
        warnings: report.warnings(),
        sides: ["legacy", "core"],
        grids: vec![endpoints(report)],
        items: report
            .groups()
            .into_iter()
            .map(|(id, group)| item(report, id, group))
            .collect(),
        checks: checks(report),
    }
}

fn endpoints(report: &LiveReport) -> Grid {
    let rows = report.endpoints().into_iter().map(|line| {
        let tally = &line.record.tally;
        vec![
            line.name.to_owned(),
            tally.sent.to_string(),
            tally.compared().to_string(),
            line.noise.to_string(),
            line.undecided.to_string(),
            line.different.to_string(),
            line.skipped.to_string(),
            line.lost.to_string(),
            quantile_text(&tally.reference_latency, 0.99),
            quantile_text(&tally.candidate_latency, 0.99),
        ]
    });
    Grid {
        title: "Endpoints",
        columns: vec![
            "endpoint",
            "#sent",
            "#compared",
            "#noise",
            "#undecided",
            "#different",
            "#skipped",
            "#lost",
            "#legacy p99",
            "#core p99",
        ],
        rows: rows.collect(),
        folded: false,
    }
}

fn item(report: &LiveReport, id: &str, group: &Group) -> Item {
    let key = &group.key;
    let mut item = Item {
        title: key.endpoint.clone(),
        subtitle: format!("{} × {} at {}", group.exchanges, key.kind, key.place),
        severity: Some(key.severity),
        facts: vec![format!(
            "group {id}, status {}, {} to {}",
            key.statuses,
            moment(group.first_ms),
            moment(group.last_ms)
        )],
        ..Item::default()
    };
    if let Some(sample) = group.samples.first() {
        let difference = &sample.difference;
        item.changes.push(Change {
            at: difference.location.clone(),
            kind: key.kind.to_string(),
            severity: key.severity,
            reference: difference.reference.clone(),
            candidate: difference.candidate.clone(),
            remark: key
                .relation
                .as_ref()
                .map_or_else(String::new, |relation| relation.text.clone()),
        });
        item.commands = [Side::Legacy, Side::Core]
            .map(|side| curl(report, sample, side))
            .to_vec();
        item.link = report.trace_url(sample);
    } else if let Some(relation) = &key.relation {
        item.facts.push(relation.text.clone());
    }
    item
}

fn checks(report: &LiveReport) -> Vec<Check> {
    let groups = report.groups();
    let mut checks = Vec::new();
    for line in report.endpoints() {
        let tally = &line.record.tally;
        let check = |name: String, outcome: Outcome| Check {
            suite: line.name.to_owned(),
            name,
            seconds: None,
            file: None,
            outcome,
            remarks: Vec::new(),
        };
        checks.push(check(
            format!("{} of {} requests compared", tally.compared(), tally.sent),
            match line.lost {
                0 => Outcome::Passed,
                lost => Outcome::Skipped(format!("{lost} should have been compared")),
            },
        ));
        for (id, group) in groups
            .iter()
            .filter(|(_, group)| group.key.endpoint == line.name)
        {
            checks.push(check(
                format!("{} at {} [{id}]", group.key.kind, group.key.place),
                failed(report, group),
            ));
        }
    }
    checks
}

fn failed(report: &LiveReport, group: &Group) -> Outcome {
    let key = &group.key;
    let relation = key.relation.as_ref();
    let mut text = String::new();
    if let Some(sample) = group.samples.first() {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        text = format!(
            "{}: legacy {}, core {}\n{}\n{}",
            sample.difference.location,
            shown(&sample.difference.reference),
            shown(&sample.difference.candidate),
            curl(report, sample, Side::Legacy),
            curl(report, sample, Side::Core)
        );
    }
    Outcome::Failed {
        kind: key.kind.to_string(),
        message: format!(
            "{} exchanges, {}, status {}{}",
            group.exchanges,
            key.severity,
            key.statuses,
            relation.map_or_else(String::new, |relation| format!(", {}", relation.text))
        ),
        text,
    }
}
