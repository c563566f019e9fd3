//! What providers tell: a customer has paid at the counter's sticker, or something is new about a
//! payment.
//!
//! A sticker's payment holds no stand, so several may come while somebody pays there. What is said
//! of it waits until the stand is free; its slip does not. Openings take turns, so that the
//! counter's numbers have no gaps.

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{Counter, Live, Waiter, requests::heard};
use crate::{
    device::CommandKind,
    domain::{
        ids::{AcquirerId, PaymentId},
        money::Money,
        payment::{Effect, Event, Fingerprint, Notice, Opening, Origin, Payment, Transition},
        readiness::Obstacle,
        sticker::Claim,
        tender::{Scheme, Tender},
    },
    store::requests::Refused,
};

/// Words that wait at most: the slips and the list of payments have all.
const UNSAID_MAX: usize = 32;

/// Opens what a provider says was paid; answers once it is on disk. The provider is asked next.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Payment, Refused>")]
pub struct TakeClaim {
    pub id: PaymentId,
    pub money: Money,
    pub acquirer: AcquirerId,
    pub scheme: Scheme,
    pub claim: Claim,
    pub fingerprint: Fingerprint,
}

/// A provider says something of this payment. Answers with the payment as it is on disk.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Payment, Refused>")]
pub struct Notified {
    pub payment: PaymentId,
    /// The provider's number and the amount, if it says that it was paid.
    pub paid: Option<(String, Money)>,
}

impl Counter {
    /// Writes an opening when its turn has come: only then it has a number.
    pub(super) fn open_in_turn(
        &mut self,
        id: PaymentId,
        mut live: Live,
        waiter: Option<Waiter>,
        ctx: &mut Context<Self>,
    ) {
        live.writing = true;
        self.live.insert(id, live);
        self.openings.push_back((id, waiter));
        self.open_next(ctx);
    }

    pub(super) fn open_next(&mut self, ctx: &mut Context<Self>) {
        if self.opening.is_some() {
            return;
        }
        let Some(number) = self.next_number else {
            return;
        };
        while let Some((id, waiter)) = self.openings.pop_front() {
            let Some(live) = self.live.get_mut(&id) else {
                continue;
            };
            live.payment.number = number;
            let transition = Transition {
                payment: live.payment.clone(),
                effects: vec![Effect::Record],
            };
            self.opening = Some(id);
            return self.write(id, transition, waiter, ctx);
        }
    }

    pub(super) fn claim_of(&self, id: PaymentId) -> Option<Claim> {
        self.live.get(&id)?.payment.claim.clone()
    }

    /// It never holds the stand: somebody else may be paying there.
    pub(super) fn is_beside_the_stand(&self, id: PaymentId) -> bool {
        let is_beside =
            |payment: &Payment| payment.claim.is_some() || payment.completes().is_some();
        let live = self.live.get(&id);
        live.is_some_and(|live| is_beside(&live.payment))
    }

    /// Nobody at this counter is told of what may be another's.
    pub(super) fn show_aside(&mut self, id: PaymentId, notice: Notice, ctx: &mut Context<Self>) {
        let Some(live) = self.live.get(&id) else {
            return;
        };
        let is_anothers = live.payment.claim.as_ref().is_some_and(|one| !one.matched);
        if is_anothers || !notice.is_last_word() {
            return;
        }
        let has_slip = matches!(notice, Notice::Approved { .. } | Notice::Refunded { .. });
        if has_slip && self.deps.settings.print_slips {
            self.print_slip_of(&live.payment);
        }
        if self.unsaid.len() < UNSAID_MAX {
            self.unsaid.push_back((id, notice));
        }
        if self.at_stand.is_none() && self.lingering.is_none() {
            self.say_next(ctx);
        }
    }

    /// The next words that waited, if the stand is free.
    pub(super) fn say_next(&mut self, ctx: &mut Context<Self>) -> bool {
        if self.at_stand.is_some() || !self.takes_money() {
            return false;
        }
        let Some((id, notice)) = self.unsaid.pop_front() else {
            return false;
        };
        self.command(id, CommandKind::Show(notice));
        self.linger(ctx);
        true
    }
}

impl Handler<TakeClaim> for Counter {
    type Result = ResponseFuture<Result<Payment, Refused>>;

    fn handle(&mut self, take: TakeClaim, ctx: &mut Context<Self>) -> Self::Result {
        if self.next_number.is_none() {
            return Box::pin(async { Err(Refused::NotReady(vec![Obstacle::Starting])) });
        }
        if take.money.is_zero() {
            return Box::pin(async { Err(Refused::ZeroAmount) });
        }
        // told of again while its opening waits for a slow disk: it is told of once more
        let is_same = |live: &Live| {
            let claim = live.payment.claim.as_ref();
            claim.is_some_and(|claim| claim.transaction == take.claim.transaction)
                && live.payment.acquirer.as_ref() == Some(&take.acquirer)
        };
        if self.live.values().any(is_same) {
            return Box::pin(async { Err(Refused::NoAnswer("the journal".into())) });
        }
        let opening = Opening {
            id: take.id,
            counter: self.deps.id.clone(),
            money: take.money,
            tender: Tender::MerchantQr,
            origin: Origin::Sticker,
            reference: None,
            fingerprint: Some(take.fingerprint),
            number: 0,
            opened_by: None,
        };
        let by = (take.acquirer, take.scheme);
        let now = self.deps.clock.now();
        let mut live = Live::new(Payment::open_claim(opening, by, take.claim, now));
        live.waiting.push_back((Event::Claimed, None));
        let (waiter, opened) = oneshot::channel();
        self.open_in_turn(take.id, live, Some(waiter), ctx);
        Box::pin(heard(opened))
    }
}

impl Handler<Notified> for Counter {
    type Result = ResponseActFuture<Self, Result<Payment, Refused>>;

    fn handle(&mut self, notified: Notified, ctx: &mut Context<Self>) -> Self::Result {
        let id = notified.payment;
        let event = Event::Notified {
            paid: notified.paid,
        };
        let (waiter, stepped) = oneshot::channel();
        if self.live.contains_key(&id) {
            self.step(id, event, Some(waiter), ctx);
            return Box::pin(heard(stepped).into_actor(self));
        }
        let disk = self.deps.disk.clone();
        let found = async move { disk.payment(id).await };
        let taken = found.into_actor(self).map(move |found, this, ctx| {
            let payment = found?.ok_or(Refused::NoSuchPayment)?;
            this.live.entry(id).or_insert_with(|| Live::new(payment));
            this.step(id, event, Some(waiter), ctx);
            Ok(stepped)
        });
        let answered = taken.then(|stepped: Result<_, Refused>, this, _| {
            async move { heard(stepped?).await }.into_actor(this)
        });
        Box::pin(answered)
    }
}
