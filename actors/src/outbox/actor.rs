//! The actor around the machine: it listens, reads, publishes, retires and tells.
//!
//! One read is under way at a time, and every read begins by giving the thread to whoever else
//! wants it, so that a drain of any length stands behind live payments (OUT-3). Reading and packing
//! are done elsewhere, and no two batches follow each other without a pause.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, MessageResult, StreamHandler, WrapFuture,
};
use futures_util::stream;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, sleep, timeout},
};

use crate::{
    domain::{
        invariant::{Rule, Violation},
        record::Record,
        timestamp::Timestamp,
    },
    ports::{ASK_TIMEOUT, JournalFailed, Parked, StoreStatus, UplinkEvent},
    signal::{OutboxStatus, Signal},
    supervisor::Heartbeat,
};

use super::{
    GetStatus, OutboxDeps, StoreFacts,
    machine::{Effect, Event, Fetch, Machine, Moment, State},
    money::Unsent,
    parking::Asked,
};

/// How long it waits before it listens to the uplink again, when the uplink hung up.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// Batches whose age is remembered.
const AGES_MAX: usize = 64;

type Ctx = Context<Outbox>;

/// Ships the journal to the head office. See the module.
pub struct Outbox {
    pub(super) deps: OutboxDeps,
    pub(super) machine: Machine,
    reading: bool,
    /// The receipt being written to disk, and the one to write after it.
    retiring: bool,
    to_retire: Option<u64>,
    /// When the first record of what is not receipted was written, by its batch's last number.
    ages: VecDeque<(u64, Timestamp)>,
    facts: StoreFacts,
    status_at: Option<Instant>,
    shown: OutboxStatus,
    /// The journal failed at the last try: said once, not at every tick.
    unreadable: bool,
    /// Not before it was read from the journal.
    pub(super) parked: Option<Parked>,
    pub(super) unparking: BTreeSet<u64>,
    pub(super) asked: BTreeMap<u64, Asked>,
    /// A tick comes as soon as it may change something.
    waits: bool,
    pub(super) unsent: Unsent,
    /// Records are being counted.
    pub(super) counting: bool,
    /// It has been counted up to the journal's end once.
    pub(super) counted: bool,
    /// A backlog has gone out, and nobody has been told yet that it is gone.
    drains: bool,
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox")
            .field("machine", &self.machine)
            .finish_non_exhaustive()
    }
}

impl Outbox {
    pub fn new(deps: OutboxDeps) -> Self {
        let at = moment(&deps);
        let machine = Machine::new(
            deps.settings.clone(),
            deps.disk.receipted(),
            BTreeSet::new(),
            at,
        );
        let unsent = Unsent::new(&deps.settings.currencies);
        Self {
            deps,
            machine,
            reading: false,
            retiring: false,
            to_retire: None,
            ages: VecDeque::new(),
            facts: StoreFacts::default(),
            status_at: None,
            shown: OutboxStatus::default(),
            unreadable: false,
            parked: None,
            unparking: BTreeSet::new(),
            asked: BTreeMap::new(),
            unsent,
            counting: false,
            counted: false,
            waits: false,
            drains: false,
        }
    }

    pub(super) fn feed(&mut self, event: Event, ctx: &mut Ctx) {
        let effects = self.machine.on(event, moment(&self.deps));
        for effect in effects {
            self.carry_out(effect, ctx);
        }
        self.drains |= self.machine.state() == State::Draining;
        let is_gone = self.drains && self.machine.depth() == 0;
        if is_gone || self.shown.state != self.machine.state().as_str() {
            self.drains &= !is_gone;
            self.show();
        }
        self.pump(ctx);
    }

    fn carry_out(&mut self, effect: Effect, ctx: &mut Ctx) {
        match effect {
            Effect::Retire(through) => {
                while self
                    .ages
                    .pop_front_if(|(last, _)| *last <= through)
                    .is_some()
                {}
                self.to_retire = Some(through);
                self.retire(ctx);
            }
            Effect::Rebuild(why) => {
                tracing::warn!(why, "the link to the head office is rebuilt");
                self.deps.uplink.rebuild(&why);
                self.show();
            }
            Effect::Ignored { through, beyond } => self.ignored(through, beyond),
            Effect::Park { seq, why } => self.park(seq, why, ctx),
        }
    }

    /// A receipt from the future says that the head office holds what this journal does not:
    /// another store under this name, or a journal that was lost. One from the past is usually just
    /// late.
    fn ignored(&mut self, through: u64, beyond: bool) {
        let (last, receipted) = (self.shown.last_seq, self.machine.receipted());
        tracing::warn!(through, receipted, last, "a receipt was ignored");
        if beyond {
            let what = format!("the head office receipts {through}, the journal ends before it");
            self.deps.signals.emit(Signal::InvariantBroken(Violation {
                rule: Rule::Out1,
                what,
            }));
        }
    }

    // ---- out ---------------------------------------------------------------------------------

