use super::*;
use crate::severity::Severity;
use crate::verdict::{Kind, Location, Outcome};

fn statuses() -> StatusPair {
    StatusPair {
        reference: 200,
        candidate: Some(200),
    }
}

fn difference(place: &str, kind: Kind, reference: &str, candidate: &str) -> Difference {
    let side = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Difference {
        location: match place {
            "status" => Location::Status,
            _ => match place.strip_prefix("header:") {
                Some(name) => Location::Header(name.to_owned()),
                None => Location::Pointer(place.to_owned()),
            },
        },
        kind,
        reference: side(reference),
        candidate: side(candidate),
        relation: None,
        severity: Severity::Risky,
        group: place.to_owned(),
        rule: None,
        detail: None,
    }
}

fn verdict(findings: &[Difference]) -> Verdict {
    let mut verdict = Verdict::matching();
    if !findings.is_empty() {
        verdict.outcome = Outcome::Mismatch;
        verdict.findings = findings.to_vec();
    }
    verdict
}

/// As many comparisons, each with a twin's answer.
fn looks(pairs: u64) -> Looks {
    Looks {
        compared: pairs,
        paired: pairs,
    }
}

/// Counts `times` requests in which these differ.
fn count(ledger: &mut NoiseLedger, times: u64, core: &[Difference], twin: &[Difference]) {
    let (core, twin) = (verdict(core), verdict(twin));
    for _ in 0..times {
        let paired = Paired {
            endpoint: "GET /a",
            statuses: statuses(),
            core: &core,
            twin: Some((statuses(), &twin)),
        };
        ledger.observe(&paired, &mut NoiseChanges::default());
    }
}

/// The decision on the only group that differs at core at `place`.
fn decided(ledger: &NoiseLedger, place: &str, pairs: u64) -> (Decision, Cause) {
    let decisions = decide(ledger, |_| looks(pairs));
    let (id, _) = ledger
        .cells
        .iter()
        .find(|(_, cell)| cell.key.place == place && cell.core() > 0)
        .expect("a cell");
    (decisions.cells[id].decision, decisions.cells[id].cause)
}

const TIME: (&str, &str) = (
    "\"2026-01-12T09:00:00.123Z\"",
    "\"2026-01-12T09:00:00.124Z\"",
);

#[test]
fn a_value_is_flagged_at_the_seventh_difference_without_one_of_the_twin() {
    for (only_core, only_twin, expected) in [
        (6, 0, Decision::Undecided),
        (7, 0, Decision::Finding),
        (8, 1, Decision::Undecided),
        (10, 1, Decision::Finding),
        (60, 40, Decision::Noise),
    ] {
        let mut ledger = NoiseLedger::default();
        let value = [difference("/v", Kind::ValueChange, "1", "2")];
        count(&mut ledger, only_core, &value, &[]);
        count(&mut ledger, only_twin, &[], &value);
        let seen = decided(&ledger, "/v", 100).0;
        assert_eq!(seen, expected, "{only_core}:{only_twin}");
    }
}

#[test]
fn where_no_second_answer_comes_waiting_is_not_what_helps() {
    let mut ledger = NoiseLedger::default();
    let core = verdict(&[difference("/v", Kind::ValueChange, "1", "2")]);
    let written = Paired {
        endpoint: "POST /a",
        statuses: statuses(),
        core: &core,
        twin: None,
    };
    ledger.observe(&written, &mut NoiseChanges::default());
    let undecided = |cause| (Decision::Undecided, cause);
    assert_eq!(decided(&ledger, "/v", 0), undecided(Cause::NoPairs));
    assert_eq!(decided(&ledger, "/v", 5), undecided(Cause::TooFew));
}

