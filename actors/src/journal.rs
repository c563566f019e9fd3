//! The journal actor: the only way to the disk for facts that must survive (JRN-1 to JRN-3).
//!
//! `Append` is answered when its records are on stable storage and not before. What comes at the
//! same time is handed to the disk as one group, and what it gets while it writes it writes
//! together, so that many counters share one flush. The actor makes the facts, and the disk the
//! chain, with its own thread's time. After a failure of the disk nothing more is taken, for ever:
//! there is no memory mode.
//!
//! If the actor dies between handing a group to the disk and answering, the group is written all
//! the same and the callers get no answer. They read, and repeat; what the next incarnation writes
//! comes behind it. Reading is not this actor's business: readers hold the `JournalDisk` itself.

mod answer;
mod group;
#[cfg(any(test, feature = "test-ports"))]
pub mod memory;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, WrapFuture};
use tokio::time::{Instant, timeout};

use crate::{
    domain::record::{Body, Fact, Tip},
    mutants::{self, Mutant},
    ports::{DiskCondition, JournalDisk, JournalFailed, Reply, WallClock},
    signal::{Signal, Signals},
    supervisor::Heartbeat,
};
use answer::{Answer, Later, Response};
use group::{Group, Waiting};

/// The disk must answer within this time for one group, after the one before it, or it isn't
/// trusted any more.
pub const DISK_WITHIN: Duration = Duration::from_secs(20);

/// An `Append` is answered within this time, at worst by `NoAnswer`.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Bodies that may wait for the group being written; beyond it `Append` is answered `Busy`.
pub const WAITING_MAX: usize = 4_096;

/// Messages that may wait in front of the journal: its `ChildSpec::mailbox`.
pub const MAILBOX: usize = 1_024;

/// Groups that the disk has at most; what comes then waits here.
const WRITING_MAX: usize = 4;

/// So many bodies go to the disk at once, without waiting for what else comes in the same moment:
/// two groups alternate then, and while the disk works on one, the other's callers are answered and
/// make their next. With fewer, a flush costs more than it gains.
const WRITTEN_FROM: usize = 64;

/// How often it is looked who has waited for too long.
const PATIENCE_INTERVAL: Duration = Duration::from_secs(1);

/// How often it is looked how the disk does: a minute's payments fit into what is kept free.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);

/// What the journal needs.
#[derive(Clone)]
pub struct JournalDeps {
    pub disk: Arc<dyn JournalDisk>,
    pub clock: Arc<dyn WallClock>,
    pub signals: Signals,
}

impl fmt::Debug for JournalDeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JournalDeps(tip {})", self.disk.tip().seq)
    }
}

/// Put these facts on disk, together or not at all.
///
/// Errors: `Stopped` (take no more money), `NearlyFull` (open no payment), `Busy` and `NoAnswer`
/// (try again), `Refused` (never).
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Appended, JournalFailed>")]
pub struct Append {
    pub bodies: Vec<Body>,
}

/// They are on disk, under these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    pub first_seq: u64,
    pub last_seq: u64,
}

/// The actor.
pub struct Journal {
    deps: JournalDeps,
    waiting: VecDeque<Waiting>,
    waiting_bodies: usize,
    /// What the disk has, in its order.
    writing: VecDeque<Writing>,
    /// How many groups the disk has had before those.
    written: u64,
    /// Since when the disk has had the first of them, and none before it.
    first_since: Instant,
    /// A group is gathered as soon as the mailbox is empty.
    is_gathering: bool,
    stopped: Option<String>,
    /// How the disk did at the last look.
    shown: Option<DiskCondition>,
}

/// A group that the disk has.
struct Writing {
    group: Group,
    began: Instant,
    /// How it ended, while one before it has not.
    ended: Option<Result<Tip, JournalFailed>>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (waiting, stopped) = (self.waiting_bodies, &self.stopped);
        write!(f, "Journal({waiting} waiting, stopped {stopped:?})")
    }
}

impl Journal {
    /// A new incarnation: continues where the disk stands.
    pub fn new(deps: JournalDeps) -> Self {
        Self {
            deps,
            waiting: VecDeque::new(),
            waiting_bodies: 0,
            writing: VecDeque::new(),
            written: 0,
            first_since: Instant::now(),
            is_gathering: false,
            stopped: None,
            shown: None,
        }
    }

