//! The store: the questions that the outside may ask, and who answers them.
//!
//! `Store` makes one payment of repeated requests, finds the counter a payment belongs to, and
//! reads the journal. It holds no payment itself. Wiring the whole together is `plan`'s business.

mod notifications;
mod open;
pub mod plan;
pub mod requests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use actix::prelude::*;
use futures_util::future::join_all;
use tokio::sync::Mutex;

use crate::{
    counter::{Counter, CounterStatus, Sign, requests as counter, trial},
    domain::{
        ids::{AcquirerId, CounterId, PaymentId},
        payment::{AcquirerClock, Fingerprint, Payment, machine::Times},
        unresolved::Unresolved,
    },
    ports::{Entropy, JournalDisk, WallClock},
    supervisor::{AskFailed, Handle, Heartbeat},
};
use requests::{
    CancelPayment, FindPayments, GetCounters, GetPayment, GetRefund, GetUnknown, RefundOpened,
    RefundPayment, Refused, Scan, SignPayment, TryDevice,
};

/// How long a counter may take to get a step onto the disk.
const COUNTER_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Clone)]
pub struct StoreDeps {
    pub counters: BTreeMap<CounterId, Handle<Counter>>,
    pub disk: Arc<dyn JournalDisk>,
    pub acquirers: BTreeMap<AcquirerId, AcquirerClock>,
    pub clock: Arc<dyn WallClock>,
    pub entropy: Arc<dyn Entropy>,
}

/// Who looks after the payments of a counter.
#[derive(Clone)]
struct Holders(BTreeMap<CounterId, Handle<Counter>>);

impl Holders {
    /// The counter itself; for one that the configuration no longer has, the first one, which takes
    /// up its payments.
    fn of(&self, id: &CounterId) -> Result<Handle<Counter>, Refused> {
        let first = || self.0.values().next();
        let holder = self.0.get(id).or_else(first);
        holder
            .cloned()
            .ok_or_else(|| Refused::NoSuchCounter(id.clone()))
    }
}

/// Requests with one idempotency key, or for one reference, one after the other.
type KeyLock = Arc<Mutex<()>>;

pub struct Store {
    deps: StoreDeps,
    keys: HashMap<String, KeyLock>,
}

impl Store {
    pub fn new(deps: StoreDeps) -> Self {
        Self {
            deps,
            keys: HashMap::new(),
        }
    }

    fn counter(&self, id: &CounterId) -> Result<Handle<Counter>, Refused> {
        self.deps
            .counters
            .get(id)
            .cloned()
            .ok_or_else(|| Refused::NoSuchCounter(id.clone()))
    }

    /// Runs `work` while no other request with one of these locks runs.
    fn one_at_a_time<T: 'static>(
        &mut self,
        locks: impl Iterator<Item = String>,
        work: impl Future<Output = Result<T, Refused>> + 'static,
    ) -> ResponseActFuture<Self, Result<T, Refused>> {
        // always in the same order, so that no two requests wait for each other
        let names: BTreeSet<String> = locks.collect();
        let lock = |name: &String| Arc::clone(self.keys.entry(name.clone()).or_default());
        let locks: Vec<KeyLock> = names.iter().map(lock).collect();
        let guarded = async move {
            let mut held = Vec::new();
            for lock in &locks {
                held.push(lock.lock().await);
            }
            work.await
        };
        Box::pin(guarded.into_actor(self).map(move |outcome, this, _| {
            // the last one out takes the lock away
            let is_used = |lock: &KeyLock| Arc::strong_count(lock) > 1;
            this.keys
                .retain(|name, lock| !names.contains(name) || is_used(lock));
            outcome
        }))
    }

    fn holders(&self) -> Holders {
        Holders(self.deps.counters.clone())
    }

    fn new_payment_id(&self) -> PaymentId {
        let mut random = [0; 10];
        self.deps.entropy.fill(&mut random);
        PaymentId::new(self.deps.clock.now(), random)
    }

    fn times(&self, payment: &Payment) -> Times {
        let acquirer = payment.acquirer.as_ref();
        let clock = acquirer.and_then(|id| self.deps.acquirers.get(id));
        Times {
            now: self.deps.clock.now(),
            acquirer: clock.copied().unwrap_or(AcquirerClock::USUAL),
            collect_timeout_ms: 0,
        }
    }
}

