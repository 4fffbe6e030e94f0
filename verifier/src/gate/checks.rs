//! The criteria of each state, from what was seen. Pure.
#![deny(clippy::disallowed_methods)]

use jiff::civil::Date;

use super::actuator::{ActuateError, Preflight, Reading};
use super::alarm::{STAKE_CLIENT_ERRORS, STAKE_ERRORS, STAKE_SLOW, STAKE_VERSUS, ln_needed};
use super::clock::{Moment, rfc3339};
use super::config::{GateConfig, is_open};
use super::criterion::{CriterionResult, Verdict, Weighs};
use super::journal::entry::Standing;
use super::observe::{Observation, Told};
use super::policy::Build;
use super::proof::Running;
use super::proof::load::Proofs;
use super::signal::Counts;
use super::span::Span;
use super::state::State;
use super::weight::Weight;
use crate::jwt::cell::Side;
use crate::stats::{comparisons_needed, ln_e_certify, ln_threshold, theil_sen_slope};

/// What people must have done before core serves anyone.
pub const ATTESTATIONS: [&str; 2] = ["backup_restored", "legacy_reads_core_writes"];

/// Everything that a decision rests on.
#[derive(Debug)]
pub struct Seen<'s> {
    /// Now.
    pub now: Moment,
    /// The day, for what expires.
    pub today: Date,
    /// Where the cut-over stands.
    pub standing: &'s Standing,
    /// First line of the journal that does not belong to it, if one does not.
    pub broken: Option<usize>,
    /// The router.
    pub reading: Result<&'s Reading, &'s ActuateError>,
    /// The router's own preconditions, where they were asked for.
    pub preflight: Option<Result<&'s [Preflight], &'s ActuateError>>,
    /// What runs as core.
    pub running: &'s Running,
    /// Evidence files, where the state asks for them.
    pub proofs: Option<&'s Proofs>,
    /// Live traffic.
    pub observation: &'s Observation,
}

/// The states that need a person's approval.
pub const fn needs_approval(to: State) -> bool {
    matches!(to, State::Ready | State::Switched | State::Retired)
}

/// Whether another build serves than the one that was proved.
pub fn build(standing: &Standing, running: &Running) -> Build {
    let proved: Vec<String> = standing
        .evidence
        .iter()
        .flat_map(|record| record.core.clone())
        .collect();
    if running.groups.is_empty() || proved.is_empty() || running.covered_by(&proved) {
        Build::Same
    } else {
        Build::Other
    }
}

/// Every criterion for the step after the present state.
pub fn criteria(seen: &Seen<'_>, config: &GateConfig) -> Vec<CriterionResult> {
    let state = seen.standing.state;
    let mut all = Vec::new();
    if let Some(line) = seen.broken {
        all.push(
            CriterionResult::new("journal.chain", Weighs::Evidence, Verdict::Fail)
                .source("journal")
                .why(format!("line {line} was changed or is missing"))
                .help("rollback is still possible; keep the file and begin a new state folder"),
        );
    }
    if let Some(proofs) = seen.proofs {
        let wanted = match state {
            State::Draft => vec![&proofs.replay, &proofs.jwt],
            _ => vec![&proofs.replay, &proofs.jwt, &proofs.live],
        };
        all.extend(
            wanted
                .into_iter()
                .flat_map(|proof| proof.criteria.iter().cloned()),
        );
    }
    match state {
        State::Shadowed | State::Ready => at_hand(seen, config, &mut all),
        State::Canary(weight) => {
            live(seen, config, Some(weight), &mut all);
            climbing(seen, config, weight, &mut all);
        }
        State::Switched => {
            live(seen, config, None, &mut all);
            all.push(time(seen, config.soak.first_watch));
        }
        State::Soak => {
            live(seen, config, None, &mut all);
            soaking(seen, config, &mut all);
        }
        State::Draft
        | State::Verified
        | State::Retired
        | State::RollingBack
        | State::RolledBack
        | State::Aborted => {}
    }
    if let Some(to) = state.next(&config.ladder) {
        if needs_approval(to) {
            all.push(approval(seen.standing, to));
        } else if state == State::Ready {
            all.push(approval(seen.standing, State::Ready));
        }
    }
    let at = rfc3339(seen.now.wall_ms);
    for result in &mut all {
        if result.at.is_empty() {
            result.at.clone_from(&at);
        }
    }
    all
}

