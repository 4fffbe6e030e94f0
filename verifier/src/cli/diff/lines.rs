//! Pairs from a pipe, one a line.

use std::io::{self, BufRead, Write as _};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{body_answer, body_exchange};
use crate::cli::Exit;
use crate::relation::Relation;
use crate::rules::Rules;
use crate::verdict::{Outcome, Verdict, judge};

/// What all pairs of a run have in common.
pub(super) struct Pairs<'p> {
    pub(super) media: &'p str,
    pub(super) endpoint: &'p str,
    pub(super) rules: &'p Rules,
}

/// A line that is asked.
#[derive(Deserialize)]
struct Question {
    id: Value,
    a_b64: String,
    b_b64: String,
}

/// A line that answers.
#[derive(Debug, PartialEq, Serialize)]
struct Reply {
    id: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Pairs<'_> {
    /// Answers every line as soon as it has come. A line that cannot be answered is answered with
    /// `error`, and makes the whole run end with exit code 2.
    pub(super) fn answer(&self, input: &mut dyn BufRead) -> anyhow::Result<Exit> {
        let mut all = true;
        let mut out = io::stdout().lock();
        let mut line = Vec::new();
        loop {
            line.clear();
            if input
                .read_until(b'\n', &mut line)
                .context("cannot read standard input")?
                == 0
            {
                break;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let reply = self.reply(&line);
            all &= reply.error.is_none();
            let mut text = serde_json::to_vec(&reply).context("cannot write an answer")?;
            text.push(b'\n');
            match out.write_all(&text).and_then(|()| out.flush()) {
                // The reader has seen enough.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Exit::Usage),
                done => done.context("cannot write to standard output")?,
            }
        }
        Ok(if all { Exit::Green } else { Exit::Usage })
    }

    fn reply(&self, line: &[u8]) -> Reply {
        let fault = |id, error: String| Reply {
            id,
            verdict: None,
            class: None,
            error: Some(error),
        };
        let Question { id, a_b64, b_b64 } = match serde_json::from_slice(line) {
            Ok(question) => question,
            Err(error) => {
                let id = serde_json::from_slice::<Value>(line)
                    .ok()
                    .and_then(|mut line| line.get_mut("id").map(Value::take));
                let id = id.unwrap_or(Value::Null);
                return fault(id, format!("no line of this form: {error}"));
            }
        };
        let (a, b) = match (STANDARD.decode(a_b64), STANDARD.decode(b_b64)) {
            (Ok(a), Ok(b)) => (a, b),
            (Err(error), _) => return fault(id, format!("a_b64: {error}")),
            (_, Err(error)) => return fault(id, format!("b_b64: {error}")),
        };
        let same_bytes = a == b;
        let sides = [a, b].map(|body| body_answer(body.into(), Some(self.media)));
        let [reference, candidate] = sides;
        let verdict = judge(
            &body_exchange(self.endpoint, reference, candidate),
            self.rules,
        );
        let word = match &verdict.outcome {
            Outcome::Match => "equal",
            Outcome::Mismatch => "different",
            Outcome::Inconclusive(cause) => return fault(id, cause.to_string()),
        };
        Reply {
            id,
            verdict: Some(word),
            class: Some(class(&verdict, same_bytes)),
            error: None,
        }
    }
}

/// One word for a pair: the relation of the first finding that has one, else the kind of the first;
/// for equal ones what differs in form, else `identical`.
fn class(verdict: &Verdict, same_bytes: bool) -> String {
    let list = if verdict.findings.is_empty() {
        &verdict.notes
    } else {
        &verdict.findings
    };
    let relation = list
        .iter()
        .find_map(|d| d.relation.as_ref())
        .map(Relation::class);
    match (relation, list.first()) {
        (Some(class), _) => class.to_owned(),
        (None, Some(first)) => first.kind.name().replace(' ', "-"),
        (None, None) if same_bytes => "identical".to_owned(),
        (None, None) => "equal".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(a: &str, b: &str) -> (Option<&'static str>, Option<String>) {
        let rules = Rules::default();
        let pairs = Pairs {
            media: "application/json",
            endpoint: "",
            rules: &rules,
        };
        let line =
            serde_json::json!({"id": 7, "a_b64": STANDARD.encode(a), "b_b64": STANDARD.encode(b)});
        let reply = pairs.reply(line.to_string().as_bytes());
        assert_eq!(reply.id, 7);
        (reply.verdict, reply.class)
    }

    #[test]
    fn each_pair_gets_a_word() {
        for (a, b, verdict, class) in [
            ("1", "1", "equal", "identical"),
            ("1", "1.0", "equal", "number-format"),
            ("[1]", "[ 1 ]", "equal", "white-space"),
            ("1", "2", "different", "value-change"),
            ("null", "[]", "different", "presence"),
            ("1", "x", "different", "not-json"),
            ("x", "x", "equal", "identical"),
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, "equal", "key-order"),
        ] {
            assert_eq!(
                reply(a, b),
                (Some(verdict), Some(class.to_owned())),
                "{a} against {b}"
            );
        }
    }

    #[test]
    fn a_line_that_cannot_be_answered_says_why() {
        let rules = Rules::default();
        let pairs = Pairs {
            media: "application/json",
            endpoint: "",
            rules: &rules,
        };
        for line in ["{}", "[", r#"{"id":1,"a_b64":"*","b_b64":""}"#] {
            let reply = pairs.reply(line.as_bytes());
            assert!(reply.error.is_some() && reply.verdict.is_none(), "{line}");
        }
    }
}
