//! What a team already has becomes a catalogue or golden files: nothing is lost silently, nothing secret
//! stays, nothing is replaced.

use std::fs;
use std::path::Path;

use fixtures::rms::defects::DefectSet;
use jiff::civil::date;
use serde_json::{Value, json};
use verifier::catalogue::Catalogue;

use crate::harness::{RawServer, Reply, core, root, verifier};

/// Runs `verifier` in `folder`; exit code, and all it printed.
fn run(folder: &Path, args: &[&str]) -> (i32, String) {
    let output = verifier()
        .args(args)
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

const OPENAPI_30: &str = r##"
openapi: 3.0.3
info: { title: Rooms, version: "1" }
servers: [{ url: "https://api.example.com/api/v1" }]
security: [{ bearer: [] }]
paths:
  /login:
    post:
      operationId: doLogin
      security: []
      requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/Login" } } } }
      responses: { "200": { content: { application/json: { schema: { properties: { value: { properties: { accessToken: { type: string } } } } } } } } }
  /rooms/{roomId}:
    parameters: [{ $ref: "#/components/parameters/RoomId" }]
    get: { summary: "A room {by id}", responses: { "200": { description: ok }, "404": { description: none } } }
    patch:
      operationId: editRoom
      requestBody: { content: { application/json: { example: { note: "a {brace}", self: { $ref: "#/nowhere" } } } } }
      responses: { "204": { description: ok } }
  /rooms:
    get:
      operationId: listRooms
      parameters:
        - { name: size, in: query, schema: { type: integer, default: 20 } }
        - { name: sort, in: query, schema: { type: string } }
      responses: { default: { description: ok } }
components:
  parameters: { RoomId: { name: roomId, in: path, required: true, schema: { type: integer }, example: 7 } }
  schemas:
    Login: { type: object, required: [username, password], properties: { username: { type: string }, password: { type: string, minLength: 8 }, self: { $ref: "#/components/schemas/Login" } } }
"##;

#[test]
fn an_openapi_document_becomes_a_catalogue_that_loads() {
    let folder = tempfile::tempdir().expect("a place for test files");
    fs::write(folder.path().join("api.yaml"), OPENAPI_30).expect("a new file");
    let (code, text) = run(folder.path(), &["import", "--openapi", "api.yaml"]);
    assert_eq!(code, 0, "{text}");
    let read = catalogue(&text);
    let ids: Vec<&str> = read.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(
        ids,
        ["do_login", "get_rooms_one", "edit_room", "list_rooms"],
        "{text}"
    );
    for words in [
        "path: \"/api/v1/rooms/{room_id}\"",
        "path_params: { room_id: 7 }",
        "access: \"/value/accessToken\"",
        "a {{brace}}",
        "params: [\"size=20\"]",
        "not sent, since optional: sort",
        "expected_status: 204",
        "VERIFIER_PASSWORD",
    ] {
        assert!(text.contains(words), "`{words}` is missing in\n{text}");
    }
    assert!(
        read.cases[0].account.is_none() && read.cases[1].account.is_some(),
        "{text}"
    );

    // 3.1, JSON, from an address: types in lists, examples of schemas
    let document = json!({"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {"/a": {"post": {
        "requestBody": {"content": {"application/json": {"schema": {"type": ["object", "null"], "properties": {
            "name": {"type": ["string", "null"], "examples": ["Ann"]}, "kind": {"const": "k"}, "at": {"type": "string", "format": "date"}}}}}},
        "responses": {"201": {"description": "made"}}}}}});
    let server = RawServer::start(move |_| Reply::json(&document.to_string()));
    let address = format!("{}/openapi.json", server.url());
    let (code, text) = run(
        folder.path(),
        &["import", "--openapi", &address, "--out", "new.yaml"],
    );
    assert_eq!(code, 0, "{text}");
    let written = fs::read_to_string(folder.path().join("new.yaml")).expect("it was written");
    assert!(
        written.contains(r#"{"name":"Ann","kind":"k","at":"2026-01-31"}"#),
        "{written}"
    );
    assert_eq!(catalogue(&written).cases[0].expected, [201]);

    // nothing is replaced unless asked
    let (code, text) = run(
        folder.path(),
        &["import", "--openapi", &address, "--out", "new.yaml"],
    );
    assert!(code == 2 && text.contains("--force"), "{text}");
    let (code, _) = run(
        folder.path(),
        &[
            "import",
            "--openapi",
            &address,
            "--out",
            "new.yaml",
            "--force",
        ],
    );
    assert_eq!(code, 0);
    for (document, words) in [
        ("swagger: '2.0'\n", "Swagger 2.0"),
        ("a: 1\n", "openapi: 3.0.x"),
        ("openapi: 3.0.0\npaths: {}\n", "nothing to import"),
        ("{", "line 1"),
    ] {
        fs::write(folder.path().join("bad.yaml"), document).expect("a file of our own");
        let (code, text) = run(folder.path(), &["import", "--openapi", "bad.yaml"]);
        assert!(code == 2 && text.contains(words), "{document}: {text}");
    }
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
