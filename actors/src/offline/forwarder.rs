//! Gives each payment that was accepted offline its turn to be charged, once an acquirer can be
//! reached.
//!
//! One at a time and in the order of acceptance, so that live payments, which have places of their
//! own at the acquirer's desk, never wait for the backlog. A payment whose charge got no answer is
//! not waited for: the resolver asks about it, and the next one has its turn. One that did not
//! leave the house ends the round: the way is not free after all.

use std::{sync::Arc, time::Duration};

use actix::prelude::*;
use tokio::time::timeout;

use super::Counters;
use crate::{
    counter::{AcquirerRoute, requests::Forward},
    domain::{
        ids::AcquirerId,
        payment::{Payment, State},
        tender::Tender,
    },
    ports::{ASK_TIMEOUT, JournalDisk},
    supervisor::Heartbeat,
};

const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Beyond the acquirer's own bound, for the counter's steps onto the disk.
const MARGIN: Duration = Duration::from_secs(25);

#[derive(Clone)]
pub struct ForwarderDeps {
    pub disk: Arc<dyn JournalDisk>,
    pub counters: Counters,
    /// In order of preference.
    pub acquirers: Vec<AcquirerRoute>,
}

/// Gives turns. See the module.
pub struct Forwarder {
    deps: ForwarderDeps,
    is_busy: bool,
    /// Where the journal stood when a round found nothing to do.
    idle_at: Option<u64>,
}

impl Forwarder {
    pub fn new(deps: ForwarderDeps) -> Self {
        Self {
            deps,
            is_busy: false,
            idle_at: None,
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        let is_free = |route: &AcquirerRoute| route.status.borrow().reachable;
        let tip = self.deps.disk.tip().seq;
        let is_idle = self.idle_at == Some(tip);
        if self.is_busy || is_idle || !self.deps.acquirers.iter().any(is_free) {
            return;
        }
        self.is_busy = true;
        let round = round(self.deps.clone());
        ctx.spawn(round.into_actor(self).map(move |found, this, _| {
            this.is_busy = false;
            this.idle_at = (found == Found::Nothing).then_some(tip);
        }));
    }
}

/// What a round found in the journal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Nothing waits, until the journal says otherwise.
    Nothing,
    Work,
}

async fn round(deps: ForwarderDeps) -> Found {
    let Ok(Ok(unsettled)) = timeout(ASK_TIMEOUT, deps.disk.unsettled()).await else {
        return Found::Work;
    };
    let mut waiting: Vec<Payment> = unsettled
        .into_iter()
        .filter(Payment::waits_for_forwarding)
        .collect();
    if waiting.is_empty() {
        return Found::Nothing;
    }
    waiting.sort_by_key(|payment| (payment.offline.map(|one| one.accepted_at), payment.id));
    for payment in waiting {
        let Some(route) = deps.acquirers.iter().find(|route| takes(route, &payment)) else {
            continue;
        };
        let Some(counter) = deps.counters.holder(&payment.counter) else {
            continue;
        };
        let bound = Duration::from_millis(route.profile.clock.question_bound_ms()) + MARGIN;
        let acquirer: AcquirerId = route.profile.id.clone();
        let forward = Forward {
            payment: payment.id,
            acquirer,
        };
        match counter.ask(forward, bound).await {
            Ok(Ok(after)) if after.state == State::RefusedLater => {
                tracing::warn!(payment = %after.id, money = %after.money, "refused after it was accepted offline");
            }
            Ok(Ok(after)) if after.waits_for_forwarding() => return Found::Work,
            Ok(Ok(_)) => {}
            Ok(Err(refused)) => {
                tracing::warn!(payment = %payment.id, error = %refused, "could not be forwarded");
            }
            Err(failed) => {
                tracing::warn!(payment = %payment.id, error = %failed, "could not be forwarded");
            }
        }
    }
    Found::Work
}

/// Whether this acquirer can be asked now. A payment that may be known to one already goes there.
fn takes(route: &AcquirerRoute, payment: &Payment) -> bool {
    let profile = &route.profile;
    let scheme = payment.presented.as_ref().and_then(|one| one.scheme);
    let is_its = payment
        .acquirer
        .as_ref()
        .is_none_or(|acquirer| *acquirer == profile.id);
    is_its
        && route.status.borrow().reachable
        && profile.tenders.contains(&Tender::Card)
        && scheme.is_none_or(|scheme| profile.schemes.contains(&scheme))
        && profile.currencies.contains(&payment.money.currency())
}

impl Actor for Forwarder {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(LOOK_INTERVAL, Self::look);
    }
}

impl Handler<Heartbeat> for Forwarder {
    type Result = ();

    fn handle(&mut self, _: Heartbeat, _: &mut Context<Self>) {}
}
