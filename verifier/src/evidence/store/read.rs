//! Reading: whole records only, damaged ones counted.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde::de::DeserializeOwned;

use super::{BUSY, RecordKind, StoreError, Totals, check_layout, checksum, is_in_use};
use crate::evidence::noise::{Cell, Mix, NoiseLedger};
use crate::evidence::record::{EndpointRecord, Evidence, Group, IdPair, Ledger, Run, Shape};

/// Reads all evidence of a file, also of one that a proxy is writing to. A run without an end whose
/// proxy is gone shows as cut off.
pub fn read(path: &Path) -> Result<Evidence, StoreError> {
    let fault = StoreError::database(path);
    std::fs::File::open(path).map_err(StoreError::file(path))?;
    let in_use = is_in_use(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut database = Connection::open_with_flags(path, flags).map_err(&fault)?;
    database.busy_timeout(BUSY).map_err(&fault)?;
    if let Err(error) = check_layout(path, &database) {
        // A read-only folder has no room for SQLite's side files; without a writer none is needed.
        let passing = matches!(&error, StoreError::Database { source, .. }
            if source.sqlite_error_code() == Some(rusqlite::ErrorCode::CannotOpen));
        if in_use || !passing {
            return Err(error);
        }
        let address = format!("file:{}?immutable=1", escaped(path));
        let flags = flags | OpenFlags::SQLITE_OPEN_URI;
        database = Connection::open_with_flags(address, flags).map_err(&fault)?;
        check_layout(path, &database)?;
    }
    let mut evidence = gather(&database);
    for run in evidence.runs.values_mut() {
        run.cut_off |= run.ended_ms.is_none() && !in_use;
    }
    Ok(evidence)
}

fn escaped(path: &Path) -> String {
    path.to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23")
}

/// Everything that reads back whole.
pub(super) fn gather(database: &Connection) -> Evidence {
    let mut evidence = Evidence::default();
    for kind in RecordKind::ALL {
        let mut broken = 0;
        for (_, id, body) in rows(database, kind, &mut broken) {
            let taken = match kind {
                RecordKind::Run => parse(&body).map(|run: Run| {
                    evidence.runs.insert(id, run);
                }),
                RecordKind::Totals => parse(&body).map(|totals: Totals| {
                    evidence.broken_records += totals.broken_records;
                    let mut ledger = Ledger {
                        in_groups: totals.in_groups,
                        ..Ledger::default()
                    };
                    ledger.shapes_cut = totals.shapes_cut;
                    ledger.noise.cells_cut = totals.cells_cut;
                    evidence.ledger.merge(ledger);
                }),
                RecordKind::Endpoint => parse(&body).map(|record: EndpointRecord| {
                    let endpoints = [(id, record)].into();
                    evidence.ledger.merge(Ledger {
                        endpoints,
                        ..Ledger::default()
                    });
                }),
                RecordKind::Group => parse(&body).map(|group: Group| {
                    let groups = [(id, group)].into();
                    evidence.ledger.merge(Ledger {
                        groups,
                        ..Ledger::default()
                    });
                }),
                RecordKind::Cell => parse(&body).map(|cell: Cell| {
                    let cells = [(id, cell)].into();
                    evidence.ledger.noise.merge(NoiseLedger {
                        cells,
                        ..NoiseLedger::default()
                    });
                }),
                RecordKind::Mix => parse(&body).map(|mix: Mix| {
                    let mixes = [(id, mix)].into();
                    evidence.ledger.noise.merge(NoiseLedger {
                        mixes,
                        ..NoiseLedger::default()
                    });
                }),
                RecordKind::Mixed => parse(&body).map(|count: u64| {
                    let mixed = [(id, count)].into();
                    evidence.ledger.noise.merge(NoiseLedger {
                        mixed,
                        ..NoiseLedger::default()
                    });
                }),
                RecordKind::Id => parse(&body).map(|pair: IdPair| {
                    let ids = [(id, pair)].into();
                    evidence.ledger.merge(Ledger {
                        ids,
                        ..Ledger::default()
                    });
                }),
                RecordKind::Shape => parse(&body).map(|shape: Shape| {
                    let shapes = [(id, shape)].into();
                    evidence.ledger.merge(Ledger {
                        shapes,
                        ..Ledger::default()
                    });
                }),
            };
            if taken.is_none() {
                broken += 1;
            }
        }
        evidence.broken_records += broken;
    }
    evidence
}

/// Records of one kind whose checksum holds. One that does not, or a part of the file that cannot be
/// read, adds to `broken`.
pub(super) fn rows(
    database: &Connection,
    kind: RecordKind,
    broken: &mut u64,
) -> Vec<(String, String, Vec<u8>)> {
    let mut found = Vec::new();
    let sql = "SELECT run, id, batch, body, checksum FROM records WHERE kind = ? ORDER BY run, id";
    let Ok(mut statement) = database.prepare(sql) else {
        *broken += 1;
        return found;
    };
    let Ok(mut rows) = statement.query([kind.name()]) else {
        *broken += 1;
        return found;
    };
    loop {
        match rows.next() {
            Ok(None) => return found,
            // What follows cannot be reached any more.
            Err(_) => {
                *broken += 1;
                return found;
            }
            Ok(Some(row)) => {
                let read = || -> rusqlite::Result<_> {
                    let (run, id): (String, String) = (row.get(0)?, row.get(1)?);
                    let batch: i64 = row.get(2)?;
                    let (body, sum): (Vec<u8>, Vec<u8>) = (row.get(3)?, row.get(4)?);
                    let whole = sum == checksum(&run, kind, &id, batch, &body);
                    Ok(whole.then_some((run, id, body)))
                };
                match read() {
                    Ok(Some(record)) => found.push(record),
                    Ok(None) | Err(_) => *broken += 1,
                }
            }
        }
    }
}

pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}
