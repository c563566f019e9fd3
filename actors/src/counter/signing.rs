//! Signatures: the terminal asks for one where it can, a screen of the console may be quicker, and
//! otherwise the slip leaves room for a pen.

use actix::prelude::*;

use super::Counter;
use crate::{
    device::CommandKind,
    domain::{
        ids::PaymentId,
        payment::{Event, Payment},
        signature::Drawing,
        slip,
    },
    store::requests::Refused,
};

/// The customer has signed: answers once it is on disk.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Payment, Refused>")]
pub struct Sign {
    pub payment: PaymentId,
    pub drawing: Drawing,
}

impl Counter {
    /// A card pays more than the limit only with a signature.
    pub(super) fn needs_signature(&self, money: crate::domain::money::Money) -> bool {
        let limit = self.deps.settings.signature_above;
        limit.is_some_and(|limit| money.exceeds(limit).unwrap_or(false))
    }

    pub(super) fn ask_signature(&self, id: PaymentId) {
        if let Some(live) = self.live.get(&id) {
            let money = live.payment.money;
            self.command(id, CommandKind::AskSignature { money });
        }
    }

    /// The slip of a payment that may live on in the journal alone. Without a signature it leaves
    /// room for a pen.
    pub(super) fn print_slip(&self, id: PaymentId, ctx: &mut Context<Self>) {
        if !self.deps.settings.print_slips {
            return;
        }
        if let Some(live) = self.live.get(&id) {
            return self.print_slip_of(&live.payment);
        }
        let disk = self.deps.disk.clone();
        let found = async move { disk.payment(id).await };
        ctx.spawn(
            found
                .into_actor(self)
                .map(move |found, this, _| match found {
                    Ok(Some(payment)) => this.print_slip_of(&payment),
                    Ok(None) => {}
                    Err(failed) => {
                        tracing::warn!(payment = %id, error = %failed, "a slip was not printed")
                    }
                }),
        );
    }

    pub(super) fn print_slip_of(&self, payment: &Payment) {
        let lines = slip::lines(payment, &self.deps.settings.letterhead);
        let room_for_pen = payment.wants_signature();
        let print = CommandKind::Print {
            lines,
            room_for_pen,
        };
        self.command(payment.id, print);
    }
}

impl Handler<Sign> for Counter {
    type Result = ResponseActFuture<Self, Result<Payment, Refused>>;

    fn handle(&mut self, sign: Sign, _: &mut Context<Self>) -> Self::Result {
        self.step_as_read(sign.payment, Event::Sign(sign.drawing))
    }
}
