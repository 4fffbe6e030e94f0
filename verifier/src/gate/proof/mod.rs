//! Evidence files against what they must prove: each is present, whole, fresh, of this core, of this
//! catalogue, complete, and says yes. Pure; `load.rs` reads the files.
#![deny(clippy::disallowed_methods)]

pub mod jwt;
pub mod live;
pub mod load;
pub mod replay;

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::config::{GateConfig, WaiverConfig};
use super::criterion::{CriterionResult, Unit, Verdict, Weighs};
use super::record::{EvidenceKind, EvidenceRecord};
use super::span::Span;
use crate::catalogue::Catalogue;

/// How far in the future a file may say it was made: clocks differ a little.
const FUTURE_MS: i64 = 60_000;

/// What every piece of evidence is held against.
#[derive(Debug)]
pub struct Context<'c> {
    /// Milliseconds since 1970.
    pub now_ms: i64,
    /// The day, for waivers.
    pub today: Date,
    /// The gate's configuration.
    pub config: &'c GateConfig,
    /// The catalogue, if there is one.
    pub catalogue: Option<&'c Catalogue>,
    /// What runs as core.
    pub running: &'c Running,
    /// Which build this is, from 1: it spends its own share of the error.
    pub attempt: u32,
    /// Pieces accepted before.
    pub accepted: &'c [EvidenceRecord],
}

/// What runs as core: for each way of naming it (image digests, builds) one name an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// Names by source, never mixed.
    pub groups: Vec<(String, BTreeSet<String>)>,
}

impl Running {
    /// One source with its names; a source without any names nothing.
    pub fn add(&mut self, source: &str, names: impl IntoIterator<Item = String>) {
        let names: BTreeSet<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
        if !names.is_empty() {
            self.groups.push((source.to_owned(), names));
        }
    }

    /// Whether `core` names everything that runs, in at least one way of naming.
    pub fn covered_by(&self, core: &[String]) -> bool {
        self.groups
            .iter()
            .any(|(_, names)| names.iter().all(|name| core.contains(name)))
    }

    /// Whether something that runs has this name.
    pub fn holds(&self, name: &str) -> bool {
        self.groups.iter().any(|(_, names)| names.contains(name))
    }

    /// For people.
    pub fn text(&self) -> String {
        let groups: Vec<_> = self
            .groups
            .iter()
            .map(|(source, names)| {
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                format!("{} ({source})", names.join(", "))
            })
            .collect();
        groups.join("; ")
    }
}

/// What one kind of evidence came to.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// Its criteria.
    pub criteria: Vec<CriterionResult>,
    /// The record to accept; only where everything holds.
    pub record: Option<EvidenceRecord>,
}

impl Proof {
    /// A file that is missing or cannot be used at all.
    pub fn unusable(
        kind: EvidenceKind,
        verdict: Verdict,
        source: &str,
        why: &str,
        help: &str,
    ) -> Self {
        let criterion = CriterionResult::new(
            format!("{}.present", kind.name()),
            Weighs::Evidence,
            verdict,
        )
        .why(why)
        .source(source)
        .help(help);
        Self {
            criteria: vec![criterion],
            record: None,
        }
    }

    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        !self.criteria.is_empty()
            && self
                .criteria
                .iter()
                .all(|criterion| criterion.verdict == Verdict::Pass)
    }
}

/// A criterion that binds evidence to something: it holds, or says why not.
fn binding(
    name: String,
    source: &str,
    fault: Option<(String, String)>,
    good: String,
) -> CriterionResult {
    match fault {
        None => CriterionResult::new(name, Weighs::Evidence, Verdict::Pass).why(good),
        Some((why, help)) => CriterionResult::new(name, Weighs::Evidence, Verdict::Fail)
            .why(why)
            .help(help),
    }
    .source(source)
}

