//! The proxy between own services and own clients, over real sockets. One module a concern; the names
//! `r1` … `r21` are those of the promises that the tests hold the proxy to.

#![allow(clippy::panic)] // a test that cannot go on says why

mod bounds;
mod client_path;
mod evidence;
mod faults;
mod framing;
mod legacy_faults;
mod memory;
mod noise;
mod own_ids;
mod recovery;
mod secrets;
mod self_check;
mod shadow;
mod smuggling;
mod stopping;
mod tls;
mod upstream;
mod verdicts;
mod wire;

use std::time::{Duration, Instant};

use shadow_proxy::counters::{Reason, Tally};
use shadow_proxy::{Config, Proxy};
use upstream::Upstream;
use wire::{LIMIT, Wire};

/// A configuration for the two services on free ports.
pub(crate) fn config(legacy: &Upstream, core: &Upstream) -> Config {
    Config {
        legacy: Some(legacy.url()),
        core: Some(core.url()),
        listen: ([127, 0, 0, 1], 0).into(),
        admin: ([127, 0, 0, 1], 0).into(),
        ..Config::default()
    }
}

pub(crate) fn start(legacy: &Upstream, core: &Upstream) -> Proxy {
    Proxy::start(&config(legacy, core)).expect("a good configuration")
}

pub(crate) fn client(proxy: &Proxy) -> Wire {
    Wire::connect(proxy.listen())
}

/// The counts once `sent` requests have gone to legacy and each has ended in a count. As long as there is
/// headway, a busy machine only takes longer.
pub(crate) fn settled(proxy: &Proxy, sent: u64) -> Tally {
    let mut last = (u64::MAX, Instant::now());
    loop {
        let total = proxy.counters().total();
        let open = total.in_flight() + sent.abs_diff(total.sent);
        if open == 0 {
            return total;
        }
        if open != last.0 {
            last = (open, Instant::now());
        }
        assert!(last.1.elapsed() < LIMIT, "still open: {total:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// How many were not compared for `reason`.
pub(crate) fn lost(tally: &Tally, reason: Reason) -> u64 {
    tally.not_compared[reason as usize]
}
