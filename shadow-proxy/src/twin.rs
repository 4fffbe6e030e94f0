//! Legacy's second answers: a twin of legacy, or legacy once more, is asked the same safe request at the
//! moment core is. They show where legacy differs from itself.
//!
//! Nothing of this is on a client's path: the connections are of a pool of their own, an answer waits
//! in the same bounded place as core's, and what fails is counted and never tried again.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::counters::{Endpoint, Reason};
use crate::sample::Share;
use crate::sink::Side;
use crate::upstream::Upstream;

/// After a failure the twin is left alone for so long, so that one that hangs does not fill the places
/// of core's exchanges.
const REST: Duration = Duration::from_secs(1);

/// One thread's way to second answers.
pub(crate) struct Twin {
    pub(crate) upstream: Rc<Upstream>,
    share: Share,
    /// Requests that were considered.
    seen: Cell<u64>,
    rests_until: Cell<Option<Instant>>,
    failing: Cell<Option<Reason>>,
}

impl Twin {
    /// All requests, or a share of them.
    pub(crate) fn new(upstream: Rc<Upstream>, share: Share) -> Self {
        Self {
            upstream,
            share,
            seen: Cell::new(0),
            rests_until: Cell::new(None),
            failing: Cell::new(None),
        }
    }

    /// Whether the next request is in the share. Not by what is asked: each kind of request must have
    /// its part.
    pub(crate) fn is_next(&self) -> bool {
        let number = self.seen.get();
        self.seen.set(number.wrapping_add(1));
        self.share.is_all() || self.share.holds(&number.to_le_bytes())
    }

    /// Whether it failed a moment ago.
    pub(crate) fn rests(&self) -> bool {
        self.rests_until
            .get()
            .is_some_and(|until| Instant::now() < until)
    }

    /// Notes how it went; logged when the cause changes.
    pub(crate) fn went(&self, failure: Option<Reason>) {
        let fault = matches!(
            failure,
            Some(Reason::CoreUnreachable | Reason::CoreError | Reason::CoreTimeout)
        );
        if fault {
            self.rests_until.set(Some(Instant::now() + REST));
            if self.failing.replace(failure) != failure {
                tracing::warn!("legacy's twin gives no answer");
            }
        } else if failure.is_none() && self.failing.take().is_some() {
            self.rests_until.set(None);
            tracing::info!("legacy's twin answers again");
        }
    }
}

/// A second answer on its way to exactly one count. Dropped undecided, its exchange got no verdict.
#[derive(Debug)]
pub(crate) struct Second {
    pub(crate) side: Side,
    endpoint: Arc<Endpoint>,
    open: bool,
}

impl Second {
    pub(crate) fn new(side: Side, endpoint: &Arc<Endpoint>) -> Self {
        Self {
            side,
            endpoint: Arc::clone(endpoint),
            open: true,
        }
    }

    /// Core's answer was held against it.
    pub(crate) fn paired(mut self) {
        self.endpoint.pair();
        self.open = false;
    }

    /// It says nothing.
    pub(crate) fn lost(mut self, reason: Reason) {
        self.endpoint.lose_pair(reason.label());
        self.open = false;
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        if self.open {
            self.endpoint.lose_pair("no_verdict");
        }
    }
}

/// Why a second answer is missing, as a metric's label.
pub(crate) const fn label(reason: Reason) -> &'static str {
    match reason {
        Reason::CoreUnreachable => "twin_unreachable",
        Reason::CoreError => "twin_error",
        Reason::CoreTimeout => "twin_timeout",
        Reason::CoreTooLarge => "twin_too_large",
        Reason::LegacyOverloaded => "twin_overloaded",
        other => other.label(),
    }
}
