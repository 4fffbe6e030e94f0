#![deny(clippy::disallowed_methods)]
//! Takes out of an exchange what must not be stored, so that what is left can still be judged.
//!
//! A hidden value becomes `[class form #digest]`, such as `[phone 999-9999-9999 #k3f9a0b1c2]`. The
//! digest is keyed ([BLAKE3](https://github.com/BLAKE3-team/BLAKE3-specs), section 2.3, `keyed_hash`):
//! the same value has the same digest under one key, and without the key nobody can try values out.
//! No value that stays in clear starts with `[`, so nothing a service answers passes for a token.

mod body;
pub mod class;
mod wire;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use crate::catalogue::Catalogue;
use crate::normalise::mask::MaskKind;
use crate::place::Place;

pub(super) use wire::relation_text;

use class::{Origin, form, is_plain_name, secret_class};

/// The key of one cut-over's digests. Whoever destroys it makes them worthless.
#[derive(Clone)]
pub struct RedactionKey([u8; 32]);

/// Prints the id only, so that a key is safe in logs.
impl fmt::Debug for RedactionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedactionKey({})", self.id())
    }
}

/// The key file's content is too short to be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a redaction key needs at least 16 bytes: make one with `head -c 32 /dev/urandom | base64`"
)]
pub struct ShortKey;

impl RedactionKey {
    /// Derives the key from a file's content, white space at the ends aside.
    pub fn from_secret(secret: &[u8]) -> Result<Self, ShortKey> {
        let secret = secret.trim_ascii();
        if secret.len() < 16 {
            return Err(ShortKey);
        }
        Ok(Self(blake3::derive_key(
            "verifier 2026-11 evidence redaction",
            secret,
        )))
    }

    /// Tells keys apart without giving one away; evidence under different ids cannot be merged.
    pub fn id(&self) -> String {
        let id = blake3::derive_key("verifier 2026-11 evidence redaction key id", &self.0);
        hex(&id[..8])
    }

    /// A number that depends on `parts` and the key alone: nobody can choose what it comes out as.
    pub(super) fn rank(&self, parts: &[&[u8]]) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hex(&hasher.finalize().as_bytes()[..8])
    }

    fn digest(&self, value: &[u8]) -> String {
        const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let hash = blake3::keyed_hash(&self.0, value);
        // Ten digits of five bits: one chance in a million of two equal ones among 50,000 values.
        hash.as_bytes()[..10]
            .iter()
            .map(|byte| char::from(DIGITS[usize::from(byte & 31)]))
            .collect()
    }
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        use fmt::Write as _;
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// Places that the catalogue says hold something personal or secret, by endpoint.
#[derive(Clone, Debug, Default)]
pub struct Marks(BTreeMap<String, Vec<(Place, String)>>);

impl Marks {
    /// What the catalogue's `personal` and `mask: token` entries mark. A place that one case of an
    /// endpoint marks is marked in all its traffic.
    pub fn of(catalogue: &Catalogue) -> Self {
        let mut marks = Self::default();
        for case in &catalogue.cases {
            for mask in &case.masks {
                let class = match &mask.kind {
                    MaskKind::Role { role } => role.strip_prefix("person."),
                    MaskKind::Token { .. } => Some("token"),
                    _ => None,
                };
                if let Some(class) = class {
                    marks.add(&catalogue.endpoint_of(case).id, mask.place.clone(), class);
                }
            }
        }
        marks
    }

    /// Marks one place of an endpoint.
    pub fn add(&mut self, endpoint: &str, place: Place, class: &str) {
        let places = self.0.entry(endpoint.to_owned()).or_default();
        let mark = (place, class.to_owned());
        if !places.contains(&mark) {
            places.push(mark);
        }
    }

    fn class<'m>(&'m self, endpoint: &str, place: &str) -> Option<&'m str> {
        let places = self.0.get(endpoint)?;
        let hit = places.iter().find(|(pattern, _)| pattern.matches(place));
        hit.map(|(_, class)| class.as_str())
    }
}

/// Replaces what must not be stored.
#[derive(Clone, Debug)]
pub struct Redactor {
    key: RedactionKey,
    marks: Marks,
}

impl Redactor {
    /// Hides under `key`, besides what is recognised also what `marks` names.
    pub fn new(key: RedactionKey, marks: Marks) -> Self {
        Self { key, marks }
    }

    /// The key.
    pub fn key(&self) -> &RedactionKey {
        &self.key
    }

