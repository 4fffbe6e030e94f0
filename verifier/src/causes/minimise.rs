//! From a request that shows a difference to the smallest one that still does.
//!
//! Nothing is sent here: whoever asks is given requests to try, one after the other, and says of each
//! whether the same difference is there.

#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use super::parts::Parts;
use super::reduce::Reduction;
use crate::evidence::record::StoredRequest;

/// What is left of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minimised {
    /// The smallest request found.
    pub request: StoredRequest,
    /// Places of the parts that are left.
    pub needed: Vec<String>,
    /// Places of the parts that are not needed.
    pub left_away: Vec<String>,
    /// Places whose value is shorter now.
    pub shortened: Vec<String>,
    /// Whether no single part can go any more; else asking came to its bound first.
    pub is_minimal: bool,
}

/// Whether a request shows the difference; `None` where the bound on asking is reached.
type Shown = Option<bool>;

/// Remembers what was asked, so that nothing is asked twice.
struct Asking<F> {
    ask: F,
    known: BTreeMap<StoredRequest, bool>,
    exhausted: bool,
}

impl<F: AsyncFnMut(&StoredRequest) -> Shown> Asking<F> {
    /// `false` as well where it cannot be asked any more.
    async fn shows(&mut self, request: &StoredRequest) -> bool {
        if let Some(known) = self.known.get(request) {
            return *known;
        }
        if self.exhausted {
            return false;
        }
        match (self.ask)(request).await {
            Some(shown) => {
                self.known.insert(request.clone(), shown);
                shown
            }
            None => {
                self.exhausted = true;
                false
            }
        }
    }

    /// Leaves parts away as long as the difference stays.
    async fn reduce(&mut self, parts: &Parts) -> Parts {
        let mut reduction = Reduction::new((0..parts.len()).collect());
        while let Some(candidate) = reduction.candidate() {
            let still = self.shows(&parts.request(&candidate)).await;
            if self.exhausted {
                break;
            }
            reduction.tell(still);
        }
        parts.only(reduction.parts())
    }

    /// The shortest value of a part found: none at all, the least number, else the shortest beginning
    /// that halving finds.
    async fn shorten(&mut self, parts: &Parts, part: usize) -> Option<Parts> {
        let value = parts.value(part)?;
        let number = value.parse::<f64>().is_ok();
        let mut least = vec![""];
        if number {
            least.extend(["0", "1"]);
        }
        for text in least {
            if text != value
                && let Some(shorter) = parts.with_value(part, text)
                && self.shows(&shorter.request(&all(&shorter))).await
            {
                return Some(shorter);
            }
        }
        let ends: Vec<usize> = value.char_indices().map(|(at, _)| at).collect();
        // Between a length that is too short and one that shows it.
        let (mut short, mut long) = (0, ends.len());
        let mut best = None;
        while long - short > 1 {
            let middle = short.midpoint(long);
            let shorter = parts.with_value(part, &value[..ends[middle]]);
            match shorter {
                Some(shorter) if self.shows(&shorter.request(&all(&shorter))).await => {
                    best = Some(shorter);
                    long = middle;
                }
                _ => short = middle,
            }
        }
        best
    }
}

fn all(parts: &Parts) -> Vec<usize> {
    (0..parts.len()).collect()
}

