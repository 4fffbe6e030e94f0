use super::*;
use crate::evidence::record::{GroupKey, RelationText};
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
                let key = GroupKey {
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
                };
                let group = Group {
                    exchanges: 3,
                    first_ms: 0,
                    last_ms: 0,
                    facts: crate::evidence::facts::Facts::default(),
                    samples: Vec::new(),
                    key,
                };
                (group.key.id(), group)
            },
        )
        .collect();
    let mut shown: Vec<_> = groups.iter().map(|(id, g)| (id.as_str(), g)).collect();
    let all = causes(&shown);
    shown.reverse();
    assert_eq!(causes(&shown), all, "the order of groups decides nothing");
    let covered: usize = all.iter().map(|cause| cause.groups.len()).sum();
    assert_eq!(covered, rows.len(), "each group has one cause");
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
