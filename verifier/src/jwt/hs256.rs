#![deny(clippy::disallowed_methods)]
//! Verifying a compact JWS under HS256, and nothing but HS256.
//!
//! The algorithm is this module's, never the token's: a header that names another one is refused
//! before its signature is looked at ([RFC 8725, section
//! 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)). The message authentication code is
//! compared in constant time. What a payload says is judged apart, by [`Times`].

use std::collections::BTreeSet;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::json::{Decimal, Document, JsonType};

/// Header and payload of a token whose signature holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Verified {
    /// JSON text of the header.
    pub header: Vec<u8>,
    /// The payload; any bytes.
    pub payload: Vec<u8>,
}

/// One of the three parts of a compact JWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Before the first dot.
    Header,
    /// Between the dots.
    Payload,
    /// After the second dot.
    Signature,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Signature => "signature",
        })
    }
}

/// Why a token is refused. Names no content of the token, which may be a live one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not `header.payload.signature`; the JSON serialisation and encrypted tokens end here.
    #[error("not three parts joined by dots")]
    Parts,
    /// Padding, blanks, characters of other alphabets, or bits set beyond the last byte
    /// ([RFC 7515, section 2](https://www.rfc-editor.org/rfc/rfc7515#section-2);
    /// [RFC 4648, section 3.5](https://www.rfc-editor.org/rfc/rfc4648#section-3.5)).
    #[error("the {0} is not canonical base64url")]
    Encoding(Part),
    /// The header is no JSON object.
    #[error("the header is no JSON object")]
    Header,
    /// A header field is there twice
    /// ([RFC 7515, section 4](https://www.rfc-editor.org/rfc/rfc7515#section-4)).
    #[error("the header names a field twice")]
    DuplicateField,
    /// Something else than exactly `HS256`.
    #[error("the header's `alg` is not exactly `HS256`")]
    Algorithm,
    /// An extension that must be understood, and none is
    /// ([RFC 7515, section 4.1.11](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11)).
    #[error("the header has `crit`")]
    Critical,
    /// Signed with another key, or altered.
    #[error("the signature does not hold")]
    Signature,
}

/// Checks form, header and signature of `token` under `key`; the payload is not interpreted.
///
/// ```
/// # use verifier::jwt::hs256::{Refusal, verify};
/// let unsigned = "eyJhbGciOiJub25lIn0.e30.";
/// assert_eq!(verify(unsigned, b"key").err(), Some(Refusal::Algorithm));
/// ```
pub fn verify(token: &str, key: &[u8]) -> Result<Verified, Refusal> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Parts)?;
    let (header, payload) = signed.split_once('.').ok_or(Refusal::Parts)?;
    if payload.contains('.') {
        return Err(Refusal::Parts);
    }
    let decode = |text: &str, part| {
        let decoded = URL_SAFE_NO_PAD.decode(text);
        decoded.map_err(|_| Refusal::Encoding(part))
    };
    let header = decode(header, Part::Header)?;
    let payload = decode(payload, Part::Payload)?;
    let signature = decode(signature, Part::Signature)?;
    judge_header(&header)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::verify(&key, signed.as_bytes(), &signature).map_err(|_| Refusal::Signature)?;
    Ok(Verified { header, payload })
}

fn judge_header(header: &[u8]) -> Result<(), Refusal> {
    let document = Document::parse(header).map_err(|_| Refusal::Header)?;
    let root = document.root();
    if root.kind() != JsonType::Object {
        return Err(Refusal::Header);
    }
    let mut names = BTreeSet::new();
    for (name, _) in root.members() {
        if !names.insert(name.as_str().into_owned()) {
            return Err(Refusal::DuplicateField);
        }
    }
    let algorithm = root.get("alg").ok_or(Refusal::Algorithm)?;
    if algorithm.kind() != JsonType::String || algorithm.as_str() != "HS256" {
        return Err(Refusal::Algorithm);
    }
    if names.contains("crit") {
        return Err(Refusal::Critical);
    }
    Ok(())
}

