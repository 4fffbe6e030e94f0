//! Evidence of live traffic as a source of counts: what core answered to copies of live requests is the
//! best guess at what it would answer. For rehearsals; it never tells what clients got.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Ask, Counts, Sight, Sighting, Signal, Trouble, TroubleKind};
use crate::evidence::record::{Evidence, Histogram, StatusPair};
use crate::evidence::store;
use crate::gate::clock::Pending;
use crate::jwt::cell::Side;

/// Reads the file at each look and tells what was added since the last one.
#[derive(Debug)]
pub struct LiveEvidence {
    path: PathBuf,
    /// Counts of legacy and core at the last look.
    before: Option<[Counts; 2]>,
}

impl LiveEvidence {
    /// The evidence in `path`.
    pub fn new(path: PathBuf) -> Self {
        Self { path, before: None }
    }

    fn look(&mut self, ask: &Ask) -> Vec<Sighting> {
        let source = format!("evidence {}", self.path.display());
        let sighting = |sight| Sighting {
            source: source.clone(),
            query: None,
            at_ms: ask.to_ms,
            sight,
        };
        let evidence = match store::read(&self.path) {
            Ok(evidence) => evidence,
            Err(error) => {
                let trouble = Trouble::new(TroubleKind::Unreachable, error.to_string());
                return Side::BOTH
                    .into_iter()
                    .map(|side| {
                        let seen = Err(trouble.clone());
                        sighting(Sight::Counts { side, seen })
                    })
                    .collect();
            }
        };
        let versions: BTreeSet<String> = evidence
            .runs
            .values()
            .filter_map(|run| run.core_version.clone())
            .collect();
        let all = Side::BOTH.map(|side| counts(&evidence, side, ask));
        let fresh = match (&self.before, &all) {
            (before, [Ok(legacy), Ok(core)]) => {
                let now = [legacy.clone(), core.clone()];
                let fresh = match before {
                    // What was there before the first look is no live traffic of this step.
                    None => [Counts::default(), Counts::default()].map(Ok),
                    Some(before) => [0, 1].map(|at| Ok(less(&now[at], &before[at]))),
                };
                self.before = Some(now);
                fresh
            }
            _ => all,
        };
        let mut sightings: Vec<_> = Side::BOTH
            .into_iter()
            .zip(fresh)
            .map(|(side, seen)| sighting(Sight::Counts { side, seen }))
            .collect();
        if !versions.is_empty() {
            sightings.push(sighting(Sight::Identity {
                seen: Ok(versions.into_iter().collect()),
            }));
        }
        sightings
    }
}

fn less(now: &Counts, before: &Counts) -> Counts {
    Counts {
        requests: now.requests.saturating_sub(before.requests),
        errors: now.errors.saturating_sub(before.errors),
        client_errors: now.client_errors.saturating_sub(before.client_errors),
        slow: now
            .slow
            .iter()
            .enumerate()
            .map(|(at, slow)| slow.saturating_sub(before.slow.get(at).copied().unwrap_or(0)))
            .collect(),
    }
}

fn counts(evidence: &Evidence, side: Side, ask: &Ask) -> Result<Counts, Trouble> {
    let mut counts = Counts {
        slow: vec![0; ask.slow.len()],
        ..Counts::default()
    };
    for record in evidence.ledger.endpoints.values() {
        let tally = &record.tally;
        let pairs = tally
            .equal_by_status
            .iter()
            .chain(&record.different_by_status);
        for (pair, count) in pairs {
            let status = status_of(*pair, side);
            counts.requests = counts.requests.saturating_add(*count);
            match status {
                Some(400..=499) => {
                    counts.client_errors = counts.client_errors.saturating_add(*count);
                }
                None | Some(500..) => counts.errors = counts.errors.saturating_add(*count),
                Some(_) => {}
            }
        }
        let latency: &Histogram = match side {
            Side::Legacy => &tally.reference_latency,
            Side::Core => &tally.candidate_latency,
        };
        for (slow, limit) in counts.slow.iter_mut().zip(&ask.slow) {
            let above = latency.above(limit.duration()).ok_or_else(|| {
                Trouble::new(
                    TroubleKind::NoEdge,
                    format!("the evidence does not count against {limit}; 500ms and 2s are edges"),
                )
            })?;
            *slow = slow.saturating_add(above);
        }
    }
    Ok(counts)
}

const fn status_of(pair: StatusPair, side: Side) -> Option<u16> {
    match side {
        Side::Legacy => Some(pair.reference),
        Side::Core => pair.candidate,
    }
}

impl Signal for LiveEvidence {
    fn name(&self) -> String {
        format!("evidence {}", self.path.display())
    }

    fn preview(&self, _ask: &Ask) -> Vec<String> {
        vec![format!("read {}", self.path.display())]
    }

    fn observe<'a>(&'a mut self, ask: &'a Ask) -> Pending<'a, Vec<Sighting>> {
        let seen = self.look(ask);
        Box::pin(std::future::ready(seen))
    }
}
