//! `verifier diff`: hold two files against each other, or many pairs from a pipe.

mod lines;
mod text;

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;

use super::Exit;
use super::terminal::to_stdout;
use crate::compare::{BodyKind, compare_streams};
use crate::exchange::{Answer, Exchange, Observation, Tokens};
use crate::rules::{RuleSpec, Rules};
use crate::verdict::{Outcome, Verdict, judge};

/// Compare two files as `replay` compares two answers.
///
/// Files ending in `.http` hold whole answers (status line, headers, body); others hold bodies. The
/// kind of body follows from `--content-type`, else from the file's name, else from what it holds.
///
/// Exit codes: 0 equal, or different in form only; 1 different; 2 the comparison could not be made.
#[derive(Debug, clap::Args)]
pub struct DiffArgs {
    /// The file that is right; `-` is standard input.
    #[arg(required_unless_present = "lines", value_name = "A")]
    reference: Option<PathBuf>,
    /// The file that is judged; `-` is standard input.
    #[arg(required_unless_present = "lines", value_name = "B")]
    candidate: Option<PathBuf>,
    /// Media type of both bodies, such as `application/json`.
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// Rules to judge by: a YAML list, or a catalogue with its `rules`.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Rules of this endpoint hold too.
    #[arg(long, value_name = "ID", default_value = "")]
    endpoint: String,
    /// What standard output gets.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    /// Longest body that is held in memory, in bytes. Longer JSON files are compared as streams while
    /// their keys come in the same order.
    #[arg(long, value_name = "BYTES", default_value_t = 64 * 1024 * 1024)]
    max_body: u64,
    /// Read pairs from standard input, one JSON object `{"id","a_b64","b_b64"}` a line, and answer each
    /// with one line `{"id","verdict","class"}`. Bodies are JSON unless `--content-type` says otherwise.
    #[arg(long, conflicts_with_all = ["reference", "candidate", "format"])]
    lines: bool,
}

pub use super::output::OutputFormat;

impl DiffArgs {
    /// Compares and writes the result.
    pub fn run(self) -> anyhow::Result<Exit> {
        let rules = match &self.rules {
            Some(path) => read_rules(path)?,
            None => Rules::default(),
        };
        if self.lines {
            let media = self.content_type.as_deref().unwrap_or("application/json");
            let pairs = lines::Pairs {
                media,
                endpoint: &self.endpoint,
                rules: &rules,
            };
            return pairs.answer(&mut io::stdin().lock());
        }
        let (Some(a), Some(b)) = (&self.reference, &self.candidate) else {
            bail!("two files are needed: `verifier diff A B`");
        };
        if a == b && a.as_os_str() == "-" {
            bail!("standard input can be one of the two only");
        }
        if let Some(verdict) = self.long_files(a, b, &rules)? {
            return self.show(&verdict);
        }
        let exchange = Exchange {
            endpoint: self.endpoint.clone(),
            case: String::new(),
            method: "GET".to_owned(),
            path: String::new(),
            reference: self.observe(a)?,
            candidate: self.observe(b)?,
        };
        self.show(&judge(&exchange, &rules))
    }

    fn show(&self, verdict: &Verdict) -> anyhow::Result<Exit> {
        to_stdout(|out: &mut dyn Write| match self.format {
            OutputFormat::Text => text::write(verdict, out),
            OutputFormat::Json => {
                serde_json::to_writer_pretty(&mut *out, &report(verdict))?;
                writeln!(out)
            }
        })?;
        Ok(match verdict.outcome {
            Outcome::Match => Exit::Green,
            Outcome::Mismatch => Exit::Differences,
            Outcome::Inconclusive(_) => Exit::Usage,
        })
    }

    /// Compares two files of which one is above `--max-body`, as streams. `None`: both can be held.
    fn long_files(&self, a: &Path, b: &Path, rules: &Rules) -> anyhow::Result<Option<Verdict>> {
        let length = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        if length(a).max(length(b)) <= self.max_body {
            return Ok(None);
        }
        let open = |path: &Path| {
            fs::File::open(path).with_context(|| format!("{}: cannot read", path.display()))
        };
        let (name, limit) = (a.display(), self.max_body);
        if same_bytes(open(a)?, open(b)?).with_context(|| format!("{name}: cannot read"))? {
            return Ok(Some(Verdict::matching()));
        }
        let media = self
            .content_type
            .as_deref()
            .or_else(|| media_type_of(a))
            .unwrap_or_default();
        let essence = media.split(';').next().unwrap_or_default().trim();
        if BodyKind::of(essence) != BodyKind::Json {
            bail!(
                "{name}: longer than {limit} bytes and not JSON, not compared; raise `--max-body`"
            );
        }
        compare_streams(open(a)?, open(b)?, &self.endpoint, rules)
            .map(Some)
            .with_context(|| {
                format!("{name}: longer than {limit} bytes and not compared; raise `--max-body`")
            })
    }

