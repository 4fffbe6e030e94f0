//! `verifier learn`: rules that the noise of live traffic speaks for, as a change to the catalogue.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::Exit;
use super::terminal::{say, to_stdout};
use crate::catalogue::Catalogue;
use crate::evidence::noise::learn::{Learnt, Proposal, learn};
use crate::evidence::store;
use crate::report::table::printable;

/// Propose rules for what is noise, as a diff to the catalogue.
///
/// Nothing is changed: look at the diff and apply it with `git apply` or `patch -p1`. What is noise and
/// gets no rule is listed on standard error with the reason. Exits with 1 when rules are proposed, 0
/// when there is nothing to propose, 3 when no second answers of legacy are in the evidence.
#[derive(Debug, clap::Args)]
pub struct LearnArgs {
    /// The evidence, as `shadow-proxy --evidence FILE` writes it with `--legacy-twin` or
    /// `--noise-sample`.
    #[arg(long, value_name = "FILE")]
    evidence: PathBuf,
    /// The catalogue to change; without one the diff makes a file `rules.yaml`.
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// Where the diff goes [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl LearnArgs {
    /// Writes the diff.
    pub fn run(self) -> anyhow::Result<Exit> {
        let evidence = store::read(&self.evidence)?;
        let endpoints = evidence.ledger.endpoints.values();
        if endpoints.map(|record| record.tally.paired).sum::<u64>() == 0 {
            say(
                "no second answers of legacy in the evidence: run the proxy with --legacy-twin URL or --noise-sample PERCENT",
            );
            return Ok(Exit::Incomplete);
        }
        let today = jiff::ZonedDateTime::now().date();
        let before = match &self.catalog {
            Some(path) => {
                let text = Catalogue::read_text(path)?;
                let catalogue = Catalogue::parse(path, &text, today)?;
                Some((path, text, catalogue))
            }
            None => None,
        };
        let learnt = learn(&evidence, |endpoint| match &before {
            Some((_, _, catalogue)) => catalogue.endpoints.iter().any(|one| one.id == endpoint),
            None => true,
        });
        refusals(&learnt);
        if learnt.proposals.is_empty() {
            say("no rule to propose");
            return Ok(Exit::Green);
        }
        let rules: Vec<String> = learnt.proposals.iter().map(written).collect();
        let diff = match &before {
            None => new_file(&rules),
            Some((path, text, _)) => {
                let (at, lines) = insertion(text, &rules)
                    .with_context(|| format!("{}: cannot add rules", path.display()))?;
                let after = applied(text, at, &lines);
                // What is proposed must read back.
                Catalogue::parse(path, &after, today)
                    .with_context(|| format!("{}: a rule does not fit in", path.display()))?;
                changed_file(path, text, at, &lines)
            }
        };
        match &self.out {
            Some(out) => std::fs::write(out, &diff)
                .with_context(|| format!("{}: cannot write the diff", out.display()))?,
            None => to_stdout(|text| text.write_all(diff.as_bytes()))?,
        }
        let unchecked = learnt.proposals.iter().filter(|one| one.checked.is_none());
        let unchecked = unchecked.count();
        say(&format!(
            "{} rules proposed, {} checked on a stored example, {} refused",
            learnt.proposals.len(),
            learnt.proposals.len() - unchecked,
            learnt.refusals.len()
        ));
        Ok(Exit::Differences)
    }
}

fn refusals(learnt: &Learnt) {
    for refusal in &learnt.refusals {
        say(&printable(&format!(
            "refused {} {} ({}): {}",
            refusal.endpoint, refusal.place, refusal.manner, refusal.reason
        )));
    }
}

/// A rule as an entry of a YAML list, without indentation. A JSON string is a YAML string.
fn written(proposal: &Proposal) -> String {
    let rule = &proposal.rule;
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut entry = format!("- {{ at: {}", quoted(&rule.at));
    // Writing to a `String` cannot fail.
    if let Some(endpoint) = &rule.endpoint {
        let _ = write!(entry, ", endpoint: {}", quoted(endpoint));
    }
    if rule.multiset {
        entry.push_str(", multiset: true");
    }
    if let Some(key) = &rule.by {
        let _ = write!(entry, ", by: {}", quoted(key));
    }
    if rule.tolerate.is_some() {
        entry.push_str(", tolerate: same-format");
    }
    if let Some(reason) = &rule.reason {
        let _ = write!(entry, ", reason: {}", quoted(reason));
    }
    entry.push_str(" }");
    entry
}

