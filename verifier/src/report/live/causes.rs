#![deny(clippy::disallowed_methods)]
//! The causes behind the groups, as a report shows them: what to repair first.

use std::io;

use owo_colors::{OwoColorize as _, Style};
use serde_json::{Value, json};

use super::text::lines;
use super::{LiveReport, Side, curl};
use crate::causes::conditions::{Condition, Members, condition};
use crate::causes::{Cause, causes};
use crate::evidence::adopt;
use crate::evidence::record::{Group, Sample};
use crate::report::sheet::Grid;
use crate::report::table::{Table, printable};
use crate::verdict::Kind;

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
    // What only follows is a poorer example than what it follows from.
    let members = all.filter(|(id, _)| cause.leading.contains(*id));
    let first = |(id, group): (&'r String, &'r Group)| Some((id.as_str(), group.samples.first()?));
    members
        .filter_map(first)
        .min_by_key(|(id, sample)| (size(sample), *id))
}

/// The golden case it would become, as an endpoint of the catalogue; `None` where too little is kept.
fn case(report: &LiveReport, id: &str, sample: &Sample) -> Option<String> {
    let group = report.evidence.ledger.groups.get(id)?;
    let lines = adopt::case_lines(id, group, sample, None).ok()?;
    Some(lines.join("\n"))
}

/// Under which condition it appears, where that is known.
fn only(report: &LiveReport, cause: &Cause) -> Option<Condition> {
    let ledger = &report.evidence.ledger;
    let groups = cause.leading.iter();
    let members: Option<Members<'_>> = groups
        .filter_map(|id| ledger.groups.get(id))
        .map(|group| Some((group, &ledger.endpoints.get(&group.key.endpoint)?.facts)))
        .collect();
    condition(&members?)
}

fn words(condition: Option<&Condition>) -> String {
    condition.map(ToString::to_string).unwrap_or_default()
}

/// Columns of the table; a number's begins with `#`.
const COLUMNS: [&str; 8] = [
    "#rank",
    "what",
    "where",
    "when",
    "#endpoints",
    "#made equal",
    "#exchanges",
    "group to adopt",
];

/// Where the condition stands among them.
const WHEN: usize = 3;

fn row(report: &LiveReport, at: usize, cause: &Cause) -> Vec<String> {
    vec![
        (at + 1).to_string(),
        cause.signature.what(),
        cause.signature.place.clone(),
        words(only(report, cause).as_ref()),
        cause.endpoints.len().to_string(),
        cause.unlocks.to_string(),
        cause.exchanges.to_string(),
        example(report, cause).map_or("-", |(id, _)| id).to_owned(),
    ]
}

/// The section of a sheet; without rows where nothing differs.
pub(super) fn grid(report: &LiveReport) -> Grid {
    let all = causes(&report.groups());
    let rows = all.iter().enumerate();
    Grid {
        title: "Causes",
        columns: COLUMNS.to_vec(),
        rows: rows.map(|(at, cause)| row(report, at, cause)).collect(),
        folded: false,
    }
}

/// Writes the section of a text report; nothing where nothing differs.
pub(super) fn write(report: &LiveReport, out: &mut dyn io::Write) -> io::Result<()> {
    let all = causes(&report.groups());
    if all.is_empty() {
        return Ok(());
    }
    let bold = Style::new().bold();
    writeln!(out, "{}", "Causes".style(bold))?;
    // A condition is too long for a column of a terminal.
    let widths = [4, 60, 50, 0, 9, 10, 12, 16];
    let (columns, mut conditions) = (COLUMNS.iter().zip(widths), Vec::new());
    let columns: Vec<(&str, usize)> = columns
        .filter(|(_, width)| *width > 0)
        .map(|(name, width)| (name.trim_start_matches('#'), width))
        .collect();
    let mut table = Table::new(&columns);
    for (at, cause) in all.iter().take(SHOWN).enumerate() {
        let mut cells = row(report, at, cause);
        let when = cells.remove(WHEN);
        if !when.is_empty() {
            conditions.push(format!("  {}: {}", at + 1, printable(&when)));
        }
        table.push(cells);
    }
    lines(&table, out)?;
    if !conditions.is_empty() {
        writeln!(out, "  Conditions, by rank")?;
        for line in conditions {
            writeln!(out, "  {line}")?;
        }
        writeln!(out)?;
    }
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
        writeln!(out, "  verifier adopt --evidence {file} --group {id}")?;
        // An id conflict is no matter of one request.
        if all[0].signature.kind != Kind::IdConflict {
            let [legacy, core] = [Side::Legacy, Side::Core].map(|side| report.address(side));
            let (legacy, core) = (printable(legacy), printable(core));
            writeln!(
                out,
                "  verifier minimise --evidence {file} --group {id} --legacy {legacy} --core {core}"
            )?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn only_value(condition: &Condition) -> Value {
    json!({
        "text": condition.to_string(),
        "except": condition.except,
        "tests": condition.tests.iter().map(|test| json!({
            "fact": test.fact,
            "is": test.is.word(),
            "values": test.is.values(),
        })).collect::<Vec<_>>(),
        "shown": { "matched": condition.shown_matched(), "of": condition.shown },
        "others": { "matched": condition.others_matched(), "of": condition.others },
    })
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
                "only": only(report, cause).as_ref().map(only_value),
                "endpoints": cause.endpoints,
                "endpoints_made_equal": cause.unlocks,
                "exchanges": cause.exchanges,
                "groups": cause.groups,
                "example": example(report, cause).map(|(id, sample)| json!({
                    "group": id,
                    "legacy": curl(report, sample, Side::Legacy),
                    "core": curl(report, sample, Side::Core),
                    "case": case(report, id, sample),
                })),
            })
        })
        .collect()
}
