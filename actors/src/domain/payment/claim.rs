//! A transaction that began at the provider: asked about until the provider's answer says that the
//! money is there.
//!
//! Opened -> Submitted -> Approved, or Reversed if the provider has given the money back meanwhile.
//! It is never charged, for nobody here asked for it, and never undone, for it is not the store's
//! order: what is not known stays on the list of what is unknown, and is asked again, at longer and
//! longer pauses. The provider's notification alone settles nothing.

use super::{
    Operation, Origin, Payment, Reason, Resolving, State, Verdict,
    machine::{Effect, Event, Timer, Times},
};
use crate::domain::{
    ids::AcquirerId,
    payment::Opening,
    sticker::Claim,
    tender::{Presented, Scheme},
    timestamp::Timestamp,
};

impl Payment {
    /// Opens what a provider told of.
    pub fn open_claim(
        opening: Opening,
        (acquirer, scheme): (AcquirerId, Scheme),
        claim: Claim,
        now: Timestamp,
    ) -> Self {
        Self {
            origin: Origin::Sticker,
            acquirer: Some(acquirer),
            presented: Some(Presented {
                scheme: Some(scheme),
                ..Presented::merchant_qr()
            }),
            claim: Some(claim),
            ..Self::open(opening, now)
        }
    }

    pub(super) fn on_claim(&mut self, event: Event, times: &Times) -> Vec<Effect> {
        match (self.state, event) {
            (State::Opened, Event::Claimed) => self.take_claim(times),
            (State::Opened, _) => Vec::new(),
            (_, Event::Answer { operation, answer }) if operation == Operation::Query => {
                self.remember(times.now, operation, &answer);
                match self.checked(answer) {
                    Ok(Verdict::Approved { acquirer_ref, .. }) => {
                        self.approve(acquirer_ref, times.now)
                    }
                    Ok(Verdict::Reversed) => {
                        self.state = State::Reversed;
                        self.reason = Some(Reason::UndoneElsewhere);
                        self.ended_at = Some(times.now);
                        self.resolving = None;
                        // nobody stands there any more
                        vec![Effect::Record]
                    }
                    _ => self.claim_waits(times),
                }
            }
            (_, Event::Timer(Timer::Query) | Event::Notified { .. }) => {
                self.put_question(Operation::Query, times)
            }
            _ => Vec::new(),
        }
    }

    /// The intent to ask is on disk before the provider is asked.
    pub(super) fn take_claim(&mut self, times: &Times) -> Vec<Effect> {
        self.state = State::Submitted;
        self.submitted_at = Some(times.now);
        self.resolving = Some(Resolving::begun(times.now, times.now));
        let question = self.put_question(Operation::Query, times);
        [Effect::Record].into_iter().chain(question).collect()
    }

