//! What `judge` finds, as one table a topic.

use std::time::Duration;

use bytes::Bytes;

use crate::exchange::{Answer, Exchange, Observation, Tokens};
use crate::rules::{RuleSpec, Rules};
use crate::verdict::{Verdict, judge};

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    Answer {
        status,
        headers: headers
            .iter()
            .map(|(n, v)| ((*n).to_owned(), v.as_bytes().to_vec()))
            .collect(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn exchange(reference: Answer, candidate: Answer) -> Exchange {
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

fn rules(text: &str) -> Rules {
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

/// One line a finding: place, kind, relation.
fn lines(differences: &[crate::verdict::Difference]) -> Vec<String> {
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

/// Findings only.
fn check(reference: &str, candidate: &str, expected: &[&str]) {
    let verdict = json(reference, candidate, "");
    assert_eq!(
        lines(&verdict.findings),
        expected,
        "{reference} against {candidate}"
    );
    assert_eq!(verdict.is_match(), expected.is_empty());
}

#[test]
fn values_differ_by_exact_value_and_type() {
    check("1", "1", &[]);
    check("1", "2", &["body value change"]);
    check(r#"{"a":1}"#, r#"{"a":true}"#, &["/a type change"]);
    check(
        "9007199254740993",
        "9007199254740992",
        &["body value change"],
    );
    check("[true]", "[false]", &["/0 value change"]);
    check(r#"{"a":"x"}"#, r#"{"a":"x","b":1}"#, &["/b field added"]);
    check(r#"{"a":"x","b":1}"#, r#"{"a":"x"}"#, &["/b field removed"]);
    check(r#"["\ud800"]"#, r#"["\ud801"]"#, &["/0 value change"]);
}
