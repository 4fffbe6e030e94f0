#![deny(clippy::disallowed_methods)]
//! From an example of live traffic to a case of the catalogue: the request with made-up values where
//! real ones are hidden, and legacy's answer with masks there.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::record::{Group, Sample, StoredAnswer};
use super::redact::{hidden_class, replace_hidden};
use crate::catalogue::Catalogue;
use crate::compare::{HeaderClass, header_class};
use crate::exchange::Answer;
use crate::place::{child_pointer, is_index};

/// Why an example cannot become a case.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdoptError {
    /// Nothing by that name.
    #[error("no group `{0}` in the evidence: `verifier report` lists them")]
    NoGroup(String),
    /// More than one.
    #[error("`{0}` stands for several groups: write more of the id")]
    Ambiguous(String),
    /// The example is gone.
    #[error("the group has no example with bodies any more: wait for the next, or record the case")]
    NoExample,
    /// The body cannot be reconstructed.
    #[error("legacy's body is {0}: write the case by hand and run `verifier record`")]
    NoBody(&'static str),
    /// The catalogue is not written in the usual way.
    #[error("the catalogue has no block `endpoints:` to add to: add this by hand\n{0}")]
    NoPlace(String),
    /// It is there already.
    #[error("the catalogue has the case `{0}` already")]
    Known(String),
}

/// The group that `id`, or its unambiguous beginning, names.
pub fn find<'e>(
    groups: &'e BTreeMap<String, Group>,
    id: &str,
) -> Result<(&'e str, &'e Group), AdoptError> {
    let mut found = groups
        .iter()
        .filter(|(known, _)| !id.is_empty() && known.starts_with(id));
    match (found.next(), found.next()) {
        (Some((id, group)), None) => Ok((id, group)),
        (None, _) => Err(AdoptError::NoGroup(id.to_owned())),
        (Some(_), Some(_)) => Err(AdoptError::Ambiguous(id.to_owned())),
    }
}

/// A case to be added.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// The endpoint's place in the catalogue; `None` for one that is not there yet.
    pub endpoint: Option<usize>,
    /// The id the case will have: `rooms_get@live_1a2b3c4d`.
    pub case: String,
    /// The catalogue with the case in it.
    pub catalogue: String,
    /// Legacy's answer; hidden values stand where the case's masks will be.
    pub answer: Answer,
    /// How many values of the request are made up and should be looked at.
    pub made_up: usize,
}

/// Adds the group's example to the catalogue's `text`, comments and layout untouched.
pub fn adopt(
    catalogue: &Catalogue,
    text: &str,
    id: &str,
    group: &Group,
) -> Result<Adoption, AdoptError> {
    let sample = group.samples.first().ok_or(AdoptError::NoExample)?;
    let answer = answer(sample)?;
    let short = id.get(..8).unwrap_or(id);
    let path = sample.request.target.split('?').next().unwrap_or("");
    let endpoint = catalogue.endpoints.iter().position(|endpoint| {
        endpoint.id == group.key.endpoint
            || (endpoint.method == sample.request.method && fits(&endpoint.path, path))
    });
    let case = match endpoint {
        Some(at) => format!("{}@live_{short}", catalogue.endpoints[at].id),
        None => format!("live_{short}"),
    };
    if catalogue.cases.iter().any(|known| known.id == case) {
        return Err(AdoptError::Known(case));
    }
    let template = endpoint.map(|at| catalogue.endpoints[at].path.as_str());
    let (item, made_up) = item(short, group, sample, template, &answer);
    let catalogue = match endpoint {
        Some(at) => {
            let first = catalogue.cases.iter().find(|case| case.endpoint == at);
            insert_case(text, first.map_or(0, |case| case.line), &item)
        }
        None => insert_endpoint(text, &item),
    };
    let catalogue = catalogue.ok_or_else(|| AdoptError::NoPlace(item.join("\n")))?;
    Ok(Adoption {
        endpoint,
        case,
        catalogue,
        answer,
        made_up,
    })
}

/// The case that the group's example would become, as lines of a catalogue's list of cases, or of its
/// list of endpoints where `template`, the path of an endpoint there, is `None`.
pub fn case_lines(
    id: &str,
    group: &Group,
    sample: &Sample,
    template: Option<&str>,
) -> Result<Vec<String>, AdoptError> {
    let answer = answer(sample)?;
    let short = id.get(..8).unwrap_or(id);
    Ok(item(short, group, sample, template, &answer).0)
}

/// Whether a path belongs to a template such as `/rooms/{id}`.
fn fits(template: &str, path: &str) -> bool {
    let template = template.split('?').next().unwrap_or("");
    template.split('/').count() == path.split('/').count()
        && template
            .split('/')
            .zip(path.split('/'))
            .all(|(known, part)| known == part || (is_placeholder(known) && !part.is_empty()))
}

