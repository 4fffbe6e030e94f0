//! Rules of the catalogue: what may differ, where, why and until when.

#![deny(clippy::disallowed_methods)]

mod compile;
mod spec;

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;

use crate::exchange::Exchange;

pub use compile::RuleError;
pub(crate) use compile::{AtPlace, Pairing, RuleId, RuleSet, State, Tolerance};
pub use spec::{
    HeaderPolicy, KnownSpec, MeasureSpec, NumberFormat, Presence, RuleSpec, TolerateSpec,
    TolerateWord,
};

/// Rules made ready for comparing: one automaton over places for every endpoint that has rules of its
/// own, and one for the others.
#[derive(Clone, Debug)]
pub struct Rules {
    /// For endpoints without rules of their own.
    base: RuleSet,
    endpoints: BTreeMap<String, RuleSet>,
    infos: Vec<RuleInfo>,
}

/// What is kept of a rule for reports.
#[derive(Clone, Debug)]
struct RuleInfo {
    id: String,
    reason: Option<String>,
    expired: Option<Date>,
    /// It excuses one difference that was there when it was written. Other rules may rightly have
    /// nothing to do in a run.
    known: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            base: RuleSet::empty(),
            endpoints: BTreeMap::new(),
            infos: Vec::new(),
        }
    }
}

impl Rules {
    /// Makes rules ready. `today` decides which `known` differences have expired; the day of expiry
    /// itself still counts.
    pub fn compile(specs: &[RuleSpec], today: Option<Date>) -> Result<Self, RuleError> {
        compile::compile(specs, today)
    }

    /// The rules of an exchange: its case's own where there are any, else its endpoint's.
    pub(crate) fn of_exchange(&self, exchange: &Exchange) -> &RuleSet {
        self.endpoints
            .get(&exchange.case)
            .unwrap_or_else(|| self.of(&exchange.endpoint))
    }

    /// The rules of an endpoint, the general ones included.
    pub(crate) fn of(&self, endpoint: &str) -> &RuleSet {
        self.endpoints.get(endpoint).unwrap_or(&self.base)
    }

    /// The name under which a rule is reported.
    pub(crate) fn name(&self, rule: RuleId) -> &str {
        self.infos.get(rule as usize).map_or("", |info| &info.id)
    }

    /// Why a rule exists, as it says itself.
    pub(crate) fn reason(&self, rule: RuleId) -> Option<&str> {
        self.infos.get(rule as usize)?.reason.as_deref()
    }

    /// What is wrong with the rules after a whole run, given the sums of
    /// [`Verdict::fired`](crate::verdict::Verdict::fired) and
    /// [`Verdict::strayed`](crate::verdict::Verdict::strayed).
    pub fn debt(
        &self,
        fired: &BTreeMap<String, u64>,
        strayed: &BTreeMap<String, u64>,
    ) -> Vec<RuleDebt> {
        let mut debts = Vec::new();
        for RuleInfo {
            id, expired, known, ..
        } in &self.infos
        {
            let rule = id.clone();
            if let Some(on) = *expired {
                debts.push(RuleDebt {
                    rule,
                    fault: DebtFault::Expired { on },
                });
            } else if let Some(&count) = strayed.get(id) {
                debts.push(RuleDebt {
                    rule,
                    fault: DebtFault::OtherKinds { count },
                });
            } else if *known && !fired.contains_key(id) {
                debts.push(RuleDebt {
                    rule,
                    fault: DebtFault::MatchedNothing,
                });
            }
        }
        debts
    }
}

/// A rule that should be looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleDebt {
    /// The rule's id.
    pub rule: String,
    /// What is wrong with it.
    pub fault: DebtFault,
}

/// What can be wrong with a rule after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DebtFault {
    /// Its day has passed; it excused nothing.
    Expired {
        /// The last day on which it held.
        on: Date,
    },
    /// It excused nothing in the whole run.
    MatchedNothing,
    /// Differences of another kind than it is for occurred at its place.
    OtherKinds {
        /// How many.
        count: u64,
    },
}

impl fmt::Display for RuleDebt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = &self.rule;
        match self.fault {
            DebtFault::Expired { on } => write!(f, "rule `{rule}` expired on {on}"),
            DebtFault::MatchedNothing => write!(f, "rule `{rule}` excused nothing in this run"),
            DebtFault::OtherKinds { count } => {
                write!(
                    f,
                    "rule `{rule}` met {count} differences of a kind it is not for"
                )
            }
        }
    }
}
