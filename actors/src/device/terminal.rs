//! A payment terminal, driven by nexo's device class over a line: screen, keypad, PIN pad, printer,
//! buzzer.
//!
//! The terminal decides nothing about money; it shows, asks and prints for the payment that its
//! counter names. What is asked when, and whose an answer is, lives in `desk`, without I/O; here it
//! is joined to the line, the clock and the heartbeat. A terminal counts as ready while it answers
//! DiagnosisRequests: one that falls silent is mute, its line is opened again, and it is asked
//! until it answers (DEV-1). The protocol's choices are in decision record 2.

mod desk;
mod heart;
mod settings;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use actix::{Actor, AsyncContext, Context, Handler, MessageResult, StreamHandler};
use tokio::time::Instant;

use super::{
    Command, DeviceDeps, Disarm, OfferAmountEntry, Report,
    babble::Babble,
    line::{Down, Line, LineEvent, Received, WriteFailed},
    vitals::Vitals,
};
use crate::{
    ports::LineOpener,
    signal::{DeviceKind, Health},
    supervisor::{Handle, Heartbeat, Supervision, fail},
    wire::nexo::{
        Body, DiagnosisResponse, ErrorCondition, GlobalStatus, Header, Message, ServiceIds,
    },
};
use desk::{Desk, Out};
use heart::Heart;
pub use settings::{SoundNames, TerminalSettings};

#[derive(Clone)]
pub struct TerminalDeps {
    pub device: DeviceDeps,
    pub opener: Arc<dyn LineOpener>,
    pub settings: TerminalSettings,
}

impl fmt::Debug for TerminalDeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TerminalDeps").field(&self.device).finish()
    }
}

/// How far the way to the terminal is open.
enum Link {
    Down(Health),
    /// The line is open; the terminal has not answered yet, and is shown as it was before.
    Asking,
    Alive,
    /// It answers, and says that it cannot work.
    OutOfService(String),
}

/// The actor.
pub struct Terminal {
    settings: TerminalSettings,
    opener: Arc<dyn LineOpener>,
    vitals: Vitals,
    babble: Babble,
    line: Option<Line>,
    link: Link,
    heart: Heart,
    desk: Desk,
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Terminal")
    }
}

/// How often time-outs are looked at.
const TICK: Duration = Duration::from_millis(100);

impl Terminal {
    pub fn new(deps: TerminalDeps) -> Self {
        let TerminalDeps {
            device,
            opener,
            settings,
        } = deps;
        let now = Instant::now();
        let started_ms = u64::try_from(device.clock.now().unix_ms()).unwrap_or(0);
        let sale_id = settings
            .sale_id
            .clone()
            .unwrap_or_else(|| format!("counter-{}", device.counter));
        let poi_id = settings
            .poi_id
            .clone()
            .unwrap_or_else(|| device.id.to_string());
        let ids = ServiceIds::starting_at(started_ms);
        Self {
            vitals: Vitals::new(device, DeviceKind::Terminal, opener.describe()),
            babble: Babble::new(settings.babble),
            heart: Heart::new(settings.heartbeat_bound, now),
            desk: Desk::new(settings.clone(), ids, sale_id, poi_id, now),
            settings,
            opener,
            line: None,
            link: Link::Down(Health::Starting),
        }
    }

    /// Starts one under supervision. It shows nothing and offers nothing after a restart: tell it
    /// again when it reports
    /// `Ready`.
    pub fn supervised(supervision: &Supervision, deps: TerminalDeps) -> Handle<Self> {
        let spec = deps
            .device
            .child_spec(DeviceKind::Terminal, deps.opener.describe());
        supervision.child(spec, move || Self::new(deps.clone()))
    }

    fn refresh(&mut self) {
        let health = match (&self.link, self.babble.complaint(Instant::now())) {
            (Link::Down(health), _) => health.clone(),
            (Link::Asking, _) => return,
            (Link::OutOfService(why), _) => Health::Mute(why.clone()),
            (Link::Alive, Some(complaint)) => Health::Babbling(complaint),
            (Link::Alive, None) => Health::Ready,
        };
        self.vitals.set(health);
    }

    /// Carries out what the desk wants, then shows what has become of the terminal.
    fn carry_out(&mut self) {
        for out in self.desk.take() {
            match out {
                Out::Send(message) => self.send(&message),
                Out::Fact(fact) => self.vitals.fact(fact),
                Out::Ignored(why) => self.vitals.ignored(why),
            }
        }
        self.refresh();
    }

    fn send(&mut self, message: &Message) {
        let Some(line) = &self.line else { return };
        let sent = match message.encode() {
            Ok(bytes) => line.send(&bytes).map_err(|failed| failed.to_string()),
            Err(error) => Err(error.to_string()),
        };
        // whoever waits for the answer has a time-out; a line that is down says so itself
        if let Err(why) = sent
            && why != WriteFailed::Down.to_string()
        {
            self.vitals.ignored(format!(
                "a {} request was not sent: {why}",
                message.body.category()
            ));
        }
    }

