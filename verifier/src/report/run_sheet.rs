#![deny(clippy::disallowed_methods)]
//! A replay or comparison as a [`Sheet`].

use std::collections::BTreeMap;

use super::groups::{Group, groups, is_common, without};
use super::sheet::{Change, Check, Grid, Item, Outcome, Sheet};
use super::text::{findings_table, verdict_words};
use super::{CaseReport, Report, State};
use crate::verdict::Difference;

/// Fills a sheet.
pub fn sheet(report: &Report) -> Sheet {
    let totals = report.totals();
    let (common, _): (Vec<Group<'_>>, Vec<_>) = groups(report)
        .into_iter()
        .partition(|group| is_common(group, report));
    let counts = [
        ("cases equal", totals.equal),
        ("different", totals.different),
        ("blocked by those", totals.blocked),
        ("not run", totals.not_run),
        ("without golden", totals.no_golden),
        ("not judged", totals.failed),
    ];
    let mut gaps = Vec::new();
    if totals.cases == 0 {
        gaps.push("nothing was asked for, so nothing was judged".to_owned());
    }
    let mut warnings = Vec::new();
    let foreign = report.foreign_goldens();
    if !foreign.is_empty() {
        let named: Vec<String> = foreign
            .iter()
            .map(|(case, from)| format!("{case} (from {from})"))
            .collect();
        warnings.push(format!(
            "{} of {} golden files do not come from legacy, so they prove nothing about it; record them \
             again with `verifier record --legacy URL`: {}",
            foreign.len(),
            report.cases.len(),
            named.join(", ")
        ));
    }
    if !report.orphans.is_empty() {
        warnings.push(format!(
            "golden files that no case of the catalogue uses: {}",
            report.orphans.join(", ")
        ));
    }
    warnings.extend(report.rule_debt.iter().map(ToString::to_string));
    warnings.extend(report.warnings.iter().cloned());
    Sheet {
        title: report.command.to_owned(),
        exit: report.exit(),
        verdict: format!(
            "{}: {} {}",
            report.headline(),
            report.target,
            verdict_words(report).2
        ),
        counts: counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| (*name, count.to_string()))
            .chain((totals.findings > 0).then(|| ("findings", totals.findings.to_string())))
            .collect(),
        facts: vec![
            format!("target {}", report.target),
            format!(
                "catalogue {}, sha256 {}",
                report.catalogue.display(),
                report.catalogue_sha256
            ),
            format!(
                "started {}, took {:.1} s, {} notes (tolerated or of form only)",
                report.started,
                report.duration.as_secs_f64(),
                totals.notes
            ),
            format!("verifier {}", env!("CARGO_PKG_VERSION")),
        ],
        gaps,
        warnings,
        sides: if report.command == "compare" {
            ["legacy", "core"]
        } else {
            ["golden", "candidate"]
        },
        grids: grids(report, &common),
        items: items(report, &common),
        checks: checks(report),
    }
}

