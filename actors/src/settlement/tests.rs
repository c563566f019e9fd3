//! When batches are settled, and what is written down of them.

use super::*;
use crate::{
    domain::{payment::NoAnswer, timestamp::Timestamp},
    journal::memory::MemoryDisk,
    supervisor::{ChildSpec, Supervision, Supervisor, SupervisorDeps},
    testing::{BatchingAcquirer, ScriptedAcquirer, SeededEntropy, TestClock, journal_on, until},
};

const ASK: Duration = Duration::from_secs(5);

struct House {
    acquirer: Arc<BatchingAcquirer>,
    disk: MemoryDisk,
    clock: Arc<dyn WallClock>,
    signals: Signals,
    settling: Handle<Settling>,
    _supervision: Supervision,
}

impl House {
    fn open() -> Self {
        Self::on(MemoryDisk::default(), None)
    }

    /// With what an earlier life has left.
    fn on(disk: MemoryDisk, acquirer: Option<Arc<BatchingAcquirer>>) -> Self {
        let clock: Arc<dyn WallClock> = Arc::new(TestClock::default());
        let signals = Signals::default();
        let supervision = Supervisor::start(SupervisorDeps {
            signals: signals.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
        });
        let journal = journal_on(&disk, &supervision, &clock, &signals);
        let named = || BatchingAcquirer::named("host".parse().unwrap());
        let acquirer = acquirer.unwrap_or_else(|| Arc::new(named()));
        let deps = SettlingDeps {
            acquirers: vec![Arc::new(ScriptedAcquirer::default()), acquirer.clone()],
            disk: Arc::new(disk.clone()),
            journal,
            signals: signals.clone(),
            clock: clock.clone(),
            offset_minutes: 480,
        };
        let settling = supervision.child(ChildSpec::new("settling"), move || {
            Settling::new(deps.clone())
        });
        Self {
            acquirer,
            disk,
            clock,
            signals,
            settling,
            _supervision: supervision,
        }
    }

    fn written(&self) -> Vec<Settlement> {
        let records = self.disk.durable();
        let settled = records
            .iter()
            .filter_map(|record| match record.decode_body() {
                Ok(Body::Office { office }) => match *office {
                    Entry::Settlement(one) => Some(one),
                    _ => None,
                },
                _ => None,
            });
        settled.collect()
    }

    async fn settle(&self, acquirer: &str) -> Result<Option<Settlement>, SettleRefused> {
        let asked = SettleBatch(acquirer.parse().unwrap());
        self.settling.ask(asked, ASK).await.unwrap()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

#[actix::test]
async fn a_batch_is_settled_once_its_day_has_ended_and_gets_one_record() {
    tokio::time::pause();
    let house = House::open();
    house.acquirer.paid_at(house.now());
    tokio::time::advance(Duration::from_secs(130)).await;
    assert_eq!(house.acquirer.tries(), 0, "its day goes on");
    tokio::time::advance(Duration::from_secs(86_400)).await;
    until("the batch is settled", || {
        Some(()).filter(|()| house.written().len() == 1)
    })
    .await;
    // nothing is open any more, and what is written down is not written again
    tokio::time::advance(Duration::from_secs(86_400)).await;
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!((house.acquirer.tries(), house.written().len()), (1, 1));
}

#[actix::test]
async fn what_can_not_be_settled_is_told_and_tried_again() {
    tokio::time::pause();
    let house = House::open();
    let mut heard = house.signals.listen();
    house.acquirer.fail(NoAnswer::TimedOut);
    house.acquirer.paid_at(house.now());
    tokio::time::advance(Duration::from_secs(86_400 + 120)).await;
    until("the batch is settled", || {
        Some(()).filter(|()| house.written().len() == 1)
    })
    .await;
    let mut waits = Vec::new();
    while let Ok(signal) = heard.try_recv() {
        match signal {
            Signal::BatchWaits { why, .. } => waits.push(why),
            Signal::BatchSettled(one) => assert_eq!(one, house.written()[0]),
            _ => {}
        }
    }
    assert_eq!(waits, [Some("no answer in time".to_owned()), None]);
}

#[actix::test]
async fn whoever_asks_is_answered_when_it_is_on_disk() {
    tokio::time::pause();
    let house = House::open();
    assert!(
        house.settle("host").await.unwrap().is_none(),
        "nothing open"
    );
    house.acquirer.paid_at(house.now());
    house.acquirer.fail(NoAnswer::Forged);
    let refused = house.settle("host").await.unwrap_err();
    assert!(
        matches!(refused, SettleRefused::NotSettled(NoAnswer::Forged)),
        "{refused}"
    );
    let settled = house.settle("host").await.unwrap().unwrap();
    assert_eq!(house.written(), [settled]);
    let refused = house.settle("scripted").await.unwrap_err();
    assert!(matches!(refused, SettleRefused::NoBatches(_)), "{refused}");
    let refused = house.settle("nobody").await.unwrap_err();
    assert!(
        matches!(refused, SettleRefused::NoSuchAcquirer(_)),
        "{refused}"
    );
}

#[actix::test]
async fn what_was_settled_before_a_crash_gets_its_record_after_it() {
    tokio::time::pause();
    let acquirer = Arc::new(BatchingAcquirer::named("host".parse().unwrap()));
    acquirer.paid_at(Timestamp::from_unix_ms(1_800_000_000_000));
    // the driver's book has it, and the store dies before the journal does
    acquirer.settle().await.unwrap();
    let house = House::on(MemoryDisk::default(), Some(acquirer));
    until("it is written down", || {
        Some(()).filter(|()| house.written() == house.acquirer.settled())
    })
    .await;
    assert_eq!(house.acquirer.tries(), 1);
}
