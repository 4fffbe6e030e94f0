use serde_json::{Value, json};

use super::replay::{Green, Named};
use super::samples::{
    BUILD, ENOUGH, NOW, catalogue, evidence, jwt_report, replay_report, running, today,
};
use super::*;
use crate::evidence::record::{Evidence, Run};
use crate::gate::config::WaiverConfig;
use crate::gate::span::Day;

/// Judges with everything as it should be but what `change` does to the configuration.
fn with<T>(change: impl FnOnce(&mut GateConfig), judge: impl FnOnce(&Context<'_>) -> T) -> T {
    let (catalogue, running) = (catalogue(), running());
    let mut config = GateConfig::default();
    change(&mut config);
    judge(&Context {
        now_ms: NOW,
        today: today(),
        config: &config,
        catalogue: Some(&catalogue),
        running: &running,
        attempt: 1,
        accepted: &[],
    })
}

fn report(change: impl FnOnce(&mut Value)) -> Named<replay::ReplayReport> {
    let mut value = replay_report();
    change(&mut value);
    Named {
        source: "replay.json".to_owned(),
        sha256: "f".to_owned(),
        report: serde_json::from_value(value).expect("a report"),
    }
}

/// The criteria that do not hold.
fn failing(proof: &Proof) -> Vec<(String, &'static str)> {
    proof
        .criteria
        .iter()
        .filter(|result| result.verdict != Verdict::Pass)
        .map(|result| (result.name.clone(), result.verdict.word()))
        .collect()
}

fn replayed(reports: &[Named<replay::ReplayReport>]) -> (Proof, Green) {
    with(|_| {}, |context| replay::judge(reports, context))
}

#[test]
fn a_replay_is_accepted_whole_and_names_what_it_is_bound_to() {
    let (proof, green) = replayed(&[report(|_| {})]);
    assert_eq!(failing(&proof), []);
    let record = proof.record.expect("accepted");
    assert!(record.is_whole());
    assert_eq!(
        (record.core.as_slice(), record.n, record.k),
        ([BUILD.to_owned()].as_slice(), 3, 0)
    );
    assert_eq!(record.goldens.as_deref(), Some("g"));
    assert_eq!(green.endpoints.len(), 3);
    let forged = EvidenceRecord { k: 1, ..record };
    assert!(!forged.is_whole());
}

#[test]
fn each_way_a_replay_can_mislead_is_told_by_its_own_name() {
    type Spoil = fn(&mut Value);
    let cases: [(&str, Spoil, &str, &str); 14] = [
        (
            "another build",
            |report| report["core"]["build"] = json!("build-0"),
            "replay.core",
            "FAIL",
        ),
        (
            "no build",
            |report| report["core"] = json!({}),
            "replay.core",
            "NO_DATA",
        ),
        (
            "old",
            |report| report["started"] = json!("2026-02-18T11:00:00Z"),
            "replay.fresh",
            "FAIL",
        ),
        (
            "from the future",
            |report| report["started"] = json!("2026-02-20T12:02:00Z"),
            "replay.fresh",
            "FAIL",
        ),
        (
            "another catalogue",
            |report| report["catalogue"]["sha256"] = json!("x"),
            "replay.catalogue",
            "FAIL",
        ),
        (
            "foreign goldens",
            |report| report["goldens_not_from_legacy"] = json!([{}]),
            "replay.goldens",
            "FAIL",
        ),
        (
            "another command",
            |report| report["command"] = json!("compare"),
            "replay.present",
            "ERROR",
        ),
        (
            "another schema",
            |report| report["schema"] = json!("verifier-report/9"),
            "replay.present",
            "ERROR",
        ),
        (
            "no time",
            |report| report["started"] = json!("yesterday"),
            "replay.present",
            "ERROR",
        ),
        (
            "totals that are not its own",
            |report| report["totals"]["equal"] = json!(2),
            "replay.consistent",
            "FAIL",
        ),
        (
            "red and yet exit 0",
            |report| {
                report["cases"][0]["state"] = json!("different");
                report["totals"] = json!({"cases": 3, "equal": 2, "different": 1, "findings": 1});
            },
            "replay.consistent",
            "FAIL",
        ),
        (
            "a difference",
            |report| {
                report["cases"][0]["state"] = json!("different");
                report["totals"] = json!({"cases": 3, "equal": 2, "different": 1, "findings": 1});
                report["exit_code"] = json!(1);
            },
            "replay.equal",
            "FAIL",
        ),
        (
            "a case not run",
            |report| {
                report["cases"][1]["state"] = json!("not run");
                report["totals"] = json!({"cases": 3, "equal": 2, "different": 0, "findings": 0});
                report["exit_code"] = json!(3);
            },
            "replay.equal",
            "INSUFFICIENT",
        ),
        (
            "a case less",
            |report| {
                report["cases"].as_array_mut().expect("cases").pop();
                report["totals"] = json!({"cases": 2, "equal": 2, "different": 0, "findings": 0});
            },
            "replay.complete",
            "FAIL",
        ),
    ];
    for (name, spoil, criterion, verdict) in cases {
        let (proof, _) = replayed(&[report(spoil)]);
        let failing = failing(&proof);
        assert!(
            failing.contains(&(criterion.to_owned(), verdict)),
            "{name}: {failing:?}"
        );
        assert!(proof.record.is_none(), "{name}");
    }
}

#[test]
fn a_green_report_does_not_undo_a_red_one_and_less_than_before_is_told() {
    let red = report(|report| {
        report["cases"][0]["state"] = json!("different");
        report["totals"] = json!({"cases": 3, "equal": 2, "different": 1, "findings": 1});
        report["exit_code"] = json!(1);
    });
    let (proof, green) = replayed(&[red, report(|_| {})]);
    assert!(failing(&proof).contains(&("replay.consistent".to_owned(), "FAIL")));
    assert!(!green.endpoints.contains("list"));
    let nothing = with(|_| {}, |context| replay::judge(&[], context));
    assert!(nothing.0.record.is_none(), "no report is no proof");

    let before = replayed(&[report(|_| {})]).0.record.expect("accepted");
    let before = EvidenceRecord {
        distinct: 4,
        ..before
    }
    .sealed();
    let (catalogue, running, config) = (catalogue(), running(), GateConfig::default());
    let context = Context {
        now_ms: NOW,
        today: today(),
        config: &config,
        catalogue: Some(&catalogue),
        running: &running,
        attempt: 1,
        accepted: &[before],
    };
    let (proof, _) = replay::judge(&[report(|_| {})], &context);
    assert_eq!(failing(&proof), [("replay.whole".to_owned(), "FAIL")]);
}

fn compared(evidence: Evidence, green: &Green, change: impl FnOnce(&mut GateConfig)) -> Proof {
    with(change, |context| {
        live::judge("live.db", evidence, green, context)
    })
}

#[test]
fn s01_evidence_is_a_count_for_each_endpoint_and_never_a_tick() {
    let none = Green::default();
    let proof = compared(evidence(&ENOUGH, |_| {}), &none, |_| {});
    assert_eq!(failing(&proof), []);
    assert!(proof.record.is_some());
    // One comparison each, all equal: a tick at every endpoint, and next to nothing known.
    let ticks: Vec<_> = ENOUGH.iter().map(|(name, ..)| (*name, 1, 0)).collect();
    let proof = compared(evidence(&ticks, |_| {}), &none, |_| {});
    let failing = failing(&proof);
    for name in ["live.total", "live.list", "live.create", "live.silent"] {
        assert!(
            failing.contains(&(name.to_owned(), "INSUFFICIENT")),
            "{failing:?}"
        );
    }
    let help = proof
        .criteria
        .iter()
        .find(|result| result.name == "live.total")
        .and_then(|result| result.help.clone());
    assert_eq!(
        help.as_deref(),
        Some("3437 more comparisons without a difference")
    );
    // An endpoint that nothing asked for is no better.
    let proof = compared(evidence(&ENOUGH[..2], |_| {}), &none, |_| {});
    assert!(self::failing(&proof).contains(&("live.silent".to_owned(), "NO_DATA")));
}

#[test]
fn each_way_live_evidence_can_mislead_is_told_by_its_own_name() {
    type Spoil = fn(&mut Evidence);
    fn run(evidence: &mut Evidence) -> &mut Run {
        evidence.runs.get_mut("r").expect("a run")
    }
    let cases: [(&str, Spoil, &str, &str); 11] = [
        (
            "another build",
            |evidence| run(evidence).core_version = Some("build-0".to_owned()),
            "live.core",
            "FAIL",
        ),
        (
            "no build",
            |evidence| run(evidence).core_version = None,
            "live.core",
            "NO_DATA",
        ),
        (
            "two builds",
            |evidence| {
                let other = Run {
                    core_version: Some("build-0".to_owned()),
                    ..run(evidence).clone()
                };
                evidence.runs.insert("q".to_owned(), other);
            },
            "live.core",
            "FAIL",
        ),
        (
            "old",
            |evidence| run(evidence).written_ms = NOW - 2 * 86_400_000,
            "live.fresh",
            "FAIL",
        ),
        (
            "another catalogue",
            |evidence| run(evidence).catalogue_sha256 = None,
            "live.catalogue",
            "FAIL",
        ),
        (
            "two builds of legacy",
            |evidence| run(evidence).legacy_version = Some("1.0 and 1.1".to_owned()),
            "live.legacy",
            "FAIL",
        ),
        (
            "damaged",
            |evidence| evidence.broken_records = 1,
            "live.lossless",
            "FAIL",
        ),
        (
            "killed",
            |evidence| run(evidence).cut_off = true,
            "live.lossless",
            "FAIL",
        ),
        (
            "lost",
            |evidence| {
                let list = evidence
                    .ledger
                    .endpoints
                    .get_mut("list")
                    .expect("an endpoint");
                list.tally.sent += 5;
                list.tally.not_compared.insert("queue_full".to_owned(), 5);
            },
            "live.lossless",
            "FAIL",
        ),
        (
            "blind",
            |evidence| {
                let list = evidence.ledger.endpoints.get_mut("list");
                list.expect("an endpoint").tally.self_check.missed = 100;
            },
            "live.self_check",
            "INSUFFICIENT",
        ),
        (
            "empty",
            |evidence| *evidence = Evidence::default(),
            "live.total",
            "NO_DATA",
        ),
    ];
    for (name, spoil, criterion, verdict) in cases {
        let proof = compared(evidence(&ENOUGH, spoil), &Green::default(), |_| {});
        let failing = failing(&proof);
        assert!(
            failing.contains(&(criterion.to_owned(), verdict)),
            "{name}: {failing:?}"
        );
        assert!(proof.record.is_none(), "{name}");
    }
}

#[test]
fn s12_a_write_counts_as_replayed_only_where_a_read_shows_its_effect() {
    let (_, green) = replayed(&[report(|_| {})]);
    // `create` is followed by `list` in its journey; nothing reads after `silent`.
    assert_eq!(green.writes_verified.iter().collect::<Vec<_>>(), ["create"]);
    let counts = [("list", 3_500, 0), ("create", 1, 0), ("silent", 1, 0)];
    let proof = compared(evidence(&counts, |_| {}), &green, |_| {});
    assert_eq!(
        failing(&proof),
        [("live.silent".to_owned(), "INSUFFICIENT")]
    );

    let waiver = |expires: Date| WaiverConfig {
        endpoint: "silent".to_owned(),
        reason: "nobody deletes".to_owned(),
        owner: "Kim".to_owned(),
        expires: Day(expires),
    };
    let waived = |expires| {
        let waiver = waiver(expires);
        let proof = compared(evidence(&counts, |_| {}), &green, |config| {
            config.waivers.push(waiver);
        });
        failing(&proof).is_empty()
    };
    assert!(waived(today()), "the last day counts");
    assert!(
        !waived(jiff::civil::date(2026, 2, 19)),
        "an old waiver does not"
    );
}

#[test]
fn green_cases_do_not_excuse_what_live_traffic_shows() {
    let (_, green) = replayed(&[report(|_| {})]);
    let counts = [("list", 20_000, 0), ("create", 10, 1), ("silent", 600, 0)];
    let proof = compared(evidence(&counts, |_| {}), &green, |_| {});
    let [(name, _)] = failing(&proof)[..].to_vec().try_into().expect("one");
    assert_eq!(name, "live.create");
    let many = [("list", 20_000, 0), ("create", 100, 60), ("silent", 600, 0)];
    let proof = compared(evidence(&many, |_| {}), &green, |_| {});
    assert!(failing(&proof).contains(&("live.create".to_owned(), "FAIL")));
}

#[test]
fn a_repeated_attempt_needs_more_than_the_first() {
    let judged = |attempt| {
        let (catalogue, running, config) = (catalogue(), running(), GateConfig::default());
        let context = Context {
            now_ms: NOW,
            today: today(),
            config: &config,
            catalogue: Some(&catalogue),
            running: &running,
            attempt,
            accepted: &[],
        };
        let counts = [("list", 3_400, 0), ("create", 700, 0), ("silent", 700, 0)];
        failing(&live::judge(
            "live.db",
            evidence(&counts, |_| {}),
            &Green::default(),
            &context,
        ))
    };
    assert_eq!(judged(1), []);
    assert!(
        !judged(3).is_empty(),
        "ten bad builds must not pass by being many"
    );
}

fn tokens(change: impl FnOnce(&mut Value)) -> Named<jwt::JwtFile> {
    let mut value = jwt_report();
    change(&mut value);
    Named {
        source: "jwt.json".to_owned(),
        sha256: "f".to_owned(),
        report: serde_json::from_value(value).expect("a report"),
    }
}

#[test]
fn tokens_need_every_check_every_cell_and_an_owner_for_what_is_waived() {
    type Spoil = fn(&mut Value);
    let proof = with(|_| {}, |context| jwt::judge(&tokens(|_| {}), context));
    assert_eq!(failing(&proof), []);
    assert!(proof.record.is_some());
    let cases: [(&str, Spoil, &str, &str); 5] = [
        (
            "a check not run",
            |report| {
                report["cells"].as_array_mut().expect("cells").pop();
                report["totals"]["cells"] = json!(4);
            },
            "jwt.complete",
            "FAIL",
        ),
        (
            "a cell fails",
            |report| {
                report["cells"][0]["verdict"] = json!("fails");
                report["totals"] = json!({"cells": 5, "fails": 1, "findings": 1});
                report["exit_code"] = json!(1);
            },
            "jwt.holds",
            "FAIL",
        ),
        (
            "a gap",
            |report| {
                report["not_judged"] = json!(["forgery"]);
                report["exit_code"] = json!(3);
            },
            "jwt.holds",
            "INSUFFICIENT",
        ),
        (
            "waived by nobody",
            |report| report["waived"] = json!(["forgery"]),
            "jwt.holds",
            "INSUFFICIENT",
        ),
        (
            "another build",
            |report| report["core_identity"]["build"] = json!("build-0"),
            "jwt.core",
            "FAIL",
        ),
    ];
    for (name, spoil, criterion, verdict) in cases {
        let proof = with(|_| {}, |context| jwt::judge(&tokens(spoil), context));
        let failing = failing(&proof);
        assert!(
            failing.contains(&(criterion.to_owned(), verdict)),
            "{name}: {failing:?}"
        );
    }
    let owned = WaiverConfig {
        endpoint: "jwt:forgery".to_owned(),
        reason: "the secret is not ours".to_owned(),
        owner: "Kim".to_owned(),
        expires: Day(today()),
    };
    let waived = tokens(|report| report["waived"] = json!(["forgery"]));
    let proof = with(
        |config| config.waivers.push(owned),
        |context| jwt::judge(&waived, context),
    );
    assert_eq!(failing(&proof), []);
}
