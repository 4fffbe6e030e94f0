//! The examples for Flagger and Argo Rollouts, held to what the program says: every command, path and
//! condition is read from the example's file, and every verdict is a real one.

#![allow(clippy::panic)] // a test that cannot go on says why

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};
use verifier::catalogue::Catalogue;
use verifier::evidence::record::{EndpointRecord, EndpointTally, Evidence, Ledger, Run, Shape};
use verifier::evidence::store;
use verifier::jwt::cell::Check;

use crate::harness::root;

/// What runs as core.
const BUILD: &str = "sha256:0123456789012345678901234567890123456789012345678901234567890123";
const CATALOGUE: &str = "
endpoints:
  - { id: seats, path: /seats, description: All, expected_status: 200 }
";

/// What the evidence shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Everything,
    ADifference,
    TooLittle,
    NoReplay,
}

/// Each with the exit code of a judgement on it.
const ALL: [(Shown, i32); 4] = [
    (Shown::Everything, 0),
    (Shown::ADifference, 1),
    (Shown::TooLittle, 3),
    (Shown::NoReplay, 4),
];

/// A folder as the examples mount it.
struct Mounted {
    folder: tempfile::TempDir,
}

impl Mounted {
    fn with(shown: Shown) -> Self {
        let mounted = Self {
            folder: tempfile::tempdir().expect("a place for test files"),
        };
        mounted.write("endpoints.yaml", CATALOGUE);
        let now = Timestamp::now();
        let file = mounted.path("endpoints.yaml");
        let catalogue = Catalogue::parse(&file, CATALOGUE, jiff::ZonedDateTime::now().date());
        let sha256 = catalogue.expect("a catalogue").sha256;
        let started = (now - 1.minute()).to_string();
        let equal = shown != Shown::ADifference;
        let replay = json!({
            "schema": "verifier-report/1", "command": "replay", "tool_version": "1",
            "catalogue": { "sha256": sha256 }, "core": { "digest": BUILD, "build": null },
            "goldens_sha256": "g", "started": started, "duration_ms": 1000.0,
            "exit_code": i32::from(!equal),
            "totals": { "cases": 1, "equal": u8::from(equal), "different": u8::from(!equal), "findings": u8::from(!equal) },
            "cases": [{
                "endpoint": "seats", "case": "seats", "method": "GET",
                "state": if equal { "equal" } else { "different" },
            }],
            "goldens_not_from_legacy": [],
        });
        if shown != Shown::NoReplay {
            mounted.write("replay.json", &replay.to_string());
        }
        let cells = Check::ALL.iter().map(
            |check| json!({ "name": check.name(), "check": check.name(), "verdict": "holds" }),
        );
        let jwt = json!({
            "schema": "verifier-jwt/1", "tool_version": "1", "catalogue": { "sha256": sha256 },
            "core_identity": { "digest": BUILD }, "started": started, "duration_ms": 1000.0, "exit_code": 0,
            "totals": { "cells": Check::ALL.len(), "fails": 0, "findings": 0 },
            "cells": cells.collect::<Vec<_>>(), "not_judged": [], "waived": [],
        });
        mounted.write("jwt.json", &jwt.to_string());
        let compared = if shown == Shown::TooLittle { 12 } else { 4_000 };
        let live = live(&sha256, compared, now.as_millisecond());
        store::write(&mounted.path("live.db"), &live).expect("a new file");
        let config = json!({
            "legacy": "http://127.0.0.1:1", "core": "http://127.0.0.1:2", "catalog": file,
            "gate": { "evidence": {
                "replay": [mounted.path("replay.json")], "jwt": mounted.path("jwt.json"),
                "live": mounted.path("live.db"),
            }},
        });
        // JSON is YAML.
        mounted.write("cutover.yaml", &config.to_string());
        mounted
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a new file");
    }

    /// A word of an example, with what its tool puts in and what is mounted here.
    fn word(&self, word: &str) -> String {
        let word = word
            .replace("{{args.core-digest}}", BUILD)
            .replace("/cutover/", &format!("{}/", self.folder.path().display()));
        assert!(!word.contains("{{"), "{word}: nobody fills that in");
        word
    }
}

fn live(catalogue: &str, compared: u64, now_ms: i64) -> Evidence {
    let tally = EndpointTally {
        sent: compared,
        equal: compared,
        ..EndpointTally::default()
    };
    let record = EndpointRecord {
        tally,
        ..EndpointRecord::default()
    };
    let shape = Shape {
        endpoint: "seats".to_owned(),
        method: "GET".to_owned(),
        query: Vec::new(),
        auth: None,
        media: None,
        body: Vec::new(),
    };
    let run = Run {
        id: "r".to_owned(),
        core_version: Some(BUILD.to_owned()),
        catalogue_sha256: Some(catalogue.to_owned()),
        started_ms: now_ms - 60_000,
        written_ms: now_ms - 1_000,
        ended_ms: Some(now_ms - 1_000),
        ..Run::default()
    };
    Evidence {
        runs: [("r".to_owned(), run)].into(),
        ledger: Ledger {
            endpoints: [("seats".to_owned(), record)].into(),
            shapes: [("s".to_owned(), shape)].into(),
            ..Ledger::default()
        },
        ..Evidence::default()
    }
}

