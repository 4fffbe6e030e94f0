#![deny(clippy::disallowed_methods)]
//! From judged exchanges to a ledger: redacts, groups, counts and keeps examples.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use super::Judged;
use super::facts::{self, Facts, MAX_GROUP_ROWS, MAX_ROWS, Placed};
use super::noise::{NoiseChanges, Paired};
use super::record::{
    EndpointTally, Group, GroupKey, IdPair, Ledger, MAX_IDS, MAX_SAMPLE_BODY, MAX_SHAPES,
    RelationText, Sample, Shape, StatusPair, StoredAnswer, StoredRequest,
};
use super::redact::class::{Origin, is_plain_name};
use super::redact::{Redactor, plain_place, relation_text};
use crate::decode::{codings, decode};
use crate::exchange::Observation;
use crate::ids::Aligned;
use crate::json::{Document, JsonType};
use crate::normalise::personal;
use crate::relation::{FormatClass, Relation, format_class};
use crate::verdict::{Difference, Outcome};

/// Longer bodies are not unpacked for an example.
const MAX_DECODED: usize = 256 << 10;
/// Most parameters or fields of one shape.
const MAX_SHAPE_NAMES: usize = 40;

/// Parts of a ledger that have changed since they were last written.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    pub(super) endpoints: BTreeSet<String>,
    pub(super) groups: BTreeSet<String>,
    pub(super) shapes: BTreeSet<String>,
    pub(super) noise: NoiseChanges,
    pub(super) ids: BTreeSet<String>,
    /// Bytes of new examples, roughly.
    pub(super) bytes: usize,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
            && self.groups.is_empty()
            && self.shapes.is_empty()
            && self.noise.is_empty()
            && self.ids.is_empty()
    }
}

/// Takes judged exchanges in and keeps their evidence in memory, which the ledger's bounds limit.
#[derive(Debug)]
pub struct Collector {
    redactor: Redactor,
    ledger: Ledger,
    changes: Changes,
}

impl Collector {
    /// Redacts with `redactor`.
    pub fn new(redactor: Redactor) -> Self {
        Self {
            redactor,
            ledger: Ledger::default(),
            changes: Changes::default(),
        }
    }

