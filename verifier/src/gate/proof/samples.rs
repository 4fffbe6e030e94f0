//! Evidence that holds, for tests to spoil: of one small catalogue, one build and one moment.

use std::path::Path;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::Running;
use crate::catalogue::Catalogue;
use crate::evidence::record::{EndpointRecord, EndpointTally, Evidence, Ledger, Run, Shape};

/// 2026-02-20, noon.
pub(in crate::gate) const NOW: i64 = 1_771_588_800_000;
pub(in crate::gate) const BUILD: &str = "build-1";

pub(in crate::gate) const CATALOGUE: &str = "
endpoints:
  - id: list
    method: GET
    path: /rooms
    description: All rooms
    expected_status: 200
  - id: create
    method: POST
    path: /rooms
    description: A new room
    expected_status: 201
  - id: silent
    method: DELETE
    path: /rooms/1
    description: No room
    expected_status: 204
journeys:
  - { id: room, cases: [create, list] }
";

pub(in crate::gate) fn today() -> Date {
    jiff::civil::date(2026, 2, 20)
}

pub(in crate::gate) fn catalogue() -> Catalogue {
    Catalogue::parse(Path::new("catalogue.yaml"), CATALOGUE, today()).expect("a catalogue")
}

pub(in crate::gate) fn running() -> Running {
    let mut running = Running::default();
    running.add("router", [BUILD.to_owned()]);
    running
}

/// A replay of every case, all equal.
pub(in crate::gate) fn replay_report() -> Value {
    let case = |endpoint: &str, method: &str| json!({"endpoint": endpoint, "case": endpoint, "method": method, "state": "equal"});
    json!({
        "schema": "verifier-report/1",
        "command": "replay",
        "tool_version": "1",
        "catalogue": {"sha256": catalogue().sha256},
        "core": {"digest": null, "build": BUILD},
        "goldens_sha256": "g",
        "started": "2026-02-20T11:00:00Z",
        "duration_ms": 1000.0,
        "exit_code": 0,
        "totals": {"cases": 3, "equal": 3, "different": 0, "findings": 0},
        "cases": [case("list", "GET"), case("create", "POST"), case("silent", "DELETE")],
        "goldens_not_from_legacy": [],
    })
}

/// Every check of tokens, all holding.
pub(in crate::gate) fn jwt_report() -> Value {
    let cells: Vec<Value> = crate::jwt::cell::Check::ALL
        .iter()
        .map(|check| json!({"name": check.name(), "check": check.name(), "verdict": "holds"}))
        .collect();
    json!({
        "schema": "verifier-jwt/1",
        "tool_version": "1",
        "catalogue": {"sha256": catalogue().sha256},
        "core_identity": {"build": BUILD},
        "started": "2026-02-20T11:00:00Z",
        "duration_ms": 1000.0,
        "exit_code": 0,
        "totals": {"cells": 5, "fails": 0, "findings": 0},
        "cells": cells,
        "not_judged": [],
        "waived": [],
    })
}

pub(in crate::gate) fn evidence(
    counts: &[(&str, u64, u64)],
    change: impl FnOnce(&mut Evidence),
) -> Evidence {
    let endpoints = counts.iter().map(|(name, n, k)| {
        let tally = EndpointTally {
            sent: *n,
            equal: n - k,
            different: *k,
            ..EndpointTally::default()
        };
        let record = EndpointRecord {
            tally,
            ..EndpointRecord::default()
        };
        ((*name).to_owned(), record)
    });
    let shape = Shape {
        endpoint: "list".to_owned(),
        method: "GET".to_owned(),
        query: Vec::new(),
        auth: None,
        media: None,
        body: Vec::new(),
    };
    let run = Run {
        id: "r".to_owned(),
        core_version: Some(BUILD.to_owned()),
        catalogue_sha256: Some(catalogue().sha256),
        started_ms: NOW - 3_600_000,
        written_ms: NOW - 1_000,
        ended_ms: Some(NOW - 1_000),
        ..Run::default()
    };
    let mut evidence = Evidence {
        runs: [("r".to_owned(), run)].into(),
        ledger: Ledger {
            endpoints: endpoints.collect(),
            shapes: [("s".to_owned(), shape)].into(),
            ..Ledger::default()
        },
        ..Evidence::default()
    };
    change(&mut evidence);
    evidence
}

pub(in crate::gate) const ENOUGH: [(&str, u64, u64); 3] =
    [("list", 3_000, 0), ("create", 600, 0), ("silent", 600, 0)];
