//! The double-payment guard: one basket, named by its `reference`, is paid once.
//!
//! While nobody knows whether a payment went through, the customer may pay the same basket
//! otherwise: with another tender, at another counter. The earlier payment is told so first, and on
//! disk (`Event::Replaced`); only then does the later one begin. If the earlier one turns out paid,
//! it waits for those that replaced it to end: when one of them was paid too, it is paid back, all
//! of it and once. When none was, it stays.
//!
//! A reference therefore names one thing to be paid. A till that splits a basket gives each part a
//! reference of its own.

use serde::{Deserialize, Serialize};

use super::{
    ids::PaymentId,
    payment::{Effect, Payment, Reason, State, Timer, machine::Times},
    timestamp::Timestamp,
};

/// How often one payment can be replaced.
pub const REPLACED_MAX: usize = 16;

/// How often it is looked how those that a payment is tied to stand.
pub(super) const LOOK_INTERVAL_MS: u64 = 2_000;

/// One that the journal does not know after so long was never begun: a counter's answer
/// takes far less.
const NEVER_BEGUN_AFTER_MS: u64 = 60_000;

/// Why the store pays back by itself.
const PAID_TWICE: &str = "paid twice: also by ";

/// A later payment that another one waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tie {
    pub payment: PaymentId,
    pub at: Timestamp,
}

/// How the later payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Paid(PaymentId),
    Open,
    /// It ended without money, or never began.
    Gone,
}

impl Tie {
    /// How it stands, by what the journal says of it.
    pub fn standing(self, known: Option<&Payment>, now: Timestamp) -> Standing {
        match known {
            Some(payment) if payment.state.is_paid() => Standing::Paid(self.payment),
            Some(payment) if payment.state.is_final() && !payment.is_in_doubt() => Standing::Gone,
            None if now.since_ms(self.at) >= NEVER_BEGUN_AFTER_MS => Standing::Gone,
            _ => Standing::Open,
        }
    }
}

impl Payment {
    /// Whether another payment for the same reference may be needed, and must be tied to this one.
    pub fn may_still_pay(&self) -> bool {
        !self.state.is_final() || self.is_in_doubt()
    }

    /// Whether the till has been told that the basket is paid.
    pub fn counts_as_paid(&self) -> bool {
        self.state.is_paid() || self.state.is_accepted_offline()
    }

    /// Paid or held, while it is not known whether those that replaced it are paid.
    pub fn is_perhaps_double(&self) -> bool {
        let has_money = self.state.is_paid() || self.state == State::Authorised;
        has_money && !self.replaced_by.is_empty()
    }

    pub(super) fn replaced(&mut self, by: PaymentId, times: &Times) -> Vec<Effect> {
        let is_known = self.replaced_by.iter().any(|known| known.payment == by);
        if is_known
            || !self.may_still_pay()
            || self.counts_as_paid()
            || self.replaced_by.len() >= REPLACED_MAX
        {
            return Vec::new();
        }
        self.replaced_by.push(Tie {
            payment: by,
            at: times.now,
        });
        vec![Effect::Record]
    }

    /// The first look, right after the approval.
    pub(super) fn look_for_doubles(&self) -> Vec<Effect> {
        if self.is_perhaps_double() {
            vec![Effect::LookForDoubles]
        } else {
            Vec::new()
        }
    }

    pub(super) fn doubles_seen(&mut self, standings: &[Standing], times: &Times) -> Vec<Effect> {
        if !self.is_perhaps_double() {
            return Vec::new();
        }
        let paid = standings.iter().find_map(|standing| match standing {
            Standing::Paid(by) => Some(*by),
            Standing::Open | Standing::Gone => None,
        });
        if paid.is_some() && self.is_pre_authorisation() {
            return self.let_go(Reason::PaidOtherwise, times);
        }
        if let Some(by) = paid {
            return self.pay_back(&format!("{PAID_TWICE}{by}"), times);
        }
        if standings.contains(&Standing::Open) {
            return vec![Effect::Schedule(Timer::Doubles, LOOK_INTERVAL_MS)];
        }
        self.replaced_by.clear();
        vec![Effect::Record]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        ids::RefundId,
        money::{Currency, Money},
        payment::{AcquirerClock, Event, Opening, Origin},
        tender::Tender,
    };

    fn id(n: u8) -> PaymentId {
        PaymentId::new(Timestamp::from_unix_ms(i64::from(n)), [n; 10])
    }

