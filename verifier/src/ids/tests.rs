use super::*;

fn pairs(aligned: &[Aligned]) -> Vec<(&str, &str, &str, bool)> {
    aligned
        .iter()
        .map(|one| {
            (
                one.kind.as_str(),
                one.legacy.as_str(),
                one.core.as_str(),
                one.sure,
            )
        })
        .collect()
}

fn learnt(list: &[(&str, &str, &str)]) -> IdMap {
    let mut map = IdMap::default();
    for (kind, legacy, core) in list {
        map.learn(kind, legacy, core, true);
    }
    map
}

#[test]
fn a_pair_is_known_new_or_in_conflict_from_either_side() {
    let map = learnt(&[("room", "21", "521"), ("room", "22", "522")]);
    let conflict = |core: Option<&str>, legacy: Option<&str>| Fit::Conflict {
        core: core.map(str::to_owned),
        legacy: legacy.map(str::to_owned),
    };
    for (legacy, core, fit) in [
        ("21", "521", Fit::Known),
        ("23", "523", Fit::New),
        ("21", "522", conflict(Some("521"), Some("22"))),
        ("21", "599", conflict(Some("521"), None)),
        ("99", "521", conflict(None, Some("21"))),
        // The same number is another object.
        ("21", "21", conflict(Some("521"), None)),
    ] {
        assert_eq!(map.fit("room", legacy, core), fit, "{legacy} {core}");
    }
    assert_eq!(map.fit("group", "21", "9"), Fit::New, "types are apart");
}

#[test]
fn ids_are_aligned_by_the_type_their_place_names() {
    let legacy = br#"{"value":{"id":21,"number":"R1","roomGroup":{"id":3,"name":"A"},"ownerId":7,"count":5,"createdAt":"2026-01-12T09:00:00"}}"#;
    let core = br#"{"value":{"number":"R1","id":521,"roomGroup":{"id":4,"name":"A"},"ownerId":8,"count":6,"createdAt":"2026-01-12T09:00:01"}}"#;
    let mut made = align(legacy, core, "room", true);
    made.sort_by(|a, b| a.kind.cmp(&b.kind));
    assert_eq!(
        pairs(&made),
        [
            ("owner", "7", "8", true),
            ("room", "21", "521", true),
            ("roomgroup", "3", "4", true)
        ]
    );
    // A read that says something else may be of another object; what lies within still says the same.
    let mut read = align(legacy, core, "room", false);
    read.sort_by(|a, b| a.kind.cmp(&b.kind));
    assert_eq!(
        pairs(&read),
        [
            ("owner", "7", "8", false),
            ("room", "21", "521", false),
            ("roomgroup", "3", "4", true)
        ]
    );
}

#[test]
fn rows_belong_together_when_they_and_no_others_say_the_same() {
    let legacy =
        br#"{"values":[{"id":1,"n":"a"},{"id":2,"n":"b"},{"id":3,"n":"x"},{"id":4,"n":"x"}]}"#;
    let core =
        br#"{"values":[{"id":9,"n":"b"},{"id":8,"n":"a"},{"id":7,"n":"x"},{"n":"x","id":6}]}"#;
    let mut rows = align(legacy, core, "room", false);
    rows.sort_by(|a, b| a.legacy.cmp(&b.legacy));
    assert_eq!(
        pairs(&rows),
        [("room", "1", "8", true), ("room", "2", "9", true)]
    );
}

