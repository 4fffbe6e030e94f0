//! The tripwire before shadowed writes: a write that core must refuse, or that must not show up at
//! legacy, proves that core cannot write to legacy's database. Until the first proof, and for good
//! after a failed one, core gets no write.

use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use bytes::Bytes;
use http::Method;
use http::header::{self, HeaderMap, HeaderValue};
use verifier::cutover::MARK;
pub use verifier::cutover::{SentinelConfig, SentinelWrite};

use crate::lane::Settings;
use crate::own_request::{self, exchange};

/// What one proof has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// Core's write has no effect at legacy.
    Separate,
    /// The write shows up at legacy: both use one database.
    Shared,
    /// Neither could be shown: a service did not answer.
    Open,
}

/// Proves the separation again and again, until it fails. Runs on a thread that serves no client.
pub(crate) async fn watch(settings: Arc<Settings>, config: SentinelConfig) {
    let mut round = 0_u64;
    loop {
        round += 1;
        match prove(&settings, &config, round).await {
            Ok(Proof::Separate) => {
                if round == 1 || !settings.writes.proved() {
                    tracing::info!(
                        "the sentinel write has no effect at legacy: writes are shadowed"
                    );
                }
                settings.writes.prove();
            }
            Ok(Proof::Shared) => {
                tracing::error!(
                    "the sentinel write, sent to core, shows up at legacy: writes are no longer shadowed"
                );
                settings.writes.stop();
                return;
            }
            Ok(Proof::Open) => {
                settings.writes.doubt();
                tracing::warn!("the sentinel proved nothing: writes wait for the next proof");
            }
            Err(error) => {
                settings.writes.doubt();
                tracing::error!(%error, "the sentinel cannot be sent: writes are not shadowed");
            }
        }
        tokio::time::sleep(Duration::from_secs(config.every_s)).await;
    }
}

async fn prove(settings: &Settings, config: &SentinelConfig, round: u64) -> io::Result<Proof> {
    // The pseudonym is random and this process's own, so no other write ever held the mark.
    let digits = settings
        .pseudonym
        .bytes()
        .filter(u8::is_ascii_alphanumeric)
        .map(char::from);
    let mark: String = digits.chain(format!("x{round}").chars()).collect();
    let mut headers = HeaderMap::new();
    if let Some(path) = &config.authorization_file {
        let text = fs::read_to_string(path)?;
        let mut value = HeaderValue::from_str(text.trim()).map_err(io::Error::other)?;
        value.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, value);
    }
    let (legacy, core) = (own_request::legacy(settings), own_request::core(settings));

    let path = config.send.path.replace(MARK, &mark);
    let body = Bytes::from(config.send.body.replace(MARK, &mark));
    let mut write = headers.clone();
    write.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    write.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    let method = Method::from_bytes(config.send.method.as_bytes()).map_err(io::Error::other)?;
    let Some((status, _)) = exchange(settings, &core, method, &path, write, body).await? else {
        return Ok(Proof::Open);
    };
    // Whatever core says, only legacy can tell: an error may come after the effect.
    let read = exchange(
        settings,
        &legacy,
        Method::GET,
        &config.read,
        headers,
        Bytes::new(),
    )
    .await?;
    let Some((seen, shown)) = read else {
        return Ok(Proof::Open);
    };
    if memchr::memmem::find(&shown, mark.as_bytes()).is_some() {
        return Ok(Proof::Shared);
    }
    let refused = status.is_client_error() || status.is_server_error();
    // A write that core took proves nothing unless legacy's page could be read.
    Ok(if refused || seen.is_success() {
        Proof::Separate
    } else {
        Proof::Open
    })
}
