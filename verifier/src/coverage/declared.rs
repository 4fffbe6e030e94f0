#![deny(clippy::disallowed_methods)]
//! What a catalogue's cases ask for.

use std::collections::BTreeSet;

use http::Method;

use super::EndpointCoverage;
use crate::catalogue::routes::Routes;
use crate::catalogue::template::BodyTemplate;
use crate::catalogue::{Case, Catalogue, RequestBody, RequestTemplate};
use crate::evidence::usage::ROLE_NONE;

/// What is known of a golden file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoldenFact {
    /// The status in it.
    pub status: u16,
    /// Whether the answer in it names a `Location`.
    pub location: bool,
}

/// One case.
#[derive(Clone, Debug)]
pub struct CaseCoverage {
    /// Its id.
    pub id: String,
    /// Whether it has a golden file.
    pub golden: bool,
    /// Whether its golden answer names a `Location`.
    pub location: bool,
    /// The statuses that it shows: the golden file's, else those it expects.
    pub statuses: Vec<u16>,
    /// The role it asks with.
    pub role: String,
    /// Whether it changes something.
    pub writes: bool,
}

/// The catalogue's endpoints with what their cases have. A case that asks by another method or at another
/// path, as the proxy would tell it apart, is listed with the endpoint and shows nothing of it.
pub(super) fn endpoints(
    catalogue: Option<&Catalogue>,
    routes: &Routes,
    golden: impl Fn(&str) -> Option<GoldenFact>,
) -> Vec<EndpointCoverage> {
    let Some(catalogue) = catalogue else {
        return Vec::new();
    };
    let mut endpoints: Vec<EndpointCoverage> = catalogue
        .endpoints
        .iter()
        .map(|endpoint| EndpointCoverage {
            name: endpoint.id.clone(),
            method: endpoint.method.clone(),
            path: endpoint.path.clone(),
            declared: true,
            ..EndpointCoverage::default()
        })
        .collect();
    for case in &catalogue.cases {
        let Some(endpoint) = endpoints.get_mut(case.endpoint) else {
            continue;
        };
        let fact = golden(&case.id);
        let role = role(catalogue, case);
        let statuses = fact.map_or_else(|| case.expected.clone(), |fact| vec![fact.status]);
        let asked = Method::from_bytes(case.request.method.as_bytes()).ok();
        let asked = asked.and_then(|method| routes.find(&method, case.request.path.source()));
        if asked == Some(endpoint.name.as_str()) {
            endpoint.add_case(&case.request, &statuses, &role);
        }
        endpoint.cases.push(CaseCoverage {
            id: case.id.clone(),
            golden: fact.is_some(),
            location: fact.is_some_and(|fact| fact.location),
            statuses,
            role,
            writes: case.writes,
        });
    }
    endpoints
}

impl EndpointCoverage {
    fn add_case(&mut self, request: &RequestTemplate, statuses: &[u16], role: &str) {
        for status in statuses {
            self.statuses.entry(*status).or_default().cases += 1;
        }
        self.roles.entry(role.to_owned()).or_default().cases += 1;
        let query = request.query.iter();
        let names: BTreeSet<&str> = query.map(|(name, _)| name.source()).collect();
        for name in names {
            self.parameters.entry(name.to_owned()).or_default().cases += 1;
        }
        if let RequestBody::Json(BodyTemplate::Object(members)) = &request.body {
            for (name, _) in members {
                self.fields.entry(name.clone()).or_default().cases += 1;
            }
        }
    }
}

/// The role of a case's account as tokens name it, else the account's own name.
fn role(catalogue: &Catalogue, case: &Case) -> String {
    let Some(name) = &case.account else {
        return ROLE_NONE.to_owned();
    };
    let user = catalogue
        .accounts
        .get(name)
        .map(|account| &account.username);
    let roles = catalogue.auth.iter().flat_map(|auth| &auth.accounts);
    roles
        .into_iter()
        .find(|role| Some(&role.account.username) == user)
        .map_or_else(|| name.clone(), |role| role.role.clone())
}
