//! `verifier minimise` against services whose difference needs exactly what it is made of.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use shadow_proxy::{Config, Proxy};
use tempfile::TempDir;
use verifier::client::{ClientConfig, Outgoing, Target};
use verifier::cutover::{Database, Policy};

use crate::harness::{RawServer, Received, Reply, settled, stopped, verifier};

/// Nobody may ever read it in an output.
const TOKEN: &str = "s3cr3tT0kenOfSomebody";
/// Likewise; core takes it too, legacy does not.
const CORES: &str = "c0resOwnT0kenOfSomebody";

/// A service and how often it was asked.
struct Service {
    server: RawServer,
    asked: Arc<AtomicU64>,
    /// Of these, with the token that core alone takes.
    with_cores: Arc<AtomicU64>,
}

impl Service {
    fn start(core: bool) -> Self {
        let [asked, with_cores] = [(); 2].map(|()| Arc::new(AtomicU64::new(0)));
        let (count, own) = (Arc::clone(&asked), Arc::clone(&with_cores));
        let server = RawServer::start(move |received| {
            let number = count.fetch_add(1, Ordering::Relaxed);
            own.fetch_add(u64::from(received.head.contains(CORES)), Ordering::Relaxed);
            reply(core, number, received)
        });
        Self {
            server,
            asked,
            with_cores,
        }
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

fn reply(core: bool, number: u64, received: &Received) -> Reply {
    let head = received.head.to_ascii_lowercase();
    let target = received.line.split(' ').nth(1).unwrap_or_default();
    let bears = |token: &str| received.head.contains(&format!("Bearer {token}"));
    if received.path() == "/login" {
        let token = if core { CORES } else { TOKEN };
        let known = received.body.contains("l0ginPassw0rd");
        return Reply::json(&format!(
            r#"{{"token":"{}"}}"#,
            if known { token } else { "" }
        ));
    }
    if !(bears(TOKEN) || core && bears(CORES)) {
        return Reply::of("401 Unauthorized", "application/json", r#"{"error":"no"}"#);
    }
    match received.path() {
        // Core orders otherwise, but only for staff and by name.
        "/rooms" => {
            let wrong = core && target.contains("sort=name") && head.contains("x-role: staff");
            Reply::json(if wrong {
                r#"{"price":1500}"#
            } else {
                r#"{"price":15}"#
            })
        }
        // Each gives ids of its own, and core has another price for what it made.
        "/things" => Reply::with(
            "201 Created",
            "Content-Type: application/json\r\n",
            if core {
                r#"{"id":1001}"#
            } else {
                r#"{"id":17}"#
            },
        ),
        "/things/17" if !core => Reply::json(r#"{"id":17,"price":15}"#),
        "/things/1001" if core => Reply::json(r#"{"id":1001,"price":1500}"#),
        // Core takes no second guest.
        "/stays" => {
            let wrong = core && received.body.contains(r#""bed":1"#);
            Reply::json(if wrong {
                r#"{"ok":false}"#
            } else {
                r#"{"ok":true}"#
            })
        }
        // Legacy breaks over a page that is no number; core has other prices from page 3 on.
        "/pages" => {
            let page = target
                .split(['?', '&'])
                .find_map(|pair| pair.strip_prefix("page="));
            match page.map_or(Ok(0), str::parse::<u32>) {
                Err(_) if !core => Reply::Bytes(Vec::new()),
                Ok(page) if core && page >= 3 => Reply::json(r#"{"price":1500}"#),
                _ => Reply::json(r#"{"price":15}"#),
            }
        }
        // Legacy has enough of whoever asks without a reason, and core has another price.
        "/busy" if !core && !target.contains("reason=") => {
            Reply::of("429 Too Many Requests", "application/json", "{}")
        }
        "/busy" => Reply::json(if core {
            r#"{"price":1500}"#
        } else {
            r#"{"price":15}"#
        }),
        // Neither gives the same answer twice.
        _ => Reply::json(&format!(r#"{{"count":{}}}"#, number * 2 + u64::from(core))),
    }
}

/// What the proxy kept of one request that shows a difference.
struct Seen {
    legacy: Service,
    core: Service,
    evidence: PathBuf,
    group: String,
    folder: TempDir,
}

async fn seen(method: &str, path: &str, body: Option<&str>) -> Seen {
    seen_after(&[], method, path, body).await
}

/// The same with requests before it, each a method and a path.
async fn seen_after(before: &[(&str, &str)], method: &str, path: &str, body: Option<&str>) -> Seen {
    let (legacy, core) = (Service::start(false), Service::start(true));
    let folder = tempfile::tempdir().expect("a place for test files");
    let evidence = folder.path().join("e.db");
    let mut config = Config {
        legacy: Some(legacy.server.url()),
        core: Some(core.server.url()),
        listen: ([127, 0, 0, 1], 0).into(),
        admin: ([127, 0, 0, 1], 0).into(),
        ..Config::default()
    };
    config.evidence.file = Some(evidence.clone());
    config.writes.default = Policy::Mirror;
    config.writes.database = Database::Isolated;
    let proxy = Proxy::start(&config).expect("a good configuration");
    let client = Target::new(
        &format!("http://{}", proxy.listen()),
        ClientConfig::default(),
    );
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let client = client.expect("an address");
    let last = (method, path);
    for (method, path) in before.iter().copied().chain([last]) {
        let sent = client
            .send(&Outgoing {
                method: method.to_owned(),
                path: path.to_owned(),
                headers: vec![
                    field("accept", "application/json"),
                    field("accept-language", "ko"),
                    field("authorization", &format!("Bearer {TOKEN}")),
                    field("content-type", "application/json"),
                    field("x-role", "STAFF"),
                ],
                body: body.map(|body| body.as_bytes().to_vec()),
            })
            .await;
        let answer = sent.observation.answer.expect("legacy answers");
        assert!(answer.status < 300, "{}", answer.status);
        settled(&proxy).await;
    }
    stopped(proxy).await;
    let report = json(
        verifier()
            .args(["report", "--format", "json", "--evidence"])
            .arg(&evidence),
        1,
    );
    let group = report["findings"][0]["group_id"]
        .as_str()
        .expect("a finding")
        .to_owned();
    Seen {
        legacy,
        core,
        evidence,
        group,
        folder,
    }
}

fn json(command: &mut assert_cmd::Command, exit: i32) -> Value {
    let output = command.output().expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(exit), "{text}{error}");
    for secret in [TOKEN, CORES, "l0ginPassw0rd"] {
        assert!(
            !text.contains(secret) && !error.contains(secret),
            "{text}{error}"
        );
    }
    serde_json::from_str(&text).expect("JSON")
}

impl Seen {
    fn command(&self, more: &[&str]) -> assert_cmd::Command {
        let mut command = verifier();
        command.args(["minimise", "--group", &self.group[..8], "--evidence"]);
        command
            .arg(&self.evidence)
            .args(["--legacy", &self.legacy.server.url()]);
        command
            .args(["--core", &self.core.server.url()])
            .args(more)
            .env("T", TOKEN)
            .env("CORES", CORES);
        command
    }

    fn minimise(&self, more: &[&str], exit: i32) -> Value {
        json(self.command(more).args(["--format", "json"]), exit)
    }
}

const WITH_TOKEN: [&str; 2] = ["--value-env", "header:authorization=T"];

#[tokio::test(flavor = "multi_thread")]
async fn only_what_the_difference_needs_is_left_of_a_request() {
    let seen = seen("GET", "/rooms?page=3&size=20&sort=name,asc&q=a%20b", None).await;
    let before = seen.legacy.asked();
    let found = seen.minimise(&WITH_TOKEN, 0);
    assert_eq!(
        found["needed"],
        serde_json::json!(["header:authorization", "header:x-role", "query:sort"])
    );
    assert_eq!(found["minimal"], true);
    assert_eq!(found["request"]["target"], "/rooms?sort=name");
    assert_eq!(found["requests"], seen.legacy.asked() - before);
    assert_eq!(found["supply"][0]["class"], "token");
    let curl = found["curl"]["core"].as_str().expect("a command");
    assert!(
        curl.contains("/rooms?sort=name'") && curl.contains("Bearer <token>"),
        "{curl}"
    );
    let case = found["case"].as_str().expect("lines");
    assert!(case.contains(r#"params: ["sort=name"]"#), "{case}");

    let output = seen
        .command(&WITH_TOKEN)
        .output()
        .expect("the program runs");
    let text = String::from_utf8(output.stdout).expect("text");
    for words in [
        "3 of 9 parts",
        "no single one can go",
        "curl -sS -i",
        "- id: live_",
    ] {
        assert!(text.contains(words), "`{words}` is missing in\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_and_not_given_is_named() {
    let seen = seen("GET", "/rooms?sort=name", None).await;
    let missed = seen.minimise(&[], 3);
    assert_eq!(missed["shown"], false);
    let reason = missed["reason"].as_str().expect("a reason");
    assert!(reason.contains("statuses 401 401"), "{reason}");
    assert_eq!(missed["unsupplied"][0]["place"], "header:authorization");
    let output = seen.command(&[]).output().expect("the program runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(
        text.contains("--value-env 'header:authorization=VAR'"),
        "{text}"
    );

    for (more, remedy) in [
        (
            &["--value-env", "header:authorization=MISSING"][..],
            "MISSING",
        ),
        (
            &["--value-env", "query:sort=T"],
            "nothing is hidden at `query:sort`",
        ),
        (&["--value-env", "T"], "PLACE=VAR"),
        (&["--account", "admin"], "--catalog"),
    ] {
        let output = seen.command(more).output().expect("the program runs");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(remedy) && !error.contains(TOKEN), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_sent_again_only_with_leave() {
    let body = r#"{"guests":[{"name":"A","bed":41},{"name":"B","bed":17}],"note":"x"}"#;
    let seen = seen("POST", "/stays", Some(body)).await;
    let before = (seen.legacy.asked(), seen.core.asked());
    let output = seen
        .command(&WITH_TOKEN)
        .output()
        .expect("the program runs");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("--allow-writes"), "{error}");
    assert_eq!(
        (seen.legacy.asked(), seen.core.asked()),
        before,
        "nothing was sent"
    );

    let mut more = WITH_TOKEN.to_vec();
    more.push("--allow-writes");
    let found = seen.minimise(&more, 0);
    assert_eq!(found["request"]["body"], r#"{"guests":[{"bed":1}]}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_is_kept_and_noise_is_called_so() {
    let one = seen("GET", "/rooms?a=1&b=2&c=3&sort=name&d=4", None).await;
    let before = one.legacy.asked();
    let mut more = WITH_TOKEN.to_vec();
    more.extend(["--max-requests", "8"]);
    let found = one.minimise(&more, 3);
    assert_eq!(
        (&found["shown"], &found["minimal"]),
        (&Value::Bool(true), &Value::Bool(false))
    );
    assert!(one.legacy.asked() - before <= 8);
    let target = found["request"]["target"].as_str().expect("a target");
    assert!(target.contains("sort=name"), "{target}");

    let noisy = seen("GET", "/other", None).await;
    let missed = noisy.minimise(&WITH_TOKEN, 3);
    let reason = missed["reason"].as_str().expect("a reason");
    assert!(reason.contains("noise"), "{reason}");
    let files = files(noisy.folder.path());
    assert!(
        files.iter().all(|name| name.starts_with("e.db")),
        "{files:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_legacy_breaks_over_is_needed_and_why_it_stopped_is_told() {
    let broken = seen("GET", "/pages?page=7&size=20", None).await;
    let found = broken.minimise(&WITH_TOKEN, 0);
    assert_eq!(
        found["needed"],
        serde_json::json!(["header:authorization", "query:page"])
    );
    assert_eq!(found["request"]["target"], "/pages?page=7");

    let tired = seen("GET", "/busy?reason=a&size=20", None).await;
    let found = tired.minimise(&WITH_TOKEN, 3);
    let target = found["request"]["target"].as_str().expect("a target");
    assert!(target.contains("reason="), "{target}");
    let reason = found["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("legacy answered 429"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn core_gets_the_value_of_its_own_and_a_login_gives_each_side_its_token() {
    let seen = seen("GET", "/rooms?sort=name", None).await;
    let own = [
        &WITH_TOKEN[..],
        &["--core-value-env", "header:authorization=CORES"],
    ]
    .concat();
    let found = seen.minimise(&own, 0);
    assert_eq!(found["request"]["target"], "/rooms?sort=name");
    let with = |service: &Service| service.with_cores.load(Ordering::Relaxed);
    let after_value = with(&seen.core);
    assert!(after_value > 0, "core got the value of its own");
    assert_eq!(with(&seen.legacy), 0, "legacy never");

    let catalogue = seen.folder.path().join("endpoints.yaml");
    let text = "version: \"1.0.0\"\n\
        test_accounts:\n  staff: { username: somebody, password: l0ginPassw0rd }\n\
        auth:\n  login:\n    method: POST\n    path: /login\n    \
        body: { username: \"{username}\", password: \"{password}\" }\n    access: /token\n\
        endpoints:\n  - id: rooms\n    method: GET\n    path: /rooms\n    expected_status: 200\n";
    std::fs::write(&catalogue, text).expect("writable");
    let catalogue = catalogue.to_str().expect("a path");
    let found = seen.minimise(&["--catalog", catalogue, "--account", "staff"], 0);
    assert_eq!(found["shown"], true);
    assert!(
        with(&seen.core) > after_value,
        "core got the token of its login"
    );
    assert_eq!(with(&seen.legacy), 0, "legacy got another");
    let command = &mut seen.command(&["--catalog", catalogue, "--account", "nobody"]);
    let output = command.output().expect("the program runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("`nobody`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn core_is_asked_for_the_same_object_by_its_own_id() {
    let seen = seen_after(&[("POST", "/things")], "GET", "/things/17?page=1", None).await;
    let found = seen.minimise(&WITH_TOKEN, 0);
    assert_eq!(found["key"]["place"], "/price");
    assert_eq!(found["request"]["target"], "/things/17");
    assert_eq!(found["needed"], serde_json::json!(["header:authorization"]));
}

/// Names of what lies in a folder.
fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder that is there");
    let names = entries.map(|entry| entry.expect("readable").file_name());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}
