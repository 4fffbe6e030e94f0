//! `verifier review|accept|reject` at a real terminal, without Rust on the machine: what they leave behind
//! is what `cargo insta` leaves.

use std::fs;
use std::path::Path;

use fixtures::rms::defects::Defect;
use verifier::report::Exit;

use crate::harness::{Package, core, snapshots};
use crate::review::{ROOMS, copy, insta};
use crate::tmux::{Size, Terminal};

fn start(folder: &Path, args: &str) -> Terminal {
    let size = Size {
        columns: 120,
        rows: 50,
    };
    Terminal::start(folder, args, size, &[])
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
        let (code, screen) = start(ours.path(), verb).end();
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
        let (code, screen) = start(ours.path(), &format!("{verb} '{case}'")).end();
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

    let terminal = start(ours.path(), "review");
    let first = format!("1 of {all}");
    terminal.shows(&[&first, "roomGroupId", "answered by candidate", "a accept"]);
    let above = terminal.with_history();
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
