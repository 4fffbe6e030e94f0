//! Runs the cases of a catalogue against one target: recording, replaying and comparing all do.
//!
//! Read-only journeys and single reads go side by side; whatever writes goes alone and in order, so
//! that no list is read while something is half done. Within a journey order is always kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::civil::Date;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::request::{RunId, fill, spread};
use crate::catalogue::template::{DayOffset, Scope, Template};
use crate::catalogue::{Account, Case, Catalogue, DataClass, RequestTemplate};
use crate::client::{Sent, Target};
use crate::exchange::{Failure, Observation};
use crate::json::{Document, JsonType};
use crate::normalise::mask::{MaskFailure, Moment, Roles, mask};
use crate::normalise::select;
use crate::place::Place;

/// What may be sent, and how many at a time.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// Send cases that write. Off by default: the target may be alive.
    pub allow_writes: bool,
    /// Reads in flight at once; at least 1.
    pub jobs: usize,
    /// The text that makes this run's rows unique.
    pub run: RunId,
    /// The run's day.
    pub today: Date,
    /// Runs journeys and single cases in an order drawn from this seed instead of the catalogue's.
    pub shuffle: Option<u64>,
}

/// What came of one case.
#[derive(Debug)]
pub struct CaseRun {
    /// Index into [`Catalogue::cases`].
    pub case: usize,
    /// The journey it ran in.
    pub journey: Option<String>,
    /// Path and query as sent; the catalogue's path if nothing was.
    pub path: String,
    /// What happened.
    pub outcome: Outcome,
}

/// What happened to a case.
#[derive(Debug)]
pub enum Outcome {
    /// It was sent.
    Answered {
        /// The answer with its masked places, or why there is none.
        observation: Observation,
        /// Places whose value failed its mask.
        mask_failures: Vec<MaskFailure>,
        /// Captures the answer had no value for.
        not_captured: Vec<String>,
    },
    /// It was not sent: it writes, or needs something that does.
    NotRun(String),
    /// A value it needs was not in the answer of an earlier case.
    Blocked {
        /// That case's id.
        by: String,
    },
    /// It could not be sent.
    Failed(String),
}

/// Runs cases against one target.
#[derive(Debug)]
pub struct Runner {
    catalogue: Arc<Catalogue>,
    target: Target,
    config: RunConfig,
    sessions: Mutex<HashMap<String, Arc<Mutex<Option<Session>>>>>,
}

#[derive(Clone, Debug)]
struct Session {
    access: String,
    refresh: Option<String>,
    /// When to log in again; `None` for a token that does not tell its life.
    renew_at: Option<Instant>,
}

/// Cases that run in order: a journey, or one case alone.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    journey: Option<usize>,
    steps: Vec<usize>,
    writes: bool,
}

/// What a run consists of, in the order it is done.
#[derive(Debug)]
pub(crate) struct Work {
    wanted: BTreeSet<usize>,
    reading: Vec<Unit>,
    pub(crate) writing: Vec<Unit>,
}

impl Work {
    /// The units that hold `selected`.
    pub(crate) fn plan(catalogue: &Catalogue, selected: &[usize], shuffle: Option<u64>) -> Self {
        let wanted: BTreeSet<usize> = selected.iter().copied().collect();
        let mut units = plan(catalogue, &wanted);
        if let Some(mut state) = shuffle {
            // Fisher-Yates: every order is equally likely.
            for at in (1..units.len()).rev() {
                state = spread(state.wrapping_add(0x9e37_79b9_7f4a_7c15));
                let other = usize::try_from(state % (at as u64 + 1)).unwrap_or(0);
                units.swap(at, other);
            }
        }
        let (writing, reading) = units.into_iter().partition(|unit: &Unit| unit.writes);
        Self {
            wanted,
            reading,
            writing,
        }
    }

    fn wanted(&self, runs: Vec<CaseRun>) -> impl Iterator<Item = CaseRun> {
        runs.into_iter()
            .filter(|run| self.wanted.contains(&run.case))
    }
}

impl Runner {
    /// Prepares a run; sends nothing.
    pub fn new(catalogue: Arc<Catalogue>, target: Target, config: RunConfig) -> Self {
        Self {
            catalogue,
            target,
            config,
            sessions: Mutex::default(),
        }
    }

    /// What is sent and in which order.
    pub(crate) fn config(&self) -> &RunConfig {
        &self.config
    }

