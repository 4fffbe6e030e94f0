//! Any other router: a program that is called with `get` and `set N`, and read back.
//!
//! | call | standard output |
//! |---|---|
//! | `get` | core's share in percent, `0` to `100`; or an object with `weight` and what else it knows: `main` (`legacy`, `core`), `version`, `taken`, `legacy` and `core` (`{"wanted": 2, "ready": 2}`), `core_identities`, `surprises` |
//! | `set N` | ignored; ends with 0 when the share is set |
//! | `main SIDE` | only where `get` tells `main`: points the main route at a side |
//! | `scale N` | only where `get` tells `legacy`: runs so many replicas of it |
//! | `remove PART` | only where `get` tells `legacy`: removes `workload`, then `service` |
//!
//! The environment of every call has `GATE_RUN_ID`, `GATE_SEQ`, `GATE_EVIDENCE` and `GATE_VERSION`
//! (what `get` last told); a program that keeps the first three and tells them as `mark` lets a gate that
//! was killed recognise its own write. An exit code of 9 says that somebody else wrote in between.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use super::{Act, ActuateError, Actuator, LegacyPart, Mark, Preflight, Reading, Replicas};
use crate::gate::clock::Pending;
use crate::gate::config::ExecConfig;
use crate::gate::weight::Weight;
use crate::jwt::cell::Side;

/// The program's exit code for "somebody else wrote".
const CONFLICT: i32 = 9;
/// Longest output that is read.
const MAX_OUTPUT: usize = 64 << 10;

/// A program that speaks for a router.
#[derive(Clone, Debug)]
pub struct Exec {
    command: Vec<String>,
    timeout: Duration,
}

/// What `get` may tell.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Told {
    weight: Option<Weight>,
    main: Option<Side>,
    version: Option<String>,
    taken: Option<bool>,
    legacy: Option<Replicas>,
    core: Option<Replicas>,
    core_identities: Vec<String>,
    surprises: Vec<String>,
    legacy_references: Vec<String>,
    written_by: Option<String>,
    mark: Option<Mark>,
}

impl Exec {
    /// Starts nothing yet.
    pub fn new(config: &ExecConfig) -> Self {
        Self {
            command: config.command.clone(),
            timeout: config.timeout.duration(),
        }
    }

    fn program(&self) -> &str {
        self.command.first().map_or("", String::as_str)
    }

    async fn call(
        &self,
        arguments: &[String],
        version: &str,
        mark: &Mark,
    ) -> Result<String, ActuateError> {
        let what = format!("{} {}", self.program(), arguments.join(" "));
        let fault = |reason: String| ActuateError::Unreachable {
            what: what.clone(),
            reason,
        };
        let mut command = Command::new(self.program());
        command
            .args(self.command.iter().skip(1))
            .args(arguments)
            .env("GATE_RUN_ID", &mark.run_id)
            .env("GATE_SEQ", mark.seq.to_string())
            .env("GATE_EVIDENCE", &mark.evidence)
            .env("GATE_VERSION", version)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(self.timeout, command.output())
            .await
            .map_err(|_| fault(format!("no end within {} s", self.timeout.as_secs_f64())))?
            .map_err(|error| fault(error.to_string()))?;
        if output.status.code() == Some(CONFLICT) {
            return Err(ActuateError::Conflict { what });
        }
        if !output.status.success() {
            // Its words may quote anything; they go to the operator's terminal by its own means.
            return Err(fault(format!("it ended with {}", output.status)));
        }
        let text = output.stdout.get(..output.stdout.len().min(MAX_OUTPUT));
        Ok(String::from_utf8_lossy(text.unwrap_or_default())
            .trim()
            .to_owned())
    }

