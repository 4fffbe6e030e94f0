//! R8, R19, R20, R28: what is written down, what never is, and what becomes of it when the disk or the
//! process fails.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use shadow_proxy::evidence::EvidenceConfig;
use shadow_proxy::{Config, Proxy};
use verifier::cutover::VersionEndpoint;
use verifier::evidence::record::Evidence;
use verifier::evidence::store;
use verifier::report::Exit;
use verifier::report::live::LiveReport;

use crate::stopping::Program;
use crate::upstream::Upstream;
use crate::wire::{LIMIT, Message, Wire};
use crate::{client, config, settled};

/// A service whose answers hold what no file may.
fn service(id: u32) -> Upstream {
    Upstream::answering(move |_| {
        let body = format!(
            r#"{{"id":{id},"name":"Hong Gildong","phone":"010-1234-5678","memo":"call me","status":"NORMAL"}}"#
        );
        json(&body, "Set-Cookie: S=cookie-s3cr3t\r\n")
    })
}

fn json(body: &str, more: &str) -> Vec<u8> {
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    format!("{head}{more}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

fn with_evidence(legacy: &Upstream, core: &Upstream, file: &Path) -> Proxy {
    let key = file.with_file_name("..").join("redaction.key");
    std::fs::write(&key, "0123456789abcdef0123456789abcdef").expect("a file");
    let evidence = EvidenceConfig {
        file: Some(file.to_owned()),
        redaction_key_file: Some(key),
        ..EvidenceConfig::default()
    };
    Proxy::start(&Config {
        evidence,
        ..config(legacy, core)
    })
    .expect("a good configuration")
}

/// A service that tells its build on a page: `builds`, one after the other and the last one for good.
fn with_builds(builds: &'static [&'static str]) -> Upstream {
    let asked = AtomicUsize::new(0);
    Upstream::answering(move |request| {
        if request.target() != "/version" {
            return json("{}", "");
        }
        let at = asked.fetch_add(1, Ordering::SeqCst).min(builds.len() - 1);
        json(&format!(r#"{{"build":{{"id":"{}"}}}}"#, builds[at]), "")
    })
}

#[test]
fn a_version_endpoint_names_the_builds_and_a_run_over_two_of_them_names_both() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("live.db");
    let (legacy, core) = (
        with_builds(&["legacy-7"]),
        with_builds(&["core-1", "core-2"]),
    );
    let mut config = config(&legacy, &core);
    config.evidence.file = Some(file.clone());
    config.evidence.version_endpoint = Some(VersionEndpoint {
        path: "/version".to_owned(),
        pointer: Some("/build/id".to_owned()),
        every_s: 1,
    });
    let proxy = Proxy::start(&config).expect("a good configuration");
    // Once it is asked a third time, the second answer has been taken in.
    let asked = core.seen.wait_for(3);
    assert!(asked.iter().all(|request| request.target() == "/version"));
    // No client asked for it, and no count holds it.
    assert_eq!(proxy.counters().total().sent, 0);
    assert!(proxy.stop());
    let evidence = store::read(&file).expect("evidence");
    let run = evidence.runs.values().next().expect("a run");
    assert_eq!(run.legacy_version.as_deref(), Some("legacy-7"));
    assert_eq!(run.core_version.as_deref(), Some("core-1 and core-2"));
}

fn ask(wire: &mut Wire, target: &str) {
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer token-s3cr3t\r\nCookie: S=cookie-s3cr3t\r\nX-Request-Id: req-0001-abcdef\r\n\r\n"
    );
    assert_eq!(wire.ask(request).status(), 200);
}

fn read_when(file: &Path, good: impl Fn(&Evidence) -> bool) -> Evidence {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Ok(evidence) = store::read(file)
            && good(&evidence)
        {
            return evidence;
        }
        assert!(Instant::now() < deadline, "the evidence does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn evidence_tells_every_request_and_holds_nothing_in_clear() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("evidence/live.db");
    std::fs::create_dir(folder.path().join("evidence")).expect("a folder");
    let (legacy, core) = (service(1), service(2));
    let proxy = with_evidence(&legacy, &core, &file);
    let mut wire = client(&proxy);
    for number in 0..20 {
        ask(
            &mut wire,
            &format!("/api/rooms/{number}?search=Hong&page=0&token=query-s3cr3t"),
        );
    }
    settled(&proxy, 20);
    drop(wire);
    assert!(proxy.stop());

    let evidence = store::read(&file).expect("evidence");
    let record = &evidence.ledger.endpoints["GET /api/rooms/{id}"];
    assert_eq!((record.tally.sent, record.tally.different), (20, 20));
    assert_eq!(record.tally.reference_latency.total(), 20);
    let group = evidence
        .ledger
        .groups
        .values()
        .next()
        .expect("a difference");
    assert_eq!((evidence.ledger.groups.len(), group.exchanges), (1, 20));
    assert_eq!(group.key.place, "/id");
    let sample = &group.samples[0];
    assert_eq!(sample.difference.candidate.as_deref(), Some("2"));
    assert_eq!(sample.request_id.as_deref(), Some("req-0001-abcdef"));
    assert!(
        sample.request.target.starts_with("/api/rooms/"),
        "{}",
        sample.request.target
    );
    let shape = evidence.ledger.shapes.values().next().expect("a shape");
    assert_eq!(shape.query, ["page:int-text", "search:text", "token:text"]);
    let report = LiveReport {
        path: file.clone(),
        evidence,
        ..LiveReport::default()
    };
    assert_eq!(report.exit(), Exit::Differences);

    for entry in std::fs::read_dir(file.parent().expect("a folder")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a file");
        for secret in ["Gildong", "010-1234", "s3cr3t", "call me", "Hong"] {
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "{} holds `{secret}`", path.display());
        }
    }
}

#[test]
fn equal_traffic_is_counted_and_its_shapes_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("evidence/live.db");
    std::fs::create_dir(folder.path().join("evidence")).expect("a folder");
    let (legacy, core) = (service(1), service(1));
    let proxy = with_evidence(&legacy, &core, &file);
    let mut wire = client(&proxy);
    for number in 0..30 {
        ask(
            &mut wire,
            if number % 2 == 0 {
                "/api/rooms/1?page=0"
            } else {
                "/api/rooms/1?size=2"
            },
        );
    }
    settled(&proxy, 30);
    let running = read_when(&file, |evidence| {
        evidence
            .ledger
            .endpoints
            .values()
            .any(|e| e.tally.equal == 30)
    });
    let report = LiveReport {
        path: file.clone(),
        evidence: running,
        ..LiveReport::default()
    };
    assert!(report.is_live());
    assert_eq!(report.exit(), Exit::Green);
    same_verdict(&report, &Wire::connect(proxy.admin()).get("/status"));
    drop(wire);
    assert!(proxy.stop());
    let evidence = store::read(&file).expect("evidence");
    let record = &evidence.ledger.endpoints["GET /api/rooms/{id}"];
    let statuses: Vec<String> = record
        .tally
        .equal_by_status
        .iter()
        .map(|(pair, count)| format!("{pair}: {count}"))
        .collect();
    assert_eq!(statuses, ["200 200: 30"]);
    assert_eq!(evidence.ledger.shapes.len(), 2);
    let report = LiveReport {
        path: file,
        evidence,
        ..LiveReport::default()
    };
    assert!(!report.is_live());
    assert_eq!(report.exit(), Exit::Green);
}

