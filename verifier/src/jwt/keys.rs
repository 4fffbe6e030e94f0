#![deny(clippy::disallowed_methods)]
//! Which key a service really signs with: the secret as given, or one of the ways in which secrets go
//! wrong between a vault, a manifest and a process.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::hs256;

/// A key and how it comes of the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Derived {
    /// `the secret as given`, `the secret with a newline at its end`, …
    pub how: &'static str,
    /// The key.
    pub key: Vec<u8>,
}

/// The key that verifies `token`, looked for among the secret's usual misreadings; `None` when it is
/// none of them, or the token is not signed with HS256 at all.
pub fn find(token: &str, secret: &[u8]) -> Option<Derived> {
    let fits = |derived: &Derived| hs256::verify(token, &derived.key).is_ok();
    candidates(secret).into_iter().find(fits)
}

fn candidates(secret: &[u8]) -> Vec<Derived> {
    let mut all = Vec::new();
    let mut add = |how, key: Vec<u8>| all.push(Derived { how, key });
    let with = |end: &str| [secret, end.as_bytes()].concat();
    let trimmed = secret.trim_ascii();
    add("the secret as given", secret.to_vec());
    add("the secret without the blanks around it", trimmed.to_vec());
    add("the secret with a newline at its end", with("\n"));
    add(
        "the secret with a carriage return and newline at its end",
        with("\r\n"),
    );
    add("the secret with a blank at its end", with(" "));
    for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
        if let Ok(decoded) = engine.decode(trimmed) {
            add("the secret decoded from base64", decoded);
        }
    }
    // What Java's lenient decoder makes of a text with characters outside the alphabet.
    let known: Vec<u8> = trimmed
        .iter()
        .copied()
        .filter(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte))
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
        .collect();
    if let Ok(decoded) = lenient().decode(&known) {
        add("the secret decoded leniently from base64", decoded);
    }
    if let Some(decoded) = hex(trimmed) {
        add("the secret decoded from hexadecimal", decoded);
    }
    add(
        "the secret encoded in base64",
        STANDARD.encode(secret).into_bytes(),
    );
    add(
        "the secret, with a newline at its end, encoded in base64",
        STANDARD.encode(with("\n")).into_bytes(),
    );
    add(
        "the secret in quotation marks",
        [b"\"", trimmed, b"\""].concat(),
    );
    for bytes in [16, 24, 32, 48, 64] {
        if let Some(cut) = secret.get(..bytes) {
            add("the first bytes of the secret", cut.to_vec());
        }
    }
    add("an empty key", Vec::new());
    all
}

fn lenient() -> base64::engine::GeneralPurpose {
    use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
    GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent),
    )
}

fn hex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let digits: Vec<u8> = text.iter().map(digit).collect::<Option<_>>()?;
    (digits.len().is_multiple_of(2) && !digits.is_empty()).then(|| {
        digits
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::mint;

    #[test]
    fn a_misread_secret_is_recognised_by_how_it_was_misread() {
        let secret = b"3q2+7w0123456789abcdefABCDEF+/==";
        for (key, expected) in [
            (secret.to_vec(), Some("the secret as given")),
            (
                [&secret[..], b"\n"].concat(),
                Some("the secret with a newline at its end"),
            ),
            (STANDARD_NO_PAD.encode(secret).into_bytes(), None),
            (
                STANDARD.encode(secret).into_bytes(),
                Some("the secret encoded in base64"),
            ),
            (
                b"\"3q2+7w0123456789abcdefABCDEF+/==\"".to_vec(),
                Some("the secret in quotation marks"),
            ),
            (secret[..24].to_vec(), Some("the first bytes of the secret")),
            (b"elsewhere".to_vec(), None),
        ] {
            let token = mint::hs256(&key, br#"{"alg":"HS256"}"#, b"{}");
            assert_eq!(find(&token, secret).map(|derived| derived.how), expected);
        }
        let token = mint::hs256(&[0xde, 0xad], br#"{"alg":"HS256"}"#, b"{}");
        let how = |secret: &[u8]| find(&token, secret).map(|derived| derived.how);
        assert_eq!(how(b"dead\n"), Some("the secret decoded from hexadecimal"));
        assert_eq!(how(b"3q0="), Some("the secret decoded from base64"));
        assert_eq!(how(b"3q0\n"), Some("the secret decoded from base64"));
        assert_eq!(how(b"3-q-0"), None);
    }
}
