//! What is asked of the gateway, as the desk understands it.

use serde::Deserialize;
use serde_json::json;

use super::{Complaint, Parameters, complaint};
use crate::acquirer::answer::State;
use crate::acquirer::config::Tender;
use crate::acquirer::desk::Desk;
use crate::acquirer::request::Ask;

/// The methods that a shop needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Pay,
    Precreate,
    Query,
    Cancel,
    Close,
    Refund,
    RefundQuery,
}

const NAMES: [(&str, Method); 7] = [
    ("alipay.trade.pay", Method::Pay),
    ("alipay.trade.precreate", Method::Precreate),
    ("alipay.trade.query", Method::Query),
    ("alipay.trade.cancel", Method::Cancel),
    ("alipay.trade.close", Method::Close),
    ("alipay.trade.refund", Method::Refund),
    ("alipay.trade.fastpay.refund.query", Method::RefundQuery),
];

impl Method {
    pub fn name(self) -> &'static str {
        let known = NAMES.iter().find(|(_, method)| *method == self);
        known.map_or("", |(name, _)| name)
    }
}

/// `biz_content`; what a method does not need is not there.
#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    out_trade_no: String,
    trade_no: Option<String>,
    total_amount: Option<String>,
    subject: Option<String>,
    scene: Option<String>,
    auth_code: Option<String>,
    store_id: Option<String>,
    terminal_id: Option<String>,
    refund_amount: Option<serde_json::Value>,
    out_request_no: Option<String>,
}

pub(super) struct Asked {
    pub method: Method,
    pub ask: Ask,
}

impl Asked {
    pub fn of(desk: &Desk, all: &Parameters) -> Result<Self, Complaint> {
        let named = all.get("method").map_or("", String::as_str);
        let method = NAMES.iter().find(|(name, _)| *name == named);
        let Some((_, method)) = method.copied() else {
            return Err(complaint("isv.invalid-method", "no such method"));
        };
        let content = all.get("biz_content").map_or("", String::as_str);
        let mut content: Content = serde_json::from_str(content)
            .map_err(|_| complaint("isv.invalid-parameter", "biz_content is not as agreed"))?;
        // the platform's own number wins
        if let Some(trade) = content.trade_no.take() {
            let order = desk.order_of_reference(&trade);
            content.out_trade_no = order.unwrap_or_else(|| "0".repeat(32));
        }
        let ask = content.ask(method).and_then(Ask::check_ids);
        let ask = ask.map_err(|why| complaint("isv.invalid-parameter", why))?;
        Ok(Self { method, ask })
    }

    /// Only what waits for its buyer can be closed: of all else it is only looked at how it stands.
    pub fn of_what_can_be_done(self, desk: &Desk) -> Self {
        let Ask::Close { order } = &self.ask else {
            return self;
        };
        let query = Ask::Query {
            order: order.clone(),
        };
        let stands = desk.perform(&query, None);
        let is_waiting = stands.is_ok_and(|answer| answer.state == State::Verifying);
        let ask = if is_waiting { self.ask } else { query };
        Self { ask, ..self }
    }

    /// A refund that has been made already moves nothing again.
    pub fn is_known(&self, desk: &Desk) -> bool {
        let Ask::Refund { order, refund, .. } = &self.ask else {
            return false;
        };
        let query = Ask::RefundQuery {
            order: order.clone(),
            refund: refund.clone(),
        };
        let found = desk.perform(&query, None);
        found.is_ok_and(|answer| answer.state == State::Approved)
    }
}

impl Content {
    fn ask(self, method: Method) -> Result<Ask, String> {
        let order = self.out_trade_no.clone();
        match method {
            Method::Pay => {
                if self.scene.as_deref() != Some("bar_code") {
                    return Err("scene must be bar_code".to_owned());
                }
                let code = self.auth_code.clone().ok_or("auth_code is missing")?;
                self.open(Tender::CustomerCode, Some(code))
            }
            Method::Precreate => self.open(Tender::MerchantQr, None),
            Method::Query => Ok(Ask::Query { order }),
            Method::Cancel => Ok(Ask::Reverse { order }),
            Method::Close => Ok(Ask::Close { order }),
            Method::Refund => {
                let amount = match &self.refund_amount {
                    Some(serde_json::Value::String(text)) => text.clone(),
                    Some(serde_json::Value::Number(number)) => number.to_string(),
                    _ => return Err("refund_amount is missing".to_owned()),
                };
                // without a number of its own it is the whole order's only refund
                let refund = self.out_request_no.unwrap_or_else(|| order.clone());
                let body = json!({ "amount": amount, "currency": "CNY" }).to_string();
                Ask::refund(order, refund, body.as_bytes())
            }
            Method::RefundQuery => Ok(Ask::RefundQuery {
                refund: self.out_request_no.unwrap_or_else(|| order.clone()),
                order,
            }),
        }
    }

    fn open(self, tender: Tender, code: Option<String>) -> Result<Ask, String> {
        if self.subject.is_none_or(|subject| subject.is_empty()) {
            return Err("subject is missing".to_owned());
        }
        let mut body = json!({
            "order": self.out_trade_no,
            "store": self.store_id.as_deref().unwrap_or("store"),
            "counter": self.terminal_id.as_deref().unwrap_or("counter"),
            "amount": self.total_amount.ok_or("total_amount is missing")?,
            "currency": "CNY",
            "provider": "alipay",
        });
        if let (Some(code), Some(body)) = (code, body.as_object_mut()) {
            body.insert("code".to_owned(), code.into());
        }
        Ask::open(tender, body.to_string().as_bytes())
    }
}
