//! Words: what is asked, and what an answer means. The one place where UnionPay's codes become the
//! core's.
//!
//! `respCode` 00 to anything that moves money means only that it was taken on: what became of it,
//! the query of it tells, in `origRespCode`. Only a code known as a refusal is one; 03 to 06, and
//! whatever is not known or is about the request, say nothing of the order.

use store_actors::{
    domain::{
        ids::{PaymentId, RefundId},
        money::{Currency, Money},
        payment::{NoAnswer, Verdict, answer::RefundVerdict},
        sticker::{Claim, Notification},
        tender::Scheme,
        timestamp::Timestamp,
    },
    ports::Charge,
};

use super::sign::{Answered, Fields};
use crate::adapters::acquirers::{errors::missing, pairs::beijing, transport::plain};

/// ISO 4217, numeric.
const CNY: &str = "156";
const TIME: &str = "%Y%m%d%H%M%S";
const HOUR_MS: i64 = 3_600_000;
/// UnionPay's days begin at eleven in the evening, Beijing's time: so far ahead of UTC.
const SETTLEMENT_OFFSET_MS: i64 = 9 * HOUR_MS;

/// What is told apart by `txnType` and `txnSubType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The customer's code.
    Consume,
    /// A QR to be shown.
    ApplyQr,
    Query,
    /// Undoes a consumption whose outcome is not known, under its own number and time.
    Reversal,
    /// Of a paid order, as a whole, on its day.
    Void,
    Refund,
}

impl Kind {
    const fn types(self) -> [&'static str; 2] {
        match self {
            Self::Consume => ["01", "06"],
            Self::ApplyQr => ["01", "07"],
            Self::Query => ["00", "00"],
            Self::Reversal => ["99", "01"],
            Self::Void => ["31", "00"],
            Self::Refund => ["04", "00"],
        }
    }
}

/// What a request is, in a word.
pub(super) fn step_of(fields: &Fields) -> &'static str {
    let of = |name| fields.get(name).map_or("", |value| value.as_str());
    match [of("txnType"), of("txnSubType")] {
        ["01", "06"] => "consume",
        ["01", _] => "apply-qr",
        ["99", _] => "reversal",
        ["31", _] => "void",
        ["04", _] => "return-goods",
        _ => "query-trans",
    }
}

/// By what UnionPay knows a transaction: its number, and the time at which it was sent. Both come
/// from the id, so that nothing has to be remembered to ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub order_id: String,
    pub txn_time: String,
}

impl Named {
    pub fn payment(order: PaymentId) -> Self {
        Self::new(order.to_string(), order.made_at())
    }

    /// Of what began at UnionPay: its own number and time, as it told them.
    pub fn claim(claim: &Claim) -> Self {
        Self {
            order_id: claim.order.clone(),
            txn_time: claim.sent_at.clone().unwrap_or_default(),
        }
    }

    pub fn refund(order: PaymentId, refund: RefundId) -> Self {
        Self::new(refund.to_string(), began(order, refund))
    }

    fn new(order_id: String, at: Timestamp) -> Self {
        let txn_time = beijing(at, TIME);
        Self { order_id, txn_time }
    }
}

/// The id of a refund that the store makes by itself tells no time of its own.
fn began(order: PaymentId, refund: RefundId) -> Timestamp {
    match refund == RefundId::automatic(order) {
        true => order.made_at(),
        false => refund.made_at(),
    }
}

/// Whether it is still the order's own settlement day.
pub(super) fn within_the_day(order: PaymentId, now: Timestamp) -> bool {
    let day = |at: Timestamp| {
        at.unix_ms()
            .saturating_add(SETTLEMENT_OFFSET_MS)
            .div_euclid(24 * HOUR_MS)
    };
    day(order.made_at()) == day(now)
}

/// What of the configuration stands in requests.
#[derive(Debug)]
pub(super) struct Account {
    pub merchant: String,
    /// The number of the merchant's certificate.
    pub certificate: String,
    pub terminal: String,
    pub notify_url: String,
}

