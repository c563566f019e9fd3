//! Settling batches: once the business day of its first transaction has ended, and when somebody
//! asks, each acquirer that settles in batches is told to; what came of it becomes a record.
//!
//! How a batch is settled is the driver's (`ports::Batches`), and survives a crash there: it
//! remembers what it settled, and whatever of that has no record yet gets one here, at each look.
//! A batch that could not be settled is tried again at the next look, and a signal says why.

pub mod requests;

use std::{fmt, sync::Arc, time::Duration};

use actix::prelude::*;
use tokio::{sync::Mutex, time::timeout};

use crate::{
    domain::{
        office::{
            entry::{self, Entry},
            settlement::Settlement,
        },
        payment::NoAnswer,
        record::Body,
    },
    journal::{ANSWER_WITHIN, Append, Journal},
    ports::{ASK_TIMEOUT, Acquirer, Batches, Due, JournalDisk, JournalFailed, WallClock},
    signal::{Signal, Signals},
    supervisor::{Handle, Heartbeat},
};
use requests::{SettleBatch, SettleRefused};

/// How often it is looked whether a batch is due.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);

/// A day's batch is settled so long after its end: what was begun in its last moments has ended.
const GRACE_MS: u64 = 120_000;

/// The last bound on one settlement; the driver has its own on each message.
const SETTLED_WITHIN: Duration = Duration::from_secs(600);

/// More than any driver remembers.
const ENTRIES_MAX: usize = 100;

#[derive(Clone)]
pub struct SettlingDeps {
    /// Those that have batches, and others.
    pub acquirers: Vec<Arc<dyn Acquirer>>,
    pub disk: Arc<dyn JournalDisk>,
    pub journal: Handle<Journal>,
    pub signals: Signals,
    pub clock: Arc<dyn WallClock>,
    /// From UTC to the clock whose midnight ends the business day.
    pub offset_minutes: i32,
}

/// The actor.
pub struct Settling {
    deps: SettlingDeps,
    /// One settlement at a time, whoever asks.
    turn: Arc<Mutex<()>>,
    at_work: bool,
}

impl fmt::Debug for Settling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settling")
    }
}

impl Settling {
    pub fn new(deps: SettlingDeps) -> Self {
        Self {
            deps,
            turn: Arc::default(),
            at_work: false,
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        if self.at_work {
            return;
        }
        self.at_work = true;
        let (deps, turn) = (self.deps.clone(), Arc::clone(&self.turn));
        let work = async move {
            let _turn = turn.lock().await;
            for port in &deps.acquirers {
                if let Some(batches) = port.batches() {
                    deps.look_at(port.as_ref(), batches).await;
                }
            }
        };
        ctx.spawn(
            work.into_actor(self)
                .map(|(), this, _| this.at_work = false),
        );
    }
}

impl SettlingDeps {
    async fn look_at(&self, port: &dyn Acquirer, batches: &dyn Batches) {
        let now = self.clock.now();
        let is_due = batches.open().is_some_and(|open| match open.due {
            Due::Now => true,
            Due::Later => false,
            Due::WithDay => {
                let with_grace = open.since.plus_ms(GRACE_MS);
                Settlement::is_due(with_grace, now, self.offset_minutes)
            }
        });
        let done = match is_due {
            true => self.settle(port, batches).await.map(|_| ()),
            false => self.write_down(port, batches).await.map(|_| ()),
        };
        if let Err(why) = done {
            tracing::warn!(acquirer = %port.profile().id, %why, "not settled; it is tried again");
        }
    }

    /// Settles what is open. Gives what was settled last, if anything was just now.
    async fn settle(
        &self,
        port: &dyn Acquirer,
        batches: &dyn Batches,
    ) -> Result<Option<Settlement>, SettleRefused> {
        let settled = timeout(SETTLED_WITHIN, batches.settle()).await;
        let settled = settled.unwrap_or(Err(NoAnswer::TimedOut));
        self.signals.emit(Signal::BatchWaits {
            acquirer: port.profile().id.clone(),
            why: settled.as_ref().err().map(ToString::to_string),
        });
        if let Err(why) = settled {
            // an earlier one may still lack its record
            self.write_down(port, batches).await?;
            return Err(SettleRefused::NotSettled(why));
        }
        Ok(self.write_down(port, batches).await?.pop())
    }

    /// Makes a record of what was settled and has none.
    async fn write_down(
        &self,
        port: &dyn Acquirer,
        batches: &dyn Batches,
    ) -> Result<Vec<Settlement>, SettleRefused> {
        let mut settled = batches.settled();
        if settled.is_empty() {
            return Ok(settled);
        }
        let prefix = entry::settlements_of(&port.profile().id);
        let written = timeout(ASK_TIMEOUT, self.disk.entries(&prefix, ENTRIES_MAX)).await;
        let written = written.map_err(|_| JournalFailed::NoAnswer)??;
        settled.retain(|one| !written.contains(&Entry::Settlement(one.clone())));
        if settled.is_empty() {
            return Ok(settled);
        }
        let bodies = settled.iter().cloned().map(|one| Body::Office {
            office: Box::new(Entry::Settlement(one)),
        });
        let append = Append {
            bodies: bodies.collect(),
        };
        let asked = self.journal.ask(append, ANSWER_WITHIN).await;
        asked.map_err(|failed| SettleRefused::NoAnswer(format!("the journal ({failed})")))??;
        for one in &settled {
            self.signals.emit(Signal::BatchSettled(one.clone()));
        }
        Ok(settled)
    }
}

impl Actor for Settling {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.look(ctx);
        ctx.run_interval(LOOK_INTERVAL, Self::look);
    }
}

impl Handler<Heartbeat> for Settling {
    type Result = ();

    fn handle(&mut self, _: Heartbeat, _: &mut Context<Self>) {}
}

impl Handler<SettleBatch> for Settling {
    type Result = ResponseFuture<Result<Option<Settlement>, SettleRefused>>;

    fn handle(
        &mut self,
        SettleBatch(acquirer): SettleBatch,
        _: &mut Context<Self>,
    ) -> Self::Result {
        let (deps, turn) = (self.deps.clone(), Arc::clone(&self.turn));
        Box::pin(async move {
            let mut known = deps.acquirers.iter();
            let port = known.find(|port| port.profile().id == acquirer);
            let port = port.ok_or_else(|| SettleRefused::NoSuchAcquirer(acquirer.clone()))?;
            let batches = port.batches().ok_or(SettleRefused::NoBatches(acquirer))?;
            let _turn = turn.lock().await;
            deps.settle(port.as_ref(), batches).await
        })
    }
}

#[cfg(test)]
mod tests;
