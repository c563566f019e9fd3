//! What the till asks of a counter.

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{Counter, CounterStatus, Live, Waiter, trial::Tried};
use crate::{
    domain::{
        code::Secret,
        ids::{AcquirerId, PaymentId, RefundId},
        money::Money,
        offline::budget::Share,
        payment::{Event, Fingerprint, Opening, Origin, Part, Payment, Reason, State},
        readiness::Obstacle,
        refund::ByWhom,
        tender::{Means, Presented, Tender},
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
    /// The person or the program's token.
    pub by: Option<String>,
    /// The card's money is held only.
    pub pre_authorise: bool,
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
    pub by_whom: ByWhom,
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
        if self.next_number.is_none() {
            return Err(Refused::NotReady(vec![Obstacle::Starting]));
        }
        if begin.pre_authorise && !self.pre_authorises(begin.tender) {
            return Err(Refused::NoPreAuthorisation);
        }
        let id = begin.id.unwrap_or_else(|| self.new_payment_id());
        let opening = Opening {
            id,
            counter: self.deps.id.clone(),
            money: begin.money,
            tender: begin.tender,
            origin: begin.origin,
            reference: begin.reference,
            fingerprint: begin.fingerprint,
            number: 0,
            opened_by: begin.by,
        };
        let part = begin
            .pre_authorise
            .then_some(Part::PreAuthorisation { completion: None });
        let now = self.deps.clock.now();
        let mut live = Live::new(Payment::open_part(opening, part, now));
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
        self.end_trial(Tried::Overtaken);
        self.at_stand = Some(id);
        self.offer_amount_entry();
        self.open_in_turn(id, live, waiter, ctx);
        Ok(id)
    }

    fn first_event(&self, tender: Tender, money: Money) -> Event {
        let presented = match tender {
            Tender::MerchantQr => Presented::merchant_qr(),
            Tender::Card if self.deps.devices.has_own_acquirer() => Presented::at_terminal(),
            _ => return Event::Collect,
        };
        match self.route(Means::new(tender, None), money) {
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
    type Result = ResponseActFuture<Self, Result<Payment, Refused>>;

    fn handle(&mut self, Cancel(id): Cancel, ctx: &mut Context<Self>) -> Self::Result {
        let event = Event::Cancel(Reason::CashierCancelled);
        let ended = |ended: Result<Payment, Refused>, _: &mut Self, _: &mut Context<Self>| {
            ended.and_then(cancelled)
        };
        if !self.live.contains_key(&id) {
            return Box::pin(self.step_as_read(id, event).map(ended));
        }
        let (waiter, stepped) = oneshot::channel();
        self.step(id, event, Some(waiter), ctx);
        Box::pin(heard(stepped).into_actor(self).map(ended))
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
        let refund = self.new_refund_id();
        let event = Event::RequestRefund {
            id: refund,
            money: begin.money,
            reason: begin.reason,
            fingerprint: begin.fingerprint,
            by_whom: begin.by_whom,
        };
        let begun = self.step_as_read(begin.payment, event);
        let answered = begun.map(move |begun, _, _| begun.map(|payment| (payment, refund)));
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
