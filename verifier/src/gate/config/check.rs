//! What the types of the configuration cannot express.
#![deny(clippy::disallowed_methods)]

use super::{GateConfig, RouterConfig};
use crate::gate::span::Span;
use crate::gate::weight::Weight;

/// Why `gate:` cannot be used: the key, and what it may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("gate.{key}: {fault}")]
pub struct GateFault {
    /// The key below `gate`.
    pub key: String,
    /// What is wrong and what would be right.
    pub fault: String,
}

/// Whether something was left open, as forms are: empty or `TBD` in any spelling.
pub fn is_open(text: &str) -> bool {
    let text = text.trim();
    text.is_empty()
        || ["tbd", "todo", "n/a", "?", "-", "tba"]
            .iter()
            .any(|open| text.eq_ignore_ascii_case(open))
}

impl GateConfig {
    /// Every address to ask, by its key.
    fn addresses(&self) -> Vec<(String, &str)> {
        let signals = &self.signals;
        let mut all = Vec::new();
        if let Some(prometheus) = &signals.prometheus {
            all.push(("signals.prometheus.url".to_owned(), prometheus.url.as_str()));
        }
        for (at, probe) in signals.probes.iter().enumerate() {
            all.push((format!("signals.probes[{at}].url"), probe.url.as_str()));
        }
        if let Some(identity) = &signals.identity {
            all.push(("signals.identity.url".to_owned(), identity.url.as_str()));
        }
        if let Some(RouterConfig::Nginx(nginx)) = &self.router
            && let Some(live) = &nginx.live_url
        {
            all.push(("router.nginx.live_url".to_owned(), live));
        }
        all
    }

