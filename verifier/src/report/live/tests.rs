use super::*;
use crate::catalogue::Catalogue;
use crate::coverage::GoldenFact;
use crate::evidence::record::{
    EndpointRecord, GroupKey, RelationText, Run, StatusPair, StoredAnswer, StoredDifference,
    StoredRequest,
};
use crate::report::sheet::Sheet;
use crate::report::{html, junit, markdown};
use crate::verdict::Kind;

/// Everything a hostile service or client could bring into a report, at every place.
const HOSTILE: &str = "</code></td><script>alert(1)</script>\"'`|]]>\u{1b}[31m\u{202e}\u{0}\r\n# x [a](javascript:b) ${c} ;rm -rf";

fn report(hostile: &str) -> LiveReport {
    let text = || hostile.to_owned();
    let statuses = StatusPair {
        reference: 200,
        candidate: Some(500),
    };
    let relation = Some(RelationText {
        class: "scale".to_owned(),
        text: text(),
    });
    let answer = |status| StoredAnswer {
        status: Some(status),
        body: Some(text()),
        ..StoredAnswer::default()
    };
    let sample = Sample {
        rank: "00".to_owned(),
        at_ms: 1,
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        request_id: Some(text()),
        request: StoredRequest {
            method: "POST".to_owned(),
            target: format!("/a?q={hostile}"),
            headers: vec![
                ("x-a".to_owned(), text()),
                (
                    "authorization".to_owned(),
                    "Bearer [token 9c:lower #abcdefghij]".to_owned(),
                ),
            ],
            body: Some(text()),
        },
        reference: answer(200),
        candidate: answer(500),
        difference: StoredDifference {
            location: text(),
            kind: Kind::ValueChange,
            reference: Some(text()),
            candidate: None,
            relation: relation.clone(),
            severity: Severity::Breaking,
            group: text(),
            rule: Some(text()),
            detail: Some(text()),
        },
        findings: 1,
    };
    let key = GroupKey {
        endpoint: text(),
        statuses,
        place: text(),
        kind: Kind::ValueChange,
        relation,
        severity: Severity::Breaking,
    };
    let group = Group {
        key,
        exchanges: 3,
        first_ms: 0,
        last_ms: 1,
        facts: crate::evidence::facts::Facts::default(),
        samples: vec![sample],
    };
    let mut evidence = Evidence::default();
    let record = EndpointRecord {
        tally: EndpointTally {
            sent: 4,
            different: 3,
            equal: 1,
            ..EndpointTally::default()
        },
        ..EndpointRecord::default()
    };
    evidence.ledger.endpoints.insert(text(), record);
    evidence
        .ledger
        .groups
        .insert("0123456789abcdef".to_owned(), group);
    let run = Run {
        legacy: format!("http://l/{hostile}"),
        legacy_version: Some(text()),
        trace_url: Some(format!("https://t/{{trace_id}}?{hostile}")),
        ended_ms: Some(2),
        ..Run::default()
    };
    evidence.runs.insert("r".to_owned(), run);
    LiveReport {
        path: "e.db".into(),
        evidence,
        ..LiveReport::default()
    }
}

fn written(
    write: fn(&LiveReport, &mut dyn std::io::Write) -> std::io::Result<()>,
    report: &LiveReport,
) -> String {
    let mut out = Vec::new();
    write(report, &mut out).expect("memory is never full");
    String::from_utf8(out).expect("UTF-8")
}

