//! A stand-in for the script that teams use today: what it asks, what it looks at, what it lets pass.
//!
//! It asks core alone, one request an endpoint, in the order of its manifest. In its core-only mode the
//! status must be in the entry's list. In its stored-golden mode the body must equal one that was stored
//! when core answered 200 or 201; the status does not count, and what has no stored body fails.

mod look;
mod manifest;

use std::collections::{BTreeMap, BTreeSet};

use fixtures::rms::defects::{Defect, DefectSet};
use fixtures::rms::{Options, Side};
use serde_json::{Value, json};
use verifier::client::{ClientConfig, Outgoing, Target};
use verifier::exchange::Answer;

use self::look::{equal, normalised};
use self::manifest::ENTRIES;
use crate::harness::{root, serve};

/// What one run of the script saw: status and kept body of each entry.
type Seen = Vec<(u16, Value)>;

async fn send(target: &Target, outgoing: &Outgoing) -> Answer {
    let sent = target.send(outgoing).await;
    sent.observation.answer.expect("core answers")
}

/// Logs in once for each account; one that cannot is sent without a token from then on.
async fn tokens(target: &Target) -> BTreeMap<&'static str, String> {
    let accounts: BTreeSet<&str> = ENTRIES.iter().filter_map(|entry| entry.role).collect();
    let mut tokens = BTreeMap::new();
    for account in accounts {
        let body = json!({ "username": account, "password": format!("{account}123") });
        let outgoing = Outgoing {
            method: "POST".to_owned(),
            path: "/api/v1/auth/login".to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: Some(body.to_string().into_bytes()),
        };
        let answer = send(target, &outgoing).await;
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if let Some(token) = json.pointer("/value/accessToken").and_then(Value::as_str) {
            tokens.insert(account, format!("Bearer {token}"));
        }
    }
    tokens
}

/// Runs the whole manifest against a core of its own.
async fn run(defects: DefectSet) -> Seen {
    // A clock that stands still, since times of histories are not among the names it ignores: on a
    // running one it would fail on every day but the first.
    let now = Some("2026-01-13T03:04:05Z".parse().expect("a timestamp"));
    let service = serve(Side::Core, |options| Options {
        defects,
        now,
        ..options
    })
    .await;
    let target = Target::new(&service.url(), ClientConfig::default()).expect("an address");
    let tokens = tokens(&target).await;
    let mut seen = Vec::new();
    for entry in ENTRIES {
        let mut headers = Vec::new();
        if let Some(token) = entry.role.and_then(|role| tokens.get(role)) {
            headers.push(("authorization".to_owned(), token.clone()));
        }
        if entry.body.is_some() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let mut outgoing = Outgoing {
            method: entry.method.to_owned(),
            path: entry.path.to_owned(),
            headers,
            body: entry.body.map(|body| body.as_bytes().to_vec()),
        };
        let mut answer = send(&target, &outgoing).await;
        // redirects are followed without a word
        for _ in 0..5 {
            let location = answer.header("location").next();
            let location = location.map(|at| String::from_utf8_lossy(at).into_owned());
            let Some(location) = location.filter(|_| (300..400).contains(&answer.status)) else {
                break;
            };
            let path = location.strip_prefix(target.base()).unwrap_or(&location);
            path.clone_into(&mut outgoing.path);
            answer = send(&target, &outgoing).await;
        }
        seen.push((answer.status, normalised(&answer.body)));
    }
    seen
}

/// Entries that pass by their status alone.
fn core_only(seen: &Seen) -> BTreeSet<&'static str> {
    let entries = ENTRIES.iter().zip(seen);
    entries
        .filter(|(entry, (status, _))| entry.expected.contains(status))
        .map(|(entry, _)| entry.id)
        .collect()
}

/// Entries whose body equals the one stored from `golden`.
fn stored_golden(seen: &Seen, golden: &Seen) -> BTreeSet<&'static str> {
    let entries = ENTRIES.iter().zip(seen).zip(golden);
    entries
        .filter(|((_, (_, body)), (status, stored))| {
            matches!(status, 200 | 201) && equal(body, stored)
        })
        .map(|((entry, _), _)| entry.id)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_says_how_many_switches_the_incumbent_finds() {
    let clean = run(DefectSet::NONE).await;
    let passes = core_only(&clean);
    let equals = stored_golden(&clean, &clean);
    assert!(passes.len() >= 35, "{passes:?}");
    assert!(equals.len() >= 25, "{equals:?}");
    // a second run on a new database sees the same, so whatever fails below has one cause
    assert_eq!(stored_golden(&run(DefectSet::NONE).await, &clean), equals);
    let (mut by_status, mut by_body) = (Vec::new(), Vec::new());
    for defect in Defect::of(Side::Core) {
        let seen = run(defect.into()).await;
        if !passes.is_subset(&core_only(&seen)) {
            by_status.push(defect.id());
        }
        if !equals.is_subset(&stored_golden(&seen, &clean)) {
            by_body.push(defect.id());
        }
    }
    let total = Defect::of(Side::Core).count();
    println!("core-only {}/{total}: {by_status:?}", by_status.len());
    println!("stored-golden {}/{total}: {by_body:?}", by_body.len());
    // as it is used, its stored bodies come from the very core that it judges
    let shipped = run(DefectSet::as_shipped()).await;
    let own = stored_golden(&shipped, &shipped);
    assert_eq!(
        stored_golden(&run(DefectSet::as_shipped()).await, &shipped),
        own
    );
    let readme = std::fs::read_to_string(root().join("README.md")).expect("it is committed");
    for stated in [
        format!("stored-golden mode {} of {total}", by_body.len()),
        format!("core-only mode {} of {total}", by_status.len()),
    ] {
        assert!(readme.contains(&stated), "README.md should say: {stated}");
    }
}
