//! `gate step`, `run` and `rollback`.

use std::io::{self, IsTerminal as _};

use tokio::signal::unix::{SignalKind, signal};

use super::{Fault, GateExit, Opened, OutputFormat};
use crate::cli::terminal::{say, to_stdout};
use crate::gate::policy::{Cause, Decision};
use crate::gate::run::{Gate, GateError, Look};
use crate::gate::state::State;
use crate::report::gate as report;

pub(super) async fn step(opened: &Opened, format: OutputFormat) -> Result<GateExit, Fault> {
    let mut gate = opened.gate().await?;
    gate.recover().await?;
    let look = gate.step().await?;
    let exit = look.exit();
    show("step", &look, exit, opened, format)?;
    gate.close().await?;
    Ok(exit)
}

fn show(
    command: &str,
    look: &Look,
    exit: GateExit,
    opened: &Opened,
    format: OutputFormat,
) -> io::Result<()> {
    to_stdout(|out| match format {
        OutputFormat::Text => report::text(look, &opened.gate.ladder, out),
        OutputFormat::Json => report::json(command, look, exit, out),
    })
}

pub(super) async fn rollback(
    opened: &Opened,
    reason: &str,
    force: bool,
    format: OutputFormat,
) -> Result<GateExit, Fault> {
    let mut gate = opened.bare_gate(force).await?;
    gate.roll_back(reason).await?;
    let text = format!("{}: {}", gate.standing().state, gate.standing().route);
    super::status::done(format, "rollback", &text)?;
    gate.close().await?;
    Ok(GateExit::Ok)
}

/// Looks and steps until nothing is left to do, or only a person could help.
pub(super) async fn run(
    opened: &Opened,
    until: Option<State>,
    format: OutputFormat,
) -> Result<GateExit, Fault> {
    let mut gate = opened.gate().await?;
    if let Err(error) = gate.recover().await {
        go_on_after(error)?;
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut screen = Screen::new(format);
    loop {
        let look = match gate.step().await {
            Ok(look) => look,
            Err(error) => {
                go_on_after(error)?;
                gate.pause().await;
                continue;
            }
        };
        screen.show(&look, &gate, opened)?;
        if let Some(exit) = end(&look, until) {
            if format == OutputFormat::Json {
                show("run", &look, exit, opened, format)?;
            }
            gate.close().await?;
            return Ok(exit);
        }
        tokio::select! {
            () = gate.pause() => {}
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    say("stopped; nothing was changed by that: `gate run` goes on, `gate rollback` goes back");
    let look = gate.look().await;
    if format == OutputFormat::Json {
        show("run", &look, GateExit::Insufficient, opened, format)?;
    }
    gate.close().await?;
    Ok(GateExit::Insufficient)
}

/// What another try may mend is only told.
fn go_on_after(error: GateError) -> Result<(), Fault> {
    match error {
        GateError::Router(_) | GateError::NoEffect { .. } | GateError::NoLegacy => {
            say(&format!("warning: {error}; trying again"));
            Ok(())
        }
        error => Err(error.into()),
    }
}

/// Whether `run` ends here, and with which code.
fn end(look: &Look, until: Option<State>) -> Option<GateExit> {
    if until == Some(look.reached) {
        return Some(GateExit::Ok);
    }
    match look.reached {
        State::Retired => return Some(GateExit::Ok),
        State::RolledBack | State::Aborted => return Some(GateExit::Failed),
        _ => {}
    }
    // While core serves somebody has to watch; before, waiting for evidence helps nobody.
    match &look.decision {
        Decision::Hold {
            cause: Cause::Evidence | Cause::Failed,
            ..
        } if !look.reached.is_live() => Some(look.exit()),
        _ => None,
    }
}

/// On a terminal the last look, redrawn; elsewhere a line whenever something changes.
struct Screen {
    redraw: bool,
    format: OutputFormat,
    lines: usize,
    last: String,
}

impl Screen {
    fn new(format: OutputFormat) -> Self {
        Self {
            redraw: format == OutputFormat::Text && io::stdout().is_terminal(),
            format,
            lines: 0,
            last: String::new(),
        }
    }

    fn show(&mut self, look: &Look, gate: &Gate, opened: &Opened) -> io::Result<()> {
        let mut text = Vec::new();
        report::text(look, &opened.gate.ladder, &mut text)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        if self.redraw {
            let up = self.lines;
            self.lines = text.lines().count();
            return to_stdout(|out| {
                if up > 0 {
                    // Up to where the last look began, and everything below it away.
                    write!(out, "\x1b[{up}A\x1b[J")?;
                }
                out.write_all(text.as_bytes())
            });
        }
        let observation = gate.observation();
        let line = format!(
            "{} {} {}",
            look.reached,
            look.decision.word(),
            look.decision.reason()
        );
        // Numbers in the reason change at every look; the first words tell what is waited for.
        let key: String = line.split(':').next().unwrap_or_default().to_owned();
        if key == self.last {
            return Ok(());
        }
        self.last = key;
        let line = format!(
            "{} {line}  (core {} requests, {} errors)",
            look.at, observation.core.requests, observation.core.errors
        );
        if self.format == OutputFormat::Json {
            say(&line);
            return Ok(());
        }
        to_stdout(|out| writeln!(out, "{line}"))
    }
}
