//! Services that give out ids, tokens and cookies of their own, each from a database of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use shadow_proxy::counters::Reason;
use shadow_proxy::writes::{Database, Policy};
use shadow_proxy::{Config, Proxy};

use crate::upstream::{Upstream, ok};
use crate::wire::{Message, Wire};
use crate::{client, config, lost, settled};

fn answer(status: &str, fields: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// A service of things with a login. Its ids start behind `first`, its tokens and cookies hold `name`;
/// a thing called `fragile` it makes only if it is `sturdy`.
fn things(name: &'static str, first: u64, sturdy: bool) -> Upstream {
    things_behind(Arc::default(), name, first, sturdy)
}

/// The same; it answers nothing while somebody holds the gate.
fn things_behind(gate: Arc<Mutex<()>>, name: &'static str, first: u64, sturdy: bool) -> Upstream {
    let made: Mutex<BTreeMap<u64, String>> = Mutex::default();
    Upstream::answering(move |request| {
        drop(gate.lock().expect("no test panics with it"));
        let token = format!("{name}-token-0123456789");
        let known = |field: &str, value: String| request.field(field) == Some(value.as_str());
        let mut made = made.lock().expect("no test panics in here");
        if request.target() == "/login" {
            let cookie = format!("Set-Cookie: sid={name}-session; Path=/\r\n");
            return answer(
                "200 OK",
                &cookie,
                &format!(r#"{{"accessToken":"{token}"}}"#),
            );
        }
        if !known("authorization", format!("Bearer {token}"))
            && !known("cookie", format!("lang=ko; sid={name}-session"))
        {
            return answer("401 Unauthorized", "", r#"{"message":"who are you?"}"#);
        }
        if request.method() == "PUT" {
            let id = request
                .target()
                .rsplit('/')
                .next()
                .and_then(|id| id.parse().ok());
            let text = request.text().to_owned();
            return match id.and_then(|id: u64| made.get_mut(&id)) {
                Some(old) => {
                    *old = text;
                    answer("204 No Content", "", "")
                }
                None => answer("404 Not Found", "", r#"{"message":"no such thing"}"#),
            };
        }
        if request.target() == "/things?rows=0" {
            return ok(&format!(r#"{{"values":[],"total":{}}}"#, made.len()));
        }
        if request.method() == "GET" && request.target() == "/things" {
            let rows: Vec<String> = made
                .iter()
                .map(|(id, text)| format!(r#"{{"id":{id},"of":{text}}}"#))
                .collect();
            return ok(&format!(r#"{{"values":[{}]}}"#, rows.join(",")));
        }
        if request.method() == "POST" {
            let text = request.text().to_owned();
            if text.contains("fragile") && !sturdy {
                return answer("500 Internal Server Error", "", "{}");
            }
            let id = first + 1 + made.len() as u64;
            let body = format!(r#"{{"value":{{"id":{id},"of":{text}}}}}"#);
            made.insert(id, text);
            return answer("201 Created", &format!("Location: /things/{id}\r\n"), &body);
        }
        let id = request
            .target()
            .rsplit('/')
            .next()
            .and_then(|id| id.parse().ok());
        match id.and_then(|id: u64| made.get(&id).map(|text| (id, text))) {
            Some((id, text)) => ok(&format!(r#"{{"value":{{"id":{id},"of":{text}}}}}"#)),
            None => answer("404 Not Found", "", r#"{"message":"no such thing"}"#),
        }
    })
}

/// Makes things at a service itself, before any proxy looks.
fn made_before(service: &Upstream, name: &str, things: &[&str]) {
    let mut wire = Wire::connect(service.address);
    let who = format!("Authorization: Bearer {name}-token-0123456789\r\n");
    for thing in things {
        let body = format!(r#"{{"name":"{thing}"}}"#);
        ask(&mut wire, "POST", "/things", &who, &body);
    }
}

fn mirrored(legacy: &Upstream, core: &Upstream) -> Config {
    let mut config = config(legacy, core);
    config.writes.default = Policy::Mirror;
    config.writes.database = Database::Isolated;
    config
}

fn ask(client: &mut Wire, method: &str, target: &str, who: &str, body: &str) -> Message {
    let length = body.len();
    let message = client.ask(format!(
        "{method} {target} HTTP/1.1\r\nHost: a\r\n{who}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    ));
    assert!(message.status() < 400, "{target}: {}", message.text());
    message
}

#[test]
fn tokens_cookies_and_ids_of_one_side_become_those_of_the_other() {
    let (legacy, core) = (things("legacy", 0, true), things("core", 100, true));
    let proxy = Proxy::start(&mirrored(&legacy, &core)).expect("a good configuration");
    let mut client = client(&proxy);
    ask(&mut client, "POST", "/login", "", "{}");
    let bearer = "Authorization: Bearer legacy-token-0123456789\r\n";
    let cookie = "Cookie: lang=ko; sid=legacy-session\r\n";
    for who in [bearer, cookie] {
        let made = ask(
            &mut client,
            "POST",
            "/things",
            who,
            r#"{"name":"a","size":1}"#,
        );
        let place = made.field("location").expect("where it is").to_owned();
        ask(&mut client, "GET", &place, who, "");
    }
    // A reference to the first thing, and a number that only looks like it.
    ask(
        &mut client,
        "POST",
        "/things",
        bearer,
        r#"{"thingId":1,"size":1}"#,
    );
    let total = settled(&proxy, 6);
    assert_eq!(total.equal, 6, "{total:?} {:#?}", proxy.findings().groups());
    let seen = core.seen.requests();
    let targets: Vec<&str> = seen.iter().map(Message::target).collect();
    assert_eq!(
        targets,
        [
            "/login",
            "/things",
            "/things/101",
            "/things",
            "/things/102",
            "/things"
        ]
    );
    assert_eq!(seen[5].text(), r#"{"thingId":101,"size":1}"#);
}

#[test]
fn a_request_about_a_thing_that_core_did_not_make_is_skipped_and_counted() {
    let (legacy, core) = (things("legacy", 0, true), things("core", 100, false));
    let proxy = Proxy::start(&mirrored(&legacy, &core)).expect("a good configuration");
    let mut client = client(&proxy);
    ask(&mut client, "POST", "/login", "", "{}");
    let who = "Authorization: Bearer legacy-token-0123456789\r\n";
    ask(&mut client, "POST", "/things", who, r#"{"name":"fragile"}"#);
    ask(&mut client, "GET", "/things/1", who, "");
    ask(&mut client, "POST", "/things", who, r#"{"name":"b"}"#);
    ask(&mut client, "GET", "/things/2", who, "");
    let total = settled(&proxy, 5);
    assert_eq!(lost(&total, Reason::UnmappedId), 1, "{total:?}");
    assert_eq!(
        (total.equal, total.different),
        (3, 1),
        "only the failure differs"
    );
    assert_eq!(core.seen.requests().len(), 4);
    let status = Wire::connect(proxy.admin()).get("/status");
    assert!(
        status.text().contains("\"unmapped_id\": 1"),
        "{}",
        status.text()
    );
}

#[test]
fn things_from_before_whose_ids_are_apart_are_skipped_until_they_are_known() {
    let (legacy, core) = (things("legacy", 0, true), things("core", 100, true));
    made_before(&legacy, "legacy", &["a", "b"]);
    made_before(&core, "core", &["a", "b"]);
    let proxy = Proxy::start(&mirrored(&legacy, &core)).expect("a good configuration");
    let mut client = client(&proxy);
    ask(&mut client, "POST", "/login", "", "{}");
    let who = "Authorization: Bearer legacy-token-0123456789\r\n";
    // Taken to be the same on both sides, and core knows no such thing.
    ask(&mut client, "GET", "/things/1", who, "");
    let total = settled(&proxy, 2);
    assert_eq!(lost(&total, Reason::UnmappedId), 1, "{total:?}");
    assert_eq!((total.equal, total.different), (1, 0), "{total:?}");
}

#[test]
fn a_thing_that_core_lost_is_a_finding_once_its_type_is_known_to_be_the_same() {
    let (legacy, core) = (things("legacy", 0, true), things("core", 0, true));
    made_before(&legacy, "legacy", &["a", "b"]);
    made_before(&core, "core", &["a"]);
    let proxy = Proxy::start(&mirrored(&legacy, &core)).expect("a good configuration");
    let mut client = client(&proxy);
    ask(&mut client, "POST", "/login", "", "{}");
    let who = "Authorization: Bearer legacy-token-0123456789\r\n";
    for target in ["/things/1", "/things/2"] {
        ask(&mut client, "GET", target, who, "");
        settled(&proxy, if target == "/things/1" { 2 } else { 3 });
    }
    let total = settled(&proxy, 3);
    assert_eq!((total.equal, total.different), (2, 1), "{total:?}");
}

/// Logged in at a proxy that shows core no body above 100 bytes.
fn with_short_bodies(legacy: &Upstream, core: &Upstream) -> (Proxy, Wire) {
    let mut config = mirrored(legacy, core);
    config.shadow.max_request_bytes = 100;
    let proxy = Proxy::start(&config).expect("a good configuration");
    let mut client = client(&proxy);
    ask(&mut client, "POST", "/login", "", "{}");
    settled(&proxy, 1);
    (proxy, client)
}

const WHO: &str = "Authorization: Bearer legacy-token-0123456789\r\n";

/// Too long for core.
fn long(name: &str) -> String {
    format!(r#"{{"name":"{}"}}"#, name.repeat(100))
}

#[test]
fn what_follows_from_a_thing_that_core_was_never_told_to_make_is_no_finding() {
    let (legacy, core) = (things("legacy", 0, true), things("core", 0, true));
    made_before(&legacy, "legacy", &["a"]);
    made_before(&core, "core", &["a"]);
    let (proxy, mut client) = with_short_bodies(&legacy, &core);
    // What was there before has the same ids on both sides.
    ask(&mut client, "GET", "/things/1", WHO, "");
    settled(&proxy, 2);
    let made = ask(&mut client, "POST", "/things", WHO, &long("b"));
    assert_eq!(made.field("location"), Some("/things/2"));
    settled(&proxy, 3);
    // Legacy's second thing is none of core's, and its third is core's second.
    ask(&mut client, "GET", "/things/2", WHO, "");
    ask(&mut client, "POST", "/things", WHO, r#"{"name":"c"}"#);
    settled(&proxy, 5);
    ask(&mut client, "GET", "/things/3", WHO, "");
    ask(&mut client, "GET", "/things/1", WHO, "");
    // There are more of them at legacy, whether they are shown or counted.
    ask(&mut client, "GET", "/things", WHO, "");
    ask(&mut client, "GET", "/things?rows=0", WHO, "");
    let total = settled(&proxy, 9);
    let groups = proxy.findings().groups();
    assert_eq!(
        (total.equal, total.different),
        (5, 0),
        "{total:?} {groups:#?}"
    );
    let of = |reason| lost(&total, reason);
    assert_eq!(
        (of(Reason::RequestTooLarge), of(Reason::UnmappedId)),
        (1, 1)
    );
    assert_eq!(of(Reason::WriteRace), 2);
}

#[test]
fn a_change_that_core_never_got_leaves_other_objects_of_the_type_compared() {
    let (legacy, core) = (things("legacy", 0, true), things("core", 100, true));
    let (proxy, mut client) = with_short_bodies(&legacy, &core);
    for name in ["a", "b"] {
        let body = format!(r#"{{"name":"{name}"}}"#);
        ask(&mut client, "POST", "/things", WHO, &body);
    }
    settled(&proxy, 3);
    ask(&mut client, "PUT", "/things/1", WHO, &long("a"));
    settled(&proxy, 4);
    // The first is unknown at core, the list has it, and the second is as it was.
    ask(&mut client, "GET", "/things/1", WHO, "");
    ask(&mut client, "GET", "/things", WHO, "");
    ask(&mut client, "GET", "/things/2", WHO, "");
    let total = settled(&proxy, 7);
    let of = |reason| lost(&total, reason);
    assert_eq!((total.equal, total.different), (4, 0), "{total:?}");
    assert_eq!((of(Reason::UnmappedId), of(Reason::WriteRace)), (1, 1));
    // Core itself changes the second: that is seen.
    let mut wire = Wire::connect(core.address);
    let at_core = "Authorization: Bearer core-token-0123456789\r\n";
    ask(&mut wire, "PUT", "/things/102", at_core, r#"{"name":"c"}"#);
    ask(&mut client, "GET", "/things/2", WHO, "");
    assert_eq!(settled(&proxy, 8).different, 1);
}

#[test]
fn where_core_falls_behind_reads_lose_their_place_before_writes() {
    let gate: Arc<Mutex<()>> = Arc::default();
    let legacy = things("legacy", 0, true);
    let core = things_behind(Arc::clone(&gate), "core", 0, true);
    made_before(&legacy, "legacy", &["a"]);
    made_before(&core, "core", &["a"]);
    let mut config = mirrored(&legacy, &core);
    config.threads = 1;
    config.shadow.max_in_flight = 4;
    config.shadow.timeout_ms = 60_000;
    let proxy = Proxy::start(&config).expect("a good configuration");
    let mut client = client(&proxy);
    ask(&mut client, "POST", "/login", "", "{}");
    ask(&mut client, "GET", "/things/1", WHO, "");
    settled(&proxy, 2);
    let held = gate.lock().expect("no test panics with it");
    // Three of four places are for reads, the last one takes a write, and the next write is lost.
    for _ in 0..5 {
        ask(&mut client, "GET", "/things/1", WHO, "");
    }
    ask(&mut client, "POST", "/things", WHO, r#"{"name":"b"}"#);
    ask(&mut client, "POST", "/things", WHO, r#"{"name":"c"}"#);
    drop(held);
    settled(&proxy, 9);
    ask(&mut client, "GET", "/things/2", WHO, "");
    ask(&mut client, "GET", "/things/3", WHO, "");
    let total = settled(&proxy, 11);
    let groups = proxy.findings().groups();
    assert_eq!(
        (total.equal, total.different),
        (7, 0),
        "{total:?} {groups:#?}"
    );
    let of = |reason| lost(&total, reason);
    assert_eq!(
        (of(Reason::TooManyInFlight), of(Reason::UnmappedId)),
        (3, 1)
    );
}

#[test]
fn after_a_restart_the_ids_are_read_back_from_the_evidence() {
    let (legacy, core) = (things("legacy", 0, true), things("core", 100, true));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = mirrored(&legacy, &core);
    config.evidence.file = Some(folder.path().join("live.db"));
    let who = "Authorization: Bearer legacy-token-0123456789\r\n";
    let begin = |config: &Config| {
        let proxy = Proxy::start(config).expect("a good configuration");
        let mut client = client(&proxy);
        ask(&mut client, "POST", "/login", "", "{}");
        (proxy, client)
    };
    let (proxy, mut wire) = begin(&config);
    assert_eq!(
        proxy
            .notices()
            .iter()
            .filter(|text| text.contains("ids:"))
            .count(),
        0
    );
    ask(&mut wire, "POST", "/things", who, r#"{"name":"a"}"#);
    settled(&proxy, 2);
    drop(wire);
    assert!(proxy.stop());

    let (proxy, mut wire) = begin(&config);
    let notices = proxy.notices();
    assert!(
        notices.contains(&"ids: 1 pairs read back from the evidence".to_owned()),
        "{notices:?}"
    );
    ask(&mut wire, "GET", "/things/1", who, "");
    let total = settled(&proxy, 2);
    assert_eq!(total.equal, 2, "{total:?} {:#?}", proxy.findings().groups());
    let last = core.seen.requests().pop().expect("a request");
    assert_eq!(last.target(), "/things/101");
    drop(wire);
    assert!(proxy.stop());

    // Another core has ids of its own again.
    let other = things("core", 500, true);
    config.core = Some(other.url());
    let (proxy, wire) = begin(&config);
    let notices = proxy.notices();
    assert!(
        notices.iter().any(|text| text.contains("learnt anew")),
        "{notices:?}"
    );
    drop(wire);
    assert!(proxy.stop());
}
