//! An NFC reader: reads the card that is presented to the payment it is armed for.
//!
//! A card that already lies there when a payment begins is read too. A failed read is told and
//! leaves the reader armed, for the customer to try again. A card that stops answering is given up
//! after `apdu_timeout` (one exchange) or `read_timeout` (the whole read): the reader is reset,
//! shown as mute, and comes back by itself. The card's answers never leave here but inside
//! `CardRead` (SEC-1). Which applications are read and how is `wire::emv`'s matter.

mod read;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, SpawnHandle, StreamHandler,
    fut::wrap_future,
};
use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::{Arm, DeviceDeps, Disarm, FactKind, Report, vitals::Vitals};
use crate::{
    domain::{ids::PaymentId, money::Money},
    ports::{CardReader, ReaderEvent},
    signal::{DeviceKind, Health},
    supervisor::{Handle, Heartbeat, Supervision, fail},
    wire::emv::{Candidate, TerminalData, aid::default_candidates},
};
use read::{Outcome, read_card};

/// What is set for one reader.
#[derive(Clone, Debug)]
pub struct NfcSettings {
    /// One exchange with the card.
    pub apdu_timeout: Duration,
    /// The read from the first exchange to the last.
    pub read_timeout: Duration,
    /// Reads of a card that stopped answering, without it being taken away, at most.
    pub attempts: u8,
    /// No word from the reader for so long after it was asked for its state: it is asked anew.
    pub silence: Duration,
    /// The shop's clock against UTC, minutes (tag 9A is local). China is 480.
    pub utc_offset_min: i16,
    /// ISO 3166-1 numeric (tag 9F1A).
    pub country: u16,
    /// Applications that are accepted, the preferred first.
    pub candidates: Vec<Candidate>,
}

impl Default for NfcSettings {
    fn default() -> Self {
        Self {
            apdu_timeout: Duration::from_millis(1_500),
            read_timeout: Duration::from_secs(5),
            attempts: 2,
            silence: Duration::from_secs(5),
            utc_offset_min: 480,
            country: 156,
            candidates: default_candidates(),
        }
    }
}

#[derive(Clone)]
pub struct NfcDeps {
    pub device: DeviceDeps,
    pub reader: Arc<dyn CardReader>,
    pub settings: NfcSettings,
}

impl fmt::Debug for NfcDeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NfcDeps").field(&self.device).finish()
    }
}

/// The actor.
pub struct NfcReader {
    settings: NfcSettings,
    reader: Arc<dyn CardReader>,
    vitals: Vitals,
    /// The stream of events that counts, and since when it owes its first word.
    watch: Option<(u64, SpawnHandle)>,
    silent_since: Option<Instant>,
    generation: u64,
    armed: Option<(PaymentId, Money)>,
    card: Option<Card>,
    /// The card that hung before the reset: its attempts left, and when the reader was last heard
    /// of.
    hung: Option<(u8, Instant)>,
    reading: Option<(PaymentId, SpawnHandle)>,
}

/// A card that lies there.
struct Card {
    attempts_left: u8,
}

/// An event of the stream of that generation; `None` is its end.
struct Told(u64, Option<ReaderEvent>);

impl fmt::Debug for NfcReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NfcReader")
    }
}

const TICK: Duration = Duration::from_secs(1);
/// A card reported so soon after a reset is the one that hung.
const SAME_CARD_WITHIN: Duration = Duration::from_secs(1);

impl NfcReader {
    pub fn new(deps: NfcDeps) -> Self {
        let line = deps.reader.describe();
        Self {
            settings: deps.settings,
            reader: deps.reader,
            vitals: Vitals::new(deps.device, DeviceKind::NfcReader, line),
            watch: None,
            silent_since: None,
            generation: 0,
            armed: None,
            card: None,
            hung: None,
            reading: None,
        }
    }

