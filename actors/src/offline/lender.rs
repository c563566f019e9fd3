//! Lends the store's offline budget to the counters, a slice at a time.
//!
//! It reads the journal before it grants anything: what is at risk is what the journal says,
//! whoever accepted it. The table of leases outlives the actor, so that a restart lends nothing
//! twice. What another counter needs is asked back from those that don't need it. The vault holds
//! cards of accepted payments and no others; that is seen to here as well.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use actix::prelude::*;
use tokio::time::{Instant, timeout};

use super::Counters;
use crate::{
    counter::requests::GiveBack,
    domain::{
        ids::{CounterId, PaymentId},
        offline::{
            OfflineLimits, OfflineRefused, OfflineTotal,
            budget::{Budget, CLAIM_MAX_AGE_MS, Exposure, NotGranted, OfflineStatus, Share},
        },
        payment::Payment,
    },
    ports::{ASK_TIMEOUT, CardVault, JournalDisk, JournalFailed, WallClock},
    signal::{Signal, Signals},
    supervisor::Heartbeat,
};

/// How often the journal is looked through without being asked.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// How often the vault is cleared of what nobody needs.
const SWEEP_INTERVAL: Duration = Duration::from_millis(CLAIM_MAX_AGE_MS);

/// A counter that does not answer keeps its lease.
const GIVE_BACK_WITHIN: Duration = Duration::from_millis(500);

#[derive(Clone)]
pub struct LenderDeps {
    budget: Arc<Mutex<Budget>>,
    pub disk: Arc<dyn JournalDisk>,
    pub vault: Arc<dyn CardVault>,
    pub counters: Counters,
    pub signals: Signals,
    pub clock: Arc<dyn WallClock>,
}

impl LenderDeps {
    pub fn new(
        limits: OfflineLimits,
        disk: Arc<dyn JournalDisk>,
        vault: Arc<dyn CardVault>,
        counters: Counters,
        signals: Signals,
        clock: Arc<dyn WallClock>,
    ) -> Self {
        Self {
            budget: Arc::new(Mutex::new(Budget::new(limits))),
            disk,
            vault,
            counters,
            signals,
            clock,
        }
    }
}

/// Lends. See the module.
pub struct Lender {
    deps: LenderDeps,
    shown: Option<OfflineStatus>,
    swept_at: Option<Instant>,
    set: Option<OfflineTotal>,
    /// Where the journal stood when it was looked through last.
    seen: Option<u64>,
}

/// A counter wants to accept a payment. Granted: its lease as it is now, which covers the payment.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Share, OfflineRefused>")]
pub struct Claim {
    pub payment: PaymentId,
    pub exposure: Exposure,
}

/// A claim came to nothing, or its payment has ended.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Release(pub PaymentId);

impl Lender {
    pub fn new(deps: LenderDeps) -> Self {
        Self {
            deps,
            shown: None,
            swept_at: None,
            set: None,
            seen: None,
        }
    }

    fn look(&mut self, ctx: &mut Context<Self>) {
        let disk = Arc::clone(&self.deps.disk);
        let tip = disk.tip().seq;
        if self.seen == Some(tip) && !lock(&self.deps.budget).has_claims() {
            // only time has passed
            return self.tell();
        }
        ctx.spawn(read(disk).into_actor(self).map(move |journal, this, ctx| {
            let Ok(journal) = journal else { return };
            this.seen = Some(tip);
            let is_news = journal.total != this.set;
            this.absorb(&journal);
            if is_news {
                this.ask_all_back(ctx);
            }
            this.sweep(&journal.unsettled, ctx);
        }));
    }

    fn absorb(&mut self, journal: &Found) {
        let now = self.deps.clock.now();
        self.set = journal.total;
        let mut budget = lock(&self.deps.budget);
        if let Some(total) = journal.total {
            budget.set_total(total);
        }
        let exposures = journal.unsettled.iter();
        budget.reconcile(
            exposures.filter_map(|payment| Some((payment.id, payment.exposure()?))),
            now,
        );
        drop(budget);
        self.tell();
    }

    fn tell(&mut self) {
        let status = lock(&self.deps.budget).status(self.deps.clock.now());
        if self.shown.as_ref() != Some(&status) {
            self.deps
                .signals
                .emit(Signal::OfflineChanged(status.clone()));
            self.shown = Some(status);
        }
    }

