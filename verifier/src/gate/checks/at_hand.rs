//! What must be at hand before core serves anyone.
#![deny(clippy::disallowed_methods)]

use super::router::{router, skew};
use super::{ATTESTATIONS, Seen, from, trouble_verdict};
use crate::gate::config::{GateConfig, is_open};
use crate::gate::criterion::{CriterionResult, Verdict, Weighs};
use crate::jwt::cell::Side;

/// What a rollback needs, and what else must be at hand.
pub(super) fn at_hand(seen: &Seen<'_>, config: &GateConfig, all: &mut Vec<CriterionResult>) {
    let open: Vec<&str> = config
        .contacts
        .iter()
        .filter(|(_, who)| is_open(who))
        .map(|(role, _)| role.as_str())
        .collect();
    let (verdict, why) = if config.contacts.is_empty() {
        (Verdict::NoData, "nobody is named".to_owned())
    } else if open.is_empty() {
        (Verdict::Pass, format!("{} named", config.contacts.len()))
    } else {
        (Verdict::Fail, format!("left open: {}", open.join(", ")))
    };
    all.push(
        CriterionResult::new("contacts", Weighs::Step, verdict)
            .source("gate.contacts")
            .why(why)
            .help("write down who is called, by role, such as `rollback: name and number`"),
    );
    for name in ATTESTATIONS {
        let (verdict, why) = match config.attestations.get(name) {
            None => (Verdict::NoData, "nobody answers for it".to_owned()),
            Some(attested) if is_open(&attested.by) => (Verdict::Fail, "left open".to_owned()),
            Some(attested) => {
                let day = attested.on.0;
                let last = day.saturating_add(jiff::Span::new().days(i64::from(attested.days)));
                if day > seen.today {
                    (Verdict::Fail, format!("{day} is in the future"))
                } else if last < seen.today {
                    (
                        Verdict::Fail,
                        format!(
                            "done on {day}: that is more than {} days ago",
                            attested.days
                        ),
                    )
                } else {
                    (Verdict::Pass, format!("by {} on {day}", attested.by))
                }
            }
        };
        all.push(
            CriterionResult::new(format!("attested.{name}"), Weighs::Step, verdict)
                .source(format!("gate.attestations.{name}"))
                .why(why)
                .help("do it, then write down who did it and when"),
        );
    }
    router(seen, config.legacy.replicas, all);
    match seen.preflight {
        None => {}
        Some(Err(error)) => all.push(
            CriterionResult::new("router.preflight", Weighs::Step, Verdict::Error)
                .source("router")
                .why(error.to_string()),
        ),
        Some(Ok(checks)) => all.extend(checks.iter().map(|check| {
            let verdict = if check.fault.is_some() {
                Verdict::Fail
            } else {
                Verdict::Pass
            };
            let mut result = CriterionResult::new(check.name.clone(), Weighs::Step, verdict)
                .source("router")
                .why(
                    check
                        .fault
                        .clone()
                        .unwrap_or_else(|| "as it must be".to_owned()),
                );
            result.query = Some(check.query.clone());
            result
        })),
    }
    // A gate that cannot see must not begin: legacy serves everything now, so its counts must be there.
    let told = seen.observation.last.get(&Side::Legacy);
    let (verdict, why) = match told.map(|told| &told.seen) {
        None => (
            Verdict::NoData,
            "no signal counts legacy's requests".to_owned(),
        ),
        Some(Err(trouble)) => (trouble_verdict(trouble.is_silence()), trouble.to_string()),
        Some(Ok(counts)) => (
            Verdict::Pass,
            format!(
                "legacy's requests are counted ({} in the last look)",
                counts.requests
            ),
        ),
    };
    all.push(
        from(CriterionResult::new("signals", Weighs::Step, verdict), told)
            .why(why)
            .help("name what counts live requests in `gate.signals`"),
    );
    skew(seen, all);
}
