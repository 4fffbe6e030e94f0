//! What only the whole catalogue can show: rules, unique names, journeys, placeholders.

use std::collections::{BTreeMap, BTreeSet};

use serde_saphyr::{Location, Spanned};

use super::super::file::{CatalogueFile, EntryFile, JourneyFile};
use super::super::template::Template;
use super::super::{Catalogue, Journey, RequestBody, RequestTemplate};
use super::{BUILT_IN, Loader, Problem, is_id};
use crate::rules::{RuleSpec, Rules};
use crate::yaml::did_you_mean;

impl Loader<'_> {
    /// Rules of a case are keyed by its id, those of an endpoint by the ids of all its cases.
    pub(super) fn rules(&mut self, file: &CatalogueFile) {
        let cases_of = |catalogue: &Catalogue, name: &str| -> Vec<String> {
            let cases = catalogue.cases.iter();
            cases
                .filter(|case| case.id == name || catalogue.endpoint_of(case).id == name)
                .map(|case| case.id.clone())
                .collect()
        };
        let mut specs = Vec::new();
        let mut places = Vec::new();
        for written in &file.rules {
            let mut spec = written.value.clone();
            let named: Vec<String> = spec
                .endpoint
                .take()
                .into_iter()
                .chain(spec.endpoints.drain(..))
                .collect();
            for name in &named {
                let cases = cases_of(&self.catalogue, name);
                if cases.is_empty() {
                    let message = format!(
                        "rule at `{}` names `{name}`, which is no endpoint or case: write `endpoint` or `endpoint@case` of this catalogue{}",
                        spec.at,
                        did_you_mean(name, self.names())
                    );
                    self.refuse(written.referenced, message);
                }
                spec.endpoints.extend(cases);
            }
            specs.push(spec);
            places.push(written.referenced);
        }
        for endpoint in &file.endpoints {
            let id = endpoint.value.id.value.as_str();
            for spec in &endpoint.value.rules {
                specs.push(RuleSpec {
                    endpoints: cases_of(&self.catalogue, id),
                    ..spec.value.clone()
                });
                places.push(spec.referenced);
            }
            for case in &endpoint.value.cases {
                let id = format!("{id}@{}", case.value.id.value);
                for spec in &case.value.rules {
                    specs.push(RuleSpec {
                        endpoints: vec![id.clone()],
                        ..spec.value.clone()
                    });
                    places.push(spec.referenced);
                }
            }
        }
        match Rules::compile(&specs, Some(self.today)) {
            Ok(rules) => self.catalogue.rules = rules,
            Err(error) => {
                let at = error.number().and_then(|number| places.get(number - 1));
                let at = at.copied().unwrap_or(Location::UNKNOWN);
                let why = std::error::Error::source(&error);
                let why = why.map_or_else(String::new, |why| format!(": {why}"));
                self.refuse(at, format!("{error}{why}"));
            }
        }
    }

    /// What endpoints and cases are called.
    fn names(&self) -> Vec<&str> {
        let endpoints = self.catalogue.endpoints.iter().map(|one| one.id.as_str());
        let cases = self.catalogue.cases.iter().map(|case| case.id.as_str());
        endpoints.chain(cases).collect()
    }

    /// Golden files are named after cases, so ids must differ also where case does not count.
    pub(super) fn unique_ids(&mut self, endpoints: &[Spanned<EntryFile>]) {
        let mut seen = BTreeSet::new();
        for endpoint in endpoints {
            let id = &endpoint.value.id;
            if !seen.insert(id.value.clone()) {
                self.refuse(
                    id.referenced,
                    format!("endpoint `{}` is there twice: rename one", id.value),
                );
            }
            let mut cases = BTreeSet::new();
            for case in &endpoint.value.cases {
                let id = &case.value.id;
                if !cases.insert(id.value.clone()) {
                    self.refuse(
                        id.referenced,
                        format!("case `{}` is there twice: rename one", id.value),
                    );
                }
            }
        }
        if endpoints.is_empty() && self.catalogue.login.is_none() {
            self.problems.push(Problem {
                path: self.path.to_owned(),
                line: 1,
                column: 1,
                message: "the catalogue names no endpoints: add some under `endpoints`".to_owned(),
            });
        }
    }

    pub(super) fn journey(&mut self, journey: &Spanned<JourneyFile>) {
        let file = &journey.value;
        if !is_id(&file.id.value) {
            self.refuse(
                file.id.referenced,
                format!(
                    "`{}` is no journey id: use a-z, 0-9 and single `_`",
                    file.id.value
                ),
            );
        }
        if self
            .catalogue
            .journeys
            .iter()
            .any(|other| other.id == file.id.value)
        {
            self.refuse(
                file.id.referenced,
                format!("journey `{}` is there twice", file.id.value),
            );
        }
        if file.description.as_deref() == Some("") {
            self.refuse(journey.referenced, "empty `description`: leave it out");
        }
        let mut journey = Journey {
            id: file.id.value.clone(),
            cases: Vec::new(),
            cleanup: Vec::new(),
        };
        for (names, cleanup) in [(&file.cases, false), (&file.cleanup, true)] {
            for name in names {
                let Some(at) = self
                    .catalogue
                    .cases
                    .iter()
                    .position(|case| case.id == name.value)
                else {
                    self.refuse(
                        name.referenced,
                        format!(
                            "no case `{}`: write `endpoint` or `endpoint@case` of this catalogue{}",
                            name.value,
                            did_you_mean(&name.value, self.names())
                        ),
                    );
                    continue;
                };
                let journeys = self.catalogue.journeys.iter().chain([&journey]);
                let taken = journeys
                    .filter(|journey| journey.steps().any(|step| step == at))
                    .map(|journey| journey.id.clone())
                    .next();
                if let Some(other) = taken {
                    self.refuse(
                        name.referenced,
                        format!(
                            "`{}` already runs in journey `{other}`: add a case of its own",
                            name.value
                        ),
                    );
                    continue;
                }
                if cleanup {
                    journey.cleanup.push(at);
                } else {
                    journey.cases.push(at);
                }
            }
        }
        self.catalogue.journeys.push(journey);
    }

    /// Every placeholder must have a value when its case runs.
    pub(super) fn placeholders(&mut self, endpoints: &[Spanned<EntryFile>]) {
        let mut known: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for journey in &self.catalogue.journeys {
            let mut names = BTreeSet::new();
            for step in journey.steps() {
                known.insert(step, names.clone());
                names.extend(
                    self.catalogue.cases[step]
                        .captures
                        .iter()
                        .map(|c| c.name.clone()),
                );
            }
        }
        if self.is_manifest {
            return self.unfilled(&known);
        }
        let mut missing = Vec::new();
        for (at, case) in self.catalogue.cases.iter().enumerate() {
            let captured = known.get(&at);
            for name in case.request.names() {
                let session = matches!(name, "token" | "refresh" | "username" | "password");
                if session && case.account.is_none() && !captured.is_some_and(|k| k.contains(name))
                {
                    missing.push((
                        case.line,
                        format!(
                            "`{{{name}}}` in `{}` needs `auth: true` and an account",
                            case.id
                        ),
                    ));
                } else if !BUILT_IN.contains(&name) && !captured.is_some_and(|k| k.contains(name)) {
                    missing.push((
                        case.line,
                        format!(
                            "`{{{name}}}` in `{}` has no value: an earlier case of the same journey must \
                             say `capture: {{{name}: /value/…}}`, or give it under `path_params`",
                            case.id
                        ),
                    ));
                }
            }
        }
        let column = endpoints
            .first()
            .map_or(1, |endpoint| endpoint.referenced.column());
        for (line, message) in missing {
            self.problems.push(Problem {
                path: self.path.to_owned(),
                line,
                column,
                message,
            });
        }
    }
}

impl RequestTemplate {
    /// The placeholders that `path_params` do not fill.
    pub(crate) fn names(&self) -> Vec<&str> {
        let own: BTreeSet<&str> = self
            .path_params
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let mut names: Vec<&str> = self
            .path
            .names()
            .filter(|name| !own.contains(name))
            .collect();
        for template in self.templates() {
            names.extend(template.names());
        }
        names
    }

    /// Every template but the path's.
    pub(crate) fn templates(&self) -> Vec<&Template> {
        let mut all: Vec<&Template> = self.path_params.iter().map(|(_, value)| value).collect();
        for (name, value) in &self.query {
            all.push(name);
            all.extend(value);
        }
        all.extend(self.headers.iter().map(|(_, value)| value));
        match &self.body {
            RequestBody::None | RequestBody::Bytes(_) => {}
            RequestBody::Json(body) => all.extend(body.templates()),
            RequestBody::Raw(template) => all.push(template),
        }
        all
    }
}
