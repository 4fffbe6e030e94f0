//! The Gateway API: the weights of an `HTTPRoute`, both sides in one patch.
//!
//! The main route and the split are one object here: the main route leads to core once legacy is no
//! backend any more.

use serde_json::{Value, json};

use super::lease::Right;
use super::workload::Parts;
use super::{Cluster, MANAGER, ROUTE, SERVICE, mark, marked, owners, text, version};
use crate::gate::actuator::{Act, ActuateError, Actuator, Lease, Mark, Preflight, Reading};
use crate::gate::clock::Pending;
use crate::gate::config::GatewayApiConfig;
use crate::gate::weight::Weight;
use crate::jwt::cell::Side;

/// The weights of an `HTTPRoute`.
#[derive(Clone, Debug)]
pub struct GatewayApi {
    cluster: Cluster,
    route: String,
    parts: Parts,
    right: Right,
}

/// The backends that a rule should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Both(Weight),
    Only(Side),
}

impl GatewayApi {
    /// Connects with the first request.
    pub fn new(config: &GatewayApiConfig) -> Self {
        Self {
            cluster: Cluster::new(config.cluster.clone()),
            route: config.route.clone(),
            parts: Parts {
                legacy_service: config.legacy_service.clone(),
                core_service: config.core_service.clone(),
                legacy_deployment: config.legacy_deployment.clone(),
                core_deployment: config.core_deployment.clone(),
            },
            right: Right::new(&config.route),
        }
    }

    fn service(&self, side: Side) -> &str {
        match side {
            Side::Legacy => &self.parts.legacy_service,
            Side::Core => &self.parts.core_service,
        }
    }

    async fn look(&mut self) -> Result<Reading, ActuateError> {
        let route = self.cluster.get(ROUTE, &self.route).await?;
        let running = self.parts.read(&mut self.cluster).await?;
        let own = ROUTE.named(&self.route);
        let mut references = self.parts.references(&mut self.cluster, &own).await?;
        let mut surprises = Vec::new();
        let mut shares: Vec<(Option<f64>, Option<f64>)> = Vec::new();
        for rule in self.rules(&route) {
            let backends = backends(rule);
            let weight = |side: Side| {
                let service = self.service(side);
                let mut found = backends
                    .iter()
                    .filter(|backend| text(backend, "/name") == Some(service));
                found.next().map(weight_of)
            };
            let sum: f64 = backends.iter().map(weight_of).sum();
            if sum <= 0.0 {
                surprises.push(format!(
                    "{own}: every weight of a rule is 0, so it answers with errors"
                ));
            }
            let third = backends.iter().find(|backend| {
                let name = text(backend, "/name");
                Side::BOTH
                    .iter()
                    .all(|side| name != Some(self.service(*side)))
                    && weight_of(backend) > 0.0
            });
            if let Some(third) = third {
                surprises.push(format!(
                    "{own}: `{}` takes a share as well",
                    text(third, "/name").unwrap_or_default()
                ));
            }
            if rule.get("sessionPersistence").is_some() {
                surprises.push(format!(
                    "{own}: session persistence is looked at before the weights"
                ));
            }
            let share =
                |side| weight(side).map(|weight| if sum > 0.0 { weight / sum } else { 0.0 });
            shares.push((share(Side::Legacy), share(Side::Core)));
        }
        if shares.is_empty() {
            surprises.push(format!("{own} leads to neither service"));
        }
        if shares.windows(2).any(|pair| pair[0] != pair[1]) {
            surprises.push(format!("{own}: its rules do not split alike"));
        }
        let to_legacy = shares.iter().any(|(legacy, _)| legacy.is_some());
        let to_core = shares.iter().any(|(_, core)| core.is_some());
        if to_legacy {
            references.push(own.clone());
        }
        let main = if to_core && !to_legacy {
            Side::Core
        } else {
            Side::Legacy
        };
        let share = shares
            .iter()
            .filter_map(|(_, core)| *core)
            .fold(0.0, f64::max);
        let weight = match main {
            Side::Core => Weight::NONE,
            Side::Legacy => percent(share),
        };
        let owners = owners(&route, &["spec", "rules"]);
        let written_by = owners
            .first()
            .map(|owner| format!("{} at {}", owner.manager, owner.time));
        if let Some(foreign) = owners.iter().find(|owner| owner.manager != MANAGER)
            && mark(&route).is_some()
        {
            surprises.push(format!(
                "the rules are also written by `{}` ({}): its manifest must leave them to the gate",
                foreign.manager, foreign.time
            ));
        }
        Ok(Reading {
            weight,
            canary: main == Side::Legacy && to_core,
            main,
            version: version(&route).to_owned(),
            mark: mark(&route),
            taken: taken(&route),
            written_by,
            surprises,
            legacy: running.legacy,
            core: running.core,
            core_identities: running.core_identities,
            legacy_references: references,
        })
    }

