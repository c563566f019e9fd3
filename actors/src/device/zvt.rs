//! A payment terminal that authorises by itself and speaks ZVT: it reads the card, asks for the
//! PIN, talks to its own host, and tells how it went.
//!
//! The store gives it one command at a time and waits for its end; what belongs to which command is
//! told apart in `dialog`. Whether money moved, and what to do when no answer came, is decided in
//! `acquirer/own_terminal`: this actor never repeats a command that may have been heard. Many such
//! terminals hang up when idle: the line is opened again at once, and a short gap is no illness.
//!
//! Deliberately not here: the QR of a payment and amounts typed at the terminal, which the protocol
//! has no words for; so is a PIN or signature asked for by the store.

mod counter_words;
mod dialog;
mod job;
mod settings;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use actix::{Actor, AsyncContext, Context, Handler, StreamHandler};
use tokio::{sync::oneshot, time::Instant};

use super::{
    DeviceDeps,
    babble::Babble,
    line::{Down, Line, LineEvent},
    vitals::Vitals,
};
use crate::{
    ports::LineOpener,
    signal::{DeviceKind, Health},
    supervisor::{Handle, Supervision, fail},
    wire::{
        frame::GarbageReason,
        zvt::{ACK, LINK_ACK, LINK_NAK, Request, Said, words},
    },
};
use dialog::{Dialog, Next};
pub use job::{Done, Failed, Job, Perform, StopAsking};
pub use settings::{EndOfDay, Receipts, ZvtSettings};

#[derive(Clone)]
pub struct ZvtDeps {
    pub device: DeviceDeps,
    pub opener: Arc<dyn LineOpener>,
    pub settings: ZvtSettings,
}

impl fmt::Debug for ZvtDeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ZvtDeps").field(&self.device).finish()
    }
}

struct Waiting {
    job: Job,
    reply: Option<oneshot::Sender<Result<Done, Failed>>>,
    until: Instant,
}

impl Waiting {
    fn is_late(&self, now: Instant) -> bool {
        let is_unheard = self.reply.as_ref().is_some_and(oneshot::Sender::is_closed);
        now >= self.until || is_unheard
    }

    fn refuse(self, why: &str) {
        if let Some(reply) = self.reply {
            // whoever asked may have gone
            let _ = reply.send(Err(Failed::NotSent(why.into())));
        }
    }
}

/// The actor.
pub struct ZvtTerminal {
    settings: ZvtSettings,
    opener: Arc<dyn LineOpener>,
    vitals: Vitals,
    babble: Babble,
    line: Option<Line>,
    /// Why the line is not open, and since when; `None` while it is.
    down: Option<(Health, Instant)>,
    registered: bool,
    /// What a refused or unanswered registration said.
    trouble: Option<String>,
    dialog: Option<Dialog>,
    waiting: VecDeque<Waiting>,
    beat_at: Instant,
    /// Told once in each stretch of health.
    idle_told: bool,
    /// It does not show texts of the store.
    blind: bool,
}

impl fmt::Debug for ZvtTerminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ZvtTerminal")
    }
}

const TICK: Duration = Duration::from_millis(100);
const REGISTER_AGAIN: Duration = Duration::from_secs(2);
/// Commands that wait for the one before or for the line, at most.
const WAITING_MAX: usize = 8;

impl ZvtTerminal {
    pub fn new(deps: ZvtDeps) -> Self {
        let now = Instant::now();
        let line = deps.opener.describe();
        Self {
            babble: Babble::new(deps.settings.babble),
            settings: deps.settings,
            opener: deps.opener,
            vitals: Vitals::new(deps.device, DeviceKind::Terminal, line),
            line: None,
            down: Some((Health::Starting, now)),
            registered: false,
            trouble: None,
            dialog: None,
            waiting: VecDeque::new(),
            beat_at: now,
            idle_told: false,
            blind: false,
        }
    }

    /// Starts one under supervision. After a restart it registers anew and knows of no command.
    pub fn supervised(supervision: &Supervision, deps: ZvtDeps) -> Handle<Self> {
        let spec = deps
            .device
            .child_spec(DeviceKind::Terminal, deps.opener.describe());
        supervision.child(spec, move || Self::new(deps.clone()))
    }

    fn refresh(&mut self, now: Instant) {
        let idle_bound = self.settings.idle_bound;
        let health = match &self.down {
            // it hangs up when idle
            Some((_, since)) if self.registered && now.duration_since(*since) < idle_bound => {
                return;
            }
            Some((health, _)) => health.clone(),
            None => match (&self.trouble, self.babble.complaint(now)) {
                (Some(trouble), _) => Health::Mute(trouble.clone()),
                (None, Some(complaint)) => Health::Babbling(complaint),
                (None, None) if self.registered => Health::Ready,
                // as it was before
                (None, None) => return,
            },
        };
        if !health.is_ready() {
            self.registered = self.registered && self.down.is_none();
            self.idle_told = false;
        }
        self.vitals.set(health);
    }

