//! Accounts that are changed while their tokens are in use: how long each side honours old tokens.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::Run;
use super::service::{Session, value_at};
use crate::catalogue::auth::{Probe, Revocation};
use crate::catalogue::template::Scope;
use crate::jwt::cell::{Cell, Check, Finding, Outcome, Outcomes, Pair, Side, Verdict};
use crate::severity::Severity;

/// How long to look whether a token dies by itself, after a change that did not end it at once.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// One account, its tokens of both sides, and what was done to it.
struct Changed<'a> {
    change: &'a str,
    sessions: Pair<Session>,
    at: Instant,
}

/// One old token on one door of one side.
struct Look<'a> {
    change: &'a str,
    issuer: Side,
    verifier: Side,
    /// `access on GET /my`, `refresh`.
    what: String,
    outcome: Result<Outcome, String>,
    /// After how long it was no longer honoured, when it was at first.
    ended_after: Option<Duration>,
}

impl Look<'_> {
    /// Whether both are looks at the same token on the same door of the same side.
    fn is_of(&self, other: &Self) -> bool {
        self.change == other.change
            && self.issuer == other.issuer
            && self.verifier == other.verifier
            && self.what == other.what
    }
}

impl<'a> Run<'a> {
    pub(super) async fn revocation(&mut self, outcomes: &mut Outcomes) {
        let auth = self.auth;
        let Some(revocation) = &auth.revocation else {
            return;
        };
        if !self.config.allow_writes {
            for (change, _) in &revocation.changes {
                let why =
                    "it makes and changes accounts: allow it with `--allow-writes`".to_owned();
                outcomes
                    .cells
                    .push(gap(revocation, change, Verdict::NotAsked(why)));
            }
            return;
        }
        (self.services.legacy.say)("revocation: accounts changed under their tokens");
        let mut changed = Vec::new();
        for (at, (change, _)) in revocation.changes.iter().enumerate() {
            match self.change(revocation, at).await {
                Ok(one) => changed.push(one),
                Err(why) => outcomes
                    .cells
                    .push(gap(revocation, change, Verdict::NotJudged(why))),
            }
        }
        let mut looks = Vec::new();
        for one in &changed {
            looks.extend(self.look(one, &revocation.role, true).await);
        }
        let honoured =
            |look: &Look<'_>| matches!(&look.outcome, Ok(outcome) if outcome.is_accepted());
        if looks.iter().any(honoured) {
            // All changes are older than the last.
            if let Some(last) = changed.iter().map(|one| one.at).max() {
                tokio::time::sleep_until((last + LOOK_AGAIN).into()).await;
            }
            for one in &changed {
                for second in self.look(one, &revocation.role, false).await {
                    let Some(first) = looks.iter_mut().find(|first| first.is_of(&second)) else {
                        continue;
                    };
                    if honoured(first)
                        && matches!(&second.outcome, Ok(outcome) if !outcome.is_accepted())
                    {
                        first.ended_after = Some(one.at.elapsed());
                    }
                }
            }
        }
        settle(revocation, &looks, &mut self.key_trouble, outcomes);
    }

