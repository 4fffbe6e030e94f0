//! R1: a table of faulty answers and of ways of not answering. Whatever core does, the client gets
//! legacy's status, fields and body in time, on this request and on the next of the same connection,
//! and every exchange ends in exactly one count.

pub(crate) mod answers;
mod bodies;
mod heads;
pub(crate) mod ways;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use shadow_proxy::Proxy;
use shadow_proxy::counters::{Reason, Tally};

use self::answers::Ends;
use crate::upstream::Upstream;
use crate::wire::{Message, Wire};
use crate::{client, config};

/// What legacy answers, and nothing else may reach a client.
pub(crate) const LEGACY: &str = r#"{"values":[{"id":1,"status":"NORMAL"}]}"#;
/// Requests that each fault gets to see, one after another on one connection.
const REQUESTS: u64 = 3;
/// How long core may take. A client that waited for core would wait as long.
const PATIENCE: Duration = Duration::from_secs(2);
/// Faults that are tried at once; most of the time they wait.
const AT_ONCE: usize = 12;

pub(crate) fn legacy() -> Upstream {
    Upstream::answering(|_| {
        let length = LEGACY.len();
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nX-Legacy: 1\r\n\r\n{LEGACY}").into_bytes()
    })
}

/// What is wrong with an answer a client got, if it is not legacy's.
pub(crate) fn not_legacys(answer: &Message) -> Option<String> {
    let length = LEGACY.len().to_string();
    let expected = [
        ("content-type", "application/json"),
        ("content-length", &length),
        ("x-legacy", "1"),
        ("via", "1.1 shadow-proxy"),
    ];
    let mut fields: Vec<_> = answer
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value)))
        .collect();
    fields.sort();
    let mut expected = expected.map(|(name, value)| (name, value.into()));
    expected.sort();
    let same = answer.status() == 200 && answer.text() == LEGACY && answer.whole;
    (!same || fields != expected).then(|| format!("{answer:?}"))
}

/// One more request for each fault, and what went wrong, if anything.
fn tried(core: &Upstream, ends: &Ends) -> Result<(), String> {
    let legacy = legacy();
    let mut config = config(&legacy, core);
    config.shadow.timeout_ms = u64::try_from(PATIENCE.as_millis()).expect("small");
    config.core_link.connect_timeout_ms = config.shadow.timeout_ms;
    let proxy = Proxy::start(&config).expect("a good configuration");
    let mut client = client(&proxy);
    let mut waits = Vec::new();
    for number in 0..REQUESTS {
        let asked = Instant::now();
        let answer = client.get(&format!("/rooms/{number}"));
        if let Some(wrong) = not_legacys(&answer) {
            return Err(format!("request {number} got {wrong}"));
        }
        waits.push(asked.elapsed());
    }
    // A client that has to wait for core waits for its time limit, with each request but the first. A busy
    // machine holds one of them up at times.
    if waits.iter().filter(|wait| **wait > PATIENCE / 2).count() > 1 {
        return Err(format!("its requests took {waits:?}"));
    }
    let total = ended(&proxy, REQUESTS, REQUESTS)?;
    if !balanced(&total) {
        return Err(format!("the counts do not add up: {total:?}"));
    }
    if !ends.holds(&total) {
        return Err(format!("ended as {}, not as {ends:?}", shown(&total)));
    }
    Ok(())
}

/// Whether every request ended in exactly one count.
pub(crate) fn balanced(total: &Tally) -> bool {
    total.sent == total.compared() + total.not_compared.iter().sum::<u64>()
}

fn shown(total: &Tally) -> String {
    let reasons = Reason::ALL.into_iter().zip(total.not_compared);
    let lost: Vec<_> = reasons
        .filter(|(_, count)| *count > 0)
        .map(|(reason, count)| format!("{count} {}", reason.label()))
        .collect();
    format!(
        "{} equal, {} different, {lost:?}",
        total.equal, total.different
    )
}

