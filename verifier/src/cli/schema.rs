//! `verifier schema`: what editors need to complete the files that people write.

use super::Exit;
use super::terminal::to_stdout;
use crate::schema::SchemaOf;

/// Print the JSON Schema of the catalogue or of `cutover.yaml`, for editors.
///
/// A file names it in its first line, relative to its own folder, as `verifier init` writes it:
/// `# yaml-language-server: $schema=../schema/catalogue.json`. After an update of this program:
/// `verifier schema catalogue > schema/catalogue.json`.
#[derive(Debug, clap::Args)]
pub struct SchemaArgs {
    /// The file it describes.
    #[arg(value_enum)]
    of: SchemaOf,
}

impl SchemaArgs {
    /// Prints it.
    pub fn run(&self) -> anyhow::Result<Exit> {
        let text = self.of.text();
        to_stdout(|out| out.write_all(text.as_bytes()))?;
        Ok(Exit::Green)
    }
}
