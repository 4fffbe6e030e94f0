//! The right to write, as a `Lease` object: one gate at a time, on whichever machine.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Cluster, LEASE, text, version};
use crate::gate::actuator::{ActuateError, Lease};

/// A holder that has not renewed for so long has lost its right.
const DURATION: Duration = Duration::from_mins(1);

/// The lease of one cut-over.
///
/// A foreign holder's time is judged by how long *this* process has seen its record unchanged, as
/// client-go does: two machines' clocks are never held against each other.
#[derive(Clone, Debug)]
pub(super) struct Right {
    name: String,
    seen: Option<(String, Instant)>,
}

impl Right {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: format!("verifier-gate-{name}"),
            seen: None,
        }
    }

    pub(super) async fn take(
        &mut self,
        cluster: &mut Cluster,
        holder: &str,
        force: bool,
    ) -> Result<Lease, ActuateError> {
        let Some(lease) = cluster.find(LEASE, &self.name).await? else {
            let lease = json!({
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": { "name": self.name },
                "spec": spec(holder),
            });
            return match cluster.create(LEASE, &lease).await {
                Ok(_) => Ok(Lease::Held),
                // Somebody else was quicker.
                Err(ActuateError::Conflict { .. }) => Ok(Lease::Foreign {
                    holder: "another gate".to_owned(),
                }),
                Err(error) => Err(error),
            };
        };
        let has = text(&lease, "/spec/holderIdentity").unwrap_or_default();
        let free = has.is_empty() || has == holder || force || self.expired(&lease);
        if !free {
            return Ok(Lease::Foreign {
                holder: has.to_owned(),
            });
        }
        let change = json!({ "spec": spec(holder) });
        match cluster
            .merge(LEASE, &self.name, version(&lease), change)
            .await
        {
            Ok(_) => Ok(Lease::Held),
            Err(ActuateError::Conflict { .. }) => Ok(Lease::Foreign {
                holder: has.to_owned(),
            }),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn give_back(
        &mut self,
        cluster: &mut Cluster,
        holder: &str,
    ) -> Result<(), ActuateError> {
        let Some(lease) = cluster.find(LEASE, &self.name).await? else {
            return Ok(());
        };
        if text(&lease, "/spec/holderIdentity") != Some(holder) {
            return Ok(());
        }
        let change = json!({ "spec": { "holderIdentity": "" } });
        cluster
            .merge(LEASE, &self.name, version(&lease), change)
            .await
            .map(drop)
    }

    fn expired(&mut self, lease: &Value) -> bool {
        let at = version(lease);
        match &self.seen {
            Some((version, since)) if version == at => since.elapsed() > DURATION,
            _ => {
                self.seen = Some((at.to_owned(), Instant::now()));
                false
            }
        }
    }
}

fn spec(holder: &str) -> Value {
    // MicroTime, as the API writes it. For people: nobody here judges by it.
    let now = jiff::Timestamp::now();
    json!({
        "holderIdentity": holder,
        "leaseDurationSeconds": DURATION.as_secs(),
        "renewTime": format!("{now:.6}"),
    })
}