    fn take(&mut self, bodies: Vec<Body>) -> Result<Later, JournalFailed> {
        if let Some(why) = &self.stopped {
            return Err(JournalFailed::Stopped(why.clone()));
        }
        if bodies.is_empty() {
            return Err(JournalFailed::Refused("there is nothing to write".into()));
        }
        if self.waiting_bodies + bodies.len() > WAITING_MAX {
            return Err(JournalFailed::Busy);
        }
        let (answer, later) = Answer::later();
        let waiting = Waiting::new(bodies, answer)?;
        self.waiting_bodies += waiting.bodies.len();
        self.waiting.push_back(waiting);
        Ok(later)
    }

    /// Once the mailbox is empty: whoever was answered together and goes on together shares the
    /// next group, instead of one writing alone while the others wait. Or as soon as it is worth a
    /// flush.
    fn gather_soon(&mut self, ctx: &mut Context<Self>) {
        if self.waiting_bodies >= WRITTEN_FROM {
            self.write(ctx);
        }
        if self.is_gathering {
            return;
        }
        self.is_gathering = true;
        let soon = std::future::ready(()).into_actor(self);
        ctx.spawn(soon.map(|(), journal, ctx| {
            journal.is_gathering = false;
            journal.write(ctx);
        }));
    }

    fn write(&mut self, ctx: &mut Context<Self>) {
        while self.writing.len() < WRITING_MAX && self.stopped.is_none() {
            let (group, facts) = Group::gather(&mut self.waiting, self.deps.clock.now());
            if facts.is_empty() {
                return;
            }
            self.waiting_bodies -= group.len();
            let nth = self.written + self.writing.len() as u64;
            let began = Instant::now();
            if self.writing.is_empty() {
                self.first_since = began;
            }
            self.writing.push_back(Writing {
                group,
                began,
                ended: None,
            });
            self.hand_over(nth, facts, ctx);
        }
    }

    fn hand_over(&self, nth: u64, facts: Vec<Fact>, ctx: &mut Context<Self>) {
        let ended = self.append(facts).into_actor(self);
        ctx.spawn(ended.map(move |ended, journal, ctx| {
            journal.ended(nth, ended, ctx);
            journal.write(ctx);
        }));
    }

    fn append(&self, facts: Vec<Fact>) -> Reply<'static, Result<Tip, JournalFailed>> {
        let disk = &self.deps.disk;
        if mutants::is_planted(Mutant::AckBeforeFsync) {
            let Tip { seq, hash } = disk.tip();
            let seq = seq + facts.len() as u64;
            actix::spawn(disk.append(facts));
            return Box::pin(async move { Ok(Tip { seq, hash }) });
        }
        disk.append(facts)
    }

    /// In the disk's order: who listens hears of no record before the one before it.
    fn ended(&mut self, nth: u64, how: Result<Tip, JournalFailed>, ctx: &mut Context<Self>) {
        let at = usize::try_from(nth - self.written).ok();
        if let Some(writing) = at.and_then(|at| self.writing.get_mut(at)) {
            writing.ended = Some(how);
        }
        while let Some(first) = self.writing.pop_front_if(|first| first.ended.is_some()) {
            self.first_since = Instant::now();
            let Writing {
                group,
                began,
                ended,
            } = first;
            let again = ended.and_then(|ended| self.wrote(group, ended, began));
            if let Some((group, facts)) = again {
                let ended = None;
                self.writing.push_front(Writing {
                    group,
                    began,
                    ended,
                });
                self.hand_over(self.written, facts, ctx);
                return;
            }
            self.written += 1;
        }
    }

    /// Gives what is to be written once more, before anybody behind it is answered: whoever is then
    /// answered relies on what was handed in before.
    fn wrote(
        &mut self,
        group: Group,
        written: Result<Tip, JournalFailed>,
        began: Instant,
    ) -> Option<(Group, Vec<Fact>)> {
        match written {
            Ok(tip) => self.is_durable(group, tip, began),
            Err(JournalFailed::NearlyFull) if self.stopped.is_none() => {
                // those which begin no payment still end: once more without the others
                let (opening, others) = group.split_opening();
                opening
                    .into_iter()
                    .for_each(|one| one.answer(Err(JournalFailed::NearlyFull)));
                if !others.is_empty() {
                    return Some(Group::gather(&mut others.into(), self.deps.clock.now()));
                }
            }
            Err(failed @ (JournalFailed::Busy | JournalFailed::Refused(_))) => {
                let refused = group.appends.into_iter();
                refused.for_each(|one| one.answer(Err(failed.clone())));
            }
            Err(failed) => {
                let why = match failed {
                    JournalFailed::Stopped(why) => why,
                    other => other.to_string(),
                };
                self.stop(why, group.appends);
            }
        }
        None
    }

    fn is_durable(&mut self, group: Group, tip: Tip, began: Instant) {
        let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let signals = &self.deps.signals;
        signals.emit(Signal::JournalWrote {
            records: group.len(),
            took_us,
        });
        for (appended, mut append) in group.placed(tip) {
            for (seq, body) in (appended.first_seq..).zip(std::mem::take(&mut append.bodies)) {
                if let Body::Payment { payment } = body {
                    signals.emit(Signal::PaymentMoved {
                        seq,
                        payment: Arc::from(payment),
                    });
                }
            }
            // the caller may have gone; the fact stays
            append.answer(Ok(appended));
        }
    }

    /// For ever. What the disk still has, it answers itself. The first reason stays.
    fn stop(&mut self, why: String, refused: Vec<Waiting>) {
        if self.stopped.is_none() {
            tracing::error!(why, "the journal has stopped: no more money is taken");
            self.deps
                .signals
                .emit(Signal::JournalStopped { why: why.clone() });
        }
        let why = self.stopped.get_or_insert(why).clone();
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bodies = 0;
        for one in refused.into_iter().chain(waiting) {
            one.answer(Err(JournalFailed::Stopped(why.clone())));
        }
    }
}

