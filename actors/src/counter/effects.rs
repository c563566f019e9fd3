//! Effects carried out: devices armed, acquirers asked, words shown, timers set.

use std::time::Duration;

use actix::prelude::*;

use super::Counter;
use crate::{
    acquirer::{AcquirerDesk, AskCharge, AskLookUp, AskQuery, AskRefund, AskReverse},
    device::{Arm, Command, CommandKind, Disarm, OfferAmountEntry},
    domain::{
        ids::{PaymentId, RefundId},
        payment::{
            Answer, Answered, Effect, Event, NoAnswer, Notice, Operation, Payment, Timer,
            answer::RefundVerdict,
        },
        tender::Tender,
    },
    mutants::{self, Mutant},
    ports::{Charge, Instrument},
    supervisor::{AskFailed, Handle},
};

impl Counter {
    pub(super) fn carry_out(
        &mut self,
        id: PaymentId,
        effects: Vec<Effect>,
        ctx: &mut Context<Self>,
    ) {
        for effect in effects {
            match effect {
                // `step` has seen to it before anything else of the transition
                Effect::Record => {}
                Effect::Arm => self.arm(id),
                Effect::Disarm => self.disarm(id, ctx),
                Effect::Charge => self.charge(id, ctx),
                Effect::Query => self.ask(id, Operation::Query, ctx),
                Effect::Reverse => self.ask(id, Operation::Reverse, ctx),
                Effect::Refund(refund) => self.refund(id, refund, ctx),
                Effect::Forward => self.forward(id, ctx),
                Effect::ForgetCard => self.forget_card(id, ctx),
                Effect::LookForDoubles => self.look_for_doubles(id, ctx),
                Effect::LookForCompletion => self.look_for_completion(id, ctx),
                Effect::Show(notice) if self.is_beside_the_stand(id) => {
                    self.show_aside(id, notice, ctx);
                }
                Effect::Show(notice) => self.show(id, notice),
                Effect::AskSignature => self.ask_signature(id),
                Effect::PrintSlip => self.print_slip(id, ctx),
                Effect::Schedule(timer, after_ms) => self.schedule(id, timer, after_ms, ctx),
            }
        }
    }

    pub(super) fn arm(&self, id: PaymentId) {
        let Some(live) = self.live.get(&id) else {
            return;
        };
        let arm = Arm {
            payment: id,
            money: live.payment.money,
        };
        let tender = live.payment.tender;
        if let Some((device, scanner)) = &self.deps.devices.scanner
            && tender.accepts(Tender::CustomerCode)
        {
            log_unsent(device, scanner.try_send(arm.clone()));
        }
        if let Some((device, reader)) = &self.deps.devices.reader
            && tender.accepts(Tender::Card)
        {
            log_unsent(device, reader.try_send(arm));
        }
    }

    fn disarm(&mut self, id: PaymentId, ctx: &mut Context<Self>) {
        let disarm = Disarm { payment: id };
        if let Some((device, scanner)) = &self.deps.devices.scanner {
            log_unsent(device, scanner.try_send(disarm));
        }
        if let Some((device, reader)) = &self.deps.devices.reader {
            log_unsent(device, reader.try_send(disarm));
        }
        if let Some((device, terminal)) = &self.deps.devices.terminal {
            log_unsent(device, terminal.try_send(disarm));
        }
        if let Some(live) = self.live.get_mut(&id)
            && let Some(timer) = live.timers.remove(&Timer::Collect)
        {
            live.card = None;
            ctx.cancel_future(timer);
        }
    }

    /// Shows a payment's words, unless the stand is another's by now.
    pub(super) fn show(&mut self, id: PaymentId, notice: Notice) {
        let is_refund = matches!(notice, Notice::Refunded { .. });
        let is_taken = matches!(
            notice,
            Notice::Approved { .. } | Notice::Authorised { .. } | Notice::AcceptedOffline { .. }
        );
        let has_slip = is_refund || is_taken;
        let is_anothers = self.at_stand.is_some_and(|held| held != id);
        if !is_anothers {
            self.shown = Some((id, notice.clone()));
            self.command(id, CommandKind::Show(notice));
        }
        // money that went back by itself has a slip even while the next customer pays
        if has_slip
            && (is_refund || !is_anothers)
            && self.deps.settings.print_slips
            && let Some(live) = self.live.get(&id)
            // printed with the signature, or once it is clear that none comes from a pad
            && (is_refund || !live.payment.wants_signature())
        {
            self.print_slip_of(&live.payment);
        }
    }

