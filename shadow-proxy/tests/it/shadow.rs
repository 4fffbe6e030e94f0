//! R1, R3, R5, R9: what core gets, and that whatever it does stays its own affair.

use shadow_proxy::counters::Reason;
use shadow_proxy::writes::{Database, Policy};
use shadow_proxy::{Config, Proxy};

use crate::upstream::{Upstream, ok};
use crate::wire::Wire;
use crate::{client, config, lost, settled, start};

#[test]
fn r3_a_write_never_reaches_core_and_legacy_gets_it_once() {
    let (legacy, core) = (Upstream::saying("{}"), Upstream::saying("{}"));
    let proxy = start(&legacy, &core);
    let mut client = client(&proxy);
    let writes = [
        "POST /a",
        "PUT /a",
        "PATCH /a",
        "DELETE /a",
        "get /a",
        "Post /a",
        "PURGE /a",
        "TRACE /a",
        "GET /override\r\nX-HTTP-Method-Override: DELETE",
        "HEAD /override\r\nX-Method-Override: PUT",
    ];
    for write in writes {
        let (line, field) = write.split_once("\r\n").unwrap_or((write, "X: 1"));
        client.send(format!(
            "{line} HTTP/1.1\r\nHost: a\r\n{field}\r\nContent-Length: 2\r\n\r\n{{}}"
        ));
        let method = line.split(' ').next().unwrap_or("");
        let answer = if method == "HEAD" {
            client.message(true).expect("readable").expect("one")
        } else {
            client.answer()
        };
        assert_eq!(answer.status(), 200, "{write}");
        if method == "HEAD" {
            // The test's own legacy sends a body nonetheless; start over.
            client = crate::client(&proxy);
        }
    }
    let total = settled(&proxy, writes.len() as u64);
    assert_eq!(
        lost(&total, Reason::Write),
        writes.len() as u64,
        "{total:?}"
    );
    assert_eq!(legacy.seen.requests().len(), writes.len());
    assert_eq!(core.seen.connections(), 0);
}

#[test]
fn r3_an_upload_is_whole_at_legacy_while_core_does_not_read() {
    let legacy = Upstream::answering(|request| ok(&request.body.len().to_string()));
    let core = Upstream::start(|_, _wire, _| std::thread::park());
    let mut config = config(&legacy, &core);
    config.writes.default = Policy::Mirror;
    config.writes.database = Database::Isolated;
    let proxy = Proxy::start(&config).expect("a good configuration");
    let mut client = client(&proxy);
    let body = "u".repeat(16 << 20);
    for _ in 0..2 {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        client.send(head);
        client.send(&body);
        assert_eq!(client.answer().text(), (16 << 20).to_string());
    }
    assert_eq!(lost(&settled(&proxy, 2), Reason::RequestTooLarge), 2);
}

#[test]
fn r3_each_write_policy_shows_core_what_it_names_and_no_more() {
    let answer = |request: &crate::wire::Message| match (request.method(), request.target()) {
        ("POST", "/rooms") => {
            b"HTTP/1.1 201 Created\r\nLocation: /rooms/7\r\nContent-Length: 2\r\n\r\n{}".to_vec()
        }
        ("POST", "/bad") => b"HTTP/1.1 400 Bad\r\nContent-Length: 2\r\n\r\n{}".to_vec(),
        (_, target) => ok(target),
    };
    for (policy, at_core) in [
        (Policy::Skip, vec![]),
        (Policy::Probe, vec!["GET /rooms/7", "GET /rooms/8"]),
        (Policy::Rejected, vec!["POST /bad"]),
        (
            Policy::Mirror,
            vec!["POST /rooms", "POST /bad", "PATCH /rooms/8"],
        ),
        (
            Policy::Read,
            vec!["POST /rooms", "POST /bad", "PATCH /rooms/8"],
        ),
    ] {
        let (legacy, core) = (Upstream::answering(answer), Upstream::answering(answer));
        let mut config = config(&legacy, &core);
        config.writes.default = policy;
        config.writes.database = Database::Isolated;
        let proxy = Proxy::start(&config).expect("a good configuration");
        let mut client = client(&proxy);
        for (number, line) in ["POST /rooms", "POST /bad", "PATCH /rooms/8"]
            .into_iter()
            .enumerate()
        {
            client.ask(format!(
                "{line} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
            ));
            // One after another, so that core's order is known.
            settled(&proxy, number as u64 + 1);
        }
        let seen: Vec<_> = core
            .seen
            .requests()
            .iter()
            .map(|request| format!("{} {}", request.method(), request.target()))
            .collect();
        assert_eq!(seen, at_core, "{policy:?}");
        let total = settled(&proxy, 3);
        assert_eq!(
            (total.equal, total.different),
            (at_core.len() as u64, 0),
            "{policy:?} {total:?}"
        );
        let written = legacy
            .seen
            .requests()
            .iter()
            .filter(|r| r.method() != "GET")
            .count();
        assert_eq!(written, 3, "{policy:?}: legacy gets each write once");
        assert!(
            core.seen
                .requests()
                .iter()
                .filter(|r| r.method() != "GET")
                .all(|r| r.text() == "hello")
        );
    }
}

