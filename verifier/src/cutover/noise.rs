#![deny(clippy::disallowed_methods)]
//! Legacy's second answers, which show where legacy differs from itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Where second answers of legacy come from.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NoiseConfig {
    /// Base address of a second legacy over the same data, which gets a copy of each shadowed safe
    /// request.
    pub legacy_twin: Option<String>,
    /// Without one: share of shadowed safe requests that legacy itself is asked a second time, in
    /// percent, `0` to `100`. It is load on legacy beside its clients'.
    #[schemars(range(min = 0, max = 100))]
    pub sample_percent: f64,
}

impl NoiseConfig {
    /// Checks what types cannot express.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !(0.0..=100.0).contains(&self.sample_percent) {
            return Err(ConfigError::Range {
                key: "noise.sample_percent",
                range: "0 to 100",
            });
        }
        if self.legacy_twin.is_some() && self.sample_percent > 0.0 {
            return Err(ConfigError::Range {
                key: "noise.sample_percent",
                range: "0 where `noise.legacy_twin` is given: the twin answers instead",
            });
        }
        Ok(())
    }

    /// Whether second answers are asked for at all.
    pub fn is_on(&self) -> bool {
        self.legacy_twin.is_some() || self.sample_percent > 0.0
    }

    /// In words, for reports: `twin`, or `sample 5 %`.
    pub fn words(&self) -> Option<String> {
        match &self.legacy_twin {
            Some(_) => Some("twin".to_owned()),
            None if self.sample_percent > 0.0 => Some(format!("sample {} %", self.sample_percent)),
            None => None,
        }
    }
}
