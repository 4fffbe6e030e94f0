//! The command itself: what it prints where, and how it ends.

use std::io::Read as _;
use std::process::{Command, Stdio};

use fixtures::rms::defects::{Defect, DefectSet};
use serde_json::Value;

use crate::harness::{Package, Service, core, root, verifier};

fn replay(package: &Package, service: &Service) -> assert_cmd::Command {
    let mut command = verifier();
    command
        .args(["replay", "--candidate", &service.url(), "--golden"])
        .arg(package.golden())
        .arg("--catalog")
        .arg(package.golden().join("endpoints.yaml"));
    command
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("output is text")
}

#[test]
fn help_tells_what_each_command_takes() {
    for (args, words) in [
        (&["--help"][..], &["record", "replay", "Exit codes"][..]),
        (
            &["replay", "--help"],
            &[
                "--candidate",
                "--catalog",
                "--golden",
                "--only",
                "--jobs",
                "--pending-dir",
                "--no-pending",
                "--allow-writes",
                "--legacy-goldens-only",
                "--format",
                "--report",
                "--timeout",
                "disposable",
            ],
        ),
        (
            &["record", "--help"],
            &[
                "--legacy",
                "--catalog",
                "--golden",
                "--only",
                "--allow-writes",
                "--accept",
            ],
        ),
    ] {
        let output = verifier().args(args).output().expect("the program runs");
        assert_eq!(output.status.code(), Some(0));
        let help = text(output.stdout);
        for word in words {
            assert!(
                help.contains(word),
                "{args:?}: `{word}` is missing in\n{help}"
            );
        }
        let widest = help.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{args:?}: {widest:?}");
    }
}

/// The words of a shell's line up to its comment.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for char in line.chars() {
        match char {
            '"' => quoted = !quoted,
            '#' if !quoted => break,
            ' ' if !quoted => words.push(String::new()),
            char => words.last_mut().expect("one at least").push(char),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn each_command_of_the_readme_takes_what_is_written_there() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("it is committed");
    let lines = readme.lines();
    let commands: Vec<_> = lines.filter(|line| line.starts_with("verifier ")).collect();
    assert!(commands.len() > 15, "{commands:#?}");
    for line in commands {
        let line = line.replace("$D", &format!("sha256:{:064}", 0));
        let words = words(&line).into_iter().skip(1);
        // What is unknown or too much is refused before help is given.
        let known = words
            .filter(|word| word != "…")
            .chain(["--help".to_owned()]);
        let output = verifier().args(known).output().expect("the program runs");
        let said = text(output.stderr);
        assert_eq!(output.status.code(), Some(0), "{line}\n{said}");
    }
}

