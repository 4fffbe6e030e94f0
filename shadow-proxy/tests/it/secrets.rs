//! R19, R20: what must never be written down, planted wherever a client or a service can put it, and
//! what a hostile body could do to whoever reads about it.

use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use verifier::report::live::LiveReport;
use verifier::report::live::sheet::sheet;
use verifier::report::{html, junit, markdown};

use crate::stopping::Program;
use crate::upstream::Upstream;
use crate::wire::{LIMIT, Wire};

/// A form of the report.
type Form = fn(&LiveReport, &mut dyn io::Write) -> io::Result<()>;

/// Each stands for itself in the clear, and nothing else contains it.
const PLANTED: [(&str, &str); 17] = [
    ("name", "홍길동"),
    ("guestName", "Gildong"),
    ("phone", "010-9876-5432"),
    ("tel", "01098765432"),
    ("memo", "call 010-5555-1234 at noon"),
    ("email", "gildong@secret.example"),
    ("residentNumber", "900101-1234567"),
    ("rrn", "9001011234567"),
    ("passport", "M12345678"),
    ("passportNo", "M70689098"),
    ("card", "4111-1111-1111-1111"),
    ("cardNumber", "4111111111111111"),
    ("password", "pl4nted-passw0rd"),
    (
        "accessToken",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJlLXBsYW50ZWQ",
    ),
    ("apiKey", "sk_live_pl4nted0123456789"),
    ("note", "the guest Kim Planted snores"),
    ("unknown", "pl4ntedfreetext"),
];

/// The parts of a planted value that would give it away; the whole of a short one.
fn traces() -> Vec<String> {
    let mut traces: Vec<_> = PLANTED
        .iter()
        .map(|(_, value)| (*value).to_owned())
        .collect();
    traces.extend(
        [
            "pl4nted",
            "Planted",
            "secret.example",
            "5555-1234",
            "9876",
            "1234567",
            "c2lnbmF0dXJl",
            "ZHVtbXk6cGFzcw",
        ]
        .map(str::to_owned),
    );
    traces
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "%{byte:02X}");
        out
    })
}

fn body(id: u32, kind: &str) -> String {
    match kind {
        "/form" => PLANTED
            .iter()
            .map(|(key, value)| format!("{key}={}", encoded(value)))
            .collect::<Vec<_>>()
            .join("&"),
        "/text" | "/html" => format!("{id} {}", PLANTED.map(|(_, value)| value).join("\n")),
        "/keys" => {
            // As keys, as bare numbers, in arrays and inside a text that is JSON itself.
            let keys = [
                "홍길동",
                "010-9876-5432",
                "gildong@secret.example",
                "900101-1234567",
                "4111-1111-1111-1111",
                "the guest Kim Planted snores",
            ]
            .map(|key| format!("{key:?}:{id}"));
            format!(
                "{{{},\"numbers\":[{id},4111111111111111,9001011234567,1098765432],\"values\":[[\"홍길동\",{id}]],\"raw\":\"{{\\\"phone\\\":\\\"010-9876-5432\\\",\\\"n\\\":{id}}}\"}}",
                keys.join(",")
            )
        }
        _ => {
            // Each value in one answer only, so that it is part of a difference.
            let fields: Vec<_> = PLANTED
                .iter()
                .map(|(key, value)| {
                    format!("\"{key}\":\"{}{value}\"", if id == 1 { "" } else { "x" })
                })
                .collect();
            format!("{{\"id\":{id},{}}}", fields.join(","))
        }
    }
}

