//! What the journal's threads and its readers share: the store, what is not in it yet, and how far
//! everything has come.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use store_actors::{domain::record::Tip, ports::JournalFailed};
use tokio::time::Instant;

use super::{
    directory::Directory,
    guard::Place,
    pending::{ABSORBED_AT_ONCE, Item, Pending},
    store::{Head, Store},
};

/// A store that lags for so long without coming on is given up.
const APPLIED_WITHIN: Duration = Duration::from_secs(15);

/// So many bytes of records may wait for the store: a burst is taken at the guard log's pace, and
/// what lasts goes on at the store's. They wait in the guard log; but whoever reads looks into all
/// of them first, and from then on they are in memory. And whoever waits for the store waits for
/// all of them.
const LAG_BYTES_MAX: usize = 48 * 1024 * 1024;

/// From here on a pause follows each group, the longer the more waits: a burst ends in a slower
/// pace, and not in a standstill.
const LAG_BYTES_EASY: usize = LAG_BYTES_MAX / 4 * 3;

/// The pause when there is no more room.
const LAG_PAUSE_MAX: Duration = Duration::from_millis(10);

/// A reader waits no longer than this for the store.
const READABLE_WITHIN: Duration = Duration::from_secs(10);

pub(super) struct Shared {
    // dropped in this order: sled lets go of its file before the directory is free for others
    pub store: Store,
    pub dir: Directory,
    pub day_offset_minutes: i32,
    progress: Mutex<Progress>,
    pending: Mutex<Pending>,
    /// Held by whoever looks into what has arrived.
    absorbing: Mutex<()>,
    arrived: Condvar,
    advanced: Condvar,
}

/// What the applier finds when it has slept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Some,
    None,
    /// And never again.
    Over,
}

/// `durable` >= `applied`, but for the moment in which a group has arrived and that is not told
/// yet.
#[derive(Debug)]
pub(super) struct Progress {
    /// The guard log has it on stable storage.
    pub durable: Tip,
    /// Since when that is so.
    pub durable_since: Instant,
    /// The store has this, perhaps not yet on stable storage.
    pub applied: Head,
    /// Never behind `applied.receipted`; written with the next chunk, or soon.
    pub receipted: u64,
    /// Up to which record the store was when it was last seen to lag, and since when it is there.
    behind: Option<(u64, Instant)>,
    /// For ever.
    pub stopped: Option<String>,
}

impl Shared {
    /// Store and guard log are at the same record.
    pub(super) fn new(store: Store, dir: Directory, head: Head, day_offset_minutes: i32) -> Self {
        let progress = Progress {
            durable: head.tip,
            durable_since: Instant::now(),
            applied: head,
            receipted: head.receipted,
            behind: None,
            stopped: None,
        };
        Self {
            store,
            dir,
            day_offset_minutes,
            progress: Mutex::new(progress),
            pending: Mutex::default(),
            absorbing: Mutex::default(),
            arrived: Condvar::new(),
            advanced: Condvar::new(),
        }
    }

    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn check_running(&self) -> Result<(), JournalFailed> {
        match &self.progress().stopped {
            Some(why) => Err(JournalFailed::Stopped(why.clone())),
            None => Ok(()),
        }
    }

