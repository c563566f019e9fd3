//! The fast lane: what is written while a backlog goes out, shipped ahead of it.
//!
//! The head office takes records in any order, so a payment of this minute need not stand behind a
//! day of backlog. Its receipt still is a watermark: what went ahead is receipted once the backlog
//! has come up to it. Bounded, so that a link on which nothing is receipted can't be flooded.

use std::{collections::VecDeque, time::Duration};

use super::{Batch, Fetch};

/// Records that may go ahead of a backlog before they wait for it.
const AHEAD_MAX: u64 = 10_000;

#[derive(Debug)]
pub(super) struct Lane {
    /// The backlog ends before this record.
    pub from: u64,
    /// What is published next.
    pub next: u64,
    pub sent: VecDeque<Batch>,
}

impl Lane {
    pub(super) fn beginning_at(from: u64) -> Self {
        Self {
            from,
            next: from,
            sent: VecDeque::new(),
        }
    }

    pub(super) const fn has(&self, seq: u64) -> bool {
        seq >= self.from
    }

    pub(super) fn published(&mut self, batch: Batch) {
        self.next = batch.through.saturating_add(1);
        self.sent.push_back(batch);
    }

    pub(super) fn fetch(&self, tip: u64, batch_records: usize) -> Option<Fetch> {
        let left = tip.saturating_add(1).saturating_sub(self.next);
        let ahead = self.next.saturating_sub(self.from);
        let room = AHEAD_MAX.saturating_sub(ahead);
        let records = usize::try_from(left.min(room)).unwrap_or(usize::MAX);
        let records = records.min(batch_records);
        (records > 0).then_some(Fetch {
            from: self.next,
            records,
            pause: Duration::ZERO,
        })
    }
}