#[test]
fn rows_that_say_nearly_the_same_belong_together_by_a_text_of_their_own() {
    let both = |ours: &str, theirs: &str| {
        let aligned = align(ours.as_bytes(), theirs.as_bytes(), "user", false);
        let pairs = aligned.into_iter().filter(|one| one.sure);
        let pairs = pairs.map(|one| format!("{}={}", one.legacy, one.core));
        pairs.collect::<Vec<_>>().join(" ")
    };
    // The address of each row is wrong at core, in another order.
    assert_eq!(
        both(
            r#"[{"id":6,"name":"Kim","mail":null},{"id":7,"name":"Lee","mail":null}]"#,
            r#"[{"id":707,"name":"Lee","mail":""},{"id":706,"name":"Kim","mail":""}]"#,
        ),
        "6=706 7=707"
    );
    // A member that is missing or has another name is one member too.
    assert_eq!(
        both(
            r#"[{"id":6,"name":"Kim","mail":null},{"id":7,"name":"Lee","mail":null}]"#,
            r#"[{"id":706,"name":"Kim"},{"id":707,"name":"Lee","email":null}]"#,
        ),
        "6=706 7=707"
    );
    // A name to log in with is no other object's id, and of eight members two may differ.
    assert_eq!(
        both(
            r#"[{"id":6,"userId":"kim7","a":1,"b":2,"c":3,"d":4,"mail":null,"url":"x"}]"#,
            r#"[{"id":706,"userId":"kim7","a":1,"b":2,"c":3,"d":4,"mail":"","url":"y"}]"#,
        ),
        "6=706"
    );
    for (ours, theirs) in [
        // What differs is the only text that tells the rows apart.
        (
            r#"[{"id":6,"number":"101","kind":"sea"},{"id":7,"number":"102","kind":"sea"}]"#,
            r#"[{"id":706,"number":"201","kind":"sea"},{"id":707,"number":"202","kind":"sea"}]"#,
        ),
        // One that is a number can be anybody's.
        (
            r#"[{"id":6,"userId":"7","mail":null},{"id":7,"userId":"8","mail":null}]"#,
            r#"[{"id":706,"userId":"7","mail":""},{"id":707,"userId":"8","mail":""}]"#,
        ),
        // Two members of four, and an object of others.
        (
            r#"[{"id":6,"name":"Kim","mail":null,"age":1}]"#,
            r#"[{"id":706,"name":"Kim","mail":"","age":2}]"#,
        ),
        (
            r#"[{"id":6,"name":"Kim","group":{"id":1,"name":"A"}}]"#,
            r#"[{"id":706,"name":"Kim","group":{"id":2,"name":"B"}}]"#,
        ),
        // Another row of the list has the text too.
        (
            r#"[{"id":6,"name":"Kim","age":1},{"id":7,"name":"Kim","age":2}]"#,
            r#"[{"id":706,"name":"Kim","age":3},{"id":707,"name":"Kim","age":4}]"#,
        ),
    ] {
        assert_eq!(both(ours, theirs), "", "{ours} {theirs}");
    }
}

#[test]
fn requests_are_rewritten_by_whole_tokens_of_their_type_only() {
    let map = learnt(&[
        ("room", "21", "521"),
        ("roomgroup", "3", "503"),
        ("reservation", "5", "505"),
    ]);
    for (target, template, expected) in [
        ("/api/rooms/21", "/api/rooms/{id}", Some("/api/rooms/521")),
        ("/api/rooms/2", "/api/rooms/{id}", None),
        (
            "/api/room-groups/3?size=21",
            "/api/room-groups/{id}",
            Some("/api/room-groups/503?size=21"),
        ),
        // Another type's number, a name, a template of another shape.
        ("/api/people/21", "/api/people/{id}", None),
        ("/api/21/rooms", "/api/21/rooms", None),
        (
            "/api/rooms?roomGroupId=3&page=3",
            "/api/rooms",
            Some("/api/rooms?roomGroupId=503&page=3"),
        ),
        (
            "/api/rooms?excludeReservationId=5",
            "/api/rooms",
            Some("/api/rooms?excludeReservationId=505"),
        ),
        (
            "/api/rooms/21/reservations/5",
            "/api/rooms/{a}/reservations/{b}",
            Some("/api/rooms/521/reservations/505"),
        ),
    ] {
        let found = rewrite_path(target, template, &map).expect("mapped");
        assert_eq!(found.as_deref(), expected, "{target}");
    }
    let body = br#"{"roomGroup":{"id":3},"number":"21","size":3,"rooms":[{"id":21}],"roomIds":[21],"t":"tok"}"#;
    let token = |text: &str| (text == "tok").then(|| "core-tok".to_owned());
    let found = rewrite_body(body, "reservation", &map, token).expect("mapped");
    let expected = br#"{"roomGroup":{"id":503},"number":"21","size":3,"rooms":[{"id":521}],"roomIds":[521],"t":"core-tok"}"#;
    assert_eq!(found.as_deref(), Some(&expected[..]));
    let back = to_legacy(expected, "reservation", &map, |_| None).expect("changed");
    assert_eq!(&back[..back.len() - 16], &body[..body.len() - 11]);
}

#[test]
fn an_id_from_before_is_the_same_until_one_is_seen_that_is_not() {
    let mut map = learnt(&[("room", "21", "521")]);
    assert_eq!(map.to_core("room", "4"), Sought::Same);
    map.born("room", "22");
    assert_eq!(
        map.to_core("room", "22"),
        Sought::Unmapped,
        "core has not answered"
    );
    assert_eq!(
        map.to_core("room", "521"),
        Sought::Unmapped,
        "it is another object at core"
    );
    map.learn("room", "3", "1003", false);
    assert_eq!(map.to_core("room", "4"), Sought::Unmapped);
    assert_eq!(
        rewrite_path("/rooms/4", "/rooms/{id}", &map),
        Err(Unmapped {
            kind: "room".to_owned()
        })
    );
}

