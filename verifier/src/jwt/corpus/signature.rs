//! Tokens whose signature is missing, broken, or somebody else's.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::{Forge, Members, Must};
use crate::jwt::mint;

impl Forge<'_> {
    pub(super) fn signatures(&mut self) {
        self.broken();
        self.foreign();
        self.altered();
    }

    fn refuse(&mut self, name: &str, token: &str) {
        self.push("signature", name, Must::Refuse, token);
    }

    /// The service's own token, its signature damaged.
    fn broken(&mut self) {
        let genuine = self.base.genuine.clone();
        let Some((input, signature)) = genuine.rsplit_once('.') else {
            return;
        };
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        let with = |bytes: &[u8]| format!("{input}.{}", mint::encode(bytes));
        let flipped = |at: usize, mask: u8| {
            let mut bytes = bytes.clone();
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= mask;
            }
            with(&bytes)
        };
        let reversed: Vec<u8> = bytes.iter().rev().copied().collect();
        let hex = bytes
            .iter()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        self.refuse("signature-empty", &format!("{input}."));
        self.refuse("signature-absent", input);
        self.refuse("signature-first-bit", &flipped(0, 0x80));
        self.refuse(
            "signature-last-bit",
            &flipped(bytes.len().saturating_sub(1), 1),
        );
        self.refuse("signature-one-byte", &with(&bytes[..bytes.len().min(1)]));
        self.refuse("signature-half", &with(&bytes[..bytes.len() / 2]));
        self.refuse(
            "signature-less-one-byte",
            &with(&bytes[..bytes.len().saturating_sub(1)]),
        );
        self.refuse(
            "signature-more-one-byte",
            &with(&[bytes.as_slice(), &[0]].concat()),
        );
        self.refuse(
            "signature-twice",
            &with(&[bytes.as_slice(), &bytes].concat()),
        );
        self.refuse("signature-zeros", &with(&vec![0; bytes.len()]));
        self.refuse("signature-reversed", &with(&reversed));
        self.refuse("signature-hex", &format!("{input}.{hex}"));
        self.refuse(
            "signature-base64-twice",
            &format!("{input}.{}", mint::encode(signature)),
        );
    }

    /// Sound tokens under keys that are not the service's.
    fn foreign(&mut self) {
        let (header, claims) = (self.base.header.text(), self.claims.text());
        let mut foreign = |name: &str, key: &[u8]| {
            if self.base.key.as_deref() != Some(key) {
                let token = mint::hs256(key, header.as_bytes(), claims.as_bytes());
                self.push("signature", name, Must::Refuse, &token);
            }
        };
        foreign("key-empty", b"");
        foreign("key-secret", b"secret");
        foreign("key-changeit", b"changeit");
        foreign(
            "key-other",
            b"some other key of a fitting length, 48 bytes lon",
        );
        let Some(key) = self.base.key.clone() else {
            return;
        };
        let mut near = |name: &str, near: &[u8]| {
            // HMAC pads a key with zeros, so those are the same key.
            let trimmed = |key: &[u8]| {
                let end = key.iter().rposition(|&byte| byte != 0);
                key[..end.map_or(0, |at| at + 1)].to_vec()
            };
            if trimmed(near) != trimmed(&key) {
                let token = mint::hs256(near, header.as_bytes(), claims.as_bytes());
                self.push("key-near", name, Must::Refuse, &token);
            }
        };
        near("key-newline", &[key.as_slice(), b"\n"].concat());
        near(
            "key-less-one-byte",
            key.get(..key.len().saturating_sub(1)).unwrap_or_default(),
        );
        near("key-base64", STANDARD.encode(&key).as_bytes());
        if let Ok(decoded) = STANDARD.decode(key.trim_ascii()) {
            near("key-base64-decoded", &decoded);
        }
        near("key-upper", &key.to_ascii_uppercase());
    }

    /// The service's own token, changed under its signature.
    fn altered(&mut self) {
        let genuine = self.base.genuine.clone();
        let Some((input, signature)) = genuine.rsplit_once('.') else {
            return;
        };
        let Some((header, payload)) = input.split_once('.') else {
            return;
        };
        let (base, now_s) = (self.base, self.now_s);
        let claims = &base.claims;
        let mut alter = |name: &str, header: &str, payload: &str| {
            let token = format!("{header}.{payload}.{signature}");
            self.push("signature", name, Must::Refuse, &token);
        };
        let changed = |claims: &Members| mint::encode(claims.text());
        let longer = claims.with("exp", now_s + 86_400);
        alter("payload-longer-life", header, &changed(&longer));
        let other = claims.with("sub", "\"1\"").with("altered", 1);
        alter("payload-other-subject", header, &changed(&other));
        alter("payload-added-claim", header, &changed(&claims.and("x", 1)));
        alter("payload-empty-object", header, &mint::encode("{}"));
        let added = mint::encode(base.header.and("x", 1).text());
        alter("header-added-field", &added, payload);
        alter("parts-exchanged", payload, header);
        if let Some(role) = &base.role {
            let raised = claims.with(&role.name, &role.raised);
            alter("payload-raised-role", header, &changed(&raised));
        }
    }
}
