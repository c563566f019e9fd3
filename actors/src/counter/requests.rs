//! What the till asks of a counter.

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{Counter, CounterStatus, Live, Waiter, steps::answer};
use crate::{
    domain::{
        code::Secret,
        ids::{AcquirerId, PaymentId, RefundId},
        money::Money,
        offline::budget::Share,
        payment::{
            Effect, Event, Fingerprint, Opening, Origin, Payment, Reason, State, Transition,
        },
        readiness::Obstacle,
        tender::{Presented, Tender},
    },
    ports::Instrument,
    store::requests::Refused,
};

/// Begins a payment at the stand; answers once it is on disk.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Payment, Refused>")]
pub struct Begin {
    /// Where the caller has named it elsewhere already.
    pub id: Option<PaymentId>,
    pub money: Money,
    pub tender: Tender,
    pub origin: Origin,
    pub reference: Option<String>,
    pub fingerprint: Option<Fingerprint>,
}

/// Another payment for the same reference is about to begin: answers with the payment as it is on
/// disk, tied to the other if it may still pay.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Payment, Refused>")]
pub struct Replace {
    pub payment: PaymentId,
    pub by: PaymentId,
}

/// Cancels what is collecting, reverses what was submitted.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Result<Payment, Refused>")]
pub struct Cancel(pub PaymentId);

/// Begins a refund of a payment that this counter took.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<(Payment, RefundId), Refused>")]
pub struct BeginRefund {
    pub payment: PaymentId,
    pub money: Money,
    pub reason: Option<String>,
    pub fingerprint: Option<Fingerprint>,
}

/// A code seen by something other than the stand's scanner.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<PaymentId, Refused>")]
pub struct Present(pub Secret);

/// The turn of a payment that was accepted offline has come. Answers when the acquirer has, or did
/// not.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Payment, Refused>")]
pub struct Forward {
    pub payment: PaymentId,
    pub acquirer: AcquirerId,
}

/// Give back what you don't need of the offline budget; answers with what you keep.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Share")]
pub struct GiveBack;

#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "CounterStatus")]
pub struct GetStatus;

impl Counter {
    /// Opens a payment and lets it begin as soon as it is on disk.
    pub(super) fn begin(
        &mut self,
        begin: Begin,
        waiter: Option<Waiter>,
        ctx: &mut Context<Self>,
    ) -> Result<PaymentId, Refused> {
        if begin.money.is_zero() {
            return Err(Refused::ZeroAmount);
        }
        if begin.money.currency() != self.deps.settings.currency {
            return Err(Refused::ForeignCurrency(self.deps.settings.currency));
        }
        let readiness = self.readiness(begin.tender);
        if !readiness.ready {
            return Err(Refused::NotReady(readiness.obstacles));
        }
        let Some(number) = self.next_number else {
            return Err(Refused::NotReady(vec![Obstacle::Starting]));
        };
        let id = begin.id.unwrap_or_else(|| self.new_payment_id());
        let opening = Opening {
            id,
            counter: self.deps.id.clone(),
            money: begin.money,
            tender: begin.tender,
            origin: begin.origin,
            reference: begin.reference,
            fingerprint: begin.fingerprint,
            number,
        };
        let mut live = Live::new(Payment::open(opening, self.deps.clock.now()));
        let at_terminal = begin.tender == Tender::Card && self.deps.devices.has_own_acquirer();
        if at_terminal {
            live.waiting.push_back((Event::Collect, None));
        }
        live.waiting
            .push_back((self.first_event(begin.tender, begin.money), None));
        match begin.tender {
            Tender::MerchantQr => live.instrument = Some(Instrument::MerchantQr),
            _ if at_terminal => live.instrument = Some(Instrument::AtTerminal),
            _ => {}
        }
        let transition = Transition {
            payment: live.payment.clone(),
            effects: vec![Effect::Record],
        };
        self.live.insert(id, live);
        self.at_stand = Some(id);
        self.offer_amount_entry();
        self.write(id, transition, waiter, ctx);
        Ok(id)
    }

    fn first_event(&self, tender: Tender, money: Money) -> Event {
        let presented = match tender {
            Tender::MerchantQr => Presented::merchant_qr(),
            Tender::Card if self.deps.devices.has_own_acquirer() => Presented::at_terminal(),
            _ => return Event::Collect,
        };
        match self.route(tender, None, money) {
            Ok(route) => Event::Present {
                presented,
                acquirer: route.profile.id.clone(),
            },
            Err(no_route) => Event::StopCollecting(no_route.reason()),
        }
    }
}

