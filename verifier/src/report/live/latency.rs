#![deny(clippy::disallowed_methods)]
//! How fast both sides are, and what was not seen yet, in a terminal.

use std::io;

use owo_colors::{OwoColorize as _, Style};

use super::{LiveReport, text::lines};
use crate::confidence::{Exceedance, QUANTILES, QuantileBounds};
use crate::evidence::pace::Paces;
use crate::evidence::record::Histogram;
use crate::evidence::usage::Shapes;
use crate::report::table::Table;

/// Writes a line for each endpoint that was answered, and one of all together.
pub(super) fn write(report: &LiveReport, out: &mut dyn io::Write) -> io::Result<()> {
    let mut table = Table::new(&[
        ("endpoint", 48),
        ("core is", 8),
        ("slower / faster / alike", 32),
        ("legacy >0.5 s", 28),
        ("core >0.5 s", 28),
        ("legacy >2 s", 28),
        ("core >2 s", 28),
        ("legacy p50", 18),
        ("core p50", 18),
        ("legacy p95", 18),
        ("core p95", 18),
        ("legacy p99", 18),
        ("core p99", 18),
    ]);
    let all = report.latency();
    let mut timed = false;
    let endpoints = report.endpoints();
    let lines_of = endpoints.iter().map(|line| {
        let tally = &line.record.tally;
        let sides = [&tally.reference_latency, &tally.candidate_latency];
        (line.name, &line.latency, sides)
    });
    let total = ("all", &all.assessment, [&all.legacy, &all.core]);
    for (name, seen, sides) in lines_of.chain([total]) {
        if sides.iter().all(|side| side.total() == 0) {
            continue;
        }
        timed = true;
        let mut row = vec![
            name.to_owned(),
            seen.standing.text().to_owned(),
            paces_text(&seen.paces),
        ];
        row.extend(seen.exceedances.iter().flatten().map(rate_text));
        let alpha = report.confidence.alpha;
        row.extend(QUANTILES.iter().flat_map(|q| {
            sides.map(|side: &Histogram| QuantileBounds::of(side, *q, alpha).text())
        }));
        table.push(row);
    }
    if !timed {
        return Ok(());
    }
    writeln!(
        out,
        "{} ({})",
        "Latency".style(Style::new().bold()),
        tolerance_text(report)
    )?;
    lines(&table, out)
}

/// How much of the traffic may have a shape that was not compared yet, for a reader: `0.4 % (≤5.1 %)`.
pub(super) fn unseen_text(shapes: &Shapes, alpha: f64) -> String {
    if shapes.requests() == 0 {
        return "-".to_owned();
    }
    let [seen, upper] = [shapes.unseen(), shapes.unseen_upper(alpha)].map(percent);
    format!("{seen} % (≤{upper} %)")
}

/// In percent, with two digits that tell something.
fn percent(rate: f64) -> String {
    let percent = rate * 100.0;
    let digits = match percent {
        p if p >= 10.0 => 0,
        p if p >= 1.0 => 1,
        p if p >= 0.1 => 2,
        _ => 3,
    };
    let text = format!("{percent:.digits$}");
    if digits == 0 {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What slower and faster mean here.
fn tolerance_text(report: &LiveReport) -> String {
    let told: Vec<String> = report
        .tolerances()
        .into_iter()
        .map(|told| {
            told.unwrap_or_else(|| {
                "an amount that an earlier version did not write down".to_owned()
            })
        })
        .collect();
    format!(
        "slower and faster: by more than {}",
        told.join(", or in another run ")
    )
}

/// Counts of pairs for a reader.
pub(super) fn paces_text(paces: &Paces) -> String {
    format!("{} / {} / {}", paces.slower, paces.faster, paces.alike)
}

/// A rate with its bounds in percent: `0.2 % (0.1 to 0.4)`.
pub(super) fn rate_text(seen: &Exceedance) -> String {
    if seen.answers == 0 {
        return "-".to_owned();
    }
    format!(
        "{} % ({} to {})",
        percent(seen.above as f64 / seen.answers as f64),
        percent(seen.rate.lower),
        percent(seen.rate.upper)
    )
}
