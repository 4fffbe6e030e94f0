//! The manifest of the team's earlier tool, taken as it is: what cannot be honoured becomes a warning
//! with its line instead of an error.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use serde_saphyr::{Location, Spanned};

use super::super::file::{CatalogueFile, EntryFile};
use super::super::template::{BodyTemplate, Template};
use super::super::{Login, RequestBody, RequestTemplate};
use super::{BUILT_IN, Loader};
use crate::place::Place;

/// What the earlier tool takes for success where nothing is written.
const USUAL_STATUSES: [u16; 3] = [200, 201, 204];
/// Where it logs in when the manifest has no such endpoint.
const USUAL_LOGIN: &str = "/api/v1/auth/login";

/// Whether a file is such a manifest: it has a key that only those have, and none that only ours has.
pub(super) fn is_manifest(file: &CatalogueFile) -> bool {
    let theirs = file.servers.is_some()
        || file.ignore_fields.is_some()
        || file.date_format.is_some()
        || file.summary.is_some()
        || file
            .endpoints
            .iter()
            .any(|entry| entry.value.status.is_some());
    let ours = file.auth.is_some() || file.data.is_some() || !file.journeys.is_empty();
    theirs && !ours
}

impl Loader<'_> {
    /// Warns of what stands at the top of the file, and takes the login from the endpoint that does it.
    pub(super) fn manifest(&mut self, file: &CatalogueFile) {
        if let Some(servers) = &file.servers {
            self.warn(
                servers.referenced,
                "the addresses under `servers` are not used: a target is always named on the command line",
            );
        }
        if let Some(ignored) = &file.ignore_fields {
            self.warn(
                ignored.referenced,
                format_args!(
                    "`ignore_fields` is not honoured, since a bare key name hides real differences at any \
                     depth ({}): mask exact places instead, as in `mask: {{/value/createdAt: now}}`",
                    ignored.value.join(", ")
                ),
            );
        }
        if let Some(format) = &file.date_format {
            self.warn(
                format.referenced,
                "`date_format` means nothing: dates are compared as they are written",
            );
        }
        if let Some(summary) = &file.summary {
            self.summary(file, summary);
        }
        self.roles(file);
        for entry in &file.endpoints {
            if let Some(status) = &entry.value.status
                && matches!(status.value.text().as_str(), "core-only" | "legacy-only")
            {
                self.warn(
                    status.referenced,
                    format_args!(
                        "`{}` is marked `{}`, which is not honoured: both services are asked, and what they \
                         answer decides",
                        entry.value.id.value,
                        status.value.text()
                    ),
                );
            }
        }
        if file
            .endpoints
            .iter()
            .any(|entry| entry.value.auth == Some(true))
        {
            self.manifest_login(file);
        }
    }

    /// Counts that do not add up.
    fn summary(&mut self, file: &CatalogueFile, summary: &BTreeMap<String, Spanned<Value>>) {
        let entries: Vec<&EntryFile> = file.endpoints.iter().map(|entry| &entry.value).collect();
        let count =
            |is: &dyn Fn(&EntryFile) -> bool| entries.iter().filter(|entry| is(entry)).count();
        let role = |entry: &EntryFile, role: &str| {
            let own = entry.role.as_ref();
            own.is_some_and(|own| own.value.eq_ignore_ascii_case(role))
        };
        for (name, claimed) in summary {
            let Some(claim) = claimed.value.as_u64() else {
                continue;
            };
            let key = name.to_lowercase();
            let (real, what) = match key.as_str() {
                "total" | "total_endpoints" | "endpoints" | "count" => {
                    (entries.len(), "endpoints".to_owned())
                }
                "auth_required" | "authenticated" => (
                    count(&|entry| entry.auth == Some(true)),
                    "endpoints with `auth: true`".to_owned(),
                ),
                "public" | "no_auth" => (
                    count(&|entry| entry.auth != Some(true)),
                    "endpoints without `auth: true`".to_owned(),
                ),
                "admin_only" | "admin_required" => (
                    count(&|entry| role(entry, "ADMIN") || role(entry, "SUPER_ADMIN")),
                    "endpoints with role ADMIN or SUPER_ADMIN".to_owned(),
                ),
                "get" | "post" | "put" | "patch" | "delete" => (
                    count(&|entry| {
                        let method = entry.method.as_ref().map_or("GET", |method| &method.value);
                        method.eq_ignore_ascii_case(&key)
                    }),
                    format!("endpoints with method {}", key.to_uppercase()),
                ),
                "golden_files_saved" | "golden_files" => {
                    self.warn(
                        claimed.referenced,
                        format_args!(
                            "`summary.{name}: {claim}` is not checked here: `verifier import --golden DIR` \
                             counts the files"
                        ),
                    );
                    continue;
                }
                mark => {
                    let mark = mark.replace('_', "-");
                    let marked = count(&|entry| {
                        let status = entry.status.as_ref();
                        status.is_some_and(|status| status.value.text() == mark)
                    });
                    if marked == 0
                        && !matches!(
                            mark.as_str(),
                            "verified" | "pending" | "core-only" | "legacy-only"
                        )
                    {
                        continue;
                    }
                    (marked, format!("endpoints marked `{mark}`"))
                }
            };
            if real as u64 != claim {
                self.warn(
                    claimed.referenced,
                    format_args!(
                        "`summary.{name}: {claim}` does not add up: there are {real} {what}"
                    ),
                );
            }
        }
    }

    /// Roles that no account has.
    fn roles(&mut self, file: &CatalogueFile) {
        let real: BTreeSet<String> = file
            .test_accounts
            .values()
            .filter_map(|account| account.value.role.clone())
            .collect();
        if real.is_empty() {
            return;
        }
        let mut told = BTreeSet::new();
        for entry in &file.endpoints {
            let Some(role) = &entry.value.role else {
                continue;
            };
            let known = real
                .iter()
                .any(|real| real.eq_ignore_ascii_case(&role.value));
            let account = role.value.to_lowercase();
            if !known && file.test_accounts.contains_key(&account) && told.insert(account.clone()) {
                let real: Vec<&str> = real.iter().map(String::as_str).collect();
                self.warn(
                    role.referenced,
                    format_args!(
                        "role `{}` does not exist (the accounts have {}): taken as the account `{account}`",
                        role.value,
                        real.join(", ")
                    ),
                );
            }
        }
    }

    /// The login, which such a manifest does not describe: the endpoint whose body has a user name and
    /// a password, else the earlier tool's own.
    fn manifest_login(&mut self, file: &CatalogueFile) {
        let is_login = |entry: &EntryFile| {
            let method = entry
                .method
                .as_ref()
                .is_some_and(|method| method.value.eq_ignore_ascii_case("POST"));
            let path = entry
                .path
                .as_ref()
                .is_some_and(|path| path.value.ends_with("/login"));
            let keys = entry.request_body.as_ref().and_then(Value::as_object);
            method && path && keys.is_none_or(|keys| keys.contains_key("password"))
        };
        let entry = file.endpoints.iter().find(|entry| is_login(&entry.value));
        let path = entry.and_then(|entry| entry.value.path.as_ref());
        let (at, path) = match path {
            Some(path) => (path.referenced, path.value.clone()),
            None => (Location::UNKNOWN, USUAL_LOGIN.to_owned()),
        };
        let keys = entry
            .and_then(|entry| entry.value.request_body.as_ref())
            .and_then(Value::as_object);
        let user = keys.and_then(|keys| {
            let mut names = keys.keys();
            names
                .find(|key| *key != "password" && keys[*key].is_string())
                .cloned()
        });
        let user = user.unwrap_or_else(|| "username".to_owned());
        self.warn(
            at,
            format_args!(
                "there is no `auth: {{login: …}}`: logging in with POST {path}, tokens at /value/accessToken \
                 and /value/refreshToken; write it down if that is not so"
            ),
        );
        let body = json!({user: "{username}", "password": "{password}"});
        let (Ok(path), Ok(body), Ok(access)) = (
            Template::parse(&path),
            BodyTemplate::parse(&body),
            "/value/accessToken".parse::<Place>(),
        ) else {
            return;
        };
        self.catalogue.login = Some(Login {
            request: RequestTemplate {
                method: "POST".to_owned(),
                path,
                path_params: Vec::new(),
                query: Vec::new(),
                headers: Vec::new(),
                body: RequestBody::Json(body),
            },
            access,
            refresh: "/value/refreshToken".parse().ok(),
        });
    }

    /// The account of an entry; none where the manifest names a role that nobody has.
    pub(super) fn manifest_account(
        &mut self,
        id: &str,
        here: Location,
        chosen: Option<&Spanned<String>>,
    ) -> Option<String> {
        let accounts = &self.catalogue.accounts;
        let Some(chosen) = chosen else {
            let usual = accounts
                .get_key_value("user")
                .or_else(|| accounts.first_key_value());
            let usual = usual.map(|(name, _)| name.clone());
            let words = usual.as_ref().map_or_else(
                || "there are no accounts, so it is sent without a token".to_owned(),
                |name| format!("the account `{name}` is used"),
            );
            self.warn(
                here,
                format_args!("`{id}` has `auth: true` and no role: {words}"),
            );
            return usual;
        };
        let name = chosen.value.to_lowercase();
        if accounts.contains_key(&name) {
            return Some(name);
        }
        let known: Vec<&str> = accounts.keys().map(String::as_str).collect();
        let known = known.join(", ");
        self.warn(
            chosen.referenced,
            format_args!(
                "role `{}` of `{id}` does not exist: no account `{name}` in `test_accounts` (there: {known}), so \
                 it is sent without a token",
                chosen.value
            ),
        );
        None
    }

    /// The statuses of an entry that names none.
    pub(super) fn usual_statuses(&mut self, at: Location, id: &str) -> Vec<u16> {
        self.warn(
            at,
            format_args!(
                "`{id}` has no `expected_status`: 200, 201 and 204 are taken, so an empty answer would pass \
                 for a read; write the one legacy answers"
            ),
        );
        USUAL_STATUSES.to_vec()
    }

    /// A list of statuses cannot be kept: it says nothing, or success and failure at once.
    pub(super) fn several_statuses(&mut self, at: Location, id: &str, expected: &[u16]) {
        if self.is_manifest && expected == USUAL_STATUSES {
            return;
        }
        let list: Vec<String> = expected.iter().map(u16::to_string).collect();
        let list = list.join(", ");
        let (good, bad): (Vec<u16>, Vec<u16>) = expected.iter().partition(|status| **status < 400);
        let what = if good.is_empty() || bad.is_empty() {
            "accepts several statuses"
        } else {
            "accepts success and failure together"
        };
        self.warn(
            at,
            format_args!(
                "`{id}` {what} ({list}): the golden file decides which one counts; write only that one"
            ),
        );
    }

    /// Placeholders that nothing fills are sent as they stand, as the earlier tool does.
    pub(super) fn unfilled(&mut self, known: &BTreeMap<usize, BTreeSet<String>>) {
        let mut warnings = Vec::new();
        for (at, case) in self.catalogue.cases.iter_mut().enumerate() {
            let captured = known.get(&at);
            let mut missing: Vec<String> = case
                .request
                .names()
                .into_iter()
                .filter(|name| {
                    let session = matches!(*name, "token" | "refresh" | "username" | "password");
                    let built_in = BUILT_IN.contains(name) && !(session && case.account.is_none());
                    !built_in && !captured.is_some_and(|known| known.contains(*name))
                })
                .map(str::to_owned)
                .collect();
            missing.sort();
            missing.dedup();
            for name in &missing {
                warnings.push((
                    case.line,
                    format!(
                        "the placeholder `{{{name}}}` of `{}` is never filled: it is sent as it stands, so \
                         only the refusal is tested; give it a value, or `{{refresh}}` with `auth: true` for a \
                         refresh token",
                        case.id
                    ),
                ));
            }
            case.request.keep_as_text(&missing);
            for text in case.request.stand_ins() {
                warnings.push((
                    case.line,
                    format!(
                        "`{text}` of `{}` looks like a placeholder that is never filled: it is sent as it \
                         stands, so only the refusal is tested",
                        case.id
                    ),
                ));
            }
        }
        for (line, message) in warnings {
            let warning = format!("{}:{line}: {message}", self.path.display());
            self.catalogue.warnings.push(warning);
        }
    }
}

