//! nginx: an included file with `split_clients`, checked before it is taken over, and read back from
//! the running server.
//!
//! The gate owns the included file whole. It defines the variable that `proxy_pass` uses and
//! `$cutover_split`, a text that tells the split in use; `location = /… { return 200 $cutover_split; }`
//! on a port of the operator's choice is what `live_url` names.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::{Act, ActuateError, Actuator, Mark, Preflight, Reading};
use crate::client::{ClientConfig, Outgoing, Target};
use crate::gate::clock::Pending;
use crate::gate::config::NginxConfig;
use crate::gate::weight::Weight;
use crate::jwt::cell::Side;

/// Longest time for the check of the configuration and for its taking over.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long new workers may take to answer with the new split.
const TAKE_OVER: Duration = Duration::from_secs(5);
/// So many answers in a row, some time apart, come from new workers alone.
const ENOUGH: u32 = 4;

/// First line of the file: without it, the file is not the gate's.
const TITLE: &str =
    "# The split of a cut-over. Written by the gate; changes by hand count as drift.";

/// nginx with an included file.
#[derive(Clone, Debug)]
pub struct Nginx {
    config: NginxConfig,
}

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Split {
    weight: Weight,
    main: Side,
    mark: Option<Mark>,
}

impl Split {
    const START: Self = Self {
        weight: Weight::NONE,
        main: Side::Legacy,
        mark: None,
    };

    /// One line without blanks inside values: the text that nginx tells.
    fn line(&self) -> String {
        let mark = self.mark.clone().unwrap_or_default();
        format!(
            "weight={} main={} run={} seq={} evidence={}",
            self.weight.percent(),
            self.main,
            word(&mark.run_id),
            mark.seq,
            word(&mark.evidence)
        )
    }

    fn parse(line: &str) -> Option<Self> {
        let mut values = line.split(' ').map(|pair| pair.split_once('='));
        let mut next = |name: &str| match values.next() {
            Some(Some((key, value))) if key == name => Some(value.to_owned()),
            _ => None,
        };
        let weight = Weight::from_percent(next("weight")?.parse().ok()?)?;
        let main = match next("main")?.as_str() {
            "legacy" => Side::Legacy,
            "core" => Side::Core,
            _ => return None,
        };
        let (run_id, seq, evidence) = (next("run")?, next("seq")?, next("evidence")?);
        let seq: u64 = seq.parse().ok()?;
        let mark = (seq > 0 || !run_id.is_empty()).then_some(Mark {
            run_id,
            seq,
            evidence,
        });
        Some(Self { weight, main, mark })
    }
}

/// What may stand in a configuration file without meaning anything else there.
fn word(text: &str) -> String {
    text.chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || "-_.:".contains(*letter))
        .collect()
}

impl Nginx {
    /// Touches nothing yet.
    pub fn new(config: &NginxConfig) -> Self {
        Self {
            config: config.clone(),
        }
    }

    fn what(&self) -> String {
        self.config.include.display().to_string()
    }

    fn text(&self, split: &Split) -> String {
        let NginxConfig {
            legacy_upstream: legacy,
            core_upstream: core,
            variable,
            key,
            ..
        } = &self.config;
        // `split_clients` takes no 0 % and no 100 %.
        let share = match (split.main, split.weight.percent()) {
            (Side::Core, _) | (Side::Legacy, 100) => format!("    * {core};\n"),
            (Side::Legacy, 0) => format!("    * {legacy};\n"),
            (Side::Legacy, percent) => format!("    {percent}% {core};\n    * {legacy};\n"),
        };
        format!(
            "{TITLE}\n# {line}\nsplit_clients \"{key}\" ${variable} {{\n{share}}}\n\
             map \"\" $cutover_split {{\n    default \"{line}\";\n}}\n",
            line = split.line()
        )
    }

