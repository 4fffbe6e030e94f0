//! Faults in the body, and in how an answer ends.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use shadow_proxy::counters::Reason;

use super::LEGACY;
use super::answers::{
    ERROR, Ends, FIELDS, Fault, LARGE, LATE, Script, Then, answer, right, says, then,
};

/// An answer in chunks with these bytes after its head.
fn chunked(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{FIELDS}Transfer-Encoding: chunked\r\n\r\n{body}")
}

pub(super) fn chunks() -> Vec<Fault> {
    let length = LEGACY.len();
    let one = format!("{length:x}\r\n{LEGACY}\r\n");
    vec![
        then(
            "chunks as they should be",
            chunked(&format!("{one}0\r\n\r\n")),
            Then::GoOn,
            Ends::Equal,
        ),
        says("a chunk size of letters", chunked("zz\r\n"), ERROR),
        says(
            "a chunk size beyond 64 bits",
            chunked("fffffffffffffffff\r\n"),
            ERROR,
        ),
        says("a negative chunk size", chunked("-1\r\n"), ERROR),
        says("an empty chunk size", chunked("\r\n{}\r\n0\r\n\r\n"), ERROR),
        says(
            "a chunk longer than its size",
            chunked("3\r\nabcdef\r\n0\r\n\r\n"),
            ERROR,
        ),
        says("a chunk that breaks off", chunked("fff\r\nabc"), ERROR),
        says("no last chunk", chunked(&one), ERROR),
        then(
            "a last chunk that never comes",
            chunked(&one),
            Then::Stay,
            LATE,
        ),
        says(
            "a chunk of 2^60 bytes",
            chunked("fffffffffffffff\r\nabc"),
            ERROR,
        ),
        says(
            "a chunk with extension",
            chunked(&format!(
                "{length:x};a=b;c=\"d\"\r\n{LEGACY}\r\n0;x\r\n\r\n"
            )),
            Ends::Equal,
        ),
        says(
            "an extension of 1 MiB",
            chunked(&format!(
                "{length:x};{}\r\n{LEGACY}\r\n0\r\n\r\n",
                "x".repeat(1 << 20)
            )),
            ERROR,
        ),
        then(
            "an extension without end",
            chunked("1;"),
            Then::Repeat(&[b'x'; 512]),
            ERROR,
        ),
        then(
            "chunks without end",
            chunked(""),
            Then::Repeat(b"8\r\n{\"a\":1},\r\n"),
            LARGE,
        ),
        then(
            "chunks of one byte without end",
            chunked(""),
            Then::Repeat(
                b"1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n1\r\nx\r\n",
            ),
            Ends::Lost(&[Reason::CoreTooLarge, Reason::CoreTimeout]),
        ),
        says(
            "trailers",
            chunked(&format!("{one}0\r\nX-Sum: 6\r\n\r\n")),
            Ends::Compared,
        ),
        says(
            "trailers that frame and sign in",
            chunked(&format!(
                "{one}0\r\nContent-Length: 9\r\nSet-Cookie: a=1\r\nTransfer-Encoding: x\r\n\r\n"
            )),
            Ends::Any(&[Reason::CoreError]),
        ),
        says(
            "a trailer without colon",
            chunked(&format!("{one}0\r\nnonsense\r\n\r\n")),
            ERROR,
        ),
        then(
            "trailers without end",
            chunked(&format!("{one}0\r\n")),
            Then::Repeat(b"X: 1\r\n"),
            ERROR,
        ),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("into memory");
    encoder.finish().expect("into memory")
}

pub(super) fn codings() -> Vec<Fault> {
    let coded = |coding: &str, body: &[u8]| {
        answer(
            "200 OK",
            &format!("{FIELDS}Content-Encoding: {coding}\r\n"),
            body,
        )
    };
    let whole = gzip(LEGACY.as_bytes());
    let compared = Ends::Any(&[Reason::Inconclusive]);
    vec![
        says(
            "a bomb in gzip",
            coded("gzip", &gzip(&vec![b' '; 16 << 20])),
            LARGE,
        ),
        says(
            "a bomb in a bomb",
            coded("gzip, gzip", &gzip(&gzip(&vec![0; 16 << 20]))),
            LARGE,
        ),
        says(
            "gzip that breaks off",
            coded("gzip", &whole[..whole.len() - 12]),
            compared,
        ),
        says(
            "gzip with a wrong sum",
            coded("gzip", &[&whole[..whole.len() - 8], &[0; 8]].concat()),
            compared,
        ),
        says(
            "gzip that is none",
            coded("gzip", LEGACY.as_bytes()),
            compared,
        ),
        says(
            "gzip with more behind it",
            coded("gzip", &[&whole[..], b"more"].concat()),
            compared,
        ),
        says(
            "gzip that is not announced",
            answer("200 OK", FIELDS, &whole),
            Ends::Different,
        ),
        says(
            "deflate that is none",
            coded("deflate", LEGACY.as_bytes()),
            compared,
        ),
        says("br that is none", coded("br", LEGACY.as_bytes()), compared),
        says(
            "br that breaks off",
            coded("br", b"\x1b\xff\xff\x00"),
            compared,
        ),
        says(
            "zstd that is none",
            coded("zstd", LEGACY.as_bytes()),
            compared,
        ),
        says(
            "zstd that breaks off",
            coded("zstd", b"\x28\xb5\x2f\xfd\x04\x58\x29"),
            compared,
        ),
        says(
            "zstd with a window of 2 GiB",
            coded("zstd", b"\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00"),
            compared,
        ),
        says(
            "a coding that nobody knows",
            coded("snake", LEGACY.as_bytes()),
            compared,
        ),
        says(
            "twenty codings",
            coded(&["gzip"; 20].join(", "), &whole),
            compared,
        ),
    ]
}

pub(super) fn contents() -> Vec<Fault> {
    let json = |body: &str| answer("200 OK", FIELDS, body);
    let bytes = |body: &[u8]| answer("200 OK", FIELDS, body);
    let typed =
        |kind: &str, body: &str| answer("200 OK", &format!("Content-Type: {kind}\r\n"), body);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let open = "{\"a\":".repeat(100_000);
    let digits = format!("{{\"values\":{}}}", "9".repeat(1_000_000));
    let keys = (0..10_000).fold(String::new(), |keys, n| keys + &format!("\"k{n}\":{n},"));
    let utf16: Vec<u8> = "\u{feff}{}"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let wrong = Ends::Different;
    vec![
        says("JSON 100,000 levels deep", json(&deep), wrong),
        says("JSON 100,000 levels open", json(&open), wrong),
        says("a number of a million digits", json(&digits), wrong),
        says(
            "an exponent of nine digits",
            json("{\"values\":1e999999999}"),
            wrong,
        ),
        says(
            "an exponent beyond 64 bits",
            json("{\"values\":1e99999999999999999999999}"),
            wrong,
        ),
        says("NaN", json("{\"values\":NaN}"), wrong),
        says(
            "the same key twice",
            json(r#"{"values":[],"values":[{"id":1,"status":"NORMAL"}]}"#),
            wrong,
        ),
        says("10,000 keys", json(&format!("{{{keys}\"z\":0}}")), wrong),
        says(
            "a body that is not UTF-8",
            bytes(b"{\"values\":\"\xff\xfe\"}"),
            wrong,
        ),
        says(
            "half a surrogate pair",
            json(r#"{"values":"\ud800"}"#),
            wrong,
        ),
        says("UTF-16", bytes(&utf16), wrong),
        says("JSON that breaks off", json(&LEGACY[..20]), wrong),
        says("JSON and more", json(&format!("{LEGACY}}}")), wrong),
        says(
            "two JSON texts",
            json(&format!("{LEGACY}\n{LEGACY}")),
            wrong,
        ),
        says("null", json("null"), wrong),
        says("an empty body", json(""), wrong),
        says(
            "a page of HTML",
            typed("text/html", "<script>alert(1)</script>"),
            wrong,
        ),
        says(
            "markup and escapes in keys",
            json("{\"<img src=x onerror=alert(1)>\":1,\"\\u001b[2J\":2}"),
            wrong,
        ),
        says("a media type that is none", typed("????", LEGACY), wrong),
        says(
            "a media type of 50 kB",
            typed(&format!("application/{}", "x".repeat(50_000)), LEGACY),
            wrong,
        ),
    ]
}

pub(super) fn without_body() -> Vec<Fault> {
    let bare = |status: &str, body: &str| format!("HTTP/1.1 {status}\r\n{FIELDS}\r\n{body}");
    vec![
        then(
            "204 with a body",
            bare("204 No Content", LEGACY),
            Then::GoOn,
            Ends::Different,
        ),
        then(
            "204 with a length",
            answer("204 No Content", FIELDS, LEGACY),
            Then::GoOn,
            Ends::Any(&[Reason::CoreError]),
        ),
        then(
            "205 with a body",
            answer("205 Reset Content", FIELDS, LEGACY),
            Then::GoOn,
            Ends::Different,
        ),
        then(
            "304 unasked with a body",
            bare("304 Not Modified", LEGACY),
            Then::GoOn,
            Ends::Different,
        ),
    ]
}

pub(super) fn endings() -> Vec<Fault> {
    let half = &right()[..30];
    let most = &right()[..right().len() - 10];
    let gone = Ends::Lost(&[Reason::CoreError, Reason::CoreUnreachable]);
    let either = Ends::Any(&[Reason::CoreError, Reason::CoreUnreachable]);
    let mut unasked = then(
        "an answer before the question",
        right(),
        Then::Stay,
        Ends::Any(&[Reason::CoreError, Reason::CoreTimeout]),
    );
    unasked.script = Script {
        unasked: true,
        ..unasked.script
    };
    vec![
        then(
            "two answers to one question",
            [right(), right()].concat(),
            Then::GoOn,
            Ends::Equal,
        ),
        then(
            "an answer and half of another",
            [&right()[..], half].concat(),
            Then::GoOn,
            Ends::Equal,
        ),
        unasked,
        then(
            "the end of the connection announced and not kept",
            answer("200 OK", &format!("{FIELDS}Connection: close\r\n"), LEGACY),
            Then::Stay,
            Ends::Compared,
        ),
        says(
            "keeping announced and not kept",
            answer(
                "200 OK",
                &format!("{FIELDS}Connection: keep-alive\r\nKeep-Alive: timeout=60\r\n"),
                LEGACY,
            ),
            Ends::Compared,
        ),
        says("an end inside the head", half, ERROR),
        says("an end inside the body", most, ERROR),
        then("a reset at once", "", Then::Reset, gone),
        then("a reset inside the head", half, Then::Reset, gone),
        then("a reset inside the body", most, Then::Reset, gone),
        then("a reset after the answer", right(), Then::Reset, either),
        then("silence", "", Then::Stay, LATE),
        then(
            "an answer that drips",
            "HTTP/1.1 200 OK\r\nX: ",
            Then::Drip(b'x'),
            LATE,
        ),
        then(
            "a body that drips",
            format!("HTTP/1.1 200 OK\r\n{FIELDS}Content-Length: 100000\r\n\r\n"),
            Then::Drip(b' '),
            LATE,
        ),
    ]
}
