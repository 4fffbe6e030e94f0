//! The JWT report: a matrix and findings for people, JSON for programs.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};

use super::cell::{Cell, Check, Finding, JwtReport, KnownMet, Side, Verdict};
use crate::report::table::{Table, printable};

/// Version of the JSON shape; a field that changes its meaning or goes away raises it.
pub const SCHEMA: &str = "verifier-jwt/1";

/// Cells named below a finding before the rest is only counted.
const CELLS_SHOWN: usize = 4;

/// Writes `report` as JSON, indented, with a final line break. No token and no key is in it.
pub fn json(report: &JwtReport, out: &mut dyn io::Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &value(report))?;
    out.write_all(b"\n")
}

fn value(report: &JwtReport) -> Value {
    let outcomes = &report.outcomes;
    let count = |word: &str| {
        outcomes
            .cells
            .iter()
            .filter(|cell| cell.verdict.word() == word)
            .count()
    };
    let gaps: Vec<&str> = report.gaps().map(|cell| cell.name.as_str()).collect();
    json!({
        "schema": SCHEMA,
        "command": "jwt",
        "tool_version": env!("CARGO_PKG_VERSION"),
        "legacy": report.targets.legacy,
        "core": report.targets.core,
        "catalogue": {"path": report.catalogue, "sha256": report.catalogue_sha256},
        "core_identity": report.core,
        "started": report.started,
        "duration_ms": (report.duration.as_secs_f64() * 1e6).round() / 1e3,
        "exit_code": report.exit() as u8,
        "skew_ms": {"legacy": report.skew_ms.legacy, "core": report.skew_ms.core},
        "assumed": report.assumed,
        "totals": {
            "known_not_met": outcomes.mended.iter().map(|known| json!({
            "probe": known.probe,
            "reason": known.reason,
            "owner": known.owner,
            "expires": known.expires.map(|day| day.to_string()),
        })).collect::<Vec<_>>(),
        "cells": outcomes.cells.len(),
            "holds": count("holds"),
            "fails": count("fails"),
            "known": count("known"),
            "not_judged": count("not judged"),
            "not_asked": count("not asked"),
            "findings": outcomes.findings.len(),
        },
        "findings": outcomes.findings.iter().map(finding).collect::<Vec<_>>(),
        "known": outcomes.known.iter().map(known).collect::<Vec<_>>(),
        "cells": outcomes.cells.iter().map(cell).collect::<Vec<_>>(),
        "not_judged": gaps,
        "waived": report.waived,
        "notes": outcomes.notes,
    })
}

fn side(side: Option<Side>) -> Option<String> {
    side.map(|side| side.to_string())
}

fn cell(cell: &Cell) -> Value {
    let reason = match &cell.verdict {
        Verdict::NotJudged(why) | Verdict::NotAsked(why) => Some(why),
        _ => None,
    };
    json!({
        "name": cell.name,
        "check": cell.check.name(),
        "issuer": side(cell.issuer),
        "verifier": side(cell.verifier),
        "token": cell.token,
        "role": cell.role,
        "probe": cell.probe,
        "expected": cell.expected,
        "got": cell.got,
        "verdict": cell.verdict.word(),
        "reason": reason,
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "name": finding.name,
        "check": finding.check.name(),
        "severity": finding.severity,
        "what": finding.what,
        "effect": finding.effect,
        "remedy": finding.remedy,
        "cells": finding.cells,
    })
}

fn known(met: &KnownMet) -> Value {
    json!({
        "probe": met.known.probe,
        "reason": met.known.reason,
        "owner": met.known.owner,
        "expires": met.known.expires.map(|day| day.to_string()),
        "cells": met.cells,
    })
}

