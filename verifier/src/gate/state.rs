//! Where a cut-over stands.
#![deny(clippy::disallowed_methods)]

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::weight::Weight;

/// Where a cut-over stands. What holds it up there (`HOLD`, `DRIFT`) is told beside it, see [`Aside`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub enum State {
    /// Nothing is proved.
    #[default]
    Draft,
    /// Golden files and tokens: core answers as legacy did.
    Verified,
    /// Live traffic: core answers as legacy does.
    Shadowed,
    /// Everything that must be at hand for a rollback is, and a person approved.
    Ready,
    /// Core serves this share of live traffic.
    Canary(Weight),
    /// The main route leads to core.
    Switched,
    /// Core alone; legacy stands by.
    Soak,
    /// Legacy is gone.
    Retired,
    /// On the way back to legacy.
    RollingBack,
    /// Legacy serves everything again.
    RolledBack,
    /// Given up before core served anyone.
    Aborted,
}

impl State {
    /// Whether core may be serving live requests.
    pub const fn is_live(self) -> bool {
        matches!(
            self,
            Self::Canary(_) | Self::Switched | Self::Soak | Self::Retired | Self::RollingBack
        )
    }

    /// Whether nothing follows without a person.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Retired | Self::RolledBack | Self::Aborted)
    }

    /// The state after this one when all goes well; `None` at the end and on the way back.
    pub fn next(self, ladder: &[Weight]) -> Option<Self> {
        let above = |weight: Weight| ladder.iter().copied().find(|rung| *rung > weight);
        Some(match self {
            Self::Draft => Self::Verified,
            Self::Verified => Self::Shadowed,
            Self::Shadowed => Self::Ready,
            Self::Ready => Self::Canary(*ladder.first()?),
            Self::Canary(weight) => above(weight).map_or(Self::Switched, Self::Canary),
            Self::Switched => Self::Soak,
            Self::Soak => Self::Retired,
            Self::Retired | Self::RollingBack | Self::RolledBack | Self::Aborted => return None,
        })
    }

    /// The weight that the split must show in this state; `None` where the split decides nothing.
    pub const fn weight(self) -> Option<Weight> {
        match self {
            Self::Canary(weight) => Some(weight),
            Self::Draft
            | Self::Verified
            | Self::Shadowed
            | Self::Ready
            | Self::RolledBack
            | Self::Aborted => Some(Weight::NONE),
            Self::Switched | Self::Soak | Self::Retired | Self::RollingBack => None,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Draft => "DRAFT",
            Self::Verified => "VERIFIED",
            Self::Shadowed => "SHADOWED",
            Self::Ready => "READY",
            Self::Canary(weight) => return write!(f, "C{}", weight.percent()),
            Self::Switched => "SWITCHED",
            Self::Soak => "SOAK",
            Self::Retired => "RETIRED",
            Self::RollingBack => "ROLLING_BACK",
            Self::RolledBack => "ROLLED_BACK",
            Self::Aborted => "ABORTED",
        })
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "DRAFT" => Self::Draft,
            "VERIFIED" => Self::Verified,
            "SHADOWED" => Self::Shadowed,
            "READY" => Self::Ready,
            "SWITCHED" => Self::Switched,
            "SOAK" => Self::Soak,
            "RETIRED" => Self::Retired,
            "ROLLING_BACK" => Self::RollingBack,
            "ROLLED_BACK" => Self::RolledBack,
            "ABORTED" => Self::Aborted,
            _ => {
                let weight = text
                    .strip_prefix('C')
                    .and_then(|percent| percent.parse().ok())
                    .and_then(Weight::from_percent);
                Self::Canary(weight.ok_or_else(|| format!("`{text}` is no state of a cut-over"))?)
            }
        })
    }
}

impl TryFrom<String> for State {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<State> for String {
    fn from(state: State) -> Self {
        state.to_string()
    }
}

/// What keeps a cut-over where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "side", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Aside {
    /// Something is missing or unclear; it goes on by itself once that is mended.
    Hold {
        /// In words.
        reason: String,
    },
    /// The router is not as the gate left it. A person says which holds: `adopt` or `rollback`.
    Drift {
        /// What is otherwise, and by whom where that is known.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ladder() -> Vec<Weight> {
        [10, 30, 50, 100]
            .into_iter()
            .filter_map(Weight::from_percent)
            .collect()
    }

    #[test]
    fn the_states_follow_each_other_and_read_back_as_they_are_written() {
        let mut state = State::Draft;
        let mut seen = vec![state.to_string()];
        while let Some(next) = state.next(&ladder()) {
            assert_eq!(next.to_string().parse(), Ok(next));
            seen.push(next.to_string());
            state = next;
        }
        assert_eq!(
            seen.join(" "),
            "DRAFT VERIFIED SHADOWED READY C10 C30 C50 C100 SWITCHED SOAK RETIRED"
        );
        for bad in ["C101", "C", "c10", "HOLD", ""] {
            assert!(bad.parse::<State>().is_err(), "{bad}");
        }
    }
}
