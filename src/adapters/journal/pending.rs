//! What is durable in the guard log and not yet in the store: kept in memory, so that whatever was
//! acknowledged can be read at once.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use store_actors::domain::{
    certificate::SignedCertificate,
    ids::PaymentId,
    office::entry::Entry,
    offline::OfflineTotal,
    payment::Payment,
    record::{Body, Record},
};

use super::plan::lookup_keys;

const RETIRED_AT_ONCE: usize = 16;

/// A record, and the payment in it, read once.
#[derive(Debug)]
pub(super) struct Item {
    pub record: Record,
    pub payment: Option<Arc<Payment>>,
    /// A record that is parked from here on, with the reason, or not any more.
    pub parking: Option<(u64, Option<String>)>,
    pub closed: Option<SignedCertificate>,
    pub offline_total: Option<OfflineTotal>,
    pub entry: Option<Entry>,
    /// Under which the payment is looked up.
    keys: Vec<Vec<u8>>,
}

impl Item {
    /// A body that this program does not know is kept as it is and changes nothing else: it must
    /// not stand in the way of what follows.
    pub(super) fn new(record: Record) -> Self {
        let (mut payment, mut parking, mut closed) = (None, None, None);
        let (mut offline_total, mut entry) = (None, None);
        match record.decode_body() {
            Ok(Body::Payment { payment: moved }) => payment = Some(Arc::from(moved)),
            Ok(Body::Parked { record, why }) => parking = Some((record, Some(why))),
            Ok(Body::Unparked { record }) => parking = Some((record, None)),
            Ok(Body::DayClosed { certificate }) => closed = Some(*certificate),
            Ok(Body::OfflineTotalSet { total }) => offline_total = Some(total),
            Ok(Body::Office { office }) => entry = Some(*office),
            Ok(Body::Started { .. } | Body::Stopped | Body::Device { .. }) => {}
            Err(cause) => {
                tracing::error!(seq = record.seq, %cause, "a record holds no known fact");
            }
        }
        let keys = payment.as_deref().map(lookup_keys).unwrap_or_default();
        Self {
            record,
            payment,
            parking,
            closed,
            offline_total,
            entry,
            keys,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Pending {
    items: VecDeque<Arc<Item>>,
    /// Of the items' records, as encoded.
    bytes: usize,
    payments: HashMap<PaymentId, (u64, Arc<Payment>)>,
    keys: HashMap<Vec<u8>, (u64, PaymentId)>,
}

impl Pending {
    pub(super) fn absorb(&mut self, items: &[Arc<Item>]) {
        for item in items {
            self.items.push_back(Arc::clone(item));
            self.bytes += item.record.encoded_len();
            let Some(payment) = &item.payment else {
                continue;
            };
            let seq = item.record.seq;
            self.payments.insert(payment.id, (seq, Arc::clone(payment)));
            for key in &item.keys {
                self.keys.insert(key.clone(), (seq, payment.id));
            }
        }
    }

    /// The store has everything up to `through`. Lets go of a few items and tells whether there may
    /// be more: nobody shall wait long for the lock.
    pub(super) fn retire(&mut self, through: u64) -> bool {
        for _ in 0..RETIRED_AT_ONCE {
            let Some(item) = self.items.pop_front_if(|item| item.record.seq <= through) else {
                return false;
            };
            self.bytes -= item.record.encoded_len();
            let Some(payment) = &item.payment else {
                continue;
            };
            if self
                .payments
                .get(&payment.id)
                .is_some_and(|(seq, _)| *seq <= through)
            {
                self.payments.remove(&payment.id);
            }
            for key in &item.keys {
                if self.keys.get(key).is_some_and(|(seq, _)| *seq <= through) {
                    self.keys.remove(key);
                }
            }
        }
        true
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn payment(&self, id: PaymentId) -> Option<Payment> {
        let (_, payment) = self.payments.get(&id)?;
        Some(Payment::clone(payment))
    }

    pub(super) fn payment_of_key(&self, key: &[u8]) -> Option<PaymentId> {
        self.keys.get(key).map(|(_, id)| *id)
    }

    /// Every payment that moved since, as it is now.
    pub(super) fn payments(&self) -> impl Iterator<Item = &Arc<Payment>> {
        self.payments.values().map(|(_, payment)| payment)
    }

    /// From `from_seq` on, in order.
    pub(super) fn records(&self, from_seq: u64) -> impl Iterator<Item = &Arc<Item>> {
        let first_seq = self.items.front().map_or(0, |item| item.record.seq);
        let skipped = usize::try_from(from_seq.saturating_sub(first_seq)).unwrap_or(usize::MAX);
        self.items.iter().skip(skipped)
    }
}
