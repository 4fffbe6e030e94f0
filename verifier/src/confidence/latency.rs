#![deny(clippy::disallowed_methods)]
//! Whether core is as fast as legacy: pairs of one request decide, the tails and quantiles of each side
//! stand beside them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ConfidenceConfig;
use crate::evidence::pace::{Paces, Tolerance};
use crate::evidence::record::Histogram;
use crate::stats::{
    Interval, confidence_sequence, decided, e_value, ln_e_low, ln_e_paired, ln_e_up,
    order_statistic_bounds,
};

/// The times whose exceedance is counted; both are edges of the histograms.
pub const SLOW: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
/// The quantiles that are shown.
pub const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];
/// Core is called slower only if slower requests outnumber faster ones by this share of all: with
/// enough traffic any imbalance can be shown, also one that nobody would notice.
pub const MATERIAL_SHARE: f64 = 0.1;
/// Share of requests that may be above a time for it to bound the 99th percentile.
const P99: f64 = 0.01;

/// What may be said of core's speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LatencyStanding {
    /// For most requests core is no slower than is tolerated, and nothing speaks against it.
    AsFast,
    /// Slower requests outnumber faster ones, or core is above a limit more often.
    Slower,
    /// Neither is shown.
    NotYet,
    /// No request was timed on both sides.
    NoData,
}

impl LatencyStanding {
    /// The word of the reports.
    pub const fn text(self) -> &'static str {
        match self {
            Self::AsFast => "as fast",
            Self::Slower => "slower",
            Self::NotYet => "not yet",
            Self::NoData => "no data",
        }
    }
}

/// All endpoints together: one that is slower suffices, and as fast is only what is so throughout.
pub fn latency_together(standings: impl IntoIterator<Item = LatencyStanding>) -> LatencyStanding {
    use LatencyStanding::{NoData, NotYet, Slower};
    let mut all = None;
    for next in standings {
        all = Some(match (all, next) {
            (Some(Slower), _) | (_, Slower) => Slower,
            (None, first) => first,
            (Some(so_far), next) if so_far == next => next,
            _ => NotYet,
        });
    }
    all.unwrap_or(NoData)
}

/// How often a side was slower than some time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exceedance {
    /// Answers that were timed.
    pub answers: u64,
    /// Of these, slower.
    pub above: u64,
    /// The rates that are not ruled out, however often one looks.
    pub rate: Interval,
}

impl Exceedance {
    fn of(histogram: &Histogram, over: Duration, alpha: f64) -> Self {
        let answers = histogram.total();
        let above = histogram.above(over).unwrap_or(0);
        Self {
            answers,
            above,
            rate: confidence_sequence(answers, above, alpha),
        }
    }

    fn value(&self) -> Value {
        let ln_below = ln_e_low(self.answers, self.above, P99);
        let ln_above = ln_e_up(self.answers, self.above, P99);
        json!({
            "answers": self.answers,
            "above": self.above,
            "rate_lower": self.rate.lower,
            "rate_upper": self.rate.upper,
            // "The 99th percentile is below" and "is above" this time.
            "e_p99_below": e_value(ln_below),
            "ln_e_p99_below": ln_below,
            "e_p99_above": e_value(ln_above),
            "ln_e_p99_above": ln_above,
        })
    }
}

/// Between which times a quantile lies, each bound wrong with probability `alpha` at most: the values
/// of two ranks ([`order_statistic_bounds`]), as exactly as a histogram knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuantileBounds {
    /// It is above this; `None` where too few answers were timed.
    pub lower: Option<Duration>,
    /// It is not above this; `None` where too few answers were timed, or beyond the last bucket.
    pub upper: Option<Duration>,
}

impl QuantileBounds {
    /// Bounds the `q` quantile.
    pub fn of(histogram: &Histogram, q: f64, alpha: f64) -> Self {
        let ranks = order_statistic_bounds(histogram.total(), q, alpha);
        Self {
            lower: ranks.lower.map(|rank| histogram.bucket_of(rank).0),
            upper: ranks.upper.and_then(|rank| histogram.bucket_of(rank).1),
        }
    }

    /// For a reader: `25–50 ms`; `-` where nothing is known.
    pub fn text(&self) -> String {
        let shown = |at: Duration| match at.as_secs_f64() {
            seconds if seconds < 1.0 => (format!("{}", seconds * 1e3), "ms"),
            seconds => (format!("{seconds}"), "s"),
        };
        let whole = |at: Duration| {
            let (number, unit) = shown(at);
            format!("{number} {unit}")
        };
        match (self.lower.filter(|lower| !lower.is_zero()), self.upper) {
            (None, None) => "-".to_owned(),
            (None, Some(upper)) => format!("≤{}", whole(upper)),
            (Some(lower), None) => format!(">{}", whole(lower)),
            (Some(lower), Some(upper)) => {
                let ((number, unit), (_, other)) = (shown(lower), shown(upper));
                let lower = if unit == other { number } else { whole(lower) };
                format!("{lower}–{}", whole(upper))
            }
        }
    }
}

