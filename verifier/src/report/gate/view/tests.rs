use super::*;
use crate::gate::criterion::{Unit, Weighs};
use crate::gate::journal::entry::Route;
use crate::gate::policy::Cause;
use crate::gate::proof::Running;

/// 2026-02-20, 03:07:30 UTC.
const NOW: i64 = 1_771_556_850_000;

fn canary(percent: u8) -> State {
    State::Canary(Weight::from_percent(percent).expect("a weight"))
}

fn ladder() -> Vec<Weight> {
    [10, 30, 50, 100]
        .into_iter()
        .filter_map(Weight::from_percent)
        .collect()
}

fn route(percent: u8) -> Route {
    Route {
        weight: Weight::from_percent(percent).expect("a weight"),
        canary: percent > 0,
        ..Route::START
    }
}

fn criteria() -> Vec<CriterionResult> {
    let new = CriterionResult::new;
    vec![
        new("core.build", Weighs::Evidence, Verdict::Pass).why("build 7 serves, as proved"),
        new("router", Weighs::Step, Verdict::Pass).why("it shows what the gate left"),
        new("core.errors", Weighs::Harm, Verdict::Pass)
            .value(0.0054, Unit::Share, 184)
            .limit(0.01)
            .e_value(-1.2, 3.35)
            .why("1 of 184 answers are errors; more than 1 % are too many"),
        new("core.errors_vs_legacy", Weighs::Harm, Verdict::Pass)
            .value(1.25, Unit::Times, 9)
            .limit(1.5)
            .e_value(0.2, 5.3)
            .why("1 of 9 errors are core's"),
        new("probe.login", Weighs::Step, Verdict::NoData).why("it was not run"),
        new("time", Weighs::Step, Verdict::Insufficient)
            .value(252.0, Unit::Seconds, 1)
            .limit(600.0)
            .why("observed for 252s of 10m"),
        new("requests", Weighs::Step, Verdict::Insufficient)
            .value(184.0, Unit::Count, 184)
            .limit(300.0)
            .missing(Some(116))
            .why("core answered 184 of 300 requests"),
    ]
}

fn look(state: State, decision: Decision, criteria: Vec<CriterionResult>) -> Look {
    Look {
        at: rfc3339(NOW),
        state,
        reached: state,
        aside: None,
        decision,
        criteria,
        route: Some(route(10)),
        evidence: String::new(),
        drift: None,
        proved: Vec::new(),
        running: Running::default(),
    }
}

fn hold(reason: &str, cause: Cause) -> Decision {
    Decision::Hold {
        reason: reason.to_owned(),
        cause,
    }
}

fn standing(state: State) -> Standing {
    Standing {
        run_id: "3f2a90c1d5e6".to_owned(),
        state,
        since_ms: NOW - 330_000,
        route: route(10),
        ..Standing::default()
    }
}

fn log() -> Vec<Line> {
    let entries = [
        Entry::Aside { aside: None },
        Entry::Moved {
            from: State::Ready,
            to: canary(10),
            evidence: String::new(),
            reason: "everything for C10 holds".to_owned(),
            before: Route::START,
            after: route(10),
        },
        Entry::Applied {
            of: 1,
            version: String::new(),
        },
    ];
    (1..)
        .zip(entries)
        .map(|(seq, entry)| Line {
            seq,
            at_ms: NOW - 330_000,
            who: "kim@ops pid 7".to_owned(),
            prev: String::new(),
            entry,
        })
        .collect()
}

fn waiting_for_requests() -> Left {
    Left {
        time: Some(Duration::from_secs(348)),
        counts: Some(CountsLeft {
            name: "requests".to_owned(),
            have: 184,
            missing: 116,
            rate: Rate::PerSecond(0.9),
        }),
    }
}

/// What stands on a terminal without colours.
fn shown(view: &View<'_>, columns: usize, rows: usize) -> Vec<String> {
    let lines = lines(view, Room { columns, rows });
    lines
        .iter()
        .map(|line| anstream::adapter::strip_str(line).to_string())
        .collect()
}

fn view<'v>(look: Option<&'v Look>, standing: &'v Standing, left: &'v Left) -> View<'v> {
    View {
        look,
        standing,
        ladder: &[],
        now_ms: NOW,
        in_state: Duration::from_secs(330),
        left,
        log: &[],
        next_look: Some(Duration::from_secs(12)),
        options: "",
    }
}

fn at_ten(decision: Decision) -> Look {
    look(canary(10), decision, criteria())
}

