//! A program that must end with 0: for everything that only the team's own tools can see, such as a
//! browser's walk through the client.

use std::process::Stdio;

use tokio::process::Command as Process;

use super::{Ask, Probed, Sight, Sighting, Signal, Trouble, TroubleKind};
use crate::gate::clock::Pending;
use crate::gate::config::CommandConfig;

/// Longest detail that is kept of a program's output, in characters.
const MAX_DETAIL: usize = 200;

/// One program.
#[derive(Clone, Debug)]
pub struct Command {
    config: CommandConfig,
}

impl Command {
    /// Starts nothing yet.
    pub fn new(config: &CommandConfig) -> Self {
        Self {
            config: config.clone(),
        }
    }

    async fn run(&self) -> Result<Probed, Trouble> {
        let trouble = |text: String| Trouble::new(TroubleKind::Unreachable, text);
        let Some((program, arguments)) = self.config.command.split_first() else {
            return Err(trouble("it names no program".to_owned()));
        };
        let mut process = Process::new(program);
        process
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let limit = self.config.timeout;
        let output = match tokio::time::timeout(limit.duration(), process.output()).await {
            // It ran and did not come to an end: what it checks does not hold.
            Err(_) => {
                return Ok(Probed {
                    tried: 1,
                    held: 0,
                    detail: format!("no end within {limit}"),
                });
            }
            Ok(output) => output.map_err(|error| trouble(format!("`{program}`: {error}")))?,
        };
        let held = u64::from(output.status.success());
        let detail = if held == 1 {
            String::new()
        } else {
            format!(
                "{}: {}",
                output.status,
                last_line(&output.stdout, &output.stderr)
            )
        };
        Ok(Probed {
            tried: 1,
            held,
            detail,
        })
    }
}

/// The last line that says something, of standard error if there is one.
fn last_line(stdout: &[u8], stderr: &[u8]) -> String {
    [stderr, stdout]
        .into_iter()
        .find_map(|bytes| {
            let text = String::from_utf8_lossy(bytes);
            let line = text.lines().rfind(|line| !line.trim().is_empty())?;
            let visible = line.chars().filter(|letter| !letter.is_control());
            Some(visible.take(MAX_DETAIL).collect())
        })
        .unwrap_or_else(|| "no output".to_owned())
}

impl Signal for Command {
    fn name(&self) -> String {
        format!("command {}", self.config.name)
    }

    fn preview(&self, _ask: &Ask) -> Vec<String> {
        vec![format!("run {}", self.config.command.join(" "))]
    }

    fn observe<'a>(&'a mut self, ask: &'a Ask) -> Pending<'a, Vec<Sighting>> {
        Box::pin(async move {
            vec![Sighting {
                source: self.name(),
                query: Some(self.config.command.join(" ")),
                at_ms: ask.to_ms,
                sight: Sight::Probe {
                    name: self.config.name.clone(),
                    side: None,
                    seen: self.run().await,
                },
            }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::span::Span;

    #[tokio::test]
    async fn a_command_holds_by_its_exit_code_and_tells_its_last_line() {
        let run = |script: &str| {
            let command = Command::new(&CommandConfig {
                name: "client".to_owned(),
                command: ["sh", "-c", script].map(str::to_owned).to_vec(),
                timeout: Span::from_secs(5),
            });
            async move { command.run().await }
        };
        let good = run("echo fine").await.expect("it ran");
        assert_eq!((good.tried, good.held), (1, 1));
        let bad = run("echo first; echo 'login page is empty' >&2; exit 3").await;
        let bad = bad.expect("it ran");
        assert_eq!(bad.held, 0);
        assert!(
            bad.detail.ends_with("3: login page is empty"),
            "{}",
            bad.detail
        );
        let missing = Command::new(&CommandConfig {
            name: "client".to_owned(),
            command: vec!["/nowhere/at/all".to_owned()],
            timeout: Span::from_secs(5),
        });
        let trouble = missing.run().await.expect_err("there is none");
        assert_eq!(trouble.kind, TroubleKind::Unreachable);
    }
}
