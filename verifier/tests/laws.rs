//! Laws of the comparison: they hold for every document, not only for those someone thought of.

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use verifier::exchange::{Answer, Exchange, Observation, Tokens};
use verifier::rules::{RuleSpec, Rules};
use verifier::verdict::{Kind, Location, Verdict, judge};

/// A JSON value that can be edited and written in many ways.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Value>),
    Object(Vec<(String, Value)>),
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?".prop_map(Value::Number),
        any::<i64>().prop_map(|n| Value::Number(n.to_string())),
        "[a-zA-Z가-힣<>&\"\\\\/\n~ ]{0,12}".prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 60, 8, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            proptest::collection::vec(("[a-z~/]{1,4}|[0-9]|값", inner), 0..8).prop_map(|members| {
                let mut seen = std::collections::BTreeSet::new();
                Value::Object(
                    members
                        .into_iter()
                        .filter(|(key, _)| seen.insert(key.clone()))
                        .collect(),
                )
            }),
        ]
    })
}

/// How a value is written.
#[derive(Clone, Copy, Debug, Default)]
struct Style {
    spaces: bool,
    escapes: bool,
    reversed: bool,
}

fn write(value: &Value, style: Style) -> String {
    let mut out = String::new();
    write_to(value, style, &mut out);
    out
}

fn write_to(value: &Value, style: Style, out: &mut String) {
    let gap = if style.spaces { "\n  " } else { "" };
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(text) => out.push_str(text),
        Value::String(text) => write_string(text, style, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { gap } else { "," });
                write_to(item, style, out);
                out.push_str(gap);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            let mut members: Vec<_> = members.iter().collect();
            if style.reversed {
                members.reverse();
            }
            for (at, (key, item)) in members.into_iter().enumerate() {
                out.push_str(if at == 0 { gap } else { "," });
                write_string(key, style, out);
                out.push_str(if style.spaces { " : " } else { ":" });
                write_to(item, style, out);
            }
            out.push('}');
        }
    }
}

fn write_string(text: &str, style: Style, out: &mut String) {
    if !style.escapes {
        out.push_str(&verifier::json::escape(text));
        return;
    }
    out.push('"');
    for unit in text.encode_utf16() {
        write!(out, "\\u{unit:04X}").expect("a String takes all");
    }
    out.push('"');
}

fn judged(reference: &str, candidate: &str, rules: &Rules) -> Verdict {
    let side = |body: &str| Observation {
        answer: Ok(Answer {
            status: 200,
            headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
            body: Bytes::copy_from_slice(body.as_bytes()),
        }),
        origin: None,
        tokens: Tokens::default(),
        latency: Duration::ZERO,
    };
    judge(
        &Exchange {
            endpoint: "rooms_list".to_owned(),
            case: "default".to_owned(),
            method: "GET".to_owned(),
            path: "/".to_owned(),
            reference: side(reference),
            candidate: side(candidate),
        },
        rules,
    )
}

/// Every place of a value with the value there.
fn places(value: &Value) -> Vec<(Vec<usize>, String)> {
    let mut found = Vec::new();
    let mut todo = vec![(value, Vec::new(), String::new())];
    while let Some((value, steps, place)) = todo.pop() {
        found.push((steps.clone(), place.clone()));
        let step = |at: usize| [&steps[..], &[at]].concat();
        match value {
            Value::Array(items) => {
                todo.extend(
                    items
                        .iter()
                        .enumerate()
                        .map(|(at, v)| (v, step(at), format!("{place}/{at}"))),
                );
            }
            Value::Object(members) => {
                todo.extend(members.iter().enumerate().map(|(at, (key, v))| {
                    (v, step(at), verifier::place::child_pointer(&place, key))
                }));
            }
            _ => {}
        }
    }
    found
}

fn at<'v>(value: &'v mut Value, steps: &[usize]) -> &'v mut Value {
    steps.iter().fold(value, |value, &step| match value {
        Value::Array(items) => &mut items[step],
        Value::Object(members) => &mut members[step].1,
        _ => unreachable!("steps come from `places`"),
    })
}