    fn enqueue(&mut self, job: Job, reply: Option<oneshot::Sender<Result<Done, Failed>>>) {
        let now = Instant::now();
        let waiting = Waiting {
            job,
            reply,
            until: now + self.settings.idle_bound + self.settings.ack_timeout,
        };
        if self.waiting.len() >= WAITING_MAX {
            return waiting.refuse("too many commands wait for the terminal");
        }
        self.waiting.push_back(waiting);
        self.go_on(now);
    }

    /// The next command, if none is under way and the line is open.
    fn go_on(&mut self, now: Instant) {
        while self.dialog.is_none() && self.down.is_none() {
            if !self.registered {
                // a refused registration is tried again on the heartbeat's clock
                if self.trouble.is_none() || now >= self.beat_at {
                    self.begin(Job::Register, None, now);
                }
                return;
            }
            let Some(next) = self.waiting.pop_front() else {
                return;
            };
            // nobody listens any more: a card asked for now would be paid unheard
            if next.is_late(now) {
                next.refuse("the terminal was busy with something else");
                continue;
            }
            self.begin(next.job, next.reply, now);
        }
    }

    fn begin(
        &mut self,
        job: Job,
        reply: Option<oneshot::Sender<Result<Done, Failed>>>,
        now: Instant,
    ) {
        self.beat_at = now + self.settings.heartbeat_every;
        let encoded = job.request(&self.settings).encode();
        let bytes = encoded.map_err(|why| why.to_string());
        let sent = bytes.and_then(|bytes| match &self.line {
            Some(line) => line
                .send(&bytes)
                .map(|()| bytes)
                .map_err(|why| why.to_string()),
            None => Err("the line is down".into()),
        });
        match sent {
            Ok(bytes) => {
                self.dialog = Some(Dialog::new(job, bytes, reply, &self.settings, now));
            }
            Err(why) => {
                if let Some(reply) = reply {
                    let _ = reply.send(Err(Failed::NotSent(why)));
                }
            }
        }
    }

    fn say(&self, bytes: &[u8]) {
        if let Some(line) = &self.line {
            // a line that is down says so itself
            let _ = line.send(bytes);
        }
    }

    fn say_abort(&self) {
        if let Ok(bytes) = Request::Abort.encode() {
            self.say(&bytes);
        }
    }

    fn receive(&mut self, bytes: &[u8], now: Instant) {
        if self.settings.is_serial() {
            if bytes == LINK_ACK {
                return;
            }
            if bytes == LINK_NAK {
                self.vitals.ignored("the terminal got a frame broken");
                if let Some(dialog) = &mut self.dialog
                    && dialog.resend()
                {
                    let bytes = dialog.bytes.clone();
                    self.say(&bytes);
                }
                return;
            }
            self.say(&LINK_ACK);
        }
        let said = match Said::read(bytes) {
            Ok(said) => said,
            Err(why) => {
                self.babble.hear(now);
                // it is acknowledged all the same, or the terminal repeats it for ever
                self.say(&ACK);
                return self.vitals.ignored(format!("not understood: {why}"));
            }
        };
        self.vitals.word();
        if !matches!(said, Said::Ack | Said::Refused { .. }) {
            self.say(&ACK);
        }
        let next = match &mut self.dialog {
            Some(dialog) => dialog.hear(said, &self.settings, now),
            None => Next::Stray,
        };
        self.follow(next, now);
    }

    fn follow(&mut self, next: Next, now: Instant) {
        match next {
            Next::Wait => {}
            Next::Stray => self
                .vitals
                .ignored("the terminal said something that belongs to no command under way"),
            Next::Abort => self.say_abort(),
            Next::End(ended) => self.ended(ended, now),
        }
        self.go_on(now);
    }