    fn payment(n: u8, state: State) -> Payment {
        let opening = Opening {
            id: id(n),
            counter: "01".parse().unwrap(),
            money: Money::parse("12.50", Currency::Cny).unwrap(),
            tender: Tender::CustomerCode,
            origin: Origin::Till,
            reference: Some("B1".into()),
            fingerprint: None,
            number: 0,
            opened_by: None,
        };
        let mut payment = Payment::open(opening, Timestamp::from_unix_ms(0));
        payment.state = state;
        payment
    }

    fn times(at_ms: i64) -> Times {
        Times {
            now: Timestamp::from_unix_ms(at_ms),
            acquirer: AcquirerClock::USUAL,
            collect_timeout_ms: 90_000,
        }
    }

    fn replaced(state: State) -> Payment {
        let payment = payment(1, state);
        let tied = payment.on(Event::Replaced { by: id(2) }, &times(5));
        assert_eq!(tied.effects, [Effect::Record]);
        let again = tied.payment.on(Event::Replaced { by: id(2) }, &times(6));
        assert_eq!(again.effects, [], "told twice");
        tied.payment
    }

    #[test]
    fn a_replacement_stands_as_the_journal_says() {
        let tie = Tie {
            payment: id(2),
            at: Timestamp::from_unix_ms(0),
        };
        for (state, standing) in [
            (State::Opened, Standing::Open),
            (State::Unknown, Standing::Open),
            (State::Reversing, Standing::Open),
            (State::Approved, Standing::Paid(id(2))),
            (State::Declined, Standing::Gone),
            (State::Cancelled, Standing::Gone),
            (State::Reversed, Standing::Gone),
            (State::ApprovedOffline, Standing::Open),
            (State::Confirmed, Standing::Paid(id(2))),
            (State::RefusedLater, Standing::Gone),
        ] {
            let known = payment(2, state);
            assert_eq!(
                tie.standing(Some(&known), Timestamp::from_unix_ms(1)),
                standing,
                "{state:?}"
            );
        }
        let at = |ms| tie.standing(None, Timestamp::from_unix_ms(ms));
        assert_eq!(
            at(59_999),
            Standing::Open,
            "it may be on its way to the disk"
        );
        assert_eq!(at(60_000), Standing::Gone);
    }

    #[test]
    fn paid_twice_is_paid_back_once() {
        let mut first = replaced(State::Unknown);
        first.state = State::Approved;
        assert!(!first.is_settled());
        assert_eq!(first.look_for_doubles(), [Effect::LookForDoubles]);
        let waits = first.on(Event::DoublesSeen(vec![Standing::Open]), &times(10));
        assert_eq!(
            waits.effects,
            [Effect::Schedule(Timer::Doubles, LOOK_INTERVAL_MS)]
        );
        let timer = waits
            .payment
            .on(Event::Timer(Timer::Doubles), &times(2_010));
        assert_eq!(timer.effects, [Effect::LookForDoubles]);
        let seen = Event::DoublesSeen(vec![Standing::Gone, Standing::Paid(id(2))]);
        let back = timer.payment.on(seen.clone(), &times(2_011));
        let refund = RefundId::automatic(id(1));
        assert_eq!(back.effects, [Effect::Record, Effect::Refund(refund)]);
        let kept = back.payment.refund(refund).unwrap();
        assert_eq!(kept.money, back.payment.money);
        assert_eq!(
            kept.reason.as_deref(),
            Some(format!("paid twice: also by {}", id(2)).as_str())
        );
        assert_eq!(back.payment.on(seen, &times(2_012)).effects, [], "once");
    }

    #[test]
    fn paid_once_stays_and_what_ended_without_money_asks_for_nothing() {
        let mut first = replaced(State::Unknown);
        first.state = State::Approved;
        let stays = first.on(Event::DoublesSeen(vec![Standing::Gone]), &times(10));
        assert_eq!(stays.effects, [Effect::Record]);
        assert!(stays.payment.is_settled() && stays.payment.refunds.is_empty());
        for state in [State::Declined, State::Cancelled, State::Reversed] {
            let mut ended = replaced(State::Unknown);
            ended.state = state;
            assert!(ended.is_settled());
            assert_eq!(ended.look_for_doubles(), []);
        }
        let paid = payment(1, State::Approved);
        assert_eq!(
            paid.on(Event::Replaced { by: id(2) }, &times(5)).effects,
            [],
            "what was known to be paid is not replaced"
        );
        let offline = payment(1, State::ApprovedOffline);
        let again = offline.on(Event::Replaced { by: id(2) }, &times(5));
        assert!(again.effects.is_empty() && offline.counts_as_paid());
    }
}
