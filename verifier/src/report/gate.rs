//! What a look of the gate came to, for people and for programs.
#![deny(clippy::disallowed_methods)]

use std::io;

use serde_json::{Value, json};

use super::table::Table;
use crate::gate::criterion::{CriterionResult, Verdict};
use crate::gate::policy::{Decision, GateExit};
use crate::gate::run::Look;
use crate::gate::state::{Aside, State};
use crate::gate::weight::Weight;

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

fn number(value: f64) -> String {
    let text = if value == 0.0 || (0.01..1e7).contains(&value.abs()) {
        format!("{value:.4}")
    } else {
        return format!("{value:.1e}");
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The ladder with the present place: `READY ▸ [C10] ▸ C30 ▸ …`.
pub fn ladder(state: State, rungs: &[Weight]) -> String {
    let mut all = vec![State::Draft];
    while let Some(next) = all.last().and_then(|last| last.next(rungs)) {
        all.push(next);
    }
    if !all.contains(&state) {
        all.push(state);
    }
    let steps: Vec<String> = all
        .into_iter()
        .map(|step| {
            if step == state {
                format!("[{step}]")
            } else {
                step.to_string()
            }
        })
        .collect();
    steps.join(" ▸ ")
}

/// Criteria as a table: those that hold things up first.
pub fn criteria(all: &[CriterionResult], out: &mut dyn io::Write) -> io::Result<()> {
    let mut table = Table::new(&[
        ("", 2),
        ("criterion", 36),
        ("verdict", 12),
        ("value", 10),
        ("limit", 10),
        ("n", 9),
        ("ln E", 14),
        ("", 90),
    ]);
    let mut sorted: Vec<&CriterionResult> = all.iter().collect();
    sorted.sort_by_key(|result| std::cmp::Reverse(result.verdict));
    let option = |value: Option<f64>| value.map(number).unwrap_or_default();
    for result in sorted {
        let e_value = match (result.ln_e, result.ln_e_needed) {
            (Some(ln_e), Some(needed)) => format!("{ln_e:.2} of {needed:.2}"),
            _ => String::new(),
        };
        table.push(vec![
            sign(result.verdict).to_owned(),
            result.name.clone(),
            result.verdict.word().to_owned(),
            option(result.value),
            option(result.limit),
            result.n.map(|n| n.to_string()).unwrap_or_default(),
            e_value,
            result.why.clone(),
        ]);
    }
    for line in table.lines() {
        writeln!(out, "  {line}")?;
    }
    for result in all {
        if result.verdict != Verdict::Pass
            && let Some(help) = &result.help
        {
            writeln!(out, "  → {}: {help}", result.name)?;
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
