//! Notices to a webhook that takes Slack's `{"text": …}`.

use serde_json::json;

use super::clock::Pending;
use super::config::WebhookConfig;
use super::notify::{Notice, Notify};
use crate::client::{ClientConfig, Outgoing, Target};

/// Longest text that is sent, in characters.
const MAX_TEXT: usize = 3_500;

/// A webhook. Its address is a secret: it stands in a file and in no message.
#[derive(Clone, Debug)]
pub struct Webhook {
    config: WebhookConfig,
}

impl Webhook {
    /// Reads nothing yet: the file may be mounted or changed later.
    pub fn new(config: &WebhookConfig) -> Self {
        Self {
            config: config.clone(),
        }
    }

    async fn post(&self, notice: &Notice) -> Result<(), String> {
        let file = &self.config.url_file;
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        let unusable = || format!("{}: holds no web address", file.display());
        let url = url::Url::parse(text.trim()).map_err(|_| unusable())?;
        let client = ClientConfig {
            timeout: self.config.timeout.duration(),
            max_body_bytes: 64 << 10,
            ..ClientConfig::default()
        };
        let target =
            Target::new(&url.origin().ascii_serialization(), client).map_err(|_| unusable())?;
        let query = url.query().map(|query| format!("?{query}"));
        let body = json!({ "text": words(notice) });
        let sent = target
            .send(&Outgoing {
                method: "POST".to_owned(),
                path: format!("{}{}", url.path(), query.unwrap_or_default()),
                headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                body: Some(body.to_string().into_bytes()),
            })
            .await;
        match sent.observation.answer {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(format!("the webhook answered {}", answer.status)),
            // The failure's own text may name the address.
            Err(_) => Err("the webhook gave no answer".to_owned()),
        }
    }
}

/// The notice as text: what happened first, and loud only when somebody should get up.
fn words(notice: &Notice) -> String {
    let mark = if notice.urgent {
        ":rotating_light: "
    } else {
        ""
    };
    let mut text = format!("{mark}*{}* {}", notice.kind, plain(&notice.title));
    for line in &notice.lines {
        text.push_str("\n• ");
        text.push_str(&plain(line));
    }
    text.push_str(&format!("\n_{} · cut-over {}_", notice.at, notice.run_id));
    if text.chars().count() > MAX_TEXT {
        text = text.chars().take(MAX_TEXT).collect::<String>() + " …";
    }
    text
}

/// What a service said must not become a link or call a channel: Slack's three control characters.
fn plain(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

impl Notify for Webhook {
    fn send<'a>(&'a mut self, notice: &'a Notice) -> Pending<'a, Result<(), String>> {
        Box::pin(self.post(notice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_bounded_and_calls_nobody_by_what_it_quotes() {
        let notice = Notice {
            run_id: "r1".to_owned(),
            at: "2026-02-20T03:00:00Z".to_owned(),
            kind: "rollback",
            title: "core answers <!channel> & worse".to_owned(),
            lines: vec!["x".repeat(10_000)],
            urgent: true,
        };
        let text = words(&notice);
        assert!(
            text.starts_with(":rotating_light: *rollback* core answers &lt;!channel&gt; &amp;")
        );
        assert!(text.chars().count() <= MAX_TEXT + 2);
    }
}
