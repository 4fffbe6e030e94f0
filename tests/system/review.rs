//! The review of differences with the real `cargo insta`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fixtures::rms::defects::Defect;
use serde_json::Value;
use verifier::report::{Exit, Report};

use crate::harness::{Package, Run, committed, core, root, snapshots, trouble};

/// Runs `cargo insta` in `folder`; what it printed on standard output.
pub(crate) fn insta(folder: &Path, args: &[&str], variables: &[(&str, &Path)]) -> String {
    let output = Command::new(env!("CARGO"))
        .arg("insta")
        .args(args)
        .current_dir(folder)
        .envs(variables.iter().copied())
        .env("NO_COLOR", "1")
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("CARGO_MANIFEST_DIR")
        .env_remove("INSTA_UPDATE")
        .output()
        .expect("cargo runs");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "cargo insta {args:?} (install it with `cargo install cargo-insta --locked`): {told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    told
}

/// Names of the golden files that `cargo insta` would show in `folder`.
fn shown(folder: &Path, variables: &[(&str, &Path)]) -> Vec<String> {
    let told = insta(folder, &["pending-snapshots", "--as-json"], variables);
    let mut names: Vec<String> = told
        .lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).expect("one JSON object a line");
            let path = PathBuf::from(value["path"].as_str().expect("a path"));
            let name = path
                .file_name()
                .expect("a file")
                .to_string_lossy()
                .into_owned();
            name.trim_end_matches(".new").to_owned()
        })
        .collect();
    names.sort();
    names
}

pub(crate) const ROOMS: Run = Run {
    only: &["rooms_get", "rooms_list"],
    writes: true,
    jobs: 8,
    pending: true,
    pending_dir: None,
    legacy_goldens_only: false,
    timeout: std::time::Duration::from_secs(30),
    shuffle: None,
};
fn texts(package: &Package) -> Vec<String> {
    let names = snapshots(&package.golden());
    names
        .iter()
        .map(|name| format!("{name}\n{}", package.read(name)))
        .collect()
}

