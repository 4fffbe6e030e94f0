//! Whether a write may have come between the two answers of a pair.
//!
//! Core is asked after legacy has answered, so a write of another client can change the data in
//! between, and then a sound core answers differently. No second look is taken, because neither
//! service gets a request that no client made; such a pair is told apart instead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the writes of all lanes. Writes that reach legacy without passing this process are unknown
/// to it.
#[derive(Debug, Default)]
pub(crate) struct WriteClock {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A write on its way; over when dropped.
#[derive(Debug)]
pub(crate) struct Write {
    clock: Arc<WriteClock>,
}

/// The moment at which a read began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Began {
    ended: u64,
}

impl WriteClock {
    /// A write goes to legacy.
    pub(crate) fn write(self: &Arc<Self>) -> Write {
        self.begun.fetch_add(1, Ordering::SeqCst);
        Write {
            clock: Arc::clone(self),
        }
    }

    /// A read goes to legacy.
    pub(crate) fn read(&self) -> Began {
        Began {
            ended: self.ended.load(Ordering::SeqCst),
        }
    }

    /// Whether any write was under way at some moment since: it had begun by now, and not ended then.
    pub(crate) fn raced(&self, began: Began) -> bool {
        self.begun.load(Ordering::SeqCst) != began.ended
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        self.clock.ended.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_raced_by_every_write_that_overlaps_it_and_by_no_other() {
        let clock = Arc::new(WriteClock::default());
        drop(clock.write());
        let alone = clock.read();
        assert!(!clock.raced(alone), "the write was over before");
        let before = clock.write();
        let inside = clock.read();
        assert!(clock.raced(inside), "it was under way at the start");
        drop(before);
        assert!(clock.raced(inside), "it ended in between");
        let free = clock.read();
        drop(clock.write());
        assert!(clock.raced(free), "it began and ended in between");
        assert!(!clock.raced(clock.read()));
    }
}
