#![deny(clippy::disallowed_methods)]
//! Writes of which nothing is verified, and what could verify them.

use serde::Serialize;

use super::gaps::{Aspect, Gap, GapKind};
use super::{EndpointCoverage, Seen};
use crate::evidence::usage::Handling;

/// A way to verify writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Way {
    /// A write policy of the proxy (`probe`, `rejected`, `mirror`, `read`), or `replay`.
    pub by: &'static str,
    /// How many of the requests it would have covered; `None` for a replay, which sends its own.
    pub requests: Option<u64>,
    /// What it takes.
    pub needs: String,
}

/// What each way takes wherever it is gone, in the order in which they are told.
pub const TAKES: [(&str, &str); 5] = [
    (
        "replay",
        "`verifier replay --allow-writes` on a core that is disposable",
    ),
    ("probe", "core reads what legacy wrote (one database)"),
    (
        "rejected",
        "core on a role that cannot write (`writes.database: isolated`)",
    ),
    (
        "mirror",
        "core on a database of its own (`writes.database: isolated`), proved by `writes.sentinel`",
    ),
    (
        "read",
        "only if it changes nothing: `shadow: read` in the catalogue",
    ),
];

fn takes(by: &str) -> &'static str {
    let found = TAKES.iter().find(|(way, _)| *way == by);
    found.map_or("", |(_, needs)| needs)
}

/// The gap of an endpoint with writes that have no verdict at a status at which they were answered.
pub(super) fn gap(endpoint: &EndpointCoverage, all: &[EndpointCoverage]) -> Option<Gap> {
    if !endpoint.writes {
        return None;
    }
    // An earlier version did not tell statuses of what core never saw.
    let untold = endpoint.writes_by_status.is_empty();
    let missed = |low: u16, high: u16| {
        let statuses = endpoint.writes_by_status.range(low..high);
        let missed = statuses.filter(|(_, seen)| seen.compared == 0);
        missed.fold(0u64, |sum, (_, seen)| sum.saturating_add(seen.sent))
    };
    let (taken, refused) = (missed(200, 300), missed(400, 500));
    let without = if untold {
        endpoint.seen.sent.saturating_sub(endpoint.seen.compared)
    } else {
        missed(0, u16::MAX)
    };
    if without == 0 {
        return None;
    }
    let in_force = |handling| {
        let seen: Option<&Seen> = endpoint.handlings.get(&handling);
        seen.is_some_and(|seen| seen.sent > 0)
    };
    let mut could_be = Vec::new();
    let mut way = |by, requests, needs: String| {
        could_be.push(Way {
            by,
            requests,
            needs,
        });
    };
    let goldens = endpoint
        .cases
        .iter()
        .filter(|case| case.golden && case.writes);
    let goldens = goldens.count();
    if goldens > 0 {
        way(
            "replay",
            None,
            format!("{goldens} golden cases: {}", takes("replay")),
        );
    }
    let needs = probe_needs(endpoint, all);
    if let Some(needs) = needs.filter(|_| (taken > 0 || untold) && !in_force(Handling::Probe)) {
        way("probe", Some(if untold { without } else { taken }), needs);
    }
    if refused > 0 && !in_force(Handling::Rejected) && !in_force(Handling::Mirror) {
        way("rejected", Some(refused), takes("rejected").to_owned());
    }
    if !in_force(Handling::Mirror) {
        way("mirror", Some(without), takes("mirror").to_owned());
    }
    if endpoint.method == "POST" {
        way("read", Some(without), takes("read").to_owned());
    }
    let policies: Vec<&str> = endpoint
        .handlings
        .iter()
        .filter(|(handling, seen)| handling.writes() && seen.sent > 0)
        .map(|(handling, _)| handling.text())
        .collect();
    Some(Gap {
        kind: GapKind::UnverifiedWrite,
        endpoint: endpoint.name.clone(),
        aspect: Aspect::Endpoint,
        name: format!("{} {}", endpoint.method, endpoint.path),
        requests: without,
        remedy: match policies.as_slice() {
            [] => "core saw none of them".to_owned(),
            policies => format!("by policy {}", policies.join(" and ")),
        },
        could_be,
    })
}

/// What a probe takes; `None` where it is known to find nothing to read.
fn probe_needs(endpoint: &EndpointCoverage, all: &[EndpointCoverage]) -> Option<String> {
    let same_data = format!("and {}", takes("probe"));
    if endpoint.method == "POST" {
        let recorded = endpoint.cases.iter().filter(|case| case.golden).count();
        let located = endpoint.cases.iter().filter(|case| case.location).count();
        return match (recorded, located) {
            (0, _) => Some(format!("a `Location` in legacy's answer, {same_data}")),
            (_, 0) => None,
            _ => Some(format!(
                "the `Location` that legacy answers with, {same_data}"
            )),
        };
    }
    let mut all = all.iter();
    let read = all.find(|other| other.method == "GET" && same_path(&other.path, &endpoint.path));
    Some(match read {
        Some(read) => format!("{} reads the same path, {same_data}", read.name),
        None => format!("a GET of the same path, which nobody has named or asked, {same_data}"),
    })
}

/// Whether two path templates are one, whatever their placeholders are called.
fn same_path(left: &str, right: &str) -> bool {
    let place = |segment: &str| segment.starts_with('{');
    left.split('/').count() == right.split('/').count()
        && left
            .split('/')
            .zip(right.split('/'))
            .all(|(left, right)| left == right || (place(left) && place(right)))
}