fn grids(report: &Report, common: &[Group<'_>]) -> Vec<Grid> {
    let in_most = common.iter().map(|group| {
        let side = |text: &Option<String>| text.clone().unwrap_or_else(|| "nothing".to_owned());
        vec![
            group.severity.to_string(),
            group.place.to_owned(),
            group.kind.to_string(),
            group.cases.len().to_string(),
            side(&group.example.reference),
            side(&group.example.candidate),
        ]
    });
    let open = report
        .cases
        .iter()
        .filter(|case| case.state.reason().is_some());
    let open = open.map(|case| {
        vec![
            case.case.clone(),
            case.state.word().to_owned(),
            case.state.reason().unwrap_or_default(),
        ]
    });
    let mut endpoints: Vec<(&str, [usize; 3], u64)> = Vec::new();
    let mut at: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &report.cases {
        let place = *at.entry(&case.endpoint).or_insert_with(|| {
            endpoints.push((&case.endpoint, [0; 3], 0));
            endpoints.len() - 1
        });
        let (_, counts, findings) = &mut endpoints[place];
        counts[match case.state {
            State::Equal => 0,
            State::Different => 1,
            _ => 2,
        }] += 1;
        *findings += case.findings.len() as u64 + case.truncated;
    }
    let endpoints = endpoints.into_iter().map(|(name, counts, findings)| {
        let mut row = vec![name.to_owned(), counts.iter().sum::<usize>().to_string()];
        row.extend(counts.iter().map(usize::to_string));
        row.push(findings.to_string());
        row
    });
    vec![
        Grid {
            title: "In most cases",
            columns: vec![
                "severity",
                "place",
                "kind",
                "#cases",
                "reference",
                "candidate",
            ],
            rows: in_most.collect(),
            folded: false,
        },
        Grid {
            title: "What differs",
            columns: vec!["severity", "case", "#findings", "first place", "what"],
            rows: items(report, common)
                .iter()
                .filter(|item| !item.minor)
                .map(|item| {
                    let first = item.changes.iter().max_by_key(|change| change.severity);
                    vec![
                        item.severity.map_or_else(String::new, |it| it.to_string()),
                        item.title.clone(),
                        (item.changes.len() as u64 + item.more_changes).to_string(),
                        first.map_or_else(String::new, |change| change.at.clone()),
                        first.map_or_else(String::new, |change| change.kind.clone()),
                    ]
                })
                .collect(),
            folded: false,
        },
        Grid {
            title: "Not judged",
            columns: vec!["case", "state", "why"],
            rows: open.collect(),
            folded: false,
        },
        Grid {
            title: "Endpoints",
            columns: vec![
                "endpoint",
                "#cases",
                "#equal",
                "#different",
                "#not judged",
                "#findings",
            ],
            rows: endpoints.collect(),
            folded: true,
        },
    ]
}

fn items(report: &Report, common: &[Group<'_>]) -> Vec<Item> {
    let different = report
        .cases
        .iter()
        .filter(|case| case.state == State::Different);
    let mut items: Vec<Item> = different.map(|case| item(case, common)).collect();
    // What others say already comes last; the sort keeps the catalogue's order otherwise.
    items.sort_by(|a, b| a.minor.cmp(&b.minor).then(b.severity.cmp(&a.severity)));
    items
}

fn item(case: &CaseReport, common: &[Group<'_>]) -> Item {
    let own = without(case, common);
    let minor = own.is_empty() && case.truncated == 0;
    let shown: Vec<&Difference> = if minor {
        case.findings.iter().collect()
    } else {
        own
    };
    let mut facts = Vec::new();
    facts.extend(case.hint.clone());
    if let Some(from) = &case.recorded_from {
        facts.push(format!(
            "its golden file comes from {from}, not from legacy"
        ));
    }
    if minor {
        facts.push("nothing but what most cases show".to_owned());
    } else if shown.len() < case.findings.len() {
        facts.push(format!(
            "and {} findings that most cases show",
            case.findings.len() - shown.len()
        ));
    }
    if let Some(pending) = &case.pending {
        facts.push(format!("pending: {}", pending.display()));
    }
    Item {
        title: case.case.clone(),
        subtitle: format!("{} {}", case.method, case.path),
        severity: shown.iter().map(|finding| finding.severity).max(),
        facts,
        changes: shown.into_iter().map(Change::from).collect(),
        more_changes: case.truncated,
        commands: Vec::new(),
        diff: case.diff.clone(),
        link: None,
        minor,
    }
}

fn checks(report: &Report) -> Vec<Check> {
    let cases = report.cases.iter().map(|case| {
        let mut remarks = Vec::new();
        if let Some(from) = &case.recorded_from {
            remarks.push(format!(
                "its golden file comes from {from}, not from legacy: it proves nothing about legacy"
            ));
        }
        Check {
            suite: case.endpoint.clone(),
            name: case.case.clone(),
            seconds: Some(case.duration.as_secs_f64()),
            file: Some(report.catalogue.display().to_string()),
            outcome: outcome(case),
            remarks,
        }
    });
    let mut checks: Vec<Check> = cases.collect();
    if report.strict_rules && !report.rule_debt.is_empty() {
        let debt: Vec<String> = report.rule_debt.iter().map(ToString::to_string).collect();
        checks.push(Check {
            suite: "rules".to_owned(),
            name: "no rule is due".to_owned(),
            seconds: None,
            file: None,
            outcome: Outcome::Failed {
                kind: "rule".to_owned(),
                message: format!("{} rules need a look", debt.len()),
                text: debt.join("\n"),
            },
            remarks: Vec::new(),
        });
    }
    checks
}

fn outcome(case: &CaseReport) -> Outcome {
    let reason = || case.state.reason().unwrap_or_default();
    match &case.state {
        State::Equal => Outcome::Passed,
        State::NotRun { .. } | State::Blocked { .. } => Outcome::Skipped(reason()),
        State::NoGolden { .. } | State::Failed { .. } => Outcome::Broken(reason()),
        State::Different => {
            let all: Vec<&Difference> = case.findings.iter().collect();
            let worst = all.iter().max_by_key(|finding| finding.severity);
            let count = all.len() as u64 + case.truncated;
            let message = match worst {
                None => format!("{count} differences"),
                Some(worst) => {
                    let side = |value: &Option<String>| {
                        value.clone().unwrap_or_else(|| "nothing".to_owned())
                    };
                    let more = if count > 1 {
                        format!(", and {} more", count - 1)
                    } else {
                        String::new()
                    };
                    format!(
                        "{} {} at {}: {} became {}{more}",
                        worst.severity,
                        worst.kind,
                        worst.location,
                        side(&worst.reference),
                        side(&worst.candidate)
                    )
                }
            };
            let mut text = format!("{} {}\n", case.method, case.path);
            if let Some(hint) = &case.hint {
                text.push_str(&format!("hint: {hint}\n"));
            }
            for line in findings_table(&all).lines() {
                text.push_str(&format!("{line}\n"));
            }
            if let Some(diff) = &case.diff {
                text.push_str(&format!("\n{diff}"));
            }
            Outcome::Failed {
                kind: worst.map_or_else(|| "difference".to_owned(), |worst| worst.kind.to_string()),
                message,
                text,
            }
        }
    }
}
