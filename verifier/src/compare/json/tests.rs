//! The quick pass against the explaining one, on documents in which much is alike.

use proptest::prelude::*;

use super::*;
use crate::rules::{RuleSpec, Rules};

/// Documents over a tiny alphabet, so that equal values, duplicates and permutations are frequent.
fn documents() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("[]".to_owned()),
        Just("\"\"".to_owned()),
        prop::sample::select(vec!["1", "1.0", "2", "-0", "0", "true"]).prop_map(str::to_owned),
        prop::sample::select(vec!["\"x\"", "\"\\u0078\"", "\"y\""]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let key = prop::sample::select(vec!["a", "b", "\\u0061", "v", "id"]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5)
                .prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec((key, inner), 0..5).prop_map(|members| {
                let members: Vec<_> = members
                    .into_iter()
                    .map(|(key, value)| format!("\"{key}\":{value}"))
                    .collect();
                format!("{{{}}}", members.join(", "))
            }),
        ]
    })
}

const RULES: [&str; 6] = [
    "[]",
    "- {at: /a, tolerate: any}\n- {at: /b, equal: [null, absent]}\n- {at: /v, multiset: true}",
    "- {at: body, multiset: true}\n- {at: /*/a, tolerate: {abs: 1}}",
    "- {at: /v, by: id}\n- {at: /v/*/a, number_format: finding}",
    "- {at: body, by: id}\n- {at: /*/v, multiset: true}\n- {at: /*/b, equal: ['[]', absent]}",
    "- {at: /a/0, tolerate: any}\n- {at: /a/*/a, tolerate: same-format}",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_the_quick_pass_calls_equal_has_no_findings(
        a in documents(), b in documents(), with in prop::sample::select(RULES.to_vec()),
    ) {
        let specs: Vec<RuleSpec> = serde_saphyr::from_str(with).expect("rules");
        let rules = Rules::compile(&specs, None).expect("sound rules");
        let set = rules.of("");
        let (x, y) = (Document::parse(a.as_bytes()).expect("JSON"), Document::parse(b.as_bytes()).expect("JSON"));
        let none = Tokens::default();
        let (left, right) = (Side::new(&x, &none), Side::new(&y, &none));
        let quick = quick::same(&left, &right, set).is_some();
        let mut sink = Sink::new(&rules, 200, 200);
        explain::explain(&left, &right, set, &mut sink);
        let findings = sink.finish().findings;
        prop_assert_eq!(quick, findings.is_empty(), "{}\n{}\n{}\n{:?}", a, b, with, findings);
    }
}
