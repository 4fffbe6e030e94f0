//! What `gate run` shows on a terminal while it looks on. From a state to lines: it knows neither the terminal
//! nor the time.
#![deny(clippy::disallowed_methods)]

mod advice;

use std::time::Duration;

use owo_colors::{OwoColorize as _, Style};
use unicode_width::UnicodeWidthStr as _;

use super::{grid, steps, what};
use crate::gate::clock::rfc3339;
use crate::gate::criterion::{CriterionResult, Verdict};
use crate::gate::journal::entry::{Entry, Line, Standing};
use crate::gate::pace::{CountsLeft, Left, Rate};
use crate::gate::policy::Decision;
use crate::gate::run::Look;
use crate::gate::span::spell;
use crate::gate::state::{Aside, State};
use crate::gate::weight::Weight;
use crate::report::table::{cut, printable, wrap};

/// Cells of the words that begin a line.
const LABEL: usize = 7;
/// A terminal that is narrower is treated as if it were not: nothing sensible fits.
const NARROWEST: usize = 30;
/// Longer lines are hard to read.
const WIDEST: usize = 140;

const HOLD: &str = "nothing moves on until what it waits for is there";

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GREEN: Style = Style::new().green();
const YELLOW: Style = Style::new().yellow();
const RED: Style = Style::new().red().bold();

/// Everything that is shown.
#[derive(Debug)]
pub struct View<'v> {
    /// The last look; `None` before the first.
    pub look: Option<&'v Look>,
    /// Where the cut-over stands.
    pub standing: &'v Standing,
    /// Core's shares.
    pub ladder: &'v [Weight],
    /// Now (milliseconds since 1970).
    pub now_ms: i64,
    /// How long the present state has lasted.
    pub in_state: Duration,
    /// What it still waits for.
    pub left: &'v Left,
    /// The journal, whose last lines are shown.
    pub log: &'v [Line],
    /// Until the next look; `None` when there is none.
    pub next_look: Option<Duration>,
    /// What every command needs to find this cut-over: ` --config FILE`, or nothing.
    pub options: &'v str,
}

/// Room on the terminal, in cells and lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Cells of a line.
    pub columns: usize,
    /// Lines.
    pub rows: usize,
}

/// The lines of `view`, none wider than the terminal and fewer than it has, so that nothing wraps or scrolls.
/// Colours are in them always; whoever writes them takes them away where they are unwanted.
pub fn lines(view: &View<'_>, room: Room) -> Vec<String> {
    let columns = room.columns.clamp(NARROWEST, WIDEST);
    let mut above = head(view, columns);
    above.extend(rungs(view, columns));
    above.push(String::new());
    let sheet = Sheet { columns };
    sheet.put(&mut above, "now", &now(view), None);
    for (text, style) in left(view) {
        sheet.put(&mut above, "left", &text, style);
    }
    match &view.standing.aside {
        // What it holds for is told below, with what can be done about it.
        Some(Aside::Hold { .. }) => sheet.put(&mut above, "HOLD", HOLD, Some(YELLOW)),
        Some(Aside::Drift { reason }) => sheet.put(&mut above, "DRIFT", reason, Some(RED)),
        None => {}
    }

    let mut below = Vec::new();
    if let Some((text, style)) = waits(view) {
        sheet.put(&mut below, "waits", &text, style);
    }
    for text in advice::of(view) {
        sheet.put(&mut below, "you", &text, None);
    }
    for line in last(view) {
        sheet.put(&mut below, "last", &line, None);
    }
    if let Some(next) = view.next_look {
        let text = if view.look.is_none() || next.is_zero() {
            "looking …".to_owned()
        } else {
            format!("next look in {}", spell(whole(next)))
        };
        let text = format!("{text}; Ctrl-C ends the watch and moves no traffic");
        below.extend(wrap(&text, columns).iter().map(|line| dim(line)));
    }

    let mut all = above;
    if let Some(look) = view.look.filter(|look| !look.criteria.is_empty()) {
        let title = if look.state == view.standing.state {
            String::new()
        } else {
            format!("what was seen at {}", look.state)
        };
        all.push(dim(&cut(&title, columns)));
        let taken = all.len() + below.len() + 2;
        let rows = room.rows.saturating_sub(taken);
        all.extend(grid::lines(&look.criteria, columns, rows));
    }
    all.push(String::new());
    all.extend(below);
    // A terminal of a few lines keeps where it stands and what it waits for; the last line stays free.
    all.truncate(room.rows.saturating_sub(1).max(1));
    all
}

