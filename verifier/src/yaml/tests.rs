use super::*;

#[test]
fn a_misspelt_word_finds_the_one_that_was_meant_and_a_strange_one_finds_none() {
    let known = ["ladder", "min_time", "min_requests", "core", "as"];
    for (word, near) in [
        ("laddr", Some("ladder")),
        ("Ladder", Some("ladder")),
        ("min_tiem", Some("min_time")), // neighbours swapped: one edit
        ("minrequests", Some("min_requests")),
        ("croe", Some("core")),
        ("colour", None),
        ("x", None),
        ("", None),
        ("사다리", None),
    ] {
        assert_eq!(nearest(word, known), near, "{word}");
    }
    for (from, to, edits) in [
        ("", "", 0),
        ("", "ab", 2),
        ("ab", "", 2),
        ("ab", "ba", 1),
        ("kitten", "sitting", 3),
    ] {
        assert_eq!(distance(from, to), edits, "{from} {to}");
    }
}

#[test]
fn a_key_is_found_by_its_path_or_else_the_innermost_part_that_is_written() {
    let text = "# c\nlegacy: http://a\nwrites:\n  endpoints:\n    GET /a.b: mirror\ngate:\n  waivers:\n    - {endpoint: a}\n    - endpoint: b\n      owner: TBD\n";
    for (path, place) in [
        ("legacy", (2, 1)),
        ("writes.endpoints.GET /a.b", (5, 5)),
        ("gate.waivers[0].endpoint", (8, 8)),
        ("gate.waivers[1].owner", (10, 7)),
        ("gate.waivers[1].reason", (9, 7)),
        ("gate.waivers[7].owner", (7, 3)),
        ("gate.tick", (6, 1)),
        ("threads", (1, 1)),
        ("", (1, 1)),
    ] {
        assert_eq!(place_of(text, path), place, "{path}");
    }
    assert_eq!(place_of("a: [", "a"), (1, 1));
}

#[test]
fn the_first_byte_that_is_no_utf8_is_named_by_line_and_column() {
    for (bytes, place) in [
        (&b"\xff"[..], (1, 1)),
        (b"ab\xff", (1, 3)),
        (b"a\n\xff", (2, 1)),
        (b"a\n\n\xff", (3, 1)),
        ("a\nü".as_bytes(), (0, 0)),
        (b"a\n\xc3\xbc\xc3", (2, 2)),
    ] {
        let found = text_of(bytes.to_vec()).err();
        let found = found.map_or((0, 0), |fault| (fault.line, fault.column));
        assert_eq!(found, place, "{bytes:?}");
    }
}
