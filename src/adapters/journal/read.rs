//! Reading, beside the writers and never in their way: sled's trees are read concurrently.
//!
//! What is pending is looked at before the store, so that nothing falls between the two while it
//! moves from one to the other. Both hold only what is durable in the guard log.

use std::{borrow::Cow, collections::BTreeMap, ops::Bound, sync::Arc};

use sled::IVec;
use store_actors::{
    domain::{
        certificate::SignedCertificate,
        ids::{CounterId, PaymentId, RefundId},
        offline::OfflineTotal,
        payment::Payment,
        record::Record,
        timestamp::Timestamp,
    },
    ports::{JournalFailed, Parked, PaymentFilter},
};

use super::{
    failed::StoreFailed,
    pending::Item,
    plan::{idempotency_key, reference_prefix, refund_key},
    shared::Shared,
    store::{Store, decode_payment, decode_records},
    totals::{self, Total},
};

/// An id is made a moment before its payment is opened, at most so long.
const ID_AHEAD_MS: u64 = 60_000;

type Read<T> = Result<T, JournalFailed>;
type Found = Option<(u64, Payment)>;
type Moving = BTreeMap<PaymentId, Arc<Payment>>;

fn unreadable(cause: impl Into<StoreFailed>) -> JournalFailed {
    JournalFailed::Unreadable(cause.into().to_string())
}

impl Shared {
    pub(super) fn records(&self, from_seq: u64, max: usize, max_bytes: usize) -> Read<Vec<Record>> {
        self.absorb()?;
        let from_seq = from_seq.max(1);
        let (pending, last): (Vec<Arc<Item>>, _) = {
            let pending = self.pending();
            let wanted = pending.records(from_seq).take(max).cloned().collect();
            (wanted, pending.last_seq())
        };
        // looked at last: what is not pending any more is in the store by now. And not the durable
        // tip: what has just arrived may come into the store in pieces while it is read
        let tip = last.unwrap_or_else(|| self.progress().applied.tip.seq);
        if from_seq > tip || max == 0 {
            return Ok(Vec::new());
        }
        let store_ends = match pending.first() {
            Some(first) => first.record.seq - 1,
            None => tip,
        };
        let mut page = Page::new(from_seq, max, max_bytes);
        if from_seq <= store_ends {
            self.stored_records(store_ends, &mut page)?;
        }
        for item in &pending {
            if item.record.seq >= page.next_seq && !page.take(Cow::Borrowed(&item.record)) {
                break;
            }
        }
        Ok(page.records)
    }

