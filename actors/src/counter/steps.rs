//! One step of a payment: event in, transition to the disk, effects out.
//!
//! This is where PAY-2 is kept: effects behind a `Record` are carried out in `written`, which runs
//! only after the journal has answered that the new state is on stable storage. While a transition
//! is being written further events of that payment wait in order.

use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{Counter, Live, Waiter, requests::heard};
use crate::{
    domain::{
        ids::PaymentId,
        invariant,
        payment::{
            AcquirerClock, CompletionRefused, Effect, Event, Notice, Payment, State, Transition,
            machine::Times,
        },
        record::Body,
    },
    journal::{Append, Journal},
    ports::JournalFailed,
    signal::Signal,
    store::requests::Refused,
    supervisor::Handle,
};

/// Events that may wait behind one write; timers and repeated answers beyond them come again by
/// themselves.
const WAITING_MAX: usize = 64;

/// How long one append may take before it is tried again. Repeating is harmless: a record holds the
/// whole state.
const APPEND_TIMEOUT: Duration = Duration::from_secs(10);
const APPEND_PAUSE: Duration = Duration::from_millis(100);

impl Counter {
    /// Feeds one event to its payment. `waiter` hears of the payment as it is once the step is
    /// durable.
    pub(super) fn step(
        &mut self,
        id: PaymentId,
        event: Event,
        waiter: Option<Waiter>,
        ctx: &mut Context<Self>,
    ) {
        let Some(live) = self.live.get_mut(&id) else {
            return answer(waiter, Err(Refused::NoSuchPayment));
        };
        if live.writing {
            if live.waiting.len() < WAITING_MAX {
                live.waiting.push_back((event, waiter));
            }
            return;
        }
        if let Err(refused) = check(&live.payment, &event) {
            self.forget_if_settled(id, ctx);
            return answer(waiter, Err(refused));
        }
        let times = self.times(id);
        let Some(live) = self.live.get_mut(&id) else {
            return;
        };
        let before = live.payment.clone();
        let transition = before.on(event.clone(), &times);
        if let Err(violation) =
            invariant::of_step(&event, &before, &transition.payment, &transition.effects)
        {
            tracing::error!(payment = %id, rule = violation.rule.name(), what = violation.what, "invariant broken");
            self.deps.signals.emit(Signal::InvariantBroken(violation));
        }
        if transition.effects.first() == Some(&Effect::Record) {
            self.write(id, transition, waiter, ctx);
        } else {
            live.payment = transition.payment;
            answer(waiter, Ok(live.payment.clone()));
            self.carry_out(id, transition.effects, ctx);
            self.forget_if_settled(id, ctx);
        }
    }

    /// As `step`, of a payment that may live on in the journal alone; answers as the step does.
    pub(super) fn step_as_read(
        &self,
        id: PaymentId,
        event: Event,
    ) -> ResponseActFuture<Self, Result<Payment, Refused>> {
        let disk = self.deps.disk.clone();
        let found = async move { disk.payment(id).await };
        let stepped = found.into_actor(self).map(move |found, this, ctx| {
            let (waiter, stepped) = oneshot::channel();
            match found {
                // what lives here is newer than what was read
                Ok(Some(payment)) => {
                    this.live.entry(id).or_insert_with(|| Live::new(payment));
                    this.step(id, event, Some(waiter), ctx);
                }
                Ok(None) => answer(Some(waiter), Err(Refused::NoSuchPayment)),
                Err(failed) => answer(Some(waiter), Err(failed.into())),
            }
            stepped
        });
        Box::pin(stepped.then(|stepped, this, _| heard(stepped).into_actor(this)))
    }

    /// Puts a transition on disk; its other effects follow in `written`.
    pub(super) fn write(
        &mut self,
        id: PaymentId,
        transition: Transition,
        waiter: Option<Waiter>,
        ctx: &mut Context<Self>,
    ) {
        if let Some(live) = self.live.get_mut(&id) {
            live.writing = true;
        }
        let body = Body::Payment {
            payment: Box::new(transition.payment.clone()),
        };
        let appended = append_until_known(self.deps.journal.clone(), body);
        let written = appended
            .into_actor(self)
            .map(move |outcome, this, ctx| this.written(id, transition, waiter, outcome, ctx));
        ctx.spawn(written);
    }

    fn written(
        &mut self,
        id: PaymentId,
        transition: Transition,
        waiter: Option<Waiter>,
        outcome: Result<(), JournalFailed>,
        ctx: &mut Context<Self>,
    ) {
        self.settle_step(id, transition, waiter, outcome, ctx);
        if self.opening == Some(id) {
            self.opening = None;
            self.open_next(ctx);
        }
    }

