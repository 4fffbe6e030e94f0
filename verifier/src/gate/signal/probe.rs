//! Journeys against a live address: requests whose answers must be as said.

use serde_json::Value;

use super::{Ask, Probed, Sight, Sighting, Signal, Trouble, TroubleKind};
use crate::client::{ClientConfig, Outgoing, Target};
use crate::exchange::{Answer, Failure};
use crate::gate::clock::{Pending, together};
use crate::gate::config::{ProbeConfig, ProbeRequest};

/// Journeys that are on their way at the same time: one after the other they would keep a look waiting for as
/// long as a slow core takes, times their number.
const AT_ONCE: u32 = 8;

/// One journey.
#[derive(Debug)]
pub struct Probe {
    config: ProbeConfig,
    target: Result<Target, String>,
}

impl Probe {
    /// Sends nothing yet.
    pub fn new(config: &ProbeConfig) -> Self {
        let client = ClientConfig {
            timeout: config.timeout.duration(),
            max_body_bytes: 16 << 20,
            ..ClientConfig::default()
        };
        Self {
            target: Target::new(&config.url, client).map_err(|error| error.to_string()),
            config: config.clone(),
        }
    }

    async fn run(&self) -> Result<Probed, Trouble> {
        let fault = |text: String| Trouble::new(TroubleKind::Malformed, text);
        let target = self.target.as_ref().map_err(|error| fault(error.clone()))?;
        let authorization = match &self.config.authorization_file {
            None => None,
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .map_err(|error| fault(format!("{}: {error}", file.display())))?;
                Some(text.trim().to_owned())
            }
        };
        let mut probed = Probed::default();
        let mut unreachable = 0;
        let mut left = self.config.times.max(1);
        while left > 0 {
            let some = left.min(AT_ONCE);
            left -= some;
            let journeys = (0..some).map(|_| {
                Box::pin(self.journey(target, authorization.as_deref())) as Pending<'_, _>
            });
            for end in together(journeys.collect()).await {
                probed.tried += 1;
                match end {
                    Ok(()) => probed.held += 1,
                    Err(Broken::Wrong(detail)) => probed.detail = detail,
                    Err(Broken::Unreachable(detail)) => {
                        unreachable += 1;
                        probed.detail = detail;
                    }
                }
            }
        }
        if unreachable == probed.tried {
            return Err(Trouble::new(TroubleKind::Unreachable, probed.detail));
        }
        Ok(probed)
    }

    async fn journey(&self, target: &Target, authorization: Option<&str>) -> Result<(), Broken> {
        for request in &self.config.requests {
            let mut headers = Vec::new();
            if let Some(value) = authorization {
                headers.push(("authorization".to_owned(), value.to_owned()));
            }
            if request.body.is_some() {
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
            }
            let sent = target
                .send(&Outgoing {
                    method: request.method.clone(),
                    path: request.path.clone(),
                    headers,
                    body: request.body.clone().map(String::into_bytes),
                })
                .await;
            // Only the path's own part: a query may hold what a person typed.
            let path = request.path.split('?').next().unwrap_or_default();
            let named = format!("{} {path}", request.method);
            match sent.observation.answer {
                Ok(answer) => holds(request, &answer)
                    .map_err(|detail| Broken::Wrong(format!("{named}: {detail}")))?,
                Err(failure @ Failure::Unreachable(_)) => {
                    return Err(Broken::Unreachable(format!("{named}: {failure}")));
                }
                Err(failure) => return Err(Broken::Wrong(format!("{named}: {failure}"))),
            }
        }
        Ok(())
    }
}

enum Broken {
    Wrong(String),
    Unreachable(String),
}

/// What does not hold, told without the values that were answered.
fn holds(request: &ProbeRequest, answer: &Answer) -> Result<(), String> {
    if answer.status != request.status {
        return Err(format!("status {}, not {}", answer.status, request.status));
    }
    if request.json.is_empty() && request.counts.is_empty() {
        return Ok(());
    }
    let body: Value =
        serde_json::from_slice(&answer.body).map_err(|_| "the body is no JSON".to_owned())?;
    for (pointer, wanted) in &request.json {
        let Some(value) = body.pointer(pointer) else {
            return Err(format!("nothing at {pointer}"));
        };
        let Some(wanted) = wanted else { continue };
        let same = match value {
            Value::String(text) => text == wanted,
            other => *wanted == format!("{other}"),
        };
        if !same {
            return Err(format!("another value than `{wanted}` at {pointer}"));
        }
    }
    for (pointer, wanted) in &request.counts {
        let count = match body.pointer(pointer) {
            Some(Value::Array(items)) => items.len() as u64,
            Some(Value::Object(members)) => members.len() as u64,
            Some(Value::Number(number)) => number
                .as_u64()
                .ok_or_else(|| format!("no count at {pointer}"))?,
            _ => return Err(format!("nothing to count at {pointer}")),
        };
        if count != *wanted {
            return Err(format!("{count} at {pointer}, not {wanted}"));
        }
    }
    Ok(())
}

impl Signal for Probe {
    fn name(&self) -> String {
        format!("probe {}", self.config.name)
    }

    fn preview(&self, _ask: &Ask) -> Vec<String> {
        let base = self.config.url.trim_end_matches('/');
        let times = self.config.times.max(1);
        self.config
            .requests
            .iter()
            .map(|request| format!("{} {base}{}  ({times} times)", request.method, request.path))
            .collect()
    }

    fn observe<'a>(&'a mut self, ask: &'a Ask) -> Pending<'a, Vec<Sighting>> {
        Box::pin(async move {
            vec![Sighting {
                source: self.name(),
                query: Some(self.config.url.clone()),
                at_ms: ask.to_ms,
                sight: Sight::Probe {
                    name: self.config.name.clone(),
                    side: self.config.side,
                    seen: self.run().await,
                },
            }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            body: body.to_owned().into(),
        }
    }

    #[test]
    fn a_probe_holds_only_when_status_values_and_counts_do_and_quotes_no_answer() {
        let request: ProbeRequest = serde_saphyr::from_str(
            "{path: /rooms, json: {/page/index: '0', /values/0/name: null}, counts: {/values: 2, /page/total: 58}}",
        )
        .expect("a request");
        let good = r#"{"values":[{"name":"Kim"},{}],"page":{"index":0,"total":58}}"#;
        for (status, body, expected) in [
            (200, good.to_owned(), None),
            (500, good.to_owned(), Some("status 500, not 200")),
            (200, "<html>".to_owned(), Some("the body is no JSON")),
            (
                200,
                good.replace("58", "57"),
                Some("57 at /page/total, not 58"),
            ),
            (200, good.replace(",{}", ""), Some("1 at /values, not 2")),
            (
                200,
                good.replace("\"index\":0", "\"index\":7"),
                Some("another value than `0` at /page/index"),
            ),
            (
                200,
                good.replace("name", "nome"),
                Some("nothing at /values/0/name"),
            ),
        ] {
            let found = holds(&request, &answer(status, &body)).err();
            assert_eq!(found.as_deref(), expected, "{body}");
            assert!(!found.unwrap_or_default().contains("Kim"));
        }
    }
}
