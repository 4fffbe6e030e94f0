use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;
use crate::evidence::record::{Evidence, Run};
use crate::evidence::tests::{Event, feed, redactor};
use crate::evidence::{Memory, Recorder};

fn begin(path: &Path) -> (SqliteRecorder, Found) {
    let run = Run {
        legacy: "http://l".to_owned(),
        core: "http://c".to_owned(),
        ..Run::default()
    };
    SqliteRecorder::begin(path, redactor(), run, 1_000).expect("evidence can be written")
}

fn different(at: usize) -> Event {
    Event::new(
        &format!("/api/v1/rooms/{at}"),
        r#"{"id":1,"name":"Kim"}"#,
        r#"{"id":2,"name":"Kim"}"#,
    )
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path)
        .expect("it is there")
        .permissions()
        .mode()
        & 0o777
}

#[test]
fn what_is_written_reads_back_and_equals_what_memory_holds() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("new/evidence.db");
    let (mut recorder, found) = begin(&path);
    assert_eq!(found, Found::default());
    let mut memory = Memory::new(Run::default(), redactor());
    for at in 0..50 {
        for recorder in [&mut recorder as &mut dyn Recorder, &mut memory] {
            feed(&mut |judged| recorder.record(judged), &different(at));
        }
        if at % 7 == 0 {
            assert_eq!(recorder.flush(1_000).error, None);
        }
    }
    assert!(recorder.finish(5_000).wrote);
    let evidence = read(&path).expect("evidence");
    assert_eq!(evidence.ledger, memory.evidence().ledger);
    assert_eq!(evidence.broken_records, 0);
    let run = evidence.runs.values().next().expect("a run");
    assert_eq!(
        (run.ended_ms, run.cut_off, evidence.runs.len()),
        (Some(5_000), false, 1)
    );
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&beside(&path, ".lock")), 0o600);
    assert_eq!(mode(path.parent().expect("a folder")), 0o700);
}

#[test]
fn batches_are_written_when_due_and_not_before() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("evidence.db");
    let (mut recorder, _) = begin(&path);
    feed(&mut |judged| recorder.record(judged), &different(1));
    assert!(!recorder.flush_if_due(1_999).wrote);
    assert!(recorder.flush_if_due(2_000).wrote);
    assert!(!recorder.flush_if_due(5_000).wrote, "nothing new");
    assert!(recorder.flush_if_due(12_000).wrote, "a sign of life");
    feed(&mut |judged| recorder.record(judged), &different(2));
    assert!(recorder.flush_if_due(900).wrote, "the clock was set back");
    assert_eq!(mode(&beside(&path, "-wal")), 0o600);
}

#[test]
fn a_run_that_was_killed_is_counted_once_and_keeps_its_batches() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("evidence.db");
    let (mut recorder, _) = begin(&path);
    feed(&mut |judged| recorder.record(judged), &different(1));
    recorder.flush(2_000);
    assert!(
        !read(&path)
            .expect("evidence")
            .runs
            .values()
            .any(|run| run.cut_off),
        "it is alive"
    );
    feed(&mut |judged| recorder.record(judged), &different(2));
    // As `kill -9` does: no end, and the last batch never written.
    drop(recorder);
    let evidence = read(&path).expect("evidence");
    assert!(evidence.runs.values().all(|run| run.cut_off));
    let count = |evidence: &Evidence| {
        evidence
            .ledger
            .groups
            .values()
            .map(|group| group.exchanges)
            .sum::<u64>()
    };
    assert_eq!(count(&evidence), 1);

    let (mut next, found) = begin(&path);
    assert_eq!((found.cut_off_runs, found.broken_records), (1, 0));
    feed(&mut |judged| next.record(judged), &different(3));
    next.finish(9_000);
    let (_, found) = begin(&path);
    assert_eq!(found.cut_off_runs, 0, "counted once");
    let evidence = read(&path).expect("evidence");
    assert_eq!(count(&evidence), 2);
}

#[test]
fn a_damaged_record_is_left_out_and_counted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("evidence.db");
    let (mut recorder, _) = begin(&path);
    feed(&mut |judged| recorder.record(judged), &different(1));
    recorder.finish(2_000);
    let database = Connection::open(&path).expect("a database");
    let changed = database
        .execute("UPDATE records SET body = replace(body, 'exchanges', 'exchangez') WHERE kind = 'group'", [])
        .expect("a change");
    assert_eq!(changed, 1);
    drop(database);
    let evidence = read(&path).expect("evidence");
    assert_eq!(
        (evidence.broken_records, evidence.ledger.groups.len()),
        (1, 0)
    );
    let (_, found) = begin(&path);
    assert_eq!(found.broken_records, 1);
}

