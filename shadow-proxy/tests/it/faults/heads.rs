//! Faults in what comes before the body.

use super::LEGACY;
use super::answers::{ERROR, Ends, FIELDS, Fault, LARGE, LATE, Then, answer, right, says, then};

pub(super) fn status_lines() -> Vec<Fault> {
    let line = |line: &str| {
        let length = LEGACY.len();
        format!("{line}\r\n{FIELDS}Content-Length: {length}\r\n\r\n{LEGACY}")
    };
    let named = |code: &str| answer(&format!("{code} Status"), FIELDS, LEGACY);
    let mut early = right();
    early.splice(0..0, *b"\r\n\r\n");
    vec![
        says("no byte", "", ERROR),
        says("a line that is no status line", "garbage\r\n\r\n", ERROR),
        says("half a status line", "HTTP/1.1", ERROR),
        says("no status", line("HTTP/1.1 "), ERROR),
        says("a status of letters", named("abc"), ERROR),
        says("a status of two digits", named("20"), ERROR),
        says("a status of four digits", named("1000"), ERROR),
        says("a negative status", named("-200"), ERROR),
        says("status 000", named("000"), ERROR),
        says("status 099", named("099"), ERROR),
        says("status 600", named("600"), Ends::Different),
        says("status 999", named("999"), Ends::Different),
        says("status 400", named("400"), Ends::Different),
        says(
            "status 401",
            answer("401 No", "WWW-Authenticate: Basic realm=\"core\"\r\n", ""),
            Ends::Different,
        ),
        says("status 404", named("404"), Ends::Different),
        says("status 429", named("429"), Ends::Different),
        says("status 500", named("500"), Ends::Different),
        says("status 503", named("503"), Ends::Different),
        says("version 0.9: a body without head", LEGACY, ERROR),
        says("version 1.0", line("HTTP/1.0 200 OK"), Ends::Equal),
        says("version 1.2", line("HTTP/1.2 200 OK"), ERROR),
        says("version 2", line("HTTP/2 200 OK"), ERROR),
        says("version 2.0", line("HTTP/2.0 200 OK"), ERROR),
        says(
            "the version in small letters",
            line("http/1.1 200 OK"),
            ERROR,
        ),
        says("another protocol's status line", line("ICY 200 OK"), ERROR),
        says(
            "the preface of HTTP/2",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            ERROR,
        ),
        says(
            "frames of HTTP/2",
            b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0"
                .as_slice(),
            ERROR,
        ),
        says(
            "an alert of TLS",
            b"\x15\x03\x01\0\x02\x02\x46".as_slice(),
            ERROR,
        ),
        says(
            "a handshake of TLS",
            [
                b"\x16\x03\x03\0\x7a\x02\0\0\x76\x03\x03".as_slice(),
                &[7; 111],
            ]
            .concat(),
            ERROR,
        ),
        says(
            "a greeting of another protocol",
            "SSH-2.0-OpenSSH_9.6\r\n",
            ERROR,
        ),
        says("nothing but NUL", vec![0; 4096], ERROR),
        says("nothing but 0xff", vec![0xff; 4096], ERROR),
        says(
            "a reason of 1 MiB",
            line(&format!("HTTP/1.1 200 {}", "x".repeat(1 << 20))),
            ERROR,
        ),
        says(
            "a control character in the reason",
            line("HTTP/1.1 200 O\x07K"),
            ERROR,
        ),
        says(
            "an escape sequence in the reason",
            line("HTTP/1.1 200 \x1b[31mOK"),
            ERROR,
        ),
        says("no reason", line("HTTP/1.1 200"), Ends::Equal),
        says("empty lines before the status line", early, Ends::Equal),
        says(
            "blanks before the status line",
            line("  HTTP/1.1 200 OK"),
            ERROR,
        ),
    ]
}

