//! What core gets to see of requests that change something.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::counters::Reason;
use crate::mirror::Plan;
use crate::request_check::Checked;

/// What is done with a write, from the safest to the boldest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// It goes to legacy only and counts as unverified.
    #[default]
    Skip,
    /// It goes to legacy only; after its 2xx the resource is read from both and compared.
    Probe,
    /// Core gets it only when legacy has refused it with 4xx, and only on a read-only role.
    Rejected,
    /// Core gets it too, into a database of its own.
    Mirror,
    /// It changes nothing in truth (a `POST` that only reads): treated as a read.
    Read,
}

/// Whether both services write to one database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Database {
    /// They share one, so a mirrored write would be applied twice.
    #[default]
    Shared,
    /// Core has its own, or a role that cannot write.
    Isolated,
}

/// How writes are shadowed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WritesConfig {
    /// For every write that `endpoints` does not name.
    pub default: Policy,
    /// The declaration that `rejected` and `mirror` need.
    pub database: Database,
    /// By endpoint, as the catalogue or the proxy names it (`POST /api/v1/my`).
    pub endpoints: BTreeMap<String, Policy>,
}

/// The policy, and whether it was stopped.
#[derive(Clone, Debug)]
pub(crate) struct Writes {
    config: WritesConfig,
    stopped: Arc<AtomicBool>,
}

impl Writes {
    pub(crate) fn new(config: WritesConfig) -> Self {
        Self {
            config,
            stopped: Arc::new(AtomicBool::new(false)),
        }
    }

    #[cfg(test)]
    /// Stops all shadowing of writes: core was seen writing where it must not.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Whether shadowing of writes was stopped.
    pub(crate) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// What core may see of this write.
    pub(crate) fn plan(&self, checked: Checked, endpoint: &str) -> Plan {
        let policy = self
            .config
            .endpoints
            .get(endpoint)
            .copied()
            .unwrap_or(self.config.default);
        // Which method an overridden request really has is the service's affair: no name given in
        // the configuration can have meant it.
        if checked.overridden {
            return Plan::Never(Reason::Write);
        }
        match policy {
            Policy::Skip => Plan::Never(Reason::Write),
            Policy::Read => Plan::Read,
            Policy::Probe => Plan::Probe,
            Policy::Rejected | Policy::Mirror if self.stopped() => {
                Plan::Never(Reason::WriteStopped)
            }
            Policy::Rejected => Plan::Rejected,
            Policy::Mirror => Plan::Mirror,
        }
    }
}

/// Why a write policy is not accepted: the boldest ones need a declaration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{place}: {policy}` sends writes to core: declare `writes.database: isolated` once core has a \
     database of its own or a role that cannot write"
)]
pub struct UndeclaredDatabase {
    place: String,
    policy: &'static str,
}

impl WritesConfig {
    /// Refuses policies that could write twice into one database.
    pub fn check(&self) -> Result<(), UndeclaredDatabase> {
        let named = self
            .endpoints
            .iter()
            .map(|(name, &policy)| (format!("writes.endpoints.{name}"), policy));
        let all = std::iter::once(("writes.default".to_owned(), self.default)).chain(named);
        for (place, policy) in all {
            let policy = match policy {
                Policy::Rejected => "rejected",
                Policy::Mirror => "mirror",
                Policy::Skip | Policy::Probe | Policy::Read => continue,
            };
            if self.database == Database::Shared {
                return Err(UndeclaredDatabase { place, policy });
            }
        }
        Ok(())
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
    fn policies_that_write_need_the_declaration() {
        for (policy, needs) in [
            (Policy::Skip, false),
            (Policy::Probe, false),
            (Policy::Read, false),
            (Policy::Rejected, true),
            (Policy::Mirror, true),
        ] {
            let mut config = WritesConfig {
                default: policy,
                ..WritesConfig::default()
            };
            assert_eq!(config.check().is_err(), needs, "{policy:?}");
            config.database = Database::Isolated;
            assert_eq!(config.check(), Ok(()));
        }
    }
}
