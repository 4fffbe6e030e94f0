//! A person's word to a gate that is at work: a file in its folder, answered by another. The gate alone
//! writes to the journal, so nobody has to end the watch over live traffic to approve the next step.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Clock;

/// An older word is none any more: whoever gave it was told so.
const FRESH_MS: i64 = 120_000;
/// A gate answers within a second, or once the change that it is making has shown its effect.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(100);

const WORD: &str = "word-";
const ANSWER: &str = "answer-";

/// What a person says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case")]
pub enum Word {
    /// The next step may be made.
    Approve {
        /// Hash of the evidence that was looked at, or its beginning.
        evidence: String,
    },
    /// What the router shows is right.
    Adopt,
}

/// A word with who gave it and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// A name for the process of the person.
    pub by: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// What.
    #[serde(flatten)]
    pub word: Word,
}

/// What the gate says to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The exit code that the command would have had.
    pub exit: u8,
    /// In words.
    pub text: String,
}

/// Hands `said` to the gate that works in `folder`, and waits for its answer; `None` where none came in time,
/// and then nothing will come of it.
pub async fn hand_over(
    folder: &Path,
    said: &Said,
    clock: &dyn Clock,
) -> io::Result<Option<Answer>> {
    let id = format!("{}-{}.json", std::process::id(), said.at_ms);
    let (word, answer) = (
        folder.join(format!("{WORD}{id}")),
        folder.join(format!("{ANSWER}{id}")),
    );
    write(&word, &serde_json::to_vec(said)?)?;
    let mut since = clock.now();
    loop {
        match fs::read(&answer) {
            Ok(bytes) => {
                fs::remove_file(&answer)?;
                return Ok(Some(serde_json::from_slice(&bytes)?));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if clock.now().since(since) > PATIENCE {
            match fs::remove_file(&word) {
                Ok(()) => return Ok(None),
                // It was taken up just now: its answer is on the way.
                Err(error) if error.kind() == io::ErrorKind::NotFound => since = clock.now(),
                Err(error) => return Err(error),
            }
        }
        clock.sleep(POLL).await;
    }
}

/// A word that waits in the folder, and where its answer goes.
#[derive(Debug)]
pub struct Waiting {
    /// The word.
    pub said: Said,
    answer: PathBuf,
}

impl Waiting {
    /// Answers it; that the answer cannot be written changes nothing of what was done.
    pub fn answer(&self, answer: &Answer) {
        if let Ok(bytes) = serde_json::to_vec(answer) {
            let _written = write(&self.answer, &bytes);
        }
    }
}

/// Takes up every word that waits in `folder`, the oldest first. One that nobody waits for any more is put away.
pub fn take_up(folder: &Path, now_ms: i64) -> Vec<Waiting> {
    let mut waiting = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.strip_prefix(WORD)) else {
            continue;
        };
        let said = fs::read(entry.path())
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Said>(&bytes).ok());
        // Whoever removes it owns it: the person may have given up in between.
        if fs::remove_file(entry.path()).is_err() {
            continue;
        }
        let answer = folder.join(format!("{ANSWER}{id}"));
        waiting.extend(
            said.filter(|said| (now_ms - said.at_ms).abs() <= FRESH_MS)
                .map(|said| Waiting { said, answer }),
        );
    }
    waiting.sort_by_key(|waiting| waiting.said.at_ms);
    waiting
}

/// Puts away what an earlier process left: a word to it is none to the next.
pub fn forget(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(WORD) || name.starts_with(ANSWER) {
            // Somebody may be faster; then it is gone all the same.
            let _gone = fs::remove_file(entry.path());
        }
    }
}

/// Whole or not at all, and readable for its owner alone.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let name = fresh.file_name().unwrap_or_default().to_string_lossy();
    // Under a name that nobody takes for a word.
    let fresh = fresh.with_file_name(format!("half-{name}"));
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(bytes)?;
    fs::rename(fresh, path)
}
