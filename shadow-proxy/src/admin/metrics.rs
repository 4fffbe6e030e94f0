//! The series for Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use verifier::self_check::Seen;

use super::AdminState;
use super::status::self_checks;
use crate::counters::{Endpoint, LATENCY_EDGES, Latency, Reason};

/// Reads one count of an endpoint.
type Count = fn(&Endpoint) -> u64;

impl AdminState {
    /// Series about second answers; there are none where none are asked for.
    fn noise_metrics(&self, out: &mut String, endpoints: &[Arc<Endpoint>]) {
        if self.second_answers.is_none() {
            return;
        }
        let series: [(&str, &str, Count); 2] = [
            (
                "twin_requests_total",
                "Second answers of legacy that were asked for.",
                Endpoint::twin_asked,
            ),
            (
                "twin_paired_total",
                "Exchanges held against a second answer of legacy as well.",
                Endpoint::paired,
            ),
        ];
        for (name, help, count) in series {
            head(out, name, "counter", help);
            for endpoint in endpoints {
                line(out, name, &[("endpoint", endpoint.name())], count(endpoint));
            }
        }
        head(
            out,
            "twin_not_paired_total",
            "counter",
            "Second answers that came to nothing, and why.",
        );
        let mut lost: BTreeMap<&str, u64> = BTreeMap::new();
        for endpoint in endpoints {
            for (reason, count) in endpoint.not_paired() {
                *lost.entry(reason).or_default() += count;
            }
        }
        for (reason, count) in lost {
            line(out, "twin_not_paired_total", &[("reason", reason)], count);
        }
        let decisions = self.decisions();
        head(
            out,
            "different_by_decision",
            "gauge",
            "Exchanges that differ, divided by what their places are held for now.",
        );
        for endpoint in endpoints {
            let (counts, all) = (
                decisions.endpoint(endpoint.name()),
                endpoint.tally().different,
            );
            let finding = all.saturating_sub(counts.noise + counts.undecided);
            for (decision, count) in [
                ("noise", counts.noise),
                ("undecided", counts.undecided),
                ("finding", finding),
            ] {
                let labels = [("endpoint", endpoint.name()), ("decision", decision)];
                line(out, "different_by_decision", &labels, count);
            }
        }
    }

    /// Prometheus text format 0.0.4. Every series is there from the start, so that a rate over a
    /// count that was never raised is zero and not missing.
    pub(super) fn metrics(&self) -> String {
        let mut out = String::with_capacity(16 << 10);
        let counters = &self.counters;
        let total = counters.total();
        let endpoints = counters.endpoints();
        head(
            &mut out,
            "requests_total",
            "counter",
            "Requests sent to legacy.",
        );
        for endpoint in &endpoints {
            let tally = endpoint.tally();
            line(
                &mut out,
                "requests_total",
                &[("endpoint", &tally.endpoint)],
                tally.sent,
            );
        }
        head(
            &mut out,
            "compared_total",
            "counter",
            "Exchanges with a verdict.",
        );
        for endpoint in &endpoints {
            let tally = endpoint.tally();
            line(
                &mut out,
                "compared_total",
                &[("endpoint", &tally.endpoint)],
                tally.compared(),
            );
        }
        head(
            &mut out,
            "different_total",
            "counter",
            "Exchanges that differ.",
        );
        for endpoint in &endpoints {
            let tally = endpoint.tally();
            line(
                &mut out,
                "different_total",
                &[("endpoint", &tally.endpoint)],
                tally.different,
            );
        }
        head(
            &mut out,
            "not_compared_total",
            "counter",
            "Exchanges without a verdict, and why.",
        );
        for reason in Reason::ALL {
            let count = total.not_compared[reason as usize];
            line(
                &mut out,
                "not_compared_total",
                &[("reason", reason.label())],
                count,
            );
        }
        let checked = self_checks(&endpoints);
        head(
            &mut out,
            "self_check_total",
            "counter",
            "Faults put into copies of core's answers, by whether they were found.",
        );
        for (seen, count) in
            Seen::ALL
                .into_iter()
                .zip([checked.found, checked.blind, checked.missed])
        {
            line(
                &mut out,
                "self_check_total",
                &[("result", seen.label())],
                count,
            );
        }
        self.noise_metrics(&mut out, &endpoints);
        let singles: [(&str, &str, &str, u64); 8] = [
            (
                "evidence_lost_total",
                "counter",
                "Verdicts not stored.",
                counters.evidence_lost(),
            ),
            (
                "refused_total",
                "counter",
                "Requests refused before legacy.",
                counters.refused(),
            ),
            (
                "connections_total",
                "counter",
                "Client connections taken.",
                counters.connections(),
            ),
            (
                "in_flight",
                "gauge",
                "Requests whose end is open.",
                total.in_flight(),
            ),
            (
                "queue_depth",
                "gauge",
                "Pairs that wait to be compared.",
                self.depth.depth() as u64,
            ),
            (
                "held_bytes",
                "gauge",
                "Bytes held for comparing.",
                self.budget.held() as u64,
            ),
            (
                "write_shadowing_stopped",
                "gauge",
                "1 when the tripwire has stopped it.",
                u64::from(self.settings.writes.stopped()),
            ),
            ("up", "gauge", "1 while serving.", 1),
        ];
        for (name, kind, help, value) in singles {
            head(&mut out, name, kind, help);
            line(&mut out, name, &[], value);
        }
        head(&mut out, "build_info", "gauge", "The version.");
        line(
            &mut out,
            "build_info",
            &[("version", env!("CARGO_PKG_VERSION"))],
            1,
        );
        head(
            &mut out,
            "latency_seconds",
            "histogram",
            "Time to the head of the answer.",
        );
        for endpoint in &endpoints {
            for (side, latency) in [
                ("legacy", endpoint.legacy_latency()),
                ("core", endpoint.core_latency()),
            ] {
                histogram(&mut out, endpoint.name(), side, latency);
            }
        }
        out
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        out,
        "# HELP shadow_proxy_{name} {help}\n# TYPE shadow_proxy_{name} {kind}"
    );
}

fn line(out: &mut String, name: &str, labels: &[(&str, &str)], value: u64) {
    let _ = write!(out, "shadow_proxy_{name}");
    for (at, (label, text)) in labels.iter().enumerate() {
        let _ = write!(
            out,
            "{}{label}=\"{}\"",
            if at == 0 { '{' } else { ',' },
            escaped(text)
        );
    }
    let _ = writeln!(out, "{} {value}", if labels.is_empty() { "" } else { "}" });
}

fn escaped(label: &str) -> String {
    label
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn histogram(out: &mut String, endpoint: &str, side: &str, latency: &Latency) {
    let endpoint = escaped(endpoint);
    let (counts, sum) = latency.read();
    let mut below = 0;
    for (at, count) in counts.iter().enumerate() {
        below += count;
        let edge = LATENCY_EDGES
            .get(at)
            .map_or("+Inf".to_owned(), ToString::to_string);
        let _ = writeln!(
            out,
            "shadow_proxy_latency_seconds_bucket{{endpoint=\"{endpoint}\",side=\"{side}\",le=\"{edge}\"}} {below}"
        );
    }
    let _ = writeln!(
        out,
        "shadow_proxy_latency_seconds_sum{{endpoint=\"{endpoint}\",side=\"{side}\"}} {sum}\n\
         shadow_proxy_latency_seconds_count{{endpoint=\"{endpoint}\",side=\"{side}\"}} {below}"
    );
}
