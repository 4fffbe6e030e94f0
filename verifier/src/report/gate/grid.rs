//! Criteria as an aligned table in whatever room there is.
#![deny(clippy::disallowed_methods)]

use std::time::Duration;

use owo_colors::{OwoColorize as _, Style};
use unicode_width::UnicodeWidthStr as _;

use super::sign;
use crate::gate::criterion::{CriterionResult, Unit, Verdict, Weighs};
use crate::gate::span::spell;
use crate::report::table::{cut, printable};

/// Columns beside the name, in order.
const COLUMNS: [&str; 6] = ["verdict", "value", "limit", "n", "e-value", ""];
/// Which of them go first where there is no room; the verdict never does.
const LEAST_FIRST: [usize; 5] = [5, 2, 4, 1, 3];
/// A name keeps so many cells, and words of a reason are worth showing in so many.
const NAME: usize = 16;
const WHY: usize = 24;
const GAP: usize = 2;
/// A sign and a blank before each name.
const SIGN: usize = 2;

/// How a verdict is coloured.
pub(super) const fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => Style::new().green(),
        Verdict::Insufficient | Verdict::NoData => Style::new().yellow(),
        Verdict::Error => Style::new().magenta(),
        Verdict::Fail => Style::new().red().bold(),
    }
}

/// The table in at most `columns` cells and `rows` lines, those that hold things up first. What there is no
/// room for is counted by verdict in the last line.
pub(super) fn lines(all: &[CriterionResult], columns: usize, rows: usize) -> Vec<String> {
    let mut sorted: Vec<&CriterionResult> = all.iter().collect();
    sorted.sort_by_key(|result| {
        let harm = result.weighs == Weighs::Harm;
        (std::cmp::Reverse(result.verdict), !harm, result.n.is_none())
    });
    // The heading needs a line, and so does the rest.
    let room = rows.max(3) - 1;
    let shown = if sorted.len() > room {
        room - 1
    } else {
        sorted.len()
    };
    let (shown, rest) = sorted.split_at(shown);
    let cells: Vec<[String; 6]> = shown.iter().map(|result| cells(result)).collect();
    let names = shown.iter().map(|result| result.name.width());
    let (name, widths) = layout(names.max().unwrap_or(0), &cells, columns);

    let row = |sign: &str, verdict: Option<Verdict>, title: &str, cells: &[String; 6]| {
        let paint = |text: String, style: Option<Style>| match style {
            Some(style) => text.style(style).to_string(),
            None => text,
        };
        let colour = verdict.map(style);
        let mut line = paint(sign.to_owned(), colour);
        line.push(' ');
        line.push_str(&padded(&cut(title, name), name));
        let full = |at: &usize| !cells[*at].is_empty() && widths[*at].is_some();
        let last = (0..cells.len()).rfind(full).unwrap_or(0);
        for (at, (cell, width)) in cells.iter().zip(widths).enumerate().take(last + 1) {
            let Some(width) = width else { continue };
            let cell = cut(cell, width);
            line.push_str(&" ".repeat(GAP));
            // Numbers stand below each other by their ends.
            let cell = if (1..=4).contains(&at) {
                format!("{}{cell}", " ".repeat(width.saturating_sub(cell.width())))
            } else if at < last {
                padded(&cell, width)
            } else {
                cell
            };
            line.push_str(&paint(cell, colour.filter(|_| at == 0)));
        }
        line.trim_end().to_owned()
    };
    let heading = row(" ", None, "criterion", &COLUMNS.map(str::to_owned));
    let mut lines = vec![heading.dimmed().to_string()];
    for (result, cells) in shown.iter().zip(&cells) {
        lines.push(row(
            sign(result.verdict),
            Some(result.verdict),
            &printable(&result.name),
            cells,
        ));
    }
    if !rest.is_empty() {
        lines.push(cut(&others(rest), columns));
    }
    lines
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

fn others(rest: &[&CriterionResult]) -> String {
    let verdicts = [
        Verdict::Fail,
        Verdict::Error,
        Verdict::NoData,
        Verdict::Insufficient,
        Verdict::Pass,
    ];
    let counts: Vec<String> = verdicts
        .into_iter()
        .filter_map(|verdict| {
            let count = rest.iter().filter(|one| one.verdict == verdict).count();
            (count > 0).then(|| format!("{count} {}", verdict.word()))
        })
        .collect();
    format!("  and {} more: {}", rest.len(), counts.join(", "))
}

fn cells(result: &CriterionResult) -> [String; 6] {
    let number = |value: Option<f64>| value.map(|value| number(value, result.unit));
    let e_value = match (result.ln_e, result.ln_e_needed) {
        (Some(ln_e), Some(needed)) => format!("{} of {}", e(ln_e), e(needed)),
        _ => String::new(),
    };
    [
        result.verdict.word().to_owned(),
        number(result.value).unwrap_or_default(),
        number(result.limit).unwrap_or_default(),
        result.n.map(|n| n.to_string()).unwrap_or_default(),
        e_value,
        printable(&result.why),
    ]
}

/// Widths of the name and of each column; `None` for one that there is no room for.
fn layout(name: usize, cells: &[[String; 6]], columns: usize) -> (usize, [Option<usize>; 6]) {
    let mut widths: [Option<usize>; 6] = std::array::from_fn(|at| {
        let widest = cells.iter().map(|row| row[at].width()).max().unwrap_or(0);
        (widest > 0).then(|| widest.max(COLUMNS[at].width()))
    });
    // Reasons take what is left.
    if let Some(why) = &mut widths[5] {
        *why = (*why).min(WHY);
    }
    let natural = name.max("criterion".width());
    let taken = |widths: &[Option<usize>; 6]| -> usize {
        widths.iter().flatten().map(|width| width + GAP).sum()
    };
    for least in LEAST_FIRST {
        let least_name = if least == 5 {
            natural
        } else {
            natural.min(NAME)
        };
        if SIGN + least_name + taken(&widths) <= columns {
            break;
        }
        widths[least] = None;
    }
    let name = natural.min(columns.saturating_sub(SIGN + taken(&widths)));
    let left = columns.saturating_sub(SIGN + name + taken(&widths));
    if let Some(why) = &mut widths[5] {
        *why += left;
    }
    (name, widths)
}

/// As a reader wants it: a share in percent, a time with its unit.
pub(super) fn number(value: f64, unit: Option<Unit>) -> String {
    match unit {
        Some(Unit::Share) => format!("{} %", short(value * 100.0)),
        Some(Unit::Seconds) if (120.0..1e10).contains(&value) => {
            spell(Duration::from_secs_f64(value))
        }
        Some(Unit::Seconds) => format!("{} s", short(value)),
        Some(Unit::Times) => format!("{}×", short(value)),
        Some(Unit::Count) | None => short(value),
    }
}

fn e(ln: f64) -> String {
    short(ln.exp())
}

/// Three digits, more only before the point.
fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 1e6 || (size > 0.0 && size < 0.0005) {
        return format!("{value:.0e}");
    }
    let text = match size {
        100.0.. => return format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
