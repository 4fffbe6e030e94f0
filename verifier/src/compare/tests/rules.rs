//! What rules excuse, and how they pair.

use super::*;

#[test]
fn rules_pair_arrays_without_order() {
    let multiset = "- {at: /v, id: m, multiset: true}";
    let order = Some(&["/v order"] as &[_]);
    check_with(multiset, r#"{"v":[1,2,2]}"#, r#"{"v":[2,1,2]}"#, &[], order);
    check_with(
        multiset,
        r#"{"v":[1,2,2]}"#,
        r#"{"v":[2,1,1]}"#,
        &["/v/2 value change"],
        None,
    );
    check_with(
        multiset,
        r#"{"v":[[1,2]]}"#,
        r#"{"v":[[2,1]]}"#,
        &["/v/0 order (permutation)"],
        None,
    );
    let by = "- {at: /v, id: m, by: k}";
    check_with(
        by,
        r#"{"v":[{"k":1},{"k":2}]}"#,
        r#"{"v":[{"k":2},{"k":1}]}"#,
        &[],
        order,
    );
    check_with(
        by,
        r#"{"v":[{"k":1,"x":1},{"k":2}]}"#,
        r#"{"v":[{"k":2},{"k":1,"x":2}]}"#,
        &["/v/0/x value change"],
        order,
    );
    check_with(
        by,
        r#"{"v":[{"k":1},{"k":2}]}"#,
        r#"{"v":[{"k":2},{"k":3}]}"#,
        &["/v/0 field removed", "/v/1 field added"],
        None,
    );
    // Elements that look alike only because a rule lets a part vary.
    let loose = "- {at: /v, multiset: true}\n- {at: /v/*/p, tolerate: {abs: 1}}";
    check_with(
        loose,
        r#"{"v":[{"p":100},{"p":200}]}"#,
        r#"{"v":[{"p":201},{"p":100}]}"#,
        &[],
        None,
    );
    check_with(
        loose,
        r#"{"v":[{"p":100}]}"#,
        r#"{"v":[{"p":102}]}"#,
        &["/v/0/p value change"],
        None,
    );
}

#[test]
fn tolerances_reach_as_far_as_they_say() {
    let any = "- {at: /v/*/t, tolerate: any}";
    let noted = Some(&["/v/0/t value change"] as &[_]);
    check_with(
        any,
        r#"{"v":[{"t":"a"}]}"#,
        r#"{"v":[{"t":"b"}]}"#,
        &[],
        noted,
    );
    check_with(
        any,
        r#"{"v":[{"t":"a"}]}"#,
        r#"{"v":[{"t":1}]}"#,
        &["/v/0/t type change"],
        None,
    );
    check_with(
        any,
        r#"{"v":[{"t":"a"}]}"#,
        r#"{"v":[{}]}"#,
        &["/v/0/t field removed"],
        None,
    );
    check_with(
        any,
        r#"{"v":[{"t":1}],"t":1}"#,
        r#"{"v":[{"t":2}],"t":2}"#,
        &["/t value change"],
        None,
    );
    let abs = "- {at: /a, tolerate: {abs: 0.5}}";
    check_with(abs, r#"{"a":1}"#, r#"{"a":1.5}"#, &[], None);
    check_with(
        abs,
        r#"{"a":1}"#,
        r#"{"a":1.51}"#,
        &["/a value change (cut-fraction)"],
        None,
    );
    let time = "- {at: /a, tolerate: {seconds: 5}}";
    let from = r#"{"a":"2026-01-12T09:00:00Z"}"#;
    check_with(time, from, r#"{"a":"2026-01-12T09:00:05Z"}"#, &[], None);
    check_with(
        time,
        from,
        r#"{"a":"2026-01-12T09:00:06Z"}"#,
        &["/a value change"],
        None,
    );
    check_with(
        time,
        from,
        r#"{"a":"2026-01-12T09:00:00.0Z"}"#,
        &["/a value change (timestamp-format)"],
        None,
    );
    let format = "- {at: /a, tolerate: same-format}";
    check_with(
        format,
        r#"{"a":"7f9c24e8-3b12-4c7a-9d5e-000000000001"}"#,
        r#"{"a":"0c9c24e8-3b12-4c7a-9d5e-000000000002"}"#,
        &[],
        None,
    );
    check_with(
        format,
        r#"{"a":"7f9c24e8-3b12-4c7a-9d5e-000000000001"}"#,
        r#"{"a":"0c9c24e8-3b12-7c7a-9d5e-000000000002"}"#,
        &["/a value change"],
        None,
    );
}

#[test]
fn a_known_difference_is_one_kind_at_one_place() {
    let known = "- {at: /v/*/x, id: k, known: {kind: field removed, reason: omitempty, owner: mina, \
                 ticket: H-48, expires: 2027-01-01}}";
    let verdict = json(r#"{"v":[{"x":null},{"x":1}]}"#, r#"{"v":[{},{}]}"#, known);
    assert!(verdict.is_match());
    assert_eq!(verdict.fired["k"], 2);
    assert_eq!(verdict.notes[0].detail.as_deref(), Some("omitempty"));
    let verdict = json(r#"{"v":[{"x":1}]}"#, r#"{"v":[{"x":2}]}"#, known);
    assert_eq!((verdict.findings.len(), verdict.strayed["k"]), (1, 1));
    let status = "- {at: status, known: {kind: status, reason: r, owner: o, ticket: t, \
                  expires: 2027-01-01, reference: '200', candidate: '201'}}";
    let judged = |code| {
        let pair = exchange(answer(200, &[], ""), answer(code, &[], ""));
        judge(&pair, &rules(status)).is_match()
    };
    assert!(judged(201) && !judged(202));
}

#[test]
fn relations_over_several_differences_are_named() {
    check(
        r#"{"roomId":17,"a":1}"#,
        r#"{"room_id":17,"a":1}"#,
        &[
            "/roomId field removed (key-renamed)",
            "/room_id field added (key-renamed)",
        ],
    );
    check(
        r#"{"a":{"group":{"id":1,"n":2}},"b":{}}"#,
        r#"{"a":{},"b":{"group":{"id":1,"n":2}}}"#,
        &[
            "/a/group field removed (moved)",
            "/b/group field added (moved)",
        ],
    );
    check(
        r#"[{"s":"NORMAL"},{"s":"NORMAL"},{"s":"GONE"}]"#,
        r#"[{"s":"ACTIVE"},{"s":"ACTIVE"},{"s":"DELETED"}]"#,
        &[
            "/0/s value change (enum-renamed)",
            "/1/s value change (enum-renamed)",
            "/2/s value change (enum-renamed)",
        ],
    );
    // One row proves nothing: it may simply have another state.
    check(
        r#"[{"s":"NORMAL"}]"#,
        r#"[{"s":"ACTIVE"}]"#,
        &["/0/s value change"],
    );
    let pair = exchange(
        answer(401, JSON, r#"{"message":"no","status":401}"#),
        answer(401, JSON, r#"{"message":"no","errors":null}"#),
    );
    assert_eq!(
        lines(&judge(&pair, &rules("")).findings),
        [
            "/status field removed (error-envelope)",
            "/errors field added (error-envelope)"
        ]
    );
}
