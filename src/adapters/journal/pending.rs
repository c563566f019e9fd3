//! What is durable in the guard log and not yet in the store, so that whatever was acknowledged can
//! be read at once.
//!
//! A group arrives as the place where it lies in the guard log, before it is acknowledged: what
//! waits for the store costs no memory. Whoever needs it first looks into it, a reader (into all)
//! or the applier (into what it takes next), and never the thread that acknowledges.

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

use super::{guard::Place, plan::lookup_keys};

const RETIRED_AT_ONCE: usize = 16;

/// So that who acknowledges does not wait long for the lock.
pub(super) const ABSORBED_AT_ONCE: usize = 16;

/// Records whose content is known, in their order.
pub(super) type Chunk = Vec<Arc<Item>>;

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
    /// Those before it up to the last such one were written with it, and are applied with it.
    ends_group: bool,
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
            ends_group: false,
            keys,
        }
    }

    /// Of whole groups.
    pub(super) fn of_groups(groups: Vec<Vec<Record>>) -> Chunk {
        let of_group = |group: Vec<Record>| {
            let last_seq = group.last().map_or(0, |last| last.seq);
            group.into_iter().map(move |record| {
                let ends_group = record.seq == last_seq;
                let item = Self::new(record);
                Arc::new(Self { ends_group, ..item })
            })
        };
        groups.into_iter().flat_map(of_group).collect()
    }
}

#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Nobody has looked into these yet. They follow the items.
    arrived: VecDeque<Place>,
    items: VecDeque<Arc<Item>>,
    /// Of all the records here, as encoded.
    bytes: usize,
    /// The applier sleeps until something arrives.
    pub applier_sleeps: bool,
    /// Somebody waits until the store has this record.
    pub awaited: Option<u64>,
    /// Nothing will arrive any more.
    pub is_over: bool,
    payments: HashMap<PaymentId, (u64, Arc<Payment>)>,
    keys: HashMap<Vec<u8>, (u64, PaymentId)>,
}

impl Pending {
    pub(super) fn arrive(&mut self, group: Place) {
        self.bytes += group.bytes();
        self.arrived.push_back(group);
    }

    /// To be looked into, and absorbed before anybody takes more: as many groups as it takes to
    /// know so many records.
    pub(super) fn take_arrived(&mut self, known: usize) -> Vec<Place> {
        let mut records = self.items.len();
        let mut taken = Vec::new();
        while records < known
            && let Some(group) = self.arrived.pop_front()
        {
            records += group.records;
            taken.push(group);
        }
        taken
    }

    /// They could not be looked into.
    pub(super) fn put_back(&mut self, groups: Vec<Place>) {
        let groups = groups.into_iter().rev();
        groups.for_each(|group| self.arrived.push_front(group));
    }

    pub(super) fn absorb(&mut self, items: &[Arc<Item>]) {
        for item in items {
            self.items.push_back(Arc::clone(item));
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

    /// Whole groups from the front, within these bounds: what the store gets next.
    pub(super) fn front(&self, records_max: usize, bytes_max: usize) -> Chunk {
        let (mut bytes, mut whole) = (0, 0);
        for (before, item) in self.items.iter().enumerate() {
            bytes += item.record.encoded_len();
            if before == records_max || bytes > bytes_max {
                break;
            }
            if item.ends_group {
                whole = before + 1;
            }
        }
        self.items.iter().take(whole).cloned().collect()
    }

    /// The store has everything up to `through`. Lets go of a few items and tells whether there may
    /// be more: nobody shall wait long for the lock.
    pub(super) fn retire(&mut self, through: u64) -> bool {
        self.awaited = self.awaited.filter(|seq| *seq > through);
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

    /// The last one that was looked into.
    pub(super) fn last_seq(&self) -> Option<u64> {
        self.items.back().map(|item| item.record.seq)
    }

    /// From `from_seq` on, in order.
    pub(super) fn records(&self, from_seq: u64) -> impl Iterator<Item = &Arc<Item>> {
        let first_seq = self.items.front().map_or(0, |item| item.record.seq);
        let skipped = usize::try_from(from_seq.saturating_sub(first_seq)).unwrap_or(usize::MAX);
        self.items.iter().skip(skipped)
    }
}

#[cfg(test)]
mod tests {
    use store_actors::domain::{record::Tip, timestamp::Timestamp};

    use super::*;
    use crate::adapters::journal::guard::{Guard, SEGMENT_BYTES_MIN};

    /// Groups of so many records have arrived.
    fn arrived(groups: &[usize]) -> Pending {
        let dir = tempfile::tempdir().unwrap();
        let (mut pending, mut tip) = (Pending::default(), Tip::default());
        let mut guard = Guard::begin(dir.path(), SEGMENT_BYTES_MIN, tip).unwrap();
        for records in groups {
            let before = tip;
            let make = |_| tip.append(Timestamp::from_unix_ms(0), &Body::Stopped);
            let group: Result<Vec<Record>, _> = (0..*records).map(make).collect();
            pending.arrive(guard.append(&group.unwrap(), before).unwrap());
        }
        pending
    }

    fn absorb(pending: &mut Pending, known: usize) {
        let arrived = pending.take_arrived(known);
        let read = arrived.iter().map(|place| place.read().unwrap()).collect();
        pending.absorb(&Item::of_groups(read));
    }

    fn seqs(chunk: &Chunk) -> Vec<u64> {
        chunk.iter().map(|item| item.record.seq).collect()
    }

    #[test]
    fn a_chunk_is_of_whole_groups_in_their_order() {
        let mut pending = arrived(&[2, 3, 1]);
        absorb(&mut pending, usize::MAX);
        let any = usize::MAX;
        assert_eq!(seqs(&pending.front(any, any)), [1, 2, 3, 4, 5, 6]);
        assert_eq!(seqs(&pending.front(5, any)), [1, 2, 3, 4, 5]);
        assert_eq!(seqs(&pending.front(4, any)), [1, 2]);
        let bytes = pending.bytes();
        assert_eq!(seqs(&pending.front(any, bytes)), [1, 2, 3, 4, 5, 6]);
        assert_eq!(seqs(&pending.front(any, bytes - 1)), [1, 2, 3, 4, 5]);
        while pending.retire(2) {}
        assert_eq!(seqs(&pending.front(3, any)), [3, 4, 5]);
        assert_eq!(pending.last_seq(), Some(6));
        while pending.retire(6) {}
        assert_eq!((pending.bytes(), pending.last_seq()), (0, None));
    }

    #[test]
    fn no_more_is_looked_into_than_is_taken_next() {
        let mut pending = arrived(&[2, 3, 1, 4]);
        let bytes = pending.bytes();
        for (known, last_seq) in [(1, 2), (2, 2), (3, 5), (6, 6), (usize::MAX, 10)] {
            absorb(&mut pending, known);
            assert_eq!(pending.last_seq(), Some(last_seq), "{known}");
            assert_eq!(pending.bytes(), bytes);
        }
        let any = usize::MAX;
        assert_eq!(seqs(&pending.front(any, any)), (1..=10).collect::<Vec<_>>());
    }
}
