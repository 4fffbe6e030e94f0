//! What the gate never does, whatever happens to signals, router, clock or journal.

use std::sync::atomic::Ordering;

use super::rig::{Rig, lock, verdict, weight};
use super::traps::rolled_back;
use crate::gate::actuator::{Act, Actuator as _, Mark};
use crate::gate::journal::entry::Route;
use crate::gate::policy::{Decision, GateExit};
use crate::gate::signal::TroubleKind;
use crate::gate::span::Span;
use crate::gate::state::Aside;
use crate::gate::state::State;

#[tokio::test]
async fn errors_slowness_and_a_burst_each_lead_back() {
    type Spoil = fn(&mut super::rig::World);
    let cases: [(&str, Spoil, &str); 4] = [
        (
            "all errors at once",
            |world| world.core_error = 1.0,
            "core.burst",
        ),
        (
            "a tenth errors",
            |world| world.core_error = 0.1,
            "core.errors",
        ),
        ("slow", |world| world.core_slow = 0.5, "core.slow"),
        (
            "worse than legacy, within the limit",
            |world| {
                world.core_error = 0.008;
                world.per_second = 5_000.0;
            },
            "core.errors_vs_legacy",
        ),
    ];
    for (name, spoil, criterion) in cases {
        let rig = Rig::at("C30");
        let mut gate = rig.gate().await;
        gate.step().await.expect("a good look");
        gate.pause().await;
        rig.world(spoil);
        let look = rig
            .until(&mut gate, 20, |look| {
                matches!(look.decision, Decision::RollBack { .. })
            })
            .await;
        assert_eq!(verdict(&look, criterion), "FAIL", "{name}");
        assert_eq!(look.reached, State::RolledBack, "{name}");
        assert_eq!(look.exit(), GateExit::Failed);
        rolled_back(&rig);
        // The same build does not begin anew; another one does.
        assert_eq!(
            gate.step().await.expect("a step").reached,
            State::RolledBack
        );
        rig.edit(|reading| reading.core_identities = vec!["sha256:build-2".to_owned()]);
        gate.step().await.expect("a step");
        assert_eq!(
            (gate.standing().state, gate.standing().attempt),
            (State::Draft, 2)
        );
    }
}

#[tokio::test]
async fn blindness_is_bounded_and_a_journey_that_holds_keeps_core_in_place() {
    let ticks = |gate: &Rig| gate.clock.wall_ahead_ms.load(Ordering::SeqCst);
    for (from, probe, back) in [
        ("C30", None, true),
        ("C30", Some(Ok(true)), false),
        ("C30", Some(Err(TroubleKind::Unreachable)), true),
        ("SWITCHED", None, false),
        ("SOAK", None, false),
    ] {
        let rig = Rig::at(from);
        let mut gate = rig.gate().await;
        gate.step().await.expect("a good look");
        gate.pause().await;
        rig.world(|world| {
            world.trouble = Some(TroubleKind::Unreachable);
            world.probe = probe;
        });
        let start = gate.now();
        let mut went_back_after = None;
        for _ in 0..30 {
            let look = gate.step().await.expect("a step");
            if look.reached == State::RolledBack {
                went_back_after = Some(gate.now().since(start));
                break;
            }
            assert_eq!(look.exit(), GateExit::Infrastructure, "{from} {probe:?}");
            gate.pause().await;
        }
        assert_eq!(
            went_back_after.is_some(),
            back,
            "{from} {probe:?} {}",
            ticks(&rig)
        );
        if let Some(after) = went_back_after {
            let (min, max) = (Span::from_secs(180), Span::from_secs(240));
            assert!(
                (min.duration()..max.duration()).contains(&after),
                "{after:?}"
            );
        }
    }
}

