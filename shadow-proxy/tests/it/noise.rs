//! Two versions of a service that nobody described, and a twin of the old one: what changed is found,
//! times, ids, random orders and counters are not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use shadow_proxy::{Config, Proxy};
use verifier::evidence::noise::learn::learn;

use crate::upstream::{Upstream, ok};
use crate::wire::{Message, Wire};
use crate::{client, config, lost, settled};
use shadow_proxy::counters::Reason;

/// Randomness enough for a test, the same in every run: a counter, well mixed.
fn random(seed: &AtomicU64) -> u64 {
    let mut z = seed.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn uuid(seed: &AtomicU64) -> String {
    let (a, b) = (random(seed), random(seed));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        b >> 48 & 0xfff,
        b & 0xffff_ffff_ffff
    )
}

fn clock() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock");
    let (seconds, nanos) = (now.as_secs() % 86_400, now.subsec_nanos());
    format!(
        "2026-01-12T{:02}:{:02}:{:02}.{nanos:09}+09:00",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// What the new version changed.
#[derive(Clone, Copy, PartialEq)]
enum Change {
    /// The clock loses its zone.
    Zone,
    /// Prices are dearer by one in every tenth article.
    Price,
    /// A key is gone.
    Key,
    /// The order of a sorted list.
    Order,
}

/// A shop that nobody described: clock, request id, counter, a set in random order, a nickname that
/// is there or not, and articles sorted by price.
fn shop(seed: u64, change: Option<Change>) -> Upstream {
    let seed = Arc::new(AtomicU64::new(seed));
    // Far apart: two counters that run side by side agree for stretches, which no third one shares.
    let visits = AtomicU64::new(seed.load(Ordering::Relaxed) % 1_000 * 1_000_000);
    Upstream::answering(move |request| {
        let target = request.target().to_owned();
        let Some(number) = target.strip_prefix("/articles/") else {
            let mut rows: Vec<u64> = (1..=12).collect();
            // Ties under the sort: which comes first is open.
            for start in [0, 4, 8] {
                let at = start + usize::try_from(random(&seed) % 3).expect("small");
                rows.swap(at, start + 3);
            }
            if change == Some(Change::Order) {
                rows.reverse();
            }
            let rows: Vec<String> = rows
                .iter()
                .map(|n| format!(r#"{{"sku":{n},"price":{}}}"#, 10 * n.div_ceil(4)))
                .collect();
            return ok(&format!(
                r#"{{"at":"{}","rows":[{}]}}"#,
                clock(),
                rows.join(",")
            ));
        };
        let number: u64 = number.parse().expect("a number");
        let mut at = clock();
        if change == Some(Change::Zone) {
            at.truncate(at.len() - 6);
        }
        let mut tags = ["red", "green", "blue", "black", "white"];
        for last in (1..tags.len()).rev() {
            let to = random(&seed) % (last as u64 + 1);
            tags.swap(last, usize::try_from(to).expect("small"));
        }
        let price =
            number * 7 + u64::from(change == Some(Change::Price) && number.is_multiple_of(10));
        let nickname = match random(&seed) % 2 {
            0 => String::new(),
            _ => format!(r#""nickname":"n{number}","#),
        };
        let stock = if change == Some(Change::Key) {
            ""
        } else {
            r#""stock":3,"#
        };
        ok(&format!(
            r#"{{"at":"{at}","request":"{}","visits":{},{nickname}{stock}"tags":{tags:?},"price":{price}}}"#,
            uuid(&seed),
            visits.fetch_add(1 + random(&seed) % 3, Ordering::Relaxed),
        ))
    })
}

fn status(proxy: &Proxy) -> Value {
    let text = Wire::connect(proxy.admin()).get("/status");
    serde_json::from_str(text.text()).expect("JSON")
}

/// Groups by decision: `place kind`.
fn decided(status: &Value, decision: &str) -> Vec<String> {
    let groups = status["groups"].as_array().expect("groups");
    let mut places: Vec<String> = groups
        .iter()
        .filter(|group| group["decision"] == decision)
        .map(|group| {
            format!(
                "{} {}",
                group["group"].as_str().unwrap_or(""),
                group["kind"].as_str().unwrap_or("")
            )
        })
        .collect();
    places.sort();
    places.dedup();
    places
}

fn run(config: &Config, requests: u64) -> (Proxy, Value) {
    let proxy = Proxy::start(config).expect("a good configuration");
    let mut client = client(&proxy);
    for number in 0..requests {
        let target = if number.is_multiple_of(3) {
            "/articles?sort=price".to_owned()
        } else {
            format!("/articles/{number}")
        };
        assert_eq!(client.get(&target).status(), 200);
    }
    let total = settled(&proxy, requests);
    let status = status(&proxy);
    let count = |name: &str| status[name].as_u64().expect("a count");
    assert_eq!(
        count("compared"),
        count("equal") + count("noise") + count("undecided") + count("different"),
        "every comparison is one of the four"
    );
    assert_eq!(count("compared"), total.compared());
    (proxy, status)
}

fn with_twin(change: Option<Change>) -> (Config, Upstream) {
    let (legacy, twin) = (shop(1, None), shop(2, None));
    let mut config = config(&legacy, &shop(3, change));
    config.noise.legacy_twin = Some(twin.url());
    (config, twin)
}

/// The full count with `FULL=1`.
fn requests() -> u64 {
    if std::env::var_os("FULL").is_some() {
        20_000
    } else {
        600
    }
}

#[test]
fn of_two_equal_services_with_a_twin_nothing_is_found() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("e.db");
    let (mut config, twin) = with_twin(None);
    config.evidence.file = Some(file.clone());
    let (proxy, status) = run(&config, requests());
    assert_eq!(decided(&status, "finding"), [] as [&str; 0], "{status:#}");
    assert_eq!(status["different"], 0);
    assert_eq!(status["second_answers"], "twin");
    // Each request reached the twin once, and no client's count has grown by it.
    assert_eq!(twin.seen.requests().len() as u64, requests());
    let metrics = Wire::connect(proxy.admin()).get("/metrics");
    let metrics = metrics.text();
    assert!(metrics.contains("shadow_proxy_twin_paired_total{endpoint=\"GET /articles/{id}\"}"));
    assert!(metrics.contains("decision=\"noise\""));
    let noise = decided(&status, "noise").join("\n");
    for place in ["/at", "/request", "/visits", "/tags", "/nickname", "/rows"] {
        assert!(noise.contains(place), "{place} of\n{noise}");
    }

    // What the file says is what the proxy said, and rules are proposed for what may become one.
    assert!(proxy.stop());
    let evidence = verifier::evidence::store::read(&file).expect("evidence");
    let sum = |count: fn(&verifier::evidence::noise::Counts) -> u64| -> u64 {
        evidence
            .ledger
            .decisions()
            .endpoints
            .values()
            .map(count)
            .sum()
    };
    assert_eq!(status["noise"], sum(|counts| counts.noise));
    assert_eq!(status["undecided"], sum(|counts| counts.undecided));
    let learnt = learn(&evidence, |_| true);
    let rule = |place: &str| {
        let found = learnt.proposals.iter().find(|one| one.rule.at == place);
        found.unwrap_or_else(|| panic!("{place}: {learnt:#?}"))
    };
    assert!(rule("/tags").rule.multiset);
    for place in ["/at", "/request", "/tags"] {
        assert_eq!(rule(place).checked, Some(true), "{place}");
    }
    let refused = |place: &str| learnt.refusals.iter().any(|one| one.place == place);
    assert!(refused("/nickname") && refused("/rows"), "{learnt:#?}");
}

#[test]
fn what_changed_is_found_beside_the_noise_and_each_change_where_it_is() {
    for (change, expected) in [
        (Change::Zone, ["/at value change"]),
        (Change::Price, ["/price value change"]),
        (Change::Key, ["/stock field removed"]),
        (Change::Order, ["/rows order"]),
    ] {
        let (config, _twin) = with_twin(Some(change));
        let (_proxy, status) = run(&config, 300);
        assert_eq!(decided(&status, "finding"), expected, "{status:#}");
    }
}

#[test]
fn without_a_twin_a_share_of_safe_requests_is_asked_twice_and_never_a_write() {
    let legacy = shop(1, None);
    let mut config = config(&legacy, &shop(3, None));
    config.noise.sample_percent = 50.0;
    let (proxy, status) = run(&config, 300);
    assert_eq!(decided(&status, "finding"), [] as [&str; 0], "{status:#}");
    assert_eq!(status["second_answers"], "sample 50 %");
    let asked = u64::try_from(legacy.seen.requests().len()).expect("few") - 300;
    assert!((100..200).contains(&asked), "{asked}");
    assert_eq!(
        status["sent"], 300,
        "second answers are no client's requests"
    );
    for method in ["POST", "PUT", "DELETE"] {
        let write =
            format!("{method} /articles/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        client(&proxy).ask(write);
    }
    let total = settled(&proxy, 303);
    assert_eq!(lost(&total, Reason::Write), 3);
    let methods = |message: &Message| message.method() != "GET";
    assert_eq!(
        legacy.seen.requests().into_iter().filter(methods).count(),
        3
    );
}

#[test]
fn a_twin_that_fails_costs_its_pairings_and_nothing_else() {
    let quiet = |_: &Message| ok("{}");
    let (legacy, core) = (Upstream::answering(quiet), Upstream::answering(quiet));
    let dead = Upstream::refusing();
    // Takes every request and answers none.
    let hung = Upstream::start(|_, mut wire, _| while let Ok(Some(_)) = wire.message(false) {});
    for (twin, reason) in [(dead, "twin_unreachable"), (hung, "twin_timeout")] {
        let mut config = config(&legacy, &core);
        config.noise.legacy_twin = Some(twin.url());
        config.shadow.timeout_ms = 1_000;
        let proxy = Proxy::start(&config).expect("a good configuration");
        let mut client = client(&proxy);
        for _ in 0..50 {
            assert_eq!(client.get("/a").status(), 200);
        }
        let total = settled(&proxy, 50);
        assert_eq!(total.equal, 50, "{total:?}");
        let endpoint = &proxy.counters().endpoints()[0];
        let lost = endpoint.not_paired();
        assert!(lost.get(reason) >= Some(&1), "{lost:?}");
        assert_eq!(
            endpoint.paired() + lost.values().sum::<u64>(),
            50,
            "{lost:?}"
        );
    }
}
