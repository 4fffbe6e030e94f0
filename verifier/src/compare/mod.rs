//! Finding the differences between two answers: status, headers, and one file a kind of body.

#![deny(clippy::disallowed_methods)]

mod body;
mod header_table;
mod headers;
mod json;
mod origin;
mod sink;
mod stream;

use crate::exchange::{Answer, Exchange};
use crate::rules::Rules;
use crate::verdict::{Kind, Location, Verdict};
use headers::MediaType;

pub use crate::place::child_pointer;
pub use body::{BodyKind, MAX_DECODED_BYTES};
pub use header_table::{HeaderClass, header_class};
pub use stream::{StreamError, compare_streams};

use sink::{Draft, Sink};

/// Findings kept for one exchange; more are counted only.
pub const MAX_FINDINGS: usize = 100;
/// Notes kept for one exchange; more are counted only.
pub const MAX_NOTES: usize = 100;
/// Bytes of a value that a report shows.
pub const MAX_EXCERPT_BYTES: usize = 200;

/// Whether an answer's body is compared as JSON: by its media type (`application/json`, `+json`).
pub fn is_json(answer: &Answer) -> bool {
    MediaType::of(answer).is_json()
}

/// Holds two whole answers against each other.
pub(crate) fn compare(
    exchange: &Exchange,
    reference: &Answer,
    candidate: &Answer,
    rules: &Rules,
) -> Verdict {
    let set = rules.of_exchange(exchange);
    let mut sink = Sink::new(rules, reference.status, candidate.status);
    if reference.status != candidate.status {
        sink.add(Draft {
            location: Location::Status,
            group: None,
            kind: Kind::Status,
            reference: Some(reference.status.to_string()),
            candidate: Some(candidate.status.to_string()),
            relation: None,
            detail: None,
            nulls: (false, false),
            here: Some(set.status()),
        });
    }
    headers::compare(exchange, reference, candidate, set, &mut sink);
    if let Err(cause) = body::compare(exchange, reference, candidate, set, &mut sink) {
        // What was found before is kept: a wrong status is wrong whatever the body holds.
        return sink.undecided(cause);
    }
    sink.finish()
}

#[cfg(test)]
mod body_tests;
#[cfg(test)]
mod header_tests;
#[cfg(test)]
mod tests;