/// Why the claims of a token refuse it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untimely {
    /// The payload is no JSON object, or a claim is there twice.
    #[error("the payload is no JSON object with distinct names")]
    Payload,
    /// Without end.
    #[error("there is no `exp`")]
    NoExpiry,
    /// A time that is no number
    /// ([RFC 7519, section 2](https://www.rfc-editor.org/rfc/rfc7519#section-2), `NumericDate`).
    #[error("a time claim is no number")]
    NotATime,
    /// `exp` is now or earlier: on that second the token must not be accepted
    /// ([RFC 7519, section 4.1.4](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4)).
    #[error("expired")]
    Expired,
    /// `nbf` is later than now.
    #[error("not valid yet")]
    TooEarly,
}

/// How times are judged: at which second, and how far off a clock may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Seconds since 1970.
    pub now_s: i64,
    /// Seconds by which a token may be late or early.
    pub leeway_s: u32,
}

impl Times {
    /// Judges `exp` (which must be there) and `nbf` of a payload.
    pub fn judge(self, payload: &[u8]) -> Result<(), Untimely> {
        let document = Document::parse(payload).map_err(|_| Untimely::Payload)?;
        let root = document.root();
        let mut names = BTreeSet::new();
        if root.kind() != JsonType::Object
            || !root
                .members()
                .all(|(name, _)| names.insert(name.as_str().into_owned()))
        {
            return Err(Untimely::Payload);
        }
        let leeway = i128::from(self.leeway_s);
        let now = i128::from(self.now_s);
        let expiry = root.get("exp").ok_or(Untimely::NoExpiry)?;
        if !is_after(expiry.decimal(), now - leeway)? {
            return Err(Untimely::Expired);
        }
        if let Some(not_before) = root.get("nbf")
            && is_after(not_before.decimal(), now + leeway)?
        {
            return Err(Untimely::TooEarly);
        }
        Ok(())
    }
}