#[test]
fn a_view_says_where_it_stands_what_was_seen_how_long_it_takes_and_what_can_be_done() {
    let look = at_ten(hold("probe.login: it was not run", Cause::Insufficient));
    let (ladder, standing, left, log) = (
        ladder(),
        standing(canary(10)),
        waiting_for_requests(),
        log(),
    );
    let view = View {
        ladder: &ladder,
        log: &log,
        options: " --config ops/cutover.yaml",
        ..view(Some(&look), &standing, &left)
    };
    let expected = "\
cut-over 3f2a90c1d5e6, attempt 1, 03:07:30 UTC
DRAFT ▸ VERIFIED ▸ SHADOWED ▸ READY ▸ [C10] ▸ C30 ▸ C50 ▸ C100 ▸ SWITCHED ▸ SOAK
▸ RETIRED

now    C10 for 5 min 30 s: main route to legacy, core's share 10 %
left   5 min 48 s of its shortest time
       about 2 min 8 s until 116 more for requests (184 so far), at 0.9 a second

  criterion              verdict            value   limit    n        e-value
? probe.login            NO_DATA
… time                   INSUFFICIENT  4 min 12 s  10 min    1
… requests               INSUFFICIENT         184     300  184
✓ core.errors            PASS              0.54 %     1 %  184  0.301 of 28.5
✓ core.errors_vs_legacy  PASS               1.25×    1.5×    9    1.22 of 200
✓ core.build             PASS
✓ router                 PASS

waits  for probe.login: it was not run; and for time, requests
you    nothing: it goes on by itself
       `verifier gate rollback --force --config ops/cutover.yaml` leads all
       traffic back to legacy
last   03:02:00 goes on
       03:02:00 READY → C10: everything for C10 holds
next look in 12 s; Ctrl-C ends the watch and moves no traffic";
    assert_eq!(shown(&view, 80, 50).join("\n"), expected);
}

#[test]
fn no_line_is_wider_than_the_terminal_and_the_verdicts_are_always_whole() {
    let hostile = CriterionResult::new("probe.로그인\u{1b}[2J", Weighs::Step, Verdict::Error)
        .value(1.0, Unit::Count, 7)
        .why("객실\r\nno answer from https://example.com/a/very/long/address/without/a/blank");
    let mut look = at_ten(hold("probe.로그인: no answer", Cause::Trouble));
    look.criteria.push(hostile);
    let (ladder, left, log) = (ladder(), waiting_for_requests(), log());
    let mut standing = standing(canary(10));
    standing.aside = Some(Aside::Hold {
        reason: "probe.로그인\u{1b}[2J: no answer".to_owned(),
    });
    for columns in NARROWEST..=200 {
        for rows in [5, 12, 24, 60] {
            let view = View {
                ladder: &ladder,
                log: &log,
                ..view(Some(&look), &standing, &left)
            };
            let lines = shown(&view, columns, rows);
            assert!(
                lines.len() < rows,
                "{columns}×{rows}: {} lines",
                lines.len()
            );
            for line in &lines {
                assert!(line.width() <= columns, "{columns}×{rows}: {line}");
                assert!(!line.contains(char::is_control), "{line:?}");
            }
            if rows == 60 {
                for verdict in ["INSUFFICIENT", "NO_DATA", "ERROR", "PASS"] {
                    let whole = lines.iter().any(|line| line.contains(verdict));
                    assert!(whole, "{columns}: {verdict} in {lines:#?}");
                }
            }
        }
    }
}

#[test]
fn a_terminal_of_few_lines_counts_the_criteria_that_it_has_no_room_for_by_verdict() {
    let look = at_ten(hold("probe.login: it was not run", Cause::Insufficient));
    let (standing, left) = (standing(canary(10)), waiting_for_requests());
    let lines = shown(&view(Some(&look), &standing, &left), 80, 17);
    let at = |text: &str| lines.iter().position(|line| line.contains(text));
    let rest = "and 5 more: 1 INSUFFICIENT, 4 PASS";
    assert!(
        at("NO_DATA").is_some() && at("NO_DATA") < at(rest),
        "{lines:#?}"
    );
    assert!(at("next look in").is_some(), "{lines:#?}");
}

