//! Wrong catalogues and configurations, each with what it is told: a snapshot to be read as a page.
//! Every complaint names file, line, column, key and remedy.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use jiff::civil::date;
use verifier::catalogue::Catalogue;
use verifier::cutover::Config;

/// Of each catalogue: a name, and the file.
const CATALOGUES: [(&str, &str); 42] = [
    ("nothing at all", ""),
    ("comments only", "# to be written\n"),
    (
        "a list instead of keys",
        "- id: rooms_list\n  path: /rooms\n",
    ),
    ("text instead of keys", "rooms_list\n"),
    (
        "a misspelt key at the top",
        "endpionts:\n  - {id: a, path: /a, expected_status: 200}\n",
    ),
    (
        "a misspelt key of an endpoint",
        "endpoints:\n  - id: rooms_list\n    path: /rooms\n    expected_statsu: 200\n",
    ),
    (
        "a misspelt key of a case",
        "endpoints:\n  - id: rooms_get\n    path: /rooms/{id}\n    expected_status: 200\n    path_params: {id: 1}\n    cases:\n      - {id: text, path_parms: {id: x}}\n",
    ),
    (
        "a misspelt key of the login",
        "auth:\n  login:\n    path: /login\n    acess: /token\n",
    ),
    (
        "a misspelt key of a rule",
        "rules:\n  - at: /a\n    tolerates: any\n",
    ),
    (
        "a misspelt bound in a rule",
        "rules:\n  - at: /a\n    tolerate: {secnds: 5}\n",
    ),
    (
        "a misspelt tolerance in a rule",
        "rules:\n  - at: /a\n    tolerate: same-fromat\n",
    ),
    (
        "a misspelt source of a password",
        "test_accounts:\n  admin:\n    username: a\n    password:\n      flie: p.txt\n",
    ),
    (
        "a key that resembles none",
        "endpoints:\n  - id: a\n    path: /a\n    colour: blue\n",
    ),
    (
        "a key twice",
        "endpoints:\n  - id: a\n    path: /a\n    path: /b\n    expected_status: 200\n",
    ),
    (
        "an endpoint twice",
        "endpoints:\n  - {id: a, path: /a, expected_status: 200}\n  - {id: a, path: /b, expected_status: 200}\n",
    ),
    (
        "a case twice",
        "endpoints:\n  - id: a\n    path: /a\n    expected_status: 200\n    cases:\n      - {id: b}\n      - {id: b}\n",
    ),
    (
        "an endpoint without an id",
        "endpoints:\n  - path: /a\n    expected_status: 200\n",
    ),
    (
        "an endpoint without a path",
        "endpoints:\n  - id: a\n    expected_status: 200\n",
    ),
    (
        "an endpoint without a status",
        "endpoints:\n  - id: a\n    path: /a\n",
    ),
    (
        "endpoints that are no list",
        "endpoints:\n  a: {path: /a}\n",
    ),
    (
        "a status in words",
        "endpoints:\n  - id: a\n    path: /a\n    expected_status: fine\n",
    ),
    (
        "a status that HTTP does not have",
        "endpoints:\n  - id: a\n    path: /a\n    expected_status: 42\n",
    ),
    (
        "a path with a query",
        "endpoints:\n  - id: a\n    path: /a?page=0\n    expected_status: 200\n",
    ),
    (
        "an address instead of a path",
        "endpoints:\n  - id: a\n    path: http://api/a\n    expected_status: 200\n",
    ),
    (
        "a brace that is not closed",
        "endpoints:\n  - id: a\n    path: /a/{id\n    expected_status: 200\n",
    ),
    (
        "a placeholder without a value",
        "endpoints:\n  - id: a\n    path: /a\n    expected_status: 200\n  - id: b\n    path: /b/{room_id}\n    expected_status: 200\n",
    ),
    (
        "a method that is none",
        "endpoints:\n  - id: a\n    method: GET IT\n    path: /a\n    expected_status: 200\n",
    ),
    (
        "a header that cannot be",
        "endpoints:\n  - id: a\n    path: /a\n    headers: {\"X Y\": 1}\n    expected_status: 200\n",
    ),
    (
        "two bodies",
        "endpoints:\n  - id: a\n    method: POST\n    path: /a\n    raw_body: x\n    request_body: {}\n    expected_status: 200\n",
    ),
    (
        "base64 that is none",
        "endpoints:\n  - id: a\n    method: POST\n    path: /a\n    raw_body_base64: \"%%%\"\n    expected_status: 200\n",
    ),
    (
        "an account that nobody has",
        "test_accounts:\n  admin: {username: a, password: b}\nauth:\n  login: {path: /login}\nendpoints:\n  - id: a\n    path: /a\n    auth: true\n    role: amdin\n    expected_status: 200\n",
    ),
    (
        "a role that no account has",
        "test_accounts:\n  admin: {username: a, password: b, role: ADMIN}\nauth:\n  login: {path: /login}\n  probes:\n    - {path: /a, allow: [ADMNI]}\n",
    ),
    (
        "a password from two places",
        "test_accounts:\n  admin: {username: a, password: {env: A, file: b}}\nauth:\n  login: {path: /login}\n",
    ),
    (
        "a journey that needs what comes later",
        "endpoints:\n  - {id: made, method: POST, path: /a, expected_status: 201, capture: {a_id: /id}}\n  - {id: read, path: \"/a/{a_id}\", expected_status: 200}\njourneys:\n  - {id: both, cases: [read, made]}\n",
    ),
    (
        "a journey through a case that is not there",
        "endpoints:\n  - {id: rooms_create, method: POST, path: /a, expected_status: 201}\njourneys:\n  - {id: room, cases: [rooms_craete]}\n",
    ),
    (
        "a mask that is none",
        "endpoints:\n  - id: a\n    path: /a\n    expected_status: 200\n    mask: {/createdAt: today}\n",
    ),
    (
        "a place that is none",
        "endpoints:\n  - id: a\n    path: /a\n    expected_status: 200\n    mask: {createdAt: now}\n",
    ),
    (
        "a rule for everything",
        "endpoints:\n  - {id: a, path: /a, expected_status: 200}\nrules:\n  - {at: body, tolerate: any, reason: noise}\n",
    ),
    (
        "a rule for an endpoint that is not there",
        "endpoints:\n  - {id: rooms_list, path: /a, expected_status: 200}\nrules:\n  - {at: /a, tolerate: any, endpoint: room_list}\n",
    ),
    (
        "a known difference without an end",
        "endpoints:\n  - {id: a, path: /a, expected_status: 200}\nrules:\n  - at: /a\n    known: {kind: field removed, reason: r, owner: o, ticket: t}\n",
    ),
    (
        "a policy for writes that there is not",
        "endpoints:\n  - {id: a, method: POST, path: /a, expected_status: 201, shadow: mirrored}\n",
    ),
    (
        "made-up data that is called something else",
        "data: fake\nendpoints:\n  - {id: a, path: /a, expected_status: 200}\n",
    ),
];

