//! Kubernetes: one connection, objects as JSON, every write with the version it rests on.

mod gateway_api;
mod ingress_nginx;
mod lease;
mod workload;

use std::time::Duration;

use http::{Method, Request};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

pub use gateway_api::GatewayApi;
pub use ingress_nginx::IngressNginx;

use super::{ActuateError, Mark};
use crate::gate::config::ClusterConfig;

/// The name under which fields are owned in `managedFields`.
pub const MANAGER: &str = "verifier-gate";

/// Annotations of the gate's own, in front of their names.
const PREFIX: &str = "gate.verifier.dev/";

/// Longest time for one request: a hung API server must not use up the time for going back.
const PATIENCE: Duration = Duration::from_secs(10);

/// A kind of object, as the API's paths name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    api: &'static str,
    plural: &'static str,
}

const INGRESS: Kind = Kind {
    api: "apis/networking.k8s.io/v1",
    plural: "ingresses",
};
const ROUTE: Kind = Kind {
    api: "apis/gateway.networking.k8s.io/v1",
    plural: "httproutes",
};
const DEPLOYMENT: Kind = Kind {
    api: "apis/apps/v1",
    plural: "deployments",
};
const SERVICE: Kind = Kind {
    api: "api/v1",
    plural: "services",
};
const POD: Kind = Kind {
    api: "api/v1",
    plural: "pods",
};
const LEASE: Kind = Kind {
    api: "apis/coordination.k8s.io/v1",
    plural: "leases",
};

impl Kind {
    /// The object in words: `ingresses/api`.
    fn named(self, name: &str) -> String {
        format!("{}/{name}", self.plural)
    }
}

/// A namespace of a cluster; connects with the first request.
#[derive(Clone)]
struct Cluster {
    config: ClusterConfig,
    connected: Option<(kube::Client, String)>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("config", &self.config)
            .field("connected", &self.connected.is_some())
            .finish()
    }
}

impl Cluster {
    fn new(config: ClusterConfig) -> Self {
        Self {
            config,
            connected: None,
        }
    }

    /// The namespace in words, before there is a connection.
    fn space(&self) -> &str {
        let known = self.connected.as_ref().map(|(_, space)| space.as_str());
        known
            .or(self.config.namespace.as_deref())
            .unwrap_or("NAMESPACE")
    }

    fn path(&self, kind: Kind, name: &str) -> String {
        let Kind { api, plural } = kind;
        let slash = if name.is_empty() { "" } else { "/" };
        format!("/{api}/namespaces/{}/{plural}{slash}{name}", self.space())
    }

    /// A request in words, for plans.
    fn preview(&self, method: &str, kind: Kind, name: &str, what: &str) -> String {
        format!("{method} {}  {what}", self.path(kind, name))
    }

