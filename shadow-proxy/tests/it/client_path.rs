//! R6, R11 to R15, R18, R21: what passes between a client and legacy.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use shadow_proxy::Proxy;
use shadow_proxy::counters::Reason;

use crate::upstream::{Upstream, ok};
use crate::wire::Wire;
use crate::{client, config, lost, settled, start};

#[test]
fn r6_a_dying_idle_connection_is_never_an_error_for_a_read() {
    // Ends each connection after one answer, without announcing it.
    let legacy = Upstream::start(|_, mut wire, seen| {
        if let Ok(Some(request)) = wire.message(false) {
            seen.note(request);
            wire.send(ok("{}"));
        }
    });
    let core = Upstream::saying("{}");
    let proxy = start(&legacy, &core);
    let mut client = client(&proxy);
    for number in 0..200 {
        assert_eq!(
            client.get(&format!("/{number}")).status(),
            200,
            "read {number}"
        );
    }
    assert_eq!(settled(&proxy, 200).compared(), 200);
}

#[test]
fn r6_a_read_is_sent_again_when_the_reused_connection_gives_no_byte_and_a_write_is_not() {
    // Answers the first request of a connection and hangs up on reading the second.
    let legacy = Upstream::start(|_, mut wire, seen| {
        if let Ok(Some(request)) = wire.message(false) {
            seen.note(request);
            wire.send(ok("{}"));
        }
        if let Ok(Some(request)) = wire.message(false) {
            seen.note(request);
        }
    });
    let core = Upstream::saying("{}");
    let proxy = start(&legacy, &core);
    let mut client = client(&proxy);
    for _ in 0..5 {
        assert_eq!(client.get("/read").status(), 200);
    }
    settled(&proxy, 5);
    let before = legacy.seen.requests().len();
    let write = "POST /write HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(
        client.ask(write).status(),
        502,
        "it may have had its effect"
    );
    let writes = legacy.seen.requests()[before..]
        .iter()
        .filter(|r| r.method() == "POST")
        .count();
    assert_eq!(writes, 1, "a write is never sent again");
}

#[test]
fn r6_half_an_answer_is_never_asked_for_again() {
    let legacy = Upstream::start(|_, mut wire, seen| {
        if let Ok(Some(request)) = wire.message(false) {
            seen.note(request);
            wire.send(ok("{}"));
        }
        if let Ok(Some(request)) = wire.message(false) {
            seen.note(request);
            wire.send("HTTP/1.1 200");
        }
    });
    let proxy = start(&legacy, &Upstream::saying("{}"));
    let mut client = client(&proxy);
    assert_eq!(client.get("/").status(), 200);
    settled(&proxy, 1);
    assert_eq!(client.get("/").status(), 502);
    assert_eq!(legacy.seen.requests().len(), 2);
}

#[test]
fn r11_fields_of_one_hop_go_no_further_and_the_rest_arrives_at_both_alike() {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Latin: \xe9\r\n\r\n{}";
    let legacy = Upstream::answering(|_| answer.to_vec());
    let core = Upstream::answering(|_| answer.to_vec());
    let proxy = start(&legacy, &core);
    let mut client = client(&proxy);
    let mut request = b"GET /a HTTP/1.1\r\nHost: rms.example\r\nConnection: X-Mine, close , authorization\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nAuthorization: Bearer t\r\nCookie: a=1\r\nCookie: b=2\r\nAccept: x\r\nX-Latin: ".to_vec();
    request.extend_from_slice(b"\xe9\xff\r\n\r\n");
    let answered = client.ask(&request);
    assert_eq!(answered.all("set-cookie"), [b"a=1", b"b=2"]);
    assert_eq!(answered.all("x-latin"), [b"\xe9"]);
    assert_eq!(answered.all("via"), [b"1.1 shadow-proxy"]);
    let mut names: Vec<_> = answered
        .fields
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    // What is added: `Via`, and what ends this hop.
    assert_eq!(
        names,
        [
            "connection",
            "content-length",
            "set-cookie",
            "set-cookie",
            "via",
            "x-latin"
        ]
    );

    let at_legacy = legacy.seen.wait_for(1).remove(0);
    let at_core = core.seen.wait_for(1).remove(0);
    assert_eq!(at_legacy, at_core);
    assert_eq!(at_legacy.all("authorization"), [b"Bearer t"]);
    assert_eq!(at_legacy.all("cookie"), [b"a=1", b"b=2"]);
    assert_eq!(at_legacy.all("x-latin"), [b"\xe9\xff"]);
    assert_eq!(at_legacy.all("host"), [b"rms.example"]);
    for gone in [
        "connection",
        "x-mine",
        "keep-alive",
        "proxy-connection",
        "te",
    ] {
        assert_eq!(at_legacy.field(gone), None, "{gone}");
    }
    assert_eq!(settled(&proxy, 1).equal, 1);
}

