#![deny(clippy::disallowed_methods)]
//! From a pattern of places to the values that stand there.

use crate::json::{Document, JsonType, Node};
use crate::place::{Place, Step, child_pointer};

/// Every exact place of `document` that `place` names, in the document's order.
///
/// Empty for `status` and headers, which are not in the body.
pub fn select<'d>(document: &'d Document<'_>, place: &Place) -> Vec<(String, Node<'d>)> {
    let steps = match place {
        Place::Pointer(steps) => steps.as_slice(),
        Place::Body => &[],
        Place::Status | Place::Header(_) => return Vec::new(),
    };
    let mut found = vec![(String::new(), document.root())];
    for step in steps {
        let mut next = Vec::new();
        for (at, node) in found {
            match (node.kind(), step) {
                (JsonType::Array, Step::AnyIndex) => next.extend(
                    node.elements()
                        .enumerate()
                        .map(|(index, child)| (format!("{at}/{index}"), child)),
                ),
                (JsonType::Array, Step::Key(index)) => {
                    let child = index
                        .parse()
                        .ok()
                        .and_then(|index: usize| node.elements().nth(index));
                    next.extend(child.map(|child| (format!("{at}/{index}"), child)));
                }
                (JsonType::Object, Step::Key(key)) => next.extend(
                    node.members()
                        .filter(|(name, _)| name.as_str() == key.as_str())
                        .map(|(name, child)| (child_pointer(&at, &name.as_str()), child)),
                ),
                _ => {}
            }
        }
        found = next;
    }
    found
}

/// Whether `place` can name at most one value.
pub fn is_exact(place: &Place) -> bool {
    match place {
        Place::Pointer(steps) => !steps.contains(&Step::AnyIndex),
        Place::Header(_) => true,
        Place::Status | Place::Body => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_in_document_order() {
        let text = br#"{"values":[{"id":1,"a/b":2},{"id":3}],"id":4}"#;
        let document = Document::parse(text).expect("JSON");
        for (place, expected) in [
            ("/values/*/id", "/values/0/id=1 /values/1/id=3"),
            ("/values/1/id", "/values/1/id=3"),
            ("/values/0/a~1b", "/values/0/a~1b=2"),
            ("/id", "/id=4"),
            ("/values/2/id", ""),
            ("/id/x", ""),
            ("header:id", ""),
        ] {
            let found: Vec<String> = select(&document, &place.parse().expect("a place"))
                .iter()
                .map(|(at, node)| format!("{at}={}", node.raw()))
                .collect();
            assert_eq!(found.join(" "), expected, "{place}");
        }
    }
}
