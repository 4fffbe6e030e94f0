//! What a request asks for, and what of it may go further.
//!
//! [`Framing`](crate::framing::Framing) has made sure that the bytes have one reading; here the parsed
//! head becomes the one that both services get: origin-form target, one `Host`, no field that was
//! meant for this hop only ([RFC 9110, section 7.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1)).
#![deny(clippy::disallowed_methods)]

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, Uri, Version};

use crate::framing::{Refusal, has_token};

/// What a request is, as far as the proxy cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Whether the request can change something: any method but `GET`, `HEAD` and `OPTIONS` in exactly
    /// these letters, and any request that asks to be taken for another method.
    pub write: bool,
    /// Whether a field asks to take the request for one of another method.
    pub overridden: bool,
    /// Whether the client asks for another protocol.
    pub upgrade: bool,
}

/// What a field's name means to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Nothing: it passes.
    EndToEnd,
    /// Meant for one hop whatever `Connection` says.
    Hop,
    Connection,
    Upgrade,
    Te,
    Via,
    Expect,
    /// Asks a server to take the request for one of another method.
    MethodOverride,
}

/// One look at a name by its length: a request has some ten fields, and hardly one matters here.
fn meaning(name: &HeaderName) -> Meaning {
    let name = name.as_str();
    match name.len() {
        2 if name == "te" => Meaning::Te,
        3 if name == "via" => Meaning::Via,
        6 if name == "expect" => Meaning::Expect,
        7 if name == "upgrade" => Meaning::Upgrade,
        10 if name == "connection" => Meaning::Connection,
        10 if name == "keep-alive" => Meaning::Hop,
        13 if name == "x-http-method" => Meaning::MethodOverride,
        14 if name == "http2-settings" => Meaning::Hop,
        16 if name == "proxy-connection" => Meaning::Hop,
        17 if name == "transfer-encoding" => Meaning::Hop,
        17 if name == "x-method-override" => Meaning::MethodOverride,
        22 if name == "x-http-method-override" => Meaning::MethodOverride,
        _ => Meaning::EndToEnd,
    }
}

/// End-to-end fields that a client may not take away by naming them in `Connection`
/// (the attack of CVE-2026-105299: nominating `Authorization` or `X-Forwarded-For` away).
const NEVER_NOMINATED: [HeaderName; 7] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::AUTHORIZATION,
    header::COOKIE,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
];

/// Checks a request and turns its head into the one that both services get.
///
/// `pseudonym` is this process's name in `Via`; a request that already bears it went round in a
/// circle and is refused with 508.
pub fn check(parts: &mut Parts, pseudonym: &str) -> Result<Checked, Refusal> {
    let refuse = |status, reason| Err(Refusal { status, reason });
    let (mut overridden, mut trailers, mut upgrading) = (false, false, false);
    let (mut expecting, mut hop) = (false, false);
    for (name, value) in &parts.headers {
        match meaning(name) {
            Meaning::EndToEnd => {}
            Meaning::Hop | Meaning::Connection => hop = true,
            Meaning::Via => {
                if memchr::memmem::find(value.as_bytes(), pseudonym.as_bytes()).is_some() {
                    return refuse(StatusCode::LOOP_DETECTED, "this request passed here before");
                }
            }
            Meaning::Expect => {
                if !value.as_bytes().eq_ignore_ascii_case(b"100-continue") {
                    let reason = "only `100-continue` can be expected";
                    return refuse(StatusCode::EXPECTATION_FAILED, reason);
                }
                expecting = true;
            }
            Meaning::Te => {
                hop = true;
                trailers |= has_token(value.as_bytes(), b"trailers");
            }
            Meaning::Upgrade => {
                hop = true;
                upgrading = true;
            }
            Meaning::MethodOverride => overridden = true,
        }
    }
    origin_form(parts)?;
    let checked = Checked {
        write: overridden || !matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS),
        overridden,
        upgrade: upgrading && is_upgrade(parts),
    };
    let upgrade = checked
        .upgrade
        .then(|| parts.headers.get(header::UPGRADE).cloned())
        .flatten();
    if hop {
        strip_hop_by_hop(&mut parts.headers);
    }
    if expecting {
        // The hop to the client has its own way of asking for the body; this one simply sends it.
        parts.headers.remove(header::EXPECT);
    }
    if let Some(upgrade) = upgrade {
        parts.headers.insert(header::UPGRADE, upgrade);
        parts
            .headers
            .insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    } else if trailers {
        parts
            .headers
            .insert(header::TE, HeaderValue::from_static("trailers"));
        parts
            .headers
            .insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
    parts.version = Version::HTTP_11;
    Ok(checked)
}

