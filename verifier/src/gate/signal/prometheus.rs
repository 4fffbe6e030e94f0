//! Counters in Prometheus, over its HTTP API.
//!
//! Counts come from the raw counters at both edges of the window, series by series: `increase()`
//! extrapolates, and misses the first error of a series that was born with it. A counter that went
//! back was restarted and counts from 0. The share of slow answers is read at a bucket edge that must
//! exist exactly; nothing is interpolated.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{Ask, Counts, Memory, Sight, Sighting, Signal, Trouble, TroubleKind};
use crate::client::{ClientConfig, Outgoing, Target};
use crate::exchange::Failure;
use crate::gate::clock::Pending;
use crate::gate::config::PrometheusConfig;
use crate::gate::span::Span;
use crate::jwt::cell::Side;

/// Longest answer that is read.
const MAX_ANSWER: usize = 16 << 20;
/// A series whose newest sample is older than so many scrapes is stale.
const STALE_SCRAPES: f64 = 3.0;
/// Days of memory that are looked at.
const DAYS: u32 = 8;

/// One Prometheus.
#[derive(Debug)]
pub struct Prometheus {
    config: PrometheusConfig,
    target: Result<Target, String>,
    /// Its clock minus ours at the last answer.
    skew_ms: Option<i64>,
}

/// One series of an answer.
#[derive(Debug, Deserialize)]
struct Series {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

impl Series {
    fn number(&self) -> f64 {
        // Prometheus writes `NaN`, `+Inf` and `-Inf`, which parse.
        self.value.1.parse().unwrap_or(f64::NAN)
    }

    fn label(&self, name: &str) -> &str {
        self.metric.get(name).map_or("", String::as_str)
    }

    /// All labels but the metric's name: what makes it the same series a moment later.
    fn key(&self) -> Vec<(&str, &str)> {
        self.metric
            .iter()
            .filter(|(name, _)| *name != "__name__")
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }
}

impl Prometheus {
    /// Sends nothing yet.
    pub fn new(config: &PrometheusConfig) -> Self {
        let client = ClientConfig {
            timeout: config.timeout.duration(),
            max_body_bytes: MAX_ANSWER,
            ..ClientConfig::default()
        };
        Self {
            target: Target::new(&config.url, client).map_err(|error| error.to_string()),
            config: config.clone(),
            skew_ms: None,
        }
    }

    fn selector(&self, side: Side) -> &str {
        match side {
            Side::Legacy => &self.config.legacy,
            Side::Core => &self.config.core,
        }
    }

