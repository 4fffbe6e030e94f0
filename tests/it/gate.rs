//! `verifier gate` as a program: exit codes, one JSON verdict, what is left alone, and the kill.

#![allow(clippy::panic)] // a test that cannot go on says why

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use verifier::gate::actuator::{DryRun, Reading};
use verifier::gate::journal::entry::{Entry, Route};
use verifier::gate::journal::{DiskPen, Journal};
use verifier::gate::state::State;
use verifier::gate::weight::Weight;
use verifier::jwt::cell::Side;

use crate::harness::verifier;

const CONFIG: &str = "
legacy: http://127.0.0.1:1
core: http://127.0.0.1:2
evidence: { file: live.db }
gate:
  tick: 50ms
  contacts: { rollback: Kim }
  router: { dry_run: { file: router.json } }
  signals: { evidence: true }
";

/// A folder with a cut-over.
struct CutOver {
    folder: tempfile::TempDir,
}

impl CutOver {
    fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let config = config
            .replace("live.db", &path("live.db"))
            .replace("router.json", &path("router.json"));
        fs::write(folder.path().join("cutover.yaml"), config).expect("a file");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self) -> PathBuf {
        self.path("cutover.yaml")
    }

    fn run(&self, args: &[&str]) -> (i32, Value) {
        let output = verifier()
            .arg("gate")
            .args(args)
            .arg("--config")
            .arg(self.config())
            .args(["--format", "json"])
            .output()
            .expect("the program runs");
        let verdict = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            let err = String::from_utf8_lossy(&output.stderr);
            panic!("{args:?}: one JSON verdict on standard output: {error}: {err}")
        });
        (output.status.code().expect("an exit code"), verdict)
    }

    /// As a journal and a router say that were driven to a share of thirty percent.
    fn at_thirty(&self) {
        let weight = Weight::from_percent(30).expect("a weight");
        let route = Route {
            weight,
            canary: true,
            main: Side::Legacy,
        };
        let router = DryRun::new(self.path("router.json"));
        let mut shown = router.state().expect("a fresh router");
        shown.reading = Reading {
            weight,
            canary: true,
            ..shown.reading
        };
        router.store(&shown).expect("a file");
        let folder = self.path("gate-state");
        let mut journal =
            Journal::open(&folder, "test", false, Box::new(DiskPen), 1).expect("a new journal");
        for entry in [
            Entry::Begun {
                run_id: "run".to_owned(),
                attempt: 1,
                tool: "test".to_owned(),
            },
            Entry::Moved {
                from: State::Draft,
                to: State::Canary(weight),
                evidence: String::new(),
                reason: "the test begins here".to_owned(),
                before: Route::START,
                after: route,
            },
        ] {
            journal.write(entry, 1).expect("a disk");
        }
    }

    fn start(&self) -> Child {
        Command::new(env!("CARGO_BIN_EXE_verifier-under-test"))
            .args(["gate", "run", "--config"])
            .arg(self.config())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts")
    }
}

fn verdict<'v>(json: &'v Value, name: &str) -> &'v str {
    json["criteria"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|result| result["name"] == name)
        .and_then(|result| result["verdict"].as_str())
        .unwrap_or("absent")
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < deadline, "{what} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn nothing_proved_is_nothing_passed_and_looking_changes_nothing() {
    let cut_over = CutOver::new(CONFIG);
    for command in ["judge", "step", "run"] {
        let (exit, json) = cut_over.run(&[command]);
        assert_eq!(
            (exit, json["exit_code"].as_i64()),
            (4, Some(4)),
            "{command}: {json:#}"
        );
        assert_eq!(
            (json["schema"].as_str(), json["decision"].as_str()),
            (Some("verifier-gate/1"), Some("HOLD"))
        );
        assert_eq!(verdict(&json, "replay.present"), "NO_DATA");
        assert_eq!(verdict(&json, "jwt.present"), "NO_DATA");
    }
    let fresh = CutOver::new(CONFIG);
    let (exit, plan) = fresh.run(&["plan"]);
    assert_eq!(exit, 0);
    let steps = plan["calendar"].as_array().expect("a calendar");
    assert_eq!(steps.len(), 10, "{plan:#}");
    assert_eq!(steps[1]["requests"], 3440, "what a rate below 0.1 % needs");
    assert!(
        steps[3]["requests_sent"][0]
            .as_str()
            .is_some_and(|sent| sent.contains("10 %")),
        "{plan:#}"
    );
    fresh.run(&["judge"]);
    fresh.run(&["status"]);
    let mut left: Vec<_> = fs::read_dir(fresh.folder.path())
        .expect("a folder")
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    left.sort();
    assert_eq!(
        left,
        ["cutover.yaml"],
        "plan, judge and status write nothing"
    );
}

