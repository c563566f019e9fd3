//! Accepting a card while no acquirer can be reached, and charging it afterwards.
//!
//! Who lends the budget is asked for each payment. If it can't be reached, the counter goes on
//! within the lease it has: what it was lent is nobody else's. The card is in the vault before the
//! acceptance is in the journal, and the acceptance is there before anybody is told.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{
    Counter, Live,
    requests::{Forward, GiveBack},
};
use crate::{
    acquirer::AskForward,
    domain::{
        ids::PaymentId,
        offline::{
            CardToken, OfflineLimits, OfflineRefused,
            budget::{Exposure, Share, card_has_room},
        },
        payment::{Event, NoAnswer, Operation, Payment, Reason},
        tender::{Presented, Scheme, Tender},
    },
    offline::{Claim, Lender, Release},
    ports::{CardVault, Charge, Instrument, JournalDisk, VaultFailed},
    store::requests::Refused,
    supervisor::{AskFailed, Handle},
    wire::emv::CardRead,
};

/// The customer stands there: whoever lends answers at once or is not asked.
const CLAIM_WITHIN: Duration = Duration::from_secs(3);

/// What a counter needs to accept cards offline. The vault is there in any case: what was accepted
/// before is charged, though nothing more may be accepted.
#[derive(Clone)]
pub struct OfflineDeps {
    pub vault: Arc<dyn CardVault>,
    pub lending: Option<(OfflineLimits, Handle<Lender>)>,
}

/// A card on its way into the vault.
struct Offered {
    id: PaymentId,
    exposure: Exposure,
    card: Box<CardRead>,
    /// Whether the lease that the counter has covers it.
    within_lease: bool,
}

impl Counter {
    /// Acquirers take this, and none of them can be reached.
    pub(super) fn is_cut_off(&self, tender: Tender, scheme: Option<Scheme>) -> bool {
        let mut fitting = self
            .fitting(tender, scheme, self.deps.settings.currency)
            .peekable();
        fitting.peek().is_some() && fitting.all(|route| !route.status.borrow().reachable)
    }

    /// Why no card would be accepted offline now, as far as it can be told without one.
    pub(super) fn offline_closed(&self) -> Option<OfflineRefused> {
        if self.deps.offline.lending.is_none() {
            return Some(OfflineRefused::NotEnabled);
        }
        self.deps.signals.offline_closed()
    }

    pub(super) fn accept_offline(
        &mut self,
        id: PaymentId,
        card: Box<CardRead>,
        needs_pin: bool,
        ctx: &mut Context<Self>,
    ) {
        let Some(live) = self.live.get(&id) else {
            return;
        };
        let money = live.payment.money;
        let Some((limits, lender)) = self.deps.offline.lending.clone() else {
            return self.refuse_offline(id, OfflineRefused::NotEnabled, ctx);
        };
        if let Err(why) = limits.admit(card.scheme, money, needs_pin) {
            return self.refuse_offline(id, why, ctx);
        }
        let vault = Arc::clone(&self.deps.offline.vault);
        let exposure = Exposure {
            counter: self.deps.id.clone(),
            money,
            card: vault.token(&card),
            at: self.deps.clock.now(),
        };
        let share = Share::of(money);
        let offered = Offered {
            id,
            within_lease: self.lease.covers(self.outstanding().plus(share)),
            exposure,
            card: card.clone(),
        };
        let presented = Presented {
            funding: card.funding(&self.deps.settings.cards),
            signature: card.signature || self.needs_signature(money),
            ..Presented::card(card.scheme, card.pan.masked())
        };
        let token = offered.exposure.card;
        if let Some(live) = self.live.get_mut(&id) {
            // nothing else is taken for this payment meanwhile
            live.card = Some(card);
        }
        self.accepting = Some((id, share));
        let disk = Arc::clone(&self.deps.disk);
        let kept = keep(offered, limits, lender, disk, vault);
        ctx.spawn(kept.into_actor(self).map(move |kept, this, ctx| {
            this.kept(id, presented, token, kept, ctx);
        }));
    }

    fn kept(
        &mut self,
        id: PaymentId,
        presented: Presented,
        card: CardToken,
        kept: Result<Option<Share>, OfflineRefused>,
        ctx: &mut Context<Self>,
    ) {
        if let Ok(Some(lease)) = kept {
            self.lease = lease;
        }
        if !self.is_collecting(id) {
            // cancelled, or too slow
            self.accepting = None;
            return self.forget_card(id, ctx);
        }
        match kept {
            Ok(_) => self.step(id, Event::AcceptOffline { presented, card }, None, ctx),
            Err(why) => {
                self.accepting = None;
                self.forget_card(id, ctx);
                self.refuse_offline(id, why, ctx);
            }
        }
    }

    fn refuse_offline(&mut self, id: PaymentId, why: OfflineRefused, ctx: &mut Context<Self>) {
        let reason = Reason::OfflineRefused { why };
        self.step(id, Event::StopCollecting(reason), None, ctx);
    }

    /// What this counter has accepted and the acquirer has not settled.
    fn outstanding(&self) -> Share {
        let own = self
            .live
            .values()
            .filter(|live| live.payment.counter == self.deps.id);
        let exposures = own.filter_map(|live| live.payment.exposure());
        let booked = exposures.fold(Share::default(), |sum, one| sum.plus(Share::of(one.money)));
        let on_its_way = self.accepting.filter(|(id, _)| {
            let collecting = |live: &Live| live.payment.exposure().is_none();
            self.live.get(id).is_some_and(collecting)
        });
        on_its_way.map_or(booked, |(_, share)| booked.plus(share))
    }