/// Writes `report` for people.
pub fn text(report: &JwtReport, out: &mut dyn io::Write) -> io::Result<()> {
    let outcomes = &report.outcomes;
    writeln!(out, "legacy  {}", report.targets.legacy)?;
    writeln!(out, "core    {}", report.targets.core)?;
    for assumed in &report.assumed {
        writeln!(out, "assumed {assumed}")?;
    }
    for (name, skew) in [
        ("legacy", report.skew_ms.legacy),
        ("core", report.skew_ms.core),
    ] {
        if let Some(skew) = skew {
            writeln!(out, "clock   {name} is {skew:+} ms from this machine's")?;
        }
    }
    matrix(
        outcomes
            .cells
            .iter()
            .filter(|cell| cell.check == Check::Interchange),
        "interchange",
        out,
    )?;
    lines(report, Check::Key, out)?;
    lines(report, Check::Claims, out)?;
    forgery(report, out)?;
    matrix(
        outcomes
            .cells
            .iter()
            .filter(|cell| cell.check == Check::Revocation),
        "revocation",
        out,
    )?;
    findings(&outcomes.findings, out)?;
    if !outcomes.known.is_empty() {
        writeln!(out, "\nknown, without effect on the result")?;
        for met in &outcomes.known {
            let until = met
                .known
                .expires
                .map(|day| format!(", until {day}"))
                .unwrap_or_default();
            writeln!(
                out,
                "  {}: {} ({}{until}; {} cells)",
                met.known.probe,
                printable(&met.known.reason),
                printable(&met.known.owner),
                met.cells.len()
            )?;
        }
    }
    for known in &outcomes.mended {
        writeln!(
            out,
            "\nknown, but not met: {}: both sides refuse it, so take the entry out of `auth.known` ({})",
            known.probe,
            printable(&known.owner)
        )?;
    }
    gaps(report, out)?;
    for note in &outcomes.notes {
        writeln!(out, "\nnote: {}", printable(note))?;
    }
    let held = outcomes
        .cells
        .iter()
        .filter(|cell| matches!(cell.verdict, Verdict::Holds | Verdict::Known));
    writeln!(
        out,
        "\n{}/{} cells hold, {} findings, {} not judged",
        held.count(),
        outcomes.cells.len(),
        outcomes.findings.len(),
        report.gaps().count()
    )
}

/// Rows of one token on one door, a column for each way from issuer to verifier.
fn matrix<'c>(
    cells: impl Iterator<Item = &'c Cell>,
    title: &str,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    type Ways<'c> = BTreeMap<(Side, Side), &'c Cell>;
    let mut rows: Vec<(String, Ways<'_>)> = Vec::new();
    let mut loose = Vec::new();
    for cell in cells {
        let (Some(issuer), Some(verifier)) = (cell.issuer, cell.verifier) else {
            loose.push(cell);
            continue;
        };
        let kind = cell.name.split('/').next().unwrap_or_default();
        let probe = cell
            .probe
            .replace(&format!("then {}", verifier.other()), "then the other");
        let label = format!("{kind}  {}  {probe}", cell.role);
        let at = rows
            .iter()
            .position(|(name, _)| *name == label)
            .unwrap_or_else(|| {
                rows.push((label, BTreeMap::new()));
                rows.len() - 1
            });
        rows[at].1.insert((issuer, verifier), cell);
    }
    if rows.is_empty() && loose.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    if !rows.is_empty() {
        use Side::{Core, Legacy};
        let ways = [
            (Legacy, Legacy),
            (Legacy, Core),
            (Core, Legacy),
            (Core, Core),
        ];
        let heads: Vec<String> = ways
            .iter()
            .map(|(issuer, verifier)| format!("{issuer} → {verifier}"))
            .collect();
        let mut columns = vec![("token, role, tried on", 58)];
        columns.extend(heads.iter().map(|head| (head.as_str(), 18)));
        let mut table = Table::new(&columns);
        for (label, cells) in &rows {
            let mut row = vec![label.clone()];
            row.extend(ways.iter().map(|way| {
                cells.get(way).map_or_else(String::new, |cell| {
                    format!("{} {}", cell.verdict.sign(), cell.got)
                })
            }));
            table.push(row);
        }
        for line in table.lines() {
            writeln!(out, "  {line}")?;
        }
    }
    for cell in loose {
        writeln!(out, "  {} {}: {}", cell.verdict.sign(), cell.name, cell.got)?;
    }
    Ok(())
}

