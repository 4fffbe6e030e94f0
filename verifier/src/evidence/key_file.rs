//! The redaction key's file. It is kept apart from the evidence: whoever has both can try values out.

use std::io;
use std::path::{Path, PathBuf};

use super::redact::{RedactionKey, ShortKey};

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read.
    #[error("{}: cannot read the redaction key", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds too little.
    #[error("{}: {source}", path.display())]
    Short {
        /// The file.
        path: PathBuf,
        /// What is expected.
        source: ShortKey,
    },
    /// The key lies where the evidence does.
    #[error(
        "{}: the redaction key lies in the evidence folder, where a copy of the evidence would take \
         it along: keep it elsewhere", .0.display()
    )]
    BesideEvidence(PathBuf),
    /// The system gives no randomness.
    #[error("the system gives no random key: name one with `--redaction-key-file`")]
    NoRandomness,
}

/// Reads the key, or draws a random one that nobody will ever have again.
pub fn load(file: Option<&Path>, evidence: &Path) -> Result<RedactionKey, KeyFileError> {
    let Some(path) = file else {
        let secret = random_bytes().ok_or(KeyFileError::NoRandomness)?;
        return RedactionKey::from_secret(&super::redact::hex(&secret).into_bytes())
            .map_err(|_never| KeyFileError::NoRandomness);
    };
    let folder = |path: &Path| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        path.parent()
            .map(|folder| folder.canonicalize().unwrap_or_else(|_| folder.to_owned()))
    };
    if folder(path) == folder(evidence) {
        return Err(KeyFileError::BesideEvidence(path.to_owned()));
    }
    let secret = std::fs::read(path).map_err(|source| KeyFileError::Read {
        path: path.to_owned(),
        source,
    })?;
    RedactionKey::from_secret(&secret).map_err(|source| KeyFileError::Short {
        path: path.to_owned(),
        source,
    })
}

/// 32 bytes of the system's randomness.
pub(super) fn random_bytes() -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_beside_the_evidence_is_refused_and_none_is_random() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (key, apart) = (
            folder.path().join("key"),
            folder.path().join("e/evidence.db"),
        );
        std::fs::create_dir(folder.path().join("e")).expect("a folder");
        std::fs::write(&key, "0123456789abcdef0123").expect("a file");
        let beside = load(Some(&key), &folder.path().join("evidence.db"));
        assert!(matches!(beside, Err(KeyFileError::BesideEvidence(_))));
        let one = load(Some(&key), &apart).expect("a key").id();
        assert_eq!(one, load(Some(&key), &apart).expect("a key").id());
        let drawn = || load(None, &apart).expect("a key").id();
        assert_ne!(drawn(), drawn());
        std::fs::write(&key, "short").expect("a file");
        assert!(matches!(
            load(Some(&key), &apart),
            Err(KeyFileError::Short { .. })
        ));
    }
}
