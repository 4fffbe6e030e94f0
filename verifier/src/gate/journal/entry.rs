//! What the journal says, line by line, and what follows from it.
#![deny(clippy::disallowed_methods)]

use serde::{Deserialize, Serialize};

use crate::gate::actuator::{Act, Reading};
use crate::gate::record::EvidenceRecord;
use crate::gate::state::{Aside, State};
use crate::gate::weight::Weight;
use crate::jwt::cell::Side;

/// The parts of a [`Reading`] that the gate owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Core's share by the split.
    pub weight: Weight,
    /// Whether the split is in place.
    pub canary: bool,
    /// Where the main route leads.
    pub main: Side,
}

impl Route {
    /// As a cut-over finds the router: legacy alone.
    pub const START: Self = Self {
        weight: Weight::NONE,
        canary: false,
        main: Side::Legacy,
    };

    /// Of what was read.
    pub const fn of(reading: &Reading) -> Self {
        Self {
            weight: reading.weight,
            canary: reading.canary,
            main: reading.main,
        }
    }

    /// Core's share of all live traffic.
    pub const fn exposure(self) -> Weight {
        match self.main {
            Side::Core => Weight::ALL,
            Side::Legacy => self.weight,
        }
    }

    /// The route after `act`.
    #[must_use]
    pub fn after(mut self, act: Act) -> Self {
        match act {
            Act::SetWeight { weight } => {
                self.weight = weight;
                self.canary |= !weight.is_none();
            }
            Act::SwitchMain { to } => self.main = to,
            Act::RemoveCanary => {
                self.weight = Weight::NONE;
                self.canary = false;
            }
            Act::ScaleLegacy { .. } | Act::RemoveLegacy { .. } => {}
        }
        self
    }

    /// Whether both lead the same requests to the same side. An empty split that was left in place is
    /// not told from none: routers differ in what they keep.
    pub fn same(self, other: Self) -> bool {
        self.weight == other.weight && self.main == other.main
    }
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "main route to {}, core's share {}",
            self.main, self.weight
        )
    }
}

/// A change that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The state it starts from.
    pub from: State,
    /// The state it leads to.
    pub to: State,
    /// The change.
    pub act: Act,
    /// Its place among the changes of this transition, from 0.
    pub nth: usize,
    /// The router's version that was read: the write's precondition.
    pub version: String,
    /// The route before.
    pub before: Route,
    /// Hash of the evidence that it rests on.
    pub evidence: String,
}

/// One line's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Entry {
    /// A cut-over begins.
    Begun {
        /// Its name, drawn at random.
        run_id: String,
        /// The number of builds of core that were tried, this one included.
        attempt: u32,
        /// Version of the tool.
        tool: String,
    },
    /// A piece of evidence was accepted.
    Evidence {
        /// The piece.
        record: EvidenceRecord,
    },
    /// A person approved.
    Approved {
        /// The state that may follow.
        to: State,
        /// Hash of the evidence that was approved.
        evidence: String,
        /// Who, where it was said to a gate at work; else whoever wrote the line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// A change is about to be made.
    Intent(Intent),
    /// The router took it.
    Applied {
        /// The intent's number.
        of: u64,
        /// The router's new version.
        version: String,
    },
    /// Its effect was read back.
    Confirmed {
        /// The intent's number.
        of: u64,
        /// The route read back.
        route: Route,
    },
    /// An intent came to nothing.
    Dropped {
        /// The intent's number.
        of: u64,
        /// Why.
        reason: String,
    },
    /// A state was reached.
    Moved {
        /// The state before.
        from: State,
        /// The state now.
        to: State,
        /// Hash of the evidence that it rests on; empty on the way back.
        evidence: String,
        /// Why.
        reason: String,
        /// The route before.
        before: Route,
        /// The route now.
        after: Route,
    },
    /// Something keeps the cut-over where it is, or does so no more.
    Aside {
        /// What.
        aside: Option<Aside>,
    },
    /// A person took over what the router shows.
    Adopted {
        /// The route taken over.
        route: Route,
        /// The state that follows from it.
        state: State,
        /// Who, where it was said to a gate at work; else whoever wrote the line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// The right to write was taken from somebody.
    Stolen {
        /// From whom.
        from: String,
    },
    /// The end of a broken last line was cut off.
    Mended {
        /// How many bytes.
        bytes: u64,
    },
}

/// A line with who wrote it and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Number, from 1.
    pub seq: u64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Who.
    pub who: String,
    /// Hash of the line before; empty for the first.
    pub prev: String,
    /// What.
    pub entry: Entry,
}

