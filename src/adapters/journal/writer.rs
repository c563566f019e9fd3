//! The thread that acknowledges: it checks a group, puts it into the guard log, and answers.
//!
//! It looks into no record: that is for whoever needs it, readers or the applier (`pending`).

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, mpsc},
};

use nix::sys::statvfs::statvfs;
use store_actors::{
    domain::{
        payment::State,
        record::{Body, Record, Tip},
    },
    ports::{GROUP_BYTES_MAX, GROUP_RECORDS_MAX, JournalFailed},
};
use tokio::sync::oneshot;

use super::{guard::Guard, shared::Shared};
use crate::crash;

/// A group, and who waits for it.
#[derive(Debug)]
pub(super) struct Job {
    pub group: Vec<Record>,
    pub answer: oneshot::Sender<Result<(), JournalFailed>>,
}

pub(super) struct Writer {
    pub shared: Arc<Shared>,
    pub guard: Guard,
    pub jobs: mpsc::Receiver<Job>,
    pub min_free_bytes: u64,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Writer {
    /// Until nobody can send any more.
    pub(super) fn run(mut self) {
        while let Ok(Job { group, answer }) = self.jobs.recv() {
            let written = guarded(&self.shared.clone(), || self.write(group));
            crash::point("guard-synced");
            // nobody waiting any more is no error
            let _ = answer.send(written);
            crash::point("acknowledged");
            self.shared.wait_lag();
        }
    }

    fn write(&mut self, group: Vec<Record>) -> Result<(), JournalFailed> {
        check_size(&group)?;
        let before = self.shared.progress().durable;
        let after = continued(before, &group)?;
        if !has_room(self.shared.dir.root(), self.min_free_bytes) && opens_payment(&group) {
            return Err(JournalFailed::NearlyFull);
        }
        if let Err(cause) = self.guard.append(&group, before) {
            tracing::error!(%cause, "the journal stops");
            return Err(self.shared.stop(format!("the guard log failed: {cause}")));
        }
        self.shared.arrive(group);
        self.shared.advance(|progress| progress.durable = after);
        Ok(())
    }
}

/// A panic is a failure like any other.
pub(super) fn guarded<T>(
    shared: &Shared,
    work: impl FnOnce() -> Result<T, JournalFailed>,
) -> Result<T, JournalFailed> {
    shared.check_running()?;
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done,
        Err(_) => Err(shared.stop("a thread of the journal panicked")),
    }
}

fn check_size(group: &[Record]) -> Result<(), JournalFailed> {
    let bytes = group.iter().map(Record::encoded_len).sum::<usize>();
    if group.is_empty() || group.len() > GROUP_RECORDS_MAX || bytes > GROUP_BYTES_MAX {
        let refused = format!("a group of {} records, {bytes} bytes", group.len());
        return Err(JournalFailed::Refused(refused));
    }
    Ok(())
}

/// The tip after the group, if it continues the chain.
fn continued(before: Tip, group: &[Record]) -> Result<Tip, JournalFailed> {
    group.iter().try_fold(before, |tip, record| {
        if record.seq == tip.seq + 1 && record.prev == tip.hash {
            return Ok(Tip {
                seq: record.seq,
                hash: record.hash(),
            });
        }
        Err(JournalFailed::OutOfStep { tip: before.seq })
    })
}

/// Asked only when the disk is nearly full.
fn opens_payment(group: &[Record]) -> bool {
    group.iter().any(|record| match record.decode_body() {
        Ok(Body::Payment { payment, .. }) => payment.state == State::Opened,
        _ => false,
    })
}

/// Whether the disk has more than `min_free_bytes` left. A disk that can't say has room: the write
/// itself will tell.
pub(super) fn has_room(dir: &Path, min_free_bytes: u64) -> bool {
    free_bytes(dir).is_none_or(|free| free >= min_free_bytes)
}

/// `None` if the operating system does not say.
pub(super) fn free_bytes(dir: &Path) -> Option<u64> {
    match statvfs(dir) {
        Ok(disk) => Some(disk.blocks_available().saturating_mul(disk.fragment_size())),
        Err(cause) => {
            tracing::warn!(%cause, "can't tell how much room the disk has");
            None
        }
    }
}
