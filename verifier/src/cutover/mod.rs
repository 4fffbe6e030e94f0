//! `cutover.yaml`: the one file that says what is cut over, for the proxy and for the gate. Each part
//! is a plain struct with its defaults; unknown keys are refused with line and column.
#![deny(clippy::disallowed_methods)]

mod address;
mod noise;
mod proxy;
mod read;
mod writes;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use address::{parse_address, without_user};
pub use noise::NoiseConfig;
pub use proxy::{
    ClientConfig, EvidenceConfig, LinkConfig, SampleConfig, ShadowConfig, TlsConfig,
    VersionEndpoint,
};
pub use writes::{
    Database, MARK, METHOD_OVERRIDES, Policy, SentinelConfig, SentinelWrite, UndeclaredDatabase,
    WritesConfig, is_safe,
};

use crate::catalogue::{Catalogue, CatalogueError};
pub use crate::confidence::ConfidenceConfig;
use crate::gate::config::{GateConfig, GateFault};
pub use crate::self_check::SelfCheckConfig;
use crate::yaml::Fault;

/// Where the proxy listens unless an address is named: on loopback only.
pub const LISTEN: &str = "127.0.0.1:8088";
/// Where its admin port is unless an address is named.
pub const ADMIN: &str = "127.0.0.1:8089";

