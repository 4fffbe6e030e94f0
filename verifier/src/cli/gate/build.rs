//! From configuration to the outside world.

use std::sync::Arc;

use anyhow::bail;

use super::Opened;
#[cfg(feature = "kubernetes")]
use crate::gate::actuator::kubernetes::{GatewayApi, IngressNginx};
use crate::gate::actuator::{Actuator, DryRun, Exec, Nginx};
use crate::gate::clock::Clock;
use crate::gate::config::RouterConfig;
use crate::gate::notify::Notify;
use crate::gate::run::Parts;
use crate::gate::signal::{Command, Identity, LiveEvidence, Probe, Prometheus, Signal};
use crate::gate::webhook::Webhook;

/// The router and, for a gate that `sees`, the signals that the configuration names.
pub(super) fn parts(opened: &Opened, clock: Arc<dyn Clock>, sees: bool) -> anyhow::Result<Parts> {
    let signals = if sees { signals(opened)? } else { Vec::new() };
    let webhook = opened.gate.webhook.as_ref().map(Webhook::new);
    Ok(Parts {
        actuator: actuator(opened)?,
        signals,
        notify: webhook.map(|webhook| Box::new(webhook) as Box<dyn Notify>),
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
        #[cfg(feature = "kubernetes")]
        Some(RouterConfig::IngressNginx(config)) => Box::new(IngressNginx::new(config)),
        #[cfg(feature = "kubernetes")]
        Some(RouterConfig::GatewayApi(config)) => Box::new(GatewayApi::new(config)),
        #[cfg(not(feature = "kubernetes"))]
        Some(RouterConfig::IngressNginx(_) | RouterConfig::GatewayApi(_)) => {
            bail!("this `verifier` was built without its feature `kubernetes`")
        }
        Some(RouterConfig::Nginx(config)) => Box::new(Nginx::new(config)),
        Some(RouterConfig::Exec(config)) => Box::new(Exec::new(config)),
    })
}

fn signals(opened: &Opened) -> anyhow::Result<Vec<Box<dyn Signal>>> {
    let config = &opened.gate.signals;
    let mut signals: Vec<Box<dyn Signal>> = Vec::new();
    if let Some(prometheus) = &config.prometheus {
        signals.push(Box::new(Prometheus::new(prometheus)));
    }
    for probe in &config.probes {
        signals.push(Box::new(Probe::new(probe)));
    }
    for command in &config.commands {
        signals.push(Box::new(Command::new(command)));
    }
    if let Some(identity) = &config.identity {
        signals.push(Box::new(Identity::new(identity)));
    }
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
