//! A router that is a file: `--dry-run`, rehearsals and the gate's own tests.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Act, ActuateError, Actuator, LegacyPart, Mark, Preflight, Reading, Replicas};
use crate::gate::clock::Pending;
use crate::gate::weight::Weight;
use crate::jwt::cell::Side;

/// Behaves as a router does (compare and set, marks, replicas) and changes nothing but its file.
#[derive(Clone, Debug)]
pub struct DryRun {
    path: PathBuf,
}

/// What the file holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DryState {
    /// Grows with every write.
    pub version: u64,
    /// As a router would tell it; `version` there is empty.
    pub reading: Reading,
    /// Every change that was asked for, in order.
    pub asked: Vec<Act>,
}

impl Default for DryState {
    fn default() -> Self {
        Self {
            version: 1,
            reading: Reading {
                weight: Weight::NONE,
                canary: false,
                main: Side::Legacy,
                version: String::new(),
                mark: None,
                taken: true,
                written_by: None,
                surprises: Vec::new(),
                legacy: Some(Replicas {
                    wanted: 2,
                    ready: 2,
                }),
                core: Some(Replicas {
                    wanted: 2,
                    ready: 2,
                }),
                core_identities: Vec::new(),
                legacy_references: Vec::new(),
            },
            asked: Vec::new(),
        }
    }
}

impl DryRun {
    /// The router that is `path`; a missing file is one that serves from legacy alone.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Everything in its file.
    pub fn state(&self) -> Result<DryState, ActuateError> {
        let text = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(DryState::default()),
            text => text.map_err(|error| self.fault(&error))?,
        };
        serde_json::from_slice(&text).map_err(|error| self.fault(&error.into()))
    }

    /// Puts `state` in place of what its file holds, whole or not at all.
    pub fn store(&self, state: &DryState) -> Result<(), ActuateError> {
        let write = || -> io::Result<()> {
            let fresh = self.path.with_extension("new");
            let mut file = File::create(&fresh)?;
            file.write_all(&serde_json::to_vec_pretty(state)?)?;
            file.sync_all()?;
            fs::rename(&fresh, &self.path)
        };
        write().map_err(|error| self.fault(&error))
    }

    fn fault(&self, error: &io::Error) -> ActuateError {
        ActuateError::Unreachable {
            what: self.path.display().to_string(),
            reason: error.to_string(),
        }
    }

    fn write(&self, act: Act, version: &str, mark: &Mark) -> Result<String, ActuateError> {
        let mut state = self.state()?;
        if state.version.to_string() != version {
            return Err(ActuateError::Conflict {
                what: self.path.display().to_string(),
            });
        }
        let reading = &mut state.reading;
        match act {
            Act::SetWeight { weight } => {
                reading.weight = weight;
                reading.canary |= !weight.is_none();
            }
            Act::SwitchMain { to } => reading.main = to,
            Act::RemoveCanary => {
                reading.canary = false;
                reading.weight = Weight::NONE;
            }
            Act::ScaleLegacy { replicas } => {
                reading.legacy = Some(Replicas {
                    wanted: replicas,
                    ready: replicas,
                });
            }
            Act::RemoveLegacy { part } => {
                if reading.main == Side::Legacy {
                    return Err(ActuateError::Refused {
                        what: "legacy".to_owned(),
                        reason: "the main route still leads there".to_owned(),
                    });
                }
                if part == LegacyPart::Workload {
                    reading.legacy = Some(Replicas::default());
                } else {
                    reading.legacy = None;
                }
            }
        }
        reading.mark = Some(mark.clone());
        state.asked.push(act);
        state.version += 1;
        self.store(&state)?;
        Ok(state.version.to_string())
    }
}

impl Actuator for DryRun {
    fn describe(&self) -> String {
        format!("dry run ({})", self.path.display())
    }

    fn preview(&self, act: Act) -> Vec<String> {
        vec![format!("write {}: {act}", self.path.display())]
    }

    fn preflight(&mut self) -> Pending<'_, Result<Vec<Preflight>, ActuateError>> {
        let checked = self.state().map(|_| {
            vec![Preflight {
                name: "router.file".to_owned(),
                fault: None,
                query: format!("read {}", self.path.display()),
            }]
        });
        Box::pin(std::future::ready(checked))
    }

    fn read(&mut self) -> Pending<'_, Result<Reading, ActuateError>> {
        let reading = self.state().map(|state| Reading {
            version: state.version.to_string(),
            ..state.reading
        });
        Box::pin(std::future::ready(reading))
    }

    fn apply<'a>(
        &'a mut self,
        act: Act,
        version: &'a str,
        mark: &'a Mark,
    ) -> Pending<'a, Result<String, ActuateError>> {
        Box::pin(std::future::ready(self.write(act, version, mark)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_write_needs_the_version_that_was_read_and_leaves_its_mark() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut router = DryRun::new(folder.path().join("router.json"));
        let ten = Weight::from_percent(10).expect("a weight");
        let act = Act::SetWeight { weight: ten };
        let mark = Mark {
            run_id: "r".to_owned(),
            seq: 7,
            evidence: "e".to_owned(),
        };
        let before = router.read().await.expect("a reading");
        router
            .apply(act, &before.version, &mark)
            .await
            .expect("the version holds");
        let stale = router.apply(act, &before.version, &mark).await;
        assert!(
            matches!(stale, Err(ActuateError::Conflict { .. })),
            "{stale:?}"
        );
        let after = router.read().await.expect("a reading");
        assert_eq!((after.weight, after.mark), (ten, Some(mark.clone())));
        assert!(after.canary);
        let remove = Act::RemoveLegacy {
            part: LegacyPart::Workload,
        };
        let refused = router.apply(remove, &after.version, &mark).await;
        assert!(
            matches!(refused, Err(ActuateError::Refused { .. })),
            "{refused:?}"
        );
    }
}