    /// The target's name as its `Host` field says it.
    pub fn host(&self) -> &str {
        self.target.host()
    }

    /// The target's base address.
    pub fn target(&self) -> &str {
        self.target.base()
    }

    /// Runs the cases in `selected` with what must go before and after them, and hands each of
    /// `selected` to `done` as soon as it is through: reads first, side by side, then what writes.
    pub async fn run(self: Arc<Self>, selected: &[usize], mut done: impl FnMut(CaseRun)) {
        let work = Work::plan(&self.catalogue, selected, self.config.shuffle);
        Arc::clone(&self).reads(&work, &mut done).await;
        for at in 0..work.writing.len() {
            self.write(&work, at, &mut done).await;
        }
    }

    /// Runs every read-only unit, several at a time.
    pub(crate) async fn reads(self: Arc<Self>, work: &Work, done: &mut dyn FnMut(CaseRun)) {
        let mut waiting = work.reading.clone().into_iter();
        let mut running = JoinSet::new();
        loop {
            while running.len() < self.config.jobs.max(1) {
                let Some(unit) = waiting.next() else { break };
                let runner = Arc::clone(&self);
                running.spawn(async move { runner.unit(&unit).await });
            }
            match running.join_next().await {
                None => break,
                Some(Ok(runs)) => work.wanted(runs).for_each(&mut *done),
                // A panic inside a unit is a bug of ours; it must not pass for silence.
                Some(Err(panic)) => std::panic::resume_unwind(panic.into_panic()),
            }
        }
    }

    /// Runs the unit at index `at` of those that write.
    pub(crate) async fn write(&self, work: &Work, at: usize, done: &mut dyn FnMut(CaseRun)) {
        if let Some(unit) = work.writing.get(at) {
            work.wanted(self.unit(unit).await).for_each(done);
        }
    }

    async fn unit(&self, unit: &Unit) -> Vec<CaseRun> {
        let mut walk = Walk::new(self, unit);
        let mut runs = Vec::with_capacity(unit.steps.len());
        for &step in &unit.steps {
            runs.push(walk.step(step).await);
        }
        runs
    }

    /// An access token of the account; logs in if there is none that still holds. The error says what to do.
    pub async fn access_token(&self, account: &str) -> Result<String, String> {
        Ok(self.session(account).await?.access)
    }

    async fn session(&self, account: &str) -> Result<Session, String> {
        let slot = Arc::clone(
            self.sessions
                .lock()
                .await
                .entry(account.to_owned())
                .or_default(),
        );
        let mut slot = slot.lock().await;
        if let Some(session) = slot.as_ref()
            && session.renew_at.is_none_or(|at| Instant::now() < at)
        {
            return Ok(session.clone());
        }
        let session = self.login(account).await?;
        *slot = Some(session.clone());
        Ok(session)
    }

    async fn login(&self, name: &str) -> Result<Session, String> {
        let (Some(login), Some(account)) =
            (&self.catalogue.login, self.catalogue.accounts.get(name))
        else {
            return Err(format!("no login is configured for account `{name}`"));
        };
        let password = account
            .password
            .reveal()
            .map_err(|error| error.to_string())?;
        let mut scope = Scope::new(self.config.today);
        scope.set("username", Value::from(account.username.clone()));
        scope.set("password", Value::from(password));
        scope.set("run", Value::from(self.config.run.as_str()));
        scope.set("run_address", Value::from(self.config.run.address()));
        let outgoing = fill(&login.request, &scope)
            .map_err(|name| format!("`{{{name}}}` has no value in `auth.login`"))?;
        let sent = self.target.send(&outgoing).await;
        let started = Instant::now();
        let answer = sent
            .observation
            .answer
            .map_err(|failure| format!("login of account `{name}`: {failure}"))?;
        let token = |place: &Place| -> Option<String> {
            let document = Document::parse(&answer.body).ok()?;
            let (_, node) = select::select(&document, place).into_iter().next()?;
            (node.kind() == JsonType::String).then(|| node.as_str().into_owned())
        };
        let Some(access) = token(&login.access) else {
            return Err(match answer.status {
                429 => format!(
                    "login of account `{name}` was refused with 429: too many logins, wait until the service \
                     lets it in again"
                ),
                status => format!(
                    "login of account `{name}` gave {status} and no token at {}: check its user name and \
                     password in `test_accounts`",
                    login.access
                ),
            });
        };
        let life = crate::jwt::life(&access);
        Ok(Session {
            refresh: login.refresh.as_ref().and_then(token),
            // Ten seconds early, so that no request arrives just after its token's end.
            renew_at: life.map(|life| started + life.saturating_sub(Duration::from_secs(10))),
            access,
        })
    }
}