    fn observe(&self, path: &Path) -> anyhow::Result<Observation> {
        let body = self.read(path)?;
        if path.extension() == Some(OsStr::new("http")) {
            let answer = Answer::from_http(&body)
                .with_context(|| format!("{}: not an HTTP answer", path.display()))?;
            return Ok(Observation::of(answer));
        }
        let media = self.content_type.as_deref().or_else(|| media_type_of(path));
        Ok(Observation::of(body_answer(body.into(), media)))
    }

    fn read(&self, path: &Path) -> anyhow::Result<Vec<u8>> {
        let mut body = Vec::new();
        let limit = self.max_body.saturating_add(1);
        let read = if path.as_os_str() == "-" {
            io::stdin().lock().take(limit).read_to_end(&mut body)
        } else {
            fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut body))
        };
        read.with_context(|| format!("{}: cannot read", path.display()))?;
        if body.len() as u64 > self.max_body {
            bail!(
                "{}: longer than {} bytes, not compared; raise `--max-body`",
                path.display(),
                self.max_body
            );
        }
        Ok(body)
    }
}

/// Whether two files hold the same bytes; stops at the first that differs.
fn same_bytes(mut a: impl Read, mut b: impl Read) -> io::Result<bool> {
    let (mut left, mut right) = (vec![0; 256 * 1024], vec![0; 256 * 1024]);
    loop {
        let (n, m) = (
            read_full(&mut a, &mut left)?,
            read_full(&mut b, &mut right)?,
        );
        if left[..n] != right[..m] {
            return Ok(false);
        }
        if n == 0 {
            return Ok(true);
        }
    }
}

/// Reads until the buffer is full or the source is over.
fn read_full(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// An answer that consists of a body.
fn body_answer(body: Bytes, media: Option<&str>) -> Answer {
    let headers = media.map(|media| ("content-type".to_owned(), media.as_bytes().to_vec()));
    Answer {
        status: 200,
        headers: headers.into_iter().collect(),
        body,
    }
}

/// An exchange of two bodies.
fn body_exchange(endpoint: &str, reference: Answer, candidate: Answer) -> Exchange {
    let side = |answer| Observation {
        answer: Ok(answer),
        origin: None,
        tokens: Tokens::default(),
        latency: Duration::ZERO,
    };
    Exchange {
        endpoint: endpoint.to_owned(),
        case: String::new(),
        method: "GET".to_owned(),
        path: String::new(),
        reference: side(reference),
        candidate: side(candidate),
    }
}

/// The media type a file's name stands for; none where the content must tell.
fn media_type_of(path: &Path) -> Option<&'static str> {
    Some(
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "json" => "application/json",
            "ndjson" | "jsonl" => "application/x-ndjson",
            "sse" => "text/event-stream",
            "csv" => "text/csv",
            "html" | "htm" => "text/html",
            "txt" | "log" | "md" => "text/plain",
            "xml" => "application/xml",
            "yaml" | "yml" => "application/yaml",
            _ => return None,
        },
    )
}

/// The rules of a catalogue, whatever else stands in it.
#[derive(Deserialize)]
struct RulesOf {
    rules: Vec<RuleSpec>,
}

fn read_rules(path: &Path) -> anyhow::Result<Rules> {
    let name = path.display();
    let text =
        fs::read_to_string(path).with_context(|| format!("{name}: cannot read the rules"))?;
    // Read as what it is, so that an error names the rule's line and not only the shape.
    let catalogue = text.lines().any(|line| line.starts_with("rules:"));
    let specs = if catalogue {
        serde_saphyr::from_str::<RulesOf>(&text).map(|catalogue| catalogue.rules)
    } else {
        serde_saphyr::from_str::<Vec<RuleSpec>>(&text)
    };
    let specs = specs.with_context(|| format!("{name}: cannot read the rules"))?;
    let today = jiff::ZonedDateTime::now().date();
    Rules::compile(&specs, Some(today)).with_context(|| format!("{name}: unsound rules"))
}

/// A verdict for programs.
fn report(verdict: &Verdict) -> serde_json::Value {
    let (word, reason) = match &verdict.outcome {
        Outcome::Match => ("equal", None),
        Outcome::Mismatch => ("different", None),
        Outcome::Inconclusive(cause) => ("not compared", Some(cause.to_string())),
    };
    json!({
        "schema": "verifier-diff/1",
        "verdict": word,
        "reason": reason,
        "severity": verdict.severity(),
        "findings": verdict.findings,
        "notes": verdict.notes,
        "rules": verdict.fired,
        "truncated_findings": verdict.truncated_findings,
        "truncated_notes": verdict.truncated_notes,
    })
}
