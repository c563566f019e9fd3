//! The resolver: what becomes of a payment once the acquirer has been asked, for every tender.
//!
//! Pure, like the rest of the machine. From the submission on only the acquirer's own word ends a
//! payment. No answer leads to another question (`asked`), past the acquirer's clock to a reversal,
//! and past the latest reversal to questions again (`reversing`); it goes on for as long as it
//! takes, and nobody can force it done. An approval that turns up after the end is asked about once
//! more and paid back (`doubt`). When to do what is the acquirer's `clock`, as data.
//!
//! `Resolving` is all that a restart needs to go on where it stood: it is written with the payment,
//! before each question about an unknown outcome is sent. A question that was due before the crash
//! is asked, one that was not yet due is waited for, so that restarting again and again does not
//! hammer the acquirer.
//!
//! Deliberately not here: timers (the counter's), the double payment of one basket
//! (`domain/double`).

mod asked;
pub mod clock;
mod doubt;
mod evidence;
mod reversing;

use serde::{Deserialize, Serialize};

use super::{
    Operation, Payment, State,
    machine::{Effect, Timer, Times},
};
use crate::domain::timestamp::Timestamp;
pub use evidence::{EVIDENCE_MAX, Evidence, SAID_CHARACTERS_MAX, masked};

/// How far the resolver has got with a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolving {
    /// Since when nobody knows: the submission, or the late approval.
    pub since: Timestamp,
    /// Questions sent about the outcome, and reversals sent.
    #[serde(default)]
    pub queries: u32,
    #[serde(default)]
    pub reversals: u32,
    /// When the next question may be sent.
    pub due: Timestamp,
}

impl Resolving {
    pub const fn begun(now: Timestamp, due: Timestamp) -> Self {
        Self {
            since: now,
            queries: 0,
            reversals: 0,
            due,
        }
    }
}

impl Payment {
    /// A final payment about which an approval turned up late; the truth is being asked for.
    pub fn is_in_doubt(&self) -> bool {
        self.state.is_final() && self.resolving.is_some()
    }

    /// Nobody knows where the money of this payment is.
    pub fn is_unknown(&self) -> bool {
        self.state.is_unknown() || self.is_in_doubt()
    }

    /// What is asked next, if the acquirer is asked at all.
    pub fn next_question(&self, times: &Times) -> Option<Operation> {
        match self.state {
            State::Submitted | State::Verifying | State::Unknown => Some(Operation::Query),
            State::Reversing if self.may_reverse(times) => Some(Operation::Reverse),
            State::Reversing => Some(Operation::Query),
            State::ApprovedOffline if self.resolving.is_some() => Some(Operation::Query),
            _ => self.is_in_doubt().then_some(Operation::Query),
        }
    }

    /// Sends a question; one about an unknown outcome is on disk before it leaves.
    pub(super) fn put_question(&mut self, operation: Operation, times: &Times) -> Vec<Effect> {
        let resolving = self.resolving_mut(times);
        let count = match operation {
            Operation::Reverse => &mut resolving.reversals,
            _ => &mut resolving.queries,
        };
        *count = count.saturating_add(1);
        self.asked(operation, times.now);
        self.due_in(self.pause_ms(operation, times), times);
        let question = match operation {
            Operation::Reverse => Effect::Reverse,
            _ => Effect::Query,
        };
        match self.state {
            // the customer is at it: nothing is unknown, and the pause is always the same
            State::Submitted | State::Verifying => vec![question],
            _ => vec![Effect::Record, question],
        }
    }

    /// The same question again, after its pause.
    pub(super) fn again(&mut self, timer: Timer, operation: Operation, times: &Times) -> Effect {
        let pause_ms = self.pause_ms(operation, times);
        self.due_in(pause_ms, times);
        Effect::Schedule(timer, pause_ms)
    }

    /// After a restart: asks what was due, waits for what was not.
    pub(super) fn resume(&mut self, timer: Timer, times: &Times) -> Vec<Effect> {
        self.ask_cut_off(times.now);
        let wait_ms = self.until_due_ms(times);
        if wait_ms == 0 && timer == Timer::Query {
            let mut effects = self.put_question(Operation::Query, times);
            if !effects.contains(&Effect::Record) {
                effects.insert(0, Effect::Record);
            }
            return effects;
        }
        vec![Effect::Schedule(timer, wait_ms)]
    }

    fn resolving_mut(&mut self, times: &Times) -> &mut Resolving {
        let (submitted, now) = (self.submitted_at.unwrap_or(self.opened_at), times.now);
        self.resolving
            .get_or_insert(Resolving::begun(submitted, now))
    }

    fn due_in(&mut self, pause_ms: u64, times: &Times) {
        let now = times.now;
        self.resolving_mut(times).due = now.plus_ms(pause_ms);
    }

    /// Never longer than the longest pause: the clock of the day may have been set back.
    fn until_due_ms(&self, times: &Times) -> u64 {
        let wait_ms = |resolving: &Resolving| resolving.due.since_ms(times.now);
        let longest_ms = times.acquirer.longest_pause_ms();
        self.resolving.as_ref().map_or(0, wait_ms).min(longest_ms)
    }

    /// The pause after the questions so far: the customer's and the first minute's are even, those
    /// about what stays unknown double.
    fn pause_ms(&self, operation: Operation, times: &Times) -> u64 {
        let clock = &times.acquirer;
        let (queries, reversals) = self
            .resolving
            .map_or((0, 0), |resolving| (resolving.queries, resolving.reversals));
        match (self.state, operation) {
            (_, Operation::Reverse) => clock.doubled_ms(clock.reverse_interval_ms, reversals),
            // the money is there, as the provider said: nobody waits for the answer
            _ if self.claim.is_some() => clock.doubled_ms(clock.query_interval_ms, queries),
            (State::Submitted | State::Verifying | State::Unknown, _) if queries == 0 => {
                clock.first_query_ms
            }
            (State::Submitted | State::Verifying | State::Unknown, _) => clock.query_interval_ms,
            _ => clock.doubled_ms(clock.query_interval_ms, queries),
        }
    }
}
