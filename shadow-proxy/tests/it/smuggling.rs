//! R10, R12, R16: more ways of hiding a request or misleading the proxy, each over a raw socket.

use crate::upstream::{Upstream, ok};
use crate::wire::Wire;
use crate::{client, settled, start};

const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

/// Neither service gets a request that is not whole, or that was hidden in another.
fn nothing_hidden(legacy: &Upstream, core: &Upstream, what: &str) {
    for (name, upstream) in [("legacy", legacy), ("core", core)] {
        for request in upstream.seen.requests() {
            assert_ne!(request.target(), "/hidden", "{name}: {what:?}");
            assert!(
                request.all("transfer-encoding").len() + request.all("content-length").len() <= 1,
                "{name}: {what:?} {request:?}"
            );
        }
    }
}

#[test]
fn r10_no_way_of_framing_hides_a_request() {
    let post = |fields: &str, body: &str| {
        format!("POST /outer HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}{HIDDEN}")
    };
    let chunked = "0\r\n\r\n";
    let all = [
        post(
            "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n",
            chunked,
        ),
        post("Transfer-Encoding\t: chunked\r\n", chunked),
        post(" Transfer-Encoding: chunked\r\n", chunked),
        post("Transfer-Encoding:\x0bchunked\r\n", chunked),
        post("Transfer-Encoding: chunked\x0c\r\n", chunked),
        post("Transfer-Encoding: \"chunked\"\r\n", chunked),
        post("Transfer-Encoding: 'chunked'\r\n", chunked),
        post("Transfer-Encoding: chunked;q=1\r\n", chunked),
        post("Transfer-Encoding: gzip, chunked\r\n", chunked),
        post("Transfer-Encoding: chunked, identity\r\n", chunked),
        post("Transfer-Encoding: xchunked\r\n", chunked),
        post(
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            chunked,
        ),
        post(
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
            chunked,
        ),
        post("Transfer-Encoding:\r\n chunked\r\n", chunked),
        post("Transfer-Encoding: \r\nContent-Length: 5\r\n", chunked),
        post("X: y\nTransfer-Encoding: chunked\r\n", chunked),
        post("X: y\rTransfer-Encoding: chunked\r\n", chunked),
        post(
            "Content-Length: 5\r\ntransfer-encoding: CHUNKED\r\n",
            chunked,
        ),
        post("Content-Length: 0x5\r\n", "12345"),
        post("Content-Length: 5 5\r\n", "12345"),
        post("Content-Length: 5,\r\n", "12345"),
        post("Content-Length: \r\n", ""),
        post("Content-Length: 05_\r\n", ""),
        post("Content-Length: 5\0\r\n", "12345"),
        post("Content Length: 5\r\n", "12345"),
        post("Content-Length: 5\r\nContent-Length: 6\r\n", "12345"),
        post("Content-Length: 18446744073709551616\r\n", ""),
        post("Content-Length: 1e1\r\n", "1234567890"),
        "GET /outer HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\n12345".to_owned() + HIDDEN,
        "GET /outer HTTP/1.1 \r\nHost: a\r\n\r\n".to_owned() + HIDDEN,
        "GET  /outer HTTP/1.1\r\nHost: a\r\n\r\n".to_owned() + HIDDEN,
        "GET\t/outer HTTP/1.1\r\nHost: a\r\n\r\n".to_owned() + HIDDEN,
        "GET /outer\r\nHost: a\r\n\r\n".to_owned() + HIDDEN,
        "GET /outer HTTP/1.1\r\nHost: a\r\n\0\r\n\r\n".to_owned() + HIDDEN,
        "GET /outer HTTP/1.10\r\nHost: a\r\n\r\n".to_owned() + HIDDEN,
        "GET /outer HTTP/1.1\r\nHost: a, b\r\n\r\n".to_owned() + HIDDEN,
        "GET /outer HTTP/1.1\r\nHost: a/hidden\r\n\r\n".to_owned() + HIDDEN,
        "GET /outer HTTP/1.1\r\nHost: me@a\r\n\r\n".to_owned() + HIDDEN,
        "GET /outer HTTP/1.1\r\nHost:\r\n\r\n".to_owned() + HIDDEN,
        "GET /outer#hidden HTTP/1.1\r\nHost: a\r\n\r\n".to_owned() + HIDDEN,
        "POST /outer HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()
            + HIDDEN,
    ];
    let (legacy, core) = (Upstream::saying("{}"), Upstream::saying("{}"));
    let proxy = start(&legacy, &core);
    for request in &all {
        let mut wire = client(&proxy);
        let answer = wire.ask(request);
        assert!(
            matches!(answer.status(), 400 | 505),
            "{request:?} {answer:?}"
        );
        assert!(wire.ended(), "{request:?}");
        nothing_hidden(&legacy, &core, request);
    }
    assert_eq!(proxy.counters().total().sent, 0);
}

