//! Tokens that belong together.

use std::collections::{HashMap, VecDeque};

/// Most tokens that are remembered; the oldest are forgotten.
const MAX_TOKENS: usize = 10_000;

/// Tokens that both sides gave out for one login. They stay in memory and are never shown.
///
/// A service that dates its tokens to the second gives the same one twice within it, and the other side's
/// second may end in between: so one token can have several partners.
#[derive(Default)]
pub(super) struct Tokens {
    /// The newest partner of each.
    pub(super) to_core: HashMap<String, String>,
    to_legacy: HashMap<String, Vec<String>>,
    /// Every pair, the oldest first.
    order: VecDeque<(String, String)>,
    /// The length of the shortest that core gave out: most texts are shorter, and none of them.
    shortest: Option<usize>,
}

impl Tokens {
    /// How many pairs there are.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Learns that two belong together.
    pub(super) fn learn(&mut self, legacy: String, core: String) {
        if legacy == core {
            return;
        }
        self.shortest = Some(
            self.shortest
                .map_or(core.len(), |least| least.min(core.len())),
        );
        let partners = self.to_legacy.entry(core.clone()).or_default();
        if !partners.contains(&legacy) {
            partners.push(legacy.clone());
            self.order.push_back((legacy.clone(), core.clone()));
        }
        self.to_core.insert(legacy, core);
        if self.order.len() > MAX_TOKENS
            && let Some((legacy, core)) = self.order.pop_front()
        {
            if self.to_core.get(&legacy) == Some(&core) {
                self.to_core.remove(&legacy);
            }
            if let Some(partners) = self.to_legacy.get_mut(&core) {
                partners.retain(|partner| *partner != legacy);
                if partners.is_empty() {
                    self.to_legacy.remove(&core);
                }
            }
        }
    }

    /// What a token of core is at legacy: of several partners the one that legacy's answer holds.
    pub(super) fn to_legacy(&self, core: &str, holds: impl Fn(&[u8]) -> bool) -> Option<&String> {
        if self.shortest.is_none_or(|least| core.len() < least) {
            return None;
        }
        let partners = self.to_legacy.get(core)?;
        let held = partners.iter().find(|partner| holds(partner.as_bytes()));
        held.or(partners.last())
    }
}

#[cfg(test)]
mod tests {
    use super::super::holds;
    use super::*;

    #[test]
    fn a_token_given_out_twice_within_a_second_keeps_all_its_partners() {
        let mut tokens = Tokens::default();
        let held = |body: &'static str| move |token: &[u8]| holds(body.as_bytes(), token);
        // Legacy's second lasts, core's ends; then the other way round.
        for (legacy, core) in [("L1", "C1"), ("L1", "C2"), ("L2", "C2"), ("L2", "C2")] {
            tokens.learn(legacy.to_owned(), core.to_owned());
        }
        for (core, body, legacy) in [
            ("C1", "{L1}", Some("L1")),
            ("C2", "{L1}", Some("L1")),
            ("C2", "{L2}", Some("L2")),
            ("C2", "{}", Some("L2")),
            ("C3", "{L1}", None),
        ] {
            let found = tokens.to_legacy(core, held(body)).map(String::as_str);
            assert_eq!(found, legacy, "{core} {body}");
        }
        assert_eq!(tokens.to_core["L1"], "C2", "the newest is in use");
        for number in 0..2 * MAX_TOKENS {
            tokens.learn(format!("l{number}"), format!("c{number}"));
        }
        assert_eq!(tokens.order.len(), MAX_TOKENS);
        assert_eq!(
            (tokens.to_core.len(), tokens.to_legacy.len()),
            (MAX_TOKENS, MAX_TOKENS)
        );
    }
}
