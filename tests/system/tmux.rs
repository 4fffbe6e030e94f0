//! A real terminal, played by tmux, with the program in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Longer than any screen takes; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_mins(2);

/// Cells and lines of a terminal.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

/// A terminal of its own, gone with the value.
pub(crate) struct Terminal {
    socket: PathBuf,
    ended: PathBuf,
    stream: PathBuf,
}

impl Terminal {
    /// Starts the program in `folder` with nothing of the developer's in its environment but `variables`.
    pub(crate) fn start(folder: &Path, args: &str, size: Size, variables: &[(&str, &str)]) -> Self {
        let terminal = Self {
            socket: folder.join("tmux.socket"),
            ended: folder.join("ended"),
            stream: folder.join("stream"),
        };
        let _ = fs::remove_file(&terminal.ended);
        let _ = fs::remove_file(&terminal.stream);
        let program = env!("CARGO_BIN_EXE_verifier-under-test");
        // The shell outlives Ctrl-C, which is for the program.
        let script = format!(
            "trap : INT; if command -v cargo; then echo there is a cargo; exit; fi; '{program}' {args}; \
             echo $? >'{ended}.part'; mv '{ended}.part' '{ended}'; sleep 300",
            ended = terminal.ended.display()
        );
        let variables: Vec<String> = variables
            .iter()
            .map(|(name, value)| format!("{name}={}", quoted(value)))
            .collect();
        let command = format!(
            "exec env -i PATH=/usr/bin:/bin LANG=C.UTF-8 TERM=\"$TERM\" {} sh -c {}",
            variables.join(" "),
            quoted(&script)
        );
        terminal.tmux(&[
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            &size.columns.to_string(),
            "-y",
            &size.rows.to_string(),
            "-c",
            &folder.display().to_string(),
            &command,
            ";",
            "pipe-pane",
            &format!(
                "exec cat >{}",
                quoted(&terminal.stream.display().to_string())
            ),
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

    pub(crate) fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// The screen with what has gone off its upper end.
    pub(crate) fn with_history(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-S", "-"])
    }

    /// The screen with the escape codes of its colours.
    pub(crate) fn coloured(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-e"])
    }

    /// Whether some line of the screen goes on in the next one.
    pub(crate) fn wraps(&self) -> bool {
        self.tmux(&["capture-pane", "-p", "-J"]).lines().count() < self.screen().lines().count()
    }

    /// Everything that the program has written, to the byte, once `words` are in it.
    pub(crate) fn stream(&self, words: &str) -> String {
        let start = Instant::now();
        loop {
            let bytes = fs::read(&self.stream).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if text.contains(words) {
                return text;
            }
            assert!(start.elapsed() < PATIENCE, "{words} expected in\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until all `words` stand on the screen.
    pub(crate) fn shows(&self, words: &[&str]) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if words.iter().all(|word| screen.contains(word)) {
                return screen;
            }
            assert!(
                start.elapsed() < PATIENCE && !self.ended.exists(),
                "{words:?} expected on\n{screen}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    /// Waits for the program's end; its exit code and its last screen.
    pub(crate) fn end(&self) -> (i32, String) {
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
