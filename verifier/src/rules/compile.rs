//! From a list of rules to an automaton over places.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;

use super::spec::{
    HeaderPolicy, KnownSpec, NumberFormat, Presence, RuleSpec, TolerateSpec, TolerateWord,
};
use super::{RuleInfo, Rules};
use crate::json::Decimal;
use crate::place::{Place, PlaceError, Step};
use crate::severity::Severity;
use crate::verdict::Kind;

/// Position of a rule in the list.
pub(crate) type RuleId = u32;

/// A state of the automaton: all the rules that may still hold below a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State(u32);

impl State {
    /// No rule holds here or below.
    pub(crate) const NONE: Self = Self(0);
}

/// More states than this come only from rules that multiply each other's indexes.
const MAX_STATES: usize = 10_000;

/// Why a list of rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The place is malformed.
    #[error("rule {number} (`{id}`)")]
    Place {
        /// Position in the list, from 1.
        number: usize,
        /// Name of the rule.
        id: String,
        /// What is wrong with the place.
        source: PlaceError,
    },
    /// The rule would excuse far more than anyone looked at.
    #[error(
        "rule {number} (`{id}`): `{place}` covers {covers}; name the field, such as `/values/*/createdAt`"
    )]
    TooBroad {
        /// Position in the list, from 1.
        number: usize,
        /// Name of the rule.
        id: String,
        /// The place as written.
        place: String,
        /// What it would cover.
        covers: &'static str,
    },
    /// The rule contradicts itself, or cannot hold where it stands.
    #[error("rule {number} (`{id}`): {what}")]
    Invalid {
        /// Position in the list, from 1.
        number: usize,
        /// Name of the rule.
        id: String,
        /// What is wrong, and what to write.
        what: String,
    },
    /// The places overlap in too many ways.
    #[error("the rules' places overlap in more than {MAX_STATES} ways: use `*` for indexes")]
    TooMany,
}

impl RuleError {
    /// Position of the rule that is at fault, from 1; of none where all of them together are.
    pub fn number(&self) -> Option<usize> {
        match self {
            Self::Place { number, .. }
            | Self::TooBroad { number, .. }
            | Self::Invalid { number, .. } => Some(*number),
            Self::TooMany => None,
        }
    }
}

/// How far values at a place may differ.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tolerance {
    Any,
    SameFormat,
    /// A number, as text.
    Abs(String),
    /// Nanoseconds.
    Time(i128),
}

/// A known difference, ready.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    pub(crate) rule: RuleId,
    pub(crate) kind: Kind,
    pub(crate) reference: Option<String>,
    pub(crate) candidate: Option<String>,
}

/// How an array's elements find their partners.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pairing {
    Multiset,
    By(String),
}

/// All that holds at one place.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AtPlace {
    pub(crate) pairing: Option<(Pairing, RuleId)>,
    pub(crate) tolerate: Vec<(Tolerance, RuleId)>,
    pub(crate) equal: Vec<([Presence; 2], RuleId)>,
    pub(crate) number_format: Option<RuleId>,
    pub(crate) compare: Option<(HeaderPolicy, RuleId)>,
    pub(crate) severity: Option<(Severity, RuleId)>,
    pub(crate) known: Vec<Known>,
}

impl AtPlace {
    /// Takes over what a later rule adds; where both set one thing, the later holds.
    fn add(&mut self, other: &Self) {
        self.pairing = other.pairing.clone().or(self.pairing.take());
        self.tolerate.extend(other.tolerate.iter().cloned());
        self.equal.extend(other.equal.iter().copied());
        self.number_format = other.number_format.or(self.number_format);
        self.compare = other.compare.or(self.compare);
        self.severity = other.severity.or(self.severity);
        self.known.extend(other.known.iter().cloned());
    }

    /// Whether two different values may pass as equal here, or form counts here: then a value's hash
    /// says nothing about equality.
    pub(crate) fn loosens(&self) -> bool {
        !self.tolerate.is_empty() || !self.equal.is_empty()
    }

    /// The rule that makes two ways of having no value equal.
    pub(crate) fn equates(&self, a: Presence, b: Presence) -> Option<RuleId> {
        self.equal
            .iter()
            .find(|(pair, _)| *pair == [a, b] || *pair == [b, a])
            .map(|(_, rule)| *rule)
    }
}

/// The rules of one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct RuleSet {
    nodes: Vec<AutomatonNode>,
    headers: BTreeMap<String, AtPlace>,
    status: AtPlace,
    body: AtPlace,
    root: State,
}

