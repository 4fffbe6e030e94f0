//! What `gate:` in `cutover.yaml` may say. The defaults are those of a careful cut-over: 10, 30, 50,
//! 100 percent, ten minutes each, back at more than 1 % errors or a p99 above 2 s, a week of standby.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::span::{Day, Span};
use super::weight::Weight;

/// The gate.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GateConfig {
    /// Core's shares, one after the other; the last one is 100.
    pub ladder: Vec<Weight>,
    /// Shortest stay on each of them.
    pub min_time: Span,
    /// Fewest requests core must have answered on each of them.
    pub min_requests: u64,
    /// How often everything is looked at.
    pub tick: Span,
    /// How long after a change the counts belong to neither share.
    pub settle: Span,
    /// How long a change may take to show in the shares of traffic.
    pub effect_within: Span,
    /// What must be proved of the comparisons before core serves anyone.
    pub compatibility: CompatibilityConfig,
    /// When to go back.
    pub rollback: RollbackConfig,
    /// The time after the switch.
    pub soak: SoakConfig,
    /// Where evidence is.
    pub evidence: GateEvidenceConfig,
    /// Endpoints that go on without their proof, by name of who answers for it.
    pub waivers: Vec<WaiverConfig>,
    /// Who is called, by role. A role left `TBD` blocks the approval.
    pub contacts: BTreeMap<String, String>,
    /// What people did and answer for, by name: `backup_restored`, `legacy_reads_core_writes`.
    pub attestations: BTreeMap<String, AttestationConfig>,
    /// Legacy's instances.
    pub legacy: LegacyConfig,
    /// The router.
    pub router: Option<RouterConfig>,
    /// What is looked at while core serves.
    pub signals: SignalsConfig,
    /// Who is told.
    pub webhook: Option<WebhookConfig>,
}

impl Default for GateConfig {
    fn default() -> Self {
        let ladder = [10, 30, 50, 100];
        Self {
            ladder: ladder
                .into_iter()
                .filter_map(Weight::from_percent)
                .collect(),
            min_time: Span::from_secs(600),
            min_requests: 300,
            tick: Span::from_secs(15),
            settle: Span::from_secs(30),
            effect_within: Span::from_secs(120),
            compatibility: CompatibilityConfig::default(),
            rollback: RollbackConfig::default(),
            soak: SoakConfig::default(),
            evidence: GateEvidenceConfig::default(),
            waivers: Vec::new(),
            contacts: BTreeMap::new(),
            attestations: BTreeMap::new(),
            legacy: LegacyConfig::default(),
            router: None,
            signals: SignalsConfig::default(),
            webhook: None,
        }
    }
}

/// What must be proved of the comparisons.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CompatibilityConfig {
    /// Share of live exchanges that may differ, all endpoints together.
    pub total_percent: f64,
    /// Share that may differ at any one endpoint.
    pub endpoint_percent: f64,
    /// Chance to open wrongly that is accepted, `0.0..0.5`.
    pub alpha: f64,
    /// Share of live exchanges that should have been compared and were not.
    pub lost_percent: f64,
    /// Fewest different request shapes, so that one request sent often proves nothing.
    pub min_shapes: u64,
}

impl Default for CompatibilityConfig {
    fn default() -> Self {
        Self {
            total_percent: 0.1,
            endpoint_percent: 1.0,
            alpha: 0.05,
            lost_percent: 0.0,
            min_shapes: 1,
        }
    }
}

/// When to go back.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RollbackConfig {
    /// Share of core's answers that may be errors.
    pub error_percent: f64,
    /// One answer in a hundred may take longer.
    pub p99: Span,
    /// How many times legacy's error rate core's may be, at the same time.
    pub times_legacy: f64,
    /// Chance to go back wrongly that is accepted for the whole cut-over, `0.0..0.5`.
    pub alpha: f64,
    /// So many errors in one look …
    pub burst_errors: u64,
    /// … that are at least this share of its requests go back at once.
    pub burst_percent: f64,
    /// Longest time without knowing how core does while it serves.
    pub max_blind: Span,
    /// How long legacy may take to be ready before traffic goes back to it.
    pub legacy_ready_within: Span,
}

