//! The payment state machine: `on(event) -> Transition`, pure.
//!
//! One function per state; each arm says what the payment becomes and what is to be done. Whatever a state has no use
//! for is ignored, so a late or repeated event can't do harm: in particular a late approval while the order is being
//! undone changes nothing, because the reversal's own answer tells where the money went.

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

/// The times a transition may need: now, the acquirer's clock, the store's patience with a customer.
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

    /// Submitted, Verifying and Unknown: the acquirer has been asked, or may have been.
    fn on_asked(&mut self, event: Event, times: &Times) -> Vec<Effect> {
        match event {
            Event::Answer {
                operation: Operation::Reverse | Operation::Refund,
                ..
            } => Vec::new(),
            Event::Answer { operation, answer } => {
                self.remember(times.now, operation, &answer);
                match self.checked(answer) {
                    Ok(verdict) => self.told(verdict, times),
                    Err(NoAnswer::NotSent(_))
                        if operation == Operation::Charge && self.state == State::Submitted =>
                    {
                        self.cancel(Reason::AcquirerUnreachable)
                    }
                    Err(_) => self.learned_nothing(times),
                }
            }
            Event::Timer(Timer::Query) => vec![Effect::Query],
            Event::Cancel(reason) => self.reverse(reason, times),
            _ => Vec::new(),
        }
    }

    fn told(&mut self, verdict: Verdict, times: &Times) -> Vec<Effect> {
        match verdict {
            Verdict::Approved { acquirer_ref, .. }
            | Verdict::NotReversible { acquirer_ref, .. } => self.approve(acquirer_ref),
            Verdict::Declined { code, text } => {
                self.reason = Some(Reason::Acquirer {
                    acquirer_code: code,
                    text,
                });
                self.end(
                    State::Declined,
                    Notice::Declined {
                        reason: self.reason.clone(),
                    },
                )
            }
            Verdict::Reversed => self.end(State::Reversed, Notice::Reversed),
            Verdict::Verifying => {
                if self.past_give_up(times) {
                    return self.reverse(Reason::CustomerTooSlow, times);
                }
                let is_news = self.state != State::Verifying;
                self.wait_in(State::Verifying, is_news, Notice::Verifying, times)
            }
            Verdict::Pending { qr } => self.told_pending(qr, times),
            // the request may still be on its way: only a reversal makes sure that it comes to nothing
            Verdict::NotFound if self.elapsed_ms(times) >= times.acquirer.reverse_not_before_ms => {
                self.reverse(Reason::NoOutcomeInTime, times)
            }
            Verdict::NotFound => self.learned_nothing(times),
        }
    }

    /// A merchant QR that nobody has paid yet. Without its text there is nothing to show: undo it.
    fn told_pending(&mut self, qr: Option<String>, times: &Times) -> Vec<Effect> {
        let Some(text) = qr.or_else(|| self.qr.clone()) else {
            return self.reverse(Reason::NoOutcomeInTime, times);
        };
        if self.elapsed_ms(times) >= times.acquirer.qr_expiry_ms {
            return self.reverse(Reason::CustomerTooSlow, times);
        }
        let is_news = self.qr.is_none() || self.state != State::Submitted;
        self.qr = Some(text.clone());
        let notice = Notice::ScanThis {
            money: self.money,
            qr: text,
        };
        self.wait_in(State::Submitted, is_news, notice, times)
    }

    fn learned_nothing(&mut self, times: &Times) -> Vec<Effect> {
        if self.past_give_up(times) {
            return self.reverse(Reason::NoOutcomeInTime, times);
        }
        // a QR on display stays there while one query fails: it can still be paid
        let state = match (&self.qr, self.state) {
            (Some(_), State::Submitted) => State::Submitted,
            _ => State::Unknown,
        };
        self.wait_in(state, self.state != state, Notice::Unknown, times)
    }

    /// Waits in `state` until the next query; recorded and shown only when it is news.
    fn wait_in(
        &mut self,
        state: State,
        is_news: bool,
        notice: Notice,
        times: &Times,
    ) -> Vec<Effect> {
        let asked_once = self.evidence.len() <= 1;
        let clock = &times.acquirer;
        let pause_ms = if asked_once {
            clock.first_query_ms
        } else {
            clock.query_interval_ms
        };
        self.state = state;
        let again = Effect::Schedule(Timer::Query, pause_ms);
        if is_news {
            vec![Effect::Record, Effect::Show(notice), again]
        } else {
            vec![again]
        }
    }

    /// Reversing: until the acquirer says that the order holds no money, or that it is too late.
    fn on_reversing(&mut self, event: Event, times: &Times) -> Vec<Effect> {
        match event {
            Event::Timer(Timer::Reverse) => vec![Effect::Reverse],
            Event::Answer {
                operation: Operation::Reverse,
                answer,
            } => {
                self.remember(times.now, Operation::Reverse, &answer);
                match self.checked(answer) {
                    Ok(Verdict::Reversed | Verdict::NotFound) => {
                        self.end(State::Reversed, Notice::Reversed)
                    }
                    Ok(Verdict::NotReversible { acquirer_ref, .. }) => {
                        self.approve_and_refund(acquirer_ref, times)
                    }
                    _ => vec![Effect::Schedule(
                        Timer::Reverse,
                        self.reverse_pause_ms(times),
                    )],
                }
            }
            _ => Vec::new(),
        }
    }

    /// Paid at the last moment, after the till was told otherwise: the money goes back by itself.
    fn approve_and_refund(&mut self, acquirer_ref: String, times: &Times) -> Vec<Effect> {
        self.state = State::Approved;
        self.acquirer_ref = Some(acquirer_ref);
        let id = RefundId::automatic(self.id);
        self.begin_refund(
            id,
            self.money,
            Some("paid after the till had given up".into()),
            None,
            times.now,
        )
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

    fn cancel(&mut self, reason: Reason) -> Vec<Effect> {
        let notice = Notice::Cancelled {
            reason: Some(reason.clone()),
        };
        self.reason = Some(reason);
        self.end(State::Cancelled, notice)
    }

    fn approve(&mut self, acquirer_ref: String) -> Vec<Effect> {
        self.acquirer_ref = Some(acquirer_ref);
        self.end(State::Approved, Notice::Approved { money: self.money })
    }

    fn end(&mut self, state: State, notice: Notice) -> Vec<Effect> {
        self.state = state;
        vec![Effect::Record, Effect::Disarm, Effect::Show(notice)]
    }

    fn reverse(&mut self, reason: Reason, times: &Times) -> Vec<Effect> {
        self.state = State::Reversing;
        self.reason = Some(reason);
        let wait_ms = self.until_reversible_ms(times);
        let undo = if wait_ms == 0 {
            Effect::Reverse
        } else {
            Effect::Schedule(Timer::Reverse, wait_ms)
        };
        vec![
            Effect::Record,
            Effect::Disarm,
            Effect::Show(Notice::Reversing),
            undo,
        ]
    }

    /// An answer that names another order or another amount settles nothing (PAY-5).
    fn checked(&self, answer: Answer) -> Result<Verdict, NoAnswer> {
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

    fn remember(&mut self, now: Timestamp, operation: Operation, answer: &Answer) {
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

    fn elapsed_ms(&self, times: &Times) -> u64 {
        times
            .now
            .since_ms(self.submitted_at.unwrap_or(self.opened_at))
    }

    fn past_give_up(&self, times: &Times) -> bool {
        let limit_ms = match self.qr {
            Some(_) => times.acquirer.qr_expiry_ms,
            None => times.acquirer.give_up_ms,
        };
        self.elapsed_ms(times) >= limit_ms
    }

    fn until_reversible_ms(&self, times: &Times) -> u64 {
        times
            .acquirer
            .reverse_not_before_ms
            .saturating_sub(self.elapsed_ms(times))
    }

    fn reverse_pause_ms(&self, times: &Times) -> u64 {
        let tries = self
            .evidence
            .iter()
            .filter(|e| e.operation == Operation::Reverse)
            .count();
        let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or(4).min(4);
        times
            .acquirer
            .reverse_interval_ms
            .saturating_mul(1 << doublings)
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
