//! Delta debugging: the smallest part of a request that still shows a difference.
//!
//! Parts are left away in blocks, first half of all, then ever smaller, as `ddmin` of Zeller and
//! Hildebrandt ("Simplifying and Isolating Failure-Inducing Input", 2002, section 3) does with
//! complements. What is left is 1-minimal: without any single part the difference is gone.
//!
//! Nothing is sent here. Whoever can send asks [`Reduction::candidate`] what to try and tells
//! [`Reduction::tell`] what came of it.

#![deny(clippy::disallowed_methods)]

/// A reduction under way.
#[derive(Clone, Debug)]
pub struct Reduction<T> {
    parts: Vec<T>,
    /// How many parts are left away at once; 0 once nothing is left to try.
    block: usize,
    /// Where the next block begins.
    at: usize,
    /// Whether something went since blocks had this size.
    shrank: bool,
}

impl<T: Clone> Reduction<T> {
    /// Begins with all parts, which must show the difference.
    pub fn new(parts: Vec<T>) -> Self {
        Self {
            block: parts.len().div_ceil(2),
            parts,
            at: 0,
            shrank: false,
        }
    }

    /// The parts to try next; `None` at the end.
    pub fn candidate(&self) -> Option<Vec<T>> {
        if self.block == 0 {
            return None;
        }
        let mut parts = self.parts.clone();
        parts.drain(self.at..self.end());
        Some(parts)
    }

    /// Tells whether the last candidate still shows the same difference. A try that failed for another
    /// reason does not: what cannot be told is kept.
    pub fn tell(&mut self, still: bool) {
        if self.block == 0 {
            return;
        }
        let end = self.end();
        if still {
            self.parts.drain(self.at..end);
            self.shrank = true;
        } else {
            self.at = end;
        }
        if self.at < self.parts.len() {
            return;
        }
        self.at = 0;
        self.block = match (self.parts.len(), self.block) {
            (0, _) => 0,
            // A part may have become superfluous since it was looked at.
            (_, 1) => usize::from(self.shrank),
            (left, block) => block.div_ceil(2).min(left),
        };
        self.shrank = false;
    }

    /// What is left.
    pub fn parts(&self) -> &[T] {
        &self.parts
    }

    /// Whether no single part can go any more; until then there is a candidate.
    pub const fn is_minimal(&self) -> bool {
        self.block == 0
    }

    fn end(&self) -> usize {
        self.at.saturating_add(self.block).min(self.parts.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reduces `0..n`; returns what is left, the number of tries, and whether it is minimal.
    fn reduced(n: u32, shows: impl Fn(&[u32]) -> bool) -> (Vec<u32>, usize, bool) {
        let mut reduction = Reduction::new((0..n).collect());
        let mut tries = 0;
        while let Some(candidate) = reduction.candidate() {
            tries += 1;
            reduction.tell(shows(&candidate));
        }
        (reduction.parts().to_vec(), tries, reduction.is_minimal())
    }

    #[test]
    fn exactly_the_parts_that_are_needed_are_left() {
        for n in 0..=9 {
            for needed in 0_u32..1 << n {
                let needed: Vec<u32> = (0..n).filter(|i| needed >> i & 1 == 1).collect();
                let shows = |parts: &[u32]| needed.iter().all(|i| parts.contains(i));
                let (left, tries, minimal) = reduced(n, shows);
                assert_eq!((left, minimal), (needed, true), "of {n}");
                assert!(tries <= (n * n + 3 * n) as usize, "{tries} tries for {n}");
            }
        }
    }

    #[test]
    fn what_is_left_shows_the_difference_and_no_single_part_can_go() {
        // Any set of subsets may show it, so that leaving one part away may hide what two would not.
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..500 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let seed = state;
            let shows = |parts: &[u32]| {
                let set = parts.iter().fold(0_u64, |set, i| set | 1 << i);
                let mixed = (set ^ seed).wrapping_mul(0xD6E8_FEB8_6659_FD93);
                parts.len() == 7 || (mixed >> 32).is_multiple_of(3)
            };
            let (left, _, minimal) = reduced(7, shows);
            assert!(minimal && shows(&left), "{left:?}");
            for gone in 0..left.len() {
                let mut less = left.clone();
                less.remove(gone);
                assert!(!shows(&less), "{left:?} without part {gone}");
            }
        }
    }

    #[test]
    fn whoever_stops_early_has_what_still_shows_the_difference() {
        let shows = |parts: &[u32]| [1, 8, 30].iter().all(|i| parts.contains(i));
        for tries in [0, 1, 5, 10] {
            let mut reduction = Reduction::new((0..40).collect());
            for _ in 0..tries {
                let candidate = reduction.candidate().expect("far from the end");
                reduction.tell(shows(&candidate));
            }
            let left = reduction.parts();
            assert!(shows(left) && !reduction.is_minimal(), "{tries}: {left:?}");
        }
    }
}
