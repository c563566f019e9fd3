//! Where a store can be made to die on both sides of each question to an acquirer (`crate::crash`):
//! once for all drivers, and under the name of each; and of each message that a driver sends to
//! answer one.

use store_actors::{
    domain::{
        ids::{PaymentId, RefundId},
        money::Money,
        payment::{Answer, NoAnswer, answer::RefundVerdict},
        sticker::Claim,
    },
    ports::{Acquirer, AcquirerProfile, Batches, Charge, Reply},
};

use crate::crash;

/// The driver itself, but for its crash points.
#[derive(Debug)]
pub struct Pointed<D> {
    driver: D,
    name: &'static str,
}

/// One message of a driver's procedure.
pub(super) async fn message<T>(driver: &str, step: &str, exchange: impl Future<Output = T>) -> T {
    crash::step(step, "unsent", driver);
    let answer = exchange.await;
    crash::step(step, "answered", driver);
    answer
}

impl<D> Pointed<D> {
    /// `name` stands in the names of its points.
    pub const fn new(driver: D, name: &'static str) -> Self {
        Self { driver, name }
    }

    async fn charged(&self, charge: Reply<'_, Answer>) -> Answer {
        crash::point("charge-unsent");
        let answer = message(self.name, "charge", charge).await;
        crash::point("charge-answered");
        answer
    }

    async fn queried<T>(&self, question: impl Future<Output = T>) -> T {
        crash::point("query-unsent");
        let answer = message(self.name, "query", question).await;
        crash::point("query-answered");
        answer
    }

    async fn reversed(&self, question: Reply<'_, Answer>) -> Answer {
        crash::point("reversal-unsent");
        let answer = message(self.name, "reverse", question).await;
        crash::point("reversal-answered");
        answer
    }

    async fn refunded<T>(&self, question: impl Future<Output = T>) -> T {
        crash::point("refund-unsent");
        let answer = message(self.name, "refund", question).await;
        crash::point("refund-answered");
        answer
    }
}

impl<D: Acquirer> Acquirer for Pointed<D> {
    fn profile(&self) -> &AcquirerProfile {
        self.driver.profile()
    }

    fn charge(&self, charge: Charge) -> Reply<'_, Answer> {
        Box::pin(self.charged(self.driver.charge(charge)))
    }

    fn forward(&self, charge: Charge) -> Reply<'_, Answer> {
        Box::pin(self.charged(self.driver.forward(charge)))
    }

    fn query(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(self.queried(self.driver.query(order)))
    }

    fn reverse(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(self.reversed(self.driver.reverse(order)))
    }

    fn close(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(self.reversed(self.driver.close(order)))
    }

    fn refund(
        &self,
        order: PaymentId,
        refund: RefundId,
        money: Money,
    ) -> Reply<'_, Result<RefundVerdict, NoAnswer>> {
        Box::pin(self.refunded(self.driver.refund(order, refund, money)))
    }

    fn look_up(&self, payment: PaymentId, claim: Claim) -> Reply<'_, Answer> {
        Box::pin(self.queried(self.driver.look_up(payment, claim)))
    }

    fn refund_claim(
        &self,
        payment: PaymentId,
        claim: Claim,
        refund: RefundId,
        money: Money,
    ) -> Reply<'_, Result<RefundVerdict, NoAnswer>> {
        Box::pin(self.refunded(self.driver.refund_claim(payment, claim, refund, money)))
    }

    fn probe(&self) -> Reply<'_, Result<(), NoAnswer>> {
        self.driver.probe()
    }

    fn batches(&self) -> Option<&dyn Batches> {
        self.driver.batches()
    }

    fn clock_ahead_s(&self) -> Option<i64> {
        self.driver.clock_ahead_s()
    }
}
