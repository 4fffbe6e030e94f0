//! The one writer: looks, lets [`super::policy`] decide, acts, and records before and after.

mod act;
mod error;
mod kept;
mod look;
mod mend;
mod people;

use std::path::PathBuf;
use std::sync::Arc;

pub use error::GateError;
pub use look::{Look, Looking, look_once, recipe_of};

use super::actuator::{Actuator, Lease, Reading};
use super::clock::{Clock, Moment, rfc3339};
use super::config::GateConfig;
use super::journal::Journal;
use super::journal::entry::{Entry, Standing};
use super::notify::{Notice, Notify};
use super::observe::{Alarms, Observation};
use super::policy::Decision;
use super::proof::Running;
use super::signal::Signal;
use super::state::{Aside, State};
use crate::catalogue::Catalogue;

/// The outside world.
pub struct Parts {
    /// The router.
    pub actuator: Box<dyn Actuator>,
    /// What is known of live traffic.
    pub signals: Vec<Box<dyn Signal>>,
    /// Who is told.
    pub notify: Option<Box<dyn Notify>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("actuator", &self.actuator.describe())
            .field("signals", &self.signals.len())
            .finish_non_exhaustive()
    }
}

/// What is judged by, and where.
#[derive(Debug)]
pub struct Setup {
    /// `gate:` of the file.
    pub config: GateConfig,
    /// The catalogue, if there is one.
    pub catalogue: Option<Catalogue>,
    /// Evidence of live traffic.
    pub live: Option<PathBuf>,
    /// A name for this process, for the lock, the lease and the journal.
    pub who: String,
}

/// A gate that holds the right to write.
#[derive(Debug)]
pub struct Gate {
    setup: Setup,
    parts: Parts,
    journal: Journal,
    looking: Looking,
}

impl Gate {
    /// Takes the lease, begins a cut-over where there is none, and mends what a crash left. With
    /// `force` the lease is taken from whoever has it.
    pub async fn open(
        setup: Setup,
        mut parts: Parts,
        journal: Journal,
        force: bool,
    ) -> Result<Self, GateError> {
        match parts.actuator.lease(&setup.who, force).await? {
            Lease::Held => {}
            Lease::Foreign { holder } => return Err(GateError::Lease { holder }),
        }
        let now = parts.clock.now();
        let looking = Looking::new(Observation::begin(now, Alarms::new(&setup.config)), now);
        let mut gate = Self {
            setup,
            parts,
            journal,
            looking,
        };
        // A journal that was damaged is not begun anew: that would forget what core serves.
        if gate.standing().run_id.is_empty() && gate.journal.contents().broken.is_none() {
            gate.begin(1)?;
        }
        super::word::forget(gate.journal.folder());
        gate.go_on();
        Ok(gate)
    }

