//! Each known defect of core and each habit of legacy alone: found where it is, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fixtures::rms::defects::{Defect, DefectSet};
use fixtures::rms::{Options, Side};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use verifier::report::{Exit, Report, State};

use crate::harness::{Package, Run, core, root, serve, trouble};

/// Endpoints that show what another one stored or refused: a switch that acts on the writer is seen
/// here too.
const THROUGH_STATE: &[(Defect, &[&str])] = &[
    (Defect::H01, &["reservations_get"]),
    (Defect::H08, &["rooms_histories"]),
    (Defect::H09, &["reservations_list", "reservations_get"]),
    (Defect::H11, &["my_get", "reservations_get"]),
    (Defect::H12, &["reservations_list"]),
    (Defect::L12, &["reservations_list"]),
    // the picture of an account that gave its e-mail up is that of one that never had any
    (Defect::L20, &["my_patch"]),
    // a slash at the end, or a method that a path does not take, is an unknown path too
    (
        Defect::H36,
        &[
            "docs_schema",
            "env",
            "health",
            "room_groups_list",
            "rooms_list",
        ],
    ),
];

/// Switches that change the form of an answer and not what it says: they make notes, no findings.
const FORM_ONLY: &[Defect] = &[Defect::H68, Defect::H71];

/// Switches that nothing shows, by intent: how a body is framed concerns two neighbours on the wire and
/// is no part of the answer (RFC 9110, section 6.4).
const UNSEEN: &[Defect] = &[Defect::H77];

/// Endpoint, place, value and relation of everything noted.
fn notes(report: &Report) -> BTreeSet<(&str, String, Option<&str>, &str)> {
    let cases = report.cases.iter();
    cases
        .flat_map(|case| {
            let notes = case.notes.iter();
            notes.map(|note| {
                let value = note.candidate.as_deref().filter(|_| note.rule.is_none());
                let relation = note
                    .relation
                    .as_ref()
                    .map_or("", |relation| relation.class());
                (
                    case.endpoint.as_str(),
                    note.location.to_string(),
                    value,
                    relation,
                )
            })
        })
        .collect()
}

/// What became of each switch alone, and of none.
pub(crate) struct Alone {
    pub(crate) clean: Report,
    pub(crate) each: BTreeMap<Defect, Report>,
}

/// Every switch alone, replayed once for all tests of this program.
pub(crate) async fn alone() -> &'static Alone {
    static ALONE: OnceCell<Alone> = OnceCell::const_new();
    let replayed = tokio::task::LocalSet::new();
    ALONE
        .get_or_init(|| async { replayed.run_until(replay_each()).await })
        .await
}

async fn replay_each() -> Alone {
    const AT_ONCE: usize = 4;
    let package = Arc::new(Package::with_goldens());
    let mut waiting = Defect::of(Side::Core);
    let mut running = JoinSet::new();
    let mut each = BTreeMap::new();
    loop {
        while running.len() < AT_ONCE {
            let Some(defect) = waiting.next() else { break };
            let package = Arc::clone(&package);
            running.spawn_local(async move {
                let core = core(defect.into()).await;
                (defect, Run::default().replay(&package, &core.url()).await)
            });
        }
        let Some(done) = running.join_next().await else {
            break;
        };
        let (defect, report) = done.expect("a replay never panics");
        each.insert(defect, report);
    }
    let clean = core(DefectSet::NONE).await;
    let clean = Run::default().replay(&package, &clean.url()).await;
    Alone { clean, each }
}

/// Legacy and core, each with its switches of these, side by side on a database of its own.
async fn side_by_side(defects: DefectSet) -> Report {
    let with = |options| Options { defects, ..options };
    let legacy = serve(Side::Legacy, with).await;
    let core = serve(Side::Core, with).await;
    let package = Package::without_goldens();
    Run::default()
        .compare(&package, &legacy.url(), &core.url())
        .await
}

/// The endpoints at which a switch may show.
fn allowed(defect: Defect) -> BTreeSet<&'static str> {
    let through_state = THROUGH_STATE.iter().filter(|(of, _)| *of == defect);
    let named = defect.info().endpoints.iter();
    named
        .chain(through_state.flat_map(|(_, endpoints)| *endpoints))
        .copied()
        .collect()
}

/// Whether `report` shows the switch where it acts; what else it shows goes into `wrong`.
fn shows(defect: Defect, report: &Report, clean: &Report, wrong: &mut Vec<String>) -> bool {
    let allowed = allowed(defect);
    let different: BTreeSet<&str> = report
        .cases
        .iter()
        .filter(|case| case.state == State::Different)
        .map(|case| case.endpoint.as_str())
        .collect();
    let elsewhere: Vec<_> = different.difference(&allowed).collect();
    if !elsewhere.is_empty() {
        wrong.push(format!(
            "{defect}: also at {elsewhere:?}\n{}",
            trouble(report)
        ));
    }
    for case in &report.cases {
        if matches!(
            case.state,
            State::Failed { .. } | State::NoGolden { .. } | State::NotRun { .. }
        ) {
            wrong.push(format!("{defect}: {} is {:?}", case.case, case.state));
        }
    }
    if FORM_ONLY.contains(&defect) {
        let noted = notes(report);
        let new: Vec<_> = noted.difference(&notes(clean)).cloned().collect();
        if report.exit() != Exit::Green {
            wrong.push(format!(
                "{defect} should only be noted\n{}",
                trouble(report)
            ));
        }
        if let Some((endpoint, ..)) = new
            .iter()
            .find(|(endpoint, ..)| !allowed.contains(endpoint))
        {
            wrong.push(format!("{defect}: also noted at {endpoint}"));
        }
        return !new.is_empty();
    }
    let mut named = defect.info().endpoints.iter();
    let found = named.any(|endpoint| different.contains(endpoint));
    if !found && report.exit() != Exit::Green {
        wrong.push(format!(
            "{defect} is not found, yet not all is green:\n{}",
            trouble(report)
        ));
    }
    found
}