/// In whole seconds, none of which has begun: what is left is over when it says 0.
fn whole(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() + u64::from(time.subsec_nanos() > 0))
}

fn dim(text: &str) -> String {
    text.style(DIM).to_string()
}

/// Labelled text with a hanging indent.
struct Sheet {
    columns: usize,
}

impl Sheet {
    /// Adds `text` under `label`, which is written once for texts that follow each other.
    fn put(&self, lines: &mut Vec<String>, label: &str, text: &str, style: Option<Style>) {
        let shown = format!("{label:<LABEL$}").style(BOLD).to_string();
        let again = lines.iter().rev().find(|line| !line.starts_with(' '));
        let again = again.is_some_and(|line| line.starts_with(&shown));
        let width = self.columns - LABEL;
        let text = bound(&printable(text), width);
        for (at, part) in wrap(&text, width).into_iter().enumerate() {
            let part = part.replace(BOUND, " ");
            let part = style.map_or(part.clone(), |style| part.style(style).to_string());
            if at == 0 && !again {
                lines.push(format!("{shown}{part}"));
            } else {
                lines.push(format!("{}{part}", " ".repeat(LABEL)));
            }
        }
    }
}

/// A blank that no line is broken at; nothing else uses this character.
const BOUND: char = '\u{e000}';

/// Commands, which stand between backquotes, in one piece where they fit: so they can be copied.
fn bound(text: &str, width: usize) -> String {
    let parts = text.split('`').enumerate().map(|(nth, part)| {
        if nth % 2 == 1 && part.width() + 3 <= width {
            part.replace(' ', &BOUND.to_string())
        } else {
            part.to_owned()
        }
    });
    parts.collect::<Vec<_>>().join("`")
}

fn head(view: &View<'_>, columns: usize) -> Vec<String> {
    let at = rfc3339(view.now_ms);
    let text = format!(
        "cut-over {}, attempt {}, {} UTC",
        view.standing.run_id,
        view.standing.attempt,
        at.get(11..19).unwrap_or(&at)
    );
    let lines = wrap(&printable(&text), columns);
    lines.iter().map(|line| dim(line)).collect()
}