#[test]
fn churn_is_noise_and_a_changed_format_at_the_same_place_is_not() {
    let churn = [difference("/at", Kind::ValueChange, TIME.0, TIME.1)];
    let mut ledger = NoiseLedger::default();
    count(&mut ledger, 50, &churn, &churn);
    assert_eq!(decided(&ledger, "/at", 50), (Decision::Noise, Cause::Twin));
    for (times, bare, expected) in [
        (
            1,
            "\"2026-01-12T09:00:00.124\"",
            (Decision::Finding, Cause::Structure),
        ),
        (1, "\"1768208400\"", (Decision::Finding, Cause::Structure)),
        // One of a thousand fractions is all zeros, two in a row are not.
        (
            1,
            "\"2026-01-12T09:00:00Z\"",
            (Decision::Undecided, Cause::CutZeros),
        ),
        (
            2,
            "\"2026-01-12T09:00:00Z\"",
            (Decision::Finding, Cause::Structure),
        ),
    ] {
        let mut ledger = NoiseLedger::default();
        let changed = [difference("/at", Kind::ValueChange, TIME.0, bare)];
        count(&mut ledger, times, &changed, &churn);
        assert_eq!(decided(&ledger, "/at", times), expected, "{bare} × {times}");
    }
}

#[test]
fn a_rare_bug_at_a_quiet_place_is_found_and_an_accident_at_a_noisy_one_is_not() {
    let value = [difference("/v", Kind::ValueChange, "1", "2")];
    let mut quiet = NoiseLedger::default();
    count(&mut quiet, 9_998, &[], &[]);
    count(&mut quiet, 2, &value, &[]);
    assert_eq!(decided(&quiet, "/v", 10_000).0, Decision::Finding);
    // One accident in a hundred.
    for noise in [0, 1, 30] {
        let mut noisy = NoiseLedger::default();
        count(&mut noisy, 99 - noise, &[], &[]);
        count(&mut noisy, 1, &value, &[]);
        count(&mut noisy, noise, &[], &value);
        assert_ne!(decided(&noisy, "/v", 100).0, Decision::Finding, "{noise}");
    }
}

#[test]
fn structure_is_excused_only_where_the_twin_differs_alike() {
    use Kind::{FieldAdded, FieldRemoved, Header, Status, TypeChange, ValueChange};
    let both = |core: Difference, twin: Option<Difference>, times| {
        let mut ledger = NoiseLedger::default();
        let place = core.group.clone();
        let twin: Vec<_> = twin.into_iter().collect();
        count(&mut ledger, times, &[core], &twin);
        decided(&ledger, &place, times).0
    };
    let at = difference;
    let rows: [(Difference, Difference, Decision); 9] = [
        (
            at("/a", FieldRemoved, "1", ""),
            at("/a", FieldRemoved, "1", ""),
            Decision::Noise,
        ),
        (
            at("/a", FieldRemoved, "1", ""),
            at("/a", FieldAdded, "", "1"),
            Decision::Finding,
        ),
        (
            at("/a", TypeChange, "1", "null"),
            at("/a", TypeChange, "1", "null"),
            Decision::Noise,
        ),
        (
            at("/a", TypeChange, "1", "null"),
            at("/a", ValueChange, "1", "2"),
            Decision::Finding,
        ),
        (
            at("/a/*", FieldAdded, "", "1"),
            at("/a/*", FieldAdded, "", "1"),
            Decision::Noise,
        ),
        // Never, even where the twin does the same.
        (
            at("/a", TypeChange, "1", "\"1\""),
            at("/a", TypeChange, "1", "\"1\""),
            Decision::Finding,
        ),
        (
            at("status", Status, "200", "201"),
            at("status", Status, "200", "201"),
            Decision::Finding,
        ),
        (
            at("header:content-type", Header, "a/b", "a/c"),
            at("header:content-type", Header, "a/b", "a/c"),
            Decision::Finding,
        ),
        (
            at("header:etag", Header, "\"x1\"", "\"x2\""),
            at("header:etag", Header, "\"x1\"", "\"x3\""),
            Decision::Noise,
        ),
    ];
    for (core, twin, expected) in rows {
        let shown = format!("{core:?} {twin:?}");
        assert_eq!(both(core.clone(), Some(twin), 20), expected, "{shown}");
        if core.kind != Header || core.group.ends_with("type") {
            assert_eq!(both(core, None, 1), Decision::Finding, "{shown}");
        }
    }
}

