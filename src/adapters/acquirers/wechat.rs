//! WeChat Pay (微信支付), direct merchants, CNY: the driver of both of its interfaces, v3 (JSON, RSA)
//! and v2 (XML, HMAC-SHA256), whichever the configuration names.
//!
//! The customer's code is charged with `codepay` (v2: `micropay`), a QR is made with `native`; all
//! goes by the order number, which is the payment's id. What undoes an order depends on how it is
//! paid, and the driver remembers nothing: so the order is asked first. A code is reversed, whether
//! paid or not; an unpaid QR is closed; a paid QR is not reversible, and the core refunds it.
//!
//! Some answers name no order (a refusal, a new QR), and none is bound to its request by a nonce:
//! what binds them is the connection, so each request has one of its own.
//! Deliberately not here: when to ask again (the core's, by this acquirer's clock; a reversal is
//! taken 15 s after the charge at the earliest), and any memory of orders.

#[cfg(test)]
mod tests;
mod trade;
mod v2;
mod v3;
mod words;

pub use v3::{PlatformKey, Signed};

use std::{fmt, sync::Arc};

use secrecy::SecretString;
use store_actors::{
    domain::{
        day::Day,
        ids::{PaymentId, RefundId, StoreId},
        money::Money,
        payment::{Answer, Answered, NoAnswer, Verdict, answer::RefundVerdict},
        sticker::Claim,
    },
    ports::{Acquirer, AcquirerProfile, Charge, Entropy, Instrument, Reply, WallClock},
};

use super::{
    DriverRefused, Way,
    bill_source::{BillFile, BillSource},
    notifier::{Notifier, Opened, Posted, Receipt, Untrue},
    transport::Route,
};
use trade::Trade;
use words::{Back, RefundState, Said, Standing, TradeState, TradeType};

/// Characters of a description: three bytes each at most, 127 bytes in all.
const LONGEST_DESCRIPTION: usize = 42;

/// What the driver needs to reach WeChat Pay.
#[derive(Clone, Debug)]
pub struct WechatConfig {
    /// `https://api.mch.weixin.qq.com`, or `http://` on loopback only.
    pub url: String,
    pub appid: String,
    pub mchid: String,
    /// The merchant's private key (`apiclient_key.pem`).
    pub key: SecretString,
    /// The merchant's certificate (`apiclient_cert.pem`).
    pub certificate: SecretString,
    pub interface: Interface,
    pub store: StoreId,
    /// What the customer reads on the phone; cut to what WeChat Pay takes.
    pub description: String,
    /// Where WeChat Pay tells of a paid QR: https, public. It is asked for; nobody has to listen.
    pub notify_url: String,
    /// The address of this machine, as WeChat Pay is told.
    pub device_ip: String,
    pub way: Way,
    pub profile: AcquirerProfile,
}

/// Which of WeChat Pay's interfaces is spoken, with the keys that only it needs.
#[derive(Clone, Debug)]
pub enum Interface {
    V3 {
        /// 32 characters: notifications are encrypted with it.
        api_key: SecretString,
        platform_keys: Vec<PlatformKey>,
    },
    V2 {
        api_key: SecretString,
    },
}

/// What of the configuration stands in requests.
#[derive(Debug)]
struct Shop {
    appid: String,
    mchid: String,
    store: StoreId,
    description: String,
    notify_url: String,
    device_ip: String,
}

/// New for each request.
fn nonce(entropy: &dyn Entropy) -> String {
    let mut bytes = [0; 16];
    entropy.fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// One of the two interfaces.
trait Protocol: fmt::Debug + Send + Sync {
    fn pay<'a>(&'a self, charge: &'a Charge, code: &'a str) -> Told<'a, Standing>;
    /// The text of a new QR.
    fn show<'a>(&'a self, charge: &'a Charge) -> Told<'a, String>;
    fn standing<'a>(&'a self, trade: Trade<'a>) -> Told<'a, Standing>;
    /// An unpaid QR.
    fn close(&self, order: PaymentId) -> Told<'_, ()>;
    /// A charged code.
    fn revoke(&self, order: PaymentId) -> Told<'_, Revoked>;
    fn refund<'a>(
        &'a self,
        trade: Trade<'a>,
        refund: RefundId,
        total: Money,
        part: Money,
    ) -> Told<'a, Back>;
    fn refund_standing<'a>(&'a self, trade: Trade<'a>, refund: RefundId) -> Told<'a, Back>;
    /// All trades of a day (`2026-11-26`), as WeChat Pay writes them down (CSV, UTF-8).
    fn bill<'a>(&'a self, day: &'a str) -> Reply<'a, Result<Vec<u8>, NoAnswer>>;
    /// Whether anybody is there.
    fn probe(&self) -> Reply<'_, Result<(), NoAnswer>>;
    /// Seconds by which our clock is ahead of WeChat Pay's.
    fn clock_ahead_s(&self) -> Option<i64>;
    /// What a notification says, once it is found to be WeChat Pay's and of now.
    fn notified(&self, posted: &Posted<'_>) -> Result<Opened, Untrue>;
    /// What WeChat Pay wants to hear of one.
    fn receipt(&self, not_taken: Option<(u16, &str)>) -> Receipt;
}

