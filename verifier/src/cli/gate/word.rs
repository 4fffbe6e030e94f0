//! `gate approve` and `gate adopt`: a person's word, to the journal or to the gate that is at work.

use super::{Common, Fault, GateExit, Opened, OutputFormat, status, who};
use crate::cli::terminal::to_stdout;
use crate::gate::clock::{Clock as _, SystemClock};
use crate::gate::journal::JournalError;
use crate::gate::run::GateError;
use crate::gate::word::{Said, Word, hand_over};
use crate::report::gate as report;

/// Does what `word` says, or has the gate do it that watches over live traffic at this moment.
pub(super) async fn say(common: &Common, word: Word) -> Result<GateExit, Fault> {
    let opened = common.open()?;
    let name = match word {
        Word::Approve { .. } => "approve",
        Word::Adopt => "adopt",
    };
    let mut gate = match opened.bare_gate(false).await {
        Err(Fault::Gate(GateError::Journal(locked @ JournalError::Locked { .. }))) => {
            return hand(&opened, name, word, locked, common.format).await;
        }
        gate => gate?,
    };
    let text = match word {
        Word::Approve { evidence } => {
            format!("{} approved", gate.approve(&evidence, None).await?)
        }
        Word::Adopt => format!("taken over: {}", gate.adopt(None).await?),
    };
    status::done(common.format, name, &text)?;
    gate.close().await?;
    Ok(GateExit::Ok)
}

async fn hand(
    opened: &Opened,
    name: &str,
    word: Word,
    locked: JournalError,
    format: OutputFormat,
) -> Result<GateExit, Fault> {
    let clock = SystemClock::default();
    let said = Said {
        by: who(),
        at_ms: clock.now().wall_ms,
        word,
    };
    let Some(answer) = hand_over(&opened.state, &said, &clock).await? else {
        // Such as one step of a pipeline, which ends by itself.
        return Err(GateError::from(locked).into());
    };
    let exit = GateExit::from_code(answer.exit).unwrap_or(GateExit::Infrastructure);
    if exit != GateExit::Ok {
        return Err(GateError::Told {
            exit,
            text: answer.text,
        }
        .into());
    }
    to_stdout(|out| match format {
        OutputFormat::Text => writeln!(out, "{} (by the gate at work)", answer.text),
        OutputFormat::Json => report::write_json(
            &serde_json::json!({
                "schema": report::SCHEMA, "command": name, "exit_code": 0, "reason": answer.text,
            }),
            out,
        ),
    })?;
    Ok(exit)
}
