#![deny(clippy::disallowed_methods)]
//! Timestamps whose writer leaves the zeros at the end of a fraction away.
//!
//! Java writes `33.584` for 33.584000 s and six digits for nearly every other microsecond, Go cuts each
//! single zero. Where both sides have moments of their own, one of a thousand answers then shows three
//! digits on one side and six on the other, though both write alike. One pair cannot tell this from a
//! side that lost its microseconds; how often it happens can.

use super::{Cell, Manner, NoiseLedger};
use crate::relation::fraction_digits;
use crate::stats::{decided, ln_e_paired, ln_e_up};

/// Chance of holding cut zeros for a changed format, however often one looks.
const ALPHA: f64 = 0.001;

/// Differences that rarity alone may explain, on average. A place may be in few of its endpoint's answers, and
/// then even one whose format always changes is rare among all: so rarity vouches for some, never for many.
const VOUCHED: f64 = 10.0;

/// Why two fractions of different length may be of one format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CutZeros {
    /// Each side is seen with the shorter fraction, and neither much more seldom than the other.
    ByBoth,
    /// Only one side is, though no oftener than fractions end in that many zeros.
    Rare,
}

/// Whether a cell's difference can be zeros that were cut, among `compared` exchanges of its endpoint.
///
/// Of fractions with `D` digits, `10^-(D-d)` end in `D-d` zeros or more. A rate above that, by the
/// anytime-valid test of [`ln_e_up`], is a changed format; exchanges beyond those in which
/// [`VOUCHED`] are to be expected do not count.
pub(super) fn cut_zeros(ledger: &NoiseLedger, cell: &Cell, compared: u64) -> Option<CutZeros> {
    let (from, to) = fractions(&cell.manner)?;
    let mirrored = |other: &&Cell| {
        let place = (&other.key.endpoint, &other.key.place);
        place == (&cell.key.endpoint, &cell.key.place)
            && matches!((&cell.manner, &other.manner),
                (Manner::Format { from, to }, Manner::Format { from: back, to: forth })
                    if (from, to) == (forth, back))
    };
    let mirrored: u64 = ledger.cells.values().filter(mirrored).map(Cell::core).sum();
    let seen = cell.core();
    if mirrored > 0 && seen > 0 {
        let more = ln_e_paired(seen, mirrored).max(ln_e_paired(mirrored, seen));
        if !decided(more, ALPHA) {
            return Some(CutZeros::ByBoth);
        }
    }
    let zeros = i32::try_from(from.abs_diff(to)).ok()?;
    let rate = 0.1_f64.powi(zeros);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "ten to the ninth at most, since a timestamp has nine digits"
    )]
    let vouched = (VOUCHED / rate) as u64;
    let looked_at = compared.clamp(seen, vouched.max(seen));
    (!decided(ln_e_up(looked_at, seen, rate), ALPHA)).then_some(CutZeros::Rare)
}

/// Digits of legacy's fraction and of the other side's, where nothing else of the format differs.
fn fractions(manner: &Manner) -> Option<(usize, usize)> {
    let Manner::Format { from, to } = manner else {
        return None;
    };
    let (from, to) = (fraction_digits(from)?, fraction_digits(to)?);
    (from.1 == to.1 && from.0 != to.0).then_some((from.0, to.0))
}

#[cfg(test)]
mod tests {
    use super::super::{Decision, Looks, NoiseChanges, Paired, decide};
    use super::*;
    use crate::evidence::record::StatusPair;
    use crate::severity::Severity;
    use crate::verdict::{Difference, Kind, Location, Outcome, Verdict};

    fn answers(ledger: &mut NoiseLedger, times: u64, legacy: &str, core: &str) {
        let mut verdict = Verdict::matching();
        verdict.outcome = Outcome::Mismatch;
        verdict.findings = vec![Difference {
            location: Location::Pointer("/at".to_owned()),
            kind: Kind::ValueChange,
            reference: Some(format!("\"2026-01-12T09:00:33{legacy}\"")),
            candidate: Some(format!("\"2026-01-12T09:00:33{core}\"")),
            relation: None,
            severity: Severity::Risky,
            group: "/at".to_owned(),
            rule: None,
            detail: None,
        }];
        let statuses = StatusPair {
            reference: 200,
            candidate: Some(200),
        };
        for _ in 0..times {
            let paired = Paired {
                endpoint: "POST /a",
                statuses,
                core: &verdict,
                twin: None,
            };
            ledger.observe(&paired, &mut NoiseChanges::default());
        }
    }

    #[test]
    fn a_fraction_that_ends_in_zeros_is_no_changed_format_and_a_lost_one_is() {
        use Decision::{Finding, Noise, Undecided};
        let (three, six, five) = (".584", ".815206", ".81521");
        for (rows, compared, expected) in [
            // As seldom as they come: perhaps, on either side.
            (vec![(1, three, six)], 30, Undecided),
            (vec![(3, three, six)], 1_500, Undecided),
            (vec![(1, six, three)], 30, Undecided),
            // On both sides: each writes both forms.
            (vec![(2, three, six), (1, six, three)], 1_500, Noise),
            (vec![(1, six, three)], 1, Undecided),
            // Core lost its microseconds, always or now and then.
            (vec![(2, six, three)], 2, Finding),
            (vec![(20, six, three)], 1_000, Finding),
            // A place that is in few answers, in each of which the format changes: rare among all, but many.
            (vec![(40, six, three)], 1_000_000, Finding),
            (vec![(40, three, six)], 1_000_000, Finding),
            // Legacy's are shorter on every second answer.
            (vec![(5, three, six)], 10, Finding),
            // A single zero is cut often.
            (vec![(8, six, five)], 90, Undecided),
            (vec![(8, six, five), (9, five, six)], 90, Noise),
            (vec![(30, six, five)], 60, Finding),
            // The other direction once excuses no habit.
            (vec![(40, six, three), (1, three, six)], 60, Finding),
            // More than the digits differs.
            (vec![(1, ".584Z", six)], 1_000, Finding),
            (vec![(1, ".584", ".584000Z")], 1_000, Finding),
        ] {
            let mut ledger = NoiseLedger::default();
            for (times, legacy, core) in &rows {
                answers(&mut ledger, *times, legacy, core);
            }
            let looks = Looks {
                compared,
                paired: 0,
            };
            let decisions = decide(&ledger, |_| looks);
            let worst = decisions.groups.values().max().copied();
            assert_eq!(worst, Some(expected), "{rows:?} of {compared}");
        }
    }
}
