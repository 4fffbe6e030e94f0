//! Two bodies from one input: judging never panics, agrees with itself, and is symmetric.
#![no_main]

use libfuzzer_sys::fuzz_target;
use verifier::exchange::{Answer, Exchange, Observation};
use verifier::json::Document;
use verifier::rules::Rules;
use verifier::verdict::judge;

fn observation(body: &[u8]) -> Observation {
    Observation::of(Answer {
        status: 200,
        headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
        body: bytes::Bytes::copy_from_slice(body),
    })
}

fn matches(a: &[u8], b: &[u8]) -> bool {
    let exchange = Exchange {
        endpoint: String::new(),
        case: String::new(),
        method: "GET".to_owned(),
        path: "/".to_owned(),
        reference: observation(a),
        candidate: observation(b),
    };
    judge(&exchange, &Rules::default()).is_match()
}

fuzz_target!(|data: &[u8]| {
    let _ = Document::parse(data);
    assert!(matches(data, data), "a body differs from itself");
    // The first byte says where one body ends and the other begins.
    if let Some((&cut, rest)) = data.split_first() {
        let (a, b) = rest.split_at(usize::from(cut).min(rest.len()));
        assert_eq!(matches(a, b), matches(b, a), "not symmetric");
    }
});
