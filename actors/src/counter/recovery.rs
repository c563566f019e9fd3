//! Taking up what was under way: after a start of the program, after a restart of this actor, and
//! at intervals, so that no payment in the journal is without somebody who asks for it (PAY-3).

use std::{collections::BTreeSet, time::Duration};

use actix::prelude::*;

use super::{Counter, Live, steps::append_until_known};
use crate::{
    domain::{
        ids::CounterId,
        payment::{Event, Payment},
        record::Body,
    },
    mutants::{self, Mutant},
    ports::JournalFailed,
};

/// How often the journal is looked through for payments that nobody holds.
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);

/// A payment younger than this may still be on its way into this actor's memory.
const SWEEP_MIN_AGE_MS: u64 = 20_000;

impl Counter {
    pub(super) fn begin_recovery(&mut self, ctx: &mut Context<Self>) {
        let (journal, disk) = (self.deps.journal.clone(), self.deps.disk.clone());
        let event = "counter started".to_owned();
        let counter = self.deps.id.clone();
        let started = Body::Device {
            device: format!("counter {}", self.deps.id),
            event,
        };
        let read = async move {
            // answered after all that a former incarnation had handed in, so that nothing of it is
            // missed
            append_until_known(journal, started).await?;
            let last_number = disk.last_number(&counter).await?;
            Ok((last_number, disk.unsettled().await?))
        };
        ctx.spawn(read.into_actor(self).map(
            |read: Result<(u64, Vec<Payment>), JournalFailed>, this, ctx| {
                let unsettled = read.map(|(last_number, unsettled)| {
                    this.next_number = match mutants::is_planted(Mutant::SequenceReused) {
                        true => Some(1),
                        false => Some(last_number + 1),
                    };
                    unsettled
                });
                this.recovered = this.adopt(unsettled, 0, ctx);
                if this.recovered {
                    this.offer_amount_entry();
                }
            },
        ));
        ctx.run_interval(SWEEP_INTERVAL, |this, ctx| {
            let disk = this.deps.disk.clone();
            let tip = disk.tip().seq;
            // twice the same: what is in the journal was old enough at the last sweep already
            let is_known = this.swept == [tip, tip] && this.recovered;
            this.swept = [this.swept[1], tip];
            if is_known {
                return;
            }
            let read = async move { disk.unsettled().await };
            ctx.spawn(read.into_actor(this).map(|unsettled, this, ctx| {
                this.recovered |= this.adopt(unsettled, SWEEP_MIN_AGE_MS, ctx);
            }));
        });
    }

    fn looks_after(&self, counter: &CounterId) -> bool {
        let is_stranger = |configured: &BTreeSet<CounterId>| !configured.contains(counter);
        *counter == self.deps.id || self.deps.fosters.as_ref().is_some_and(is_stranger)
    }

    fn adopt(
        &mut self,
        unsettled: Result<Vec<Payment>, JournalFailed>,
        min_age_ms: u64,
        ctx: &mut Context<Self>,
    ) -> bool {
        let unsettled = match unsettled {
            Ok(unsettled) => unsettled,
            Err(failed) => {
                tracing::error!(counter = %self.deps.id, error = %failed, "what was under way can't be read");
                self.refused_by_journal(&failed);
                return false;
            }
        };
        let now = self.deps.clock.now();
        let own = unsettled
            .into_iter()
            .filter(|payment| self.looks_after(&payment.counter));
        let orphans: Vec<Payment> = own
            .filter(|payment| !self.live.contains_key(&payment.id))
            .filter(|payment| now.since_ms(payment.changed_at) >= min_age_ms)
            .collect();
        for payment in orphans {
            let id = payment.id;
            tracing::info!(counter = %self.deps.id, payment = %id, state = payment.state.as_str(), "taken up again");
            let is_own = payment.counter == self.deps.id;
            if is_own && payment.holds_stand() && self.at_stand.is_none() {
                self.at_stand = Some(id);
            }
            self.live.insert(id, Live::new(payment));
            self.step(id, Event::Recovered, None, ctx);
        }
        true
    }
}
