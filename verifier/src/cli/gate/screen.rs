//! What `gate run` lets a person see: on a terminal a view that is written over, elsewhere a line whenever
//! something changes.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use super::{Opened, OutputFormat};
use crate::cli::frame;
use crate::cli::terminal::{say, to_stdout};
use crate::gate::pace::{Left, Pace};
use crate::gate::run::{Gate, Look};
use crate::report::gate::view::{self, View};

/// The watch over one cut-over.
pub(super) struct Screen<'o> {
    pub(super) opened: &'o Opened,
    pub(super) format: OutputFormat,
    /// Whether there is a terminal. The view goes to standard error: standard output is for the verdict.
    view: bool,
    pace: Pace,
    look: Option<Look>,
    /// What the last line was about.
    told: String,
}

impl<'o> Screen<'o> {
    pub(super) fn new(opened: &'o Opened, format: OutputFormat) -> Self {
        // Text in a file or a pipe is a line a change, whatever standard error is.
        let view =
            frame::is_possible() && (format == OutputFormat::Json || io::stdout().is_terminal());
        Self {
            opened,
            format,
            view,
            pace: Pace::default(),
            look: None,
            told: String::new(),
        }
    }

    /// Takes in what a look came to.
    pub(super) fn see(&mut self, look: Look, gate: &Gate) -> io::Result<()> {
        self.pace
            .see(&look.criteria, gate.observation(), gate.looked_at());
        let told = if self.view {
            Ok(())
        } else {
            self.tell(&look, gate)
        };
        self.look = Some(look);
        told
    }

    fn tell(&mut self, look: &Look, gate: &Gate) -> io::Result<()> {
        let line = format!(
            "{} {} {}",
            look.reached,
            look.decision.word(),
            look.decision.reason()
        );
        // Numbers in the reason change at every look; the first words tell what is waited for.
        let about = line.split(':').next().unwrap_or_default();
        if about == self.told {
            return Ok(());
        }
        about.clone_into(&mut self.told);
        let core = &gate.observation().core;
        let line = format!(
            "{} {line}  (core {} requests, {} errors)",
            look.at, core.requests, core.errors
        );
        match self.format {
            OutputFormat::Json => {
                say(&line);
                Ok(())
            }
            OutputFormat::Text => to_stdout(|out| writeln!(out, "{line}")),
        }
    }

    /// Brings the view up to date; `next_look` is how long it is until the next one.
    pub(super) fn draw(&self, gate: &Gate, next_look: Option<Duration>) {
        if !self.view {
            return;
        }
        let (now, standing) = (gate.now(), gate.standing());
        let left = self.look.as_ref().map_or_else(Left::default, |look| {
            let share = standing.route.exposure();
            self.pace.left(
                standing.state,
                share.share(),
                // What was seen at an earlier state tells nothing of what this one waits for.
                if look.state == standing.state {
                    &look.criteria
                } else {
                    &[]
                },
                gate.observation(),
                now,
                gate.config(),
            )
        });
        let in_state = now.wall_ms.saturating_sub(standing.since_ms);
        let view = View {
            look: self.look.as_ref(),
            standing,
            ladder: &self.opened.gate.ladder,
            now_ms: now.wall_ms,
            in_state: Duration::from_millis(u64::try_from(in_state).unwrap_or(0)),
            left: &left,
            log: &gate.journal().contents().lines,
            next_look,
            options: &self.opened.options,
        };
        frame::draw(&view::lines(&view, frame::room()));
    }

    /// The last view, which stays; returns the last look.
    pub(super) fn end(&self, gate: &Gate) -> Option<Look> {
        self.draw(gate, None);
        frame::leave();
        self.look.clone()
    }

    /// The last line on standard output, below a view.
    pub(super) fn close(&self, look: &Look) -> io::Result<()> {
        if !self.view {
            return Ok(());
        }
        to_stdout(|out| writeln!(out, "{}  {}", look.decision.word(), look.decision.reason()))
    }
}
