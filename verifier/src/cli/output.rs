//! Where a run's report goes: standard output in one form, files in any.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context as _;

use super::terminal::to_stdout;
use crate::report::sheet::Sheet;
use crate::report::text::TextConfig;
use crate::report::{self, Report, html, junit, markdown, run_sheet};

/// Forms and places of the report.
#[derive(Clone, Debug, clap::Args)]
pub struct OutputArgs {
    /// What standard output gets.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub format: OutputFormat,
    /// Also write a report to a file: `json=FILE`, `junit=FILE`, `markdown=FILE`, `html=FILE`; may be
    /// repeated.
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

/// A form of report for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileFormat {
    Json,
    Junit,
    Markdown,
    Html,
}

/// A form of report and its file.
#[derive(Clone, Debug)]
pub struct ReportTarget {
    format: FileFormat,
    path: PathBuf,
}

impl FromStr for ReportTarget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMS: &str = "`json=FILE`, `junit=FILE`, `markdown=FILE` or `html=FILE`";
        let Some((name, path)) = text.split_once('=') else {
            return Err(format!("write {FORMS}"));
        };
        let format = match name {
            "json" => FileFormat::Json,
            "junit" => FileFormat::Junit,
            "markdown" => FileFormat::Markdown,
            "html" => FileFormat::Html,
            _ => return Err(format!("no report format `{name}`: write {FORMS}")),
        };
        if path.is_empty() {
            return Err(format!("no file: write `{name}=FILE`"));
        }
        Ok(Self {
            format,
            path: PathBuf::from(path),
        })
    }
}

impl OutputArgs {
    /// Writes `report` wherever it was asked for; `closing` ends the text form.
    pub fn write(&self, report: &Report, closing: &str) -> anyhow::Result<()> {
        self.write_forms(
            || run_sheet::sheet(report),
            |out| report::json::write(report, out),
            |out| {
                report::text::write(report, TextConfig::default(), out)?;
                out.write_all(closing.as_bytes())
            },
        )
    }

    /// The same for a report of any other kind: `json` and `text` are forms of its own, the others
    /// show its sheet.
    pub fn write_forms(
        &self,
        sheet: impl FnOnce() -> Sheet,
        json: impl Fn(&mut dyn io::Write) -> io::Result<()>,
        text: impl FnOnce(&mut dyn io::Write) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        if !self.report.is_empty() {
            let sheet = sheet();
            for ReportTarget { format, path } in &self.report {
                let fault = || format!("{}: cannot write the report", path.display());
                let mut file = BufWriter::new(File::create(path).with_context(fault)?);
                match format {
                    FileFormat::Json => json(&mut file),
                    FileFormat::Junit => junit::write(&sheet, &mut file),
                    FileFormat::Markdown => markdown::write(&sheet, &mut file),
                    FileFormat::Html => html::write(&sheet, &mut file),
                }
                .and_then(|()| file.flush())
                .with_context(fault)?;
            }
        }
        to_stdout(|out: &mut dyn io::Write| match self.format {
            OutputFormat::Text => text(out),
            OutputFormat::Json => json(out),
        })?;
        Ok(())
    }
}
