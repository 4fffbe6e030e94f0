//! Telling people: every transition, hold, drift and recovery. Nothing ever waits for it.

use serde::Serialize;

use super::clock::Pending;

/// What happened, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The cut-over.
    pub run_id: String,
    /// When (RFC 3339).
    pub at: String,
    /// What it is about: `transition`, `hold`, `drift`, `rollback`, `recovery`, `approval`.
    pub kind: &'static str,
    /// One line.
    pub title: String,
    /// Details, one a line.
    pub lines: Vec<String>,
    /// Whether somebody should get up for it.
    pub urgent: bool,
}

/// A way to tell people. Failing is normal: the notice is in the journal all the same.
pub trait Notify: Send {
    /// Sends one notice within a bounded time; says in words why it could not.
    fn send<'a>(&'a mut self, notice: &'a Notice) -> Pending<'a, Result<(), String>>;
}
