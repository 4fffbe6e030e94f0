#![deny(clippy::disallowed_methods)]
//! What evidence consists of. Everything here is redacted and bounded, and merges without order
//! (see [`super::merge`]).

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::facts::Facts;
use super::held_to::HeldTo;
use super::noise::{Decisions, Looks, NoiseLedger, decide};
use super::pace::Paces;
use super::redact::hex;
use super::usage::Uses;
use crate::cutover::is_safe;
use crate::self_check::SelfCheckCounts;
use crate::severity::Severity;
use crate::verdict::Kind;

/// Most difference groups that are kept apart: the worst first, see [`Ledger::bound`].
pub const MAX_GROUPS: usize = 1_000;
/// Most distinct request shapes that are kept.
pub const MAX_SHAPES: usize = 2_000;
/// Exchanges kept as examples of a group; the first of them with its bodies.
pub const MAX_SAMPLES: usize = 3;
/// Most that is kept of one body of an example, in bytes after redaction.
pub const MAX_SAMPLE_BODY: usize = 16 << 10;

/// Upper edges of the latency buckets. 0.5 s and 2 s are the limits that a cut-over plan names, so a
/// share above either can be read exactly.
pub const LATENCY_EDGES_US: [u64; 13] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_000_000,
    5_000_000, 10_000_000,
];

/// All evidence of one file: who collected it, and what.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Every run that contributed, by its id.
    pub runs: BTreeMap<String, Run>,
    /// What they saw together.
    pub ledger: Ledger,
    /// Records whose checksum did not hold, left out.
    pub broken_records: u64,
}

/// Between the builds that one run names; no version holds a space.
pub const AND: &str = " and ";

/// One life of one proxy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Drawn at random when it started.
    pub id: String,
    /// Which redaction key it hid values under.
    pub key_id: String,
    /// Version of the tool.
    pub tool: String,
    /// Legacy's address, as configured.
    pub legacy: String,
    /// Core's address, as configured.
    pub core: String,
    /// Legacy's version, where it tells one.
    pub legacy_version: Option<String>,
    /// Core's version, where it tells one.
    pub core_version: Option<String>,
    /// SHA-256 of the catalogue, if there is one: endpoints, marks and rules come from it.
    pub catalogue_sha256: Option<String>,
    /// Share of users that were shadowed, as configured.
    pub sample_percent: Option<String>,
    /// What was done with writes, as configured.
    pub writes: Option<String>,
    /// Where second answers of legacy came from: `twin`, or `sample 5 %` of legacy itself.
    #[serde(default)]
    pub second_answers: Option<String>,
    /// What the counts are to be held to, as configured; `None` of an earlier version.
    #[serde(default)]
    pub held_to: Option<HeldTo>,
    /// Where a trace can be looked at, `{trace_id}` in place of its id.
    pub trace_url: Option<String>,
    /// When it started, in milliseconds since 1970.
    pub started_ms: i64,
    /// When its evidence was last written.
    pub written_ms: i64,
    /// When it ended in order; `None` while it runs, and for ever if it was killed.
    pub ended_ms: Option<i64>,
    /// Batches written; each record tells the batch that wrote it last.
    pub batches: u64,
    /// Batches that could not be written when they were due.
    pub failed_batches: u64,
    /// Exchanges whose evidence was on disk later than it should, but is.
    pub late: u64,
    /// It ended without saying so: what it saw since `written_ms` is lost.
    pub cut_off: bool,
    /// Files it found unreadable when it started and set aside.
    pub files_set_aside: u64,
}

/// Everything that is counted or kept as an example.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Counts by endpoint: the catalogue's id, or the inferred method and path.
    pub endpoints: BTreeMap<String, EndpointRecord>,
    /// Differences that are alike, by [`GroupKey::id`].
    pub groups: BTreeMap<String, Group>,
    /// Exchanges in groups, counted once in each; also those of groups beyond the bound.
    pub in_groups: u64,
    /// Distinct request shapes, by [`Shape::id`].
    pub shapes: BTreeMap<String, Shape>,
    /// Whether there were more shapes than are kept.
    pub shapes_cut: bool,
    /// Where legacy differs from itself.
    #[serde(default)]
    pub noise: NoiseLedger,
    /// Which id of legacy is which of core, by [`IdPair::id`].
    #[serde(default)]
    pub ids: BTreeMap<String, IdPair>,
}

