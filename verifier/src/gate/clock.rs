//! Two clocks: durations come from the monotonic one, records carry the wall's.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

/// What a trait of this module hands back: a future that can be stored behind `dyn`.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Waits for all of them at the same time, on this task; their answers in the order they were given in.
pub async fn together<T>(all: Vec<Pending<'_, T>>) -> Vec<T> {
    enum Slot<'a, T> {
        Waits(Pending<'a, T>),
        Done(T),
    }
    let mut slots: Vec<Slot<'_, T>> = all.into_iter().map(Slot::Waits).collect();
    std::future::poll_fn(|context| {
        let mut waits = false;
        for slot in &mut slots {
            if let Slot::Waits(pending) = slot {
                match pending.as_mut().poll(context) {
                    Poll::Ready(value) => *slot = Slot::Done(value),
                    Poll::Pending => waits = true,
                }
            }
        }
        if waits {
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
    let done = slots.into_iter().filter_map(|slot| match slot {
        Slot::Done(value) => Some(value),
        Slot::Waits(_) => None,
    });
    done.collect()
}

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Milliseconds since 1970, for records only.
    pub wall_ms: i64,
    /// Since an arbitrary start; never goes back and does not count a suspended machine.
    pub monotonic: Duration,
}

impl Moment {
    /// Time that passed since `earlier`.
    pub fn since(self, earlier: Self) -> Duration {
        self.monotonic.saturating_sub(earlier.monotonic)
    }

    /// How far the wall clock moved against the monotonic one since `earlier`, either way. A large
    /// value means a suspended machine or a clock that was set.
    pub fn jump_since(self, earlier: Self) -> Duration {
        let wall = self.wall_ms.saturating_sub(earlier.wall_ms);
        let passed = i64::try_from(self.since(earlier).as_millis()).unwrap_or(i64::MAX);
        Duration::from_millis(wall.saturating_sub(passed).unsigned_abs())
    }
}

/// Where time comes from. Tests have their own.
pub trait Clock: Send + Sync {
    /// Both clocks, read together.
    fn now(&self) -> Moment;
    /// Comes back after `span`.
    fn sleep(&self, span: Duration) -> Pending<'_, ()>;
}

/// Where this process's monotonic clock begins.
const FIRST: Duration = Duration::from_hours(10 * 365 * 24);

/// The machine's own clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        Moment {
            wall_ms: jiff::Timestamp::now().as_millisecond(),
            // Far from zero, so that moments before this process have a place too.
            monotonic: FIRST + self.start.elapsed(),
        }
    }

    fn sleep(&self, span: Duration) -> Pending<'_, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}

/// Milliseconds since 1970 as RFC 3339.
pub fn rfc3339(wall_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(wall_ms).map_or_else(
        |_| format!("{wall_ms} ms"),
        |at| at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_waited_for_together_may_wait_for_each_other_and_keeps_its_order() {
        let (say, hear) = tokio::sync::oneshot::channel();
        let all: Vec<Pending<'_, u64>> = vec![
            Box::pin(async { hear.await.expect("the other one says it") }),
            Box::pin(async {
                tokio::task::yield_now().await;
                say.send(7).expect("the first one listens");
                8
            }),
        ];
        assert_eq!(together(all).await, [7, 8]);
        assert_eq!(together(Vec::<Pending<'_, u64>>::new()).await, [0; 0]);
    }

    #[test]
    fn a_jump_of_the_wall_is_seen_either_way_and_passing_time_is_none() {
        let at = |wall_ms, seconds| Moment {
            wall_ms,
            monotonic: Duration::from_secs(seconds),
        };
        for (later, expected_ms) in [
            (at(10_000, 10), 0),
            (at(70_000, 10), 60_000),
            (at(0, 10), 10_000),
        ] {
            assert_eq!(
                later.jump_since(at(0, 0)),
                Duration::from_millis(expected_ms)
            );
        }
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
    }
}
