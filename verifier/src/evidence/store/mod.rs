//! Evidence in a SQLite file: the only place that knows about the database.
//!
//! One table of records. A record is one endpoint, group, shape or run of one proxy's life as JSON,
//! with the number of the batch that wrote it last and a checksum. A batch is one transaction with
//! the records that changed since the last, so whenever the process dies the file holds whole
//! batches; the next start finds a run without an end and marks it as cut off.
//!
//! Beside `FILE` there are `FILE-wal` and `FILE-shm` of SQLite and `FILE.lock`, which every writer
//! holds shared: so a reader can tell a run that is alive from one that was killed.

mod read;
mod write;

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, params};
use serde::{Deserialize, Serialize};

pub use read::read;
pub use write::{Found, Pruned, SqliteRecorder, prune, write};

/// Marks the database as ours (`VFEV`).
const APPLICATION_ID: i64 = 0x5646_4556;
/// Version of the layout.
const LAYOUT: i64 = 1;
/// Longest wait for another writer of the same file.
const BUSY: Duration = Duration::from_secs(1);

/// Why evidence could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file or its folder cannot be created or read.
    #[error("{}: cannot open the evidence", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database cannot be used.
    #[error("{}: cannot use the evidence", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// The file is something else.
    #[error("{}: not a file of evidence", .0.display())]
    Foreign(PathBuf),
    /// A newer version wrote it.
    #[error("{}: written by a newer version (layout {layout}): use that one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        layout: i64,
    },
    /// The target of a merge is there already.
    #[error("{}: exists already: name a new file", .0.display())]
    Exists(PathBuf),
    /// A proxy is writing.
    #[error("{}: a proxy is writing to it: stop it first, or prune a merged copy", .0.display())]
    InUse(PathBuf),
}

impl StoreError {
    fn file(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::File {
            path: path.to_owned(),
            source,
        }
    }

    fn database(path: &Path) -> impl Fn(rusqlite::Error) -> Self {
        move |source| Self::Database {
            path: path.to_owned(),
            source,
        }
    }

    /// Whether the file itself is damaged, so that nothing more will come of it.
    fn is_damage(&self) -> bool {
        let Self::Database { source, .. } = self else {
            return false;
        };
        matches!(
            source.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        )
    }

    /// Whether it may go away by itself: a full disk, a limit, another writer.
    fn may_pass(&self) -> bool {
        match self {
            Self::Database { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(
                    ErrorCode::DiskFull
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                        | ErrorCode::OutOfMemory
                )
            ),
            Self::File { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
                    | io::ErrorKind::FileTooLarge
            ),
            _ => false,
        }
    }
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RecordKind {
    Run,
    Totals,
    Endpoint,
    Group,
    Shape,
    Cell,
    Mix,
    Mixed,
    Id,
}

impl RecordKind {
    const ALL: [Self; 9] = [
        Self::Run,
        Self::Totals,
        Self::Endpoint,
        Self::Group,
        Self::Shape,
        Self::Cell,
        Self::Mix,
        Self::Mixed,
        Self::Id,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Totals => "totals",
            Self::Endpoint => "endpoint",
            Self::Group => "group",
            Self::Shape => "shape",
            Self::Cell => "cell",
            Self::Mix => "mix",
            Self::Mixed => "mixed",
            Self::Id => "id",
        }
    }
}

/// The parts of a ledger that are one number each.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Totals {
    in_groups: u64,
    shapes_cut: bool,
    #[serde(default)]
    cells_cut: bool,
    broken_records: u64,
}

/// The start of a BLAKE3 hash over everything a record says.
fn checksum(run: &str, kind: RecordKind, id: &str, batch: i64, body: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    for part in [
        run.as_bytes(),
        kind.name().as_bytes(),
        id.as_bytes(),
        &batch.to_le_bytes(),
        body,
    ] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut sum = [0; 16];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    sum
}

fn put(
    database: &Connection,
    run: &str,
    kind: RecordKind,
    id: &str,
    batch: u64,
    value: &impl Serialize,
) -> rusqlite::Result<()> {
    let body = serde_json::to_vec(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let batch = i64::try_from(batch).unwrap_or(i64::MAX);
    let sum = checksum(run, kind, id, batch, &body);
    database
        .prepare_cached(
            "INSERT INTO records (run, kind, id, batch, body, checksum) VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (run, kind, id) DO UPDATE
             SET batch = excluded.batch, body = excluded.body, checksum = excluded.checksum",
        )?
        .execute(params![run, kind.name(), id, batch, body, sum.as_slice()])?;
    Ok(())
}

fn remove(database: &Connection, run: &str, kind: RecordKind, id: &str) -> rusqlite::Result<()> {
    database
        .prepare_cached("DELETE FROM records WHERE run = ? AND kind = ? AND id = ?")?
        .execute(params![run, kind.name(), id])?;
    Ok(())
}

/// Writes a record that is there, and takes out of the file what is no more.
fn keep(
    database: &Connection,
    run: &str,
    kind: RecordKind,
    id: &str,
    batch: u64,
    value: Option<&impl Serialize>,
) -> rusqlite::Result<()> {
    match value {
        Some(value) => put(database, run, kind, id, batch, value),
        None => remove(database, run, kind, id),
    }
}

/// Creates the folder (0700) and the file (0600) where they are missing.
fn create(path: &Path) -> Result<(), StoreError> {
    let fault = StoreError::file(path);
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        && !folder.exists()
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(&fault)?;
    }
    let file = private_file(path).map_err(&fault)?;
    file.set_permissions(Permissions::from_mode(0o600))
        .map_err(&fault)
}

fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Opens for writing, with the layout in place.
fn open(path: &Path) -> Result<Connection, StoreError> {
    let fault = StoreError::database(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags).map_err(&fault)?;
    database.busy_timeout(BUSY).map_err(&fault)?;
    check_layout(path, &database)?;
    database
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = NORMAL;
             PRAGMA secure_delete = ON;
             PRAGMA wal_autocheckpoint = 256;
             PRAGMA journal_size_limit = 4194304;
             BEGIN IMMEDIATE;
             PRAGMA application_id = {APPLICATION_ID};
             PRAGMA user_version = {LAYOUT};
             CREATE TABLE IF NOT EXISTS records (
                 run TEXT NOT NULL,
                 kind TEXT NOT NULL,
                 id TEXT NOT NULL,
                 batch INTEGER NOT NULL,
                 body BLOB NOT NULL,
                 checksum BLOB NOT NULL,
                 PRIMARY KEY (run, kind, id)
             );
             COMMIT;"
        ))
        .map_err(&fault)?;
    Ok(database)
}

/// Refuses what is not ours; an empty file is nobody's.
fn check_layout(path: &Path, database: &Connection) -> Result<(), StoreError> {
    let fault = StoreError::database(path);
    let number = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0));
    let application = number("PRAGMA application_id").map_err(&fault)?;
    let tables = number("SELECT count(*) FROM sqlite_schema").map_err(&fault)?;
    if application != APPLICATION_ID && (application != 0 || tables != 0) {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    let layout = number("PRAGMA user_version").map_err(&fault)?;
    if layout > LAYOUT {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            layout,
        });
    }
    Ok(())
}

/// Whether some process is writing to the evidence at `path`.
fn is_in_use(path: &Path) -> bool {
    let Ok(lock) = File::open(beside(path, ".lock")) else {
        return false;
    };
    matches!(lock.try_lock(), Err(TryLockError::WouldBlock))
}

#[cfg(test)]
mod tests;
