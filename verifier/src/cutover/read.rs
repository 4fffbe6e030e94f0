//! Reading the file and the catalogue it names.
#![allow(clippy::disallowed_methods)] // the one place of this folder that reads

use std::path::Path;

use super::{Config, ConfigError};
use crate::catalogue::Catalogue;

impl Config {
    /// Reads `cutover.yaml`. Unknown keys are refused with line and column.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        serde_saphyr::from_str(&text).map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    }

    /// Reads the catalogue, if one is named.
    pub fn read_catalogue(&self) -> Result<Option<Catalogue>, ConfigError> {
        let Some(path) = &self.catalog else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.clone(),
            source,
        })?;
        Ok(Some(Catalogue::parse(
            path,
            &text,
            jiff::ZonedDateTime::now().date(),
        )?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_with_its_place() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("cutover.yaml");
        std::fs::write(&path, "threads: 2\nshadow:\n  max_in_fligth: 3\n").expect("a file");
        let error = Config::read(&path).expect_err("a typing error").to_string();
        assert!(
            error.contains("max_in_fligth") && error.contains("line 3"),
            "{error}"
        );
    }
}
