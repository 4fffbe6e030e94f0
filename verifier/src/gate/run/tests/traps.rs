//! What the gate does about the traps that a written plan walks into: `s02` … `s13`. `s01` and one more
//! `s12` are where evidence is judged, `s10` is where there are Ingresses (`tests/it/routers`).

use super::rig::{Rig, state, verdict, weight};
use crate::gate::actuator::{Act, Replicas};
use crate::gate::config::{GateConfig, RouterConfig};
use crate::gate::criterion::Verdict;
use crate::gate::policy::{Decision, GateExit};
use crate::gate::proof::load;
use crate::gate::proof::{Context, Running};
use crate::gate::run::GateError;
use crate::gate::signal::TroubleKind;
use crate::gate::state::Aside;
use crate::gate::state::State;
use crate::gate::weight::Weight;
use crate::jwt::cell::Side;

pub(super) fn rolled_back(rig: &Rig) {
    let reading = rig.reading();
    assert_eq!(
        (reading.main, reading.weight, reading.canary),
        (Side::Legacy, Weight::NONE, false)
    );
}

#[tokio::test]
async fn a_good_core_climbs_to_the_switch() {
    let rig = Rig::at("C10");
    let mut gate = rig.gate().await;
    let mut seen = vec![State::Canary(weight(10))];
    rig.until(&mut gate, 400, |look| {
        look.reached == State::Canary(weight(100))
    })
    .await;
    for line in &rig.contents().lines {
        if let crate::gate::journal::entry::Entry::Moved { to, .. } = line.entry
            && seen.last() != Some(&to)
        {
            seen.push(to);
        }
    }
    assert_eq!(seen, ["C10", "C30", "C50", "C100"].map(state));
    // The switch waits for a person, who names the evidence.
    let look = rig
        .until(&mut gate, 60, |look| verdict(look, "time") == "PASS")
        .await;
    assert_eq!(verdict(&look, "approval"), "NO_DATA");
    assert_eq!(look.exit(), GateExit::Insufficient);
    assert!(matches!(
        gate.approve("00000000", None).await,
        Err(GateError::NotNow(_))
    ));
    let hash = gate.standing().evidence_hash();
    gate.approve(&hash[..12], None)
        .await
        .expect("the evidence as it is");
    rig.until(&mut gate, 2, |look| look.reached == State::Switched)
        .await;
    assert_eq!(
        (rig.reading().main, rig.reading().canary),
        (Side::Core, false)
    );
}

#[tokio::test]
async fn s02_little_traffic_is_never_enough_however_long_it_was_clean() {
    let rig = Rig::at("C10");
    rig.world(|world| world.per_second = 0.7);
    let mut gate = rig.gate().await;
    let mut last = None;
    for _ in 0..80 {
        let look = gate.step().await.expect("a step");
        assert_eq!(look.reached, State::Canary(weight(10)));
        last = Some(look);
        gate.pause().await;
    }
    let look = last.expect("looked");
    assert_eq!(
        (
            verdict(&look, "time").as_str(),
            verdict(&look, "requests").as_str()
        ),
        ("PASS", "INSUFFICIENT")
    );
    assert_eq!(look.exit(), GateExit::Insufficient);
    assert!(
        look.criteria
            .iter()
            .any(|result| result.name == "requests" && result.help.is_some())
    );
}

#[tokio::test]
async fn s03_one_error_in_fifty_is_no_alarm_and_two_in_a_hundred_are_found_in_time() {
    // Core gets 50 requests a look.
    let with = |core_error: f64| {
        let mut rig = Rig::at("C10");
        rig.config.min_time = crate::gate::span::Span::from_secs(3_600);
        rig.world(|world| {
            world.per_second = 500.0 / 15.0;
            world.core_error = core_error;
            world.legacy_error = core_error;
        });
        rig
    };
    // Within the limit, one look in four shows twice the limit: a rule on windows would go back here.
    let rig = with(0.005);
    let mut gate = rig.gate().await;
    let mut above = 0;
    for _ in 0..200 {
        let look = gate.step().await.expect("a step");
        assert_eq!(
            look.reached,
            State::Canary(weight(10)),
            "{:?}",
            look.decision
        );
        let last = look
            .criteria
            .iter()
            .find(|result| result.name == "core.burst");
        above += u32::from(last.and_then(|result| result.value).unwrap_or(0.0) > 0.01);
        gate.pause().await;
    }
    assert!(above >= 40, "{above} windows above the limit");
    // Twice the limit, one error a look at most: no window of 50 tells it from chance, all together do.
    let rig = with(0.02);
    let mut gate = rig.gate().await;
    let look = rig
        .until(&mut gate, 200, |look| {
            matches!(look.decision, Decision::RollBack { .. })
        })
        .await;
    assert_eq!(verdict(&look, "core.errors"), "FAIL");
    rolled_back(&rig);
}

