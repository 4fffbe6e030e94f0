//! `verifier review|accept|reject` at a real terminal, without Rust on the machine: what they leave behind
//! is what `cargo insta` leaves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use fixtures::rms::defects::Defect;
use verifier::report::Exit;

use crate::harness::{Package, core, snapshots};
use crate::review::{ROOMS, copy, insta};

/// Longer than any screen takes; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A terminal of its own, gone with the value.
struct Terminal {
    socket: PathBuf,
    ended: PathBuf,
}

impl Terminal {
    /// Starts the program in `folder` with nothing of the developer's in its environment.
    fn start(folder: &Path, args: &str) -> Self {
        let terminal = Self {
            socket: folder.join("tmux.socket"),
            ended: folder.join("ended"),
        };
        let _ = fs::remove_file(&terminal.ended);
        let program = env!("CARGO_BIN_EXE_verifier-under-test");
        let script = format!(
            "if command -v cargo; then echo there is a cargo; exit; fi; '{program}' {args}; \
             echo $? >'{ended}.part'; mv '{ended}.part' '{ended}'; sleep 30",
            ended = terminal.ended.display()
        );
        let command = format!(
            "exec env -i PATH=/usr/bin:/bin LANG=C.UTF-8 TERM=\"$TERM\" sh -c {}",
            quoted(&script)
        );
        terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            "120",
            "-y",
            "50",
            "-c",
            &folder.display().to_string(),
            &command,
        ]);
        terminal
    }

    fn tmux(&self, args: &[&str]) -> String {
        let output = Command::new("tmux")
            .arg("-S")
            .arg(&self.socket)
            .args(args)
            .output()
            .expect("Debian's package `tmux` is installed");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "tmux {args:?}: {told}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until all `words` stand on the screen.
    fn shows(&self, words: &[&str]) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if words.iter().all(|word| screen.contains(word)) {
                return screen;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "{words:?} expected on\n{screen}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// Waits for the program's end; its exit code and its last screen.
    fn end(self) -> (i32, String) {
        let start = Instant::now();
        while !self.ended.exists() {
            assert!(
                start.elapsed() < PATIENCE,
                "still running:\n{}",
                self.screen()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        let code = fs::read_to_string(&self.ended).expect("an exit code");
        let screen = self.screen();
        fs::remove_file(&self.ended).expect("a file of our own");
        (code.trim().parse().expect("a number"), screen)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let socket = &self.socket;
        let _ = Command::new("tmux")
            .arg("-S")
            .arg(socket)
            .arg("kill-server")
            .output();
        let _ = fs::remove_file(socket);
    }
}

fn quoted(script: &str) -> String {
    format!("'{}'", script.replace('\'', r"'\''"))
}

/// All files of `golden/`, pending ones too, to the byte.
fn files(folder: &Path) -> Vec<(String, String)> {
    let golden = folder.join("golden");
    let mut all: Vec<(String, String)> = fs::read_dir(&golden)
        .expect("a folder")
        .flatten()
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read_to_string(entry.path()).expect("a text"))
        })
        .collect();
    all.sort();
    all
}

/// The same pending files twice: for `cargo insta`, and for ours.
async fn twice() -> (Package, tempfile::TempDir, Vec<String>) {
    let package = Package::with_goldens();
    let core = core(Defect::H51.into()).await;
    assert_eq!(
        ROOMS.replay(&package, &core.url()).await.exit(),
        Exit::Differences
    );
    let pending = package.pending();
    assert!(pending.len() >= 3, "{pending:?}");
    let other = tempfile::tempdir().expect("a place for test files");
    copy(package.path(), other.path());
    assert_eq!(files(package.path()), files(other.path()));
    (package, other, pending)
}

#[tokio::test(flavor = "multi_thread")]
async fn accept_and_reject_leave_what_cargo_insta_leaves() {
    for verb in ["accept", "reject"] {
        let (with_insta, ours, pending) = twice().await;
        let before = files(ours.path());
        insta(with_insta.path(), &[verb], &[]);
        let (code, screen) = Terminal::start(ours.path(), verb).end();
        assert_eq!(code, 0, "{screen}");
        assert!(screen.contains(&format!("{verb}ed ")), "{screen}");
        assert_eq!(files(ours.path()), files(with_insta.path()), "{verb}");
        assert_ne!(files(ours.path()), before, "{verb}");
        // and of one file only
        let (with_insta, ours, _) = twice().await;
        let case = pending[0]
            .trim_end_matches(".new")
            .trim_end_matches(".snap");
        insta(
            with_insta.path(),
            &[verb, "--snapshot", &format!("golden/{case}.snap")],
            &[],
        );
        let (code, screen) = Terminal::start(ours.path(), &format!("{verb} '{case}'")).end();
        assert_eq!(code, 0, "{screen}");
        assert_eq!(
            files(ours.path()),
            files(with_insta.path()),
            "{verb} {case}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_shows_each_difference_and_does_what_the_keys_say() {
    let (with_insta, ours, pending) = twice().await;
    let all = pending.len();
    let file = |at: usize| {
        let name = pending[at].trim_end_matches(".new");
        format!("golden/{name}")
    };
    insta(with_insta.path(), &["accept", "--snapshot", &file(0)], &[]);
    insta(with_insta.path(), &["reject", "--snapshot", &file(1)], &[]);

    let terminal = Terminal::start(ours.path(), "review");
    let first = format!("1 of {all}");
    terminal.shows(&[&first, "roomGroupId", "answered by candidate", "a accept"]);
    let above = terminal.tmux(&["capture-pane", "-p", "-S", "-"]);
    for words in ["GET /api/v1/rooms", "field added", "roomGroupId"] {
        assert!(above.contains(words), "{words} expected in\n{above}");
    }
    terminal.press("x"); // no answer at all
    terminal.press("a");
    terminal.shows(&[&format!("2 of {all}"), "a accept"]);
    terminal.press("r");
    terminal.shows(&[&format!("3 of {all}"), "a accept"]);
    terminal.press("q");
    let (code, screen) = terminal.end();
    assert!(
        code == 1
            && screen.contains(&format!(
                "1 accepted, 1 rejected, {} still pending",
                all - 2
            )),
        "{code} {screen}"
    );
    assert_eq!(files(ours.path()), files(with_insta.path()));
    assert!(snapshots(&ours.path().join("golden")).len() > 50);
}
