use super::*;
use crate::gate::actuator::{LegacyPart, Mark, Replicas};
use crate::gate::journal::entry::{Intent, Open, UnderWay};
use crate::jwt::cell::Side;

fn weight(percent: u8) -> Weight {
    Weight::from_percent(percent).expect("a weight")
}

fn route(percent: u8, main: Side) -> Route {
    Route {
        weight: weight(percent),
        canary: percent > 0,
        main,
    }
}

fn reading(route: Route, version: &str, mark: Option<Mark>) -> Reading {
    Reading {
        weight: route.weight,
        canary: route.canary,
        main: route.main,
        version: version.to_owned(),
        mark,
        taken: true,
        written_by: Some("kubectl".to_owned()),
        surprises: Vec::new(),
        legacy: Some(Replicas {
            wanted: 2,
            ready: 2,
        }),
        core: None,
        core_identities: Vec::new(),
        legacy_references: Vec::new(),
    }
}

fn ours() -> Mark {
    Mark {
        run_id: "run".to_owned(),
        seq: 7,
        evidence: String::new(),
    }
}

fn standing(state: State, route: Route, open: Option<(State, Act)>) -> Standing {
    Standing {
        run_id: "run".to_owned(),
        state,
        route,
        under_way: open.map(|(to, _)| UnderWay { to, done: 0 }),
        open: open.map(|(to, act)| Open {
            seq: 7,
            applied: false,
            intent: Intent {
                from: state,
                to,
                act,
                nth: 0,
                version: "1".to_owned(),
                before: route,
                evidence: String::new(),
            },
        }),
        ..Standing::default()
    }
}

/// The crash table: every change, with each live state the router may show.
#[test]
fn after_a_crash_journal_and_router_together_say_what_is_done() {
    use Side::{Core, Legacy};
    let set = |percent| Act::SetWeight {
        weight: weight(percent),
    };
    let steps = [
        (
            State::Ready,
            route(0, Legacy),
            State::Canary(weight(10)),
            set(10),
        ),
        (
            State::Canary(weight(10)),
            route(10, Legacy),
            State::Canary(weight(30)),
            set(30),
        ),
        (
            State::Canary(weight(30)),
            route(30, Legacy),
            State::Canary(weight(50)),
            set(50),
        ),
        (
            State::Canary(weight(50)),
            route(50, Legacy),
            State::Canary(weight(100)),
            set(100),
        ),
        (
            State::Canary(weight(100)),
            route(100, Legacy),
            State::Switched,
            Act::SwitchMain { to: Core },
        ),
    ];
    for (from, before, to, act) in steps {
        let clean = standing(from, before, None);
        let open = standing(from, before, Some((to, act)));
        let after = before.after(act);
        let name = format!("{from} → {to}");
        assert_eq!(
            found(&clean, &reading(before, "9", None)),
            Found::Clean,
            "{name}: confirmed and still so"
        );
        assert_eq!(
            found(&open, &reading(before, "1", None)),
            Found::NeverMade { of: 7 },
            "{name}: never sent"
        );
        assert_eq!(
            found(&open, &reading(after, "2", Some(ours()))),
            Found::Made {
                of: 7,
                applied: false
            },
            "{name}: made, the answer lost"
        );
        let drifts = [
            (
                "as before, but written to",
                found(&open, &reading(before, "2", None)),
            ),
            (
                "as wanted, but by somebody else",
                found(&open, &reading(after, "2", None)),
            ),
            (
                "neither before nor after",
                found(&open, &reading(route(77, before.main), "2", None)),
            ),
            (
                "confirmed, then changed",
                found(&clean, &reading(route(77, before.main), "2", None)),
            ),
            (
                "confirmed, then switched by hand",
                found(
                    &clean,
                    &reading(route(before.weight.percent(), Core), "2", None),
                ),
            ),
        ];
        for (what, drift) in drifts {
            assert!(
                matches!(drift, Found::Drift { .. }),
                "{name}, {what}: {drift:?}"
            );
        }
        let rolling = Standing {
            state: State::RollingBack,
            ..open.clone()
        };
        for percent in [0, 10, 30, 50, 77, 100] {
            for main in [Legacy, Core] {
                let reading = reading(route(percent, main), "5", None);
                assert_eq!(found(&rolling, &reading), Found::FinishRollback, "{name}");
            }
        }
    }
}

#[test]
fn only_a_share_that_was_raised_goes_back_by_itself() {
    for (left, shows, restore) in [
        (10, 30, Some(10)),
        (0, 10, Some(0)),
        (30, 10, None),
        (10, 0, None),
    ] {
        let standing = standing(State::Canary(weight(left)), route(left, Side::Legacy), None);
        let found = found(&standing, &reading(route(shows, Side::Legacy), "3", None));
        let Found::Drift {
            reason,
            restore: back,
        } = found
        else {
            panic!("{left} → {shows}: {found:?}");
        };
        assert_eq!(back, restore.map(weight), "{left} → {shows}");
        assert!(reason.contains("kubectl"), "who did it is told: {reason}");
    }
}

#[test]
fn a_header_route_or_a_foreign_owner_is_drift_even_at_the_right_share() {
    let standing = standing(State::Canary(weight(10)), route(10, Side::Legacy), None);
    let mut shown = reading(route(10, Side::Legacy), "3", None);
    shown.surprises.push("canary-by-header is set".to_owned());
    assert!(matches!(found(&standing, &shown), Found::Drift { .. }));
}

#[test]
fn a_change_is_made_when_the_router_shows_it() {
    let before = route(100, Side::Core);
    let shown = reading(before, "1", None);
    for (act, made) in [
        (Act::ScaleLegacy { replicas: 2 }, true),
        (Act::ScaleLegacy { replicas: 3 }, false),
        (Act::RemoveCanary, false),
        (Act::SwitchMain { to: Side::Core }, true),
        (Act::SwitchMain { to: Side::Legacy }, false),
        (
            Act::SetWeight {
                weight: Weight::NONE,
            },
            false,
        ),
        (
            Act::RemoveLegacy {
                part: LegacyPart::Workload,
            },
            false,
        ),
    ] {
        assert_eq!(is_made(act, before, &shown), made, "{act}");
    }
}

#[test]
fn a_switch_is_made_whether_the_router_keeps_the_split_or_has_none_then() {
    let before = route(100, Side::Legacy);
    let act = Act::SwitchMain { to: Side::Core };
    for (weight, main, made) in [
        (100, Side::Core, true),
        (0, Side::Core, true),
        (100, Side::Legacy, false),
        (0, Side::Legacy, false),
    ] {
        let shown = reading(route(weight, main), "1", None);
        assert_eq!(is_made(act, before, &shown), made, "{weight} {main}");
    }
    // Back at legacy the split counts.
    let back = Act::SwitchMain { to: Side::Legacy };
    let shown = reading(route(30, Side::Legacy), "1", None);
    assert!(!is_made(back, route(0, Side::Core), &shown));
}