    /// A terminal that was rebuilt knows nothing of the payment at the stand: it is told again.
    pub(super) fn show_again(&self) {
        if let Some((id, notice)) = &self.shown
            && self.at_stand == Some(*id)
        {
            self.command(*id, CommandKind::Show(notice.clone()));
        } else if self.at_stand.is_none() && !self.takes_money() {
            self.show_service();
        }
    }

    pub(super) fn command(&self, payment: PaymentId, kind: CommandKind) {
        if let Some((device, terminal)) = &self.deps.devices.terminal {
            log_unsent(device, terminal.try_send(Command { payment, kind }));
        }
    }

    /// Leaves the last words for a moment, then offers the amount entry again.
    pub(super) fn linger(&mut self, ctx: &mut Context<Self>) {
        if let Some(before) = self.lingering.take() {
            ctx.cancel_future(before);
        }
        let pause = Duration::from_millis(self.deps.settings.linger_ms);
        self.lingering = Some(ctx.run_later(pause, |this, ctx| {
            this.lingering = None;
            if this.say_next(ctx) {
                return;
            }
            if this.takes_money() {
                this.offer_amount_entry();
            } else if this.at_stand.is_none() {
                this.show_service();
            }
        }));
    }

    pub(super) fn offer_amount_entry(&self) {
        if let Some((device, terminal)) = &self.deps.devices.terminal {
            let offer = self.deps.settings.terminal_entry
                && self.at_stand.is_none()
                && self.recovered
                && self.takes_money();
            let message = OfferAmountEntry {
                offer,
                currency: self.deps.settings.currency,
            };
            log_unsent(device, terminal.try_send(message));
        }
    }

    pub(super) fn schedule(
        &mut self,
        id: PaymentId,
        timer: Timer,
        after_ms: u64,
        ctx: &mut Context<Self>,
    ) {
        let due = ctx.run_later(Duration::from_millis(after_ms), move |this, ctx| {
            if let Some(live) = this.live.get_mut(&id) {
                live.timers.remove(&timer);
            }
            this.step(id, Event::Timer(timer), None, ctx);
        });
        if let Some(live) = self.live.get_mut(&id)
            && let Some(before) = live.timers.insert(timer, due)
        {
            ctx.cancel_future(before);
        }
    }

    fn charge(&mut self, id: PaymentId, ctx: &mut Context<Self>) {
        let live = self.live.get(&id);
        let has_way_round = live.is_some_and(|live| self.has_way_round(&live.payment));
        let Some(live) = self.live.get_mut(&id) else {
            return;
        };
        let instrument = match live.instrument.take() {
            Some(instrument) => instrument,
            None if live.payment.actual_tender() == Tender::MerchantQr => Instrument::MerchantQr,
            None => {
                let answer = Err(NoAnswer::Internal(
                    "what the customer presented is gone".into(),
                ));
                return self.step(
                    id,
                    Event::Answer {
                        operation: Operation::Charge,
                        answer,
                    },
                    None,
                    ctx,
                );
            }
        };
        live.spare = has_way_round.then(|| instrument.clone());
        let charge = Charge {
            order: id,
            counter: self.deps.id.clone(),
            money: live.payment.money,
            instrument,
            reference: live.payment.reference.clone(),
        };
        let desk = self.desk_of(id);
        let question = async move {
            let (desk, bound) = desk?;
            let again = mutants::is_planted(Mutant::RetryWithNewId).then(|| charge.clone());
            match desk.ask(AskCharge(charge), bound).await {
                Ok(Err(NoAnswer::TimedOut)) if again.is_some() => retried(again, desk, bound).await,
                Ok(answer) => answer,
                // not delivered: nothing was begun, so nothing left the house
                Err(failed @ (AskFailed::Absent | AskFailed::Full)) => {
                    Err(NoAnswer::NotSent(failed.to_string()))
                }
                Err(failed) => Err(NoAnswer::Internal(failed.to_string())),
            }
        };
        ctx.spawn(question.into_actor(self).map(move |answer, this, ctx| {
            this.charged(id, answer, ctx);
        }));
    }

