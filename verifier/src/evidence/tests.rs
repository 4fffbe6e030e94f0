//! Recording and merging, together: what one proxy would have seen, several see.

use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::collect::Collector;
use super::record::{EndpointTally, Evidence, Ledger, MAX_GROUPS, MAX_SAMPLES, MAX_SHAPES, Run};
use super::redact::{Marks, RedactionKey, Redactor};
use super::{Judged, Memory, Recorder};
use crate::exchange::{Answer, Exchange, Failure, Observation};
use crate::rules::Rules;
use crate::verdict::{Verdict, judge};

pub(super) fn redactor() -> Redactor {
    let key = RedactionKey::from_secret(b"0123456789abcdef").expect("long enough");
    Redactor::new(key, Marks::default())
}

/// One exchange of made-up traffic.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) endpoint: String,
    pub(super) path: String,
    pub(super) at_ms: i64,
    pub(super) reference: (u16, String),
    /// `None` for no answer.
    pub(super) candidate: Option<(u16, String)>,
}

impl Event {
    pub(super) fn new(path: &str, reference: &str, candidate: &str) -> Self {
        Self {
            endpoint: "rooms_get".to_owned(),
            path: path.to_owned(),
            at_ms: 1_000,
            reference: (200, reference.to_owned()),
            candidate: Some((200, candidate.to_owned())),
        }
    }

    fn exchange(&self) -> Exchange {
        let answer = |(status, body): &(u16, String)| {
            Observation::of(Answer {
                status: *status,
                headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
                body: Bytes::from(body.clone()),
            })
        };
        let failed = || Observation {
            answer: Err(Failure::Timeout("no answer from 10.1.2.3".to_owned())),
            ..answer(&(0, String::new()))
        };
        Exchange {
            endpoint: self.endpoint.clone(),
            case: String::new(),
            method: "GET".to_owned(),
            path: self.path.clone(),
            reference: answer(&self.reference),
            candidate: self.candidate.as_ref().map_or_else(failed, answer),
        }
    }
}

