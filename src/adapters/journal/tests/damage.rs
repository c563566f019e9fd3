//! Files torn, gone or not its own: what the guard log has comes back, and the journal never begins
//! anew by itself.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use super::{append, config, event, moved, open, payment};
use crate::adapters::journal::{Journal, OpenFailed, Recovery, leave_snapshot, store::Changes};
use store_actors::{
    domain::{invariant, payment::State},
    ports::JournalDisk,
};

/// A journal of `len` records, closed or as a kill would leave it.
async fn journal(dir: &Path, len: u32, closed: bool) {
    append_to(open(dir), 0..len, closed).await;
}

async fn journal_from(dir: &Path, from: u32, to: u32) {
    append_to(open(dir), from..to, true).await;
}

async fn append_to(journal: Journal, payments: Range<u32>, closed: bool) {
    for n in payments {
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
async fn a_snapshot_is_left_behind_a_clean_end_only() {
    for closed in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        journal(dir.path(), 50, closed).await;
        let sled = dir.path().join("sled");
        let before = snapshots(&sled);
        leave_snapshot(dir.path()).unwrap();
        assert_eq!(snapshots(&sled) != before, closed);
        assert_eq!(assert_whole(dir.path(), 50).await.was_clean, closed);
    }
    let dir = tempfile::tempdir().unwrap();
    let _open = open(dir.path());
    let refused = leave_snapshot(dir.path());
    assert!(matches!(refused, Err(OpenFailed::InUse { .. })));
}

/// Opens it, and every record and payment of `journal(len)` is there.
async fn assert_whole(dir: &Path, len: u32) -> Recovery {
    let journal = open(dir);
    let records = journal.records(1, usize::MAX, usize::MAX).await.unwrap();
    assert_eq!(records.len(), len as usize);
    assert_eq!(invariant::is_chained(&records), Ok(()));
    for n in 0..len {
        let wanted = payment(n, State::Approved);
        assert_eq!(journal.payment(wanted.id).await.unwrap(), Some(wanted));
    }
    append(&journal, &[event(1)]).await.unwrap();
    journal.recovery().clone()
}

/// As sled leaves it when it erases: its files are there and empty. Or gone altogether.
fn erase(dir: &Path, files_too: bool) {
    let sled = dir.join("sled");
    fs::remove_dir_all(&sled).unwrap();
    if !files_too {
        fs::create_dir_all(&sled).unwrap();
        fs::write(sled.join("db"), []).unwrap();
    }
}

#[tokio::test]
async fn an_erased_store_is_made_anew_from_the_guard_log() {
    for (closed, files_too) in [(true, true), (true, false), (false, true), (false, false)] {
        let dir = tempfile::tempdir().unwrap();
        journal(dir.path(), 5, closed).await;
        erase(dir.path(), files_too);
        let recovery = assert_whole(dir.path(), 5).await;
        assert_eq!(recovery.replayed, 5);
        assert!(recovery.store_rebuilt.is_some(), "{recovery:?}");
        assert_eq!(recovery.begins_after, 0);
        assert_eq!(recovery.was_clean, closed);
    }
}

#[tokio::test]
async fn an_erased_journal_is_not_taken_for_a_new_one() {
    for closed in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        journal(dir.path(), 5, closed).await;
        fs::remove_dir_all(dir.path().join("guard")).unwrap();
        erase(dir.path(), false);
        // without a clean end the marker knows of the first record at least
        for _ in 0..2 {
            let lost = refusal(dir.path());
            assert!(
                matches!(
                    lost,
                    OpenFailed::RecordsLost {
                        expected: 1..=5,
                        found: 0,
                        ..
                    }
                ),
                "{lost}"
            );
            assert!(lost.to_string().contains("backup"), "{lost}");
        }
    }
}

#[tokio::test]
async fn a_lost_guard_log_is_begun_anew_behind_a_whole_store() {
    let dir = tempfile::tempdir().unwrap();
    journal(dir.path(), 5, true).await;
    fs::remove_dir_all(dir.path().join("guard")).unwrap();
    let recovery = assert_whole(dir.path(), 5).await;
    assert_eq!((recovery.replayed, recovery.store_rebuilt), (0, None));
    assert_eq!(open(dir.path()).tip().seq, 6);
}

#[tokio::test]
async fn an_older_copy_of_the_store_is_brought_up_from_the_guard_log() {
    let dir = tempfile::tempdir().unwrap();
    journal(dir.path(), 5, true).await;
    let copy = tempfile::tempdir().unwrap();
    copy_dir(&dir.path().join("sled"), copy.path());
    journal_from(dir.path(), 5, 10).await;
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    copy_dir(copy.path(), &dir.path().join("sled"));
    let recovery = assert_whole(dir.path(), 10).await;
    assert_eq!((recovery.replayed, recovery.store_rebuilt), (5, None));
}

#[tokio::test]
async fn the_store_of_another_journal_is_put_aside() {
    for theirs_len in [2, 9] {
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        journal(ours.path(), 3, true).await;
        let other = open(theirs.path());
        for _ in 0..theirs_len {
            append(&other, &[moved(&payment(7, State::Approved))])
                .await
                .unwrap();
        }
        other.close().await.unwrap();
        drop(other);
        fs::remove_dir_all(ours.path().join("sled")).unwrap();
        copy_dir(&theirs.path().join("sled"), &ours.path().join("sled"));
        let recovery = assert_whole(ours.path(), 3).await;
        assert!(recovery.store_rebuilt.is_some(), "{recovery:?}");
        assert!(ours.path().join("aside/sled/db").is_file());
    }
}

