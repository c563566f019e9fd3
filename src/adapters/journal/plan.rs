//! From a group of records to what changes in the store: checked against the chain, coalesced per
//! payment.
//!
//! Reads the store and changes nothing. This is the half of a write that the guard log will stand
//! in front of.

use std::collections::{BTreeMap, HashSet};

use sha2::{Digest, Sha256};
use store_actors::{
    domain::{
        ids::{PaymentId, RefundId},
        payment::{Payment, State},
        record::{Body, Record, Tip},
    },
    ports::{GROUP_BYTES_MAX, GROUP_RECORDS_MAX, JournalFailed},
};

use super::{
    failed::StoreFailed,
    store::{Changes, Head, Store, encode_payment},
    totals::Difference,
};

/// One value in `records` is no larger, unless a single record is.
const VALUE_BYTES_MAX: usize = 32 * 1024;

/// What a group does.
#[derive(Debug)]
pub(super) struct Plan {
    pub changes: Changes,
    /// Where everything stands afterwards.
    pub head: Head,
    pub opens_payment: bool,
}

/// Why there is no plan: the group is at fault, or the store.
#[derive(Debug)]
pub(super) enum Unplanned {
    Group(JournalFailed),
    Store(StoreFailed),
}

impl From<StoreFailed> for Unplanned {
    fn from(cause: StoreFailed) -> Self {
        Self::Store(cause)
    }
}

impl From<sled::Error> for Unplanned {
    fn from(cause: sled::Error) -> Self {
        Self::Store(cause.into())
    }
}

fn refused(why: impl ToString) -> Unplanned {
    Unplanned::Group(JournalFailed::Refused(why.to_string()))
}

impl Plan {
    pub(super) fn of(
        group: &[Record],
        head: &Head,
        store: &Store,
        day_offset_minutes: i32,
    ) -> Result<Plan, Unplanned> {
        let bytes = group.iter().map(Record::encoded_len).sum::<usize>();
        if group.is_empty() || group.len() > GROUP_RECORDS_MAX || bytes > GROUP_BYTES_MAX {
            return Err(refused(format!(
                "a group of {} records, {bytes} bytes",
                group.len()
            )));
        }
        let tip = continued(head.tip, group)?;
        let mut changes = Changes::default();
        put_records(group, &mut changes);
        let (latest, opens_payment) = latest_payments(group)?;
        let mut plan = Plan {
            changes,
            head: Head { tip, ..*head },
            opens_payment,
        };
        let mut totals = Difference::default();
        for (seq, payment) in latest.values() {
            let old = store.payment(payment.id)?.map(|(_, old)| old);
            plan.put_payment(*seq, payment, old.as_ref())?;
            if let Some(old) = &old {
                totals.take_away(old, day_offset_minutes);
            }
            totals.add(payment, day_offset_minutes);
        }
        for (key, total) in totals.onto(store)? {
            match total {
                Some(total) => plan.changes.totals.insert(key.as_bytes(), &total),
                None => plan.changes.totals.remove(key.as_bytes()),
            }
        }
        plan.changes.meta.insert("head", plan.head.encode());
        Ok(plan)
    }

    fn put_payment(
        &mut self,
        seq: u64,
        payment: &Payment,
        old: Option<&Payment>,
    ) -> Result<(), Unplanned> {
        let id = payment.id.to_bytes();
        let value = encode_payment(seq, payment).map_err(refused)?;
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

/// The tip after the group, if it continues the chain.
fn continued(before: Tip, group: &[Record]) -> Result<Tip, Unplanned> {
    group.iter().try_fold(before, |tip, record| {
        if record.seq == tip.seq + 1 && record.prev == tip.hash {
            return Ok(Tip {
                seq: record.seq,
                hash: record.hash(),
            });
        }
        Err(Unplanned::Group(JournalFailed::OutOfStep {
            tip: before.seq,
        }))
    })
}

fn put_records(group: &[Record], changes: &mut Changes) {
    let mut value = Vec::new();
    let mut first_seq = group.first().map_or(0, |record| record.seq);
    for record in group {
        if !value.is_empty() && value.len() + record.encoded_len() > VALUE_BYTES_MAX {
            changes
                .records
                .insert(&first_seq.to_be_bytes(), std::mem::take(&mut value));
            first_seq = record.seq;
        }
        record.encode(&mut value);
    }
    changes.records.insert(&first_seq.to_be_bytes(), value);
}

type Latest = BTreeMap<PaymentId, (u64, Payment)>;

/// Each payment as the group leaves it, and whether the group begins one.
fn latest_payments(group: &[Record]) -> Result<(Latest, bool), Unplanned> {
    let mut latest = Latest::new();
    let mut opens_payment = false;
    for record in group {
        if let Body::Payment { payment } = record.decode_body().map_err(refused)? {
            opens_payment |= payment.state == State::Opened;
            latest.insert(payment.id, (record.seq, *payment));
        }
    }
    Ok((latest, opens_payment))
}

/// Under which keys a payment is found.
fn keys_of(payment: &Payment) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    let of_refunds = payment
        .refunds
        .iter()
        .filter_map(|refund| refund.fingerprint.as_ref());
    let fingerprints = payment.fingerprint.iter().chain(of_refunds);
    keys.extend(fingerprints.map(|fingerprint| idempotency_key(&fingerprint.key)));
    keys.extend(payment.refunds.iter().map(|refund| refund_key(refund.id)));
    keys.extend(payment.reference.as_ref().map(|reference| {
        let mut key = reference_prefix(reference);
        key.extend_from_slice(&payment.id.to_bytes());
        key
    }));
    keys
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
