//! The configuration: what the command line and `cutover.yaml` may say, and what holds otherwise.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use verifier::catalogue::{Catalogue, CatalogueError};

use crate::client_io::Patience;
use crate::evidence::EvidenceConfig;
use crate::framing::Limits;
use crate::sample::Share;
use crate::sentinel::SentinelConfig;
use crate::writes::{UndeclaredDatabase, WritesConfig};

/// Where the proxy listens unless an address is named: on loopback only.
pub const LISTEN: &str = "127.0.0.1:8088";
/// Where its admin port is unless an address is named.
pub const ADMIN: &str = "127.0.0.1:8089";

/// All of `cutover.yaml` that concerns the proxy. Flags win over the file.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
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
    /// TLS on the client's side.
    pub tls: Option<TlsConfig>,
    /// The admin port's protection.
    pub admin_token_file: Option<PathBuf>,
    /// How long accepted requests may take to be answered after SIGTERM.
    pub drain_ms: u64,
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
            tls: None,
            admin_token_file: None,
            drain_ms: 12_000,
        }
    }
}

/// Which users are shadowed.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SampleConfig {
    /// Share of users in percent, `0` to `100`, to two decimals.
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
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientConfig {
    /// Longest request target; longer ones are refused with 414.
    pub max_target_bytes: usize,
    /// Largest head; larger ones are refused with 431. At most 128 KiB.
    pub max_head_bytes: usize,
    /// Most header fields, at most 100; more are refused with 431.
    pub max_fields: usize,
    /// Largest request body; larger ones are refused with 413.
    pub max_body_bytes: u64,
    /// Most connections at once, all threads together; more are closed at once.
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
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
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
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShadowConfig {
    /// Most exchanges with core at once, all threads together.
    pub max_in_flight: usize,
    /// Longest exchange with core, from sending to the last byte.
    pub timeout_ms: u64,
    /// Larger answers of either side are not compared.
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
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// TLS towards clients.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate chain, as a PEM file.
    pub certificate_file: PathBuf,
    /// Its key, as a PEM file.
    pub key_file: PathBuf,
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
    #[error("{}: {reason}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
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
    /// A number is outside its range.
    #[error("{key}: must be {range}")]
    Range {
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
    /// A write policy without its declaration.
    #[error(transparent)]
    Writes(#[from] UndeclaredDatabase),
    /// A file with keys or certificates cannot be used.
    #[error("{}: {what}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What was expected of it.
        what: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

impl Config {
    /// Reads `cutover.yaml`. Unknown keys are refused with line and column.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        serde_saphyr::from_str(&text).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    /// Reads the catalogue, if one is named.
    pub fn read_catalogue(&self) -> Result<Option<Catalogue>, ConfigError> {
        let Some(path) = &self.catalog else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.clone(),
            source,
        })?;
        Ok(Some(Catalogue::parse(
            path,
            &text,
            jiff::ZonedDateTime::now().date(),
        )?))
    }

    /// The whole configuration as YAML, defaults included. It holds paths of secrets, no secrets.
    pub fn effective(&self) -> String {
        let mut shown = self.clone();
        for address in [&mut shown.legacy, &mut shown.core] {
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
                Share::from_percent(self.sample.percent).is_some(),
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
        self.writes.check()?;
        if let Some(fault) = self
            .writes
            .sentinel
            .as_ref()
            .and_then(SentinelConfig::fault)
        {
            return Err(ConfigError::Sentinel { fault });
        }
        Ok(())
    }

    /// Checks that both services are named and differ; flags may still name them, so [`Config::check`]
    /// does not.
    pub fn check_addresses(&self) -> Result<(), ConfigError> {
        let legacy = parse_address("legacy", self.legacy.as_deref())?;
        let core = parse_address("core", self.core.as_deref())?;
        if (legacy.1, legacy.2) == (core.1, core.2) {
            return Err(ConfigError::SameAddress);
        }
        Ok(())
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            max_target_bytes: self.client.max_target_bytes,
            max_head_bytes: self.client.max_head_bytes,
            max_fields: self.client.max_fields,
            max_body_bytes: self.client.max_body_bytes,
        }
    }

    pub(crate) fn patience(&self) -> Patience {
        Patience {
            idle: Duration::from_millis(self.client.idle_timeout_ms),
            head: Duration::from_millis(self.client.head_timeout_ms),
            body_stall: Duration::from_millis(self.client.body_stall_timeout_ms),
            body: Duration::from_millis(self.client.body_timeout_ms),
            write_stall: Duration::from_millis(self.client.write_stall_timeout_ms),
        }
    }
}

/// An address as it may be shown: what stands before `@` could be a password.
pub(crate) fn without_user(address: &str) -> String {
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..]
        .find('/')
        .map_or(address.len(), |at| start + at);
    match address[start..end].rfind('@') {
        Some(at) => format!("{}***{}", &address[..start], &address[start + at..]),
        None => address.to_owned(),
    }
}

/// Scheme, host and port of a service's base address. A path, query or user information is refused:
/// the proxy passes targets on unchanged.
pub(crate) fn parse_address(
    side: &'static str,
    address: Option<&str>,
) -> Result<(bool, String, u16), ConfigError> {
    let address = address.ok_or(ConfigError::NoAddress { side })?;
    let bad = || ConfigError::Address {
        side,
        address: without_user(address),
    };
    let uri: http::Uri = address.parse().map_err(|_not_a_uri| bad())?;
    let tls = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err(bad()),
    };
    let authority = uri.authority().ok_or_else(bad)?;
    let plain = uri.path_and_query().is_none_or(|rest| rest.as_str() == "/");
    if !plain || authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(bad());
    }
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
    Ok((tls, host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_scheme_host_and_port_and_nothing_more() {
        for (address, expected) in [
            ("http://127.0.0.1:8081", Some((false, "127.0.0.1", 8081))),
            ("http://api-legacy/", Some((false, "api-legacy", 80))),
            ("https://[::1]", Some((true, "::1", 443))),
            ("http://me:secret@a", None),
            ("http://a/base", None),
            ("http://a/?q", None),
            ("ftp://a", None),
            ("127.0.0.1:80", None),
            ("", None),
        ] {
            let parsed = parse_address("core", Some(address));
            let shown = parsed
                .as_ref()
                .ok()
                .map(|(tls, host, port)| (*tls, host.as_str(), *port));
            assert_eq!(shown, expected, "{address}");
            if let Err(error) = parsed {
                assert!(!error.to_string().contains("secret"), "{error}");
            }
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("cutover.yaml");
        std::fs::write(&path, "threads: 2\nshadow:\n  max_in_fligth: 3\n").expect("a file");
        let error = Config::read(&path).expect_err("a typing error").to_string();
        assert!(
            error.contains("max_in_fligth") && error.contains("line 3"),
            "{error}"
        );
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
        ] {
            let config: Config = serde_saphyr::from_str(yaml).expect("well formed");
            let error = config.check().expect_err("out of range").to_string();
            assert!(error.contains(key), "{yaml}: {error}");
        }
        assert!(Config::default().check().is_ok());
    }
}
