//! The interchange matrix: tokens of both issuers, on both verifiers, for every role.

use std::collections::BTreeSet;

use super::Run;
use crate::catalogue::auth::Known;
use crate::catalogue::{Account, Login};
use crate::jwt::cell::{Cell, Check, Finding, Outcome, Outcomes, Side, Verdict};
use crate::severity::Severity;

/// An access token sent where a refresh token belongs.
pub(super) const ACCESS_AS_REFRESH: &str = "access-as-refresh";
/// A refresh token sent where an access token belongs.
pub(super) const REFRESH_AS_ACCESS: &str = "refresh-as-access";

/// What cells of this group can be of: the first part of their names.
pub(super) const KINDS: [&str; 7] = [
    "access",
    "refresh",
    "refresh-chain",
    ACCESS_AS_REFRESH,
    REFRESH_AS_ACCESS,
    "logout",
    "after-refresh",
];

/// Where a token came from and went to, and whose it is.
#[derive(Clone, Copy)]
pub(super) struct Way<'w> {
    pub(super) kind: &'static str,
    pub(super) issuer: Side,
    pub(super) verifier: Side,
    pub(super) role: &'w str,
}

impl Way<'_> {
    fn name(&self, rest: &str) -> String {
        let Self {
            kind,
            issuer,
            verifier,
            role,
        } = self;
        let rest = if rest.is_empty() {
            String::new()
        } else {
            format!("/{rest}")
        };
        format!("{kind}/{issuer}-{verifier}/{role}{rest}")
    }

    fn group(&self) -> String {
        format!("{}/{}-{}", self.kind, self.issuer, self.verifier)
    }

    pub(super) fn cell(
        &self,
        token: &str,
        probe: &str,
        expected: &str,
        got: &str,
        verdict: Verdict,
    ) -> Cell {
        Cell {
            check: Check::Interchange,
            name: self.name(probe),
            issuer: Some(self.issuer),
            verifier: Some(self.verifier),
            token: token.to_owned(),
            role: self.role.to_owned(),
            probe: probe.to_owned(),
            expected: expected.to_owned(),
            got: got.to_owned(),
            verdict,
        }
    }
}

/// What a failing cell means.
pub(super) struct Meaning {
    pub(super) what: String,
    pub(super) effect: &'static str,
    pub(super) remedy: String,
}

fn ways() -> impl Iterator<Item = (Side, Side)> {
    Side::BOTH
        .into_iter()
        .flat_map(|issuer| Side::BOTH.map(|verifier| (issuer, verifier)))
}

impl<'a> Run<'a> {
    pub(super) async fn interchange(&mut self, outcomes: &mut Outcomes) {
        self.access(outcomes).await;
        if let Some(refresh) = &self.auth.refresh {
            self.refreshed(refresh, outcomes).await;
            self.confused(Some(refresh), ACCESS_AS_REFRESH, outcomes)
                .await;
        }
        self.confused(None, REFRESH_AS_ACCESS, outcomes).await;
        self.ended(outcomes).await;
    }

    /// Adds a cell, and where it fails a finding; unless one wrong key explains it already.
    pub(super) fn settle(
        &mut self,
        way: Way<'_>,
        cell: Cell,
        meaning: Option<Meaning>,
        outcomes: &mut Outcomes,
    ) {
        if cell.verdict == Verdict::Fails {
            let crossed = way.issuer != way.verifier || way.kind != "access";
            match (&mut self.key_trouble, meaning) {
                (Some(trouble), _) if crossed => trouble.cells.push(cell.name.clone()),
                (_, Some(meaning)) => outcomes.find(Finding {
                    check: Check::Interchange,
                    name: way.group(),
                    severity: Severity::Breaking,
                    what: meaning.what,
                    effect: meaning.effect.to_owned(),
                    remedy: meaning.remedy,
                    cells: vec![cell.name.clone()],
                }),
                (_, None) => {}
            }
        }
        outcomes.cells.push(cell);
    }

