//! The process ends at every line of the journal, before it and in the midst of it, on every
//! transition and every way back; then it is started again.

use std::sync::{Arc, Mutex};

use super::rig::{Rig, StopPen, lock, route_in, state, weight};
use crate::gate::journal::entry::Route;
use crate::gate::run::{Gate, GateError};
use crate::gate::span::Span;
use crate::gate::state::{Aside, State};
use crate::gate::weight::Weight;

/// Looks until `to` is reached.
async fn drive(gate: &mut Gate, to: State) -> Result<(), GateError> {
    gate.recover().await?;
    for _ in 0..200 {
        if gate.standing().state == to {
            return Ok(());
        }
        gate.step().await?;
        gate.pause().await;
    }
    panic!("{to} never reached: {:?}", gate.standing());
}

/// Stops at line `n`, starts again, and returns whether the stop was met.
async fn stopped_at(from: &str, to: State, back: bool, n: usize, torn: bool) -> bool {
    let mut rig = match state(from) {
        State::Draft | State::Verified | State::Shadowed | State::Ready if !back => {
            Rig::with_files(from)
        }
        _ => Rig::at(from),
    };
    // Short times: this is about lines, not about waiting.
    rig.config.min_time = Span::from_secs(30);
    rig.config.soak.first_watch = Span::from_secs(30);
    rig.config.soak.time = Span::from_secs(30);
    if state(from) > to && !back {
        // Only another build leads to a smaller share.
        rig.edit(|reading| reading.core_identities = vec!["build-2".to_owned()]);
    }
    let stopped = Arc::new(Mutex::new(false));
    let pen = StopPen {
        lines_left: n,
        torn,
        stopped: Arc::clone(&stopped),
    };
    let name = format!("{from} → {to}, line {n}, torn: {torn}");
    if let Ok(mut gate) = rig.open(Box::new(pen)).await {
        let ended = if back {
            match gate.recover().await {
                Ok(_) => gate.roll_back("test").await,
                Err(error) => Err(error),
            }
        } else {
            drive(&mut gate, to).await
        };
        assert_eq!(ended.is_err(), *lock(&stopped), "{name}: {ended:?}");
    }
    // Whatever was done, core never serves more than the transition allows.
    let between = Route::of(&rig.reading()).exposure();
    let most = route_in(state(from)).exposure().max(if back {
        Weight::NONE
    } else {
        route_in(to).exposure()
    });
    assert!(between <= most, "{name}: {between} is above {most}");

    let mut gate = rig.gate().await;
    if back {
        gate.roll_back("again")
            .await
            .expect("a rollback never fails for a crash");
    } else {
        drive(&mut gate, to).await.expect("goes on");
    }
    assert_eq!(gate.standing().state, to, "{name}");
    drop(gate);
    let contents = rig.contents();
    assert_eq!((contents.broken, contents.torn_bytes), (None, 0), "{name}");
    let reading = rig.reading();
    assert!(
        Route::of(&reading).same(route_in(to)),
        "{name}: {reading:?}"
    );
    assert_eq!(reading.canary, route_in(to).canary, "{name}");
    *lock(&stopped)
}

async fn every_line(from: &str, to: &str, back: bool) -> usize {
    let to = state(to);
    for n in 0.. {
        let whole = Box::pin(stopped_at(from, to, back, n, false)).await;
        Box::pin(stopped_at(from, to, back, n, true)).await;
        if !whole {
            return n;
        }
    }
    unreachable!("a transition has an end")
}

#[tokio::test]
async fn a_crash_at_any_line_of_any_transition_is_mended() {
    for (from, to, lines) in [
        // Two pieces of evidence, then the state.
        ("DRAFT", "VERIFIED", 3),
        ("VERIFIED", "SHADOWED", 1),
        ("SHADOWED", "READY", 1),
        ("READY", "C10", 4),
        ("C30", "C10", 4),
        ("C10", "C30", 4),
        ("C30", "C50", 4),
        ("C50", "C100", 4),
        ("C100", "SWITCHED", 7),
        ("SWITCHED", "SOAK", 4),
        ("SOAK", "RETIRED", 7),
    ] {
        let seen = Box::pin(every_line(from, to, false)).await;
        assert!(
            seen >= lines,
            "{from} → {to}: {seen} lines, {lines} expected"
        );
    }
}

#[tokio::test]
async fn a_crash_at_any_line_of_a_rollback_is_mended_from_every_state() {
    for (from, to) in [
        ("DRAFT", "ABORTED"),
        ("VERIFIED", "ABORTED"),
        ("SHADOWED", "ABORTED"),
        ("READY", "ABORTED"),
        ("C10", "ROLLED_BACK"),
        ("C30", "ROLLED_BACK"),
        ("C50", "ROLLED_BACK"),
        ("C100", "ROLLED_BACK"),
        ("SWITCHED", "ROLLED_BACK"),
        ("SOAK", "ROLLED_BACK"),
    ] {
        let lines = Box::pin(every_line(from, to, true)).await;
        assert!(lines >= 2, "{from}: {lines} lines");
    }
}

/// Somebody raised core's share by hand, and the process ends at line `n` of putting it back.
async fn restored_at(n: usize, torn: bool) -> bool {
    let name = format!("line {n}, torn: {torn}");
    let rig = Rig::at("C10");
    rig.edit(|reading| reading.weight = Weight::ALL);
    let stopped = Arc::new(Mutex::new(false));
    let pen = StopPen {
        lines_left: n,
        torn,
        stopped: Arc::clone(&stopped),
    };
    if let Ok(mut gate) = rig.open(Box::new(pen)).await {
        let ended = gate.recover().await;
        assert_eq!(ended.is_err(), *lock(&stopped), "{name}: {ended:?}");
    }
    let mut gate = rig.gate().await;
    for _ in 0..60 {
        let look = gate.step().await.expect("a step");
        assert_eq!(look.reached, state("C10"), "{name}: {:?}", look.decision);
        gate.pause().await;
    }
    assert_eq!(rig.reading().weight, weight(10), "{name}");
    let aside = &gate.standing().aside;
    assert!(
        matches!(aside, Some(Aside::Drift { .. })),
        "{name}: a person still has to look: {aside:?}"
    );
    *lock(&stopped)
}

#[tokio::test]
async fn a_crash_while_a_raised_share_is_put_back_is_mended_and_a_person_still_looks() {
    let mut lines = 0;
    while Box::pin(restored_at(lines, false)).await {
        Box::pin(restored_at(lines, true)).await;
        lines += 1;
    }
    assert_eq!(
        lines, 5,
        "drift, intent, change, effect, and the state as it was"
    );
}
