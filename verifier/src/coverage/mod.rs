#![deny(clippy::disallowed_methods)]
//! What of an API live traffic has shown and what golden files hold, side by side: by endpoint, status,
//! role, parameter and what is done with writes. And what neither has.

mod declared;
mod gaps;
mod writes;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use http::Method;

pub use declared::{CaseCoverage, GoldenFact};
pub use gaps::{Aspect, Gap, GapKind, replay_adds};
pub use writes::{TAKES, Way};

use crate::catalogue::Catalogue;
use crate::catalogue::routes::Routes;
use crate::evidence::record::{EndpointRecord, Evidence, Shape};
use crate::evidence::usage::{Handling, ROLE_UNKNOWN, Uses};

/// Requests with something in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Requests that legacy answered.
    pub sent: u64,
    /// Of these, those with a verdict.
    pub compared: u64,
}

impl Seen {
    fn add(&mut self, sent: u64, compared: u64) {
        self.sent = self.sent.saturating_add(sent);
        self.compared = self.compared.saturating_add(compared);
    }
}

/// One status, role, parameter or body field of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// Live requests with it; of a body field, the distinct forms of request that have it.
    pub live: u64,
    /// Of the live requests, those with a verdict, where that is known.
    pub compared: Option<u64>,
    /// Cases with it.
    pub cases: u64,
}

impl Met {
    /// How a table marks it: `+` for live without a case, `-` for a case that was never live.
    pub const fn mark(self) -> &'static str {
        match (self.live > 0, self.cases > 0) {
            (true, false) => "+",
            (false, true) => "-",
            _ => "",
        }
    }
}

/// What is known of one endpoint.
#[derive(Clone, Debug, Default)]
pub struct EndpointCoverage {
    /// The catalogue's id, else the name that the proxy inferred.
    pub name: String,
    /// Its method.
    pub method: String,
    /// Its path with placeholders.
    pub path: String,
    /// Whether the catalogue has it.
    pub declared: bool,
    /// Requests that went to legacy, and those with a verdict.
    pub seen: Seen,
    /// Whether it takes writes that core may be kept from.
    pub writes: bool,
    /// By what may become of its requests.
    pub handlings: BTreeMap<Handling, Seen>,
    /// By legacy's status, of writes alone.
    pub writes_by_status: BTreeMap<u16, Seen>,
    /// By status.
    pub statuses: BTreeMap<u16, Met>,
    /// By role.
    pub roles: BTreeMap<String, Met>,
    /// By query parameter.
    pub parameters: BTreeMap<String, Met>,
    /// By field at the top of a JSON body.
    pub fields: BTreeMap<String, Met>,
    /// Its cases in the order written.
    pub cases: Vec<CaseCoverage>,
    /// Everything together, as the proxies counted it.
    pub uses: Uses,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// The catalogue's endpoints in its order, then the routes that it does not name.
    pub endpoints: Vec<EndpointCoverage>,
    /// Whether there is a catalogue.
    pub with_catalogue: bool,
    /// What is missing.
    pub gaps: Vec<Gap>,
    /// What a reader should know besides.
    pub warnings: Vec<String>,
}

/// Sums of the headline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Endpoints of the catalogue.
    pub endpoints: usize,
    /// Of these, seen live.
    pub endpoints_live: usize,
    /// Routes seen live that the catalogue does not name; without one, all.
    pub routes_not_in_catalogue: usize,
    /// Requests of all.
    pub sent: u64,
    /// Of these, with a verdict.
    pub compared: u64,
    /// Cases of the catalogue.
    pub cases: usize,
    /// Of these, with a golden file.
    pub cases_with_golden: usize,
}

impl Coverage {
    /// Holds `evidence` against `catalogue`; `golden` tells what is known of a case's golden file.
    pub fn new(
        evidence: &Evidence,
        catalogue: Option<&Catalogue>,
        golden: impl Fn(&str) -> Option<GoldenFact>,
    ) -> Self {
        let routes = catalogue.map(Catalogue::routes).unwrap_or_default();
        let mut endpoints = declared::endpoints(catalogue, &routes, golden);
        let mut shapes: BTreeMap<&str, Vec<&Shape>> = BTreeMap::new();
        for shape in evidence.ledger.shapes.values() {
            shapes.entry(&shape.endpoint).or_default().push(shape);
        }
        for (live, record) in &evidence.ledger.endpoints {
            let name = named(&routes, &endpoints, live);
            let at = endpoints.iter().position(|one| one.name == name);
            let at = at.unwrap_or_else(|| {
                let (method, path) = live.split_once(' ').unwrap_or(("", live));
                endpoints.push(EndpointCoverage {
                    name: live.clone(),
                    method: method.to_owned(),
                    path: path.to_owned(),
                    ..EndpointCoverage::default()
                });
                endpoints.len() - 1
            });
            let shapes = shapes.remove(live.as_str()).unwrap_or_default();
            endpoints[at].add(record, &shapes);
        }
        let mut coverage = Self {
            endpoints,
            with_catalogue: catalogue.is_some(),
            ..Self::default()
        };
        coverage.gaps = gaps::find(&coverage);
        coverage.warnings = coverage.warn(evidence, catalogue);
        coverage
    }