#[test]
fn r28_after_a_kill_the_next_start_serves_and_counts_what_was_cut_off() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("live.db");
    let path = file.to_str().expect("a plain path");
    let (legacy, core) = (service(1), service(2));
    let program = Program::start(&legacy, &core, &["--evidence", path]);
    let mut wire = Wire::connect(program.listen);
    for number in 0..10 {
        ask(&mut wire, &format!("/api/rooms/{number}"));
    }
    read_when(&file, |evidence| {
        evidence
            .ledger
            .groups
            .values()
            .any(|group| group.exchanges == 10)
    });
    program.signal("-KILL");
    let (status, _) = program.end();
    assert!(!status.success());
    let report = LiveReport {
        path: file.clone(),
        evidence: store::read(&file).expect("evidence"),
        ..LiveReport::default()
    };
    assert!(!report.gaps().is_empty());

    let program = Program::start(&legacy, &core, &["--evidence", path]);
    let mut wire = Wire::connect(program.listen);
    ask(&mut wire, "/api/rooms/1");
    drop(wire);
    program.signal("-TERM");
    let (status, log) = program.end();
    assert!(status.success(), "{status} {log}");
    assert!(
        log.contains("1 earlier proxies ended without notice"),
        "{log}"
    );
    let evidence = store::read(&file).expect("evidence");
    assert_eq!(evidence.runs.values().filter(|run| run.cut_off).count(), 1);
    assert_eq!(
        evidence
            .ledger
            .groups
            .values()
            .map(|group| group.exchanges)
            .sum::<u64>(),
        11
    );
}