    fn settle_step(
        &mut self,
        id: PaymentId,
        transition: Transition,
        waiter: Option<Waiter>,
        outcome: Result<(), JournalFailed>,
        ctx: &mut Context<Self>,
    ) {
        let Some(live) = self.live.get_mut(&id) else {
            return;
        };
        live.writing = false;
        if let Err(failed) = outcome {
            return self.not_written(id, failed, waiter);
        }
        live.payment = transition.payment;
        if live.payment.counter == self.deps.id {
            // used up once it is on disk, and not before: one opening at a time is on its way
            let next = live.payment.number + 1;
            self.next_number = self.next_number.map(|known| known.max(next));
        }
        answer(waiter, Ok(live.payment.clone()));
        if !live.payment.holds_stand() && self.at_stand == Some(id) {
            self.at_stand = None;
            self.linger(ctx);
        }
        let effects = transition.effects.into_iter().skip(1).collect();
        self.carry_out(id, effects, ctx);
        self.tell_the_hold(id, ctx);
        self.go_on(id, ctx);
    }

    /// The events that came while the step was being written.
    fn go_on(&mut self, id: PaymentId, ctx: &mut Context<Self>) {
        while let Some(live) = self.live.get_mut(&id).filter(|live| !live.writing) {
            let Some((event, waiter)) = live.waiting.pop_front() else {
                break;
            };
            self.step(id, event, waiter, ctx);
        }
        self.forget_if_settled(id, ctx);
    }

    /// JRN-3: nothing that was to follow happens. A payment that never reached the disk never was;
    /// any other stays as the disk has it, and is taken up after the restart that a stopped journal
    /// needs.
    fn not_written(&mut self, id: PaymentId, failed: JournalFailed, waiter: Option<Waiter>) {
        tracing::error!(payment = %id, error = %failed, "a step could not be written");
        let Some(live) = self.live.get_mut(&id) else {
            return;
        };
        live.waiting.clear();
        if live.payment.state == State::Opened {
            self.live.remove(&id);
            self.at_stand = self.at_stand.filter(|held| *held != id);
        } else {
            self.show(id, Notice::Unknown);
        }
        self.refused_by_journal(&failed);
        answer(waiter, Err(failed.into()));
    }

    /// A payment with nothing outstanding lives on in the journal alone.
    pub(super) fn forget_if_settled(&mut self, id: PaymentId, ctx: &mut Context<Self>) {
        let done =
            |live: &Live| live.payment.is_settled() && !live.writing && live.waiting.is_empty();
        if self.live.get(&id).is_some_and(done)
            && let Some(live) = self.live.remove(&id)
        {
            live.timers.into_values().for_each(|timer| {
                ctx.cancel_future(timer);
            });
        }
    }

    fn times(&self, id: PaymentId) -> Times {
        let live = self.live.get(&id);
        let route = live.and_then(|live| self.route_of(&live.payment));
        Times {
            now: self.deps.clock.now(),
            acquirer: route.map_or(AcquirerClock::USUAL, |route| route.profile.clock),
            collect_timeout_ms: self.deps.settings.collect_timeout_ms,
        }
    }
}

/// What a payment refuses in words, where others of its events are just ignored.
fn check(payment: &Payment, event: &Event) -> Result<(), Refused> {
    match event {
        Event::RequestRefund { money, .. } => Ok(payment.check_refund(*money)?),
        Event::Complete { money, .. } => Ok(payment.check_completion(*money)?),
        Event::Cancel(_) => match payment.completion() {
            Some(tie) if payment.is_being_completed() => {
                Err(CompletionRefused::UnderWay(tie.payment).into())
            }
            _ => Ok(()),
        },
        Event::Sign(_) if !payment.wants_signature() => Err(Refused::NoSignatureWanted),
        _ => Ok(()),
    }
}

pub(super) fn answer(waiter: Option<Waiter>, outcome: Result<Payment, Refused>) {
    if let Some(waiter) = waiter {
        // whoever asked may have gone
        let _ = waiter.send(outcome);
    }
}

/// Appends until the journal says yes or no. A journal that is being restarted is waited for.
pub(super) async fn append_until_known(
    journal: Handle<Journal>,
    body: Body,
) -> Result<(), JournalFailed> {
    loop {
        match journal
            .ask(
                Append {
                    bodies: vec![body.clone()],
                },
                APPEND_TIMEOUT,
            )
            .await
        {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(failed)) if !failed.is_passing() => return Err(failed),
            Ok(Err(failed)) => tracing::warn!(error = %failed, "the record is handed in again"),
            Err(failed) => tracing::warn!(error = %failed, "the record is handed in again"),
        }
        tokio::time::sleep(APPEND_PAUSE).await;
    }
}
