//! Targets that misbehave and golden files that are broken: each is named with a remedy, and what
//! can be judged still is.

use std::fs;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use verifier::report::{CaseReport, Exit, State};

use crate::harness::{Package, RawServer, Received, Reply, Run, case, legacy, trouble, verifier};

/// Three reads without a login.
const SMALL: &str = r"
data: synthetic
endpoints:
  - { id: first, path: /first, description: A read, expected_status: 200 }
  - { id: second, path: /second, description: A read, expected_status: 200 }
  - { id: fine, path: /fine, description: A read, expected_status: 200 }
";

fn healthy(request: &Received) -> Reply {
    Reply::json(&format!(
        r#"{{"path":"{}","values":[1,2,3]}}"#,
        request.path()
    ))
}

/// A package whose golden files hold what a healthy service answers.
async fn recorded() -> Package {
    let package = Package::with_catalogue(SMALL);
    let service = RawServer::start(healthy);
    let records = Run::default().record(&package, &service.url(), true).await;
    assert_eq!(records.len(), 3);
    assert_eq!(
        crate::harness::snapshots(&package.golden()).len(),
        3,
        "{records:?}"
    );
    package
}

fn told(case: &CaseReport) -> String {
    let details = case
        .findings
        .iter()
        .filter_map(|finding| finding.detail.clone());
    let texts = case
        .state
        .reason()
        .into_iter()
        .chain(case.hint.clone())
        .chain(details);
    texts.collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn one_bad_answer_is_named_and_the_others_are_judged() {
    let package = recorded().await;
    let cut =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 400\r\n\r\n{\"path\"";
    let chunk_cut = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n20\r\n{\"path\"";
    let table: [(&str, Vec<u8>, &str); 10] = [
        ("silence", Vec::new(), "--timeout"),
        ("cut", cut.into(), "closed the connection early"),
        ("cut chunk", chunk_cut.into(), "closed the connection early"),
        ("no answer", b" ".to_vec(), "HTTP"),
        ("not HTTP", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), "not HTTP"),
        (
            "page",
            bytes(Reply::of(
                "200 OK",
                "text/html",
                "<!doctype html><title>app</title>",
            )),
            "not JSON",
        ),
        (
            "broken JSON",
            bytes(Reply::json(r#"{"path":"/first","values":[1,2,"#)),
            "",
        ),
        (
            "limited",
            bytes(Reply::of("429 Too Many Requests", "application/json", "{}")),
            "--jobs",
        ),
        (
            "moved",
            bytes(Reply::with("302 Found", "location: /fine\r\n", "")),
            "",
        ),
        (
            "fault",
            bytes(Reply::of(
                "500 Internal Server Error",
                "application/json",
                "{}",
            )),
            "",
        ),
    ];
    for (name, bytes, words) in table {
        let service = RawServer::start(move |request| match request.path() {
            "/first" if bytes.is_empty() => Reply::Silence,
            "/first" => Reply::Bytes(bytes.clone()),
            _ => healthy(request),
        });
        let run = Run {
            timeout: Duration::from_millis(400),
            ..Run::default()
        };
        let report = run.replay(&package, &service.url()).await;
        let first = case(&report, "first");
        assert_eq!(first.state, State::Different, "{name}: {}", told(first));
        assert!(told(first).contains(words), "{name}: {}", told(first));
        assert_eq!(report.exit(), Exit::Differences, "{name}");
        for id in ["second", "fine"] {
            assert_eq!(
                case(&report, id).state,
                State::Equal,
                "{name}: {}",
                trouble(&report)
            );
        }
    }
}

fn bytes(reply: Reply) -> Vec<u8> {
    match reply {
        Reply::Bytes(bytes) => bytes,
        Reply::Silence => Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_not_there_proves_nothing() {
    let package = recorded().await;
    // bound and let go: nobody listens there, as other tests' services are at 127.0.0.1
    let free = TcpListener::bind("127.0.0.2:0").and_then(|listener| listener.local_addr());
    let addr = free.expect("a free port");
    let plain = legacy().await;
    for (url, words) in [
        (format!("http://{addr}"), "is the service up"),
        (
            plain.url().replace("http:", "https:"),
            "check the address's scheme",
        ),
        (
            "http://no-such-host.invalid".to_owned(),
            "is the service up",
        ),
    ] {
        let report = Run::default().replay(&package, &url).await;
        assert_eq!(report.exit(), Exit::Incomplete, "{url}");
        for case in &report.cases {
            assert!(
                matches!(case.state, State::Failed { .. }),
                "{url}: {:?}",
                case.state
            );
            assert!(told(case).contains(words), "{url}: {}", told(case));
        }
    }
}

#[tokio::test]
async fn a_target_that_goes_away_midway_is_no_green_run() {
    let package = recorded().await;
    let service = RawServer::start(|request| match request.path() {
        "/second" => Reply::Bytes(Vec::new()),
        _ => healthy(request),
    });
    let report = Run::default().replay(&package, &service.url()).await;
    assert_ne!(case(&report, "second").state, State::Equal);
    assert_ne!(report.exit(), Exit::Green);
    assert_eq!(case(&report, "fine").state, State::Equal);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let package = recorded().await;
    let followed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&followed);
    let elsewhere = RawServer::start(move |request| {
        counter.fetch_add(1, Ordering::SeqCst);
        healthy(request)
    });
    let location = format!("location: {}/first\r\n", elsewhere.url());
    let service = RawServer::start(move |request| match request.path() {
        "/first" => Reply::with("307 Temporary Redirect", &location, ""),
        _ => healthy(request),
    });
    let report = Run::default().replay(&package, &service.url()).await;
    let status = &case(&report, "first").findings[0];
    assert_eq!(status.location.to_string(), "status");
    assert_eq!(status.candidate.as_deref(), Some("307"));
    assert_eq!(followed.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_of_the_environment_are_not_used() {
    let package = recorded().await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let proxy = RawServer::start(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        Reply::json("{}")
    });
    let service = RawServer::start(healthy);
    let mut command = verifier();
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ] {
        command.env(name, proxy.url());
    }
    command
        .args(["replay", "--candidate", &service.url(), "--golden"])
        .arg(package.golden())
        .arg("--catalog")
        .arg(package.golden().join("endpoints.yaml"))
        .assert()
        .code(0);
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn differences_count_more_than_gaps() {
    let package = recorded().await;
    fs::remove_file(package.golden().join("second.snap")).expect("it was recorded");
    let service = RawServer::start(healthy);
    let report = Run::default().replay(&package, &service.url()).await;
    assert_eq!(report.exit(), Exit::Incomplete);
    assert!(told(case(&report, "second")).contains("verifier record --legacy URL --only second"));
    // no golden file, so no pending one either: core's answer must not become the truth
    let run = Run {
        pending: true,
        ..Run::default()
    };
    let report = run.replay(&package, &service.url()).await;
    assert_eq!(package.pending(), Vec::<String>::new());
    assert_eq!(report.exit(), Exit::Incomplete);

    let other = RawServer::start(|request| match request.path() {
        "/first" => Reply::json("{}"),
        _ => healthy(request),
    });
    let report = Run::default().replay(&package, &other.url()).await;
    assert_eq!(report.exit(), Exit::Differences, "{}", trouble(&report));
}

#[tokio::test]
async fn a_broken_golden_file_is_named_and_never_taken_for_an_empty_one() {
    let package = recorded().await;
    let service = RawServer::start(healthy);
    let whole = package.read("first.snap");
    let bare = whole
        .splitn(3, "---\n")
        .nth(2)
        .expect("front matter")
        .to_owned();
    let conflict = whole.replace(
        "HTTP 200\n",
        "<<<<<<< HEAD\nHTTP 200\n=======\nHTTP 201\n>>>>>>> theirs\n",
    );
    for (name, text, words) in [
        ("no front matter", bare.as_str(), "front matter"),
        ("conflict markers", conflict.as_str(), "conflict markers"),
        ("empty", "", "front matter"),
        ("no end of front matter", "---\nsource: x\n", "front matter"),
        (
            "front matter that is no YAML",
            "---\nsource: [\n---\nHTTP 200\n",
            "front matter",
        ),
        (
            "no status",
            "---\nsource: x\n---\nhello\n",
            "record it again",
        ),
        (
            "status that is no number",
            "---\nsource: x\n---\nHTTP ok\n",
            "record it again",
        ),
    ] {
        package.write("first.snap", text);
        let report = Run::default().replay(&package, &service.url()).await;
        let first = case(&report, "first");
        assert!(
            matches!(first.state, State::Failed { .. }),
            "{name}: {:?}",
            first.state
        );
        assert!(told(first).contains(words), "{name}: {}", told(first));
        assert!(
            told(first).contains("first.snap"),
            "{name}: {}",
            told(first)
        );
        assert_eq!(report.exit(), Exit::Incomplete, "{name}");
        assert_eq!(case(&report, "fine").state, State::Equal);
    }
    let not_text = package.golden().join("first.snap");
    fs::write(&not_text, [0xff, 0xfe, 0x00]).expect("a file of our own");
    let report = Run::default().replay(&package, &service.url()).await;
    assert!(told(case(&report, "first")).contains("first.snap"));
    assert_eq!(report.exit(), Exit::Incomplete);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_fails_names_the_account_and_lets_the_rest_run() {
    let legacy = legacy().await;
    let package = Package::with_goldens();
    let catalogue = package.read("endpoints.yaml");
    package.write(
        "endpoints.yaml",
        &catalogue.replace("password: testuser123, role", "password: wrong, role"),
    );
    let run = Run {
        only: &["my_get", "rooms_histories", "health"],
        writes: false,
        ..Run::default()
    };
    let report = run.replay(&package, &legacy.url()).await;
    let own = case(&report, "my_get");
    assert!(
        told(own).contains("account `user` gave 401"),
        "{}",
        told(own)
    );
    assert!(told(own).contains("test_accounts"), "{}", told(own));
    assert_eq!(case(&report, "rooms_histories").state, State::Equal);
    assert_eq!(case(&report, "health").state, State::Equal);
    assert_eq!(report.exit(), Exit::Incomplete);
}