/// Judges `event` and gives it to `recorder`, with a token and an id as a client would send.
pub(super) fn feed(record: &mut dyn FnMut(&Judged<'_>), event: &Event) -> Verdict {
    let exchange = event.exchange();
    let verdict = judge(&exchange, &Rules::default());
    let headers = [
        (
            "authorization".to_owned(),
            b"Bearer s3cr3t.token.value".to_vec(),
        ),
        ("x-request-id".to_owned(), b"req-00042-abc".to_vec()),
        (
            "traceparent".to_owned(),
            b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_vec(),
        ),
    ];
    let template = event
        .endpoint
        .split_once(' ')
        .map_or("/api/v1/rooms/{id}", |(_, path)| path);
    record(&Judged {
        at_ms: event.at_ms,
        template,
        headers: &headers,
        role: Some("ADMIN"),
        body: None,
        exchange: &exchange,
        verdict: &verdict,
    });
    verdict
}

/// The ledger of a proxy that saw exactly these.
fn collect(events: &[&Event]) -> Ledger {
    let mut collector = Collector::new(redactor());
    for event in events {
        let verdict = feed(&mut |judged| collector.record(judged), event);
        let mut tally = collector
            .ledger()
            .endpoints
            .get(&event.endpoint)
            .map_or_else(EndpointTally::default, |record| record.tally.clone());
        tally.sent += 1;
        if verdict.is_match() {
            tally.equal += 1;
            tally.self_check.found += 1;
        } else {
            tally.self_check.blind += 1;
            tally.self_check.missed += 2;
            tally.different += 1;
        }
        tally
            .reference_latency
            .record(Duration::from_millis(event.at_ms.unsigned_abs()));
        *tally.not_compared.entry("write".to_owned()).or_default() += 1;
        collector.tally(&event.endpoint, tally);
    }
    collector.ledger().clone()
}

fn events() -> impl Strategy<Value = Vec<(Event, usize)>> {
    let body = prop_oneof![
        Just(r#"{"id":1,"name":"Kim"}"#),
        Just(r#"{"id":1,"name":"Lee"}"#),
        Just(r#"{"id":2,"name":"Kim"}"#),
        Just(r#"{"id":1}"#),
        Just(r#"{"id":"1","name":null,"extra":[1,2]}"#),
        Just("<html>"),
    ];
    let answer = (prop_oneof![Just(200u16), Just(404), Just(500)], body)
        .prop_map(|(status, body)| (status, body.to_owned()));
    let event = (
        prop_oneof![Just("rooms_get"), Just("rooms_list"), Just("my_get")],
        0..4u8,
        0..50i64,
        answer.clone(),
        proptest::option::weighted(0.9, answer),
    );
    let event = event.prop_map(|(endpoint, path, at_ms, reference, candidate)| Event {
        endpoint: endpoint.to_owned(),
        path: format!("/api/v1/rooms/{path}?page={path}"),
        at_ms,
        reference,
        candidate,
    });
    proptest::collection::vec((event, 0..4usize), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn proxies_that_share_the_traffic_see_together_what_one_would(
        events in events(),
        order in Just(vec![0usize, 1, 2, 3]).prop_shuffle(),
        late in 0..4usize,
    ) {
        let whole = collect(&events.iter().map(|(event, _)| event).collect::<Vec<_>>());
        let part = |wanted: usize| {
            let own = events.iter().filter(|(_, part)| *part == wanted);
            collect(&own.map(|(event, _)| event).collect::<Vec<_>>())
        };
        // In any order, and in any grouping: some parts are folded among themselves first.
        let mut first = Ledger::default();
        let mut second = Ledger::default();
        for &at in &order {
            if at == late { second.merge(part(at)) } else { first.merge(part(at)) }
        }
        second.merge(first);
        prop_assert_eq!(second, whole);
    }
}

#[test]
fn bounds_do_not_depend_on_who_saw_what() {
    let many: Vec<Event> = (0..MAX_GROUPS + 300)
        .map(|at| {
            let body = |value: u32| format!("{{\"f{at}\":{value}}}");
            let mut event = Event::new("/api/v1/rooms/1", &body(1), &body(2));
            event.path = format!("/api/v1/rooms/1?p{at}=1");
            event
        })
        .collect();
    let whole = collect(&many.iter().collect::<Vec<_>>());
    assert_eq!(whole.groups.len(), MAX_GROUPS);
    assert_eq!(whole.beyond_groups(), 300);
    let mut folded = collect(&many.iter().skip(700).rev().collect::<Vec<_>>());
    folded.merge(collect(&many.iter().take(700).collect::<Vec<_>>()));
    assert_eq!(folded, whole);

    let shapes: Vec<Event> = (0..MAX_SHAPES + 10)
        .map(|at| Event::new(&format!("/api/v1/rooms/1?q{at}=1"), "{}", "{}"))
        .collect();
    let whole = collect(&shapes.iter().collect::<Vec<_>>());
    assert!(whole.shapes.len() == MAX_SHAPES && whole.shapes_cut);
    let mut folded = collect(&shapes.iter().rev().take(1500).collect::<Vec<_>>());
    folded.merge(collect(
        &shapes
            .iter()
            .take(MAX_SHAPES + 10 - 1500)
            .collect::<Vec<_>>(),
    ));
    assert_eq!(folded, whole);
}

#[test]
fn examples_are_few_and_hold_nothing_in_clear_that_could_be_somebodys() {
    let mut memory = Memory::new(
        Run {
            id: "r".to_owned(),
            ..Run::default()
        },
        redactor(),
    );
    for at in 0..20 {
        let body = |price: u32| {
            format!(
                r#"{{"id":{at},"name":"홍길동","phone":"010-1234-56{at:02}","memo":"passport M12345678","price":{price},
                   "password":"hunter2","mail":"hong@example.com","card":4111111111111111}}"#
            )
        };
        let event = Event::new(
            &format!(
                "/api/v1/rooms/{at}?searchText=%ED%99%8D%EA%B8%B8%EB%8F%99&token=s3cr3t&page=0"
            ),
            &body(100),
            &body(1000),
        );
        feed(&mut |judged| memory.record(judged), &event);
    }
    let evidence = memory.evidence();
    let group = evidence
        .ledger
        .groups
        .values()
        .next()
        .expect("a difference");
    assert_eq!(evidence.ledger.groups.len(), 1);
    assert_eq!(group.exchanges, 20);
    assert_eq!(group.samples.len(), MAX_SAMPLES);
    let with_bodies = group
        .samples
        .iter()
        .filter(|sample| sample.reference.body.is_some())
        .count();
    assert_eq!(with_bodies, 1);
    let sample = &group.samples[0];
    assert_eq!(sample.difference.reference.as_deref(), Some("100"));
    assert_eq!(sample.request_id.as_deref(), Some("req-00042-abc"));
    assert!(
        sample.request.target.contains("page=0"),
        "{}",
        sample.request.target
    );

    let stored = serde_json::to_string(&evidence.ledger).expect("JSON");
    for secret in [
        "홍",
        "길동",
        "%ED",
        "010-1234",
        "M12345678",
        "hunter2",
        "hong@",
        "4111",
        "s3cr3t",
        "passport M",
    ] {
        assert!(!stored.contains(secret), "`{secret}` is in clear");
    }
}

#[test]
fn a_core_that_does_not_answer_is_a_group_without_its_words() {
    let mut memory = Memory::new(Run::default(), redactor());
    let event = Event {
        candidate: None,
        ..Event::new("/api/v1/rooms/1", "{}", "{}")
    };
    feed(&mut |judged| memory.record(judged), &event);
    let evidence = memory.evidence();
    let group = evidence
        .ledger
        .groups
        .values()
        .next()
        .expect("a difference");
    assert_eq!(group.key.statuses.to_string(), "200 -");
    let stored = serde_json::to_string(&group).expect("JSON");
    assert!(
        stored.contains("no answer in time") && !stored.contains("10.1.2.3"),
        "{stored}"
    );
}

#[test]
fn evidence_under_another_key_or_of_one_run_twice_is_refused() {
    let of = |id: &str, key: &str| Evidence {
        runs: [(
            id.to_owned(),
            Run {
                id: id.to_owned(),
                key_id: key.to_owned(),
                ..Run::default()
            },
        )]
        .into(),
        ..Evidence::default()
    };
    let mut all = Evidence::default();
    all.merge(of("a", "k1")).expect("the first");
    all.merge(of("b", "k1")).expect("the same key");
    let before = all.clone();
    let key = all
        .merge(of("c", "k2"))
        .expect_err("another key")
        .to_string();
    assert!(key.contains("--redaction-key-file"), "{key}");
    let twice = all
        .merge(of("a", "k1"))
        .expect_err("the same run")
        .to_string();
    assert!(twice.contains("run a"), "{twice}");
    assert_eq!(all, before);
}
