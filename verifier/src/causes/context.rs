//! What evidence knows beside its groups.

#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use crate::evidence::record::{Ledger, StatusPair};

/// How many exchanges of an endpoint were compared that had these statuses, with a difference or without.
pub type Compared = BTreeMap<(String, StatusPair), u64>;

/// What tells causes apart beside their groups.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// How many exchanges were compared.
    pub compared: Compared,
    /// Ids of legacy whose counterpart is known, with their type.
    pub legacy: BTreeSet<(String, String)>,
    /// Legacy's id for one of core's, with its type.
    pub core: BTreeMap<(String, String), String>,
}

impl Context {
    /// Of what a ledger holds.
    pub fn of(ledger: &Ledger) -> Self {
        let mut context = Self::default();
        for (endpoint, record) in &ledger.endpoints {
            let by_status = [&record.tally.equal_by_status, &record.different_by_status];
            for (statuses, count) in by_status.into_iter().flatten() {
                let key = (endpoint.clone(), *statuses);
                let sum = context.compared.entry(key).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
        for pair in ledger.ids.values() {
            let legacy = (pair.kind.clone(), pair.legacy.clone());
            context.legacy.insert(legacy);
            let core = (pair.kind.clone(), pair.core.clone());
            context.core.insert(core, pair.legacy.clone());
        }
        context
    }
}
