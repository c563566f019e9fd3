//! A barcode scanner: hands on one scan to the payment it is armed for, and nothing else to
//! anybody.
//!
//! A scan counts for a payment only if its first byte came after the arming, and only the first one
//! counts; every other is dropped and made visible (never its content, SEC-1). A bad read is
//! visible too and leaves the scanner armed. A presentation scanner reads the same code many times
//! a second: the repeat filter drops the same code within a short time, and forgets it when another
//! payment begins. Whether the data is a payment code is `domain::code`'s matter.
//!
//! A scanner has no heartbeat: one that is plugged in counts as ready, since a quiet one is the
//! normal case.

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use actix::{Actor, AsyncContext, Context, Handler, StreamHandler};
use tokio::time::Instant;

use super::{
    Arm, BabbleSettings, DeviceDeps, Disarm, FactKind, Report,
    babble::Babble,
    line::{Down, Line, LineEvent, LineSettings, Received},
    vitals::Vitals,
};
use crate::{
    domain::{code::Secret, ids::PaymentId},
    ports::LineOpener,
    signal::{DeviceKind, Health},
    supervisor::{Handle, Heartbeat, Supervision, fail},
    wire::scanner::{BadRead, Family, HostCommand, parse},
};

/// What is set for one scanner.
#[derive(Clone, Debug)]
pub struct ScannerSettings {
    pub line: LineSettings,
    /// Whose trigger commands it obeys.
    pub family: Family,
    /// The same code is dropped for so long after it was read.
    pub repeat_within: Duration,
    pub babble: BabbleSettings,
}

impl Default for ScannerSettings {
    fn default() -> Self {
        Self {
            line: LineSettings::default(),
            family: Family::Plain,
            repeat_within: Duration::from_millis(1_500),
            babble: BabbleSettings::default(),
        }
    }
}

#[derive(Clone)]
pub struct ScannerDeps {
    pub device: DeviceDeps,
    pub opener: Arc<dyn LineOpener>,
    pub settings: ScannerSettings,
}

impl fmt::Debug for ScannerDeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ScannerDeps").field(&self.device).finish()
    }
}

/// The actor.
pub struct Scanner {
    settings: ScannerSettings,
    opener: Arc<dyn LineOpener>,
    vitals: Vitals,
    babble: Babble,
    line: Option<Line>,
    /// Why the line is not open; `None` while it is.
    down: Option<Health>,
    armed: Option<Armed>,
    /// For the repeat filter: whose, what, when.
    last: Option<(PaymentId, Secret, Instant)>,
}

struct Armed {
    payment: PaymentId,
    at: Instant,
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scanner")
    }
}

/// How often the time-dependent part of its state is looked at.
const TICK: Duration = Duration::from_millis(500);

impl Scanner {
    pub fn new(deps: ScannerDeps) -> Self {
        let line = deps.opener.describe();
        Self {
            babble: Babble::new(deps.settings.babble),
            settings: deps.settings,
            opener: deps.opener,
            vitals: Vitals::new(deps.device, DeviceKind::Scanner, line),
            line: None,
            down: Some(Health::Starting),
            armed: None,
            last: None,
        }
    }

    /// Starts one under supervision. It knows of no payment after a restart: arm it again when it
    /// reports `Ready`.
    pub fn supervised(supervision: &Supervision, deps: ScannerDeps) -> Handle<Self> {
        let spec = deps
            .device
            .child_spec(DeviceKind::Scanner, deps.opener.describe());
        supervision.child(spec, move || Self::new(deps.clone()))
    }

    fn refresh(&mut self) {
        let now = Instant::now();
        let health = match (&self.down, self.babble.complaint(now)) {
            (Some(down), _) => down.clone(),
            (None, Some(complaint)) => Health::Babbling(complaint),
            (None, None) => Health::Ready,
        };
        self.vitals.set(health);
        let forgotten = |at: &Instant| now.duration_since(*at) > self.settings.repeat_within;
        if self.last.as_ref().is_some_and(|(_, _, at)| forgotten(at)) {
            self.last = None;
        }
    }

    fn command(&self, bytes: Option<&'static [u8]>) {
        if let (Some(line), Some(bytes)) = (&self.line, bytes) {
            // down or stuck: it is sent again when the line is up
            let _ = line.send_raw(bytes.to_vec());
        }
    }

