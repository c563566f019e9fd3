//! Facts of the stand's devices, turned into events of the payment at the stand.
//!
//! A fact about any payment but the one that is collecting at the stand is dropped (PAY-5,
//! fencing), and signalled.

use actix::prelude::*;

use super::{Counter, requests::Begin, routing::NoRoute, signing::Sign};
use crate::{
    device::{CommandKind, Fact, FactKind},
    domain::{
        code::{self, CodeRefused, Secret},
        ids::PaymentId,
        payment::{Event, Notice, Origin, Reason, State},
        tender::{Means, Presented, Tender},
    },
    ports::{Instrument, PinBlock},
    signal::{DeviceKind, Health, Signal},
    wire::emv::CardRead,
};

impl Handler<Fact> for Counter {
    type Result = ();

    fn handle(&mut self, fact: Fact, ctx: &mut Context<Self>) {
        if self.heard_in_trial(&fact) {
            return;
        }
        let taken = match fact.kind {
            FactKind::CodeScanned { payment, code } => {
                match self.code_presented(payment, &code, ctx) {
                    Some(Err(why)) => {
                        self.show(payment, Notice::CodeRefused { why });
                        self.arm(payment);
                        self.ignored(&fact.device, &why.to_string());
                        true
                    }
                    Some(Ok(())) => true,
                    None => false,
                }
            }
            FactKind::CardRead { payment, card } => self.card_presented(payment, card, ctx),
            FactKind::CardFailed { payment, why } => {
                tracing::info!(device = %fact.device, %payment, why, "a card could not be read");
                self.is_collecting(payment)
                    .then(|| self.show(payment, Notice::CardUnread))
                    .is_some()
            }
            FactKind::PinEntered { payment, block } => self.pin_entered(payment, block, ctx),
            FactKind::PinRefused { payment, why } => {
                tracing::info!(device = %fact.device, %payment, why, "no PIN");
                let waited = self
                    .live
                    .get(&payment)
                    .is_some_and(|live| live.card.is_some());
                waited
                    .then(|| {
                        self.step(
                            payment,
                            Event::StopCollecting(Reason::PinNotEntered),
                            None,
                            ctx,
                        )
                    })
                    .is_some()
            }
            FactKind::Signed { payment, drawing } => {
                ctx.notify(Sign { payment, drawing });
                true
            }
            FactKind::SignatureRefused { payment, why } => {
                tracing::info!(device = %fact.device, %payment, why, "no signature from the terminal");
                self.print_slip(payment, ctx);
                true
            }
            FactKind::CancelPressed { payment, reason } => {
                let held = self.at_stand == Some(payment);
                held.then(|| self.step(payment, Event::Cancel(reason), None, ctx))
                    .is_some()
            }
            FactKind::AmountTyped { money } => {
                let begin = Begin {
                    id: None,
                    money,
                    tender: Tender::Any,
                    origin: Origin::Terminal,
                    reference: None,
                    fingerprint: None,
                    by: None,
                    pre_authorise: false,
                };
                match self.begin(begin, None, ctx) {
                    Ok(_) => true,
                    Err(refused) => {
                        tracing::info!(device = %fact.device, %refused, "an amount typed at the terminal was refused");
                        self.offer_amount_entry();
                        false
                    }
                }
            }
            FactKind::HealthChanged(health) => {
                self.health_changed(&fact.device, health);
                true
            }
        };
        if !taken {
            self.ignored(&fact.device, "no payment was waiting for this");
        }
    }
}

impl Counter {
    pub(super) fn is_collecting(&self, id: PaymentId) -> bool {
        let collecting =
            |live: &super::Live| live.payment.state == State::Collecting && !live.writing;
        self.at_stand == Some(id) && self.live.get(&id).is_some_and(collecting)
    }

    /// `None` if no such payment is collecting codes; `Err` if the code is not one to pay with
    /// here.
    pub(super) fn code_presented(
        &mut self,
        id: PaymentId,
        scanned: &Secret,
        ctx: &mut Context<Self>,
    ) -> Option<Result<(), CodeRefused>> {
        let live = self.live.get(&id)?;
        let waits = self.is_collecting(id) && live.card.is_none();
        if !waits || !live.payment.tender.accepts(Tender::CustomerCode) {
            return None;
        }
        let money = live.payment.money;
        let code = match code::classify(scanned.expose()) {
            Ok(code) => code,
            Err(why) => return Some(Err(why)),
        };
        let means = Means::new(Tender::CustomerCode, Some(code.scheme));
        let acquirer = match self.route(means, money) {
            Ok(route) => route.profile.id.clone(),
            Err(NoRoute::NotTaken) => return Some(Err(CodeRefused::SchemeNotTaken)),
            Err(NoRoute::NotEnabled) => return Some(Err(CodeRefused::NotEnabled)),
            Err(NoRoute::AboveLimit) => return Some(Err(CodeRefused::AboveLimit)),
        };
        if self.is_cut_off(Tender::CustomerCode, Some(code.scheme)) {
            return Some(Err(CodeRefused::NoNetwork));
        }
        let presented = Presented::code(code.scheme);
        self.live.get_mut(&id)?.instrument = Some(Instrument::Code(code));
        self.step(
            id,
            Event::Present {
                presented,
                acquirer,
            },
            None,
            ctx,
        );
        Some(Ok(()))
    }

