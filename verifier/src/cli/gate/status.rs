//! `gate status`: where a cut-over stands and how it came there. Reads the journal alone.

use serde_json::json;

use super::{Fault, GateExit, Opened, OutputFormat};
use crate::cli::terminal::to_stdout;
use crate::gate::clock::rfc3339;
use crate::gate::journal::Journal;
use crate::gate::journal::entry::{Entry, Line};
use crate::gate::run::GateError;
use crate::gate::state::Aside;
use crate::report::gate as report;
use crate::report::table::Table;

pub(super) fn done(format: OutputFormat, command: &str, text: &str) -> std::io::Result<()> {
    to_stdout(|out| match format {
        OutputFormat::Text => writeln!(out, "{text}"),
        OutputFormat::Json => report::write_json(
            &json!({"schema": report::SCHEMA, "command": command, "exit_code": 0, "reason": text}),
            out,
        ),
    })
}

pub(super) fn status(opened: &Opened, format: OutputFormat) -> Result<GateExit, Fault> {
    let contents = Journal::look(&opened.state).map_err(GateError::from)?;
    let standing = contents.standing();
    let exit = if contents.broken.is_some() {
        GateExit::Evidence
    } else if matches!(standing.aside, Some(Aside::Drift { .. })) {
        GateExit::Locked
    } else {
        GateExit::Ok
    };
    to_stdout(|out| match format {
        OutputFormat::Json => report::write_json(
            &json!({
                "schema": report::SCHEMA,
                "command": "status",
                "exit_code": exit as u8,
                "run_id": standing.run_id,
                "attempt": standing.attempt,
                "state": standing.state,
                "since": rfc3339(standing.since_ms),
                "aside": standing.aside,
                "route": standing.route,
                "evidence": standing.evidence_hash(),
                "records": standing.evidence,
                "approved": standing.approved,
                "open_intent": standing.open.map(|open| open.intent),
                "broken_at_line": contents.broken,
                "torn_bytes": contents.torn_bytes,
                "log": contents.lines,
            }),
            out,
        ),
        OutputFormat::Text => {
            if standing.run_id.is_empty() {
                return writeln!(out, "no cut-over in {}", opened.state.display());
            }
            writeln!(
                out,
                "{}",
                report::ladder(standing.state, &opened.gate.ladder)
            )?;
            writeln!(
                out,
                "cut-over {}, attempt {}, {} since {}; {}",
                standing.run_id,
                standing.attempt,
                standing.state,
                rfc3339(standing.since_ms),
                standing.route
            )?;
            match &standing.aside {
                Some(Aside::Hold { reason }) => writeln!(out, "HOLD  {reason}")?,
                Some(Aside::Drift { reason }) => writeln!(out, "DRIFT  {reason}")?,
                None => {}
            }
            if let Some(open) = &standing.open {
                writeln!(
                    out,
                    "unfinished: {} (`gate run` or `gate step` goes on)",
                    open.intent.act
                )?;
            }
            if let Some(line) = contents.broken {
                writeln!(
                    out,
                    "BROKEN  line {line} of the journal was changed or is missing: only rollback is allowed"
                )?;
            }
            let hash = standing.evidence_hash();
            if !hash.is_empty() {
                writeln!(out, "evidence {hash}")?;
            }
            let mut table = Table::new(&[("when", 24), ("who", 40), ("what", 110)]);
            for line in &contents.lines {
                table.push(vec![rfc3339(line.at_ms), line.who.clone(), what(line)]);
            }
            for line in table.lines() {
                writeln!(out, "  {line}")?;
            }
            Ok(())
        }
    })?;
    Ok(exit)
}

fn what(line: &Line) -> String {
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
        Entry::Approved { to, evidence } => {
            format!("{to} approved on {}", &evidence[..evidence.len().min(12)])
        }
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
        Entry::Adopted { route, state } => format!("taken over by hand: {route}, so {state}"),
        Entry::Stolen { from } => format!("right to write taken from {from}"),
        Entry::Mended { bytes } => format!("{bytes} bytes of a torn last line cut off"),
    }
}
