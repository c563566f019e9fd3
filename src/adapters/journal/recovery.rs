//! From what lies in the guard log to a store that has every acknowledged record.
//!
//! A torn end is cut and told; it was never acknowledged. A break with records behind it matters
//! only if the store lacks them: then nothing is guessed, and the journal is not opened.

use std::{
    cell::RefCell,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Serialize;
use store_actors::domain::record::{Record, Tip};

use super::{
    applier::{CHUNK_BYTES_MAX, CHUNK_RECORDS_MAX},
    directory::{Directory, disk, sync_dir},
    failed::{OpenFailed, StoreFailed},
    guard::{
        self, Guard,
        scan::{NoSegment, Segment},
    },
    pending::Item,
    plan::Plan,
    store::{Head, Store},
};

/// What opening found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// The run before ended with `close`; true for a journal just begun.
    pub was_clean: bool,
    /// Records that the store lacked and the guard log had.
    pub replayed: u64,
    /// Bytes of a group that was being written when the power failed; never acknowledged.
    pub cut_bytes: usize,
    /// Broken places in the guard log; the store had what was there.
    pub breaks: usize,
    /// Why the store was made anew from the guard log.
    pub store_rebuilt: Option<String>,
    /// Why the copy of the store took its place.
    pub store_from_copy: Option<String>,
    /// The store was made anew, and the guard log begins after this record: older ones are at the
    /// head office alone. Otherwise 0.
    pub begins_after: u64,
}

impl Recovery {
    pub(super) fn report(&self, dir: &Path, tip: u64) {
        let dir = dir.display();
        if !self.was_clean {
            let (replayed, cut_bytes) = (self.replayed, self.cut_bytes);
            tracing::warn!(%dir, tip, replayed, cut_bytes, "the journal was not closed");
        }
        if let Some(why) = &self.store_from_copy {
            tracing::error!(%dir, why, "a copy of the store took its place");
        }
        if let Some(why) = &self.store_rebuilt {
            let begins_after = self.begins_after;
            tracing::error!(%dir, why, begins_after, "the store was made anew");
        }
        if self.breaks > 0 {
            tracing::error!(%dir, breaks = self.breaks, "the guard log is damaged: run verify");
        }
    }
}

/// Where the guard log goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GuardEnd {
    /// In a new segment.
    Begin { tip: Tip },
    /// In this one, behind its last whole group.
    Resume {
        first_seq: u64,
        end: usize,
        torn_bytes: usize,
    },
}

impl GuardEnd {
    pub(super) fn open(&self, dir: &Path, segment_bytes: u64) -> io::Result<Guard> {
        match *self {
            GuardEnd::Begin { tip } => Guard::begin(dir, segment_bytes, tip),
            GuardEnd::Resume {
                first_seq,
                end,
                torn_bytes,
            } => Guard::resume(dir, first_seq, segment_bytes, end, torn_bytes),
        }
    }
}

type ReadSegment = Result<Segment, NoSegment>;

/// The segments as they lie there.
#[derive(Debug)]
pub(super) struct GuardLog {
    dir: PathBuf,
    first_seqs: Vec<u64>,
    /// The one that was looked into last: a start needs its last one three times.
    held: RefCell<Option<(u64, ReadSegment)>>,
}