/// The golden files that differ when rooms also have a group id.
fn differing(report: &Report) -> Vec<String> {
    let pending = report.cases.iter().filter(|case| case.pending.is_some());
    let mut names: Vec<String> = pending.map(|case| format!("{}.snap", case.case)).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_difference_is_shown_then_rejected_or_accepted() {
    let package = Package::with_goldens();
    let before = texts(&package);
    let core = core(Defect::H51.into()).await;
    let report = ROOMS.replay(&package, &core.url()).await;
    assert_eq!(report.exit(), Exit::Differences);
    let names = differing(&report);
    assert!(
        names.len() >= 3
            && names
                .iter()
                .all(|name| name.starts_with("rooms_get") || name.starts_with("rooms_list")),
        "{names:?}"
    );
    assert_eq!(shown(package.path(), &[]), names);

    // the screen names the endpoint's place in the catalogue and shows the difference
    let screen = insta(
        package.path(),
        &["review", "--snapshot", "golden/rooms_get.snap"],
        &[],
    );
    let line = package
        .read("endpoints.yaml")
        .lines()
        .position(|line| line == "  - id: rooms_get");
    let place = format!(
        "golden/endpoints.yaml:{}",
        line.expect("it is catalogued") + 1
    );
    for words in [
        place.as_str(),
        "path: /api/v1/rooms/3",
        "roomGroupId",
        "recorded_from",
    ] {
        assert!(screen.contains(words), "`{words}` is missing in\n{screen}");
    }
    assert_eq!(texts(&package), before, "looking changes nothing");

    insta(package.path(), &["reject"], &[]);
    assert_eq!(texts(&package), before);
    assert_eq!(package.pending(), Vec::<String>::new());

    let report = ROOMS.replay(&package, &core.url()).await;
    assert_eq!(report.exit(), Exit::Differences);
    insta(package.path(), &["accept"], &[]);
    assert_eq!(package.pending(), Vec::<String>::new());
    let report = ROOMS.replay(&package, &core.url()).await;
    assert_eq!(report.exit(), Exit::Green, "{}", trouble(&report));
    // green, but not by legacy's word
    let foreign: Vec<String> = report
        .foreign_goldens()
        .iter()
        .map(|(case, from)| format!("{case}.snap {from}"))
        .collect();
    let expected: Vec<String> = names
        .iter()
        .map(|name| format!("{name} candidate"))
        .collect();
    assert_eq!(sorted(foreign), expected);
    let strict = Run {
        legacy_goldens_only: true,
        ..ROOMS
    };
    let report = strict.replay(&package, &core.url()).await;
    assert_eq!(report.exit(), Exit::Incomplete);
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

#[tokio::test(flavor = "multi_thread")]
async fn accepting_changes_only_the_lines_that_differ() {
    let package = Package::with_goldens();
    let before = package.read("rooms_get.snap");
    let core = core(Defect::H51.into()).await;
    let run = Run {
        only: &["rooms_get"],
        writes: false,
        ..ROOMS
    };
    let _ = run.replay(&package, &core.url()).await;
    insta(package.path(), &["accept"], &[]);
    let after = package.read("rooms_get.snap");
    let old: Vec<&str> = before.lines().collect();
    let new: Vec<&str> = after
        .lines()
        .filter(|line| !line.contains("roomGroupId"))
        .collect();
    let changed: Vec<_> = old
        .iter()
        .zip(&new)
        .filter(|(old, new)| old.trim_end_matches(',') != new.trim_end_matches(','))
        .collect();
    assert_eq!(old.len(), new.len(), "{after}");
    assert_eq!(
        changed,
        [(&"  recorded_from: legacy", &"  recorded_from: candidate")]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_files_of_a_build_machine_are_reviewed_elsewhere() {
    let package = Package::with_goldens();
    let elsewhere = tempfile::tempdir().expect("a place for test files");
    let core = core(Defect::H51.into()).await;
    let run = Run {
        only: &["rooms_get"],
        writes: false,
        pending_dir: Some(elsewhere.path().to_owned()),
        ..ROOMS
    };
    let _ = run.replay(&package, &core.url()).await;
    assert_eq!(package.pending(), Vec::<String>::new());
    assert_eq!(shown(package.path(), &[]), Vec::<String>::new());
    let variables = [("INSTA_PENDING_DIR", elsewhere.path())];
    assert_eq!(shown(package.path(), &variables), ["rooms_get.snap"]);
    insta(package.path(), &["accept"], &variables);
    assert!(package.read("rooms_get.snap").contains("roomGroupId"));
    assert!(!elsewhere.path().join("golden/rooms_get.snap.new").exists());
}

/// The repository as it is laid out, without what is built and what is kept by git.
fn copy_of_the_repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a place for test files");
    copy(root(), folder.path());
    folder
}

pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder that is there") {
        let entry = entry.expect("a readable folder");
        let name = entry.file_name();
        if ["target", ".git", "cases", "demo-report"]
            .iter()
            .any(|skipped| name == *skipped)
        {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type().expect("a kind").is_dir() {
            fs::create_dir(&target).expect("a new folder");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

#[test]
fn pending_files_in_golden_are_found_from_the_root_of_this_repository() {
    let repository = copy_of_the_repository();
    let golden = repository.path().join("golden");
    let text = fs::read_to_string(golden.join("config.snap")).expect("it is committed");
    assert_eq!(shown(repository.path(), &[]), Vec::<String>::new());
    fs::write(
        golden.join("config.snap.new"),
        text.replace("HTTP 200", "HTTP 500"),
    )
    .expect("a new file");
    assert_eq!(shown(repository.path(), &[]), ["config.snap"]);
}

#[test]
fn golden_files_are_not_taken_for_unreferenced_ones() {
    let package = Package::with_goldens();
    // the test of ours that answers for the golden files, in a package small enough to build here
    let test =
        fs::read_to_string(root().join("tests/it/goldens.rs")).expect("it is in this repository");
    let answer = test
        .split_once("/// `cargo insta test --unreferenced")
        .expect("it is there")
        .1;
    let source = format!(
        "use std::fs;\nuse std::io::Write as _;\nuse std::path::{{Path, PathBuf}};\n\
         fn committed() -> PathBuf {{ Path::new(env!(\"CARGO_MANIFEST_DIR\")).join(\"golden\") }}\n\
         fn snapshots(folder: &Path) -> Vec<String> {{\n\
         \x20   let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());\n\
         \x20   names.filter_map(|name| name.into_string().ok()).filter(|name| name.ends_with(\".snap\")).collect()\n\
         }}\n///{answer}"
    );
    let tests = package.path().join("tests");
    fs::create_dir(&tests).expect("a new folder");
    fs::write(tests.join("goldens.rs"), source).expect("a new file");
    let args = ["test", "--unreferenced=reject"];
    let before = texts(&package);
    insta(package.path(), &args, &[]);
    assert_eq!(texts(&package), before);

    // without that test every golden file would be one too many, so the check above can fail
    fs::write(tests.join("goldens.rs"), "").expect("a file of our own");
    let output = Command::new(env!("CARGO"))
        .arg("insta")
        .args(args)
        .current_dir(package.path())
        .env("CARGO_NET_OFFLINE", "true")
        .output()
        .expect("cargo runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{told}");
    assert!(told.contains("unreferenced"), "{told}");
    assert!(snapshots(&committed()).len() > 50);
}
