//! Words: what is asked, and what an answer means. The one place where Alipay's words become the
//! core's.
//!
//! Only a business failure (40004) whose sub-code is Alipay's own (`ACQ.…`) and not one of those
//! that leave the outcome open is a refusal. 20000, the platform's own failures (`isp.…`, `aop.…`)
//! and codes about the request say nothing of the order.

use serde::{Deserialize, Serialize};
use store_actors::{
    domain::{
        day::Day,
        ids::{PaymentId, RefundId, StoreId},
        money::{Currency, Money},
        payment::{Answer, Answered, NoAnswer, Verdict, answer::RefundVerdict},
        sticker::Claim,
    },
    ports::Charge,
};
use zeroize::Zeroizing;

use super::Text;
use crate::adapters::acquirers::{errors::missing, transport::plain};

const MINUTE_MS: u64 = 60_000;

/// After these nobody knows: ask.
const OPEN_SUB_CODES: [&str; 4] = [
    "ACQ.SYSTEM_ERROR",
    "ACQ.TRADE_HAS_SUCCESS",
    "ACQ.CONTEXT_INCONSISTENT",
    "ACQ.REQUEST_PROCESSING",
];

/// To `close`: it is paid, or closed already.
const WAITS_FOR_NO_BUYER: [&str; 3] = [
    "ACQ.TRADE_STATUS_ERROR",
    "ACQ.REASON_ILLEGAL_STATUS",
    "ACQ.REASON_TRADE_STATUS_INVALID",
];

/// To `cancel`: its time is over, some of it was refunded, or the merchant's contract has no such
/// thing.
const CAN_NOT_BE_CANCELLED: [&str; 4] = [
    "ACQ.TRADE_CANCEL_TIME_OUT",
    "ACQ.CANCEL_NOT_ALLOWED",
    "ACQ.TRADE_HAS_FINISHED",
    "ACQ.REASON_TRADE_REFUND_FEE_ERR",
];

/// A new order, with what belongs to its way of paying.
#[derive(Serialize)]
pub(super) struct Order<'a> {
    out_trade_no: PaymentId,
    total_amount: String,
    subject: &'a str,
    store_id: &'a StoreId,
    terminal_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scene: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    qr_code_timeout_express: Option<String>,
}

impl<'a> Order<'a> {
    pub fn of(charge: &'a Charge, store: &'a StoreId, subject: &'a str) -> Result<Self, NoAnswer> {
        Ok(Self {
            out_trade_no: charge.order,
            total_amount: yuan(charge.money)?,
            subject,
            store_id: store,
            terminal_id: charge.counter.as_str(),
            scene: None,
            auth_code: None,
            qr_code_timeout_express: None,
        })
    }

    pub fn paid_by(self, code: &'a str) -> Self {
        Self {
            scene: Some("bar_code"),
            auth_code: Some(code),
            ..self
        }
    }

    /// The QR dies by itself not long after the core has given it up.
    pub fn shown_for_ms(self, expiry_ms: u64) -> Self {
        let minutes = expiry_ms.div_ceil(MINUTE_MS).max(1);
        Self {
            qr_code_timeout_express: Some(format!("{minutes}m")),
            ..self
        }
    }
}

/// An order by its number.
#[derive(Serialize)]
pub(super) struct Number {
    out_trade_no: PaymentId,
}

pub(super) fn number(order: PaymentId) -> Number {
    Number {
        out_trade_no: order,
    }
}

/// A transaction by Alipay's own number.
#[derive(Serialize)]
pub(super) struct Trade<'a> {
    trade_no: &'a str,
}

pub(super) fn trade(claim: &Claim) -> Trade<'_> {
    Trade {
        trade_no: &claim.transaction,
    }
}

#[derive(Serialize)]
pub(super) struct TradeBill {
    bill_type: &'static str,
    bill_date: String,
}

/// All trades of a day.
pub(super) fn trade_bill(day: Day) -> TradeBill {
    TradeBill {
        bill_type: "trade",
        bill_date: day.to_string(),
    }
}