    async fn look(&self) -> Result<(Reading, Told), ActuateError> {
        let text = self.call(&["get".to_owned()], "", &Mark::default()).await?;
        let refused = |reason: String| ActuateError::Refused {
            what: format!("{} get", self.program()),
            reason,
        };
        let told = match text.parse::<u8>() {
            Ok(percent) => Told {
                weight: Weight::from_percent(percent),
                ..Told::default()
            },
            Err(_) => serde_json::from_str(&text).map_err(|error| {
                refused(format!(
                    "it must print 0 to 100, or an object with `weight`: {error}"
                ))
            })?,
        };
        let Some(weight) = told.weight else {
            return Err(refused("it must print `weight`, 0 to 100".to_owned()));
        };
        let version = told
            .version
            .clone()
            .unwrap_or_else(|| blake3::hash(text.as_bytes()).to_hex().to_string());
        let main = told.main.unwrap_or(Side::Legacy);
        let reading = Reading {
            weight: if main == Side::Core {
                Weight::NONE
            } else {
                weight
            },
            canary: main == Side::Legacy && !weight.is_none(),
            main,
            version,
            mark: told.mark.clone(),
            taken: told.taken.unwrap_or(true),
            written_by: told.written_by.clone(),
            surprises: told.surprises.clone(),
            legacy: told.legacy,
            core: told.core,
            core_identities: told.core_identities.clone(),
            legacy_references: told.legacy_references.clone(),
        };
        Ok((reading, told))
    }

    fn arguments(act: Act) -> Vec<String> {
        let words = match act {
            Act::SetWeight { weight } => ["set".to_owned(), weight.percent().to_string()],
            Act::RemoveCanary => ["set".to_owned(), "0".to_owned()],
            Act::SwitchMain { to } => ["main".to_owned(), to.to_string()],
            Act::ScaleLegacy { replicas } => ["scale".to_owned(), replicas.to_string()],
            Act::RemoveLegacy { part } => {
                let part = match part {
                    LegacyPart::Workload => "workload",
                    LegacyPart::Service => "service",
                };
                ["remove".to_owned(), part.to_owned()]
            }
        };
        words.to_vec()
    }

    async fn write(&self, act: Act, version: &str, mark: &Mark) -> Result<String, ActuateError> {
        let (before, told) = self.look().await?;
        if before.version != version {
            return Err(ActuateError::Conflict {
                what: self.program().to_owned(),
            });
        }
        let unsupported = |remedy| {
            Err(ActuateError::Unsupported {
                act: act.to_string(),
                router: "exec",
                remedy,
            })
        };
        match act {
            Act::SwitchMain { .. } if told.main.is_none() => {
                return unsupported("let `get` print an object with `main`, and take `main SIDE`");
            }
            Act::ScaleLegacy { .. } | Act::RemoveLegacy { .. } if told.legacy.is_none() => {
                return unsupported("let `get` print an object with `legacy`, or do it by hand");
            }
            // There is no split while the main route leads to core.
            Act::RemoveCanary if before.main == Side::Core => return Ok(before.version),
            _ => {}
        }
        self.call(&Self::arguments(act), version, mark).await?;
        let (after, _) = self.look().await?;
        Ok(after.version)
    }
}

impl Actuator for Exec {
    fn describe(&self) -> String {
        format!("program {}", self.program())
    }

    fn preview(&self, act: Act) -> Vec<String> {
        let call = |arguments: &[String]| {
            format!("run {} {}", self.command.join(" "), arguments.join(" "))
        };
        let get = ["get".to_owned()];
        vec![call(&get), call(&Self::arguments(act)), call(&get)]
    }

    fn preflight(&mut self) -> Pending<'_, Result<Vec<Preflight>, ActuateError>> {
        Box::pin(async move {
            let (_, told) = self.look().await?;
            Ok(vec![
                Preflight {
                    name: "router.get".to_owned(),
                    fault: None,
                    query: format!("run {} get", self.command.join(" ")),
                },
                Preflight {
                    name: "router.main".to_owned(),
                    fault: told.main.is_none().then(|| {
                        "`get` does not tell `main`: the switch after 100 % will not be possible"
                            .to_owned()
                    }),
                    query: format!("run {} get", self.command.join(" ")),
                },
            ])
        })
    }

    fn read(&mut self) -> Pending<'_, Result<Reading, ActuateError>> {
        Box::pin(async move { Ok(self.look().await?.0) })
    }

    fn apply<'a>(
        &'a mut self,
        act: Act,
        version: &'a str,
        mark: &'a Mark,
    ) -> Pending<'a, Result<String, ActuateError>> {
        Box::pin(self.write(act, version, mark))
    }
}
