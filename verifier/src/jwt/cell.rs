#![deny(clippy::disallowed_methods)]
//! What was tried, what came of it, and what that means: the values every JWT check ends in.

use std::fmt;

use crate::catalogue::auth::Known;
use crate::severity::Severity;

/// One of the two services.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The old service, the measure of the new one.
    Legacy,
    /// The new service.
    Core,
}

impl Side {
    /// Both, legacy first.
    pub const BOTH: [Self; 2] = [Self::Legacy, Self::Core];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Legacy => Self::Core,
            Self::Core => Self::Legacy,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Legacy => "legacy",
            Self::Core => "core",
        })
    }
}

/// One value a side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pair<T> {
    /// Legacy's.
    pub legacy: T,
    /// Core's.
    pub core: T,
}

impl<T> Pair<T> {
    /// The value of one side.
    pub const fn of(&self, side: Side) -> &T {
        match side {
            Side::Legacy => &self.legacy,
            Side::Core => &self.core,
        }
    }
}

/// What a service made of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 2xx.
    Accepted(u16),
    /// The bearer is believed, and may not: 403, or 404 and 405 where a service hides what it refuses.
    Forbidden(u16),
    /// The bearer is not believed, or the request not understood.
    Refused(u16),
    /// 5xx.
    Broken(u16),
    /// No answer, and why.
    Silent(String),
}

impl Outcome {
    /// By status code.
    pub fn of(status: u16) -> Self {
        match status {
            200..=299 => Self::Accepted(status),
            403..=405 => Self::Forbidden(status),
            500.. => Self::Broken(status),
            _ => Self::Refused(status),
        }
    }

    /// Whether the door opened.
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted(_))
    }

    /// Whether two outcomes mean the same to a client, whatever the exact code.
    pub fn same_class(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// The status code, when there was one.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Accepted(status)
            | Self::Forbidden(status)
            | Self::Refused(status)
            | Self::Broken(status) => Some(*status),
            Self::Silent(_) => None,
        }
    }

    /// The class in one word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Forbidden(_) => "forbidden",
            Self::Refused(_) => "refused",
            Self::Broken(_) => "broken",
            Self::Silent(_) => "no answer",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent(why) => write!(f, "no answer: {why}"),
            other => write!(f, "{} {}", other.word(), other.status().unwrap_or_default()),
        }
    }
}

/// A group of checks; `--only` picks by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Both services sign with one key.
    Key,
    /// Tokens of each at each.
    Interchange,
    /// What the tokens say.
    Claims,
    /// Forged tokens.
    Forgery,
    /// Accounts changed under their tokens.
    Revocation,
}

impl Check {
    /// All, in the order they run.
    pub const ALL: [Self; 5] = [
        Self::Key,
        Self::Interchange,
        Self::Claims,
        Self::Forgery,
        Self::Revocation,
    ];

    /// Name in reports and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Interchange => "interchange",
            Self::Claims => "claims",
            Self::Forgery => "forgery",
            Self::Revocation => "revocation",
        }
    }
}

/// What a cell came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Holds,
    /// Not as it should be; a finding names it.
    Fails,
    /// A weakness somebody answers for.
    Known,
    /// Could not be judged, and why.
    NotJudged(String),
    /// Nobody asked for it, and how to.
    NotAsked(String),
}

impl Verdict {
    /// The word for it in JSON.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::Known => "known",
            Self::NotJudged(_) => "not judged",
            Self::NotAsked(_) => "not asked",
        }
    }

    /// The sign for it in tables.
    pub const fn sign(&self) -> &'static str {
        match self {
            Self::Holds | Self::Known => "✓",
            Self::Fails => "✗",
            Self::NotJudged(_) | Self::NotAsked(_) => "–",
        }
    }
}

/// One token shown to one verifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its group.
    pub check: Check,
    /// `access/legacy-core/ADMIN/GET /my`: unique in a report.
    pub name: String,
    /// Who made the token; `None` for a forged one.
    pub issuer: Option<Side>,
    /// Who was to judge it; `None` where the two sides are compared.
    pub verifier: Option<Side>,
    /// What kind of token: `access`, `refresh`, or the forged token's name.
    pub token: String,
    /// The bearer's role.
    pub role: String,
    /// What it was tried on.
    pub probe: String,
    /// What should come of it.
    pub expected: String,
    /// What came of it.
    pub got: String,
    /// What that means.
    pub verdict: Verdict,
}

