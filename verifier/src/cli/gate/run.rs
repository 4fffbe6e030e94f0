//! `gate step`, `run` and `rollback`.

use std::io;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::screen::Screen;
use super::{Fault, GateExit, Opened, OutputFormat};
use crate::cli::terminal::{say, to_stdout};
use crate::gate::policy::{Cause, Decision};
use crate::gate::run::{Gate, GateError, Look};
use crate::gate::state::State;
use crate::report::gate as report;

/// How often what stands on the terminal is brought up to date, and people are heard.
const REFRESH: Duration = Duration::from_secs(1);

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
    let mut stop = Stop::new()?;
    let mut screen = Screen::new(opened, format);
    loop {
        screen.draw(&gate, Some(Duration::ZERO));
        match gate.step().await {
            Ok(look) => {
                let exit = end(&look, until);
                screen.see(look, &gate)?;
                if let Some(exit) = exit {
                    return Box::pin(finish(gate, screen, Some(exit))).await;
                }
            }
            Err(error) => go_on_after(error)?,
        }
        if !pause(&mut gate, &screen, &mut stop).await {
            break;
        }
    }
    Box::pin(finish(gate, screen, None)).await
}

/// Ends with `exit`, or because it was asked to stop.
async fn finish(
    mut gate: Gate,
    screen: Screen<'_>,
    exit: Option<GateExit>,
) -> Result<GateExit, Fault> {
    let look = match screen.end(&gate) {
        Some(look) => look,
        None => gate.look().await,
    };
    if exit.is_none() {
        let options = &screen.opened.options;
        say(&format!(
            "stopped; no traffic was moved by that: `verifier gate run{options}` goes on, \
             `verifier gate rollback{options}` goes back"
        ));
    }
    let exit = exit.unwrap_or(GateExit::Insufficient);
    match screen.format {
        OutputFormat::Json => show("run", &look, exit, screen.opened, screen.format)?,
        OutputFormat::Text => screen.close(&look)?,
    }
    gate.close().await?;
    Ok(exit)
}

/// Asked to stop: by a key, or by whoever runs the machine.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Until the next look: hears what people say and keeps the times on the terminal right. Whether there is to
/// be a next look.
async fn pause(gate: &mut Gate, screen: &Screen<'_>, stop: &mut Stop) -> bool {
    let next = Instant::now() + gate.config().tick.duration();
    loop {
        gate.listen().await;
        let left = next.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        screen.draw(gate, Some(left));
        tokio::select! {
            () = tokio::time::sleep(left.min(REFRESH)) => {}
            () = stop.asked() => return false,
        }
    }
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