    pub(super) fn advance(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress());
        self.advanced.notify_all();
    }

    /// Fail-stop (JRN-3). The first reason stays.
    pub(super) fn stop(&self, why: impl Into<String>) -> JournalFailed {
        let mut progress = self.progress();
        let why = progress.stopped.get_or_insert_with(|| why.into()).clone();
        drop(progress);
        self.advanced.notify_all();
        JournalFailed::Stopped(why)
    }

    /// A store that lags and does not come on hangs in its disk: nothing acknowledged is at risk,
    /// but the guard log can't stand in for it for ever. Asked now and then.
    pub(super) fn check_applying(&self) -> Result<(), JournalFailed> {
        let mut progress = self.progress();
        let applied = progress.applied.tip.seq;
        let hangs = match progress.behind {
            _ if progress.durable.seq == applied => {
                progress.behind = None;
                false
            }
            Some((at, since)) if at == applied => since.elapsed() > APPLIED_WITHIN,
            _ => {
                progress.behind = Some((applied, Instant::now()));
                false
            }
        };
        drop(progress);
        match hangs {
            true => Err(self.stop("the store behind the guard log does not answer")),
            false => Ok(()),
        }
    }

    /// Lets the store come on if it is behind; until there is room, or everything has stopped.
    pub(super) fn wait_lag(&self) {
        loop {
            let bytes = self.pending().bytes();
            let pause = lag_pause(bytes);
            if pause.is_zero() {
                return;
            }
            let runs = |progress: &mut Progress| progress.stopped.is_none();
            let waited = self
                .advanced
                .wait_timeout_while(self.progress(), pause, runs);
            let (progress, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if bytes <= LAG_BYTES_MAX || progress.stopped.is_some() {
                return;
            }
        }
    }

    /// The group is durable. It is found from here on, and the applier comes to it by itself: to
    /// wake it for each one would cost those who wait for the disk.
    pub(super) fn arrive(&self, group: Place) {
        let mut pending = self.pending();
        pending.arrive(group);
        if std::mem::take(&mut pending.applier_sleeps) {
            self.arrived.notify_one();
        }
    }

    /// Nothing will arrive any more.
    pub(super) fn end(&self) {
        self.pending().is_over = true;
        self.arrived.notify_all();
    }

    /// For the applier. It sleeps until there is work, at most for `at_most`; and `gather` longer,
    /// so that what comes within this time is one transaction, unless somebody waits for it or
    /// there are `plenty` bytes for one already.
    pub(super) fn wait_for_work(&self, at_most: Duration, gather: Duration, plenty: usize) -> Work {
        let is_idle = |pending: &mut Pending| pending.bytes() == 0 && !pending.is_over;
        let may_wait = |pending: &mut Pending| {
            pending.bytes() < plenty && pending.awaited.is_none() && !pending.is_over
        };
        let mut pending = self.pending();
        pending.applier_sleeps = true;
        let slept = self
            .arrived
            .wait_timeout_while(pending, at_most, is_idle)
            .unwrap_or_else(PoisonError::into_inner);
        pending = slept.0;
        pending.applier_sleeps = false;
        if pending.bytes() == 0 {
            return match pending.is_over {
                true => Work::Over,
                false => Work::None,
            };
        }
        drop(self.arrived.wait_timeout_while(pending, gather, may_wait));
        Work::Some
    }

    /// Afterwards everything that was acknowledged before is found.
    pub(super) fn absorb(&self) -> Result<(), JournalFailed> {
        self.absorb_some(usize::MAX)
    }

    /// Afterwards so many records that are pending have been looked into, if there are so many.
    pub(super) fn absorb_some(&self, known: usize) -> Result<(), JournalFailed> {
        let _alone = self
            .absorbing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let groups = self.pending().take_arrived(known);
        let read = || {
            groups
                .iter()
                .map(Place::read)
                .collect::<io::Result<Vec<_>>>()
        };
        let why = match catch_unwind(AssertUnwindSafe(|| read().map(Item::of_groups))) {
            Ok(Ok(items)) => {
                let parts = items.chunks(ABSORBED_AT_ONCE);
                parts.for_each(|part| self.pending().absorb(part));
                return Ok(());
            }
            Ok(Err(cause)) => format!("the guard log can't be read back: {cause}"),
            Err(_) => "looking into a record panicked".to_owned(),
        };
        // nobody shall read past them
        self.pending().put_back(groups);
        Err(self.stop(why))
    }

    /// What was acknowledged is found in the store alone. On a thread that may block.
    pub(super) fn wait_applied(&self) -> Result<(), JournalFailed> {
        let come = |progress: &Progress| progress.applied.tip.seq;
        let seq = self.progress().durable.seq;
        if come(&self.progress()) < seq {
            let mut pending = self.pending();
            pending.awaited = pending.awaited.max(Some(seq));
            self.arrived.notify_one();
        }
        let is_pending =
            |progress: &mut Progress| come(progress) < seq && progress.stopped.is_none();
        let waited = self
            .advanced
            .wait_timeout_while(self.progress(), READABLE_WITHIN, is_pending);
        let (progress, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &progress.stopped {
            _ if come(&progress) >= seq => Ok(()),
            Some(why) => Err(JournalFailed::Stopped(why.clone())),
            None => Err(JournalFailed::Unreadable("the disk is too slow".into())),
        }
    }
}

/// By the square of what waits beyond what is easy: short where a little is enough.
fn lag_pause(bytes: usize) -> Duration {
    let room = (LAG_BYTES_MAX - LAG_BYTES_EASY) as u128;
    let used = (bytes.saturating_sub(LAG_BYTES_EASY) as u128).min(room);
    let micros = LAG_PAUSE_MAX.as_micros() * used * used / (room * room);
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_further_the_store_lags_the_longer_is_the_pause() {
        assert_eq!(lag_pause(0), Duration::ZERO);
        assert_eq!(lag_pause(LAG_BYTES_EASY), Duration::ZERO);
        let between = lag_pause(usize::midpoint(LAG_BYTES_EASY, LAG_BYTES_MAX));
        assert_eq!(between, LAG_PAUSE_MAX / 4);
        for bytes in [LAG_BYTES_MAX, LAG_BYTES_MAX + 1, usize::MAX] {
            assert_eq!(lag_pause(bytes), LAG_PAUSE_MAX);
        }
    }
}
