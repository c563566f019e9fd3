//! The payment state machine: `on(event) -> Transition`, pure.
//!
//! One function per state; each arm says what the payment becomes and what is to be done. Whatever
//! a state has no use for is ignored, so a late or repeated event can't do harm: in particular a
//! late approval while the order is being undone changes nothing, because the reversal's own answer
//! tells where the money went.

use super::{
    Answer, Answered, EVIDENCE_MAX, Evidence, NoAnswer, Notice, Operation, Payment, Reason, State,
    Verdict, answer::RefundVerdict, clock::AcquirerClock,
};
use crate::domain::{
    ids::{AcquirerId, RefundId},
    money::Money,
    payment::Fingerprint,
    tender::{Presented, Tender},
    timestamp::Timestamp,
};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The stand is this payment's and its devices may be armed.
    Collect,
    /// Something to pay with was presented, and an acquirer found for it.
    Present {
        presented: Presented,
        acquirer: AcquirerId,
    },
    /// The stand can't go on: no device, no acquirer, a bad code, a bad card.
    StopCollecting(Reason),
    /// Cashier or customer pressed cancel.
    Cancel(Reason),
    /// An answer, or none, to a question asked before.
    Answer {
        operation: Operation,
        answer: Answer,
    },
    Timer(Timer),
    /// The controller was restarted and found this payment in its journal.
    Recovered,
    /// Checked by `Payment::check_refund` before.
    RequestRefund {
        id: RefundId,
        money: Money,
        reason: Option<String>,
        fingerprint: Option<Fingerprint>,
    },
    RefundAnswer {
        id: RefundId,
        answer: Result<RefundVerdict, NoAnswer>,
    },
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    Collect,
    Query,
    Reverse,
    Refund(RefundId),
}

/// What is to be done. In order; after a `Record`, only once it is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    Record,
    Arm,
    Disarm,
    Charge,
    Query,
    Reverse,
    Refund(RefundId),
    Show(Notice),
    Schedule(Timer, u64),
}

/// The payment as it shall be, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    pub payment: Payment,
    pub effects: Vec<Effect>,
}

/// The times a transition may need: now, the acquirer's clock, the store's patience with a
/// customer.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub now: Timestamp,
    pub acquirer: AcquirerClock,
    pub collect_timeout_ms: u64,
}

impl Payment {
    /// What `event` makes of this payment.
    pub fn on(&self, event: Event, times: &Times) -> Transition {
        let mut next = self.clone();
        let effects = match event {
            Event::RequestRefund {
                id,
                money,
                reason,
                fingerprint,
            } => next.begin_refund(id, money, reason, fingerprint, times.now),
            Event::RefundAnswer { id, answer } => next.refund_answered(id, answer, times),
            Event::Timer(Timer::Refund(id)) => next.refund_due(id),
            Event::Recovered => next.recovered(times),
            event => match self.state {
                State::Opened | State::Collecting => next.on_stand(event, times),
                State::Submitted | State::Verifying | State::Unknown => next.on_asked(event, times),
                State::Reversing => next.on_reversing(event, times),
                State::Approved | State::Declined | State::Cancelled | State::Reversed => {
                    Vec::new()
                }
            },
        };
        if effects.contains(&Effect::Record) {
            next.changed_at = times.now;
        }
        Transition {
            payment: next,
            effects,
        }
    }

    /// Opened and Collecting: nothing has left the house.
    fn on_stand(&mut self, event: Event, times: &Times) -> Vec<Effect> {
        match event {
            Event::Collect if self.state == State::Opened && self.tender != Tender::MerchantQr => {
                self.state = State::Collecting;
                vec![
                    Effect::Record,
                    Effect::Arm,
                    Effect::Show(Notice::PleasePay {
                        money: self.money,
                        tender: self.tender,
                    }),
                    Effect::Schedule(Timer::Collect, times.collect_timeout_ms),
                ]
            }
            Event::Present {
                presented,
                acquirer,
            } if self.tender.accepts(presented.tender) => {
                self.state = State::Submitted;
                self.presented = Some(presented);
                self.acquirer = Some(acquirer);
                self.submitted_at = Some(times.now);
                vec![
                    Effect::Record,
                    Effect::Disarm,
                    Effect::Show(Notice::Processing),
                    Effect::Charge,
                ]
            }
            Event::StopCollecting(reason) | Event::Cancel(reason) => self.cancel(reason),
            Event::Timer(Timer::Collect) => self.cancel(Reason::NothingPresented),
            _ => Vec::new(),
        }
    }