    /// Starts one under supervision. It knows of no payment after a restart: arm it again when it
    /// reports `Ready`.
    pub fn supervised(supervision: &Supervision, deps: NfcDeps) -> Handle<Self> {
        let spec = deps
            .device
            .child_spec(DeviceKind::NfcReader, deps.reader.describe());
        supervision.child(spec, move || Self::new(deps.clone()))
    }

    /// Asks the reader for its state and its events from now on.
    fn subscribe(&mut self, ctx: &mut Context<Self>) {
        if let Some((_, before)) = self.watch.take() {
            ctx.cancel_future(before);
        }
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let mut events = self.reader.events();
        let events = stream::poll_fn(move |cx| events.poll_recv(cx));
        let told = events.map(move |event| Told(generation, Some(event)));
        let end = stream::iter([Told(generation, None)]);
        self.watch = Some((generation, ctx.add_stream(told.chain(end))));
        self.silent_since = Some(Instant::now());
        self.card = None;
    }

    /// Begins a read if a payment waits for a card and one lies there that may be tried.
    fn consider(&mut self, ctx: &mut Context<Self>) {
        let (Some((payment, money)), None) = (self.armed, &self.reading) else {
            return;
        };
        let Some(card) = self.card.as_mut().filter(|card| card.attempts_left > 0) else {
            return;
        };
        card.attempts_left -= 1;
        let terminal = match self.terminal_data(money) {
            Some(terminal) => terminal,
            None => return fail(ctx, "the clock is out of range"),
        };
        let candidates = self.settings.candidates.clone();
        let (apdu, whole) = (self.settings.apdu_timeout, self.settings.read_timeout);
        let reading = read_card(Arc::clone(&self.reader), candidates, terminal, apdu, whole);
        let done = wrap_future::<_, Self>(reading)
            .map(move |outcome, nfc, ctx| nfc.on_outcome(payment, outcome, ctx));
        self.reading = Some((payment, ctx.spawn(done)));
    }

    fn terminal_data(&self, money: Money) -> Option<TerminalData> {
        let deps = self.vitals.deps();
        let now = jiff::Timestamp::from_millisecond(deps.clock.now().unix_ms()).ok()?;
        let offset = i32::from(self.settings.utc_offset_min).checked_mul(60)?;
        let offset = jiff::tz::Offset::from_seconds(offset).ok()?;
        let mut unpredictable = [0; 4];
        deps.entropy.fill(&mut unpredictable);
        let terminal = TerminalData::purchase(money, offset.to_datetime(now), unpredictable);
        Some(TerminalData {
            country: self.settings.country,
            ..terminal
        })
    }

    fn on_outcome(&mut self, payment: PaymentId, outcome: Outcome, ctx: &mut Context<Self>) {
        self.reading = None;
        match outcome {
            Outcome::Read(card) => {
                self.vitals.word();
                self.armed = None;
                // the same card again only for another payment, or after it was taken away
                self.spend();
                self.vitals.fact(FactKind::CardRead { payment, card });
            }
            Outcome::Failed(why) => {
                self.spend();
                self.vitals.fact(FactKind::CardFailed { payment, why });
            }
            Outcome::Stuck(why) => {
                let left = self.card.as_ref().map_or(0, |card| card.attempts_left);
                self.vitals.fact(FactKind::CardFailed {
                    payment,
                    why: why.clone(),
                });
                self.vitals.set(Health::Mute(why));
                self.reader.reset();
                self.subscribe(ctx);
                self.hung = Some((left, Instant::now()));
            }
        }
    }

    fn spend(&mut self) {
        if let Some(card) = &mut self.card {
            card.attempts_left = 0;
        }
    }

    /// Ends a read under way; `why` is told if it was still wanted.
    fn give_up_read(&mut self, why: Option<&str>, ctx: &mut Context<Self>) {
        let Some((payment, reading)) = self.reading.take() else {
            return;
        };
        ctx.cancel_future(reading);
        if let Some(why) = why {
            self.vitals.fact(FactKind::CardFailed {
                payment,
                why: why.to_owned(),
            });
        }
    }

