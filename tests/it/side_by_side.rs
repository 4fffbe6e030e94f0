//! `verifier compare`: two living services, no golden files, and nothing done to either that was not
//! allowed.

use std::sync::{Arc, Mutex};

use verifier::report::{Exit, State};

use crate::harness::{
    Package, RawServer, Received, Reply, Run, case, legacy, serve, trouble, verifier,
};
use fixtures::rms::{Options, Side};

/// Two reads and a journey that writes, of a service that is not ours.
const SEATS: &str = r#"
endpoints:
  - { id: seats, path: /seats, description: All, expected_status: 200 }
  - { id: stage, path: /stage, description: One, expected_status: 200 }
  - id: take
    method: POST
    path: /seats
    description: Takes one
    request_body: { name: "{run}" }
    expected_status: 201
    capture: { seat: /id }
    mask: { /id: seat.id }
  - { id: look, path: "/seats/{seat}", description: Looks at it, expected_status: 200, mask: { /id: seat.id } }
  - { id: leave, method: DELETE, path: "/seats/{seat}", description: Leaves it, expected_status: 204 }
journeys:
  - { id: seat, cases: [take, look], cleanup: [leave] }
"#;

/// Who was asked what, in order, by both servers.
type Log = Arc<Mutex<Vec<(&'static str, String, String)>>>;

/// A service that notes what it is asked before it answers.
fn seats(name: &'static str, log: &Log) -> RawServer {
    let log = Arc::clone(log);
    RawServer::start(move |received: &Received| {
        let host = received.head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("host:")
                .map(|host| host.trim().to_owned())
        });
        let method = received.line.split(' ').next().unwrap_or_default();
        let asked = format!("{method} {}", received.path());
        let mut log = log.lock().expect("nobody panics with it");
        log.push((name, asked, host.unwrap_or_default()));
        match method {
            "POST" => Reply::of("201 Created", "application/json", r#"{"id":7}"#),
            "DELETE" => Reply::with("204 No Content", "", ""),
            _ => Reply::json(r#"{"id":7}"#),
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_finish_on_legacy_before_core_starts_and_reads_keep_away_from_them() {
    let log = Log::default();
    let (legacy, core) = (seats("legacy", &log), seats("core", &log));
    let package = Package::with_catalogue(SEATS);
    let report = Run::default()
        .compare(&package, &legacy.url(), &core.url())
        .await;
    assert_eq!(report.exit(), Exit::Green, "{}", trouble(&report));
    let log = log.lock().expect("nobody panics with it");
    let asked: Vec<(&str, &str)> = log
        .iter()
        .map(|(who, asked, _)| (*who, asked.as_str()))
        .collect();
    let (reads, writes) = asked.split_at(4);
    assert!(
        reads
            .iter()
            .all(|(_, asked)| ["GET /seats", "GET /stage"].contains(asked)),
        "{asked:?}"
    );
    let journey = ["POST /seats", "GET /seats/7", "DELETE /seats/7"];
    let in_turn = ["legacy", "core"].map(|who| journey.map(|asked| (who, asked)));
    assert_eq!(writes, in_turn.as_flattened());
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_get_the_same_host_and_writes_need_to_be_allowed() {
    let log = Log::default();
    let (legacy, core) = (seats("legacy", &log), seats("core", &log));
    let package = Package::with_catalogue(SEATS);
    let command = |more: &[&str], exit: i32| {
        let output = verifier()
            .args([
                "compare",
                "--legacy",
                &legacy.url(),
                "--core",
                &core.url(),
                "--catalog",
            ])
            .arg(package.golden().join("endpoints.yaml"))
            .args(more)
            .output()
            .expect("the program runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(exit), "{more:?}: {text}");
        text
    };
    let told = command(&[], 3);
    assert!(told.contains("--allow-writes"), "{told}");
    let writes = |log: &Log| {
        let log = log.lock().expect("nobody panics with it");
        let hosts: Vec<String> = log.iter().map(|(_, _, host)| host.clone()).collect();
        assert!(
            hosts.iter().all(|host| *host == legacy.addr.to_string()),
            "{hosts:?}"
        );
        log.iter()
            .filter(|(_, asked, _)| !asked.starts_with("GET"))
            .count()
    };
    assert_eq!(writes(&log), 0);
    command(&["--allow-writes", "--shuffle", "3", "--jobs", "2"], 0);
    assert_eq!(writes(&log), 4);
    let told = command(&["--only", "stage"], 0);
    assert!(told.contains("1/1"), "{told}");
    command(&["--only", "stalls"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_on_one_database_compares_clean() {
    let legacy = legacy().await;
    let database = legacy.database.clone();
    let core = serve(Side::Core, |options| Options {
        database,
        ..options
    })
    .await;
    let report = Run::default()
        .compare(&Package::without_goldens(), &legacy.url(), &core.url())
        .await;
    assert_eq!(report.exit(), Exit::Green, "{}", trouble(&report));
    assert_eq!(report.headline(), "40/40 endpoints, 1/1 extra");
    assert_eq!(case(&report, "reservations_create").state, State::Equal);
}
