use std::path::Path;

use super::*;
use crate::evidence::record::{EndpointTally, StatusPair};
use crate::evidence::usage::{Use, UseKey};

const CATALOGUE: &str = r#"
version: "2"
test_accounts:
  boss: { username: b, password: p, role: ADMIN }
auth:
  login: { path: /login, access: /token }
endpoints:
  - { id: rooms_list, method: GET, path: /rooms, auth: true, account: boss, params: { page: 0 }, expected_status: 200,
      cases: [ { id: odd, params: { size: x }, expected_status: 400 }, { id: put, method: PUT, expected_status: 405 } ] }
  - { id: rooms_get, method: GET, path: "/rooms/{id}", path_params: { id: 1 }, expected_status: 200 }
  - { id: rooms_create, method: POST, path: /rooms, request_body: { number: "1" }, expected_status: 201 }
  - { id: rooms_update, method: PATCH, path: "/rooms/{room}", path_params: { room: 1 }, request_body: { number: "1" }, expected_status: 200 }
  - { id: users_list, method: GET, path: /users, expected_status: 200 }
"#;

fn catalogue() -> Catalogue {
    let today = jiff::civil::date(2026, 1, 12);
    Catalogue::parse(Path::new("c.yaml"), CATALOGUE, today).expect("a good catalogue")
}

/// Status, role, handling, requests, requests with a verdict, parameters of all of them.
type Line<'l> = (u16, &'l str, Handling, u64, u64, &'l [&'l str]);

