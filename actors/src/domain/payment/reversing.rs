//! Reversing: until the acquirer says that the order holds no money, or that it is too late.
//!
//! Late answers to the charge or to a query change nothing here: the reversal's own answer tells
//! where the money went.

use super::{
    Notice, Operation, Payment, Reason, State, Verdict,
    machine::{Effect, Event, Timer, Times},
};
use crate::domain::ids::RefundId;

impl Payment {
    /// Reversing: until the acquirer says that the order holds no money, or that it is too late.
    pub(super) fn on_reversing(&mut self, event: Event, times: &Times) -> Vec<Effect> {
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

    pub(super) fn reverse(&mut self, reason: Reason, times: &Times) -> Vec<Effect> {
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

    pub(super) fn until_reversible_ms(&self, times: &Times) -> u64 {
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