#[test]
fn r12_expect_100_continue_is_answered_at_once_and_the_body_follows_whole() {
    let legacy = Upstream::saying("{}");
    let proxy = start(&legacy, &Upstream::saying("{}"));
    let mut client = client(&proxy);
    let go_on = client
        .ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(go_on.status(), 100);
    assert_eq!(client.ask("hello").status(), 200);
    assert_eq!(legacy.seen.wait_for(1)[0].text(), "hello");
    let other = client.ask("GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n");
    assert_eq!(other.status(), 417);
}

const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

#[test]
fn r13_nothing_after_an_upgrade_request_passes_before_the_101_and_it_is_not_shadowed() {
    let (decide, decision) = mpsc::channel();
    let decision = std::sync::Mutex::new(decision);
    let (told, tell) = mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let legacy = Upstream::start(move |_, mut wire, seen| {
        let request = wire.message(false).expect("readable").expect("a request");
        assert_eq!(request.field("upgrade"), Some("echo"));
        seen.note(request);
        wire.stream
            .set_read_timeout(Some(Duration::from_millis(300)))
            .expect("above zero");
        let early = wire.message(false);
        told.lock()
            .expect("one user")
            .send(early.is_err())
            .expect("the test waits");
        decision
            .lock()
            .expect("one user")
            .recv()
            .expect("the test decides");
        wire.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nwelcome\r\n");
        let mut from = wire.stream.try_clone().expect("a socket");
        from.set_read_timeout(Some(crate::wire::LIMIT))
            .expect("above zero");
        let _ended = std::io::copy(&mut from, &mut wire.stream);
    });
    let core = Upstream::saying("{}");
    let proxy = start(&legacy, &core);
    let mut client = client(&proxy);
    client.send(format!("{UPGRADE}early bytes\r\n"));
    assert!(
        tell.recv().expect("legacy tells"),
        "legacy must see no byte before its 101"
    );
    decide.send(()).expect("legacy waits");
    let switched = client.message(true).expect("readable").expect("an answer");
    assert_eq!(
        (switched.status(), switched.field("upgrade")),
        (101, Some("echo"))
    );
    let mut lines = vec![0; b"welcome\r\nearly bytes\r\n".len()];
    let mut read = 0;
    let mut tunnel = client;
    tunnel.send("late\r\n");
    lines.resize(lines.len() + 6, 0);
    while read < lines.len() {
        read += tunnel.take(&mut lines[read..]);
    }
    assert_eq!(
        String::from_utf8_lossy(&lines),
        "welcome\r\nearly bytes\r\nlate\r\n"
    );
    assert_eq!(core.seen.requests(), []);
    assert_eq!(lost(&settled(&proxy, 1), Reason::Upgrade), 1);
}