#[test]
fn an_unreadable_file_is_set_aside_and_a_foreign_one_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("evidence.db");
    std::fs::write(
        &path,
        "no database at all, but long enough to be taken for one".repeat(40),
    )
    .expect("a file");
    assert!(read(&path).is_err());
    let (mut recorder, found) = begin(&path);
    let aside = found.set_aside.expect("set aside");
    assert!(aside.exists());
    feed(&mut |judged| recorder.record(judged), &different(1));
    recorder.finish(2_000);
    let evidence = read(&path).expect("evidence");
    assert_eq!(
        evidence
            .runs
            .values()
            .map(|run| run.files_set_aside)
            .sum::<u64>(),
        1
    );

    let foreign = folder.path().join("foreign.db");
    let database = Connection::open(&foreign).expect("a database");
    database
        .execute_batch("CREATE TABLE customers (name TEXT)")
        .expect("a table");
    drop(database);
    let refused = SqliteRecorder::begin(&foreign, redactor(), Run::default(), 1);
    assert!(matches!(refused, Err(StoreError::Foreign(_))));
    assert!(matches!(read(&foreign), Err(StoreError::Foreign(_))));
}

#[test]
fn a_cut_file_costs_evidence_and_never_a_panic() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("evidence.db");
    let (mut recorder, _) = begin(&path);
    for at in 0..200 {
        let body = |value: usize| format!("{{\"f{at}\":{value}}}");
        feed(
            &mut |judged| recorder.record(judged),
            &Event::new("/a", &body(1), &body(2)),
        );
    }
    recorder.finish(2_000);
    let whole = std::fs::read(&path).expect("a file");
    for part in [1, 3, 5, 7] {
        let torn = folder.path().join(format!("torn-{part}.db"));
        std::fs::write(&torn, &whole[..whole.len() * part / 8]).expect("a file");
        if let Ok(evidence) = read(&torn) {
            assert!(
                evidence.broken_records > 0,
                "{part}/8 of a file is not whole"
            );
        }
        let (mut recorder, found) = begin(&torn);
        assert!(
            found.set_aside.is_some() || found.broken_records > 0,
            "{part}/8: {found:?}"
        );
        feed(&mut |judged| recorder.record(judged), &different(1));
        let _may_fail = recorder.finish(3_000);
    }
}

#[test]
fn a_full_disk_is_counted_once_and_made_good_when_there_is_room() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("evidence.db");
    let (mut recorder, _) = begin(&path);
    recorder.limit_pages(12);
    let mut lost = 0;
    for at in 0..400 {
        let body = |value: usize| format!("{{\"f{at}\":{value}}}");
        feed(
            &mut |judged| recorder.record(judged),
            &Event::new("/a", &body(1), &body(2)),
        );
        if at % 100 == 99 {
            let flushed = recorder.flush(2_000);
            assert!(!flushed.wrote && flushed.error.is_some());
            lost += flushed.lost;
        }
    }
    assert_eq!(lost, 400);
    recorder.limit_pages(1_000_000);
    assert_eq!(recorder.flush(3_000).error, None);
    recorder.finish(4_000);
    let evidence = read(&path).expect("evidence");
    let run = evidence.runs.values().next().expect("a run");
    assert_eq!((run.late, run.failed_batches), (400, 4));
    assert_eq!(evidence.ledger.groups.len(), 400);
}

#[test]
fn a_file_that_was_moved_away_is_begun_anew() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("evidence.db");
    let (mut recorder, _) = begin(&path);
    feed(&mut |judged| recorder.record(judged), &different(1));
    recorder.flush(2_000);
    for name in ["evidence.db", "evidence.db-wal", "evidence.db-shm"] {
        std::fs::rename(
            folder.path().join(name),
            folder.path().join(format!("old-{name}")),
        )
        .expect("it is there");
    }
    feed(&mut |judged| recorder.record(judged), &different(2));
    assert_eq!(recorder.finish(3_000).error, None);
    let evidence = read(&path).expect("evidence");
    assert_eq!(
        evidence
            .ledger
            .groups
            .values()
            .map(|group| group.exchanges)
            .sum::<u64>(),
        2
    );
}

#[test]
fn merged_evidence_reads_back_and_old_evidence_can_be_forgotten() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let paths = ["a.db", "b.db"].map(|name| folder.path().join(name));
    let mut all = Evidence::default();
    for (at, path) in paths.iter().enumerate() {
        let (mut recorder, _) = begin(path);
        feed(&mut |judged| recorder.record(judged), &different(at));
        assert!(matches!(prune(path, 0), Err(StoreError::InUse(_))));
        recorder.finish(2_000 + 1_000 * i64::try_from(at).expect("small"));
        all.merge(read(path).expect("evidence")).expect("one key");
    }
    let merged = folder.path().join("all.db");
    write(&merged, &all).expect("a new file");
    assert_eq!(read(&merged).expect("evidence"), all);
    assert!(matches!(write(&merged, &all), Err(StoreError::Exists(_))));

    // The runs' last words are at 2,000 and 3,000, the examples at 1,000.
    assert_eq!(prune(&merged, 1_000).expect("pruned"), Pruned::default());
    assert_eq!(
        prune(&merged, 2_500).expect("pruned"),
        Pruned {
            runs: 1,
            samples: 2
        }
    );
    let left = read(&merged).expect("evidence");
    let group = left.ledger.groups.values().next().expect("still counted");
    assert_eq!(
        (left.runs.len(), group.exchanges, group.samples.len()),
        (1, 2, 0)
    );
}