type Told<'a, T> = Reply<'a, Result<Said<T>, NoAnswer>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Revoked {
    Done,
    /// Not yet: it is to be asked again.
    Again,
}

/// The driver.
#[derive(Debug)]
pub struct Wechat {
    profile: AcquirerProfile,
    protocol: Box<dyn Protocol>,
}

impl Wechat {
    /// A driver that has sent nothing yet. The process must have a TLS provider installed.
    ///
    /// # Errors
    /// A URL, key or certificate that cannot work.
    pub fn new(
        config: WechatConfig,
        clock: Arc<dyn WallClock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, DriverRefused> {
        let route = Route::new(&config.url, &config.way, &config.profile, &clock);
        let fits = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if !fits(&config.mchid) || !fits(&config.appid) {
            return Err(DriverRefused::Merchant);
        }
        let shop = Shop {
            appid: config.appid,
            mchid: config.mchid,
            store: config.store,
            description: config
                .description
                .chars()
                .take(LONGEST_DESCRIPTION)
                .collect(),
            notify_url: config.notify_url,
            device_ip: config.device_ip,
        };
        let (key, certificate) = (&config.key, &config.certificate);
        let protocol: Box<dyn Protocol> = match &config.interface {
            Interface::V3 {
                api_key,
                platform_keys,
            } => {
                let merchant = v3::merchant(&shop.mchid, key, certificate)?;
                let keys = (api_key, platform_keys.as_slice());
                Box::new(v3::V3::new(shop, merchant, keys, route, clock, entropy)?)
            }
            Interface::V2 { api_key } => {
                let identity = v2::identity(key, certificate);
                Box::new(v2::V2::new(shop, api_key, identity, route, entropy)?)
            }
        };
        Ok(Self {
            profile: config.profile,
            protocol,
        })
    }

    /// All trades of a day, as WeChat Pay writes them down: CSV in UTF-8, ready by ten o'clock on
    /// the next day.
    ///
    /// # Errors
    /// There is none yet, or it is not what WeChat Pay signed for.
    pub async fn bill(&self, day: &str) -> Result<Vec<u8>, NoAnswer> {
        if day.parse::<jiff::civil::Date>().is_err() || day.len() != "2026-11-26".len() {
            return Err(NoAnswer::NotSent(format!("{day:?} is no day")));
        }
        self.protocol.bill(day).await
    }

    async fn pay(&self, charge: Charge) -> Answer {
        let order = charge.order;
        let verdict = match &charge.instrument {
            Instrument::Code(code) => {
                let code = code.secret.expose();
                match self.protocol.pay(&charge, code).await? {
                    Said::Done(standing) => standing.verdict(),
                    Said::Refused(refusal) => refusal.verdict()?,
                }
            }
            Instrument::MerchantQr => match self.protocol.show(&charge).await? {
                Said::Done(qr) => Verdict::Pending { qr: Some(qr) },
                Said::Refused(refusal) => refusal.verdict()?,
            },
            Instrument::Card { .. }
            | Instrument::Hold { .. }
            | Instrument::Held { .. }
            | Instrument::AtTerminal => {
                return Err(NoAnswer::NotSent("WeChat Pay takes no cards".into()));
            }
        };
        Ok(Answered { order, verdict })
    }

    /// How the order stands; `None`: WeChat Pay does not know it.
    async fn standing(&self, trade: impl Into<Trade<'_>>) -> Result<Option<Standing>, NoAnswer> {
        match self.protocol.standing(trade.into()).await? {
            Said::Done(standing) => Ok(Some(standing)),
            Said::Refused(refusal) if refusal.is("ORDERNOTEXIST") => Ok(None),
            // whatever else fails, it is the question that failed (PAY-4)
            Said::Refused(refusal) => Err(refusal.no_answer()),
        }
    }

    async fn undo(&self, order: PaymentId) -> Result<Verdict, NoAnswer> {
        let standing = self.standing(order).await?;
        let Some(standing) = standing else {
            return self.revoke(order, None).await;
        };
        match (standing.state, standing.trade_type, &standing.paid) {
            (TradeState::Closed | TradeState::Revoked, ..) => Ok(Verdict::Reversed),
            (_, TradeType::Code, _) => self.revoke(order, standing.paid).await,
            (_, _, Some((acquirer_ref, money))) => Ok(Verdict::NotReversible {
                acquirer_ref: acquirer_ref.clone(),
                money: *money,
            }),
            // states of charged codes alone
            (TradeState::UserPaying | TradeState::PayError, TradeType::Untold, _) => {
                self.revoke(order, None).await
            }
            (_, kind, None) => self.close(order, kind).await,
        }
    }

    /// Closes an unpaid QR. An order that does not say what it is may turn out to be a code's.
    async fn close(&self, order: PaymentId, kind: TradeType) -> Result<Verdict, NoAnswer> {
        match self.protocol.close(order).await? {
            Said::Done(()) => Ok(Verdict::Reversed),
            Said::Refused(refusal) if refusal.is("ORDERPAID") => {
                // paid at the last moment: how much, the order itself tells
                let paid = self.standing(order).await?.and_then(|order| order.paid);
                let (acquirer_ref, money) = paid.ok_or_else(|| refusal.no_answer())?;
                Ok(Verdict::NotReversible {
                    acquirer_ref,
                    money,
                })
            }
            Said::Refused(refusal) if refusal.is("ORDERCLOSED") => Ok(Verdict::Reversed),
            Said::Refused(refusal) if refusal.is("SYSTEMERROR") => Err(refusal.no_answer()),
            Said::Refused(_) if kind == TradeType::Untold => self.revoke(order, None).await,
            Said::Refused(refusal) => Err(refusal.no_answer()),
        }
    }

    /// Reverses a code's order, which was `paid` when it was last asked about.
    async fn revoke(
        &self,
        order: PaymentId,
        paid: Option<(String, Money)>,
    ) -> Result<Verdict, NoAnswer> {
        let refusal = match self.protocol.revoke(order).await? {
            Said::Done(Revoked::Done) => return Ok(Verdict::Reversed),
            Said::Done(Revoked::Again) => return Ok(Verdict::Verifying),
            Said::Refused(refusal) => refusal,
        };
        if refusal.is("USERPAYING") {
            return Ok(Verdict::Verifying);
        }
        if refusal.is("ORDERNOTEXIST") {
            return Ok(Verdict::NotFound);
        }
        match paid {
            // too late to reverse, say: then it is refunded
            Some((acquirer_ref, money)) if !refusal.is_open() => Ok(Verdict::NotReversible {
                acquirer_ref,
                money,
            }),
            _ => Err(refusal.no_answer()),
        }
    }

    async fn give_back(
        &self,
        trade: Trade<'_>,
        refund: RefundId,
        part: Money,
    ) -> Result<RefundVerdict, NoAnswer> {
        words::fen(part)?;
        // WeChat Pay wants to hear the order's whole amount, and nobody here remembers it
        let standing = self.standing(trade).await?;
        let Some(standing) = standing else {
            return Err(NoAnswer::Refused("it does not know the order".into()));
        };
        let Some((_, total)) = standing.paid else {
            return match standing.state {
                TradeState::Closed | TradeState::Revoked => Ok(RefundVerdict::Refused {
                    code: "ORDER_CLOSED".to_owned(),
                    text: "the order holds no money".to_owned(),
                }),
                _ => Err(NoAnswer::Refused("the order is not paid".into())),
            };
        };
        let back = match self.protocol.refund(trade, refund, total, part).await? {
            Said::Done(back) => back,
            Said::Refused(refusal) => return refusal.refund_verdict(),
        };
        if back.state != RefundState::Processing {
            return back.verdict(part);
        }
        // taken on; whether it is done already, only the refund itself tells
        match self.protocol.refund_standing(trade, refund).await? {
            Said::Done(back) => back.verdict(part),
            Said::Refused(_) => back.verdict(part),
        }
    }
}

impl Acquirer for Wechat {
    fn profile(&self) -> &AcquirerProfile {
        &self.profile
    }

