//! What legacy's removal needs.
#![deny(clippy::disallowed_methods)]

use super::share::{proved, time};
use super::{Seen, from, trouble_verdict};
use crate::gate::config::GateConfig;
use crate::gate::criterion::{CriterionResult, Verdict, Weighs};
use crate::jwt::cell::Side;
use crate::stats::theil_sen_slope;

/// What legacy's removal needs.
pub(super) fn soaking(seen: &Seen<'_>, config: &GateConfig, all: &mut Vec<CriterionResult>) {
    let observation = seen.observation;
    let core = &observation.core;
    let alpha = config.rollback.alpha;
    all.push(time(seen, config.soak.time));
    all.push(proved(
        "soak.errors_proved",
        (core.requests, core.errors),
        config.soak.error_percent / 100.0,
        alpha,
        seen,
    ));
    let slow = core.slow.get(1).copied().unwrap_or(core.requests);
    all.push(proved(
        "soak.slow_proved",
        (core.requests, slow),
        0.01,
        alpha,
        seen,
    ));
    let told = observation.memory.as_ref();
    let margin = config.soak.memory_margin;
    let (verdict, why) = match told.map(|told| &told.seen) {
        None => (Verdict::NoData, "no signal tells core's memory".to_owned()),
        Some(Err(trouble)) => (trouble_verdict(trouble.is_silence()), trouble.to_string()),
        Some(Ok(memory)) => {
            let points: Vec<(f64, f64)> = memory
                .daily_max_bytes
                .iter()
                .enumerate()
                .map(|(day, &bytes)| (day as f64, bytes))
                .collect();
            match (theil_sen_slope(&points), points.last()) {
                (Some(slope), Some((_, last))) if points.len() >= 3 => {
                    let days = if slope <= 0.0 {
                        f64::INFINITY
                    } else {
                        (memory.limit_bytes - last) / slope
                    };
                    let needed = margin.duration().as_secs_f64() / 86_400.0;
                    let verdict = if days > needed {
                        Verdict::Pass
                    } else {
                        Verdict::Fail
                    };
                    let why = if days.is_finite() {
                        format!("grows {slope:.0} bytes a day: its limit is {days:.0} days away")
                    } else {
                        "does not grow".to_owned()
                    };
                    (verdict, why)
                }
                _ => (
                    Verdict::Insufficient,
                    format!("{} days are known, 3 are needed", points.len()),
                ),
            }
        }
    };
    all.push(
        from(
            CriterionResult::new("soak.memory", Weighs::Step, verdict),
            told,
        )
        .why(why),
    );
    if let Ok(reading) = seen.reading {
        let references = &reading.legacy_references;
        let leads = reading.main == Side::Legacy;
        let verdict = if references.is_empty() && !leads {
            Verdict::Pass
        } else {
            Verdict::Fail
        };
        let why = if leads {
            "the main route still leads to legacy".to_owned()
        } else if references.is_empty() {
            "nothing refers to legacy".to_owned()
        } else {
            references.join("; ")
        };
        all.push(
            CriterionResult::new("soak.references", Weighs::Step, verdict)
                .source("router")
                .why(why),
        );
    }
}
