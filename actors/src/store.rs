//! The store: the questions that the outside may ask, and who answers them.
//!
//! `Store` makes one payment of repeated requests, finds the counter a payment belongs to, and
//! reads the journal. It holds no payment itself. Wiring the whole together is `plan`'s business.

pub mod plan;
pub mod requests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use actix::prelude::*;
use futures_util::future::join_all;
use tokio::sync::Mutex;

use crate::{
    counter::{Counter, CounterStatus, requests as counter},
    domain::{
        ids::{CounterId, PaymentId},
        payment::{Fingerprint, Payment},
    },
    ports::JournalDisk,
    supervisor::{AskFailed, Handle, Heartbeat},
};
use requests::{
    CancelPayment, FindPayments, GetCounters, GetPayment, GetRefund, OpenPayment, Opened,
    RefundOpened, RefundPayment, Refused, Scan,
};

/// How long a counter may take to get a step onto the disk.
const COUNTER_TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Clone)]
pub struct StoreDeps {
    pub counters: BTreeMap<CounterId, Handle<Counter>>,
    pub disk: Arc<dyn JournalDisk>,
}

/// Requests with one idempotency key, one after the other.
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

    /// Runs `work` while no other request with the same key runs.
    fn one_at_a_time<T: 'static>(
        &mut self,
        fingerprint: Option<&Fingerprint>,
        work: impl Future<Output = Result<T, Refused>> + 'static,
    ) -> ResponseActFuture<Self, Result<T, Refused>> {
        let key = fingerprint.map(|fingerprint| fingerprint.key.clone());
        let lock = key
            .as_ref()
            .map(|key| Arc::clone(self.keys.entry(key.clone()).or_default()));
        let guarded = async move {
            let _guard = match &lock {
                Some(lock) => Some(lock.lock().await),
                None => None,
            };
            work.await
        };
        Box::pin(guarded.into_actor(self).map(move |outcome, this, _| {
            if let Some(key) = key {
                // the last one out takes the lock away
                let unused = this
                    .keys
                    .get(&key)
                    .is_some_and(|lock| Arc::strong_count(lock) == 1);
                unused.then(|| this.keys.remove(&key));
            }
            outcome
        }))
    }

    fn counters_of(&self) -> impl Fn(&CounterId) -> Result<Handle<Counter>, Refused> + 'static {
        let counters = self.deps.counters.clone();
        move |id| {
            counters
                .get(id)
                .cloned()
                .ok_or_else(|| Refused::NoSuchCounter(id.clone()))
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

impl Handler<OpenPayment> for Store {
    type Result = ResponseActFuture<Self, Result<Opened, Refused>>;

    fn handle(&mut self, open: OpenPayment, _: &mut Context<Self>) -> Self::Result {
        let counter = self.counter(&open.counter);
        let disk = Arc::clone(&self.deps.disk);
        let fingerprint = open.fingerprint.clone();
        self.one_at_a_time(fingerprint.as_ref(), async move {
            if let Some(payment) = used_before(&disk, open.fingerprint.as_ref()).await? {
                let same = payment.fingerprint == open.fingerprint;
                return if same {
                    Ok(Opened {
                        payment,
                        repeated: true,
                    })
                } else {
                    Err(Refused::KeyReused)
                };
            }
            let begin = counter::Begin {
                money: open.money,
                tender: open.tender,
                origin: open.origin,
                reference: open.reference,
                fingerprint: open.fingerprint,
            };
            let payment = counter?
                .ask(begin, COUNTER_TIMEOUT)
                .await
                .map_err(no_answer)??;
            Ok(Opened {
                payment,
                repeated: false,
            })
        })
    }
}

impl Handler<RefundPayment> for Store {
    type Result = ResponseActFuture<Self, Result<RefundOpened, Refused>>;

    fn handle(&mut self, refund: RefundPayment, _: &mut Context<Self>) -> Self::Result {
        let counter_of = self.counters_of();
        let disk = Arc::clone(&self.deps.disk);
        let fingerprint = refund.fingerprint.clone();
        self.one_at_a_time(fingerprint.as_ref(), async move {
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
            };
            let counter = counter_of(&payment.counter)?;
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
        let counter_of = self.counters_of();
        let disk = Arc::clone(&self.deps.disk);
        Box::pin(async move {
            let payment = disk.payment(id).await?.ok_or(Refused::NoSuchPayment)?;
            counter_of(&payment.counter)?
                .ask(counter::Cancel(id), COUNTER_TIMEOUT)
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
