//! What live traffic through the proxy covers of the catalogue, and what `verifier coverage` says is missing.

use std::path::Path;
use std::process::Output;

use fixtures::rms::{self, Options, Side};
use fixtures::web_client::{Account, End, Session, Traffic, drive};
use serde_json::Value;
use shadow_proxy::{Config, Proxy};

use crate::harness::{committed, proxy_before, stopped, verifier};

fn coverage(files: &[&Path], more: &[&str]) -> Output {
    let mut command = verifier();
    command.arg("coverage").arg("--evidence").args(files);
    command.args(more).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is text")
}

/// The gaps of a kind as `endpoint name`.
fn gaps(report: &Value, kind: &str) -> Vec<String> {
    let all = report["gaps"].as_array().expect("a list").iter();
    let of_kind = all.filter(|gap| gap["kind"] == kind);
    let word = |value: &Value| value.as_str().expect("a text").to_owned();
    of_kind
        .map(|gap| format!("{} {}", word(&gap["endpoint"]), word(&gap["name"])))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn live_traffic_is_held_against_the_catalogue_and_its_golden_files() {
    let folder = tempfile::tempdir().expect("a place for test files");
    let database = folder.path().join("rms.db");
    let start = |side| rms::start(Options::new(side, &database));
    let legacy = start(Side::Legacy).await.expect("legacy starts");
    let core = start(Side::Core).await.expect("core starts");
    let file = folder.path().join("e.db");
    let mut config = proxy_before(&legacy.url(), &core.url());
    config.evidence.file = Some(file.clone());
    config.evidence.role_claim = Some("authorities".to_owned());
    let proxy = Proxy::start(&config).expect("a good configuration");
    let traffic = Traffic::new(400);
    drive(proxy.listen(), &traffic, |_| {})
        .await
        .expect("every request is answered");
    // What no case knows: a route, a parameter, and one whose name is somebody's address.
    let mut session = Session::open(proxy.listen(), Account::of(2), traffic.today, 7);
    session.begin().await.unwrap_or_else(|_| panic!("no login"));
    for path in [
        "/api/v2/weather",
        "/api/v1/rooms?shade=red",
        "/api/v1/rooms?kim%40example.com=1",
    ] {
        let asked = session.get(path).await;
        assert!(!matches!(asked, Err(End::Trouble(_))), "{path}");
    }
    stopped(proxy).await;

    let catalogue = committed().join("endpoints.yaml");
    let catalogue = catalogue.to_str().expect("a plain path");
    let with = ["--catalog", catalogue, "--format", "json"];
    let output = coverage(&[&file], &with);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["schema"], "verifier-coverage/1");

    assert_eq!(
        gaps(&report, "unknown-route"),
        ["GET /api/v2/weather GET /api/v2/weather"]
    );
    let never = gaps(&report, "never-live");
    assert!(
        never.iter().any(|gap| gap.starts_with("auth_register ")),
        "{never:?}"
    );
    let untried = gaps(&report, "no-case");
    assert!(
        untried.contains(&"rooms_list shade".to_owned()),
        "{untried:?}"
    );
    assert_eq!(gaps(&report, "no-golden"), Vec::<String>::new());
    let unverified = gaps(&report, "unverified-write");
    assert!(
        unverified.contains(&"auth_login POST /api/v1/auth/login".to_owned()),
        "{unverified:?}"
    );
    let login = report["endpoints"].as_array().expect("a list");
    let list = login.iter().find(|one| one["endpoint"] == "rooms_list");
    let list = list.expect("in the catalogue");
    let roles: Vec<&str> = list["roles"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|role| role["requests"].as_u64() > Some(0))
        .map(|role| role["name"].as_str().expect("a text"))
        .collect();
    assert_eq!(roles, ["ADMIN", "NORMAL", "SUPER_ADMIN"]);
    for endpoint in login {
        let sent = |value: &Value| value["sent"].as_u64().expect("a count");
        let uses = endpoint["uses"].as_array().expect("a list");
        let (all, by_use) = (sent(endpoint), uses.iter().map(sent).sum::<u64>());
        assert_eq!(all, by_use, "{endpoint:#}");
        let compared = |value: &Value| value["compared"].as_u64().expect("a count");
        assert_eq!(compared(endpoint), uses.iter().map(compared).sum::<u64>());
    }
    // Neither a token nor what somebody put where a name belongs is anywhere.
    let bytes = std::fs::read(&file).expect("the file");
    for secret in [&b"eyJ"[..], b"kim%40", b"kim@"] {
        assert!(!bytes.windows(secret.len()).any(|some| some == secret));
    }

    let output = coverage(&[&file], &with[..2]);
    let shown = text(&output.stdout);
    for words in [
        "Never seen live",
        "Live routes that the catalogue does not name",
        "Seen live, but in no case",
        "Writes without a verdict",
        "could be by",
        "+shade",
        "GAPS  ",
    ] {
        assert!(shown.contains(words), "{words} is missing in\n{shown}");
    }
    let all = ["never-live", "unknown-route", "no-case", "unverified-write"];
    let waived = all.iter().flat_map(|kind| ["--waive", *kind]);
    let waived: Vec<&str> = with[..2].iter().copied().chain(waived).collect();
    let output = coverage(&[&file], &waived);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("COVERED  "));

    // The report has a line for what nobody asked, and a verdict that knows of it.
    let report = verifier()
        .args(["report", "--catalog", catalogue, "--evidence"])
        .arg(&file)
        .output()
        .expect("the program runs");
    let shown = text(&report.stdout);
    let silent: Vec<&str> = shown
        .lines()
        .filter(|line| line.contains("auth_register "))
        .collect();
    assert!(
        silent.len() == 2 && silent[0].contains("no data"),
        "{silent:?}"
    );
    assert!(silent[1].contains("6 cases replay it"), "{silent:?}");
    let last = shown.lines().last().unwrap_or_default();
    assert!(last.contains("; verdict: not yet (endpoints: "), "{last}");

    let twice = coverage(&[&file, &file], &with);
    assert_eq!(twice.status.code(), Some(2));
    assert!(text(&twice.stderr).contains("name each file once"));
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_without_a_request_covers_nothing_and_says_so() {
    let folder = tempfile::tempdir().expect("a place for test files");
    let file = folder.path().join("e.db");
    let mut config = Config {
        legacy: Some("http://127.0.0.1:9".to_owned()),
        core: Some("http://127.0.0.1:10".to_owned()),
        listen: ([127, 0, 0, 1], 0).into(),
        admin: ([127, 0, 0, 1], 0).into(),
        ..Config::default()
    };
    config.evidence.file = Some(file.clone());
    let proxy = Proxy::start(&config).expect("a good configuration");
    stopped(proxy).await;
    let output = coverage(&[&file], &[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stdout).contains("NOTHING  the evidence holds no request"));
    let missing = coverage(&[&folder.path().join("none.db")], &[]);
    assert_eq!(missing.status.code(), Some(2));
    let kind = coverage(&[&file], &["--waive", "all"]);
    assert_eq!(kind.status.code(), Some(2));
    assert!(text(&kind.stderr).contains("never-live"));
}
