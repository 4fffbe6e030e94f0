#![deny(clippy::disallowed_methods)]
//! What the catalogue says of endpoints that live traffic tells little or nothing of.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::Catalogue;
use crate::coverage::{Coverage, GoldenFact, named};
use crate::evidence::record::{EndpointRecord, Evidence};

/// What a replay could show of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// Its cases, and whether each has a golden file.
    pub cases: Vec<(String, bool)>,
}

impl Replay {
    /// Cases with a golden file.
    pub fn goldens(&self) -> usize {
        self.cases.iter().filter(|(_, golden)| *golden).count()
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// By the name that the evidence or, where that has none, the catalogue gives the endpoint.
    replays: BTreeMap<String, Replay>,
    /// Endpoints of the catalogue that no request asked; their counts are all zero.
    unseen: BTreeMap<String, EndpointRecord>,
}

impl Known {
    /// Holds the catalogue against the evidence; `golden` tells what is known of a case's golden file.
    pub fn new(
        evidence: &Evidence,
        catalogue: &Catalogue,
        golden: impl Fn(&str) -> Option<GoldenFact>,
    ) -> Self {
        let coverage = Coverage::new(evidence, Some(catalogue), golden);
        let routes = catalogue.routes();
        let live: BTreeSet<&str> = evidence
            .ledger
            .endpoints
            .keys()
            .map(String::as_str)
            .collect();
        let mut known = Self::default();
        for endpoint in coverage.endpoints.iter().filter(|one| one.declared) {
            let cases = endpoint.cases.iter();
            let replay = Replay {
                cases: cases.map(|case| (case.id.clone(), case.golden)).collect(),
            };
            let mut names = live
                .iter()
                .filter(|name| named(&routes, &coverage.endpoints, name) == endpoint.name)
                .peekable();
            if names.peek().is_none() {
                let none = EndpointRecord::default();
                known.unseen.insert(endpoint.name.clone(), none);
                known.replays.insert(endpoint.name.clone(), replay.clone());
            }
            for name in names {
                known.replays.insert((*name).to_owned(), replay.clone());
            }
        }
        known
    }

    /// Whether no catalogue was named.
    pub fn is_empty(&self) -> bool {
        self.replays.is_empty()
    }

    /// Endpoints that no request asked.
    pub(super) fn unseen(&self) -> impl Iterator<Item = (&String, &EndpointRecord)> {
        self.unseen.iter()
    }

    pub(super) fn replay(&self, name: &str) -> Option<&Replay> {
        self.replays.get(name)
    }
}
