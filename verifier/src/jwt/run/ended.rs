//! Tokens that outlive their session: held across a logout, or across a refresh.

use std::collections::BTreeSet;

use super::Run;
use super::matrix::{Meaning, Way};
use super::service::Session;
use crate::catalogue::Account;
use crate::catalogue::auth::Probe;
use crate::jwt::cell::{Check, Finding, Outcome, Outcomes, Side, Verdict};
use crate::severity::Severity;

/// What was shown, and what came of it.
type Shown = (String, Result<Outcome, String>);
/// Old tokens after the end of their session, the call that ended it first.
type After = Result<Vec<Shown>, String>;

impl Run<'_> {
    /// Tokens that are held across the end of their session: what legacy makes of its own is the
    /// measure for all.
    pub(super) async fn ended(&mut self, outcomes: &mut Outcomes) {
        let auth = self.auth;
        let Some(account) = auth
            .accounts
            .iter()
            .find(|account| self.open_door(&account.role).is_some())
        else {
            return;
        };
        let Some(door) = self.open_door(&account.role) else {
            return;
        };
        // Whoever ends a session must not end one that is still needed.
        let sessions = self.sessions.iter();
        let mut spent: BTreeSet<String> = sessions
            .flat_map(|(_, pair)| Side::BOTH.map(|side| pair.of(side)))
            .flatten()
            .flat_map(|session| session.tokens().cloned())
            .collect();
        for kind in ["logout", "after-refresh"] {
            if (kind == "logout" && auth.logout.is_none())
                || (kind == "after-refresh" && auth.refresh.is_none())
            {
                continue;
            }
            for issuer in Side::BOTH {
                let live = spent.clone();
                let mut ends = self
                    .end_on_both(kind, issuer, &account.account, door, (&live, &mut spent))
                    .await;
                // Tokens of one second may be alike, and then one end ends them all.
                if ends.iter().any(|end| is_doubtful(end, &ends)) {
                    let mut avoid = spent.clone();
                    ends = Vec::new();
                    for at in Side::BOTH {
                        if self.key_trouble.is_some() && issuer != at {
                            continue;
                        }
                        let tokens = (&avoid, &mut spent);
                        let after = self.end(kind, issuer, at, &account.account, door, tokens);
                        ends.push((at, after.await));
                        avoid = spent.clone();
                    }
                }
                let measure = ends.iter().find_map(|(_, after)| after.as_ref().ok());
                let measure = measure.cloned().unwrap_or_default();
                for (at, after) in ends {
                    let way = Way {
                        kind,
                        issuer,
                        verifier: at,
                        role: &account.role,
                    };
                    match after {
                        Ok(after) => {
                            for ((probe, outcome), (_, first)) in after.iter().zip(&measure) {
                                settle_ended(way, probe, outcome, first, &measure, outcomes);
                            }
                        }
                        Err(why) => {
                            let verdict = Verdict::NotJudged(why);
                            let cell =
                                way.cell("access", "", "as on legacy", "not judged", verdict);
                            self.settle(way, cell, None, outcomes);
                        }
                    }
                }
            }
        }
    }

    async fn end_on_both(
        &self,
        kind: &str,
        issuer: Side,
        account: &Account,
        door: &Probe,
        (avoid, spent): (&BTreeSet<String>, &mut BTreeSet<String>),
    ) -> Vec<(Side, After)> {
        let mut ends = Vec::new();
        for at in Side::BOTH {
            if self.key_trouble.is_some() && issuer != at {
                continue;
            }
            let tokens = (avoid, &mut *spent);
            let after = self.end(kind, issuer, at, account, door, tokens).await;
            ends.push((at, after));
        }
        ends
    }

    /// Begins a session, ends it at `at`, and tries its old tokens on both sides.
    async fn end(
        &self,
        kind: &str,
        issuer: Side,
        at: Side,
        account: &Account,
        door: &Probe,
        (avoid, spent): (&BTreeSet<String>, &mut BTreeSet<String>),
    ) -> After {
        let service = self.services.of(issuer);
        let session: Session = service.log_in_anew(account, avoid).await?;
        spent.extend(session.tokens().cloned());
        let service = self.services.of(at);
        let mut after = Vec::new();
        let call = match (
            kind,
            &self.auth.logout,
            &self.auth.refresh,
            &session.refresh,
        ) {
            ("logout", Some(logout), ..) => {
                let mut scope = service.scope();
                scope.set("token", session.access.clone().into());
                let refresh = session.refresh.clone().unwrap_or_default();
                scope.set("refresh", refresh.into());
                let answer = service.ask(logout, &scope, Some(&session.access)).await?;
                Outcome::of(answer.status)
            }
            ("after-refresh", _, Some(refresh), Some(token)) => {
                service.refresh(refresh, token).await?.0
            }
            _ => return Err(format!("{issuer} gives no refresh token at login")),
        };
        after.push(("the call itself".to_owned(), Ok(call)));
        let sides: &[Side] = if self.key_trouble.is_some() {
            &[issuer]
        } else {
            &Side::BOTH
        };
        for &side in sides {
            let outcome = self.services.of(side).probe(door, &session.access).await;
            after.push((format!("access token on {side}"), outcome));
        }
        if let (Some(refresh), Some(token)) = (&self.auth.refresh, &session.refresh) {
            for &side in sides {
                let outcome = self.services.of(side).refresh(refresh, token).await;
                after.push((
                    format!("refresh token on {side}"),
                    outcome.map(|(outcome, _)| outcome),
                ));
            }
        }
        Ok(after)
    }
}