#[derive(Serialize)]
pub(super) struct Refund {
    #[serde(skip_serializing_if = "Option::is_none")]
    out_trade_no: Option<PaymentId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trade_no: Option<String>,
    out_request_no: RefundId,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_amount: Option<String>,
}

impl Refund {
    pub fn of(order: PaymentId, refund: RefundId, money: Money) -> Result<Self, NoAnswer> {
        Ok(Self {
            refund_amount: Some(yuan(money)?),
            ..Self::query(order, refund)
        })
    }

    pub fn query(order: PaymentId, refund: RefundId) -> Self {
        Self {
            out_trade_no: Some(order),
            trade_no: None,
            out_request_no: refund,
            refund_amount: None,
        }
    }

    /// The same of what began at Alipay.
    pub fn by_trade(self, claim: &Claim) -> Self {
        Self {
            out_trade_no: None,
            trade_no: Some(claim.transaction.clone()),
            ..self
        }
    }
}

/// Alipay's amounts are decimal yuan.
fn yuan(money: Money) -> Result<String, NoAnswer> {
    match money.currency() {
        Currency::Cny => Ok(format!("{:.2}", money.amount())),
        other => Err(NoAnswer::NotSent(format!(
            "Alipay is asked in CNY, not in {other}"
        ))),
    }
}

pub(super) fn json(content: &impl Serialize) -> Result<Text, NoAnswer> {
    // room for the largest, so that growing leaves no copy of a code behind
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * 1024));
    let unsent = |why: String| NoAnswer::NotSent(why);
    serde_json::to_writer(&mut *bytes, content).map_err(|e| unsent(e.to_string()))?;
    let text = String::from_utf8(std::mem::take(&mut *bytes));
    Ok(Zeroizing::new(text.map_err(|e| unsent(e.to_string()))?))
}

/// The object of any method's answer.
#[derive(Debug, Deserialize)]
pub(super) struct Said {
    code: String,
    #[serde(default)]
    msg: String,
    sub_code: Option<String>,
    sub_msg: Option<String>,
    out_trade_no: Option<String>,
    trade_no: Option<String>,
    trade_status: Option<String>,
    total_amount: Option<String>,
    qr_code: Option<String>,
    action: Option<String>,
    retry_flag: Option<String>,
    fund_change: Option<String>,
    refund_status: Option<String>,
    refund_amount: Option<String>,
    out_request_no: Option<RefundId>,
    bill_download_url: Option<String>,
}

pub(super) fn said(object: &str) -> Result<Said, NoAnswer> {
    // serde's own words may quote what they do not understand
    serde_json::from_str(object).map_err(|e| {
        NoAnswer::Unintelligible(format!(
            "not as agreed at line {}, column {}",
            e.line(),
            e.column()
        ))
    })
}

/// A complaint of the gateway about the request: it says nothing of the order.
pub(super) fn complaint(object: &str) -> NoAnswer {
    match said(object) {
        Ok(said) => said.no_answer(),
        Err(no_answer) => no_answer,
    }
}

impl Said {
    pub fn of_pay(self, order: PaymentId) -> Answer {
        match self.code.as_str() {
            "10000" => self.about(order, |said| {
                let (acquirer_ref, money) = said.settled()?;
                Ok(Verdict::Approved {
                    acquirer_ref,
                    money,
                    signature: false,
                })
            }),
            "10003" => self.about(order, |_| Ok(Verdict::Verifying)),
            "40004" if self.sub_code.as_deref() == Some("ACQ.TRADE_HAS_CLOSE") => {
                self.about(order, |_| Ok(Verdict::Reversed))
            }
            "40004" => self.failed(order, |code, text| Verdict::Declined { code, text }),
            _ => Err(self.no_answer()),
        }
    }

    pub fn of_precreate(self, order: PaymentId) -> Answer {
        match self.code.as_str() {
            "10000" => self.about(order, |said| {
                let qr = said.qr_code.clone().filter(|qr| qr.len() <= 1024);
                Ok(Verdict::Pending { qr })
            }),
            "40004" => self.failed(order, |code, text| Verdict::Declined { code, text }),
            _ => Err(self.no_answer()),
        }
    }

