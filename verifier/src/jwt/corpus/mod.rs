#![deny(clippy::disallowed_methods)]
//! The corpus: sound and hostile tokens, and what a correct HS256 verifier does with each.
//!
//! Every token starts from what the service itself issues ([`Base`]), so that it is refused for the
//! one thing that is wrong with it and for nothing else. The corpus is a pure function of the base:
//! the second a token is held against is an argument, never a clock.

mod algorithm;
mod carrier;
mod claim;
mod form;
mod signature;
mod time;

use super::mint::{self, Hash};
use crate::json::Document;

/// What a correct HS256 verifier does with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Must {
    /// It holds.
    Accept,
    /// It must be refused, whoever asks.
    Refuse,
    /// The standards leave it open, or the service's own rules decide: both sides must do the same.
    Agree,
}

/// Which request a token is tried on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// One that lets the token's role in.
    Open,
    /// One that refuses the token's role.
    Closed,
}

/// A token and how it is carried.
#[derive(Clone, PartialEq, Eq)]
pub struct Forged {
    /// Its name in reports and in `auth.known`.
    pub name: String,
    /// What is wrong with it, shared with tokens that break the same rule.
    pub family: &'static str,
    /// What a correct verifier does.
    pub must: Must,
    /// What it is tried on.
    pub door: Door,
    /// Whether the answer changes within seconds: it must be sent in the second it was made for.
    pub edge: bool,
    /// Header fields that carry it.
    pub headers: Vec<(String, String)>,
    /// Query that carries it, without the question mark.
    pub query: Option<String>,
}

/// Members of a JSON object in their order, values as JSON text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members(Vec<(String, String)>);

impl Members {
    /// Reads an object; `None` when `json` is none. Of duplicate names all are kept.
    pub fn read(json: &[u8]) -> Option<Self> {
        let document = Document::parse(json).ok()?;
        let root = document.root();
        (root.kind() == crate::json::JsonType::Object).then(|| {
            let members = root.members();
            Self(
                members
                    .map(|(name, value)| (name.as_str().into_owned(), value.raw().to_owned()))
                    .collect(),
            )
        })
    }

    /// The JSON text of a member.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rfind(|(key, _)| key == name)?;
        Some(&found.1)
    }

    /// Names and JSON texts in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A copy in which `name` has the JSON text `value`; added at the end when it was not there.
    #[must_use]
    pub fn with(&self, name: &str, value: impl std::fmt::Display) -> Self {
        let mut members = self.0.clone();
        match members.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value.to_string(),
            None => members.push((name.to_owned(), value.to_string())),
        }
        Self(members)
    }

    /// A copy without `name`.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let members = self.0.iter().filter(|(key, _)| key != name);
        Self(members.cloned().collect())
    }

    /// A copy in which `name` is there once more, at the end.
    #[must_use]
    pub fn and(&self, name: &str, value: impl std::fmt::Display) -> Self {
        let mut members = self.0.clone();
        members.push((name.to_owned(), value.to_string()));
        Self(members)
    }

    /// The object as JSON text.
    pub fn text(&self) -> String {
        let members = self.0.iter().map(|(name, value)| {
            let name = serde_json::Value::from(name.as_str());
            format!("{name}:{value}")
        });
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }
}

/// What tokens are forged from.
#[derive(Clone)]
pub struct Base {
    /// A live access token of the service.
    pub genuine: String,
    /// Its header.
    pub header: Members,
    /// Its claims.
    pub claims: Members,
    /// The key it was signed with; without one only tokens that need none are made.
    pub key: Option<Vec<u8>>,
    /// The claim that names the role, if one does, and its value for another, mightier role.
    pub role: Option<RoleClaim>,
    /// Leeway that is granted to the service.
    pub leeway_s: u32,
}

/// Where a token says what its bearer may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleClaim {
    /// The claim.
    pub name: String,
    /// JSON text that would raise the bearer's role.
    pub raised: String,
}

/// A life long enough that nothing expires while it is asked.
const LIFE_S: i64 = 900;

/// Makes all tokens, for a service whose clock shows `now_s`. The order and the names are always the
/// same, so that a token can be made again for another second.
pub fn corpus(base: &Base, now_s: i64) -> Vec<Forged> {
    let mut forge = Forge {
        claims: base
            .claims
            .with("iat", now_s - 5)
            .with("exp", now_s + LIFE_S),
        base,
        now_s,
        forged: Vec::new(),
    };
    forge.controls();
    forge.algorithms();
    forge.signatures();
    forge.times();
    forge.claims();
    forge.forms();
    forge.carriers();
    forge.forged
}