/// All of `cutover.yaml`. Flags win over the file.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Base address of legacy, `http://` or `https://`.
    pub legacy: Option<String>,
    /// Base address of core.
    pub core: Option<String>,
    /// The catalogue that names the endpoints and says what may differ.
    pub catalog: Option<PathBuf>,
    /// Where evidence goes.
    pub evidence: EvidenceConfig,
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Where operators and Prometheus connect.
    pub admin: SocketAddr,
    /// Threads that serve clients.
    #[schemars(range(min = 1, max = 256))]
    pub threads: usize,
    /// Which users are shadowed.
    pub sample: SampleConfig,
    /// What clients may send and how long they may take.
    pub client: ClientConfig,
    /// Connections to legacy.
    pub legacy_link: LinkConfig,
    /// Connections to core.
    pub core_link: LinkConfig,
    /// Bounds of the shadow side.
    pub shadow: ShadowConfig,
    /// What core may see of writes.
    pub writes: WritesConfig,
    /// Where second answers of legacy come from.
    pub noise: NoiseConfig,
    /// What is to be proved of every endpoint, and how surely.
    pub confidence: ConfidenceConfig,
    /// How often the verifier checks itself, and what it must find.
    pub self_check: SelfCheckConfig,
    /// TLS on the client's side.
    pub tls: Option<TlsConfig>,
    /// The admin port's protection.
    pub admin_token_file: Option<PathBuf>,
    /// How long accepted requests may take to be answered after SIGTERM.
    #[schemars(range(max = 14_000))]
    pub drain_ms: u64,
    /// Promotion and rollback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<GateConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            legacy: None,
            core: None,
            catalog: None,
            evidence: EvidenceConfig::default(),
            listen: SocketAddr::from(([127, 0, 0, 1], 8088)),
            admin: SocketAddr::from(([127, 0, 0, 1], 8089)),
            threads: 1,
            sample: SampleConfig::default(),
            client: ClientConfig::default(),
            legacy_link: LinkConfig::default(),
            core_link: LinkConfig {
                connect_timeout_ms: 1_000,
                ..LinkConfig::default()
            },
            shadow: ShadowConfig::default(),
            writes: WritesConfig::default(),
            noise: NoiseConfig::default(),
            confidence: ConfidenceConfig::default(),
            self_check: SelfCheckConfig::default(),
            tls: None,
            admin_token_file: None,
            drain_ms: 12_000,
            gate: None,
        }
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a configuration. The cause names line and column.
    #[error("{}:{fault}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        fault: Fault,
    },
    /// The file reads, but says something that cannot be.
    #[error("{}:{line}:{column}: {fault}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where the key is, from 1.
        line: u64,
        /// Likewise.
        column: u64,
        /// What is wrong.
        fault: Box<ConfigError>,
    },
    /// The catalogue cannot be used. The cause names lines and remedies.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// An address is missing.
    #[error(
        "the address of {side} is missing: name it with `--{side} URL` or `{side}:` in the file"
    )]
    NoAddress {
        /// `legacy` or `core`.
        side: &'static str,
    },
    /// An address cannot be used.
    #[error("{side}: `{address}` is not an address such as `http://127.0.0.1:8080`")]
    Address {
        /// `legacy` or `core`.
        side: &'static str,
        /// As it was given, without user information.
        address: String,
    },
    /// Both services are the same.
    #[error("legacy and core are the same address: every comparison would be equal")]
    SameAddress,
    /// The twin is no second instance.
    #[error(
        "noise.legacy_twin is the address of {side}: name a second legacy, or ask legacy itself twice \
         with `--noise-sample PERCENT`"
    )]
    TwinOf {
        /// `legacy` or `core`.
        side: &'static str,
    },
    /// A number is outside its range.
    #[error("{key}: must be {range}")]
    Range {
        /// The key.
        key: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// A self-check that cannot be made.
    #[error("self_check.{key}: must be {range}")]
    SelfCheck {
        /// The key.
        key: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// Something that cannot be proved.
    #[error("confidence.{key}: must be {range}")]
    Confidence {
        /// The key.
        key: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// A sentinel that could prove nothing.
    #[error("writes.sentinel: {fault}")]
    Sentinel {
        /// What is wrong.
        fault: &'static str,
    },
    /// An endpoint that could tell no version.
    #[error("evidence.version_endpoint: {fault}")]
    VersionEndpoint {
        /// What is wrong.
        fault: &'static str,
    },
    /// The gate's part cannot be.
    #[error(transparent)]
    Gate(#[from] GateFault),
    /// A write policy without its declaration.
    #[error(transparent)]
    Writes(#[from] UndeclaredDatabase),
}

impl ConfigError {
    /// The key that is at fault, where there is one: `shadow.timeout_ms`.
    fn key(&self) -> Option<String> {
        match self {
            Self::Address { side, .. } => Some((*side).to_owned()),
            Self::SameAddress => Some("core".to_owned()),
            Self::TwinOf { .. } => Some("noise.legacy_twin".to_owned()),
            Self::Range { key, .. } => Some((*key).to_owned()),
            Self::Sentinel { .. } => Some("writes.sentinel".to_owned()),
            Self::Confidence { key, .. } => Some(format!("confidence.{key}")),
            Self::SelfCheck { key, .. } => Some(format!("self_check.{key}")),
            Self::VersionEndpoint { .. } => Some("evidence.version_endpoint".to_owned()),
            Self::Gate(fault) => Some(format!("gate.{}", fault.key)),
            Self::Writes(fault) => Some(fault.place().to_owned()),
            Self::Read { .. }
            | Self::Parse { .. }
            | Self::Invalid { .. }
            | Self::Catalogue(_)
            | Self::NoAddress { .. } => None,
        }
    }
}

impl Config {
    /// The whole configuration as YAML, defaults included. It holds paths of secrets, no secrets.
    pub fn effective(&self) -> String {
        let mut shown = self.clone();
        for address in [
            &mut shown.legacy,
            &mut shown.core,
            &mut shown.noise.legacy_twin,
        ] {
            *address = address.as_deref().map(without_user);
        }
        serde_saphyr::to_string(&shown)
            .unwrap_or_else(|error| format!("# cannot be shown: {error}\n"))
    }

    /// Checks what types cannot express.
    pub fn check(&self) -> Result<(), ConfigError> {
        let ranges = [
            ("threads", (1..=256).contains(&self.threads), "1 to 256"),
            (
                "sample.percent",
                (0.0..=100.0).contains(&self.sample.percent),
                "0 to 100",
            ),
            (
                "sample.by_header",
                self.sample
                    .by_header
                    .as_ref()
                    .is_none_or(|name| http::HeaderName::from_bytes(name.as_bytes()).is_ok()),
                "the name of a header field",
            ),
            (
                "client.max_head_bytes",
                (1 << 10..=128 << 10).contains(&self.client.max_head_bytes),
                "1 KiB to 128 KiB",
            ),
            (
                "client.max_target_bytes",
                (1..=60_000).contains(&self.client.max_target_bytes),
                "1 to 60000 bytes",
            ),
            (
                "client.max_fields",
                (1..=100).contains(&self.client.max_fields),
                "1 to 100",
            ),
            (
                "client.max_connections",
                self.client.max_connections > 0,
                "at least 1",
            ),
            (
                "shadow.max_in_flight",
                self.shadow.max_in_flight > 0,
                "at least 1",
            ),
            (
                "shadow.timeout_ms",
                (1..=60_000).contains(&self.shadow.timeout_ms),
                "1 to 60000 milliseconds",
            ),
            (
                "drain_ms",
                self.drain_ms <= 14_000,
                "at most 14000 milliseconds",
            ),
        ];
        for (key, good, range) in ranges {
            if !good {
                return Err(ConfigError::Range { key, range });
            }
        }
        self.noise.check()?;
        if let Some((key, range)) = self.confidence.fault() {
            return Err(ConfigError::Confidence { key, range });
        }
        if let Some((key, range)) = self.self_check.fault() {
            return Err(ConfigError::SelfCheck { key, range });
        }
        self.writes.check()?;
        if let Some(gate) = &self.gate {
            gate.check()?;
        }
        if let Some(fault) = self
            .writes
            .sentinel
            .as_ref()
            .and_then(SentinelConfig::fault)
        {
            return Err(ConfigError::Sentinel { fault });
        }
        let endpoint = self.evidence.version_endpoint.as_ref();
        if let Some(fault) = endpoint.and_then(VersionEndpoint::fault) {
            return Err(ConfigError::VersionEndpoint { fault });
        }
        Ok(())
    }

    /// Takes what the catalogue says of single endpoints; what this file says of them goes before it.
    pub fn refine(&mut self, catalogue: &Catalogue) -> Result<(), ConfigError> {
        for endpoint in &catalogue.endpoints {
            if let Some(policy) = endpoint.shadow {
                let named = self.writes.endpoints.entry(endpoint.id.clone());
                named.or_insert(policy);
            }
        }
        Ok(self.writes.check()?)
    }

    /// Checks all that the file itself says: flags may still name what it leaves out.
    fn check_written(&self) -> Result<(), ConfigError> {
        self.check()?;
        for (side, address) in [
            ("legacy", &self.legacy),
            ("core", &self.core),
            ("noise.legacy_twin", &self.noise.legacy_twin),
        ] {
            if let Some(address) = address {
                parse_address(side, Some(address))?;
            }
        }
        if self.legacy.is_some() && self.core.is_some() {
            self.check_addresses()?;
        }
        Ok(())
    }

    /// Checks that both services are named and differ; flags may still name them, so [`Config::check`]
    /// does not.
    pub fn check_addresses(&self) -> Result<(), ConfigError> {
        let legacy = parse_address("legacy", self.legacy.as_deref())?;
        let core = parse_address("core", self.core.as_deref())?;
        if (this_machine(&legacy.1), legacy.2) == (this_machine(&core.1), core.2) {
            return Err(ConfigError::SameAddress);
        }
        if let Some(twin) = &self.noise.legacy_twin {
            let twin = parse_address("noise.legacy_twin", Some(twin))?;
            for (side, other) in [("legacy", &legacy), ("core", &core)] {
                if (&twin.1, twin.2) == (&other.1, other.2) {
                    return Err(ConfigError::TwinOf { side });
                }
            }
        }
        Ok(())
    }
}

/// A host, all ways of naming the own machine being one.
fn this_machine(host: &str) -> &str {
    let own = host.eq_ignore_ascii_case("localhost") || host.starts_with("127.") || host == "::1";
    if own { "localhost" } else { host }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_service_under_two_names_of_this_machine_is_refused() {
        for (legacy, core, same) in [
            ("http://127.0.0.1:80", "http://localhost", true),
            ("http://[::1]:80", "http://LOCALHOST:80/", true),
            ("http://a", "http://a:80", true),
            ("http://127.0.0.1:80", "http://localhost:81", false),
            ("http://a", "http://b", false),
        ] {
            let config = Config {
                legacy: Some(legacy.to_owned()),
                core: Some(core.to_owned()),
                ..Config::default()
            };
            assert_eq!(config.check_addresses().is_err(), same, "{legacy} {core}");
        }
    }

    #[test]
    fn the_catalogue_refines_writes_and_this_file_goes_before_it() {
        let text = "version: \"2\"\nendpoints:\n  - {id: my_post, method: POST, path: /my, shadow: read, expected_status: 200}\n  - {id: made, method: POST, path: /made, shadow: mirror, expected_status: 200}\n";
        let today = jiff::civil::date(2026, 1, 12);
        let catalogue =
            Catalogue::parse(std::path::Path::new("c.yaml"), text, today).expect("good");
        let mut config = Config::default();
        let refused = config
            .refine(&catalogue)
            .expect_err("mirroring needs its declaration");
        assert!(refused.to_string().contains("made"), "{refused}");
        config = Config::default();
        config
            .writes
            .endpoints
            .insert("made".to_owned(), Policy::Skip);
        config.refine(&catalogue).expect("the file goes first");
        assert_eq!(config.writes.endpoints["my_post"], Policy::Read);
        assert_eq!(config.writes.endpoints["made"], Policy::Skip);
    }

    #[test]
    fn the_effective_configuration_reads_back_and_holds_no_password() {
        let config = Config {
            legacy: Some("http://me:secret@a/".to_owned()),
            ..Config::default()
        };
        let shown = config.effective();
        assert!(!shown.contains("secret"), "{shown}");
        let back: Config = serde_saphyr::from_str(&shown).expect("what was written");
        assert_eq!(back.client, config.client);
        assert_eq!(back.shadow, config.shadow);
    }

    #[test]
    fn values_out_of_range_are_named() {
        for (yaml, key) in [
            ("threads: 0", "threads"),
            ("sample: {percent: 101}", "sample.percent"),
            ("drain_ms: 20000", "drain_ms"),
            ("writes: {default: mirror}", "writes.default"),
            ("client: {max_fields: 200}", "client.max_fields"),
            ("confidence: {alpha: 0}", "confidence.alpha"),
            ("self_check: {share: 2}", "self_check.share"),
            ("self_check: {min_recall: 1}", "self_check.min_recall"),
        ] {
            let config: Config = serde_saphyr::from_str(yaml).expect("well formed");
            let error = config.check().expect_err("out of range").to_string();
            assert!(error.contains(key), "{yaml}: {error}");
        }
        assert!(Config::default().check().is_ok());
    }
}
