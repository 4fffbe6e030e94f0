//! Both services on one database, with the proxy and without: whoever uses the web client leaves the
//! same rows behind.

use std::collections::BTreeMap;
use std::path::Path;

use fixtures::rms::{self, Options, Running, Side};
use fixtures::web_client::{Sent, Traffic, drive};
use rusqlite::Connection;
use rusqlite::types::Value;
use shadow_proxy::Proxy;
use shadow_proxy::counters::{Reason, Tally};
use verifier::evidence::record::GroupKey;

use crate::harness::{proxy_before, settled, stopped};

/// Mixed requests, reads and writes, as many in either run: the whole of it in `tests/run --full`.
fn requests() -> u64 {
    if std::env::var_os("FULL").is_some() {
        10_000
    } else {
        4_000
    }
}

async fn service(side: Side, database: &Path) -> Running {
    let options = Options {
        // A clock that stands still, or no two runs would leave the same times.
        now: Some("2026-01-12T03:00:00Z".parse().expect("a timestamp")),
        ..Options::new(side, database)
    };
    rms::start(options).await.expect("a server on a free port")
}

/// Every row of every table, but for what a password's salt makes different each time.
fn contents(database: &Path) -> BTreeMap<String, Vec<Vec<Value>>> {
    let connection = Connection::open(database).expect("the database is there");
    let names = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).expect("a query");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("names")
    };
    let tables = names("SELECT name FROM sqlite_master WHERE type = 'table'");
    let all = tables.into_iter().map(|table| {
        let columns: Vec<String> = names(&format!("SELECT name FROM pragma_table_info('{table}')"))
            .into_iter()
            .map(|name| {
                if name == "password" {
                    "length(password)".to_owned()
                } else {
                    name
                }
            })
            .collect();
        let sql = format!("SELECT {} FROM {table} ORDER BY rowid", columns.join(", "));
        let mut statement = connection.prepare(&sql).expect("a query");
        let rows =
            statement.query_map([], |row| (0..columns.len()).map(|at| row.get(at)).collect());
        let rows: Result<Vec<Vec<Value>>, _> = rows.expect("rows").collect();
        (table, rows.expect("readable rows"))
    });
    all.collect()
}

async fn without_proxy(folder: &Path) -> Sent {
    let database = folder.join("alone.db");
    let legacy = service(Side::Legacy, &database).await;
    let sent = drive(legacy.addr, &Traffic::new(requests()), |_| {}).await;
    legacy.stop().await;
    sent.expect("every request is answered")
}

async fn with_proxy(folder: &Path) -> (Sent, Tally, Vec<GroupKey>) {
    let database = folder.join("shared.db");
    let legacy = service(Side::Legacy, &database).await;
    let core = service(Side::Core, &database).await;
    let config = proxy_before(&legacy.url(), &core.url());
    let proxy = Proxy::start(&config).expect("the default policy");
    let sent = drive(proxy.listen(), &Traffic::new(requests()), |_| {}).await;
    let total = settled(&proxy).await;
    let groups = proxy.findings().groups().into_keys().collect();
    stopped(proxy).await;
    core.stop().await;
    legacy.stop().await;
    (sent.expect("every request is answered"), total, groups)
}

#[tokio::test(flavor = "multi_thread")]
async fn mixed_requests_leave_the_same_rows_with_and_without_the_proxy() {
    let folder = tempfile::tempdir().expect("a place for test files");
    let (alone, (sent, total, groups)) =
        tokio::join!(without_proxy(folder.path()), with_proxy(folder.path()));
    let requests = requests();
    assert_eq!((sent.requests, alone.requests), (requests, requests));
    assert!(sent.writes > requests / 25, "{sent:?}");
    assert!(sent.statuses.keys().all(|status| *status < 500), "{sent:?}");

    let lost: u64 = total.not_compared.iter().sum();
    assert_eq!(total.sent, requests);
    assert_eq!(total.compared() + lost, requests, "{total:?}");
    assert_eq!(
        total.not_compared[Reason::Write as usize],
        sent.not_get,
        "{total:?}"
    );
    assert_eq!(total.different, 0, "a clean core: {groups:#?}");

    let (alone, shared) = (
        contents(&folder.path().join("alone.db")),
        contents(&folder.path().join("shared.db")),
    );
    let counts: Vec<_> = alone
        .iter()
        .map(|(table, rows)| (table, rows.len()))
        .collect();
    assert!(
        alone["reservation"].len() > 18,
        "stays were made: {counts:?}"
    );
    assert!(
        alone["login_attempts"].len() > 8,
        "people logged in: {counts:?}"
    );
    for (table, rows) in &alone {
        assert_eq!(rows.len(), shared[table].len(), "{table}");
        for (left, right) in rows.iter().zip(&shared[table]) {
            assert_eq!(left, right, "{table}");
        }
    }
    assert_eq!(alone.len(), shared.len());
}
