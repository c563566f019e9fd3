//! The journal actor: the only way to the disk for facts that must survive (JRN-1 to JRN-3).
//!
//! `Append` is answered when its records are on stable storage and not before. While one group is
//! being written the next one gathers, so that many counters share one flush. The actor makes the
//! records and so the chain; the disk checks it. After a failure of the disk nothing more is taken,
//! for ever: there is no memory mode.
//!
//! If the actor dies between handing a group to the disk and answering, the group is written all
//! the same and the callers get no answer. They read, and repeat; the next incarnation begins at
//! the disk's tip, and if the old group was still on its way, the disk says `OutOfStep` and the
//! records are made anew. Reading is not this actor's business: readers hold the `JournalDisk`
//! itself.

mod group;
#[cfg(any(test, feature = "test-ports"))]
pub mod memory;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture,
};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use crate::{
    domain::record::{Body, Tip},
    mutants::{self, Mutant},
    ports::{DiskCondition, JournalDisk, JournalFailed, WallClock},
    signal::{Signal, Signals},
    supervisor::Heartbeat,
};
use group::{Group, Waiting};

/// The disk must answer within this time for one group, or it isn't trusted any more.
pub const DISK_WITHIN: Duration = Duration::from_secs(20);

/// An `Append` is answered within this time, at worst by `NoAnswer`.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Bodies that may wait for the group being written; beyond it `Append` is answered `Busy`.
pub const WAITING_MAX: usize = 4_096;

/// Messages that may wait in front of the journal: its `ChildSpec::mailbox`.
pub const MAILBOX: usize = 1_024;

/// How often it is looked how the disk does: a minute's payments fit into what is kept free.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);

/// How often in a row the disk may say that the chain stands elsewhere.
const MISSTEPS_MAX: u32 = 3;

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
    tip: Tip,
    waiting: VecDeque<Waiting>,
    waiting_bodies: usize,
    is_writing: bool,
    /// A group is gathered as soon as the mailbox is empty.
    is_gathering: bool,
    missteps: u32,
    stopped: Option<String>,
    /// How the disk did at the last look.
    shown: Option<DiskCondition>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            tip,
            waiting_bodies,
            stopped,
            ..
        } = self;
        write!(
            f,
            "Journal(tip {}, {waiting_bodies} waiting, stopped {stopped:?})",
            tip.seq
        )
    }
}

impl Journal {
    /// A new incarnation: continues where the disk stands.
    pub fn new(deps: JournalDeps) -> Self {
        let tip = deps.disk.tip();
        let waiting = VecDeque::new();
        Self {
            deps,
            tip,
            waiting,
            waiting_bodies: 0,
            is_writing: false,
            is_gathering: false,
            missteps: 0,
            stopped: None,
            shown: None,
        }
    }

    fn take(
        &mut self,
        bodies: Vec<Body>,
    ) -> Result<oneshot::Receiver<group::Reply>, JournalFailed> {
        if let Some(why) = &self.stopped {
            return Err(JournalFailed::Stopped(why.clone()));
        }
        if bodies.is_empty() {
            return Err(JournalFailed::Refused("there is nothing to write".into()));
        }
        if self.waiting_bodies + bodies.len() > WAITING_MAX {
            return Err(JournalFailed::Busy);
        }
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting::new(bodies, answer)?;
        self.waiting_bodies += waiting.bodies.len();
        self.waiting.push_back(waiting);
        Ok(answered)
    }

    /// Once the mailbox is empty: whoever was answered together and goes on together shares the
    /// next group, instead of one writing alone while the others wait.
    fn gather_soon(&mut self, ctx: &mut Context<Self>) {
        if self.is_writing || self.is_gathering {
            return;
        }
        self.is_gathering = true;
        let soon = std::future::ready(()).into_actor(self);
        ctx.spawn(soon.map(|(), journal, ctx| {
            journal.is_gathering = false;
            journal.write_next(ctx);
        }));
    }

