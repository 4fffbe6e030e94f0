//! Records what legacy answers as golden files.

use std::sync::Arc;

use serde_json::{Value, json};

use super::contents::{self, Beside};
use super::files::{GoldenDir, GoldenError};
use super::replay::exchange;
use super::run::{CaseRun, Outcome, Runner};
use super::snap::Snapshot;
use crate::catalogue::{Case, Catalogue, DataClass, RequestBody};
use crate::exchange::{Answer, Observation, Tokens};
use crate::json::{Document, JsonType};
use crate::normalise::personal;
use crate::place::child_pointer;
use crate::verdict::{Difference, judge};

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The golden file already says so.
    Unchanged,
    /// New or changed, waiting for review.
    Pending,
    /// New or changed, and written.
    Accepted,
    /// Not recorded, and why.
    Refused(String),
    /// Not run, and why.
    NotRun(String),
}

/// One case's record, in the catalogue's order.
#[derive(Clone, Debug)]
pub struct CaseRecord {
    /// Place in the catalogue.
    pub order: usize,
    /// Case id.
    pub case: String,
    /// `GET /api/v1/rooms?page=0`.
    pub request: String,
    /// What became of it.
    pub recorded: Recorded,
    /// Masked places whose value failed, shown raw in the file.
    pub warnings: Vec<String>,
}

/// Runs `selected` against legacy and writes golden files, pending ones unless `accept`.
pub async fn record(
    runner: Arc<Runner>,
    catalogue: &Catalogue,
    selected: &[usize],
    goldens: &GoldenDir,
    accept: bool,
    mut done: impl FnMut(&CaseRecord),
) -> Vec<CaseRecord> {
    let mut records = Vec::with_capacity(selected.len());
    runner
        .run(selected, |run| {
            let record = record_case(catalogue, goldens, accept, run);
            done(&record);
            records.push(record);
        })
        .await;
    records.sort_by_key(|record: &CaseRecord| record.order);
    records
}

fn record_case(
    catalogue: &Catalogue,
    goldens: &GoldenDir,
    accept: bool,
    run: CaseRun,
) -> CaseRecord {
    let case = &catalogue.cases[run.case];
    let mut record = CaseRecord {
        order: run.case,
        case: case.id.clone(),
        request: format!("{} {}", case.request.method, run.path),
        recorded: Recorded::Unchanged,
        warnings: Vec::new(),
    };
    let (observation, mask_failures, not_captured) = match run.outcome {
        Outcome::Answered {
            observation,
            mask_failures,
            not_captured,
        } => (observation, mask_failures, not_captured),
        Outcome::NotRun(reason) => {
            record.recorded = Recorded::NotRun(reason);
            return record;
        }
        Outcome::Blocked { by } => {
            record.recorded =
                Recorded::NotRun(format!("it needs a value that `{by}` did not give"));
            return record;
        }
        Outcome::Failed(reason) => {
            record.recorded = Recorded::Refused(reason);
            return record;
        }
    };
    record.warnings = mask_failures
        .iter()
        .map(|failure| format!("{} fails its mask: {}", failure.place, failure.reason))
        .collect();
    record.recorded = match &observation.answer {
        Err(failure) => Recorded::Refused(failure.to_string()),
        Ok(answer) => {
            if let Some(why) = unfit(catalogue, case, answer, &observation.tokens, &not_captured) {
                Recorded::Refused(why)
            } else {
                let snapshot = Snapshot {
                    source: goldens.source_of(&catalogue.source),
                    assertion_line: Some(case.line),
                    description: case.description.clone(),
                    expression: expression(case),
                    info: info(catalogue, case),
                    contents: contents_of(catalogue, goldens, case, &observation, answer),
                };
                keep(goldens, case, &snapshot, accept)
                    .unwrap_or_else(|error| Recorded::Refused(error.to_string()))
            }
        }
    };
    record
}

/// The answer as text. Where the golden file has another value that a rule tolerates (a total that
/// grows with every run), its own stays, so that recording twice changes nothing.
fn contents_of(
    catalogue: &Catalogue,
    goldens: &GoldenDir,
    case: &Case,
    observation: &Observation,
    answer: &Answer,
) -> String {
    let origin = observation.origin.as_deref();
    let Ok(Some(golden)) = goldens.read(&case.id) else {
        return contents::render(answer, &observation.tokens, origin, None);
    };
    let exchange = exchange(catalogue, case, "", &golden.masked, observation.clone());
    let verdict = judge(&exchange, &catalogue.rules);
    // A header that counts by its form alone (a request id) keeps the golden's value likewise.
    let tolerated = |place: &str| {
        let at = |difference: &Difference| difference.location.to_string() == place;
        let excused = verdict
            .notes
            .iter()
            .any(|note| note.rule.is_some() && at(note));
        excused || (place.starts_with("header:") && !verdict.findings.iter().any(at))
    };
    let beside = Beside {
        golden: &golden.masked,
        is_equal: &tolerated,
        to_read: false,
    };
    contents::render(answer, &observation.tokens, origin, Some(beside))
}

