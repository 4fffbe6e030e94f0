//! The journal: written ahead, never changed, each line bound to the one before. It is also the audit
//! log: who, when, from where to where, on which evidence.
//!
//! A line is `HASH BODY`: the SHA-256 of the body in hexadecimal, a space, JSON, a line break. The body
//! names the hash of the line before.

pub mod entry;
pub mod recover;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use entry::{Entry, Line, Standing};

use super::record::sha256;

/// Why the journal cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The folder or a file in it.
    #[error("{}: cannot keep the journal", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process drives this cut-over.
    #[error("{}: another gate is at work ({holder}); end it, or take over with `gate rollback --force`", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
        /// Who, as it calls itself.
        holder: String,
    },
    /// The right to write was taken from this process.
    #[error("another gate took over (`--force`): this one has stopped and changed nothing more")]
    Stolen,
}

/// Everything the file holds.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Whole lines in order.
    pub lines: Vec<Line>,
    /// Number of the first line that does not belong to the chain; then nothing may advance.
    pub broken: Option<usize>,
    /// Length of everything before a torn last line.
    pub whole_bytes: u64,
    /// Length of the torn last line.
    pub torn_bytes: u64,
    last_hash: String,
}

impl Contents {
    /// Reads lines. Only the last one may be torn: a crash while it was written explains that. A
    /// break anywhere earlier was made by something else.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut contents = Self::default();
        let mut at = 0;
        let mut number = 0;
        while at < bytes.len() {
            let end = bytes[at..].iter().position(|&byte| byte == b'\n');
            let whole = end.and_then(|end| read_line(&bytes[at..at + end]));
            let next = end.map_or(bytes.len(), |end| at + end + 1);
            number += 1;
            match whole {
                Some((hash, line)) => {
                    if line.prev != contents.last_hash
                        || line.seq != contents.lines.len() as u64 + 1
                    {
                        contents.broken.get_or_insert(number);
                    }
                    contents.last_hash = hash;
                    contents.lines.push(line);
                }
                None if next == bytes.len() => {
                    contents.torn_bytes = (bytes.len() - at) as u64;
                    break;
                }
                None => {
                    contents.broken.get_or_insert(number);
                }
            }
            at = next;
        }
        contents.whole_bytes = at as u64;
        contents
    }

    /// Where the cut-over stands.
    pub fn standing(&self) -> Standing {
        Standing::of(&self.lines)
    }
}

fn read_line(bytes: &[u8]) -> Option<(String, Line)> {
    let (hash, body) = bytes.split_at_checked(65)?;
    let hash = std::str::from_utf8(hash).ok()?.strip_suffix(' ')?;
    if sha256(body) != hash {
        return None;
    }
    Some((hash.to_owned(), serde_json::from_slice(body).ok()?))
}

/// Where lines end up. Tests end it at any write.
pub trait Pen: Send {
    /// Adds `line` to the end of `path` and comes back when it is on the disk.
    fn append(&mut self, path: &Path, line: &[u8]) -> io::Result<()>;
}

/// Appends and syncs.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiskPen;

