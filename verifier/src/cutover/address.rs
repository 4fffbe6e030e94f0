//! Addresses of services: scheme, host and port, nothing that could be a password.
#![deny(clippy::disallowed_methods)]

use super::ConfigError;

/// An address as it may be shown: what stands before `@` could be a password.
pub fn without_user(address: &str) -> String {
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address[start..]
        .find('/')
        .map_or(address.len(), |at| start + at);
    match address[start..end].rfind('@') {
        Some(at) => format!("{}***{}", &address[..start], &address[start + at..]),
        None => address.to_owned(),
    }
}

/// Scheme, host and port of a service's base address. A path, query or user information is refused:
/// the proxy passes targets on unchanged.
pub fn parse_address(
    side: &'static str,
    address: Option<&str>,
) -> Result<(bool, String, u16), ConfigError> {
    let address = address.ok_or(ConfigError::NoAddress { side })?;
    let bad = || ConfigError::Address {
        side,
        address: without_user(address),
    };
    let uri: http::Uri = address.parse().map_err(|_not_a_uri| bad())?;
    let tls = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err(bad()),
    };
    let authority = uri.authority().ok_or_else(bad)?;
    let plain = uri.path_and_query().is_none_or(|rest| rest.as_str() == "/");
    if !plain || authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(bad());
    }
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
    Ok((tls, host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_scheme_host_and_port_and_nothing_more() {
        for (address, expected) in [
            ("http://127.0.0.1:8081", Some((false, "127.0.0.1", 8081))),
            ("http://api-legacy/", Some((false, "api-legacy", 80))),
            ("https://[::1]", Some((true, "::1", 443))),
            ("http://me:secret@a", None),
            ("http://a/base", None),
            ("http://a/?q", None),
            ("ftp://a", None),
            ("127.0.0.1:80", None),
            ("", None),
        ] {
            let parsed = parse_address("core", Some(address));
            let shown = parsed
                .as_ref()
                .ok()
                .map(|(tls, host, port)| (*tls, host.as_str(), *port));
            assert_eq!(shown, expected, "{address}");
            if let Err(error) = parsed {
                assert!(!error.to_string().contains("secret"), "{error}");
            }
        }
    }
}