fn lines(report: &JwtReport, check: Check, out: &mut dyn io::Write) -> io::Result<()> {
    let cells: Vec<&Cell> = report
        .outcomes
        .cells
        .iter()
        .filter(|cell| cell.check == check)
        .collect();
    if cells.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", check.name())?;
    let (same, other): (Vec<&Cell>, Vec<&Cell>) = cells
        .into_iter()
        .partition(|cell| cell.verdict == Verdict::Holds && check == Check::Claims);
    if !same.is_empty() {
        let names: Vec<&str> = same.iter().map(|cell| cell.probe.as_str()).collect();
        writeln!(out, "  ✓ the same: {}", names.join(", "))?;
    }
    for cell in other {
        let known = if cell.verdict == Verdict::Known {
            " (known)"
        } else {
            ""
        };
        writeln!(
            out,
            "  {} {}: {}{known}",
            cell.verdict.sign(),
            cell.name,
            printable(&cell.got)
        )?;
    }
    Ok(())
}

/// One line a family: what came of its tokens on both sides.
fn forgery(report: &JwtReport, out: &mut dyn io::Write) -> io::Result<()> {
    let mut families: Vec<(&str, [usize; 4])> = Vec::new();
    let mut loose = Vec::new();
    for cell in report
        .outcomes
        .cells
        .iter()
        .filter(|cell| cell.check == Check::Forgery)
    {
        if cell.verifier.is_none() {
            loose.push(cell);
            continue;
        }
        let family = cell.name.split('/').nth(1).unwrap_or_default();
        let at = families
            .iter()
            .position(|(name, _)| *name == family)
            .unwrap_or_else(|| {
                families.push((family, [0; 4]));
                families.len() - 1
            });
        let column = match cell.verdict {
            Verdict::Holds => 0,
            Verdict::Known => 1,
            Verdict::Fails => 2,
            Verdict::NotJudged(_) | Verdict::NotAsked(_) => 3,
        };
        families[at].1[column] += 1;
    }
    if families.is_empty() && loose.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nforgery (tokens tried on both sides)")?;
    let mut table = Table::new(&[
        ("", 2),
        ("family", 24),
        ("hold", 6),
        ("known", 6),
        ("fail", 6),
        ("not judged", 10),
    ]);
    for (family, counts) in families {
        let sign = match counts {
            [_, _, failing, _] if failing > 0 => "✗",
            [0, 0, ..] => "–",
            _ => "✓",
        };
        let mut row = vec![sign.to_owned(), family.to_owned()];
        // A token is a cell on each side.
        row.extend(counts.map(|count| match count / 2 {
            0 => String::new(),
            tokens => tokens.to_string(),
        }));
        table.push(row);
    }
    for line in table.lines() {
        writeln!(out, "  {line}")?;
    }
    for cell in loose {
        writeln!(out, "  – {}: not judged", cell.name)?;
    }
    Ok(())
}

fn findings(findings: &[Finding], out: &mut dyn io::Write) -> io::Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nfindings")?;
    for finding in findings {
        writeln!(
            out,
            "  {} {}: {}",
            finding.severity,
            finding.name,
            printable(&finding.what)
        )?;
        writeln!(out, "    effect: {}", finding.effect)?;
        writeln!(out, "    remedy: {}", finding.remedy)?;
        let shown = finding.cells.len().min(CELLS_SHOWN);
        let more = match finding.cells.len() - shown {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        writeln!(
            out,
            "    cells:  {}{more}",
            finding.cells[..shown].join(", ")
        )?;
    }
    Ok(())
}

/// Cells that were not judged, by the reason they share.
fn gaps(report: &JwtReport, out: &mut dyn io::Write) -> io::Result<()> {
    let mut reasons: Vec<(&str, &'static str, Vec<&str>)> = Vec::new();
    for cell in &report.outcomes.cells {
        let (why, word) = match &cell.verdict {
            Verdict::NotJudged(why) if report.waived.iter().any(|name| cell.is_named(name)) => {
                (why, "waived")
            }
            Verdict::NotJudged(why) => (why, "not judged"),
            Verdict::NotAsked(why) => (why, "not asked"),
            _ => continue,
        };
        match reasons
            .iter_mut()
            .find(|(other, kind, _)| other == why && *kind == word)
        {
            Some((_, _, cells)) => cells.push(&cell.name),
            None => reasons.push((why, word, vec![&cell.name])),
        }
    }
    for (why, word, cells) in reasons {
        let more = match cells.len() {
            0..=2 => cells.join(", "),
            many => format!("{}, {} and {} more", cells[0], cells[1], many - 2),
        };
        writeln!(out, "\n– {word}: {more}\n    {}", printable(why))?;
    }
    Ok(())
}
