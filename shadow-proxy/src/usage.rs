#![deny(clippy::disallowed_methods)]
//! Who asks an endpoint for what, and what becomes of it: counted for every request that legacy answers,
//! also for those that core never sees. Only where evidence is kept.
//!
//! A lane finds a request's counters by a hash of names it has met before, so that the usual request costs
//! one walk over its query and some additions.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, StatusCode, Uri};
use verifier::evidence::usage::{
    Handling, MAX_COUNTED_SHAPES, MAX_PARAMETERS, MAX_USES, ROLE_NONE, ROLE_UNKNOWN, Shapes, Use,
    UseKey, Uses, claim_pointer, name_rank, parameter, role, shape,
};

use crate::counters::Endpoint;
use crate::sample::claims;

/// Kinds of request that a lane remembers; then it forgets all and learns them anew.
const MAX_KNOWN: usize = 4_096;
/// Tokens whose role it remembers, likewise.
const MAX_TOKENS: usize = 4_096;

/// Claims that usually name a role, where none is named.
const USUAL_CLAIMS: [&str; 3] = ["role", "roles", "authorities"];

/// The counts of one use of an endpoint.
#[derive(Debug, Default)]
pub(crate) struct UseCounts {
    sent: AtomicU64,
    compared: AtomicU64,
    parameters: Mutex<Bounded<String, AtomicU64>>,
    cut: AtomicBool,
}

/// Members by the order in which a bound keeps them.
type Bounded<K, V> = BTreeMap<(u64, K), Arc<V>>;

