//! One of the two services: logging in carefully, refreshing, and trying doors.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use serde_json::Value;

use crate::catalogue::auth::{Auth, Lockout, Probe};
use crate::catalogue::template::Scope;
use crate::catalogue::{Account, Login, RequestTemplate};
use crate::client::{Outgoing, Target};
use crate::exchange::{Answer, Failure};
use crate::golden::request::fill;
use crate::json::{Document, JsonType};
use crate::jwt::cell::{Outcome, Side};
use crate::jwt::forgery::{ErrorForm, Seen};
use crate::normalise::select;
use crate::place::Place;

/// A login that succeeded.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) access: String,
    pub(super) refresh: Option<String>,
    /// Body of the login answer.
    pub(super) answer: Vec<u8>,
}

/// One side, ready to be asked.
pub(super) struct Service<'a> {
    pub(super) side: Side,
    pub(super) target: Target,
    pub(super) auth: &'a Auth,
    pub(super) login: &'a Login,
    pub(super) today: Date,
    logins: Mutex<Logins>,
    silences: Mutex<Silences>,
    /// Told what takes long.
    pub(super) say: &'a (dyn Fn(&str) + Sync),
}

/// How the logins went so far.
#[derive(Default)]
struct Logins {
    failures: u32,
    /// User names that failed: none is tried twice.
    failed: BTreeSet<String>,
    waited: Duration,
    notes: Vec<String>,
}

/// Requests in a row that got no answer.
#[derive(Default)]
struct Silences {
    in_a_row: u32,
    last: String,
}

/// After so many unanswered requests in a row a service is taken to be gone: each further one would
/// only wait for its time to run out.
const GONE_AFTER: u32 = 4;

impl<'a> Service<'a> {
    pub(super) fn new(
        side: Side,
        target: Target,
        (auth, login): (&'a Auth, &'a Login),
        today: Date,
        say: &'a (dyn Fn(&str) + Sync),
    ) -> Self {
        Self {
            side,
            target,
            auth,
            login,
            today,
            logins: Mutex::new(Logins::default()),
            silences: Mutex::new(Silences::default()),
            say,
        }
    }

    /// What the logins taught: waits and failures.
    pub(super) fn notes(&self) -> Vec<String> {
        self.logins().notes.clone()
    }

    fn logins(&self) -> std::sync::MutexGuard<'_, Logins> {
        // A poisoned lock holds counts that are still true.
        self.logins
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn scope(&self) -> Scope {
        Scope::new(self.today)
    }

    /// Sends a request of the catalogue, with a bearer token if there is one.
    pub(super) async fn ask(
        &self,
        request: &RequestTemplate,
        scope: &Scope,
        bearer: Option<&str>,
    ) -> Result<Answer, String> {
        let mut outgoing =
            fill(request, scope).map_err(|name| format!("`{{{name}}}` has no value"))?;
        let says_itself = outgoing
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        if let Some(token) = bearer
            && !says_itself
        {
            outgoing
                .headers
                .push(("authorization".to_owned(), format!("Bearer {token}")));
        }
        self.send(&outgoing).await
    }

    /// Sends; a connection that ends without an answer is tried once more, since a kept-alive one may
    /// have been closed while the request was on its way.
    async fn send(&self, outgoing: &Outgoing) -> Result<Answer, String> {
        let answer = self.try_twice(outgoing).await?;
        answer.map_err(|failure| format!("{}: {failure}", self.side))
    }

    async fn try_twice(&self, outgoing: &Outgoing) -> Result<Result<Answer, Failure>, String> {
        {
            let silences = self.silences();
            if silences.in_a_row >= GONE_AFTER {
                return Err(format!(
                    "{} answers no more ({}): see that it runs, and start again",
                    self.side, silences.last
                ));
            }
        }
        let first = self.target.send(outgoing).await.observation.answer;
        let answer = match first {
            Err(Failure::Truncated(_) | Failure::Protocol(_)) => {
                self.target.send(outgoing).await.observation.answer
            }
            other => other,
        };
        let mut silences = self.silences();
        match &answer {
            // A connection closed over one request is that request's answer.
            Ok(_) | Err(Failure::Truncated(_) | Failure::Protocol(_)) => silences.in_a_row = 0,
            Err(failure) => {
                silences.in_a_row += 1;
                silences.last = failure.to_string();
            }
        }
        Ok(answer)
    }

