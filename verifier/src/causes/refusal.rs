//! Whose refusal makes statuses differ. An error that says the same at several places is written at one place of
//! the program, whatever the other side answered; two that say different things hardly are.

#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use crate::evidence::record::Group;
use crate::json::{Document, JsonType};
use crate::verdict::Kind;

/// Members of an error that say what it is, the ones for programs first: those of problem details
/// ([RFC 9457, section 3.1](https://www.rfc-editor.org/rfc/rfc9457#section-3.1)) and of common frameworks.
const SAYS: [&str; 10] = [
    "code",
    "errorCode",
    "error_code",
    "type",
    "message",
    "msg",
    "error_description",
    "detail",
    "title",
    "error",
];
/// Most bytes of what stands for a body that is hidden as a whole.
const MAX_PAGE: usize = 200;

/// An answer that several groups of differences have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// Whether core gives it; otherwise legacy does, and core has no word against what was asked.
    pub by_core: bool,
    /// Its status.
    pub status: u16,
    /// What core answers where legacy refuses.
    pub instead: Option<u16>,
    /// What it says, redacted.
    pub says: String,
}

impl Refusal {
    /// What it says, as short as a table needs it: where the text is hidden, the mark that stands for it
    /// wherever it is shown.
    pub fn mark(&self) -> &str {
        // No text that stays in clear begins like that.
        let hidden = self.says.strip_prefix('[').and_then(|says| {
            let at = says.rfind('#')?;
            says[at..].strip_suffix(']')
        });
        hidden.unwrap_or(&self.says)
    }
}

/// For the groups whose statuses or error envelopes differ: the refusal behind them, if it is seen at others, too.
pub(super) fn refusals(groups: &[(&str, &Group)]) -> BTreeMap<usize, Refusal> {
    let all = groups.iter().enumerate();
    let mut found: BTreeMap<usize, Refusal> = all
        .filter_map(|(at, (_, group))| Some((at, refusal(group)?)))
        .collect();
    // A text that is seen once may be made for its request; whatever core says instead makes it no other one.
    let text = |one: &Refusal| (one.by_core, one.status, one.says.clone());
    let mut times: BTreeMap<_, usize> = BTreeMap::new();
    for refusal in found.values() {
        *times.entry(text(refusal)).or_default() += 1;
    }
    found.retain(|_, refusal| times[&text(refusal)] > 1);
    found
}

fn refusal(group: &Group) -> Option<Refusal> {
    let key = &group.key;
    let relation = key.relation.as_ref();
    let is_envelope = relation.is_some_and(|relation| relation.class == "error-envelope");
    if key.kind != Kind::Status && !is_envelope {
        return None;
    }
    let sample = group.samples.first()?;
    let by_core = |status| {
        let says = says(sample.candidate.body.as_ref()?)?;
        Some(Refusal {
            by_core: true,
            status,
            instead: None,
            says,
        })
    };
    let (legacy, core) = (key.statuses.reference, key.statuses.candidate?);
    // What fails within says nothing of what was asked.
    let refuses = |status: u16| (400..500).contains(&status);
    if refuses(core) {
        return by_core(core);
    }
    // One page for whatever is asked, or what legacy has a word against.
    let body = sample.candidate.body.as_ref();
    if refuses(legacy) && core < 400 && body.is_some_and(|body| is_page(body)) {
        return by_core(core);
    }
    if !refuses(legacy) || core >= 400 {
        return None;
    }
    Some(Refusal {
        by_core: false,
        status: legacy,
        instead: Some(core),
        says: says(sample.reference.body.as_ref()?)?,
    })
}

/// Whether a body is hidden as a whole, because it is no JSON.
fn is_page(body: &str) -> bool {
    body.starts_with('[') && body.len() <= MAX_PAGE && Document::parse(body.as_bytes()).is_err()
}

/// What an error says.
fn says(body: &str) -> Option<String> {
    if is_page(body) {
        return Some(body.to_owned());
    }
    let document = Document::parse(body.as_bytes()).ok()?;
    let root = document.root();
    if root.kind() != JsonType::Object {
        return None;
    }
    let said = SAYS.iter().find_map(|name| {
        let mut members = root.members();
        members.find(|(key, value)| key.as_str() == *name && value.kind() == JsonType::String)
    });
    said.map(|(_, value)| value.as_str().into_owned())
}
