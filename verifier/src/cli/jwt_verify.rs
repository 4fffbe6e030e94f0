//! `verifier jwt-verify`: is this token valid under this key?

use std::io::{self, Write};

use super::Exit;
use super::terminal::{say, to_stdout};
use crate::jwt::lines;

/// Say of signed tokens whether they hold, one JSON line each.
///
/// Reads `{"id","k","token"}` lines (`k` is the key in base64url) and answers each with
/// `{"id","verdict":"valid"|"invalid"}`. Only HS256 is taken, whatever the token says; times and
/// other claims are not looked at. A line that is no question is named on standard error.
///
/// Exit codes: 0 every line was answered, 2 standard input cannot be read, 3 some line was not answered.
#[derive(Debug, clap::Args)]
pub struct JwtVerifyArgs {
    /// Read questions from standard input, one JSON object a line.
    #[arg(long, required = true)]
    lines: bool,
}

impl JwtVerifyArgs {
    /// Answers until standard input ends.
    pub fn run(self) -> anyhow::Result<Exit> {
        let mut unanswered = 0_u64;
        to_stdout(|out| {
            unanswered = answer_all(io::stdin().lock(), out)?;
            Ok(())
        })?;
        Ok(if unanswered == 0 {
            Exit::Green
        } else {
            Exit::Incomplete
        })
    }
}

/// Returns how many lines were no question. Blank lines do not count.
fn answer_all(mut questions: impl io::BufRead, out: &mut dyn Write) -> io::Result<u64> {
    let mut unanswered = 0;
    let mut line = Vec::new();
    let mut number = 0_u64;
    loop {
        line.clear();
        if questions.read_until(b'\n', &mut line)? == 0 {
            return Ok(unanswered);
        }
        number += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        match lines::answer(&line) {
            Ok(answer) => writeln!(out, "{answer}")?,
            Err(error) => {
                say(&format!("line {number}: {error}"));
                unanswered += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_no_question_are_counted_and_the_rest_answered() {
        let input = "\n{\"id\":1,\"k\":\"\",\"token\":\"a\"}\r\nnonsense\n{\"id\":2,\"k\":\"\",\"token\":\"b\"}";
        let mut out = Vec::new();
        let unanswered = answer_all(io::BufReader::new(input.as_bytes()), &mut out);
        assert_eq!(unanswered.expect("reading from memory"), 1);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "{\"id\":1,\"verdict\":\"invalid\"}\n{\"id\":2,\"verdict\":\"invalid\"}\n"
        );
    }
}
