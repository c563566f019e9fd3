//! The `JournalDisk` on sled 0.34: what it acknowledged survives kill -9 and power loss (JRN-1).
//!
//! One thread appends each group to the guard log, with one fdatasync, and answers; a second one
//! brings sled up behind it, where the records are found, counted and queued. Any error of the disk
//! stops both for ever (JRN-3). Reads are answered from what is pending and from sled, on threads
//! that may block, and show everything that is durable and nothing else. One process holds the
//! directory; a marker in it remembers how far the records went, so that an erased journal is never
//! taken for a new one. After a crash the guard log brings the store up to the last record that was
//! acknowledged, and makes it anew if sled lost it (`open`, `recovery`).
//!
//! Not here: making the facts. That is the journal actor's; the writer chains them.

mod applier;
mod copy;
mod directory;
mod failed;
mod guard;
mod ledger;
mod open;
mod packed;
mod pending;
mod plan;
mod priority;
mod read;
mod reader;
mod recovery;
mod shared;
mod snapshot;
mod store;
#[cfg(test)]
mod tests;
mod totals;
pub mod verify;
mod writer;

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use store_actors::{
    domain::{
        certificate::SignedCertificate,
        day::Day,
        ids::{CounterId, PaymentId, RefundId},
        office::entry::Entry,
        offline::OfflineTotal,
        payment::Payment,
        record::{Fact, Record, Tip},
    },
    ports::{
        BooksDisk, DayMovements, DiskCondition, JournalDisk, JournalFailed, Parked, PaymentFilter,
        Reply,
    },
};
use tokio::{
    sync::oneshot,
    task::spawn_blocking,
    time::{Instant, timeout, timeout_at},
};

pub use failed::OpenFailed;
pub use reader::Reader;
pub use recovery::Recovery;
pub use snapshot::leave_snapshot;
pub use totals::Total;

use applier::{Applier, Retention};
use directory::Marker;
use guard::Guard;
use shared::Shared;
use writer::{Job, Room, Writer, Written};

use crate::crash;

/// If a group waits and nothing gets onto the disk within this time, the journal stops: the disk
/// can't be trusted.
const DISK_WITHIN: Duration = Duration::from_secs(15);

/// Groups that may wait for the writer. The journal actor sends a few, and one that died may have
/// left as many.
const JOBS_MAX: usize = 16;

/// Where the journal lies, and its limits.
#[derive(Clone, Debug)]
pub struct JournalConfig {
    pub dir: PathBuf,
    /// With less room than this on the disk no payment is begun; those begun still end.
    pub min_free_bytes: u64,
    /// From UTC to the clock whose midnight ends the business day: 480 for China. Kept from the
    /// journal's first run on.
    pub day_offset_minutes: i32,
    /// Of the guard log: so much is written with zeros ahead of its use.
    pub segment_bytes: u64,
    /// A full segment of the guard log is kept at least so long.
    pub guard_retention: Duration,
    /// Whether it is also kept until the head office has receipted it.
    pub await_receipts: bool,
}

impl JournalConfig {
    /// 256 MiB of room, business days of UTC, segments of 32 MiB kept for a week.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            min_free_bytes: 256 * 1024 * 1024,
            day_offset_minutes: 0,
            segment_bytes: 32 * 1024 * 1024,
            guard_retention: Duration::from_secs(7 * 24 * 3_600),
            await_receipts: true,
        }
    }
}

/// The open journal.
pub struct Journal {
    shared: Arc<Shared>,
    jobs: Mutex<Option<mpsc::SyncSender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    min_free_bytes: u64,
    recovery: Recovery,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Journal({}, {:?})",
            self.shared.dir.root().display(),
            self.shared.progress()
        )
    }
}

impl Journal {
    /// Opens the journal, or begins one where none was. Blocks while sled recovers.
    pub fn open(config: JournalConfig) -> Result<Self, OpenFailed> {
        Self::open_over(config, |_| {})
    }