/// The latency of one endpoint, weighed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyAssessment {
    /// Requests that were timed on both sides.
    pub paces: Paces,
    /// `ln E` for "core is slower more often than it is faster", beyond the tolerance.
    pub ln_e_slower: f64,
    /// `ln E` for "most requests are no slower at core", beyond the tolerance.
    pub ln_e_as_fast: f64,
    /// By [`SLOW`]: legacy's rate and core's.
    pub exceedances: [[Exceedance; 2]; SLOW.len()],
    /// What may be said.
    pub standing: LatencyStanding,
}

impl LatencyAssessment {
    /// Weighs the pairs and both sides' histograms.
    pub fn of(
        paces: Paces,
        legacy: &Histogram,
        core: &Histogram,
        demand: &ConfidenceConfig,
    ) -> Self {
        let alpha = demand.alpha;
        let no_slower = paces.faster.saturating_add(paces.alike);
        let ln_e_slower = ln_e_paired(paces.slower, paces.faster);
        let ln_e_as_fast = ln_e_paired(no_slower, paces.slower);
        // Two intervals, so each at half of the risk.
        let exceedances = SLOW.map(|over| {
            [legacy, core].map(|histogram| Exceedance::of(histogram, over, alpha / 2.0))
        });
        let more_often = exceedances
            .iter()
            .any(|[legacy, core]| core.rate.lower > legacy.rate.upper);
        let surplus = paces.slower.saturating_sub(paces.faster) as f64;
        let material = surplus >= MATERIAL_SHARE * paces.total() as f64;
        let standing = if paces.total() == 0 {
            LatencyStanding::NoData
        } else if more_often || (material && decided(ln_e_slower, alpha)) {
            LatencyStanding::Slower
        } else if decided(ln_e_as_fast, alpha) {
            LatencyStanding::AsFast
        } else {
            LatencyStanding::NotYet
        };
        Self {
            paces,
            ln_e_slower,
            ln_e_as_fast,
            exceedances,
            standing,
        }
    }

