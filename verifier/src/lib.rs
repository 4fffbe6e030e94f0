//! Judges whether one HTTP service answers as another does.
//!
//! The road of every judgement, whatever started it:
//!
//! ```text
//! Request → Exchange { reference, candidate } → masks → judge → Verdict → Report
//! ```
//!
//! Pure modules (no clock, file, network or environment) start with
//! `#![deny(clippy::disallowed_methods)]`.

pub mod catalogue;
pub mod causes;
pub mod cli;
pub mod client;
pub mod compare;
pub mod confidence;
pub mod coverage;
pub mod cutover;
pub mod decode;
pub mod evidence;
pub mod exchange;
pub mod gate;
pub mod golden;
pub mod ids;
pub mod import;
pub mod json;
pub mod jwt;
pub mod normalise;
pub mod place;
pub mod relation;
pub mod report;
pub mod rules;
pub mod schema;
pub mod self_check;
pub mod severity;
pub mod stats;
pub mod verdict;
pub mod yaml;
