//! Texts by line.

use crate::json::escape;

/// The lines of a text as a JSON array of strings. A line end at the very end makes a last, empty
/// line, so that its absence shows.
pub(super) fn to_json(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(escape).collect();
    format!("[{}]", lines.join(","))
}
