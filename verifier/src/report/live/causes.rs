#![deny(clippy::disallowed_methods)]
//! The causes behind the groups, as a report shows them: what to repair first.

use std::collections::BTreeMap;
use std::io;

use owo_colors::{OwoColorize as _, Style};
use serde_json::{Value, json};

use super::{LiveReport, Side, curl};
use crate::causes::Cause;
use crate::causes::conditions::{Condition, Members, condition};
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

fn row(report: &LiveReport, at: usize, cause: &Cause) -> [String; COLUMNS.len()] {
    [
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
    let all = report.causes();
    let rows = all.iter().enumerate();
    Grid {
        title: "Causes",
        columns: COLUMNS.to_vec(),
        rows: rows
            .map(|(at, cause)| row(report, at, cause).to_vec())
            .collect(),
        folded: false,
    }
}

/// In words: `type change at /total`, `header expires`.
fn what_and_where(what: &str, place: &str) -> String {
    match (what, place.strip_prefix("header:")) {
        ("header", Some(name)) => format!("header {name}"),
        (_, Some(name)) => format!("{what}, header {name}"),
        _ if place == "status" => what.to_owned(),
        _ if place == "*" => format!("{what}, at several places"),
        _ => format!("{what} at {place}"),
    }
}

/// The groups whose examples stand for the causes of the table, in their order.
pub(super) fn examples<'r>(report: &'r LiveReport, all: &[Cause]) -> Vec<(&'r str, &'r Group)> {
    let shown = all.iter().take(SHOWN);
    let ids = shown.filter_map(|cause| example(report, cause).map(|(id, _)| id));
    ids.filter_map(|id| Some((id, report.evidence.ledger.groups.get(id)?)))
        .collect()
}

/// Which cause each group belongs to, by its rank.
pub(super) fn ranks(all: &[Cause]) -> BTreeMap<&str, usize> {
    let ranked = all.iter().enumerate();
    ranked
        .flat_map(|(at, cause)| cause.groups.iter().map(move |id| (id.as_str(), at + 1)))
        .collect()
}

/// Writes the section of a text report; nothing where nothing differs.
pub(super) fn write(report: &LiveReport, all: &[Cause], out: &mut dyn io::Write) -> io::Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    let bold = Style::new().bold();
    writeln!(out, "{}", "Causes".style(bold))?;
    // What and where come last, since they may be long; a condition stands beneath.
    let mut table = Table::new(&[
        ("rank", 4),
        ("endpoints", 9),
        ("made equal", 10),
        ("exchanges", 12),
        ("group to adopt", 16),
        ("what and where", 200),
    ]);
    let mut conditions = Vec::new();
    for (at, cause) in all.iter().take(SHOWN).enumerate() {
        let cells = row(report, at, cause);
        let [rank, what, place, when, endpoints, equal, exchanges, group] = cells;
        let text = what_and_where(&what, &place);
        table.push(vec![rank, endpoints, equal, exchanges, group, text]);
        conditions.push(when);
    }
    let told = table.lines();
    let beneath = told
        .first()
        .and_then(|heading| heading.find("what and where"))
        .unwrap_or_default();
    for (at, line) in told.iter().enumerate() {
        writeln!(out, "  {line}")?;
        let when = at.checked_sub(1).and_then(|at| conditions.get(at));
        if let Some(when) = when.filter(|when| !when.is_empty()) {
            writeln!(out, "  {:beneath$}{}", "", printable(when))?;
        }
    }
    writeln!(out)?;
    if all.len() > SHOWN {
        writeln!(
            out,
            "  and {} more causes, see the JSON report\n",
            all.len() - SHOWN
        )?;
    }
    // The first cause is the next thing to do.
    let first = all.first().and_then(|cause| example(report, cause));
    if let Some((id, _)) = first {
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
    let all = report.causes();
    all.iter()
        .map(|cause| {
            json!({
                "id": cause.signature.id(),
                "what": cause.signature.what(),
                "kind": cause.signature.kind,
                "relation": cause.signature.relation,
                "refusal": cause.signature.refusal.as_ref().map(|refusal| json!({
                    "by": if refusal.by_core { "core" } else { "legacy" },
                    "status": refusal.status,
                    "says": refusal.says,
                })),
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
