//! From a chunk of records to what changes in the store, coalesced per payment.
//!
//! Reads the store and changes nothing. The records are durable in the guard log by now, so nothing
//! is refused here: that is the writer's business.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use sha2::{Digest, Sha256};
use store_actors::domain::{
    ids::{PaymentId, RefundId},
    payment::{Payment, State},
    record::Tip,
};

use super::{
    failed::StoreFailed,
    ledger::Moved,
    packed::pack,
    pending::Item,
    store::{Changes, Head, Store, encode_payment},
    totals::Difference,
};

/// One value in `records` is no larger before it is packed, unless a single record is.
const VALUE_BYTES_MAX: usize = 32 * 1024;

/// What a chunk does.
#[derive(Debug)]
pub(super) struct Plan {
    pub changes: Changes,
    /// Where the store stands afterwards.
    pub head: Head,
    /// Of the values that the store gets.
    pub bytes: usize,
}

impl Plan {
    /// The chunk continues `head`.
    pub(super) fn of(
        chunk: &[Arc<Item>],
        head: &Head,
        store: &Store,
        day_offset_minutes: i32,
    ) -> Result<Plan, StoreFailed> {
        let mut plan = Plan {
            changes: Changes::default(),
            head: *head,
            bytes: 0,
        };
        if let Some(last) = chunk.last() {
            plan.head.tip = Tip {
                seq: last.record.seq,
                hash: last.record.hash(),
            };
        }
        plan.bytes += put_records(chunk, &mut plan.changes);
        let mut totals = Difference::default();
        let mut ledger = Moved::default();
        for (seq, payment) in latest_payments(chunk).into_values() {
            let old = store.payment(payment.id)?.map(|(_, old)| old);
            plan.put_payment(seq, payment, old.as_ref())?;
            if let Some(old) = &old {
                totals.take_away(old, day_offset_minutes);
            }
            totals.add(payment, day_offset_minutes);
            ledger.change(old.as_ref(), payment, day_offset_minutes);
        }
        for (key, total) in totals.onto(store)? {
            match total {
                Some(total) => plan.changes.totals.insert(key.as_bytes(), &total),
                None => plan.changes.totals.remove(key.as_bytes()),
            }
        }
        plan.bytes += ledger.onto(store, &mut plan.changes)?;
        plan.bytes += put_entries(chunk, &mut plan.changes)?;
        put_parked(chunk, store, &mut plan.changes)?;
        put_numbers(chunk, store, &mut plan.changes)?;
        if let Some(closed) = chunk.iter().rev().find_map(|item| item.closed.as_ref()) {
            plan.changes.meta.insert("day_closed", json(closed)?);
        }
        if let Some(total) = chunk.iter().rev().find_map(|item| item.offline_total) {
            plan.changes.meta.insert("offline_total", json(&total)?);
        }
        plan.changes.meta.insert("head", plan.head.encode());
        Ok(plan)
    }

    fn put_payment(
        &mut self,
        seq: u64,
        payment: &Payment,
        old: Option<&Payment>,
    ) -> Result<(), StoreFailed> {
        let id = payment.id.to_bytes();
        let value = encode_payment(seq, payment)
            .map_err(|cause| StoreFailed::Damaged(format!("a payment is not one: {cause}")))?;
        self.bytes += value.len();
        self.changes.payments.insert(&id, value);
        match (
            old.is_some_and(|old| !old.is_settled()),
            !payment.is_settled(),
        ) {
            (false, true) => self.changes.unsettled.insert(&id, &[]),
            (true, false) => self.changes.unsettled.remove(&id),
            _ => {}
        }
        if old.is_none() {
            self.head.payments += 1;
        }
        let known: HashSet<Vec<u8>> = old.map(keys_of).unwrap_or_default().into_iter().collect();
        for key in keys_of(payment) {
            if !known.contains(&key) {
                self.changes.keys.insert(key, &id);
            }
        }
        Ok(())
    }
}

/// The back office's entries, as the chunk leaves them.
fn put_entries(chunk: &[Arc<Item>], changes: &mut Changes) -> Result<usize, StoreFailed> {
    let mut bytes = 0;
    for entry in chunk.iter().filter_map(|item| item.entry.as_ref()) {
        let value = json(entry)?;
        bytes += value.len();
        changes.office.insert(entry.key().as_bytes(), value);
    }
    Ok(bytes)
}

