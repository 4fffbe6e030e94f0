//! Where differences go: known ones become notes, all get their severity, and there is a bound.

use crate::relation::Relation;
use crate::rules::{AtPlace, RuleId, Rules};
use crate::severity::{self, Facts, Severity};
use crate::verdict::{Cause, Difference, Kind, Location, Outcome, Verdict};

use super::{MAX_EXCERPT_BYTES, MAX_FINDINGS, MAX_NOTES};

/// A verdict while it is written.
pub(super) struct Sink<'r> {
    rules: &'r Rules,
    verdict: Verdict,
    same_status_class: bool,
    is_error: bool,
}

/// A difference before rules and severity.
pub(super) struct Draft<'r> {
    pub(super) location: Location,
    /// The location with `*` for indexes, where it differs from the location.
    pub(super) group: Option<String>,
    pub(super) kind: Kind,
    pub(super) reference: Option<String>,
    pub(super) candidate: Option<String>,
    pub(super) relation: Option<Relation>,
    pub(super) detail: Option<String>,
    /// Whether the reference, and whether the candidate, has `null` there.
    pub(super) nulls: (bool, bool),
    /// Rules that hold at the place.
    pub(super) here: Option<&'r AtPlace>,
}

impl<'r> Sink<'r> {
    pub(super) fn new(rules: &'r Rules, reference: u16, candidate: u16) -> Self {
        Self {
            rules,
            verdict: Verdict::matching(),
            same_status_class: reference / 100 == candidate / 100,
            is_error: reference >= 400 && candidate >= 400,
        }
    }

    /// Whether both answers are errors.
    pub(super) fn is_error(&self) -> bool {
        self.is_error
    }

    /// Counts a rule that decided something.
    pub(super) fn fire(&mut self, rule: RuleId, times: u64) {
        let name = self.rules.name(rule);
        if let Some(count) = self.verdict.fired.get_mut(name) {
            *count += times;
        } else {
            self.verdict.fired.insert(name.to_owned(), times);
        }
    }

    /// Number of findings that are kept; at the bound others are only counted.
    pub(super) fn kept(&self) -> usize {
        self.verdict.findings.len()
    }

    /// Counts a finding without keeping it.
    pub(super) fn count_only(&mut self) {
        self.verdict.truncated_findings += 1;
    }

    /// Looks for a `known` rule for a difference; counts those that are for another kind.
    pub(super) fn known(
        &mut self,
        here: Option<&AtPlace>,
        kind: Kind,
        reference: Option<&str>,
        candidate: Option<&str>,
    ) -> Option<RuleId> {
        let known = &here?.known;
        let fits = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == found)
        };
        let hit = known.iter().find(|known| {
            known.kind == kind
                && fits(&known.reference, reference)
                && fits(&known.candidate, candidate)
        });
        if let Some(hit) = hit {
            return Some(hit.rule);
        }
        for stray in known {
            let name = self.rules.name(stray.rule).to_owned();
            *self.verdict.strayed.entry(name).or_default() += 1;
        }
        None
    }

    /// Adds a difference that counts, unless it is known.
    pub(super) fn add(&mut self, draft: Draft<'_>) {
        let found = (draft.reference.as_deref(), draft.candidate.as_deref());
        if let Some(rule) = self.known(draft.here, draft.kind, found.0, found.1) {
            self.fire(rule, 1);
            self.note(draft, Some(rule));
        } else {
            self.keep(draft);
        }
    }

    /// Adds a difference that counts and is not known.
    pub(super) fn keep(&mut self, draft: Draft<'_>) {
        if self.kept() >= MAX_FINDINGS {
            self.count_only();
        } else {
            let difference = self.difference(draft);
            self.verdict.findings.push(difference);
        }
    }

    /// Adds a difference that does not count. Repeats of one group and relation are counted only.
    pub(super) fn note(&mut self, draft: Draft<'_>, rule: Option<RuleId>) {
        let mut difference = self.difference(draft);
        difference.severity = Severity::Benign;
        if let Some(rule) = rule {
            difference.rule = Some(self.rules.name(rule).to_owned());
            let reason = self.rules.reason(rule).map(str::to_owned);
            difference.detail = reason.or(difference.detail);
        }
        let repeated = self.verdict.notes.iter().any(|kept| {
            kept.group == difference.group
                && kept.kind == difference.kind
                && kept.rule == difference.rule
                && kept.relation.as_ref().map(Relation::class)
                    == difference.relation.as_ref().map(Relation::class)
        });
        if repeated || self.verdict.notes.len() >= MAX_NOTES {
            self.verdict.truncated_notes += 1;
        } else {
            self.verdict.notes.push(difference);
        }
    }

    /// Counts notes that are like one that is kept.
    pub(super) fn repeated_notes(&mut self, times: u64) {
        self.verdict.truncated_notes += times;
    }

    fn difference(&mut self, draft: Draft<'_>) -> Difference {
        let location = draft.location.to_string();
        let name = match &draft.location {
            Location::Header(name) => name.clone(),
            Location::Pointer(pointer) => last_key(pointer),
            Location::Status | Location::Body => String::new(),
        };
        let mut severity = severity::severity(&Facts {
            kind: draft.kind,
            relation: draft.relation.as_ref(),
            name: &name,
            nulls: draft.nulls,
            same_status_class: self.same_status_class,
            is_error: self.is_error,
        });
        let mut rule = None;
        if let Some((set, by)) = draft.here.and_then(|here| here.severity) {
            severity = set;
            self.fire(by, 1);
            rule = Some(self.rules.name(by).to_owned());
        }
        Difference {
            group: draft.group.unwrap_or(location),
            location: draft.location,
            kind: draft.kind,
            reference: draft.reference,
            candidate: draft.candidate,
            relation: draft.relation,
            severity,
            rule,
            detail: draft.detail,
        }
    }

    pub(super) fn finish(mut self) -> Verdict {
        let counted = self.verdict.truncated_findings > 0;
        if counted || !self.verdict.findings.is_empty() {
            self.verdict.outcome = Outcome::Mismatch;
        }
        self.verdict
    }

    /// Ends without having seen everything: a mismatch if something was found, else nothing.
    pub(super) fn undecided(self, cause: Cause) -> Verdict {
        let mut verdict = self.finish();
        if verdict.outcome == Outcome::Match {
            verdict.outcome = Outcome::Inconclusive(cause);
        }
        verdict
    }
}

/// The last token of a pointer that is not an index: what a reader calls the field.
fn last_key(pointer: &str) -> String {
    let token = pointer
        .rsplit('/')
        .find(|token| !crate::place::is_index(token))
        .unwrap_or("");
    token.replace("~1", "/").replace("~0", "~")
}

/// A value as a report shows it: whole when short, else its start and its length.
pub(super) fn excerpt(text: &str) -> String {
    if text.len() <= MAX_EXCERPT_BYTES {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(MAX_EXCERPT_BYTES);
    format!("{}… ({} bytes)", &text[..end], text.len())
}
