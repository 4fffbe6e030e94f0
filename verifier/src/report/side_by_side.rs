#![deny(clippy::disallowed_methods)]
//! A unified diff laid out in two columns, with the changed words of paired lines marked.

use similar::{ChangeTag, TextDiff};

/// Longest line whose words are compared; beyond it a line is marked whole.
const MAX_WORDS_LINE: usize = 4_000;
/// Paired lines less alike than this are marked whole: islands of equal commas help nobody.
const LEAST_ALIKE: f32 = 0.3;

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// Lines are left out here.
    Gap,
    /// The same line on both sides.
    Same(String),
    /// Two lines that stand for each other, or one without a counterpart.
    Pair {
        /// The reference's, in pieces.
        left: Option<Vec<Piece>>,
        /// The candidate's, in pieces.
        right: Option<Vec<Piece>>,
    },
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its text.
    pub text: String,
    /// Whether the other side has it otherwise.
    pub changed: bool,
}

/// Reads a unified diff. Its two header lines are skipped.
///
/// ```
/// # use verifier::report::side_by_side::{Row, rows};
/// let rows = rows("--- golden\n+++ candidate\n@@ -1,2 +1,2 @@\n {\n-  \"a\": 1\n+  \"a\": 2\n");
/// assert_eq!(rows[0], Row::Same("{".to_owned()));
/// assert!(matches!(&rows[1], Row::Pair { left: Some(_), right: Some(right) } if right.iter().any(|p| p.changed && p.text == "2")));
/// ```
pub fn rows(diff: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let (mut minus, mut plus) = (Vec::new(), Vec::new());
    let mut in_hunk = false;
    for line in diff.lines() {
        if line.starts_with("@@") {
            pair(&mut rows, &mut minus, &mut plus);
            if in_hunk {
                rows.push(Row::Gap);
            }
            in_hunk = true;
        } else if !in_hunk {
        } else if let Some(text) = line.strip_prefix('-') {
            if !plus.is_empty() {
                pair(&mut rows, &mut minus, &mut plus);
            }
            minus.push(text);
        } else if let Some(text) = line.strip_prefix('+') {
            plus.push(text);
        } else {
            pair(&mut rows, &mut minus, &mut plus);
            let text = line.strip_prefix(' ').unwrap_or(line);
            rows.push(Row::Same(text.to_owned()));
        }
    }
    pair(&mut rows, &mut minus, &mut plus);
    rows
}

fn pair(rows: &mut Vec<Row>, minus: &mut Vec<&str>, plus: &mut Vec<&str>) {
    let whole = |text: &str| {
        let mut pieces = Vec::new();
        push_whole(&mut pieces, text);
        pieces
    };
    for at in 0..minus.len().max(plus.len()) {
        rows.push(match (minus.get(at), plus.get(at)) {
            (Some(left), Some(right)) => {
                let (left, right) = words(left, right);
                Row::Pair {
                    left: Some(left),
                    right: Some(right),
                }
            }
            (left, right) => Row::Pair {
                left: left.map(|text| whole(text)),
                right: right.map(|text| whole(text)),
            },
        });
    }
    minus.clear();
    plus.clear();
}

fn words(left: &str, right: &str) -> (Vec<Piece>, Vec<Piece>) {
    let mut sides = (Vec::new(), Vec::new());
    let short = left.len().max(right.len()) <= MAX_WORDS_LINE;
    let diff = short.then(|| TextDiff::from_unicode_words(left, right));
    let Some(diff) = diff.filter(|diff| diff.ratio() >= LEAST_ALIKE) else {
        push_whole(&mut sides.0, left);
        push_whole(&mut sides.1, right);
        return sides;
    };
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Equal => {
                push(&mut sides.0, change.value(), false);
                push(&mut sides.1, change.value(), false);
            }
            ChangeTag::Delete => push(&mut sides.0, change.value(), true),
            ChangeTag::Insert => push(&mut sides.1, change.value(), true),
        }
    }
    sides
}

/// A line that is marked whole, from its first letter: its indent says nothing.
fn push_whole(pieces: &mut Vec<Piece>, text: &str) {
    let letters = text.trim_start();
    let indent = &text[..text.len() - letters.len()];
    if !indent.is_empty() && !letters.is_empty() {
        push(pieces, indent, false);
        push(pieces, letters, true);
    } else {
        push(pieces, text, true);
    }
}

fn push(pieces: &mut Vec<Piece>, text: &str, changed: bool) {
    match pieces.last_mut() {
        Some(last) if last.changed == changed => last.text.push_str(text),
        _ => pieces.push(Piece {
            text: text.to_owned(),
            changed,
        }),
    }
}
