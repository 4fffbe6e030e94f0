//! The gate: promotion and rollback on evidence. It fetches, decides (pure), acts, records.
//!
//! ```text
//! evidence files ─┐
//! signals ────────┼─▶ Seen ─ policy ─▶ criteria ─ decide ─▶ Decision ─ run ─▶ actuator
//! actuator.read ──┘                                             │
//!                                                        journal (before and after)
//! ```
//!
//! Nothing passes by default, and what cannot be seen is told apart from what is bad. Only
//! one place writes to the outside world, and only what stands in the journal.

pub mod actuator;
pub mod alarm;
pub mod checks;
pub mod clock;
pub mod config;
pub mod criterion;
pub mod journal;
pub mod notify;
pub mod observe;
pub mod pace;
pub mod policy;
pub mod proof;
pub mod record;
pub mod run;
pub mod share;
pub mod signal;
pub mod span;
pub mod state;
pub mod webhook;
pub mod weight;
pub mod word;