/// Takes away what was meant for one hop only: the known fields and those that `Connection` names.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let mut gone = Vec::new();
    for (name, value) in &*headers {
        match meaning(name) {
            Meaning::Hop | Meaning::Te | Meaning::Upgrade => {
                // A length beside chunks is overruled by them (RFC 9112, section 6.3); left there, it
                // would frame the message on its next hop and cut it off.
                if *name == header::TRANSFER_ENCODING {
                    gone.push(header::CONTENT_LENGTH);
                }
                gone.push(name.clone());
            }
            Meaning::Connection => {
                gone.push(name.clone());
                let nominated = value.as_bytes().split(|&byte| byte == b',');
                gone.extend(
                    nominated
                        .filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
                        .filter(|name| !NEVER_NOMINATED.contains(name)),
                );
            }
            Meaning::EndToEnd | Meaning::Via | Meaning::Expect | Meaning::MethodOverride => {}
        }
    }
    for name in gone {
        headers.remove(name);
    }
}

/// Takes out of a trailer section what must not come late: fields that frame, route, sign in or are
/// meant for one hop ([RFC 9110, section 6.5.1](https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1)).
/// Whoever merges trailers into the head would otherwise obey them.
pub fn strip_trailers(trailers: &mut HeaderMap) {
    strip_hop_by_hop(trailers);
    for name in [
        header::HOST,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_RANGE,
        header::AUTHORIZATION,
        header::PROXY_AUTHORIZATION,
        header::WWW_AUTHENTICATE,
        header::PROXY_AUTHENTICATE,
        header::COOKIE,
        header::SET_COOKIE,
        header::EXPECT,
        header::LOCATION,
        header::TRAILER,
        header::VIA,
        HeaderName::from_static("x-forwarded-for"),
    ] {
        trailers.remove(name);
    }
}

/// The same rule as in [`Framing`](crate::framing::Framing): both must agree on what is held back.
fn is_upgrade(parts: &Parts) -> bool {
    let headers = &parts.headers;
    let has_body = headers.contains_key(header::TRANSFER_ENCODING)
        || headers
            .get(header::CONTENT_LENGTH)
            .is_some_and(|length| !length.as_bytes().iter().all(|&digit| digit == b'0'));
    parts.version == Version::HTTP_11
        && !has_body
        && headers.contains_key(header::UPGRADE)
        && !headers
            .get_all(header::UPGRADE)
            .iter()
            .any(|value| has_token(value.as_bytes(), b"h2c"))
        && headers
            .get_all(header::CONNECTION)
            .iter()
            .any(|value| has_token(value.as_bytes(), b"upgrade"))
}

