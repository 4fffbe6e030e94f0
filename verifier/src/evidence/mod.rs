//! Evidence of live traffic: what was compared, what differed, and examples that hide whoever sent
//! them.
//!
//! The comparing thread gives every judged exchange to a [`Recorder`], which redacts it before
//! anything is kept. [`store`] is the only file that knows about the database, [`key_file`] reads the
//! key; everything else here is pure.

pub mod adopt;
pub mod collect;
pub mod facts;
pub mod held_to;
pub mod key_file;
pub mod merge;
pub mod noise;
pub mod pace;
pub mod record;
pub mod redact;
pub mod store;
pub mod usage;

#[cfg(test)]
mod tests;

use collect::Collector;
use noise::Paired;
use record::{EndpointTally, Evidence, Run};
use redact::Redactor;

use crate::exchange::Exchange;
use crate::ids::Aligned;
use crate::verdict::Verdict;

/// One exchange with its verdict, in clear.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// When it was judged, in milliseconds since 1970.
    pub at_ms: i64,
    /// The endpoint's path with its placeholders: `/api/v1/rooms/{id}`.
    pub template: &'a str,
    /// The request's fields; names in lower case.
    pub headers: &'a [(String, Vec<u8>)],
    /// The client's role, where the tool that looked can tell: see [`usage::role`].
    pub role: Option<&'a str>,
    /// The request's body, if it is known.
    pub body: Option<&'a [u8]>,
    /// Both answers.
    pub exchange: &'a Exchange,
    /// What came of it.
    pub verdict: &'a Verdict,
}

/// Where evidence is written. No method waits for anything but the writing itself or fails: what could
/// not be written is told and counted, since traffic must go on.
pub trait Recorder: Send {
    /// Takes a judged exchange in. Cheap; writes nothing.
    fn record(&mut self, judged: &Judged<'_>);

    /// Takes the pairing of a request in that a second legacy was asked as well, or could have been.
    fn pair(&mut self, paired: &Paired<'_>);

    /// Takes ids in that were seen to belong together.
    fn ids(&mut self, pairs: &[Aligned]);

    /// Sets an endpoint's counts since the start of the run; they replace what was set before.
    fn tally(&mut self, endpoint: &str, tally: EndpointTally);

    /// Writes what has come together, if it is time: after a second, or after 64 KiB.
    fn flush_if_due(&mut self, now_ms: i64) -> Flushed;

    /// Writes what has come together.
    fn flush(&mut self, now_ms: i64) -> Flushed;

    /// Writes the rest, and that the run has ended in order.
    fn finish(&mut self, now_ms: i64) -> Flushed;
}

/// What became of an attempt to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Whether something was written.
    pub wrote: bool,
    /// Exchanges whose evidence could not be written when it was due, each counted once. It stays in
    /// memory and goes with the next batch that succeeds; if none does before the end, it is lost.
    pub lost: u64,
    /// Why writing failed, for the log. Holds no value of the traffic.
    pub error: Option<String>,
}

/// Evidence in memory alone, for tests and for merging.
#[derive(Debug)]
pub struct Memory {
    collector: Collector,
    run: Run,
}

impl Memory {
    /// Empty evidence of `run`.
    pub fn new(run: Run, redactor: Redactor) -> Self {
        Self {
            collector: Collector::new(redactor),
            run,
        }
    }

    /// All that was recorded.
    pub fn evidence(&self) -> Evidence {
        Evidence {
            runs: [(self.run.id.clone(), self.run.clone())].into(),
            ledger: self.collector.ledger().clone(),
            broken_records: 0,
        }
    }
}

impl Recorder for Memory {
    fn record(&mut self, judged: &Judged<'_>) {
        self.collector.record(judged);
    }

    fn pair(&mut self, paired: &Paired<'_>) {
        self.collector.pair(paired);
    }

    fn ids(&mut self, pairs: &[Aligned]) {
        self.collector.ids(pairs);
    }

    fn tally(&mut self, endpoint: &str, tally: EndpointTally) {
        self.collector.tally(endpoint, tally);
    }

    fn flush_if_due(&mut self, now_ms: i64) -> Flushed {
        self.flush(now_ms)
    }

    fn flush(&mut self, now_ms: i64) -> Flushed {
        let wrote = !self.collector.take_changes().is_empty();
        self.run.written_ms = now_ms;
        Flushed {
            wrote,
            ..Flushed::default()
        }
    }

    fn finish(&mut self, now_ms: i64) -> Flushed {
        self.run.ended_ms = Some(now_ms);
        self.flush(now_ms)
    }
}