    /// The rules that lead to either service.
    fn rules<'a>(&self, route: &'a Value) -> Vec<&'a Value> {
        let rules = route.pointer("/spec/rules").and_then(Value::as_array);
        let ours = rules
            .into_iter()
            .flatten()
            .filter(|rule| self.is_ours(rule));
        ours.collect()
    }

    fn is_ours(&self, rule: &Value) -> bool {
        backends(rule).iter().any(|backend| {
            let name = text(backend, "/name");
            Side::BOTH
                .iter()
                .any(|side| name == Some(self.service(*side)))
        })
    }

    async fn check(&mut self) -> Result<Vec<Preflight>, ActuateError> {
        let route = self.cluster.get(ROUTE, &self.route).await?;
        let query = format!("GET {}", self.cluster.path(ROUTE, &self.route));
        let rules = self.rules(&route);
        let leads = !rules.is_empty();
        let mut found = vec![
            Preflight {
                name: "router.main".to_owned(),
                fault: (!leads)
                    .then(|| format!("{} leads to neither service", ROUTE.named(&self.route))),
                query: query.clone(),
            },
            Preflight {
                name: "router.accepted".to_owned(),
                fault: (!taken(&route)).then(|| {
                    "no gateway has accepted the route as it is: look at status.parents".to_owned()
                }),
                query,
            },
        ];
        found.extend(self.parts.preflight(&mut self.cluster).await?);
        Ok(found)
    }

    async fn write(&mut self, act: Act, read: &str, mark: &Mark) -> Result<String, ActuateError> {
        let wanted = match act {
            Act::SetWeight { weight } => Wanted::Both(weight),
            Act::SwitchMain { to: Side::Core } => Wanted::Only(Side::Core),
            // Core stays a backend without a share until the split is removed: one patch, no gap.
            Act::SwitchMain { to: Side::Legacy } => Wanted::Both(Weight::NONE),
            Act::RemoveCanary => {
                let route = self.cluster.get(ROUTE, &self.route).await?;
                let names: Vec<_> = self.rules(&route).into_iter().flat_map(backends).collect();
                let legacy = self.service(Side::Legacy);
                if !names
                    .iter()
                    .any(|backend| text(backend, "/name") == Some(legacy))
                {
                    // Core is the main route: there is no split to remove.
                    return Ok(version(&route).to_owned());
                }
                Wanted::Only(Side::Legacy)
            }
            Act::ScaleLegacy { replicas } => {
                self.parts.scale_legacy(&mut self.cluster, replicas).await?;
                return Ok(read.to_owned());
            }
            Act::RemoveLegacy { part } => {
                self.parts.remove(&mut self.cluster, part).await?;
                return Ok(read.to_owned());
            }
        };
        let route = self.cluster.get(ROUTE, &self.route).await?;
        if version(&route) != read {
            return Err(ActuateError::Conflict {
                what: ROUTE.named(&self.route),
            });
        }
        let rules = self.rewritten(&route, wanted).await?;
        let change = json!({
            "metadata": { "annotations": marked(mark) },
            "spec": { "rules": rules },
        });
        let written = self.cluster.merge(ROUTE, &self.route, read, change).await?;
        Ok(version(&written).to_owned())
    }

    async fn rewritten(
        &mut self,
        route: &Value,
        wanted: Wanted,
    ) -> Result<Vec<Value>, ActuateError> {
        let mut ports = Vec::new();
        for side in Side::BOTH {
            let service = self.service(side).to_owned();
            let service = self.cluster.find(SERVICE, &service).await?;
            ports.push(service.and_then(|service| service.pointer("/spec/ports/0/port").cloned()));
        }
        let rules = route.pointer("/spec/rules").and_then(Value::as_array);
        let mut changed: Vec<Value> = rules.cloned().unwrap_or_default();
        for rule in changed.iter_mut().filter(|rule| self.is_ours(rule)) {
            let present = backends(rule);
            let refs: Vec<Value> = Side::BOTH
                .into_iter()
                .zip(&ports)
                .filter_map(|(side, port)| {
                    let weight = match (wanted, side) {
                        (Wanted::Only(only), _) if only != side => return None,
                        (Wanted::Only(_), _) => 100,
                        (Wanted::Both(weight), Side::Core) => weight.percent(),
                        (Wanted::Both(weight), Side::Legacy) => 100 - weight.percent(),
                    };
                    let service = self.service(side);
                    let known = present
                        .iter()
                        .find(|backend| text(backend, "/name") == Some(service));
                    let mut backend = known.cloned().unwrap_or_else(|| {
                        let mut backend = json!({ "name": service });
                        if let Some(port) = port {
                            backend["port"] = port.clone();
                        }
                        backend
                    });
                    backend["weight"] = json!(weight);
                    Some(backend)
                })
                .collect();
            rule["backendRefs"] = Value::Array(refs);
        }
        Ok(changed)
    }
}