    fn beat(&mut self, now: Instant) {
        if matches!(self.link, Link::Down(_)) {
            return;
        }
        if self.heart.is_mute(now) {
            let why = format!(
                "no answer for {} ms",
                self.settings.heartbeat_bound.as_millis()
            );
            self.link = Link::Down(Health::Mute(why.clone()));
            self.desk.lost("the terminal does not answer", now);
            if let Some(line) = &self.line {
                line.reopen(&why);
            }
            return;
        }
        if self.heart.is_due(now) {
            let header = self.desk.header();
            let next_in = match self.link {
                Link::Alive => self.settings.heartbeat_every,
                _ => self.settings.seek_every,
            };
            if let Some(id) = header.service_id.clone() {
                self.heart.asked(id, now, next_in);
            }
            self.send(&Message {
                header,
                body: Body::heartbeat(),
            });
        }
    }

    fn receive(&mut self, received: &Received, now: Instant) {
        let message = match Message::decode(&received.bytes) {
            Ok(message) => message,
            Err(error) => {
                self.babble.hear(now);
                self.vitals.ignored(format!("not understood: {error}"));
                return self.desk.malformed(error.header(), now);
            }
        };
        self.vitals.word();
        match message.body {
            Body::DiagnosisResponse(answer) => self.diagnosed(&message.header, &answer, now),
            Body::EventNotification(event) => {
                if self.desk.happened(&message.header, &event, now)
                    && matches!(self.link, Link::Alive)
                {
                    self.desk.alive(now);
                }
            }
            body if body.is_response() => self.desk.answered(&message.header, body, now),
            body => self
                .vitals
                .ignored(format!("a terminal does not send {}", body.category())),
        }
    }

    fn diagnosed(&mut self, header: &Header, answer: &DiagnosisResponse, now: Instant) {
        let ours = header
            .service_id
            .as_ref()
            .is_some_and(|id| self.heart.answered(id));
        if !ours {
            return self
                .vitals
                .ignored("an answer to an unknown or earlier request");
        }
        let status = answer
            .poi_status
            .as_ref()
            .map(|status| status.global_status);
        let busy = answer.response.error_condition == Some(ErrorCondition::Busy);
        let trouble = match status {
            Some(GlobalStatus::Maintenance) => Some("the terminal is being serviced"),
            Some(GlobalStatus::Unreachable) => Some("the terminal says that it is out of order"),
            _ if !answer.response.is_success() && !busy => Some("the terminal says that it is ill"),
            _ => None,
        };
        match trouble {
            Some(why) => {
                if !matches!(self.link, Link::OutOfService(_)) {
                    self.desk.lost(why, now);
                }
                self.link = Link::OutOfService(why.to_owned());
            }
            None => {
                if !matches!(self.link, Link::Alive) {
                    self.link = Link::Alive;
                    self.desk.alive(now);
                }
            }
        }
    }
}

impl Actor for Terminal {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.vitals.tell(Health::Starting);
        let entropy = Arc::clone(&self.vitals.deps().entropy);
        let opener = Arc::clone(&self.opener);
        let (line, events) = Line::start(opener, self.settings.line.clone(), entropy);
        self.line = Some(line);
        ctx.add_stream(events);
        ctx.run_interval(TICK, |terminal, _| {
            let now = Instant::now();
            terminal.beat(now);
            terminal.desk.tick(now);
            terminal.carry_out();
        });
    }
}

impl StreamHandler<LineEvent> for Terminal {
    fn handle(&mut self, event: LineEvent, _: &mut Self::Context) {
        let now = Instant::now();
        match event {
            LineEvent::Up => {
                self.link = Link::Asking;
                self.babble.forget();
                self.heart.begin(now);
                self.beat(now);
            }
            LineEvent::Down(down) => {
                let (health, why) = match down {
                    Down::Absent(why) => (Health::Absent(why), "the terminal was unplugged"),
                    Down::Stuck(why) => (Health::Mute(why), "the terminal does not answer"),
                };
                self.link = Link::Down(health);
                self.desk.lost(why, now);
            }
            LineEvent::Frame(received) => self.receive(&received, now),
            LineEvent::Garbage { reason, bytes_len } => {
                self.babble.hear(now);
                self.vitals
                    .ignored(format!("{bytes_len} bytes of garbage ({reason:?})"));
            }
        }
        self.carry_out();
    }

    fn finished(&mut self, ctx: &mut Self::Context) {
        fail(ctx, "the task of its line ended");
    }
}

impl Handler<Command> for Terminal {
    type Result = ();

    fn handle(&mut self, command: Command, _: &mut Self::Context) {
        self.desk
            .command(command.payment, command.kind, Instant::now());
        self.carry_out();
    }
}

impl Handler<Disarm> for Terminal {
    type Result = ();

    fn handle(&mut self, disarm: Disarm, _: &mut Self::Context) {
        self.desk.disarm(disarm.payment, Instant::now());
        self.carry_out();
    }
}

impl Handler<OfferAmountEntry> for Terminal {
    type Result = ();

    /// An offer holds until it is taken or withdrawn, or until the words of a payment that has
    /// begun are shown.
    fn handle(&mut self, offer: OfferAmountEntry, _: &mut Self::Context) {
        self.desk
            .offer(offer.offer.then_some(offer.currency), Instant::now());
        self.carry_out();
    }
}

impl Handler<Report> for Terminal {
    type Result = MessageResult<Report>;

    fn handle(&mut self, _: Report, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.vitals.health().clone())
    }
}

impl Handler<Heartbeat> for Terminal {
    type Result = ();

    fn handle(&mut self, _: Heartbeat, _: &mut Self::Context) {}
}