/// Finds or adds a member; `None` where it lies beyond the bound.
fn admit<K: Ord + Clone, V: Default>(
    members: &mut Bounded<K, V>,
    most: usize,
    place: (u64, K),
    cut: &AtomicBool,
) -> Option<Arc<V>> {
    if let Some(known) = members.get(&place) {
        return Some(Arc::clone(known));
    }
    let full = members.len() >= most;
    if full {
        cut.store(true, Ordering::Relaxed);
        if members
            .last_key_value()
            .is_some_and(|(last, _)| *last < place)
        {
            return None;
        }
        members.pop_last();
    }
    Some(Arc::clone(members.entry(place).or_default()))
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All uses of one endpoint.
#[derive(Debug, Default)]
pub(crate) struct EndpointUses {
    by: Mutex<Bounded<UseKey, UseCounts>>,
    /// Requests with a verdict, by shape.
    shapes: Mutex<Bounded<(), AtomicU64>>,
    shapes_cut: AtomicBool,
    cut: AtomicBool,
}

impl EndpointUses {
    fn admit(&self, key: UseKey) -> Option<Arc<UseCounts>> {
        admit(&mut lock(&self.by), MAX_USES, (key.rank(), key), &self.cut)
    }

    fn admit_shape(&self, shape: u64) -> Option<Arc<AtomicU64>> {
        let mut kept = lock(&self.shapes);
        admit(&mut kept, MAX_COUNTED_SHAPES, (shape, ()), &self.shapes_cut)
    }

    /// The counts now.
    pub(crate) fn read(&self) -> Uses {
        let mut uses = Uses {
            cut: self.cut.load(Ordering::Relaxed),
            shapes: Shapes {
                counts: lock(&self.shapes)
                    .iter()
                    .map(|((shape, ()), count)| (*shape, count.load(Ordering::Relaxed)))
                    .filter(|(_, count)| *count > 0)
                    .collect(),
                cut: self.shapes_cut.load(Ordering::Relaxed),
            },
            ..Uses::default()
        };
        for ((_, key), counts) in lock(&self.by).iter() {
            let compared = counts.compared.load(Ordering::Acquire);
            let parameters = lock(&counts.parameters);
            let parameters = parameters
                .iter()
                .map(|((_, name), count)| (name.clone(), count.load(Ordering::Relaxed)));
            let one = Use {
                parameters: parameters.collect(),
                sent: counts.sent.load(Ordering::Relaxed),
                compared,
            };
            uses.cut |= counts.cut.load(Ordering::Relaxed);
            uses.by.insert(key.clone(), one);
        }
        uses
    }
}

/// The counters of one kind of request.
#[derive(Debug)]
pub(crate) struct Kind {
    role: Arc<str>,
    /// `None` beyond the bound.
    counts: Option<Arc<UseCounts>>,
    parameters: Box<[Arc<AtomicU64>]>,
    /// Of its shape; `None` beyond the bound.
    shape: Option<Arc<AtomicU64>>,
}

impl Kind {
    /// The client's role.
    pub(crate) fn role(&self) -> &str {
        &self.role
    }

    /// Counts a verdict.
    pub(crate) fn compare(&self) {
        if let Some(counts) = &self.counts {
            counts.compared.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(shape) = &self.shape {
            shape.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One lane's way to the counters.
#[derive(Debug)]
pub(crate) struct UseLane {
    /// JSON Pointers of the claims that may name a role; the first that a token has counts.
    claims: Vec<String>,
    known: RefCell<HashMap<u64, Arc<Kind>>>,
    roles: RefCell<HashMap<u64, Arc<str>>>,
    none: Arc<str>,
    unknown: Arc<str>,
}

/// A request as it was asked, before its head went on to legacy.
#[derive(Debug)]
pub(crate) struct Asked {
    role: Arc<str>,
    /// Hash of the names in its query.
    names: u64,
    uri: Uri,
}

impl UseLane {
    pub(crate) fn new(claim: Option<&str>) -> Self {
        Self {
            claims: match claim {
                Some(claim) => vec![claim_pointer(claim)],
                None => USUAL_CLAIMS.map(claim_pointer).into(),
            },
            known: RefCell::default(),
            roles: RefCell::default(),
            none: ROLE_NONE.into(),
            unknown: ROLE_UNKNOWN.into(),
        }
    }

    /// Looks at a request before it is sent.
    pub(crate) fn ask(&self, headers: &HeaderMap, uri: &Uri) -> Asked {
        let mut hasher = DefaultHasher::new();
        for name in names(uri.query()) {
            name.hash(&mut hasher);
        }
        Asked {
            role: self.role(headers),
            names: hasher.finish(),
            uri: uri.clone(),
        }
    }

    /// Counts a request that legacy answered with `status`; what is returned counts its verdict.
    pub(crate) fn count(
        &self,
        endpoint: &Arc<Endpoint>,
        handling: Handling,
        asked: &Asked,
        status: StatusCode,
    ) -> Arc<Kind> {
        // Legacy did not take the token, so what it says of its bearer is nothing.
        let role = if status == StatusCode::UNAUTHORIZED {
            &self.none
        } else {
            &asked.role
        };
        let mut hasher = DefaultHasher::new();
        (Arc::as_ptr(endpoint).addr(), status.as_u16(), handling).hash(&mut hasher);
        (role, asked.names).hash(&mut hasher);
        let place = hasher.finish();
        let mut known = self.known.borrow_mut();
        if known.len() >= MAX_KNOWN && !known.contains_key(&place) {
            known.clear();
        }
        let kind = known.entry(place).or_insert_with(|| {
            let key = UseKey {
                status: status.as_u16(),
                role: role.to_string(),
                handling,
            };
            Arc::new(kind(endpoint.uses(), role, key, asked.uri.query()))
        });
        if let Some(counts) = &kind.counts {
            counts.sent.fetch_add(1, Ordering::Relaxed);
        }
        for parameter in &kind.parameters {
            parameter.fetch_add(1, Ordering::Relaxed);
        }
        Arc::clone(kind)
    }

    fn role(&self, headers: &HeaderMap) -> Arc<str> {
        let Some(authorization) = headers.get(AUTHORIZATION) else {
            let cookie = headers.contains_key(COOKIE);
            return Arc::clone(if cookie { &self.unknown } else { &self.none });
        };
        let bytes = authorization.as_bytes();
        let mut hasher = DefaultHasher::new();
        // All of it, or a token with another's end would borrow its role.
        bytes.hash(&mut hasher);
        let place = hasher.finish();
        let mut roles = self.roles.borrow_mut();
        if let Some(known) = roles.get(&place) {
            return Arc::clone(known);
        }
        let told: Arc<str> = claims(bytes)
            .and_then(|told| {
                let mut roles = self.claims.iter().map(|claim| role(&told, claim));
                roles.find(|role| role != ROLE_UNKNOWN)
            })
            .map_or_else(|| Arc::clone(&self.unknown), Into::into);
        if roles.len() >= MAX_TOKENS {
            roles.clear();
        }
        roles.insert(place, Arc::clone(&told));
        told
    }
}

/// The names in a query, as they stand there.
fn names(query: Option<&str>) -> impl Iterator<Item = &str> {
    query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name))
}

/// Finds or adds the counters of a kind of request.
fn kind(uses: &EndpointUses, role: &Arc<str>, key: UseKey, query: Option<&str>) -> Kind {
    let mut all: Vec<&str> = names(query).map(parameter).collect();
    all.sort_unstable();
    all.dedup();
    let shape = uses.admit_shape(shape(&key, &all));
    let counts = uses.admit(key);
    let parameters = counts.as_deref().map(|counts| {
        let mut kept = lock(&counts.parameters);
        let found = all.into_iter().filter_map(|name| {
            let place = (name_rank(name), name.to_owned());
            admit(&mut kept, MAX_PARAMETERS, place, &counts.cut)
        });
        found.collect()
    });
    Kind {
        role: Arc::clone(role),
        parameters: parameters.unwrap_or_default(),
        counts,
        shape,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use http::HeaderValue;

    use super::*;
    use crate::counters::Counters;

    fn uri(query: Option<&str>) -> Uri {
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        format!("/rooms{query}").parse().expect("a target")
    }

    fn bearer(payload: &str) -> HeaderMap {
        let token = format!("Bearer e30.{}.x", URL_SAFE_NO_PAD.encode(payload));
        let value = HeaderValue::from_str(&token).expect("letters only");
        HeaderMap::from_iter([(AUTHORIZATION, value)])
    }

    fn endpoint() -> Arc<Endpoint> {
        Arc::clone(&Counters::new(["rooms"]).endpoints()[0])
    }

    #[test]
    fn uses_are_told_apart_by_status_role_and_handling_and_hold_names_of_parameters() {
        let (endpoint, lane) = (endpoint(), UseLane::new(Some("role")));
        let admin = bearer(r#"{"sub":"42","role":"ADMIN"}"#);
        let person = bearer(r#"{"role":"Kim Minji, 010-1234-5678"}"#);
        for (headers, query, status, times) in [
            (&admin, Some("page=1&size=2"), 200, 3),
            (&admin, Some("page=7"), 200, 2),
            (&admin, Some("page=7"), 401, 1),
            (&person, Some("kim@example.com=1"), 200, 1),
            (&HeaderMap::new(), None, 200, 4),
        ] {
            for _ in 0..times {
                let status = StatusCode::from_u16(status).expect("a status");
                let asked = lane.ask(headers, &uri(query));
                lane.count(&endpoint, Handling::Safe, &asked, status)
                    .compare();
            }
        }
        let uses = endpoint.uses().read();
        let shown: Vec<(u16, &str, u64, u64, String)> = uses
            .by
            .iter()
            .map(|(key, one)| {
                let names = format!("{:?}", one.parameters);
                (key.status, key.role.as_str(), one.sent, one.compared, names)
            })
            .collect();
        let names = |text: &str| text.to_owned();
        assert_eq!(
            shown,
            [
                (200, "ADMIN", 5, 5, names(r#"{"page": 5, "size": 3}"#)),
                (200, "none", 4, 4, names("{}")),
                (200, "other", 1, 1, names(r#"{"{key}": 1}"#)),
                (401, "none", 1, 1, names(r#"{"page": 1}"#)),
            ]
        );
        assert!(!uses.cut);
        let mut shapes: Vec<u64> = uses.shapes.counts.into_values().collect();
        shapes.sort_unstable();
        assert_eq!(shapes, [1, 1, 2, 3, 4], "one count a shape, none lost");
        assert!(!uses.shapes.cut);
    }

    #[test]
    fn a_role_is_found_in_the_usual_claims_unless_one_is_named() {
        for (claim, payload, expected) in [
            (None, r#"{"role":"ADMIN","roles":["USER"]}"#, "ADMIN"),
            (None, r#"{"authorities":["USER"]}"#, "USER"),
            (None, r#"{"sub":"42"}"#, "unknown"),
            (None, "no JSON", "unknown"),
            (Some("scope"), r#"{"role":"ADMIN"}"#, "unknown"),
            (Some("scope"), r#"{"role":"ADMIN","scope":"read"}"#, "read"),
        ] {
            let asked = UseLane::new(claim).ask(&bearer(payload), &uri(None));
            assert_eq!(&*asked.role, expected, "{claim:?} {payload}");
        }
    }

    #[test]
    fn made_up_roles_and_names_grow_nothing_beyond_the_bounds() {
        let (endpoint, lane) = (endpoint(), UseLane::new(Some("role")));
        for number in 0..2_000u32 {
            let name: String = number
                .to_string()
                .bytes()
                .map(|b| (b + 49) as char)
                .collect();
            let headers = bearer(&format!(r#"{{"role":"{name}"}}"#));
            for query in [format!("{name}=1"), format!("a{name}=1&b{name}=1")] {
                let asked = lane.ask(&headers, &uri(Some(&query)));
                lane.count(&endpoint, Handling::Safe, &asked, StatusCode::OK)
                    .compare();
                let asked = lane.ask(&HeaderMap::new(), &uri(Some(&query)));
                lane.count(&endpoint, Handling::Safe, &asked, StatusCode::OK);
            }
        }
        let uses = endpoint.uses().read();
        assert!(uses.cut);
        assert_eq!(uses.by.len(), MAX_USES);
        assert!(uses.shapes.cut && uses.shapes.counts.len() <= MAX_COUNTED_SHAPES);
        assert!(
            uses.by
                .values()
                .all(|one| one.parameters.len() <= MAX_PARAMETERS)
        );
        assert!(lane.known.borrow().len() <= MAX_KNOWN);
        assert!(lane.roles.borrow().len() <= MAX_TOKENS);
    }
}
