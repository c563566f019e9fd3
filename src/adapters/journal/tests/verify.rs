//! What a check to the bottom finds, and what a repair makes of it.

use std::{fs, path::Path};

use store_actors::{domain::payment::State, ports::JournalDisk};

use super::{append, config, event, moved, open, payment};
use crate::adapters::journal::{
    Journal,
    guard::{self, GROUP_HEAD_BYTES, SEGMENT_HEAD_BYTES},
    store::Changes,
    verify::{Repaired, repair, verify},
};

const LEN: u32 = 20;

async fn filled(dir: &Path, len: u32) {
    let journal = open(dir);
    for n in 0..len {
        let state = if n % 5 == 0 {
            State::Unknown
        } else {
            State::Approved
        };
        append(&journal, &[moved(&payment(n, State::Opened))])
            .await
            .unwrap();
        append(&journal, &[moved(&payment(n, state)), event(10)])
            .await
            .unwrap();
        if n % 5 == 0 {
            // what follows is not in one value with this
            journal.shared.wait_applied().unwrap();
        }
    }
    journal.close().await.unwrap();
}

async fn damaged(dir: &Path, len: u32, damage: impl FnOnce(&Journal, &mut Changes)) {
    filled(dir, len).await;
    let journal = open(dir);
    let mut changes = Changes::default();
    damage(&journal, &mut changes);
    journal.shared.store.apply(&changes).unwrap();
    journal.close().await.unwrap();
}

#[tokio::test]
async fn a_whole_journal_has_no_faults() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), LEN).await;
    let found = verify(dir.path()).unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
    assert_eq!((found.first_seq, found.tip), (1, u64::from(LEN) * 3));
    assert_eq!(
        (found.payments, found.guard_records),
        (u64::from(LEN), u64::from(LEN) * 3)
    );
}

type Damage = fn(&Journal, &mut Changes);

async fn is_named_and_mended(len: u32, damage: Damage, words: &str) {
    let dir = tempfile::tempdir().unwrap();
    damaged(dir.path(), len, damage).await;
    let found = verify(dir.path()).unwrap();
    let is_named = found.faults.iter().any(|fault| fault.contains(words));
    assert!(is_named, "{words}: {:?}", found.faults);
    assert_eq!(repair(dir.path(), &found).unwrap(), Repaired::Store);
    let mended = verify(dir.path()).unwrap();
    assert_eq!(mended.faults, Vec::<String>::new(), "{words}");
    assert_eq!(mended.tip, u64::from(len) * 3);
}

/// Further back than an opening looks by itself.
#[tokio::test]
async fn records_that_are_gone_from_the_middle_are_named_and_made_anew() {
    let damage: Damage = |journal, changes| {
        let (key, _) = journal.shared.store.records.iter().nth(2).unwrap().unwrap();
        changes.records.remove(key);
    };
    is_named_and_mended(20 * LEN, damage, "does not continue the chain").await;
}

#[tokio::test]
async fn what_the_store_has_wrong_is_named_and_made_anew_from_the_guard_log() {
    let damages: [(Damage, &str); 5] = [
        (
            |_, changes| {
                changes
                    .payments
                    .remove(&payment(3, State::Opened).id.to_bytes())
            },
            "is missing",
        ),
        (
            |journal, changes| {
                let id = payment(4, State::Opened).id.to_bytes();
                let value = journal.shared.store.payments.get(id).unwrap().unwrap();
                let mut older = value.to_vec();
                older[7] ^= 1;
                changes.payments.insert(&id, older);
            },
            "is not as recorded",
        ),
        (
            |_, changes| {
                changes
                    .unsettled
                    .insert(&payment(1, State::Opened).id.to_bytes(), &[])
            },
            "is listed wrongly",
        ),
        (
            |_, changes| changes.keys.insert(b"k and nothing more", &[0; 16]),
            "keys are there",
        ),
        (
            |journal, changes| {
                let (key, _) = journal.shared.store.totals.iter().next().unwrap().unwrap();
                changes.totals.remove(key);
            },
            "not the sums of the payments",
        ),
    ];
    for (damage, words) in damages {
        is_named_and_mended(LEN, damage, words).await;
    }
}

#[tokio::test]
async fn a_broken_guard_log_begins_anew_behind_a_whole_store() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), LEN).await;
    let path = guard::segment_path(&dir.path().join("guard"), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[SEGMENT_HEAD_BYTES + GROUP_HEAD_BYTES + 20] ^= 1;
    fs::write(&path, bytes).unwrap();
    let found = verify(dir.path()).unwrap();
    assert!(
        found.faults[0].contains("broken at byte 64"),
        "{:?}",
        found.faults
    );
    assert_eq!(repair(dir.path(), &found).unwrap(), Repaired::Guard);
    assert_eq!(verify(dir.path()).unwrap().faults, Vec::<String>::new());
    let journal = open(dir.path());
    append(&journal, &[event(1)]).await.unwrap();
    assert_eq!(journal.tip().seq, u64::from(LEN) * 3 + 1);
}

#[tokio::test]
async fn with_both_damaged_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    damaged(dir.path(), LEN, |_, changes| {
        changes
            .payments
            .remove(&payment(3, State::Opened).id.to_bytes());
    })
    .await;
    let path = guard::segment_path(&dir.path().join("guard"), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[SEGMENT_HEAD_BYTES + GROUP_HEAD_BYTES + 20] ^= 1;
    fs::write(&path, bytes).unwrap();
    let found = verify(dir.path()).unwrap();
    assert_eq!(repair(dir.path(), &found).unwrap(), Repaired::Nothing);
    assert!(Journal::open(config(dir.path())).is_ok());
}