#[derive(Clone, Debug, Default)]
struct AutomatonNode {
    /// Few keys a state: looking through them beats hashing.
    keys: Vec<(String, State)>,
    indexes: Vec<(usize, State)>,
    any_index: Option<State>,
    here: Option<Box<AtPlace>>,
}

impl RuleSet {
    pub(crate) fn empty() -> Self {
        Self {
            nodes: vec![AutomatonNode::default()],
            headers: BTreeMap::new(),
            status: AtPlace::default(),
            body: AtPlace::default(),
            root: State::NONE,
        }
    }

    /// The state at the root of a body.
    pub(crate) fn root(&self) -> State {
        self.root
    }

    pub(crate) fn status(&self) -> &AtPlace {
        &self.status
    }

    pub(crate) fn body(&self) -> &AtPlace {
        &self.body
    }

    pub(crate) fn header(&self, name: &str) -> Option<&AtPlace> {
        self.headers.get(name)
    }

    /// What holds at a place inside the body.
    #[inline]
    pub(crate) fn here(&self, state: State) -> Option<&AtPlace> {
        self.nodes[state.0 as usize].here.as_deref()
    }

    /// The state below a key, unescaped.
    #[inline]
    pub(crate) fn key(&self, state: State, key: &str) -> State {
        if state == State::NONE {
            return State::NONE;
        }
        let keys = &self.nodes[state.0 as usize].keys;
        keys.iter()
            .find(|(name, _)| name == key)
            .map_or(State::NONE, |(_, to)| *to)
    }

    /// The state below an index.
    #[inline]
    pub(crate) fn index(&self, state: State, index: usize) -> State {
        if state == State::NONE {
            return State::NONE;
        }
        let node = &self.nodes[state.0 as usize];
        match node.indexes.iter().find(|(at, _)| *at == index) {
            Some((_, to)) => *to,
            None => node.any_index.unwrap_or(State::NONE),
        }
    }

    /// Keys at which rules loosen what may be absent: a key that one side lacks is looked up here.
    pub(crate) fn is_none(&self) -> bool {
        self.root == State::NONE
    }
}

/// A rule with its place, parsed.
struct Placed {
    place: Place,
    endpoints: Vec<String>,
    at: AtPlace,
}

pub(super) fn compile(specs: &[RuleSpec], today: Option<Date>) -> Result<Rules, RuleError> {
    let mut placed = Vec::new();
    let mut infos = Vec::new();
    let mut seen = BTreeSet::new();
    for (position, spec) in specs.iter().enumerate() {
        let number = position + 1;
        let mut id = spec.id.clone().unwrap_or_else(|| default_id(spec));
        if !seen.insert(id.clone()) {
            if spec.id.is_some() {
                return Err(RuleError::Invalid {
                    number,
                    what: "another rule has this id; give each its own".to_owned(),
                    id,
                });
            }
            id = format!("{id} (rule {number})");
            seen.insert(id.clone());
        }
        let rule = RuleId::try_from(position).map_err(|_| RuleError::TooMany)?;
        let (one, expired) = place_rule(spec, number, &id, rule, today)?;
        let known_reason = spec.known.as_ref().map(|known| known.reason.clone());
        infos.push(RuleInfo {
            reason: known_reason.or_else(|| spec.reason.clone()),
            id,
            expired,
            known: spec.known.is_some(),
        });
        if expired.is_none() {
            placed.push(one);
        }
    }
    let names: BTreeSet<&String> = placed.iter().flat_map(|p| &p.endpoints).collect();
    let general = |p: &&Placed| p.endpoints.is_empty();
    let base = build(&placed.iter().filter(general).collect::<Vec<_>>())?;
    let mut endpoints = BTreeMap::new();
    for name in names {
        // The endpoint's own rules come last, so they hold where both say something.
        let mut rules: Vec<&Placed> = placed.iter().filter(general).collect();
        rules.extend(placed.iter().filter(|p| p.endpoints.contains(name)));
        endpoints.insert(name.clone(), build(&rules)?);
    }
    Ok(Rules {
        base,
        endpoints,
        infos,
    })
}

