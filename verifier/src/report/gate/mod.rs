//! What a look of the gate came to, for people and for programs.
#![deny(clippy::disallowed_methods)]

mod grid;
pub mod view;

use std::io;

use serde_json::{Value, json};

use super::table::printable;
use crate::gate::criterion::{CriterionResult, Verdict};
use crate::gate::journal::entry::{Entry, Line};
use crate::gate::policy::{Decision, GateExit};
use crate::gate::run::Look;
use crate::gate::state::{Aside, State};
use crate::gate::weight::Weight;

/// Where nobody looks at the terminal's width.
const WIDE: usize = 180;

/// Version of the JSON shape; a field that changes its meaning or goes away raises it.
pub const SCHEMA: &str = "verifier-gate/1";

/// One verdict as JSON, indented, with a final line break.
pub fn json(command: &str, look: &Look, exit: GateExit, out: &mut dyn io::Write) -> io::Result<()> {
    let mut value = json!({
        "schema": SCHEMA,
        "command": command,
        "tool_version": env!("CARGO_PKG_VERSION"),
        "exit_code": exit as u8,
        "reason": look.decision.reason(),
    });
    if let (Value::Object(all), Ok(Value::Object(own))) = (&mut value, serde_json::to_value(look)) {
        all.extend(own);
        all.insert("decision".to_owned(), json!(look.decision.word()));
    }
    write_json(&value, out)
}

/// What could not be done, in the same shape.
pub fn json_error(
    command: &str,
    exit: GateExit,
    error: &str,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let value = json!({
        "schema": SCHEMA,
        "command": command,
        "tool_version": env!("CARGO_PKG_VERSION"),
        "exit_code": exit as u8,
        "decision": "HOLD",
        "reason": error,
        "criteria": [],
    });
    write_json(&value, out)
}

/// Any value, indented, with a final line break.
pub fn write_json(value: &Value, out: &mut dyn io::Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    out.write_all(b"\n")
}

const fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Insufficient => "…",
        Verdict::NoData => "?",
        Verdict::Error => "!",
        Verdict::Fail => "✗",
    }
}

/// The ladder with the present place: `READY ▸ [C10] ▸ C30 ▸ …`.
pub fn ladder(state: State, rungs: &[Weight]) -> String {
    let steps = steps(state, rungs).into_iter().map(|step| {
        if step == state {
            format!("[{step}]")
        } else {
            step.to_string()
        }
    });
    steps.collect::<Vec<_>>().join(" ▸ ")
}

/// Every state from the first to the last, and the present one behind them if it lies beside.
fn steps(state: State, rungs: &[Weight]) -> Vec<State> {
    let mut all = vec![State::Draft];
    while let Some(next) = all.last().and_then(|last| last.next(rungs)) {
        all.push(next);
    }
    if !all.contains(&state) {
        all.push(state);
    }
    all
}

/// Criteria as a table: those that hold things up first.
pub fn criteria(all: &[CriterionResult], out: &mut dyn io::Write) -> io::Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    for line in grid::lines(all, WIDE, usize::MAX) {
        writeln!(out, "  {line}")?;
    }
    for result in all {
        if result.verdict != Verdict::Pass
            && let Some(help) = &result.help
        {
            writeln!(out, "  → {}: {}", printable(&result.name), printable(help))?;
        }
    }
    Ok(())
}

/// A look for people.
pub fn text(look: &Look, rungs: &[Weight], out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "{}", ladder(look.reached, rungs))?;
    if let Some(route) = look.route {
        writeln!(out, "{route}")?;
    }
    match &look.aside {
        Some(Aside::Hold { reason }) => writeln!(out, "HOLD  {reason}")?,
        Some(Aside::Drift { reason }) => {
            writeln!(
                out,
                "DRIFT  {reason}\n  → `gate adopt` takes it over, `gate rollback` goes back"
            )?;
        }
        None => {}
    }
    criteria(&look.criteria, out)?;
    let word = match &look.decision {
        Decision::Advance { to } if look.reached == *to => format!("ADVANCED to {to}"),
        decision => decision.word().to_owned(),
    };
    writeln!(out, "{word}  {}", look.decision.reason())
}

/// A line of the journal in words.
pub fn what(line: &Line) -> String {
    match &line.entry {
        Entry::Begun {
            run_id, attempt, ..
        } => format!("cut-over {run_id} begins, attempt {attempt}"),
        Entry::Evidence { record } => format!(
            "evidence {}: {} of {} differ, {}",
            record.kind.name(),
            record.k,
            record.n,
            &record.sha256[..record.sha256.len().min(12)]
        ),
        Entry::Approved { to, evidence, by } => format!(
            "{to} approved on {}{}",
            &evidence[..evidence.len().min(12)],
            said_by(by.as_deref())
        ),
        Entry::Intent(intent) => format!("{} → {}: {}", intent.from, intent.to, intent.act),
        Entry::Applied { .. } => "  taken by the router".to_owned(),
        Entry::Confirmed { route, .. } => format!("  seen: {route}"),
        Entry::Dropped { reason, .. } => format!("  not made: {reason}"),
        Entry::Moved {
            from, to, reason, ..
        } => format!("{from} → {to}: {reason}"),
        Entry::Aside { aside: None } => "goes on".to_owned(),
        Entry::Aside {
            aside: Some(Aside::Hold { reason }),
        } => format!("HOLD {reason}"),
        Entry::Aside {
            aside: Some(Aside::Drift { reason }),
        } => format!("DRIFT {reason}"),
        Entry::Adopted { route, state, by } => format!(
            "taken over by hand{}: {route}, so {state}",
            said_by(by.as_deref())
        ),
        Entry::Stolen { from } => format!("right to write taken from {from}"),
        Entry::Mended { bytes } => format!("{bytes} bytes of a torn last line cut off"),
    }
}

fn said_by(who: Option<&str>) -> String {
    who.map_or_else(String::new, |who| format!(" by {who}"))
}