/// `approval`: a person approved exactly this evidence.
fn approval(standing: &Standing, to: State) -> CriterionResult {
    let hash = standing.evidence_hash();
    let short = &hash[..hash.len().min(16)];
    let (verdict, why) = match &standing.approved {
        _ if hash.is_empty() => (Verdict::NoData, "no evidence was accepted yet".to_owned()),
        Some((state, evidence)) if *state == to && *evidence == hash => {
            (Verdict::Pass, format!("{to} approved on evidence {short}"))
        }
        Some((state, _)) if *state == to => (
            Verdict::Fail,
            "the evidence changed since it was approved".to_owned(),
        ),
        _ => (Verdict::NoData, format!("nobody approved {to} yet")),
    };
    let result = CriterionResult::new("approval", Weighs::Step, verdict)
        .source("journal")
        .why(why);
    if verdict == Verdict::Pass {
        result
    } else {
        result.help(format!("verifier gate approve --evidence {short}"))
    }
}

/// What a rollback needs, and what else must be at hand.
fn at_hand(seen: &Seen<'_>, config: &GateConfig, all: &mut Vec<CriterionResult>) {
    let open: Vec<&str> = config
        .contacts
        .iter()
        .filter(|(_, who)| is_open(who))
        .map(|(role, _)| role.as_str())
        .collect();
    let (verdict, why) = if config.contacts.is_empty() {
        (Verdict::NoData, "nobody is named".to_owned())
    } else if open.is_empty() {
        (Verdict::Pass, format!("{} named", config.contacts.len()))
    } else {
        (Verdict::Fail, format!("left open: {}", open.join(", ")))
    };
    all.push(
        CriterionResult::new("contacts", Weighs::Step, verdict)
            .source("gate.contacts")
            .why(why)
            .help("write down who is called, by role, such as `rollback: name and number`"),
    );
    for name in ATTESTATIONS {
        let (verdict, why) = match config.attestations.get(name) {
            None => (Verdict::NoData, "nobody answers for it".to_owned()),
            Some(attested) if is_open(&attested.by) => (Verdict::Fail, "left open".to_owned()),
            Some(attested) => {
                let day = attested.on.0;
                let last = day.saturating_add(jiff::Span::new().days(i64::from(attested.days)));
                if day > seen.today {
                    (Verdict::Fail, format!("{day} is in the future"))
                } else if last < seen.today {
                    (
                        Verdict::Fail,
                        format!(
                            "done on {day}: that is more than {} days ago",
                            attested.days
                        ),
                    )
                } else {
                    (Verdict::Pass, format!("by {} on {day}", attested.by))
                }
            }
        };
        all.push(
            CriterionResult::new(format!("attested.{name}"), Weighs::Step, verdict)
                .source(format!("gate.attestations.{name}"))
                .why(why)
                .help("do it, then write down who did it and when"),
        );
    }
    router(seen, config.legacy.replicas, all);
    match seen.preflight {
        None => {}
        Some(Err(error)) => all.push(
            CriterionResult::new("router.preflight", Weighs::Step, Verdict::Error)
                .source("router")
                .why(error.to_string()),
        ),
        Some(Ok(checks)) => all.extend(checks.iter().map(|check| {
            let verdict = if check.fault.is_some() {
                Verdict::Fail
            } else {
                Verdict::Pass
            };
            let mut result = CriterionResult::new(check.name.clone(), Weighs::Step, verdict)
                .source("router")
                .why(
                    check
                        .fault
                        .clone()
                        .unwrap_or_else(|| "as it must be".to_owned()),
                );
            result.query = Some(check.query.clone());
            result
        })),
    }
    // A gate that cannot see must not begin: legacy serves everything now, so its counts must be there.
    let told = seen.observation.last.get(&Side::Legacy);
    let (verdict, why) = match told.map(|told| &told.seen) {
        None => (
            Verdict::NoData,
            "no signal counts legacy's requests".to_owned(),
        ),
        Some(Err(trouble)) => (trouble_verdict(trouble.is_silence()), trouble.to_string()),
        Some(Ok(counts)) => (
            Verdict::Pass,
            format!(
                "legacy's requests are counted ({} in the last look)",
                counts.requests
            ),
        ),
    };
    all.push(
        from(CriterionResult::new("signals", Weighs::Step, verdict), told)
            .why(why)
            .help("name what counts live requests in `gate.signals`"),
    );
    skew(seen, all);
}

const fn trouble_verdict(silence: bool) -> Verdict {
    if silence {
        Verdict::NoData
    } else {
        Verdict::Error
    }
}

