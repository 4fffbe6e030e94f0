//! What a crash left or somebody changed by hand: journal and router together say what it was.

use super::{Gate, GateError};
use crate::gate::actuator::Act;
use crate::gate::journal::entry::Entry;
use crate::gate::journal::recover::{Found, found};
use crate::gate::state::Aside;
use crate::gate::weight::Weight;

impl Gate {
    /// Mends what a crash left, as journal and router together say. Returns what was found.
    pub async fn recover(&mut self) -> Result<Found, GateError> {
        let reading = self.parts.actuator.read().await?;
        let what = found(self.standing(), &reading);
        match &what {
            Found::Clean => {}
            Found::FinishRollback => {
                self.tell("recovery", "a rollback was under way: finishing it", true)
                    .await;
                self.finish_rollback().await?;
            }
            Found::NeverMade { of } => {
                self.write(Entry::Dropped {
                    of: *of,
                    reason: "the process ended before the change was made".to_owned(),
                })?;
            }
            Found::Made { of, applied } => {
                let (of, applied) = (*of, *applied);
                if !applied {
                    self.write(Entry::Applied {
                        of,
                        version: reading.version.clone(),
                    })?;
                }
                self.confirm_open(of).await?;
                self.finish_transition().await?;
            }
            Found::Continue { .. } => self.finish_transition().await?,
            Found::Drift { reason, restore } => self.drifted(reason.clone(), *restore).await?,
        }
        Ok(what)
    }

    /// The router is not as the gate left it: nothing moves until a person says which holds. Where core
    /// was given more, its share goes back first.
    pub(super) async fn drifted(
        &mut self,
        reason: String,
        restore: Option<Weight>,
    ) -> Result<(), GateError> {
        let aside = Some(Aside::Drift {
            reason: reason.clone(),
        });
        if self.standing().aside != aside {
            self.write(Entry::Aside { aside })?;
            self.tell("drift", &reason, true).await;
        }
        if let Some(weight) = restore {
            let state = self.standing().state;
            let act = Act::SetWeight { weight };
            self.carry(act, state, state, 0).await?;
            self.write(Entry::Moved {
                from: state,
                to: state,
                evidence: String::new(),
                reason: format!("core's share was raised by hand and went back to {weight}"),
                before: self.standing().route,
                after: self.standing().route,
            })?;
            self.observe_anew();
        }
        Ok(())
    }
}
