//! Groups, limits, fail-stop and the clean end.

use std::{sync::Arc, time::Duration};

use store_actors::{
    domain::{
        invariant::is_chained,
        payment::State,
        record::{Fact, Hash, Record},
    },
    ports::{GROUP_BYTES_MAX, GROUP_RECORDS_MAX, JournalDisk, JournalFailed},
};

use tokio::{sync::oneshot, time::Instant};

use super::{append, config, event, facts, moved, open, payment};
use crate::adapters::journal::{
    DISK_WITHIN, Journal, JournalConfig, OpenFailed, Reader, applier::GATHER_INTERVAL,
    store::decode_records, writer::guarded, written,
};

#[tokio::test]
async fn who_waits_for_the_store_cuts_its_gathering_short() {
    const TIMES: u32 = 8;
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let began = Instant::now();
    for _ in 0..TIMES {
        append(&journal, &[event(1)]).await.unwrap();
        journal.parked().await.unwrap();
    }
    let took = began.elapsed();
    assert!(took < GATHER_INTERVAL * TIMES / 2, "{took:?}");
}

#[tokio::test]
async fn a_group_has_its_limits_and_a_value_has_too() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    append(&journal, &vec![event(1); GROUP_RECORDS_MAX])
        .await
        .unwrap();
    append(&journal, &vec![event(2_000); GROUP_BYTES_MAX / 2_200])
        .await
        .unwrap();
    append(&journal, &[event(60_000)]).await.unwrap();
    let before = journal.tip();
    for bodies in [
        vec![],
        vec![event(1); GROUP_RECORDS_MAX + 1],
        vec![event(50_000); 3],
    ] {
        let refused = append(&journal, &bodies).await;
        assert!(
            matches!(refused, Err(JournalFailed::Refused(_))),
            "{refused:?}"
        );
    }
    assert_eq!(journal.tip(), before);
    append(&journal, &[event(1)]).await.unwrap();
    journal.shared.wait_applied().unwrap();

    let values = journal.shared.store.records.iter().values();
    let unpacked = values.map(|value| {
        let records = decode_records(&value.unwrap()).unwrap();
        records.iter().map(Record::encoded_len).sum()
    });
    let values: Vec<usize> = unpacked.collect();
    let too_long = values.iter().filter(|len| **len > 32 * 1024);
    assert_eq!(too_long.count(), 1);
    assert!(values.len() >= 6, "{} values", values.len());
    let read = journal.records(1, usize::MAX, usize::MAX).await.unwrap();
    assert_eq!(read.len() as u64, journal.tip().seq);
}

#[tokio::test]
async fn each_group_continues_the_chain_where_the_one_before_ended() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    // handed in at once: the second one is made before the first is on disk
    let (first, second) = tokio::join!(
        journal.append(facts(&[event(1), event(2)])),
        journal.append(facts(&[event(3)])),
    );
    let tips = [first.unwrap(), second.unwrap()];
    assert_eq!(tips.map(|tip| tip.seq), [2, 3]);
    assert_eq!(journal.tip(), tips[1]);
    let records = journal.records(1, 10, usize::MAX).await.unwrap();
    assert_eq!(is_chained(&records), Ok(()));
    let hashes: Vec<Hash> = records.iter().map(Record::hash).collect();
    assert_eq!(hashes[1..], tips.map(|tip| tip.hash));
}

/// A record from a later program, say: it is kept as it is, and what follows is not held up.
#[tokio::test]
async fn a_record_that_holds_no_known_fact_is_kept_and_stands_in_nobodys_way() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let mut later = facts(&[event(1), event(2)]);
    later[1].body = "{}".into();
    journal.append(later.clone()).await.unwrap();
    append(&journal, &[moved(&payment(1, State::Opened))])
        .await
        .unwrap();
    assert_eq!(journal.unsettled().await.unwrap().len(), 1);
    journal.close().await.unwrap();
    drop(journal);
    let journal = open(dir.path());
    let read = journal.records(1, 2, usize::MAX).await.unwrap();
    let read: Vec<Fact> = read.into_iter().map(Fact::from).collect();
    assert_eq!(read, later);
}

#[tokio::test]
async fn on_a_nearly_full_disk_no_payment_is_opened_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    assert!(journal.has_room());
    append(&journal, &[moved(&payment(1, State::Opened))])
        .await
        .unwrap();
    drop(journal);
    let full = JournalConfig {
        min_free_bytes: u64::MAX,
        ..config(dir.path())
    };
    let journal = Journal::open(full).unwrap();
    assert!(!journal.has_room());
    let opened = append(&journal, &[event(1), moved(&payment(2, State::Opened))]).await;
    assert!(
        matches!(opened, Err(JournalFailed::NearlyFull)),
        "{opened:?}"
    );
    append(&journal, &[moved(&payment(1, State::Approved)), event(1)])
        .await
        .unwrap();
    assert_eq!(journal.tip().seq, 3);
}

#[tokio::test]
async fn once_stopped_it_stays_stopped_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    append(&journal, &[moved(&payment(1, State::Opened))])
        .await
        .unwrap();
    journal.shared.stop("fdatasync: EIO");
    journal.shared.stop("something later");
    for _ in 0..3 {
        let failed = append(&journal, &[event(1)]).await;
        assert!(matches!(&failed, Err(JournalFailed::Stopped(why)) if why == "fdatasync: EIO"));
    }
    assert!(journal.close().await.is_err());
    // what is durable can still be read
    assert!(
        journal
            .payment(payment(1, State::Opened).id)
            .await
            .unwrap()
            .is_some()
    );
    drop(journal);
    let journal = open(dir.path());
    assert!(!journal.was_clean());
    append(&journal, &[event(1)]).await.unwrap();
}

