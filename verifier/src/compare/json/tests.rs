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

/// Rows that mostly have the same keys, in a few orders, and sometimes one of them twice.
fn rows() -> impl Strategy<Value = String> {
    let order = prop::sample::select(vec![
        "a b v id",
        "id v b a",
        "a b v id",
        "b a v id",
        "a a b v",
        "a b a v",
        "v a \\u0061 b",
        "a b",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "1",
        "1",
        "2",
        "[1,1]",
        r#"{"a":1,"b":2}"#,
        r#"{"b":2,"a":1}"#,
    ]);
    let row = (order, proptest::collection::vec(value, 4)).prop_map(|(keys, values)| {
        let members = keys.split(' ').zip(values);
        let members = members.map(|(key, value)| format!("\"{key}\":{value}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    });
    proptest::collection::vec(row, 1..4).prop_map(|rows| format!("[{}]", rows.join(",")))
}

fn agree(a: &str, b: &str, with: &str) -> Result<(), TestCaseError> {
    let specs: Vec<RuleSpec> = serde_saphyr::from_str(with).expect("rules");
    let rules = Rules::compile(&specs, None).expect("sound rules");
    let set = rules.of("");
    let (x, y) = (
        Document::parse(a.as_bytes()).expect("JSON"),
        Document::parse(b.as_bytes()).expect("JSON"),
    );
    let none = Tokens::default();
    let (left, right) = (Side::new(&x, &none), Side::new(&y, &none));
    let quick = quick::same(&left, &right, set).is_some();
    let mut sink = Sink::new(&rules, 200, 200);
    explain::explain(&left, &right, set, &mut sink);
    let findings = sink.finish().findings;
    prop_assert_eq!(
        quick,
        findings.is_empty(),
        "{}\n{}\n{}\n{:?}",
        a,
        b,
        with,
        findings
    );
    Ok(())
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
        agree(&a, &b, with)?;
    }

    #[test]
    fn rows_with_their_keys_in_other_orders_are_judged_alike_by_both_passes(
        a in rows(), b in rows(), with in prop::sample::select(RULES.to_vec()),
    ) {
        agree(&a, &b, with)?;
    }
}