    /// Asks for the value of an expression at a moment.
    async fn query(&mut self, expression: &str, at_ms: i64) -> Result<Vec<Series>, Trouble> {
        let unreachable = |text: String| Trouble::new(TroubleKind::Unreachable, text);
        let malformed = |text: String| Trouble::new(TroubleKind::Malformed, text);
        let target = self
            .target
            .as_ref()
            .map_err(|error| unreachable(error.clone()))?;
        let mut headers = Vec::new();
        if let Some(file) = &self.config.token_file {
            let token = std::fs::read_to_string(file)
                .map_err(|error| unreachable(format!("{}: {error}", file.display())))?;
            headers.push((
                "authorization".to_owned(),
                format!("Bearer {}", token.trim()),
            ));
        }
        let seconds = format!("{}.{:03}", at_ms.div_euclid(1000), at_ms.rem_euclid(1000));
        let path: String = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("query", expression)
            .append_pair("time", &seconds)
            .finish();
        let sent = target
            .send(&Outgoing {
                method: "GET".to_owned(),
                path: format!("/api/v1/query?{path}"),
                headers,
                body: None,
            })
            .await;
        let answer = sent.observation.answer.map_err(|failure| match failure {
            Failure::TooLarge(text) => malformed(text),
            other => unreachable(other.to_string()),
        })?;
        let date = answer.header("date").next();
        let date =
            date.and_then(|date| httpdate::parse_http_date(std::str::from_utf8(date).ok()?).ok());
        if let Some(since) = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok()) {
            // A date has whole seconds: half a second is the better guess.
            let theirs = i64::try_from(since.as_millis())
                .unwrap_or(i64::MAX)
                .saturating_add(500);
            self.skew_ms = Some(theirs.saturating_sub(sent.received.as_millisecond()));
        }
        let body: Result<Value, _> = serde_json::from_slice(&answer.body);
        let body = match (answer.status, body) {
            (200, Ok(body)) => body,
            (200, Err(error)) => return Err(malformed(format!("no JSON: {error}"))),
            (status @ (400 | 422), Ok(body)) => {
                let error = body
                    .get("error")
                    .and_then(Value::as_str)
                    .unwrap_or("no reason given");
                return Err(malformed(format!("{status}: {error}")));
            }
            (status, _) => return Err(unreachable(format!("status {status}"))),
        };
        if body.get("status").and_then(Value::as_str) != Some("success") {
            let error = body
                .get("error")
                .and_then(Value::as_str)
                .unwrap_or("no reason given");
            return Err(malformed(error.to_owned()));
        }
        let warnings = body.get("warnings").and_then(Value::as_array);
        if let Some(warning) = warnings.and_then(|warnings| warnings.first()) {
            return Err(malformed(format!("with a warning: {warning}")));
        }
        let data = body.get("data").cloned().unwrap_or_default();
        match data.get("resultType").and_then(Value::as_str) {
            Some("vector") => serde_json::from_value(data["result"].clone())
                .map_err(|error| malformed(error.to_string())),
            Some("scalar") => {
                let value = serde_json::from_value(data["result"].clone())
                    .map_err(|error| malformed(error.to_string()))?;
                Ok(vec![Series {
                    metric: BTreeMap::new(),
                    value,
                }])
            }
            other => Err(malformed(format!(
                "the result is {}, not a vector",
                other.unwrap_or("of no type")
            ))),
        }
    }

    /// One number, finite and unambiguous.
    async fn number(&mut self, expression: &str, at_ms: i64) -> Result<f64, Trouble> {
        let series = self.query(expression, at_ms).await?;
        match series.as_slice() {
            [] => Err(Trouble::new(
                TroubleKind::Empty,
                format!("`{expression}` has no series"),
            )),
            [one] if one.number().is_nan() => Err(Trouble::new(
                TroubleKind::Idle,
                format!("`{expression}` is NaN"),
            )),
            [one] if one.number().is_infinite() => Err(Trouble::new(
                TroubleKind::Malformed,
                format!("`{expression}` is infinite"),
            )),
            [one] => Ok(one.number()),
            many => Err(Trouble::new(
                TroubleKind::Ambiguous,
                format!(
                    "`{expression}` has {} series: let the labels choose one",
                    many.len()
                ),
            )),
        }
    }

    /// Whether what is watched is up and scraped lately.
    async fn guard(&mut self, side: Side, at_ms: i64) -> Result<(), Trouble> {
        let selector = self.selector(side).to_owned();
        let up = self.query(&format!("up{{{selector}}}"), at_ms).await?;
        if let Some(down) = up.iter().find(|series| series.number() == 0.0) {
            return Err(Trouble::new(
                TroubleKind::TargetDown,
                format!("`up` is 0 for {}", down.label("instance")),
            ));
        }
        let metric = self.config.requests.clone();
        // The newest sample of each series: one target of several that is gone must show.
        let age = format!("time() - max by (instance) (timestamp({metric}{{{selector}}}))");
        let ages = self.query(&age, at_ms).await?;
        if ages.is_empty() {
            return Err(Trouble::new(
                TroubleKind::Empty,
                format!("no series `{metric}{{{selector}}}`: is the label right, and scraped?"),
            ));
        }
        let limit = self.config.scrape_interval.duration().as_secs_f64() * STALE_SCRAPES;
        let oldest = ages.iter().map(Series::number).fold(0.0, f64::max);
        if oldest > limit {
            return Err(Trouble::new(
                TroubleKind::Stale,
                format!("the newest sample is {oldest:.0} s old, more than {limit:.0} s"),
            ));
        }
        Ok(())
    }