fn is_placeholder(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}')
}

/// The lines of the case, from its `- id:` on, without indentation.
fn item(
    short: &str,
    group: &Group,
    sample: &Sample,
    template: Option<&str>,
    answer: &Answer,
) -> (Vec<String>, usize) {
    let request = &sample.request;
    let made_up = std::cell::Cell::new(0);
    let filled = |text: &str| {
        let text = replace_hidden(text, |class| {
            made_up.set(made_up.get() + 1);
            made_up_value(class).to_owned()
        });
        // A template's braces are its own.
        text.replace('{', "{{").replace('}', "}}")
    };
    let (path, query) = match request.target.split_once('?') {
        Some((path, query)) => (path, query),
        None => (request.target.as_str(), ""),
    };
    let key = &group.key;
    let mut lines = vec![
        format!("- id: live_{short}"),
        format!(
            "  description: {}",
            quoted(&format!("Seen live: {} at {}", key.kind, key.place))
        ),
    ];
    match template {
        Some(template) => {
            let names = template.split('/').zip(path.split('/'));
            let params: Vec<String> = names
                .filter(|(known, _)| is_placeholder(known))
                .map(|(name, value)| {
                    format!("{}: {}", &name[1..name.len() - 1], quoted(&filled(value)))
                })
                .collect();
            if !params.is_empty() {
                lines.push(format!("  path_params: {{ {} }}", params.join(", ")));
            }
        }
        None => {
            lines.push(format!("  method: {}", request.method));
            lines.push(format!("  path: {}", quoted(&filled(path))));
        }
    }
    let pairs: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| quoted(&filled(pair)))
        .collect();
    lines.push(format!("  params: [{}]", pairs.join(", ")));
    if !request
        .headers
        .iter()
        .any(|(name, _)| name == "authorization")
    {
        lines.push("  auth: false".to_owned());
    }
    match request.body.as_deref().filter(|body| !body.is_empty()) {
        None => lines.push("  request_body: null".to_owned()),
        Some(body) => match serde_json::from_str::<Value>(body) {
            // JSON is YAML.
            Ok(body) => lines.push(format!("  request_body: {}", fill_strings(body, &filled))),
            Err(_) => lines.push(format!("  raw_body: {}", quoted(&filled(body)))),
        },
    }
    lines.push(format!("  expected_status: {}", answer.status));
    let hidden = hidden_places(&sample.reference, answer);
    if !hidden.is_empty() {
        lines.push("  personal:".to_owned());
        lines.extend(
            hidden
                .iter()
                .map(|(place, class)| format!("    {}: {class}", quoted(place))),
        );
    }
    (lines, made_up.get())
}

/// Every string of `body` filled. Depth is bounded by the redactor.
fn fill_strings(body: Value, filled: &impl Fn(&str) -> String) -> Value {
    match body {
        Value::String(text) => Value::String(filled(&text)),
        Value::Array(items) => items
            .into_iter()
            .map(|item| fill_strings(item, filled))
            .collect(),
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, item)| (filled(&key), fill_strings(item, filled)))
                .collect(),
        ),
        other => other,
    }
}

/// A value of the class that belongs to nobody.
pub(crate) fn made_up_value(class: &str) -> &'static str {
    match class {
        "phone" => "010-0000-0000",
        "email" => "someone@example.invalid",
        "name" | "person" => "Somebody",
        "resident_number" => "000000-0000000",
        "passport" => "M00000000",
        "card" => "0000000000000000",
        "digits" | "number" => "0",
        "url" => "https://example.invalid",
        "hex" => "00000000",
        _ => "placeholder",
    }
}

/// Legacy's answer of an example, as far as it was kept.
fn answer(sample: &Sample) -> Result<Answer, AdoptError> {
    let stored = &sample.reference;
    let status = stored.status.ok_or(AdoptError::NoBody("missing"))?;
    let body = stored.body.as_deref().ok_or(AdoptError::NoExample)?;
    if stored.body_cut {
        return Err(AdoptError::NoBody("too long to be kept whole"));
    }
    if hidden_class(body).is_some() {
        return Err(AdoptError::NoBody("no JSON and therefore hidden"));
    }
    let body = match serde_json::from_str::<Value>(body) {
        Ok(value) => numbers_back(value).to_string(),
        Err(_) => body.to_owned(),
    };
    let headers = stored.headers.iter().filter(|(name, _)| {
        // The body is kept decoded.
        name != "content-encoding" && header_class(name) != HeaderClass::Ignored || name == "date"
    });
    Ok(Answer {
        status,
        headers: headers
            .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
            .collect(),
        body: Bytes::from(body),
    })
}