    pub fn of_query(self, order: PaymentId) -> Answer {
        match (self.code.as_str(), self.sub_code.as_deref()) {
            ("10000", _) => self.about(order, Said::standing),
            ("40004", Some("ACQ.TRADE_NOT_EXIST")) => self.about(order, |_| Ok(Verdict::NotFound)),
            // whatever else fails, it is the question that failed (PAY-4)
            _ => Err(self.no_answer()),
        }
    }

    fn standing(&self) -> Result<Verdict, NoAnswer> {
        Ok(match self.trade_status.as_deref() {
            Some("WAIT_BUYER_PAY") => Verdict::Verifying,
            Some("TRADE_SUCCESS" | "TRADE_FINISHED") => {
                let (acquirer_ref, money) = self.settled()?;
                Verdict::Approved {
                    acquirer_ref,
                    money,
                    signature: false,
                }
            }
            // closed unpaid, or paid and paid back as a whole: it holds no money
            Some("TRADE_CLOSED") => Verdict::Reversed,
            _ => return Err(missing("trade_status")),
        })
    }

    pub fn of_cancel(self, order: PaymentId) -> Answer {
        match self.code.as_str() {
            "10000" => self.about(order, |said| {
                match (said.retry_flag.as_deref(), said.action.as_deref()) {
                    (Some("Y"), _) => Ok(Verdict::Verifying),
                    (_, Some("close" | "refund")) => Ok(Verdict::Reversed),
                    // there was nothing to cancel: the charge may still be on its way
                    (_, None | Some("" | "absent")) => Ok(Verdict::NotFound),
                    _ => Err(missing("known action")),
                }
            }),
            _ => Err(self.no_answer()),
        }
    }

    pub fn can_not_be_cancelled(&self) -> bool {
        self.has_failed_by(&CAN_NOT_BE_CANCELLED)
    }

    pub fn waits_for_no_buyer(&self) -> bool {
        self.has_failed_by(&WAITS_FOR_NO_BUYER)
    }

    fn has_failed_by(&self, sub_codes: &[&str]) -> bool {
        let sub_code = self.sub_code.as_deref().unwrap_or_default();
        self.code == "40004" && sub_codes.contains(&sub_code)
    }

    pub fn of_close(self, order: PaymentId) -> Answer {
        match (self.code.as_str(), self.sub_code.as_deref()) {
            ("10000", _) => self.about(order, |_| Ok(Verdict::Reversed)),
            // nobody has scanned it, so there is nothing to close yet
            ("40004", Some("ACQ.TRADE_NOT_EXIST")) => self.about(order, |_| Ok(Verdict::NotFound)),
            _ => Err(self.no_answer()),
        }
    }

    /// `None`: no money moved this time.
    pub fn of_refund(
        self,
        order: PaymentId,
        money: Money,
    ) -> Result<Option<RefundVerdict>, NoAnswer> {
        match self.code.as_str() {
            "10000" => {
                self.check(order)?;
                let acquirer_ref = self.reference()?;
                let has_moved = self.fund_change.as_deref() == Some("Y");
                Ok(has_moved.then_some(RefundVerdict::Refunded {
                    acquirer_ref,
                    money,
                }))
            }
            "40004" if self.is_final() => {
                let (code, text) = self.refusal();
                Ok(Some(RefundVerdict::Refused { code, text }))
            }
            _ => Err(self.no_answer()),
        }
    }

    pub fn of_refund_query(
        self,
        order: PaymentId,
        refund: RefundId,
        money: Money,
    ) -> Result<RefundVerdict, NoAnswer> {
        if self.code != "10000" {
            return Err(self.no_answer());
        }
        // only that the question was answered; the refund's own state counts
        if self.refund_status.as_deref() != Some("REFUND_SUCCESS") {
            return Ok(RefundVerdict::InProgress);
        }
        self.check(order)?;
        if self.out_request_no != Some(refund) {
            return Err(NoAnswer::AnotherOrder);
        }
        let refunded = amount(self.refund_amount.as_deref(), "refund_amount")?;
        if refunded != money {
            let said = format!("{refunded} refunded instead of {money}");
            return Err(NoAnswer::Unintelligible(said));
        }
        Ok(RefundVerdict::Refunded {
            acquirer_ref: self.reference()?,
            money,
        })
    }

