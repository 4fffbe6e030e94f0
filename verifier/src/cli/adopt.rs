//! `verifier adopt`: a difference seen live becomes a case of the catalogue.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use jiff::Timestamp;

use super::Exit;
use super::terminal::{say, to_stdout};
use crate::catalogue::Catalogue;
use crate::evidence::{adopt, store};
use crate::golden::contents;
use crate::golden::files::GoldenDir;
use crate::golden::record::{expression, info};
use crate::golden::snap::Snapshot;
use crate::normalise::mask::{Moment, Roles, mask};
use crate::report::table::printable;

/// Turn a difference of live traffic into a case of the catalogue and a pending golden file.
///
/// Values that the evidence hides are made up in the request and masked in the answer: look at both
/// before the golden file is accepted.
#[derive(Debug, clap::Args)]
pub struct AdoptArgs {
    /// The evidence, as `shadow-proxy --evidence FILE` writes it.
    #[arg(long, value_name = "FILE")]
    evidence: PathBuf,
    /// The group, as `verifier report` shows it, or the beginning of its id.
    #[arg(long, value_name = "ID")]
    group: String,
    /// The catalogue to add to.
    #[arg(long, value_name = "FILE", default_value = "golden/endpoints.yaml")]
    catalog: PathBuf,
    /// Folder of the golden files.
    #[arg(long, value_name = "DIR", default_value = "golden")]
    golden: PathBuf,
}

impl AdoptArgs {
    /// Writes the catalogue and the pending file.
    pub fn run(self) -> anyhow::Result<Exit> {
        let evidence = store::read(&self.evidence)?;
        let (id, group) = adopt::find(&evidence.ledger.groups, &self.group)?;
        let at = || self.catalog.display();
        let text = Catalogue::read_text(&self.catalog)?;
        let today = jiff::ZonedDateTime::now().date();
        let before = Catalogue::parse(&self.catalog, &text, today)?;
        let adoption = adopt::adopt(&before, &text, id, group)?;
        // What was added must read back, or nothing is written.
        let after = Catalogue::parse(&self.catalog, &adoption.catalogue, today)
            .with_context(|| format!("{}: the case does not fit in: add it by hand", at()))?;
        let case = after.cases.iter().find(|case| case.id == adoption.case);
        let case =
            case.with_context(|| format!("{}: the case does not fit in: add it by hand", at()))?;
        ensure!(
            after.cases.len() == before.cases.len() + 1,
            "{}: the case would change others: add it by hand",
            at()
        );
        let sample_ms = group.samples.first().map_or(0, |sample| sample.at_ms);
        let received = Timestamp::from_millisecond(sample_ms).unwrap_or_default();
        let moment = Moment {
            received,
            today,
            days: &[],
            run: "",
            journey_s: 0.0,
            show_claims: false,
        };
        let (tokens, failures) = mask(
            &adoption.answer,
            &case.masks,
            &mut Roles::default(),
            &moment,
        );
        let goldens = GoldenDir::new(&self.golden, None);
        let snapshot = Snapshot {
            source: goldens.source_of(&self.catalog),
            assertion_line: Some(case.line),
            description: case.description.clone(),
            expression: expression(case),
            info: info(&after, case),
            contents: contents::render(&adoption.answer, &tokens, None, None),
        };
        let pending = goldens.write_pending(&case.id, &snapshot)?;
        std::fs::write(&self.catalog, &adoption.catalogue)
            .with_context(|| format!("{}: cannot write the catalogue", at()))?;
        for failure in failures {
            say(&format!(
                "warning: {} fails its mask: {}",
                printable(&failure.place),
                failure.reason
            ));
        }
        to_stdout(|out| {
            writeln!(
                out,
                "{} in {}, pending in {}",
                case.id,
                at(),
                pending.display()
            )?;
            if adoption.made_up > 0 {
                writeln!(
                    out,
                    "{} values of the request are made up: fill them in",
                    adoption.made_up
                )?;
            }
            Ok(())
        })?;
        Ok(Exit::Green)
    }
}
