//! What the journal's threads and its readers share: the store, what is not in it yet, and how far
//! everything has come.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use store_actors::{domain::record::Tip, ports::JournalFailed};
use tokio::time::Instant;

use super::{
    directory::Directory,
    pending::Pending,
    store::{Head, Store},
};

/// A store that lags for so long without coming on is given up.
const APPLIED_WITHIN: Duration = Duration::from_secs(15);

/// So many bytes of records may wait for the store, in memory: a burst is taken at the guard log's
/// pace, and what lasts goes on at the store's.
const LAG_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How often it is looked whether the store has caught up, at the least.
const LAG_LOOK: Duration = Duration::from_millis(20);

/// A reader waits no longer than this for what was acknowledged to become readable.
const READABLE_WITHIN: Duration = Duration::from_secs(10);

pub(super) struct Shared {
    // dropped in this order: sled lets go of its file before the directory is free for others
    pub store: Store,
    pub dir: Directory,
    pub day_offset_minutes: i32,
    progress: Mutex<Progress>,
    pending: Mutex<Pending>,
    advanced: Condvar,
}

/// `durable` >= `readable` >= `applied`.
#[derive(Debug)]
pub(super) struct Progress {
    /// The guard log has it on stable storage.
    pub durable: Tip,
    /// Readers find everything up to here.
    pub readable: u64,
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
            readable: head.tip.seq,
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

    /// Until the store is not too far behind, or everything has stopped.
    pub(super) fn wait_lag(&self) {
        while self.pending().bytes() > LAG_BYTES_MAX {
            let progress = self.progress();
            if progress.stopped.is_some() {
                return;
            }
            // ends early when the store has come on
            let _woken = self.advanced.wait_timeout(progress, LAG_LOOK);
        }
    }

    /// What was acknowledged is found: a group becomes readable a moment after its callers have
    /// their answer. On a thread that may block.
    pub(super) fn wait_readable(&self) -> Result<(), JournalFailed> {
        let seq = self.progress().durable.seq;
        self.wait_until(seq, |progress| progress.readable)
    }

    /// As `wait_readable`, for what is read from the store alone.
    pub(super) fn wait_applied(&self) -> Result<(), JournalFailed> {
        let seq = self.progress().durable.seq;
        self.wait_until(seq, |progress| progress.applied.tip.seq)
    }

    fn wait_until(&self, seq: u64, come: fn(&Progress) -> u64) -> Result<(), JournalFailed> {
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
