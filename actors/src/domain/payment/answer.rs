//! What an acquirer can say, and the ways in which it can say nothing.
//!
//! The line between the two is sacred: only a verified answer that names the order is a `Verdict`.
//! Everything else is
//! `NoAnswer`, which settles nothing (PAY-4, PAY-5). The one exception proves itself: `NotSent`
//! means that not a byte of the request left the house.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::domain::{ids::PaymentId, money::Money};

/// Which question an answer belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// The first request: the customer's code, the card, or the making of a QR.
    Charge,
    Query,
    Reverse,
    Refund,
}

impl Operation {
    pub const fn as_str(self) -> &'static str {
        match self {
            Operation::Charge => "charge",
            Operation::Query => "query",
            Operation::Reverse => "reverse",
            Operation::Refund => "refund",
        }
    }
}

/// The acquirer's word on an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Approved {
        acquirer_ref: String,
        money: Money,
        /// It asks for the customer's signature.
        signature: bool,
    },
    Declined {
        code: String,
        text: String,
    },
    /// The customer is confirming on the phone.
    Verifying,
    /// The order waits to be paid; its QR, if it has one.
    Pending {
        qr: Option<String>,
    },
    /// The acquirer has never heard of it.
    NotFound,
    /// Closed or paid back: it holds no money and never will.
    Reversed,
    /// Only to a reversal: the money stays, it is too late to undo the order.
    NotReversible {
        acquirer_ref: String,
        money: Money,
    },
}

/// A verified answer, bound to the order it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    pub order: PaymentId,
    pub verdict: Verdict,
}

/// Why nothing was learned. Worded for the evidence list.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoAnswer {
    #[error("could not be sent: {0}")]
    NotSent(String),
    #[error("no answer in time")]
    TimedOut,
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("the acquirer failed with HTTP {0}")]
    ServerFailed(u16),
    #[error("the answer's signature is wrong")]
    Forged,
    #[error("the answer is for another order")]
    AnotherOrder,
    #[error("the answer makes no sense: {0}")]
    Unintelligible(String),
    #[error("the request was refused: {0}")]
    Refused(String),
    #[error("the acquirer's actor did not answer: {0}")]
    Internal(String),
}

/// What came back for one question.
pub type Answer = Result<Answered, NoAnswer>;

/// The acquirer's word on a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundVerdict {
    Refunded { acquirer_ref: String, money: Money },
    Refused { code: String, text: String },
    InProgress,
}

impl Verdict {
    /// For metrics: one of a few words.
    pub const fn label(&self) -> &'static str {
        match self {
            Verdict::Approved { .. } => "approved",
            Verdict::Declined { .. } => "declined",
            Verdict::Verifying => "verifying",
            Verdict::Pending { .. } => "pending",
            Verdict::NotFound => "not_found",
            Verdict::Reversed => "reversed",
            Verdict::NotReversible { .. } => "not_reversible",
        }
    }
}

impl RefundVerdict {
    /// For metrics: one of a few words.
    pub const fn label(&self) -> &'static str {
        match self {
            RefundVerdict::Refunded { .. } => "refunded",
            RefundVerdict::Refused { .. } => "refused",
            RefundVerdict::InProgress => "in_progress",
        }
    }
}
