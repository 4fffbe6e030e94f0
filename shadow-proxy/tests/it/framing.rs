//! R10, R16, R17: what the services get has one reading; everything else is refused.

use std::fmt::Write as _;

use crate::upstream::Upstream;
use crate::{client, settled, start};

const HOST: &str = "Host: a\r\n";

#[test]
fn r10_requests_with_two_readings_are_refused_and_no_hidden_request_is_forwarded() {
    let (legacy, core) = (Upstream::saying("{}"), Upstream::saying("{}"));
    let proxy = start(&legacy, &core);
    let hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
    let bad = [
        format!(
            "POST / HTTP/1.1\r\n{HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n"
        ),
        format!("POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{HOST}Content-Length: 0\r\nContent-Length: 0\r\n\r\n"),
        format!("POST / HTTP/1.1\r\n{HOST}Content-Length: 1, 1\r\n\r\nx"),
        format!("POST / HTTP/1.1\r\n{HOST}Content-Length: +1\r\n\r\nx"),
        format!("POST / HTTP/1.1\r\n{HOST}Content-Length: 99999999999999999999\r\n\r\nx"),
        format!("GET / HTTP/1.1\n{HOST}\r\n"),
        format!("GET / HTTP/1.1\r\n{HOST}X: a\rb\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{HOST}X: a\0b\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{HOST}X : a\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{HOST}X: a\r\n folded\r\n\r\n"),
        format!("GET /a b HTTP/1.1\r\n{HOST}\r\n"),
        "GET / HTTP/1.1\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\n{HOST}{HOST}\r\n"),
        format!("GET / HTTP/1.1\r\n{HOST}Host: b\r\n\r\n"),
    ];
    for head in &bad {
        let mut client = client(&proxy);
        let answer = client.ask(format!("{head}{hidden}"));
        assert_eq!(answer.status(), 400, "{head:?} {answer:?}");
        assert_eq!(answer.field("connection"), Some("close"), "{head:?}");
        assert!(client.ended(), "{head:?}");
    }
    assert_eq!(legacy.seen.requests(), [], "nothing of it went on");
    assert_eq!(core.seen.requests(), []);
    assert_eq!(proxy.counters().refused(), bad.len() as u64);
    assert_eq!(proxy.counters().total().sent, 0);
}

#[test]
fn r10_a_bad_chunk_ends_the_request_and_hides_nothing() {
    let (legacy, core) = (Upstream::saying("{}"), Upstream::saying("{}"));
    let proxy = start(&legacy, &core);
    for chunks in [
        "zz\r\n",
        "3\r\nabcd\r\n",
        "3\nabc\n0\n\n",
        "-1\r\n",
        "3 4\r\nabc\r\n",
    ] {
        let mut client = client(&proxy);
        let answer = client.ask(format!(
            "POST /chunks HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n{chunks}GET /hidden HTTP/1.1\r\n{HOST}\r\n"
        ));
        assert_eq!(answer.status(), 400, "{chunks:?} {answer:?}");
        assert!(client.ended());
    }
    assert!(
        legacy
            .seen
            .requests()
            .iter()
            .all(|request| request.target() != "/hidden")
    );
    assert!(
        legacy.seen.requests().iter().all(|request| !request.whole),
        "legacy never takes it whole"
    );
    assert_eq!(core.seen.requests(), []);
}

