//! A piece of evidence as the gate accepts it: what it says, and what it is bound to.
#![deny(clippy::disallowed_methods)]

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::evidence::redact::hex;

/// Kinds of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceKind {
    /// Golden files.
    Replay,
    /// Tokens.
    Jwt,
    /// Live traffic.
    Live,
}

impl EvidenceKind {
    /// As in names of criteria.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Jwt => "jwt",
            Self::Live => "live",
        }
    }
}

/// One piece of evidence. Its hash is over every other field, and the journal chains it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceRecord {
    /// Kind.
    pub kind: EvidenceKind,
    /// Every identity of core that it speaks of: image digests, builds.
    pub core: Vec<String>,
    /// Builds of legacy that core was held against, where legacy tells them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legacy: Vec<String>,
    /// SHA-256 of the catalogue: endpoints, cases, masks and rules.
    pub catalogue: String,
    /// SHA-256 over all golden files, where there are any.
    pub goldens: Option<String>,
    /// SHA-256 of the file itself, where it is one that does not grow.
    pub file: Option<String>,
    /// Comparisons, cases or cells.
    pub n: u64,
    /// Of these, different.
    pub k: u64,
    /// Distinct request shapes, cases or cells.
    pub distinct: u64,
    /// Places that are excused by rules or marks, and so are no part of the claim.
    pub excused: u64,
    /// When the first of it was seen (milliseconds since 1970).
    pub from_ms: i64,
    /// When the last of it was seen.
    pub to_ms: i64,
    /// When it stops counting.
    pub expires_ms: i64,
    /// Which build this is, from 1.
    pub attempt: u32,
    /// Chance of a wrong claim.
    pub alpha: f64,
    /// Logarithm of the e-value, where it is a sequential test.
    pub ln_e: Option<f64>,
    /// Version of the tool that made it.
    pub tool: String,
    /// Hash over the rest.
    pub sha256: String,
}

impl EvidenceRecord {
    /// The record with its hash.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.sha256 = String::new();
        let body = serde_json::to_vec(&self).unwrap_or_default();
        self.sha256 = sha256(&body);
        self
    }

    /// Whether the hash is the record's own.
    pub fn is_whole(&self) -> bool {
        self.clone().sealed().sha256 == self.sha256
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// Hash of several records together, whatever their order; empty for none.
pub fn hash_of(records: &[EvidenceRecord]) -> String {
    if records.is_empty() {
        return String::new();
    }
    let mut hashes: Vec<_> = records
        .iter()
        .map(|record| record.sha256.as_str())
        .collect();
    hashes.sort_unstable();
    sha256(hashes.join("\n").as_bytes())
}
