//! Event streams by event
//! ([HTML standard, server-sent events](https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream)).

use crate::json::{Document, escape};

/// An event stream as a JSON array of objects with the fields the event has. `data` that is JSON is
/// kept as JSON. Comments are no events: servers send them to keep the connection open.
pub(super) fn to_json(text: &str) -> String {
    let mut events: Vec<String> = Vec::new();
    let mut event = Event::default();
    for line in lines(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        if line.is_empty() {
            events.extend(std::mem::take(&mut event).to_json());
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => event.name = Some(value),
            "data" => event.data.push(value),
            "id" => event.id = Some(value),
            "retry" => event.retry = Some(value),
            _ => {}
        }
    }
    // A stream that was cut in an event: what is there counts.
    events.extend(event.to_json());
    format!("[{}]", events.join(","))
}

/// Lines end with CR LF, LF or CR.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\r', '\n']) else {
            rest = None;
            return (!text.is_empty()).then_some(text);
        };
        let after = if text[end..].starts_with("\r\n") {
            end + 2
        } else {
            end + 1
        };
        rest = Some(&text[after..]);
        Some(&text[..end])
    })
}

#[derive(Default)]
struct Event<'t> {
    name: Option<&'t str>,
    id: Option<&'t str>,
    retry: Option<&'t str>,
    data: Vec<&'t str>,
}

impl Event<'_> {
    fn to_json(&self) -> Option<String> {
        let mut members = Vec::new();
        for (field, value) in [("event", self.name), ("id", self.id), ("retry", self.retry)] {
            members.extend(value.map(|value| format!("{}:{}", escape(field), escape(value))));
        }
        if !self.data.is_empty() {
            let data = self.data.join("\n");
            let is_json = Document::parse(data.as_bytes()).is_ok();
            members.push(format!(
                "\"data\":{}",
                if is_json { data } else { escape(&data) }
            ));
        }
        (!members.is_empty()).then(|| format!("{{{}}}", members.join(",")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_browsers_do() {
        for (text, expected) in [
            ("data: {\"a\": 1}\n\n", r#"[{"data":{"a": 1}}]"#),
            (
                ": ping\r\n\r\nevent: add\r\ndata: x\r\ndata:y\r\nid: 7\r\n\r\n",
                r#"[{"event":"add","id":"7","data":"x\ny"}]"#,
            ),
            ("data: 1\r\rdata: cut", r#"[{"data":1},{"data":"cut"}]"#),
            ("\n\n", "[]"),
        ] {
            assert_eq!(to_json(text), expected);
        }
    }
}
