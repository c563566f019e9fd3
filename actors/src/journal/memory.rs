//! A journal disk in memory for tests: fails on demand, is slow on demand, and loses what was not
//! synced.
//!
//! It takes time by tokio's clock, so a paused test decides when a group is durable. Like the real
//! disk it finishes a group that nobody waits for any more, and writes together what comes while it
//! writes. It shows nothing that is not durable yet.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::{
    domain::{
        certificate::SignedCertificate,
        day::Day,
        ids::{CounterId, PaymentId, RefundId},
        office::{entry::Entry, movement::Movement},
        offline::OfflineTotal,
        payment::{Payment, State},
        record::{Body, Fact, Record, Tip},
    },
    ports::{
        BooksDisk, DayMovements, DiskCondition, GroupSize, JournalDisk, JournalFailed, Parked,
        PaymentFilter, Reply,
    },
};

/// Business days end at midnight of UTC.
const DAY_OFFSET_MINUTES: i32 = 0;

/// The disk. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    records: Vec<Record>,
    /// So many were there from the beginning.
    found: usize,
    syncs: Vec<Sync>,
    payments: BTreeMap<PaymentId, Payment>,
    offline_total: Option<OfflineTotal>,
    entries: BTreeMap<String, Entry>,
    applied: usize,
    receipted: u64,
    delay: Duration,
    failures: VecDeque<JournalFailed>,
    stopped: Option<String>,
    is_nearly_full: bool,
}

/// What is written together.
#[derive(Clone, Copy, Debug)]
struct Sync {
    /// So many records are there then.
    end: usize,
    size: GroupSize,
    begins: Instant,
    durable: Instant,
}

impl MemoryDisk {
    /// From now on each group takes so long to become durable.
    pub fn set_delay(&self, delay: Duration) {
        self.lock().delay = delay;
    }

    /// The next group fails so, unwritten. After `Stopped` all fail, so unless told otherwise.
    pub fn fail_next(&self, failure: JournalFailed) {
        self.lock().failures.push_back(failure);
    }

    fn durable_payments(&self) -> impl Iterator<Item = Payment> {
        self.durable()
            .into_iter()
            .filter_map(|record| match record.decode_body() {
                Ok(Body::Payment { payment }) => Some(*payment),
                _ => None,
            })
    }

    /// From now on it fails, though nothing is being written.
    pub fn break_down(&self, why: &str) {
        self.lock().stopped = Some(why.into());
    }

    pub fn set_nearly_full(&self, is_nearly_full: bool) {
        self.lock().is_nearly_full = is_nearly_full;
    }

    /// How many records were written together each time, or are under way.
    pub fn group_sizes(&self) -> Vec<usize> {
        let inner = self.lock();
        inner.syncs.iter().map(|sync| sync.size.records).collect()
    }

    /// Every durable record.
    pub fn durable(&self) -> Vec<Record> {
        let inner = self.lock();
        inner
            .records
            .iter()
            .take(inner.durable_len())
            .cloned()
            .collect()
    }

    /// The disk as a process finds it after a crash at this moment: what was not synced is lost, or
    /// by luck is there.
    pub fn after_crash(&self, unsynced_is_lost: bool) -> MemoryDisk {
        self.after_torn_crash(if unsynced_is_lost { 0 } else { usize::MAX })
    }

