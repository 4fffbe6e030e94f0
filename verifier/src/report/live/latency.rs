#![deny(clippy::disallowed_methods)]
//! How fast both sides are, and what was not seen yet, in a terminal.

use std::io;

use owo_colors::{OwoColorize as _, Style};

use super::{LiveReport, text::lines};
use crate::confidence::{Exceedance, QUANTILES, QuantileBounds};
use crate::evidence::pace::Paces;
use crate::evidence::usage::ShapeCounts;
use crate::report::table::Table;
use crate::stats::Interval;

/// Writes two lines for each endpoint that both sides answered, legacy's and core's, and two of all
/// together.
pub(super) fn write(report: &LiveReport, out: &mut dyn io::Write) -> io::Result<()> {
    let mut table = Table::new(&[
        ("endpoint", 48),
        ("side", 6),
        (">0.5 s", 18),
        (">2 s", 18),
        ("p50", 14),
        ("p95", 14),
        ("p99", 14),
    ]);
    let mut second = vec![String::new(); 7];
    "  core is, slower/faster/alike".clone_into(&mut second[0]);
    table.push(second);
    let all = report.latency();
    let endpoints = report.endpoints();
    let lines_of = endpoints.iter().map(|line| {
        let tally = &line.record.tally;
        let sides = [&tally.reference_latency, &tally.candidate_latency];
        (line.name, &line.latency, sides)
    });
    let total = ("all", &all.assessment, [&all.legacy, &all.core]);
    let alpha = report.confidence.alpha;
    let mut one_sided = 0;
    for (name, seen, sides) in lines_of.chain([total]) {
        let [legacy, core] = sides.map(|side| side.total() > 0);
        if !core {
            one_sided += u64::from(legacy);
            continue;
        }
        let verdict = format!("  {}, {}", seen.standing.text(), paces_text(&seen.paces));
        let named = [(name.to_owned(), "legacy"), (verdict, "core")];
        for (at, ((first, word), side)) in named.into_iter().zip(sides).enumerate() {
            let mut row = vec![first, word.to_owned()];
            row.extend(seen.exceedances.iter().map(|pair| rate_text(&pair[at])));
            row.extend(QUANTILES.map(|q| QuantileBounds::of(side, q, alpha).text()));
            table.push(row);
        }
    }
    if all.core.total() == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "{} ({})",
        "Latency".style(Style::new().bold()),
        tolerance_text(report)
    )?;
    lines(&table, out)?;
    if one_sided > 0 {
        writeln!(
            out,
            "  and {one_sided} endpoints that core did not answer, see the JSON report\n"
        )?;
    }
    Ok(())
}

/// How much of the traffic may have a shape that was not compared yet, for a reader: `0.4 % (≤5.1 %)`.
pub(super) fn unseen_text(shapes: &ShapeCounts, alpha: f64) -> String {
    if shapes.requests == 0 {
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
    format!("{}/{}/{}", paces.slower, paces.faster, paces.alike)
}

/// A rate with its bounds in percent: `0.2 % (0.1–0.4)`.
pub(super) fn rate_text(seen: &Exceedance) -> String {
    if seen.answers == 0 {
        return "-".to_owned();
    }
    format!(
        "{} % ({}–{})",
        percent(seen.above as f64 / seen.answers as f64),
        percent(seen.rate.lower),
        percent(seen.rate.upper)
    )
}

/// The rates that are not ruled out: `≤12 %`, `0.8–12 %`, `-` where none is.
pub(super) fn range_text(rate: &Interval) -> String {
    let (lower, upper) = (percent(rate.lower), percent(rate.upper));
    match (lower.as_str(), rate.upper >= 1.0) {
        ("0", true) => "-".to_owned(),
        ("0", false) => format!("≤{upper} %"),
        (_, true) => format!("≥{lower} %"),
        (_, false) => format!("{lower}–{upper} %"),
    }
}
