//! Alipay, face to face (当面付): the driver of `alipay.trade.*` at the open platform's gateway,
//! OpenAPI 2.0, RSA2.
//!
//! The customer's code is charged with `trade.pay`, a QR is made with `trade.precreate`; `query`,
//! `cancel`, `close` and `refund` go by the order number, which is the payment's id. Result code
//! 20000, a silence and every code that is not known to be final are no answer: the core queries,
//! then cancels, and never the other way round. A precreated order does not exist at Alipay until
//! the customer scans, so *not found* is no failure there; its QR dies by itself when the core
//! gives it up (`qr_code_timeout_express`).
//! Deliberately not here: when to ask again (the core's, by this acquirer's clock), and any memory
//! of orders.

mod bill;
mod certificates;
mod notified;
mod open;
mod sign;
#[cfg(test)]
mod tests;
mod undo;
mod words;

use std::{fmt, sync::Arc};

use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use store_actors::{
    domain::{
        ids::{PaymentId, RefundId, StoreId},
        money::Money,
        payment::{Answer, NoAnswer, answer::RefundVerdict},
        sticker::Claim,
    },
    ports::{Acquirer, AcquirerProfile, Charge, Instrument, Reply, WallClock},
};
use zeroize::Zeroizing;

use super::{
    DriverRefused, Way, pairs,
    pointed::message,
    rsa::PrivateKey,
    transport::{Request, Route, Transport},
};
use certificates::{Numbers, serial_number};
use open::AnswerKey;
use sign::Parameters;
use words::{Order, Refund, Said};

const GATEWAY: &str = "/gateway.do";
const PRECREATE: &str = "alipay.trade.precreate";

/// What the driver needs to reach Alipay.
#[derive(Clone, Debug)]
pub struct AlipayConfig {
    /// `https://openapi.alipay.com`, or `http://` on loopback only.
    pub url: String,
    pub app_id: String,
    /// The application's private key.
    pub key: SecretString,
    pub trust: Trust,
    /// Alipay's `store_id`.
    pub store: StoreId,
    /// What the customer reads on the phone.
    pub subject: String,
    /// Where Alipay tells of a paid QR.
    pub notify_url: Option<String>,
    pub way: Way,
    pub profile: AcquirerProfile,
}

/// By what Alipay's answers are known; in certificate mode requests name the certificates, too.
#[derive(Clone, Debug)]
pub enum Trust {
    PublicKey(SecretString),
    /// PEM each; the root file holds several.
    Certificates {
        app: SecretString,
        alipay: SecretString,
        root: SecretString,
    },
}

/// The driver.
pub struct Alipay {
    profile: AcquirerProfile,
    store: StoreId,
    subject: String,
    notify_url: Option<String>,
    app_id: String,
    key: PrivateKey,
    numbers: Option<Numbers>,
    answers: AnswerKey,
    transport: Transport,
    clock: Arc<dyn WallClock>,
}

impl fmt::Debug for Alipay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Alipay").field(&self.transport).finish()
    }
}

impl Alipay {
    /// A driver that has sent nothing yet. The process must have a TLS provider installed.
    ///
    /// # Errors
    /// A URL, key or certificate that cannot work.
    pub fn new(config: AlipayConfig, clock: Arc<dyn WallClock>) -> Result<Self, DriverRefused> {
        let route = Route::new(&config.url, &config.way, &config.profile, &clock);
        let transport = Transport::new(route)?;
        let (answers, numbers) = match &config.trust {
            Trust::PublicKey(text) => (AnswerKey::bare(text.expose_secret())?, None),
            Trust::Certificates { app, alipay, root } => {
                let alipay = alipay.expose_secret();
                let answers = AnswerKey::certified(alipay, serial_number(alipay)?)?;
                let numbers = Numbers::of(app.expose_secret(), root.expose_secret())?;
                (answers, Some(numbers))
            }
        };
        Ok(Self {
            key: PrivateKey::parse("the application's private key", &config.key)?,
            profile: config.profile,
            store: config.store,
            subject: config.subject,
            notify_url: config.notify_url,
            app_id: config.app_id,
            numbers,
            answers,
            transport,
            clock,
        })
    }