impl Journal {
    /// The disk has a bound for each group; who waits behind several has one too.
    fn lose_patience(&mut self) {
        if !self.writing.is_empty() && self.first_since.elapsed() >= DISK_WITHIN {
            let writing = std::mem::take(&mut self.writing).into_iter();
            let appends = writing.flat_map(|one| one.group.appends).collect();
            self.stop("the disk did not answer in time".into(), appends);
        }
        let Some(since) = Instant::now().checked_sub(ANSWER_WITHIN - PATIENCE_INTERVAL) else {
            return;
        };
        let writing = self.writing.iter().flat_map(|one| &one.group.appends);
        let waiting = writing.chain(&self.waiting);
        waiting.for_each(|append| append.give_up(since));
    }

    /// A disk that has failed or is filling up is seen without waiting for the next payment.
    fn watch(&mut self, ctx: &mut Context<Self>) {
        if self.stopped.is_some() {
            return;
        }
        let disk = self.deps.disk.clone();
        let asked = async move { timeout(DISK_WITHIN, disk.condition()).await };
        ctx.spawn(
            asked
                .into_actor(self)
                .map(|answer, journal, _| match answer {
                    Ok(Ok(condition)) => {
                        let before = journal.shown.replace(condition);
                        if before != Some(condition) {
                            journal.deps.signals.emit(Signal::DiskChanged(condition));
                        }
                    }
                    Ok(Err(JournalFailed::Stopped(why))) if journal.stopped.is_none() => {
                        journal.stop(why, Vec::new());
                    }
                    // a slow disk has bounds of its own, where it is written to
                    Ok(Err(_)) | Err(_) => {}
                }),
        );
    }
}

impl Actor for Journal {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.watch(ctx);
        ctx.run_interval(WATCH_INTERVAL, Self::watch);
        ctx.run_interval(PATIENCE_INTERVAL, |journal, _| journal.lose_patience());
    }
}

impl Handler<Heartbeat> for Journal {
    type Result = ();

    /// A slow disk is no reason for a restart: the write has a bound of its own.
    fn handle(&mut self, _: Heartbeat, _: &mut Self::Context) {}
}

impl Handler<Append> for Journal {
    type Result = Response;

    fn handle(&mut self, append: Append, ctx: &mut Self::Context) -> Response {
        match self.take(append.bodies) {
            Ok(later) => {
                self.gather_soon(ctx);
                Response::Later(later)
            }
            Err(failed) => Response::Now(failed),
        }
    }
}
