//! What `gate:` in `cutover.yaml` may say. The defaults are those of a careful cut-over: 10, 30, 50,
//! 100 percent, ten minutes each, back at more than 1 % errors or a p99 above 2 s, a week of standby.
#![deny(clippy::disallowed_methods)]

mod check;
mod router;
mod signals;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use check::{GateFault, is_open};
pub use router::{
    ClusterConfig, DryRunConfig, ExecConfig, GatewayApiConfig, IngressNginxConfig, NginxConfig,
    RouterConfig,
};
pub use signals::{
    CommandConfig, IdentityConfig, ProbeConfig, ProbeRequest, PrometheusConfig, SignalsConfig,
};

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

const fn half_a_minute() -> Span {
    Span::from_secs(30)
}

const fn ten_seconds() -> Span {
    Span::from_secs(10)
}
