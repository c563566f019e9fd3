//! The third interface: JSON, signed with RSA by both sides.
//!
//! An answer of success without a signature is a forgery. A refusal counts only if it is signed,
//! too; unsigned it says nothing of the order. HTTP 202 is success, not yet complete: the customer
//! confirms. 5xx is no answer.

mod bill;
mod bodies;
mod notification;
mod sign;
#[cfg(test)]
mod tests;

pub use sign::{PlatformKey, Signed};

use std::{fmt, sync::Arc};

use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use store_actors::{
    domain::{
        ids::{PaymentId, RefundId},
        money::Money,
        payment::NoAnswer,
    },
    ports::{Charge, Entropy, Reply, WallClock},
};
use zeroize::Zeroizing;

use super::{
    Protocol, Revoked, Shop, Told, Trade, nonce,
    words::{Back, Said, Standing},
};
use crate::adapters::acquirers::{
    DriverRefused,
    notifier::{Opened, Posted, Receipt, Untrue},
    pointed::message,
    rsa::PrivateKey,
    transport::{Raw, Request, Route, Transport},
};
use notification::NotificationKey;
use sign::{Merchant, PlatformKeys};

const CODEPAY: &str = "/v3/pay/transactions/codepay";
const NATIVE: &str = "/v3/pay/transactions/native";
const REFUNDS: &str = "/v3/refund/domestic/refunds";

pub(super) struct V3 {
    shop: Shop,
    merchant: Merchant,
    platform: PlatformKeys,
    notifications: NotificationKey,
    transport: Transport,
    /// Without a slash at its end.
    url: String,
    clock: Arc<dyn WallClock>,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for V3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("V3").field(&self.transport).finish()
    }
}

pub(super) fn merchant(
    id: &str,
    key: &SecretString,
    certificate: &SecretString,
) -> Result<Merchant, DriverRefused> {
    Ok(Merchant {
        id: id.to_owned(),
        serial: sign::serial_number("the merchant's certificate", certificate.expose_secret())?,
        key: PrivateKey::parse("the merchant's private key", key)?,
    })
}

fn order_path(order: PaymentId) -> String {
    format!("/v3/pay/transactions/out-trade-no/{order}")
}

/// What a request is, by its last word that is none of ours.
fn step_of(method: &Method, path: &str) -> &'static str {
    let path = path.split('?').next().unwrap_or_default();
    match (path.rsplit('/').next(), method == Method::GET) {
        (Some("codepay"), _) => "codepay",
        (Some("native"), _) => "native",
        (Some("close"), _) => "close",
        (Some("reverse"), _) => "reverse-order",
        (Some("tradebill"), _) => "tradebill",
        (Some("refunds"), _) => "refunds",
        (_, true) if path.starts_with(REFUNDS) => "refund-query",
        _ => "order-query",
    }
}

fn trade_path(trade: Trade<'_>) -> Result<String, NoAnswer> {
    let Trade::Claim(claim) = trade else {
        let (_, order) = trade.named();
        return Ok(format!("/v3/pay/transactions/out-trade-no/{order}"));
    };
    let fits = claim.transaction.bytes().all(|b| b.is_ascii_alphanumeric());
    let path = || format!("/v3/pay/transactions/id/{}", claim.transaction);
    let refused = || NoAnswer::NotSent("WeChat Pay has no number like this".into());
    fits.then(path).ok_or_else(refused)
}

