#![deny(clippy::disallowed_methods)]
//! The evidence of live traffic as a [`Sheet`]: an endpoint is a suite, a difference group an item and a
//! failed check.

use super::latency::{paces_text, range_text, unseen_text};
use super::text::recall_text;
use super::{
    EndpointLine, LiveReport, Side, causes, curl, moment, needed_text, noise, run_line,
    statuses_text,
};
use crate::confidence::{QuantileBounds, Standing};
use crate::evidence::record::Group;
use crate::report::sheet::{Change, Check, Grid, Item, Outcome, Sheet};

/// Fills a sheet.
pub fn sheet(report: &LiveReport) -> Sheet {
    let totals = report.totals();
    let counts = [
        ("sent", totals.sent),
        ("compared", totals.compared),
        ("noise", totals.noise),
        ("undecided", totals.undecided),
        ("different", totals.different),
        ("skipped", totals.skipped),
        ("lost", totals.lost),
        ("groups", totals.groups as u64),
    ];
    let checked = report.self_check_counts();
    let found = format!("{} of {}", checked.found, checked.injected());
    Sheet {
        title: "shadow traffic".to_owned(),
        exit: report.exit(),
        verdict: report.headline(),
        counts: counts
            .into_iter()
            .chain(whole_counts(report))
            .map(|(name, count)| (name, count.to_string()))
            .chain([("injected faults found", found)])
            .collect(),
        facts: report.evidence.runs.values().map(run_line).collect(),
        gaps: report.gaps(),
        warnings: report.warnings(),
        sides: ["legacy", "core"],
        grids: [endpoints(report), causes::grid(report)]
            .into_iter()
            .chain(noise::grids(report))
            .collect(),
        items: report
            .groups()
            .into_iter()
            .map(|(id, group)| item(report, id, group))
            .collect(),
        checks: checks(report),
    }
}

/// How many endpoints have which verdict.
fn whole_counts(report: &LiveReport) -> [(&'static str, u64); 4] {
    let whole = report.whole();
    [
        ("endpoints proven", whole.proven as u64),
        ("failing", whole.failing as u64),
        ("not yet", whole.not_yet as u64),
        ("without data", whole.no_data as u64),
    ]
}

fn endpoints(report: &LiveReport) -> Grid {
    let p99 = |side| QuantileBounds::of(side, 0.99, report.confidence.alpha).text();
    let rows = report.endpoints().into_iter().map(|line| {
        let tally = &line.record.tally;
        let seen = &line.assessment;
        vec![
            line.name.to_owned(),
            seen.standing.text().to_owned(),
            range_text(&seen.rate),
            needed_text(seen, seen.wait(report.span())),
            tally.sent.to_string(),
            tally.compared().to_string(),
            line.noise.to_string(),
            line.undecided.to_string(),
            line.different.to_string(),
            line.skipped.to_string(),
            line.lost.to_string(),
            line.latency.standing.text().to_owned(),
            paces_text(&line.latency.paces),
            p99(&tally.reference_latency),
            p99(&tally.candidate_latency),
            tally.uses.shapes.distinct().to_string(),
            unseen_text(&tally.uses.shapes.counts(), report.confidence.alpha),
            recall_text(&tally.self_check),
            line.replay_adds().unwrap_or_default(),
        ]
    });
    Grid {
        title: "Endpoints",
        columns: vec![
            "endpoint",
            "verdict",
            "#rate",
            "#still needed",
            "#sent",
            "#compared",
            "#noise",
            "#undecided",
            "#different",
            "#skipped",
            "#lost",
            "core is",
            "#slower / faster / alike",
            "#legacy p99",
            "#core p99",
            "#shapes",
            "#unseen",
            "#self-check",
            "a replay could add",
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
            statuses_text(key.statuses),
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
        checks.push(check(
            format!("mismatch rate below {} %", report.confidence.target_percent),
            standing(report, &line),
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

/// The verdict as a build server knows it: what is not proven is not passed.
fn standing(report: &LiveReport, line: &EndpointLine<'_>) -> Outcome {
    let seen = &line.assessment;
    let told = seen.standing.text();
    match seen.standing {
        Standing::Proven => Outcome::Passed,
        Standing::Failing => Outcome::Failed {
            kind: told.to_owned(),
            message: format!(
                "{told}: {} of {} comparisons differ, above {} %",
                seen.mismatched, seen.compared, report.confidence.limit_percent
            ),
            text: String::new(),
        },
        Standing::NotYet | Standing::NoData => {
            let replay = line.replay_adds().map(|adds| format!("; {adds}"));
            Outcome::Skipped(format!(
                "{told}: still needed {}{}",
                needed_text(seen, seen.wait(report.span())),
                replay.unwrap_or_default()
            ))
        }
    }
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
            statuses_text(key.statuses),
            relation.map_or_else(String::new, |relation| format!(", {}", relation.text))
        ),
        text,
    }
}
