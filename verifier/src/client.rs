//! Speaks HTTP to one target: no redirects, no proxies from the environment, nothing decoded.

use std::error::Error as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use jiff::Timestamp;
use url::Url;

use crate::decode;
use crate::exchange::{Answer, Failure, Observation, Tokens};

/// How to speak to a target.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// From sending the request to the last byte of the answer.
    pub timeout: Duration,
    /// Longer answers are refused, not compared.
    pub max_body_bytes: usize,
    /// Certificates to trust besides the public ones (PEM).
    pub ca_file: Option<PathBuf>,
    /// What `Host` says instead of the address.
    pub host: Option<String>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            max_body_bytes: 64 * 1024 * 1024,
            ca_file: None,
            host: None,
        }
    }
}

/// Why a target cannot be spoken to at all.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Not an address this tool can use.
    #[error("`{0}` is no base address: write `http://HOST:PORT` or `https://HOST`")]
    Address(String),
    /// The certificate file.
    #[error("{}: cannot read certificates", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The HTTP client.
    #[error("cannot set up the HTTP client")]
    Client(#[from] reqwest::Error),
}

/// A request ready to send.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    /// Method.
    pub method: String,
    /// Path with its query, encoded.
    pub path: String,
    /// Header fields in order.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Option<Vec<u8>>,
}

/// What came of one request.
#[derive(Debug)]
pub struct Sent {
    /// The answer or its absence, nothing masked yet.
    pub observation: Observation,
    /// When its last byte was here.
    pub received: Timestamp,
}

/// One service under its base address.
#[derive(Clone, Debug)]
pub struct Target {
    base: String,
    origin: String,
    client: reqwest::Client,
    config: ClientConfig,
}

impl Target {
    /// Prepares to speak to `base`; sends nothing.
    pub fn new(base: &str, config: ClientConfig) -> Result<Self, TargetError> {
        let url = Url::parse(base).map_err(|_| TargetError::Address(base.to_owned()))?;
        if !matches!(url.scheme(), "http" | "https")
            || url.host().is_none()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            return Err(TargetError::Address(base.to_owned()));
        }
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .http1_only()
            .tcp_nodelay(true)
            .user_agent(concat!("verifier/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &config.ca_file {
            let pem = std::fs::read(path).map_err(|source| TargetError::CaFile {
                path: path.clone(),
                source,
            })?;
            builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(&pem)?);
        }
        if url.scheme() == "http" {
            // Nothing here follows a redirect, so no certificate is ever looked at; reading the
            // system's would take longer than many a run.
            builder = builder.tls_certs_only([]);
        }
        Ok(Self {
            base: base.trim_end_matches('/').to_owned(),
            origin: url.origin().ascii_serialization(),
            client: builder.build()?,
            config,
        })
    }

    /// The base address, without a trailing slash.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// What `Host` says when nothing else is asked for: host, and port unless it is the scheme's own.
    pub fn host(&self) -> &str {
        self.origin
            .split_once("://")
            .map_or(&self.origin, |(_, host)| host)
    }

    /// Sends `outgoing` once and reads the answer to its end.
    pub async fn send(&self, outgoing: &Outgoing) -> Sent {
        let start = Instant::now();
        let answer = match tokio::time::timeout(self.config.timeout, self.exchange(outgoing)).await
        {
            Ok(answer) => answer,
            Err(_) => Err(Failure::Timeout(format!(
                "{} s passed: raise `--timeout`, or look why the service hangs",
                self.config.timeout.as_secs_f64()
            ))),
        };
        Sent {
            observation: Observation {
                answer,
                origin: Some(self.origin.clone()),
                tokens: Tokens::default(),
                latency: start.elapsed(),
            },
            received: Timestamp::now(),
        }
    }

    async fn exchange(&self, outgoing: &Outgoing) -> Result<Answer, Failure> {
        let method = reqwest::Method::from_bytes(outgoing.method.as_bytes())
            .map_err(|_| Failure::Protocol(format!("`{}` is no method", outgoing.method)))?;
        let url = Url::parse(&format!("{}{}", self.base, outgoing.path))
            .map_err(|error| Failure::Protocol(format!("`{}`: {error}", outgoing.path)))?;
        let mut request = self.client.request(method, url);
        if let Some(host) = &self.config.host {
            request = request.header("host", host);
        }
        for (name, value) in &outgoing.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &outgoing.body {
            request = request.body(body.clone());
        }
        let mut response = request.send().await.map_err(|error| failure(&error))?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
            if body.len() + chunk.len() > self.config.max_body_bytes {
                return Err(Failure::TooLarge(format!(
                    "more than {} bytes: raise `--max-body`",
                    self.config.max_body_bytes
                )));
            }
            body.extend_from_slice(&chunk);
        }
        let answer = Answer {
            status,
            headers,
            body: body.freeze(),
        };
        Ok(plain(answer, self.config.max_body_bytes))
    }
}

/// Undoes the content coding, which this client never asks for: captures, masks and golden files need
/// the content itself. A coding that cannot be undone stays, and so does its header.
fn plain(mut answer: Answer, max_bytes: usize) -> Answer {
    let codings = decode::codings(answer.header("content-encoding"));
    if codings.is_empty() {
        return answer;
    }
    if let Ok(body) = decode::decode(&answer.body, &codings, max_bytes) {
        answer.body = body.into_owned().into();
        answer
            .headers
            .retain(|(name, _)| name != "content-encoding" && name != "content-length");
    }
    answer
}

/// What went wrong, in the words of its innermost cause: the outer layers say only that something did.
fn failure(error: &reqwest::Error) -> Failure {
    let mut text = error.to_string();
    let mut chain = Vec::new();
    let mut source = error.source();
    while let Some(inner) = source {
        text = inner.to_string();
        chain.push(text.to_lowercase());
        source = inner.source();
    }
    let mentions = |words: &[&str]| {
        chain
            .iter()
            .any(|link| words.iter().any(|w| link.contains(w)))
    };
    if mentions(&[
        "certificate",
        "tls",
        "handshake",
        "invalidcontenttype",
        "corrupt message",
    ]) {
        Failure::Tls(format!(
            "{text}: check the address's scheme, or trust its CA with `--ca-file`"
        ))
    } else if error.is_connect() {
        Failure::Unreachable(format!("{text}: is the service up, and the address right?"))
    } else if error.is_timeout() {
        Failure::Timeout(text)
    } else if error.is_body()
        || error.is_decode()
        || mentions(&[
            "incomplete",
            "unexpected eof",
            "connection reset",
            "connection closed",
        ])
    {
        Failure::Truncated(format!("{text}: the service closed the connection early"))
    } else {
        Failure::Protocol(text)
    }
}
