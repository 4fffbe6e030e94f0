//! A copy of a body that passes by: the chunks themselves, shared and counted, never joined.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

/// How many bytes the shadow side may hold at once, all threads together.
#[derive(Debug)]
pub(crate) struct Budget {
    held: AtomicUsize,
    max: usize,
}

impl Budget {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            held: AtomicUsize::new(0),
            max,
        })
    }

    /// Bytes held now.
    pub(crate) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

/// A share of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Lease {
    pub(crate) fn new(budget: &Arc<Budget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            bytes: 0,
        }
    }

    /// Takes `bytes` more; `false` when the budget does not have them.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let before = self.budget.held.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > self.budget.max {
            self.budget.held.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// What keeping a chunk costs beside its bytes: its handle, and the framing around it that stays in
/// the buffer it is a part of. Without it a body in chunks of one byte would hold a hundred times of
/// what it counts for.
const PER_CHUNK: usize = 64;
/// A body may have so many chunks of fewer bytes than that; each costs time as well.
const MANY: usize = 16 << 10;

/// Chunks of one body with their share of the budget.
#[derive(Debug)]
pub(crate) struct Chunks {
    pieces: Vec<Bytes>,
    bytes: usize,
    lease: Lease,
}

impl Chunks {
    pub(crate) fn new(budget: &Arc<Budget>) -> Self {
        Self {
            // Most bodies come in one piece.
            pieces: Vec::with_capacity(1),
            bytes: 0,
            lease: Lease::new(budget),
        }
    }

    /// Adds a chunk unless it would exceed `limit` or the budget. Against the budget a chunk counts for
    /// what it costs; against the limit it counts for its bytes as long as it is no tiny part of it.
    pub(crate) fn push(&mut self, chunk: Bytes, limit: usize) -> Result<(), End> {
        let tiny = self.pieces.len() >= MANY && self.bytes < self.pieces.len() * PER_CHUNK;
        if self.bytes + chunk.len() > limit || tiny {
            return Err(End::TooLarge);
        }
        if !self.lease.grow(chunk.len() + PER_CHUNK) {
            return Err(End::NoRoom);
        }
        self.bytes += chunk.len();
        self.pieces.push(chunk);
        Ok(())
    }

    /// Bytes of all chunks.
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Bytes> {
        self.pieces.iter()
    }

    /// Whether both bodies are the same bytes, however they were cut.
    pub(crate) fn same_bytes(&self, other: &Self) -> bool {
        if self.bytes != other.bytes {
            return false;
        }
        let (mut left, mut right) = (self.pieces.iter(), other.pieces.iter());
        let (mut a, mut b): (&[u8], &[u8]) = (&[], &[]);
        loop {
            if a.is_empty() {
                a = left.next().map_or(&[], |chunk| chunk);
            }
            if b.is_empty() {
                b = right.next().map_or(&[], |chunk| chunk);
            }
            let both = a.len().min(b.len());
            if both == 0 {
                // Equal totals: when one side has ended (or holds an empty chunk) look again.
                if a.is_empty() && left.len() == 0 || b.is_empty() && right.len() == 0 {
                    return true;
                }
                continue;
            }
            if a[..both] != b[..both] {
                return false;
            }
            (a, b) = (&a[both..], &b[both..]);
        }
    }

    /// The body in one piece; copies only when it came in several.
    pub(crate) fn joined(&self) -> Bytes {
        match self.pieces.as_slice() {
            [] => Bytes::new(),
            [one] => one.clone(),
            many => many.concat().into(),
        }
    }
}

/// How the copying of a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is still passing.
    Open,
    /// All of it is there.
    Whole,
    /// It outgrew its limit.
    TooLarge,
    /// The shadow side holds as much as it may.
    NoRoom,
    /// It broke off on its way to or from legacy.
    Broken,
}

/// The copy while it is being made; cloned into the body that passes and the task that waits.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    chunks: RefCell<Option<Chunks>>,
    limit: usize,
    end: Cell<End>,
    waker: RefCell<Option<Waker>>,
}

impl Capture {
    pub(crate) fn new(limit: usize, budget: &Arc<Budget>) -> Self {
        Self {
            shared: Rc::new(Shared {
                chunks: RefCell::new(Some(Chunks::new(budget))),
                limit,
                end: Cell::new(End::Open),
                waker: RefCell::new(None),
            }),
        }
    }

