//! What several forms of the report say in the same words.

#![deny(clippy::disallowed_methods)]

use std::time::Duration;

use crate::confidence::{Assessment, Standing};
use crate::evidence::record::{Run, StatusPair};

/// Comparisons without a mismatch until it is proven, and how long they take at the present rate: `3437 (21 h)`.
pub(super) fn needed_text(seen: &Assessment, wait: Option<Duration>) -> String {
    match (seen.needed, wait) {
        // What fails is repaired, not waited for.
        _ if seen.standing == Standing::Failing => "-".to_owned(),
        (None, _) => "-".to_owned(),
        (Some(0), _) => "0".to_owned(),
        (Some(needed), None) => needed.to_string(),
        (Some(needed), Some(wait)) => format!("{needed} ({})", wait_text(wait)),
    }
}

/// Both sides' statuses: `200`, or `200, core 400`.
pub fn statuses_text(pair: StatusPair) -> String {
    match pair.candidate {
        Some(core) if core == pair.reference => core.to_string(),
        Some(core) => format!("{}, core {core}", pair.reference),
        None => format!("{}, core none", pair.reference),
    }
}

/// A time to wait, for a reader: one unit, rounded up.
fn wait_text(wait: Duration) -> String {
    let seconds = wait
        .as_secs()
        .saturating_add(u64::from(wait.subsec_nanos() > 0));
    let (unit, size) = match seconds {
        0..120 => ("s", 1),
        120..7_200 => ("min", 60),
        7_200..172_800 => ("h", 3_600),
        _ => ("days", 86_400),
    };
    format!("{} {unit}", seconds.div_ceil(size))
}

/// Milliseconds since 1970 for a reader.
pub(super) fn moment(ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(ms) {
        Ok(at) => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Err(_) => format!("{ms} ms"),
    }
}

/// What a run says of itself, in one line.
pub(super) fn run_line(run: &Run) -> String {
    let end = match run.ended_ms {
        Some(end) => format!("to {}", moment(end)),
        None if run.cut_off => format!("cut off after {}", moment(run.written_ms)),
        None => format!("still running, last written {}", moment(run.written_ms)),
    };
    let version = |version: &Option<String>| match version {
        Some(version) => format!(" {version}"),
        None => String::new(),
    };
    format!(
        "{} {end}; legacy {}{}, core {}{}",
        moment(run.started_ms),
        run.legacy,
        version(&run.legacy_version),
        run.core,
        version(&run.core_version)
    )
}
