//! The run: logs in on both sides, shows every token to both, and gathers what came of it.
//!
//! Requests of one side go out one after another, so that nothing here looks like an attack on the
//! login; the two sides are asked at the same time where that cannot change an answer.

mod ended;
mod forge;
mod matrix;
mod revoke;
mod service;

use std::time::Instant;

use jiff::civil::Date;

use self::service::{ServerClock, Service, Session};
use super::cell::{Cell, Check, Finding, JwtReport, Outcomes, Pair, Side, Verdict};
use super::contract::{self, Issued};
use super::keys;
use crate::catalogue::Catalogue;
use crate::catalogue::auth::{Auth, Known, Probe};
use crate::client::Target;
use crate::severity::Severity;

/// What to check, and what with.
pub struct JwtConfig {
    /// The secret that both services are said to sign with; without it the black-box half runs.
    pub secret: Option<Vec<u8>>,
    /// Whether accounts may be made and changed.
    pub allow_writes: bool,
    /// Only these checks, forged tokens or families; everything when empty.
    pub only: Vec<String>,
    /// Names whose cells need not be judged.
    pub waived: Vec<String>,
    /// Decides which known weaknesses have expired.
    pub today: Date,
    /// Marks the accounts that are made.
    pub run: String,
}

/// Why nothing can be checked.
#[derive(Debug, thiserror::Error)]
pub enum JwtError {
    /// The catalogue has no `auth` block, or no login in it.
    #[error(
        "{0}: no `auth.login`: write how a session begins, as in `auth: {{login: {{path: /api/v1/auth/login}}}}`"
    )]
    NoLogin(String),
    /// Nobody can log in.
    #[error(
        "{0}: no account: write one a role under `auth.accounts`, as in `ADMIN: {{username: a, password: b}}`"
    )]
    NoAccounts(String),
    /// No door to try.
    #[error(
        "{0}: no probe lets any role in: write one under `auth.probes`, as in `{{path: /api/v1/my}}`"
    )]
    NoProbes(String),
    /// `--only`, `--waive` or `auth.known` names nothing.
    #[error("`{name}` names no check and no forged token: write one of {known}")]
    Unknown {
        /// As it was written.
        name: String,
        /// A few that exist.
        known: String,
    },
}

/// Everything the checks share.
struct Run<'a> {
    services: Pair<Service<'a>>,
    auth: &'a Auth,
    config: &'a JwtConfig,
    /// A session a side and role, or why there is none.
    sessions: Vec<(String, Pair<Result<Session, String>>)>,
    keys: Pair<Option<keys::Derived>>,
    /// The finding that explains why neither side takes the other's tokens.
    key_trouble: Option<Finding>,
}

/// Checks that sessions survive a change between the two services, and that nothing forged gets in.
pub async fn run(
    catalogue: &Catalogue,
    targets: Pair<Target>,
    config: &JwtConfig,
    say: &(dyn Fn(&str) + Sync),
) -> Result<JwtReport, JwtError> {
    let source = catalogue.source.display().to_string();
    let (Some(auth), Some(login)) = (&catalogue.auth, &catalogue.login) else {
        return Err(JwtError::NoLogin(source));
    };
    if auth.accounts.is_empty() {
        return Err(JwtError::NoAccounts(source));
    }
    let doors = |probe: &Probe| probe.roles.iter().any(|(_, allowed)| *allowed);
    if !auth.probes.iter().any(doors) {
        return Err(JwtError::NoProbes(source));
    }
    check_names(auth, config)?;
    let started = jiff::Timestamp::now();
    let begun = Instant::now();
    let addresses = Pair {
        legacy: targets.legacy.base().to_owned(),
        core: targets.core.base().to_owned(),
    };
    let service = |side, target| Service::new(side, target, (auth, login), config.today, say);
    let mut run = Run {
        services: Pair {
            legacy: service(Side::Legacy, targets.legacy),
            core: service(Side::Core, targets.core),
        },
        auth,
        config,
        sessions: Vec::new(),
        keys: Pair {
            legacy: None,
            core: None,
        },
        key_trouble: None,
    };
    let mut outcomes = Outcomes::default();
    run.log_in().await;
    run.check_keys(&mut outcomes);
    if run.wants(Check::Interchange) {
        say("interchange: each side's tokens on each side");
        run.interchange(&mut outcomes).await;
    }
    if run.wants(Check::Claims) {
        say("claims: what the tokens say");
        run.claims(&mut outcomes).await;
    }
    let mut clocks = Pair {
        legacy: ServerClock::Unknown,
        core: ServerClock::Unknown,
    };
    if run.wants_forgery() {
        say("forgery: sound and hostile tokens on both sides");
        clocks = run.forgery(&mut outcomes).await;
    }
    if run.wants(Check::Revocation) {
        run.revocation(&mut outcomes).await;
    }
    for side in Side::BOTH {
        outcomes.notes.extend(run.services.of(side).notes());
    }
    outcomes.findings.extend(run.key_trouble.take());
    outcomes.mended = mended(&auth.known, &outcomes);
    outcomes
        .findings
        .sort_by(|a, b| b.severity.cmp(&a.severity).then(a.check.cmp(&b.check)));
    let skew_ms = Pair {
        legacy: clocks.legacy.skew_ms(),
        core: clocks.core.skew_ms(),
    };
    Ok(JwtReport {
        targets: addresses,
        catalogue: source,
        catalogue_sha256: catalogue.sha256.clone(),
        core: crate::report::bound::CoreClaim::default(),
        started: started.to_string(),
        duration: begun.elapsed(),
        skew_ms,
        assumed: run.assumptions(clocks),
        waived: config.waived.clone(),
        outcomes,
    })
}

