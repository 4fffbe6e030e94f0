//! Which build core says it is.

use std::time::Duration;

use serde_json::Value;

use super::{Ask, Sight, Sighting, Signal, Trouble, TroubleKind};
use crate::client::{ClientConfig, Outgoing, Target};
use crate::gate::clock::Pending;
use crate::gate::config::IdentityConfig;

/// Longest name of a build.
const MAX_NAME: usize = 200;

/// An address that tells it.
#[derive(Debug)]
pub struct Identity {
    config: IdentityConfig,
}

impl Identity {
    /// Sends nothing yet.
    pub fn new(config: &IdentityConfig) -> Self {
        Self {
            config: config.clone(),
        }
    }

    async fn ask(&self) -> Result<Vec<String>, Trouble> {
        let malformed = |text: String| Trouble::new(TroubleKind::Malformed, text);
        let url = url::Url::parse(&self.config.url)
            .map_err(|error| malformed(format!("`{}`: {error}", self.config.url)))?;
        let config = ClientConfig {
            timeout: Duration::from_secs(10),
            max_body_bytes: 1 << 20,
            ..ClientConfig::default()
        };
        let target = Target::new(&url.origin().ascii_serialization(), config)
            .map_err(|error| malformed(error.to_string()))?;
        let query = url.query().map(|query| format!("?{query}"));
        let sent = target
            .send(&Outgoing {
                method: "GET".to_owned(),
                path: format!("{}{}", url.path(), query.unwrap_or_default()),
                ..Outgoing::default()
            })
            .await;
        let answer = sent
            .observation
            .answer
            .map_err(|failure| Trouble::new(TroubleKind::Unreachable, failure.to_string()))?;
        if !(200..300).contains(&answer.status) {
            return Err(malformed(format!("status {}", answer.status)));
        }
        let told = match (&self.config.header, &self.config.pointer) {
            (Some(name), _) => answer
                .header(&name.to_ascii_lowercase())
                .next()
                .map(|value| String::from_utf8_lossy(value).trim().to_owned()),
            (None, Some(pointer)) => {
                let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
                body.and_then(|body| Some(body.pointer(pointer)?.as_str()?.to_owned()))
            }
            (None, None) => None,
        };
        let name = told.filter(|name| {
            (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
        });
        match name {
            Some(name) => Ok(vec![name]),
            None => Err(Trouble::new(
                TroubleKind::Empty,
                "the answer names no build: look at `signals.identity`",
            )),
        }
    }
}

impl Signal for Identity {
    fn name(&self) -> String {
        "identity".to_owned()
    }

    fn preview(&self, _ask: &Ask) -> Vec<String> {
        vec![format!("GET {}", self.config.url)]
    }

    fn observe<'a>(&'a mut self, ask: &'a Ask) -> Pending<'a, Vec<Sighting>> {
        Box::pin(async move {
            vec![Sighting {
                source: self.name(),
                query: Some(self.config.url.clone()),
                at_ms: ask.to_ms,
                sight: Sight::Identity {
                    seen: self.ask().await,
                },
            }]
        })
    }
}