/// Where in the catalogue the rules go, as a number of lines before them, and the lines.
fn insertion(text: &str, rules: &[String]) -> anyhow::Result<(usize, Vec<String>)> {
    let lines: Vec<&str> = text.lines().collect();
    let Some(at) = lines.iter().position(|line| line.starts_with("rules:")) else {
        let mut added = vec!["rules:".to_owned()];
        added.extend(rules.iter().map(|rule| format!("  {rule}")));
        return Ok((lines.len(), added));
    };
    let rest = lines[at]["rules:".len()..].trim_start();
    if !rest.is_empty() && !rest.starts_with('#') {
        bail!("`rules:` is written on one line: write it as a list, one rule a line");
    }
    let first = lines[at + 1..]
        .iter()
        .find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let indent = first
        .filter(|line| line.trim_start().starts_with('-'))
        .map_or("  ", |line| &line[..line.len() - line.trim_start().len()]);
    let added = rules.iter().map(|rule| format!("{indent}{rule}")).collect();
    Ok((at + 1, added))
}

fn applied(text: &str, at: usize, added: &[String]) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.splice(at..at, added.iter().map(String::as_str));
    lines.join("\n") + "\n"
}

/// Lines shown around a change.
const CONTEXT: usize = 3;

fn changed_file(path: &Path, text: &str, at: usize, added: &[String]) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let (from, to) = (at.saturating_sub(CONTEXT), (at + CONTEXT).min(lines.len()));
    let shown = path.display().to_string();
    let shown = shown.trim_start_matches("./");
    let mut diff = format!(
        "--- a/{shown}\n+++ b/{shown}\n@@ -{},{} +{},{} @@\n",
        from + 1,
        to - from,
        from + 1,
        to - from + added.len()
    );
    let unended = !text.is_empty() && !text.ends_with('\n');
    let mut line = |mark: char, line: &str, last: bool| {
        let _ = writeln!(diff, "{mark}{line}");
        if last && unended {
            diff.push_str("\\ No newline at end of file\n");
        }
    };
    for (number, old) in lines.iter().enumerate().take(at).skip(from) {
        // The last line gets its end together with what follows it.
        let last = number + 1 == lines.len();
        if last && unended {
            line('-', old, true);
            line('+', old, false);
        } else {
            line(' ', old, false);
        }
    }
    for new in added {
        line('+', new, false);
    }
    for (number, old) in lines.iter().enumerate().take(to).skip(at) {
        line(' ', old, number + 1 == lines.len());
    }
    diff
}

fn new_file(rules: &[String]) -> String {
    let mut diff = format!(
        "--- /dev/null\n+++ b/rules.yaml\n@@ -0,0 +1,{} @@\n+rules:\n",
        rules.len() + 1
    );
    for rule in rules {
        let _ = writeln!(diff, "+  {rule}");
    }
    diff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_go_where_rules_are_and_the_diff_says_the_same() {
        let rules = ["- { at: \"/a\" }".to_owned()];
        for (text, after) in [
            ("a: 1\n", "a: 1\nrules:\n  - { at: \"/a\" }\n"),
            (
                "rules:\n- { at: /b }\nb: 1\n",
                "rules:\n- { at: \"/a\" }\n- { at: /b }\nb: 1\n",
            ),
            (
                "a: 1\nrules: # ours\n    # why\n    - { at: /b }\n",
                "a: 1\nrules: # ours\n    - { at: \"/a\" }\n    # why\n    - { at: /b }\n",
            ),
            ("a: 1", "a: 1\nrules:\n  - { at: \"/a\" }\n"),
        ] {
            let (at, added) = insertion(text, &rules).expect("a place");
            assert_eq!(applied(text, at, &added), after);
            let diff = changed_file(Path::new("c.yaml"), text, at, &added);
            let folder = tempfile::tempdir().expect("a temporary folder");
            std::fs::write(folder.path().join("c.yaml"), text).expect("a file");
            std::fs::write(folder.path().join("d"), &diff).expect("a file");
            let done = std::process::Command::new("git")
                .args(["apply", "--unidiff-zero", "d"])
                .current_dir(folder.path())
                .output()
                .expect("git");
            assert!(done.status.success(), "{diff}\n{done:?}");
            let read = std::fs::read_to_string(folder.path().join("c.yaml")).expect("a file");
            assert_eq!(read, after, "{diff}");
        }
        assert!(insertion("rules: []\n", &rules).is_err());
    }
}
