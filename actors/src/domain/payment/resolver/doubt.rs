//! An approval that turns up after the end: asked about once more, and paid back.
//!
//! A late answer proves nothing by itself: the charge may have been approved before the reversal
//! that undid it. So nothing is paid back before the acquirer has been asked how the order stands
//! now, and not before every question sent earlier has ended. The payment stays what it was, since
//! that is what everybody was told; the refund beside it brings the money back, once.

use super::Resolving;
use crate::domain::{
    ids::RefundId,
    payment::{
        Answer, Operation, Payment, Reason, Verdict,
        machine::{Effect, Event, Timer, Times},
    },
};

/// Why the store pays back by itself.
const PAID_AFTER_THE_END: &str = "paid after the payment had ended";

impl Payment {
    /// Declined, Cancelled and Reversed: nothing more is expected to be said.
    pub(in crate::domain::payment) fn on_ended(
        &mut self,
        event: Event,
        times: &Times,
    ) -> Vec<Effect> {
        match event {
            Event::Answer { operation, answer } if self.is_in_doubt() => {
                self.told_in_doubt(operation, answer, times)
            }
            Event::Answer { operation, answer } => self.told_late(operation, answer, times),
            Event::Notified {
                paid: Some((_, money)),
            } if money == self.money => self.begin_doubt(times),
            Event::Timer(Timer::Query) if self.is_in_doubt() => {
                self.put_question(Operation::Query, times)
            }
            _ => Vec::new(),
        }
    }

    fn told_late(&mut self, operation: Operation, answer: Answer, times: &Times) -> Vec<Effect> {
        let claims_money = matches!(
            self.checked(answer.clone()),
            Ok(Verdict::Approved { .. } | Verdict::NotReversible { .. })
        );
        if !claims_money || self.is_paid_back() {
            return Vec::new();
        }
        self.remember(times.now, operation, &answer);
        self.begin_doubt(times)
    }

    fn is_paid_back(&self) -> bool {
        self.refund(RefundId::automatic(self.id)).is_some()
    }

    /// Somebody says that there is money after the end: it is asked about, once all that was asked
    /// before has been answered.
    fn begin_doubt(&mut self, times: &Times) -> Vec<Effect> {
        // the provider has given a claim's money back itself: that is no matter of the store's
        if self.is_paid_back() || self.is_in_doubt() || self.claim.is_some() {
            return Vec::new();
        }
        let wait_ms = times.acquirer.question_bound_ms();
        let due = times.now.plus_ms(wait_ms);
        self.resolving = Some(Resolving::begun(times.now, due));
        vec![Effect::Record, Effect::Schedule(Timer::Query, wait_ms)]
    }

    fn told_in_doubt(
        &mut self,
        operation: Operation,
        answer: Answer,
        times: &Times,
    ) -> Vec<Effect> {
        let since = self
            .resolving
            .map_or(times.now, |resolving| resolving.since);
        let is_ours = operation == Operation::Query && self.awaits(operation, since);
        self.remember(times.now, operation, &answer);
        if !is_ours {
            return Vec::new();
        }
        match self.checked(answer) {
            Ok(Verdict::Approved { .. }) if self.is_pre_authorisation() => {
                self.reverse(Reason::NoOutcomeInTime, times)
            }
            Ok(Verdict::Approved { acquirer_ref, .. }) => {
                self.resolving = None;
                self.acquirer_ref = Some(acquirer_ref);
                self.pay_back(PAID_AFTER_THE_END, times)
            }
            Ok(Verdict::Declined { .. } | Verdict::Reversed) => {
                self.resolving = None;
                vec![Effect::Record]
            }
            Ok(Verdict::NotFound) if self.elapsed_ms(times) >= times.acquirer.auto_close_ms => {
                self.resolving = None;
                vec![Effect::Record]
            }
            _ => vec![self.again(Timer::Query, Operation::Query, times)],
        }
    }
}
