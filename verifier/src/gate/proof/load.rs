//! Reads evidence files; what cannot be read is an answer of its own.
#![allow(clippy::disallowed_methods)] // the one place of this folder that reads

use std::path::Path;

use serde::de::DeserializeOwned;

use super::replay::{Green, Named};
use super::{Context, Proof, jwt, live, replay};
use crate::evidence::store;
use crate::gate::criterion::Verdict;
use crate::gate::record::{EvidenceKind, sha256};

/// All evidence, judged.
#[derive(Clone, Debug, Default)]
pub struct Proofs {
    /// Golden files.
    pub replay: Proof,
    /// Tokens.
    pub jwt: Proof,
    /// Live traffic.
    pub live: Proof,
}

/// Reads and judges everything that the configuration names; `live` is where live evidence is.
pub fn all(context: &Context<'_>, live: Option<&Path>) -> Proofs {
    let (replay, green) = replays(context);
    Proofs {
        replay,
        jwt: tokens(context),
        live: comparisons(context, live, &green),
    }
}

fn replays(context: &Context<'_>) -> (Proof, Green) {
    let kind = EvidenceKind::Replay;
    let help =
        "make it with `verifier replay --report json=FILE` and name it in `gate.evidence.replay`";
    let files = &context.config.evidence.replay;
    if files.is_empty() {
        let missing = Proof::unusable(
            kind,
            Verdict::NoData,
            "gate.evidence.replay",
            "no report is named",
            help,
        );
        return (missing, Green::default());
    }
    let mut reports = Vec::new();
    for path in files {
        match read(path) {
            Ok(report) => reports.push(report),
            Err((verdict, why)) => {
                let unusable =
                    Proof::unusable(kind, verdict, &path.display().to_string(), &why, help);
                return (unusable, Green::default());
            }
        }
    }
    replay::judge(&reports, context)
}

fn tokens(context: &Context<'_>) -> Proof {
    let kind = EvidenceKind::Jwt;
    let help = "make it with `verifier jwt --report json=FILE` and name it in `gate.evidence.jwt`";
    if let Some(waiver) = super::waiver("jwt", context) {
        // Services without tokens have nothing to show; somebody says so.
        let why = format!(
            "waived until {} by {}: {}",
            waiver.expires, waiver.owner, waiver.reason
        );
        return Proof::unusable(kind, Verdict::Pass, "gate.waivers", &why, "");
    }
    let Some(path) = &context.config.evidence.jwt else {
        return Proof::unusable(
            kind,
            Verdict::NoData,
            "gate.evidence.jwt",
            "no report is named",
            help,
        );
    };
    match read(path) {
        Ok(report) => jwt::judge(&report, context),
        Err((verdict, why)) => {
            Proof::unusable(kind, verdict, &path.display().to_string(), &why, help)
        }
    }
}

fn comparisons(context: &Context<'_>, path: Option<&Path>, green: &Green) -> Proof {
    let kind = EvidenceKind::Live;
    let help = "let `shadow-proxy --evidence FILE` compare live traffic";
    let Some(path) = path else {
        return Proof::unusable(
            kind,
            Verdict::NoData,
            "evidence.file",
            "no evidence of live traffic is named",
            help,
        );
    };
    let source = path.display().to_string();
    if !path.exists() {
        return Proof::unusable(
            kind,
            Verdict::NoData,
            &source,
            "the file does not exist",
            help,
        );
    }
    match store::read(path) {
        Ok(evidence) => live::judge(&source, evidence, green, context),
        Err(error) => Proof::unusable(kind, Verdict::Error, &source, &error.to_string(), help),
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Named<T>, (Verdict, String)> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err((Verdict::NoData, "the file does not exist".to_owned()));
        }
        Err(error) => return Err((Verdict::Error, format!("cannot be read: {error}"))),
    };
    let report = serde_json::from_slice(&bytes)
        .map_err(|error| (Verdict::Error, format!("is no such report: {error}")))?;
    Ok(Named {
        source: path.display().to_string(),
        sha256: sha256(&bytes),
        report,
    })
}

/// What the replay reports say of the core that answered: the least that every other piece must agree
/// with.
pub fn claimed(config: &crate::gate::config::GateConfig) -> Vec<String> {
    let reports = config.evidence.replay.iter();
    reports
        .filter_map(|path| read::<replay::ReplayReport>(path).ok())
        .flat_map(|named| named.report.names())
        .collect()
}
