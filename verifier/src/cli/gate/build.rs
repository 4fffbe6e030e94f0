//! From configuration to the outside world.

use std::sync::Arc;

use anyhow::bail;

use super::Opened;
use crate::gate::actuator::{Actuator, DryRun};
use crate::gate::clock::Clock;
use crate::gate::config::RouterConfig;
use crate::gate::run::Parts;
use crate::gate::signal::{LiveEvidence, Signal};

/// The router and, for a gate that `sees`, the signals that the configuration names.
pub(super) fn parts(opened: &Opened, clock: Arc<dyn Clock>, sees: bool) -> anyhow::Result<Parts> {
    let signals = if sees { signals(opened)? } else { Vec::new() };
    Ok(Parts {
        actuator: actuator(opened)?,
        signals,
        notify: None,
        clock,
    })
}

fn actuator(opened: &Opened) -> anyhow::Result<Box<dyn Actuator>> {
    let file = opened.state.join("dry-run.json");
    if opened.dry_run {
        return Ok(Box::new(DryRun::new(file)));
    }
    Ok(match &opened.gate.router {
        None => bail!("no router: name one in `gate.router`, or play it with `--dry-run`"),
        Some(RouterConfig::DryRun(config)) => {
            Box::new(DryRun::new(config.file.clone().unwrap_or(file)))
        }
        Some(other) => bail!("{other:?}: this router cannot be driven yet"),
    })
}

fn signals(opened: &Opened) -> anyhow::Result<Vec<Box<dyn Signal>>> {
    let config = &opened.gate.signals;
    let mut signals: Vec<Box<dyn Signal>> = Vec::new();
    if config.evidence {
        let live = opened
            .gate
            .evidence
            .live
            .clone()
            .or_else(|| opened.config.evidence.file.clone());
        let Some(live) = live else {
            bail!(
                "gate.signals.evidence: no evidence is named: `evidence.file` or `gate.evidence.live`"
            );
        };
        signals.push(Box::new(LiveEvidence::new(live)));
    }
    Ok(signals)
}