/// Why this answer must not become a golden file.
fn unfit(
    catalogue: &Catalogue,
    case: &Case,
    answer: &Answer,
    tokens: &Tokens,
    not_captured: &[String],
) -> Option<String> {
    if !case.expected.contains(&answer.status) {
        let expected: Vec<String> = case.expected.iter().map(u16::to_string).collect();
        return Some(format!(
            "legacy answered {}, the catalogue expects {}: correct `expected_status`, or the request",
            answer.status,
            expected.join(" or ")
        ));
    }
    if !not_captured.is_empty() {
        return Some(format!(
            "nothing to capture for `{}`: correct the place under `capture`",
            not_captured.join("`, `")
        ));
    }
    if catalogue.data == DataClass::Synthetic {
        return None;
    }
    personal_place(answer, tokens).map(|(place, shape)| {
        format!(
            "{place} seems to hold personal data ({}): add `personal: {{{place}: {}}}`, or declare `data: \
             synthetic` if nobody is behind it",
            shape.word(),
            shape.word()
        )
    })
}

/// The first unmarked place that looks personal.
fn personal_place(answer: &Answer, tokens: &Tokens) -> Option<(String, personal::Shape)> {
    for (name, value) in &answer.headers {
        let place = format!("header:{name}");
        if !tokens.0.contains_key(&place)
            && let Some(shape) = personal::find(&String::from_utf8_lossy(value))
        {
            return Some((place, shape));
        }
    }
    let Ok(document) = Document::parse(&answer.body) else {
        return personal::find(&String::from_utf8_lossy(&answer.body))
            .map(|shape| ("body".to_owned(), shape));
    };
    let mut open = vec![(String::new(), document.root())];
    while let Some((at, node)) = open.pop() {
        match node.kind() {
            JsonType::Object => {
                open.extend(
                    node.members()
                        .map(|(key, child)| (child_pointer(&at, &key.as_str()), child)),
                );
            }
            JsonType::Array => {
                let elements = node.elements().enumerate();
                open.extend(elements.map(|(index, child)| (format!("{at}/{index}"), child)));
            }
            JsonType::String | JsonType::Number if !tokens.0.contains_key(&at) => {
                let text = if node.kind() == JsonType::String {
                    node.as_str()
                } else {
                    node.raw().into()
                };
                if let Some(shape) = personal::find(&text) {
                    return Some((at, shape));
                }
            }
            _ => {}
        }
    }
    None
}

fn keep(
    goldens: &GoldenDir,
    case: &Case,
    snapshot: &Snapshot,
    accept: bool,
) -> Result<Recorded, GoldenError> {
    // A broken file is replaced like a changed one.
    let there = goldens
        .read(&case.id)
        .ok()
        .flatten()
        .map(|golden| golden.snapshot);
    let same = there.as_ref().is_some_and(|there| {
        there.contents == snapshot.contents.trim_end()
            && there.info == snapshot.info
            && there.expression == snapshot.expression
            && there.description == snapshot.description
            && there.source == snapshot.source
    });
    if same {
        goldens.remove_pending(&case.id)?;
        return Ok(Recorded::Unchanged);
    }
    if accept {
        goldens.write_golden(&case.id, snapshot)?;
        return Ok(Recorded::Accepted);
    }
    goldens.write_pending(&case.id, snapshot)?;
    Ok(Recorded::Pending)
}

/// Method and target of a case as a golden file shows them.
pub(crate) fn expression(case: &Case) -> String {
    format!("{} {}", case.request.method, request_target(case))
}

/// Path and query as the catalogue writes them: with placeholders, so that nothing volatile is kept.
fn request_target(case: &Case) -> String {
    let mut target = case.request.path.source_with(&case.request.path_params);
    for (at, (name, value)) in case.request.query.iter().enumerate() {
        target.push(if at == 0 { '?' } else { '&' });
        target.push_str(name.source());
        if let Some(value) = value {
            target.push('=');
            target.push_str(value.source());
        }
    }
    target
}

/// What a golden file says of where it comes from.
pub(crate) fn info(catalogue: &Catalogue, case: &Case) -> Value {
    let mut request = serde_json::Map::new();
    request.insert("method".to_owned(), json!(case.request.method));
    request.insert("path".to_owned(), json!(request_target(case)));
    if let Some(account) = &case.account {
        request.insert("account".to_owned(), json!(account));
    }
    if let RequestBody::Json(body) = &case.request.body {
        request.insert("body".to_owned(), without_secrets(body.source()));
    }
    json!({
        "endpoint": catalogue.endpoint_of(case).id,
        "case": case.id,
        "recorded_from": "legacy",
        "request": request,
    })
}

/// A golden file is shared more widely than the catalogue: passwords stay behind.
fn without_secrets(body: Value) -> Value {
    let is_secret = |key: &str| {
        let key = key.to_lowercase();
        ["password", "secret", "token", "credential"]
            .iter()
            .any(|word| key.contains(word))
    };
    match body {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| match value {
                    Value::String(text) if is_secret(&key) && !text.starts_with('{') => {
                        (key, json!("[secret]"))
                    }
                    value => (key, without_secrets(value)),
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_secrets).collect()),
        other => other,
    }
}
