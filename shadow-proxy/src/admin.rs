//! The admin port: metrics, health and a live summary, apart from the clients' port.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Semaphore, watch};
use verifier::confidence::{
    Assessment, ConfidenceConfig, LatencyAssessment, Whole, assess, latency_together,
};
use verifier::evidence::noise::{Counts, Decisions};
use verifier::evidence::record::EndpointTally;
use verifier::self_check::{Seen, SelfCheckConfig, SelfCheckCounts};

use crate::capture::Budget;
use crate::compare::Findings;
use crate::config::{Config, ConfigError};
use crate::counters::{Counters, Endpoint, LATENCY_EDGES, Latency, Reason, Tally};
use crate::evidence::histogram as buckets;
use crate::lane::Settings;
use crate::sentinel;
use crate::sink::Sink;
use crate::versions;

/// All that the admin port shows.
#[derive(Clone)]
pub(crate) struct AdminState {
    settings: Arc<Settings>,
    counters: Arc<Counters>,
    findings: Arc<Findings>,
    budget: Arc<Budget>,
    depth: Arc<dyn Fn() -> usize + Send + Sync>,
    token: Option<Arc<[u8]>>,
    sample_percent: f64,
    /// Where second answers of legacy come from.
    second_answers: Option<String>,
    /// What is to be proved.
    confidence: ConfidenceConfig,
    /// What the verifier's check of itself must show.
    self_check: SelfCheckConfig,
    began: Instant,
}

/// Reads one count of an endpoint.
type Count = fn(&Endpoint) -> u64;

/// A bearer token must be long enough that guessing is no way in.
const MIN_TOKEN: usize = 16;
/// An operator's request that takes longer is ended.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// After a failed accept (usually: out of file descriptors) the next one is not tried at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Most admin connections at once.
const MAX_CONNECTIONS: usize = 64;

