//! The thread that brings the store up behind the guard log.
//!
//! One transaction per chunk of groups, far below a segment of sled's; `flush` and an fdatasync of
//! sled's own file after each mebibyte or half a second: what sled has not synced it may erase at
//! its next open, and the guard log has it. Receipts, the marker and the guard log's retention are
//! seen to here as well: nobody waits for them.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use store_actors::ports::{GROUP_BYTES_MAX, GROUP_RECORDS_MAX, JournalFailed, WallClock};
use tokio::time::Instant;

use super::{
    directory::Marker,
    failed::StoreFailed,
    guard,
    pending::Item,
    plan::Plan,
    priority::behind_all_others,
    shared::{Shared, Work},
    store::{Changes, Head},
    writer::guarded,
};
use crate::{adapters::clock::SystemClock, crash};

/// One transaction takes at most so much of what waits, far below a segment of sled's. The more it
/// takes, the more of a payment's states are one write.
pub(super) const CHUNK_RECORDS_MAX: usize = 4 * GROUP_RECORDS_MAX;
pub(super) const CHUNK_BYTES_MAX: usize = 4 * GROUP_BYTES_MAX;

/// What comes within this time is one transaction, and a payment that moved twice one value: most
/// of a payment's states come between its customer and the acquirer's answer. Whoever waits for the
/// store cuts it short; what comes all at once does not, and has disk and processor to itself.
pub(super) const GATHER_INTERVAL: Duration = Duration::from_millis(250);

const SYNC_INTERVAL: Duration = Duration::from_millis(500);
const SYNC_BYTES: usize = 1024 * 1024;

/// How many records the marker may lag behind, and how long.
const MARKER_LAG: u64 = 4_096;
const MARKER_INTERVAL: Duration = Duration::from_secs(2);

/// How long segments of the guard log are kept, and what for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retention {
    pub keep: Duration,
    /// A store without a head office waits for nobody's receipt.
    pub await_receipts: bool,
}

impl Retention {
    /// Up to which record nobody needs the guard log any more: the store has it on stable storage
    /// and the head office has receipted it, which may come first, and nothing that still moves was
    /// last written in it.
    fn through(self, stored: &Head, oldest_unsettled: Option<u64>) -> u64 {
        let settled = oldest_unsettled.map_or(u64::MAX, |seq| seq.saturating_sub(1));
        let receipted = match self.await_receipts {
            true => stored.receipted,
            false => u64::MAX,
        };
        stored.tip.seq.min(receipted).min(settled)
    }
}

pub(super) struct Applier {
    pub shared: Arc<Shared>,
    pub retention: Retention,
    /// Up to which record the marker tells.
    pub marked: u64,
    pub marked_at: Instant,
    /// Applied since the last sync.
    pub unsynced_bytes: usize,
    pub synced_at: Instant,
}

impl Drop for Applier {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.shared.stop("the store's thread died");
        }
    }
}

impl Applier {
    /// Until the writer has ended; then everything is on stable storage.
    pub(super) fn run(mut self) {
        behind_all_others();
        let shared = Arc::clone(&self.shared);
        loop {
            let due = SYNC_INTERVAL.saturating_sub(self.synced_at.elapsed());
            let gather = GATHER_INTERVAL.min(due);
            let worked = match shared.wait_for_work(due, gather, CHUNK_BYTES_MAX) {
                Work::Some => guarded(&shared, || self.apply_next()),
                Work::None => Ok(()),
                Work::Over => {
                    let settled = guarded(&shared, || self.settle());
                    self.ended(settled);
                    return;
                }
            };
            let is_due =
                self.unsynced_bytes >= SYNC_BYTES || self.synced_at.elapsed() >= SYNC_INTERVAL;
            let settled = if is_due {
                guarded(&shared, || self.settle())
            } else {
                Ok(())
            };
            if worked.and(settled).is_err() {
                self.ended(Err(JournalFailed::NoAnswer));
                return;
            }
        }
    }

    fn ended(&self, how: Result<(), JournalFailed>) {
        if how.is_err() {
            tracing::error!("the store is not brought up any more");
        }
    }

    fn apply_next(&mut self) -> Result<(), JournalFailed> {
        self.shared.absorb_some(CHUNK_RECORDS_MAX)?;
        let chunk = self
            .shared
            .pending()
            .front(CHUNK_RECORDS_MAX, CHUNK_BYTES_MAX);
        self.apply(&chunk)
    }