/// A hidden number is kept as a string; a mask asserts the type, so it must be a number again. Which
/// one does not matter, only that equal ones stay equal.
fn numbers_back(value: Value) -> Value {
    match value {
        Value::String(text) if hidden_class(&text).is_some() && text.contains(" number #") => {
            let digest = text.bytes().fold(7u32, |sum, byte| {
                sum.wrapping_mul(31).wrapping_add(u32::from(byte))
            });
            Value::from(digest)
        }
        Value::Array(items) => items.into_iter().map(numbers_back).collect(),
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, item)| (key, numbers_back(item)))
                .collect(),
        ),
        other => other,
    }
}

/// Places whose value is hidden, with `*` for every index, and their class.
fn hidden_places(stored: &StoredAnswer, answer: &Answer) -> BTreeMap<String, String> {
    let mut places = BTreeMap::new();
    for (name, value) in &answer.headers {
        let text = String::from_utf8_lossy(value);
        // A cookie's value is never written into a golden file anyway.
        if name != "set-cookie"
            && text.contains(" #")
            && replace_hidden(&text, |_| String::new()) != text
        {
            places.insert(format!("header:{name}"), "text".to_owned());
        }
    }
    let stored = stored.body.as_deref().unwrap_or_default();
    let Ok(body) = serde_json::from_str::<Value>(stored) else {
        return places;
    };
    let mut open = vec![(String::new(), &body)];
    while let Some((at, value)) = open.pop() {
        match value {
            Value::String(text) => {
                if let Some(class) = hidden_class(text) {
                    let at = if at.is_empty() { "body".to_owned() } else { at };
                    places.insert(at, class.to_owned());
                }
            }
            Value::Array(items) => open.extend(items.iter().map(|item| (format!("{at}/*"), item))),
            Value::Object(map) => open.extend(
                map.iter()
                    .filter(|(key, _)| hidden_class(key).is_none() && !is_index(key))
                    .map(|(key, item)| (child_pointer(&at, key), item)),
            ),
            _ => {}
        }
    }
    places
}

/// A YAML scalar in double quotes, which JSON's are.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Whether a line says something; a comment belongs to what follows it.
fn says_something(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

/// The line after the last one of the block that starts at `start`: what is indented deeper than
/// `indent` belongs to it.
fn block_end(lines: &[&str], start: usize, indent: usize) -> usize {
    let mut end = start + 1;
    for (at, line) in lines.iter().enumerate().skip(start + 1) {
        if says_something(line) {
            if indent_of(line) <= indent {
                break;
            }
            end = at + 1;
        }
    }
    end
}

fn insert_lines(lines: &[&str], at: usize, indent: usize, item: &[String]) -> String {
    let pad = " ".repeat(indent);
    let item = item.iter().map(|line| format!("{pad}{line}"));
    let before = lines[..at].iter().map(|line| (*line).to_owned());
    let after = lines[at..].iter().map(|line| (*line).to_owned());
    let all: Vec<String> = before.chain(item).chain(after).collect();
    all.join("\n") + "\n"
}

/// Adds a case to the endpoint whose `- id:` is on line `line`, from 1.
fn insert_case(text: &str, line: u64, item: &[String]) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let start = usize::try_from(line).ok()?.checked_sub(1)?;
    let first = lines.get(start)?;
    if !first.trim_start().starts_with("- ") {
        return None;
    }
    let indent = indent_of(first);
    let end = block_end(&lines, start, indent);
    let inner = indent + 2;
    let cases = (start + 1..end).find(|&at| {
        indent_of(lines[at]) == inner
            && lines[at].trim().split('#').next().map(str::trim) == Some("cases:")
    });
    let Some(cases) = cases else {
        let mut block = vec!["cases:".to_owned()];
        block.extend(item.iter().map(|line| format!("  {line}")));
        return Some(insert_lines(&lines, end, inner, &block));
    };
    let below = (cases + 1..end).find(|&at| says_something(lines[at]))?;
    let item_indent = indent_of(lines[below]);
    if !lines[below].trim_start().starts_with("- ") {
        return None;
    }
    let mut last = cases + 1;
    for (at, line) in lines.iter().enumerate().take(end).skip(cases + 1) {
        if says_something(line) {
            if indent_of(line) < item_indent
                || (indent_of(line) == item_indent && !line.trim_start().starts_with("- "))
            {
                break;
            }
            last = at + 1;
        }
    }
    Some(insert_lines(&lines, last, item_indent, item))
}