/// Refuses names that select nothing: a typing error must not pass for a clean result.
fn check_names(auth: &Auth, config: &JwtConfig) -> Result<(), JwtError> {
    let corpus = super::corpus::names();
    let checks = Check::ALL.map(Check::name);
    let weaknesses = [matrix::ACCESS_AS_REFRESH, matrix::REFRESH_AS_ACCESS];
    let known = auth.known.iter().map(|known| known.probe.as_str());
    let exists = |name: &str| corpus.iter().any(|other| other == name);
    let few = |names: &[&str]| {
        let names = names.iter().map(|name| format!("`{name}`"));
        names.collect::<Vec<_>>().join(", ")
    };
    for name in known {
        if !exists(name) && !weaknesses.contains(&name) {
            return Err(JwtError::Unknown {
                name: name.to_owned(),
                known: few(&[
                    weaknesses[0],
                    weaknesses[1],
                    "exp-missing",
                    "crit",
                    "alg-hs384",
                ]),
            });
        }
    }
    for name in &config.only {
        if !exists(name) && !checks.contains(&name.as_str()) {
            return Err(JwtError::Unknown {
                name: name.clone(),
                known: few(&checks),
            });
        }
    }
    for name in &config.waived {
        let first = name.split('/').next().unwrap_or_default();
        if !exists(name) && !checks.contains(&first) && !matrix::KINDS.contains(&first) {
            let all: Vec<&str> = checks.iter().chain(&matrix::KINDS).copied().collect();
            return Err(JwtError::Unknown {
                name: name.clone(),
                known: few(&all),
            });
        }
    }
    Ok(())
}

/// Accepted weaknesses whose tokens were all judged and none was let in.
fn mended(known: &[Known], outcomes: &Outcomes) -> Vec<Known> {
    let met = |known: &&Known| outcomes.known.iter().any(|met| met.known == **known);
    let is_of = |cell: &Cell, probe: &str| {
        let mut parts = cell.name.split('/');
        let group = match parts.next() {
            Some("forgery") => parts.next(),
            first => first,
        };
        cell.token == probe || group == Some(probe)
    };
    let refused = |known: &&Known| {
        let mut cells = outcomes
            .cells
            .iter()
            .filter(|cell| is_of(cell, &known.probe))
            .peekable();
        cells.peek().is_some() && cells.all(|cell| cell.verdict == Verdict::Holds)
    };
    let over = known.iter().filter(|known| !met(known)).filter(refused);
    over.cloned().collect()
}

impl<'a> Run<'a> {
    fn wants(&self, check: Check) -> bool {
        self.config.only.is_empty() || self.config.only.iter().any(|name| name == check.name())
    }

    /// A forged token's own name selects the group too.
    fn wants_forgery(&self) -> bool {
        let checks = Check::ALL.map(Check::name);
        self.wants(Check::Forgery)
            || self
                .config
                .only
                .iter()
                .any(|name| !checks.contains(&name.as_str()))
    }

