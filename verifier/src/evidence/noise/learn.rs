#![deny(clippy::disallowed_methods)]
//! From decided pairings to rules of the catalogue that a person may adopt.
//!
//! A rule outlives the traffic it came from, so less becomes a rule than is excused while a twin
//! watches: never structure, never more than one named place, never an order that leaves open which
//! order was meant.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;

use super::{Cell, Decision, Decisions, Manner};
use crate::evidence::record::{Evidence, Group, Sample, StoredAnswer};
use crate::exchange::{Answer, Exchange, Observation, Tokens};
use crate::json::{Document, JsonType, Node};
use crate::place::Place;
use crate::rules::{RuleSpec, Rules, TolerateSpec, TolerateWord};
use crate::verdict::judge;

/// A rule that the pairings speak for.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The rule, with its reason.
    pub rule: RuleSpec,
    /// Whether the comparison was run on a stored example with it: `None` where there is none.
    pub checked: Option<bool>,
}

/// A place that is noise and gets no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The endpoint.
    pub endpoint: String,
    /// The place.
    pub place: String,
    /// The manner in which it differs.
    pub manner: String,
    /// Why it gets none.
    pub reason: &'static str,
}

/// What was learnt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learnt {
    /// Rules to look at.
    pub proposals: Vec<Proposal>,
    /// Places that get none.
    pub refusals: Vec<Refusal>,
}

/// Keys that identify a row, as the comparison itself looks for them.
const ROW_KEYS: [&str; 4] = ["id", "key", "code", "name"];

/// Learns from all pairings. `knows` tells whether the catalogue has an endpoint; a rule for another
/// would never hold.
pub fn learn(evidence: &Evidence, knows: impl Fn(&str) -> bool) -> Learnt {
    let decisions = evidence.ledger.decisions();
    let mut places: BTreeMap<(&str, &str), Vec<(&String, &Cell)>> = BTreeMap::new();
    for (id, cell) in &evidence.ledger.noise.cells {
        let key = (cell.key.endpoint.as_str(), cell.key.place.as_str());
        places.entry(key).or_default().push((id, cell));
    }
    let mut learnt = Learnt::default();
    for ((endpoint, place), cells) in places {
        let manners: BTreeSet<&Manner> = cells
            .iter()
            .filter(|(_, cell)| cell.manner.may_be_noise())
            .map(|(_, cell)| &cell.manner)
            .collect();
        for manner in manners {
            match rule(
                evidence,
                &decisions,
                (endpoint, place),
                &cells,
                manner,
                &knows,
            ) {
                Ok(Some(proposal)) => learnt.proposals.push(proposal),
                Ok(None) => {}
                Err(reason) => learnt.refusals.push(Refusal {
                    endpoint: endpoint.to_owned(),
                    place: place.to_owned(),
                    manner: manner.text(),
                    reason,
                }),
            }
        }
    }
    learnt
}

/// The rule for a place in one manner; nothing where there is none to learn.
fn rule(
    evidence: &Evidence,
    decisions: &Decisions,
    (endpoint, place): (&str, &str),
    cells: &[(&String, &Cell)],
    manner: &Manner,
    knows: &impl Fn(&str) -> bool,
) -> Result<Option<Proposal>, &'static str> {
    let decision = |id: &String| decisions.cells.get(id).map(|judged| judged.decision);
    let own = || cells.iter().filter(|(_, cell)| cell.manner == *manner);
    // Legacy's own noise is worth a rule even where core happens to agree so far.
    let noise = own().any(|(id, cell)| match decision(id) {
        Some(Decision::Noise) => true,
        _ => cell.core() == 0 && cell.twin() > 0,
    });
    if !noise {
        let open = own().any(|(id, _)| decision(id) == Some(Decision::Undecided));
        return if open {
            Err("too few pairs to tell")
        } else {
            Ok(None)
        };
    }
    if own().map(|(_, cell)| cell.twin()).sum::<u64>() < super::decide::NOISE_SEEN {
        return Err("too few pairs to tell");
    }
    match manner {
        Manner::Presence | Manner::Null { .. } | Manner::Length => {
            return Err("structural: a rule would excuse a value that is gone for good");
        }
        Manner::Format { .. } => {
            return Err("structural: a rule would excuse another format, such as a lost zone");
        }
        Manner::Ties => {
            return Err(
                "ambiguous order: a rule would excuse a wrong sort as well; give the sort a last key",
            );
        }
        Manner::Line(_) => return Err("no place: a line of a text cannot be named"),
        _ => {}
    }
    // What a rule for the place would excuse must all be noise.
    let excused = |other: &Manner| matches!(other, Manner::Value | Manner::Order | Manner::Ties);
    let hides = cells.iter().any(|(id, cell)| {
        excused(&cell.manner) && cell.core() > 0 && decision(id) == Some(Decision::Finding)
    });
    if hides {
        return Err("core differs there otherwise: a rule would hide a finding");
    }
    if !knows(endpoint) {
        return Err("unresolved: the catalogue has no such endpoint");
    }
    if place.contains("{key}") || place.parse::<Place>().is_err() {
        return Err("no place: a key that looks like data cannot be named");
    }
    if place == "body" || (place.ends_with("/*") && *manner == Manner::Value) {
        return Err("over-broad: it would excuse every element; name a field");
    }
    let groups = evidence.ledger.groups.values();
    let samples: Vec<&Sample> = groups
        .filter(|group| group.key.endpoint == endpoint && group.key.place == place)
        .filter_map(|group: &Group| group.samples.first())
        .collect();
    let (twin, both): (u64, u64) = own().fold((0, 0), |(twin, both), (_, cell)| {
        (twin + cell.twin(), both + cell.both)
    });
    let mut rule = RuleSpec {
        at: place.to_owned(),
        endpoint: Some(endpoint.to_owned()),
        reason: Some(format!(
            "legacy differs from its own twin here: {twin} of {} pairs, {both} of them with core",
            evidence
                .ledger
                .endpoints
                .get(endpoint)
                .map_or(0, |record| record.tally.paired)
        )),
        ..RuleSpec::default()
    };
    if *manner == Manner::Order {
        match discipline(&samples, place) {
            Some(Discipline::Multiset) => rule.multiset = true,
            Some(Discipline::Keyed(key)) => rule.by = Some(key.to_owned()),
            None => return Err("ambiguous order: elements change as well and have no key"),
        }
    } else {
        rule.tolerate = Some(TolerateSpec::Word(TolerateWord::SameFormat));
    }
    let checked = check(&rule, &samples, (endpoint, place));
    if checked == Some(false) {
        return Err("final check: the comparison still finds a difference with the rule");
    }
    Ok(Some(Proposal { rule, checked }))
}