/// Which units hold `wanted`, and which of their steps must run.
fn plan(catalogue: &Catalogue, wanted: &BTreeSet<usize>) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut joined = BTreeSet::new();
    for (at, journey) in catalogue.journeys.iter().enumerate() {
        joined.extend(journey.steps());
        let Some(last) = journey.cases.iter().rposition(|case| wanted.contains(case)) else {
            if journey.cleanup.iter().any(|case| wanted.contains(case)) {
                let steps: Vec<usize> = journey.steps().collect();
                units.push(unit(catalogue, Some(at), steps));
            }
            continue;
        };
        // Clean-up may judge too; then everything before it runs.
        let cleanup_wanted = journey.cleanup.iter().any(|case| wanted.contains(case));
        let until = if cleanup_wanted {
            journey.cases.len()
        } else {
            last + 1
        };
        let steps = journey.cases[..until]
            .iter()
            .chain(&journey.cleanup)
            .copied()
            .collect();
        units.push(unit(catalogue, Some(at), steps));
    }
    for at in wanted.difference(&joined) {
        units.push(unit(catalogue, None, vec![*at]));
    }
    units
}

fn unit(catalogue: &Catalogue, journey: Option<usize>, steps: Vec<usize>) -> Unit {
    let writes = steps.iter().any(|&step| catalogue.cases[step].writes);
    Unit {
        journey,
        steps,
        writes,
    }
}

/// One walk through a unit: what was captured, who is who, what is missing and why.
struct Walk<'r> {
    runner: &'r Runner,
    journey: Option<String>,
    scope: Scope,
    roles: Roles,
    /// Capture name to the case that should have given it.
    missing: BTreeMap<String, Missing>,
    days: Vec<DayOffset>,
    sends_run: bool,
    /// A case that writes and was not sent: what comes after it would meet another world.
    halted: Option<String>,
    /// When its first request was sent.
    begun: Option<Instant>,
}

#[derive(Clone, Debug)]
enum Missing {
    NotSent(String),
    NoValue(String),
}

impl<'r> Walk<'r> {
    fn new(runner: &'r Runner, unit: &Unit) -> Self {
        let catalogue = &runner.catalogue;
        let mut scope = Scope::new(runner.config.today);
        scope.set("run", Value::from(runner.config.run.as_str()));
        scope.set("run_address", Value::from(runner.config.run.address()));
        let requests: Vec<&RequestTemplate> = unit
            .steps
            .iter()
            .map(|&step| &catalogue.cases[step].request)
            .collect();
        let mut days: Vec<DayOffset> = Vec::new();
        for request in &requests {
            let templates = request.templates();
            for day in request
                .path
                .days()
                .chain(templates.into_iter().flat_map(Template::days))
            {
                if !days.contains(&day) {
                    days.push(day);
                }
            }
        }
        Self {
            runner,
            journey: unit.journey.map(|at| catalogue.journeys[at].id.clone()),
            scope,
            roles: Roles::default(),
            missing: BTreeMap::new(),
            days,
            halted: None,
            begun: None,
            sends_run: requests
                .iter()
                .any(|request| request.names().contains(&"run")),
        }
    }

    async fn step(&mut self, step: usize) -> CaseRun {
        let catalogue = Arc::clone(&self.runner.catalogue);
        let case = &catalogue.cases[step];
        let path = catalogue.endpoint_of(case).path.clone();
        let (path, outcome) = match self.send(case).await {
            Ok((path, sent)) => (path, self.receive(case, sent)),
            Err(outcome) => (path, outcome),
        };
        match &outcome {
            Outcome::Answered { observation, .. } if observation.answer.is_ok() => {}
            Outcome::Blocked { by } => self.lose(case, &Missing::NoValue(by.clone())),
            _ => self.lose(case, &Missing::NotSent(case.id.clone())),
        }
        CaseRun {
            case: step,
            journey: self.journey.clone(),
            path,
            outcome,
        }
    }

    fn lose(&mut self, case: &Case, why: &Missing) {
        for capture in &case.captures {
            self.missing.insert(capture.name.clone(), why.clone());
        }
    }