/// Whether a time lies after the second `limit_s`, exactly: fractions and numbers of any size count.
fn is_after(time: Option<Decimal<'_>>, limit_s: i128) -> Result<bool, Untimely> {
    let time = time.ok_or(Untimely::NotATime)?;
    let limit = limit_s.to_string();
    Ok(Decimal::parse(&limit).is_some_and(|limit| time > limit))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::jwt::mint;

    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn signed(header: &[u8], payload: &[u8]) -> String {
        mint::hs256(KEY, header, payload)
    }

    fn check(token: &str, expected: Result<(), Refusal>) {
        assert_eq!(verify(token, KEY).map(|_| ()), expected, "{token}");
    }

    #[test]
    fn the_token_of_rfc_7515_appendix_a_1_holds() {
        let key = URL_SAFE_NO_PAD
            .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
            .expect("the RFC's key is base64url");
        let token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                     eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
                     dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(verify(token, &key).is_ok());
        assert_eq!(verify(token, KEY).err(), Some(Refusal::Signature));
    }

    #[test]
    fn the_header_is_judged_before_the_signature() {
        for (header, expected) in [
            (r#"{"alg":"HS256"}"#, Ok(())),
            (r#" {"typ":"JWT", "alg":"\u0048S256"} "#, Ok(())),
            (r#"{"alg":"HS256","kid":"../../etc/passwd"}"#, Ok(())),
            (r#"{"alg":"hs256"}"#, Err(Refusal::Algorithm)),
            (r#"{"alg":"HS256 "}"#, Err(Refusal::Algorithm)),
            (r#"{"alg":"HS512"}"#, Err(Refusal::Algorithm)),
            (r#"{"alg":"none"}"#, Err(Refusal::Algorithm)),
            (r#"{"alg":["HS256"]}"#, Err(Refusal::Algorithm)),
            (r#"{"alg":null}"#, Err(Refusal::Algorithm)),
            (r#"{"typ":"JWT"}"#, Err(Refusal::Algorithm)),
            (r#"{"alg":"HS256","crit":["exp"]}"#, Err(Refusal::Critical)),
            (r#"{"alg":"HS256","crit":[]}"#, Err(Refusal::Critical)),
            (r#"{"alg":"HS256","crit":null}"#, Err(Refusal::Critical)),
            (
                r#"{"alg":"none","alg":"HS256"}"#,
                Err(Refusal::DuplicateField),
            ),
            (
                r#"{"alg":"HS256","\u0061lg":"HS256"}"#,
                Err(Refusal::DuplicateField),
            ),
            (
                r#"{"alg":"HS256","kid":1,"kid":1}"#,
                Err(Refusal::DuplicateField),
            ),
            (r#"["HS256"]"#, Err(Refusal::Header)),
            (r#"{"alg":"HS256"}x"#, Err(Refusal::Header)),
            ("", Err(Refusal::Header)),
            ("\u{feff}{\"alg\":\"HS256\"}", Err(Refusal::Header)),
        ] {
            check(&signed(header.as_bytes(), b"{}"), expected);
        }
        check(
            &signed(b"{\"alg\":\"HS256\",\"x\":\"\xff\"}", b"{}"),
            Err(Refusal::Header),
        );
    }

    #[test]
    fn the_payload_may_be_any_bytes() {
        for payload in [&b""[..], b"not json", b"\xff\x00", b"{\"exp\":1}"] {
            check(&signed(br#"{"alg":"HS256"}"#, payload), Ok(()));
        }
    }

    #[test]
    fn only_canonical_base64url_in_three_parts_is_read() {
        let token = signed(br#"{"alg":"HS256"}"#, b"{}");
        let (input, signature) = token.rsplit_once('.').expect("three parts");
        let (header, payload) = input.split_once('.').expect("three parts");
        check(&token, Ok(()));
        // A MAC of 32 bytes leaves two bits of the last character unused.
        let stray = |last: char| {
            let kept = &signature[..signature.len() - 1];
            format!("{input}.{kept}{last}")
        };
        let last = signature.chars().last().expect("43 characters");
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let at = alphabet.find(last).expect("a character of the alphabet");
        let beside = alphabet.as_bytes()[at + 1] as char;
        check(&stray(beside), Err(Refusal::Encoding(Part::Signature)));
        for (token, part) in [
            (format!("{header}=.{payload}.{signature}"), Part::Header),
            (format!(" {token}"), Part::Header),
            (format!("{header}.{payload}=.{signature}"), Part::Payload),
            (format!("{header}.{payload}\n.{signature}"), Part::Payload),
            (format!("{token}="), Part::Signature),
            (format!("{token} "), Part::Signature),
            (format!("{token}\n"), Part::Signature),
            (format!("{header}.{payload}.+/{signature}"), Part::Signature),
            (format!("{token}가"), Part::Signature),
        ] {
            check(&token, Err(Refusal::Encoding(part)));
        }
        for token in ["", "a", "a.b", "a.b.c.d", "a.b.c.d.e", "{\"payload\":\"\"}"] {
            check(token, Err(Refusal::Parts));
        }
        check(&format!("{input}."), Err(Refusal::Signature));
        check(
            &format!("{input}.{}", &signature[..40]),
            Err(Refusal::Signature),
        );
    }

    #[test]
    fn times_hold_to_the_second_and_leeway_moves_both_edges() {
        let huge = format!(r#"{{"exp":1{}}}"#, "0".repeat(400));
        for (payload, leeway_s, expected) in [
            (r#"{"exp":101}"#, 0, Ok(())),
            (r#"{"exp":100}"#, 0, Err(Untimely::Expired)),
            (r#"{"exp":100.5}"#, 0, Ok(())),
            (r#"{"exp":1.01e2}"#, 0, Ok(())),
            (r#"{"exp":41}"#, 60, Ok(())),
            (r#"{"exp":40}"#, 60, Err(Untimely::Expired)),
            (r#"{"exp":-1}"#, 0, Err(Untimely::Expired)),
            (&huge, 0, Ok(())),
            (r#"{"exp":"101"}"#, 0, Err(Untimely::NotATime)),
            (r#"{"exp":null}"#, 0, Err(Untimely::NotATime)),
            ("{}", 0, Err(Untimely::NoExpiry)),
            (r#"{"exp":101,"nbf":100}"#, 0, Ok(())),
            (r#"{"exp":101,"nbf":101}"#, 0, Err(Untimely::TooEarly)),
            (r#"{"exp":101,"nbf":160}"#, 60, Ok(())),
            (r#"{"exp":101,"nbf":161}"#, 60, Err(Untimely::TooEarly)),
            (r#"{"exp":101,"nbf":"0"}"#, 0, Err(Untimely::NotATime)),
            (r#"{"exp":1,"exp":101}"#, 0, Err(Untimely::Payload)),
            ("[]", 0, Err(Untimely::Payload)),
            ("", 0, Err(Untimely::Payload)),
        ] {
            let times = Times {
                now_s: 100,
                leeway_s,
            };
            assert_eq!(times.judge(payload.as_bytes()), expected, "{payload}");
        }
    }

    fn holds_for_another_library(token: &str, key: &[u8]) -> bool {
        let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        rules.validate_aud = false;
        let key = jsonwebtoken::DecodingKey::from_secret(key);
        jsonwebtoken::decode::<serde_json::Value>(token, &key, &rules).is_ok()
    }

    proptest! {
        #[test]
        fn what_is_minted_holds_and_reads_back(
            key in vec(any::<u8>(), 0..80),
            payload in vec(any::<u8>(), 0..200),
        ) {
            let header = br#"{"alg":"HS256","typ":"JWT"}"#;
            let verified = verify(&mint::hs256(&key, header, &payload), &key).expect("just minted");
            prop_assert_eq!(verified.header, header);
            prop_assert_eq!(verified.payload, payload);
        }

        #[test]
        fn another_library_agrees(key in vec(any::<u8>(), 1..80), subject in "\\PC{0,20}") {
            let claims = serde_json::json!({"sub": subject, "exp": 4_102_444_800_u64});
            let own = mint::hs256(&key, br#"{"alg":"HS256"}"#, claims.to_string().as_bytes());
            prop_assert!(holds_for_another_library(&own, &key));
            let theirs = jsonwebtoken::encode(
                &jsonwebtoken::Header::default(),
                &claims,
                &jsonwebtoken::EncodingKey::from_secret(&key),
            ).expect("a key and claims that can be signed");
            prop_assert!(verify(&theirs, &key).is_ok());
        }

        #[test]
        fn one_bit_flipped_in_the_bytes_of_any_part_is_refused(
            subject in "[a-z]{0,30}", part in 0_usize..3, at in any::<Index>(), bit in 0_u8..8,
        ) {
            let payload = format!(r#"{{"sub":"{subject}"}}"#);
            let token = mint::hs256(KEY, br#"{"alg":"HS256","typ":"JWT"}"#, payload.as_bytes());
            let mut parts: Vec<Vec<u8>> = token
                .split('.')
                .map(|part| URL_SAFE_NO_PAD.decode(part).expect("just encoded"))
                .collect();
            let at = at.index(parts[part].len());
            parts[part][at] ^= 1 << bit;
            let parts: Vec<String> = parts.iter().map(mint::encode).collect();
            prop_assert!(verify(&parts.join("."), KEY).is_err());
        }

        #[test]
        fn one_bit_flipped_in_the_text_is_refused(at in any::<Index>(), bit in 0_u8..7) {
            let mut token = mint::hs256(KEY, br#"{"alg":"HS256"}"#, br#"{"sub":"1"}"#).into_bytes();
            let at = at.index(token.len());
            token[at] ^= 1 << bit;
            let token = String::from_utf8(token).expect("seven bits each");
            prop_assert!(verify(&token, KEY).is_err());
        }

        #[test]
        fn any_text_is_answered(token in "\\PC{0,60}", key in vec(any::<u8>(), 0..40)) {
            prop_assert!(verify(&token, &key).is_err());
        }
    }
}
