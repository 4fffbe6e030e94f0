//! Why a gate could not go on, and the exit code that says so.

use crate::gate::actuator::ActuateError;
use crate::gate::journal::JournalError;
use crate::gate::policy::GateExit;

/// Why a gate could not go on.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The router.
    #[error(transparent)]
    Router(#[from] ActuateError),
    /// Another machine's gate is at work.
    #[error(
        "another gate is at work ({holder}); end it, or take over with `gate rollback --force`"
    )]
    Lease {
        /// As it calls itself.
        holder: String,
    },
    /// A change did not show in the router.
    #[error("{what}: the router does not show it: {shown}")]
    NoEffect {
        /// The change.
        what: String,
        /// What it shows.
        shown: String,
    },
    /// Legacy has nothing that could serve.
    #[error(
        "legacy has no instance that is ready: traffic stays at core; start legacy, then `gate rollback`"
    )]
    NoLegacy,
    /// A request that the present state does not allow.
    #[error("{0}")]
    NotNow(String),
    /// What the gate at work says to a person's word.
    #[error("{text} (says the gate at work)")]
    Told {
        /// The exit code.
        exit: GateExit,
        /// In words.
        text: String,
    },
}

impl GateError {
    /// The exit code.
    pub const fn exit(&self) -> GateExit {
        match self {
            Self::Journal(JournalError::Locked { .. } | JournalError::Stolen)
            | Self::Lease { .. }
            | Self::Router(ActuateError::Conflict { .. }) => GateExit::Locked,
            Self::NotNow(_) => GateExit::Usage,
            Self::Told { exit, .. } => *exit,
            Self::Journal(JournalError::File { .. })
            | Self::Router(_)
            | Self::NoEffect { .. }
            | Self::NoLegacy => GateExit::Infrastructure,
        }
    }
}