    fn on_event(&mut self, event: ReaderEvent, ctx: &mut Context<Self>) {
        self.silent_since = None;
        match event {
            ReaderEvent::Ready => {
                self.vitals.word();
                self.hung = self.hung.map(|(left, _)| (left, Instant::now()));
                self.vitals.set(Health::Ready);
            }
            ReaderEvent::Gone { why } => {
                self.card = None;
                self.give_up_read(Some("the reader was unplugged"), ctx);
                self.vitals.set(Health::Absent(why));
            }
            ReaderEvent::CardInserted { .. } => {
                self.vitals.word();
                if self.armed.is_none() {
                    self.vitals
                        .ignored("a card, and no payment was waiting for one");
                }
                // after a reset the reader reports the card that hung once more: its attempts count
                // on
                let attempts_left = match self.hung.take() {
                    Some((left, heard)) if heard.elapsed() < SAME_CARD_WITHIN => left,
                    _ => self.settings.attempts.max(1),
                };
                self.card = Some(Card { attempts_left });
                self.consider(ctx);
            }
            ReaderEvent::CardRemoved => {
                self.vitals.word();
                (self.card, self.hung) = (None, None);
                self.give_up_read(Some("the card was taken away too early"), ctx);
            }
        }
    }
}

impl Actor for NfcReader {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.vitals.tell(Health::Starting);
        self.subscribe(ctx);
        ctx.run_interval(TICK, |nfc, ctx| {
            let silent = nfc
                .silent_since
                .is_some_and(|s| s.elapsed() >= nfc.settings.silence);
            if silent {
                if nfc.watch.is_some() {
                    nfc.vitals
                        .set(Health::Mute(String::from("the reader says nothing")));
                    nfc.reader.reset();
                }
                nfc.subscribe(ctx);
            }
        });
    }
}

impl StreamHandler<Told> for NfcReader {
    fn handle(&mut self, Told(generation, event): Told, ctx: &mut Self::Context) {
        if self
            .watch
            .as_ref()
            .is_none_or(|(current, _)| *current != generation)
        {
            return;
        }
        match event {
            Some(event) => self.on_event(event, ctx),
            None => {
                // asked anew by the next tick that finds it silent
                self.watch = None;
                self.card = None;
                self.give_up_read(Some("the reader was unplugged"), ctx);
                self.silent_since = Some(Instant::now());
                self.vitals
                    .set(Health::Absent(String::from("the reader's service ended")));
            }
        }
    }

    // a stream that was replaced ends without meaning
    fn finished(&mut self, _: &mut Self::Context) {}
}

impl Handler<Arm> for NfcReader {
    type Result = ();

    /// Arming anew for the same payment gives a card that lies there its attempts back.
    fn handle(&mut self, arm: Arm, ctx: &mut Self::Context) {
        if self
            .reading
            .is_some_and(|(payment, _)| payment != arm.payment)
        {
            self.give_up_read(None, ctx);
        }
        self.armed = Some((arm.payment, arm.money));
        if let (Some(card), None) = (&mut self.card, &self.reading) {
            card.attempts_left = self.settings.attempts.max(1);
        }
        self.consider(ctx);
    }
}

impl Handler<Disarm> for NfcReader {
    type Result = ();

    fn handle(&mut self, disarm: Disarm, ctx: &mut Self::Context) {
        if self
            .armed
            .is_some_and(|(payment, _)| payment == disarm.payment)
        {
            self.armed = None;
            self.give_up_read(None, ctx);
        }
    }
}

impl Handler<Report> for NfcReader {
    type Result = actix::MessageResult<Report>;

    fn handle(&mut self, _: Report, _: &mut Self::Context) -> Self::Result {
        actix::MessageResult(self.vitals.health().clone())
    }
}

impl Handler<Heartbeat> for NfcReader {
    type Result = ();

    fn handle(&mut self, _: Heartbeat, _: &mut Self::Context) {}
}
