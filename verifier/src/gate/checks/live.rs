//! What must hold whenever core serves: the alarms, and that they can see.
#![deny(clippy::disallowed_methods)]

use super::router::{router, skew};
use super::{Seen, build, from, trouble_verdict};
use crate::gate::alarm::{STAKE_CLIENT_ERRORS, STAKE_ERRORS, STAKE_SLOW, STAKE_VERSUS, ln_needed};
use crate::gate::config::GateConfig;
use crate::gate::criterion::{CriterionResult, Unit, Verdict, Weighs};
use crate::gate::policy::Build;
use crate::gate::signal::Counts;
use crate::gate::weight::Weight;
use crate::jwt::cell::Side;

/// What must hold whenever core serves.
pub(super) fn live(
    seen: &Seen<'_>,
    config: &GateConfig,
    weight: Option<Weight>,
    all: &mut Vec<CriterionResult>,
) {
    let (verdict, why) = match build(seen.standing, seen.running) {
        _ if seen.running.groups.is_empty() => (
            Verdict::NoData,
            "it is unknown which build serves".to_owned(),
        ),
        Build::Same => (
            Verdict::Pass,
            format!("{} serves, as proved", seen.running.text()),
        ),
        Build::Other => (
            Verdict::Fail,
            format!("{} serves, which was not proved", seen.running.text()),
        ),
    };
    all.push(
        CriterionResult::new("core.build", Weighs::Evidence, verdict)
            .source("router and signals")
            .why(why)
            .help("prove the build that serves, or put the proved one back"),
    );
    let standby = if weight.is_some() {
        config.legacy.replicas
    } else {
        config.legacy.standby_replicas
    };
    router(seen, standby, all);
    skew(seen, all);
    all.push(sight(seen, config, weight));

    alarms(seen, config, all);
    burst(seen, config, all);
    journeys(seen, all);
}

/// The sequential tests over the whole cut-over.
fn alarms(seen: &Seen<'_>, config: &GateConfig, all: &mut Vec<CriterionResult>) {
    let observation = seen.observation;
    let told = observation.last.get(&Side::Core);
    let (alarms, rollback) = (&observation.alarms, &config.rollback);
    let (core, legacy) = (&observation.core, &observation.legacy);
    let (errors, slow) = (alarms.errors.counts(), alarms.slow.counts());
    let share = |(n, k): (u64, u64)| (k as f64 / n.max(1) as f64, Unit::Share);
    // How many times legacy's rate core's is, at the present share; nothing where legacy has none.
    let times = |core: (u64, u64), legacy: (u64, u64)| {
        let rate = |(k, n): (u64, u64)| k as f64 / n as f64;
        (rate(core) / rate(legacy), Unit::Times)
    };
    // These two count core's among both sides' bad answers.
    let (versus, client_errors) = (alarms.versus.counts(), alarms.client_errors.counts());
    let tests = [
        (
            "core.errors",
            alarms.errors.ln_e(),
            errors,
            share(errors),
            rollback.error_percent / 100.0,
            STAKE_ERRORS,
            format!(
                "answers are errors; more than {} % are too many",
                rollback.error_percent
            ),
        ),
        (
            "core.slow",
            alarms.slow.ln_e(),
            slow,
            share(slow),
            0.01,
            STAKE_SLOW,
            format!(
                "answers took longer than {}; more than 1 % are too many",
                rollback.p99
            ),
        ),
        (
            "core.errors_vs_legacy",
            alarms.versus.ln_e(),
            (versus.1, versus.0),
            times(
                (core.errors, core.requests),
                (legacy.errors, legacy.requests),
            ),
            rollback.times_legacy,
            STAKE_VERSUS,
            format!(
                "errors are core's; more than {} times legacy's rate is too much",
                rollback.times_legacy
            ),
        ),
        (
            "core.client_errors_vs_legacy",
            alarms.client_errors.ln_e(),
            (client_errors.1, client_errors.0),
            times(
                (core.client_errors, core.requests),
                (legacy.client_errors, legacy.requests),
            ),
            rollback.times_legacy,
            STAKE_CLIENT_ERRORS,
            format!(
                "4xx are core's; more than {} times legacy's rate is too much",
                rollback.times_legacy
            ),
        ),
    ];
    for (name, ln_e, (n, k), (value, unit), limit, stake, what) in tests {
        let needed = ln_needed(rollback.alpha, stake);
        let verdict = if ln_e >= needed {
            Verdict::Fail
        } else if let Some(Err(trouble)) = told.map(|told| &told.seen) {
            trouble_verdict(trouble.is_silence())
        } else if observation.core.requests >= config.min_requests {
            Verdict::Pass
        } else {
            Verdict::Insufficient
        };
        all.push(
            from(CriterionResult::new(name, Weighs::Harm, verdict), told)
                .value(value, unit, n)
                .limit(limit)
                .e_value(ln_e, needed)
                .why(format!("{k} of {n} {what}")),
        );
    }
}

