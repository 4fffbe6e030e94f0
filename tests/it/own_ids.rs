//! Two services with a database each, which give out ids of their own: what is made, read, changed and
//! deleted through the proxy is the same object on both sides.

use fixtures::rms::{Options, Side};
use fixtures::web_client::{Account, Answer, End, Session, Traffic, drive};
use rusqlite::Connection;
use serde_json::{Value, json};
use shadow_proxy::Proxy;
use shadow_proxy::counters::Reason;
use verifier::cutover::{Database, Policy};
use verifier::evidence::store;
use verifier::verdict::Kind;

use crate::harness::{Service, proxy_before, serve, settled, stopped, verifier};

struct Pair {
    legacy: Service,
    core: Service,
    proxy: Proxy,
    evidence: tempfile::TempDir,
}

async fn start() -> Pair {
    // A clock that stands still: times are for the tests of noise.
    let now = Some("2026-01-12T03:00:00Z".parse().expect("a timestamp"));
    let legacy = serve(Side::Legacy, |options| Options { now, ..options }).await;
    let core = serve(Side::Core, |options| Options {
        now,
        id_offset: 700,
        ..options
    })
    .await;
    let evidence = tempfile::tempdir().expect("a place for test files");
    let mut config = proxy_before(&legacy.url(), &core.url());
    config.evidence.file = Some(evidence.path().join("e.db"));
    config.writes.default = Policy::Mirror;
    config.writes.database = Database::Isolated;
    // Nobody pauses between requests here, so core falls behind: reads would have no place.
    config.shadow.max_in_flight = 10_000;
    config.shadow.max_queued_pairs = 10_000;
    let proxy = Proxy::start(&config).expect("a good configuration");
    Pair {
        legacy,
        core,
        proxy,
        evidence,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_steps_of_making_reading_changing_and_deleting_differ_nowhere() {
    let pair = start().await;
    // Ten times as many in the long run of `tests/run --full`, with a rest after each five hundred: core is behind by then.
    let rounds = if std::env::var_os("FULL").is_some() {
        10
    } else {
        1
    };
    let steps = rounds * 500;
    for seed in 1..=rounds {
        let traffic = Traffic {
            people: 1,
            seed,
            ..Traffic::new(500)
        };
        let sent = drive(pair.proxy.listen(), &traffic, |_| {})
            .await
            .expect("every request is answered");
        assert!(sent.writes > 100, "{sent:?}");
        settled(&pair.proxy).await;
    }
    let total = pair.proxy.counters().total();
    let groups = pair.proxy.findings().groups();
    assert_eq!(total.different, 0, "{total:?}\n{groups:#?}");
    // On a busy machine a read may be told apart because a write was under way.
    assert!(total.compared() * 100 >= steps * 98, "{total:?}");
    assert_eq!(total.not_compared[Reason::UnmappedId as usize], 0);

    stopped(pair.proxy).await;
    let file = pair.evidence.path().join("e.db");
    let evidence = store::read(&file).expect("evidence");
    let apart = evidence.ledger.ids.values();
    let apart = apart.filter(|pair| pair.legacy != pair.core).count();
    assert!(apart > 20, "{apart} ids of their own");
    let listed = verifier()
        .args(["evidence", "ids", "--csv"])
        .arg(&file)
        .output()
        .expect("the verifier starts");
    let csv = String::from_utf8(listed.stdout).expect("UTF-8");
    assert!(csv.starts_with("type,legacy,core,seen,conflict\n"), "{csv}");
    assert!(csv.contains("\nroom,") && !csv.contains(",true"), "{csv}");
    let told = |args: &[&str]| {
        let output = verifier().arg("evidence").args(args).output();
        let output = output.expect("the verifier starts");
        assert!(output.status.success(), "{args:?}: {output:?}");
        output.stdout
    };
    let name = file.to_str().expect("a plain name");
    let exported = told(&["export", name]);
    assert_eq!(exported, told(&["export", "--evidence", name]));
    assert!(!exported.is_empty());
    told(&["prune", name, "--older-than", "7d"]);
    // Tokens are never written down.
    let bytes = std::fs::read(&file).expect("the file");
    assert!(!bytes.windows(3).any(|three| three == b"eyJ"));
    drop((pair.legacy, pair.core));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ids_swapped_in_core_are_a_conflict_at_the_step_that_shows_it() {
    let pair = start().await;
    let proxy = &pair.proxy;
    let today = fixtures::rms::store::ANCHOR_DAY;
    let mut session = Session::open(proxy.listen(), Account::of(0), today, 1);
    let good = |answer: Result<Answer, End>| {
        let answer = answer.unwrap_or_else(|_| panic!("no answer"));
        assert!(answer.status < 300, "{}", answer.status);
        answer
    };
    session.begin().await.unwrap_or_else(|_| panic!("no login"));
    let mut rooms: Vec<Value> = Vec::new();
    for number in ["S1", "S2", "S3"] {
        let body =
            json!({"roomGroup": {"id": 1}, "number": number, "note": "", "status": "NORMAL"});
        let made = good(session.post("/api/v1/rooms", &body).await);
        rooms.push(made.at("/value/id"));
    }
    for room in &rooms {
        good(session.get(&format!("/api/v1/rooms/{room}")).await);
    }
    let before = settled(proxy).await;
    assert_eq!(before.different, 0, "{:#?}", proxy.findings().groups());

    let database = Connection::open(&pair.core.database).expect("core's database");
    let id = |number: &str| -> i64 {
        database
            .query_row("SELECT id FROM room WHERE number = ?1", [number], |row| {
                row.get(0)
            })
            .expect("the room")
    };
    let (one, two) = (id("S1"), id("S2"));
    assert_ne!(json!(one), rooms[0], "core has ids of its own");
    database
        .execute_batch(&format!(
            "PRAGMA foreign_keys = OFF;
             UPDATE room SET id = -1 WHERE id = {one};
             UPDATE room SET id = {one} WHERE id = {two};
             UPDATE room SET id = {two} WHERE id = -1;"
        ))
        .expect("two rows change places");

    // The third room is untouched; the list is the first step that shows the swap.
    good(session.get(&format!("/api/v1/rooms/{}", rooms[2])).await);
    let third = settled(proxy).await;
    assert_eq!(third.different, 0, "{:#?}", proxy.findings().groups());
    good(session.get("/api/v1/rooms?size=200").await);
    let total = settled(proxy).await;
    assert_eq!(total.different, 1, "{total:?}");
    let groups = proxy.findings().groups();
    let conflicts: Vec<_> = groups
        .keys()
        .filter(|group| group.kind == Kind::IdConflict)
        .map(|group| (group.endpoint.as_str(), group.place.as_str()))
        .collect();
    assert_eq!(conflicts, [("rooms_list", "/values/*/id")], "{groups:#?}");
    assert_eq!(total.not_compared[Reason::UnmappedId as usize], 0);
}
