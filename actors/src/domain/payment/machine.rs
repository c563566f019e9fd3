//! The payment state machine: `on(event) -> Transition`, pure.
//!
//! One function per state; each arm says what the payment becomes and what is to be done. Whatever
//! a state has no use for is ignored, so a late or repeated event can't do harm: in particular a
//! late approval while the order is being undone changes nothing, because the reversal's own answer
//! tells where the money went.

use super::{
    Answer, Answered, NoAnswer, Notice, Operation, Payment, Reason, Resolving, State, Verdict,
    answer::RefundVerdict, clock::AcquirerClock,
};
use crate::domain::{
    double::Standing,
    ids::{AcquirerId, PaymentId, RefundId},
    money::Money,
    offline::{CardToken, may_go_offline},
    payment::Fingerprint,
    refund::ByWhom,
    signature::{Drawing, Signed},
    tender::{Presented, Tender},
    timestamp::Timestamp,
};
use crate::mutants::{self, Mutant};

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
    /// Not a byte of the charge left the house: it goes to another acquirer.
    Reroute {
        acquirer: AcquirerId,
        why: NoAnswer,
    },
    /// A card, while no acquirer can be reached: kept for later, and covered by the budget.
    AcceptOffline {
        presented: Presented,
        card: CardToken,
    },
    /// Its turn to be sent to this acquirer has come.
    Forward {
        acquirer: AcquirerId,
    },
    /// What was kept of the card can't be read any more.
    CardLost,
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
    /// A provider says that this was paid, at an order of its own.
    Claimed,
    /// A provider says something of this order; what it says was paid, and its own number. Nothing
    /// is settled by it: the acquirer is asked.
    Notified {
        paid: Option<(String, Money)>,
    },
    /// The controller was restarted and found this payment in its journal.
    Recovered,
    /// Checked by `Payment::check_refund` before.
    RequestRefund {
        id: RefundId,
        money: Money,
        reason: Option<String>,
        fingerprint: Option<Fingerprint>,
        by_whom: ByWhom,
    },
    RefundAnswer {
        id: RefundId,
        answer: Result<RefundVerdict, NoAnswer>,
    },
    /// The customer has signed for it.
    Sign(Drawing),
    /// Another payment for the same reference is about to begin.
    Replaced {
        by: PaymentId,
    },
    /// How those that replaced this one stand.
    DoublesSeen(Vec<Standing>),
    /// Another payment is about to take what is held; checked by `Payment::check_completion`.
    Complete {
        by: PaymentId,
        money: Money,
    },
    /// How the payment that takes it stands.
    CompletionSeen(Standing),
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    Collect,
    Query,
    Reverse,
    Refund(RefundId),
    Doubles,
    Completion,
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
    /// Send the charge of a card that was accepted offline.
    Forward,
    /// What was kept of the card is not needed any more.
    ForgetCard,
    /// Look up how the payments that replaced this one stand.
    LookForDoubles,
    /// Look up how the payment that takes what is held stands.
    LookForCompletion,
    Show(Notice),
    AskSignature,
    /// Print what the customer signed.
    PrintSlip,
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
                by_whom,
            } => next.begin_refund(id, money, reason, fingerprint, by_whom, times),
            Event::RefundAnswer { id, answer } => next.refund_answered(id, answer, times),
            Event::Timer(Timer::Refund(id)) => next.refund_due(id, times),
            Event::Recovered => next.recovered(times),
            Event::Sign(drawing) => next.sign(drawing, times.now),
            Event::Replaced { by } => next.replaced(by, times),
            Event::DoublesSeen(standings) => next.doubles_seen(&standings, times),
            Event::Timer(Timer::Doubles) => next.look_for_doubles(),
            event => match self.state {
                _ if self.claim.is_some() && !self.state.is_final() => next.on_claim(event, times),
                State::Opened | State::Collecting => next.on_stand(event, times),
                State::Submitted | State::Verifying | State::Unknown => next.on_asked(event, times),
                State::Reversing => next.on_reversing(event, times),
                State::ApprovedOffline => next.on_accepted_offline(event, times),
                State::Authorised => next.on_held(event, times),
                State::Approved | State::Confirmed | State::Completed => Vec::new(),
                State::Declined | State::Cancelled | State::Reversed | State::RefusedLater => {
                    next.on_ended(event, times)
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
                self.submit_to(acquirer, times);
                vec![
                    Effect::Record,
                    Effect::Disarm,
                    Effect::Show(Notice::Processing),
                    Effect::Charge,
                ]
            }
            Event::AcceptOffline { presented, card }
                if self.tender.accepts(presented.tender)
                    && may_go_offline(presented.tender)
                    && self.part.is_none() =>
            {
                self.accept_offline(presented, card, times)
            }
            Event::StopCollecting(reason) | Event::Cancel(reason) => self.cancel(reason, times.now),
            Event::Timer(Timer::Collect) => self.cancel(Reason::NothingPresented, times.now),
            _ => Vec::new(),
        }
    }

    pub(super) fn submit_to(&mut self, acquirer: AcquirerId, times: &Times) {
        self.acquirer = Some(acquirer);
        self.submitted_at = Some(times.now);
        let first_query = times.now.plus_ms(times.acquirer.first_query_ms);
        self.resolving = Some(Resolving::begun(times.now, first_query));
        self.asked(Operation::Charge, times.now);
    }

    fn recovered(&mut self, times: &Times) -> Vec<Effect> {
        let mut effects = match self.state {
            State::Opened if self.claim.is_some() => self.take_claim(times),
            State::Submitted | State::Unknown if self.claim.is_some() => {
                self.take_up(None, Timer::Query, times)
            }
            State::Opened | State::Collecting => self.cancel(Reason::Restarted, times.now),
            State::Submitted if self.qr.is_none() => {
                self.state = State::Unknown;
                self.take_up(Some(Notice::Unknown), Timer::Query, times)
            }
            State::Submitted => {
                let qr = self.qr.clone().unwrap_or_default();
                let money = self.money;
                self.take_up(Some(Notice::ScanThis { money, qr }), Timer::Query, times)
            }
            State::Verifying => self.take_up(Some(Notice::Verifying), Timer::Query, times),
            State::Unknown => self.take_up(Some(Notice::Unknown), Timer::Query, times),
            State::Reversing => self.take_up(None, Timer::Reverse, times),
            _ if self.is_in_doubt() => self.take_up(None, Timer::Query, times),
            State::ApprovedOffline => self.take_up_offline(times),
            State::Authorised => self.look_for_completion(),
            State::Approved
            | State::Completed
            | State::Declined
            | State::Cancelled
            | State::Reversed
            | State::Confirmed
            | State::RefusedLater => Vec::new(),
        };
        effects.extend(self.take_up_refunds(times));
        effects.extend(self.look_for_doubles());
        if effects
            .iter()
            .skip(1)
            .any(|effect| *effect == Effect::Record)
        {
            effects.retain(|effect| *effect != Effect::Record);
            effects.insert(0, Effect::Record);
        }
        effects
    }

    /// Shows again how the payment stands and goes on asking where it stopped.
    fn take_up(&mut self, notice: Option<Notice>, timer: Timer, times: &Times) -> Vec<Effect> {
        let becomes_unknown = notice == Some(Notice::Unknown);
        let mut effects = self.resume(timer, times);
        let is_recorded = effects.first() == Some(&Effect::Record);
        if becomes_unknown && !is_recorded {
            effects.insert(0, Effect::Record);
        }
        let behind = usize::from(effects.first() == Some(&Effect::Record));
        if let Some(notice) = notice {
            effects.insert(behind, Effect::Show(notice));
        }
        effects
    }

    pub(super) fn cancel(&mut self, reason: Reason, now: Timestamp) -> Vec<Effect> {
        let notice = Notice::Cancelled {
            reason: Some(reason.clone()),
        };
        self.reason = Some(reason);
        self.end(State::Cancelled, notice, now)
    }

    pub(super) fn approve(&mut self, acquirer_ref: String, now: Timestamp) -> Vec<Effect> {
        self.acquirer_ref = Some(acquirer_ref);
        let money = self.money;
        let (state, notice) = match self.is_pre_authorisation() {
            true => (State::Authorised, Notice::Authorised { money }),
            false => (State::Approved, Notice::Approved { money }),
        };
        let mut effects = self.end(state, notice, now);
        effects.extend(self.wants_signature().then_some(Effect::AskSignature));
        effects.extend(self.look_for_doubles());
        effects
    }

    /// Of a card alone: nobody signs for a code.
    pub(super) fn signature_asked(&mut self, is_asked: bool) {
        if let Some(presented) = &mut self.presented
            && presented.tender == Tender::Card
        {
            presented.signature |= is_asked;
        }
    }

    fn sign(&mut self, drawing: Drawing, now: Timestamp) -> Vec<Effect> {
        if !self.wants_signature() {
            return Vec::new();
        }
        self.signature = Some(Signed { at: now, drawing });
        vec![Effect::Record, Effect::Disarm, Effect::PrintSlip]
    }

    pub(super) fn end(&mut self, state: State, notice: Notice, now: Timestamp) -> Vec<Effect> {
        self.state = state;
        self.ended_at = Some(now);
        self.resolving = None;
        vec![Effect::Record, Effect::Disarm, Effect::Show(notice)]
    }

    /// An answer that names another order or another amount settles nothing (PAY-5).
    pub(super) fn checked(&self, answer: Answer) -> Result<Verdict, NoAnswer> {
        let Answered { order, verdict } = answer?;
        if order != self.id && !mutants::is_planted(Mutant::AnswerToWrongPayment) {
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

    pub(super) fn elapsed_ms(&self, times: &Times) -> u64 {
        times
            .now
            .since_ms(self.submitted_at.unwrap_or(self.opened_at))
    }
}
