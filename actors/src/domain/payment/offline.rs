//! A card accepted without the acquirer's word, and its way to the acquirer afterwards.
//!
//! The goods are gone, so nothing is undone: the charge is sent when the way is free, in the order
//! in which the store accepted, and the acquirer says paid (`Confirmed`) or not (`RefusedLater`).
//! No answer is asked about like any other. Only an order that the acquirer does not know, past the
//! time in which a request can still be on its way, is sent again, and under the same number, so
//! that it moves money once.

use super::{
    Answer, NoAnswer, Notice, Operation, Payment, Reason, Resolving, State, Verdict,
    machine::{Effect, Event, Timer, Times},
    resolver::masked,
};
use crate::domain::{
    ids::AcquirerId,
    offline::{CardToken, Offline},
    tender::Presented,
};

impl Payment {
    /// What is presented is kept for later, and the counter's share of the budget covers it.
    pub(super) fn accept_offline(
        &mut self,
        presented: Presented,
        card: CardToken,
        times: &Times,
    ) -> Vec<Effect> {
        self.state = State::ApprovedOffline;
        self.presented = Some(presented);
        self.offline = Some(Offline {
            accepted_at: times.now,
            card,
            forwards: 0,
        });
        let money = self.money;
        let mut effects = vec![
            Effect::Record,
            Effect::Disarm,
            Effect::Show(Notice::AcceptedOffline { money }),
        ];
        effects.extend(self.wants_signature().then_some(Effect::AskSignature));
        effects
    }

    pub(super) fn on_accepted_offline(&mut self, event: Event, times: &Times) -> Vec<Effect> {
        match event {
            Event::Forward { acquirer } if self.waits_for_forwarding() => {
                self.forward(acquirer, times)
            }
            Event::CardLost if self.offline.is_some() => self.refuse_later(Reason::CardLost, times),
            // not at the acquirer: it ends here, and the customer is still there
            Event::Cancel(reason) if self.waits_for_forwarding() => {
                let mut effects = self.cancel(reason, times.now);
                effects.push(Effect::ForgetCard);
                effects
            }
            Event::Answer {
                operation: operation @ (Operation::Charge | Operation::Query),
                answer,
            } if self.resolving.is_some() => self.forward_answered(operation, answer, times),
            Event::Timer(Timer::Query) if self.resolving.is_some() => {
                self.put_question(Operation::Query, times)
            }
            _ => Vec::new(),
        }
    }

    /// The intent is on disk before the charge leaves.
    fn forward(&mut self, acquirer: AcquirerId, times: &Times) -> Vec<Effect> {
        self.acquirer = Some(acquirer);
        self.submitted_at = Some(times.now);
        let first_query = times.now.plus_ms(times.acquirer.first_query_ms);
        self.resolving = Some(Resolving::begun(times.now, first_query));
        if let Some(offline) = &mut self.offline {
            offline.forwards = offline.forwards.saturating_add(1);
        }
        self.asked(Operation::Charge, times.now);
        vec![Effect::Record, Effect::Forward]
    }

    fn forward_answered(
        &mut self,
        operation: Operation,
        answer: Answer,
        times: &Times,
    ) -> Vec<Effect> {
        self.remember(times.now, operation, &answer);
        match self.checked(answer) {
            Ok(
                Verdict::Approved { acquirer_ref, .. }
                | Verdict::NotReversible { acquirer_ref, .. },
            ) => self.confirm(acquirer_ref, times),
            Ok(Verdict::Declined { code, text }) => {
                let reason = Reason::Acquirer {
                    acquirer_code: code,
                    text: masked(&text),
                };
                self.refuse_later(reason, times)
            }
            Ok(Verdict::Reversed) => self.refuse_later(Reason::UndoneElsewhere, times),
            Ok(Verdict::NotFound) if self.elapsed_ms(times) >= times.acquirer.give_up_ms => {
                self.wait_for_forwarding()
            }
            Err(NoAnswer::NotSent(_)) if operation == Operation::Charge => {
                // nobody has heard of it: any acquirer may be the next
                self.acquirer = None;
                self.wait_for_forwarding()
            }
            Ok(Verdict::NotFound | Verdict::Verifying | Verdict::Pending { .. }) | Err(_) => {
                vec![self.again(Timer::Query, Operation::Query, times)]
            }
        }
    }

    /// Provably not at the acquirer: it takes its turn again. What an acquirer said not to know
    /// goes there again, under the same number.
    fn wait_for_forwarding(&mut self) -> Vec<Effect> {
        self.resolving = None;
        self.submitted_at = None;
        vec![Effect::Record]
    }

    fn confirm(&mut self, acquirer_ref: String, times: &Times) -> Vec<Effect> {
        self.acquirer_ref = Some(acquirer_ref);
        let mut effects = self.end_quietly(State::Confirmed, times);
        effects.extend(self.look_for_doubles());
        effects
    }

    fn refuse_later(&mut self, reason: Reason, times: &Times) -> Vec<Effect> {
        self.reason = Some(reason);
        self.end_quietly(State::RefusedLater, times)
    }

    /// The stand is long another customer's: nothing is shown there.
    fn end_quietly(&mut self, state: State, times: &Times) -> Vec<Effect> {
        self.state = state;
        self.ended_at = Some(times.now);
        self.resolving = None;
        vec![Effect::Record, Effect::ForgetCard]
    }

    /// After a restart: what had been sent is asked about, what had not waits for its turn.
    pub(super) fn take_up_offline(&mut self, times: &Times) -> Vec<Effect> {
        if self.resolving.is_some() {
            self.resume(Timer::Query, times)
        } else {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests;
