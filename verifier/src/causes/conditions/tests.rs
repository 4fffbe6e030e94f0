use super::*;
use crate::evidence::facts::{Facts, MAX_GROUP_ROWS, MAX_ROWS, Row, place};
use crate::evidence::record::{Group, GroupKey, StatusPair};
use crate::severity::Severity;
use crate::verdict::Kind;

/// One request in words: `GET page=3 role=ADMIN`. Names without a prefix are of the query.
fn asked(text: &str) -> Row {
    let mut row = Row::new();
    row.insert("status".to_owned(), "200".to_owned());
    for pair in text.split_whitespace() {
        let (name, value) = pair.split_once('=').expect("a pair");
        let own = ["role", "status"].contains(&name) || name.contains(':');
        let name = if own {
            name.to_owned()
        } else {
            format!("query:{name}")
        };
        row.insert(name, value.to_owned());
    }
    row
}

fn group(endpoint: &str, where_: &str, reference: u16) -> Group {
    Group {
        key: GroupKey {
            endpoint: endpoint.to_owned(),
            statuses: StatusPair {
                reference,
                candidate: Some(reference),
            },
            place: where_.to_owned(),
            kind: Kind::ValueChange,
            relation: None,
            severity: Severity::Risky,
        },
        exchanges: 0,
        first_ms: 0,
        last_ms: 0,
        facts: Facts::default(),
        samples: Vec::new(),
    }
}

/// What is said of requests of one endpoint, of which those differ that `shows` names.
fn told(where_: &str, requests: &[(String, u64)], shows: impl Fn(&Row) -> bool) -> String {
    let (mut facts, mut group) = (Facts::default(), group("a", where_, 200));
    for (text, times) in requests {
        let row = asked(text);
        let differs = shows(&row);
        let placed = place(row);
        facts.add(&placed, *times, MAX_ROWS);
        if differs {
            group.facts.add(&placed, *times, MAX_GROUP_ROWS);
        }
    }
    condition(&vec![(&group, &facts)]).map_or_else(String::new, |found| found.to_string())
}

/// Every combination of these, each so often.
fn all(times: u64, parts: &[&[&str]]) -> Vec<(String, u64)> {
    let mut rows = vec![String::new()];
    for part in parts {
        rows = rows
            .iter()
            .flat_map(|row| part.iter().map(move |more| format!("{row} {more}")))
            .collect();
    }
    rows.into_iter().map(|row| (row, times)).collect()
}

fn is(row: &Row, name: &str, value: &str) -> bool {
    row.get(name).is_some_and(|told| told == value)
}

fn above(row: &Row, name: &str, limit: f64) -> bool {
    let number = row.get(name).and_then(|text| text.parse::<f64>().ok());
    number.is_some_and(|number| number > limit)
}

const PAGES: &[&str] = &["page=0", "page=1", "page=2", "page=3", "page=7"];
const ROLES: &[&str] = &["role=ADMIN", "role=USER", "role=PARTNER"];
const SORTS: &[&str] = &["", "sort=name,asc", "sort=price,desc"];

#[test]
fn what_separates_the_requests_is_named_in_its_simplest_form() {
    type Shows = fn(&Row) -> bool;
    let wide: &[&[&str]] = &[PAGES, ROLES, SORTS, &["size=10", "size=20"]];
    let cases: [(&[&[&str]], Shows, &str); 17] = [
        (
            wide,
            |row| above(row, "query:page", 0.0) && is(row, "role", "ADMIN"),
            "only when `page` > 0 and role is ADMIN (72 of 72; 0 of 198 others looked at)",
        ),
        (
            wide,
            |row| above(row, "query:page", 1.0),
            "only when `page` > 1 (162 of 162; 0 of 108 others looked at)",
        ),
        (
            wide,
            |row| !above(row, "query:page", 0.0),
            "only when `page` is 0 (54 of 54; 0 of 216 others looked at)",
        ),
        (
            wide,
            |row| row.contains_key("query:sort"),
            "only with `sort` (180 of 180; 0 of 90 others looked at)",
        ),
        (
            wide,
            |row| !row.contains_key("query:sort"),
            "only without `sort` (90 of 90; 0 of 180 others looked at)",
        ),
        (
            wide,
            |row| row.contains_key("query:sort") && is(row, "role", "ADMIN"),
            "only with `sort` when role is ADMIN (60 of 60; 0 of 210 others looked at)",
        ),
        (
            &[SORTS, &["", "filter=a"], ROLES],
            |row| !row.contains_key("query:sort") && row.contains_key("query:filter"),
            "only with `filter` and without `sort` (9 of 9; 0 of 45 others looked at)",
        ),
        (
            &[SORTS, &["", "filter=a"], ROLES],
            |row| row.contains_key("query:sort") || !row.contains_key("query:filter"),
            "except with `filter` and without `sort` (0 of 45; 9 of 9 others looked at)",
        ),
        (
            wide,
            |row| is(row, "query:sort", "name,asc") && !is(row, "role", "USER"),
            "only when `sort` is name,asc and role is ADMIN or PARTNER (60 of 60; 0 of 210 others looked at)",
        ),
        (
            &[PAGES, ROLES, SORTS],
            |row| !(is(row, "role", "USER") && is(row, "query:page", "0")),
            "except when `page` is 0 and role is USER (0 of 126; 9 of 9 others looked at)",
        ),
        (
            &[&["", "role=ADMIN", "role=USER"], PAGES],
            |row| row.contains_key("role"),
            "only with credentials (30 of 30; 0 of 15 others looked at)",
        ),
        (
            &[
                &[
                    "body:/price=10",
                    "body:/price=12.5",
                    "body:/price=<null>",
                    "body:/price=99",
                ],
                &["body:/beds=1", "body:/beds=2", ""],
            ],
            |row| is(row, "body:/price", "<null>"),
            "only when `/price` of the body is null (9 of 9; 0 of 27 others looked at)",
        ),
        (
            &[
                &["body:/price=10", "body:/price=12.5", "body:/price=<text>"],
                &["body:/beds=1", "body:/beds=2", ""],
            ],
            |row| is(row, "body:/price", "<text>"),
            "only when `/price` of the body is of type text (9 of 9; 0 of 18 others looked at)",
        ),
        (
            &[
                &[
                    "path:room_id=1",
                    "path:room_id=2",
                    "path:room_id=17",
                    "path:room_id=30",
                ],
                ROLES,
                PAGES,
            ],
            |row| is(row, "path:room_id", "17"),
            "only when `{room_id}` is 17 (45 of 45; 0 of 135 others looked at)",
        ),
        // Shown by chance alone: nothing that can be asked tells one from another.
        (wide, |row| place(row.clone()).0.is_multiple_of(3), ""),
        // It always shows.
        (wide, |_| true, ""),
        // Three tests are no condition of two.
        (
            wide,
            |row| {
                above(row, "query:page", 0.0)
                    && is(row, "role", "ADMIN")
                    && is(row, "query:size", "10")
            },
            "",
        ),
    ];
    for (parts, shows, expected) in cases {
        assert_eq!(told("/a", &all(3, parts), shows), expected);
    }
}