/// How an array is to be compared.
enum Discipline {
    Multiset,
    Keyed(&'static str),
}

/// Learns it from examples: keyed where a key is unique on both sides and the same, else a multiset
/// where both hold the same elements.
fn discipline(samples: &[&Sample], place: &str) -> Option<Discipline> {
    let mut found = None;
    for sample in samples {
        let bodies = (
            sample.reference.body.as_ref()?,
            sample.candidate.body.as_ref()?,
        );
        let (a, b) = (
            Document::parse(bodies.0.as_bytes()).ok()?,
            Document::parse(bodies.1.as_bytes()).ok()?,
        );
        for (ours, theirs) in arrays(a.root(), place)
            .into_iter()
            .zip(arrays(b.root(), place))
        {
            let key = ROW_KEYS.into_iter().find(|key| {
                let (x, y) = (column(ours, key), column(theirs, key));
                x.is_some() && x == y
            });
            let rows = |array: Node<'_>| {
                let mut rows: Vec<String> =
                    array.elements().map(|row| row.raw().to_owned()).collect();
                rows.sort_unstable();
                rows
            };
            found = match key {
                Some(key) => Some(Discipline::Keyed(key)),
                None if rows(ours) == rows(theirs) => Some(Discipline::Multiset),
                None => return None,
            };
        }
    }
    found
}

/// The values of a key over all rows, sorted; `None` unless each row has one and no two the same.
fn column(rows: Node<'_>, key: &str) -> Option<Vec<String>> {
    let mut values = rows
        .elements()
        .map(|row| {
            let value = row.get(key)?;
            (!value.kind().is_container() && value.kind() != JsonType::Null)
                .then(|| value.raw().to_owned())
        })
        .collect::<Option<Vec<_>>>()?;
    values.sort_unstable();
    let count = values.len();
    values.dedup();
    (count > 0 && values.len() == count).then_some(values)
}

/// The arrays at a place with `*` for every index.
fn arrays<'d>(root: Node<'d>, place: &str) -> Vec<Node<'d>> {
    let mut nodes = vec![root];
    let steps = match place {
        "body" => "",
        place => place,
    };
    for step in steps.split('/').skip(1) {
        nodes = nodes
            .into_iter()
            .flat_map(|node| match step {
                "*" => node.elements().collect::<Vec<_>>(),
                key => node
                    .get(&key.replace("~1", "/").replace("~0", "~"))
                    .into_iter()
                    .collect(),
            })
            .collect();
    }
    nodes.retain(|node| node.kind() == JsonType::Array);
    nodes
}

/// Runs the comparison on the stored examples with the rule: whether it accepts the place in all of
/// them.
fn check(rule: &RuleSpec, samples: &[&Sample], (endpoint, place): (&str, &str)) -> Option<bool> {
    let rules = Rules::compile(std::slice::from_ref(rule), None).ok()?;
    let mut checked = None;
    for sample in samples {
        let Some(exchange) = exchange(sample, endpoint) else {
            continue;
        };
        let at = |rules: &Rules| {
            let verdict = judge(&exchange, rules);
            verdict
                .findings
                .iter()
                .any(|finding| finding.group == place)
        };
        if at(&Rules::default()) {
            checked = Some(checked.unwrap_or(true) && !at(&rules));
        }
    }
    checked
}

/// The stored example as an exchange; its hidden values stay hidden.
fn exchange(sample: &Sample, endpoint: &str) -> Option<Exchange> {
    let side = |answer: &StoredAnswer| {
        let body = answer.body.as_ref().filter(|_| !answer.body_cut)?;
        let headers = answer
            .headers
            .iter()
            // What is kept is the decoded body.
            .filter(|(name, _)| name != "content-encoding")
            .map(|(name, value)| (name.clone(), value.clone().into_bytes()));
        Some(Observation {
            answer: Ok(Answer {
                status: answer.status?,
                headers: headers.collect(),
                body: Bytes::from(body.clone()),
            }),
            origin: None,
            tokens: Tokens::default(),
            latency: Duration::ZERO,
        })
    };
    Some(Exchange {
        endpoint: endpoint.to_owned(),
        case: endpoint.to_owned(),
        method: sample.request.method.clone(),
        path: sample.request.target.clone(),
        reference: side(&sample.reference)?,
        candidate: side(&sample.candidate)?,
    })
}
