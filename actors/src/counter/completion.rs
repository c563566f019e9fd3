//! Taking what a pre-authorisation holds. The completion is a payment of its own, which needs no
//! customer and no stand; the pre-authorisation is tied to it, on disk, before it begins.

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{Counter, Live, requests::heard};
use crate::{
    domain::{
        ids::PaymentId,
        money::Money,
        payment::{Event, Fingerprint, Opening, Origin, Part, Payment, Timer},
        tender::{Presented, Tender},
    },
    ports::Instrument,
    store::requests::Refused,
};

/// Takes `money` of what `payment` holds, as payment `by`; answers with that one once it is on
/// disk.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Payment, Refused>")]
pub struct Complete {
    pub payment: PaymentId,
    pub by: PaymentId,
    pub money: Money,
    pub fingerprint: Option<Fingerprint>,
    /// The person or the program's token.
    pub opened_by: Option<String>,
}

impl Counter {
    fn begin_completion(
        &mut self,
        held: Payment,
        complete: Complete,
        ctx: &mut Context<Self>,
    ) -> oneshot::Receiver<Result<Payment, Refused>> {
        let opening = Opening {
            id: complete.by,
            counter: self.deps.id.clone(),
            money: complete.money,
            tender: Tender::Card,
            origin: Origin::Till,
            reference: held.reference,
            fingerprint: complete.fingerprint,
            number: 0,
            opened_by: complete.opened_by,
        };
        let part = Part::Completion { of: held.id };
        let now = self.deps.clock.now();
        let mut live = Live::new(Payment::open_part(opening, Some(part), now));
        if let (Some(presented), Some(acquirer)) = (held.presented, held.acquirer) {
            // the customer has signed for what is held
            let presented = Presented {
                signature: false,
                ..presented
            };
            let present = Event::Present {
                presented,
                acquirer,
            };
            live.waiting.push_back((present, None));
        }
        live.instrument = Some(Instrument::Held { of: held.id });
        let (waiter, opened) = oneshot::channel();
        self.open_in_turn(complete.by, live, Some(waiter), ctx);
        opened
    }

    /// A completion that has ended tells its pre-authorisation, which would look by itself later.
    pub(super) fn tell_the_hold(&mut self, id: PaymentId, ctx: &mut Context<Self>) {
        let ended = self.live.get(&id).filter(|live| live.payment.is_settled());
        if let Some(of) = ended.and_then(|live| live.payment.completes())
            && self.live.contains_key(&of)
        {
            self.step(of, Event::Timer(Timer::Completion), None, ctx);
        }
    }
}

impl Handler<Complete> for Counter {
    type Result = ResponseActFuture<Self, Result<Payment, Refused>>;

    fn handle(&mut self, complete: Complete, _: &mut Context<Self>) -> Self::Result {
        let tie = Event::Complete {
            by: complete.by,
            money: complete.money,
        };
        let tied = self.step_as_read(complete.payment, tie);
        let begun = tied.map(|tied, this, ctx| Ok(this.begin_completion(tied?, complete, ctx)));
        Box::pin(begun.then(|begun: Result<_, Refused>, this, _| {
            async move { heard(begun?).await }.into_actor(this)
        }))
    }
}