fn from<T>(mut result: CriterionResult, told: Option<&Told<T>>) -> CriterionResult {
    if let Some(told) = told {
        result.source.clone_from(&told.source);
        result.query.clone_from(&told.query);
        result.at = rfc3339(told.at_ms);
    }
    result
}

fn router(seen: &Seen<'_>, legacy_needed: u32, all: &mut Vec<CriterionResult>) {
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
                .value(f64::from(replicas.ready), u64::from(replicas.wanted))
                .limit(f64::from(needed))
                .why(format!("{} of {needed} ready", replicas.ready)),
        );
    }
}

fn skew(seen: &Seen<'_>, all: &mut Vec<CriterionResult>) {
    let ms = seen.observation.skew_ms;
    let (verdict, word) = match ms.abs() {
        0..=2_000 => (Verdict::Pass, "together"),
        2_001..=30_000 => (Verdict::Pass, "apart; set them"),
        _ => (Verdict::Error, "too far apart to say what happened when"),
    };
    all.push(
        CriterionResult::new("clocks", Weighs::Step, verdict)
            .source("signals")
            .value(ms as f64 / 1000.0, 1)
            .limit(30.0)
            .why(format!("the clocks are {word}")),
    );
}

/// What must hold whenever core serves.
fn live(
    seen: &Seen<'_>,
    config: &GateConfig,
    weight: Option<Weight>,
    all: &mut Vec<CriterionResult>,
) {
    let observation = seen.observation;
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
    let told = observation.last.get(&Side::Core);
    all.push(sight(seen, config, weight));

    let alarms = &observation.alarms;
    let rollback = &config.rollback;
    let tests = [
        (
            "core.errors",
            alarms.errors.ln_e(),
            alarms.errors.counts(),
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
            alarms.slow.counts(),
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
            alarms.versus.counts(),
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
            alarms.client_errors.counts(),
            rollback.times_legacy,
            STAKE_CLIENT_ERRORS,
            format!(
                "4xx are core's; more than {} times legacy's rate is too much",
                rollback.times_legacy
            ),
        ),
    ];
    for (name, ln_e, (n, k), limit, stake, what) in tests {
        // The last two count core's among both sides' bad answers.
        let (n, k) = if name.ends_with("legacy") {
            (k, n)
        } else {
            (n, k)
        };
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
                .value(k as f64 / n.max(1) as f64, n)
                .limit(limit)
                .e_value(ln_e, needed)
                .why(format!("{k} of {n} {what}")),
        );
    }
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
        .value(percent / 100.0, last.requests)
        .limit(rollback.burst_percent / 100.0)
        .why(why),
    );
    for (name, probe) in &observation.probes {
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
            .value(held as f64, tried)
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
    .value(blind.as_secs_f64(), observation.core.requests)
    .limit(max.duration().as_secs_f64())
    .why(why)
}

fn time(seen: &Seen<'_>, needed: Span) -> CriterionResult {
    let passed = seen.observation.time(seen.now);
    let verdict = if passed >= needed.duration() {
        Verdict::Pass
    } else {
        Verdict::Insufficient
    };
    let shown = Span::from_secs(passed.as_secs());
    let result = CriterionResult::new("time", Weighs::Step, verdict)
        .source("clock")
        .value(passed.as_secs_f64(), 1)
        .limit(needed.duration().as_secs_f64())
        .why(format!("observed for {shown} of {needed}"));
    if verdict == Verdict::Pass {
        return result;
    }
    let left = needed.duration().saturating_sub(passed);
    result.help(format!("{} more", Span::from_secs(left.as_secs() + 1)))
}

/// What the next larger share needs.
fn climbing(seen: &Seen<'_>, config: &GateConfig, weight: Weight, all: &mut Vec<CriterionResult>) {
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
        .value(n as f64, n)
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
    .value(value, all)
    .limit(weight.share())
    .why(why)
    .help(
        "look at the router: session affinity, other routes to legacy, a controller that does not follow; \
         and at the counts: health checks and scrapes are no traffic",
    )
}

/// A rate that must be proved to be below `limit`.
fn proved(
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
    .value(k as f64 / n.max(1) as f64, n)
    .limit(limit)
    .e_value(ln_e, needed)
    .why(format!("{k} of {n}"));
    if verdict == Verdict::Pass {
        return result;
    }
    result.help(match comparisons_needed(n, k, limit, alpha) {
        Some(more) => format!("{more} more good answers"),
        None => "more good answers".to_owned(),
    })
}

/// What legacy's removal needs.
fn soaking(seen: &Seen<'_>, config: &GateConfig, all: &mut Vec<CriterionResult>) {
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
