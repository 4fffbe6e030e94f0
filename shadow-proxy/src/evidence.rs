//! What the comparing thread does with its verdicts besides counting: evidence on disk, in batches,
//! redacted before it is kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use verifier::catalogue::Catalogue;
pub use verifier::cutover::EvidenceConfig;
use verifier::evidence::held_to::HeldTo;
use verifier::evidence::key_file::{self, KeyFileError};
use verifier::evidence::noise::Paired;
use verifier::evidence::record::{EndpointTally, Histogram, Run, StatusPair};
use verifier::evidence::redact::{Marks, Redactor};
use verifier::evidence::store::{Found, SqliteRecorder, StoreError};
use verifier::evidence::{Flushed, Judged, Recorder as _};
use verifier::exchange::Exchange;
use verifier::ids::Aligned;
use verifier::verdict::Verdict;

use crate::config::{Config, without_user};
use crate::counters::{Counters, Endpoint, Latency, Reason};
use crate::versions::{Versions, version};

/// Why evidence cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// No key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// No file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How often it is looked whether a batch is due.
const LOOK: Duration = Duration::from_millis(250);

/// The comparing thread's end of the evidence.
#[derive(Debug)]
pub(crate) struct EvidenceWriter {
    recorder: SqliteRecorder,
    counters: Arc<Counters>,
    /// Path templates of the catalogue's endpoints, by name.
    templates: HashMap<String, String>,
    version_header: Option<String>,
    /// What the services say on a page of theirs.
    versions: Option<Arc<Versions>>,
    looked: Instant,
    failing: bool,
}

impl EvidenceWriter {
    /// Opens the evidence that `config` names, if it names any. With it come sentences that an operator
    /// should read once clients are served.
    pub(crate) fn open(
        config: &Config,
        catalogue: Option<&Catalogue>,
        counters: &Arc<Counters>,
        versions: Option<Arc<Versions>>,
    ) -> Result<(Option<Self>, Vec<String>), EvidenceError> {
        let wanted = &config.evidence;
        let Some(path) = &wanted.file else {
            return Ok((None, Vec::new()));
        };
        let key = key_file::load(wanted.redaction_key_file.as_deref(), path)?;
        let marks = catalogue.map(Marks::of).unwrap_or_default();
        let address =
            |address: &Option<String>| address.as_deref().map(without_user).unwrap_or_default();
        let run = Run {
            legacy: address(&config.legacy),
            core: address(&config.core),
            catalogue_sha256: catalogue.map(|catalogue| catalogue.sha256.clone()),
            sample_percent: Some(config.sample.percent.to_string()),
            writes: serde_json::to_value(config.writes.default)
                .ok()
                .and_then(|word| word.as_str().map(str::to_owned)),
            second_answers: config.noise.words(),
            held_to: Some(HeldTo::of(&config.confidence, &config.self_check)),
            legacy_version: wanted.legacy_version.clone(),
            core_version: wanted.core_version.clone(),
            trace_url: wanted.trace_url.clone(),
            ..Run::default()
        };
        let (recorder, found) =
            SqliteRecorder::begin(path, Redactor::new(key, marks), run, now_ms())?;
        let notices = notices(&found, wanted.redaction_key_file.is_none());
        let endpoints = catalogue
            .map(|catalogue| catalogue.endpoints.as_slice())
            .unwrap_or_default();
        let writer = Self {
            recorder,
            counters: Arc::clone(counters),
            templates: endpoints
                .iter()
                .map(|endpoint| (endpoint.id.clone(), endpoint.path.clone()))
                .collect(),
            version_header: wanted
                .version_header
                .as_ref()
                .map(|name| name.to_ascii_lowercase()),
            versions,
            looked: Instant::now(),
            failing: found.not_yet.is_some(),
        };
        Ok((Some(writer), notices))
    }

    /// Takes a judged exchange in.
    pub(crate) fn record(
        &mut self,
        request: &HeaderMap,
        role: Option<&str>,
        body: Option<&[u8]>,
        exchange: &Exchange,
        verdict: &Verdict,
    ) {
        if let Some(name) = &self.version_header {
            let told = |side: &verifier::exchange::Observation| {
                let answer = side.answer.as_ref().ok()?;
                version(answer.header(name).next()?)
            };
            let (legacy, core) = (told(&exchange.reference), told(&exchange.candidate));
            self.recorder.versions(legacy, core);
        }
        let headers: Vec<(String, Vec<u8>)> = request
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect();
        let name = exchange.endpoint.as_str();
        // An inferred name is the method and the template.
        let inferred = name.split_once(' ').map_or("", |(_, path)| path);
        let template = self.templates.get(name).map_or(inferred, String::as_str);
        self.recorder.record(&Judged {
            at_ms: now_ms(),
            template,
            headers: &headers,
            role,
            body,
            exchange,
            verdict,
        });
    }

