//! UnionPay QR (银联二维码), for merchants with a contract of their own: the driver of the merchant
//! API's form posts, version 5.1.0, signed with the merchant's certificate.
//!
//! The customer's code is charged with 01/06, a QR is applied for with 01/07; both are only taken
//! on, and the query tells what became of them. UnionPay knows a transaction by its number and the
//! time of its sending; both are in the payment's id, so the driver remembers nothing. What undoes
//! an order depends on how it stands, so it is asked first: a code without an outcome is reversed
//! (99/01, under its own number), a QR dies by itself (`payTimeout`), and a paid order is not
//! reversible: the core refunds it, as a void (31) where it is the whole amount on its own
//! settlement day, else as a refund (04).
//! Deliberately not here: when to ask again (the core's, by this acquirer's clock), notifications,
//! EMVCo codes (`qrNo` takes 20 digits), the reconciliation file.

mod certificates;
mod notified;
mod sign;
#[cfg(test)]
mod tests;
mod words;

use std::{fmt, sync::Arc};

use reqwest::Method;
use secrecy::SecretString;
use store_actors::{
    domain::{
        code::CustomerCode,
        ids::{PaymentId, RefundId},
        money::Money,
        payment::{Answer, Answered, NoAnswer, Verdict, answer::RefundVerdict},
        sticker::Claim,
        tender::Scheme,
    },
    ports::{Acquirer, AcquirerProfile, Charge, Instrument, Reply, WallClock},
    wire::emvqr::ConsumerCode,
};

use super::{
    DriverRefused, Way, pairs,
    pointed::message,
    rsa::PrivateKey,
    transport::{Request, Route, Transport},
};
use certificates::Authority;
use sign::Fields;
use words::{Account, Kind, Named, Said};

const TRANSACTIONS: &str = "/gateway/api/backTransReq.do";
const QUERIES: &str = "/gateway/api/queryTrans.do";

const NAME: &str = "unionpay-qr";

/// Its registered application provider identifier (ISO 7816-5).
const UNION_PAY: [u8; 5] = [0xa0, 0, 0, 3, 0x33];

/// What the driver needs to reach UnionPay.
#[derive(Clone, Debug)]
pub struct UnionPayConfig {
    /// `https://gateway.95516.com`, or `http://` on loopback only.
    pub url: String,
    /// `merId`, 15 characters.
    pub merchant: String,
    /// The merchant's private key and certificate, PEM each.
    pub key: SecretString,
    pub certificate: String,
    /// UnionPay's root and intermediate certificates, PEM each.
    pub root: String,
    pub middle: String,
    /// Whose name the certificates of answers bear.
    pub signer: String,
    /// `termId`, 8 characters.
    pub terminal: String,
    /// It is asked for; nobody has to listen.
    pub notify_url: String,
    /// Whether the whole amount goes back as a void on the payment's own settlement day.
    pub voids: bool,
    pub way: Way,
    pub profile: AcquirerProfile,
}

/// The driver.
pub struct UnionPay {
    profile: AcquirerProfile,
    account: Account,
    voids: bool,
    key: PrivateKey,
    authority: Authority,
    transport: Transport,
    clock: Arc<dyn WallClock>,
}

impl fmt::Debug for UnionPay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnionPay").field(&self.transport).finish()
    }
}

