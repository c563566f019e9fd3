//! Money that is held first and taken later: a pre-authorisation (ISO 8583 0100, nexo's
//! reservation) and its completion.
//!
//! A completion is a payment of its own, with an id of its own, so that whatever holds of payments
//! holds of it: it is on disk before it is sent, asked about while nobody knows, reversed,
//! refunded, counted. The pre-authorisation moves no money. It is told of its completion first, and
//! on disk (`Event::Complete`), so that no two payments take what is held once; it waits for the
//! completion to end, and is free for another one if no money moved. Releasing what is held is a
//! reversal.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    Notice, Payment, Reason, Resolving, State,
    machine::{Effect, Event, Timer, Times},
};
use crate::domain::{
    double::{LOOK_INTERVAL_MS, Standing, Tie},
    ids::PaymentId,
    money::{Money, MoneyRefused},
};

/// Which part of a pre-authorised sale a payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "as")]
pub enum Part {
    /// Its amount is held, and nothing moves.
    PreAuthorisation {
        /// The payment that takes the money, or is trying to.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        completion: Option<Tie>,
    },
    /// It takes what the pre-authorisation `of` holds, or a part of it.
    Completion { of: PaymentId },
}

/// Why what is held can't be taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CompletionRefused {
    #[error("this payment holds no money; it is {}", .0.as_str())]
    NotHeld(State),
    #[error("payment {0} is taking the money already")]
    UnderWay(PaymentId),
    #[error("whether another payment for the same reference is paid is being found out")]
    PerhapsPaid,
    #[error("this payment holds {held}, and no more")]
    ExceedsHold { held: Money },
    #[error("a completion must be of more than zero")]
    Zero,
    #[error("the completion's amount is refused")]
    Money(#[from] MoneyRefused),
}

impl Payment {
    /// Its amount is to be held, and is taken by another payment.
    pub const fn is_pre_authorisation(&self) -> bool {
        matches!(self.part, Some(Part::PreAuthorisation { .. }))
    }

    /// The payment whose money it takes.
    pub const fn completes(&self) -> Option<PaymentId> {
        match self.part {
            Some(Part::Completion { of }) => Some(of),
            _ => None,
        }
    }

    /// The payment that took what is held here, or is trying to.
    pub const fn completion(&self) -> Option<Tie> {
        match self.part {
            Some(Part::PreAuthorisation { completion }) => completion,
            _ => None,
        }
    }

    /// From the submission until the outcome was known, once it is. What becomes of held money
    /// later is the store's decision and no outcome.
    pub fn outcome_after_ms(&self) -> Option<u64> {
        let is_later = matches!(self.state, State::Completed | State::Reversed);
        let ended_at = self.ended_at.filter(|_| self.state.is_final())?;
        let is_outcome = !(is_later && self.is_pre_authorisation());
        let submitted_at = self.submitted_at.filter(|_| is_outcome)?;
        Some(ended_at.since_ms(submitted_at))
    }

    /// What is held is being taken, and whether it was is not known yet.
    pub const fn is_being_completed(&self) -> bool {
        matches!(self.state, State::Authorised) && self.completion().is_some()
    }

    /// Whether a payment of `money` may take what is held.
    ///
    /// # Errors
    /// Why not.
    pub fn check_completion(&self, money: Money) -> Result<(), CompletionRefused> {
        if self.state != State::Authorised {
            return Err(CompletionRefused::NotHeld(self.state));
        }
        if let Some(tie) = self.completion() {
            return Err(CompletionRefused::UnderWay(tie.payment));
        }
        if self.is_perhaps_double() {
            return Err(CompletionRefused::PerhapsPaid);
        }
        if money.is_zero() {
            return Err(CompletionRefused::Zero);
        }
        match money.exceeds(self.money)? {
            true => Err(CompletionRefused::ExceedsHold { held: self.money }),
            false => Ok(()),
        }
    }

    /// Authorised: nothing happens by itself until a completion begins or somebody lets go of it.
    pub(super) fn on_held(&mut self, event: Event, times: &Times) -> Vec<Effect> {
        match event {
            Event::Complete { by, money } if self.check_completion(money).is_ok() => {
                let tie = Tie {
                    payment: by,
                    at: times.now,
                };
                self.part = Some(Part::PreAuthorisation {
                    completion: Some(tie),
                });
                let look = Effect::Schedule(Timer::Completion, LOOK_INTERVAL_MS);
                vec![Effect::Record, look]
            }
            Event::Timer(Timer::Completion) => self.look_for_completion(),
            Event::CompletionSeen(standing) if self.is_being_completed() => {
                self.completion_seen(standing, times)
            }
            Event::Cancel(reason) if !self.is_being_completed() => self.let_go(reason, times),
            _ => Vec::new(),
        }
    }

    /// Asks the acquirer to hold nothing any more.
    pub(in crate::domain) fn let_go(&mut self, reason: Reason, times: &Times) -> Vec<Effect> {
        self.replaced_by.clear();
        // nobody has asked about it since it was authorised
        self.resolving = Some(Resolving::begun(times.now, times.now));
        self.ended_at = None;
        self.reverse(reason, times)
    }

    pub(super) fn look_for_completion(&self) -> Vec<Effect> {
        let is_waiting = self.is_being_completed();
        let look = is_waiting.then_some(Effect::LookForCompletion);
        look.into_iter().collect()
    }

    fn completion_seen(&mut self, standing: Standing, times: &Times) -> Vec<Effect> {
        match standing {
            Standing::Paid(_) => {
                self.state = State::Completed;
                self.ended_at = Some(times.now);
            }
            Standing::Gone => self.part = Some(Part::PreAuthorisation { completion: None }),
            Standing::Open => {
                return vec![Effect::Schedule(Timer::Completion, LOOK_INTERVAL_MS)];
            }
        }
        vec![Effect::Record]
    }

    /// The acquirer will not let go of what it holds: it stays held.
    pub(super) fn stays_held(&mut self, acquirer_ref: String, times: &Times) -> Vec<Effect> {
        self.acquirer_ref = Some(acquirer_ref);
        self.reason = Some(Reason::ReleaseRefused);
        let notice = Notice::Authorised { money: self.money };
        self.end(State::Authorised, notice, times.now)
    }
}