    /// Takes a pairing in.
    pub(crate) fn pair(&mut self, paired: &Paired<'_>) {
        self.recorder.pair(paired);
    }

    /// Takes pairs of ids in.
    pub(crate) fn ids(&mut self, pairs: &[Aligned]) {
        if !pairs.is_empty() {
            self.recorder.ids(pairs);
        }
    }

    /// Writes a batch if one is due. Cheap when not.
    pub(crate) fn look(&mut self) {
        if self.looked.elapsed() < LOOK {
            return;
        }
        self.looked = Instant::now();
        self.take_versions();
        self.tally();
        let flushed = self.recorder.flush_if_due(now_ms());
        self.count(&flushed);
    }

    /// Writes the rest, and that this was the end.
    pub(crate) fn finish(&mut self) {
        self.take_versions();
        self.tally();
        let flushed = self.recorder.finish(now_ms());
        self.count(&flushed);
    }

    /// An exchange whose evidence will never be written.
    pub(crate) fn lost_one(&self) {
        self.counters.lose_evidence(1);
    }

    fn take_versions(&mut self) {
        if let Some(versions) = &self.versions {
            let (legacy, core) = versions.take();
            self.recorder.versions(legacy, core);
        }
    }

    fn tally(&mut self) {
        for endpoint in self.counters.endpoints() {
            let tally = tally(&endpoint);
            if tally.sent > 0 {
                self.recorder.tally(endpoint.name(), tally);
            }
        }
    }

    /// Says once when it begins to fail and once when it is over, not with every batch.
    fn count(&mut self, flushed: &Flushed) {
        self.counters.lose_evidence(flushed.lost);
        match &flushed.error {
            Some(error) if !self.failing => {
                self.failing = true;
                tracing::error!(error, "evidence cannot be written; traffic goes on");
            }
            None if flushed.wrote && self.failing => {
                self.failing = false;
                tracing::info!("evidence is written again");
            }
            _ => {}
        }
    }
}

fn notices(found: &Found, random_key: bool) -> Vec<String> {
    let mut notices = Vec::new();
    if random_key {
        notices.push(
            "evidence is redacted under a random key and cannot be merged with that of another proxy: \
             name one with `--redaction-key-file`"
                .to_owned(),
        );
    }
    if found.cut_off_runs > 0 {
        notices.push(format!(
            "evidence: {} earlier proxies ended without notice; each lost at most its last second of it",
            found.cut_off_runs
        ));
    }
    if found.broken_records > 0 {
        notices.push(format!(
            "evidence: {} damaged records are left out",
            found.broken_records
        ));
    }
    if let Some(aside) = &found.set_aside {
        notices.push(format!(
            "evidence: the file could not be read and is now {}",
            aside.display()
        ));
    }
    if found.other_key && !random_key {
        notices.push("evidence: some of this file was redacted under another key".to_owned());
    }
    if let Some(error) = &found.not_yet {
        notices.push(format!("evidence cannot be written yet: {error}"));
    }
    notices
}

fn tally(endpoint: &Endpoint) -> EndpointTally {
    let counts = endpoint.tally();
    let reasons = Reason::ALL.into_iter().zip(counts.not_compared);
    let equal_by_status =
        endpoint
            .equal_by_status()
            .into_iter()
            .map(|((reference, candidate), count)| {
                (
                    StatusPair {
                        reference,
                        candidate: Some(candidate),
                    },
                    count,
                )
            });
    EndpointTally {
        sent: counts.sent,
        equal: counts.equal,
        different: counts.different,
        not_compared: reasons
            .filter(|(_, count)| *count > 0)
            .map(|(reason, count)| (reason.label().to_owned(), count))
            .collect(),
        paired: endpoint.paired(),
        not_paired: endpoint
            .not_paired()
            .into_iter()
            .map(|(reason, count)| (reason.to_owned(), count))
            .collect(),
        equal_by_status: equal_by_status.collect(),
        reference_latency: histogram(endpoint.legacy_latency()),
        candidate_latency: histogram(endpoint.core_latency()),
        paces: endpoint.paces(),
        uses: endpoint.uses().read(),
        self_check: endpoint.self_check(),
    }
}

/// The buckets as evidence keeps them.
pub(crate) fn histogram(latency: &Latency) -> Histogram {
    let (counts, sum_s) = latency.read();
    // Seconds of a process's life fit; the cast saturates.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let sum_us = (sum_s * 1e6).round() as u64;
    Histogram { counts, sum_us }
}

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_crates_count_latencies_in_the_same_buckets() {
        let edges = verifier::evidence::record::LATENCY_EDGES_US.map(|us| us as f64 / 1e6);
        let ours = crate::counters::LATENCY_EDGES;
        assert!(
            edges
                .iter()
                .zip(ours)
                .all(|(theirs, ours)| (theirs - ours).abs() < 1e-9)
        );
    }
}
