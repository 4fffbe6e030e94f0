//! What was seen in the present state: it outlives the process, and begins anew with each state.

use std::fs;

use super::{Gate, Looking};
use crate::gate::journal::entry::Entry;
use crate::gate::observe::{Kept, Observation};

const OBSERVATION: &str = "observation.json";

impl Gate {
    /// Number of the line that reached the present state: what an observation belongs to.
    fn reached_at(&self) -> u64 {
        let lines = &self.journal.contents().lines;
        lines
            .iter()
            .rev()
            .find(|line| {
                matches!(
                    line.entry,
                    Entry::Moved { .. } | Entry::Adopted { .. } | Entry::Begun { .. }
                )
            })
            .map_or(0, |line| line.seq)
    }

    /// Goes on with the observation that an earlier process kept, if it is of the present state.
    pub(super) fn go_on(&mut self) {
        let path = self.journal.folder().join(OBSERVATION);
        let kept = fs::read(path)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        let now = self.now();
        // A window that ends in the future was kept under another clock: it is worth nothing.
        if let Some(kept) =
            kept.filter(|kept| kept.seq == self.reached_at() && kept.to_ms <= now.wall_ms)
        {
            let from_ms = kept.to_ms;
            self.looking = Looking::new(Observation::go_on(kept, now), now);
            self.looking.from_ms = from_ms;
        }
    }

    /// What was seen so far outlives a crash; that it cannot be kept only costs time.
    pub(super) fn keep(&self) {
        let kept = self
            .looking
            .observation
            .keep(self.reached_at(), self.looking.at);
        let path = self.journal.folder().join(OBSERVATION);
        let fresh = path.with_extension("new");
        if let Ok(bytes) = serde_json::to_vec(&kept)
            && fs::write(&fresh, bytes).is_ok()
        {
            let _kept = fs::rename(fresh, path);
        }
    }

    pub(super) fn observe_anew(&mut self) {
        let now = self.now();
        let alarms = self.looking.observation.alarms.clone();
        let probes = std::mem::take(&mut self.looking.observation.probes);
        let identity = self.looking.observation.identity.take();
        let last = std::mem::take(&mut self.looking.observation.last);
        self.looking.observation = Observation::begin(now, alarms);
        self.looking.observation.probes = probes;
        self.looking.observation.identity = identity;
        self.looking.observation.last = last;
    }
}