/// Most pairs of ids that are kept.
pub const MAX_IDS: usize = 100_000;

/// An id of legacy and the id of core that was seen in its place. One id may be in several pairs: then
/// all but one are conflicts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdPair {
    /// The type of the object, as keys and paths name it.
    pub kind: String,
    /// Legacy's id.
    pub legacy: String,
    /// Core's id.
    pub core: String,
    /// How often they were seen together.
    pub seen: u64,
    /// Whether legacy gave its id out while a proxy looked; else it was there before.
    #[serde(default)]
    pub born: bool,
}

impl IdPair {
    /// Names the pair, alike in every proxy.
    pub fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in [&self.kind, &self.legacy, &self.core] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hex(&hasher.finalize().as_bytes()[..8])
    }
}

impl Ledger {
    /// What is noise, what is not and what cannot be told yet, from the counts as they are now.
    pub fn decisions(&self) -> Decisions {
        decide(&self.noise, |endpoint| {
            self.endpoints
                .get(endpoint)
                .map_or_else(Looks::default, |record| Looks {
                    compared: record.tally.compared(),
                    paired: record.tally.paired,
                })
        })
    }
}

/// The counts of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointRecord {
    /// What became of every request.
    #[serde(flatten)]
    pub tally: EndpointTally,
    /// Exchanges with a difference, by both statuses.
    pub different_by_status: BTreeMap<StatusPair, u64>,
    /// How often each rule excused something or decided how to pair.
    pub rules: BTreeMap<String, u64>,
    /// Differences at the place of a `known` rule that are of another kind than it is for.
    pub strayed: BTreeMap<String, u64>,
    /// Findings beyond what one comparison lists.
    pub findings_not_listed: u64,
    /// How the exchanges were asked that were looked at: all that differ, of the others enough.
    #[serde(skip_serializing_if = "Facts::is_empty")]
    pub facts: Facts,
}

/// What the proxy itself counts, since the start of its run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointTally {
    /// Requests that went to legacy.
    pub sent: u64,
    /// Of these, compared without a difference.
    pub equal: u64,
    /// Compared with a difference, of which some may be noise: see [`Ledger::decisions`].
    pub different: u64,
    /// Not compared, by reason.
    pub not_compared: BTreeMap<String, u64>,
    /// Of those with a verdict, held against a second answer of legacy as well.
    pub paired: u64,
    /// Not held against one though one was asked for, by reason.
    pub not_paired: BTreeMap<String, u64>,
    /// Those without a difference, by both statuses.
    pub equal_by_status: BTreeMap<StatusPair, u64>,
    /// How long legacy took to begin its answers.
    pub reference_latency: Histogram,
    /// How long core took to begin its answers.
    pub candidate_latency: Histogram,
    /// Which of both was faster with one and the same request.
    pub paces: Paces,
    /// How clients use it.
    #[serde(skip_serializing_if = "Uses::is_empty")]
    pub uses: Uses,
    /// Faults that were put into copies of core's answers, to see whether they are found.
    #[serde(skip_serializing_if = "SelfCheckCounts::is_empty")]
    pub self_check: SelfCheckCounts,
}

impl EndpointTally {
    /// Exchanges with a verdict. Those that only differ where legacy differs from itself count as
    /// different here, see [`Ledger::decisions`].
    pub fn compared(&self) -> u64 {
        self.equal.saturating_add(self.different)
    }

    /// Requests whose end was not counted: under way when the tally was taken, or lost.
    pub fn open(&self) -> u64 {
        let skipped = self
            .not_compared
            .values()
            .fold(0u64, |sum, n| sum.saturating_add(*n));
        self.sent
            .saturating_sub(self.compared().saturating_add(skipped))
    }
}

/// Legacy's status and core's. As text: `200 404`, `-` for no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusPair {
    /// Legacy's.
    pub reference: u16,
    /// Core's; `None` when it gave no answer.
    pub candidate: Option<u16>,
}

impl fmt::Display for StatusPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.candidate {
            Some(candidate) => write!(f, "{} {candidate}", self.reference),
            None => write!(f, "{} -", self.reference),
        }
    }
}

