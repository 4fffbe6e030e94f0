#![deny(clippy::disallowed_methods)]
//! What is missing: on one side, on the other, or on both.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::writes::{self, Way};
use super::{Coverage, EndpointCoverage, Met};
use crate::evidence::usage::{ROLE_OTHER, ROLE_UNKNOWN, UNNAMED};

/// What kind of thing is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapKind {
    /// An endpoint of the catalogue that no live request asked.
    NeverLive,
    /// A route that live requests asked and the catalogue does not name.
    UnknownRoute,
    /// A case that cannot be replayed.
    NoGolden,
    /// Something that live requests have and no case does.
    NoCase,
    /// Writes of which no verdict exists.
    UnverifiedWrite,
    /// Something that cases have and live requests do not: a replay covers it, so it fails nothing.
    CaseOnly,
}

impl GapKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::NeverLive,
        Self::UnknownRoute,
        Self::NoGolden,
        Self::NoCase,
        Self::UnverifiedWrite,
        Self::CaseOnly,
    ];

    /// Its name on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeverLive => "never-live",
            Self::UnknownRoute => "unknown-route",
            Self::NoGolden => "no-golden",
            Self::NoCase => "no-case",
            Self::UnverifiedWrite => "unverified-write",
            Self::CaseOnly => "case-only",
        }
    }

    /// Whether it makes the coverage incomplete.
    pub const fn counts(self) -> bool {
        !matches!(self, Self::CaseOnly)
    }
}

impl fmt::Display for GapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for GapKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().filter(|kind| kind.counts());
        known
            .clone()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| {
                let names: Vec<&str> = known.map(Self::name).collect();
                format!("no kind of gap `{text}`: write one of {}", names.join(", "))
            })
    }
}

/// What of an endpoint is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    /// All of it.
    Endpoint,
    /// One of its cases.
    Case,
    /// A status.
    Status,
    /// A role.
    Role,
    /// A query parameter.
    Parameter,
    /// A field of the body.
    Field,
}

impl Aspect {
    /// The word of the reports.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Endpoint => "endpoint",
            Self::Case => "case",
            Self::Status => "status",
            Self::Role => "role",
            Self::Parameter => "parameter",
            Self::Field => "body field",
        }
    }
}

/// One thing that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// What kind.
    pub kind: GapKind,
    /// Of which endpoint.
    pub endpoint: String,
    /// What of it.
    pub aspect: Aspect,
    /// Its name: a status, a role, a case.
    pub name: String,
    /// Live requests that it is about; of a body field, distinct forms of request.
    pub requests: u64,
    /// What to do, or what covers it.
    pub remedy: String,
    /// By what a write could be verified.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub could_be: Vec<Way>,
}

/// All gaps, in the order of the endpoints.
pub(super) fn find(coverage: &Coverage) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for endpoint in &coverage.endpoints {
        if coverage.with_catalogue {
            known(endpoint, &mut gaps);
            if endpoint.declared && endpoint.seen.sent > 0 {
                aspects(endpoint, &mut gaps);
            }
        }
        if let Some(gap) = writes::gap(endpoint, &coverage.endpoints) {
            gaps.push(gap);
        }
    }
    // By kind; within one the order of the endpoints stays.
    gaps.sort_by_key(|gap| gap.kind);
    gaps
}

fn known(endpoint: &EndpointCoverage, gaps: &mut Vec<Gap>) {
    let whole = |kind, remedy: String| Gap {
        kind,
        endpoint: endpoint.name.clone(),
        aspect: Aspect::Endpoint,
        name: format!("{} {}", endpoint.method, endpoint.path),
        requests: endpoint.seen.sent,
        remedy,
        could_be: Vec::new(),
    };
    if endpoint.declared && endpoint.seen.sent == 0 {
        gaps.push(whole(GapKind::NeverLive, endpoint.replay_adds()));
    }
    if !endpoint.declared && endpoint.seen.sent > 0 {
        let remedy = "add it to the catalogue, with a case".to_owned();
        gaps.push(whole(GapKind::UnknownRoute, remedy));
    }
    for case in endpoint.cases.iter().filter(|case| !case.golden) {
        gaps.push(Gap {
            kind: GapKind::NoGolden,
            endpoint: endpoint.name.clone(),
            aspect: Aspect::Case,
            name: case.id.clone(),
            requests: 0,
            remedy: format!("verifier record --legacy URL --only {}", case.id),
            could_be: Vec::new(),
        });
    }
}

fn aspects(endpoint: &EndpointCoverage, gaps: &mut Vec<Gap>) {
    let statuses = endpoint.statuses.iter();
    let statuses: BTreeMap<String, Met> = statuses
        .map(|(status, met)| (status.to_string(), *met))
        .collect();
    // Where the evidence does not tell a role, nothing can be said of any.
    let told = endpoint
        .roles
        .iter()
        .all(|(role, met)| met.live == 0 || !matches!(role.as_str(), ROLE_UNKNOWN | ROLE_OTHER));
    let known = !endpoint.uses.is_empty();
    // Fields are known of requests whose body core got.
    let shown = endpoint.fields.values().any(|met| met.live > 0);
    for (aspect, all, known) in [
        (Aspect::Status, &statuses, true),
        (Aspect::Role, &endpoint.roles, known && told),
        (Aspect::Parameter, &endpoint.parameters, known),
        (Aspect::Field, &endpoint.fields, shown),
    ] {
        if !known {
            continue;
        }
        for (name, met) in all.iter().filter(|(name, _)| *name != UNNAMED) {
            let (kind, remedy) = match met.mark() {
                "+" => (
                    GapKind::NoCase,
                    format!("add a case with {} {name}", aspect.text()),
                ),
                "-" => (
                    GapKind::CaseOnly,
                    match met.cases {
                        1 => "1 case replays it".to_owned(),
                        cases => format!("{cases} cases replay it"),
                    },
                ),
                _ => continue,
            };
            gaps.push(Gap {
                kind,
                endpoint: endpoint.name.clone(),
                aspect,
                name: name.clone(),
                requests: met.live,
                remedy,
                could_be: Vec::new(),
            });
        }
    }
}

impl EndpointCoverage {
    /// What a replay could show of it.
    pub fn replay_adds(&self) -> String {
        replay_adds(
            self.cases.len(),
            self.cases.iter().filter(|case| case.golden).count(),
        )
    }
}

/// What a replay could show of an endpoint with so many cases, so many of them with a golden file.
pub fn replay_adds(cases: usize, goldens: usize) -> String {
    match (cases, goldens) {
        (0, _) => "no case exists: add one to the catalogue".to_owned(),
        (1, 0) => "1 case, not recorded: verifier record --legacy URL".to_owned(),
        (cases, 0) => format!("{cases} cases, none recorded: verifier record --legacy URL"),
        (1, 1) => "1 case replays it".to_owned(),
        (cases, goldens) if cases == goldens => format!("{cases} cases replay it"),
        (cases, goldens) => format!("{goldens} of {cases} cases replay it"),
    }
}
