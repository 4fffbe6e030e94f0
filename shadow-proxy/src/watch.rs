//! Time limits without a timer per request: every socket carries a [`Watch`], and one sweep per
//! thread looks at all of them four times a second.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

/// How often a thread looks at its watches, so how late a limit may be noticed.
pub(crate) const TICK: Duration = Duration::from_millis(250);

const NEVER: u64 = u64::MAX;

/// Time limits of one socket. All times are milliseconds since the thread began.
#[derive(Debug)]
pub(crate) struct Watch {
    sweep: Rc<Sweep>,
    /// Longest wait without progress; `NEVER` for no limit.
    stall_ms: Cell<u64>,
    /// How long the present wait may last.
    wait_ms: Cell<u64>,
    /// When the present wait has lasted too long; `NEVER` while nobody waits.
    stall_at: Cell<u64>,
    /// When the present exchange must be over, whatever its progress.
    deadline: Cell<u64>,
    expired: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    bytes_read: Cell<u64>,
}

impl Watch {
    /// Whether a limit was passed. It stays so: the socket is of no more use.
    pub(crate) fn expired(&self) -> bool {
        self.expired.get()
    }

    /// Ends the socket at its next poll, as a passed limit would.
    pub(crate) fn expire(&self) {
        self.expired.set(true);
        self.wake();
    }

    /// From now on a wait may last `stall`; a wait under way starts anew.
    pub(crate) fn allow_stall(&self, stall: Duration) {
        let stall_ms = millis(stall);
        self.stall_ms.set(stall_ms);
        if self.stall_at.get() != NEVER {
            self.wait_ms.set(stall_ms);
            self.stall_at
                .set(self.sweep.now_ms().saturating_add(stall_ms));
        }
    }

    /// The exchange must be over in `within`; `None` lifts the limit.
    pub(crate) fn finish_within(&self, within: Option<Duration>) {
        let at = within.map_or(NEVER, |within| {
            self.sweep.now_ms().saturating_add(millis(within))
        });
        self.deadline.set(at);
    }

    /// A read moved bytes or found the end: nobody waits for input any more.
    pub(crate) fn progressed(&self) {
        self.stall_at.set(NEVER);
    }

    /// A write moved bytes. Whoever waits for input goes on waiting, from now.
    pub(crate) fn wrote(&self) {
        if self.stall_at.get() != NEVER {
            self.stall_at
                .set(self.sweep.now_ms().saturating_add(self.wait_ms.get()));
        }
    }

    /// A poll found nothing to do and waits for `waker`, as long as [`Watch::allow_stall`] said.
    pub(crate) fn waits(&self, waker: &Waker) {
        self.waits_ms(waker, self.stall_ms.get());
    }

    /// A poll found nothing to do and waits for `waker`, at most for `stall` without progress.
    pub(crate) fn waits_at_most(&self, waker: &Waker, stall: Duration) {
        self.waits_ms(waker, millis(stall));
    }

    /// Polls the waiting task again, for instance because what it may read has changed.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    fn waits_ms(&self, waker: &Waker, stall_ms: u64) {
        if self.stall_at.get() == NEVER {
            self.wait_ms.set(stall_ms);
            self.stall_at
                .set(self.sweep.now_ms().saturating_add(stall_ms));
        }
        let mut held = self.waker.borrow_mut();
        if !held.as_ref().is_some_and(|held| held.will_wake(waker)) {
            *held = Some(waker.clone());
        }
    }

    /// Counts bytes that came from the peer.
    pub(crate) fn read(&self, bytes: usize) {
        self.bytes_read.set(self.bytes_read.get() + bytes as u64);
    }

    /// Bytes that came from the peer since the socket was opened.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.get()
    }
}

/// All watches of one thread, and its coarse clock.
#[derive(Debug)]
pub(crate) struct Sweep {
    began: Instant,
    now_ms: Cell<u64>,
    watches: RefCell<Vec<Weak<Watch>>>,
}

impl Sweep {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            began: Instant::now(),
            now_ms: Cell::new(0),
            watches: RefCell::new(Vec::new()),
        })
    }

    /// Milliseconds since the thread began, as of the last sweep: reading it costs no system call.
    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// A watch without limits that this sweep looks after until it is dropped.
    pub(crate) fn watch(self: &Rc<Self>) -> Rc<Watch> {
        let watch = Rc::new(Watch {
            sweep: Rc::clone(self),
            stall_ms: Cell::new(NEVER),
            wait_ms: Cell::new(NEVER),
            stall_at: Cell::new(NEVER),
            deadline: Cell::new(NEVER),
            expired: Cell::new(false),
            waker: RefCell::new(None),
            bytes_read: Cell::new(0),
        });
        self.watches.borrow_mut().push(Rc::downgrade(&watch));
        watch
    }

    /// Moves the clock and ends what waited too long.
    pub(crate) fn run(&self) {
        let now = millis(self.began.elapsed());
        self.now_ms.set(now);
        let mut late = Vec::new();
        self.watches.borrow_mut().retain(|watch| {
            let Some(watch) = watch.upgrade() else {
                return false;
            };
            if !watch.expired() && (watch.stall_at.get() <= now || watch.deadline.get() <= now) {
                late.push(watch);
            }
            true
        });
        // Woken outside the borrow: a waker may run code that opens a socket.
        for watch in late {
            watch.expire();
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_expires_and_progress_starts_it_anew() {
        let sweep = Sweep::new();
        let watch = sweep.watch();
        watch.allow_stall(Duration::ZERO);
        sweep.run();
        assert!(!watch.expired(), "nobody waits");
        watch.waits(Waker::noop());
        watch.progressed();
        sweep.run();
        assert!(!watch.expired(), "the wait ended in time");
        watch.waits(Waker::noop());
        sweep.run();
        assert!(watch.expired());
        drop(watch);
        sweep.run();
        assert!(
            sweep.watches.borrow().is_empty(),
            "a dropped socket is forgotten"
        );
    }

    #[test]
    fn a_deadline_holds_whatever_the_progress() {
        let sweep = Sweep::new();
        let watch = sweep.watch();
        watch.finish_within(Some(Duration::ZERO));
        watch.finish_within(None);
        sweep.run();
        assert!(!watch.expired());
        watch.finish_within(Some(Duration::ZERO));
        watch.progressed();
        sweep.run();
        assert!(watch.expired());
    }
}