    async fn access(&mut self, outcomes: &mut Outcomes) {
        let auth = self.auth;
        for (issuer, verifier) in ways() {
            for role in auth.accounts.iter().map(|account| account.role.as_str()) {
                let way = Way {
                    kind: "access",
                    issuer,
                    verifier,
                    role,
                };
                for probe in &auth.probes {
                    let Some(allowed) = probe.allows(role) else {
                        continue;
                    };
                    let expected = if allowed { "accepted" } else { "forbidden" };
                    let outcome = match self.session(role, issuer) {
                        Ok(session) => {
                            let access = session.access.clone();
                            self.services.of(verifier).probe(probe, &access).await
                        }
                        Err(why) => Err(why),
                    };
                    let (got, verdict) = match &outcome {
                        Err(why) => ("not judged".to_owned(), Verdict::NotJudged(why.clone())),
                        Ok(outcome) => {
                            let right = if allowed {
                                outcome.is_accepted()
                            } else {
                                matches!(outcome, Outcome::Forbidden(_))
                            };
                            (
                                outcome.to_string(),
                                if right {
                                    Verdict::Holds
                                } else {
                                    Verdict::Fails
                                },
                            )
                        }
                    };
                    let meaning = access_meaning(way, allowed, &got);
                    let cell = way.cell("access", &probe.id, expected, &got, verdict);
                    self.settle(way, cell, Some(meaning), outcomes);
                }
            }
        }
    }

    /// Refresh tokens on both sides, and on from there to the other: each on a login of its own, so
    /// that a token that is used up spoils no other cell.
    async fn refreshed(&mut self, refresh: &'a Login, outcomes: &mut Outcomes) {
        let auth = self.auth;
        let mut used = BTreeSet::new();
        let mut onward = Vec::new();
        for (issuer, verifier) in ways() {
            for account in &auth.accounts {
                let role = account.role.as_str();
                let way = Way {
                    kind: "refresh",
                    issuer,
                    verifier,
                    role,
                };
                let hop = self.hop(refresh, way, &account.account, &mut used).await;
                let meaning = Meaning {
                    what: format!(
                        "{verifier} does not exchange {issuer}'s refresh token ({})",
                        hop.got
                    ),
                    effect: "a user whose session moved to the other side is logged out when the access token ends",
                    remedy: format!(
                        "let {verifier} accept refresh tokens as {issuer} makes them: the same key, claims and life"
                    ),
                };
                let cell = way.cell(
                    "refresh",
                    "",
                    "accepted, with tokens that work there",
                    &hop.got,
                    hop.verdict,
                );
                self.settle(way, cell, Some(meaning), outcomes);
                if let Some(token) = hop.next {
                    onward.push((way, &account.account, token));
                }
            }
        }
        // On to the other side, with what the first exchange gave.
        for (way, account, token) in onward {
            let mut hop = self
                .exchange(refresh, way.verifier.other(), way.role, &token)
                .await;
            if hop.verdict == Verdict::Fails
                && let Some(again) = self.hop_on(refresh, way, account, &mut used).await
            {
                hop = again;
            }
            self.settle_chain(way, hop, outcomes);
        }
    }

    /// Both exchanges with a login of another second: the first side may have handed back a token that
    /// another cell used up on the second.
    async fn hop_on(
        &self,
        refresh: &Login,
        way: Way<'_>,
        account: &Account,
        used: &mut BTreeSet<String>,
    ) -> Option<Hop> {
        let issuer = self.services.of(way.issuer);
        let token = issuer.log_in_anew(account, used).await.ok()?.refresh?;
        let first = self.exchange(refresh, way.verifier, way.role, &token).await;
        used.insert(token);
        let next = first.next?;
        let on = way.verifier.other();
        let hop = self.exchange(refresh, on, way.role, &next).await;
        used.insert(next);
        Some(hop)
    }

    fn settle_chain(&mut self, way: Way<'_>, hop: Hop, outcomes: &mut Outcomes) {
        let Way {
            issuer, verifier, ..
        } = way;
        let on = verifier.other();
        let chain = Way {
            kind: "refresh-chain",
            ..way
        };
        let cell = chain.cell(
            "refresh",
            &format!("then {on}"),
            "accepted, with tokens that work on both",
            &hop.got,
            hop.verdict,
        );
        // What was said of the single exchange is not said again: the first side may have handed the
        // issuer's own token back.
        let explained = [verifier, issuer].map(|maker| format!("refresh/{maker}-{on}"));
        if cell.verdict == Verdict::Fails && outcomes.blame(&explained, &cell.name) {
            outcomes.cells.push(cell);
            return;
        }
        let meaning = Meaning {
            what: format!(
                "a session of {issuer}, refreshed on {verifier}, cannot be refreshed on {on} ({})",
                hop.got
            ),
            effect: "a user whose requests alternate between the sides is logged out in the end",
            remedy: format!("let {on} accept refresh tokens as {verifier} makes them"),
        };
        self.settle(chain, cell, Some(meaning), outcomes);
    }

