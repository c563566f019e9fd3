//! The list of what nobody knows yet, as it is shown.

use serde::Serialize;
use store_actors::domain::{
    payment::Operation,
    timestamp::Timestamp,
    unresolved::{Action, Doubt, Unresolved},
};
use utoipa::ToSchema;

use super::{
    PaymentModel,
    payment::{NextAction, amount},
};

/// What nobody knows yet.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Unknown)]
pub struct UnknownModel {
    pub count: usize,
    /// Age of the oldest line, milliseconds; 0 without one.
    pub oldest_ms: u64,
    /// The oldest first.
    pub unknown: Vec<UnresolvedModel>,
}

/// What is not known of one payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Unresolved)]
pub struct UnresolvedModel {
    /// `outcome`: whether it went through. `late_approval`: whether money that turned up after
    /// the end is still there. `refund`: whether that refund went through. `paid_twice`: whether
    /// another payment for the same reference was paid too. `offline`: whether a card that was
    /// accepted without the acquirer will be charged.
    pub what: &'static str,
    /// The refund in question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund: Option<String>,
    /// What is in question, in the payment's currency.
    pub amount: String,
    #[schema(format = DateTime)]
    pub since: String,
    pub age_ms: u64,
    pub next_action: NextAction,
    /// When, unless an answer comes earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub next_at: Option<String>,
    /// How often the acquirer was asked, and how often to undo it.
    pub queries: u32,
    pub reversals: u32,
    /// The payment with its evidence.
    pub payment: PaymentModel,
}

impl UnknownModel {
    pub fn of(lines: &[Unresolved], now: Timestamp) -> Self {
        let ages = lines.iter().map(|line| line.age_ms(now));
        Self {
            count: lines.len(),
            oldest_ms: ages.max().unwrap_or(0),
            unknown: lines
                .iter()
                .map(|line| UnresolvedModel::of(line, now))
                .collect(),
        }
    }
}

impl UnresolvedModel {
    fn of(line: &Unresolved, now: Timestamp) -> Self {
        let payment = &line.payment;
        let refund = match line.doubt {
            Doubt::Refund(id) => payment.refund(id),
            Doubt::Outcome | Doubt::LateApproval | Doubt::PaidTwice | Doubt::Offline => None,
        };
        let resolving = payment.resolving;
        Self {
            what: line.doubt.as_str(),
            refund: refund.map(|refund| refund.id.to_string()),
            amount: amount(refund.map_or(payment.money, |refund| refund.money)),
            since: line.since.to_string(),
            age_ms: line.age_ms(now),
            next_action: match line.next {
                Action::Ask(Operation::Reverse) => NextAction::Reverse,
                Action::Ask(Operation::Refund) => NextAction::Refund,
                Action::Ask(Operation::Query | Operation::Charge) => NextAction::AskAcquirer,
                Action::WaitForReplacement => NextAction::WaitForReplacement,
                Action::Forward => NextAction::Forward,
            },
            next_at: line.due.map(|due| due.to_string()),
            queries: resolving.map_or(0, |resolving| resolving.queries),
            reversals: resolving.map_or(0, |resolving| resolving.reversals),
            payment: PaymentModel::from(payment),
        }
    }
}