#[test]
fn r8_a_file_that_may_not_grow_costs_evidence_and_no_traffic() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("live.db");
    let path = file.to_str().expect("a plain path");
    // A group of its own for every request, so that the evidence grows.
    let varied = |side: u32| {
        Upstream::answering(move |request| {
            let name = request.target().trim_start_matches('/');
            json(&format!("{{\"{name}\":{side}}}"), "")
        })
    };
    let (legacy, core) = (varied(1), varied(2));
    // Blocks of 512 bytes: every file ends at 64 KiB.
    let program = Program::start_under("ulimit -f 128", &legacy, &core, &["--evidence", path]);
    let mut wire = Wire::connect(program.listen);
    for number in 0..200u8 {
        let letters: String = [number / 20, number % 20]
            .iter()
            .map(|digit| char::from(b'a' + digit))
            .collect();
        ask(&mut wire, &format!("/x{letters}"));
    }
    let deadline = Instant::now() + LIMIT;
    loop {
        let metrics = program.metrics();
        let line = metrics
            .lines()
            .find(|line| line.starts_with("shadow_proxy_evidence_lost_total"));
        let lost = line
            .and_then(|line| line.rsplit(' ').next())
            .and_then(|count| count.parse::<u64>().ok());
        if lost.is_some_and(|lost| lost > 0) {
            break;
        }
        assert!(Instant::now() < deadline, "no loss is shown: {line:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    ask(&mut wire, "/still");
    drop(wire);
    program.settled();
    program.signal("-TERM");
    let (status, log) = program.end();
    assert!(status.success(), "{status} {log}");
    assert!(
        log.contains("evidence cannot be written; traffic goes on"),
        "{log}"
    );
    let report = LiveReport {
        path: file.clone(),
        evidence: store::read(&file).expect("evidence"),
        ..LiveReport::default()
    };
    assert!(!report.gaps().is_empty(), "the loss shows in the report");
}

#[test]
fn a_key_that_is_missing_or_beside_the_evidence_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, key) = (folder.path().join("live.db"), folder.path().join("key"));
    std::fs::write(&key, "0123456789abcdef0123456789abcdef").expect("a file");
    let run = |evidence: &Path, key: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_shadow-proxy"))
            .args([
                "--legacy",
                "http://127.0.0.1:1",
                "--core",
                "http://127.0.0.1:2",
                "--listen",
                "127.0.0.1:0",
                "--admin",
                "127.0.0.1:0",
            ])
            .arg("--evidence")
            .arg(evidence)
            .arg("--redaction-key-file")
            .arg(key)
            .output()
            .expect("the program runs");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (code, text) = run(&file, &key);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("keep it elsewhere"), "{text}");
    let apart = tempfile::tempdir().expect("a temporary folder");
    let missing = run(&apart.path().join("live.db"), &folder.path().join("none"));
    assert_eq!(missing.0, Some(2), "{}", missing.1);
}

/// `/status` tells the verdict as the report does, under the same names.
fn same_verdict(report: &LiveReport, status: &Message) {
    let mut out = Vec::new();
    verifier::report::live::json::write(report, &mut out).expect("memory is never full");
    let report: Value = serde_json::from_slice(&out).expect("JSON");
    let status: Value = serde_json::from_str(status.text()).expect("JSON");
    assert_eq!(status["confidence"]["verdict"], "not_yet");
    let told = |value: &Value| {
        let mut one = value["confidence"].clone();
        // Each has its own idea of how long it has been looking.
        let seconds = one
            .as_object_mut()
            .and_then(|one| one.remove("seconds_needed"));
        assert!(seconds.is_some(), "{value:#}");
        one
    };
    assert_eq!(told(&status), told(&report));
    let one = |value: &Value| told(&value["endpoints"][0]);
    assert_eq!(one(&status), one(&report));
}

#[test]
fn pairs_of_one_request_tell_who_is_slower_and_shapes_what_was_not_seen() {
    const LATE: Duration = Duration::from_millis(40);
    let late = |late: bool| {
        Upstream::answering(move |_| {
            if late {
                // The fault itself; the test waits for nothing but the answer.
                std::thread::sleep(LATE);
            }
            json("{}", "")
        })
    };
    for core_is_late in [true, false] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("evidence/live.db");
        std::fs::create_dir(folder.path().join("evidence")).expect("a folder");
        let (legacy, core) = (late(!core_is_late), late(core_is_late));
        let proxy = with_evidence(&legacy, &core, &file);
        let mut wire = client(&proxy);
        for number in 0..12 {
            let query = if number == 0 { "" } else { "?page=1" };
            ask(&mut wire, &format!("/rooms{query}"));
        }
        settled(&proxy, 12);
        let text = Wire::connect(proxy.admin()).get("/status").body;
        let status: Value = serde_json::from_slice(&text).expect("JSON");
        let latency = |of: &Value| {
            let count = |name: &str| of["latency"][name].as_u64().expect("a count");
            count("slower") + count("faster") + count("alike")
        };
        let endpoint = &status["endpoints"][0];
        assert_eq!((latency(&status), latency(endpoint)), (12, 12), "{status}");
        assert_eq!(endpoint["shapes"], 2, "{status}");
        assert_eq!(status["latency"]["verdict"], endpoint["latency"]["verdict"]);
        drop(wire);
        assert!(proxy.stop());
        let mut evidence = store::read(&file).expect("evidence");
        let record = evidence.ledger.endpoints.get_mut("GET /rooms");
        let tally = &mut record.expect("asked").tally;
        let paces = tally.paces;
        assert_eq!(paces.total(), 12);
        let (most, least) = if core_is_late {
            (paces.slower, paces.faster)
        } else {
            (paces.faster, paces.slower)
        };
        // A busy machine may delay the other side too, but not most of the time.
        assert!(most > least, "{paces:?}");
        let shapes = &tally.uses.shapes;
        assert_eq!((shapes.distinct(), shapes.requests()), (2, 12));
        assert!((shapes.unseen() - 1.0 / 12.0).abs() < 1e-12);
    }
}