impl Default for RollbackConfig {
    fn default() -> Self {
        Self {
            error_percent: 1.0,
            p99: Span::from_secs(2),
            times_legacy: 1.5,
            alpha: 0.05,
            burst_errors: 5,
            burst_percent: 50.0,
            max_blind: Span::from_secs(180),
            legacy_ready_within: Span::from_secs(180),
        }
    }
}

/// The time after the switch.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SoakConfig {
    /// How long the main route leads to core before legacy may be made smaller.
    pub first_watch: Span,
    /// How long legacy stands by.
    pub time: Span,
    /// Share of errors that must be proved not to be reached.
    pub error_percent: f64,
    /// One answer in a hundred may take longer; must be proved.
    pub p99: Span,
    /// Memory must not reach its limit within this time at its present growth.
    pub memory_margin: Span,
}

impl Default for SoakConfig {
    fn default() -> Self {
        Self {
            first_watch: Span::from_secs(3_600),
            time: Span::from_secs(7 * 86_400),
            error_percent: 0.1,
            p99: Span::from_millis(500),
            memory_margin: Span::from_secs(14 * 86_400),
        }
    }
}

/// Where evidence is, and how old it may be.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GateEvidenceConfig {
    /// Reports of `verifier replay --report json=FILE`; together they must hold every case.
    pub replay: Vec<PathBuf>,
    /// The report of `verifier jwt --report json=FILE`.
    pub jwt: Option<PathBuf>,
    /// Evidence of live traffic; `evidence.file` unless named here.
    pub live: Option<PathBuf>,
    /// A replay may be so old.
    pub replay_max_age: Span,
    /// A check of tokens may be so old.
    pub jwt_max_age: Span,
    /// The newest live comparison may be so old.
    pub live_max_age: Span,
}

impl Default for GateEvidenceConfig {
    fn default() -> Self {
        let day = Span::from_secs(86_400);
        Self {
            replay: Vec::new(),
            jwt: None,
            live: None,
            replay_max_age: day,
            jwt_max_age: day,
            live_max_age: day,
        }
    }
}

/// An endpoint that goes on without its live proof.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaiverConfig {
    /// The endpoint, as the catalogue or the proxy names it.
    pub endpoint: String,
    /// Why that is good enough.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it holds.
    pub expires: Day,
}

/// Something that a person did and answers for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttestationConfig {
    /// Who.
    pub by: String,
    /// When.
    pub on: Day,
    /// What was seen.
    #[serde(default)]
    pub note: String,
    /// For how many days it holds.
    #[serde(default = "a_month")]
    pub days: u16,
}

const fn a_month() -> u16 {
    30
}

/// Legacy's instances.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LegacyConfig {
    /// So many carry all traffic; a rollback waits for them.
    pub replicas: u32,
    /// So many stand by after the switch. Fewer than `replicas` only where a rollback has the time to
    /// start the rest.
    pub standby_replicas: u32,
}

impl Default for LegacyConfig {
    fn default() -> Self {
        Self {
            replicas: 2,
            standby_replicas: 2,
        }
    }
}

/// The router, one of these.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RouterConfig {
    /// A file that plays a router.
    DryRun(DryRunConfig),
    /// Canary annotations of ingress-nginx.
    IngressNginx(IngressNginxConfig),
    /// Weights of an `HTTPRoute` of the Gateway API.
    GatewayApi(GatewayApiConfig),
    /// nginx with `split_clients` in an included file.
    Nginx(NginxConfig),
    /// Any other router, by a program.
    Exec(ExecConfig),
}

/// A file that plays a router.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DryRunConfig {
    /// The file; in the state's folder unless named.
    pub file: Option<PathBuf>,
}