    /// The same, with so many of the records that were not synced, the first ones.
    pub fn after_torn_crash(&self, kept: usize) -> MemoryDisk {
        let inner = self.lock();
        let len = inner.durable_len().saturating_add(kept);
        let records: Vec<Record> = inner.records.iter().take(len).cloned().collect();
        MemoryDisk(Arc::new(Mutex::new(Inner {
            found: records.len(),
            records,
            receipted: inner.receipted,
            ..Inner::default()
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, read: impl FnOnce(&Inner) -> T) -> Result<T, JournalFailed> {
        let mut inner = self.lock();
        inner.apply()?;
        Ok(read(&inner))
    }
}

impl Inner {
    fn durable_len(&self) -> usize {
        let now = Instant::now();
        let durable = self.syncs.iter().rev().find(|sync| sync.durable <= now);
        durable.map_or(self.found, |sync| sync.end)
    }

    fn tip(&self) -> Tip {
        self.tip_of(self.durable_len())
    }

    fn tip_of(&self, len: usize) -> Tip {
        let last = len.checked_sub(1).and_then(|at| self.records.get(at));
        last.map_or_else(Tip::default, |last| Tip {
            seq: last.seq,
            hash: last.hash(),
        })
    }

    fn begin(&mut self, group: Vec<Fact>) -> Result<(Instant, Tip), JournalFailed> {
        if let Some(failure) = self.failures.pop_front() {
            if let JournalFailed::Stopped(why) = &failure {
                self.stopped = Some(why.clone());
            }
            return Err(failure);
        }
        if let Some(why) = &self.stopped {
            return Err(JournalFailed::Stopped(why.clone()));
        }
        let size = GroupSize::of(&group);
        if !size.fits() {
            return Err(JournalFailed::Refused("the group is too large".into()));
        }
        if self.is_nearly_full && group.iter().any(opens_payment) {
            return Err(JournalFailed::NearlyFull);
        }
        let mut tip = self.tip_of(self.records.len());
        self.records
            .extend(group.into_iter().map(|fact| tip.chain(fact)));
        Ok((self.sync(size), tip))
    }

    /// With what waits for the one under way, or after it. Gives when it is durable.
    fn sync(&mut self, size: GroupSize) -> Instant {
        let now = Instant::now();
        let end = self.records.len();
        let shares = |last: &&mut Sync| last.begins > now && last.size.and(size).fits();
        if let Some(last) = self.syncs.last_mut().filter(shares) {
            last.end = end;
            last.size = last.size.and(size);
            return last.durable;
        }
        let begins = self.syncs.last().map_or(now, |last| last.durable.max(now));
        let durable = begins + self.delay;
        self.syncs.push(Sync {
            end,
            size,
            begins,
            durable,
        });
        durable
    }

    fn apply(&mut self) -> Result<(), JournalFailed> {
        let durable_len = self.durable_len();
        for record in self.records.iter().take(durable_len).skip(self.applied) {
            let body = record.decode_body();
            let body = body.map_err(|cause| JournalFailed::Unreadable(cause.to_string()))?;
            match body {
                Body::Payment { payment } => drop(self.payments.insert(payment.id, *payment)),
                Body::OfflineTotalSet { total } => self.offline_total = Some(total),
                Body::Office { office } => drop(self.entries.insert(office.key(), *office)),
                _ => {}
            }
        }
        self.applied = durable_len;
        Ok(())
    }
}

fn opens_payment(fact: &Fact) -> bool {
    matches!(Body::from_text(&fact.body), Ok(Body::Payment { payment }) if payment.state == State::Opened)
}

fn has_key(payment: &Payment, key: &str) -> bool {
    let of_refunds = payment
        .refunds
        .iter()
        .filter_map(|refund| refund.fingerprint.as_ref());
    payment
        .fingerprint
        .iter()
        .chain(of_refunds)
        .any(|fingerprint| fingerprint.key == key)
}

impl JournalDisk for MemoryDisk {
    fn tip(&self) -> Tip {
        self.lock().tip()
    }

    fn append(&self, group: Vec<Fact>) -> Reply<'static, Result<Tip, JournalFailed>> {
        let begun = self.lock().begin(group);
        Box::pin(async move {
            let (durable_at, tip) = begun?;
            if durable_at > Instant::now() {
                sleep_until(durable_at).await;
            }
            Ok(tip)
        })
    }

    fn records(
        &self,
        from_seq: u64,
        max_records: usize,
        max_bytes: usize,
    ) -> Reply<'_, Result<Vec<Record>, JournalFailed>> {
        let mut bytes = 0;
        let durable = self.durable();
        let from = durable
            .into_iter()
            .skip_while(|record| record.seq < from_seq);
        let fits = from
            .take(max_records)
            .enumerate()
            .take_while(|(nth, record)| {
                bytes += record.encoded_len();
                *nth == 0 || bytes <= max_bytes
            });
        let records = fits.map(|(_, record)| record).collect();
        Box::pin(async move { Ok(records) })
    }

    fn payment(&self, id: PaymentId) -> Reply<'_, Result<Option<Payment>, JournalFailed>> {
        Box::pin(async move { self.read(|inner| inner.payments.get(&id).cloned()) })
    }

    fn payment_of_refund(&self, id: RefundId) -> Reply<'_, Result<Option<Payment>, JournalFailed>> {
        let of_refund = move |payment: &&Payment| payment.refund(id).is_some();
        Box::pin(async move { self.read(|inner| inner.payments.values().find(of_refund).cloned()) })
    }

