//! What core gets to see of requests that change something.
#![deny(clippy::disallowed_methods)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use verifier::cutover::SentinelConfig;
pub use verifier::cutover::{Database, Policy, UndeclaredDatabase, WritesConfig};

use crate::counters::Reason;
use crate::mirror::Plan;
use crate::request_check::Checked;

/// Whether writes may go to core at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Gate {
    Open,
    /// The sentinel has yet to prove that the databases are apart.
    Waiting,
    /// The sentinel has proved that they are not. Final.
    Stopped,
}

/// The policy, and whether the tripwire lets writes pass.
#[derive(Clone, Debug)]
pub(crate) struct Writes {
    config: WritesConfig,
    gate: Arc<AtomicU8>,
}

impl Writes {
    /// With a sentinel, core gets no write before its first proof.
    pub(crate) fn new(config: WritesConfig) -> Self {
        let gate = if config.sentinel.is_some() {
            Gate::Waiting
        } else {
            Gate::Open
        };
        Self {
            config,
            gate: Arc::new(AtomicU8::new(gate as u8)),
        }
    }

    /// The sentinel, where some policy needs one.
    pub(crate) fn sentinel(&self) -> Option<&SentinelConfig> {
        self.config.sentinel.as_ref()
    }

    /// Stops all shadowing of writes for good: core was seen writing where it must not.
    pub(crate) fn stop(&self) {
        self.gate.store(Gate::Stopped as u8, Ordering::Release);
    }

    /// The databases are apart: writes may pass, unless they were stopped.
    pub(crate) fn prove(&self) {
        self.turn(Gate::Waiting, Gate::Open);
    }

    /// The last proof failed to be made: writes wait for the next.
    pub(crate) fn doubt(&self) {
        self.turn(Gate::Open, Gate::Waiting);
    }

    fn turn(&self, from: Gate, to: Gate) {
        // Fails when the gate is elsewhere, and there it must stay.
        let _elsewhere =
            self.gate
                .compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether writes may pass.
    pub(crate) fn proved(&self) -> bool {
        self.gate.load(Ordering::Acquire) == Gate::Open as u8
    }

    /// Whether shadowing of writes was stopped for good.
    pub(crate) fn stopped(&self) -> bool {
        self.gate.load(Ordering::Acquire) == Gate::Stopped as u8
    }

    /// The policy for this write, whatever the tripwire says.
    pub(crate) fn policy(&self, checked: Checked, endpoint: &str) -> Policy {
        // Which method an overridden request really has is the service's affair: no name given in
        // the configuration can have meant it.
        if checked.overridden {
            return Policy::Skip;
        }
        let named = self.config.endpoints.get(endpoint).copied();
        named.unwrap_or(self.config.default)
    }

    /// What core may see of this write.
    pub(crate) fn plan(&self, checked: Checked, endpoint: &str) -> Plan {
        match self.policy(checked, endpoint) {
            Policy::Skip => Plan::Never(Reason::Write),
            Policy::Read => Plan::Read,
            Policy::Probe => Plan::Probe,
            Policy::Rejected | Policy::Mirror if !self.proved() => {
                Plan::Never(Reason::WriteStopped)
            }
            Policy::Rejected => Plan::Rejected,
            Policy::Mirror => Plan::Mirror,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: Checked = Checked {
        write: true,
        overridden: false,
        upgrade: false,
    };

    #[test]
    fn a_write_is_skipped_unless_a_policy_names_it() {
        let mut config = WritesConfig {
            database: Database::Isolated,
            ..WritesConfig::default()
        };
        config
            .endpoints
            .insert("POST /a".to_owned(), Policy::Mirror);
        config.endpoints.insert("POST /b".to_owned(), Policy::Read);
        let writes = Writes::new(config);
        assert_eq!(writes.plan(WRITE, "POST /c"), Plan::Never(Reason::Write));
        assert_eq!(writes.plan(WRITE, "POST /a"), Plan::Mirror);
        assert_eq!(writes.plan(WRITE, "POST /b"), Plan::Read);
        let overridden = Checked {
            overridden: true,
            ..WRITE
        };
        assert_eq!(
            writes.plan(overridden, "POST /b"),
            Plan::Never(Reason::Write)
        );
        writes.stop();
        assert_eq!(
            writes.plan(WRITE, "POST /a"),
            Plan::Never(Reason::WriteStopped)
        );
        assert_eq!(writes.plan(WRITE, "POST /b"), Plan::Read, "reads go on");
    }

    #[test]
    fn with_a_sentinel_writes_wait_for_its_proof_and_a_failed_one_is_final() {
        let sentinel: SentinelConfig = serde_json::from_str(
            r#"{"send": {"method": "POST", "path": "/a", "body": "{mark}"}, "read": "/a"}"#,
        )
        .expect("a sentinel");
        let writes = Writes::new(WritesConfig {
            default: Policy::Mirror,
            database: Database::Isolated,
            sentinel: Some(sentinel),
            ..WritesConfig::default()
        });
        let waits = Plan::Never(Reason::WriteStopped);
        assert_eq!(writes.plan(WRITE, "POST /a"), waits);
        writes.prove();
        assert_eq!(writes.plan(WRITE, "POST /a"), Plan::Mirror);
        writes.doubt();
        assert_eq!(writes.plan(WRITE, "POST /a"), waits);
        writes.prove();
        writes.stop();
        writes.prove();
        assert_eq!(writes.plan(WRITE, "POST /a"), waits);
        assert!(writes.stopped());
    }
}
