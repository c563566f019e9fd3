//! The driver of the sandbox acquirer (`tests/sim`), and the pattern of every wallet's driver:
//! signed JSON over HTTP, one order number per payment.
//!
//! What it must not do is guess. Only an answer that is rightly signed, bound to this request by
//! its nonce and to this payment by its order number is a verdict; silence, a time-out, a 5xx, a
//! wrong signature, another order or a body that makes no sense are `NoAnswer`, and `NotSent` is
//! said only when no connection came about. It never repeats a request: when to ask again is the
//! core's choice.
//! Deliberately not here: states and retries of payments, and any memory of orders.

mod body;
mod client;
mod sign;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use reqwest::Method;
use secrecy::SecretString;
use store_actors::{
    domain::{
        ids::{PaymentId, RefundId, StoreId},
        money::Money,
        payment::{Answer, NoAnswer, Operation, answer::RefundVerdict},
    },
    ports::{Acquirer, AcquirerProfile, Charge, Entropy, Reply, WallClock},
};

use body::Named;
use client::Client;

use super::{DriverRefused, Way};

/// What the driver needs to reach its acquirer.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Scheme, host and port: `https://…`, or `http://` on loopback only.
    pub url: String,
    /// The merchant's number.
    pub merchant: String,
    /// The merchant's key; see [`key`](super::key).
    pub key: SecretString,
    /// This store, as the acquirer's contract names it.
    pub store: StoreId,
    pub way: Way,
    /// What it is and takes, and its clock.
    pub profile: AcquirerProfile,
}

/// The driver.
#[derive(Debug)]
pub struct Sandbox {
    profile: AcquirerProfile,
    store: StoreId,
    client: Client,
}

impl Sandbox {
    /// A driver that has sent nothing yet. The process must have a TLS provider installed
    /// (`rustls::crypto::CryptoProvider::install_default`).
    ///
    /// # Errors
    /// A URL, certificate or environment that cannot work.
    pub fn new(
        config: SandboxConfig,
        clock: Arc<dyn WallClock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, DriverRefused> {
        let client = Client::new(&config, clock, entropy)?;
        Ok(Self {
            profile: config.profile,
            store: config.store,
            client,
        })
    }

    async fn post_charge(&self, charge: Charge) -> Answer {
        let (path, body) = body::charge(&self.store, &charge)?;
        let answered = self.client.exchange(Method::POST, path, body).await?;
        body::verdict(&answered, charge.order, Operation::Charge)
    }

    async fn post_refund(
        &self,
        order: PaymentId,
        refund: RefundId,
        money: Money,
    ) -> Result<RefundVerdict, NoAnswer> {
        let path = format!("/v1/orders/{order}/refunds/{refund}");
        let answered = self
            .client
            .exchange(Method::POST, &path, body::refund(money)?)
            .await?;
        body::refund_verdict(
            &answered,
            Named {
                order,
                refund: Some(refund),
            },
            money,
        )
    }
}

impl Acquirer for Sandbox {
    fn profile(&self) -> &AcquirerProfile {
        &self.profile
    }

    fn charge(&self, charge: Charge) -> Reply<'_, Answer> {
        Box::pin(self.post_charge(charge))
    }

    fn query(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(async move {
            let path = format!("/v1/orders/{order}");
            let answered = self
                .client
                .exchange(Method::GET, &path, body::empty())
                .await?;
            body::verdict(&answered, order, Operation::Query)
        })
    }

    fn reverse(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(async move {
            let path = format!("/v1/orders/{order}/reverse");
            let answered = self
                .client
                .exchange(Method::POST, &path, body::empty())
                .await?;
            body::verdict(&answered, order, Operation::Reverse)
        })
    }

    fn refund(
        &self,
        order: PaymentId,
        refund: RefundId,
        money: Money,
    ) -> Reply<'_, Result<RefundVerdict, NoAnswer>> {
        Box::pin(self.post_refund(order, refund, money))
    }

    fn probe(&self) -> Reply<'_, Result<(), NoAnswer>> {
        Box::pin(self.client.probe())
    }

    fn clock_ahead_s(&self) -> Option<i64> {
        self.client.clock_ahead_s()
    }
}