impl UnionPay {
    /// A driver that has sent nothing yet. The process must have a TLS provider installed.
    ///
    /// # Errors
    /// A URL, key or certificate that cannot work.
    pub fn new(config: UnionPayConfig, clock: Arc<dyn WallClock>) -> Result<Self, DriverRefused> {
        let fits = |text: &str, length| {
            text.len() == length && text.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        if !fits(&config.merchant, 15) || !fits(&config.terminal, 8) {
            return Err(DriverRefused::Merchant);
        }
        let route = Route::new(&config.url, &config.way, &config.profile, &clock);
        Ok(Self {
            transport: Transport::new(route)?,
            key: PrivateKey::parse("the merchant's private key", &config.key)?,
            authority: Authority::new(&config.root, &config.middle, config.signer)?,
            account: Account {
                merchant: config.merchant,
                certificate: certificates::number(&config.certificate)?,
                terminal: config.terminal,
                notify_url: config.notify_url,
            },
            voids: config.voids,
            profile: config.profile,
            clock,
        })
    }

    /// Sends once; the answer is UnionPay's and about this transaction.
    async fn call(&self, path: &str, fields: Fields, named: &Named) -> Result<Said, NoAnswer> {
        let step = words::step_of(&fields);
        let request = Request {
            method: Method::POST,
            path: path.to_owned(),
            headers: vec![("content-type", pairs::FORM.to_owned())],
            body: sign::sealed(fields, &self.key)?,
        };
        let answer = message(NAME, step, self.transport.exchange(request)).await?;
        if answer.status != 200 {
            return Err(NoAnswer::Refused(format!("HTTP {}", answer.status)));
        }
        let fields = sign::opened(&answer.body, &self.authority, self.clock.now())?;
        Said::about(fields, named, &self.account.merchant)
    }

    async fn pay(&self, charge: Charge) -> Answer {
        let order = charge.order;
        let named = Named::payment(order);
        let verdict = match &charge.instrument {
            Instrument::Code(code) if !is_for_union_pay(code) => {
                let why = "the code holds no application of UnionPay's";
                return Err(NoAnswer::NotSent(why.into()));
            }
            Instrument::Code(code) => {
                let fields = self.account.consume(&charge, code.secret.expose())?;
                let said = self.call(TRANSACTIONS, fields, &named).await?;
                said.of_consume()?
            }
            Instrument::MerchantQr => {
                let expiry_ms = self.profile.clock.qr_expiry_ms;
                let fields = self.account.apply_qr(&charge, expiry_ms)?;
                let said = self.call(TRANSACTIONS, fields, &named).await?;
                said.of_apply_qr()?
            }
            Instrument::Card { .. }
            | Instrument::Hold { .. }
            | Instrument::Held { .. }
            | Instrument::AtTerminal => {
                let why = "this interface takes no cards";
                return Err(NoAnswer::NotSent(why.into()));
            }
        };
        Ok(Answered { order, verdict })
    }

    async fn standing(&self, order: PaymentId) -> Result<Verdict, NoAnswer> {
        let named = Named::payment(order);
        let fields = self.account.query(&named);
        self.call(QUERIES, fields, &named).await?.of_query()
    }

    async fn undo(&self, order: PaymentId) -> Result<Verdict, NoAnswer> {
        match self.standing(order).await? {
            Verdict::Approved {
                acquirer_ref,
                money,
                ..
            } => Ok(Verdict::NotReversible {
                acquirer_ref,
                money,
            }),
            // it holds no money, and never will
            Verdict::Reversed | Verdict::Declined { .. } => Ok(Verdict::Reversed),
            // until its QR has died
            pending @ Verdict::Pending { .. } => Ok(pending),
            Verdict::NotFound | Verdict::Verifying | Verdict::NotReversible { .. } => {
                let fields = self.account.reversal(order);
                let named = Named::payment(order);
                self.call(TRANSACTIONS, fields, &named).await?.of_reversal()
            }
        }
    }

    async fn give_back(
        &self,
        order: PaymentId,
        refund: RefundId,
        money: Money,
    ) -> Result<RefundVerdict, NoAnswer> {
        let named = Named::refund(order, refund);
        let query = self.account.query(&named);
        let known = self.call(QUERIES, query, &named).await?;
        if let Some(verdict) = known.of_refund_query(money)? {
            return Ok(verdict);
        }
        let kind = self.way_back(order, money).await?;
        let original = Named::payment(order);
        let fields = self.account.give_back(kind, original, &named, money)?;
        let said = self.call(TRANSACTIONS, fields, &named).await?;
        said.of_give_back()
    }

    async fn ask_about(&self, payment: PaymentId, claim: Claim) -> Answer {
        let named = Named::claim(&claim);
        let fields = self.account.query(&named);
        let said = self.call(QUERIES, fields, &named).await?;
        Ok(Answered {
            order: payment,
            verdict: said.of_query()?,
        })
    }

    /// As `give_back`, always as a refund: the void's day is another's to know.
    async fn give_claim_back(
        &self,
        payment: PaymentId,
        claim: Claim,
        refund: RefundId,
        money: Money,
    ) -> Result<RefundVerdict, NoAnswer> {
        let back = Named::refund(payment, refund);
        let query = self.account.query(&back);
        let known = self.call(QUERIES, query, &back).await?;
        if let Some(verdict) = known.of_refund_query(money)? {
            return Ok(verdict);
        }
        let original = Named::claim(&claim);
        let fields = self
            .account
            .give_back(Kind::Refund, original, &back, money)?;
        let said = self.call(TRANSACTIONS, fields, &back).await?;
        said.of_give_back()
    }

    async fn way_back(&self, order: PaymentId, money: Money) -> Result<Kind, NoAnswer> {
        if !self.voids || !words::within_the_day(order, self.clock.now()) {
            return Ok(Kind::Refund);
        }
        match self.standing(order).await? {
            Verdict::Approved { money: total, .. } if total == money => Ok(Kind::Void),
            _ => Ok(Kind::Refund),
        }
    }
}

impl Acquirer for UnionPay {
    fn profile(&self) -> &AcquirerProfile {
        &self.profile
    }

    fn charge(&self, charge: Charge) -> Reply<'_, Answer> {
        Box::pin(self.pay(charge))
    }

    fn query(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(async move {
            let verdict = self.standing(order).await?;
            Ok(Answered { order, verdict })
        })
    }

    fn reverse(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(async move {
            let verdict = self.undo(order).await?;
            Ok(Answered { order, verdict })
        })
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
        Box::pin(self.transport.probe(QUERIES))
    }

    fn clock_ahead_s(&self) -> Option<i64> {
        self.transport.clock_ahead_s()
    }
}

/// A code of 19 digits is; one as EMVCo has it (CPM 1.1) if one of its applications is.
fn is_for_union_pay(code: &CustomerCode) -> bool {
    if code.scheme != Scheme::EmvcoCpm {
        return true;
    }
    let parsed = ConsumerCode::parse(code.secret.expose());
    parsed.is_ok_and(|parsed| {
        let mut applications = parsed.applications();
        applications.any(|one| one.aid.as_bytes().starts_with(&UNION_PAY))
    })
}