    /// Checks what types cannot express.
    pub fn check(&self) -> Result<(), GateFault> {
        let fault = |key: &str, fault: &str| {
            Err(GateFault {
                key: key.to_owned(),
                fault: fault.to_owned(),
            })
        };
        let rising = self.ladder.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising || self.ladder.first().is_none_or(|rung| rung.is_none()) {
            return fault(
                "ladder",
                "must rise from above 0, such as [10, 30, 50, 100]",
            );
        }
        if self.ladder.last() != Some(&Weight::ALL) {
            return fault("ladder", "must end with 100: the switch follows only there");
        }
        let percents = [
            (
                "compatibility.total_percent",
                self.compatibility.total_percent,
            ),
            (
                "compatibility.endpoint_percent",
                self.compatibility.endpoint_percent,
            ),
            ("rollback.error_percent", self.rollback.error_percent),
            ("rollback.burst_percent", self.rollback.burst_percent),
            ("soak.error_percent", self.soak.error_percent),
        ];
        for (key, percent) in percents {
            if !(percent > 0.0 && percent < 100.0) {
                return fault(key, "must be above 0 and below 100 percent");
            }
        }
        if !(0.0..=50.0).contains(&self.compatibility.lost_percent) {
            return fault("compatibility.lost_percent", "must be 0 to 50 percent");
        }
        for (key, alpha) in [
            ("compatibility.alpha", self.compatibility.alpha),
            ("rollback.alpha", self.rollback.alpha),
        ] {
            if !(alpha > 0.0 && alpha < 0.5) {
                return fault(key, "must be above 0 and below 0.5");
            }
        }
        if !(self.rollback.times_legacy >= 1.0 && self.rollback.times_legacy <= 100.0) {
            return fault("rollback.times_legacy", "must be 1 to 100");
        }
        let second = Span::from_secs(1);
        if self.tick < Span::from_millis(10) || self.tick > self.rollback.max_blind {
            return fault(
                "tick",
                "must be at least 10ms and at most `rollback.max_blind`",
            );
        }
        if self.rollback.max_blind > Span::from_secs(180) {
            return fault(
                "rollback.max_blind",
                "must be at most 3m: going back within five minutes needs the rest",
            );
        }
        if self.rollback.burst_errors == 0 {
            return fault("rollback.burst_errors", "must be at least 1");
        }
        if self.rollback.p99 < Span::from_millis(1) || self.soak.p99 < Span::from_millis(1) {
            return fault("rollback.p99", "must be at least 1ms, as `soak.p99`");
        }
        if self.min_time > Span::from_secs(30 * 86_400) || self.effect_within < second {
            return fault(
                "effect_within",
                "must be at least 1s, and `min_time` at most 30d",
            );
        }
        if self.legacy.replicas == 0 || self.legacy.standby_replicas == 0 {
            return fault(
                "legacy.replicas",
                "must be at least 1, as `standby_replicas`: without legacy there is no way back",
            );
        }
        for (at, waiver) in self.waivers.iter().enumerate() {
            for (key, text) in [
                ("endpoint", &waiver.endpoint),
                ("reason", &waiver.reason),
                ("owner", &waiver.owner),
            ] {
                if is_open(text) {
                    return fault(
                        &format!("waivers[{at}].{key}"),
                        "must be written out: a waiver is somebody's word",
                    );
                }
            }
        }
        if let Some(prometheus) = &self.signals.prometheus
            && ["_sum", "_count", "_bucket", "_avg", "_mean"]
                .iter()
                .any(|end| prometheus.duration.ends_with(end))
        {
            return fault(
                "signals.prometheus.duration",
                "must be the histogram's name without `_bucket`: a mean says nothing of the slowest",
            );
        }
        let empty = |command: &[String]| command.first().is_none_or(String::is_empty);
        match &self.router {
            Some(RouterConfig::Exec(exec)) if empty(&exec.command) => {
                return fault("router.exec.command", "must name a program");
            }
            Some(RouterConfig::Nginx(nginx)) if empty(&nginx.test) || empty(&nginx.reload) => {
                return fault(
                    "router.nginx",
                    "`test` and `reload` must each name a program",
                );
            }
            _ => {}
        }
        for (at, command) in self.signals.commands.iter().enumerate() {
            if empty(&command.command) {
                return fault(
                    &format!("signals.commands[{at}].command"),
                    "must name a program",
                );
            }
        }
        for (key, address) in self.addresses() {
            let good = url::Url::parse(address)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            if !good {
                return fault(&key, "must be an address such as `http://127.0.0.1:9090`");
            }
        }
        if let Some(identity) = &self.signals.identity
            && identity.header.is_some() == identity.pointer.is_some()
        {
            return fault("signals.identity", "needs either `header` or `pointer`");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold_and_what_cannot_be_is_refused_by_its_key() {
        assert_eq!(GateConfig::default().check(), Ok(()));
        for (yaml, key) in [
            ("ladder: []", "ladder"),
            ("ladder: [30, 10, 100]", "ladder"),
            ("ladder: [10, 50]", "ladder"),
            ("ladder: [0, 100]", "ladder"),
            ("rollback: {max_blind: 5m}", "rollback.max_blind"),
            ("rollback: {alpha: 0}", "rollback.alpha"),
            ("rollback: {error_percent: .nan}", "rollback.error_percent"),
            (
                "compatibility: {total_percent: 0}",
                "compatibility.total_percent",
            ),
            ("legacy: {standby_replicas: 0}", "legacy.replicas"),
            (
                "waivers: [{endpoint: a, reason: b, owner: tbd, expires: 2026-01-01}]",
                "waivers[0].owner",
            ),
            ("router: {exec: {command: []}}", "router.exec.command"),
            ("signals: {identity: {url: 'http://a'}}", "signals.identity"),
        ] {
            let config: GateConfig = serde_saphyr::from_str(yaml).expect(yaml);
            let fault = config.check().expect_err(yaml);
            assert_eq!(fault.key, key, "{yaml}: {fault}");
        }
    }

    #[test]
    fn an_unknown_key_or_router_is_refused_with_its_line() {
        for (yaml, word, line) in [
            ("ladder: [10, 100]\nmin_tme: 10m\n", "min_tme", "line 2"),
            ("router:\n  haproxy: {}\n", "haproxy", "line 2"),
            ("soak:\n  tme: 7d\n", "tme", "line 2"),
            ("min_time: 10 minutes\n", "10 minutes", "line 1"),
            ("ladder: [10, 130]\n", "130", "line 1"),
        ] {
            let error = serde_saphyr::from_str::<GateConfig>(yaml)
                .expect_err(yaml)
                .to_string();
            assert!(
                error.contains(word) && error.contains(line),
                "{yaml}: {error}"
            );
        }
    }

    #[test]
    fn what_is_left_open_is_known_in_any_spelling() {
        for (text, open) in [
            ("TBD", true),
            (" tbd ", true),
            ("", true),
            ("Kim", false),
            ("todo", true),
        ] {
            assert_eq!(is_open(text), open, "{text}");
        }
    }
}
