//! The verdict on a pair: `verifier`'s one `judge`, and what is remembered of its findings.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use verifier::exchange::{Answer, Exchange, Observation, Tokens};
use verifier::rules::Rules;
use verifier::verdict::{Difference, Outcome, Verdict, judge};

use crate::capture::Chunks;
use crate::counters::{Reason, Ticket};
use crate::evidence::EvidenceWriter;
use crate::sink::{Pair, Side};
use crate::upstream::Address;

/// What differs alike: the same endpoint, statuses, place and kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// The catalogue's id, or the inferred method and path.
    pub endpoint: String,
    /// Legacy's status.
    pub reference_status: u16,
    /// Core's status.
    pub candidate_status: u16,
    /// Where it differs, with `*` for every index and `{key}` for a key that looks like data.
    pub place: String,
    /// How it differs.
    pub kind: &'static str,
    /// How the two values are related, where that is known.
    pub relation: Option<String>,
    /// What a client would notice.
    pub severity: String,
}

/// What the comparisons have found so far. It holds places and counts, never a value.
#[derive(Debug, Default)]
pub struct Findings {
    groups: Mutex<BTreeMap<Group, u64>>,
}

/// Most groups that are kept apart; the rest is counted under [`MORE`].
const MAX_GROUPS: usize = 1000;
/// The place of the groups above the cap.
const MORE: &str = "(more groups)";

impl Findings {
    /// Exchanges by group.
    pub fn groups(&self) -> BTreeMap<Group, u64> {
        self.groups
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn knows(&self, group: &Group) -> bool {
        self.groups
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(group)
    }

    fn add(&self, group: Group) {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let full = groups.len() >= MAX_GROUPS && !groups.contains_key(&group);
        let group = if full {
            Group {
                endpoint: String::new(),
                reference_status: 0,
                candidate_status: 0,
                place: MORE.to_owned(),
                kind: "",
                relation: None,
                severity: String::new(),
            }
        } else {
            group
        };
        *groups.entry(group).or_default() += 1;
    }
}

/// The comparing thread's tools.
#[derive(Debug)]
pub(crate) struct Comparer {
    rules: Rules,
    reference_origin: String,
    candidate_origin: String,
    findings: Arc<Findings>,
    evidence: Option<EvidenceWriter>,
}

impl Comparer {
    pub(crate) fn new(
        rules: Rules,
        legacy: &Address,
        core: &Address,
        findings: Arc<Findings>,
        evidence: Option<EvidenceWriter>,
    ) -> Self {
        Self {
            rules,
            reference_origin: legacy.origin(),
            candidate_origin: core.origin(),
            findings,
            evidence,
        }
    }

    /// Writes evidence if it is time.
    pub(crate) fn look(&mut self) {
        if let Some(evidence) = &mut self.evidence {
            evidence.look();
        }
    }

    /// Writes the rest of the evidence.
    pub(crate) fn finish(&mut self) {
        if let Some(evidence) = &mut self.evidence {
            evidence.finish();
        }
    }

    /// Judges a pair and settles its ticket.
    pub(crate) fn compare(&mut self, ticket: Ticket, pair: Pair) {
        let endpoint = ticket.endpoint().name().to_owned();
        let raced = pair.raced;
        let statuses = (
            pair.reference.status.as_u16(),
            pair.candidate.status.as_u16(),
        );
        let exchange = self.exchange(&endpoint, &pair);
        let both = (pair.reference.status, pair.candidate.status);
        let (request, request_body) = (pair.head.headers, pair.request_body);
        drop((pair.reference, pair.candidate));
        // Bodies are hostile until proved otherwise: a fault that one of them finds in the comparison
        // must cost this pair its verdict and not all later ones theirs.
        let verdict = catch_unwind(AssertUnwindSafe(|| judge(&exchange, &self.rules)));
        let Ok(verdict) = verdict else {
            tracing::error!(
                endpoint,
                "a comparison failed; its pair counts as inconclusive"
            );
            ticket.not_compared(Reason::Inconclusive);
            return;
        };
        match verdict.outcome {
            Outcome::Match => {
                self.keep(&request, request_body.as_ref(), &exchange, &verdict);
                ticket.equal(both.0, both.1);
            }
            Outcome::Inconclusive(_) => ticket.not_compared(Reason::Inconclusive),
            Outcome::Mismatch => {
                let mut groups: Vec<_> = verdict
                    .findings
                    .iter()
                    .map(|finding| group(&endpoint, statuses, finding))
                    .collect();
                // An exchange counts once in each of its groups, however often it differs there.
                groups.sort_unstable();
                groups.dedup();
                // Excused only while nothing proves otherwise: what was seen without a write is known.
                if raced && !groups.iter().all(|group| self.findings.knows(group)) {
                    ticket.not_compared(Reason::WriteRace);
                    return;
                }
                for group in groups {
                    self.findings.add(group);
                }
                self.keep(&request, request_body.as_ref(), &exchange, &verdict);
                ticket.compared(false);
            }
        }
    }

