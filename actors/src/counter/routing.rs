//! Which acquirer is asked: of those that take the tender, the scheme, the currency and the amount,
//! the first that can be reached, in the order of their configured priority.
//!
//! A second one is tried only when the first provably got nothing (`NotSent`). Whatever else comes
//! back, or nothing, stays with the acquirer that was asked: money may have moved there.

use actix::Context;

use super::{AcquirerRoute, Counter, Live};
use crate::domain::{
    ids::{AcquirerId, PaymentId},
    money::{Currency, Money},
    payment::{Answer, Event, NoAnswer, Operation, Payment, Reason, State},
    tender::{Scheme, Tender},
};

/// Why nobody takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoute {
    NotTaken,
    /// Somebody takes the like of it, for less.
    AboveLimit,
}

impl NoRoute {
    pub(super) const fn reason(self) -> Reason {
        match self {
            NoRoute::NotTaken => Reason::NoAcquirer,
            NoRoute::AboveLimit => Reason::AboveLimit,
        }
    }
}

impl Counter {
    /// The first that takes this and can be reached; if none can, the first.
    pub(super) fn route(
        &self,
        tender: Tender,
        scheme: Option<Scheme>,
        money: Money,
    ) -> Result<&AcquirerRoute, NoRoute> {
        let mut fitting = self.fitting(tender, scheme, money.currency()).peekable();
        if fitting.peek().is_none() {
            return Err(NoRoute::NotTaken);
        }
        let within: Vec<_> = fitting
            .filter(|route| route.profile.is_within_limit(tender, money))
            .collect();
        let reachable = within.iter().find(|route| route.status.borrow().reachable);
        reachable
            .or(within.first())
            .copied()
            .ok_or(NoRoute::AboveLimit)
    }

    pub(super) fn fitting(
        &self,
        tender: Tender,
        scheme: Option<Scheme>,
        currency: Currency,
    ) -> impl Iterator<Item = &AcquirerRoute> + Clone {
        self.deps.acquirers.iter().filter(move |route| {
            let profile = &route.profile;
            let takes_tender = profile.tenders.iter().any(|taken| tender.accepts(*taken));
            let takes_scheme = scheme.is_none_or(|scheme| profile.schemes.contains(&scheme));
            takes_tender && takes_scheme && profile.currencies.contains(&currency)
        })
    }

    pub(super) fn route_of(&self, payment: &Payment) -> Option<&AcquirerRoute> {
        let id = payment.acquirer.as_ref()?;
        self.deps
            .acquirers
            .iter()
            .find(|route| route.profile.id == *id)
    }

    /// Whether somebody else takes the like of what this payment is paid with.
    pub(super) fn has_way_round(&self, payment: &Payment) -> bool {
        let scheme = payment.presented.as_ref().and_then(|paid| paid.scheme);
        let currency = payment.money.currency();
        let mut fitting = self.fitting(payment.actual_tender(), scheme, currency);
        fitting.nth(1).is_some()
    }

    /// Another one than those that were asked in vain, which can be reached.
    fn way_round(&self, live: &Live) -> Option<AcquirerId> {
        let payment = &live.payment;
        if payment.state != State::Submitted || live.writing {
            return None;
        }
        let tender = payment.actual_tender();
        let scheme = payment.presented.as_ref()?.scheme;
        let mut others = self
            .fitting(tender, scheme, payment.money.currency())
            .filter(|route| {
                !live.in_vain.contains(&route.profile.id)
                    && route.profile.is_within_limit(tender, payment.money)
                    && route.status.borrow().reachable
            });
        others.next().map(|route| route.profile.id.clone())
    }

    /// The answer to a charge. If not a byte of it left the house, the next acquirer gets it.
    pub(super) fn charged(&mut self, id: PaymentId, answer: Answer, ctx: &mut Context<Self>) {
        let operation = Operation::Charge;
        let spare = self.live.get_mut(&id).and_then(|live| live.spare.take());
        let (Err(why @ NoAnswer::NotSent(_)), Some(instrument)) = (&answer, spare) else {
            return self.answered(id, Event::Answer { operation, answer }, ctx);
        };
        if let Some(live) = self.live.get_mut(&id) {
            live.in_vain.extend(live.payment.acquirer.clone());
        }
        let other = self.live.get(&id).and_then(|live| self.way_round(live));
        let Some(acquirer) = other else {
            return self.answered(id, Event::Answer { operation, answer }, ctx);
        };
        tracing::warn!(payment = %id, to = %acquirer, %why, "the charge takes another way");
        if let Some(live) = self.live.get_mut(&id) {
            live.instrument = Some(instrument);
        }
        let why = why.clone();
        self.step(id, Event::Reroute { acquirer, why }, None, ctx);
    }
}
