//! The catalogue file: a wrong one says where and what to write instead, and it fits services that
//! have nothing in common with the reference pair.

use std::path::Path;
use std::sync::Mutex;

use jiff::civil::date;
use verifier::catalogue::Catalogue;
use verifier::report::{Exit, State};

use crate::harness::{Package, RawServer, Received, Reply, Run, case, trouble};

/// What is said about `text`, one line a complaint.
fn complaints(text: &str) -> Vec<String> {
    match Catalogue::parse(Path::new("c.yaml"), text, date(2026, 1, 12)) {
        Ok(_) => Vec::new(),
        Err(error) => error.to_string().lines().map(str::to_owned).collect(),
    }
}

/// What is wrong with the complaint about `text`: it should be one, at this place, with these words.
fn check(text: &str, place: &str, words: &[&str]) -> Option<String> {
    let complaints = complaints(text);
    let [only] = complaints.as_slice() else {
        return Some(format!(
            "one complaint expected about\n{text}\ngot {complaints:#?}"
        ));
    };
    let start = format!("c.yaml:{place}: ");
    let missing = words.iter().find(|word| !only.contains(**word));
    (!only.starts_with(&start) || missing.is_some())
        .then(|| format!("{start}… {words:?} expected about\n{text}\ngot {only}"))
}

const ONE: &str = "endpoints:\n  - id: rooms_list\n    path: /rooms\n    expected_status: 200\n";