    /// What was collected so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What hides values.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    pub(super) fn changes(&self) -> &Changes {
        &self.changes
    }

    pub(super) fn take_changes(&mut self) -> Changes {
        mem::take(&mut self.changes)
    }

    /// Requests of all endpoints as last tallied.
    pub(super) fn sent(&self) -> u64 {
        let tallies = self
            .ledger
            .endpoints
            .values()
            .map(|record| record.tally.sent);
        tallies.fold(0, u64::saturating_add)
    }

    /// Replaces what was said before of an endpoint.
    pub fn tally(&mut self, endpoint: &str, tally: EndpointTally) {
        let record = self
            .ledger
            .endpoints
            .entry(endpoint.to_owned())
            .or_default();
        if record.tally != tally {
            record.tally = tally;
            self.changes.endpoints.insert(endpoint.to_owned());
        }
    }

    /// Takes the pairing of a request in. It holds no value of either answer.
    pub fn pair(&mut self, paired: &Paired<'_>) {
        self.ledger.noise.observe(paired, &mut self.changes.noise);
    }

    /// Takes ids in that were seen to belong together. Only what has the form of an id is one, so none is
    /// a person's.
    pub fn ids(&mut self, pairs: &[Aligned]) {
        for pair in pairs {
            let new = IdPair {
                kind: plain_place(&pair.kind),
                legacy: pair.legacy.clone(),
                core: pair.core.clone(),
                seen: 0,
                born: false,
            };
            let id = new.id();
            let ids = &mut self.ledger.ids;
            let beyond = ids.last_key_value().is_some_and(|(last, _)| *last < id);
            if ids.len() >= MAX_IDS && beyond {
                continue;
            }
            let kept = ids.entry(id.clone()).or_insert(new);
            kept.seen = kept.seen.saturating_add(1);
            kept.born |= pair.born;
            self.changes.ids.insert(id);
        }
        self.changes.ids.extend(self.ledger.bound_ids());
    }

    /// Takes one exchange in. Nothing of it is kept in clear that the redactor does not allow.
    pub fn record(&mut self, judged: &Judged<'_>) {
        let body = judged.body.and_then(|body| Document::parse(body).ok());
        self.shape(judged, body.as_ref());
        let row = facts::place(facts::row(&self.redactor, judged, body.as_ref()));
        let (exchange, verdict) = (judged.exchange, judged.verdict);
        let endpoint = &exchange.endpoint;
        let mismatch = verdict.outcome == Outcome::Mismatch;
        let record = self.ledger.endpoints.entry(endpoint.clone()).or_default();
        record.facts.add(&row, 1, MAX_ROWS);
        self.changes.endpoints.insert(endpoint.clone());
        let silent = verdict.fired.is_empty() && verdict.strayed.is_empty();
        if silent && !mismatch {
            return;
        }
        for (sums, more) in [
            (&mut record.rules, &verdict.fired),
            (&mut record.strayed, &verdict.strayed),
        ] {
            for (rule, count) in more {
                let sum = sums.entry(rule.clone()).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
        record.findings_not_listed = record
            .findings_not_listed
            .saturating_add(verdict.truncated_findings);
        if !mismatch {
            return;
        }
        let statuses = StatusPair {
            reference: status(&exchange.reference).unwrap_or(0),
            candidate: status(&exchange.candidate),
        };
        *record.different_by_status.entry(statuses).or_default() += 1;

        let mut seen: BTreeMap<GroupKey, &Difference> = BTreeMap::new();
        for finding in &verdict.findings {
            seen.entry(group_key(endpoint, statuses, finding))
                .or_insert(finding);
        }
        if seen.is_empty() {
            return;
        }
        let rank = self.rank(judged);
        let mut kept = None;
        for (key, finding) in seen {
            self.group(judged, key, finding, &row, &rank, &mut kept);
        }
        for id in self.ledger.bound().groups {
            self.changes.groups.insert(id);
        }
    }

    /// `kept` is the exchange as a sample: redacted once, however many groups it is one of.
    fn group(
        &mut self,
        judged: &Judged<'_>,
        key: GroupKey,
        finding: &Difference,
        row: &Placed,
        rank: &str,
        kept: &mut Option<Sample>,
    ) {
        let id = key.id();
        self.ledger.in_groups = self.ledger.in_groups.saturating_add(1);
        if !self.ledger.has_room_for(&id, key.severity) {
            return;
        }
        self.changes.groups.insert(id.clone());
        let group = self.ledger.groups.entry(id).or_insert_with(|| Group {
            key,
            exchanges: 0,
            first_ms: judged.at_ms,
            last_ms: judged.at_ms,
            facts: Facts::default(),
            samples: Vec::new(),
        });
        group.facts.add(row, 1, MAX_GROUP_ROWS);
        group.exchanges = group.exchanges.saturating_add(1);
        group.first_ms = group.first_ms.min(judged.at_ms);
        group.last_ms = group.last_ms.max(judged.at_ms);
        if group.wants(rank) {
            let redactor = &self.redactor;
            let mut sample = kept
                .get_or_insert_with(|| sample(redactor, judged, finding, rank))
                .clone();
            sample.difference = redactor.difference(&judged.exchange.endpoint, finding);
            self.changes.bytes += 1024
                + sample.reference.body.as_ref().map_or(0, String::len)
                + sample.candidate.body.as_ref().map_or(0, String::len);
            group.samples.push(sample);
            group.bound_samples();
        }
    }

    /// The same request with the same answers has the same rank, whoever saw it and when.
    fn rank(&self, judged: &Judged<'_>) -> String {
        let exchange = judged.exchange;
        let answer = |side: &Observation| match &side.answer {
            Ok(answer) => (answer.status.to_string(), answer.body.clone()),
            Err(failure) => (failure.to_string(), bytes::Bytes::new()),
        };
        let (reference, candidate) = (answer(&exchange.reference), answer(&exchange.candidate));
        self.redactor.key().rank(&[
            exchange.endpoint.as_bytes(),
            exchange.method.as_bytes(),
            exchange.path.as_bytes(),
            judged.body.unwrap_or_default(),
            reference.0.as_bytes(),
            &reference.1,
            candidate.0.as_bytes(),
            &candidate.1,
        ])
    }

    fn shape(&mut self, judged: &Judged<'_>, body: Option<&Document<'_>>) {
        let shape = shape_of(judged, body);
        let id = shape.id();
        let shapes = &self.ledger.shapes;
        let beyond = shapes.last_key_value().is_some_and(|(last, _)| *last < id);
        if shapes.len() >= MAX_SHAPES && beyond {
            self.ledger.shapes_cut = true;
            return;
        }
        if !self.ledger.shapes.contains_key(&id) {
            self.ledger.shapes.insert(id.clone(), shape);
            self.changes.shapes.insert(id);
            for dropped in self.ledger.bound().shapes {
                self.changes.shapes.insert(dropped);
            }
        }
    }
}

fn status(side: &Observation) -> Option<u16> {
    side.answer.as_ref().ok().map(|answer| answer.status)
}

/// The group that a difference belongs to.
pub fn group_key(endpoint: &str, statuses: StatusPair, finding: &Difference) -> GroupKey {
    GroupKey {
        endpoint: endpoint.to_owned(),
        statuses,
        place: plain_place(&finding.group),
        kind: finding.kind,
        relation: finding.relation.as_ref().map(group_relation),
        severity: finding.severity,
    }
}

/// A shift by a time zone is one thing; one by the seconds between two clocks is another each time.
fn group_relation(relation: &Relation) -> RelationText {
    let mut text = relation_text(relation);
    if let Relation::TimeShift(seconds) = relation
        && seconds % 900 != 0
    {
        "time shift".clone_into(&mut text.text);
    }
    text
}

fn sample(redactor: &Redactor, judged: &Judged<'_>, finding: &Difference, rank: &str) -> Sample {
    let exchange = judged.exchange;
    let endpoint = &exchange.endpoint;
    let field = |wanted: &str| {
        let found = judged.headers.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| String::from_utf8_lossy(value).trim().to_owned())
    };
    let media = field("content-type").unwrap_or_default();
    let traceparent =
        field("traceparent").filter(|text| format_class(text) == FormatClass::TraceParent);
    let request_id = ["x-request-id", "request-id", "x-correlation-id"]
        .into_iter()
        .find_map(field)
        .map(|id| {
            if is_request_id(&id) {
                id
            } else {
                redactor.token("id", &id, Origin::Text)
            }
        });
    let headers = |fields: &[(String, Vec<u8>)]| -> Vec<(String, String)> {
        let named = fields.iter().filter(|(name, _)| is_plain_name(name));
        named
            .map(|(name, value)| (name.clone(), redactor.field(endpoint, name, value)))
            .collect()
    };
    let answer = |side: &Observation| match &side.answer {
        Ok(answer) => {
            let media = answer.header("content-type").next().unwrap_or_default();
            let media = String::from_utf8_lossy(media);
            let codings = codings(answer.header("content-encoding"));
            let body = match decode(&answer.body, &codings, MAX_DECODED) {
                Ok(body) => redactor.body(endpoint, &media, &body, MAX_SAMPLE_BODY),
                Err(_) => redactor.body(endpoint, "", &answer.body, MAX_SAMPLE_BODY),
            };
            StoredAnswer {
                status: Some(answer.status),
                failure: None,
                took_us: u64::try_from(side.latency.as_micros()).unwrap_or(u64::MAX),
                headers: headers(&answer.headers),
                body_bytes: answer.body.len() as u64,
                body: Some(body.text),
                body_cut: body.cut,
            }
        }
        Err(failure) => {
            // Only the kind of failure: its text may quote an address or what a service sent.
            let text = failure.to_string();
            let kind = text.split(':').next().unwrap_or("no answer");
            StoredAnswer {
                failure: Some(kind.to_owned()),
                ..StoredAnswer::default()
            }
        }
    };
    let body = judged
        .body
        .map(|body| redactor.body(endpoint, &media, body, MAX_SAMPLE_BODY));
    Sample {
        rank: rank.to_owned(),
        at_ms: judged.at_ms,
        traceparent,
        request_id,
        request: StoredRequest {
            method: exchange.method.clone(),
            target: redactor.target(judged.template, &exchange.path),
            headers: headers(judged.headers),
            body: body.filter(|body| !body.cut).map(|body| body.text),
        },
        reference: answer(&exchange.reference),
        candidate: answer(&exchange.candidate),
        difference: redactor.difference(endpoint, finding),
        findings: judged.verdict.findings.len() as u64 + judged.verdict.truncated_findings,
    }
}

