//! Tests that need installed programs. A program that is missing fails them: `tests/run` installs all.

#[expect(dead_code, reason = "the other test programs use the rest of it")]
#[path = "../it/harness.rs"]
mod harness;
mod html;
mod review;
mod router;
mod terminal;
mod tmux;
