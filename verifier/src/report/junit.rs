#![deny(clippy::disallowed_methods)]
//! A sheet as `JUnit` XML: an endpoint is a suite, a case a test case, so that a build server lists each
//! by name. GitLab and GitHub show the text inside `failure`; its attributes only some readers do.

use std::io;

use super::sheet::{Check, Outcome, Sheet};
use super::table::printable;

/// Most text of one failure, in bytes.
const MAX_TEXT: usize = 20_000;

/// How many of each.
#[derive(Default)]
struct Counts {
    failures: usize,
    errors: usize,
    skipped: usize,
    seconds: f64,
}

impl Counts {
    fn of<'c>(checks: impl Iterator<Item = &'c Check>) -> Self {
        let mut counts = Self::default();
        for check in checks {
            match check.outcome {
                Outcome::Passed => {}
                Outcome::Failed { .. } => counts.failures += 1,
                Outcome::Broken(_) => counts.errors += 1,
                Outcome::Skipped(_) => counts.skipped += 1,
            }
            counts.seconds += check.seconds.unwrap_or(0.0);
        }
        counts
    }
}

/// Writes `sheet`. What makes the run incomplete is an error of its own, and so is a run that checked
/// nothing: a list without failures would pass for a good one.
pub fn write(sheet: &Sheet, out: &mut dyn io::Write) -> io::Result<()> {
    let mut checks = sheet.checks.clone();
    let own = |name: &str, outcome: Outcome| Check {
        suite: sheet.title.clone(),
        name: name.to_owned(),
        seconds: None,
        file: None,
        outcome,
        remarks: Vec::new(),
    };
    if checks.is_empty() {
        let nothing = "nothing was checked".to_owned();
        checks.push(own("something was checked", Outcome::Broken(nothing)));
    }
    if !sheet.gaps.is_empty() {
        checks.push(own("complete", Outcome::Broken(sheet.gaps.join("; "))));
    }
    if !sheet.warnings.is_empty() {
        let mut check = own("warnings", Outcome::Passed);
        check.remarks.clone_from(&sheet.warnings);
        checks.push(check);
    }
    let all = Counts::of(checks.iter());
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\">",
        escape(&sheet.title),
        checks.len(),
        all.failures,
        all.errors,
        all.skipped,
        all.seconds,
    )?;
    let mut suites: Vec<&str> = Vec::new();
    for check in &checks {
        if !suites.contains(&check.suite.as_str()) {
            suites.push(&check.suite);
        }
    }
    for suite in suites {
        let here = || checks.iter().filter(|check| check.suite == suite);
        let counts = Counts::of(here());
        writeln!(
            out,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{:.3}\">",
            escape(suite),
            here().count(),
            counts.failures,
            counts.errors,
            counts.skipped,
            counts.seconds,
        )?;
        for check in here() {
            case(check, out)?;
        }
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

fn case(check: &Check, out: &mut dyn io::Write) -> io::Result<()> {
    write!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\"",
        escape(&check.suite),
        escape(&check.name)
    )?;
    if let Some(file) = &check.file {
        write!(out, " file=\"{}\"", escape(file))?;
    }
    if let Some(seconds) = check.seconds {
        write!(out, " time=\"{seconds:.3}\"")?;
    }
    if check.outcome == Outcome::Passed && check.remarks.is_empty() {
        return writeln!(out, "/>");
    }
    writeln!(out, ">")?;
    match &check.outcome {
        Outcome::Passed => {}
        Outcome::Failed {
            kind,
            message,
            text,
        } => writeln!(
            out,
            "      <failure type=\"{}\" message=\"{}\">{}</failure>",
            escape(kind),
            escape(message),
            lines(text)
        )?,
        Outcome::Broken(why) => writeln!(
            out,
            "      <error type=\"not judged\" message=\"{0}\">{0}</error>",
            escape(why)
        )?,
        Outcome::Skipped(why) => {
            writeln!(out, "      <skipped message=\"{}\"/>", escape(why))?;
        }
    }
    if !check.remarks.is_empty() {
        let text = check.remarks.join("\n");
        writeln!(out, "      <system-out>{}</system-out>", lines(&text))?;
    }
    writeln!(out, "    </testcase>")
}

/// Text of several lines, bounded.
fn lines(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        if out.len() + line.len() > MAX_TEXT {
            out.push_str("… more in the JSON and HTML reports\n");
            break;
        }
        out.push_str(&escape(line));
        out.push('\n');
    }
    out.trim_end().to_owned()
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