    /// A login and the exchange of its refresh token. Tokens of one second may be alike: what fails
    /// with one that was `used` before is tried again with another.
    async fn hop(
        &self,
        refresh: &Login,
        way: Way<'_>,
        account: &Account,
        used: &mut BTreeSet<String>,
    ) -> Hop {
        let issuer = self.services.of(way.issuer);
        let none = || Hop::unknown(format!("{} gives no refresh token at login", way.issuer));
        let session = match issuer.log_in(account).await {
            Ok(session) => session,
            Err(why) => return Hop::unknown(why),
        };
        let Some(token) = session.refresh else {
            return none();
        };
        let hop = self.exchange(refresh, way.verifier, way.role, &token).await;
        if used.insert(token) || hop.verdict != Verdict::Fails {
            return hop;
        }
        let session = match issuer.log_in_anew(account, used).await {
            Ok(session) => session,
            Err(why) => return Hop::unknown(why),
        };
        let Some(token) = session.refresh else {
            return none();
        };
        let hop = self.exchange(refresh, way.verifier, way.role, &token).await;
        used.insert(token);
        hop
    }

    /// Exchanges a refresh token and tries the new access token on both sides.
    async fn exchange(&self, refresh: &Login, at: Side, role: &str, token: &str) -> Hop {
        let (outcome, session) = match self.services.of(at).refresh(refresh, token).await {
            Ok(exchanged) => exchanged,
            Err(why) => return Hop::unknown(why),
        };
        let Some(session) = session else {
            let got = match outcome.status() {
                Some(status @ 200..=299) => {
                    format!("{status} without an access token at {}", refresh.access)
                }
                _ => outcome.to_string(),
            };
            return Hop {
                got,
                verdict: Verdict::Fails,
                next: None,
            };
        };
        if let Some(door) = self.open_door(role) {
            let sides = if self.key_trouble.is_some() {
                vec![at]
            } else {
                Side::BOTH.to_vec()
            };
            for side in sides {
                match self.services.of(side).probe(door, &session.access).await {
                    Ok(outcome) if outcome.is_accepted() => {}
                    Ok(outcome) => {
                        return Hop {
                            got: format!(
                                "accepted, but {side} answers the new access token with {outcome}"
                            ),
                            verdict: Verdict::Fails,
                            next: None,
                        };
                    }
                    Err(why) => return Hop::unknown(why),
                }
            }
        }
        Hop {
            got: outcome.to_string(),
            verdict: Verdict::Holds,
            next: session.refresh,
        }
    }

    /// Each kind of token in the other's place: both sides must refuse it, and if they do not, alike.
    async fn confused(
        &mut self,
        refresh: Option<&'a Login>,
        kind: &'static str,
        outcomes: &mut Outcomes,
    ) {
        let auth = self.auth;
        for issuer in Side::BOTH {
            for role in auth.accounts.iter().map(|account| account.role.as_str()) {
                let door = self.open_door(role);
                let session = self.session(role, issuer);
                let mut seen = Vec::new();
                for verifier in Side::BOTH {
                    let service = self.services.of(verifier);
                    let outcome = match (&session, refresh, door) {
                        (Err(why), ..) => Err(why.clone()),
                        (Ok(session), Some(refresh), _) => service
                            .refresh(refresh, &session.access)
                            .await
                            .map(|(outcome, _)| outcome),
                        (Ok(session), None, Some(door)) => match &session.refresh {
                            Some(token) => service.probe(door, token).await,
                            None => continue,
                        },
                        (Ok(_), None, None) => continue,
                    };
                    seen.push((verifier, outcome));
                }
                let probe = match (refresh, door) {
                    (Some(_), _) => "refresh",
                    (None, Some(door)) => door.id.as_str(),
                    _ => continue,
                };
                self.weigh_confused(kind, issuer, role, probe, &seen, outcomes);
            }
        }
    }