impl AdminState {
    pub(crate) fn new(
        config: &Config,
        settings: &Arc<Settings>,
        counters: &Arc<Counters>,
        findings: &Arc<Findings>,
        budget: &Arc<Budget>,
        sink: &Sink,
    ) -> Result<Self, ConfigError> {
        let token = match &config.admin_token_file {
            None => None,
            Some(path) => {
                let key = |source| ConfigError::Key {
                    path: path.clone(),
                    what: "no admin token of at least 16 characters",
                    source,
                };
                let text = fs::read_to_string(path).map_err(key)?;
                let token = text.trim();
                if token.len() < MIN_TOKEN {
                    return Err(key(io::ErrorKind::InvalidData.into()));
                }
                Some(Arc::from(token.as_bytes()))
            }
        };
        // Only the depth: a `Sink` held here would keep the comparing thread from ending.
        let depth = sink.depth_reader();
        Ok(Self {
            settings: Arc::clone(settings),
            counters: Arc::clone(counters),
            findings: Arc::clone(findings),
            budget: Arc::clone(budget),
            depth: Arc::new(depth),
            token,
            sample_percent: config.sample.percent,
            second_answers: config.noise.words(),
            confidence: config.confidence,
            self_check: config.self_check,
            began: Instant::now(),
        })
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET is served\n");
        }
        match request.uri().path() {
            // Open without token: a probe of the platform has none.
            "/healthz" => text(StatusCode::OK, "alive\n"),
            // Says that the proxy can serve. Whether legacy answers is a metric: one hiccup of it
            // would otherwise take every proxy out of service.
            "/readyz" => text(StatusCode::OK, "ready\n"),
            _ if !self.allowed(request) => {
                let mut response = text(StatusCode::UNAUTHORIZED, "a bearer token is needed\n");
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                response
            }
            "/" => text(
                StatusCode::OK,
                "shadow-proxy\n/metrics  for Prometheus\n/status   live summary, JSON\n\
                 /healthz  the process lives\n/readyz   clients can be served\n",
            ),
            "/metrics" => typed("text/plain; version=0.0.4; charset=utf-8", self.metrics()),
            "/status" => typed("application/json", self.status().await),
            _ => text(StatusCode::NOT_FOUND, "not here; / lists what is\n"),
        }
    }

    /// Compares in constant time, so that answers do not tell how much of a guess was right.
    fn allowed(&self, request: &Request<Incoming>) -> bool {
        let Some(token) = &self.token else {
            return true;
        };
        let given = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
            .unwrap_or_default();
        let differing = token
            .iter()
            .zip(given)
            .fold(0, |seen, (a, b)| seen | (a ^ b));
        given.len() == token.len() && differing == 0
    }

    /// The live summary.
    async fn status(&self) -> String {
        let ids = match &self.settings.ids {
            Some(ids) => Some(ids.counts().await),
            None => None,
        };
        let total = self.counters.total();
        let decisions = self.decisions();
        let endpoints: Vec<_> = self
            .counters
            .endpoints()
            .iter()
            .map(|endpoint| self.endpoint_json(endpoint, &decisions))
            .collect();
        let groups: Vec<_> = self
            .findings
            .groups()
            .into_iter()
            .map(|(group, count)| {
                json!({
                    "endpoint": group.endpoint,
                    "statuses": [group.statuses.reference, group.statuses.candidate],
                    "group": group.place,
                    "kind": group.kind,
                    "relation": group.relation.as_ref().map(|relation| &relation.text),
                    "severity": group.severity,
                    "decision": decisions.group(&group.id()).name(),
                    "count": count,
                })
            })
            .collect();
        let unverified_writes = total.not_compared[Reason::Write as usize];
        let mut warnings = Vec::new();
        if unverified_writes > 0 {
            warnings.push(
                "writes went to legacy only: they are unverified, and reads after them may differ",
            );
        }
        if self.settings.writes.stopped() {
            warnings.push(
                "the sentinel write showed up at legacy: both use one database, and writes are no \
                 longer shadowed",
            );
        } else if !self.settings.writes.proved() {
            warnings.push(
                "writes are not shadowed until the sentinel has proved that the databases are apart",
            );
        }
        let all = self.self_check_counts();
        let of_all = self.self_check.warning(&all, None);
        let of_each = self
            .counters
            .endpoints()
            .into_iter()
            .filter_map(|endpoint| {
                let counts = endpoint.self_check();
                self.self_check.warning(&counts, Some(endpoint.name()))
            });
        let of_self: Vec<String> = of_all.into_iter().chain(of_each).collect();
        warnings.extend(of_self.iter().map(String::as_str));
        let mut status = tally_json(&total);
        self.divide(&mut status, decisions.endpoints.values().copied(), &total);
        let whole: Whole = self
            .counters
            .endpoints()
            .iter()
            .map(|endpoint| self.assess(endpoint, &decisions).standing)
            .collect();
        status["confidence"] = whole.value(&self.confidence);
        status["latency"] = self.latency_json();
        status["self_check"] = all.value();
        status["version"] = json!(env!("CARGO_PKG_VERSION"));
        status["uptime_s"] = json!(self.began.elapsed().as_secs());
        status["sample_percent"] = json!(self.sample_percent);
        status["refused"] = json!(self.counters.refused());
        status["evidence_lost"] = json!(self.counters.evidence_lost());
        status["queue_depth"] = json!((self.depth)());
        status["held_bytes"] = json!(self.budget.held());
        status["unverified_writes"] = json!(unverified_writes);
        status["warnings"] = json!(warnings);
        status["endpoints"] = json!(endpoints);
        status["groups"] = json!(groups);
        status["exchanges_beyond_groups"] = json!(self.findings.more());
        status["ids"] = json!(ids);
        status["second_answers"] = json!(self.second_answers);
        format!("{status:#}\n")
    }

    /// The times of all endpoints together.
    fn latency_json(&self) -> serde_json::Value {
        let mut all = EndpointTally::default();
        let mut standings = Vec::new();
        for endpoint in self.counters.endpoints() {
            let [legacy, core] = [endpoint.legacy_latency(), endpoint.core_latency()].map(buckets);
            let paces = endpoint.paces();
            let seen = LatencyAssessment::of(paces, &legacy, &core, &self.confidence);
            standings.push(seen.standing);
            all.reference_latency.merge(&legacy);
            all.candidate_latency.merge(&core);
            all.paces.merge(&paces);
        }
        let (legacy, core) = (&all.reference_latency, &all.candidate_latency);
        let mut seen = LatencyAssessment::of(all.paces, legacy, core, &self.confidence);
        seen.standing = latency_together(standings);
        seen.value(legacy, core, &self.confidence)
    }

    fn decisions(&self) -> Decisions {
        if self.second_answers.is_none() {
            return Decisions::default();
        }
        let paired: HashMap<String, u64> = self
            .counters
            .endpoints()
            .iter()
            .map(|endpoint| (endpoint.name().to_owned(), endpoint.paired()))
            .collect();
        self.findings
            .decisions(|name| paired.get(name).copied().unwrap_or(0))
    }

    fn endpoint_json(&self, endpoint: &Endpoint, decisions: &Decisions) -> serde_json::Value {
        let tally = endpoint.tally();
        let mut value = tally_json(&tally);
        let counts = decisions.endpoint(endpoint.name());
        self.divide(&mut value, std::iter::once(counts), &tally);
        let seen = self.assess(endpoint, decisions);
        value["confidence"] = seen.value(self.began.elapsed());
        let [legacy, core] = [endpoint.legacy_latency(), endpoint.core_latency()].map(buckets);
        let seen = LatencyAssessment::of(endpoint.paces(), &legacy, &core, &self.confidence);
        value["latency"] = seen.value(&legacy, &core, &self.confidence);
        if self.settings.evidence {
            let shapes = endpoint.uses().read().shapes;
            value["shapes"] = json!(shapes.distinct());
            value["unseen"] = json!(shapes.unseen());
            value["unseen_upper"] = json!(shapes.unseen_upper(self.confidence.alpha));
        }
        value["self_check"] = endpoint.self_check().value();
        if self.second_answers.is_some() {
            value["second_answers"] = json!({
                "asked": endpoint.twin_asked(),
                "paired": endpoint.paired(),
                "not_paired": endpoint.not_paired(),
            });
        }
        value
    }

    /// What an endpoint's counts prove.
    fn assess(&self, endpoint: &Endpoint, decisions: &Decisions) -> Assessment {
        let (tally, counts) = (endpoint.tally(), decisions.endpoint(endpoint.name()));
        let excused = counts.noise + counts.undecided;
        let different = tally.different.saturating_sub(excused);
        let mut seen = assess(
            tally.compared(),
            different,
            counts.undecided,
            &self.confidence,
        );
        let short = [self.self_check_counts(), endpoint.self_check()]
            .iter()
            .any(|counts| self.self_check.is_short(counts));
        seen.standing = seen.standing.unless_short(short);
        seen
    }

    /// What became of the faults that were injected, at all endpoints together.
    fn self_check_counts(&self) -> SelfCheckCounts {
        let mut all = SelfCheckCounts::default();
        for endpoint in &self.counters.endpoints() {
            all.merge(&endpoint.self_check());
        }
        all
    }

    /// Divides what differs: `compared = equal + noise + undecided + different`.
    fn divide(
        &self,
        value: &mut serde_json::Value,
        all: impl Iterator<Item = Counts>,
        tally: &Tally,
    ) {
        if self.second_answers.is_none() {
            return;
        }
        let (mut noise, mut undecided) = (0, 0);
        for counts in all {
            noise += counts.noise;
            undecided += counts.undecided;
        }
        value["noise"] = json!(noise);
        value["undecided"] = json!(undecided);
        value["different"] = json!(tally.different.saturating_sub(noise + undecided));
    }

    /// Series about second answers; there are none where none are asked for.
    fn noise_metrics(&self, out: &mut String, endpoints: &[Arc<Endpoint>]) {
        if self.second_answers.is_none() {
            return;
        }
        let series: [(&str, &str, Count); 2] = [
            (
                "twin_requests_total",
                "Second answers of legacy that were asked for.",
                Endpoint::twin_asked,
            ),
            (
                "twin_paired_total",
                "Exchanges held against a second answer of legacy as well.",
                Endpoint::paired,
            ),
        ];
        for (name, help, count) in series {
            head(out, name, "counter", help);
            for endpoint in endpoints {
                line(out, name, &[("endpoint", endpoint.name())], count(endpoint));
            }
        }
        head(
            out,
            "twin_not_paired_total",
            "counter",
            "Second answers that came to nothing, and why.",
        );
        let mut lost: BTreeMap<&str, u64> = BTreeMap::new();
        for endpoint in endpoints {
            for (reason, count) in endpoint.not_paired() {
                *lost.entry(reason).or_default() += count;
            }
        }
        for (reason, count) in lost {
            line(out, "twin_not_paired_total", &[("reason", reason)], count);
        }
        let decisions = self.decisions();
        head(
            out,
            "different_by_decision",
            "gauge",
            "Exchanges that differ, divided by what their places are held for now.",
        );
        for endpoint in endpoints {
            let (counts, all) = (
                decisions.endpoint(endpoint.name()),
                endpoint.tally().different,
            );
            let finding = all.saturating_sub(counts.noise + counts.undecided);
            for (decision, count) in [
                ("noise", counts.noise),
                ("undecided", counts.undecided),
                ("finding", finding),
            ] {
                let labels = [("endpoint", endpoint.name()), ("decision", decision)];
                line(out, "different_by_decision", &labels, count);
            }
        }
    }

    /// Prometheus text format 0.0.4. Every series is there from the start, so that a rate over a
    /// count that was never raised is zero and not missing.
    fn metrics(&self) -> String {
        let mut out = String::with_capacity(16 << 10);
        let counters = &self.counters;
        let total = counters.total();
        let endpoints = counters.endpoints();
        head(
            &mut out,
            "requests_total",
            "counter",
            "Requests sent to legacy.",
        );
        for endpoint in &endpoints {
            let tally = endpoint.tally();
            line(
                &mut out,
                "requests_total",
                &[("endpoint", &tally.endpoint)],
                tally.sent,
            );
        }
        head(
            &mut out,
            "compared_total",
            "counter",
            "Exchanges with a verdict.",
        );
        for endpoint in &endpoints {
            let tally = endpoint.tally();
            line(
                &mut out,
                "compared_total",
                &[("endpoint", &tally.endpoint)],
                tally.compared(),
            );
        }
        head(
            &mut out,
            "different_total",
            "counter",
            "Exchanges that differ.",
        );
        for endpoint in &endpoints {
            let tally = endpoint.tally();
            line(
                &mut out,
                "different_total",
                &[("endpoint", &tally.endpoint)],
                tally.different,
            );
        }
        head(
            &mut out,
            "not_compared_total",
            "counter",
            "Exchanges without a verdict, and why.",
        );
        for reason in Reason::ALL {
            let count = total.not_compared[reason as usize];
            line(
                &mut out,
                "not_compared_total",
                &[("reason", reason.label())],
                count,
            );
        }
        let checked = self.self_check_counts();
        head(
            &mut out,
            "self_check_total",
            "counter",
            "Faults put into copies of core's answers, by whether they were found.",
        );
        for (seen, count) in
            Seen::ALL
                .into_iter()
                .zip([checked.found, checked.blind, checked.missed])
        {
            line(
                &mut out,
                "self_check_total",
                &[("result", seen.label())],
                count,
            );
        }
        self.noise_metrics(&mut out, &endpoints);
        let singles: [(&str, &str, &str, u64); 8] = [
            (
                "evidence_lost_total",
                "counter",
                "Verdicts not stored.",
                counters.evidence_lost(),
            ),
            (
                "refused_total",
                "counter",
                "Requests refused before legacy.",
                counters.refused(),
            ),
            (
                "connections_total",
                "counter",
                "Client connections taken.",
                counters.connections(),
            ),
            (
                "in_flight",
                "gauge",
                "Requests whose end is open.",
                total.in_flight(),
            ),
            (
                "queue_depth",
                "gauge",
                "Pairs that wait to be compared.",
                (self.depth)() as u64,
            ),
            (
                "held_bytes",
                "gauge",
                "Bytes held for comparing.",
                self.budget.held() as u64,
            ),
            (
                "write_shadowing_stopped",
                "gauge",
                "1 when the tripwire has stopped it.",
                u64::from(self.settings.writes.stopped()),
            ),
            ("up", "gauge", "1 while serving.", 1),
        ];
        for (name, kind, help, value) in singles {
            head(&mut out, name, kind, help);
            line(&mut out, name, &[], value);
        }
        head(&mut out, "build_info", "gauge", "The version.");
        line(
            &mut out,
            "build_info",
            &[("version", env!("CARGO_PKG_VERSION"))],
            1,
        );
        head(
            &mut out,
            "latency_seconds",
            "histogram",
            "Time to the head of the answer.",
        );
        for endpoint in &endpoints {
            for (side, latency) in [
                ("legacy", endpoint.legacy_latency()),
                ("core", endpoint.core_latency()),
            ] {
                histogram(&mut out, endpoint.name(), side, latency);
            }
        }
        out
    }
}

