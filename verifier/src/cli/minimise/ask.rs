//! Asks both services the same and looks for one difference.

use std::fmt;

use super::{Progress, Values};
use crate::causes::parts::filled;
use crate::client::{Outgoing, Target};
use crate::evidence::adopt::made_up_value;
use crate::evidence::collect::group_key;
use crate::evidence::record::{GroupKey, StatusPair, StoredRequest};
use crate::exchange::{Exchange, Observation};
use crate::ids::{IdMap, rewrite_body, rewrite_path, to_legacy, type_of_path, type_of_template};
use crate::report::live::curl;
use crate::rules::Rules;
use crate::verdict::judge;

/// Why there is no smaller request, or not the smallest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The difference is not there; with what was seen instead.
    NotShown(String),
    /// It is there, but not each time.
    ComesAndGoes,
    /// Legacy differs from itself in the same way.
    Noise,
    /// Legacy has no time for this.
    Overloaded(u16),
    /// Legacy gives no answer.
    NoAnswer(String),
    /// No more may be sent.
    Bound,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotShown(seen) => write!(f, "the difference does not show: {seen}"),
            Self::ComesAndGoes => f.write_str(
                "the difference comes and goes with the same request: it depends on something else, such as \
                 the time, a cache or what others write",
            ),
            Self::Noise => f.write_str(
                "legacy's own answers to the same request differ in this way: it is noise",
            ),
            Self::Overloaded(status) => {
                write!(f, "legacy answered {status}: stopped, to spare it; try again when it is quiet")
            }
            Self::NoAnswer(failure) => write!(f, "legacy: {failure}"),
            Self::Bound => f.write_str("the bound was reached: raise `--max-requests`"),
        }
    }
}

/// Both services and what is looked for.
pub(super) struct Services<'p> {
    pub(super) legacy: Target,
    pub(super) core: Target,
    /// Hidden values by place: legacy's, core's.
    pub(super) values: [Values; 2],
    pub(super) endpoint: String,
    /// The endpoint's path with its placeholders.
    pub(super) template: String,
    /// Which id of legacy is which of core.
    pub(super) ids: IdMap,
    pub(super) rules: Rules,
    pub(super) wanted: GroupKey,
    /// Requests that legacy got.
    pub(super) asked: u32,
    pub(super) bound: u32,
    pub(super) stopped: Option<Stop>,
    pub(super) progress: &'p Progress,
}

/// What the last look found instead.
#[derive(Debug, Default)]
struct Seen {
    shown: bool,
    statuses: String,
    findings: usize,
}

