//! The hand-over from the lanes to the one thread that compares, and that thread.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use crate::capture::Chunks;
use crate::compare::Comparer;
use crate::counters::{Reason, Ticket};
use crate::forward::Head;
use crate::twin::Second;

/// One side's whole answer.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Chunks,
    /// Time to the head of the answer.
    pub(crate) took: Duration,
}

/// A request with both answers.
#[derive(Debug)]
pub(crate) struct Pair {
    /// Whether a write was under way while this read was.
    pub(crate) raced: bool,
    /// Whether the verifier is to check itself with a copy of it.
    pub(crate) self_check: bool,
    pub(crate) head: Head,
    /// The request's body, if it has one.
    pub(crate) request_body: Option<Chunks>,
    pub(crate) reference: Side,
    pub(crate) candidate: Side,
    /// Legacy's second answer, where one was asked for and came.
    pub(crate) twin: Option<Second>,
}

/// Fields that say how or when an answer was sent and not what it is.
const OF_THE_HOP: [HeaderName; 5] = [
    header::DATE,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    HeaderName::from_static("keep-alive"),
];

impl Pair {
    /// Whether nothing at all differs, on core's side and on the twin's: the same status, the same body
    /// bytes, the same fields. What is not plainly equal may still be judged to be.
    pub(crate) fn plainly_equal(&self) -> bool {
        std::iter::once(&self.candidate)
            .chain(self.twin.as_ref().map(|twin| &twin.side))
            .all(|side| self.equals_reference(side))
    }

    fn equals_reference(&self, side: &Side) -> bool {
        self.reference.status == side.status
            // The length of an answer to HEAD is the only thing known of its body.
            && (self.head.method != Method::HEAD || same_length(&self.reference, side))
            && self.reference.body.same_bytes(&side.body)
            && same_fields(&self.reference.headers, &side.headers)
    }

    /// Bytes that the pair keeps alive, roughly.
    fn weight(&self) -> usize {
        const HEADS: usize = 4096;
        let request = self.request_body.as_ref().map_or(0, Chunks::len);
        let twin = self.twin.as_ref().map_or(0, |twin| twin.side.body.len());
        HEADS + request + self.reference.body.len() + self.candidate.body.len() + twin
    }
}

fn same_length(left: &Side, right: &Side) -> bool {
    left.headers.get(header::CONTENT_LENGTH) == right.headers.get(header::CONTENT_LENGTH)
}

/// Whether both sides have the same fields, whatever the order of different names.
fn same_fields(left: &HeaderMap, right: &HeaderMap) -> bool {
    let kept = |(name, _): &(&HeaderName, &HeaderValue)| !OF_THE_HOP.contains(name);
    // Usually in one order, and then one walk over both settles it.
    let in_step = left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|((name, value), (other, others))| {
                name == other && (value == others || OF_THE_HOP.contains(name))
            });
    if in_step {
        return true;
    }
    left.iter().filter(kept).count() == right.iter().filter(kept).count()
        && left
            .keys()
            .filter(|name| !OF_THE_HOP.contains(name))
            .all(|name| left.get_all(name).iter().eq(right.get_all(name).iter()))
}

/// Bounds of the hand-over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    pub(crate) pairs: usize,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
struct Queue {
    pairs: AtomicUsize,
    bytes: AtomicUsize,
    limits: QueueLimits,
    comparer: OnceLock<Thread>,
}

/// A lane's end of the hand-over. It never waits: what does not fit is counted and dropped.
#[derive(Clone, Debug)]
pub(crate) struct Sink {
    queue: Arc<Queue>,
    sender: mpsc::Sender<(Ticket, Box<Pair>)>,
}

/// Knows how many pairs wait, and hands none over.
#[derive(Clone, Debug)]
pub(crate) struct DepthReader(Arc<Queue>);

impl DepthReader {
    /// Pairs that wait now.
    pub(crate) fn depth(&self) -> usize {
        self.0.pairs.load(Ordering::Relaxed)
    }
}

/// Pairs that wait before the comparer is woken at once instead of at the next sweep.
const WAKE_AT: usize = 32;

impl Sink {
    /// Hands a pair over, or counts it as dropped.
    pub(crate) fn hand_over(&self, ticket: Ticket, pair: Box<Pair>) {
        let weight = pair.weight();
        let pairs = self.queue.pairs.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes = self.queue.bytes.fetch_add(weight, Ordering::Relaxed) + weight;
        if pairs > self.queue.limits.pairs || bytes > self.queue.limits.bytes {
            self.queue.pairs.fetch_sub(1, Ordering::Relaxed);
            self.queue.bytes.fetch_sub(weight, Ordering::Relaxed);
            ticket.not_compared(Reason::CompareQueueFull);
            return;
        }
        // The channel is not bounded itself; the counts above bound it. Without a comparer the
        // ticket comes back and counts itself as lost.
        let _lost = self.sender.send((ticket, pair));
        if pairs.is_multiple_of(WAKE_AT) {
            self.wake();
        }
    }

    /// Pairs that wait now.
    pub(crate) fn depth(&self) -> usize {
        self.queue.pairs.load(Ordering::Relaxed)
    }

    /// Reads [`Sink::depth`] without being an end of the hand-over.
    pub(crate) fn depth_reader(&self) -> DepthReader {
        DepthReader(Arc::clone(&self.queue))
    }

    /// Wakes the comparer if there is something to do. Called by each lane's sweep, so that one
    /// wake-up serves all that came since the last.
    pub(crate) fn nudge(&self) {
        if self.depth() > 0 {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(comparer) = self.queue.comparer.get() {
            comparer.unpark();
        }
    }
}

/// Starts the thread that compares. It ends when every [`Sink`] is gone and all pairs are judged.
pub(crate) fn start(
    limits: QueueLimits,
    mut comparer: Comparer,
) -> io::Result<(Sink, JoinHandle<()>)> {
    let (sender, receiver) = mpsc::channel();
    let queue = Arc::new(Queue {
        pairs: AtomicUsize::new(0),
        bytes: AtomicUsize::new(0),
        limits,
        comparer: OnceLock::new(),
    });
    let shared = Arc::clone(&queue);
    let thread = thread::Builder::new()
        .name("compare".to_owned())
        .spawn(move || compare_all(&shared, &receiver, &mut comparer))?;
    // Only this place sets it, once.
    let _already = queue.comparer.set(thread.thread().clone());
    Ok((Sink { queue, sender }, thread))
}

/// How long the comparer sleeps when nobody wakes it; also how late it notices its end.
const NAP: Duration = Duration::from_millis(500);
/// How much nicer the comparer is than the lanes, which serve clients.
const NICER: i32 = 10;

fn compare_all(queue: &Queue, receiver: &Receiver<(Ticket, Box<Pair>)>, comparer: &mut Comparer) {
    if let Err(error) = rustix::process::nice(NICER) {
        tracing::warn!(%error, "the comparing thread keeps the usual priority");
    }
    loop {
        comparer.look();
        match receiver.try_recv() {
            Ok((ticket, pair)) => {
                let weight = pair.weight();
                // Before its ticket is settled: whoever sees as many pairs here as requests are open takes
                // them all to be through with core.
                queue.pairs.fetch_sub(1, Ordering::Relaxed);
                // Taken apart, so that its bytes are free before the next one is looked at.
                comparer.compare(ticket, *pair);
                queue.bytes.fetch_sub(weight, Ordering::Relaxed);
            }
            Err(TryRecvError::Empty) => thread::park_timeout(NAP),
            Err(TryRecvError::Disconnected) => return comparer.finish(),
        }
    }
}
