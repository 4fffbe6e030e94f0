//! Tokens that choose their own algorithm
//! ([RFC 8725, sections 2.1 and 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-2.1)), and headers
//! that ask for more than a signature.

use super::{Forge, Must};
use crate::jwt::mint::{self, Hash};

impl Forge<'_> {
    pub(super) fn algorithms(&mut self) {
        self.other_hashes();
        self.none();
        self.spellings();
        self.confusion();
        self.critical();
        self.header_keys();
        self.header_types();
    }

    /// HMAC, but not SHA-256: each hash under each name.
    fn other_hashes(&mut self) {
        let payload = self.payload();
        for (name, algorithm, hash) in [
            ("alg-hs384", "HS384", Hash::Sha384),
            ("alg-hs512", "HS512", Hash::Sha512),
            ("alg-hs1", "HS1", Hash::Sha1),
            ("alg-hs384-by-sha256", "HS384", Hash::Sha256),
            ("alg-hs512-by-sha256", "HS512", Hash::Sha256),
            ("alg-hs256-by-sha384", "HS256", Hash::Sha384),
            ("alg-hs256-by-sha512", "HS256", Hash::Sha512),
            ("alg-hs256-by-sha1", "HS256", Hash::Sha1),
        ] {
            let header = self.base.header.with("alg", format!("\"{algorithm}\""));
            let header = mint::encode(header.text());
            self.sealed("alg-hmac", name, Must::Refuse, hash, &header, &payload);
        }
    }

    /// No signature at all, in every spelling that ever passed somewhere.
    fn none(&mut self) {
        let payload = self.payload();
        let encoded = |text: &str| mint::encode(text);
        for (name, algorithm) in [
            ("alg-none", r#""none""#),
            ("alg-none-title", r#""None""#),
            ("alg-none-upper", r#""NONE""#),
            ("alg-none-mixed", r#""nOnE""#),
            ("alg-none-blank-after", r#""none ""#),
            ("alg-none-escaped", r#""\u006eone""#),
            ("alg-empty", r#""""#),
            ("alg-null", "null"),
            ("alg-false", "false"),
            ("alg-zero", "0"),
        ] {
            let header = encoded(&self.base.header.with("alg", algorithm).text());
            self.push(
                "alg-none",
                name,
                Must::Refuse,
                &format!("{header}.{payload}."),
            );
        }
        let header = encoded(&self.base.header.with("alg", "\"none\"").text());
        self.push(
            "alg-none",
            "alg-none-two-parts",
            Must::Refuse,
            &format!("{header}.{payload}"),
        );
        let missing = encoded(&self.base.header.without("alg").text());
        self.push(
            "alg-none",
            "alg-missing",
            Must::Refuse,
            &format!("{missing}.{payload}."),
        );
        if let Some((_, signature)) = self.base.genuine.rsplit_once('.') {
            let token = format!("{header}.{payload}.{signature}");
            self.push("alg-none", "alg-none-old-signature", Must::Refuse, &token);
        }
        self.sealed(
            "alg-none",
            "alg-none-signed",
            Must::Refuse,
            Hash::Sha256,
            &header,
            &payload,
        );
        self.sealed(
            "alg-none",
            "alg-missing-signed",
            Must::Refuse,
            Hash::Sha256,
            &missing,
            &payload,
        );
    }

    /// Nearly the right name over the right signature.
    fn spellings(&mut self) {
        let payload = self.payload();
        for (name, algorithm) in [
            ("alg-lower", r#""hs256""#),
            ("alg-title", r#""Hs256""#),
            ("alg-blank-after", r#""HS256 ""#),
            ("alg-blank-before", r#"" HS256""#),
            ("alg-dash", r#""HS-256""#),
            ("alg-nul", r#""HS256\u0000""#),
            ("alg-java-name", r#""HmacSHA256""#),
            ("alg-list", r#"["HS256"]"#),
            ("alg-object", r#"{"HS256":true}"#),
            ("alg-number", "256"),
        ] {
            let header = mint::encode(self.base.header.with("alg", algorithm).text());
            self.sealed(
                "alg-spelling",
                name,
                Must::Refuse,
                Hash::Sha256,
                &header,
                &payload,
            );
        }
    }

    /// Names of public key and key wrapping algorithms, over an HMAC of the shared key.
    fn confusion(&mut self) {
        let payload = self.payload();
        for (name, algorithm) in [
            ("alg-rs256", "RS256"),
            ("alg-rs512", "RS512"),
            ("alg-ps256", "PS256"),
            ("alg-es256", "ES256"),
            ("alg-es512", "ES512"),
            ("alg-eddsa", "EdDSA"),
            ("alg-dir", "dir"),
            ("alg-a256kw", "A256KW"),
        ] {
            let header = self.base.header.with("alg", format!("\"{algorithm}\""));
            let header = mint::encode(header.text());
            self.sealed(
                "alg-confusion",
                name,
                Must::Refuse,
                Hash::Sha256,
                &header,
                &payload,
            );
        }
    }

    /// Extensions that must be understood or refused
    /// ([RFC 7515, section 4.1.11](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11)).
    fn critical(&mut self) {
        let claims = self.claims.clone();
        for (name, critical) in [
            ("crit-unknown", r#"["urn:example:must"]"#),
            ("crit-exp", r#"["exp"]"#),
            ("crit-empty", "[]"),
            ("crit-text", r#""exp""#),
            ("crit-null", "null"),
        ] {
            let header = self.base.header.with("crit", critical);
            self.signed("crit", name, Must::Refuse, &header, &claims);
        }
        let header = self
            .base
            .header
            .with("b64", "false")
            .with("crit", r#"["b64"]"#);
        self.signed("crit", "crit-b64", Must::Refuse, &header, &claims);
    }

    /// Keys that a token brings along or points at
    /// ([RFC 8725, section 3.10](https://www.rfc-editor.org/rfc/rfc8725#section-3.10)).
    fn header_keys(&mut self) {
        let own = b"a key that only the forger knows, 40 by.";
        let header = self.base.header.clone();
        let key = mint::encode(own);
        let set = |members: &[(&str, String)]| {
            members
                .iter()
                .fold(header.clone(), |header, (name, value)| {
                    header.with(name, value)
                })
        };
        let jwk = format!(r#"{{"kty":"oct","k":"{key}"}}"#);
        for (name, header, key) in [
            ("key-in-jwk", set(&[("jwk", jwk.clone())]), &own[..]),
            (
                "key-in-jwk-list",
                set(&[("jwks", format!("{{\"keys\":[{jwk}]}}"))]),
                own,
            ),
            ("key-in-kid", set(&[("kid", format!("\"{key}\""))]), own),
            (
                "key-by-jku",
                set(&[("jku", "\"http://127.0.0.1:9/jwks.json\"".to_owned())]),
                own,
            ),
            (
                "key-by-x5u",
                set(&[("x5u", "\"http://127.0.0.1:9/cert.pem\"".to_owned())]),
                own,
            ),
            (
                "key-in-x5c",
                set(&[("x5c", "[\"MIIB\"]".to_owned())]),
                b"MIIB",
            ),
            (
                "kid-dev-null",
                set(&[("kid", "\"../../../../../../dev/null\"".to_owned())]),
                b"",
            ),
            (
                "kid-sql",
                set(&[("kid", "\"x' UNION SELECT 'key'-- \"".to_owned())]),
                b"key",
            ),
            (
                "kid-command",
                set(&[("kid", "\"|echo key\"".to_owned())]),
                b"key",
            ),
        ] {
            let token = mint::hs256(key, header.text().as_bytes(), self.claims.text().as_bytes());
            self.push("header-key", name, Must::Refuse, &token);
        }
        let claims = self.claims.clone();
        for (name, value) in [
            ("kid-unknown", "\"no-such-key\""),
            ("kid-path", "\"../../../../etc/passwd\""),
            ("kid-sql-true-key", "\"1' OR '1'='1\""),
            ("kid-number", "1"),
        ] {
            self.signed(
                "kid",
                name,
                Must::Agree,
                &header.with("kid", value),
                &claims,
            );
        }
        self.signed(
            "kid",
            "jku-true-key",
            Must::Agree,
            &header.with("jku", "\"http://127.0.0.1:9/jwks.json\""),
            &claims,
        );
    }

    /// Other header fields over a true signature.
    fn header_types(&mut self) {
        let claims = self.claims.clone();
        let header = self.base.header.clone();
        for (name, field, value) in [
            ("typ-access-token", "typ", "\"at+jwt\""),
            ("typ-encrypted", "typ", "\"JWE\""),
            ("typ-lower", "typ", "\"jwt\""),
            ("typ-number", "typ", "1"),
            ("cty-nested", "cty", "\"JWT\""),
            ("zip-deflate", "zip", "\"DEF\""),
        ] {
            self.signed(
                "typ",
                name,
                Must::Agree,
                &header.with(field, value),
                &claims,
            );
        }
        for (name, first, last, must) in [
            (
                "duplicate-alg-last-none",
                "\"HS256\"",
                "\"none\"",
                Must::Refuse,
            ),
            (
                "duplicate-alg-last-true",
                "\"none\"",
                "\"HS256\"",
                Must::Agree,
            ),
        ] {
            let header = header.with("alg", first).and("alg", last);
            self.signed("duplicate-header", name, must, &header, &claims);
        }
    }
}
