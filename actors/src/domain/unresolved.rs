//! What nobody knows yet, as a list: each with its age, what is done about it next, and when.
//!
//! A pure view of payments that are not settled. It is made from the journal and the acquirers'
//! clocks, so it is complete even while a counter is being restarted (PAY-3).

use super::{
    ids::RefundId,
    payment::{Operation, Payment, machine::Times},
    refund::RefundState,
    timestamp::Timestamp,
};

/// What is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Whether the payment went through.
    Outcome,
    /// Whether money that turned up after the end is still there.
    LateApproval,
    /// Whether a refund went through.
    Refund(RefundId),
    /// Whether a paid payment was paid a second time for the same reference.
    PaidTwice,
    /// Whether a card that was accepted offline will be charged.
    Offline,
}

impl Doubt {
    /// All of `as_str`'s words but the last: an accepted risk is no missing answer.
    pub const WORDS: [&'static str; 4] = ["outcome", "late_approval", "refund", "paid_twice"];

    pub const fn as_str(self) -> &'static str {
        match self {
            Doubt::Outcome => "outcome",
            Doubt::LateApproval => "late_approval",
            Doubt::Refund(_) => "refund",
            Doubt::PaidTwice => "paid_twice",
            Doubt::Offline => "offline",
        }
    }
}

/// What is done about it next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Ask(Operation),
    /// Until the payments that replaced it have ended.
    WaitForReplacement,
    /// Until an acquirer can be reached and its turn comes.
    Forward,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    pub doubt: Doubt,
    pub since: Timestamp,
    pub next: Action,
    /// When it is done, unless an answer comes earlier.
    pub due: Option<Timestamp>,
    pub payment: Payment,
}

impl Unresolved {
    /// All that is unknown about `payment`: nothing, one thing, or an outcome and refunds.
    pub fn of(payment: &Payment, times: &Times) -> Vec<Self> {
        let line = |doubt, since, next, due| Self {
            doubt,
            since,
            next,
            due,
            payment: payment.clone(),
        };
        let mut lines = Vec::new();
        if payment.is_unknown() {
            let doubt = if payment.is_in_doubt() {
                Doubt::LateApproval
            } else {
                Doubt::Outcome
            };
            let resolving = payment.resolving.as_ref();
            let since = resolving.map(|resolving| resolving.since);
            let next = payment.next_question(times).unwrap_or(Operation::Query);
            lines.push(line(
                doubt,
                since.or(payment.submitted_at).unwrap_or(payment.opened_at),
                Action::Ask(next),
                resolving.map(|resolving| resolving.due),
            ));
        }
        if let Some(offline) = payment
            .offline
            .filter(|_| payment.state.is_accepted_offline())
        {
            let question = payment.next_question(times).map(Action::Ask);
            let due = payment.resolving.map(|resolving| resolving.due);
            let next = question.unwrap_or(Action::Forward);
            lines.push(line(Doubt::Offline, offline.accepted_at, next, due));
        }
        if payment.is_perhaps_double() {
            let since = payment.ended_at.unwrap_or(payment.changed_at);
            lines.push(line(
                Doubt::PaidTwice,
                since,
                Action::WaitForReplacement,
                None,
            ));
        }
        let unknown = payment
            .refunds
            .iter()
            .filter(|refund| refund.state == RefundState::Unknown);
        lines.extend(unknown.map(|refund| {
            line(
                Doubt::Refund(refund.id),
                refund.requested_at,
                Action::Ask(Operation::Refund),
                refund.due,
            )
        }));
        lines
    }

    pub fn age_ms(&self, now: Timestamp) -> u64 {
        now.since_ms(self.since)
    }
}