    /// As `open`; tests change the guard log's medium on the way.
    fn open_over(
        config: JournalConfig,
        change: impl FnOnce(&mut Guard),
    ) -> Result<Self, OpenFailed> {
        let opened = open::open(&config.dir, Some(config.day_offset_minutes))?;
        let head = opened.shared.progress().applied;
        let dir = &opened.shared.dir;
        let segment_bytes = config.segment_bytes.max(guard::SEGMENT_BYTES_MIN);
        let guard = opened.guard_end.open(&dir.guard(), segment_bytes);
        let mut guard = guard.map_err(directory::disk("write the guard log in", &dir.guard()))?;
        change(&mut guard);
        let marked = dir.write_marker(&Marker::of(&head, false));
        marked.map_err(directory::disk("write the marker in", dir.root()))?;

        let shared = Arc::new(opened.shared);
        let (sender, jobs) = mpsc::sync_channel(JOBS_MAX);
        let writer = Writer {
            shared: shared.clone(),
            guard,
            jobs,
            room: Room::new(config.min_free_bytes),
        };
        let applier = Applier {
            shared: shared.clone(),
            retention: Retention {
                keep: config.guard_retention,
                await_receipts: config.await_receipts,
            },
            marked: head.tip.seq,
            marked_at: Instant::now(),
            unsynced_bytes: 0,
            synced_at: Instant::now(),
        };
        let mut threads = vec![
            start("journal-store", &config.dir, move || applier.run())?,
            start("journal-guard", &config.dir, move || writer.run())?,
        ];
        if shared.dir.copy().is_dir() {
            // of a large store that takes a while, and nobody need wait for it
            let dropping = shared.clone();
            let drop = move || copy::drop_behind(&dropping.dir);
            threads.push(start("journal-copy", &config.dir, drop)?);
        }
        Ok(Self {
            shared,
            jobs: Mutex::new(Some(sender)),
            threads: Mutex::new(threads),
            min_free_bytes: config.min_free_bytes,
            recovery: opened.recovery,
        })
    }

    /// Whether the run before ended with `close`. True for a journal just begun.
    pub fn was_clean(&self) -> bool {
        self.recovery.was_clean
    }

    /// What opening it found and did.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// From UTC to the clock whose midnight ends the business day: as it was at the journal's
    /// beginning.
    pub fn day_offset_minutes(&self) -> i32 {
        self.shared.day_offset_minutes
    }

    /// Whether the disk has room for new payments.
    pub fn has_room(&self) -> bool {
        writer::has_room(self.shared.dir.root(), self.min_free_bytes)
    }

    /// Counts and sums of the business days that begin with `day`: `2026-11-22`, or `2026-11` for a
    /// month.
    pub fn totals(&self, day: &str) -> Reply<'_, Result<Vec<Total>, JournalFailed>> {
        let day = day.to_owned();
        self.read(move |shared| shared.totals(&day))
    }

    /// Writes what was taken, then the marker of a clean end. Afterwards every append is refused.
    ///
    /// Errors: `Stopped` if the journal has failed before or now; it then counts as not cleanly
    /// closed.
    pub async fn close(&self) -> Result<(), JournalFailed> {
        drop(take(&self.jobs));
        let threads = take_all(&self.threads);
        let shared = self.shared.clone();
        let closing = spawn_blocking(move || {
            let ended = join(threads);
            shared.check_running()?;
            if !ended {
                return Err(shared.stop("a thread of the journal died"));
            }
            let marker = Marker::of(&shared.progress().applied, true);
            shared
                .dir
                .write_marker(&marker)
                .map_err(|cause| shared.stop(cause.to_string()))?;
            shared.stop("it is closed");
            Ok(())
        });
        match timeout(DISK_WITHIN, closing).await {
            Ok(Ok(closed)) => closed,
            Ok(Err(_)) => Err(self.shared.stop("closing it failed")),
            Err(_) => Err(self.shared.stop("the disk did not answer in time")),
        }
    }

    fn send(&self, group: Vec<Fact>) -> Result<oneshot::Receiver<Written>, JournalFailed> {
        self.shared.check_running()?;
        let (answer, answered) = oneshot::channel();
        let sent = match &*self.jobs.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(jobs) => jobs.try_send(Job { group, answer }),
            None => return Err(self.shared.stop("it is closed")),
        };
        match sent {
            Ok(()) => Ok(answered),
            Err(mpsc::TrySendError::Full(_)) => Err(JournalFailed::Busy),
            Err(mpsc::TrySendError::Disconnected(_)) => Err(self.shared.stop("the writer died")),
        }
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared) -> Result<T, JournalFailed> + Send + 'static,
    ) -> Reply<'_, Result<T, JournalFailed>> {
        let shared = self.shared.clone();
        Box::pin(async move {
            let done = spawn_blocking(move || read(&shared)).await;
            done.unwrap_or_else(|died| Err(JournalFailed::Unreadable(died.to_string())))
        })
    }
}

impl Drop for Journal {
    /// Without `close` the next run finds the journal not cleanly closed; what was acknowledged is
    /// there.
    fn drop(&mut self) {
        drop(take(&self.jobs));
        if !join(take_all(&self.threads)) {
            tracing::error!("a thread of the journal died");
        }
    }
}

/// How the group that was sent then ended. The groups before it have their own time.
async fn written(
    shared: &Shared,
    mut answered: oneshot::Receiver<Written>,
    sent: Instant,
) -> Written {
    loop {
        let since = sent.max(shared.progress().durable_since);
        match timeout_at(since + DISK_WITHIN, &mut answered).await {
            Ok(Ok(written)) => return written,
            Ok(Err(_)) => return Err(shared.stop("the writer died")),
            Err(_) if shared.progress().durable_since > since => {}
            Err(_) => return Err(shared.stop("the disk did not answer in time")),
        }
    }
}

