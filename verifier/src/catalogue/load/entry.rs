//! Endpoints and their cases: what is sent, as whom, what must come back.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_saphyr::{Location, Spanned};

use super::super::file::{EntryFile, ParamsFile, Scalar, StatusFile};
use super::super::template::{BodyTemplate, Template};
use super::super::{Capture, Case, Endpoint, RequestBody, RequestTemplate};
use super::{BUILT_IN, Loader, is_id};
use crate::cutover::is_safe;
use crate::normalise::mask::{MaskKind, MaskRule};
use crate::normalise::select::is_exact;
use crate::place::Place;
use crate::yaml::did_you_mean;

/// What an endpoint's cases inherit: masks of the file, then of the endpoint.
struct Inherited<'f> {
    masks: Vec<MaskRule>,
    endpoint: &'f EntryFile,
}

impl Loader<'_> {
    pub(super) fn endpoint(&mut self, entry: &Spanned<EntryFile>, masks: &[MaskRule]) {
        let endpoint = &entry.value;
        if !is_id(&endpoint.id.value) {
            return self.refuse(
                endpoint.id.referenced,
                format!(
                    "`{}` is no endpoint id: use a-z, 0-9 and single `_`, as in `rooms_list`",
                    endpoint.id.value
                ),
            );
        }
        let Some(path) = &endpoint.path else {
            return self.refuse(
                entry.referenced,
                format!(
                    "endpoint `{}` has no `path`: add it, as in `path: /rooms`",
                    endpoint.id.value
                ),
            );
        };
        self.catalogue.endpoints.push(Endpoint {
            id: endpoint.id.value.clone(),
            description: one_line(endpoint.description.as_deref()),
            extra: endpoint.extra,
            method: method_of(endpoint),
            path: path.value.clone(),
            shadow: endpoint.shadow,
        });
        let mut inherited = Inherited {
            masks: masks.to_vec(),
            endpoint,
        };
        inherited
            .masks
            .extend(self.masks(&endpoint.mask, &endpoint.personal));
        self.case(entry, None, &inherited);
        for case in &endpoint.cases {
            if !is_id(&case.value.id.value) {
                self.refuse(
                    case.value.id.referenced,
                    format!(
                        "`{}` is no case id: use a-z, 0-9 and single `_`, as in `not_found`",
                        case.value.id.value
                    ),
                );
                continue;
            }
            if !case.value.cases.is_empty() || case.value.extra || case.value.shadow.is_some() {
                self.refuse(
                    case.referenced,
                    "`cases`, `extra` and `shadow` belong to an endpoint, not to one of its cases",
                );
            }
            self.case(case, Some(&case.value), &inherited);
        }
    }

    fn case(
        &mut self,
        at: &Spanned<EntryFile>,
        own: Option<&EntryFile>,
        inherited: &Inherited<'_>,
    ) {
        let endpoint = inherited.endpoint;
        let line = at.referenced.line();
        let here = at.referenced;
        let entry = own.unwrap_or(endpoint);
        let id = match own {
            None => endpoint.id.value.clone(),
            Some(case) => format!("{}@{}", endpoint.id.value, case.id.value),
        };
        let Some(request) = self.request(here, entry, endpoint) else {
            return;
        };
        let expected = match entry
            .expected_status
            .as_ref()
            .or(endpoint.expected_status.as_ref())
        {
            Some(Spanned {
                value: StatusFile::One(status),
                ..
            }) => vec![*status],
            Some(Spanned {
                value: StatusFile::AnyOf(statuses),
                referenced,
                ..
            }) => {
                if statuses.is_empty() {
                    self.refuse(
                        *referenced,
                        "`expected_status` is empty: write the status legacy answers",
                    );
                }
                statuses.clone()
            }
            None if self.is_manifest => self.usual_statuses(here, &id),
            None => {
                return self.refuse(
                    here,
                    format!("`{id}` has no `expected_status`: write the one legacy answers, as in `expected_status: 200`"),
                );
            }
        };
        if let Some(odd) = expected
            .iter()
            .find(|status| !(100..=599).contains(*status))
        {
            let written = entry.expected_status.as_ref();
            let written = written.or(endpoint.expected_status.as_ref());
            self.refuse(
                written.map_or(here, |status| status.referenced),
                format!("`expected_status: {odd}` is no status of HTTP: write 100 to 599"),
            );
        }
        if expected.len() > 1 && (own.is_none() || entry.expected_status.is_some()) {
            let written = entry.expected_status.as_ref();
            self.several_statuses(written.map_or(here, |list| list.referenced), &id, &expected);
        }
        let account = self.account_of(&id, here, entry, endpoint);
        let mut masks = inherited.masks.clone();
        let mut captures = Vec::new();
        if own.is_some() {
            masks.extend(self.masks(&entry.mask, &entry.personal));
        }
        for (name, place) in &entry.capture {
            if BUILT_IN.contains(&name.as_str()) {
                self.refuse(
                    place.referenced,
                    format!("`{name}` is a built-in placeholder: capture under another name"),
                );
            }
            if let Some(exact) = self.place(place.referenced, &place.value) {
                if is_exact(&exact) {
                    captures.push(Capture {
                        name: name.clone(),
                        place: exact,
                    });
                } else {
                    self.refuse(
                        place.referenced,
                        format!("`{}` names several places: capture from one, with an index instead of `*`", place.value),
                    );
                }
            }
        }
        let fields = request.headers.iter().map(|(name, _)| name.as_str());
        let writes = entry.writes.or(endpoint.writes);
        let writes = writes.unwrap_or_else(|| !is_safe(&request.method, fields));
        self.catalogue.cases.push(Case {
            id,
            endpoint: self.catalogue.endpoints.len() - 1,
            line,
            description: one_line(
                entry
                    .description
                    .as_deref()
                    .or(endpoint.description.as_deref()),
            ),
            request,
            account,
            expected,
            writes,
            captures,
            masks,
        });
    }

    pub(super) fn account_of(
        &mut self,
        id: &str,
        here: Location,
        entry: &EntryFile,
        endpoint: &EntryFile,
    ) -> Option<String> {
        if !entry.auth.or(endpoint.auth).unwrap_or(false) {
            return None;
        }
        let chosen = entry
            .account
            .as_ref()
            .or(entry.role.as_ref())
            .or(endpoint.account.as_ref())
            .or(endpoint.role.as_ref());
        if self.is_manifest {
            return self.manifest_account(id, here, chosen);
        }
        let Some(chosen) = chosen else {
            self.refuse(
                here,
                format!("`{id}` has `auth: true` but no `account`: name one of `test_accounts`"),
            );
            return None;
        };
        // The incumbent's `role: SUPER_ADMIN` means the account of that name.
        let name = chosen.value.to_lowercase();
        if !self.catalogue.accounts.contains_key(&name) {
            let known: Vec<_> = self.catalogue.accounts.keys().cloned().collect();
            self.refuse(
                chosen.referenced,
                format!(
                    "no account `{name}` in `test_accounts` (there: {}): add it or name another{}",
                    if known.is_empty() {
                        "none".to_owned()
                    } else {
                        known.join(", ")
                    },
                    did_you_mean(&name, known.iter().map(String::as_str))
                ),
            );
            return None;
        }
        if self.catalogue.login.is_none() {
            self.refuse(
                here,
                format!(
                    "`{id}` needs a login, but there is no `auth: {{login: {{path: …}}}}` to get one from"
                ),
            );
        }
        Some(name)
    }

    pub(super) fn request(
        &mut self,
        here: Location,
        entry: &EntryFile,
        endpoint: &EntryFile,
    ) -> Option<RequestTemplate> {
        let path = entry.path.as_ref().or(endpoint.path.as_ref())?;
        let method = entry.method.as_ref().or(endpoint.method.as_ref());
        let method_text =
            method.map_or_else(|| "GET".to_owned(), |method| method.value.to_uppercase());
        if !method_text.bytes().all(|byte| byte.is_ascii_alphabetic()) || method_text.is_empty() {
            self.refuse(
                method.map_or(here, |method| method.referenced),
                format!("`{method_text}` is no HTTP method: write GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS"),
            );
            return None;
        }
        if !path.value.starts_with('/') || path.value.contains(['?', '#']) {
            self.refuse(
                path.referenced,
                format!(
                    "path `{}` must start with `/` and hold no query: put parameters under `params`",
                    path.value
                ),
            );
            return None;
        }
        let template = self.template(path.referenced, &path.value)?;
        let mut path_params = Vec::new();
        for (name, value) in entry
            .path_params
            .as_ref()
            .or(endpoint.path_params.as_ref())
            .into_iter()
            .flatten()
        {
            path_params.push((name.clone(), self.template(here, &value.text())?));
        }
        let query = match entry.params.as_ref().or(endpoint.params.as_ref()) {
            None => Vec::new(),
            Some(params) => self.params(params)?,
        };
        let headers = entry
            .headers
            .as_ref()
            .or(endpoint.headers.as_ref())
            .cloned()
            .unwrap_or_default();
        let headers = self.headers(here, &headers);
        let body = self.written_body(here, entry, endpoint)?;
        Some(RequestTemplate {
            method: method_text,
            path: template,
            path_params,
            query,
            headers,
            body,
        })
    }

    /// The entry's own body in whatever form; else the endpoint's.
    fn written_body(
        &mut self,
        here: Location,
        entry: &EntryFile,
        endpoint: &EntryFile,
    ) -> Option<RequestBody> {
        for of in [entry, endpoint] {
            let forms = [
                of.raw_body.is_some(),
                of.raw_body_base64.is_some(),
                of.request_body.is_some(),
            ];
            if forms.into_iter().filter(|&form| form).count() > 1 {
                self.refuse(
                    here,
                    "`raw_body`, `raw_body_base64` and `request_body` exclude each other: keep one",
                );
                return None;
            }
            if let Some(raw) = &of.raw_body {
                return Some(RequestBody::Raw(self.template(here, raw)?));
            }
            if let Some(written) = &of.raw_body_base64 {
                let Ok(bytes) = STANDARD.decode(&written.value) else {
                    self.refuse(
                        written.referenced,
                        "`raw_body_base64` is no base64 with padding: write what `base64 -w0 FILE` prints",
                    );
                    return None;
                };
                return Some(RequestBody::Bytes(bytes));
            }
            match &of.request_body {
                None => {}
                Some(Value::Null) => return Some(RequestBody::None),
                Some(body) => return Some(RequestBody::Json(self.body(here, body)?)),
            }
        }
        Some(RequestBody::None)
    }

    pub(super) fn params(
        &mut self,
        params: &Spanned<ParamsFile>,
    ) -> Option<Vec<(Template, Option<Template>)>> {
        let at = params.referenced;
        let mut query = Vec::new();
        match &params.value {
            ParamsFile::Ordered(pairs) => {
                for pair in pairs {
                    let (name, value) = match pair.split_once('=') {
                        Some((name, value)) => (name, Some(value)),
                        None => (pair.as_str(), None),
                    };
                    let value = match value {
                        Some(value) => Some(self.template(at, value)?),
                        None => None,
                    };
                    query.push((self.template(at, name)?, value));
                }
            }
            ParamsFile::Map(map) => {
                for (name, value) in map {
                    let many = match value {
                        Value::Array(items) => items.iter().collect(),
                        one => vec![one],
                    };
                    for value in many {
                        let text = match value {
                            Value::String(text) => text.clone(),
                            Value::Number(_) | Value::Bool(_) => value.to_string(),
                            _ => {
                                self.refuse(
                                    at,
                                    format!("parameter `{name}` must be text, a number, a boolean or a list of those"),
                                );
                                return None;
                            }
                        };
                        let value = self.template(at, &text)?;
                        query.push((Template::literal(name), Some(value)));
                    }
                }
            }
        }
        Some(query)
    }

    pub(super) fn headers(
        &mut self,
        at: Location,
        headers: &BTreeMap<String, Scalar>,
    ) -> Vec<(String, Template)> {
        let mut out = Vec::new();
        for (name, value) in headers {
            if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
                self.refuse(at, format!("`{name}` is no header name: write letters, digits and `-`, as in `X-Request-Id`"));
            } else if let Some(template) = self.template(at, &value.text()) {
                out.push((name.clone(), template));
            }
        }
        out
    }

    pub(super) fn masks(
        &mut self,
        masks: &BTreeMap<String, Spanned<String>>,
        personal: &BTreeMap<String, Spanned<String>>,
    ) -> Vec<MaskRule> {
        let mut rules = Vec::new();
        for (place, kind) in masks {
            let Some(place) = self.place(kind.referenced, place) else {
                continue;
            };
            match MaskKind::parse(&kind.value) {
                Some(kind) => rules.push(MaskRule { place, kind }),
                None => self.refuse(
                    kind.referenced,
                    format!(
                        "`{}` is no mask: write `now`, `recent`, `day`, `token`, `expiry`, `none`, or a role with a dot such as `room.id`",
                        kind.value
                    ),
                ),
            }
        }
        for (place, class) in personal {
            let Some(place) = self.place(class.referenced, place) else {
                continue;
            };
            if is_id(&class.value) {
                rules.push(MaskRule {
                    place,
                    kind: MaskKind::personal(&class.value),
                });
            } else {
                self.refuse(
                    class.referenced,
                    format!("`{}` is no class of personal data: write a word such as `name`, `phone`, `email`", class.value),
                );
            }
        }
        rules
    }

    pub(super) fn place(&mut self, at: Location, text: &str) -> Option<Place> {
        match text.parse::<Place>() {
            Ok(place) => Some(place),
            Err(error) => {
                self.refuse(at, error.to_string());
                None
            }
        }
    }

    pub(super) fn template(&mut self, at: Location, text: &str) -> Option<Template> {
        match Template::parse(text) {
            Ok(template) => Some(template),
            Err(error) if self.is_manifest => {
                self.warn(at, format_args!("{error}; `{text}` is sent as it stands"));
                Some(Template::literal(text))
            }
            Err(error) => {
                self.refuse(at, error.to_string());
                None
            }
        }
    }

    pub(super) fn body(&mut self, at: Location, value: &Value) -> Option<BodyTemplate> {
        match BodyTemplate::parse(value) {
            Ok(body) => Some(body),
            Err(error) if self.is_manifest => {
                self.warn(
                    at,
                    format_args!("in the body: {error}; it is sent as it stands"),
                );
                Some(BodyTemplate::literal(value))
            }
            Err(error) => {
                self.refuse(at, format!("in the body: {error}"));
                None
            }
        }
    }
}

fn method_of(entry: &EntryFile) -> String {
    entry
        .method
        .as_ref()
        .map_or_else(|| "GET".to_owned(), |method| method.value.to_uppercase())
}

fn one_line(text: Option<&str>) -> String {
    text.unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
