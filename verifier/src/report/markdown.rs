#![deny(clippy::disallowed_methods)]
//! A sheet as Markdown: a comment on a merge request, or a ticket. Values are text there, never
//! markup, and the whole stays below what GitHub takes as one comment (65,536 characters).

use std::io;

use super::sheet::{Change, Grid, Item, Sheet};
use super::table::{cut, printable};

/// Most that is written, in bytes; the last lines say what was left out.
const MAX_BYTES: usize = 60_000;
/// Rows of one table.
const MAX_ROWS: usize = 60;
/// Places named below one item.
const MAX_CHANGES: usize = 12;
/// Lines of diff below one item.
const MAX_DIFF_LINES: usize = 60;
/// Longest value.
const MAX_VALUE: usize = 120;

/// Writes `sheet`. Its first line names the kind of sheet, so that a job can find and replace its
/// own comment.
pub fn write(sheet: &Sheet, out: &mut dyn io::Write) -> io::Result<()> {
    let mut text = format!(
        "<!-- verifier: {} -->\n### {} {}: {}\n",
        sheet.title,
        sheet.sign(),
        escape(&sheet.title),
        escape(&cut(&sheet.verdict, 400))
    );
    let counts: Vec<String> = sheet
        .counts
        .iter()
        .map(|(name, count)| format!("{} {name}", escape(count)))
        .collect();
    if !counts.is_empty() {
        text.push_str(&format!("\n{}\n", counts.join(" · ")));
    }
    if !sheet.gaps.is_empty() {
        text.push('\n');
    }
    for gap in &sheet.gaps {
        text.push_str(&format!("- **incomplete:** {}\n", escape(&cut(gap, 400))));
    }
    let mut rest = Vec::new();
    let (folded, open): (Vec<&Grid>, Vec<&Grid>) =
        sheet.grids.iter().partition(|table| table.folded);
    rest.extend(open.into_iter().map(grid));
    let (major, minor): (Vec<&Item>, Vec<&Item>) = sheet.items.iter().partition(|item| !item.minor);
    rest.extend(
        major
            .into_iter()
            .chain(minor)
            .map(|it| item(it, sheet.sides)),
    );
    rest.extend(folded.into_iter().map(grid));
    rest.push(list("Warnings", &sheet.warnings));
    rest.push(list("About this run", &sheet.facts));
    let mut left_out = 0;
    for part in rest {
        if text.len() + part.len() > MAX_BYTES {
            left_out += 1;
        } else {
            text.push_str(&part);
        }
    }
    if left_out > 0 {
        text.push_str(&format!(
            "\n{left_out} more parts do not fit into a comment: the HTML and JSON reports have them.\n"
        ));
    }
    out.write_all(text.as_bytes())
}

fn list(title: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let shown = lines.iter().take(MAX_ROWS);
    let mut out = format!(
        "\n<details>\n<summary>{title} ({})</summary>\n\n",
        lines.len()
    );
    for line in shown {
        out.push_str(&format!("- {}\n", escape(&cut(line, 400))));
    }
    if lines.len() > MAX_ROWS {
        out.push_str(&format!("- … and {} more\n", lines.len() - MAX_ROWS));
    }
    out.push_str("\n</details>\n");
    out
}

fn grid(grid: &Grid) -> String {
    if grid.rows.is_empty() {
        return String::new();
    }
    let mut out = if grid.folded {
        format!("\n<details>\n<summary>{}</summary>\n\n", grid.title)
    } else {
        format!("\n**{}**\n\n", grid.title)
    };
    let (mut names, mut rules) = (String::from("|"), String::from("|"));
    for column in &grid.columns {
        names.push_str(&format!(" {} |", column.trim_start_matches('#')));
        rules.push_str(if column.starts_with('#') {
            "---:|"
        } else {
            "---|"
        });
    }
    out.push_str(&format!("{names}\n{rules}\n"));
    for row in grid.rows.iter().take(MAX_ROWS) {
        out.push('|');
        for cell in row {
            out.push_str(&format!(" {} |", escape(&cut(cell, 200))));
        }
        out.push('\n');
    }
    if grid.rows.len() > MAX_ROWS {
        out.push_str(&format!("\n… and {} more\n", grid.rows.len() - MAX_ROWS));
    }
    if grid.folded {
        out.push_str("\n</details>\n");
    }
    out
}

fn item(item: &Item, sides: [&str; 2]) -> String {
    let mut out = format!(
        "\n<details>\n<summary>{}<b>{}</b> {}</summary>\n\n",
        item.severity
            .map_or_else(String::new, |severity| format!("{severity}: ")),
        escape(&cut(&item.title, 200)),
        escape(&cut(&item.subtitle, 200))
    );
    for fact in &item.facts {
        out.push_str(&format!("{}\n\n", escape(&cut(fact, 600))));
    }
    if !item.changes.is_empty() {
        out.push_str(&format!(
            "| place | kind | {} | {} | |\n|---|---|---|---|---|\n",
            sides[0], sides[1]
        ));
        for change in item.changes.iter().take(MAX_CHANGES) {
            out.push_str(&row(change));
        }
        let beyond = item.changes.len().saturating_sub(MAX_CHANGES) as u64 + item.more_changes;
        if beyond > 0 {
            out.push_str(&format!("\n… and {beyond} more\n"));
        }
    }
    if let Some(diff) = &item.diff {
        let lines: Vec<String> = diff
            .lines()
            .take(MAX_DIFF_LINES)
            .map(|line| cut(&printable(line), 160))
            .collect();
        out.push_str(&fenced("diff", &lines.join("\n")));
        let more = diff.lines().count().saturating_sub(MAX_DIFF_LINES);
        if more > 0 {
            out.push_str(&format!("\n… {more} more lines\n"));
        }
    }
    if !item.commands.is_empty() {
        let commands: Vec<String> = item.commands.iter().map(|line| printable(line)).collect();
        out.push_str(&fenced("sh", &commands.join("\n")));
    }
    if let Some(link) = &item.link {
        out.push_str(&format!("\ntrace {}\n", escape(link)));
    }
    out.push_str("\n</details>\n");
    out
}

fn row(change: &Change) -> String {
    let shown = |value: &Option<String>| {
        value.as_deref().map_or_else(
            || "*nothing*".to_owned(),
            |value| escape(&cut(value, MAX_VALUE)),
        )
    };
    format!(
        "| {} | {} | {} | {} | {} |\n",
        escape(&cut(&change.at, MAX_VALUE)),
        escape(&change.kind),
        shown(&change.reference),
        shown(&change.candidate),
        escape(&cut(&change.remark, MAX_VALUE))
    )
}

/// Text that stays text: no markup, no HTML, no cell border, no control character.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // An entity rather than a backslash: it also ends what would become a link by itself.
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' | '@' => {
                out.push_str(&format!("&#{};", u32::from(c)));
            }
            _ => out.push(c),
        }
    }
    out
}

/// A block with a fence longer than any run of backticks inside.
fn fenced(language: &str, text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("\n{fence}{language}\n{text}\n{fence}\n")
}