/// What is parked, as the chunk leaves it.
fn put_parked(
    chunk: &[Arc<Item>],
    store: &Store,
    changes: &mut Changes,
) -> Result<(), StoreFailed> {
    let mut news = chunk
        .iter()
        .filter_map(|item| item.parking.as_ref())
        .peekable();
    if news.peek().is_none() {
        return Ok(());
    }
    let mut parked = store.parked()?;
    for (record, why) in news {
        match why {
            Some(why) => parked.insert(*record, why.clone()),
            None => parked.remove(record),
        };
    }
    changes.meta.insert("parked", json(&parked)?);
    Ok(())
}

/// The last number that each counter gave.
fn put_numbers(
    chunk: &[Arc<Item>],
    store: &Store,
    changes: &mut Changes,
) -> Result<(), StoreFailed> {
    let moved = chunk.iter().filter_map(|item| item.payment.as_deref());
    let mut opened = moved
        .filter(|payment| payment.state == State::Opened)
        .peekable();
    if opened.peek().is_none() {
        return Ok(());
    }
    let mut numbers = store.numbers()?;
    for payment in opened {
        let last = numbers.entry(payment.counter.to_string()).or_default();
        *last = payment.number.max(*last);
    }
    changes.meta.insert("numbers", json(&numbers)?);
    Ok(())
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, StoreFailed> {
    serde_json::to_vec(value)
        .map_err(|cause| StoreFailed::Damaged(format!("it can't be written: {cause}")))
}

/// Tells how many bytes they take.
fn put_records(chunk: &[Arc<Item>], changes: &mut Changes) -> usize {
    let mut bytes = 0;
    let mut put = |first_seq: u64, records: Vec<u8>| {
        let packed = pack(records);
        bytes += packed.len();
        changes.records.insert(&first_seq.to_be_bytes(), packed);
    };
    let mut value = Vec::new();
    let mut first_seq = chunk.first().map_or(0, |item| item.record.seq);
    for record in chunk.iter().map(|item| &item.record) {
        if !value.is_empty() && value.len() + record.encoded_len() > VALUE_BYTES_MAX {
            put(first_seq, std::mem::take(&mut value));
            first_seq = record.seq;
        }
        record.encode(&mut value);
    }
    if !value.is_empty() {
        put(first_seq, value);
    }
    bytes
}

/// Each payment as the chunk leaves it.
fn latest_payments(chunk: &[Arc<Item>]) -> BTreeMap<PaymentId, (u64, &Payment)> {
    let moved = chunk.iter().filter_map(|item| {
        let payment = item.payment.as_deref()?;
        Some((payment.id, (item.record.seq, payment)))
    });
    moved.collect()
}

/// Under which keys a payment is found.
pub(super) fn keys_of(payment: &Payment) -> Vec<Vec<u8>> {
    let mut keys = lookup_keys(payment);
    keys.extend(payment.reference.as_ref().map(|reference| {
        let mut key = reference_prefix(reference);
        key.extend_from_slice(&payment.id.to_bytes());
        key
    }));
    keys
}

/// The keys that lead to one payment only.
pub(super) fn lookup_keys(payment: &Payment) -> Vec<Vec<u8>> {
    let of_refunds = payment
        .refunds
        .iter()
        .filter_map(|refund| refund.fingerprint.as_ref());
    let fingerprints = payment.fingerprint.iter().chain(of_refunds);
    fingerprints
        .map(|fingerprint| idempotency_key(&fingerprint.key))
        .chain(payment.refunds.iter().map(|refund| refund_key(refund.id)))
        .collect()
}

pub(super) fn idempotency_key(key: &str) -> Vec<u8> {
    let mut bytes = vec![b'k'];
    bytes.extend_from_slice(&Sha256::digest(key.as_bytes()));
    bytes
}

pub(super) fn refund_key(id: RefundId) -> Vec<u8> {
    let mut bytes = vec![b'r'];
    bytes.extend_from_slice(&id.to_bytes());
    bytes
}

/// Followed by a payment id it is a key; half a hash, so the reference itself is compared as well.
pub(super) fn reference_prefix(reference: &str) -> Vec<u8> {
    let mut bytes = vec![b't'];
    bytes.extend(Sha256::digest(reference.as_bytes()).iter().take(16));
    bytes
}
