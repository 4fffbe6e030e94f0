//! The few requests that no client made, each asked for by the configuration: the sentinel's and the
//! ones for a version.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use hyper::body::Body as _;

use crate::body::RequestBody;
use crate::capture::{Budget, Chunks};
use crate::forward::{self, Head};
use crate::lane::Settings;
use crate::upstream::Upstream;
use crate::watch::Sweep;

/// Legacy, on connections of its own.
pub(crate) fn legacy(settings: &Settings) -> Rc<Upstream> {
    // Its sweep is never run: the timer in `exchange` bounds every step.
    let (address, limits) = (Arc::clone(&settings.legacy), settings.legacy_links);
    Rc::new(Upstream::new(address, limits, Sweep::new()))
}

/// Core, likewise.
pub(crate) fn core(settings: &Settings) -> Rc<Upstream> {
    let (address, limits) = (Arc::clone(&settings.core), settings.core_links);
    Rc::new(Upstream::new(address, limits, Sweep::new()))
}

/// One exchange within the shadow's limits; `None` when there is no whole answer.
pub(crate) async fn exchange(
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
