use super::*;
use crate::jwt::mint;

const HEADER: &str = r#"{"alg":"HS256"}"#;
const CLAIMS: &str = r#"{"sub":"3","authorities":"ADMIN","iat":1768190400,"exp":1768194000}"#;
const ANSWER: &str = r#"{"value":{"accessTokenExpiresIn":1768194000000,"rooms":58}}"#;

fn differences(header: &str, claims: &str, answer: &str) -> Vec<(String, String)> {
    let token =
        |header: &str, claims: &str| mint::hs256(b"key", header.as_bytes(), claims.as_bytes());
    let (legacy, core) = (token(HEADER, CLAIMS), token(header, claims));
    let issued = |access, answer: &'static str| Issued {
        access,
        again: None,
        refresh: None,
        answer: answer.as_bytes(),
    };
    let core_issued = Issued {
        answer: answer.as_bytes(),
        ..issued(&core, ANSWER)
    };
    compare(issued(&legacy, ANSWER), core_issued)
        .differences
        .into_iter()
        .map(|difference| (difference.place, difference.what))
        .collect()
}

fn check(claims: &str, place: &str, words: &str) {
    let found = differences(HEADER, claims, ANSWER);
    assert_eq!(found.len(), 1, "{claims}: {found:?}");
    assert_eq!(found[0].0, place);
    assert!(found[0].1.contains(words), "{found:?}");
}

#[test]
fn equal_tokens_have_no_differences_whatever_their_order_and_second() {
    let later = r#"{"exp":1768194007,"iat":1768190407,"authorities":"ADMIN","sub":"3"}"#;
    let answer = r#"{"value":{"accessTokenExpiresIn":1768194007000,"rooms":1}}"#;
    assert_eq!(differences(HEADER, later, answer), []);
}

#[test]
fn each_difference_is_named_once_where_it_stands() {
    check(
        &CLAIMS.replace("\"3\"", "3"),
        "access.sub",
        "string on legacy",
    );
    check(
        &CLAIMS.replace("ADMIN", "ROLE_ADMIN"),
        "access.authorities",
        "ROLE_ADMIN",
    );
    check(
        &CLAIMS.replace("\"ADMIN\"", "[\"ADMIN\"]"),
        "access.authorities",
        "array on core",
    );
    check(
        &CLAIMS.replace("authorities", "role"),
        "access.authorities",
        "called `role`",
    );
    check(&CLAIMS.replace("\"sub\":\"3\",", ""), "access.sub", "lacks");
    check(
        &CLAIMS.replace("{\"sub\"", "{\"iss\":\"x\",\"sub\""),
        "access.iss",
        "legacy's does not",
    );
    check(
        &CLAIMS.replace("1768194000", "1768194000000"),
        "access.exp",
        "milliseconds on core",
    );
    check(
        &CLAIMS.replace("1768194000", "1768194000.5"),
        "access.exp",
        "written as",
    );
}

#[test]
fn the_header_and_the_answer_belong_to_the_contract() {
    let typed = differences(r#"{"alg":"HS256","typ":"JWT"}"#, CLAIMS, ANSWER);
    assert_eq!(typed.len(), 1);
    assert_eq!(typed[0].0, "header.typ");
    for (answer, words) in [
        (
            r#"{"value":{"accessTokenExpiresIn":1768194000}}"#,
            "seconds since 1970 on core",
        ),
        (
            r#"{"value":{"accessTokenExpiresIn":3600}}"#,
            "seconds from now on core",
        ),
        (
            r#"{"value":{"accessTokenExpiresIn":"2026-01-12T05:00:00Z"}}"#,
            "RFC 3339 time on core",
        ),
        (r#"{"value":{"accessTokenExpiresIn":7}}"#, "neither"),
        (r#"{"value":{}}"#, "lacks"),
    ] {
        let found = differences(HEADER, CLAIMS, answer);
        assert_eq!(found.len(), 1, "{answer}: {found:?}");
        assert_eq!(found[0].0, "answer./value/accessTokenExpiresIn");
        assert!(found[0].1.contains(words), "{answer}: {found:?}");
    }
}

#[test]
fn what_varies_from_token_to_token_is_held_to_its_type_only() {
    let token = |id: &str| {
        let claims = CLAIMS.replace("{\"sub\"", &format!("{{\"sid\":{id},\"sub\""));
        mint::hs256(b"key", HEADER.as_bytes(), claims.as_bytes())
    };
    let (a, b, c, d, other) = (
        token("\"a\""),
        token("\"b\""),
        token("\"c\""),
        token("\"d\""),
        token("5"),
    );
    let issued = |access, again| Issued {
        access,
        again: Some(again),
        refresh: None,
        answer: b"{}",
    };
    assert_eq!(compare(issued(&a, &b), issued(&c, &d)).differences, []);
    assert_eq!(
        compare(issued(&a, &b), issued(&other, &d))
            .differences
            .len(),
        1
    );
}

#[test]
fn a_shorter_life_is_one_difference_though_the_answer_says_it_too() {
    let shorter = CLAIMS.replace("1768194000", "1768191300");
    let answer = ANSWER.replace("1768194000", "1768191300");
    let found = differences(HEADER, &shorter, &answer);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "life.access");
    assert!(found[0].1.contains("1 h on legacy and 15 min"), "{found:?}");
}