impl Cell {
    /// Whether `name` names this cell: the group, a leading part of the cell's name, or the token.
    pub fn is_named(&self, name: &str) -> bool {
        self.check.name() == name
            || self.token == name
            || self
                .name
                .strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Something a user of the services would meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its group.
    pub check: Check,
    /// Where: `key/core`, `access/legacy-core`, `claims/access.sub`, `forgery/alg-none`.
    pub name: String,
    /// How bad.
    pub severity: Severity,
    /// What is wrong.
    pub what: String,
    /// What a client, or the other verifier, would notice.
    pub effect: String,
    /// What to do about it.
    pub remedy: String,
    /// Names of the cells that show it.
    pub cells: Vec<String>,
}

/// An accepted weakness that was met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownMet {
    /// As the catalogue says it.
    pub known: Known,
    /// Names of the cells that show it.
    pub cells: Vec<String>,
}

/// What a group of checks adds to the report.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Cells in the order they were tried.
    pub cells: Vec<Cell>,
    /// Findings, not sorted yet.
    pub findings: Vec<Finding>,
    /// Accepted weaknesses that were met.
    pub known: Vec<KnownMet>,
    /// Accepted weaknesses that were looked for and are no more.
    pub mended: Vec<Known>,
    /// What a reader should know beside.
    pub notes: Vec<String>,
}

impl Outcomes {
    /// Takes over everything of `other`.
    pub fn extend(&mut self, other: Self) {
        self.cells.extend(other.cells);
        self.findings.extend(other.findings);
        for known in other.known {
            self.meet(&known.known, known.cells);
        }
        self.notes.extend(other.notes);
    }

    /// Notes that an accepted weakness was met.
    pub fn meet(&mut self, known: &Known, cells: Vec<String>) {
        match self.known.iter_mut().find(|met| met.known == *known) {
            Some(met) => met.cells.extend(cells),
            None => self.known.push(KnownMet {
                known: known.clone(),
                cells,
            }),
        }
    }

    /// Adds a cell to a finding that explains it already. False when there is none of these names.
    pub fn blame(&mut self, names: &[String], cell: &str) -> bool {
        let named = |finding: &&mut Finding| names.contains(&finding.name);
        match self.findings.iter_mut().find(named) {
            Some(finding) => {
                finding.cells.push(cell.to_owned());
                true
            }
            None => false,
        }
    }

    /// Adds a finding, or its cells to one of the same name and words.
    pub fn find(&mut self, finding: Finding) {
        let same = |other: &&mut Finding| {
            other.name == finding.name
                && other.what == finding.what
                && other.effect == finding.effect
        };
        match self.findings.iter_mut().find(same) {
            Some(other) => {
                other.cells.extend(finding.cells);
                other.severity = other.severity.max(finding.severity);
            }
            None => self.findings.push(finding),
        }
    }
}

/// A whole run.
#[derive(Debug)]
pub struct JwtReport {
    /// Base addresses.
    pub targets: Pair<String>,
    /// The catalogue file.
    pub catalogue: String,
    /// SHA-256 of that file.
    pub catalogue_sha256: String,
    /// Which core answered, where that was said.
    pub core: crate::report::bound::CoreClaim,
    /// When the run started (RFC 3339).
    pub started: String,
    /// How long it took.
    pub duration: std::time::Duration,
    /// How far each server's clock is ahead of this machine's, in milliseconds, where it could be told.
    pub skew_ms: Pair<Option<i64>>,
    /// What the tool took for granted.
    pub assumed: Vec<String>,
    /// Names whose cells need not be judged.
    pub waived: Vec<String>,
    /// What the checks found.
    pub outcomes: Outcomes,
}

impl JwtReport {
    /// Cells that should have been judged, were not, and are not waived.
    pub fn gaps(&self) -> impl Iterator<Item = &Cell> {
        self.outcomes.cells.iter().filter(|cell| {
            matches!(cell.verdict, Verdict::NotJudged(_))
                && !self.waived.iter().any(|name| cell.is_named(name))
        })
    }

    /// Findings come before gaps; a run that judged nothing is a gap.
    pub fn exit(&self) -> crate::report::Exit {
        use crate::report::Exit;
        let judged =
            |cell: &Cell| !matches!(cell.verdict, Verdict::NotJudged(_) | Verdict::NotAsked(_));
        if !self.outcomes.findings.is_empty() {
            Exit::Differences
        } else if self.gaps().next().is_some() || !self.outcomes.cells.iter().any(judged) {
            Exit::Incomplete
        } else {
            Exit::Green
        }
    }
}
