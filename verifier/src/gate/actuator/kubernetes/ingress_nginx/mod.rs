//! ingress-nginx: a second Ingress with canary annotations takes its share from the main one.
//!
//! What the annotations mean, and what silently does nothing, follows the controller's source: headers,
//! cookies and session affinity are looked at before the weight; a weight that is no number counts as
//! 0; a canary whose service is already the main one's is dropped; a canary whose host, path and path
//! type have no twin in the main Ingress is dropped.

mod read;
mod write;

use serde_json::Value;

use super::lease::Right;
use super::workload::Parts;
use super::{Cluster, INGRESS, version};
use crate::gate::actuator::{Act, ActuateError, Actuator, Lease, Mark, Preflight, Reading};
use crate::gate::clock::Pending;
use crate::gate::config::IngressNginxConfig;
use crate::jwt::cell::Side;

const NGINX: &str = "nginx.ingress.kubernetes.io/";

/// The canary annotations of ingress-nginx.
#[derive(Clone, Debug)]
pub struct IngressNginx {
    cluster: Cluster,
    main: String,
    canary: String,
    parts: Parts,
    right: Right,
}

impl IngressNginx {
    /// Connects with the first request.
    pub fn new(config: &IngressNginxConfig) -> Self {
        Self {
            cluster: Cluster::new(config.cluster.clone()),
            main: config.main.clone(),
            canary: config.canary.clone(),
            parts: Parts {
                legacy_service: config.legacy_service.clone(),
                core_service: config.core_service.clone(),
                legacy_deployment: config.legacy_deployment.clone(),
                core_deployment: config.core_deployment.clone(),
            },
            right: Right::new(&config.main),
        }
    }
}

/// The versions of both objects, as one text that means nothing to others.
struct Versions {
    main: String,
    canary: Option<String>,
}

impl Versions {
    fn of(main: &Value, canary: Option<&Value>) -> Self {
        Self {
            main: version(main).to_owned(),
            canary: canary.map(|canary| version(canary).to_owned()),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (main, canary) = text.split_once('/')?;
        Some(Self {
            main: main.to_owned(),
            canary: (canary != "-").then(|| canary.to_owned()),
        })
    }
}

impl std::fmt::Display for Versions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.main, self.canary.as_deref().unwrap_or("-"))
    }
}

impl Actuator for IngressNginx {
    fn describe(&self) -> String {
        format!(
            "ingress-nginx {}/{} with canary {}",
            self.cluster.space(),
            self.main,
            self.canary
        )
    }

    fn preview(&self, act: Act) -> Vec<String> {
        let patch = |name: &str, what: &str| {
            let what = format!("{what}, if unchanged since it was read");
            self.cluster.preview("PATCH", INGRESS, name, &what)
        };
        match act {
            Act::SetWeight { weight } => vec![patch(
                &self.canary,
                &format!(
                    "{NGINX}canary: \"true\", {NGINX}canary-weight: \"{}\"",
                    weight.percent()
                ),
            )],
            Act::SwitchMain { to } => {
                let service = match to {
                    Side::Legacy => &self.parts.legacy_service,
                    Side::Core => &self.parts.core_service,
                };
                vec![patch(&self.main, &format!("backend service: {service}"))]
            }
            Act::RemoveCanary => vec![
                patch(&self.main, "the gate's mark"),
                self.cluster.preview(
                    "DELETE",
                    INGRESS,
                    &self.canary,
                    "if still the one that was read",
                ),
            ],
            Act::ScaleLegacy { replicas } => {
                vec![self.parts.preview_scale(&self.cluster, replicas)]
            }
            Act::RemoveLegacy { part } => vec![self.parts.preview_remove(&self.cluster, part)],
        }
    }

    fn preflight(&mut self) -> Pending<'_, Result<Vec<Preflight>, ActuateError>> {
        Box::pin(self.check())
    }

    fn read(&mut self) -> Pending<'_, Result<Reading, ActuateError>> {
        Box::pin(self.look())
    }

    fn apply<'a>(
        &'a mut self,
        act: Act,
        version: &'a str,
        mark: &'a Mark,
    ) -> Pending<'a, Result<String, ActuateError>> {
        Box::pin(self.write(act, version, mark))
    }

    fn lease<'a>(
        &'a mut self,
        holder: &'a str,
        force: bool,
    ) -> Pending<'a, Result<Lease, ActuateError>> {
        Box::pin(self.right.take(&mut self.cluster, holder, force))
    }

    fn release<'a>(&'a mut self, holder: &'a str) -> Pending<'a, Result<(), ActuateError>> {
        Box::pin(self.right.give_back(&mut self.cluster, holder))
    }
}
