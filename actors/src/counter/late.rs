//! What is known of other payments, or becomes known after the end: late answers, and whether a
//! basket was paid twice.

use actix::prelude::*;
use futures_util::future::try_join_all;

use super::{Counter, Live};
use crate::domain::{
    double::{Standing, Tie},
    ids::PaymentId,
    payment::{Event, Payment, Timer, Verdict},
};

/// Before it is looked again, when the journal could not be read.
const READ_AGAIN_MS: u64 = 2_000;

impl Counter {
    /// An answer of the acquirer. The payment may have ended since the question was asked: an
    /// approval is taken up with the payment from the journal.
    pub(super) fn answered(&mut self, id: PaymentId, event: Event, ctx: &mut Context<Self>) {
        if self.live.contains_key(&id) || !claims_money(&event) {
            return self.step(id, event, None, ctx);
        }
        let disk = self.deps.disk.clone();
        let found = async move { disk.payment(id).await };
        ctx.spawn(found.into_actor(self).map(move |found, this, ctx| {
            match found {
                Ok(Some(payment)) => {
                    tracing::warn!(payment = %id, state = payment.state.as_str(), "an approval came after the end");
                    this.live.entry(id).or_insert_with(|| Live::new(payment));
                    this.step(id, event, None, ctx);
                }
                // the acquirer's own record of the money stays; reconciliation finds it
                Ok(None) => tracing::error!(payment = %id, "an approval for no known payment"),
                Err(failed) => tracing::error!(payment = %id, error = %failed, "a late approval could not be looked up"),
            }
        }));
    }

    /// Looks up how the payments that replaced this one stand.
    pub(super) fn look_for_doubles(&mut self, id: PaymentId, ctx: &mut Context<Self>) {
        if let Some(live) = self.live.get(&id) {
            let ties = live.payment.replaced_by.clone();
            self.look_up(id, ties, Timer::Doubles, Event::DoublesSeen, ctx);
        }
    }

    /// Looks up how the payment that takes what this one holds stands.
    pub(super) fn look_for_completion(&mut self, id: PaymentId, ctx: &mut Context<Self>) {
        if let Some(tie) = self
            .live
            .get(&id)
            .and_then(|live| live.payment.completion())
        {
            let seen = |standings: Vec<Standing>| {
                let standing = standings.first().copied();
                Event::CompletionSeen(standing.unwrap_or(Standing::Open))
            };
            self.look_up(id, vec![tie], Timer::Completion, seen, ctx);
        }
    }

    fn look_up(
        &self,
        id: PaymentId,
        ties: Vec<Tie>,
        timer: Timer,
        seen: fn(Vec<Standing>) -> Event,
        ctx: &mut Context<Self>,
    ) {
        let disk = self.deps.disk.clone();
        let read = async move {
            let known = try_join_all(ties.iter().map(|tie| disk.payment(tie.payment))).await?;
            Ok::<_, crate::ports::JournalFailed>((ties, known))
        };
        ctx.spawn(read.into_actor(self).map(move |read, this, ctx| match read {
            Ok((ties, known)) => {
                let now = this.deps.clock.now();
                let standing =
                    |(tie, known): (&Tie, &Option<Payment>)| tie.standing(known.as_ref(), now);
                let standings = ties.iter().zip(&known).map(standing).collect();
                this.step(id, seen(standings), None, ctx);
            }
            Err(failed) => {
                tracing::warn!(payment = %id, error = %failed, "how later payments stand can't be read");
                this.schedule(id, timer, READ_AGAIN_MS, ctx);
            }
        }));
    }
}

fn claims_money(event: &Event) -> bool {
    let Event::Answer {
        answer: Ok(answered),
        ..
    } = event
    else {
        return false;
    };
    matches!(
        answered.verdict,
        Verdict::Approved { .. } | Verdict::NotReversible { .. }
    )
}
