//! Shows the corpus to both services, each token forged from what that service issues itself.

use std::collections::BTreeMap;

use super::Run;
use super::service::{ServerClock, Service};
use crate::catalogue::auth::Probe;
use crate::jwt::cell::{Cell, Check, Outcomes, Pair, Side, Verdict};
use crate::jwt::corpus::{Base, Door, Forged, Members, RoleClaim, corpus};
use crate::jwt::forgery::{Measure, Seen, Tried, judge};
use crate::jwt::parts;

/// How often a token of a second is sent again when its second had passed.
const EDGE_ROUNDS: usize = 6;

/// Whose tokens are forged, and the doors they are tried on.
struct Stage<'a> {
    role: &'a str,
    open: &'a Probe,
    closed: Option<&'a Probe>,
    /// A role that the closed door lets in.
    mightier: Option<&'a str>,
}

type Answers = BTreeMap<String, Result<Seen, String>>;

impl<'a> Run<'a> {
    pub(super) async fn forgery(&self, outcomes: &mut Outcomes) -> Pair<ServerClock> {
        let unknown = Pair {
            legacy: ServerClock::Unknown,
            core: ServerClock::Unknown,
        };
        let Some(stage) = self.stage() else {
            return unknown;
        };
        if self.config.secret.is_none() {
            let why = "no secret: tokens that need it were not made; give it with `--secret-file` or \
                       `--secret-env`, or waive `forgery`";
            outcomes.cells.push(gap("forgery/signed", stage.role, why));
        }
        let bases = match (
            self.base(&stage, Side::Legacy),
            self.base(&stage, Side::Core),
        ) {
            (Ok(legacy), Ok(core)) => Pair { legacy, core },
            (Err(why), _) | (_, Err(why)) => {
                outcomes.cells.push(gap("forgery/all", stage.role, &why));
                return unknown;
            }
        };
        let (legacy, core) = tokio::join!(
            self.services.legacy.clock(stage.open),
            self.services.core.clock(stage.open)
        );
        let clocks = Pair { legacy, core };
        let (legacy, core) = tokio::join!(
            self.try_all(
                &stage,
                &bases.legacy,
                &self.services.legacy,
                clocks.legacy,
                None
            ),
            self.try_all(&stage, &bases.core, &self.services.core, clocks.core, None),
        );
        let mut seen = Pair { legacy, core };
        let mut outcome = self.weigh(&stage, &bases, clocks, &seen);
        // What looks wrong is asked once more: two servers and a network may hiccup.
        let again: Vec<String> = suspects(&outcome);
        if !again.is_empty() {
            let (legacy, core) = tokio::join!(
                self.try_all(
                    &stage,
                    &bases.legacy,
                    &self.services.legacy,
                    clocks.legacy,
                    Some(&again)
                ),
                self.try_all(
                    &stage,
                    &bases.core,
                    &self.services.core,
                    clocks.core,
                    Some(&again)
                ),
            );
            for (side, second) in [(&mut seen.legacy, legacy), (&mut seen.core, core)] {
                for (name, answer) in second {
                    let first = side.get(&name);
                    let steady = first.is_none_or(|first| same(first, &answer));
                    let why = "answered differently when asked again".to_owned();
                    side.insert(name, if steady { answer } else { Err(why) });
                }
            }
            outcome = self.weigh(&stage, &bases, clocks, &seen);
        }
        outcomes.extend(outcome);
        clocks
    }

