//! TLS from PEM files: towards the services, and optionally towards clients.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::{fmt, io};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::config::{ConfigError, LinkConfig, TlsConfig};

/// The authorities that the system trusts, where Debian and its like keep them.
const SYSTEM_CA: &str = "/etc/ssl/certs/ca-certificates.crt";

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn key_error(
    path: &Path,
    what: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ConfigError {
    ConfigError::Key {
        path: path.to_owned(),
        what,
        source: io::Error::other(source),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    const WHAT: &str = "no certificates in PEM form";
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| key_error(path, WHAT, error))?;
    if found.is_empty() {
        return Err(key_error(path, WHAT, "the file holds none"));
    }
    Ok(found)
}

/// How to connect to a service over TLS, verified against the file's authorities or the system's.
pub(crate) fn connector(
    link: &LinkConfig,
    host: &str,
) -> Result<(TlsConnector, ServerName<'static>), ConfigError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &link.ca_file {
        for certificate in certificates(path)? {
            roots.add(certificate)?;
        }
    } else {
        roots.add_parsable_certificates(certificates(Path::new(SYSTEM_CA))?);
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = link.server_name.as_deref().unwrap_or(host);
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_not_a_name| rustls::Error::General(format!("`{name}` is not a server name")))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}

/// The certificate in use, which can be replaced while clients are served.
#[derive(Clone)]
pub(crate) struct Acceptor {
    current: Arc<RwLock<TlsAcceptor>>,
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acceptor")
    }
}

impl Acceptor {
    pub(crate) fn new(acceptor: TlsAcceptor) -> Self {
        Self {
            current: Arc::new(RwLock::new(acceptor)),
        }
    }

    /// The one for the next connection.
    pub(crate) fn get(&self) -> TlsAcceptor {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn set(&self, acceptor: TlsAcceptor) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = acceptor;
    }
}

/// How to take clients over TLS.
pub(crate) fn acceptor(config: &TlsConfig) -> Result<TlsAcceptor, ConfigError> {
    let chain = certificates(&config.certificate_file)?;
    let key = PrivateKeyDer::from_pem_file(&config.key_file)
        .map_err(|error| key_error(&config.key_file, "no private key in PEM form", error))?;
    let mut server = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}
