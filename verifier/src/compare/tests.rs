//! What `judge` finds, one table a topic.

mod answers;
mod rules;

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
