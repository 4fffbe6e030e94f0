mod across;

use super::*;
use crate::evidence::record::MAX_SAMPLES;
use crate::evidence::record::{
    GroupKey, RelationText, Sample, StoredAnswer, StoredDifference, StoredRequest,
};
use crate::severity::Severity;

/// Endpoint, statuses, place, kind, relation (class and text).
type Row = (
    &'static str,
    (u16, u16),
    &'static str,
    Kind,
    Option<(&'static str, &'static str)>,
);

fn found(rows: &[Row]) -> Vec<Cause> {
    let groups: Vec<(String, Group)> = rows
        .iter()
        .map(
            |&(endpoint, (reference, candidate), place, kind, relation)| {
                let statuses = (reference, candidate);
                let key = key(endpoint, statuses, place, kind, relation);
                (key, Vec::new())
            },
        )
        .map(|(key, samples)| (key.id(), group(key, 3, samples)))
        .collect();
    sorted(&groups, &Context::default())
}

fn key(
    endpoint: &str,
    (reference, candidate): (u16, u16),
    place: &str,
    kind: Kind,
    relation: Option<(&str, &str)>,
) -> GroupKey {
    GroupKey {
        endpoint: endpoint.to_owned(),
        statuses: StatusPair {
            reference,
            candidate: Some(candidate),
        },
        place: place.to_owned(),
        kind,
        relation: relation.map(|(class, text)| RelationText {
            class: class.to_owned(),
            text: text.to_owned(),
        }),
        severity: Severity::Breaking,
    }
}

/// Class and text of a relation whose text begins with its class; none of an empty text.
fn spelt(text: &str) -> Option<(&str, &str)> {
    let class = text.split([' ', ',']).next()?;
    (!class.is_empty()).then_some((class, text))
}

fn group(key: GroupKey, exchanges: u64, samples: Vec<Sample>) -> Group {
    Group {
        exchanges,
        first_ms: 0,
        last_ms: 0,
        facts: crate::evidence::facts::Facts::default(),
        samples,
        key,
    }
}

/// The causes of the groups, which are the same in any order and leave no group out.
fn sorted(groups: &[(String, Group)], context: &Context) -> Vec<Cause> {
    let mut shown: Vec<_> = groups.iter().map(|(id, g)| (id.as_str(), g)).collect();
    let all = causes(&shown, context);
    shown.reverse();
    assert_eq!(
        causes(&shown, context),
        all,
        "the order of groups decides nothing"
    );
    let covered: usize = all.iter().map(|cause| cause.groups.len()).sum();
    assert_eq!(covered, groups.len(), "each group has one cause");
    all
}

fn places(causes: &[Cause]) -> Vec<&str> {
    causes.iter().map(|c| c.signature.place.as_str()).collect()
}

const OK: (u16, u16) = (200, 200);

#[test]
fn groups_with_one_cause_become_one() {
    let null = Some(("presence", "[] becomes null"));
    let rows: [(&str, &[Row], &[&str]); 6] = [
        ("nothing", &[], &[]),
        (
            "one field on several endpoints",
            &[
                ("a", OK, "/price", Kind::ValueChange, None),
                ("b", OK, "/items/*/price", Kind::ValueChange, None),
                ("c", OK, "/room/price", Kind::ValueChange, None),
            ],
            &["…/price"],
        ),
        (
            "a header everywhere",
            &[
                ("a", OK, "header:server", Kind::Header, None),
                ("b", OK, "header:server", Kind::Header, None),
            ],
            &["header:server"],
        ),
        (
            "one setting of the serializer under three names",
            &[
                ("a", OK, "/guests", Kind::TypeChange, null),
                ("b", OK, "/rooms", Kind::TypeChange, null),
                ("c", OK, "/items/*/tags", Kind::TypeChange, null),
            ],
            &["*"],
        ),
        (
            "a status that brings another body",
            &[
                ("a", (200, 500), "status", Kind::Status, None),
                ("a", (200, 500), "body", Kind::ValueChange, None),
                ("a", (200, 500), "header:content-type", Kind::Header, None),
            ],
            &["status"],
        ),
        (
            "one place alone is named in full",
            &[("a", OK, "/items/*/price", Kind::ValueChange, None)],
            &["/items/*/price"],
        ),
    ];
    for (name, groups, expected) in rows {
        assert_eq!(places(&found(groups)), expected, "{name}");
    }
}

#[test]
fn unrelated_causes_stay_apart() {
    let scale = |text| Some(("scale", text));
    let rows: [(&str, &[Row]); 5] = [
        (
            "two kinds at one place",
            &[
                ("a", OK, "/price", Kind::ValueChange, None),
                ("b", OK, "/price", Kind::TypeChange, None),
            ],
        ),
        (
            "two parameters of one relation",
            &[
                ("a", OK, "/price", Kind::ValueChange, scale("times 100")),
                ("b", OK, "/price", Kind::ValueChange, scale("times 10")),
            ],
        ),
        (
            "two headers",
            &[
                ("a", OK, "header:etag", Kind::Header, None),
                ("a", OK, "header:server", Kind::Header, None),
            ],
        ),
        (
            "two status pairs",
            &[
                ("a", (200, 404), "status", Kind::Status, None),
                ("a", (200, 500), "status", Kind::Status, None),
            ],
        ),
        (
            "two names of which one ends like the other",
            &[
                ("a", OK, "/id", Kind::ValueChange, None),
                ("b", OK, "/guest_id", Kind::ValueChange, None),
            ],
        ),
    ];
    for (name, groups) in rows {
        assert_eq!(found(groups).len(), 2, "{name}");
    }
}