    pub(super) fn pump(&mut self, ctx: &mut Ctx) {
        if self.reading || self.parked.is_none() {
            return;
        }
        let now = Instant::now();
        let Some(fetch) = self.machine.fetch(now) else {
            return self.wait(now, ctx);
        };
        self.reading = true;
        let (disk, uplink) = (self.deps.disk.clone(), self.deps.uplink.clone());
        let bytes = self.deps.settings.batch_bytes;
        let read = async move {
            tokio::task::yield_now().await;
            let ready = async {
                let records = disk.records(fetch.from, fetch.records, bytes).await?;
                Ok(uplink.prepare(records).await)
            };
            let pause = async {
                if !fetch.pause.is_zero() {
                    sleep(fetch.pause).await;
                }
            };
            let (read, ()) = tokio::join!(timeout(ASK_TIMEOUT, ready), pause);
            read
        };
        ctx.spawn(read.into_actor(self).map(move |read, outbox, ctx| {
            outbox.reading = false;
            match read {
                Ok(Ok(records)) => outbox.publish(fetch, &records, ctx),
                Ok(Err(cause)) => outbox.unread(&cause, ctx),
                Err(_) => outbox.unread(&JournalFailed::Unreadable("no answer".into()), ctx),
            }
        }));
    }

    /// Not until the next tick, only as long as it must.
    fn wait(&mut self, now: Instant, ctx: &mut Ctx) {
        if let Some(pause) = self.machine.waits_for(now)
            && !self.waits
        {
            self.waits = true;
            ctx.run_later(pause, |outbox, ctx| {
                outbox.waits = false;
                outbox.feed(Event::Tick, ctx);
            });
        }
    }

    fn publish(&mut self, fetch: Fetch, records: &[Record], ctx: &mut Ctx) {
        self.unreadable = false;
        let (Some(first), Some(last)) = (records.first(), records.last()) else {
            return self.feed(Event::Unread, ctx);
        };
        let moved = !self.machine.is_next(fetch.from) || self.machine.state() == State::Offline;
        if moved || first.seq != fetch.from {
            return self.pump(ctx);
        }
        let none = Parked::new();
        let parked = self.parked.as_ref().unwrap_or(&none);
        let event = match self.deps.uplink.publish_records(records, parked) {
            Ok(bytes) => {
                self.remember_age(last.seq, first.at);
                Event::Published {
                    first: first.seq,
                    through: last.seq,
                    bytes,
                }
            }
            Err(why) => Event::Refused {
                why,
                records: records.len(),
            },
        };
        self.feed(event, ctx);
    }

    fn unread(&mut self, cause: &JournalFailed, ctx: &mut Ctx) {
        if !self.unreadable {
            tracing::error!(%cause, "the outbox can't read the journal");
        }
        self.unreadable = true;
        self.feed(Event::Unread, ctx);
    }

    fn retire(&mut self, ctx: &mut Ctx) {
        if self.retiring {
            return;
        }
        let Some(through) = self.to_retire.take() else {
            return;
        };
        self.retiring = true;
        let disk = self.deps.disk.clone();
        let write = async move { timeout(ASK_TIMEOUT, disk.set_receipted(through)).await };
        ctx.spawn(write.into_actor(self).map(move |written, outbox, ctx| {
            outbox.retiring = false;
            match written {
                Ok(Ok(())) => outbox.retire(ctx),
                // the head office sends it again; and until then the next tick tries
                _ => {
                    tracing::warn!(through, "the receipt could not be written to disk");
                    outbox.to_retire = Some(outbox.to_retire.unwrap_or(0).max(through));
                }
            }
        }));
    }

    // ---- what it tells -----------------------------------------------------------------------

    fn remember_age(&mut self, through: u64, first_at: Timestamp) {
        let newest = self.ages.back().map_or(0, |(last, _)| *last);
        if through > newest && self.ages.len() < AGES_MAX {
            self.ages.push_back((through, first_at));
        }
    }

    /// Offline, nothing was read yet: the age comes from the record itself.
    fn learn_age(&mut self, ctx: &mut Ctx) {
        if self.reading || self.machine.depth() == 0 || !self.ages.is_empty() {
            return;
        }
        self.reading = true;
        let disk = self.deps.disk.clone();
        let oldest = self.machine.receipted().saturating_add(1);
        let read = async move { timeout(ASK_TIMEOUT, disk.records(oldest, 1, 1)).await };
        ctx.spawn(read.into_actor(self).map(|read, outbox, ctx| {
            outbox.reading = false;
            if let Ok(Ok(records)) = read
                && let Some(record) = records.first()
                && outbox.ages.is_empty()
            {
                outbox.remember_age(record.seq, record.at);
            }
            outbox.pump(ctx);
        }));
    }

    fn status(&self) -> OutboxStatus {
        let mut status = self.machine.status();
        if status.depth > 0 {
            let now = self.deps.clock.now();
            status.oldest_age_ms = self.ages.front().map(|(_, at)| now.since_ms(*at));
        }
        status.money = self.counted.then(|| self.unsent.sums());
        status
    }