pub(super) fn fields() -> Vec<Fault> {
    let with = |lines: &str| answer("200 OK", &format!("{FIELDS}{lines}"), LEGACY);
    let bytes = |lines: &[u8]| {
        let mut bytes = b"HTTP/1.1 200 OK\r\n".to_vec();
        bytes.extend_from_slice(lines);
        bytes.extend_from_slice(format!("{FIELDS}Content-Length: 2\r\n\r\n{{}}").as_bytes());
        bytes
    };
    let redirect = |code: &str| answer(code, "Location: http://127.0.0.1:1/away\r\n", "");
    vec![
        says("a field without colon", with("nonsense\r\n"), ERROR),
        says("a blank before the colon", with("X : 1\r\n"), ERROR),
        says("a field without name", with(": 1\r\n"), ERROR),
        says("NUL in a field", with("X: a\0b\r\n"), ERROR),
        says("a carriage return in a field", with("X: a\rb\r\n"), ERROR),
        says("a folded field", with("X: a\r\n b\r\n"), ERROR),
        says("a control character in a name", with("X\x01: 1\r\n"), ERROR),
        says("a name that is not ASCII", bytes(b"X\xe9: 1\r\n"), ERROR),
        says(
            "a value that is not UTF-8",
            bytes(b"X: \xe9\xff\r\n"),
            Ends::Different,
        ),
        says(
            "line feeds alone",
            String::from_utf8(right())
                .expect("ASCII")
                .replace("\r\n", "\n"),
            Ends::Equal,
        ),
        says(
            "a field of 1 MiB",
            with(&format!("X: {}\r\n", "x".repeat(1 << 20))),
            ERROR,
        ),
        says(
            "a field of 2 MiB",
            with(&format!("X: {}\r\n", "x".repeat(2 << 20))),
            ERROR,
        ),
        says(
            "a name of 100 kB",
            with(&format!("{}: 1\r\n", "x".repeat(100_000))),
            ERROR,
        ),
        says("5,000 fields", with(&"X: 1\r\n".repeat(5_000)), ERROR),
        says("20,000 fields", with(&"X: 1\r\n".repeat(20_000)), ERROR),
        then(
            "fields without end",
            "HTTP/1.1 200 OK\r\n",
            Then::Repeat(b"X: 1\r\nY: 2\r\n"),
            ERROR,
        ),
        says(
            "a head that breaks off",
            "HTTP/1.1 200 OK\r\nX: 1\r\n",
            ERROR,
        ),
        then(
            "a head without end",
            "HTTP/1.1 200 OK\r\nX: 1\r\n",
            Then::Stay,
            LATE,
        ),
        says(
            "cookies",
            with("Set-Cookie: core=1; Path=/\r\nSet-Cookie: more=2\r\n"),
            Ends::Different,
        ),
        says(
            "fields named by Connection",
            with("Connection: content-type, x-legacy\r\n"),
            Ends::Compared,
        ),
        says(
            "an offer to upgrade",
            with("Connection: upgrade\r\nUpgrade: h2c, websocket\r\n"),
            Ends::Compared,
        ),
        says(
            "orders to the browser",
            with("Alt-Svc: h2=\":1\"\r\nClear-Site-Data: \"*\"\r\nRefresh: 0; url=/x\r\n"),
            Ends::Different,
        ),
        says(
            "a redirect, 301",
            redirect("301 Moved Permanently"),
            Ends::Different,
        ),
        says(
            "a redirect, 307",
            redirect("307 Temporary Redirect"),
            Ends::Different,
        ),
        says(
            "a redirect, 308",
            redirect("308 Permanent Redirect"),
            Ends::Different,
        ),
        says(
            "a redirect without place",
            answer("302 Found", "", ""),
            Ends::Different,
        ),
    ]
}