const CONFIGURATIONS: [(&str, &str); 32] = [
    ("a list instead of keys", "- legacy: http://a\n"),
    ("a misspelt key at the top", "legcay: http://a\n"),
    ("a misspelt key below", "shadow:\n  max_in_fligth: 3\n"),
    (
        "a misspelt key far below",
        "gate:\n  signals:\n    probes:\n      - name: p\n        url: http://a\n        requests:\n          - {path: /a, stauts: 200}\n",
    ),
    ("a key twice", "threads: 1\nlegacy: http://a\nthreads: 2\n"),
    (
        "an address without a scheme",
        "legacy: http://a\ncore: api-core:8080\n",
    ),
    ("an address with a path", "legacy: http://a/base\n"),
    (
        "an address with a password",
        "legacy: http://me:secret@a/\n",
    ),
    (
        "one service twice",
        "legacy: http://127.0.0.1:8080\ncore: http://localhost:8080\n",
    ),
    (
        "a twin that is legacy",
        "legacy: http://a\ncore: http://b\nnoise:\n  legacy_twin: http://a\n",
    ),
    ("a place to listen that is none", "listen: everywhere\n"),
    ("no threads", "threads: 0\n"),
    ("a number in words", "threads: many\n"),
    ("a negative number", "shadow:\n  max_in_flight: -1\n"),
    ("more than all users", "sample:\n  percent: 150\n"),
    (
        "a head that is too large",
        "client:\n  max_head_bytes: 1048576\n",
    ),
    (
        "a policy that there is not",
        "writes:\n  default: mirrored\n",
    ),
    (
        "mirrored writes into a shared database",
        "writes:\n  default: mirror\n",
    ),
    (
        "rejected writes into a shared database",
        "writes:\n  endpoints:\n    rooms_create: rejected\n",
    ),
    (
        "a sentinel that could not be recognised",
        "writes:\n  sentinel:\n    send: {method: POST, path: /a, body: \"{}\"}\n    read: /a\n",
    ),
    (
        "a sentinel without a place to read",
        "writes:\n  sentinel:\n    send: {method: POST, path: \"/a/{mark}\"}\n",
    ),
    ("half of TLS", "tls:\n  certificate_file: a.pem\n"),
    (
        "a ladder that falls",
        "gate:\n  ladder: [10, 50, 30, 100]\n",
    ),
    ("a ladder beyond all", "gate:\n  ladder: [10, 130]\n"),
    ("a time in words", "gate:\n  min_time: 10 minutes\n"),
    (
        "a limit out of range",
        "gate:\n  rollback:\n    max_blind: 10m\n",
    ),
    (
        "a limit of nothing",
        "gate:\n  compatibility: {total_percent: 0}\n",
    ),
    (
        "a router that there is not",
        "gate:\n  router:\n    ingres_nginx: {}\n",
    ),
    (
        "a router without its parts",
        "gate:\n  router:\n    nginx: {include: a.conf}\n",
    ),
    (
        "a waiver that nobody answers for",
        "gate:\n  waivers:\n    - {endpoint: a, reason: seldom, owner: TBD, expires: 2026-04-01}\n",
    ),
    (
        "a day that is none",
        "gate:\n  waivers:\n    - {endpoint: a, reason: seldom, owner: Kim, expires: 2026-02-30}\n",
    ),
    (
        "a source of counts without an address",
        "gate:\n  signals:\n    prometheus: {url: prometheus:9090, core: a, legacy: b}\n",
    ),
];