#[test]
fn too_few_requests_and_unclean_ones_name_nothing() {
    let times = |shown: u64, others: u64| {
        let rows = [("page=1".to_owned(), shown), ("page=0".to_owned(), others)];
        told("/a", &rows, |row| is(row, "query:page", "1"))
    };
    for (shown, others, expected) in [
        (4, 1_000, ""),
        (1_000, 4, ""),
        (5, 5, ""),
        (
            8,
            8,
            "only when `page` is 1 (8 of 8; 0 of 8 others looked at)",
        ),
        (
            12,
            340,
            "only when `page` is 1 (12 of 12; 0 of 340 others looked at)",
        ),
    ] {
        assert_eq!(times(shown, others), expected, "{shown} {others}");
    }
    // Ten names and as many requests: that one of them agrees may be an accident.
    let row = |n: u32| {
        let names = (0..10).filter(|bit| {
            if *bit == 3 {
                n < 5
            } else {
                (n * 37) >> bit & 1 == 1
            }
        });
        let names: Vec<String> = names.map(|bit| format!("p{bit}=1")).collect();
        names.join(" ")
    };
    let rows: Vec<(String, u64)> = (0..10).map(|n| (row(n), 1)).collect();
    assert_eq!(told("/a", &rows, |row| row.contains_key("query:p3")), "");
    // The same request is on both sides.
    let (mut facts, mut shows) = (Facts::default(), group("a", "/a", 200));
    for (text, all, differ) in [("page=1", 40, 39), ("page=0", 40, 0)] {
        let row = place(asked(text));
        facts.add(&row, all, MAX_ROWS);
        if differ > 0 {
            shows.facts.add(&row, differ, MAX_GROUP_ROWS);
        }
    }
    assert_eq!(condition(&vec![(&shows, &facts)]), None);
    // Of an earlier version nothing is known.
    assert_eq!(condition(&vec![(&shows, &Facts::default())]), None);
    assert_eq!(condition(&Vec::new()), None);
}

#[test]
fn a_status_is_a_condition_of_a_field_and_of_nothing_in_a_body() {
    let requests = all(3, &[&["status=200", "status=404", "status=409"], PAGES]);
    let fails = |row: &Row| !is(row, "status", "200");
    assert_eq!(
        told("header:cache-control", &requests, fails),
        "only when legacy's status is 4xx (30 of 30; 0 of 15 others looked at)"
    );
    // Requests of another status may not have the place at all.
    assert_eq!(
        told("/message", &requests, |row| is(row, "status", "200")),
        ""
    );
}

#[test]
fn endpoints_of_one_cause_are_held_together() {
    let pairs: Vec<(Facts, Group)> = ["a", "b"]
        .iter()
        .map(|endpoint| {
            let (mut facts, mut group) = (Facts::default(), group(endpoint, "/x", 200));
            for (text, times) in all(2, &[PAGES, ROLES]) {
                let row = asked(&text);
                let shows = above(&row, "query:page", 0.0) || *endpoint == "b";
                let row = place(row);
                facts.add(&row, times, MAX_ROWS);
                if shows {
                    group.facts.add(&row, times, MAX_GROUP_ROWS);
                }
            }
            (facts, group)
        })
        .collect();
    let members = |of: &[usize]| -> Members<'_> {
        of.iter().map(|&at| (&pairs[at].1, &pairs[at].0)).collect()
    };
    let text = |of: &[usize]| condition(&members(of)).map(|found| found.to_string());
    let page = "only when `page` > 0 (24 of 24; 0 of 6 others looked at)";
    assert_eq!(text(&[0]).as_deref(), Some(page));
    assert_eq!(text(&[1]), None);
    assert_eq!(text(&[0, 1]), None, "the other endpoint always shows it");
}

#[test]
fn of_more_rows_than_are_kept_a_fair_part_is_enough() {
    let rows: Vec<(String, u64)> = (0..2_000)
        .map(|n| (format!("id={n} page={}", n % 7), 1))
        .collect();
    let found = told("/a", &rows, |row| above(row, "query:page", 2.0));
    assert!(
        found.starts_with("only when `page` > 2 (64 of 64; 0 of "),
        "{found}"
    );
}
