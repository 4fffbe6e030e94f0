//! Whether core gets the share of live traffic that the router was told to give it.
#![deny(clippy::disallowed_methods)]

use std::time::Duration;

use super::clock::Moment;
use crate::stats::{binomial_interval, ln_e_two_sided};

/// With everything at core, legacy may still count its own health checks and scrapes: one in twenty.
const REST_AT_LEGACY: u64 = 20;

/// What counts say of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Too little to say.
    Unknown,
    /// As it is to be.
    Right,
    /// Otherwise: at most once in a thousand by chance, however often it is looked at.
    Wrong,
}

/// Judges `core` of `core + legacy` answers against `share`, 0 to 1. Right is within the binomial 99.9 %
/// interval; wrong is an e-value of 1000 (Ville's inequality), because this is asked at every look.
pub fn judge(core: u64, legacy: u64, share: f64) -> Shown {
    let all = core.saturating_add(legacy);
    if share >= 1.0 {
        return match (core, legacy) {
            (0, 0) => Shown::Unknown,
            (0, _) => Shown::Wrong,
            _ if legacy <= all / REST_AT_LEGACY => Shown::Right,
            _ => Shown::Unknown,
        };
    }
    if ln_e_two_sided(all, core, share, 0.5, 0.5) >= 1000_f64.ln() {
        return Shown::Wrong;
    }
    let within = binomial_interval(all, share, 0.001);
    let tells = within.lower > 0 && within.upper < all;
    if tells && (within.lower..=within.upper).contains(&core) {
        Shown::Right
    } else {
        Shown::Unknown
    }
}

/// The share since the router was told. A wrong one is held first and counted afresh: routers and
/// sessions take their time. Only what is wrong in the fresh counts too persists. Once it was right it stays
/// so: both sides' counts are read at different moments, and a busy second moves them apart; that somebody
/// else moves the share is seen at the router.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ShareWatch {
    /// Answers of core and of legacy.
    all: (u64, u64),
    /// Those since it was found wrong.
    fresh: (u64, u64),
    shown: bool,
    wrong_since: Option<Moment>,
    persists: bool,
}

impl ShareWatch {
    /// One that another process began.
    pub fn go_on(shown: bool, wrong_since: Option<Moment>) -> Self {
        Self {
            shown,
            wrong_since: wrong_since.filter(|_| !shown),
            ..Self::default()
        }
    }

    /// Adds the answers of one look.
    pub fn add(&mut self, core: u64, legacy: u64, share: f64, now: Moment) {
        if self.shown {
            return;
        }
        for sum in [&mut self.all, &mut self.fresh] {
            sum.0 = sum.0.saturating_add(core);
            sum.1 = sum.1.saturating_add(legacy);
        }
        let [all, fresh] = [self.all, self.fresh].map(|(core, legacy)| judge(core, legacy, share));
        let found = self.wrong_since.is_some();
        if all == Shown::Right || (found && fresh == Shown::Right) {
            self.shown = true;
            self.wrong_since = None;
            self.persists = false;
        } else if found {
            self.persists = fresh == Shown::Wrong;
        } else if all == Shown::Wrong {
            self.wrong_since = Some(now);
            self.fresh = (0, 0);
        }
    }

    /// Whether the share was once as it is to be.
    pub const fn is_shown(&self) -> bool {
        self.shown
    }

    /// When it was found wrong, if it is.
    pub const fn wrong_since(&self) -> Option<Moment> {
        self.wrong_since
    }

    /// How long it has been wrong at `now`, and whether what came since says so as well.
    pub fn wrong_for(&self, now: Moment) -> Option<(Duration, bool)> {
        self.wrong_since
            .map(|since| (now.since(since), self.persists))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_right_wrong_or_not_known_yet() {
        use Shown::{Right, Unknown, Wrong};
        for (core, legacy, share, shown) in [
            (0, 0, 0.1, Unknown),
            (1, 9, 0.1, Unknown),
            (100, 900, 0.1, Right),
            (140, 860, 0.1, Unknown),
            (200, 800, 0.1, Wrong),
            (0, 1_000, 0.1, Wrong),
            (1_000, 0, 0.5, Wrong),
            (0, 5, 1.0, Wrong),
            (95, 5, 1.0, Right),
            (94, 6, 1.0, Unknown),
        ] {
            assert_eq!(judge(core, legacy, share), shown, "{core} {legacy} {share}");
        }
    }

    #[test]
    fn a_wrong_share_is_counted_afresh_before_it_counts_as_lasting() {
        let at = |seconds| Moment {
            wall_ms: 0,
            monotonic: Duration::from_secs(seconds),
        };
        let mut watch = ShareWatch::default();
        watch.add(0, 1_000, 0.1, at(10));
        assert_eq!(
            watch.wrong_for(at(12)),
            Some((Duration::from_secs(2), false))
        );
        watch.add(0, 1_000, 0.1, at(20));
        assert_eq!(
            watch.wrong_for(at(20)),
            Some((Duration::from_secs(10), true))
        );
        // A router that was late: what came before is no longer held against it.
        let mut watch = ShareWatch::default();
        watch.add(0, 1_000, 0.1, at(10));
        watch.add(100, 900, 0.1, at(20));
        assert_eq!((watch.wrong_for(at(20)), watch.is_shown()), (None, true));
    }
}