    fn card_presented(
        &mut self,
        id: PaymentId,
        card: Box<CardRead>,
        ctx: &mut Context<Self>,
    ) -> bool {
        if !self.is_collecting(id) {
            return false;
        }
        let pin_above = self.deps.settings.pin_above;
        let Some(live) = self.live.get(&id).filter(|live| live.card.is_none()) else {
            return false;
        };
        let money = live.payment.money;
        let needs_pin = pin_above.is_some_and(|limit| money.exceeds(limit).unwrap_or(false));
        let is_held = live.payment.part.is_some();
        if self.is_cut_off(Tender::Card, Some(card.scheme)) {
            if is_held {
                // what is held is the issuer's word, which the store can't give
                let why = Event::StopCollecting(Reason::AcquirerUnreachable);
                self.step(id, why, None, ctx);
            } else {
                self.accept_offline(id, card, needs_pin, ctx);
            }
            return true;
        }
        let Some(live) = self.live.get_mut(&id) else {
            return false;
        };
        live.card = Some(card);
        if needs_pin {
            self.command(id, CommandKind::AskPin { money });
        } else {
            self.submit_card(id, None, ctx);
        }
        true
    }

    fn pin_entered(&mut self, id: PaymentId, block: PinBlock, ctx: &mut Context<Self>) -> bool {
        let waits =
            self.is_collecting(id) && self.live.get(&id).is_some_and(|live| live.card.is_some());
        if waits {
            self.submit_card(id, Some(block), ctx);
        }
        waits
    }

    fn submit_card(&mut self, id: PaymentId, pin_block: Option<PinBlock>, ctx: &mut Context<Self>) {
        let Some(live) = self.live.get_mut(&id) else {
            return;
        };
        let Some(card) = live.card.take() else { return };
        let money = live.payment.money;
        let (scheme, masked_pan, asks) = (card.scheme, card.pan.masked(), card.signature);
        let funding = card.funding(&self.deps.settings.cards);
        let means = Means::card(scheme, funding);
        let is_held = live.payment.is_pre_authorisation();
        let route = match is_held {
            true => self.route_of_hold(means, money),
            false => self.route(means, money),
        };
        let acquirer = match route {
            Ok(route) => route.profile.id.clone(),
            Err(no_route) => {
                let why = Event::StopCollecting(no_route.reason());
                return self.step(id, why, None, ctx);
            }
        };
        let is_without_pin = pin_block.is_none();
        if let Some(live) = self.live.get_mut(&id) {
            live.instrument = Some(match is_held {
                true => Instrument::Hold { card, pin_block },
                false => Instrument::Card { card, pin_block },
            });
        }
        let presented = Presented {
            funding,
            signature: is_without_pin && (asks || self.needs_signature(money)),
            ..Presented::card(scheme, masked_pan)
        };
        self.step(
            id,
            Event::Present {
                presented,
                acquirer,
            },
            None,
            ctx,
        );
    }

    /// A device that comes back is told again what it was waiting for.
    fn health_changed(&mut self, device: &crate::domain::ids::DeviceId, health: Health) {
        let devices = &self.deps.devices;
        let is = |id: Option<&crate::domain::ids::DeviceId>| id == Some(device);
        let kind = if is(devices.terminal.as_ref().map(|(id, _)| id)) {
            DeviceKind::Terminal
        } else if is(devices.scanner.as_ref().map(|(id, _)| id)) {
            DeviceKind::Scanner
        } else {
            DeviceKind::NfcReader
        };
        let back = health.is_ready() && !self.health.get(&kind).is_some_and(Health::is_ready);
        self.health.insert(kind, health);
        if !back {
            return;
        }
        match self.at_stand {
            Some(_) if kind == DeviceKind::Terminal => self.show_again(),
            Some(id) if self.is_collecting(id) => self.arm(id),
            None if kind == DeviceKind::Terminal => self.offer_amount_entry(),
            _ => {}
        }
    }

    fn ignored(&self, device: &crate::domain::ids::DeviceId, why: &str) {
        self.deps.signals.emit(Signal::Ignored {
            device: device.clone(),
            why: why.to_owned(),
        });
    }
}
