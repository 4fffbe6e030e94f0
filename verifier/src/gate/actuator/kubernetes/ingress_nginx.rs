//! ingress-nginx: a second Ingress with canary annotations takes its share from the main one.
//!
//! What the annotations mean, and what silently does nothing, follows the controller's source: headers,
//! cookies and session affinity are looked at before the weight; a weight that is no number counts as
//! 0; a canary whose service is already the main one's is dropped; a canary whose host, path and path
//! type have no twin in the main Ingress is dropped.

use serde_json::{Map, Value, json};

use super::lease::Right;
use super::workload::Parts;
use super::{Cluster, INGRESS, MANAGER, SERVICE, annotation, mark, marked, owners, text, version};
use crate::gate::actuator::{Act, ActuateError, Actuator, Lease, Mark, Preflight, Reading};
use crate::gate::clock::Pending;
use crate::gate::config::IngressNginxConfig;
use crate::gate::weight::Weight;
use crate::jwt::cell::Side;

const NGINX: &str = "nginx.ingress.kubernetes.io/";

/// Annotations that lead to core before or besides the weight.
const BESIDE_THE_WEIGHT: [&str; 4] = [
    "canary-by-header",
    "canary-by-header-value",
    "canary-by-header-pattern",
    "canary-by-cookie",
];

/// The canary annotations of ingress-nginx.
#[derive(Clone, Debug)]
pub struct IngressNginx {
    cluster: Cluster,
    main: String,
    canary: String,
    parts: Parts,
    right: Right,
}

/// One host and path of an Ingress, with the service behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    host: String,
    path: String,
    path_type: String,
    service: String,
}

impl Place {
    fn is_at(&self, other: &Self) -> bool {
        (&self.host, &self.path, &self.path_type) == (&other.host, &other.path, &other.path_type)
    }

    fn words(&self) -> String {
        format!("{}{} ({})", self.host, self.path, self.path_type)
    }
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

    async fn look(&mut self) -> Result<Reading, ActuateError> {
        let main = self.cluster.get(INGRESS, &self.main).await?;
        let canary = self.cluster.find(INGRESS, &self.canary).await?;
        let running = self.parts.read(&mut self.cluster).await?;
        let own = INGRESS.named(&self.main);
        let mut references = self.parts.references(&mut self.cluster, &own).await?;
        let places = places(&main);
        let leads = |service: &str| places.iter().any(|place| place.service == service);
        let (to_legacy, to_core) = (
            leads(&self.parts.legacy_service),
            leads(&self.parts.core_service),
        );
        let mut surprises = Vec::new();
        match (to_legacy, to_core) {
            (true, true) => surprises.push(format!("{own} leads to both services")),
            (false, false) => surprises.push(format!("{own} leads to neither service")),
            _ => {}
        }
        if to_legacy {
            references.push(own);
        }
        surprises.extend(affinity(&main));
        let main_side = if to_core && !to_legacy {
            Side::Core
        } else {
            Side::Legacy
        };
        let mut weight = Weight::NONE;
        let mut split = false;
        let mut written_by = None;
        if let Some(canary) = &canary {
            let seen = self.split(canary, &places);
            (weight, split) = (seen.weight, seen.active);
            surprises.extend(seen.surprises);
            let path = [
                "metadata",
                "annotations",
                "nginx.ingress.kubernetes.io/canary-weight",
            ];
            let owners = owners(canary, &path);
            written_by = owners
                .first()
                .map(|owner| format!("{} at {}", owner.manager, owner.time));
            // Before the gate's first write, somebody else's weight is where it starts from.
            if let Some(foreign) = owners.iter().find(|owner| owner.manager != MANAGER)
                && mark(canary).is_some()
            {
                surprises.push(format!(
                    "the weight is also written by `{}` ({}): its manifest must leave `canary-weight` out",
                    foreign.manager, foreign.time
                ));
            }
        }
        let marks = [Some(&main), canary.as_ref()];
        let mark = marks
            .into_iter()
            .flatten()
            .filter_map(mark)
            .max_by_key(|mark| mark.seq);
        Ok(Reading {
            weight,
            canary: split,
            main: main_side,
            version: Versions::of(&main, canary.as_ref()).to_string(),
            mark,
            taken: true,
            written_by,
            surprises,
            legacy: running.legacy,
            core: running.core,
            core_identities: running.core_identities,
            legacy_references: references,
        })
    }

