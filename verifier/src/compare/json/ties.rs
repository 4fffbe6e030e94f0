//! Whether two arrays differ in their order only where a sort leaves it open.

use std::cmp::Ordering;

use crate::json::{Decimal, JsonType, Node};

/// Longer arrays are not looked through: their order counts as it is.
const MAX_ROWS: usize = 4_096;

/// The member by which both arrays are sorted in the same direction, if some of its values occur more
/// than once: where both hold the same values of it, rows can only have changed places among equals. A
/// member with one value throughout sorts nothing and is none.
pub(super) fn tied_by(a: Node<'_>, b: Node<'_>) -> Option<String> {
    if a.child_count() != b.child_count() || !(3..=MAX_ROWS).contains(&a.child_count()) {
        return None;
    }
    let first = a.elements().next()?;
    first.members().find_map(|(key, value)| {
        if value.kind().is_container() || value.kind() == JsonType::Null {
            return None;
        }
        let key = key.as_str();
        let column = |rows: Node<'_>| direction(rows, &key);
        let (ours, theirs) = (column(a)?, column(b)?);
        let same = ours == theirs
            && a.elements()
                .zip(b.elements())
                .all(|(x, y)| order(x.get(&key), y.get(&key)) == Some(Ordering::Equal));
        same.then(|| key.into_owned())
    })
}

/// In which direction rows are sorted by a member; `None` if they are not, if all values are equal, or
/// if none is equal to another.
fn direction(rows: Node<'_>, key: &str) -> Option<Ordering> {
    let (mut found, mut tied) = (None, false);
    let mut before: Option<Node<'_>> = None;
    for row in rows.elements() {
        let value = row.get(key)?;
        if let Some(before) = before {
            match order(Some(before), Some(value))? {
                Ordering::Equal => tied = true,
                step => {
                    if *found.get_or_insert(step) != step {
                        return None;
                    }
                }
            }
        }
        before = Some(value);
    }
    found.filter(|_| tied)
}

fn order(a: Option<Node<'_>>, b: Option<Node<'_>>) -> Option<Ordering> {
    let (a, b) = (a?, b?);
    match (a.kind(), b.kind()) {
        (JsonType::String, JsonType::String) => Some(a.as_str().cmp(&b.as_str())),
        (JsonType::Number, JsonType::Number) => {
            Decimal::parse(a.raw())?.partial_cmp(&Decimal::parse(b.raw())?)
        }
        (JsonType::Bool, JsonType::Bool) => Some(a.raw().cmp(b.raw())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    #[test]
    fn only_a_sort_that_leaves_an_order_open_makes_ties() {
        let x = r#"[{"id":1,"p":5},{"id":2,"p":5},{"id":3,"p":7}]"#;
        for (other, tied) in [
            (
                r#"[{"id":2,"p":5},{"id":1,"p":5},{"id":3,"p":7}]"#,
                Some("p"),
            ),
            // Not sorted by it any more.
            (r#"[{"id":3,"p":7},{"id":1,"p":5},{"id":2,"p":5}]"#, None),
            // Sorted, but of other values.
            (r#"[{"id":2,"p":5},{"id":1,"p":6},{"id":3,"p":7}]"#, None),
            (r#"[{"id":2,"p":5},{"id":1,"p":5}]"#, None),
            (r#"[{"id":2,"p":5},{"id":1},{"id":3,"p":7}]"#, None),
        ] {
            let (a, b) = (
                Document::parse(x.as_bytes()).expect("JSON"),
                Document::parse(other.as_bytes()).expect("JSON"),
            );
            assert_eq!(tied_by(a.root(), b.root()).as_deref(), tied, "{other}");
        }
        let constant = r#"[{"p":5,"id":2},{"p":5,"id":1},{"p":5,"id":3}]"#;
        let same = Document::parse(constant.as_bytes()).expect("JSON");
        assert_eq!(tied_by(same.root(), same.root()), None);
    }
}
