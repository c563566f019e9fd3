//! Where a store can be made to die on both sides of each question to an acquirer (`crate::crash`):
//! once for all drivers.

use store_actors::{
    domain::{
        ids::{PaymentId, RefundId},
        money::Money,
        payment::{Answer, NoAnswer, answer::RefundVerdict},
    },
    ports::{Acquirer, AcquirerProfile, Charge, Reply},
};

use crate::crash;

/// The driver itself, but for its crash points.
#[derive(Debug)]
pub struct Pointed<D>(pub D);

impl<D: Acquirer> Acquirer for Pointed<D> {
    fn profile(&self) -> &AcquirerProfile {
        self.0.profile()
    }

    fn charge(&self, charge: Charge) -> Reply<'_, Answer> {
        Box::pin(async move {
            crash::point("charge-unsent");
            let answer = self.0.charge(charge).await;
            crash::point("charge-answered");
            answer
        })
    }

    fn query(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(async move {
            crash::point("query-unsent");
            let answer = self.0.query(order).await;
            crash::point("query-answered");
            answer
        })
    }

    fn reverse(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(async move {
            crash::point("reversal-unsent");
            let answer = self.0.reverse(order).await;
            crash::point("reversal-answered");
            answer
        })
    }

    fn refund(
        &self,
        order: PaymentId,
        refund: RefundId,
        money: Money,
    ) -> Reply<'_, Result<RefundVerdict, NoAnswer>> {
        Box::pin(async move {
            crash::point("refund-unsent");
            let answer = self.0.refund(order, refund, money).await;
            crash::point("refund-answered");
            answer
        })
    }

    fn probe(&self) -> Reply<'_, Result<(), NoAnswer>> {
        self.0.probe()
    }

    fn clock_ahead_s(&self) -> Option<i64> {
        self.0.clock_ahead_s()
    }
}
