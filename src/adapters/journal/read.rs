//! Reading, beside the writer and never in its way: sled's trees are read concurrently.
//!
//! A transaction can be seen before it is durable. Records are shown up to the durable tip only; a
//! payment carries the number of its record, and whoever met one beyond the tip waits for the
//! moment it takes.

use std::ops::Bound;

use sled::IVec;
use store_actors::{
    domain::{
        ids::{PaymentId, RefundId},
        payment::Payment,
        record::Record,
        timestamp::Timestamp,
    },
    ports::{JournalFailed, PaymentFilter},
};

use super::{
    failed::StoreFailed,
    plan::{idempotency_key, reference_prefix, refund_key},
    shared::Shared,
    store::{decode_payment, decode_records},
    totals::{self, Total},
};

/// An id is made a moment before its payment is opened, at most so long.
const ID_AHEAD_MS: u64 = 60_000;

type Read<T> = Result<T, JournalFailed>;
type Found = Option<(u64, Payment)>;

fn unreadable(cause: impl Into<StoreFailed>) -> JournalFailed {
    JournalFailed::Unreadable(cause.into().to_string())
}

impl Shared {
    pub(super) fn records(&self, from_seq: u64, max: usize, max_bytes: usize) -> Read<Vec<Record>> {
        let tip = self.progress().durable.tip.seq;
        let mut next_seq = from_seq.max(1);
        let mut records = Vec::new();
        if next_seq > tip || max == 0 {
            return Ok(records);
        }
        let mut bytes = 0;
        let before = self
            .store
            .records
            .range(..=next_seq.to_be_bytes())
            .next_back();
        let (first_key, _) = before
            .ok_or_else(|| JournalFailed::Unreadable(format!("record {next_seq} is missing")))?
            .map_err(unreadable)?;
        for entry in self.store.records.range(first_key..) {
            let (_, value) = entry.map_err(unreadable)?;
            for record in decode_records(&value).map_err(unreadable)? {
                if record.seq < next_seq {
                    continue;
                }
                bytes += record.encoded_len();
                let is_full = !records.is_empty() && bytes > max_bytes;
                if record.seq > tip || is_full || records.len() >= max {
                    return Ok(records);
                }
                if record.seq != next_seq {
                    let missing = format!("record {next_seq} is missing");
                    return Err(JournalFailed::Unreadable(missing));
                }
                next_seq += 1;
                records.push(record);
            }
        }
        Ok(records)
    }

    pub(super) fn payment(&self, id: PaymentId) -> Read<Option<Payment>> {
        let found = self.store.payment(id).map_err(unreadable)?;
        self.when_durable(found)
    }

    pub(super) fn payment_of_refund(&self, id: RefundId) -> Read<Option<Payment>> {
        self.payment_under(&refund_key(id))
    }

    pub(super) fn payment_of_key(&self, key: &str) -> Read<Option<Payment>> {
        self.payment_under(&idempotency_key(key))
    }

    fn payment_under(&self, key: &[u8]) -> Read<Option<Payment>> {
        match self.store.keys.get(key).map_err(unreadable)? {
            Some(id) => self.payment(id_of(&id).map_err(unreadable)?),
            None => Ok(None),
        }
    }

    /// Newest first. By reference and by an unsettled state there is an index; otherwise the
    /// payments are looked through from the newest on.
    pub(super) fn find(&self, filter: &PaymentFilter) -> Read<Vec<Payment>> {
        let store = &self.store;
        if let Some(reference) = &filter.reference {
            let prefix = reference_prefix(reference);
            let ids = store.keys.range(range(&prefix, filter)).values().rev();
            return self.collect(filter, ids.map(|id| self.payment_at(&id?)));
        }
        if filter.state.is_some_and(|state| !state.is_final()) {
            let ids = store.unsettled.range(range(&[], filter)).keys().rev();
            return self.collect(filter, ids.map(|id| self.payment_at(&id?)));
        }
        let newest_first = store.payments.range(range(&[], filter)).values().rev();
        self.collect(
            filter,
            newest_first.map(|value| decode_payment(&value?).map(Some)),
        )
    }

    /// Oldest first.
    pub(super) fn unsettled(&self) -> Read<Vec<Payment>> {
        let ids = self.store.unsettled.iter().keys();
        let found = ids
            .map(|id| self.payment_at(&id?))
            .filter_map(Result::transpose);
        let found = found.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        let open = found
            .into_iter()
            .filter(|(_, payment)| !payment.is_settled());
        self.all_when_durable(open)
    }

    pub(super) fn totals(&self, day: &str) -> Read<Vec<Total>> {
        totals::of_day(&self.store, day).map_err(unreadable)
    }

    fn payment_at(&self, id: &IVec) -> Result<Found, StoreFailed> {
        self.store.payment(id_of(id)?)
    }

    fn collect(
        &self,
        filter: &PaymentFilter,
        candidates: impl Iterator<Item = Result<Found, StoreFailed>>,
    ) -> Read<Vec<Payment>> {
        let candidates = candidates.filter_map(Result::transpose);
        let admitted = candidates.filter(|candidate| match candidate {
            Ok((_, payment)) => filter.admits(payment),
            Err(_) => true,
        });
        let page = admitted
            .take(filter.page_len())
            .collect::<Result<Vec<_>, _>>();
        self.all_when_durable(page.map_err(unreadable)?.into_iter())
    }

    fn when_durable(&self, found: Found) -> Read<Option<Payment>> {
        Ok(self.all_when_durable(found.into_iter())?.pop())
    }

    fn all_when_durable(&self, found: impl Iterator<Item = (u64, Payment)>) -> Read<Vec<Payment>> {
        let (seqs, payments): (Vec<u64>, Vec<Payment>) = found.unzip();
        self.wait_durable(seqs.into_iter().max().unwrap_or(0))?;
        Ok(payments)
    }
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
