//! Bodies that are not plain JSON.

use std::io::Write;

use bytes::Bytes;

use crate::exchange::Exchange;
use crate::rules::Rules;
use crate::verdict::{Outcome, judge};

use super::tests::{answer, exchange, rules};

fn pair(media: &str, reference: &str, candidate: &str) -> Exchange {
    let headers = [("content-type", media)];
    exchange(
        answer(200, &headers, reference),
        answer(200, &headers, candidate),
    )
}

/// One line a finding: location, kind, detail.
fn check(media: &str, reference: &str, candidate: &str, expected: &[&str]) {
    let verdict = judge(&pair(media, reference, candidate), &rules(""));
    let found: Vec<_> = verdict
        .findings
        .iter()
        .map(|d| match &d.detail {
            Some(detail) => format!("{} {}: {detail}", d.location, d.kind),
            None => format!("{} {}", d.location, d.kind),
        })
        .collect();
    assert_eq!(found, expected, "{media}: {reference} against {candidate}");
}

#[test]
fn text_bodies_differ_by_line() {
    let t = "text/plain";
    check(
        t,
        "a\nb\n",
        "a\nc\n",
        &["body value change: line 2: reference `b`, candidate `c`"],
    );
    check(
        t,
        "a\n",
        "a\nb\n",
        &["body field added: line 2: reference nothing, candidate `b`"],
    );
    check(
        t,
        "a\nb",
        "a\r\nb",
        &["body format: only the line ends differ"],
    );
    check(
        t,
        "a\n",
        "a",
        &["body field removed: line 2: reference ``, candidate nothing"],
    );
    check(
        "text/html; charset=utf-8",
        "<p>\n1\n</p>",
        "<p>\n2\n</p>",
        &["body value change: line 2: reference `1`, candidate `2`"],
    );
    check(
        "",
        "plain",
        "other",
        &["body value change: line 1: reference `plain`, candidate `other`"],
    );
}

#[test]
fn structured_texts_differ_by_place() {
    check(
        "application/x-ndjson",
        "{\"a\":1}\n{\"a\":2}\n",
        "{\"a\":1}\n{\"a\": 3}",
        &["/1/a value change"],
    );
    check(
        "application/jsonl",
        "1\n2\n",
        "1\n2\n3\n",
        &["/2 field added"],
    );
    check(
        "text/event-stream",
        "data: {\"a\":1}\n\n",
        "data: {\"a\":2}\n\n",
        &["/0/data/a value change"],
    );
    check(
        "text/event-stream",
        "data: 1\n\n",
        ": ping\n\ndata:1\n\n",
        &[],
    );
    check(
        "application/x-www-form-urlencoded",
        "a=1&b=%20",
        "b=+&a=2",
        &["/a value change"],
    );
    check(
        "text/csv",
        "id,n\n1,x\n",
        "id,n\r\n1,\"y\"\r\n",
        &["/1/1 value change"],
    );
    check(
        "application/problem+json",
        "{\"a\":1}",
        "{\"a\":2}",
        &["/a value change"],
    );
    check("", "{\"a\":1}", "{\"a\": 1}", &[]);
}

#[test]
fn other_bodies_differ_by_byte() {
    let verdict = judge(&pair("image/png", "\0abc", "\0abd"), &rules(""));
    let found = &verdict.findings[0];
    assert!(
        found
            .detail
            .as_deref()
            .is_some_and(|d| d.ends_with("byte 3")),
        "{found:?}"
    );
    assert!(
        found
            .reference
            .as_deref()
            .is_some_and(|r| r.starts_with("4 bytes, sha256 "))
    );
    assert_ne!(found.reference, found.candidate);
}

#[test]
fn no_body_is_told_from_an_empty_one() {
    check(
        "application/json",
        "{}",
        "",
        &["body field removed: the candidate has no body"],
    );
    check(
        "application/json",
        "",
        "{}",
        &["body field added: the reference has no body"],
    );
    let mut head = pair("application/json", "{}", "");
    head.method = "HEAD".to_owned();
    assert!(judge(&head, &Rules::default()).is_match());
    let none = exchange(answer(204, &[], "x"), answer(204, &[], ""));
    assert!(judge(&none, &Rules::default()).is_match());
}

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).expect("a Vec takes all");
    encoder.finish().expect("a Vec takes all").into()
}

#[test]
fn codings_are_undone_on_both_sides() {
    let coded = |body: Bytes| {
        let mut one = answer(
            200,
            &[
                ("content-type", "application/json"),
                ("content-encoding", "gzip"),
            ],
            "",
        );
        one.body = body;
        one
    };
    let plain = |body| answer(200, &[("content-type", "application/json")], body);
    let judged = |a, b| judge(&exchange(a, b), &Rules::default());
    assert!(judged(coded(gzip(b"[1]")), plain("[1]")).is_match());
    assert!(judged(coded(gzip(b"[1, 2]")), coded(gzip(b"[1,2]"))).is_match());
    assert!(!judged(coded(gzip(b"[1]")), plain("[2]")).is_match());
    let broken = judged(coded(gzip(b"[1]")), coded(Bytes::from_static(b"[1]")));
    let detail = broken.findings[0].detail.clone().unwrap_or_default();
    assert!(
        detail.contains("candidate: the body is not valid gzip"),
        "{detail}"
    );
    let bomb = gzip(&vec![b' '; super::MAX_DECODED_BYTES + 1]);
    let verdict = judged(plain("[1]"), coded(bomb));
    assert!(
        matches!(verdict.outcome, Outcome::Inconclusive(_)),
        "{verdict:?}"
    );
}
