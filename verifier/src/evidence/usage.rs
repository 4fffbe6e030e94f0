#![deny(clippy::disallowed_methods)]
//! How clients use an endpoint: legacy's status, the client's role, what is done with writes, and which
//! query parameters are there. Names and counts, no values.
//!
//! Everything is bounded, and what is kept depends on the thing alone: so several proxies' counts fold
//! together in any order (see [`super::merge`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::redact::class::is_plain_name;
use crate::cutover::Policy;
use crate::normalise::personal;
use crate::place::child_pointer;
use crate::stats::{unseen_mass, unseen_mass_upper};

/// Most uses of one endpoint that are kept apart.
pub const MAX_USES: usize = 48;
/// Most query parameters of one use that are counted by name.
pub const MAX_PARAMETERS: usize = 40;
/// Most request shapes of one endpoint that are counted one by one.
pub const MAX_COUNTED_SHAPES: usize = 256;
/// The role of a request without credentials, or whose credentials legacy did not take.
pub const ROLE_NONE: &str = "none";
/// The role of a request with credentials that tell none.
pub const ROLE_UNKNOWN: &str = "unknown";
/// The role of a token that tells something, but nothing that could be a role's name.
pub const ROLE_OTHER: &str = "other";
/// A parameter whose name may be data.
pub const UNNAMED: &str = "{key}";

/// What may become of a request by its method and the proxy's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Handling {
    /// It changes nothing by its method.
    Safe,
    /// A write that core never sees.
    Skip,
    /// A write whose resource is read from both afterwards.
    Probe,
    /// A write that core sees where legacy refused it.
    Rejected,
    /// A write that core carries out too.
    Mirror,
    /// A write by its method that changes nothing in truth.
    Read,
}

impl Handling {
    /// The word of the reports.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Skip => "skip",
            Self::Probe => "probe",
            Self::Rejected => "rejected",
            Self::Mirror => "mirror",
            Self::Read => "read",
        }
    }

    /// Whether it changes something.
    pub const fn writes(self) -> bool {
        !matches!(self, Self::Safe | Self::Read)
    }
}

impl From<Policy> for Handling {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Skip => Self::Skip,
            Policy::Probe => Self::Probe,
            Policy::Rejected => Self::Rejected,
            Policy::Mirror => Self::Mirror,
            Policy::Read => Self::Read,
        }
    }
}

/// What the requests of one use have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UseKey {
    /// Legacy's status.
    pub status: u16,
    /// The client's role: a token's claim, [`ROLE_NONE`], [`ROLE_UNKNOWN`] or [`ROLE_OTHER`].
    pub role: String,
    /// What may become of it.
    pub handling: Handling,
}

impl UseKey {
    /// Its place in the order by which bounds keep and drop: a hash, so that nobody can choose it.
    pub fn rank(&self) -> u64 {
        let status = self.status.to_string();
        rank(&[&status, &self.role, self.handling.text()])
    }
}

/// Names a request shape, alike in every proxy: what the request has in common with others of its use,
/// and which query parameters it has, each named once.
pub fn shape(key: &UseKey, parameters: &[&str]) -> u64 {
    let status = key.status.to_string();
    let mut parts = vec![status.as_str(), &key.role, key.handling.text()];
    let mut names = parameters.to_vec();
    names.sort_unstable();
    names.dedup();
    parts.extend(names);
    rank(&parts)
}

/// The same for a parameter's name.
pub fn name_rank(name: &str) -> u64 {
    rank(&[name])
}

/// A number that depends on `parts` alone.
pub(super) fn rank(parts: &[&str]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// The counts of one use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Use {
    /// Requests that legacy answered.
    pub sent: u64,
    /// Of these, those with a verdict.
    pub compared: u64,
    /// Of all, those with a query parameter, by its name.
    pub parameters: BTreeMap<String, u64>,
}

/// All uses of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Uses {
    /// By what their requests have in common.
    pub by: BTreeMap<UseKey, Use>,
    /// Requests with a verdict by their [`shape`].
    pub shapes: Shapes,
    /// Whether there were more uses or parameters than are kept.
    pub cut: bool,
}