    fn bad_read(&mut self, why: &str) {
        self.babble.hear(Instant::now());
        self.vitals.ignored(format!("bad read: {why}"));
        self.command(self.settings.family.command(HostCommand::NotOnFileBeep));
    }

    fn receive(&mut self, received: &Received) {
        self.vitals.word();
        let scan = match parse(&received.bytes) {
            Ok(scan) => scan,
            // the scanner works, it says so itself
            Err(BadRead::NoRead) => {
                return self
                    .vitals
                    .ignored(format!("bad read: {}", BadRead::NoRead));
            }
            Err(bad) => return self.bad_read(&bad.to_string()),
        };
        let now = Instant::now();
        let Some(Armed { payment, at }) = self.armed else {
            return self
                .vitals
                .ignored("a scan, and no payment was waiting for one");
        };
        if received.began < at {
            return self
                .vitals
                .ignored("a scan that was made before the payment began");
        }
        let repeated = self.last.as_ref().is_some_and(|(_, code, seen)| {
            let recent = now.duration_since(*seen) <= self.settings.repeat_within;
            recent && code.expose() == scan.data()
        });
        let code = Secret::new(scan.data().to_owned());
        self.last = Some((payment, code.clone(), now));
        if repeated {
            return self.vitals.ignored("the same code again");
        }
        self.armed = None;
        self.command(self.settings.family.disarm());
        self.vitals.fact(FactKind::CodeScanned { payment, code });
    }
}

impl Actor for Scanner {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.vitals.tell(Health::Starting);
        let entropy = Arc::clone(&self.vitals.deps().entropy);
        let opener = Arc::clone(&self.opener);
        let (line, events) = Line::start(opener, self.settings.line.clone(), entropy);
        self.line = Some(line);
        ctx.add_stream(events);
        ctx.run_interval(TICK, |scanner, _| scanner.refresh());
    }
}

impl StreamHandler<LineEvent> for Scanner {
    fn handle(&mut self, event: LineEvent, _: &mut Self::Context) {
        match event {
            LineEvent::Up => {
                self.down = None;
                self.babble.forget();
                let family = self.settings.family;
                self.command(if self.armed.is_some() {
                    family.arm()
                } else {
                    family.disarm()
                });
            }
            LineEvent::Down(Down::Absent(why)) => self.down = Some(Health::Absent(why)),
            LineEvent::Down(Down::Stuck(why)) => self.down = Some(Health::Mute(why)),
            LineEvent::Frame(received) => self.receive(&received),
            LineEvent::Garbage { reason, bytes_len } => {
                self.vitals.word();
                self.bad_read(&format!("{bytes_len} bytes of garbage ({reason:?})"));
            }
        }
        self.refresh();
    }

    fn finished(&mut self, ctx: &mut Self::Context) {
        fail(ctx, "the task of its line ended");
    }
}

impl Handler<Arm> for Scanner {
    type Result = ();

    /// Arming anew for the same payment asks for one more scan and keeps the repeat filter.
    fn handle(&mut self, arm: Arm, _: &mut Self::Context) {
        if self
            .last
            .as_ref()
            .is_some_and(|(payment, ..)| *payment != arm.payment)
        {
            self.last = None;
        }
        self.armed = Some(Armed {
            payment: arm.payment,
            at: Instant::now(),
        });
        self.command(self.settings.family.arm());
    }
}

impl Handler<Disarm> for Scanner {
    type Result = ();

    fn handle(&mut self, disarm: Disarm, _: &mut Self::Context) {
        if self
            .armed
            .as_ref()
            .is_some_and(|armed| armed.payment == disarm.payment)
        {
            self.armed = None;
            self.command(self.settings.family.disarm());
        }
    }
}

impl Handler<Report> for Scanner {
    type Result = actix::MessageResult<Report>;

    fn handle(&mut self, _: Report, _: &mut Self::Context) -> Self::Result {
        actix::MessageResult(self.vitals.health().clone())
    }
}

impl Handler<Heartbeat> for Scanner {
    type Result = ();

    fn handle(&mut self, _: Heartbeat, _: &mut Self::Context) {}
}
