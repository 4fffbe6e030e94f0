use super::*;
use crate::gate::state::{Aside, State};

struct TornPen {
    /// Writes that still succeed whole.
    whole: usize,
}

impl Pen for TornPen {
    fn append(&mut self, path: &Path, line: &[u8]) -> io::Result<()> {
        if self.whole == 0 {
            DiskPen.append(path, &line[..line.len() / 2])?;
            return Err(io::Error::other("the machine stopped"));
        }
        self.whole -= 1;
        DiskPen.append(path, line)
    }
}

fn hold(reason: &str) -> Entry {
    Entry::Aside {
        aside: Some(Aside::Hold {
            reason: reason.to_owned(),
        }),
    }
}

fn open(folder: &Path, force: bool) -> Result<Journal, JournalError> {
    Journal::open(folder, "test", force, Box::new(DiskPen), 1)
}

#[test]
fn a_torn_last_line_is_cut_off_and_anything_broken_before_it_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(JOURNAL);
    let mut journal = Journal::open(
        folder.path(),
        "test",
        false,
        Box::new(TornPen { whole: 3 }),
        1,
    )
    .expect("an empty folder");
    for reason in ["a", "b", "c"] {
        journal.write(hold(reason), 2).expect("whole");
    }
    assert!(journal.write(hold("d"), 3).is_err());
    drop(journal);

    let journal = open(folder.path(), false).expect("a torn end is no fault");
    let contents = journal.contents();
    assert_eq!((contents.lines.len(), contents.broken), (4, None));
    assert!(matches!(contents.lines[3].entry, Entry::Mended { bytes } if bytes > 0));
    drop(journal);
    let again = open(folder.path(), false).expect("whole now");
    assert_eq!(again.contents().lines.len(), 4, "mended once");
    drop(again);

    let whole = fs::read_to_string(&path).expect("text");
    let lines: Vec<&str> = whole.lines().collect();
    for (name, text, broken, kept) in [
        (
            "a changed word",
            whole.replacen("\"b\"", "\"B\"", 1),
            Some(2),
            3,
        ),
        (
            "a missing line",
            [lines[0], lines[2], lines[3], ""].join("\n"),
            Some(2),
            3,
        ),
        (
            "a garbled line",
            whole.replacen(lines[0], "x", 1),
            Some(1),
            3,
        ),
        (
            "no line break at the end",
            whole.trim_end().to_owned(),
            None,
            3,
        ),
        (
            "a changed last line",
            whole.replacen("mended", "mendeD", 1),
            None,
            3,
        ),
    ] {
        let contents = Contents::parse(text.as_bytes());
        assert_eq!(
            (contents.broken, contents.lines.len()),
            (broken, kept),
            "{name}"
        );
    }
}

#[test]
fn one_process_writes_and_force_stops_the_other_at_its_next_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut first = open(folder.path(), false).expect("free");
    first.write(hold("a"), 2).expect("it holds the right");
    let refused = open(folder.path(), false).expect_err("taken");
    assert!(refused.to_string().contains("test"), "{refused}");
    let mut second = open(folder.path(), true).expect("by force");
    assert!(matches!(&second.contents().lines[1].entry, Entry::Stolen { from } if from == "test"));
    assert!(matches!(
        first.write(hold("b"), 3),
        Err(JournalError::Stolen)
    ));
    second.write(hold("c"), 3).expect("it holds the right now");
    let contents = Journal::look(folder.path()).expect("readable");
    assert_eq!((contents.lines.len(), contents.broken), (3, None));
    assert_eq!(contents.standing().state, State::Draft);
}