    /// Makes an account, logs it in on both sides, and changes it.
    async fn change(&self, revocation: &'a Revocation, at: usize) -> Result<Changed<'a>, String> {
        let (change, request) = &revocation.changes[at];
        let by = self.session(&revocation.by, Side::Legacy)?;
        let service = &self.services.legacy;
        let username = format!("j{}{at}", self.config.run);
        let password = format!("first-{}", self.config.run);
        let mut scope: Scope = service.scope();
        for (name, value) in [
            ("username", username.clone()),
            ("password", password.clone()),
            ("role", revocation.role.clone()),
            ("run", self.config.run.clone()),
            ("new_password", format!("second-{}", self.config.run)),
        ] {
            scope.set(name, Value::from(value));
        }
        let made = service
            .ask(&revocation.create, &scope, Some(&by.access))
            .await?;
        if !Outcome::of(made.status).is_accepted() {
            return Err(format!(
                "making an account as {} gave {}: see `auth.revocation.create`",
                revocation.by, made.status
            ));
        }
        if let Some(place) = &revocation.id {
            let id = value_at(place, &made)
                .ok_or_else(|| format!("the answer to making an account has nothing at {place}"))?;
            scope.set("id", id);
        }
        let sessions = Pair {
            legacy: self.services.legacy.log_in_as(&username, &password).await?,
            core: self.services.core.log_in_as(&username, &password).await?,
        };
        // A token that never worked would look like one that was ended; and a side may remember only
        // what it has seen.
        let before = Changed {
            change,
            sessions: sessions.clone(),
            at: Instant::now(),
        };
        let before = self.look(&before, &revocation.role, false).await;
        let of_own = |look: &&Look<'_>| look.issuer == look.verifier;
        for look in before.iter().filter(of_own) {
            match &look.outcome {
                Ok(outcome) if outcome.is_accepted() => {}
                Ok(outcome) => {
                    return Err(format!(
                        "{} answers {outcome} to a new account's {}, before any change: see `auth.revocation.role`",
                        look.verifier, look.what
                    ));
                }
                Err(why) => return Err(why.clone()),
            }
        }
        // The maker's own token may have ended meanwhile; a 401 here would look like a change refused.
        let answer = service.ask(request, &scope, Some(&by.access)).await?;
        if !Outcome::of(answer.status).is_accepted() {
            return Err(format!(
                "`{change}` gave {}: see `auth.revocation.changes`",
                answer.status
            ));
        }
        Ok(Changed {
            change,
            sessions,
            at: Instant::now(),
        })
    }

    /// Shows old tokens to both sides; refresh tokens only where asked, since one may be used up by it.
    async fn look(&self, one: &Changed<'a>, role: &str, refreshing: bool) -> Vec<Look<'a>> {
        let mut looks = Vec::new();
        let doors: Vec<&Probe> = self
            .auth
            .probes
            .iter()
            .filter(|probe| probe.allows(role) == Some(true))
            .collect();
        for issuer in Side::BOTH {
            let session = one.sessions.of(issuer);
            for verifier in Side::BOTH {
                let service = self.services.of(verifier);
                let mut push = |what: String, outcome| {
                    looks.push(Look {
                        change: one.change,
                        issuer,
                        verifier,
                        what,
                        outcome,
                        ended_after: None,
                    });
                };
                for door in &doors {
                    let outcome = service.probe(door, &session.access).await;
                    push(format!("access on {}", door.id), outcome);
                }
                if let (true, Some(refresh), Some(token)) =
                    (refreshing, &self.auth.refresh, &session.refresh)
                {
                    let outcome = service
                        .refresh(refresh, token)
                        .await
                        .map(|(outcome, _)| outcome);
                    push("refresh".to_owned(), outcome);
                }
            }
        }
        looks
    }
}

/// Legacy's answer to the same token is the measure of core's.
fn settle(
    revocation: &Revocation,
    looks: &[Look<'_>],
    key_trouble: &mut Option<Finding>,
    outcomes: &mut Outcomes,
) {
    for look in looks {
        let twin = looks.iter().find(|other| {
            other.change == look.change
                && other.issuer == look.issuer
                && other.what == look.what
                && other.verifier == Side::Legacy
        });
        let legacy = twin.map(|twin| (&twin.outcome, twin.ended_after));
        let name = format!(
            "revocation/{}/{}-{}/{}",
            look.change, look.issuer, look.verifier, look.what
        );
        let (expected, verdict) = match (legacy, &look.outcome) {
            (Some((Ok(legacy), ended)), Ok(core)) => {
                let same = legacy.same_class(core)
                    && legacy.status() == core.status()
                    && ended.is_some() == look.ended_after.is_some();
                (
                    held(legacy, ended, look.what != "refresh"),
                    if same { Verdict::Holds } else { Verdict::Fails },
                )
            }
            (Some((Err(why), _)), _) | (_, Err(why)) => {
                ("as on legacy".to_owned(), Verdict::NotJudged(why.clone()))
            }
            (None, _) => continue,
        };
        let got = match &look.outcome {
            Ok(outcome) => held(outcome, look.ended_after, look.what != "refresh"),
            Err(_) => "not judged".to_owned(),
        };
        let token = look.what.split(' ').next().unwrap_or_default();
        let explained =
            [look.verifier, Side::Legacy].map(|at| format!("{token}/{}-{at}", look.issuer));
        if verdict != Verdict::Fails {
        } else if let Some(trouble) = key_trouble {
            trouble.cells.push(name.clone());
        } else if !outcomes.blame(&explained, &name) {
            outcomes.find(Finding {
                check: Check::Revocation,
                name: format!("revocation/{}", look.change),
                severity: Severity::Breaking,
                what: format!("after an account is {}, its old tokens are {got} on {}, and {expected} on legacy", past(look.change), look.verifier),
                effect: "what was taken from a user stays open on one side until the token ends".to_owned(),
                remedy: format!("read the account's state in {} at each request, as legacy does", look.verifier),
                cells: vec![name.clone()],
            });
        }
        outcomes.cells.push(Cell {
            check: Check::Revocation,
            name,
            issuer: Some(look.issuer),
            verifier: Some(look.verifier),
            token: token.to_owned(),
            role: revocation.role.clone(),
            probe: format!("{}: {}", look.change, look.what),
            expected,
            got,
            verdict,
        });
    }
}

/// An outcome, and for how long an old token was honoured.
fn held(outcome: &Outcome, ended: Option<Duration>, looked_again: bool) -> String {
    match ended {
        Some(after) => format!(
            "{outcome}, then refused within {:.0} s",
            after.as_secs_f64().ceil()
        ),
        None if outcome.is_accepted() && looked_again => {
            format!("{outcome}, also {} s later", LOOK_AGAIN.as_secs())
        }
        None => outcome.to_string(),
    }
}

fn past(change: &str) -> String {
    match change {
        "password" => "given a new password".to_owned(),
        other => other.to_owned(),
    }
}

fn gap(revocation: &Revocation, change: &str, verdict: Verdict) -> Cell {
    Cell {
        check: Check::Revocation,
        name: format!("revocation/{change}"),
        issuer: None,
        verifier: None,
        token: "all".to_owned(),
        role: revocation.role.clone(),
        probe: change.to_owned(),
        expected: "as on legacy".to_owned(),
        got: verdict.word().to_owned(),
        verdict,
    }
}