    fn write_next(&mut self, ctx: &mut Context<Self>) {
        if self.is_writing || self.stopped.is_some() {
            return;
        }
        let (group, records) = Group::gather(&mut self.waiting, self.tip, self.deps.clock.now());
        self.waiting_bodies = self
            .waiting
            .iter()
            .map(|waiting| waiting.bodies.len())
            .sum();
        if records.is_empty() {
            return;
        }
        self.is_writing = true;
        let disk = self.deps.disk.clone();
        let began = Instant::now();
        let write = async move {
            if mutants::is_planted(Mutant::AckBeforeFsync) {
                actix::spawn(async move { disk.append(records).await });
                return Ok(());
            }
            let written = timeout(DISK_WITHIN, disk.append(records)).await;
            written.unwrap_or_else(|_| {
                Err(JournalFailed::Stopped(
                    "the disk did not answer in time".into(),
                ))
            })
        };
        ctx.spawn(write.into_actor(self).map(move |written, journal, ctx| {
            journal.is_writing = false;
            journal.wrote(group, written, began);
            journal.write_next(ctx);
        }));
    }

    fn wrote(&mut self, group: Group, written: Result<(), JournalFailed>, began: Instant) {
        match written {
            Ok(()) => self.is_durable(group, began),
            Err(JournalFailed::OutOfStep { .. }) if self.missteps < MISSTEPS_MAX => {
                self.missteps += 1;
                self.tip = self.deps.disk.tip();
                self.put_back(group.into_waiting());
            }
            Err(JournalFailed::NearlyFull) => {
                // those which begin no payment still end: once more without the others
                let (opening, others) = group.split_opening();
                opening
                    .into_iter()
                    .for_each(|one| one.answer(Err(JournalFailed::NearlyFull)));
                self.put_back(others);
            }
            Err(failed @ (JournalFailed::Busy | JournalFailed::Refused(_))) => {
                group
                    .into_waiting()
                    .into_iter()
                    .for_each(|one| one.answer(Err(failed.clone())));
            }
            Err(failed) => {
                let why = match failed {
                    JournalFailed::Stopped(why) => why,
                    other => other.to_string(),
                };
                self.stop(why, group.into_waiting());
            }
        }
    }

    fn is_durable(&mut self, group: Group, began: Instant) {
        self.missteps = 0;
        self.tip = group.tip;
        let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let signals = &self.deps.signals;
        signals.emit(Signal::JournalWrote {
            records: group.len(),
            took_us,
        });
        for placed in group.placed {
            for (seq, body) in (placed.appended.first_seq..).zip(placed.waiting.bodies) {
                if let Body::Payment { payment } = body {
                    signals.emit(Signal::PaymentMoved {
                        seq,
                        payment: Arc::from(payment),
                    });
                }
            }
            // the caller may have gone; the fact stays
            let _ = placed.waiting.answer.send(Ok(placed.appended));
        }
    }

    fn put_back(&mut self, waiting: Vec<Waiting>) {
        for one in waiting.into_iter().rev() {
            self.waiting_bodies += one.bodies.len();
            self.waiting.push_front(one);
        }
    }

    fn stop(&mut self, why: String, refused: Vec<Waiting>) {
        tracing::error!(why, "the journal has stopped: no more money is taken");
        self.deps
            .signals
            .emit(Signal::JournalStopped { why: why.clone() });
        let rest = std::mem::take(&mut self.waiting);
        for one in refused.into_iter().chain(rest) {
            one.answer(Err(JournalFailed::Stopped(why.clone())));
        }
        self.waiting_bodies = 0;
        self.stopped = Some(why);
    }
}

impl Journal {
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
    }
}

impl Handler<Heartbeat> for Journal {
    type Result = ();

    /// A slow disk is no reason for a restart: the write has a bound of its own.
    fn handle(&mut self, _: Heartbeat, _: &mut Self::Context) {}
}

impl Handler<Append> for Journal {
    type Result = ResponseFuture<Result<Appended, JournalFailed>>;

    fn handle(&mut self, append: Append, ctx: &mut Self::Context) -> Self::Result {
        let taken = self.take(append.bodies);
        self.gather_soon(ctx);
        Box::pin(async move {
            match timeout(ANSWER_WITHIN, taken?).await {
                Ok(Ok(answer)) => answer,
                // too late, or this incarnation has died
                Ok(Err(_)) | Err(_) => Err(JournalFailed::NoAnswer),
            }
        })
    }
}