    /// A lower total binds at once what is not in use.
    fn ask_all_back(&self, ctx: &mut Context<Self>) {
        let leases = lock(&self.deps.budget).status(self.deps.clock.now()).leases;
        let (counters, budget) = (self.deps.counters.clone(), Arc::clone(&self.deps.budget));
        let asked = async move {
            ask_back(leases.into_keys().collect(), &counters, &budget).await;
        };
        ctx.spawn(asked.into_actor(self).map(|(), this, _| this.tell()));
    }

    /// What was kept for payments that never were, or have ended.
    fn sweep(&mut self, unsettled: &[Payment], ctx: &mut Context<Self>) {
        let is_due = |at: Instant| at.elapsed() >= SWEEP_INTERVAL;
        let Some(at) = self.swept_at else {
            self.swept_at = Some(Instant::now());
            return;
        };
        if !is_due(at) {
            return;
        }
        self.swept_at = Some(Instant::now());
        let needed: Vec<PaymentId> = unsettled.iter().map(|payment| payment.id).collect();
        let vault = Arc::clone(&self.deps.vault);
        let swept = async move {
            let kept = vault.kept().await?;
            for id in kept.into_iter().filter(|id| !needed.contains(id)) {
                tracing::info!(payment = %id, "a card that nobody needs is destroyed");
                vault.destroy(id).await?;
            }
            Ok::<(), crate::ports::VaultFailed>(())
        };
        ctx.spawn(swept.into_actor(self).map(|swept, _, _| {
            if let Err(failed) = swept {
                tracing::error!(error = %failed, "the vault can't be cleared");
            }
        }));
    }
}

/// What the journal says.
struct Found {
    unsettled: Vec<Payment>,
    total: Option<OfflineTotal>,
}

async fn read(disk: Arc<dyn JournalDisk>) -> Result<Found, JournalFailed> {
    let found = async {
        Ok(Found {
            unsettled: disk.unsettled().await?,
            total: disk.offline_total().await?,
        })
    };
    timeout(ASK_TIMEOUT, found)
        .await
        .unwrap_or(Err(JournalFailed::NoAnswer))
}

fn lock(budget: &Mutex<Budget>) -> MutexGuard<'_, Budget> {
    budget.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn ask_back(ids: Vec<CounterId>, counters: &Counters, budget: &Mutex<Budget>) {
    for id in ids {
        let Some(counter) = counters.get(&id) else {
            lock(budget).gave_back(&id, Share::default());
            continue;
        };
        if let Ok(keeps) = counter.ask(GiveBack, GIVE_BACK_WITHIN).await {
            lock(budget).gave_back(&id, keeps);
        }
    }
}

impl Actor for Lender {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        self.look(ctx);
        ctx.run_interval(LOOK_INTERVAL, Self::look);
    }
}

impl Handler<Heartbeat> for Lender {
    type Result = ();

    fn handle(&mut self, _: Heartbeat, _: &mut Context<Self>) {}
}

impl Handler<Claim> for Lender {
    type Result = ResponseActFuture<Self, Result<Share, OfflineRefused>>;

    fn handle(&mut self, claim: Claim, _: &mut Context<Self>) -> Self::Result {
        let disk = Arc::clone(&self.deps.disk);
        let (counters, budget) = (self.deps.counters.clone(), Arc::clone(&self.deps.budget));
        let clock = Arc::clone(&self.deps.clock);
        let found = read(disk).into_actor(self).map(|found, this, _| {
            found
                .map(|journal| this.absorb(&journal))
                .map_err(|failed| {
                    tracing::error!(error = %failed, "what is at risk can't be read");
                    OfflineRefused::NotKept
                })
        });
        let granted = found.then(move |found, this, _| {
            async move {
                found?;
                let ask =
                    || lock(&budget).claim(claim.payment, claim.exposure.clone(), clock.now());
                let mut granted = ask();
                if let Err(NotGranted::AskBack(ids)) = granted {
                    ask_back(ids, &counters, &budget).await;
                    granted = ask();
                }
                granted.map_err(|not_granted| match not_granted {
                    NotGranted::Refused(why) => why,
                    // those who hold it did not answer
                    NotGranted::AskBack(_) => OfflineRefused::BudgetUsedUp,
                })
            }
            .into_actor(this)
        });
        Box::pin(granted.map(|granted, this, _| {
            this.tell();
            granted
        }))
    }
}

impl Handler<Release> for Lender {
    type Result = ();

    fn handle(&mut self, Release(id): Release, _: &mut Context<Self>) {
        lock(&self.deps.budget).release(id);
        self.tell();
    }
}