    /// Gives a verdict to the evidence. Redaction walks the same hostile bodies as the comparison.
    fn keep(
        &mut self,
        request: &HeaderMap,
        body: Option<&Chunks>,
        exchange: &Exchange,
        verdict: &Verdict,
    ) {
        let Some(evidence) = &mut self.evidence else {
            return;
        };
        let body = body.map(Chunks::joined);
        let kept = catch_unwind(AssertUnwindSafe(|| {
            evidence.record(request, body.as_deref(), exchange, verdict);
        }));
        if kept.is_err() {
            tracing::error!(
                endpoint = exchange.endpoint,
                "an exchange could not be taken as evidence"
            );
            evidence.lost_one();
        }
    }

    fn exchange(&self, endpoint: &str, pair: &Pair) -> Exchange {
        let path = pair
            .head
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned();
        Exchange {
            endpoint: endpoint.to_owned(),
            // Live traffic knows no cases; an endpoint's own rules are those of its first case.
            case: endpoint.to_owned(),
            method: pair.head.method.as_str().to_owned(),
            path,
            reference: observation(&pair.reference, &self.reference_origin),
            candidate: observation(&pair.candidate, &self.candidate_origin),
        }
    }
}

fn observation(side: &Side, origin: &str) -> Observation {
    let headers = side
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    Observation {
        answer: Ok(Answer {
            status: side.status.as_u16(),
            headers,
            body: side.body.joined(),
        }),
        origin: Some(origin.to_owned()),
        tokens: Tokens::default(),
        latency: side.took,
    }
}

fn group(endpoint: &str, statuses: (u16, u16), finding: &Difference) -> Group {
    Group {
        endpoint: endpoint.to_owned(),
        reference_status: statuses.0,
        candidate_status: statuses.1,
        place: place(&finding.group),
        kind: finding.kind.name(),
        relation: finding.relation.as_ref().map(ToString::to_string),
        severity: finding.severity.to_string(),
    }
}

/// Longest key that is taken for a name.
const MAX_KEY: usize = 64;

/// A group's place as it may be shown: a key that looks like data (an address, a number, a text)
/// could be somebody's, so it becomes `{key}`.
fn place(group: &str) -> String {
    if !group.starts_with('/') {
        return key(group).to_owned();
    }
    group.split('/').map(key).collect::<Vec<_>>().join("/")
}

fn key(key: &str) -> &str {
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    let name = key.len() <= MAX_KEY
        && digits < 5
        && key.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b'-' | b'.' | b'*' | b':' | b'~' | b'$')
        });
    if name { key } else { "{key}" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_look_like_data_are_not_shown() {
        for (group, shown) in [
            ("status", "status"),
            ("header:content-type", "header:content-type"),
            ("/values/*/roomGroup/name", "/values/*/roomGroup/name"),
            ("/byMail/a@b.example/x", "/byMail/{key}/x"),
            ("/010-1234-5678", "/{key}"),
            ("/홍길동", "/{key}"),
            ("/<script>", "/{key}"),
            ("/\u{1b}[31m", "/{key}"),
        ] {
            assert_eq!(place(group), shown);
        }
    }

    #[test]
    fn groups_are_bounded() {
        let findings = Findings::default();
        for number in 0..MAX_GROUPS + 50 {
            findings.add(Group {
                endpoint: number.to_string(),
                reference_status: 200,
                candidate_status: 200,
                place: "/a".to_owned(),
                kind: "value change",
                relation: None,
                severity: "notable".to_owned(),
            });
        }
        let groups = findings.groups();
        assert_eq!(groups.len(), MAX_GROUPS + 1);
        assert_eq!(groups.values().sum::<u64>(), MAX_GROUPS as u64 + 50);
    }
}
