//! The token checks as a [`Sheet`]: a group of checks is a suite, a cell a test case.

use super::cell::{Cell, JwtReport, Verdict};
use crate::report::Exit;
use crate::report::sheet::{Check, Grid, Item, Outcome, Sheet};

/// Cells named below a finding before the rest is only counted.
const CELLS_SHOWN: usize = 20;

/// Fills a sheet. No token and no key is in it.
pub fn sheet(report: &JwtReport) -> Sheet {
    let outcomes = &report.outcomes;
    let count = |word: &str| {
        let cells = outcomes.cells.iter();
        cells.filter(|cell| cell.verdict.word() == word).count()
    };
    let verdict = match report.exit() {
        Exit::Green => "every token check holds".to_owned(),
        Exit::Differences => format!("{} findings", outcomes.findings.len()),
        Exit::Usage | Exit::Incomplete => "incomplete: this proves nothing yet".to_owned(),
    };
    let words = ["holds", "fails", "known", "not judged", "not asked"];
    let mut facts = vec![
        format!("legacy {}", report.targets.legacy),
        format!("core {}", report.targets.core),
        format!(
            "catalogue {}, sha256 {}",
            report.catalogue, report.catalogue_sha256
        ),
        format!(
            "started {}, took {:.1} s",
            report.started,
            report.duration.as_secs_f64()
        ),
    ];
    facts.extend(report.assumed.iter().map(|text| format!("assumed {text}")));
    facts.extend(report.waived.iter().map(|name| format!("waived {name}")));
    facts.extend(outcomes.notes.iter().cloned());
    let gaps = report.gaps().count();
    Sheet {
        title: "jwt".to_owned(),
        exit: report.exit(),
        verdict,
        counts: words
            .into_iter()
            .filter(|word| count(word) > 0)
            .map(|word| (word, count(word).to_string()))
            .collect(),
        facts,
        gaps: (gaps > 0)
            .then(|| format!("{gaps} cells were not judged and are not waived"))
            .into_iter()
            .collect(),
        warnings: Vec::new(),
        sides: ["expected", "got"],
        grids: vec![
            grid(
                "Known weaknesses",
                outcomes.known.iter().map(|met| {
                    vec![
                        met.known.probe.clone(),
                        met.known.reason.clone(),
                        met.known.owner.clone(),
                        met.cells.len().to_string(),
                    ]
                }),
                vec!["probe", "reason", "owner", "#cells"],
                false,
            ),
            grid(
                "Cells",
                outcomes.cells.iter().map(|cell| {
                    let mark = format!("{} {}", cell.verdict.sign(), cell.verdict.word());
                    vec![
                        mark,
                        cell.name.clone(),
                        cell.expected.clone(),
                        cell.got.clone(),
                    ]
                }),
                vec!["verdict", "cell", "expected", "got"],
                true,
            ),
        ],
        items: items(report),
        checks: outcomes
            .cells
            .iter()
            .map(|cell| check(report, cell))
            .collect(),
    }
}

fn grid(
    title: &'static str,
    rows: impl Iterator<Item = Vec<String>>,
    columns: Vec<&'static str>,
    folded: bool,
) -> Grid {
    Grid {
        title,
        columns,
        rows: rows.collect(),
        folded,
    }
}

fn items(report: &JwtReport) -> Vec<Item> {
    let findings = report.outcomes.findings.iter().map(|finding| {
        let shown = finding.cells.len().min(CELLS_SHOWN);
        let more = match finding.cells.len() - shown {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        Item {
            title: finding.name.clone(),
            subtitle: finding.what.clone(),
            severity: Some(finding.severity),
            facts: vec![
                format!("effect: {}", finding.effect),
                format!("remedy: {}", finding.remedy),
                format!("cells: {}{more}", finding.cells[..shown].join(", ")),
            ],
            ..Item::default()
        }
    });
    let mut items: Vec<Item> = findings.collect();
    items.sort_by_key(|item| std::cmp::Reverse(item.severity));
    items
}

fn check(report: &JwtReport, cell: &Cell) -> Check {
    let waived = || report.waived.iter().any(|name| cell.is_named(name));
    Check {
        suite: cell.check.name().to_owned(),
        name: cell.name.clone(),
        seconds: None,
        file: Some(report.catalogue.clone()),
        outcome: match &cell.verdict {
            Verdict::Holds | Verdict::Known => Outcome::Passed,
            Verdict::Fails => Outcome::Failed {
                kind: cell.check.name().to_owned(),
                message: format!("expected {}, got {}", cell.expected, cell.got),
                text: report
                    .outcomes
                    .findings
                    .iter()
                    .filter(|finding| finding.cells.contains(&cell.name))
                    .map(|finding| {
                        format!(
                            "{}: {}\nremedy: {}",
                            finding.name, finding.what, finding.remedy
                        )
                    })
                    .collect::<Vec<_>>()
                    .join("\n"),
            },
            Verdict::NotJudged(why) if !waived() => Outcome::Broken(why.clone()),
            Verdict::NotJudged(why) | Verdict::NotAsked(why) => Outcome::Skipped(why.clone()),
        },
        remarks: Vec::new(),
    }
}