    /// At every change of state, when a backlog is gone, and otherwise at most once a tick.
    fn show(&mut self) {
        let status = self.status();
        if status != self.shown {
            self.shown = status.clone();
            self.deps.signals.emit(Signal::OutboxChanged(status));
        }
    }

    fn report_status(&mut self) {
        let report = StoreStatus {
            at: self.deps.clock.now(),
            version: self.deps.settings.version.clone(),
            last_seq: self.deps.disk.tip().seq,
            receipted: self.machine.receipted(),
            counters_ready: self.facts.counters_ready,
            counters: self.facts.counters,
            unknown: self.facts.unknown,
        };
        if self.deps.uplink.publish_status(&report).is_ok() {
            self.status_at = Some(Instant::now());
        }
    }

    fn tick(&mut self, ctx: &mut Ctx) {
        self.feed(Event::Tick, ctx);
        self.retire(ctx);
        self.resend_asked(ctx);
        self.learn_age(ctx);
        self.count_money(ctx);
        self.show();
        let every = Duration::from_millis(self.deps.settings.status_every_ms);
        let due = self.status_at.is_none_or(|at| at.elapsed() >= every);
        if due && self.machine.state() != State::Offline {
            self.report_status();
        }
    }

    fn listen(&mut self, ctx: &mut Ctx) {
        let events = stream::unfold(self.deps.uplink.events(), |mut events| async move {
            events.recv().await.map(|event| (event, events))
        });
        ctx.add_stream(events);
    }
}

fn moment(deps: &OutboxDeps) -> Moment {
    let mut chance = [0];
    deps.entropy.fill(&mut chance);
    let [chance] = chance;
    Moment {
        now: Instant::now(),
        tip: deps.disk.tip().seq,
        chance,
    }
}

/// The journal grew.
#[derive(Debug)]
struct Poke(Event);

/// Waits for a signal that says that the journal grew; so many that some were missed are payments.
async fn next_poke(mut signals: Receiver<Signal>) -> Option<(Poke, Receiver<Signal>)> {
    loop {
        match signals.recv().await {
            Ok(Signal::PaymentMoved { .. }) | Err(RecvError::Lagged(_)) => {
                return Some((Poke(Event::PaymentMoved), signals));
            }
            Ok(Signal::JournalWrote { .. }) => return Some((Poke(Event::Wrote), signals)),
            Ok(_) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

impl Actor for Outbox {
    type Context = Ctx;

    fn started(&mut self, ctx: &mut Ctx) {
        self.listen(ctx);
        self.read_parked(ctx);
        ctx.add_stream(stream::unfold(self.deps.signals.listen(), next_poke));
        let tick = Duration::from_millis(self.deps.settings.tick_ms.max(1));
        ctx.run_interval(tick, Self::tick);
        self.show();
    }
}

impl StreamHandler<UplinkEvent> for Outbox {
    fn handle(&mut self, event: UplinkEvent, ctx: &mut Ctx) {
        match event {
            UplinkEvent::Up => {
                tracing::info!("the link to the head office is up");
                self.feed(Event::Up, ctx);
                self.report_status();
            }
            UplinkEvent::Down { why } => {
                tracing::warn!(why, "the link to the head office is down");
                self.feed(Event::Down, ctx);
            }
            UplinkEvent::Receipt { through } => self.feed(Event::Receipt { through }, ctx),
            UplinkEvent::Missing { after } => self.feed(Event::Missing { after }, ctx),
            UplinkEvent::Unheard => self.feed(Event::Unheard, ctx),
            UplinkEvent::Refused { seq, why } => {
                // it can't take this one as it is: asking once more is somebody's decision
                self.asked.remove(&seq);
                self.feed(Event::HeadOfficeRefuses { seq, why }, ctx);
            }
            UplinkEvent::Stubs { through, seqs } => self.stubs_held(through, &seqs, ctx),
            UplinkEvent::OfflineTotal(total) => self.set_offline_total(total, ctx),
        }
    }

    fn finished(&mut self, ctx: &mut Ctx) {
        self.feed(Event::Down, ctx);
        ctx.run_later(LISTEN_AGAIN, Self::listen);
    }
}

impl StreamHandler<Poke> for Outbox {
    fn handle(&mut self, Poke(event): Poke, ctx: &mut Ctx) {
        self.feed(event, ctx);
    }

    // without signals there is still the tick
    fn finished(&mut self, _: &mut Ctx) {}
}

impl Handler<GetStatus> for Outbox {
    type Result = MessageResult<GetStatus>;

    fn handle(&mut self, _: GetStatus, _: &mut Ctx) -> Self::Result {
        MessageResult(self.status())
    }
}

impl Handler<StoreFacts> for Outbox {
    type Result = ();

    fn handle(&mut self, facts: StoreFacts, _: &mut Ctx) {
        self.facts = facts;
    }
}

impl Handler<Heartbeat> for Outbox {
    type Result = ();

    fn handle(&mut self, _: Heartbeat, _: &mut Ctx) {}
}