fn service(id: u32) -> Upstream {
    Upstream::answering(move |request| {
        let path = request.target().split('?').next().unwrap_or("").to_owned();
        let kind = match path.as_str() {
            "/form" => "application/x-www-form-urlencoded",
            "/text" => "text/plain",
            "/html" => "text/html",
            _ => "application/json",
        };
        let body = body(id, &path);
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nSet-Cookie: S=pl4nted-cookie-{id}\r\nLocation: /welcome?token=pl4nted{id}&name=Planted\r\nX-Guest: Planted {id}\r\nX-Auth-Token: pl4nted-{id}\r\nETag: \"pl4nted{id}\"\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    })
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .map(|path| {
            (
                path.display().to_string(),
                std::fs::read(&path).expect("a file"),
            )
        })
        .collect()
}

fn assert_clean(name: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for trace in traces() {
        let at = memchr::memmem::find(bytes, trace.as_bytes());
        let near = at.map(|at| {
            String::from_utf8_lossy(&bytes[at.saturating_sub(80)..(at + 80).min(bytes.len())])
                .into_owned()
        });
        assert_eq!(near, None, "{name} holds {trace:?}");
        assert!(
            !text.contains(&encoded(&trace)),
            "{name} holds {trace:?}, encoded"
        );
    }
}

#[test]
fn r19_nothing_planted_anywhere_is_written_down() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = folder.path().join("evidence");
    let evidence = store.join("live.db");
    let yaml = folder.path().join("cutover.yaml");
    std::fs::write(
        &yaml,
        "writes: {endpoints: {POST /form: read, POST /json: read}}\n",
    )
    .expect("a file");
    let (legacy, core) = (service(1), service(2));
    let program = Program::start(
        &legacy,
        &core,
        &[
            "--log",
            "trace",
            "--evidence",
            evidence.to_str().expect("plain"),
            "--config",
            yaml.to_str().expect("plain"),
        ],
    );
    let mut wire = Wire::connect(program.listen);
    let query: Vec<_> = PLANTED
        .iter()
        .map(|(key, value)| format!("{key}={}", encoded(value)))
        .collect();
    let query = query.join("&");
    let fields = "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJlLXBsYW50ZWQ\r\nProxy-Authorization: Basic ZHVtbXk6cGFzcw==\r\nCookie: S=pl4nted; name=Planted\r\nX-Api-Key: sk_live_pl4nted0123456789\r\nReferer: https://rms.example/r?phone=010-9876-5432&t=pl4nted\r\nX-User-Name: Planted\r\nX-Forwarded-For: 203.0.113.9\r\nUser-Agent: pl4nted/1.0\r\nX-Request-Id: pl4nted free text\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\ntracestate: vendor=pl4nted\r\n";
    let mut sent = 0;
    for path in ["/json", "/keys", "/form", "/text", "/html", "/equal"] {
        for round in 0..3 {
            let answer = wire.ask(format!(
                "GET {path}?{query}&round={round} HTTP/1.1\r\nHost: rms.example\r\n{fields}\r\n"
            ));
            assert_eq!(answer.status(), 200);
            sent += 1;
        }
    }
    for (_, value) in PLANTED {
        assert_eq!(
            wire.ask(format!(
                "GET /guests/{}/stays HTTP/1.1\r\nHost: a\r\n{fields}\r\n",
                encoded(value)
            ))
            .status(),
            200
        );
        sent += 1;
    }
    for (path, kind) in [
        ("/form", "application/x-www-form-urlencoded"),
        ("/json", "application/json"),
    ] {
        let body = body(1, path);
        let answer = wire.ask(format!("POST {path} HTTP/1.1\r\nHost: a\r\n{fields}Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        assert_eq!(answer.status(), 200);
        sent += 1;
    }
    for broken in [
        "GET /pl4nted pl4nted HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: pl4nted, pl4nted\r\n\r\n",
        "pl4nted\r\n\r\n",
    ] {
        let answer = Wire::connect(program.listen).ask(broken);
        assert!(!answer.text().contains("pl4nted"), "{answer:?}");
    }
    let deadline = std::time::Instant::now() + LIMIT;
    while !program
        .metrics()
        .contains("shadow_proxy_compared_total{endpoint=\"GET /json\"} 3")
    {
        assert!(
            std::time::Instant::now() < deadline,
            "{}",
            program.metrics()
        );
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    for page in ["/", "/status", "/metrics"] {
        assert_clean(page, &program.admin_page(page));
    }
    drop(wire);
    program.settled();
    program.signal("-TERM");
    let (status, log) = program.end();
    assert!(status.success(), "{status} {log}");
    assert_clean("the log", log.as_bytes());
    let all = files(&store);
    assert!(!all.is_empty());
    for (name, bytes) in &all {
        assert_clean(name, bytes);
    }

    let read = verifier::evidence::store::read(&evidence).expect("evidence");
    let compared: u64 = read.ledger.endpoints.values().map(|e| e.tally.sent).sum();
    assert_eq!(compared, sent, "all of it was seen");
    assert!(!read.ledger.groups.is_empty());
    let report = LiveReport {
        path: evidence.clone(),
        evidence: read,
        ..LiveReport::default()
    };
    let forms: [(&str, Form); 5] = [
        ("text", verifier::report::live::text::write),
        ("json", verifier::report::live::json::write),
        ("html", |report, out| html::write(&sheet(report), out)),
        ("markdown", |report, out| {
            markdown::write(&sheet(report), out)
        }),
        ("junit", |report, out| junit::write(&sheet(report), out)),
    ];
    for (name, write) in forms {
        let mut out = Vec::new();
        write(&report, &mut out).expect("into memory");
        assert_clean(name, &out);
    }
    let mode = |path: &Path| {
        std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode(&store), mode(&evidence)), (0o700, 0o600));
}

#[test]
fn r20_hostile_bodies_paths_and_fields_reach_no_reader_alive() {
    let hostile = "<script>alert(1)</script>\u{1b}[2J\u{1b}]0;x\u{7}\u{202e}";
    let service = |id: u32| {
        Upstream::answering(move |_| {
            let text = serde_json::to_string(hostile).expect("text");
            let body = format!("{{{text}:{id},\"status\":{text},\"id\":{id}}}");
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Odd: <img src=x onerror=alert({id})>\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        })
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let evidence = folder.path().join("e/live.db");
    let (legacy, core) = (service(1), service(2));
    let program = Program::start(
        &legacy,
        &core,
        &["--evidence", evidence.to_str().expect("plain")],
    );
    let mut wire = Wire::connect(program.listen);
    for target in [
        "/%3Cscript%3Ealert(1)%3C/script%3E",
        "/a\"b",
        "/a{x=\"y\"}",
        "/a?%1b[2J=%1b[2J&%3Cscript%3E=%3Cscript%3E",
        "/x%0ashadow_proxy_up%200",
    ] {
        assert_eq!(wire.get(target).status(), 200, "{target}");
    }
    let alive = |name: &str, text: &str| {
        for bad in ["<script", "<img", "\u{1b}", "\u{7}", "\u{202e}"] {
            assert!(!text.contains(bad), "{name}: {bad:?}");
        }
    };
    for page in ["/status", "/metrics"] {
        alive(page, &String::from_utf8_lossy(&program.admin_page(page)));
    }
    drop(wire);
    program.signal("-TERM");
    let (_, log) = program.end();
    alive("the log", &log);
    let report = LiveReport {
        evidence: verifier::evidence::store::read(&evidence).expect("evidence"),
        path: evidence,
        ..LiveReport::default()
    };
    assert!(!report.evidence.ledger.groups.is_empty());
    let mut out = Vec::new();
    html::write(&sheet(&report), &mut out).expect("into memory");
    let html = String::from_utf8(out).expect("UTF-8");
    assert!(
        !html.contains("<script>alert") && !html.contains("<img"),
        "{html}"
    );
    let mut out = Vec::new();
    markdown::write(&sheet(&report), &mut out).expect("into memory");
    alive("markdown", &String::from_utf8_lossy(&out));
}
