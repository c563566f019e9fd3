//! What the journal says when its files are torn, gone or not its own. It never begins anew by
//! itself.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{append, config, event, moved, open, payment};
use crate::adapters::journal::{Journal, OpenFailed, store::Changes};
use store_actors::{domain::payment::State, ports::JournalDisk};

/// A journal of `len` records, closed or as a kill would leave it.
async fn journal(dir: &Path, len: u32, closed: bool) {
    let journal = open(dir);
    for n in 0..len {
        append(&journal, &[moved(&payment(n, State::Approved))])
            .await
            .unwrap();
    }
    if closed {
        journal.close().await.unwrap();
    }
}

fn refusal(dir: &Path) -> OpenFailed {
    Journal::open(config(dir)).unwrap_err()
}

fn snapshots(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_snapshot = |path: &PathBuf| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("snap.")
    };
    entries.filter(is_snapshot).collect()
}

#[tokio::test]
async fn a_torn_snapshot_is_put_aside_and_nothing_is_lost() {
    for cut in [0, 7, 20] {
        let dir = tempfile::tempdir().unwrap();
        journal(dir.path(), 50, true).await;
        journal(dir.path(), 50, true).await;
        let sled = dir.path().join("sled");
        let torn = snapshots(&sled);
        assert!(!torn.is_empty());
        for path in &torn {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len().min(cut)]).unwrap();
        }
        let journal = open(dir.path());
        assert!(journal.was_clean());
        assert_eq!(journal.tip().seq, 100);
        assert_eq!(
            journal.records(1, 1_000, usize::MAX).await.unwrap().len(),
            100
        );
        assert_eq!(snapshots(&dir.path().join("aside")).len(), torn.len());
        append(&journal, &[event(1)]).await.unwrap();
    }
}

#[tokio::test]
async fn an_erased_store_is_not_taken_for_a_new_one() {
    for closed in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        journal(dir.path(), 5, closed).await;
        let sled = dir.path().join("sled");
        let away = dir.path().join("away");
        fs::rename(&sled, &away).unwrap();
        let lost = refusal(dir.path());
        // without a clean end the marker knows of the first record at least
        let known = if closed { 5 } else { 1 };
        assert!(
            matches!(lost, OpenFailed::RecordsLost { expected, found: 0, .. } if expected == known),
            "{lost}"
        );
        assert!(lost.to_string().contains("backup"), "{lost}");

        // as sled leaves it when it erases: its files are there and empty
        fs::create_dir_all(&sled).unwrap();
        fs::write(sled.join("db"), []).unwrap();
        assert!(matches!(
            refusal(dir.path()),
            OpenFailed::RecordsLost { found: 0, .. }
        ));
        assert!(matches!(
            refusal(dir.path()),
            OpenFailed::RecordsLost { found: 0, .. }
        ));

        fs::remove_dir_all(&sled).unwrap();
        fs::rename(&away, &sled).unwrap();
        assert_eq!(open(dir.path()).tip().seq, 5);
    }
}

#[tokio::test]
async fn an_older_copy_of_the_store_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    journal(dir.path(), 5, true).await;
    let copy = tempfile::tempdir().unwrap();
    copy_dir(&dir.path().join("sled"), copy.path());
    journal(dir.path(), 5, true).await;
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    copy_dir(copy.path(), &dir.path().join("sled"));
    let lost = refusal(dir.path());
    assert!(
        matches!(
            lost,
            OpenFailed::RecordsLost {
                expected: 10,
                found: 5,
                ..
            }
        ),
        "{lost}"
    );
}

#[tokio::test]
async fn the_store_of_another_journal_is_noticed() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    journal(ours.path(), 3, true).await;
    let other = open(theirs.path());
    for _ in 0..9 {
        append(&other, &[moved(&payment(7, State::Approved))])
            .await
            .unwrap();
    }
    drop(other);
    fs::remove_dir_all(ours.path().join("sled")).unwrap();
    copy_dir(&theirs.path().join("sled"), &ours.path().join("sled"));
    let lost = refusal(ours.path());
    assert!(
        matches!(
            lost,
            OpenFailed::RecordsLost { .. } | OpenFailed::Damaged { .. }
        ),
        "{lost}"
    );
}

#[tokio::test]
async fn a_marker_that_cannot_be_read_is_an_error_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    journal(dir.path(), 3, true).await;
    fs::write(dir.path().join("marker.json"), "{").unwrap();
    let damaged = refusal(dir.path());
    assert!(matches!(damaged, OpenFailed::Damaged { .. }), "{damaged}");
    assert!(damaged.to_string().contains("marker.json"), "{damaged}");
    fs::remove_file(dir.path().join("marker.json")).unwrap();
    let journal = open(dir.path());
    assert!(!journal.was_clean(), "nobody knows");
    assert_eq!(journal.tip().seq, 3);
}

#[tokio::test]
async fn a_missing_or_changed_record_is_found_when_the_journal_is_opened() {
    let damages: [fn(&mut Changes, Vec<u8>); 3] = [
        |changes, _| changes.records.remove(&4u64.to_be_bytes()),
        |changes, _| changes.records.remove(&5u64.to_be_bytes()),
        |changes, mut record| {
            record[60] ^= 1;
            changes.records.insert(&3u64.to_be_bytes(), record);
        },
    ];
    for damage in damages {
        let dir = tempfile::tempdir().unwrap();
        let journal = open(dir.path());
        for _ in 0..5 {
            append(&journal, &[event(10)]).await.unwrap();
        }
        let store = &journal.shared.store;
        let third = store
            .records
            .get(3u64.to_be_bytes())
            .unwrap()
            .unwrap()
            .to_vec();
        let mut changes = Changes::default();
        damage(&mut changes, third);
        store.apply(&changes).unwrap();
        store.sync().unwrap();
        journal.close().await.unwrap();
        drop(journal);
        let damaged = refusal(dir.path());
        assert!(matches!(damaged, OpenFailed::Damaged { .. }), "{damaged}");
    }
}

#[tokio::test]
async fn a_journal_of_a_later_format_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    append(&journal, &[event(1)]).await.unwrap();
    let mut changes = Changes::default();
    changes.meta.insert("format", &2u32.to_be_bytes());
    journal.shared.store.apply(&changes).unwrap();
    journal.close().await.unwrap();
    drop(journal);
    let refused = refusal(dir.path());
    assert!(
        matches!(refused, OpenFailed::AnotherFormat { found: 2, .. }),
        "{refused}"
    );
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a file");
    fs::write(&file, []).unwrap();
    let refused = refusal(&file.join("journal"));
    assert!(matches!(refused, OpenFailed::Disk { .. }), "{refused}");
    assert!(refused.to_string().contains("a file/journal"), "{refused}");
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
