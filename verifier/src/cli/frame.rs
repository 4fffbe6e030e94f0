//! Lines that stay where they are on a terminal and are written over.
//!
//! Nothing is switched on that would have to be switched off again: no other screen, no hidden cursor, no raw
//! keys. However the process ends, the terminal is as it was, with the last lines still to be read.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anstream::ColorChoice;
use console::Term;
use unicode_width::UnicodeWidthStr as _;

use crate::report::gate::view::Room;

/// Cells of each line that stands at the bottom of the terminal; empty when none does.
static SHOWN: Mutex<Vec<usize>> = Mutex::new(Vec::new());

fn shown() -> MutexGuard<'static, Vec<usize>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether standard error is a terminal that can be written over.
pub fn is_possible() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    io::stderr().is_terminal() && !dumb
}

/// How much room there is now: a window may be made larger or smaller.
pub fn room() -> Room {
    let (rows, columns) = Term::stderr().size();
    Room {
        columns: usize::from(columns),
        rows: usize::from(rows),
    }
}

/// Writes `lines` in place of those that stand there.
pub fn draw(lines: &[String]) {
    let mut shown = shown();
    let lines: Vec<String> = match anstream::AutoStream::choice(&io::stderr()) {
        ColorChoice::Never => lines.iter().map(|line| plain(line)).collect(),
        _ => lines.to_vec(),
    };
    let mut text = up(&shown);
    for line in &lines {
        text.push_str(line);
        // What a longer line has left behind it goes.
        text.push_str("\x1b[K\n");
    }
    text.push_str("\x1b[J");
    *shown = lines.iter().map(|line| plain(line).width()).collect();
    write(&text);
}

/// Takes the lines away: what is written next stands in their place, and the next drawing below it.
pub fn lift() {
    let mut shown = shown();
    if !shown.is_empty() {
        write(&format!("{}\x1b[J", up(&shown)));
        shown.clear();
    }
}

/// Leaves the lines as they are; what is written next stands below them.
pub fn leave() {
    shown().clear();
}

/// To the first of the lines. A window that was made narrower has broken them.
fn up(shown: &[usize]) -> String {
    let columns = room().columns.max(1);
    let rows: usize = shown
        .iter()
        .map(|width| width.div_ceil(columns).max(1))
        .sum();
    if rows == 0 {
        return String::new();
    }
    format!("\r\x1b[{rows}A")
}

fn plain(line: &str) -> String {
    anstream::adapter::strip_str(line).to_string()
}

/// In one piece, so that nothing flickers; a terminal that is gone is no reason to stop.
fn write(text: &str) {
    let mut err = io::stderr().lock();
    let _gone = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}
