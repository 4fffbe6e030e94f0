//! How much live traffic core serves.
#![deny(clippy::disallowed_methods)]

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Share of live traffic that core serves through the split, in whole percent, `0..=100`.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(try_from = "u8", into = "u8")]
#[schemars(extend("maximum" = 100))]
pub struct Weight(u8);

impl Weight {
    /// Everything is served by legacy: the place every rollback returns to.
    pub const NONE: Self = Self(0);
    /// Everything that the split decides goes to core.
    pub const ALL: Self = Self(100);

    /// Returns `None` above 100.
    pub const fn from_percent(percent: u8) -> Option<Self> {
        if percent <= 100 {
            Some(Self(percent))
        } else {
            None
        }
    }

    /// In percent.
    pub const fn percent(self) -> u8 {
        self.0
    }

    /// As a share, `0.0..=1.0`.
    pub fn share(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// Whether core serves nothing.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl TryFrom<u8> for Weight {
    type Error = String;

    fn try_from(percent: u8) -> Result<Self, String> {
        Self::from_percent(percent)
            .ok_or_else(|| format!("{percent} is no weight: write 0 to 100 percent"))
    }
}

impl From<Weight> for u8 {
    fn from(weight: Weight) -> Self {
        weight.0
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}
