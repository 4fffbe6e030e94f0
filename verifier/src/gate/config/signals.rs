//! What may be looked at while core serves.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{half_a_minute, ten_seconds};
use crate::gate::span::Span;

/// What is looked at while core serves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignalsConfig {
    /// Counters in Prometheus.
    pub prometheus: Option<PrometheusConfig>,
    /// The evidence of live traffic as a source of counts: for rehearsals without a router.
    pub evidence: bool,
    /// Requests to the public address that must be answered as said.
    pub probes: Vec<ProbeConfig>,
    /// Programs that must end with 0.
    pub commands: Vec<CommandConfig>,
    /// Where core says which build it is.
    pub identity: Option<IdentityConfig>,
}

/// Counters in Prometheus.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrometheusConfig {
    /// Its base address.
    pub url: String,
    /// A file with a token that is sent as `Authorization: Bearer`.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
    /// How often the targets are scraped.
    #[serde(default = "fifteen_seconds")]
    pub scrape_interval: Span,
    /// Labels that choose core's series, as Prometheus selects: `service="api-core"`.
    pub core: String,
    /// Labels that choose legacy's series.
    pub legacy: String,
    /// The counter of requests.
    #[serde(default = "requests_metric")]
    pub requests: String,
    /// Its label that holds the status.
    #[serde(default = "status_label")]
    pub status_label: String,
    /// The histogram of durations, without `_bucket`.
    #[serde(default = "duration_metric")]
    pub duration: String,
    /// The gauge of core's working set in bytes, with its labels; without it memory is not judged.
    #[serde(default)]
    pub memory: Option<String>,
    /// The gauge of its limit, or a number of bytes.
    #[serde(default)]
    pub memory_limit: Option<String>,
    /// Longest time for one query.
    #[serde(default = "ten_seconds")]
    pub timeout: Span,
}

const fn fifteen_seconds() -> Span {
    Span::from_secs(15)
}

fn requests_metric() -> String {
    "http_requests_total".to_owned()
}

fn status_label() -> String {
    "status".to_owned()
}

fn duration_metric() -> String {
    "http_request_duration_seconds".to_owned()
}

/// A journey against the public address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeConfig {
    /// Its name.
    pub name: String,
    /// Base address: the public one.
    pub url: String,
    /// Requests, in order; each must be answered as it says.
    pub requests: Vec<ProbeRequest>,
    /// A file whose content is sent as `Authorization`.
    #[serde(default)]
    pub authorization_file: Option<PathBuf>,
    /// How often it is run in one look, so that both sides of a split are met.
    #[serde(default = "once")]
    pub times: u32,
    /// The side that the address leads to, where it leads to one alone.
    #[serde(default)]
    pub side: Option<crate::jwt::cell::Side>,
    /// Longest time for one answer.
    #[serde(default = "ten_seconds")]
    pub timeout: Span,
}

const fn once() -> u32 {
    1
}

/// One request of a journey.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeRequest {
    /// Its method.
    #[serde(default = "get")]
    pub method: String,
    /// Its path and query.
    pub path: String,
    /// Its JSON body.
    #[serde(default)]
    pub body: Option<String>,
    /// The status it must be answered with.
    #[serde(default = "ok")]
    pub status: u16,
    /// JSON Pointers that must be there, each with a value it must have, or none for any.
    #[serde(default)]
    pub json: BTreeMap<String, Option<String>>,
    /// Arrays (by JSON Pointer) that must have so many elements.
    #[serde(default)]
    pub counts: BTreeMap<String, u64>,
}

fn get() -> String {
    "GET".to_owned()
}

const fn ok() -> u16 {
    200
}

/// A program that must end with 0.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    /// Its name.
    pub name: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Longest time it may take.
    #[serde(default = "half_a_minute")]
    pub timeout: Span,
}

/// Where core says which build it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    /// The address to ask.
    pub url: String,
    /// The answer's field that holds it …
    #[serde(default)]
    pub header: Option<String>,
    /// … or its place in the JSON body.
    #[serde(default)]
    pub pointer: Option<String>,
}