    /// A value as it may be stored. `name` is the nearest key.
    pub fn scalar<'t>(
        &self,
        name: &str,
        marked: Option<&str>,
        text: &'t str,
        origin: Origin,
    ) -> Cow<'t, str> {
        match secret_class(name, marked, text, origin) {
            None => Cow::Borrowed(text),
            Some(class) => Cow::Owned(self.token(&class, text, origin)),
        }
    }

    /// The class of a value at `place` of a request that may not be kept in clear; `None` when it may.
    /// `name` is the nearest key.
    pub fn class_of<'s>(
        &'s self,
        endpoint: &str,
        place: &str,
        name: &str,
        text: &str,
        origin: Origin,
    ) -> Option<Cow<'s, str>> {
        secret_class(name, self.marks.class(endpoint, place), text, origin)
    }

    /// `text` hidden, whatever it is.
    pub fn token(&self, class: &str, text: &str, origin: Origin) -> String {
        let number = if origin == Origin::Number {
            " number"
        } else {
            ""
        };
        let digest = self.key.digest(text.as_bytes());
        format!("[{class} {}{number} #{digest}]", form(text))
    }

    /// Bytes that are no text, or a text as a whole.
    fn opaque(&self, class: &str, bytes: &[u8]) -> String {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.token(class, text, Origin::Text),
            Err(_) => format!("[bytes {} #{}]", bytes.len(), self.key.digest(bytes)),
        }
    }

    /// A key, a header's or a parameter's name: hidden when it looks like data.
    fn name<'t>(&self, key: &'t str) -> Cow<'t, str> {
        if is_plain_name(key) {
            Cow::Borrowed(key)
        } else {
            Cow::Owned(self.token("key", key, Origin::Text))
        }
    }
}

/// A place with every key that looks like data written `{key}`: what differs at two such keys is one
/// thing. The same for all proxies, whatever their key.
pub fn plain_place(place: &str) -> String {
    let plain = |key: &'_ str| {
        if key.is_empty() || is_plain_name(key) {
            key.to_owned()
        } else {
            "{key}".to_owned()
        }
    };
    if !place.starts_with('/') {
        return plain(place);
    }
    place.split('/').map(plain).collect::<Vec<_>>().join("/")
}

/// The class of a hidden value, if `text` is one.
///
/// ```
/// # use verifier::evidence::redact::hidden_class;
/// assert_eq!(hidden_class("[phone 999-9999-9999 #k3f9a2b7c2]"), Some("phone"));
/// assert_eq!(hidden_class("NORMAL"), None);
/// ```
pub fn hidden_class(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let (rest, digest) = inner.rsplit_once(" #")?;
    let (class, form) = rest.split_once(' ')?;
    let word = |part: &str| !part.is_empty() && !part.contains(['[', ']', '#']);
    (digest.len() == 10 && word(class) && word(form)).then_some(class)
}

/// `text` with each hidden value replaced by what `with` makes of its class.
pub fn replace_hidden(text: &str, mut with: impl FnMut(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('[') {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        let token = tail
            .find(']')
            .and_then(|end| Some((end, hidden_class(&tail[..=end])?)));
        match token {
            Some((end, class)) => {
                out.push_str(&with(class));
                rest = &tail[end + 1..];
            }
            None => {
                out.push('[');
                rest = &tail[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// `text` without the digests of its hidden values, which depend on the key.
#[cfg(test)]
fn without_digests(text: &str) -> String {
    let mut parts = text.split(" #");
    let mut out = parts.next().unwrap_or("").to_owned();
    for part in parts {
        out.push_str(part.get(10..).unwrap_or(part));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(secret: &str) -> Redactor {
        let key = RedactionKey::from_secret(secret.as_bytes()).expect("long enough");
        Redactor::new(key, Marks::default())
    }

    #[test]
    fn equal_values_stay_equal_under_one_key_only() {
        let (one, other) = (redactor("0123456789abcdef"), redactor("fedcba9876543210"));
        let hide =
            |r: &Redactor, text: &str| r.scalar("phone", None, text, Origin::Text).into_owned();
        let hidden = hide(&one, "010-1234-5678");
        assert_eq!(hidden, hide(&one, "010-1234-5678"));
        assert_ne!(hidden, hide(&one, "010-1234-5679"));
        assert_ne!(hidden, hide(&other, "010-1234-5678"));
        assert_eq!(hidden_class(&hidden), Some("phone"));
        assert!(hidden.starts_with("[phone 999-9999-9999 #"), "{hidden}");
        assert_ne!(one.key().id(), other.key().id());
    }

    #[test]
    fn a_key_is_never_printed_and_must_be_long() {
        let key = RedactionKey::from_secret(b"0123456789abcdef\n").expect("long enough");
        assert_eq!(key.id(), redactor("0123456789abcdef").key().id());
        assert_eq!(format!("{key:?}"), format!("RedactionKey({})", key.id()));
        assert!(RedactionKey::from_secret(b"short           \n").is_err());
    }

    #[test]
    fn places_hide_keys_that_are_data() {
        for (place, shown) in [
            ("status", "status"),
            ("header:content-type", "header:content-type"),
            ("/values/*/name", "/values/*/name"),
            ("/byMail/a@b.example/x", "/byMail/{key}/x"),
            ("/010-1234-5678", "/{key}"),
            ("/홍길동", "/{key}"),
            ("/<script>", "/{key}"),
            ("", ""),
        ] {
            assert_eq!(plain_place(place), shown);
        }
    }
}
