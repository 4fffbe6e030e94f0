//! The `auth` block: sessions, probes, and what is accepted of tokens.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize as _;
use serde_json::{Value, json};
use serde_saphyr::{Location, Spanned};

use super::super::auth::{Auth, Known, Lockout, MayDiffer, Probe, Revocation, RoleAccount};
use super::super::auth_file::{
    AllowFile, AuthFile, ClaimsFile, KnownFile, LoginFile, ProbeFile, RequestFile, RevocationFile,
    RoleAccountFile,
};
use super::super::file::{AccountFile, Scalar};
use super::super::{Account, Login, RequestBody, RequestTemplate};
use super::Loader;
use crate::place::Place;
use crate::yaml::did_you_mean;

/// A request of the block, whatever else stands beside it.
struct Written<'a> {
    at: Location,
    method: Option<&'a str>,
    path: &'a str,
    headers: &'a BTreeMap<String, Scalar>,
    body: Option<&'a Value>,
}

impl Loader<'_> {
    pub(super) fn auth(
        &mut self,
        auth: &Spanned<AuthFile>,
        test_accounts: &BTreeMap<String, Spanned<AccountFile>>,
    ) {
        let at = auth.referenced;
        let file = &auth.value;
        if let Some(login) = &file.login {
            let body = json!({"username": "{username}", "password": "{password}"});
            self.catalogue.login = self.login(login, "POST", &body, &["username", "password"]);
        }
        let mut auth = Auth {
            leeway_s: file.leeway_s,
            ..Auth::default()
        };
        auth.accounts = self.role_accounts(at, file, test_accounts);
        if let Some(refresh) = &file.refresh {
            let body = json!({"refreshToken": "{refresh}"});
            auth.refresh = self.login(refresh, "POST", &body, &["refresh", "token"]);
        }
        if let Some(logout) = &file.logout {
            let written = request_of(logout);
            auth.logout = self.auth_request("logout", "POST", &written, &["token", "refresh"]);
        }
        for probe in &file.probes {
            if let Some(probe) = self.probe(probe, &auth.accounts) {
                if auth.probes.iter().any(|other| other.id == probe.id) {
                    let message = format!(
                        "probe `{}` is there twice: give it an `id` of its own",
                        probe.id
                    );
                    self.refuse(at, message);
                }
                auth.probes.push(probe);
            }
        }
        auth.may_differ = may_differ(file.claims.as_ref());
        for known in &file.known {
            auth.known.extend(self.known(known));
        }
        if let Some(revocation) = &file.revocation {
            auth.revocation = self.revocation(revocation, &auth.accounts);
        }
        if let Some(lockout) = &file.lockout {
            let usual = Lockout::default();
            auth.lockout = Lockout {
                max_failures: lockout.max_failures.unwrap_or(usual.max_failures),
                wait_s: lockout.wait_s.unwrap_or(usual.wait_s),
            };
        }
        self.catalogue.auth = Some(auth);
    }

    fn login(
        &mut self,
        login: &Spanned<LoginFile>,
        method: &str,
        body: &Value,
        names: &[&str],
    ) -> Option<Login> {
        let at = login.referenced;
        let login = &login.value;
        let written = Written {
            at,
            method: login.method.as_deref(),
            path: &login.path,
            headers: &login.headers,
            body: Some(login.body.as_ref().unwrap_or(body)),
        };
        let request = self.auth_request("login", method, &written, names)?;
        let access = login.access.as_ref();
        let access_at = access.map_or(at, |place| place.referenced);
        let access = access.map_or("/value/accessToken", |place| place.value.as_str());
        let access = self.place(access_at, access)?;
        let refresh = match &login.refresh {
            None => "/value/refreshToken".parse::<Place>().ok(),
            Some(place) => self.place(place.referenced, &place.value),
        };
        Some(Login {
            request,
            access,
            refresh,
        })
    }

    /// Reads a request and refuses placeholders that nothing will fill.
    fn auth_request(
        &mut self,
        what: &str,
        usual_method: &str,
        written: &Written<'_>,
        names: &[&str],
    ) -> Option<RequestTemplate> {
        let at = written.at;
        let path = self.template(at, written.path)?;
        if !written.path.starts_with('/') {
            self.refuse(
                at,
                format!("`{}` is no path: start it with `/`", written.path),
            );
        }
        let body = match written.body {
            None | Some(Value::Null) => RequestBody::None,
            Some(body) => RequestBody::Json(self.body(at, body)?),
        };
        let request = RequestTemplate {
            method: written.method.unwrap_or(usual_method).to_uppercase(),
            path,
            path_params: Vec::new(),
            query: Vec::new(),
            headers: self.headers(at, written.headers),
            body,
        };
        for name in request.names() {
            if !names.contains(&name) {
                let known: Vec<String> = names.iter().map(|name| format!("`{{{name}}}`")).collect();
                self.refuse(
                    at,
                    format!(
                        "`{{{name}}}` has no value in `auth`'s {what}: write {}",
                        match known.as_slice() {
                            [] => "the value itself".to_owned(),
                            known => known.join(", "),
                        }
                    ),
                );
            }
        }
        Some(request)
    }

    /// Accounts of the block itself, or else the test accounts by their role.
    fn role_accounts(
        &mut self,
        at: Location,
        file: &AuthFile,
        test_accounts: &BTreeMap<String, Spanned<AccountFile>>,
    ) -> Vec<RoleAccount> {
        let mut accounts = Vec::new();
        for (role, account) in &file.accounts {
            let Ok(account) = RoleAccountFile::deserialize(account) else {
                self.refuse(
                    at,
                    format!(
                        "account of role `{role}`: write `{{username: NAME, password: TEXT}}`, or as \
                         password `{{env: NAME}}` or `{{file: PATH}}`"
                    ),
                );
                continue;
            };
            if let Some(password) = self.password(at, role, &account.password) {
                accounts.push(RoleAccount {
                    role: role.clone(),
                    account: Account {
                        username: account.username.text(),
                        password,
                    },
                });
            }
        }
        if file.accounts.is_empty() {
            for (name, file) in test_accounts {
                let role = file.value.role.clone().unwrap_or(name.to_uppercase());
                if accounts.iter().any(|other| other.role == role) {
                    continue;
                }
                if let Some(account) = self.catalogue.accounts.get(name) {
                    accounts.push(RoleAccount {
                        role,
                        account: Account {
                            username: account.username.clone(),
                            password: account.password.clone(),
                        },
                    });
                }
            }
        }
        accounts
    }

    fn probe(&mut self, probe: &Spanned<ProbeFile>, accounts: &[RoleAccount]) -> Option<Probe> {
        let at = probe.referenced;
        let file = &probe.value;
        let written = Written {
            at,
            method: file.method.as_deref(),
            path: &file.path,
            headers: &file.headers,
            body: file.body.as_ref(),
        };
        let request = self.auth_request("probe", "GET", &written, &[])?;
        let named = file.role.as_ref().map(|names| names.as_slice().to_vec());
        let allowed = match &file.allow {
            Some(AllowFile::Roles(names)) => Some(names.as_slice().to_vec()),
            _ => None,
        };
        for role in named.iter().chain(&allowed).flatten() {
            if !accounts.iter().any(|account| account.role == *role) {
                self.refuse(
                    at,
                    format!(
                        "no account has role `{role}`: add it under `auth.accounts`{}",
                        did_you_mean(role, accounts.iter().map(|account| account.role.as_str()))
                    ),
                );
            }
        }
        let all = accounts.iter().map(|account| account.role.clone());
        let tries: Vec<String> = named.unwrap_or_else(|| all.collect());
        let lets_in = |role: &String| match (&file.allow, &allowed) {
            (_, Some(allowed)) => allowed.contains(role),
            (Some(AllowFile::All(all)), _) => *all,
            _ => true,
        };
        let roles = tries
            .iter()
            .map(|role| (role.clone(), lets_in(role)))
            .collect();
        let id = file.id.clone().unwrap_or_else(|| {
            let path = file.path.split('?').next().unwrap_or_default();
            format!("{} {path}", request.method)
        });
        let opens = match &file.opens {
            None => None,
            Some(place) => Some(self.place(at, place)?),
        };
        Some(Probe {
            id,
            request,
            opens,
            roles,
        })
    }

    fn known(&mut self, known: &Spanned<KnownFile>) -> Option<Known> {
        let at = known.referenced;
        let file = &known.value;
        for (key, value) in [
            ("probe", &file.probe),
            ("reason", &file.reason),
            ("owner", &file.owner),
        ] {
            if value.trim().is_empty() {
                self.refuse(
                    at,
                    format!("a known weakness needs `{key}`: fill in who accepts what, and why"),
                );
            }
        }
        let expires = match &file.expires {
            None => None,
            Some(text) => match text.text().parse() {
                Ok(date) => Some(date),
                Err(_) => {
                    self.refuse(
                        at,
                        format!("`expires: {}` is no day: write yyyy-MM-dd", text.text()),
                    );
                    return None;
                }
            },
        };
        Some(Known {
            probe: file.probe.clone(),
            reason: file.reason.clone(),
            owner: file.owner.clone(),
            expires,
        })
    }

    fn revocation(
        &mut self,
        revocation: &Spanned<RevocationFile>,
        accounts: &[RoleAccount],
    ) -> Option<Revocation> {
        let file = &revocation.value;
        if !accounts.iter().any(|account| account.role == file.by) {
            self.refuse(
                revocation.referenced,
                format!(
                    "no account has role `{}`: add it under `auth.accounts`",
                    file.by
                ),
            );
        }
        let create = &file.create;
        let written = Written {
            at: create.referenced,
            method: create.value.method.as_deref(),
            path: &create.value.path,
            headers: &create.value.headers,
            body: create.value.body.as_ref(),
        };
        let names = ["username", "password", "role", "run"];
        let request = self.auth_request("account creation", "POST", &written, &names)?;
        let id = match &create.value.id {
            None => None,
            Some(place) => Some(self.place(create.referenced, place)?),
        };
        let mut changes = Vec::new();
        let mut names = BTreeSet::from(["username", "new_password", "run", "role"]);
        if id.is_some() {
            names.insert("id");
        }
        let names: Vec<&str> = names.into_iter().collect();
        for (name, change) in &file.changes {
            let written = request_of(change);
            let request = self.auth_request("change of an account", "PATCH", &written, &names)?;
            changes.push((name.clone(), request));
        }
        Some(Revocation {
            by: file.by.clone(),
            create: request,
            id,
            role: file.role.clone(),
            changes,
        })
    }
}

fn request_of(file: &Spanned<RequestFile>) -> Written<'_> {
    Written {
        at: file.referenced,
        method: file.value.method.as_deref(),
        path: &file.value.path,
        headers: &file.value.headers,
        body: file.value.body.as_ref(),
    }
}

fn may_differ(claims: Option<&ClaimsFile>) -> Vec<MayDiffer> {
    let unexplained = || "declared in the catalogue".to_owned();
    match claims {
        None => Vec::new(),
        Some(ClaimsFile::Names(names)) => names
            .iter()
            .map(|name| MayDiffer {
                name: name.clone(),
                reason: unexplained(),
            })
            .collect(),
        Some(ClaimsFile::Reasons(reasons)) => reasons
            .iter()
            .map(|(name, reason)| MayDiffer {
                name: name.clone(),
                reason: reason.as_ref().map_or_else(unexplained, Scalar::text),
            })
            .collect(),
    }
}