/// Names that every corpus can hold, families included: what `auth.known` may name.
pub fn names() -> Vec<String> {
    let members = |pairs: &[(&str, &str)]| {
        let pairs = pairs
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Members(pairs.collect())
    };
    let base = Base {
        genuine: mint::hs256(b"", b"{}", b"{}"),
        header: members(&[("alg", "\"HS256\"")]),
        claims: members(&[("sub", "\"1\""), ("iss", "\"i\""), ("aud", "\"a\"")]),
        // Base64 by itself, so that the key it decodes to is tried as well.
        key: Some(b"bm8ga2V5IG9mIGFueSBzZXJ2aWNl".to_vec()),
        role: Some(RoleClaim {
            name: "role".to_owned(),
            raised: "\"ADMIN\"".to_owned(),
        }),
        leeway_s: 0,
    };
    let mut names = Vec::new();
    for forged in corpus(&base, 1_000_000_000) {
        names.push(forged.name);
        names.push(forged.family.to_owned());
    }
    names.sort();
    names.dedup();
    names
}

/// The corpus as it grows.
struct Forge<'a> {
    base: &'a Base,
    /// The service's own claims, with times around now.
    claims: Members,
    now_s: i64,
    forged: Vec<Forged>,
}

impl Forge<'_> {
    fn controls(&mut self) {
        let (header, claims) = (self.base.header.clone(), self.claims.clone());
        self.signed("control", "sound", Must::Accept, &header, &claims);
        let bare = Members::default().with("alg", r#""HS256""#);
        self.signed("control", "sound-bare-header", Must::Accept, &bare, &claims);
        let typed = bare.with("typ", r#""JWT""#);
        self.signed(
            "control",
            "sound-typed-header",
            Must::Accept,
            &typed,
            &claims,
        );
        let mut reversed = claims.clone();
        reversed.0.reverse();
        self.signed(
            "control",
            "sound-claims-reversed",
            Must::Accept,
            &header,
            &reversed,
        );
        let extra = claims.with("colour", r#"{"of":["the",1.50,null,true]}"#);
        self.signed(
            "control",
            "sound-unknown-claim",
            Must::Accept,
            &header,
            &extra,
        );
        let spaced = claims.text().replace(',', " ,\n\t").replace(':', " : ");
        // A blank inside a text would change it; only numbers and names of this shape are safe.
        if Members::read(spaced.as_bytes()).is_some_and(|read| read == claims) {
            self.signed_text(
                "control",
                "sound-blanks",
                Must::Accept,
                header.text(),
                &spaced,
            );
        }
        let escaped = claims.text().replace("\"exp\"", "\"\\u0065xp\"");
        self.signed_text(
            "control",
            "sound-escaped-name",
            Must::Accept,
            header.text(),
            &escaped,
        );
    }

    /// A token signed with HMAC SHA-256 under the true key.
    fn signed(
        &mut self,
        family: &'static str,
        name: &str,
        must: Must,
        header: &Members,
        claims: &Members,
    ) {
        self.signed_text(family, name, must, header.text(), claims.text());
    }

    /// The same from texts that need not be JSON.
    fn signed_text(
        &mut self,
        family: &'static str,
        name: &str,
        must: Must,
        header: impl AsRef<[u8]>,
        claims: impl AsRef<[u8]>,
    ) {
        if let Some(key) = self.base.key.clone() {
            let token = mint::hs256(&key, header.as_ref(), claims.as_ref());
            self.push(family, name, must, &token);
        }
    }

    /// A token under the true key, its header and claims already encoded, sealed with any hash.
    fn sealed(
        &mut self,
        family: &'static str,
        name: &str,
        must: Must,
        hash: Hash,
        header: &str,
        payload: &str,
    ) {
        if let Some(key) = self.base.key.clone() {
            let token = mint::seal(hash, &key, &format!("{header}.{payload}"));
            self.push(family, name, must, &token);
        }
    }

    /// Any token, sent as a bearer token is.
    fn push(&mut self, family: &'static str, name: &str, must: Must, token: &str) {
        self.carried(
            family,
            name,
            must,
            &[("authorization", &format!("Bearer {token}"))],
            None,
        );
    }

    /// Any token, however it is sent.
    fn carried(
        &mut self,
        family: &'static str,
        name: &str,
        must: Must,
        headers: &[(&str, &str)],
        query: Option<String>,
    ) {
        let headers = headers
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()));
        self.forged.push(Forged {
            name: name.to_owned(),
            family,
            must,
            door: Door::Open,
            edge: false,
            headers: headers.collect(),
            query,
        });
    }

    /// Marks the latest token as one of a second.
    fn on_the_edge(&mut self, count_before: usize) {
        for forged in &mut self.forged[count_before..] {
            forged.edge = true;
        }
    }

    fn header(&self) -> String {
        mint::encode(self.base.header.text())
    }

    fn payload(&self) -> String {
        mint::encode(self.claims.text())
    }
}

#[cfg(test)]
mod tests;
