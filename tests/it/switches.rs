//! Each known defect of core alone: found where it is, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fixtures::rms::defects::{Defect, DefectSet};
use tokio::task::JoinSet;
use verifier::report::{Exit, Report, State};

use crate::harness::{Package, Run, core, trouble};

/// Endpoints that show what another one stored: a switch that acts on the writer is seen here too.
const THROUGH_STATE: &[(Defect, &[&str])] = &[
    (Defect::H01, &["reservations_get"]),
    (Defect::H08, &["rooms_histories"]),
    (Defect::H09, &["reservations_list"]),
    (Defect::H12, &["reservations_list"]),
];

/// Switches that change the form of an answer and not what it says: they make notes, no findings.
const FORM_ONLY: &[Defect] = &[Defect::H68];

/// Switches that no case of the catalogue provokes yet. Whoever adds such a case takes the switch off
/// this list: a switch that is found while it stands here fails the test.
const UNSEEN: &[Defect] = &[
    Defect::H02, // fractions in amounts
    Defect::H03, // numbers as strings
    Defect::H10, // an ADMIN who grants roles
    Defect::H11, // null in a PATCH
    Defect::H17, // a room of a cancelled stay
    Defect::H18, // a stay that ends before it starts
    Defect::H20, // two accounts without e-mail
    Defect::H21, // a user id that is taken
    Defect::H23, // a stay in a deleted room
    Defect::H24, // the history of a deleted row
    Defect::H25, // an INACTIVE user
    Defect::H26, // many failed logins
    Defect::H27, // a demoted user
    Defect::H32, // a name that is taken
    Defect::H33, // a room that is taken
    Defect::H34, // deleting a group with rooms
    Defect::H35, // a role too low
    Defect::H37, // the history of an unknown id
    Defect::H38, // a path id that is no number
    Defect::H39, // a page out of range
    Defect::H40, // a deleted user's profile
    Defect::H41, // sorting by the odd column
    Defect::H42, // a bad date
    Defect::H44, // HEAD
    Defect::H45, // OPTIONS
    Defect::H46, // a trailing slash
    Defect::H47, // a long room number
    Defect::H50, // a stay with a deleted payment method
    Defect::H63, // no token
    Defect::H64, // a failed validation
    Defect::H65, // the same
    Defect::H69, // huge amounts
    Defect::H71, // escapes in JSON text: a golden file keeps what they mean
    Defect::H72, // broken UTF-8
    Defect::H73, // lengths in code points
    Defect::H74, // an e-mail beyond ASCII
    Defect::H77, // chunks: golden files keep no framing
    Defect::H82, // a foreign origin
    Defect::H93, // stays without a sort
    Defect::H94, // accounts in another order than by id
];

/// Case, place and value of everything noted.
fn notes(report: &Report) -> BTreeSet<(&str, String, Option<&str>)> {
    let cases = report.cases.iter();
    cases
        .flat_map(|case| {
            let notes = case.notes.iter();
            notes.map(|note| {
                let value = note.candidate.as_deref().filter(|_| note.rule.is_none());
                (case.endpoint.as_str(), note.location.to_string(), value)
            })
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_switch_is_found_where_it_acts_and_nowhere_else() {
    tokio::task::LocalSet::new()
        .run_until(every_switch_alone())
        .await;
}

async fn every_switch_alone() {
    const AT_ONCE: usize = 4;
    let package = Arc::new(Package::with_goldens());
    let mut waiting = Defect::ALL.iter().copied();
    let mut running = JoinSet::new();
    let mut reports: BTreeMap<Defect, Report> = BTreeMap::new();
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
        reports.insert(defect, report);
    }

    let clean = core(DefectSet::NONE).await;
    let clean = Run::default().replay(&package, &clean.url()).await;
    let mut wrong = Vec::new();
    let mut found = 0;
    for (defect, report) in &reports {
        let info = defect.info();
        let through_state = THROUGH_STATE.iter().filter(|(of, _)| of == defect);
        let allowed: BTreeSet<&str> = info
            .endpoints
            .iter()
            .chain(through_state.flat_map(|(_, endpoints)| *endpoints))
            .copied()
            .collect();
        let different: BTreeSet<&str> = report
            .cases
            .iter()
            .filter(|case| case.state == State::Different)
            .map(|case| case.endpoint.as_str())
            .collect();
        let elsewhere: Vec<_> = different.difference(&allowed).collect();
        let at_home = info
            .endpoints
            .iter()
            .any(|endpoint| different.contains(endpoint));
        found += usize::from(at_home);
        if !elsewhere.is_empty() {
            wrong.push(format!(
                "{defect}: also at {elsewhere:?}\n{}",
                trouble(report)
            ));
        }
        if FORM_ONLY.contains(defect) {
            let noted = notes(report);
            let new: Vec<_> = noted.difference(&notes(&clean)).cloned().collect();
            if report.exit() != Exit::Green || new.is_empty() {
                wrong.push(format!(
                    "{defect} should be noted: {new:?}\n{}",
                    trouble(report)
                ));
            }
            if let Some((endpoint, ..)) = new
                .iter()
                .find(|(endpoint, ..)| !allowed.contains(endpoint))
            {
                wrong.push(format!("{defect}: also noted at {endpoint}"));
            }
            found += usize::from(!new.is_empty());
            continue;
        }
        match (at_home, UNSEEN.contains(defect)) {
            (false, false) => {
                wrong.push(format!("{defect} is not found ({})", info.summary));
            }
            (true, true) => wrong.push(format!("{defect} is found: take it off UNSEEN")),
            (false, true) if report.exit() != Exit::Green => {
                wrong.push(format!(
                    "{defect} is not found, yet not all is green:\n{}",
                    trouble(report)
                ));
            }
            _ => {
                let open = report.cases.iter().filter(|case| {
                    matches!(
                        case.state,
                        State::Failed { .. } | State::NoGolden { .. } | State::NotRun { .. }
                    )
                });
                for case in open {
                    wrong.push(format!("{defect}: {} is {:?}", case.case, case.state));
                }
            }
        }
    }
    println!("{found}/{} switches found", reports.len());
    assert!(
        wrong.is_empty(),
        "{found}/{} found\n{}",
        reports.len(),
        wrong.join("\n")
    );
    assert!(found >= 12, "{found}");
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