#[test]
fn r5_count_in_is_count_out_and_both_get_the_same_requests() {
    let answer = |request: &crate::wire::Message| ok(request.target());
    let (legacy, core) = (
        Upstream::answering(answer),
        Upstream::answering(move |request| {
            if request.target().ends_with('3') {
                ok("other")
            } else {
                answer(request)
            }
        }),
    );
    let mut config = config(&legacy, &core);
    config.threads = 2;
    let proxy = Proxy::start(&config).expect("a good configuration");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let proxy = &proxy;
            scope.spawn(move || {
                let mut client = client(proxy);
                for number in 0..250 {
                    let body = "b".repeat(number % 7);
                    let method = ["GET", "OPTIONS", "POST", "GET", "PUT"][number % 5];
                    let request = format!(
                        "{method} /{thread}/x{number} HTTP/1.1\r\nHost: a\r\nX-N: {number}\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    assert_eq!(client.ask(request).text(), format!("/{thread}/x{number}"));
                }
            });
        }
    });
    let total = settled(&proxy, 1_000);
    let not_compared: u64 = total.not_compared.iter().sum();
    assert_eq!(total.sent, total.compared() + not_compared);
    // With writes all the time, some of what differs may have been raced by one; nothing else may be.
    let raced = lost(&total, Reason::WriteRace);
    assert_eq!(
        (total.compared() + raced, lost(&total, Reason::Write)),
        (600, 400)
    );
    let other = core
        .seen
        .requests()
        .iter()
        .filter(|r| r.target().ends_with('3'))
        .count();
    assert_eq!(total.different + raced, other as u64);
    let sorted = |upstream: &Upstream, reads: bool| {
        let mut all: Vec<_> = upstream
            .seen
            .requests()
            .into_iter()
            .filter(|request| !reads || matches!(request.method(), "GET" | "OPTIONS"))
            .map(|request| {
                (
                    request.first.clone(),
                    request.fields.clone(),
                    request.body.clone(),
                )
            })
            .collect();
        all.sort();
        all
    };
    assert_eq!(legacy.seen.requests().len(), 1_000);
    assert_eq!(
        sorted(&legacy, true),
        sorted(&core, false),
        "equal in line, fields and body"
    );
}

#[test]
fn r5_everything_that_is_not_compared_has_its_reason() {
    let legacy = Upstream::answering(|request| match request.target() {
        "/429" => b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n".to_vec(),
        "/503" => b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_vec(),
        "/large" => ok(&"l".repeat(5_000)),
        _ => ok("{}"),
    });
    let core = Upstream::answering(|request| match request.target() {
        "/core-large" => ok(&"c".repeat(5_000)),
        _ => ok("{}"),
    });
    let mut config = config(&legacy, &core);
    config.shadow.max_answer_bytes = 4_000;
    config.shadow.max_request_bytes = 100;
    let proxy = Proxy::start(&config).expect("a good configuration");
    let mut client = client(&proxy);
    for target in ["/429", "/503", "/large", "/core-large", "/fine"] {
        client.get(target);
    }
    client.ask(format!(
        "GET /body HTTP/1.1\r\nHost: a\r\nContent-Length: 200\r\n\r\n{}",
        "b".repeat(200)
    ));
    let total = settled(&proxy, 6);
    assert_eq!(lost(&total, Reason::LegacyOverloaded), 2);
    assert_eq!(lost(&total, Reason::LegacyTooLarge), 1);
    assert_eq!(lost(&total, Reason::CoreTooLarge), 1);
    assert_eq!(lost(&total, Reason::RequestTooLarge), 1);
    assert_eq!((total.equal, total.different), (1, 0));
    assert!(
        core.seen
            .requests()
            .iter()
            .all(|request| !matches!(request.target(), "/429" | "/503"))
    );
}

#[test]
fn r9_shadowing_resumes_by_itself_when_core_is_back() {
    let legacy = Upstream::saying("{}");
    let gone = Upstream::refusing();
    let proxy = start(&legacy, &gone);
    let mut client = client(&proxy);
    for _ in 0..20 {
        assert_eq!(client.get("/").status(), 200);
    }
    assert_eq!(lost(&settled(&proxy, 20), Reason::CoreUnreachable), 20);
    // Core comes back at its old address.
    let listener = std::net::TcpListener::bind(gone.address).expect("the port is still free");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut wire = Wire::new(stream);
            std::thread::spawn(move || {
                while let Ok(Some(_)) = wire.message(false) {
                    wire.send(ok("{}"));
                }
            });
        }
    });
    assert_eq!(client.get("/").status(), 200);
    assert_eq!(
        settled(&proxy, 21).equal,
        1,
        "the first request after core's return"
    );
}

#[test]
fn a_sample_holds_whole_users() {
    let (legacy, core) = (Upstream::saying("{}"), Upstream::saying("{}"));
    let mut config: Config = config(&legacy, &core);
    config.sample.percent = 50.0;
    config.sample.by_header = Some("X-User".to_owned());
    let proxy = Proxy::start(&config).expect("a good configuration");
    let mut client = client(&proxy);
    for user in 0..40 {
        for _ in 0..3 {
            client.ask(format!(
                "GET / HTTP/1.1\r\nHost: a\r\nX-User: {user}\r\n\r\n"
            ));
        }
    }
    let total = settled(&proxy, 120);
    assert_eq!(total.equal + lost(&total, Reason::SampledOut), 120);
    assert!((30..=90).contains(&total.equal), "{total:?}");
    let mut by_user = std::collections::BTreeMap::<String, usize>::new();
    for request in core.seen.requests() {
        *by_user
            .entry(request.field("x-user").unwrap_or("").to_owned())
            .or_default() += 1;
    }
    assert!(by_user.values().all(|&count| count == 3), "{by_user:?}");
}