    fn silences(&self) -> std::sync::MutexGuard<'_, Silences> {
        // A poisoned lock holds counts that are still true.
        self.silences
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Logs in until the tokens are none of `avoid`: those of one second may be alike, and a token
    /// that was used up or ended would be taken for a new one.
    pub(super) async fn log_in_anew(
        &self,
        account: &Account,
        avoid: &BTreeSet<String>,
    ) -> Result<Session, String> {
        let mut session = self.log_in(account).await?;
        for _ in 0..3 {
            let stale = session.tokens().any(|token| avoid.contains(token));
            if !stale {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1_020)).await;
            session = self.log_in(account).await?;
        }
        Ok(session)
    }

    /// Logs an account in. Never sends more failed logins than the catalogue allows, never the same
    /// failing account twice, and waits where the service asks it to.
    pub(super) async fn log_in(&self, account: &Account) -> Result<Session, String> {
        let password = account
            .password
            .reveal()
            .map_err(|error| error.to_string())?;
        self.log_in_as(&account.username, &password).await
    }

    pub(super) async fn log_in_as(
        &self,
        username: &str,
        password: &str,
    ) -> Result<Session, String> {
        let Lockout {
            max_failures,
            wait_s,
        } = self.auth.lockout;
        let mut scope = self.scope();
        scope.set("username", Value::from(username));
        scope.set("password", Value::from(password));
        let mut pause = Duration::from_secs(2);
        loop {
            {
                let logins = self.logins();
                if logins.failed.contains(username) {
                    return Err(format!(
                        "{}: the login of `{username}` failed before",
                        self.side
                    ));
                }
                if logins.failures >= max_failures {
                    return Err(format!(
                        "{}: {max_failures} logins failed, and no further one is sent lest an account be locked",
                        self.side
                    ));
                }
            }
            let answer = self.ask(&self.login.request, &scope, None).await?;
            if answer.status == 429 {
                let asked = answer
                    .header("retry-after")
                    .find_map(|value| std::str::from_utf8(value).ok()?.trim().parse().ok())
                    .map(Duration::from_secs);
                let wait = asked.unwrap_or(pause).max(Duration::from_secs(1));
                pause = (pause * 2).min(Duration::from_mins(1));
                let waited = self.logins().waited + wait;
                if waited > Duration::from_secs(wait_s) {
                    return Err(format!(
                        "{} still refuses logins with 429 after {} s: wait until its lockout ends, or raise \
                         `auth.lockout.wait_s`",
                        self.side,
                        self.logins().waited.as_secs()
                    ));
                }
                let note = format!(
                    "{} answered a login with 429 (too many): waited {} s",
                    self.side,
                    wait.as_secs()
                );
                (self.say)(&note);
                tokio::time::sleep(wait).await;
                let mut logins = self.logins();
                logins.waited = waited;
                logins.notes.push(note);
                continue;
            }
            let Some(session) = session(self.login, &answer) else {
                let mut logins = self.logins();
                logins.failures += 1;
                logins.failed.insert(username.to_owned());
                let note = format!(
                    "{}: the login of `{username}` gave {} and no token at {}: check the account in the catalogue",
                    self.side, answer.status, self.login.access
                );
                logins.notes.push(note.clone());
                return Err(note);
            };
            return Ok(session);
        }
    }

    /// Exchanges a token for new ones; `Ok` holds the outcome, and the new tokens if there are any.
    pub(super) async fn refresh(
        &self,
        refresh: &Login,
        token: &str,
    ) -> Result<(Outcome, Option<Session>), String> {
        let mut scope = self.scope();
        scope.set("refresh", Value::from(token));
        scope.set("token", Value::from(token));
        let answer = self.ask(&refresh.request, &scope, None).await?;
        let session = session(refresh, &answer);
        let outcome = match Outcome::of(answer.status) {
            // A service may wrap its refusals in a success.
            Outcome::Accepted(status) if session.is_none() => Outcome::Refused(status),
            other => other,
        };
        Ok((outcome, session))
    }

    /// Tries a door with a token.
    pub(super) async fn probe(&self, probe: &Probe, token: &str) -> Result<Outcome, String> {
        let answer = self.ask(&probe.request, &self.scope(), Some(token)).await?;
        Ok(opened(probe, &answer))
    }

    /// Tries a door with these header fields and this query. Also returns the answer's `Date`, in
    /// seconds since 1970. A connection that is closed unanswered is an outcome here: that is how a
    /// server may refuse what is too large for it.
    pub(super) async fn carry(
        &self,
        probe: &Probe,
        headers: &[(String, String)],
        query: Option<&str>,
    ) -> Result<(Seen, Option<i64>), String> {
        let mut outgoing = fill(&probe.request, &self.scope())
            .map_err(|name| format!("`{{{name}}}` has no value"))?;
        outgoing.headers.extend(headers.iter().cloned());
        if let Some(query) = query {
            outgoing.path.push(if outgoing.path.contains('?') {
                '&'
            } else {
                '?'
            });
            outgoing.path.push_str(query);
        }
        match self.try_twice(&outgoing).await? {
            Ok(answer) => Ok((
                Seen {
                    outcome: opened(probe, &answer),
                    error: ErrorForm::of(&answer),
                },
                date(&answer),
            )),
            Err(Failure::Truncated(_) | Failure::Protocol(_)) => Ok((
                Seen {
                    outcome: Outcome::Silent("the connection was closed".to_owned()),
                    error: ErrorForm::default(),
                },
                None,
            )),
            Err(failure) => Err(format!("{}: {failure}", self.side)),
        }
    }

    /// Learns when the server's seconds begin, from its `Date`.
    pub(super) async fn clock(&self, probe: &Probe) -> ServerClock {
        let started = Instant::now();
        let mut last: Option<(i64, Instant)> = None;
        while started.elapsed() < Duration::from_millis(1_500) {
            let before = Instant::now();
            let Ok((_, Some(second))) = self.carry(probe, &[], None).await else {
                return ServerClock::Unknown;
            };
            let after = Instant::now();
            if let Some((previous, asked)) = last
                && second > previous
            {
                // The second began between the last answer's making and this one's.
                let begun = asked + (after - asked) / 2;
                return ServerClock::Running { second, begun };
            }
            last = Some((second, before));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        match last {
            Some((second, _)) => ServerClock::Frozen { second },
            None => ServerClock::Unknown,
        }
    }
}

