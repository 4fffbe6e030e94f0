//! `gate plan` and `gate judge`: what would be, without touching anything.

use std::sync::Arc;

use serde_json::json;

use super::{Fault, GateExit, Opened, OutputFormat, build};
use crate::cli::terminal::to_stdout;
use crate::gate::actuator::Act;
use crate::gate::clock::{Clock as _, SystemClock, rfc3339};
use crate::gate::config::GateConfig;
use crate::gate::journal::Journal;
use crate::gate::observe::{Alarms, Observation};
use crate::gate::policy::{Build, decide};
use crate::gate::proof::{Context, Running, load};
use crate::gate::run::{GateError, Look, Looking, look_once};
use crate::gate::signal::Ask;
use crate::gate::span::Span;
use crate::gate::state::State;
use crate::gate::weight::Weight;
use crate::jwt::cell::Side;
use crate::report::gate as report;
use crate::report::table::Table;
use crate::stats::comparisons_needed;

/// The traffic of so long a time tells how long steps will take.
const RECENT: Span = Span::from_secs(300);

pub(super) fn judge(
    opened: &Opened,
    core: &[String],
    format: OutputFormat,
) -> Result<GateExit, Fault> {
    let setup = opened.setup()?;
    let now = SystemClock::default().now();
    let standing = Journal::look(&opened.state)
        .map_err(GateError::from)?
        .standing();
    let mut running = Running::default();
    if core.is_empty() {
        running.add("by the replay's own word", load::claimed(&setup.config));
    } else {
        running.add("--core", core.iter().cloned());
    }
    let context = Context {
        now_ms: now.wall_ms,
        today: jiff::ZonedDateTime::now().date(),
        config: &setup.config,
        catalogue: setup.catalogue.as_ref(),
        running: &running,
        attempt: standing.attempt,
        accepted: &[],
    };
    let proofs = load::all(&context, setup.live.as_deref());
    let mut criteria: Vec<_> = [&proofs.replay, &proofs.jwt, &proofs.live]
        .into_iter()
        .flat_map(|proof| proof.criteria.iter().cloned())
        .collect();
    let at = rfc3339(now.wall_ms);
    for result in &mut criteria {
        result.at.clone_from(&at);
    }
    let records: Vec<_> = [proofs.replay, proofs.jwt, proofs.live]
        .into_iter()
        .filter_map(|proof| proof.record)
        .collect();
    let decision = decide(
        State::Verified,
        &criteria,
        Build::Same,
        &setup.config.ladder,
    );
    let look = Look {
        at,
        state: State::Draft,
        reached: State::Draft,
        aside: None,
        decision,
        criteria,
        route: None,
        evidence: crate::gate::record::hash_of(&records),
        drift: None,
        proved: records,
        running,
    };
    let exit = look.exit();
    to_stdout(|out| match format {
        OutputFormat::Json => report::json("judge", &look, exit, out),
        OutputFormat::Text => {
            report::criteria(&look.criteria, out)?;
            let word = if exit == GateExit::Ok {
                "PASS"
            } else {
                look.decision.word()
            };
            writeln!(out, "{word}  {}", look.decision.reason())
        }
    })?;
    Ok(exit)
}

/// What one step of the ladder needs.
struct Leg {
    state: State,
    time: Span,
    requests: u64,
    hours: Option<f64>,
    acts: Vec<String>,
}

