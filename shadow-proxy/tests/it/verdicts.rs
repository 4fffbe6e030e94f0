//! What counts as a difference in live traffic, and what stops shadowed writes.

use std::time::Duration;

use shadow_proxy::Proxy;
use shadow_proxy::counters::Reason;
use shadow_proxy::writes::{Database, Policy};

use crate::upstream::{Upstream, ok};
use crate::wire::Wire;
use crate::{client, config, lost, settled, start};

#[test]
fn the_tripwire_stops_shadowed_writes_when_core_writes_where_legacy_reads() {
    // One "database" for both services: a list of bodies.
    for shared in [false, true] {
        let rows = std::sync::Arc::new(std::sync::Mutex::new(vec![Vec::new(), Vec::new()]));
        let service = |table: usize| {
            let rows = std::sync::Arc::clone(&rows);
            Upstream::answering(move |request| {
                let mut rows = rows.lock().expect("no test panics in here");
                if request.method() == "POST" {
                    rows[table].push(request.text().to_owned());
                    return ok("{}");
                }
                ok(&rows[table].join(","))
            })
        };
        let (legacy, core) = (service(0), service(usize::from(!shared)));
        let mut config = config(&legacy, &core);
        config.writes.default = Policy::Mirror;
        config.writes.database = Database::Isolated;
        config.writes.sentinel = Some(
            serde_json::from_str(
                r#"{"send": {"method": "POST", "path": "/s", "body": "[{mark}]"}, "read": "/all"}"#,
            )
            .expect("a sentinel"),
        );
        let proxy = Proxy::start(&config).expect("a good configuration");
        assert_eq!(legacy.seen.wait_for(1)[0].target(), "/all");
        let deadline = std::time::Instant::now() + crate::wire::LIMIT;
        let status = || {
            Wire::connect(proxy.admin())
                .get("/status")
                .text()
                .to_owned()
        };
        let decided = if shared {
            "both use one database"
        } else {
            "\"warnings\": []"
        };
        while !status().contains(decided) {
            assert!(std::time::Instant::now() < deadline, "{}", status());
        }
        let write = "POST /w HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nw";
        assert_eq!(client(&proxy).ask(write).status(), 200);
        let total = settled(&proxy, 1);
        assert_eq!(
            lost(&total, Reason::WriteStopped),
            u64::from(shared),
            "{total:?}"
        );
        let at_core = core.seen.requests();
        assert_eq!(
            at_core.len(),
            if shared { 1 } else { 2 },
            "the sentinel, and the write if proved"
        );
    }
}

#[test]
fn the_catalogue_names_endpoints_and_says_what_may_differ() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("endpoints.yaml");
    let catalogue = r#"
version: "2"
endpoints:
  - id: rooms_list
    method: GET
    path: /rooms
    expected_status: [200]
  - id: rooms_get
    method: GET
    path: /rooms/{id}
    path_params: {id: 1}
    expected_status: [200]
rules:
  - at: /servedAt
    tolerate: same-format
    reason: a clock
"#;
    std::fs::write(&path, catalogue).expect("a file");
    let legacy =
        Upstream::answering(|r| ok(&format!(r#"{{"servedAt":1,"path":"{}"}}"#, r.target())));
    let core = Upstream::answering(|request| {
        let path = if request.target() == "/rooms/9" {
            "other"
        } else {
            request.target()
        };
        ok(&format!(r#"{{"servedAt":2,"path":"{path}"}}"#))
    });
    let mut config = config(&legacy, &core);
    config.catalog = Some(path);
    let proxy = Proxy::start(&config).expect("a good catalogue");
    assert_eq!(
        proxy.counters().endpoints().len(),
        2,
        "every series starts at zero"
    );
    let mut client = client(&proxy);
    for target in ["/rooms", "/rooms/7", "/rooms/9", "/elsewhere"] {
        client.get(target);
    }
    settled(&proxy, 4);
    let tallies: Vec<_> = proxy
        .counters()
        .endpoints()
        .iter()
        .map(|endpoint| endpoint.tally())
        .map(|tally| (tally.endpoint, tally.equal, tally.different))
        .collect();
    let expected = [
        ("GET /elsewhere", 1, 0),
        ("rooms_get", 1, 1),
        ("rooms_list", 1, 0),
    ];
    assert_eq!(
        tallies,
        expected.map(|(name, equal, different)| (name.to_owned(), equal, different))
    );
    let groups = proxy.findings().groups();
    let places: Vec<_> = groups
        .keys()
        .map(|g| (g.endpoint.as_str(), g.place.as_str()))
        .collect();
    assert_eq!(places, [("rooms_get", "/path")]);
}

#[test]
fn a_read_that_differs_while_a_write_is_under_way_is_told_apart_unless_it_always_differs() {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex, mpsc};
    // One value for both services; a write waits for the test before it answers.
    let value = Arc::new(AtomicU64::new(0));
    let (go, wait) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel::<()>();
    let gate = Mutex::new((begun, wait));
    let shared = Arc::clone(&value);
    let legacy = Upstream::answering(move |request| {
        if request.method() == "PATCH" {
            let gate = gate.lock().expect("no test panics in here");
            gate.0.send(()).expect("the test waits");
            gate.1.recv().expect("the test lets go");
            return ok("{}");
        }
        ok(&format!(
            r#"{{"v":{},"own":1}}"#,
            shared.load(Ordering::SeqCst)
        ))
    });
    let shared = Arc::clone(&value);
    let core = Upstream::answering(move |request| {
        // The write's effect comes between the two answers.
        let v = if request.target() == "/raced" {
            shared.fetch_add(1, Ordering::SeqCst) + 1
        } else {
            shared.load(Ordering::SeqCst)
        };
        let own = if request.target() == "/always" { 2 } else { 1 };
        ok(&format!(r#"{{"v":{v},"own":{own}}}"#))
    });
    let proxy = start(&legacy, &core);
    let mut reader = client(&proxy);
    reader.get("/always");
    assert_eq!(settled(&proxy, 1).different, 1);
    let mut writer = client(&proxy);
    writer.send("PATCH /w HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    begins
        .recv_timeout(crate::wire::LIMIT)
        .expect("the write is under way");
    for target in ["/raced", "/always", "/equal"] {
        reader.get(target);
        // Core changes the value that the next answers hold: one exchange after the other.
        let deadline = std::time::Instant::now() + crate::wire::LIMIT;
        while proxy.counters().total().in_flight() > 1 {
            assert!(
                std::time::Instant::now() < deadline,
                "{:?}",
                proxy.counters().total()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    go.send(()).expect("the write waits");
    assert_eq!(writer.answer().status(), 200);
    let total = settled(&proxy, 5);
    assert_eq!((total.different, total.equal), (2, 1), "{total:?}");
    assert_eq!(lost(&total, Reason::WriteRace), 1);
    reader.get("/raced");
    assert_eq!(settled(&proxy, 6).different, 3, "no write excuses this one");
}