impl Serialize for StatusPair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StatusPair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let pair = text.split_once(' ').and_then(|(reference, candidate)| {
            let candidate = match candidate {
                "-" => None,
                status => Some(status.parse().ok()?),
            };
            Some(Self {
                reference: reference.parse().ok()?,
                candidate,
            })
        });
        pair.ok_or_else(|| serde::de::Error::custom("a status pair is `200 404` or `200 -`"))
    }
}

/// How long answers took: counts per bucket of [`LATENCY_EDGES_US`], the last one above every edge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// Counts; a value lies in the first bucket whose edge it does not exceed.
    pub counts: [u64; LATENCY_EDGES_US.len() + 1],
    /// Sum of all values in microseconds.
    pub sum_us: u64,
}

impl Histogram {
    /// Counts one answer.
    pub fn record(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.counts[LATENCY_EDGES_US.partition_point(|&edge| edge < us)] += 1;
        self.sum_us = self.sum_us.saturating_add(us);
    }

    /// How many were counted.
    pub fn total(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How many took longer than `edge`, exactly; `None` if that is no edge.
    pub fn above(&self, edge: Duration) -> Option<u64> {
        let us = u64::try_from(edge.as_micros()).ok()?;
        let at = LATENCY_EDGES_US.iter().position(|&known| known == us)?;
        Some(
            self.counts[at + 1..]
                .iter()
                .fold(0, |sum, count| sum.saturating_add(*count)),
        )
    }

    /// The bucket that holds the value of this rank, counted from 1 in ascending order: the value is
    /// above the first time and not above the second, which the last bucket does not have.
    pub fn bucket_of(&self, rank: u64) -> (Duration, Option<Duration>) {
        let (mut seen, mut above) = (0u64, Duration::ZERO);
        for (count, edge) in self.counts.iter().zip(LATENCY_EDGES_US) {
            seen = seen.saturating_add(*count);
            let edge = Duration::from_micros(edge);
            if seen >= rank {
                return (above, Some(edge));
            }
            above = edge;
        }
        (above, None)
    }

    /// The edge that a share `q` of all answers does not exceed, an upper bound of the quantile.
    /// `None` without answers, and where the quantile lies above the last edge.
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        let total = self.total();
        let mut seen = 0u64;
        for (count, edge) in self.counts.iter().zip(LATENCY_EDGES_US) {
            seen = seen.saturating_add(*count);
            if total > 0 && seen as f64 >= q * total as f64 {
                return Some(Duration::from_micros(edge));
            }
        }
        None
    }
}

/// What differs alike: one thing to look at, and one to repair.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupKey {
    /// The endpoint.
    pub endpoint: String,
    /// Both statuses.
    pub statuses: StatusPair,
    /// Where, with `*` for every index and `{key}` for a key that looks like data.
    pub place: String,
    /// How.
    pub kind: Kind,
    /// How the values are related, where that is known.
    pub relation: Option<RelationText>,
    /// What a client would notice.
    pub severity: Severity,
}

impl GroupKey {
    /// Names the group, alike in every proxy: 16 hexadecimal digits.
    pub fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let pair = self.statuses.to_string();
        let severity = self.severity.to_string();
        let relation = self
            .relation
            .as_ref()
            .map_or("", |relation| relation.text.as_str());
        for part in [
            &self.endpoint,
            &pair,
            &self.place,
            self.kind.name(),
            relation,
            &severity,
        ] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hex(&hasher.finalize().as_bytes()[..8])
    }
}

/// A relation by its class, and in words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RelationText {
    /// Stable, in kebab case: `time-shift`.
    pub class: String,
    /// For a reader: `time shift of +9h`.
    pub text: String,
}

/// The exchanges that show one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// What they have in common.
    pub key: GroupKey,
    /// How many there are; an exchange counts once, however often it differs here.
    pub exchanges: u64,
    /// When it was first seen, in milliseconds since 1970.
    pub first_ms: i64,
    /// When it was last seen.
    pub last_ms: i64,
    /// How its exchanges were asked.
    #[serde(default, skip_serializing_if = "Facts::is_empty")]
    pub facts: Facts,
    /// Examples by ascending rank; only the first has bodies.
    pub samples: Vec<Sample>,
}