    /// How far each series of a counter went within the window.
    async fn risen(
        &mut self,
        counter: &str,
        ask: &Ask,
    ) -> Result<Vec<(BTreeMap<String, String>, u64)>, Trouble> {
        let before = self.query(counter, ask.from_ms).await?;
        let after = self.query(counter, ask.to_ms).await?;
        let mut risen = Vec::new();
        for series in after {
            let earlier = before.iter().find(|earlier| earlier.key() == series.key());
            let (from, to) = (earlier.map_or(0.0, Series::number), series.number());
            if !to.is_finite() || !from.is_finite() || to < 0.0 {
                return Err(Trouble::new(
                    TroubleKind::Malformed,
                    format!("`{counter}` is {to}, which is no count"),
                ));
            }
            let rise = if to < from { to } else { to - from };
            // A count; at most 2^53 by how Prometheus keeps it.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            risen.push((series.metric, rise.round() as u64));
        }
        Ok(risen)
    }

    async fn counts(&mut self, side: Side, ask: &Ask) -> Result<Counts, Trouble> {
        self.guard(side, ask.to_ms).await?;
        let selector = self.selector(side).to_owned();
        let requests = format!("{}{{{selector}}}", self.config.requests);
        let mut counts = Counts::default();
        for (labels, count) in self.risen(&requests, ask).await? {
            let status = labels
                .get(&self.config.status_label)
                .map_or("", String::as_str);
            counts.requests += count;
            match status.bytes().next() {
                Some(b'5') => counts.errors += count,
                Some(b'4') => counts.client_errors += count,
                _ => {}
            }
            if status.is_empty() && count > 0 {
                return Err(Trouble::new(
                    TroubleKind::Malformed,
                    format!(
                        "`{requests}` has no label `{}`: name it with `status_label`",
                        self.config.status_label
                    ),
                ));
            }
        }
        let bucket = format!("{}_bucket", self.config.duration);
        let everything = self.edge(&bucket, &selector, None, ask).await?;
        for slow in &ask.slow {
            let within = self.edge(&bucket, &selector, Some(*slow), ask).await?;
            counts.slow.push(everything.saturating_sub(within));
        }
        Ok(counts)
    }

    /// Observations within the window that did not exceed an edge; all of them for `None`.
    async fn edge(
        &mut self,
        bucket: &str,
        selector: &str,
        edge: Option<Span>,
        ask: &Ask,
    ) -> Result<u64, Trouble> {
        let le = edge.map_or_else(|| "[+]Inf".to_owned(), |edge| spellings(edge.duration()));
        let counter = format!("{bucket}{{{selector},le=~\"{le}\"}}");
        let risen = self.risen(&counter, ask).await?;
        if risen.is_empty() {
            return Err(Trouble::new(
                TroubleKind::NoEdge,
                match edge {
                    Some(edge) => format!(
                        "`{bucket}{{{selector}}}` has no edge at exactly {edge}: give the histogram one"
                    ),
                    None => format!("no histogram `{bucket}{{{selector}}}`"),
                },
            ));
        }
        Ok(risen.iter().map(|(_, count)| count).sum())
    }

    async fn restarts(&mut self, ask: &Ask) -> Result<u64, Trouble> {
        let window_s = (ask.to_ms.saturating_sub(ask.from_ms).max(1000)) / 1000;
        let selector = &self.config.core;
        let expression =
            format!("sum(changes(process_start_time_seconds{{{selector}}}[{window_s}s]))");
        let number = self.number(&expression, ask.to_ms).await?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Ok(number.round().max(0.0) as u64)
    }

