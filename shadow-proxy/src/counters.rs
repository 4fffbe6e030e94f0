//! What was sent, what was compared, and why the rest was not: every request that goes to legacy
//! ends in exactly one of these counts.

mod latency;
mod reason;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use verifier::evidence::noise::Looks;
use verifier::evidence::pace::{Pace, Paces};
use verifier::self_check::{Seen, SelfCheckCounts};

pub use self::latency::{LATENCY_EDGES, Latency};
pub use self::reason::Reason;
use crate::route::{self, Routes};
use crate::usage::{EndpointUses, Kind};

/// All counts of one endpoint.
#[derive(Debug)]
pub struct Endpoint {
    name: String,
    sent: AtomicU64,
    equal: AtomicU64,
    different: AtomicU64,
    not_compared: [AtomicU64; Reason::ALL.len()],
    /// Without a difference, by the status of both from 100 on.
    equal_status: Box<[AtomicU64]>,
    /// Without one that counts although the statuses differ, which a rule must have excused.
    excused_status: Mutex<BTreeMap<(u16, u16), u64>>,
    legacy_latency: Latency,
    core_latency: Latency,
    /// Requests by which side was faster: core slower, core faster, alike.
    paces: [AtomicU64; 3],
    /// Second answers of legacy that were asked for.
    twin_asked: AtomicU64,
    /// Exchanges with a verdict that were held against one as well.
    paired: AtomicU64,
    not_paired: Mutex<BTreeMap<&'static str, u64>>,
    /// What became of injected faults, by [`Seen`].
    self_check: [AtomicU64; Seen::ALL.len()],
    uses: EndpointUses,
    /// Exchanges without a difference that could have become examples.
    plain: AtomicU64,
}

/// The counts of one endpoint at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The catalogue's id, or the inferred method and path.
    pub endpoint: String,
    /// Requests that went to legacy.
    pub sent: u64,
    /// Of these, compared without a difference.
    pub equal: u64,
    /// Compared with a difference.
    pub different: u64,
    /// Not compared, by [`Reason`].
    pub not_compared: [u64; Reason::ALL.len()],
}

impl Tally {
    /// Exchanges with a verdict.
    pub fn compared(&self) -> u64 {
        self.equal + self.different
    }

    /// Requests whose end is still open. `sent` was read last, so it is never too small.
    pub fn in_flight(&self) -> u64 {
        self.sent
            .saturating_sub(self.compared() + self.not_compared.iter().sum::<u64>())
    }
}

impl Endpoint {
    fn new(name: String) -> Arc<Self> {
        Arc::new(Self {
            name,
            sent: AtomicU64::new(0),
            equal: AtomicU64::new(0),
            different: AtomicU64::new(0),
            not_compared: Default::default(),
            equal_status: (100..600).map(|_status| AtomicU64::new(0)).collect(),
            excused_status: Mutex::default(),
            legacy_latency: Latency::default(),
            core_latency: Latency::default(),
            paces: Default::default(),
            twin_asked: AtomicU64::new(0),
            paired: AtomicU64::new(0),
            not_paired: Mutex::default(),
            self_check: Default::default(),
            uses: EndpointUses::default(),
            plain: AtomicU64::new(0),
        })
    }

    /// The catalogue's id, or the inferred method and path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long legacy took to begin its answers.
    pub fn legacy_latency(&self) -> &Latency {
        &self.legacy_latency
    }

    /// How long core took to begin its answers.
    pub fn core_latency(&self) -> &Latency {
        &self.core_latency
    }

    /// Which of both was faster with one and the same request.
    pub fn paces(&self) -> Paces {
        let read = |pace: Pace| self.paces[pace as usize].load(Ordering::Relaxed);
        Paces {
            slower: read(Pace::Slower),
            faster: read(Pace::Faster),
            alike: read(Pace::Alike),
        }
    }

    /// Requests for a second answer of legacy; no client's.
    pub fn twin_asked(&self) -> u64 {
        self.twin_asked.load(Ordering::Relaxed)
    }

    /// Exchanges with a verdict that were held against legacy's second answer as well.
    pub fn paired(&self) -> u64 {
        self.paired.load(Ordering::Relaxed)
    }

    /// How much of it was looked at.
    pub(crate) fn looks(&self) -> Looks {
        Looks {
            compared: self.tally().compared(),
            paired: self.paired(),
        }
    }

    /// Second answers that came to nothing, by reason.
    pub fn not_paired(&self) -> BTreeMap<&'static str, u64> {
        self.not_paired
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What became of the faults that were put into copies of core's answers; no client's.
    pub fn self_check(&self) -> SelfCheckCounts {
        let [found, blind, missed] =
            Seen::ALL.map(|seen| self.self_check[seen as usize].load(Ordering::Relaxed));
        SelfCheckCounts {
            found,
            blind,
            missed,
        }
    }