/// Requests by shape. Beyond the bound the shapes of smallest hash are kept: a fair sample of all, since
/// nobody can choose a hash, and the count of each is whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenShapes", into = "WrittenShapes")]
pub struct Shapes {
    /// How many requests had it, by shape.
    pub counts: BTreeMap<u64, u64>,
    /// Whether there were more than are kept.
    pub cut: bool,
}

/// How many request shapes there are and how often they were seen, of one endpoint or of several: no two
/// endpoints share a shape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShapeCounts {
    /// How many shapes there are.
    pub distinct: u64,
    /// Requests whose shape is kept.
    pub requests: u64,
    /// Of the kept shapes, those that one request had.
    pub seen_once: u64,
}

impl ShapeCounts {
    /// Share of the traffic whose shape was not seen yet, as estimated ([`unseen_mass`]).
    pub fn unseen(&self) -> f64 {
        unseen_mass(self.seen_once, self.requests)
    }

    /// Its upper bound ([`unseen_mass_upper`]).
    pub fn unseen_upper(&self, alpha: f64) -> f64 {
        unseen_mass_upper(self.seen_once, self.requests, alpha)
    }

    /// For programs: `shapes`, `unseen` and `unseen_upper`.
    pub fn write_into(&self, value: &mut Value, alpha: f64) {
        value["shapes"] = self.distinct.into();
        value["unseen"] = self.unseen().into();
        value["unseen_upper"] = self.unseen_upper(alpha).into();
    }
}

impl std::iter::Sum for ShapeCounts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            distinct: sum.distinct.saturating_add(one.distinct),
            requests: sum.requests.saturating_add(one.requests),
            seen_once: sum.seen_once.saturating_add(one.seen_once),
        })
    }
}

/// As it stands in a file: a shape and its count, since keys that are numbers do not read back there.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct WrittenShapes {
    list: Vec<(u64, u64)>,
    cut: bool,
}

impl From<WrittenShapes> for Shapes {
    fn from(written: WrittenShapes) -> Self {
        Self {
            counts: written.list.into_iter().collect(),
            cut: written.cut,
        }
    }
}

impl From<Shapes> for WrittenShapes {
    fn from(shapes: Shapes) -> Self {
        Self {
            list: shapes.counts.into_iter().collect(),
            cut: shapes.cut,
        }
    }
}

impl Shapes {
    /// How many shapes there are; an estimate where some are not kept: `k` hashes, the largest of which
    /// is `h` of all that there could be, stand for `(k - 1) / h` shapes (Bar-Yossef et al. 2002).
    pub fn distinct(&self) -> u64 {
        let kept = self.counts.len() as u64;
        let Some((last, _)) = self.counts.last_key_value().filter(|_| self.cut) else {
            return kept;
        };
        let reach = (*last as f64 + 1.0) / 2f64.powi(64);
        // Not below what is kept; the cast saturates.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let estimate = (kept.saturating_sub(1) as f64 / reach).round() as u64;
        estimate.max(kept)
    }

    /// Requests whose shape is kept.
    pub fn requests(&self) -> u64 {
        self.counts
            .values()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Of the kept shapes, those that one request had.
    pub fn seen_once(&self) -> u64 {
        self.counts.values().filter(|count| **count == 1).count() as u64
    }

    /// Share of the traffic whose shape was not seen yet, as estimated ([`unseen_mass`]).
    pub fn unseen(&self) -> f64 {
        self.counts().unseen()
    }

    /// Its upper bound ([`unseen_mass_upper`]).
    pub fn unseen_upper(&self, alpha: f64) -> f64 {
        self.counts().unseen_upper(alpha)
    }

    /// How many there are and how often they were seen, to be added up over endpoints.
    pub fn counts(&self) -> ShapeCounts {
        ShapeCounts {
            distinct: self.distinct(),
            requests: self.requests(),
            seen_once: self.seen_once(),
        }
    }

    fn merge(&mut self, other: &Self) {
        self.cut |= other.cut;
        for (shape, more) in &other.counts {
            let sum = self.counts.entry(*shape).or_default();
            *sum = sum.saturating_add(*more);
        }
        self.cut |= bound(&mut self.counts, MAX_COUNTED_SHAPES, |shape| *shape);
    }
}

/// As it stands in a file.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Written {
    list: Vec<Line>,
    shapes: Shapes,
    cut: bool,
}

