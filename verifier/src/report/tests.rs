use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::sheet::Sheet;
use super::{CaseReport, Report, State, html, json, junit, markdown, run_sheet, text};
use crate::severity::Severity;
use crate::verdict::{Difference, Kind, Location};

/// Everything a hostile service could bring into a report, at every place.
const HOSTILE: &str = "</code></td></div><script>alert(1)</script><img src=x onerror=alert(1)>\"'`|]]>\u{1b}[31m\u{202e}\u{61c}\u{0}\r\n# x [a](javascript:b) @team";

fn case(state: State, hostile: &str) -> CaseReport {
    let text = || hostile.to_owned();
    CaseReport {
        order: 0,
        endpoint: text(),
        case: text(),
        method: text(),
        path: text(),
        findings: if state == State::Different {
            vec![Difference {
                location: Location::Pointer(text()),
                kind: Kind::ValueChange,
                reference: Some(text()),
                candidate: None,
                relation: None,
                severity: Severity::Breaking,
                group: text(),
                rule: Some(text()),
                detail: Some(text()),
            }]
        } else {
            Vec::new()
        },
        state,
        truncated: 3,
        notes: Vec::new(),
        rules: BTreeMap::new(),
        strayed: BTreeMap::new(),
        hint: Some(text()),
        diff: Some(format!(
            "--- golden\n+++ candidate\n@@ -1 +1 @@\n-{hostile}\n+{hostile}x"
        )),
        pending: Some(text().into()),
        recorded_from: Some(text()),
        duration: Duration::from_millis(12),
    }
}

fn report(cases: Vec<CaseReport>) -> Report {
    Report {
        command: "replay",
        core: super::bound::CoreClaim::default(),
        goldens_sha256: None,
        target: HOSTILE.to_owned(),
        catalogue: HOSTILE.into(),
        catalogue_sha256: "00".to_owned(),
        started: "2026-01-12T00:00:00Z".to_owned(),
        duration: Duration::from_secs(1),
        cases,
        extra: BTreeSet::new(),
        orphans: vec![HOSTILE.to_owned()],
        warnings: vec![HOSTILE.to_owned()],
        rule_debt: Vec::new(),
        strict_rules: false,
    }
}

fn shown(
    write: fn(&Sheet, &mut dyn std::io::Write) -> std::io::Result<()>,
    report: &Report,
) -> String {
    let mut out = Vec::new();
    write(&run_sheet::sheet(report), &mut out).expect("memory is never full");
    String::from_utf8(out).expect("UTF-8")
}

fn state(reason: &str) -> [State; 6] {
    let reason = reason.to_owned();
    [
        State::Equal,
        State::Different,
        State::NotRun {
            reason: reason.clone(),
        },
        State::Blocked { by: reason.clone() },
        State::NoGolden {
            reason: reason.clone(),
        },
        State::Failed { reason },
    ]
}

#[test]
fn hostile_answers_are_inert_in_every_form() {
    let cases = state(HOSTILE).into_iter().map(|state| case(state, HOSTILE));
    let report = report(cases.collect());
    let html = shown(html::write, &report);
    let markdown = shown(markdown::write, &report);
    let junit = shown(junit::write, &report);
    for (form, page) in [("html", &html), ("markdown", &markdown), ("junit", &junit)] {
        let foreign =
            |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{61c}');
        assert!(!page.contains(foreign), "{form}");
    }
    // no markup but our own, no script, nothing loaded
    assert!(!html.contains("<script") && !html.contains("<img") && html.contains("&lt;script&gt;"));
    assert!(html.contains("default-src 'none'"));
    for attribute in ["src=", "href=", "onerror=\"", "url(", "@import"] {
        let outside =
            html.matches(attribute).count() - html.matches(&format!("&lt;img {attribute}")).count();
        assert_eq!(outside, 0, "{attribute}");
    }
    assert!(!junit.contains("<script") && !junit.contains("<img"));
    let mut fenced = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        if !fenced {
            assert!(
                !line.contains("<script") && !line.contains("](java") && !line.contains('@'),
                "{line}"
            );
        }
    }
    assert!(!fenced, "every fence is closed");
    let mut out = Vec::new();
    text::write(&report, text::TextConfig::default(), &mut out).expect("memory is never full");
    let text = String::from_utf8(out).expect("UTF-8");
    assert!(
        !text.contains('\u{202e}')
            && !text.contains("\u{1b}[31m\u{202e}")
            && text.contains("\\u{1b}")
    );
    let mut out = Vec::new();
    json::write(&report, &mut out).expect("memory is never full");
    let value: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
    assert_eq!(value["findings"][0]["reference"], HOSTILE);
}

#[test]
fn a_build_server_sees_each_case_and_nothing_judged_is_no_success() {
    let cases = state("why")
        .into_iter()
        .enumerate()
        .map(|(at, state)| CaseReport {
            case: format!("rooms_get@c{at}"),
            endpoint: "rooms_get".to_owned(),
            ..case(state, "a")
        });
    let junit = shown(junit::write, &report(cases.collect()));
    // five cases, and the warnings
    assert!(
        junit.contains("tests=\"7\" failures=\"1\" errors=\"2\" skipped=\"2\""),
        "{junit}"
    );
    assert!(
        junit.contains("<testcase classname=\"rooms_get\" name=\"rooms_get@c1\""),
        "{junit}"
    );
    assert!(junit.contains("time=\"0.012\""), "{junit}");
    assert!(junit.contains("comes from a, not from legacy"), "{junit}");

    let empty = shown(junit::write, &report(Vec::new()));
    assert!(
        empty.contains("errors=\"2\"") && empty.contains("nothing was checked"),
        "{empty}"
    );
    let empty = shown(markdown::write, &report(Vec::new()));
    assert!(
        empty.contains("⚠️") && empty.contains("incomplete"),
        "{empty}"
    );
}

#[test]
fn a_comment_stays_below_what_a_forge_takes() {
    let long = "a long value & <markup> ".repeat(400);
    let cases = (0..600).map(|at| CaseReport {
        case: format!("rooms_get@c{at}"),
        ..case(State::Different, &long)
    });
    let markdown = shown(markdown::write, &report(cases.collect()));
    assert!(markdown.len() <= 65_000, "{}", markdown.len());
    assert!(
        markdown.contains("do not fit into a comment"),
        "{}",
        &markdown[markdown.len() - 300..]
    );
    assert_eq!(
        markdown.matches("<details>").count(),
        markdown.matches("</details>").count()
    );
}
