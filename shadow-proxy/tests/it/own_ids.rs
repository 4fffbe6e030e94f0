//! Services that give out ids, tokens and cookies of their own, each from a database of its own.

use std::collections::BTreeMap;
use std::sync::Mutex;

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
    let made: Mutex<BTreeMap<u64, String>> = Mutex::default();
    Upstream::answering(move |request| {
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
