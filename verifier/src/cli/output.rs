//! Where a run's report goes: standard output in one form, files in any.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context as _;

use super::terminal::to_stdout;
use crate::report::text::TextConfig;
use crate::report::{self, Report};

/// Forms and places of the report.
#[derive(Clone, Debug, clap::Args)]
pub struct OutputArgs {
    /// What standard output gets.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub format: OutputFormat,
    /// Also write a report to a file: `json=FILE`; may be repeated.
    #[arg(long, value_name = "FORMAT=FILE")]
    pub report: Vec<ReportTarget>,
}

/// A form of report for standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// A form of report and its file.
#[derive(Clone, Debug)]
pub struct ReportTarget {
    path: PathBuf,
}

impl FromStr for ReportTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some(("json", path)) if !path.is_empty() => Ok(Self {
                path: PathBuf::from(path),
            }),
            Some((format, _)) if format != "json" => {
                Err(format!("no report format `{format}`: write `json=FILE`"))
            }
            _ => Err("write `json=FILE`".to_owned()),
        }
    }
}

impl OutputArgs {
    /// Writes `report` wherever it was asked for; `closing` ends the text form.
    pub fn write(&self, report: &Report, closing: &str) -> anyhow::Result<()> {
        self.write_forms(
            |out| report::json::write(report, out),
            |out| {
                report::text::write(report, TextConfig::default(), out)?;
                out.write_all(closing.as_bytes())
            },
        )
    }

    /// The same for a report of any other kind: `json` and `text` are its forms.
    pub fn write_forms(
        &self,
        json: impl Fn(&mut dyn io::Write) -> io::Result<()>,
        text: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        for target in &self.report {
            let file = File::create(&target.path)
                .with_context(|| format!("{}: cannot write the report", target.path.display()))?;
            let mut file = BufWriter::new(file);
            json(&mut file)
                .and_then(|()| file.flush())
                .with_context(|| format!("{}: cannot write the report", target.path.display()))?;
        }
        to_stdout(|out: &mut dyn io::Write| match self.format {
            OutputFormat::Text => text(out),
            OutputFormat::Json => json(out),
        })?;
        Ok(())
    }
}