/// The ladder, as many states on a line as fit.
fn rungs(view: &View<'_>, columns: usize) -> Vec<String> {
    let here = view.standing.state;
    let all = steps(here, view.ladder);
    let at = all.iter().position(|step| *step == here).unwrap_or(0);
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for (nth, step) in all.iter().enumerate() {
        let (text, style) = match nth.cmp(&at) {
            std::cmp::Ordering::Less if here.is_final() && here != State::Retired => {
                (step.to_string(), DIM)
            }
            std::cmp::Ordering::Less => (step.to_string(), GREEN),
            std::cmp::Ordering::Equal => (format!("[{step}]"), colour_of(here)),
            std::cmp::Ordering::Greater => (step.to_string(), DIM),
        };
        let arrow = if nth > 0 { " ▸ " } else { "" };
        let width = arrow.chars().count() + text.len();
        if used > 0 && used + width > columns {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        line.push_str(if used > 0 { arrow } else { arrow.trim_start() });
        line.push_str(&text.style(style).to_string());
        used += width;
    }
    lines.push(line);
    lines
}

const fn colour_of(state: State) -> Style {
    match state {
        State::RollingBack | State::RolledBack | State::Aborted => RED,
        _ => BOLD,
    }
}

fn now(view: &View<'_>) -> String {
    let route = match view.look.and_then(|look| look.route) {
        Some(route) => route.to_string(),
        None => format!("{} (the router is not read)", view.standing.route),
    };
    format!(
        "{} for {}: {route}",
        view.standing.state,
        spell(view.in_state)
    )
}

fn left(view: &View<'_>) -> Vec<(String, Option<Style>)> {
    let mut lines = Vec::new();
    let Some(look) = view.look else {
        return lines;
    };
    if view.standing.state.is_final() {
        return lines;
    }
    if let Some(text) = goes_back(view, &look.criteria) {
        lines.push((text, Some(RED)));
    }
    match view.left.time {
        Some(time) if time.is_zero() => {
            lines.push(("its shortest time is over".to_owned(), None));
        }
        Some(time) => {
            lines.push((format!("{} of its shortest time", spell(whole(time))), None));
        }
        None => {}
    }
    match &view.left.counts {
        Some(counts) => lines.push((counted(counts), None)),
        None if view.left.time.is_some() => {}
        None => lines.push((
            "unknown: it waits for what stands below, not for time".to_owned(),
            None,
        )),
    }
    lines
}

/// Blindness is bounded: when traffic goes back by itself.
fn goes_back(view: &View<'_>, criteria: &[CriterionResult]) -> Option<String> {
    let sight = criteria.iter().find(|one| one.name == "core.seen")?;
    let mut journeys = criteria
        .iter()
        .filter(|one| one.name.starts_with("probe."))
        .peekable();
    let journeys_hold =
        journeys.peek().is_some() && journeys.all(|one| one.verdict == Verdict::Pass);
    if sight.verdict != Verdict::Error
        || journeys_hold
        || !matches!(view.standing.state, State::Canary(_))
    {
        return None;
    }
    let left = Duration::try_from_secs_f64(sight.limit? - sight.value?).ok()?;
    Some(format!(
        "{} until all traffic goes back to legacy, unless core is seen again",
        spell(left)
    ))
}

fn counted(counts: &CountsLeft) -> String {
    let CountsLeft {
        name,
        have,
        missing,
        rate,
    } = counts;
    let so_far = format!("{missing} more for {name} ({have} so far)");
    match (rate, counts.takes()) {
        (Rate::PerSecond(rate), Some(takes)) => format!(
            "about {} until {so_far}, at {} a second",
            spell(takes),
            grid::number(*rate, None)
        ),
        (Rate::PerSecond(_), None) => format!("unknown: no traffic; {so_far}"),
        (Rate::NotYet, _) => format!("known after the next look; {so_far}"),
        (Rate::Blind, _) => format!("unknown: nobody counts core's requests; {so_far}"),
    }
}

fn waits(view: &View<'_>) -> Option<(String, Option<Style>)> {
    let look = view.look?;
    let waiting = advice::waiting(&look.criteria);
    Some(match &look.decision {
        Decision::Advance { to } if view.standing.state == *to => {
            (format!("{to} is reached, on its own counts"), Some(GREEN))
        }
        Decision::Advance { to } => (format!("for the change to {to}"), None),
        Decision::Complete => ("for nothing: the cut-over is done".to_owned(), Some(GREEN)),
        Decision::RollBack { reason } | Decision::Restart { reason, .. } => {
            (format!("{}  {reason}", look.decision.word()), Some(RED))
        }
        Decision::Hold { reason, .. } => {
            let also: Vec<&str> = waiting
                .iter()
                .skip(1)
                .map(|result| result.name.as_str())
                .collect();
            let text = if also.is_empty() {
                format!("for {reason}")
            } else {
                format!("for {reason}; and for {}", also.join(", "))
            };
            (text, None)
        }
    })
}

/// The last two things that happened, the newest last.
fn last(view: &View<'_>) -> Vec<String> {
    let happened = |line: &&Line| {
        !matches!(
            line.entry,
            Entry::Intent(_) | Entry::Applied { .. } | Entry::Confirmed { .. }
        )
    };
    let mut lines: Vec<String> = view
        .log
        .iter()
        .rev()
        .filter(happened)
        .take(2)
        .map(|line| {
            let at = rfc3339(line.at_ms);
            format!("{} {}", at.get(11..19).unwrap_or(&at), what(line))
        })
        .collect();
    lines.reverse();
    lines
}

#[cfg(test)]
mod tests;
