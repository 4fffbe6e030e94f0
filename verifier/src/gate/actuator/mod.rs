//! The router that splits live traffic, behind one trait. Each implementation reads its effect back:
//! that a command succeeded proves nothing.

mod dry_run;
mod exec;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
mod nginx;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use dry_run::DryRun;
pub use exec::Exec;
pub use nginx::Nginx;

use super::clock::Pending;
use super::weight::Weight;
use crate::jwt::cell::Side;

/// One change of the outside world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// Gives core this share through the split; the rest goes to legacy in the same write. A share
    /// above 0 also puts the split in place.
    SetWeight {
        /// The share.
        weight: Weight,
    },
    /// Points the main route, which serves what the split leaves, at one side.
    SwitchMain {
        /// That side.
        to: Side,
    },
    /// Takes the split away, so that no header, cookie or session can still lead to core by it.
    RemoveCanary,
    /// Runs so many replicas of legacy.
    ScaleLegacy {
        /// How many.
        replicas: u32,
    },
    /// Removes legacy: first what runs, then what names it.
    RemoveLegacy {
        /// The part.
        part: LegacyPart,
    },
}

/// What legacy consists of, in the order of its removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegacyPart {
    /// What runs.
    Workload,
    /// The name that it is reached by.
    Service,
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetWeight { weight } => write!(f, "core's share to {weight}"),
            Self::SwitchMain { to } => write!(f, "main route to {to}"),
            Self::RemoveCanary => f.write_str("split off"),
            Self::ScaleLegacy { replicas } => write!(f, "legacy to {replicas} replicas"),
            Self::RemoveLegacy { part } => match part {
                LegacyPart::Workload => f.write_str("remove legacy's workload"),
                LegacyPart::Service => f.write_str("remove legacy's service"),
            },
        }
    }
}

/// What the gate writes beside each change, in the same write: so the state travels with the object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The cut-over.
    pub run_id: String,
    /// Number of the journal's intent.
    pub seq: u64,
    /// Hash of the evidence that the change rests on; empty on the way back.
    pub evidence: String,
}

/// How many instances are wanted and how many of them serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replicas {
    /// Wanted.
    pub wanted: u32,
    /// Ready to serve.
    pub ready: u32,
}

/// What the router says now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Core's share by the split; 0 where the split is off.
    pub weight: Weight,
    /// Whether the split is in place: at weight 0 it may still lead to core, by header or cookie.
    pub canary: bool,
    /// Where the main route leads.
    pub main: Side,
    /// Changes with every change of the objects read: the precondition of the next write. Opaque.
    pub version: String,
    /// What the gate left with its last write.
    pub mark: Option<Mark>,
    /// Whether the router has taken the last change over, where it says so; `true` where it cannot.
    pub taken: bool,
    /// Who changed the split last and when, where the router knows.
    pub written_by: Option<String>,
    /// What is not as the gate needs it: header or cookie routes, foreign owners of the weight, other
    /// hosts or paths, each in words. Anything here is drift.
    pub surprises: Vec<String>,
    /// Legacy's instances; `None` where this router knows of none.
    pub legacy: Option<Replicas>,
    /// Core's instances.
    pub core: Option<Replicas>,
    /// What runs as core, one identity an instance (`sha256:…`); empty where the router cannot know.
    pub core_identities: Vec<String>,
    /// What still refers to legacy besides its own parts, each in words.
    pub legacy_references: Vec<String>,
}

impl Reading {
    /// Core's share of all live traffic, split and main route taken together.
    pub fn exposure(&self) -> Weight {
        match self.main {
            Side::Core => Weight::ALL,
            Side::Legacy => self.weight,
        }
    }
}

/// One thing that must hold before the first change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preflight {
    /// Stable name, such as `router.paths`.
    pub name: String,
    /// What is wrong and what would mend it; `None` when it holds.
    pub fault: Option<String>,
    /// What was looked at.
    pub query: String,
}

/// Who may write, where the router can be reached from several machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lease {
    /// This process.
    Held,
    /// Another one.
    Foreign {
        /// As it calls itself.
        holder: String,
    },
}

/// Why something was not done. The texts say what to do next and hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActuateError {
    /// Somebody wrote in between: nothing was changed.
    #[error("{what}: changed by somebody else meanwhile; nothing was written")]
    Conflict {
        /// The object.
        what: String,
    },
    /// The router did not answer: it is unknown whether something was changed.
    #[error("{what}: no answer ({reason})")]
    Unreachable {
        /// The object or service.
        what: String,
        /// Why.
        reason: String,
    },
    /// The router refused: nothing was changed.
    #[error("{what}: refused ({reason})")]
    Refused {
        /// The object.
        what: String,
        /// Why, and the remedy.
        reason: String,
    },
    /// Something that must exist does not.
    #[error("{what}: does not exist")]
    Missing {
        /// The object.
        what: String,
    },
    /// This router has no such thing.
    #[error("{act}: not possible with {router}: {remedy}")]
    Unsupported {
        /// The change.
        act: String,
        /// The router.
        router: &'static str,
        /// What to do instead.
        remedy: &'static str,
    },
}

/// The router. Every write carries the version that was read (compare and set) and the [`Mark`].
pub trait Actuator: Send {
    /// The router's kind and objects in a few words, for plans and records.
    fn describe(&self) -> String;

    /// Every request that carrying out `act` would send, in the order they would be sent.
    fn preview(&self, act: Act) -> Vec<String>;

    /// What must hold before the first change and is the router's own affair.
    fn preflight(&mut self) -> Pending<'_, Result<Vec<Preflight>, ActuateError>>;

    /// Reads everything back. Only what was read in this call counts.
    fn read(&mut self) -> Pending<'_, Result<Reading, ActuateError>>;

    /// Writes one change if nothing was written since `version`; returns the new version. A change that
    /// is in place already is no error. [`ActuateError::Conflict`] and [`ActuateError::Refused`] promise
    /// that nothing was changed.
    fn apply<'a>(
        &'a mut self,
        act: Act,
        version: &'a str,
        mark: &'a Mark,
    ) -> Pending<'a, Result<String, ActuateError>>;

    /// Takes or renews the right to write under the name `holder`; with `force` from whoever has it.
    /// Whether a foreign holder is gone is judged by how long *this* process has seen its record
    /// unchanged, never by comparing clocks. Unless said otherwise only this machine can reach the
    /// router: then the lock of the state's folder is all there is.
    fn lease<'a>(
        &'a mut self,
        _holder: &'a str,
        _force: bool,
    ) -> Pending<'a, Result<Lease, ActuateError>> {
        Box::pin(std::future::ready(Ok(Lease::Held)))
    }

    /// Gives the right to write back.
    fn release<'a>(&'a mut self, _holder: &'a str) -> Pending<'a, Result<(), ActuateError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