impl Actor for Store {
    type Context = Context<Self>;
}

impl Handler<Heartbeat> for Store {
    type Result = ();

    fn handle(&mut self, _: Heartbeat, _: &mut Context<Self>) {}
}

/// The payment that used this key before, if it did.
async fn used_before(
    disk: &Arc<dyn JournalDisk>,
    key: Option<&Fingerprint>,
) -> Result<Option<Payment>, Refused> {
    match key {
        Some(fingerprint) => Ok(disk.payment_of_key(&fingerprint.key).await?),
        None => Ok(None),
    }
}

fn no_answer(failed: AskFailed) -> Refused {
    Refused::NoAnswer(format!("the counter ({failed})"))
}

impl Handler<RefundPayment> for Store {
    type Result = ResponseActFuture<Self, Result<RefundOpened, Refused>>;

    fn handle(&mut self, refund: RefundPayment, _: &mut Context<Self>) -> Self::Result {
        let holders = self.holders();
        let disk = Arc::clone(&self.deps.disk);
        let key = refund.fingerprint.as_ref().map(|one| one.key.clone());
        let lock = key.map(|key| format!("key {key}"));
        self.one_at_a_time(lock.into_iter(), async move {
            if let Some(payment) = used_before(&disk, refund.fingerprint.as_ref()).await? {
                let same = |known: &&crate::domain::refund::Refund| {
                    known.fingerprint == refund.fingerprint
                };
                let known = payment.refunds.iter().find(same).map(|known| known.id);
                let refund_id = known
                    .filter(|_| payment.id == refund.payment)
                    .ok_or(Refused::KeyReused)?;
                return Ok(RefundOpened {
                    payment,
                    refund: refund_id,
                    repeated: true,
                });
            }
            let payment = disk
                .payment(refund.payment)
                .await?
                .ok_or(Refused::NoSuchPayment)?;
            let begin = counter::BeginRefund {
                payment: refund.payment,
                money: refund.money,
                reason: refund.reason,
                fingerprint: refund.fingerprint,
                by_whom: refund.by_whom,
            };
            let counter = holders.of(&payment.counter)?;
            let (payment, refund) = counter
                .ask(begin, COUNTER_TIMEOUT)
                .await
                .map_err(no_answer)??;
            Ok(RefundOpened {
                payment,
                refund,
                repeated: false,
            })
        })
    }
}

impl Handler<CancelPayment> for Store {
    type Result = ResponseFuture<Result<Payment, Refused>>;

    fn handle(&mut self, CancelPayment(id): CancelPayment, _: &mut Context<Self>) -> Self::Result {
        let holders = self.holders();
        let disk = Arc::clone(&self.deps.disk);
        Box::pin(async move {
            let payment = disk.payment(id).await?.ok_or(Refused::NoSuchPayment)?;
            holders
                .of(&payment.counter)?
                .ask(counter::Cancel(id), COUNTER_TIMEOUT)
                .await
                .map_err(no_answer)?
        })
    }
}

impl Handler<SignPayment> for Store {
    type Result = ResponseFuture<Result<Payment, Refused>>;

    fn handle(&mut self, sign: SignPayment, _: &mut Context<Self>) -> Self::Result {
        let SignPayment { payment, drawing } = sign;
        let holders = self.holders();
        let disk = Arc::clone(&self.deps.disk);
        Box::pin(async move {
            let known = get(disk, payment).await?;
            holders
                .of(&known.counter)?
                .ask(Sign { payment, drawing }, COUNTER_TIMEOUT)
                .await
                .map_err(no_answer)?
        })
    }
}

