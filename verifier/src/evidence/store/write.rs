//! Writing: one proxy's life in batches, a merged file at once, and forgetting what is old.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::read::{gather, parse, rows};
use super::{
    RecordKind, StoreError, Totals, beside, create, is_in_use, keep, open, private_file, put,
};
use crate::evidence::collect::{Changes, Collector};
use crate::evidence::noise::{NoiseChanges, Paired};
use crate::evidence::record::{AND, EndpointTally, Evidence, Group, Ledger, Run};
use crate::evidence::redact::{Redactor, hex};
use crate::evidence::{Flushed, Judged, Recorder, key_file};
use crate::ids::Aligned;

/// A batch is written after so many bytes of examples …
const BATCH_BYTES: usize = 64 << 10;
/// … or so long after the first change.
const BATCH_MS: i64 = 1_000;
/// A run without news still says so often that it is alive.
const HEARTBEAT_MS: i64 = 10_000;

/// What a start found in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Earlier runs that never said they ended; each lost at most its last batch. Counted once, by the
    /// start after them.
    pub cut_off_runs: u64,
    /// Records whose checksum does not hold.
    pub broken_records: u64,
    /// Where an unreadable file was moved to.
    pub set_aside: Option<PathBuf>,
    /// Some of what is there was hidden under another key: equal values show as different.
    pub other_key: bool,
    /// Why nothing can be written for now; tried again with every batch.
    pub not_yet: Option<String>,
}

/// Writes the evidence of one run.
#[derive(Debug)]
pub struct SqliteRecorder {
    path: PathBuf,
    collector: Collector,
    run: Run,
    database: Option<Opened>,
    /// Since when something waits to be written.
    waiting_since_ms: Option<i64>,
    recorded: u64,
    /// Exchanges that are written or were counted as lost.
    settled: u64,
    /// Of these, counted as lost since the last batch that succeeded.
    overdue: u64,
}

#[derive(Debug)]
struct Opened {
    connection: Connection,
    /// Held shared for as long as the run lasts.
    _lock: File,
    /// Device and inode: a file that was moved away must not be written to for ever.
    identity: (u64, u64),
}

impl SqliteRecorder {
    /// Opens or creates the evidence at `path` and begins `run` in it; the run's id, key id and tool
    /// are filled in. Fails only for what an operator must repair: where the file system is merely full
    /// the recorder begins in memory, and a damaged file is set aside.
    pub fn begin(
        path: &Path,
        redactor: Redactor,
        run: Run,
        now_ms: i64,
    ) -> Result<(Self, Found), StoreError> {
        let random = key_file::random_bytes().ok_or_else(|| StoreError::File {
            path: path.to_owned(),
            source: std::io::Error::other("the system gives no randomness"),
        })?;
        let mut found = Found::default();
        let mut run = Run {
            id: hex(&random[..16]),
            key_id: redactor.key().id(),
            tool: format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
            started_ms: now_ms,
            written_ms: now_ms,
            ..run
        };
        let database = match Opened::new(path, &mut found, &run.key_id) {
            Err(error) if error.is_damage() => {
                found.set_aside = Some(set_aside(path, now_ms)?);
                run.files_set_aside = 1;
                Opened::new(path, &mut found, &run.key_id).map(Some)
            }
            Err(error) if error.may_pass() => {
                found.not_yet = Some(words(&error));
                Ok(None)
            }
            other => other.map(Some),
        }?;
        let mut recorder = Self {
            path: path.to_owned(),
            collector: Collector::new(redactor),
            run,
            database,
            waiting_since_ms: Some(now_ms),
            recorded: 0,
            settled: 0,
            overdue: 0,
        };
        // From now on a sudden end is visible.
        let first = recorder.flush(now_ms);
        found.not_yet = found.not_yet.or(first.error);
        Ok((recorder, found))
    }

    /// What this run says of itself.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Tells the versions of both services, as often as they are known. When one of them changes within
    /// a run, the run names each of its builds, and speaks for none of them alone.
    pub fn versions(&mut self, legacy: Option<String>, core: Option<String>) {
        for (known, told) in [
            (&mut self.run.legacy_version, legacy),
            (&mut self.run.core_version, core),
        ] {
            let Some(told) = told else { continue };
            match known {
                None => *known = Some(told),
                Some(known) => add_version(known, &told),
            }
        }
    }

