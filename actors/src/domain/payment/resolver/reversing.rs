//! Reversing: until the acquirer says that the order holds no money, or that it is too late.
//!
//! While reversals are sent, late answers to the charge or to a query change nothing: the
//! reversal's own answer tells where the money went. Past the latest reversal the acquirer is asked
//! how the order stands; what turns out paid is refunded.

use crate::domain::{
    ids::RefundId,
    payment::{
        Notice, Operation, Payment, Reason, State, Verdict,
        machine::{Effect, Event, Timer, Times},
    },
    timestamp::Timestamp,
};

/// Why the store pays back by itself.
const PAID_TOO_LATE: &str = "paid after the till had given up";

impl Payment {
    /// Reversing: until the acquirer says that the order holds no money, or that it is too late.
    pub(in crate::domain::payment) fn on_reversing(
        &mut self,
        event: Event,
        times: &Times,
    ) -> Vec<Effect> {
        match event {
            Event::Timer(Timer::Reverse) => self.undo_now(times),
            Event::Answer {
                operation: Operation::Reverse,
                answer,
            } => {
                self.remember(times.now, Operation::Reverse, &answer);
                match self.checked(answer) {
                    Ok(Verdict::Reversed) => self.end(State::Reversed, Notice::Reversed, times.now),
                    // earlier, the charge may still be on its way, or its QR be scanned
                    Ok(Verdict::NotFound)
                        if self.elapsed_ms(times) >= self.dead_after_ms(times) =>
                    {
                        self.end(State::Reversed, Notice::Reversed, times.now)
                    }
                    Ok(Verdict::NotReversible { acquirer_ref, .. })
                        if self.is_pre_authorisation() =>
                    {
                        self.stays_held(acquirer_ref, times)
                    }
                    Ok(Verdict::NotReversible { acquirer_ref, .. }) => {
                        self.approve_and_refund(acquirer_ref, times)
                    }
                    _ => vec![self.undo_again(times)],
                }
            }
            Event::Answer {
                operation: Operation::Query,
                answer,
            } if self.awaits(Operation::Query, self.latest_reversal(times)) => {
                self.remember(times.now, Operation::Query, &answer);
                match self.checked(answer) {
                    Ok(
                        Verdict::Approved { acquirer_ref, .. }
                        | Verdict::NotReversible { acquirer_ref, .. },
                    ) if !self.is_pre_authorisation() => {
                        self.approve_and_refund(acquirer_ref, times)
                    }
                    Ok(Verdict::Reversed | Verdict::Declined { .. }) => {
                        self.end(State::Reversed, Notice::Reversed, times.now)
                    }
                    Ok(Verdict::NotFound)
                        if self.elapsed_ms(times) >= times.acquirer.auto_close_ms =>
                    {
                        self.end(State::Reversed, Notice::Reversed, times.now)
                    }
                    _ => vec![self.again(Timer::Reverse, Operation::Query, times)],
                }
            }
            _ => Vec::new(),
        }
    }

    /// Begins to undo the order. The stand is free from here on.
    pub(in crate::domain::payment) fn reverse(
        &mut self,
        reason: Reason,
        times: &Times,
    ) -> Vec<Effect> {
        self.state = State::Reversing;
        self.reason = Some(reason);
        let wait_ms = self.until_reversible_ms(times);
        let undo = if wait_ms == 0 {
            self.undo_now(times)
        } else {
            self.due_in(wait_ms, times);
            vec![Effect::Schedule(Timer::Reverse, wait_ms)]
        };
        let begun = vec![
            Effect::Record,
            Effect::Disarm,
            Effect::Show(Notice::Reversing),
        ];
        let undo = undo.into_iter().filter(|effect| *effect != Effect::Record);
        begun.into_iter().chain(undo).collect()
    }

    /// From here on an order that the acquirer does not know can't come into being any more: no
    /// charge is on its way, and a QR that was shown has died by itself.
    fn dead_after_ms(&self, times: &Times) -> u64 {
        let clock = &times.acquirer;
        match self.qr {
            Some(_) => clock.qr_expiry_ms.saturating_add(clock.give_up_ms),
            None => clock.give_up_ms,
        }
    }

    /// Whether the acquirer still takes a reversal.
    pub(super) fn may_reverse(&self, times: &Times) -> bool {
        // what is held is let go of days later, and there is nothing to refund
        self.is_pre_authorisation() || times.now <= self.latest_reversal(times)
    }

    fn latest_reversal(&self, times: &Times) -> Timestamp {
        let submitted = self.submitted_at.unwrap_or(self.opened_at);
        submitted.plus_ms(times.acquirer.reverse_not_after_ms)
    }

    fn undo_now(&mut self, times: &Times) -> Vec<Effect> {
        let wait_ms = self.until_reversible_ms(times);
        if wait_ms > 0 {
            self.due_in(wait_ms, times);
            return vec![Effect::Schedule(Timer::Reverse, wait_ms)];
        }
        if self.may_reverse(times) {
            return self.put_question(Operation::Reverse, times);
        }
        self.put_question(Operation::Query, times)
    }

    /// The next reversal; past the last one, not before it must have been answered.
    fn undo_again(&mut self, times: &Times) -> Effect {
        if self.may_reverse(times) {
            return self.again(Timer::Reverse, Operation::Reverse, times);
        }
        let wait_ms = times.acquirer.question_bound_ms();
        self.due_in(wait_ms, times);
        Effect::Schedule(Timer::Reverse, wait_ms)
    }

    /// Paid at the last moment, after the till was told otherwise: the money goes back by itself.
    fn approve_and_refund(&mut self, acquirer_ref: String, times: &Times) -> Vec<Effect> {
        self.acquirer_ref = Some(acquirer_ref);
        // nothing is shown: the customer was told that no money is kept, and none will be
        self.end(State::Approved, Notice::Reversing, times.now);
        self.pay_back(PAID_TOO_LATE, times)
    }

    /// All of it, once, under an id that is the same after every restart.
    pub(in crate::domain) fn pay_back(&mut self, why: &str, times: &Times) -> Vec<Effect> {
        self.replaced_by.clear();
        let id = RefundId::automatic(self.id);
        self.begin_automatic_refund(id, why, times)
    }

    pub(in crate::domain::payment) fn until_reversible_ms(&self, times: &Times) -> u64 {
        times
            .acquirer
            .reverse_not_before_ms
            .saturating_sub(self.elapsed_ms(times))
    }
}
