//! R2, R4: a slow or hanging core neither slows clients nor grows the proxy.

use std::time::{Duration, Instant};

use shadow_proxy::Proxy;
use shadow_proxy::counters::Reason;

use crate::faults::ways::{self, Held};
use crate::stopping::Program;
use crate::upstream::Upstream;
use crate::wire::Wire;
use crate::{client, config, lost, settled};

/// Client latencies of `count` requests on one connection, sorted.
fn latencies(proxy: &Proxy, count: usize) -> Vec<Duration> {
    let mut client = client(proxy);
    let mut all: Vec<_> = (0..count)
        .map(|_| {
            let began = Instant::now();
            assert_eq!(client.get("/").status(), 200);
            began.elapsed()
        })
        .collect();
    all.sort();
    all
}

fn hanging() -> Upstream {
    Upstream::start(|_, mut wire, seen| {
        while let Ok(Some(request)) = wire.message(false) {
            seen.note(request);
        }
    })
}

/// Answers a byte at a time, and never comes to an end.
fn dripping() -> Upstream {
    Upstream::start(|_, mut wire, seen| {
        use std::io::Write as _;
        while let Ok(Some(request)) = wire.message(false) {
            seen.note(request);
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
            for byte in head.iter().chain(std::iter::repeat(&b'x')) {
                if wire.stream.write_all(&[*byte]).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    })
}

#[test]
fn r2_whatever_holds_core_up_does_not_slow_the_next_request_of_a_client() {
    let legacy = Upstream::saying("{}");
    let measure = |core: &Upstream| {
        let proxy = Proxy::start(&config(&legacy, core)).expect("a good configuration");
        latencies(&proxy, 300)[297]
    };
    let healthy = Upstream::saying("{}");
    let slow = Upstream::answering(|_| {
        std::thread::sleep(Duration::from_millis(200));
        crate::upstream::ok("{}")
    });
    let mut cores = vec![("slow", Held::from(slow)), ("dripping", dripping().into())];
    cores.extend(ways::all().into_iter().map(|way| (way.name, (way.start)())));
    for (name, held) in cores {
        // The machine of a test is shared: the best of three rounds counts, and one that is good ends it.
        let mut rounds = (0..3).map(|_| (measure(&healthy), measure(&held.core)));
        let good = |(healthy, p99): &(Duration, Duration)| {
            *p99 <= *healthy * 2 + Duration::from_millis(10)
        };
        let mut seen = Vec::new();
        assert!(
            rounds.any(|round| {
                seen.push(round);
                good(&round)
            }),
            "{name}: {seen:?}"
        );
    }
}

#[test]
fn r4_in_flight_exchanges_and_held_bytes_are_bounded_and_what_does_not_fit_is_counted() {
    let legacy = Upstream::answering(|_| crate::upstream::ok(&"x".repeat(10_000)));
    let core = hanging();
    let mut config = config(&legacy, &core);
    config.shadow.max_in_flight = 20;
    config.shadow.timeout_ms = 60_000;
    let proxy = Proxy::start(&config).expect("a good configuration");
    latencies(&proxy, 200);
    let total = proxy.counters().total();
    assert_eq!(
        (total.sent, lost(&total, Reason::TooManyInFlight)),
        (200, 180),
        "{total:?}"
    );
    assert!(core.seen.connections() <= 20);

    config.shadow.max_in_flight = 1_000;
    config.shadow.max_held_bytes = 100_000;
    config.shadow.timeout_ms = 600;
    let proxy = Proxy::start(&config).expect("a good configuration");
    latencies(&proxy, 50);
    let total = settled(&proxy, 50);
    let full = lost(&total, Reason::OutOfMemoryBudget);
    assert_eq!(full + lost(&total, Reason::CoreTimeout), 50, "{total:?}");
    let status = Wire::connect(proxy.admin()).get("/status");
    assert!(
        status.text().contains("\"held_bytes\": 0"),
        "every byte came back: {}",
        status.text()
    );
}

#[test]
fn r4_vanished_clients_leave_nothing_behind() {
    let (legacy, core) = (Upstream::saying("{}"), Upstream::saying("{}"));
    // Kept connections are no leak, and how many there are depends on how many requests overlapped.
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(
        file.path(),
        "legacy_link: { max_unused: 4 }\ncore_link: { max_unused: 4 }\n",
    )
    .expect("written");
    let path = file.path().to_str().expect("text");
    let program = Program::start(&legacy, &core, &["--config", path, "--threads", "2"]);
    // The program's own: those of this process belong to other tests as well.
    let descriptors = format!("/proc/{}/fd", program.pid());
    let open = || std::fs::read_dir(&descriptors).expect("Linux").count();
    assert_eq!(Wire::connect(program.listen).get("/").status(), 200);
    let before = open();
    for number in 0..200 {
        let mut wire = Wire::connect(program.listen);
        match number % 3 {
            0 => {}
            1 => wire.send("GET / HTTP/1.1\r\nHo"),
            _ => wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        }
    }
    let deadline = Instant::now() + crate::wire::LIMIT;
    // At most 4 kept to each side by each of two threads, and what a thread opens for itself, of which one may
    // not have begun yet when the first request was answered. Each kind of client above would leave 66.
    while open() > before + 40 {
        assert!(
            Instant::now() < deadline,
            "{} open, {before} before",
            open()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    program.settled();
    program.signal("-TERM");
    assert!(program.end().0.success());
}

#[test]
fn a_flood_of_connections_above_the_limit_is_closed_and_those_below_are_served() {
    let mut config = config(&Upstream::saying("{}"), &Upstream::saying("{}"));
    config.client.max_connections = 10;
    let proxy = Proxy::start(&config).expect("a good configuration");
    let mut served: Vec<_> = (0..10).map(|_| client(&proxy)).collect();
    for wire in &mut served {
        assert_eq!(wire.get("/").status(), 200);
    }
    let mut one_more = client(&proxy);
    assert!(one_more.ended());
    assert_eq!(served[3].get("/").status(), 200);
}