/// Where objects of Kubernetes are, and how to get there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterConfig {
    /// The kubeconfig; the usual places, then the pod's own account, unless named.
    pub kubeconfig: Option<PathBuf>,
    /// Its context; the current one unless named.
    pub context: Option<String>,
    /// The namespace; the context's unless named.
    pub namespace: Option<String>,
}

/// Canary annotations of ingress-nginx.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IngressNginxConfig {
    /// The cluster.
    #[serde(default)]
    pub cluster: ClusterConfig,
    /// The Ingress that serves everyone.
    pub main: String,
    /// The Ingress with the canary annotations.
    pub canary: String,
    /// Legacy's Service.
    pub legacy_service: String,
    /// Core's Service.
    pub core_service: String,
    /// Legacy's Deployment.
    pub legacy_deployment: String,
    /// Core's Deployment.
    pub core_deployment: String,
}

/// Weights of an `HTTPRoute`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayApiConfig {
    /// The cluster.
    #[serde(default)]
    pub cluster: ClusterConfig,
    /// The route.
    pub route: String,
    /// Legacy's Service.
    pub legacy_service: String,
    /// Core's Service.
    pub core_service: String,
    /// Legacy's Deployment.
    pub legacy_deployment: String,
    /// Core's Deployment.
    pub core_deployment: String,
}

/// nginx with an included file that the gate writes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NginxConfig {
    /// The included file, which the gate owns.
    pub include: PathBuf,
    /// Name of the `upstream` that is legacy.
    pub legacy_upstream: String,
    /// Name of the `upstream` that is core.
    pub core_upstream: String,
    /// The variable that `proxy_pass` uses, without `$`.
    #[serde(default = "backend_variable")]
    pub variable: String,
    /// What decides the side: `${remote_addr}` keeps a client on one side.
    #[serde(default = "split_key")]
    pub key: String,
    /// Checks the configuration; a program and its arguments.
    #[serde(default = "nginx_test")]
    pub test: Vec<String>,
    /// Has it taken over; a program and its arguments.
    #[serde(default = "nginx_reload")]
    pub reload: Vec<String>,
    /// An address that answers with the split in use (`return 200 …`), to read it back from the running
    /// router.
    pub live_url: Option<String>,
}

fn backend_variable() -> String {
    "cutover_backend".to_owned()
}

fn split_key() -> String {
    "${request_id}".to_owned()
}

fn nginx_test() -> Vec<String> {
    ["nginx", "-t"].map(str::to_owned).to_vec()
}

fn nginx_reload() -> Vec<String> {
    ["nginx", "-s", "reload"].map(str::to_owned).to_vec()
}

/// Any other router, by a program that is called with `get` and `set N`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecConfig {
    /// The program and its first arguments.
    pub command: Vec<String>,
    /// Longest time one call may take.
    #[serde(default = "half_a_minute")]
    pub timeout: Span,
}

const fn half_a_minute() -> Span {
    Span::from_secs(30)
}

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

const fn ten_seconds() -> Span {
    Span::from_secs(10)
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

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// A file that holds the address, which is a secret; it takes `{"text": …}`.
    pub url_file: PathBuf,
    /// Longest time for one call.
    #[serde(default = "ten_seconds")]
    pub timeout: Span,
}

/// Why `gate:` cannot be used: the key, and what it may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("gate.{key}: {fault}")]
pub struct GateFault {
    /// The key below `gate`.
    pub key: String,
    /// What is wrong and what would be right.
    pub fault: String,
}

/// Whether something was left open, as forms are: empty or `TBD` in any spelling.
pub fn is_open(text: &str) -> bool {
    let text = text.trim();
    text.is_empty()
        || ["tbd", "todo", "n/a", "?", "-", "tba"]
            .iter()
            .any(|open| text.eq_ignore_ascii_case(open))
}

