//! Replays of the real catalogue: green where the answers are alike, however often and in whatever
//! order; nothing is changed on a target that was not given away for it.

use std::collections::BTreeMap;
use std::time::Duration;

use fixtures::rms::defects::{Defect, DefectSet};
use fixtures::rms::{Options, Side};
use jiff::{Timestamp, ToSpan as _};
use rusqlite::Connection;
use verifier::report::{Exit, State};

use crate::harness::{Package, Run, case, core, legacy, serve, trouble};

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_core_is_green_five_times_in_a_row_on_one_database() {
    let package = Package::with_goldens();
    let core = core(DefectSet::NONE).await;
    for round in 1..=5 {
        let report = Run::default().replay(&package, &core.url()).await;
        assert_eq!(
            report.exit(),
            Exit::Green,
            "round {round}:\n{}",
            trouble(&report)
        );
        assert_eq!(report.headline(), "40/40 endpoints, 1/1 extra");
        assert_eq!(report.totals().findings, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn legacy_answers_as_it_did_when_it_was_recorded() {
    let legacy = legacy().await;
    let report = Run::default()
        .replay(&Package::with_goldens(), &legacy.url())
        .await;
    assert_eq!(report.exit(), Exit::Green, "{}", trouble(&report));
    assert_eq!(report.headline(), "40/40 endpoints, 1/1 extra");
}

#[tokio::test(flavor = "multi_thread")]
async fn golden_files_hold_a_year_later() {
    let later = Timestamp::now()
        .checked_add((366 * 24).hours())
        .expect("a year ahead is a time");
    for side in [Side::Legacy, Side::Core] {
        let service = serve(side, |options| Options {
            now: Some(later),
            ..options
        })
        .await;
        let report = Run::default()
            .replay(&Package::with_goldens(), &service.url())
            .await;
        assert_eq!(
            report.exit(),
            Exit::Green,
            "{side:?}:\n{}",
            trouble(&report)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_at_a_time_and_sixteen_at_a_time_find_the_same() {
    let package = Package::with_goldens();
    let mut seen = Vec::new();
    for jobs in [1, 16] {
        let core = core(DefectSet::as_shipped()).await;
        let run = Run {
            jobs,
            ..Run::default()
        };
        let report = run.replay(&package, &core.url()).await;
        assert_eq!(report.exit(), Exit::Differences);
        let cases = report.cases.iter().map(|case| {
            let findings: Vec<String> = case
                .findings
                .iter()
                .map(|finding| format!("{} {}", finding.location, finding.kind))
                .collect();
            (case.case.clone(), case.state.word(), findings)
        });
        seen.push(cases.collect::<Vec<_>>());
    }
    for (one, many) in seen[0].iter().zip(&seen[1]) {
        assert_eq!(one, many);
    }
    assert_eq!(seen[0].len(), seen[1].len());
}

/// Rows of each table but the one that logins write.
fn rows(database: &std::path::Path) -> BTreeMap<String, Vec<String>> {
    let connection = Connection::open(database).expect("the service's database");
    let mut names = connection
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        .expect("a query that SQLite knows");
    let tables: Vec<String> = names
        .query_map([], |row| row.get(0))
        .expect("it has tables")
        .map(|name| name.expect("a name is text"))
        .filter(|name: &String| !name.contains("login"))
        .collect();
    assert!(tables.len() >= 5, "{tables:?}");
    let whole = |table: &String| {
        let mut all = connection
            .prepare(&format!("SELECT * FROM {table} ORDER BY rowid"))
            .expect("a table that is there");
        let columns = all.column_count();
        let rows = all.query_map([], |row| {
            let cells = (0..columns).map(|at| row.get::<_, rusqlite::types::Value>(at));
            Ok(format!("{:?}", cells.collect::<Vec<_>>()))
        });
        rows.expect("rows").map(|row| row.expect("a row")).collect()
    };
    tables
        .iter()
        .map(|table| (table.clone(), whole(table)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_without_being_allowed() {
    let legacy = legacy().await;
    let before = rows(&legacy.database);
    let run = Run {
        writes: false,
        ..Run::default()
    };
    let report = run.replay(&Package::with_goldens(), &legacy.url()).await;
    assert_eq!(rows(&legacy.database), before);
    assert_eq!(report.exit(), Exit::Incomplete);
    assert_eq!(report.totals().different, 0, "{}", trouble(&report));
    for (id, why) in [
        ("rooms_create", "`room_groups_create`"),
        ("room_groups_create", "--allow-writes"),
        ("rooms_get@deleted", "`room_groups_create`"),
    ] {
        let State::NotRun { reason } = &case(&report, id).state else {
            panic!("{id} should not run: {:?}", case(&report, id).state);
        };
        assert!(reason.contains(why), "{id}: {reason}");
    }
    // what only reads is judged all the same
    assert_eq!(case(&report, "rooms_list").state, State::Equal);
    // the same run with permission does write, so the comparison above can fail
    let _ = Run::default()
        .replay(&Package::with_goldens(), &legacy.url())
        .await;
    assert_ne!(rows(&legacy.database), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_judges_what_is_named_and_runs_what_it_needs() {
    let core = core(DefectSet::NONE).await;
    for (only, judged) in [
        (&["rooms_get@moved"][..], &["rooms_get@moved"][..]),
        (
            &["room_groups_delete"],
            &[
                "room_groups_delete",
                "room_groups_delete@not_empty",
                "room_groups_delete@loose",
                "room_groups_delete@not_found",
            ],
        ),
        (
            &["auth_login@changed_password", "env@head"],
            &["auth_login@changed_password", "env@head"],
        ),
    ] {
        let run = Run {
            only,
            ..Run::default()
        };
        let report = run.replay(&Package::with_goldens(), &core.url()).await;
        let cases: Vec<&str> = report.cases.iter().map(|case| case.case.as_str()).collect();
        assert_eq!(cases, judged);
        assert_eq!(
            report.exit(),
            Exit::Green,
            "{only:?}:\n{}",
            trouble(&report)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_broken_step_keeps_from_running_is_blocked_by_name() {
    let legacy = legacy().await;
    let base = legacy.url();
    let package = Package::with_goldens();
    let catalogue = package.read("endpoints.yaml");
    // the room is asked of a path that does not exist, so nobody after it gets its id
    let broken = catalogue.replacen(
        "path: /api/v1/rooms\n    description: A new room",
        "path: /api/v1/roomz\n    description: A new room",
        1,
    );
    assert_ne!(broken, catalogue);
    package.write("endpoints.yaml", &broken);
    let report = Run::default().replay(&package, &base).await;
    assert_eq!(case(&report, "rooms_create").state, State::Different);
    for id in [
        "rooms_update",
        "rooms_get@moved",
        "rooms_histories@own",
        "rooms_delete",
    ] {
        let by = "rooms_create".to_owned();
        assert_eq!(case(&report, id).state, State::Blocked { by }, "{id}");
    }
    // the group does not need the room; without one it goes too early, and the clean-up finds nothing
    let not_empty = case(&report, "room_groups_delete@not_empty");
    assert_eq!(not_empty.state, State::Different);
    assert_eq!(case(&report, "room_groups_get@updated").state, State::Equal);
    assert_eq!(report.exit(), Exit::Differences);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_effect_that_never_came_is_found_where_it_is_read_again() {
    let core = core(Defect::H08.into()).await;
    let run = Run {
        only: &["rooms_get@moved"],
        timeout: Duration::from_secs(10),
        ..Run::default()
    };
    let report = run.replay(&Package::with_goldens(), &core.url()).await;
    let moved = case(&report, "rooms_get@moved");
    assert_eq!(moved.state, State::Different);
    let groups = moved
        .findings
        .iter()
        .map(|finding| finding.location.to_string());
    assert!(
        groups
            .into_iter()
            .any(|place| place.starts_with("/value/roomGroup"))
    );
}
