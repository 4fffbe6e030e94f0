//! The golden files as insta sees them: the same contents, the same bytes when it saves one.

use std::fs;
use std::io::Write as _;

use insta::Snapshot as Insta;
use serde_json::{Value, json};
use verifier::golden::snap::Snapshot;

use crate::harness::{committed, root, snapshots};

#[test]
fn insta_reads_every_golden_file_as_we_do_and_saves_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a place for test files");
    for name in snapshots(&committed()) {
        let path = committed().join(&name);
        let text = fs::read_to_string(&path).expect("it is committed");
        let ours = Snapshot::parse(&text).expect("a golden file");
        let theirs = Insta::from_file(&path).expect("insta reads it");
        let contents = theirs.as_text().expect("text").to_string();
        assert_eq!(ours.contents, contents.trim_end(), "{name}");
        assert_eq!(
            theirs.metadata().source(),
            Some(ours.source.as_str()),
            "{name}"
        );
        assert_eq!(
            theirs.metadata().expression(),
            Some(ours.expression.as_str())
        );
        assert_eq!(
            theirs.metadata().description(),
            Some(ours.description.as_str())
        );

        let saved = folder.path().join(&name);
        theirs.save(&saved).expect("insta writes");
        let saved = fs::read_to_string(saved).expect("insta wrote it");
        assert_eq!(saved, text, "{name}: insta would change it on accept");
        assert_eq!(ours.render(), text, "{name}: we would change it");
        // the review screen shows the place only where the file is there
        assert!(
            root().join(&ours.source).is_file(),
            "{name}: {}",
            ours.source
        );
    }
}

/// Texts that YAML reads as something else, or that need quotes, or almost do.
const AWKWARD: &[&str] = &[
    "",
    " ",
    "a",
    " a",
    "a ",
    "a b",
    "~",
    "null",
    "Null",
    "NULL",
    "true",
    "True",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
    "Y",
    "N",
    "1",
    "-1",
    "+1",
    "007",
    "1.5",
    "1.",
    ".5",
    "1e5",
    "-0",
    "0x1f",
    "0o17",
    "0b1",
    "1_000",
    ".inf",
    "-.inf",
    ".nan",
    "inf",
    "NaN",
    "infinity",
    "-",
    "- a",
    "-a",
    "?",
    "? a",
    ":",
    "a:",
    "a: b",
    ":a",
    "a:b",
    "#",
    "a #b",
    "a#b",
    "&a",
    "*a",
    "!a",
    "!!str",
    "|",
    ">",
    "%a",
    "@a",
    "`a`",
    "{a}",
    "[a]",
    "a,b",
    "'a'",
    "\"a\"",
    "it's",
    "a\\b",
    "a/b",
    "=",
    "<",
    "<<",
    "---",
    "...",
    "2026-01-12",
    "12:30:00",
    "객실 목록",
    "객실: 목록",
    "바다 쪽 (신축)",
    "é",
    "😀",
    "\u{a0}a",
    "a\u{3000}",
    "a\tb",
    "GET /api/v1/rooms?page=0&sort=-price",
    "/api/v1/rooms/{id}",
    "[room.id#1:int]",
    "*.example.com",
    "http://example.com/#top",
];

#[test]
fn awkward_texts_are_quoted_as_insta_quotes_them() {
    assert!(AWKWARD.len() >= 70);
    let folder = tempfile::tempdir().expect("a place for test files");
    let path = folder.path().join("awkward.snap");
    let mut wrong = Vec::new();
    for &text in AWKWARD {
        for info in shapes(text) {
            let ours = Snapshot {
                source: "golden/endpoints.yaml".to_owned(),
                assertion_line: Some(7),
                description: text.to_owned(),
                expression: if text.is_empty() { "GET /" } else { text }.to_owned(),
                info,
                contents: format!("HTTP 200\n\n{text}x"),
            };
            let written = ours.render();
            fs::write(&path, &written).expect("a file of our own");
            let theirs = Insta::from_file(&path).expect("insta reads it");
            let metadata = theirs.metadata();
            let description = (!text.is_empty()).then_some(text);
            if metadata.description() != description
                || metadata.expression() != Some(ours.expression.as_str())
            {
                wrong.push(format!("{text:?} reads as {:?}", metadata.description()));
            }
            theirs.save(&path).expect("insta writes");
            let saved = fs::read_to_string(&path).expect("insta wrote it");
            // saving drops nothing but the line, which the review screen alone needs
            let bare = Snapshot {
                assertion_line: None,
                ..ours.clone()
            };
            // these two insta leaves bare, and then some YAML readers take them for numbers
            if saved != written && saved != bare.render() && !["0o17", "0b1"].contains(&text) {
                wrong.push(format!("{text:?}:\nours\n{written}\ninsta's\n{saved}"));
            }
            let back = Snapshot::parse(&written).expect("we read what we write");
            if back != ours {
                wrong.push(format!("{text:?} does not come back: {back:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A text as a value, inside an object, in a list, in an object in a list, and as a key.
fn shapes(text: &str) -> Vec<Value> {
    vec![
        json!({"value": text}),
        json!({"request": {"body": {"name": text, "after": 1}}}),
        json!({"list": [text, "b"]}),
        json!({"list": [{"name": text, "deep": [{"again": text}]}]}),
        json!({"deep": {text: 1}}),
    ]
}

#[test]
fn nested_values_are_written_as_insta_writes_them() {
    let folder = tempfile::tempdir().expect("a place for test files");
    let path = folder.path().join("nested.snap");
    for info in [
        json!({"a": null, "b": true, "c": [], "d": {}, "e": [[]], "f": [{}], "g": [[1, 2], [3]]}),
        json!({"n": [0, -1, 1.5, 0.12, -9_223_372_036_854_775_808_i64, "1"]}),
        json!({"body": {"rooms": [{"id": "{stay_room_id}"}], "rate": 0.12, "note": null}}),
        json!({"list": [{"a": {"b": {"c": [1, {"d": "e"}]}}}, "x", null]}),
    ] {
        let ours = Snapshot {
            source: "golden/endpoints.yaml".to_owned(),
            assertion_line: None,
            description: "Nested".to_owned(),
            expression: "GET /".to_owned(),
            info,
            contents: "HTTP 200".to_owned(),
        };
        fs::write(&path, ours.render()).expect("a file of our own");
        Insta::from_file(&path)
            .expect("insta reads it")
            .save(&path)
            .expect("insta writes");
        let saved = fs::read_to_string(&path).expect("insta wrote it");
        assert_eq!(saved, ours.render());
        assert_eq!(Snapshot::parse(&saved).as_ref(), Ok(&ours));
    }
}

/// `cargo insta test --unreferenced=…` asks every test which snapshots it used, and would delete the
/// rest. This is the golden files' answer.
#[test]
fn golden_files_are_referenced() {
    let Some(list) = std::env::var_os("INSTA_SNAPSHOT_REFERENCES_FILE") else {
        return;
    };
    let mut file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(list)
        .expect("insta named a file it can read");
    for name in snapshots(&committed()) {
        let path = fs::canonicalize(committed().join(name)).expect("it is there");
        // one write a line: other test programs append too
        file.write_all(format!("{}\n", path.display()).as_bytes())
            .expect("a list that takes a line");
    }
}
