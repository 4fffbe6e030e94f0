//! The manifest of a team's earlier tool, unchanged: it loads, runs, and every claim it cannot keep is
//! told with its line.

use std::fs;
use std::path::PathBuf;

use fixtures::rms::defects::DefectSet;
use serde_json::Value;

use crate::harness::{Service, core, legacy, root, verifier};

fn manifest() -> PathBuf {
    root().join("fixtures/manifest/api-endpoints-manifest.yaml")
}

/// Runs a subcommand with the manifest; its exit code, standard output and standard error.
fn run(args: &[&str], folder: &std::path::Path) -> (i32, String, String) {
    let output = verifier()
        .args(args)
        .arg("--catalog")
        .arg(manifest())
        .current_dir(folder)
        .output()
        .expect("the program runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().expect("it ends by itself");
    (code, text(&output.stdout), text(&output.stderr))
}

/// The line of the manifest that starts with `text`.
fn line(text: &str) -> usize {
    let manifest = fs::read_to_string(manifest()).expect("it is in this repository");
    let at = manifest
        .lines()
        .position(|line| line.trim_start().starts_with(text));
    at.expect("a line of the manifest") + 1
}

fn states(report: &std::path::Path) -> Vec<(String, String, u64)> {
    let report: Value = serde_json::from_slice(&fs::read(report).expect("a report")).expect("JSON");
    let cases = report["cases"].as_array().expect("cases").iter();
    cases
        .map(|case| {
            let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
            (
                text("case"),
                text("state"),
                case["findings"].as_u64().unwrap_or(0),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_honoured_is_a_warning_with_its_line() {
    let folder = tempfile::tempdir().expect("a place for test files");
    let legacy = legacy().await;
    let core = core(DefectSet::default()).await;
    let (code, out, warnings) = run(
        &[
            "compare",
            "--legacy",
            &legacy.url(),
            "--core",
            &core.url(),
            "--allow-writes",
            "--report",
            "json=report.json",
            "--report",
            "junit=report.xml",
        ],
        folder.path(),
    );
    for (start, words) in [
        ("servers:", &["addresses", "command line"][..]),
        ("ignore_fields:", &["createdAt", "responseTime", "mask"]),
        ("date_format:", &["date_format"]),
        ("auth_required: 28", &["28", "there are 30"]),
        ("admin_only: 15", &["15", "there are 18"]),
        ("golden_files_saved: 25", &["import"]),
        (
            "role: USER",
            &["USER", "does not exist", "NORMAL", "account `user`"],
        ),
        ("- id: auth_refresh", &["{refresh_token}", "never filled"]),
        (
            "expected_status: [201, 409]",
            &["auth_register", "success and failure together"],
        ),
        (
            "expected_status: [204, 404, 409]",
            &["room_groups_delete", "204, 404, 409"],
        ),
        ("status: core-only", &["dev_test_data", "not honoured"]),
        ("- id: my_patch", &["no `expected_status`"]),
    ] {
        // a value is on its key's line, or on the next
        let at = [line(start), line(start) + 1].map(|line| format!(".yaml:{line}: "));
        let told = warnings.lines().any(|warning| {
            at.iter().any(|at| warning.contains(at))
                && words.iter().all(|word| warning.contains(word))
        });
        assert!(told, "{start}: {words:?} is missing in\n{warnings}");
    }
    let together = warnings.matches("success and failure together").count();
    assert_eq!(together, 14, "{warnings}");
    assert_eq!(warnings.matches("core-only").count(), 3, "{warnings}");
    // counts that do add up are not told
    assert!(
        !warnings.contains("summary.total") && !warnings.contains("summary.core_only"),
        "{warnings}"
    );

    // clean core answers as legacy does, and the run says so of what both can be asked alike
    let states = states(&folder.path().join("report.json"));
    assert_eq!(states.len(), 40);
    let equal = states
        .iter()
        .filter(|(_, state, _)| state == "equal")
        .count();
    assert!(equal >= 30, "{code} {out}");
    let junit = fs::read_to_string(folder.path().join("report.xml")).expect("a report");
    assert!(junit.contains("tests=\"40\""), "{junit}");
}

fn recorded(legacy: &Service, folder: &std::path::Path) -> (i32, String) {
    let (code, out, err) = run(
        &[
            "record",
            "--legacy",
            &legacy.url(),
            "--golden",
            "golden",
            "--allow-writes",
            "--accept",
        ],
        folder,
    );
    (code, out + &err)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_records_and_replays_like_any_catalogue() {
    let folder = tempfile::tempdir().expect("a place for test files");
    let legacy = legacy().await;
    let (code, told) = recorded(&legacy, folder.path());
    // what the manifest sends in core's own terms is refused by legacy, and the record says so
    assert_eq!(code, 3, "{told}");
    let snapshots = crate::harness::snapshots(&folder.path().join("golden"));
    // the rest holds addresses of people, or is not what legacy answers
    assert_eq!(snapshots.len(), 21, "{snapshots:?}\n{told}");
    assert!(told.contains("personal data (email)"), "{told}");

    let core = core(DefectSet::default()).await;
    let (code, out, _) = run(
        &[
            "replay",
            "--candidate",
            &core.url(),
            "--golden",
            "golden",
            "--no-pending",
        ],
        folder.path(),
    );
    assert!([1, 3].contains(&code), "{out}");
    let reads = out.lines().last().unwrap_or_default();
    assert!(reads.contains("cases equal"), "{out}");
}
