//! A request from its template: placeholders filled, path and query encoded.

use std::time::SystemTime;

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::catalogue::template::Scope;
use crate::catalogue::{RequestBody, RequestTemplate};
use crate::client::Outgoing;

/// The text that makes one run's rows unique on the target: `{run}`.
///
/// Six characters of a-z and 2-9, short enough for a room's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunId(String);

impl RunId {
    /// Derives an id from a clock reading and a process id.
    pub fn derive(nanos: u64, process: u32) -> Self {
        const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
        let mut mix = spread(nanos ^ u64::from(process).rotate_left(32));
        let mut text = String::from("q");
        for _ in 0..5 {
            let at = usize::try_from(mix % 31).unwrap_or(0);
            text.push(char::from(ALPHABET[at]));
            mix /= 31;
        }
        Self(text)
    }

    /// An id for a run that starts now.
    pub fn now() -> Self {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let nanos = u64::from(since.subsec_nanos()) ^ (since.as_secs() << 30);
        Self::derive(nanos, std::process::id())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An address of the documentation network of RFC 2544 (198.18.0.0/15) for `{run_address}`.
    pub(super) fn address(&self) -> String {
        let sum = self.0.bytes().fold(7u32, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u32::from(byte))
        });
        format!("198.18.{}.{}", (sum >> 8) & 0xff, sum & 0xff)
    }
}

/// The finaliser of `SplitMix64`: spreads neighbouring numbers over the whole range.
pub(super) fn spread(number: u64) -> u64 {
    let mix = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mix = (mix ^ (mix >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mix ^ (mix >> 31)
}

/// What a path segment cannot hold as itself (RFC 3986, section 3.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b',')
    .remove(b':')
    .remove(b'@');
/// What a query value cannot hold as itself; a comma stays readable, as browsers leave it.
const QUERY: &AsciiSet = SEGMENT;
/// What may not stand in a path at all.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// Fills every placeholder; the error is the name that has no value.
pub(crate) fn fill(request: &RequestTemplate, scope: &Scope) -> Result<Outgoing, String> {
    let mut path_scope = scope.encoded(|text| utf8_percent_encode(text, SEGMENT).to_string());
    for (name, value) in &request.path_params {
        let value = value.fill(scope)?;
        path_scope.set(
            name,
            Value::from(utf8_percent_encode(&value, SEGMENT).to_string()),
        );
    }
    let mut path = utf8_percent_encode(&request.path.fill(&path_scope)?, PATH).to_string();
    for (at, (name, value)) in request.query.iter().enumerate() {
        path.push(if at == 0 { '?' } else { '&' });
        path.extend(utf8_percent_encode(&name.fill(scope)?, QUERY));
        if let Some(value) = value {
            path.push('=');
            path.extend(utf8_percent_encode(&value.fill(scope)?, QUERY));
        }
    }
    let mut headers = Vec::with_capacity(request.headers.len() + 2);
    for (name, value) in &request.headers {
        headers.push((name.clone(), value.fill(scope)?));
    }
    let body = match &request.body {
        RequestBody::None => None,
        RequestBody::Raw(text) => Some(text.fill(scope)?.into_bytes()),
        RequestBody::Bytes(bytes) => Some(bytes.clone()),
        RequestBody::Json(body) => {
            if !headers
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            {
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
            }
            Some(body.fill(scope)?.to_string().into_bytes())
        }
    };
    Ok(Outgoing {
        method: request.method.clone(),
        path,
        headers,
        body,
    })
}