impl Pen for DiskPen {
    fn append(&mut self, path: &Path, line: &[u8]) -> io::Result<()> {
        let new = !path.exists();
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        file.write_all(line)?;
        file.sync_all()?;
        if new && let Some(folder) = path.parent() {
            // The name of a new file is on the disk only once its folder is.
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

/// The journal of one cut-over, held by the process that drives it.
pub struct Journal {
    folder: PathBuf,
    pen: Box<dyn Pen>,
    contents: Contents,
    standing: Standing,
    who: String,
    /// Dropped last: it is the right to write on this machine. `None` after a take-over by force from
    /// a process that still lives; the generation protects then.
    _lock: Option<File>,
    generation: u64,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("folder", &self.folder)
            .field("standing", &self.standing)
            .finish_non_exhaustive()
    }
}

const JOURNAL: &str = "journal.log";
const LOCK: &str = "lock";
const HOLDER: &str = "holder";
const GENERATION: &str = "generation";

impl Journal {
    /// Reads without the right to write: for `status` and `plan`.
    pub fn look(folder: &Path) -> Result<Contents, JournalError> {
        let path = folder.join(JOURNAL);
        match fs::read(&path) {
            Ok(bytes) => Ok(Contents::parse(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Contents::default()),
            Err(source) => Err(JournalError::File { path, source }),
        }
    }

    /// Takes the right to write on this machine and reads the journal; a torn last line is cut off.
    /// With `force` the right is taken from whoever has it: that process stops at its next line.
    pub fn open(
        folder: &Path,
        who: &str,
        force: bool,
        pen: Box<dyn Pen>,
        now_ms: i64,
    ) -> Result<Self, JournalError> {
        let fault = |path: &Path| {
            let path = path.to_owned();
            move |source| JournalError::File { path, source }
        };
        if !folder.exists() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(fault(folder))?;
        }
        let path = folder.join(LOCK);
        let lock = private(&path).map_err(fault(&path))?;
        let holder = || fs::read_to_string(folder.join(HOLDER)).unwrap_or_default();
        let mut stolen = None;
        let lock = match lock.try_lock() {
            Ok(()) => Some(lock),
            Err(TryLockError::WouldBlock) if force => {
                stolen = Some(holder());
                None
            }
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::Locked {
                    path,
                    holder: holder(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(JournalError::File { path, source }),
        };
        let generation = with_short_lock(folder, || {
            let path = folder.join(GENERATION);
            let generation = read_generation(&path)? + 1;
            replace(&path, generation.to_string().as_bytes())?;
            replace(&folder.join(HOLDER), who.as_bytes())?;
            Ok(generation)
        })
        .map_err(fault(folder))?;
        let path = folder.join(JOURNAL);
        let contents = Self::look(folder)?;
        let torn = contents.torn_bytes;
        if torn > 0 {
            let cut = || -> io::Result<()> {
                let file = OpenOptions::new().write(true).open(&path)?;
                file.set_len(contents.whole_bytes)?;
                file.sync_all()
            };
            cut().map_err(fault(&path))?;
        }
        let mut journal = Self {
            folder: folder.to_owned(),
            pen,
            standing: contents.standing(),
            contents,
            who: who.to_owned(),
            _lock: lock,
            generation,
        };
        if torn > 0 {
            journal.write(Entry::Mended { bytes: torn }, now_ms)?;
        }
        if let Some(from) = stolen {
            journal.write(Entry::Stolen { from }, now_ms)?;
        }
        Ok(journal)
    }

    /// Writes one line, on the disk before it comes back; returns its number.
    pub fn write(&mut self, entry: Entry, now_ms: i64) -> Result<u64, JournalError> {
        let line = Line {
            seq: self.contents.lines.len() as u64 + 1,
            at_ms: now_ms,
            who: self.who.clone(),
            prev: self.contents.last_hash.clone(),
            entry,
        };
        let path = self.folder.join(JOURNAL);
        let fault = |source| JournalError::File {
            path: path.clone(),
            source,
        };
        let body = serde_json::to_vec(&line).map_err(|error| fault(error.into()))?;
        let hash = sha256(&body);
        let mut bytes = Vec::with_capacity(body.len() + 66);
        bytes.extend_from_slice(hash.as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(&body);
        bytes.push(b'\n');
        let (generation, folder) = (self.generation, &self.folder);
        let pen = &mut self.pen;
        let written = with_short_lock(folder, || {
            if read_generation(&folder.join(GENERATION))? != generation {
                return Ok(false);
            }
            pen.append(&path, &bytes)?;
            Ok(true)
        });
        if !written.map_err(fault)? {
            return Err(JournalError::Stolen);
        }
        let seq = line.seq;
        self.standing = std::mem::take(&mut self.standing).then(&line);
        self.contents.last_hash = hash;
        self.contents.lines.push(line);
        Ok(seq)
    }

    /// Where the cut-over stands.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// All lines.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// The longest any process holds this lock is one line's way to the disk.
fn with_short_lock<T>(folder: &Path, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let lock = private(&folder.join("journal.lock"))?;
    lock.lock()?;
    act()
}

fn read_generation(path: &Path) -> io::Result<u64> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().parse().unwrap_or(0)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(fresh, path)
}

#[cfg(test)]
mod tests;