/// Adds an endpoint after the last one.
fn insert_endpoint(text: &str, item: &[String]) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines
        .iter()
        .position(|line| line.trim_end() == "endpoints:")?;
    let first = (start + 1..lines.len()).find(|&at| says_something(lines[at]))?;
    if !lines[first].trim_start().starts_with("- ") {
        return None;
    }
    let indent = indent_of(lines[first]);
    let mut end = first + 1;
    for (at, line) in lines.iter().enumerate().skip(first) {
        if says_something(line) {
            let ours = indent_of(line) > indent
                || (indent_of(line) == indent && line.trim_start().starts_with("- "));
            if !ours {
                break;
            }
            end = at + 1;
        }
    }
    let mut spaced = vec![String::new()];
    spaced.extend(item.iter().cloned());
    Some(
        insert_lines(&lines, end, indent, &spaced)
            .replace(&format!("\n{}\n", " ".repeat(indent)), "\n\n"),
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::evidence::tests::{Event, feed, redactor};
    use crate::evidence::{Memory, Recorder as _, record::Run};

    const CATALOGUE: &str = "# ours\ndata: synthetic\nendpoints:\n  - id: rooms_get\n    method: GET\n    path: /api/v1/rooms/{id}\n    path_params: { id: 1 }\n    expected_status: 200\n\n  # the last one\n  - id: my_get\n    method: GET\n    path: /api/v1/my\n    expected_status: 200\n    cases:\n      - id: again\n        description: once more # why not\n\njourneys: []\n";

    fn parse(text: &str) -> Catalogue {
        let today = jiff::civil::date(2026, 1, 12);
        Catalogue::parse(Path::new("c.yaml"), text, today).expect("a good catalogue")
    }

    fn adopted(endpoint: &str, path: &str) -> (Adoption, Catalogue) {
        let mut memory = Memory::new(Run::default(), redactor());
        let body = |id: u32| {
            format!(
                r#"{{"values":[{{"id":{id},"name":"Kim","phone":1012345678,"tags":["a{{b}}"]}}]}}"#
            )
        };
        let event = Event {
            endpoint: endpoint.to_owned(),
            ..Event::new(path, &body(1), &body(2))
        };
        feed(&mut |judged| memory.record(judged), &event);
        let evidence = memory.evidence();
        let (id, group) = evidence
            .ledger
            .groups
            .first_key_value()
            .expect("a difference");
        let adoption = adopt(&parse(CATALOGUE), CATALOGUE, id, group).expect("a case");
        let after = parse(&adoption.catalogue);
        (adoption, after)
    }

    #[test]
    fn a_case_is_added_to_its_endpoint_and_nothing_else_moves() {
        for (endpoint, path, case) in [
            (
                "rooms_get",
                "/api/v1/rooms/7?page=0&q=Kim",
                "rooms_get@live_",
            ),
            ("GET /api/v1/my", "/api/v1/my", "my_get@live_"),
            ("GET /api/v1/new", "/api/v1/new?page=0", "live_"),
        ] {
            let (adoption, after) = adopted(endpoint, path);
            assert!(adoption.case.starts_with(case), "{}", adoption.case);
            let added = after.cases.iter().find(|known| known.id == adoption.case);
            let added = added.unwrap_or_else(|| panic!("{}", adoption.catalogue));
            assert_eq!(added.expected, [200]);
            assert_eq!(added.masks.len(), 3, "name, phone and tags");
            assert_eq!(added.request.query.len(), path.matches(['?', '&']).count());
            for line in CATALOGUE.lines() {
                assert!(
                    adoption.catalogue.lines().any(|kept| kept == line),
                    "{line}"
                );
            }
            assert_eq!(after.cases.len(), parse(CATALOGUE).cases.len() + 1);
        }
        let (adoption, after) = adopted("rooms_get", "/api/v1/rooms/7?page=0&q=Kim");
        assert_eq!(adoption.made_up, 1, "{}", adoption.catalogue);
        let added = after
            .cases
            .iter()
            .find(|known| known.id == adoption.case)
            .expect("added");
        assert_eq!(added.request.path_params[0].1.source(), "7");
        assert!(!adoption.catalogue.contains("Kim"));
    }

    #[test]
    fn what_is_hidden_as_a_number_is_a_number_again() {
        let (adoption, _) = adopted("rooms_get", "/api/v1/rooms/7");
        let body: Value = serde_json::from_slice(&adoption.answer.body).expect("JSON");
        assert!(body["values"][0]["phone"].is_number(), "{body}");
        assert_eq!(body["values"][0]["id"], 1);
    }

    #[test]
    fn a_group_is_found_by_the_beginning_of_its_id() {
        let mut memory = Memory::new(Run::default(), redactor());
        feed(
            &mut |judged| memory.record(judged),
            &Event::new("/a", r#"{"a":1}"#, r#"{"a":2,"b":1}"#),
        );
        let groups = memory.evidence().ledger.groups;
        let id = groups.keys().next().expect("a group").clone();
        assert_eq!(
            find(&groups, &id[..6]).map(|(found, _)| found),
            Ok(id.as_str())
        );
        assert!(matches!(find(&groups, "x"), Err(AdoptError::NoGroup(_))));
        assert!(matches!(find(&groups, ""), Err(AdoptError::NoGroup(_))));
    }
}
