#![deny(clippy::disallowed_methods)]
//! A sheet as one HTML file without scripts or anything loaded from elsewhere. Everything that came
//! from a service is escaped, and a content security policy stands behind that.

use std::io;

use super::Exit;
use super::sheet::{Change, Grid, Item, Sheet};
use super::side_by_side::{Piece, Row, rows};
use super::table::printable;

/// Rows of one side-by-side view; the JSON report has all.
const MAX_ROWS: usize = 1_500;
/// Places listed below one item.
const MAX_CHANGES: usize = 200;
/// Items that are shown open; the rest one opens oneself.
const MAX_OPEN: usize = 40;

/// Writes `sheet`.
pub fn write(sheet: &Sheet, out: &mut dyn io::Write) -> io::Result<()> {
    let (tone, mark) = match sheet.exit {
        Exit::Green => ("green", "✓"),
        Exit::Differences => ("red", "✗"),
        Exit::Usage | Exit::Incomplete => ("amber", "!"),
    };
    writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}: {}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>",
        escape(&sheet.title),
        escape(&sheet.verdict),
        include_str!("page.css"),
    )?;
    writeln!(
        out,
        "<header class=\"{tone}\">\n<div class=\"kind\">{}</div>\n<h1><span>{mark}</span> {}</h1>",
        escape(&sheet.title),
        escape(&sheet.verdict)
    )?;
    if !sheet.counts.is_empty() {
        writeln!(out, "<ul class=\"counts\">")?;
        for (name, count) in &sheet.counts {
            writeln!(out, "<li><b>{}</b> {}</li>", escape(count), escape(name))?;
        }
        writeln!(out, "</ul>")?;
    }
    for gap in &sheet.gaps {
        writeln!(
            out,
            "<p class=\"note\"><b>incomplete:</b> {}</p>",
            escape(gap)
        )?;
    }
    writeln!(out, "</header>")?;
    list("Warnings", &sheet.warnings, true, out)?;
    for grid in sheet.grids.iter().filter(|grid| !grid.folded) {
        table(grid, out)?;
    }
    if !sheet.items.is_empty() {
        writeln!(out, "<h2>Differences</h2>")?;
    }
    for (at, one) in sheet.items.iter().enumerate() {
        item(one, sheet.sides, !one.minor && at < MAX_OPEN, out)?;
    }
    for grid in sheet.grids.iter().filter(|grid| grid.folded) {
        table(grid, out)?;
    }
    list("About this run", &sheet.facts, true, out)?;
    writeln!(
        out,
        "<footer>verifier {}</footer>\n</main>\n</body>\n</html>",
        env!("CARGO_PKG_VERSION")
    )
}

fn list(title: &str, lines: &[String], open: bool, out: &mut dyn io::Write) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<details class=\"card\"{}>\n<summary><b>{title}</b></summary>\n<ul class=\"plain\">",
        if open { " open" } else { "" }
    )?;
    for line in lines {
        writeln!(out, "<li>{}</li>", escape(line))?;
    }
    writeln!(out, "</ul>\n</details>")
}

