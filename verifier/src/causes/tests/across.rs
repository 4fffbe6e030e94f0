//! Causes that are told by what several exchanges have in common.

use super::*;

/// Endpoint, statuses, place, kind, text of the relation, and the exchanges.
type Seen<'a> = (
    &'a str,
    (u16, u16),
    &'a str,
    Kind,
    &'a str,
    &'a [Exchange<'a>],
);

/// Rank, time, request line, and both bodies.
type Exchange<'a> = (&'a str, i64, &'a str, &'a str, &'a str);

/// The causes of what is seen, when `compared` exchanges were compared of each endpoint and pair of statuses.
fn told(seen: &[Seen<'_>], compared: u64) -> Vec<String> {
    told_of(seen, compared, &[])
}

/// The same, when legacy's id is known to be core's of these types.
fn told_of(seen: &[Seen<'_>], compared: u64, ids: &[(&str, &str, &str)]) -> Vec<String> {
    let of = |&(endpoint, (reference, candidate), place, kind, relation, exchanges): &Seen<'_>| {
        let key = key(
            endpoint,
            (reference, candidate),
            place,
            kind,
            spelt(relation),
        );
        let samples = exchanges
            .iter()
            .map(|&(rank, at_ms, request, legacy, core)| {
                let (method, target) = request.split_once(' ').expect("a request line");
                // A row stands on the side alone that has it.
                let values = match kind {
                    Kind::FieldRemoved => (Some(legacy), None),
                    Kind::FieldAdded => (None, Some(core)),
                    _ => (Some("1"), Some("2")),
                };
                let mut sample = sample(rank, &key, values);
                sample.at_ms = at_ms;
                (sample.request.method, sample.request.target) =
                    (method.to_owned(), target.to_owned());
                sample.difference.location = place.replace('*', "0");
                for (answer, status, body) in [
                    (&mut sample.reference, reference, legacy),
                    (&mut sample.candidate, candidate, core),
                ] {
                    answer.status = Some(status);
                    answer.body = (!body.is_empty()).then(|| body.to_owned());
                }
                sample
            });
        let samples = samples.collect();
        let mut group = group(key, exchanges.len() as u64, samples);
        group.first_ms = exchanges
            .iter()
            .map(|exchange| exchange.1)
            .min()
            .unwrap_or(0);
        (group.key.id(), group)
    };
    let groups: Vec<(String, Group)> = seen.iter().map(of).collect();
    let compared = seen.iter().map(|&(endpoint, (reference, candidate), ..)| {
        let candidate = Some(candidate);
        (
            (
                endpoint.to_owned(),
                StatusPair {
                    reference,
                    candidate,
                },
            ),
            compared,
        )
    });
    let context = Context {
        compared: compared.collect(),
        legacy: ids
            .iter()
            .map(|(kind, legacy, _)| ((*kind).to_owned(), (*legacy).to_owned()))
            .collect(),
        core: ids
            .iter()
            .map(|(kind, legacy, core)| {
                (
                    ((*kind).to_owned(), (*core).to_owned()),
                    (*legacy).to_owned(),
                )
            })
            .collect(),
    };
    lines(&sorted(&groups, &context))
}

#[test]
fn differences_in_just_the_same_few_exchanges_are_one_cause() {
    use Kind::{TypeChange, ValueChange};
    const GET: &str = "GET /a";
    let two: &[Exchange<'_>] = &[("1", 0, GET, "", ""), ("2", 0, GET, "", "")];
    let others: &[Exchange<'_>] = &[("1", 0, GET, "", ""), ("3", 0, GET, "", "")];
    let apart = ["type change at /note × 1", "value change at /sum × 1"];
    let together = ["value change at /sum × 2"];
    let rows: [(&str, &[Exchange<'_>], u64, &[&str]); 5] = [
        ("all exchanges show both", two, 2, &apart),
        ("by chance once in six times", two, 4, &apart),
        ("by chance once in 21 times", two, 7, &together),
        ("one exchange of each shows it alone", others, 1_000, &apart),
        ("nobody counted the exchanges", two, 0, &apart),
    ];
    for (name, exchanges, compared, expected) in rows {
        let seen = [
            ("a", OK, "/sum", ValueChange, "", two),
            ("a", OK, "/note", TypeChange, "", exchanges),
        ];
        assert_eq!(told(&seen, compared), expected, "{name}");
    }
    // Each endpoint alone is too few, and both together are enough.
    let one: &[Exchange<'_>] = &[("9", 0, GET, "", "")];
    let mut seen = vec![
        ("a", OK, "/sum", ValueChange, "", two),
        ("a", OK, "/note", TypeChange, "", two),
    ];
    assert_eq!(told(&seen, 5).len(), 2);
    seen.extend([
        ("b", OK, "/sum", ValueChange, "", one),
        ("b", OK, "/note", TypeChange, "", one),
    ]);
    assert_eq!(told(&seen, 5), ["value change at /sum × 4"]);
    // Where one is seen alone, the other is its guest; where each is, neither.
    seen.push(("c", OK, "/note", TypeChange, "", one));
    assert_eq!(told(&seen, 5), ["type change at /note × 5"]);
    seen.push(("d", OK, "/sum", ValueChange, "", one));
    assert_eq!(told(&seen, 5).len(), 2);
}

fn read<'a>(exchanges: &'a [Exchange<'a>]) -> Seen<'a> {
    ("get", OK, "/note", Kind::ValueChange, "", exchanges)
}

#[test]
fn what_a_write_of_one_side_left_behind_is_no_cause() {
    use Kind::{FieldRemoved, IdConflict, Status, ValueChange};
    const REFUSED: (u16, u16) = (200, 400);
    let write: Seen<'_> = (
        "put",
        REFUSED,
        "status",
        Status,
        "",
        &[("1", 5, "PATCH /stays/7", "", "")],
    );
    let made = r#"{"value":{"id":7,"room":{"id":3}}}"#;
    let create: Seen<'_> = (
        "post",
        REFUSED,
        "status",
        Status,
        "",
        &[("1", 5, "POST /stays", made, "")],
    );
    // As it is kept when the row was too long.
    let row = r#"{"id":7,"…":"…"}"#;
    let rows: [(&str, [Seen<'_>; 2], usize); 11] = [
        (
            "its object, later",
            [write, read(&[("2", 6, "GET /stays/7?x=1", "", "")])],
            1,
        ),
        (
            "its object, before",
            [write, read(&[("2", 4, "GET /stays/7", "", "")])],
            2,
        ),
        (
            "another object",
            [write, read(&[("2", 6, "GET /stays/8", "", "")])],
            2,
        ),
        (
            "the same id of another collection",
            [write, read(&[("2", 6, "GET /rooms/7", "", "")])],
            2,
        ),
        (
            "also another object",
            [
                write,
                read(&[
                    ("2", 6, "GET /stays/7", "", ""),
                    ("3", 6, "GET /stays/8", "", ""),
                ]),
            ],
            2,
        ),
        (
            "who changed it",
            [
                write,
                (
                    "get",
                    OK,
                    "/by/id",
                    IdConflict,
                    "",
                    &[("2", 6, "GET /stays/7", "", "")],
                ),
            ],
            1,
        ),
        (
            "another form of a value is no matter of data",
            [
                write,
                (
                    "get",
                    OK,
                    "/at",
                    ValueChange,
                    "time-shift of 9h",
                    &[("2", 6, "GET /stays/7", "", "")],
                ),
            ],
            2,
        ),
        (
            "what was made",
            [create, read(&[("2", 6, "GET /stays/7", "", "")])],
            1,
        ),
        (
            "what was made, missing in a list",
            [
                create,
                (
                    "list",
                    OK,
                    "/rows/*",
                    FieldRemoved,
                    "",
                    &[("2", 6, "GET /stays", row, "")],
                ),
            ],
            1,
        ),
        (
            "something else missing in a list",
            [
                write,
                (
                    "list",
                    OK,
                    "/rows/*",
                    FieldRemoved,
                    "",
                    &[("2", 6, "GET /rooms", row, "")],
                ),
            ],
            2,
        ),
        (
            "what only one side has, not found on the other",
            [
                create,
                (
                    "get",
                    (200, 404),
                    "status",
                    Status,
                    "",
                    &[("2", 6, "GET /stays/7", "", "")],
                ),
            ],
            1,
        ),
    ];
    for (name, seen, expected) in rows {
        let told = told(&seen, 100);
        assert_eq!(told.len(), expected, "{name}: {told:?}");
    }
    // Both sides carried it out, or neither.
    for statuses in [(200, 204), (400, 422)] {
        let write = ("put", statuses, "status", Status, "", write.5);
        let told = told(&[write, read(&[("2", 6, "GET /stays/7", "", "")])], 100);
        assert_eq!(told.len(), 2, "{statuses:?}: {told:?}");
    }
}

#[test]
fn a_row_that_one_side_alone_made_is_no_cause_and_one_that_both_have_is() {
    use Kind::{FieldAdded, FieldRemoved, Status, ValueChange};
    const LIST: &str = "GET /stays?page=0";
    const ROW: &str = r#"{"id":9,"…":"…"}"#;
    let refused: Seen<'_> = (
        "post",
        (400, 201),
        "status",
        Status,
        "",
        &[("1", 5, "POST /stays", "", "")],
    );
    let added: Seen<'_> = (
        "list",
        OK,
        "/rows/*",
        FieldAdded,
        "",
        &[("2", 6, LIST, "", ROW)],
    );
    let removed: Seen<'_> = (
        "list",
        OK,
        "/rows/*",
        FieldRemoved,
        "",
        &[("2", 6, LIST, ROW, "")],
    );
    let total = |endpoint| -> Seen<'_> {
        (
            endpoint,
            OK,
            "/page/total",
            ValueChange,
            "",
            &[("3", 0, LIST, "", "")],
        )
    };
    let refused_then = |row: Seen<'static>| [refused, row];
    assert_eq!(told_of(&refused_then(added), 100, &[]).len(), 1);
    // Legacy has the same stay under another id, so the list is to blame.
    let both = [("stay", "4", "9")];
    assert_eq!(told_of(&refused_then(added), 100, &both).len(), 2);
    let another = [("room", "4", "9")];
    assert_eq!(told_of(&refused_then(added), 100, &another).len(), 1);
    // Core made one, and what is missing is legacy's.
    assert_eq!(told_of(&refused_then(removed), 100, &[]).len(), 2);
    // A page without the row counts it as well; another list does not.
    let counted = [refused, added, total("list")];
    assert_eq!(
        told_of(&counted, 100, &[]).len(),
        2,
        "seen before it was made"
    );
    let mut later = total("list");
    later.5 = &[("3", 7, LIST, "", "")];
    assert_eq!(told_of(&[refused, added, later], 100, &[]).len(), 1);
    later.0 = "other";
    assert_eq!(told_of(&[refused, added, later], 100, &[]).len(), 2);
}

#[test]
fn one_text_of_an_error_is_one_cause_and_two_are_two() {
    use Kind::{FieldRemoved, Status};
    const LATE: &str = r#"{"message":"[text 9c:lower #aaaa]","at":1}"#;
    const LATE_TOO: &str = r#"{"at":2,"message":"[text 9c:lower #aaaa]"}"#;
    const FULL: &str = r#"{"message":"[text 4c:lower #bbbb]"}"#;
    const PAGE: &str = "[html 179c:lower #cccc]";
    let status = |endpoint, statuses, bodies: &'static [Exchange<'static>]| {
        (endpoint, statuses, "status", Status, "", bodies)
    };
    let rows: [(&str, &[Seen<'_>], &[&str]); 7] = [
        (
            "two texts, each at two endpoints",
            &[
                status("a", (200, 400), &[("1", 0, "GET /a", "", LATE)]),
                status("b", (200, 400), &[("1", 0, "GET /b", "", LATE_TOO)]),
                status("c", (200, 400), &[("1", 0, "GET /c", "", FULL)]),
                status("d", (200, 400), &[("1", 0, "GET /d", "", FULL)]),
            ],
            &[
                "status 200 becomes 400, saying #aaaa at status × 2",
                "status 200 becomes 400, saying #bbbb at status × 2",
            ],
        ),
        (
            "a text that is seen once may be made for the request",
            &[
                status("a", (200, 400), &[("1", 0, "GET /a", "", LATE)]),
                status("b", (200, 400), &[("1", 0, "GET /b", "", FULL)]),
            ],
            &["status 200 becomes 400 at status × 2"],
        ),
        (
            "whatever legacy says",
            &[
                status("a", (200, 400), &[("1", 0, "GET /a", "", LATE)]),
                status("b", (422, 400), &[("1", 0, "GET /b", FULL, LATE)]),
            ],
            &["status 400 whatever legacy says, saying #aaaa at status × 2"],
        ),
        (
            "what legacy refuses and core takes",
            &[
                status("a", (403, 200), &[("1", 0, "GET /a", LATE, "{}")]),
                status("b", (403, 200), &[("1", 0, "GET /b", LATE, "{}")]),
                status("c", (403, 201), &[("1", 0, "GET /c", LATE, "{}")]),
                status("d", (403, 200), &[("1", 0, "GET /d", FULL, "{}")]),
            ],
            &[
                "status 403 becomes 200 at status × 1",
                "status 403 becomes 200, saying #aaaa at status × 2",
                "status 403 becomes 201, saying #aaaa at status × 1",
            ],
        ),
        (
            "one error of core, in another envelope where legacy has it too",
            &[
                (
                    "a",
                    (403, 403),
                    "body",
                    FieldRemoved,
                    "error-envelope",
                    &[("1", 0, "GET /a", PAGE, LATE)],
                ),
                status("b", (405, 403), &[("1", 0, "GET /b", PAGE, LATE)]),
            ],
            &["status 403 whatever legacy says, saying #aaaa at status × 2"],
        ),
        (
            "another status of the same refusals",
            &[
                status("a", (422, 409), &[("1", 0, "GET /a", LATE, LATE)]),
                status("b", (422, 409), &[("1", 0, "GET /b", LATE, LATE)]),
                status("c", (422, 409), &[("1", 0, "GET /c", FULL, FULL)]),
            ],
            &["status 422 becomes 409 at status × 3"],
        ),
        (
            "what fails within does not say why",
            &[
                status("a", (200, 500), &[("1", 0, "GET /a", "", PAGE)]),
                status("b", (403, 500), &[("1", 0, "GET /b", PAGE, PAGE)]),
            ],
            &[
                "status 200 becomes 500 at status × 1",
                "status 403 becomes 500 at status × 1",
            ],
        ),
    ];
    for (name, seen, expected) in rows {
        assert_eq!(told(seen, 100), expected, "{name}");
    }
}

#[test]
fn an_order_among_equal_keys_is_part_of_another_order() {
    let order = |endpoint, relation| ("x", endpoint, relation);
    let ties = Relation::Ties("name".to_owned()).to_string();
    let whole = Relation::Permutation.to_string();
    let told = |all: &[(&str, &'static str, &str)]| {
        let groups: Vec<(String, Group)> = all
            .iter()
            .map(|(_, endpoint, text)| {
                let class = if *text == ties { "ties" } else { "permutation" };
                let key = key(endpoint, OK, "/rows", Kind::Order, Some((class, text)));
                (key.id(), group(key, 1, Vec::new()))
            })
            .collect();
        lines(&sorted(&groups, &Context::default()))
    };
    assert_eq!(
        told(&[order("a", whole.as_str()), order("b", ties.as_str())]),
        [format!("order: {whole} at /rows × 2")]
    );
    assert_eq!(
        told(&[order("b", ties.as_str())]),
        [format!("order: {ties} at /rows × 1")]
    );
}

#[test]
fn an_id_that_nobody_could_know_is_no_other_object() {
    use Kind::{IdConflict, TypeChange, ValueChange};
    const GET: &str = "GET /my";
    let one: &[Exchange<'_>] = &[("1", 0, GET, "", "")];
    let two: &[Exchange<'_>] = &[("1", 0, GET, "", ""), ("2", 0, GET, "", "")];
    let rows: [(&str, Vec<Seen<'_>>, &[&str]); 4] = [
        (
            "a member differs where the id is known, too",
            vec![
                ("a", OK, "/id", ValueChange, "", one),
                ("a", OK, "/email", TypeChange, "", two),
            ],
            &["type change at /email × 2"],
        ),
        (
            "what only this object says makes it another one",
            vec![
                ("a", OK, "/id", ValueChange, "", one),
                ("a", OK, "/email", TypeChange, "", two),
                ("a", OK, "/name", ValueChange, "", one),
            ],
            &["type change at /email × 1", "value change at /id × 2"],
        ),
        (
            "nothing else differs",
            vec![("a", OK, "/id", ValueChange, "", one)],
            &["value change at /id × 1"],
        ),
        (
            "an id that is known to belong to another object",
            vec![
                ("a", OK, "/id", IdConflict, "", one),
                ("a", OK, "/email", TypeChange, "", two),
            ],
            &["id conflict at /id × 1", "type change at /email × 1"],
        ),
    ];
    for (name, seen, expected) in rows {
        assert_eq!(told(&seen, 2), expected, "{name}");
    }
}

#[test]
fn a_refusal_is_told_by_its_mark_and_never_takes_the_id_of_another() {
    use Kind::Status;
    let said = |endpoint, body: &'static str, core: u16| {
        let seen: [Seen<'_>; 2] = [
            (
                endpoint,
                (403, core),
                "status",
                Status,
                "",
                &[("1", 0, "GET /a", "", body)],
            ),
            (
                "z",
                (405, core),
                "status",
                Status,
                "",
                &[("1", 0, "GET /z", "", body)],
            ),
        ];
        told(&seen, 100)
    };
    let clear = r#"{"code":"FULL #12","message":"x"}"#;
    assert_eq!(
        said("a", clear, 400),
        ["status 400 whatever legacy says, saying FULL #12 at status × 2"]
    );
    // A page that core answers with, whatever is asked; a list is none, empty or not.
    let page = "[html 9c:lower #cccc]";
    assert_eq!(
        said("a", page, 200),
        ["status 200 whatever legacy says, saying #cccc at status × 2"]
    );
    for list in ["[]", r#"["a"]"#, r#"[{"id":1}]"#] {
        assert_eq!(said("a", list, 200).len(), 2, "{list}");
    }
    // Hidden texts of one length and form are still two texts.
    let refusal = |says: &str| Refusal {
        by_core: true,
        status: 400,
        instead: None,
        says: says.to_owned(),
    };
    let named = |says: &str| {
        let signature = Signature {
            kind: Status,
            relation: None,
            statuses: None,
            refusal: Some(refusal(says)),
            place: "status".to_owned(),
        };
        signature.id()
    };
    assert_ne!(
        named("[text 9c:lower #aaaa]"),
        named("[text 9c:lower #bbbb]")
    );
    assert_eq!(refusal("[text 9c:lower #aaaa]").mark(), "#aaaa");
}