    /// The role that has both a door that opens and one that does not, if any has.
    fn stage(&self) -> Option<Stage<'a>> {
        let roles = || {
            self.auth
                .accounts
                .iter()
                .map(|account| account.role.as_str())
        };
        let closed = |role: &str| {
            let refuses = |probe: &&Probe| probe.allows(role) == Some(false);
            self.auth.probes.iter().find(refuses)
        };
        let opens = |role: &&str| self.open_door(role).is_some();
        let role = roles()
            .filter(opens)
            .find(|role| closed(role).is_some())
            .or_else(|| roles().find(|role| opens(role)))?;
        let closed = closed(role);
        Some(Stage {
            role,
            open: self.open_door(role)?,
            closed,
            mightier: closed
                .and_then(|door| roles().find(|other| door.allows(other) == Some(true))),
        })
    }

    fn base(&self, stage: &Stage<'_>, side: Side) -> Result<Base, String> {
        let session = self.session(stage.role, side)?;
        let no_jwt = || format!("{side}'s access token is no JSON Web Token");
        let parts = parts(&session.access).ok_or_else(no_jwt)?;
        let header = Members::read(&parts.header).ok_or_else(no_jwt)?;
        let claims = Members::read(&parts.payload).ok_or_else(no_jwt)?;
        let mightier = stage.mightier.and_then(|role| {
            let session = self.session(role, side).ok()?;
            let parts = crate::jwt::parts(&session.access)?;
            Some((role, Members::read(&parts.payload)?))
        });
        Ok(Base {
            role: mightier.and_then(|(role, other)| role_claim(&claims, stage.role, &other, role)),
            genuine: session.access.clone(),
            header,
            claims,
            key: self
                .keys
                .of(side)
                .as_ref()
                .map(|derived| derived.key.clone()),
            leeway_s: self.auth.leeway_s,
        })
    }

    fn is_wanted(&self, forged: &Forged) -> bool {
        self.wants(Check::Forgery)
            || self
                .config
                .only
                .iter()
                .any(|name| *name == forged.name || name == forged.family)
    }

    /// Shows all tokens to one service, or those that are named.
    async fn try_all(
        &self,
        stage: &Stage<'_>,
        base: &Base,
        service: &Service<'_>,
        clock: ServerClock,
        only: Option<&[String]>,
    ) -> Answers {
        let wanted = |forged: &Forged| {
            self.is_wanted(forged)
                && only.is_none_or(|only| only.contains(&forged.name))
                && (forged.door == Door::Open || stage.closed.is_some())
        };
        let mut answers = Answers::new();
        let mut edges = Vec::new();
        for forged in corpus(base, clock.now().0)
            .iter()
            .filter(|forged| wanted(forged))
        {
            if forged.edge {
                edges.push(forged.name.clone());
                continue;
            }
            let sent = service
                .carry(
                    door(stage, forged),
                    &forged.headers,
                    forged.query.as_deref(),
                )
                .await;
            answers.insert(forged.name.clone(), sent.map(|(seen, _)| seen));
        }
        for _ in 0..EDGE_ROUNDS {
            if edges.is_empty() {
                break;
            }
            let second = clock.early().await;
            let made = corpus(base, second);
            let mut late = Vec::new();
            for forged in made.iter().filter(|forged| edges.contains(&forged.name)) {
                // Later in the second the answer might be the next one's.
                if clock.now().0 != second || clock.now().1 > 0.85 {
                    late.push(forged.name.clone());
                    continue;
                }
                let sent = service
                    .carry(door(stage, forged), &forged.headers, None)
                    .await;
                match sent {
                    Ok((_, Some(date))) if date != second => late.push(forged.name.clone()),
                    // A clock that is not told by the server is taken at its word.
                    Ok((seen, _))
                        if clock.now().0 == second
                            || matches!(clock, ServerClock::Frozen { .. }) =>
                    {
                        answers.insert(forged.name.clone(), Ok(seen));
                    }
                    Ok(_) => late.push(forged.name.clone()),
                    Err(why) => {
                        answers.insert(forged.name.clone(), Err(why));
                    }
                }
            }
            edges = late;
        }
        for name in edges {
            let why = format!(
                "{}: no answer within the second it was made for",
                service.side
            );
            answers.insert(name, Err(why));
        }
        answers
    }

    fn weigh(
        &self,
        stage: &Stage<'_>,
        bases: &Pair<Base>,
        clocks: Pair<ServerClock>,
        seen: &Pair<Answers>,
    ) -> Outcomes {
        let mut tokens = corpus(&bases.legacy, clocks.legacy.now().0);
        for forged in corpus(&bases.core, clocks.core.now().0) {
            if !tokens.iter().any(|other| other.name == forged.name) {
                tokens.push(forged);
            }
        }
        let tried: Vec<Tried> = tokens
            .into_iter()
            .filter(|forged| {
                seen.legacy.contains_key(&forged.name) || seen.core.contains_key(&forged.name)
            })
            .map(|forged| {
                let of = |side: Side| match seen.of(side).get(&forged.name) {
                    Some(answer) => answer.clone(),
                    None => Err(format!(
                        "the key of {side} is not known, so this token could not be made for it"
                    )),
                };
                Tried {
                    probe: door(stage, &forged).id.clone(),
                    role: stage.role.to_owned(),
                    seen: Pair {
                        legacy: of(Side::Legacy),
                        core: of(Side::Core),
                    },
                    forged,
                }
            })
            .collect();
        judge(
            &tried,
            Measure {
                known: &self.auth.known,
                today: self.config.today,
                keys: Pair {
                    legacy: bases.legacy.key.as_deref(),
                    core: bases.core.key.as_deref(),
                },
            },
        )
    }
}

fn door<'s>(stage: &Stage<'s>, forged: &Forged) -> &'s Probe {
    match (forged.door, stage.closed) {
        (Door::Closed, Some(closed)) => closed,
        _ => stage.open,
    }
}

/// Tokens whose cells fail.
fn suspects(outcomes: &Outcomes) -> Vec<String> {
    let failing = outcomes
        .cells
        .iter()
        .filter(|cell| cell.verdict == Verdict::Fails);
    failing.map(|cell| cell.token.clone()).collect()
}

/// Whether two answers to one token mean the same.
fn same(first: &Result<Seen, String>, second: &Result<Seen, String>) -> bool {
    match (first, second) {
        (Ok(first), Ok(second)) => {
            first.outcome.same_class(&second.outcome)
                && first.outcome.status() == second.outcome.status()
        }
        (Err(_), _) => true,
        (Ok(_), Err(_)) => false,
    }
}

/// The claim that says the role: its text holds the role's name, and another account's that role's.
fn role_claim(own: &Members, role: &str, other: &Members, other_role: &str) -> Option<RoleClaim> {
    own.iter().find_map(|(name, value)| {
        let raised = other.get(name)?;
        let says = value.to_uppercase().contains(&role.to_uppercase())
            && raised.to_uppercase().contains(&other_role.to_uppercase());
        (says && value != raised).then(|| RoleClaim {
            name: name.to_owned(),
            raised: raised.to_owned(),
        })
    })
}

fn gap(name: &str, role: &str, why: &str) -> Cell {
    Cell {
        check: Check::Forgery,
        name: name.to_owned(),
        issuer: None,
        verifier: None,
        token: "forged".to_owned(),
        role: role.to_owned(),
        probe: String::new(),
        expected: "judged".to_owned(),
        got: "not judged".to_owned(),
        verdict: Verdict::NotJudged(why.to_owned()),
    }
}