    /// Keeps a chunk, by reference. Never waits and never fails the body that passes.
    pub(crate) fn push(&self, chunk: &Bytes) {
        if self.shared.end.get() != End::Open {
            return;
        }
        let kept = match self.shared.chunks.borrow_mut().as_mut() {
            Some(chunks) => chunks.push(chunk.clone(), self.shared.limit),
            None => return,
        };
        if let Err(end) = kept {
            self.finish(end);
        }
    }

    /// The body has ended; the first end counts.
    pub(crate) fn finish(&self, end: End) {
        if self.shared.end.get() != End::Open {
            return;
        }
        self.shared.end.set(end);
        if end != End::Whole {
            *self.shared.chunks.borrow_mut() = None;
        }
        if let Some(waker) = self.shared.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    pub(crate) fn end(&self) -> End {
        self.shared.end.get()
    }

    fn poll_end(&self, cx: &Context<'_>) -> Poll<End> {
        let end = self.end();
        if end != End::Open {
            return Poll::Ready(end);
        }
        *self.shared.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Waits for the end, then hands out the chunks of a whole body.
    pub(crate) async fn whole(&self) -> Result<Chunks, End> {
        let end = Ended { capture: self }.await;
        match self.shared.chunks.borrow_mut().take() {
            Some(chunks) if end == End::Whole => Ok(chunks),
            _ => Err(end),
        }
    }
}

struct Ended<'a> {
    capture: &'a Capture,
}

impl Future for Ended<'_> {
    type Output = End;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        self.capture.poll_end(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(budget: &Arc<Budget>, pieces: &[&'static str]) -> Chunks {
        let mut chunks = Chunks::new(budget);
        for piece in pieces {
            chunks
                .push(Bytes::from_static(piece.as_bytes()), 100)
                .expect("small enough");
        }
        chunks
    }

    #[test]
    fn bodies_are_the_same_however_they_were_cut() {
        let budget = Budget::new(1000);
        for (left, right, same) in [
            (&["abc"][..], &["a", "bc"][..], true),
            (&["ab", "", "c"], &["", "abc", ""], true),
            (&[], &[""], true),
            (&["abc"], &["abd"], false),
            (&["a", "b"], &["a", "c"], false),
            (&["abc"], &["ab"], false),
            (&["abcd", "e"], &["abc", "de"], true),
        ] {
            let (left, right) = (chunks(&budget, left), chunks(&budget, right));
            assert_eq!(left.same_bytes(&right), same, "{left:?} {right:?}");
            assert_eq!(left.joined() == right.joined(), same);
        }
        assert_eq!(budget.held(), 0, "every share came back");
    }

    #[test]
    fn a_capture_keeps_to_its_limit_and_to_the_budget() {
        let budget = Budget::new(10 + PER_CHUNK);
        let small = Capture::new(4, &budget);
        small.push(&Bytes::from_static(b"abc"));
        assert_eq!((small.end(), budget.held()), (End::Open, 3 + PER_CHUNK));
        small.push(&Bytes::from_static(b"de"));
        assert_eq!((small.end(), budget.held()), (End::TooLarge, 0));
        small.push(&Bytes::from_static(b"f"));
        small.finish(End::Whole);
        assert_eq!((small.end(), budget.held()), (End::TooLarge, 0));

        let large = Capture::new(100, &budget);
        large.push(&Bytes::from_static(b"0123456789"));
        assert_eq!((large.end(), budget.held()), (End::Open, 10 + PER_CHUNK));
        large.push(&Bytes::from_static(b"0"));
        assert_eq!((large.end(), budget.held()), (End::NoRoom, 0));
    }

    #[test]
    fn a_body_in_crumbs_is_too_large_before_it_costs_much() {
        let budget = Budget::new(1 << 30);
        let crumbs = Capture::new(1 << 30, &budget);
        for _ in 0..=MANY {
            crumbs.push(&Bytes::from_static(b"x"));
        }
        assert_eq!((crumbs.end(), budget.held()), (End::TooLarge, 0));
        let pieces = Capture::new(1 << 30, &budget);
        for _ in 0..=MANY {
            pieces.push(&Bytes::from_static(&[b'x'; PER_CHUNK]));
        }
        assert_eq!(pieces.end(), End::Open);
    }
}
