//! What is known of live traffic, from whichever source: each answers the same questions for a window,
//! and says why where it cannot.

mod command;
mod evidence;
mod identity;
mod probe;
mod prometheus;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use command::Command;
pub use evidence::LiveEvidence;
pub use identity::Identity;
pub use probe::Probe;
pub use prometheus::Prometheus;

use super::clock::Pending;
use super::span::Span;
use crate::jwt::cell::Side;

/// A stretch of time to look at: after `from_ms`, up to and with `to_ms`. Windows of one observation
/// follow each other without overlap, so that nothing counts twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Milliseconds since 1970.
    pub from_ms: i64,
    /// Milliseconds since 1970.
    pub to_ms: i64,
    /// Times above which an answer is slow; a source must count against exactly these.
    pub slow: Vec<Span>,
}

/// One answer of one source.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// The source, for reports: `prometheus http://…`, `probe login`.
    pub source: String,
    /// What was asked there.
    pub query: Option<String>,
    /// When (milliseconds since 1970, this machine's clock).
    pub at_ms: i64,
    /// What it says.
    pub sight: Sight,
}

/// What a source can tell.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    /// Live requests of one side within the window.
    Counts {
        /// Whose.
        side: Side,
        /// How many, and what became of them.
        seen: Result<Counts, Trouble>,
    },
    /// A journey or a command that must hold.
    Probe {
        /// Its name in the configuration.
        name: String,
        /// Whose health it shows, where it asks one side alone; `None` for the public address.
        side: Option<Side>,
        /// How often it was tried and held.
        seen: Result<Probed, Trouble>,
    },
    /// What runs as core, one identity an instance.
    Identity {
        /// The identities.
        seen: Result<Vec<String>, Trouble>,
    },
    /// How much memory core needs: the largest working set of each day.
    Memory {
        /// The days.
        seen: Result<Memory, Trouble>,
    },
    /// Starts of instances of core within the window; what was counted before one says nothing of what
    /// runs now.
    Restarts {
        /// How many.
        seen: Result<u64, Trouble>,
    },
    /// How far the source's clock is from this machine's.
    Skew {
        /// Its clock minus ours, in milliseconds.
        ms: i64,
    },
}

/// Requests of one side within a window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// All of them.
    pub requests: u64,
    /// Answered with 5xx, by the service or by the router for it, or not at all.
    pub errors: u64,
    /// Answered with 4xx.
    pub client_errors: u64,
    /// Answers that took longer, for each time of [`Ask::slow`], in its order.
    pub slow: Vec<u64>,
}

impl Counts {
    /// Adds what a later window saw.
    pub fn add(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.client_errors = self.client_errors.saturating_add(other.client_errors);
        if self.slow.len() < other.slow.len() {
            self.slow.resize(other.slow.len(), 0);
        }
        for (sum, count) in self.slow.iter_mut().zip(&other.slow) {
            *sum = sum.saturating_add(*count);
        }
    }
}

/// What a probe found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// How often it was tried.
    pub tried: u64,
    /// How often everything held.
    pub held: u64,
    /// What did not hold, in words without personal data.
    pub detail: String,
}

/// Memory of core over the last days.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// Largest working set of each day, oldest first, in bytes.
    pub daily_max_bytes: Vec<f64>,
    /// Where an instance is ended for it.
    pub limit_bytes: f64,
}

/// Why a source gave no answer that can be used. Different causes are never folded together: each asks
/// for something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The cause.
    pub kind: TroubleKind,
    /// In words, with the remedy.
    pub text: String,
}

/// Causes of [`Trouble`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TroubleKind {
    /// The source does not answer, or with an error.
    Unreachable,
    /// It answers and knows no such series, file or record.
    Empty,
    /// It answers that nothing happened (a rate of nothing is `NaN`).
    Idle,
    /// Its newest sample is too old.
    Stale,
    /// It says that what it watches is down.
    TargetDown,
    /// It gives several answers where one was asked for.
    Ambiguous,
    /// It does not count against the asked time: a bucket edge is missing.
    NoEdge,
    /// It answers with something else than what was asked.
    Malformed,
}

impl Trouble {
    /// A trouble with its text.
    pub fn new(kind: TroubleKind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }

    /// Whether the source answered, and had nothing to tell. Anything else means that nobody knows.
    pub const fn is_silence(&self) -> bool {
        matches!(self.kind, TroubleKind::Empty | TroubleKind::Idle)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            TroubleKind::Unreachable => "unreachable",
            TroubleKind::Empty => "no data",
            TroubleKind::Idle => "idle",
            TroubleKind::Stale => "stale",
            TroubleKind::TargetDown => "target down",
            TroubleKind::Ambiguous => "several answers",
            TroubleKind::NoEdge => "no such bucket edge",
            TroubleKind::Malformed => "not what was asked",
        };
        write!(f, "{kind}: {}", self.text)
    }
}

/// A source. It keeps no judgement: it says what it saw, and [`super::policy`] judges.
pub trait Signal: Send {
    /// Name in reports.
    fn name(&self) -> String;

    /// Every request that [`Signal::observe`] would send.
    fn preview(&self, ask: &Ask) -> Vec<String>;

    /// Looks once. What cannot be seen is a [`Trouble`] in the answer, never a missing answer: a source
    /// answers with the same kinds of [`Sight`] every time.
    fn observe<'a>(&'a mut self, ask: &'a Ask) -> Pending<'a, Vec<Sighting>>;
}