/// Whether an end differs from the measure, or was none: then it is worth a second look.
fn is_doubtful((_, after): &(Side, After), ends: &[(Side, After)]) -> bool {
    let measure = ends.iter().find_map(|(_, after)| after.as_ref().ok());
    let (Ok(after), Some(measure)) = (after, measure) else {
        return false;
    };
    let refused = matches!(after.first(), Some((_, Ok(call))) if !call.is_accepted());
    let differs = |(one, other): (&Shown, &Shown)| match (&one.1, &other.1) {
        (Ok(one), Ok(other)) => !one.same_class(other),
        _ => false,
    };
    let (legacys, cores): (Vec<_>, Vec<_>) = after
        .iter()
        .partition(|(name, _)| !name.ends_with(" on core"));
    refused
        || after.iter().zip(measure).any(differs)
        || legacys
            .iter()
            .skip(1)
            .zip(cores)
            .any(|(one, other)| differs((one, other)))
}

fn settle_ended(
    way: Way<'_>,
    probe: &str,
    outcome: &Result<Outcome, String>,
    first: &Result<Outcome, String>,
    reference: &[(String, Result<Outcome, String>)],
    outcomes: &mut Outcomes,
) {
    // The same token on legacy after the same ended on legacy; `probe` reads `access on core`.
    let on_legacy = probe.replace(" on core", " on legacy");
    let twin = reference
        .iter()
        .find(|(name, _)| *name == on_legacy)
        .map(|(_, outcome)| outcome);
    let expected = twin.unwrap_or(first);
    let (got, verdict) = match (outcome, expected) {
        (Ok(outcome), Ok(expected)) => {
            let verdict = if outcome.same_class(expected) {
                Verdict::Holds
            } else {
                Verdict::Fails
            };
            (outcome.to_string(), verdict)
        }
        (Err(why), _) | (_, Err(why)) => ("not judged".to_owned(), Verdict::NotJudged(why.clone())),
    };
    let wanted = expected
        .as_ref()
        .map_or("as on legacy".to_owned(), |outcome| {
            outcome.word().to_owned()
        });
    let event = if way.kind == "logout" {
        "a logout"
    } else {
        "a refresh"
    };
    let meaning = if probe == "the call itself" {
        Meaning {
            what: format!(
                "{event} of {}'s session on {} answers {got}, where legacy's answers {wanted}",
                way.issuer, way.verifier
            ),
            effect: "the client takes its session for alive, or shows an error instead of the login page",
            remedy: format!("answer {event} on {} as legacy does", way.verifier),
        }
    } else {
        Meaning {
            what: format!(
                "after {event} on {}, the old {probe} is {got}, and {wanted} on legacy",
                way.verifier
            ),
            effect: "whether a session that ended is really over hangs on the side that is asked",
            remedy: "end sessions alike on both sides; legacy is the measure".to_owned(),
        }
    };
    let token = if probe.starts_with("refresh") {
        "refresh"
    } else {
        "access"
    };
    let cell = way.cell(token, probe, &wanted, &got, verdict);
    let failed = cell.verdict == Verdict::Fails;
    let name = cell.name.clone();
    outcomes.cells.push(cell);
    // That a side does not take such tokens at all was said of the tokens while they were new.
    let side = |probe: &str| match probe.rsplit(' ').next() {
        Some("legacy") => Side::Legacy,
        Some("core") => Side::Core,
        _ => way.verifier,
    };
    let refreshes =
        token == "refresh" || (way.kind == "after-refresh" && probe.ends_with("itself"));
    let sort = if refreshes { "refresh" } else { "access" };
    let explained = [side(probe), Side::Legacy].map(|at| format!("{sort}/{}-{at}", way.issuer));
    if failed && !outcomes.blame(&explained, &name) {
        outcomes.find(Finding {
            check: Check::Interchange,
            name: way.kind.to_owned(),
            severity: Severity::Breaking,
            what: meaning.what,
            effect: meaning.effect.to_owned(),
            remedy: meaning.remedy,
            cells: vec![name],
        });
    }
}
