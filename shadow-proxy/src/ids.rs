//! Ids and tokens that each side gives out by itself, where core has a database of its own: requests to
//! core carry core's, and core's answers are compared as if they carried legacy's.
//!
//! Only the shadow side comes here. A read waits until the writes before it have reached core, since one
//! of them may be what it is about, and a write until the reads before it have been answered, so that
//! core is not ahead of what they saw; either at most for [`WAIT`]. No write overtakes another, however long
//! that takes: what core then held would never be the same again.

mod behind;
mod read;
mod tokens;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use tokio::sync::Mutex as SlowMutex;
use verifier::catalogue::Catalogue;
use verifier::cutover::{Config, Database, Policy};
use verifier::decode::{codings, decode};
use verifier::evidence::record::IdPair;
use verifier::evidence::store;
use verifier::exchange::{Answer, Exchange};
use verifier::ids::{
    Answers, Fit, IdMap, Keys, rewrite_body, rewrite_path, type_of_path, type_of_template,
};

use self::behind::Behind;
use self::read::Conflict;
pub(crate) use self::read::Read;
use self::tokens::Tokens;
use crate::config::without_user;
use crate::counters::Reason;
use crate::forward::Head;
use crate::sink::Side;

/// Longest wait of a shadowed request for the writes before it.
const WAIT: Duration = Duration::from_secs(2);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(2);
/// Larger bodies are not unpacked to look for ids.
const MAX_DECODED: usize = 4 << 20;
/// What pairs have taught so far.
#[derive(Default)]
struct Known {
    map: IdMap,
    tokens: Tokens,
}

/// What is known of both sides' ids, for all lanes and the comparing thread.
pub(crate) struct Ids {
    /// One lock for both, or two threads that take two in different orders wait for each other for
    /// good. The comparing thread holds it for whole bodies and runs at low priority, so a lane, which
    /// serves clients beside the shadow, must never block on it: it waits without its thread.
    known: SlowMutex<Known>,
    /// Shadowed requests under way, in the order in which legacy answered.
    turns: Mutex<Turns>,
    /// Path templates of the catalogue's endpoints, by name.
    templates: HashMap<String, String>,
    /// The keys of answers so far: the comparing thread's.
    keys: Mutex<Keys>,
    /// Writes that core will never get.
    behind: Behind,
}

#[derive(Default)]
struct Turns {
    next: u64,
    /// Whether it is a write, by number.
    open: BTreeMap<u64, bool>,
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known.try_lock() {
            Ok(known) => {
                let (map, tokens) = (known.map.counts(), known.tokens.len());
                write!(f, "Ids({map:?}, {tokens} tokens)")
            }
            Err(_in_use) => f.write_str("Ids"),
        }
    }
}

