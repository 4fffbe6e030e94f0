//! `verifier report`: what the evidence of live traffic shows.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context as _;

use super::Exit;
use super::output::OutputFormat;
use super::terminal::to_stdout;
use crate::evidence::store;
use crate::report::live::{self, LiveReport};

/// Show what the evidence of live traffic says.
///
/// Exits with 1 when something differs, 3 when nothing was compared or something was lost.
#[derive(Debug, clap::Args)]
pub struct ReportArgs {
    /// The evidence, as `shadow-proxy --evidence FILE` writes it.
    #[arg(long, value_name = "FILE")]
    evidence: PathBuf,
    /// What standard output gets.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    format: OutputFormat,
    /// Also write a report to a file: `markdown=FILE`, `html=FILE`, `junit=FILE`, `json=FILE`; may be
    /// repeated.
    #[arg(long, value_name = "FORMAT=FILE")]
    report: Vec<LiveTarget>,
}

type Writer = fn(&LiveReport, &mut dyn io::Write) -> io::Result<()>;

/// A form of report and its file.
#[derive(Clone, Debug)]
struct LiveTarget {
    write: Writer,
    path: PathBuf,
}

impl FromStr for LiveTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = text.split_once('=').unwrap_or((text, ""));
        let write: Writer = match format {
            "markdown" => live::markdown::write,
            "html" => live::html::write,
            "junit" => live::junit::write,
            "json" => live::json::write,
            _ => {
                return Err(format!(
                    "no report format `{format}`: write `markdown=FILE`, `html=FILE`, `junit=FILE` or `json=FILE`"
                ));
            }
        };
        if path.is_empty() {
            return Err(format!("no file: write `{format}=FILE`"));
        }
        Ok(Self {
            write,
            path: PathBuf::from(path),
        })
    }
}

impl ReportArgs {
    /// Reads the evidence and writes its reports.
    pub fn run(self) -> anyhow::Result<Exit> {
        let evidence = store::read(&self.evidence)?;
        let report = LiveReport {
            path: self.evidence,
            evidence,
        };
        for target in &self.report {
            let fault = || format!("{}: cannot write the report", target.path.display());
            let mut file = BufWriter::new(File::create(&target.path).with_context(fault)?);
            (target.write)(&report, &mut file)
                .and_then(|()| file.flush())
                .with_context(fault)?;
        }
        to_stdout(|out| match self.format {
            OutputFormat::Text => live::text::write(&report, out),
            OutputFormat::Json => live::json::write(&report, out),
        })?;
        Ok(report.exit())
    }
}