fn default_id(spec: &RuleSpec) -> String {
    let action = match spec {
        RuleSpec { multiset: true, .. } => "multiset".to_owned(),
        RuleSpec { by: Some(key), .. } => format!("by {key}"),
        RuleSpec {
            tolerate: Some(_), ..
        } => "tolerate".to_owned(),
        RuleSpec {
            equal: Some([a, b]),
            ..
        } => format!("{} = {}", a.name(), b.name()),
        RuleSpec {
            number_format: Some(_),
            ..
        } => "number_format".to_owned(),
        RuleSpec {
            compare: Some(_), ..
        } => "compare".to_owned(),
        RuleSpec {
            severity: Some(_), ..
        } => "severity".to_owned(),
        RuleSpec {
            known: Some(known), ..
        } => format!("known {}", known.ticket),
        _ => String::new(),
    };
    let scope = spec
        .endpoint
        .iter()
        .chain(&spec.endpoints)
        .fold(String::new(), |mut all, name| {
            all.push_str(name);
            all.push(' ');
            all
        });
    format!("{scope}{} {action}", spec.at)
}

fn place_rule(
    spec: &RuleSpec,
    number: usize,
    id: &str,
    rule: RuleId,
    today: Option<Date>,
) -> Result<(Placed, Option<Date>), RuleError> {
    let invalid = |what: &str| RuleError::Invalid {
        number,
        id: id.to_owned(),
        what: what.to_owned(),
    };
    let place: Place = spec.at.parse().map_err(|source| RuleError::Place {
        number,
        id: id.to_owned(),
        source,
    })?;

    let actions = [
        spec.multiset,
        spec.by.is_some(),
        spec.tolerate.is_some(),
        spec.equal.is_some(),
        spec.number_format.is_some(),
        spec.compare.is_some(),
        spec.severity.is_some(),
        spec.known.is_some(),
    ];
    if actions.iter().filter(|given| **given).count() != 1 {
        return Err(invalid(
            "give exactly one of `multiset`, `by`, `tolerate`, `equal`, `number_format`, `compare`, \
             `severity`, `known`",
        ));
    }
    let pairs = spec.multiset || spec.by.is_some();
    if !pairs && let Some(covers) = place.too_broad() {
        let place = spec.at.clone();
        return Err(RuleError::TooBroad {
            number,
            id: id.to_owned(),
            place,
            covers,
        });
    }
    let in_body = matches!(place, Place::Body | Place::Pointer(_));
    if !in_body && (pairs || spec.equal.is_some() || spec.number_format.is_some()) {
        return Err(invalid(
            "this holds inside a JSON body only; write a JSON Pointer in `at`",
        ));
    }
    if spec.compare.is_some() && !matches!(place, Place::Header(_)) {
        return Err(invalid(
            "`compare` holds for headers; write `at: header:NAME`",
        ));
    }
    if place == Place::Status && spec.tolerate.is_some() {
        return Err(invalid(
            "a status is right or wrong; use `known` for one that is accepted",
        ));
    }

    let mut at = AtPlace::default();
    let mut expired = None;
    if spec.multiset {
        at.pairing = Some((Pairing::Multiset, rule));
    }
    if let Some(key) = &spec.by {
        at.pairing = Some((Pairing::By(key.clone()), rule));
    }
    if let Some(tolerate) = &spec.tolerate {
        at.tolerate
            .push((tolerance(tolerate).map_err(|what| invalid(&what))?, rule));
    }
    if let Some(pair) = spec.equal {
        if pair[0] == pair[1] {
            return Err(invalid(
                "`equal` takes two different ones, such as `[null, absent]`",
            ));
        }
        at.equal.push((pair, rule));
    }
    if spec.number_format == Some(NumberFormat::Finding) {
        at.number_format = Some(rule);
    }
    if let Some(policy) = spec.compare {
        at.compare = Some((policy, rule));
    }
    if let Some(severity) = spec.severity {
        at.severity = Some((severity, rule));
    }
    if let Some(known) = &spec.known {
        let last_day = expiry(known).map_err(|what| invalid(&what))?;
        expired = today.filter(|&day| day > last_day).map(|_| last_day);
        at.known.push(Known {
            rule,
            kind: known.kind,
            reference: known.reference.clone(),
            candidate: known.candidate.clone(),
        });
    }
    let endpoints = spec
        .endpoint
        .iter()
        .chain(&spec.endpoints)
        .cloned()
        .collect();
    Ok((
        Placed {
            place,
            endpoints,
            at,
        },
        expired,
    ))
}

fn tolerance(spec: &TolerateSpec) -> Result<Tolerance, String> {
    match spec {
        TolerateSpec::Word(TolerateWord::Any) => Ok(Tolerance::Any),
        TolerateSpec::Word(TolerateWord::SameFormat) => Ok(Tolerance::SameFormat),
        TolerateSpec::Measure(measure) => match (measure.abs, measure.seconds) {
            (Some(abs), None) if abs.is_finite() && abs >= 0.0 => {
                // The shortest text of the double is what was written, for any bound a person writes.
                let text = format!("{abs}");
                match Decimal::parse(&text) {
                    Some(_) => Ok(Tolerance::Abs(text)),
                    None => Err(format!("`{text}` is no bound")),
                }
            }
            (None, Some(seconds)) if (0.0..1e9).contains(&seconds) => {
                #[allow(clippy::cast_possible_truncation)] // below 1e18
                Ok(Tolerance::Time((seconds * 1e9).round() as i128))
            }
            _ => Err("a bound is `{abs: 1}` or `{seconds: 5}`, not negative".to_owned()),
        },
    }
}