#[derive(Serialize, Deserialize)]
struct Line {
    status: u16,
    role: String,
    handling: Handling,
    #[serde(flatten)]
    counts: Use,
}

impl From<Written> for Uses {
    fn from(written: Written) -> Self {
        let lines = written.list.into_iter().map(|line| {
            let Line {
                status,
                role,
                handling,
                counts,
            } = line;
            (
                UseKey {
                    status,
                    role,
                    handling,
                },
                counts,
            )
        });
        Self {
            by: lines.collect(),
            shapes: written.shapes,
            cut: written.cut,
        }
    }
}

impl From<Uses> for Written {
    fn from(uses: Uses) -> Self {
        let lines = uses.by.into_iter().map(|(key, counts)| Line {
            status: key.status,
            role: key.role,
            handling: key.handling,
            counts,
        });
        Self {
            list: lines.collect(),
            shapes: uses.shapes,
            cut: uses.cut,
        }
    }
}

impl Uses {
    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.by.is_empty() && self.shapes.counts.is_empty() && !self.cut
    }

    /// Adds what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        self.cut |= other.cut;
        self.shapes.merge(&other.shapes);
        for (key, more) in &other.by {
            let one = self.by.entry(key.clone()).or_default();
            one.sent = one.sent.saturating_add(more.sent);
            one.compared = one.compared.saturating_add(more.compared);
            for (name, count) in &more.parameters {
                let sum = one.parameters.entry(name.clone()).or_default();
                *sum = sum.saturating_add(*count);
            }
            self.cut |= bound_parameters(&mut one.parameters);
        }
        self.cut |= bound(&mut self.by, MAX_USES, UseKey::rank);
    }
}

/// Keeps as many parameters as one use may have: those of smallest rank.
fn bound_parameters(parameters: &mut BTreeMap<String, u64>) -> bool {
    bound(parameters, MAX_PARAMETERS, |name| name_rank(name))
}

/// Keeps the members of smallest rank; whether one was dropped.
fn bound<K: Ord + Clone, V>(
    members: &mut BTreeMap<K, V>,
    most: usize,
    rank: impl Fn(&K) -> u64,
) -> bool {
    let mut cut = false;
    while members.len() > most {
        let Some(last) = members.keys().max_by_key(|key| rank(key)).cloned() else {
            break;
        };
        members.remove(&last);
        cut = true;
    }
    cut
}

/// The name of a query parameter as it may be kept.
pub fn parameter(name: &str) -> &str {
    if is_plain_name(name) { name } else { UNNAMED }
}

/// The JSON Pointer of a claim that was named as one or by its bare name: `role`, `/realm_access/roles`.
pub fn claim_pointer(claim: &str) -> String {
    if claim.starts_with('/') {
        claim.to_owned()
    } else {
        child_pointer("", claim)
    }
}

