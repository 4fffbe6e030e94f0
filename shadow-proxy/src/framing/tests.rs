use super::*;

const LIMITS: Limits = Limits {
    max_target_bytes: 100,
    max_head_bytes: 400,
    max_fields: 5,
    max_body_bytes: 50,
};

/// Feeds `input` in pieces of `size` and returns what was released and the refusal, if any.
fn feed(input: &[u8], size: usize) -> (Vec<u8>, Option<u16>) {
    let mut framing = Framing::new(LIMITS);
    let (mut held, mut out) = (Vec::new(), Vec::new());
    for piece in input.chunks(size) {
        held.extend_from_slice(piece);
        loop {
            match framing.advance(&held) {
                Ok(0) => break,
                Ok(released) => out.extend(held.drain(..released)),
                Err(refusal) => return (out, Some(refusal.status.as_u16())),
            }
        }
    }
    (out, None)
}

fn check(input: &str, released: usize, status: Option<u16>) {
    for size in [1, 2, 3, 7, input.len()] {
        let (out, seen) = feed(input.as_bytes(), size);
        assert_eq!((out.len(), seen), (released, status), "{input:?} by {size}");
    }
}

#[test]
fn requests_with_one_reading_pass_whole() {
    for input in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a//b/../%2F?x= HTTP/1.0\r\nhOsT:\ta:80 \r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n",
        "GET http://a/b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    ] {
        check(input, input.len(), None);
    }
}

#[test]
fn requests_with_two_readings_are_refused_before_any_of_their_bytes_is_released() {
    for (head, status) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /#f HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET /\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\n",
            400,
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 51\r\n\r\n",
            413,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
            400,
        ),
        (
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n1: \r\n2: \r\n3: \r\n4: \r\n5: \r\n\r\n",
            431,
        ),
        ("\r\n\r\n\r\n", 400),
    ] {
        check(head, 0, Some(status));
        // A refusal never takes an earlier request of the pipeline with it.
        let first = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        check(&format!("{first}{head}"), first.len(), Some(status));
    }
}

#[test]
fn limits_hold_without_the_end_of_the_line_ever_coming() {
    check(&format!("GET /{}", "a".repeat(200)), 0, Some(414));
    check(
        &format!("GET /{} HTTP/1.1\r\n", "a".repeat(100)),
        0,
        Some(414),
    );
    check(
        &format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(400)),
        0,
        Some(431),
    );
    check(&format!("{} ", "A".repeat(200)), 0, Some(414));
}

#[test]
fn bad_chunks_end_the_body_at_the_last_good_byte() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (body, good, status) in [
        ("3\r\nabcd", "3\r\nabc", 400),
        ("3\nabc", "", 400),
        ("-1\r\n", "", 400),
        ("0x3\r\n", "", 400),
        ("fffffffffffffffff\r\n", "", 400),
        ("3 4\r\n", "", 400),
        ("\r\n", "", 400),
        ("33\r\n", "", 413),
        ("0\r\nbad trailer\r\n", "0\r\n", 400),
        ("0\r\nA: b\n\r\n", "0\r\n", 400),
    ] {
        check(
            &format!("{head}{body}"),
            head.len() + good.len(),
            Some(status),
        );
    }
}

#[test]
fn nothing_after_an_upgrade_request_is_released_before_the_decision() {
    let head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let mut framing = Framing::new(LIMITS);
    let mut bytes = head.to_vec();
    bytes.extend_from_slice(b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(framing.advance(&bytes), Ok(head.len()));
    assert_eq!(framing.phase(), Phase::Held);
    assert_eq!(framing.advance(&bytes[head.len()..]), Ok(0));
    framing.resume();
    assert_eq!(
        framing.advance(&bytes[head.len()..]),
        Ok(bytes.len() - head.len())
    );
    // h2c is no upgrade here, so nothing is held.
    let h2c = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    assert_eq!(framing.advance(h2c), Ok(h2c.len()));
    assert_eq!(framing.phase(), Phase::Idle);
}

/// Pieces from which proptest builds what a hostile client might send.
const PIECES: [&str; 24] = [
    "GET / HTTP/1.1\r\n",
    "POST /a HTTP/1.1\r\n",
    "GET / HTTP/1.0\r\n",
    "Host: a\r\n",
    "\r\n",
    "\n",
    "\r",
    "Content-Length: 3\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "abc",
    "3\r\nabc\r\n",
    "0\r\n\r\n",
    "0\r\n",
    "Connection: Upgrade\r\n",
    "Upgrade: x\r\n",
    "X: y\r\n",
    " ",
    ":",
    "\0",
    "3",
    "g",
    "Expect: 100-continue\r\n",
    "#",
];

proptest::proptest! {
    #[test]
    fn how_the_bytes_are_cut_changes_nothing(
        picks in proptest::collection::vec(0..PIECES.len(), 0..30),
        size in 1..40_usize,
    ) {
        let input: String = picks.into_iter().map(|pick| PIECES[pick]).collect();
        proptest::prop_assert_eq!(
            feed(input.as_bytes(), size),
            feed(input.as_bytes(), input.len().max(1)),
            "{:?} by {}", input, size
        );
    }

    #[test]
    fn any_bytes_are_taken_without_harm(
        input in proptest::collection::vec(proptest::num::u8::ANY, 0..600),
        size in 1..40_usize,
    ) {
        let (released, _) = feed(&input, size);
        proptest::prop_assert!(input.starts_with(&released));
    }
}