#[test]
fn usage_and_configuration_end_with_2_and_say_where() {
    for (config, words) in [
        ("gate:\n  ladder: [10, 5, 100]\n", "gate.ladder"),
        ("gate:\n  min_tme: 1m\n", "cutover.yaml:2:3: `min_tme`"),
        ("gate:\n  tick: 1 minute\n", "1 minute"),
        ("gate: {}\n", "gate.router"),
    ] {
        let cut_over = CutOver::new(config);
        let (exit, json) = cut_over.run(&["step"]);
        let reason = json["reason"].as_str().unwrap_or_default();
        assert!(
            exit == 2 && reason.contains(words),
            "{config}: {exit} {json:#}"
        );
    }
    let cut_over = CutOver::new(CONFIG);
    let (exit, json) = cut_over.run(&["approve", "--evidence", "0123456789"]);
    assert_eq!((exit, json["exit_code"].as_i64()), (2, Some(2)));
}

#[test]
fn a_killed_run_leaves_a_cut_over_that_goes_back() {
    let cut_over = CutOver::new(CONFIG);
    cut_over.at_thirty();
    let journal = cut_over.path("gate-state/journal.log");
    let lines = |journal: &Path| {
        fs::read_to_string(journal)
            .unwrap_or_default()
            .lines()
            .count()
    };
    let before = lines(&journal);
    let mut child = cut_over.start();
    // It cannot see: it says so in the journal, and holds.
    wait_for("a hold", || lines(&journal) > before);
    let (exit, json) = cut_over.run(&["step"]);
    assert_eq!(exit, 5, "one gate at a time: {json:#}");
    child.kill().expect("it runs");
    child.wait().expect("it ended");

    let (exit, status) = cut_over.run(&["status"]);
    assert_eq!((exit, status["state"].as_str()), (0, Some("C30")));
    assert_eq!(status["aside"]["side"], "HOLD", "{status:#}");
    let (exit, rolled) = cut_over.run(&["rollback", "--reason", "test"]);
    assert_eq!(exit, 0, "{rolled:#}");
    let (exit, _) = cut_over.run(&["rollback"]);
    assert_eq!(exit, 0, "as often as it is asked for");
    let (_, status) = cut_over.run(&["status"]);
    assert_eq!(status["state"], "ROLLED_BACK");
    let shown = DryRun::new(cut_over.path("router.json"))
        .state()
        .expect("a router")
        .reading;
    assert_eq!(
        (shown.weight, shown.canary, shown.main),
        (Weight::NONE, false, Side::Legacy)
    );
}

#[test]
fn force_takes_over_from_a_living_gate_which_then_ends_with_5() {
    let cut_over = CutOver::new(CONFIG);
    cut_over.at_thirty();
    let journal = cut_over.path("gate-state/journal.log");
    let mut child = cut_over.start();
    wait_for("a hold", || {
        fs::read_to_string(&journal)
            .unwrap_or_default()
            .contains("HOLD")
    });
    let (exit, json) = cut_over.run(&["rollback", "--force"]);
    assert_eq!(exit, 0, "{json:#}");
    assert!(
        fs::read_to_string(&journal)
            .expect("text")
            .contains("stolen")
    );
    // The other one finds out at its next line; a share that somebody changes makes it write one.
    let router = DryRun::new(cut_over.path("router.json"));
    let mut shown = router.state().expect("a router");
    shown.reading.weight = Weight::from_percent(90).expect("a weight");
    shown.version += 1;
    router.store(&shown).expect("a file");
    wait_for("its end", || {
        child.try_wait().expect("it was started").is_some()
    });
    assert_eq!(child.wait().expect("it ended").code(), Some(5));
}