    /// For programs; the histograms are those that were weighed.
    pub fn value(&self, legacy: &Histogram, core: &Histogram, demand: &ConfidenceConfig) -> Value {
        let quantiles = |histogram: &Histogram| -> Value {
            let seconds = |bound: Option<Duration>| bound.map(|bound| bound.as_secs_f64());
            QUANTILES
                .into_iter()
                .map(|q| {
                    let bounds = QuantileBounds::of(histogram, q, demand.alpha);
                    let name = format!("p{:.0}", q * 100.0);
                    let told = json!({
                        "lower_s": seconds(bounds.lower),
                        "upper_s": seconds(bounds.upper),
                    });
                    (name, told)
                })
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let slow: Vec<Value> = SLOW
            .iter()
            .zip(&self.exceedances)
            .map(|(over, [legacy, core])| {
                json!({
                    "over_s": over.as_secs_f64(),
                    "legacy": legacy.value(),
                    "core": core.value(),
                })
            })
            .collect();
        json!({
            "verdict": self.standing,
            "slower": self.paces.slower,
            "faster": self.paces.faster,
            "alike": self.paces.alike,
            "e_slower": e_value(self.ln_e_slower),
            "ln_e_slower": self.ln_e_slower,
            "e_as_fast": e_value(self.ln_e_as_fast),
            "ln_e_as_fast": self.ln_e_as_fast,
            "exceedance": slow,
            "quantiles": {"legacy": quantiles(legacy), "core": quantiles(core)},
        })
    }
}

impl ConfidenceConfig {
    /// By how much core may be slower than legacy with one request and still be alike.
    pub fn tolerance(&self) -> Tolerance {
        Tolerance {
            share: self.slower_percent / 100.0,
            least: Duration::try_from_secs_f64(self.slower_ms / 1e3).unwrap_or(Duration::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(answers: &[(u64, u64)]) -> Histogram {
        let mut all = Histogram::default();
        for (count, ms) in answers {
            for _ in 0..*count {
                all.record(Duration::from_millis(*ms));
            }
        }
        all
    }

    fn weigh(paces: (u64, u64, u64), legacy: &Histogram, core: &Histogram) -> LatencyAssessment {
        let (slower, faster, alike) = paces;
        let paces = Paces {
            slower,
            faster,
            alike,
        };
        LatencyAssessment::of(paces, legacy, core, &ConfidenceConfig::default())
    }

    #[test]
    fn pairs_have_their_published_evidence() {
        let none = Histogram::default();
        for (slower, faster, e) in [
            (1, 0, 1.5),
            (4, 0, 6.2),
            (5, 0, 10.5),
            (6, 0, 127.0 / 7.0),
            (7, 0, 31.875),
            (10, 2, 9.440_559_440_559_44),
            (20, 10, 2.224_093_349_005_086),
            (30, 30, 0.159_814_141_177_785),
        ] {
            let seen = weigh((slower, faster, 0), &none, &none).ln_e_slower.exp();
            assert!((seen - e).abs() < 1e-8 * e, "{slower}:{faster} {seen}");
            // The same evidence with the sides exchanged.
            let turned = weigh((faster, slower, 0), &none, &none).ln_e_as_fast.exp();
            assert!((turned - seen).abs() < 1e-9 * seen, "{slower}:{faster}");
        }
    }

    #[test]
    fn core_is_slower_when_pairs_or_tails_show_it_and_as_fast_when_nothing_speaks_against_it() {
        use LatencyStanding::{AsFast, NoData, NotYet, Slower};
        let none = Histogram::default();
        let quick = histogram(&[(1_000, 3)]);
        let tail = histogram(&[(900, 3), (100, 700)]);
        for (paces, core, standing) in [
            ((0, 0, 0), &none, NoData),
            ((6, 0, 0), &none, NotYet),
            ((7, 0, 0), &none, Slower),
            ((0, 0, 6), &none, NotYet),
            ((0, 0, 7), &none, AsFast),
            ((0, 7, 0), &none, AsFast),
            // A tenth of all: shown, and large enough to matter.
            ((110, 10, 880), &quick, Slower),
            // Shown, and too small for anybody to notice.
            ((90, 30, 880), &quick, AsFast),
            ((500, 500, 0), &quick, NotYet),
            // The usual request is as fast; one in ten takes more than half a second.
            ((90, 0, 910), &tail, Slower),
        ] {
            let seen = weigh(paces, &quick, core);
            assert_eq!(seen.standing, standing, "{paces:?} {seen:?}");
        }
        for (all, together) in [
            (vec![], NoData),
            (vec![AsFast, AsFast], AsFast),
            (vec![AsFast, NoData], NotYet),
            (vec![NotYet, Slower, AsFast], Slower),
        ] {
            assert_eq!(latency_together(all.clone()), together, "{all:?}");
        }
    }

    #[test]
    fn a_share_above_half_a_second_has_its_published_bounds() {
        let weighed = |answers: u64, slow: u64| {
            let core = histogram(&[(answers - slow, 1), (slow, 501)]);
            Exceedance::of(&core, SLOW[0], 0.05)
        };
        for (answers, slow, lower, upper) in [
            (10, 0, 0.0, 0.376_987_35),
            (100, 1, 0.000_014_18, 0.084_022_31),
            (1_000, 0, 0.0, 0.006_997_50),
            (1_000, 10, 0.002_406_47, 0.026_164_43),
            (10_000, 10, 0.000_206_81, 0.002_817_16),
        ] {
            let seen = weighed(answers, slow);
            assert_eq!((seen.answers, seen.above), (answers, slow));
            assert!((seen.rate.lower - lower).abs() < 1e-8, "{seen:?}");
            assert!((seen.rate.upper - upper).abs() < 1e-8, "{seen:?}");
        }
        for (answers, slow, name, ln_e) in [
            (299, 0, "ln_e_p99_below", 1.856_153_913_0),
            (1_000, 2, "ln_e_p99_below", 3.812_967_116_0),
            (100, 5, "ln_e_p99_above", 1.238_174_041_9),
            (1_000, 20, "ln_e_p99_above", -0.575_729_078_5),
            (1_000, 10, "ln_e_p99_above", -5.366_824_189_9),
        ] {
            let seen = weighed(answers, slow).value()[name]
                .as_f64()
                .expect("a number");
            assert!(
                (seen - ln_e).abs() < 1e-8,
                "{answers} {slow} {name}: {seen}"
            );
        }
    }

    #[test]
    fn quantiles_lie_between_the_buckets_of_their_published_ranks() {
        let ms = |ms: u64| Some(Duration::from_millis(ms));
        // Of 1,000 answers the ranks 985 and 996 bound the 99th percentile; of 299 only the last does.
        for (answers, lower, upper) in [
            (vec![(984, 1), (16, 30)], ms(25), ms(50)),
            (vec![(985, 1), (15, 30)], ms(0), ms(50)),
            (vec![(995, 1), (5, 30)], ms(0), ms(50)),
            (vec![(996, 1), (4, 30)], ms(0), ms(1)),
            (vec![(995, 1), (5, 60_000)], ms(0), None),
            (vec![(298, 1), (1, 700)], ms(0), ms(1_000)),
            (vec![(298, 1)], ms(0), None),
            (vec![], None, None),
        ] {
            let seen = QuantileBounds::of(&histogram(&answers), 0.99, 0.05);
            assert_eq!((seen.lower, seen.upper), (lower, upper), "{answers:?}");
        }
        for (lower, upper, text) in [
            (None, None, "-"),
            (ms(0), None, "-"),
            (ms(0), ms(50), "≤50 ms"),
            (ms(25), ms(50), "25–50 ms"),
            (ms(25), ms(2_000), "25 ms–2 s"),
            (ms(10_000), None, ">10 s"),
        ] {
            assert_eq!(QuantileBounds { lower, upper }.text(), text);
        }
    }
}
