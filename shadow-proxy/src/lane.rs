//! What one thread has: its own pools, its own places for shadows, its share of the counts. Lanes
//! share nothing that one of them could wait for.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::header::HeaderName;
use tokio::sync::Notify;
use verifier::evidence::pace::Tolerance;

use crate::capture::Budget;
use crate::client_io::Patience;
use crate::config::ShadowConfig;
use crate::counters::{Counters, Endpoints, Reason, Ticket};
use crate::forward::SendError;
use crate::framing::Limits;
use crate::ids::Ids;
use crate::race::WriteClock;
use crate::route::Routes;
use crate::sample::Share;
use crate::sink::{Pair, Sink};
use crate::tls::Acceptor;
use crate::twin::Twin;
use crate::upstream::{Address, LinkLimits, Upstream};
use crate::usage::UseLane;
use crate::versions::Versions;
use crate::watch::Sweep;
use crate::writes::Writes;

/// The configuration as the lanes use it: checked, parsed and built once.
#[derive(Clone)]
pub(crate) struct Settings {
    /// This process's name in `Via`; no other process has it.
    pub(crate) pseudonym: String,
    pub(crate) request_via: HeaderValue,
    pub(crate) answer_via: HeaderValue,
    pub(crate) sample: Share,
    pub(crate) sample_header: Option<HeaderName>,
    pub(crate) writes: Writes,
    /// When writes were under way, in all lanes.
    pub(crate) write_clock: Arc<WriteClock>,
    /// The catalogue's endpoints; the others are inferred.
    pub(crate) routes: Arc<Routes>,
    pub(crate) shadow: ShadowConfig,
    /// By how much core may be slower with a request.
    pub(crate) tolerance: Tolerance,
    /// Most exchanges with core at once in each lane.
    pub(crate) shadow_per_lane: usize,
    pub(crate) limits: Limits,
    pub(crate) patience: Patience,
    pub(crate) connections_per_lane: usize,
    pub(crate) legacy: Arc<Address>,
    pub(crate) legacy_links: LinkLimits,
    pub(crate) core: Arc<Address>,
    pub(crate) core_links: LinkLimits,
    /// Who gives second answers of legacy, and to which share of requests.
    pub(crate) twin: Option<(Arc<Address>, Share)>,
    /// Share of pairs that the verifier checks itself with.
    pub(crate) self_check: Share,
    /// Both sides' ids, where core has a database of its own.
    pub(crate) ids: Option<Arc<Ids>>,
    pub(crate) tls: Option<Acceptor>,
    /// Whether evidence is kept.
    pub(crate) evidence: bool,
    /// The claim of bearer tokens that names a role.
    pub(crate) role_claim: Option<String>,
    /// Which builds the services say they run, where they are asked for it.
    pub(crate) versions: Option<Arc<Versions>>,
    /// How long accepted requests may take to be answered once the proxy is to stop.
    pub(crate) drain: Duration,
}

/// Pairs that wait before those that are plainly equal go no longer to the comparing thread.
const BEHIND: usize = 32;

/// See the module.
pub(crate) struct Lane {
    pub(crate) settings: Arc<Settings>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) endpoints: Endpoints,
    /// Counts how endpoints are used, where evidence is kept.
    pub(crate) uses: Option<UseLane>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) sink: Sink,
    pub(crate) sweep: Rc<Sweep>,
    pub(crate) legacy: Rc<Upstream>,
    pub(crate) core: Rc<Upstream>,
    pub(crate) twin: Option<Twin>,
    /// Exchanges with core under way.
    pub(crate) in_flight: Cell<usize>,
    /// Told when the last of them ends.
    pub(crate) shadow_idle: Notify,
    pub(crate) connections: Cell<usize>,
    /// Told when the last client connection ends.
    pub(crate) clients_gone: Notify,
    pub(crate) draining: Cell<bool>,
    /// Told when the lane begins to drain.
    pub(crate) drain: Notify,
    legacy_down: Cell<bool>,
    core_down: Cell<Option<Reason>>,
    /// Kinds of request that went the long way already, by hash.
    shapes_seen: RefCell<HashSet<u64>>,
    /// Pairs that were considered for a self-check.
    pairs: Cell<u64>,
}

