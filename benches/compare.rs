//! What judging one pair of bodies costs, beside the usual way: `serde_json::Value` twice, then a tree
//! diff. About 323 B, 4 KB and 100 KB; pairs: equal, one accepted timestamp in every row, keys in
//! another order, one real change, a multiset in another order. Beside them, what reading of ids costs where
//! each side gives out its own: ids and times of every row differ.

#![allow(missing_docs)] // criterion's macros make a function

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Value;
use verifier::exchange::{Answer, Exchange, Observation};
use verifier::ids::{Answers, IdMap, Keys};
use verifier::rules::{RuleSpec, Rules, TolerateSpec, TolerateWord};
use verifier::verdict::judge;

/// How the candidate's body differs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pair {
    Equal,
    AcceptedTime,
    KeyOrder,
    OneChange,
    Multiset,
}

const PAIRS: [Pair; 5] = [
    Pair::Equal,
    Pair::AcceptedTime,
    Pair::KeyOrder,
    Pair::OneChange,
    Pair::Multiset,
];

/// A page of rooms as the services answer it, written as the pair says.
fn body(rows: usize, pair: Option<Pair>) -> String {
    let mut values: Vec<String> = (0..rows)
        .map(|at| {
            let (second, rate) = match pair {
                Some(Pair::AcceptedTime) => (at % 50 + 1, 120_000),
                Some(Pair::OneChange) if at == rows / 2 => (at % 50, 130_000),
                _ => (at % 50, 120_000),
            };
            let id = format!("\"id\":{},\"number\":\"{}\"", at + 1, 200 + at);
            let group = format!("\"roomGroup\":{{\"id\":{},\"name\":\"바다 전망\"}}", at % 9);
            let rest =
                format!("\"note\":\"조용한 방, 2층 <{at}>\",\"status\":\"NORMAL\",\"rate\":{rate}");
            let times =
                format!("\"createdAt\":\"2026-01-12T09:00:{second:02}\",\"deletedAt\":null");
            if pair == Some(Pair::KeyOrder) {
                format!("{{{times},{rest},{group},{id}}}")
            } else {
                format!("{{{id},{group},{rest},{times}}}")
            }
        })
        .collect();
    if pair == Some(Pair::Multiset) {
        let middle = rows / 2;
        values.rotate_left(middle);
    }
    let page =
        format!("\"page\":{{\"index\":0,\"size\":15,\"totalElements\":{rows},\"totalPages\":4}}");
    format!(
        "{{{page},\"filter\":null,\"values\":[{}]}}",
        values.join(",")
    )
}

fn exchange(reference: &str, candidate: &str) -> Exchange {
    let side = |body: &str| {
        Observation::of(Answer {
            status: 200,
            headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
            body: Bytes::copy_from_slice(body.as_bytes()),
        })
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

fn rules(pair: Pair) -> Rules {
    let at = |at: &str| RuleSpec {
        at: at.to_owned(),
        ..RuleSpec::default()
    };
    let specs = match pair {
        Pair::AcceptedTime => vec![RuleSpec {
            tolerate: Some(TolerateSpec::Word(TolerateWord::SameFormat)),
            ..at("/values/*/createdAt")
        }],
        Pair::Multiset => vec![RuleSpec {
            multiset: true,
            ..at("/values")
        }],
        _ => Vec::new(),
    };
    Rules::compile(&specs, None).expect("sound rules")
}

/// The usual way: parse both, walk both, collect the paths that differ. Accepts `createdAt` by name
/// and takes arrays as multisets when told to.
fn usual(reference: &str, candidate: &str, pair: Pair) -> Vec<String> {
    let a: Value = serde_json::from_str(reference).expect("JSON");
    let b: Value = serde_json::from_str(candidate).expect("JSON");
    let mut found = Vec::new();
    walk(&a, &b, "", pair, &mut found);
    found
}

fn walk(a: &Value, b: &Value, place: &str, pair: Pair, found: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                match b.get(key) {
                    Some(other) => walk(value, other, &format!("{place}/{key}"), pair, found),
                    None => found.push(format!("{place}/{key}")),
                }
            }
            let new = b.keys().filter(|key| !a.contains_key(*key));
            found.extend(new.map(|key| format!("{place}/{key}")));
        }
        (Value::Array(a), Value::Array(b)) if pair == Pair::Multiset => {
            let mut left: Vec<String> = a.iter().map(Value::to_string).collect();
            let mut right: Vec<String> = b.iter().map(Value::to_string).collect();
            left.sort_unstable();
            right.sort_unstable();
            if left != right {
                found.push(place.to_owned());
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (x, y)) in a.iter().zip(b).enumerate() {
                walk(x, y, &format!("{place}/{at}"), pair, found);
            }
        }
        _ if a == b || (pair == Pair::AcceptedTime && place.ends_with("/createdAt")) => {}
        _ => found.push(place.to_owned()),
    }
}

