use super::*;

fn rules(text: &str) -> Result<Rules, RuleError> {
    let specs: Vec<RuleSpec> = serde_saphyr::from_str(text).expect("rules of this shape");
    Rules::compile(&specs, Some(jiff::civil::date(2026, 6, 1)))
}

#[test]
fn a_place_gathers_every_rule_that_covers_it() {
    let rules = rules(
        "- {at: /values/*/id, tolerate: any}\n\
         - {at: /values/0/id, severity: benign}\n\
         - {at: /values/*/x/id, severity: benign, endpoint: rooms_list}\n",
    )
    .expect("sound rules");
    let set = rules.of("anything");
    let values = set.key(set.root(), "values");
    let first = set.key(set.index(values, 0), "id");
    let second = set.key(set.index(values, 1), "id");
    let here = set.here(first).expect("two rules");
    assert!(here.severity.is_some() && here.tolerate.len() == 1);
    let here = set.here(second).expect("one rule");
    assert!(here.severity.is_none() && here.tolerate.len() == 1);
    assert_eq!(
        set.key(set.key(values, "0"), "x"),
        State::NONE,
        "an object's key `0`"
    );
    let set = rules.of("rooms_list");
    let x = set.key(set.index(set.key(set.root(), "values"), 7), "x");
    assert!(set.here(set.key(x, "id")).is_some());
}

#[test]
fn rules_that_cannot_be_meant_are_refused() {
    for (text, part) in [
        ("- {at: body, tolerate: any}", "the whole body"),
        ("- {at: /*, severity: benign}", "every element"),
        ("- {at: values, tolerate: any}", "rule 1"),
        ("- {at: /a}", "exactly one"),
        ("- {at: /a, multiset: true, by: id}", "exactly one"),
        ("- {at: status, multiset: true}", "JSON body only"),
        ("- {at: /a, compare: ignore}", "header:NAME"),
        ("- {at: status, tolerate: any}", "known"),
        ("- {at: /a, tolerate: {abs: -1}}", "not negative"),
        ("- {at: /a, tolerate: {abs: 1, seconds: 1}}", "{abs: 1}"),
        ("- {at: /a, equal: [null, null]}", "two different"),
        (
            "- {at: /a, known: {kind: order, reason: r, owner: o, ticket: '', expires: 2027-01-01}}",
            "`ticket`",
        ),
        (
            "- {at: /a, known: {kind: order, reason: r, owner: o, ticket: t, expires: soon}}",
            "no day",
        ),
        (
            "- {at: /a, id: x, tolerate: any}\n- {at: /b, id: x, tolerate: any}",
            "its own",
        ),
    ] {
        let error = rules(text).expect_err(text).to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
    for text in [
        "- {at: /a, tolerates: any}",
        "- {at: /a, known: {kind: other}}",
    ] {
        assert!(
            serde_saphyr::from_str::<Vec<RuleSpec>>(text).is_err(),
            "{text}"
        );
    }
}

#[test]
fn a_known_difference_holds_to_its_last_day() {
    for (expires, debts) in [("2026-05-31", 1), ("2026-06-01", 0)] {
        let text = format!(
            "- {{at: /a, id: k, known: {{kind: order, reason: r, owner: o, ticket: t, \
             expires: {expires}}}}}"
        );
        let rules = rules(&text).expect("sound rules");
        let fired = BTreeMap::from([("k".to_owned(), 1)]);
        assert_eq!(
            rules.debt(&fired, &BTreeMap::new()).len(),
            debts,
            "{expires}"
        );
    }
}