impl Account {
    fn fields(&self, kind: Kind, named: &Named) -> Fields {
        let [txn_type, sub_type] = kind.types();
        let mut fields = Fields::new();
        let mut put = |name, value: &str| fields.insert(name, value.to_owned().into());
        put("version", "5.1.0");
        put("encoding", "UTF-8");
        put("signMethod", "01");
        put("certId", &self.certificate);
        put("bizType", "000000");
        put("accessType", "0");
        put("merId", &self.merchant);
        put("txnType", txn_type);
        put("txnSubType", sub_type);
        put("orderId", &named.order_id);
        put("txnTime", &named.txn_time);
        if kind != Kind::Query {
            // mobile
            put("channelType", "08");
        }
        if !matches!(kind, Kind::Query | Kind::Reversal) {
            put("backUrl", &self.notify_url);
            put("termId", &self.terminal);
        }
        fields
    }

    pub fn consume(&self, charge: &Charge, code: &str) -> Result<Fields, NoAnswer> {
        let mut fields = self.order(Kind::Consume, charge)?;
        fields.insert("qrNo", code.to_owned().into());
        Ok(fields)
    }

    /// The QR can be paid until `expiry_ms` after the payment's beginning.
    pub fn apply_qr(&self, charge: &Charge, expiry_ms: u64) -> Result<Fields, NoAnswer> {
        let mut fields = self.order(Kind::ApplyQr, charge)?;
        let until = charge.order.made_at().plus_ms(expiry_ms);
        fields.insert("payTimeout", beijing(until, TIME).into());
        Ok(fields)
    }

    fn order(&self, kind: Kind, charge: &Charge) -> Result<Fields, NoAnswer> {
        let mut fields = self.fields(kind, &Named::payment(charge.order));
        fields.insert("txnAmt", fen(charge.money)?.into());
        fields.insert("currencyCode", CNY.to_owned().into());
        Ok(fields)
    }

    pub fn query(&self, named: &Named) -> Fields {
        self.fields(Kind::Query, named)
    }

    pub fn reversal(&self, order: PaymentId) -> Fields {
        self.fields(Kind::Reversal, &Named::payment(order))
    }

    /// `kind`: a void or a refund; `back`: its own name.
    pub fn give_back(
        &self,
        kind: Kind,
        original: Named,
        back: &Named,
        money: Money,
    ) -> Result<Fields, NoAnswer> {
        let mut fields = self.fields(kind, back);
        fields.insert("origOrderId", original.order_id.into());
        fields.insert("origTxnTime", original.txn_time.into());
        fields.insert("txnAmt", fen(money)?.into());
        Ok(fields)
    }
}

/// UnionPay's amounts are whole fen.
fn fen(money: Money) -> Result<String, NoAnswer> {
    match money.currency() {
        Currency::Cny => Ok(money.minor_units().to_string()),
        other => Err(NoAnswer::NotSent(format!(
            "UnionPay is asked in CNY, not in {other}"
        ))),
    }
}

/// What a code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Done,
    /// Taken on, not yet decided, or not known.
    Waiting,
    Unknown,
    Undone,
    Refused,
    /// About the request, or not known here: it says nothing of the order.
    Open,
}

impl Meaning {
    fn of(code: &str) -> Self {
        match code {
            "00" | "A6" => Self::Done,
            "03" | "04" | "05" | "06" => Self::Waiting,
            "34" => Self::Unknown,
            // the original has been paid back or made void already
            "45" => Self::Undone,
            "01" | "30" | "31" | "32" | "33" | "38" | "40" | "43" | "44" => Self::Refused,
            _ if matches!(code.as_bytes(), [b'6' | b'7', b'0'..=b'9']) => Self::Refused,
            _ => Self::Open,
        }
    }
}

/// An answer, rightly signed, to a question about one transaction.
#[derive(Debug)]
pub(super) struct Said(Answered);