/// An intent without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Its number.
    pub seq: u64,
    /// The intent.
    pub intent: Intent,
    /// Whether the router is known to have taken it.
    pub applied: bool,
}

/// A transition that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnderWay {
    /// Where it leads.
    pub to: State,
    /// How many of its changes are confirmed.
    pub done: usize,
}

/// Where a cut-over stands, by its journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The cut-over; empty before it began.
    pub run_id: String,
    /// Which build this is, from 1.
    pub attempt: u32,
    /// Its state.
    pub state: State,
    /// When it was reached (milliseconds since 1970).
    pub since_ms: i64,
    /// What keeps it there.
    pub aside: Option<Aside>,
    /// The route as it was confirmed last.
    pub route: Route,
    /// An intent without its end.
    pub open: Option<Open>,
    /// A transition without its end.
    pub under_way: Option<UnderWay>,
    /// Evidence that was accepted, the latest of each kind.
    pub evidence: Vec<EvidenceRecord>,
    /// What a person approved: the state that may follow, and the hash of the evidence.
    pub approved: Option<(State, String)>,
    /// Builds of core that were rolled back.
    pub rolled_back: Vec<String>,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            run_id: String::new(),
            attempt: 1,
            state: State::Draft,
            since_ms: 0,
            aside: None,
            route: Route::START,
            open: None,
            under_way: None,
            evidence: Vec::new(),
            approved: None,
            rolled_back: Vec::new(),
        }
    }
}

impl Standing {
    /// What follows from all lines together.
    pub fn of<'l>(lines: impl IntoIterator<Item = &'l Line>) -> Self {
        lines.into_iter().fold(Self::default(), Self::then)
    }

    /// What follows from one line more.
    #[must_use]
    pub fn then(mut self, line: &Line) -> Self {
        match &line.entry {
            Entry::Begun {
                run_id, attempt, ..
            } => {
                self = Self {
                    run_id: run_id.clone(),
                    attempt: *attempt,
                    since_ms: line.at_ms,
                    route: self.route,
                    rolled_back: self.rolled_back,
                    ..Self::default()
                };
            }
            Entry::Evidence { record } => {
                self.evidence.retain(|known| known.kind != record.kind);
                self.evidence.push(record.clone());
            }
            Entry::Approved { to, evidence, .. } => self.approved = Some((*to, evidence.clone())),
            Entry::Intent(intent) => {
                if intent.to == State::RollingBack {
                    self.state = State::RollingBack;
                }
                let same = self.under_way.is_some_and(|way| way.to == intent.to);
                if !same {
                    self.under_way = Some(UnderWay {
                        to: intent.to,
                        done: 0,
                    });
                }
                self.open = Some(Open {
                    seq: line.seq,
                    intent: intent.clone(),
                    applied: false,
                });
            }
            Entry::Applied { of, .. } => {
                if let Some(open) = self.open.as_mut().filter(|open| open.seq == *of) {
                    open.applied = true;
                }
            }
            Entry::Confirmed { of, route } => {
                self.route = *route;
                if self.open.take_if(|open| open.seq == *of).is_some()
                    && let Some(way) = &mut self.under_way
                {
                    way.done += 1;
                }
            }
            Entry::Dropped { of, .. } => {
                self.open.take_if(|open| open.seq == *of);
                if self.under_way.is_some_and(|way| way.done == 0) {
                    self.under_way = None;
                }
            }
            Entry::Moved {
                from, to, after, ..
            } => {
                if *to == State::RolledBack {
                    let core = self.evidence.iter().flat_map(|record| record.core.clone());
                    self.rolled_back.extend(core);
                    self.rolled_back.sort();
                    self.rolled_back.dedup();
                }
                self.state = *to;
                self.since_ms = line.at_ms;
                self.route = *after;
                self.open = None;
                self.under_way = None;
                // What was put back by force leaves the drift for a person to judge.
                if from != to {
                    self.aside = None;
                }
            }
            Entry::Aside { aside } => self.aside.clone_from(aside),
            Entry::Adopted { route, state, .. } => {
                self.route = *route;
                self.state = *state;
                self.since_ms = line.at_ms;
                self.open = None;
                self.under_way = None;
                self.aside = None;
            }
            Entry::Stolen { .. } | Entry::Mended { .. } => {}
        }
        self
    }

    /// Hash of all accepted evidence: what an approval names.
    pub fn evidence_hash(&self) -> String {
        crate::gate::record::hash_of(&self.evidence)
    }
}