/// What is no YAML of this kind at all, for both files alike.
fn no_yaml() -> Vec<(&'static str, Vec<u8>)> {
    let mut bomb = "servers:\n  a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (one, next) in ('a'..='h').zip('b'..='i') {
        let alias = format!("*{one}, ").repeat(10);
        bomb.push_str(&format!("  {next}: &{next} [{alias}]\n"));
    }
    let mut blocks = String::new();
    for depth in 0..300 {
        blocks.push_str(&format!("{}servers:\n", " ".repeat(depth)));
    }
    vec![
        (
            "a tab as indent",
            b"# c\nauth:\n\tlogin: {path: /login}\n".to_vec(),
        ),
        (
            "a quote that is not closed",
            b"version: \"1\ndata: real\n".to_vec(),
        ),
        (
            "a bracket that is not closed",
            b"# c\nendpoints: [{id: a\n".to_vec(),
        ),
        (
            "an indent that fits nowhere",
            b"auth:\n    login: {path: /login}\n  probes: []\n".to_vec(),
        ),
        (
            "a second document",
            b"version: \"1\"\n---\nversion: \"2\"\n".to_vec(),
        ),
        ("an alias of nothing", b"version: *v\n".to_vec()),
        ("another encoding", b"version: \"1\"\n# caf\xe9\n".to_vec()),
        ("sixteen-bit text", b"\xff\xfev\0e\0r\0".to_vec()),
        ("no text", vec![0, 1, 2, 3]),
        (
            "nested without end",
            [b"servers: ".to_vec(), b"[".repeat(100_000)].concat(),
        ),
        ("blocks without end", blocks.into_bytes()),
        ("aliases that unfold to millions", bomb.into_bytes()),
    ]
}

fn catalogue_says(path: &Path) -> String {
    let read = Catalogue::read_text(path)
        .and_then(|text| Catalogue::parse(path, &text, date(2026, 1, 12)));
    read.err()
        .map_or_else(|| "nothing".to_owned(), |error| error.to_string())
}

fn configuration_says(path: &Path) -> String {
    Config::read(path)
        .err()
        .map_or_else(|| "nothing".to_owned(), |error| error.to_string())
}

