//! An order as the acquirer keeps it: one number, one body, at most one charge.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::config::Tender;
use super::letters::Provider;
use super::money;

/// The code is none of this acquirer's, or malformed.
pub(super) const INVALID_CODE: &str = "AUTH_CODE_INVALID";
/// The code has paid another order.
pub(super) const CODE_USED: &str = "AUTH_CODE_USED";
/// The card number fails its check digit, or is absent.
pub(super) const INVALID_CARD: &str = "INVALID_CARD";
/// The store has no contract with this acquirer.
pub(super) const STORE_UNKNOWN: &str = "STORE_UNKNOWN";
/// The store's contract lacks this way of paying.
pub(super) const TENDER_NOT_ENABLED: &str = "TENDER_NOT_ENABLED";
/// The order was closed before the money could move; it never will.
pub(super) const ORDER_CLOSED: &str = "ORDER_CLOSED";
/// The order is not paid, so nothing can be refunded.
pub(super) const ORDER_NOT_PAID: &str = "ORDER_NOT_PAID";
/// The order was paid back as a whole.
pub(super) const ORDER_REVERSED: &str = "ORDER_REVERSED";
/// Nothing is held under the number that a completion names, or less.
pub(super) const NOTHING_HELD: &str = "NOTHING_HELD";
/// More than what is left of the payment.
pub(super) const REFUND_EXCEEDS_PAYMENT: &str = "REFUND_EXCEEDS_PAYMENT";
/// A refund in another currency than the payment's.
pub(super) const CURRENCY_MISMATCH: &str = "CURRENCY_MISMATCH";
/// A reversal that the acquirer refuses by rule, or the customer's own no.
pub(super) const CUSTOMER_REFUSED: &str = "CUSTOMER_REFUSED";

/// Why the acquirer says no: a code for programs, a text for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Upper-case, stable.
    pub code: String,
    /// English, one sentence.
    pub text: String,
}

impl Refusal {
    pub(super) fn new(code: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            text: text.into(),
        }
    }
}

/// Where an order, or a refund, stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderState {
    /// A QR code that no customer has paid.
    Pending,
    /// The customer must confirm on the phone; of a refund: it is being worked on.
    Verifying,
    /// The money has moved.
    Approved,
    /// The money is held, and has not moved.
    Held,
    /// It has not and will not.
    Declined(Refusal),
    /// Closed before it was paid.
    Closed,
    /// Paid, and paid back as a whole.
    Reversed,
}

impl OrderState {
    /// True while it can still be paid.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Pending | Self::Verifying)
    }
}

/// What becomes of an open order or refund by itself, and when. It is in the ledger: it outlives a
/// restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    /// Milliseconds since 1970.
    pub due_ms: i64,
    pub then: Fate,
}

/// The end of a [`Plan`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fate {
    Approve,
    Decline(Refusal),
    Close,
}

/// What the ledger writes when an order is opened. It holds no customer code and no card number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Opened {
    pub order: String,
    pub reference: String,
    /// Keyed hash of the request: the same number with another body is another order, and refused.
    pub fingerprint: String,
    pub tender: Tender,
    pub store: String,
    pub counter: String,
    #[serde(with = "money::text")]
    pub amount: Decimal,
    pub currency: String,
    /// The paying account; none while a QR code waits for its customer.
    pub account: Option<String>,
    /// The last four digits of code or card.
    pub tail: String,
    pub qr: Option<String>,
    pub plan: Option<Plan>,
    /// As the request named it, where the provider wants to hear it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<String>,
    /// The QR's own end, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_until_ms: Option<i64>,
    /// Who tells the shop that it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// The order whose held money it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completes: Option<String>,
    /// Its money shall be held only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
    /// What stood on the printed QR through which it was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The customer is to sign for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signature: bool,
}

/// A refund as the ledger opens it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RefundOpened {
    pub refund: String,
    pub reference: String,
    pub fingerprint: String,
    #[serde(with = "money::text")]
    pub amount: Decimal,
    pub plan: Option<Plan>,
}

/// An order in memory.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub opened: Opened,
    pub state: OrderState,
    pub refunds: BTreeMap<String, Refund>,
}

impl Order {
    /// What refunds have taken or may still take.
    pub fn reserved(&self) -> Decimal {
        let counted = |r: &&Refund| !matches!(r.state, OrderState::Declined(_));
        self.refunds
            .values()
            .filter(counted)
            .map(|r| r.opened.amount)
            .sum()
    }

    /// What refunds have paid back.
    pub fn refunded(&self) -> Decimal {
        let paid = |r: &&Refund| r.state == OrderState::Approved;
        self.refunds
            .values()
            .filter(paid)
            .map(|r| r.opened.amount)
            .sum()
    }
}

/// A refund in memory. Its state is Verifying, Approved or Declined.
#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub opened: RefundOpened,
    pub state: OrderState,
}