#[tokio::test]
async fn signals_that_come_back_in_time_let_the_cut_over_go_on() {
    let rig = Rig::at("C30");
    let mut gate = rig.gate().await;
    rig.world(|world| world.trouble = Some(TroubleKind::Stale));
    for _ in 0..8 {
        gate.step().await.expect("a step");
        gate.pause().await;
    }
    assert!(matches!(gate.standing().aside, Some(Aside::Hold { .. })));
    rig.world(|world| world.trouble = None);
    rig.until(&mut gate, 60, |look| {
        look.reached == State::Canary(weight(50))
    })
    .await;
    assert_eq!(gate.standing().aside, None);
}

#[tokio::test]
async fn a_core_that_is_silent_while_legacy_talks_is_trouble_and_no_traffic_at_all_is_none() {
    let rig = Rig::at("C30");
    rig.world(|world| world.core_silent = true);
    let mut gate = rig.gate().await;
    let look = rig
        .until(&mut gate, 10, |look| verdict(look, "core.seen") == "ERROR")
        .await;
    assert_eq!(look.exit(), GateExit::Infrastructure);
    rig.until(&mut gate, 30, |look| look.reached == State::RolledBack)
        .await;

    for trouble in [None, Some(TroubleKind::Idle)] {
        let rig = Rig::at("C30");
        rig.world(|world| {
            world.per_second = 0.0;
            world.trouble = trouble;
        });
        let mut gate = rig.gate().await;
        for _ in 0..60 {
            let look = gate.step().await.expect("a step");
            assert_eq!(
                (look.reached, look.exit()),
                (State::Canary(weight(30)), GateExit::Insufficient)
            );
            gate.pause().await;
        }
    }
}

#[tokio::test]
async fn a_share_that_is_not_as_set_holds_first_and_leads_back_only_where_it_lasts() {
    for heals in [false, true] {
        let rig = Rig::at("C10");
        rig.world(|world| world.core_share = Some(0.4));
        let mut gate = rig.gate().await;
        let held = rig
            .until(&mut gate, 10, |look| verdict(look, "share") == "ERROR")
            .await;
        assert_eq!(
            (held.reached, held.exit()),
            (State::Canary(weight(10)), GateExit::Infrastructure)
        );
        let Some(Aside::Hold { reason }) = gate.standing().aside.clone() else {
            panic!("it says so: {:?}", gate.standing().aside);
        };
        assert!(reason.contains("goes back"), "{reason}");
        let since = gate.now();
        gate.pause().await;
        if heals {
            rig.world(|world| world.core_share = None);
            rig.until(&mut gate, 80, |look| {
                look.reached == State::Canary(weight(30))
            })
            .await;
            assert_eq!(gate.standing().aside, None);
            continue;
        }
        let look = rig
            .until(&mut gate, 20, |look| look.reached == State::RolledBack)
            .await;
        assert_eq!(verdict(&look, "share"), "FAIL");
        let took = gate.now().since(since);
        assert!(
            (Span::from_secs(120).duration()..Span::from_secs(180).duration()).contains(&took),
            "{took:?}"
        );
        rolled_back(&rig);
    }
}

#[tokio::test]
async fn a_failing_journey_leads_back_at_the_second_look() {
    let rig = Rig::at("C10");
    let mut gate = rig.gate().await;
    rig.world(|world| world.probe = Some(Ok(false)));
    let look = gate.step().await.expect("a step");
    assert_eq!(
        (look.reached, verdict(&look, "probe.login").as_str()),
        (State::Canary(weight(10)), "INSUFFICIENT")
    );
    gate.pause().await;
    assert_eq!(
        gate.step().await.expect("a step").reached,
        State::RolledBack
    );
}

#[tokio::test]
async fn another_build_goes_back_to_the_first_share_and_waits_for_its_proof() {
    let rig = Rig::at("C50");
    let mut gate = rig.gate().await;
    rig.edit(|reading| reading.core_identities = vec!["sha256:build-2".to_owned()]);
    // The router's version moved by the edit of the pods, not of the route.
    let look = gate.step().await.expect("a step");
    assert_eq!(
        look.reached,
        State::Canary(weight(10)),
        "{:?}",
        look.decision
    );
    let look = rig
        .until(&mut gate, 80, |look| verdict(look, "time") == "PASS")
        .await;
    assert_eq!(
        (look.reached, look.exit()),
        (State::Canary(weight(10)), GateExit::Evidence)
    );
    rig.edit(|reading| reading.core_identities.push(super::rig::BUILD.to_owned()));
    let look = gate.step().await.expect("a step");
    assert_eq!(
        look.exit(),
        GateExit::Evidence,
        "one proved pod among others proves nothing"
    );
}