    /// What the controller makes of the canary Ingress.
    fn split(&self, canary: &Value, main: &[Place]) -> Split {
        let own = |name: &str| annotation(canary, &format!("{NGINX}{name}"));
        let mut split = Split {
            weight: Weight::NONE,
            active: own("canary") == Some("true"),
            surprises: Vec::new(),
        };
        let named = INGRESS.named(&self.canary);
        for name in BESIDE_THE_WEIGHT {
            if own(name).is_some() {
                split.surprises.push(format!(
                    "{named} has `{name}`, which is looked at before the weight: remove it"
                ));
            }
        }
        if own("canary-weight-total").is_some_and(|total| total.trim() != "100") {
            split.surprises.push(format!(
                "{named} has `canary-weight-total`: the gate counts in percent"
            ));
        }
        for place in places(canary) {
            if place.service != self.parts.core_service {
                split.surprises.push(format!(
                    "{named} leads to `{}`, not to `{}`",
                    place.service, self.parts.core_service
                ));
            }
            let twin = main.iter().find(|main| main.is_at(&place));
            match twin {
                None => split.surprises.push(format!(
                    "{named}: {} has no twin in the main Ingress, so the controller drops it",
                    place.words()
                )),
                Some(twin) if twin.service == place.service => split.active = false,
                Some(_) => {}
            }
        }
        let Some(given) = own("canary-weight") else {
            return split;
        };
        match given
            .trim()
            .parse::<u8>()
            .ok()
            .and_then(Weight::from_percent)
        {
            Some(weight) if split.active => split.weight = weight,
            Some(_) if own("canary").is_none() => split.surprises.push(format!(
                "{named} has a weight and no `canary: \"true\"`: the controller ignores all of it"
            )),
            Some(_) => {}
            None => split.surprises.push(format!(
                "{named}: `canary-weight: \"{}\"` is no percentage, so the controller takes 0",
                given.escape_debug()
            )),
        }
        split
    }

    async fn check(&mut self) -> Result<Vec<Preflight>, ActuateError> {
        let main = self.cluster.get(INGRESS, &self.main).await?;
        let canary = self.cluster.find(INGRESS, &self.canary).await?;
        let places = places(&main);
        let main_path = self.cluster.path(INGRESS, &self.main);
        let canary_path = self.cluster.path(INGRESS, &self.canary);
        let legacy = &self.parts.legacy_service;
        let to_legacy: Vec<&Place> = places
            .iter()
            .filter(|place| place.service == *legacy)
            .collect();
        let mut found = vec![Preflight {
            name: "router.main".to_owned(),
            fault: to_legacy
                .is_empty()
                .then(|| format!("{} has no path that leads to `{legacy}`", self.main)),
            query: format!("GET {main_path}"),
        }];
        let mut faults = Vec::new();
        if let Some(canary) = &canary {
            faults = self.split(canary, &places).surprises;
        }
        faults.extend(affinity(&main));
        let mut others = self.cluster.list(INGRESS, "").await?;
        others
            .retain(|other| ![&self.main, &self.canary].contains(&&super::name(other).to_owned()));
        for other in &others {
            let clash = self::places(other).into_iter().find(|place| {
                place.service == self.parts.core_service
                    && to_legacy.iter().any(|main| main.is_at(place))
            });
            if let Some(place) = clash {
                faults.push(format!(
                    "{} already serves {} with `{}`: the controller would drop the canary",
                    INGRESS.named(super::name(other)),
                    place.words(),
                    place.service
                ));
            }
        }
        found.push(Preflight {
            name: "router.paths".to_owned(),
            fault: (!faults.is_empty()).then(|| faults.join("; ")),
            query: format!("GET {canary_path}"),
        });
        for (name, kind, object) in [
            (
                "router.legacy_service",
                SERVICE,
                self.parts.legacy_service.clone(),
            ),
            (
                "router.core_service",
                SERVICE,
                self.parts.core_service.clone(),
            ),
            (
                "router.legacy_deployment",
                super::DEPLOYMENT,
                self.parts.legacy_deployment.clone(),
            ),
            (
                "router.core_deployment",
                super::DEPLOYMENT,
                self.parts.core_deployment.clone(),
            ),
        ] {
            let there = self.cluster.find(kind, &object).await?.is_some();
            found.push(Preflight {
                name: name.to_owned(),
                fault: (!there).then(|| format!("{} does not exist", kind.named(&object))),
                query: format!("GET {}", self.cluster.path(kind, &object)),
            });
        }
        Ok(found)
    }

    async fn write(&mut self, act: Act, read: &str, mark: &Mark) -> Result<String, ActuateError> {
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

struct Split {
    weight: Weight,
    active: bool,
    surprises: Vec<String>,
}

/// Every host and path of an Ingress.
fn places(ingress: &Value) -> Vec<Place> {
    let rules = ingress.pointer("/spec/rules").and_then(Value::as_array);
    let mut places = Vec::new();
    for rule in rules.into_iter().flatten() {
        let paths = rule.pointer("/http/paths").and_then(Value::as_array);
        for path in paths.into_iter().flatten() {
            let own = |pointer: &str| text(path, pointer).unwrap_or_default().to_owned();
            places.push(Place {
                host: text(rule, "/host").unwrap_or("*").to_owned(),
                path: own("/path"),
                path_type: own("/pathType"),
                service: own("/backend/service/name"),
            });
        }
    }
    places
}

/// Session affinity keeps users where they were, whatever the weight says later.
fn affinity(main: &Value) -> Option<String> {
    let affinity = annotation(main, &format!("{NGINX}affinity"))?;
    let behavior = annotation(main, &format!("{NGINX}affinity-canary-behavior"));
    (affinity == "cookie" && behavior != Some("legacy")).then(|| {
        "the main Ingress has session affinity, which is looked at before the weight: set \
         `affinity-canary-behavior: legacy`"
            .to_owned()
    })
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
