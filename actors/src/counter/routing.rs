//! Which acquirer is asked: of those that take the tender, the scheme, the currency and the amount,
//! the first that can be reached, in the order of their configured priority, or the cheapest of
//! those where the store prefers that.
//!
//! A second one is tried only when the first provably got nothing (`NotSent`). Whatever else comes
//! back, or nothing, stays with the acquirer that was asked: money may have moved there.

use actix::Context;

use super::{AcquirerRoute, Counter, Live};
use crate::{
    domain::{
        ids::{AcquirerId, PaymentId},
        money::{Currency, Money},
        payment::{Answer, Event, NoAnswer, Operation, Payment, Reason, State},
        routing,
        tender::{Means, Scheme, Tender},
    },
    mutants::{self, Mutant},
};

/// Why nobody takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoute {
    NotTaken,
    /// Somebody would, but it is off for this store.
    NotEnabled,
    /// Somebody takes the like of it, for less.
    AboveLimit,
}

impl NoRoute {
    pub(super) const fn reason(self) -> Reason {
        match self {
            NoRoute::NotTaken => Reason::NoAcquirer,
            NoRoute::NotEnabled => Reason::NotEnabled,
            NoRoute::AboveLimit => Reason::AboveLimit,
        }
    }
}

/// Why not a byte of a charge left the house, if that is so.
fn unsent(answer: &Answer) -> Option<NoAnswer> {
    match answer {
        Err(why @ NoAnswer::NotSent(_)) => Some(why.clone()),
        Err(NoAnswer::TimedOut) if mutants::is_planted(Mutant::SecondAfterSilence) => {
            Some(NoAnswer::NotSent("so it is taken for".into()))
        }
        _ => None,
    }
}

impl Counter {
    /// The first that takes this and can be reached; if none can, the first.
    pub(super) fn route(&self, means: Means, money: Money) -> Result<&AcquirerRoute, NoRoute> {
        self.route_among(means, money, |_| true)
    }

    /// As `route`, of those that hold a card's money.
    pub(super) fn route_of_hold(
        &self,
        means: Means,
        money: Money,
    ) -> Result<&AcquirerRoute, NoRoute> {
        self.route_among(means, money, |route| route.profile.pre_authorises)
    }

    fn route_among(
        &self,
        means: Means,
        money: Money,
        fits: impl Fn(&AcquirerRoute) -> bool,
    ) -> Result<&AcquirerRoute, NoRoute> {
        let Means { tender, scheme, .. } = means;
        if !self.enables(tender, scheme) {
            return Err(NoRoute::NotEnabled);
        }
        let fitting = self.fitting(tender, scheme, money.currency());
        let mut fitting = fitting.filter(|route| fits(route)).peekable();
        if fitting.peek().is_none() {
            return Err(NoRoute::NotTaken);
        }
        let within = fitting.filter(|route| route.profile.is_within_limit(tender, money));
        let first = self.first(within, means, money);
        first.ok_or(NoRoute::AboveLimit)
    }

    /// Whether this stand can hold a card's money at all.
    pub(super) fn pre_authorises(&self, tender: Tender) -> bool {
        let mut takers = self.fitting(tender, None, self.deps.settings.currency);
        tender == Tender::Card
            && !self.deps.devices.has_own_acquirer()
            && takers.any(|route| route.profile.pre_authorises)
    }

    /// They come in the order of their configured priority.
    fn first<'a>(
        &self,
        takers: impl Iterator<Item = &'a AcquirerRoute>,
        means: Means,
        money: Money,
    ) -> Option<&'a AcquirerRoute> {
        let now = self.deps.clock.now();
        let prefer = &self.deps.settings.prefer;
        routing::first(
            takers,
            |route| route.status.borrow().reachable,
            |route| prefer.rank(&route.profile.id, means, money, now),
        )
    }

    /// Whether this store may take it at all.
    fn enables(&self, tender: Tender, scheme: Option<Scheme>) -> bool {
        let enabling = &self.deps.settings.enabling;
        let mut tenders = Tender::CONCRETE.into_iter();
        tenders.any(|concrete| tender.accepts(concrete) && enabling.takes(concrete))
            && scheme.is_none_or(|scheme| enabling.takes_scheme(scheme))
    }

    pub(super) fn fitting(
        &self,
        tender: Tender,
        scheme: Option<Scheme>,
        currency: Currency,
    ) -> impl Iterator<Item = &AcquirerRoute> + Clone {
        self.deps.acquirers.iter().filter(move |route| {
            let profile = &route.profile;
            let enabling = &self.deps.settings.enabling;
            let mut tenders = profile
                .tenders
                .iter()
                .filter(|taken| enabling.takes(**taken));
            let takes_tender = tenders.any(|taken| tender.accepts(*taken));
            let mut schemes = profile
                .schemes
                .iter()
                .filter(|s| enabling.takes_scheme(**s));
            let takes_scheme = schemes.any(|taken| scheme.is_none_or(|scheme| scheme == *taken));
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
        // what is held is held where it is
        if payment.part.is_some() {
            return false;
        }
        let Means { tender, scheme, .. } = payment.means();
        let mut fitting = self.fitting(tender, scheme, payment.money.currency());
        fitting.nth(1).is_some()
    }

    /// Another one than those that were asked in vain, which can be reached.
    fn way_round(&self, live: &Live) -> Option<AcquirerId> {
        let payment = &live.payment;
        if payment.state != State::Submitted || live.writing {
            return None;
        }
        let means = payment.means();
        let Means { tender, scheme, .. } = means;
        let others = self
            .fitting(tender, scheme, payment.money.currency())
            .filter(|route| {
                !live.in_vain.contains(&route.profile.id)
                    && route.profile.is_within_limit(tender, payment.money)
                    && route.status.borrow().reachable
            });
        let first = self.first(others, means, payment.money);
        first.map(|route| route.profile.id.clone())
    }

    /// The answer to a charge. If not a byte of it left the house, the next acquirer gets it.
    pub(super) fn charged(&mut self, id: PaymentId, answer: Answer, ctx: &mut Context<Self>) {
        let operation = Operation::Charge;
        let spare = self.live.get_mut(&id).and_then(|live| live.spare.take());
        let why = unsent(&answer);
        let (Some(why), Some(instrument)) = (why, spare) else {
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
        self.step(id, Event::Reroute { acquirer, why }, None, ctx);
    }
}
