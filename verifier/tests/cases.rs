//! Cases as folders: `fixtures/cases/RULE/NAME/` holds a reference, a candidate, maybe rules, and the
//! verdict that a person has read and found right.
//!
//! After a deliberate change run with `BLESS=1` to write the verdicts anew, and review the diff.

// A case that cannot be read fails the test, and names its folder.
#![allow(clippy::panic)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

fn folders(root: &Path) -> Vec<PathBuf> {
    let list = |dir: &Path| {
        let mut found: Vec<PathBuf> = fs::read_dir(dir)
            .unwrap_or_else(|e| panic!("{}: {e}", dir.display()))
            .map(|entry| entry.expect("a readable folder").path())
            .filter(|path| path.is_dir())
            .collect();
        found.sort();
        found
    };
    list(root).iter().flat_map(|rule| list(rule)).collect()
}

/// The file of a case whose name starts with `stem.`.
fn file(dir: &Path, stem: &str) -> PathBuf {
    fs::read_dir(dir)
        .expect("a readable folder")
        .map(|entry| entry.expect("a readable folder").path())
        .find(|path| path.file_stem().is_some_and(|name| name == stem))
        .unwrap_or_else(|| panic!("{}: no `{stem}.*`", dir.display()))
}

/// What `verifier diff` says of a case: its JSON and its exit code.
fn verdict(dir: &Path) -> (Value, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verifier"));
    command
        .arg("diff")
        .arg(file(dir, "reference"))
        .arg(file(dir, "candidate"));
    command.args(["--format", "json"]);
    let rules = dir.join("rules.yaml");
    if rules.exists() {
        command.arg("--rules").arg(rules);
    }
    let output = command.output().expect("the verifier starts");
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        let stderr = String::from_utf8_lossy(&output.stderr);
        panic!("{}: {e}\n{stderr}", dir.display())
    });
    (
        report,
        output.status.code().expect("the verifier ends by itself"),
    )
}

/// A verdict as a reviewer reads it.
fn render(report: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut out = format!("{}\n", text(&report["verdict"]));
    for (list, word) in [("findings", "finding"), ("notes", "note")] {
        for one in report[list].as_array().expect("a list") {
            let class = one["relation"]["class"]
                .as_str()
                .map_or(String::new(), |c| format!(" ({c})"));
            let rule = one["rule"]
                .as_str()
                .map_or(String::new(), |r| format!(" by `{r}`"));
            writeln!(
                out,
                "{word}: {} {}{class}, {}{rule}",
                text(&one["location"]),
                text(&one["kind"]),
                text(&one["severity"]),
            )
            .expect("a String takes all");
            for (side, mark) in [("reference", '-'), ("candidate", '+')] {
                if let Some(value) = one[side].as_str() {
                    writeln!(out, "  {mark} {}", value.trim_end().replace('\n', "\n    "))
                        .expect("a String takes all");
                }
            }
            if let Some(detail) = one["detail"].as_str() {
                writeln!(out, "  {detail}").expect("a String takes all");
            }
        }
    }
    out
}

#[test]
fn every_case_gets_its_reviewed_verdict() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/cases");
    let all = folders(&root);
    assert!(all.len() >= 120, "only {} cases", all.len());
    let bless = env::var_os("BLESS").is_some();
    let mut wrong = String::new();
    let mut classes = BTreeSet::new();
    for dir in &all {
        let (report, code) = verdict(dir);
        for one in ["findings", "notes"]
            .iter()
            .flat_map(|list| report[list].as_array().expect("a list"))
        {
            classes.extend(one["relation"]["class"].as_str().map(str::to_owned));
        }
        let expected_code = i32::from(report["verdict"] != "equal");
        assert_eq!(code, expected_code, "{}", dir.display());
        let found = render(&report);
        let path = dir.join("verdict.txt");
        if bless {
            fs::write(&path, found).expect("a writable folder");
            continue;
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if found != expected {
            let name = dir.strip_prefix(&root).unwrap_or(dir).display();
            writeln!(wrong, "== {name}\n-- reviewed\n{expected}-- found\n{found}")
                .expect("a String takes all");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    let missing: Vec<_> = verifier::relation::CLASSES
        .iter()
        .filter(|class| !classes.contains(**class))
        .collect();
    assert!(missing.is_empty(), "no case shows {missing:?}");
}