fn evidence(endpoints: &[(&str, &[Line<'_>])]) -> Evidence {
    let mut evidence = Evidence::default();
    for (name, lines) in endpoints {
        let mut tally = EndpointTally::default();
        for (status, role, handling, sent, compared, parameters) in *lines {
            tally.sent += sent;
            tally.equal += compared;
            let key = UseKey {
                status: *status,
                role: (*role).to_owned(),
                handling: *handling,
            };
            let one = Use {
                sent: *sent,
                compared: *compared,
                parameters: parameters
                    .iter()
                    .map(|name| ((*name).to_owned(), *sent))
                    .collect(),
            };
            tally.uses.by.insert(key, one);
        }
        let record = EndpointRecord {
            tally,
            ..EndpointRecord::default()
        };
        evidence.ledger.endpoints.insert((*name).to_owned(), record);
    }
    evidence
}

fn golden(case: &str) -> Option<GoldenFact> {
    let status = match case {
        "rooms_list" | "rooms_update" => 200,
        // Legacy answers otherwise than the catalogue expects: the golden file is the truth.
        "rooms_list@odd" => 422,
        "rooms_create" => 201,
        // What another method answers shows nothing of this endpoint.
        "rooms_list@put" => 405,
        _ => return None,
    };
    Some(GoldenFact {
        status,
        location: false,
    })
}

fn gaps(coverage: &Coverage) -> Vec<(GapKind, &str, String, u64)> {
    let gaps = coverage.gaps.iter().map(|gap| {
        let what = format!("{} {}", gap.aspect.text(), gap.name);
        (gap.kind, gap.endpoint.as_str(), what, gap.requests)
    });
    gaps.collect()
}

#[test]
fn each_side_lacks_what_only_the_other_has() {
    use GapKind::{CaseOnly, NeverLive, NoCase, NoGolden, UnknownRoute};
    use Handling::Safe;
    let evidence = evidence(&[
        (
            "rooms_list",
            &[
                (200, "ADMIN", Safe, 9, 8, &["page", "sort"]),
                (403, "NORMAL", Safe, 2, 2, &[]),
            ],
        ),
        // As a proxy without the catalogue names it.
        ("GET /rooms/{id}", &[(200, "none", Safe, 5, 5, &["{key}"])]),
        ("GET /health", &[(200, "none", Safe, 3, 3, &[])]),
    ]);
    let coverage = Coverage::new(&evidence, Some(&catalogue()), golden);
    let text = str::to_owned;
    assert_eq!(
        gaps(&coverage),
        [
            (NeverLive, "rooms_create", text("endpoint POST /rooms"), 0),
            (
                NeverLive,
                "rooms_update",
                text("endpoint PATCH /rooms/{room}"),
                0
            ),
            (NeverLive, "users_list", text("endpoint GET /users"), 0),
            (UnknownRoute, "GET /health", text("endpoint GET /health"), 3),
            (NoGolden, "rooms_get", text("case rooms_get"), 0),
            (NoGolden, "users_list", text("case users_list"), 0),
            (NoCase, "rooms_list", text("status 403"), 2),
            (NoCase, "rooms_list", text("role NORMAL"), 2),
            (NoCase, "rooms_list", text("parameter sort"), 9),
            (CaseOnly, "rooms_list", text("status 422"), 0),
            (CaseOnly, "rooms_list", text("parameter size"), 0),
        ]
    );
    let totals = coverage.totals();
    assert_eq!((totals.endpoints, totals.endpoints_live), (5, 2));
    assert_eq!((totals.cases, totals.cases_with_golden), (7, 5));
    assert_eq!((totals.sent, totals.compared), (19, 18));
    let list = &coverage.endpoints[0];
    let admin = list.roles["ADMIN"];
    assert_eq!((admin.live, admin.compared, admin.cases), (9, Some(8), 2));
}

#[test]
fn a_write_without_a_verdict_is_told_by_which_policy_it_could_have_one() {
    use Handling::{Mirror, Probe, Rejected, Safe, Skip};
    let read: (&str, &[Line<'_>]) = ("rooms_get", &[(200, "none", Safe, 1, 1, &[])]);
    for (name, lines, without, expected) in [
        (
            "rooms_update",
            &[
                (200, "ADMIN", Skip, 7, 0, &[][..]),
                (409, "ADMIN", Skip, 2, 0, &[]),
            ][..],
            9,
            &[
                ("replay", None),
                ("probe", Some(7)),
                ("rejected", Some(2)),
                ("mirror", Some(9)),
            ][..],
        ),
        (
            "rooms_update",
            &[
                (200, "ADMIN", Rejected, 7, 0, &[]),
                (409, "ADMIN", Rejected, 2, 2, &[]),
            ],
            7,
            &[("replay", None), ("probe", Some(7)), ("mirror", Some(7))],
        ),
        (
            "rooms_create",
            &[(201, "ADMIN", Probe, 4, 0, &[])],
            4,
            &[("replay", None), ("mirror", Some(4)), ("read", Some(4))],
        ),
        ("rooms_update", &[(200, "ADMIN", Mirror, 7, 6, &[])], 0, &[]),
        ("rooms_update", &[(200, "ADMIN", Probe, 7, 7, &[])], 0, &[]),
    ] {
        let evidence = evidence(&[read, (name, lines)]);
        let coverage = Coverage::new(&evidence, Some(&catalogue()), golden);
        let mut all = coverage.gaps.iter();
        let gap = all.find(|gap| gap.kind == GapKind::UnverifiedWrite);
        let ways = gap.map_or(&[][..], |gap| gap.could_be.as_slice());
        let shown: Vec<_> = ways.iter().map(|way| (way.by, way.requests)).collect();
        assert_eq!(shown, expected, "{lines:?}");
        assert_eq!(gap.map_or(0, |gap| gap.requests), without);
    }
}

#[test]
fn what_a_probe_needs_is_said_from_what_is_known() {
    let skip: &[Line<'_>] = &[(200, "ADMIN", Handling::Skip, 1, 0, &[])];
    for (name, golden_location, words) in [
        ("rooms_update", false, "rooms_get reads the same path"),
        ("rooms_create", false, ""),
        (
            "rooms_create",
            true,
            "the `Location` that legacy answers with",
        ),
        (
            "DELETE /things/{id}",
            false,
            "which nobody has named or asked",
        ),
    ] {
        let evidence = evidence(&[(name, skip)]);
        let coverage = Coverage::new(&evidence, Some(&catalogue()), |case| {
            golden(case).map(|fact| GoldenFact {
                location: golden_location,
                ..fact
            })
        });
        let ways = coverage.gaps.iter().flat_map(|gap| &gap.could_be);
        let probe = ways.clone().find(|way| way.by == "probe");
        let needs = probe.map_or("", |way| way.needs.as_str());
        assert!(needs.contains(words), "{name}: {needs}");
        assert_eq!(needs.is_empty(), words.is_empty(), "{name}: {needs}");
    }
}

#[test]
fn evidence_of_an_earlier_version_shows_its_statuses_and_is_named() {
    let mut evidence = Evidence::default();
    let pair = |status| StatusPair {
        reference: status,
        candidate: Some(200),
    };
    let mut record = EndpointRecord::default();
    record.tally.sent = 6;
    record.tally.equal = 4;
    record.tally.different = 2;
    record.tally.equal_by_status.insert(pair(200), 4);
    record.different_by_status.insert(pair(404), 2);
    evidence
        .ledger
        .endpoints
        .insert("rooms_get".to_owned(), record);
    let mut write = EndpointRecord::default();
    write.tally.sent = 3;
    write.tally.not_compared.insert("write".to_owned(), 3);
    evidence
        .ledger
        .endpoints
        .insert("rooms_update".to_owned(), write);

    let coverage = Coverage::new(&evidence, Some(&catalogue()), golden);
    let statuses: Vec<_> = coverage.endpoints[1]
        .statuses
        .iter()
        .map(|(status, met)| (*status, met.live, met.cases))
        .collect();
    assert_eq!(statuses, [(200, 4, 1), (404, 2, 0)]);
    assert!(
        coverage
            .warnings
            .iter()
            .any(|text| text.contains("earlier version"))
    );
    let unverified = coverage
        .gaps
        .iter()
        .find(|gap| gap.kind == GapKind::UnverifiedWrite);
    assert_eq!(unverified.map(|gap| gap.requests), Some(3));
}

#[test]
fn without_a_catalogue_nothing_is_unknown_and_without_a_role_claim_no_role_is_missing() {
    let evidence = evidence(&[("GET /rooms", &[(200, "unknown", Handling::Safe, 1, 1, &[])])]);
    let coverage = Coverage::new(&evidence, None, golden);
    assert_eq!(gaps(&coverage), []);
    assert_eq!(coverage.totals().routes_not_in_catalogue, 1);
    let coverage = Coverage::new(&evidence, Some(&catalogue()), golden);
    let roles = coverage
        .gaps
        .iter()
        .filter(|gap| gap.aspect == Aspect::Role);
    assert_eq!(roles.count(), 0);
    assert!(
        coverage
            .warnings
            .iter()
            .any(|text| text.contains("--role-claim"))
    );
}