#[test]
fn what_cannot_be_started_ends_with_2_and_a_remedy() {
    let here = Package::with_goldens();
    let golden = here.golden().display().to_string();
    let catalogue = here.golden().join("endpoints.yaml").display().to_string();
    let file = here.path().join("Cargo.toml").display().to_string();
    let url = "http://127.0.0.1:9";
    let whole = ["--golden", &golden, "--catalog", &catalogue];
    let with = |more: &[&'static str]| -> Vec<String> {
        more.iter()
            .map(ToString::to_string)
            .chain(whole.map(str::to_owned))
            .collect()
    };
    for (args, words) in [
        (vec![], "Usage"),
        (vec!["reply".to_owned()], "replay"),
        (with(&["replay"]), "--candidate"),
        (
            with(&["replay", "--candidate", url, "--jobs", "0"]),
            "1..=256",
        ),
        (
            with(&["replay", "--candidate", url, "--timeout", "soon"]),
            "soon",
        ),
        (
            with(&["replay", "--candidate", url, "--format", "xml"]),
            "json",
        ),
        (
            with(&["replay", "--candidate", url, "--report", "xml=x"]),
            "json=FILE",
        ),
        (
            with(&[
                "replay",
                "--candidate",
                url,
                "--pending-dir",
                "x",
                "--no-pending",
            ]),
            "cannot be used with",
        ),
        (
            with(&["replay", "--candidate", "127.0.0.1:80"]),
            "http://HOST:PORT",
        ),
        (
            with(&["replay", "--candidate", "ftp://x"]),
            "http://HOST:PORT",
        ),
        (
            with(&["replay", "--candidate", url, "--only", "rooms_lost"]),
            "no endpoint or case `rooms_lost`",
        ),
        (
            with(&["replay", "--candidate", url, "--today", "tomorrow"]),
            "tomorrow",
        ),
        (
            with(&["replay", "--candidate", url, "--ca-file", "/no/such.pem"]),
            "cannot read certificates",
        ),
        (with(&["record"]), "--legacy"),
        (
            with(&["report", "--evidence", "e.db", "--target", "0"]),
            "--target: must be above 0",
        ),
        (
            with(&["report", "--evidence", "e.db", "--limit", "0.01"]),
            "--limit: must be from the target",
        ),
        (
            with(&["report", "--evidence", "e.db", "--alpha", "1"]),
            "--alpha: must be",
        ),
        (with(&["coverage"]), "--evidence"),
        (
            ["coverage", "--evidence", "e.db", "--golden", "golden"]
                .map(str::to_owned)
                .to_vec(),
            "--catalog",
        ),
        (
            ["replay", "--candidate", url, "--catalog", "/no/such.yaml"]
                .map(str::to_owned)
                .to_vec(),
            "--catalog FILE",
        ),
        (
            [
                "replay",
                "--candidate",
                url,
                "--catalog",
                &catalogue,
                "--golden",
                "/no/such",
            ]
            .map(str::to_owned)
            .to_vec(),
            "verifier record --legacy URL",
        ),
        (
            [
                "replay",
                "--candidate",
                url,
                "--golden",
                &golden,
                "--catalog",
                &file,
            ]
            .map(str::to_owned)
            .to_vec(),
            "Cargo.toml:",
        ),
    ] {
        let output = verifier().args(&args).output().expect("the program runs");
        let told = text(output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {told}");
        assert!(
            told.contains(words),
            "{args:?}: `{words}` is missing in\n{told}"
        );
        assert!(output.stdout.is_empty(), "{args:?}");
        assert!(!told.contains("panicked"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_without_cases_proves_nothing() {
    let package = Package::with_catalogue("auth: { login: { path: /login } }\nendpoints: []\n");
    let core = core(DefectSet::NONE).await;
    replay(&package, &core).assert().code(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_green_run_ends_with_0_and_says_so_in_plain_lines() {
    let package = Package::with_goldens();
    let core = core(DefectSet::NONE).await;
    let output = replay(&package, &core)
        .arg("--allow-writes")
        .output()
        .expect("it runs");
    let told = text(output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("40/40 endpoints, 1/1 extra"), "{told}");
    assert!(!told.contains('\u{1b}'), "{told}");
    assert_eq!(text(output.stderr), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn colours_are_for_terminals_and_for_who_asks() {
    let package = Package::with_goldens();
    let core = core(Defect::H51.into()).await;
    for (flags, variables, coloured) in [
        (&[][..], &[][..], false),
        (&[], &[("TERM", "xterm-256color")], false),
        (&[], &[("CLICOLOR_FORCE", "1")], true),
        (&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        (&["--color", "auto"], &[], false),
        (&["--color", "always"], &[("NO_COLOR", "1")], true),
        (&["--color=never"], &[("CLICOLOR_FORCE", "1")], false),
    ] {
        let output = replay(&package, &core)
            .args(["--only", "rooms_get", "--only", "config", "--no-pending"])
            .args(flags)
            .envs(variables.iter().copied())
            .output()
            .expect("it runs");
        let told = text(output.stdout);
        assert!(told.contains("rooms_get"), "{told}");
        assert_eq!(
            told.contains('\u{1b}'),
            coloured,
            "{flags:?} {variables:?}: {told}"
        );
        assert!(!text(output.stderr).contains('\u{1b}'));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_enough_is_no_error() {
    let package = Package::with_goldens();
    let core = core(DefectSet::as_shipped()).await;
    for format in ["text", "json"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_verifier-under-test"))
            .args([
                "replay",
                "--candidate",
                &core.url(),
                "--no-pending",
                "--format",
                format,
            ])
            .args(["--allow-writes", "--golden"])
            .arg(package.golden())
            .arg("--catalog")
            .arg(package.golden().join("endpoints.yaml"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        // `| head -c 1`: one byte, then the pipe is closed while more is to come
        let mut first = [0];
        let mut out = child.stdout.take().expect("it is piped");
        out.read_exact(&mut first).expect("a first byte");
        drop(out);
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(text(output.stderr), "", "{format}");
        assert_eq!(output.status.code(), Some(1), "{format}");
    }
}

/// What issue-tracker scripts and dashboards rely on.
#[tokio::test(flavor = "multi_thread")]
async fn the_json_report_keeps_its_shape() {
    const FIELDS: &[&str] = &[
        "endpoint",
        "case",
        "method",
        "path",
        "location",
        "kind",
        "reference",
        "candidate",
    ];
    const KINDS: &[&str] = &[
        "status",
        "field added",
        "field removed",
        "type change",
        "value change",
        "order",
        "header",
        "format",
    ];
    let package = Package::with_goldens();
    let core = core(DefectSet::as_shipped()).await;
    let file = package.path().join("report.json");
    let output = replay(&package, &core)
        .args(["--allow-writes", "--format", "json", "--report"])
        .arg(format!("json={}", file.display()))
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&file).expect("a report"))
        .expect("one JSON document");
    assert_eq!(report, written);

    assert_eq!(report["schema"], "verifier-report/1");
    assert_eq!(report["command"], "replay");
    assert_eq!(report["exit_code"], 1);
    assert_eq!(report["target"], core.url());
    assert_eq!(report["totals"]["endpoints"], 40);
    assert_eq!(report["totals"]["extra"], 1);
    let mut kinds = std::collections::BTreeSet::new();
    for list in ["findings", "notes"] {
        let list = report[list].as_array().expect("a list");
        assert!(!list.is_empty());
        for finding in list {
            for field in FIELDS {
                assert!(
                    finding.get(field).is_some(),
                    "`{field}` is missing in {finding}"
                );
            }
            let kind = finding["kind"].as_str().expect("text");
            assert!(KINDS.contains(&kind), "{kind}");
            kinds.insert(kind);
            let location = finding["location"].as_str().expect("text");
            assert!(
                location == "status"
                    || location == "body"
                    || location.starts_with("header:")
                    || location.starts_with('/')
                    || location.is_empty(),
                "{location}"
            );
        }
    }
    for kind in [
        "status",
        "field added",
        "field removed",
        "type change",
        "value change",
        "header",
    ] {
        assert!(
            kinds.contains(kind),
            "core as shipped shows no `{kind}`: {kinds:?}"
        );
    }
    // counts agree with lists
    let cases = report["cases"].as_array().expect("a list");
    assert_eq!(report["totals"]["cases"], cases.len());
    let different = cases
        .iter()
        .filter(|case| case["state"] == "different")
        .count();
    assert_eq!(report["totals"]["different"], different);
    let sum: u64 = cases
        .iter()
        .filter_map(|case| case["findings"].as_u64())
        .sum();
    assert_eq!(report["totals"]["findings"], sum);
    for case in cases.iter().filter(|case| case["state"] == "blocked") {
        let reason = case["reason"].as_str().unwrap_or_default();
        assert!(reason.starts_with("blocked by "), "{case}");
    }
    // every pending file it names is there
    for case in cases.iter().filter_map(|case| case["pending"].as_str()) {
        assert!(std::path::Path::new(case).is_file(), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_files_go_where_they_are_told() {
    let package = Package::with_goldens();
    let core = core(Defect::H51.into()).await;
    let elsewhere = package.path().join("pending");
    let output = replay(&package, &core)
        .args(["--only", "rooms_get", "--pending-dir"])
        .arg(&elsewhere)
        .output()
        .expect("it runs");
    let told = text(output.stdout);
    assert!(
        elsewhere.join("golden/rooms_get.snap.new").is_file(),
        "{told}"
    );
    assert!(told.contains("INSTA_PENDING_DIR="), "{told}");
    assert_eq!(package.pending(), Vec::<String>::new());

    replay(&package, &core)
        .args(["--only", "rooms_get", "--no-pending"])
        .assert()
        .code(1);
    assert_eq!(package.pending(), Vec::<String>::new());
}