/// The documents of an example's file, in order.
fn example(name: &str) -> Vec<Value> {
    let text =
        fs::read_to_string(root().join("examples/gate").join(name)).expect("it is committed");
    text.split("\n---\n")
        .map(|document| verifier::yaml::read(document).expect("YAML without a key twice"))
        .collect()
}

/// The program with these arguments; its exit code and its verdict.
fn judge(words: &[String]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_verifier-under-test"))
        .args(words)
        .output()
        .expect("the program runs");
    let verdict = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        let told = String::from_utf8_lossy(&output.stderr);
        panic!("{words:?}: one JSON verdict on standard output: {error}: {told}")
    });
    (output.status.code().expect("an exit code"), verdict)
}

/// What stands at a path such as `{$.exit_code}`, as Argo looks it up in an answer.
fn look_up<'v>(path: &str, answer: &'v Value) -> &'v Value {
    let inner = path
        .strip_prefix("{$.")
        .and_then(|path| path.strip_suffix('}'));
    let names = inner.unwrap_or_else(|| panic!("{path} is no path that this test can follow"));
    names.split('.').fold(answer, |value, name| {
        value
            .get(name)
            .unwrap_or_else(|| panic!("{path} leads to nothing in {answer:#}"))
    })
}

/// Whether a condition such as `result == 0 || result == 3` holds.
fn holds(condition: &str, result: &Value) -> bool {
    condition.split("||").any(|part| {
        let number = part.trim().strip_prefix("result == ");
        let number = number.and_then(|number| number.parse::<i64>().ok());
        let number =
            number.unwrap_or_else(|| panic!("{condition} is none that this test can judge"));
        result.as_i64() == Some(number)
    })
}

#[test]
fn argo_takes_only_a_proved_core_for_good_and_too_little_evidence_for_inconclusive() {
    let documents = example("argo-analysis.yaml");
    let metric = |at: usize| &documents[at]["spec"]["metrics"][0];
    let job = &metric(0)["provider"]["job"]["spec"];
    // A second try would find the same files.
    assert_eq!(job["backoffLimit"], 0);
    let container = &job["template"]["spec"]["containers"][0];
    assert_eq!(container["volumeMounts"][0]["readOnly"], true);
    let args = container["args"].as_array().expect("a list");
    let web = &metric(1)["provider"]["web"];
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let (path, url) = (text(&web["jsonPath"]), text(&web["url"]));
    assert!(
        url.contains("{{args.core-digest}}"),
        "{url}: a verdict on another build is none on this one"
    );
    let (success, failure) = (
        text(&metric(1)["successCondition"]),
        text(&metric(1)["failureCondition"]),
    );
    for (shown, exit) in ALL {
        let mounted = Mounted::with(shown);
        let words: Vec<String> = args.iter().map(|word| mounted.word(&text(word))).collect();
        let (code, verdict) = judge(&words);
        assert_eq!(code, exit, "{shown:?}: {verdict:#}");
        // As the analysis takes it: neither good nor bad is inconclusive.
        let result = look_up(&path, &verdict);
        let taken = match (holds(&success, result), holds(&failure, result)) {
            (true, false) => "successful",
            (false, true) => "failed",
            (false, false) => "inconclusive",
            (true, true) => "both",
        };
        let expected = match shown {
            Shown::Everything => "successful",
            Shown::ADifference => "failed",
            Shown::TooLittle | Shown::NoReplay => "inconclusive",
        };
        assert_eq!(taken, expected, "{shown:?}: {result}");
    }
}

#[test]
fn flagger_begins_with_a_proved_core_alone() {
    let documents = example("flagger-webhook.yaml");
    let webhook = &documents[0]["spec"]["analysis"]["webhooks"][0];
    assert_eq!(webhook["type"], "pre-rollout");
    assert_eq!(webhook["metadata"]["type"], "bash");
    let command = webhook["metadata"]["cmd"].as_str().expect("a command");
    for (shown, exit) in ALL {
        let mounted = Mounted::with(shown);
        let programs = tempfile::tempdir().expect("a place for test files");
        let program = env!("CARGO_BIN_EXE_verifier-under-test");
        std::os::unix::fs::symlink(program, programs.path().join("verifier")).expect("a new link");
        let output = Command::new("bash")
            .args(["-c", &mounted.word(command)])
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", programs.path().display()),
            )
            .env("CORE_DIGEST", BUILD)
            .output()
            .expect("bash is there, as for `tests/run`");
        let told = String::from_utf8_lossy(&output.stdout);
        // The load tester answers with an error to whatever does not end with 0.
        assert_eq!(output.status.code(), Some(exit), "{shown:?}: {told}");
        let last = told.lines().last().unwrap_or_default();
        let word = if exit == 0 { "PASS" } else { "HOLD" };
        assert!(last.starts_with(word), "{shown:?}: {told}");
    }
}