#[tokio::test]
async fn s04_a_tail_is_seen_although_the_mean_is_fine() {
    // Three in a hundred take longer than 2 s: a mean of a tenth of a second shows nothing.
    let rig = Rig::at("C30");
    rig.world(|world| world.core_slow = 0.03);
    let mut gate = rig.gate().await;
    let look = rig
        .until(&mut gate, 40, |look| {
            matches!(look.decision, Decision::RollBack { .. })
        })
        .await;
    assert_eq!(verdict(&look, "core.slow"), "FAIL");
    rolled_back(&rig);
    // What only has a mean is no source of a tail.
    for name in ["http_request_duration_seconds_sum", "latency_mean"] {
        let yaml = format!(
            "signals: {{prometheus: {{url: 'http://a', core: 'a=\"b\"', legacy: 'a=\"c\"', duration: {name}}}}}"
        );
        let config: GateConfig = serde_saphyr::from_str(&yaml).expect("a configuration");
        let fault = config.check().expect_err(name);
        assert_eq!(fault.key, "signals.prometheus.duration");
    }
}

#[test]
fn s05_the_tail_of_a_log_is_no_evidence() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("errors.log");
    std::fs::write(&log, "no errors in the last 100 lines\n").expect("a file");
    let mut config = GateConfig::default();
    config.evidence.replay = vec![log];
    let running = Running::default();
    let context = Context {
        now_ms: 0,
        today: jiff::civil::date(2026, 2, 20),
        config: &config,
        catalogue: None,
        running: &running,
        attempt: 1,
        accepted: &[],
    };
    let proofs = load::all(&context, None);
    let verdicts =
        [&proofs.replay, &proofs.jwt, &proofs.live].map(|proof| proof.criteria[0].verdict);
    assert_eq!(verdicts, [Verdict::Error, Verdict::NoData, Verdict::NoData]);
}

#[tokio::test]
async fn s06_after_the_switch_the_main_route_goes_back_and_not_a_weight() {
    for from in ["SWITCHED", "SOAK"] {
        let rig = Rig::at(from);
        let mut gate = rig.gate().await;
        gate.roll_back("test").await.expect("a router");
        rolled_back(&rig);
        let asked = rig.router.state().expect("a router").asked;
        assert_eq!(asked, [Act::SwitchMain { to: Side::Legacy }], "{from}");
    }
}

#[tokio::test]
async fn s07_a_rollback_also_takes_the_split_away() {
    let rig = Rig::at("C50");
    let mut gate = rig.gate().await;
    gate.roll_back("test").await.expect("a router");
    rolled_back(&rig);
    let asked = rig.router.state().expect("a router").asked;
    assert_eq!(
        asked,
        [
            Act::SetWeight {
                weight: Weight::NONE
            },
            Act::RemoveCanary
        ]
    );
    gate.roll_back("again")
        .await
        .expect("as often as it is asked for");
    assert_eq!(
        rig.router.state().expect("a router").asked.len(),
        2,
        "nothing more to do"
    );
}

#[tokio::test]
async fn s08_legacy_is_made_large_enough_before_traffic_goes_back() {
    for from in ["C100", "SOAK"] {
        let rig = Rig::at(from);
        rig.edit(|reading| {
            reading.legacy = Some(Replicas {
                wanted: 1,
                ready: 1,
            });
        });
        let mut gate = rig.gate().await;
        gate.roll_back("test").await.expect("a router");
        rolled_back(&rig);
        let asked = rig.router.state().expect("a router").asked;
        assert_eq!(
            asked[0],
            Act::ScaleLegacy { replicas: 2 },
            "{from}: {asked:?}"
        );
    }
    // Nobody is led to where nobody answers.
    let rig = Rig::at("C100");
    rig.edit(|reading| {
        reading.legacy = Some(Replicas {
            wanted: 2,
            ready: 0,
        });
    });
    let mut gate = rig.gate().await;
    let error = gate
        .roll_back("test")
        .await
        .expect_err("legacy never comes up");
    assert!(matches!(error, GateError::NoLegacy), "{error}");
    assert_eq!(rig.reading().weight, Weight::ALL);
    assert_eq!(
        gate.standing().state,
        State::RollingBack,
        "and it is tried again"
    );
    rig.edit(|reading| {
        reading.legacy = Some(Replicas {
            wanted: 2,
            ready: 2,
        });
    });
    gate.step().await.expect("legacy is up");
    rolled_back(&rig);
}