    fn about(
        &self,
        order: PaymentId,
        verdict: impl FnOnce(&Self) -> Result<Verdict, NoAnswer>,
    ) -> Answer {
        self.check(order)?;
        let verdict = verdict(self)?;
        Ok(Answered { order, verdict })
    }

    fn failed(self, order: PaymentId, verdict: impl FnOnce(String, String) -> Verdict) -> Answer {
        if !self.is_final() {
            return Err(self.no_answer());
        }
        let (code, text) = self.refusal();
        self.about(order, |_| Ok(verdict(code, text)))
    }

    /// Where a bill lies.
    pub fn of_bill(&self) -> Result<String, NoAnswer> {
        if self.code != "10000" {
            return Err(self.no_answer());
        }
        let place = self.bill_download_url.clone();
        place.ok_or_else(|| missing("bill_download_url"))
    }

    /// To a query by Alipay's own number, which the answer must name.
    pub fn of_look_up(self, payment: PaymentId, claim: &Claim) -> Answer {
        let verdict = match (self.code.as_str(), self.sub_code.as_deref()) {
            ("10000", _) => {
                self.check_claim(claim)?;
                self.standing()?
            }
            ("40004", Some("ACQ.TRADE_NOT_EXIST")) => Verdict::NotFound,
            _ => return Err(self.no_answer()),
        };
        Ok(Answered {
            order: payment,
            verdict,
        })
    }

    /// The same answer, if it names the transaction, under the store's own number.
    pub fn renamed(mut self, order: PaymentId, claim: &Claim) -> Result<Self, NoAnswer> {
        if self.code == "10000" {
            self.check_claim(claim)?;
        }
        self.out_trade_no = Some(order.to_string());
        Ok(self)
    }

    fn check_claim(&self, claim: &Claim) -> Result<(), NoAnswer> {
        match self.trade_no.as_deref() {
            Some(named) if named == claim.transaction => Ok(()),
            Some(_) => Err(NoAnswer::AnotherOrder),
            None => Err(missing("trade_no")),
        }
    }

    /// An answer must name the order (PAY-5): it carries nothing else of the request.
    fn check(&self, order: PaymentId) -> Result<(), NoAnswer> {
        match &self.out_trade_no {
            Some(named) if named.parse() == Ok(order) => Ok(()),
            Some(_) => Err(NoAnswer::AnotherOrder),
            None => Err(missing("out_trade_no")),
        }
    }

    fn is_final(&self) -> bool {
        let sub_code = self.sub_code.as_deref().unwrap_or_default();
        sub_code.starts_with("ACQ.") && !OPEN_SUB_CODES.contains(&sub_code)
    }

    fn settled(&self) -> Result<(String, Money), NoAnswer> {
        let money = amount(self.total_amount.as_deref(), "total_amount")?;
        Ok((self.reference()?, money))
    }

    fn reference(&self) -> Result<String, NoAnswer> {
        let reference = self.trade_no.as_deref().filter(|no| !no.is_empty());
        reference.map(plain).ok_or_else(|| missing("trade_no"))
    }

    fn refusal(&self) -> (String, String) {
        let of = |text: &Option<String>| text.as_deref().map(plain).unwrap_or_default();
        (of(&self.sub_code), of(&self.sub_msg))
    }

    fn no_answer(&self) -> NoAnswer {
        let (sub_code, sub_msg) = self.refusal();
        let (code, msg) = (plain(&self.code), plain(&self.msg));
        NoAnswer::Refused(format!("{code} {msg}, {sub_code}: {sub_msg}"))
    }
}

pub(super) fn amount(text: Option<&str>, name: &str) -> Result<Money, NoAnswer> {
    let text = text.ok_or_else(|| missing(name))?;
    Money::parse(text, Currency::Cny).map_err(|e| NoAnswer::Unintelligible(e.to_string()))
}
