//! The thread that acknowledges: what waits it chains, puts into the guard log as one group, and
//! answers.
//!
//! It looks into no fact: that is for whoever needs it, readers or the applier (`pending`).

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, mpsc},
    time::Duration,
};

use nix::sys::statvfs::statvfs;
use store_actors::{
    domain::{
        payment::State,
        record::{Body, Fact, Record, Tip},
    },
    ports::{GroupSize, JournalFailed},
};
use tokio::{sync::oneshot, time::Instant};

use super::{guard::Guard, shared::Shared};
use crate::crash;

/// Where the chain stands after a group.
pub(super) type Written = Result<Tip, JournalFailed>;

/// What is to be written together, and who waits for it.
#[derive(Debug)]
pub(super) struct Job {
    pub group: Vec<Fact>,
    pub answer: oneshot::Sender<Written>,
}

pub(super) struct Writer {
    pub shared: Arc<Shared>,
    pub guard: Guard,
    pub jobs: mpsc::Receiver<Job>,
    pub room: Room,
}

/// Whether the disk has room, as it was when last asked: less than the least that is kept free can
/// be written in between.
pub(super) struct Room {
    min_free_bytes: u64,
    known: Option<(Instant, bool)>,
}

const ROOM_ASKED_INTERVAL: Duration = Duration::from_millis(50);

impl Room {
    pub(super) const fn new(min_free_bytes: u64) -> Self {
        Self {
            min_free_bytes,
            known: None,
        }
    }

    fn is_there(&mut self, dir: &Path) -> bool {
        match self.known {
            Some((asked, known)) if asked.elapsed() < ROOM_ASKED_INTERVAL => known,
            _ => {
                let known = has_room(dir, self.min_free_bytes);
                self.known = Some((Instant::now(), known));
                known
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Writer {
    /// Until nobody can send any more.
    pub(super) fn run(mut self) {
        let mut next = None;
        while let Some(first) = next.take().or_else(|| self.jobs.recv().ok()) {
            let jobs;
            (jobs, next) = self.gather(first);
            self.write(jobs);
            crash::point("acknowledged");
            self.shared.wait_lag();
        }
    }

    /// What waits and fits into one group, and the one that does not fit any more.
    fn gather(&self, first: Job) -> (Vec<Job>, Option<Job>) {
        let mut size = GroupSize::of(&first.group);
        let mut jobs = vec![first];
        while let Ok(job) = self.jobs.try_recv() {
            let together = size.and(GroupSize::of(&job.group));
            if !together.fits() {
                return (jobs, Some(job));
            }
            size = together;
            jobs.push(job);
        }
        (jobs, None)
    }

    /// As one group, all of it or nothing. Each hears where the chain stands after its own.
    fn write(&mut self, jobs: Vec<Job>) {
        let has_room = self.room.is_there(self.shared.dir.root());
        let before = self.shared.progress().durable;
        let (mut tip, mut records, mut answers) = (before, Vec::new(), Vec::new());
        for Job { group, answer } in jobs {
            if let Err(refused) = check(&group, has_room) {
                let _ = answer.send(Err(refused));
                continue;
            }
            records.extend(group.into_iter().map(|fact| tip.chain(fact)));
            answers.push((answer, tip));
        }
        if records.is_empty() {
            return;
        }
        let shared = self.shared.clone();
        let written = guarded(&shared, || self.put(&records, before, tip));
        crash::point("guard-synced");
        for (answer, tip) in answers {
            // nobody waiting any more is no error
            let _ = answer.send(written.clone().map(|()| tip));
        }
    }

    fn put(&mut self, group: &[Record], before: Tip, after: Tip) -> Result<(), JournalFailed> {
        let place = self.guard.append(group, before).map_err(|cause| {
            tracing::error!(%cause, "the journal stops");
            self.shared.stop(format!("the guard log failed: {cause}"))
        })?;
        self.shared.arrive(place);
        self.shared.advance(|progress| {
            progress.durable = after;
            progress.durable_since = Instant::now();
        });
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

fn check(group: &[Fact], has_room: bool) -> Result<(), JournalFailed> {
    let size = GroupSize::of(group);
    if group.is_empty() || !size.fits() {
        let GroupSize { records, bytes } = size;
        let refused = format!("a group of {records} records, {bytes} bytes");
        return Err(JournalFailed::Refused(refused));
    }
    if !has_room && opens_payment(group) {
        return Err(JournalFailed::NearlyFull);
    }
    Ok(())
}

/// Asked only when the disk is nearly full.
fn opens_payment(group: &[Fact]) -> bool {
    group.iter().any(|fact| match Body::from_text(&fact.body) {
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
