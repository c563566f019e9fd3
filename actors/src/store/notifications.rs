//! What providers tell: which payment it is about, or at whose sticker somebody has paid.
//!
//! One transaction becomes one payment, however often it is told of: its id is made once and is on
//! disk, under the provider's own number, before anybody is asked about it.

use std::sync::Arc;

use actix::prelude::*;

use super::{
    COUNTER_TIMEOUT, Store, no_answer,
    requests::{Refused, TakeNotification, Taken},
    used_before,
};
use crate::{
    counter::claims::{Notified, TakeClaim},
    domain::{
        ids::{AcquirerId, CounterId, PaymentId},
        office::entry::{Entry, STICKERS},
        payment::Payment,
        sticker::{Claim, Notification, Place, Sticker},
    },
    ports::JournalDisk,
};

/// Stickers of one label: more of one name are never issued.
const STICKERS_OF_ONE_LABEL: usize = 8;

impl Handler<TakeNotification> for Store {
    type Result = ResponseActFuture<Self, Result<Taken, Refused>>;

    fn handle(&mut self, take: TakeNotification, _: &mut Context<Self>) -> Self::Result {
        let TakeNotification { acquirer, told } = take;
        let told = match told.checked() {
            Ok(told) => told,
            Err(refused) => return Box::pin(async { Err(refused.into()) }.into_actor(self)),
        };
        let holders = self.holders();
        let counters: Vec<CounterId> = self.deps.counters.keys().cloned().collect();
        let disk = Arc::clone(&self.deps.disk);
        let id = self.new_payment_id();
        let fingerprint = told.fingerprint(&acquirer);
        let lock = format!("key {}", fingerprint.key);
        self.one_at_a_time([lock].into_iter(), async move {
            let paid = (told.is_paid).then(|| (told.transaction.clone(), told.money));
            if let Some(own) = own_payment(&disk, &acquirer, &told).await? {
                let notified = Notified {
                    payment: own.id,
                    paid,
                };
                let counter = holders.of(&own.counter)?;
                let asked = counter.ask(notified, COUNTER_TIMEOUT).await;
                asked.map_err(no_answer)??;
                return Ok(Taken::Asked(own.id));
            }
            if let Some(known) = used_before(&disk, Some(&fingerprint)).await? {
                return Ok(Taken::Repeated(known.id));
            }
            if !told.is_paid {
                return Ok(Taken::Nothing);
            }
            let place = Place::of(&told.labels, &issued(&disk, &told).await?, &counters);
            let first = || counters.first().cloned();
            let Some(counter) = place.counter.clone().or_else(first) else {
                return Ok(Taken::Nothing);
            };
            let take = TakeClaim {
                id,
                money: told.money,
                acquirer,
                scheme: told.scheme,
                claim: Claim::of(&told, &place),
                fingerprint,
            };
            let opened = holders.of(&counter)?.ask(take, COUNTER_TIMEOUT).await;
            let opened = opened.map_err(no_answer)??;
            Ok(match place.counter {
                Some(_) => Taken::Opened(opened.id),
                None => Taken::Unmatched(opened.id),
            })
        })
    }
}

/// The payment whose id is the order's number, if this acquirer was asked for it.
async fn own_payment(
    disk: &Arc<dyn JournalDisk>,
    acquirer: &AcquirerId,
    told: &Notification,
) -> Result<Option<Payment>, Refused> {
    let Ok(id) = told.order.parse::<PaymentId>() else {
        return Ok(None);
    };
    let payment = disk.payment(id).await?;
    Ok(payment.filter(|payment| payment.acquirer.as_ref() == Some(acquirer)))
}

/// The stickers that it may be about.
async fn issued(disk: &Arc<dyn JournalDisk>, told: &Notification) -> Result<Vec<Sticker>, Refused> {
    let mut found = Vec::new();
    for label in &told.labels {
        let prefix = format!("{STICKERS}{label}");
        let entries = disk.entries(&prefix, STICKERS_OF_ONE_LABEL).await?;
        found.extend(entries.into_iter().filter_map(|entry| match entry {
            Entry::Sticker(sticker) => Some(sticker),
            _ => None,
        }));
    }
    Ok(found)
}