/// Looks for the smallest request. `request` itself must show the difference; `ask` says of any other
/// whether it does, and nothing is asked twice.
pub async fn minimise(
    request: &StoredRequest,
    ask: impl AsyncFnMut(&StoredRequest) -> Option<bool>,
) -> Minimised {
    let mut asking = Asking {
        ask,
        known: BTreeMap::from([(request.clone(), true)]),
        exhausted: false,
    };
    let mut parts = Parts::of(request);
    // Taken apart and written anew, the body may have lost what makes the difference.
    if !asking.shows(&parts.request(&all(&parts))).await {
        parts = Parts::with_whole_body(request);
    }
    let places = |parts: &Parts| -> Vec<String> {
        let all = (0..parts.len()).map(|at| parts.place(at).to_owned());
        all.collect()
    };
    let before = places(&parts);
    let mut left = asking.reduce(&parts).await;
    let mut shortened = Vec::new();
    for part in 0..left.len() {
        if let Some(shorter) = asking.shorten(&left, part).await {
            shortened.push(left.place(part).to_owned());
            left = shorter;
        }
    }
    if !shortened.is_empty() {
        // A part may have become superfluous with a value of another.
        left = asking.reduce(&left).await;
    }
    let needed = places(&left);
    shortened.retain(|place| needed.contains(place));
    let mut rest = needed.clone();
    let left_away = before.into_iter().filter(|place| {
        // Each place as often as it is there: a parameter may be twice in a query.
        let found = rest.iter().position(|kept| kept == place);
        found.map(|at| rest.swap_remove(at)).is_none()
    });
    Minimised {
        request: left.request(&all(&left)),
        left_away: left_away.collect(),
        needed,
        shortened,
        is_minimal: !asking.exhausted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> StoredRequest {
        StoredRequest {
            method: "POST".to_owned(),
            target: "/rooms?page=0&size=2000&sort=createdAt".to_owned(),
            headers: vec![
                ("accept".to_owned(), "application/json".to_owned()),
                ("x-role".to_owned(), "STAFF".to_owned()),
            ],
            body: Some(
                r#"{"name":"something long","items":[{"id":1,"n":1},{"id":25,"n":7}]}"#.to_owned(),
            ),
        }
    }

    /// Minimises for a service whose difference shows where `shows` says so.
    fn minimised(bound: usize, shows: impl Fn(&StoredRequest) -> bool) -> (Minimised, usize) {
        let mut asked = 0;
        let done = ready(minimise(&request(), async |request: &StoredRequest| {
            (asked < bound).then(|| {
                asked += 1;
                shows(request)
            })
        }));
        (done, asked)
    }

    /// Nothing here waits.
    fn ready<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(done) => done,
            std::task::Poll::Pending => unreachable!("nothing is waited for"),
        }
    }

    #[test]
    fn only_what_the_difference_needs_is_left() {
        type Service<'s> = &'s dyn Fn(&StoredRequest) -> bool;
        let body = |request: &StoredRequest| request.body.clone().unwrap_or_default();
        let has = |request: &StoredRequest, text: &str| request.target.contains(text);
        let cases: [(Service<'_>, &str, &[&str], Option<&str>); 6] = [
            (&|_| true, "/rooms", &[], None),
            (&|r| has(r, "sort="), "/rooms?sort=", &[], None),
            (
                &|r| has(r, "sort=created"),
                "/rooms?sort=created",
                &[],
                None,
            ),
            (
                &|r| has(r, "size=2") && r.headers.iter().any(|(name, _)| name == "x-role"),
                "/rooms?size=2",
                &["x-role"],
                None,
            ),
            (
                &|r| body(r).contains("\"id\":2"),
                "/rooms",
                &[],
                Some(r#"{"items":[{"id":2}]}"#),
            ),
            (
                &|r| body(r).contains("n\":"),
                "/rooms",
                &[],
                Some(r#"{"items":[{"n":0}]}"#),
            ),
        ];
        for (shows, target, headers, body) in cases {
            let (done, asked) = minimised(usize::MAX, shows);
            let names: Vec<&str> = done
                .request
                .headers
                .iter()
                .map(|(name, _)| name.as_str())
                .collect();
            let left = (done.request.target.as_str(), done.request.body.as_deref());
            assert_eq!((left, names.as_slice()), ((target, body), headers));
            assert!(done.is_minimal && shows(&done.request));
            assert!(asked < 80, "{asked} requests for {target}");
        }
    }

    #[test]
    fn what_a_rewritten_body_does_not_show_is_kept_whole() {
        let text = r#"{"a": 1, "a": 2}"#;
        let request = StoredRequest {
            body: Some(text.to_owned()),
            ..request()
        };
        let shows = |request: &StoredRequest| request.body.as_deref() == Some(text);
        let done = ready(minimise(&request, async |request: &StoredRequest| {
            Some(shows(request))
        }));
        assert_eq!(done.request.target, "/rooms");
        assert_eq!(done.needed, ["body"]);
        assert!(shows(&done.request) && done.is_minimal);
    }

    #[test]
    fn a_bound_is_kept_and_what_is_left_still_shows_the_difference() {
        let shows = |request: &StoredRequest| request.target.contains("size=2000");
        for bound in [0, 1, 2, 3, 7] {
            let (done, asked) = minimised(bound, shows);
            assert_eq!(asked, bound);
            assert!(shows(&done.request) && !done.is_minimal, "{bound}");
        }
    }

    #[test]
    fn every_part_is_told_once_as_needed_or_not() {
        let (done, _) = minimised(usize::MAX, |request| request.target.contains("size=20"));
        assert_eq!(done.needed, ["query:size"]);
        assert_eq!(done.shortened, ["query:size"]);
        assert_eq!(done.request.target, "/rooms?size=20");
        assert_eq!(done.left_away.len(), 4 + 9, "{:?}", done.left_away);
    }
}