impl Lane {
    pub(crate) fn new(
        settings: Arc<Settings>,
        counters: Arc<Counters>,
        budget: Arc<Budget>,
        sink: Sink,
    ) -> Rc<Self> {
        let sweep = Sweep::new();
        let upstream = |address: &Arc<Address>, limits| {
            Rc::new(Upstream::new(
                Arc::clone(address),
                limits,
                Rc::clone(&sweep),
            ))
        };
        Rc::new(Self {
            endpoints: Endpoints::new(&counters, &settings.routes),
            uses: settings
                .evidence
                .then(|| UseLane::new(settings.role_claim.as_deref())),
            legacy: upstream(&settings.legacy, settings.legacy_links),
            core: upstream(&settings.core, settings.core_links),
            // A pool of its own, also where it is legacy itself that is asked again.
            twin: settings.twin.as_ref().map(|(address, share)| {
                Twin::new(upstream(address, settings.legacy_links), *share)
            }),
            settings,
            counters,
            budget,
            sink,
            sweep,
            in_flight: Cell::new(0),
            shadow_idle: Notify::new(),
            connections: Cell::new(0),
            clients_gone: Notify::new(),
            draining: Cell::new(false),
            drain: Notify::new(),
            legacy_down: Cell::new(false),
            core_down: Cell::new(None),
            shapes_seen: RefCell::default(),
            pairs: Cell::new(0),
        })
    }

    /// Whether evidence is kept and this lane has not yet seen a request that asks like this one: the
    /// comparing thread writes down how clients ask, so the first of a kind goes there even when the
    /// answers are equal.
    pub(crate) fn is_new_request(&self, ticket: &Ticket, pair: &Pair) -> bool {
        /// More kinds than this and clients make them up.
        const MAX_SHAPES: usize = 4_096;
        if !self.settings.evidence {
            return false;
        }
        let mut seen = self.shapes_seen.borrow_mut();
        if seen.len() >= MAX_SHAPES {
            return false;
        }
        let mut hasher = DefaultHasher::new();
        ticket.endpoint().name().hash(&mut hasher);
        for pair in pair.head.uri.query().unwrap_or("").split('&') {
            pair.split('=').next().hash(&mut hasher);
        }
        seen.insert(hasher.finish())
    }

    /// Whether evidence is kept and this plainly equal pair is to be an example of its endpoint. Not while
    /// the comparing thread is behind.
    pub(crate) fn is_example(&self, ticket: &Ticket) -> bool {
        self.settings.evidence && ticket.endpoint().is_example() && self.sink.depth() < BEHIND
    }

    /// Whether the verifier checks itself with this pair: by its number, spread by a hash, so that a
    /// journey that repeats itself does not always give the same request. Not while the comparing thread
    /// is behind, which a pair that is plainly equal must not pay for.
    pub(crate) fn is_self_check(&self) -> bool {
        let number = self.pairs.get();
        self.pairs.set(number.wrapping_add(1));
        self.settings.self_check.holds(&number.to_le_bytes()) && self.sink.depth() < BEHIND
    }

    /// Whether one more exchange with core has a place. Where core has a database of its own, the last quarter is
    /// for writes: a read that is not compared is one less, a write that core does not get makes its data differ.
    pub(crate) fn has_place(&self, write: bool) -> bool {
        let all = self.settings.shadow_per_lane;
        let kept = if write || self.settings.ids.is_none() {
            0
        } else {
            all / 4
        };
        self.in_flight.get() < all - kept
    }

    /// Notes that legacy failed a client; logged when it begins, not once a request.
    pub(crate) fn legacy_failed(&self, error: &SendError) {
        if !self.legacy_down.replace(true) {
            tracing::warn!(%error, "legacy does not answer");
        }
    }

    /// Notes why core's answer could not be had; logged when the cause changes.
    pub(crate) fn core_seen(&self, reason: Reason) {
        let fault = matches!(
            reason,
            Reason::CoreUnreachable
                | Reason::CoreError
                | Reason::CoreTimeout
                | Reason::CoreTooLarge
        );
        if fault && self.core_down.replace(Some(reason)) != Some(reason) {
            tracing::warn!(reason = reason.label(), "core gives no answer to compare");
        }
    }

    /// Core answered: a later failure is news again.
    pub(crate) fn core_answered(&self) {
        if self.core_down.take().is_some() {
            tracing::info!("core answers again");
        }
        self.legacy_down.set(false);
    }
}