#[test]
fn what_core_lacks_is_unknown_there_until_both_say_the_same_of_it_again() {
    let mut map = learnt(&[("room", "21", "521"), ("room", "22", "522")]);
    assert_eq!(map.to_core("room", "7"), Sought::Same);
    map.forget("parentroom", "21");
    assert_eq!(map.to_core("room", "21"), Sought::Unmapped);
    assert_eq!(map.to_legacy("room", "521"), None);
    assert_eq!(map.to_core("room", "22"), Sought::Core("522".to_owned()));
    map.lacks_some("room");
    assert_eq!(map.to_core("room", "7"), Sought::Unmapped);
    map.learn("room", "21", "521", false);
    assert_eq!(map.to_core("room", "21"), Sought::Core("521".to_owned()));
    // Of what nothing is known, nothing is to be forgotten.
    map.forget("group", "3");
    assert_eq!(map.to_core("group", "3"), Sought::Unmapped);
}

#[test]
fn what_an_earlier_life_learnt_holds_again() {
    let mut map = IdMap::default();
    map.restore([
        ("room", "21", "521", 4, true),
        ("room", "3", "3", 9, false),
        // One of two that contradict each other: the one seen more often holds.
        ("guest", "1", "8", 1, false),
        ("guest", "1", "7", 5, false),
    ]);
    for (kind, id, sought) in [
        ("room", "21", Sought::Core("521".to_owned())),
        // Rooms that were there before are the same on both sides, guests are not.
        ("room", "4", Sought::Same),
        ("guest", "1", Sought::Core("7".to_owned())),
        ("guest", "2", Sought::Unmapped),
        ("bill", "1", Sought::Same),
    ] {
        assert_eq!(map.to_core(kind, id), sought, "{kind} {id}");
    }
    assert!(map.is_born("room", "21") && !map.is_born("room", "3"));
    for (target, template, assumed) in [
        ("/bills/1", "/bills/{id}", true),
        ("/bills/1/lines", "/bills/{id}/lines", true),
        // Confirmed by a room that is the same, known, not the same, no id, no place.
        ("/rooms/4", "/rooms/{id}", false),
        ("/rooms/21", "/rooms/{id}", false),
        ("/guests/2", "/guests/{id}", false),
        ("/bills/last", "/bills/{id}", false),
        ("/bills/1", "/bills/1", false),
    ] {
        assert_eq!(map.assumes(target, template), assumed, "{target}");
    }
}

