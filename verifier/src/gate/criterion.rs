//! One thing that must hold, and whether it does.
#![deny(clippy::disallowed_methods)]

use serde::{Deserialize, Serialize};

use crate::stats::e_value;

/// Whether a criterion holds. The five answers are never folded together, and none of them is a
/// default: what was not looked at has no result at all, and that blocks too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// It holds, and was shown to.
    Pass,
    /// So far nothing speaks against it, but too little was seen to say so.
    Insufficient,
    /// The source answers and knows nothing.
    NoData,
    /// It could not be looked at.
    Error,
    /// It does not hold.
    Fail,
}

impl Verdict {
    /// As in the JSON verdict.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Insufficient => "INSUFFICIENT",
            Self::NoData => "NO_DATA",
            Self::Error => "ERROR",
            Self::Fail => "FAIL",
        }
    }
}

/// What a failing criterion asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weighs {
    /// Evidence that must be there before the next step; without it nothing moves.
    Evidence,
    /// Must hold for the next step; when it does not, the gate waits.
    Step,
    /// Harm to live traffic: when it fails, the gate rolls back.
    Harm,
}

/// What the numbers of a criterion are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A share, `0.0..=1.0`.
    Share,
    /// Seconds.
    Seconds,
    /// How many times another number.
    Times,
    /// Things that were counted.
    Count,
}

/// One criterion with everything needed to check it by hand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CriterionResult {
    /// Stable name, such as `core.errors` or `live.rooms_list`.
    pub name: String,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What it asks for when it does not.
    pub weighs: Weighs,
    /// The value seen, in the unit of `limit`; a rate is a share, `0.0..=1.0`.
    pub value: Option<f64>,
    /// What `value` and `limit` are, where there are any.
    #[serde(default)]
    pub unit: Option<Unit>,
    /// How many observations the value rests on.
    pub n: Option<u64>,
    /// How many more observations would decide it if all were good, where that can be said.
    #[serde(default)]
    pub missing: Option<u64>,
    /// What the value is held against.
    pub limit: Option<f64>,
    /// The e-value, where the criterion is a sequential test; one beyond the largest number is that.
    #[serde(default)]
    pub e_value: Option<f64>,
    /// Its natural logarithm, from -1,000 to 1,000.
    pub ln_e: Option<f64>,
    /// The e-value's logarithm at which the test decides.
    pub ln_e_needed: Option<f64>,
    /// Where the value comes from: a file, a service, the router.
    pub source: String,
    /// What was asked there.
    pub query: Option<String>,
    /// When it was looked at (RFC 3339).
    pub at: String,
    /// In words: what was seen.
    pub why: String,
    /// What would help.
    pub help: Option<String>,
}

impl CriterionResult {
    /// A criterion without numbers; they are added where there are any.
    pub fn new(name: impl Into<String>, weighs: Weighs, verdict: Verdict) -> Self {
        Self {
            name: name.into(),
            verdict,
            weighs,
            value: None,
            unit: None,
            n: None,
            missing: None,
            limit: None,
            e_value: None,
            ln_e: None,
            ln_e_needed: None,
            source: String::new(),
            query: None,
            at: String::new(),
            why: String::new(),
            help: None,
        }
    }

    /// Says what was seen.
    #[must_use]
    pub fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// Says what would help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says where it comes from.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }

    /// Adds the value and how many observations it rests on.
    #[must_use]
    pub fn value(mut self, value: f64, unit: Unit, n: u64) -> Self {
        self.value = value.is_finite().then_some(value);
        self.unit = Some(unit);
        self.n = Some(n);
        self
    }

    /// Says how many more good observations would decide it.
    #[must_use]
    pub fn missing(mut self, missing: Option<u64>) -> Self {
        self.missing = missing;
        self
    }

    /// Adds what the value is held against.
    #[must_use]
    pub fn limit(mut self, limit: f64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Adds the sequential test.
    #[must_use]
    pub fn e_value(mut self, ln_e: f64, needed: f64) -> Self {
        self.e_value = Some(e_value(ln_e));
        // JSON has no infinity; e^±1000 is one for every purpose here.
        self.ln_e = Some(ln_e.clamp(-1_000.0, 1_000.0));
        self.ln_e_needed = Some(needed);
        self
    }
}