fn backends(rule: &Value) -> Vec<Value> {
    let refs = rule.get("backendRefs").and_then(Value::as_array);
    refs.cloned().unwrap_or_default()
}

/// A backend's weight; 1 where none is given (Gateway API, `BackendRef`).
fn weight_of(backend: &Value) -> f64 {
    let weight = backend.get("weight");
    weight.map_or(1.0, |weight| weight.as_f64().unwrap_or(0.0))
}

/// A share in whole percent.
fn percent(share: f64) -> Weight {
    // In range by construction: a share is 0.0..=1.0.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let percent = (share * 100.0).round().clamp(0.0, 100.0) as u8;
    Weight::from_percent(percent).unwrap_or(Weight::NONE)
}

/// Whether every gateway of the route has accepted it as it is now and found its backends.
fn taken(route: &Value) -> bool {
    let generation = route.pointer("/metadata/generation");
    let parents = route.pointer("/status/parents").and_then(Value::as_array);
    let holds = |parent: &Value, kind: &str| {
        let conditions = parent.get("conditions").and_then(Value::as_array);
        conditions.into_iter().flatten().any(|condition| {
            text(condition, "/type") == Some(kind)
                && text(condition, "/status") == Some("True")
                && condition.get("observedGeneration") == generation
        })
    };
    parents.is_some_and(|parents| {
        !parents.is_empty()
            && parents
                .iter()
                .all(|parent| holds(parent, "Accepted") && holds(parent, "ResolvedRefs"))
    })
}

impl Actuator for GatewayApi {
    fn describe(&self) -> String {
        format!("HTTPRoute {}/{}", self.cluster.space(), self.route)
    }

    fn preview(&self, act: Act) -> Vec<String> {
        let (legacy, core) = (self.service(Side::Legacy), self.service(Side::Core));
        let patch = |what: String| {
            let what = format!("{what}, if unchanged since it was read");
            vec![self.cluster.preview("PATCH", ROUTE, &self.route, &what)]
        };
        match act {
            Act::SetWeight { weight } => patch(format!(
                "{legacy}: {}, {core}: {}",
                100 - weight.percent(),
                weight.percent()
            )),
            Act::SwitchMain { to: Side::Core } => patch(format!("{core} alone")),
            Act::SwitchMain { to: Side::Legacy } => patch(format!("{legacy}: 100, {core}: 0")),
            Act::RemoveCanary => patch(format!("{legacy} alone, unless {core} is")),
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
