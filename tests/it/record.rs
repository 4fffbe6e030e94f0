//! Recording: what legacy answers becomes a golden file by review only, the same file whoever
//! records it, and without anything that must not be written down.

use std::fs;

use fixtures::rms::defects::{Defect, DefectSet};
use verifier::golden::record::Recorded;
use verifier::report::{self, Exit, State};

use crate::harness::{
    Package, RawServer, Reply, Run, Service, case, committed, core, legacy, snapshots, trouble,
    verifier,
};

fn record_by_command(package: &Package, service: &Service, more: &[&str], exit: i32) -> String {
    let output = verifier()
        .args(["record", "--legacy", &service.url(), "--golden"])
        .arg(package.golden())
        .arg("--catalog")
        .arg(package.golden().join("endpoints.yaml"))
        .args(more)
        .output()
        .expect("the program runs");
    let text = String::from_utf8(output.stdout).expect("output is text");
    assert_eq!(
        output.status.code(),
        Some(exit),
        "{more:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_record_waits_for_review_and_an_accepted_one_stays() {
    let package = Package::without_goldens();
    let legacy = legacy().await;

    let told = record_by_command(&package, &legacy, &["--allow-writes"], 1);
    assert!(told.contains("cargo insta review"), "{told}");
    assert_eq!(snapshots(&package.golden()), Vec::<String>::new());
    let pending = package.pending();
    assert_eq!(pending.len(), snapshots(&committed()).len());

    let told = record_by_command(&package, &legacy, &["--allow-writes", "--accept"], 0);
    assert!(
        told.contains(&format!("{} written", pending.len())),
        "{told}"
    );
    assert_eq!(package.pending(), Vec::<String>::new());
    assert_eq!(snapshots(&package.golden()).len(), pending.len());

    let written: Vec<String> = texts(&package);
    let told = record_by_command(&package, &legacy, &["--allow-writes"], 0);
    assert!(
        told.contains(&format!("{} unchanged", pending.len())),
        "{told}"
    );
    assert_eq!(package.pending(), Vec::<String>::new());
    assert_eq!(texts(&package), written);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_that_gets_another_name_is_recorded_under_it() {
    let package = Package::without_goldens();
    let legacy = legacy().await;
    let run = Run {
        only: &["room_groups_create"],
        ..Run::default()
    };
    run.record(&package, &legacy.url(), true).await;
    let name = "room_groups_create.snap";
    assert!(package.read(name).contains("[group.id#1:int]"));
    let renamed = package
        .read("endpoints.yaml")
        .replace("/value/id: group.id", "/value/id: block.id");
    package.write("endpoints.yaml", &renamed);
    run.record(&package, &legacy.url(), true).await;
    let text = package.read(name);
    assert!(text.contains("[block.id#1:int]"), "{text}");
}

fn texts(package: &Package) -> Vec<String> {
    let names = snapshots(&package.golden());
    names
        .iter()
        .map(|name| format!("{name}\n{}", package.read(name)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_living_service_is_only_read() {
    let package = Package::without_goldens();
    let legacy = legacy().await;
    let told = record_by_command(&package, &legacy, &["--accept"], 3);
    assert!(told.contains("--allow-writes"), "{told}");
    let names = snapshots(&package.golden());
    assert!(names.contains(&"rooms_list.snap".to_owned()), "{names:?}");
    assert!(
        !names.contains(&"rooms_create.snap".to_owned()),
        "{names:?}"
    );
    assert!(
        !names.contains(&"rooms_get@moved.snap".to_owned()),
        "{names:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_recording_of_legacy_is_what_is_committed() {
    let legacy = legacy().await;
    let package = Package::without_goldens();
    let records = Run::default().record(&package, &legacy.url(), true).await;
    for record in &records {
        assert_eq!(record.recorded, Recorded::Accepted, "{record:?}");
        assert_eq!(record.warnings, Vec::<String>::new(), "{record:?}");
        let name = format!("{}.snap", record.case);
        let committed = fs::read_to_string(committed().join(&name)).expect("it is committed");
        assert_eq!(package.read(&name), committed, "{name}");
    }
    assert_eq!(snapshots(&package.golden()), snapshots(&committed()));
}

/// The clean core writes its keys in another order and spells media types otherwise; both mean the
/// same, so its recording must hold legacy as well as legacy's own does.
#[tokio::test(flavor = "multi_thread")]
async fn a_recording_of_an_equal_core_is_as_good() {
    let core = core(DefectSet::NONE).await;
    let package = Package::without_goldens();
    let records = Run::default().record(&package, &core.url(), true).await;
    for record in &records {
        assert_eq!(record.recorded, Recorded::Accepted, "{record:?}");
        assert_eq!(record.warnings, Vec::<String>::new(), "{record:?}");
        let name = format!("{}.snap", record.case);
        let committed = fs::read_to_string(committed().join(&name)).expect("it is committed");
        assert_eq!(lines(&package.read(&name)), lines(&committed), "{name}");
    }
    let legacy = legacy().await;
    let report = Run::default().replay(&package, &legacy.url()).await;
    assert_eq!(report.exit(), Exit::Green, "{}", trouble(&report));
}

/// A golden file's lines whatever their order, its media type in one spelling.
fn lines(text: &str) -> Vec<String> {
    let line = |line: &str| {
        line.trim_end_matches(',')
            .replace("; charset=utf-8", ";charset=UTF-8")
    };
    let mut lines: Vec<String> = text.lines().map(line).collect();
    lines.sort();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unexpected_answer_is_no_golden_file() {
    let package = Package::without_goldens();
    // statuses of creating and the missing logout
    let defects = [Defect::H31, Defect::H04].into_iter().collect();
    let core = core(defects).await;
    let records = Run::default().record(&package, &core.url(), true).await;
    for id in ["rooms_create", "auth_logout"] {
        let record = records
            .iter()
            .find(|record| record.case == id)
            .expect("a case");
        let Recorded::Refused(why) = &record.recorded else {
            panic!("{record:?}");
        };
        assert!(why.contains("the catalogue expects 200"), "{why}");
        assert!(!package.golden().join(format!("{id}.snap")).exists());
    }
}

const GUESTS: &str = r"
data: real
endpoints:
  - id: guest
    path: /guest
    description: A guest
    expected_status: 200
    personal: {PERSONAL}
";

const GUEST: &str = r#"{"value":{"name":"홍길동","contact":{"phone":"010-1234-5678","email":"gildong@example.org"},"memo":"call +82 10 8765 4321","birth":"880101-1234568","note":"바다 쪽"}}"#;

#[tokio::test]
async fn people_are_not_written_down() {
    let service = RawServer::start(|_| Reply::json(GUEST));
    let steps = [
        ("{}", Some("")),
        ("{ /value/contact/phone: phone }", Some("")),
        (
            "{ /value/contact/phone: phone, /value/contact/email: email }",
            Some(""),
        ),
        (
            "{ /value/contact/phone: phone, /value/contact/email: email, /value/memo: memo }",
            Some("/value/birth"),
        ),
        (
            "{ /value/contact/phone: phone, /value/contact/email: email, /value/memo: memo, /value/birth: resident_number, /value/name: name }",
            None,
        ),
    ];
    for (personal, refused) in steps {
        let package = Package::with_catalogue(&GUESTS.replace("{PERSONAL}", personal));
        let records = Run::default().record(&package, &service.url(), true).await;
        match (&records[0].recorded, refused) {
            (Recorded::Refused(why), Some(place)) => {
                assert!(why.starts_with("/value/") && why.contains(place), "{why}");
                assert!(
                    why.contains("personal: {") && why.contains("data: synthetic"),
                    "{why}"
                );
                for clear in ["홍길동", "5678", "gildong", "4321", "880101"] {
                    assert!(!why.contains(clear), "{why}");
                }
                assert_eq!(snapshots(&package.golden()), Vec::<String>::new());
            }
            (Recorded::Accepted, None) => {
                let text = package.read("guest.snap");
                for clear in [
                    "홍길동",
                    "010",
                    "5678",
                    "gildong",
                    "8765",
                    "880101",
                    "1234568",
                ] {
                    assert!(!text.contains(clear), "{text}");
                }
                assert!(text.contains("바다 쪽"), "{text}");
            }
            (other, _) => panic!("{personal}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_marked_person_compares_by_class_and_a_leaking_candidate_leaves_no_file() {
    let personal = "{ /value/contact/phone: phone, /value/contact/email: email, /value/memo: memo, /value/birth: resident_number, /value/name: name }";
    let package = Package::with_catalogue(&GUESTS.replace("{PERSONAL}", personal));
    let service = RawServer::start(|_| Reply::json(GUEST));
    let _ = Run::default().record(&package, &service.url(), true).await;
    let run = Run {
        pending: true,
        ..Run::default()
    };
    let report = run.replay(&package, &service.url()).await;
    assert_eq!(report.exit(), Exit::Green, "{}", trouble(&report));

    let leaking = RawServer::start(|_| {
        Reply::json(&GUEST.replace(r#""note":"바다 쪽""#, r#""note":"010-5555-6666""#))
    });
    let report = run.replay(&package, &leaking.url()).await;
    assert_eq!(report.exit(), Exit::Differences);
    assert_eq!(package.pending(), Vec::<String>::new());
    let hint = case(&report, "guest").hint.clone().unwrap_or_default();
    assert!(hint.contains("personal"), "{hint}");
}

#[test]
fn committed_golden_files_hold_no_secret() {
    let names = snapshots(&committed());
    assert!(names.len() > 50, "{names:?}");
    for name in names {
        let text = fs::read_to_string(committed().join(&name)).expect("it is committed");
        no_secret(&name, &text);
    }
}

/// Tokens start as all JSON Web Tokens do; passwords are those of the seeded accounts.
fn no_secret(name: &str, text: &str) {
    for secret in [
        "eyJ",
        "testadmin123",
        "testmanager123",
        "testuser123",
        "newadmin123",
        "newuser123",
        "$2a$",
        "$2b$",
    ] {
        assert!(!text.contains(secret), "{name} holds `{secret}`:\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_files_and_reports_hold_no_secret() {
    let package = Package::with_goldens();
    let core = core(DefectSet::as_shipped()).await;
    let run = Run {
        pending: true,
        ..Run::default()
    };
    let report = run.replay(&package, &core.url()).await;
    let pending = package.pending();
    assert!(pending.len() > 20, "{pending:?}");
    for name in pending {
        no_secret(&name, &package.read(&name));
    }
    let mut bytes = Vec::new();
    report::json::write(&report, &mut bytes).expect("memory takes all");
    no_secret("the JSON report", &String::from_utf8_lossy(&bytes));
    let mut bytes = Vec::new();
    report::text::write(&report, report::text::TextConfig::default(), &mut bytes)
        .expect("memory takes all");
    no_secret("the text report", &String::from_utf8_lossy(&bytes));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_candidate_answered_is_counted_after_it_was_accepted() {
    let package = Package::with_goldens();
    let core = core(Defect::H61.into()).await;
    let run = Run {
        only: &["env"],
        pending: true,
        ..Run::default()
    };
    let report = run.replay(&package, &core.url()).await;
    assert_eq!(report.exit(), Exit::Differences, "{}", trouble(&report));
    let pending = package.pending();
    assert_eq!(pending, ["env.snap.new"]);
    // as `cargo insta accept` does
    let golden = package.golden();
    let accepted = insta::Snapshot::from_file(&golden.join(&pending[0])).expect("insta reads it");
    accepted
        .save(&golden.join("env.snap"))
        .expect("insta writes it");
    fs::remove_file(golden.join(&pending[0])).expect("it is there");

    let report = run.replay(&package, &core.url()).await;
    assert_eq!(report.exit(), Exit::Green, "{}", trouble(&report));
    assert_eq!(report.foreign_goldens(), [("env", "candidate")]);

    let strict = Run {
        only: run.only,
        legacy_goldens_only: true,
        ..Run::default()
    };
    let report = strict.replay(&package, &core.url()).await;
    assert_eq!(report.exit(), Exit::Incomplete);
    let State::NoGolden { reason } = &case(&report, "env").state else {
        panic!("{}", trouble(&report));
    };
    assert!(
        reason.contains("verifier record --legacy URL --only env"),
        "{reason}"
    );

    // legacy has the last word
    let legacy = legacy().await;
    let _ = run.record(&package, &legacy.url(), true).await;
    let report = strict.replay(&package, &legacy.url()).await;
    assert_eq!(report.exit(), Exit::Green, "{}", trouble(&report));
    assert_eq!(report.foreign_goldens(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_equal_answer_takes_a_stale_pending_file_away() {
    let package = Package::with_goldens();
    let run = Run {
        pending: true,
        writes: false,
        only: &["rooms_get", "config"],
        ..Run::default()
    };
    let differing = core(Defect::H51.into()).await;
    let _ = run.replay(&package, &differing.url()).await;
    assert_eq!(package.pending(), ["rooms_get.snap.new"]);
    let clean = core(DefectSet::NONE).await;
    let _ = run.replay(&package, &clean.url()).await;
    assert_eq!(package.pending(), Vec::<String>::new());
}
