//! Tokens that outlive their session: held across a logout, or across a refresh.

use super::Run;
use super::matrix::{Meaning, Way};
use super::service::Session;
use crate::catalogue::Account;
use crate::catalogue::auth::Probe;
use crate::jwt::cell::{Check, Finding, Outcome, Outcomes, Side, Verdict};
use crate::severity::Severity;

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
        for kind in ["logout", "after-refresh"] {
            if (kind == "logout" && auth.logout.is_none())
                || (kind == "after-refresh" && auth.refresh.is_none())
            {
                continue;
            }
            for issuer in Side::BOTH {
                let mut measure: Option<Vec<(String, Result<Outcome, String>)>> = None;
                for at in Side::BOTH {
                    if self.key_trouble.is_some() && issuer != at {
                        continue;
                    }
                    let after = self.end(kind, issuer, at, &account.account, door).await;
                    let way = Way {
                        kind,
                        issuer,
                        verifier: at,
                        role: &account.role,
                    };
                    let after = match after {
                        Ok(after) => after,
                        Err(why) => {
                            let cell = way.cell(
                                "access",
                                "",
                                "as on legacy",
                                "not judged",
                                Verdict::NotJudged(why),
                            );
                            self.settle(way, cell, None, outcomes);
                            continue;
                        }
                    };
                    let reference = measure.get_or_insert_with(|| after.clone());
                    let reference = reference.clone();
                    for ((probe, outcome), (_, first)) in after.iter().zip(&reference) {
                        settle_ended(way, probe, outcome, first, &reference, outcomes);
                    }
                }
            }
        }
    }

    /// Begins a session, ends it at `at`, and tries its old tokens on both sides.
    async fn end(
        &self,
        kind: &str,
        issuer: Side,
        at: Side,
        account: &Account,
        door: &Probe,
    ) -> Result<Vec<(String, Result<Outcome, String>)>, String> {
        let session: Session = self.services.of(issuer).log_in(account).await?;
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
    if failed {
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