#[test]
fn what_a_history_shows_is_of_the_type_whose_history_it_is() {
    let kind = type_of_template("/api/v1/rooms/{id}/histories");
    assert_eq!(kind, "history@room");
    let map = learnt(&[("room", "21", "521"), ("history", "1", "9")]);
    let core = br#"{"values":[{"id":9,"entity":{"id":521}}]}"#;
    let back = to_legacy(core, &kind, &map, |_| None).expect("changed");
    assert_eq!(back, br#"{"values":[{"id":1,"entity":{"id":21}}]}"#);
    assert_eq!(type_of_template("/api/v1/rooms/{id}"), "room");
}

#[test]
fn what_two_answers_say_is_the_same_but_for_ids_times_tokens_and_the_order_of_keys() {
    // The id beside the two is surely of one object if and only if they say the same.
    let sure = |left: &str, right: &str| {
        let of = |part: &str| format!(r#"{{"id":1,"x":{part}}}"#);
        let aligned = align(of(left).as_bytes(), of(right).as_bytes(), "room", false);
        let own = aligned.iter().find(|one| one.kind == "room");
        own.expect("an id at one place").sure
    };
    for (left, right, same) in [
        (r#""a""#, r#""a""#, true),
        (r#""a""#, r#""b""#, false),
        (r#""a""#, r#""\u0061""#, true),
        (r#""12345678a""#, r#""12345678b""#, false),
        (r#""""#, "null", false),
        ("1", "1.0", true),
        ("1", "2", false),
        ("1", r#""1""#, false),
        ("true", "false", false),
        ("true", r#""true""#, false),
        ("{}", "[]", false),
        ("[]", "[[]]", false),
        ("[1,2]", "[2,1]", false),
        ("[[1],[2]]", "[[1,2]]", false),
        // Moments and tokens, but not a day.
        (
            r#""2026-01-12T09:00:00Z""#,
            r#""2026-01-13T09:00:01Z""#,
            true,
        ),
        (r#""2026-01-12T09:00:00Z""#, r#""soon""#, false),
        (r#""2026-01-12""#, r#""2026-01-13""#, false),
        (r#""eyJh.e30.a""#, r#""eyJh.e31.b""#, true),
        (r#""eyJh.e30.a""#, r#""eyJh.e31""#, false),
        // Keys in any order, each with its own value.
        (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, true),
        (r#"{"a":1,"b":2}"#, r#"{"a":2,"b":1}"#, false),
        (r#"{"a":1,"a":1}"#, r#"{"a":1}"#, false),
        (r#"{"a":{}}"#, r#"{"b":{}}"#, false),
        (r#"{"na\u006de":1}"#, r#"{"name":1}"#, true),
        // Ids by their key and their form, also those in a list.
        (r#"{"roomId":1}"#, r#"{"roomId":7}"#, true),
        (r#"{"roomId":1}"#, r#"{"roomId":"7"}"#, true),
        (r#"{"roomId":1}"#, r#"{"roomId":null}"#, false),
        (r#"{"roomId":"main"}"#, r#"{"roomId":"side"}"#, false),
        (r#"{"roomIds":[1,2]}"#, r#"{"roomIds":[8,9]}"#, true),
        (r#"{"roomIds":[1,2]}"#, r#"{"roomIds":[8]}"#, false),
        (r#"{"roomIds":[{},1]}"#, r#"{"roomIds":[1,{}]}"#, false),
        (
            r#"{"roomIds":[{"n":1}]}"#,
            r#"{"roomIds":[{"n":2}]}"#,
            false,
        ),
        (r#"{"count":1}"#, r#"{"count":7}"#, false),
    ] {
        assert_eq!(sure(left, right), same, "{left} {right}");
        assert_eq!(sure(right, left), same, "{right} {left}");
    }
}

#[test]
fn of_two_members_of_one_name_the_last_one_holds() {
    let legacy = br#"{"id":1,"guest":{"id":1},"id":2}"#;
    let core = br#"{"id":8,"guest":{"id":5,"id":6},"id":9}"#;
    let mut found = align(legacy, core, "room", true);
    found.sort_by(|a, b| a.legacy.cmp(&b.legacy).then(a.kind.cmp(&b.kind)));
    assert_eq!(
        pairs(&found),
        [
            ("guest", "1", "6", true),
            ("room", "1", "9", true),
            ("room", "2", "9", true)
        ]
    );
}

#[test]
fn keys_are_known_from_answer_to_answer_and_forgotten_when_they_are_too_many() {
    let mut keys = Keys::default();
    let mut most = 0;
    for round in 0..40 {
        let many = (0..100).map(|n| format!(r#""k{round}x{n}Id":{n}"#));
        let many = many.collect::<Vec<_>>().join(",");
        let body = format!(r#"{{"id":{round},{many}}}"#);
        let answers = Answers::read(body.as_bytes(), body.as_bytes(), &mut keys);
        assert_eq!(answers.align("room", true).len(), 101, "{round}");
        most = most.max(keys.len());
    }
    assert!((1_000..2_200).contains(&most), "{most}");
    let long = format!(r#"{{"{}":1}}"#, "k".repeat(300 << 10));
    Answers::read(long.as_bytes(), b"{}", &mut keys);
    Answers::read(b"{}", b"{}", &mut keys);
    assert_eq!(keys.len(), 0, "the bytes are bounded as well");
}

#[test]
fn a_place_is_written_out_for_the_pair_that_needs_it() {
    let legacy = br#"{"values":[{"id":1,"n":"a"},{"id":2,"n":"b","roomIds":[3]}]}"#;
    let core = br#"{"values":[{"id":9,"roomIds":[7],"n":"b"},{"id":8,"n":"a"}]}"#;
    let mut keys = Keys::default();
    let answers = Answers::read(legacy, core, &mut keys);
    let aligned = answers.align("room", false);
    let found = aligned.iter().map(|one| (answers.pointer(one), &*one.core));
    let found: BTreeMap<_, _> = found.collect();
    let expected = [
        ("/values/0/id", "8"),
        ("/values/1/id", "9"),
        ("/values/1/roomIds/0", "7"),
    ];
    let expected = expected.map(|(place, id)| (place.to_owned(), id));
    assert_eq!(found, expected.into());
}

#[test]
fn texts_have_the_form_of_an_id_or_not() {
    for (text, expected) in [
        ("", false),
        ("0", true),
        ("-1", false),
        ("1234567890123456789", true),
        ("12345678901234567890", false),
        ("1.5", false),
        ("room", false),
        ("abcdef", false),
        ("0123456789abcde", false),
        ("0123456789abcdef", true),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", true),
        ("aaaaaaaa-bbbb-4ccc-8ddd-000000000001", true),
        ("aaaaaaaa-bbbb-4ccc-8ddd-00000000000", false),
        ("2026-01-12T09:00:00Z", false),
    ] {
        assert_eq!(is_id(text), expected, "{text}");
    }
}