#[test]
fn the_cause_that_unlocks_most_endpoints_comes_first() {
    let causes = found(&[
        ("a", OK, "/x", Kind::ValueChange, None),
        ("b", OK, "/x", Kind::ValueChange, None),
        ("c", OK, "/x", Kind::ValueChange, None),
        ("b", OK, "/y", Kind::ValueChange, None),
    ]);
    let ranks: Vec<_> = causes
        .iter()
        .map(|c| (c.signature.place.as_str(), c.unlocks, c.endpoints.len()))
        .collect();
    assert_eq!(ranks, [("/x", 2, 3), ("/y", 0, 1)]);
}

/// Endpoint, statuses, place, kind, class of the relation, both values, and the exchanges that show it.
type Seen = (
    &'static str,
    (u16, u16),
    &'static str,
    Kind,
    &'static str,
    (Option<&'static str>, Option<&'static str>),
    &'static [&'static str],
);

/// An example of a group, of a request for `/` at the beginning of time.
fn sample(rank: &str, key: &GroupKey, values: (Option<&str>, Option<&str>)) -> Sample {
    Sample {
        rank: rank.to_owned(),
        at_ms: 0,
        traceparent: None,
        request_id: None,
        request: StoredRequest {
            method: "GET".to_owned(),
            target: "/".to_owned(),
            headers: Vec::new(),
            body: None,
        },
        reference: StoredAnswer::default(),
        candidate: StoredAnswer::default(),
        difference: StoredDifference {
            location: key.place.clone(),
            kind: key.kind,
            reference: values.0.map(str::to_owned),
            candidate: values.1.map(str::to_owned),
            relation: None,
            severity: Severity::Risky,
            group: key.place.clone(),
            rule: None,
            detail: None,
        },
        findings: 1,
    }
}

/// The causes of what is seen, as `what at place × groups`.
fn told(seen: &[Seen]) -> Vec<String> {
    let groups: Vec<(String, Group)> = seen
        .iter()
        .map(
            |&(endpoint, statuses, place, kind, class, values, exchanges)| {
                let key = key(endpoint, statuses, place, kind, spelt(class));
                let samples = exchanges.iter().map(|rank| sample(rank, &key, values));
                let kept = samples.take(MAX_SAMPLES).collect();
                (key.id(), group(key, exchanges.len() as u64, kept))
            },
        )
        .collect();
    lines(&sorted(&groups, &Context::default()))
}

/// Each cause as `what at place × groups`.
fn lines(causes: &[Cause]) -> Vec<String> {
    let mut told: Vec<String> = causes
        .iter()
        .map(|cause| {
            let signature = &cause.signature;
            let count = cause.groups.len();
            format!("{} at {} × {count}", signature.what(), signature.place)
        })
        .collect();
    told.sort();
    told
}