impl V3 {
    pub fn new(
        shop: Shop,
        merchant: Merchant,
        (api_key, platform_keys): (&SecretString, &[PlatformKey]),
        route: Route<'_>,
        clock: Arc<dyn WallClock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, DriverRefused> {
        Ok(Self {
            platform: PlatformKeys::of(platform_keys)?,
            notifications: NotificationKey::new(api_key)?,
            url: route.url.trim_end_matches('/').to_owned(),
            transport: Transport::new(route)?,
            shop,
            merchant,
            clock,
            entropy,
        })
    }

    fn now_s(&self) -> i64 {
        self.clock.now().unix_ms().div_euclid(1000)
    }

    fn request(
        &self,
        method: Method,
        path: String,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<Request, NoAnswer> {
        let nonce = nonce(&*self.entropy);
        let authorization =
            self.merchant
                .authorization(method.as_str(), &path, self.now_s(), &nonce, &body)?;
        let mut headers = vec![
            ("authorization", authorization),
            ("accept", "application/json".to_owned()),
            ("content-type", "application/json".to_owned()),
            (
                "user-agent",
                concat!("store-controller/", env!("CARGO_PKG_VERSION")).to_owned(),
            ),
            ("connection", "close".to_owned()),
        ];
        if let Some(id) = &self.platform.preferred {
            headers.push(("wechatpay-serial", id.clone()));
        }
        Ok(Request {
            method,
            path,
            headers,
            body,
        })
    }

    /// Sends once; the answer is WeChat Pay's.
    async fn call(
        &self,
        method: Method,
        path: String,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<Said<Raw>, NoAnswer> {
        let step = step_of(&method, &path);
        let request = self.request(method, path, body)?;
        let answer = message("wechat-v3", step, self.transport.exchange(request)).await?;
        self.heard(answer)
    }

    fn heard(&self, answer: Raw) -> Result<Said<Raw>, NoAnswer> {
        let is_success = (200..300).contains(&answer.status);
        let signed = Signed {
            serial: answer.header("wechatpay-serial"),
            timestamp: answer.header("wechatpay-timestamp"),
            nonce: answer.header("wechatpay-nonce"),
            signature: answer.header("wechatpay-signature"),
        };
        if !is_success && signed.signature.is_empty() {
            return Err(bodies::refusal(answer.status, &answer.body).no_answer());
        }
        self.platform.check(&signed, &answer.body, self.now_s())?;
        Ok(match is_success {
            true => Said::Done(answer),
            false => Said::Refused(bodies::refusal(answer.status, &answer.body)),
        })
    }

    /// A question or an order, and what to make of the answer.
    async fn ask<T>(
        &self,
        method: Method,
        path: String,
        body: Zeroizing<Vec<u8>>,
        read: impl FnOnce(&[u8]) -> Result<T, NoAnswer>,
    ) -> Result<Said<T>, NoAnswer> {
        Ok(match self.call(method, path, body).await? {
            Said::Done(answer) => Said::Done(read(&answer.body)?),
            Said::Refused(refusal) => Said::Refused(refusal),
        })
    }
}

impl Protocol for V3 {
    fn pay<'a>(&'a self, charge: &'a Charge, code: &'a str) -> Told<'a, Standing> {
        Box::pin(async move {
            let body = bodies::order(&self.shop, charge, Some(code))?;
            let read = |said: &[u8]| bodies::standing(&self.shop, said, charge.order);
            self.ask(Method::POST, CODEPAY.to_owned(), body, read).await
        })
    }

    fn show<'a>(&'a self, charge: &'a Charge) -> Told<'a, String> {
        Box::pin(async move {
            let body = bodies::order(&self.shop, charge, None)?;
            self.ask(Method::POST, NATIVE.to_owned(), body, bodies::code_url)
                .await
        })
    }

    fn standing<'a>(&'a self, trade: Trade<'a>) -> Told<'a, Standing> {
        Box::pin(async move {
            let path = format!("{}?mchid={}", trade_path(trade)?, self.shop.mchid);
            let read = |said: &[u8]| bodies::standing(&self.shop, said, trade);
            self.ask(Method::GET, path, Zeroizing::default(), read)
                .await
        })
    }

    fn close(&self, order: PaymentId) -> Told<'_, ()> {
        Box::pin(async move {
            let path = format!("{}/close", order_path(order));
            let body = bodies::close(&self.shop)?;
            // 204: there is nothing to read
            self.ask(Method::POST, path, body, |_| Ok(())).await
        })
    }

    fn revoke(&self, order: PaymentId) -> Told<'_, Revoked> {
        Box::pin(async move {
            let path = format!("{}/reverse", order_path(order));
            let body = bodies::reverse(&self.shop)?;
            let read = |said: &[u8]| bodies::reversed(said, order).map(|()| Revoked::Done);
            self.ask(Method::POST, path, body, read).await
        })
    }

    fn refund<'a>(
        &'a self,
        trade: Trade<'a>,
        refund: RefundId,
        total: Money,
        part: Money,
    ) -> Told<'a, Back> {
        Box::pin(async move {
            let body = bodies::refund(trade, refund, total, part)?;
            let read = |said: &[u8]| bodies::back(said, trade, refund);
            self.ask(Method::POST, REFUNDS.to_owned(), body, read).await
        })
    }

    fn refund_standing<'a>(&'a self, trade: Trade<'a>, refund: RefundId) -> Told<'a, Back> {
        Box::pin(async move {
            let path = format!("{REFUNDS}/{refund}");
            let read = |said: &[u8]| bodies::back(said, trade, refund);
            self.ask(Method::GET, path, Zeroizing::default(), read)
                .await
        })
    }

    fn bill<'a>(&'a self, day: &'a str) -> Reply<'a, Result<Vec<u8>, NoAnswer>> {
        Box::pin(self.download_bill(day))
    }

    fn probe(&self) -> Reply<'_, Result<(), NoAnswer>> {
        Box::pin(self.transport.probe("/"))
    }

    fn clock_ahead_s(&self) -> Option<i64> {
        self.transport.clock_ahead_s()
    }

    fn notified(&self, posted: &Posted<'_>) -> Result<Opened, Untrue> {
        let signed = Signed {
            serial: posted.header("wechatpay-serial"),
            timestamp: posted.header("wechatpay-timestamp"),
            nonce: posted.header("wechatpay-nonce"),
            signature: posted.header("wechatpay-signature"),
        };
        let checked = self.platform.check(&signed, posted.body, self.now_s());
        checked.map_err(|why| match why {
            NoAnswer::Forged => Untrue::Forged,
            _ => Untrue::Stale,
        })?;
        match self.notifications.open(posted.body)? {
            Some(order) => Ok(Opened::Payment(bodies::notified(&self.shop, &order)?)),
            None => Ok(Opened::Other("no payment")),
        }
    }

    fn receipt(&self, not_taken: Option<(u16, &str)>) -> Receipt {
        let (status, said) = match not_taken {
            None => (200, json!({ "code": "SUCCESS", "message": "" })),
            Some((status, why)) => (status, json!({ "code": "FAIL", "message": why })),
        };
        Receipt {
            status,
            content_type: "application/json",
            body: said.to_string(),
        }
    }
}