pub(super) async fn plan(opened: &Opened, format: OutputFormat) -> Result<GateExit, Fault> {
    let setup = opened.setup()?;
    let contents = Journal::look(&opened.state).map_err(GateError::from)?;
    let standing = contents.standing();
    let clock = Arc::new(SystemClock::default());
    let mut parts = build::parts(opened, clock.clone(), true)?;
    let now = clock.now();
    let mut looking = Looking::new(Observation::begin(now, Alarms::new(&setup.config)), now);
    looking.from_ms = now.wall_ms - RECENT.millis();
    let ask = Ask {
        from_ms: looking.from_ms,
        to_ms: now.wall_ms,
        slow: vec![setup.config.rollback.p99, setup.config.soak.p99],
    };
    let asked: Vec<String> = parts
        .signals
        .iter()
        .flat_map(|signal| signal.preview(&ask))
        .collect();
    let look = look_once(
        parts.actuator.as_mut(),
        &mut parts.signals,
        &mut looking,
        now,
        &standing,
        contents.broken,
        &setup,
    )
    .await;
    let total: u64 = Side::BOTH
        .iter()
        .filter_map(|side| looking.observation.last.get(side)?.seen.as_ref().ok())
        .map(|counts| counts.requests)
        .sum();
    let per_second = total as f64 / RECENT.duration().as_secs_f64();
    let legs = legs(standing.state, &setup.config, per_second, |act| {
        parts.actuator.preview(act)
    });
    to_stdout(|out| match format {
        OutputFormat::Json => {
            let legs: Vec<_> = legs
                .iter()
                .map(|leg| {
                    json!({
                        "state": leg.state,
                        "time_s": leg.time.duration().as_secs(),
                        "requests": leg.requests,
                        "hours": leg.hours,
                        "requests_sent": leg.acts,
                    })
                })
                .collect();
            report::write_json(
                &json!({
                    "schema": report::SCHEMA,
                    "command": "plan",
                    "exit_code": 0,
                    "state": standing.state,
                    "router": parts.actuator.describe(),
                    "requests_per_second": per_second,
                    "calendar": legs,
                    "signals": asked,
                    "decision": look.decision.word(),
                    "reason": look.decision.reason(),
                    "criteria": look.criteria,
                }),
                out,
            )
        }
        OutputFormat::Text => {
            writeln!(
                out,
                "{}",
                report::ladder(standing.state, &setup.config.ladder)
            )?;
            writeln!(out, "router   {}", parts.actuator.describe())?;
            writeln!(
                out,
                "traffic  {per_second:.2} requests a second over the last {RECENT}"
            )?;
            let mut table = Table::new(&[
                ("step", 10),
                ("at least", 10),
                ("requests", 10),
                ("hours", 12),
                ("would send", 100),
            ]);
            for leg in &legs {
                table.push(vec![
                    leg.state.to_string(),
                    leg.time.to_string(),
                    leg.requests.to_string(),
                    leg.hours
                        .map_or_else(|| "no traffic".to_owned(), |hours| format!("{hours:.1}")),
                    leg.acts.join(" ; "),
                ]);
            }
            writeln!(out, "\ncalendar")?;
            for line in table.lines() {
                writeln!(out, "  {line}")?;
            }
            writeln!(out, "\neach look would ask")?;
            if asked.is_empty() {
                writeln!(out, "  nothing: `gate.signals` names no source of counts")?;
            }
            for line in &asked {
                writeln!(out, "  {line}")?;
            }
            writeln!(out, "\ncriteria now")?;
            report::criteria(&look.criteria, out)?;
            writeln!(out, "{}  {}", look.decision.word(), look.decision.reason())
        }
    })?;
    Ok(GateExit::Ok)
}

fn legs(
    from: State,
    config: &GateConfig,
    per_second: f64,
    preview: impl Fn(Act) -> Vec<String>,
) -> Vec<Leg> {
    let mut legs = Vec::new();
    let mut state = from;
    while let Some(next) = state.next(&config.ladder) {
        let acts = crate::gate::run::recipe_of(next, true, config);
        let needed =
            |limit: f64| comparisons_needed(0, 0, limit, config.rollback.alpha).unwrap_or(u64::MAX);
        let (time, requests, share) = match next {
            State::Canary(weight) => {
                let before_last = next.next(&config.ladder) == Some(State::Canary(Weight::ALL));
                let proof = if before_last {
                    needed(config.rollback.error_percent / 100.0)
                } else {
                    0
                };
                (
                    config.min_time,
                    config.min_requests.max(proof),
                    weight.share(),
                )
            }
            State::Switched => (config.soak.first_watch, 0, 1.0),
            State::Soak => (
                config.soak.time,
                needed(config.soak.error_percent / 100.0).max(needed(0.01)),
                1.0,
            ),
            State::Shadowed => (
                Span::default(),
                comparisons_needed(
                    0,
                    0,
                    config.compatibility.total_percent / 100.0,
                    config.compatibility.alpha,
                )
                .unwrap_or(u64::MAX),
                1.0,
            ),
            _ => (Span::default(), 0, 1.0),
        };
        let waiting = if requests == 0 {
            Some(0.0)
        } else {
            (per_second > 0.0).then(|| requests as f64 / (per_second * share))
        };
        legs.push(Leg {
            state: next,
            time,
            requests,
            hours: waiting.map(|seconds| seconds.max(time.duration().as_secs_f64()) / 3_600.0),
            acts: acts.into_iter().flat_map(&preview).collect(),
        });
        state = next;
    }
    legs
}