#[test]
fn what_follows_from_another_difference_of_the_same_exchanges_is_no_cause() {
    use Kind::{
        FieldAdded, FieldRemoved, Header, IdConflict, Order, Status, TypeChange, ValueChange,
    };
    const NONE: (Option<&str>, Option<&str>) = (None, None);
    const NUMBERS: (Option<&str>, Option<&str>) = (Some("5"), Some("4"));
    const LOST: (Option<&str>, Option<&str>) = (Some("DENY"), None);
    const REFUSED: (u16, u16) = (401, 401);
    const CHANGED: (u16, u16) = (200, 400);
    let envelope = "error-envelope";
    let rows: [(&str, &[Seen], &[&str]); 14] = [
        (
            "an object with another id is another object, also what is in it",
            &[
                ("a", OK, "/room/id", IdConflict, "", NONE, &["1", "2"]),
                ("a", OK, "/room/name", ValueChange, "", NONE, &["1"]),
                ("a", OK, "/room/owner/id", ValueChange, "", NONE, &["2"]),
            ],
            &["id conflict at /room/id × 3"],
        ),
        (
            "what differs in other exchanges as well has a cause of its own",
            &[
                ("a", OK, "/room/id", IdConflict, "", NONE, &["1", "2"]),
                ("a", OK, "/room/name", ValueChange, "", NONE, &["1", "3"]),
                (
                    "a",
                    OK,
                    "/room/price",
                    ValueChange,
                    "",
                    NONE,
                    &["1", "2", "3"],
                ),
            ],
            &[
                "id conflict at /room/id × 1",
                "value change at /room/name × 1",
                "value change at /room/price × 1",
            ],
        ),
        (
            "of many exchanges those with the least rank are known",
            &[
                ("a", OK, "/id", ValueChange, "", NONE, &["1", "2", "4", "6"]),
                ("a", OK, "/x", ValueChange, "", NONE, &["2", "5"]),
                ("a", OK, "/y", ValueChange, "", NONE, &["2", "3"]),
            ],
            &["value change at /id × 2", "value change at /y × 1"],
        ),
        (
            "an id elsewhere says nothing of an object",
            &[
                ("a", OK, "/room/id", IdConflict, "", NONE, &["1"]),
                ("a", OK, "/roomName", ValueChange, "", NONE, &["1"]),
            ],
            &[
                "id conflict at /room/id × 1",
                "value change at /roomName × 1",
            ],
        ),
        (
            "ids of different objects are different causes",
            &[
                ("a", OK, "/room/id", IdConflict, "", NONE, &["1"]),
                ("b", OK, "/user/id", IdConflict, "", NONE, &["2"]),
            ],
            &["id conflict at /room/id × 1", "id conflict at /user/id × 1"],
        ),
        (
            "rows in another order, what they say and how many there are",
            &[
                ("a", OK, "/rows", Order, "", NONE, &["1"]),
                ("a", OK, "/rows/*", FieldRemoved, "", NONE, &["2"]),
                ("a", OK, "/rows/*/name", ValueChange, "", NONE, &["1"]),
                ("a", OK, "/page/total", ValueChange, "", NUMBERS, &["2"]),
            ],
            &["order at /rows × 4"],
        ),
        (
            "a number that differs without a row that came or went",
            &[
                ("a", OK, "/rows", Order, "", NONE, &["1"]),
                ("a", OK, "/page/total", ValueChange, "", NUMBERS, &["1"]),
            ],
            &["order at /rows × 1", "value change at /page/total × 1"],
        ),
        (
            "an error in another envelope",
            &[
                ("a", REFUSED, "/errors", FieldAdded, envelope, NONE, &["1"]),
                (
                    "a",
                    REFUSED,
                    "/status",
                    FieldRemoved,
                    envelope,
                    NONE,
                    &["1"],
                ),
                ("a", REFUSED, "/message", ValueChange, "", NONE, &["1"]),
            ],
            &["field added: error-envelope, status 401 at /errors × 3"],
        ),
        (
            "a header field that is missing anyway, and one that goes with the status",
            &[
                ("a", CHANGED, "status", Status, "", NONE, &["1"]),
                ("a", CHANGED, "header:frame", Header, "", LOST, &["1"]),
                ("a", CHANGED, "header:etag", Header, "", LOST, &["1"]),
                ("a", OK, "header:frame", Header, "", LOST, &["2"]),
                ("b", OK, "header:frame", Header, "", LOST, &["3"]),
            ],
            &[
                "header at header:frame × 3",
                "status 200 becomes 400 at status × 2",
            ],
        ),
        (
            "header fields that are missing together",
            &[
                ("a", OK, "header:frame", Header, "", LOST, &["1", "2"]),
                ("a", OK, "header:pragma", Header, "", LOST, &["1", "2"]),
                ("a", OK, "header:etag", Header, "", LOST, &["1"]),
            ],
            &[
                "header at header:etag × 1",
                "header at header:frame, pragma × 2",
            ],
        ),
        (
            "two successes have bodies that differ for themselves",
            &[
                ("a", (200, 201), "status", Status, "", NONE, &["1"]),
                ("a", (200, 201), "/name", ValueChange, "", NONE, &["1"]),
            ],
            &[
                "status 200 becomes 201 at status × 1",
                "value change at /name × 1",
            ],
        ),
        (
            "a status that speaks of the method whatever is asked",
            &[
                ("a", (200, 405), "status", Status, "", NONE, &["1"]),
                ("a", (401, 405), "status", Status, "", NONE, &["2"]),
                ("a", (401, 400), "status", Status, "", NONE, &["3"]),
            ],
            &[
                "status 401 becomes 400 at status × 1",
                "status 405 whatever legacy says at status × 2",
            ],
        ),
        (
            "a key by its old and its new name",
            &[
                (
                    "a",
                    OK,
                    "/from",
                    FieldRemoved,
                    "key-renamed, `since` on the other side",
                    NONE,
                    &["1"],
                ),
                (
                    "a",
                    OK,
                    "/since",
                    FieldAdded,
                    "key-renamed, `from` on the other side",
                    NONE,
                    &["1"],
                ),
            ],
            &["field removed: key-renamed, `since` on the other side at /from × 2"],
        ),
        (
            "members that become null together, and one that does so more often",
            &[
                ("a", OK, "/x/by", TypeChange, "", NONE, &["1", "2", "3"]),
                ("a", OK, "/x/of", TypeChange, "", NONE, &["1", "2", "3"]),
                (
                    "a",
                    OK,
                    "/x/on",
                    TypeChange,
                    "",
                    NONE,
                    &["1", "2", "3", "4"],
                ),
            ],
            &["type change at /x/by × 2", "type change at /x/on × 1"],
        ),
    ];
    for (name, seen, expected) in rows {
        assert_eq!(told(seen), expected, "{name}");
    }
}
