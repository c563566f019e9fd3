//! Notifications of trades: a form, signed over all of it but `sign` and `sign_type`.
//!
//! They come up to eight times within 25 hours, until the answer is `success`. Where a customer
//! paid at a printed QR, `passback_params` or `body` bring its label back; [GK] which of them, and
//! `operator_id`, `terminal_id` and `store_id` beside them, is the contract's business.

use jiff::{civil::DateTime, tz::Offset};
use store_actors::domain::{sticker::Notification, tender::Scheme};

use super::{Alipay, words};
use crate::adapters::acquirers::{
    notifier::{self, Notifier, Opened, Posted, Receipt, Untrue},
    pairs,
};

/// The last of them is sent 25 hours after the first.
const OLDEST_S: i64 = 26 * 3_600;
/// Clocks that far apart are refused by both sides.
const AHEAD_S: i64 = 300;
/// The provider's clock.
const BEIJING_HOURS: i8 = 8;

const LABELS: [&str; 5] = [
    "passback_params",
    "body",
    "operator_id",
    "terminal_id",
    "store_id",
];

impl Alipay {
    fn is_of_now(&self, notified_at: &str) -> bool {
        let local = DateTime::strptime("%Y-%m-%d %H:%M:%S", notified_at);
        let at = local.and_then(|local| Offset::constant(BEIJING_HOURS).to_timestamp(local));
        let now_s = self.clock.now().unix_ms().div_euclid(1_000);
        at.is_ok_and(|at| (-AHEAD_S..=OLDEST_S).contains(&(now_s - at.as_second())))
    }
}

impl Notifier for Alipay {
    fn open(&self, posted: &Posted<'_>) -> Result<Opened, Untrue> {
        let unclear = |why: &str| Untrue::Unintelligible(why.to_owned());
        let fields = notifier::form(posted.body).ok_or_else(|| unclear("it is no form"))?;
        let field = |name: &str| fields.get(name).map(String::as_str);
        let signed = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| !matches!(*name, "sign" | "sign_type"));
        let text = pairs::joined(signed);
        let signature = field("sign").unwrap_or_default();
        let is_rsa2 = field("sign_type") == Some("RSA2");
        let certificate = field("alipay_cert_sn");
        if !is_rsa2
            || !self
                .answers
                .verifies(text.as_bytes(), signature, certificate)
        {
            return Err(Untrue::Forged);
        }
        if field("app_id") != Some(self.app_id.as_str()) {
            return Err(Untrue::AnotherMerchant);
        }
        if !self.is_of_now(field("notify_time").unwrap_or_default()) {
            return Err(Untrue::Stale);
        }
        if field("notify_type") != Some("trade_status_sync") {
            return Ok(Opened::Other("no trade"));
        }
        let needed = |name: &str| field(name).ok_or_else(|| unclear(&format!("it has no {name}")));
        let status = needed("trade_status")?;
        let label = |name: &&str| field(name).map(str::trim).map(unescaped);
        Ok(Opened::Payment(Notification {
            order: needed("out_trade_no")?.to_owned(),
            transaction: needed("trade_no")?.to_owned(),
            sent_at: None,
            money: words::amount(field("total_amount"), "total_amount")?,
            is_paid: matches!(status, "TRADE_SUCCESS" | "TRADE_FINISHED"),
            scheme: Scheme::Alipay,
            labels: LABELS.iter().filter_map(label).collect(),
        }))
    }

    fn taken(&self) -> Receipt {
        receipt(200, "success")
    }

    fn not_taken(&self, status: u16, _: &str) -> Receipt {
        receipt(status, "failure")
    }
}

/// What is passed back was percent-encoded once more before it was sent.
fn unescaped(text: &str) -> String {
    let pair = format!("v={text}");
    let mut pairs = form_urlencoded::parse(pair.as_bytes());
    pairs
        .next()
        .map_or_else(|| text.to_owned(), |(_, value)| value.into_owned())
}

fn receipt(status: u16, body: &str) -> Receipt {
    Receipt {
        status,
        content_type: "text/plain; charset=utf-8",
        body: body.to_owned(),
    }
}