#[test]
fn the_time_left_is_told_or_said_to_be_unknown_and_why() {
    let counts = |rate| {
        Some(CountsLeft {
            name: "requests".to_owned(),
            have: 0,
            missing: 300,
            rate,
        })
    };
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    for (time, counts, expected) in [
        (seconds(0), None, "its shortest time is over"),
        (seconds(90), None, "1 min 30 s of its shortest time"),
        (None, None, "unknown: it waits for what stands below"),
        (
            None,
            counts(Rate::PerSecond(2.0)),
            "about 2 min 30 s until 300 more",
        ),
        (None, counts(Rate::PerSecond(0.0)), "unknown: no traffic"),
        (None, counts(Rate::NotYet), "known after the next look"),
        (
            None,
            counts(Rate::Blind),
            "unknown: nobody counts core's requests",
        ),
    ] {
        let look = at_ten(hold("time: 1", Cause::Insufficient));
        let (standing, left) = (standing(canary(10)), Left { time, counts });
        let text = shown(&view(Some(&look), &standing, &left), 100, 60).join("\n");
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn blindness_tells_when_traffic_goes_back_unless_journeys_hold() {
    let sight = |verdict| {
        CriterionResult::new("core.seen", Weighs::Harm, verdict)
            .value(68.0, Unit::Seconds, 10)
            .limit(180.0)
            .why("unreachable: no answer")
    };
    let journey = |verdict| CriterionResult::new("probe.login", Weighs::Harm, verdict);
    let words = "1 min 52 s until all traffic goes back to legacy";
    for (state, criteria, told) in [
        (canary(10), vec![sight(Verdict::Error)], true),
        (
            canary(10),
            vec![sight(Verdict::Error), journey(Verdict::Fail)],
            true,
        ),
        (
            canary(10),
            vec![sight(Verdict::Error), journey(Verdict::Pass)],
            false,
        ),
        (canary(10), vec![sight(Verdict::Pass)], false),
        // After the switch nothing goes back blindly.
        (State::Soak, vec![sight(Verdict::Error)], false),
    ] {
        let look = look(state, hold("core.seen: blind", Cause::Trouble), criteria);
        let (standing, left) = (standing(state), Left::default());
        let text = shown(&view(Some(&look), &standing, &left), 100, 60).join("\n");
        assert_eq!(text.contains(words), told, "{text}");
    }
}

#[test]
fn each_place_says_what_a_person_can_do() {
    let approval = CriterionResult::new("approval", Weighs::Step, Verdict::NoData)
        .why("nobody approved READY yet");
    let stale =
        CriterionResult::new("replay.fresh", Weighs::Evidence, Verdict::Fail).help("make it again");
    let record = serde_json::json!({
        "kind": "replay", "core": [], "catalogue": "", "goldens": null, "file": null, "n": 1, "k": 0,
        "distinct": 1, "excused": 0, "from_ms": 0, "to_ms": 0, "expires_ms": 0, "attempt": 1,
        "alpha": 0.05, "ln_e": null, "tool": "", "sha256": "ab".repeat(32),
    });
    let mut approving = standing(State::Shadowed);
    approving.evidence = vec![serde_json::from_value(record).expect("a record")];
    let hash = approving.evidence_hash();
    let approve = format!("verifier gate approve --evidence {}", &hash[..16]);
    let mut drifted = standing(canary(30));
    drifted.aside = Some(Aside::Drift {
        reason: "the share is 90 %".to_owned(),
    });
    let back = "verifier gate rollback --force";
    for (standing, decision, criteria, words) in [
        (
            approving,
            hold("approval: nobody", Cause::Insufficient),
            vec![approval],
            vec![approve.as_str()],
        ),
        (
            standing(State::Verified),
            hold("replay.fresh: old", Cause::Evidence),
            vec![stale],
            vec!["make it again; then it goes on by itself"],
        ),
        (
            drifted,
            hold("drift: 90 %", Cause::Trouble),
            criteria(),
            vec!["DRIFT", "verifier gate adopt", back],
        ),
        (
            standing(State::RolledBack),
            hold("this build was rolled back", Cause::Failed),
            Vec::new(),
            vec!["Another build of core begins anew with"],
        ),
        (
            standing(State::Retired),
            Decision::Complete,
            Vec::new(),
            vec!["the cut-over is done", "nothing is left to do"],
        ),
    ] {
        let look = look(standing.state, decision, criteria);
        let left = Left::default();
        let text = shown(&view(Some(&look), &standing, &left), 140, 60).join("\n");
        for words in words {
            assert!(text.contains(words), "{words}: {text}");
        }
        let live = standing.state.is_live() && standing.state != State::Retired;
        assert_eq!(text.contains(back), live, "{text}");
    }
}

#[test]
fn before_the_first_look_it_says_that_it_looks() {
    let (standing, left) = (standing(canary(10)), Left::default());
    let text = shown(&view(None, &standing, &left), 80, 24).join("\n");
    assert!(
        text.contains("looking …") && text.contains("C10 for 5 min 30 s"),
        "{text}"
    );
}