fn start(
    name: &str,
    dir: &std::path::Path,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, OpenFailed> {
    let thread = std::thread::Builder::new().name(name.into());
    thread
        .spawn(run)
        .map_err(directory::disk("start a thread for", dir))
}

/// Waits for all of them; tells whether all ended in order.
fn join(threads: Vec<JoinHandle<()>>) -> bool {
    // the writer ends first, and with it what the applier waits for
    let ended: Vec<_> = threads.into_iter().rev().map(JoinHandle::join).collect();
    ended.iter().all(Result::is_ok)
}

fn take<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn take_all<T>(slot: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut slot.lock().unwrap_or_else(PoisonError::into_inner))
}

impl JournalDisk for Journal {
    fn tip(&self) -> Tip {
        self.shared.progress().durable
    }

    fn append(&self, group: Vec<Fact>) -> Reply<'static, Result<Tip, JournalFailed>> {
        let (sent, at) = (self.send(group), Instant::now());
        let shared = self.shared.clone();
        Box::pin(async move { written(&shared, sent?, at).await })
    }

    fn records(
        &self,
        from_seq: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Reply<'_, Result<Vec<Record>, JournalFailed>> {
        self.read(move |shared| shared.records(from_seq, max_records, max_bytes))
    }

    fn payment(&self, id: PaymentId) -> Reply<'_, Result<Option<Payment>, JournalFailed>> {
        self.read(move |shared| shared.payment(id))
    }

    fn payment_of_refund(&self, id: RefundId) -> Reply<'_, Result<Option<Payment>, JournalFailed>> {
        self.read(move |shared| shared.payment_of_refund(id))
    }

    fn payment_of_key(&self, key: &str) -> Reply<'_, Result<Option<Payment>, JournalFailed>> {
        let key = key.to_owned();
        self.read(move |shared| shared.payment_of_key(&key))
    }

    fn find(&self, filter: PaymentFilter) -> Reply<'_, Result<Vec<Payment>, JournalFailed>> {
        self.read(move |shared| shared.find(&filter))
    }

    fn unsettled(&self) -> Reply<'_, Result<Vec<Payment>, JournalFailed>> {
        self.read(Shared::unsettled)
    }

    fn unsettled_of(&self, reference: &str) -> Reply<'_, Result<Vec<Payment>, JournalFailed>> {
        let reference = reference.to_owned();
        self.read(move |shared| shared.unsettled_of(&reference))
    }

    fn condition(&self) -> Reply<'_, Result<DiskCondition, JournalFailed>> {
        let min_free_bytes = self.min_free_bytes;
        self.read(move |shared| {
            shared.check_running()?;
            shared.check_applying()?;
            let free_bytes = writer::free_bytes(shared.dir.root());
            let progress = shared.progress();
            Ok(DiskCondition {
                has_room: free_bytes.is_none_or(|free| free >= min_free_bytes),
                free_bytes,
                unapplied: progress
                    .durable
                    .seq
                    .saturating_sub(progress.applied.tip.seq),
            })
        })
    }

    fn last_number(&self, counter: &CounterId) -> Reply<'_, Result<u64, JournalFailed>> {
        let counter = counter.clone();
        self.read(move |shared| shared.last_number(&counter))
    }

    fn last_closed(&self) -> Reply<'_, Result<Option<SignedCertificate>, JournalFailed>> {
        self.read(Shared::last_closed)
    }

    fn offline_total(&self) -> Reply<'_, Result<Option<OfflineTotal>, JournalFailed>> {
        self.read(Shared::offline_total)
    }

    fn parked(&self) -> Reply<'_, Result<Parked, JournalFailed>> {
        self.read(Shared::parked)
    }

    fn set_receipted(&self, through: u64) -> Reply<'_, Result<(), JournalFailed>> {
        let mut progress = self.shared.progress();
        let done = if through > progress.durable.seq {
            let refused = format!("record {through} was never written here");
            Err(JournalFailed::Refused(refused))
        } else {
            crash::point("receipt-unset");
            progress.receipted = progress.receipted.max(through);
            Ok(())
        };
        Box::pin(async move { done })
    }

    fn receipted(&self) -> u64 {
        self.shared.progress().receipted
    }
}

impl BooksDisk for Journal {
    fn movements(
        &self,
        day: Day,
        known: Option<u64>,
    ) -> Reply<'_, Result<Option<DayMovements>, JournalFailed>> {
        self.read(move |shared| shared.movements(day, known))
    }

    fn entries(&self, prefix: &str, limit: usize) -> Reply<'_, Result<Vec<Entry>, JournalFailed>> {
        let prefix = prefix.to_owned();
        self.read(move |shared| shared.entries(&prefix, limit))
    }
}
