//! The guard log: its bytes, torn ends and breaks, its roll and retention, and a disk that fails.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use store_actors::{
    domain::{
        payment::State,
        record::{Record, Tip},
    },
    ports::{JournalDisk, JournalFailed},
};

use super::{append, config, event, group, moved, open, payment};
use crate::adapters::journal::{
    Journal, JournalConfig, OpenFailed,
    guard::{
        self, GROUP_HEAD_BYTES, SEGMENT_HEAD_BYTES, encode_group,
        medium::Medium,
        scan::{NoSegment, Segment},
        segment_head,
    },
};

/// A segment of groups with one to three records each, and where each group ends.
fn segment(groups: usize) -> (Vec<u8>, Vec<Vec<Record>>, Vec<usize>) {
    let mut tip = Tip::default();
    let mut bytes = segment_head(tip).to_vec();
    let (mut written, mut ends) = (Vec::new(), Vec::new());
    for n in 0..groups {
        let records = group(&mut tip, &vec![event(n); n % 3 + 1]);
        encode_group(&records, &mut bytes);
        ends.push(bytes.len());
        written.push(records);
    }
    bytes.resize(bytes.len() + 64, 0);
    (bytes, written, ends)
}

/// If this fails, do not change the test: guard logs in stores have these bytes.
#[test]
fn a_segment_has_these_bytes() {
    let (bytes, groups, _) = segment(1);
    let record = &groups[0][0];
    let mut encoded = Vec::new();
    record.encode(&mut encoded);
    let mut head = b"STOREGL1".to_vec();
    head.extend(1u64.to_be_bytes());
    head.extend([0; 32 + 12]);
    assert_eq!(bytes[..60], head);
    assert_eq!(bytes[60..64], crc32c::crc32c(&head).to_be_bytes());
    let len = u32::try_from(encoded.len()).unwrap().to_be_bytes();
    assert_eq!(bytes[64..68], len);
    let covered = [&len[..], &encoded].concat();
    assert_eq!(bytes[68..72], crc32c::crc32c(&covered).to_be_bytes());
    assert_eq!(bytes[72..72 + encoded.len()], encoded);
}