fn table(grid: &Grid, out: &mut dyn io::Write) -> io::Result<()> {
    if grid.rows.is_empty() {
        return Ok(());
    }
    if grid.folded {
        writeln!(
            out,
            "<details class=\"card\">\n<summary><b>{}</b> <span class=\"sub\">{}</span></summary>\n<div class=\"scroll\">",
            escape(grid.title),
            grid.rows.len()
        )?;
    } else {
        writeln!(
            out,
            "<h2>{}</h2>\n<div class=\"card scroll\">",
            escape(grid.title)
        )?;
    }
    write!(out, "<table>\n<tr>")?;
    let class = |at: usize| {
        let number = grid
            .columns
            .get(at)
            .is_some_and(|name| name.starts_with('#'));
        if number { " class=\"n\"" } else { "" }
    };
    for (at, column) in grid.columns.iter().enumerate() {
        let name = column.trim_start_matches('#');
        write!(out, "<th{}>{}</th>", class(at), escape(name))?;
    }
    writeln!(out, "</tr>")?;
    for row in &grid.rows {
        write!(out, "<tr>")?;
        for (at, cell) in row.iter().enumerate() {
            match cell.as_str() {
                "breaking" | "risky" | "benign" | "proven" | "failing" | "not yet" | "no data" => {
                    let class = cell.replace(' ', "-");
                    write!(out, "<td><span class=\"badge {class}\">{cell}</span></td>")?;
                }
                _ => write!(out, "<td{}>{}</td>", class(at), escape(cell))?,
            }
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(
        out,
        "</table>\n</div>{}",
        if grid.folded { "\n</details>" } else { "" }
    )
}

fn item(item: &Item, sides: [&str; 2], open: bool, out: &mut dyn io::Write) -> io::Result<()> {
    write!(
        out,
        "<details class=\"card\"{}>\n<summary>",
        if open { " open" } else { "" }
    )?;
    if let Some(severity) = item.severity {
        write!(out, "<span class=\"badge {severity}\">{severity}</span>")?;
    }
    writeln!(
        out,
        "<b>{}</b> <span class=\"sub\">{}</span></summary>",
        escape(&item.title),
        escape(&item.subtitle)
    )?;
    for fact in &item.facts {
        writeln!(out, "<p class=\"fact\">{}</p>", escape(fact))?;
    }
    changes(item, sides, out)?;
    if let Some(diff) = &item.diff {
        side_by_side(diff, sides, out)?;
    }
    if !item.commands.is_empty() {
        let commands: Vec<String> = item.commands.iter().map(|line| escape(line)).collect();
        writeln!(out, "<pre>{}</pre>", commands.join("\n"))?;
    }
    if let Some(link) = &item.link {
        let url = escape(link);
        if link.starts_with("https://") || link.starts_with("http://") {
            writeln!(
                out,
                "<p class=\"fact\"><a rel=\"noreferrer\" href=\"{url}\">trace</a></p>"
            )?;
        } else {
            writeln!(out, "<p class=\"fact\">trace {url}</p>")?;
        }
    }
    writeln!(out, "</details>")
}

fn changes(item: &Item, sides: [&str; 2], out: &mut dyn io::Write) -> io::Result<()> {
    if item.changes.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<div class=\"scroll\"><table>\n<tr><th>place</th><th>kind</th><th>{}</th><th>{}</th><th>relation</th></tr>",
        escape(sides[0]),
        escape(sides[1])
    )?;
    for change in item.changes.iter().take(MAX_CHANGES) {
        let Change {
            at,
            kind,
            severity,
            reference,
            candidate,
            remark,
        } = change;
        writeln!(
            out,
            "<tr><td class=\"at\"><span class=\"badge {severity}\">{severity}</span><code>{}</code></td><td class=\"short\">{}</td>\
             <td class=\"was\">{}</td><td class=\"now\">{}</td><td class=\"words\">{}</td></tr>",
            escape(at),
            escape(kind),
            value(reference.as_deref()),
            value(candidate.as_deref()),
            escape(remark)
        )?;
    }
    writeln!(out, "</table></div>")?;
    let beyond = item.changes.len().saturating_sub(MAX_CHANGES) as u64 + item.more_changes;
    if beyond > 0 {
        writeln!(out, "<p class=\"fact\">… and {beyond} more</p>")?;
    }
    Ok(())
}

fn value(value: Option<&str>) -> String {
    value.map_or_else(
        || "<em>nothing</em>".to_owned(),
        // A value of several lines is laid out for reading; here it is one cell.
        |value| {
            let lines: Vec<&str> = value.split('\n').map(str::trim).collect();
            format!("<code>{}</code>", escape(&lines.join(" ")))
        },
    )
}

fn side_by_side(diff: &str, sides: [&str; 2], out: &mut dyn io::Write) -> io::Result<()> {
    let rows = rows(diff);
    writeln!(
        out,
        "<div class=\"sides\">\n<div class=\"head l\">{}</div><div class=\"head\">{}</div>",
        escape(sides[0]),
        escape(sides[1])
    )?;
    for row in rows.iter().take(MAX_ROWS) {
        match row {
            Row::Gap => writeln!(out, "<div class=\"gap\">⋯</div>")?,
            Row::Same(text) => {
                let text = escape(text);
                writeln!(out, "<div class=\"l\">{text}</div><div>{text}</div>")?;
            }
            Row::Pair { left, right } => writeln!(
                out,
                "{}{}",
                cell(left.as_deref(), "del", " l"),
                cell(right.as_deref(), "ins", "")
            )?,
        }
    }
    writeln!(out, "</div>")?;
    if rows.len() > MAX_ROWS {
        writeln!(
            out,
            "<p class=\"fact\">… {} more lines in the JSON report</p>",
            rows.len() - MAX_ROWS
        )?;
    }
    Ok(())
}

/// `column` marks the left one, which has a line at its right.
fn cell(pieces: Option<&[Piece]>, class: &str, column: &str) -> String {
    let Some(pieces) = pieces else {
        return format!("<div class=\"none{column}\"></div>");
    };
    let mut out = format!("<div class=\"{class}{column}\">");
    for piece in pieces {
        let text = escape(&piece.text);
        if piece.changed {
            out.push_str(&format!("<mark>{text}</mark>"));
        } else {
            out.push_str(&text);
        }
    }
    out.push_str("</div>");
    out
}

/// Text for an element or a quoted attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}