    /// Whatever else is answered, the provider has said that it was paid: it is asked again.
    fn claim_waits(&mut self, times: &Times) -> Vec<Effect> {
        let is_news = self.state != State::Unknown;
        self.state = State::Unknown;
        let again = self.again(Timer::Query, Operation::Query, times);
        let record = is_news.then_some(Effect::Record);
        record.into_iter().chain([again]).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{order, times};
    use super::*;
    use crate::domain::{
        invariant,
        money::{Currency, Money},
        payment::{Answered, NoAnswer},
        tender::Tender,
    };

    fn money(text: &str) -> Money {
        Money::parse(text, Currency::Cny).unwrap()
    }

    fn told() -> Payment {
        let opening = Opening {
            id: order(),
            counter: "01".parse().unwrap(),
            money: money("12.50"),
            tender: Tender::MerchantQr,
            origin: Origin::Sticker,
            reference: None,
            fingerprint: None,
            number: 1,
            opened_by: None,
        };
        let claim = Claim {
            transaction: "T1".into(),
            order: "S1".into(),
            sent_at: None,
            label: Some("01-AAAAAAAA".into()),
            matched: true,
        };
        let by = ("a".parse().unwrap(), Scheme::Alipay);
        Payment::open_claim(opening, by, claim, Timestamp::from_unix_ms(0))
    }

    fn says(verdict: Verdict) -> Event {
        Event::Answer {
            operation: Operation::Query,
            answer: Ok(Answered {
                order: order(),
                verdict,
            }),
        }
    }

    fn paid(amount: &str) -> Event {
        says(Verdict::Approved {
            acquirer_ref: "T1".into(),
            money: money(amount),
            signature: false,
        })
    }

    #[test]
    fn it_is_asked_about_and_never_charged_undone_or_cancelled() {
        let asked = told().on(Event::Claimed, &times(1));
        assert_eq!(asked.payment.state, State::Submitted);
        assert_eq!(asked.effects, [Effect::Record, Effect::Query]);
        let mut payment = asked.payment;
        for (at_ms, event) in [
            (10, says(Verdict::NotFound)),
            (20, says(Verdict::Verifying)),
            (30, says(Verdict::Pending { qr: None })),
            // another amount than was told settles nothing
            (40, paid("12.51")),
            (50, Event::Cancel(Reason::CashierCancelled)),
            (60, Event::Timer(Timer::Query)),
            (90_000_000, Event::Timer(Timer::Query)),
            (
                90_000_001,
                Event::Answer {
                    operation: Operation::Query,
                    answer: Err(NoAnswer::TimedOut),
                },
            ),
        ] {
            let step = payment.on(event.clone(), &times(at_ms));
            let moves = [Effect::Charge, Effect::Reverse, Effect::Forward];
            let is_harmless = moves.iter().all(|effect| !step.effects.contains(effect));
            assert!(is_harmless, "{event:?}: {:?}", step.effects);
            payment = step.payment;
            assert!(!payment.state.is_final(), "{event:?}");
        }
        assert!(payment.is_unknown(), "it is on the list");
        let approved = payment.on(paid("12.50"), &times(90_000_002));
        assert_eq!(approved.payment.state, State::Approved);
        assert_eq!(approved.payment.acquirer_ref.as_deref(), Some("T1"));
        let late = approved.payment.on(
            Event::Notified {
                paid: Some(("T1".into(), money("12.50"))),
            },
            &times(90_000_003),
        );
        assert_eq!(late.effects, []);
    }

    #[test]
    fn a_crash_between_claim_and_answer_leads_to_the_same_question() {
        let opened = told().on(Event::Recovered, &times(1));
        assert_eq!(opened.payment.state, State::Submitted);
        assert_eq!(opened.effects, [Effect::Record, Effect::Query]);
        let asked_long_ago = opened.payment.on(Event::Recovered, &times(60_000));
        assert_eq!(asked_long_ago.effects, [Effect::Record, Effect::Query]);
        assert!(!asked_long_ago.payment.holds_stand());
    }

    #[test]
    fn a_claim_that_the_provider_has_undone_holds_no_money() {
        let asked = told().on(Event::Claimed, &times(1)).payment;
        let undone = asked.on(says(Verdict::Reversed), &times(2));
        assert_eq!(undone.payment.state, State::Reversed);
        assert_eq!(undone.payment.reason, Some(Reason::UndoneElsewhere));
        assert!(undone.payment.is_settled());
    }

    proptest! {
        #[test]
        fn whatever_happens_no_rule_is_broken(events in proptest::collection::vec(0_usize..8, 0..20)) {
            let all = [
                Event::Claimed,
                says(Verdict::NotFound),
                says(Verdict::Verifying),
                paid("12.50"),
                says(Verdict::Reversed),
                Event::Timer(Timer::Query),
                Event::Notified { paid: None },
                Event::Recovered,
            ];
            let mut payment = told();
            for (n, event) in (1..).zip(events) {
                let event = all[event].clone();
                let step = payment.on(event.clone(), &times(n));
                prop_assert_eq!(
                    invariant::of_step(&event, &payment, &step.payment, &step.effects),
                    Ok(())
                );
                prop_assert!(!step.effects.contains(&Effect::Charge));
                prop_assert!(!step.effects.contains(&Effect::Reverse));
                payment = step.payment;
            }
        }
    }
}
