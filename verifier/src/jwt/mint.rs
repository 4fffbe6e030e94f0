#![deny(clippy::disallowed_methods)]
//! Making tokens, sound and hostile: whatever parts are asked for, signed with whatever is asked for.
//!
//! Nothing here checks anything. That is the point: a forged token must be able to hold any header,
//! any payload and any signature.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The hash beneath an HMAC
/// ([RFC 7518, section 3.2](https://www.rfc-editor.org/rfc/rfc7518#section-3.2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// As in `HS256`.
    Sha256,
    /// As in `HS384`.
    Sha384,
    /// As in `HS512`.
    Sha512,
    /// No registered algorithm: what a library of ten years ago may still take.
    Sha1,
}

impl Hash {
    fn algorithm(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        }
    }
}

/// Bytes as unpadded base64url
/// ([RFC 7515, section 2](https://www.rfc-editor.org/rfc/rfc7515#section-2)).
///
/// ```
/// # use verifier::jwt::mint::encode;
/// assert_eq!(encode(br#"{"alg":"none"}"#), "eyJhbGciOiJub25lIn0");
/// ```
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The signature over `input`, which is header and payload as they will be sent.
pub fn mac(hash: Hash, key: &[u8], input: &str) -> Vec<u8> {
    let key = hmac::Key::new(hash.algorithm(), key);
    hmac::sign(&key, input.as_bytes()).as_ref().to_vec()
}

/// Appends to `input`, which is header and payload as they will be sent, its signature.
pub fn seal(hash: Hash, key: &[u8], input: &str) -> String {
    format!("{input}.{}", encode(mac(hash, key, input)))
}

/// A compact JWS of these parts, signed with HMAC SHA-256 whatever its header says.
pub fn hs256(key: &[u8], header: &[u8], payload: &[u8]) -> String {
    let input = format!("{}.{}", encode(header), encode(payload));
    seal(Hash::Sha256, key, &input)
}