    fn weigh_confused(
        &mut self,
        kind: &'static str,
        issuer: Side,
        role: &str,
        probe: &str,
        seen: &[(Side, Result<Outcome, String>)],
        outcomes: &mut Outcomes,
    ) {
        let accepts = |side: Side| {
            let found = seen.iter().find(|(other, _)| *other == side);
            found
                .and_then(|(_, outcome)| outcome.as_ref().ok())
                .map(Outcome::is_accepted)
        };
        let known: Option<&Known> = self.known(kind);
        let live = known.filter(|known| known.holds_on(self.config.today));
        let noun = if kind == ACCESS_AS_REFRESH {
            "an access token as a refresh token"
        } else {
            "a refresh token as an access token"
        };
        let (verdict, meaning) = match (accepts(Side::Legacy), accepts(Side::Core)) {
            (Some(false), Some(false)) => (Verdict::Holds, None),
            (Some(true), Some(true)) if live.is_some() => (Verdict::Known, None),
            (Some(true), Some(true)) => (
                Verdict::Fails,
                Some(Meaning {
                    what: format!(
                        "both sides take {noun}{}",
                        known.map_or_else(String::new, Known::until)
                    ),
                    effect: "a stolen token opens more, and for longer, than it was made for",
                    remedy: match known {
                        Some(_) => format!(
                            "tell the kinds of token apart on both sides, or agree on a later day for `{kind}` under `auth.known`"
                        ),
                        None => format!(
                            "tell the kinds of token apart on both sides, or accept it as `{kind}` under `auth.known`"
                        ),
                    },
                }),
            ),
            (Some(legacy), Some(_)) => {
                let (lenient, strict) = if legacy {
                    (Side::Legacy, Side::Core)
                } else {
                    (Side::Core, Side::Legacy)
                };
                (
                    Verdict::Fails,
                    Some(Meaning {
                        what: match known {
                            Some(_) => format!(
                                "{lenient} takes {noun} and {strict} no longer does, though both are said to"
                            ),
                            None => format!("{lenient} takes {noun}, {strict} does not"),
                        },
                        effect: "what a client may do with its tokens changes with the side that answers",
                        remedy: format!(
                            "treat the kinds of token alike on both sides: refuse it in {lenient} too, or allow it in {strict}"
                        ),
                    }),
                )
            }
            _ => {
                let why = seen
                    .iter()
                    .find_map(|(_, outcome)| outcome.as_ref().err().cloned());
                (Verdict::NotJudged(why.unwrap_or_default()), None)
            }
        };
        // A wrong key makes one side refuse everything of the other's, which says nothing of kinds.
        if self.key_trouble.is_some()
            && verdict == Verdict::Fails
            && meaning
                .as_ref()
                .is_some_and(|m| !m.what.starts_with("both"))
        {
            let way = |verifier| Way {
                kind,
                issuer,
                verifier,
                role,
            };
            for (verifier, outcome) in seen {
                let got = outcome
                    .as_ref()
                    .map_or("not judged".to_owned(), ToString::to_string);
                let why = "the keys differ, see `key`".to_owned();
                let cell =
                    way(*verifier).cell(kind, probe, "refused", &got, Verdict::NotJudged(why));
                outcomes.cells.push(cell);
            }
            return;
        }
        let mut names = Vec::new();
        for (verifier, outcome) in seen {
            let way = Way {
                kind,
                issuer,
                verifier: *verifier,
                role,
            };
            let got = outcome
                .as_ref()
                .map_or("not judged".to_owned(), ToString::to_string);
            let cell = way.cell(kind, probe, "refused", &got, verdict.clone());
            names.push(cell.name.clone());
            outcomes.cells.push(cell);
        }
        if verdict == Verdict::Known
            && let Some(known) = live
        {
            outcomes.meet(known, names.clone());
        }
        if let Some(meaning) = meaning {
            outcomes.find(Finding {
                check: Check::Interchange,
                name: kind.to_owned(),
                severity: if meaning.what.starts_with("both") {
                    Severity::Risky
                } else {
                    Severity::Breaking
                },
                what: meaning.what,
                effect: meaning.effect.to_owned(),
                remedy: meaning.remedy,
                cells: names,
            });
        }
    }
}

/// One exchange of a refresh token.
struct Hop {
    got: String,
    verdict: Verdict,
    next: Option<String>,
}

impl Hop {
    fn unknown(why: String) -> Self {
        Self {
            got: "not judged".to_owned(),
            verdict: Verdict::NotJudged(why),
            next: None,
        }
    }
}

fn access_meaning(way: Way<'_>, allowed: bool, got: &str) -> Meaning {
    let Way {
        issuer, verifier, ..
    } = way;
    let own = if issuer == verifier {
        "its own".to_owned()
    } else {
        format!("{issuer}'s")
    };
    if allowed {
        Meaning {
            what: format!("{verifier} refuses {own} access token where its role may go ({got})"),
            effect: "the session ends as soon as a request meets the other side",
            remedy: format!(
                "let {verifier} take tokens as {issuer} makes them: the same key, algorithm and claims"
            ),
        }
    } else {
        Meaning {
            what: format!(
                "{verifier} answers {got} to {own} access token where its role may not go"
            ),
            effect: "a role opens what it must not, or a client takes a refusal for the end of its session",
            remedy: format!("refuse the role in {verifier} with 403"),
        }
    }
}