#[tokio::test]
async fn flipped_bits_in_the_store_never_change_what_is_read() {
    let dir = tempfile::tempdir().unwrap();
    journal(dir.path(), 40, true).await;
    let file = dir.path().join("sled/db");
    let whole = fs::read(&file).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
    let mut rebuilt = 0;
    for at in (0..used).step_by(used / 12) {
        let place = tempfile::tempdir().unwrap();
        copy_dir(dir.path(), place.path());
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(place.path().join("sled/db"), bytes).unwrap();
        let recovery = assert_whole(place.path(), 40).await;
        rebuilt += u32::from(recovery.store_rebuilt.is_some() || recovery.replayed > 0);
    }
    assert!(rebuilt > 0, "no flipped bit was noticed");
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

/// What the marker tells, as it stands in its file.
fn change_marker(dir: &Path, field: &str, value: impl Into<serde_json::Value>) {
    let path = dir.join("marker.json");
    let mut marker: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert!(marker.get(field).is_some(), "{marker}");
    marker[field] = value.into();
    fs::write(path, marker.to_string()).unwrap();
}

#[tokio::test]
async fn a_marker_that_knows_of_more_than_there_is_tells_a_loss() {
    for closed in [true, false] {
        for field in ["seq", "payments"] {
            let dir = tempfile::tempdir().unwrap();
            journal(dir.path(), 5, closed).await;
            change_marker(dir.path(), field, 9);
            let lost = refusal(dir.path());
            let OpenFailed::RecordsLost {
                expected, found, ..
            } = lost
            else {
                panic!("{field}, closed {closed}: {lost}");
            };
            assert_eq!(found, 5);
            // without a clean end the marker knows of the first record at least
            let known = if field == "seq" { 9..=9 } else { 1..=5 };
            assert!(known.contains(&expected), "{field}: {expected}");
        }
    }
}

#[tokio::test]
async fn a_journal_that_was_closed_and_is_another_now_is_not_taken_for_it() {
    for (field, value) in [("seq", 4), ("payments", 4)] {
        let dir = tempfile::tempdir().unwrap();
        journal(dir.path(), 5, true).await;
        change_marker(dir.path(), field, value);
        let damaged = refusal(dir.path());
        assert!(matches!(damaged, OpenFailed::Damaged { .. }), "{damaged}");
    }
    let dir = tempfile::tempdir().unwrap();
    journal(dir.path(), 5, true).await;
    change_marker(dir.path(), "hash", "00".repeat(32));
    let damaged = refusal(dir.path());
    assert!(matches!(damaged, OpenFailed::Damaged { .. }), "{damaged}");
}

/// Takes the records that begin with `seq` out of the store, behind the journal's back.
async fn lose_records(dir: &Path, seq: u64) {
    let journal = open(dir);
    let mut changes = Changes::default();
    changes.records.remove(&seq.to_be_bytes());
    journal.shared.store.apply(&changes).unwrap();
    journal.close().await.unwrap();
}

#[tokio::test]
async fn a_damaged_store_is_taken_from_its_copy_without_the_snapshot_and_brought_up() {
    let dir = tempfile::tempdir().unwrap();
    journal(dir.path(), 5, true).await;
    let earlier = tempfile::tempdir().unwrap();
    copy_dir(&dir.path().join("sled"), earlier.path());
    journal_from(dir.path(), 5, 10).await;
    lose_records(dir.path(), 6).await;
    // left by a start that was cut off
    let copy = dir.path().join("copy");
    copy_dir(earlier.path(), &copy);
    fs::write(copy.join("snap.00000000000000ff"), "torn").unwrap();
    let recovery = assert_whole(dir.path(), 10).await;
    let why = recovery.store_from_copy.as_deref();
    assert!(why.is_some_and(|why| !why.is_empty()), "{recovery:?}");
    assert_eq!((recovery.replayed, recovery.store_rebuilt), (5, None));
    assert!(dir.path().join("aside/sled/db").is_file());
    assert!(
        !snapshots(&dir.path().join("sled"))
            .iter()
            .any(|path| path.ends_with("snap.00000000000000ff"))
    );
}

#[tokio::test]
async fn a_missing_or_changed_record_is_found_when_the_journal_is_opened_and_comes_back() {
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
            journal.shared.wait_applied().unwrap();
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
        let journal = open(dir.path());
        assert!(journal.recovery().store_rebuilt.is_some());
        let records = journal.records(1, usize::MAX, usize::MAX).await.unwrap();
        assert_eq!(records.len(), 5);
        assert_eq!(invariant::is_chained(&records), Ok(()));
    }
}

#[tokio::test]
async fn a_journal_of_a_later_format_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    append(&journal, &[event(1)]).await.unwrap();
    let mut changes = Changes::default();
    changes.meta.insert("format", &3u32.to_be_bytes());
    journal.shared.store.apply(&changes).unwrap();
    journal.close().await.unwrap();
    drop(journal);
    let refused = refusal(dir.path());
    assert!(
        matches!(refused, OpenFailed::AnotherFormat { found: 3, .. }),
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