fn compare(criterion: &mut Criterion) {
    for (name, rows) in [("323B", 1), ("4KB", 20), ("100KB", 500)] {
        let mut group = criterion.benchmark_group(name);
        group
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1));
        for pair in PAIRS {
            let (reference, candidate) = (body(rows, None), body(rows, Some(pair)));
            group.throughput(Throughput::Bytes(reference.len() as u64));
            let (exchange, rules) = (exchange(&reference, &candidate), rules(pair));
            // The two ways must agree on whether anything differs, or they measure different work.
            let same = judge(&exchange, &rules).is_match();
            assert_eq!(same, pair != Pair::OneChange, "{name} {pair:?}");
            let usual_same = usual(&reference, &candidate, pair).is_empty();
            assert_eq!(usual_same, same, "{name} {pair:?}");
            group.bench_function(BenchmarkId::new("judge", format!("{pair:?}")), |bencher| {
                bencher.iter(|| judge(black_box(&exchange), black_box(&rules)));
            });
            group.bench_function(
                BenchmarkId::new("serde_json", format!("{pair:?}")),
                |bencher| {
                    bencher.iter(|| usual(black_box(&reference), black_box(&candidate), pair));
                },
            );
        }
        group.finish();
    }
}

/// Core's page with its own ids and times.
fn with_own_ids(page: &str, rows: usize) -> String {
    let ids = (0..rows).fold(page.to_owned(), |page, at| {
        let (old, new) = (format!("\"id\":{},\"number", at + 1), at + 7_001);
        page.replacen(&old, &format!("\"id\":{new},\"number"), 1)
    });
    ids.replace("T09:00:", "T09:01:")
}

/// Reads both, pairs their ids, learns them and writes core's answer anew.
fn read_ids(legacy: &[u8], core: &[u8], keys: &mut Keys, map: &mut IdMap) -> Vec<u8> {
    let answers = Answers::read(legacy, core, keys);
    for pair in answers.align("room", false) {
        map.learn(&pair.kind, &pair.legacy, &pair.core, false);
    }
    let back = answers.to_legacy("room", map, |_| None);
    back.expect("another text")
}

fn ids(criterion: &mut Criterion) {
    for (name, rows) in [("323B", 1), ("4KB", 20), ("100KB", 500)] {
        let mut group = criterion.benchmark_group(name);
        group
            .warm_up_time(Duration::from_millis(300))
            .measurement_time(Duration::from_secs(1));
        let legacy = body(rows, None);
        let core = with_own_ids(&legacy, rows);
        group.throughput(Throughput::Bytes(legacy.len() as u64));
        let (mut keys, mut map) = (Keys::default(), IdMap::default());
        let back = read_ids(legacy.as_bytes(), core.as_bytes(), &mut keys, &mut map);
        let back = String::from_utf8(back).expect("a text");
        let (exchange, rules) = (exchange(&legacy, &back), rules(Pair::AcceptedTime));
        assert!(judge(&exchange, &rules).is_match(), "only times differ");
        group.bench_function(BenchmarkId::new("judge", "OwnIds"), |bencher| {
            bencher.iter(|| judge(black_box(&exchange), black_box(&rules)));
        });
        group.bench_function(BenchmarkId::new("ids", "OwnIds"), |bencher| {
            bencher.iter(|| {
                let (legacy, core) = (black_box(legacy.as_bytes()), black_box(core.as_bytes()));
                read_ids(legacy, core, &mut keys, &mut map)
            });
        });
        group.finish();
    }
}

criterion_group!(benches, compare, ids);
criterion_main!(benches);