    fn recovered(&mut self, times: &Times) -> Vec<Effect> {
        let mut effects = match self.state {
            State::Opened | State::Collecting => self.cancel(Reason::Restarted),
            State::Submitted if self.qr.is_none() => {
                self.state = State::Unknown;
                vec![Effect::Record, Effect::Show(Notice::Unknown), Effect::Query]
            }
            State::Submitted => {
                let qr = self.qr.clone().unwrap_or_default();
                vec![
                    Effect::Show(Notice::ScanThis {
                        money: self.money,
                        qr,
                    }),
                    Effect::Query,
                ]
            }
            State::Verifying => vec![Effect::Show(Notice::Verifying), Effect::Query],
            State::Unknown => vec![Effect::Show(Notice::Unknown), Effect::Query],
            State::Reversing => vec![Effect::Schedule(
                Timer::Reverse,
                self.until_reversible_ms(times),
            )],
            State::Approved | State::Declined | State::Cancelled | State::Reversed => Vec::new(),
        };
        let open_refunds = self
            .refunds
            .iter()
            .filter(|refund| !refund.state.is_final());
        effects.extend(open_refunds.map(|refund| Effect::Refund(refund.id)));
        effects
    }

    pub(super) fn cancel(&mut self, reason: Reason) -> Vec<Effect> {
        let notice = Notice::Cancelled {
            reason: Some(reason.clone()),
        };
        self.reason = Some(reason);
        self.end(State::Cancelled, notice)
    }

    pub(super) fn approve(&mut self, acquirer_ref: String) -> Vec<Effect> {
        self.acquirer_ref = Some(acquirer_ref);
        self.end(State::Approved, Notice::Approved { money: self.money })
    }

    pub(super) fn end(&mut self, state: State, notice: Notice) -> Vec<Effect> {
        self.state = state;
        vec![Effect::Record, Effect::Disarm, Effect::Show(notice)]
    }

    /// An answer that names another order or another amount settles nothing (PAY-5).
    pub(super) fn checked(&self, answer: Answer) -> Result<Verdict, NoAnswer> {
        let Answered { order, verdict } = answer?;
        if order != self.id {
            return Err(NoAnswer::AnotherOrder);
        }
        match verdict {
            Verdict::Approved { money, .. } | Verdict::NotReversible { money, .. }
                if money != self.money =>
            {
                Err(NoAnswer::Unintelligible(format!(
                    "{money} instead of {}",
                    self.money
                )))
            }
            verdict => Ok(verdict),
        }
    }

    pub(super) fn remember(&mut self, now: Timestamp, operation: Operation, answer: &Answer) {
        let said = match answer {
            Ok(answered) if answered.order != self.id => NoAnswer::AnotherOrder.to_string(),
            Ok(answered) => answered.verdict.word(),
            Err(no_answer) => no_answer.to_string(),
        };
        if self.evidence.len() >= EVIDENCE_MAX {
            self.evidence.remove(EVIDENCE_MAX / 2);
        }
        self.evidence.push(Evidence {
            at: now,
            operation,
            said,
        });
    }

    pub(super) fn elapsed_ms(&self, times: &Times) -> u64 {
        times
            .now
            .since_ms(self.submitted_at.unwrap_or(self.opened_at))
    }
}

impl Verdict {
    /// One word for the evidence list.
    pub fn word(&self) -> String {
        match self {
            Verdict::Approved { .. } => "approved".into(),
            Verdict::Declined { code, .. } => format!("declined: {code}"),
            Verdict::Verifying => "customer verifying".into(),
            Verdict::Pending { .. } => "waiting for the customer".into(),
            Verdict::NotFound => "order not found".into(),
            Verdict::Reversed => "reversed".into(),
            Verdict::NotReversible { .. } => "too late to reverse".into(),
        }
    }
}