pub(super) fn lengths() -> Vec<Fault> {
    let framed = |lines: &str, body: &str| format!("HTTP/1.1 200 OK\r\n{FIELDS}{lines}\r\n{body}");
    let length = LEGACY.len();
    let chunked = format!("{length:x}\r\n{LEGACY}\r\n0\r\n\r\n");
    let sized = |length: &str| framed(&format!("Content-Length: {length}\r\n"), LEGACY);
    vec![
        says(
            "a length before chunks",
            framed(
                "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                &chunked,
            ),
            Ends::Equal,
        ),
        says(
            "a length after chunks",
            framed(
                "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
                &chunked,
            ),
            Ends::Equal,
        ),
        says(
            "chunks twice",
            framed("Transfer-Encoding: chunked, chunked\r\n", &chunked),
            Ends::Any(&[shadow_proxy::counters::Reason::CoreError]),
        ),
        says(
            "a transfer coding that nobody knows",
            framed("Transfer-Encoding: snake\r\n", LEGACY),
            Ends::Any(&[shadow_proxy::counters::Reason::CoreError]),
        ),
        says(
            "two lengths",
            framed("Content-Length: 1\r\nContent-Length: 2\r\n", "ab"),
            ERROR,
        ),
        says("a list of lengths", sized("3, 4"), ERROR),
        says("a negative length", sized("-1"), ERROR),
        says("a length with sign", sized("+3"), ERROR),
        says("a length in hexadecimal", sized("0x10"), ERROR),
        says("a length of letters", sized("many"), ERROR),
        says("an empty length", sized(""), ERROR),
        says(
            "a length beyond 64 bits",
            sized("99999999999999999999999"),
            ERROR,
        ),
        says("a length of 2^64-1", sized("18446744073709551615"), ERROR),
        says("a length of 1 TB", sized("999999999999"), LARGE),
        says("a body shorter than its length", sized("300"), ERROR),
        then("a body that stands still", sized("300"), Then::Stay, LATE),
        then(
            "a body longer than its length",
            framed(
                &format!("Content-Length: {length}\r\n"),
                &format!("{LEGACY}and more"),
            ),
            Then::GoOn,
            Ends::Equal,
        ),
        says("length 0 before a body", sized("0"), Ends::Different),
        says("a body until the end", framed("", LEGACY), Ends::Equal),
        then(
            "a body without end",
            framed("", ""),
            Then::Repeat(&[b'x'; 4096]),
            LARGE,
        ),
        says(
            "3 MiB",
            answer("200 OK", FIELDS, "x".repeat(3 << 20)),
            LARGE,
        ),
        then(
            "1 GiB announced, then silence",
            sized("1073741824"),
            Then::Stay,
            LARGE,
        ),
    ]
}

pub(super) fn informational() -> Vec<Fault> {
    let after = |before: &str| [before.as_bytes(), &right()].concat();
    vec![
        says(
            "100 first",
            after("HTTP/1.1 100 Continue\r\n\r\n"),
            Ends::Equal,
        ),
        says(
            "50 times 100, then nothing",
            "HTTP/1.1 100 Continue\r\n\r\n".repeat(50),
            ERROR,
        ),
        says(
            "500 times 100, then the answer",
            after(&"HTTP/1.1 100 Continue\r\n\r\n".repeat(500)),
            Ends::Equal,
        ),
        then(
            "100 without end",
            "",
            Then::Repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
            LATE,
        ),
        says(
            "102 first",
            after("HTTP/1.1 102 Processing\r\n\r\n"),
            Ends::Equal,
        ),
        says(
            "103 with links first",
            after("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"),
            Ends::Equal,
        ),
        then(
            "103 without end",
            "",
            Then::Repeat(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
            LATE,
        ),
        says(
            "an informational status that nobody knows",
            after("HTTP/1.1 199 Odd\r\n\r\n"),
            Ends::Equal,
        ),
        says(
            "101 unasked",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            ERROR,
        ),
        then(
            "101 unasked, and talk",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            Then::Repeat(b"frame"),
            ERROR,
        ),
    ]
}
