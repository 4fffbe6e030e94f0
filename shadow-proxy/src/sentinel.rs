//! The tripwire before shadowed writes: a write that core must refuse, or that must not show up at
//! legacy, proves that core cannot write to legacy's database. Until the first proof, and for good
//! after a failed one, core gets no write.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use hyper::body::Body as _;
use verifier::cutover::MARK;
pub use verifier::cutover::{SentinelConfig, SentinelWrite};

use crate::body::RequestBody;
use crate::capture::{Budget, Chunks};
use crate::forward::{self, Head};
use crate::lane::Settings;
use crate::upstream::Upstream;
use crate::watch::Sweep;

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
    let upstream = |address, limits| {
        // Its sweep is never run: the timers below bound every step.
        Rc::new(Upstream::new(address, limits, Sweep::new()))
    };
    let core = upstream(Arc::clone(&settings.core), settings.core_links);
    let legacy = upstream(Arc::clone(&settings.legacy), settings.legacy_links);

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

/// One exchange within the shadow's limits; `None` when there is no whole answer.
async fn exchange(
    settings: &Settings,
    upstream: &Rc<Upstream>,
    method: Method,
    path: &str,
    mut headers: HeaderMap,
    body: Bytes,
) -> io::Result<Option<(StatusCode, Bytes)>> {
    let host = HeaderValue::try_from(upstream.authority()).map_err(io::Error::other)?;
    headers.insert(header::HOST, host);
    headers.insert(header::VIA, settings.request_via.clone());
    let uri = path.parse().map_err(io::Error::other)?;
    let head = Head {
        method,
        uri,
        headers,
    };
    let limit = settings.shadow.max_answer_bytes;
    let body = if body.is_empty() {
        RequestBody::Empty
    } else {
        let sized = Some(body.len() as u64);
        RequestBody::Copied {
            chunks: [body].into(),
            sized,
        }
    };
    let answer = async {
        let sent = forward::send(upstream, head.request(body), None, None, None).await;
        let (response, link) = sent.ok()?;
        let status = response.status();
        let mut incoming = response.into_body();
        let mut chunks = Chunks::new(&Budget::new(limit));
        loop {
            let next = std::future::poll_fn(|cx| std::pin::Pin::new(&mut incoming).poll_frame(cx));
            match next.await {
                None => break,
                Some(Err(_)) => return None,
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        chunks.push(data, limit).ok()?;
                    }
                }
            }
        }
        drop(link);
        Some((status, chunks.joined()))
    };
    Ok(tokio::time::timeout(settings.shadow.timeout(), answer)
        .await
        .unwrap_or(None))
}