#[test]
fn every_different_exchange_is_noise_undecided_or_different() {
    let churn = difference("/at", Kind::ValueChange, TIME.0, TIME.1);
    let bug = difference("/price", Kind::ValueChange, "10", "12");
    let odd = difference("/odd", Kind::ValueChange, "1", "2");
    let status = difference("status", Kind::Status, "200", "500");
    let mut ledger = NoiseLedger::default();
    count(
        &mut ledger,
        40,
        std::slice::from_ref(&churn),
        std::slice::from_ref(&churn),
    );
    count(
        &mut ledger,
        30,
        &[churn.clone(), bug],
        std::slice::from_ref(&churn),
    );
    count(
        &mut ledger,
        1,
        &[churn.clone(), odd],
        std::slice::from_ref(&churn),
    );
    count(&mut ledger, 5, &[churn.clone(), status], &[churn]);
    let counts = decide(&ledger, |_| looks(76)).endpoint("GET /a");
    assert_eq!(
        counts,
        Counts {
            noise: 40,
            undecided: 1
        },
        "of 76; 35 differ"
    );
}

#[test]
fn pairings_merge_in_any_order() {
    let mut parts = Vec::new();
    for part in 0..4u64 {
        let mut ledger = NoiseLedger::default();
        for place in 0..6 {
            let value = difference(&format!("/v{place}"), Kind::ValueChange, "1", "2");
            let other = difference("/w", Kind::ValueChange, "1", "2");
            count(&mut ledger, part + place, std::slice::from_ref(&value), &[]);
            count(&mut ledger, place, &[value.clone(), other], &[value]);
        }
        parts.push(ledger);
    }
    let fold = |order: &[usize]| {
        let mut all = NoiseLedger::default();
        for &at in order {
            all.merge(parts[at].clone());
        }
        all
    };
    assert_eq!(fold(&[0, 1, 2, 3]), fold(&[3, 1, 0, 2]));
    let mut left = fold(&[0, 1]);
    left.merge(fold(&[2, 3]));
    assert_eq!(left, fold(&[0, 1, 2, 3]));
}

#[test]
fn rules_are_learnt_for_values_and_orders_and_refused_for_all_that_is_more() {
    use learn::learn;
    let value = |place: &str| difference(place, Kind::ValueChange, TIME.0, TIME.1);
    let mut evidence = crate::evidence::record::Evidence::default();
    let noise = &mut evidence.ledger.noise;
    let everywhere = [
        value("/at"),
        value("/tags/*"),
        value("/{key}/at"),
        difference("/a", Kind::FieldRemoved, "1", ""),
        difference("/b", Kind::TypeChange, "1", "null"),
        difference("/c/*", Kind::FieldAdded, "", "1"),
        difference("/rows", Kind::Order, "[1]", "[2]"),
        difference("/d", Kind::ValueChange, TIME.0, "\"x\""),
    ];
    count(noise, 20, &everywhere, &everywhere);
    let mut shifted = value("/shifted");
    count(
        noise,
        20,
        std::slice::from_ref(&shifted),
        std::slice::from_ref(&shifted),
    );
    shifted.relation = Some(crate::relation::Relation::TimeShift(32_400));
    count(noise, 40, std::slice::from_ref(&shifted), &[]);
    let learnt = learn(&evidence, |_| true);
    let places: Vec<&str> = learnt
        .proposals
        .iter()
        .map(|one| one.rule.at.as_str())
        .collect();
    assert_eq!(places, ["/at"]);
    let refused: Vec<(&str, &str)> = learnt
        .refusals
        .iter()
        .map(|one| {
            (
                one.place.as_str(),
                one.reason.split(':').next().unwrap_or(""),
            )
        })
        .collect();
    assert_eq!(
        refused,
        [
            ("/a", "structural"),
            ("/b", "structural"),
            ("/c/*", "structural"),
            ("/d", "structural"),
            ("/rows", "ambiguous order"),
            ("/shifted", "core differs there otherwise"),
            ("/tags/*", "over-broad"),
            ("/{key}/at", "no place"),
        ]
    );
    let nobody = learn(&evidence, |_| false);
    assert!(nobody.proposals.is_empty(), "{nobody:?}");
}