#[test]
fn an_end_torn_at_any_byte_is_cut_at_the_last_whole_group() {
    let (bytes, groups, ends) = segment(6);
    for cut in SEGMENT_HEAD_BYTES..ends[5] {
        let mut torn = bytes.clone();
        torn[cut..].fill(0);
        let read = Segment::read(&torn).unwrap();
        let whole = ends.iter().filter(|end| **end <= cut).count();
        // what was cut may have ended in zeros
        assert!(
            read.records.len() >= groups[..whole].concat().len(),
            "{cut}"
        );
        assert_eq!(read.records, groups.concat()[..read.records.len()], "{cut}");
        assert_eq!(read.breaks, [], "{cut}");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_noticed_and_costs_its_own_group_alone() {
    let (bytes, groups, ends) = segment(6);
    for at in SEGMENT_HEAD_BYTES..ends[5] {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x04;
        let read = Segment::read(&flipped).unwrap();
        let hit = ends.iter().filter(|end| **end <= at).count();
        let left = groups.iter().enumerate().filter(|(n, _)| *n != hit);
        let left: Vec<Record> = left.flat_map(|(_, group)| group.clone()).collect();
        assert_eq!(read.records, left, "{at}");
        let is_last = hit == 5;
        assert_eq!(read.breaks.is_empty(), is_last, "{at}");
        assert_eq!(read.torn_bytes > 0, is_last, "{at}");
    }
}

#[test]
fn a_head_that_is_none_is_no_segment() {
    let (bytes, _, _) = segment(1);
    for at in 0..SEGMENT_HEAD_BYTES {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert!(matches!(
            Segment::read(&flipped),
            Err(NoSegment::Headless { .. })
        ));
    }
    assert_eq!(Segment::read(&[0; 512]), Err(NoSegment::Empty));
    assert_eq!(Segment::read(&[]), Err(NoSegment::Empty));
}

proptest::proptest! {
    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(0u8.., 0..600)) {
        let (mut segment, _, _) = segment(2);
        segment.extend(&bytes);
        let _ = Segment::read(&segment);
        let _ = Segment::read(&bytes);
    }
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let guard = dir.join("guard");
    let found = guard::segments(&guard).unwrap();
    found
        .into_iter()
        .map(|first_seq| guard::segment_path(&guard, first_seq))
        .collect()
}

/// Enough records for several segments of the smallest size.
async fn fill(journal: &Journal, groups: usize) {
    for _ in 0..groups {
        append(journal, &[event(60_000), event(60_000)])
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_torn_end_is_cut_told_and_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    for n in 0..3 {
        append(&journal, &[event(n)]).await.unwrap();
    }
    drop(journal);
    let segment = segments(dir.path()).remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    let end = Segment::read(&bytes).unwrap().end;
    bytes[end..end + 200].fill(0x5a);
    fs::write(&segment, &bytes).unwrap();
    let journal = open(dir.path());
    assert_eq!(journal.recovery().cut_bytes, 200);
    assert_eq!(journal.tip().seq, 3);
    append(&journal, &[event(9)]).await.unwrap();
    drop(journal);
    let read = Segment::read(&fs::read(&segment).unwrap()).unwrap();
    assert_eq!((read.records.len(), read.torn_bytes), (4, 0));
    assert_eq!(open(dir.path()).recovery().cut_bytes, 0);
}

#[tokio::test]
async fn a_log_of_many_segments_makes_a_lost_store_anew() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    append(&journal, &[moved(&payment(1, State::Opened))])
        .await
        .unwrap();
    fill(&journal, 9).await;
    let tip = journal.tip();
    drop(journal);
    assert!(segments(dir.path()).len() >= 5);
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    let journal = open(dir.path());
    assert_eq!(journal.tip(), tip);
    assert_eq!(journal.recovery().replayed, tip.seq);
    assert_eq!(journal.unsettled().await.unwrap().len(), 1);
    append(&journal, &[event(1)]).await.unwrap();
}

/// The power fails between the making of a segment and its first group, or in the middle of that.
#[tokio::test]
async fn a_segment_that_was_only_begun_is_done_without() {
    for begun in [&[][..], &b"STOREGL1 and no more"[..]] {
        let dir = tempfile::tempdir().unwrap();
        let journal = open(dir.path());
        fill(&journal, 2).await;
        let tip = journal.tip();
        drop(journal);
        let next = guard::segment_path(&dir.path().join("guard"), tip.seq + 1);
        let mut bytes = begun.to_vec();
        bytes.resize(4_096, 0);
        fs::write(next, bytes).unwrap();
        let journal = open(dir.path());
        assert_eq!(journal.tip(), tip);
        assert_eq!(journal.recovery().cut_bytes, begun.len());
        fill(&journal, 3).await;
    }
}

#[tokio::test]
async fn a_break_that_the_store_had_passed_is_told_and_one_it_had_not_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let journal = open(dir.path());
    for n in 0..5 {
        append(&journal, &[event(n)]).await.unwrap();
    }
    journal.close().await.unwrap();
    drop(journal);
    let segment = segments(dir.path()).remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[SEGMENT_HEAD_BYTES + GROUP_HEAD_BYTES + 20] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let journal = open(dir.path());
    assert_eq!(journal.tip().seq, 5);
    assert_eq!(journal.recovery().breaks, 1);
    drop(journal);
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    let damaged = Journal::open(config(dir.path())).unwrap_err();
    assert!(matches!(damaged, OpenFailed::Damaged { .. }), "{damaged}");
}

#[tokio::test]
async fn old_segments_go_up_to_a_record_and_never_the_last_one() {
    let dir = tempfile::tempdir().unwrap();
    let forgetful = JournalConfig {
        guard_retention: Duration::ZERO,
        ..config(dir.path())
    };
    let journal = Journal::open(forgetful).unwrap();
    fill(&journal, 6).await;
    let before = segments(dir.path());
    assert!(before.len() >= 3);
    let guard_dir = dir.path().join("guard");
    let now = fs::metadata(&before[0]).unwrap().modified().unwrap();
    let tomorrow = now + Duration::from_secs(86_400);
    let yesterday = now - Duration::from_secs(86_400);
    assert_eq!(
        guard::retire(&guard_dir, u64::MAX - 1, yesterday).unwrap(),
        0
    );
    assert_eq!(guard::retire(&guard_dir, 3, tomorrow).unwrap(), 0);
    assert_eq!(guard::retire(&guard_dir, 4, tomorrow).unwrap(), 1);
    assert_eq!(
        guard::retire(&guard_dir, u64::MAX - 1, tomorrow).unwrap(),
        before.len() - 2
    );
    assert_eq!(segments(dir.path()), before[before.len() - 1..]);
    let tip = journal.tip();
    journal.close().await.unwrap();
    drop(journal);

    // what can't be made anew any more is said
    fs::remove_dir_all(dir.path().join("sled")).unwrap();
    let journal = open(dir.path());
    assert_eq!(journal.tip(), tip);
    let begins_after = journal.recovery().begins_after;
    assert!(begins_after > 0);
    let read = journal.records(begins_after + 1, usize::MAX, usize::MAX);
    assert_eq!(read.await.unwrap().len() as u64, tip.seq - begins_after);
    assert!(matches!(
        journal.records(1, 1, usize::MAX).await,
        Err(JournalFailed::Unreadable(_))
    ));
    append(&journal, &[event(1)]).await.unwrap();
    drop(journal);
    assert_eq!(open(dir.path()).tip().seq, tip.seq + 1);
}