/// What is known of a server's clock.
#[derive(Clone, Copy, Debug)]
pub(super) enum ServerClock {
    /// No `Date`; this machine's clock stands in.
    Unknown,
    /// A test server's clock that stands still.
    Frozen { second: i64 },
    /// This second began at that instant.
    Running { second: i64, begun: Instant },
}

impl ServerClock {
    /// The server's second and the part of it that has passed, `0.0..1.0`.
    pub(super) fn now(self) -> (i64, f64) {
        match self {
            Self::Unknown => {
                let now = jiff::Timestamp::now();
                (now.as_second(), f64::from(now.subsec_millisecond()) / 1e3)
            }
            Self::Frozen { second } => (second, 0.3),
            Self::Running { second, begun } => {
                let passed = begun.elapsed();
                let whole = i64::try_from(passed.as_secs()).unwrap_or(0);
                (second + whole, f64::from(passed.subsec_micros()) / 1e6)
            }
        }
    }

    /// How far the server is ahead of this machine, in milliseconds.
    pub(super) fn skew_ms(self) -> Option<i64> {
        let Self::Running { .. } = self else {
            return None;
        };
        let (second, part) = self.now();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a part of a second in milliseconds"
        )]
        let server_ms = second * 1_000 + (part * 1e3) as i64;
        Some(server_ms - jiff::Timestamp::now().as_millisecond())
    }

    /// Waits until the early part of one of the server's seconds, and returns that second.
    pub(super) async fn early(self) -> i64 {
        loop {
            let (second, part) = self.now();
            if (0.1..0.5).contains(&part) {
                return second;
            }
            let wait = if part < 0.1 { 0.12 - part } else { 1.12 - part };
            tokio::time::sleep(Duration::from_secs_f64(wait)).await;
        }
    }
}

impl Session {
    /// Both tokens.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.access).chain(&self.refresh)
    }
}

/// What a probe's answer says: a success counts only when it holds what the probe looks for.
fn opened(probe: &Probe, answer: &Answer) -> Outcome {
    match (Outcome::of(answer.status), &probe.opens) {
        (Outcome::Accepted(status), Some(place)) if value_at(place, answer).is_none() => {
            Outcome::Refused(status)
        }
        (outcome, _) => outcome,
    }
}

/// The answer's `Date`, in seconds since 1970.
fn date(answer: &Answer) -> Option<i64> {
    let text = answer.header("date").next()?;
    let time = httpdate::parse_http_date(std::str::from_utf8(text).ok()?).ok()?;
    let since = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok()
}

/// The tokens of a login or refresh answer; `None` when there is no access token.
fn session(login: &Login, answer: &Answer) -> Option<Session> {
    if !(200..300).contains(&answer.status) {
        return None;
    }
    Some(Session {
        access: token_at(&login.access, answer)?,
        refresh: login
            .refresh
            .as_ref()
            .and_then(|place| token_at(place, answer)),
        answer: answer.body.to_vec(),
    })
}

fn token_at(place: &Place, answer: &Answer) -> Option<String> {
    if let Place::Header(name) = place {
        let value = String::from_utf8(answer.header(name).next()?.to_vec()).ok()?;
        return Some(value.strip_prefix("Bearer ").unwrap_or(&value).to_owned());
    }
    let document = Document::parse(&answer.body).ok()?;
    let (_, node) = select::select(&document, place).into_iter().next()?;
    (node.kind() == JsonType::String).then(|| node.as_str().into_owned())
}

/// A value of an answer as text, for a placeholder: an id.
pub(super) fn value_at(place: &Place, answer: &Answer) -> Option<Value> {
    let document = Document::parse(&answer.body).ok()?;
    let (_, node) = select::select(&document, place).into_iter().next()?;
    serde_json::from_str(node.raw()).ok()
}