    fn payment_of_key(&self, key: &str) -> Reply<'_, Result<Option<Payment>, JournalFailed>> {
        let key = key.to_owned();
        let of_key = move |payment: &&Payment| has_key(payment, &key);
        Box::pin(async move { self.read(|inner| inner.payments.values().find(of_key).cloned()) })
    }

    fn find(&self, filter: PaymentFilter) -> Reply<'_, Result<Vec<Payment>, JournalFailed>> {
        Box::pin(async move {
            self.read(|inner| {
                let newest_first = inner.payments.values().rev();
                let found = newest_first.filter(|payment| filter.admits(payment));
                found.take(filter.page_len()).cloned().collect()
            })
        })
    }

    fn unsettled(&self) -> Reply<'_, Result<Vec<Payment>, JournalFailed>> {
        let is_open = |payment: &&Payment| !payment.is_settled();
        Box::pin(async move {
            self.read(|inner| inner.payments.values().filter(is_open).cloned().collect())
        })
    }

    fn condition(&self) -> Reply<'_, Result<DiskCondition, JournalFailed>> {
        let inner = self.lock();
        let condition = DiskCondition {
            has_room: !inner.is_nearly_full,
            ..DiskCondition::default()
        };
        let stopped = inner.stopped.clone();
        Box::pin(
            async move { stopped.map_or(Ok(condition), |why| Err(JournalFailed::Stopped(why))) },
        )
    }

    fn last_number(&self, counter: &CounterId) -> Reply<'_, Result<u64, JournalFailed>> {
        let payments = self.durable_payments();
        let own = payments.filter(|payment| payment.counter == *counter);
        let last = own.map(|payment| payment.number).max().unwrap_or(0);
        Box::pin(async move { Ok(last) })
    }

    fn last_closed(&self) -> Reply<'_, Result<Option<SignedCertificate>, JournalFailed>> {
        let mut closed =
            self.durable()
                .into_iter()
                .filter_map(|record| match record.decode_body() {
                    Ok(Body::DayClosed { certificate }) => Some(*certificate),
                    _ => None,
                });
        let last = closed.next_back();
        Box::pin(async move { Ok(last) })
    }

    fn offline_total(&self) -> Reply<'_, Result<Option<OfflineTotal>, JournalFailed>> {
        Box::pin(async move { self.read(|inner| inner.offline_total) })
    }

    fn parked(&self) -> Reply<'_, Result<Parked, JournalFailed>> {
        let mut parked = Parked::new();
        for record in self.durable() {
            match record.decode_body() {
                Ok(Body::Parked { record, why }) => drop(parked.insert(record, why)),
                Ok(Body::Unparked { record }) => drop(parked.remove(&record)),
                _ => {}
            }
        }
        Box::pin(async move { Ok(parked) })
    }

    fn set_receipted(&self, through: u64) -> Reply<'_, Result<(), JournalFailed>> {
        let mut inner = self.lock();
        let done = if through > inner.tip().seq {
            Err(JournalFailed::Refused(format!(
                "record {through} was never written here"
            )))
        } else {
            inner.receipted = inner.receipted.max(through);
            Ok(())
        };
        Box::pin(async move { done })
    }

    fn receipted(&self) -> u64 {
        self.lock().receipted
    }
}

impl BooksDisk for MemoryDisk {
    fn movements(
        &self,
        day: Day,
        known: Option<u64>,
    ) -> Reply<'_, Result<Option<DayMovements>, JournalFailed>> {
        Box::pin(async move {
            self.read(|inner| {
                let all = inner.payments.values();
                let all = all.flat_map(|one| Movement::all_of(one, DAY_OFFSET_MINUTES));
                let movements: Vec<_> = all.filter(|one| one.day == day).collect();
                // it changes whenever anything does, which is often enough
                let mark = u64::try_from(inner.applied).unwrap_or(u64::MAX);
                (known != Some(mark)).then_some(DayMovements { mark, movements })
            })
        })
    }

    fn entries(&self, prefix: &str, limit: usize) -> Reply<'_, Result<Vec<Entry>, JournalFailed>> {
        let prefix = prefix.to_owned();
        Box::pin(async move {
            self.read(|inner| {
                let entries = inner.entries.iter().rev();
                let found = entries.filter(|(key, _)| key.starts_with(&prefix));
                found.map(|(_, entry)| entry.clone()).take(limit).collect()
            })
        })
    }
}
