//! Unsent money: what moved in records that the head office has not receipted.
//!
//! Each record is looked at once, when it is in the journal, and its amount is taken away when its
//! receipt comes; what nobody will wait for is not looked at. After a restart the records above the
//! receipt are looked at anew, so that the sum hangs on the journal alone. Pure; the actor reads.

use std::collections::{BTreeMap, HashSet, VecDeque};

use serde::Serialize;

use crate::domain::{
    money::Currency,
    payment::{Moved, Payment},
    record::{Body, Record},
};

/// What waits in one currency, in its minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct UnsentMoney {
    pub currency: Currency,
    pub payments: u64,
    pub refunds: u64,
}

struct Waiting {
    seq: u64,
    moved: Moved,
}

/// The sum, and what it is made of.
#[derive(Default)]
pub(super) struct Unsent {
    /// Up to which record it is counted.
    through: u64,
    waiting: VecDeque<Waiting>,
    /// Two steps of a payment within a millisecond both tell of its money; it waits once. Where a
    /// receipt came between them it is told of until the next one.
    known: HashSet<[u8; 16]>,
    /// Every currency that was ever here: a series that goes to nothing says so.
    sums: BTreeMap<Currency, (u64, u64)>,
}

impl Unsent {
    pub(super) fn new(currencies: &[Currency]) -> Self {
        Self {
            sums: currencies.iter().map(|one| (*one, (0, 0))).collect(),
            ..Self::default()
        }
    }

    /// The first record that is not counted yet and is not receipted.
    pub(super) fn next(&self) -> u64 {
        self.through.saturating_add(1)
    }

    /// Records as they follow each other, from `next` on.
    pub(super) fn count(&mut self, records: &[Record]) {
        let seen = self.through;
        for record in records.iter().filter(|record| record.seq > seen) {
            self.through = record.seq;
            if let Some(payment) = ended(record) {
                payment
                    .moved_now()
                    .for_each(|moved| self.add(record.seq, moved));
            }
        }
    }

    fn add(&mut self, seq: u64, moved: Moved) {
        if self.known.insert(moved.id) {
            let sum = self.sum_of(&moved);
            *sum = sum.saturating_add(moved.money.minor_units());
            self.waiting.push_back(Waiting { seq, moved });
        }
    }

    pub(super) fn receipted(&mut self, through: u64) {
        self.through = self.through.max(through);
        while let Some(gone) = self.waiting.pop_front_if(|one| one.seq <= through) {
            self.known.remove(&gone.moved.id);
            let sum = self.sum_of(&gone.moved);
            *sum = sum.saturating_sub(gone.moved.money.minor_units());
        }
    }

    fn sum_of(&mut self, moved: &Moved) -> &mut u64 {
        let (payments, refunds) = self.sums.entry(moved.money.currency()).or_default();
        match moved.is_refund {
            true => refunds,
            false => payments,
        }
    }

    pub(super) fn sums(&self) -> Vec<UnsentMoney> {
        let line = |(currency, (payments, refunds)): (&Currency, &(u64, u64))| UnsentMoney {
            currency: *currency,
            payments: *payments,
            refunds: *refunds,
        };
        self.sums.iter().map(line).collect()
    }
}

