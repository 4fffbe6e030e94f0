#![deny(clippy::disallowed_methods)]
//! Reading tokens without trusting them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::json::{Document, JsonType};

/// Header and payload of a compact JWS (RFC 7515, section 7.1), decoded but not verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Parts {
    /// JSON text of the header.
    pub header: Vec<u8>,
    /// JSON text of the claims.
    pub payload: Vec<u8>,
}

/// Splits and decodes `token`; `None` when it is not three parts of base64url.
pub fn parts(token: &str) -> Option<Parts> {
    let mut parts = token.split('.');
    let (header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some(Parts {
        header: URL_SAFE_NO_PAD.decode(header).ok()?,
        payload: URL_SAFE_NO_PAD.decode(payload).ok()?,
    })
}

/// The time from `iat` to `exp` (RFC 7519, sections 4.1.4 and 4.1.6); `None` when either is
/// missing, no number, or in the wrong order.
pub fn life(token: &str) -> Option<Duration> {
    let parts = parts(token)?;
    let payload = Document::parse(&parts.payload).ok()?;
    let seconds = |name: &str| {
        let node = payload.root().get(name)?;
        (node.kind() == JsonType::Number)
            .then(|| node.raw().parse::<f64>().ok())
            .flatten()
    };
    Duration::try_from_secs_f64(seconds("exp")? - seconds("iat")?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> String {
        format!(
            "{}.{}.c2ln",
            URL_SAFE_NO_PAD.encode("{}"),
            URL_SAFE_NO_PAD.encode(payload)
        )
    }

    #[test]
    fn life_is_measured_between_the_claims() {
        for (payload, life_s) in [
            (r#"{"iat":100,"exp":3700}"#, Some(3600)),
            (r#"{"exp":3700}"#, None),
            (r#"{"iat":"100","exp":3700}"#, None),
            (r#"{"iat":200,"exp":100}"#, None),
            ("x", None),
        ] {
            assert_eq!(
                life(&token(payload)),
                life_s.map(Duration::from_secs),
                "{payload}"
            );
        }
        assert_eq!(life("a.b"), None);
    }
}