    /// One method, once; the answer is rightly signed and of this method.
    async fn call(&self, method: &'static str, content: &impl Serialize) -> Result<Said, NoAnswer> {
        let content = words::json(content)?;
        let mut parameters = Parameters::new(&self.app_id, method, self.clock.now());
        if let Some(numbers) = &self.numbers {
            parameters.name_certificates(numbers);
        }
        if let Some(url) = self.notify_url.as_ref().filter(|_| method == PRECREATE) {
            parameters.tell_at(url);
        }
        let signature = self.key.sign(parameters.signed(&content).as_bytes());
        let signature = signature.map_err(|why| NoAnswer::NotSent(why.to_owned()))?;
        let exchange = self.transport.exchange(Request {
            method: Method::POST,
            path: format!("{GATEWAY}?{}", parameters.query(&signature)),
            headers: vec![("content-type", pairs::FORM.to_owned())],
            body: sign::body(&content),
        });
        let answer = message("alipay", method, exchange).await?;
        words::said(&self.answers.open(&answer.body, method)?)
    }

    async fn pay(&self, charge: Charge) -> Answer {
        let order = Order::of(&charge, &self.store, &self.subject)?;
        match &charge.instrument {
            Instrument::Code(code) => {
                let pay = order.paid_by(code.secret.expose());
                let said = self.call("alipay.trade.pay", &pay).await?;
                said.of_pay(charge.order)
            }
            Instrument::MerchantQr => {
                let shown = order.shown_for_ms(self.profile.clock.qr_expiry_ms);
                let said = self.call(PRECREATE, &shown).await?;
                said.of_precreate(charge.order)
            }
            Instrument::Card { .. }
            | Instrument::Hold { .. }
            | Instrument::Held { .. }
            | Instrument::AtTerminal => Err(NoAnswer::NotSent("Alipay takes no cards".into())),
        }
    }

    async fn standing(&self, order: PaymentId) -> Answer {
        let said = self
            .call("alipay.trade.query", &words::number(order))
            .await?;
        said.of_query(order)
    }

    async fn give_back(
        &self,
        order: PaymentId,
        refund: RefundId,
        money: Money,
    ) -> Result<RefundVerdict, NoAnswer> {
        let asked = Refund::of(order, refund, money)?;
        let said = self.call("alipay.trade.refund", &asked).await?;
        if let Some(verdict) = said.of_refund(order, money)? {
            return Ok(verdict);
        }
        // nothing changed this time: whether an earlier time did, only the refund itself tells
        let query = Refund::query(order, refund);
        let said = self
            .call("alipay.trade.fastpay.refund.query", &query)
            .await?;
        said.of_refund_query(order, refund, money)
    }

    async fn ask_about(&self, payment: PaymentId, claim: Claim) -> Answer {
        let said = self
            .call("alipay.trade.query", &words::trade(&claim))
            .await?;
        said.of_look_up(payment, &claim)
    }

    async fn give_claim_back(
        &self,
        payment: PaymentId,
        claim: Claim,
        refund: RefundId,
        money: Money,
    ) -> Result<RefundVerdict, NoAnswer> {
        let asked = Refund::of(payment, refund, money)?.by_trade(&claim);
        let said = self.call("alipay.trade.refund", &asked).await?;
        let said = said.renamed(payment, &claim)?;
        if let Some(verdict) = said.of_refund(payment, money)? {
            return Ok(verdict);
        }
        let query = Refund::query(payment, refund).by_trade(&claim);
        let said = self
            .call("alipay.trade.fastpay.refund.query", &query)
            .await?;
        let said = said.renamed(payment, &claim)?;
        said.of_refund_query(payment, refund, money)
    }
}

impl Acquirer for Alipay {
    fn profile(&self) -> &AcquirerProfile {
        &self.profile
    }

    fn charge(&self, charge: Charge) -> Reply<'_, Answer> {
        Box::pin(self.pay(charge))
    }

    fn query(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(self.standing(order))
    }

    fn reverse(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(self.cancelled(order))
    }

    fn close(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(self.closed(order))
    }

    fn refund(
        &self,
        order: PaymentId,
        refund: RefundId,
        money: Money,
    ) -> Reply<'_, Result<RefundVerdict, NoAnswer>> {
        Box::pin(self.give_back(order, refund, money))
    }

    fn look_up(&self, payment: PaymentId, claim: Claim) -> Reply<'_, Answer> {
        Box::pin(self.ask_about(payment, claim))
    }

    fn refund_claim(
        &self,
        payment: PaymentId,
        claim: Claim,
        refund: RefundId,
        money: Money,
    ) -> Reply<'_, Result<RefundVerdict, NoAnswer>> {
        Box::pin(self.give_claim_back(payment, claim, refund, money))
    }

    fn probe(&self) -> Reply<'_, Result<(), NoAnswer>> {
        Box::pin(self.transport.probe(GATEWAY))
    }

    fn clock_ahead_s(&self) -> Option<i64> {
        self.transport.clock_ahead_s()
    }
}

/// Wiped when dropped.
type Text = Zeroizing<String>;
