//! The one thread that changes the store.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, mpsc},
    time::Duration,
};

use nix::sys::statvfs::statvfs;
use store_actors::{domain::record::Record, ports::JournalFailed};
use tokio::sync::oneshot;

use super::{
    directory::Marker,
    failed::StoreFailed,
    plan::{Plan, Unplanned},
    shared::Shared,
    store::{Changes, Head},
};

/// A receipt is written after this time without a group.
const IDLE: Duration = Duration::from_millis(500);

/// How many records the marker may lag behind.
const MARKER_LAG: u64 = 4_096;

/// A group, and who waits for it.
#[derive(Debug)]
pub(super) struct Job {
    pub group: Vec<Record>,
    pub answer: oneshot::Sender<Result<(), JournalFailed>>,
}

pub(super) struct Writer {
    pub shared: Arc<Shared>,
    pub jobs: mpsc::Receiver<Job>,
    pub min_free_bytes: u64,
    /// Up to which record the marker tells.
    pub marked: u64,
}

impl Writer {
    /// Until nobody can send any more.
    pub(super) fn run(mut self) {
        loop {
            match self.jobs.recv_timeout(IDLE) {
                Ok(Job { group, answer }) => {
                    let written = self.guarded(|writer| writer.write(&group));
                    // nobody waiting any more is no error
                    let _ = answer.send(written);
                    self.tend(Self::mark);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => self.tend(Self::write_receipt),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    self.tend(Self::write_receipt);
                    return;
                }
            }
        }
    }

    /// sled asserts here and there; a panic is a failure like any other.
    pub(super) fn guarded(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<(), JournalFailed>,
    ) -> Result<(), JournalFailed> {
        self.shared.check_running()?;
        match catch_unwind(AssertUnwindSafe(|| work(self))) {
            Ok(done) => done,
            Err(_) => Err(self.shared.stop("the writer panicked")),
        }
    }

    /// Work that nobody waits for; its failure stops the journal and shows at the next group.
    fn tend(&mut self, work: fn(&mut Self) -> Result<(), StoreFailed>) {
        let done = self.guarded(|writer| work(writer).map_err(|cause| writer.fail(&cause)));
        if let Err(failed) = done {
            tracing::debug!(%failed, "the journal is not tended any more");
        }
    }

    fn fail(&self, cause: &StoreFailed) -> JournalFailed {
        tracing::error!(%cause, "the journal stops");
        self.shared.stop(cause.to_string())
    }

    fn write(&mut self, group: &[Record]) -> Result<(), JournalFailed> {
        let (head, day_offset_minutes) = (self.head(), self.shared.day_offset_minutes);
        let plan = match Plan::of(group, &head, &self.shared.store, day_offset_minutes) {
            Ok(plan) => plan,
            Err(Unplanned::Group(failed)) => return Err(failed),
            Err(Unplanned::Store(cause)) => return Err(self.fail(&cause)),
        };
        if plan.opens_payment && !has_room(self.shared.dir.root(), self.min_free_bytes) {
            return Err(JournalFailed::NearlyFull);
        }
        self.make_durable(&plan.changes, plan.head)
            .map_err(|cause| self.fail(&cause))
    }

    /// The seam for the guard log: it will make the group durable here with one append and one
    /// sync, and the rest will follow behind on a thread of its own.
    fn make_durable(&self, changes: &Changes, head: Head) -> Result<(), StoreFailed> {
        self.shared.store.apply(changes)?;
        self.shared.store.sync()?;
        self.shared.advance(head);
        Ok(())
    }

    /// The durable head with the newest receipt.
    fn head(&self) -> Head {
        let progress = self.shared.progress();
        Head {
            receipted: progress.receipted,
            ..progress.durable
        }
    }

    fn write_receipt(&mut self) -> Result<(), StoreFailed> {
        let head = self.head();
        if head == self.shared.progress().durable {
            return Ok(());
        }
        let mut changes = Changes::default();
        changes.meta.insert("head", head.encode());
        self.make_durable(&changes, head)
    }

    fn mark(&mut self) -> Result<(), StoreFailed> {
        let head = self.shared.progress().durable;
        let is_first = self.marked == 0 && head.tip.seq > 0;
        if is_first || head.tip.seq >= self.marked + MARKER_LAG {
            self.shared.dir.write_marker(&Marker::of(&head, false))?;
            self.marked = head.tip.seq;
        }
        Ok(())
    }
}

/// Whether the disk has more than `min_free_bytes` left. A disk that can't say has room: the write
/// itself will tell.
pub(super) fn has_room(dir: &Path, min_free_bytes: u64) -> bool {
    match statvfs(dir) {
        Ok(disk) => disk.blocks_available().saturating_mul(disk.fragment_size()) >= min_free_bytes,
        Err(cause) => {
            tracing::warn!(%cause, "can't tell how much room the disk has");
            true
        }
    }
}
