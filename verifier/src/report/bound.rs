//! What a report is bound to, so that it cannot be shown for another build.
#![deny(clippy::disallowed_methods)]

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which core answered, as whoever ran the check knew it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CoreClaim {
    /// Digest of its image.
    pub digest: Option<String>,
    /// Its build, as it tells itself.
    pub build: Option<String>,
}

impl CoreClaim {
    /// Every name of it.
    pub fn names(&self) -> Vec<String> {
        self.digest.iter().chain(&self.build).cloned().collect()
    }
}

/// Digest of an image: `sha256:` and its hexadecimal digits. A tag such as `v1.0.0` can be moved to
/// another image and is no identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDigest(pub String);

impl FromStr for ImageDigest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // `repository@sha256:…` is how clusters write it.
        let digest = text.rsplit('@').next().unwrap_or(text);
        match digest.split_once(':') {
            Some(("sha256" | "sha512", hex))
                if hex.len() >= 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
            {
                Ok(Self(digest.to_ascii_lowercase()))
            }
            _ => Err(format!(
                "`{text}` is no digest of an image: write `sha256:` and 64 hexadecimal digits, not a tag"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_no_digest() {
        let digest = format!("sha256:{}", "Ab".repeat(32));
        for (text, good) in [
            (digest.clone(), true),
            (format!("registry/api-core@{digest}"), true),
            ("v1.0.0".to_owned(), false),
            ("api-core:v1.0.0".to_owned(), false),
            ("sha256:abc".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(text.parse::<ImageDigest>().is_ok(), good, "{text}");
        }
    }
}
