//! Reading the file and the catalogue it names.
#![allow(clippy::disallowed_methods)] // the one place of this folder that reads

use std::path::Path;

use super::{Config, ConfigError};
use crate::catalogue::Catalogue;
use crate::yaml;

impl Config {
    /// Reads `cutover.yaml`. What cannot be is refused with line, column and key, also where a flag would
    /// say something else: the next start may be without it.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let bytes = std::fs::read(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let parse = |fault| ConfigError::Parse {
            path: path.to_owned(),
            fault,
        };
        let text = yaml::text_of(bytes).map_err(parse)?;
        let config: Self = yaml::read(&text).map_err(parse)?;
        config.check_written().map_err(|fault| {
            let key = fault.key().unwrap_or_default();
            let (line, column) = yaml::place_of(&text, &key);
            ConfigError::Invalid {
                path: path.to_owned(),
                line,
                column,
                fault: Box::new(fault),
            }
        })?;
        Ok(config)
    }

    /// Reads the catalogue, if one is named.
    pub fn read_catalogue(&self) -> Result<Option<Catalogue>, ConfigError> {
        let Some(path) = &self.catalog else {
            return Ok(None);
        };
        let text = Catalogue::read_text(path)?;
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
            error.contains("cutover.yaml:3:3: `max_in_fligth` is no key of `shadow`: did you mean `max_in_flight`?"),
            "{error}"
        );
    }
}