fn expiry(known: &KnownSpec) -> Result<Date, String> {
    for (name, text) in [
        ("reason", &known.reason),
        ("owner", &known.owner),
        ("ticket", &known.ticket),
    ] {
        if text.trim().is_empty() {
            return Err(format!("`{name}` of a known difference must not be empty"));
        }
    }
    known
        .expires
        .parse()
        .map_err(|_| format!("`expires: {}` is no day; write `2027-01-01`", known.expires))
}

/// A tree of patterns, and then the automaton of all sets of its nodes that can be reached at once.
fn build(rules: &[&Placed]) -> Result<RuleSet, RuleError> {
    let mut set = RuleSet::empty();
    let mut tree = vec![Pattern::default()];
    for rule in rules {
        match &rule.place {
            Place::Status => set.status.add(&rule.at),
            Place::Header(name) => set.headers.entry(name.clone()).or_default().add(&rule.at),
            Place::Body => {
                set.body.add(&rule.at);
                tree[0].here.add(&rule.at);
            }
            Place::Pointer(steps) => {
                let mut node = 0;
                for step in steps {
                    node = if let Some(&next) = tree[node].next.get(step) {
                        next
                    } else {
                        tree.push(Pattern::default());
                        let new = tree.len() - 1;
                        tree[node].next.insert(step.clone(), new);
                        new
                    };
                }
                tree[node].here.add(&rule.at);
            }
        }
    }
    if tree.len() == 1 && tree[0].here == AtPlace::default() {
        return Ok(set);
    }
    let mut known: HashMap<Vec<usize>, State> = HashMap::new();
    let mut todo = Vec::new();
    set.root = state_of(&mut set.nodes, &mut known, &mut todo, vec![0]);
    while let Some((members, state)) = todo.pop() {
        if set.nodes.len() > MAX_STATES {
            return Err(RuleError::TooMany);
        }
        let mut here = AtPlace::default();
        let mut keys: BTreeSet<&String> = BTreeSet::new();
        for &member in &members {
            here.add(&tree[member].here);
            keys.extend(tree[member].next.keys().filter_map(|step| match step {
                Step::Key(key) => Some(key),
                Step::AnyIndex => None,
            }));
        }
        let follow = |step: &Step| -> Vec<usize> {
            members
                .iter()
                .filter_map(|&m| tree[m].next.get(step).copied())
                .collect()
        };
        let stars = follow(&Step::AnyIndex);
        let mut node = AutomatonNode::default();
        for key in keys {
            let exact = follow(&Step::Key(key.clone()));
            // In an array the index `0` is met by `0` and by `*`; in an object only by `0`.
            if crate::place::is_index(key)
                && let Ok(index) = key.parse()
            {
                let mut both = exact.clone();
                both.extend(&stars);
                both.sort_unstable();
                let to = state_of(&mut set.nodes, &mut known, &mut todo, both);
                node.indexes.push((index, to));
            }
            let to = state_of(&mut set.nodes, &mut known, &mut todo, exact);
            node.keys.push((key.clone(), to));
        }
        if !stars.is_empty() {
            node.any_index = Some(state_of(&mut set.nodes, &mut known, &mut todo, stars));
        }
        if here != AtPlace::default() {
            node.here = Some(Box::new(here));
        }
        set.nodes[state.0 as usize] = node;
    }
    Ok(set)
}

#[derive(Default)]
struct Pattern {
    next: BTreeMap<Step, usize>,
    here: AtPlace,
}

fn state_of(
    nodes: &mut Vec<AutomatonNode>,
    known: &mut HashMap<Vec<usize>, State>,
    todo: &mut Vec<(Vec<usize>, State)>,
    members: Vec<usize>,
) -> State {
    if let Some(&state) = known.get(&members) {
        return state;
    }
    // MAX_STATES keeps the count far below 2^32; the loop that calls this checks it.
    let state = State(u32::try_from(nodes.len()).unwrap_or(0));
    nodes.push(AutomatonNode::default());
    known.insert(members.clone(), state);
    todo.push((members, state));
    state
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
