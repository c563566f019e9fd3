//! Beginning a payment: once per idempotency key, and tied first to every payment for the same
//! reference that may still turn out paid (`domain/double`).

use std::sync::Arc;

use actix::prelude::*;

use super::{
    COUNTER_TIMEOUT, Holders, Store, no_answer,
    requests::{CompletePayment, OpenPayment, Opened, Refused},
    used_before,
};
use crate::{
    counter::{completion::Complete, requests as counter},
    domain::{
        ids::PaymentId,
        payment::{Fingerprint, Payment},
    },
    ports::JournalDisk,
};

impl Handler<OpenPayment> for Store {
    type Result = ResponseActFuture<Self, Result<Opened, Refused>>;

    fn handle(&mut self, open: OpenPayment, _: &mut Context<Self>) -> Self::Result {
        let counter = self.counter(&open.counter);
        let holders = self.holders();
        let disk = Arc::clone(&self.deps.disk);
        let id = self.new_payment_id();
        let key = open.fingerprint.as_ref().map(|one| one.key.clone());
        let locks = [
            key.map(|key| format!("key {key}")),
            open.reference
                .as_ref()
                .map(|one| format!("reference {one}")),
        ];
        self.one_at_a_time(locks.into_iter().flatten(), async move {
            if let Some(repeated) = opened_before(&disk, open.fingerprint.as_ref()).await? {
                return Ok(repeated);
            }
            let counter = counter?;
            if let Some(reference) = &open.reference {
                tie(&disk, &holders, reference, id).await?;
            }
            let begin = counter::Begin {
                id: Some(id),
                money: open.money,
                tender: open.tender,
                origin: open.origin,
                reference: open.reference,
                fingerprint: open.fingerprint,
                by: open.by,
                pre_authorise: open.pre_authorise,
            };
            let begun = counter.ask(begin, COUNTER_TIMEOUT).await;
            Ok(Opened {
                payment: begun.map_err(no_answer)??,
                repeated: false,
            })
        })
    }
}

impl Handler<CompletePayment> for Store {
    type Result = ResponseActFuture<Self, Result<Opened, Refused>>;

    fn handle(&mut self, complete: CompletePayment, _: &mut Context<Self>) -> Self::Result {
        let holders = self.holders();
        let disk = Arc::clone(&self.deps.disk);
        let by = self.new_payment_id();
        let key = complete.fingerprint.as_ref().map(|one| one.key.clone());
        let lock = key.map(|key| format!("key {key}"));
        self.one_at_a_time(lock.into_iter(), async move {
            if let Some(repeated) = opened_before(&disk, complete.fingerprint.as_ref()).await? {
                return Ok(repeated);
            }
            let held = disk.payment(complete.payment).await?;
            let held = held.ok_or(Refused::NoSuchPayment)?;
            let begin = Complete {
                payment: held.id,
                by,
                money: complete.money,
                fingerprint: complete.fingerprint,
                opened_by: complete.by,
            };
            let counter = holders.of(&held.counter)?;
            let begun = counter.ask(begin, COUNTER_TIMEOUT).await;
            Ok(Opened {
                payment: begun.map_err(no_answer)??,
                repeated: false,
            })
        })
    }
}

/// What the same request began before.
async fn opened_before(
    disk: &Arc<dyn JournalDisk>,
    key: Option<&Fingerprint>,
) -> Result<Option<Opened>, Refused> {
    match used_before(disk, key).await? {
        Some(payment) if payment.fingerprint.as_ref() == key => Ok(Some(Opened {
            payment,
            repeated: true,
        })),
        Some(_) => Err(Refused::KeyReused),
        None => Ok(None),
    }
}

/// Tells every payment for `reference` that may still pay of the one that is about to begin.
async fn tie(
    disk: &Arc<dyn JournalDisk>,
    holders: &Holders,
    reference: &str,
    by: PaymentId,
) -> Result<(), Refused> {
    let unsettled = disk.unsettled_of(reference).await?;
    let earlier = unsettled.into_iter().filter(Payment::may_still_pay);
    for payment in earlier {
        let replace = counter::Replace {
            payment: payment.id,
            by,
        };
        let asked = holders
            .of(&payment.counter)?
            .ask(replace, COUNTER_TIMEOUT)
            .await;
        let known = asked.map_err(no_answer)??;
        if known.counts_as_paid() {
            return Err(Refused::PaidAlready(known.id));
        }
        let is_tied = known.replaced_by.iter().any(|tie| tie.payment == by);
        if known.may_still_pay() && !is_tied {
            return Err(Refused::TooManyTries);
        }
    }
    Ok(())
}
