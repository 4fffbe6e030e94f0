//! R6, R10, R14, R15: when legacy itself answers oddly, the client gets one reading of it or a plain
//! error, and never a byte of one answer as part of the next.

use std::io::Write as _;

use crate::upstream::{Upstream, ok};
use crate::wire::Message;
use crate::{client, settled, start};

/// What a client may see.
enum Sees {
    /// This status and body, whole.
    Answer(u16, &'static str),
    /// The proxy's own 502.
    BadGateway,
    /// An answer that shows that it broke off, or none at all.
    Broken,
}

/// The fields that frame an answer; with both of them a reader has a choice, and must have none.
fn framing(answer: &Message) -> (usize, usize) {
    let count = |name| answer.all(name).len();
    (count("content-length"), count("transfer-encoding"))
}

#[test]
fn r10_an_odd_answer_of_legacy_has_one_reading_at_the_client() {
    let chunks = "Transfer-Encoding: chunked\r\n";
    let body = "3\r\nabc\r\n0\r\n\r\n";
    let head = |lines: &str, rest: &str| format!("HTTP/1.1 200 OK\r\n{lines}\r\n{rest}");
    let cases = [
        (head(&format!("Content-Length: 1\r\n{chunks}"), body), Sees::Answer(200, "abc")),
        (head(&format!("{chunks}Content-Length: 1\r\n"), body), Sees::Answer(200, "abc")),
        (head("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), Sees::Answer(200, "abc")),
        (head("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), Sees::BadGateway),
        (head("Content-Length: +3\r\n", "abc"), Sees::BadGateway),
        (head("Content-Length: -1\r\n", "abc"), Sees::BadGateway),
        (head(chunks, "zz\r\nabc"), Sees::Broken),
        (head(chunks, "3\r\nab"), Sees::Broken),
        (head("Content-Length: 9\r\n", "abc"), Sees::Broken),
        (head("X: a\0b\r\nContent-Length: 3\r\n", "abc"), Sees::BadGateway),
        (head("X : 1\r\nContent-Length: 3\r\n", "abc"), Sees::BadGateway),
        (head("Content-Length: 3\r\n", "abcHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"), Sees::Answer(200, "abc")),
        ("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc".to_owned(), Sees::Answer(200, "abc")),
        (format!("{}HTTP/1.1 201 Created\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 102 Processing\r\n\r\n".repeat(30)), Sees::Answer(201, "abc")),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc".to_owned(), Sees::Answer(204, "")),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n".to_owned(), Sees::Answer(304, "")),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nframes".to_owned(), Sees::BadGateway),
        ("HTTP/2.0 200 OK\r\n\r\n".to_owned(), Sees::BadGateway),
        ("\u{16}\u{3}\u{1} TLS".to_owned(), Sees::BadGateway),
        (String::new(), Sees::BadGateway),
    ];
    for (bytes, sees) in cases {
        let shown = bytes.clone();
        let legacy = Upstream::start(move |_, mut wire, seen| {
            let mut first = true;
            while let Ok(Some(request)) = wire.message(false) {
                let sound = request.target() != "/odd";
                seen.note(request);
                let sent = if sound {
                    wire.stream.write_all(&ok("sound"))
                } else {
                    wire.stream.write_all(bytes.as_bytes())
                };
                // An answer that is not whole is followed by the end, as a broken server's is.
                if sent.is_err() || (!sound && !first) {
                    return;
                }
                first = false;
                if !sound {
                    return;
                }
            }
        });
        let proxy = start(&legacy, &Upstream::saying("sound"));
        let mut wire = client(&proxy);
        wire.send("GET /odd HTTP/1.1\r\nHost: a\r\n\r\n");
        let Ok(Some(answer)) = wire.message(false) else {
            assert!(matches!(sees, Sees::Broken), "{shown:?}: no answer");
            continue;
        };
        assert!(
            framing(&answer) == (1, 0)
                || framing(&answer) == (0, 1)
                || matches!(answer.status(), 204 | 304),
            "{shown:?}: {answer:?}"
        );
        match sees {
            Sees::Answer(status, body) => {
                assert_eq!(
                    (answer.status(), answer.text(), answer.whole),
                    (status, body, true),
                    "{shown:?}"
                );
            }
            Sees::BadGateway => assert_eq!(answer.status(), 502, "{shown:?}: {answer:?}"),
            Sees::Broken => assert!(!answer.whole, "{shown:?}: {answer:?}"),
        }
        // Where the connection is still good, its next answer is the next request's; so is a new one's.
        let next = if answer.whole && answer.field("connection") != Some("close") {
            wire.get("/next")
        } else {
            client(&proxy).get("/next")
        };
        assert_eq!((next.status(), next.text()), (200, "sound"), "{shown:?}");
        settled(&proxy, 2);
    }
}

#[test]
fn r15_a_body_after_the_answer_to_head_never_becomes_the_next_answer() {
    let legacy = Upstream::start(|_, mut wire, seen| {
        while let Ok(Some(request)) = wire.message(false) {
            let answer = if request.method() == "HEAD" {
                ok("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhidden")
            } else {
                ok(request.target())
            };
            seen.note(request);
            if wire.stream.write_all(&answer).is_err() {
                return;
            }
        }
    });
    let proxy = start(&legacy, &Upstream::saying("{}"));
    let mut wire = client(&proxy);
    for number in 0..50 {
        wire.send(format!(
            "HEAD /head HTTP/1.1\r\nHost: a\r\n\r\nGET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"
        ));
        assert_eq!(wire.answer_to("HEAD").status(), 200);
        assert_eq!(wire.answer().text(), format!("/{number}"));
    }
}

#[test]
fn r14_trailers_pass_and_those_that_frame_route_or_sign_in_do_not() {
    let trailers = "X-Sum: 6\r\nServer-Timing: db;dur=1\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\nHost: evil\r\nAuthorization: Bearer t\r\nSet-Cookie: a=1\r\nCookie: a=1\r\nContent-Type: x/y\r\nContent-Encoding: gzip\r\nTE: x\r\nTrailer: y\r\nCache-Control: no-store\r\n";
    let names = "X-Sum, Server-Timing, Content-Length, Transfer-Encoding, Host, Authorization, Set-Cookie, Cookie, Content-Type, Content-Encoding, TE, Trailer, Cache-Control";
    let answer = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: {names}\r\n\r\n3\r\nabc\r\n0\r\n{trailers}\r\n"
    );
    let legacy = Upstream::answering(move |_| answer.clone().into_bytes());
    let proxy = start(&legacy, &Upstream::saying("{}"));
    let mut wire = client(&proxy);
    for _ in 0..2 {
        let got = wire.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: trailers\r\n\r\n");
        assert_eq!((got.status(), got.text()), (200, "abc"));
        for (name, _) in got.trailers.iter().chain(&got.fields) {
            let barred = [
                "host",
                "authorization",
                "cookie",
                "content-length",
                "content-encoding",
                "set-cookie",
            ];
            assert!(!barred.contains(&name.as_str()), "{name}: {got:?}");
        }
        let sum = got.trailers.iter().find(|(name, _)| name == "x-sum");
        assert_eq!(
            sum.map(|(_, value)| value.as_slice()),
            Some(&b"6"[..]),
            "{got:?}"
        );
    }
}