#[tokio::test]
async fn s09_an_applied_manifest_is_drift_and_a_raised_share_goes_back() {
    for (from, shows, left) in [
        ("C50", 10, 10),
        ("C10", 90, 10),
        ("READY", 10, 0),
        ("ROLLED_BACK", 10, 0),
    ] {
        let rig = Rig::at(from);
        let mut gate = rig.gate().await;
        rig.edit(|reading| {
            reading.weight = weight(shows);
            reading.canary = true;
            reading.written_by = Some("kubectl-client-side-apply".to_owned());
        });
        let look = gate.step().await.expect("a step");
        assert_eq!(look.exit(), GateExit::Locked, "{from}");
        assert_eq!(rig.reading().weight, weight(left), "{from}");
        let Some(Aside::Drift { reason }) = &gate.standing().aside else {
            panic!("{from}: {:?}", gate.standing().aside);
        };
        assert!(reason.contains("kubectl-client-side-apply"), "{reason}");
    }
    let rig = Rig::at("C50");
    let mut gate = rig.gate().await;
    rig.edit(|reading| reading.weight = weight(30));
    gate.step().await.expect("a step");
    assert_eq!(
        gate.adopt(None).await.expect("a person's word"),
        State::Canary(weight(30))
    );
    assert_eq!(
        gate.step().await.expect("a step").exit(),
        GateExit::Insufficient
    );
}

#[tokio::test]
async fn s11_what_must_be_proved_is_proved_while_legacy_still_serves_beside() {
    let mut rig = Rig::at("C50");
    rig.config.min_requests = 10;
    rig.world(|world| world.per_second = 1.0);
    let mut gate = rig.gate().await;
    let look = rig
        .until(&mut gate, 60, |look| verdict(look, "time") == "PASS")
        .await;
    assert_eq!(verdict(&look, "core.errors_proved"), "INSUFFICIENT");
    assert_eq!(look.reached, State::Canary(weight(50)));
}

#[tokio::test]
async fn s12_what_core_wrote_stays_after_a_rollback_so_legacy_must_read_it_before_anyone_is_served()
{
    for (spoil, expected, reached) in [
        (false, "PASS", State::Ready),
        (true, "NO_DATA", State::Shadowed),
    ] {
        let mut rig = Rig::with_files("SHADOWED");
        if spoil {
            rig.config.attestations.remove("legacy_reads_core_writes");
        }
        let look = rig.gate().await.step().await.expect("a step");
        assert_eq!(
            (
                verdict(&look, "attested.legacy_reads_core_writes").as_str(),
                look.reached
            ),
            (expected, reached),
            "{:?}",
            look.decision
        );
    }
}

#[test]
fn s13_every_router_is_one_block_of_the_configuration() {
    for (yaml, is) in [
        ("router: {dry_run: {}}", "DryRun"),
        ("router: {exec: {command: [split]}}", "Exec"),
        (
            "router: {nginx: {include: a, legacy_upstream: b, core_upstream: c}}",
            "Nginx",
        ),
        (
            "router: {gateway_api: {route: a, legacy_service: b, core_service: c, legacy_deployment: d, core_deployment: e}}",
            "GatewayApi",
        ),
        (
            "router: {ingress_nginx: {main: a, canary: b, legacy_service: c, core_service: d, legacy_deployment: e, core_deployment: f}}",
            "IngressNginx",
        ),
    ] {
        let config: GateConfig = serde_saphyr::from_str(yaml).expect(yaml);
        config.check().expect(yaml);
        let name = match config.router {
            Some(RouterConfig::DryRun(_)) => "DryRun",
            Some(RouterConfig::Exec(_)) => "Exec",
            Some(RouterConfig::Nginx(_)) => "Nginx",
            Some(RouterConfig::GatewayApi(_)) => "GatewayApi",
            Some(RouterConfig::IngressNginx(_)) => "IngressNginx",
            None => "none",
        };
        assert_eq!(name, is);
    }
}

#[tokio::test]
async fn ready_needs_people_instances_and_sight() {
    type Spoil = fn(&mut Rig);
    let cases: [(&str, Spoil); 5] = [
        ("contacts", |rig| {
            rig.config
                .contacts
                .insert("dba".to_owned(), "TBD".to_owned());
        }),
        ("contacts", |rig| rig.config.contacts.clear()),
        ("attested.backup_restored", |rig| {
            rig.config.attestations.remove("backup_restored");
        }),
        ("legacy.ready", |rig| {
            rig.edit(|reading| {
                reading.legacy = Some(Replicas {
                    wanted: 2,
                    ready: 1,
                });
            });
        }),
        ("signals", |rig| {
            rig.world(|world| world.trouble = Some(TroubleKind::Empty));
        }),
    ];
    let good = Rig::at("SHADOWED");
    let look = good.gate().await.step().await.expect("a step");
    for (criterion, spoil) in cases {
        assert_eq!(
            verdict(&look, criterion),
            "PASS",
            "{criterion} holds without a fault"
        );
        let mut rig = Rig::at("SHADOWED");
        spoil(&mut rig);
        let look = rig.gate().await.step().await.expect("a step");
        assert_ne!(verdict(&look, criterion), "PASS", "{criterion}");
        assert_eq!(look.reached, State::Shadowed);
    }
}
