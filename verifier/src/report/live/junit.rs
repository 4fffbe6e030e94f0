#![deny(clippy::disallowed_methods)]
//! The report as `JUnit` XML: an endpoint is a suite, a difference group a failed case, so that a build
//! server shows each by name.

use std::io;

use super::{LiveReport, Side, curl};
use crate::evidence::record::Group;
use crate::report::table::printable;

/// Writes `report`.
pub fn write(report: &LiveReport, out: &mut dyn io::Write) -> io::Result<()> {
    let (groups, endpoints) = (report.groups(), report.endpoints());
    let gaps = report.gaps();
    let lost = endpoints.iter().filter(|line| line.lost > 0).count();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuites name=\"shadow traffic\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{lost}\">",
        groups.len() + endpoints.len() + usize::from(!gaps.is_empty()),
        groups.len(),
        usize::from(!gaps.is_empty())
    )?;
    for line in &endpoints {
        let (failed, name) = (of(&groups, line.name).count(), escape(line.name));
        let tally = &line.record.tally;
        let skipped = usize::from(line.lost > 0);
        writeln!(
            out,
            "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\">",
            failed + 1
        )?;
        write!(
            out,
            "    <testcase classname=\"{name}\" name=\"{} of {} requests compared\"",
            tally.compared(),
            tally.sent
        )?;
        if line.lost > 0 {
            writeln!(
                out,
                "><skipped message=\"{} should have been compared\"/></testcase>",
                line.lost
            )?;
        } else {
            writeln!(out, "/>")?;
        }
        for (id, group) in of(&groups, line.name) {
            let key = &group.key;
            let title = format!("{} at {} [{id}]", key.kind, key.place);
            writeln!(
                out,
                "    <testcase classname=\"{name}\" name=\"{}\">",
                escape(&title)
            )?;
            let message = format!(
                "{} exchanges, {}, status {}{}",
                group.exchanges,
                key.severity,
                key.statuses,
                key.relation
                    .as_ref()
                    .map_or(String::new(), |relation| format!(", {}", relation.text))
            );
            let mut text = String::new();
            if let Some(sample) = group.samples.first() {
                let shown =
                    |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
                text = format!(
                    "{}: legacy {}, core {}\n{}\n{}",
                    sample.difference.location,
                    shown(&sample.difference.reference),
                    shown(&sample.difference.candidate),
                    curl(report, sample, Side::Legacy),
                    curl(report, sample, Side::Core)
                );
            }
            let text: Vec<String> = text.lines().map(escape).collect();
            writeln!(
                out,
                "      <failure type=\"{}\" message=\"{}\">{}</failure>",
                key.kind,
                escape(&message),
                text.join("\n")
            )?;
            writeln!(out, "    </testcase>")?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    if !gaps.is_empty() {
        writeln!(
            out,
            "  <testsuite name=\"evidence\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\">"
        )?;
        writeln!(
            out,
            "    <testcase classname=\"evidence\" name=\"complete\"><error message=\"{}\"/></testcase>\n  </testsuite>",
            escape(&gaps.join("; "))
        )?;
    }
    writeln!(out, "</testsuites>")
}

/// The groups of one endpoint.
fn of<'g, 'e>(
    groups: &'g [(&'e str, &'e Group)],
    name: &'g str,
) -> impl Iterator<Item = &'g (&'e str, &'e Group)> {
    groups
        .iter()
        .filter(move |(_, group)| group.key.endpoint == name)
}

/// Text for an attribute or element; characters that XML 1.0 cannot hold are written as escapes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}
