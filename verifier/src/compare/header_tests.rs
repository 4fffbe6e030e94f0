//! What counts of headers.

use crate::verdict::{Difference, judge};

use super::tests::{answer, exchange, rules};

fn fields(list: &[&'static str]) -> Vec<(&'static str, &'static str)> {
    list.iter()
        .map(|line| line.split_once(": ").unwrap_or((line, "")))
        .collect()
}

fn lines(differences: &[Difference]) -> Vec<String> {
    let line = |d: &Difference| {
        let relation = d
            .relation
            .as_ref()
            .map_or(String::new(), |r| format!(" ({})", r.class()));
        format!("{} {}{relation}", d.location, d.kind)
    };
    differences.iter().map(line).collect()
}

fn check_with(
    with: &str,
    reference: &[&'static str],
    candidate: &[&'static str],
    findings: &[&str],
    notes: &[&str],
) {
    let pair = exchange(
        answer(200, &fields(reference), ""),
        answer(200, &fields(candidate), ""),
    );
    let verdict = judge(&pair, &rules(with));
    assert_eq!(
        lines(&verdict.findings),
        findings,
        "{reference:?} against {candidate:?}"
    );
    assert_eq!(
        lines(&verdict.notes),
        notes,
        "{reference:?} against {candidate:?}"
    );
}

fn check(
    reference: &[&'static str],
    candidate: &[&'static str],
    findings: &[&str],
    notes: &[&str],
) {
    check_with("", reference, candidate, findings, notes);
}

#[test]
fn every_end_to_end_field_counts_known_or_not() {
    check(&["x-own: 1"], &["x-own: 2"], &["header:x-own header"], &[]);
    check(&["x-own: 1"], &[], &["header:x-own header"], &[]);
    check(
        &[],
        &["x-frame-options: DENY"],
        &["header:x-frame-options header"],
        &[],
    );
    check(&["x-own:  1 "], &["x-own: 1"], &[], &[]);
    check(
        &["retry-after: 1"],
        &["retry-after: 2"],
        &["header:retry-after header"],
        &[],
    );
}

#[test]
fn what_belongs_to_the_hop_or_the_moment_does_not_count() {
    for name in [
        "date",
        "server",
        "via",
        "x-powered-by",
        "connection",
        "keep-alive",
        "transfer-encoding",
        "age",
        "content-length",
    ] {
        let with = |value| answer(200, &[(name, value)], "");
        for pair in [
            exchange(with("1"), with("2")),
            exchange(with("1"), answer(200, &[], "")),
            exchange(answer(200, &[], ""), with("1")),
        ] {
            let verdict = judge(&pair, &rules(""));
            assert!(verdict.is_match() && verdict.notes.is_empty(), "{name}");
        }
    }
    check(&["connection: x-hop", "x-hop: 1"], &[], &[], &[]);
    let coded = "header:content-encoding header (content-encoding)";
    check(&["content-encoding: gzip"], &[], &[], &[coded]);
}

#[test]
fn volatile_fields_count_by_their_form() {
    let a_note = |name: &str| vec![format!("header:{name} header")];
    for (a, b, name, differs) in [
        ("etag: \"1\"", "etag: \"2\"", "etag", false),
        ("etag: \"1\"", "etag: W/\"2\"", "etag", true),
        (
            "last-modified: Mon, 12 Jan 2026 09:00:00 GMT",
            "last-modified: Tue, 13 Jan 2026 09:00:00 GMT",
            "last-modified",
            false,
        ),
        (
            "last-modified: Mon, 12 Jan 2026 09:00:00 GMT",
            "last-modified: 2026-01-12T09:00:00Z",
            "last-modified",
            true,
        ),
        (
            "x-request-id: 7f9c24e8-3b12-4c7a-9d5e-000000000001",
            "x-request-id: 0c9c24e8-3b12-4c7a-9d5e-000000000002",
            "x-request-id",
            false,
        ),
        (
            "x-request-id: 7f9c24e8-3b12-4c7a-9d5e-000000000001",
            "x-request-id: 17",
            "x-request-id",
            true,
        ),
        (
            "expires: 0",
            "expires: Mon, 12 Jan 2026 09:00:00 GMT",
            "expires",
            true,
        ),
    ] {
        let (findings, notes) = if differs {
            (a_note(name), vec![])
        } else {
            (vec![], a_note(name))
        };
        check(
            &[a],
            &[b],
            &findings.iter().map(String::as_str).collect::<Vec<_>>(),
            &notes.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    }
    check(&["etag: \"1\""], &[], &["header:etag header"], &[]);
}

#[test]
fn cookies_count_by_name_and_attributes() {
    let broken: &[&str] = &["header:set-cookie header"];
    let cases: [(&'static str, &'static str, bool); 8] = [
        ("sid=1; Path=/; HttpOnly", "sid=2; HttpOnly; Path=/", false),
        ("sid=1; Path=/; HttpOnly", "sid=2; Path=/", true),
        ("sid=1; Path=/", "sid=2; Path=/api", true),
        ("sid=1; SameSite=Lax", "sid=1; samesite=lax", false),
        ("sid=1; Max-Age=60", "sid=1; Max-Age=90", true),
        (
            "sid=1; Expires=Mon, 12 Jan 2026 09:00:00 GMT",
            "sid=1; Expires=Tue, 13 Jan 2026 09:00:00 GMT",
            false,
        ),
        ("sid=1", "other=1", true),
        ("sid=1", "sid=", true),
    ];
    for (a, b, breaks) in cases {
        let pair = exchange(
            answer(200, &[("set-cookie", a)], ""),
            answer(200, &[("set-cookie", b)], ""),
        );
        let verdict = judge(&pair, &rules(""));
        let expected = if breaks { broken } else { &[] };
        assert_eq!(lines(&verdict.findings), expected, "{a} against {b}");
    }
}

#[test]
fn media_types_count_and_their_spelling_is_a_note() {
    let spelled = &["header:content-type format (media-type-spelling)"];
    check(
        &["content-type: application/json;charset=UTF-8"],
        &["content-type: application/json; charset=utf-8"],
        &[],
        spelled,
    );
    check(
        &["content-type: application/json"],
        &["content-type: application/json; charset=utf-8"],
        &[],
        spelled,
    );
    check(
        &["content-type: text/plain"],
        &["content-type: text/plain; charset=utf-8"],
        &["header:content-type header"],
        &[],
    );
    check(
        &["content-type: application/json"],
        &["content-type: text/html"],
        &["header:content-type header (html-instead-of-json)"],
        &[],
    );
    check(
        &["content-type: application/json"],
        &["content-type: application/problem+json"],
        &["header:content-type header"],
        &[],
    );
}

#[test]
fn repeated_fields_are_lists() {
    check(
        &["vary: Origin", "vary: Accept"],
        &["vary: origin, accept"],
        &[],
        &["header:vary format"],
    );
    check(
        &["vary: Origin, Accept"],
        &["vary: Accept, Origin"],
        &[],
        &["header:vary order (permutation)"],
    );
    check(
        &["vary: Origin"],
        &["vary: Origin, Accept"],
        &["header:vary header"],
        &[],
    );
    check(
        &["x-a: 1", "x-a: 2"],
        &["x-a: 2", "x-a: 1"],
        &["header:x-a header"],
        &[],
    );
    check(
        &["x-a: 1", "x-a: 2"],
        &["x-a: 1, 2"],
        &[],
        &["header:x-a format"],
    );
    check(
        &["cache-control: no-cache,no-store"],
        &["cache-control: no-store, no-cache"],
        &[],
        &["header:cache-control order (permutation)"],
    );
    check(
        &["cache-control: max-age=60"],
        &["cache-control: max-age=61"],
        &["header:cache-control header"],
        &[],
    );
}

#[test]
fn rules_say_how_much_of_a_field_counts() {
    let at = |policy: &str| format!("- {{at: 'header:etag', id: r, compare: {policy}}}");
    let found: &[&str] = &["header:etag header"];
    check_with(&at("value"), &["etag: \"1\""], &["etag: \"2\""], found, &[]);
    check_with(
        &at("presence"),
        &["etag: \"1\""],
        &["etag: W/\"2\""],
        &[],
        found,
    );
    check_with(&at("presence"), &["etag: \"1\""], &[], found, &[]);
    check_with(&at("ignore"), &["etag: \"1\""], &[], &[], found);
    let known = "- {at: 'header:x-a', known: {kind: header, reason: r, owner: o, ticket: t, \
                 expires: 2027-01-01}}";
    check_with(known, &["x-a: 1"], &[], &[], &["header:x-a header"]);
}

#[test]
fn an_own_origin_is_no_difference() {
    let side = |port: u16| {
        let location = format!("http://127.0.0.1:{port}/rooms/1");
        let body = format!(r#"{{"next":"http:\/\/127.0.0.1:{port}\/rooms?page=1"}}"#);
        let headers = [
            ("content-type", "application/json"),
            ("location", location.as_str()),
        ];
        answer(201, &headers, &body)
    };
    let mut pair = exchange(side(8081), side(8080));
    assert!(
        !judge(&pair, &rules("")).is_match(),
        "the origins are not known"
    );
    pair.reference.origin = Some("http://127.0.0.1:8081".to_owned());
    pair.candidate.origin = Some("http://127.0.0.1:8080".to_owned());
    let verdict = judge(&pair, &rules(""));
    assert!(
        verdict.is_match() && verdict.notes.is_empty(),
        "{verdict:?}"
    );
}