/// Until the segments are as wanted, or for good.
async fn segments_become(dir: &Path, wanted: impl Fn(&[PathBuf]) -> bool) -> Vec<PathBuf> {
    for _ in 0..1_000 {
        let found = segments(dir);
        if wanted(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the segments stay {:?}", segments(dir));
}

#[tokio::test]
async fn a_segment_stays_as_long_as_what_was_last_written_in_it_still_moves() {
    let dir = tempfile::tempdir().unwrap();
    let forgetful = JournalConfig {
        guard_retention: Duration::ZERO,
        await_receipts: false,
        ..config(dir.path())
    };
    let journal = Journal::open(forgetful).unwrap();
    fill(&journal, 6).await;
    let unsettled = [moved(&payment(1, State::Submitted))];
    let Tip { seq, .. } = append(&journal, &unsettled).await.unwrap();
    fill(&journal, 6).await;
    let guard_dir = dir.path().join("guard");
    let first_seqs = guard::segments(&guard_dir).unwrap();
    let kept = *first_seqs.iter().rfind(|first| **first <= seq).unwrap();
    assert!(first_seqs[0] < kept && kept < first_seqs[first_seqs.len() - 1]);
    let kept = guard::segment_path(&guard_dir, kept);
    // those before it go, and it is the first one from then on
    let left = segments_become(dir.path(), |found| found[0] >= kept).await;
    assert_eq!(left[0], kept);

    append(&journal, &[moved(&payment(1, State::Approved))])
        .await
        .unwrap();
    fill(&journal, 6).await;
    segments_become(dir.path(), |found| found[0] > kept).await;
    journal.close().await.unwrap();
}

/// A disk that takes so many groups and then fails.
struct Failing {
    file: File,
    groups: u32,
    at_sync: bool,
}

impl Medium for Failing {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.groups == 0 && !self.at_sync {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        match self.groups.checked_sub(1) {
            Some(left) => self.groups = left,
            None => return Err(io::Error::other("EIO")),
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_disk_that_fails_stops_the_journal_for_ever() {
    for at_sync in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open_over(config(dir.path()), |guard| {
            let segment = segments(dir.path()).remove(0);
            guard.replace_medium(Box::new(Failing {
                file: File::options().write(true).open(segment).unwrap(),
                groups: 2,
                at_sync,
            }));
        })
        .unwrap();
        append(&journal, &[event(1)]).await.unwrap();
        append(&journal, &[event(2)]).await.unwrap();
        for _ in 0..3 {
            let failed = append(&journal, &[event(3)]).await;
            assert!(
                matches!(&failed, Err(JournalFailed::Stopped(why)) if why.contains("guard log")),
                "{failed:?}"
            );
        }
        assert_eq!(journal.tip().seq, 2);
        assert!(journal.close().await.is_err());
    }
}

/// A disk that says it has written, and has not.
struct Forgetful;

impl Medium for Forgetful {
    fn write_at(&mut self, _: &[u8], _: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_group_that_is_not_in_the_log_any_more_before_the_store_has_it_stops_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let journal = Journal::open_over(config(dir.path()), |guard| {
        guard.replace_medium(Box::new(Forgetful));
    })
    .unwrap();
    append(&journal, &[event(1)]).await.unwrap();
    let failed = journal.records(1, 1, usize::MAX).await;
    assert!(
        matches!(&failed, Err(JournalFailed::Stopped(why)) if why.contains("read back")),
        "{failed:?}"
    );
    assert!(journal.close().await.is_err());
}