/// A request's place among the shadowed ones; over when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    ids: Arc<Ids>,
    number: u64,
    write: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        lock(&self.ids.turns).open.remove(&self.number);
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ids {
    /// Where core gets writes into a database of its own; nothing elsewhere, where ids are the same. With it
    /// comes what an operator should read of what an earlier life has learnt.
    pub(crate) fn new(
        config: &Config,
        catalogue: Option<&Catalogue>,
    ) -> (Option<Arc<Self>>, Option<String>) {
        let writes = &config.writes;
        let mirrors = std::iter::once(&writes.default)
            .chain(writes.endpoints.values())
            .any(|policy| *policy == Policy::Mirror);
        let endpoints = catalogue.map_or(&[][..], |catalogue| &catalogue.endpoints);
        if !mirrors || writes.database == Database::Shared {
            return (None, None);
        }
        let (map, notice) = earlier(config);
        let known = Known {
            map,
            tokens: Tokens::default(),
        };
        let ids = Arc::new(Self {
            known: SlowMutex::new(known),
            turns: Mutex::default(),
            templates: endpoints
                .iter()
                .map(|endpoint| (endpoint.id.clone(), endpoint.path.clone()))
                .collect(),
            keys: Mutex::default(),
            behind: Behind::default(),
        });
        (Some(ids), notice)
    }

    /// Pairs of each type, for the summary.
    pub(crate) async fn counts(&self) -> serde_json::Value {
        serde_json::json!(self.known.lock().await.map.counts())
    }

    /// The path template of an endpoint; an inferred name holds its own.
    fn template<'t>(&'t self, endpoint: &'t str) -> &'t str {
        let inferred = endpoint.split_once(' ').map_or("", |(_, path)| path);
        self.templates
            .get(endpoint)
            .map_or(inferred, String::as_str)
    }

    /// Takes a turn, in the order in which legacy answered.
    pub(crate) fn turn(self: &Arc<Self>, write: bool) -> Turn {
        let mut turns = lock(&self.turns);
        let number = turns.next;
        turns.next += 1;
        turns.open.insert(number, write);
        Turn {
            ids: Arc::clone(self),
            number,
            write,
        }
    }

    /// Waits until what must come before this turn has.
    pub(crate) async fn wait(&self, turn: &Turn) {
        let deadline = Instant::now() + WAIT;
        while self.is_blocked(turn, Instant::now() < deadline) {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether something comes before this turn; once nobody is patient any more, only what a write may never
    /// overtake.
    fn is_blocked(&self, turn: &Turn, patient: bool) -> bool {
        let turns = lock(&self.turns);
        let mut before = turns.open.range(..turn.number).map(|(_, write)| *write);
        match (turn.write, patient) {
            (true, true) => before.next().is_some(),
            (false, false) => false,
            (true, false) | (false, true) => before.any(|write| write),
        }
    }

    /// Core does not get a write that legacy has carried out: its objects are unknown at core from now on, and
    /// what is about objects of their type may differ without any fault of core.
    pub(crate) fn lost_write(&self, endpoint: &str, head: &Head) {
        let template = self.template(endpoint);
        if self.behind.lose(&head.method, head.uri.path(), template) {
            // Not of which endpoint: a name that was inferred is made of what a client sent.
            tracing::warn!(
                "core does not get a write that legacy has carried out, so its data differ from now on; what \
                 follows from that is set aside as `write_race` or `unmapped_id`"
            );
        }
    }

    /// The head of a request with core's ids, tokens and cookies in place of legacy's.
    pub(crate) async fn head(&self, endpoint: &str, head: &Head) -> Result<Head, Reason> {
        let mut head = head.clone();
        let Known { map, tokens } = &mut *self.known.lock().await;
        self.behind.tell(map);
        let target = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let template = self.template(endpoint);
        let rewritten = rewrite_path(target, template, map);
        if let Some(target) = rewritten.map_err(|_unmapped| Reason::UnmappedId)? {
            head.uri = target.parse().map_err(|_never| Reason::UnmappedId)?;
        }
        if tokens.to_core.is_empty() {
            return Ok(head);
        }
        let of_core = |text: &str| tokens.to_core.get(text).map(String::as_str);
        let authorization = head.headers.get(header::AUTHORIZATION);
        if let Some((scheme, token)) = authorization
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            && let Some(core) = of_core(token.trim())
            && let Ok(value) = HeaderValue::try_from(format!("{scheme} {core}"))
        {
            head.headers.insert(header::AUTHORIZATION, value);
        }
        for value in cookie_fields(&mut head.headers) {
            let Ok(text) = value.to_str() else { continue };
            let cookies: Vec<String> = text
                .split("; ")
                .map(|cookie| match cookie.split_once('=') {
                    Some((name, value)) => {
                        format!("{name}={}", of_core(value).unwrap_or(value))
                    }
                    None => cookie.to_owned(),
                })
                .collect();
            if let Ok(new) = HeaderValue::try_from(cookies.join("; ")) {
                *value = new;
            }
        }
        Ok(head)
    }

    /// A request's body with core's ids and tokens; `None` where it stays as it is.
    pub(crate) async fn body(&self, endpoint: &str, body: &[u8]) -> Result<Option<Bytes>, Reason> {
        let kind = type_of_template(self.template(endpoint));
        let Known { map, tokens } = &*self.known.lock().await;
        let token = |text: &str| tokens.to_core.get(text).cloned();
        rewrite_body(body, &kind, map, token)
            .map(|new| new.map(Bytes::from))
            .map_err(|_unmapped| Reason::UnmappedId)
    }

    /// Learns from a write that both have carried out, before anything that comes after it.
    pub(crate) async fn learn_write(
        &self,
        endpoint: &str,
        made: bool,
        legacy: &Side,
        core: Option<&Side>,
    ) {
        if !legacy.status.is_success() {
            return;
        }
        let kind = type_of_template(self.template(endpoint));
        let ours = unpacked(&legacy.headers, legacy.body.joined());
        let core = core.filter(|core| core.status.is_success());
        let theirs = core.map(|core| unpacked(&core.headers, core.body.joined()));
        let mut keys = Keys::default();
        let answers = Answers::read(&ours, theirs.as_deref().unwrap_or_default(), &mut keys);
        let Known { map, tokens: known } = &mut *self.known.lock().await;
        if made {
            let (kind, ids) = answers.given_out(&kind);
            for id in ids {
                map.born(kind, &id);
            }
            if let Some((kind, id)) = location(&legacy.headers) {
                map.born(&kind, &id);
            }
        }
        let Some(core) = core else {
            return;
        };
        for pair in answers.align(&kind, made) {
            if pair.sure {
                map.learn(&pair.kind, &pair.legacy, &pair.core, made);
            }
        }
        if let (Some((kind, ours)), Some((_, theirs))) =
            (location(&legacy.headers), location(&core.headers))
        {
            map.learn(&kind, &ours, &theirs, made);
        }
        for (ours, theirs) in answers.tokens() {
            known.learn(ours, theirs);
        }
        for (name, ours) in cookies(&legacy.headers) {
            let other = cookies(&core.headers).find(|(other, _)| *other == name);
            if let Some((_, theirs)) = other.filter(|_| !ours.is_empty()) {
                known.learn(ours.to_owned(), theirs.to_owned());
            }
        }
    }

    /// Reads two answers for comparing: what they teach, what contradicts it, and core's answer with
    /// legacy's ids. Blocks its thread, which must be the comparing one.
    pub(crate) fn read(&self, exchange: &mut Exchange) -> Read {
        let mut read = Read::default();
        let template = self.template(&exchange.endpoint);
        let kind = type_of_template(template);
        let (Ok(ours), Ok(theirs)) = (&exchange.reference.answer, &mut exchange.candidate.answer)
        else {
            return read;
        };
        let good = |answer: &Answer| (200..300).contains(&answer.status);
        if good(ours) && matches!(theirs.status, 404 | 410) {
            let known = self.known.blocking_lock();
            read.assumed = known.map.assumes(&exchange.path, template);
        }
        let (Some(legacy), Some(core)) = (clear(ours), clear(theirs)) else {
            return read;
        };
        let made = exchange.method == "POST" && good(ours) && good(theirs);
        let keys = &mut *lock(&self.keys);
        let answers = Answers::read(&legacy, &core, keys);
        let aligned = answers.align(&kind, made);
        let Known { map, tokens } = &mut *self.known.blocking_lock();
        self.behind.tell(map);
        read.behind = self.behind.shows(&answers, &kind, map);
        for pair in aligned {
            match map.fit(&pair.kind, &pair.legacy, &pair.core) {
                Fit::Conflict { core, legacy } => read.conflicts.push(Conflict {
                    pointer: answers.pointer(&pair),
                    pair,
                    core,
                    legacy,
                }),
                Fit::New if !pair.sure => {}
                Fit::New => {
                    map.learn(&pair.kind, &pair.legacy, &pair.core, made);
                    read.pairs.push(pair);
                }
                Fit::Known => read.pairs.push(pair),
            }
        }
        for pair in &mut read.pairs {
            pair.born = map.is_born(&pair.kind, &pair.legacy);
        }
        let in_body = |token: &[u8]| holds(&legacy, token);
        let token = |text: &str| tokens.to_legacy(text, in_body).cloned();
        if let Some(body) = answers.to_legacy(&kind, map, token) {
            theirs.body = Bytes::from(body);
        }
        let in_cookies = |token: &[u8]| ours.header("set-cookie").any(|set| holds(set, token));
        for (name, value) in &mut theirs.headers {
            let Ok(text) = std::str::from_utf8(value) else {
                continue;
            };
            if name == "location"
                && let Some((kind, id)) = type_of_path(text)
                && let Some(legacy) = map.to_legacy(&kind, id)
            {
                let stem = text.len() - id.len();
                *value = format!("{}{legacy}", &text[..stem]).into_bytes();
            } else if name == "set-cookie"
                && let Some((cookie, rest)) = text.split_once('=')
                && let Some(legacy) =
                    tokens.to_legacy(rest.split(';').next().unwrap_or(""), in_cookies)
            {
                let attributes = rest.find(';').map_or("", |at| &rest[at..]);
                *value = format!("{cookie}={legacy}{attributes}").into_bytes();
            }
        }
        read
    }
}

/// What the evidence of an earlier life says of the same two services' ids.
fn earlier(config: &Config) -> (IdMap, Option<String>) {
    let mut map = IdMap::default();
    let Some(path) = config.evidence.file.as_ref().filter(|path| path.exists()) else {
        return (map, None);
    };
    // A damaged file is set aside and told of when it is opened for writing.
    let Ok(evidence) = store::read(path) else {
        return (map, None);
    };
    let pairs = &evidence.ledger.ids;
    if pairs.is_empty() {
        return (map, None);
    }
    let ours = |address: &Option<String>| address.as_deref().map(without_user).unwrap_or_default();
    let (legacy, core) = (ours(&config.legacy), ours(&config.core));
    let mut runs = evidence.runs.values();
    if runs.any(|run| run.legacy != legacy || run.core != core) {
        let why =
            "ids: the evidence is also of other services, so which object is which is learnt anew";
        return (map, Some(why.to_owned()));
    }
    map.restore(pairs.values().map(|pair| {
        let IdPair {
            kind,
            legacy,
            core,
            seen,
            born,
        } = pair;
        (kind.as_str(), legacy.as_str(), core.as_str(), *seen, *born)
    }));
    let told = format!("ids: {} pairs read back from the evidence", pairs.len());
    (map, Some(told))
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len().max(1)).any(|some| some == part)
}

fn unpacked(headers: &HeaderMap, body: Bytes) -> Bytes {
    let fields = headers.get_all(header::CONTENT_ENCODING);
    let codings = codings(fields.iter().map(HeaderValue::as_bytes));
    match decode(&body, &codings, MAX_DECODED) {
        Ok(plain) => Bytes::from(plain.into_owned()),
        Err(_) => body,
    }
}

/// A body as it can be read and written anew: one without a coding.
fn clear(answer: &Answer) -> Option<Bytes> {
    let coded = answer.header("content-encoding").next().is_some();
    (!coded && !answer.body.is_empty()).then(|| answer.body.clone())
}

fn location(headers: &HeaderMap) -> Option<(String, String)> {
    let text = headers.get(header::LOCATION)?.to_str().ok()?;
    type_of_path(text).map(|(kind, id)| (kind, id.to_owned()))
}

/// Names and values of the cookies that an answer sets.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter_map(|value| {
            let text = value.to_str().ok()?;
            text.split(';').next()?.split_once('=')
        })
}

fn cookie_fields(headers: &mut HeaderMap) -> impl Iterator<Item = &mut HeaderValue> {
    match headers.entry(header::COOKIE) {
        header::Entry::Occupied(entry) => Some(entry.into_mut()),
        header::Entry::Vacant(_) => None,
    }
    .into_iter()
}

#[cfg(test)]
mod tests;
