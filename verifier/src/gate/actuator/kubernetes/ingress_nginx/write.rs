//! Changes of both Ingresses, each on the version that was read.

use serde_json::{Map, Value, json};

use super::super::{INGRESS, SERVICE, annotation, marked, text, version};
use super::{IngressNginx, NGINX, Versions};
use crate::gate::actuator::{Act, ActuateError, Mark};
use crate::gate::weight::Weight;
use crate::jwt::cell::Side;

impl IngressNginx {
    pub(super) async fn write(
        &mut self,
        act: Act,
        read: &str,
        mark: &Mark,
    ) -> Result<String, ActuateError> {
        let mut versions = Versions::parse(read).ok_or_else(|| ActuateError::Refused {
            what: self.main.clone(),
            reason: "the version is none of this router: read first".to_owned(),
        })?;
        match act {
            Act::SetWeight { weight } => self.set_weight(weight, &mut versions, mark).await?,
            Act::SwitchMain { to } => self.switch(to, &mut versions, mark).await?,
            Act::RemoveCanary => self.remove_canary(&mut versions, mark).await?,
            Act::ScaleLegacy { replicas } => {
                self.parts.scale_legacy(&mut self.cluster, replicas).await?;
            }
            Act::RemoveLegacy { part } => self.parts.remove(&mut self.cluster, part).await?,
        }
        Ok(versions.to_string())
    }

    async fn set_weight(
        &mut self,
        weight: Weight,
        versions: &mut Versions,
        mark: &Mark,
    ) -> Result<(), ActuateError> {
        let mut annotations = marked(mark);
        annotations.insert(format!("{NGINX}canary"), json!("true"));
        annotations.insert(
            format!("{NGINX}canary-weight"),
            json!(weight.percent().to_string()),
        );
        let written = match &versions.canary {
            Some(version) => {
                let change = json!({ "metadata": { "annotations": annotations } });
                self.cluster
                    .merge(INGRESS, &self.canary, version, change)
                    .await?
            }
            None if weight.is_none() => return Ok(()),
            None => {
                let canary = self.new_canary(annotations).await?;
                self.cluster.create(INGRESS, &canary).await?
            }
        };
        versions.canary = Some(version(&written).to_owned());
        Ok(())
    }

    /// A canary Ingress for every path of the main one that leads to legacy.
    async fn new_canary(&mut self, annotations: Map<String, Value>) -> Result<Value, ActuateError> {
        let main = self.cluster.get(INGRESS, &self.main).await?;
        let (legacy, core) = (
            self.parts.legacy_service.clone(),
            self.parts.core_service.clone(),
        );
        let mut spec = json!({ "rules": self.redirected(&main, &legacy, &core, true).await? });
        for key in ["ingressClassName", "tls"] {
            if let Some(value) = main.pointer(&format!("/spec/{key}")) {
                spec[key] = value.clone();
            }
        }
        let mut annotations = annotations;
        let class = "kubernetes.io/ingress.class";
        if let Some(value) = annotation(&main, class) {
            annotations.insert(class.to_owned(), json!(value));
        }
        Ok(json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": { "name": self.canary, "annotations": annotations },
            "spec": spec,
        }))
    }

    /// The rules of an Ingress with `to` in place of `from`; with `only`, nothing but such paths.
    async fn redirected(
        &mut self,
        ingress: &Value,
        from: &str,
        to: &str,
        only: bool,
    ) -> Result<Vec<Value>, ActuateError> {
        let service = self.cluster.get(SERVICE, to).await?;
        let rules = ingress.pointer("/spec/rules").and_then(Value::as_array);
        let mut changed = Vec::new();
        for rule in rules.into_iter().flatten() {
            let mut rule = rule.clone();
            let Some(Value::Array(paths)) = rule.pointer_mut("/http/paths") else {
                if !only {
                    changed.push(rule);
                }
                continue;
            };
            for path in paths.iter_mut() {
                if text(path, "/backend/service/name") == Some(from) {
                    let port = port(&service, path.pointer("/backend/service/port"));
                    path["backend"] = json!({ "service": { "name": to, "port": port } });
                } else if only {
                    *path = Value::Null;
                }
            }
            paths.retain(|path| !path.is_null());
            if !paths.is_empty() || !only {
                changed.push(rule);
            }
        }
        Ok(changed)
    }

    async fn switch(
        &mut self,
        to: Side,
        versions: &mut Versions,
        mark: &Mark,
    ) -> Result<(), ActuateError> {
        let main = self.cluster.get(INGRESS, &self.main).await?;
        if version(&main) != versions.main {
            return Err(ActuateError::Conflict {
                what: INGRESS.named(&self.main),
            });
        }
        let (legacy, core) = (
            self.parts.legacy_service.clone(),
            self.parts.core_service.clone(),
        );
        let (from, to) = match to {
            Side::Core => (legacy, core),
            Side::Legacy => (core, legacy),
        };
        let rules = self.redirected(&main, &from, &to, false).await?;
        let change = json!({
            "metadata": { "annotations": marked(mark) },
            "spec": { "rules": rules },
        });
        let written = self
            .cluster
            .merge(INGRESS, &self.main, &versions.main, change)
            .await?;
        version(&written).clone_into(&mut versions.main);
        Ok(())
    }

    async fn remove_canary(
        &mut self,
        versions: &mut Versions,
        mark: &Mark,
    ) -> Result<(), ActuateError> {
        let Some(canary) = self.cluster.find(INGRESS, &self.canary).await? else {
            versions.canary = None;
            return Ok(());
        };
        if versions.canary.as_deref() != Some(version(&canary)) {
            return Err(ActuateError::Conflict {
                what: INGRESS.named(&self.canary),
            });
        }
        // The canary takes its own mark away with it.
        let change = json!({ "metadata": { "annotations": marked(mark) } });
        let main = self
            .cluster
            .merge(INGRESS, &self.main, &versions.main, change)
            .await?;
        version(&main).clone_into(&mut versions.main);
        self.cluster.delete(INGRESS, &canary).await?;
        versions.canary = None;
        Ok(())
    }
}

/// The port of a service that stands where `like` stood: the same one if it has it, else its first.
fn port(service: &Value, like: Option<&Value>) -> Value {
    let ports = service.pointer("/spec/ports").and_then(Value::as_array);
    let has = |key: &str, of_port: &str| {
        let wanted = like.and_then(|like| like.get(key));
        let mut ports = ports.into_iter().flatten();
        wanted.is_some() && ports.any(|port| port.get(of_port) == wanted)
    };
    let first = ports.and_then(|ports| ports.first()?.get("port"));
    match (like, first) {
        (Some(_), Some(first)) if !has("number", "port") && !has("name", "name") => {
            json!({ "number": first })
        }
        (Some(like), _) => like.clone(),
        (None, first) => json!({ "number": first }),
    }
}
