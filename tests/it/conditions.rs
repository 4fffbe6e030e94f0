//! Under which condition a difference appears, as live traffic through the proxy shows it.

use serde_json::{Value, json};
use shadow_proxy::Proxy;
use verifier::client::{ClientConfig, Outgoing, Target};
use verifier::cutover::{Database, Policy};

use crate::harness::{RawServer, Received, Reply, proxy_before, settled, stopped, verifier};

/// Tokens that tell a role, and a bearer whom nobody may read in a report: `{"sub":"s3cr3t","role":"ADMIN"}`.
const ADMIN: &str = "e30.eyJzdWIiOiJzM2NyM3QiLCJyb2xlIjoiQURNSU4ifQ.x";
const USER: &str = "e30.eyJzdWIiOiJzM2NyM3QiLCJyb2xlIjoiVVNFUiJ9.x";

/// Core counts in cents from the second page on, but only for administrators; it takes a price of
/// nothing for none; it forgets a header of every refusal.
fn reply(core: bool, received: &Received) -> Reply {
    let target = received.line.split(' ').nth(1).unwrap_or_default();
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let page = query.split('&').find_map(|pair| pair.strip_prefix("page="));
    let page: u32 = page.and_then(|page| page.parse().ok()).unwrap_or(0);
    match received.path() {
        "/rooms" => {
            let wrong = core && page > 0 && received.head.contains(ADMIN);
            let price = if wrong { 4_500 } else { 45 };
            Reply::json(&format!(r#"{{"page":{page},"price":{price}}}"#))
        }
        "/stays" => {
            let sent: Value = serde_json::from_str(&received.body).unwrap_or_default();
            let none = core && sent["price"] == 0;
            let price = if none {
                Value::Null
            } else {
                sent["price"].clone()
            };
            Reply::json(&json!({ "price": price }).to_string())
        }
        _ => {
            let (status, kept) = if page > 1 {
                ("404 Not Found", !core)
            } else {
                ("200 OK", true)
            };
            let field = if kept { "X-Limit: 7\r\n" } else { "" };
            Reply::with(status, &format!("Content-Type: text/plain\r\n{field}"), "-")
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cause_says_when_it_appears_and_of_how_many_requests_that_is_known() {
    let [legacy, core] =
        [false, true].map(|core| RawServer::start(move |received| reply(core, received)));
    let folder = tempfile::tempdir().expect("a place for test files");
    let evidence = folder.path().join("e.db");
    let mut config = proxy_before(&legacy.url(), &core.url());
    config.evidence.file = Some(evidence.clone());
    config.writes.default = Policy::Mirror;
    config.writes.database = Database::Isolated;
    config.confidence.slower_percent = 30.0;
    config.self_check.min_recall = 0.8;
    let proxy = Proxy::start(&config).expect("a good configuration");
    let client = Target::new(
        &format!("http://{}", proxy.listen()),
        ClientConfig::default(),
    );
    let client = client.expect("an address");
    let ask = async |method: &str, path: String, token: Option<&str>, body: Option<Value>| {
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        headers.extend(token.map(|token| ("authorization".to_owned(), format!("Bearer {token}"))));
        let outgoing = Outgoing {
            method: method.to_owned(),
            path,
            headers,
            body: body.map(|body| body.to_string().into_bytes()),
        };
        let sent = client.send(&outgoing).await;
        assert!(sent.observation.answer.is_ok(), "legacy answers");
    };
    // Reads and writes apart: a read beside a write proves nothing while their difference is new.
    for writes in [false, true] {
        for token in [Some(ADMIN), Some(USER), None] {
            for page in 0..5 {
                for size in [10, 20] {
                    if writes {
                        // The guest may be in no file.
                        let body = json!({ "price": page, "nights": size, "guest": "Kim" });
                        ask("POST", "/stays".to_owned(), token, Some(body)).await;
                    } else {
                        let query = format!("page={page}&size={size}");
                        ask("GET", format!("/rooms?{query}"), token, None).await;
                        ask("GET", format!("/limits?{query}"), token, None).await;
                    }
                }
            }
        }
        settled(&proxy).await;
    }
    stopped(proxy).await;

    let report = |format: &str| {
        let mut command = verifier();
        command.args(["report", "--format", format, "--evidence"]);
        let output = command.arg(&evidence).output().expect("the program runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{format}: {error}");
        String::from_utf8(output.stdout).expect("text")
    };
    let all: Value = serde_json::from_str(&report("json")).expect("JSON");
    // The report judges by what the proxy was told, without being told again.
    assert_eq!(all["latency_tolerances"], json!(["30 % and 5 ms"]));
    assert_eq!(all["min_recall"], 0.8);
    let causes = all["causes"].as_array().expect("a list");
    let mut told: Vec<(&str, &str)> = causes
        .iter()
        .map(|cause| {
            let text = |value: &Value| value.as_str().expect("a text").to_owned().leak() as &str;
            (text(&cause["place"]), text(&cause["only"]["text"]))
        })
        .collect();
    told.sort_unstable();
    let expected = [
        (
            "/price",
            "only when `/price` of the body is 0 (6 of 6; 0 of 24 others looked at)",
        ),
        (
            "/price",
            "only when `page` > 0 and role is ADMIN (8 of 8; 0 of 22 others looked at)",
        ),
        (
            "header:x-limit",
            "only when legacy's status is 404 (18 of 18; 0 of 12 others looked at)",
        ),
    ];
    assert_eq!(told, expected);
    let of_role = causes.iter().map(|cause| &cause["only"]).find(|only| {
        only["tests"]
            .as_array()
            .is_some_and(|tests| tests.len() == 2)
    });
    assert_eq!(
        *of_role.expect("two tests"),
        json!({
            "text": expected[1].1,
            "except": false,
            "tests": [
                { "fact": "query:page", "is": "above", "values": ["0"] },
                { "fact": "role", "is": "one_of", "values": ["ADMIN"] },
            ],
            "shown": { "matched": 8, "of": 8 },
            "others": { "matched": 0, "of": 22 },
        })
    );
    let text = report("text");
    for words in [
        &format!(" {}\n", expected[1].1),
        "Latency (slower and faster: by more than 30 % and 5 ms)",
        "for a proof at least 80 % must be shown",
    ] {
        assert!(text.contains(words), "`{words}` is missing in\n{text}");
    }
    let bytes = std::fs::read(&evidence).expect("the file");
    for secret in ["s3cr3t", "Kim"] {
        let found = bytes
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "`{secret}` is in the evidence");
    }
}