#[test]
fn r13_a_refused_upgrade_leaves_the_connection_http_and_h2c_is_not_offered() {
    let legacy = Upstream::answering(|request| ok(request.target()));
    let core = Upstream::answering(|request| ok(request.target()));
    let proxy = start(&legacy, &core);
    let mut client = client(&proxy);
    client.send(format!("{UPGRADE}GET /next HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(client.answer().text(), "/ws");
    assert_eq!(client.answer().text(), "/next");
    let h2c = "GET /h2 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    assert_eq!(client.ask(h2c).text(), "/h2");
    let seen = legacy.seen.wait_for(3);
    assert_eq!(
        (seen[2].field("upgrade"), seen[2].field("http2-settings")),
        (None, None)
    );
    let total = settled(&proxy, 3);
    assert_eq!((total.equal, lost(&total, Reason::Upgrade)), (2, 1));
}

#[test]
fn r14_trailers_of_legacy_reach_the_client_and_forbidden_ones_do_not() {
    let legacy = Upstream::answering(|_| {
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Content-Length, Authorization\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\nContent-Length: 9\r\nAuthorization: Bearer t\r\n\r\n".to_vec()
    });
    let proxy = start(&legacy, &Upstream::saying("{}"));
    let mut client = client(&proxy);
    let answer = client.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: trailers\r\n\r\n");
    assert_eq!(answer.text(), "abc");
    assert_eq!(answer.trailers, [("x-sum".to_owned(), b"6".to_vec())]);
    assert_eq!(answer.all("content-length"), [] as [&[u8]; 0]);
}

#[test]
fn r15_answers_without_body_keep_their_lengths_and_do_not_shift_the_next() {
    let answer = |request: &crate::wire::Message| match (request.method(), request.target()) {
        ("HEAD", _) => b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n".to_vec(),
        (_, "/204") => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        (_, "/304") => b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n".to_vec(),
        (_, target) => ok(target),
    };
    let (legacy, core) = (
        Upstream::answering(answer),
        Upstream::start(move |_, mut wire, seen| {
            while let Ok(Some(request)) = wire.message(false) {
                wire.send(answer(&request));
                seen.note(request);
            }
        }),
    );
    let proxy = start(&legacy, &core);
    let mut client = client(&proxy);
    for round in 0..3 {
        client.send("HEAD /head HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = client.answer_to("HEAD");
        assert_eq!(
            (head.status(), head.field("content-length")),
            (200, Some("1234"))
        );
        assert_eq!(client.get("/204").status(), 204);
        let unchanged = client.get("/304");
        assert_eq!(
            (unchanged.status(), unchanged.field("etag")),
            (304, Some("\"x\""))
        );
        assert_eq!(
            client.get(&format!("/after{round}")).text(),
            format!("/after{round}")
        );
    }
    assert_eq!(
        legacy.seen.connections(),
        1,
        "none of them cost the connection"
    );
    assert_eq!(settled(&proxy, 12).equal, 12);
}

#[test]
fn answers_pass_as_they_are_however_they_are_framed() {
    let legacy = Upstream::start(|_, mut wire, seen| {
        let Ok(Some(request)) = wire.message(false) else {
            return;
        };
        let answer: &[u8] = match request.target() {
            "/close" => b"HTTP/1.1 418 Odd\r\nX-A: 1\r\n\r\nuntil the end",
            "/old" => b"HTTP/1.0 200 OK\r\n\r\nold",
            "/hints" => b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend",
            _ => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
        };
        seen.note(request);
        wire.send(answer);
    });
    let proxy = start(&legacy, &Upstream::saying("{}"));
    for (target, status, body) in [
        ("/close", 418, "until the end"),
        ("/old", 200, "old"),
        ("/hints", 200, "end"),
        ("/chunks", 200, "abc"),
    ] {
        let answer = client(&proxy).get(target);
        assert_eq!(
            (answer.status(), answer.text(), answer.whole),
            (status, body, true),
            "{target}"
        );
    }
}

#[test]
fn an_answer_that_breaks_off_is_never_passed_off_as_whole() {
    let legacy = Upstream::start(|_, mut wire, seen| {
        let Ok(Some(request)) = wire.message(false) else {
            return;
        };
        let chunked = request.target() == "/chunked";
        seen.note(request);
        wire.send(if chunked {
            &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwo"[..]
        } else {
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello"
        });
    });
    let proxy = start(&legacy, &Upstream::saying("{}"));
    for target in ["/chunked", "/sized"] {
        let mut client = client(&proxy);
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        let answer = client.message(false).expect("readable").expect("an answer");
        assert!(!answer.whole, "{target}: {answer:?}");
    }
    let total = settled(&proxy, 2);
    assert_eq!(lost(&total, Reason::LegacyIncomplete), 2, "{total:?}");
}

#[test]
fn legacys_body_streams_before_it_is_whole() {
    let (release, released) = mpsc::channel();
    let released = std::sync::Mutex::new(released);
    let legacy = Upstream::start(move |_, mut wire, seen| {
        let Ok(Some(request)) = wire.message(false) else {
            return;
        };
        seen.note(request);
        wire.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc");
        released
            .lock()
            .expect("one user")
            .recv()
            .expect("the test releases");
        wire.send("def");
    });
    let proxy = start(&legacy, &Upstream::saying("{}"));
    let mut client = client(&proxy);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut seen = Vec::new();
    while !seen.ends_with(b"abc") {
        let mut piece = [0; 512];
        let count = client.take(&mut piece);
        seen.extend_from_slice(&piece[..count]);
    }
    release.send(()).expect("legacy waits");
    let mut rest = [0; 3];
    assert_eq!(client.take(&mut rest), 3);
    assert_eq!(&rest, b"def");
}

#[test]
fn a_client_that_has_said_all_still_gets_its_answer() {
    let proxy = start(&Upstream::saying("{}"), &Upstream::saying("{}"));
    let mut client = client(&proxy);
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client
        .stream
        .shutdown(std::net::Shutdown::Write)
        .expect("open");
    assert_eq!(client.answer().status(), 200);
    assert!(client.ended());
}

#[test]
fn r18_a_body_that_stands_still_is_ended_with_408() {
    let legacy = Upstream::saying("{}");
    let mut config = config(&legacy, &Upstream::saying("{}"));
    config.client.body_stall_timeout_ms = 300;
    let proxy = Proxy::start(&config).expect("a good configuration");
    let mut client = client(&proxy);
    let answer = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    assert_eq!(answer.status(), 408);
    assert!(client.ended());
}

#[test]
fn r21_both_listeners_are_on_loopback_unless_an_address_is_named() {
    let defaults = shadow_proxy::Config::default();
    for address in [defaults.listen, defaults.admin] {
        assert!(address.ip().is_loopback(), "{address}");
    }
    assert_ne!(defaults.listen.port(), defaults.admin.port());
    let proxy = start(&Upstream::saying("{}"), &Upstream::saying("{}"));
    assert_ne!(proxy.listen(), proxy.admin());
    // The clients' port serves nothing of the admin port's.
    assert_eq!(client(&proxy).get("/metrics").text(), "{}");
    let mut admin = Wire::connect(proxy.admin());
    assert!(admin.get("/metrics").text().contains("shadow_proxy_up 1"));
    let _: SocketAddr = proxy.admin();
}

#[test]
fn legacy_that_does_not_answer_is_502_or_504_and_counted() {
    let core = Upstream::saying("{}");
    let proxy = start(&Upstream::refusing(), &core);
    assert_eq!(client(&proxy).get("/").status(), 502);
    assert_eq!(lost(&settled(&proxy, 1), Reason::LegacyError), 1);

    let silent = Upstream::start(|_, mut wire, _| while let Ok(Some(_)) = wire.message(false) {});
    let mut config = config(&silent, &core);
    config.legacy_link.stall_timeout_ms = 300;
    let proxy = Proxy::start(&config).expect("a good configuration");
    assert_eq!(client(&proxy).get("/").status(), 504);
    assert_eq!(core.seen.requests(), []);
}

#[test]
fn a_loop_through_the_proxy_itself_is_stopped() {
    let core = Upstream::saying("{}");
    // Legacy's address is only known once the proxy listens, so a relay stands in between.
    let (tell, told) = mpsc::channel::<SocketAddr>();
    let told = std::sync::Mutex::new(told);
    let relay = Upstream::start(move |_, mut wire, seen| {
        let Ok(Some(request)) = wire.message(false) else {
            return;
        };
        let back = told
            .lock()
            .expect("one user")
            .recv()
            .expect("the test tells");
        let via = String::from_utf8_lossy(request.all("via")[0]).into_owned();
        seen.note(request);
        let again = format!("GET / HTTP/1.1\r\nHost: a\r\nVia: {via}\r\n\r\n");
        let answer = Wire::connect(back).ask(again);
        wire.send(format!(
            "HTTP/1.1 {} Loop\r\nContent-Length: 0\r\n\r\n",
            answer.status()
        ));
    });
    let proxy = start(&relay, &core);
    tell.send(proxy.listen()).expect("the relay waits");
    assert_eq!(client(&proxy).get("/").status(), 508);
    assert_eq!(relay.seen.requests().len(), 1);
}

#[test]
fn an_old_client_gets_its_answer_without_chunks() {
    let legacy = Upstream::answering(|_| {
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec()
    });
    let proxy = start(&legacy, &Upstream::saying("abc"));
    let mut client = client(&proxy);
    let answer = client.ask("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!((answer.status(), answer.text()), (200, "abc"));
    assert_eq!(answer.field("transfer-encoding"), None);
    assert!(client.ended());
    assert!(legacy.seen.wait_for(1)[0].first.ends_with("HTTP/1.1"));
}

#[test]
fn a_client_that_leaves_inside_its_upload_is_not_counted_as_legacys_fault() {
    let legacy = Upstream::saying("{}");
    let proxy = start(&legacy, &Upstream::saying("{}"));
    let mut client = client(&proxy);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf");
    let deadline = Instant::now() + crate::wire::LIMIT;
    while proxy.counters().total().sent == 0 {
        assert!(Instant::now() < deadline, "the head never went on");
        std::thread::yield_now();
    }
    drop(client);
    let total = settled(&proxy, 1);
    assert_eq!(lost(&total, Reason::RequestIncomplete), 1, "{total:?}");
}

#[test]
fn what_only_the_parser_finds_wrong_is_refused_and_counted_too() {
    let legacy = Upstream::saying("{}");
    let proxy = start(&legacy, &Upstream::saying("{}"));
    // A target that is no URI: the framing does not look into it.
    let mut client = client(&proxy);
    let answer = client.ask("GET http://[:: HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(answer.status(), 400);
    assert!(client.ended());
    assert_eq!(
        (proxy.counters().refused(), legacy.seen.requests().len()),
        (1, 0)
    );
}