    pub(crate) fn self_checked(&self, seen: Seen) {
        self.self_check[seen as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How clients use it; nothing where no evidence is kept.
    pub(crate) fn uses(&self) -> &EndpointUses {
        &self.uses
    }

    /// Whether an exchange that is plainly equal is to stand beside those that differ, so that it can be
    /// told what these have in common: the first of an endpoint, then one of many.
    pub(crate) fn is_example(&self) -> bool {
        const FIRST: u64 = 128;
        const ONE_OF: u64 = 64;
        let number = self.plain.fetch_add(1, Ordering::Relaxed);
        number < FIRST || number.is_multiple_of(ONE_OF)
    }

    pub(crate) fn ask_twin(&self) {
        self.twin_asked.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn pair(&self) {
        self.paired.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn lose_pair(&self, reason: &'static str) {
        let mut lost = self
            .not_paired
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *lost.entry(reason).or_default() += 1;
    }

    /// Exchanges without a difference, by legacy's status and core's. A status above 599 is not told
    /// apart.
    pub fn equal_by_status(&self) -> BTreeMap<(u16, u16), u64> {
        let mut all = self
            .excused_status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for (status, count) in (100..).zip(&self.equal_status) {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                all.insert((status, status), count);
            }
        }
        all
    }

    /// The counts now.
    pub fn tally(&self) -> Tally {
        let not_compared = std::array::from_fn(|at| self.not_compared[at].load(Ordering::Acquire));
        let equal = self.equal.load(Ordering::Acquire);
        let different = self.different.load(Ordering::Acquire);
        let sent = self.sent.load(Ordering::Acquire);
        Tally {
            endpoint: self.name.clone(),
            sent,
            equal,
            different,
            not_compared,
        }
    }
}

/// One request on its way to exactly one count. Dropped undecided, it counts as lost to the proxy's
/// own end, which is the only way a task of the proxy goes away unfinished.
#[derive(Debug)]
pub(crate) struct Ticket {
    endpoint: Arc<Endpoint>,
    /// Where its verdict counts besides.
    used: Option<Arc<Kind>>,
    open: bool,
}

impl Ticket {
    pub(crate) fn new(endpoint: Arc<Endpoint>) -> Self {
        endpoint.sent.fetch_add(1, Ordering::Relaxed);
        Self {
            endpoint,
            used: None,
            open: true,
        }
    }

    /// Lets its verdict count for a use of the endpoint as well.
    pub(crate) fn counts_for(&mut self, used: Arc<Kind>) {
        self.used = Some(used);
    }

    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// The client's role; `None` where nobody looks.
    pub(crate) fn role(&self) -> Option<&str> {
        self.used.as_deref().map(Kind::role)
    }

    pub(crate) fn legacy_took(&self, took: Duration) {
        self.endpoint.legacy_latency.record(took);
    }

    pub(crate) fn core_took(&self, took: Duration) {
        self.endpoint.core_latency.record(took);
    }

    /// Counts which side was faster with this request.
    pub(crate) fn paced(&self, pace: Pace) {
        self.endpoint.paces[pace as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Both gave these statuses, and nothing that counts differs.
    pub(crate) fn equal(self, reference: StatusCode, candidate: StatusCode) {
        let status = usize::from(reference.as_u16());
        if reference != candidate {
            let mut excused = self
                .endpoint
                .excused_status
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *excused
                .entry((reference.as_u16(), candidate.as_u16()))
                .or_default() += 1;
        } else if let Some(count) = self.endpoint.equal_status.get(status.saturating_sub(100)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.compared(true);
    }

    pub(crate) fn compared(mut self, equal: bool) {
        if let Some(used) = &self.used {
            used.compare();
        }
        let count = if equal {
            &self.endpoint.equal
        } else {
            &self.endpoint.different
        };
        count.fetch_add(1, Ordering::Release);
        self.open = false;
    }

    pub(crate) fn not_compared(mut self, reason: Reason) {
        self.endpoint.not_compared[reason as usize].fetch_add(1, Ordering::Release);
        self.open = false;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            self.endpoint.not_compared[Reason::Shutdown as usize].fetch_add(1, Ordering::Release);
        }
    }
}

/// Most endpoints that are inferred; later ones share one name, so that a client who walks through
/// paths cannot grow the proxy.
const MAX_INFERRED: usize = 256;
/// The shared name of the endpoints above the cap.
const OTHER: &str = "other";

/// The counts of the whole process.
#[derive(Debug)]
pub struct Counters {
    endpoints: Mutex<Vec<Arc<Endpoint>>>,
    other: Arc<Endpoint>,
    full: AtomicBool,
    refused: AtomicU64,
    connections: AtomicU64,
    evidence_lost: AtomicU64,
}

impl Counters {
    /// Counts that start with these endpoints at zero.
    pub(crate) fn new<'a>(endpoints: impl IntoIterator<Item = &'a str>) -> Arc<Self> {
        let endpoints = endpoints
            .into_iter()
            .map(|name| Endpoint::new(name.to_owned()));
        Arc::new(Self {
            endpoints: Mutex::new(endpoints.collect()),
            other: Endpoint::new(OTHER.to_owned()),
            full: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            evidence_lost: AtomicU64::new(0),
        })
    }

    /// Every endpoint seen so far, by name; the shared one only once it is used.
    pub fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        let mut all = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if self.other.sent.load(Ordering::Relaxed) > 0 {
            all.push(Arc::clone(&self.other));
        }
        all.sort_by(|left, right| left.name.cmp(&right.name));
        all
    }

    /// All endpoints together, under the name `all`.
    pub fn total(&self) -> Tally {
        let mut total = Tally {
            endpoint: "all".to_owned(),
            sent: 0,
            equal: 0,
            different: 0,
            not_compared: [0; Reason::ALL.len()],
        };
        let endpoints = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let all = endpoints.iter().chain([&self.other]);
        // Asked often, of many endpoints that nobody has used yet.
        for endpoint in all.filter(|endpoint| endpoint.sent.load(Ordering::Acquire) > 0) {
            for (sum, count) in total.not_compared.iter_mut().zip(&endpoint.not_compared) {
                *sum += count.load(Ordering::Acquire);
            }
            total.equal += endpoint.equal.load(Ordering::Acquire);
            total.different += endpoint.different.load(Ordering::Acquire);
            total.sent += endpoint.sent.load(Ordering::Acquire);
        }
        total
    }

    /// Requests refused before they went anywhere.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Client connections taken so far.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Verdicts that could not be written to the evidence store.
    pub fn evidence_lost(&self) -> u64 {
        self.evidence_lost.load(Ordering::Relaxed)
    }

    pub(crate) fn lose_evidence(&self, exchanges: u64) {
        self.evidence_lost.fetch_add(exchanges, Ordering::Relaxed);
    }

    /// Finds or adds the endpoint called `name`.
    fn register(&self, name: &str) -> Arc<Endpoint> {
        let mut endpoints = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = endpoints.iter().find(|endpoint| endpoint.name == name) {
            return Arc::clone(known);
        }
        if endpoints
            .iter()
            .filter(|known| known.name.contains(' '))
            .count()
            >= MAX_INFERRED
        {
            self.full.store(true, Ordering::Relaxed);
            return Arc::clone(&self.other);
        }
        let endpoint = Endpoint::new(name.to_owned());
        endpoints.push(Arc::clone(&endpoint));
        endpoint
    }
}

/// One thread's way to the endpoints: the shared list is only locked when a name is new here.
#[derive(Debug)]
pub(crate) struct Endpoints {
    counters: Arc<Counters>,
    routes: Arc<Routes>,
    known: RefCell<HashMap<String, Arc<Endpoint>>>,
    name: RefCell<String>,
}

impl Endpoints {
    pub(crate) fn new(counters: &Arc<Counters>, routes: &Arc<Routes>) -> Self {
        Self {
            counters: Arc::clone(counters),
            routes: Arc::clone(routes),
            known: RefCell::new(HashMap::new()),
            name: RefCell::new(String::new()),
        }
    }

    /// The endpoint that a request belongs to.
    pub(crate) fn of(&self, method: &Method, path: &str) -> Arc<Endpoint> {
        let mut inferred = self.name.borrow_mut();
        let name = if let Some(name) = self.routes.find(method, path) {
            name
        } else {
            route::template(method, path, &mut inferred);
            inferred.as_str()
        };
        if let Some(known) = self.known.borrow().get(name) {
            return Arc::clone(known);
        }
        if self.counters.full.load(Ordering::Relaxed) && self.known.borrow().len() >= MAX_INFERRED {
            return Arc::clone(&self.counters.other);
        }
        let endpoint = self.counters.register(name);
        if endpoint.name == name {
            self.known
                .borrow_mut()
                .insert(name.to_owned(), Arc::clone(&endpoint));
        }
        endpoint
    }
}

#[cfg(test)]
mod tests;
