//! What people say to the gate: that the next step may be made, that the router is right as it is.

use super::{Gate, GateError};
use crate::gate::checks;
use crate::gate::config::is_open;
use crate::gate::journal::entry::{Entry, Route};
use crate::gate::state::State;
use crate::gate::word::{Answer, Word, take_up};
use crate::jwt::cell::Side;

impl Gate {
    /// Approves the step that waits for a person. `evidence` is the hash that was looked at, or its
    /// beginning.
    pub async fn approve(
        &mut self,
        evidence: &str,
        by: Option<String>,
    ) -> Result<State, GateError> {
        let standing = self.standing();
        let to = standing
            .state
            .next(&self.setup.config.ladder)
            .filter(|to| checks::needs_approval(*to))
            .ok_or_else(|| {
                GateError::NotNow(format!(
                    "nothing waits for an approval at {}",
                    standing.state
                ))
            })?;
        let hash = standing.evidence_hash();
        if hash.is_empty() || evidence.len() < 8 || !hash.starts_with(evidence) {
            return Err(GateError::NotNow(format!(
                "`{evidence}` is not the evidence that was accepted ({}): look at it with `gate status`",
                if hash.is_empty() { "none" } else { &hash[..16] }
            )));
        }
        let open: Vec<&str> = self
            .setup
            .config
            .contacts
            .iter()
            .filter(|(_, who)| is_open(who))
            .map(|(role, _)| role.as_str())
            .collect();
        if !open.is_empty() {
            return Err(GateError::NotNow(format!(
                "gate.contacts: left open: {}; nobody could be called",
                open.join(", ")
            )));
        }
        self.write(Entry::Approved {
            to,
            evidence: hash,
            by,
        })?;
        self.tell("approval", &format!("{to} approved"), false)
            .await;
        Ok(to)
    }

    /// Takes over what the router shows.
    pub async fn adopt(&mut self, by: Option<String>) -> Result<State, GateError> {
        let reading = self.parts.actuator.read().await?;
        if !reading.surprises.is_empty() {
            return Err(GateError::NotNow(format!(
                "the router cannot be taken over like this: {}",
                reading.surprises.join("; ")
            )));
        }
        let route = Route::of(&reading);
        let now = self.standing().state;
        let state = adopted(now, route);
        self.write(Entry::Adopted { route, state, by })?;
        self.observe_anew();
        self.tell(
            "drift",
            &format!("taken over by hand: {route}, so {state}"),
            false,
        )
        .await;
        Ok(state)
    }

    /// Does what people have said since, see [`crate::gate::word`]. Returns whether anybody had.
    pub async fn listen(&mut self) -> bool {
        let words = take_up(self.journal.folder(), self.now().wall_ms);
        let any = !words.is_empty();
        for waiting in words {
            let by = Some(waiting.said.by.clone());
            let done = match &waiting.said.word {
                Word::Approve { evidence } => self
                    .approve(evidence, by)
                    .await
                    .map(|to| format!("{to} approved")),
                Word::Adopt => self
                    .adopt(by)
                    .await
                    .map(|state| format!("taken over: {state}")),
            };
            waiting.answer(&match done {
                Ok(text) => Answer { exit: 0, text },
                Err(error) => Answer {
                    exit: error.exit() as u8,
                    text: error.to_string(),
                },
            });
        }
        any
    }
}

/// The state that a route taken over by hand means.
fn adopted(now: State, route: Route) -> State {
    match (route.main, route.weight) {
        (Side::Core, _) if now == State::Soak => State::Soak,
        (Side::Core, _) => State::Switched,
        (Side::Legacy, weight) if !weight.is_none() => State::Canary(weight),
        _ if now.is_live() => State::RolledBack,
        _ => now,
    }
}
