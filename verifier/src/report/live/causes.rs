#![deny(clippy::disallowed_methods)]
//! The causes behind the groups, as a report shows them: what to repair first.

use std::io;

use owo_colors::{OwoColorize as _, Style};
use serde_json::{Value, json};

use super::text::lines;
use super::{LiveReport, Side, curl};
use crate::causes::{Cause, causes};
use crate::evidence::record::{Group, Sample};
use crate::report::table::{Table, printable};

/// Causes shown in text; the JSON report has all.
const SHOWN: usize = 20;

/// The group to adopt as a golden case: the one whose example is the shortest request.
fn example<'r>(report: &'r LiveReport, cause: &Cause) -> Option<(&'r str, &'r Sample)> {
    let size = |sample: &Sample| {
        let request = &sample.request;
        let headers = request.headers.iter();
        let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
        request.target.len() + headers + request.body.as_ref().map_or(0, String::len)
    };
    let all = report.evidence.ledger.groups.iter();
    let members = all.filter(|(id, group)| {
        // What follows from a status is a poorer example than the status itself.
        group.key.kind == cause.signature.kind && cause.groups.contains(id)
    });
    let first = |(id, group): (&'r String, &'r Group)| Some((id.as_str(), group.samples.first()?));
    members
        .filter_map(first)
        .min_by_key(|(id, sample)| (size(sample), *id))
}

/// Writes the section of a text report; nothing where nothing differs.
pub(super) fn write(report: &LiveReport, out: &mut dyn io::Write) -> io::Result<()> {
    let all = causes(&report.groups());
    if all.is_empty() {
        return Ok(());
    }
    let bold = Style::new().bold();
    writeln!(out, "{}", "Causes".style(bold))?;
    let mut table = Table::new(&[
        ("rank", 4),
        ("what", 60),
        ("where", 50),
        ("endpoints", 9),
        ("made equal", 10),
        ("exchanges", 12),
        ("group to adopt", 16),
    ]);
    for (at, cause) in all.iter().take(SHOWN).enumerate() {
        table.push(vec![
            (at + 1).to_string(),
            cause.signature.what(),
            cause.signature.place.clone(),
            cause.endpoints.len().to_string(),
            cause.unlocks.to_string(),
            cause.exchanges.to_string(),
            example(report, cause).map_or("-", |(id, _)| id).to_owned(),
        ]);
    }
    lines(&table, out)?;
    if all.len() > SHOWN {
        writeln!(
            out,
            "  and {} more causes, see the JSON report\n",
            all.len() - SHOWN
        )?;
    }
    // The first cause is the next thing to do: its example stands at once beneath.
    let first = all.first().and_then(|cause| example(report, cause));
    if let Some((id, sample)) = first {
        for side in [Side::Legacy, Side::Core] {
            writeln!(out, "  {}", printable(&curl(report, sample, side)))?;
        }
        let file = report.path.display().to_string();
        let file = printable(&file);
        writeln!(out, "  verifier adopt --evidence {file} --group {id}\n")?;
    }
    Ok(())
}

/// The causes for programs, in the order of their rank.
pub(super) fn values(report: &LiveReport) -> Vec<Value> {
    let all = causes(&report.groups());
    all.iter()
        .map(|cause| {
            json!({
                "id": cause.signature.id(),
                "what": cause.signature.what(),
                "kind": cause.signature.kind,
                "relation": cause.signature.relation,
                "place": cause.signature.place,
                "endpoints": cause.endpoints,
                "endpoints_made_equal": cause.unlocks,
                "exchanges": cause.exchanges,
                "groups": cause.groups,
                "example": example(report, cause).map(|(id, sample)| json!({
                    "group": id,
                    "legacy": curl(report, sample, Side::Legacy),
                    "core": curl(report, sample, Side::Core),
                })),
            })
        })
        .collect()
}
