use super::*;

fn check(text: &[u8], expected: Result<(), (usize, JsonFault)>) {
    let found = Document::parse(text)
        .map(drop)
        .map_err(|e| (e.offset, e.what));
    assert_eq!(found, expected, "{}", String::from_utf8_lossy(text));
}

#[test]
fn the_grammar_is_kept_to_the_letter() {
    for text in [
        "null",
        " true\n",
        "-0",
        "0.1e-7",
        "\"\"",
        "[]",
        "{}",
        " [ 1 , { \"a\" : [ ] } ] ",
        r#"{"a":1,"a":2}"#,
        r#""\ud800 \u0000 \/ 객실""#,
        "\"\u{7f}\"",
        "[1E+2]",
    ] {
        check(text.as_bytes(), Ok(()));
    }
    for (text, offset, what) in [
        ("", 0, JsonFault::End),
        (" ", 1, JsonFault::End),
        ("[", 1, JsonFault::End),
        ("[1", 2, JsonFault::End),
        ("[1,]", 3, JsonFault::Unexpected),
        ("{\"a\":1,}", 7, JsonFault::Unexpected),
        ("{a:1}", 1, JsonFault::Unexpected),
        ("{\"a\" 1}", 5, JsonFault::Unexpected),
        ("[1}", 2, JsonFault::Unexpected),
        ("{\"a\":1]", 6, JsonFault::Unexpected),
        ("NaN", 0, JsonFault::Unexpected),
        ("nul", 0, JsonFault::Unexpected),
        ("1 2", 2, JsonFault::Trailing),
        ("{}x", 2, JsonFault::Trailing),
        ("01", 1, JsonFault::Number),
        ("1.", 2, JsonFault::Number),
        ("+1", 0, JsonFault::Unexpected),
        ("1e", 2, JsonFault::Number),
        ("-", 1, JsonFault::Number),
        ("\"a", 2, JsonFault::End),
        ("\"\t\"", 1, JsonFault::ControlCharacter),
        (r#""\x""#, 1, JsonFault::Escape),
        (r#""\u12G4""#, 1, JsonFault::Escape),
        ("\u{feff}1", 0, JsonFault::ByteOrderMark),
    ] {
        check(text.as_bytes(), Err((offset, what)));
    }
    check(b"\"\xFF\"", Err((1, JsonFault::NotUtf8)));
}

#[test]
fn strings_of_every_length_end_at_their_quote() {
    // The scanner reads eight bytes at a time: every offset of the end, and bytes above 0x7F.
    for length in 0..40 {
        for filler in ["a", "객", "\u{80}", "!"] {
            let text = format!("[\"{}\",7]", filler.repeat(length));
            let document = Document::parse(text.as_bytes()).expect("well formed");
            let first = document.root().elements().next().expect("one string");
            assert_eq!(first.inner(), filler.repeat(length));
        }
    }
}

#[test]
fn nothing_is_lost() {
    let text = r#"{"b":1.50,"a":[true,null,"\u0041"],"b":{"c":{}}}"#;
    let document = Document::parse(text.as_bytes()).expect("well formed");
    let root = document.root();
    let members: Vec<_> = root.members().map(|(k, v)| (k.inner(), v.raw())).collect();
    let list = r#"[true,null,"\u0041"]"#;
    assert_eq!(members, [("b", "1.50"), ("a", list), ("b", r#"{"c":{}}"#)]);
    let third = document.resolve("/a/2").expect("there");
    assert_eq!((third.raw(), &*third.as_str()), (r#""\u0041""#, "A"));
    assert_eq!(
        document.resolve("/b/c").map(|n| n.kind()),
        Some(JsonType::Object)
    );
    assert!(document.resolve("/a/3").is_none() && document.resolve("a").is_none());
    assert_eq!(root.next_index() as usize, document.len());
}

#[test]
fn every_node_knows_its_place() {
    let text = br#"{"a/b":[1,{"c":[]}],"~":{"":null}}"#;
    let document = Document::parse(text).expect("well formed");
    for pointer in ["", "/a~1b", "/a~1b/0", "/a~1b/1/c", "/~0", "/~0/"] {
        let node = document.resolve(pointer).expect("there");
        assert_eq!(document.pointers(node.index()).0, pointer);
    }
    let deep = document.resolve("/a~1b/1/c").expect("there");
    assert_eq!(document.pointers(deep.index()).1, "/a~1b/*/c");
}

#[test]
fn depth_is_no_limit() {
    let text = "[".repeat(100_000) + &"]".repeat(100_000);
    assert_eq!(
        Document::parse(text.as_bytes()).expect("well formed").len(),
        100_000
    );
    let open = "{\"a\":".repeat(100_000);
    check(open.as_bytes(), Err((500_000, JsonFault::End)));
}

#[test]
fn lines_are_elements() {
    let document = Document::parse_lines(b"{\"a\":1}\r\n\n[2]\n3").expect("well formed");
    let lines: Vec<_> = document.root().elements().map(|n| n.raw()).collect();
    assert_eq!(lines, ["{\"a\":1}", "[2]", "3"]);
    assert!(
        Document::parse_lines(b"[1,\n2]").is_err(),
        "a value may not span lines"
    );
    assert_eq!(
        Document::parse_lines(b"").map(|d| d.root().child_count()),
        Ok(0)
    );
}
