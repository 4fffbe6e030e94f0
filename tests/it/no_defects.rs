//! A core without a defect, on a database of its own: ids, times and the order of equal sort keys are its own,
//! and nothing of it is a finding.

use fixtures::rms::{Options, Side};
use fixtures::web_client::{Traffic, drive};
use serde_json::Value;
use shadow_proxy::{Config, Proxy};
use verifier::cutover::{Database, Policy};

use crate::harness::{Package, proxy_before, serve, settled, stopped, verifier};

/// Objects with stamps of their database, as answers hold them.
const STAMPED: [&str; 10] = [
    "/value",
    "/values/*",
    "/value/paymentMethod",
    "/values/*/paymentMethod",
    "/value/roomGroup",
    "/values/*/roomGroup",
    "/value/rooms/*",
    "/values/*/rooms/*",
    "/values/*/entity",
    "/values/*/entity/roomGroup",
];

/// Rules for what shows each side's own clock: core carries out a write when legacy has answered.
fn rules() -> String {
    let mut rules = "\nrules:\n".to_owned();
    let mut rule = |at: &str, within: &str| {
        rules += &format!("  - {{ at: {at}, tolerate: {{ {within} }} }}\n");
    };
    for object in STAMPED {
        rule(&format!("{object}/createdAt"), "seconds: 5");
        rule(&format!("{object}/updatedAt"), "seconds: 5");
    }
    rule("/values/*/historyCreatedAt", "seconds: 5");
    rule("/value/accessTokenExpiresIn", "abs: 5000");
    rules
}

/// Requests of one batch.
const BATCH: u64 = 200;

#[tokio::test(flavor = "multi_thread")]
async fn ids_times_and_ties_of_its_own_are_no_cause() {
    let requests = if std::env::var_os("FULL").is_some() {
        20_000
    } else {
        600
    };
    let own = |options| Options {
        random_ties: true,
        ..options
    };
    let legacy = serve(Side::Legacy, own).await;
    let database = legacy.database.clone();
    let twin = serve(Side::Legacy, |options| Options {
        database,
        ..own(options)
    })
    .await;
    let core = serve(Side::Core, |options| Options {
        id_offset: 700,
        ..own(options)
    })
    .await;
    let package = Package::without_goldens();
    let mut catalogue = package.read("endpoints.yaml");
    catalogue += &rules();
    package.write("endpoints.yaml", &catalogue);
    let file = package.path().join("e.db");
    let mut config = Config {
        catalog: Some(package.golden().join("endpoints.yaml")),
        ..proxy_before(&legacy.url(), &core.url())
    };
    config.noise.legacy_twin = Some(twin.url());
    config.evidence.file = Some(file.clone());
    config.writes.default = Policy::Mirror;
    config.writes.database = Database::Isolated;
    // A batch comes as fast as the machine goes; the comparing thread may catch up afterwards.
    config.shadow.max_held_bytes = 1 << 30;
    config.shadow.max_in_flight = 1_000;
    let proxy = Proxy::start(&config).expect("a good configuration");
    // Many people, one of whom writes, and then one who reads: with a write under way, and a login is one, a
    // difference tells nothing. Batches let the comparing thread of a debug build keep up.
    let mut writes = 0;
    for batch in 0..requests / BATCH {
        let (people, writers) = if batch % 2 == 0 { (8, 1) } else { (1, 0) };
        let traffic = Traffic {
            people,
            writers,
            seed: batch + 1,
            ..Traffic::new(BATCH)
        };
        let sent = drive(proxy.listen(), &traffic, |_| {}).await;
        writes += sent.expect("every request is answered").writes;
        settled(&proxy).await;
    }
    assert!(writes > requests / 50, "{writes} writes");
    stopped(proxy).await;

    let output = verifier()
        .args(["report", "--format", "json", "--evidence"])
        .arg(&file)
        .output()
        .expect("the program runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let shown: Vec<String> = report["findings"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            format!(
                "{} {} {} {} × {}: {} {} {}",
                one["endpoint"],
                one["group"],
                one["kind"],
                one["relation"]["text"],
                one["count"],
                one["reference"],
                one["candidate"],
                one["pairing"]
            )
        })
        .collect();
    let totals = &report["totals"];
    println!("{totals}");
    assert_eq!(
        report["causes"],
        Value::Array(Vec::new()),
        "{totals}\n{}",
        shown.join("\n")
    );
    let count = |name: &str| totals[name].as_u64().expect("a count");
    // The clients' own, and nothing left out without a reason.
    assert_eq!(count("sent"), requests);
    assert!(count("compared") * 100 >= requests * 80, "{totals}");
    assert!(
        count("noise") > 0,
        "ties were to come in another order: {totals}"
    );
    assert_eq!(count("lost"), 0, "{totals}");
}