/// A page of wrong files with what is said of them, and those of them whose complaint has no place.
fn page<'a>(
    name: &str,
    files: impl Iterator<Item = (&'a str, Vec<u8>)>,
    says: fn(&Path) -> String,
) -> (String, Vec<String>) {
    let folder = tempfile::tempdir().expect("a place for test files");
    let path = folder.path().join(name);
    let (mut page, mut bad) = (String::new(), Vec::new());
    for (what, bytes) in files {
        fs::write(&path, &bytes).expect("a file");
        let said = says(&path).replace(&format!("{}/", folder.path().display()), "");
        page.push_str(&format!("## {what}\n"));
        match String::from_utf8(bytes) {
            Ok(text) if text.len() < 1_000 && !text.contains('\0') => {
                for (number, line) in text.lines().enumerate() {
                    page.push_str(&format!(
                        "{:>3} | {}\n",
                        number + 1,
                        line.replace('\t', "⇥")
                    ));
                }
            }
            _ => page.push_str("    | …\n"),
        }
        assert!(!said.contains("secret"), "a password is told: {said}");
        for line in said.lines() {
            let mut parts = line.splitn(4, ':');
            let placed = parts.next() == Some(name)
                && parts
                    .next()
                    .is_some_and(|line| line.parse::<u32>().is_ok_and(|line| line > 0))
                && parts
                    .next()
                    .is_some_and(|column| column.parse::<u32>().is_ok_and(|column| column > 0))
                && parts
                    .next()
                    .is_some_and(|message| message.starts_with(' ') && message.contains(':'));
            if !placed {
                bad.push(format!("{what}: {line}"));
            }
            page.push_str(&format!("{line}\n"));
        }
        page.push('\n');
    }
    (page, bad)
}

#[test]
fn a_wrong_catalogue_is_refused_with_place_key_and_remedy() {
    let files = CATALOGUES
        .iter()
        .map(|(what, text)| (*what, text.as_bytes().to_vec()));
    let (page, bad) = page("endpoints.yaml", files.chain(no_yaml()), catalogue_says);
    assert!(bad.is_empty(), "no place or no remedy:\n{}", bad.join("\n"));
    insta::assert_snapshot!("wrong_catalogues", page);
}

#[test]
fn a_wrong_configuration_is_refused_with_place_key_and_remedy() {
    let files = CONFIGURATIONS
        .iter()
        .map(|(what, text)| (*what, text.as_bytes().to_vec()));
    let own_keys = |text: Vec<u8>| match String::from_utf8(text) {
        Err(no_text) => no_text.into_bytes(),
        Ok(text) => {
            let text = text
                .replace("servers", "tls")
                .replace("auth", "gate")
                .replace("endpoints", "gate");
            text.replace("login", "tick")
                .replace("version", "catalog")
                .into_bytes()
        }
    };
    let no_yaml = no_yaml()
        .into_iter()
        .map(|(what, text)| (what, own_keys(text)));
    let (page, bad) = page("cutover.yaml", files.chain(no_yaml), configuration_says);
    assert!(bad.is_empty(), "no place or no remedy:\n{}", bad.join("\n"));
    insta::assert_snapshot!("wrong_configurations", page);
}

#[test]
fn the_programs_end_with_2_and_say_the_same() {
    let folder = tempfile::tempdir().expect("a place for test files");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    };
    let catalogue = write("c.yaml", "endpoints:\n  - id: a\n    pth: /a\n");
    let config = write("g.yaml", "gate:\n  laddr: [10, 100]\n");
    let paths = [catalogue.as_os_str(), config.as_os_str()];
    for (args, words) in [
        (
            vec![
                "replay".as_ref(),
                "--candidate".as_ref(),
                "http://127.0.0.1:9".as_ref(),
                "--catalog".as_ref(),
                paths[0],
            ],
            "c.yaml:3:5: `pth` is no key of `endpoints[0]`: did you mean `path`?",
        ),
        (
            vec![
                "gate".as_ref(),
                "plan".as_ref(),
                "--config".as_ref(),
                paths[1],
            ],
            "g.yaml:2:3: `laddr` is no key of `gate`: did you mean `ladder`?",
        ),
    ] {
        let args: Vec<&std::ffi::OsStr> = args;
        let run = Command::new(env!("CARGO_BIN_EXE_verifier-under-test"))
            .args(&args)
            .output()
            .expect("the program runs");
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
}