    /// Lets the file grow to so many pages, as a full disk would.
    #[cfg(test)]
    pub(super) fn limit_pages(&self, pages: u32) {
        let opened = self.database.as_ref().expect("it is open");
        let sql = format!("PRAGMA max_page_count = {pages}");
        opened
            .connection
            .query_row(&sql, [], |_| Ok(()))
            .expect("a pragma");
    }

    fn seen(&self) -> u64 {
        self.collector.sent().max(self.recorded)
    }

    fn try_write(&mut self, now_ms: i64) -> Result<(), StoreError> {
        let path = self.path.clone();
        let moved = self
            .database
            .as_ref()
            .is_some_and(|opened| identity(&path) != Some(opened.identity));
        if moved {
            self.database = None;
        }
        let reopened = self.database.is_none();
        let opened = match &mut self.database {
            Some(opened) => opened,
            none => none.insert(Opened::new(&path, &mut Found::default(), &self.run.key_id)?),
        };
        let run = Run {
            batches: self.run.batches + 1,
            written_ms: now_ms,
            late: self.run.late.saturating_add(self.overdue),
            ..self.run.clone()
        };
        let ledger = self.collector.ledger();
        let all;
        let changes = if reopened {
            // The file is another one than before: it has nothing of this run yet.
            all = everything(ledger);
            &all
        } else {
            self.collector.changes()
        };
        let written = write_batch(&mut opened.connection, &run, ledger, changes);
        match written {
            Ok(()) => {
                self.run = run;
                self.collector.take_changes();
                Ok(())
            }
            Err(source) => {
                let error = StoreError::Database { path, source };
                if error.may_pass() {
                    // What is in the log alone may fit into the file.
                    let _still_full =
                        opened
                            .connection
                            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
                } else {
                    self.database = None;
                }
                Err(error)
            }
        }
    }
}

impl Recorder for SqliteRecorder {
    fn record(&mut self, judged: &Judged<'_>) {
        self.collector.record(judged);
        self.recorded = self.recorded.saturating_add(1);
        self.waiting_since_ms.get_or_insert(judged.at_ms);
    }

    fn pair(&mut self, paired: &Paired<'_>) {
        self.collector.pair(paired);
    }

    fn ids(&mut self, pairs: &[Aligned]) {
        self.collector.ids(pairs);
    }

    fn tally(&mut self, endpoint: &str, tally: EndpointTally) {
        self.collector.tally(endpoint, tally);
    }

    fn flush_if_due(&mut self, now_ms: i64) -> Flushed {
        let changes = self.collector.changes();
        let due = if changes.is_empty() {
            now_ms.abs_diff(self.run.written_ms) >= HEARTBEAT_MS.unsigned_abs()
        } else {
            let since = *self.waiting_since_ms.get_or_insert(now_ms);
            // A clock that was set back is no reason to wait.
            changes.bytes >= BATCH_BYTES || !(since..since + BATCH_MS).contains(&now_ms)
        };
        if due {
            self.flush(now_ms)
        } else {
            Flushed::default()
        }
    }

    fn flush(&mut self, now_ms: i64) -> Flushed {
        let seen = self.seen();
        match self.try_write(now_ms) {
            Ok(()) => {
                self.waiting_since_ms = None;
                self.settled = seen;
                self.overdue = 0;
                Flushed {
                    wrote: true,
                    ..Flushed::default()
                }
            }
            Err(error) => {
                self.waiting_since_ms = Some(now_ms);
                self.run.failed_batches = self.run.failed_batches.saturating_add(1);
                let lost = seen.saturating_sub(self.settled);
                self.settled = self.settled.max(seen);
                self.overdue = self.overdue.saturating_add(lost);
                Flushed {
                    wrote: false,
                    lost,
                    error: Some(words(&error)),
                }
            }
        }
    }

