//! Beginning a payment: once per idempotency key, and tied first to every payment for the same
//! reference that may still turn out paid (`domain/double`).

use std::sync::Arc;

use actix::prelude::*;

use super::{
    COUNTER_TIMEOUT, Holders, Store, no_answer,
    requests::{OpenPayment, Opened, Refused},
    used_before,
};
use crate::{
    counter::requests as counter,
    domain::{ids::PaymentId, payment::Payment},
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
            if let Some(payment) = used_before(&disk, open.fingerprint.as_ref()).await? {
                let same = payment.fingerprint == open.fingerprint;
                return if same {
                    Ok(Opened {
                        payment,
                        repeated: true,
                    })
                } else {
                    Err(Refused::KeyReused)
                };
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
            };
            let begun = counter.ask(begin, COUNTER_TIMEOUT).await;
            Ok(Opened {
                payment: begun.map_err(no_answer)??,
                repeated: false,
            })
        })
    }
}

/// Tells every payment for `reference` that may still pay of the one that is about to begin.
async fn tie(
    disk: &Arc<dyn JournalDisk>,
    holders: &Holders,
    reference: &str,
    by: PaymentId,
) -> Result<(), Refused> {
    let unsettled = disk.unsettled().await?;
    let earlier = unsettled
        .into_iter()
        .filter(|payment| payment.reference.as_deref() == Some(reference))
        .filter(Payment::may_still_pay);
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