    async fn memory(&mut self, metric: &str, limit: &str, at_ms: i64) -> Result<Memory, Trouble> {
        let limit_bytes = match limit.trim().parse::<f64>() {
            Ok(bytes) => bytes,
            Err(_) => self.number(&format!("min({limit})"), at_ms).await?,
        };
        let mut daily_max_bytes = Vec::new();
        for day in (0..DAYS).rev() {
            let offset = if day == 0 {
                String::new()
            } else {
                format!(" offset {day}d")
            };
            let expression = format!("max(max_over_time({metric}[1d]{offset}))");
            match self.number(&expression, at_ms).await {
                Ok(bytes) => daily_max_bytes.push(bytes),
                // Days before the first sample.
                Err(trouble) if trouble.kind == TroubleKind::Empty => daily_max_bytes.clear(),
                Err(trouble) => return Err(trouble),
            }
        }
        if daily_max_bytes.is_empty() {
            return Err(Trouble::new(
                TroubleKind::Empty,
                format!("no series `{metric}`"),
            ));
        }
        Ok(Memory {
            daily_max_bytes,
            limit_bytes,
        })
    }

    async fn look(&mut self, ask: &Ask) -> Vec<Sighting> {
        let source = self.name();
        let seen = |query: String, sight: Sight| Sighting {
            source: source.clone(),
            query: Some(query),
            at_ms: ask.to_ms,
            sight,
        };
        let mut sightings = Vec::new();
        for side in Side::BOTH {
            let query = format!("{}{{{}}}", self.config.requests, self.selector(side));
            let counts = self.counts(side, ask).await;
            sightings.push(seen(query, Sight::Counts { side, seen: counts }));
        }
        let restarts = self.restarts(ask).await;
        let query = format!("process_start_time_seconds{{{}}}", self.config.core);
        sightings.push(seen(query, Sight::Restarts { seen: restarts }));
        if let (Some(metric), Some(limit)) =
            (self.config.memory.clone(), self.config.memory_limit.clone())
        {
            let memory = self.memory(&metric, &limit, ask.to_ms).await;
            sightings.push(seen(metric, Sight::Memory { seen: memory }));
        }
        if let Some(ms) = self.skew_ms {
            sightings.push(seen("its `Date`".to_owned(), Sight::Skew { ms }));
        }
        sightings
    }
}

/// The ways in which client libraries write a bucket edge, as a regular expression: `2` and `2.0`.
fn spellings(edge: Duration) -> String {
    let seconds = edge.as_secs_f64();
    let plain = format!("{seconds}").replace('.', "[.]");
    if edge.subsec_nanos() == 0 {
        format!("{plain}|{plain}[.]0")
    } else {
        plain
    }
}

impl Signal for Prometheus {
    fn name(&self) -> String {
        format!("prometheus {}", self.config.url)
    }

    fn preview(&self, ask: &Ask) -> Vec<String> {
        let base = self.config.url.trim_end_matches('/');
        let mut queries = Vec::new();
        for side in Side::BOTH {
            let selector = self.selector(side);
            let PrometheusConfig {
                requests, duration, ..
            } = &self.config;
            queries.push(format!("up{{{selector}}}"));
            queries.push(format!(
                "time() - max by (instance) (timestamp({requests}{{{selector}}}))"
            ));
            queries.push(format!("{requests}{{{selector}}}"));
            queries.push(format!("{duration}_bucket{{{selector},le=~\"[+]Inf\"}}"));
            for slow in &ask.slow {
                let le = spellings(slow.duration());
                queries.push(format!("{duration}_bucket{{{selector},le=~\"{le}\"}}"));
            }
        }
        queries
            .into_iter()
            .map(|query| format!("GET {base}/api/v1/query  {query}"))
            .collect()
    }

    fn observe<'a>(&'a mut self, ask: &'a Ask) -> Pending<'a, Vec<Sighting>> {
        Box::pin(self.look(ask))
    }
}