    fn ended(&mut self, ended: Result<Done, Failed>, now: Instant) {
        let Some(dialog) = self.dialog.take() else {
            return;
        };
        let lost = match &ended {
            Err(Failed::Lost(why)) => Some(why.clone()),
            _ => None,
        };
        match (&dialog.job, &ended) {
            (Job::Register, Ok(Done { aborted: None, .. })) => {
                self.registered = true;
                self.trouble = None;
            }
            (Job::Register, ended) => {
                let why = match ended {
                    Ok(done) => words(done.aborted.unwrap_or(0)).to_owned(),
                    Err(failed) => failed.to_string(),
                };
                self.trouble = Some(format!("the terminal does not register: {why}"));
                self.beat_at = now + REGISTER_AGAIN;
                if matches!(ended, Err(Failed::Refused(_))) {
                    // perhaps it still asks for a card that nobody here waits for any more
                    self.say_abort();
                }
            }
            (Job::Display(_), Err(Failed::Refused(_))) => self.blind = true,
            (Job::EndOfDay, ended) => {
                let how = match ended {
                    Ok(done) => done.aborted.map_or("done", words).to_owned(),
                    Err(failed) => failed.to_string(),
                };
                tracing::info!(device = %self.vitals.deps().id, how, "the terminal's end of day");
            }
            _ => {}
        }
        dialog.end(ended);
        if let Some(why) = lost {
            // what it still has to say of this must not meet the next command
            self.registered = false;
            self.beat_at = now;
            self.trouble.get_or_insert_with(|| why.clone());
            if let Some(line) = &self.line {
                line.reopen(&why);
            }
        }
        self.refresh(now);
    }

    fn tick(&mut self) {
        let now = Instant::now();
        if let Some(dialog) = &mut self.dialog {
            let next = dialog.tick(&self.settings, now);
            self.follow(next, now);
        }
        while let Some(late) = self.waiting.pop_front_if(|waiting| waiting.is_late(now)) {
            late.refuse(&format!(
                "the terminal is {}",
                self.vitals.health().as_str()
            ));
        }
        let is_idle = self.dialog.is_none() && self.waiting.is_empty();
        if is_idle && self.registered && self.down.is_none() && now >= self.beat_at {
            self.begin(Job::Enquire, None, now);
        }
        self.go_on(now);
        self.refresh(now);
    }
}

impl Actor for ZvtTerminal {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.vitals.tell(Health::Starting);
        let entropy = Arc::clone(&self.vitals.deps().entropy);
        let opener = Arc::clone(&self.opener);
        let (line, events) = Line::start(opener, self.settings.line.clone(), entropy);
        self.line = Some(line);
        ctx.add_stream(events);
        ctx.run_interval(TICK, |terminal, _| terminal.tick());
    }
}

impl StreamHandler<LineEvent> for ZvtTerminal {
    fn handle(&mut self, event: LineEvent, _: &mut Self::Context) {
        let now = Instant::now();
        match event {
            LineEvent::Up => {
                self.down = None;
                self.babble.forget();
                self.go_on(now);
            }
            LineEvent::Down(down) => {
                let (health, why) = match down {
                    Down::Absent(why) => (Health::Absent(why.clone()), why),
                    Down::Stuck(why) => (Health::Mute(why.clone()), why),
                };
                let since = self.down.take().map_or(now, |(_, since)| since);
                self.down = Some((health, since));
                let moves_money = |dialog: &Dialog| dialog.job.is_about_money();
                if self.dialog.as_ref().is_some_and(moves_money) {
                    let lost = format!("the line broke: {why}");
                    self.ended(Err(Failed::Lost(lost)), now);
                } else if self.registered && !self.idle_told {
                    self.idle_told = true;
                    self.vitals.ignored("the terminal hung up while idle");
                }
                // a question about nothing that matters is put again when its time comes
                self.dialog = None;
            }
            LineEvent::Frame(received) => self.receive(&received.bytes, now),
            LineEvent::Garbage { reason, bytes_len } => {
                self.babble.hear(now);
                self.vitals
                    .ignored(format!("{bytes_len} bytes of garbage ({reason:?})"));
                if self.settings.is_serial() && reason == GarbageReason::WrongChecksum {
                    self.say(&LINK_NAK);
                }
            }
        }
        self.refresh(now);
    }

    fn finished(&mut self, ctx: &mut Self::Context) {
        fail(ctx, "the task of its line ended");
    }
}

impl Handler<Perform> for ZvtTerminal {
    type Result = actix::ResponseFuture<Result<Done, Failed>>;

    fn handle(&mut self, Perform(job): Perform, _: &mut Self::Context) -> Self::Result {
        let (reply, ended) = oneshot::channel();
        self.enqueue(job, Some(reply));
        let died = || Err(Failed::Lost("the terminal's actor ended".into()));
        Box::pin(async move { ended.await.unwrap_or_else(|_| died()) })
    }
}

impl Handler<StopAsking> for ZvtTerminal {
    type Result = ();

    fn handle(&mut self, _: StopAsking, _: &mut Self::Context) {
        let now = Instant::now();
        while let Some(unsent) = self.waiting.pop_front_if(|next| next.job.asks_customer()) {
            unsent.refuse("not wanted any more");
        }
        if let Some(dialog) = &mut self.dialog
            && dialog.job.asks_customer()
        {
            let next = dialog.abort(&self.settings, now);
            self.follow(next, now);
        }
    }
}
