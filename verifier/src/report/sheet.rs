#![deny(clippy::disallowed_methods)]
//! One page of results, whatever they came from: what the HTML, Markdown and `JUnit` forms are made of.
//!
//! A replay, a comparison, the evidence of live traffic and the token checks each fill one [`Sheet`];
//! the forms know nothing of where it came from.

use super::Exit;
use crate::severity::Severity;
use crate::verdict::Difference;

/// A page of results. All texts are raw: each form makes them harmless in its own way.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// What was done: `replay`, `shadow traffic`. Also tells a comment of ours from others'.
    pub title: String,
    /// How it ended.
    pub exit: Exit,
    /// The verdict in one line.
    pub verdict: String,
    /// Counts worth a glance, as name and number.
    pub counts: Vec<(&'static str, String)>,
    /// Where, when, with which catalogue.
    pub facts: Vec<String>,
    /// Why it is not the whole truth.
    pub gaps: Vec<String>,
    /// What a reader should know besides.
    pub warnings: Vec<String>,
    /// What the two sides are called.
    pub sides: [&'static str; 2],
    /// Tables, the most important first.
    pub grids: Vec<Grid>,
    /// What differs, the worst first.
    pub items: Vec<Item>,
    /// One by one, what a build server should list.
    pub checks: Vec<Check>,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Grid {
    /// Its heading.
    pub title: &'static str,
    /// Names of its columns; a number's begins with `#`.
    pub columns: Vec<&'static str>,
    /// As many cells a row.
    pub rows: Vec<Vec<String>>,
    /// Whether it is shown only on demand.
    pub folded: bool,
}

/// One thing that differs.
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// Its name.
    pub title: String,
    /// What it is about, smaller.
    pub subtitle: String,
    /// How bad.
    pub severity: Option<Severity>,
    /// What to know of it.
    pub facts: Vec<String>,
    /// Place by place.
    pub changes: Vec<Change>,
    /// Places beyond these.
    pub more_changes: u64,
    /// How to ask the services oneself.
    pub commands: Vec<String>,
    /// Unified diff of both answers.
    pub diff: Option<String>,
    /// Where to read on; shown as a link only if it is one of the web.
    pub link: Option<String>,
    /// Whether other items say it already.
    pub minor: bool,
}

/// One place that differs.
#[derive(Clone, Debug)]
pub struct Change {
    /// `status`, `header:NAME`, `body` or a JSON Pointer.
    pub at: String,
    /// What changed.
    pub kind: String,
    /// How bad.
    pub severity: Severity,
    /// The reference's value.
    pub reference: Option<String>,
    /// The candidate's value.
    pub candidate: Option<String>,
    /// How they are related.
    pub remark: String,
}

impl From<&Difference> for Change {
    fn from(finding: &Difference) -> Self {
        Self {
            at: finding.location.to_string(),
            kind: finding.kind.to_string(),
            severity: finding.severity,
            reference: finding.reference.clone(),
            candidate: finding.candidate.clone(),
            remark: super::text::remark(finding),
        }
    }
}

/// One line of a build server's list.
#[derive(Clone, Debug)]
pub struct Check {
    /// What it belongs to: an endpoint.
    pub suite: String,
    /// Its name.
    pub name: String,
    /// How long it took.
    pub seconds: Option<f64>,
    /// The file it is written in.
    pub file: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// What to know although it passed.
    pub remarks: Vec<String>,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Good.
    Passed,
    /// It differs.
    Failed {
        /// The kind of the worst difference.
        kind: String,
        /// In one line.
        message: String,
        /// All of it.
        text: String,
    },
    /// It could not be judged.
    Broken(String),
    /// It was not asked, on purpose or since another failed.
    Skipped(String),
}

impl Sheet {
    /// The sign of the verdict.
    pub fn sign(&self) -> &'static str {
        match self.exit {
            Exit::Green => "✅",
            Exit::Differences => "❌",
            Exit::Usage | Exit::Incomplete => "⚠️",
        }
    }
}
