//! R4, R9, R18: what stays behind when core or clients misbehave, and how it ends.

use std::io::{ErrorKind, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use shadow_proxy::Proxy;

use crate::faults::answers;
use crate::upstream::{Upstream, ok};
use crate::wire::{LIMIT, Wire};
use crate::{client, config};

#[test]
fn r9_after_every_kind_of_failure_shadowing_resumes_by_itself() {
    let legacy = Upstream::saying("{}");
    // What core does to a connection: 0 is sound, the others fail in ways of their own.
    let mode = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&mode);
    let core = Upstream::start(move |_, mut wire, _| {
        while let Ok(Some(_)) = wire.message(false) {
            let sent = match now.load(Ordering::SeqCst) {
                0 => wire.stream.write_all(&ok("{}")),
                1 => return,
                2 => wire.stream.write_all(b"garbage\r\n\r\n"),
                3 => {
                    let _ended = wire.message(false);
                    return;
                }
                4 => wire
                    .stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
                _ => wire.stream.write_all(&ok("").repeat(3)),
            };
            if sent.is_err() {
                return;
            }
        }
    });
    let mut config = config(&legacy, &core);
    config.shadow.timeout_ms = 400;
    config.shadow.max_in_flight = 8;
    let proxy = Proxy::start(&config).expect("a good configuration");
    let mut client = client(&proxy);
    for failing in 1..=5 {
        mode.store(failing, Ordering::SeqCst);
        for _ in 0..30 {
            assert_eq!(client.get("/").status(), 200);
        }
        mode.store(0, Ordering::SeqCst);
        let (equal, back) = (proxy.counters().total().equal, Instant::now());
        // It needs no more than the places of the last failed exchanges to be free.
        while proxy.counters().total().equal < equal + 3 {
            assert!(
                back.elapsed() < LIMIT,
                "mode {failing}: {:?}",
                proxy.counters().total()
            );
            assert_eq!(client.get("/").status(), 200);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn r4_two_hundred_vanished_clients_and_a_hundred_resets_leave_no_descriptor_behind() {
    let legacy = Upstream::start(|_, mut wire, _| {
        while let Ok(Some(request)) = wire.message(false) {
            let large = "x".repeat(if request.target() == "/large" {
                1 << 20
            } else {
                2
            });
            if wire.stream.write_all(&ok(&large)).is_err() {
                return;
            }
        }
    });
    let sound = answers::sound();
    let resets = answers::all()
        .into_iter()
        .find(|fault| fault.name == "a reset inside the body")
        .expect("it is in the table")
        .script;
    let core = Upstream::start(move |connection, wire, seen| {
        if connection % 2 == 0 { &resets } else { &sound }.play(wire, seen);
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("cutover.yaml");
    std::fs::write(&file, "shadow: {timeout_ms: 500}\ncore_link: {keep_unused_ms: 300}\nlegacy_link: {keep_unused_ms: 300}\n").expect("a file");
    let file = file.to_str().expect("a plain name");
    let program =
        crate::stopping::Program::start(&legacy, &core, &["--config", file, "--threads", "2"]);
    let open = || {
        std::fs::read_dir(format!("/proc/{}/fd", program.pid()))
            .expect("Linux")
            .count()
    };
    assert_eq!(Wire::connect(program.listen).get("/").status(), 200);
    assert!(program.metrics().contains("shadow_proxy_up 1"));
    let before = open();
    for number in 0..200 {
        let mut wire = Wire::connect(program.listen);
        match number % 5 {
            0 => {}
            1 => wire.send("GET / HTTP/1.1\r\nHo"),
            2 => wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"),
            3 => wire.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n"),
            _ => {
                // Unread bytes at its end make it a reset.
                wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                let _some = wire.stream.peek(&mut [0; 1]);
            }
        }
    }
    for _ in 0..100 {
        assert_eq!(Wire::connect(program.listen).get("/").status(), 200);
    }
    let deadline = Instant::now() + LIMIT;
    // What a thread opens for itself may come after the first answer. Each kind of client above would leave 40.
    while open() > before + 20 {
        assert!(
            Instant::now() < deadline,
            "{} open, {before} before",
            open()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    program.settled();
    program.signal("-TERM");
    assert!(program.end().0.success());
}

#[test]
fn r18_three_hundred_slow_clients_slow_nobody_and_are_all_ended() {
    let legacy = Upstream::saying("{}");
    let mut config = config(&legacy, &Upstream::saying("{}"));
    config.client.head_timeout_ms = 4_000;
    config.client.idle_timeout_ms = 3_000;
    let proxy = Proxy::start(&config).expect("a good configuration");
    let mut slow: Vec<_> = (0..300)
        .map(|number| {
            let mut wire = client(&proxy);
            match number % 3 {
                0 => wire.send("GET /slow HTTP/1.1\r\nHost: a\r\nX: "),
                1 => wire.send("GET /slow"),
                // Says nothing at all.
                _ => {}
            }
            wire
        })
        .collect();
    let mut other = client(&proxy);
    assert_eq!(other.get("/").status(), 200);
    // Who was held up by one of them would have waited for its end.
    for (number, wire) in slow.iter().enumerate() {
        wire.stream.set_nonblocking(true).expect("a socket");
        let nothing = wire.stream.peek(&mut [0; 1]).map_err(|error| error.kind());
        assert_eq!(nothing, Err(ErrorKind::WouldBlock), "{number}");
        wire.stream.set_nonblocking(false).expect("a socket");
    }
    // A byte now and then must not extend the limit of a head.
    let mut heads: Vec<_> = slow.iter_mut().step_by(3).collect();
    let deadline = Instant::now() + LIMIT;
    while !heads.is_empty() {
        assert!(
            Instant::now() < deadline,
            "{} heads go on for ever",
            heads.len()
        );
        heads.retain_mut(|wire| wire.stream.write_all(b"x").is_ok());
        assert_eq!(other.get("/").status(), 200);
        std::thread::sleep(Duration::from_millis(20));
    }
    for (number, wire) in slow.iter_mut().enumerate() {
        let end = loop {
            match wire.message(false) {
                Ok(Some(answer)) => assert_eq!(answer.status(), 408, "{number}"),
                Ok(None) => break ErrorKind::UnexpectedEof,
                Err(error) => break error.kind(),
            }
        };
        // The end may come as a reset where the client was still sending.
        assert!(
            matches!(end, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
            "{number}: {end:?}"
        );
    }
    let slow = legacy
        .seen
        .requests()
        .into_iter()
        .filter(|request| request.target() == "/slow");
    assert_eq!(slow.count(), 0, "none went on");
}