impl Handler<GetPayment> for Store {
    type Result = ResponseFuture<Result<Payment, Refused>>;

    fn handle(&mut self, GetPayment(id): GetPayment, _: &mut Context<Self>) -> Self::Result {
        let disk = Arc::clone(&self.deps.disk);
        Box::pin(async move { get(disk, id).await })
    }
}

async fn get(disk: Arc<dyn JournalDisk>, id: PaymentId) -> Result<Payment, Refused> {
    disk.payment(id).await?.ok_or(Refused::NoSuchPayment)
}

impl Handler<GetRefund> for Store {
    type Result = ResponseFuture<Result<Payment, Refused>>;

    fn handle(&mut self, GetRefund(id): GetRefund, _: &mut Context<Self>) -> Self::Result {
        let disk = Arc::clone(&self.deps.disk);
        Box::pin(async move {
            disk.payment_of_refund(id)
                .await?
                .ok_or(Refused::NoSuchRefund)
        })
    }
}

impl Handler<FindPayments> for Store {
    type Result = ResponseFuture<Result<Vec<Payment>, Refused>>;

    fn handle(
        &mut self,
        FindPayments(filter): FindPayments,
        _: &mut Context<Self>,
    ) -> Self::Result {
        let disk = Arc::clone(&self.deps.disk);
        Box::pin(async move { Ok(disk.find(filter).await?) })
    }
}

impl Handler<GetUnknown> for Store {
    type Result = ResponseActFuture<Self, Result<Vec<Unresolved>, Refused>>;

    fn handle(&mut self, _: GetUnknown, _: &mut Context<Self>) -> Self::Result {
        let disk = Arc::clone(&self.deps.disk);
        let read = async move { disk.unsettled().await };
        Box::pin(read.into_actor(self).map(|unsettled, this, _| {
            let unsettled = unsettled?;
            let lines = unsettled
                .iter()
                .flat_map(|payment| Unresolved::of(payment, &this.times(payment)));
            let mut lines: Vec<Unresolved> = lines.collect();
            lines.sort_by_key(|line| (line.since, line.payment.id));
            Ok(lines)
        }))
    }
}

impl Handler<Scan> for Store {
    type Result = ResponseFuture<Result<PaymentId, Refused>>;

    fn handle(&mut self, scan: Scan, _: &mut Context<Self>) -> Self::Result {
        let counter = self.counter(&scan.counter);
        Box::pin(async move {
            counter?
                .ask(counter::Present(scan.text), COUNTER_TIMEOUT)
                .await
                .map_err(no_answer)?
        })
    }
}

impl Handler<TryDevice> for Store {
    type Result = ResponseFuture<Result<trial::Tried, Refused>>;

    fn handle(&mut self, ask: TryDevice, _: &mut Context<Self>) -> Self::Result {
        let counter = self.counter(&ask.counter);
        let (device, trial) = (ask.device, ask.trial);
        Box::pin(async move {
            let ask = trial::TryDevice { device, trial };
            let tried = counter?.ask(ask, COUNTER_TIMEOUT).await;
            Ok(tried.map_err(no_answer)??)
        })
    }
}

impl Handler<GetCounters> for Store {
    type Result = ResponseFuture<Vec<CounterStatus>>;

    fn handle(&mut self, _: GetCounters, _: &mut Context<Self>) -> Self::Result {
        let counters = self.deps.counters.clone();
        Box::pin(async move {
            let asked = counters.iter().map(|(id, counter)| async move {
                match counter.ask(counter::GetStatus, COUNTER_TIMEOUT).await {
                    Ok(status) => status,
                    Err(_) => CounterStatus::away(id.clone()),
                }
            });
            join_all(asked).await
        })
    }
}
