//! The second interface: XML, signed with HMAC-SHA256 by both sides, a client certificate for what
//! gives money back.
//!
//! An answer has two levels: `return_code` (was the request heard; a failure here is unsigned, and
//! says nothing of the order) and `result_code` (was it done), signed. `USERPAYING` is a customer
//! who confirms, `SYSTEMERROR` and `BANKERROR` are no answer.

mod bodies;
mod sign;
#[cfg(test)]
mod tests;
mod xml;

use std::{fmt, sync::Arc};

use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use store_actors::{
    domain::{
        ids::{PaymentId, RefundId},
        money::Money,
        payment::NoAnswer,
    },
    ports::{Charge, Entropy, Reply},
};
use zeroize::Zeroizing;

use super::{
    Protocol, Revoked, Shop, Told, Trade, nonce,
    words::{Back, Refusal, Said, Standing},
};
use crate::adapters::acquirers::{
    DriverRefused,
    notifier::{Opened, Posted, Receipt, Untrue},
    pointed::message,
    transport::{Request, Route, Transport, plain},
};
use bodies::field;
use sign::{Fields, Key};

/// A day of a very large merchant.
const LARGEST_BILL: usize = 64 * 1024 * 1024;

pub(super) struct V2 {
    shop: Shop,
    key: Key,
    transport: Transport,
    /// Shows the merchant's certificate.
    certified: Transport,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for V2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("V2").field(&self.transport).finish()
    }
}

/// Certificate and key, one after the other.
pub(super) fn identity(key: &SecretString, certificate: &SecretString) -> Zeroizing<Vec<u8>> {
    let parts = [certificate.expose_secret(), "\n", key.expose_secret(), "\n"];
    let length = parts.iter().map(|part| part.len()).sum();
    let mut pem = Zeroizing::new(Vec::with_capacity(length));
    for part in parts {
        pem.extend_from_slice(part.as_bytes());
    }
    pem
}

impl V2 {
    pub fn new(
        shop: Shop,
        api_key: &SecretString,
        identity: Zeroizing<Vec<u8>>,
        route: Route<'_>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, DriverRefused> {
        let certified = Route {
            identity: Some(identity),
            ..route
        };
        Ok(Self {
            shop,
            key: Key::new(api_key),
            transport: Transport::new(Route {
                identity: None,
                clock: Arc::clone(&certified.clock),
                ..certified
            })?,
            certified: Transport::new(certified)?,
            entropy,
        })
    }

    fn request(&self, path: &str, mut fields: Fields) -> Request {
        let nonce = nonce(&*self.entropy);
        for (name, value) in [
            ("appid", self.shop.appid.as_str()),
            ("mch_id", self.shop.mchid.as_str()),
            ("nonce_str", nonce.as_str()),
            ("sign_type", "HMAC-SHA256"),
        ] {
            fields.insert(name.to_owned(), value.to_owned());
        }
        fields.insert("sign".to_owned(), self.key.sign(&fields));
        let body = xml::write(&fields);
        // the code was in here
        fields
            .into_values()
            .for_each(|value| drop(Zeroizing::new(value)));
        Request {
            method: Method::POST,
            path: path.to_owned(),
            headers: vec![
                ("content-type", "text/xml;charset=utf-8".to_owned()),
                ("connection", "close".to_owned()),
            ],
            body,
        }
    }

    /// Sends once; the answer is WeChat Pay's, and for this merchant.
    async fn call(&self, path: &str, fields: Fields) -> Result<Fields, NoAnswer> {
        let transport = match path.starts_with("/secapi/") {
            true => &self.certified,
            false => &self.transport,
        };
        let exchange = transport.exchange(self.request(path, fields));
        let answer = message("wechat-v2", path, exchange).await?;
        if answer.status != 200 {
            return Err(NoAnswer::Refused(format!("HTTP {}", answer.status)));
        }
        self.heard(&answer.body)
    }

    fn heard(&self, body: &[u8]) -> Result<Fields, NoAnswer> {
        let not_xml = || NoAnswer::Unintelligible("it is not as agreed".into());
        let fields = xml::read(body).ok_or_else(not_xml)?;
        if field(&fields, "return_code") != Some("SUCCESS") {
            return Err(unheard(&fields));
        }
        if !self.key.verifies(&fields) {
            return Err(NoAnswer::Forged);
        }
        match self.is_ours(&fields) {
            true => Ok(fields),
            false => Err(NoAnswer::AnotherOrder),
        }
    }

    fn is_ours(&self, fields: &Fields) -> bool {
        field(fields, "mch_id") == Some(&self.shop.mchid)
            && field(fields, "appid") == Some(&self.shop.appid)
    }

