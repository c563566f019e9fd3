//! An acquirer that settles in batches, as a test has it.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use super::ScriptedAcquirer;
use crate::{
    domain::{
        ids::{AcquirerId, PaymentId, RefundId},
        money::{Currency, Money},
        office::settlement::{Settlement, Side},
        payment::{Answer, NoAnswer, answer::RefundVerdict},
        timestamp::Timestamp,
    },
    ports::{Acquirer, AcquirerProfile, Batches, Charge, Due, OpenBatch, Reply},
};

/// As [`ScriptedAcquirer`], with one batch after the other.
pub struct BatchingAcquirer {
    acquirer: ScriptedAcquirer,
    script: Mutex<Script>,
}

#[derive(Default)]
struct Script {
    open: Option<OpenBatch>,
    /// What the next tries come to, before one succeeds.
    fails: VecDeque<NoAnswer>,
    settled: Vec<Settlement>,
    tries: usize,
}

impl BatchingAcquirer {
    pub fn named(id: AcquirerId) -> Self {
        Self {
            acquirer: ScriptedAcquirer::named(id),
            script: Mutex::default(),
        }
    }

    /// Something was paid at this time.
    pub fn paid_at(&self, since: Timestamp) {
        self.with(|script| {
            script.open = Some(OpenBatch {
                since,
                due: Due::WithDay,
            });
        });
    }

    /// The next try comes to nothing.
    pub fn fail(&self, why: NoAnswer) {
        self.with(|script| script.fails.push_back(why));
    }

    pub fn tries(&self) -> usize {
        self.with(|script| script.tries)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Script) -> T) -> T {
        work(&mut self.script.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Acquirer for BatchingAcquirer {
    fn profile(&self) -> &AcquirerProfile {
        self.acquirer.profile()
    }

    fn charge(&self, charge: Charge) -> Reply<'_, Answer> {
        self.acquirer.charge(charge)
    }

    fn query(&self, order: PaymentId) -> Reply<'_, Answer> {
        self.acquirer.query(order)
    }

    fn reverse(&self, order: PaymentId) -> Reply<'_, Answer> {
        self.acquirer.reverse(order)
    }

    fn close(&self, order: PaymentId) -> Reply<'_, Answer> {
        self.acquirer.close(order)
    }

    fn refund(
        &self,
        order: PaymentId,
        refund: RefundId,
        money: Money,
    ) -> Reply<'_, Result<RefundVerdict, NoAnswer>> {
        self.acquirer.refund(order, refund, money)
    }

    fn probe(&self) -> Reply<'_, Result<(), NoAnswer>> {
        self.acquirer.probe()
    }

    fn batches(&self) -> Option<&dyn Batches> {
        Some(self)
    }
}

impl Batches for BatchingAcquirer {
    fn open(&self) -> Option<OpenBatch> {
        self.with(|script| script.open)
    }

    fn settle(&self) -> Reply<'_, Result<(), NoAnswer>> {
        let done = self.with(|script| {
            script.tries += 1;
            if let Some(why) = script.fails.pop_front() {
                return Err(why);
            }
            let Some(open) = script.open.take() else {
                return Ok(());
            };
            let side = |count, units| Side {
                count,
                money: Money::from_minor_units(units, Currency::Cny)
                    .unwrap_or_else(|_| unreachable!("small")),
            };
            let nth = u64::try_from(script.settled.len()).unwrap_or(0);
            script.settled.push(Settlement {
                acquirer: self.acquirer.profile().id.clone(),
                batch: nth + 1,
                settled_at: open.since.plus_ms(nth + 1),
                debits: side(1, 1_250),
                credits: side(0, 0),
                balanced: true,
                uploaded: 0,
            });
            Ok(())
        });
        Box::pin(async move { done })
    }

    fn settled(&self) -> Vec<Settlement> {
        self.with(|script| script.settled.clone())
    }
}
