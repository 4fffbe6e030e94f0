//! What the proxy takes from `cutover.yaml`: the file's types are those of [`verifier::cutover`].

use std::io;
use std::path::PathBuf;
use std::time::Duration;

pub use verifier::cutover::{
    ADMIN, ClientConfig, Config, LISTEN, LinkConfig, SampleConfig, ShadowConfig, TlsConfig,
};
pub(crate) use verifier::cutover::{parse_address, without_user};

use verifier::catalogue::Catalogue;

use crate::client_io::Patience;
use crate::framing::Limits;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file says something that cannot be.
    #[error(transparent)]
    File(#[from] verifier::cutover::ConfigError),
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

/// How large the parts of a request may be.
pub(crate) fn limits(config: &ClientConfig) -> Limits {
    Limits {
        max_target_bytes: config.max_target_bytes,
        max_head_bytes: config.max_head_bytes,
        max_fields: config.max_fields,
        max_body_bytes: config.max_body_bytes,
    }
}

/// How long a client may take.
pub(crate) fn patience(config: &ClientConfig) -> Patience {
    Patience {
        idle: Duration::from_millis(config.idle_timeout_ms),
        head: Duration::from_millis(config.head_timeout_ms),
        body_stall: Duration::from_millis(config.body_stall_timeout_ms),
        body: Duration::from_millis(config.body_timeout_ms),
        write_stall: Duration::from_millis(config.write_stall_timeout_ms),
    }
}

/// The configuration as it holds with its catalogue, and that, once everything that can be checked
/// before a port is opened holds.
pub fn ready(config: &Config) -> Result<(Config, Option<Catalogue>), ConfigError> {
    config.check()?;
    config.check_addresses()?;
    let catalogue = config.read_catalogue()?;
    let mut config = config.clone();
    if let Some(catalogue) = &catalogue {
        config.refine(catalogue)?;
    }
    Ok((config, catalogue))
}