#[test]
fn going_back_needs_neither_catalogue_nor_evidence() {
    let cut_over = CutOver::new(&format!("catalog: /nowhere/endpoints.yaml\n{CONFIG}"));
    cut_over.at_thirty();
    let (exit, json) = cut_over.run(&["step"]);
    assert_eq!(exit, 2, "{json:#}");
    let (exit, json) = cut_over.run(&["rollback"]);
    assert_eq!(exit, 0, "{json:#}");
    let (_, status) = cut_over.run(&["status"]);
    assert_eq!(status["state"], "ROLLED_BACK");
}

#[test]
fn a_person_is_heard_by_the_gate_that_is_at_work() {
    let cut_over = CutOver::new(CONFIG);
    cut_over.at_thirty();
    let journal = cut_over.path("gate-state/journal.log");
    let text = || fs::read_to_string(&journal).unwrap_or_default();
    let mut child = cut_over.start();
    wait_for("a hold", || text().contains("HOLD"));
    // Nothing is to be approved at this state: the gate says so, as the command would have.
    let (exit, json) = cut_over.run(&["approve", "--evidence", "0123456789"]);
    let reason = json["reason"].as_str().unwrap_or_default();
    assert!(
        exit == 2 && reason.contains("nothing waits for an approval at C30"),
        "{exit}: {json:#}"
    );
    // Somebody gave core less, and says that this is right.
    let router = DryRun::new(cut_over.path("router.json"));
    let mut shown = router.state().expect("a router");
    shown.reading.weight = Weight::from_percent(10).expect("a weight");
    shown.version += 1;
    router.store(&shown).expect("a file");
    wait_for("the drift", || text().contains("DRIFT"));
    let (exit, json) = cut_over.run(&["adopt"]);
    assert_eq!(
        (exit, json["reason"].as_str()),
        (0, Some("taken over: C10")),
        "{json:#}"
    );
    assert!(
        child.try_wait().expect("it was started").is_none(),
        "it goes on"
    );
    child.kill().expect("it runs");
    child.wait().expect("it ended");
    let (_, status) = cut_over.run(&["status"]);
    let log = status["log"].as_array().expect("a log");
    let adopted = log.iter().find(|line| line["entry"]["what"] == "adopted");
    let adopted = adopted.expect("in the journal");
    // The gate wrote it down, with who had said it.
    let by = adopted["entry"]["by"].as_str().unwrap_or_default();
    assert!(by.contains("pid") && by != adopted["who"], "{adopted:#}");
    let left = fs::read_dir(cut_over.path("gate-state")).expect("a folder");
    for file in left.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        assert!(!name.contains("word") && !name.contains("answer"), "{name}");
    }
}

#[test]
fn after_an_abort_a_step_begins_anew_and_a_run_goes_on_to_what_is_missing() {
    let cut_over = CutOver::new(CONFIG);
    cut_over.run(&["step"]);
    let abort = || {
        cut_over.run(&["rollback"]);
        let (_, status) = cut_over.run(&["status"]);
        assert_eq!(status["state"], "ABORTED");
    };
    abort();
    let (exit, json) = cut_over.run(&["step"]);
    assert_eq!(
        (exit, json["reached"].as_str()),
        (3, Some("DRAFT")),
        "{json:#}"
    );
    abort();
    let (exit, json) = cut_over.run(&["run"]);
    assert_eq!(
        (exit, verdict(&json, "replay.present")),
        (4, "NO_DATA"),
        "{json:#}"
    );
}