/// Ids that machines make: no word, no name.
fn is_request_id(text: &str) -> bool {
    (8..=64).contains(&text.len())
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && personal::find(text).is_none()
}

fn shape_of(judged: &Judged<'_>, document: Option<&Document<'_>>) -> Shape {
    let exchange = judged.exchange;
    let named = |name: &str, class: &str| {
        if is_plain_name(name) {
            format!("{name}:{class}")
        } else {
            format!("{{key}}:{class}")
        }
    };
    let query = exchange.path.split_once('?').map_or("", |(_, query)| query);
    let mut names: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            named(name, text_class(value))
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(MAX_SHAPE_NAMES);
    let field = |wanted: &str| judged.headers.iter().find(|(name, _)| name == wanted);
    let auth = field("authorization").map(|(_, value)| {
        let scheme = value.split(|byte| *byte == b' ').next().unwrap_or_default();
        match scheme.to_ascii_lowercase().as_slice() {
            b"bearer" => "bearer",
            b"basic" => "basic",
            _ => "other",
        }
    });
    let auth = auth
        .or_else(|| field("cookie").map(|_| "cookie"))
        .map(str::to_owned);
    let media = field("content-type").map(|(_, value)| {
        let text = String::from_utf8_lossy(value).to_ascii_lowercase();
        let media = text.split(';').next().unwrap_or("").trim().to_owned();
        let good = media.len() <= 64
            && media.split_once('/').is_some_and(|(kind, form)| {
                is_plain_name(kind) && form.split('+').all(is_plain_name)
            });
        if good { media } else { "other".to_owned() }
    });
    let mut body = Vec::new();
    if let Some(document) = document
        && document.root().kind() == JsonType::Object
    {
        for (key, node) in document.root().members().take(MAX_SHAPE_NAMES) {
            let class = match node.kind() {
                JsonType::Object => "object",
                JsonType::Array => "array",
                JsonType::String => text_class(&node.as_str()),
                JsonType::Number => "number",
                JsonType::Bool => "bool",
                JsonType::Null => "null",
            };
            body.push(named(&key.as_str(), class));
        }
        body.sort_unstable();
        body.dedup();
    }
    Shape {
        endpoint: exchange.endpoint.clone(),
        method: exchange.method.clone(),
        query: names,
        auth,
        media,
        body,
    }
}

fn text_class(text: &str) -> &'static str {
    match format_class(text) {
        FormatClass::Empty => "empty",
        FormatClass::Uuid(_) => "uuid",
        FormatClass::Ulid => "ulid",
        FormatClass::Int => "int-text",
        FormatClass::Decimal(_) => "decimal-text",
        FormatClass::Timestamp(_) => "timestamp",
        FormatClass::Date => "date",
        _ => "text",
    }
}