/// The payment of a record, if it has ended: most records are steps on the way and need no reading.
fn ended(record: &Record) -> Option<Box<Payment>> {
    if !record.body.contains("\"ended_at\"") {
        return None;
    }
    match record.decode_body() {
        Ok(Body::Payment { payment }) => Some(payment),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{
        office::{
            movement::Movement,
            statement::tests::{payments, some_payment},
        },
        record::Tip,
        timestamp::Timestamp,
    };

    /// The records of these payments: opened, paid or not, each refund, and a last one that moves
    /// nothing.
    fn records(payments: &[Payment]) -> Vec<Record> {
        let mut tip = Tip::default();
        let mut records = Vec::new();
        let mut write = |payment: &Payment| {
            let body = Body::Payment {
                payment: Box::new(payment.clone()),
            };
            records.push(tip.append(payment.changed_at, &body).unwrap());
        };
        for payment in payments {
            let mut step = payment.clone();
            let refunds = std::mem::take(&mut step.refunds);
            step.ended_at = None;
            step.changed_at = step.opened_at;
            write(&step);
            step.ended_at = payment.ended_at;
            step.changed_at = payment.ended_at.unwrap();
            write(&step);
            for refund in refunds {
                step.changed_at = refund.changed_at;
                step.refunds.push(refund);
                write(&step);
            }
            step.changed_at = step.changed_at.plus_ms(1);
            write(&step);
        }
        records
    }

    /// As the ledger has it: the moves of all payments that are on record now, less those that were
    /// on record at the receipt.
    fn expected(records: &[Record], through: usize) -> (u64, u64) {
        let sum = |records: &[Record]| {
            let mut latest = BTreeMap::new();
            for record in records {
                if let Ok(Body::Payment { payment }) = record.decode_body() {
                    latest.insert(payment.id, payment);
                }
            }
            let movements = latest
                .values()
                .filter(|one| one.ended_at.is_some() && one.state.is_paid())
                .flat_map(|one| Movement::all_of(one, 0));
            movements.fold((0, 0), |(paid, back), one| match one.refund {
                None => (paid + one.money.minor_units(), back),
                Some(_) => (paid, back + one.money.minor_units()),
            })
        };
        let (all, sent) = (sum(records), sum(&records[..through]));
        (all.0 - sent.0, all.1 - sent.1)
    }

    proptest! {
        /// Whenever receipts come and however often it is begun anew: the sum is what the journal
        /// holds above the receipt.
        #[test]
        fn it_is_what_moved_above_the_receipt(
            mut payments in payments(),
            steps in prop::collection::vec((0..40_usize, 0..30_usize, any::<bool>()), 1..12),
        ) {
            for payment in &mut payments {
                // a refund is of a payment that was paid
                if !payment.state.is_paid() {
                    payment.refunds.clear();
                }
            }
            let all = records(&payments);
            let (mut known, mut receipted) = (0, 0);
            let mut unsent = Unsent::default();
            for (more, receipts, restarts) in steps {
                known = (known + more).min(all.len());
                receipted = (receipted + receipts).min(known);
                if restarts {
                    unsent = Unsent::default();
                }
                unsent.receipted(receipted as u64);
                let from = usize::try_from(unsent.next()).unwrap() - 1;
                unsent.count(&all[from.min(known)..known]);
                let (paid, back) = expected(&all[..known], receipted);
                let sums = unsent.sums();
                let found = sums.first().map_or((0, 0), |sum| (sum.payments, sum.refunds));
                prop_assert_eq!(found, (paid, back));
            }
        }
    }

    #[test]
    fn a_currency_that_was_here_says_that_nothing_waits() {
        let paid = some_payment(1, "12.50", &[]);
        let mut unsent = Unsent::default();
        let all = records(&[paid]);
        unsent.count(&all);
        let said = |unsent: &Unsent| unsent.sums()[0].payments;
        assert_eq!(said(&unsent), 1_250);
        unsent.receipted(all.len() as u64);
        assert_eq!(said(&unsent), 0);
        assert!(unsent.known.is_empty() && unsent.waiting.is_empty());
        // its signature came in the same millisecond
        let mut twice = Unsent::default();
        let (mut tip, mut paid) = (Tip::default(), some_payment(2, "3.00", &[]));
        paid.changed_at = paid.ended_at.unwrap();
        let body = Body::Payment {
            payment: Box::new(paid),
        };
        let records = [(), ()].map(|()| tip.append(Timestamp::default(), &body).unwrap());
        twice.count(&records);
        assert_eq!(said(&twice), 300);
    }
}