/// The answer of a step that may take until the journal has spoken.
pub(super) async fn heard(
    stepped: oneshot::Receiver<Result<Payment, Refused>>,
) -> Result<Payment, Refused> {
    stepped
        .await
        .unwrap_or_else(|_| Err(Refused::NoAnswer("the counter".into())))
}

impl Handler<Begin> for Counter {
    type Result = ResponseFuture<Result<Payment, Refused>>;

    fn handle(&mut self, begin: Begin, ctx: &mut Context<Self>) -> Self::Result {
        let (waiter, opened) = oneshot::channel();
        match self.begin(begin, Some(waiter), ctx) {
            Ok(_) => Box::pin(heard(opened)),
            Err(refused) => Box::pin(async move { Err(refused) }),
        }
    }
}

impl Handler<Replace> for Counter {
    type Result = ResponseFuture<Result<Payment, Refused>>;

    fn handle(&mut self, replace: Replace, ctx: &mut Context<Self>) -> Self::Result {
        let id = replace.payment;
        if !self.live.contains_key(&id) {
            let disk = self.deps.disk.clone();
            return Box::pin(async move { disk.payment(id).await?.ok_or(Refused::NoSuchPayment) });
        }
        let (waiter, stepped) = oneshot::channel();
        let event = Event::Replaced { by: replace.by };
        self.step(id, event, Some(waiter), ctx);
        Box::pin(heard(stepped))
    }
}

impl Handler<Cancel> for Counter {
    type Result = ResponseFuture<Result<Payment, Refused>>;

    fn handle(&mut self, Cancel(id): Cancel, ctx: &mut Context<Self>) -> Self::Result {
        if !self.live.contains_key(&id) {
            let disk = self.deps.disk.clone();
            return Box::pin(async move {
                match disk.payment(id).await? {
                    Some(payment) => cancelled(payment),
                    None => Err(Refused::NoSuchPayment),
                }
            });
        }
        let (waiter, stepped) = oneshot::channel();
        self.step(
            id,
            Event::Cancel(Reason::CashierCancelled),
            Some(waiter),
            ctx,
        );
        Box::pin(async move { heard(stepped).await.and_then(cancelled) })
    }
}

/// Cancelling twice is no error; cancelling what has ended otherwise is.
fn cancelled(payment: Payment) -> Result<Payment, Refused> {
    match payment.state {
        State::Cancelled | State::Reversing | State::Reversed => Ok(payment),
        other => Err(Refused::NotCancellable(other)),
    }
}

impl Handler<BeginRefund> for Counter {
    type Result = ResponseActFuture<Self, Result<(Payment, RefundId), Refused>>;

    fn handle(&mut self, begin: BeginRefund, _: &mut Context<Self>) -> Self::Result {
        let disk = self.deps.disk.clone();
        let id = begin.payment;
        let refund = self.new_refund_id();
        let found = async move { disk.payment(id).await };
        let asked = found.into_actor(self).map(move |found, this, ctx| {
            let (waiter, stepped) = oneshot::channel();
            match found {
                // what lives here is newer than what was read
                Ok(Some(payment)) => {
                    this.live.entry(id).or_insert_with(|| Live::new(payment));
                    let event = Event::RequestRefund {
                        id: refund,
                        money: begin.money,
                        reason: begin.reason,
                        fingerprint: begin.fingerprint,
                    };
                    this.step(id, event, Some(waiter), ctx);
                }
                Ok(None) => answer(Some(waiter), Err(Refused::NoSuchPayment)),
                Err(failed) => answer(Some(waiter), Err(failed.into())),
            }
            stepped
        });
        let answered = asked.then(move |stepped, this, _| {
            async move { heard(stepped).await.map(|payment| (payment, refund)) }.into_actor(this)
        });
        Box::pin(answered)
    }
}

impl Handler<Present> for Counter {
    type Result = Result<PaymentId, Refused>;

    fn handle(&mut self, Present(code): Present, ctx: &mut Context<Self>) -> Self::Result {
        let id = self.at_stand.ok_or(Refused::NotCollecting)?;
        match self.code_presented(id, &code, ctx) {
            Some(Ok(())) => Ok(id),
            Some(Err(why)) => Err(why.into()),
            None => Err(Refused::NotCollecting),
        }
    }
}

impl Handler<GetStatus> for Counter {
    type Result = MessageResult<GetStatus>;

    fn handle(&mut self, _: GetStatus, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.status())
    }
}