fn tally_json(tally: &Tally) -> serde_json::Value {
    let not_compared: serde_json::Map<_, _> = Reason::ALL
        .into_iter()
        .filter(|&reason| tally.not_compared[reason as usize] > 0)
        .map(|reason| {
            (
                reason.label().to_owned(),
                json!(tally.not_compared[reason as usize]),
            )
        })
        .collect();
    json!({
        "endpoint": tally.endpoint,
        "sent": tally.sent,
        "compared": tally.compared(),
        "equal": tally.equal,
        "different": tally.different,
        "in_flight": tally.in_flight(),
        "not_compared": not_compared,
    })
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        out,
        "# HELP shadow_proxy_{name} {help}\n# TYPE shadow_proxy_{name} {kind}"
    );
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: u64) {
    let _ = write!(out, "shadow_proxy_{name}");
    for (at, (label, text)) in labels.iter().enumerate() {
        let _ = write!(
            out,
            "{}{label}=\"{}\"",
            if at == 0 { '{' } else { ',' },
            escaped(text)
        );
    }
    let _ = writeln!(out, "{} {value}", if labels.is_empty() { "" } else { "}" });
}

fn escaped(label: &str) -> String {
    label
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn histogram(out: &mut String, endpoint: &str, side: &str, latency: &Latency) {
    let endpoint = escaped(endpoint);
    let (counts, sum) = latency.read();
    let mut below = 0;
    for (at, count) in counts.iter().enumerate() {
        below += count;
        let edge = LATENCY_EDGES
            .get(at)
            .map_or("+Inf".to_owned(), ToString::to_string);
        let _ = writeln!(
            out,
            "shadow_proxy_latency_seconds_bucket{{endpoint=\"{endpoint}\",side=\"{side}\",le=\"{edge}\"}} {below}"
        );
    }
    let _ = writeln!(
        out,
        "shadow_proxy_latency_seconds_sum{{endpoint=\"{endpoint}\",side=\"{side}\"}} {sum}\n\
         shadow_proxy_latency_seconds_count{{endpoint=\"{endpoint}\",side=\"{side}\"}} {below}"
    );
}

fn text(status: StatusCode, words: &'static str) -> Response<Full<Bytes>> {
    let mut response = typed("text/plain; charset=utf-8", words.to_owned());
    *response.status_mut() = status;
    response
}

fn typed(kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// Serves the admin port on a thread of its own until the proxy stops.
pub(crate) fn start(
    listener: TcpListener,
    state: AdminState,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    thread::Builder::new()
        .name("admin".to_owned())
        .spawn(move || {
            let Ok(runtime) = Builder::new_current_thread()
                .enable_all()
                .build_local(LocalOptions::default())
            else {
                tracing::error!("the admin port cannot be served");
                return;
            };
            runtime.block_on(async move {
                let listener = match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => listener,
                    Err(error) => {
                        tracing::error!(%error, "the admin port cannot be served");
                        return;
                    }
                };
                let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
                if let Some(sentinel) = state.settings.writes.sentinel().cloned() {
                    let settings = Arc::clone(&state.settings);
                    tokio::task::spawn_local(sentinel::watch(settings, sentinel));
                }
                if let Some(versions) = state.settings.versions.clone() {
                    let settings = Arc::clone(&state.settings);
                    tokio::task::spawn_local(versions::watch(settings, versions));
                }
                loop {
                    let stream = tokio::select! {
                        accepted = listener.accept() => accepted,
                        _ = stop.wait_for(|&stop| stop) => return,
                    };
                    let Ok((stream, _)) = stream else {
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    };
                    let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                        continue;
                    };
                    let state = state.clone();
                    tokio::task::spawn_local(async move {
                        let state = &state;
                        let service = service_fn(move |request| async move {
                            Ok::<_, Infallible>(state.answer(&request).await)
                        });
                        let served = http1::Builder::new()
                            .timer(TokioTimer::new())
                            .header_read_timeout(REQUEST_LIMIT)
                            .max_buf_size(16 << 10)
                            .serve_connection(TokioIo::new(stream), service);
                        // Who asks too slowly, or breaks off, is let go.
                        let _ended = served.await;
                        drop(place);
                    });
                }
            });
        })?;
    Ok(())
}