/// One exchange kept as an example, redacted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sample {
    /// Keyed hash of what was asked and answered: the smallest are kept, so which ones are kept is
    /// chance that nobody can steer, and the same however the traffic was spread over proxies.
    pub rank: String,
    /// When it was judged, in milliseconds since 1970.
    pub at_ms: i64,
    /// The request's `traceparent`, if it is a valid one.
    pub traceparent: Option<String>,
    /// The request's id, as clients or proxies gave it.
    pub request_id: Option<String>,
    /// The request.
    pub request: StoredRequest,
    /// Legacy's answer.
    pub reference: StoredAnswer,
    /// Core's answer, or why there is none.
    pub candidate: StoredAnswer,
    /// The difference that puts it into the group.
    pub difference: StoredDifference,
    /// How many findings the exchange has in all.
    pub findings: u64,
}

/// A request, redacted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StoredRequest {
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub target: String,
    /// Its fields in order.
    pub headers: Vec<(String, String)>,
    /// Its body, where it is kept.
    pub body: Option<String>,
}

impl StoredRequest {
    /// Whether it changes nothing, see [`is_safe`].
    pub fn is_safe(&self) -> bool {
        is_safe(
            &self.method,
            self.headers.iter().map(|(name, _)| name.as_str()),
        )
    }
}

/// An answer, redacted.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// Its status; `None` for no answer.
    pub status: Option<u16>,
    /// Why there is no answer.
    pub failure: Option<String>,
    /// Time to its first byte in microseconds.
    pub took_us: u64,
    /// Its fields in order.
    pub headers: Vec<(String, String)>,
    /// Length of its body as it came.
    pub body_bytes: u64,
    /// Its decoded body, where it is kept.
    pub body: Option<String>,
    /// Whether the end of the body was cut off here.
    pub body_cut: bool,
}

/// A difference, redacted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StoredDifference {
    /// Where it is.
    pub location: String,
    /// What changed.
    pub kind: Kind,
    /// Legacy's value.
    pub reference: Option<String>,
    /// Core's value.
    pub candidate: Option<String>,
    /// How the two are related.
    pub relation: Option<RelationText>,
    /// What a client would notice.
    pub severity: Severity,
    /// The place with `*` for every index.
    pub group: String,
    /// The rule that changed its severity.
    pub rule: Option<String>,
    /// What the values alone do not say.
    pub detail: Option<String>,
}

/// How a client asked: names and classes, no values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shape {
    /// The endpoint.
    pub endpoint: String,
    /// The method.
    pub method: String,
    /// `name:class` of each query parameter, sorted.
    pub query: Vec<String>,
    /// The scheme of its credentials, if it has any.
    pub auth: Option<String>,
    /// The media type of its body, without parameters.
    pub media: Option<String>,
    /// `name:class` of each field at the top of a JSON body, sorted.
    pub body: Vec<String>,
}

impl Shape {
    /// Names the shape, alike in every proxy: 16 hexadecimal digits.
    pub fn id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let text = serde_json::to_vec(self).unwrap_or_default();
        hasher.update(&text);
        hex(&hasher.finalize().as_bytes()[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_second_and_two_seconds_are_exact_edges() {
        let mut histogram = Histogram::default();
        for ms in [1, 500, 501, 2_000, 2_001, 60_000] {
            histogram.record(Duration::from_millis(ms));
        }
        let above = |ms| histogram.above(Duration::from_millis(ms));
        assert_eq!(
            (above(500), above(2_000), above(700)),
            (Some(4), Some(2), None)
        );
        assert_eq!(histogram.quantile(0.5), Some(Duration::from_secs(1)));
        assert_eq!(histogram.quantile(0.99), None);
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn status_pairs_read_back() {
        for pair in [
            StatusPair {
                reference: 200,
                candidate: Some(404),
            },
            StatusPair {
                reference: 500,
                candidate: None,
            },
        ] {
            let text = serde_json::to_string(&pair).expect("a string");
            assert_eq!(
                serde_json::from_str::<StatusPair>(&text).ok(),
                Some(pair),
                "{text}"
            );
        }
        assert!(serde_json::from_str::<StatusPair>("\"200\"").is_err());
    }
}