#[test]
fn r10_pipelined_requests_keep_order_and_count_and_a_bad_one_only_ends_what_follows() {
    let legacy = Upstream::answering(|request| crate::upstream::ok(request.target()));
    let core = Upstream::answering(|request| crate::upstream::ok(request.target()));
    let proxy = start(&legacy, &core);
    let mut client = client(&proxy);
    let mut all = String::new();
    for number in 0..50 {
        if number % 3 == 0 {
            let _ = write!(
                all,
                "POST /{number} HTTP/1.1\r\n{HOST}Content-Length: 5\r\n\r\nGET /"
            );
        } else {
            let _ = write!(all, "GET /{number} HTTP/1.1\r\n{HOST}\r\n");
        }
    }
    all += "GET /bad HTTP/1.1\r\n\r\nGET /after HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(&all);
    for number in 0..50 {
        assert_eq!(client.answer().text(), format!("/{number}"));
    }
    assert_eq!(client.answer().status(), 400);
    assert!(client.ended());
    let targets: Vec<_> = legacy
        .seen
        .requests()
        .iter()
        .map(|r| r.target().to_owned())
        .collect();
    assert_eq!(
        targets,
        (0..50)
            .map(|number| format!("/{number}"))
            .collect::<Vec<_>>()
    );
    settled(&proxy, 50);
    assert_eq!(core.seen.requests().len(), 33, "the reads");
}

#[test]
fn r16_the_target_passes_unchanged_and_only_to_the_two_services() {
    let (legacy, core) = (Upstream::saying("{}"), Upstream::saying("{}"));
    let proxy = start(&legacy, &core);
    let mut client = client(&proxy);
    let targets = [
        "/a/../b/./c",
        "//double//slash",
        "/%2F%2e%2E/x",
        "/a?",
        "/a?b=c&&d",
        "/;p=1",
        "/~u/$&'()*+,=:@!",
    ];
    for (number, target) in targets.into_iter().enumerate() {
        assert_eq!(client.get(target).status(), 200, "{target}");
        // One after another, so that core's order is known.
        settled(&proxy, number as u64 + 1);
    }
    let absolute = "GET http://evil.example:81/path?q HTTP/1.1\r\nHost: other\r\n\r\n";
    assert_eq!(client.ask(absolute).status(), 200);
    for upstream in [&legacy, &core] {
        let seen = upstream.seen.wait_for(targets.len() + 1);
        let passed: Vec<_> = seen.iter().map(crate::wire::Message::target).collect();
        assert_eq!(passed[..targets.len()], targets);
        assert_eq!(passed[targets.len()], "/path?q");
        assert_eq!(seen[targets.len()].all("host"), [b"evil.example:81"]);
    }
    for (request, status) in [
        (
            "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            405,
        ),
        ("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET http://me@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\n\r\n", 400),
        ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
    ] {
        let answer = crate::client(&proxy).ask(request);
        assert_eq!(answer.status(), status, "{request:?}");
    }
    assert_eq!(legacy.seen.requests().len(), targets.len() + 1);
}

#[test]
fn r17_what_is_too_large_is_refused_and_its_refusal_arrives() {
    let (legacy, core) = (Upstream::saying("{}"), Upstream::saying("{}"));
    let mut config = crate::config(&legacy, &core);
    config.client.max_body_bytes = 1 << 20;
    let proxy = shadow_proxy::Proxy::start(&config).expect("a good configuration");
    let long = "a".repeat(100_000);
    let field = format!("X: {}\r\n", "b".repeat(2 << 20));
    let fields = "X-One: 1\r\n".repeat(20_000);
    for (request, status) in [
        (format!("GET /{long} HTTP/1.1\r\n{HOST}\r\n"), 414),
        (format!("GET / HTTP/1.1\r\n{HOST}{field}\r\n"), 431),
        (format!("GET / HTTP/1.1\r\n{HOST}{fields}\r\n"), 431),
        (
            format!("POST / HTTP/1.1\r\n{HOST}Content-Length: 1048577\r\n\r\n"),
            413,
        ),
        (
            format!(
                "POST / HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n100001\r\n{}",
                "c".repeat(1 << 20)
            ),
            413,
        ),
    ] {
        let answer = client(&proxy).ask(&request);
        assert_eq!(answer.status(), status, "{}", &request[..60]);
    }
    assert!(legacy.seen.requests().iter().all(|request| !request.whole));
    let mut client = client(&proxy);
    let body = "d".repeat(1 << 20);
    let largest = format!(
        "POST / HTTP/1.1\r\n{HOST}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(client.ask(largest).status(), 200);
    assert_eq!(
        legacy.seen.requests().last().expect("it came").body.len(),
        1 << 20
    );
}
