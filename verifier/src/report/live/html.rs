#![deny(clippy::disallowed_methods)]
//! The report as one HTML file without scripts or anything loaded from elsewhere. Everything that
//! came from traffic is escaped, and a content security policy stands behind that.

use std::io;

use super::{LiveReport, Side, curl, moment, quantile_text, run_line};
use crate::report::table::printable;

const HEAD: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width">
<title>Shadow traffic</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 75rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid #8884; vertical-align: top; overflow-wrap: anywhere }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
pre { overflow-x: auto; padding: .6rem; background: #8881; white-space: pre-wrap; overflow-wrap: anywhere }
.breaking { color: #d33 } .risky { color: #b70 } .benign { color: #888 }
details { margin: .6rem 0; border-left: 3px solid #8884; padding-left: .8rem }
</style>
</head>
<body>
"#;

/// Writes `report`.
pub fn write(report: &LiveReport, out: &mut dyn io::Write) -> io::Result<()> {
    out.write_all(HEAD.as_bytes())?;
    writeln!(
        out,
        "<h1>Shadow traffic</h1>\n<p><strong>{}</strong></p>\n<ul>",
        escape(&report.headline())
    )?;
    for run in report.evidence.runs.values() {
        writeln!(out, "<li>{}</li>", escape(&run_line(run)))?;
    }
    for text in report.gaps().iter().chain(&report.warnings()) {
        writeln!(out, "<li class=\"risky\">{}</li>", escape(text))?;
    }
    writeln!(
        out,
        "</ul>\n<h2>Endpoints</h2>\n<table>\n<tr><th>endpoint</th>"
    )?;
    for column in [
        "sent",
        "compared",
        "different",
        "skipped",
        "lost",
        "legacy p99",
        "core p99",
    ] {
        writeln!(out, "<th class=\"n\">{column}</th>")?;
    }
    writeln!(out, "</tr>")?;
    for line in report.endpoints() {
        let tally = &line.record.tally;
        writeln!(out, "<tr><td>{}</td>", escape(line.name))?;
        let counts = [
            tally.sent,
            tally.compared(),
            line.noise,
            line.undecided,
            line.different,
            line.skipped,
            line.lost,
        ];
        for count in counts {
            write!(out, "<td class=\"n\">{count}</td>")?;
        }
        for histogram in [&tally.reference_latency, &tally.candidate_latency] {
            write!(
                out,
                "<td class=\"n\">{}</td>",
                quantile_text(histogram, 0.99)
            )?;
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</table>")?;
    let groups = report.groups();
    if !groups.is_empty() {
        writeln!(out, "<h2>Differences</h2>")?;
    }
    for (id, group) in groups {
        let key = &group.key;
        writeln!(
            out,
            "<details open>\n<summary>{} × <span class=\"{sev}\">{sev}</span> {} — {} at <code>{}</code></summary>",
            group.exchanges,
            escape(&key.endpoint),
            key.kind,
            escape(&key.place),
            sev = key.severity,
        )?;
        writeln!(
            out,
            "<p>group <code>{}</code>, status {}, {} to {}",
            escape(id),
            key.statuses,
            moment(group.first_ms),
            moment(group.last_ms)
        )?;
        if let Some(relation) = &key.relation {
            writeln!(out, "<br>{}", escape(&relation.text))?;
        }
        writeln!(out, "</p>")?;
        if let Some(sample) = group.samples.first() {
            let shown = |value: &Option<String>| {
                value
                    .as_deref()
                    .map_or("<em>nothing</em>".to_owned(), |value| {
                        format!("<code>{}</code>", escape(value))
                    })
            };
            let difference = &sample.difference;
            writeln!(
                out,
                "<table><tr><th>at</th><td><code>{}</code></td></tr><tr><th>legacy</th><td>{}</td></tr><tr><th>core</th><td>{}</td></tr></table>",
                escape(&difference.location),
                shown(&difference.reference),
                shown(&difference.candidate)
            )?;
            let (legacy, core) = (
                curl(report, sample, Side::Legacy),
                curl(report, sample, Side::Core),
            );
            writeln!(out, "<pre>{}\n{}</pre>", escape(&legacy), escape(&core))?;
            if let Some(url) = report.trace_url(sample) {
                let safe = url.starts_with("https://") || url.starts_with("http://");
                let url = escape(&url);
                if safe {
                    writeln!(out, "<p><a rel=\"noreferrer\" href=\"{url}\">trace</a></p>")?;
                } else {
                    writeln!(out, "<p>trace {url}</p>")?;
                }
            }
        }
        writeln!(out, "</details>")?;
    }
    writeln!(out, "</body>\n</html>")
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
