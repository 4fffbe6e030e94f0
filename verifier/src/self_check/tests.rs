use std::collections::BTreeSet;

use super::fault::Sound;
use super::*;
use crate::rules::{RuleSpec, Rules};
use crate::verdict::Kind;

const ROOMS: &str = r#"{"rooms":[{"id":17,"name":"Sea view","price":120.50,"note":null,"free":true},
    {"id":18,"name":"Garden","price":80.00,"note":"quiet","free":false}],
    "at":"2026-03-01T09:00:00Z","total":2}"#;

fn answer(media: &str, body: &str) -> Answer {
    Answer {
        status: 200,
        headers: vec![("content-type".to_owned(), media.as_bytes().to_vec())],
        body: bytes::Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn exchange(reference: Answer, candidate: Answer) -> Exchange {
    Exchange {
        endpoint: "rooms_list".to_owned(),
        case: "rooms_list".to_owned(),
        method: "GET".to_owned(),
        path: "/rooms".to_owned(),
        reference: Observation::of(reference),
        candidate: Observation::of(candidate),
    }
}

fn equal(media: &str, body: &str) -> Exchange {
    exchange(answer(media, body), answer(media, body))
}

fn counts(exchange: &Exchange, rules: &Rules, number: u64, noise: bool) -> SelfCheckCounts {
    let mut counts = SelfCheckCounts::default();
    for seed in 0..number {
        match check(exchange, rules, seed, |_, _| noise) {
            Some((_, Seen::Found)) => counts.found += 1,
            Some((_, Seen::Blind)) => counts.blind += 1,
            Some((_, Seen::Missed)) => counts.missed += 1,
            None => {}
        }
    }
    counts
}

#[test]
fn every_fault_of_the_catalogue_is_injected_and_found_without_rules() {
    let mut seen = BTreeSet::new();
    for (media, body) in [
        ("application/json", ROOMS),
        ("application/json", "[3,1,2]"),
        ("text/plain", "all rooms are taken\n"),
        ("application/octet-stream", "\u{1}\u{2}\u{3}"),
        ("text/plain", ""),
    ] {
        let exchange = equal(media, body);
        let rules = Rules::default();
        for seed in 0..200 {
            let (fault, found) =
                check(&exchange, &rules, seed, |_, _| false).expect("a status can always change");
            assert_eq!(found, Seen::Found, "{fault:?}, seed {seed}, in {body}");
            seen.insert(format!("{fault:?}"));
        }
    }
    assert_eq!(seen.len(), Fault::ALL.len(), "{seen:?}");
}

#[test]
fn a_fault_is_the_same_for_the_same_seed_and_leaves_the_exchange_alone() {
    let exchange = equal("application/json", ROOMS);
    let candidate = exchange.candidate.answer.clone().expect("an answer");
    let sound = Sound::of(candidate).expect("JSON");
    for seed in 0..50 {
        let (_, faulty) = sound.inject(seed).expect("room for a fault");
        assert_ne!(faulty, sound.answer);
        assert_eq!(sound.inject(seed).map(|(_, again)| again), Some(faulty));
    }
    let before = format!("{exchange:?}");
    let _counts = counts(&exchange, &Rules::default(), 50, false);
    assert_eq!(format!("{exchange:?}"), before);
}

#[test]
fn what_noise_excuses_is_blind_and_lowers_the_recall() {
    let seen = counts(
        &equal("application/json", ROOMS),
        &Rules::default(),
        60,
        true,
    );
    assert_eq!((seen.injected(), seen.blind), (60, 60));
    assert!(SelfCheckConfig::default().is_short(&seen));
}

#[test]
fn beside_noise_faults_are_found_and_where_it_is_none_is_tried() {
    let later = ROOMS.replace("09:00:00", "09:00:07");
    let noisy = exchange(
        answer("application/json", ROOMS),
        answer("application/json", &later),
    );
    let rules = Rules::default();
    let mut seen = BTreeSet::new();
    for seed in 0..400 {
        let (fault, seen_as) = check(&noisy, &rules, seed, |_, finding| {
            finding.location.to_string() == "/at" && finding.kind == Kind::ValueChange
        })
        .expect("there is more than the time");
        assert_eq!(seen_as, Seen::Found, "{fault:?}, seed {seed}");
        seen.insert(format!("{fault:?}"));
    }
    assert!(
        seen.contains("ChangeScalar") && seen.contains("Retype"),
        "{seen:?}"
    );
    // A rule excuses it for good: whatever else happens there is hidden too.
    let time: Vec<RuleSpec> =
        serde_saphyr::from_str("- {at: /at, tolerate: any, reason: a test}").expect("a rule");
    let time = Rules::compile(&time, None).expect("a sound rule");
    let blind = counts(&noisy, &time, 400, false);
    assert!(blind.blind > 0 && blind.found > 300, "{blind:?}");
}

#[test]
fn an_exchange_that_differs_or_has_no_answer_teaches_nothing() {
    let one = answer("application/json", ROOMS);
    let other = answer("application/json", "{}");
    let rules = Rules::default();
    assert_eq!(check(&exchange(one, other), &rules, 1, |_, _| false), None);
    let mut silent = equal("application/json", ROOMS);
    silent.candidate.answer = Err(crate::exchange::Failure::Timeout("late".to_owned()));
    assert_eq!(check(&silent, &rules, 1, |_, _| false), None);
}

#[test]
fn nothing_is_proven_while_the_recall_is_below_its_bound() {
    let config = SelfCheckConfig::default();
    for (found, blind, missed, short) in [
        (0, 0, 0, false),
        (10, 10, 0, false), // too few to say anything
        (29, 0, 0, false),
        (28, 1, 0, true),
        (28, 0, 1, true),
        (60, 1, 0, false),
        (800, 200, 0, true),
    ] {
        let counts = SelfCheckCounts {
            found,
            blind,
            missed,
        };
        assert_eq!(config.is_short(&counts), short, "{counts:?}");
        let warning = config.warning(&counts, Some("rooms_list"));
        assert_eq!(warning.is_some(), short);
        assert!(warning.is_none_or(|text| text.starts_with("rooms_list: ")));
        let any = SelfCheckConfig {
            min_recall: 0.0,
            ..config
        };
        assert!(!any.is_short(&counts), "nothing is demanded");
    }
}