#[test]
fn r10_no_chunk_hides_a_request() {
    let all = [
        "5\r\nhello\r\n0\r\n\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "5 \n hello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n",
        "5;\0\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "ffffffffffffffff\r\nhello\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "0\r\nX : y\r\n\r\n",
        "0\r\n folded\r\n\r\n",
        "0\r\nno colon\r\n\r\n",
    ];
    let (legacy, core) = (Upstream::saying("{}"), Upstream::saying("{}"));
    let proxy = start(&legacy, &core);
    for chunks in all {
        let mut wire = client(&proxy);
        let head = "POST /outer HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = wire.ask(format!("{head}{chunks}{HIDDEN}"));
        assert!(
            matches!(answer.status(), 400 | 413),
            "{chunks:?} {answer:?}"
        );
        assert!(wire.ended(), "{chunks:?}");
        nothing_hidden(&legacy, &core, chunks);
    }
    let total = settled(&proxy, proxy.counters().total().sent);
    assert_eq!(total.compared(), 0, "{total:?}");
}

#[test]
fn r10_a_sound_request_in_odd_form_passes_with_one_framing() {
    let echo = |request: &crate::wire::Message| ok(request.text());
    let (legacy, core) = (Upstream::answering(echo), Upstream::answering(echo));
    let proxy = start(&legacy, &core);
    let mut wire = client(&proxy);
    for body in [
        "transfer-ENCODING: Chunked\r\n\r\n5;ext=1\r\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding: \t chunked \t\r\n\r\n00000005\r\nhello\r\n000\r\nX-Trailer: y\r\n\r\n",
        "Content-Length: 005\r\n\r\nhello",
    ] {
        let answer = wire.ask(format!("POST /o HTTP/1.1\r\nHost: a\r\n{body}"));
        assert_eq!((answer.status(), answer.text()), (200, "hello"), "{body:?}");
    }
    nothing_hidden(&legacy, &core, "odd and sound");
    // Two empty lines before a request are a habit of old clients.
    assert_eq!(
        wire.ask("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .status(),
        200
    );
}

#[test]
fn r12_expect_is_answered_in_every_form_and_a_refusal_needs_no_body() {
    let legacy = Upstream::answering(|request| ok(request.text()));
    let mut config = crate::config(&legacy, &Upstream::saying("{}"));
    config.client.max_body_bytes = 100;
    let proxy = shadow_proxy::Proxy::start(&config).expect("a good configuration");
    let mut wire = client(&proxy);
    let go_on = wire.ask(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-Continue\r\n\r\n",
    );
    assert_eq!(go_on.status(), 100);
    assert_eq!(wire.ask("5\r\nhello\r\n0\r\n\r\n").text(), "hello");
    // Whoever does not wait gets its answer as well.
    wire.send(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    );
    let mut answer = wire.answer();
    if answer.status() == 100 {
        answer = wire.answer();
    }
    assert_eq!(answer.text(), "hello");
    let refused = wire
        .ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(refused.status(), 413, "before the body is sent");
    // HTTP/1.0 knows no interim answers.
    let old = client(&proxy).ask(
        "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    );
    assert_eq!((old.status(), old.text()), (200, "hello"));
}

#[test]
fn r16_nobody_reaches_another_host_through_the_proxy() {
    let (legacy, core) = (Upstream::saying("{}"), Upstream::saying("{}"));
    let elsewhere = Upstream::saying("{}");
    let proxy = start(&legacy, &core);
    let away = elsewhere.address;
    for (request, status) in [
        (
            format!("GET http://{away}/x HTTP/1.1\r\nHost: a\r\n\r\n"),
            200,
        ),
        (
            format!("GET http://{away}/x HTTP/1.1\r\nHost: {away}\r\n\r\n"),
            200,
        ),
        (format!("GET /x HTTP/1.1\r\nHost: {away}\r\n\r\n"), 200),
        (format!("GET //{away}/x HTTP/1.1\r\nHost: a\r\n\r\n"), 200),
        (
            format!("GET /x HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: {away}\r\n\r\n"),
            200,
        ),
        (
            format!("CONNECT {away} HTTP/1.1\r\nHost: {away}\r\n\r\n"),
            405,
        ),
        (
            format!("connect {away} HTTP/1.1\r\nHost: {away}\r\n\r\n"),
            405,
        ),
        (format!("GET {away} HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        (
            format!("GET gopher://{away}/ HTTP/1.1\r\nHost: a\r\n\r\n"),
            400,
        ),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 200),
    ] {
        let answer = Wire::connect(proxy.listen()).ask(&request);
        assert_eq!(answer.status(), status, "{request:?}");
    }
    assert_eq!(elsewhere.seen.connections(), 0);
}