    fn charge(&self, charge: Charge) -> Reply<'_, Answer> {
        Box::pin(self.pay(charge))
    }

    fn query(&self, order: PaymentId) -> Reply<'_, Answer> {
        Box::pin(async move {
            let standing = self.standing(order).await?;
            let verdict = standing.map_or(Verdict::NotFound, Standing::verdict);
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
        Box::pin(self.give_back(order.into(), refund, money))
    }

    fn look_up(&self, payment: PaymentId, claim: Claim) -> Reply<'_, Answer> {
        Box::pin(async move {
            let standing = self.standing(&claim).await?;
            let verdict = standing.map_or(Verdict::NotFound, Standing::verdict);
            Ok(Answered {
                order: payment,
                verdict,
            })
        })
    }

    fn refund_claim(
        &self,
        _: PaymentId,
        claim: Claim,
        refund: RefundId,
        money: Money,
    ) -> Reply<'_, Result<RefundVerdict, NoAnswer>> {
        Box::pin(async move { self.give_back((&claim).into(), refund, money).await })
    }

    fn probe(&self) -> Reply<'_, Result<(), NoAnswer>> {
        self.protocol.probe()
    }

    fn clock_ahead_s(&self) -> Option<i64> {
        self.protocol.clock_ahead_s()
    }
}

impl Notifier for Wechat {
    fn open(&self, posted: &Posted<'_>) -> Result<Opened, Untrue> {
        self.protocol.notified(posted)
    }

    fn taken(&self) -> Receipt {
        self.protocol.receipt(None)
    }

    fn not_taken(&self, status: u16, why: &str) -> Receipt {
        self.protocol.receipt(Some((status, why)))
    }
}

impl BillSource for Wechat {
    fn bill(&self, day: Day) -> Reply<'_, Result<BillFile, NoAnswer>> {
        Box::pin(async move {
            let bytes = self.protocol.bill(&day.to_string()).await?;
            Ok(BillFile {
                extension: "csv",
                bytes,
            })
        })
    }
}
