//! What the file says of the shadow proxy's own bounds.
#![deny(clippy::disallowed_methods)]

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which users are shadowed.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SampleConfig {
    /// Share of users in percent, `0` to `100`, to two decimals.
    #[schemars(range(min = 0, max = 100))]
    pub percent: f64,
    /// The header that names a user; without it the token's subject, else the client's address.
    pub by_header: Option<String>,
}

impl Default for SampleConfig {
    fn default() -> Self {
        Self {
            percent: 100.0,
            by_header: None,
        }
    }
}

/// What a client may send and how long it may take.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClientConfig {
    /// Longest request target; longer ones are refused with 414.
    #[schemars(range(min = 1, max = 60_000))]
    pub max_target_bytes: usize,
    /// Largest head; larger ones are refused with 431. At most 128 KiB.
    #[schemars(range(min = 1_024, max = 131_072))]
    pub max_head_bytes: usize,
    /// Most header fields, at most 100; more are refused with 431.
    #[schemars(range(min = 1, max = 100))]
    pub max_fields: usize,
    /// Largest request body; larger ones are refused with 413.
    pub max_body_bytes: u64,
    /// Most connections at once, all threads together; more are closed at once.
    #[schemars(range(min = 1))]
    pub max_connections: usize,
    /// A head must be whole so long after its first byte.
    pub head_timeout_ms: u64,
    /// A connection may be silent between two requests for so long.
    pub idle_timeout_ms: u64,
    /// A body may stand still for so long.
    pub body_stall_timeout_ms: u64,
    /// A body must be whole so long after its first byte.
    pub body_timeout_ms: u64,
    /// A client may take nothing of its answer for so long.
    pub write_stall_timeout_ms: u64,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            max_target_bytes: 16 << 10,
            max_head_bytes: 64 << 10,
            max_fields: 100,
            max_body_bytes: 1 << 30,
            max_connections: 4_000,
            head_timeout_ms: 20_000,
            idle_timeout_ms: 60_000,
            body_stall_timeout_ms: 30_000,
            body_timeout_ms: 600_000,
            write_stall_timeout_ms: 60_000,
        }
    }
}

/// Connections to one service.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinkConfig {
    /// Longest wait for a connection, TLS included.
    pub connect_timeout_ms: u64,
    /// Longest wait for the next byte of an answer.
    pub stall_timeout_ms: u64,
    /// An unused connection is closed after this time. Less than the service's own limit, so that a
    /// request seldom meets a connection that is being closed.
    pub keep_unused_ms: u64,
    /// Most unused connections a thread keeps.
    pub max_unused: usize,
    /// Certificate authorities to trust instead of the system's, as a PEM file.
    pub ca_file: Option<PathBuf>,
    /// The name to ask for and to verify instead of the address's host.
    pub server_name: Option<String>,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 5_000,
            stall_timeout_ms: 60_000,
            keep_unused_ms: 15_000,
            max_unused: 64,
            ca_file: None,
            server_name: None,
        }
    }
}

/// Bounds of the shadow side. What does not fit is counted, never queued.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ShadowConfig {
    /// Most exchanges with core at once, all threads together.
    #[schemars(range(min = 1))]
    pub max_in_flight: usize,
    /// Longest exchange with core, from sending to the last byte.
    #[schemars(range(min = 1, max = 60_000))]
    pub timeout_ms: u64,
    /// Larger answers of either side are not compared; what a content coding unfolds to counts.
    pub max_answer_bytes: usize,
    /// Larger request bodies are not sent to core.
    pub max_request_bytes: usize,
    /// Most bytes of bodies held at once, all threads together.
    pub max_held_bytes: usize,
    /// Most pairs that wait for the comparing thread.
    pub max_queued_pairs: usize,
}

impl Default for ShadowConfig {
    fn default() -> Self {
        Self {
            max_in_flight: 256,
            timeout_ms: 5_000,
            max_answer_bytes: 2 << 20,
            max_request_bytes: 256 << 10,
            max_held_bytes: 24 << 20,
            max_queued_pairs: 2_048,
        }
    }
}

impl ShadowConfig {
    /// Longest exchange with core.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// TLS towards clients.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate chain, as a PEM file.
    pub certificate_file: PathBuf,
    /// Its key, as a PEM file.
    pub key_file: PathBuf,
}

/// Where evidence goes, and what may be told with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EvidenceConfig {
    /// The file; without one nothing is stored.
    pub file: Option<PathBuf>,
    /// The key that hides personal values, the same for all proxies of a cut-over and kept outside the
    /// evidence's folder. Without one a random key is drawn, and the evidence cannot be merged.
    pub redaction_key_file: Option<PathBuf>,
    /// Where a trace can be looked at, with `{trace_id}` in place of its id.
    pub trace_url: Option<String>,
    /// The answer's field in which the services tell their version.
    pub version_header: Option<String>,
    /// Where the services tell their version, for services that tell it in no field. The only requests
    /// for it that no client made.
    pub version_endpoint: Option<VersionEndpoint>,
    /// What runs as legacy, where it tells its version in no field.
    pub legacy_version: Option<String>,
    /// What runs as core, likewise: the build or image digest that the evidence speaks of.
    pub core_version: Option<String>,
    /// The claim of bearer tokens that names the client's role, as a name or a JSON Pointer: `role`,
    /// `/realm_access/roles`. Its values are counted. Unless one is named, `role`, `roles` and `authorities`
    /// are looked for.
    pub role_claim: Option<String>,
}

/// A page on which each service tells its version.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionEndpoint {
    /// Its path, the same at both services.
    pub path: String,
    /// Where in a JSON answer the version is ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901));
    /// without it the whole answer is the version.
    #[serde(default)]
    pub pointer: Option<String>,
    /// Seconds between two looks.
    #[serde(default = "a_minute")]
    pub every_s: u64,
}

fn a_minute() -> u64 {
    60
}

impl VersionEndpoint {
    pub(super) fn fault(&self) -> Option<&'static str> {
        let pointer = self.pointer.as_deref();
        if !self.path.starts_with('/') || self.path.starts_with("//") {
            Some("`path` must begin with one `/`; both services are asked for it")
        } else if pointer.is_some_and(|pointer| !pointer.starts_with('/')) {
            Some("`pointer` must begin with `/`, as in `/build/version`")
        } else if self.every_s == 0 {
            Some("`every_s` must be at least 1 second")
        } else {
            None
        }
    }
}