    async fn connect(&mut self) -> Result<kube::Client, ActuateError> {
        if let Some((client, _)) = &self.connected {
            return Ok(client.clone());
        }
        let fault = |reason: String| ActuateError::Unreachable {
            what: "the cluster".to_owned(),
            reason,
        };
        let mut config = match &self.config.kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path)
                    .map_err(|error| fault(format!("{}: {error}", path.display())))?;
                let options = self.options();
                kube::Config::from_custom_kubeconfig(file, &options)
                    .await
                    .map_err(|error| fault(format!("{}: {error}", path.display())))?
            }
            None if self.config.context.is_some() => kube::Config::from_kubeconfig(&self.options())
                .await
                .map_err(|error| fault(error.to_string()))?,
            None => kube::Config::infer().await.map_err(|error| {
                fault(format!("{error}: name a file with `cluster.kubeconfig`"))
            })?,
        };
        if let Some(space) = &self.config.namespace {
            config.default_namespace.clone_from(space);
        }
        // A write that is sent twice is no longer the write that the journal speaks of.
        config.default_retry = false;
        config.connect_timeout = Some(PATIENCE);
        let space = config.default_namespace.clone();
        let client = kube::Client::try_from(config).map_err(|error| fault(error.to_string()))?;
        self.connected = Some((client.clone(), space));
        Ok(client)
    }

    fn options(&self) -> KubeConfigOptions {
        KubeConfigOptions {
            context: self.config.context.clone(),
            ..KubeConfigOptions::default()
        }
    }

    async fn send(
        &mut self,
        method: Method,
        kind: Kind,
        name: &str,
        query: &str,
        body: Option<(&str, &Value)>,
    ) -> Result<Value, ActuateError> {
        let client = self.connect().await?;
        let what = kind.named(name);
        let unreachable = |reason: String| ActuateError::Unreachable {
            what: what.clone(),
            reason,
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{query}", self.path(kind, name)));
        let bytes = match body {
            None => Vec::new(),
            Some((media, json)) => {
                request = request.header("content-type", media);
                json.to_string().into_bytes()
            }
        };
        let request = request.body(bytes).map_err(|error| ActuateError::Refused {
            what: what.clone(),
            reason: format!("its name cannot be part of an address: {error}"),
        })?;
        match tokio::time::timeout(PATIENCE, client.request::<Value>(request)).await {
            Err(_) => Err(unreachable(format!("{} s passed", PATIENCE.as_secs()))),
            Ok(Ok(object)) => Ok(object),
            Ok(Err(error)) => Err(refusal(&what, error)),
        }
    }

    async fn get(&mut self, kind: Kind, name: &str) -> Result<Value, ActuateError> {
        self.send(Method::GET, kind, name, "", None).await
    }

    /// As [`Cluster::get`], with `None` for what does not exist.
    async fn find(&mut self, kind: Kind, name: &str) -> Result<Option<Value>, ActuateError> {
        match self.get(kind, name).await {
            Ok(object) => Ok(Some(object)),
            Err(ActuateError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list(&mut self, kind: Kind, labels: &str) -> Result<Vec<Value>, ActuateError> {
        let query = if labels.is_empty() {
            String::new()
        } else {
            let encoded: String = url::form_urlencoded::byte_serialize(labels.as_bytes()).collect();
            format!("?labelSelector={encoded}")
        };
        let mut list = self.send(Method::GET, kind, "", &query, None).await?;
        match list["items"].take() {
            Value::Array(items) => Ok(items),
            _ => Ok(Vec::new()),
        }
    }

    async fn create(&mut self, kind: Kind, object: &Value) -> Result<Value, ActuateError> {
        let query = format!("?fieldManager={MANAGER}");
        self.send(
            Method::POST,
            kind,
            "",
            &query,
            Some(("application/json", object)),
        )
        .await
    }

    /// Merges `change` into an object (RFC 7396) if it is still at `version`.
    async fn merge(
        &mut self,
        kind: Kind,
        name: &str,
        version: &str,
        mut change: Value,
    ) -> Result<Value, ActuateError> {
        change["metadata"]["resourceVersion"] = json!(version);
        let query = format!("?fieldManager={MANAGER}");
        self.send(
            Method::PATCH,
            kind,
            name,
            &query,
            Some(("application/merge-patch+json", &change)),
        )
        .await
    }

    /// Removes an object if it is still this one, at this version. That it is gone already is no error.
    async fn delete(&mut self, kind: Kind, object: &Value) -> Result<(), ActuateError> {
        let name = name(object);
        let options = json!({
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "preconditions": {
                "uid": object.pointer("/metadata/uid"),
                "resourceVersion": object.pointer("/metadata/resourceVersion"),
            },
        });
        let sent = self
            .send(
                Method::DELETE,
                kind,
                name,
                "",
                Some(("application/json", &options)),
            )
            .await;
        match sent {
            Ok(_) | Err(ActuateError::Missing { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// What an error of the API says of the write.
fn refusal(what: &str, error: kube::Error) -> ActuateError {
    let what = what.to_owned();
    let kube::Error::Api(status) = error else {
        return ActuateError::Unreachable {
            what,
            reason: innermost(&error),
        };
    };
    match status.code {
        404 => ActuateError::Missing { what },
        409 => ActuateError::Conflict { what },
        // Whether it was carried out is unknown.
        500.. => ActuateError::Unreachable {
            what,
            reason: format!("{} {}", status.code, status.reason),
        },
        401 | 403 => ActuateError::Refused {
            what,
            reason: format!(
                "{} {}: give the gate's account the right to do this",
                status.code, status.reason
            ),
        },
        code => ActuateError::Refused {
            what,
            reason: format!("{code} {}: {}", status.reason, status.message),
        },
    }
}

/// The innermost cause: the outer ones only say that something failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn name(object: &Value) -> &str {
    text(object, "/metadata/name").unwrap_or_default()
}

fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer)?.as_str()
}

fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(name)?.as_str()
}

fn version(object: &Value) -> &str {
    text(object, "/metadata/resourceVersion").unwrap_or_default()
}

/// What the gate wrote beside its last change of an object.
fn mark(object: &Value) -> Option<Mark> {
    let own = |name: &str| annotation(object, &format!("{PREFIX}{name}"));
    Some(Mark {
        run_id: own("run-id")?.to_owned(),
        seq: own("seq")?.parse().ok()?,
        evidence: own("evidence").unwrap_or_default().to_owned(),
    })
}

/// The mark as annotations.
fn marked(mark: &Mark) -> serde_json::Map<String, Value> {
    let own = |name: &str| format!("{PREFIX}{name}");
    [
        (own("run-id"), json!(mark.run_id)),
        (own("seq"), json!(mark.seq.to_string())),
        (own("evidence"), json!(mark.evidence)),
    ]
    .into_iter()
    .collect()
}

/// A writer of a field, as `managedFields` tells.
struct Owner<'a> {
    manager: &'a str,
    time: &'a str,
}

/// Who owns the field at `path` (keys without `f:`), the latest first.
fn owners<'a>(object: &'a Value, path: &[&str]) -> Vec<Owner<'a>> {
    let entries = object
        .pointer("/metadata/managedFields")
        .and_then(Value::as_array);
    let mut owners: Vec<Owner<'a>> = entries
        .into_iter()
        .flatten()
        .filter(|entry| {
            let mut at = entry.get("fieldsV1");
            for key in path {
                at = at.and_then(|fields| fields.get(format!("f:{key}")));
            }
            at.is_some()
        })
        .filter_map(|entry| {
            Some(Owner {
                manager: entry.get("manager")?.as_str()?,
                time: entry
                    .get("time")
                    .and_then(Value::as_str)
                    .unwrap_or_default(),
            })
        })
        .collect();
    owners.sort_by(|left, right| right.time.cmp(left.time));
    owners
}