fn location(place: &str) -> Location {
    if place.is_empty() {
        Location::Body
    } else {
        Location::Pointer(place.to_owned())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_differs_from_itself_however_it_is_written(
        value in values(), spaces: bool, escapes: bool, reversed: bool,
    ) {
        let (plain, styled) = (write(&value, Style::default()), write(&value, Style { spaces, escapes, reversed }));
        let verdict = judged(&plain, &styled, &Rules::default());
        prop_assert!(verdict.is_match(), "{plain}\n{styled}\n{:?}", verdict.findings);
        prop_assert_eq!(verdict.notes.is_empty(), plain == styled);
    }

    #[test]
    fn both_directions_agree(a in values(), b in values()) {
        let (a, b) = (write(&a, Style::default()), write(&b, Style { spaces: true, ..Style::default() }));
        let there = judged(&a, &b, &Rules::default());
        let back = judged(&b, &a, &Rules::default());
        prop_assert_eq!(there.is_match(), back.is_match());
    }

    #[test]
    fn an_edited_scalar_is_found_at_its_place(
        value in values(), choice: prop::sample::Index, style: bool,
    ) {
        let all = places(&value);
        let (steps, place) = choice.get(&all);
        let mut edited = value.clone();
        let target = at(&mut edited, steps);
        let kind = match target {
            Value::Bool(b) => { *b = !*b; Kind::ValueChange }
            Value::Number(n) => { *n = format!("1{}", n.trim_start_matches('-')); Kind::ValueChange }
            Value::String(s) => { s.push('x'); Kind::ValueChange }
            Value::Null => { *target = Value::Bool(true); Kind::TypeChange }
            Value::Array(_) | Value::Object(_) => { *target = Value::Number("7".to_owned()); Kind::TypeChange }
        };
        // `10.5` from `0.5` and `1-…` are numbers too; `10` from `0` as well. A leading zero is not.
        prop_assume!(verifier::json::Document::parse(write(&edited, Style::default()).as_bytes()).is_ok());
        let candidate = write(&edited, Style { spaces: style, reversed: style, ..Style::default() });
        let verdict = judged(&write(&value, Style::default()), &candidate, &Rules::default());
        let same = judged(&write(&value, Style::default()), &write(&value, Style::default()), &Rules::default());
        prop_assert!(same.is_match());
        // 0 with a 1 before it is another number unless all of it is an exponent of zero.
        prop_assert!(!verdict.is_match(), "{value:?}\n{edited:?}");
        // In an array the edited element may equal a neighbour; then it is found as an insertion or a
        // move, but always below the array that holds it.
        let parent = location(place.rsplit_once('/').map_or("", |(parent, _)| parent));
        let prefix = match &parent { Location::Pointer(p) => p.clone(), _ => String::new() };
        prop_assert!(
            verdict.findings.iter().all(|f| f.location == location(place) || f.location.to_string().starts_with(&prefix) || f.location == parent),
            "{place}: {:?}", verdict.findings
        );
        let in_arrays = place.split('/').any(verifier::place::is_index);
        if !in_arrays {
            prop_assert_eq!(verdict.findings.len(), 1);
            prop_assert_eq!(&verdict.findings[0].location, &location(place));
            prop_assert_eq!(verdict.findings[0].kind, kind);
        }
    }

    #[test]
    fn a_dropped_member_is_found_at_its_place(value in values(), choice: prop::sample::Index) {
        let all: Vec<_> = places(&value);
        let (steps, place) = choice.get(&all);
        let mut edited = value.clone();
        let Value::Object(members) = at(&mut edited, steps) else { return Ok(()) };
        prop_assume!(!members.is_empty());
        let (key, _) = members.remove(0);
        let verdict = judged(&write(&value, Style::default()), &write(&edited, Style::default()), &Rules::default());
        prop_assert!(!verdict.is_match());
        if !place.split('/').any(verifier::place::is_index) {
            prop_assert_eq!(verdict.findings.len(), 1);
            prop_assert_eq!(verdict.findings[0].kind, Kind::FieldRemoved);
            let expected = location(&verifier::place::child_pointer(place, &key));
            prop_assert_eq!(&verdict.findings[0].location, &expected);
            // Seen from the other side it is an addition.
            let back = judged(&write(&edited, Style::default()), &write(&value, Style::default()), &Rules::default());
            prop_assert_eq!(back.findings[0].kind, Kind::FieldAdded);
            prop_assert_eq!(&back.findings[0].location, &expected);
        }
    }

    #[test]
    fn a_multiset_has_no_order(items in proptest::collection::vec(values(), 0..12), seed: u64) {
        let rules = Rules::compile(
            &[RuleSpec { at: "/v".to_owned(), multiset: true, ..RuleSpec::default() }],
            None,
        ).expect("a sound rule");
        let mut shuffled = items.clone();
        // Any permutation will do.
        let mut state = seed | 1;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(i, usize::try_from(state >> 33).expect("31 bits") % (i + 1));
        }
        let wrap = |items: Vec<Value>| write(&Value::Object(vec![("v".to_owned(), Value::Array(items))]), Style::default());
        let verdict = judged(&wrap(items), &wrap(shuffled), &rules);
        prop_assert!(verdict.is_match(), "{:?}", verdict.findings);
    }

    #[test]
    fn no_text_makes_it_panic(a in ".{0,60}", b in "[\\[\\]{}\",:0-9a-e\\\\u .-]{0,60}") {
        let there = judged(&a, &b, &Rules::default());
        prop_assert_eq!(there.is_match(), judged(&b, &a, &Rules::default()).is_match());
        prop_assert!(judged(&b, &b, &Rules::default()).is_match());
    }
}
