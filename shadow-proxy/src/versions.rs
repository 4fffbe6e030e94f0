//! Which builds the services run, where the configuration names an endpoint that tells it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::HeaderMap;
use serde_json::Value;
use verifier::cutover::VersionEndpoint;

use crate::lane::Settings;
use crate::own_request::{self, exchange};

/// Longest version: an image digest has 71 characters.
const MAX_VERSION: usize = 128;

/// What the services told last; the comparing thread writes it down. No lane comes here.
#[derive(Debug)]
pub(crate) struct Versions {
    endpoint: VersionEndpoint,
    told: Mutex<(Option<String>, Option<String>)>,
}

impl Versions {
    pub(crate) fn new(endpoint: VersionEndpoint) -> Arc<Self> {
        Arc::new(Self {
            endpoint,
            told: Mutex::default(),
        })
    }

    /// Takes what legacy and core told since the last time.
    pub(crate) fn take(&self) -> (Option<String>, Option<String>) {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A version in bytes that a service sent, and not whatever else it may send.
pub(crate) fn version(told: &[u8]) -> Option<String> {
    let told = told.trim_ascii();
    let good =
        !told.is_empty() && told.len() <= MAX_VERSION && told.iter().all(u8::is_ascii_graphic);
    good.then(|| String::from_utf8_lossy(told).into_owned())
}

/// The version in an answer's body.
fn found(endpoint: &VersionEndpoint, body: &Bytes) -> Option<String> {
    let Some(pointer) = &endpoint.pointer else {
        return version(body);
    };
    let page: Value = serde_json::from_slice(body).ok()?;
    match page.pointer(pointer)? {
        Value::String(text) => version(text.as_bytes()),
        Value::Number(number) => version(number.to_string().as_bytes()),
        _ => None,
    }
}

/// Asks both services again and again. Runs on a thread that serves no client.
pub(crate) async fn watch(settings: Arc<Settings>, versions: Arc<Versions>) {
    let endpoint = &versions.endpoint;
    let sides = [
        ("legacy", own_request::legacy(&settings)),
        ("core", own_request::core(&settings)),
    ];
    let mut silent = [false; 2];
    loop {
        let mut seen = [None, None];
        for (at, (side, upstream)) in sides.iter().enumerate() {
            let (head, body) = (HeaderMap::new(), Bytes::new());
            let path = &endpoint.path;
            let answer = exchange(&settings, upstream, Method::GET, path, head, body).await;
            seen[at] = match answer {
                Ok(Some((status, body))) if status.is_success() => found(endpoint, &body),
                _ => None,
            };
            // Said when it begins, not every minute.
            let was_silent = std::mem::replace(&mut silent[at], seen[at].is_none());
            if silent[at] && !was_silent {
                tracing::warn!(
                    side,
                    path,
                    "tells no version: evidence cannot name the build"
                );
            }
        }
        let [legacy, core] = seen;
        *versions.told.lock().unwrap_or_else(PoisonError::into_inner) = (legacy, core);
        tokio::time::sleep(Duration::from_secs(endpoint.every_s)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_where_the_configuration_says_and_nothing_else_is_taken_for_one() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let page = format!(r#"{{"build":{{"version":"{digest}","number":7,"by":{{}}}}}}"#);
        let long = "x".repeat(MAX_VERSION + 1);
        for (pointer, body, version) in [
            (Some("/build/version"), page.as_str(), Some(digest.as_str())),
            (Some("/build/number"), &page, Some("7")),
            (Some("/build/by"), &page, None),
            (Some("/version"), &page, None),
            (Some("/version"), "no JSON", None),
            (None, "1.4.2\n", Some("1.4.2")),
            (None, "", None),
            (None, "<html>not found here</html>", None),
            (None, &long, None),
        ] {
            let endpoint = VersionEndpoint {
                path: "/version".to_owned(),
                pointer: pointer.map(str::to_owned),
                every_s: 60,
            };
            let body = Bytes::copy_from_slice(body.as_bytes());
            assert_eq!(
                found(&endpoint, &body).as_deref(),
                version,
                "{pointer:?} {body:?}"
            );
        }
    }
}