impl GuardLog {
    pub(super) fn of(dir: &Path) -> io::Result<Self> {
        let first_seqs = match guard::segments(dir) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Vec::new(),
            found => found?,
        };
        Ok(Self {
            dir: dir.to_owned(),
            first_seqs,
            held: RefCell::default(),
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first_seqs.is_empty()
    }

    pub(super) fn read(&self, first_seq: u64) -> io::Result<ReadSegment> {
        match self.held.take() {
            Some((held, segment)) if held == first_seq => Ok(segment),
            _ => {
                let bytes = fs::read(guard::segment_path(&self.dir, first_seq))?;
                Ok(Segment::read(&bytes))
            }
        }
    }

    /// As `read`, and keeps it for the next one who asks.
    fn look_into<T>(&self, first_seq: u64, look: impl Fn(&Segment) -> T) -> io::Result<Option<T>> {
        let segment = self.read(first_seq)?;
        let seen = segment.as_ref().ok().map(look);
        self.held.replace(Some((first_seq, segment)));
        Ok(seen)
    }

    pub(super) fn first_seqs(&self) -> &[u64] {
        &self.first_seqs
    }

    /// The last record's place in the chain, as far as the last segment tells.
    pub(super) fn tip(&self) -> io::Result<Option<Tip>> {
        let Some(first_seq) = self.first_seqs.last() else {
            return Ok(None);
        };
        self.look_into(*first_seq, Segment::tip)
    }

    /// Whether a store at `tip` can be brought up from here: the log has the record after it, or
    /// ends with it.
    pub(super) fn continues(&self, tip: Tip) -> io::Result<bool> {
        let at = self.at(tip.seq);
        let Some(first_seq) = self.first_seqs.get(at) else {
            return Ok(false);
        };
        let holds = |record: &Record| record.seq == tip.seq && record.hash() == tip.hash;
        let continues = self.look_into(*first_seq, |segment| {
            segment.before == tip || segment.records.iter().any(holds)
        })?;
        Ok(continues.unwrap_or(false))
    }

    /// Which segment the record after `seq` would be in, or the first.
    fn at(&self, seq: u64) -> usize {
        self.first_seqs
            .partition_point(|first_seq| *first_seq <= seq + 1)
            .saturating_sub(1)
    }

    /// Brings the store up to the end of the log.
    pub(super) fn replay(
        &self,
        dir: &Directory,
        store: &Store,
        day_offset_minutes: i32,
        recovery: &mut Recovery,
    ) -> Result<(Head, GuardEnd), OpenFailed> {
        let damaged = |cause: StoreFailed| OpenFailed::Damaged {
            dir: dir.root().to_owned(),
            why: cause.to_string(),
        };
        let head = store.head().map_err(damaged)?;
        let mut replay = Replay {
            store,
            day_offset_minutes,
            head,
            unsynced_bytes: 0,
        };
        let mut end = None;
        let first = self.at(replay.head.tip.seq);
        for first_seq in self.first_seqs.iter().skip(first) {
            let is_last = self.first_seqs.last() == Some(first_seq);
            let path = guard::segment_path(&self.dir, *first_seq);
            let segment = match self.read(*first_seq).map_err(disk("read", &path))? {
                Ok(segment) => segment,
                // made and not yet used when the power failed, or torn in its first group
                Err(NoSegment::Empty | NoSegment::Headless { .. }) if is_last => {
                    recovery.cut_bytes += self.remove(*first_seq).map_err(disk("remove", &path))?;
                    break;
                }
                Err(_) => {
                    recovery.breaks += 1;
                    continue;
                }
            };
            recovery.breaks += segment.breaks.len();
            if replay.head == Head::default() && segment.before.seq > 0 {
                replay.begin_after(segment.before).map_err(damaged)?;
                recovery.begins_after = segment.before.seq;
            }
            let torn_bytes = segment.torn_bytes;
            let resume = GuardEnd::Resume {
                first_seq: *first_seq,
                end: segment.end,
                torn_bytes,
            };
            end = Some((segment.tip(), resume));
            if is_last {
                recovery.cut_bytes += torn_bytes;
            } else {
                recovery.breaks += usize::from(torn_bytes > 0);
            }
            recovery.replayed += replay.records(segment.records).map_err(damaged)?;
        }
        store.sync().map_err(damaged)?;
        let tip = replay.head.tip;
        // behind a damaged end, which the store had passed, a new segment begins
        let end = match end {
            Some((ends, resume)) if ends == tip => resume,
            _ => GuardEnd::Begin { tip },
        };
        Ok((replay.head, end))
    }

    fn remove(&self, first_seq: u64) -> io::Result<usize> {
        let path = guard::segment_path(&self.dir, first_seq);
        let bytes = match self.read(first_seq)? {
            Err(NoSegment::Headless { bytes }) => bytes,
            _ => 0,
        };
        fs::remove_file(&path)?;
        sync_dir(&self.dir)?;
        Ok(bytes)
    }
}

struct Replay<'a> {
    store: &'a Store,
    day_offset_minutes: i32,
    head: Head,
    unsynced_bytes: usize,
}

impl Replay<'_> {
    /// An empty store begins in the middle of the chain.
    fn begin_after(&mut self, before: Tip) -> Result<(), StoreFailed> {
        self.head = Head {
            tip: before,
            receipted: before.seq,
            payments: 0,
        };
        self.store.begin_after(&self.head)
    }

    /// Applies what the store lacks; tells how many records that were.
    fn records(&mut self, records: Vec<Record>) -> Result<u64, StoreFailed> {
        let from = self.head.tip.seq;
        let mut chunk = Vec::new();
        let mut bytes = 0;
        let mut tip = self.head.tip;
        for record in records.into_iter().filter(|record| record.seq > from) {
            if record.seq != tip.seq + 1 || record.prev != tip.hash {
                return Err(StoreFailed::Damaged(format!(
                    "the store ends at record {}, and record {} of the guard log does not \
                     continue record {}",
                    from, record.seq, tip.seq
                )));
            }
            tip = Tip {
                seq: record.seq,
                hash: record.hash(),
            };
            bytes += record.encoded_len();
            if bytes > CHUNK_BYTES_MAX || chunk.len() >= CHUNK_RECORDS_MAX {
                bytes = record.encoded_len();
                self.apply(&std::mem::take(&mut chunk))?;
            }
            chunk.push(Arc::new(Item::new(record)));
        }
        if !chunk.is_empty() {
            self.apply(&chunk)?;
        }
        Ok(self.head.tip.seq - from)
    }

    fn apply(&mut self, chunk: &[Arc<Item>]) -> Result<(), StoreFailed> {
        let plan = Plan::of(chunk, &self.head, self.store, self.day_offset_minutes)?;
        self.store.apply(&plan.changes)?;
        self.head = plan.head;
        self.unsynced_bytes += plan.bytes;
        if self.unsynced_bytes > 1024 * 1024 {
            self.store.sync()?;
            self.unsynced_bytes = 0;
        }
        Ok(())
    }
}