    /// The file as it is, and what it says; a missing one serves from legacy alone.
    fn load(&self) -> Result<(String, Result<Split, String>), ActuateError> {
        let text = match fs::read_to_string(&self.config.include) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((String::new(), Ok(Split::START)));
            }
            Err(error) => return Err(self.unreachable(&error)),
        };
        let line = text.lines().nth(1).and_then(|line| line.strip_prefix("# "));
        let split = line.and_then(Split::parse);
        let parsed = match split {
            Some(split) if text == self.text(&split) => Ok(split),
            _ => Err(format!(
                "{} was changed by hand: restore it with `verifier gate rollback`, or take it over with \
                 `verifier gate adopt`",
                self.what()
            )),
        };
        Ok((text, parsed))
    }

    fn unreachable(&self, error: &io::Error) -> ActuateError {
        ActuateError::Unreachable {
            what: self.what(),
            reason: error.to_string(),
        }
    }

    fn version(text: &str) -> String {
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }

    /// What the running server tells.
    async fn live(&self, url: &str) -> Result<String, ActuateError> {
        let unreachable = |reason: String| ActuateError::Unreachable {
            what: url.to_owned(),
            reason,
        };
        let (base, path) = base_and_path(url).ok_or_else(|| ActuateError::Refused {
            what: "router.nginx.live_url".to_owned(),
            reason: "it must be an `http://` or `https://` address".to_owned(),
        })?;
        let config = ClientConfig {
            timeout: Duration::from_secs(5),
            max_body_bytes: 64 << 10,
            ..ClientConfig::default()
        };
        let target = Target::new(&base, config).map_err(|error| unreachable(error.to_string()))?;
        let sent = target
            .send(&Outgoing {
                method: "GET".to_owned(),
                path,
                ..Outgoing::default()
            })
            .await;
        let answer = sent
            .observation
            .answer
            .map_err(|failure| unreachable(failure.to_string()))?;
        if answer.status != 200 {
            return Err(unreachable(format!("status {}", answer.status)));
        }
        Ok(String::from_utf8_lossy(&answer.body).trim().to_owned())
    }

    async fn look(&self) -> Result<Reading, ActuateError> {
        let (text, parsed) = self.load()?;
        let mut surprises = Vec::new();
        let split = parsed.unwrap_or_else(|surprise| {
            surprises.push(surprise);
            Split::START
        });
        let mut shown = split.clone();
        let mut taken = true;
        if let Some(url) = &self.config.live_url {
            // The running server decides, not the file.
            let live = self.live(url).await?;
            match Split::parse(&live) {
                Some(live) => {
                    taken = live == split;
                    shown = live;
                }
                None if text.is_empty() && live.is_empty() => {}
                None => surprises.push(format!("{url} tells no split of the gate's")),
            }
        }
        Ok(Reading {
            weight: if shown.main == Side::Core {
                Weight::NONE
            } else {
                shown.weight
            },
            canary: shown.main == Side::Legacy && !shown.weight.is_none(),
            main: shown.main,
            version: Self::version(&text),
            mark: shown.mark,
            taken,
            written_by: None,
            surprises,
            legacy: None,
            core: None,
            core_identities: Vec::new(),
            legacy_references: Vec::new(),
        })
    }

    async fn run(&self, command: &[String]) -> Result<(), String> {
        let Some((program, arguments)) = command.split_first() else {
            return Err("names no program".to_owned());
        };
        let mut child = Command::new(program);
        child
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, child.output())
            .await
            .map_err(|_| format!("no end within {} s", PATIENCE.as_secs()))?
            .map_err(|error| format!("`{program}` cannot be run: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        // nginx names the place in its first complaint, and says at last only that there was one.
        let words = String::from_utf8_lossy(&output.stderr);
        let mut said = words.lines().filter(|line| !line.trim().is_empty());
        let complaint = said.clone().find(|line| line.contains("[emerg]"));
        let last: String = complaint
            .or_else(|| said.next_back())
            .unwrap_or_default()
            .chars()
            .filter(|letter| !letter.is_control())
            .take(300)
            .collect();
        Err(format!("it ended with {}: {last}", output.status))
    }

    fn store(&self, text: &str) -> Result<(), ActuateError> {
        let path = &self.config.include;
        let write = || -> io::Result<()> {
            let fresh: PathBuf = path.with_extension("new");
            let mut file = File::create(&fresh)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&fresh, path)
        };
        write().map_err(|error| self.unreachable(&error))
    }

    async fn write(&self, act: Act, version: &str, mark: &Mark) -> Result<String, ActuateError> {
        let (before, parsed) = self.load()?;
        if Self::version(&before) != version {
            return Err(ActuateError::Conflict { what: self.what() });
        }
        // A file that was changed by hand is written anew: what is to hold is known.
        let mut split = parsed.unwrap_or(Split::START);
        match act {
            Act::SetWeight { weight } => split.weight = weight,
            Act::SwitchMain { to } => {
                split.main = to;
                if to == Side::Legacy {
                    split.weight = Weight::NONE;
                }
            }
            Act::RemoveCanary => split.weight = Weight::NONE,
            Act::ScaleLegacy { .. } | Act::RemoveLegacy { .. } => {
                return Err(ActuateError::Unsupported {
                    act: act.to_string(),
                    router: "nginx",
                    remedy: "start or stop legacy with what runs it",
                });
            }
        }
        split.mark = Some(Mark {
            run_id: word(&mark.run_id),
            seq: mark.seq,
            evidence: word(&mark.evidence),
        });
        let text = self.text(&split);
        self.store(&text)?;
        if let Err(reason) = self.run(&self.config.test).await {
            if before.is_empty() {
                fs::remove_file(&self.config.include).map_err(|error| self.unreachable(&error))?;
            } else {
                self.store(&before)?;
            }
            return Err(ActuateError::Refused {
                what: self.config.test.join(" "),
                reason: format!("{reason}; the file is as it was"),
            });
        }
        self.run(&self.config.reload)
            .await
            .map_err(|reason| ActuateError::Unreachable {
                what: self.config.reload.join(" "),
                reason,
            })?;
        if let Some(url) = &self.config.live_url {
            self.wait_for(url, &split).await?;
        }
        Ok(Self::version(&text))
    }

    /// A reload returns before new workers serve, and for a moment old ones answer beside them: the new
    /// split must be told several times in a row.
    async fn wait_for(&self, url: &str, wanted: &Split) -> Result<(), ActuateError> {
        let deadline = tokio::time::Instant::now() + TAKE_OVER;
        let mut in_a_row = 0;
        loop {
            let live = self.live(url).await;
            if live.as_deref().ok().and_then(Split::parse).as_ref() == Some(wanted) {
                in_a_row += 1;
                if in_a_row == ENOUGH {
                    return Ok(());
                }
            } else {
                in_a_row = 0;
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(ActuateError::Unreachable {
                    what: url.to_owned(),
                    reason: "the running server does not tell the new split: was it reloaded?"
                        .to_owned(),
                });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn base_and_path(url: &str) -> Option<(String, String)> {
    let parsed = url::Url::parse(url).ok()?;
    let base = parsed.origin().ascii_serialization();
    let query = parsed.query().map(|query| format!("?{query}"));
    let path = format!("{}{}", parsed.path(), query.unwrap_or_default());
    parsed.host().is_some().then_some((base, path))
}

impl Actuator for Nginx {
    fn describe(&self) -> String {
        format!("nginx with {}", self.what())
    }

    fn preview(&self, act: Act) -> Vec<String> {
        let mut steps = vec![
            format!("write {}: {act}", self.what()),
            format!("run {}", self.config.test.join(" ")),
            format!("run {}", self.config.reload.join(" ")),
        ];
        if let Some(url) = &self.config.live_url {
            steps.push(format!("GET {url}"));
        }
        steps
    }

    fn preflight(&mut self) -> Pending<'_, Result<Vec<Preflight>, ActuateError>> {
        Box::pin(async move {
            let tested = self.run(&self.config.test).await;
            let (_, parsed) = self.load()?;
            let mut found = vec![
                Preflight {
                    name: "router.test".to_owned(),
                    fault: tested.err(),
                    query: format!("run {}", self.config.test.join(" ")),
                },
                Preflight {
                    name: "router.file".to_owned(),
                    fault: parsed.err(),
                    query: format!("read {}", self.what()),
                },
            ];
            found.push(match &self.config.live_url {
                Some(url) => Preflight {
                    name: "router.live".to_owned(),
                    fault: self.live(url).await.err().map(|error| error.to_string()),
                    query: format!("GET {url}"),
                },
                None => Preflight {
                    name: "router.live".to_owned(),
                    fault: Some(
                        "`live_url` is not set, so nothing can be read back from the running server"
                            .to_owned(),
                    ),
                    query: "router.nginx.live_url".to_owned(),
                },
            });
            Ok(found)
        })
    }

    fn read(&mut self) -> Pending<'_, Result<Reading, ActuateError>> {
        Box::pin(self.look())
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
