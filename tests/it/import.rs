//! What a team already has becomes a catalogue or golden files: nothing is lost silently, nothing secret
//! stays, nothing is replaced.

mod openapi;

use std::fs;
use std::path::Path;

use fixtures::rms::defects::DefectSet;
use jiff::civil::date;
use serde_json::{Value, json};
use verifier::catalogue::Catalogue;

use crate::harness::{RawServer, Received, Reply, core, root, verifier};

/// Runs `verifier` in `folder`; exit code, and all it printed.
fn run(folder: &Path, args: &[&str]) -> (i32, String) {
    run_with(folder, args, &[])
}

/// The same with these variables of the environment.
fn run_with(folder: &Path, args: &[&str], variables: &[&str]) -> (i32, String) {
    let output = verifier()
        .args(args)
        .envs(variables.iter().map(|name| (name, "made-up")))
        .current_dir(folder)
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().expect("it ends by itself"), text)
}

fn catalogue(text: &str) -> Catalogue {
    Catalogue::parse(Path::new("c.yaml"), text, date(2026, 1, 12)).expect("a skeleton loads")
}

#[test]
fn a_recording_becomes_a_catalogue_without_its_secrets() {
    let call = |method: &str, url: &str, body: Option<&str>, status: u16| {
        json!({
            "request": {"method": method, "url": url, "headers": [
                {"name": "Authorization", "value": "Bearer eyJsecret.token.value"}, {"name": "Cookie", "value": "SESSION=s3cr3t"}],
                "postData": body.map(|text| json!({"mimeType": "application/json", "text": text}))},
            "response": {"status": status, "content": {"mimeType": "application/json", "text": "{\"value\":{\"accessToken\":\"eyJsecret\"}}"}},
        })
    };
    let page = json!({"request": {"method": "GET", "url": "https://x.example/app.js"}, "response": {"status": 200, "content": {"mimeType": "text/javascript"}}});
    let har = json!({"log": {"entries": [
        page,
        call("POST", "https://x.example/api/auth/login", Some(r#"{"username":"kim","password":"hunter2!"}"#), 200),
        call("GET", "https://x.example/api/rooms/12", None, 200),
        call("GET", "https://x.example/api/rooms/13", None, 200),
        call("GET", "https://x.example/api/rooms?page=0&sort=number,asc&access_token=abcdef123456", None, 200),
        call("GET", "https://x.example/api/rooms?page=0&search=Kim%20Minsu", None, 200),
        call("PATCH", "https://x.example/api/reservations/5", Some(r#"{"phone":"010-1234-5678","email":"kim@corp.example","name":"Kim Minsu","count":2}"#), 200),
        call("GET", "https://tracker.example/p", None, 200),
    ]}});
    let folder = tempfile::tempdir().expect("a place for test files");
    fs::write(folder.path().join("a.har"), har.to_string()).expect("a new file");
    let (code, text) = run(folder.path(), &["import", "--har", "a.har"]);
    assert_eq!(code, 0, "{text}");
    for secret in [
        "hunter2",
        "eyJ",
        "s3cr3t",
        "SESSION",
        "abcdef123456",
        "1234-5678",
        "kim",
        "Kim",
        "Minsu",
        "tracker",
    ] {
        assert!(!text.contains(secret), "`{secret}` is left in\n{text}");
    }
    for words in [
        "{room_id}",
        "room_id: 12",
        "sort=number,asc",
        "\"count\":2",
        "access: \"/value/accessToken\"",
        "query_2",
    ] {
        assert!(text.contains(words), "`{words}` is missing in\n{text}");
    }
    let read = catalogue(&text);
    assert_eq!(read.endpoints.len(), 4, "{text}");
    assert_eq!(read.cases.len(), 5, "{text}");
    let (code, text) = run(folder.path(), &["import", "--har", "missing.har"]);
    assert!(code == 2 && text.contains("missing.har"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn imported_golden_files_assert_their_body_and_are_named_until_legacy_is_recorded() {
    let folder = tempfile::tempdir().expect("a place for test files");
    let manifest = root().join("fixtures/manifest/api-endpoints-manifest.yaml");
    let manifest = manifest.to_str().expect("a path");
    let old = folder.path().join("old");
    fs::create_dir(&old).expect("a new folder");
    let core = core(DefectSet::default()).await;
    // as the earlier tool saves: the parsed body, without the ignored keys
    fs::write(old.join("config.json"), body(&core.url(), "/api/v1/config")).expect("a new file");
    fs::write(old.join("env.json"), r#"{"value": {"made": "up"}}"#).expect("a new file");
    fs::write(old.join("nobody.json"), "{}").expect("a new file");
    let (code, told) = run(
        folder.path(),
        &["import", "--golden", "old", "--manifest", manifest],
    );
    assert_eq!(code, 3, "{told}");
    assert!(
        told.contains("2 of 3 files imported") && told.contains("nobody"),
        "{told}"
    );
    let written = fs::read_to_string(folder.path().join("golden/config.snap")).expect("imported");
    assert!(
        written.contains("recorded_from: core (imported)") && written.contains("asserts:"),
        "{written}"
    );

    let replay = |more: &[&str]| {
        let mut args = vec![
            "replay",
            "--catalog",
            manifest,
            "--only",
            "config",
            "--only",
            "env",
            "--no-pending",
        ];
        let url = core.url();
        args.extend(["--report", "json=r.json", "--candidate", &url]);
        args.extend(more);
        let (code, told) = run(folder.path(), &args);
        let report = fs::read(folder.path().join("r.json")).expect("a report");
        let report: Value = serde_json::from_slice(&report).expect("JSON");
        (code, told, report)
    };
    let (code, told, report) = replay(&[]);
    assert_eq!(code, 1, "{told}");
    assert!(
        told.contains("2 of 2 golden files do not come from legacy"),
        "{told}"
    );
    let state = |case: &str| {
        let mut cases = report["cases"].as_array().expect("cases").iter();
        cases.find(|one| one["case"] == case).expect("a case")["state"].clone()
    };
    assert_eq!(
        (state("config"), state("env")),
        (json!("equal"), json!("different")),
        "{told}"
    );
    assert_eq!(
        report["goldens_not_from_legacy"].as_array().map(Vec::len),
        Some(2)
    );
    let (code, _, _) = replay(&["--legacy-goldens-only"]);
    assert_eq!(code, 3);

    let (code, told) = run(
        folder.path(),
        &["import", "--golden", "old", "--manifest", manifest],
    );
    assert!(code == 2 && told.contains("--force"), "{told}");
}

/// The body at an address, asked in the plainest way.
fn body(base: &str, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let host = base.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(host).expect("it listens");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let text = text.split_once("\r\n\r\n").expect("a head").1;
    let (start, end) = (
        text.find('{').expect("JSON"),
        text.rfind('}').expect("JSON"),
    );
    text[start..=end].to_owned()
}

#[test]
fn a_new_folder_is_ready_with_one_command_and_nothing_is_replaced() {
    let folder = tempfile::tempdir().expect("a place for test files");
    let (code, told) = run(folder.path(), &["init"]);
    assert_eq!(code, 0, "{told}");
    for words in ["verifier record", "verifier review", "verifier replay"] {
        assert!(told.contains(words), "{told}");
    }
    let text = fs::read_to_string(folder.path().join("golden/endpoints.yaml")).expect("written");
    assert_eq!(catalogue(&text).cases.len(), 1);
    verifier::cutover::Config::read(&folder.path().join("cutover.yaml")).expect("it reads");
    // the default catalogue is found, and nobody answers there
    let (code, told) = run(
        folder.path(),
        &["replay", "--candidate", "http://127.0.0.1:9"],
    );
    assert_eq!(code, 3, "{told}");
    let (code, told) = run(folder.path(), &["init"]);
    assert!(
        code == 2 && told.contains("golden/endpoints.yaml"),
        "{told}"
    );
}

#[test]
fn shells_and_man_know_the_commands() {
    let folder = tempfile::tempdir().expect("a place for test files");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, script) = run(folder.path(), &["completions", shell]);
        assert!(
            code == 0 && script.contains("allow-writes") && script.contains("import"),
            "{shell}"
        );
    }
    let (code, told) = run(folder.path(), &["man", "man1"]);
    assert_eq!(code, 0, "{told}");
    let page = fs::read_to_string(folder.path().join("man1/verifier-replay.1")).expect("a page");
    assert!(
        page.contains("candidate") && page.starts_with(".ie"),
        "{}",
        &page[..200]
    );
}

/// What a service of the documents' kind answers; writes are taken as they come.
fn service() -> RawServer {
    RawServer::start(|received: &Received| {
        let method = received.line.split(' ').next().unwrap_or_default();
        match (method, received.path()) {
            ("POST", path) if path.ends_with("/login") => {
                Reply::json(r#"{"value":{"accessToken":"t"}}"#)
            }
            ("POST", _) => Reply::of("201 Created", "application/json", r#"{"id":1}"#),
            ("DELETE", _) => Reply::with("204 No Content", "", ""),
            _ => Reply::json(&format!(
                r#"{{"line":"{}"}}"#,
                received.line.replace('"', "")
            )),
        }
    })
}

/// Records and replays what an import wrote, as its own last lines say.
fn record_and_replay(folder: &Path, catalogue: &str, url: &str) {
    let files = [
        "--catalog",
        catalogue,
        "--golden",
        "golden",
        "--allow-writes",
    ];
    let record = [&["record", "--legacy", url, "--accept"][..], &files].concat();
    let (code, told) = run_with(folder, &record, &["VERIFIER_PASSWORD"]);
    assert_eq!(code, 0, "{told}");
    let replay = [&["replay", "--candidate", url][..], &files].concat();
    let (code, told) = run_with(folder, &replay, &["VERIFIER_PASSWORD"]);
    assert_eq!(code, 0, "{told}");
}

/// Texts that must not survive, each where a recording may hold it.
#[test]
fn no_secret_of_a_recording_survives_wherever_it_stood() {
    // letters and digits as real ones have them; the words tell the place when one is found
    let places = [
        ("an own header", "k7Qm2xWpLr9Tz4Vb"),
        ("a cookie", "c00kieValueAbc123"),
        ("a token in the query", "qTok9aB8cD7eF6gH5"),
        ("a code of a redirect", "cOdE5f6a7b8c9d0e1"),
        ("a signature", "s1gNatUre0a1b2c3d4"),
        ("a token in the path", "pAtHtOkEnQwErTyUiOpAsDfG"),
        ("a user in the address", "addressuser"),
        ("a password in the address", "addresspass77"),
        ("a password in a form", "formpass!77"),
        ("a one-time code in a form", "834207"),
        ("a password far inside JSON", "deepPass-77"),
        (
            "a token in a list",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJraW0ifQ.c2lnbmF0dXJl",
        ),
        ("a card", "4111111111111111"),
        ("a key that is an address", "kim.minsu@corp.example"),
        ("a key that is a number of a phone", "+82-10-9876-5432"),
        ("a part of a multipart body", "multipartSecret77"),
        ("an answer", "answerSecretQ1w2e3"),
        ("a name", "Hong Gildong"),
        ("a header of the browser", "requestedWithSecret1"),
        ("a fragment", "fr4gmentSecretXyz"),
    ];
    let of = |place: &str| {
        places
            .iter()
            .find(|(name, _)| *name == place)
            .expect("a place")
            .1
    };
    let pair = |name: &str, value: &str| json!({"name": name, "value": value});
    let entry = |method: &str, url: String, media: &str, body: Option<String>| {
        json!({
            "request": {
                "method": method, "url": url,
                "headers": [
                    pair("X-Api-Key", of("an own header")),
                    pair("Cookie", &format!("SID={}", of("a cookie"))),
                    pair("X-Requested-With", of("a header of the browser")),
                ],
                "cookies": [pair("SID", of("a cookie"))],
                "queryString": [pair("access_token", of("a token in the query"))],
                "postData": body.map(|text| json!({"mimeType": media, "text": text})),
            },
            "response": {
                "status": 200,
                "headers": [pair("Set-Cookie", &format!("SID={}", of("a cookie")))],
                "content": {"mimeType": "application/json", "text": json!({"secret": of("an answer")}).to_string()},
            },
        })
    };
    let site = format!(
        "https://{}:{}@x.example/api",
        of("a user in the address"),
        of("a password in the address")
    );
    let json_body = json!({
        "a": [{"b": {"password": of("a password far inside JSON")}}, of("a token in a list")],
        "cardNumber": of("a card"),
        "owner": {"name": of("a name")},
        "byMail": {of("a key that is an address"): 1, of("a key that is a number of a phone"): {"x": true}},
        "count": 2,
    });
    let form = format!(
        "user=kim&password={}&otp={}",
        of("a password in a form").replace('!', "%21"),
        of("a one-time code in a form")
    );
    let multipart = format!(
        "--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n{}\r\n--b--",
        of("a part of a multipart body")
    );
    let har = json!({"log": {"entries": [
        entry("GET", format!("{site}/rooms?access_token={}&code={}&sig={}#{}", of("a token in the query"), of("a code of a redirect"), of("a signature"), of("a fragment")), "", None),
        entry("GET", format!("{site}/reset/{}", of("a token in the path")), "", None),
        entry("POST", format!("{site}/form"), "application/x-www-form-urlencoded", Some(form)),
        entry("POST", format!("{site}/upload"), "multipart/form-data; boundary=b", Some(multipart)),
        entry("POST", format!("{site}/json"), "application/json", Some(json_body.to_string())),
    ]}});
    let folder = tempfile::tempdir().expect("a place for test files");
    fs::write(folder.path().join("a.har"), har.to_string()).expect("a new file");
    let (code, text) = run(folder.path(), &["import", "--har", "a.har"]);
    assert_eq!(code, 0, "{text}");
    let plain = percent_decoded(&text).to_lowercase();
    let left: Vec<&str> = places
        .iter()
        .filter(|(_, secret)| plain.contains(&secret.to_lowercase()))
        .map(|(place, _)| *place)
        .collect();
    assert_eq!(left, Vec::<&str>::new(), "in\n{text}");
    // what is harmless stays, or there would be nothing to replay
    for words in [
        "/api/rooms",
        "\"count\":2",
        "/api/json",
        "/api/form",
        "\"key\":1,\"key_2\":{\"x\":true}",
    ] {
        assert!(text.contains(words), "`{words}` is missing in\n{text}");
    }
    assert_eq!(catalogue(&text).endpoints.len(), 5, "{text}");
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match code.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                rest = &tail[2..];
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[test]
fn a_recording_becomes_a_catalogue_that_records_and_replays() {
    let call = |method: &str, path: &str, body: Option<Value>, answer: Value, status: u16| {
        json!({
            "request": {"method": method, "url": format!("https://x.example{path}"), "headers": [],
                "postData": body.map(|body| json!({"mimeType": "application/json", "text": body.to_string()}))},
            "response": {"status": status, "content": {"mimeType": "application/json", "text": answer.to_string()}},
        })
    };
    let har = json!({"log": {"entries": [
        call("GET", "/rooms?page=0", None, json!({}), 200),
        call("GET", "/rooms/12/parts/9f86d081-884c-4d65-9a2f-eaa0c55ad015", None, json!({}), 304),
        call("POST", "/rooms", Some(json!({"number": "101", "size": 2})), json!({"id": 1}), 201),
        call("DELETE", "/rooms/12", None, json!({}), 204),
    ]}});
    let folder = tempfile::tempdir().expect("a place for test files");
    fs::write(folder.path().join("a.har"), format!("\u{feff}{har}")).expect("a new file");
    let (code, told) = run(
        folder.path(),
        &["import", "--har", "a.har", "--out", "c.yaml"],
    );
    assert_eq!(code, 0, "{told}");
    let text = fs::read_to_string(folder.path().join("c.yaml")).expect("it was written");
    let expected: Vec<u16> = catalogue(&text)
        .cases
        .iter()
        .flat_map(|case| case.expected.clone())
        .collect();
    assert_eq!(expected, [200, 200, 201, 204], "{text}");
    let server = service();
    record_and_replay(folder.path(), "c.yaml", &server.url());
    // where `init` has laid out the schema, editors complete what was imported too
    assert!(!text.starts_with("# yaml-language-server"), "{text}");
    assert_eq!(run(folder.path(), &["init", "new"]).0, 0);
    let out = "new/golden/endpoints.yaml";
    let (code, told) = run(
        folder.path(),
        &["import", "--har", "a.har", "--out", out, "--force"],
    );
    assert_eq!(code, 0, "{told}");
    let written = fs::read_to_string(folder.path().join(out)).expect("it was written");
    let first = "# yaml-language-server: $schema=../schema/catalogue.json\n";
    assert_eq!(written, format!("{first}{text}"));

    for (text, words) in [
        ("{}", "1:2: this is no HAR file"),
        ("", "this is no HAR file"),
        (
            r#"{"log":{"entries":[{"request":{"method":"GET","url":7}}]}}"#,
            "this is no HAR file",
        ),
        (r#"{"log":{"entries":[]}}"#, "no call of a service"),
    ] {
        fs::write(folder.path().join("b.har"), text).expect("a file of our own");
        let (code, told) = run(folder.path(), &["import", "--har", "b.har"]);
        assert!(code == 2 && told.contains(words), "{text}: {told}");
    }
}