    fn ask(&mut self, id: PaymentId, operation: Operation, ctx: &mut Context<Self>) {
        let desk = self.desk_of(id);
        let claim = self.claim_of(id);
        let live = self.live.get(&id);
        let was_shown = live.is_some_and(|it| it.payment.actual_tender() == Tender::MerchantQr);
        self.answered_by(id, operation, ctx, async move {
            let (desk, bound) = desk?;
            let asked = match (operation, claim) {
                (Operation::Reverse, _) => {
                    let order = id;
                    desk.ask(AskReverse { order, was_shown }, bound).await
                }
                (_, Some(claim)) => desk.ask(AskLookUp { payment: id, claim }, bound).await,
                (_, None) => desk.ask(AskQuery(id), bound).await,
            };
            asked.unwrap_or_else(|failed| Err(NoAnswer::Internal(failed.to_string())))
        });
    }

    fn answered_by(
        &self,
        id: PaymentId,
        operation: Operation,
        ctx: &mut Context<Self>,
        question: impl Future<Output = Answer> + 'static,
    ) {
        ctx.spawn(question.into_actor(self).map(move |answer, this, ctx| {
            this.answered(id, Event::Answer { operation, answer }, ctx);
        }));
    }

    fn refund(&mut self, id: PaymentId, refund: RefundId, ctx: &mut Context<Self>) {
        let Some(money) = self
            .live
            .get(&id)
            .and_then(|live| live.payment.refund(refund))
            .map(|found| found.money)
        else {
            return;
        };
        let (desk, claim) = (self.desk_of(id), self.claim_of(id));
        let question = async move {
            let (desk, bound) = desk?;
            let asked: Result<Result<RefundVerdict, NoAnswer>, AskFailed> = desk
                .ask(
                    AskRefund {
                        order: id,
                        claim,
                        refund,
                        money,
                    },
                    bound,
                )
                .await;
            asked.unwrap_or_else(|failed| Err(NoAnswer::Internal(failed.to_string())))
        };
        ctx.spawn(question.into_actor(self).map(move |answer, this, ctx| {
            this.step(id, Event::RefundAnswer { id: refund, answer }, None, ctx);
        }));
    }

    /// The desk of the payment's acquirer, and how long an answer may take there: the driver's own
    /// time-out, waiting for a place, and margins.
    pub(super) fn desk_of(
        &self,
        id: PaymentId,
    ) -> Result<(Handle<AcquirerDesk>, Duration), NoAnswer> {
        let payment: Option<&Payment> = self.live.get(&id).map(|live| &live.payment);
        let Some(route) = payment.and_then(|payment| self.route_of(payment)) else {
            return Err(NoAnswer::Internal(
                "its acquirer is not configured here any more".into(),
            ));
        };
        let bound = Duration::from_millis(route.profile.clock.question_bound_ms());
        Ok((route.desk.clone(), bound))
    }
}

/// The bug of `Mutant::RetryWithNewId`.
async fn retried(charge: Option<Charge>, desk: Handle<AcquirerDesk>, bound: Duration) -> Answer {
    let mut charge = charge.ok_or(NoAnswer::TimedOut)?;
    let order = charge.order;
    let mut bytes = order.to_bytes();
    bytes.reverse();
    charge.order = PaymentId::from_bytes(bytes);
    let asked = desk.ask(AskCharge(charge), bound).await;
    let answer = asked.unwrap_or_else(|failed| Err(NoAnswer::Internal(failed.to_string())));
    answer.map(|answered| Answered { order, ..answered })
}

/// A device that is away is told again when it is back (`collect`); nothing waits for it here.
pub(super) fn log_unsent<E: std::fmt::Display>(
    device: &crate::domain::ids::DeviceId,
    sent: Result<(), E>,
) {
    if let Err(failed) = sent {
        tracing::debug!(%device, error = %failed, "a command was not taken");
    }
}