/// Brings the target into origin form. The path and query stay letter for letter; the authority of
/// an absolute target wins over `Host`
/// ([RFC 9112, section 3.2.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2)) and never decides
/// where the request goes.
fn origin_form(parts: &mut Parts) -> Result<(), Refusal> {
    let bad = |reason| {
        Err(Refusal {
            status: StatusCode::BAD_REQUEST,
            reason,
        })
    };
    let Some(authority) = parts.uri.authority() else {
        let path = parts.uri.path();
        if path.starts_with('/') || (path == "*" && parts.method == Method::OPTIONS) {
            return Ok(());
        }
        return bad("the request target is not a path");
    };
    if !matches!(parts.uri.scheme_str(), Some("http" | "https")) {
        return bad("the request target is of another scheme");
    }
    if authority.as_str().contains('@') {
        return bad("the request target holds user information");
    }
    let Ok(host) = HeaderValue::from_str(authority.as_str()) else {
        return bad("the request target's authority is not a Host");
    };
    parts.headers.insert(header::HOST, host);
    let path = parts.uri.path_and_query().cloned();
    parts.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_overrides_the_method_is_known() {
        for name in verifier::cutover::METHOD_OVERRIDES {
            let name = HeaderName::from_static(name);
            assert!(matches!(meaning(&name), Meaning::MethodOverride), "{name}");
        }
    }

    fn parts(head: &[(&str, &str)], method: &str, uri: &str) -> Parts {
        let mut builder = http::Request::builder().method(method).uri(uri);
        for (name, value) in head {
            builder = builder.header(*name, *value);
        }
        builder
            .body(())
            .expect("the table holds valid heads")
            .into_parts()
            .0
    }

    #[test]
    fn a_request_is_a_write_unless_it_is_surely_a_read() {
        for (method, field, write) in [
            ("GET", None, false),
            ("HEAD", None, false),
            ("OPTIONS", None, false),
            ("get", None, true),
            ("Get", None, true),
            ("POST", None, true),
            ("PURGE", None, true),
            ("TRACE", None, true),
            ("GET", Some("X-HTTP-Method-Override"), true),
            ("GET", Some("x-http-method"), true),
            ("GET", Some("X-METHOD-OVERRIDE"), true),
        ] {
            let fields: Vec<_> = field.map(|name| (name, "DELETE")).into_iter().collect();
            let checked = check(&mut parts(&fields, method, "/"), "p").expect("a good request");
            assert_eq!(checked.write, write, "{method} {field:?}");
        }
    }

    #[test]
    fn fields_of_one_hop_stay_here_and_the_rest_passes() {
        let mut parts = parts(
            &[
                ("host", "a"),
                ("connection", "close, X-Mine , authorization"),
                ("connection", "x-other"),
                ("keep-alive", "timeout=5"),
                ("proxy-connection", "keep-alive"),
                ("te", "gzip"),
                ("upgrade", "h2c"),
                ("http2-settings", "AAMAAABkAAQAAP__"),
                ("x-mine", "1"),
                ("x-other", "1"),
                ("authorization", "Bearer t"),
                ("cookie", "a=1"),
                ("cookie", "b=2"),
                ("expect", "100-continue"),
                ("proxy-authorization", "Basic eA=="),
            ],
            "GET",
            "/",
        );
        check(&mut parts, "p").expect("a good request");
        let mut left: Vec<_> = parts.headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(
            left,
            ["authorization", "cookie", "host", "proxy-authorization"]
        );
        assert_eq!(parts.headers.get_all("cookie").iter().count(), 2);
    }

    #[test]
    fn an_absolute_target_gives_the_host_and_loses_nothing_of_its_path() {
        for (uri, path) in [
            ("http://real:81/a//../%2F?", "/a//../%2F?"),
            ("http://real:81", "/"),
            ("https://real:81/?q=1", "/?q=1"),
        ] {
            let mut parts = parts(&[("host", "other")], "GET", uri);
            check(&mut parts, "p").expect("a good request");
            assert_eq!(parts.uri.to_string(), path);
            assert_eq!(parts.headers["host"], "real:81");
        }
        for uri in ["ftp://real/", "http://me@real/", "*", "real:80"] {
            let refused = check(&mut parts(&[], "GET", uri), "p").expect_err("not served");
            assert_eq!(refused.status, 400, "{uri}");
        }
        assert!(check(&mut parts(&[], "OPTIONS", "*"), "p").is_ok());
    }

    #[test]
    fn a_request_that_passed_here_before_is_a_loop() {
        for (via, refused) in [
            ("1.1 other", false),
            ("1.1 other, 1.1 shadow-proxy-1", true),
        ] {
            let seen = check(&mut parts(&[("via", via)], "GET", "/"), "shadow-proxy-1");
            assert_eq!(
                seen.is_err_and(|refusal| refusal.status == 508),
                refused,
                "{via}"
            );
        }
    }

    #[test]
    fn only_an_upgrade_without_body_and_without_h2c_is_one() {
        let base = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
        ];
        for (more, upgrade) in [
            (None, true),
            (Some(("content-length", "0")), true),
            (Some(("content-length", "1")), false),
            (Some(("transfer-encoding", "chunked")), false),
            (Some(("upgrade", "h2c")), false),
        ] {
            let fields: Vec<_> = base.into_iter().chain(more).collect();
            let mut parts = parts(&fields, "GET", "/");
            let checked = check(&mut parts, "p").expect("a good request");
            assert_eq!(checked.upgrade, upgrade, "{more:?}");
            assert_eq!(parts.headers.contains_key("upgrade"), upgrade, "{more:?}");
        }
    }
}
