//! The router, the instances behind it, and the clocks.
#![deny(clippy::disallowed_methods)]

use super::Seen;
use crate::gate::criterion::{CriterionResult, Unit, Verdict, Weighs};

pub(super) fn router(seen: &Seen<'_>, legacy_needed: u32, all: &mut Vec<CriterionResult>) {
    let reading = match seen.reading {
        Ok(reading) => reading,
        Err(error) => {
            all.push(
                CriterionResult::new("router", Weighs::Step, Verdict::Error)
                    .source("router")
                    .why(error.to_string()),
            );
            return;
        }
    };
    let taken = if reading.taken {
        (Verdict::Pass, "it shows what the gate left")
    } else {
        (
            Verdict::Insufficient,
            "it has not taken the last change over yet",
        )
    };
    all.push(
        CriterionResult::new("router", Weighs::Step, taken.0)
            .source("router")
            .why(taken.1),
    );
    for (name, replicas, needed) in [
        ("legacy.ready", reading.legacy, legacy_needed),
        (
            "core.ready",
            reading.core,
            reading.core.map_or(0, |core| core.wanted.max(1)),
        ),
    ] {
        let Some(replicas) = replicas else { continue };
        let verdict = if replicas.ready >= needed {
            Verdict::Pass
        } else {
            Verdict::Fail
        };
        all.push(
            CriterionResult::new(name, Weighs::Step, verdict)
                .source("router")
                .value(
                    f64::from(replicas.ready),
                    Unit::Count,
                    u64::from(replicas.wanted),
                )
                .limit(f64::from(needed))
                .why(format!("{} of {needed} ready", replicas.ready)),
        );
    }
}

pub(super) fn skew(seen: &Seen<'_>, all: &mut Vec<CriterionResult>) {
    let ms = seen.observation.skew_ms;
    let (verdict, word) = match ms.abs() {
        0..=2_000 => (Verdict::Pass, "together"),
        2_001..=30_000 => (Verdict::Pass, "apart; set them"),
        _ => (Verdict::Error, "too far apart to say what happened when"),
    };
    all.push(
        CriterionResult::new("clocks", Weighs::Step, verdict)
            .source("signals")
            .value(ms as f64 / 1000.0, Unit::Seconds, 1)
            .limit(30.0)
            .why(format!("the clocks are {word}")),
    );
}
