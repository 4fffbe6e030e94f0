//! Tokens that are not written as a compact JWS is: other parts, other alphabets, other texts
//! ([RFC 7515, sections 2 and 7](https://www.rfc-editor.org/rfc/rfc7515#section-2)).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

use super::{Forge, Must};
use crate::jwt::mint::{self, Hash};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Forge<'_> {
    pub(super) fn forms(&mut self) {
        self.parts();
        self.encodings();
        self.texts();
        self.sizes();
    }

    fn parts(&mut self) {
        let genuine = self.base.genuine.clone();
        let parts: Vec<&str> = genuine.split('.').collect();
        let [header, payload, signature] = parts.as_slice() else {
            return;
        };
        let json = |general: bool| {
            let text = if general {
                format!(
                    r#"{{"payload":"{payload}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#
                )
            } else {
                format!(
                    r#"{{"payload":"{payload}","protected":"{header}","signature":"{signature}"}}"#
                )
            };
            (text.clone(), mint::encode(text))
        };
        let wrapped = mint::encode(&genuine);
        let (flat, flat_encoded) = json(false);
        let (general, _) = json(true);
        for (name, token) in [
            ("dot-after", format!("{genuine}.")),
            ("dot-before", format!(".{genuine}")),
            ("dot-doubled", format!("{header}..{payload}.{signature}")),
            ("parts-four", format!("{genuine}.{signature}")),
            (
                "parts-five",
                format!("{header}.{payload}.{signature}.{payload}.{signature}"),
            ),
            ("parts-one", (*header).to_owned()),
            ("only-dots", "..".to_owned()),
            ("json-flattened", flat),
            ("json-general", general),
            ("json-encoded", flat_encoded),
            ("wrapped", wrapped),
            ("colons", genuine.replace('.', ":")),
            ("dots-percent", genuine.replace('.', "%2E")),
            ("no-header", format!(".{payload}.{signature}")),
            ("no-payload", format!("{header}..{signature}")),
        ] {
            self.push("form", name, Must::Refuse, &token);
        }
        // Encrypted tokens have five parts (RFC 7516, section 7.1).
        let encrypted = mint::encode(r#"{"alg":"dir","enc":"A256GCM"}"#);
        let token = format!(
            "{encrypted}..{}.{}.{}",
            mint::encode([1; 12]),
            mint::encode([2; 64]),
            mint::encode([3; 16])
        );
        self.push("form", "encrypted", Must::Refuse, &token);
        // A sound token whose payload is a sound token (RFC 7519, section 5.2).
        let nested = self.base.header.with("cty", "\"JWT\"").text();
        self.signed_text("form", "nested", Must::Refuse, nested, &genuine);
    }

    /// Signed as written, so that a lenient reader finds a true signature.
    fn encodings(&mut self) {
        let (header, payload) = (self.header(), self.payload());
        let refuse = Must::Refuse;
        let family = "encoding";
        let hash = Hash::Sha256;
        let (header_text, claims_text) = (self.base.header.text(), self.claims.text());
        let padded = |text: &str| {
            // Blanks in JSON make a length that needs padding.
            let blanks = " ".repeat(usize::from(text.len().is_multiple_of(3)));
            URL_SAFE.encode(format!("{text}{blanks}"))
        };
        self.sealed(
            family,
            "padding-header",
            refuse,
            hash,
            &padded(&header_text),
            &payload,
        );
        self.sealed(
            family,
            "padding-payload",
            refuse,
            hash,
            &header,
            &padded(&claims_text),
        );
        if let Some(key) = self.base.key.clone() {
            let input = format!("{header}.{payload}");
            let mac = mint::mac(hash, &key, &input);
            let signature = mint::encode(&mac);
            self.push(
                family,
                "padding-signature",
                refuse,
                &format!("{input}.{signature}="),
            );
            self.push(
                family,
                "padding-many",
                refuse,
                &format!("{input}.{signature}===="),
            );
            self.push(
                family,
                "stray-bits-signature",
                refuse,
                &format!("{input}.{}", stray(&signature)),
            );
            self.push(family, "blank-in-signature", refuse, &{
                let (a, b) = signature.split_at(signature.len() / 2);
                format!("{input}.{a} {b}")
            });
            self.push(
                family,
                "letter-beyond-ascii",
                refuse,
                &format!("{input}.{signature}\u{e9}"),
            );
            self.push(
                family,
                "signature-fullwidth",
                refuse,
                &format!("{input}.{}", fullwidth(&signature)),
            );
            // A MAC whose text differs between the two alphabets is soon found.
            let other = (0..64).find_map(|nonce| {
                let claims = self.claims.with("nonce", nonce).text();
                let input = format!("{header}.{}", mint::encode(claims));
                let mac = mint::mac(hash, &key, &input);
                let standard = STANDARD_NO_PAD.encode(&mac);
                (standard != mint::encode(&mac)).then(|| format!("{input}.{standard}"))
            });
            if let Some(token) = other {
                self.push(family, "alphabet-standard-signature", refuse, &token);
            }
        }
        let nonced = self
            .claims
            .with("note", "\"\u{fbff}\u{fbff}~~~???>>>\"")
            .text();
        let standard = STANDARD.encode(nonced);
        self.sealed(
            family,
            "alphabet-standard-payload",
            refuse,
            hash,
            &header,
            standard.trim_end_matches('='),
        );
        let with_stray = |text: &str| {
            let blanks = " ".repeat(usize::from(text.len().is_multiple_of(3)));
            stray(&mint::encode(format!("{text}{blanks}")))
        };
        self.sealed(
            family,
            "stray-bits-header",
            refuse,
            hash,
            &with_stray(&header_text),
            &payload,
        );
        self.sealed(
            family,
            "stray-bits-payload",
            refuse,
            hash,
            &header,
            &with_stray(&claims_text),
        );
        let (a, b) = payload.split_at(payload.len() / 2);
        self.sealed(
            family,
            "blank-in-payload",
            refuse,
            hash,
            &header,
            &format!("{a} {b}"),
        );
        self.sealed(
            family,
            "tab-in-payload",
            refuse,
            hash,
            &header,
            &format!("{a}\t{b}"),
        );
        self.sealed(family, "payload-plain", refuse, hash, &header, &claims_text);
        self.sealed(
            family,
            "payload-encoded-twice",
            refuse,
            hash,
            &header,
            &mint::encode(&payload),
        );
        self.sealed(
            family,
            "remainder-of-one",
            refuse,
            hash,
            &header,
            &format!(
                "{payload}{}",
                "A".repeat(match payload.len() % 4 {
                    0 => 1,
                    2 => 3,
                    _ => 2,
                })
            ),
        );
    }

    /// Bytes that are not the JSON object a token is made of; truly signed.
    fn texts(&mut self) {
        let header = self.base.header.text();
        let claims = self.claims.text();
        let inner = claims
            .trim_start_matches('{')
            .trim_end_matches('}')
            .to_owned();
        let invalid = |text: &str| {
            let mut bytes = text.trim_end_matches('}').as_bytes().to_vec();
            bytes.extend_from_slice(b",\"x\":\"\xff\xfe\"}");
            bytes
        };
        for (name, header, payload) in [
            (
                "payload-bom",
                header.clone().into_bytes(),
                format!("\u{feff}{claims}").into_bytes(),
            ),
            (
                "payload-list",
                header.clone().into_bytes(),
                format!("[{claims}]").into_bytes(),
            ),
            (
                "payload-text",
                header.clone().into_bytes(),
                b"\"claims\"".to_vec(),
            ),
            (
                "payload-null",
                header.clone().into_bytes(),
                b"null".to_vec(),
            ),
            ("payload-nothing", header.clone().into_bytes(), Vec::new()),
            (
                "payload-no-json",
                header.clone().into_bytes(),
                b"sub=1&exp=4102444800".to_vec(),
            ),
            (
                "payload-comma-after",
                header.clone().into_bytes(),
                format!("{{{inner},}}").into_bytes(),
            ),
            (
                "payload-comment",
                header.clone().into_bytes(),
                format!("{{/**/{inner}}}").into_bytes(),
            ),
            (
                "payload-single-quotes",
                header.clone().into_bytes(),
                claims.replace('"', "'").into_bytes(),
            ),
            (
                "payload-text-after",
                header.clone().into_bytes(),
                format!("{claims}{claims}").into_bytes(),
            ),
            (
                "payload-cut",
                header.clone().into_bytes(),
                format!("{{{inner}").into_bytes(),
            ),
            (
                "payload-nan",
                header.clone().into_bytes(),
                format!("{{{inner},\"x\":NaN}}").into_bytes(),
            ),
            (
                "payload-raw-newline",
                header.clone().into_bytes(),
                format!("{{{inner},\"x\":\"a\nb\"}}").into_bytes(),
            ),
            (
                "payload-invalid-utf8",
                header.clone().into_bytes(),
                invalid(&claims),
            ),
            (
                "payload-utf16",
                header.clone().into_bytes(),
                claims.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            ),
            (
                "header-bom",
                format!("\u{feff}{header}").into_bytes(),
                claims.clone().into_bytes(),
            ),
            (
                "header-list",
                format!("[{header}]").into_bytes(),
                claims.clone().into_bytes(),
            ),
            (
                "header-text",
                b"\"HS256\"".to_vec(),
                claims.clone().into_bytes(),
            ),
            ("header-nothing", Vec::new(), claims.clone().into_bytes()),
            (
                "header-comma-after",
                header.replace('}', ",}").into_bytes(),
                claims.clone().into_bytes(),
            ),
            (
                "header-invalid-utf8",
                invalid(&header),
                claims.clone().into_bytes(),
            ),
        ] {
            self.signed_text("json", name, Must::Refuse, header, payload);
        }
        // Open to the reader's limits and to what it makes of half a character.
        for (name, payload) in [
            (
                "deep-100",
                format!("{{{inner},\"x\":{}{}}}", "[".repeat(100), "]".repeat(100)),
            ),
            (
                "deep-10000",
                format!(
                    "{{{inner},\"x\":{}{}}}",
                    "[".repeat(10_000),
                    "]".repeat(10_000)
                ),
            ),
            ("lone-surrogate", format!("{{{inner},\"x\":\"\\ud800\"}}")),
            (
                "unicode-name",
                format!("{{{inner},\"\u{540d}\u{524d}\":\"\u{1f511}\"}}"),
            ),
            ("number-huge", format!("{{{inner},\"x\":1e999}}")),
        ] {
            self.signed_text("json-limits", name, Must::Agree, &header, payload);
        }
    }

    fn sizes(&mut self) {
        let header = self.base.header.clone();
        for (name, bytes) in [
            ("size-4kB", 3_000),
            ("size-16kB", 12_000),
            ("size-100kB", 75_000),
        ] {
            let claims = self
                .claims
                .with("pad", format!("\"{}\"", "x".repeat(bytes)));
            self.signed("size", name, Must::Agree, &header, &claims);
        }
        let large = "A".repeat(100_000);
        let genuine = self.base.genuine.clone();
        if let Some((input, _)) = genuine.rsplit_once('.') {
            self.push(
                "size",
                "size-100kB-signature",
                Must::Refuse,
                &format!("{input}.{large}"),
            );
        }
        self.push("size", "size-100kB-nonsense", Must::Refuse, &large);
        self.push("size", "dots-1000", Must::Refuse, &".".repeat(1_000));
    }
}

/// The text with the lowest unused bit of its last character set.
fn stray(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    if let Some(last) = bytes.last_mut()
        && let Some(at) = ALPHABET.iter().position(|byte| byte == last)
    {
        *last = ALPHABET[at ^ 1];
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// The same letters and digits from another block of Unicode.
fn fullwidth(text: &str) -> String {
    let wide = |c: char| match c {
        '0'..='9' | 'A'..='Z' | 'a'..='z' => char::from_u32(c as u32 + 0xfee0).unwrap_or(c),
        other => other,
    };
    text.chars().map(wide).collect()
}