impl GateConfig {
    /// Every address to ask, by its key.
    fn addresses(&self) -> Vec<(String, &str)> {
        let signals = &self.signals;
        let mut all = Vec::new();
        if let Some(prometheus) = &signals.prometheus {
            all.push(("signals.prometheus.url".to_owned(), prometheus.url.as_str()));
        }
        for (at, probe) in signals.probes.iter().enumerate() {
            all.push((format!("signals.probes[{at}].url"), probe.url.as_str()));
        }
        if let Some(identity) = &signals.identity {
            all.push(("signals.identity.url".to_owned(), identity.url.as_str()));
        }
        if let Some(RouterConfig::Nginx(nginx)) = &self.router
            && let Some(live) = &nginx.live_url
        {
            all.push(("router.nginx.live_url".to_owned(), live));
        }
        all
    }

    /// Checks what types cannot express.
    pub fn check(&self) -> Result<(), GateFault> {
        let fault = |key: &str, fault: &str| {
            Err(GateFault {
                key: key.to_owned(),
                fault: fault.to_owned(),
            })
        };
        let rising = self.ladder.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising || self.ladder.first().is_none_or(|rung| rung.is_none()) {
            return fault(
                "ladder",
                "must rise from above 0, such as [10, 30, 50, 100]",
            );
        }
        if self.ladder.last() != Some(&Weight::ALL) {
            return fault("ladder", "must end with 100: the switch follows only there");
        }
        let percents = [
            (
                "compatibility.total_percent",
                self.compatibility.total_percent,
            ),
            (
                "compatibility.endpoint_percent",
                self.compatibility.endpoint_percent,
            ),
            ("rollback.error_percent", self.rollback.error_percent),
            ("rollback.burst_percent", self.rollback.burst_percent),
            ("soak.error_percent", self.soak.error_percent),
        ];
        for (key, percent) in percents {
            if !(percent > 0.0 && percent < 100.0) {
                return fault(key, "must be above 0 and below 100 percent");
            }
        }
        if !(0.0..=50.0).contains(&self.compatibility.lost_percent) {
            return fault("compatibility.lost_percent", "must be 0 to 50 percent");
        }
        for (key, alpha) in [
            ("compatibility.alpha", self.compatibility.alpha),
            ("rollback.alpha", self.rollback.alpha),
        ] {
            if !(alpha > 0.0 && alpha < 0.5) {
                return fault(key, "must be above 0 and below 0.5");
            }
        }
        if !(self.rollback.times_legacy >= 1.0 && self.rollback.times_legacy <= 100.0) {
            return fault("rollback.times_legacy", "must be 1 to 100");
        }
        let second = Span::from_secs(1);
        if self.tick < Span::from_millis(10) || self.tick > self.rollback.max_blind {
            return fault(
                "tick",
                "must be at least 10ms and at most `rollback.max_blind`",
            );
        }
        if self.rollback.max_blind > Span::from_secs(180) {
            return fault(
                "rollback.max_blind",
                "must be at most 3m: going back within five minutes needs the rest",
            );
        }
        if self.rollback.burst_errors == 0 {
            return fault("rollback.burst_errors", "must be at least 1");
        }
        if self.rollback.p99 < Span::from_millis(1) || self.soak.p99 < Span::from_millis(1) {
            return fault("rollback.p99", "must be at least 1ms, as `soak.p99`");
        }
        if self.min_time > Span::from_secs(30 * 86_400) || self.effect_within < second {
            return fault(
                "effect_within",
                "must be at least 1s, and `min_time` at most 30d",
            );
        }
        if self.legacy.replicas == 0 || self.legacy.standby_replicas == 0 {
            return fault(
                "legacy.replicas",
                "must be at least 1, as `standby_replicas`: without legacy there is no way back",
            );
        }
        for (at, waiver) in self.waivers.iter().enumerate() {
            for (key, text) in [
                ("endpoint", &waiver.endpoint),
                ("reason", &waiver.reason),
                ("owner", &waiver.owner),
            ] {
                if is_open(text) {
                    return fault(
                        &format!("waivers[{at}].{key}"),
                        "must be written out: a waiver is somebody's word",
                    );
                }
            }
        }
        if let Some(prometheus) = &self.signals.prometheus
            && ["_sum", "_count", "_bucket", "_avg", "_mean"]
                .iter()
                .any(|end| prometheus.duration.ends_with(end))
        {
            return fault(
                "signals.prometheus.duration",
                "must be the histogram's name without `_bucket`: a mean says nothing of the slowest",
            );
        }
        let empty = |command: &[String]| command.first().is_none_or(String::is_empty);
        match &self.router {
            Some(RouterConfig::Exec(exec)) if empty(&exec.command) => {
                return fault("router.exec.command", "must name a program");
            }
            Some(RouterConfig::Nginx(nginx)) if empty(&nginx.test) || empty(&nginx.reload) => {
                return fault(
                    "router.nginx",
                    "`test` and `reload` must each name a program",
                );
            }
            _ => {}
        }
        for (at, command) in self.signals.commands.iter().enumerate() {
            if empty(&command.command) {
                return fault(
                    &format!("signals.commands[{at}].command"),
                    "must name a program",
                );
            }
        }
        for (key, address) in self.addresses() {
            let good = url::Url::parse(address)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            if !good {
                return fault(&key, "must be an address such as `http://127.0.0.1:9090`");
            }
        }
        if let Some(identity) = &self.signals.identity
            && identity.header.is_some() == identity.pointer.is_some()
        {
            return fault("signals.identity", "needs either `header` or `pointer`");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_and_what_cannot_be_is_refused_by_its_key() {
        assert_eq!(GateConfig::default().check(), Ok(()));
        for (yaml, key) in [
            ("ladder: []", "ladder"),
            ("ladder: [30, 10, 100]", "ladder"),
            ("ladder: [10, 50]", "ladder"),
            ("ladder: [0, 100]", "ladder"),
            ("rollback: {max_blind: 5m}", "rollback.max_blind"),
            ("rollback: {alpha: 0}", "rollback.alpha"),
            ("rollback: {error_percent: .nan}", "rollback.error_percent"),
            (
                "compatibility: {total_percent: 0}",
                "compatibility.total_percent",
            ),
            ("legacy: {standby_replicas: 0}", "legacy.replicas"),
            (
                "waivers: [{endpoint: a, reason: b, owner: tbd, expires: 2026-01-01}]",
                "waivers[0].owner",
            ),
            ("router: {exec: {command: []}}", "router.exec.command"),
            ("signals: {identity: {url: 'http://a'}}", "signals.identity"),
        ] {
            let config: GateConfig = serde_saphyr::from_str(yaml).expect(yaml);
            let fault = config.check().expect_err(yaml);
            assert_eq!(fault.key, key, "{yaml}: {fault}");
        }
    }

    #[test]
    fn an_unknown_key_or_router_is_refused_with_its_line() {
        for (yaml, word, line) in [
            ("ladder: [10, 100]\nmin_tme: 10m\n", "min_tme", "line 2"),
            ("router:\n  haproxy: {}\n", "haproxy", "line 2"),
            ("soak:\n  tme: 7d\n", "tme", "line 2"),
            ("min_time: 10 minutes\n", "10 minutes", "line 1"),
            ("ladder: [10, 130]\n", "130", "line 1"),
        ] {
            let error = serde_saphyr::from_str::<GateConfig>(yaml)
                .expect_err(yaml)
                .to_string();
            assert!(
                error.contains(word) && error.contains(line),
                "{yaml}: {error}"
            );
        }
    }

    #[test]
    fn what_is_left_open_is_known_in_any_spelling() {
        for (text, open) in [
            ("TBD", true),
            (" tbd ", true),
            ("", true),
            ("Kim", false),
            ("todo", true),
        ] {
            assert_eq!(is_open(text), open, "{text}");
        }
    }
}
