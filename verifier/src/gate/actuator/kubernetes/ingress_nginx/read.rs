//! What the controller makes of both Ingresses, and what would keep it from following.

use serde_json::Value;

use super::super::{INGRESS, MANAGER, annotation, mark, name, owners, text};
use super::{IngressNginx, NGINX, Versions};
use crate::gate::actuator::{ActuateError, Preflight, Reading};
use crate::gate::weight::Weight;
use crate::jwt::cell::Side;

/// Annotations that lead to core before or besides the weight.
const BESIDE_THE_WEIGHT: [&str; 4] = [
    "canary-by-header",
    "canary-by-header-value",
    "canary-by-header-pattern",
    "canary-by-cookie",
];

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
    pub(super) async fn look(&mut self) -> Result<Reading, ActuateError> {
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

    pub(super) async fn check(&mut self) -> Result<Vec<Preflight>, ActuateError> {
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
        others.retain(|other| ![&self.main, &self.canary].contains(&&name(other).to_owned()));
        for other in &others {
            let clash = self::places(other).into_iter().find(|place| {
                place.service == self.parts.core_service
                    && to_legacy.iter().any(|main| main.is_at(place))
            });
            if let Some(place) = clash {
                faults.push(format!(
                    "{} already serves {} with `{}`: the controller would drop the canary",
                    INGRESS.named(name(other)),
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
        found.extend(self.parts.preflight(&mut self.cluster).await?);
        Ok(found)
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