#[tokio::test]
async fn a_restart_of_core_voids_what_was_counted() {
    let rig = Rig::at("C10");
    let mut gate = rig.gate().await;
    rig.until(&mut gate, 60, |look| verdict(look, "requests") == "PASS")
        .await;
    rig.world(|world| world.restarts = 1);
    gate.step().await.expect("a step");
    assert_eq!(gate.observation().core.requests, 0);
    assert_eq!(gate.observation().restarts, 1);
}

#[tokio::test]
async fn a_machine_that_slept_begins_its_observation_anew() {
    let rig = Rig::at("C10");
    let mut gate = rig.gate().await;
    rig.until(&mut gate, 60, |look| verdict(look, "requests") == "PASS")
        .await;
    rig.clock.wall_ahead_ms.store(3_600_000, Ordering::SeqCst);
    let look = gate.step().await.expect("a step");
    assert_eq!(
        (verdict(&look, "clock.jump").as_str(), look.exit()),
        ("ERROR", GateExit::Infrastructure)
    );
    assert_eq!(gate.observation().core.requests, 0);
}

#[tokio::test]
async fn steps_of_several_processes_observe_together() {
    let mut rig = Rig::at("C10");
    rig.config.tick = Span::from_secs(60);
    let mut reached = State::Canary(weight(10));
    for _ in 0..30 {
        let mut gate = rig.gate().await;
        reached = gate.step().await.expect("a step").reached;
        gate.pause().await;
        gate.close().await.expect("free");
        if reached == State::Canary(weight(30)) {
            break;
        }
    }
    assert_eq!(reached, State::Canary(weight(30)));
}

#[tokio::test]
async fn a_broken_journal_moves_nothing_forward_and_still_goes_back() {
    let rig = Rig::at("C30");
    let path = rig.folder.path().join("state/journal.log");
    let text = std::fs::read_to_string(&path).expect("text");
    std::fs::write(&path, text.replacen("\"attempt\":1", "\"attempt\":2", 1)).expect("a file");
    let mut gate = rig.gate().await;
    for _ in 0..60 {
        let look = gate.step().await.expect("a step");
        assert_eq!(verdict(&look, "journal.chain"), "FAIL");
        assert_eq!(look.reached, State::Canary(weight(30)));
        gate.pause().await;
    }
    gate.roll_back("test").await.expect("a router");
    rolled_back(&rig);
}

#[tokio::test]
async fn a_stale_gate_writes_nothing_after_another_one_took_over() {
    let rig = Rig::at("C10");
    let mut old = rig.gate().await;
    let folder = rig.folder.path().join("state");
    let taken = crate::gate::journal::Journal::open(
        &folder,
        "other",
        true,
        Box::new(crate::gate::journal::DiskPen),
        0,
    );
    assert!(taken.is_ok());
    let before = rig.router.state().expect("a router").version;
    let error = old.roll_back("test").await.expect_err("stolen");
    assert_eq!(error.exit(), GateExit::Locked);
    assert_eq!(rig.router.state().expect("a router").version, before);
}

#[tokio::test]
async fn an_edit_between_reading_and_writing_stops_the_write() {
    let rig = Rig::at("C10");
    let mut router = rig.router.clone();
    let reading = router.read().await.expect("a router");
    rig.edit(|reading| reading.weight = weight(90));
    let act = Act::SetWeight { weight: weight(30) };
    assert!(
        router
            .apply(act, &reading.version, &Mark::default())
            .await
            .is_err()
    );
    assert_eq!(Route::of(&rig.reading()).weight, weight(90));
    assert!(!lock(&rig.world).core_silent);
}