fn shown(
    write: fn(&Sheet, &mut dyn std::io::Write) -> std::io::Result<()>,
    report: &LiveReport,
) -> String {
    let mut out = Vec::new();
    write(&sheet::sheet(report), &mut out).expect("memory is never full");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn hostile_values_are_inert_in_every_form() {
    let report = report(HOSTILE);
    let html = shown(html::write, &report);
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;"));
    let attribute = html
        .split("href=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    assert!(
        attribute.is_some_and(|url| url.starts_with("https://t/0af7651916cd43dd8448eb211c80319c?"))
    );

    let markdown = shown(markdown::write, &report);
    for line in markdown.lines() {
        let inside_a_command = line.starts_with("curl ");
        assert!(inside_a_command || !line.contains("<script"), "{line}");
        assert!(inside_a_command || !line.contains("](javascript"), "{line}");
    }
    // What is hostile in a command stays between its fences.
    assert_eq!(
        markdown.matches("\n````sh\n").count() + markdown.matches("\n```sh\n").count(),
        1
    );

    let junit = shown(junit::write, &report);
    assert!(!junit.contains("<script"));

    let text = written(text::write, &report);
    // Our own colours, and no other escape: those of a hostile value have become words.
    assert!(
        !text.contains("\u{1b}[31m#") && text.contains("\\u{1b}[31m"),
        "{text}"
    );

    for all in [&html, &markdown, &junit, &text] {
        let foreign = |c: char| (c.is_control() && c != '\n' && c != '\u{1b}') || c == '\u{202e}';
        assert!(!all.contains(foreign));
    }
    for all in [&html, &markdown, &junit] {
        assert!(!all.contains('\u{1b}'));
    }
    let json = written(json::write, &report);
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(value["findings"][0]["count"], 3);
    assert_eq!(value["findings"][0]["reference"], HOSTILE);
}

#[test]
fn a_command_is_one_request_whatever_the_values_hold() {
    let mut report = report("a'b; $(rm) `x` [phone 999-9999-9999 #abcdefghij]");
    for run in report.evidence.runs.values_mut() {
        run.legacy = "http://legacy:8081/".to_owned();
    }
    let (_, group) = report.groups()[0];
    let command = curl(&report, &group.samples[0], Side::Legacy);
    assert!(
        command.contains("authorization: Bearer <token>"),
        "{command}"
    );
    assert!(
        command.contains("<phone>") && !command.contains("abcdefghij"),
        "{command}"
    );
    // A shell must read it as so many words: `-X` and its method, the address, two fields, the body.
    let words = std::process::Command::new("sh")
        .args(["-c", &format!("set -- {command}; echo $#")])
        .output()
        .expect("a shell");
    assert_eq!(
        String::from_utf8_lossy(&words.stdout).trim(),
        "12",
        "{command}"
    );
}

#[test]
fn the_exit_tells_differences_then_gaps() {
    let clean = |change: fn(&mut LiveReport)| {
        let mut report = report("a");
        report.evidence.ledger.groups.clear();
        let record = report
            .evidence
            .ledger
            .endpoints
            .values_mut()
            .next()
            .expect("one");
        record.tally.different = 0;
        record.tally.sent = 1;
        change(&mut report);
        report.exit()
    };
    assert_eq!(report("a").exit(), Exit::Differences);
    assert_eq!(clean(|_| ()), Exit::Green);
    assert_eq!(
        clean(|report| report.evidence.broken_records = 1),
        Exit::Incomplete
    );
    assert_eq!(
        clean(|report| report.evidence.ledger.endpoints.clear()),
        Exit::Incomplete
    );
    for (reason, exit) in [
        ("write", Exit::Green),
        ("sampled_out", Exit::Green),
        ("core_timeout", Exit::Incomplete),
        ("new_reason", Exit::Incomplete),
    ] {
        let mut report = report("a");
        report.evidence.ledger.groups.clear();
        let record = report
            .evidence
            .ledger
            .endpoints
            .values_mut()
            .next()
            .expect("one");
        record.tally = EndpointTally {
            sent: 2,
            equal: 1,
            ..EndpointTally::default()
        };
        record.tally.not_compared.insert(reason.to_owned(), 1);
        assert_eq!(report.exit(), exit, "{reason}");
    }
    // A request without an end is under way while the proxy runs, and lost when it is gone.
    let open: fn(&mut LiveReport) = |report| {
        let record = report
            .evidence
            .ledger
            .endpoints
            .values_mut()
            .next()
            .expect("one");
        record.tally.sent += 1;
    };
    assert_eq!(clean(open), Exit::Incomplete);
    assert_eq!(
        clean(|report| {
            let record = report
                .evidence
                .ledger
                .endpoints
                .values_mut()
                .next()
                .expect("one");
            record.tally.sent += 1;
            report
                .evidence
                .runs
                .values_mut()
                .for_each(|run| run.ended_ms = None);
        }),
        Exit::Green
    );
}

/// Evidence of one endpoint with so many comparisons of which so many differ, and a catalogue of it and one more.
fn quiet(compared: u64, different: u64) -> LiveReport {
    const CATALOGUE: &str = r#"
version: "2"
endpoints:
  - { id: rooms_list, method: GET, path: /rooms, expected_status: 200, cases: [ { id: b, expected_status: 400 } ] }
  - { id: users_list, method: GET, path: /users, expected_status: 200 }
"#;
    let today = jiff::civil::date(2026, 1, 12);
    let path = std::path::Path::new("c.yaml");
    let catalogue = Catalogue::parse(path, CATALOGUE, today).expect("a good catalogue");
    let mut report = report("a");
    let (_, mut record) = report
        .evidence
        .ledger
        .endpoints
        .pop_first()
        .expect("one endpoint");
    record.tally.sent = compared;
    record.tally.different = different;
    record.tally.equal = compared - different;
    if different == 0 {
        report.evidence.ledger.groups.clear();
    }
    for run in report.evidence.runs.values_mut() {
        (run.started_ms, run.written_ms) = (0, 60_000);
    }
    // As a proxy without the catalogue names it.
    let endpoints = &mut report.evidence.ledger.endpoints;
    endpoints.insert("GET /rooms".to_owned(), record);
    report.known = Known::new(&report.evidence, &catalogue, |case| {
        (case == "rooms_list").then_some(GoldenFact {
            status: 200,
            location: false,
        })
    });
    report
}

#[test]
fn the_verdict_stands_in_every_form_and_an_endpoint_that_nobody_asked_has_one() {
    for (compared, different, whole, one) in [
        (
            3_440,
            0,
            "not yet (endpoints: 1 proven, 1 no data)",
            "proven",
        ),
        (
            344,
            0,
            "not yet (endpoints: 1 not yet, 1 no data)",
            "not yet",
        ),
        (
            500,
            60,
            "failing (endpoints: 1 failing, 1 no data)",
            "failing",
        ),
    ] {
        let report = quiet(compared, different);
        assert!(report.headline().ends_with(&format!("; verdict: {whole}")));
        let text = written(text::write, &report);
        let html = shown(html::write, &report);
        let markdown = shown(markdown::write, &report);
        let junit = shown(junit::write, &report);
        for (form, all) in [
            ("text", &text),
            ("HTML", &html),
            ("Markdown", &markdown),
            ("JUnit", &junit),
        ] {
            for words in [one, "no data", "1 case, not recorded", "users"] {
                let told = all.contains(words) || (form == "JUnit" && words == "proven");
                assert!(told, "{form} does not say `{words}`:\n{all}");
            }
            let quiet = one == "not yet";
            assert_eq!(
                all.contains("1 of 2 cases replay it"),
                quiet,
                "{form}\n{all}"
            );
            let causes = form != "JUnit" && different > 0;
            assert_eq!(all.contains("Causes"), causes, "{form}");
        }
        let json = written(json::write, &report);
        let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        let word = one.replace(' ', "_");
        let endpoints = value["endpoints"].as_array().expect("a list");
        let verdicts: Vec<_> = endpoints
            .iter()
            .map(|line| line["confidence"]["verdict"].as_str().expect("a word"))
            .collect();
        assert_eq!(verdicts, [word.as_str(), "no_data"]);
        assert_eq!(endpoints[1]["sent"], 0);
        assert_eq!(endpoints[0]["replay"]["cases"][1], "rooms_list@b");
        assert_eq!(value["totals"]["endpoints"], 1, "only one was asked");
        if one == "not yet" {
            let needed = &endpoints[0]["confidence"]["seconds_needed"];
            assert_eq!(needed, 540, "3,096 more at 344 a minute");
        }
    }
}

#[test]
fn what_is_demanded_decides_the_verdict() {
    let mut report = quiet(344, 0);
    report.confidence.target_percent = 1.0;
    assert_eq!(report.whole().proven, 1);
    let junit = shown(junit::write, &report);
    assert!(junit.contains("mismatch rate below 1 %"), "{junit}");
    let json = written(json::write, &report);
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(value["confidence"]["target_rate"], 0.01);
}
