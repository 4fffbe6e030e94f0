//! What the next larger share needs: time, counts, and that core gets its share.
#![deny(clippy::disallowed_methods)]

use super::{Seen, from};
use crate::gate::config::GateConfig;
use crate::gate::criterion::{CriterionResult, Unit, Verdict, Weighs};
use crate::gate::span::Span;
use crate::gate::state::State;
use crate::gate::weight::Weight;
use crate::jwt::cell::Side;
use crate::stats::{comparisons_needed, ln_e_certify, ln_threshold};

/// `time`: the state lasted so long already.
pub(super) fn time(seen: &Seen<'_>, needed: Span) -> CriterionResult {
    let passed = seen.observation.time(seen.now);
    let verdict = if passed >= needed.duration() {
        Verdict::Pass
    } else {
        Verdict::Insufficient
    };
    let shown = Span::from_secs(passed.as_secs());
    let result = CriterionResult::new("time", Weighs::Step, verdict)
        .source("clock")
        .value(passed.as_secs_f64(), Unit::Seconds, 1)
        .limit(needed.duration().as_secs_f64())
        .why(format!("observed for {shown} of {needed}"));
    if verdict == Verdict::Pass {
        return result;
    }
    let left = needed.duration().saturating_sub(passed);
    result.help(format!("{} more", Span::from_secs(left.as_secs() + 1)))
}

/// What the next larger share needs.
pub(super) fn climbing(
    seen: &Seen<'_>,
    config: &GateConfig,
    weight: Weight,
    all: &mut Vec<CriterionResult>,
) {
    let observation = seen.observation;
    all.push(share(seen, config, weight));
    all.push(time(seen, config.min_time));
    let n = observation.core.requests;
    let verdict = if n >= config.min_requests {
        Verdict::Pass
    } else {
        Verdict::Insufficient
    };
    all.push(
        from(
            CriterionResult::new("requests", Weighs::Step, verdict),
            observation.last.get(&Side::Core),
        )
        .value(n as f64, Unit::Count, n)
        .missing((n < config.min_requests).then(|| config.min_requests - n))
        .limit(config.min_requests as f64)
        .why(format!(
            "core answered {n} of {} requests",
            config.min_requests
        ))
        .help("wait longer, or approve a larger share"),
    );
    let next_is_all = seen.standing.state.next(&config.ladder) == Some(State::Canary(Weight::ALL));
    if next_is_all {
        // The last share with a concurrent legacy: what must be proved is proved here.
        let limit = config.rollback.error_percent / 100.0;
        all.push(proved(
            "core.errors_proved",
            (n, observation.core.errors),
            limit,
            config.rollback.alpha,
            seen,
        ));
    }
}

/// `share`: core gets what the router was told to give it. A wrong share holds first; it leads back only
/// once it lasted as long as a change may take, in counts of their own.
fn share(seen: &Seen<'_>, config: &GateConfig, weight: Weight) -> CriterionResult {
    let observation = seen.observation;
    let (core, legacy) = (observation.core.requests, observation.legacy.requests);
    let all = core + legacy;
    let limit = config.effect_within;
    let told = format!("core answered {core} of {all} requests, {weight} are set");
    let (verdict, weighs, why) = match observation.share.wrong_for(seen.now) {
        Some((wrong, true)) if wrong >= limit.duration() => (
            Verdict::Fail,
            Weighs::Harm,
            format!("{told}; wrong for longer than {limit}"),
        ),
        Some((wrong, _)) => {
            let wrong = Span::from_secs(wrong.as_secs());
            let why = format!(
                "{told}; wrong for {wrong}, traffic goes back if it still is after {limit}"
            );
            (Verdict::Error, Weighs::Step, why)
        }
        None if observation.share.is_shown() => (Verdict::Pass, Weighs::Step, told),
        None => (Verdict::Insufficient, Weighs::Step, told),
    };
    let value = core as f64 / all.max(1) as f64;
    from(
        CriterionResult::new("share", weighs, verdict),
        observation.last.get(&Side::Core),
    )
    .value(value, Unit::Share, all)
    .limit(weight.share())
    .why(why)
    .help(
        "look at the router: session affinity, other routes to legacy, a controller that does not follow; \
         and at the counts: health checks and scrapes are no traffic",
    )
}

/// A rate that must be proved to be below `limit`.
pub(super) fn proved(
    name: &str,
    (n, k): (u64, u64),
    limit: f64,
    alpha: f64,
    seen: &Seen<'_>,
) -> CriterionResult {
    let ln_e = ln_e_certify(n, k, limit);
    let needed = ln_threshold(alpha);
    let verdict = if ln_e >= needed {
        Verdict::Pass
    } else {
        Verdict::Insufficient
    };
    let result = from(
        CriterionResult::new(name, Weighs::Step, verdict),
        seen.observation.last.get(&Side::Core),
    )
    .value(k as f64 / n.max(1) as f64, Unit::Share, n)
    .limit(limit)
    .e_value(ln_e, needed)
    .why(format!("{k} of {n}"));
    if verdict == Verdict::Pass {
        return result;
    }
    let missing = comparisons_needed(n, k, limit, alpha);
    result.missing(missing).help(match missing {
        Some(more) => format!("{more} more good answers"),
        None => "more good answers".to_owned(),
    })
}