    /// Destroys what was kept of a card, and frees the budget.
    pub(super) fn forget_card(&mut self, id: PaymentId, ctx: &mut Context<Self>) {
        if let Some((_, lender)) = &self.deps.offline.lending {
            // one that is away reads the journal when it is back
            let _ = lender.try_send(Release(id));
        }
        let vault = Arc::clone(&self.deps.offline.vault);
        let destroyed = async move { vault.destroy(id).await };
        ctx.spawn(destroyed.into_actor(self).map(move |destroyed, _, _| {
            if let Err(failed) = destroyed {
                // it is tried again when the vault is swept
                tracing::error!(payment = %id, error = %failed, "a card could not be destroyed");
            }
        }));
    }

    pub(super) fn forward(&mut self, id: PaymentId, ctx: &mut Context<Self>) {
        let Some(live) = self.live.get_mut(&id) else {
            return;
        };
        let waiter = live.forwarding.take();
        let (money, reference) = (live.payment.money, live.payment.reference.clone());
        let counter = live.payment.counter.clone();
        let (desk, vault) = (self.desk_of(id), Arc::clone(&self.deps.offline.vault));
        let answer = move |answer| Event::Answer {
            operation: Operation::Charge,
            answer,
        };
        let forwarded = async move {
            let (desk, bound) = match desk {
                Ok(found) => found,
                Err(failed) => return answer(Err(NoAnswer::NotSent(failed.to_string()))),
            };
            let card = match vault.read(id).await {
                Ok(Some(card)) => Box::new(card),
                Ok(None) | Err(VaultFailed::Unreadable) => return Event::CardLost,
                Err(failed) => return answer(Err(NoAnswer::NotSent(failed.to_string()))),
            };
            let charge = Charge {
                order: id,
                counter,
                money,
                instrument: Instrument::Card {
                    card,
                    pin_block: None,
                },
                reference,
            };
            answer(match desk.ask(AskForward(charge), bound).await {
                Ok(said) => said,
                Err(failed @ (AskFailed::Absent | AskFailed::Full)) => {
                    Err(NoAnswer::NotSent(failed.to_string()))
                }
                Err(failed) => Err(NoAnswer::Internal(failed.to_string())),
            })
        };
        ctx.spawn(forwarded.into_actor(self).map(move |event, this, ctx| {
            this.step(id, event, waiter, ctx);
        }));
    }
}

/// The claim, then the vault. Gives the lease, if whoever lends could be asked.
async fn keep(
    offered: Offered,
    limits: OfflineLimits,
    lender: Handle<Lender>,
    disk: Arc<dyn JournalDisk>,
    vault: Arc<dyn CardVault>,
) -> Result<Option<Share>, OfflineRefused> {
    let claim = Claim {
        payment: offered.id,
        exposure: offered.exposure.clone(),
    };
    let lease = match lender.ask(claim, CLAIM_WITHIN).await {
        Ok(granted) => Some(granted?),
        Err(failed) => {
            tracing::warn!(error = %failed, "the budget can't be asked: the counter's own lease counts");
            within_own_lease(&offered, &limits, &disk).await?;
            None
        }
    };
    vault
        .keep(offered.id, &offered.card)
        .await
        .map_err(|failed| {
            tracing::error!(error = %failed, "a card could not be kept");
            OfflineRefused::NotKept
        })?;
    Ok(lease)
}

/// Without whoever lends: the lease, and what the journal says of the card and of the age.
async fn within_own_lease(
    offered: &Offered,
    limits: &OfflineLimits,
    disk: &Arc<dyn JournalDisk>,
) -> Result<(), OfflineRefused> {
    if !offered.within_lease {
        return Err(OfflineRefused::BudgetUsedUp);
    }
    let unsettled = disk
        .unsettled()
        .await
        .map_err(|_| OfflineRefused::NotKept)?;
    let exposures: Vec<Exposure> = unsettled.iter().filter_map(Payment::exposure).collect();
    let is_old = |one: &Exposure| offered.exposure.at.since_ms(one.at) > limits.max_age_ms;
    if exposures.iter().any(is_old) {
        return Err(OfflineRefused::TooOld);
    }
    let same = exposures
        .iter()
        .filter(|one| one.card == offered.exposure.card);
    card_has_room(limits, same.map(|one| one.money), offered.exposure.money)
}

impl Handler<GiveBack> for Counter {
    type Result = MessageResult<GiveBack>;

    fn handle(&mut self, _: GiveBack, _: &mut Context<Self>) -> Self::Result {
        self.lease = self.outstanding();
        MessageResult(self.lease)
    }
}

impl Handler<Forward> for Counter {
    type Result = ResponseFuture<Result<Payment, Refused>>;

    fn handle(&mut self, forward: Forward, ctx: &mut Context<Self>) -> Self::Result {
        let id = forward.payment;
        let Some(live) = self.live.get_mut(&id) else {
            return Box::pin(async { Err(Refused::NoSuchPayment) });
        };
        let (waiter, answered) = oneshot::channel();
        live.forwarding = Some(waiter);
        let (begun, stepped) = oneshot::channel();
        let event = Event::Forward {
            acquirer: forward.acquirer,
        };
        self.step(id, event, Some(begun), ctx);
        Box::pin(async move {
            let payment = super::requests::heard(stepped).await?;
            if payment.resolving.is_none() {
                // its turn had passed
                return Ok(payment);
            }
            super::requests::heard(answered).await
        })
    }
}
