//! Nothing found is a riddle: a clean pair shows nothing in any order, and every difference of core
//! as shipped is one that a known switch makes alone.

use std::collections::{BTreeMap, BTreeSet};

use fixtures::rms::defects::{Defect, DefectSet};
use verifier::report::Report;

use crate::harness::{Package, Run, core, trouble};
use crate::switches::alone;

/// Differences that take more than one switch, or follow from one elsewhere: case, the start of the
/// place, and the switches behind them.
const TOGETHER: &[(&str, &str, &[Defect])] = &[
    // Accounts without a sort all tie, and ties come in the opposite order.
    (
        "admin_accounts_list",
        "/values",
        &[Defect::H94, Defect::H95],
    ),
    (
        "admin_accounts_list@by_name",
        "/values",
        &[Defect::H94, Defect::H95],
    ),
    // A room that a called-off stay leaves free stands where the order by id puts it.
    (
        "room_groups_get@editor",
        "/value/rooms",
        &[Defect::H17, Defect::H54],
    ),
];

/// Case, place with `*` for every index, and kind.
type Key = (String, String, String);

fn keys(report: &Report) -> BTreeSet<Key> {
    let cases = report.cases.iter();
    cases
        .flat_map(|case| {
            let findings = case.findings.iter();
            findings.map(|f| (case.case.clone(), f.group.clone(), f.kind.to_string()))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_difference_of_core_as_shipped_carries_a_hazard() {
    let package = Package::with_goldens();
    let mut causes: BTreeMap<Key, Vec<Defect>> = BTreeMap::new();
    for (&defect, report) in &alone().await.each {
        if !defect.info().as_shipped {
            continue;
        }
        for key in keys(report) {
            causes.entry(key).or_default().push(defect);
        }
    }
    for (case, start, defects) in TOGETHER {
        let core = core(defects.iter().copied().collect()).await;
        let keys = keys(&Run::default().replay(&package, &core.url()).await);
        let shown = keys
            .iter()
            .any(|(of, place, _)| of == case && place.starts_with(start));
        assert!(shown, "{case} {start} does not come from {defects:?}");
    }
    let core = core(DefectSet::as_shipped()).await;
    let shipped = Run::default().replay(&package, &core.url()).await;
    let all = keys(&shipped);
    let unexplained: Vec<&Key> = all
        .iter()
        .filter(|key| !causes.contains_key(*key))
        .filter(|(case, place, _)| {
            let mut known = TOGETHER.iter();
            !known.any(|(of, start, _)| of == case && place.starts_with(start))
        })
        .collect();
    let lines: Vec<String> = unexplained
        .iter()
        .map(|(case, place, kind)| format!("{case} {place} {kind}"))
        .collect();
    println!(
        "{} kinds of difference, {} unexplained",
        all.len(),
        unexplained.len()
    );
    assert!(
        unexplained.is_empty(),
        "no switch alone makes:\n{}",
        lines.join("\n")
    );
    assert!(
        all.len() > 100,
        "as shipped shows only {} kinds of difference",
        all.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_pair_shows_nothing_in_any_order() {
    let package = Package::with_goldens();
    // more orders in the long run of `tests/run --full`
    let seeds = if std::env::var_os("FULL").is_some() {
        20
    } else {
        6
    };
    for seed in 1..=seeds {
        // each on data of its own: one case is about an account that nobody has made yet
        let core = core(DefectSet::NONE).await;
        let run = Run {
            shuffle: Some(seed),
            ..Run::default()
        };
        let report = run.replay(&package, &core.url()).await;
        assert_eq!(
            report.headline(),
            "40/40 endpoints, 1/1 extra",
            "seed {seed}\n{}",
            trouble(&report)
        );
    }
}
