//! What `judge` finds, one table a topic.

use std::time::Duration;

use bytes::Bytes;

use crate::exchange::{Answer, Exchange, Failure, Observation, Token, Tokens};
use crate::json::JsonType;
use crate::relation::Relation;
use crate::rules::{RuleSpec, Rules};
use crate::verdict::{Difference, Outcome, Verdict, judge};

pub(super) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    Answer {
        status,
        headers: headers
            .iter()
            .map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec()))
            .collect(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

pub(super) fn exchange(reference: Answer, candidate: Answer) -> Exchange {
    let side = |answer| Observation {
        answer: Ok(answer),
        origin: None,
        tokens: Tokens::default(),
        latency: Duration::ZERO,
    };
    Exchange {
        endpoint: "rooms_list".to_owned(),
        case: "default".to_owned(),
        method: "GET".to_owned(),
        path: "/api/v1/rooms".to_owned(),
        reference: side(reference),
        candidate: side(candidate),
    }
}

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

pub(super) fn rules(text: &str) -> Rules {
    let specs: Vec<RuleSpec> = if text.is_empty() {
        Vec::new()
    } else {
        serde_saphyr::from_str(text).expect("rules")
    };
    Rules::compile(&specs, None).expect("sound rules")
}

fn json(reference: &str, candidate: &str, with: &str) -> Verdict {
    judge(
        &exchange(answer(200, JSON, reference), answer(200, JSON, candidate)),
        &rules(with),
    )
}

/// One line a difference: place, kind, relation.
fn lines(differences: &[Difference]) -> Vec<String> {
    differences
        .iter()
        .map(|d| {
            let relation = d
                .relation
                .as_ref()
                .map_or(String::new(), |r| format!(" ({})", r.class()));
            format!("{} {}{relation}", d.location, d.kind)
        })
        .collect()
}

/// Findings of two JSON bodies without rules.
fn check(reference: &str, candidate: &str, expected: &[&str]) {
    check_with("", reference, candidate, expected, None);
}

/// Findings, and notes where given, of two JSON bodies under rules.
fn check_with(
    with: &str,
    reference: &str,
    candidate: &str,
    expected: &[&str],
    notes: Option<&[&str]>,
) {
    let verdict = json(reference, candidate, with);
    assert_eq!(
        lines(&verdict.findings),
        expected,
        "{reference} against {candidate}, {with}"
    );
    assert_eq!(verdict.is_match(), expected.is_empty());
    if let Some(notes) = notes {
        assert_eq!(
            lines(&verdict.notes),
            notes,
            "{reference} against {candidate}, {with}"
        );
    }
}

/// Notes of two JSON bodies that are otherwise equal.
fn notes(reference: &str, candidate: &str, expected: &[&str]) {
    check_with("", reference, candidate, &[], Some(expected));
}

#[test]
fn values_differ_by_exact_value_and_type() {
    check("1", "1", &[]);
    check("1", "2", &["body value change"]);
    check(
        r#"{"a":1}"#,
        r#"{"a":"1"}"#,
        &["/a type change (string-form)"],
    );
    check(r#"{"a":1}"#, r#"{"a":true}"#, &["/a type change"]);
    check(
        "9007199254740993",
        "9007199254740992",
        &["body value change"],
    );
    check("[1e400]", "[1e401]", &["/0 value change"]);
    check("[12e400]", "[12e401]", &["/0 value change (scale)"]);
    check(
        "[0.1]",
        "[0.10000000000000001]",
        &["/0 value change (cut-fraction)"],
    );
    check("[true]", "[false]", &["/0 value change"]);
    check(
        "[1e99999999999999999999]",
        "[1e99999999999999999998]",
        &["/0 value change"],
    );
    check(r#"{"a":"x"}"#, r#"{"a":"x","b":1}"#, &["/b field added"]);
    check(r#"{"a":"x","b":1}"#, r#"{"a":"x"}"#, &["/b field removed"]);
    check(r#"["\ud800"]"#, r#"["\ud801"]"#, &["/0 value change"]);
    check(r#"["\ud800"]"#, r#"["\ufffd"]"#, &["/0 value change"]);
    check(
        r#"{"\ud800":1}"#,
        r#"{"\ud801":1}"#,
        &["/\u{fffd} field removed", "/\u{fffd} field added"],
    );
}

#[test]
fn form_is_a_note() {
    notes(
        "[1,12000.50]",
        "[1.0,12000.5]",
        &["/0 format (number-format)"],
    );
    notes(
        r#"{"a":1,"b":2}"#,
        r#"{"b":2,"a":1}"#,
        &["body order (key-order)"],
    );
    notes(r#"["<"]"#, r#"["\u003c"]"#, &["body format (escapes)"]);
    notes(
        r#"{"<":1}"#,
        r#"{"\u003c":1}"#,
        &["body format (white-space)"],
    );
    notes("[1, 2]", "[1,2]", &["body format (white-space)"]);
    notes("[1,2]", "[1,2]", &[]);
    let rule = "- {at: /a, number_format: finding}";
    check_with(
        rule,
        r#"{"a":1}"#,
        r#"{"a":1.0}"#,
        &["/a format (number-format)"],
        None,
    );
}

#[test]
fn ways_of_having_no_value_are_all_different() {
    let forms = [
        "{}",
        r#"{"a":null}"#,
        r#"{"a":[]}"#,
        r#"{"a":{}}"#,
        r#"{"a":""}"#,
    ];
    let names = ["absent", "null", "[]", "{}", "''"];
    for (x, a) in forms.iter().enumerate() {
        for (y, b) in forms.iter().enumerate() {
            let verdict = json(a, b, "");
            assert_eq!(verdict.is_match(), x == y, "{a} against {b}");
            if x != y {
                let relation = verdict.findings[0].relation.as_ref().map(Relation::class);
                assert_eq!(relation, Some("presence"), "{a} against {b}");
            }
            // A rule makes this pair equal, and no other.
            for (p, other) in names.iter().enumerate().filter(|(p, _)| *p != x) {
                let rule = format!("- {{at: /a, id: r, equal: [{}, {other}]}}", names[x]);
                let verdict = json(a, b, &rule);
                assert_eq!(
                    verdict.is_match(),
                    x == y || p == y,
                    "{a} against {b}, {rule}"
                );
                assert_eq!(verdict.fired.contains_key("r"), x != y && p == y, "{rule}");
            }
        }
    }
    check(
        r#"{"a":null}"#,
        r#"{"a":0}"#,
        &["/a type change (default-filled)"],
    );
}

#[test]
fn duplicate_keys_are_found_where_they_differ() {
    check(r#"{"a":1,"a":2}"#, r#"{"a":1, "a":2}"#, &[]);
    let double = "/a value change (duplicate-keys)";
    check(r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#, &[double, double]);
    check(
        r#"{"a":1,"a":1}"#,
        r#"{"a":1}"#,
        &["/a field removed (duplicate-keys)"],
    );
    check(
        r#"{"a":1}"#,
        r#"{"a":2,"a":1}"#,
        &[double, "/a field added (duplicate-keys)"],
    );
    check(
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":1}"#,
        &["/a field removed (duplicate-keys)", "/b field added"],
    );
}

#[test]
fn one_inserted_row_is_one_finding() {
    let row = |n: u32| format!(r#"{{"id":{n},"name":"room {n}","rate":{}}}"#, n * 100);
    let list = |rows: &[u32]| {
        format!(
            "[{}]",
            rows.iter().map(|n| row(*n)).collect::<Vec<_>>().join(",")
        )
    };
    let ten: Vec<u32> = (1..=10).collect();
    check(&list(&ten[1..]), &list(&ten), &["/0 field added"]);
    check(
        &list(&ten),
        &list(&[&ten[..4], &ten[5..]].concat()),
        &["/4 field removed"],
    );
    check(
        &list(&[1, 2, 3]),
        &list(&[3, 1, 2]),
        &["body order (permutation)"],
    );
    // A row that changed and a row that came: two findings.
    let changed = list(&ten)
        .replace("room 3", "room three")
        .replace("[{", r#"[{"id":99,"name":"new","rate":1},{"#);
    check(
        &list(&ten),
        &changed,
        &["/0 field added", "/2/name value change"],
    );
    // Every row changed, one is gone: rows keep their partners.
    let all = list(&ten).replace("room", "suite");
    let verdict = json(
        &list(&ten),
        &all.replacen(&all[1..all.find("},{").unwrap_or(1) + 2], "", 1),
        "",
    );
    assert_eq!(verdict.findings.len(), 10, "{:?}", lines(&verdict.findings));
}

#[test]
fn scalars_in_lists_are_paired_in_order() {
    check("[1,2,3]", "[1,9,3]", &["/1 value change"]);
    check("[1,2,3]", "[1,3]", &["/1 field removed"]);
    check("[1,2,3]", "[1,5,2,3]", &["/1 field added"]);
    check("[1,2]", "[2,1]", &["body order (permutation)"]);
    check("[1,2,3,4]", "[4,1,2,8]", &["body order", "/2 value change"]);
    check("[[1,2],[3,4]]", "[[1,2],[3,5]]", &["/1/1 value change"]);
    check("[]", "[1]", &["/0 field added"]);
    check("[1,1,1]", "[1,1]", &["/2 field removed"]);
}

#[test]
fn rules_pair_arrays_without_order() {
    let multiset = "- {at: /v, id: m, multiset: true}";
    let order = Some(&["/v order"] as &[_]);
    check_with(multiset, r#"{"v":[1,2,2]}"#, r#"{"v":[2,1,2]}"#, &[], order);
    check_with(
        multiset,
        r#"{"v":[1,2,2]}"#,
        r#"{"v":[2,1,1]}"#,
        &["/v/2 value change"],
        None,
    );
    check_with(
        multiset,
        r#"{"v":[[1,2]]}"#,
        r#"{"v":[[2,1]]}"#,
        &["/v/0 order (permutation)"],
        None,
    );
    let by = "- {at: /v, id: m, by: k}";
    check_with(
        by,
        r#"{"v":[{"k":1},{"k":2}]}"#,
        r#"{"v":[{"k":2},{"k":1}]}"#,
        &[],
        order,
    );
    check_with(
        by,
        r#"{"v":[{"k":1,"x":1},{"k":2}]}"#,
        r#"{"v":[{"k":2},{"k":1,"x":2}]}"#,
        &["/v/0/x value change"],
        order,
    );
    check_with(
        by,
        r#"{"v":[{"k":1},{"k":2}]}"#,
        r#"{"v":[{"k":2},{"k":3}]}"#,
        &["/v/0 field removed", "/v/1 field added"],
        None,
    );
    // Elements that look alike only because a rule lets a part vary.
    let loose = "- {at: /v, multiset: true}\n- {at: /v/*/p, tolerate: {abs: 1}}";
    check_with(
        loose,
        r#"{"v":[{"p":100},{"p":200}]}"#,
        r#"{"v":[{"p":201},{"p":100}]}"#,
        &[],
        None,
    );
    check_with(
        loose,
        r#"{"v":[{"p":100}]}"#,
        r#"{"v":[{"p":102}]}"#,
        &["/v/0/p value change"],
        None,
    );
}

#[test]
fn tolerances_reach_as_far_as_they_say() {
    let any = "- {at: /v/*/t, tolerate: any}";
    let noted = Some(&["/v/0/t value change"] as &[_]);
    check_with(
        any,
        r#"{"v":[{"t":"a"}]}"#,
        r#"{"v":[{"t":"b"}]}"#,
        &[],
        noted,
    );
    check_with(
        any,
        r#"{"v":[{"t":"a"}]}"#,
        r#"{"v":[{"t":1}]}"#,
        &["/v/0/t type change"],
        None,
    );
    check_with(
        any,
        r#"{"v":[{"t":"a"}]}"#,
        r#"{"v":[{}]}"#,
        &["/v/0/t field removed"],
        None,
    );
    check_with(
        any,
        r#"{"v":[{"t":1}],"t":1}"#,
        r#"{"v":[{"t":2}],"t":2}"#,
        &["/t value change"],
        None,
    );
    let abs = "- {at: /a, tolerate: {abs: 0.5}}";
    check_with(abs, r#"{"a":1}"#, r#"{"a":1.5}"#, &[], None);
    check_with(
        abs,
        r#"{"a":1}"#,
        r#"{"a":1.51}"#,
        &["/a value change (cut-fraction)"],
        None,
    );
    let time = "- {at: /a, tolerate: {seconds: 5}}";
    let from = r#"{"a":"2026-01-12T09:00:00Z"}"#;
    check_with(time, from, r#"{"a":"2026-01-12T09:00:05Z"}"#, &[], None);
    check_with(
        time,
        from,
        r#"{"a":"2026-01-12T09:00:06Z"}"#,
        &["/a value change"],
        None,
    );
    check_with(
        time,
        from,
        r#"{"a":"2026-01-12T09:00:00.0Z"}"#,
        &["/a value change (timestamp-format)"],
        None,
    );
    let format = "- {at: /a, tolerate: same-format}";
    check_with(
        format,
        r#"{"a":"7f9c24e8-3b12-4c7a-9d5e-000000000001"}"#,
        r#"{"a":"0c9c24e8-3b12-4c7a-9d5e-000000000002"}"#,
        &[],
        None,
    );
    check_with(
        format,
        r#"{"a":"7f9c24e8-3b12-4c7a-9d5e-000000000001"}"#,
        r#"{"a":"0c9c24e8-3b12-7c7a-9d5e-000000000002"}"#,
        &["/a value change"],
        None,
    );
}

#[test]
fn a_known_difference_is_one_kind_at_one_place() {
    let known = "- {at: /v/*/x, id: k, known: {kind: field removed, reason: omitempty, owner: mina, \
                 ticket: H-48, expires: 2027-01-01}}";
    let verdict = json(r#"{"v":[{"x":null},{"x":1}]}"#, r#"{"v":[{},{}]}"#, known);
    assert!(verdict.is_match());
    assert_eq!(verdict.fired["k"], 2);
    assert_eq!(verdict.notes[0].detail.as_deref(), Some("omitempty"));
    let verdict = json(r#"{"v":[{"x":1}]}"#, r#"{"v":[{"x":2}]}"#, known);
    assert_eq!((verdict.findings.len(), verdict.strayed["k"]), (1, 1));
    let status = "- {at: status, known: {kind: status, reason: r, owner: o, ticket: t, \
                  expires: 2027-01-01, reference: '200', candidate: '201'}}";
    let judged = |code| {
        let pair = exchange(answer(200, &[], ""), answer(code, &[], ""));
        judge(&pair, &rules(status)).is_match()
    };
    assert!(judged(201) && !judged(202));
}

#[test]
fn relations_over_several_differences_are_named() {
    check(
        r#"{"roomId":17,"a":1}"#,
        r#"{"room_id":17,"a":1}"#,
        &[
            "/roomId field removed (key-renamed)",
            "/room_id field added (key-renamed)",
        ],
    );
    check(
        r#"{"a":{"group":{"id":1,"n":2}},"b":{}}"#,
        r#"{"a":{},"b":{"group":{"id":1,"n":2}}}"#,
        &[
            "/a/group field removed (moved)",
            "/b/group field added (moved)",
        ],
    );
    check(
        r#"[{"s":"NORMAL"},{"s":"NORMAL"},{"s":"GONE"}]"#,
        r#"[{"s":"ACTIVE"},{"s":"ACTIVE"},{"s":"DELETED"}]"#,
        &[
            "/0/s value change (enum-renamed)",
            "/1/s value change (enum-renamed)",
            "/2/s value change (enum-renamed)",
        ],
    );
    // One row proves nothing: it may simply have another state.
    check(
        r#"[{"s":"NORMAL"}]"#,
        r#"[{"s":"ACTIVE"}]"#,
        &["/0/s value change"],
    );
    let pair = exchange(
        answer(401, JSON, r#"{"message":"no","status":401}"#),
        answer(401, JSON, r#"{"message":"no","errors":null}"#),
    );
    assert_eq!(
        lines(&judge(&pair, &rules("")).findings),
        [
            "/status field removed (error-envelope)",
            "/errors field added (error-envelope)"
        ]
    );
}

#[test]
fn masked_places_are_equal_by_their_tokens() {
    let token = |text: &str, class: &str, json_type| Token {
        text: text.to_owned(),
        json_type,
        class: class.to_owned(),
        measure: None,
    };
    let id = token("[room.id#1:int]", "room.id", JsonType::Number);
    for (mask, expected) in [
        (Some(id.clone()), &[] as &[&str]),
        (
            Some(token("[room.id#2:int]", "room.id", JsonType::Number)),
            &["/id value change"],
        ),
        (
            Some(token("[user.id#1:int]", "user.id", JsonType::Number)),
            &["/id format"],
        ),
        (
            Some(token("[room.id#1:text]", "room.id", JsonType::String)),
            &["/id type change"],
        ),
        (None, &["/id format"]),
    ] {
        // The golden file holds the token as a string; its type is the token's.
        let mut pair = exchange(
            answer(200, JSON, r#"{"id":"[room.id#1:int]"}"#),
            answer(200, JSON, r#"{"id":17}"#),
        );
        pair.reference.tokens.0.insert("/id".to_owned(), id.clone());
        pair.candidate
            .tokens
            .0
            .extend(mask.map(|mask| ("/id".to_owned(), mask)));
        assert_eq!(lines(&judge(&pair, &rules("")).findings), expected);
    }
}

#[test]
fn without_an_answer_the_candidate_is_wrong_and_the_reference_proves_nothing() {
    let good = || answer(200, &[], "");
    let mut pair = exchange(good(), good());
    pair.candidate.answer = Err(Failure::Timeout("10 s".to_owned()));
    let verdict = judge(&pair, &Rules::default());
    assert_eq!(
        (verdict.outcome, &lines(&verdict.findings)[..]),
        (Outcome::Mismatch, &["status status".to_owned()][..])
    );
    let mut pair = exchange(good(), good());
    pair.reference.answer = Err(Failure::Unreachable("refused".to_owned()));
    assert!(matches!(
        judge(&pair, &Rules::default()).outcome,
        Outcome::Inconclusive(_)
    ));
    let mut pair = exchange(good(), good());
    pair.candidate.answer = Err(Failure::TooLarge("10 MiB".to_owned()));
    assert!(matches!(
        judge(&pair, &Rules::default()).outcome,
        Outcome::Inconclusive(_)
    ));
}

#[test]
fn what_is_not_json_is_compared_as_bytes_and_said_so() {
    for bad in [
        "[1,2",
        "NaN",
        "[1]x",
        "\u{feff}[1]",
        "[\"\t\"]",
        "<html></html>",
    ] {
        let verdict = json("[1]", bad, "");
        assert_eq!(verdict.findings.len(), 1, "{bad}");
        let detail = verdict.findings[0].detail.as_deref().unwrap_or("");
        assert!(
            detail.contains("candidate is not JSON") && detail.contains("bytes"),
            "{detail}"
        );
        assert!(
            json(bad, bad, "").is_match(),
            "equal bytes are equal whatever they hold"
        );
    }
    let found = &json("[1]", "<!DOCTYPE html><p>", "").findings;
    assert_eq!(lines(found), ["body type change (html-instead-of-json)"]);
}

#[test]
fn findings_are_bounded_and_counted() {
    let list = |n: u32| {
        let rows: Vec<_> = (0..1000).map(|i| format!(r#"{{"v":{}}}"#, i + n)).collect();
        format!("[{}]", rows.join(","))
    };
    let verdict = json(&list(0), &list(5000), "");
    assert_eq!(verdict.findings.len(), super::MAX_FINDINGS);
    let total = verdict.findings.len() as u64 + verdict.truncated_findings;
    assert!(total >= 1000, "{total}");
}

#[test]
fn great_depth_and_width_end() {
    let deep = |leaf: &str| "[".repeat(100_000) + leaf + &"]".repeat(100_000);
    assert!(json(&deep("1"), &deep(" 1"), "").is_match());
    assert_eq!(json(&deep("1"), &deep("2"), "").findings.len(), 1);
    let objects = |leaf: &str| "{\"a\":".repeat(50_000) + leaf + &"}".repeat(50_000);
    assert_eq!(json(&objects("1"), &objects("2"), "").findings.len(), 1);
    let wide = |shift: u32| {
        let items: Vec<_> = (0..20_000).map(|i| (i * 7 + shift).to_string()).collect();
        format!("[{}]", items.join(","))
    };
    assert!(!json(&wide(0), &wide(3), "").is_match());
    assert_eq!(
        json(&wide(0), &wide(0).replace("[0,", "["), "")
            .findings
            .len(),
        1
    );
    let keys = |reverse: bool| {
        let mut keys: Vec<_> = (0..20_000).map(|i| format!("\"k{i}\":{i}")).collect();
        if reverse {
            keys.reverse();
        }
        format!("{{{}}}", keys.join(","))
    };
    assert!(json(&keys(false), &keys(true), "").is_match());
    let long = "x".repeat(5_000_000);
    assert_eq!(
        json(&format!("[\"{long}\"]"), &format!("[\"{long}y\"]"), "")
            .findings
            .len(),
        1
    );
}