    /// Sums everything.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for endpoint in &self.endpoints {
            let live = endpoint.seen.sent > 0;
            totals.sent = totals.sent.saturating_add(endpoint.seen.sent);
            totals.compared = totals.compared.saturating_add(endpoint.seen.compared);
            if endpoint.declared {
                totals.endpoints += 1;
                totals.endpoints_live += usize::from(live);
            } else {
                totals.routes_not_in_catalogue += usize::from(live);
            }
            totals.cases += endpoint.cases.len();
            let golden = endpoint.cases.iter().filter(|case| case.golden);
            totals.cases_with_golden += golden.count();
        }
        totals
    }

    /// How many gaps there are of a kind.
    pub fn count(&self, kind: GapKind) -> usize {
        self.gaps.iter().filter(|gap| gap.kind == kind).count()
    }

    fn warn(&self, evidence: &Evidence, catalogue: Option<&Catalogue>) -> Vec<String> {
        let mut warnings = Vec::new();
        let live = || self.endpoints.iter().filter(|one| one.seen.sent > 0);
        let untold = live().filter(|one| one.uses.is_empty()).count();
        if untold > 0 {
            warnings.push(format!(
                "of {untold} endpoints the evidence does not tell roles and parameters: an earlier version \
                 recorded them, or legacy answered none of their requests"
            ));
        }
        let mut roles = live()
            .flat_map(|one| &one.roles)
            .filter(|(_, met)| met.live > 0);
        if roles.any(|(role, _)| role == ROLE_UNKNOWN) {
            warnings.push(
                "of some requests with credentials no role is known: name the claim of the tokens that tells \
                 it with `shadow-proxy --role-claim CLAIM`"
                    .to_owned(),
            );
        }
        let cut: Vec<&str> = live()
            .filter(|one| one.uses.cut)
            .map(|one| one.name.as_str())
            .collect();
        if !cut.is_empty() {
            warnings.push(format!(
                "more roles, statuses or parameters than are kept, so some are missing here: {}",
                cut.join(", ")
            ));
        }
        if evidence.ledger.shapes_cut {
            warnings.push(
                "more forms of request than are kept, so some body fields may be missing here"
                    .to_owned(),
            );
        }
        match catalogue {
            None => warnings.push(
                "no catalogue: name it with `--catalog FILE` to see what live traffic has not shown".to_owned(),
            ),
            Some(catalogue) => {
                let mut others = evidence.runs.values().filter(|run| {
                    let theirs = run.catalogue_sha256.as_ref();
                    theirs.is_some_and(|theirs| *theirs != catalogue.sha256)
                });
                if others.next().is_some() {
                    warnings.push(
                        "some of the evidence was gathered under another version of the catalogue: an endpoint \
                         that was called otherwise there is listed as unknown"
                            .to_owned(),
                    );
                }
            }
        }
        warnings
    }
}

/// The catalogue's name of a live endpoint: its own, or that of the endpoint which its inferred route
/// leads to.
pub fn named<'n>(routes: &'n Routes, endpoints: &[EndpointCoverage], live: &'n str) -> &'n str {
    if endpoints.iter().any(|one| one.name == live) {
        return live;
    }
    live.split_once(' ')
        .and_then(|(method, path)| {
            let method = Method::from_bytes(method.as_bytes()).ok()?;
            routes.find(&method, path)
        })
        .unwrap_or(live)
}

impl EndpointCoverage {
    /// Adds what one live endpoint of the evidence has shown.
    fn add(&mut self, record: &EndpointRecord, shapes: &[&Shape]) {
        let tally = &record.tally;
        self.seen.add(tally.sent, tally.compared());
        let write = |reason: &&str| tally.not_compared.get(*reason).is_some_and(|n| *n > 0);
        let mut reasons = ["write", "write_accepted", "write_stopped"].iter();
        self.writes |= reasons.any(write);
        for (key, one) in &tally.uses.by {
            let handling = self.handlings.entry(key.handling).or_default();
            handling.add(one.sent, one.compared);
            if key.handling.writes() {
                self.writes = true;
                let status = self.writes_by_status.entry(key.status).or_default();
                status.add(one.sent, one.compared);
            }
            for met in [
                self.statuses.entry(key.status).or_default(),
                self.roles.entry(key.role.clone()).or_default(),
            ] {
                met.live = met.live.saturating_add(one.sent);
                let compared = met.compared.unwrap_or(0);
                met.compared = Some(compared.saturating_add(one.compared));
            }
            for (name, count) in &one.parameters {
                let met = self.parameters.entry(name.clone()).or_default();
                met.live = met.live.saturating_add(*count);
            }
        }
        self.uses.merge(&tally.uses);
        if tally.uses.is_empty() {
            // Of an earlier version: the statuses of what was compared are all that is known.
            let all = [&tally.equal_by_status, &record.different_by_status];
            for (pair, count) in all.into_iter().flatten() {
                let met = self.statuses.entry(pair.reference).or_default();
                met.live = met.live.saturating_add(*count);
                met.compared = Some(met.live);
            }
        }
        for shape in shapes {
            let names: BTreeSet<&str> = shape.body.iter().map(|field| name_of(field)).collect();
            for name in names {
                self.fields.entry(name.to_owned()).or_default().live += 1;
            }
        }
    }
}

/// The name in `name:class`.
fn name_of(field: &str) -> &str {
    field.rsplit_once(':').map_or(field, |(name, _)| name)
}