    fn finish(&mut self, now_ms: i64) -> Flushed {
        self.run.ended_ms = Some(now_ms);
        let flushed = self.flush(now_ms);
        if flushed.wrote
            && let Some(opened) = self.database.take()
        {
            // Leaves one file to copy; that it stays two is no loss.
            let _busy = opened
                .connection
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
        flushed
    }
}

impl Opened {
    fn new(path: &Path, found: &mut Found, key_id: &str) -> Result<Self, StoreError> {
        create(path)?;
        let lock_path = beside(path, ".lock");
        let lock = private_file(&lock_path).map_err(StoreError::file(&lock_path))?;
        // Alone: then every run without an end is over. The lock becomes shared at once, so that
        // others wait for moments at most.
        let alone = lock.try_lock().is_ok();
        let opened = open(path).and_then(|mut connection| {
            if alone {
                let evidence = gather(&connection);
                found.broken_records = evidence.broken_records;
                found.other_key = evidence.runs.values().any(|run| run.key_id != key_id);
                found.cut_off_runs =
                    mark_cut_off(&mut connection, &evidence).map_err(StoreError::database(path))?;
            }
            Ok(connection)
        });
        lock.unlock()
            .and_then(|()| lock.lock_shared())
            .map_err(StoreError::file(&lock_path))?;
        let connection = opened?;
        let identity = identity(path).unwrap_or_default();
        Ok(Self {
            connection,
            _lock: lock,
            identity,
        })
    }
}

fn mark_cut_off(database: &mut Connection, evidence: &Evidence) -> rusqlite::Result<u64> {
    let open = evidence
        .runs
        .values()
        .filter(|run| run.ended_ms.is_none() && !run.cut_off);
    let mut marked = 0;
    let transaction = database.transaction()?;
    for run in open {
        let run = Run {
            cut_off: true,
            ..run.clone()
        };
        put(
            &transaction,
            &run.id,
            RecordKind::Run,
            &run.id,
            run.batches,
            &run,
        )?;
        marked += 1;
    }
    transaction.commit()?;
    Ok(marked)
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Moves a damaged file out of the way, with what SQLite keeps beside it.
fn set_aside(path: &Path, now_ms: i64) -> Result<PathBuf, StoreError> {
    let target = beside(path, &format!(".broken-{now_ms}"));
    std::fs::rename(path, &target).map_err(StoreError::file(path))?;
    for ending in ["-wal", "-shm"] {
        // Usually there is none.
        let _absent = std::fs::rename(beside(path, ending), beside(&target, ending));
    }
    Ok(target)
}

fn everything(ledger: &Ledger) -> Changes {
    Changes {
        endpoints: ledger.endpoints.keys().cloned().collect(),
        groups: ledger.groups.keys().cloned().collect(),
        shapes: ledger.shapes.keys().cloned().collect(),
        noise: NoiseChanges {
            cells: ledger.noise.cells.keys().cloned().collect(),
            mixes: ledger.noise.mixes.keys().cloned().collect(),
            endpoints: ledger.noise.mixed.keys().cloned().collect(),
        },
        ids: ledger.ids.keys().cloned().collect(),
        bytes: 0,
    }
}

fn write_batch(
    database: &mut Connection,
    run: &Run,
    ledger: &Ledger,
    changes: &Changes,
) -> rusqlite::Result<()> {
    let transaction = database.transaction()?;
    write_changes(&transaction, &run.id, run.batches, ledger, changes, 0)?;
    put(
        &transaction,
        &run.id,
        RecordKind::Run,
        &run.id,
        run.batches,
        run,
    )?;
    transaction.commit()
}

fn write_changes(
    database: &Connection,
    run: &str,
    batch: u64,
    ledger: &Ledger,
    changes: &Changes,
    broken_records: u64,
) -> rusqlite::Result<()> {
    for name in &changes.endpoints {
        if let Some(record) = ledger.endpoints.get(name) {
            put(database, run, RecordKind::Endpoint, name, batch, record)?;
        }
    }
    for id in &changes.groups {
        keep(
            database,
            run,
            RecordKind::Group,
            id,
            batch,
            ledger.groups.get(id),
        )?;
    }
    for id in &changes.shapes {
        keep(
            database,
            run,
            RecordKind::Shape,
            id,
            batch,
            ledger.shapes.get(id),
        )?;
    }
    for id in &changes.ids {
        keep(database, run, RecordKind::Id, id, batch, ledger.ids.get(id))?;
    }
    let (noise, touched) = (&ledger.noise, &changes.noise);
    for id in &touched.cells {
        keep(
            database,
            run,
            RecordKind::Cell,
            id,
            batch,
            noise.cells.get(id),
        )?;
    }
    for id in &touched.mixes {
        keep(
            database,
            run,
            RecordKind::Mix,
            id,
            batch,
            noise.mixes.get(id),
        )?;
    }
    for name in &touched.endpoints {
        if let Some(count) = noise.mixed.get(name) {
            put(database, run, RecordKind::Mixed, name, batch, count)?;
        }
    }
    let totals = Totals {
        in_groups: ledger.in_groups,
        shapes_cut: ledger.shapes_cut,
        cells_cut: ledger.noise.cells_cut,
        broken_records,
    };
    put(database, run, RecordKind::Totals, "", batch, &totals)
}

/// Writes `evidence` to a new file.
pub fn write(path: &Path, evidence: &Evidence) -> Result<(), StoreError> {
    if path.exists() {
        return Err(StoreError::Exists(path.to_owned()));
    }
    create(path)?;
    let mut database = open(path)?;
    let mut fill = || -> rusqlite::Result<()> {
        let transaction = database.transaction()?;
        for run in evidence.runs.values() {
            put(
                &transaction,
                &run.id,
                RecordKind::Run,
                &run.id,
                run.batches,
                run,
            )?;
        }
        let (ledger, all) = (&evidence.ledger, everything(&evidence.ledger));
        // What several runs saw together belongs to none of them.
        write_changes(&transaction, "", 1, ledger, &all, evidence.broken_records)?;
        transaction.commit()
    };
    fill().map_err(StoreError::database(path))
}

/// What was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Runs whose last word is older, with all they saw.
    pub runs: u64,
    /// Older examples of younger runs; what they were examples of stays counted.
    pub samples: u64,
}

/// Forgets what is older than `before_ms`, and leaves nothing of it in the file.
pub fn prune(path: &Path, before_ms: i64) -> Result<Pruned, StoreError> {
    File::open(path).map_err(StoreError::file(path))?;
    if is_in_use(path) {
        return Err(StoreError::InUse(path.to_owned()));
    }
    let mut database = open(path)?;
    let mut pruned = Pruned::default();
    let mut forget = || -> rusqlite::Result<()> {
        let transaction = database.transaction()?;
        let mut broken = 0;
        for (_, id, body) in rows(&transaction, RecordKind::Run, &mut broken) {
            if parse(&body).is_some_and(|run: Run| run.written_ms < before_ms) {
                transaction.execute("DELETE FROM records WHERE run = ?", [&id])?;
                pruned.runs += 1;
            }
        }
        for (run, id, body) in rows(&transaction, RecordKind::Group, &mut broken) {
            let Some(mut group) = parse::<Group>(&body) else {
                continue;
            };
            let before = group.samples.len();
            group.samples.retain(|sample| sample.at_ms >= before_ms);
            if group.samples.len() < before {
                pruned.samples += (before - group.samples.len()) as u64;
                put(&transaction, &run, RecordKind::Group, &id, 0, &group)?;
            }
        }
        transaction.commit()?;
        database.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")
    };
    forget().map_err(StoreError::database(path))?;
    Ok(pruned)
}

/// An error with its cause in one line, for a log.
fn words(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Most builds that are named; a service that changes more often than that makes its version up.
const MAX_VERSIONS: usize = 4;

fn add_version(known: &mut String, told: &str) {
    let mut all = known.split(AND);
    if all.clone().any(|one| one == told) {
        return;
    }
    let told = match all.by_ref().count() {
        count if count < MAX_VERSIONS => told,
        MAX_VERSIONS => "others",
        _ => return,
    };
    known.push_str(AND);
    known.push_str(told);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_over_several_builds_names_each_and_only_so_many() {
        let mut known = "a".to_owned();
        for (told, then) in [
            ("a", "a"),
            ("b", "a and b"),
            ("a", "a and b"),
            ("c", "a and b and c"),
            ("d", "a and b and c and d"),
            ("e", "a and b and c and d and others"),
            ("f", "a and b and c and d and others"),
            ("b", "a and b and c and d and others"),
        ] {
            add_version(&mut known, told);
            assert_eq!(known, then);
        }
    }
}