/// A line of the README's table: the hazard, what it is, and what finds it.
fn line(defect: Defect, found_by: &str) -> String {
    let info = defect.info();
    format!("| {} | {} | {found_by} |", info.id, info.summary)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_switch_is_found_where_it_acts_and_nowhere_else_and_the_readme_lists_it() {
    let Alone { clean, each } = alone().await;
    let beside = side_by_side(DefectSet::NONE).await;
    let mut wrong = Vec::new();
    if clean.exit() != Exit::Green || beside.exit() != Exit::Green {
        wrong.push(format!(
            "a clean pair:\n{}{}",
            trouble(clean),
            trouble(&beside)
        ));
    }
    let mut table = Vec::new();
    for (&defect, report) in each {
        let by_replay = shows(defect, report, clean, &mut wrong);
        let by_compare = if by_replay {
            true
        } else {
            let report = side_by_side(defect.into()).await;
            shows(defect, &report, &beside, &mut wrong)
        };
        match (by_replay, by_compare) {
            (true, _) => table.push(line(defect, "replay, compare")),
            (false, true) => table.push(line(defect, "compare")),
            (false, false) => {}
        }
        if by_replay == UNSEEN.contains(&defect) {
            wrong.push(format!("{defect}: found by replay: {by_replay}"));
        }
        if by_compare == UNSEEN.contains(&defect) {
            wrong.push(format!("{defect}: found by compare: {by_compare}"));
        }
    }
    println!("{}/{} switches found", table.len(), each.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let stated = format!("{} of {} switches", table.len(), each.len());
    assert_readme_has(&table, &stated);
}

/// README.md holds every line of `table`, and says `stated`.
fn assert_readme_has(table: &[String], stated: &str) {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("it is committed");
    let missing = table
        .iter()
        .any(|line| !readme.lines().any(|is| is == line.as_str()));
    assert!(!missing, "README.md lacks some of:\n{}", table.join("\n"));
    assert!(readme.contains(stated), "README.md should say: {stated}");
}

/// Replay never asks legacy, so a legacy that has changed is for `compare` to find.
#[tokio::test(flavor = "multi_thread")]
async fn every_habit_that_legacy_gives_up_is_found_by_compare_and_the_readme_lists_it() {
    let each = tokio::task::LocalSet::new().run_until(compare_each()).await;
    let clean = &each[&None];
    let (mut wrong, mut table) = (Vec::new(), Vec::new());
    for (defect, report) in &each {
        let Some(defect) = *defect else { continue };
        if shows(defect, report, clean, &mut wrong) {
            table.push(line(defect, "compare"));
        } else {
            wrong.push(format!("{defect} is not found"));
        }
    }
    println!("{}/{} of legacy found", table.len(), each.len() - 1);
    // golden files tell of it too, once legacy is asked again
    let defects = Defect::L12.into();
    let changed = serve(Side::Legacy, |options| Options { defects, ..options }).await;
    let aged = Run::default()
        .replay(&Package::with_goldens(), &changed.url())
        .await;
    if !shows(Defect::L12, &aged, clean, &mut wrong) {
        wrong.push("golden files say nothing of L-12".to_owned());
    }
    assert_eq!(clean.exit(), Exit::Green, "{}", trouble(clean));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let stated = format!("{} of {} habits", table.len(), each.len() - 1);
    assert_readme_has(&table, &stated);
}

/// Every switch of legacy alone, and none, beside a clean core.
async fn compare_each() -> BTreeMap<Option<Defect>, Report> {
    const AT_ONCE: usize = 3;
    let all = Defect::of(Side::Legacy).map(Some);
    let mut waiting = std::iter::once(None).chain(all);
    let mut running = JoinSet::new();
    let mut each = BTreeMap::new();
    loop {
        while running.len() < AT_ONCE {
            let Some(defect) = waiting.next() else { break };
            let defects = defect.map_or(DefectSet::NONE, DefectSet::from);
            running.spawn_local(async move { (defect, side_by_side(defects).await) });
        }
        let Some(done) = running.join_next().await else {
            break;
        };
        let (defect, report) = done.expect("a comparison never panics");
        each.insert(defect, report);
    }
    each
}

#[tokio::test(flavor = "multi_thread")]
async fn compare_sees_what_replay_sees_of_core_as_shipped() {
    let shipped = core(DefectSet::as_shipped()).await;
    let replayed = Run::default()
        .replay(&Package::with_goldens(), &shipped.url())
        .await;
    let compared = side_by_side(DefectSet::as_shipped()).await;
    let different = |report: &Report| -> BTreeSet<String> {
        let cases = report.cases.iter();
        cases
            .filter(|case| case.state == State::Different)
            .map(|case| case.case.clone())
            .collect()
    };
    assert_eq!(different(&compared), different(&replayed));
    assert!(different(&compared).len() > 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn core_as_shipped_differs_and_nothing_keeps_it_from_being_judged() {
    let core = core(DefectSet::as_shipped()).await;
    let report = Run::default()
        .replay(&Package::with_goldens(), &core.url())
        .await;
    assert_eq!(report.exit(), Exit::Differences);
    let totals = report.totals();
    assert!(totals.endpoints_green < 20, "{}", report.headline());
    assert_eq!(
        (totals.not_run, totals.no_golden, totals.failed),
        (0, 0, 0),
        "{}",
        trouble(&report)
    );
}
