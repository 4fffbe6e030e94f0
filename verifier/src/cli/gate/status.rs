//! `gate status`: where a cut-over stands and how it came there. Reads the journal alone.

use serde_json::json;

use super::{Fault, GateExit, Opened, OutputFormat};
use crate::cli::terminal::to_stdout;
use crate::gate::clock::rfc3339;
use crate::gate::journal::Journal;
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
                table.push(vec![
                    rfc3339(line.at_ms),
                    line.who.clone(),
                    report::what(line),
                ]);
            }
            for line in table.lines() {
                writeln!(out, "  {line}")?;
            }
            Ok(())
        }
    })?;
    Ok(exit)
}