#[tokio::test]
async fn a_panic_of_a_thread_is_a_failure_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let failed: Result<(), _> = guarded(&journal.shared, || panic!("on purpose"));
    assert!(matches!(failed, Err(JournalFailed::Stopped(_))));
    assert!(matches!(
        append(&journal, &[event(1)]).await,
        Err(JournalFailed::Stopped(_))
    ));
}

#[tokio::test]
async fn after_closing_nothing_is_taken_and_the_next_run_knows_that_it_was_clean() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    assert!(journal.was_clean(), "a journal just begun");
    append(&journal, &[event(1)]).await.unwrap();
    journal.close().await.unwrap();
    assert!(matches!(
        append(&journal, &[event(1)]).await,
        Err(JournalFailed::Stopped(_))
    ));
    assert!(journal.close().await.is_err());
    drop(journal);
    let journal = open(dir.path());
    assert!(journal.was_clean());
    assert_eq!(journal.tip().seq, 1);
}

#[tokio::test]
async fn a_group_nobody_waits_for_any_more_is_written_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let mut write = journal.append(facts(&[event(1)]));
    assert!(futures_util::poll!(&mut write).is_pending());
    drop(write);
    until(|| journal.tip().seq == 1).await;
}

/// The group before it took a second of its time, and none that it has itself.
#[tokio::test(start_paused = true)]
async fn a_group_that_hangs_stops_the_journal_when_its_own_time_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let shared = open(dir.path()).shared.clone();
    let (_writer, answered) = oneshot::channel();
    let sent = Instant::now();
    let before = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        shared.advance(|progress| progress.durable_since = Instant::now());
    };
    let (failed, ()) = tokio::join!(written(&shared, answered, sent), before);
    assert!(
        matches!(&failed, Err(JournalFailed::Stopped(why)) if why.contains("in time")),
        "{failed:?}"
    );
    let waited = sent.elapsed();
    let within = DISK_WITHIN + Duration::from_secs(1);
    assert!(
        waited >= within && waited < within + Duration::from_millis(10),
        "{waited:?}"
    );
    assert!(shared.check_running().is_err());
}

#[tokio::test]
async fn receipts_only_rise_and_are_written_without_another_group() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    append(&journal, &vec![event(1); 10]).await.unwrap();
    journal.set_receipted(7).await.unwrap();
    journal.set_receipted(4).await.unwrap();
    assert_eq!(journal.receipted(), 7);
    let beyond = journal.set_receipted(11).await;
    assert!(
        matches!(beyond, Err(JournalFailed::Refused(_))),
        "{beyond:?}"
    );
    until(|| journal.shared.store.head().unwrap().receipted == 7).await;

    journal.set_receipted(9).await.unwrap();
    drop(journal);
    assert_eq!(open(dir.path()).receipted(), 9);
}

#[tokio::test]
async fn only_one_opens_it_and_the_other_is_told_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    let second = Journal::open(config(dir.path())).unwrap_err();
    let reader = Reader::open(dir.path()).unwrap_err();
    for refused in [second, reader] {
        assert!(matches!(refused, OpenFailed::InUse { .. }));
        let pid = std::process::id().to_string();
        assert!(refused.to_string().contains(&pid), "{refused}");
    }
    append(&journal, &[event(1)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_everything_and_leaves_the_journal_clean() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(
        Reader::open(&dir.path().join("nowhere")),
        Err(OpenFailed::Absent { .. })
    ));
    assert!(matches!(
        Reader::open(dir.path()),
        Err(OpenFailed::Absent { .. })
    ));
    let journal = open(dir.path());
    for n in 0..300 {
        append(&journal, &[moved(&payment(n, State::Opened)), event(1)])
            .await
            .unwrap();
    }
    journal.set_receipted(100).await.unwrap();
    let written = journal.records(1, usize::MAX, usize::MAX).await.unwrap();
    journal.close().await.unwrap();
    drop(journal);

    let reader = Reader::open(dir.path()).unwrap();
    assert!(reader.was_clean());
    let read: Vec<_> = reader.records(0).map(Result::unwrap).collect();
    assert_eq!(read, written);
    assert_eq!(reader.records(599).count(), 2);
    assert_eq!(reader.records(601).count(), 0);
    assert_eq!((reader.tip().seq, reader.receipted()), (600, 100));
    assert_eq!(reader.unsettled().unwrap().len(), 300);
    drop(reader);
    assert!(open(dir.path()).was_clean());
}

async fn until(condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("it did not happen in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_beside_the_writer_see_whole_groups_and_no_gap() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Arc::new(open(dir.path()));
    let reading = tokio::spawn({
        let journal = journal.clone();
        async move {
            let mut next_seq = 1;
            while next_seq <= 1_200 {
                let due = (journal.tip().seq + 1).saturating_sub(next_seq).min(50);
                let records = journal.records(next_seq, 50, usize::MAX).await.unwrap();
                for record in &records {
                    assert_eq!(record.seq, next_seq);
                    next_seq += 1;
                }
                assert!(records.len() as u64 >= due);
                journal.unsettled().await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    });
    for n in 0..300 {
        let opened = moved(&payment(n, State::Opened));
        let ended = moved(&payment(n, State::Approved));
        append(&journal, &[opened, event(100), event(100), ended])
            .await
            .unwrap();
    }
    reading.await.unwrap();
}
