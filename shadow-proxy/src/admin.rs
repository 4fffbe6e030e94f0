//! The admin port: metrics, health and a live summary, apart from the clients' port.

mod metrics;
mod status;

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Semaphore, watch};
use verifier::confidence::ConfidenceConfig;
use verifier::self_check::SelfCheckConfig;

use crate::capture::Budget;
use crate::compare::Findings;
use crate::config::{Config, ConfigError};
use crate::counters::Counters;
use crate::lane::Settings;
use crate::sentinel;
use crate::sink::{DepthReader, Sink};
use crate::versions;

/// All that the admin port shows.
#[derive(Clone)]
pub(crate) struct AdminState {
    settings: Arc<Settings>,
    counters: Arc<Counters>,
    findings: Arc<Findings>,
    budget: Arc<Budget>,
    depth: DepthReader,
    token: Option<Arc<[u8]>>,
    sample_percent: f64,
    /// Where second answers of legacy come from.
    second_answers: Option<String>,
    /// What is to be proved.
    confidence: ConfidenceConfig,
    /// What the verifier's check of itself must show.
    self_check: SelfCheckConfig,
    began: Instant,
}

/// A bearer token must be long enough that guessing is no way in.
const MIN_TOKEN: usize = 16;
/// An operator's request that takes longer is ended.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// After a failed accept (usually: out of file descriptors) the next one is not tried at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Most admin connections at once.
const MAX_CONNECTIONS: usize = 64;

impl AdminState {
    pub(crate) fn new(
        config: &Config,
        settings: &Arc<Settings>,
        counters: &Arc<Counters>,
        findings: &Arc<Findings>,
        budget: &Arc<Budget>,
        sink: &Sink,
    ) -> Result<Self, ConfigError> {
        let token = match &config.admin_token_file {
            None => None,
            Some(path) => {
                let key = |source| ConfigError::Key {
                    path: path.clone(),
                    what: "no admin token of at least 16 characters",
                    source,
                };
                let text = fs::read_to_string(path).map_err(key)?;
                let token = text.trim();
                if token.len() < MIN_TOKEN {
                    return Err(key(io::ErrorKind::InvalidData.into()));
                }
                Some(Arc::from(token.as_bytes()))
            }
        };
        // Only the depth: a `Sink` held here would keep the comparing thread from ending.
        let depth = sink.depth_reader();
        Ok(Self {
            settings: Arc::clone(settings),
            counters: Arc::clone(counters),
            findings: Arc::clone(findings),
            budget: Arc::clone(budget),
            depth,
            token,
            sample_percent: config.sample.percent,
            second_answers: config.noise.words(),
            confidence: config.confidence,
            self_check: config.self_check,
            began: Instant::now(),
        })
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET is served\n");
        }
        match request.uri().path() {
            // Open without token: a probe of the platform has none.
            "/healthz" => text(StatusCode::OK, "alive\n"),
            // Says that the proxy can serve. Whether legacy answers is a metric: one hiccup of it
            // would otherwise take every proxy out of service.
            "/readyz" => text(StatusCode::OK, "ready\n"),
            _ if !self.allowed(request) => {
                let mut response = text(StatusCode::UNAUTHORIZED, "a bearer token is needed\n");
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                response
            }
            "/" => text(
                StatusCode::OK,
                "shadow-proxy\n/metrics  for Prometheus\n/status   live summary, JSON\n\
                 /healthz  the process lives\n/readyz   clients can be served\n",
            ),
            "/metrics" => typed("text/plain; version=0.0.4; charset=utf-8", self.metrics()),
            "/status" => typed("application/json", self.status().await),
            _ => text(StatusCode::NOT_FOUND, "not here; / lists what is\n"),
        }
    }

    /// Compares in constant time, so that answers do not tell how much of a guess was right.
    fn allowed(&self, request: &Request<Incoming>) -> bool {
        let Some(token) = &self.token else {
            return true;
        };
        let given = request
            .headers()
            .get(header::AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
            .unwrap_or_default();
        let differing = token
            .iter()
            .zip(given)
            .fold(0, |seen, (a, b)| seen | (a ^ b));
        given.len() == token.len() && differing == 0
    }
}

fn text(status: StatusCode, words: &'static str) -> Response<Full<Bytes>> {
    let mut response = typed("text/plain; charset=utf-8", words.to_owned());
    *response.status_mut() = status;
    response
}

fn typed(kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// Serves the admin port on a thread of its own until the proxy stops.
pub(crate) fn start(
    listener: TcpListener,
    state: AdminState,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    thread::Builder::new()
        .name("admin".to_owned())
        .spawn(move || {
            let Ok(runtime) = Builder::new_current_thread()
                .enable_all()
                .build_local(LocalOptions::default())
            else {
                tracing::error!("the admin port cannot be served");
                return;
            };
            runtime.block_on(async move {
                let listener = match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => listener,
                    Err(error) => {
                        tracing::error!(%error, "the admin port cannot be served");
                        return;
                    }
                };
                let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
                if let Some(sentinel) = state.settings.writes.sentinel().cloned() {
                    let settings = Arc::clone(&state.settings);
                    tokio::task::spawn_local(sentinel::watch(settings, sentinel));
                }
                if let Some(versions) = state.settings.versions.clone() {
                    let settings = Arc::clone(&state.settings);
                    tokio::task::spawn_local(versions::watch(settings, versions));
                }
                loop {
                    let stream = tokio::select! {
                        accepted = listener.accept() => accepted,
                        _ = stop.wait_for(|&stop| stop) => return,
                    };
                    let Ok((stream, _)) = stream else {
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    };
                    let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                        continue;
                    };
                    let state = state.clone();
                    tokio::task::spawn_local(async move {
                        let state = &state;
                        let service = service_fn(move |request| async move {
                            Ok::<_, Infallible>(state.answer(&request).await)
                        });
                        let served = http1::Builder::new()
                            .timer(TokioTimer::new())
                            .header_read_timeout(REQUEST_LIMIT)
                            .max_buf_size(16 << 10)
                            .serve_connection(TokioIo::new(stream), service);
                        // Who asks too slowly, or breaks off, is let go.
                        let _ended = served.await;
                        drop(place);
                    });
                }
            });
        })?;
    Ok(())
}
