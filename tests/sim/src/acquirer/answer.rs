//! What the acquirer says of an order or a refund.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::money;
use super::order::{Order, OrderState, Refund};

/// The state of an order or a refund, in the acquirer's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The money has moved.
    Approved,
    /// It has not and will not; code and text say why.
    Declined,
    /// The customer must confirm on the phone; of a refund: it is being worked on.
    Verifying,
    /// The QR code is not paid yet.
    Pending,
    /// Closed unpaid; it never will be.
    Closed,
    /// Paid and paid back.
    Reversed,
    /// This acquirer has never heard of it.
    NotFound,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The order number that the answer is about.
    pub order: String,
    /// The refund number, when it is about a refund.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<String>,
    /// Where it stands.
    pub state: State,
    /// Why not, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why not, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The acquirer's own number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Of the order or the refund.
    #[serde(
        default,
        with = "money::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub amount: Option<Decimal>,
    /// ISO 4217.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// What the shop's screen is to show, while pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qr: Option<String>,
    /// The customer is to sign for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signature: bool,
}

impl Answer {
    pub(super) fn bare(order: &str, refund: Option<&str>, state: State) -> Self {
        Self {
            order: order.to_owned(),
            refund: refund.map(str::to_owned),
            state,
            code: None,
            text: None,
            reference: None,
            amount: None,
            currency: None,
            qr: None,
            signature: false,
        }
    }

    pub(super) fn of_order(order: &Order) -> Self {
        let opened = &order.opened;
        let pending = order.state == OrderState::Pending;
        Self {
            reference: Some(opened.reference.clone()),
            amount: Some(opened.amount),
            currency: Some(opened.currency.clone()),
            qr: opened.qr.clone().filter(|_| pending),
            signature: opened.signature,
            ..Self::bare(&opened.order, None, State::Pending)
        }
        .with(&order.state)
    }

    pub(super) fn of_refund(order: &Order, refund: &Refund) -> Self {
        let opened = &refund.opened;
        Self {
            reference: Some(opened.reference.clone()),
            amount: Some(opened.amount),
            currency: Some(order.opened.currency.clone()),
            ..Self::bare(&order.opened.order, Some(&opened.refund), State::Pending)
        }
        .with(&refund.state)
    }

    pub(super) fn with_code(mut self, code: &str, text: &str) -> Self {
        self.code = Some(code.to_owned());
        self.text = Some(text.to_owned());
        self
    }

    fn with(mut self, state: &OrderState) -> Self {
        self.state = match state {
            OrderState::Pending => State::Pending,
            OrderState::Verifying => State::Verifying,
            OrderState::Approved | OrderState::Held => State::Approved,
            OrderState::Declined(_) => State::Declined,
            OrderState::Closed => State::Closed,
            OrderState::Reversed => State::Reversed,
        };
        match state {
            OrderState::Declined(refusal) => self.with_code(&refusal.code, &refusal.text),
            _ => self,
        }
    }
}
