use std::collections::BTreeSet;

use super::*;
use crate::jwt::hs256::{self, Times};

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef+fifty-two-bytes-key";
const NOW_S: i64 = 1_768_190_400;

fn base(key: Option<&[u8]>) -> Base {
    let header = br#"{"alg":"HS256"}"#;
    let claims = format!(
        r#"{{"sub":"3","username":"testuser","authorities":"NORMAL","iat":{},"exp":{}}}"#,
        NOW_S - 1,
        NOW_S + 3_599
    );
    Base {
        genuine: mint::hs256(KEY, header, claims.as_bytes()),
        header: Members::read(header).expect("an object"),
        claims: Members::read(claims.as_bytes()).expect("an object"),
        key: key.map(<[u8]>::to_vec),
        role: Some(RoleClaim {
            name: "authorities".to_owned(),
            raised: "\"SUPER_ADMIN\"".to_owned(),
        }),
        leeway_s: 0,
    }
}

/// What a correct verifier makes of a token that came as a bearer token does.
fn holds(forged: &Forged) -> bool {
    let [(name, value)] = forged.headers.as_slice() else {
        return false;
    };
    let Some(token) = value.strip_prefix("Bearer ") else {
        return false;
    };
    let times = Times {
        now_s: NOW_S,
        leeway_s: 0,
    };
    name == "authorization"
        && hs256::verify(token, KEY).is_ok_and(|token| times.judge(&token.payload).is_ok())
}

#[test]
fn the_corpus_says_of_each_token_what_a_correct_verifier_does() {
    for forged in corpus(&base(Some(KEY)), NOW_S) {
        match forged.must {
            Must::Accept => assert!(holds(&forged), "{} must hold", forged.name),
            Must::Refuse => assert!(!holds(&forged), "{} must be refused", forged.name),
            Must::Agree => {}
        }
    }
}

#[test]
fn it_is_large_distinct_and_the_same_at_every_second() {
    let corpus_now = corpus(&base(Some(KEY)), NOW_S);
    let names: BTreeSet<&str> = corpus_now
        .iter()
        .map(|forged| forged.name.as_str())
        .collect();
    assert_eq!(names.len(), corpus_now.len(), "a name is there twice");
    let hostile = corpus_now
        .iter()
        .filter(|forged| forged.must != Must::Accept);
    assert!(hostile.count() >= 120);
    // A service may issue what a control would be.
    let hostile: Vec<&Forged> = corpus_now
        .iter()
        .filter(|forged| forged.family != "control")
        .collect();
    for (at, forged) in hostile.iter().enumerate() {
        let same =
            |other: &&&Forged| other.headers == forged.headers && other.query == forged.query;
        let twin = hostile[..at].iter().find(same).map(|other| &other.name);
        assert_eq!(twin, None, "{} sends the same", forged.name);
    }
    let later = corpus(&base(Some(KEY)), NOW_S + 7);
    assert!(
        corpus_now
            .iter()
            .map(|f| &f.name)
            .eq(later.iter().map(|f| &f.name))
    );
    for (now, later) in corpus_now.iter().zip(&later) {
        assert!(!now.edge || now.headers != later.headers, "{}", now.name);
    }
}

#[test]
fn without_the_key_only_what_needs_none_is_made() {
    let all = corpus(&base(Some(KEY)), NOW_S);
    let keyless = corpus(&base(None), NOW_S);
    assert!(keyless.len() > 60 && keyless.len() < all.len());
    let known: BTreeSet<&str> = all.iter().map(|forged| forged.name.as_str()).collect();
    for forged in &keyless {
        assert!(known.contains(forged.name.as_str()), "{}", forged.name);
        assert_ne!(forged.must, Must::Accept, "{} cannot be sound", forged.name);
    }
    let names = names();
    assert!(all.iter().all(|forged| names.contains(&forged.name)));
}

#[test]
fn leeway_frees_only_the_seconds_it_covers() {
    let base = Base {
        leeway_s: 30,
        ..base(Some(KEY))
    };
    let must = |name: &str| {
        let corpus = corpus(&base, NOW_S);
        corpus
            .iter()
            .find(|forged| forged.name == name)
            .map(|forged| forged.must)
    };
    for (name, expected) in [
        ("exp+0", Must::Agree),
        ("exp-2", Must::Agree),
        ("exp-30", Must::Refuse),
        ("exp-60", Must::Refuse),
        ("nbf+1", Must::Agree),
        ("nbf+60", Must::Refuse),
    ] {
        assert_eq!(must(name), Some(expected), "{name}");
    }
}

#[test]
fn every_value_can_stand_in_a_header() {
    for forged in corpus(&base(Some(KEY)), NOW_S) {
        for (name, value) in &forged.headers {
            assert!(
                http::HeaderName::from_bytes(name.as_bytes()).is_ok(),
                "{}",
                forged.name
            );
            assert!(
                http::HeaderValue::from_bytes(value.as_bytes()).is_ok(),
                "{}",
                forged.name
            );
        }
    }
}
