//! Answers that are masked, missing, no JSON, or too much.

use super::*;

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
    assert_eq!(verdict.findings.len(), super::super::MAX_FINDINGS);
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