    fn stored_records(&self, ends: u64, page: &mut Page) -> Read<()> {
        let missing = |seq: u64| JournalFailed::Unreadable(format!("record {seq} is missing"));
        let before = self
            .store
            .records
            .range(..=page.next_seq.to_be_bytes())
            .next_back();
        let (first_key, _) = before
            .ok_or_else(|| missing(page.next_seq))?
            .map_err(unreadable)?;
        for entry in self.store.records.range(first_key..) {
            let (_, value) = entry.map_err(unreadable)?;
            for record in decode_records(&value).map_err(unreadable)? {
                if record.seq < page.next_seq {
                    continue;
                }
                if record.seq > ends {
                    return Ok(());
                }
                if record.seq != page.next_seq {
                    return Err(missing(page.next_seq));
                }
                if !page.take(Cow::Owned(record)) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    pub(super) fn payment(&self, id: PaymentId) -> Read<Option<Payment>> {
        self.absorb()?;
        if let Some(payment) = self.pending().payment(id) {
            return Ok(Some(payment));
        }
        let found = self.store.payment(id).map_err(unreadable)?;
        Ok(found.map(|(_, payment)| payment))
    }

    pub(super) fn payment_of_refund(&self, id: RefundId) -> Read<Option<Payment>> {
        self.payment_under(&refund_key(id))
    }

    pub(super) fn payment_of_key(&self, key: &str) -> Read<Option<Payment>> {
        self.payment_under(&idempotency_key(key))
    }

    fn payment_under(&self, key: &[u8]) -> Read<Option<Payment>> {
        self.absorb()?;
        let pending = self.pending().payment_of_key(key);
        if let Some(id) = pending {
            return self.payment(id);
        }
        match self.store.keys.get(key).map_err(unreadable)? {
            Some(id) => self.payment(id_of(&id).map_err(unreadable)?),
            None => Ok(None),
        }
    }

    /// Newest first. By reference and by an unsettled state there is an index; otherwise the
    /// payments are looked through from the newest on.
    pub(super) fn find(&self, filter: &PaymentFilter) -> Read<Vec<Payment>> {
        self.absorb()?;
        let moving = self.moving(|_| true);
        let mut found = self.find_stored(filter, &moving)?;
        let admitted = moving.values().filter(|payment| filter.admits(payment));
        found.extend(admitted.map(|payment| Payment::clone(payment)));
        found.sort_by_key(|payment| std::cmp::Reverse(payment.id));
        found.truncate(filter.page_len());
        Ok(found)
    }

    fn find_stored(&self, filter: &PaymentFilter, but: &Moving) -> Read<Vec<Payment>> {
        let store = &self.store;
        if let Some(reference) = &filter.reference {
            let prefix = reference_prefix(reference);
            let ids = store.keys.range(range(&prefix, filter)).values().rev();
            return collect(filter, but, ids.map(|id| self.payment_at(&id?)));
        }
        if filter.state.is_some_and(|state| !state.is_final()) {
            let ids = store.unsettled.range(range(&[], filter)).keys().rev();
            return collect(filter, but, ids.map(|id| self.payment_at(&id?)));
        }
        let newest_first = store.payments.range(range(&[], filter)).values().rev();
        collect(
            filter,
            but,
            newest_first.map(|value| decode_payment(&value?).map(Some)),
        )
    }

    /// Oldest first.
    pub(super) fn unsettled(&self) -> Read<Vec<Payment>> {
        self.unsettled_among(
            |_| true,
            |store| {
                let ids = store.unsettled.iter().keys();
                ids.map(|id| Ok(id?)).collect()
            },
        )
    }

    /// As `unsettled`, for this reference alone.
    pub(super) fn unsettled_of(&self, reference: &str) -> Read<Vec<Payment>> {
        let is_wanted = |payment: &Payment| payment.reference.as_deref() == Some(reference);
        let prefix = reference_prefix(reference);
        self.unsettled_among(is_wanted, |store| store.unsettled_under(&prefix))
    }

    /// Of those that are wanted, whose ids `stored` gives and others perhaps.
    fn unsettled_among(
        &self,
        is_wanted: impl Fn(&Payment) -> bool,
        stored: impl FnOnce(&Store) -> Result<Vec<IVec>, StoreFailed>,
    ) -> Read<Vec<Payment>> {
        self.absorb()?;
        let moving = self.moving(&is_wanted);
        let mut found = Vec::new();
        for id in stored(&self.store).map_err(unreadable)? {
            let stored = self.payment_at(&id).map_err(unreadable)?;
            found.extend(stored.map(|(_, payment)| payment));
        }
        found.retain(|payment| !moving.contains_key(&payment.id));
        found.extend(moving.values().map(|payment| Payment::clone(payment)));
        found.retain(|payment| is_wanted(payment) && !payment.is_settled());
        found.sort_by_key(|payment| payment.id);
        Ok(found)
    }

    pub(super) fn last_number(&self, counter: &CounterId) -> Read<u64> {
        self.wait_applied()?;
        let numbers = self.store.numbers().map_err(unreadable)?;
        Ok(numbers.get(counter.as_str()).copied().unwrap_or(0))
    }

    pub(super) fn last_closed(&self) -> Read<Option<SignedCertificate>> {
        self.wait_applied()?;
        self.store.last_closed().map_err(unreadable)
    }

    pub(super) fn offline_total(&self) -> Read<Option<OfflineTotal>> {
        self.wait_applied()?;
        self.store.offline_total().map_err(unreadable)
    }

    pub(super) fn parked(&self) -> Read<Parked> {
        self.wait_applied()?;
        self.store.parked().map_err(unreadable)
    }

    pub(super) fn totals(&self, day: &str) -> Read<Vec<Total>> {
        self.wait_applied()?;
        totals::of_day(&self.store, day).map_err(unreadable)
    }

    /// The payments that the store does not have as they are now, those that are wanted.
    fn moving(&self, is_wanted: impl Fn(&Payment) -> bool) -> Moving {
        let pending = self.pending();
        let moved = pending.payments();
        moved
            .filter(|payment| is_wanted(payment))
            .map(|payment| (payment.id, Arc::clone(payment)))
            .collect()
    }

    fn payment_at(&self, id: &IVec) -> Result<Found, StoreFailed> {
        self.store.payment(id_of(id)?)
    }
}

/// A page of records under way.
struct Page {
    records: Vec<Record>,
    next_seq: u64,
    bytes: usize,
    max: usize,
    max_bytes: usize,
}

impl Page {
    fn new(from_seq: u64, max: usize, max_bytes: usize) -> Self {
        Self {
            records: Vec::new(),
            next_seq: from_seq,
            bytes: 0,
            max,
            max_bytes,
        }
    }

    /// False once the page is full. The first record always has a place.
    fn take(&mut self, record: Cow<'_, Record>) -> bool {
        self.bytes += record.encoded_len();
        let is_over = !self.records.is_empty() && self.bytes > self.max_bytes;
        if is_over || self.records.len() >= self.max {
            return false;
        }
        self.next_seq = record.seq + 1;
        self.records.push(record.into_owned());
        true
    }
}

fn collect(
    filter: &PaymentFilter,
    but: &Moving,
    candidates: impl Iterator<Item = Result<Found, StoreFailed>>,
) -> Read<Vec<Payment>> {
    let candidates = candidates.filter_map(Result::transpose);
    let admitted = candidates.filter_map(|candidate| match candidate {
        Ok((_, payment)) => {
            let is_wanted = filter.admits(&payment) && !but.contains_key(&payment.id);
            is_wanted.then_some(Ok(payment))
        }
        Err(cause) => Some(Err(unreadable(cause))),
    });
    admitted.take(filter.page_len()).collect()
}

fn id_of(bytes: &IVec) -> Result<PaymentId, StoreFailed> {
    let id = bytes.as_ref().try_into();
    id.map(PaymentId::from_bytes)
        .map_err(|_| StoreFailed::Damaged("a payment id is torn".into()))
}

/// The keys of payments that `filter` may admit: ids begin with the time of their making.
fn range(prefix: &[u8], filter: &PaymentFilter) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
    let key = |id: [u8; 16]| [prefix, &id].concat();
    let since_ms = filter
        .since
        .map_or(0, Timestamp::unix_ms)
        .max(0)
        .unsigned_abs();
    let oldest = u128::from(since_ms.saturating_sub(ID_AHEAD_MS)) << 80;
    let newest = match filter.before {
        Some(before) => Bound::Excluded(key(before.to_bytes())),
        None => Bound::Included(key([0xff; 16])),
    };
    (Bound::Included(key(oldest.to_be_bytes())), newest)
}
