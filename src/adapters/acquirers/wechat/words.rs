//! Words that both of WeChat Pay's interfaces share, and what they mean to the core: states of an
//! order, refusals, refunds.
//!
//! The two spell their codes differently (`ORDER_NOT_EXIST`, `ORDERNOTEXIST`): compared without
//! underscores they are the same. A refusal that leaves the outcome open, or that is about the
//! request, says nothing of the order and is no answer.

use serde::Deserialize;
use store_actors::domain::{
    money::{Currency, Money},
    payment::{NoAnswer, Verdict, answer::RefundVerdict},
};

pub(super) use crate::adapters::acquirers::errors::missing;
use crate::adapters::acquirers::transport::plain;

/// `trade_state`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum TradeState {
    Success,
    /// Paid, and something of it was given back: a part, or all.
    Refund,
    NotPay,
    Closed,
    /// A charged code only, as the next two.
    Revoked,
    UserPaying,
    PayError,
}

/// `trade_type`; an order that nobody has paid need not say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TradeType {
    Code,
    Native,
    Untold,
}

impl TradeType {
    pub fn of(word: Option<&str>) -> Self {
        match word {
            Some("MICROPAY") => Self::Code,
            Some("NATIVE") => Self::Native,
            _ => Self::Untold,
        }
    }
}

/// How an order stands, as an answer that names it has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub state: TradeState,
    pub trade_type: TradeType,
    /// WeChat Pay's own number and the order's whole amount.
    pub paid: Option<(String, Money)>,
    pub text: String,
}

impl Standing {
    pub fn new(
        state: TradeState,
        trade_type: TradeType,
        reference: Option<&str>,
        total: Option<Money>,
        text: Option<&str>,
    ) -> Result<Self, NoAnswer> {
        let paid = match state {
            TradeState::Success | TradeState::Refund => {
                let reference = reference.filter(|reference| !reference.is_empty());
                let reference = reference.ok_or_else(|| missing("transaction_id"))?;
                Some((plain(reference), total.ok_or_else(|| missing("amount"))?))
            }
            _ => None,
        };
        Ok(Self {
            state,
            trade_type,
            paid,
            text: text.map(plain).unwrap_or_default(),
        })
    }

    /// What it says to a charge and to a query.
    pub fn verdict(self) -> Verdict {
        if let Some((acquirer_ref, money)) = self.paid {
            // what was given back of it is the refunds' own story
            return Verdict::Approved {
                acquirer_ref,
                money,
                signature: false,
            };
        }
        match (self.state, self.trade_type) {
            (TradeState::Closed | TradeState::Revoked, _) => Verdict::Reversed,
            (TradeState::PayError, _) => Verdict::Declined {
                code: "PAYERROR".to_owned(),
                text: self.text,
            },
            (TradeState::NotPay, TradeType::Native | TradeType::Untold) => {
                Verdict::Pending { qr: None }
            }
            _ => Verdict::Verifying,
        }
    }
}

/// What was done, or WeChat Pay's own word that it was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said<T> {
    Done(T),
    Refused(Refusal),
}

/// A business failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: String,
    pub text: String,
}

/// After these nobody knows, or they are about the request: to ask is all that is left.
const OPEN: [&str; 20] = [
    "SYSTEMERROR",
    "BANKERROR",
    "ORDERPAID",
    "OUTTRADENOUSED",
    "PARAMERROR",
    "SIGNERROR",
    "NOAUTH",
    "INVALIDREQUEST",
    "FREQUENCYLIMITED",
    "FREQUENCYLIMIT",
    "RATELIMITEXCEEDED",
    "APPIDNOTEXIST",
    "MCHIDNOTEXIST",
    "APPIDMCHIDNOTMATCH",
    "LACKPARAMS",
    "XMLFORMATERROR",
    "REQUIREPOSTMETHOD",
    "POSTDATAEMPTY",
    "NOTUTF8",
    "",
];

/// To a refund: what another try may mend (the merchant's balance is filled up, the order known).
const REFUND_LATER: [&str; 5] = [
    "NOTENOUGH",
    "BIZERRNEEDRETRY",
    "ORDERNOTEXIST",
    "RESOURCENOTEXISTS",
    "REFUNDNOTEXIST",
];

impl Refusal {
    pub fn new(code: &str, text: &str) -> Self {
        Self {
            code: plain(code),
            text: plain(text),
        }
    }

    pub fn is(&self, name: &str) -> bool {
        self.bare() == name
    }

    pub fn is_open(&self) -> bool {
        OPEN.contains(&self.bare().as_str())
    }

    fn bare(&self) -> String {
        self.code.chars().filter(|c| *c != '_').collect()
    }

    /// To a charge.
    pub fn verdict(self) -> Result<Verdict, NoAnswer> {
        if self.is("USERPAYING") {
            return Ok(Verdict::Verifying);
        }
        if self.is("ORDERCLOSED") || self.is("ORDERREVERSED") {
            return Ok(Verdict::Reversed);
        }
        if self.is_open() {
            return Err(self.no_answer());
        }
        let Self { code, text } = self;
        Ok(Verdict::Declined { code, text })
    }

    /// To a refund.
    pub fn refund_verdict(self) -> Result<RefundVerdict, NoAnswer> {
        // that there is nothing left to give back comes as an invalid request
        let may_mend = self.is_open() && !self.is("INVALIDREQUEST");
        if may_mend || REFUND_LATER.contains(&self.bare().as_str()) {
            return Err(self.no_answer());
        }
        let Self { code, text } = self;
        Ok(RefundVerdict::Refused { code, text })
    }

    /// Nothing was learned of the order.
    pub fn no_answer(&self) -> NoAnswer {
        NoAnswer::Refused(format!("{}: {}", self.code, self.text))
    }
}

/// How a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum RefundState {
    Success,
    /// v3's word and v2's.
    #[serde(alias = "REFUNDCLOSE")]
    Closed,
    Processing,
    /// The customer's bank does not take it: the merchant has to find another way. v3's word and
    /// v2's.
    #[serde(alias = "CHANGE")]
    Abnormal,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Back {
    pub state: RefundState,
    pub reference: String,
    pub money: Money,
}

impl Back {
    pub fn verdict(self, asked: Money) -> Result<RefundVerdict, NoAnswer> {
        if self.money != asked {
            let said = format!("{} refunded instead of {asked}", self.money);
            return Err(NoAnswer::Unintelligible(said));
        }
        Ok(match self.state {
            RefundState::Success => RefundVerdict::Refunded {
                acquirer_ref: plain(&self.reference),
                money: asked,
            },
            RefundState::Closed => RefundVerdict::Refused {
                code: "CLOSED".to_owned(),
                text: "the refund was closed".to_owned(),
            },
            RefundState::Processing | RefundState::Abnormal => RefundVerdict::InProgress,
        })
    }
}

/// WeChat Pay's amounts are whole fen.
pub(super) fn fen(money: Money) -> Result<u64, NoAnswer> {
    match money.currency() {
        Currency::Cny => Ok(money.minor_units()),
        other => Err(NoAnswer::NotSent(format!(
            "WeChat Pay is asked in CNY, not in {other}"
        ))),
    }
}

/// An amount that names no currency is in CNY.
pub(super) fn money(fen: u64, currency: Option<&str>) -> Result<Money, NoAnswer> {
    if !matches!(currency, None | Some("" | "CNY")) {
        return Err(NoAnswer::Unintelligible("its amount is not in CNY".into()));
    }
    Money::from_minor_units(fen, Currency::Cny).map_err(|e| NoAnswer::Unintelligible(e.to_string()))
}
