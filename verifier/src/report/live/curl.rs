#![deny(clippy::disallowed_methods)]
//! The request of an example as a command, to ask both services oneself.

use std::fmt::Write as _;

use super::LiveReport;
use crate::evidence::record::{Sample, StoredRequest};
use crate::evidence::redact::replace_hidden;

/// One of the two services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that is right.
    Legacy,
    /// The one that is judged.
    Core,
}

/// Fields that the client adds by itself, or that belong to the way and not to the request.
const LEFT_OUT: [&str; 14] = [
    "host",
    "content-length",
    "connection",
    "keep-alive",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "via",
    "forwarded",
    "traceparent",
    "tracestate",
    "user-agent",
    "accept-encoding",
];

/// A `curl` command line with the sample's request. Hidden values read `<phone>`, `<token>`, …
pub fn curl(report: &LiveReport, sample: &Sample, side: Side) -> String {
    command(report.address(side), &sample.request)
}

/// The same for any stored request and the base address it is for.
pub fn command(base: &str, request: &StoredRequest) -> String {
    let place = |class: &str| format!("<{class}>");
    let target = encode(&replace_hidden(&request.target, place));
    let url = format!("{}{target}", base.trim_end_matches('/'));
    let mut out = "curl -sS -i".to_owned();
    match request.method.as_str() {
        "GET" => {}
        "HEAD" => out.push_str(" --head"),
        method => {
            let _ = write!(out, " -X {}", quoted(method));
        }
    }
    let _ = write!(out, " {}", quoted(&url));
    for (name, value) in &request.headers {
        if !is_of_the_request(name) {
            continue;
        }
        let _ = write!(
            out,
            " -H {}",
            quoted(&format!("{name}: {}", replace_hidden(value, place)))
        );
    }
    if let Some(body) = request.body.as_deref().filter(|body| !body.is_empty()) {
        let _ = write!(out, " --data-raw {}", quoted(&replace_hidden(body, place)));
    }
    out
}

/// Whether a header field, its name in lower case, is the request's own: neither added by every client
/// nor of the way it came.
pub fn is_of_the_request(name: &str) -> bool {
    !LEFT_OUT.contains(&name) && !name.starts_with("x-forwarded-")
}

/// Stored targets are decoded; what would change the meaning of an address is encoded again.
pub fn encode(target: &str) -> String {
    let mut out = String::with_capacity(target.len());
    for byte in target.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/?&=,:;@!$*()<>".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// One word of a POSIX shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
