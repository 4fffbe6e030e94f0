//! The verifier checks itself: known faults in copies of core's answers, and what is said of them.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use shadow_proxy::evidence::EvidenceConfig;
use shadow_proxy::{Config, Proxy};
use verifier::confidence::ConfidenceConfig;
use verifier::cutover::SelfCheckConfig;
use verifier::evidence::store;
use verifier::report::Exit;
use verifier::report::live::LiveReport;

use crate::upstream::Upstream;
use crate::wire::Wire;
use crate::{client, config, settled};

const BODY: &str = r#"{"id":7,"name":"Sea view","at":"2026-03-01T09:00:00Z"}"#;

fn service() -> Upstream {
    Upstream::answering(|_| {
        let length = BODY.len();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
        format!("{head}Content-Length: {length}\r\n\r\n{BODY}").into_bytes()
    })
}

fn status(proxy: &Proxy) -> Value {
    let status = Wire::connect(proxy.admin()).get("/status");
    serde_json::from_str(status.text()).expect("JSON")
}

#[test]
fn faults_are_found_with_plain_rules_and_a_rule_that_is_too_broad_takes_the_proof_away() {
    let each = ["id", "name", "at"]
        .map(|field| format!("  - {{at: /{field}, tolerate: any, reason: it was red}}\n"));
    let broad = format!("rules:\n{}", each.concat());
    for (rules, verdict) in [("", "proven"), (broad.as_str(), "not_yet")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let catalogue = folder.path().join("endpoints.yaml");
        let endpoints = "version: \"2\"\nendpoints:\n  - id: room\n    method: GET\n    path: /room\n    \
                         expected_status: [200]\n";
        std::fs::write(&catalogue, format!("{endpoints}{rules}")).expect("a file");
        let file = folder.path().join("live.db");
        // What is to be proved is easy here: the check of itself decides.
        let confidence = ConfidenceConfig {
            target_percent: 20.0,
            limit_percent: 20.0,
            ..ConfidenceConfig::default()
        };
        let (legacy, core) = (service(), service());
        let proxy = Proxy::start(&Config {
            catalog: Some(catalogue),
            evidence: EvidenceConfig {
                file: Some(file.clone()),
                ..EvidenceConfig::default()
            },
            self_check: SelfCheckConfig {
                share: 1.0,
                ..SelfCheckConfig::default()
            },
            confidence,
            ..config(&legacy, &core)
        })
        .expect("a good configuration");
        let metrics = Wire::connect(proxy.admin()).get("/metrics");
        for result in ["found", "blind", "missed"] {
            let line = format!("shadow_proxy_self_check_total{{result=\"{result}\"}} 0\n");
            assert!(metrics.text().contains(&line), "{line}");
        }

        let mut wire = client(&proxy);
        for sent in 1..=110 {
            assert_eq!(wire.get("/room").text(), BODY, "no client sees a fault");
            // One after the other: while the comparing thread is behind, nothing is checked.
            settled(&proxy, sent);
        }
        drop(wire);
        let live = status(&proxy);
        assert!(proxy.stop());

        let report = LiveReport {
            evidence: store::read(&file).expect("evidence"),
            path: file,
            confidence,
            ..LiveReport::default()
        };
        let counts = report.self_check_counts();
        assert!(counts.injected() >= 100, "{counts:?}");
        assert_eq!(counts.missed, 0, "{counts:?}");
        assert_eq!(counts.blind > 0, !rules.is_empty(), "{counts:?}");
        assert_eq!(counts.recall() == Some(1.0), rules.is_empty(), "{counts:?}");
        let warned = |warnings: &[String]| warnings.iter().any(|text| text.contains("narrow"));
        assert_eq!(warned(&report.warnings()), !rules.is_empty());

        let mut out = Vec::new();
        verifier::report::live::json::write(&report, &mut out).expect("memory is never full");
        let told: Value = serde_json::from_slice(&out).expect("JSON");
        for told in [&told, &live] {
            assert_eq!(told["confidence"]["verdict"], verdict, "{told:#}");
            assert_eq!(told["endpoints"][0]["confidence"]["verdict"], verdict);
            assert!(told["self_check"]["recall_lower"].as_f64() > Some(0.5));
            let words = told["warnings"].to_string();
            assert_eq!(words.contains("narrow the rules"), !rules.is_empty());
        }
        assert_eq!(told["self_check"]["injected"], counts.injected());

        // No fault is ever a finding.
        assert_eq!(
            (
                live["different"].as_u64(),
                live["groups"].as_array().map(Vec::len)
            ),
            (Some(0), Some(0))
        );
        assert!(report.evidence.ledger.groups.is_empty());
        assert_eq!((report.totals().different, report.exit()), (0, Exit::Green));
    }
}

/// Each answer tells any time of this day, so none equals that of a service with another day.
fn clock(day: u32) -> Upstream {
    let told = AtomicU32::new(0);
    Upstream::answering(move |_| {
        let number = told.fetch_add(1, Ordering::Relaxed) + 1;
        let at = number.wrapping_mul(2_654_435_761).rotate_left(day * 7) % 86_400;
        let time = format!("{:02}:{:02}:{:02}", at / 3600, at / 60 % 60, at % 60);
        let body = BODY.replace("01T09:00:00", &format!("{day:02}T{time}"));
        let length = body.len();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
        format!("{head}Content-Length: {length}\r\n\r\n{body}").into_bytes()
    })
}

#[test]
fn where_every_answer_holds_noise_faults_go_beside_it_and_are_found() {
    let mut config = config(&clock(1), &clock(2));
    config.noise.legacy_twin = Some(clock(3).url());
    config.self_check.share = 1.0;
    let proxy = Proxy::start(&config).expect("a good configuration");
    let mut wire = client(&proxy);
    for sent in 1..=150 {
        assert_eq!(wire.get("/room").status(), 200);
        settled(&proxy, sent);
    }
    let counts = proxy.counters().endpoints()[0].self_check();
    // What is noise is not known from the first answer on.
    assert!(counts.injected() > 90, "{counts:?}");
    assert_eq!(counts.recall(), Some(1.0), "{counts:?}");
    assert_eq!(proxy.counters().total().equal, 0, "all of them differ");
    let status = status(&proxy);
    let told = &status["groups"];
    assert_eq!(told.as_array().map(Vec::len), Some(1), "{told:#}");
}
