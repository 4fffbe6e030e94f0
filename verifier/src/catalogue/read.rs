//! The catalogue's file.
#![allow(clippy::disallowed_methods)] // the one place of this folder that reads

use std::path::Path;

use super::{Catalogue, CatalogueError};
use crate::yaml;

impl Catalogue {
    /// The text of a catalogue's file, for [`Catalogue::parse`].
    pub fn read_text(path: &Path) -> Result<String, CatalogueError> {
        let bytes = std::fs::read(path).map_err(|source| CatalogueError::Read {
            path: path.to_owned(),
            source,
        })?;
        yaml::text_of(bytes).map_err(|fault| CatalogueError::Syntax {
            path: path.to_owned(),
            fault,
        })
    }
}