    /// Where the cut-over stands.
    pub fn standing(&self) -> &Standing {
        self.journal.standing()
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What the gate was set up with.
    pub fn config(&self) -> &GateConfig {
        &self.setup.config
    }

    /// The moment of the last look.
    pub fn looked_at(&self) -> Moment {
        self.looking.at
    }

    /// The present moment, by the gate's clock.
    pub fn now(&self) -> Moment {
        self.parts.clock.now()
    }

    /// Between two looks.
    pub async fn pause(&self) {
        self.parts
            .clock
            .sleep(self.setup.config.tick.duration())
            .await;
    }

    /// Gives the right to write back.
    pub async fn close(mut self) -> Result<(), GateError> {
        let who = self.setup.who.clone();
        Ok(self.parts.actuator.release(&who).await?)
    }

    fn write(&mut self, entry: Entry) -> Result<u64, GateError> {
        let now = self.parts.clock.now();
        Ok(self.journal.write(entry, now.wall_ms)?)
    }

    fn begin(&mut self, attempt: u32) -> Result<(), GateError> {
        // Random enough to tell two cut-overs apart, and readable.
        let seed = format!("{}{}{attempt}", self.setup.who, self.now().wall_ms);
        let run_id = super::record::sha256(seed.as_bytes())[..12].to_owned();
        self.write(Entry::Begun {
            run_id,
            attempt,
            tool: env!("CARGO_PKG_VERSION").to_owned(),
        })?;
        self.observe_anew();
        Ok(())
    }

    /// At most one transition.
    pub async fn step(&mut self) -> Result<Look, GateError> {
        let who = self.setup.who.clone();
        if let Lease::Foreign { holder } = self.parts.actuator.lease(&who, false).await? {
            return Err(GateError::Lease { holder });
        }
        if self.standing().state == State::RollingBack
            || self.standing().open.is_some()
            || self.standing().under_way.is_some()
        {
            self.recover().await?;
        }
        let mut look = self.look().await;
        if let Some((reason, restore)) = look.drift.clone() {
            self.drifted(reason, restore).await?;
            look.state = self.standing().state;
            look.aside.clone_from(&self.standing().aside);
            return Ok(look);
        }
        self.accept(&look)?;
        match look.decision.clone() {
            Decision::Advance { to } => {
                self.clear_aside().await?;
                self.advance(to, &look).await?;
            }
            Decision::Restart { to, reason } => {
                self.restart(to, &reason).await?;
            }
            Decision::RollBack { reason } => self.roll_back(&reason).await?,
            Decision::Complete => {}
            Decision::Hold { reason, cause } => {
                if matches!(self.standing().state, State::RolledBack | State::Aborted) {
                    if self.begin_again(&look)? {
                        look.decision = Decision::Hold {
                            reason: format!("attempt {} begins", self.standing().attempt),
                            cause: super::policy::Cause::Insufficient,
                        };
                    }
                } else if cause == super::policy::Cause::Insufficient {
                    // Waiting is no hold: it is what a step takes.
                    self.clear_aside().await?;
                } else {
                    self.hold(&reason).await?;
                }
            }
        }
        self.keep();
        look.reached = self.standing().state;
        look.aside.clone_from(&self.standing().aside);
        look.evidence = self.standing().evidence_hash();
        Ok(look)
    }

    /// After a rollback another build of core begins anew; the same one does not. Returns whether it did.
    fn begin_again(&mut self, look: &Look) -> Result<bool, GateError> {
        let standing = self.standing();
        let known = !look.running.groups.is_empty();
        let same = look
            .running
            .groups
            .iter()
            .any(|(_, names)| names.iter().any(|name| standing.rolled_back.contains(name)));
        let aborted = standing.state == State::Aborted;
        if (known && !same) || aborted {
            let attempt = standing.attempt + u32::from(!aborted);
            self.begin(attempt)?;
            return Ok(true);
        }
        Ok(false)
    }

    async fn hold(&mut self, reason: &str) -> Result<(), GateError> {
        let name = |reason: &str| reason.split(':').next().unwrap_or_default().to_owned();
        let known = match &self.standing().aside {
            Some(Aside::Hold { reason: known }) => name(known) == name(reason),
            _ => false,
        };
        if !known {
            self.write(Entry::Aside {
                aside: Some(Aside::Hold {
                    reason: reason.to_owned(),
                }),
            })?;
            let live = self.standing().state.is_live();
            self.tell("hold", reason, live).await;
        }
        Ok(())
    }

    async fn clear_aside(&mut self) -> Result<(), GateError> {
        if self.standing().aside.is_some() {
            self.write(Entry::Aside { aside: None })?;
            self.tell("recovery", "nothing holds the cut-over up any more", false)
                .await;
        }
        Ok(())
    }

    /// Writes down evidence that holds and is new. An approval of what was there before ends by it.
    fn accept(&mut self, look: &Look) -> Result<(), GateError> {
        let now_ms = self.now().wall_ms;
        for record in &look.proved {
            let known = self
                .standing()
                .evidence
                .iter()
                .find(|known| known.kind == record.kind);
            let same = known.is_some_and(|known| {
                known.core == record.core
                    && known.catalogue == record.catalogue
                    && known.file == record.file
                    && known.expires_ms > now_ms
            });
            if !same {
                self.write(Entry::Evidence {
                    record: record.clone(),
                })?;
            }
        }
        Ok(())
    }

    async fn tell(&mut self, kind: &'static str, title: &str, urgent: bool) {
        let notice = Notice {
            run_id: self.standing().run_id.clone(),
            at: rfc3339(self.now().wall_ms),
            kind,
            title: format!("{}: {title}", self.standing().state),
            lines: vec![self.standing().route.to_string()],
            urgent,
        };
        if let Some(notify) = &mut self.parts.notify
            && let Err(why) = notify.send(&notice).await
        {
            // Nothing waits for it: the journal has it.
            crate::cli::terminal::say(&format!("warning: nobody was told ({why})"));
        }
    }
}

/// What runs as core, by router and signals.
pub fn running(reading: Option<&Reading>, observation: &Observation) -> Running {
    let mut running = Running::default();
    if let Some(reading) = reading {
        running.add("router", reading.core_identities.iter().cloned());
    }
    if let Some(told) = &observation.identity
        && let Ok(names) = &told.seen
    {
        running.add(&told.source, names.iter().cloned());
    }
    running
}

#[cfg(test)]
mod tests;