    fn apply(&mut self, chunk: &[Arc<Item>]) -> Result<(), JournalFailed> {
        let applied = self.apply_to_store(chunk);
        let head = applied.map_err(|cause| self.fail(&cause))?;
        self.shared.advance(|progress| progress.applied = head);
        while self.shared.pending().retire(head.tip.seq) {}
        Ok(())
    }

    fn apply_to_store(&mut self, chunk: &[Arc<Item>]) -> Result<Head, StoreFailed> {
        let plan = Plan::of(
            chunk,
            &self.head(),
            &self.shared.store,
            self.shared.day_offset_minutes,
        )?;
        crash::point("transaction-planned");
        self.shared.store.apply(&plan.changes)?;
        crash::point("transaction-done");
        self.unsynced_bytes += plan.bytes;
        Ok(plan.head)
    }

    /// What was applied becomes durable, with the newest receipt; now and then the marker follows,
    /// and old segments go.
    fn settle(&mut self) -> Result<(), JournalFailed> {
        let settled = self.sync().and_then(|()| self.mark());
        self.synced_at = Instant::now();
        settled.map_err(|cause| self.fail(&cause))
    }

    fn sync(&mut self) -> Result<(), StoreFailed> {
        let head = self.head();
        let is_news = head != self.shared.progress().applied;
        if is_news {
            crash::point("receipt-unwritten");
            let mut changes = Changes::default();
            changes.meta.insert("head", head.encode());
            self.shared.store.apply(&changes)?;
        }
        if is_news || self.unsynced_bytes > 0 {
            self.shared.store.sync()?;
            crash::point("store-synced");
            self.unsynced_bytes = 0;
            self.shared.advance(|progress| progress.applied = head);
        }
        Ok(())
    }

    fn mark(&mut self) -> Result<(), StoreFailed> {
        let head = self.shared.progress().applied;
        let lag = head.tip.seq - self.marked;
        let is_first = self.marked == 0 && lag > 0;
        let is_due = lag > 0 && self.marked_at.elapsed() >= MARKER_INTERVAL;
        if is_first || is_due || lag >= MARKER_LAG {
            self.shared.dir.write_marker(&Marker::of(&head, false))?;
            self.marked = head.tip.seq;
            self.marked_at = Instant::now();
            self.retire(&head)?;
        }
        Ok(())
    }

    /// A segment goes when it is old enough and nobody needs it: what is left could rebuild all
    /// that still moves.
    fn retire(&self, head: &Head) -> Result<(), StoreFailed> {
        let now = Duration::from_millis(SystemClock.now().unix_ms().max(0).unsigned_abs());
        let older_than = UNIX_EPOCH + now.saturating_sub(self.retention.keep);
        let oldest_open = self.shared.store.oldest_unsettled_seq()?;
        let through = self.retention.through(head, oldest_open);
        let retired = guard::retire(&self.shared.dir.guard(), through, older_than)?;
        if retired > 0 {
            tracing::info!(retired, "old segments of the guard log are gone");
        }
        Ok(())
    }

    /// The applied head with the newest receipt.
    fn head(&self) -> Head {
        let progress = self.shared.progress();
        Head {
            receipted: progress.receipted,
            ..progress.applied
        }
    }

    fn fail(&self, cause: &StoreFailed) -> JournalFailed {
        tracing::error!(%cause, "the journal stops");
        self.shared.stop(cause.to_string())
    }
}

#[cfg(test)]
mod tests {
    use store_actors::domain::record::Tip;

    use super::*;

    #[test]
    fn what_store_or_head_office_lack_or_what_still_moves_stays_in_the_guard_log() {
        let through = |await_receipts, stored, receipted, oldest_unsettled| {
            let keep = Duration::ZERO;
            let retention = Retention {
                keep,
                await_receipts,
            };
            let tip = Tip {
                seq: stored,
                ..Tip::default()
            };
            let head = Head {
                tip,
                receipted,
                payments: 0,
            };
            retention.through(&head, oldest_unsettled)
        };
        assert_eq!(through(true, 1_010, 1_000, None), 1_000);
        // the head office had it before the store
        assert_eq!(through(true, 990, 1_005, None), 990);
        assert_eq!(through(false, 990, 0, None), 990);
        for await_receipts in [true, false] {
            assert_eq!(through(await_receipts, 1_010, 1_000, Some(500)), 499);
            assert_eq!(through(await_receipts, 1_010, 1_000, Some(1)), 0);
        }
        assert_eq!(through(true, 1_010, 1_000, Some(1_005)), 1_000);
        assert_eq!(through(false, 1_010, 1_000, Some(1_005)), 1_004);
    }
}