    fn known(&self, name: &str) -> Option<&'a Known> {
        self.auth.known.iter().find(|known| known.probe == name)
    }

    /// The first door that lets a role in.
    fn open_door(&self, role: &str) -> Option<&'a Probe> {
        self.auth
            .probes
            .iter()
            .find(|probe| probe.allows(role) == Some(true))
    }

    async fn log_in(&mut self) {
        let auth = self.auth;
        for role in &auth.accounts {
            let legacy = self.services.legacy.log_in(&role.account).await;
            let core = self.services.core.log_in(&role.account).await;
            self.sessions
                .push((role.role.clone(), Pair { legacy, core }));
        }
    }

    fn session(&self, role: &str, side: Side) -> Result<&Session, String> {
        let found = self.sessions.iter().find(|(name, _)| name == role);
        match found.map(|(_, pair)| pair.of(side)) {
            Some(Ok(session)) => Ok(session),
            Some(Err(why)) => Err(why.clone()),
            None => Err(format!("no account has role `{role}`")),
        }
    }

    /// Which key each side signs with, and whether it is the same.
    fn check_keys(&mut self, outcomes: &mut Outcomes) {
        let asked = self.wants(Check::Key);
        for kind in ["access", "refresh"] {
            let token = |side| -> Result<&str, String> {
                let with_one = self
                    .sessions
                    .iter()
                    .find_map(|(_, pair)| pair.of(side).as_ref().ok());
                let session = match with_one {
                    Some(session) => session,
                    None => {
                        let (role, _) = self.sessions.first().ok_or("no account")?;
                        self.session(role, side)?
                    }
                };
                if kind == "access" {
                    return Ok(&session.access);
                }
                let refresh = session.refresh.as_deref();
                refresh.ok_or_else(|| format!("{side} gives no refresh token"))
            };
            let pair = (token(Side::Legacy), token(Side::Core));
            let (legacy, core) = match (&pair, &self.config.secret) {
                ((Ok(legacy), Ok(core)), Some(secret)) => {
                    (keys::find(legacy, secret), keys::find(core, secret))
                }
                ((Err(_), Err(_)), Some(_)) if kind == "refresh" => continue,
                ((Err(why), _) | (_, Err(why)), Some(_)) => {
                    if asked {
                        outcomes.cells.push(key_cell(
                            kind,
                            "not judged",
                            Verdict::NotJudged(why.clone()),
                        ));
                    }
                    continue;
                }
                (_, None) => {
                    let why =
                        "no secret: give it with `--secret-file` or `--secret-env`, or waive `key`"
                            .to_owned();
                    if asked {
                        outcomes
                            .cells
                            .push(key_cell(kind, "not judged", Verdict::NotJudged(why)));
                    }
                    continue;
                }
            };
            let how = |key: &Option<keys::Derived>| {
                key.as_ref().map_or("another key", |derived| derived.how)
            };
            let got = format!("legacy: {}; core: {}", how(&legacy), how(&core));
            let same = match (&legacy, &core) {
                (Some(a), Some(b)) => Some(a.key == b.key),
                (None, None) => None,
                _ => Some(false),
            };
            let verdict = match same {
                Some(true) => Verdict::Holds,
                Some(false) => Verdict::Fails,
                None => Verdict::NotJudged(format!(
                    "the secret given verifies the {kind} token of neither side: is it theirs?"
                )),
            };
            if same == Some(true) && how(&legacy) != "the secret as given" {
                outcomes.notes.push(format!(
                    "both sides sign {kind} tokens with {}",
                    how(&legacy)
                ));
            }
            let cell = key_cell(kind, &got, verdict);
            if same == Some(false) {
                let finding = Finding {
                    check: Check::Key,
                    name: cell.name.clone(),
                    severity: Severity::Breaking,
                    what: format!(
                        "{kind} tokens are signed with two keys: legacy uses {}, core uses {}",
                        how(&legacy),
                        how(&core)
                    ),
                    effect: "neither side takes the other's tokens: every change of side ends the session".to_owned(),
                    remedy: "give core exactly legacy's key, byte for byte".to_owned(),
                    cells: vec![cell.name.clone()],
                };
                match &mut self.key_trouble {
                    Some(trouble) => trouble.cells.push(cell.name.clone()),
                    trouble @ None => *trouble = Some(finding),
                }
            }
            if asked || same == Some(false) {
                outcomes.cells.push(cell);
            }
            if kind == "access" {
                self.keys = Pair { legacy, core };
            }
        }
    }

    async fn claims(&self, outcomes: &mut Outcomes) {
        let mut seen: Vec<(String, Vec<String>)> = Vec::new();
        let mut found: Vec<(contract::ContractDifference, Vec<String>)> = Vec::new();
        for account in &self.auth.accounts {
            let role = &account.role;
            let (legacy, core) = match (
                self.session(role, Side::Legacy),
                self.session(role, Side::Core),
            ) {
                (Ok(legacy), Ok(core)) => (legacy, core),
                (Err(why), _) | (_, Err(why)) => {
                    outcomes.cells.push(claims_cell(
                        role,
                        role,
                        "not judged",
                        Verdict::NotJudged(why),
                    ));
                    continue;
                }
            };
            let again = Pair {
                legacy: self.services.legacy.log_in(&account.account).await.ok(),
                core: self.services.core.log_in(&account.account).await.ok(),
            };
            let contract = contract::compare(
                Issued {
                    access: &legacy.access,
                    again: again.legacy.as_ref().map(|again| again.access.as_str()),
                    refresh: legacy.refresh.as_deref(),
                    answer: &legacy.answer,
                },
                Issued {
                    access: &core.access,
                    again: again.core.as_ref().map(|again| again.access.as_str()),
                    refresh: core.refresh.as_deref(),
                    answer: &core.answer,
                },
            );
            for note in contract.unread {
                if !outcomes.notes.contains(&note) {
                    outcomes.notes.push(note);
                }
            }
            for place in contract.places {
                match seen.iter_mut().find(|(name, _)| *name == place) {
                    Some((_, roles)) => roles.push(role.clone()),
                    None => seen.push((place, vec![role.clone()])),
                }
            }
            for difference in contract.differences {
                match found
                    .iter_mut()
                    .find(|(other, _)| other.place == difference.place)
                {
                    Some((_, roles)) => roles.push(role.clone()),
                    None => found.push((difference, vec![role.clone()])),
                }
            }
        }
        for (place, roles) in seen {
            let roles = roles.join(", ");
            let name = format!("claims/{place}");
            let Some((difference, _)) = found
                .iter()
                .find(|(difference, _)| difference.place == place)
            else {
                outcomes
                    .cells
                    .push(claims_cell(&place, &roles, "the same", Verdict::Holds));
                continue;
            };
            let excused = self.auth.may_differ.iter().find(|excuse| {
                excuse.name == place
                    || place.split_once('.').is_some_and(|(kind, name)| {
                        matches!(kind, "access" | "refresh") && name == excuse.name
                    })
            });
            if let Some(excuse) = excused {
                let known = Known {
                    probe: name.clone(),
                    reason: excuse.reason.clone(),
                    owner: "auth.claims".to_owned(),
                    expires: None,
                };
                outcomes.cells.push(claims_cell(
                    &place,
                    &roles,
                    &difference.what,
                    Verdict::Known,
                ));
                outcomes.meet(&known, vec![name]);
                continue;
            }
            outcomes.cells.push(claims_cell(
                &place,
                &roles,
                &difference.what,
                Verdict::Fails,
            ));
            outcomes.find(Finding {
                check: Check::Claims,
                name: name.clone(),
                severity: difference.severity,
                what: difference.what.clone(),
                effect: difference.effect.clone(),
                remedy: difference.remedy.clone(),
                cells: vec![name],
            });
        }
    }

    fn assumptions(&self, clocks: Pair<ServerClock>) -> Vec<String> {
        let mut assumed = vec![
            "tokens are HS256 and nothing else; `alg` is never taken from a token".to_owned(),
            format!("leeway of `exp` and `nbf`: {} s", self.auth.leeway_s),
        ];
        if self
            .config
            .secret
            .as_ref()
            .is_some_and(|secret| secret.ends_with(b"\n"))
        {
            assumed.push(
                "the secret given ends in a newline: whether it is part of the key is told by each \
                 side's own tokens, see `key`"
                    .to_owned(),
            );
        }
        for side in Side::BOTH {
            match clocks.of(side) {
                ServerClock::Unknown if self.wants_forgery() => {
                    assumed.push(format!(
                        "{side} sends no `Date`: its clock is taken to be this machine's"
                    ));
                }
                ServerClock::Frozen { .. } => assumed.push(format!("{side}'s clock stands still")),
                _ => {}
            }
        }
        assumed
    }
}

fn key_cell(kind: &str, got: &str, verdict: Verdict) -> Cell {
    Cell {
        check: Check::Key,
        name: format!("key/{kind}"),
        issuer: None,
        verifier: None,
        token: kind.to_owned(),
        role: "all".to_owned(),
        probe: "signature".to_owned(),
        expected: "one key on both sides".to_owned(),
        got: got.to_owned(),
        verdict,
    }
}

fn claims_cell(place: &str, roles: &str, got: &str, verdict: Verdict) -> Cell {
    Cell {
        check: Check::Claims,
        name: format!("claims/{place}"),
        issuer: None,
        verifier: None,
        token: place.split('.').next().unwrap_or_default().to_owned(),
        role: roles.to_owned(),
        probe: place.to_owned(),
        expected: "as on legacy".to_owned(),
        got: got.to_owned(),
        verdict,
    }
}
