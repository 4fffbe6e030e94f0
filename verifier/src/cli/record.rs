//! `verifier record`: write down what legacy answers.

use std::io;
use std::path::PathBuf;

use super::Exit;
use super::target::{CatalogueArgs, block_on};
use super::terminal::{Progress, to_stdout};
use crate::golden::files::GoldenDir;
use crate::golden::record::{CaseRecord, Recorded, record};
use crate::report::table::{Table, printable};

/// Record what legacy answers as golden files.
///
/// New and changed files are left pending for `cargo insta review`; `--accept` writes them at once.
/// Exits with 1 while files are pending, 3 if a case could not be recorded.
#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// Base address of legacy.
    #[arg(long, value_name = "URL")]
    legacy: String,
    #[command(flatten)]
    catalogue: CatalogueArgs,
    /// Folder of the golden files.
    #[arg(long, value_name = "DIR", default_value = "golden")]
    golden: PathBuf,
    /// Write golden files without review.
    #[arg(long)]
    accept: bool,
}

impl RecordArgs {
    /// Records and tells what became of each case.
    pub fn run(self) -> anyhow::Result<Exit> {
        let prepared = self.catalogue.prepare(&self.legacy)?;
        let goldens = GoldenDir::new(&self.golden, None);
        let progress = Progress::new(prepared.selected.len(), "record");
        let records = block_on(record(
            prepared.runner,
            &prepared.catalogue,
            &prepared.selected,
            &goldens,
            self.accept,
            |record| progress.advance(&record.case),
        ))?;
        progress.finish();
        to_stdout(|out| write(&records, &goldens, out))?;
        Ok(exit(&records))
    }
}

fn exit(records: &[CaseRecord]) -> Exit {
    let pending = records
        .iter()
        .any(|record| record.recorded == Recorded::Pending);
    let open = records
        .iter()
        .any(|record| matches!(record.recorded, Recorded::Refused(_) | Recorded::NotRun(_)));
    if pending {
        Exit::Differences
    } else if open || records.is_empty() {
        Exit::Incomplete
    } else {
        Exit::Green
    }
}

fn write(records: &[CaseRecord], goldens: &GoldenDir, out: &mut dyn io::Write) -> io::Result<()> {
    let mut table = Table::new(&[("case", 40), ("record", 10), ("", 400)]);
    let mut counts = [0usize; 5];
    for record in records {
        let (at, word, why) = match &record.recorded {
            Recorded::Unchanged => (0, "unchanged", String::new()),
            Recorded::Pending => (1, "pending", record.request.clone()),
            Recorded::Accepted => (2, "written", record.request.clone()),
            Recorded::Refused(why) => (3, "refused", why.clone()),
            Recorded::NotRun(why) => (4, "not run", why.clone()),
        };
        counts[at] += 1;
        if at > 0 {
            table.push(vec![record.case.clone(), word.to_owned(), why]);
        }
        for warning in &record.warnings {
            table.push(vec![
                record.case.clone(),
                "warning".to_owned(),
                warning.clone(),
            ]);
        }
    }
    if counts[0] < records.len() {
        for line in table.lines() {
            writeln!(out, "  {line}")?;
        }
    }
    let [unchanged, pending, written, refused, not_run] = counts;
    writeln!(
        out,
        "{} cases: {unchanged} unchanged, {pending} pending, {written} written, {refused} refused, {not_run} not run",
        records.len()
    )?;
    if pending > 0 {
        writeln!(out, "  review the pending files: cargo insta review")?;
        if let Some(why) = goldens.hidden_from_insta() {
            writeln!(out, "  warning: it will not find them: {}", printable(&why))?;
        }
    }
    Ok(())
}
