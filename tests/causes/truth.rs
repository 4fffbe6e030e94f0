//! Which switch a difference comes from: one that makes it alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use fixtures::rms::defects::{Defect, DefectSet};
use verifier::evidence::record::{Group, GroupKey, StatusPair};
use verifier::verdict::Kind;

use super::Shown;

/// Endpoint, both statuses, place, kind and relation; no statuses where another switch may have changed
/// them.
type Mark = (String, Option<StatusPair>, String, String, String);

fn mark(key: &GroupKey, with_statuses: bool) -> Mark {
    let relation = key.relation.as_ref();
    (
        key.endpoint.clone(),
        with_statuses.then_some(key.statuses),
        key.place.clone(),
        key.kind.to_string(),
        relation.map_or_else(String::new, |relation| relation.text.clone()),
    )
}

/// What each switch of a set makes alone.
pub(super) struct Truth {
    makers: BTreeMap<Mark, BTreeSet<Defect>>,
    planted: BTreeSet<Defect>,
}

/// The causes of several switches together, held against what each makes alone.
#[derive(Debug)]
pub(super) struct Weighed {
    causes: usize,
    /// Switches that show alone.
    planted: usize,
    /// Of these, the ones that most groups of some cause come from.
    pub(super) covered: usize,
    /// Share of the groups that come from the switch that most groups of their cause come from.
    pub(super) purity: f64,
    groups: usize,
    /// The same of groups that are no header field: many fields are missing in many answers, from one switch.
    pub(super) purity_without_fields: f64,
    groups_without_fields: usize,
    /// Causes that no single switch explains.
    pub(super) mixed: Vec<String>,
    /// Groups that no switch makes alone; they are left out of the share.
    pub(super) unknown: Vec<String>,
}

impl fmt::Display for Weighed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} causes for {} switches, {} of which lead one; purity {:.3} of {} groups, {:.3} of the {} that are no \
             header field; {} causes mixed, {} groups of no switch alone",
            self.causes,
            self.planted,
            self.covered,
            self.purity,
            self.groups,
            self.purity_without_fields,
            self.groups_without_fields,
            self.mixed.len(),
            self.unknown.len()
        )
    }
}

impl Truth {
    /// What `each` of the switches of `set` showed alone.
    pub(super) fn new(each: &BTreeMap<String, Shown>, set: DefectSet) -> Self {
        let mut truth = Self {
            makers: BTreeMap::new(),
            planted: BTreeSet::new(),
        };
        for defect in set.iter() {
            for group in each[defect.id()].groups.values() {
                truth.planted.insert(defect);
                for with_statuses in [true, false] {
                    let mark = mark(&group.key, with_statuses);
                    truth.makers.entry(mark).or_default().insert(defect);
                }
            }
        }
        truth
    }

    /// The switches that make a group; where none does with its statuses, those that do with others.
    fn makers(&self, group: &Group) -> Option<&BTreeSet<Defect>> {
        [true, false]
            .into_iter()
            .find_map(|with_statuses| self.makers.get(&mark(&group.key, with_statuses)))
    }

    /// Holds the causes against the truth.
    pub(super) fn weigh(&self, shown: &Shown) -> Weighed {
        let (mut right, mut groups) = ([0_u32; 2], [0_usize; 2]);
        let (mut mixed, mut unknown) = (Vec::new(), Vec::new());
        let mut covered = BTreeSet::new();
        for (name, members) in &shown.causes {
            let mut votes: BTreeMap<Defect, usize> = BTreeMap::new();
            let mut known = 0;
            for id in members {
                let group = &shown.groups[id];
                match self.makers(group) {
                    Some(makers) => {
                        known += 1;
                        for defect in makers {
                            *votes.entry(*defect).or_default() += 1;
                        }
                    }
                    None => {
                        let key = &group.key;
                        let relation = key.relation.as_ref().map_or("", |r| r.text.as_str());
                        unknown.push(format!(
                            "{} {} {} {} {relation}",
                            key.endpoint, key.statuses, key.place, key.kind
                        ));
                    }
                }
            }
            let most = votes.iter().max_by_key(|(_, count)| **count);
            let Some((&leader, &count)) = most else {
                continue;
            };
            covered.insert(leader);
            for id in members {
                let group = &shown.groups[id];
                let Some(makers) = self.makers(group) else {
                    continue;
                };
                let is_field = usize::from(group.key.kind == Kind::Header);
                groups[is_field] += 1;
                right[is_field] += u32::from(makers.contains(&leader));
            }
            if count < known {
                let mut votes: Vec<_> = votes.into_iter().collect();
                votes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
                let votes: Vec<String> = votes
                    .iter()
                    .map(|(defect, count)| format!("{defect} {count}"))
                    .collect();
                mixed.push(format!("{name}: {known} groups, {}", votes.join(", ")));
            }
        }
        Weighed {
            causes: shown.causes.len(),
            planted: self.planted.len(),
            covered: covered.len(),
            purity: f64::from(right[0] + right[1]) / (groups[0] + groups[1]) as f64,
            groups: groups[0] + groups[1],
            purity_without_fields: f64::from(right[0]) / groups[0] as f64,
            groups_without_fields: groups[0],
            mixed,
            unknown,
        }
    }
}