impl RequestTemplate {
    fn keep_as_text(&mut self, names: &[String]) {
        if names.is_empty() {
            return;
        }
        self.path.keep_as_text(names);
        for (_, value) in self.path_params.iter_mut().chain(&mut self.headers) {
            value.keep_as_text(names);
        }
        for (name, value) in &mut self.query {
            name.keep_as_text(names);
            if let Some(value) = value {
                value.keep_as_text(names);
            }
        }
        match &mut self.body {
            RequestBody::None | RequestBody::Bytes(_) => {}
            RequestBody::Json(body) => body.keep_as_text(names),
            RequestBody::Raw(template) => template.keep_as_text(names),
        }
    }

    /// Texts that say themselves that something should stand there: `{{token}}`, `<token>`, `TOKEN_PLACEHOLDER`.
    fn stand_ins(&self) -> Vec<String> {
        let is_stand_in = |text: &str| {
            let lower = text.to_lowercase();
            (text.starts_with("{{") && text.ends_with("}}"))
                || (text.starts_with('<') && text.ends_with('>') && text.len() > 2)
                || (text.starts_with("${") && text.ends_with('}'))
                || lower.contains("placeholder")
                || lower.contains("replace_me")
        };
        let texts = self.templates().into_iter().map(Template::source);
        texts
            .filter(|text| is_stand_in(text))
            .map(str::to_owned)
            .collect()
    }
}
