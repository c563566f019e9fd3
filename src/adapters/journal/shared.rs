//! What writer and readers share: the store, and how far it is durable.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use store_actors::ports::JournalFailed;

use super::{
    directory::Directory,
    store::{Head, Store},
};

/// A reader that met a payment of the group being written waits for it no longer than this.
const DURABLE_WITHIN: Duration = Duration::from_secs(10);

pub(super) struct Shared {
    // dropped in this order: sled lets go of its file before the directory is free for others
    pub store: Store,
    pub dir: Directory,
    pub day_offset_minutes: i32,
    progress: Mutex<Progress>,
    advanced: Condvar,
}

#[derive(Debug)]
pub(super) struct Progress {
    /// As it is on stable storage.
    pub durable: Head,
    /// Never behind `durable.receipted`; written with the next group, or soon.
    pub receipted: u64,
    /// For ever.
    pub stopped: Option<String>,
}

impl Shared {
    pub(super) fn new(store: Store, dir: Directory, head: Head, day_offset_minutes: i32) -> Self {
        let progress = Progress {
            durable: head,
            receipted: head.receipted,
            stopped: None,
        };
        let (progress, advanced) = (Mutex::new(progress), Condvar::new());
        Self {
            store,
            dir,
            day_offset_minutes,
            progress,
            advanced,
        }
    }

    pub(super) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn check_running(&self) -> Result<(), JournalFailed> {
        match &self.progress().stopped {
            Some(why) => Err(JournalFailed::Stopped(why.clone())),
            None => Ok(()),
        }
    }

    pub(super) fn advance(&self, head: Head) {
        self.progress().durable = head;
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

    /// Nothing is shown that could still be lost: waits until `seq` is durable. On a thread that
    /// may block.
    pub(super) fn wait_durable(&self, seq: u64) -> Result<(), JournalFailed> {
        let is_pending =
            |progress: &mut Progress| progress.durable.tip.seq < seq && progress.stopped.is_none();
        let waited = self
            .advanced
            .wait_timeout_while(self.progress(), DURABLE_WITHIN, is_pending);
        let (progress, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &progress.stopped {
            _ if progress.durable.tip.seq >= seq => Ok(()),
            Some(why) => Err(JournalFailed::Stopped(why.clone())),
            None => Err(JournalFailed::Unreadable("the disk is too slow".into())),
        }
    }
}