impl Services<'_> {
    /// Whether both answers to `request` show the difference.
    pub(super) async fn shows(&mut self, request: &StoredRequest) -> Result<bool, Stop> {
        let seen = self.look(request).await?;
        let shown = seen.shown;
        if !shown && self.stopped.is_none() && self.asked <= 2 {
            self.stopped = Some(Stop::NotShown(format!(
                "statuses {}, {} other differences",
                seen.statuses, seen.findings
            )));
        } else if shown {
            self.stopped = None;
        }
        Ok(shown)
    }

    /// Why the first look did not find it.
    pub(super) fn not_shown(&mut self) -> Stop {
        let nothing = || Stop::NotShown("both answers are alike".to_owned());
        self.stopped.take().unwrap_or_else(nothing)
    }

    async fn look(&mut self, request: &StoredRequest) -> Result<Seen, Stop> {
        self.begin()?;
        let legacy = self.outgoing(request, 0);
        let Some(core) = self.for_core(self.outgoing(request, 1)) else {
            // Core knows no such object; no client of the proxy would have been compared either.
            return Ok(Seen::default());
        };
        let (reference, candidate) = tokio::join!(self.legacy.send(&legacy), self.core.send(&core));
        self.progress.advance(&self.wanted.endpoint);
        let mut candidate = candidate.observation;
        self.as_legacy(&mut candidate);
        self.judge(&legacy, reference.observation, candidate)
    }

    /// Whether two answers of legacy differ in the same way.
    pub(super) async fn legacy_differs_from_itself(
        &mut self,
        request: &StoredRequest,
    ) -> Result<bool, Stop> {
        let legacy = self.outgoing(request, 0);
        self.begin()?;
        let first = self.legacy.send(&legacy).await;
        self.begin()?;
        let second = self.legacy.send(&legacy).await;
        let seen = self.judge(&legacy, first.observation, second.observation)?;
        Ok(seen.shown)
    }

    /// Counts a request before it is sent.
    fn begin(&mut self) -> Result<(), Stop> {
        if self.asked >= self.bound {
            return Err(Stop::Bound);
        }
        self.asked += 1;
        Ok(())
    }

    fn judge(
        &self,
        sent: &Outgoing,
        reference: Observation,
        candidate: Observation,
    ) -> Result<Seen, Stop> {
        let legacys = match &reference.answer {
            Ok(answer) => answer.status,
            Err(failure) => return Err(Stop::NoAnswer(failure.to_string())),
        };
        if matches!(legacys, 429 | 503) && legacys != self.wanted.statuses.reference {
            return Err(Stop::Overloaded(legacys));
        }
        let statuses = StatusPair {
            reference: legacys,
            candidate: candidate.answer.as_ref().ok().map(|answer| answer.status),
        };
        let exchange = Exchange {
            endpoint: self.endpoint.clone(),
            // As in live traffic.
            case: self.endpoint.clone(),
            method: sent.method.clone(),
            path: sent.path.clone(),
            reference,
            candidate,
        };
        let verdict = judge(&exchange, &self.rules);
        let shown = verdict.findings.iter().any(|finding| {
            let key = group_key(&self.endpoint, statuses, finding);
            // Its severity is a matter of the rules, which may be others today.
            GroupKey {
                severity: self.wanted.severity,
                ..key
            } == self.wanted
        });
        Ok(Seen {
            shown,
            statuses: statuses.to_string(),
            findings: verdict.findings.len(),
        })
    }

    /// The request as it is sent to a side (0 legacy, 1 core): hidden values as given, else made up.
    fn outgoing(&self, request: &StoredRequest, side: usize) -> Outgoing {
        let values = &self.values[side];
        let mut whole = filled(request, |place, class| match values.get(place) {
            Some(value) => value.clone(),
            None => made_up_value(class).to_owned(),
        });
        for (name, value) in &mut whole.headers {
            // Given with its scheme where the example has one already.
            if let Some((scheme, rest)) = value.split_once(' ')
                && let Some(rest) = rest.strip_prefix(scheme)
                && name == "authorization"
                && rest.starts_with(' ')
            {
                *value = format!("{scheme}{rest}");
            }
        }
        Outgoing {
            method: whole.method,
            path: curl::encode(&whole.target),
            headers: whole.headers,
            body: whole.body.map(String::into_bytes),
        }
    }

    /// With core's ids instead of legacy's; `None` where it is about an object that core does not have.
    fn for_core(&self, mut outgoing: Outgoing) -> Option<Outgoing> {
        let kind = type_of_template(&self.template);
        if let Some(path) = rewrite_path(&outgoing.path, &self.template, &self.ids).ok()? {
            outgoing.path = path;
        }
        if let Some(body) = &outgoing.body
            && let Some(body) = rewrite_body(body, &kind, &self.ids, |_| None).ok()?
        {
            outgoing.body = Some(body);
        }
        Some(outgoing)
    }

    /// Core's answer with legacy's ids instead of its own.
    fn as_legacy(&self, observation: &mut Observation) {
        let Ok(answer) = &mut observation.answer else {
            return;
        };
        let kind = type_of_template(&self.template);
        if let Some(body) = to_legacy(&answer.body, &kind, &self.ids, |_| None) {
            answer.body = body.into();
        }
        for (name, value) in &mut answer.headers {
            if name == "location"
                && let Ok(text) = std::str::from_utf8(value)
                && let Some((kind, id)) = type_of_path(text)
                && let Some(legacy) = self.ids.to_legacy(&kind, id)
            {
                let stem = &text[..text.len() - id.len()];
                *value = format!("{stem}{legacy}").into_bytes();
            }
        }
    }
}