    async fn send(&mut self, case: &Case) -> Result<(String, Sent), Outcome> {
        if let Some(by) = &self.halted {
            return Err(Outcome::NotRun(format!(
                "it follows `{by}`, which was not run"
            )));
        }
        if case.writes && !self.runner.config.allow_writes {
            self.halted = Some(case.id.clone());
            return Err(Outcome::NotRun(
                "it writes: add `--allow-writes` if the target is disposable".to_owned(),
            ));
        }
        for name in case.request.names() {
            match self.missing.get(name) {
                Some(Missing::NotSent(by)) => {
                    return Err(Outcome::NotRun(format!(
                        "it needs `{by}`, which was not run"
                    )));
                }
                Some(Missing::NoValue(by)) => return Err(Outcome::Blocked { by: by.clone() }),
                None => {}
            }
        }
        let mut session = None;
        if let Some(name) = &case.account {
            let opened = self.runner.session(name).await.map_err(Outcome::Failed)?;
            if let Some(account) = self.runner.catalogue.accounts.get(name) {
                self.know_session(account, &opened);
            }
            session = Some(opened);
        }
        let mut outgoing = fill(&case.request, &self.scope)
            .map_err(|name| Outcome::Failed(format!("`{{{name}}}` has no value")))?;
        let has = |name: &str| {
            outgoing
                .headers
                .iter()
                .any(|(n, _)| n.eq_ignore_ascii_case(name))
        };
        if let Some(session) = &session
            && !has("authorization")
        {
            outgoing.headers.push((
                "authorization".to_owned(),
                format!("Bearer {}", session.access),
            ));
        }
        // A secret in the query must not reach a report.
        let path = match &session {
            Some(session) => outgoing.path.replace(&session.access, "{token}"),
            None => outgoing.path.clone(),
        };
        self.begun.get_or_insert_with(Instant::now);
        Ok((path, self.runner.target.send(&outgoing).await))
    }

    fn know_session(&mut self, account: &Account, session: &Session) {
        // A capture of the same name is newer than the session and stays.
        let mut know = |name: &str, value: String| {
            if self.scope.value(name).is_none() {
                self.scope.set(name, Value::from(value));
            }
        };
        know("username", account.username.clone());
        if let Ok(password) = account.password.reveal() {
            know("password", password);
        }
        know("token", session.access.clone());
        if let Some(refresh) = &session.refresh {
            know("refresh", refresh.clone());
        }
    }

    fn receive(&mut self, case: &Case, sent: Sent) -> Outcome {
        let Sent {
            mut observation,
            received,
        } = sent;
        let mut mask_failures = Vec::new();
        let mut not_captured = Vec::new();
        if let Ok(answer) = &observation.answer {
            let moment = Moment {
                received,
                today: self.runner.config.today,
                days: &self.days,
                run: if self.sends_run {
                    self.runner.config.run.as_str()
                } else {
                    ""
                },
                journey_s: self
                    .begun
                    .map_or(0.0, |begun| begun.elapsed().as_secs_f64()),
                show_claims: self.runner.catalogue.data == DataClass::Synthetic,
            };
            let (tokens, failures) = mask(answer, &case.masks, &mut self.roles, &moment);
            mask_failures = failures;
            let document = Document::parse(&answer.body).ok();
            for capture in &case.captures {
                let value = match &capture.place {
                    Place::Header(name) => answer
                        .header(name)
                        .next()
                        .map(|value| Value::from(String::from_utf8_lossy(value).into_owned())),
                    place => document
                        .as_ref()
                        .and_then(|document| select::select(document, place).into_iter().next())
                        .and_then(|(_, node)| serde_json::from_str(node.raw()).ok())
                        .filter(|value: &Value| !value.is_null()),
                };
                match value {
                    Some(value) => {
                        self.missing.remove(&capture.name);
                        self.scope.set(&capture.name, value);
                    }
                    None => {
                        self.missing
                            .insert(capture.name.clone(), Missing::NoValue(case.id.clone()));
                        not_captured.push(capture.name.clone());
                    }
                }
            }
            observation.tokens = tokens;
        }
        Outcome::Answered {
            observation,
            mask_failures,
            not_captured,
        }
    }
}

/// Whether a failure means that the target is not there, so that nothing can be said of it.
pub fn is_absent(failure: &Failure) -> bool {
    matches!(failure, Failure::Unreachable(_) | Failure::Tls(_))
}