/// Tries every fault, several at once, and lists all that failed.
fn all(count: usize, one: impl Fn(usize) -> (String, Result<(), String>) + Sync) {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    if let (name, Err(why)) = one(number) {
                        let mut failed = failed.lock().expect("no test panics in here");
                        failed.push(format!("{name}: {why}"));
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().expect("no test panics in here");
    failed.sort();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn r1_whatever_core_answers_the_client_gets_legacys_answer() {
    let faults = answers::all();
    let mut names: Vec<_> = faults.iter().map(|fault| fault.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), faults.len(), "every fault has its own name");
    assert!(faults.len() >= 85, "{}", faults.len());
    all(faults.len(), |number| {
        let fault = &faults[number];
        let core = Upstream::start({
            let script = fault.script.clone();
            move |_, wire, seen| script.play(wire, seen)
        });
        (fault.name.to_owned(), tried(&core, &fault.ends))
    });
}

#[test]
fn r1_a_core_that_does_not_accept_or_read_changes_nothing_for_the_client() {
    let ways = ways::all();
    assert!(ways.len() >= 7);
    all(ways.len(), |number| {
        let way = &ways[number];
        let held = (way.start)();
        let result = tried(&held.core, &way.ends);
        (way.name.to_owned(), result)
    });
}

#[test]
fn r1_a_redirect_of_core_is_followed_nowhere() {
    let elsewhere = Upstream::saying("{}");
    let to = elsewhere.url();
    let core = Upstream::answering(move |_| {
        format!("HTTP/1.1 302 Found\r\nLocation: {to}/x\r\nContent-Length: 0\r\n\r\n").into_bytes()
    });
    tried(&core, &Ends::Different).expect("the client sees none of it");
    assert_eq!(core.seen.requests().len() as u64, REQUESTS);
    assert_eq!(elsewhere.seen.connections(), 0);
}

/// Load with a core that fails in a different way each time.
#[test]
fn r5_under_load_with_a_flaky_core_every_exchange_ends_in_one_count() {
    const CLIENTS: usize = 6;
    let each = if std::env::var_os("FULL").is_some() {
        5_000
    } else {
        400
    };
    let scripts: Vec<_> = answers::all().into_iter().map(|f| f.script).collect();
    let core = Upstream::start(move |connection, wire, seen| {
        // Every other connection is sound, so that comparisons go on in between.
        if connection % 2 == 0 {
            answers::sound().play(wire, seen);
        } else {
            scripts[connection / 2 % scripts.len()].play(wire, seen);
        }
    });
    let legacy = legacy();
    let mut config = config(&legacy, &core);
    config.threads = 2;
    config.shadow.timeout_ms = 300;
    config.shadow.max_in_flight = 40;
    config.shadow.max_queued_pairs = 16;
    let proxy = Proxy::start(&config).expect("a good configuration");
    let abandoned = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (proxy, abandoned) = (&proxy, &abandoned);
            scope.spawn(move || {
                let mut wire = client(proxy);
                for round in 0..each {
                    if round % 97 == number {
                        // Leaves before its answer.
                        wire.send("GET /left HTTP/1.1\r\nHost: a\r\n\r\n");
                        abandoned.fetch_add(1, Ordering::Relaxed);
                        wire = client(proxy);
                    }
                    let method = ["GET", "GET", "POST", "GET"][round % 4];
                    let answer = wire.ask(format!("{method} /rooms/{round} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}"));
                    let wrong = not_legacys(&answer);
                    assert_eq!(wrong, None, "client {number}, request {round}");
                }
            });
        }
    });
    let sent = (CLIENTS * each) as u64;
    let left = abandoned.into_inner() as u64;
    let total = ended(&proxy, sent, sent + left).expect("everything ends");
    assert!(balanced(&total), "{total:?}");
    assert_eq!(
        total.not_compared[Reason::Write as usize],
        sent / 4,
        "{}",
        shown(&total)
    );
    assert!(total.equal > 0, "{}", shown(&total));
    let status = Wire::connect(proxy.admin()).get("/status");
    assert!(
        status.text().contains("\"held_bytes\": 0,"),
        "{}",
        status.text()
    );
}

/// The counts once nothing is open. Of requests whose client left at once some never went to legacy.
fn ended(proxy: &Proxy, least: u64, most: u64) -> Result<Tally, String> {
    let deadline = Instant::now() + 3 * crate::wire::LIMIT;
    loop {
        let total = proxy.counters().total();
        if total.sent >= least && total.in_flight() == 0 {
            return if total.sent <= most {
                Ok(total)
            } else {
                Err(format!("more was sent than asked: {}", shown(&total)))
            };
        }
        if Instant::now() > deadline {
            return Err(format!("still open: {}", shown(&total)));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