#[test]
fn a_wrong_catalogue_says_where_and_what_to_write_instead() {
    let mut wrong = Vec::new();
    let one = |more: &str| format!("{ONE}{more}");
    // --- not the file this is
    wrong.extend(check("endpoints: [", "1:12", &["unclosed bracket"]));

    wrong.extend(check(
        "endpoint:\n  - id: a\n",
        "1:1",
        &["endpoint", "endpoints"],
    ));

    wrong.extend(check(
        "endpoints:\n  - id: a\n    paht: /a\n",
        "3:5",
        &["paht", "path"],
    ));

    wrong.extend(check("", "1:1", &["names no endpoints", "`endpoints`"]));

    wrong.extend(check(
        &one("data: secret\n"),
        "5:7",
        &["`synthetic`", "`real`"],
    ));
    // --- endpoints and cases

    wrong.extend(check(
        "endpoints:\n  - id: Rooms-List\n    path: /a\n    expected_status: 200\n",
        "2:9",
        &["a-z", "`rooms_list`"],
    ));

    wrong.extend(check(
        "endpoints:\n  - id: a\n    expected_status: 200\n",
        "2:5",
        &["`a` has no `path`"],
    ));

    wrong.extend(check(
        "endpoints:\n  - id: a\n    path: /a\n",
        "2:5",
        &["write the one legacy answers", "`expected_status: 200`"],
    ));

    wrong.extend(check(
        "endpoints:\n  - id: a\n    path: /a\n    expected_status: ok\n",
        "4:22",
        &["status"],
    ));

    wrong.extend(check(
        "endpoints:\n  - id: a\n    path: a\n    expected_status: 200\n",
        "3:11",
        &["start with `/`"],
    ));

    wrong.extend(check(
        "endpoints:\n  - id: a\n    path: /a?x=1\n    expected_status: 200\n",
        "3:11",
        &["under `params`"],
    ));

    wrong.extend(check(
        "endpoints:\n  - id: a\n    method: FETCH IT\n    path: /a\n    expected_status: 200\n",
        "3:13",
        &["no HTTP method", "GET, POST"],
    ));

    wrong.extend(check(
        &one("  - id: rooms_list\n    path: /b\n    expected_status: 200\n"),
        "5:9",
        &["there twice", "rename one"],
    ));

    wrong.extend(check(
        &one("    cases:\n      - id: Not Found\n"),
        "6:13",
        &["no case id", "`not_found`"],
    ));

    wrong.extend(check(
        &one("    cases:\n      - { id: a, extra: true }\n"),
        "6:9",
        &["belong to an endpoint"],
    ));

    wrong.extend(check(
        &one("    raw_body: x\n    request_body: {}\n"),
        "2:5",
        &["keep one"],
    ));

    wrong.extend(check(
        &one("    raw_body_base64: \"/w\"\n"),
        "5:22",
        &["`raw_body_base64` is no base64", "base64 -w0"],
    ));

    wrong.extend(check(
        &one("    params: { page: { deep: 1 } }\n"),
        "5:13",
        &["`page` must be text, a number, a boolean or a list"],
    ));

    wrong.extend(check(
        &one("    headers: { \"no blank\": x }\n"),
        "2:5",
        &["`no blank` is no header name"],
    ));
    // --- accounts and login

    wrong.extend(check(
        &one("    auth: true\n"),
        "2:5",
        &["no `account`", "`test_accounts`"],
    ));

    wrong.extend(check(
        &one("    auth: true\n    account: boss\n"),
        "6:14",
        &["no account `boss`", "(there: none)"],
    ));

    wrong.extend(check(
        "test_accounts:\n  user: { username: u, password: p }\nendpoints:\n  - { id: a, path: /a, expected_status: 200, auth: true, account: user }\n",
        "4:5",
        &["needs a login", "auth: {login: {path: …}}"],
    ));

    wrong.extend(check(
        &format!(
            "test_accounts:\n  user: {{ username: u, password: {{ env: A, file: b }} }}\n{ONE}"
        ),
        "2:9",
        &["one source", "{env: NAME}", "{file: PATH}"],
    ));
    // --- masks, captures, placeholders

    wrong.extend(check(
        &one("    mask: { /value/createdAt: sometimes }\n"),
        "5:31",
        &["`sometimes` is no mask", "`now`", "`room.id`"],
    ));

    wrong.extend(check(
        &one("    mask: { createdAt: now }\n"),
        "5:24",
        &["createdAt", "/"],
    ));

    wrong.extend(check(
        &one("    personal: { /value/name: \"the guest\" }\n"),
        "5:30",
        &["no class of personal data", "`phone`"],
    ));

    wrong.extend(check(
        &one("    capture: { run: /value/id }\n"),
        "5:21",
        &["built-in placeholder", "another name"],
    ));

    wrong.extend(check(
        &one("    capture: { id: /values/*/id }\n"),
        "5:20",
        &["several places", "index instead of `*`"],
    ));

    wrong.extend(check(
        "endpoints:\n  - id: a\n    path: /a/{thing}\n    expected_status: 200\n",
        "2:5",
        &[
            "`{thing}` in `a` has no value",
            "capture: {thing: /value/…}",
            "`path_params`",
        ],
    ));

    wrong.extend(check(
        "endpoints:\n  - id: a\n    path: /a/{token}\n    expected_status: 200\n",
        "2:5",
        &["`{token}`", "`auth: true`"],
    ));

    wrong.extend(check(
        "endpoints:\n  - id: a\n    path: /a/{thing\n    expected_status: 200\n",
        "3:11",
        &["{"],
    ));

    wrong.extend(check(
        &one("    params: { from: \"{today+6X}\" }\n"),
        "5:13",
        &["today", "+6M"],
    ));
    // --- journeys

    wrong.extend(check(
        &one("journeys:\n  - { id: j, cases: [rooms_lost] }\n"),
        "6:22",
        &["no case `rooms_lost`", "`endpoint@case`"],
    ));

    wrong.extend(check(
        &one("journeys:\n  - { id: j, cases: [rooms_list] }\n  - { id: k, cases: [rooms_list] }\n"),
        "7:22",
        &["already runs in journey `j`", "a case of its own"],
    ));

    wrong.extend(check(
        &one("journeys:\n  - { id: J 1, cases: [] }\n"),
        "6:11",
        &["no journey id", "a-z"],
    ));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_complaint_is_told_at_once_in_the_order_of_the_file() {
    let text = "data: hidden\nendpoints:\n  - id: A\n    path: /a\n    expected_status: 200\n  - id: b\n    path: b\n    expected_status: 200\n";
    let complaints = complaints(text);
    let places: Vec<&str> = complaints
        .iter()
        .map(|line| line.split(": ").next().unwrap_or_default())
        .collect();
    assert_eq!(places, ["c.yaml:1:7", "c.yaml:3:9", "c.yaml:7:11"]);
}

/// Another house altogether: a token under another name and place, a header of its own, a form for a
/// body, no envelope.
const TICKETS: &str = r#"
data: synthetic
test_accounts:
  clerk: { username: "0042", password: { file: pin.txt } }
auth:
  login:
    path: /session
    headers: { Content-Type: application/json, X-Client: counter }
    body: { employee: "{username}", pin: "{password}" }
    access: /data/0/jwt
endpoints:
  - id: ticket_make
    method: PUT
    path: /tickets/{run}
    description: A ticket is made
    auth: true
    account: clerk
    headers: { Authorization: "Ticket {token}", Content-Type: application/x-www-form-urlencoded }
    raw_body: "seat=12&name={run}"
    expected_status: 201
    capture: { serial: "header:x-serial" }
    mask: { "header:x-serial": ticket.serial, /made: now }
  - id: ticket_read
    path: /tickets
    description: The ticket reads back
    auth: true
    account: clerk
    headers: { Authorization: "Ticket {token}" }
    params: [ "serial={serial}", "tag=a", "tag=b" ]
    expected_status: 200
    mask: { /serial: ticket.serial }
  - id: hours
    path: /hours
    description: Opening hours, for anybody
    expected_status: 200
journeys:
  - { id: ticket, cases: [ticket_make, ticket_read] }
"#;

/// The tickets, by serial number.
#[derive(Default)]
struct Tickets {
    made: Mutex<Vec<String>>,
    /// What the second build gets wrong.
    forgets_seat: bool,
}

impl Tickets {
    fn answer(&self, request: &Received) -> Reply {
        let has = |header: &str| request.head.to_lowercase().contains(&header.to_lowercase());
        let mut made = self
            .made
            .lock()
            .expect("no test panics while it holds the lock");
        match (
            request.line.split(' ').next().unwrap_or_default(),
            request.path(),
        ) {
            ("POST", "/session")
                if has("x-client: counter")
                    && request.body == r#"{"employee":"0042","pin":"9 1"}"# =>
            {
                Reply::json(r#"{"data":[{"jwt":"opaque-token"}]}"#)
            }
            ("GET", "/hours") => Reply::of("200 OK", "text/plain", "9 to 18"),
            _ if !has("authorization: ticket opaque-token") => {
                Reply::of("403 Forbidden", "text/plain", "who are you?")
            }
            ("PUT", path) if has("content-type: application/x-www-form-urlencoded") => {
                made.push(path.trim_start_matches("/tickets/").to_owned());
                let now = jiff::Timestamp::now();
                let second = now.as_second();
                let body = format!(r#"{{"made":{second},"seat":12}}"#);
                let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT");
                let serial = made.len() + 70;
                let headers = format!(
                    "content-type: application/json\r\nx-serial: {serial}\r\ndate: {date}\r\n"
                );
                Reply::with("201 Created", &headers, &body)
            }
            ("GET", "/tickets") => {
                let serial = made.len() + 70;
                if !request
                    .line
                    .contains(&format!("?serial={serial}&tag=a&tag=b "))
                {
                    return Reply::of("404 Not Found", "text/plain", &request.line);
                }
                let seat = if self.forgets_seat { "null" } else { "12" };
                let name = made.last().map_or("", String::as_str);
                Reply::json(&format!(
                    r#"{{"serial":{serial},"name":"{name}","seat":{seat}}}"#
                ))
            }
            _ => Reply::of("404 Not Found", "text/plain", "no such thing"),
        }
    }

    fn serve(self) -> RawServer {
        RawServer::start(move |request| self.answer(request))
    }
}

#[test]
fn a_case_reads_unless_its_method_or_a_field_or_the_file_says_that_it_writes() {
    let writes = |entry: &str| {
        let text = format!("{ONE}{entry}");
        let catalogue = Catalogue::parse(Path::new("c.yaml"), &text, date(2026, 1, 12));
        catalogue.expect("a sound catalogue").cases[0].writes
    };
    for (entry, expected) in [
        ("", false),
        ("    method: PATCH\n", true),
        ("    headers: {X-HTTP-Method-Override: DELETE}\n", true),
        ("    method: POST\n    writes: false\n", false),
    ] {
        assert_eq!(writes(entry), expected, "{entry}");
    }
}

#[tokio::test]
async fn a_catalogue_of_another_service_records_and_replays() {
    let package = Package::with_catalogue(TICKETS);
    package.write("pin.txt", "9 1\n");
    let old = Tickets::default().serve();
    let records = Run::default().record(&package, &old.url(), true).await;
    assert_eq!(
        crate::harness::snapshots(&package.golden()).len(),
        3,
        "{records:#?}"
    );
    for record in &records {
        assert_eq!(record.warnings, Vec::<String>::new(), "{record:?}");
    }

    let new = Tickets::default().serve();
    for _ in 0..2 {
        let report = Run::default().replay(&package, &new.url()).await;
        assert_eq!(report.exit(), Exit::Green, "{}", trouble(&report));
        assert_eq!(report.headline(), "3/3 endpoints");
    }

    let worse = Tickets {
        forgets_seat: true,
        ..Tickets::default()
    };
    let report = Run::default().replay(&package, &worse.serve().url()).await;
    assert_eq!(report.exit(), Exit::Differences);
    let read = case(&report, "ticket_read");
    assert_eq!(read.findings.len(), 1, "{}", trouble(&report));
    assert_eq!(read.findings[0].location.to_string(), "/seat");
    assert_eq!(case(&report, "ticket_make").state, State::Equal);
}

#[tokio::test]
async fn a_password_that_is_nowhere_is_named_by_its_source_only() {
    for (source, words) in [
        (
            "{ env: VERIFIER_TEST_NO_SUCH_VARIABLE }",
            "`VERIFIER_TEST_NO_SUCH_VARIABLE`",
        ),
        ("{ file: lost.txt }", "lost.txt"),
    ] {
        let package = Package::with_catalogue(&TICKETS.replace("{ file: pin.txt }", source));
        let server = Tickets::default().serve();
        let report = Run::default().replay(&package, &server.url()).await;
        let State::Failed { reason } = &case(&report, "ticket_make").state else {
            panic!("{}", trouble(&report));
        };
        assert!(reason.contains(words), "{reason}");
        assert_eq!(report.exit(), Exit::Incomplete);
    }
}