    async fn ask<T>(
        &self,
        path: &str,
        fields: Fields,
        read: impl FnOnce(&Fields) -> Result<T, NoAnswer>,
    ) -> Result<Said<T>, NoAnswer> {
        let said = self.call(path, fields).await?;
        Ok(match refusal(&said) {
            Some(refusal) => Said::Refused(refusal),
            None => Said::Done(read(&said)?),
        })
    }

    async fn download_bill(&self, day: &str) -> Result<Vec<u8>, NoAnswer> {
        let fields = Fields::from([
            ("bill_date".to_owned(), day.replace('-', "")),
            ("bill_type".to_owned(), "ALL".to_owned()),
        ]);
        let request = self.request("/pay/downloadbill", fields);
        let download = self.transport.download(request, LARGEST_BILL);
        let file = message("wechat-v2", "/pay/downloadbill", download).await?;
        // a file bears no signature; what is none comes as XML
        match xml::read(&file.body) {
            Some(fields) => Err(unheard(&fields)),
            None if file.status == 200 => Ok(file.body),
            None => Err(NoAnswer::Refused(format!("HTTP {}", file.status))),
        }
    }
}

/// The request was not heard: not signed, and nothing is said of the order.
fn unheard(fields: &Fields) -> NoAnswer {
    let why = field(fields, "return_msg").unwrap_or("no reason given");
    NoAnswer::Refused(plain(why))
}

/// Heard, and not done. An answer that says neither is refused for no reason, which stays open.
fn refusal(fields: &Fields) -> Option<Refusal> {
    if field(fields, "result_code") == Some("SUCCESS") {
        return None;
    }
    let of = |name| field(fields, name).unwrap_or_default();
    Some(Refusal::new(of("err_code"), of("err_code_des")))
}

impl Protocol for V2 {
    fn pay<'a>(&'a self, charge: &'a Charge, code: &'a str) -> Told<'a, Standing> {
        Box::pin(async move {
            let fields = bodies::order(&self.shop, charge, Some(code))?;
            self.ask("/pay/micropay", fields, |said| {
                bodies::paid(said, charge.order)
            })
            .await
        })
    }

    fn show<'a>(&'a self, charge: &'a Charge) -> Told<'a, String> {
        Box::pin(async move {
            let fields = bodies::order(&self.shop, charge, None)?;
            self.ask("/pay/unifiedorder", fields, |said| {
                let qr = field(said, "code_url").filter(|qr| qr.len() <= 1024);
                qr.map(str::to_owned)
                    .ok_or_else(|| super::words::missing("code_url"))
            })
            .await
        })
    }

    fn standing<'a>(&'a self, trade: Trade<'a>) -> Told<'a, Standing> {
        Box::pin(async move {
            self.ask("/pay/orderquery", bodies::named(trade), |said| {
                bodies::standing(said, trade)
            })
            .await
        })
    }

    fn close(&self, order: PaymentId) -> Told<'_, ()> {
        Box::pin(self.ask("/pay/closeorder", bodies::named(order), |_| Ok(())))
    }

    fn revoke(&self, order: PaymentId) -> Told<'_, Revoked> {
        Box::pin(async move {
            let said = self
                .call("/secapi/pay/reverse", bodies::named(order))
                .await?;
            // it comes with a success as well as with a refusal
            if field(&said, "recall") == Some("Y") {
                return Ok(Said::Done(Revoked::Again));
            }
            Ok(match refusal(&said) {
                Some(refusal) => Said::Refused(refusal),
                None => Said::Done(Revoked::Done),
            })
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
            let fields = bodies::refund(trade, refund, total, part)?;
            self.ask("/secapi/pay/refund", fields, |said| {
                bodies::taken_on(said, trade, refund)
            })
            .await
        })
    }

    fn refund_standing<'a>(&'a self, trade: Trade<'a>, refund: RefundId) -> Told<'a, Back> {
        Box::pin(async move {
            self.ask("/pay/refundquery", bodies::named_refund(refund), |said| {
                bodies::refund_standing(said, trade, refund)
            })
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

    /// They bear no time: a copy of an old one leads to the same payment.
    fn notified(&self, posted: &Posted<'_>) -> Result<Opened, Untrue> {
        let unclear = || Untrue::Unintelligible("it is not as agreed".into());
        let fields = xml::read(posted.body).ok_or_else(unclear)?;
        if !self.key.verifies_notification(&fields) {
            return Err(Untrue::Forged);
        }
        if !self.is_ours(&fields) {
            return Err(Untrue::AnotherMerchant);
        }
        Ok(Opened::Payment(bodies::notified(&fields)?))
    }

    fn receipt(&self, not_taken: Option<(u16, &str)>) -> Receipt {
        let (status, code, text) = match not_taken {
            None => (200, "SUCCESS", "OK"),
            Some((status, why)) => (status, "FAIL", why),
        };
        let fields = [("return_code", code), ("return_msg", text)];
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let body = xml::write(&fields.map(own).into());
        Receipt {
            status,
            content_type: "text/xml; charset=utf-8",
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }
}
