//! Which users are shadowed: the same ones on every proxy and after every restart.
#![deny(clippy::disallowed_methods)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName};

/// Share of users, in hundredths of a percent: `0..=10_000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u16);

impl Share {
    /// Everyone.
    pub const ALL: Self = Self(10_000);

    /// Nobody.
    pub const NONE: Self = Self(0);

    /// Returns `None` outside `0.0..=100.0`.
    pub fn from_percent(percent: f64) -> Option<Self> {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked: 0 to 10,000
        (0.0..=100.0)
            .contains(&percent)
            .then(|| Self((percent * 100.0).round() as u16))
    }

    /// Whether everyone is in the sample, so that nobody need be asked for.
    pub fn is_all(self) -> bool {
        self == Self::ALL
    }

    /// Whether the user with this key is in the sample. Growing the share keeps those who were in.
    pub fn holds(self, user: &[u8]) -> bool {
        hash(user) % 10_000 < u64::from(self.0)
    }
}

/// What tells one user from another: the chosen header; else the subject of the bearer token; else
/// `address`, the client's address. The token is not verified: a forged one only moves its bearer
/// into or out of the sample.
pub fn user<'a>(headers: &'a HeaderMap, chosen: Option<&HeaderName>, address: &'a [u8]) -> Vec<u8> {
    if let Some(value) = chosen.and_then(|name| headers.get(name)) {
        return value.as_bytes().to_vec();
    }
    headers
        .get(AUTHORIZATION)
        .and_then(|value| subject(value.as_bytes()))
        .unwrap_or_else(|| address.to_vec())
}

/// The `sub` claim of a bearer token (RFC 7519, section 4.1.2).
fn subject(authorization: &[u8]) -> Option<Vec<u8>> {
    Some(match claims(authorization)?.get("sub")? {
        serde_json::Value::String(sub) => sub.as_bytes().to_vec(),
        other => other.to_string().into_bytes(),
    })
}

/// The claims of a bearer token (RFC 7519, section 3), not verified.
pub(crate) fn claims(authorization: &[u8]) -> Option<serde_json::Value> {
    let (scheme, token) = authorization.split_at_checked(7)?;
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return None;
    }
    let payload = token.split(|&byte| byte == b'.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// FNV-1a with a final mix (from `MurmurHash3`), so that neighbouring ids spread evenly.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn bearer(payload: &str) -> HeaderMap {
        let token = format!("Bearer e30.{}.x", URL_SAFE_NO_PAD.encode(payload));
        let value = HeaderValue::from_str(&token).expect("letters only");
        HeaderMap::from_iter([(AUTHORIZATION, value)])
    }

    #[test]
    fn a_user_is_known_by_header_then_token_then_address() {
        let tenant = HeaderName::from_static("x-user");
        let mut headers = bearer(r#"{"sub":"42","exp":1}"#);
        assert_eq!(user(&headers, Some(&tenant), b"ip"), b"42");
        headers.insert(tenant.clone(), HeaderValue::from_static("me"));
        assert_eq!(user(&headers, Some(&tenant), b"ip"), b"me");
        assert_eq!(user(&bearer(r#"{"sub":42}"#), None, b"ip"), b"42");
        assert_eq!(user(&bearer("not json"), None, b"ip"), b"ip");
        assert_eq!(user(&HeaderMap::new(), None, b"ip"), b"ip");
        let basic =
            HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static("Basi: x.y.z"))]);
        assert_eq!(user(&basic, None, b"ip"), b"ip");
    }

    #[test]
    fn the_sample_has_the_size_asked_for_and_only_grows() {
        let users: Vec<_> = (0..20_000)
            .map(|id: u32| id.to_string().into_bytes())
            .collect();
        let count = |percent| {
            let share = Share::from_percent(percent).expect("in range");
            users.iter().filter(|user| share.holds(user)).count()
        };
        assert_eq!((count(0.0), count(100.0)), (0, 20_000));
        assert!((1_800..2_200).contains(&count(10.0)), "{}", count(10.0));
        assert!((80..320).contains(&count(1.0)), "{}", count(1.0));
        let (ten, fifty) = (Share(1_000), Share(5_000));
        assert!(
            users
                .iter()
                .all(|user| !ten.holds(user) || fifty.holds(user))
        );
        assert_eq!(Share::from_percent(100.1), None);
        assert_eq!(Share::from_percent(f64::NAN), None);
    }
}