/// The role that a token's claims tell at the pointer `claim`: a text, or a list of texts, which are joined by `+`.
/// The token is not verified, so this is what a client says of itself; [`ROLE_OTHER`] stands for all that
/// could not be a role's name.
pub fn role(claims: &Value, claim: &str) -> String {
    /// More roles of one user than anybody reads.
    const MAX_ROLES: usize = 4;
    let Some(told) = claims.pointer(claim) else {
        return ROLE_UNKNOWN.to_owned();
    };
    let texts: Option<Vec<&str>> = match told {
        Value::String(text) => Some(vec![text]),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let name =
        |text: &&str| text.len() <= 40 && is_plain_name(text) && personal::find(text).is_none();
    match texts {
        Some(mut texts)
            if !texts.is_empty() && texts.len() <= MAX_ROLES && texts.iter().all(name) =>
        {
            texts.sort_unstable();
            texts.dedup();
            texts.join("+")
        }
        _ => ROLE_OTHER.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn key(status: u16, role: &str) -> UseKey {
        UseKey {
            status,
            role: role.to_owned(),
            handling: Handling::Safe,
        }
    }

    #[test]
    fn a_role_is_a_name_and_never_what_somebody_wrote_there() {
        for (claims, claim, expected) in [
            (json!({"role": "ADMIN"}), "role", "ADMIN"),
            (
                json!({"realm": {"roles": ["b", "a", "b"]}}),
                "/realm/roles",
                "a+b",
            ),
            (json!({"sub": 1}), "role", "unknown"),
            (json!({"role": "Kim Minji"}), "role", "other"),
            (json!({"role": "010-1234-5678"}), "role", "other"),
            (json!({"role": 7}), "role", "other"),
            (json!({"role": []}), "role", "other"),
            (json!({"role": ["a", 1]}), "role", "other"),
            (json!({"role": "x".repeat(41)}), "role", "other"),
        ] {
            assert_eq!(role(&claims, &claim_pointer(claim)), expected, "{claims}");
        }
    }

    #[test]
    fn parameters_that_may_be_data_have_no_name() {
        for (name, expected) in [
            ("page", "page"),
            ("filter.room-id", "filter.room-id"),
            ("010-1234-5678", UNNAMED),
            ("a%20b", UNNAMED),
            ("", UNNAMED),
        ] {
            assert_eq!(parameter(name), expected);
        }
    }

    #[test]
    fn uses_read_back_and_old_evidence_has_none() {
        let mut uses = Uses::default();
        uses.by.insert(
            key(200, "ADMIN"),
            Use {
                sent: 2,
                compared: 1,
                parameters: [("page".to_owned(), 2)].into(),
            },
        );
        uses.shapes
            .counts
            .insert(shape(&key(200, "ADMIN"), &["page"]), 1);
        let text = serde_json::to_string(&uses).expect("no map with odd keys");
        assert_eq!(
            serde_json::from_str::<Uses>(&text).ok(),
            Some(uses),
            "{text}"
        );
        let none: Uses = serde_json::from_str("{}").expect("no lines");
        assert!(none.is_empty());
    }

    #[test]
    fn shapes_are_counted_whole_and_estimated_beyond_the_bound() {
        let mut shapes = Shapes::default();
        let one = |name: &str| Shapes {
            counts: [(shape(&key(200, "ADMIN"), &[name]), 1)].into(),
            cut: false,
        };
        for number in 0..200 {
            shapes.merge(&one(&format!("p{number}")));
        }
        for number in 0..50 {
            shapes.merge(&one(&format!("p{number}")));
        }
        assert_eq!(
            (shapes.distinct(), shapes.requests(), shapes.seen_once()),
            (200, 250, 150)
        );
        for number in 0..10_000 {
            shapes.merge(&one(&format!("p{number}")));
        }
        assert!(shapes.cut && shapes.counts.len() == MAX_COUNTED_SHAPES);
        // The standard error is one in the root of what is kept: a sixteenth.
        let distinct = shapes.distinct();
        assert!((8_000..12_000).contains(&distinct), "{distinct}");
        let (page, size) = (["page", "size"], ["size", "page", "page"]);
        assert_eq!(shape(&key(200, "A"), &page), shape(&key(200, "A"), &size));
        assert_ne!(shape(&key(200, "A"), &page), shape(&key(404, "A"), &page));
        assert_ne!(
            shape(&key(200, "A"), &page),
            shape(&key(200, "A"), &["page"])
        );
    }

    proptest! {
        #[test]
        fn the_order_of_merging_does_not_matter_beyond_the_bounds_either(
            events in proptest::collection::vec((100u16..130, 0u8..6, 0u8..80), 1..400),
            split in 0usize..400,
        ) {
            let collect = |events: &[(u16, u8, u8)]| {
                let mut all = Uses::default();
                for (status, role, name) in events {
                    let one = Use {
                        sent: 1,
                        compared: 1,
                        parameters: [(format!("p{name}"), 1)].into(),
                    };
                    let by = [(key(*status, &format!("R{role}")), one)].into();
                    let place = shape(&key(*status, &format!("R{role}")), &[&format!("p{name}")]);
                    let shapes = Shapes {
                        counts: [(place, 1)].into(),
                        cut: false,
                    };
                    all.merge(&Uses { by, shapes, cut: false });
                }
                all
            };
            let split = split.min(events.len());
            let (mut left, right) = (collect(&events[..split]), collect(&events[split..]));
            left.merge(&right);
            let whole = collect(&events);
            prop_assert!(whole.by.len() <= MAX_USES);
            prop_assert!(whole.shapes.counts.len() <= MAX_COUNTED_SHAPES);
            prop_assert_eq!(left, whole);
        }
    }
}