/// `core.burst`: half of a look's answers are errors, or no journey holds; no test is needed for that.
fn burst(seen: &Seen<'_>, config: &GateConfig, all: &mut Vec<CriterionResult>) {
    let (observation, rollback) = (seen.observation, &config.rollback);
    let told = observation.last.get(&Side::Core);
    let none = Counts::default();
    let last = told
        .and_then(|told| told.seen.as_ref().ok())
        .unwrap_or(&none);
    let percent = last.errors as f64 * 100.0 / last.requests.max(1) as f64;
    let burst = last.errors >= rollback.burst_errors && percent >= rollback.burst_percent;
    let verdict = if burst || observation.probes_all_fail() {
        Verdict::Fail
    } else if told.is_some_and(|told| told.seen.is_ok()) {
        Verdict::Pass
    } else {
        Verdict::Insufficient
    };
    let why = if burst || !observation.probes_all_fail() {
        format!(
            "{} of {} answers of the last look are errors",
            last.errors, last.requests
        )
    } else {
        "no journey holds any more".to_owned()
    };
    all.push(
        from(
            CriterionResult::new("core.burst", Weighs::Harm, verdict),
            told,
        )
        .value(percent / 100.0, Unit::Share, last.requests)
        .limit(rollback.burst_percent / 100.0)
        .why(why),
    );
}

/// `probe.NAME`: each journey and command.
fn journeys(seen: &Seen<'_>, all: &mut Vec<CriterionResult>) {
    for (name, probe) in &seen.observation.probes {
        let (verdict, weighs, why) = match &probe.told.seen {
            Err(trouble) => (Verdict::Error, Weighs::Step, trouble.to_string()),
            Ok(probed) if probed.tried == 0 => {
                (Verdict::NoData, Weighs::Step, "it was not run".to_owned())
            }
            Ok(probed) if probed.held == probed.tried => (
                Verdict::Pass,
                Weighs::Harm,
                format!("held {} of {} times", probed.held, probed.tried),
            ),
            Ok(probed) => {
                let why = format!(
                    "held {} of {} times: {}",
                    probed.held, probed.tried, probed.detail
                );
                match probe.failing {
                    _ if probe.side == Some(Side::Legacy) => (Verdict::Fail, Weighs::Step, why),
                    // One look may meet a passing trouble; the next one tells.
                    0 | 1 => (Verdict::Insufficient, Weighs::Step, why),
                    _ => (Verdict::Fail, Weighs::Harm, why),
                }
            }
        };
        let (held, tried) = probe
            .told
            .seen
            .as_ref()
            .map_or((0, 0), |probed| (probed.held, probed.tried));
        all.push(
            from(
                CriterionResult::new(format!("probe.{name}"), weighs, verdict),
                Some(&probe.told),
            )
            .value(held as f64, Unit::Count, tried)
            .limit(tried as f64)
            .why(why),
        );
    }
}

/// `core.seen`: it is known how core does. Not knowing is bounded: then traffic goes back, unless
/// journeys show that all is well, or nothing automatic would be safe any more.
fn sight(seen: &Seen<'_>, config: &GateConfig, weight: Option<Weight>) -> CriterionResult {
    let observation = seen.observation;
    let told = observation.last.get(&Side::Core);
    let max = config.rollback.max_blind;
    let (blind, why) = match observation.silent_since {
        Some(since) => (
            seen.now.since(since),
            "core gets none of the traffic that legacy shows it must get".to_owned(),
        ),
        None => (
            seen.now.since(observation.known),
            match told.map(|told| &told.seen) {
                None => "no signal counts core's requests".to_owned(),
                Some(Err(trouble)) => trouble.to_string(),
                Some(Ok(_)) => "core's requests are counted".to_owned(),
            },
        ),
    };
    let known = observation.silent_since.is_none() && told.is_some_and(|told| told.seen.is_ok());
    let (verdict, why) = if known {
        (Verdict::Pass, why)
    } else if observation.silent_since.is_none()
        && matches!(told.map(|told| &told.seen), Some(Err(trouble)) if trouble.is_silence())
    {
        (Verdict::NoData, why)
    } else if blind <= max.duration() {
        (Verdict::Error, why)
    } else if weight.is_none() {
        (
            Verdict::Error,
            format!("{why}; a person must look: after the switch nothing goes back blindly"),
        )
    } else if observation.probes_hold() {
        (
            Verdict::Error,
            format!("{why}; journeys still hold, so core stays; a person must look"),
        )
    } else {
        (Verdict::Fail, format!("{why}; that is longer than {max}"))
    };
    from(
        CriterionResult::new("core.seen", Weighs::Harm, verdict),
        told,
    )
    .value(
        blind.as_secs_f64(),
        Unit::Seconds,
        observation.core.requests,
    )
    .limit(max.duration().as_secs_f64())
    .why(why)
}
