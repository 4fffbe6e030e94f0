//! What runs behind the services: replicas, identities, removal.

use serde_json::{Value, json};

use super::{
    Cluster, DEPLOYMENT, INGRESS, Kind, MANAGER, POD, ROUTE, SERVICE, name, text, version,
};
use crate::gate::actuator::{ActuateError, LegacyPart, Preflight, Replicas};

/// Names of the parts of both sides.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) legacy_service: String,
    pub(super) core_service: String,
    pub(super) legacy_deployment: String,
    pub(super) core_deployment: String,
}

/// What a reading tells of what runs.
#[derive(Debug, Default)]
pub(super) struct Running {
    pub(super) legacy: Option<Replicas>,
    pub(super) core: Option<Replicas>,
    pub(super) core_identities: Vec<String>,
}

impl Parts {
    pub(super) async fn read(&self, cluster: &mut Cluster) -> Result<Running, ActuateError> {
        let legacy = cluster.find(DEPLOYMENT, &self.legacy_deployment).await?;
        let core = cluster.find(DEPLOYMENT, &self.core_deployment).await?;
        let core_identities = match &core {
            Some(core) => identities(cluster, core).await?,
            None => Vec::new(),
        };
        Ok(Running {
            legacy: legacy.as_ref().map(replicas),
            core: core.as_ref().map(replicas),
            core_identities,
        })
    }

    /// Whether the services and what runs behind them exist.
    pub(super) async fn preflight(
        &self,
        cluster: &mut Cluster,
    ) -> Result<Vec<Preflight>, ActuateError> {
        let mut found = Vec::new();
        for (name, kind, object) in [
            ("router.legacy_service", SERVICE, &self.legacy_service),
            ("router.core_service", SERVICE, &self.core_service),
            (
                "router.legacy_deployment",
                DEPLOYMENT,
                &self.legacy_deployment,
            ),
            ("router.core_deployment", DEPLOYMENT, &self.core_deployment),
        ] {
            let there = cluster.find(kind, object).await?.is_some();
            found.push(Preflight {
                name: name.to_owned(),
                fault: (!there).then(|| format!("{} does not exist", kind.named(object))),
                query: format!("GET {}", cluster.path(kind, object)),
            });
        }
        Ok(found)
    }

    pub(super) async fn scale_legacy(
        &self,
        cluster: &mut Cluster,
        replicas: u32,
    ) -> Result<(), ActuateError> {
        let deployment = cluster.get(DEPLOYMENT, &self.legacy_deployment).await?;
        // Read just now: the version of a deployment moves with every pod that becomes ready, so one
        // read earlier would conflict with nobody's change.
        let change = json!({ "spec": { "replicas": replicas } });
        let name = &self.legacy_deployment;
        cluster
            .merge(DEPLOYMENT, name, version(&deployment), change)
            .await
            .map(drop)
    }

    pub(super) fn preview_scale(&self, cluster: &Cluster, replicas: u32) -> String {
        let what = format!("spec.replicas: {replicas} ({MANAGER})");
        cluster.preview("PATCH", DEPLOYMENT, &self.legacy_deployment, &what)
    }

    fn part(&self, part: LegacyPart) -> (Kind, &str) {
        match part {
            LegacyPart::Workload => (DEPLOYMENT, &self.legacy_deployment),
            LegacyPart::Service => (SERVICE, &self.legacy_service),
        }
    }

    pub(super) fn preview_remove(&self, cluster: &Cluster, part: LegacyPart) -> String {
        let (kind, name) = self.part(part);
        cluster.preview("DELETE", kind, name, "if still the one that was read")
    }

    /// Removes a part of legacy, unless a route still leads there.
    pub(super) async fn remove(
        &self,
        cluster: &mut Cluster,
        part: LegacyPart,
    ) -> Result<(), ActuateError> {
        let references = self.references(cluster, "").await?;
        if !references.is_empty() {
            return Err(ActuateError::Refused {
                what: self.legacy_service.clone(),
                reason: format!("still in use by {}", references.join(", ")),
            });
        }
        let (kind, name) = self.part(part);
        match cluster.find(kind, name).await? {
            Some(object) => cluster.delete(kind, &object).await,
            None => Ok(()),
        }
    }

    /// Routes of the namespace that lead to legacy's service, but for the object `own`.
    pub(super) async fn references(
        &self,
        cluster: &mut Cluster,
        own: &str,
    ) -> Result<Vec<String>, ActuateError> {
        let mut found = Vec::new();
        for kind in [INGRESS, ROUTE] {
            let objects = match cluster.list(kind, "").await {
                Ok(objects) => objects,
                // A cluster without the Gateway API.
                Err(ActuateError::Missing { .. }) => Vec::new(),
                Err(error) => return Err(error),
            };
            for object in objects {
                let named = kind.named(name(&object));
                if named != own && leads_to(&object, &self.legacy_service) {
                    found.push(named);
                }
            }
        }
        Ok(found)
    }
}

/// Whether any backend of a route is `service`.
fn leads_to(object: &Value, service: &str) -> bool {
    let rules = object.pointer("/spec/rules").and_then(Value::as_array);
    let any = |rule: &Value, list: &str, name: &str| {
        let items = rule.pointer(list).and_then(Value::as_array);
        items
            .into_iter()
            .flatten()
            .any(|item| text(item, name) == Some(service))
    };
    text(object, "/spec/defaultBackend/service/name") == Some(service)
        || rules.into_iter().flatten().any(|rule| {
            any(rule, "/http/paths", "/backend/service/name") || any(rule, "/backendRefs", "/name")
        })
}

fn replicas(deployment: &Value) -> Replicas {
    let number = |pointer: &str| {
        let number = deployment.pointer(pointer).and_then(Value::as_u64);
        number.map(|number| u32::try_from(number).unwrap_or(u32::MAX))
    };
    let wanted = number("/spec/replicas").unwrap_or(1);
    // Until the controller has seen the last change, its count speaks of what was wanted before.
    let at = |pointer: &str| deployment.pointer(pointer).and_then(Value::as_u64);
    let seen = at("/status/observedGeneration") >= at("/metadata/generation");
    let ready = number("/status/readyReplicas").unwrap_or(0);
    Replicas {
        wanted,
        ready: if seen { ready } else { 0 },
    }
}

/// The images that the pods of a deployment run, by digest: a tag is no identity.
async fn identities(
    cluster: &mut Cluster,
    deployment: &Value,
) -> Result<Vec<String>, ActuateError> {
    let labels = deployment
        .pointer("/spec/selector/matchLabels")
        .and_then(Value::as_object);
    let Some(labels) = labels.filter(|labels| !labels.is_empty()) else {
        return Ok(Vec::new());
    };
    let selector: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    let pods = cluster.list(POD, &selector.join(",")).await?;
    let serving = pods.iter().filter(|pod| {
        text(pod, "/status/phase") == Some("Running")
            && pod.pointer("/metadata/deletionTimestamp").is_none()
    });
    // The service's own container comes first by custom; sidecars follow.
    let container = text(deployment, "/spec/template/spec/containers/0/name");
    Ok(serving
        .map(|pod| {
            let statuses = pod
                .pointer("/status/containerStatuses")
                .and_then(Value::as_array);
            let id = statuses
                .into_iter()
                .flatten()
                .find(|status| text(status, "/name") == container)
                .and_then(|status| text(status, "/imageID"))
                .unwrap_or_default();
            id.rsplit_once('@')
                .map_or(id, |(_, digest)| digest)
                .to_owned()
        })
        .collect())
}