/// `KIND.core`: of the core that runs.
fn of_running(
    kind: EvidenceKind,
    source: &str,
    core: &[String],
    context: &Context<'_>,
) -> CriterionResult {
    let name = format!("{}.core", kind.name());
    if core.is_empty() {
        return CriterionResult::new(name, Weighs::Evidence, Verdict::NoData)
            .source(source)
            .why("does not say which core answered")
            .help(match kind {
                EvidenceKind::Live => {
                    "set `evidence.version_header` to the field in which core tells its build"
                }
                _ => "make it again with `--core-digest DIGEST` or `--core-build BUILD`",
            });
    }
    if context.running.groups.is_empty() {
        return CriterionResult::new(name, Weighs::Evidence, Verdict::NoData)
            .source(source)
            .why("it is unknown which core runs")
            .help("name where core tells its build: `gate.signals.identity`, or `--core ID` with `judge`");
    }
    let fault = (!context.running.covered_by(core)).then(|| {
        (
            format!(
                "speaks of {}, but {} runs",
                core.join(", "),
                context.running.text()
            ),
            "make the evidence again with the core that runs".to_owned(),
        )
    });
    binding(
        name,
        source,
        fault,
        format!("of the core that runs: {}", core.join(", ")),
    )
}

/// `KIND.fresh`: not too old, and not from the future.
fn fresh(
    kind: EvidenceKind,
    source: &str,
    to_ms: i64,
    max_age: Span,
    now_ms: i64,
) -> CriterionResult {
    let age = now_ms.saturating_sub(to_ms);
    let shown = Span::from_secs(u64::try_from(age / 1000).unwrap_or(0));
    let fault = if age < -FUTURE_MS {
        Some((
            format!(
                "made {} in the future",
                Span::from_secs((-age / 1000).unsigned_abs())
            ),
            "set the clocks of both machines".to_owned(),
        ))
    } else if age > max_age.millis() {
        Some((
            format!("{shown} old, {max_age} are allowed"),
            "make it again".to_owned(),
        ))
    } else {
        None
    };
    binding(
        format!("{}.fresh", kind.name()),
        source,
        fault,
        format!("{shown} old of {max_age}"),
    )
    .value(age as f64 / 1000.0, Unit::Seconds, 1)
    .limit(max_age.duration().as_secs_f64())
}

/// `KIND.catalogue`: made with the catalogue that the gate reads.
fn of_catalogue(
    kind: EvidenceKind,
    source: &str,
    hashes: &BTreeSet<&str>,
    context: &Context<'_>,
) -> CriterionResult {
    let name = format!("{}.catalogue", kind.name());
    let Some(catalogue) = context.catalogue else {
        return CriterionResult::new(name, Weighs::Evidence, Verdict::NoData)
            .source(source)
            .why("no catalogue is named, so nothing says what had to be proved")
            .help("name it with `catalog:`");
    };
    let own = catalogue.sha256.as_str();
    let fault = (hashes.len() != 1 || !hashes.contains(own)).then(|| {
        (
            "made with another catalogue (endpoints, masks or rules differ)".to_owned(),
            "make it again with the catalogue that `catalog:` names".to_owned(),
        )
    });
    binding(
        name,
        source,
        fault,
        format!("catalogue {}", &own[..own.len().min(12)]),
    )
}

/// `KIND.shrunken`: not less than what was accepted before.
fn not_shrunken(
    kind: EvidenceKind,
    source: &str,
    distinct: u64,
    context: &Context<'_>,
) -> CriterionResult {
    let before = context.accepted.iter().find(|record| record.kind == kind);
    let fault = before
        .filter(|before| before.distinct > distinct)
        .map(|before| {
            (
                format!(
                    "covers {distinct}, earlier evidence of this cut-over {}",
                    before.distinct
                ),
                "make it again in full, or begin a new cut-over".to_owned(),
            )
        });
    binding(
        format!("{}.whole", kind.name()),
        source,
        fault,
        format!("covers {distinct}"),
    )
    .value(distinct as f64, Unit::Count, distinct)
}

/// A waiver that is valid today.
fn waiver<'c>(endpoint: &str, context: &Context<'c>) -> Option<&'c WaiverConfig> {
    context
        .config
        .waivers
        .iter()
        .find(|waiver| waiver.endpoint == endpoint && waiver.expires.0 >= context.today)
}

#[cfg(test)]
pub(in crate::gate) mod samples;
#[cfg(test)]
mod tests;