impl Said {
    /// # Errors
    /// It is for another merchant, or names another transaction (PAY-5).
    pub fn about(fields: Answered, named: &Named, merchant: &str) -> Result<Self, NoAnswer> {
        let said = Self(fields);
        let is = |name, wanted: &str| said.get(name).is_none_or(|given| given == wanted);
        let fits = is("merId", merchant)
            && is("orderId", &named.order_id)
            && is("txnTime", &named.txn_time);
        match fits {
            true => Ok(said),
            false => Err(NoAnswer::AnotherOrder),
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// The answer's own code. A word about the order must name it.
    fn meaning(&self) -> Result<Meaning, NoAnswer> {
        let code = self.get("respCode").ok_or_else(|| missing("respCode"))?;
        let meaning = Meaning::of(code);
        match (meaning, self.get("orderId")) {
            (Meaning::Open | Meaning::Waiting, _) => Ok(meaning),
            (_, Some(_)) => Ok(meaning),
            (_, None) => Err(missing("orderId")),
        }
    }

    pub fn of_consume(&self) -> Result<Verdict, NoAnswer> {
        match self.meaning()? {
            Meaning::Done => Ok(Verdict::Verifying),
            Meaning::Refused => Ok(self.declined("respCode", "respMsg")),
            _ => Err(self.no_answer()),
        }
    }

    pub fn of_apply_qr(&self) -> Result<Verdict, NoAnswer> {
        match self.meaning()? {
            Meaning::Done => {
                let qr = self.get("qrCode").filter(|qr| qr.len() <= 1024);
                let qr = qr.ok_or_else(|| missing("qrCode"))?;
                Ok(Verdict::Pending {
                    qr: Some(qr.to_owned()),
                })
            }
            Meaning::Refused => Ok(self.declined("respCode", "respMsg")),
            _ => Err(self.no_answer()),
        }
    }

    /// How an order stands.
    pub fn of_query(&self) -> Result<Verdict, NoAnswer> {
        match self.meaning()? {
            Meaning::Done => {}
            Meaning::Unknown => return Ok(Verdict::NotFound),
            // it is the question that failed (PAY-4)
            _ => return Err(self.no_answer()),
        }
        let code = self.get("origRespCode");
        let code = code.ok_or_else(|| missing("origRespCode"))?;
        Ok(match Meaning::of(code) {
            Meaning::Done => {
                let (acquirer_ref, money) = self.settled()?;
                Verdict::Approved {
                    acquirer_ref,
                    money,
                    signature: false,
                }
            }
            Meaning::Waiting if self.is_qr() => Verdict::Pending { qr: None },
            Meaning::Waiting => Verdict::Verifying,
            Meaning::Undone => Verdict::Reversed,
            Meaning::Refused => self.declined("origRespCode", "origRespMsg"),
            Meaning::Unknown | Meaning::Open => return Err(self.no_answer()),
        })
    }

    /// To a query: the order is one whose QR was shown.
    fn is_qr(&self) -> bool {
        self.get("txnSubType") == Some("07")
    }

    pub fn of_reversal(&self) -> Result<Verdict, NoAnswer> {
        match self.meaning()? {
            Meaning::Done | Meaning::Undone => Ok(Verdict::Reversed),
            Meaning::Unknown => Ok(Verdict::NotFound),
            _ => Err(self.no_answer()),
        }
    }

    /// To a void or refund of which UnionPay did not know a moment ago.
    pub fn of_give_back(&self) -> Result<RefundVerdict, NoAnswer> {
        let code = self.get("respCode").unwrap_or_default();
        match self.meaning()? {
            Meaning::Done | Meaning::Waiting => Ok(RefundVerdict::InProgress),
            Meaning::Refused => Ok(self.refused("respCode", "respMsg")),
            // the original is not known, not paid, or not of that amount
            Meaning::Unknown => Ok(self.refused("respCode", "respMsg")),
            Meaning::Open if matches!(code, "35" | "36") => Ok(self.refused("respCode", "respMsg")),
            Meaning::Undone | Meaning::Open => Err(self.no_answer()),
        }
    }

    /// How a void or refund stands; `None`: UnionPay does not know it.
    pub fn of_refund_query(&self, money: Money) -> Result<Option<RefundVerdict>, NoAnswer> {
        match self.meaning()? {
            Meaning::Done => {}
            Meaning::Unknown => return Ok(None),
            _ => return Err(self.no_answer()),
        }
        let code = self.get("origRespCode");
        let code = code.ok_or_else(|| missing("origRespCode"))?;
        Ok(Some(match Meaning::of(code) {
            Meaning::Done => {
                let (acquirer_ref, given_back) = self.settled()?;
                if given_back != money {
                    let said = format!("{given_back} refunded instead of {money}");
                    return Err(NoAnswer::Unintelligible(said));
                }
                RefundVerdict::Refunded {
                    acquirer_ref,
                    money,
                }
            }
            Meaning::Waiting => RefundVerdict::InProgress,
            Meaning::Refused => self.refused("origRespCode", "origRespMsg"),
            _ => return Err(self.no_answer()),
        }))
    }

    /// What a notification of a payment says.
    pub fn told(&self) -> Result<Notification, NoAnswer> {
        let needed = |name| self.get(name).ok_or_else(|| missing(name));
        let (transaction, money) = self.settled()?;
        let label = |name| self.get(name).map(str::to_owned);
        let code = needed("respCode")?;
        Ok(Notification {
            order: needed("orderId")?.to_owned(),
            transaction,
            sent_at: Some(needed("txnTime")?.to_owned()),
            money,
            is_paid: Meaning::of(code) == Meaning::Done && self.get("txnType") == Some("01"),
            scheme: Scheme::UnionPay,
            labels: ["reqReserved", "termId"]
                .into_iter()
                .filter_map(label)
                .collect(),
        })
    }

    /// A message of UnionPay's own making: it answers no question.
    pub fn unasked(fields: Answered, merchant: &str) -> Result<Self, NoAnswer> {
        match fields.get("merId").is_some_and(|named| named == merchant) {
            true => Ok(Self(fields)),
            false => Err(NoAnswer::AnotherOrder),
        }
    }

    /// UnionPay's own number and the amount.
    fn settled(&self) -> Result<(String, Money), NoAnswer> {
        let amount = self.get("txnAmt").ok_or_else(|| missing("txnAmt"))?;
        if self.get("currencyCode").is_some_and(|code| code != CNY) {
            return Err(NoAnswer::Unintelligible("its amount is not in CNY".into()));
        }
        let is_whole = amount.bytes().all(|b| b.is_ascii_digit());
        let fen = amount.parse().ok().filter(|_| is_whole);
        let fen = fen.ok_or_else(|| NoAnswer::Unintelligible("txnAmt is no amount".into()))?;
        let money = Money::from_minor_units(fen, Currency::Cny)
            .map_err(|e| NoAnswer::Unintelligible(e.to_string()))?;
        let reference = self.get("queryId").ok_or_else(|| missing("queryId"))?;
        Ok((plain(reference), money))
    }

    fn words(&self, code: &str, text: &str) -> (String, String) {
        let of = |name| self.get(name).map(plain).unwrap_or_default();
        (of(code), of(text))
    }

    fn declined(&self, code: &str, text: &str) -> Verdict {
        let (code, text) = self.words(code, text);
        Verdict::Declined { code, text }
    }

    fn refused(&self, code: &str, text: &str) -> RefundVerdict {
        let (code, text) = self.words(code, text);
        RefundVerdict::Refused { code, text }
    }

    fn no_answer(&self) -> NoAnswer {
        let (code, text) = self.words("respCode", "respMsg");
        let (original, original_text) = self.words("origRespCode", "origRespMsg");
        let original = match original.is_empty() {
            true => String::new(),
            false => format!("; of the order {original}: {original_text}"),
        };
        NoAnswer::Refused(format!("{code}: {text}{original}"))
    }
}
